"""What is kept from one prediction to the next never shows: changed models, pickles, memory."""

import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from joblib import cpu_count
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits

import sknet
from sknet import _attributes
from tests.datasets import each_task
from tests.estimators.common import contents, fitted
from tests.marks import ignore_convergence
from tests.mixed import TABLE, Y
from tests.networks import outputs
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

X = np.random.default_rng(0).normal(size=(120, 4))
OPTIONS = {
    "scaled": {"feature_scaling": "standard"},
    "as it is": {"feature_scaling": None},
    "members": {"feature_scaling": "standard", "n_members": 3},
    "piecewise linear": {"numeric_embedding": "ple", "n_bins": 30},
    "periodic": {"numeric_embedding": "periodic"},
    "no hidden layer": {"hidden_layer_sizes": (), "feature_scaling": "standard"},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def regressor(**options):
    settings = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0} | options
    return MLPBackpropRegressor(**settings).fit(X, X[:, 0] + X[:, 1] ** 2)


def afresh(model):
    """The same fitted model, for which nothing is kept."""
    return pickle.loads(pickle.dumps(model))


def changed_lists(model):
    model.coefs_ = [W + 0.5 for W in model.coefs_]


def changed_entry(model):
    model.coefs_[0] = np.asfortranarray(2.0 * model.coefs_[0])


def changed_weights(model):
    model.coefs_[0][..., 1, :] += 1.0


def changed_last_weights(model):
    model.coefs_[-1] *= -1.0


def changed_biases(model):
    model.intercepts_[0][..., 0] += 1.0


def changed_training(model):
    model.set_params(warm_start=True).fit(X, X[:, 0])


CHANGES = [
    changed_lists, changed_entry, changed_weights, changed_last_weights, changed_biases,
    changed_training,
]  # fmt: skip


@ignore_convergence
@each_option
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_model_predicts_by_what_it_has_become(options, change):
    model = regressor(**options)
    before = model.predict(X[:3])
    change(model)
    now = model.predict(X[:3])
    assert not np.allclose(now, before)
    assert_array_equal(now, afresh(model).predict(X[:3]))
    assert_array_equal(model.predict(X)[:3], now)


@ignore_convergence
def test_changed_weights_give_the_prediction_of_the_formula():
    model = regressor(feature_scaling=None, target_scaling=False, dtype="float64")
    model.predict(X[:1])
    rng = np.random.default_rng(1)
    for a in (*model.coefs_, *model.intercepts_):
        a[...] = rng.normal(size=a.shape)
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0.0)
    expected = hidden @ model.coefs_[1] + model.intercepts_[1]
    for rows in (slice(1), slice(40)):
        assert_allclose(model.predict(X[rows]), expected[rows, 0], rtol=1e-12)


@ignore_convergence
def test_changed_embeddings_count():
    frame = pd.DataFrame(TABLE)
    model = sknet.MLPBackpropRegressor((5,), max_iter=3, max_onehot=2, random_state=0)
    model.fit(frame, Y)
    assert model.embeddings_
    before = model.predict(frame)
    for E in model.embeddings_:
        E *= 10.0
    now = model.predict(frame)
    assert not np.allclose(now, before)
    assert_array_equal(now, afresh(model).predict(frame))


@ignore_convergence
@each_option
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_rows_after_many_and_many_after_few_are_predicted_alike(options, dtype):
    model, rows = regressor(**options), X.astype(dtype)
    expected = afresh(model).predict(rows)
    for n in (1, 16, 3, 120, 32, 2, 17, 1):
        assert_array_equal(model.predict(rows[:n]), expected[:n])
        assert_array_equal(model.predict(rows[-n:]), expected[-n:])
    assert_array_equal(model.transform(rows[:5]), afresh(model).transform(rows)[:5])


@ignore_convergence
def test_an_error_leaves_nothing_behind():
    model = regressor(feature_scaling="standard", dtype="float32")
    expected, bad = model.predict(X[:2]), X[:2].copy()
    for value in (np.inf, 1e300):
        bad[1, 2] = value
        for _ in range(2):
            with pytest.raises(ValueError, match="2"):
                model.predict(bad)
        assert_array_equal(model.predict(X[:2]), expected)


@ignore_convergence
def test_a_result_is_not_changed_by_the_next_prediction():
    model = MLPBackpropClassifier((5,), max_iter=4, random_state=0).fit(X, X[:, 0] > 0)
    for method in (model.predict, model.predict_proba, model.decision_function, model.transform):
        first = method(X[:1])
        kept = first.copy()
        method(X[1:2])
        assert_array_equal(first, kept)


@ignore_convergence
@each_task
def test_the_model_holds_nothing_of_it(task):
    model, rows, _ = fitted(task)
    before = contents(model)
    outputs(model, rows[:1])
    assert contents(model) == before
    assert not vars(clone(model)).keys() - vars(model).keys()


@ignore_convergence
def test_it_ends_with_the_model_and_with_the_next_fit():
    model = regressor()
    model.predict(X[:1])
    W = weakref.ref(model.coefs_[0])
    model.fit(X, X[:, 1])
    gc.collect()
    assert W() is None
    model.predict(X[:1])
    plan = weakref.ref(_attributes._PLANS[model])
    del model
    gc.collect()
    assert plan() is None


@ignore_convergence
def test_large_parameters_are_not_copied_for_it(monkeypatch):
    model = regressor()
    expected = model.predict(X)
    monkeypatch.setattr("sknet._fitted.plan.KEPT_ELEMENTS", 10)
    model = afresh(model)
    assert_array_equal(model.predict(X), expected)
    assert model not in _attributes._PLANS


@ignore_convergence
@each_option
def test_threads_may_predict_single_rows_at_the_same_time(options):
    model = regressor(**options)
    expected = afresh(model).predict(X)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = list(pool.map(lambda k: model.predict(X[k : k + 1])[0], range(len(X))))
            assert_array_equal(found, expected)


@ignore_convergence
def test_one_row_of_a_wide_network_uses_one_thread_of_blas():
    """One row is padded to 16, which makes the product large enough for BLAS to share it."""
    rows = np.random.default_rng(0).normal(size=(60, 300))
    model = MLPBackpropRegressor((100,), max_iter=1, random_state=0).fit(rows, rows[:, 0])
    seen = []

    def finish(Z):
        seen.extend(own["num_threads"] for own in threadpool_info() if own["user_api"] == "blas")
        return Z[0, :, 0]

    with threadpool_limits(limits=cpu_count(), user_api="blas"):
        model._predict_by(finish, rows[:1])
    assert set(seen) == {1}
