"""Programs written for scikit-learn's networks, with the import changed and nothing else.

``python tests/benchmarks/compare_gallery.py`` does what examples of scikit-learn's gallery, its
user guide and its docstrings do with ``MLPClassifier`` and ``MLPRegressor``: once with these
classes and once with sknet's. It prints the scores side by side, and which warnings sknet gives
that scikit-learn does not. A score is the mean over ``--seeds`` seeds, each
with another split of the rows: the examples test on as few as 25.

A row is "silently worse" if sknet's score is lower by more than .02 and no warning of its own says
why. ``--only`` takes names of examples, divided by commas. Those on real tables download them, as
``data.py`` says, and need pyarrow.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from _measure import Table
from data import load as load_dataset
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import (
    load_diabetes,
    load_digits,
    load_iris,
    make_circles,
    make_classification,
    make_moons,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

#: Loss of score above which a row is worse.
MARGIN = 0.02
#: Row of an example: its label, and a score, given the class and what is added to the seed.
Row = tuple[str, Callable[[type, type, int], float]]


def linearly_separable() -> tuple[np.ndarray, np.ndarray]:
    """Two classes in two dimensions, as several examples draw them."""
    X, y = make_classification(
        n_features=2, n_redundant=0, n_informative=2, random_state=1, n_clusters_per_class=1
    )
    return X + 2 * np.random.RandomState(2).uniform(size=X.shape), y


TOYS = {
    "moons": lambda: make_moons(noise=0.3, random_state=0),
    "circles": lambda: make_circles(noise=0.2, factor=0.5, random_state=1),
    "linear": linearly_separable,
}


def on_test_rows(model: Any, X: Any, y: Any, **split: Any) -> float:
    """Fit on one part of the rows, score on the other."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, **split)
    return model.fit(X_train, y_train).score(X_test, y_test)


# ---------------------------------------------------------------- the examples


def classifier_comparison() -> Iterator[Row]:
    """alpha=1 on toy data."""

    def score(toy: str, classifier: type, regressor: type, seed: int) -> float:
        network = classifier(alpha=1, max_iter=1000, random_state=42 + seed)
        model = make_pipeline(StandardScaler(), network)
        return on_test_rows(model, *TOYS[toy](), test_size=0.4, random_state=42 + seed)

    for toy in TOYS:
        yield toy, partial(score, toy)


def mlp_alpha() -> Iterator[Row]:
    """Several alpha under lbfgs, with early stopping as today and without it as formerly."""
    today = {"hidden_layer_sizes": [10, 10], "early_stopping": True}
    formerly = {"hidden_layer_sizes": [100, 100]}

    def score(
        toy: str, alpha: float, more: dict, classifier: type, regressor: type, seed: int
    ) -> float:
        network = classifier(
            solver="lbfgs", alpha=alpha, random_state=1 + seed, max_iter=2000, **more
        )
        model = make_pipeline(StandardScaler(), network)
        return on_test_rows(model, *TOYS[toy](), test_size=0.4, random_state=42 + seed)

    for toy in TOYS:
        for alpha in np.logspace(-1, 1, 5):
            yield f"{toy}, alpha={alpha:.3g}, early stopping", partial(score, toy, alpha, today)
        for alpha in np.logspace(-5, 3, 5):
            yield f"{toy}, alpha={alpha:.3g}", partial(score, toy, alpha, formerly)


def mlp_training_curves() -> Iterator[Row]:
    """Schedules and momentum of sgd, and adam; the score is that on the training rows."""
    data = {
        "iris": partial(load_iris, return_X_y=True),
        "digits": partial(load_digits, return_X_y=True),
        "circles": TOYS["circles"],
        "moons": TOYS["moons"],
    }
    sgd = {"solver": "sgd", "learning_rate_init": 0.2}
    momentum = {"momentum": 0.9, "nesterovs_momentum": False}
    nesterov = {"momentum": 0.9, "nesterovs_momentum": True}
    ways = {
        "constant": {**sgd, "learning_rate": "constant", "momentum": 0},
        "constant, momentum": {**sgd, "learning_rate": "constant", **momentum},
        "constant, Nesterov": {**sgd, "learning_rate": "constant", **nesterov},
        "invscaling": {**sgd, "learning_rate": "invscaling", "momentum": 0},
        "invscaling, momentum": {**sgd, "learning_rate": "invscaling", **momentum},
        "invscaling, Nesterov": {**sgd, "learning_rate": "invscaling", **nesterov},
        "adam": {"solver": "adam", "learning_rate_init": 0.01},
    }

    def score(name: str, way: str, classifier: type, regressor: type, seed: int) -> float:
        X, y = data[name]()
        X = MinMaxScaler().fit_transform(X)
        max_iter = 15 if name == "digits" else 400
        network = classifier(random_state=seed, max_iter=max_iter, **ways[way])
        return network.fit(X, y).score(X, y)

    for name in data:
        for way in ways:
            yield f"{name}, {way}", partial(score, name, way)


def mnist_filters() -> Iterator[Row]:
    """A few epochs of sgd on images; 5,000 of them here."""

    def score(classifier: type, regressor: type, seed: int) -> float:
        own = load_dataset("mnist_5k")
        X, y = own.X.to_numpy() / 255.0, own.y.to_numpy().astype(str)
        network = classifier(
            hidden_layer_sizes=(40,), max_iter=8, alpha=1e-4, solver="sgd", verbose=0,
            random_state=1 + seed, learning_rate_init=0.2,
        )  # fmt: skip
        return on_test_rows(network, X, y, test_size=0.7, random_state=seed)

    yield "5,000 images", score


