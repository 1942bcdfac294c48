"""X -> what the engine takes: validated, then dense C-ordered or CSR in the compute dtype."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

#: Names of the dtypes of columns that hold no numbers, in pandas and polars.
CATEGORIES = re.compile(r"categor|enum|str|dictionary", re.IGNORECASE)
TIMES = re.compile(r"date|time|period|interval|duration", re.IGNORECASE)


def validate_X(estimator: Any, X: Any, *, reset: bool, finite: bool = True) -> Any:
    """Validate `X`; return it as an array or a CSR matrix, float32 or float64.

    Sets (``reset=True``) or checks the estimator's number and names of features. With
    ``finite=False`` an array may hold any numbers, which `refuse_not_finite` looks at.

    Raises
    ------
    ValueError
        If it is no table of finite numbers; names a column that is not numeric.
    """
    refuse_masked(X, "X")
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        _check_frame(X)
    dtype = getattr(X, "dtype", None)
    kind = getattr(dtype, "kind", "f")
    if kind in "USmM":
        raise ValueError(f"X must be numeric, got dtype {dtype}. Convert it: X.astype(float).")
    narrow = isinstance(dtype, np.dtype) and kind == "f" and dtype.itemsize <= 4
    wanted = np.float32 if narrow else (np.float64, np.float32)
    # scikit-learn sums X up first, which may come to inf - inf
    with without_data("X"), np.errstate(invalid="ignore"):
        return validate_data(
            estimator,
            X,
            accept_sparse="csr",
            dtype=wanted,
            reset=reset,
            ensure_all_finite=finite or not isinstance(X, np.ndarray),
        )


def refuse_not_finite(estimator: Any, X: np.ndarray) -> None:
    """Raise where `X` holds NaN or infinities."""
    assert_all_finite(X, estimator_name=type(estimator).__name__, input_name="X")


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
        else:
            raise
        raise ValueError(message) from None


def _check_frame(X: Any) -> None:
    """Raise where a frame has columns of one name, or of no numbers."""
    names = list(X.columns)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"Column names of X must be unique; more than once: {_few(twice)}.")
    dtypes = {name: str(dtype) for name, dtype in zip(names, X.dtypes, strict=True)}
    categories = [
        name
        for name, dtype in dtypes.items()
        if CATEGORIES.match(dtype) or (dtype == "object" and any(map(_is_text, X[name])))
    ]
    times = [name for name, dtype in dtypes.items() if TIMES.match(dtype)]
    encode = (
        "Encode it: make_pipeline(make_column_transformer((OneHotEncoder("
        f"handle_unknown='ignore'), [{_few(categories)}]), remainder=StandardScaler()), network)"
    )
    count = "Turn it into numbers, such as the year, the day of the week, or days since a date"
    for columns, advice in ((categories, encode), (times, count)):
        if columns:
            dtype = dtypes[columns[0]]
            raise ValueError(f"Column {columns[0]!r} of X is {dtype}, not numeric. {advice}.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _few(names: list[Any]) -> str:
    """Return the first names in words."""
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")


def cast_X(X: Any, dtype: np.dtype, out: np.ndarray | None = None) -> Any:
    """Return `X`, or a chunk of its rows, in the compute dtype; dense X in C order.

    Parameters
    ----------
    X : ndarray or CSR matrix
    dtype : dtype
    out : ndarray, optional
        Where to put a dense `X`; a new array, or `X` itself, where None.

    Raises
    ------
    ValueError
        If a value is too large for `dtype`; names the column.
    """
    try:
        with np.errstate(over="raise"):
            if out is None:
                dense = {} if scipy.sparse.issparse(X) else {"order": "C", "copy": False}
                return X.astype(dtype, **dense)
            np.copyto(out, X, casting="same_kind")
            return out
    except FloatingPointError:
        values, columns = (X.data, X.indices) if scipy.sparse.issparse(X) else (X, None)
        too_large = np.abs(values) > np.finfo(dtype).max
        column = np.nonzero(too_large)[1][0] if columns is None else columns[too_large][0]
        raise ValueError(
            f"Column {column} of X holds a value that is too large for {dtype}, the dtype in which"
            " this network computes. Scale X, or fit with dtype='float64'."
        ) from None
