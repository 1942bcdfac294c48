"""Prediction: the forward pass over all rows, in chunks that stay in the cache."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.activations import Array
from sknet._engine.layers import Bound, Dense, FirstDense, SparseRows, work_array
from sknet._engine.network import ROWS, chunk_rows, forward
from sknet._engine.team import ALONE, Team

#: Elements of the encoded rows of a chunk at most.
INPUT_ELEMENTS = 1 << 20


def predict_by_chunks(
    layers: Sequence[Bound],
    X: Any,
    finish: Callable[[Array], Array],
    encode: Callable[..., Any],
    n_columns: int | None,
    team: Team = ALONE,
) -> Array:
    """Return what `finish` makes of the raw output, for all rows of `X`.

    In chunks of rows, through buffers of this call alone, so that memory does not grow with n and
    threads may share `layers`. A row's prediction depends on no other row.

    Parameters
    ----------
    layers : sequence of Dense, an Embedding may come first
        Bound layers.
    X : object
        Rows: with a ``shape``, and slices.
    finish : callable
        ``finish(Z)`` turns the raw output (n_members, rows, n_outputs) of a chunk, a buffer, into
        a new array with one entry a row.
    encode : callable
        ``encode(rows, dtype, out)`` puts what the network takes of some rows of `X` into the array
        `out`, of that dtype; returns sparse rows in that dtype, and is given no `out` for them.
    n_columns : int or None
        Columns of `out`; None where what the network takes is sparse.
    team : Team
        Threads that share the chunks.

    Notes
    -----
    Each chunk is filled up with zeros to a multiple of ``ROWS`` rows. BLAS takes other paths for
    single and odd rows, which round differently.
    """
    n_samples, chunk = X.shape[0], chunk_rows(layers, len(_parameters(layers[-1])))
    if n_columns:
        chunk = min(chunk, max(ROWS, INPUT_ELEMENTS // n_columns // ROWS * ROWS))
    n_shares = team.n_shares(n_samples, 8 * chunk)
    n_rows = min(chunk, n_samples + -n_samples % ROWS)

    def chunks() -> _Chunks:
        return _Chunks(layers, n_rows, encode, n_columns)

    with np.errstate(all="ignore"):
        memory = chunks()
        first = finish(memory.raw_output(X[:chunk]))
        if n_samples <= chunk:
            return first
        values = np.empty((n_samples, *first.shape[1:]), first.dtype)
        values[:chunk] = first
        starts = iter(range(chunk, n_samples, chunk))  # shared: who is held up takes fewer

        def share(k: int) -> None:
            own = chunks() if k else memory
            for start in starts:
                rows = slice(start, start + chunk)
                values[rows] = finish(own.raw_output(X[rows]))

        team(share, n_shares)
    return values


def _parameters(layer: Bound) -> Array:
    """Return W, or E: it tells the number of members and the dtype."""
    return layer.W if isinstance(layer, Dense) else layer.E


def _with_ones(layer: Dense) -> FirstDense:
    """Return a bound first layer as one whose input ends with a column of ones."""
    first = FirstDense(layer.n_in, layer.n_out, layer.activation)
    first.bind({"W": layer.W, "b": layer.b})
    first.bind_both(np.concatenate([layer.W, layer.b], axis=1))
    return first


class _Chunks:
    """Memory to predict one chunk of rows after another."""

    def __init__(
        self,
        layers: Sequence[Bound],
        n_rows: int,
        encode: Callable[..., Any],
        n_columns: int | None,
    ) -> None:
        self.encode, self.n_columns = encode, n_columns
        first, W = layers[0], _parameters(layers[-1])
        self.layers, self.has_ones = layers, False
        if n_columns is not None and isinstance(first, Dense):
            self.layers, self.has_ones = [_with_ones(first), *layers[1:]], True
        self.dtype = W.dtype
        self.work = work_array(layers, len(W), n_rows, self.dtype)
        self.X: Array | None = None
        self.n_rows = 0

    def raw_output(self, X: Any) -> Array:
        """Return the raw output (n_members, rows, n_outputs) for these rows, a buffer."""
        n, n_columns = X.shape[0], self.n_columns
        padded_rows = n + -n % ROWS
        if padded_rows != self.n_rows:
            self.n_rows = padded_rows
            self.buffers = [layer.buffers(padded_rows, self.work) for layer in self.layers]
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


def raw_output(layers: Sequence[Bound], X: Any) -> Array:
    """Return the raw output Z (n_members, n_samples, n_outputs) for all rows of encoded `X`."""
    n_columns = X.shape[1] if isinstance(X, np.ndarray) else None
    Z = predict_by_chunks(layers, X, lambda Z: np.moveaxis(Z, 0, 1).copy(), _as_it_is, n_columns)
    return np.moveaxis(Z, 1, 0)


def _as_it_is(X: Any, dtype: np.dtype, out: Array | None = None) -> Any:
    """Return sparse rows; copy dense ones, which are in the right dtype already."""
    if out is not None:
        np.copyto(out, X)
    return X


def _padded(X: Any, n_rows: int) -> SparseRows:
    """Return sparse rows with empty ones added."""
    indptr = np.pad(X.indptr, (0, n_rows - X.shape[0]), mode="edge")
    shape = (n_rows, X.shape[1])
    return SparseRows(scipy.sparse.csr_array((X.data, X.indices, indptr), shape=shape))
