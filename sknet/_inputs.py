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
