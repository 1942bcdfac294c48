"""Sample weights: bad ones, equal ones, and rows of weight 0."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from tests.datasets import TASKS, X_IRIS, Y_IRIS
from tests.estimators.common import contents, network
from tests.marks import each_estimator, each_stochastic_solver, ignore_convergence
from tests.networks import assert_same_model, first_classes

BAD_WEIGHTS = [
    (np.zeros(150), "at least one non-zero"),
    (np.where(Y_IRIS == 0, -1.0, 1.0), "[Nn]egative"),
    (np.where(Y_IRIS == 0, np.nan, 1.0), "NaN"),
    (np.where(Y_IRIS == 0, np.inf, 1.0), "infinity"),
    (np.ones((150, 1)), "1-d|1D"),
    (np.ones(149), "149"),
    (["a"] * 150, "convert string to float"),
]


@pytest.mark.parametrize(("w", "message"), BAD_WEIGHTS)
@each_estimator
def test_invalid_weights_are_a_clear_error(cls, w, message):
    with pytest.raises(ValueError, match=message):
        network(cls).fit(X_IRIS, Y_IRIS, sample_weight=w)


@ignore_convergence
@each_estimator
def test_a_scalar_weight_equals_no_weights(cls):
    expected = network(cls).fit(X_IRIS, Y_IRIS)
    one = network(cls).fit(X_IRIS, Y_IRIS, sample_weight=3.0)
    assert_same_model(one, expected, X_IRIS)


@pytest.mark.parametrize("task", TASKS)
@each_stochastic_solver
def test_partial_fit_on_rows_of_weight_zero_does_nothing(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    estimator = network(cls, solver=solver, batch_size=50)
    classes = first_classes(estimator, y)
    estimator.partial_fit(X, y, sample_weight=np.zeros(len(y)), **classes)
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    estimator.partial_fit(X, y, **classes)
    held = contents(estimator)
    estimator.partial_fit(X[:5], y[:5], sample_weight=np.zeros(5))
    assert contents(estimator) == held


@each_stochastic_solver
@pytest.mark.parametrize("task", ["multiclass", "number"])
def test_partial_fit_ignores_the_rows_of_weight_zero(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    with_zeros, without = (network(cls, solver=solver, batch_size=20) for _ in range(2))
    for _ in range(3):
        with_zeros.partial_fit(X, y, sample_weight=w, **first_classes(with_zeros, y))
        without.partial_fit(X[w > 0], y[w > 0], sample_weight=w[w > 0], **first_classes(without, y))
    assert_same_model(with_zeros, without, X)
