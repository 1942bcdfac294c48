"""Coverage and size of prediction intervals and sets, against MAPIE's around the same network.

``python tests/benchmarks/compare_intervals.py`` draws splits of real tables, with about 1,000 rows
to train on, and prints for the levels 0.8, 0.9 and 0.95: mean coverage, the lowest of a split, mean
width (in standard deviations of y) or size, and CPU seconds of fit and prediction. Results are kept
in ``--cache FILE`` as lines of JSON, so that a run goes on where it was interrupted. No default of
the network was decided on these tables; scores of sets were tried out on vehicle. All use one
thread. ``--rst FILE`` also writes the means over the tables there.

Regression: ``scaled``, ``plus`` and ``base`` are methods of ``predict_interval`` after a fit with
``cv=5``, ``hold-out`` is after the default fit, ``cqr`` is after ``loss="quantile"`` and ``cv=5``;
``mapie`` is MAPIE's `CrossConformalRegressor` of 5 folds around the default network. The
standard deviation of errors over those of ``predict(return_std=True)`` is printed too.

Classification: ``lac``, ``aps`` and, with empty sets allowed, ``lac, empty`` and ``aps, empty``
after one fit with ``cv=5``; ``mapie lac`` and ``mapie aps`` are its `CrossConformalClassifier`.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _machine import environment
from _measure import Table
from compare_accuracy import Problem, Results, network, problem, split
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

REGRESSION = ["deliveries", "wages", "wage", "insteval", "concrete", "sacramento", "car_prices"]
CLASSIFICATION = ["wa_churn", "magic", "vehicle", "german", "segment"]
LEVELS = [0.8, 0.9, 0.95]
#: Training rows, and rows to test on at most.
TRAIN_ROWS, TEST_ROWS, FOLDS = 1000, 3000, 5
QUANTILES = (0.025, 0.05, 0.1, 0.9, 0.95, 0.975)
Split = tuple[Any, Any, Any, Any]


def data(own: Problem, seed: int) -> Split:
    X, X_test, y, y_test = split(own, seed, TRAIN_ROWS)
    return X, X_test[:TEST_ROWS], y, y_test[:TEST_ROWS]


def timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return the result of a call, and its seconds: elapsed, and of the processor."""
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    return result, spent


def of_intervals(ends: Any, y: Any, y_train: Any) -> dict:
    covered = (ends[:, 0] <= y[:, None]) & (y[:, None] <= ends[:, 1])
    width = (ends[:, 1] - ends[:, 0]).mean(axis=0) / np.std(y_train)
    return {"coverage": covered.mean(axis=0).tolist(), "size": width.tolist()}


def of_sets(sets: Any, codes: Any) -> dict:
    covered = sets[np.arange(len(codes)), codes].mean(axis=0)
    return {"coverage": covered.tolist(), "size": sets.sum(axis=1).mean(axis=0).tolist()}


def intervals(own: Problem, seed: int, parameters: dict, methods: tuple = ("auto",)) -> dict:
    X, X_test, y, y_test = data(own, seed)
    model, found = network(own, seed, **parameters), {}
    _, fit = timed(lambda: model.fit(X, y))
    for method in methods:
        ends, spent = timed(partial(model.predict_interval, X_test, LEVELS, method=method))
        both = {name: spent[name] + fit[name] for name in spent}
        found[method] = of_intervals(ends, y_test, y) | both
        if method != "cqr":
            prediction, std = model.predict(X_test, return_std=True)
            found[method]["std"] = float(np.std((y_test - prediction) / std))
    return found if "cv" in parameters else {"hold-out": found["auto"]}


def mapie_intervals(own: Problem, seed: int) -> dict:
    from mapie.regression import CrossConformalRegressor

    X, X_test, y, y_test = data(own, seed)
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    model = CrossConformalRegressor(network(own, seed), confidence_level=LEVELS, cv=folds)

    def call() -> Any:
        return model.fit_conformalize(X, y).predict_interval(X_test)[1]

    ends, spent = timed(call)
    return {"": of_intervals(ends, y_test, y) | spent}


def sets(own: Problem, seed: int) -> dict:
    X, X_test, y, y_test = data(own, seed)
    model = network(own, seed, cv=FOLDS)
    _, fit = timed(lambda: model.fit(X, y))
    codes = np.searchsorted(model.classes_, y_test)
    found = {}
    for method in ("lac", "aps"):
        for allow_empty in (False, True):
            call = partial(
                model.predict_set, X_test, LEVELS, method=method, allow_empty=allow_empty
            )
            predicted, spent = timed(call)
            both = {name: spent[name] + fit[name] for name in spent}
            found[method + ", empty" * allow_empty] = of_sets(predicted, codes) | both
    found["accuracy"] = float(model.score(X_test, y_test))
    return found


def mapie_sets(own: Problem, seed: int, method: str) -> dict:
    from mapie.classification import CrossConformalClassifier

    X, X_test, y, y_test = data(own, seed)
    if method == "aps" and len(np.unique(y)) == 2:
        return {}  # MAPIE has no adaptive sets of two classes
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    model = CrossConformalClassifier(
        network(own, seed), confidence_level=LEVELS, conformity_score=method, cv=folds,
        random_state=seed,
    )  # fmt: skip

    def call() -> Any:
        return model.fit_conformalize(X, y).predict_set(X_test)[1]

    predicted, spent = timed(call)
    codes = np.searchsorted(np.unique(y), y_test)
    return {f"mapie {method}": of_sets(predicted, codes) | spent}


