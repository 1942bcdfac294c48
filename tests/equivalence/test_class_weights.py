"""Class weights are the sample weights that they stand for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from tests.datasets import X_WINE, Y_WINE
from tests.equivalence.targets import network
from tests.marks import each_solver, ignore_lbfgs
from tests.plain import MLPBackpropClassifier

pytestmark = ignore_lbfgs
NAMES = np.array(["red", "rosé", "white"])[Y_WINE]
W_WINE = np.random.default_rng(1).uniform(0, 3, len(NAMES)).round(1)


def wine_weights(class_weight, w):
    """The sample weights that class weights imply."""
    own = np.ones(len(NAMES)) if w is None else w
    if class_weight == "balanced":
        totals = {name: own[name == NAMES].sum() for name in np.unique(NAMES)}
        class_weight = {name: own.sum() / (3 * total) for name, total in totals.items()}
        if w is None:
            assert_allclose(
                list(class_weight.values()),
                compute_class_weight("balanced", classes=np.unique(NAMES), y=NAMES),
            )
    return own * compute_sample_weight(class_weight, NAMES)


@pytest.mark.parametrize("w", [None, W_WINE], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    "class_weight",
    [{"red": 2.0, "rosé": 0.5, "white": 1.0}, {"white": 7}, {"rosé": 0}, "balanced"],
    ids=str,
)
@each_solver
def test_class_weights_equal_the_sample_weights_that_they_imply(solver, class_weight, w):
    params = {} if solver == "lbfgs" else {"batch_size": 50}
    ours = network(MLPBackpropClassifier, solver=solver, class_weight=class_weight, **params)
    ours.fit(X_WINE, NAMES, sample_weight=w)
    oracle = network(MLPBackpropClassifier, solver=solver, **params)
    oracle.fit(X_WINE, NAMES, sample_weight=wine_weights(class_weight, w))
    assert_allclose(ours.predict_proba(X_WINE), oracle.predict_proba(X_WINE), atol=1e-10)
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-10)
    plain = network(MLPBackpropClassifier, solver=solver, **params).fit(
        X_WINE, NAMES, sample_weight=w
    )
    assert abs(ours.predict_proba(X_WINE) - plain.predict_proba(X_WINE)).max() > 1e-3


@pytest.mark.parametrize("class_weight", ["balanced", {"white": 3.0}], ids=str)
@each_solver
def test_with_class_weights_a_weight_of_two_equals_the_row_twice(solver, class_weight):
    twice = np.random.default_rng(0).random(len(NAMES)) < 0.3
    params = {"batch_size": 10**6} if solver != "lbfgs" else {}
    params |= {"class_weight": class_weight, "alpha": 0.01}
    weighted = network(MLPBackpropClassifier, solver=solver, **params)
    weighted.fit(X_WINE, NAMES, sample_weight=1 + twice)
    repeated = network(MLPBackpropClassifier, solver=solver, **params)
    repeated.fit(np.concatenate([X_WINE, X_WINE[twice]]), np.concatenate([NAMES, NAMES[twice]]))
    assert_allclose(
        weighted.predict_proba(X_WINE), repeated.predict_proba(X_WINE), rtol=1e-9, atol=1e-10
    )


def test_balanced_class_weights_without_features_predict_one_half():
    """Both classes have the same total weight, so the probability is 1/2."""
    y = np.arange(100) < 7
    ours = MLPBackpropClassifier((), solver="lbfgs", class_weight="balanced", tol=1e-10)
    assert_allclose(ours.fit(np.zeros((100, 1)), y).predict_proba([[0.0]]), [[0.5, 0.5]])