def partial_dependence() -> Iterator[Row]:
    """Regression behind quantile transformations: houses formerly, bicycles today."""
    params = {
        "hidden_layer_sizes": (30, 15), "learning_rate_init": 0.01, "early_stopping": True,
    }  # fmt: skip

    def score(name: str, classifier: type, regressor: type, seed: int) -> float:
        own = load_dataset(name)
        X, y = own.X, own.y.to_numpy(dtype=float)
        numbers = QuantileTransformer(n_quantiles=100)
        encoder = make_column_transformer(
            (numbers, make_column_selector(dtype_include="number")),
            (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        )
        model = make_pipeline(encoder, regressor(random_state=seed, **params))
        return on_test_rows(model, X, y - y.mean(), test_size=0.1, random_state=seed)

    for name in ("california", "bikeshare"):
        yield name, partial(score, name)


def partial_dependence_api() -> Iterator[Row]:
    """tol=0.01 on the diabetes data; the example draws curves and shows no score."""

    def model(regressor: type, seed: int) -> Any:
        network = regressor(
            hidden_layer_sizes=(100, 100), tol=1e-2, max_iter=500, random_state=seed
        )
        return make_pipeline(StandardScaler(), network)

    def on_folds(classifier: type, regressor: type, seed: int) -> float:
        X, y = load_diabetes(return_X_y=True, as_frame=True)
        return cross_val_score(model(regressor, seed), X, y).mean()

    yield "five folds", on_folds


def docstrings() -> Iterator[Row]:
    """The examples of the two classes."""

    def classify(classifier: type, regressor: type, seed: int) -> float:
        X, y = make_classification(n_samples=100, random_state=1)
        network = classifier(random_state=1 + seed, max_iter=300)
        return on_test_rows(network, X, y, stratify=y, random_state=1 + seed)

    def regress(classifier: type, regressor: type, seed: int) -> float:
        X, y = make_regression(n_samples=200, n_features=20, random_state=1)
        network = regressor(random_state=1 + seed, max_iter=2000, tol=0.1)
        return on_test_rows(network, X, y, random_state=1 + seed)

    yield "classifier", classify
    yield "regressor, tol=0.1", regress


def user_guide() -> Iterator[Row]:
    """Networks on two rows; scaled rows with other sizes; a loop of warm starts."""
    X = [[0.0, 0.0], [1.0, 1.0]]

    def two_rows(y: Any, sizes: tuple, classifier: type, regressor: type, seed: int) -> float:
        network = classifier(
            solver="lbfgs", alpha=1e-5, hidden_layer_sizes=sizes, random_state=1 + seed
        )
        return network.fit(X, y).score(X, y)

    def warm_starts(classifier: type, regressor: type, seed: int) -> float:
        X, y = load_iris(return_X_y=True)
        network = classifier((15,), random_state=1 + seed, max_iter=1, warm_start=True)
        for _ in range(10):
            network.fit(X, y)
        return network.score(X, y)

    yield "two classes", partial(two_rows, [0, 1], (5, 2))
    yield "two labels", partial(two_rows, [[0, 1], [1, 1]], (15,))
    yield "warm starts", warm_starts


EXAMPLES: dict[str, Callable[[], Iterator[Row]]] = {
    "plot_classifier_comparison": classifier_comparison,
    "plot_mlp_alpha": mlp_alpha,
    "plot_mlp_training_curves": mlp_training_curves,
    "plot_mnist_filters": mnist_filters,
    "plot_partial_dependence": partial_dependence,
    "plot_partial_dependence_visualization_api": partial_dependence_api,
    "docstrings": docstrings,
    "user guide": user_guide,
}


# ---------------------------------------------------------------- the comparison


def mean_score(
    score: Callable[[type, type, int], float], classes: tuple[type, type], n_seeds: int
) -> tuple[float, set[str]]:
    """Return the mean over the seeds, and the beginnings of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mean = float(np.mean([score(*classes, seed) for seed in range(n_seeds)]))
    return mean, {_beginning(warning) for warning in caught}


def _beginning(warning: warnings.WarningMessage) -> str:
    text = str(warning.message)
    if issubclass(warning.category, ConvergenceWarning) and "teration" in text[:80]:
        return "max_iter"
    return " ".join(text.split()[:8])


def compared(names: list[str], n_seeds: int) -> Table:
    """Return the table of scores."""
    title = f"The import changed: mean scores of {n_seeds} seeds"
    columns = ["example", "row", "scikit-learn", "sknet", "difference", "warnings of sknet alone"]
    table, n_worse = Table(title, columns), {"silently worse": 0, "worse, with a warning": 0}
    for name in names:
        for label, score in EXAMPLES[name]():
            theirs, known = mean_score(score, (MLPClassifier, MLPRegressor), n_seeds)
            ours, said = mean_score(score, (MLPBackpropClassifier, MLPBackpropRegressor), n_seeds)
            new = sorted(said - known)
            words = "; ".join(new)
            if ours < theirs - MARGIN:
                verdict = "worse, with a warning" if new else "silently worse"
                n_worse[verdict] += 1
                words = f"[{verdict}] {words}"
            table.rows.append([name, label, f"{theirs:.3f}", f"{ours:.3f}",
                               f"{ours - theirs:+.3f}", words])  # fmt: skip
    counts = ", ".join(f"{n} {verdict}" for verdict, n in n_worse.items())
    table.notes.append(f"Of {len(table.rows)} rows: {counts} (by more than {MARGIN}).")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default=",".join(EXAMPLES), help="names of examples")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(compared(arguments.only.split(","), arguments.seeds).text())


if __name__ == "__main__":
    main()
