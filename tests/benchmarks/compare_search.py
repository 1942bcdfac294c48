"""Searches of ``sknet.model_selection`` against scikit-learn's searches.

``python tests/benchmarks/compare_search.py`` prints, for each case, the seconds of

lanes
    the search of ``sknet.model_selection`` over sknet's network;
one by one
    scikit-learn's search over sknet's network;
scikit-learn
    scikit-learn's search over its own network,

and the medians of the ratios of rounds in which all are run in turns; then how far the results of
lanes are from those of one by one, beside how far a change of the last bit of the first parameters
moves them; then the peak memory of a search of 100 candidates. All use one BLAS thread;
``--threads`` does not limit them. ``--only digits,equality,memory`` takes some cases, ``--quick``
few epochs. With numba installed, ``SKNET_DISABLE_NUMBA=1`` measures numpy.
"""

import argparse
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from _machine import environment
from _measure import Table, in_turns, median_ratio, seconds_of
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import GridSearchCV as TheirSearch
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from sknet import MLPBackpropClassifier, presets
from sknet._search.fits import fit_lanes
from sknet._training import build
from sknet.model_selection import GridSearchCV

RATES = [float(rate) for rate in np.geomspace(1e-4, 1e-1, 12)]
#: scikit-learn's alpha is divided by the batch.
ALPHAS = [1e-5, 1e-4, 1e-3]


class Case(NamedTuple):
    """A grid, the hidden layers, and the folds; `alphas` are scikit-learn's, or None."""

    data: str
    hidden: tuple[int, ...]
    epochs: int
    n_splits: int
    rates: list[float]
    alphas: list[float] | None = None
    shapes: list[tuple[int, ...]] | None = None
    preset: bool = True


def cases(quick: bool) -> dict[str, Case]:
    """The cases by name."""
    few = 3 if quick else 10
    long = 5 if quick else 50
    return {
        f"digits (64,), {few} epochs": Case("digits", (64,), few, 5, RATES),
        f"digits (64,), {long} epochs": Case("digits", (64,), long, 5, RATES),
        f"5,000 x 20 (32, 16), {few} epochs": Case("rows", (32, 16), few, 3, RATES[:10], ALPHAS),
        f"digits (256, 256), {few} epochs": Case("digits", (256, 256), few, 3, RATES[::2]),
        f"digits, three shapes, {few} epochs": Case(
            "digits", (64,), few, 3, RATES[::3], None, [(32,), (64,), (64, 32)]
        ),
        f"digits, defaults, {few} epochs": Case(
            "digits", (128, 128), few, 3, RATES[4:10], preset=False
        ),
    }


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Digits, or 5,000 rows of 20 columns."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16, y
    return make_classification(5000, 20, n_informative=10, random_state=0)


def grid_of(case: Case, batch: int = 1) -> dict[str, list[Any]]:
    grid: dict[str, list[Any]] = {"learning_rate_init": case.rates}
    if case.alphas is not None:
        grid["alpha"] = [alpha / batch for alpha in case.alphas]
    if case.shapes is not None:
        grid["hidden_layer_sizes"] = case.shapes
    return grid


def contestants(case: Case, n_jobs: int) -> dict[str, Callable[[], float]]:
    """A function for each contestant, which returns its seconds."""
    X, y = data(case.data)
    same = {"hidden_layer_sizes": case.hidden, "max_iter": case.epochs, "random_state": 0}
    ours = MLPBackpropClassifier(**({**presets.SKLEARN, **same} if case.preset else same))
    theirs = MLPClassifier(**same)
    options = {"cv": case.n_splits, "n_jobs": n_jobs, "refit": False}
    searches = {
        "lanes": GridSearchCV(ours, grid_of(case, 200), **options),
        "one by one": TheirSearch(ours, grid_of(case, 200), **options),
        "scikit-learn": TheirSearch(theirs, grid_of(case), **options),
    }
    return {
        name: lambda search=search: seconds_of(search.fit, X, y)
        for name, search in searches.items()
    }


def speed(quick: bool, repeats: int, only: list[str]) -> Table:
    """Seconds and ratios of each case."""
    columns = ["", "lanes", "one by one", "scikit-learn", "one by one / lanes"]
    table = Table("Seconds of a search", [*columns, "scikit-learn / lanes"])
    for name, case in cases(quick).items():
        if not any(word in name for word in only):
            continue
        for n_jobs in (1, 2):
            found = in_turns(contestants(case, n_jobs), repeats)
            seconds = [float(np.median(found[own])) for own in found]
            ratios = [median_ratio(found[own], found["lanes"]) for own in list(found)[1:]]
            table.rows.append([f"{name}, n_jobs={n_jobs}", *seconds, *ratios])
            print(table.rows[-1], flush=True)
    return table


