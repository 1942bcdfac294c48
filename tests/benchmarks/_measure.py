"""Measuring in turns, ratios, and the tables that figures are printed and written as."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Effort:
    """How long to measure: fewer repeats and less work where it is `quick`."""

    quick: bool
    repeats: int
    epochs: int | None = None

    def epochs_of(self, epochs: int) -> int:
        """The epochs of a fit that has so many in a full run."""
        return self.epochs or (max(1, epochs // 4) if self.quick else epochs)


@dataclass
class Table:
    """Figures with a title: the first column names the row, the others hold numbers or words."""

    title: str
    columns: Sequence[str]
    rows: list[list[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def _cells(self) -> list[list[str]]:
        return [[_formatted(cell) for cell in row] for row in [list(self.columns), *self.rows]]

    def text(self) -> str:
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [cell.rjust(n) for cell, n in zip(row[1:], widths[1:], strict=True)]
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self.title, "-" * len(self.title), *lines, *self.notes]) + "\n"

    def rst(self) -> str:
        lines = [f".. list-table:: {self.title}", "   :header-rows: 1", ""]
        for row in self._cells():
            lines += [f"   {' ' if i else '*'} - {cell}".rstrip() for i, cell in enumerate(row)]
        return "\n".join([*lines, "", *(f"{note}\n" for note in self.notes)])


def _formatted(cell: Any) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.3g}" if abs(cell) < 1000 else f"{cell:.0f}"


# ---------------------------------------------------------------- timing


def seconds_of(function: Callable, *args) -> float:
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def in_turns(contestants: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """The results of every contestant in ``repeats`` rounds, each with another one first.

    A round that is not counted comes before them; compilation falls into it.
    """
    names = list(contestants)
    results: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats + 1):
        shift = repeat % len(names)
        for name in names[shift:] + names[:shift]:
            result = contestants[name]()
            if repeat > 0:
                results[name].append(result)
    return results


def medians(results: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(times) for name, times in results.items()}


def median_ratio(numerators: list[float], denominators: list[float]) -> float:
    """The median of the rounds' ratios: two times of one round share the state of the machine."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


def shortest_call(function: Callable[[], Any], seconds: float) -> float:
    """Seconds of a call: the best mean of two to seven loops that take `seconds` together."""
    once = max(seconds_of(function), 1e-7)
    n_loops = min(7, max(2, int(seconds / once)))
    n_calls = max(1, int(seconds / n_loops / once))

    def loop() -> None:
        for _ in range(n_calls):
            function()

    return min(seconds_of(loop) for _ in range(n_loops)) / n_calls


def in_fresh_process(code: str) -> dict:
    """What `code` prints as JSON, run by a Python of its own.

    It keeps the bytecode of what it imports, as an installed package does: the second one finds it.
    """
    kept = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=kept)
    return json.loads(done.stdout)


# ---------------------------------------------------------------- numpy or compiled


@contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment in this context, for this process and its children."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def path(name: str) -> AbstractContextManager[None]:
    """Fits of sknet take the path "numpy" or "fast" (compiled epochs) in this context."""
    return environment_variable("SKNET_DISABLE_NUMBA", "0" if name == "fast" else "1")


def paths() -> list[str]:
    """The paths that can be measured here: "numpy", and "fast" where numba is.

    Once the kernels are imported, short fits take the compiled path too.
    """
    try:
        import sknet._engine.kernels  # noqa: F401
    except ModuleNotFoundError:
        return ["numpy"]
    return ["numpy", "fast"]
