"""What ``compare_commits`` times, by public names alone, so that any commit can run it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse
from _estimators import MLPBackpropClassifier, MLPBackpropRegressor
from _networks import NETWORKS, Network, make_data, parameters, timed_fit
from sklearn.base import clone

#: A call that is timed.
Call = Callable[[], Any]


class Case(NamedTuple):
    """Something that users do: `prepare` makes the data and returns the call that is timed."""

    group: str
    name: str
    prepare: Callable[[], Call]
    kinds: tuple[str, ...] = ("numpy",)


BOTH = ("numpy", "fast")


def exact(epochs: int, batch: int | None = 200, **more) -> dict[str, Any]:
    """Parameters of a fit that nothing stops before its last epoch."""
    batches = {} if batch is None else {"batch_size": batch}
    same = {"max_iter": epochs, "n_iter_no_change": epochs + 1, "tol": 0.0, "random_state": 0}
    return same | batches | more


def fit_of(network: Network) -> Call:
    X, y = make_data(network)
    model = MLPBackpropClassifier(**parameters(network, max(1, network.epochs // 2)))
    return lambda: timed_fit(model, X, y)


def numbers(n_samples: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    return make_data(Network(n_samples, n_features, (), 1, 2, 1))


def small_fit() -> Call:
    X, y = numbers(100, 5)
    model = MLPBackpropClassifier(**exact(20, 100))
    return lambda: timed_fit(model, X, y)


def partial_fits() -> Call:
    X, y = numbers(200, 20)

    def call() -> None:
        model = MLPBackpropClassifier((50,), random_state=0)
        for _ in range(50):
            model.partial_fit(X, y, classes=[0, 1])

    return call


def lbfgs_fit() -> Call:
    X, y = numbers(1000, 20)
    model = MLPBackpropRegressor((32,), solver="lbfgs", max_iter=30, tol=0.0, random_state=0)
    target = X[:, 0] * X[:, 1] + y
    return lambda: timed_fit(model, X, target)


def members_fit() -> Call:
    X, y = numbers(2000, 30)
    model = MLPBackpropClassifier((32, 16), n_members=8, **exact(2, 64))
    return lambda: timed_fit(model, X, y)


def mixed_frame(n_samples: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with gaps, a category of four levels, and one of 50, which is embedded."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((n_samples, 4)), columns=list("abcd"))
    frame["a"] = frame["a"].mask(frame["b"] > 1.0)
    few, many = rng.integers(0, 4, n_samples), rng.integers(0, 50, n_samples)
    frame["few"] = pd.Categorical([f"f{k}" for k in few])
    frame["many"] = pd.Categorical([f"m{k}" for k in many])
    return frame, frame["b"].to_numpy() + few + np.sin(many)


def mixed_fit() -> Call:
    X, y = mixed_frame(4000)
    model = MLPBackpropRegressor((32, 16), **exact(4, 128))
    return lambda: timed_fit(model, X, y)


def sparse_fit() -> Call:
    rng = np.random.default_rng(0)
    X = scipy.sparse.random_array((2000, 1000), density=0.02, rng=rng).tocsr()
    y = X @ rng.standard_normal(1000) > 0.0
    model = MLPBackpropClassifier((32,), **exact(4))
    return lambda: timed_fit(model, X, y)


def get_params() -> Call:
    return MLPBackpropClassifier().get_params


def cloned() -> Call:
    model = MLPBackpropClassifier()
    return lambda: clone(model)


def row_of_array() -> Call:
    X, y = numbers(500, 20)
    model = MLPBackpropClassifier(**exact(2))
    timed_fit(model, X, y)
    return lambda: model.predict(X[:1])


def row_of_frame() -> Call:
    X, y = numbers(500, 20)
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(20)])
    model = MLPBackpropClassifier(**exact(2))
    timed_fit(model, frame, y)
    row = frame[:1]
    return lambda: model.predict(row)


def row_of_mixed_frame() -> Call:
    X, y = mixed_frame(500)
    model = MLPBackpropRegressor(**exact(2))
    timed_fit(model, X, y)
    row = X[:1]
    return lambda: model.predict(row)


CASES = [
    *(
        Case("networks", network.name, lambda network=network: fit_of(network), BOTH)
        for network in NETWORKS
    ),
    Case("small", "fit of 100 x 5, 20 epochs", small_fit),
    Case("small", "50 calls of partial_fit, 200 x 20", partial_fits),
    Case("small", "lbfgs, 1000 x 20 (32), 30 iterations", lbfgs_fit),
    Case("small", "8 members of (32, 16), 2000 x 30", members_fit, BOTH),
    Case("small", "mixed frame with an embedding, 4000 x 6", mixed_fit, BOTH),
    Case("small", "sparse, 2000 x 1000 (32)", sparse_fit),
    Case("params", "get_params", get_params),
    Case("params", "clone", cloned),
    Case("row", "predict of a row of an array", row_of_array),
    Case("row", "predict of a row of a frame", row_of_frame),
    Case("row", "predict of a row of a mixed frame", row_of_mixed_frame),
]
