"""Situations that users are in: scores beside gradient boosting and scikit-learn's network.

``python tests/benchmarks/compare_quality.py`` prints a row for each case of ``CASES``, and a
column for each model: sknet as the case says to use it, sknet with its defaults,
``HistGradientBoosting`` and scikit-learn's MLP behind a ``StandardScaler`` (in regression, around y
too). A figure is the mean over three seeds of the score on new rows, with the range behind it.
``--only outliers,poisson`` takes the cases whose names hold one of these words; ``--seeds 1`` is
quicker. Rows are printed to stderr as they come, and the table at the end.

To add a case, append a `Case` to ``CASES``: a name, a function of the seed that returns X and y for
training and for testing, the score, and the parameters of the estimators. Nothing is asserted:
``tests/situations/`` does that.
"""

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from _columns import COLUMNS
from _machine import environment
from _measure import Table
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris, make_friedman1
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, d2_tweedie_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

NOTHING: Mapping[str, Any] = MappingProxyType({})
#: X and y for training, X and y for testing.
Split = tuple[Any, Any, Any, Any]


class Case(NamedTuple):
    """A situation: its data, how a prediction is scored, and what the models are told."""

    name: str
    data: Callable[[int], Split]
    score: Callable[[Any, Any, Any], float]
    classifies: bool = False
    #: Parameters of sknet, of gradient boosting and of scikit-learn's MLP.
    ours: Mapping[str, Any] = NOTHING
    boosting: Mapping[str, Any] = NOTHING
    mlp: Mapping[str, Any] = NOTHING
    #: Whether y is standardised around scikit-learn's regressor.
    scales_y: bool = True


# ---------------------------------------------------------------- data


def counts(seed: int, mean: float, n: int = 20_000) -> Split:
    """Poisson counts of a rate that is smooth in X; the test has the true rates."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n, 4))
    rate = mean * np.exp(X[:, 0] + 0.5 * X[:, 1] * X[:, 2] - 0.8)
    y = rng.poisson(rate).astype(float)
    return X[:n], y[:n], X[n:], rate[n:]


def amounts(seed: int, unit: float, n: int = 5000) -> Split:
    """Positive amounts in some unit."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n, 4))
    mean = np.exp(X[:, 0] + 0.5 * X[:, 1] * X[:, 2])
    return X[:n], unit * mean[:n] * rng.gamma(3, 1 / 3, n), X[n:], unit * mean[n:]


