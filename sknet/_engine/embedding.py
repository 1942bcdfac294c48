"""Learned embeddings of categorical columns: a first layer, whose gradient touches few rows.

The rows of E that a batch does not hold have a gradient of zero. They cost nothing: the layer
marks the rows that it adds to, the network clears those alone, and the optimizer steps those alone
(their state too is left as it is, as in torch's SparseAdam).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sknet._engine.activations import Array

#: Standard deviation of the initial rows of known levels.
EMBEDDING_SCALE = 0.1


def first_rows(n_levels: Sequence[int]) -> NDArray[np.intp]:
    """Return for each column its row 0 in E, that of unknown and missing levels."""
    return np.cumsum([0, *(n + 1 for n in n_levels)], dtype=np.intp)[:-1]


def initial_embedding(n_levels: Sequence[int], dim: int, rng: np.random.Generator) -> Array:
    """Draw E (n_rows, dim), in float64: N(0, EMBEDDING_SCALE^2), and zero for unknown levels."""
    E = EMBEDDING_SCALE * rng.standard_normal((sum(n_levels) + len(n_levels), dim))
    E[first_rows(n_levels)] = 0.0
    return E


@dataclass
class EmbeddingBuffers:
    """Memory of an embedding for one batch size; `places` are those of elements in flat E.

    What is added to rows and to places is held in full: numpy makes buffers to broadcast it.
    """

    A: Array
    rows: NDArray[np.intp]
    first_rows: NDArray[np.intp]
    work: Array
    own_rows: NDArray[np.intp]
    places: NDArray[np.intp] | None = None
    columns: NDArray[np.intp] | None = None


class Embedding:
    """A row of E for each categorical column; numbers are passed on.

    | A = [X_numeric, E[code_1], ..., E[code_q]]
    | dE[r] = sum of dL/dA over the places that hold row r

    Guo and Berkhahn 2016. The input X (..., n_samples, n_numeric + q) ends with the codes of the
    categorical columns, 0 (unknown or missing) to C_j, as floats.

    Parameters
    ----------
    n_numeric : int
        Columns of numbers.
    n_levels : sequence of int
        C_j of each categorical column.
    dim : int
        Length of a row, for each column the same: the tables are stacked into one E.

    Attributes
    ----------
    n_rows : int
        Rows of E: C_j + 1 a column.
    mark : ndarray of bool, (n_members, n_rows)
        The rows that hold a gradient.
    """

    E: Array
    dE: Array
    mark: NDArray[np.bool]

    def __init__(self, n_numeric: int, n_levels: Sequence[int], dim: int) -> None:
        self.n_numeric, self.n_levels, self.dim = n_numeric, tuple(n_levels), dim
        self.n_rows = sum(self.n_levels) + len(self.n_levels)
        self.n_in = n_numeric + len(self.n_levels)
        self.n_out = n_numeric + len(self.n_levels) * dim
        self.shapes = {"E": (self.n_rows, dim)}

    def of(self, members: slice) -> "Embedding":
        """Return the layer of some members, bound to nothing; it shares their marks."""
        part = Embedding(self.n_numeric, self.n_levels, self.dim)
        if hasattr(self, "mark"):
            part.mark = self.mark[members]
        return part

    def bind(self, parameters: dict[str, Array], gradient: dict[str, Array] | None = None) -> None:
        """Use this E, (n_members, n_rows, dim), and add the gradient to that of `gradient`."""
        self.E = parameters["E"]
        if gradient is None:
            return
        shares_marks = hasattr(self, "mark") and not hasattr(self, "dE")  # made by `of`
        self.dE = gradient["E"]
        if not shares_marks:
            self.mark = np.zeros(self.E.shape[:2], np.bool)
            self.dE[:] = 0.0

    def buffers(self, n_samples: int, work: Array) -> EmbeddingBuffers:
        """Allocate for batches of `n_samples`; `work` is shared scratch memory of any shape."""
        n_members, dtype = len(self.E), self.E.dtype
        shape = (n_members, n_samples, len(self.n_levels))
        n_elements = n_members * n_samples * len(self.n_levels) * self.dim
        rows = np.empty(shape, np.intp)
        return EmbeddingBuffers(
            A=np.empty((n_members, n_samples, self.n_out), dtype),
            rows=rows,
            first_rows=np.tile(first_rows(self.n_levels), (n_members, n_samples, 1)),
            work=work.reshape(-1)[:n_elements].reshape(*shape, self.dim),
            own_rows=rows,
        )

    def forward(self, X: Any, buffers: EmbeddingBuffers) -> Array:
        A, work, n = buffers.A, buffers.work, self.n_numeric
        rows = buffers.own_rows = buffers.rows[: 1 if X.ndim == 2 else len(X)]
        np.copyto(A[..., :n], X[..., :n])
        np.copyto(rows, X[..., n:], casting="unsafe")
        np.add(rows, buffers.first_rows[: len(rows)], out=rows)
        # without mode="clip", take buffers its output; so it does where that is not contiguous
        for k, E in enumerate(self.E):
            E.take(rows[k % len(rows)], 0, work[k], "clip")
        np.copyto(A[..., n:], work.reshape(*A.shape[:2], -1))
        return A

    def backward(self, dA: Array, buffers: EmbeddingBuffers, input_gradient: bool) -> None:
        """Add to dE and mark its rows; uses up the rows of `forward`."""
        assert not input_gradient, "an embedding is the first layer"
        rows, work = buffers.own_rows, buffers.work
        if buffers.places is None or buffers.columns is None:
            buffers.places = np.empty(work.shape[1:], np.intp)
            buffers.columns = np.tile(np.arange(self.dim), (*work.shape[1:3], 1))
        places = buffers.places
        np.copyto(work.reshape(*dA.shape[:2], -1), dA[..., self.n_numeric :])
        for k, mark in enumerate(self.mark):
            mark[rows[k % len(rows)]] = True
        np.multiply(rows, self.dim, out=rows)
        for k, dE in enumerate(self.dE):
            if k < len(rows):
                np.copyto(places, rows[k][..., None])
                np.add(places, buffers.columns, out=places)
            # add.at is fast on flat arrays alone; sort and reduceat take twice as long
            np.add.at(dE.reshape(-1), places.reshape(-1), work[k].reshape(-1))

    def touched(self, k: int) -> NDArray[np.intp]:
        """Return the rows of member `k` that hold a gradient."""
        return np.flatnonzero(self.mark[k])

    def clear(self) -> None:
        """Set the gradient to zero."""
        for k, dE in enumerate(self.dE):
            dE[self.touched(k)] = 0.0
        self.mark[:] = False
