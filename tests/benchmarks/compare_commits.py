"""The speed of one commit of the package against that of another, call by call in turns.

``python tests/benchmarks/compare_commits.py BEFORE AFTER`` times the cases of ``_cases.py`` with
each of two checkouts: folders that hold ``sknet/``, or git revisions of this repository. ``--only``
picks groups of them

networks
    Fits of the five networks of ``compare_speed.py``, by numpy and by compiled epochs (where numba
    is), for half of their epochs there.
small
    Short fits, dominated by what a fit costs beside its products; a mixed frame, sparse X, members.
params
    `get_params` and `clone`.
row
    `predict` of one row.

Each checkout has a worker process; both live at the same time and take turns. A pair is one timing
of each, and every second pair begins with the other one. A timing repeats its call, as often for
both, until it takes at least 50 ms: in turns of 10 ms or of one call, whose median counts. Workers
are started anew a few times (``--processes``), since two processes of the same code can differ by a
few per cent for as long as they live.

A ratio is AFTER / BEFORE, above 1 is slower: the median over pairs, with the quartiles. CPU time is
what counts; wall time stands beside it and suffers from whatever else runs. BLAS has one thread
unless ``--threads`` says otherwise. Nothing is asserted.
"""

import argparse
import gc
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from _checkouts import (
    Checkout,
    announcement,
    checkouts,
    kinds,
    load_kernels,
    require_package_in,
)
from _machine import environment
from _measure import Table, path

#: Seconds that a timing takes at least, in turns of that many.
SHORTEST, TURN = 0.05, 0.01
GROUPS = ("networks", "small", "params", "row")
#: A group, a name and a path: "numpy" or "fast".
Key = tuple[str, str, str]


class Time(NamedTuple):
    """Seconds of one call."""

    cpu: float
    wall: float


# ---------------------------------------------------------------- in the process of a checkout


def timed(call: Callable[[], Any], n_calls: int) -> Time:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(n_calls):
        call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Time(cpu / n_calls, wall / n_calls)


def work(folder: str, groups: str) -> None:
    """Time what standard input asks for, line by line, and answer on standard output.

    The first line of the answers lists what can be asked for. A question is the number of a case
    and how often to call it; 0 prepares the case, and answers the time of one call.
    """
    require_package_in(folder)
    from _cases import CASES

    found = [
        (case, kind)
        for case in CASES
        for kind in case.kinds
        if kind in kinds() and case.group in groups.split(",")
    ]
    if any(kind == "fast" for _, kind in found):
        load_kernels()
    listed = [(case.group, case.name, kind) for case, kind in found]
    print(json.dumps({"cases": listed, "environment": environment()}), flush=True)
    call: Callable[[], Any] = time.time
    for line in sys.stdin:
        number, n_calls = json.loads(line)
        case, kind = found[number]
        with path(kind):
            if n_calls:
                answer = timed(call, n_calls)
            else:
                gc.unfreeze()
                call = case.prepare()
                gc.collect()
                gc.freeze()  # the collections before each timing need not look at all this
                answer = warm(call)
        print(json.dumps(answer), flush=True)


def warm(call: Callable[[], Any]) -> Time:
    """Call until the caches are warm; return the seconds of a call then."""
    timed(call, 1)
    first = timed(call, 1)
    return first if first.wall > SHORTEST else timed(call, math.ceil(0.01 / first.wall))


# ---------------------------------------------------------------- the two workers


class Worker:
    """A process with the package of one checkout."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.hello = self._answer()

    def _answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("A worker has ended; what it wrote stands above.")
        return json.loads(line)

    def ask(self, number: int, n_calls: int) -> Time:
        print(json.dumps([number, n_calls]), file=self.process.stdin, flush=True)
        return Time(*self._answer())


@contextmanager
def workers(pair: list[Checkout], options: argparse.Namespace) -> Iterator[list[Worker]]:
    """A worker for each checkout, until the context ends."""
    processes = [
        subprocess.Popen(
            checkout.command(__file__, ",".join(options.groups)),
            env=checkout.environment(options.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for checkout in pair
    ]
    try:
        yield [Worker(process) for process in processes]
    finally:
        for process in processes:
            process.stdin.close()
            process.wait()


def pairs_of(two: list[Worker], number: int, n_pairs: int, first: int) -> list[tuple[Time, Time]]:
    """Time a case in pairs (BEFORE, AFTER); the number of a pair decides who begins."""
    seconds = max(min(worker.ask(number, 0).cpu for worker in two), 1e-7)
    n_calls = max(1, math.ceil(TURN / seconds))
    n_turns = math.ceil(SHORTEST / (n_calls * seconds))
    return [pair_of(two, number, n_calls, n_turns, k) for k in range(first, first + n_pairs)]


def pair_of(
    two: list[Worker], number: int, n_calls: int, n_turns: int, first: int
) -> tuple[Time, Time]:
    """Let both take turns; return the medians of each one's times."""
    seen: list[list[Time]] = [[], []]
    for turn in range(first, first + n_turns):
        for who in (0, 1) if turn % 2 == 0 else (1, 0):
            seen[who].append(two[who].ask(number, n_calls))
    before, after = (Time(*map(statistics.median, zip(*times, strict=True))) for times in seen)
    return before, after