def perturbed(draw: Callable[..., Any]) -> Callable[..., Any]:
    """`drawn_parameters`, with the last bit of each weight in float32 changed."""

    def drawn(layers: Any, rng: np.random.Generator) -> Any:
        found = draw(layers, rng)
        for layer in found:
            for name, a in layer.items():
                own = np.asarray(a, np.float32)
                layer[name] = np.where(own != 0, np.nextafter(own, np.float32(9)), own)
        return found

    return drawn


def equality() -> Table:
    """How far probabilities are from those of single fits, beside a change of the last bit."""
    X, y = data("digits")
    table = Table(
        "Largest difference of a probability from single fits, digits (64,), 10 epochs",
        ["learning_rate_init", "lanes, float64", "lanes, float32", "last bit changed, float32"],
    )
    same = {**presets.SKLEARN, "hidden_layer_sizes": (64,), "max_iter": 10, "random_state": 0}
    networks = [MLPBackpropClassifier(**same).set_params(learning_rate_init=r) for r in RATES]
    differences = []
    for dtype in ("float64", "float32"):
        single = [clone(own).set_params(dtype=dtype).fit(X, y).predict_proba(X) for own in networks]
        lanes = [clone(own).set_params(dtype=dtype) for own in networks]
        fit_lanes(lanes, X, y, {})
        differences.append(
            [np.abs(own.predict_proba(X) - P).max() for own, P in zip(lanes, single, strict=True)]
        )
    with patch.object(build, "drawn_parameters", perturbed(build.drawn_parameters)):
        moved = [clone(own).set_params(dtype="float32").fit(X, y) for own in networks]
    differences.append(
        [np.abs(own.predict_proba(X) - P).max() for own, P in zip(moved, single, strict=True)]
    )
    for rate, *own in zip(RATES, *differences, strict=True):
        table.rows.append([rate, *map(float, own)])
    return table


def memory() -> Table:
    """The peak of a search of 100 candidates, beside what they would hold if all were kept."""
    table = Table(
        "Peak memory of a search of 100 candidates x 2 splits, 5,000 x 20, MiB",
        ["hidden layers", "peak", "theta and state of Adam and one X", "ratio"],
    )
    X, y = data("rows")
    for hidden in ((32, 16), (256, 256)):
        same = {**presets.SKLEARN, "hidden_layer_sizes": hidden, "max_iter": 3, "random_state": 0}
        network = MLPBackpropClassifier(**same)
        grid = {"learning_rate_init": [float(r) for r in np.geomspace(1e-4, 1e-2, 100)]}
        search = GridSearchCV(network, grid, cv=2, refit=False)
        n_parameters = clone(network).fit(X[:500], y[:500]).n_parameters_
        held = (100 * 3 * n_parameters + X.size / 2) * 4
        clone(search).set_params(param_grid={"learning_rate_init": RATES}).fit(X, y)  # imports
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        search.fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        mib = 1 << 20
        table.rows.append([str(hidden), (peak - before) / mib, held / mib, (peak - before) / held])
    return table


def tables(quick: bool, repeats: int, only: list[str]) -> Iterator[Table]:
    """The tables that are asked for."""
    measured = speed(quick, repeats, only)
    if measured.rows:
        yield measured
    if any(word in "equality" for word in only):
        yield equality()
    if any(word in "memory" for word in only):
        yield memory()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="words that the names of cases contain")
    parser.add_argument("--quick", action="store_true", help="few epochs")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--rst", type=Path, help="write the tables to this file, for the docs")
    parser.add_argument("--threads", action="store_true", help="do not limit BLAS to one thread")
    options = parser.parse_args()
    print("\n".join(f"{name}: {value}" for name, value in environment().items()), "\n")
    warnings.simplefilter("ignore")
    limit = nullcontext() if options.threads else threadpool_limits(1)
    found = []
    with limit:
        for table in tables(options.quick, options.repeats, options.only.split(",")):
            print(table.text(), flush=True)
            found.append(table.rst())
    if options.rst:
        head = ".. Written by tests/benchmarks/compare_search.py --rst; do not edit."
        options.rst.write_text("\n\n".join([head, *found]), encoding="utf-8")


if __name__ == "__main__":
    main()
