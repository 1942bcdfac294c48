"""Schedules of the learning rate, warm-up, and callables."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.controls.common import X, assert_same_training, network, target
from tests.marks import ignore_convergence

pytestmark = ignore_convergence


def cosine(a, b, t):
    """Half a cosine from a to b."""
    return b + (a - b) * (1 + np.cos(np.pi * t)) / 2


#: The rate of step k of 12 (four epochs of three batches of 25 rows), if the initial one is 0.3.
RATES = {
    "constant": lambda k: 0.3,
    "invscaling": lambda k: 0.3 / np.sqrt(1 + 75 * (k // 3)),
    "cosine": lambda k: cosine(0.3, 0.0, k / 12),
    "one_cycle": lambda k: (  # 0.3 * 12 - 1 = 2.6 steps up, 8.4 down
        cosine(0.012, 0.3, k / 2.6) if k <= 2.6 else cosine(0.3, 1.2e-6, (k - 2.6) / 8.4)
    ),
    "coslog4": lambda k: 0.15 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * k / 12))),
    "adaptive": lambda k: 0.3,
    "callable": lambda k: 0.2 / (1 + k),
}
#: The factor of the warm-up on the rate of step k.
WARMUPS = {
    0: lambda k: 1.0,
    1: lambda k: min(1, (k + 1) / 3),
    3: lambda k: min(1, (k + 1) / 9),
    0.25: lambda k: min(1, (k + 1) / 3),
    0.4: lambda k: min(1, (k + 1) / 5),  # 0.4 of 12 steps is 4.8
}


@pytest.mark.parametrize("warmup", WARMUPS)
@pytest.mark.parametrize("schedule", RATES)
def test_steps_of_gradient_descent_use_the_rates_of_the_schedule(schedule, warmup):
    """Linear least squares without scaling: each step is -rate times a gradient in closed form."""
    y = target("number") - 20
    rate = (lambda p: 0.2 / (1 + p.step)) if schedule == "callable" else schedule
    params = {"solver": "sgd", "momentum": 0.0, "hidden_layer_sizes": (), "alpha": 0.0}
    params |= {"batch_size": 25, "shuffle": False}
    params |= {"target_scaling": False, "feature_scaling": None}
    start = network(**params, max_iter=1, learning_rate_init=1e-300).fit(X, y)
    w, b = start.coefs_[0][:, 0], start.intercepts_[0][0]
    params["learning_rate"] = rate
    if schedule != "callable":
        params["learning_rate_init"] = 0.3
    ours = network(**params, max_iter=4, warmup=warmup).fit(X, y)
    for k in range(12):
        rows = slice(25 * (k % 3), 25 * (k % 3) + 25)
        r = X[rows] @ w + b - y[rows]
        eta = RATES[schedule](k) * WARMUPS[warmup](k)
        w, b = w - eta * X[rows].T @ r / 25, b - eta * r.mean()
    assert_allclose(ours.coefs_[0][:, 0], w, rtol=1e-10, atol=1e-12)
    assert_allclose(ours.intercepts_[0][0], b, rtol=1e-10, atol=1e-12)


def test_a_callable_learning_rate_receives_the_progress_of_training():
    told = []

    def rate(progress):
        told.append(progress)
        return 0.01

    network(learning_rate=rate, max_iter=4, batch_size=25).fit(X, target("number"))
    steps = {p.step: p for p in told}
    assert sorted(steps) == list(range(12))
    for k, p in steps.items():
        assert (p.epoch, p.samples_seen, p.n_epochs) == (k // 3, 75 * (k // 3), 4)
        assert (p.steps_per_epoch, p.fraction, p.epochs) == (3, k / 12, k / 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e-3, "fast", None, True, [0.1], 10**400, 1j])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_invalid_rate_from_a_callable_is_an_error_that_leaves_the_model(bad, method):
    ours = network(max_iter=3, warm_start=True).fit(X, target("number"))
    oracle = pickle.loads(pickle.dumps(ours))
    rate = ours.learning_rate_init
    ours.set_params(
        learning_rate=lambda p: bad if p.epoch == 3 and p.step % 4 == 2 else 0.1,
        learning_rate_init=0.001,
    )
    with pytest.raises(ValueError, match=r"learning_rate, a callable, returned .* in epoch 4"):
        getattr(ours, method)(X, target("number"))
    ours.set_params(learning_rate="constant", learning_rate_init=rate)
    for estimator in (ours, oracle):
        estimator.fit(X, target("number"))
    assert_same_training(ours, oracle)
