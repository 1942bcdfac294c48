"""One fit, warm starts and calls of partial_fit are the same training, bit for bit."""

import pickle
import re

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine import compiled

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:The hold-out"
)

X, LABELS = load_iris(return_X_y=True)
X = scale(X[::2])
LABELS = np.array(["setosa", "versicolor", "virginica"])[LABELS[::2]]
NUMBERS = 40 + 7 * np.stack([X[:, 0] * X[:, 1], np.sin(2 * X[:, 2])], axis=1)
COUNTS = np.round(np.exp(X[:, 0])) + 1
W = np.random.default_rng(0).uniform(0, 3, len(X)).round()  # some are 0

TASKS = {
    "classes": (MLPBackpropClassifier, LABELS),
    "two classes": (MLPBackpropClassifier, LABELS == "setosa"),
    "labels": (MLPBackpropClassifier, np.stack([LABELS == "setosa", X[:, 1] > 0], axis=1) * 1),
    "number": (MLPBackpropRegressor, NUMBERS[:, 0]),
    "numbers": (MLPBackpropRegressor, NUMBERS),
    "counts": (MLPBackpropRegressor, COUNTS),
}


def network(task, **params):
    """A small network that nothing stops before its epochs are over, on X as it is.

    The rows are fewer than partial_fit learns scales from without a warning.
    """
    rate = 0.05 if params.get("solver") == "sgd" else 0.01
    defaults = {"hidden_layer_sizes": (7,), "batch_size": 16, "learning_rate_init": rate}
    defaults |= {"random_state": 3, "n_iter_no_change": np.inf, "feature_scaling": None}
    if isinstance(params.get("learning_rate"), str):
        del defaults["n_iter_no_change"]  # without effect on some of the schedules
        defaults["tol"] = 0.0
    if callable(params.get("learning_rate")):
        del defaults["learning_rate_init"]
    return TASKS[task][0](**(defaults | params))


def reloaded(estimator):
    return pickle.loads(pickle.dumps(estimator))


def in_one_fit(estimator, epochs, X, y, w):
    return estimator.set_params(max_iter=epochs).fit(X, y, sample_weight=w)


def in_two_fits(estimator, epochs, X, y, w):
    first = 6 * epochs // 10
    estimator.set_params(warm_start=True, max_iter=first).fit(X, y, sample_weight=w)
    return reloaded(estimator).set_params(max_iter=epochs - first).fit(X, y, sample_weight=w)


