"""How functions are compiled: those that Python calls, and the pieces that they are made of."""

from collections.abc import Callable
from typing import Any

import numba

OPTIONS = {"error_model": "numpy", "nogil": True}
#: Of pieces. Without the wrappers, compiling takes 43 s of CPU instead of 55; with the scalar
#: functions inlined as well, 37 s (float32, one direction, numba 0.68).
BARE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first call, cached on disk where there is a folder that can be written."""
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # there is none
        return numba.njit(**OPTIONS)(function)


def piece(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function that is compiled into others, which are cached with all their pieces.

    Only compiled code may call it: a call from Python crashes, since the wrappers are missing. Use
    ``for_python`` in tests.
    """
    return numba.njit(**OPTIONS, **BARE, **options)(function)


def piece_with_sums(function: Callable[..., Any]) -> Any:
    """Compile a piece whose sums run in several lanes, which are added at the end."""
    return piece(function, fastmath={"reassoc", "nsz", "contract"})


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function as a part of the one that calls it."""
    return numba.njit(inline="always", **OPTIONS)(function)


def for_python(function: Any) -> Any:
    """Return a function that calls a piece, for tests."""

    @numba.njit
    def call(*arguments):
        return function(*arguments)

    return call