MODELS: dict[bool, dict[str, Callable[[Problem, int], dict]]] = {
    False: {
        "folds": partial(intervals, parameters={"cv": FOLDS}, methods=("scaled", "plus", "base")),
        "hold-out": partial(intervals, parameters={}),
        "cqr": partial(
            intervals,
            parameters={"cv": FOLDS, "loss": "quantile", "quantile": QUANTILES},
            methods=("cqr",),
        ),
        "mapie": mapie_intervals,
    },
    True: {
        "sknet": sets,
        "mapie lac": partial(mapie_sets, method="lac"),
        "mapie aps": partial(mapie_sets, method="aps"),
    },
}


def measured(call: Callable[[Problem, int], dict], own: Problem, seed: int) -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(own, seed)


def row(table: str, name: str, found: list[dict]) -> list[Any]:
    """Return means over the splits of one table, and the lowest coverage."""
    coverage = np.array([own["coverage"] for own in found])
    size = np.mean([own["size"] for own in found], axis=0)
    seconds = float(np.mean([own["cpu"] for own in found]))
    std = float(np.mean([own["std"] for own in found])) if "std" in found[0] else ""
    return [table, name, *coverage.mean(axis=0), *coverage.min(axis=0), *size, seconds, std]


def compared(tables: list[str], found: dict, is_class: bool) -> Table:
    kind, unit = ("sets", "size") if is_class else ("intervals", "width")
    header = ["table", kind, *(f"cover {c}" for c in LEVELS), *(f"least {c}" for c in LEVELS)]
    header += [*(f"{unit} {c}" for c in LEVELS), "CPU s", "accuracy" if is_class else "std"]
    table = Table(f"{kind.capitalize()}", header)
    for name in tables:
        own = found[name]
        for model in own:
            if model != "accuracy":
                table.rows.append(row(name, model, own[model]))
                if is_class and not model.startswith("mapie"):
                    table.rows[-1][-1] = float(np.mean(own["accuracy"]))
    for model in dict.fromkeys(r[1] for r in table.rows):
        own = np.array([r[2:12] for r in table.rows if r[1] == model], float)
        table.rows.append(["mean", model, *own.mean(axis=0), ""])
    pairs = (
        [(m, f"mapie {m[:3]}") for m in ("lac, empty", "aps")]
        if is_class
        else [(method, "mapie") for method in ("scaled", "plus", "base")]
    )
    table.notes += [ratios(table, *pair) for pair in pairs]
    return table


def means(table: Table, tables: list[str]) -> Table:
    """Return the rows of means over the tables, without the lowest coverages."""
    short = Table(f"{table.title}, means over {', '.join(tables)}", ["with"], notes=table.notes)
    keep = [1, 2, 3, 4, 8, 9, 10, 11]
    short.columns = [table.columns[k] for k in keep]
    short.rows = [[row[k] for k in keep] for row in table.rows if row[0] == "mean"]
    return short


def ratios(table: Table, ours: str, peer: str) -> str:
    """Return a note: sizes and seconds over those of a peer, geometric means over tables."""
    rows = [r for r in table.rows if r[0] != "mean"]
    both = {r[0] for r in rows if r[1] == peer}
    a, b = (
        np.array([r[8:12] for r in rows if r[1] == name and r[0] in both], float)
        for name in (ours, peer)
    )
    means = np.exp(np.log(a / b).mean(axis=0))
    words = ", ".join(f"{c}: {m:.3f}" for c, m in zip([*LEVELS, "seconds"], means, strict=True))
    largest = (a[:, :3] / b[:, :3]).max()
    return f"{ours} over {peer}: {words}; at most {largest:.3f} on any table and level"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", help="names; all without")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--cache", type=Path, default=Path("intervals.jsonl"))
    parser.add_argument("--rst", type=Path, help="also write the means there")
    options = parser.parse_args(arguments)
    names = options.tables.split(",") if options.tables else [*REGRESSION, *CLASSIFICATION]
    facts: Any = Table("Where these were measured", ["what", "which"])
    facts.rows = [[*fact] for fact in environment().items()]
    print(facts.text())
    written = [
        ".. Written by tests/benchmarks/compare_intervals.py --rst; do not edit.",
        facts.rst(),
    ]
    cached = Results(options.cache)
    for is_class in (False, True):
        tables = [name for name in names if problem(name).is_class == is_class]
        found: dict[str, dict[str, list]] = {name: {} for name in tables}
        for name in tables:
            for model, call in MODELS[is_class].items():
                for seed in range(options.splits):
                    measure = partial(measured, call, problem(name), seed)
                    for part, value in cached.get((name, model, seed), measure).items():
                        found[name].setdefault(part or model, []).append(value)
        if tables:
            table = compared(tables, found, is_class)
            print(table.text())
            written.append(means(table, tables).rst())
    if options.rst:
        options.rst.write_text("\n\n".join(written).rstrip() + "\n")


if __name__ == "__main__":
    with threadpool_limits(1):
        main(sys.argv[1:])
