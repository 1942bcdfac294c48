"""Threads that share the work of one training step or prediction."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

T = TypeVar("T")

#: Size, in elements, of the buffers that numpy allocates for broadcast or cast operands. Less than
#: numpy's default of 8192, so that a step allocates little.
NUMPY_BUFFER_ELEMENTS = 512


def set_numpy_for_training() -> None:
    """In this thread, ignore floating-point errors and keep numpy's buffers small."""
    np.seterr(all="ignore")
    np.setbufsize(NUMPY_BUFFER_ELEMENTS)


class Team:
    """The calling thread and `size` - 1 more threads, which share tasks.

    Parameters
    ----------
    size : int
        Number of threads, including the caller. The others start with the first shared task.
    """

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, task: Callable[[int], T], n_shares: int) -> list[T]:
        """Return ``[task(0), ..., task(n_shares - 1)]``; the caller does the first share.

        Floating-point errors are ignored in the other threads. All tasks have ended when it
        returns, also if one of them has failed.
        """
        if n_shares == 1:
            return [task(0)]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.size - 1, initializer=set_numpy_for_training)
        others = [self._pool.submit(task, k) for k in range(1, n_shares)]
        try:
            first = task(0)
        finally:
            wait(others)
        return [first, *(other.result() for other in others)]

    def n_shares(self, n_items: int, least: int) -> int:
        """Return the number of threads for `n_items`, such that each has at least `least` items."""
        return max(1, min(self.size, n_items // least))


#: A team of the calling thread only.
SINGLE_THREAD = Team()
