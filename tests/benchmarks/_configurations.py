"""Fits that a change of structure must not change: every option, on small tables.

By public names alone, so that any commit of the package can run them. To add one, add a row to
`CONFIGURATIONS`; a table that it needs is a function that returns a `Problem`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse
from _estimators import MLPBackpropClassifier, MLPBackpropRegressor

N, N_NEW = 400, 60
LEVELS = [f"level {k:02d}" for k in range(14)]
#: Every activation of a hidden layer, and an initialisation that goes with it.
ACTIVATIONS = {
    "identity": "glorot_normal",
    "logistic": "glorot_uniform",
    "tanh": "lecun_normal",
    "relu": "he_normal",
    "leaky_relu": "he_uniform",
    "elu": "auto",
    "selu": "auto",
    "gelu": "glorot_normal",
    "silu": "he_normal",
    "mish": "he_uniform",
    "softplus": "auto",
}


# ---------------------------------------------------------------- tables


class Problem(NamedTuple):
    """Rows to train on, rows to predict, and what else goes to `fit`; weights to `partial_fit`."""

    X: Any
    y: Any
    X_new: Any
    weights: np.ndarray | None = None
    validation: dict[str, Any] | None = None


def numbers(n_features: int = 8, n: int = N) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(n_features)
    return rng, rng.standard_normal((n + N_NEW, n_features)) * 2.0 + 1.0


def classes(n_classes: int = 2, n: int = N, n_features: int = 8, dtype="float64") -> Problem:
    """Noisy classes of similar size."""
    rng, X = numbers(n_features, n)
    scores = X @ rng.standard_normal((n_features, n_classes))
    y = (scores + 2.0 * rng.gumbel(size=scores.shape)).argmax(axis=1)[:n]
    return Problem(X[:n].astype(dtype), y, X[n:].astype(dtype))


def words() -> Problem:
    """Three classes whose labels are strings, of unequal size."""
    X, y, X_new, *_ = classes(3)
    return Problem(X, np.array(["a", "long name", "c"])[np.where(X[:, 0] > 2.0, 0, y)], X_new)


def label_sets() -> Problem:
    """Three labels a row."""
    rng, X = numbers()
    scores = X[:N] @ rng.standard_normal((8, 3)) + rng.standard_normal((N, 3))
    return Problem(X[:N], (scores > 1.0).astype(int), X[N:])


def values(n_outputs: int | None = None, kind: str = "any", dtype="float64") -> Problem:
    """Noisy numbers: of any sign, counts, positive ones or shares."""
    rng, X = numbers()
    outputs = () if n_outputs is None else (n_outputs,)
    mean = np.tanh(X[:N] @ rng.standard_normal((8, *outputs)) / 4.0)
    y = {
        "any": lambda: 50.0 + 10.0 * mean + rng.standard_t(3, mean.shape),
        "counts": lambda: rng.poisson(np.exp(mean)).astype(float),
        "positive": lambda: np.exp(mean) * rng.gamma(2.0, 0.5, mean.shape) + 1e-3,
        "shares": lambda: 0.5 + 0.4 * mean,
    }[kind]()
    return Problem(X[:N].astype(dtype), y, X[N:].astype(dtype))


def constant() -> Problem:
    """A constant column, one that is constant among the rows that count, and a constant output."""
    X, y, X_new, *_ = values(2)
    X[:, 3], y[:, 1] = 7.0, 2.5
    X[:, 5] = np.arange(N) == 0
    return Problem(X, y, X_new, np.where(np.arange(N) % 5 == 0, 0.0, 1.0))


def weighted(problem: Problem) -> Problem:
    """The same with weights, a fifth of them 0."""
    weights = np.random.default_rng(1).exponential(size=N)
    return problem._replace(weights=np.where(weights < 0.22, 0.0, weights))


def validated(problem: Problem) -> Problem:
    """The same with the last quarter to validate on, with weights."""
    X, y, n = problem.X, problem.y, 3 * N // 4
    held = {"X_val": X[n:], "y_val": y[n:], "sample_weight_val": np.arange(N - n) % 3.0}
    return problem._replace(X=X[:n], y=y[:n], validation=held)


def with_gaps() -> Problem:
    """Numbers with missing ones."""
    X, y, X_new, *_ = values()
    rng = np.random.default_rng(2)
    for part in (X, X_new):
        part[rng.random(part.shape) < 0.15] = np.nan
    return Problem(X, y, X_new)


def sparse(dtype="float64") -> Problem:
    """Two classes, CSR."""
    rng = np.random.default_rng(3)
    X = scipy.sparse.random_array((N + N_NEW, 60), density=0.1, rng=rng, dtype=dtype).tocsr()
    y = (X @ rng.standard_normal(60) > 0.0).astype(int)
    return Problem(X[:N], y[:N], X[N:])


def mixed(task: str = "values") -> Problem:
    """A frame with numbers, two levels, a few, many; gaps; levels that only new rows have."""
    rng = np.random.default_rng(4)
    n = N + N_NEW
    codes = {"two": rng.integers(0, 2, n), "few": rng.integers(0, 4, n)}
    codes["many"] = np.minimum(rng.geometric(0.2, n), len(LEVELS)) - 1
    frame = pd.DataFrame({"number": rng.normal(5.0, 3.0, n), "gaps": rng.standard_normal(n)})
    frame.loc[rng.random(n) < 0.2, "gaps"] = np.nan
    for name, levels in codes.items():
        frame[name] = np.array(LEVELS, object)[levels]
        frame.loc[rng.random(n) < 0.1, name] = None
    frame["few"] = frame["few"].astype("category")
    frame["flag"] = rng.random(n) < 0.3
    frame.loc[frame.index[-20:], ["two", "many"]] = "unknown"
    y = frame["number"] + codes["few"] + codes["many"] + rng.standard_normal(n)
    y = y.to_numpy()[:N]
    y = np.digitize(y, [8.0, 11.0]) if task == "classes" else y
    return Problem(frame[:N], y, frame[N:])


def objects() -> Problem:
    """The same rows as an array of objects."""
    X, y, X_new, *_ = mixed()
    return Problem(X.astype(object).to_numpy(), y, X_new.astype(object).to_numpy())


# ---------------------------------------------------------------- configurations


@dataclass(frozen=True)
class Configuration:
    """An estimator and its problem.

    It is fitted, pickled and trained further, see ``compare_results``; or, with `n_chunks`, trained
    by that many calls of `partial_fit` first. A difference above `tolerance` is a fault.
    """

    name: str
    kind: type
    problem: Callable[[], Problem]
    parameters: dict[str, Any] = field(default_factory=dict)
    n_chunks: int = 0
    tolerance: float = 1e-5

    def estimator(self):
        """The estimator: in mini-batches, and so that each fit goes on from the one before."""
        common = {"hidden_layer_sizes": (16, 8), "max_iter": 5, "random_state": 0}
        if self.parameters.get("solver") != "lbfgs":
            common |= {"batch_size": 50, "learning_rate_init": 0.01}
        return self.kind(**common | {"warm_start": True} | self.parameters)


def halved(progress) -> float:
    """A learning rate of the user's own: half as large after each two epochs."""
    return 0.02 * 0.5 ** (progress.epochs / 2)


