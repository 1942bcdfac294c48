"""Threads that share the work of one training step or prediction."""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from time import sleep
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

#: Size, in elements, of the buffers that numpy allocates for broadcast or cast operands. Less than
#: numpy's default of 8192, so that a step allocates little.
NUMPY_BUFFER_ELEMENTS = 512
#: Seconds between two looks at helpers that are still busy after an interrupt.
LOOK_SECONDS = 1e-3


def set_numpy_for_training() -> None:
    """In this thread, ignore floating-point errors and keep numpy's buffers small."""
    np.seterr(all="ignore")
    np.setbufsize(NUMPY_BUFFER_ELEMENTS)


class _Helper:
    """A thread that runs one task after another, and blocks between them.

    Two locks hand a task over and back. This takes 13 us on an idle machine; the futures of an
    executor took 65. Only the thread of the caller calls the methods.
    """

    def __init__(self) -> None:
        self._given, self._done = threading.Lock(), threading.Lock()
        self._given.acquire()
        self._done.acquire()
        self._task: Callable[[], Any] | None = None
        self._outcome: tuple[Any, BaseException | None] = None, None
        self._leaves = False
        self.is_busy = False

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="sknet", daemon=True).start()

    def begin(self, task: Callable[[], Any]) -> None:
        """Start a task in the other thread."""
        self._task, self.is_busy = task, True
        self._given.release()

    def wait(self) -> None:
        """Wait until the task has ended."""
        self._done.acquire()

    def result(self) -> Any:
        """Return what the task has returned, or raise what it has raised."""
        (result, error), self._outcome = self._outcome, (None, None)
        if error is not None:
            raise error
        return result

    def dismiss(self) -> None:
        """Let the thread end, after its task if it has one."""
        self._leaves = True
        if not self.is_busy:
            self._given.release()

    def _run(self) -> None:
        set_numpy_for_training()
        while True:
            self._given.acquire()
            if self._task is None:  # dismissed
                return
            try:
                self._outcome = self._task(), None
            except BaseException as error:
                self._outcome = None, error
            self._task, self.is_busy = None, False
            self._done.release()
            if self._leaves:
                return


def _dismiss(helpers: list[_Helper]) -> None:
    while helpers:
        helpers.pop().dismiss()


class Team:
    """The calling thread and `size` - 1 more threads, which share tasks.

    Parameters
    ----------
    size : int
        Number of threads, including the caller. The others start with the first shared task, and
        end with the team.

    Notes
    -----
    One thread at a time may call a team, and a task must not call its own team.
    """

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self._helpers: list[_Helper] = []
        self._process = -1  # in which the helpers are

    def __call__(self, task: Callable[[int], T], n_shares: int) -> list[T]:
        """Return ``[task(0), ..., task(n_shares - 1)]``; the caller does the first share.

        Floating-point errors are ignored in the other threads. All tasks have ended when it
        returns, also if one of them has failed.
        """
        if n_shares == 1:
            return [task(0)]
        helpers = self._started(n_shares - 1)
        try:
            for k, helper in enumerate(helpers, start=1):
                helper.begin(partial(task, k))
            first = task(0)
            for helper in helpers:
                helper.wait()
        except BaseException:  # also Ctrl-C while it waits: the next call starts other helpers
            _dismiss(self._helpers)
            while any(helper.is_busy for helper in helpers):
                sleep(LOOK_SECONDS)
            raise
        return [first, *[helper.result() for helper in helpers]]

    def _started(self, n: int) -> list[_Helper]:
        """Return `n` helpers; a process that was forked starts its own."""
        if self._process != os.getpid():
            helpers: list[_Helper] = []
            weakref.finalize(self, _dismiss, helpers)
            self._helpers, self._process = helpers, os.getpid()
        while len(self._helpers) < n:
            self._helpers.append(_Helper())
            self._helpers[-1].start()
        return self._helpers[:n]

    def n_shares(self, n_items: int, least: int) -> int:
        """Return the number of threads for `n_items`, such that each has at least `least` items."""
        return max(1, min(self.size, n_items // least))


#: A team of the calling thread only.
SINGLE_THREAD = Team()
