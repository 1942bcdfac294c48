"""From fitted parameters and rows as read to predictions; knows no estimator."""

from collections.abc import Callable, Sequence
from math import inf

import numpy as np
from scipy.sparse import issparse

from sknet._encoding import Encoder
from sknet._engine.layers import Bound
from sknet._engine.network import chunk_rows
from sknet._engine.parameters import Views
from sknet._engine.prediction import predict_by_chunks
from sknet._engine.team import ALONE, Team
from sknet._table import Table
from sknet._threads import blas_threads, free_threads

#: Chunks of rows above which a prediction is worth more than one thread.
SEVERAL_CHUNKS = 16
#: Activations beside which products are most of a prediction.
CHEAP = {"identity", "relu", "leaky_relu"}


def predict(
    table: Table,
    encoder: Encoder,
    layers: Sequence[Bound],
    parameters: Views,
    finish: Callable[[np.ndarray], np.ndarray],
    first_row: int = 0,
) -> np.ndarray:
    """Return what `finish` makes of the raw output of `layers`.

    Parameters
    ----------
    table : Table
    encoder : Encoder
    layers : sequence of Dense, an Embedding may come first
        Bound to nothing; at least one.
    parameters : sequence of mappings
        Of each layer, and maybe of more after them.
    finish : callable
        Given the output (n_members, rows, n_outputs) of some rows, in the dtype of X, returns an
        array with an entry a row.
    first_row : int
        Number of the first row in the user's X, for errors.

    Raises
    ------
    ValueError
        Where the output is not finite; names the row.
    """
    parameters, dense = list(parameters), not issparse(table.numbers)
    unscaled = encoder.unscaled() if dense else None
    if unscaled is not None:  # saves two passes over X
        parameters[0], encoder = encoder.fold(**parameters[0]), unscaled
    for layer, views in zip(layers, parameters, strict=False):
        layer.bind(views)
    team, largest_product = _shared(layers, table.shape[0], len(parameters[-1]["W"]))
    with blas_threads(largest_product, alone=team.size == 1):
        values = predict_by_chunks(
            layers,
            table,
            lambda Z: finish(Z.astype(table.dtype)),
            encoder.encode,
            encoder.n_columns if dense else None,
            team,
        )
    finite = np.isfinite(values)
    if not finite.all():
        row = finite.reshape(len(values), -1).all(axis=1).argmin()
        raise ValueError(
            f"Row {first_row + row} of X holds values so large that the output of this network"
            f" overflows: it computes in {parameters[-1]['W'].dtype}. Scale X."
        )
    return values


def _shared(layers: Sequence[Bound], n_samples: int, n_members: int) -> tuple[Team, float]:
    """Return the threads that share a prediction, and the largest product of each.

    It is inf where BLAS's threads share the products instead: with two processors, if the rest is
    cheap. A worker of BLAS spins for a while after each product, whoever called it, and would take
    the second processor from a thread of ours.
    """
    chunk = chunk_rows(layers, n_members)
    largest = min(n_samples, chunk) * max(layer.n_in * layer.n_out for layer in layers)
    n_threads = free_threads() if n_samples > SEVERAL_CHUNKS * chunk else 1
    if n_threads == 2 and all(getattr(layer, "activation", "") in CHEAP for layer in layers):
        return ALONE, inf
    return Team(n_threads), largest
