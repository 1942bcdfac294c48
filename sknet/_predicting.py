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
from sknet._engine.team import Team
from sknet._table import Table
from sknet._threads import blas_threads, free_threads

#: Chunks of rows above which a prediction is worth more than one thread.
SEVERAL_CHUNKS = 16
#: Threads from which on those of this package share a prediction, instead of BLAS's each product. A
#: worker of BLAS spins for some 0.1 s after a product, and takes one of two processors from others.
OWN_THREADS = 3


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
    chunk = chunk_rows(layers, len(parameters[-1]["W"]))
    largest = max(layer.n_in * layer.n_out for layer in layers)
    many = table.shape[0] > SEVERAL_CHUNKS * chunk
    n_threads = free_threads() if many else 1
    team = Team(n_threads if n_threads >= OWN_THREADS else 1)
    product = inf if many else min(table.shape[0], chunk) * largest
    with blas_threads(product, alone=team.size == 1):
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
