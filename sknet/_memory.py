"""Refuse a network that memory cannot hold before anything is copied."""

import os
import sys
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from sknet._engine.optimizers import OPTIMIZERS

#: Vectors as long as theta that scipy's L-BFGS-B keeps, in float64: 10 corrections and its own.
LBFGS_VECTORS = 25


def require_memory(p: Mapping[str, Any], X: Any) -> None:
    """Raise where parameters, their gradient and the solver's state do not fit into memory.

    Parameters
    ----------
    p : mapping
        Checked parameters (`_params.check`).
    X : object
        The input as the user gave it; nothing but its shape is looked at.

    Raises
    ------
    MemoryError
        With the least number of bytes that are needed.

    Notes
    -----
    Also asks the system for that much memory, and gives it back untouched: microseconds.
    """
    shape = getattr(X, "shape", ())
    units = (shape[1] if len(shape) == 2 else 1, *p["hidden_layer_sizes"], 1)
    n_params = p["n_members"] * sum((n_in + 1) * n_out for n_in, n_out in pairwise(units))
    itemsize = 8 if p["dtype"] == "float64" else 4
    if p["solver"] == "lbfgs":
        n_bytes = n_params * (2 * itemsize + 8 * LBFGS_VECTORS)
    else:
        n_bytes = n_params * itemsize * (2 + len(OPTIMIZERS[p["solver"]].slots))
    try:
        if n_bytes > _physical_memory():  # a system may promise more than it has
            raise MemoryError
        np.empty(n_bytes, np.uint8)
    except MemoryError:
        raise MemoryError(
            f"A network with hidden_layer_sizes={p['hidden_layer_sizes']} needs at least"
            f" {_in_words(n_bytes)} for its parameters, their gradient and the state of"
            f" solver={p['solver']!r}: more memory than there is."
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
