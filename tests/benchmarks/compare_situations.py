"""What two commits of the package make of the situations that users are in, one line each.

``python tests/benchmarks/compare_situations.py BEFORE AFTER`` meets each situation with each of two
checkouts, in a process of its own, and prints what came of it side by side: an error, a warning, a
score, a time. BEFORE and AFTER are folders that hold ``sknet/``, or git revisions of this
repository. ``--only`` picks parts by their letters. Rows whose packages are not installed say so.
"""

import argparse
import io
import json
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from _checkouts import announcement, checkouts, require_package_in
from _measure import Table, shortest_call
from sklearn.datasets import make_classification, make_moons, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_score, train_test_split

#: Characters of an outcome, and of a message within it, that are shown.
SHOWN, SHOWN_OF_MESSAGE = 100, 60
N = 1000
ROWS = range(N)
X1 = np.random.default_rng(0).normal(size=N)
DAYS = pd.date_range("2000-01-01", periods=N)
#: Part, row, and what is done.
SITUATIONS: list[tuple[str, str, Callable[[], Any]]] = []


def add(part: str, row: str, call: Callable[..., Any], *args: Any) -> None:
    """Add a situation."""
    SITUATIONS.append((part, row, partial(call, *args)))


def classifier(**params: Any) -> Any:
    from sknet import MLPBackpropClassifier

    return MLPBackpropClassifier(**{"random_state": 0, **params})


def regressor(**params: Any) -> Any:
    from sknet import MLPBackpropRegressor

    return MLPBackpropRegressor(**{"random_state": 0, **params})


SMALL = {"hidden_layer_sizes": (3,), "max_iter": 1}


def outcome(call: Callable[[], Any]) -> str:
    """Say in a line what a call returns, its error, and its warnings."""
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            said = str(call())
        except ImportError as error:
            return f"(not installed: {error.name})" if error.name else f"ImportError: {error}"
        except Exception as error:
            said = f"error: {_short(error)}"
    others = [w for w in caught if "Maximum iterations" not in str(w.message)]
    words = "; ".join(dict.fromkeys(_short(w.message) for w in others))
    said = _short(said)
    return f"{said} [warns: {words}]"[:SHOWN] if words else said


def _short(message: Any) -> str:
    return " ".join(str(message).split())[:SHOWN_OF_MESSAGE]


# ---------------------------------------------------------------- A: text


def encoding_of(column: Any) -> str:
    X = pd.DataFrame({"x": X1, "column": column})
    return regressor(**SMALL).fit(X, X1).input_encoding_["encoding"].iloc[-1]


TEXTS = {
    '"$1,234.50"': [f"${7 * k:,}.50" for k in ROWS],
    '"1,234"': [f"{7 * k:,}" for k in ROWS],
    '"12.5 kg"': [f"{k / 10} kg" for k in ROWS],
    '"12%"': [f"{k}%" for k in ROWS],
    '"1234,5"': [f"{k},5" for k in ROWS],
    "01/31/2020": DAYS.strftime("%m/%d/%Y"),
    "31.01.2020": DAYS.strftime("%d.%m.%Y"),
    "2020/01/31": DAYS.strftime("%Y/%m/%d"),
    '"Jan 31, 2020"': DAYS.strftime("%b %d, %Y"),
    'ISO dates, one ""': DAYS.strftime("%Y-%m-%d").where(np.arange(N) != 5, ""),
    'ISO dates, one "unknown"': DAYS.strftime("%Y-%m-%d").where(np.arange(N) != 5, "unknown"),
    'numbers, two "?"': [str(k) if k > 1 else "?" for k in ROWS],
    'numbers, 60 % "?"': [str(k) if k % 5 > 2 else "?" for k in ROWS],
    "identifiers": [f"id-{7919 * k}" for k in ROWS],
    "e-mail addresses": [f"user{k}@example.org" for k in ROWS],
    "codes of few levels": [str(k % 3 + 1) for k in ROWS],
    "postal codes": [f"{k % 40:05d}" for k in ROWS],
}
for name, text in TEXTS.items():
    add("A", name, encoding_of, text)


