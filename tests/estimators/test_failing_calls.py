"""A call of fit or partial_fit that fails leaves the estimator as it was."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from tests.datasets import X_IRIS, Y_IRIS, number
from tests.estimators.common import contents, fitted, network
from tests.marks import each_estimator, each_solver, ignore_convergence
from tests.networks import outputs
from tests.plain import MLPBackpropRegressor

FAILING_CALLS = {
    "diverges": ({"solver": "sgd", "learning_rate_init": 1e6}, lambda X, y: (X * 1e6, y)),
    "y with NaN": ({}, lambda X, y: (X, np.where(y == y[0], np.nan, y))),
    "y too short": ({}, lambda X, y: (X, y[1:])),
    "y missing": ({}, lambda X, y: (X, None)),
    "X with infinity": ({}, lambda X, y: (np.where(X > 1, np.inf, X), y)),
    "X with dates": (
        {},
        lambda X, y: (pd.DataFrame({"a": pd.date_range("2020", periods=len(y))}), y),
    ),
    "X with other columns, y too short": ({}, lambda X, y: (X[:, :2], y[1:])),
    "X with names, diverges": (
        {"solver": "sgd", "learning_rate_init": 1e6},
        lambda X, y: (pd.DataFrame(X * 1e6).add_prefix("x"), y),
    ),
    "weights negative": ({}, lambda X, y: (X, y, -np.ones(len(y)))),
    "weights all 0": ({}, lambda X, y: (X, y, np.zeros(len(y)))),
    "bad parameter": ({"alpha": -1}, lambda X, y: (X, y)),
    "too few rows to stop early": ({"early_stopping": True}, lambda X, y: (X[:1], y[:1])),
    "changed by warm start": (
        {"warm_start": True, "hidden_layer_sizes": (3,)},
        lambda X, y: (X, y),
    ),
    "diverges from warm start": (
        {"warm_start": True, "solver": "sgd", "learning_rate_init": 1e6},
        lambda X, y: (X * 1e6, y),
    ),
}


@ignore_convergence
@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(("params", "call"), FAILING_CALLS.values(), ids=FAILING_CALLS)
@pytest.mark.parametrize("first", [{}, {"early_stopping": True}, {"warm_start": True}], ids=str)
@pytest.mark.parametrize("task", ["multiclass", "number"])
def test_a_failed_fit_leaves_every_attribute_unchanged(task, first, params, call):
    estimator, X, y = fitted(task, batch_size=50, **first)
    before = outputs(estimator, X)
    estimator.set_params(**params)
    held = contents(estimator)
    with pytest.raises(ValueError):  # noqa: PT011 - each call has another message
        estimator.fit(*call(X, y))
    assert contents(estimator) == held
    for now, then in zip(outputs(estimator, X), before, strict=True):
        assert_array_equal(now, then)


@ignore_convergence
@pytest.mark.parametrize("task", ["multiclass", "number"])
@pytest.mark.parametrize(
    "call",
    [
        lambda e, X, y: e.set_params(solver="sgd", learning_rate_init=1e6).partial_fit(X * 1e9, y),
        lambda e, X, y: e.partial_fit(X[:, 1:], y),
        lambda e, X, y: e.partial_fit(X, y[:-1]),
        lambda e, X, y: e.partial_fit(X, np.stack([y, y, y], axis=1)),
        lambda e, X, y: e.partial_fit(X, y, sample_weight=-np.ones(len(y))),
    ],
)
def test_a_failed_partial_fit_leaves_every_fitted_attribute_unchanged(task, call):
    estimator, X, y = fitted(task, batch_size=50)
    estimator.partial_fit(X, y)
    fitted_state = {k: v for k, v in vars(estimator).items() if k not in estimator.get_params()}
    held, before = pickle.dumps(fitted_state), outputs(estimator, X)
    with pytest.raises(ValueError):  # noqa: PT011 - each call has another message
        call(estimator, X, y)
    now = {k: v for k, v in vars(estimator).items() if k not in estimator.get_params()}
    assert pickle.dumps(now) == held
    for own, then in zip(outputs(estimator, X), before, strict=True):
        assert_array_equal(own, then)


@each_estimator
def test_a_failed_first_fit_leaves_the_estimator_unfitted(cls):
    estimator = network(cls, solver="sgd", learning_rate_init=1e6, dtype="float32")
    held = contents(estimator)
    with pytest.raises(ValueError, match="non-finite"):
        estimator.fit(X_IRIS * 1e6, Y_IRIS)
    assert contents(estimator) == held
    with pytest.raises(NotFittedError):
        estimator.predict(X_IRIS)


@ignore_convergence
@pytest.mark.parametrize("early_stopping", [False, True])
@each_estimator
def test_divergence_is_an_error_that_names_epoch_and_learning_rate(cls, early_stopping):
    params = {"solver": "sgd", "learning_rate_init": 1e6, "dtype": "float32"}
    estimator = network(cls, activation="identity", early_stopping=early_stopping, **params)
    message = r"non-finite.* in epoch \d+, at learning rate 1e\+06.*Lower learning_rate_init"
    with pytest.raises(ValueError, match=message):
        estimator.fit(X_IRIS * 1e6, Y_IRIS)


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sgd", "learning_rate_init": 1e6},
        {"solver": "adam", "learning_rate_init": 1e10},
    ],
    ids=lambda params: params["solver"],
)
@each_estimator
def test_a_loss_that_ends_far_above_its_start_gives_a_warning(cls, params):
    estimator = network(cls, activation="tanh", dtype="float64", max_iter=100, **params)
    with pytest.warns(ConvergenceWarning, match="far above"):
        estimator.fit(X_IRIS, Y_IRIS)
    assert estimator.loss_ > 100 * estimator.loss_curve_[0]


@each_solver
def test_a_target_that_overflows_the_loss_is_an_error(solver):
    X, y = number()
    with pytest.raises(ValueError, match=r"not finite.*Scale X"):
        network(MLPBackpropRegressor, solver=solver, dtype="float64", target_scaling=False).fit(
            X, y * 1e300
        )