def in_calls_of_partial_fit(estimator, epochs, X, y, w):
    estimator.set_params(max_iter=epochs)
    labels = isinstance(estimator, MLPBackpropClassifier)
    classes = {"classes": np.unique(y) if y.ndim == 1 else [0, 1]} if labels else {}
    for k in range(epochs):
        estimator.partial_fit(X, y, sample_weight=w, **classes)
        if k in (0, epochs // 2):
            estimator = reloaded(estimator)
    return estimator


def in_a_fit_and_calls_of_partial_fit(estimator, epochs, X, y, w):
    estimator.set_params(warm_start=True, max_iter=2).fit(X, y, sample_weight=w)
    return in_calls_of_partial_fit(reloaded(estimator), epochs - 2, X, y, w)


def in_calls_of_partial_fit_and_a_fit(estimator, epochs, X, y, w):
    estimator = in_calls_of_partial_fit(estimator, 2, X, y, w)
    estimator.set_params(warm_start=True, max_iter=epochs - 2)
    return reloaded(estimator).fit(X, y, sample_weight=w)


PIECES = [
    in_two_fits,
    in_calls_of_partial_fit,
    in_a_fit_and_calls_of_partial_fit,
    in_calls_of_partial_fit_and_a_fit,
]


def assert_same(ours, oracle, X):
    """Parameters, curves and predictions are equal in every bit."""
    pairs = zip(ours.coefs_ + ours.intercepts_, oracle.coefs_ + oracle.intercepts_, strict=True)
    for own, other in pairs:
        assert own.dtype == other.dtype
        assert_array_equal(own, other)
    assert ours.loss_curve_ == oracle.loss_curve_
    assert ours.t_ == oracle.t_
    assert_array_equal(ours.predict(X), oracle.predict(X))
    if hasattr(ours, "predict_proba"):
        assert_array_equal(ours.predict_proba(X), oracle.predict_proba(X))


def falling(progress):
    """A rate that depends on the step."""
    return 0.02 / (1 + progress.epochs)


#: Task, number of epochs, parameters.
TRAININGS = [
    ("classes", 100, {}),
    *(
        (task, 10, {"solver": solver, "n_members": n_members})
        for task in ("classes", "number")
        for solver in ("adam", "adamw", "sgd", "rmsprop")
        for n_members in (1, 3)
    ),
    *((task, 10, {}) for task in ("two classes", "labels", "numbers")),
    *(
        ("classes", 10, params)
        for params in (
            {"batch_size": 75},
            {"batch_size": 25, "shuffle": False},
            {"dtype": "float64"},
            {"hidden_layer_sizes": ()},
            {"hidden_layer_sizes": (5, 4), "activation": "tanh"},
            {"dropout": 0.3},
            {"dropout": (0.3, 0.1), "hidden_layer_sizes": (7, 5), "n_members": 3},
            {"dropout": 0.3, "dropout_input": 0.2, "batch_size": 75},
            {"dropout_input": 0.2, "solver": "sgd"},
            {"class_weight": {"setosa": 3.0, "virginica": 0.0}},
            {"label_smoothing": 0.1, "loss": "squared_error"},
            {"clip_norm": 0.1, "n_members": 3},
            {"warmup": 7, "solver": "sgd"},
            {"learning_rate": "invscaling", "solver": "sgd"},
            {"learning_rate": "adaptive"},
            {"learning_rate": falling},
            {"learning_rate": falling, "warmup": 4, "n_members": 3, "dropout": 0.2},
        )
    ),
    ("number", 10, {"target_scaling": False}),
    ("number", 10, {"loss": "huber", "huber_delta": 0.5}),
    ("number", 10, {"loss": "absolute_error", "batch_size": 75}),
    ("number", 10, {"loss": "quantile", "quantile": (0.1, 0.5, 0.8)}),
    ("numbers", 10, {"dropout": 0.4, "n_members": 3}),
    ("counts", 10, {"loss": "poisson", "clip_norm": 1.0}),
    ("counts", 10, {"loss": "gamma"}),
    ("counts", 10, {"loss": "tweedie", "learning_rate": "invscaling"}),
    ("counts", 10, {"out_activation": "softplus"}),
]


@pytest.fixture(params=["numpy", "numba"])
def steps(request, monkeypatch):
    """Take the steps by numpy, or by compiled functions where there are some."""
    if request.param == "numba":
        pytest.importorskip("numba")
        monkeypatch.delenv("SKNET_DISABLE_NUMBA", raising=False)
        monkeypatch.setattr(compiled, "WORTH_SECONDS", 0.0)
    else:
        monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")


def words(value):
    """Say what a parameter is; the address of a function differs between processes."""
    return re.sub(" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize(
    ("pieces", "steps"),
    [*((pieces, "numpy") for pieces in PIECES), *((pieces, "numba") for pieces in PIECES[:2])],
    indirect=["steps"],
)
@pytest.mark.parametrize(("task", "epochs", "params"), TRAININGS, ids=words)
def test_a_fit_is_its_pieces(task, epochs, params, pieces, steps):
    y = TASKS[task][1]
    oracle = in_one_fit(network(task, **params), epochs, X, y, None)
    assert oracle.n_iter_ == epochs
    assert_same(pieces(network(task, **params), epochs, X, y, None), oracle, X)


@pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array, np.float32])
@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize(
    ("task", "params"),
    [
        ("classes", {"n_members": 3, "dropout": 0.2}),
        ("classes", {"class_weight": {"setosa": 3}}),
        ("number", {"solver": "sgd", "dropout_input": 0.1}),
        ("numbers", {}),
        ("counts", {"loss": "poisson", "batch_size": 75}),
    ],
    ids=str,
)
def test_a_fit_is_its_pieces_with_weights_and_other_kinds_of_rows(task, params, pieces, as_matrix):
    y, rows = TASKS[task][1], as_matrix(np.where(X > -0.5, X, 0))
    oracle = in_one_fit(network(task, **params), 6, rows, y, W)
    assert_same(pieces(network(task, **params), 6, rows, y, W), oracle, rows)


# ------------------------------------------------------------------ schedules with a horizon

HORIZON = ["cosine", "one_cycle", "coslog4"]


@pytest.mark.parametrize("warmup", [0, 0.25])
@pytest.mark.parametrize("schedule", HORIZON)
@pytest.mark.parametrize("task", ["classes", "number"])
def test_max_iter_calls_of_partial_fit_run_through_a_schedule(task, schedule, warmup, steps):
    y, params = TASKS[task][1], {"learning_rate": schedule, "warmup": warmup}
    oracle = in_one_fit(network(task, **params), 10, X, y, None)
    assert_same(in_calls_of_partial_fit(network(task, **params), 10, X, y, None), oracle, X)