# ---------------------------------------------------------------- B: y


def classes_of(y: Any) -> str:
    return str(classifier(**SMALL).fit(X1[:, None], y).classes_)


def regressed(y: Any) -> str:
    return f"mean {float(np.mean(regressor(**SMALL).fit(X1[:, None], y).predict(X1[:, None]))):.3g}"


def unseen_label() -> None:
    y = np.where(X1 > 0, "ill", "fit")
    classifier(**SMALL).partial_fit(X1[:, None], y, classes=["fit", "ill"]).partial_fit(
        X1[:5, None], ["healthy"] * 5
    )


TWO = pd.DataFrame({"p": X1 > 0, "q": X1 > 1})
for dtype in ("Int64", "boolean", "Float64", "int64[pyarrow]", "bool[pyarrow]"):
    add("B", f"indicators, {dtype}", lambda dtype=dtype: classes_of(TWO.astype(dtype)))
MISSING = {
    "None in a list": ["yes" if v < 1 else None for v in X1],
    "NaN": np.where(X1 > 1, np.nan, 1.0),
    "pd.NA": pd.Series(X1 > 0, dtype="boolean").where(X1 < 1),
    "NaT": DAYS.where(X1 < 1),
}
add("B", "one column, Int64", classes_of, pd.DataFrame({"y": pd.Series(X1 > 0, dtype="Int64")}))
add("B", "object booleans", classes_of, (X1 > 0).astype(object))
add("B", "object ints", classes_of, (X1 > 0).astype(int).astype(object))
add("B", "intervals of pd.cut", lambda: classes_of(pd.cut(X1, 3)))
for name, y in MISSING.items():
    add("B", f"missing labels, {name}", classes_of, y)
add("B", "missing numbers, NaN", regressed, np.where(X1 > 1, np.nan, X1))
add("B", "missing numbers, NaT", regressed, DAYS.where(X1 < 1))
add("B", "dates as target", regressed, DAYS)
add("B", "spans of time as target", lambda: regressed(pd.to_timedelta(X1, unit="h")))
add("B", "one-hot y", classes_of, np.eye(3, dtype=int)[np.arange(N) % 3])
add("B", "unseen label", unseen_label)


# ---------------------------------------------------------------- C: numbers


def table(n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 6))
    return X, X[:, 0] + np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3] + 0.1 * rng.normal(size=n)


