"""How functions are compiled: those that Python calls, and the pieces that they are made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numba
from numba import types
from numba.core import event
from numba.extending import (
    NativeValue,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)

OPTIONS = {"error_model": "numpy", "nogil": True}
#: Of pieces. Without the wrappers, compiling takes 43 s of CPU instead of 55; with the scalar
#: functions inlined as well, 37 s (float32, one direction, numba 0.68).
BARE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Choice:
    """The names of parts, for which compiled code is specialised: its type holds the names.

    Code for all activations, losses and options, which chose among them at each step, took 24 s of
    CPU to compile; that for those of one fit takes 6 s.
    """

    def __init__(self, *names: str) -> None:
        self.names = names


class ChoiceType(types.Opaque):
    """The type of a `Choice`, with its names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"Choice{names}")


@typeof_impl.register(Choice)
def _type_of_choice(value: Choice, context: Any) -> ChoiceType:
    return ChoiceType(value.names)


@unbox(ChoiceType)
def _unbox_choice(choice_type: Any, value: Any, context: Any) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())


register_model(ChoiceType)(models.OpaqueModel)


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


def by_type(pick: Callable[..., Any]) -> Any:
    """Return a function for compiled code that is a piece chosen when it is compiled.

    ``pick`` gets the types of the arguments. The type of a `Choice` has its ``names``, that of
    None is ``types.none``.
    """

    def function(*arguments: Any) -> Any:
        raise NotImplementedError("for compiled code alone")

    @overload(function, jit_options=BARE)
    def chosen(*arguments):
        own = pick(*arguments)
        return lambda *arguments: own(*arguments)

    return function


def one_of(table: Mapping[str, Any]) -> Any:
    """Return a function for compiled code that is the piece of `table` with the first name.

    Of several names the second argument, a place among them, decides at each call.
    """
    return by_type(lambda choice, *_: _chain([table[name] for name in choice.names]))


def _chain(pieces: Sequence[Any]) -> Any:
    first, *others = pieces
    if not others:
        return first
    rest = _chain(others)

    @piece
    def choose(choice, place, *arguments):
        if place == 0:
            first(choice, place, *arguments)
        else:
            rest(choice, place - 1, *arguments)

    return choose


@piece
def nothing(*arguments):
    """Do nothing."""


@contextmanager
def before_compiling(announce: Callable[[], None]) -> Iterator[None]:
    """Call ``announce()`` once if something is compiled in this context, and not read from disk."""
    announced: list[bool] = []

    class Announcement(event.Listener):
        def on_start(self, started: Any) -> None:
            if not announced:
                announced.append(True)
                announce()

        def on_end(self, ended: Any) -> None:
            """Do nothing."""

    with event.install_listener("numba:compile", Announcement()):
        yield


def for_python(function: Any) -> Any:
    """Return a function that calls a piece, for tests."""

    @numba.njit
    def call(*arguments):
        return function(*arguments)

    return call
