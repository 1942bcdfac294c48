"""The input X: what it may be, and the error where it may not."""

import warnings
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from tests.faults.common import (
    BOTH,
    SECRET,
    X,
    assert_same_model,
    classifier,
    each_estimator,
    fault,
    ignore_convergence,
    network,
    regressor,
    y,
)

FRAME = pd.DataFrame(X, columns=list("abcd"))
WITH_NAN, WITH_INF = X.copy(), X.copy()
WITH_NAN[3, 1], WITH_INF[3, 1] = np.nan, np.inf
SPARSE_FRAME = pd.DataFrame({"a": pd.arrays.SparseArray(np.where(X[:, 0] > 0, X[:, 0], np.nan))})


def case(number, what, call, error, message, **kwargs):
    return pytest.param(call, error, message, marks=fault(number, what), id=what, **kwargs)


def fit(data, package):
    return package.regressor().fit(data, y[: np.shape(data)[0]])


def refit(first, then, package):
    return package.regressor().fit(first, y).predict(then)


SAME_ERRORS = [
    case("1", "NaN in X", partial(fit, WITH_NAN), ValueError, "Input X contains NaN"),
    case("2", "infinity in X", partial(fit, WITH_INF), ValueError, "Input X contains infinity"),
    case("16", "fit on 0 rows", partial(fit, X[:0]), ValueError, "Found array with 0 sample"),
    case("16", "fit on 0 columns", partial(fit, X[:, :0]), ValueError, "0 feature"),
    case("16", "predict 0 rows", partial(refit, X, X[:0]), ValueError, "0 sample"),
    case("17", "1-d X", partial(fit, X[:, 0]), ValueError, "Expected 2D array, got 1D array"),
    case("17", "3-d X", partial(fit, X[None]), ValueError, "dim 3"),
    case("18", "fewer columns", partial(refit, X, X[:, :3]), ValueError, "X has 3 features, but"),
    case("27", "complex X", partial(fit, X + 1j), ValueError, "Complex data not supported"),
    case("29", "text among objects", partial(fit, np.array([["a", 1.0]] * 150, object)), ValueError,
         "could not convert string to float"),
    case("29", "dict among objects", partial(fit, np.array([[{}, 1.0]] * 150, object)), TypeError,
         "argument must be a string or a real number"),
    case("32", "np.matrix", lambda package: fit(matrix(), package), TypeError, "matrix is not"),
    case("35", "sparse X with NaN", partial(fit, scipy.sparse.csr_array(WITH_NAN)), ValueError,
         "contains NaN"),
    case("36", "sparse column filled with NaN", partial(fit, SPARSE_FRAME), ValueError,
         "fill value|contains NaN"),
    case("38", "names of text and numbers", partial(fit, FRAME.rename(columns={"a": 0})), TypeError,
         "only supported if all input features have string names"),
    case("41", "columns in another order", partial(refit, FRAME, FRAME[list("bacd")]), ValueError,
         "same order"),
    case("41", "missing column", partial(refit, FRAME, FRAME[list("abc")]), ValueError, "missing"),
    case("41", "unknown column", partial(refit, FRAME, FRAME.assign(e=1.0)), ValueError, "unseen"),
]  # fmt: skip


def matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(X)


@ignore_convergence
@pytest.mark.parametrize(("call", "error", "message"), SAME_ERRORS)
def test_an_x_that_is_an_error_in_scikit_learn_is_one_here(call, error, message):
    for package in BOTH:
        with pytest.raises(error, match=message):
            call(package)


TEXT = pd.Series(["u", "v"] * 75)
ENCODE = r"OneHotEncoder\(handle_unknown='ignore'\), \['c'\]"
ERRORS = [
    case("30", "numbers as text", X.astype(str), ValueError, "X must be numeric, got dtype <U"),
    case("31", "masked X", np.ma.masked_array(X, X > 1), ValueError, "X has masked entries"),
    case("37", "category column", FRAME.assign(c=TEXT.astype("category")), ValueError,
         f"Column 'c' of X is category, not numeric.*{ENCODE}"),
    case("37", "column of text", FRAME.assign(c=TEXT), ValueError,
         f"Column 'c' of X is (str|object), not numeric.*{ENCODE}"),
    case("37", "column of objects", FRAME.assign(c=TEXT.astype(object)), ValueError,
         f"Column 'c' of X is object, not numeric.*{ENCODE}"),
    case("37", "date column", FRAME.assign(c=pd.date_range("2020", periods=150)), ValueError,
         "Column 'c' of X is datetime64.*, not numeric.*year"),
    case("37", "only dates", pd.DataFrame({"c": pd.date_range("2020", periods=150)}), ValueError,
         "Column 'c' of X is datetime64.*, not numeric"),
    case("39", "two columns of one name", FRAME.rename(columns={"a": "b"}), ValueError,
         "Column names of X must be unique; more than once: 'b'"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "error", "message"), ERRORS)
