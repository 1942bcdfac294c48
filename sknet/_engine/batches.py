"""The training rows, cut into batches. Several batches form a block, which is gathered at once."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array
from sknet._engine.layers import SparseRows
from sknet._engine.one_hot import Targets, dense

#: X, Y and w of a batch.
Batch = tuple[Any, Array, Array | None]
#: Y and w of a block, and an iterator over its batches: the rows within the block, and the batch.
Block = tuple[Array, Array | None, Iterator[tuple[slice, Batch]]]
#: Maximum number of elements of X, and of the raw output, in a block of batches. One ``take`` and
#: one evaluation of the losses for several small batches saves call overhead.
BLOCK_ELEMENTS = 1 << 17


def with_column_of_ones(n_samples: int, n_columns: int, dtype: DTypeLike) -> tuple[Array, Array]:
    """Return an input buffer that ends with a column of ones, and the view of its other columns."""
    X = np.empty((n_samples, n_columns + 1), dtype)
    X[:, -1] = 1.0
    return X, X[:, :-1]


class Epoch(Protocol):
    """The batches of an epoch: `Batches` of rows in memory, or those of a stream, part by part."""

    def parts(self) -> Iterator["Batches"]:
        """Yield the batches of one epoch in parts; of all but the last, no batch is smaller."""

    def rows_of(self, k: int) -> int:
        """Return the number of training rows of member `k`."""

    def batches_of(self, k: int) -> int:
        """Return the number of batches per epoch of member `k`."""


class Batches:
    """The training rows, cut into batches. Each member shuffles them again in each epoch.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    Y : ndarray or OneHot of shape (n_samples, n_outputs)
    w : ndarray of shape (n_samples,) or (n_all_members, n_samples), or None
        In the second case each member has its own weights; `rows` must be given.
    batch_size : int
        Clipped to the number of rows. The last batch of an epoch may be smaller.
    shuffle : bool
    n_members : int
        Members per batch: all, or 1 if members are trained one after another.
    rows : sequence of ndarray of int, optional
        The training rows of each member; None uses all rows for each.
    smoothing : pair of ndarray of shape (n_members,), optional
        ``slope`` and ``shift`` of each member, whose targets are ``slope * Y + shift``.
    is_alike : bool
        Whether the generators of all members are in the same state, and stay so. Then all members
        share the batches, which have no axis of members. Not with `rows` or `smoothing`.

    Attributes
    ----------
    n_samples : int
        Rows per epoch of the first member.
    block_size : int
        Rows per block. The batches of a block are gathered, and their losses evaluated, at once.

    Notes
    -----
    Without shuffling, batches are views of the data, which all members share. With shuffling, or
    if members have their own rows or targets, each block is gathered into buffers
    (n_members, block_size, ...), which the next block overwrites; batches are views of these.
    Sparse rows are gathered batch by batch, and targets that are codes are written out block by
    block.
    """

    def __init__(
        self,
        X: Any,
        Y: Targets,
        w: Array | None,
        batch_size: int,
        shuffle: bool,
        n_members: int,
        rows: Sequence[NDArray[np.intp]] | None = None,
        smoothing: tuple[Array, Array] | None = None,
        is_alike: bool = False,
    ) -> None:
        self.is_alike = is_alike
        self.rows, self.smoothing, self._asked = rows, smoothing, (batch_size, shuffle)
        self.n_samples = X.shape[0] if rows is None else len(rows[0])
        self.batch_size = batch_size = min(batch_size, self.n_samples)
        if batch_size == self.n_samples:  # each step needs all targets
            Y = dense(Y)
        self.X, self.Y, self.w, self.n_members = X, Y, w, n_members
        self.n_batches = -(-self.n_samples // batch_size)
        self.shuffles = shuffle and batch_size < self.n_samples
        self.gathers = self.shuffles or rows is not None or smoothing is not None
        self.sparse = scipy.sparse.issparse(X)
        n_copies = 1 if is_alike else n_members
        widest = max(n_members * Y.shape[1], 0 if self.sparse else n_copies * X.shape[1])
        n_gathered = max(1, BLOCK_ELEMENTS // (batch_size * widest))
        self.block_size = min(n_gathered * batch_size, self.n_samples)
        self._numbers = np.arange(self.n_samples)
        self._order: NDArray[np.intp] | None = None
        self._buffers: dict[int, Any] = {}
        self._sizes: dict[int, Array] = {}

    def parts(self) -> Iterator["Batches"]:
        """Yield the batches of an epoch in parts: here itself, which has all rows."""
        yield self

    def rows_of(self, k: int) -> int:
        """Return the number of training rows of member `k`."""
        return self.n_samples if self.rows is None else len(self.rows[k])

    def batches_of(self, k: int) -> int:
        """Return the number of batches per epoch of member `k`."""
        n_rows = self.rows_of(k)
        return -(-n_rows // min(self._asked[0], n_rows))

    def sizes(self, n_rows: int) -> Array:
        """Return the rows of each batch of a block of `n_rows`, as floats."""
        if n_rows not in self._sizes:
            starts = np.arange(0.0, n_rows, self.batch_size)
            self._sizes[n_rows] = np.diff(starts, append=n_rows)
        return self._sizes[n_rows]

    def of(self, numbers: Sequence[int]) -> "Batches":
        """Return the batches of the members `numbers`, which are trained in lockstep."""
        n_members = len(numbers)
        if self.rows is None and self.smoothing is None and n_members == self.n_members:
            return self
        rows = None if self.rows is None else [self.rows[k] for k in numbers]
        smoothing = None
        if self.smoothing is not None:
            slope, shift = self.smoothing
            smoothing = slope[list(numbers)], shift[list(numbers)]
        w = self.w if self.w is None or self.w.ndim == 1 else self.w[list(numbers)]
        return Batches(self.X, self.Y, w, *self._asked, n_members, rows, smoothing, self.is_alike)

    def _orders(self) -> NDArray[np.intp]:
        """Return the buffer of the row order of each member. The first call makes all buffers."""
        if self._order is not None:
            return self._order
        w = self.w if self.w is None or self.w.ndim == 1 else self.w[0]
        n_members, arrays = 1 if self.is_alike else self.n_members, (self.X, self.Y, w)
        self._order = np.empty((n_members, self.n_samples), np.intp)
        sizes = {self.block_size, self.n_samples % self.block_size} - {0}
        self._buffers = {size: [self._buffer(size, a) for a in arrays] for size in sizes}
        self._rows = {size: np.empty((n_members, size), np.intp) for size in sizes}
        if self.smoothing is not None:
            self._slope, self._shift = (
                a[:, None, None].astype(self.Y.dtype) for a in self.smoothing
            )
        return self._order

    def _buffer(self, n_rows: int, a: Any) -> Array | None:
        """Return a buffer for `n_rows` rows of `a`; None if `a` is sparse."""
        if a is None or scipy.sparse.issparse(a):
            return None
        members = () if self.is_alike else (self.n_members,)
        return np.empty((*members, n_rows, *a.shape[1:]), a.dtype)

    def epoch(self, generators: Sequence[np.random.Generator]) -> Iterator[Batch]:
        """Yield each batch (X, Y, w) of one epoch; `generators` has one for each member."""
        for _, _, batches in self.blocks(generators):
            for _, batch in batches:
                yield batch

    def blocks(self, generators: Sequence[np.random.Generator]) -> Iterator[Block]:
        """Yield each block of one epoch: Y, w, and an iterator over its batches.

        The iterator yields the rows of each batch, as a slice of the block, and (X, Y, w).
        """
        take = self._view
        if self.gathers:
            take = self._gather
            orders = self._orders()
            for k, (rng, order) in enumerate(zip(generators, orders, strict=not self.is_alike)):
                self.shuffled(rng, order, k)
            for rng in generators[1:] if self.is_alike else ():
                rng.bit_generator.state = generators[0].bit_generator.state
        for start in range(0, self.n_samples, self.block_size):
            X, Y, w = take(start, min(start + self.block_size, self.n_samples))
            yield Y, w, self._batches(X, Y, w)

    def shuffled(
        self, rng: np.random.Generator, order: NDArray[np.intp], k: int = 0
    ) -> NDArray[np.intp]:
        """Write the row order of member `k` for one epoch to `order`; return `order`."""
        order[:] = self._numbers
        if self.shuffles:
            rng.shuffle(order)
        if self.rows is not None:
            order[:] = self.rows[k][order]
        return order

    def _batches(self, X: Any, Y: Array, w: Array | None) -> Iterator[tuple[slice, Batch]]:
        """Yield the rows of each batch within a block, and its X, Y and w."""
        n_rows = Y.shape[-2]
        for start in range(0, n_rows, self.batch_size):
            rows = slice(start, min(start + self.batch_size, n_rows))
            X_batch = SparseRows(*(part[rows] for part in X)) if self.sparse else X[..., rows, :]
            yield rows, (X_batch, Y[..., rows, :], None if w is None else w[..., rows])

    def _view(self, start: int, stop: int) -> Any:
        """Return consecutive rows of X (a list of one matrix if sparse), Y and w, as views."""
        rows = slice(start, stop)
        X, w = self.X[rows], None if self.w is None else self.w[rows]
        return [X] if self.sparse else X, dense(self.Y[rows]), w

    def _gather(self, start: int, stop: int) -> Any:
        """Return shuffled rows of X (if sparse, a list of one matrix per member), Y and w."""
        rows = self._rows[stop - start]
        assert self._order is not None
        np.copyto(rows, self._order[:, start:stop])  # take copies indices that are not contiguous
        X, Y, w = self._buffers[stop - start]
        own = rows[0] if self.is_alike else rows
        # mode="clip": with other modes take buffers its output
        if X is not None:
            self.X.take(own, 0, X, "clip")
        self.Y.take(own, 0, Y, "clip")
        if self.smoothing is not None:
            np.multiply(Y, self._slope, Y)
            np.add(Y, self._shift, Y)
        if self.w is not None and self.w.ndim == 1:
            self.w.take(own, 0, w, "clip")
        elif self.w is not None:
            for own, numbers, out in zip(self.w, rows, w, strict=True):
                own.take(numbers, 0, out, "clip")
        return [self.X[own] for own in rows] if X is None else X, Y, w
