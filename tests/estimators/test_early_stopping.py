"""Early stopping: which rows are held out, and which parameters are kept."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from tests.datasets import TASKS, X_IRIS, Y_IRIS, each_task, multiclass, number
from tests.estimators.common import network
from tests.marks import ESTIMATORS, SOLVERS, each_estimator, each_solver, ignore_convergence
from tests.networks import assert_same_model, best_epoch
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor


def held_out(estimator, y):
    """The rows held out with an int random_state: those of scikit-learn's train_test_split."""
    stratify = y if isinstance(estimator, MLPBackpropClassifier) and y.ndim == 1 else None
    _, held = train_test_split(
        np.arange(len(y)),
        test_size=estimator.validation_fraction,
        random_state=estimator.random_state,
        stratify=stratify,
    )
    return held


@ignore_convergence
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "params",
    [{"solver": "lbfgs"}, {"solver": "adam", "batch_size": 16}, {"solver": "sgd"}],
    ids=lambda params: params["solver"],
)
@each_task
def test_early_stopping_keeps_the_best_parameters(task, params, weighted):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).uniform(0.1, 5, len(y)) if weighted else None
    params = {"dtype": "float64", "max_iter": 25, "n_iter_no_change": 25, "alpha": 0.0} | params
    if params["solver"] != "lbfgs":
        params["learning_rate_init"] = 0.1 if params["solver"] == "sgd" else 0.05
    estimator = network(cls, early_stopping=True, validation_fraction=0.25, **params)
    estimator.fit(X, y, sample_weight=w)
    scores = estimator.validation_scores_
    assert estimator.best_validation_score_ == max(scores) >= scores[-1]
    assert len(scores) == len(estimator.loss_curve_) == estimator.n_iter_
    held = held_out(estimator, y)
    w_held = None if w is None else w[held]
    assert_allclose(
        estimator.score(X[held], y[held], sample_weight=w_held), max(scores), rtol=1e-12
    )
    # the parameters kept are those of a fit that ends at the best epoch
    so_far = clone(estimator).set_params(max_iter=best_epoch(estimator))
    assert_same_model(so_far.fit(X, y, sample_weight=w), estimator, X)


@ignore_convergence
def test_early_stopping_of_several_members_scores_their_mean_prediction():
    X, y = multiclass()
    estimator = network(
        MLPBackpropClassifier, n_members=3, early_stopping=True, dtype="float64", max_iter=20
    )
    estimator.fit(X, y)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=3)[0]
    held = held_out(clone(estimator).set_params(random_state=int(seed)), y)
    assert estimator.score(X[held], y[held]) == estimator.best_validation_score_
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)


@ignore_convergence
def test_held_out_rows_do_not_affect_training():
    X, y = number()
    estimator = network(MLPBackpropRegressor, early_stopping=True, n_iter_no_change=99)
    losses = estimator.fit(X, y).loss_curve_
    held = held_out(estimator, y)
    y = y.copy()
    y[held] = -y[held]
    again = clone(estimator).fit(X, y)
    assert again.loss_curve_ == losses
    assert again.validation_scores_ != estimator.validation_scores_


@ignore_convergence
@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]])
@pytest.mark.parametrize("seed", range(5))
def test_the_hold_out_is_stratified(labels, seed):
    """A network that does not learn predicts "a" always: its score is exactly the share of "a"."""
    y = np.repeat(labels, [100, 50, 30, 20][: len(labels)])
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    estimator = MLPBackpropClassifier(
        (3,), learning_rate_init=1e-300, early_stopping=True, max_iter=1, random_state=seed
    ).fit(X, y)
    assert set(estimator.predict(X)) == {"a"}
    assert_allclose(estimator.best_validation_score_, 100 / len(y), rtol=1e-12)


@ignore_convergence
@each_solver
def test_a_class_of_one_row_makes_the_hold_out_random_with_a_warning(solver):
    labels = np.array(["setosa", "versicolor", "virginica"], dtype=object)[Y_IRIS]
    labels[7] = "unica"
    estimator = network(MLPBackpropClassifier, solver=solver, early_stopping=True)
    with pytest.warns(
        UserWarning, match=r"random, not stratified.*only one row: unica\."
    ) as record:
        estimator.fit(X_IRIS, labels)
    assert record[0].filename == __file__
    assert "unica" in estimator.classes_
    assert len(estimator.validation_scores_) == estimator.n_iter_


@ignore_convergence
def test_a_hold_out_of_fewer_rows_than_classes_is_random():
    estimator = network(MLPBackpropClassifier, early_stopping=True, validation_fraction=0.02)
    with pytest.warns(UserWarning, match=r"2 held-out rows for 3 classes are too few"):
        estimator.fit(X_IRIS[::2], Y_IRIS[::2])


@pytest.mark.parametrize(("cls", "n_samples"), [(ESTIMATORS[0], 1), (ESTIMATORS[1], 2)])
def test_too_few_rows_for_a_hold_out_are_an_error(cls, n_samples):
    with pytest.raises(ValueError, match=rf"early_stopping: n_samples={n_samples}.*too small"):
        network(cls, early_stopping=True).fit(X_IRIS[:n_samples], Y_IRIS[:n_samples])


@each_estimator
def test_a_hold_out_of_all_rows_is_an_error(cls):
    estimator = network(cls, early_stopping=True, validation_fraction=0.99)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.99.*n_samples=20"):
        estimator.fit(X_IRIS[::7][:20], Y_IRIS[::7][:20])


def test_lbfgs_stops_early_without_a_warning():
    X, y = number()
    params = {"solver": "lbfgs", "max_iter": 500, "tol": 1e-6}
    estimator = network(MLPBackpropRegressor, early_stopping=True, n_iter_no_change=3, **params)
    estimator.fit(X, y)
    scores = estimator.validation_scores_
    best = int(np.argmax(scores))
    assert estimator.n_iter_ == len(scores) < 100
    assert len(scores) >= best + 1 + 3
    assert estimator.best_validation_score_ == scores[best] > scores[-1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_of_one_class_has_a_finite_score(solver):
    estimator = network(MLPBackpropClassifier, solver=solver, early_stopping=True, max_iter=300)
    estimator.fit(X_IRIS, np.zeros(len(X_IRIS), int))
    assert estimator.best_validation_score_ == 1.0
