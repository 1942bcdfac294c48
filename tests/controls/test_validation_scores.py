"""Validation rows: their scores, losses and weights; and clear errors."""

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose
from sklearn import metrics

from tests.controls.common import (
    NUMBERS,
    TEST,
    TRAIN,
    X_TEST,
    X,
    assert_same_training,
    each_task,
    network,
    target,
)
from tests.datasets import X_IRIS
from tests.datasets import Y_IRIS as CLASSES
from tests.marks import each_kind_of_solver, ignore_convergence
from tests.networks import best_epoch

pytestmark = ignore_convergence


@pytest.mark.parametrize("class_weight", [{0: 5.0, 2: 0.0}, "balanced"], ids=str)
def test_class_weights_apply_to_validation_rows(class_weight):
    rows, w = slice(0, 110), np.ones(110)  # the last class has fewer rows
    by_class = {0: 5.0, 1: 1.0, 2: 0.0}
    if class_weight == "balanced":
        by_class = dict(enumerate(110 / (3 * np.bincount(CLASSES[rows]))))
    w *= [by_class[label] for label in CLASSES[rows].tolist()]
    given = {"X_val": X_IRIS[rows], "y_val": CLASSES[rows]}
    ours = network("classes", class_weight=class_weight, max_iter=1)
    ours.fit(X, target("classes"), **given)
    expected = metrics.accuracy_score(CLASSES[rows], ours.predict(X_IRIS[rows]), sample_weight=w)
    assert_allclose(ours.validation_scores_, [expected])
    P = ours.predict_proba(X_IRIS[rows])
    log_loss = metrics.log_loss(CLASSES[rows], P, sample_weight=w, labels=[0, 1, 2])
    assert_allclose(ours.validation_loss_curve_, [log_loss])


def of_probabilities(metric):
    return lambda e, X, y, **w: metric(y, e.predict_proba(X), **w)


def of_predictions(metric):
    return lambda e, X, y, **w: metric(y, e.predict(X), **w)


def minus(metric):
    return lambda *args, **kwargs: -metric(*args, **kwargs)


def brier(y, P, sample_weight=None):
    return np.average(((np.eye(3)[y] - P) ** 2).sum(axis=1) / 2, weights=sample_weight)


def half_squares(y, prediction, sample_weight=None):
    return metrics.mean_squared_error(y, prediction, sample_weight=sample_weight) / 2


VARIANCE = NUMBERS[TRAIN].var()
DEVIATION = scipy.stats.median_abs_deviation(NUMBERS[TRAIN], scale="normal")
#: Task, parameters, score(estimator, X, y, sample_weight=...), loss, unit of the loss.
SCORES = {
    "accuracy": ("classes", {}, of_predictions(metrics.accuracy_score),
                 of_probabilities(metrics.log_loss), 1),
    "loss": ("classes", {"scoring": "loss"}, of_probabilities(minus(metrics.log_loss)),
             of_probabilities(metrics.log_loss), 1),
    "name": ("classes", {"scoring": "neg_log_loss", "loss": "squared_error"},
             of_probabilities(minus(metrics.log_loss)), of_probabilities(brier), 1),
    "callable": ("classes", {"scoring": of_predictions(metrics.cohen_kappa_score)},
                 of_predictions(metrics.cohen_kappa_score), of_probabilities(metrics.log_loss), 1),
    "smoothed": ("classes", {"label_smoothing": 0.2}, of_predictions(metrics.accuracy_score),
                 of_probabilities(metrics.log_loss), 1),
    "R2": ("number", {}, of_predictions(metrics.r2_score), of_predictions(half_squares), VARIANCE),
    "minus squares": ("number", {"scoring": "loss", "target_scaling": False},
                      of_predictions(minus(half_squares)), of_predictions(half_squares), 1),
    "absolute": ("number", {"loss": "absolute_error", "scoring": "neg_mean_absolute_error"},
                 of_predictions(minus(metrics.mean_absolute_error)),
                 of_predictions(metrics.mean_absolute_error), DEVIATION),
    "quantile": ("number", {"loss": "quantile", "quantile": 0.8},
                 of_predictions(lambda *y, **w: metrics.d2_pinball_score(*y, alpha=0.8, **w)),
                 of_predictions(lambda *y, **w: metrics.mean_pinball_loss(*y, alpha=0.8, **w)),
                 DEVIATION),
    "poisson": ("number", {"loss": "poisson"}, of_predictions(metrics.r2_score),
                of_predictions(metrics.mean_poisson_deviance), 2),
    "gamma": ("number", {"loss": "gamma"}, of_predictions(metrics.r2_score),
              of_predictions(metrics.mean_gamma_deviance), 2),
    "tweedie": ("number", {"loss": "tweedie"}, of_predictions(metrics.r2_score),
                of_predictions(lambda *y, **w: metrics.mean_tweedie_deviance(*y, power=1.5, **w)),
                2),
}  # fmt: skip
each_score = pytest.mark.parametrize(
    ("task", "params", "score", "loss", "unit"), SCORES.values(), ids=SCORES
)


