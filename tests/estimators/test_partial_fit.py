"""Training in calls of partial_fit."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.datasets import TASKS, X_IRIS, Y_IRIS, each_task, multiclass
from tests.estimators.common import network
from tests.marks import each_estimator, each_format, each_stochastic_solver, ignore_convergence
from tests.networks import assert_same_model, first_classes
from tests.plain import MLPBackpropClassifier


@ignore_convergence
@each_format
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("batch_size", [20, 10**6])
@each_stochastic_solver
@each_task
def test_k_calls_of_partial_fit_equal_one_fit_of_k_epochs(
    task, solver, batch_size, n_members, as_matrix
):
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(X)
    params = {"solver": solver, "batch_size": batch_size, "n_members": n_members}
    whole = network(cls, **params).set_params(max_iter=3).fit(X, y)
    pieces = network(cls, **params)
    for _ in range(3):
        pieces.partial_fit(X, y, **first_classes(pieces, y))
    assert_same_model(pieces, whole, X)
    assert pieces.loss_curve_ == whole.loss_curve_
    assert pieces.n_iter_ == 1
    assert pieces.t_ == whole.t_ == 3 * len(y)


@ignore_convergence
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_partial_fit_continues_the_learning_rate_schedule(schedule):
    X, y = multiclass()
    params = {"solver": "sgd", "learning_rate": schedule, "tol": 0.05, "n_iter_no_change": 2}
    params |= {"learning_rate_init": 0.05, "batch_size": 50}
    whole = network(MLPBackpropClassifier, max_iter=30, **params).fit(X, y)
    pieces = network(MLPBackpropClassifier, **params)
    for _ in range(whole.n_iter_):
        pieces.partial_fit(X, y, classes=[0, 1, 2])
    assert pieces.loss_curve_ == whole.loss_curve_
    assert_same_model(pieces, whole, X)


def test_partial_fit_accepts_batches_that_lack_a_class():
    estimator = network(MLPBackpropClassifier, feature_scaling=None)  # too few rows to learn scales
    estimator.partial_fit(X_IRIS[:50], Y_IRIS[:50], classes=[2, 1, 0, 0])
    assert_array_equal(estimator.classes_, [0, 1, 2])
    estimator.partial_fit(X_IRIS[100:], Y_IRIS[100:])
    assert estimator.predict_proba(X_IRIS).shape == (150, 3)


@pytest.mark.parametrize("warm_start", [False, True])
def test_later_calls_of_partial_fit_accept_rows_that_lack_a_class_with_and_without_warm_start(
    warm_start,
):
    estimator = network(MLPBackpropClassifier, warm_start=warm_start)
    estimator.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    expected = estimator.t_ + 10
    assert estimator.partial_fit(X_IRIS[:10], Y_IRIS[:10]).t_ == expected


@each_estimator
def test_a_first_partial_fit_on_few_rows_warns_that_scales_come_from_them(cls):
    estimator, X = network(cls), 10 + 3 * X_IRIS[::-1]
    with pytest.warns(UserWarning, match=r"The first call of partial_fit saw 99 rows, .* 100 rows"):
        estimator.partial_fit(X[:99], Y_IRIS[:99], **first_classes(estimator, Y_IRIS))
    learned = pickle.dumps(estimator._encoding)
    estimator.partial_fit(X, Y_IRIS)  # later calls keep these scales
    assert pickle.dumps(estimator._encoding) == learned
    assert_allclose(estimator.input_encoding_["centre"], X[:99].mean(axis=0))
    for params, rows in [
        ({}, X[:100]),
        ({"feature_scaling": None}, X[:99]),
        ({"feature_scaling": None, "categorical_features": [0]}, X[:100]),
    ]:
        network(cls, **params).partial_fit(
            rows, Y_IRIS[: len(rows)], **first_classes(estimator, Y_IRIS)
        )
    for params, value in [({"categorical_features": [0]}, 1.0), ({}, np.nan)]:
        rows = X[:99].copy()
        rows[::2, 0] = value
        estimator = network(cls, feature_scaling=None, **params)
        with pytest.warns(UserWarning, match="The first call of partial_fit saw 99 rows"):
            estimator.partial_fit(rows, Y_IRIS[:99], **first_classes(estimator, Y_IRIS))


def test_partial_fit_needs_the_classes_at_its_first_call():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPBackpropClassifier().partial_fit(X_IRIS, Y_IRIS)


@each_estimator
def test_lbfgs_has_no_partial_fit(cls):
    assert hasattr(cls(solver="adam"), "partial_fit")
    assert not hasattr(cls(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = cls(solver="lbfgs").partial_fit


@pytest.mark.parametrize("labels", [["a", "c"], ["a", "bbb"], ["aa", "b"]])
def test_partial_fit_refuses_an_unknown_label(labels):
    estimator = MLPBackpropClassifier((3,), feature_scaling=None)  # too few rows to learn scales
    estimator.partial_fit(X_IRIS[:2], ["a", "b"], classes=["a", "b"])
    with pytest.raises(ValueError, match="previously unseen labels"):
        estimator.partial_fit(X_IRIS[:2], labels)


def test_the_first_partial_fit_refuses_a_label_that_is_not_among_the_classes():
    with pytest.raises(ValueError, match="unseen labels"):
        MLPBackpropClassifier((3,)).partial_fit(X_IRIS, Y_IRIS, classes=[0, 1])
