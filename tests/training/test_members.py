"""Trainings whose members have numbers, rows and stopping of their own, against single fits.

No estimator has a parameter for them yet: the settings are those of an estimator, with a sequence
where the members differ. Each member is compared with that estimator, fitted to the member's rows.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone, is_classifier

from sknet import _params
from sknet._table.read import validate_X
from sknet._target.classes import classification_target
from sknet._target.continuous import ContinuousTarget
from sknet._training.auto import Facts, resolved
from sknet._training.build import MemberRows
from sknet._training.rows import Rows
from sknet._training.settings import Settings
from sknet._training.train import member_seeds, train
from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence

K, N = 3, 150
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 5))
Y = {"classes": np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3]), "numbers": X[:, 0] + X[:, 1] ** 2}
FOLDS = np.array_split(np.arange(N), K)
TRAIN = [np.setdiff1d(np.arange(N), fold) for fold in FOLDS]
SAME = {"dtype": "float64", "feature_scaling": None, "batch_size": 30, "max_iter": 12}
SAME |= {"random_state": 7, "n_iter_no_change": 4}
ESTIMATORS = {
    "classes": MLPBackpropClassifier((8,), **SAME),
    "numbers": MLPBackpropRegressor((8,), target_scaling=False, **SAME),
}
#: The settings that differ, and the constructor's parameters that mean the same for member k.
DIFFERENCES = {
    "rates": ({"learning_rate_init": (0.001, 0.01, 0.05)}, ["learning_rate_init"]),
    "penalties": ({"alpha": (0.0, 0.001, 0.01)}, ["alpha"]),
    "dropout": ({"dropout": ((0.0, 0.2, 0.1), (0.3, 0.0, 0.5))}, ["dropout_input", "dropout"]),
    "smoothing": ({"label_smoothing": (0.0, 0.1, 0.4)}, ["label_smoothing"]),
}


def trained(task, settings, members=None):
    estimator, y = ESTIMATORS[task], Y[task]
    table = validate_X(clone(estimator), X, reset=True)
    target = classification_target(y) if task == "classes" else ContinuousTarget.of(y, None)
    encoded, strata = target.encode(y, table.dtype)
    link = "softmax" if task == "classes" else "identity"
    rows = Rows(table, encoded, None, strata)
    return train(settings, rows, target, link, members=members)


def settings_from(estimator):
    p = _params.check(estimator, estimator._losses)
    return Settings.of(resolved(p, Facts(len(X), is_classifier(estimator)))[0])


def settings_of(task, **more):
    estimator = clone(ESTIMATORS[task]).set_params(n_members=K)
    return replace(settings_from(estimator), **more)


def alone(task, k, **params):
    """The estimator with the seed of member `k`."""
    seed = member_seeds(SAME["random_state"], K)[k]
    return clone(ESTIMATORS[task]).set_params(random_state=seed, **params)


def assert_member_equals(result, k, fitted):
    for layer, W, b in zip(result.parameters, fitted.coefs_, fitted.intercepts_, strict=True):
        assert_allclose(layer["W"][k], W, rtol=1e-9, atol=1e-11)
        assert_allclose(layer["b"][k, 0], b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("what", DIFFERENCES)
@pytest.mark.parametrize("task", ESTIMATORS)
@pytest.mark.parametrize("own_rows", [False, True])
def test_a_member_is_the_single_fit_with_its_numbers_on_its_rows(task, what, own_rows):
    more, names = DIFFERENCES[what]
    if what == "smoothing" and task == "numbers":
        pytest.skip("labels alone are smoothed")
    members = MemberRows(TRAIN) if own_rows else None
    result = trained(task, settings_of(task, patience=np.inf, **more), members)
    (values,) = more.values()
    for k in range(K):
        own = [v[k] for v in values] if what == "dropout" else [values[k]]
        params = dict(zip(names, own, strict=True))
        rows = TRAIN[k] if own_rows else slice(None)
        fitted = alone(task, k, n_iter_no_change=np.inf, **params).fit(X[rows], Y[task][rows])
        assert_member_equals(result, k, fitted)


@pytest.mark.parametrize("task", ESTIMATORS)
def test_a_member_that_stops_alone_keeps_its_own_best_epoch(task):
    """As the single fit that is given the member's validation rows."""
    settings = settings_of(task, independent_stopping=True, tol=1e-3, learning_rate_init=0.03)
    result = trained(task, settings, MemberRows(TRAIN, FOLDS))
    best = []
    for k in range(K):
        fitted = alone(task, k, early_stopping=True, tol=1e-3, learning_rate_init=0.03).fit(
            X[TRAIN[k]], Y[task][TRAIN[k]], X_val=X[FOLDS[k]], y_val=Y[task][FOLDS[k]]
        )
        assert_member_equals(result, k, fitted)
        best.append(fitted.best_iter_)
    assert result.state.last_theta is not None


def test_members_of_lbfgs_minimise_on_their_own_rows():
    lbfgs = {"solver": "lbfgs", "alpha": 1e-3, "batch_size": "auto", "n_iter_no_change": 10}
    estimator = clone(ESTIMATORS["classes"]).set_params(n_members=K, **lbfgs)
    settings = settings_from(estimator)
    result = trained("classes", settings, MemberRows(TRAIN))
    for k in range(K):
        fitted = alone("classes", k, **lbfgs)
        fitted.fit(X[TRAIN[k]], Y["classes"][TRAIN[k]])
        assert_member_equals(result, k, fitted)
