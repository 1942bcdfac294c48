"""Prediction from fitted parameters and rows as read, without estimators."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import issparse

from sknet._engine.layers import Layer
from sknet._engine.network import chunk_rows
from sknet._engine.parameters import Views
from sknet._engine.prediction import predict_by_chunks
from sknet._engine.team import Team
from sknet._table.encoder import Encoder
from sknet._table.table import Table
from sknet._threads import free_threads, one_blas_thread

#: Number of chunks above which a prediction uses several threads.
THREADED_CHUNKS = 16


def predict(
    table: Table,
    encoder: Encoder,
    layers: Sequence[Layer],
    parameters: Views,
    finish: Callable[[np.ndarray], np.ndarray],
    dtype: np.dtype,
    first_row: int = 0,
) -> np.ndarray:
    """Return ``finish(Z)`` for all rows, Z the raw output of `layers`.

    Parameters
    ----------
    table : Table
    encoder : Encoder
    layers : sequence of Layer
        At least one unbound layer.
    parameters : sequence of mappings
        Parameters of each layer; there may be further entries, which are not used.
    finish : callable
        ``finish(Z)`` returns an array with one entry per row, given the output
        (n_members, rows, n_outputs) of some rows.
    dtype : dtype
        Of the output that `finish` gets.
    first_row : int
        Index of the first row in the user's X, for error messages.

    Raises
    ------
    ValueError
        If the output is not finite. The message names the row.
    """
    parameters, dense = list(parameters), not issparse(table.numbers)
    unscaled = encoder.unscaled if dense and layers[0].takes_ones else None
    if unscaled is not None:  # the first layer scales X, which saves two passes over it
        parameters[0], encoder = encoder.fold(**parameters[0]), unscaled
    for layer, views in zip(layers, parameters, strict=False):
        layer.bind(views)
    team, largest_product = _team_and_product(layers, table.shape[0], len(parameters[-1]["W"]))
    with one_blas_thread(largest_product):
        values = predict_by_chunks(
            layers,
            table,
            lambda Z: finish(Z.astype(dtype)),
            encoder.encode,
            encoder.n_columns if dense else None,
            team,
        )
    finite = np.isfinite(values)
    if not finite.all():
        row = finite.reshape(len(values), -1).all(axis=1).argmin()
        raise ValueError(
            f"Row {first_row + row} of X contains values so large that the output of this network"
            f" overflows {parameters[-1]['W'].dtype}, its compute dtype. Scale X."
        )
    return values


def _team_and_product(
    layers: Sequence[Layer], n_samples: int, n_members: int
) -> tuple[Team, float]:
    """Return the threads of a prediction, and the multiply-adds of the largest product of each."""
    chunk = chunk_rows(layers, n_members)
    largest = min(n_samples, chunk) * max(layer.multiply_adds for layer in layers)
    n_threads = free_threads() if n_samples > THREADED_CHUNKS * chunk else 1
    return Team(n_threads), largest
