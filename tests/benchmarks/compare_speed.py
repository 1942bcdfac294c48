"""Every figure of sknet's speed, measured side by side with its peers.

``python tests/benchmarks/compare_speed.py`` runs all sections, ``--only networks,predict`` some:

networks
    Seconds per epoch of the five networks: sknet by numpy alone and by compiled epochs (where
    numba is), scikit-learn, scikit-learn with float32 input, eager torch (where it is) with fused
    Adam; and the limit, the matrix products of the same steps alone.
pieces
    What each piece of a step costs, for a small and a large network.
predict
    ``predict_proba`` on a million rows: speed, and memory beyond input and output.
search
    A grid search on digits, of few epochs and of more, with one and with two jobs.
start
    The first fit of a process, and what ``import sknet`` adds.
members
    Eight members against eight fits; what the members axis costs at one member.
stopped
    What a member that has stopped still costs: how much of its share of the time it leaves (its
    part of all members' time, and of the time that one member less would save).
lbfgs
    L-BFGS in float64.
busy
    Fits of the five networks, fits with the default parameters and a long prediction, beside 0, as
    many as processors, and twice as many busy processes, against the same with one thread.
small
    Fit and score, and cross_val_score, of small tables.
rows
    predict and predict_proba of 1 and of 32 rows, from arrays and from frames.
cold
    CPU seconds of compiling, and of fits whose cache of numba is empty.
scale
    Seconds per epoch over the number of rows and over the width.

Whatever is compared runs in one process, in turns, several times over, on the same float64 arrays,
for a fixed number of epochs with the default parameters (``start`` takes fresh processes). A ratio
is the median of the rounds' ratios, a peer's time over sknet's: above 1 is faster than the peer. A
fit's seconds include validation and set-up.

Nothing is asserted: times belong to one machine. Close other programs before trusting a figure.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import _cold
import _situations
import _stopping
import _training
import _uses
from _machine import environment, load
from _measure import Effort, Table

#: Name -> what measures it.
SECTIONS: dict[str, Callable[[Effort], list[Table]]] = {
    "networks": _training.networks,
    "pieces": _training.pieces,
    "predict": _uses.predict,
    "search": _uses.search,
    "start": _uses.start,
    "members": _training.members,
    "stopped": _stopping.stopped,
    "lbfgs": _training.lbfgs,
    "busy": _situations.busy,
    "small": _situations.small,
    "rows": _situations.rows,
    "cold": _cold.cold,
    "scale": _training.scale,
}


def rst(facts: dict[str, str], tables: dict[str, list[Table]]) -> str:
    """The figures as a file that ``doc/performance.rst`` includes."""
    lines = [".. Written by tests/benchmarks/compare_speed.py --rst; do not edit.", ""]
    machine = Table("Where these were measured", ["what", "which"], [[*f] for f in facts.items()])
    for table in [machine, *(table for some in tables.values() for table in some)]:
        lines += [table.rst(), ""]
    return "\n".join(lines).rstrip() + "\n"


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--only", metavar="SECTIONS", help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument("--epochs", type=int, help="epochs of a fit, instead of each network's own")
    parser.add_argument("--repeats", type=int, help="counted rounds (3; 1 with --quick)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--rst", type=Path, metavar="FILE", help="also write them as tables there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the section scale there")
    options = parser.parse_args(arguments)
    for name in ("epochs", "repeats"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    options.sections = options.only.split(",") if options.only else list(SECTIONS)
    unknown = sorted(set(options.sections) - set(SECTIONS))
    if unknown:
        parser.error(f"--only knows {', '.join(SECTIONS)}, not {', '.join(unknown)}")
    if options.plot and "scale" not in options.sections:
        parser.error("--plot draws the section scale, which --only leaves out")
    return options


def main(arguments: list[str]) -> None:
    options = parse_arguments(arguments)
    effort = Effort(options.quick, options.repeats or (1 if options.quick else 3), options.epochs)
    facts = environment()
    for name, fact in facts.items():
        print(f"{name:18}{fact}")

    tables: dict[str, list[Table]] = {}
    for section in options.sections:
        begin = time.perf_counter()
        tables[section] = SECTIONS[section](effort)
        print(f"\n=== {section} ({time.perf_counter() - begin:.0f} s)\n")
        print("\n".join(table.text() for table in tables[section]), flush=True)
        facts["load at the end"] = load()
        write(options, effort, facts, tables)


def write(options: argparse.Namespace, effort: Effort, facts: dict[str, str], tables: dict) -> None:
    """Write the files asked for, with the sections so far."""
    if options.json:
        figures = {section: [vars(table) for table in some] for section, some in tables.items()}
        report = {"environment": facts, "repeats": effort.repeats, "sections": figures}
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.rst:
        options.rst.write_text(rst(facts, tables))
    if options.plot and "scale" in tables:
        _training.plot_scale(tables["scale"], options.plot)


if __name__ == "__main__":
    main(sys.argv[1:])
