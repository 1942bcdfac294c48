"""Piecewise-linear encoding of numbers: a first layer without parameters."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array
from sknet._engine.layers.base import Layer
from sknet._engine.layers.spline_rows import Run, SplineRows, values_at_knots
from sknet._engine.parameters import ALL, Members

#: Bins of a column on average from which codes are looked up instead of stored. Measured for a row
#: of an epoch with (128, 128) hidden units: 20 columns of 32 bins 6.9 us stored, 4.4 looked up (7.3
#: and 5.7 in batches of 256 rows), 30 columns of 21 bins 7.5 and 6.2; 64 of 10 bins 8.2 and 12.
BINS_TO_LOOK_UP = 20


class Lookup(NamedTuple):
    """Where the bins of the columns are: arrays with `n_places` entries for each column.

    Attributes
    ----------
    n_places : int
        A power of two, at least the bins of each column.
    lower, inverse_width : ndarray of shape (n_columns * n_places,)
        Lower end of each bin and 1 / width; infinity and zero after the last bin.
    knot : ndarray of int of the same shape
        Number of the knot at the lower end of the bin.
    """

    n_places: int
    lower: Array
    inverse_width: Array
    knot: NDArray[np.int32]

    @classmethod
    def of(cls, knots: Sequence[NDArray[Any]], dtype: DTypeLike) -> "Lookup":
        n_bins = [len(e) - 1 for e in knots]
        n_places = 1 << (max(n_bins) - 1).bit_length()
        shape = len(knots), n_places
        lower, inverse = np.full(shape, np.inf, dtype), np.zeros(shape, dtype)
        knot = np.zeros(shape, np.int32)
        first = np.cumsum([0, *(n + 1 for n in n_bins)])
        for j, (n, e) in enumerate(zip(n_bins, knots, strict=True)):
            lower[j, :n], inverse[j, :n] = e[:-1], 1.0 / np.diff(np.asarray(e, np.float64))
            knot[j, :n] = first[j] + np.arange(n)
        return cls(n_places, lower.ravel(), inverse.ravel(), knot.ravel())

    def fill(self, x: Array, indices: Array, weights: Array) -> None:
        """Write the two knots around each number of `x` (..., n_columns), and their weights."""
        places = np.zeros(x.shape, np.intp)
        np.add(places, np.arange(0, len(self.lower), self.n_places), out=places)
        probe, is_above = np.empty_like(places), np.empty(x.shape, np.bool)
        end, t = np.empty_like(x), weights[..., 1]
        step = self.n_places // 2
        while step:  # bisection: the last bin whose lower end is at most x
            np.add(places, step, out=probe)
            self.lower.take(probe, out=end, mode="clip")
            np.greater_equal(x, end, out=is_above)
            np.copyto(places, probe, where=is_above)
            step //= 2
        np.subtract(x, self.lower.take(places, out=end, mode="clip"), out=end)
        np.multiply(end, self.inverse_width.take(places), out=end)
        np.clip(end, 0.0, 1.0, out=t)
        np.subtract(1.0, t, out=weights[..., 0])
        indices[..., 0] = self.knot.take(places)
        np.add(indices[..., 0], 1, out=indices[..., 1])


def runs_of(knots: Sequence[NDArray[Any]], dtype: DTypeLike) -> list[Run]:
    """Return the runs of adjacent columns with equally many bins."""
    runs, code, knot = [], 0, 0
    for n_bins, group in groupby(len(e) - 1 for e in knots):
        n_columns = len(list(group))
        M = np.where(np.arange(n_bins + 1)[:, None] > np.arange(n_bins), 1.0, -1.0).astype(dtype)
        codes = slice(code, code + n_columns * n_bins)
        own_knots = slice(knot, knot + n_columns * (n_bins + 1))
        runs.append(Run(M, n_columns, codes, own_knots))
        code, knot = codes.stop, own_knots.stop
    return runs


class PiecewiseLinear(Layer):
    """Appends to the input the position of each number in each of its bins, from -1 to 1.

    | A = [X, code(x_1), ..., code(x_q), last columns of X]
    | code(x)_t = 2 min(max((x - e_t) / (e_{t+1} - e_t), 0), 1) - 1

    The e_t are the knots of the column. A linear map of such a code is a spline of degree 1 with
    these knots. The code is computed batch by batch, so that it is never stored for all rows. Where
    columns have many bins, it is not even stored for a batch: see `SplineRows`.

    Source: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features".

    Parameters
    ----------
    n_in : int
    columns : sequence of int
        The columns that are encoded, all before the last ones.
    knots : sequence of ndarray
        The knots of each of them, increasing, at least two.
    n_last : int
        Number of last columns of X that remain last: embedded categories. Only they have a
        gradient: that of the others, which are data, is returned as zero.

    Attributes
    ----------
    source : ndarray of int of shape (n_codes,)
        The column of X of each code.
    slope, shift : ndarray of shape (n_codes,)
        A code is ``slope * x + shift`` within -1 and 1.
    looks_up : bool
        Whether the output is `SplineRows`.
    """

    def __init__(
        self, n_in: int, columns: Sequence[int], knots: Sequence[NDArray[Any]], n_last: int = 0
    ) -> None:
        self.columns, self.knots, self.n_last = columns, knots, n_last
        lower, width = (
            np.concatenate([np.asarray(part(e), np.float64) for e in knots])
            for part in (lambda e: e[:-1], np.diff)
        )
        self.source = np.repeat(columns, [len(e) - 1 for e in knots])
        self.slope, self.shift = 2.0 / width, -2.0 * lower / width - 1.0
        self.n_in, self.n_out = n_in, n_in + len(self.source)
        self._codes = slice(n_in - n_last, n_in - n_last + len(self.source))
        self.code_columns = range(self._codes.start, self._codes.stop)
        self.looks_up = len(self.source) >= BINS_TO_LOOK_UP * len(columns)
        self._table: Array | None = None

    def of(self, members: Members = ALL) -> "PiecewiseLinear":
        return PiecewiseLinear(self.n_in, self.columns, self.knots, self.n_last)

    def before(self, W: Array) -> "PiecewiseLinear":
        if not self.looks_up:
            return self
        layer = self.of()
        layer._table = values_at_knots(W[:, self._codes], runs_of(self.knots, W.dtype))
        return layer

    @property
    def n_stored(self) -> int:
        return self.n_in + 4 * len(self.columns) if self.looks_up else self.n_out

    def buffers(self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array) -> Any:
        if self.looks_up:
            n_numbers, n_knots = 2 * len(self.columns), len(self.source) + len(self.columns)
            rows = np.arange(0, n_numbers * n_samples + 1, n_numbers, dtype=np.int32)
            shape = n_samples, len(self.columns), 2
            parts = [(np.empty(shape, dtype), np.zeros(shape, np.int32)) for _ in range(n_members)]
            S = [
                scipy.sparse.csr_array((w.ravel(), i.ravel(), rows), shape=(n_samples, n_knots))
                for w, i in parts
            ]
            return {
                "parts": parts,
                "S": S,
                "lookup": Lookup.of(self.knots, dtype),
                "runs": runs_of(self.knots, dtype),
            }
        return {
            "A": np.empty((n_members, n_samples, self.n_out), dtype),
            "code": np.empty((n_members * n_samples, len(self.source)), dtype),
            "map": (self.slope.astype(dtype), self.shift.astype(dtype)),
        }

    def forward(self, X: Any, buffers: Any) -> Any:
        return self._looked_up(X, buffers) if self.looks_up else self._stored(X, buffers)

    def _looked_up(self, X: Any, buffers: Any) -> SplineRows:
        own = X[None] if X.ndim == 2 else X
        S, lookup = buffers["S"][: len(own)], buffers["lookup"]
        for x, (weights, indices) in zip(own, buffers["parts"], strict=False):
            lookup.fill(x.take(self.columns, 1), indices, weights)
        return SplineRows(X, S, buffers["runs"], self._codes, self._table)

    def _stored(self, X: Any, buffers: Any) -> Array:
        A, (slope, shift) = buffers["A"], buffers["map"]
        A = A[0] if X.ndim == 2 else A[: len(X)]
        codes = self._codes
        first = codes.start
        np.copyto(A[..., :first], X[..., :first])
        np.copyto(A[..., codes.stop :], X[..., first:])
        rows = X.reshape(-1, X.shape[-1])
        code = buffers["code"][: len(rows)]
        rows.take(self.source, 1, code, "clip")
        np.multiply(code, slope, code)
        np.add(code, shift, code)
        np.clip(code, -1.0, 1.0, A.reshape(-1, self.n_out)[:, codes])
        return A

    def backward(self, dA: Array, buffers: Any, input_gradient: bool) -> Array | None:
        """Return dL/dX of the last columns, and zero for the others."""
        if not input_gradient or dA.shape[-1] == self.n_in:  # of `SplineRows.input_gradient`
            return dA if input_gradient else None
        dX = np.zeros((*dA.shape[:-1], self.n_in), dA.dtype)
        dX[..., self._codes.start :] = dA[..., self._codes.stop :]
        return dX
