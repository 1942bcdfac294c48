"""The training rows, cut into batches, and these into blocks that are gathered at once."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from sknet._engine.activations import Array
from sknet._engine.layers import SparseRows

#: X, Y and w of a batch.
Batch = tuple[Any, Array, Array | None]
#: Y and w of a block, and its batches: for each, its rows in the block.
Block = tuple[Array, Array | None, Iterator[tuple[slice, Batch]]]
#: Elements of the rows of X, and of the raw output, in a block of batches.
BLOCK_ELEMENTS = 1 << 17


class Batches:
    """The training rows, cut into batches; shuffled anew each epoch for each member.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    Y : ndarray of shape (n_samples, n_outputs)
    w : ndarray of shape (n_samples,) or None
    batch_size : int
        At most n_samples; the last batch of an epoch may be smaller.
    shuffle : bool
    n_members : int
        Members that a batch is for: all, or 1 where they are trained one after another.

    Attributes
    ----------
    block_size : int
        Rows of a block: of batches that are gathered, and whose losses are taken, at once.

    Notes
    -----
    One batch of all rows, or batches in the order of the rows, are views that all members share.
    Shuffled batches are views of a block that is gathered, (n_members, block_size, ...), into
    buffers that the next block overwrites. Sparse rows are gathered batch by batch.
    """

    def __init__(
        self, X: Any, Y: Array, w: Array | None, batch_size: int, shuffle: bool, n_members: int
    ) -> None:
        self.X, self.Y, self.w = X, Y, w
        self.n_samples, self.batch_size, self.n_members = X.shape[0], batch_size, n_members
        self.n_batches = -(-self.n_samples // batch_size)
        self.gathers = shuffle and batch_size < self.n_samples
        self.sparse = scipy.sparse.issparse(X)
        widest = Y.shape[1] if self.sparse else max(X.shape[1], Y.shape[1])
        n_together = max(1, BLOCK_ELEMENTS // (n_members * batch_size * widest))
        self.block_size = min(n_together * batch_size, self.n_samples)
        self._numbers = np.arange(self.n_samples)
        if self.gathers:
            self._order = np.empty((n_members, self.n_samples), np.intp)
            sizes = {self.block_size, self.n_samples % self.block_size} - {0}
            self._buffers = {size: [self._buffer(size, a) for a in (X, Y, w)] for size in sizes}
            self._rows = {size: np.empty((n_members, size), np.intp) for size in sizes}

    def _buffer(self, n_rows: int, a: Any) -> Array | None:
        """Return memory for so many rows of `a`; sparse rows need none."""
        if a is None or scipy.sparse.issparse(a):
            return None
        return np.empty((self.n_members, n_rows, *a.shape[1:]), a.dtype)

    def epoch(self, generators: Sequence[np.random.Generator]) -> Iterator[Batch]:
        """Yield each batch of one epoch, (X, Y, w), for the members of these generators."""
        for _, _, batches in self.blocks(generators):
            for _, batch in batches:
                yield batch

    def blocks(self, generators: Sequence[np.random.Generator]) -> Iterator[Block]:
        """Yield each block of one epoch: Y, w, and an iterator over its batches.

        That yields the rows of a batch, as a slice of those of the block, and (X, Y, w).
        """
        take = self._view
        if self.gathers:
            take = self._gather
            for rng, order in zip(generators, self._order, strict=True):
                self.shuffled(rng, order)
        for start in range(0, self.n_samples, self.block_size):
            X, Y, w = take(start, min(start + self.block_size, self.n_samples))
            yield Y, w, self._batches(X, Y, w)

    def shuffled(self, rng: np.random.Generator, order: NDArray[np.intp]) -> NDArray[np.intp]:
        """Draw a member's order of the rows for an epoch into `order`; return it."""
        order[:] = self._numbers
        if self.gathers:
            rng.shuffle(order)
        return order

    def _batches(self, X: Any, Y: Array, w: Array | None) -> Iterator[tuple[slice, Batch]]:
        """Yield the rows of each batch of a block, and its X, Y and w."""
        n_rows = Y.shape[-2]
        for start in range(0, n_rows, self.batch_size):
            rows = slice(start, min(start + self.batch_size, n_rows))
            X_batch = SparseRows(*(part[rows] for part in X)) if self.sparse else X[..., rows, :]
            yield rows, (X_batch, Y[..., rows, :], None if w is None else w[..., rows])

    def _view(self, start: int, stop: int) -> Any:
        """Return rows of X (a list of one matrix where it is sparse), Y and w as they stand."""
        rows = slice(start, stop)
        X, w = self.X[rows], None if self.w is None else self.w[rows]
        return [X] if self.sparse else X, self.Y[rows], w

    def _gather(self, start: int, stop: int) -> Any:
        """Return shuffled rows of X (a list of one matrix a member if it is sparse), Y and w."""
        rows = self._rows[stop - start]
        np.copyto(rows, self._order[:, start:stop])  # of a slice, take would make a copy
        X, Y, w = self._buffers[stop - start]
        # without mode="clip", take buffers its output
        if X is not None:
            self.X.take(rows, 0, X, "clip")
        self.Y.take(rows, 0, Y, "clip")
        if self.w is not None:
            self.w.take(rows, 0, w, "clip")
        return [self.X[own] for own in rows] if X is None else X, Y, w
