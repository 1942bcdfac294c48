"""How well sknet predicts with no argument, against scikit-learn's MLP and gradient boosting.

``python tests/benchmarks/compare_accuracy.py`` fits each model on each table and prints the ratios
of errors (of RMSE in regression), their geometric means, log-loss, AUC and CPU seconds. Results are
kept in ``--cache FILE`` as lines of JSON, so that a run goes on where it was interrupted.

scikit-learn's MLP stands behind a careful pipeline: medians and indicators for missing numbers,
which are standardised; one-hot categories, levels of fewer than 10 rows together; a standardised
target. HistGradientBoosting takes the table as it is. All use one thread.

Defaults were decided on the tables of ``DECIDED`` and ``TUNED``. Nothing was decided on those of
``REPORTED``.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _machine import environment
from _measure import Table
from data import LOADERS
from data import load as load_file
from sklearn import datasets
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from sknet import MLPBackpropClassifier, MLPBackpropRegressor, presets

#: Tables on which defaults were decided, and tables on which they are only reported.
DECIDED = [
    "adult", "credit_data", "phoneme", "letter", "satimage", "splice", "california", "diamonds",
    "ames", "bikeshare", "iris", "diabetes", "breast_cancer", "wine", "sonar", "house_prices",
    "texture", "ring",
]  # fmt: skip
REPORTED = [
    "wa_churn", "mlc_churn", "magic", "penbased", "optdigits", "spambase", "segment",
    "lending_club", "deliveries", "wages", "wage", "insteval", "concrete", "sacramento",
    "car_prices", "ionosphere", "vehicle", "german",
]  # fmt: skip
#: Tables by which single defaults were chosen, beside those of ``DECIDED``: of few rows, with
#: classes and with numbers; of 1,300 to 8,000 rows, with classes; and with a rare class.
TUNED = {
    "few_classes": [
        "australian", "bupa", "crx", "heart", "hayes-roth", "housevotes", "mammographic", "pima",
        "saheart", "movement_libras", "led7digit", "breast", "bands", "tae", "vowel", "wdbc",
        "wisconsin", "monk-2", "iris", "wine", "breast_cancer", "sonar",
    ],
    "few_numbers": [
        "cps1985", "house_prices", "auto", "carseats", "college", "hitters", "boston", "salaries",
        "bdims", "evals", "possum", "babies", "fastfood", "solubility", "meats", "epa2012",
        "biomass", "airquality", "diabetes",
    ],
    "classes": [
        "banana", "page-blocks0", "twonorm", "yeast1", "contraceptive", "segment0", "attrition",
        "cells", "caravan", "phoneme", "credit_data", "adult", "letter", "satimage",
    ],
    "rare": ["abalone19", "yeast4", "yeast5", "yeast6", "winequality-red-4", "caravan"],
}  # fmt: skip
BUNDLED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}


def sine(n: int) -> tuple[pd.DataFrame, Any]:
    """A sine of 1.5 periods with noise, on a line."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.5 * np.pi, 1.5 * np.pi, n)
    return pd.DataFrame({"x": x}), np.sin(x) + 0.1 * rng.normal(size=n)


def spirals(n: int) -> tuple[pd.DataFrame, Any]:
    """Two interleaved spirals of 1.75 turns."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    angle = np.sqrt(rng.uniform(0.02, 1, n)) * 3.5 * np.pi
    radius = angle / (3.5 * np.pi) * (1 - 2 * y)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return pd.DataFrame(X + 0.02 * rng.normal(size=X.shape), columns=["a", "b"]), y


#: Small problems whose answer is known, by name.
KNOWN = {
    **{f"sine_{n}": partial(sine, n) for n in (27, 67, 267, 1333)},
    "spirals_267": partial(spirals, 267),
    "spirals_1067": partial(spirals, 1067),
}
#: Rows of a training part at most, and of a test part.
TRAIN_ROWS, TEST_ROWS = 10_000, 10_000
#: Below this number of rows, splits are repeated this many times; above, seeds.
SMALL_ROWS, SMALL_SPLITS, SEEDS = 1000, 20, 3


class Problem(NamedTuple):
    name: str
    X: pd.DataFrame
    y: Any
    is_class: bool


@cache
def problem(name: str) -> Problem:
    """Return a table; classes as integers from 0, so that all models get the same labels."""
    if name in BUNDLED:
        X, y = BUNDLED[name](return_X_y=True, as_frame=True)
        return Problem(name, X, y.to_numpy(), name != "diabetes")
    if name in KNOWN:
        X, y = KNOWN[name]()
        return Problem(name, X, y, name.startswith("spirals"))
    assert name in LOADERS, name
    found = load_file(name)
    X = found.X.copy()
    for column in X.select_dtypes(include=["object", "string"]):
        X[column] = X[column].astype("category")
    if found.task == "regression":
        return Problem(name, X, found.y.to_numpy(np.float64), False)
    return Problem(name, X, pd.factorize(found.y, sort=True)[0], True)


def split(problem: Problem, seed: int, n_train: int) -> tuple[Any, ...]:
    n = len(problem.X)
    n_test = min(TEST_ROWS, max(n // 4, n - n_train))
    strata = problem.y if problem.is_class else None
    train, test = train_test_split(
        np.arange(n), train_size=min(n_train, n - n_test), test_size=n_test, random_state=seed,
        stratify=strata,
    )  # fmt: skip
    X, y = problem.X, problem.y
    return X.iloc[train], X.iloc[test], y[train], y[test]


def pipeline(problem: Problem, seed: int, **parameters: Any) -> Any:
    """Return scikit-learn's MLP behind a careful pipeline."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    levels = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (levels, make_column_selector(dtype_exclude="number")),
    )
    if problem.is_class:
        return make_pipeline(columns, MLPClassifier(random_state=seed, **parameters))
    network = MLPRegressor(random_state=seed, **parameters)
    return make_pipeline(columns, TransformedTargetRegressor(network, transformer=StandardScaler()))


