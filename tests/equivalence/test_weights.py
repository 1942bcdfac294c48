"""Sample weights: a weight of 2 is the row twice, and a common factor changes nothing."""

from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.datasets import TASKS, each_task
from tests.equivalence.common import network
from tests.marks import each_solver, each_stochastic_solver, ignore_lbfgs
from tests.networks import first_classes, soft_prediction

pytestmark = ignore_lbfgs


@each_solver
@each_task
def test_a_weight_of_two_equals_the_row_twice(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    twice = np.random.default_rng(0).random(len(y)) < 0.3
    repeats = 1 + twice
    params = {"alpha": 0.01, "max_iter": 12, "batch_size": 10**6} if solver != "lbfgs" else {}
    params = {"alpha": 0.01, "max_iter": 12} | params
    weighted = network(cls, solver=solver, **params).fit(X, y, sample_weight=repeats)
    repeated = network(cls, solver=solver, **params)
    repeated.fit(np.concatenate([X, X[twice]]), np.concatenate([y, y[twice]]))
    assert_allclose(soft_prediction(weighted, X), soft_prediction(repeated, X), atol=1e-10)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-10)


@pytest.mark.parametrize("factor", [1e-300, 1e-30, 1e30, 1e300])
@each_solver
@each_task
def test_a_factor_on_the_weights_changes_nothing(task, solver, factor):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).uniform(0.5, 3, len(y))
    params = {"alpha": 0.01}
    if solver != "lbfgs":
        params["batch_size"] = 16
    expected, scaled = (network(cls, solver=solver, **params) for _ in range(2))
    expected.fit(X, y, sample_weight=w)
    scaled.fit(X, y, sample_weight=w * factor)
    assert_allclose(soft_prediction(scaled, X), soft_prediction(expected, X), rtol=1e-8, atol=1e-8)
    assert_allclose(scaled.loss_, expected.loss_, rtol=1e-8)


@pytest.mark.parametrize("factor", [1e-300, 1e300])
@each_stochastic_solver
@pytest.mark.parametrize("task", ["binary", "number"])
def test_a_factor_on_the_weights_of_all_calls_of_partial_fit_changes_nothing(task, solver, factor):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).uniform(0.5, 3, len(y))
    expected, scaled = (network(cls, solver=solver, batch_size=16) for _ in range(2))
    classes = first_classes(expected, y)
    for rows in np.array_split(np.arange(len(y)), 3):
        expected.partial_fit(X[rows], y[rows], sample_weight=w[rows], **classes)
        scaled.partial_fit(X[rows], y[rows], sample_weight=w[rows] * factor, **classes)
    assert_allclose(soft_prediction(scaled, X), soft_prediction(expected, X), rtol=1e-8, atol=1e-8)


@each_task
def test_the_first_call_of_partial_fit_fixes_the_scale_of_the_weights(task):
    """If all weights of the first call are 3, a weight of 6 doubles the gradient later on."""
    cls, data = TASKS[task]
    X, y = data()
    params = {"momentum": 0.0, "alpha": 0.0, "batch_size": 10**6}
    for w, rate in [(np.full(len(y), 6.0), 0.2), (None, 0.1 / 3)]:
        ours = network(cls, solver="sgd", max_iter=1, **params).fit(X, y)
        oracle = network(cls, solver="sgd", max_iter=1, **params).fit(X, y)
        for estimator in (ours, oracle):
            estimator.partial_fit(X, y, sample_weight=np.full(len(y), 3.0))
        ours.partial_fit(X, y, sample_weight=w)
        oracle.set_params(learning_rate_init=rate)
        oracle.partial_fit(X, y, sample_weight=np.full(len(y), 3.0))
        assert_allclose(soft_prediction(ours, X), soft_prediction(oracle, X), rtol=1e-10)


@each_solver
@each_task
def test_equal_weights_equal_no_weights(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    expected = network(cls, solver=solver).fit(X, y)
    weighted = network(cls, solver=solver).fit(X, y, sample_weight=np.full(len(y), 0.7))
    assert_array_equal(soft_prediction(weighted, X), soft_prediction(expected, X))


@each_task
def test_the_weights_of_a_mini_batch_are_relative_to_all_rows(task):
    """Weights 1/2 in one batch and 3/2 in the other are half and three halves of the gradient.

    From one start: the first bias of the output depends on the weights.
    """
    cls, data = TASKS[task]
    X, y = data()
    X, y = X[::-1][:100], y[::-1][:100]
    w = np.repeat([1.0, 3.0], 50)
    params = {"momentum": 0.0, "alpha": 0.0, "shuffle": False, "max_iter": 1}
    start = network(cls, solver="sgd", warm_start=True, batch_size=50, **params).fit(X, y)
    ours, oracle = deepcopy(start), deepcopy(start)
    ours.fit(X, y, sample_weight=w)
    oracle.set_params(learning_rate_init=0.05).partial_fit(X[:50], y[:50])
    oracle.set_params(learning_rate_init=0.15).partial_fit(X[50:], y[50:])
    assert_allclose(soft_prediction(ours, X), soft_prediction(oracle, X), rtol=1e-12, atol=1e-12)
    assert abs(soft_prediction(ours, X) - soft_prediction(start, X)).max() > 1e-3
