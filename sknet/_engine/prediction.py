"""Prediction: the forward pass over all rows, in chunks that stay in the cache."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.activations import Array
from sknet._engine.layers import Bound, Dense, DenseBuffers, SparseRows, work_array
from sknet._engine.network import ROWS, chunk_rows, forward
from sknet._engine.team import ALONE, Team


def predict_by_chunks(
    layers: Sequence[Bound],
    X: Any,
    finish: Callable[[Array], Array],
    cast: Callable[..., Any],
    team: Team = ALONE,
    suspect: Callable[[Array], None] = lambda X: None,
) -> Array:
    """Return what `finish` makes of the raw output, for all rows of `X`.

    In chunks of rows, through buffers of this call alone, so that memory does not grow with n and
    threads may share `layers`. A row's prediction depends on no other row.

    Parameters
    ----------
    layers : sequence of Dense, an Embedding may come first
        Bound layers.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    finish : callable
        ``finish(Z)`` turns the raw output (n_members, rows, n_outputs) of a chunk, a buffer, into
        a new array with one entry a row.
    cast : callable
        ``cast(rows, dtype, out)`` puts rows of `X` into the array `out`, of that dtype; returns
        sparse rows in that dtype, and is given no `out` for them.
    team : Team
        Threads that share the chunks.
    suspect : callable
        Given each chunk of dense rows whose sum of squares is not finite: the least that a look for
        NaN and infinities can cost, while the rows are in the cache.

    Notes
    -----
    Each chunk is filled up with zeros to a multiple of ``ROWS`` rows. BLAS takes other paths for
    single and odd rows, which round differently.
    """
    n_samples, chunk = X.shape[0], chunk_rows(layers, len(_output_weights(layers)))
    n_shares = team.n_shares(n_samples, 8 * chunk)
    n_rows = min(chunk, n_samples + -n_samples % ROWS)

    def chunks() -> _Chunks:
        return _Chunks(layers, n_rows, cast, suspect, dense=isinstance(X, np.ndarray))

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


def _output_weights(layers: Sequence[Bound]) -> Array:
    """Return W of the output layer: it tells the number of members and the dtype."""
    last = layers[-1]
    assert isinstance(last, Dense)
    return last.W


class _First(Dense):
    """A dense layer whose input ends with a column of ones, and W with the bias as its last row.

    The product adds the bias, for less than a pass of its own costs.
    """

    def __init__(self, layer: Dense) -> None:
        super().__init__(layer.n_in + 1, layer.n_out, layer.activation)
        self.bind({"W": np.concatenate([layer.W, layer.b], axis=1), "b": layer.b})

    def forward(self, X: Any, buffers: DenseBuffers) -> Array:
        np.matmul(X, self.W, out=buffers.Z)
        self.sigma.forward(buffers.Z, buffers.A, buffers.work)
        return buffers.A


class _Chunks:
    """Memory to predict one chunk of rows after another."""

    def __init__(
        self,
        layers: Sequence[Bound],
        n_rows: int,
        cast: Callable[..., Any],
        suspect: Callable[[Array], None],
        dense: bool,
    ) -> None:
        self.cast, self.suspect = cast, suspect
        first, W = layers[0], _output_weights(layers)
        self.layers, self.has_ones = layers, False
        if dense and isinstance(first, Dense):
            self.layers, self.has_ones = [_First(first), *layers[1:]], True
        self.dtype = W.dtype
        self.work = work_array(layers, len(W), n_rows, self.dtype)
        self.X: Array | None = None
        self.n_rows = 0

    def raw_output(self, X: Any) -> Array:
        """Return the raw output (n_members, rows, n_outputs) for these rows, a buffer."""
        n, n_features = X.shape
        padded_rows = n + -n % ROWS
        if padded_rows != self.n_rows:
            self.n_rows = padded_rows
            self.buffers = [layer.buffers(padded_rows, self.work) for layer in self.layers]
            self.X = None
        if isinstance(X, np.ndarray):
            if self.X is None:
                self.X = np.ones((padded_rows, n_features + self.has_ones), self.dtype)
            self.X[n:] = 0.0
            self.cast(X, self.dtype, self.X[:n, :n_features])
            if not isfinite(np.vdot(self.X, self.X)):
                self.suspect(X)
            batch: Any = self.X
        else:
            batch = _padded(self.cast(X, self.dtype), padded_rows)
        return forward(self.layers, batch, self.buffers)[:, :n]


def raw_output(layers: Sequence[Bound], X: Any) -> Array:
    """Return the raw output Z (n_members, n_samples, n_outputs) for all rows of `X`."""
    Z = predict_by_chunks(layers, X, lambda Z: np.moveaxis(Z, 0, 1).copy(), _as_it_is)
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
