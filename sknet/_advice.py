"""Errors for columns that are neither numbers nor categories, with the lines that mend them.

Each names the column and its dtype, and shows what to type; none shows what is in the column.
"""

import re
from typing import Any

from sknet._columns import CLOCK, DATES, SPANS, TIMES, TableError

#: What becomes of times, in words.
SUCH_AS = {
    SPANS: "the seconds",
    CLOCK: "the minutes since midnight",
    DATES: "the year, the day of the week and the day of the year",
}


def _is_polars(X: Any) -> bool:
    return hasattr(X, "columns") and not hasattr(X, "iloc")


def kind_of_dtype(dtype: str) -> str | None:
    """Return what times a dtype of this name holds; None if it holds none."""
    return next((kind for kind, names in TIMES.items() if names.match(dtype)), None)


def time_error(X: Any, name: Any, dtype: str, kind: str) -> TableError:
    """Return the error for a column of times of this kind."""
    is_frame, is_polars = hasattr(X, "columns"), _is_polars(X)
    lines_of = _polars_lines if is_polars else _pandas_lines if is_frame else _array_lines
    return TableError(
        f"Column {name!r} of X holds dates or times (dtype {dtype}), not numeric. Turn it into"
        f" numbers, such as {SUCH_AS[kind]}:\n  " + "\n  ".join(lines_of(name, dtype, kind))
    )


def _array_lines(name: Any, dtype: str, kind: str) -> list[str]:
    """Return the lines for an array: its columns need dtypes of their own first."""
    return ["X = pandas.DataFrame(X)", *_pandas_lines(name, dtype, kind)]


def _pandas_lines(name: Any, dtype: str, kind: str) -> list[str]:
    column, has_dtype = f"X[{name!r}]", kind_of_dtype(dtype) is not None
    if kind == SPANS:
        spans = column if has_dtype else f"pandas.to_timedelta({column})"
        return [f"{column} = {spans}.dt.total_seconds()"]
    if kind == CLOCK:
        minutes = f"[t if pandas.isna(t) else t.hour * 60 + t.minute for t in {column}]"
        return [f"{column} = pandas.Series({minutes}, X.index, dtype=float)"]
    return [
        *([] if has_dtype else [f"{column} = pandas.to_datetime({column})"]),
        f"X[{f'{name}_year'!r}] = {column}.dt.year",
        f"X[{f'{name}_weekday'!r}] = {column}.dt.day_of_week",
        f"X[{f'{name}_day'!r}] = {column}.dt.day_of_year",
        f"X = X.drop(columns={name!r})",
        *([] if isinstance(name, str) else ["X.columns = X.columns.astype(str)"]),
    ]


def _polars_lines(name: Any, dtype: str, kind: str) -> list[str]:
    is_text = re.match("str", dtype, re.IGNORECASE) is not None
    read = ".str.slice(0, 10).str.to_date()" if is_text else ""
    column = f"polars.col({name!r}){read}.dt"
    if kind == SPANS:
        return [f"X = X.with_columns({column}.total_seconds())"]
    if kind == CLOCK:
        return [f"X = X.with_columns({column}.hour().cast(int) * 60 + {column}.minute())"]
    parts = ("year", "weekday", "ordinal_day")
    made = ", ".join(f"{column}.{part}().alias({f'{name}_{part}'!r})" for part in parts)
    return [f"X = X.with_columns({made}).drop({name!r})"]


def free_text_error(X: Any, name: Any, dtype: str, n_levels: int, n_samples: int) -> TableError:
    """Return the error for a column of free text."""
    if _is_polars(X):
        column = f"X[{name!r}].fill_null('')"
        join = [
            f"names = [f'{name}_{{k}}' for k in range(20)]",
            f"X = X.drop({name!r}).hstack(polars.DataFrame(topics, schema=names))",
        ]
    else:
        column = f"X[{name!r}].fillna('')"
        join = [
            f"topics = pandas.DataFrame(topics, X.index).add_prefix({f'{name}_'!r})",
            f"X = X.drop(columns={name!r}).join(topics)",
            *([] if isinstance(name, str) else ["X.columns = X.columns.astype(str)"]),
        ]
    lines = (
        "from sklearn.decomposition import TruncatedSVD",
        "from sklearn.feature_extraction.text import TfidfVectorizer",
        f"words = TfidfVectorizer().fit_transform({column})",
        "topics = TruncatedSVD(20).fit_transform(words)",
        *join,
    )
    return TableError(
        f"Column {name!r} of X is free text (dtype {dtype}): {n_levels} different values in"
        f" {n_samples} rows. Turn it into numbers, such as topics:\n  "
        + "\n  ".join(lines)
        + "\nor, if its values are categories, name it in categorical_features."
    )


def number_text_error(X: Any, name: Any, dtype: str) -> TableError:
    """Return the error for a column of numbers that are written as text, but for a few."""
    line = (
        f"X = X.with_columns(polars.col({name!r}).cast(polars.Float64, strict=False))"
        if _is_polars(X)
        else f"X[{name!r}] = pandas.to_numeric(X[{name!r}], errors='coerce')"
    )
    return TableError(
        f"Column {name!r} of X is text (dtype {dtype}), but most of its values are numbers. Make"
        f" numbers of them, and missing values of the rest:\n  {line}\nor, if its values are"
        " categories, name it in categorical_features."
    )


def text_error(name: Any, dtype: str) -> TableError:
    """Return the error for a column of text where numbers are wanted."""
    return TableError(
        f"Column {name!r} of X is {dtype}, not numeric: could not convert string to float: it holds"
        " text or categories. If it is a category, name it in categorical_features (of a frame,"
        " 'from_dtype' finds it) when fitting."
    )
