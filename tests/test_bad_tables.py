"""Tables that cannot be used: an error names the column and its dtype, and prints none of the data.

What it says to do is run, and then the table can be used.
"""

import traceback
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:X does not have valid feature names",
    "ignore:pandas.DataFrame with sparse columns",
)

N = 60
NUM = np.random.default_rng(0).normal(size=N)
Y = np.arange(N) % 3
#: What no message may print: in text, and as a number.
SECRET, NUMBER = "hunter2", 73125.0
DAYS = [date(2020, 1, 1) + timedelta(days=17 * k) for k in range(N)]
STAMPS = [datetime(day.year, day.month, day.day, 13, 5) for day in DAYS]
SPANS = [timedelta(hours=k) for k in range(N)]
TIMES = [time(k % 24, 7 * k % 60) for k in range(N)]
WORDS = "the a small large red house cat sat ran on under over hill tree river and far away".split()
TEXTS = [f"{' '.join(WORDS[k % n] for n in range(7, 18))} {SECRET} {k}" for k in range(N)]


def objects(*values):
    """A column of objects, these values over and over."""
    return pd.Series((list(values) * N)[:N], dtype=object)


def frame(column, name="c"):
    return pd.DataFrame({"num": NUM, name: column})


def polars_column(values, dtype):
    polars = pytest.importorskip("polars")
    values = (list(values) * N)[:N]
    return polars.DataFrame({"num": NUM, "c": polars.Series(values, dtype=dtype(polars))})


def network(cls=MLPBackpropRegressor, **params):
    return cls((3,), **({"max_iter": 1, "random_state": 0} | params))


def refused(call, *mentions, error=ValueError):
    """The message with which a call is refused: it holds these words, and no data."""
    with pytest.raises(error) as raised:
        call()
    shown = "".join(traceback.format_exception_only(raised.value))
    reason = raised.value
    while reason is not None:  # what a traceback prints
        shown += str(reason)
        reason = reason.__cause__ or (None if reason.__suppress_context__ else reason.__context__)
    for mention in mentions:
        assert mention in str(raised.value)
    assert SECRET not in shown
    assert str(NUMBER) not in shown
    assert "73125" not in shown
    return str(raised.value)


def fit(rows, **params):
    return lambda: network(**params).fit(rows, Y)


# ------------------------------------------------------------------------- dates and times


def run(message, rows):
    """Run the lines that a message shows, and return what they make of X."""
    lines = [line[2:] for line in message.splitlines() if line.startswith("  ")]
    assert lines
    scope = {"pandas": pd, "X": rows.copy() if isinstance(rows, pd.DataFrame) else rows}
    if not isinstance(rows, pd.DataFrame):
        scope["polars"] = pytest.importorskip("polars")
    exec("\n".join(lines), scope)
    return scope["X"]


PANDAS_TIMES = {
    "datetime64": (pd.to_datetime(pd.Series(STAMPS)), "datetime64"),
    "datetime64 with a zone": (pd.to_datetime(pd.Series(STAMPS), utc=True), "datetime64"),
    "datetime64 with NaT": (pd.to_datetime(pd.Series([None, *STAMPS[1:]])), "datetime64"),
    "timedelta64": (pd.to_timedelta(pd.Series(SPANS)), "timedelta64"),
    "period": (pd.PeriodIndex(DAYS, freq="D"), "period[D]"),
    "dates as objects": (objects(*DAYS), "object"),
    "datetimes as objects": (objects(*STAMPS), "object"),
    "dates and None": (objects(None, *DAYS), "object"),
    "timedeltas as objects": (objects(*SPANS), "object"),
    "times as objects": (objects(*TIMES), "object"),
}  # fmt: skip
POLARS_TIMES = {
    "Date": (DAYS, lambda polars: polars.Date),
    "Datetime": (STAMPS, lambda polars: polars.Datetime),
    "Datetime with a zone": (STAMPS, lambda polars: polars.Datetime("us", "UTC")),
    "Duration": (SPANS, lambda polars: polars.Duration),
    "Time": (TIMES, lambda polars: polars.Time),
}


