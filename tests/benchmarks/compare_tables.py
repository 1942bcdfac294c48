"""Networks on tables as they are read, against the same networks behind a careful pipeline.

``python tests/benchmarks/compare_tables.py`` fits sknet's networks, which encode a table
themselves, on the tables adult, diamonds and ames, and measures what embeddings and sparse input
cost. ``--only california,letter`` takes other tables of ``data.LOADERS``, or one of the sections

embeddings
    Seconds per epoch with a category of 100 levels and with one of 10,000 levels.
sparse
    The peak memory of a fresh process that fits one epoch on a large, sparse X.

The pipeline is what one would write by hand: medians and indicators for missing numbers, which are
standardised; one-hot categories, the missing a category of their own and the rare ones together.
Its network has the same parameters, without any encoding of its own. Per seed, both get the same
new split of the rows, and are fitted in turns with that seed.

Nothing is asserted: times belong to one machine, and scores to these seeds.
"""

import argparse
import json
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pandas as pd
from _estimators import MLPBackpropClassifier, MLPBackpropRegressor
from _machine import environment, load, version_of
from _measure import Effort, Table, in_fresh_process, in_turns, median_ratio, path, paths
from _networks import timed_fit
from _uses import fit_quietly
from data import LOADERS, Dataset
from data import load as load_dataset
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import sknet._base
from sknet._table.encoder import Encoder

DEFAULT_TABLES = ["adult", "diamonds", "ames"]
#: Epochs at most; early stopping ends most fits.
EPOCHS = 60
#: What both networks have in common, beside the seed and the epochs.
SETTING = {"hidden_layer_sizes": (128, 64), "solver": "adam", "early_stopping": True}
#: No encoding by the network: the pipeline does it.
NOT_ENCODED = {"feature_scaling": None, "categorical_features": None}
NETWORKS = {"classification": MLPBackpropClassifier, "regression": MLPBackpropRegressor}
VERDICT = "within one standard error or better"
EPOCH_COLUMNS = ["native's epochs", "pipeline's epochs"]


# ---------------------------------------------------------------- the time of the encoding


class Stopwatch:
    """Seconds spent in functions; what one of them calls of the others is not counted twice."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.running = False

    def timed(self, function: Callable) -> Callable:
        def wrapper(*args, **kwargs):
            if self.running:
                return function(*args, **kwargs)
            with self.run():
                return function(*args, **kwargs)

        return wrapper

    @contextmanager
    def run(self) -> Iterator[None]:
        self.running, start = True, time.perf_counter()
        try:
            yield
        finally:
            self.running = False
            self.seconds += time.perf_counter() - start


def encoding_seconds(fit: Callable[[], Any]) -> float:
    """Call `fit`; return the seconds that it spent encoding X.

    The one place that knows which methods of sknet encode: adjust the names here.
    """
    watch = Stopwatch()
    with (
        patch.object(sknet._base, "validate_X", watch.timed(sknet._base.validate_X)),
        patch.object(Encoder, "fit", staticmethod(watch.timed(Encoder.fit))),
        patch.object(Encoder, "encode", watch.timed(Encoder.encode)),
    ):
        fit()
    return watch.seconds


# ---------------------------------------------------------------- the two contestants


def native(make: Callable, **setting) -> BaseEstimator:
    """Return the network that takes the table as it is, by its defaults."""
    return make(**setting)


def behind_pipeline(make: Callable, **setting) -> Pipeline:
    """Return the network behind the encoding of numbers and of categories by dtype."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False),
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, make(**setting, **NOT_ENCODED))


@dataclass(frozen=True)
class Score:
    """A measure of predictions, and whether more of it is better."""

    name: str
    function: Callable
    more_is_better: bool = True


SCORES = {
    "classification": [Score("accuracy", accuracy_score)],
    "regression": [
        Score("R2", r2_score),
        Score("RMSE", root_mean_squared_error, more_is_better=False),
    ],
}


class Fit(NamedTuple):
    """What one fit came to; `encoding` is the seconds of it that the network spent encoding."""

    seconds: float
    encoding: float
    epochs: int
    scores: dict[str, float]


