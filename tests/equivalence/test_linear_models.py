"""Without a hidden layer: logistic, ridge and Poisson regression of scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from tests.datasets import binary, counts, multiclass, multilabel, number, numbers
from tests.marks import ignore_lbfgs
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_lbfgs


def linear(cls, alpha, **params):
    """A linear model of X without scaling, trained to convergence."""
    params |= {"tol": 1e-10, "max_iter": 10000, "random_state": 0, "feature_scaling": None}
    return cls((), solver="lbfgs", alpha=alpha, **params)


each_weighting = pytest.mark.parametrize("weighted", [False, True])


def weights_of(y, weighted):
    return np.random.default_rng(0).uniform(0, 3, len(y)) if weighted else None


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
@pytest.mark.parametrize("data", [binary, multiclass])
def test_without_hidden_layer_it_equals_logistic_regression(data, alpha, weighted):
    """mean loss + alpha/2 |W|^2 is C sum loss + 1/2 |W|^2 at C = 1 / (alpha sum of weights)."""
    X, y = data()
    w = weights_of(y, weighted)
    C = 1 / (alpha * (len(y) if w is None else w.sum()))
    oracle = LogisticRegression(C=C, tol=1e-10, max_iter=10000).fit(X, y, sample_weight=w)
    ours = linear(MLPBackpropClassifier, alpha).fit(X, y, sample_weight=w)
    assert_allclose(ours.predict_proba(X), oracle.predict_proba(X), atol=1e-5)
    # scores are defined up to a constant common to all classes
    own, other = (np.diff(np.atleast_2d(e.decision_function(X).T).T) for e in (ours, oracle))
    assert_allclose(own, other, rtol=1e-4, atol=1e-4)


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_without_hidden_layer_each_label_equals_a_logistic_regression(alpha, weighted):
    X, Y = multilabel()
    w = weights_of(Y, weighted)
    C = 1 / (alpha * (len(Y) if w is None else w.sum()))
    ours = linear(MLPBackpropClassifier, alpha).fit(X, Y, sample_weight=w).predict_proba(X)
    for label, y in enumerate(Y.T):
        oracle = LogisticRegression(C=C, tol=1e-10, max_iter=10000).fit(X, y, sample_weight=w)
        assert_allclose(ours[:, label], oracle.predict_proba(X)[:, 1], atol=1e-5)


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
@pytest.mark.parametrize("data", [number, numbers])
def test_without_hidden_layer_it_equals_ridge_regression_for_one_and_several_outputs(
    data, alpha, weighted
):
    """mean of half the squares + alpha/2 |W|^2 is sum of squares + (alpha sum of weights) |W|^2."""
    X, y = data()
    w = weights_of(y, weighted)
    oracle = Ridge(alpha=alpha * (len(y) if w is None else w.sum())).fit(X, y, sample_weight=w)
    ours = linear(MLPBackpropRegressor, alpha).fit(X, y, sample_weight=w)
    assert_allclose(ours.predict(X), oracle.predict(X), atol=1e-5)


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_without_hidden_layer_it_equals_poisson_regression(alpha, weighted):
    X, y = counts()
    w = weights_of(y, weighted)
    oracle = PoissonRegressor(alpha=alpha, tol=1e-10, max_iter=10000).fit(X, y, sample_weight=w)
    ours = linear(MLPBackpropRegressor, alpha, loss="poisson").fit(X, y, sample_weight=w)
    assert_allclose(ours.predict(X), oracle.predict(X), rtol=1e-5)
