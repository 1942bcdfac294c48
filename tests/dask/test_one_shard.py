"""A single shard is the local fit, in every bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

pytest.importorskip("distributed", reason="needs the extra dask")

from sknet._training import auto
from tests.dask.common import TASKS, WEIGHTS, N, assert_same_fit, fits
from tests.marks import ignore_convergence

pytestmark = [ignore_convergence, pytest.mark.usefixtures("client")]
PARAMS = {
    "default": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05, "shuffle": False},
    "adam": {"solver": "adam", "dropout": 0.1, "early_stopping": False},
    "rmsprop": {"solver": "rmsprop", "averaging": 3.0, "learning_rate": "cosine"},
    "lbfgs": {"solver": "lbfgs", "early_stopping": False},
    "members": {"n_members": 3, "dropout": 0.2},
    "robust": {"feature_scaling": "robust", "numeric_embedding": "ple"},
    "periodic": {"numeric_embedding": "periodic", "hidden_layer_sizes": (4,)},
}


CASES = [("mixed, number", name) for name in PARAMS]
CASES += [("mixed, text labels", name) for name in PARAMS if name != "robust"]
CASES += [(task, "default") for task in TASKS if not task.startswith("mixed")]


@pytest.mark.parametrize(("task", "name"), CASES)
@pytest.mark.parametrize("w", [None, WEIGHTS], ids=["", "weights"])
def test_one_shard_is_fit_in_every_bit(task, w, name):
    ours, oracle = fits(task, w, **PARAMS[name])
    assert_same_fit(ours, oracle)
    X = TASKS[task][2]
    assert_array_equal(ours.predict(X), oracle.predict(X))
    assert_array_equal(ours.to_local().predict(X), oracle.predict(X))


def test_class_weights_smoothing_clipping_and_a_callable_rate():
    params = {
        "class_weight": "balanced", "label_smoothing": 0.05, "clip_norm": 1.0,
        "learning_rate": lambda progress: 0.01 / (1 + progress.epochs),
    }  # fmt: skip
    assert_same_fit(*fits("mixed, text labels", WEIGHTS, **params))


def test_the_schedule_of_many_rows_is_that_of_fit(monkeypatch):
    monkeypatch.setattr(auto, "MANY_ROWS_TO_SEE", N // 2)
    monkeypatch.setattr(auto, "ROWS_SEEN", 5 * N)
    monkeypatch.setattr(auto, "EPOCHS", (1, 30))
    ours, oracle = fits("mixed, number", max_iter="auto")
    assert_same_fit(ours, oracle)
    assert ours.resolved_params_["learning_rate"] == "cosine"
    assert 4 <= ours.n_iter_ <= 6


def test_validation_rows_of_the_user():
    ours, local, X, y = TASKS["mixed, number"]
    params = {"max_iter": 5, "random_state": 0, "scoring": "r2", "early_stopping": True}
    from tests.dask.common import collections

    own = {"X_val": X[:200], "y_val": y[:200], "sample_weight_val": WEIGHTS[:200]}
    fitted = ours(**params, n_shards=1).fit(*collections(X, y), **own)
    assert_same_fit(fitted, local(**params).fit(X, y, **own))


def test_more_rows_than_the_sample_change_nothing(monkeypatch):
    from sknet._table import quantiles

    monkeypatch.setattr(quantiles, "SAMPLE_ROWS", 500)
    assert_same_fit(*fits("mixed, number", WEIGHTS))
    assert_same_fit(*fits("mixed, number", loss="huber", solver="lbfgs", early_stopping=False))


def test_the_partitions_change_nothing():
    one, _ = fits("mixed, text labels", n_parts=1)
    several, _ = fits("mixed, text labels", n_parts=11)
    assert_array_equal(np.ravel(one.coefs_[0]), np.ravel(several.coefs_[0]))
