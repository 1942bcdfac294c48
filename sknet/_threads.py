"""BLAS threads: one where products are small, else as many as there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

#: Multiply-adds of a product that BLAS gives to one thread anyway.
TINY_PRODUCT = 1 << 18
#: Multiply-adds of a product up to which more threads cost more than they bring.
SMALL_PRODUCT = 1 << 25


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of the loaded BLAS libraries; finding them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def blas_threads(largest_product: int) -> Iterator[int]:
    """Hold BLAS at one thread if no product is larger than `SMALL_PRODUCT`.

    Thread counts that somebody has limited already (the user, joblib in its workers) are left
    alone. What was is restored at the end.

    Parameters
    ----------
    largest_product : int
        Multiply-adds of the largest matrix product.

    Yields
    ------
    int
        How many threads may be used beside those of BLAS.
    """
    if largest_product <= TINY_PRODUCT:
        yield 1
        return
    counts = [library.num_threads for library in _blas().lib_controllers]
    limited = any(count < cpu_count() for count in counts)
    if limited or largest_product > SMALL_PRODUCT:
        yield 1
    else:
        with _blas().limit(limits=1):
            yield cpu_count()
