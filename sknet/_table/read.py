"""X as the user gives it -> a `Table`. It is validated; nothing is learned from it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sknet._compat import named
from sknet._table.categorical import categorical_mask, dtypes_of, is_arrow, is_frame, names_in
from sknet._table.columns import (
    codes_of,
    kind_of,
    levels_of,
    n_missing,
    numbers_in,
    refuse_other_kind,
)
from sknet._table.kinds import CATEGORIES, LISTED, PLAIN, TEXT, TIMES, name_of, time_kind
from sknet._table.looks import IDENTIFIERS, look_of
from sknet._table.messages import (
    TableError,
    first_names,
    lines_for_arrow,
    look_error,
    refuse_lazy,
    refuse_masked,
    text_error,
    time_error,
    warn_left_out,
    warn_unknown,
    without_data,
)
from sknet._table.table import Schema, Table, refuse_infinite, rows_of

#: Values of a category from which on a warning tells that most are unknown levels.
ROWS_FOR_UNKNOWN = 10


def pieces(X: Any, n_rows: int) -> Iterator[Any]:
    """Yield `n_rows` rows of a frame or of a sparse matrix at a time."""
    X = X.tocsr() if scipy.sparse.issparse(X) else X
    for start in range(0, X.shape[0], n_rows):
        yield rows_of(X, slice(start, min(start + n_rows, X.shape[0])))


def validate_X(
    estimator: Any, X: Any, *, reset: bool, like: Schema | None = None, finite: bool = True
) -> Table:
    """Validate `X` and read it.

    Sets (``reset=True``) or checks the estimator's number and names of features.

    Parameters
    ----------
    estimator : estimator
        Its `categorical_features` says which columns are categories, if `like` is None.
    X : object
        What the user gave.
    reset : bool
    like : Table or Encoder, optional
        How an earlier `X` was read. The same columns are categories, of the same levels.
    finite : bool
        Whether to look for infinities in dense numbers. If not, `Encoder.encode` does.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If a column holds neither numbers nor categories, or the shape, the number or the names of
        the columns are wrong.
    """
    if like is not None and not reset and _is_as_read(estimator, X, like):
        table = _of_numbers(estimator, X)
    else:
        table = _read(estimator, X, reset, like)
    sparse = table.is_sparse
    if sparse and like is not None and like.centred:
        table.numbers, sparse = table.numbers.toarray(), False
    if finite or sparse:
        table.complete = refuse_infinite(table.numbers, table.names_of_numbers)
    return table


def _is_as_read(estimator: Any, X: Any, like: Schema) -> bool:
    """Whether validation would return X itself: numbers of all features, which have no names.

    Validation takes most of the time of a prediction of one row.
    """
    return (
        type(X) is np.ndarray
        and X.dtype in (np.float64, np.float32)
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not like.levels
        and not hasattr(estimator, "feature_names_in_")
    )


def _read(estimator: Any, X: Any, reset: bool, like: Schema | None) -> Table:
    """Validate and read `X`; dense numbers may be infinite."""
    refuse_masked(X, "X")
    refuse_lazy(X, "X")
    if is_arrow(X):
        with lines_for_arrow():
            return _read_frame(estimator, X.to_pandas(), reset, like, source=X)
    if is_frame(X):
        return _read_frame(estimator, X, reset, like)
    if has_categories(estimator, X, like):
        return _read_array(estimator, X, reset, like)
    return _of_numbers(estimator, _validated(estimator, X, reset))


def has_categories(estimator: Any, X: Any, like: Schema | None) -> bool:
    """Whether some columns of an array may be categories."""
    wanted = estimator.categorical_features
    if like is not None:
        by_parameter = like.categorical.any()
    else:
        by_parameter = wanted is not None and not isinstance(wanted, str)
    kind = getattr(getattr(X, "dtype", None), "kind", "f")
    return by_parameter or kind == "O" or (kind in "US" and wanted is not None)


def _of_numbers(estimator: Any, numbers: Any) -> Table:
    """Return the table of an array or of a sparse matrix of numbers, which are valid."""
    n_samples, n_features = numbers.shape
    no_codes = np.empty((n_samples, 0), np.int32)
    names = _names(estimator, n_features)
    return Table(numbers, no_codes, [], np.zeros(n_features, bool), names, numbers)


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
    """Return the dtypes that numbers may keep; float16 becomes float32, anything else float64."""
    dtype = getattr(X, "dtype", None)
    narrow = isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize <= 4
    return np.float32 if narrow else (np.float64, np.float32)


def _read_frame(
    estimator: Any, X: Any, reset: bool, like: Schema | None, source: Any = None
) -> Table:
    """Read a frame, which was made of `source` if this is not None."""
    names = names_in(X)
    refuse_names(names)
    if 0 in X.shape:
        check_array(np.empty(X.shape))  # raises scikit-learn's error for empty X
    with without_data("X"):
        validate_data(estimator, named(X), reset=reset, skip_check_array=True)
    mask = _categories_in(estimator, X, names, like)
    with without_data("X"), np.errstate(invalid="ignore"):
        numbers = numbers_of_frame(X, names, np.flatnonzero(~mask))
    from_dtype = isinstance(estimator.categorical_features, str)
    columns = [names[k] for k in np.flatnonzero(mask)]
    dtypes = [name_of(X[name].dtype) for name in columns]
    codes, levels = _read_categories(
        X, [X[name] for name in columns], columns, dtypes, like, from_dtype
    )
    return Table(numbers, codes, levels, mask, names, X if source is None else source)


def _read_array(estimator: Any, X: Any, reset: bool, like: Schema | None) -> Table:
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
    from_dtype = isinstance(estimator.categorical_features, str)
    if X.dtype.kind in "US" and from_dtype:
        X = X.astype(object)
    if X.dtype.kind in "mM":
        raise ValueError(f"X must be numeric, got dtype {X.dtype}. Convert it: X.astype(float).")
    if X.ndim != 2 or 0 in X.shape:
        with without_data("X"):
            check_array(np.empty(X.shape))
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    n_features = X.shape[1]
    names = _names(estimator, n_features)
    mask = _categories_in(estimator, X, names, like)
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
        like, from_dtype,
    )  # fmt: skip
    return Table(numbers, codes, levels, mask, names, X)


def _categories_in(estimator: Any, X: Any, names: Sequence[Any], like: Schema | None) -> np.ndarray:
    """Return which columns are categories, as a mask."""
    if like is not None:
        return like.categorical
    return categorical_mask(estimator.categorical_features, X, names)


def _read_categories(
    X: Any,
    columns: Sequence[Any],
    names: Sequence[Any],
    dtypes: Sequence[str],
    like: Schema | None,
    from_dtype: bool,
) -> tuple[np.ndarray, list[list[Any] | None]]:
    """Return the codes and the levels of columns of `X` that hold categories.

    A column of identifiers is left out: its levels are None.
    """
    codes = np.empty((X.shape[0], len(columns)), np.int32)
    if like is not None and _are_booleans(X, columns, like):
        codes[:] = X.to_numpy()
        return codes, list(like.levels)
    all_levels: list[list[Any] | None] = []
    for k, (column, name, dtype) in enumerate(zip(columns, names, dtypes, strict=True)):
        if like is not None:
            levels = like.levels[k]
            if levels is None:
                codes[:, k] = -1
            else:
                refuse_other_kind(column, name, dtype, levels)
                codes[:, k] = codes_of(column, levels)
                _warn_of_unknown(column, name, levels, codes[:, k])
        else:
            levels = levels_of(column, name)
            codes[:, k] = codes_of(column, levels)
            if from_dtype and _is_identifier(X, name, dtype, levels, codes[:, k]):
                levels = None
        all_levels.append(levels)
    if all_levels and len(columns) == X.shape[1] and all(own is None for own in all_levels):
        raise TableError(
            "No column of X is left: each looks like an identifier. Name those that are categories"
            " in categorical_features."
        )
    return codes, all_levels


def _are_booleans(X: Any, columns: Sequence[Any], like: Schema) -> bool:
    """Whether X holds booleans alone, none missing, which are read much faster at once."""
    return (
        is_frame(X)
        and len(columns) == X.shape[1]
        and all(own == [False, True] and type(own[0]) is bool for own in like.levels)
        and all(
            column.dtype == bool if hasattr(X, "iloc") else column.null_count() == 0
            for column in columns
        )
        and {name_of(column.dtype) for column in columns} <= {"bool", "Boolean"}
    )


def _warn_of_unknown(column: Any, name: Any, levels: Sequence[Any], codes: np.ndarray) -> None:
    """Warn if most of the values of a category, of several rows, are unknown levels."""
    if len(codes) < ROWS_FOR_UNKNOWN or 2 * np.count_nonzero(codes < 0) <= len(codes):
        return
    present = len(codes) - n_missing(column)
    unknown = present - np.count_nonzero(codes >= 0)
    if present >= ROWS_FOR_UNKNOWN and 2 * unknown > present:
        warn_unknown(name, unknown, present)


def _is_identifier(X: Any, name: Any, dtype: str, levels: Sequence[Any], codes: np.ndarray) -> bool:
    """Whether a column of text is left out; raise where it is no category for other reasons."""
    look = None if LISTED.match(dtype) else look_of(levels, codes)
    if look is None:
        return False
    if look.kind != IDENTIFIERS:
        raise look_error(X, name, dtype, look)
    warn_left_out(X, name, look.n_levels)
    return True


def numbers_of_frame(X: Any, names: list[Any], places: np.ndarray) -> Any:
    """Return columns of a frame as numbers, NaN where missing; CSR if all of X is sparse."""
    dtypes = dtypes_of(X)
    own = [dtypes[k][1] for k in places]
    if own and {*own} == {"Sparse"} and len(own) == len(names):
        if {X[name].sparse.fill_value for name in names} == {0}:
            return _sparse_columns(X)
    if own and all(map(PLAIN.match, {*own})) and _is_plain(X, places):
        return _numbers_at_once(X, places, {*own})
    columns = [names[k] for k in places]
    return numbers_of(X, [X[name] for name in columns], columns, own)


def _is_plain(X: Any, places: np.ndarray) -> bool:
    """Whether the dtypes of the columns are numpy's, or those of polars."""
    if not hasattr(X, "iloc"):
        return True
    dtypes = X.dtypes.tolist()
    return all(isinstance(dtypes[k], np.dtype) for k in places)


