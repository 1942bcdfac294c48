"""Prediction: the forward pass over all rows, in chunks that fit the cache."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.activations import Array
from sknet._engine.layers import Layer, SparseRows
from sknet._engine.layers.base import members_and_dtype
from sknet._engine.network import ROW_MULTIPLE, chunk_rows, forward, work_array
from sknet._engine.team import SINGLE_THREAD, Team

#: Maximum elements of the encoded rows of a chunk; limits chunks of very wide input.
CHUNK_INPUT_ELEMENTS = 1 << 20
#: Minimum chunks per thread.
MIN_CHUNKS_PER_THREAD = 8


def predict_by_chunks(
    layers: Sequence[Layer],
    X: Any,
    finish: Callable[[Array], Array],
    encode: Callable[..., Any],
    n_columns: int | None,
    team: Team = SINGLE_THREAD,
) -> Array:
    """Return ``finish(Z)``, Z the raw output, for all rows of `X`.

    The rows are predicted in chunks, so that the buffers do not grow with n. Each call has its own
    buffers, so that threads may share `layers`. The prediction of a row does not depend on others.

    Parameters
    ----------
    layers : sequence of Layer
        Bound layers.
    X : object
        The rows; has a ``shape`` and supports slices.
    finish : callable
        ``finish(Z)`` returns a new array with one entry per row, given the raw output
        (n_members, rows, n_outputs) of a chunk, which is a buffer.
    encode : callable
        ``encode(rows, dtype, out)`` writes the network's input for some rows of `X` to the array
        `out` of this dtype. For sparse input, ``encode(rows, dtype)`` returns it.
    n_columns : int or None
        Columns of `out`; None if the network's input is sparse.
    team : Team
        Threads that share the chunks.

    Notes
    -----
    Each chunk is padded with zeros to a multiple of ``ROW_MULTIPLE`` rows, because BLAS rounds
    differently for single rows and for odd numbers of rows.
    """
    n_samples, (n_members, _) = X.shape[0], members_and_dtype(layers)
    chunk = chunk_rows(layers, n_members)
    if n_columns:
        chunk = min(
            chunk,
            max(
                ROW_MULTIPLE,
                CHUNK_INPUT_ELEMENTS // n_columns // ROW_MULTIPLE * ROW_MULTIPLE,
            ),
        )
    n_shares = team.n_shares(n_samples, MIN_CHUNKS_PER_THREAD * chunk)
    n_rows = min(chunk, n_samples + -n_samples % ROW_MULTIPLE)

    def chunks() -> _Chunks:
        return _Chunks(layers, n_rows, encode, n_columns)

    with np.errstate(all="ignore"):
        memory = chunks()
        first = finish(memory.raw_output(X[:chunk]))
        if n_samples <= chunk:
            return first
        values = np.empty((n_samples, *first.shape[1:]), first.dtype)
        values[:chunk] = first
        starts = iter(range(chunk, n_samples, chunk))  # all threads take the next chunk from it

        def share(k: int) -> None:
            own = chunks() if k else memory
            for start in starts:
                rows = slice(start, start + chunk)
                values[rows] = finish(own.raw_output(X[rows]))

        team(share, n_shares)
    return values


class _Chunks:
    """The buffers of one thread, which predicts one chunk of rows after another."""

    def __init__(
        self,
        layers: Sequence[Layer],
        n_rows: int,
        encode: Callable[..., Any],
        n_columns: int | None,
    ) -> None:
        self.encode, self.n_columns, self.layers = encode, n_columns, list(layers)
        self.has_ones = n_columns is not None and layers[0].takes_ones
        if self.has_ones:
            self.layers[0] = layers[0].with_ones()
        self.n_members, self.dtype = members_and_dtype(layers)
        self.work = work_array(layers, self.n_members, n_rows, self.dtype)
        self.X: Array | None = None
        self.n_rows = 0

    def raw_output(self, X: Any) -> Array:
        """Return the raw output (n_members, rows, n_outputs) of a chunk, a buffer."""
        n, n_columns = X.shape[0], self.n_columns
        padded_rows = n + -n % ROW_MULTIPLE
        if padded_rows != self.n_rows:
            self.n_rows = padded_rows
            self.buffers = [
                layer.buffers(self.n_members, padded_rows, self.dtype, self.work)
                for layer in self.layers
            ]
            self.X = None
        if n_columns is None:
            batch: Any = _padded(self.encode(X, self.dtype), padded_rows)
        else:
            if self.X is None:
                self.X = np.ones((padded_rows, n_columns + self.has_ones), self.dtype)
            self.X[n:] = 0.0
            self.encode(X, self.dtype, self.X[:n, :n_columns])
            batch = self.X
        return forward(self.layers, batch, self.buffers)[:, :n]


def raw_output(layers: Sequence[Layer], X: Any) -> Array:
    """Return the raw output Z (n_members, n_samples, n_outputs) of encoded rows `X`."""
    n_columns = X.shape[1] if isinstance(X, np.ndarray) else None
    Z = predict_by_chunks(layers, X, lambda Z: np.moveaxis(Z, 0, 1).copy(), _as_it_is, n_columns)
    return np.moveaxis(Z, 1, 0)


def _as_it_is(X: Any, dtype: np.dtype, out: Array | None = None) -> Any:
    """Return sparse rows, or copy dense rows to `out`; both have the right dtype already."""
    if out is not None:
        np.copyto(out, X)
    return X


def _padded(X: Any, n_rows: int) -> SparseRows:
    """Return sparse rows, padded with empty rows to `n_rows`."""
    indptr = np.pad(X.indptr, (0, n_rows - X.shape[0]), mode="edge")
    shape = (n_rows, X.shape[1])
    return SparseRows(scipy.sparse.csr_array((X.data, X.indices, indptr), shape=shape))
