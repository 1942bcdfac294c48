"""Arrays of other dtypes, layouts and sizes, and sparse X."""

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from tests.faults.common import X, classifier, fault, network, regressor, y
from tests.faults.tables import FRAME
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters


@fault("36", "sparse column filled with NaN")
@ignore_convergence
@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns")  # as in scikit-learn
@pytest.mark.parametrize("columns", [["a"], ["a", "b", "c", "d"]], ids=["one", "all"])
@pytest.mark.parametrize("fill", [np.nan, 0.0])
@each_estimator
def test_sparse_columns_of_a_frame_equal_dense_ones(cls, fill, columns):
    """For both fill values. If all columns are sparse, scaling would not centre them."""
    frame = pd.DataFrame(np.where(X > 0, X, fill), columns=list("abcd"))
    sparse = frame.astype({name: pd.SparseDtype("float64", fill) for name in columns})
    scaling = {"feature_scaling": None if len(columns) == 4 else "standard"}
    estimator = network(cls, **scaling).fit(sparse, y)
    of_frame = network(cls, **scaling).fit(frame, y)
    for a, b in zip(estimator.coefs_, of_frame.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert_allclose(estimator.predict(sparse), estimator.predict(frame), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "target"),
    [
        pytest.param(X[:1], y[:1], marks=fault("14", "one row")),
        pytest.param(np.ones_like(X), y, marks=fault("19", "X of constants")),
        pytest.param(np.c_[X, np.ones(150)], y, marks=fault("19", "column of a constant")),
        pytest.param(X * 1e-300, y, marks=fault("25", "tiny and denormal X")),
        pytest.param(X * 1e-310, y, marks=fault("25", "tiny and denormal X")),
    ],
)
@ignore_convergence
@each_estimator
def test_an_odd_x_trains_to_finite_predictions(cls, data, target):
    estimator = network(cls).fit(data, target)
    assert np.isfinite(estimator.loss_curve_).all()
    assert np.isfinite(estimator.predict(data)).all()


@fault("20", "X near 1e300, scaled")
@ignore_convergence
@pytest.mark.parametrize("scaling", ["auto", "standard", "robust"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@each_estimator
def test_an_x_of_1e300_trains_when_scaled(cls, solver, scaling):
    params = {"solver": solver, "dtype": "float64", "feature_scaling": scaling}
    estimator, expected = network(cls, **params).fit(X * 1e300, y), network(cls, **params).fit(X, y)
    assert_allclose(estimator.loss_curve_, expected.loss_curve_, rtol=1e-6)
    assert_allclose(estimator.transform(X * 1e300), expected.transform(X), atol=1e-6)


@fault("26", "int, uint8, bool, float16, longdouble X")
@pytest.mark.parametrize(
    ("dtype", "taken_as"),
    [
        ("int64", "f8"),
        ("uint8", "f8"),
        ("bool", "f8"),
        ("longdouble", "f8"),
        ("float32", "f4"),
        ("float16", "f4"),
    ],
)
@ignore_convergence
def test_other_number_types_are_converted_to_float64_and_float16_to_float32(dtype, taken_as):
    data = np.abs(X * 3).astype(dtype)
    estimator = regressor(solver="lbfgs").fit(data, y)
    assert estimator.coefs_[0].dtype == estimator.predict(data).dtype == taken_as
    assert_same_parameters(estimator, regressor(solver="lbfgs").fit(data.astype(taken_as), y))


@fault("28", "big-endian X and y")
@ignore_convergence
@each_estimator
def test_big_endian_numbers_are_the_same_numbers(cls):
    expected = network(cls).fit(X, y)
    estimator = network(cls).fit(X.astype(">f8"), y.astype(">i4"))
    assert_same_parameters(estimator, expected)
    assert_array_equal(estimator.predict(X.astype(">f4")), expected.predict(X.astype("f4")))


@fault("29", "numbers as objects")
@ignore_convergence
@each_estimator
def test_numbers_as_objects_are_numbers(cls):
    assert_same_parameters(network(cls).fit(X.astype(object), y), network(cls).fit(X, y))
    assert_same_parameters(
        network(cls).fit(FRAME.astype(object).to_numpy(), y), network(cls).fit(X, y)
    )


@fault("31", "masked array without masked entries; masked y, masked weights")
@ignore_convergence
def test_a_masked_array_without_masked_entries_is_accepted():
    masked = np.ma.masked_array(y, y == 2)
    assert_same_parameters(regressor().fit(np.ma.masked_array(X), y), regressor().fit(X, y))
    for estimator in (classifier(), regressor()):
        with pytest.raises(ValueError, match="y has masked entries"):
            estimator.fit(X, masked)
        with pytest.raises(ValueError, match="sample_weight has masked entries"):
            estimator.fit(X, y, sample_weight=masked + 1)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda A: A[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": np.array,
}


@fault("33", "read-only, Fortran order, negative strides, memory map")
@pytest.mark.parametrize("layout", [*LAYOUTS, "memory map"])
@ignore_convergence
@each_estimator
def test_the_layout_of_x_changes_nothing_and_its_bytes_stay(cls, layout, tmp_path):
    if layout == "memory map":
        joblib.dump(X, tmp_path / "X")
        data = joblib.load(tmp_path / "X", mmap_mode="r")
    else:
        data = LAYOUTS[layout](X)
        data.flags.writeable = False
    before = data.tobytes()
    assert_same_parameters(network(cls).fit(data, y), network(cls).fit(X, y))
    assert data.tobytes() == before


@fault("34", "csr, csc, coo, lil, dia X, 64-bit indices")
@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dia", "64-bit indices"])
@ignore_convergence
@each_estimator
def test_sparse_x_is_never_made_dense(cls, form, monkeypatch):
    table = scipy.sparse.csr_array(np.where(X > 0.5, X, 0.0)[:30])
    expected = network(cls).fit(table, y[:30])
    other = table.copy() if form == "64-bit indices" else table.asformat(form)
    if form == "64-bit indices":
        other.indices, other.indptr = other.indices.astype("i8"), other.indptr.astype("i8")

    def densify(*args, **kwargs):
        raise AssertionError("made dense")

    for kind in (scipy.sparse.csr_array, scipy.sparse.csr_matrix, scipy.sparse.csc_array):
        monkeypatch.setattr(kind, "toarray", densify)
        monkeypatch.setattr(kind, "todense", densify)
    estimator = network(cls).fit(other, y[:30])
    assert_same_parameters(estimator, expected)
    assert_array_equal(estimator.predict(other), expected.predict(table))
