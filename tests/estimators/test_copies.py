"""Pickles, clones and models loaded from files."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from tests.datasets import X_IRIS, Y_IRIS, each_task, multiclass
from tests.estimators.common import fitted, network
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_model
from tests.plain import MLPBackpropClassifier


@ignore_convergence
@each_estimator
def test_a_pickle_holds_no_rows_and_a_training_state_only_with_warm_start(cls):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 10)), rng.integers(0, 2, 3000)
    estimator = cls((100,), max_iter=3, early_stopping=True, random_state=0)
    size = len(pickle.dumps(estimator.fit(X, y)))
    n_bytes = sum(a.nbytes for a in estimator.coefs_ + estimator.intercepts_)
    held_out = 8 * 300  # the scores of the rows that were held out
    assert n_bytes < size < n_bytes + held_out + 3500
    estimator.set_params(warm_start=True).fit(X, y)
    assert len(pickle.dumps(estimator)) > 3 * n_bytes


@ignore_convergence
@each_task
def test_a_pickled_model_predicts_the_same(task):
    estimator, X, _ = fitted(task, n_members=2)
    assert_same_model(pickle.loads(pickle.dumps(estimator)), estimator, X)


@ignore_convergence
@each_estimator
def test_a_clone_is_unfitted_and_fits_to_the_same_model(cls):
    estimator = network(cls).fit(X_IRIS, Y_IRIS)
    again = clone(estimator)
    assert not hasattr(again, "coefs_")
    assert_same_model(again.fit(X_IRIS, Y_IRIS), estimator, X_IRIS)


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_training_continues_from_a_read_only_memory_map(tmp_path, solver, method):
    X, y = multiclass()
    estimator = network(MLPBackpropClassifier, solver=solver, warm_start=True).fit(X, y)
    file = tmp_path / "model.joblib"
    joblib.dump(estimator, file)
    saved = file.read_bytes()
    loaded = joblib.load(file, mmap_mode="r")
    assert isinstance(loaded.coefs_[0], np.memmap)
    assert_same_model(loaded, estimator, X)
    getattr(loaded, method)(X, y)
    getattr(estimator, method)(X, y)
    assert_same_model(loaded, estimator, X)
    assert file.read_bytes() == saved