def descended(rates):
    """Coefficients and intercept of least squares after a step at each of these rates."""
    y = scale(NUMBERS[:, 0])
    w, b = np.zeros(X.shape[1]), 0.0
    for rate in rates:
        r = X @ w + b - y
        w, b = w - rate * (X.T @ r) / len(X), b - rate * r.mean()
    return w, b


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine", [0.4 / 2 * (1 + np.cos(np.pi * t)) for t in np.arange(10) / 10]),
        ("coslog4", [0.2 * (1 - np.cos(2 * np.pi * np.log2(1 + 1.5 * t))) for t in range(10)]),
        (
            "one_cycle",  # up from eta / 25 over three steps, down to eta / 250000 over seven
            [0.016 + 0.384 * (1 - np.cos(np.pi * t)) / 2 for t in (0, 1 / 2)]
            + [1.6e-6 + (0.4 - 1.6e-6) * (1 + np.cos(np.pi * t)) / 2 for t in np.arange(8) / 7],
        ),
    ],
)
def test_a_warm_start_runs_through_its_schedule_again(schedule, rates):
    ours = network("number", solver="sgd", momentum=0.0, hidden_layer_sizes=(), alpha=0.0,
                   learning_rate=schedule, learning_rate_init=0.4, batch_size=75, max_iter=10,
                   dtype="float64", warm_start=True)  # fmt: skip
    first = ours.set_params(learning_rate_init=1e-300).fit(X, NUMBERS[:, 0])
    # from weights of 0 on
    first.coefs_, first.intercepts_ = [np.zeros((4, 1))], [np.zeros(1)]
    ours.set_params(learning_rate_init=0.4)
    for times in (1, 2):
        ours.fit(X, NUMBERS[:, 0])
        w, b = descended(rates * times)
        assert_allclose(ours.coefs_[0][:, 0], w, rtol=1e-10)
        assert_allclose(ours.intercepts_[0], b, atol=1e-12)


# ----------------------------------------------------------------------------- early stopping


@pytest.mark.parametrize("in_between", [lambda e: e, reloaded], ids=["at once", "pickled"])
@pytest.mark.parametrize("best", ["in the first", "in the second"])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("task", ["classes", "number"])
def test_early_stopping_goes_on_with_its_rows_and_from_its_last_epoch(
    task, n_members, best, in_between
):
    """Rows and start are drawn from a RandomState, which a second fit would draw others from."""
    y = TASKS[task][1]
    if task == "number":  # noise, to overfit
        y = y + 8 * np.random.default_rng(0).normal(size=len(y))
    params = {"early_stopping": True, "validation_fraction": 0.3, "scoring": "loss"}
    params |= {"learning_rate_init": 0.03, "n_members": n_members}

    def fresh(**more):
        return network(task, **params, **more).set_params(random_state=np.random.RandomState(5))

    oracle = fresh(max_iter=40).fit(X, y)
    assert 2 <= oracle.best_iter_ <= 37  # neither the first epoch nor the last is the best one
    first = oracle.best_iter_ + (2 if best == "in the first" else -1)
    ours = in_between(fresh(max_iter=first, warm_start=True).fit(X, y))
    ours.set_params(max_iter=40 - first).fit(X, y)
    assert_same(ours, oracle, X)
    for name in ("validation_scores_", "validation_loss_curve_"):
        assert getattr(ours, name) == getattr(oracle, name)
    assert ours.best_validation_score_ == oracle.best_validation_score_
    assert ours.best_validation_score_ == max(ours.validation_scores_)
    assert ours.best_iter_ == oracle.best_iter_


def test_rows_to_validate_on_are_no_part_of_what_goes_on():
    """Other ones may be given at a warm start, which trains on as it would without them."""
    rows, other, fresh = np.arange(50), np.arange(50, 75), network("number", warm_start=True)
    oracle = network("number", max_iter=12).fit(X[rows], NUMBERS[rows, 0])
    ours = fresh.set_params(max_iter=6, early_stopping=False)
    ours.fit(X[rows], NUMBERS[rows, 0], X_val=X[other], y_val=NUMBERS[other, 0])
    ours.fit(X[rows], NUMBERS[rows, 0], X_val=X[rows], y_val=NUMBERS[rows, 0])
    assert ours.loss_curve_ == oracle.loss_curve_
    ours.partial_fit(X[rows], NUMBERS[rows, 0])
    oracle.set_params(max_iter=13).fit(X[rows], NUMBERS[rows, 0])
    assert_same(ours, oracle, X)


# ------------------------------------------------------------------- what cannot be changed

