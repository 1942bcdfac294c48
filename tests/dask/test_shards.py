"""Several shards: statistics and L-BFGS are those of all rows, local steps are averaged."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

pytest.importorskip("distributed", reason="needs the extra dask")

from sknet import MLPBackpropClassifier
from sknet._table import quantiles
from sknet.dask import DaskMLPBackpropClassifier, DaskMLPBackpropRegressor
from tests.dask.common import MIXED, TASKS, THREE, WEIGHTS, Y, collections, fits, parameters
from tests.marks import ignore_convergence

pytestmark = [ignore_convergence, pytest.mark.usefixtures("client")]
each_task = pytest.mark.parametrize("task", TASKS)
each_weight = pytest.mark.parametrize("w", [None, WEIGHTS], ids=["", "weights"])


@pytest.fixture(params=[400, 1 << 16], ids=["small sample", "whole sample"])
def sample(request, monkeypatch):
    """The rows of the random sample, of which no result may depend."""
    monkeypatch.setattr(quantiles, "SAMPLE_ROWS", request.param)
    monkeypatch.setattr(quantiles, "SAMPLE_ELEMENTS", request.param)


@each_weight
@pytest.mark.parametrize("n_shards", [3])
@pytest.mark.parametrize("scaling", ["standard", "robust", "auto"])
def test_statistics_are_those_of_all_rows(w, n_shards, scaling, sample):
    X = MIXED.assign(heavy=np.exp(2 * Y), wide=1e9 + Y)
    params = {
        "feature_scaling": scaling, "max_iter": 1, "early_stopping": False, "max_onehot": 3,
        "numeric_embedding": None, "random_state": 0,
    }  # fmt: skip
    ours = DaskMLPBackpropRegressor(**params, n_shards=n_shards).fit(*collections(X, Y, w))
    oracle = ours.to_local().fit(X, Y, w)
    for own, expected in zip(ours._encoding["blocks"], oracle._encoding["blocks"], strict=True):
        assert own.keys() == expected.keys()
        for name, value in expected.items():
            if name == "centre":
                assert_allclose(own[name], value, rtol=1e-12, atol=1e-14)
            else:
                assert_equal(own[name], value, name)
    assert ours._encoding["levels"] == oracle._encoding["levels"]
    assert_allclose(ours._encoding["missing"], oracle._encoding["missing"], atol=1e-15)
    assert_allclose(ours._scaling, oracle._scaling, rtol=1e-12)


@each_task
@pytest.mark.parametrize("w", [WEIGHTS], ids=["weights"])
def test_lbfgs_is_fit_to_all_rows(task, w, sample):
    ours, oracle = fits(task, w, 4, solver="lbfgs", max_iter=30, early_stopping=False)
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        assert_allclose(own, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "huber"}, {"loss": "absolute_error"}, {"loss": "quantile", "quantile": 0.3},
        {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)}, {"target_scaling": False},
        {"loss": "squared_error", "out_activation": "softplus"},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("w", [WEIGHTS], ids=["weights"])
def test_each_loss_starts_at_the_best_constant_of_all_rows(params, w, sample):
    """After one iteration, an error of the constant, or of the scale of y, would show."""
    ours, local, X, y = TASKS["number"]
    y = np.abs(y) if "out_activation" in params else y
    params = {
        "hidden_layer_sizes": (4,), "solver": "lbfgs", "max_iter": 1, "early_stopping": False,
        "random_state": 0, **params,
    }  # fmt: skip
    fitted = ours(**params, n_shards=3).fit(*collections(X, y, w))
    oracle = local(**params).fit(X, y, w)
    for own, expected in zip(parameters(fitted), parameters(oracle), strict=True):
        assert_allclose(own, expected, rtol=1e-9, atol=1e-10)
    assert_allclose(fitted.loss_curve_, oracle.loss_curve_, rtol=1e-10)


@each_weight
def test_knots_are_quantiles_of_all_rows(w, sample):
    params = {"numeric_embedding": "ple", "max_iter": 1, "early_stopping": False}
    ours, oracle = fits("mixed, number", w, 3, feature_scaling="standard", **params)
    pairs = zip(ours._encoding["knots"], oracle._encoding["knots"], strict=True)
    for (column, own), (known, expected) in pairs:
        assert column == known
        assert_allclose(own, expected, rtol=1e-6)


def test_class_weights_are_those_of_all_rows():
    for class_weight in ("balanced", {"high": 3.0, "low": 0.5}, {"middle": 0.0}):
        ours, oracle = fits(
            "mixed, text labels", WEIGHTS, 4, solver="lbfgs", max_iter=10, early_stopping=False,
            class_weight=class_weight,
        )  # fmt: skip
        for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
            assert_allclose(own, expected, rtol=1e-10, atol=1e-10)


def test_a_round_is_the_mean_of_steps_on_each_shard():
    """The oracle: the local fit on each shard alone, from the same start, at twice the rate."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)), np.tile([0, 1], 200)  # alternating: equal best constants
    params = {
        "hidden_layer_sizes": (5,), "solver": "sgd", "momentum": 0.0, "batch_size": 200,
        "max_iter": 1, "feature_scaling": None, "early_stopping": False, "dtype": "float64",
        "random_state": 0, "averaging": None,
    }  # fmt: skip
    ours = DaskMLPBackpropClassifier(**params, learning_rate_init=0.1, n_shards=2)
    ours.fit(*collections(X, y, n_parts=2))
    alone = [
        MLPBackpropClassifier(**params, learning_rate_init=0.2).fit(X[rows], y[rows])
        for rows in (slice(0, 200), slice(200, 400))
    ]
    for own, *others in zip(parameters(ours), *map(parameters, alone), strict=True):
        assert_allclose(own, np.mean(others, axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("solver", "n_members"), [("adamw", 1), ("sgd", 1), ("adam", 3), ("rmsprop", 1)]
)
def test_local_steps_learn_and_repeat(solver, n_members):
    eta = 0.03 if solver == "sgd" else "auto"  # four times that, in shards: 0.2 is unstable
    params = {
        "solver": solver, "n_members": n_members, "max_iter": 8, "learning_rate_init": eta,
        "batch_size": 32, "average_every": 8, "early_stopping": True, "dropout": 0.05,
    }  # fmt: skip
    ours, oracle = fits("mixed, number", WEIGHTS, 4, **params)
    again, _ = fits("mixed, number", WEIGHTS, 4, **params)
    for own, expected in zip(parameters(again), parameters(ours), strict=True):
        assert_array_equal(own, expected)
    assert ours.score(MIXED, Y) > oracle.score(MIXED, Y) - 0.1
    assert ours.validation_scores_[-1] == pytest.approx(ours.score(MIXED, Y), abs=0.1)


def test_rows_in_order_are_dealt():
    order = np.argsort(Y)
    params = {"max_iter": 10, "batch_size": 64, "random_state": 0, "n_shards": 6}
    X, y = MIXED.iloc[order].reset_index(drop=True), THREE[order]
    ordered = DaskMLPBackpropClassifier(**params).fit(*collections(X, y, n_parts=36))
    mixed = DaskMLPBackpropClassifier(**params).fit(*collections(MIXED, THREE, n_parts=36))
    assert ordered.score(MIXED, THREE) > mixed.score(MIXED, THREE) - 0.03


def test_the_hold_out_is_stratified_in_each_shard():
    ours, _ = fits("mixed, text labels", None, 4, early_stopping=True, validation_fraction=0.2)
    held = ours._held_out
    assert sum(map(len, held.scores)) == 600
    assert held.n_rows == 600


def test_training_goes_on(client):
    ours, _, X, y = TASKS["mixed, number"]
    params = {"warm_start": True, "early_stopping": False, "random_state": 0, "n_shards": 3}
    own = collections(X, y)
    model = ours((8,), max_iter=3, **params).fit(*own)
    first = model.loss_
    model.fit(*own)
    assert len(model.loss_curve_) == 6
    assert model.loss_ < first
    local = model.to_local().fit(X, y)
    assert len(local.loss_curve_) == 9


def test_the_number_of_rows_of_a_shard_is_counted(client):
    from sknet._training.shard import Shard

    X = np.zeros((10, 4), np.float32)
    shard = Shard((X, X[:, :1], None), np.arange(10))
    assert shard.__sizeof__() == X.nbytes + X[:, :1].nbytes + 80


def test_frames_of_the_index_are_kept_apart(client):
    X = pd.DataFrame({"a": Y, "b": Y**2}, index=np.arange(len(Y))[::-1])
    model = DaskMLPBackpropRegressor((4,), max_iter=2, n_shards=2).fit(*collections(X, Y))
    assert model.n_features_in_ == 2
    assert list(model.feature_names_in_) == ["a", "b"]
