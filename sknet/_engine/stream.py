"""Batches of rows that come in chunks, which pass through a shuffling buffer.

The buffer is filled with rows. Then a random half of them goes out and is cut into batches, and the
next rows take the free places. So a row may move by any distance, and memory holds the buffer and
the half that is trained on. A buffer that holds all rows is a shuffle of all rows.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.batches import Batches
from sknet._engine.lbfgs import Objective
from sknet._engine.network import Network
from sknet._engine.one_hot import Targets, dense, restored, stored


class Chunk(NamedTuple):
    """Encoded rows: X (n_samples, n_features), their targets, and their weights or None."""

    X: Array
    Y: Targets
    w: Array | None

    def arrays(self) -> list[Array | None]:
        """Return X, what is kept of Y, and w."""
        return [self.X, stored(self.Y), self.w]


#: ``chunks() -> iterable``: the same chunks in each call, all with weights or all without.
Chunks = Callable[[], Iterable[Chunk]]


class Buffer:
    """Room for `n_rows` rows, of which some are taken out at once.

    Parameters
    ----------
    n_rows : int
    like : Chunk
        Tells columns and dtypes.
    """

    def __init__(self, n_rows: int, like: Chunk) -> None:
        self.size, self.n_held, self._like = n_rows, 0, like
        self._arrays = [
            None if a is None else np.empty((n_rows, *a.shape[1:]), a.dtype) for a in like.arrays()
        ]

    def put(self, chunk: Chunk, start: int) -> int:
        """Copy rows of `chunk`, from `start` on, while there is room; return where it ended."""
        n_rows = min(self.size - self.n_held, len(chunk.X) - start)
        for own, new in zip(self._arrays, chunk.arrays(), strict=True):
            if own is not None and new is not None:
                own[self.n_held : self.n_held + n_rows] = new[start : start + n_rows]
        self.n_held += n_rows
        return start + n_rows

    def take(self, n_rows: int, rng: np.random.Generator | None) -> Chunk:
        """Take `n_rows` rows out, in their order: random ones, or without `rng` the first."""
        taken, kept = np.arange(n_rows), np.arange(n_rows, self.n_held)
        if rng is not None and n_rows < self.n_held:
            is_taken = np.zeros(self.n_held, bool)
            is_taken[rng.choice(self.n_held, n_rows, replace=False, shuffle=False)] = True
            taken, kept = np.flatnonzero(is_taken), np.flatnonzero(~is_taken)
        X, Y, w = (a if a is None else a[taken] for a in self._arrays)
        assert X is not None
        assert Y is not None
        for a in self._arrays:
            if a is not None:
                a[: len(kept)] = a[kept]
        self.n_held = len(kept)
        return Chunk(X, restored(Y, self._like.Y), w)


class StreamedBatches:
    """The batches of rows that are read again in each epoch: an `Epoch`.

    Parameters
    ----------
    chunks : callable
    n_samples : int
        Rows of all chunks.
    buffer_rows : int
        Rows of the buffer, at least `batch_size`.
    batch_size : int
    shuffle : bool
    n_members : int
        Members per batch: all, or 1 if members are trained one after another.
    rng : Generator
        Draws the rows that leave the buffer. The members' own generators shuffle these.
    """

    def __init__(
        self,
        chunks: Chunks,
        n_samples: int,
        buffer_rows: int,
        batch_size: int,
        shuffle: bool,
        n_members: int,
        rng: np.random.Generator,
    ) -> None:
        self.chunks, self.n_samples, self.shuffle = chunks, n_samples, shuffle
        self.buffer_rows, self.batch_size, self.n_members = buffer_rows, batch_size, n_members
        self.rng = rng

    @property
    def n_parts(self) -> int:
        """The number of parts of an epoch, about."""
        return max(1, self.n_samples // self._part_rows)

    @property
    def _part_rows(self) -> int:
        """Rows that leave a full buffer: whole batches, about half of the buffer."""
        n_batches = max(1, self.buffer_rows // 2 // self.batch_size)
        return n_batches * self.batch_size

    def rows_of(self, k: int) -> int:
        """Return the number of training rows of member `k`."""
        return self.n_samples

    def batches_of(self, k: int) -> int:
        """Return the number of batches per epoch of member `k`."""
        return -(-self.n_samples // self.batch_size)

    def parts(self) -> Iterator[Batches]:
        """Yield the batches of one epoch in parts; of all but the last, no batch is smaller."""
        buffer, rng = None, self.rng if self.shuffle else None
        for chunk in self.chunks():
            buffer = buffer or Buffer(self.buffer_rows, chunk)
            start = buffer.put(chunk, 0)
            while start < len(chunk.X):
                yield self._batches(buffer.take(self._part_rows, rng))
                start = buffer.put(chunk, start)
        if buffer is not None:
            yield self._batches(buffer.take(buffer.n_held, None))

    def _batches(self, chunk: Chunk) -> Batches:
        size, n_members = self.batch_size, self.n_members
        return Batches(chunk.X, chunk.Y, chunk.w, size, self.shuffle, n_members)


def objective_of_chunks(network: Network, chunks: Chunks, n_samples: int) -> Objective:
    """Return the objective of a network of one member on all chunks: a sum over rows."""
    gradient = np.empty(network.grad.size)

    def objective() -> tuple[float, Array]:
        loss, gradient[:] = 0.0, 0.0
        for chunk in chunks():
            share = len(chunk.X) / n_samples
            own = network.loss_grad(chunk.X, dense(chunk.Y), chunk.w)
            loss += share * float(np.add.reduce(own))
            np.add(gradient, share * network.grad.reshape(-1), out=gradient)
        return loss, gradient

    return objective