def split(dataset: Dataset, seed: int, max_rows: int | None) -> list:
    """Return training and test rows of X, then of y, out of `max_rows` drawn ones."""
    rows = np.random.default_rng(seed).permutation(len(dataset.X))[:max_rows]
    X, y = dataset.X.iloc[rows], dataset.y.iloc[rows]
    classes = y if dataset.task == "classification" else None
    return train_test_split(X, y, test_size=0.25, stratify=classes, random_state=seed)


def fitted(
    contestant: Callable, dataset: Dataset, seed: int, max_rows: int | None, epochs: int
) -> Fit:
    """Fit on three quarters of the rows and score on the others."""
    X_train, X_test, y_train, y_test = split(dataset, seed, max_rows)
    model = contestant(NETWORKS[dataset.task], **SETTING, max_iter=epochs, random_state=seed)
    watch = Stopwatch()
    encoding = encoding_seconds(lambda: watch.timed(fit_quietly)(model, X_train, y_train))
    predicted = predict_quietly(model, X_test)
    scores = {s.name: float(s.function(y_test, predicted)) for s in SCORES[dataset.task]}
    network = model[-1] if isinstance(model, Pipeline) else model
    return Fit(watch.seconds, encoding, network.n_iter_, scores)


def predict_quietly(model: BaseEstimator, X: pd.DataFrame) -> np.ndarray:
    """Predict without the pipeline's word on categories that were not in the training rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found unknown categories", UserWarning)
        return model.predict(X)


# ---------------------------------------------------------------- the tables


def tables(names: list[str], effort: Effort, max_rows: int | None) -> list[Table]:
    """Scores and seconds of both on every table."""
    scores = Table(
        "Scores on held-out rows: means over the seeds",
        ["table", "score", "native", "pipeline", "native - pipeline", "standard error", VERDICT],
    )
    times = Table(
        "Seconds of a fit: medians over the seeds",
        ["table", "native", "pipeline", "ratio", "encoding, % of native", *EPOCH_COLUMNS],
    )
    for name in names:
        dataset = load_dataset(name)
        fits = compared(dataset, effort, max_rows)
        for score in SCORES[dataset.task]:
            scores.rows.append([name, score.name, *score_row(score, fits)])
        times.rows.append([name, *time_row(fits)])
        scores.notes.append(f"{name}: {described(dataset, max_rows)}.")
        print(f"{name} is done.", file=sys.stderr)
    scores.notes.append(
        f"{effort.repeats} seeds; the standard error is that of the mean of their differences."
    )
    times.notes.append("The ratio is the pipeline's time over the native one; epochs are means.")
    return [scores, times]


def described(dataset: Dataset, max_rows: int | None) -> str:
    rows, columns = dataset.X.shape
    drawn = f", of which {max_rows} are drawn" if max_rows and max_rows < rows else ""
    return f"{rows} rows{drawn}, {columns} columns, {dataset.task}; {dataset.source}"


def compared(dataset: Dataset, effort: Effort, max_rows: int | None) -> dict[str, list[Fit]]:
    """Return the fits of both, seed by seed; the first seed also has the round not counted."""
    epochs = effort.epochs_of(EPOCHS)

    def contestant(make: Callable) -> Callable[[], Fit]:
        seeds = iter([0, *range(effort.repeats)])
        return lambda: fitted(make, dataset, next(seeds), max_rows, epochs)

    contestants = {"native": contestant(native), "pipeline": contestant(behind_pipeline)}
    with path(paths()[-1]):
        return in_turns(contestants, effort.repeats)


def score_row(score: Score, fits: dict[str, list[Fit]]) -> list[Any]:
    """Return both means, the mean of the paired differences, its standard error, the verdict."""
    ours, theirs = ([fit.scores[score.name] for fit in some] for some in fits.values())
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    mean, error = statistics.fmean(differences), standard_error(differences)
    worse = -mean if score.more_is_better else mean
    verdict = "yes" if worse <= error else "no"
    return [statistics.fmean(ours), statistics.fmean(theirs), mean, error, verdict]


def standard_error(values: list[float]) -> float:
    """Return that of the mean; a single value has none, which counts as 0."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def time_row(fits: dict[str, list[Fit]]) -> list[Any]:
    seconds = {name: [fit.seconds for fit in some] for name, some in fits.items()}
    share = sum(fit.encoding for fit in fits["native"]) / sum(seconds["native"])
    return [
        *map(statistics.median, seconds.values()),
        median_ratio(seconds["pipeline"], seconds["native"]),
        100 * share,
        *(statistics.fmean(fit.epochs for fit in some) for some in fits.values()),
    ]