def r2(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> str:
    X, y = table()
    return score(change(X, np.random.default_rng(2)), y)


def score(X: Any, y: np.ndarray, **params: Any) -> str:
    parts = train_test_split(X, y, random_state=0)
    model = regressor(**{"max_iter": 100, "learning_rate_init": 3e-3, **params})
    return f"R2 {model.fit(parts[0], parts[2]).score(parts[1], parts[3]):.3f}"


def far_value(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    X = X.copy()
    X[rng.integers(0, len(X), X.shape[1]), np.arange(X.shape[1])] = 1e9
    return X


def rare_columns(dtype: str) -> str:
    rng = np.random.default_rng(3)
    X = (rng.random((3000, 200)) < 0.01).astype(dtype)
    return score(X, X @ rng.normal(size=200) + 0.05 * rng.normal(size=3000))


def resolved() -> str:
    X, y = table()
    model = regressor(max_iter=20).fit(X.astype("float32"), 1e9 + y)
    return f"{len(np.unique(model.predict(X.astype('float32'))))} different predictions"


def far_targets(**params: Any) -> str:
    X, y = table()
    far = np.random.default_rng(4).random(len(y)) < 0.01
    parts = train_test_split(X, np.where(far, 1000 * y, y), y, far, random_state=0)
    model = regressor(max_iter=100, **params).fit(parts[0], parts[2])
    clean = ~parts[7]
    return f"R2 of clean rows {model.score(parts[1][clean], parts[5][clean]):.3g}"


def epochs(y: np.ndarray, **params: Any) -> str:
    return f"{regressor(**params).fit(table()[0], y).n_iter_} epochs"


def rare_counts() -> str:
    X, y = table(20000)
    counts = np.random.default_rng(5).poisson(0.01 * np.exp(y / 2 - 0.5))
    return f"{regressor(loss='poisson').fit(X, counts).n_iter_} epochs"


def unknown_levels() -> str:
    X, y = table()
    code = np.arange(len(y)) % 9
    frame = pd.DataFrame({"x": X[:, 0], "c": code.astype(str)})
    model = regressor(max_iter=30).fit(frame, X[:, 0] + code)
    changed = frame.assign(c=code.astype(float).astype(str))
    return f"R2 {model.score(changed, X[:, 0] + code):.3f}"


add("C", "1e9 once in each column", r2, far_value)
add("C", "-999 in 5 %", r2, lambda X, rng: np.where(rng.random(X.shape) < 0.05, -999.0, X))
add("C", "lognormal columns", r2, lambda X, rng: np.exp(3 * X))
add("C", "clean table", r2, lambda X, rng: X)
for dtype in ("int64", "float64", "bool"):
    add("C", f"200 rare columns, {dtype}", rare_columns, dtype)
add("C", "y = 1e9 + small, float32", resolved)
for link in ("logistic", "tanh", "softplus"):
    add("C", f"out_activation={link}", lambda link=link: score(*table(), out_activation=link))
add("C", "poisson at a mean of 0.01", rare_counts)
add("C", "y in units of 1e-6, not scaled", lambda: epochs(1e-6 * table()[1], target_scaling=False))
add("C", "1 % of y times 1,000", far_targets)
add("C", "the same, huber", lambda: far_targets(loss="huber"))
add("C", "all levels unknown", unknown_levels)


# ---------------------------------------------------------------- D: early stopping


def imbalanced(**params: Any) -> str:
    X, y = make_classification(
        20000, 10, n_informative=6, weights=[0.999], flip_y=0, class_sep=1.5, random_state=0
    )
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = classifier(**params).fit(X, y)
    auc = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    return f"AUC {auc:.3f} after {model.n_iter_} epochs"


for stops in (False, True, "auto"):
    add("D", f"1 in 1,000, early_stopping={stops}", lambda s=stops: imbalanced(early_stopping=s))


# ---------------------------------------------------------------- E: around scikit-learn


def subclass() -> str:
    from sknet import MLPBackpropClassifier

    class Sized(MLPBackpropClassifier):
        def __init__(self, n_units: int = 5, n_layers: int = 1) -> None:
            super().__init__((n_units,) * n_layers, max_iter=1)
            self.n_units, self.n_layers = n_units, n_layers

    return str([W.shape for W in Sized().fit(X1[:, None], X1 > 0).coefs_])


def absent_class() -> str:
    y = np.where(np.arange(N) < 5, "rare", np.where(X1 > 0, "yes", "no"))
    model = classifier(class_weight={"rare": 5, "yes": 1, "no": 1}, **SMALL)
    return f"scores {cross_val_score(model, X1[:, None], y, cv=KFold(4)).round(2)}"


def reordered() -> str:
    import pyarrow

    X = pyarrow.table({"a": X1, "b": 100 + X1**2})
    model = regressor(**SMALL).fit(X, X1)
    same = np.allclose(model.predict(X), model.predict(X.select(["b", "a"])))
    return "the same" if same else "other predictions"


def lazy_fit() -> None:
    import polars

    model = regressor(**SMALL).fit(pd.DataFrame({"a": X1}), X1)
    model.predict(polars.DataFrame({"a": X1}).lazy())


def dask_fit() -> str:
    import dask.dataframe

    frame = dask.dataframe.from_pandas(pd.DataFrame({"a": X1}), npartitions=2)
    return str(regressor(**SMALL).fit(frame, X1).n_features_in_)


def advised_lines() -> str:
    X = pd.DataFrame({("x", "a"): X1, ("x", "b"): DAYS})
    try:
        regressor(**SMALL).fit(X, X1)
    except ValueError as error:
        names = {"X": X, "pandas": pd}
        exec("\n".join(line.strip() for line in str(error).splitlines()[1:]), names)
        regressor(**SMALL).fit(names["X"], X1)
    return "the lines run"


def weights(values: Any) -> str:
    try:
        classifier(**SMALL).fit(X1[:, None], X1 > 0, sample_weight=values)
    except Exception as error:
        return "prints the data" if "secret" in str(error) or "73" in str(error) else _short(error)
    return "fitted"


add("E", "subclass with own parameters", subclass)
add("E", "class_weight, a fold lacks a class", absent_class)
add("E", "pyarrow Table, reordered", reordered)
add("E", "Dask frame", dask_fit)
add("E", "LazyFrame in predict", lazy_fit)
add("E", "MultiIndex: advised lines", advised_lines)
add("E", "weights of text", weights, ["secret"] * N)
add("E", "complex weights", weights, np.full(N, 73j))


# ---------------------------------------------------------------- F: small frames, many classes


def bool_frame() -> str:
    said = []
    frames = [pd.DataFrame(np.random.default_rng(0).random((2000, 200)) < 0.5)]
    frames.append(frames[0].astype("uint8"))
    y = np.asarray(frames[1]).sum(axis=1) / 10
    models = [regressor(**SMALL).fit(frame, y) for frame in frames]
    for name in ("fit", "predict"):
        bools, integers = (
            shortest_call(partial(getattr(m, name), X, *([y] if name == "fit" else [])), 1.0)
            for m, X in zip(models, frames, strict=True)
        )
        said.append(f"{name} {bools / integers:.1f} times uint8")
    return ", ".join(said)


def one_row() -> str:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 600))).rename(columns=str)
    model = regressor(**SMALL).fit(X, X["0"])
    return f"{1e3 * shortest_call(partial(model.predict, X[:1]), 1):.1f} ms"


