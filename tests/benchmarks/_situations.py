"""The sections on where users are: busy machines, small tables, single rows."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from _estimators import MLPBackpropClassifier, MLPBackpropRegressor
from _measure import (
    Effort,
    Table,
    in_turns,
    median_ratio,
    medians,
    path,
    paths,
    seconds_of,
    shortest_call,
)
from _networks import NETWORKS, fit_seconds, make_data, sized
from joblib import cpu_count
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import sknet

#: A process that needs a processor all the time.
BUSY = [sys.executable, "-c", "while True: pass"]


@contextmanager
def busy_processes(n: int) -> Iterator[None]:
    """Run `n` processes that need a processor each, in this context."""
    started = [subprocess.Popen(BUSY) for _ in range(n)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def limited(measure: Callable[[], float]) -> float:
    """What `measure` returns with one thread of BLAS."""
    with threadpool_limits(1):
        return measure()


def busy(effort: Effort) -> list[Table]:
    """Fits and a long prediction beside busy processes, against the same with one thread."""
    table = Table(
        "Time over that with one thread, beside k busy processes",
        ["", "path", *(f"k = {k}" for k in loads())],
    )
    for network in NETWORKS:
        own = sized(network, effort)
        X, y = make_data(own)
        for kind in paths():
            fit = partial(fit_seconds, kind, own, effort.epochs_of(own.epochs), X, y)
            table.rows.append([own.name, kind, *ratios(fit, effort)])
    for name, model, X, y in defaults():
        with path("numpy"):
            table.rows.append(
                [name, "numpy", *ratios(partial(seconds_of, fitted, model, X, y), effort)]
            )
    n_samples = 200_000 if effort.quick else 1_000_000
    X = np.random.default_rng(0).standard_normal((n_samples, 30))
    for hidden in ((100,), (256, 256)):
        model = fitted(MLPBackpropClassifier(hidden, max_iter=1), X[:1000], X[:1000, 0] > 0)
        predict = partial(seconds_of, model.predict_proba, X)
        name = f"predict_proba, {n_samples} x 30, {hidden}"
        table.rows.append([name, "numpy", *ratios(predict, effort)])
    return [table]


def defaults() -> Iterator[tuple[str, Any, np.ndarray, np.ndarray]]:
    """Fits with the default parameters, which validate after each epoch, and of folds."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5_000, 20))
    y = X[:, 0] + np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3] + 0.5 * rng.standard_normal(5_000)
    size = "defaults, 5000 x 20"
    yield f"{size}, classes", sknet.MLPBackpropClassifier(random_state=0), X, y > 0
    yield f"{size}, numbers", sknet.MLPBackpropRegressor(random_state=0), X, y
    yield f"{size}, numbers, cv=4", sknet.MLPBackpropRegressor(cv=4, random_state=0), X, y


def loads() -> list[int]:
    """Numbers of busy processes."""
    return [0, cpu_count(), 2 * cpu_count()]


def ratios(measure: Callable[[], float], effort: Effort) -> list[float]:
    """The time over that with one thread, for each number of busy processes."""
    found = []
    for k in loads():
        with busy_processes(k):
            results = in_turns({"own": measure, "one": partial(limited, measure)}, effort.repeats)
        found.append(median_ratio(results["own"], results["one"]))
    return found


def fitted(model: Any, X: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def small(effort: Effort) -> list[Table]:
    """Fit and score of small tables, and cross_val_score, with equal epochs."""
    iris = load_iris(return_X_y=True)
    made = make_classification(1000, 20, random_state=0)
    columns = ["", "epochs", "sknet ms", "scikit-learn's over it"]
    table = Table("Small tables, a hidden layer of 100", columns)
    for (name, (X, y)), n_epochs in product((("150 x 4", iris), ("1000 x 20", made)), (50, 200)):
        same = {"max_iter": n_epochs, "tol": 0.0, "n_iter_no_change": n_epochs, "random_state": 0}
        models = {
            "sknet": MLPBackpropClassifier((100,), **same),
            "scikit-learn": MLPClassifier((100,), **same),
        }

        def once(model: Any, X: Any = X, y: Any = y) -> None:
            fitted(model, X, y).score(X, y)

        def folds(model: Any, X: Any = X, y: Any = y) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                cross_val_score(model, X, y, cv=5)

        for what, use in (("fit and score", once), ("cross_val_score", folds)):
            with path("numpy"):
                contestants = {key: partial(seconds_of, use, m) for key, m in models.items()}
                results = in_turns(contestants, effort.repeats)
            ratio = median_ratio(results["scikit-learn"], results["sknet"])
            milliseconds = 1e3 * medians(results)["sknet"]
            table.rows.append([f"{name}, {what}", n_epochs, milliseconds, ratio])
    return [table]


def rows(effort: Effort) -> list[Table]:
    """predict and predict_proba of 1 and of 32 rows, from arrays and from frames."""
    table = Table("A few rows", ["", "method", "rows", "sknet us", "peer", "peer's over it"])
    for name, own, X, y, peer in _few_rows():
        label = "mixed frame pipeline" if "mixed" in name else "StandardScaler pipeline"
        label = "MLP alone" if "array" in name else label
        models = {"sknet": fitted(own, X, y), "peer": fitted(peer, X, y)}
        methods = [name for name in ("predict", "predict_proba") if hasattr(own, name)]
        for method, n in product(methods, (1, 32)):
            contestants = {
                key: partial(shortest_call, partial(getattr(model, method), X[:n]), 0.2)
                for key, model in models.items()
            }
            results = in_turns(contestants, effort.repeats)
            ratio = median_ratio(results["peer"], results["sknet"])
            microseconds = 1e6 * medians(results)["sknet"]
            table.rows.append([name, method, n, microseconds, label, ratio])
    return [table]


def _few_rows() -> Iterator[tuple[str, Any, Any, np.ndarray, Any]]:
    rng = np.random.default_rng(0)

    def network() -> MLPClassifier:
        return MLPClassifier((100,), max_iter=2)

    def own() -> MLPBackpropClassifier:
        return MLPBackpropClassifier((100,), max_iter=2)

    for n_columns, dtype in product((10, 300), ("float64", "float32")):
        X = rng.standard_normal((1000, n_columns)).astype(dtype)
        name, y = f"array of {n_columns} {dtype}", X[:, 0]
        yield f"{name}, classes", own(), X, y > 0, network()
        settings = {"hidden_layer_sizes": (100,), "max_iter": 2}
        regressors = MLPBackpropRegressor(**settings), MLPRegressor(**settings)
        yield f"{name}, numbers", regressors[0], X, y, regressors[1]
    y = y > 0
    for n_columns in (10, 300):
        X = pd.DataFrame(rng.standard_normal((1000, n_columns))).add_prefix("c")
        peer = make_pipeline(StandardScaler(), network())
        yield f"frame of {n_columns} numbers", own(), X, y, peer
        half = n_columns // 2
        levels = {f"l{k}": rng.choice(["a", "b", "c"], 1000) for k in range(half)}
        mixed = X.iloc[:, :half].assign(**levels)
        columns = make_column_transformer(
            (StandardScaler(), make_column_selector(dtype_include="number")),
            (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
        )
        peer = make_pipeline(columns, network())
        yield f"mixed frame of {n_columns} columns", own(), mixed, y, peer
