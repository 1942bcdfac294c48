"""A batch of sparse rows and its products."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.layers.rows import Rows


class SparseRows(Rows):
    """A batch of sparse input: one CSR matrix for all members, or one for each."""

    def __init__(self, *matrices: Any) -> None:
        self.matrices = matrices
        self.shape = matrices[0].shape

    def __getitem__(self, key: Any) -> "SparseRows":
        """Return a slice of the rows; the key is that of ``array[..., rows, :]``."""
        _, rows, _ = key
        return SparseRows(*(X[rows] for X in self.matrices))

    def for_members(self, n_members: int) -> "SparseRows":
        """Return the batch with a matrix for each member."""
        if len(self.matrices) == n_members:
            return self
        return SparseRows(*self.matrices * n_members)

    def masked(self, draw: Callable[[int, Array], None]) -> "SparseRows":
        """Return the rows with stored values multiplied by masks; ``draw(k, out)`` draws them."""
        matrices = []
        for k, X in enumerate(self.matrices):
            mask = np.empty_like(X.data)
            draw(k, mask)
            matrices.append(type(X)((X.data * mask, X.indices, X.indptr), shape=X.shape))
        return SparseRows(*matrices)

    def product(self, W: Array, out: Array) -> None:
        """out <- X W, one product per member."""
        for k in range(len(out)):
            out[k] = self.matrices[k % len(self.matrices)] @ W[k]

    def transposed_product(self, delta: Array, out: Array) -> None:
        """out <- X^T delta, one product per member."""
        for k in range(len(out)):
            out[k] = self.matrices[k % len(self.matrices)].T @ delta[k]
