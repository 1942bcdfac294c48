"""Probabilities, their logarithms, and decisions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.datasets import X_IRIS, Y_IRIS, binary, each_classification, multiclass, multilabel
from tests.estimators.common import network
from tests.marks import each_solver, ignore_convergence
from tests.plain import MLPBackpropClassifier


def enlarged(data, n_members=1, dtype="float64", size=1e4):
    """A classifier whose raw output reaches `size`: its last layer is multiplied."""
    X, y = data()
    estimator = network(
        MLPBackpropClassifier, n_members=n_members, dtype=dtype, activation="tanh", max_iter=30
    ).fit(X, y)
    largest = abs(estimator.decision_function(X)).max()
    estimator.coefs_[-1] = estimator.coefs_[-1] * (size / largest)
    return estimator, X


@ignore_convergence
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 3])
@each_classification
def test_log_probabilities_are_finite_at_raw_outputs_of_1e4(data, n_members, dtype):
    estimator, X = enlarged(data, n_members, dtype)
    log_P, P = estimator.predict_log_proba(X), estimator.predict_proba(X)
    assert np.isfinite(log_P).all()
    assert (log_P <= 0).all()
    assert log_P.min() < -1000
    assert (P == 0).any()
    assert_allclose(np.exp(log_P), P, rtol=1e-7, atol=1e-300)
    assert np.isfinite(estimator.decision_function(X)).all()


@ignore_convergence
def test_log_probabilities_far_from_the_boundary_are_the_logarithms_of_the_sigmoid():
    """log sigma(z) = -log(1 + exp(-z)) approaches z for z << 0."""
    estimator, X = enlarged(binary)
    z = estimator.decision_function(X)
    log_P = estimator.predict_log_proba(X)
    assert_allclose(log_P[z < -40, 1], z[z < -40], rtol=1e-12)
    assert_allclose(log_P[z > 40, 0], -z[z > 40], rtol=1e-12)


@ignore_convergence
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_members", [1, 3])
@each_classification
def test_probabilities_labels_and_decisions_agree(data, n_members, x_dtype):
    X, y = data()
    estimator = network(MLPBackpropClassifier, n_members=n_members).fit(X, y)
    X = X.astype(x_dtype)
    P, log_P = estimator.predict_proba(X), estimator.predict_log_proba(X)
    assert P.dtype == log_P.dtype == x_dtype
    assert_allclose(np.exp(log_P), P, rtol=1e-5 if x_dtype == np.float32 else 1e-12)
    assert ((P >= 0) & (P <= 1)).all()
    if data is multilabel:
        assert_array_equal(estimator.predict(X), P > 0.5)
    else:
        assert P.shape == (len(X), len(estimator.classes_))
        tolerance = 1e-6 if x_dtype == np.float32 else 1e-15
        assert_allclose(P.sum(axis=1), 1, rtol=0, atol=2 * tolerance)
        assert_array_equal(estimator.predict(X), estimator.classes_[P.argmax(axis=1)])


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
@each_classification
def test_the_decision_is_the_link_of_the_mean_probability(data, n_members):
    X, y = data()
    estimator = network(MLPBackpropClassifier, n_members=n_members, dtype="float64").fit(X, y)
    Z, P = estimator.decision_function(X), estimator.predict_proba(X)
    if data is binary:
        assert Z.shape == (len(X),)
        assert_array_equal(estimator.classes_[(Z > 0).astype(int)], estimator.predict(X))
        assert_allclose(Z, np.log(P[:, 1] / P[:, 0]), rtol=1e-9, atol=1e-12)
    elif data is multiclass:
        assert Z.shape == P.shape == (len(X), 3)
        assert_array_equal(estimator.classes_[Z.argmax(axis=1)], estimator.predict(X))
        # the link of the softmax is defined up to a constant
        assert_allclose(np.diff(Z), np.diff(np.log(P)), rtol=1e-9, atol=1e-12)
    else:
        assert Z.shape == y.shape
        assert_array_equal(Z > 0, estimator.predict(X))
        assert_allclose(Z, np.log(P / (1 - P)), rtol=1e-9, atol=1e-12)


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 2])
@each_solver
def test_with_one_class_the_probability_is_one(solver, n_members):
    estimator = network(MLPBackpropClassifier, solver=solver, n_members=n_members)
    estimator.fit(X_IRIS, np.full(len(X_IRIS), "only"))
    assert_array_equal(estimator.classes_, ["only"])
    assert_array_equal(estimator.predict_proba(X_IRIS), np.ones((len(X_IRIS), 1)))
    assert_array_equal(estimator.predict_log_proba(X_IRIS), np.zeros((len(X_IRIS), 1)))
    assert estimator.decision_function(X_IRIS).shape == (len(X_IRIS), 1)
    assert set(estimator.predict(X_IRIS)) == {"only"}


def test_a_class_of_weight_zero_keeps_its_column_of_probabilities():
    w = (Y_IRIS != 1).astype(float)
    estimator = network(MLPBackpropClassifier, solver="lbfgs", max_iter=50, alpha=0.01)
    estimator.fit(X_IRIS, Y_IRIS, sample_weight=w)
    assert_array_equal(estimator.classes_, [0, 1, 2])
    assert estimator.predict_proba(X_IRIS).shape == (150, 3)
    assert 1 not in estimator.predict(X_IRIS[Y_IRIS != 1])
