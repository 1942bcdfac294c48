"""X -> what the engine takes: validated, then dense C-ordered or CSR in the compute dtype."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import validate_data


def validate_X(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Validate `X`; return it as an array or a CSR matrix, float32 or float64.

    Sets (``reset=True``) or checks the estimator's number and names of features.
    """
    return validate_data(
        estimator, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=reset
    )


def cast_X(X: Any, dtype: np.dtype) -> Any:
    """Return `X`, or a chunk of its rows, in the compute dtype; dense X in C order.

    Raises
    ------
    ValueError
        If a value is too large for `dtype`; names the column.
    """
    if scipy.sparse.issparse(X):
        cast = X.astype(dtype)
        values = cast.data
    else:
        with np.errstate(over="ignore"):
            values = cast = X.astype(dtype, order="C", copy=False)
    narrowed = np.finfo(dtype).max < np.finfo(X.dtype).max
    if narrowed and not np.isfinite(values).all():
        columns = X.indices if scipy.sparse.issparse(X) else np.arange(values.size) % X.shape[1]
        column = columns[~np.isfinite(values).reshape(-1)][0]
        raise ValueError(
            f"Column {column} of X holds a value that is too large for {dtype}, the dtype in which"
            " this network computes. Scale X, or fit with dtype='float64'."
        )
    return cast
