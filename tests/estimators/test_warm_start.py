"""Training that continues by fit with warm_start=True."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.datasets import TASKS, X_IRIS, Y_IRIS, each_task, multiclass
from tests.estimators.common import network
from tests.marks import each_estimator, each_stochastic_solver, ignore_convergence
from tests.networks import assert_same_model
from tests.plain import MLPBackpropClassifier


@ignore_convergence
@pytest.mark.parametrize("through_pickle", [False, True])
@pytest.mark.parametrize(
    ("epochs", "more", "params"),
    [
        (30, 20, {}),
        (4, 3, {"n_members": 3}),
        (4, 3, {"early_stopping": True}),
        (4, 3, {"early_stopping": True, "n_members": 3}),
        (4, 3, {"learning_rate": "invscaling"}),
        (1, 1, {"shuffle": False}),
    ],
    ids=str,
)
@each_stochastic_solver
@each_task
def test_a_warm_start_equals_training_without_a_pause(
    task, solver, epochs, more, params, through_pickle
):
    cls, data = TASKS[task]
    X, y = data()
    params = {"solver": solver, "batch_size": 50, "n_iter_no_change": 99} | params
    whole = network(cls, max_iter=epochs + more, **params).fit(X, y)
    pieces = network(cls, max_iter=epochs, warm_start=True, **params).fit(X, y)
    if through_pickle:
        pieces = pickle.loads(pickle.dumps(pieces))
    pieces.set_params(max_iter=more).fit(X, y)
    assert_same_model(pieces, whole, X)
    assert pieces.loss_curve_ == whole.loss_curve_
    assert pieces.validation_scores_ == whole.validation_scores_
    assert pieces.best_validation_score_ == whole.best_validation_score_
    assert pieces.n_iter_ == more
    assert pieces.t_ == whole.t_


@ignore_convergence
@each_estimator
def test_early_stopping_may_be_switched_at_a_warm_start(cls):
    estimator = network(cls, warm_start=True).fit(X_IRIS, Y_IRIS)
    assert estimator.validation_scores_ is None
    estimator.set_params(early_stopping=True).fit(X_IRIS, Y_IRIS)
    assert len(estimator.validation_scores_) == 5
    assert estimator.best_loss_ is None
    estimator.set_params(early_stopping=False).fit(X_IRIS, Y_IRIS)
    assert estimator.validation_scores_ is None
    assert estimator.best_loss_ == min(estimator.loss_curve_)
    assert len(estimator.loss_curve_) == 15


@ignore_convergence
@each_estimator
def test_early_stopping_continues_from_the_best_score_so_far(cls):
    """Epochs that change nothing count as epochs without improvement from the first one on."""
    params = {"early_stopping": True, "n_iter_no_change": 3, "warm_start": True}
    estimator = network(cls, max_iter=20, **params).fit(X_IRIS, Y_IRIS)
    best = estimator.best_validation_score_
    estimator.set_params(learning_rate_init=1e-300).fit(X_IRIS, Y_IRIS)
    assert estimator.n_iter_ == 3
    assert estimator.best_validation_score_ == best


@ignore_convergence
@each_estimator
def test_the_solver_may_be_switched_at_a_warm_start(cls):
    estimator = network(cls, warm_start=True, solver="adam").fit(X_IRIS, Y_IRIS)
    loss = estimator.loss_
    params = {"solver": "lbfgs", "max_iter": 30, "learning_rate_init": 0.001}
    estimator.set_params(**params).fit(X_IRIS, Y_IRIS)
    assert estimator.loss_ < loss
    estimator.set_params(solver="sgd", max_iter=2, learning_rate_init=1e-300)
    assert_allclose(estimator.fit(X_IRIS, Y_IRIS).loss_, estimator.loss_curve_[-3], rtol=1e-3)


@ignore_convergence
@each_estimator
def test_lbfgs_continues_from_the_parameters_it_reached(cls):
    params = {"solver": "lbfgs", "alpha": 0.05, "warm_start": True}
    estimator = network(cls, max_iter=1000, **params).fit(X_IRIS, Y_IRIS)
    loss = estimator.loss_
    estimator.fit(X_IRIS, Y_IRIS)
    assert estimator.n_iter_ < 30
    assert loss - 1e-3 < estimator.loss_ <= loss * (1 + 1e-12)


@ignore_convergence
def test_a_factor_on_the_weights_of_a_warm_start_changes_nothing():
    X, y = multiclass()
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    one, other = (network(MLPBackpropClassifier, warm_start=True).fit(X, y, w) for _ in range(2))
    one.fit(X, y, w)
    other.fit(X, y, w * 1e6)
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-5)
