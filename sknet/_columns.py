"""The values of a column of X: of what kind they are, which levels they have, and what is wrong.

A column is one of a frame (pandas, polars) or of an array. The levels of a category are sorted by
value, so that neither the container nor the order in which it lists them matters.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np

#: Names of the dtypes of columns whose levels are listed: what is in them is no free text.
LISTED = re.compile(r"categor|enum|dictionary|bool", re.IGNORECASE)
#: Names of the types of missing values, beside NaN.
MISSING = ("NoneType", "NAType", "NaTType")
#: Rows whose values are looked at at once.
CHUNK = 1 << 16
#: Names of the dtypes whose numbers are read as float32.
NARROW = ("float32", "float16", "float[pyarrow]", "halffloat[pyarrow]")
#: Dates that are written as text begin so.
DATE = re.compile(r"\d{4}-\d{2}-\d{2}(\D|$)")
#: Free text: more than so many different values, in such a share of the rows, of so many words.
TEXT_LEVELS, TEXT_SHARE, TEXT_WORDS = 10, 0.5, 3
#: Numbers written as text: as many different values, of which this share can be read as numbers.
NUMBER_SHARE = 0.9

NUMBER, TEXT, BOOLEAN, OTHER = "numbers", "text", "booleans", "objects"
DATES, CLOCK, SPANS = "dates", "times of day", "spans of time"
#: The kinds that are no numbers yet, but can be turned into some; and dtypes of pandas and polars.
TIMES = {
    SPANS: re.compile("duration|timedelta", re.IGNORECASE),
    CLOCK: re.compile("time$|time(32|64)", re.IGNORECASE),
    DATES: re.compile("date|timestamp|period", re.IGNORECASE),
}


class TableError(ValueError, TypeError):
    """A column of X cannot be used, by its values or by its type."""


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    if type(value).__name__ in MISSING:
        return True
    return isinstance(value, (float, np.floating)) and value != value


def _kind(value_type: type) -> str:
    """Return what values of this type are."""
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


def _in_words(kinds: Iterable[str]) -> str:
    """Return these kinds of values in words."""
    words = {"dates or times" if kind in TIMES else kind for kind in kinds}
    return " and ".join(sorted(words))


def kind_of(column: Any, name: Any) -> str:
    """Return what the values of a column of objects are; NUMBER where all are missing."""
    values = _distinct(column, name)
    # True is 1 to a set: types are looked at apart, but for floats, which may be NaN
    types = {type(value) for chunk in _chunks(column) for value in chunk}
    types = {t for t in types if t.__name__ not in MISSING and not issubclass(t, float)}
    kinds = {_kind(t) for t in (*types, *map(type, values))}
    if OTHER in kinds:
        raise _object_error(name, next(t for t in types if _kind(t) == OTHER))
    if kinds == {NUMBER, BOOLEAN}:
        return NUMBER
    if len(kinds) > 1:
        raise _mixed_error(column, name, kinds)
    return next(iter(kinds), NUMBER)


def _object_error(name: Any, value_type: type) -> TableError:
    return TableError(
        f"Column {name!r} of X holds values of type {value_type.__name__}: argument must be a"
        " string or a real number. Turn it into numbers or text first, one column for each part of"
        " what it holds."
    )


def _mixed_error(column: Any, name: Any, kinds: Iterable[str]) -> TableError:
    """Return the error for values of several kinds, with the lines that make one kind of them."""
    if hasattr(column, "iloc") or isinstance(column, np.ndarray):
        place = f"X[{name!r}]" if hasattr(column, "iloc") else f"X[:, {name!r}]"
        text = f"{place} = {place}.astype(str)"
        numbers = f"{place} = pandas.to_numeric({place}, errors='coerce')"
    else:
        values = f"X[{name!r}].to_list()"
        text = f"X = X.with_columns(polars.Series({name!r}, [str(v) for v in {values}]))"
        numbers = (
            f"X = X.with_columns(polars.Series({name!r}, {values}, dtype=polars.Float64,"
            " strict=False))"
        )
    return TableError(
        f"Column {name!r} of X is of mixed types: {_in_words(kinds)}. Make them one:\n"
        f"  {text}  # a category\nor\n  {numbers}"
    )


def _values(column: Any, start: int, stop: int) -> list[Any]:
    """Return the values of some rows of a column as Python objects."""
    if isinstance(column, np.ndarray):
        return column[start:stop].tolist()
    part = column.iloc[start:stop] if hasattr(column, "iloc") else column[start:stop]
    return part.to_list()


def _chunks(column: Any) -> Iterator[list[Any]]:
    for start in range(0, len(column), CHUNK):
        yield _values(column, start, start + CHUNK)


def _distinct(column: Any, name: Any) -> set[Any]:
    """Return the values of a column that are not missing, each once."""
    try:
        found = set(chain.from_iterable(set(values) for values in _chunks(column)))
    except TypeError:  # not hashable
        types = {type(value) for values in _chunks(column) for value in values}
        raise _object_error(name, next(t for t in types if t.__hash__ is None)) from None
    return {value for value in found if not is_missing(value)}


def _categories(column: Any) -> tuple[list[Any], np.ndarray] | None:
    """Return the categories and codes of a pandas column that has them; None for others."""
    pandas_categories = getattr(getattr(column, "cat", None), "categories", None)
    if pandas_categories is None:
        return None
    return pandas_categories.tolist(), np.asarray(column.cat.codes)


def levels_of(column: Any, name: Any) -> list[Any]:
    """Return the levels of a column, sorted.

    Raises
    ------
    TableError
        If they are of several types.
    """
    listed = _categories(column)
    if listed:
        categories, codes = listed
        present = np.bincount(codes[codes >= 0], minlength=len(categories)) > 0
        found = {c for c, is_there in zip(categories, present, strict=True) if is_there}
    else:
        found = _distinct(column, name)
    kinds = {_kind(type(value)) for value in found}
    if len(kinds) > 1:
        raise _mixed_error(column, name, kinds)
    levels = [value.item() if isinstance(value, np.generic) else value for value in found]
    try:
        return sorted(levels)
    except TypeError:
        raise TableError(
            f"Column {name!r} of X is a category whose levels cannot be sorted. Make them text:"
            f" X[{name!r}] = X[{name!r}].astype(str)."
        ) from None


def codes_of(column: Any, levels: Sequence[Any]) -> np.ndarray:
    """Return the place of each value among the levels; -1 where it is not among them."""
    place = {level: k for k, level in enumerate(levels)}
    listed = _categories(column)
    if listed:
        categories, codes = listed
        return np.array([place.get(c, -1) for c in categories] + [-1])[codes]
    parts = [
        np.fromiter((place.get(value, -1) for value in values), np.intp, len(values))
        for values in _chunks(column)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.intp)


def _is_open(dtype: str, levels: Sequence[Any]) -> bool:
    """Whether levels are text, many, and not listed by the dtype: they may be no category."""
    is_listed = LISTED.match(dtype) is not None
    return not is_listed and len(levels) > TEXT_LEVELS and isinstance(levels[0], str)


def is_free_text(column: Any, dtype: str, levels: Sequence[Any]) -> bool:
    """Whether what is read as a category is free text: many values, in most rows, of many words."""
    if not _is_open(dtype, levels) or len(levels) <= TEXT_SHARE * len(column):
        return False
    words = sorted(len(level.split()) for level in levels)
    return words[len(words) // 2] >= TEXT_WORDS


def are_numbers(column: Any, dtype: str, levels: Sequence[Any]) -> bool:
    """Whether what is read as a category is numbers written as text, nearly all of them."""
    if not _is_open(dtype, levels) or len(levels) <= TEXT_SHARE * len(column):
        return False
    return sum(map(_is_number, levels)) >= NUMBER_SHARE * len(levels)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def are_dates(dtype: str, levels: Sequence[Any]) -> bool:
    """Whether what is read as a category is dates that are written as text."""
    return _is_open(dtype, levels) and all(map(DATE.match, levels))


def refuse_other_kind(column: Any, name: Any, dtype: str, levels: Sequence[Any]) -> None:
    """Raise where a category holds values of another kind than it was fitted on."""
    listed = _categories(column)
    found = listed[0] if listed else _distinct(column, name)
    kinds = {_kind(type(value)) for value in found if not is_missing(value)}
    fitted = {_kind(type(level)) for level in levels[:1]}
    alike = {NUMBER, BOOLEAN}
    if not kinds or not fitted or kinds == fitted or (kinds | fitted) <= alike:
        return
    raise TableError(
        f"Column {name!r} of X holds {_in_words(kinds)} (dtype {dtype}); it was fitted"
        f" as a category of {fitted.pop()}. Convert it to the type that it had."
    )


def name_of(dtype: Any) -> str:
    """Return the name of a dtype, without what it lists of the data."""
    name = str(dtype).partition("(")[0]
    return "Sparse" if name.startswith("Sparse") else name


def numbers_in(column: Any, name: Any) -> np.ndarray:
    """Return a column of numbers as floats, NaN where missing; narrow ones as float32.

    Raises
    ------
    TableError
        If some value is no real number; names the column and its dtype.
    """
    dtype = column.dtype
    wanted: Any = np.float32 if str(dtype).lower() in NARROW else np.float64
    try:
        with np.errstate(invalid="ignore"):
            if hasattr(dtype, "numpy_dtype"):  # pandas' nullable ones
                array = column.to_numpy(dtype=wanted, na_value=np.nan)
            else:
                array = np.asarray(column)
            if array.ndim != 1:
                raise TypeError
            if array.dtype.kind in "biuf":
                return array.astype(wanted, copy=False)
            values = chain.from_iterable(_chunks(column))
            return np.array([_as_float(value) for value in values], dtype=wanted)
    except (TypeError, ValueError, OverflowError):
        raise TableError(
            f"Column {name!r} of X (dtype {name_of(dtype)}) cannot be read as numbers: each value"
            " must be one real number, or missing."
        ) from None


def _as_float(value: Any) -> float:
    if isinstance(value, (str, complex)):
        raise TypeError
    return float("nan") if is_missing(value) else float(value)
