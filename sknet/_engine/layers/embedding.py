"""Learned embeddings of categorical columns: a first layer with a sparse gradient.

Rows of E that do not occur in a batch have a gradient of zero and cost no time: the layer marks the
rows with a gradient, and only these are cleared and updated. The optimizer state of the other rows
does not change either, as in torch's SparseAdam.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array
from sknet._engine.layers.base import Layer
from sknet._engine.parameters import ALL, Members

#: Standard deviation of the initial rows of known levels. Measured: with 1, the value of RealMLP,
#: the error rose by 5 % on adult (0 % with 0.1) and by 1 to 7 % on ames (fell by 1 % with 0.1).
EMBEDDING_SCALE = 0.1


def first_rows(n_levels: Sequence[int]) -> NDArray[np.intp]:
    """Return for each column its first row in E, which is for unknown and missing levels."""
    return np.cumsum([0, *(n + 1 for n in n_levels)], dtype=np.intp)[:-1]


@dataclass
class EmbeddingBuffers:
    """Buffers of an embedding for one batch size; `places` are indices of elements of flat E.

    `first_rows` and `columns`, which are added to indices, are stored in full shape, because numpy
    would allocate buffers to broadcast them.
    """

    A: Array
    rows: NDArray[np.intp]
    first_rows: NDArray[np.intp]
    work: Array
    own_rows: NDArray[np.intp]
    places: NDArray[np.intp] | None = None
    columns: NDArray[np.intp] | None = None


class Embedding(Layer):
    """Replaces each category by a row of E; numeric columns are copied.

    | A = [X_numeric, E[code_1], ..., E[code_q]]
    | dE[r] = sum of dL/dA over the places that hold row r

    The input X (..., n_samples, n_numeric + q) ends with the codes of the q categorical columns, as
    floats from 0 (unknown or missing) to C_j.

    Source: Guo and Berkhahn 2016.

    Parameters
    ----------
    n_numeric : int
        Number of numeric columns.
    n_levels : sequence of int
        Number of levels C_j of each categorical column.
    dim : int
        Length of a row, equal for all columns, whose tables are stacked into one E.

    Attributes
    ----------
    n_rows : int
        Rows of E: C_j + 1 for each column.
    mark : ndarray of bool, (n_members, n_rows)
        The rows that have a gradient.
    """

    sparse = frozenset({"E"})
    one_thread = True  # threads must not add to the same row of dE
    twin = "embedding"

    E: Array
    dE: Array
    mark: NDArray[np.bool]

    def __init__(self, n_numeric: int, n_levels: Sequence[int], dim: int) -> None:
        self.n_numeric, self.n_levels, self.dim = n_numeric, tuple(n_levels), dim
        self.n_rows = sum(self.n_levels) + len(self.n_levels)
        self.n_in = n_numeric + len(self.n_levels)
        self.n_out = n_numeric + len(self.n_levels) * dim
        self.shapes = {"E": (self.n_rows, dim)}

    def of(self, members: Members = ALL) -> "Embedding":
        return Embedding(self.n_numeric, self.n_levels, self.dim)

    def init(self, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Draw E from N(0, EMBEDDING_SCALE^2); rows of unknown levels are zero."""
        E = EMBEDDING_SCALE * rng.standard_normal((self.n_rows, self.dim))
        E[first_rows(self.n_levels)] = 0.0
        return {"E": E}

    def bind(
        self, parameters: Mapping[str, Array], gradient: Mapping[str, Array] | None = None
    ) -> None:
        """Use these arrays (n_members, n_rows, dim) as E and dE; set dE to zero."""
        self.E = parameters["E"]
        if gradient is not None:
            self.dE = gradient["E"]
            self.mark = np.zeros(self.E.shape[:2], np.bool)
            self.dE[:] = 0.0

    def buffers(
        self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array
    ) -> EmbeddingBuffers:
        shape = (n_members, n_samples, len(self.n_levels))
        n_elements = n_members * n_samples * len(self.n_levels) * self.dim
        rows = np.empty(shape, np.intp)
        return EmbeddingBuffers(
            A=np.empty((n_members, n_samples, self.n_out), dtype),
            rows=rows,
            first_rows=np.tile(first_rows(self.n_levels), (n_members, n_samples, 1)),
            work=work[:n_elements].reshape(*shape, self.dim),
            own_rows=rows,
        )

    def forward(self, X: Any, buffers: EmbeddingBuffers) -> Array:
        A, work, n = buffers.A, buffers.work, self.n_numeric
        rows = buffers.own_rows = buffers.rows[: 1 if X.ndim == 2 else len(X)]
        np.copyto(A[..., :n], X[..., :n])
        np.copyto(rows, X[..., n:], casting="unsafe")
        np.add(rows, buffers.first_rows[: len(rows)], out=rows)
        # take buffers its output unless mode="clip" and the output is contiguous
        for k, E in enumerate(self.E):
            E.take(rows[k % len(rows)], 0, work[k], "clip")
        np.copyto(A[..., n:], work.reshape(*A.shape[:2], -1))
        return A

    def backward(self, dA: Array, buffers: EmbeddingBuffers, input_gradient: bool) -> None:
        """Add to dE and mark its rows; overwrites the row indices of `forward`."""
        assert not input_gradient, "an embedding must be the first layer"
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
            # add.at is fast only on flat arrays; sort and reduceat take twice as long
            np.add.at(dE.reshape(-1), places.reshape(-1), work[k].reshape(-1))

    def occurrences(self, X: Any) -> dict[str, NDArray[np.intp]]:
        codes = X[..., -len(self.n_levels) :].astype(np.intp) + first_rows(self.n_levels)
        return {"E": np.bincount(codes.reshape(-1), minlength=self.n_rows)}

    def n_touched(self, n_samples: int) -> int:
        return self.dim * min(n_samples * len(self.n_levels), self.n_rows)

    def touched(self, name: str, k: int) -> NDArray[np.intp]:
        return np.flatnonzero(self.mark[k])

    def clear(self) -> None:
        for mark, dE in zip(self.mark, self.dE, strict=True):
            dE[np.flatnonzero(mark)] = 0.0
        self.mark[:] = False
