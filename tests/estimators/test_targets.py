"""The target y: what is accepted, how predictions return it, and clear errors."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import DataConversionWarning

from tests.datasets import X_IRIS, Y_IRIS, counts, multilabel, number, numbers
from tests.estimators.common import network
from tests.marks import ESTIMATORS, ignore_convergence
from tests.networks import assert_same_model
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

LABELS = {
    "str": np.array(["a", "bb", "ccc"]),
    "object": np.array(["a", "bb", "ccc"], dtype=object),
    "bool": np.array([False, True]),
    "negative": np.array([-1, 0, 1]),
    "int8": np.array([-5, 3, 100], dtype=np.int8),
    "float": np.array([-1.0, 0.0, 7.0]),
    "uint64": np.array([1, 2**63 + 1, 2**63 + 3], dtype=np.uint64),
    "datetime": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]"),
}


@ignore_convergence
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_keep_their_dtype(labels, n_classes):
    labels = labels[:n_classes]
    y = labels[Y_IRIS % len(labels)]
    estimator = network(MLPBackpropClassifier, max_iter=30).fit(X_IRIS, y)
    estimator.partial_fit(X_IRIS[:10], y[:10])
    assert estimator.classes_.dtype == estimator.predict(X_IRIS).dtype == labels.dtype
    assert_array_equal(estimator.classes_, labels)
    assert estimator.score(X_IRIS, y) > 0.7


@ignore_convergence
def test_pandas_labels_keep_their_values():
    for y, dtype in [
        (pd.Series(["no", "yes"] * 75), object),
        (pd.Series(["no", "yes"] * 75, dtype="category"), object),
        (pd.Series([False, True] * 75), bool),
        (pd.Series([False, True] * 75, dtype="boolean"), bool),
    ]:
        estimator = network(MLPBackpropClassifier).fit(X_IRIS, y)
        assert list(estimator.classes_) == sorted(set(y))
        assert estimator.classes_.dtype == dtype
        assert set(estimator.predict(X_IRIS)) <= set(y)


@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_label_indicators_may_be_dense_or_sparse(solver):
    X, Y = multilabel()
    dense = network(MLPBackpropClassifier, solver=solver).fit(X, Y)
    assert_array_equal(dense.classes_, [0, 1, 2])
    for indicator in (scipy.sparse.csr_array(Y), scipy.sparse.csc_matrix(Y), Y.astype(bool)):
        assert_same_model(network(MLPBackpropClassifier, solver=solver).fit(X, indicator), dense, X)
    frame = pd.DataFrame(Y, columns=["a", "b", "c"])
    assert_same_model(network(MLPBackpropClassifier, solver=solver).fit(X, frame), dense, X)


@ignore_convergence
def test_a_column_of_targets_is_taken_as_a_vector_with_a_warning():
    for cls in ESTIMATORS:
        expected = network(cls).fit(X_IRIS, Y_IRIS)
        with pytest.warns(DataConversionWarning, match="column-vector"):
            column = network(cls).fit(X_IRIS, Y_IRIS[:, None])
        assert_same_model(column, expected, X_IRIS)


@ignore_convergence
def test_a_target_of_numbers_as_strings_is_converted():
    X, y = number()
    expected = network(MLPBackpropRegressor).fit(X, y)
    assert_same_model(network(MLPBackpropRegressor).fit(X, y.astype(str)), expected, X)


@ignore_convergence
def test_predictions_have_the_shape_of_the_target():
    X, Y = numbers()
    assert network(MLPBackpropRegressor).fit(X, Y).predict(X).shape == Y.shape
    assert network(MLPBackpropRegressor).fit(X, Y[:, 0]).predict(X).shape == (len(X),)


BAD_TARGETS = [
    (MLPBackpropClassifier, Y_IRIS[:-1], "inconsistent numbers of samples"),
    (MLPBackpropClassifier, None, "requires y to be passed, but the target y is None"),
    (MLPBackpropClassifier, X_IRIS[:, 0], "continuous"),
    (MLPBackpropClassifier, np.where(Y_IRIS == 1, np.nan, Y_IRIS), "NaN"),
    (MLPBackpropClassifier, np.where(Y_IRIS == 1, np.inf, Y_IRIS), "infinity"),
    (MLPBackpropClassifier, np.stack([Y_IRIS, Y_IRIS], axis=1), "1d array"),
    (MLPBackpropClassifier, np.zeros((150, 2, 2), int), "dim"),
    (MLPBackpropRegressor, Y_IRIS[:-1], "inconsistent numbers of samples"),
    (MLPBackpropRegressor, None, "requires y to be passed, but the target y is None"),
    (MLPBackpropRegressor, np.where(Y_IRIS == 1, np.nan, Y_IRIS), "NaN"),
    (MLPBackpropRegressor, np.where(Y_IRIS == 1, np.inf, Y_IRIS), "infinity"),
    (MLPBackpropRegressor, np.zeros((150, 2, 2)), "dim"),
    (MLPBackpropRegressor, np.array(["a"] * 150), "convert string to float"),
    (MLPBackpropRegressor, Y_IRIS + 1j, "[Cc]omplex"),
]


@pytest.mark.parametrize(("cls", "y", "message"), BAD_TARGETS)
def test_an_invalid_target_is_a_clear_error(cls, y, message):
    with pytest.raises(ValueError, match=message):
        network(cls).fit(X_IRIS, y)


def test_labels_of_mixed_kinds_are_an_error():
    y = np.array(["a", 1] * 75, dtype=object)
    with pytest.raises((TypeError, ValueError), match=r"str.*int|int.*str|unknown"):
        network(MLPBackpropClassifier).fit(X_IRIS, y)


def test_poisson_refuses_a_negative_target():
    X, y = counts()
    y[3] = -1e-9
    estimator = network(MLPBackpropRegressor, loss="poisson")
    with pytest.raises(ValueError, match="y must be 0 or more with loss='poisson'"):
        estimator.fit(X, y)


@pytest.mark.parametrize("n_samples", [100, 500])
def test_a_target_too_large_for_the_compute_dtype_is_an_error(n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 2))
    y = np.full(n_samples, 1e39)
    estimator = network(MLPBackpropRegressor, dtype="float32", target_scaling=False)
    with pytest.raises(ValueError, match="y holds a value that is too large for float32"):
        estimator.fit(X, y)


@ignore_convergence
def test_a_scaled_target_may_be_larger_than_the_compute_dtype_holds():
    X, y = number()
    small, large = (
        network(MLPBackpropRegressor, dtype="float32", max_iter=50).fit(X, unit * y).predict(X)
        for unit in (1.0, 1e300)
    )
    assert_allclose(large / 1e300, small, rtol=1e-4, atol=1e-4)


def test_a_target_too_large_for_the_dtype_of_predictions_is_an_error():
    X, y = number()
    with pytest.raises(ValueError, match="y holds a value that is too large for float32"):
        network(MLPBackpropRegressor).fit(X.astype(np.float32), y * 1e39)