def measured(
    pair: list[Checkout], options: argparse.Namespace
) -> tuple[dict[Key, list[tuple[Time, Time]]], dict[str, str]]:
    """The times of every case in pairs, and what they were measured on."""
    times: dict[Key, list[tuple[Time, Time]]] = {}
    ends = [round(k * options.pairs / options.processes) for k in range(options.processes + 1)]
    for first, end in pairwise(ends):
        with workers(pair, options) as two:
            facts = two[0].hello["environment"]
            for number, key in enumerate(two[0].hello["cases"]):
                seen = pairs_of(two, number, end - first, first)
                times.setdefault(tuple(key), []).extend(seen)
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times, facts


# ---------------------------------------------------------------- figures


def ratios(times: list[tuple[Time, Time]], clock: str) -> list[float]:
    return [getattr(after, clock) / getattr(before, clock) for before, after in times]


def quartiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def cases_table(times: dict[Key, list[tuple[Time, Time]]]) -> Table:
    table = Table(
        "AFTER / BEFORE: above 1 is slower",
        ["case", "path", "ms BEFORE", "CPU", "quartiles", "wall"],
    )
    for (group, name, kind), pairs in times.items():
        cpu, wall = ratios(pairs, "cpu"), ratios(pairs, "wall")
        low, high = quartiles(cpu)
        table.rows.append(
            [
                f"{group}: {name}",
                kind,
                1000 * statistics.median(before.cpu for before, _ in pairs),
                f"{statistics.median(cpu):.3f}",
                f"{low:.3f} to {high:.3f}",
                f"{statistics.median(wall):.3f}",
            ]
        )
    return table


def means_table(times: dict[Key, list[tuple[Time, Time]]]) -> Table:
    """Geometric means of the medians, by group and path."""
    table = Table("Geometric means", ["group", "path", "cases", "CPU", "wall"])
    for group, kind in dict.fromkeys((group, kind) for group, _, kind in times):
        some = [pairs for (g, _, k), pairs in times.items() if (g, k) == (group, kind)]
        means = [
            statistics.geometric_mean(statistics.median(ratios(pairs, clock)) for pairs in some)
            for clock in Time._fields
        ]
        table.rows.append([group, kind, len(some), *(f"{mean:.3f}" for mean in means)])
    return table


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("before", help="a folder that holds sknet/, or a git revision")
    parser.add_argument("after", help="another one")
    parser.add_argument("--pairs", type=int, default=10, help="timings of each case and checkout")
    parser.add_argument("--processes", type=int, default=2, help="workers, one after another")
    parser.add_argument("--threads", type=int, default=1, help="threads of BLAS")
    parser.add_argument("--only", metavar="GROUPS", help=f"some of {','.join(GROUPS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all times there")
    options = parser.parse_args(arguments)
    if min(options.pairs, options.processes, options.threads) < 1:
        parser.error("--pairs, --processes and --threads must be at least 1")
    options.processes = min(options.processes, options.pairs)
    options.groups = options.only.split(",") if options.only else list(GROUPS)
    unknown = sorted(set(options.groups) - set(GROUPS))
    if unknown:
        parser.error(f"--only knows {', '.join(GROUPS)}, not {', '.join(unknown)}")
    return options


def main(arguments: list[str]) -> None:
    options = parse_arguments(arguments)
    with checkouts(options.before, options.after) as pair:
        print(announcement(*pair), flush=True)
        times, facts = measured(pair, options)
    for name, fact in facts.items():
        print(f"{name:18}{fact}")
    tables = [cases_table(times), means_table(times)]
    if all(kind == "numpy" for *_, kind in times):
        tables[0].notes.append("Compiled epochs are not among these cases, or numba is missing.")
    print("", *(table.text() for table in tables), sep="\n")
    if options.json:
        report = {
            "environment": facts,
            "checkouts": [checkout.commit for checkout in pair],
            "tables": [vars(table) for table in tables],
            "seconds": [
                {"case": key, "pairs": [[b._asdict(), a._asdict()] for b, a in pairs]}
                for key, pairs in times.items()
            ],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:])
    else:
        main(sys.argv[1:])
