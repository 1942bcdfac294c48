"""Columns of categories and text, and the advice on columns of dates."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sknet._table.messages import TableError
from tests.faults.common import X, fault, network, regressor, y
from tests.faults.tables import ADVICE, AS_IT_IS, DATES, FRAME, HOLDS_DATES, assert_predicts
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters

# Two levels are -1 and +1 in sorted order; three have a column each. Missing is 0.
TWO, THREE = np.where(X[:, 0] > 0, "u", "v"), np.array(["x", "y", "z"])[np.arange(150) % 3]
ENCODED = np.c_[X, np.where(TWO == "u", -1, 1), THREE[:, None] == ["x", "y", "z"]]


def categories(dtype):
    """A frame of numbers, a category of two levels and one of three."""
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
    assert_same_parameters(estimator, expected)
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
    assert_same_parameters(estimator, network(cls, **AS_IT_IS).fit(rows, y))
    assert len(estimator.predict(frame)) == 150


@fault("37", "category of many levels")
@ignore_convergence
@pytest.mark.parametrize("dtype", ["category", "str", "object"])
def test_a_category_of_many_levels_is_embedded_and_learned_from(dtype):
    """y depends only on the level, of which there are 30."""
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
def test_the_code_that_an_error_shows_makes_the_column_usable(frame, made):
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
def test_the_code_that_an_error_shows_makes_a_polars_column_usable(dtype):
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
