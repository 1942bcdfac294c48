"""Early stopping: the hold-out, the epoch that is kept, and the curves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import train_test_split

from tests.faults.common import BOTH, NAMES, SKNET, X, Y, classifier, fault, network, regressor, y
from tests.marks import each_estimator, each_kind_of_solver, ignore_convergence
from tests.networks import assert_same_parameters


@fault("49", "early stopping with 5 rows and a rare class")
@ignore_convergence
def test_a_class_of_one_row_is_named_by_its_label():
    labels = np.array(["a", "a", "a", "a", "zed"])
    with pytest.warns(UserWarning, match=r"random, not stratified: .* only one row: zed\."):
        classifier(early_stopping=True).fit(X[:5], labels)
    with pytest.raises(ValueError, match="early_stopping: n_samples=1"):
        classifier(early_stopping=True).fit(X[:1], labels[:1])


@fault("50", "early stopping of a regressor with a tiny hold-out")
@fault("#24713", "early stopping where the score of one row is not defined")
@ignore_convergence
def test_a_hold_out_of_a_regressor_has_a_score():
    message = "The validation set is too small. Increase 'validation_fraction'"
    for package in BOTH:
        n_samples = 2 if package is SKNET else 5  # scikit-learn then holds out one row
        with pytest.raises(ValueError, match=message):
            package.regressor(early_stopping=True).fit(X[:n_samples], X[:n_samples, 0])
    estimator = regressor(early_stopping=True).fit(X[:8], X[:8, 0])
    assert np.isfinite(estimator.best_validation_score_)


@fault("#33760", "early stopping with labels of text")
@ignore_convergence
@each_kind_of_solver
@pytest.mark.parametrize("labels", [NAMES, NAMES.astype(object)], ids=["str", "object"])
def test_early_stopping_takes_labels_of_text(labels, solver):
    estimator = classifier(solver=solver, early_stopping=True).fit(X, labels)
    numbered = classifier(solver=solver, early_stopping=True).fit(X, y)
    assert estimator.validation_scores_ == numbered.validation_scores_


@fault("D2", "the hold-out of several classes is not stratified")
@ignore_convergence
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_the_hold_out_is_stratified(n_classes, seed):
    """A network that does not learn predicts "a" always: its score is exactly the share of "a"."""
    labels = np.repeat(["a", "b", "c", "d"][:n_classes], [100, 50, 30, 20][:n_classes])
    data = np.random.default_rng(0).normal(size=(len(labels), 2))
    params = {"learning_rate_init": 1e-300, "max_iter": 1, "random_state": seed}
    estimator = classifier(early_stopping=True, **params).fit(data, labels)
    assert_allclose(estimator.best_validation_score_, 100 / len(labels), rtol=1e-12)


@fault("#6512", "improvement is looked at over two epochs only")
@fault("D10", "n_iter_no_change is off by one")
@ignore_convergence
@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_stops_after_so_many_epochs_without_improvement(early_stopping, patience):
    estimator = classifier(
        learning_rate_init=1e-300,
        n_iter_no_change=patience,
        early_stopping=early_stopping,
        max_iter=50,
    ).fit(X, y)
    assert estimator.n_iter_ == 1 + patience


@fault("D7", "lbfgs ignores early_stopping and has no loss curve")
@ignore_convergence
@each_estimator
def test_lbfgs_stops_early_and_has_a_curve(cls):
    estimator = network(cls, solver="lbfgs", max_iter=40).fit(X, y)
    assert len(estimator.loss_curve_) == estimator.n_iter_ > 1
    assert estimator.best_loss_ == min(estimator.loss_curve_)
    estimator.set_params(early_stopping=True).fit(X, y)
    assert len(estimator.validation_scores_) == estimator.n_iter_
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)


@fault("D11", "the last parameters are kept, with validation data the best")
@ignore_convergence
def test_the_last_parameters_are_kept_and_with_a_hold_out_the_best():
    params = {"solver": "sgd", "learning_rate_init": 0.1, "batch_size": 10, "max_iter": 30}
    last = regressor(activation="tanh", **params).fit(X, Y[:, 0])
    assert last.best_loss_ < last.loss_
    steps = regressor(activation="tanh", **params)
    for _ in range(last.n_iter_):
        steps.partial_fit(X, Y[:, 0])
    assert_same_parameters(last, steps)
    best = regressor(activation="tanh", early_stopping=True, **params).fit(X, Y[:, 0])
    scores = best.validation_scores_
    _, held = train_test_split(np.arange(150), test_size=0.1, random_state=0)
    assert scores[-1] < max(scores)
    assert_allclose(best.score(X[held], Y[held, 0]), max(scores), rtol=1e-4)


@fault("#18507", "no curve of the validation loss")
@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@each_estimator
def test_there_is_a_curve_of_the_validation_loss(cls, solver):
    estimator = network(cls, solver=solver, early_stopping=True, alpha=0.0).fit(X, y)
    assert len(estimator.validation_loss_curve_) == estimator.n_iter_
    assert np.isfinite(estimator.validation_loss_curve_).all()
    half = slice(None, None, 2)
    estimator.set_params(max_iter=20).fit(X[half], y[half], X_val=X[half], y_val=y[half])
    train, held = estimator.loss_curve_, estimator.validation_loss_curve_
    if solver == "adam":  # an epoch is one batch; its loss is computed before the step
        train, held = train[1:], held[:-1]
    assert_allclose(held, train, rtol=1e-4)
