"""Reading y, for every method that takes one: `read_labels` and `read_numbers`.

A container becomes an array first: of lists, arrays, sparse matrices, and of columns and frames of
pandas and polars, with their nullable and arrow dtypes. Missing values are refused here, whatever
they are called. Then objects become what they are: numbers, booleans or text.
"""

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.multiclass import check_classification_targets

from sknet._compat import warn
from sknet._table.kinds import (
    BOOLEAN,
    NUMBER,
    OTHER,
    TEXT,
    is_missing,
    kind_of_type,
    name_of,
    time_kind,
)
from sknet._table.messages import refuse_lazy, refuse_masked, without_data
from sknet._target.messages import (
    bytes_error,
    missing_error,
    mixed_labels_error,
    not_numbers_error,
    other_labels_error,
    several_labels_error,
    time_target_error,
)


def require_y(estimator: Any, y: Any) -> None:
    """Raise scikit-learn's error where `y` is None."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )


def read_labels(y: Any, name: str = "y", warns: bool = True) -> Any:
    """Return labels as an array (n_samples,), label indicators as (n_samples, n_labels).

    Parameters
    ----------
    y : array-like, sparse matrix, column or frame
    name : str
        What messages call it.
    warns : bool
        Whether a column-vector gives a warning.

    Returns
    -------
    ndarray or sparse matrix
        Labels are of the user's own kind: booleans, integers, floats, text, dates of a numpy dtype.
        Sparse indicators stay sparse.

    Raises
    ------
    ValueError
        If an entry is missing, or is not a label.
    TypeError
        If labels are bytes, or text and something else.
    """
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biu":
        return y
    read = _array(y, name)
    if issparse(read):
        read = read if read.shape[1] > 1 else read.toarray()
    elif read.dtype.kind in "OS":
        read = _labels_of_objects(read, y, name)
    read = _vector(read, name, warns)
    if read.dtype.kind in "fc":
        with without_data(name):
            assert_all_finite(read.data if issparse(read) else read, input_name=name)
            if read.dtype.kind == "c":
                check_array(read, ensure_2d=False, input_name=name)
    if read.ndim == 2 or (read.dtype.kind == "f" and (read != np.floor(read)).any()):
        with without_data(name):
            check_classification_targets(read)
    if read.ndim == 2 and not _is_indicator(read):
        raise ValueError(
            f"{name} has several columns that are not label indicators of 0 and 1 (multioutput)."
            " Give one label a row as a 1d array, or fit an estimator for each column:"
            " sklearn.multioutput.MultiOutputClassifier."
        )
    return read


def read_numbers(y: Any, name: str = "y", warns: bool = True) -> np.ndarray:
    """Return finite numbers as an array, 1-d, or 2-d with at least two columns.

    Parameters
    ----------
    y : array-like, column or frame
    name : str
        What messages call it.
    warns : bool
        Whether a column-vector gives a warning.

    Raises
    ------
    ValueError
        If an entry is missing, infinite, a date, or not a number.
    """
    read = _array(y, name)
    kind = getattr(read.dtype, "kind", "O")
    if kind in "mM":
        time = time_kind(str(read.dtype)) or ""
        raise time_target_error(y, name, f"dtype {read.dtype}", time, True)
    if kind == "O" and not issparse(read):
        _refuse_other_objects(read, y, name)
    with without_data(name), np.errstate(invalid="ignore"):
        read = check_array(read, ensure_2d=False, dtype=None, input_name=name)
        if read.dtype.kind in "OUS":
            read = check_array(read.astype(np.float64), ensure_2d=False, input_name=name)
    return _vector(read, name, warns)


# ------------------------------------------------------------ containers


def _array(y: Any, name: str) -> Any:
    """Return any container as an array or a sparse matrix, in which nothing is missing."""
    refuse_lazy(y, name)
    refuse_masked(y, name)
    if issparse(y):
        if y.dtype.kind == "f" and np.isnan(y.data).any():
            rows = y.tocoo()
            raise missing_error(name, np.bincount(rows.row[np.isnan(rows.data)], None, y.shape[0]))
        return y
    if hasattr(y, "columns") and hasattr(y, "dtypes") and y.shape[1]:
        read = [_column(column) for column in _columns(y)]
        missing = np.any([mask for _, mask in read], axis=0)
        array = np.column_stack([values for values, _ in read])
    else:
        array, missing = _column(_objects_of(y, name))
    if array.ndim > 2:
        raise ValueError(f"{name} must be 1-d or 2-d, got {array.ndim} dimensions.")
    if array.ndim == 0:
        raise ValueError(f"{name} should be a 1d array, got a scalar instead.")
    if missing.any():
        raise missing_error(name, missing.reshape(len(missing), -1).any(axis=1))
    return array


def _columns(y: Any) -> list[Any]:
    """Return the columns of a frame, whose names may occur twice."""
    if hasattr(y, "iloc"):
        return [y.iloc[:, k] for k in range(y.shape[1])]
    return [y[:, k] for k in range(y.shape[1])]


def _objects_of(y: Any, name: str) -> Any:
    """Return a list as an array in which None, NaN and numbers among text stay what they are."""
    if not isinstance(y, (list, tuple)):
        return y
    try:
        array = np.asarray(y)
    except ValueError:  # rows of several lengths
        raise several_labels_error(name, "sequence of values") from None
    if array.dtype.kind not in "US" or array.ndim != 1:
        return array
    return array if len(set(map(type, y))) == 1 else np.array(y, dtype=object)


def _column(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a column, or of an array, and a mask of those that are missing."""
    dtype = getattr(column, "dtype", None)
    own = getattr(column, "isna", None) or getattr(column, "is_null", None)
    known = None if own is None else np.asarray(own(), dtype=bool)
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    if numpy_dtype is not None and numpy_dtype.kind in "biuf" and not known.any():
        values = column.to_numpy(numpy_dtype)
    else:
        values = np.asarray(column)
    if values.dtype.kind == "T":  # numpy's strings of any length
        values = values.astype(object)
    missing = _missing(values)
    return values, missing if known is None else missing | known.reshape(missing.shape)