def boosting(problem: Problem, seed: int) -> Any:
    kind = HistGradientBoostingClassifier if problem.is_class else HistGradientBoostingRegressor
    model = kind(random_state=seed)
    n_levels = max((problem.X[c].nunique() for c in problem.X.select_dtypes("category")), default=0)
    if n_levels > 255:  # its limit: the columns of more levels are codes of frequency
        return _WithCounts(model)
    return model


class _WithCounts:
    """HistGradientBoosting, with the frequent levels of a category of many as its categories."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def _frame(self, X: pd.DataFrame) -> pd.DataFrame:
        return X.assign(**{c: X[c].cat.set_categories(kept) for c, kept in self.kept.items()})

    def fit(self, X: pd.DataFrame, y: Any) -> "_WithCounts":
        categories = X.select_dtypes("category")
        self.kept = {c: X[c].value_counts().index[:254].tolist() for c in categories}
        self.model.fit(self._frame(X), y)
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        return self.model.predict(self._frame(X))


class _Filled:
    """A network of pytabkit, which takes categories but no missing numbers: medians, indicators."""

    def __init__(self, problem: Problem, seed: int, kind: str) -> None:
        import pytabkit

        task = "Classifier" if problem.is_class else "Regressor"
        own = {"device": "cpu", "random_state": seed, "n_threads": 1, "verbosity": 0}
        self.model = getattr(pytabkit, f"{kind}_{task}")(**own)

    def _frame(self, X: pd.DataFrame) -> pd.DataFrame:
        missing = {f"{c} is missing": X[c].isna().astype(float) for c in self.gaps}
        return X.fillna(self.medians).astype(dict.fromkeys(self.medians, float)).assign(**missing)

    def fit(self, X: pd.DataFrame, y: Any) -> "_Filled":
        numbers = X.select_dtypes("number")
        self.medians = numbers.median().to_dict()
        self.gaps = [c for c in numbers if numbers[c].isna().any()]
        self.model.fit(self._frame(X), y)
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        return self.model.predict(self._frame(X))

    def predict_proba(self, X: pd.DataFrame) -> Any:
        return self.model.predict_proba(self._frame(X))


def network(problem: Problem, seed: int, **parameters: Any) -> Any:
    """Return sknet's network; `parameters` may have some for "classes" or "numbers" alone."""
    kind = MLPBackpropClassifier if problem.is_class else MLPBackpropRegressor
    own = parameters | parameters.get("classes" if problem.is_class else "numbers", {})
    return kind(random_state=seed, **{k: v for k, v in own.items() if not isinstance(v, dict)})


#: What the picture calls them.
LABELS = {
    "default": "sknet", "accurate": "sknet, presets.ACCURATE", "best": "sknet, presets.BEST",
    "realmlp": "RealMLP-TD", "tabm": "TabM", "sklearn": "scikit-learn's MLP",
    "hgb": "HistGradientBoosting",
}  # fmt: skip
MODELS: dict[str, Callable[..., Any]] = {
    "default": network,
    "accurate": lambda problem, seed: network(problem, seed, **presets.ACCURATE),
    "best": lambda problem, seed: network(problem, seed, **presets.BEST),
    "sklearn": pipeline,
    "sklearn_early": lambda problem, seed: pipeline(problem, seed, early_stopping=True),
    "hgb": boosting,
    "realmlp": partial(_Filled, kind="RealMLP_TD"),  # these two need pytabkit, and minutes a table
    "tabm": partial(_Filled, kind="TabM_D"),
}