def _numbers_at_once(X: Any, places: np.ndarray, dtypes: set[str]) -> np.ndarray:
    """Return columns of plain numbers: for few rows, this is much faster than one by one."""
    wanted = np.float32 if {name.lower() for name in dtypes} == {"float32"} else np.float64
    rows = X
    if len(places) < X.shape[1]:
        rows = (X.iloc if hasattr(X, "iloc") else X)[:, places.tolist()]
    if hasattr(X, "iloc"):
        return rows.to_numpy(dtype=wanted)
    return rows.to_numpy().astype(wanted, copy=False)


def _sparse_columns(X: Any) -> Any:
    """Return a frame of sparse columns, whose fill value is 0, as a CSR matrix."""
    arrays = [X[name].array for name in X.columns]
    rows = [array.sp_index.to_int_index().indices for array in arrays]
    starts = np.cumsum([0, *map(len, rows)])
    data = np.concatenate([numbers_in(array.sp_values, "") for array in arrays])
    columns = scipy.sparse.csc_matrix((data, np.concatenate(rows), starts), shape=X.shape)
    return columns.tocsr()


def numbers_of(
    X: Any, columns: Sequence[Any], names: Sequence[Any], dtypes: Sequence[str]
) -> np.ndarray:
    """Return columns of `X` as numbers, NaN where missing; float32 if all columns are.

    Raises
    ------
    TableError
        If a column is not numeric.
    """
    read = []
    for column, name, dtype in zip(columns, names, dtypes, strict=True):
        kind = kind_of(column, name) if dtype.lower() == "object" else time_kind(dtype)
        if kind in TIMES:
            raise time_error(X, name, dtype, kind)
        is_listed = CATEGORIES.match(dtype) and not dtype.lower().startswith("bool")
        if kind == TEXT or is_listed:
            raise _error_of_text(X, column, name, dtype)
        read.append(numbers_in(column, name))
    numbers = np.empty((len(read), X.shape[0]), np.result_type(*read) if read else np.float64).T
    for k, column in enumerate(read):
        numbers[:, k] = column
        read[k] = None
    return numbers


def _error_of_text(X: Any, column: Any, name: Any, dtype: str) -> TableError:
    """Return the error for text that is not read as a category: how to make numbers of it."""
    levels = levels_of(column, name)
    look = look_of(levels, codes_of(column, levels))
    if look is None or look.kind == IDENTIFIERS:
        return text_error(name, dtype)
    return look_error(X, name, dtype, look)


def refuse_names(names: Sequence[Any]) -> None:
    """Raise where two columns have the same name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"Column names of X must be unique; more than once: {first_names(twice)}.")
