"""The sections on whole uses: prediction, a search, the first fit and the import."""

import statistics
import tracemalloc
import warnings
from functools import partial
from itertools import product

import numpy as np
from _estimators import MLPBackpropClassifier
from _measure import (
    Effort,
    Table,
    environment_variable,
    in_fresh_process,
    in_turns,
    median_ratio,
    medians,
    path,
    seconds_of,
)
from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

MIB = 1 << 20


def predict(effort: Effort) -> list[Table]:
    """predict_proba on a million rows: speed, and memory beyond input and output."""
    n_samples = 200_000 if effort.quick else 1_000_000
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 30))
    y = X[:1000, 0] > 0
    models = {"sknet": MLPBackpropClassifier((100,)), "scikit-learn": MLPClassifier((100,))}
    with path("numpy"):
        for model in models.values():
            fit_quietly(model.set_params(max_iter=1, random_state=0), X[:1000], y)
    results = in_turns(
        {
            name: lambda model=model: seconds_of(model.predict_proba, X)
            for name, model in models.items()
        },
        effort.repeats,
    )
    ratio = median_ratio(results["scikit-learn"], results["sknet"])
    title = f"predict_proba on {n_samples} x 30 rows, (100), float64 input"
    table = Table(title, ["", "seconds", "ratio to sknet's", "MiB beyond input and output"])
    for name, model in models.items():
        factor = 1.0 if name == "sknet" else ratio
        table.rows.append([name, medians(results)[name], factor, extra_memory(model, X)])
    return [table]


def extra_memory(model, X: np.ndarray) -> float:
    """MiB at the peak of predict_proba beyond what was there before and the output."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    output = model.predict_proba(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (peak - before - output.nbytes) / MIB


def fit_quietly(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


# ---------------------------------------------------------------- a search


def search(effort: Effort) -> list[Table]:
    """A grid search of 12 candidates x 5 folds, in numpy: too short for compiled epochs.

    Of few epochs, where setting up a fit, scoring it and the search itself weigh much, and of more.
    The workers are started in the round that is not counted.
    """
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    grid = {
        "hidden_layer_sizes": [(32,), (64,), (100,), (64, 32)],
        "learning_rate_init": [0.001] if effort.quick else [0.001, 0.003, 0.01],
    }
    n_candidates = len(ParameterGrid(grid))

    def searched(make, epochs: int, n_jobs: int) -> GridSearchCV:
        same = {"max_iter": epochs, "n_iter_no_change": epochs + 1, "tol": 0.0, "random_state": 0}
        return GridSearchCV(make(**same), grid, cv=5, n_jobs=n_jobs, refit=False)

    table = Table(
        f"GridSearchCV of {n_candidates} candidates x 5 folds on digits",
        ["epochs, n_jobs", "sknet seconds", "scikit-learn seconds", "ratio"],
    )
    peers = {"sknet": MLPBackpropClassifier, "scikit-learn": MLPClassifier}
    with path("numpy"), environment_variable("PYTHONWARNINGS", "ignore"):
        for epochs, n_jobs in product((2,) if effort.quick else (10, 50), (1, 2)):
            results = in_turns(
                {
                    name: partial(
                        lambda *search: seconds_of(fit_quietly, searched(*search), X, y),
                        make, epochs, n_jobs,
                    )
                    for name, make in peers.items()
                },
                min(effort.repeats, 3 if epochs < 50 else 2),
            )  # fmt: skip
            ratio = median_ratio(results["scikit-learn"], results["sknet"])
            table.rows.append([f"{epochs}, {n_jobs}", *medians(results).values(), ratio])

        with threadpool_limits(1), parallel_config("loky", inner_max_num_threads=1):
            scores = [
                fit_quietly(searched(MLPBackpropClassifier, 2, n_jobs), X, y).cv_results_[
                    "mean_test_score"
                ]
                for n_jobs in (1, 2)
            ]
    equal = "equals" if np.array_equal(*scores) else "DIFFERS FROM"
    table.notes.append(
        f"Under one BLAS thread each, mean_test_score with n_jobs=2 {equal} that with n_jobs=1."
    )
    return [table]


# ---------------------------------------------------------------- the start

START = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
start = time.perf_counter()
import sklearn.neural_network
middle = time.perf_counter()
before = set(sys.modules)
if {ours}:
    import sknet
    make = sknet.MLPBackpropClassifier
else:
    make = sklearn.neural_network.MLPClassifier
end = time.perf_counter()
loaded = sorted({{"numba", "matplotlib", "pandas"}} & (set(sys.modules) - before))
rng = np.random.default_rng(0)
X = rng.standard_normal((100, 5))
y = (X[:, 0] > 0).astype(int)
estimator = make(max_iter=1, random_state=0)
begin = time.perf_counter()
estimator.fit(X, y)
fit = time.perf_counter() - begin
print(json.dumps({{"sklearn": middle - start, "ours": end - middle, "fit": fit, "loaded": loaded}}))
"""


def start(effort: Effort) -> list[Table]:
    """The first fit of a fresh process, and what importing sknet adds."""
    sides = {"sknet": True, "scikit-learn": False}
    seen: dict[str, list[dict]] = {name: [] for name in sides}
    for _ in range(effort.repeats + 1):  # the first one fills the file cache
        for name, ours in sides.items():
            seen[name].append(in_fresh_process(START.format(ours=ours)))

    def milliseconds(name: str, what: str) -> float:
        return 1000 * statistics.median(facts[what] for facts in seen[name][1:])

    first_fit = Table(
        "First fit of a process: 100 x 5 rows, one epoch, after the import",
        ["", "milliseconds"],
        [[name, milliseconds(name, "fit")] for name in sides],
    )
    fits = [[facts["fit"] for facts in seen[name][1:]] for name in ("scikit-learn", "sknet")]
    first_fit.rows.append(["ratio", median_ratio(*fits)])
    imports = Table(
        "Import in a fresh process",
        ["", "milliseconds"],
        [
            ["import sklearn.neural_network", milliseconds("sknet", "sklearn")],
            ["import sknet after it", milliseconds("sknet", "ours")],
        ],
    )
    loaded = ", ".join(seen["sknet"][-1]["loaded"]) or "none"
    imports.notes.append(f"Of numba, matplotlib and pandas, loaded by it: {loaded}.")
    return [first_fit, imports]