#: Task, parameters of the first fit, parameters of the next, its X, its y, what the error says.
CHANGES = {
    "hidden layers": ("number", {}, {"hidden_layer_sizes": (4,)}, None, None, "hidden_layer_sizes"),
    "one layer more": ("classes", {}, {"hidden_layer_sizes": (7, 7)}, None, None, "hidden_layer"),
    "none": ("classes", {}, {"hidden_layer_sizes": ()}, None, None, "hidden_layer_sizes"),
    "members": ("number", {}, {"n_members": 2}, None, None, "n_members"),
    "one member": ("classes", {"n_members": 2}, {"n_members": 1}, None, None, "n_members"),
    "dtype": ("number", {}, {"dtype": "float64"}, None, None, "dtype"),
    "columns": ("classes", {}, {}, X[:, :3], None, "X has 3 features"),
    "more columns": ("number", {}, {}, np.hstack([X, X]), None, "X has 8 features"),
    "more labels": ("classes", {}, {}, None, np.append(LABELS[:-1], "iris"), "classes|unseen"),
    "of other kind": ("classes", {}, {}, None, np.arange(75) % 3, "classes|unseen"),
    "label indicators": ("classes", {}, {}, None, TASKS["labels"][1], "label indicators"),
    "no label indicators": ("labels", {}, {}, None, LABELS, "label indicators"),
    "fewer labels": ("labels", {}, {}, None, np.eye(3, dtype=int)[np.arange(75) % 3], "columns"),
    "more outputs": ("number", {}, {}, None, NUMBERS, "y has 2 outputs; 1"),
    "fewer outputs": ("numbers", {}, {}, None, NUMBERS[:, 0], "y has 1 outputs; 2"),
    "log link": ("number", {}, {"loss": "poisson"}, None, None, "'loss'.*'identity'"),
    "no log link": ("counts", {"loss": "gamma"}, {"loss": "huber"}, None, None, "'loss'.*'exp'"),
    "bounded": ("counts", {}, {"out_activation": "softplus"}, None, None, "'identity'"),
    "quantile": ("number", {"loss": "quantile"}, {"quantile": 0.9}, None, None, "quantile"),
    "more quantiles": (
        "number", {"loss": "quantile"}, {"quantile": (0.1, 0.5)}, None, None, "identity|quantile",
    ),
    "other quantiles": (
        "number", {"loss": "quantile", "quantile": (0.1, 0.9)}, {"quantile": (0.2, 0.9)},
        None, None, "quantile",
    ),
    "quantiles of a mean": (
        "number", {"loss": "quantile"}, {"loss": "squared_error"}, None, None, "loss|quantile",
    ),
    "a mean of quantiles": ("number", {}, {"loss": "quantile"}, None, None, "loss|quantile"),
    "unscaled": ("number", {}, {"target_scaling": False}, None, None, "target_scaling"),
    "scaled": ("number", {"target_scaling": False}, {"target_scaling": True}, None, None, "target"),
}  # fmt: skip


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("task", "first", "then", "X_then", "y_then", "message"), CHANGES.values(), ids=CHANGES
)
def test_what_cannot_change_is_a_clear_error_and_leaves_the_model(
    task, first, then, X_then, y_then, message, method
):
    y = TASKS[task][1]
    ours = network(task, warm_start=True, max_iter=2, **first).fit(X, y)
    oracle, before = reloaded(ours), dict(vars(ours))
    ours.set_params(**then)
    with pytest.raises(ValueError, match=message):
        getattr(ours, method)(X if X_then is None else X_then, y if y_then is None else y_then)
    ours.set_params(**{name: before[name] for name in then})
    assert vars(ours).keys() == before.keys()
    for estimator in (ours, oracle):
        getattr(estimator, method)(X, y)
    assert_same(ours, oracle, X)


@pytest.mark.parametrize(
    ("task", "then"),
    [
        ("number", {"loss": "huber"}),
        ("number", {"loss": "absolute_error", "solver": "sgd", "learning_rate": "cosine"}),
        ("counts", {"solver": "lbfgs"}),
        ("classes", {"loss": "squared_error", "label_smoothing": 0.1}),
        ("classes", {"dropout": 0.2, "alpha": 1e-5, "batch_size": 30, "max_iter": 3}),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.*no effect")
def test_what_can_change_goes_on_from_the_parameters(task, then):
    """The first loss is that of the fitted network: far below the one of a fresh network."""
    y = TASKS[task][1]
    ours = network(task, warm_start=True, max_iter=60, learning_rate_init=0.03).fit(X, y)
    fresh = network(task, max_iter=60, learning_rate_init=0.03).set_params(**then).fit(X, y)
    ours.set_params(**then).fit(X, y)
    assert ours.loss_curve_[60] < 0.9 * fresh.loss_curve_[0]