def assert_the_lines_help(rows, dtype, name="c"):
    message = refused(fit(rows), f"Column {name!r} of X holds dates or times (dtype {dtype}")
    made = run(message, rows)
    model = network().fit(made, Y)
    assert set(model.input_encoding_["kind"]) == {"number"}
    assert (model.input_encoding_["scale"] > 0).all()
    assert np.isfinite(model.predict(made)).all()


@pytest.mark.parametrize("case", PANDAS_TIMES)
def test_dates_and_times_of_pandas_are_refused_with_lines_that_help(case):
    column, dtype = PANDAS_TIMES[case]
    assert_the_lines_help(frame(column), dtype)


@pytest.mark.parametrize("kind", ["date32", "timestamp", "duration", "time64"])
def test_dates_and_times_of_arrow_are_refused_with_lines_that_help(kind):
    arrow = pytest.importorskip("pyarrow")
    values = {"date32": DAYS, "timestamp": STAMPS, "duration": SPANS, "time64": TIMES}[kind]
    dtype = arrow.date32() if kind == "date32" else getattr(arrow, kind)("us")
    column = pd.array(values, dtype=pd.ArrowDtype(dtype))
    assert_the_lines_help(frame(column), kind)


@pytest.mark.parametrize("case", POLARS_TIMES)
def test_dates_and_times_of_polars_are_refused_with_lines_that_help(case):
    values, dtype = POLARS_TIMES[case]
    rows = polars_column(values, dtype)
    assert_the_lines_help(rows, case.split()[0])


def test_the_lines_help_where_names_are_numbers():
    rows = pd.DataFrame({0: NUM, 1: pd.to_datetime(pd.Series(STAMPS))})
    assert_the_lines_help(rows, "datetime64", name=1)


def test_intervals_are_not_called_dates():
    column = pd.arrays.IntervalArray.from_breaks(np.arange(N + 1))
    message = refused(fit(frame(column)), "Column 'c' of X", "interval")
    assert "date" not in message
    network().fit(frame(pd.Categorical(column)), Y)


@pytest.mark.parametrize("case", PANDAS_TIMES)
def test_dates_and_times_are_refused_at_prediction_too(case):
    column, _ = PANDAS_TIMES[case]
    model = network().fit(frame(NUM), Y)
    refused(lambda: model.predict(frame(column)), "Column 'c' of X holds dates or times")
    model = network().fit(frame(objects("u", "v")), Y)
    refused(lambda: model.predict(frame(column)), "Column 'c' of X", "category of text")


# ------------------------------------------------------------------------------- free text


def test_free_text_is_refused_with_lines_that_help():
    message = refused(fit(frame(objects(*TEXTS))), "Column 'c' of X is free text (dtype object)")
    made = run(message, frame(objects(*TEXTS)))
    assert made.shape == (N, 21)
    network().fit(made, Y)
    refused(fit(frame(pd.array(TEXTS, dtype="string"))), "free text (dtype string)")


def test_free_text_of_polars_is_refused_with_lines_that_help():
    rows = polars_column(TEXTS, lambda polars: polars.String)
    made = run(refused(fit(rows), "Column 'c' of X is free text (dtype String)"), rows)
    assert made.shape == (N, 21)
    network().fit(made, Y)


def test_free_text_that_is_named_as_a_category_is_one():
    for rows, params in [
        (frame(objects(*TEXTS)), {"categorical_features": ["c"]}),
        (frame(pd.Categorical(TEXTS)), {}),
        (frame(objects("a long level of", "five words and more")), {}),
    ]:
        assert network(**params).fit(rows, Y).input_encoding_["kind"][1] == "category"


# ----------------------------------------------------------------- what is neither, and mixtures

