"""Threads of a fit and of BLAS: one where there is little to do, else as many as there are."""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from threading import Lock
from typing import Any

import joblib
from threadpoolctl import ThreadpoolController

#: Multiply-adds of a product that BLAS gives to one thread anyway.
TINY_PRODUCT = 1 << 18
#: Multiply-adds of a product up to which more threads of BLAS cost more than they bring.
SMALL_PRODUCT = 1 << 23


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of the loaded BLAS libraries; finding them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@cache
def _processors() -> int:
    """Return how many processors this process may use; finding out reads several files."""
    return joblib.cpu_count()


def free_threads() -> int:
    """Return how many threads may be used: as many as there are processors.

    One where somebody has limited those of BLAS already: the user, or joblib in its workers.
    """
    counts = [library.num_threads for library in _blas().lib_controllers]
    return 1 if any(count < _processors() for count in counts) else _processors()


class _OneThread:
    """Hold BLAS at one thread until the last of those who ask for it has left.

    The number of threads is one for the whole process: were each to restore what it has found, two
    fits in two threads might find each other's.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside, self._limit = Lock(), 0, None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0 and free_threads() > 1:
                self._limit = _blas().limit(limits=1)
            self._n_inside += 1

    def __exit__(self, *exception: Any) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0 and self._limit is not None:
                self._limit.restore_original_limits()
                self._limit = None


_ONE_THREAD = _OneThread()
if hasattr(os, "register_at_fork"):  # the threads inside do not live on in the child
    os.register_at_fork(after_in_child=_ONE_THREAD.__init__)


def blas_threads(largest_product: int, alone: bool = True) -> AbstractContextManager[None]:
    """Hold BLAS at one thread where more would cost more than they bring.

    Thread counts that somebody has limited already are left alone. What was is restored at the
    end.

    Parameters
    ----------
    largest_product : int
        Multiply-adds of the largest matrix product.
    alone : bool
        Whether the caller is the only thread that calls BLAS.
    """
    tiny = largest_product <= TINY_PRODUCT
    if tiny or (alone and largest_product > SMALL_PRODUCT):
        return nullcontext()
    return _ONE_THREAD
