"""Number of threads of a fit and of BLAS: one for small work, else all processors."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import joblib
from threadpoolctl import ThreadpoolController

#: Multiply-adds of a product up to which BLAS itself uses one thread, so that no limit is set.
TINY_PRODUCT = 1 << 18
#: Multiply-adds of a product up to which several BLAS threads are slower than one, because it takes
#: time to wake them.
SMALL_PRODUCT = 1 << 23

#: Held while thread counts are read and changed. Otherwise one of two threads could read the limit
#: of the other as the original count, and restore it.
_CHANGING = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CHANGING._at_fork_reinit)


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of the loaded BLAS libraries; cached, since it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@cache
def _processors() -> int:
    """Return how many processors this process may use; cached, since it reads several files."""
    return joblib.cpu_count()


def free_threads() -> int:
    """Return the number of threads that may be used: the number of processors.

    It is 1 if the threads of BLAS are limited already, by the user or by joblib in its workers.
    """
    counts = [library.num_threads for library in _blas().lib_controllers]
    return 1 if any(count < _processors() for count in counts) else _processors()


@contextmanager
def blas_threads(largest_product: float, alone: bool = True) -> Iterator[None]:
    """Limit BLAS to one thread, unless the matrices are large enough to benefit from several.

    Thread counts that are limited already are not changed. The end of the context restores the
    counts.

    Parameters
    ----------
    largest_product : int or inf
        Multiply-adds of the largest matrix product. inf never limits BLAS if `alone`.
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