# ---------------------------------------------------------------- embeddings

LEVELS = (100, 10_000)


def embeddings(effort: Effort) -> list[Table]:
    """Seconds per epoch with few and with many levels of one category beside five numbers."""
    n_samples, epochs = 100_000 if effort.quick else 1_000_000, effort.epochs or 2
    data = {n_levels: leveled_data(n_samples, n_levels) for n_levels in LEVELS}
    few, many = (f"{n_levels} levels" for n_levels in LEVELS)
    table = Table(
        f"Seconds per epoch, {n_samples} rows: a category of few or many levels and 5 numbers",
        ["", few, many, "ratio", f"encoding, {few}", f"encoding, {many}"],
    )
    for kind in paths():
        contestants = {
            str(n_levels): partial(leveled_seconds, *data[n_levels], epochs) for n_levels in LEVELS
        }
        with path(kind):
            results = in_turns(contestants, min(effort.repeats, 3))
        seconds, encoding = (
            [[fit[i] for fit in fits] for fits in results.values()] for i in range(2)
        )
        ratio = median_ratio(*seconds[::-1])
        medians = [*map(statistics.median, seconds)], [*map(statistics.median, encoding)]
        table.rows.append([f"sknet {kind}", *medians[0], ratio, *medians[1]])
    table.notes.append(
        f"Fits of {epochs} epochs, (64), codes as float64. The seconds per epoch include each"
        " epoch's part of the set-up; those of the encoding are a whole fit's."
    )
    return [table]


