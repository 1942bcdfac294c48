"""Errors and warnings for a y that cannot be used as it is.

Labels are the user's own vocabulary: a message may name them, shortened. No message shows a number
of a regression target.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sknet._table.kinds import DATES, SPANS

#: How many labels, or numbers of rows, a message lists.
LISTED = 5
#: Characters of a label that a message shows.
LABEL_CHARACTERS = 50


def label_words(labels: Iterable[Any]) -> str:
    """Return the first few labels as words of a message, long ones shortened."""
    labels = labels if isinstance(labels, np.ndarray) else list(labels)
    words = [_label_word(label) for label in labels[:LISTED]]
    return ", ".join([*words, "..."] if len(labels) > LISTED else words)


def _label_word(label: Any) -> str:
    if isinstance(label, (np.datetime64, np.timedelta64)):
        return str(label)
    label = label.item() if isinstance(label, np.generic) else label
    text = str(label)
    if len(text) > LABEL_CHARACTERS:
        return repr(text[: LABEL_CHARACTERS - 3] + "...")
    return repr(text) if isinstance(label, str) else text


def missing_error(name: str, missing: np.ndarray) -> ValueError:
    """Return the error for rows without a label or target; `missing` is a mask of the rows."""
    rows = np.flatnonzero(missing)
    first = ", ".join(map(str, rows[:LISTED])) + (", ..." if len(rows) > LISTED else "")
    both = f"{name} and {name.replace('y', 'X', 1)}" if name.startswith("y") else name
    return ValueError(
        f"{name} contains missing values (NaN, None, NA or NaT) in {len(rows)} of {len(missing)}"
        f" rows: {first}, counted from 0. Leave these rows out of {both}, or fill in what is"
        " missing."
    )


def unseen_error(name: str, unseen: Iterable[Any], classes: np.ndarray) -> ValueError:
    """Return the error for labels that are not among the classes."""
    return ValueError(
        f"{name} contains previously unseen labels: {label_words(unseen)}. All must be among the"
        f" classes: {label_words(classes)}. Leave their rows out, or fit on rows of all classes"
        " (in partial_fit, name all in `classes` at the first call)."
    )


def bytes_error(name: str) -> TypeError:
    """Return the error for labels of bytes."""
    return TypeError(
        f"{name} holds labels of bytes. Support for labels represented as bytes is not supported."
        " Convert the labels to a string or integer format."
    )


def mixed_labels_error(name: str, types: Iterable[type]) -> TypeError:
    """Return the error for labels of text beside labels of other types: they have no order."""
    found = ", ".join(sorted({kind.__name__ for kind in types}))
    return TypeError(
        f"{name}: labels must be all str or all numeric; got {found}. Make text of all of them:"
        f" {name} = [str(label) for label in {name}]."
    )


def several_labels_error(name: str, type_name: str) -> ValueError:
    """Return the error for rows that are lists or sets of labels."""
    return ValueError(
        f"{name} holds a {type_name} in a row, which is neither a label nor a number. For several"
        " labels a row, give label indicators: sklearn.preprocessing.MultiLabelBinarizer()"
        f".fit_transform({name})."
    )


def other_labels_error(y: Any, name: str, type_name: str) -> ValueError:
    """Return the error for objects that scikit-learn does not take for labels."""
    line = (
        f"{name} = {name}.astype(str)"
        if hasattr(y, "iloc")
        else f"{name} = [str(label) for label in {name}]"
    )
    return ValueError(
        f"Unknown label type: {name} holds values of type {type_name}. Labels are text, numbers or"
        f" booleans. Make text of them:\n  {line}"
    )


def not_numbers_error(name: str, type_name: str) -> ValueError:
    """Return the error for a regression target of other objects."""
    return ValueError(
        f"{name} holds values of type {type_name}. A regression target is numbers: convert it, or"
        " fit MLPBackpropClassifier if they are labels."
    )


def time_target_error(y: Any, name: str, what: str, kind: str, is_read: bool) -> ValueError:
    """Return the error for a regression target of dates or times.

    Parameters
    ----------
    y : object
        As the user gives it.
    name : str
        'y' or 'y_val'.
    what : str
        Its dtype, or the type of its values.
    kind : str
        DATES, CLOCK or SPANS.
    is_read : bool
        Whether it has a dtype of dates or times; else it is made of objects.
    """
    is_polars = not hasattr(y, "iloc") and (hasattr(y, "columns") or hasattr(y, "is_null"))
    lines = _polars_lines(y, name, kind) if is_polars else _lines(y, name, what, kind, is_read)
    return ValueError(
        f"{name} holds dates or times ({what}), which have no unit. A regression target is numbers:"
        f" choose a unit, such as {'seconds' if kind == SPANS else 'days'}:\n  "
        + "\n  ".join(lines)
    )


def _polars_lines(y: Any, name: str, kind: str) -> list[str]:
    column = f"{name}.to_series()" if hasattr(y, "columns") else name
    if kind == SPANS:
        return [f"{name} = {column}.dt.total_seconds()"]
    if kind == DATES:
        return [
            f"{name} = {column}",
            f"{name} = ({name} - {name}.min()).dt.total_days()",
        ]
    return [f"{name} = {column}.dt.hour().cast(int) * 60 + {column}.dt.minute()  # minutes"]


def _lines(y: Any, name: str, what: str, kind: str, is_read: bool) -> list[str]:
    lines = []
    if hasattr(y, "iloc") and getattr(y, "ndim", 1) == 2:
        lines.append(f"{name} = {name}.iloc[:, 0]")
    if "period" in what.lower():
        lines.append(f"{name} = pandas.PeriodIndex({name}).to_timestamp()")
    elif isinstance(y, (list, tuple)) or not is_read:
        if kind not in (DATES, SPANS):
            return [f"{name} = [t.hour * 60 + t.minute for t in {name}]  # minutes since midnight"]
        lines.append(f"{name} = pandas.to_{'datetime' if kind == DATES else 'timedelta'}({name})")
    if kind == SPANS:
        return [*lines, f"{name} = {name} / numpy.timedelta64(1, 's')"]
    return [*lines, f"{name} = ({name} - {name}.min()) / numpy.timedelta64(1, 'D')"]


def one_hot_words() -> str:
    """Return the warning for label indicators that look like one label a row."""
    return (
        "y has exactly one 1 in each row: it is fitted as label indicators (multilabel), each"
        " column by itself. If each row has one of several classes, pass the labels instead:"
        " y.argmax(axis=1), or y.idxmax(axis=1) of a DataFrame."
    )
