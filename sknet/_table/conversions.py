"""The lines of code that messages show: they turn a column of X into numbers, and can be copied.

A column is named as in X. Arrays become frames first, whose columns have dtypes. Lines that add
columns need names that are text.
"""

from typing import Any

from sknet._table.kinds import CLOCK, SPANS, time_kind
from sknet._table.text_dates import PERIODS, TIME_OF_DAY, DateText
from sknet._table.text_numbers import NumberText


def is_polars(X: Any) -> bool:
    """Whether X is a frame, and not one of pandas."""
    return hasattr(X, "columns") and not hasattr(X, "iloc")


def _literal(text: str) -> str:
    """Return a string as code, raw where that is easier to read."""
    return f"r'{text}'" if "\\" in text and "'" not in text and text.isprintable() else repr(text)


def _begin(X: Any, name: Any, adds_columns: bool) -> tuple[list[str], Any]:
    """Return the lines after which X is a frame, and the name that the column has then."""
    lines = [] if hasattr(X, "columns") else ["X = pandas.DataFrame(X)"]
    if isinstance(name, tuple) or (adds_columns and not isinstance(name, str)):
        return [*lines, "X.columns = X.columns.map(str)"], str(name)
    return lines, name


# ------------------------------------------------------------ dates and times by their dtype


def time_lines(X: Any, name: Any, dtype: str, kind: str) -> list[str]:
    """Return the lines for a column of dates or times, or of spans of time."""
    if is_polars(X):
        return _polars_times(name, kind)
    lines, name = _begin(X, name, adds_columns=kind not in (SPANS, CLOCK))
    return [*lines, *_pandas_times(name, kind, has_dtype=time_kind(dtype) is not None)]


def _pandas_times(name: Any, kind: str, has_dtype: bool) -> list[str]:
    column = f"X[{name!r}]"
    if kind == SPANS:
        spans = column if has_dtype else f"pandas.to_timedelta({column})"
        return [f"{column} = {spans}.dt.total_seconds()"]
    if kind == CLOCK:
        minutes = f"[t if pandas.isna(t) else t.hour * 60 + t.minute for t in {column}]"
        return [f"{column} = pandas.Series({minutes}, X.index, dtype=float)"]
    read = [] if has_dtype else [f"{column} = pandas.to_datetime({column})"]
    return [*read, *_pandas_parts(name)]


def _pandas_parts(name: str) -> list[str]:
    """Return the lines that make numbers of a column of dates."""
    parts = {"year": "year", "weekday": "day_of_week", "day": "day_of_year"}
    made = [f"X[{f'{name}_{own}'!r}] = X[{name!r}].dt.{part}" for own, part in parts.items()]
    return [*made, f"X = X.drop(columns={name!r})"]


def _polars_times(name: str, kind: str) -> list[str]:
    column = f"polars.col({name!r}).dt"
    if kind == SPANS:
        return [f"X = X.with_columns({column}.total_seconds())"]
    if kind == CLOCK:
        return [f"X = X.with_columns({column}.hour().cast(int) * 60 + {column}.minute())"]
    return _polars_parts(name)


def _polars_parts(name: str) -> list[str]:
    parts = ("year", "weekday", "ordinal_day")
    column = f"polars.col({name!r}).dt"
    made = ", ".join(f"{column}.{part}().alias({f'{name}_{part}'!r})" for part in parts)
    return [f"X = X.with_columns({made}).drop({name!r})"]


# ------------------------------------------------------------ text


def number_lines(X: Any, name: Any, found: NumberText) -> list[str]:
    """Return the lines for a column of numbers that are written as text."""
    if is_polars(X):
        steps = "".join(_polars_step(*step) for step in found.steps)
        column = f"polars.col({name!r}){steps}"
        return [f"X = X.with_columns({column}.cast(polars.Float64, strict=False))"]
    lines, name = _begin(X, name, adds_columns=False)
    column = f"X[{name!r}]"
    text = column + "".join(_pandas_step(*step) for step in found.steps)
    return [*lines, f"{column} = pandas.to_numeric({text}, errors='coerce')"]


