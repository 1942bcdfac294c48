"""Columns of dates, times and free text: the error shows lines of code, and these are run."""

from datetime import time, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.bad_tables.common import (
    DAYS,
    NUM,
    STAMPS,
    TEXTS,
    N,
    Y,
    fit,
    frame,
    ignore_warnings,
    network,
    objects,
    polars_column,
    refused,
)

pytestmark = ignore_warnings
SPANS = [timedelta(hours=k) for k in range(N)]
TIMES = [time(k % 24, 7 * k % 60) for k in range(N)]


# ------------------------------------------------------------------------- dates and times


def run(message, rows):
    """Run the code that a message shows; return the X that it makes."""
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
def test_the_code_advised_for_pandas_dates_and_times_works(case):
    column, dtype = PANDAS_TIMES[case]
    assert_the_lines_help(frame(column), dtype)


@pytest.mark.parametrize("kind", ["date32", "timestamp", "duration", "time64"])
def test_the_code_advised_for_arrow_dates_and_times_works(kind):
    arrow = pytest.importorskip("pyarrow")
    values = {"date32": DAYS, "timestamp": STAMPS, "duration": SPANS, "time64": TIMES}[kind]
    dtype = arrow.date32() if kind == "date32" else getattr(arrow, kind)("us")
    column = pd.array(values, dtype=pd.ArrowDtype(dtype))
    assert_the_lines_help(frame(column), kind)


@pytest.mark.parametrize("case", POLARS_TIMES)
def test_the_code_advised_for_polars_dates_and_times_works(case):
    values, dtype = POLARS_TIMES[case]
    rows = polars_column(values, dtype)
    assert_the_lines_help(rows, case.split()[0])


def test_the_code_advised_works_with_numbers_as_column_names():
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


def test_the_code_advised_for_free_text_works():
    message = refused(fit(frame(objects(*TEXTS))), "Column 'c' of X is free text (dtype object)")
    made = run(message, frame(objects(*TEXTS)))
    assert made.shape == (N, 21)
    network().fit(made, Y)
    refused(fit(frame(pd.array(TEXTS, dtype="string"))), "free text (dtype string)")


def test_the_code_advised_for_polars_free_text_works():
    rows = polars_column(TEXTS, lambda polars: polars.String)
    made = run(refused(fit(rows), "Column 'c' of X is free text (dtype String)"), rows)
    assert made.shape == (N, 21)
    network().fit(made, Y)


def test_free_text_that_is_declared_a_category_is_encoded():
    for rows, params in [
        (frame(objects(*TEXTS)), {"categorical_features": ["c"]}),
        (frame(pd.Categorical(TEXTS)), {}),
        (frame(objects("a long level of", "five words and more")), {}),
    ]:
        assert network(**params).fit(rows, Y).input_encoding_["kind"][1] == "category"