def classify(name: str, problem: Callable[[], Problem], **parameters) -> Configuration:
    n_chunks = parameters.pop("n_chunks", 0)
    return Configuration(name, MLPBackpropClassifier, problem, parameters, n_chunks)


def regress(name: str, problem: Callable[[], Problem], **parameters) -> Configuration:
    n_chunks = parameters.pop("n_chunks", 0)
    return Configuration(name, MLPBackpropRegressor, problem, parameters, n_chunks)


def of(make: Callable[..., Problem], *arguments, **more) -> Callable[[], Problem]:
    """A problem that is made when it is needed."""
    return partial(make, *arguments, **more)


def made(change: Callable[[Problem], Problem], make: Callable[..., Problem], *arguments):
    """A problem that is made and changed when it is needed."""
    return lambda: change(make(*arguments))


SOLVERS = [
    classify("lbfgs", classes, solver="lbfgs", max_iter=15),
    classify("lbfgs, float32", of(classes, 3, dtype="float32"), solver="lbfgs", max_iter=8),
    regress("lbfgs, several outputs", of(values, 2), solver="lbfgs", max_iter=15),
    classify("sgd, no momentum", classes, solver="sgd", momentum=0.0),
    classify("sgd, momentum", of(classes, 3), solver="sgd", nesterovs_momentum=False),
    classify("sgd, Nesterov", of(classes, 3), solver="sgd", dtype="float64"),
    classify("adam", classes, solver="adam", alpha=1e-3, beta_1=0.8, beta_2=0.99),
    classify("adamw", of(classes, 3), solver="adamw", weight_decay=0.1, epsilon=1e-4),
    regress("rmsprop", values, solver="rmsprop", rho=0.95, dtype="float64"),
]
LOSSES = [
    classify("log_loss, labels as words", words),
    classify("log_loss, label indicators", label_sets),
    classify("Brier, two classes", classes, loss="squared_error"),
    classify("Brier, three classes", of(classes, 3), loss="squared_error", dtype="float64"),
    classify("Brier, label indicators", label_sets, loss="squared_error"),
    regress("squared_error, several outputs", of(values, 3)),
    regress("squared_error, target as it is", of(values, 2), target_scaling=False),
    regress("squared_error, logistic", of(values, None, "shares"), out_activation="logistic"),
    regress("squared_error, tanh", of(values, 2, "shares"), out_activation="tanh"),
    regress("squared_error, softplus", of(values, None, "positive"), out_activation="softplus"),
    regress("absolute_error", values, loss="absolute_error"),
    regress("huber", of(values, 2), loss="huber", huber_delta=0.5),
    regress("one quantile", values, loss="quantile", quantile=0.8),
    regress("several quantiles", values, loss="quantile", quantile=(0.1, 0.5, 0.9)),
    regress("poisson, several outputs", of(values, 2, "counts"), loss="poisson"),
    regress("gamma", of(values, None, "positive"), loss="gamma"),
    regress("tweedie", of(values, None, "counts"), loss="tweedie", tweedie_power=1.3),
    regress("tweedie, lbfgs", of(values, None, "counts"), loss="tweedie", solver="lbfgs"),
]
LAYERS = [
    *(
        classify(f"{name}, init {init}", of(classes, 3), activation=name, init=init)
        for name, init in ACTIVATIONS.items()
    ),
    classify("gelu, softplus and tanh in float64", classes, hidden_layer_sizes=(12, 10, 8),
             activation=("gelu", "softplus", "tanh"), dtype="float64"),
    classify("no hidden layer", of(classes, 3), hidden_layer_sizes=()),
    regress("no hidden layer, lbfgs", values, hidden_layer_sizes=(), solver="lbfgs"),
    regress("three hidden layers", values, hidden_layer_sizes=(20, 10, 5)),
]  # fmt: skip
MEMBERS = [
    classify("3 members in lockstep", of(classes, 3), n_members=3),
    regress("3 members, early stopping, dropout", values, n_members=3, early_stopping=True,
            dropout=0.2, clip_norm=1.0, dtype="float64"),
    classify("3 members one after another", of(classes, 3, 600, 50), n_members=3,
             hidden_layer_sizes=(256, 256), batch_size=256, max_iter=2),
    regress("3 members, lbfgs", values, n_members=3, solver="lbfgs"),
    regress("3 members, embeddings", mixed, n_members=3),
    classify("3 members, sparse", sparse, n_members=3),
    classify("3 members in full batches", of(label_sets), n_members=3, batch_size=N),
]  # fmt: skip
REGULARISED = [
    classify("dropout, also of the input", of(classes, 3), dropout=(0.3, 0.1), dropout_input=0.2),
    classify("dropout, embeddings", of(mixed, "classes"), dropout=0.2, dropout_input=0.1),
    classify("dropout, sparse", sparse, dropout=0.2, dropout_input=0.1),
    classify("clip_norm", of(classes, 3), clip_norm=0.2, solver="sgd"),
    regress("clip_norm, embeddings", mixed, clip_norm=0.2),
    classify("label_smoothing", words, label_smoothing=0.1),
    classify("label_smoothing, two classes", classes, label_smoothing=0.1),
    classify("class_weight by label", words, class_weight={"a": 3.0, "c": 0.5}),
    classify("class_weight balanced", words, class_weight="balanced"),
    classify("sample_weight", made(weighted, classes, 3)),
    regress("sample_weight, lbfgs", made(weighted, values), solver="lbfgs"),
    regress("sample_weight, embeddings", made(weighted, mixed)),
]
VALIDATED = [
    classify("early_stopping", of(classes, 3), early_stopping=True, max_iter=12,
             n_iter_no_change=2, tol=0.0),
    regress("early_stopping, weights", made(weighted, values), early_stopping=True,
            validation_fraction=0.25, max_iter=12, n_iter_no_change=3),
    classify("early_stopping, lbfgs", classes, early_stopping=True, solver="lbfgs"),
    regress("X_val", made(validated, values, 2)),
    classify("X_val, early_stopping auto", made(validated, words), early_stopping="auto",
             label_smoothing=0.1, class_weight={"a": 2.0}),
    classify("X_val, scoring", made(validated, classes), scoring="roc_auc"),
    regress("scoring by the loss", of(values, None, "counts"), loss="poisson",
            early_stopping=True, scoring="loss"),
    regress("early_stopping, embeddings", mixed, early_stopping=True, max_iter=8),
]  # fmt: skip
SCHEDULES = [
    classify("invscaling", classes, learning_rate="invscaling", power_t=0.3),
    regress("adaptive", values, learning_rate="adaptive", solver="sgd", tol=0.05,
            n_iter_no_change=1, max_iter=15, learning_rate_init=0.1),
    classify("cosine, warmup", of(classes, 3), learning_rate="cosine", warmup=2),
    regress("one_cycle", values, learning_rate="one_cycle"),
    regress("coslog4", values, learning_rate="coslog4", solver="adamw"),
    classify("a callable, warmup", classes, learning_rate=halved, warmup=0.3,
             learning_rate_init=0.001),
    regress("cosine, early_stopping", values, learning_rate="cosine", early_stopping=True),
]  # fmt: skip
INPUTS = [
    classify("float32", of(classes, dtype="float32")),
    regress("float32 in float64", of(values, dtype="float32"), dtype="float64"),
    regress("feature_scaling None", values, feature_scaling=None),
    regress("feature_scaling robust", made(weighted, values), feature_scaling="robust"),
    regress("missing numbers", with_gaps),
    regress("missing numbers, robust, weights", made(weighted, with_gaps),
            feature_scaling="robust", dtype="float64"),
    classify("sparse", sparse),
    classify("sparse, standard, float32", of(sparse, "float32"), feature_scaling="standard"),
    classify("sparse, lbfgs", sparse, solver="lbfgs"),
    regress("frame, embedding", mixed),
    regress("frame, embeddings of 2 numbers", mixed, max_onehot=2, embedding_dim=2,
            dtype="float64", solver="adamw"),
    classify("frame, one-hot", of(mixed, "classes"), max_onehot=20),
    regress("frame, one-hot, lbfgs", mixed, max_onehot=20, solver="lbfgs"),
    regress("frame, embedding, lbfgs", mixed, solver="lbfgs"),
    regress("frame, rare levels merged", made(weighted, mixed), min_frequency=0.04),
    regress("objects, categories by number", objects, categorical_features=[2, 3, 4, 5]),
    regress("constant columns and output", constant),
]  # fmt: skip
BATCHES = [
    classify("shuffle False", of(classes, 3), shuffle=False),
    regress("full batch", values, batch_size=N, solver="sgd"),
    classify("full batch of several chunks", of(classes, 3, 6000, 20), batch_size=6000,
             hidden_layer_sizes=(128,)),
    classify("steps shared by threads", of(classes, 5, 1024, 100), batch_size=512,
             hidden_layer_sizes=(512, 512), max_iter=1),
    regress("default batches and network", values, hidden_layer_sizes=(100,), batch_size="auto"),
]  # fmt: skip
CONTINUED = [
    classify("warm_start set after the fit", of(classes, 3), warm_start=False),
    regress("warm_start set later, lbfgs", values, warm_start=False, solver="lbfgs"),
    classify("partial_fit in 4 chunks", words, n_chunks=4, warm_start=False),
    regress("partial_fit, weights, one_cycle", made(weighted, values), n_chunks=5,
            learning_rate="one_cycle", solver="sgd"),
    regress("partial_fit of a frame", made(weighted, mixed), n_chunks=3),
    classify("partial_fit, sparse", sparse, n_chunks=3, warm_start=False),
    classify("partial_fit, 3 members, dropout", label_sets, n_chunks=3, n_members=3, dropout=0.2),
]  # fmt: skip

GROUPS = {
    "solvers": SOLVERS,
    "losses": LOSSES,
    "layers": LAYERS,
    "members": MEMBERS,
    "regularisation": REGULARISED,
    "validation": VALIDATED,
    "schedules": SCHEDULES,
    "inputs": INPUTS,
    "batches": BATCHES,
    "continuation": CONTINUED,
}
#: Every configuration by its group and name.
CONFIGURATIONS = {f"{group}: {row.name}": row for group, rows in GROUPS.items() for row in rows}
