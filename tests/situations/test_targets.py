"""y in every container and dtype: one reader for fit, partial_fit, y_val and score."""

import datetime as dt
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning

from tests.datasets import X_IRIS as X
from tests.datasets import Y_IRIS as CODES
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_model, network_maker
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence
network = network_maker(feature_scaling=None)
INDICATORS = np.stack([CODES == 0, CODES == 2, X[:, 1] > 3], axis=1).astype(int)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CODES]


def fitted(y, method="fit", cls=MLPBackpropClassifier, plain=None):
    """An estimator whose y comes in by one of the methods; elsewhere it is the plain array."""
    ours, plain = network(cls), y if plain is None else plain
    if method == "fit":
        return ours.fit(X, y)
    if method == "y_val":
        return ours.fit(X, plain, X_val=X, y_val=y)
    first = {} if cls is MLPBackpropRegressor else {"classes": classes_of(plain)}
    return ours.partial_fit(X, y, **first)


def classes_of(y):
    return np.unique(y) if np.ndim(y) == 1 else np.arange(np.shape(y)[1])


def dtype_or_skip(dtype):
    if "pyarrow" in str(dtype):
        pytest.importorskip("pyarrow")
    return dtype


each_method = pytest.mark.parametrize("method", ["fit", "partial_fit", "y_val"])

# ------------------------------------------------------------ label indicators

FRAME_DTYPES = [
    "Int64", "UInt8", "boolean", "Float64", "bool", "object", "int64[pyarrow]", "bool[pyarrow]",
    "double[pyarrow]", {0: "Int64", 1: "boolean", 2: "float64"},
]  # fmt: skip


@each_method
@pytest.mark.parametrize("dtype", FRAME_DTYPES, ids=str)
def test_label_indicators_in_a_frame_are_those_of_the_array(dtype, method):
    frame = pd.DataFrame(INDICATORS).astype(dtype_or_skip(dtype))
    expected = fitted(INDICATORS, method)
    ours = fitted(frame, method, plain=INDICATORS)
    assert_same_model(ours, expected, X)
    assert ours.score(X, frame) == expected.score(X, INDICATORS)
    assert ours.validation_scores_ == expected.validation_scores_


@pytest.mark.parametrize(
    "container",
    [
        lambda L: pl.DataFrame(L == 1, schema=list("abc")),
        lambda L: pl.DataFrame(L, schema=list("abc")).cast(pl.UInt8),
        lambda L: sp.csr_array(L),
        lambda L: sp.csc_matrix(L.astype(float)),
        lambda L: L.tolist(),
        lambda L: L.astype(object),
    ],
    ids=["polars bool", "polars int", "csr", "csc", "list", "objects"],
)
def test_label_indicators_of_other_containers_are_those_of_the_array(container):
    ours = fitted(container(INDICATORS))
    assert_same_model(ours, fitted(INDICATORS), X)
    assert ours.score(X, container(INDICATORS)) == ours.score(X, INDICATORS)


# ------------------------------------------------------------ labels

