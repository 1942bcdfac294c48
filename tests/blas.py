"""How many threads each BLAS library uses."""

from threadpoolctl import ThreadpoolController

BLAS = ThreadpoolController().select(user_api="blas")


def blas_counts():
    return [library.num_threads for library in BLAS.lib_controllers]
