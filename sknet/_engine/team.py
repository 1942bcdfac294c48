"""Threads that work on one step side by side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

T = TypeVar("T")

#: Elements of the buffers that numpy makes for a broadcast or cast operand, 8192 by default.
BUFFER = 512


def numpy_for_steps() -> None:
    """Let floating-point errors pass in silence in this thread, and keep numpy's buffers small."""
    np.seterr(all="ignore")
    np.setbufsize(BUFFER)


class Team:
    """The caller and `size` - 1 more threads, which share tasks.

    Parameters
    ----------
    size : int
        1 is the caller alone. Threads start with the first task that needs them.
    """

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, task: Callable[[int], T], n_shares: int) -> list[T]:
        """Return ``[task(0), ..., task(n_shares - 1)]``; the caller does the first share.

        Floating-point errors are silent. All shares are done, or have failed, when it returns.
        """
        if n_shares == 1:
            return [task(0)]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.size - 1, initializer=numpy_for_steps)
        others = [self._pool.submit(task, k) for k in range(1, n_shares)]
        try:
            first = task(0)
        finally:
            wait(others)
        return [first, *(other.result() for other in others)]

    def n_shares(self, n_items: int, least: int) -> int:
        """Return into how many shares to divide `n_items`, with at least so many in each."""
        return max(1, min(self.size, n_items // least))


#: The caller alone.
ALONE = Team()
