"""Errors for X and y that cannot be used.

Each message names the column and its dtype, and shows the lines that mend it. No message shows a
value of the column.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sknet._compat import warn
from sknet._table.conversions import (
    date_lines,
    free_text_lines,
    is_polars,
    number_lines,
    time_lines,
)
from sknet._table.kinds import CLOCK, DATES, NUMBER, SPANS, in_words
from sknet._table.looks import FREE_TEXT, Look

#: The numbers that a message suggests for each kind of dates and times.
SUGGESTED_NUMBERS = {
    SPANS: "the seconds",
    CLOCK: "the minutes since midnight",
    DATES: "the year, the day of the week and the day of the year",
}
#: How many names of columns a message lists.
LISTED_NAMES = 5


class TableError(ValueError, TypeError):
    """A column of X cannot be used, because of its values or its type."""


def first_names(names: Iterable[Any]) -> str:
    """Return the first few names, for a message."""
    names = list(names)
    more = ", ..." if len(names) > LISTED_NAMES else ""
    return ", ".join(map(repr, names[:LISTED_NAMES])) + more


# ------------------------------------------------------------ columns of objects


def object_error(name: Any, value_type: type) -> TableError:
    """Return the error for a column with values that are neither numbers nor text."""
    return TableError(
        f"Column {name!r} of X holds values of type {value_type.__name__}: argument must be a"
        " string or a real number. Turn it into numbers or text first, one column for each part of"
        " what it holds."
    )


def mixed_error(column: Any, name: Any, kinds: Iterable[str]) -> TableError:
    """Return the error for a column with values of several kinds."""
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
        f"Column {name!r} of X is of mixed types: {in_words(kinds)}. Make them one:\n"
        f"  {text}  # a category\nor\n  {numbers}"
    )


def unsortable_error(name: Any) -> TableError:
    """Return the error for a category whose levels have no order."""
    return TableError(
        f"Column {name!r} of X is a category whose levels cannot be sorted. Make them text:"
        f" X[{name!r}] = X[{name!r}].astype(str)."
    )


def other_kind_error(name: Any, dtype: str, found: Iterable[str], fitted: str) -> TableError:
    """Return the error for a category whose values are of another kind than in `fit`."""
    return TableError(
        f"Column {name!r} of X holds {in_words(found)} (dtype {dtype}); it was fitted"
        f" as a category of {fitted}. Convert it to the type that it had."
    )


def not_numeric_error(name: Any, dtype: str) -> TableError:
    """Return the error for a column of numbers with a value that is not a real number."""
    return TableError(
        f"Column {name!r} of X (dtype {dtype}) cannot be read as numbers: each value"
        " must be one real number, or missing."
    )


# ------------------------------------------------------------ dates and times, text


def time_error(X: Any, name: Any, dtype: str, kind: str) -> TableError:
    """Return the error for a column of dates or times of this kind."""
    return TableError(
        f"Column {name!r} of X holds dates or times (dtype {dtype}), not numeric. Turn it into"
        f" numbers, such as {SUGGESTED_NUMBERS[kind]}:" + _shown(time_lines(X, name, dtype, kind))
    )


def _shown(lines: Iterable[str]) -> str:
    return "".join(f"\n  {line}" for line in lines)


#: How a message on text goes on, where the text may be a category.
OR_A_CATEGORY = "If its values are categories, name it in categorical_features."


def look_error(X: Any, name: Any, dtype: str, look: Look) -> TableError:
    """Return the error for a column whose text is numbers, dates or free text."""
    if look.kind == FREE_TEXT:
        what = f"is free text (dtype {dtype}), not numeric: {look.n_levels} different values"
        turn, lines = "Turn it into numbers, such as topics", free_text_lines(X, name)
    elif look.kind == NUMBER:
        having = f", with {look.found.words}" if look.found.words else ""
        what = f"is text (dtype {dtype}), not numeric, but most of its values are numbers{having}"
        turn = "Make numbers of them, and missing values of the rest"
        lines = number_lines(X, name, look.found)
    else:
        what = f"holds dates or times as text (dtype {dtype}), not numeric, written as"
        what += f" {look.found.form!r}"
        turn = f"Turn it into numbers, such as {SUGGESTED_NUMBERS[look.kind]}"
        lines = date_lines(X, name, look.found)
    return TableError(f"Column {name!r} of X {what}. {OR_A_CATEGORY} {turn}:" + _shown(lines))


def warn_left_out(X: Any, name: Any, n_levels: int) -> None:
    """Warn of a column of identifiers, which is left out."""
    if not hasattr(X, "columns"):
        line = "X = numpy.delete(X, {0!r}, axis=1)"
    else:
        line = "X = X.drop({0!r})" if is_polars(X) else "X = X.drop(columns=[{0!r}])"
    warn(
        f"Column {name!r} of X is left out of the network: it looks like an identifier, nearly"
        f" every value is different ({n_levels} values). Drop it: {line.format(name)}."
        f" {OR_A_CATEGORY}",
        UserWarning,
    )


def warn_unknown(name: Any, unknown: int, n_values: int) -> None:
    """Warn that most of the values of a category are levels that training did not see."""
    warn(
        f"Column {name!r} of X: {unknown} of {n_values} values are levels that training did not"
        " see. They are treated as missing, and the prediction does not use them. Check that the"
        " values are written as in fit: the texts '3' and '3.0' are different levels.",
        UserWarning,
    )


def text_error(name: Any, dtype: str) -> TableError:
    """Return the error for a column of text that is not read as a category."""
    return TableError(
        f"Column {name!r} of X is {dtype}, not numeric: could not convert string to float: it holds"
        " text or categories. If it is a category, name it in categorical_features (of a frame,"
        " 'from_dtype' finds it) when fitting."
    )


@contextmanager
def lines_for_arrow() -> Iterator[None]:
    """Put the line in front of those of a message that makes a frame of a pyarrow table."""
    try:
        yield
    except TableError as error:
        raise TableError(str(error).replace("\n", "\n  X = X.to_pandas()\n", 1)) from None


# ------------------------------------------------------------ values that are too large


def infinity_error(name: Any, dtype: Any) -> TableError:
    """Return the error for an infinite number."""
    return TableError(
        f"Input X contains infinity or a value too large for dtype({str(dtype)!r}):"
        f" column {name!r}. Replace it by a number, or by NaN if it is missing."
    )


def too_large_error(name: Any, dtype: Any) -> TableError:
    """Return the error for a number that overflows in `dtype`, in which the network computes."""
    or_else = "" if np.dtype(dtype) == np.float64 else ", or fit with dtype='float64'"
    return TableError(
        f"Column {name!r} of X holds a value that is too large for"
        f" {np.dtype(dtype)}, the dtype in which this network computes. Scale X{or_else}."
    )


# ------------------------------------------------------------ X and y as a whole


def refuse_masked(values: Any, name: str) -> None:
    """Raise where entries are masked. scikit-learn would use the values under the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries. Fill them, or leave these rows out.")