def friedman(
    seed: int, factor: float = 1.0, origin: float = 0.0, unit: float = 1.0, dtype: Any = float
) -> Split:
    """Friedman's function, where 1 % of y may be multiplied by a factor; the test is clean."""
    X, y = make_friedman1(4000, noise=1.0, random_state=seed)
    X_test, y_test = make_friedman1(4000, noise=0.0, random_state=seed + 100)
    rows = np.random.default_rng(seed).choice(len(y), len(y) // 100, replace=False)
    y[rows] *= factor
    return X.astype(dtype), origin + unit * y, X_test.astype(dtype), origin + unit * y_test


def rare(seed: int, share: float, n: int = 20_000) -> Split:
    """Two classes, one of them rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n, 10))
    s = X @ rng.normal(size=10) + 0.5 * X[:, 0] * X[:, 1] + 0.5 * rng.logistic(size=2 * n)
    y = (s > np.quantile(s, 1 - share)).astype(int)
    X, X_test, y, y_test = train_test_split(X, y, test_size=n, stratify=y, random_state=seed)
    return X, y, X_test, y_test


def few_irises(seed: int) -> Split:
    X, y = load_iris(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, train_size=60, stratify=y, random_state=seed)
    return X, y, X_test, y_test


# ---------------------------------------------------------------- scores


def r2(model: Any, X: Any, y: Any) -> float:
    prediction = np.asarray(model.predict(X), np.float64)
    centre, scale = y.mean(), y.std()
    return r2_score((y - centre) / scale, (prediction - centre) / scale)


def d2_poisson(model: Any, X: Any, y: Any) -> float:
    prediction = np.maximum(np.asarray(model.predict(X), np.float64), 1e-9 * y.mean())
    return d2_tweedie_score(y / y.mean(), prediction / y.mean(), power=1)


def auc(model: Any, X: Any, y: Any) -> float:
    return roc_auc_score(y, model.predict_proba(X)[:, 1])


def accuracy(model: Any, X: Any, y: Any) -> float:
    return accuracy_score(y, model.predict(X))


# ---------------------------------------------------------------- cases

POISSON: dict[str, Any] = {
    "score": d2_poisson,
    "ours": {"loss": "poisson"},
    "boosting": {"loss": "poisson"},
    "mlp": {"loss": "poisson"},
    "scales_y": False,
}
STOPS = {"early_stopping": True}
ABSOLUTE = {"loss": "absolute_error"}
CASES = [
    Case("poisson, mean 1", partial(counts, mean=1.0), **POISSON),
    Case("poisson, mean 0.01", partial(counts, mean=0.01), **POISSON),
    Case("amounts, poisson", partial(amounts, unit=1.0), **POISSON),
    Case("amounts times 1e-6, poisson", partial(amounts, unit=1e-6), **POISSON),
    Case("y in units of 1e-6", partial(friedman, unit=1e-6), r2),
    Case("y in units of 1e6", partial(friedman, unit=1e6), r2),
    Case("y = 1e9 + 1e-2 f, X float32",
         partial(friedman, origin=1e9, unit=1e-2, dtype=np.float32), r2),
    Case("clean y, huber", friedman, r2, ours={"loss": "huber"}, boosting=ABSOLUTE),
    Case("outliers: 1 % of y times 1e3, huber", partial(friedman, factor=1e3), r2,
         ours={"loss": "huber"}, boosting=ABSOLUTE),
    Case("outliers: 1 % of y times 1e3, absolute", partial(friedman, factor=1e3), r2,
         ours=ABSOLUTE, boosting=ABSOLUTE),
    Case("outliers: 1 % of y times 1e6, huber", partial(friedman, factor=1e6), r2,
         ours={"loss": "huber"}, boosting=ABSOLUTE),
    Case("1 positive in 1,000, stopping early", partial(rare, share=0.001), auc, True,
         ours=STOPS, boosting=STOPS, mlp=STOPS),
    Case("1 positive in 1,000, auto", partial(rare, share=0.001), auc, True,
         ours={"early_stopping": "auto"}),
    Case("1 positive in 100, stopping early", partial(rare, share=0.01), auc, True,
         ours=STOPS, boosting=STOPS, mlp=STOPS),
    Case("60 irises, lbfgs, stopping early", few_irises, accuracy, True,
         ours={"solver": "lbfgs", **STOPS}, mlp={"solver": "lbfgs"}),
]  # fmt: skip
CASES += [Case(name, data, r2) for name, data in COLUMNS.items()]


# ---------------------------------------------------------------- models


def models(case: Case, seed: int) -> dict[str, Any]:
    """Return the models of a case, by the columns of the table."""
    if case.classifies:
        kinds = MLPBackpropClassifier, HistGradientBoostingClassifier, MLPClassifier
    else:
        kinds = MLPBackpropRegressor, HistGradientBoostingRegressor, MLPRegressor
    ours, boosting, theirs = kinds
    plain = {"loss": case.ours["loss"]} if case.ours.get("loss") == "poisson" else {}
    pipeline = make_pipeline(StandardScaler(), theirs(random_state=seed, **case.mlp))
    if not case.classifies and case.scales_y:
        pipeline = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    return {
        "sknet": ours(random_state=seed, **case.ours),
        "defaults": ours(random_state=seed, **plain),
        "boosting": boosting(random_state=seed, **case.boosting),
        "scikit-learn": pipeline,
    }


def scores(case: Case, seed: int) -> dict[str, float]:
    X, y, X_test, y_test = case.data(seed)
    found = {}
    for name, model in models(case, seed).items():
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            try:
                found[name] = case.score(model.fit(X, y), X_test, y_test)
            except ValueError:  # it diverged, or refuses the data
                found[name] = float("nan")
    return found


def compared(cases: list[Case], n_seeds: int) -> Table:
    columns = ["sknet", "defaults", "boosting", "scikit-learn"]
    table = Table(f"Score on new rows, {n_seeds} seeds: mean (range)", ["case", *columns])
    for case in cases:
        runs = [scores(case, seed) for seed in range(n_seeds)]
        cells = []
        for column in columns:
            values = [run[column] for run in runs]
            cells.append(f"{statistics.fmean(values):.3f} ({max(values) - min(values):.3f})")
        table.rows.append([case.name, *cells])
        print("  ".join(table.rows[-1]), file=sys.stderr, flush=True)
    table.notes.append("AUC, R2, D2 of Poisson's deviance or accuracy; nan: an error.")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="words in the names of cases, with commas")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    words = [word for word in args.only.split(",") if word]
    cases = [case for case in CASES if not words or any(word in case.name for word in words)]
    print(environment())
    print(compared(cases, args.seeds).text())


if __name__ == "__main__":
    main()
