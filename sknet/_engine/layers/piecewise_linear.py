"""Piecewise-linear encoding of numbers: a first layer without parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array
from sknet._engine.layers.base import Layer
from sknet._engine.parameters import ALL, Members


class PiecewiseLinear(Layer):
    """Appends to the input the position of each number in each of its bins, from -1 to 1.

    | A = [X, code(x_1), ..., code(x_q), last columns of X]
    | code(x)_t = 2 min(max((x - e_t) / (e_{t+1} - e_t), 0), 1) - 1

    The e_t are the knots of the column. A linear map of such a code is a spline of degree 1 with
    these knots. The code is computed batch by batch, so that it is never stored for all rows.

    Source: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features".

    Parameters
    ----------
    n_in : int
    columns : sequence of int
        The columns that are encoded, all before the last ones.
    knots : sequence of ndarray
        The knots of each of them, increasing, at least two.
    n_last : int
        Number of last columns of X that remain last: codes of categories for an embedding.

    Attributes
    ----------
    source : ndarray of int of shape (n_codes,)
        The column of X of each code.
    slope, shift : ndarray of shape (n_codes,)
        A code is ``slope * x + shift`` within -1 and 1.
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

    def of(self, members: Members = ALL) -> "PiecewiseLinear":
        return PiecewiseLinear(self.n_in, self.columns, self.knots, self.n_last)

    def buffers(self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array) -> Any:
        return {
            "A": np.empty((n_members, n_samples, self.n_out), dtype),
            "code": np.empty((n_members * n_samples, len(self.source)), dtype),
            "map": (self.slope.astype(dtype), self.shift.astype(dtype)),
        }

    def forward(self, X: Any, buffers: Any) -> Array:
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

    def backward(self, dA: Array, buffers: Any, input_gradient: bool) -> None:
        """Do nothing: there are no parameters."""
        assert not input_gradient, "a piecewise-linear encoding must be the first layer"