def many_classes(make: Callable[[], Any]) -> str:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20000, 50)), rng.integers(0, 1500, 20000)
    model = make()
    tracemalloc.start()
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f"{peak / 2**20:.0f} MB, {seconds:.1f} s"


def scikit_learns() -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(max_iter=2, random_state=0)


add("F", "boolean frame", bool_frame)
add("F", "one row of 600 columns", one_row)
add("F", "1,500 classes", many_classes, lambda: classifier(max_iter=2))
add("F", "1,500 classes, scikit-learn", many_classes, scikit_learns)


# ---------------------------------------------------------------- G: a changed import


def moons(**params: Any) -> str:
    X, y = make_moons(noise=0.3, random_state=0)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=42)
    models = [classifier(random_state=seed, **params) for seed in range(5)]
    return f"accuracy {np.mean([m.fit(X, y).score(X_test, y_test) for m in models]):.2f}"


def tol() -> str:
    X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    X, X_test, y, y_test = train_test_split(X, y, random_state=1)
    model = regressor(max_iter=2000, tol=0.1).fit(X, y)
    return f"R2 {model.score(X_test, y_test):.2f} after {model.n_iter_} epochs"


def lines() -> str:
    with redirect_stdout(io.StringIO()) as out:
        classifier(max_iter=13, verbose=10).fit(X1[:, None], X1 > 0)
    return f"{len(out.getvalue().splitlines())} lines in 13 epochs"


add("G", "alpha=1", lambda: moons(alpha=1, max_iter=1000))
add("G", "alpha=0.05", lambda: moons(alpha=0.05, max_iter=1000))
add("G", "alpha=1, lbfgs", lambda: moons(alpha=1, solver="lbfgs", max_iter=1000))
add("G", "tol=0.1", tol)
add("G", "lbfgs, early_stopping", lambda: moons(solver="lbfgs", early_stopping=True, max_iter=2000))
add("G", "verbose=10", lines)


# ---------------------------------------------------------------- H: around


