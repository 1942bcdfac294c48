"""Prediction: the forward pass over all rows, in chunks that stay in the cache."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.activations import Array
from sknet._engine.layers import Dense, SparseRows, work_array
from sknet._engine.network import ROWS, chunk_rows, forward
from sknet._engine.team import ALONE, Team


def predict_by_chunks(
    layers: Sequence[Dense],
    X: Any,
    finish: Callable[[Array], Array],
    cast: Callable[..., Any],
    team: Team = ALONE,
) -> Array:
    """Return what `finish` makes of the raw output, for all rows of `X`.

    In chunks of rows, through buffers of this call alone, so that memory does not grow with n and
    threads may share `layers`. A row's prediction depends on no other row.

    Parameters
    ----------
    layers : sequence of Dense
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

    Notes
    -----
    Each chunk is filled up with zeros to a multiple of ``ROWS`` rows. BLAS takes other paths for
    single and odd rows, which round differently.
    """
    n_samples, chunk = X.shape[0], chunk_rows(layers, len(layers[0].W))
    n_shares = team.n_shares(n_samples, 8 * chunk)
    share_rows = -(-n_samples // (n_shares * chunk)) * chunk

    def share(k: int) -> list[Array]:
        chunks = _Chunks(layers, min(chunk, n_samples + -n_samples % ROWS))
        stop = min((k + 1) * share_rows, n_samples)
        return [
            finish(chunks.raw_output(X[start : min(start + chunk, stop)], cast))
            for start in range(k * share_rows, stop, chunk)
        ]

    with np.errstate(all="ignore"):
        return np.concatenate([part for parts in team(share, n_shares) for part in parts])


class _Chunks:
    """Memory to predict one chunk of rows after another."""

    def __init__(self, layers: Sequence[Dense], n_rows: int) -> None:
        self.layers, self.dtype = layers, layers[0].W.dtype
        n_members = len(layers[0].W)
        self.work = work_array(layers, n_members, n_rows, self.dtype)
        self.X: Array | None = None
        self.n_rows = 0

    def raw_output(self, X: Any, cast: Callable[..., Any]) -> Array:
        """Return the raw output (n_members, rows, n_outputs) for these rows, a buffer."""
        n, n_features = X.shape
        padded_rows = n + -n % ROWS
        if padded_rows != self.n_rows:
            self.n_rows = padded_rows
            self.buffers = [layer.buffers(padded_rows, self.work) for layer in self.layers]
            self.X = None
        if isinstance(X, np.ndarray):
            if self.X is None:
                self.X = np.empty((padded_rows, n_features), self.dtype)
            self.X[n:] = 0.0
            cast(X, self.dtype, self.X[:n])
            batch: Any = self.X
        else:
            batch = _padded(cast(X, self.dtype), padded_rows)
        return forward(self.layers, batch, self.buffers)[:, :n]


def raw_output(layers: Sequence[Dense], X: Any) -> Array:
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