def leveled_data(n_samples: int, n_levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return codes in the first column and numbers in five others, and y that hangs on all."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 6))
    codes = rng.integers(n_levels, size=n_samples)
    X[:, 0] = codes
    y = X[:, 1:].sum(axis=1) + rng.standard_normal(n_levels)[codes]
    return X, y + rng.standard_normal(n_samples)


def leveled_seconds(X: np.ndarray, y: np.ndarray, epochs: int) -> tuple[float, float]:
    """Return the seconds per epoch, and those that the fit spent encoding."""
    network = MLPBackpropRegressor(
        (64,),
        categorical_features=[0],
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        tol=0.0,
        random_state=0,
    )
    watch: list[float] = []
    encoding = encoding_seconds(lambda: watch.append(timed_fit(network, X, y)))
    return watch[0] / epochs, encoding


# ---------------------------------------------------------------- sparse input

SPARSE = """
import json, resource, sys, time, warnings
import numpy as np
import scipy.sparse
import sknet

def peak():
    # Linux: ru_maxrss of a child begins with its parent's, VmHWM does not
    try:
        lines = open("/proc/self/status").read().splitlines()
    except OSError:
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

warnings.simplefilter("ignore")
n_samples, n_features, n_stored = {shape}
rng = np.random.default_rng(0)
indices = rng.integers(n_features, size=n_samples * n_stored, dtype=np.int32)
starts = np.arange(n_samples + 1, dtype=np.int32) * n_stored
X = scipy.sparse.csr_matrix((rng.random(indices.size), indices, starts), (n_samples, n_features))
X.sum_duplicates()
y = X @ rng.standard_normal(n_features) > 0
before = peak()
start = time.perf_counter()
sknet.MLPBackpropClassifier((32,), max_iter=1, random_state=0).fit(X, y)
seconds = time.perf_counter() - start
size = (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / 2**20
print(json.dumps({{"size": size, "before": before, "peak": peak(), "seconds": seconds}}))
"""


def sparse(effort: Effort) -> list[Table]:
    """The peak memory of a process that fits a classifier on CSR input."""
    shape = (20_000 if effort.quick else 200_000, 50_000, 50)
    n_samples, n_features, n_stored = shape
    table = Table(
        f"One epoch of (32) on CSR input, {n_samples} x {n_features}, {n_stored} non-zeros a row",
        ["", "in a fresh process"],
    )
    if find_spec("resource") is None:
        table.notes.append("Not measured: this system does not tell the peak memory of a process.")
        return [table]
    facts = in_fresh_process(SPARSE.format(shape=shape))
    table.rows = [
        ["X itself, MiB", facts["size"]],
        ["peak memory before the fit, MiB", facts["before"]],
        ["peak memory, MiB", facts["peak"]],
        ["seconds of the fit", facts["seconds"]],
    ]
    return [table]


#: Name -> what measures it, beside the tables.
SECTIONS: dict[str, Callable[[Effort], list[Table]]] = {"embeddings": embeddings, "sparse": sparse}


# ---------------------------------------------------------------- the script


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    default, known = ",".join([*DEFAULT_TABLES, *SECTIONS]), [*LOADERS, *SECTIONS]
    parser.add_argument("--only", metavar="NAMES", default=default, help=f"of {','.join(known)}")
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument("--seeds", type=int, help="splits of each table (5; 2 with --quick)")
    parser.add_argument("--max-rows", type=int, help="rows of a table (all; 4000 with --quick)")
    parser.add_argument("--epochs", type=int, help=f"of a fit, at most ({EPOCHS} on a table)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--rst", type=Path, metavar="FILE", help="also write them as tables there")
    options = parser.parse_args(arguments)
    for name in ("seeds", "max_rows", "epochs"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    options.names = options.only.split(",")
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"--only knows {', '.join(known)}, not {', '.join(unknown)}")
    options.seeds = options.seeds or (2 if options.quick else 5)
    options.max_rows = options.max_rows or (4000 if options.quick else None)
    return options


def sections(options: argparse.Namespace) -> dict[str, Callable[[Effort], list[Table]]]:
    """Return what is asked for: the tables are one section, first."""
    chosen = {name: SECTIONS[name] for name in SECTIONS if name in options.names}
    names = [name for name in options.names if name in LOADERS]
    if not names:
        return chosen
    return {"tables": lambda effort: tables(names, effort, options.max_rows), **chosen}


def main(arguments: list[str]) -> None:
    options = parse_arguments(arguments)
    effort = Effort(options.quick, options.seeds, options.epochs)
    facts = environment() | {"pandas": version_of("pandas")}
    for name, fact in facts.items():
        print(f"{name:18}{fact}")

    results: dict[str, list[Table]] = {}
    for section, measure in sections(options).items():
        begin = time.perf_counter()
        results[section] = measure(effort)
        print(f"\n=== {section} ({time.perf_counter() - begin:.0f} s)\n")
        print("\n".join(table.text() for table in results[section]), flush=True)
        facts["load at the end"] = load()
        write(options, facts, results)


def write(options: argparse.Namespace, facts: dict[str, str], results: dict) -> None:
    """Write the files asked for, with the sections so far."""
    if options.json:
        figures = {section: [vars(table) for table in some] for section, some in results.items()}
        report = {"environment": facts, "seeds": options.seeds, "sections": figures}
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.rst:
        options.rst.write_text(rst(facts, results))


def rst(facts: dict[str, str], results: dict[str, list[Table]]) -> str:
    machine = Table("Where these were measured", ["what", "which"], [[*f] for f in facts.items()])
    found = [table for some in results.values() for table in some]
    lines = [".. Written by tests/benchmarks/compare_tables.py --rst; do not edit.", ""]
    return "\n".join([*lines, *(f"{table.rst()}\n" for table in [machine, *found])]).rstrip() + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