def _missing(values: np.ndarray) -> np.ndarray:
    """Return a mask of NaN, NaT, None and NA."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    if values.dtype.kind == "O":
        flat = [_is_missing_object(value) for value in values.ravel().tolist()]
        return np.array(flat, dtype=bool).reshape(values.shape)
    return np.zeros(values.shape, dtype=bool)


def _is_missing_object(value: Any) -> bool:
    if isinstance(value, str):
        return False
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    is_nan = type(value).__name__ == "Decimal" and value.is_nan()
    return is_nan or is_missing(value)


def _vector(read: Any, name: str, warns: bool) -> Any:
    """Return a matrix of one column as a vector."""
    if read.ndim != 2 or read.shape[1] != 1 or issparse(read):
        return read
    if warns:
        warn(
            f"A column-vector {name} was passed when a 1d array was expected. Please change the"
            f" shape of {name} to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
    return read.ravel()


# ------------------------------------------------------------ objects


def _kinds(read: np.ndarray) -> dict[type, str]:
    """Return the kind of each type of the values."""
    return {kind: kind_of_type(kind) for kind in set(map(type, read.ravel().tolist()))}


def _labels_of_objects(read: np.ndarray, y: Any, name: str) -> np.ndarray:
    """Return an array of objects as labels: text as it is, numbers and booleans as numpy's."""
    types = _kinds(read)
    kinds = set(types.values())
    if any(issubclass(kind, bytes) for kind in types):
        raise bytes_error(name)
    if kinds <= {TEXT}:
        return read
    if kinds <= {NUMBER, BOOLEAN}:
        values = read.ravel().tolist()
        if "Decimal" in {kind.__name__ for kind in types}:
            values = [float(value) for value in values]
        numbers = np.array(values)
        all_integers = all(hasattr(value, "__index__") for value in values)
        if numbers.dtype.kind != "O" and (numbers.dtype.kind in "biu" or not all_integers):
            return numbers.reshape(read.shape)
        if not all_integers:
            return np.array(values, dtype=np.float64).reshape(read.shape)
    if TEXT in kinds:
        raise mixed_labels_error(name, types)
    _refuse_sequences(types, name)
    if all(issubclass(kind, complex) for kind in types):
        return np.array(read.tolist())
    found = sorted(k.__name__ for k, kind in types.items() if kind not in (NUMBER, BOOLEAN))
    raise other_labels_error(y, name, " and ".join(found) or "int beyond 64 bits")


def _refuse_other_objects(read: np.ndarray, y: Any, name: str) -> None:
    """Raise where objects are no numbers: dates, sequences, and other types."""
    types = _kinds(read)
    _refuse_sequences(types, name)
    for value_type, kind in types.items():
        type_name = value_type.__name__
        time = kind if kind not in (NUMBER, BOOLEAN, TEXT, OTHER) else time_kind(type_name)
        if time is not None:
            is_read = time_kind(name_of(getattr(y, "dtype", ""))) is not None
            raise time_target_error(y, name, f"values of type {type_name}", time, is_read)
        if kind == OTHER and not issubclass(value_type, (complex, bytes)):
            raise not_numbers_error(name, type_name)


def _refuse_sequences(types: dict[type, str], name: str) -> None:
    for value_type in types:
        if issubclass(value_type, (list, tuple, set, frozenset, dict, np.ndarray)):
            raise several_labels_error(name, value_type.__name__)


def _is_indicator(read: Any) -> bool:
    """Whether a matrix holds at most two different values, of numbers or booleans."""
    values = read.data if issparse(read) else read
    if values.dtype.kind not in "biuf" or not values.size:
        return values.dtype.kind in "biuf"
    return bool(((values == values.min()) | (values == values.max())).all())
