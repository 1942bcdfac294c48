"""Prediction from fitted parameters and rows as read, without estimators."""

from collections.abc import Callable

import numpy as np

from sknet._engine.team import Team
from sknet._fitted.plan import Plan
from sknet._table.table import Table, all_finite
from sknet._threads import free_threads, one_blas_thread

#: Number of chunks above which a prediction uses several threads.
THREADED_CHUNKS = 16


def predict(
    plan: Plan,
    table: Table,
    finish: Callable[[np.ndarray], np.ndarray],
    dtype: np.dtype,
    n_layers: int | None = None,
    first_row: int = 0,
) -> np.ndarray:
    """Return ``finish(Z)`` for all rows, Z the raw output of ``layers[:n_layers]``.

    Parameters
    ----------
    plan : Plan
        The fitted network.
    table : Table
    finish : callable
        ``finish(Z)`` returns an array with one entry per row, given the output
        (n_members, rows, n_outputs) of some rows.
    dtype : dtype
        Of the output that `finish` gets.
    n_layers : int, optional
        As in a slice of the layers.
    first_row : int
        Index of the first row in the user's X, for error messages.

    Raises
    ------
    ValueError
        If the output is not finite. The message names the row.
    """
    predictor, encoder = plan.predictor(n_layers, table.is_sparse)
    n_samples = table.shape[0]
    n_threads = free_threads() if n_samples > THREADED_CHUNKS * predictor.chunk else 1
    with one_blas_thread(predictor.largest_product(n_samples)):
        values = predictor(
            table, lambda Z: finish(Z.astype(dtype)), encoder.encode, Team(n_threads)
        )
    if values.dtype.kind == "f" and all_finite(values):
        return values
    finite = np.isfinite(values)
    if not finite.all():
        row = finite.reshape(len(values), -1).all(axis=1).argmin()
        raise ValueError(
            f"Row {first_row + row} of X contains values so large that the output of this network"
            f" overflows {predictor.dtype}, its compute dtype. Scale X."
        )
    return values
