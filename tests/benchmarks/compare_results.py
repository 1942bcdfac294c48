"""Whether two commits of the package fit the same networks, in every bit or nearly.

``python tests/benchmarks/compare_results.py BEFORE AFTER`` fits the configurations of
``_configurations.py`` with each of two checkouts, in a process of its own, and compares all that a
user can see: fitted attributes, curves, the encoding, predictions, scores and the kinds of
warnings. BEFORE and AFTER are folders that hold ``sknet/``, or git revisions of this repository. It
is done by numpy and, where numba is, with compiled epochs. ``--only`` picks groups.

Each model is fitted, pickled and loaded; then the model goes on by a second `fit`, and the loaded
copy by `partial_fit`. Those that begin with chunks go on by a last chunk after the pickle, and then
by `fit`. All of these stages are compared.

A difference is the largest one of an array, relative to its largest absolute value; another shape,
dtype, word or place of NaN is infinitely different. The exit status is 1 where one is above 1e-5,
or above the row's own tolerance, or where a model raises an error.

Threads are as a user has them; sums over rows depend on their number, which is the same for both.
"""

import argparse
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from _checkouts import (
    Checkout,
    announcement,
    checkouts,
    kinds,
    load_kernels,
    require_package_in,
)
from _measure import Table, path

#: What is asked of a model, where it has it.
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")
#: Arrays by stage and name, of one configuration.
Results = dict[str, np.ndarray]


class Row(NamedTuple):
    """Of one configuration: the difference that is allowed, and its results by path."""

    tolerance: float
    results: dict[str, Results]


# ---------------------------------------------------------------- what one checkout shows


