"""A batch with piecewise-linear codes that are looked up instead of stored, and its products."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from sknet._engine.activations import Array
from sknet._engine.layers.rows import Rows


class Run(NamedTuple):
    """Adjacent columns with equally many bins, and the matrix M from codes to knots.

    `codes` and `knots` are the rows of these columns in the weights of all codes, and in the table
    of the values at all knots.
    """

    M: Array
    n_columns: int
    codes: slice
    knots: slice


class SplineRows(Rows):
    """A batch [X, code(x_1), ..., code(x_q), last columns of X] of `PiecewiseLinear`.

    With weights V of the codes, ``code(x) V`` is a spline in x. Its values at the knots are
    ``T = M V``, where row j of M is the code of knot j; between two knots it is interpolated:

    | code(x) = S M,  code V = S T
    | dT = S^T delta,  dV = M^T dT

    A row of S has two numbers for each column, the weights of the knots to the left and to the
    right of x. So a product takes two rows of T for each column, instead of all bins.

    Parameters
    ----------
    X : ndarray of shape (..., n_samples, n_in)
    S : sequence of csr_array
        One for all members, or one for each: (n_samples, n_knots).
    runs : sequence of Run
    codes : slice
        The columns of the batch that are codes.
    table : ndarray, optional
        T of the weights by which it is multiplied, if these do not change.
    """

    def __init__(
        self, X: Array, S: Any, runs: Any, codes: slice, table: Array | None = None
    ) -> None:
        self.X, self.S, self.runs, self.codes, self.table = X, S, runs, codes, table
        n_codes = codes.stop - codes.start
        self.shape = (*X.shape[:-1], X.shape[-1] + n_codes)
        first = codes.start
        #: The columns of X, and their rows of the weights.
        parts = [(slice(first), slice(first)), (slice(first, None), slice(codes.stop, None))]
        self.parts = [own for own in parts if X[..., own[0]].shape[-1]]

    def product(self, W: Array, out: Array) -> None:
        values = self.table
        if values is None:
            values = values_at_knots(W[:, self.codes], self.runs)
        for k, own in enumerate(out):
            own[:] = self.S[k % len(self.S)] @ values[k]
        for columns, rows in self.parts:
            np.add(out, np.matmul(self.X[..., columns], W[:, rows]), out=out)

    def transposed_product(self, delta: Array, out: Array) -> None:
        for columns, rows in self.parts:
            np.matmul(self.X[..., columns].mT, delta, out[:, rows])
        slopes = np.stack([self.S[k % len(self.S)].T @ own for k, own in enumerate(delta)])
        of_codes = out[:, self.codes]
        for M, n_columns, codes, knots in self.runs:
            dT = slopes[:, knots].reshape(len(out), n_columns, M.shape[0], -1)
            dV = np.matmul(M.T, dT)
            of_codes[:, codes] = dV.reshape(len(out), -1, dV.shape[-1])

    def input_gradient(self, delta: Array, W: Array) -> Array:
        """Return the gradient of X, in which that of the columns before the codes is zero."""
        dX = np.zeros((*delta.shape[:-1], self.X.shape[-1]), delta.dtype)
        np.matmul(delta, W[:, self.codes.stop :].mT, dX[..., self.codes.start :])
        return dX

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        """Return the batch as an array."""
        A = np.empty(self.shape, self.X.dtype)
        first = self.codes.start
        A[..., :first], A[..., self.codes.stop :] = self.X[..., :first], self.X[..., first:]
        codes = np.zeros((self.S[0].shape[1], self.codes.stop - first), A.dtype)
        for M, n_columns, own, knots in self.runs:
            codes[knots, own] = scipy.linalg.block_diag(*[M] * n_columns)
        of_codes = A[..., self.codes].reshape(-1, self.shape[-2], codes.shape[1])
        for k, S in enumerate(self.S):
            of_codes[k] = S @ codes
        A[..., self.codes] = of_codes.reshape(*self.shape[:-1], -1)
        return A if dtype is None else A.astype(dtype)


def values_at_knots(V: Array, runs: Sequence[Run]) -> Array:
    """Return T (n_members, n_knots, n_units), the values of the splines at the knots.

    V (n_members, n_codes, n_units) are the weights of the codes.
    """
    values = np.empty((len(V), runs[-1].knots.stop, V.shape[-1]), V.dtype)
    for M, n_columns, codes, knots in runs:
        own = V[:, codes].reshape(len(V), n_columns, M.shape[1], -1)
        values[:, knots] = np.matmul(M, own).reshape(len(V), -1, V.shape[-1])
    return values