def measured(name: str, problem: Problem, seed: int, n_train: int, parameters: Any) -> dict:
    """Fit one model on one split, and measure it on the test part."""
    X, X_test, y, y_test = split(problem, seed, n_train)
    model = MODELS.get(name, network)(problem, seed, **(parameters or {}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        model.fit(X, y)
        fitted = time.process_time()
        prediction = model.predict(X_test)
        end = time.process_time()
        found = {"fit": fitted - start, "predict": end - fitted, "rows": len(y)}
        if not problem.is_class:
            return found | {"error": float(np.sqrt(np.mean((prediction - y_test) ** 2)))}
        P = np.asarray(model.predict_proba(X_test), np.float64)
    P = np.clip(P / P.sum(axis=1, keepdims=True), 1e-7, 1)
    found["error"] = float(np.mean(prediction != y_test))
    found["log_loss"] = float(log_loss(y_test, P / P.sum(axis=1, keepdims=True)))
    score = P[:, 1] if P.shape[1] == 2 else P / P.sum(axis=1, keepdims=True)
    found["auc"] = float(roc_auc_score(y_test, score, multi_class="ovr"))
    return found


class _Passed:
    """A callback that stops a fit at an error, and knows the CPU seconds that it took itself."""

    def __init__(self, X: Any, y: Any, is_class: bool, bound: float) -> None:
        self.X, self.y, self.is_class, self.bound = X, y, is_class, bound
        self.passed, self.own_seconds = False, 0.0

    def setup(self, estimator: Any, context: Any) -> None: ...
    def teardown(self, estimator: Any, context: Any) -> None: ...
    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> bool:
        if context.task_name != "epoch":
            return False
        start = time.process_time()
        prediction = fitted_estimator.predict(self.X)
        if self.is_class:
            error = np.mean(prediction != self.y)
        else:
            error = np.sqrt(np.mean((prediction - self.y) ** 2))
        self.passed = bool(error <= self.bound)
        self.own_seconds += time.process_time() - start
        return self.passed


def until_passed(problem: Problem, seed: int, n_train: int, bound: float) -> dict:
    """CPU seconds until the error of the default on the test part is at most `bound`."""
    X, X_test, y, y_test = split(problem, seed, n_train)
    callback = _Passed(X_test, y_test, problem.is_class, bound)
    model = network(problem, seed).set_callbacks(callback)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        model.fit(X, y)
    seconds = time.process_time() - start - callback.own_seconds
    return {"seconds": seconds, "passed": callback.passed}


def time_to_error(results: dict, cached: "Results", tables: list[str], rows: int) -> Table:
    """CPU seconds until the default passes the final error of scikit-learn's MLP, over its own."""
    table = Table("CPU seconds until scikit-learn's error", ["table", "passed", "s", "/ sklearn"])
    ratios = []
    for name in tables:
        own, peers = problem(name), results[name]["sklearn"]
        found = [
            cached.get(
                (name, "until", "null", seed, rows),
                partial(until_passed, own, seed, rows, peer["error"]),
            )
            for seed, peer in enumerate(peers)
        ]
        seconds = float(np.mean([one["seconds"] for one in found]))
        passed = float(np.mean([one["passed"] for one in found]))
        ratio = seconds / float(np.mean([peer["fit"] for peer in peers]))
        if passed > 0.5:
            ratios.append(ratio)
        table.rows.append([name, f"{passed:.0%}", seconds, ratio])
    table.rows.append(["geometric mean, where most splits pass", "", "", geometric_mean(ratios)])
    return table


class Results:
    """Measurements by table, model and seed, in a file."""

    def __init__(self, path: Path) -> None:
        self.path, self.found = path, {}
        if path.exists():
            for line in path.read_text().splitlines():
                *key, value = json.loads(line)
                self.found[tuple(key)] = value

    def get(self, key: tuple, measure: Callable[[], dict]) -> dict:
        if key not in self.found:
            self.found[key] = measure()
            with self.path.open("a") as file:
                file.write(json.dumps([*key, self.found[key]]) + "\n")
        return self.found[key]


def n_splits(problem: Problem, seeds: int, n_train: int) -> int:
    few = len(problem.X) * 3 // 4 < SMALL_ROWS
    return SMALL_SPLITS * seeds // SEEDS if few else seeds


def geometric_mean(ratios: Iterable[float]) -> float:
    return float(np.exp(np.mean(np.log(np.maximum([*ratios], 1e-12)))))


def compared(results: dict, tables: list[str], models: list[str], title: str) -> Table:
    """One row a table: error of the first model over that of each peer."""
    first, *peers = models
    header = ["table", "rows", first, *(f"/ {p}" for p in peers)]
    header += [f"log-loss / {p}" for p in peers] + [f"{m} s" for m in models]
    table = Table(title, header)
    ratios = {(what, p): [] for what in ("error", "log_loss") for p in peers}
    seconds = dict.fromkeys(models, 0.0)
    for name in tables:
        own = results[name]

        def mean(model: str, what: str, own: dict = own) -> float | None:
            values = [found.get(what) for found in own[model]]
            return None if None in values else float(np.mean(values))

        row: list[Any] = [name, own[first][0]["rows"], mean(first, "error")]
        for what in ("error", "log_loss"):
            for p in peers:
                a, b = mean(first, what), mean(p, what)
                ratio = None if a is None else (a + 1e-4) / (b + 1e-4)
                if ratio is not None:
                    ratios[what, p].append(ratio)
                row.append("" if ratio is None else ratio)
        for model in models:
            spent = mean(model, "fit") + mean(model, "predict")
            seconds[model] += spent
            row.append(spent)
        table.rows.append(row)
    means = [geometric_mean(found) if found else "" for found in ratios.values()]
    table.rows.append(["geometric mean", "", "", *means, *seconds.values()])
    better = [f"{np.mean(np.array(ratios['error', p]) < 1):.0%}" for p in peers]
    aucs = {
        m: [found["auc"] for name in tables for found in results[name][m] if "auc" in found]
        for m in models
    }
    if aucs[first]:
        words = ", ".join(f"{m} {np.mean(found):.4f}" for m, found in aucs.items())
        table.notes.append(f"mean AUC: {words}")
    table.notes.append(
        "better than " + ", ".join(f"{p} on {b}" for p, b in zip(peers, better, strict=True))
    )
    return table


def picture(results: dict, tables: list[str], models: list[str], path: Path) -> None:
    """Draw the mean error of each model, over scikit-learn's, against its CPU seconds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for k, model in enumerate(models):
        ratios, seconds = [], 0.0
        for name in tables:
            own, peer = (
                np.mean([found["error"] for found in results[name][m]]) for m in (model, "sklearn")
            )
            ratios.append((own + 1e-4) / (peer + 1e-4))
            seconds += float(np.mean([f["fit"] + f["predict"] for f in results[name][model]]))
        axes.scatter(seconds, geometric_mean(ratios))
        axes.annotate(LABELS.get(model, model), (seconds, geometric_mean(ratios)),
                      xytext=(6, -11 if k % 2 else 3),
                      textcoords="offset points")  # fmt: skip
    axes.set(xscale="log", xlabel="CPU seconds, all tables")
    axes.set_ylabel("error / that of scikit-learn's MLP")
    axes.margins(0.35, 0.25)
    figure.savefig(path, dpi=100)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default="decided", help="a list, or names of tables")
    parser.add_argument("--models", default="default,sklearn,hgb", help="the first one is compared")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--rows", type=int, default=TRAIN_ROWS, help="training rows at most")
    parser.add_argument("--cache", type=Path, default=Path("accuracy.jsonl"))
    parser.add_argument("--set", default="{}", help="parameters of sknet's network, as JSON")
    parser.add_argument("--rst", type=Path, help="also write the table there")
    parser.add_argument("--plot", type=Path, help="draw error against seconds there")
    parser.add_argument("--until", type=Path, help="write the time to sklearn's error there")
    options = parser.parse_args(arguments)
    lists = {"decided": DECIDED, "reported": REPORTED, **TUNED}
    tables = lists.get(options.tables) or options.tables.split(",")
    models = options.models.split(",")
    parameters = json.loads(options.set)
    facts: Any = list(environment().items())
    for fact in facts:
        print(*fact, sep=": ")
    cached, results = Results(options.cache), {}
    for name in tables:
        own = problem(name)
        results[name] = {model: [] for model in models}
        for model in models:
            given = parameters if model not in MODELS or model == "default" else None
            for seed in range(n_splits(own, options.seeds, options.rows)):
                key = (name, model, json.dumps(given, sort_keys=True), seed, options.rows)
                found = cached.get(key, partial(measured, model, own, seed, options.rows, given))
                results[name][model].append(found)
    table = compared(results, tables, models, f"Errors, {options.tables} tables")
    print(table.text())
    facts = Table("Where these were measured", ["what", "which"], [[*f] for f in facts])
    head = ".. Written by tests/benchmarks/compare_accuracy.py; do not edit."
    if options.until:
        until = time_to_error(results, cached, tables, options.rows)
        print(until.text())
        options.until.write_text("\n\n".join([head, until.rst()]).rstrip() + "\n")
    if options.rst:
        options.rst.write_text("\n\n".join([head, facts.rst(), table.rst()]).rstrip() + "\n")
    if options.plot:
        picture(results, tables, models, options.plot)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(sys.argv[1:])
