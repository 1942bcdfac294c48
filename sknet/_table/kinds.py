"""Kinds of values: numbers, text, booleans, dates, times and spans of time."""

import re
from collections.abc import Iterable
from datetime import date, time, timedelta
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np

NUMBER, TEXT, BOOLEAN, OTHER = "numbers", "text", "booleans", "objects"
DATES, CLOCK, SPANS = "dates", "times of day", "spans of time"

#: Kinds that the user has to turn into numbers: names of their dtypes in pandas and polars.
TIMES = {
    SPANS: re.compile("duration|timedelta", re.IGNORECASE),
    CLOCK: re.compile("time$|time(32|64)", re.IGNORECASE),
    DATES: re.compile("date|timestamp|period", re.IGNORECASE),
}
#: Names of the dtypes, in pandas and polars, of columns that hold categories.
CATEGORIES = re.compile(r"categor|enum|str|large_str|dictionary|bool", re.IGNORECASE)
#: Names of the dtypes that list their levels. Such a column does not hold free text.
LISTED = re.compile(r"categor|enum|dictionary|bool", re.IGNORECASE)
#: Names of the dtypes whose numbers are read as float32.
NARROW = ("float32", "float16", "float[pyarrow]", "halffloat[pyarrow]")
#: Names of the dtypes of pandas and polars whose columns are read as numbers all at once.
PLAIN = re.compile(r"u?int(8|16|32|64)$|float(32|64)$", re.IGNORECASE)
#: Names of the types of missing values, besides NaN.
MISSING = ("NoneType", "NAType", "NaTType")


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    if type(value).__name__ in MISSING:
        return True
    return isinstance(value, (float, np.floating)) and value != value


def kind_of_type(value_type: type) -> str:
    """Return the kind of the values of a type."""
    for kind, types in (
        (TEXT, str),
        (BOOLEAN, (bool, np.bool_)),
        (NUMBER, Real),
        (SPANS, (timedelta, np.timedelta64)),
        (CLOCK, time),
        (DATES, (date, np.datetime64)),
    ):
        if issubclass(value_type, types):
            return kind
    return NUMBER if value_type.__name__ == "Decimal" else OTHER


def time_kind(dtype: str) -> str | None:
    """Return the kind of dates or times that a dtype of this name holds; None if it holds none."""
    return next((kind for kind, names in TIMES.items() if names.match(dtype)), None)


def in_words(kinds: Iterable[str]) -> str:
    """Return kinds of values as words of an error message."""
    words = {"dates or times" if kind in TIMES else kind for kind in kinds}
    return " and ".join(sorted(words))


@lru_cache(maxsize=64)
def _name_of_numpy(dtype: np.dtype) -> str:
    return str(dtype)


def name_of(dtype: Any) -> str:
    """Return the name of a dtype, without the levels that some dtypes print."""
    if isinstance(dtype, np.dtype):
        return _name_of_numpy(dtype)
    name = str(dtype).partition("(")[0]
    return "Sparse" if name.startswith("Sparse") else name
