"""Learning-rate schedules with a horizon, in several calls."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.preprocessing import scale

from tests.continuation.common import (
    NUMBERS,
    TARGETS,
    X,
    assert_same_training,
    in_calls_of_partial_fit,
    in_one_fit,
    network,
)
from tests.marks import ignore_convergence

pytestmark = [ignore_convergence, pytest.mark.filterwarnings("ignore:The hold-out")]
HORIZON = ["cosine", "one_cycle", "coslog4"]


@pytest.mark.parametrize("warmup", [0, 0.25])
@pytest.mark.parametrize("schedule", HORIZON)
@pytest.mark.parametrize("task", ["classes", "number"])
def test_max_iter_calls_of_partial_fit_follow_the_whole_schedule(task, schedule, warmup, steps):
    y, params = TARGETS[task], {"learning_rate": schedule, "warmup": warmup}
    oracle = in_one_fit(network(task, **params), 10, X, y, None)
    assert_same_training(
        in_calls_of_partial_fit(network(task, **params), 10, X, y, None), oracle, X
    )


def descended(rates):
    """Coefficients and intercept of least squares after a step at each of these rates."""
    y = scale(NUMBERS[:, 0])
    w, b = np.zeros(X.shape[1]), 0.0
    for rate in rates:
        r = X @ w + b - y
        w, b = w - rate * (X.T @ r) / len(X), b - rate * r.mean()
    return w, b


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine", [0.4 / 2 * (1 + np.cos(np.pi * t)) for t in np.arange(10) / 10]),
        ("coslog4", [0.2 * (1 - np.cos(2 * np.pi * np.log2(1 + 1.5 * t))) for t in range(10)]),
        (
            "one_cycle",  # up from eta / 25 over three steps, down to eta / 250000 over seven
            [0.016 + 0.384 * (1 - np.cos(np.pi * t)) / 2 for t in (0, 1 / 2)]
            + [1.6e-6 + (0.4 - 1.6e-6) * (1 + np.cos(np.pi * t)) / 2 for t in np.arange(8) / 7],
        ),
    ],
)
def test_a_warm_start_repeats_the_schedule(schedule, rates):
    ours = network("number", solver="sgd", momentum=0.0, hidden_layer_sizes=(), alpha=0.0,
                   learning_rate=schedule, learning_rate_init=0.4, batch_size=75, max_iter=10,
                   dtype="float64", warm_start=True)  # fmt: skip
    first = ours.set_params(learning_rate_init=1e-300).fit(X, NUMBERS[:, 0])
    # all weights start at 0
    first.coefs_, first.intercepts_ = [np.zeros((4, 1))], [np.zeros(1)]
    ours.set_params(learning_rate_init=0.4)
    for times in (1, 2):
        ours.fit(X, NUMBERS[:, 0])
        w, b = descended(rates * times)
        assert_allclose(ours.coefs_[0][:, 0], w, rtol=1e-10)
        assert_allclose(ours.intercepts_[0], b, atol=1e-12)
