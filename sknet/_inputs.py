"""X -> a `Table`: validated, its numbers and categories apart; nothing is learned from it yet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sknet._advice import free_text_error, number_text_error, time_error
from sknet._columns import (
    DATES,
    are_dates,
    are_numbers,
    codes_of,
    is_free_text,
    levels_of,
    name_of,
    refuse_other_kind,
)
from sknet._compat import named
from sknet._table import (
    Table,
    categorical_mask,
    is_frame,
    numbers_of,
    numbers_of_frame,
    refuse_infinite,
    refuse_names,
)


def validate_X(
    estimator: Any, X: Any, *, reset: bool, like: Any = None, finite: bool = True
) -> Any:
    """Validate `X` and read it.

    Sets (``reset=True``) or checks the estimator's number and names of features.

    Parameters
    ----------
    estimator : estimator
        Its `categorical_features` says which columns are categories, where `like` does not.
    X : object
        A `Table` is returned as it is.
    reset : bool
    like : object, optional
        With ``categorical`` and ``levels``: how an earlier `X` was read; and ``centred``, whether
        sparse rows have to become dense.
    finite : bool
        Whether to look for infinities; else whoever encodes the rows does.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If it is no table of numbers and categories; names the column.
    """
    if isinstance(X, Table):
        return X
    refuse_masked(X, "X")
    if hasattr(X, "collect") and not hasattr(X, "shape"):
        raise TypeError("X is a lazy frame: its rows are not there yet. Pass X.collect().")
    wanted = estimator.categorical_features
    by_column = like.categorical.any() if like else not (wanted is None or isinstance(wanted, str))
    by_column = by_column or getattr(getattr(X, "dtype", None), "kind", "f") == "O"
    if is_frame(X):
        table = _read_frame(estimator, X, reset, like)
    elif by_column:
        table = _read_array(estimator, X, reset, like)
    else:
        numbers = _validated(estimator, X, reset)
        n_samples, n_features = numbers.shape
        no_codes = np.empty((n_samples, 0), np.int32)
        names = _names(estimator, n_features)
        table = Table(numbers, no_codes, [], np.zeros(n_features, bool), names, numbers)
    if scipy.sparse.issparse(table.numbers) and like is not None and like.centred:
        table.numbers = table.numbers.toarray()
    if finite or scipy.sparse.issparse(table.numbers):
        table.complete = refuse_infinite(table.numbers, table.names_of_numbers)
    return table


def _names(estimator: Any, n_features: int) -> Sequence[Any]:
    """Return the names of the features, or their numbers."""
    names = getattr(estimator, "feature_names_in_", None)
    return range(n_features) if names is None else names.tolist()


def _validated(estimator: Any, X: Any, reset: bool) -> Any:
    """Return an array of numbers, or a CSR matrix, float32 or float64."""
    dtype = getattr(X, "dtype", None)
    kind = getattr(dtype, "kind", "f")
    if kind in "USmM":
        raise ValueError(f"X must be numeric, got dtype {dtype}. Convert it: X.astype(float).")
    with without_data("X"), np.errstate(invalid="ignore"):
        return validate_data(
            estimator,
            X,
            accept_sparse="csr",
            dtype=_dtype(X),
            reset=reset,
            ensure_all_finite=False,
        )


def _dtype(X: Any) -> Any:
    """Return the dtypes that numbers may have: float32 for what is narrower, else as they are."""
    dtype = getattr(X, "dtype", None)
    narrow = isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize <= 4
    return np.float32 if narrow else (np.float64, np.float32)


def _read_frame(estimator: Any, X: Any, reset: bool, like: Any) -> Table:
    """Read a frame, column by column."""
    names = list(X.columns)
    refuse_names(names)
    if 0 in X.shape:
        check_array(np.empty(X.shape))  # scikit-learn's words for what is empty
    with without_data("X"):
        validate_data(estimator, named(X), reset=reset, skip_check_array=True)
    mask = like.categorical if like else categorical_mask(estimator.categorical_features, X, names)
    with without_data("X"), np.errstate(invalid="ignore"):
        numbers = numbers_of_frame(
            X, [name for name, category in zip(names, mask, strict=True) if not category]
        )
    from_dtype = isinstance(estimator.categorical_features, str)
    columns = [names[k] for k in np.flatnonzero(mask)]
    dtypes = [name_of(X[name].dtype) for name in columns]
    codes, levels = _read_categories(
        X, [X[name] for name in columns], columns, dtypes, like, from_dtype
    )
    return Table(numbers, codes, levels, mask, names, X)


def _read_array(estimator: Any, X: Any, reset: bool, like: Any) -> Table:
    """Read an array of which some columns are categories."""
    if scipy.sparse.issparse(X):
        raise ValueError(
            "X is sparse, and sparse X holds numbers alone: set categorical_features=None, and"
            " encode the categories by OneHotEncoder, which returns sparse columns."
        )
    source = X
    if not isinstance(X, np.ndarray):
        X = np.asarray(X)
        X = X if X.dtype.kind in "biuf" else np.asarray(source, dtype=object)
    if X.dtype.kind in "mM":
        raise ValueError(f"X must be numeric, got dtype {X.dtype}. Convert it: X.astype(float).")
    if X.ndim != 2 or 0 in X.shape:
        with without_data("X"):
            check_array(np.empty(X.shape))
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    n_features = X.shape[1]
    names = _names(estimator, n_features)
    mask = like.categorical if like else categorical_mask(estimator.categorical_features, X, names)
    others = np.flatnonzero(~mask)
    if X.dtype.kind == "O":
        columns, dtypes = [X[:, k] for k in others], ["object"] * len(others)
        numbers = numbers_of(X, columns, [names[k] for k in others], dtypes)
    elif len(others):
        with without_data("X"):
            numbers = check_array(X[:, others], dtype=_dtype(X), ensure_all_finite=False)
    else:
        numbers = np.empty((len(X), 0), np.float32 if _dtype(X) is np.float32 else np.float64)
    places = np.flatnonzero(mask)
    codes, levels = _read_categories(
        X, [X[:, k] for k in places], [names[k] for k in places], [str(X.dtype)] * len(places),
        like, from_dtype=False,
    )  # fmt: skip
    return Table(numbers, codes, levels, mask, names, X)


def _read_categories(
    X: Any,
    columns: Sequence[Any],
    names: Sequence[Any],
    dtypes: Sequence[str],
    like: Any,
    from_dtype: bool,
) -> tuple[np.ndarray, list[list[Any]]]:
    """Return the codes and the levels of columns of `X` that hold categories."""
    codes = np.empty((X.shape[0], len(columns)), np.int32)
    all_levels = []
    for k, (column, name, dtype) in enumerate(zip(columns, names, dtypes, strict=True)):
        if like:
            levels = like.levels[k]
            refuse_other_kind(column, name, dtype, levels)
        else:
            levels = levels_of(column, name)
            if from_dtype and are_dates(dtype, levels):
                raise time_error(X, name, dtype, DATES)
            if from_dtype and are_numbers(column, dtype, levels):
                raise number_text_error(X, name, dtype)
            if from_dtype and is_free_text(column, dtype, levels):
                raise free_text_error(X, name, dtype, len(levels), len(column))
        codes[:, k] = codes_of(column, levels)
        all_levels.append(levels)
    return codes, all_levels


def refuse_masked(values: Any, name: str) -> None:
    """Raise where entries are masked: scikit-learn would take what lies under the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries. Fill them, or leave these rows out.")


@contextmanager
def without_data(name: str) -> Iterator[None]:
    """Rewrite the messages of scikit-learn and numpy that print what is in `name`."""
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