@each_estimator
def test_an_x_that_cannot_be_used_is_a_clear_error(cls, data, error, message):
    with pytest.raises(error, match=message):
        network(cls).fit(data, y)


@ignore_convergence
@fault("37", "polars columns of text and dates")
@pytest.mark.parametrize(("dtype", "message"), [("String", "Encode it"), ("Date", "Turn it into")])
def test_a_polars_column_that_is_not_numeric_is_named(dtype, message):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(X, schema=list("abcd"))
    regressor().fit(frame, y)
    frame = frame.with_columns(polars.lit(None).cast(getattr(polars, dtype)).alias("c"))
    with pytest.raises(ValueError, match=f"Column 'c' of X is {dtype}, not numeric. {message}"):
        regressor().fit(frame, y)


@fault("5", "no message prints the data")
@fault("17", "no message prints the data")
@fault("27", "no message prints the data")
@pytest.mark.parametrize(
    ("data", "target"),
    [
        (np.full(150, float(SECRET)), y),
        (np.full((150, 2), float(SECRET) + 1j), y),
        (np.full((150, 2), f"x{SECRET}"), y),
        (np.full((150, 2), f"x{SECRET}", dtype=object), y),
        (pd.DataFrame({"a": [f"x{SECRET}"] * 150}), y),
        (X, np.linspace(0, float(SECRET), 150)),
        (X, np.full(150, float(SECRET) + 1j)),
        (X, np.full((150, 2), float(SECRET))),
        (X, np.full((150, 2), f"x{SECRET}")),
    ],
)
def test_no_message_prints_what_is_in_the_table(data, target):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is what is looked at
        classifier().fit(data, target)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        regressor().fit(data, np.array([f"x{SECRET}"] * 150))
    assert SECRET not in str(raised.value)


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


@fault("20", "X near 1e300")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@each_estimator
def test_an_x_of_1e300_is_an_error_that_says_to_scale_it(cls, solver):
    estimator = network(cls, solver=solver, dtype="float64")
    with pytest.raises(ValueError, match=r"not finite (in epoch [12]|after 0).*Scale X"):
        estimator.fit(X * 1e300, y)


@fault("24", "X beyond float32, to a model of float32")
@ignore_convergence
def test_a_value_beyond_the_compute_dtype_names_its_column():
    estimator = regressor(dtype="float32").fit(X, y)
    data = X.copy()
    data[5, 2] = 1e39
    for table in (data, scipy.sparse.csr_array(data)):
        with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
            estimator.predict(table)
        with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
            regressor(dtype="float32").fit(table, y)


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
def test_other_numbers_are_taken_as_float64_and_half_precision_as_float32(dtype, taken_as):
    data = np.abs(X * 3).astype(dtype)
    estimator = regressor(solver="lbfgs").fit(data, y)
    assert estimator.coefs_[0].dtype == estimator.predict(data).dtype == taken_as
    assert_same_model(estimator, regressor(solver="lbfgs").fit(data.astype(taken_as), y))


@fault("28", "big-endian X and y")
@ignore_convergence
@each_estimator
def test_big_endian_numbers_are_the_same_numbers(cls):
    expected = network(cls).fit(X, y)
    estimator = network(cls).fit(X.astype(">f8"), y.astype(">i4"))
    assert_same_model(estimator, expected)
    assert_array_equal(estimator.predict(X.astype(">f4")), expected.predict(X.astype("f4")))


@fault("29", "numbers as objects")
@ignore_convergence
@each_estimator
def test_numbers_as_objects_are_numbers(cls):
    assert_same_model(network(cls).fit(X.astype(object), y), network(cls).fit(X, y))
    assert_same_model(network(cls).fit(FRAME.astype(object).to_numpy(), y), network(cls).fit(X, y))


@fault("31", "masked array without masked entries; masked y, masked weights")
@ignore_convergence
def test_a_mask_that_masks_nothing_is_no_error():
    masked = np.ma.masked_array(y, y == 2)
    assert_same_model(regressor().fit(np.ma.masked_array(X), y), regressor().fit(X, y))
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
    assert_same_model(network(cls).fit(data, y), network(cls).fit(X, y))
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
    assert_same_model(estimator, expected)
    assert_array_equal(estimator.predict(other), expected.predict(table))


@fault("40", "frame in fit and array in predict, and the other way round")
@ignore_convergence
@each_estimator
def test_names_on_one_side_only_are_a_warning(cls):
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        by_name = network(cls).fit(FRAME, y).predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        by_place = network(cls).fit(X, y).predict(FRAME)
    assert_allclose(by_name, by_place)


@fault("12", "X and y of different lengths")
def test_different_lengths_are_an_error():
    for package in BOTH:
        for estimator in (package.classifier(), package.regressor()):
            with pytest.raises(ValueError, match="inconsistent numbers of samples"):
                estimator.fit(X, y[1:])
