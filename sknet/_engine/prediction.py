"""Prediction: the forward pass over all rows, in chunks that fit the cache."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
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
#: Maximum rows of a chunk whose buffers are kept for the next call.
KEPT_ROWS = 32
#: Minimum chunks per thread.
MIN_CHUNKS_PER_THREAD = 8

#: ``limit(n)`` returns a context manager around products of up to n multiply-adds.
Limit = Callable[[int], AbstractContextManager[Any]]


class Predictor:
    """The forward pass of bound layers over all rows, in chunks.

    Calls may run at the same time: each has its own buffers. Those for few rows are kept for later
    calls, since making them takes longer than using them.

    Parameters
    ----------
    layers : sequence of Layer
        Bound layers.
    n_columns : int or None
        Columns of the network's input; None if it is sparse.

    Attributes
    ----------
    chunk : int
        Rows of a chunk.
    n_members, dtype : int, dtype
        Of the parameters.
    """

    def __init__(self, layers: Sequence[Layer], n_columns: int | None) -> None:
        self.layers, self.n_columns = list(layers), n_columns
        self.n_members, self.dtype = members_and_dtype(layers)
        self.has_ones = n_columns is not None and layers[0].takes_ones
        if self.has_ones:
            self.layers[0] = layers[0].with_ones()
        self.chunk = chunk_rows(layers, self.n_members)
        for k, following in enumerate(self.layers[1:]):
            if following.takes_ones:
                self.layers[k] = self.layers[k].before(following.W)
        self._multiply_adds = max(layer.multiply_adds for layer in layers)
        if n_columns:
            most = CHUNK_INPUT_ELEMENTS // n_columns // ROW_MULTIPLE * ROW_MULTIPLE
            self.chunk = min(self.chunk, max(ROW_MULTIPLE, most))
        self._kept: dict[int, _Chunks] = {}

    def largest_product(self, n_samples: int) -> int:
        """Return the multiply-adds of the largest product, with the rows that are added."""
        return self._rows_of_a_chunk(n_samples) * self._multiply_adds

    def _rows_of_a_chunk(self, n_samples: int) -> int:
        return min(self.chunk, n_samples + -n_samples % ROW_MULTIPLE)

    def __call__(
        self,
        X: Any,
        finish: Callable[[Array], Array],
        encode: Callable[..., Any],
        team: Team = SINGLE_THREAD,
    ) -> Array:
        """Return ``finish(Z)``, Z the raw output, for all rows of `X`.

        The rows are predicted in chunks, so that the buffers do not grow with n. The prediction of
        a row does not depend on others.

        Parameters
        ----------
        X : object
            The rows; has a ``shape`` and supports slices.
        finish : callable
            ``finish(Z)`` returns a new array with one entry per row, given the raw output
            (n_members, rows, n_outputs) of a chunk, which is a buffer.
        encode : callable
            ``encode(rows, dtype, out)`` writes the network's input for some rows of `X` to the
            array `out` of this dtype. For sparse input, ``encode(rows, dtype)`` returns it.
        team : Team
            Threads that share the chunks.

        Notes
        -----
        Each chunk is padded with zeros to a multiple of ``ROW_MULTIPLE`` rows, because BLAS rounds
        differently for single rows and for odd numbers of rows.
        """
        n_samples, chunk = X.shape[0], self.chunk
        with np.errstate(all="ignore"):
            n_rows = self._rows_of_a_chunk(n_samples)
            memory = self._kept.pop(n_rows, None) or _Chunks(self, n_rows)
            if n_samples <= chunk:
                values = finish(memory.raw_output(X, encode))
                if n_rows <= KEPT_ROWS:
                    self._kept[n_rows] = memory
                return values
            first = finish(memory.raw_output(X[:chunk], encode))
            values = np.empty((n_samples, *first.shape[1:]), first.dtype)
            values[:chunk] = first
            starts = iter(range(chunk, n_samples, chunk))  # all threads take the next one from it

            def share(k: int) -> None:
                own = _Chunks(self, n_rows) if k else memory
                for start in starts:
                    rows = slice(start, start + chunk)
                    values[rows] = finish(own.raw_output(X[rows], encode))

            team(share, team.n_shares(n_samples, MIN_CHUNKS_PER_THREAD * chunk))
        return values


class _Chunks:
    """The buffers of one thread, which predicts one chunk of up to `n_rows` after another."""

    def __init__(self, predictor: Predictor, n_rows: int) -> None:
        self.predictor = predictor
        self.work = work_array(predictor.layers, predictor.n_members, n_rows, predictor.dtype)
        self.X: Array | None = None
        self.n_rows = 0

    def raw_output(self, X: Any, encode: Callable[..., Any]) -> Array:
        """Return the raw output (n_members, rows, n_outputs) of a chunk, a buffer."""
        own, n = self.predictor, X.shape[0]
        padded_rows = n + -n % ROW_MULTIPLE
        if padded_rows != self.n_rows:
            self.n_rows = padded_rows
            self.buffers = [
                layer.buffers(own.n_members, padded_rows, own.dtype, self.work)
                for layer in own.layers
            ]
            self.X = None
        if own.n_columns is None:
            batch: Any = _padded(encode(X, own.dtype), padded_rows)
        else:
            if self.X is None:
                self.X = np.empty((padded_rows, own.n_columns + own.has_ones), own.dtype)
            self.X[:n, own.n_columns :] = 1.0
            self.X[n:] = 0.0
            encode(X, own.dtype, self.X[:n, : own.n_columns])
            batch = self.X
        return forward(own.layers, batch, self.buffers)[:, :n]


def raw_output(layers: Sequence[Layer], X: Any, limit: Limit = nullcontext) -> Array:
    """Return the raw output Z (n_members, n_samples, n_outputs) of encoded rows `X`.

    ``limit(n)`` is a context manager around products of up to n multiply-adds.
    """
    n_columns = X.shape[1] if isinstance(X, np.ndarray) else None
    predict = Predictor(layers, n_columns)
    with limit(predict.largest_product(X.shape[0])):
        Z = predict(X, lambda Z: np.moveaxis(Z, 0, 1).copy(), _as_it_is)
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