def _pandas_step(kind: str, pattern: str, by: str = "") -> str:
    if kind == "extract":
        return f".str.extract({_literal(pattern)}, expand=False)"
    by = _literal(by.replace("{1}", r"\1"))
    return f".str.replace({_literal(pattern)}, {by}, regex=True)"


def _polars_step(kind: str, pattern: str, by: str = "") -> str:
    if kind == "extract":
        return f".str.extract({_literal(pattern)})"
    return f".str.replace_all({_literal(pattern)}, {by.replace('{1}', '${1}')!r})"


def date_lines(X: Any, name: Any, found: DateText) -> list[str]:
    """Return the lines for a column of dates or times of day that are written as text."""
    steps = [("replace", TIME_OF_DAY + ".*$", "")] if found.mixed else []
    if is_polars(X):
        return _polars_dates(name, found, steps)
    lines, name = _begin(X, name, adds_columns=not found.is_clock)
    column = f"X[{name!r}]"
    text = column + "".join(_pandas_step(*step) for step in steps)
    if found.form in PERIODS:
        return [*lines, *_pandas_periods(name, found.form)]
    utc = ", utc=True" if "%z" in found.form else ""
    read = f"pandas.to_datetime({text}, format={found.form!r}, errors='coerce'{utc})"
    if found.is_clock:
        minutes = f"{column} = {column}.dt.hour * 60 + {column}.dt.minute"
        return [*lines, f"{column} = {read}", minutes]
    return [*lines, f"{column} = {read}", *_pandas_parts(name)]


def _pandas_periods(name: str, period: str) -> list[str]:
    column, patterns = f"X[{name!r}]", {"year": r"(\d{4})", period: PERIODS[period][1]}
    made = [
        f"X[{f'{name}_{part}'!r}] = pandas.to_numeric({column}{_pandas_step('extract', pattern)})"
        for part, pattern in patterns.items()
    ]
    return [*made, f"X = X.drop(columns={name!r})"]


def _polars_dates(name: str, found: DateText, steps: list[Any]) -> list[str]:
    column, form = f"polars.col({name!r})", found.form
    if form in PERIODS:
        patterns = {"year": r"(\d{4})", form: PERIODS[form][1]}
        made = ", ".join(
            f"{column}{_polars_step('extract', pattern)}.cast(float).alias({f'{name}_{part}'!r})"
            for part, pattern in patterns.items()
        )
        return [f"X = X.with_columns({made}).drop({name!r})"]
    text = column + "".join(_polars_step(*step) for step in steps)
    form = form.replace(".%f", "%.f")
    if "%z" in form:  # polars knows no Z
        text += ".str.replace('(?i)z$', '+0000')"
    if not found.has_day:  # polars reads no month, and no time of day, without a day
        text, form = f"('2000-01-01 ' + {text})", f"%Y-%m-%d {form}"
        if not found.is_clock:
            text, form = text.replace("2000-01-01", "01"), f"%d {found.form}"
    read = f"X = X.with_columns({text}.str.to_datetime({form!r}, strict=False).alias({name!r}))"
    if found.is_clock:
        minutes = f"{column}.dt.hour().cast(int) * 60 + {column}.dt.minute()"
        return [read, f"X = X.with_columns({minutes})"]
    return [read, *_polars_parts(name)]


def free_text_lines(X: Any, name: Any) -> list[str]:
    """Return the lines for a column of free text: topics, by the words."""
    begin: list[str] = []
    if is_polars(X):
        column = f"X[{name!r}].fill_null('')"
        join = [
            f"names = [f'{name}_{{k}}' for k in range(20)]",
            f"X = X.drop({name!r}).hstack(polars.DataFrame(topics, schema=names))",
        ]
    else:
        begin, name = _begin(X, name, adds_columns=True)
        column = f"X[{name!r}].fillna('')"
        join = [
            f"topics = pandas.DataFrame(topics, X.index).add_prefix({f'{name}_'!r})",
            f"X = X.drop(columns={name!r}).join(topics)",
        ]
    return [
        *begin,
        "from sklearn.decomposition import TruncatedSVD",
        "from sklearn.feature_extraction.text import TfidfVectorizer",
        f"words = TfidfVectorizer().fit_transform({column})",
        "topics = TruncatedSVD(20).fit_transform(words)",
        *join,
    ]