@pytest.mark.parametrize(("solver", "weighted"), [("adam", True), ("lbfgs", False)])
@each_score
def test_validation_curves_equal_scores_of_shorter_fits_on_the_validation_rows(
    task, params, score, loss, unit, solver, weighted
):
    """The oracle of epoch k is a model fitted for k epochs, scored by scikit-learn's metrics."""
    params, y, y_val = {"solver": solver, **params}, target(task), target(task, TEST)
    w = {"sample_weight": np.arange(75) % 4} if weighted else {}
    w_val = {"sample_weight_val": np.arange(75) % 4} if weighted else {}
    ours = network(task, max_iter=5, **params).fit(X, y, X_val=X_TEST, y_val=y_val, **w_val)
    for k in range(ours.n_iter_):
        params.pop("scoring", None)
        oracle = network(task, max_iter=k + 1, **params).fit(X, y)
        assert_allclose(ours.validation_scores_[k], score(oracle, X_TEST, y_val, **w), rtol=1e-9)
        expected = loss(oracle, X_TEST, y_val, **w) / unit
        assert_allclose(ours.validation_loss_curve_[k], expected, rtol=1e-9)
    assert ours.best_iter_ == best_epoch(ours)
    assert ours.best_validation_score_ == max(ours.validation_scores_)


@each_task
def test_scoring_by_loss_is_exactly_minus_the_validation_loss(task):
    ours = network(task, early_stopping=True, scoring="loss").fit(X, target(task))
    assert ours.validation_scores_ == [-loss for loss in ours.validation_loss_curve_]


@each_kind_of_solver
@each_task
def test_validation_rows_of_weight_zero_are_ignored(task, solver):
    y, y_val, w = target(task), target(task, TEST), np.arange(75) % 2
    ours, oracle = (network(task, solver=solver) for _ in range(2))
    ours.fit(X, y, X_val=X_TEST, y_val=y_val, sample_weight_val=w)
    oracle.fit(X, y, X_val=X_TEST[w > 0], y_val=y_val[w > 0])
    assert ours.validation_scores_ == oracle.validation_scores_
    assert ours.validation_loss_curve_ == oracle.validation_loss_curve_
    assert_same_training(ours, oracle)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X_TEST}, "X_val needs y_val"),
        ({"y_val": NUMBERS[TEST]}, "need X_val"),
        ({"sample_weight_val": np.ones(75)}, "need X_val"),
        ({"X_val": X_TEST, "y_val": NUMBERS[:3]}, "inconsistent numbers of samples"),
        ({"X_val": X_TEST[:, 1:], "y_val": NUMBERS[TEST]}, "3 features"),
        ({"X_val": X_TEST * np.inf, "y_val": NUMBERS[TEST]}, "contains infinity"),
        ({"X_val": X_TEST, "y_val": NUMBERS[TEST, None] * [1, 1]}, "y_val has 2 outputs; 1"),
        ({"X_val": X_TEST, "y_val": NUMBERS[TEST], "sample_weight_val": np.zeros(75)}, "non-zero"),
        ({"X_val": X_TEST, "y_val": NUMBERS[TEST], "sample_weight_val": np.ones(3)}, "3 entries"),
    ],
)
def test_invalid_validation_rows_are_an_error(given, message):
    ours = network()
    with pytest.raises(ValueError, match=message):
        ours.fit(X, target("number"), **given)
    assert not hasattr(ours, "coefs_")


def test_a_scorer_sees_predictions_in_the_units_of_the_target():
    """The network predicts the scaled target; a scorer gets the fitted estimator."""
    y = 1e3 + 50 * NUMBERS
    given = {"X_val": X_TEST, "y_val": y[TEST]}
    by_scorer = network("number", scoring="r2", max_iter=3).fit(X, y[TRAIN], **given)
    by_default = network("number", max_iter=3).fit(X, y[TRAIN], **given)
    assert_allclose(by_scorer.validation_scores_, by_default.validation_scores_, rtol=1e-4)