def arrays(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield `value` as arrays of numbers or strings, which any process can load."""
    if hasattr(value, "to_dict"):
        value = value.to_dict("list")
    if isinstance(value, dict):
        for key, part in value.items():
            yield from arrays(f"{name}.{key}", part)
    elif isinstance(value, (list, tuple)) and any(np.ndim(part) for part in value):
        for k, part in enumerate(value):
            yield from arrays(f"{name}[{k}]", part)
    else:
        array = np.asarray("None" if value is None else value)
        if array.dtype == object:
            array = np.array([repr(part) for part in array.ravel()])
        yield name, array


def seen_of(stage: str, model: Any, problem: Any, warned: list) -> Results:
    """Return all that a user can see of a fitted model."""
    names = [name for name in dir(model) if name.endswith("_") and not name.startswith("_")]
    found = {name: getattr(model, name) for name in names if hasattr(model, name)}
    for name in METHODS:
        if hasattr(model, name):
            found[f"{name}()"] = getattr(model, name)(problem.X_new)
            found[f"{name}() of a row"] = getattr(model, name)(problem.X_new[:1])
    found["score()"] = model.score(problem.X, problem.y, problem.weights)
    found["warnings"] = sorted({w.category.__name__ for w in warned if not _numbas(w)})
    return {
        f"{stage}: {part}": array
        for name, value in found.items()
        for part, array in arrays(name, value)
    }


def _numbas(warning: warnings.WarningMessage) -> bool:
    """Whether numba warns: that depends on what it has cached."""
    return warning.category.__module__.startswith("numba")


class Subject:
    """A model of a configuration on its problem, and what has been seen of it."""

    def __init__(self, configuration: Any) -> None:
        self.problem = configuration.problem()
        self.model = configuration.estimator()
        self.n_chunks = configuration.n_chunks
        self.seen: Results = {}

    def look(self, stage: str, action: Any, *arguments: Any) -> None:
        """Do something to the model, and keep what is seen of it then."""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            action(*arguments)
        self.seen |= seen_of(stage, self.model, self.problem, warned)

    def fit(self) -> None:
        X, y, _, weights, validation = self.problem
        self.model.fit(X, y, weights, **validation or {})

    def partial_fit(self, rows: slice = slice(None)) -> None:
        X, y, _, weights, _ = self.problem
        more = {} if weights is None else {"sample_weight": weights[rows]}
        if hasattr(self.model, "predict_proba"):
            more["classes"] = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
        self.model.partial_fit(X[rows], y[rows], **more)

    def pickled(self) -> None:
        self.model = pickle.loads(pickle.dumps(self.model))

    def fit_further(self) -> None:
        self.model.set_params(warm_start=True)
        self.fit()

    def results(self) -> Results:
        """What is seen at every stage."""
        if self.n_chunks:
            self._in_chunks()
        else:
            self._in_fits()
        return self.seen

    def _in_fits(self) -> None:
        self.look("fit", self.fit)
        original = self.model
        self.look("pickle", self.pickled)
        copy, self.model = self.model, original
        self.look("second fit", self.fit_further)
        self.model = copy
        if hasattr(copy, "partial_fit") and getattr(copy, "class_weight", None) != "balanced":
            self.look("partial_fit after pickle", self.partial_fit)
        else:
            self.look("second fit after pickle", self.fit_further)

    def _in_chunks(self) -> None:
        n_samples = len(self.problem.y)
        ends = np.linspace(0, n_samples, self.n_chunks + 1).astype(int)
        chunks = [slice(a, b) for a, b in pairwise(ends)]
        for k, rows in enumerate(chunks[:-1]):
            self.look(f"chunk {k}", self.partial_fit, rows)
        self.look("pickle", self.pickled)
        self.look("chunk after pickle", self.partial_fit, chunks[-1])
        self.look("fit after chunks", self.fit_further)


def work(folder: str, file: str, groups: str) -> None:
    """Fit the configurations with the package in `folder`; write what is seen to `file`.

    `groups` names those that are fitted, with commas between them; an empty string is all.
    """
    from _configurations import CONFIGURATIONS

    require_package_in(folder)
    chosen = {
        label: configuration
        for label, configuration in CONFIGURATIONS.items()
        if not groups or label.split(":")[0] in groups.split(",")
    }
    if not chosen:
        raise SystemExit(f"No configuration is in the groups {groups}.")
    rows = {label: Row(configuration.tolerance, {}) for label, configuration in chosen.items()}
    for kind in kinds():
        if kind == "fast":
            load_kernels()
        with path(kind):
            for label, configuration in chosen.items():
                rows[label].results[kind] = results_of(configuration)
    Path(file).write_bytes(pickle.dumps({label: tuple(row) for label, row in rows.items()}))


def results_of(configuration: Any) -> Results:
    """What is seen of a configuration; an error is among the results."""
    try:
        return Subject(configuration).results()
    except Exception as error:
        return {"error": np.array(f"{type(error).__name__}: {error}")}


# ---------------------------------------------------------------- the comparison


class Verdict(NamedTuple):
    """The largest relative difference, where it is, and whether that is a fault.

    The difference is None where all is equal in every bit.
    """

    difference: float | None
    place: str
    is_fault: bool

    def __str__(self) -> str:
        if self.difference is None:
            return self.place or "equal in every bit"
        return f"{'FAULT ' * self.is_fault}{self.difference:.1e} in {self.place}"


def difference(before: np.ndarray | None, after: np.ndarray | None) -> float | None:
    """Return the largest difference relative to the largest value; None for the same bits."""
    if before is None or after is None:
        return np.inf
    if before.dtype != after.dtype or before.shape != after.shape:
        return np.inf
    if before.tobytes() == after.tobytes():
        return None
    if before.dtype.kind not in "fiub":
        return np.inf
    before, after = before.astype(np.float64), after.astype(np.float64)
    finite = np.isfinite(before)
    if not np.array_equal(before[~finite], after[~finite], equal_nan=True):
        return np.inf
    before, after = before[finite], after[finite]
    largest = np.abs([before, after]).max(initial=np.finfo(float).tiny)
    worst = np.abs(before - after).max(initial=0.0) / largest
    return float(worst) if np.isfinite(worst) else np.inf


def verdict(before: Results, after: Results, tolerance: float) -> Verdict:
    errors = [str(results["error"]) for results in (before, after) if "error" in results]
    if errors:
        return Verdict(np.inf, errors[0], True)
    found = {name: difference(before.get(name), after.get(name)) for name in {**before, **after}}
    differing = {name: worst for name, worst in found.items() if worst is not None}
    if not differing:
        return Verdict(None, "", False)
    place = max(differing, key=differing.__getitem__)
    return Verdict(differing[place], place, differing[place] > tolerance)


def measured(checkout: Checkout, file: Path, groups: str) -> dict[str, Row]:
    """What a process with the package of `checkout` has seen, by configuration."""
    command = checkout.command(__file__, str(file), groups)
    subprocess.run(command, check=True, env=checkout.environment())
    return {label: Row(*row) for label, row in pickle.loads(file.read_bytes()).items()}


def compared(before: dict[str, Row], after: dict[str, Row]) -> tuple[Table, list[Verdict]]:
    """The table of verdicts, and all of them."""
    columns = list(next(iter(before.values())).results)
    table = Table("Differences, AFTER from BEFORE", ["configuration", *columns])
    verdicts = []
    for label, row in before.items():
        found = [
            verdict(row.results[kind], after[label].results[kind], row.tolerance)
            for kind in columns
        ]
        verdicts += found
        table.rows.append([label, *map(str, found)])
    return table, verdicts


def compiled(rows: dict[str, Row]) -> set[str]:
    """The configurations that numpy and compiled epochs fit to other bits."""
    paths = {label: row.results for label, row in rows.items()}
    return {
        label
        for label, results in paths.items()
        if verdict(results["numpy"], results["fast"], np.inf).difference is not None
    }


def notes(before: dict[str, Row], after: dict[str, Row]) -> list[str]:
    """Whether compiled epochs were compared, and in the same configurations."""
    if "fast" not in next(iter(before.values())).results:
        return ["numba is missing here: compiled epochs are not compared."]
    sets = [compiled(rows) for rows in (before, after)]
    lines = [
        "Compiled epochs give other bits than numpy in"
        f" {len(sets[0])} configurations BEFORE and {len(sets[1])} AFTER."
    ]
    if sets[0] != sets[1]:
        lines.append(f"In one of the two alone: {', '.join(sorted(sets[0] ^ sets[1]))}.")
    return lines


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", help="a folder that holds sknet/, or a git revision")
    parser.add_argument("after", help="another one")
    parser.add_argument(
        "--only", metavar="GROUPS", default="", help="such as solvers,members: the table names them"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    with checkouts(options.before, options.after) as pair, TemporaryDirectory() as folder:
        print(announcement(*pair), flush=True)
        before, after = (
            measured(checkout, Path(folder, str(k)), options.only)
            for k, checkout in enumerate(pair)
        )
    table, verdicts = compared(before, after)
    table.notes = notes(before, after)
    print(table.text())
    n_faults = sum(v.is_fault for v in verdicts)
    n_equal = sum(v.difference is None for v in verdicts)
    print(
        f"{len(table.rows)} configurations, {len(verdicts)} comparisons: {n_equal} equal in every"
        f" bit, {len(verdicts) - n_equal - n_faults} within tolerance, {n_faults} beyond it."
    )
    return int(n_faults > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))
