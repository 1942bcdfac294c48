"""The input X: layouts, dtypes, and clear errors."""

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from tests.datasets import TASKS, X_IRIS, Y_IRIS, each_task
from tests.estimators.common import network
from tests.marks import each_estimator, each_format, each_solver, ignore_convergence
from tests.networks import assert_same_model, first_classes, outputs, soft_prediction
from tests.plain import MLPBackpropRegressor


@ignore_convergence
@each_format
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
@each_solver
@each_task
def test_no_input_is_written_to(task, solver, x_dtype, as_matrix):
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(X.astype(x_dtype))
    y = y.astype(x_dtype) if cls is MLPBackpropRegressor else y
    w = np.random.default_rng(0).integers(0, 3, len(y)).astype(x_dtype)
    arrays = [*((X.data, X.indices, X.indptr) if scipy.sparse.issparse(X) else (X,)), y, w]
    before = [a.tobytes() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    estimator = network(cls, solver=solver, early_stopping=True).fit(X, y, sample_weight=w)
    outputs(estimator, X)
    if solver != "lbfgs":
        estimator.partial_fit(X, y, sample_weight=w)
    assert [a.tobytes() for a in arrays] == before


@ignore_convergence
@each_estimator
def test_memory_maps_give_the_same_model_as_arrays(cls, tmp_path):
    expected = network(cls).fit(X_IRIS, Y_IRIS)
    joblib.dump((X_IRIS, Y_IRIS), tmp_path / "data")
    X, y = joblib.load(tmp_path / "data", mmap_mode="r")
    assert isinstance(X, np.memmap)
    assert_same_model(network(cls).fit(X, y), expected, X)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "big-endian": lambda X: X.astype(">f8"),
    "object": lambda X: X.astype(object),
    "longdouble": lambda X: X.astype(np.longdouble),
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X),
    "nullable frame": lambda X: pd.DataFrame(X).astype("Float64"),
}


@ignore_convergence
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@each_estimator
def test_the_same_numbers_in_another_layout_give_the_same_model(cls, layout):
    expected = network(cls).fit(X_IRIS, Y_IRIS)
    other = network(cls).fit(layout(X_IRIS), Y_IRIS)
    assert_same_model(other, expected, X_IRIS)
    for own, then in zip(outputs(other, layout(X_IRIS)), outputs(expected, X_IRIS), strict=True):
        assert_array_equal(own, then)


@ignore_convergence
@pytest.mark.parametrize("x_dtype", [bool, np.uint8, np.int64])
@each_estimator
def test_booleans_and_integers_are_converted_to_float64(cls, x_dtype):
    X = (np.abs(X_IRIS * 3)).astype(x_dtype)
    expected = network(cls).fit(X.astype(float), Y_IRIS)
    estimator = network(cls).fit(X, Y_IRIS)
    assert_same_model(estimator, expected, X)
    assert soft_prediction(estimator, X).dtype == np.float64


@ignore_convergence
@each_format
@pytest.mark.parametrize("dtype", ["auto", "float32", "float64"])
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [50, 10**6])
@each_solver
@pytest.mark.parametrize("task", ["binary", "multiclass", "numbers"])
def test_the_dtype_of_parameters_and_predictions(
    task, solver, batch_size, x_dtype, dtype, as_matrix
):
    """auto is the dtype of X if each step takes all rows, else float32."""
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(X.astype(x_dtype))
    params = {} if solver == "lbfgs" else {"batch_size": batch_size}
    estimator = network(cls, solver=solver, dtype=dtype, max_iter=1, **params).fit(X, y)
    whole = solver == "lbfgs" or batch_size > len(y)
    expected = {"auto": x_dtype if whole else np.float32}.get(dtype, dtype)
    assert {a.dtype for a in estimator.coefs_ + estimator.intercepts_} == {np.dtype(expected)}
    for other_dtype in (np.float32, np.float64):
        _, *soft = outputs(estimator, X.astype(other_dtype))
        assert {a.dtype for a in soft} <= {np.dtype(other_dtype)}
        if cls is MLPBackpropRegressor:
            assert estimator.predict(X.astype(other_dtype)).dtype == other_dtype


@ignore_convergence
@each_estimator
def test_the_dtype_of_the_first_call_stays(cls):
    estimator = network(cls, batch_size=10**6)
    estimator.partial_fit(X_IRIS.astype(np.float32), Y_IRIS, **first_classes(estimator, Y_IRIS))
    assert estimator.partial_fit(X_IRIS, Y_IRIS).coefs_[0].dtype == np.float32
    estimator.set_params(warm_start=True).fit(X_IRIS, Y_IRIS)
    assert estimator.coefs_[0].dtype == np.float32


WITH_INF = np.where(X_IRIS > 1, np.inf, X_IRIS)
BAD_INPUTS = [
    (WITH_INF, "Input X contains infinity"),
    (-WITH_INF, "Input X contains infinity"),
    (np.where(X_IRIS < -1, np.nan, WITH_INF), "Input X contains infinity"),
    (scipy.sparse.csr_array(WITH_INF), "Input X contains infinity"),
    (scipy.sparse.csr_array(np.where(X_IRIS < -1, np.nan, WITH_INF)), "Input X contains infinity"),
    (X_IRIS[:0], "Found array with 0 sample"),
    (X_IRIS[:, :0], "0 feature"),
    (X_IRIS[:, 0], "Expected 2D array, got 1D array"),
    (X_IRIS[None], "dim 3"),
    (X_IRIS + 1j, "Complex data not supported"),
]


@pytest.mark.parametrize(("X", "message"), BAD_INPUTS)
@each_estimator
def test_an_invalid_x_is_a_clear_error(cls, X, message):
    with pytest.raises(ValueError, match=message):
        network(cls).fit(X, Y_IRIS[: X.shape[0]] if X.shape[0] else Y_IRIS[:0])
