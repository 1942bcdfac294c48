"""Raise MemoryError before any data is copied, if memory cannot hold the network."""

import os
import sys
from itertools import pairwise
from typing import Any

import numpy as np

from sknet._training.settings import Settings

#: Number of float64 vectors of the length of theta in scipy's L-BFGS-B: two for each of 10
#: corrections, and 5 more.
LBFGS_VECTORS = 25


def require_memory(settings: Settings, X: Any) -> None:
    """Raise if parameters, their gradient and the solver's state do not fit into memory.

    Parameters
    ----------
    settings : Settings
    X : object
        The input of the user. Only its shape is used.

    Raises
    ------
    MemoryError
        The message states the minimum memory that is needed.

    Notes
    -----
    Also allocates this much memory and frees it without writing, which takes microseconds.
    """
    shape = getattr(X, "shape", ())
    units = (shape[1] if len(shape) == 2 else 1, *settings.hidden_layer_sizes, 1)
    n_params = settings.n_members * sum((n_in + 1) * n_out for n_in, n_out in pairwise(units))
    itemsize = 8 if settings.dtype == "float64" else 4
    if settings.solver is None:
        n_bytes = n_params * (2 * itemsize + 8 * LBFGS_VECTORS)
    else:
        n_bytes = n_params * itemsize * (2 + len(settings.solver.slots))
    try:
        if n_bytes > _physical_memory():  # an allocation may succeed nevertheless
            raise MemoryError
        np.empty(n_bytes, np.uint8)
    except MemoryError:
        raise MemoryError(
            f"A network with hidden_layer_sizes={settings.hidden_layer_sizes} needs at least"
            f" {_in_words(n_bytes)} for its parameters, their gradient and the state of"
            f" solver={settings.solver_name!r}, which is more than the available memory."
        ) from None


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return sys.maxsize


def _in_words(n_bytes: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.3g} TiB"