LABELS = {
    "Int64": (CODES, lambda y: pd.Series(y, dtype="Int64")),
    "UInt8": (CODES.astype("u1"), lambda y: pd.Series(y, dtype="UInt8")),
    "Float64": (CODES * 1.0, lambda y: pd.Series(y, dtype="Float64")),
    "boolean": (CODES == 0, lambda y: pd.Series(y, dtype="boolean")),
    "string": (NAMES.astype(object), lambda y: pd.Series(y, dtype="string")),
    "category": (NAMES.astype(object), lambda y: pd.Series(y, dtype="category")),
    "int64[pyarrow]": (CODES, lambda y: pd.Series(y, dtype=dtype_or_skip("int64[pyarrow]"))),
    "bool[pyarrow]": (CODES > 0, lambda y: pd.Series(y, dtype=dtype_or_skip("bool[pyarrow]"))),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@each_method
@pytest.mark.parametrize("as_frame", [False, True], ids=["series", "frame"])
@pytest.mark.parametrize(("plain", "column"), LABELS.values(), ids=LABELS)
def test_a_nullable_column_gives_labels_of_its_own_kind(plain, column, as_frame, method):
    y = column(plain).to_frame("y") if as_frame else column(plain)
    ours = fitted(y, method, plain=plain)
    assert_same_model(ours, fitted(plain, method), X)
    assert ours.classes_.dtype == ours.predict(X).dtype == plain.dtype
    assert ours.score(X, y) == ours.score(X, plain)


OBJECTS = {
    "ints": (CODES, lambda y: y.astype(object)),
    "ints, series": (CODES, lambda y: pd.Series(y, dtype=object)),
    "numpy's ints": (CODES, lambda y: list(y)),
    "bools": (CODES == 1, lambda y: y.astype(object)),
    "bools, frame": (CODES == 1, lambda y: pd.DataFrame({"y": y}, dtype=object)),
    "floats": (CODES * 1.0, lambda y: pd.Series(y, dtype=object)),
    "ints and floats": (CODES * 1.0, lambda y: [int(v) if v else v for v in y]),
    "decimals": (CODES * 1.0, lambda y: [Decimal(v) for v in y]),
    "uint64": (CODES.astype("u8") + 2**63, lambda y: np.array(y.tolist(), dtype=object)),
    "text": (NAMES.astype(object), lambda y: pd.Series(y)),
    "polars text": (NAMES, lambda y: pl.Series(y.tolist())),
    "numpy's text": (NAMES.astype(object), lambda y: y.astype(np.dtypes.StringDType())),
    "polars category": (
        NAMES.astype(object),
        lambda y: pl.Series(y.tolist()).cast(pl.Categorical),
    ),
    "categories of ints": (CODES, lambda y: pd.Categorical(y)),
    "pd.cut with labels": (
        np.array(["x", "y", "z"], dtype=object)[CODES],
        lambda y: pd.cut(pd.Series(CODES), 3, labels=["x", "y", "z"]),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@each_method
@pytest.mark.parametrize(("plain", "container"), OBJECTS.values(), ids=OBJECTS)
def test_object_labels_are_what_they_hold(plain, container, method):
    y = container(plain)
    ours = fitted(y, method, plain=plain)
    assert_same_model(ours, fitted(plain, method), X)
    assert ours.classes_.dtype == plain.dtype
    assert ours.score(X, y) == ours.score(X, plain)


DAYS = [dt.date(2020, 1, 1 + int(code)) for code in CODES]
NO_LABELS = {
    "intervals of pd.cut": (lambda: pd.cut(pd.Series(X[:, 0]), 3), "Interval"),
    "intervals, categorical": (lambda: pd.cut(X[:, 0], 3), "Interval"),
    "intervals of pd.qcut": (lambda: pd.qcut(pd.Series(X[:, 0]), 4), "Interval"),
    "dates": (lambda: DAYS, "date"),
    "dates, series": (lambda: pd.Series(DAYS, dtype=object), "date"),
    "dates and times": (lambda: np.array([dt.datetime(2020, 1, 1)] * 150, object), "datetime"),
    "timestamps with zone": (lambda: pd.Series(pd.to_datetime(DAYS, utc=True)), "Timestamp"),
    "periods": (lambda: pd.Series(pd.PeriodIndex(DAYS, freq="D")), "Period"),
    "large ints": (lambda: [2**70 + int(code) for code in CODES], "int beyond 64 bits"),
}


@each_method
@pytest.mark.parametrize(("container", "what"), NO_LABELS.values(), ids=NO_LABELS)
def test_objects_that_are_no_labels_are_named_with_lines_that_run(container, what, method):
    y = container()
    with pytest.raises(ValueError, match=f"y(_val)? holds values of type {what}.*") as caught:
        fitted(y, method, plain=CODES)
    name = "y_val" if method == "y_val" else "y"
    scope = {name: y}
    exec("\n".join(line.strip() for line in str(caught.value).split("\n")[1:]), scope)
    assert set(fitted(scope[name]).classes_) == {str(label) for label in y}


@pytest.mark.parametrize("y", [[{1, 2}] * 150, [[1], [1, 2]] * 75, [(1,), (1, 2)] * 75])
def test_sets_of_labels_are_led_to_label_indicators(y):
    with pytest.raises(ValueError, match="MultiLabelBinarizer"):
        fitted(y)


# ------------------------------------------------------------ missing values

HOLES = [1, None, 2] * 50
MISSING = {
    "None in a list": lambda: HOLES,
    "None among objects": lambda: np.array(HOLES, dtype=object),
    "NaN": lambda: np.array(HOLES, dtype=float),
    "NaN in a list": lambda: [1, float("nan"), 2] * 50,
    "NaN in a series": lambda: pd.Series(HOLES, dtype=float),
    "NA": lambda: pd.Series(HOLES, dtype="Int64"),
    "NA among floats": lambda: pd.Series(HOLES, dtype="Float64"),
    "NA among booleans": lambda: pd.Series([True, None, False] * 50, dtype="boolean"),
    "NA among objects": lambda: pd.Series([1, pd.NA, 2] * 50, dtype=object),
    "NA in a list": lambda: [1, pd.NA, 2] * 50,
    "NA in a frame": lambda: pd.DataFrame({"y": pd.Series(HOLES, dtype="Int64")}),
    "NA in two columns": lambda: pd.DataFrame({"y": HOLES, "z": 1}).astype("Int64"),
    "arrow": lambda: pd.Series(HOLES, dtype=dtype_or_skip("int64[pyarrow]")),
    "category": lambda: pd.Series(HOLES, dtype="category"),
    "text": lambda: pd.Series(["a", None, "b"] * 50),
    "text, string": lambda: pd.Series(["a", None, "b"] * 50, dtype="string"),
    "text and NaN": lambda: ["a", float("nan"), "b"] * 50,
    "text and NaT": lambda: np.array(["a", pd.NaT, "b"] * 50, dtype=object),
    "NaT": lambda: pd.Series(pd.to_datetime(["2020-01-01", None, "2021-01-01"] * 50)),
    "NaT in an array": lambda: np.array(["2020", "NaT", "2021"] * 50, dtype="datetime64[D]"),
    "NaT of spans": lambda: pd.Series(pd.to_timedelta([1, None, 2] * 50)),
    "polars": lambda: pl.Series(HOLES),
    "polars text": lambda: pl.Series(["a", None, "b"] * 50),
    "polars NaN": lambda: pl.Series([1.0, float("nan"), 2.0] * 50),
    "polars date": lambda: pl.Series([dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)] * 50),
    "polars frame": lambda: pl.DataFrame({"y": HOLES}),
    "decimals": lambda: [Decimal(1), Decimal("nan"), Decimal(2)] * 50,
    "rows of a list": lambda: [[1, 0], [None, 1], [0, 1]] * 50,
}


@pytest.mark.parametrize("method", ["fit", "partial_fit", "y_val", "score"])
@pytest.mark.parametrize("container", MISSING.values(), ids=MISSING)
@each_estimator
def test_missing_values_are_one_error_that_counts_them(cls, container, method):
    name = "y_val" if method == "y_val" else "y"
    message = rf"^{name} contains missing values .* in 50 of 150 rows: 1, 4, 7, 10, 13, \.\.\."
    call = network(cls).fit(X, CODES).score if method == "score" else None
    with pytest.raises(ValueError, match=message):
        call(X, container()) if call else fitted(container(), method, cls, CODES)


def test_few_missing_rows_are_all_named():
    with pytest.raises(ValueError, match=r"in 2 of 150 rows: 7, 149, counted from 0"):
        fitted(np.where(np.isin(np.arange(150), [7, 149]), np.nan, CODES))


def test_infinity_is_not_called_missing():
    for cls in (MLPBackpropClassifier, MLPBackpropRegressor):
        with pytest.raises(ValueError, match="contains infinity"):
            fitted(np.where(CODES == 1, np.inf, CODES), cls=cls)


# ------------------------------------------------------------ numbers

NUMBERS = X[:, 0]
CONTAINERS = {
    "Float64": lambda y: pd.Series(y, dtype="Float64"),
    "nullable frame": lambda y: pd.DataFrame({"y": y}, dtype="Float64"),
    "arrow": lambda y: pd.Series(y, dtype=dtype_or_skip("double[pyarrow]")),
    "objects": lambda y: y.astype(object),
    "decimals": lambda y: [Decimal(v) for v in y],
    "text": lambda y: [repr(float(v)) for v in y],
    "polars": lambda y: pl.Series(y),
    "polars frame": lambda y: pl.DataFrame({"y": y}),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@each_method
@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_numbers_of_every_container_are_those_of_the_array(container, method):
    cls = MLPBackpropRegressor
    ours = fitted(container(NUMBERS), method, cls, NUMBERS)
    assert_same_model(ours, fitted(NUMBERS, method, cls), X)
    assert ours.score(X, container(NUMBERS)) == ours.score(X, NUMBERS)


@pytest.mark.parametrize("dtype", ["Float64", "object", "double[pyarrow]"])
def test_several_outputs_in_a_frame_are_those_of_the_array(dtype):
    frame = pd.DataFrame(X[:, :2]).astype(dtype_or_skip(dtype))
    expected = fitted(X[:, :2], cls=MLPBackpropRegressor)
    ours = fitted(frame, cls=MLPBackpropRegressor)
    assert_same_model(ours, expected, X)
    assert ours.score(X, frame) == expected.score(X, X[:, :2])


STAMPS = pd.date_range("2020-01-01", periods=150)
TIMES = {
    "dates": lambda: pd.Series(STAMPS),
    "dates, index": lambda: STAMPS,
    "dates, array": lambda: STAMPS.to_numpy(),
    "dates, array of days": lambda: STAMPS.to_numpy().astype("datetime64[D]"),
    "dates with zone": lambda: pd.Series(STAMPS.tz_localize("UTC")),
    "dates, frame": lambda: pd.DataFrame({"y": STAMPS}),
    "dates, objects": lambda: pd.Series(STAMPS.date, dtype=object),
    "dates, list": lambda: list(STAMPS.date),
    "dates, list of numpy's": lambda: list(STAMPS.to_numpy()),
    "periods": lambda: pd.Series(STAMPS.to_period("D")),
    "spans": lambda: pd.Series(STAMPS - STAMPS[0]),
    "spans, array": lambda: (STAMPS - STAMPS[0]).to_numpy(),
    "spans, list": lambda: [dt.timedelta(days=k) for k in range(150)],
    "spans, frame": lambda: pd.DataFrame({"y": STAMPS - STAMPS[0]}),
    "polars dates": lambda: pl.Series(list(STAMPS.date)),
    "polars times": lambda: pl.Series(list(STAMPS)),
    "polars spans": lambda: pl.Series([dt.timedelta(days=k) for k in range(150)]),
    "polars frame": lambda: pl.DataFrame({"y": list(STAMPS.date)}),
}


@each_method
@pytest.mark.parametrize("container", TIMES.values(), ids=TIMES)
def test_dates_and_spans_as_numbers_are_an_error_whose_lines_run(container, method):
    y, name = container(), "y_val" if method == "y_val" else "y"
    with pytest.raises(ValueError, match=f"^{name} holds dates or times") as caught:
        fitted(y, method, MLPBackpropRegressor, NUMBERS)
    scope = {name: y, "pandas": pd, "numpy": np}
    exec("\n".join(line.strip() for line in str(caught.value).split("\n")[1:]), scope)
    days = np.asarray(scope[name], dtype=float)
    assert_array_equal(days / days[1], np.arange(150))
    fitted(scope[name], cls=MLPBackpropRegressor)


@pytest.mark.parametrize("y", [[pd.Interval(0, 1)] * 150, [{1}] * 150, [object()] * 150])
def test_other_objects_as_numbers_are_named(y):
    with pytest.raises(ValueError, match=r"y holds (values of type|a set)"):
        fitted(y, cls=MLPBackpropRegressor)


# ------------------------------------------------------------ one-hot

ONE_HOT = np.eye(3, dtype=int)[CODES]
ONE_HOTS = {
    "array": lambda: ONE_HOT,
    "floats": lambda: ONE_HOT * 1.0,
    "frame": lambda: pd.DataFrame(ONE_HOT, columns=list("abc")),
    "dummies": lambda: pd.get_dummies(pd.Series(NAMES)),
    "nullable frame": lambda: pd.DataFrame(ONE_HOT).astype("boolean"),
    "polars": lambda: pl.DataFrame(ONE_HOT),
    "csr": lambda: sp.csr_array(ONE_HOT),
    "list": lambda: ONE_HOT.tolist(),
    "two columns": lambda: ONE_HOT[:, [0, 0]] * [1, -1] + [0, 1],
}


@pytest.mark.parametrize("method", ["fit", "partial_fit", "y_val"])
@pytest.mark.parametrize("container", ONE_HOTS.values(), ids=ONE_HOTS)
def test_one_hot_rows_are_multilabel_with_one_warning(container, method):
    y = container()
    plain = np.asarray(y.toarray() if sp.issparse(y) else y).astype(int)
    with pytest.warns(UserWarning, match=r"exactly one 1.*argmax\(axis=1\).*idxmax") as caught:
        ours = fitted(y, method, plain=plain)
    assert len([w for w in caught if "exactly one 1" in str(w.message)]) == 1
    assert ours.predict_proba(X).shape == plain.shape
    assert ours.predict(X).shape == plain.shape


def test_indicators_of_any_number_of_labels_give_no_warning():
    fitted(INDICATORS)
    fitted(INDICATORS, "y_val")


# ------------------------------------------------------------ unseen labels

LONG = "a diagnosis of more than fifty characters, written by hand"
UNSEEN = {
    "text": (NAMES, "healthy", "'healthy'"),
    "objects": (NAMES.astype(object), "healthy", "'healthy'"),
    "number": (CODES, 1234567, "1234567"),
    "float": (CODES * 1.0, 0.5, r"0\.5|continuous"),
    "long text": (NAMES, LONG, f"'{LONG[:47]}...'"),
    "other kind": (CODES, "healthy", "'healthy'"),
}


def call_with(_, y, method, plain):
    return fitted(y, method, plain=plain)


@pytest.mark.parametrize("method", ["y_val", "partial_fit", "first partial_fit"])
@pytest.mark.parametrize(("plain", "label", "shown"), UNSEEN.values(), ids=UNSEEN)
def test_an_unseen_label_is_named_in_full(plain, label, shown, method):
    y = np.array([*plain.tolist()[:-1], label], dtype=object)
    if isinstance(label, str) and plain.dtype.kind == "i":
        y[:] = label
    name = "y_val" if method == "y_val" else "y"
    if method == "partial_fit":
        train = network(MLPBackpropClassifier).fit(X, plain).partial_fit
    else:
        train = partial(call_with, method=method.split()[-1], plain=plain)
    message = f"{name} contains previously unseen labels: {shown}|Unknown label type: continuous"
    with pytest.raises(ValueError, match=message) as caught:
        train(X, y)
    assert LONG not in str(caught.value)


def test_many_unseen_labels_are_shortened():
    y = np.array([f"label {k}" for k in range(150)])
    with pytest.raises(ValueError, match=r"'label 0', .*'label 4', \.\.\.\. All"):
        fitted(y, "y_val", plain=NAMES)


def test_a_score_counts_unseen_labels_as_wrong():
    ours = fitted(NAMES)
    assert ours.score(X, np.full(150, "healthy")) == 0.0


def test_classes_are_read_as_y_is():
    ours = network(MLPBackpropClassifier)
    ours.partial_fit(X, pd.Series(CODES, dtype="Int64"), classes=pd.Series([0, 1, 2], dtype=object))
    expected = network(MLPBackpropClassifier).partial_fit(X, CODES, classes=[0, 1, 2])
    assert_same_model(ours, expected, X)


def test_a_column_of_y_val_warns_by_its_name():
    with pytest.warns(DataConversionWarning, match="column-vector y_val"):
        fitted(CODES[:, None], "y_val", plain=CODES)
