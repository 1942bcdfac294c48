"""The values of one column of X: their kind, the levels of a category, the numbers.

A column is one of a frame (pandas, polars) or of an array. The levels of a category are sorted by
value, so that they depend neither on the container nor on the order in which it lists them.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from sknet._table.kinds import (
    BOOLEAN,
    MISSING,
    NARROW,
    NUMBER,
    OTHER,
    is_missing,
    kind_of_type,
    name_of,
)
from sknet._table.messages import (
    mixed_error,
    not_numeric_error,
    object_error,
    other_kind_error,
    unsortable_error,
)

#: Rows that are turned into Python objects at once. It bounds the memory for them.
ROWS_PER_CHUNK = 1 << 16


# ------------------------------------------------------------ values


def _values(column: Any, start: int, stop: int) -> list[Any]:
    """Return the values of some rows of a column as Python objects."""
    if isinstance(column, np.ndarray):
        return column[start:stop].tolist()
    part = column.iloc[start:stop] if hasattr(column, "iloc") else column[start:stop]
    return part.to_list()


def _chunks(column: Any) -> Iterator[list[Any]]:
    for start in range(0, len(column), ROWS_PER_CHUNK):
        yield _values(column, start, start + ROWS_PER_CHUNK)


def _distinct(column: Any, name: Any) -> set[Any]:
    """Return the different values of a column, without missing ones."""
    try:
        found = set(chain.from_iterable(set(values) for values in _chunks(column)))
    except TypeError:  # not hashable
        types = {type(value) for values in _chunks(column) for value in values}
        raise object_error(name, next(t for t in types if t.__hash__ is None)) from None
    if set(map(type, found)) <= {str, int, bool}:
        return found
    return {value for value in found if not is_missing(value)}


def n_missing(column: Any) -> int:
    """Return how many values of a column are missing."""
    listed = _categories(column)
    if listed:
        return int(np.count_nonzero(listed[1] < 0))
    return sum(is_missing(value) for values in _chunks(column) for value in values)


def _kinds(values: Iterable[Any]) -> set[str]:
    return {kind_of_type(t) for t in set(map(type, values))}


def kind_of(column: Any, name: Any) -> str:
    """Return the kind of the values of a column of objects; NUMBER where all are missing."""
    values = _distinct(column, name)
    # A set takes True and 1 for the same, so types are collected apart. A float may be a missing
    # value: `values` has those that are not.
    types = {type(value) for chunk in _chunks(column) for value in chunk}
    types = {t for t in types if t.__name__ not in MISSING and not issubclass(t, float)}
    kinds = {kind_of_type(t) for t in (*types, *map(type, values))}
    if OTHER in kinds:
        raise object_error(name, next(t for t in types if kind_of_type(t) == OTHER))
    if kinds == {NUMBER, BOOLEAN}:
        return NUMBER
    if len(kinds) > 1:
        raise mixed_error(column, name, kinds)
    return next(iter(kinds), NUMBER)


# ------------------------------------------------------------ categories


def _categories(column: Any) -> tuple[list[Any], np.ndarray] | None:
    """Return the categories and codes of a column whose dtype lists them; else None.

    It is one of a categorical dtype of pandas, or of booleans. The code of a missing value is -1.
    """
    if not isinstance(column, np.ndarray) and str(column.dtype).lower().startswith("bool"):
        return [False, True], _codes_of_booleans(column)
    pandas_categories = getattr(getattr(column, "cat", None), "categories", None)
    if pandas_categories is None:
        return None
    return pandas_categories.tolist(), np.asarray(column.cat.codes)


def _codes_of_booleans(column: Any) -> np.ndarray:
    """Return 0 for False, 1 for True, -1 where missing, of a column of a boolean dtype."""
    if isinstance(column.dtype, np.dtype):
        return np.asarray(column).astype(np.intp)
    if hasattr(column, "iloc"):
        codes = column.fillna(False).to_numpy(dtype=np.intp)
        codes[column.isna().to_numpy()] = -1
        return codes
    return column.cast(int).fill_null(-1).to_numpy()  # polars


def levels_of(column: Any, name: Any) -> list[Any]:
    """Return the levels of a column, sorted.

    Raises
    ------
    TableError
        If they are of several kinds, or have no order.
    """
    listed = _categories(column)
    if listed:
        categories, codes = listed
        present = np.bincount(codes[codes >= 0], minlength=len(categories)) > 0
        found = {c for c, is_there in zip(categories, present, strict=True) if is_there}
    else:
        found = _distinct(column, name)
    kinds = _kinds(found)
    if len(kinds) > 1:
        raise mixed_error(column, name, kinds)
    levels = [value.item() if isinstance(value, np.generic) else value for value in found]
    try:
        return sorted(levels)
    except TypeError:
        raise unsortable_error(name) from None


def codes_of(column: Any, levels: Sequence[Any]) -> np.ndarray:
    """Return the index of each value in `levels`; -1 for a missing or unknown value."""
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


def refuse_other_kind(column: Any, name: Any, dtype: str, levels: Sequence[Any]) -> None:
    """Raise where a category holds values of another kind than in `fit`."""
    listed = _categories(column)
    found = listed[0] if listed else _distinct(column, name)
    kinds = _kinds(value for value in found if not is_missing(value)) if listed else _kinds(found)
    fitted = _kinds(levels[:1])
    alike = {NUMBER, BOOLEAN}
    if not kinds or not fitted or kinds == fitted or (kinds | fitted) <= alike:
        return
    raise other_kind_error(name, dtype, kinds, fitted.pop())


# ------------------------------------------------------------ numbers


def numbers_in(column: Any, name: Any) -> np.ndarray:
    """Return a column as floats, NaN where missing; float32 for the dtypes in ``NARROW``.

    Raises
    ------
    TableError
        If a value is not a real number.
    """
    dtype = column.dtype
    wanted: Any = np.float32 if str(dtype).lower() in NARROW else np.float64
    try:
        with np.errstate(invalid="ignore"):
            if hasattr(dtype, "numpy_dtype"):  # pandas' nullable numbers
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
        raise not_numeric_error(name, name_of(dtype)) from None


def _as_float(value: Any) -> float:
    if isinstance(value, (str, complex)):
        raise TypeError
    return float("nan") if is_missing(value) else float(value)
