"""Prediction: other rows, threads, overflow, and input that does not fit the model."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import minmax_scale

from tests.datasets import X_IRIS, Y_IRIS, counts, each_task, number
from tests.estimators.common import fitted, network
from tests.marks import each_estimator, each_format, ignore_convergence
from tests.networks import outputs, soft_prediction
from tests.plain import MLPBackpropRegressor


@ignore_convergence
@each_task
@pytest.mark.parametrize("n_members", [1, 3])
def test_set_params_after_fit_changes_no_prediction(task, n_members):
    estimator, X, _ = fitted(task, n_members=n_members)
    before = outputs(estimator, X)
    others = dict.fromkeys(estimator.get_params(), "rubbish")
    others |= {"activation": "logistic", "hidden_layer_sizes": (3, 3), "dtype": "float16"}
    estimator.set_params(**others)
    for now, then in zip(outputs(estimator, X), before, strict=True):
        assert_array_equal(now, then)


@ignore_convergence
@each_format
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 3])
@each_task
def test_the_prediction_of_a_row_does_not_depend_on_other_rows(task, n_members, dtype, as_matrix):
    estimator, X, _ = fitted(task, n_members=n_members, dtype=dtype, activation="tanh")
    X = as_matrix(X)
    rows = np.random.default_rng(0).permutation(X.shape[0])[:9]
    for whole, *parts in zip(
        outputs(estimator, X),
        outputs(estimator, X[rows]),
        outputs(estimator, X[:33]),
        *(outputs(estimator, X[[row]]) for row in rows),
        strict=True,
    ):
        some, first, *single = parts
        assert_array_equal(some, whole[rows])
        assert_array_equal(first, whole[:33])
        assert_array_equal(np.concatenate(single), whole[rows])


@ignore_convergence
@each_task
def test_predictions_for_many_rows_equal_those_for_parts(task):
    """Up to rounding in float32: BLAS may split a long product and not a short one."""
    estimator, X, _ = fitted(task, hidden_layer_sizes=(70,))
    X = np.random.default_rng(0).normal(size=(5003, X.shape[1]))
    pieces = np.array_split(X, 7)
    for whole, *parts in zip(
        outputs(estimator, X), *(outputs(estimator, x) for x in pieces), strict=True
    ):
        scale = np.abs(whole).max()
        assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=1e-6 * scale)


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
def test_concurrent_predictions_equal_sequential_ones(n_members):
    estimator, X, _ = fitted("multiclass", n_members=n_members)
    tables = [np.random.default_rng(k).normal(size=(40 + k, X.shape[1])) for k in range(8)]
    expected = [estimator.predict_proba(table) for table in tables]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(25):
            for P, one in zip(pool.map(estimator.predict_proba, tables), expected, strict=True):
                assert_array_equal(P, one)


@ignore_convergence
@each_format
@pytest.mark.parametrize("task", ["binary", "number"])
def test_a_value_too_large_for_float32_is_an_error_that_names_its_column(task, as_matrix):
    estimator, X, _ = fitted(task, dtype="float32", feature_scaling="standard")
    X = X.copy()
    X[-1, 2] = 1e39
    with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
        estimator.predict(as_matrix(X))
    X[-1, 2] = 1e38
    assert np.isfinite(soft_prediction(estimator, as_matrix(X))).all()


@ignore_convergence
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
def test_poisson_predictions_that_overflow_are_the_largest_finite_number(x_dtype):
    X, y = counts()
    params = {"loss": "poisson", "activation": "identity", "feature_scaling": "standard"}
    estimator = network(MLPBackpropRegressor, **params).fit(X, y)
    prediction = estimator.predict((X * 1e5).astype(x_dtype))
    assert np.isfinite(prediction).all()
    assert (prediction >= 0).all()
    assert_allclose(prediction.max(), np.finfo(x_dtype).max, rtol=1e-3)


@pytest.mark.parametrize(
    "loss_activation", [("squared_error", "logistic"), ("squared_error", "tanh")]
)
@ignore_convergence
def test_a_bounded_output_keeps_predictions_within_its_bounds(loss_activation):
    loss, out_activation = loss_activation
    X, y = number()
    y = minmax_scale(y, (0, 1))
    estimator = network(MLPBackpropRegressor, loss=loss, out_activation=out_activation).fit(X, y)
    prediction = estimator.predict(100 * X)
    assert estimator.out_activation_ == out_activation
    low = {"logistic": 0, "tanh": -1}[out_activation]
    assert ((prediction >= low) & (prediction <= 1)).all()
    assert np.ptp(prediction) > 0.1


@each_estimator
def test_an_unfitted_estimator_does_not_predict(cls):
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(cls, name):
            with pytest.raises(NotFittedError):
                getattr(cls(), name)(X_IRIS)


@ignore_convergence
@each_estimator
def test_columns_that_differ_from_those_in_fit_are_an_error(cls):
    estimator = network(cls).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP.* is expecting 4"):
        estimator.predict(X_IRIS[:, :3])
    frame = pd.DataFrame(X_IRIS, columns=["a", "b", "c", "d"])
    estimator.fit(frame, Y_IRIS)
    assert_array_equal(estimator.feature_names_in_, ["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.partial_fit(frame.rename(columns={"a": "e"}), Y_IRIS)


@ignore_convergence
def test_the_encoder_that_is_kept_between_calls_is_that_of_the_last_fit():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.normal(size=80)
    model = MLPBackpropRegressor((5,), max_iter=5, random_state=0).fit(X, y)
    before = model.predict(X)
    model.fit(100.0 * X + 7.0, y)
    fresh = clone(model).fit(100.0 * X + 7.0, y)
    assert_array_equal(model.predict(X), fresh.predict(X))
    assert not np.array_equal(model.predict(X), before)
    copied = copy.deepcopy(model)
    assert_array_equal(copied.set_params(max_iter=2).fit(X, y).predict(X[:1]).shape, (1,))
    assert_array_equal(model.predict(X), fresh.predict(X))


@ignore_convergence
def test_a_subclass_that_compares_by_value_predicts():
    class ByValue(MLPBackpropRegressor):
        def __eq__(self, other):
            return isinstance(other, ByValue) and self.get_params() == other.get_params()

        __hash__ = None

    X = np.random.default_rng(0).normal(size=(80, 3))
    models = [
        kind((5,), max_iter=5, random_state=0).fit(X, X[:, 0])
        for kind in (ByValue, MLPBackpropRegressor)
    ]
    assert_array_equal(*(model.predict(X) for model in models))


@ignore_convergence
@pytest.mark.parametrize(
    "change",
    [np.asfortranarray, lambda X: X[::-1][::-1], lambda X: X.tolist(), lambda X: X.astype(">f8")],
    ids=["Fortran order", "strides", "lists", "bytes swapped"],
)
def test_rows_that_need_validation_are_predicted_as_those_that_do_not(change):
    X = np.random.default_rng(0).normal(size=(80, 3))
    model = MLPBackpropRegressor((5,), max_iter=5, random_state=0).fit(X, X[:, 0])
    assert_array_equal(model.predict(change(X)), model.predict(X))
    with pytest.raises(ValueError, match="2 features"):
        model.predict(change(X[:, :2].copy()))
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        model.predict(X[:0])
    with pytest.raises(ValueError, match="2D array"):
        model.predict(X[0])
