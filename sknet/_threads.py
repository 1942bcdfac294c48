"""Threads of a fit and of BLAS: one where there is little to do, else as many as there are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import joblib
from threadpoolctl import ThreadpoolController

#: Multiply-adds of a product that BLAS gives to one thread anyway.
TINY_PRODUCT = 1 << 18
#: Multiply-adds of a product up to which more threads of BLAS cost more than they bring.
SMALL_PRODUCT = 1 << 23

#: Held while counts are looked at and changed: of two threads that do so at once, one would take
#: the other's limit for what was before, and leave it behind.
_CHANGING = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CHANGING._at_fork_reinit)


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


@contextmanager
def blas_threads(largest_product: float, alone: bool = True) -> Iterator[None]:
    """Hold BLAS at one thread where more would cost more than they bring.

    Thread counts that somebody has limited already are left alone. What was is restored at the
    end.

    Parameters
    ----------
    largest_product : int or inf
        Multiply-adds of the largest matrix product; inf leaves BLAS, if it is called by one thread,
        all the threads that it has.
    alone : bool
        Whether the caller is the only thread that calls BLAS.
    """
    tiny = largest_product <= TINY_PRODUCT
    if tiny or (alone and largest_product > SMALL_PRODUCT):
        yield
        return
    with _CHANGING:
        limit = _blas().limit(limits=1).__enter__() if free_threads() > 1 else None
    try:
        yield
    finally:
        if limit:
            with _CHANGING:
                limit.__exit__(None, None, None)
