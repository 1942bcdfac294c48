"""Which columns of X are categories: what `categorical_features` says, or the dtypes of a frame."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sknet._table.columns import kind_of
from sknet._table.kinds import BOOLEAN, CATEGORIES, TEXT, TIMES, name_of, time_kind
from sknet._table.messages import first_names, time_error


def is_frame(X: Any) -> bool:
    """Whether `X` has columns with names and dtypes of their own."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def dtypes_of(X: Any) -> list[tuple[Any, str]]:
    """Return the name of each column of a frame, and the name of its dtype."""
    return list(zip(names_in(X), map(name_of, _listed(X.dtypes)), strict=True))


def names_in(X: Any) -> list[Any]:
    """Return the names of the columns of a frame."""
    return _listed(X.columns)


def _listed(values: Any) -> list[Any]:
    """Return a list; an index or a series of pandas is slow to iterate over."""
    return values.tolist() if hasattr(values, "tolist") else list(values)


def is_arrow(X: Any) -> bool:
    """Whether `X` is a table or a record batch of pyarrow."""
    return hasattr(X, "column_names") and hasattr(X, "to_pandas")


def categorical_mask(wanted: Any, X: Any, names: Sequence[Any]) -> np.ndarray:
    """Return which columns are categories, as a mask.

    Parameters
    ----------
    wanted : str, array-like or None
        The parameter `categorical_features`.
    X : frame or ndarray
    names : sequence
        The names of the columns, or their numbers.

    Raises
    ------
    ValueError
        If `wanted` names columns that `X` does not have, or is a mask of another length.
    """
    if wanted is None:
        return np.zeros(len(names), dtype=bool)
    if isinstance(wanted, str):  # "from_dtype"
        return _by_dtype(X, len(names))
    wanted = list(wanted)
    if any(isinstance(name, tuple) for name in wanted):  # of a MultiIndex
        return _by_name(wanted, X, names)
    wanted = np.asarray(wanted)
    if wanted.dtype.kind == "b":
        return _by_mask(wanted, len(names))
    if wanted.dtype.kind in "iu":
        return _by_number(wanted, len(names))
    return _by_name(wanted.tolist(), X, names)


def _by_dtype(X: Any, n_features: int) -> np.ndarray:
    if is_frame(X):
        return np.array([_is_category(X, X[name], name, dtype) for name, dtype in dtypes_of(X)])
    if X.dtype.kind == "O":
        return np.array([_is_category(X, X[:, k], k, "object") for k in range(n_features)])
    return np.zeros(n_features, dtype=bool)


def _by_mask(wanted: np.ndarray, n_features: int) -> np.ndarray:
    if wanted.shape != (n_features,):
        raise ValueError(
            f"categorical_features is a mask of shape {wanted.shape}; X has {n_features}"
            " columns: give one bool for each."
        )
    return wanted.copy()


def _by_number(wanted: np.ndarray, n_features: int) -> np.ndarray:
    if wanted.size and not (0 <= wanted.min() and wanted.max() < n_features):
        raise ValueError(
            f"categorical_features must hold numbers of columns from 0 to {n_features - 1};"
            f" got {wanted.min()} to {wanted.max()}."
        )
    mask = np.zeros(n_features, dtype=bool)
    mask[wanted.astype(int)] = True
    return mask


def _by_name(wanted: list[Any], X: Any, names: Sequence[Any]) -> np.ndarray:
    place = {name: k for k, name in enumerate(names)}
    unknown = [name for name in wanted if name not in place]
    if unknown:
        raise ValueError(
            f"categorical_features names columns that X does not have: {first_names(unknown)}."
            + ("" if is_frame(X) else " X has no names: give numbers of columns, or a mask.")
        )
    mask = np.zeros(len(names), dtype=bool)
    mask[[place[name] for name in wanted]] = True
    return mask


def _is_category(X: Any, column: Any, name: Any, dtype: str) -> bool:
    """Whether a column of this dtype is a category; raise where it holds dates or times."""
    if dtype.lower() == "object":
        kind = kind_of(column, name)
        if kind in TIMES:
            raise time_error(X, name, dtype, kind)
        return kind in (TEXT, BOOLEAN)
    kind = time_kind(dtype)
    if kind:
        raise time_error(X, name, dtype, kind)
    return CATEGORIES.match(dtype) is not None