def broken_numba(how: str) -> str:
    import sknet

    package, stubs = str(Path(sknet.__file__).parents[1]), str(Path(__file__).parents[2])
    code = (  # a fit that might take long tries numba; this one stops after a few epochs
        "import sys, runpy; from pathlib import Path\n"
        f"names = runpy.run_path({stubs!r} + '/tests/situations/broken_numba.py')\n"
        f"names['install'](Path(sys.argv[1]), names['STUBS'][{how!r}])\n"
        f"sys.path[:0] = [sys.argv[1], {package!r}]\n"
        "import numpy as np; from sknet import MLPBackpropRegressor as R\n"
        "X = np.random.default_rng(0).normal(size=(300, 2))\n"
        "R((3,), max_iter=10**6, tol=1e6, n_iter_no_change=1, batch_size=32).fit(X, X[:, 0])"
    )
    with TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    if done.returncode:
        return f"error: {_short(done.stderr.splitlines()[-1])}"
    return f"fitted, {done.stderr.count('numba is installed but')} warning"


def objects() -> str:
    X = pd.DataFrame({"x": X1, "c": np.where(X1 > 0, "a", "b")}).to_numpy(dtype=object)
    return str(regressor(**SMALL).fit(X, X1).input_encoding_["encoding"].tolist())


def constant_chunk() -> str:
    model = regressor(hidden_layer_sizes=(5,), learning_rate_init=0.01)
    for k in range(500):
        model.partial_fit(X1[k : k + 1, None], X1[k : k + 1])
    return f"R2 {model.score(X1[500:, None], X1[500:]):.2f}"


def hashes() -> str:
    import joblib

    model = regressor(**SMALL).fit(X1[:, None], X1)
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return "equal" if joblib.hash(joblib.load(file)) == joblib.hash(model) else "different"


def column_vector() -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regressor(**SMALL).fit(X1[:, None], X1[:, None])
    n_warnings = sum("column-vector" in str(w.message) for w in caught)
    return f"{n_warnings} warnings"


def diagram() -> str:
    model = regressor(max_iter=1).fit(X1[:, None], X1)
    return "a block of features" if "100 features" in model._repr_html_() else "no features"


def annotations() -> str:
    cls = type(classifier())
    methods = ("__init__", "fit", "partial_fit", "predict", "predict_proba", "score", "transform")
    n_typed = sum("return" in getattr(cls, name).__annotations__ for name in methods)
    return f"{n_typed} of {len(methods)} methods have types"


for how in ("import", "decoration", "first call"):
    add("H", f"numba broken at {how}", broken_numba, how)
add("H", "object array, from_dtype", objects)
add("H", "partial_fit row by row", constant_chunk)
add("H", "joblib.hash after loading", hashes)
add("H", "column-vector y", column_vector)
add("H", "HTML diagram", diagram)
add("H", "types", annotations)


# ---------------------------------------------------------------- the comparison


def worker(folder: str, parts: str) -> None:
    """Print the outcomes with the package of a checkout, as JSON."""
    require_package_in(folder)
    warnings.simplefilter("ignore", ConvergenceWarning)
    found = {f"{p}: {row}": outcome(call) for p, row, call in SITUATIONS if p in parts}
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkouts", nargs="*", help="BEFORE AFTER")
    parser.add_argument("--only", default="ABCDEFGH", help="letters of parts")
    parser.add_argument("--worker")
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.only)
        return
    with checkouts(*arguments.checkouts) as (before, after):
        print(announcement(before, after), end="\n\n")
        found = []
        for checkout in (before, after):
            command = checkout.command(__file__, "--only", arguments.only)
            done = subprocess.run(
                command, capture_output=True, text=True, env=checkout.environment(1)
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    comparison = Table("Situations", ["row", "before", "after"])
    comparison.rows = [
        [row, said, "the same" if found[1][row] == said else found[1][row]]
        for row, said in found[0].items()
    ]
    print(comparison.text())


if __name__ == "__main__":
    main()
