"""Searches over estimators, containers and settings of all kinds, against scikit-learn's."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.model_selection as theirs
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import sknet.model_selection as ours
from sknet import presets
from tests.marks import ignore_convergence
from tests.search.test_lanes import CLASSIFIER, REGRESSOR, Y_CLASSES, Y_NUMBERS, X

pytestmark = ignore_convergence
RATES = {"learning_rate_init": [1e-3, 1e-2]}
NESTED = Pipeline([("inner", Pipeline([("scale", StandardScaler()), ("net", CLASSIFIER)]))])
WITH_GAPS = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)


def with_params(**params):
    return clone(CLASSIFIER).set_params(**params)


#: Estimator, grid, X, y, fit parameters.
SEARCHES = {
    "sparse": (CLASSIFIER, RATES, csr_array(np.where(X > 0, X, 0)), Y_CLASSES, {}),
    "lists": (CLASSIFIER, RATES, X.tolist(), Y_CLASSES.tolist(), {}),
    "frame": (CLASSIFIER, RATES, pd.DataFrame(X).add_prefix("c"), pd.Series(Y_CLASSES), {}),
    "text labels": (CLASSIFIER, RATES, X, np.array(list("abc"))[Y_CLASSES], {}),
    "missing numbers": (CLASSIFIER, RATES, WITH_GAPS, Y_CLASSES, {}),
    "twelve rows": (CLASSIFIER, RATES, X[:12], Y_CLASSES[:12], {}),
    "a pipeline in a pipeline": (NESTED, {"inner__net__alpha": [0.0, 1e-4]}, X, Y_CLASSES, {}),
    "calibrated": (
        CalibratedClassifierCV(CLASSIFIER, cv=2), {"estimator__alpha": [0.0, 1e-4]}, X, Y_CLASSES,
        {},
    ),
    "transformed target": (
        TransformedTargetRegressor(REGRESSOR), {"regressor__alpha": [0.0, 1e-4]}, X, Y_NUMBERS, {}
    ),
    "RandomState": (with_params(random_state=np.random.RandomState(3)), RATES, X, Y_CLASSES, {}),
    "splitter": (
        with_params(cv=ShuffleSplit(2, random_state=0)), RATES, X, Y_CLASSES, {}
    ),
    "with and without cv": (CLASSIFIER, RATES | {"cv": [None, 2, 3]}, X, Y_CLASSES, {}),
    "schedules of the user": (
        CLASSIFIER, {"learning_rate": [lambda p: 0.01, lambda p: 0.01 / (1 + p.epoch)]}, X,
        Y_CLASSES, {},
    ),
    "weights of 0": (CLASSIFIER, RATES, X, Y_CLASSES, {"sample_weight": np.arange(len(X)) % 2}),
    "accurate": (
        with_params(**presets.ACCURATE), {"weight_decay": [0.01, 0.1]}, X, Y_CLASSES, {}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.filterwarnings("ignore:The least populated class in y")
@pytest.mark.filterwarnings("ignore:The hold-out of early stopping")
def test_scores_equal_those_of_scikit_learns_search(name):
    estimator, grid, X, y, fit_params = SEARCHES[name]
    scores = [
        module.GridSearchCV(clone(estimator), grid, cv=2, refit=False)
        .fit(X, y, **fit_params)
        .cv_results_["mean_test_score"]
        for module in (ours, theirs)
    ]
    assert_allclose(*scores, rtol=1e-6, atol=1e-9)
    assert np.isfinite(scores[0]).all()


@pytest.mark.parametrize(
    "fit_params", [{"sample_weight": np.zeros(len(X))}, {"unknown": 1}], ids=str
)
def test_fit_parameters_that_raise_raise_the_same(fit_params):
    messages = []
    for module in (ours, theirs):
        search = module.GridSearchCV(CLASSIFIER, RATES, cv=2, error_score="raise")
        with pytest.raises((ValueError, TypeError)) as raised:
            search.fit(X, Y_CLASSES, **fit_params)
        messages.append(f"{type(raised.value).__name__}: {raised.value}")
    assert messages[0] == messages[1]


def test_a_pipeline_with_a_cache(tmp_path):
    pipeline = Pipeline([("scale", StandardScaler()), ("net", CLASSIFIER)], memory=str(tmp_path))
    grid = {"net__alpha": [0.0, 1e-4], "scale__with_mean": [True, False]}
    found = [
        module.GridSearchCV(clone(pipeline), grid, cv=2, refit=False).fit(X, Y_CLASSES)
        for module in (ours, theirs)
    ]
    assert_allclose(*(own.cv_results_["mean_test_score"] for own in found))


def test_a_search_inside_cross_validation():
    scores = [
        module.cross_val_score(module.GridSearchCV(CLASSIFIER, RATES, cv=2), X, Y_CLASSES, cv=2)
        for module in (ours, theirs)
    ]
    assert_allclose(*scores)


def test_workers_that_are_threads():
    with joblib.parallel_config("threading", n_jobs=2):
        found = ours.GridSearchCV(CLASSIFIER, RATES, cv=4, refit=False).fit(X, Y_CLASSES)
    expected = theirs.GridSearchCV(CLASSIFIER, RATES, cv=4, refit=False).fit(X, Y_CLASSES)
    assert_allclose(found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])


@pytest.mark.parametrize("method", ["predict", "decision_function", "predict_log_proba"])
def test_predictions_of_every_row(method):
    found = [
        module.cross_val_predict(CLASSIFIER, X, Y_CLASSES, cv=3, method=method)
        for module in (ours, theirs)
    ]
    assert_allclose(*found)
