"""The input X: what it may be, and the error where it may not."""

import warnings
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknet._table import TableError
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
WITH_INF = X.copy()
WITH_INF[3, 1] = np.inf


def case(number, what, call, error, message, **kwargs):
    return pytest.param(call, error, message, marks=fault(number, what), id=what, **kwargs)


def fit(data, package):
    return package.regressor().fit(data, y[: np.shape(data)[0]])


def refit(first, then, package):
    return package.regressor().fit(first, y).predict(then)


SAME_ERRORS = [
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


DATES = pd.date_range("2020", periods=150)
ADVICE = pd.Series([f"row {k} says what nobody else says" for k in range(150)])
HOLDS_DATES = "Column 'c' of X holds dates or times"
ERRORS = [
    case("30", "numbers as text", X.astype(str), ValueError, "X must be numeric, got dtype <U"),
    case("31", "masked X", np.ma.masked_array(X, X > 1), ValueError, "X has masked entries"),
    case("2", "infinity beside NaN", np.where(X < 0, np.nan, WITH_INF), ValueError,
         r"contains infinity or a value too large for dtype\('float64'\): column 1"),
    case("2", "infinity in a frame", FRAME.assign(c=WITH_INF[:, 1]), TableError,
         "Input X contains infinity .*: column 'c'"),
    case("37", "date column", FRAME.assign(c=DATES), TableError,
         rf"{HOLDS_DATES} \(dtype datetime64.*\), not numeric.*\n  X\['c_year'\] = X"),
    case("37", "only dates", pd.DataFrame({"c": DATES}), TypeError,
         rf"{HOLDS_DATES} \(dtype datetime64.*\), not numeric"),
    case("37", "dates as objects", FRAME.assign(c=DATES.date), ValueError,
         rf"{HOLDS_DATES} \(dtype object\), not numeric"),
    case("37", "periods", FRAME.assign(c=DATES.to_period("M")), ValueError,
         rf"{HOLDS_DATES} \(dtype period.*\), not numeric"),
    case("37", "text and numbers in a column", FRAME.assign(c=["u", 1] * 75), TableError,
         r"Column 'c' of X is of mixed types: numbers and text(.|\n)*X\['c'\].astype\(str\)"),
    case("37", "dict in a column", FRAME.assign(c=[{}] * 150), TableError,
         "Column 'c' of X holds values of type dict"),
    case("37", "free text", FRAME.assign(c=ADVICE), TableError,
         r"Column 'c' of X is free text \(dtype (str|object)\): 150 different values in 150 rows"),
    case("37", "complex column", FRAME.assign(c=1j), TableError,
         r"Column 'c' of X \(dtype complex128\) cannot be read as numbers"),
    case("39", "two columns of one name", FRAME.rename(columns={"a": "b"}), ValueError,
         "Column names of X must be unique; more than once: 'b'"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "error", "message"), ERRORS)
@each_estimator
def test_an_x_that_cannot_be_used_is_a_clear_error(cls, data, error, message):
    with pytest.raises(error, match=message):
        network(cls).fit(data, y)


# ------------------------------------------------------------ missing values, categories

#: The computed columns are those of X, but for missing values and categories.
AS_IT_IS = {"feature_scaling": None}
SOME = X.copy()  # of "a" and "c" some are missing; of "b" and "d" none
SOME[::5, 0] = SOME[3:90, 2] = np.nan
MEDIANS = np.nanmedian(SOME, axis=0)
GAPS = np.isnan(X + np.where(X > 0.7, np.nan, 0))  # in all columns


def by_hand(rows, medians=MEDIANS, indicated=(0, 2)):
    """Impute by the medians, and append an indicator of the columns that have missing values."""
    gaps = np.isnan(rows)
    return np.c_[np.where(gaps, medians, rows), gaps[:, list(indicated)]]


def assert_predicts(estimator, rows, expected, rows_by_hand, **tolerance):
    """Both predict the same of the rows, each as it takes them."""
    for name in ("predict", "predict_proba", "transform"):
        if hasattr(estimator, name):
            ours, theirs = getattr(estimator, name)(rows), getattr(expected, name)(rows_by_hand)
            if ours.dtype.kind == "f" and tolerance:
                assert_allclose(ours, theirs, **tolerance)
            else:
                assert_array_equal(ours, theirs)


@fault("1", "NaN in X")
@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@each_estimator
def test_missing_values_are_the_median_and_have_an_indicator(cls, solver):
    estimator = network(cls, solver=solver, **AS_IT_IS).fit(SOME, y)
    expected = network(cls, solver=solver, **AS_IT_IS).fit(by_hand(SOME), y)
    assert_same_model(estimator, expected)
    assert estimator.n_features_in_ == 4
    assert_predicts(estimator, SOME, expected, by_hand(SOME))
    everywhere = np.where(GAPS, np.nan, X)  # in columns too that had none
    assert_predicts(estimator, everywhere, expected, by_hand(everywhere))
    assert not np.array_equal(estimator.transform(SOME), estimator.transform(X))


@fault("1", "NaN in X that is scaled")
@ignore_convergence
@pytest.mark.parametrize("w", [None, 1.0 + y, y % 2 * 1.0], ids=["unweighted", "1-3", "some 0"])
@each_estimator
def test_scales_and_medians_are_of_the_values_that_are_there(cls, w):
    """A row of weight 2 counts twice among them, one of weight 0 not at all."""
    rows = 5 + 3 * SOME
    there = rows if w is None else rows.repeat(w.astype(int), axis=0)
    medians, means, stds = (f(there, axis=0) for f in (np.nanmedian, np.nanmean, np.nanstd))
    params = {"dtype": "float64", "solver": "lbfgs"}
    estimator = network(cls, **params).fit(rows, y, sample_weight=w)
    scaled = by_hand(rows, medians)
    scaled[:, :4] = (scaled[:, :4] - means) / stds
    expected = network(cls, **params, **AS_IT_IS).fit(scaled, y, sample_weight=w)
    for own, other in zip(estimator.coefs_, expected.coefs_, strict=True):
        assert_allclose(own, other, rtol=1e-6, atol=1e-8)
    assert_predicts(estimator, rows, expected, scaled, rtol=1e-6, atol=1e-8)


@fault("1", "NaN in X at prediction only")
@ignore_convergence
@pytest.mark.parametrize("scaling", ["standard", "robust", None])
@each_estimator
def test_a_value_that_is_missing_at_prediction_only_is_the_median_of_training(cls, scaling):
    estimator = network(cls, feature_scaling=scaling).fit(X, y)
    assert len(estimator.coefs_[0]) == 4
    imputed = np.where(GAPS, np.median(X, axis=0), X)
    assert_predicts(estimator, np.where(GAPS, np.nan, X), estimator, imputed)
    everything = np.full((1, 4), np.nan)
    assert_predicts(estimator, everything, estimator, np.median(X, axis=0)[None])


@fault("1", "column of NaN alone")
@ignore_convergence
@each_estimator
def test_a_column_that_is_all_missing_is_a_constant(cls):
    rows = np.c_[X, np.full(150, np.nan)]
    estimator = network(cls).fit(rows, y)
    assert_same_model(estimator, network(cls).fit(np.c_[X, np.zeros(150)], y))
    # what comes later in it has no scale
    assert_predicts(estimator, rows, estimator, np.c_[X, np.arange(150.0)])


@fault("1", "NaN in X, in frames")
@ignore_convergence
@pytest.mark.parametrize("kind", ["float64", "Float64", "object", "None", "polars"])
@each_estimator
def test_missing_values_of_frames_are_nan(cls, kind):
    expected = network(cls).fit(pd.DataFrame(SOME, columns=list("abcd")), y)
    if kind == "polars":
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame(SOME, schema=list("abcd")).fill_nan(None)
        assert frame["a"].null_count() == 30
    elif kind == "None":
        frame = pd.DataFrame(SOME, columns=list("abcd")).astype(object)
        frame = frame.where(frame.notna(), None)
    else:
        frame = pd.DataFrame(SOME, columns=list("abcd")).astype(kind)
        if kind == "Float64":
            frame["a"] = frame["a"].fillna(pd.NA)
    estimator = network(cls).fit(frame, y)
    assert_same_model(estimator, expected)
    assert_array_equal(estimator.feature_names_in_, list("abcd"))
    assert_array_equal(
        estimator.predict(frame), expected.predict(pd.DataFrame(SOME, columns=list("abcd")))
    )


@fault("35", "sparse X with NaN")
@ignore_convergence
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@each_estimator
def test_missing_values_of_sparse_x_are_those_of_dense_x(cls, form):
    """Of what is not stored, which is 0, the medians are too."""
    rows = np.where((X < 0) | GAPS, 0.0, SOME)
    medians = np.nanmedian(rows, axis=0)
    params = {"dtype": "float64", "solver": "lbfgs", **AS_IT_IS}
    estimator = network(cls, **params).fit(scipy.sparse.csr_array(rows).asformat(form), y)
    expected = network(cls, **params).fit(by_hand(rows, medians), y)
    assert np.isnan(rows).any()
    for own, other in zip(estimator.coefs_, expected.coefs_, strict=True):
        assert_allclose(own, other, rtol=1e-6, atol=1e-8)
    later = np.where(GAPS, np.nan, rows)
    sparse = scipy.sparse.csr_array(later).asformat(form)
    assert np.isnan(sparse.data).any()
    assert_predicts(estimator, sparse, expected, by_hand(later, medians), rtol=1e-6, atol=1e-8)


@fault("36", "sparse column filled with NaN")
@ignore_convergence
@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns")  # as in scikit-learn
@pytest.mark.parametrize("columns", [["a"], ["a", "b", "c", "d"]], ids=["one", "all"])
@pytest.mark.parametrize("fill", [np.nan, 0.0])
@each_estimator
def test_sparse_columns_are_the_columns_that_they_stand_for(cls, fill, columns):
    """Whatever they are filled with; where all X is sparse, scaling would not centre it."""
    frame = pd.DataFrame(np.where(X > 0, X, fill), columns=list("abcd"))
    sparse = frame.astype({name: pd.SparseDtype("float64", fill) for name in columns})
    scaling = {"feature_scaling": None if len(columns) == 4 else "standard"}
    estimator = network(cls, **scaling).fit(sparse, y)
    of_frame = network(cls, **scaling).fit(frame, y)
    for a, b in zip(estimator.coefs_, of_frame.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert_allclose(estimator.predict(sparse), estimator.predict(frame), rtol=1e-4, atol=1e-5)


# Of two levels, sorted: -1 and +1; of more: one column each; 0 where missing or unknown.
TWO, THREE = np.where(X[:, 0] > 0, "u", "v"), np.array(["x", "y", "z"])[np.arange(150) % 3]
ENCODED = np.c_[X, np.where(TWO == "u", -1, 1), THREE[:, None] == ["x", "y", "z"]]


def categories(dtype):
    """A frame of numbers, and of a category of two and one of three levels."""
    if dtype == "polars":
        polars = pytest.importorskip("polars")
        return polars.DataFrame(X, schema=list("abcd")).with_columns(
            polars.Series("two", TWO), polars.Series("three", THREE).cast(polars.Categorical)
        )
    frame = FRAME.assign(two=TWO, three=THREE)
    return frame.astype({"two": dtype, "three": dtype})


@fault("37", "columns of categories and text")
@ignore_convergence
@pytest.mark.parametrize("dtype", ["category", "str", "string", "object", "polars"])
@each_estimator
def test_categories_and_text_are_encoded(cls, dtype):
    frame = categories(dtype)
    estimator = network(cls, **AS_IT_IS).fit(frame, y)
    expected = network(cls, **AS_IT_IS).fit(ENCODED, y)
    assert_same_model(estimator, expected)
    assert_array_equal(estimator.feature_names_in_, [*"abcd", "two", "three"])
    assert_predicts(estimator, frame, expected, ENCODED)


@fault("37", "missing and unknown categories")
@ignore_convergence
@pytest.mark.parametrize("dtype", ["category", "str", "object"])
@each_estimator
def test_a_category_that_is_missing_or_unknown_at_prediction_is_zero(cls, dtype):
    estimator = network(cls, **AS_IT_IS).fit(categories(dtype), y)
    expected = network(cls, **AS_IT_IS).fit(ENCODED, y)
    later, encoded = categories("object"), ENCODED.copy()
    later.loc[::3, "two"], later.loc[1::3, "two"] = None, "never seen"
    later.loc[::2, "three"] = np.nan
    encoded[::3, 4] = encoded[1::3, 4] = 0
    encoded[::2, 5:] = 0
    later = later.astype({"two": dtype, "three": dtype})
    assert_predicts(estimator, later, expected, encoded)


@fault("37", "columns of booleans")
@ignore_convergence
@pytest.mark.parametrize("dtype", ["bool", "boolean", "object", "category"])
@each_estimator
def test_booleans_are_minus_one_and_one(cls, dtype):
    flag = X[:, 1] > 0
    frame = FRAME.assign(flag=pd.Series(flag).astype(dtype))
    rows = np.c_[X, np.where(flag, 1, -1)]
    estimator = network(cls, **AS_IT_IS).fit(frame, y)
    assert_same_model(estimator, network(cls, **AS_IT_IS).fit(rows, y))
    assert len(estimator.predict(frame)) == 150


@fault("37", "category of many levels")
@ignore_convergence
@pytest.mark.parametrize("dtype", ["category", "str", "object"])
def test_a_category_of_many_levels_is_embedded_and_learned_from(dtype):
    """y is of nothing but the level, of which there are 30."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 30, 600)
    frame = pd.DataFrame({"c": pd.Series(level).map("level {}".format).astype(dtype)})
    target = rng.normal(size=30)[level]
    estimator = regressor(max_iter=100, learning_rate_init=0.02).fit(frame[:400], target[:400])
    assert [len(E) for E in estimator.embeddings_] == [31]
    assert estimator.score(frame[400:], target[400:]) > 0.9
    unknown = pd.DataFrame({"c": pd.Series(["never seen", "level 31", None], dtype=object)})
    if dtype != "object":
        unknown = unknown.astype(dtype)
    prediction = estimator.predict(unknown)
    assert np.isfinite(prediction).all()
    assert np.ptp(prediction) == 0


def lines_of(error):
    """The lines of code that a message shows."""
    return [line[2:] for line in str(error).splitlines() if line.startswith("  ")]


SPAN = pd.Series(pd.to_timedelta(np.arange(150), unit="h"))
REFUSED = {
    "dates": (FRAME.assign(c=DATES), ["c_year", "c_weekday", "c_day"]),
    "dates with a zone": (
        FRAME.assign(c=DATES.tz_localize("UTC")), ["c_year", "c_weekday", "c_day"],
    ),
    "dates as objects": (FRAME.assign(c=DATES.date), ["c_year", "c_weekday", "c_day"]),
    "missing dates": (
        FRAME.assign(c=DATES.where(X[:, 0] > 0)), ["c_year", "c_weekday", "c_day"],
    ),
    "spans of time": (FRAME.assign(c=SPAN), ["c"]),
    "text": (FRAME.assign(c=ADVICE), [f"c_{k}" for k in range(20)]),
}  # fmt: skip


@fault("37", "the advice on columns of dates, of spans of time and of free text")
@ignore_convergence
@pytest.mark.parametrize(("frame", "made"), REFUSED.values(), ids=REFUSED)
def test_the_lines_that_an_error_shows_make_the_column_usable(frame, made):
    with pytest.raises(TableError, match="Column 'c' of X ") as raised:
        regressor().fit(frame, y)
    assert lines_of(raised.value)
    names = {"X": frame.copy(), "pandas": pd}
    exec("\n".join(lines_of(raised.value)), names)
    estimator = regressor().fit(names["X"], y)
    assert sorted(estimator.feature_names_in_) == sorted([*"abd", *made])
    assert estimator.predict(names["X"]).shape == (150,)


@fault("37", "polars columns of dates, of times and of spans of time")
@ignore_convergence
@pytest.mark.parametrize("dtype", ["Date", "Datetime", "Time", "Duration"])
def test_the_lines_that_an_error_shows_make_a_polars_column_usable(dtype):
    polars = pytest.importorskip("polars")
    dates = polars.Series("c", DATES.to_numpy())
    column = {"Time": dates.dt.time, "Duration": lambda: dates - dates[0]}.get(dtype)
    column = column() if column else dates.cast(getattr(polars, dtype))
    frame = polars.DataFrame(X, schema=list("abdc")).with_columns(column)
    message = rf"{HOLDS_DATES} \(dtype {dtype}\), not numeric"
    with pytest.raises(TableError, match=message) as raised:
        regressor().fit(frame, y)
    names = {"X": frame, "polars": polars}
    exec("\n".join(lines_of(raised.value)), names)
    estimator = regressor().fit(names["X"], y)
    assert len(estimator.feature_names_in_) == {"Time": 4, "Duration": 4}.get(dtype, 6)


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
        (pd.DataFrame({"a": [f"x{SECRET}", 1] * 75}), y),
        (pd.DataFrame({"a": [{f"x{SECRET}": 1}] * 150}), y),
        (pd.DataFrame({"a": [f"row {k} is of x{SECRET}" for k in range(150)]}), y),
        (pd.DataFrame({"a": [float(SECRET) + 1j] * 150}), y),
        (np.full((150, 2), [float(SECRET), np.inf]), y),
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


@fault("20", "X near 1e300 as it is")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@each_estimator
def test_an_x_of_1e300_is_an_error_that_says_to_scale_it(cls, solver):
    estimator = network(cls, solver=solver, dtype="float64", feature_scaling=None)
    with pytest.raises(ValueError, match=r"not finite (in epoch [12]|after 0).*Scale X"):
        estimator.fit(X * 1e300, y)


@fault("20", "X near 1e300, scaled")
@ignore_convergence
@pytest.mark.parametrize("scaling", ["auto", "standard", "robust"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@each_estimator
def test_an_x_of_1e300_that_is_scaled_trains_as_any(cls, solver, scaling):
    params = {"solver": solver, "dtype": "float64", "feature_scaling": scaling}
    estimator, expected = network(cls, **params).fit(X * 1e300, y), network(cls, **params).fit(X, y)
    assert_allclose(estimator.loss_curve_, expected.loss_curve_, rtol=1e-6)
    assert_allclose(estimator.transform(X * 1e300), expected.transform(X), atol=1e-6)


@fault("24", "X beyond float32, to a model of float32")
@ignore_convergence
@pytest.mark.parametrize("scaling", ["standard", None])
def test_a_value_beyond_the_compute_dtype_names_its_column(scaling):
    estimator = regressor(dtype="float32", feature_scaling=scaling).fit(X, y)
    data = X.copy()
    data[5, 2] = 1e39
    for table in (data, scipy.sparse.csr_array(data)):
        with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
            estimator.predict(table)
    estimator.fit(FRAME, y)
    with pytest.raises(ValueError, match=r"Column 'c' of X .* too large for float32"):
        estimator.predict(pd.DataFrame(data, columns=list("abcd")))
    for table in (data, scipy.sparse.csr_array(data)):
        if scaling is None:
            with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
                estimator.fit(table, y)
        else:  # in units of its own scale it is not large
            assert np.isfinite(estimator.fit(table, y).predict(table)).all()


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
