"""Number of threads of a fit; BLAS always has one.

Threads of BLAS wait for one another by spinning. Where other processes need the processors, a
thread that is not scheduled holds all others up: measured beside two busy processes on two
processors, fits took 10 to 30 times as long as with one thread. The threads of a `Team` block
while they wait.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from itertools import repeat
from threading import Lock
from typing import ClassVar

import joblib
from threadpoolctl import ThreadpoolController

#: Multiply-adds of a product up to which BLAS itself uses one thread, so that no limit is set.
TINY_PRODUCT = 1 << 18

#: Held while thread counts are read and changed. Otherwise one of two threads could read the limit
#: of the other as the original count, and restore it.
_CHANGING = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CHANGING._at_fork_reinit)


class _Limited:
    """How many contexts limit BLAS in this process: the first sets the limit, the last lifts it."""

    n_contexts = 0
    #: The original count of each library; empty without a limit.
    counts: ClassVar[list[int]] = []


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of the loaded BLAS libraries; cached, since it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@cache
def _processors() -> int:
    """Return how many processors this process may use; cached, since it reads several files."""
    return joblib.cpu_count()


@cache
def _releases() -> list[Callable[..., None]]:
    """Return what lets any thread set the counts."""
    kinds = {type(own) for own in _blas().lib_controllers}
    found = [getattr(kind, "clear_controlling_thread", None) for kind in kinds]
    return [release for release in found if release]


def free_threads() -> int:
    """Return the number of threads that may be used: the number of processors.

    It is 1 if the threads of BLAS are limited already, by the user or by joblib in its workers.
    """
    return 1 if any(count < _processors() for count in _counts()) else _processors()


def _counts() -> list[int]:
    return [library.num_threads for library in _blas().lib_controllers]


def _set_counts(counts: Iterable[int]) -> None:
    """Set the number of threads of each library, in less time than the controller's `limit`.

    Since threadpoolctl 3.8 only the thread that set the count of OpenBLAS first may change it. Here
    the first context sets it, and the last restores it, which may be of another thread.
    """
    for release in _releases():
        release(force=True)
    for library, count in zip(_blas().lib_controllers, counts, strict=False):
        library.set_num_threads(count)
    for release in _releases():
        release(force=True)


def one_blas_thread(largest_product: float) -> AbstractContextManager[None]:
    """Limit BLAS to one thread; the end of the last context in this process restores the counts.

    Thread counts that are limited already are not changed.

    Parameters
    ----------
    largest_product : int
        Multiply-adds of the largest matrix product: if it is tiny, there is nothing to limit.
    """
    return nullcontext() if largest_product <= TINY_PRODUCT else _one_blas_thread()


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    with _CHANGING:
        if not _Limited.n_contexts and free_threads() > 1:
            _Limited.counts = _counts()
            _set_counts(repeat(1))
        _Limited.n_contexts += 1
    try:
        yield
    finally:
        with _CHANGING:
            _Limited.n_contexts -= 1
            if _Limited.counts and not _Limited.n_contexts:
                counts, _Limited.counts = _Limited.counts, []
                _set_counts(counts)