#: The call that gets the rows of a lazy container, by what the container is called.
GETS_ROWS = {
    "toPandas": "Spark frame",
    "compute": "Dask collection",
    "collect": "lazy frame",
    "read_all": "stream of record batches",
    "fetchdf": "relation of a database",
    "execute": "query",
}


def refuse_lazy(values: Any, name: str) -> None:
    """Raise where the rows are not there yet, and show the call that gets them."""
    if isinstance(values, np.ndarray):
        return
    for call, what in GETS_ROWS.items():
        # of the type: a frame has an attribute for each column
        if hasattr(type(values), call) and (call != "compute" or hasattr(values, "dask")):
            raise TypeError(
                f"{name} is a {what}: its rows are not there yet. Pass {name}.{call}()."
            )


@contextmanager
def without_data(name: str) -> Iterator[None]:
    """Replace the messages of scikit-learn and numpy that print values of `name`."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        if message.startswith("Complex data not supported"):
            message = f"Complex data not supported: {name} holds complex numbers."
        elif message.startswith("Expected 2D array"):
            message = (
                f"{message.partition(':')[0]}. Reshape your data, {name}.reshape(-1, 1) if it is a"
                f" single feature, {name}.reshape(1, -1) if it is a single sample."
            )
        elif message.startswith("could not convert string to float"):
            message = f"could not convert string to float: {name} holds text, not only numbers."
            if name == "X":
                message += " Name its columns of categories in categorical_features."
        else:
            raise
        raise ValueError(message) from None