OBJECTS = {
    "dicts": (objects({SECRET: NUMBER}), "dict"),
    "lists": (objects([SECRET]), "list"),
    "tuples": (objects((SECRET, NUMBER)), "tuple"),
    "bytes": (objects(SECRET.encode()), "bytes"),
    "sets": (objects({SECRET}), "set"),
    "complex numbers": (objects(NUMBER + 1j), "complex"),
    "a dict among numbers": (objects(1.0, 2.0, {SECRET: 1}), "dict"),
    "a dict among text": (objects("u", "v", {SECRET: 1}), "dict"),
    "text and numbers": (objects(SECRET, NUMBER), "mixed types: numbers and text"),
    "text and booleans": (objects(SECRET, True), "mixed types: booleans and text"),
    "text and dates": (objects(SECRET, DAYS[0]), "mixed types: dates"),
    "a category of text and numbers": (pd.Categorical([SECRET, 5] * (N // 2)), "mixed types"),
    "complex": (np.full(N, NUMBER + 1j), "complex128"),
    "an integer beyond float64": (objects(10**400, 1), "object"),
    "sparse text": (pd.arrays.SparseArray([SECRET, "v"] * (N // 2)), "Sparse"),
    "sparse text filled with text": (
        pd.arrays.SparseArray([SECRET, "v"] * (N // 2), fill_value=SECRET),
        "Sparse",
    ),
}


@pytest.mark.parametrize("case", OBJECTS)
@pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])
def test_a_column_of_neither_numbers_nor_categories_is_named(cls, case):
    column, mention = OBJECTS[case]
    refused(lambda: network(cls).fit(frame(column), Y), "Column 'c' of X", mention)


@pytest.mark.parametrize("case", [case for case in OBJECTS if "booleans" not in case])
def test_a_column_that_has_become_something_else_is_named(case):
    column, _ = OBJECTS[case]
    model = network().fit(frame(NUM), Y)
    refused(lambda: model.predict(frame(column)), "Column 'c' of X")
    refused(lambda: model.partial_fit(frame(column), Y), "Column 'c' of X")
    assert np.isfinite(model.predict(frame(NUM))).all()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([[SECRET]], lambda polars: polars.List(polars.String)),
        ([{"key": SECRET}], lambda polars: polars.Struct({"key": polars.String})),
        ([SECRET.encode()], lambda polars: polars.Binary),
        ([{SECRET: NUMBER}], lambda polars: polars.Object),
        ([[NUMBER, 2.0]], lambda polars: polars.Array(polars.Float64, 2)),
    ],
    ids=["List", "Struct", "Binary", "Object", "Array"],
)
def test_nested_columns_of_polars_are_named(values, dtype):
    rows = polars_column(values, dtype)
    refused(fit(rows), "Column 'c' of X")
    model = network().fit(frame(NUM), Y)
    refused(lambda: model.predict(rows), "Column 'c' of X")


@pytest.mark.parametrize("gap", [None, Decimal("1.5")])
def test_decimals_are_numbers(gap):
    values = [Decimal(k) / 4 for k in range(N)]
    values[3] = gap
    numbers = np.array([np.nan if v is None else float(v) for v in values])
    expected = network().fit(frame(numbers), Y).predict(frame(NUM))
    assert_array_equal(network().fit(frame(objects(*values)), Y).predict(frame(NUM)), expected)
    rows = polars_column(values, lambda polars: polars.Decimal(10, 2))
    assert_array_equal(network().fit(rows, Y).predict(frame(NUM)), expected)
    arrow = pytest.importorskip("pyarrow")
    column = pd.array(values, dtype=pd.ArrowDtype(arrow.decimal128(10, 2)))
    assert_array_equal(network().fit(frame(column), Y).predict(frame(NUM)), expected)


# ------------------------------------------------------------------- another type at prediction


@pytest.mark.parametrize(
    ("fitted", "later", "mentions"),
    [
        (NUM, objects(SECRET), ["object", "not numeric"]),
        (NUM, objects("73125.0"), ["object", "not numeric"]),
        (NUM, pd.array([SECRET] * N, dtype="string"), ["string", "not numeric"]),
        (NUM, pd.Categorical([SECRET] * N), ["category", "not numeric"]),
        (NUM, objects(*TEXTS), ["object", "not numeric"]),
        (objects(SECRET, "v", "w"), np.full(N, NUMBER), ["numbers", "float64", "category of text"]),
        (objects(SECRET, "v", "w"), objects(NUMBER), ["numbers", "object", "category of text"]),
        (objects(SECRET, "v", "w"), np.full(N, True), ["booleans", "category of text"]),
        (objects(SECRET, "v", "w"), pd.Categorical([NUMBER] * N), ["numbers", "category of text"]),
        (objects(SECRET, "v", "w"), objects({SECRET: 1}), ["dict"]),
        (pd.Categorical([1, NUMBER] * (N // 2)), objects(SECRET), ["text", "category of numbers"]),
        (np.arange(N) % 2 == 0, objects(SECRET), ["text", "category of booleans"]),
    ],
)
def test_another_type_at_prediction_names_the_column(fitted, later, mentions):
    model = network().fit(frame(fitted), Y)
    for call in (model.predict, model.transform, lambda rows: model.partial_fit(rows, Y)):
        refused(lambda call=call: call(frame(later)), "Column 'c' of X", *mentions)
    refused(lambda: network().fit(frame(fitted), Y, X_val=frame(later), y_val=Y), *mentions)
    refused(lambda: model.set_params(warm_start=True).fit(frame(later), Y), *mentions)


@pytest.mark.parametrize(
    ("fitted", "later"),
    [
        (NUM, np.full(N, 3)),
        (NUM, NUM.astype("f4")),
        (NUM, objects(*NUM)),
        (NUM, pd.array([None] * N, dtype="Int8")),
        (NUM, objects(None)),
        (np.array([True, False] * (N // 2)), pd.array([None, True] * (N // 2), dtype="boolean")),
        (np.array([True, False] * (N // 2)), np.array([1, 0] * (N // 2))),
        (pd.Categorical([1, 2] * (N // 2)), np.array([2.0, np.nan] * (N // 2))),
        (objects("u", "v", "w"), pd.Categorical(["v"] * N)),
        (objects("u", "v", "w"), objects(None)),
        (objects("u", "v", "w"), pd.array(["w", None] * (N // 2), dtype="string")),
    ],
)
def test_another_dtype_of_the_same_type_is_no_error(fitted, later):
    assert np.isfinite(network().fit(frame(fitted), Y).predict(frame(later))).all()


# ------------------------------------------------------------------------- infinity, emptiness

AS = {
    "frame": frame,
    "nullable": lambda column: frame(pd.array(column, dtype="Float64")),
    "objects": lambda column: frame(objects(*column)),
    "array": lambda column: np.c_[NUM, column],
    "float32": lambda column: np.c_[NUM, column].astype("f4"),
    "csr": lambda column: scipy.sparse.csr_array(np.c_[NUM, column]),
    "csc": lambda column: scipy.sparse.csc_matrix(np.c_[NUM, column]),
}


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
@pytest.mark.parametrize("kind", AS)
@pytest.mark.parametrize("scaling", ["standard", "robust", None])
def test_infinity_is_refused_where_it_is(scaling, kind, infinity):
    column = np.where(np.arange(N) == 7, infinity, np.full(N, NUMBER))
    name = "column 'c'" if kind in ("frame", "nullable", "objects") else "column 1"
    net, rows = network(feature_scaling=scaling), AS[kind](column)
    mentions = ["Input X contains infinity", name]
    refused(lambda: net.fit(rows, Y), *mentions)
    net.fit(AS[kind](NUM), Y)
    refused(lambda: net.predict(rows), *mentions)
    refused(lambda: net.partial_fit(rows, Y), *mentions)
    refused(lambda: network().fit(AS[kind](NUM), Y, X_val=rows, y_val=Y), *mentions)


def test_infinity_beside_a_gap_is_refused_too():
    column = np.where(np.arange(N) == 7, np.inf, np.nan)
    refused(fit(frame(column)), "Input X contains infinity", "column 'c'")


def test_a_number_beyond_the_compute_dtype_names_its_column():
    column = np.where(np.arange(N) == 7, 1e200, NUMBER)
    net = network(dtype="float32", feature_scaling=None)
    refused(lambda: net.fit(frame(column), Y), "Column 'c' of X", "too large for float32")


@pytest.mark.parametrize("names", [["a", "a"], [0, 0]])
def test_two_columns_of_one_name_are_refused(names):
    rows = frame(NUM).set_axis(names, axis=1)
    refused(fit(rows), "Column names of X must be unique", repr(names[0]))
    model = network().fit(frame(NUM), Y)
    refused(lambda: model.predict(rows), "must be unique")


@pytest.mark.parametrize("column", [NUM, objects("u", "v"), pd.Categorical(["u", "v"] * (N // 2))])
def test_an_empty_frame_is_refused_as_scikit_learn_does(column):
    rows = frame(column)
    refused(fit(rows[[]]), r"0 feature(s)")
    refused(fit(rows[:0]), r"0 sample(s)")
    model = network().fit(rows, Y)
    refused(lambda: model.predict(rows[:0]), r"0 sample(s)")
    polars = pytest.importorskip("polars")
    refused(fit(polars.DataFrame({"a": []})), r"0 sample(s)")


# -------------------------------------------------------------------------- arrays of objects


def array(column):
    rows = np.empty((N, 2), dtype=object)
    rows[:, 0], rows[:, 1] = ["u", "v", None] * (N // 3), list(column)
    return rows


@pytest.mark.parametrize(
    ("column", "mention"),
    [
        (objects(SECRET), "text"),
        (objects(1.5, SECRET), "text"),
        (objects(*DAYS), "date"),
        (objects({SECRET: 1}), "dict"),
        (objects([SECRET]), "list"),
    ],
    ids=["text", "text among numbers", "dates", "dicts", "lists"],
)
def test_a_column_of_an_array_that_is_not_numeric_is_named(column, mention):
    net = network(categorical_features=[0])
    refused(lambda: net.fit(array(column), Y), "Column 1 of X", mention)
    net.fit(array(NUM), Y)
    refused(lambda: net.predict(array(column)), "Column 1 of X", mention)


def test_a_category_of_an_array_of_mixed_types_is_named():
    net = network(categorical_features=[0, 1])
    refused(lambda: net.fit(array(objects(SECRET, 1)), Y), "Column 1 of X", "mixed types")
    refused(lambda: net.fit(array(objects({SECRET: 1})), Y), "Column 1 of X", "dict")
    net.fit(array(objects("u", "v")), Y)
    refused(lambda: net.predict(array(NUM)), "Column 1 of X holds numbers")


def test_another_type_is_seen_however_late_it_comes():
    rows = np.array([["u"], ["v"], [None]] * 25_000, dtype=object)
    model = network(categorical_features=[0]).fit(rows[:N], Y)
    rows[:-1] = None
    rows[-1] = NUMBER
    refused(lambda: model.predict(rows), "Column 0 of X holds numbers", "category of text")


def test_dates_in_an_array_are_not_taken_for_numbers():
    rows = np.array([DAYS, DAYS], dtype="M8[D]").T
    refused(fit(rows), "datetime64")
    refused(fit(rows, categorical_features=[0]), "datetime64")


def test_sparse_x_has_no_categories():
    rows = scipy.sparse.csr_array(np.c_[NUM, NUM])
    refused(fit(rows, categorical_features=[0]), "X is sparse", "OneHotEncoder")
    model = network().fit(frame(objects("u", "v")), Y)
    refused(lambda: model.predict(rows), "X is sparse")


# -------------------------------------------------------------------- categorical_features


@pytest.mark.parametrize(
    ("wanted", "mentions"),
    [
        (["c", "nowhere"], ["'nowhere'", "does not have"]),
        ([True], ["mask of shape (1,)", "2 columns"]),
        ([2], ["from 0 to 1", "got 2"]),
        ([-1], ["from 0 to 1", "got -1"]),
    ],
)
def test_categories_that_are_not_there_are_named(wanted, mentions):
    refused(fit(frame(objects("u", "v")), categorical_features=wanted), *mentions)


def test_an_array_has_no_names_of_categories():
    refused(fit(array(NUM), categorical_features=["c"]), "'c'", "X has no names")


@pytest.mark.parametrize(
    "column",
    [objects(SECRET, "v"), pd.Categorical([SECRET, "v"] * (N // 2))],
    ids=["text", "category"],
)
def test_a_category_where_none_is_wanted_is_named(column):
    refused(
        fit(frame(column), categorical_features=None), "Column 'c' of X", "categorical_features"
    )


def test_a_failed_fit_leaves_the_model_as_it_was():
    model = network().fit(frame(NUM), Y)
    expected = model.predict(frame(NUM))
    for column in (objects(*TEXTS), objects({SECRET: 1}), pd.to_datetime(pd.Series(STAMPS))):
        refused(lambda column=column: model.fit(frame(column, "other"), Y), "Column 'other' of X")
    assert_array_equal(model.predict(frame(NUM)), expected)
    assert model.feature_names_in_.tolist() == ["num", "c"]
