"""What the estimators promise: failures, early stopping, prediction, continuing, input, output."""

import builtins
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine.network import Network

ESTIMATORS = [MLPBackpropClassifier, MLPBackpropRegressor]
STOCHASTIC = ["sgd", "adam", "adamw", "rmsprop"]
SOLVERS = ["lbfgs", *STOCHASTIC]

each_estimator = pytest.mark.parametrize("cls", ESTIMATORS)
each_stochastic_solver = pytest.mark.parametrize("solver", STOCHASTIC)
each_solver = pytest.mark.parametrize("solver", SOLVERS)
each_format = pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])
ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)


def binary():
    return X_IRIS[50:], Y_IRIS[50:]


def multiclass():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


def multilabel():
    return X_IRIS, np.stack([Y_IRIS == 0, Y_IRIS > 1, X_IRIS[:, 1] > 0], axis=1).astype(int)


def number():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def numbers():
    X, y = number()
    return X, np.stack([y, X[:, 0] ** 2 - 1, X[:, 1] * y], axis=1)


def counts():
    return X_IRIS, np.round(np.exp(X_IRIS[:, 0] / 2))


CLASSIFICATION = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel}
REGRESSION = {"number": number, "numbers": numbers}
TASKS = {
    **{name: (MLPBackpropClassifier, data) for name, data in CLASSIFICATION.items()},
    **{name: (MLPBackpropRegressor, data) for name, data in REGRESSION.items()},
}
each_task = pytest.mark.parametrize("task", TASKS)
each_classification = pytest.mark.parametrize("data", CLASSIFICATION.values(), ids=CLASSIFICATION)


def network(cls, **params):
    """A small network that trains for a few epochs; its rate is large enough to move."""
    if params.get("solver") != "lbfgs":
        rate = 0.1 if params.get("solver") == "sgd" else 0.01
        params = {"learning_rate_init": rate} | params
    return cls(**({"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0} | params))


def fitted(task, **params):
    cls, data = TASKS[task]
    X, y = data()
    return network(cls, **params).fit(X, y), X, y


def first_call(estimator, y):
    """What the first call of partial_fit needs besides X and y."""
    return {"classes": np.unique(y)} if isinstance(estimator, MLPBackpropClassifier) else {}


def outputs(estimator, X):
    """All that an estimator predicts for X."""
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    return [getattr(estimator, name)(X) for name in methods if hasattr(estimator, name)]


def soft_prediction(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def assert_same_model(one, other, X):
    for own, expected in zip(
        one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        assert own.dtype == expected.dtype
        assert_array_equal(own, expected)
    for own, expected in zip(outputs(one, X), outputs(other, X), strict=True):
        assert_array_equal(own, expected)


def contents(estimator):
    """Everything an estimator holds, as bytes."""
    return pickle.dumps(vars(estimator))


# ------------------------------------------------------------------------- calls that fail


FAILING_CALLS = {
    "diverges": ({"solver": "sgd", "learning_rate_init": 1e6}, lambda X, y: (X * 1e6, y)),
    "y with NaN": ({}, lambda X, y: (X, np.where(y == y[0], np.nan, y))),
    "y too short": ({}, lambda X, y: (X, y[1:])),
    "y missing": ({}, lambda X, y: (X, None)),
    "X with infinity": ({}, lambda X, y: (np.where(X > 1, np.inf, X), y)),
    "X with dates": (
        {},
        lambda X, y: (pd.DataFrame({"a": pd.date_range("2020", periods=len(y))}), y),
    ),
    "X with other columns, y too short": ({}, lambda X, y: (X[:, :2], y[1:])),
    "X with names, diverges": (
        {"solver": "sgd", "learning_rate_init": 1e6},
        lambda X, y: (pd.DataFrame(X * 1e6).add_prefix("x"), y),
    ),
    "weights negative": ({}, lambda X, y: (X, y, -np.ones(len(y)))),
    "weights all 0": ({}, lambda X, y: (X, y, np.zeros(len(y)))),
    "bad parameter": ({"alpha": -1}, lambda X, y: (X, y)),
    "too few rows to stop early": ({"early_stopping": True}, lambda X, y: (X[:1], y[:1])),
    "changed by warm start": (
        {"warm_start": True, "hidden_layer_sizes": (3,)},
        lambda X, y: (X, y),
    ),
    "diverges from warm start": (
        {"warm_start": True, "solver": "sgd", "learning_rate_init": 1e6},
        lambda X, y: (X * 1e6, y),
    ),
}


@ignore_convergence
@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(("params", "call"), FAILING_CALLS.values(), ids=FAILING_CALLS)
@pytest.mark.parametrize("first", [{}, {"early_stopping": True}, {"warm_start": True}], ids=str)
@pytest.mark.parametrize("task", ["multiclass", "number"])
def test_a_fit_that_fails_leaves_the_model_bitwise_as_it_was(task, first, params, call):
    estimator, X, y = fitted(task, batch_size=50, **first)
    before = outputs(estimator, X)
    estimator.set_params(**params)
    held = contents(estimator)
    with pytest.raises(ValueError):  # noqa: PT011 - each call has another message
        estimator.fit(*call(X, y))
    assert contents(estimator) == held
    for now, then in zip(outputs(estimator, X), before, strict=True):
        assert_array_equal(now, then)


@ignore_convergence
@pytest.mark.parametrize("task", ["multiclass", "number"])
@pytest.mark.parametrize(
    "call",
    [
        lambda e, X, y: e.set_params(solver="sgd", learning_rate_init=1e6).partial_fit(X * 1e9, y),
        lambda e, X, y: e.partial_fit(X[:, 1:], y),
        lambda e, X, y: e.partial_fit(X, y[:-1]),
        lambda e, X, y: e.partial_fit(X, np.stack([y, y, y], axis=1)),
        lambda e, X, y: e.partial_fit(X, y, sample_weight=-np.ones(len(y))),
    ],
)
def test_a_partial_fit_that_fails_leaves_the_model_as_it_was(task, call):
    estimator, X, y = fitted(task, batch_size=50)
    estimator.partial_fit(X, y)
    fitted_state = {k: v for k, v in vars(estimator).items() if k not in estimator.get_params()}
    held, before = pickle.dumps(fitted_state), outputs(estimator, X)
    with pytest.raises(ValueError):  # noqa: PT011 - each call has another message
        call(estimator, X, y)
    now = {k: v for k, v in vars(estimator).items() if k not in estimator.get_params()}
    assert pickle.dumps(now) == held
    for own, then in zip(outputs(estimator, X), before, strict=True):
        assert_array_equal(own, then)


@each_estimator
def test_a_first_fit_that_fails_leaves_the_estimator_unfitted(cls):
    estimator = network(cls, solver="sgd", learning_rate_init=1e6, dtype="float32")
    held = contents(estimator)
    with pytest.raises(ValueError, match="non-finite"):
        estimator.fit(X_IRIS * 1e6, Y_IRIS)
    assert contents(estimator) == held
    with pytest.raises(NotFittedError):
        estimator.predict(X_IRIS)


@ignore_convergence
@pytest.mark.parametrize("early_stopping", [False, True])
@each_estimator
def test_divergence_is_an_error_that_names_epoch_and_learning_rate(cls, early_stopping):
    params = {"solver": "sgd", "learning_rate_init": 1e6, "dtype": "float32"}
    estimator = network(cls, activation="identity", early_stopping=early_stopping, **params)
    message = r"non-finite.* in epoch \d+, at learning rate 1e\+06.*Lower learning_rate_init"
    with pytest.raises(ValueError, match=message):
        estimator.fit(X_IRIS * 1e6, Y_IRIS)


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sgd", "learning_rate_init": 1e6},
        {"solver": "adam", "learning_rate_init": 1e10},
    ],
    ids=lambda params: params["solver"],
)
@each_estimator
def test_a_loss_that_ends_far_above_its_start_is_no_silent_success(cls, params):
    estimator = network(cls, activation="tanh", dtype="float64", max_iter=100, **params)
    with pytest.warns(ConvergenceWarning):
        estimator.fit(X_IRIS, Y_IRIS)
    assert estimator.loss_ > 100 * estimator.loss_curve_[0]


@each_solver
def test_numbers_that_overflow_the_loss_are_an_error(solver):
    X, y = number()
    with pytest.raises(ValueError, match=r"not finite.*Scale X"):
        network(MLPBackpropRegressor, solver=solver, dtype="float64", target_scaling=False).fit(
            X, y * 1e300
        )


# -------------------------------------------------------------------------- early stopping


def held_out(estimator, y):
    """The rows that a fit from an int random_state holds out, as scikit-learn splits."""
    stratify = y if isinstance(estimator, MLPBackpropClassifier) and y.ndim == 1 else None
    _, held = train_test_split(
        np.arange(len(y)),
        test_size=estimator.validation_fraction,
        random_state=estimator.random_state,
        stratify=stratify,
    )
    return held


@ignore_convergence
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "params",
    [{"solver": "lbfgs"}, {"solver": "adam", "batch_size": 16}, {"solver": "sgd"}],
    ids=lambda params: params["solver"],
)
@each_task
def test_early_stopping_keeps_the_best_parameters(task, params, weighted):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).uniform(0.1, 5, len(y)) if weighted else None
    params = {"dtype": "float64", "max_iter": 40, "n_iter_no_change": 40, "alpha": 0.0} | params
    if params["solver"] != "lbfgs":
        params["learning_rate_init"] = 0.2 if params["solver"] == "sgd" else 0.05
    estimator = network(cls, early_stopping=True, validation_fraction=0.25, **params)
    estimator.fit(X, y, sample_weight=w)
    scores = estimator.validation_scores_
    assert estimator.best_validation_score_ == max(scores) >= scores[-1]
    assert len(scores) == len(estimator.loss_curve_) == estimator.n_iter_
    held = held_out(estimator, y)
    w_held = None if w is None else w[held]
    assert_allclose(
        estimator.score(X[held], y[held], sample_weight=w_held), max(scores), rtol=1e-12
    )
    # what is kept is what training only so far leaves
    so_far = clone(estimator).set_params(max_iter=int(np.argmax(scores)) + 1)
    assert_same_model(so_far.fit(X, y, sample_weight=w), estimator, X)


@ignore_convergence
def test_early_stopping_of_several_members_watches_their_mean_prediction():
    X, y = multiclass()
    estimator = network(
        MLPBackpropClassifier, n_members=3, early_stopping=True, dtype="float64", max_iter=20
    )
    estimator.fit(X, y)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=3)[0]
    held = held_out(clone(estimator).set_params(random_state=int(seed)), y)
    assert estimator.score(X[held], y[held]) == estimator.best_validation_score_
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)


@ignore_convergence
def test_training_never_sees_the_rows_that_early_stopping_holds_out():
    X, y = number()
    estimator = network(MLPBackpropRegressor, early_stopping=True, n_iter_no_change=99)
    losses = estimator.fit(X, y).loss_curve_
    held = held_out(estimator, y)
    y = y.copy()
    y[held] = -y[held]
    again = clone(estimator).fit(X, y)
    assert again.loss_curve_ == losses
    assert again.validation_scores_ != estimator.validation_scores_


@ignore_convergence
@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]])
@pytest.mark.parametrize("seed", range(5))
def test_the_hold_out_is_stratified(labels, seed):
    """A network that does not learn says "a" always: its score is the share of "a", exactly."""
    y = np.repeat(labels, [100, 50, 30, 20][: len(labels)])
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    estimator = MLPBackpropClassifier(
        (3,), learning_rate_init=1e-300, early_stopping=True, max_iter=1, random_state=seed
    ).fit(X, y)
    assert set(estimator.predict(X)) == {"a"}
    assert_allclose(estimator.best_validation_score_, 100 / len(y), rtol=1e-12)


@ignore_convergence
@each_solver
def test_a_label_of_one_row_makes_the_hold_out_random_and_is_named(solver):
    labels = np.array(["setosa", "versicolor", "virginica"], dtype=object)[Y_IRIS]
    labels[7] = "unica"
    estimator = network(MLPBackpropClassifier, solver=solver, early_stopping=True)
    with pytest.warns(
        UserWarning, match=r"random, not stratified.*only one row: unica\."
    ) as record:
        estimator.fit(X_IRIS, labels)
    assert record[0].filename == __file__
    assert "unica" in estimator.classes_
    assert len(estimator.validation_scores_) == estimator.n_iter_


@ignore_convergence
def test_a_hold_out_of_fewer_rows_than_classes_is_random():
    estimator = network(MLPBackpropClassifier, early_stopping=True, validation_fraction=0.02)
    with pytest.warns(UserWarning, match=r"2 held-out rows for 3 classes are too few"):
        estimator.fit(X_IRIS[::2], Y_IRIS[::2])


@pytest.mark.parametrize(("cls", "n_samples"), [(ESTIMATORS[0], 1), (ESTIMATORS[1], 2)])
def test_too_few_rows_to_hold_some_out_are_an_error(cls, n_samples):
    with pytest.raises(ValueError, match=rf"early_stopping: n_samples={n_samples}.*too small"):
        network(cls, early_stopping=True).fit(X_IRIS[:n_samples], Y_IRIS[:n_samples])


@each_estimator
def test_a_hold_out_of_all_rows_is_an_error(cls):
    estimator = network(cls, early_stopping=True, validation_fraction=0.99)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.99.*n_samples=20"):
        estimator.fit(X_IRIS[::7][:20], Y_IRIS[::7][:20])


def test_lbfgs_stops_early_and_does_not_complain():
    X, y = number()
    params = {"solver": "lbfgs", "max_iter": 500, "tol": 1e-6}
    estimator = network(MLPBackpropRegressor, early_stopping=True, n_iter_no_change=3, **params)
    estimator.fit(X, y)
    scores = estimator.validation_scores_
    best = int(np.argmax(scores))
    assert estimator.n_iter_ == len(scores) < 100
    assert len(scores) >= best + 1 + 3
    assert estimator.best_validation_score_ == scores[best] > scores[-1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_of_one_class_has_a_finite_score(solver):
    estimator = network(MLPBackpropClassifier, solver=solver, early_stopping=True, max_iter=300)
    estimator.fit(X_IRIS, np.zeros(len(X_IRIS), int))
    assert estimator.best_validation_score_ == 1.0


# ---------------------------------------------------------------- prediction: probabilities


def enlarged(data, n_members=1, dtype="float64", size=1e4):
    """A classifier whose raw output reaches `size`, by its last layer."""
    X, y = data()
    estimator = network(
        MLPBackpropClassifier, n_members=n_members, dtype=dtype, activation="tanh", max_iter=30
    ).fit(X, y)
    largest = abs(estimator.decision_function(X)).max()
    estimator.coefs_[-1] = estimator.coefs_[-1] * (size / largest)
    return estimator, X


@ignore_convergence
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 3])
@each_classification
def test_log_probabilities_are_finite_at_raw_outputs_of_1e4(data, n_members, dtype):
    estimator, X = enlarged(data, n_members, dtype)
    log_P, P = estimator.predict_log_proba(X), estimator.predict_proba(X)
    assert np.isfinite(log_P).all()
    assert (log_P <= 0).all()
    assert log_P.min() < -1000
    assert (P == 0).any()
    assert_allclose(np.exp(log_P), P, rtol=1e-7, atol=1e-300)
    assert np.isfinite(estimator.decision_function(X)).all()


@ignore_convergence
def test_log_probabilities_far_from_the_boundary_are_the_logarithms_of_the_sigmoid():
    """log sigma(z) = -log(1 + exp(-z)) is z where z << 0."""
    estimator, X = enlarged(binary)
    z = estimator.decision_function(X)
    log_P = estimator.predict_log_proba(X)
    assert_allclose(log_P[z < -40, 1], z[z < -40], rtol=1e-12)
    assert_allclose(log_P[z > 40, 0], -z[z > 40], rtol=1e-12)


@ignore_convergence
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_members", [1, 3])
@each_classification
def test_probabilities_labels_and_decisions_agree(data, n_members, x_dtype):
    X, y = data()
    estimator = network(MLPBackpropClassifier, n_members=n_members).fit(X, y)
    X = X.astype(x_dtype)
    P, log_P = estimator.predict_proba(X), estimator.predict_log_proba(X)
    assert P.dtype == log_P.dtype == x_dtype
    assert_allclose(np.exp(log_P), P, rtol=1e-5 if x_dtype == np.float32 else 1e-12)
    assert ((P >= 0) & (P <= 1)).all()
    if data is multilabel:
        assert_array_equal(estimator.predict(X), P > 0.5)
    else:
        assert P.shape == (len(X), len(estimator.classes_))
        tolerance = 1e-6 if x_dtype == np.float32 else 1e-15
        assert_allclose(P.sum(axis=1), 1, rtol=0, atol=2 * tolerance)
        assert_array_equal(estimator.predict(X), estimator.classes_[P.argmax(axis=1)])


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
@each_classification
def test_the_decision_is_the_link_of_the_mean_probability(data, n_members):
    X, y = data()
    estimator = network(MLPBackpropClassifier, n_members=n_members, dtype="float64").fit(X, y)
    Z, P = estimator.decision_function(X), estimator.predict_proba(X)
    if data is binary:
        assert Z.shape == (len(X),)
        assert_array_equal(estimator.classes_[(Z > 0).astype(int)], estimator.predict(X))
        assert_allclose(Z, np.log(P[:, 1] / P[:, 0]), rtol=1e-9, atol=1e-12)
    elif data is multiclass:
        assert Z.shape == P.shape == (len(X), 3)
        assert_array_equal(estimator.classes_[Z.argmax(axis=1)], estimator.predict(X))
        # the link of the softmax leaves a constant open
        assert_allclose(np.diff(Z), np.diff(np.log(P)), rtol=1e-9, atol=1e-12)
    else:
        assert Z.shape == y.shape
        assert_array_equal(Z > 0, estimator.predict(X))
        assert_allclose(Z, np.log(P / (1 - P)), rtol=1e-9, atol=1e-12)


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 2])
@each_solver
def test_of_one_class_the_probability_is_one(solver, n_members):
    estimator = network(MLPBackpropClassifier, solver=solver, n_members=n_members)
    estimator.fit(X_IRIS, np.full(len(X_IRIS), "only"))
    assert_array_equal(estimator.classes_, ["only"])
    assert_array_equal(estimator.predict_proba(X_IRIS), np.ones((len(X_IRIS), 1)))
    assert_array_equal(estimator.predict_log_proba(X_IRIS), np.zeros((len(X_IRIS), 1)))
    assert estimator.decision_function(X_IRIS).shape == (len(X_IRIS), 1)
    assert set(estimator.predict(X_IRIS)) == {"only"}


def test_a_class_whose_rows_all_weigh_nothing_keeps_its_column():
    w = (Y_IRIS != 1).astype(float)
    estimator = network(MLPBackpropClassifier, solver="lbfgs", max_iter=50, alpha=0.01)
    estimator.fit(X_IRIS, Y_IRIS, sample_weight=w)
    assert_array_equal(estimator.classes_, [0, 1, 2])
    assert estimator.predict_proba(X_IRIS).shape == (150, 3)
    assert 1 not in estimator.predict(X_IRIS[Y_IRIS != 1])


# ------------------------------------------------------------------- prediction: its inputs


@ignore_convergence
@each_task
@pytest.mark.parametrize("n_members", [1, 3])
def test_set_params_after_fit_changes_no_prediction(task, n_members):
    estimator, X, _ = fitted(task, n_members=n_members)
    before = outputs(estimator, X)
    others = dict.fromkeys(estimator.get_params(), "rubbish")
    others |= {"activation": "logistic", "hidden_layer_sizes": (3, 3), "dtype": "float16"}
    estimator.set_params(**others)
    for now, then in zip(outputs(estimator, X), before, strict=True):
        assert_array_equal(now, then)


@ignore_convergence
@each_format
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 3])
@each_task
def test_a_prediction_does_not_depend_on_the_rows_around_it(task, n_members, dtype, as_matrix):
    estimator, X, _ = fitted(task, n_members=n_members, dtype=dtype, activation="tanh")
    X = as_matrix(X)
    rows = np.random.default_rng(0).permutation(X.shape[0])[:9]
    for whole, *parts in zip(
        outputs(estimator, X),
        outputs(estimator, X[rows]),
        outputs(estimator, X[:33]),
        *(outputs(estimator, X[[row]]) for row in rows),
        strict=True,
    ):
        some, first, *single = parts
        assert_array_equal(some, whole[rows])
        assert_array_equal(first, whole[:33])
        assert_array_equal(np.concatenate(single), whole[rows])


@ignore_convergence
@each_task
def test_predictions_for_many_rows_are_those_in_pieces(task):
    """Up to rounding in float32: BLAS may cut a long product where it does not cut a short one."""
    estimator, X, _ = fitted(task, hidden_layer_sizes=(70,))
    X = np.random.default_rng(0).normal(size=(5003, X.shape[1]))
    pieces = np.array_split(X, 7)
    for whole, *parts in zip(
        outputs(estimator, X), *(outputs(estimator, x) for x in pieces), strict=True
    ):
        scale = np.abs(whole).max()
        assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=1e-6 * scale)


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
def test_threads_that_predict_at_once_do_not_disturb_each_other(n_members):
    estimator, X, _ = fitted("multiclass", n_members=n_members)
    tables = [np.random.default_rng(k).normal(size=(40 + k, X.shape[1])) for k in range(8)]
    expected = [estimator.predict_proba(table) for table in tables]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(25):
            for P, one in zip(pool.map(estimator.predict_proba, tables), expected, strict=True):
                assert_array_equal(P, one)


@ignore_convergence
@each_format
@pytest.mark.parametrize("task", ["binary", "number"])
def test_a_value_too_large_for_float32_is_an_error_that_names_its_column(task, as_matrix):
    estimator, X, _ = fitted(task, dtype="float32")
    X = X.copy()
    X[-1, 2] = 1e39
    with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
        estimator.predict(as_matrix(X))
    X[-1, 2] = 1e38
    assert np.isfinite(soft_prediction(estimator, as_matrix(X))).all()


@ignore_convergence
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
def test_poisson_predictions_that_overflow_are_the_largest_finite_number(x_dtype):
    X, y = counts()
    estimator = network(MLPBackpropRegressor, loss="poisson", activation="identity").fit(X, y)
    prediction = estimator.predict((X * 1e5).astype(x_dtype))
    assert np.isfinite(prediction).all()
    assert (prediction >= 0).all()
    assert_allclose(prediction.max(), np.finfo(x_dtype).max, rtol=1e-3)


@pytest.mark.parametrize(
    "loss_activation", [("squared_error", "logistic"), ("squared_error", "tanh")]
)
@ignore_convergence
def test_a_bounded_output_keeps_predictions_within_its_bounds(loss_activation):
    loss, out_activation = loss_activation
    X, y = number()
    estimator = network(MLPBackpropRegressor, loss=loss, out_activation=out_activation).fit(X, y)
    prediction = estimator.predict(100 * X)
    assert estimator.out_activation_ == out_activation
    low = {"logistic": 0, "tanh": -1}[out_activation]
    assert ((prediction >= low) & (prediction <= 1)).all()
    assert np.ptp(prediction) > 0.1


@each_estimator
def test_an_unfitted_estimator_does_not_predict(cls):
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(cls, name):
            with pytest.raises(NotFittedError):
                getattr(cls(), name)(X_IRIS)


@ignore_convergence
@each_estimator
def test_other_columns_than_in_fit_are_an_error(cls):
    estimator = network(cls).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP.* is expecting 4"):
        estimator.predict(X_IRIS[:, :3])
    frame = pd.DataFrame(X_IRIS, columns=["a", "b", "c", "d"])
    estimator.fit(frame, Y_IRIS)
    assert_array_equal(estimator.feature_names_in_, ["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.partial_fit(frame.rename(columns={"a": "e"}), Y_IRIS)


# -------------------------------------------------------------------------------- targets


LABELS = {
    "str": np.array(["a", "bb", "ccc"]),
    "object": np.array(["a", "bb", "ccc"], dtype=object),
    "bool": np.array([False, True]),
    "negative": np.array([-1, 0, 1]),
    "int8": np.array([-5, 3, 100], dtype=np.int8),
    "float": np.array([-1.0, 0.0, 7.0]),
    "uint64": np.array([1, 2**63 + 1, 2**63 + 3], dtype=np.uint64),
    "datetime": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]"),
}


@ignore_convergence
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_keep_their_dtype(labels, n_classes):
    labels = labels[:n_classes]
    y = labels[Y_IRIS % len(labels)]
    estimator = network(MLPBackpropClassifier, max_iter=30).fit(X_IRIS, y)
    estimator.partial_fit(X_IRIS[:10], y[:10])
    assert estimator.classes_.dtype == estimator.predict(X_IRIS).dtype == labels.dtype
    assert_array_equal(estimator.classes_, labels)
    assert estimator.score(X_IRIS, y) > 0.7


@ignore_convergence
def test_pandas_labels_keep_their_values():
    for y, dtype in [
        (pd.Series(["no", "yes"] * 75), object),
        (pd.Series(["no", "yes"] * 75, dtype="category"), object),
        (pd.Series([False, True] * 75), bool),
        (pd.Series([False, True] * 75, dtype="boolean"), bool),
    ]:
        estimator = network(MLPBackpropClassifier).fit(X_IRIS, y)
        assert list(estimator.classes_) == sorted(set(y))
        assert estimator.classes_.dtype == dtype
        assert set(estimator.predict(X_IRIS)) <= set(y)


@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_label_indicators_may_be_dense_or_sparse(solver):
    X, Y = multilabel()
    dense = network(MLPBackpropClassifier, solver=solver).fit(X, Y)
    assert_array_equal(dense.classes_, [0, 1, 2])
    for indicator in (scipy.sparse.csr_array(Y), scipy.sparse.csc_matrix(Y), Y.astype(bool)):
        assert_same_model(network(MLPBackpropClassifier, solver=solver).fit(X, indicator), dense, X)
    frame = pd.DataFrame(Y, columns=["a", "b", "c"])
    assert_same_model(network(MLPBackpropClassifier, solver=solver).fit(X, frame), dense, X)


@ignore_convergence
def test_a_column_of_targets_is_taken_as_a_vector_with_a_warning():
    for cls in ESTIMATORS:
        expected = network(cls).fit(X_IRIS, Y_IRIS)
        with pytest.warns(DataConversionWarning, match="column-vector"):
            column = network(cls).fit(X_IRIS, Y_IRIS[:, None])
        assert_same_model(column, expected, X_IRIS)


@ignore_convergence
def test_numbers_as_strings_are_numbers():
    X, y = number()
    expected = network(MLPBackpropRegressor).fit(X, y)
    assert_same_model(network(MLPBackpropRegressor).fit(X, y.astype(str)), expected, X)


@ignore_convergence
def test_predictions_have_the_shape_of_the_target():
    X, Y = numbers()
    assert network(MLPBackpropRegressor).fit(X, Y).predict(X).shape == Y.shape
    assert network(MLPBackpropRegressor).fit(X, Y[:, 0]).predict(X).shape == (len(X),)


BAD_TARGETS = [
    (MLPBackpropClassifier, Y_IRIS[:-1], "inconsistent numbers of samples"),
    (MLPBackpropClassifier, None, "requires y to be passed, but the target y is None"),
    (MLPBackpropClassifier, X_IRIS[:, 0], "continuous"),
    (MLPBackpropClassifier, np.where(Y_IRIS == 1, np.nan, Y_IRIS), "NaN"),
    (MLPBackpropClassifier, np.where(Y_IRIS == 1, np.inf, Y_IRIS), "infinity"),
    (MLPBackpropClassifier, np.stack([Y_IRIS, Y_IRIS], axis=1), "1d array"),
    (MLPBackpropClassifier, np.zeros((150, 2, 2), int), "dim"),
    (MLPBackpropRegressor, Y_IRIS[:-1], "inconsistent numbers of samples"),
    (MLPBackpropRegressor, None, "requires y to be passed, but the target y is None"),
    (MLPBackpropRegressor, np.where(Y_IRIS == 1, np.nan, Y_IRIS), "NaN"),
    (MLPBackpropRegressor, np.where(Y_IRIS == 1, np.inf, Y_IRIS), "infinity"),
    (MLPBackpropRegressor, np.zeros((150, 2, 2)), "dim"),
    (MLPBackpropRegressor, np.array(["a"] * 150), "convert string to float"),
    (MLPBackpropRegressor, Y_IRIS + 1j, "[Cc]omplex"),
]


@pytest.mark.parametrize(("cls", "y", "message"), BAD_TARGETS)
def test_a_target_that_cannot_be_used_is_a_clear_error(cls, y, message):
    with pytest.raises(ValueError, match=message):
        network(cls).fit(X_IRIS, y)


def test_labels_of_mixed_kinds_are_an_error():
    y = np.array(["a", 1] * 75, dtype=object)
    with pytest.raises((TypeError, ValueError), match=r"str.*int|int.*str|unknown"):
        network(MLPBackpropClassifier).fit(X_IRIS, y)


def test_poisson_refuses_a_negative_target():
    X, y = counts()
    y[3] = -1e-9
    estimator = network(MLPBackpropRegressor, loss="poisson")
    with pytest.raises(ValueError, match="y must be 0 or more with loss='poisson'"):
        estimator.fit(X, y)


@pytest.mark.parametrize("n_samples", [100, 500])
def test_a_target_too_large_for_the_compute_dtype_is_an_error(n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 2))
    y = np.full(n_samples, 1e39)
    estimator = network(MLPBackpropRegressor, dtype="float32", target_scaling=False)
    with pytest.raises(ValueError, match="y holds a value that is too large for float32"):
        estimator.fit(X, y)


@ignore_convergence
def test_a_scaled_target_may_be_larger_than_the_compute_dtype_holds():
    X, y = number()
    small, large = (
        network(MLPBackpropRegressor, dtype="float32", max_iter=50).fit(X, unit * y).predict(X)
        for unit in (1.0, 1e300)
    )
    assert_allclose(large / 1e300, small, rtol=1e-4, atol=1e-4)


def test_a_target_too_large_for_the_dtype_of_predictions_is_an_error():
    X, y = number()
    with pytest.raises(ValueError, match="y holds a value that is too large for float32"):
        network(MLPBackpropRegressor).fit(X.astype(np.float32), y * 1e39)


# -------------------------------------------------------------------------------- weights


BAD_WEIGHTS = [
    (np.zeros(150), "at least one non-zero"),
    (np.where(Y_IRIS == 0, -1.0, 1.0), "[Nn]egative"),
    (np.where(Y_IRIS == 0, np.nan, 1.0), "NaN"),
    (np.where(Y_IRIS == 0, np.inf, 1.0), "infinity"),
    (np.ones((150, 1)), "1-d|1D"),
    (np.ones(149), "149"),
    (["a"] * 150, "convert string to float"),
]


@pytest.mark.parametrize(("w", "message"), BAD_WEIGHTS)
@each_estimator
def test_weights_that_cannot_be_used_are_a_clear_error(cls, w, message):
    with pytest.raises(ValueError, match=message):
        network(cls).fit(X_IRIS, Y_IRIS, sample_weight=w)


@ignore_convergence
@each_estimator
def test_one_weight_for_all_rows_and_none_are_the_same(cls):
    expected = network(cls).fit(X_IRIS, Y_IRIS)
    one = network(cls).fit(X_IRIS, Y_IRIS, sample_weight=3.0)
    assert_same_model(one, expected, X_IRIS)


@pytest.mark.parametrize("task", TASKS)
@each_stochastic_solver
def test_partial_fit_on_rows_of_weight_zero_does_nothing(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    estimator = network(cls, solver=solver, batch_size=50)
    classes = first_call(estimator, y if y.ndim == 1 else [0, 1, 2])
    estimator.partial_fit(X, y, sample_weight=np.zeros(len(y)), **classes)
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    estimator.partial_fit(X, y, **classes)
    held = contents(estimator)
    estimator.partial_fit(X[:5], y[:5], sample_weight=np.zeros(5))
    assert contents(estimator) == held


@each_stochastic_solver
@pytest.mark.parametrize("task", ["multiclass", "number"])
def test_partial_fit_ignores_the_rows_of_weight_zero(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    with_zeros, without = (network(cls, solver=solver, batch_size=20) for _ in range(2))
    for _ in range(3):
        with_zeros.partial_fit(X, y, sample_weight=w, **first_call(with_zeros, y))
        without.partial_fit(X[w > 0], y[w > 0], sample_weight=w[w > 0], **first_call(without, y))
    assert_same_model(with_zeros, without, X)


# ---------------------------------------------------------------- continuing: partial_fit


@ignore_convergence
@each_format
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("batch_size", [20, 10**6])
@each_stochastic_solver
@each_task
def test_k_calls_of_partial_fit_are_one_fit_of_k_epochs(
    task, solver, batch_size, n_members, as_matrix
):
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(X)
    params = {"solver": solver, "batch_size": batch_size, "n_members": n_members}
    whole = network(cls, **params).set_params(max_iter=3).fit(X, y)
    pieces = network(cls, **params)
    for _ in range(3):
        pieces.partial_fit(X, y, **first_call(pieces, y if y.ndim == 1 else [0, 1, 2]))
    assert_same_model(pieces, whole, X)
    assert pieces.loss_curve_ == whole.loss_curve_
    assert pieces.n_iter_ == 1
    assert pieces.t_ == whole.t_ == 3 * len(y)


@ignore_convergence
@pytest.mark.parametrize("schedule", ["constant", "invscaling", "adaptive"])
def test_partial_fit_goes_on_with_the_schedule(schedule):
    X, y = multiclass()
    params = {"solver": "sgd", "learning_rate": schedule, "tol": 0.05, "n_iter_no_change": 2}
    params |= {"learning_rate_init": 0.05, "batch_size": 50}
    whole = network(MLPBackpropClassifier, max_iter=30, **params).fit(X, y)
    pieces = network(MLPBackpropClassifier, **params)
    for _ in range(whole.n_iter_):
        pieces.partial_fit(X, y, classes=[0, 1, 2])
    assert pieces.loss_curve_ == whole.loss_curve_
    assert_same_model(pieces, whole, X)


def test_partial_fit_accepts_batches_that_lack_a_class():
    estimator = network(MLPBackpropClassifier, feature_scaling=None)  # 50 rows tell no scales
    estimator.partial_fit(X_IRIS[:50], Y_IRIS[:50], classes=[2, 1, 0, 0])
    assert_array_equal(estimator.classes_, [0, 1, 2])
    estimator.partial_fit(X_IRIS[100:], Y_IRIS[100:])
    assert estimator.predict_proba(X_IRIS).shape == (150, 3)


@pytest.mark.parametrize("warm_start", [False, True])
def test_partial_fit_after_all_classes_accepts_some_whether_warm_start_is_set_or_not(warm_start):
    estimator = network(MLPBackpropClassifier, warm_start=warm_start)
    estimator.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])
    expected = estimator.t_ + 10
    assert estimator.partial_fit(X_IRIS[:10], Y_IRIS[:10]).t_ == expected


@each_estimator
def test_a_first_partial_fit_on_few_rows_warns_of_what_it_learned_of_the_columns(cls):
    estimator, X = network(cls), 10 + 3 * X_IRIS[::-1]
    with pytest.warns(UserWarning, match=r"The first call of partial_fit saw 99 rows, .* 100 rows"):
        estimator.partial_fit(X[:99], Y_IRIS[:99], **first_call(estimator, Y_IRIS))
    learned = pickle.dumps(estimator._encoding)
    estimator.partial_fit(X, Y_IRIS)  # later ones learn nothing more, whatever they hold
    assert pickle.dumps(estimator._encoding) == learned
    assert_allclose(estimator._encoding["centre"], X[:99].mean(axis=0))
    for params, rows in [
        ({}, X[:100]),
        ({"feature_scaling": None}, X[:99]),
        ({"feature_scaling": None, "categorical_features": [0]}, X[:100]),
    ]:
        network(cls, **params).partial_fit(
            rows, Y_IRIS[: len(rows)], **first_call(estimator, Y_IRIS)
        )
    for params, value in [({"categorical_features": [0]}, 1.0), ({}, np.nan)]:
        rows = X[:99].copy()
        rows[::2, 0] = value
        estimator = network(cls, feature_scaling=None, **params)
        with pytest.warns(UserWarning, match="The first call of partial_fit saw 99 rows"):
            estimator.partial_fit(rows, Y_IRIS[:99], **first_call(estimator, Y_IRIS))


def test_partial_fit_needs_the_classes_at_its_first_call():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPBackpropClassifier().partial_fit(X_IRIS, Y_IRIS)


@each_estimator
def test_lbfgs_has_no_partial_fit(cls):
    assert hasattr(cls(solver="adam"), "partial_fit")
    assert not hasattr(cls(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = cls(solver="lbfgs").partial_fit


@pytest.mark.parametrize("labels", [["a", "c"], ["a", "bbb"], ["aa", "b"]])
def test_partial_fit_refuses_a_label_it_was_not_told_of(labels):
    estimator = MLPBackpropClassifier((3,), feature_scaling=None)  # 2 rows tell no scales
    estimator.partial_fit(X_IRIS[:2], ["a", "b"], classes=["a", "b"])
    with pytest.raises(ValueError, match="previously unseen labels"):
        estimator.partial_fit(X_IRIS[:2], labels)


def test_the_first_partial_fit_refuses_a_label_that_is_not_among_the_classes():
    with pytest.raises(ValueError, match="unseen labels"):
        MLPBackpropClassifier((3,)).partial_fit(X_IRIS, Y_IRIS, classes=[0, 1])


# continuing by partial_fit, or by fit with warm_start
CHANGES = {
    "hidden layers": ({"hidden_layer_sizes": (4,)}, "'hidden_layer_sizes'.*must stay"),
    "number of hidden layers": ({"hidden_layer_sizes": (8, 8)}, "'hidden_layer_sizes'.*must stay"),
    "members": ({"n_members": 2}, "'n_members'.*must stay 1"),
    "dtype": ({"dtype": "float64"}, "'dtype'.*must stay 'float32'"),
}


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("params", "message"), CHANGES.values(), ids=CHANGES)
@each_estimator
def test_the_network_cannot_change_while_training_goes_on(cls, params, message, method):
    estimator = network(cls, warm_start=method == "fit", dtype="float32").fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=message):
        getattr(estimator.set_params(**params), method)(X_IRIS, Y_IRIS)


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@each_estimator
def test_the_columns_cannot_change_while_training_goes_on(cls, method):
    estimator = network(cls, warm_start=method == "fit").fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP.* is expecting 4"):
        getattr(estimator, method)(X_IRIS[:, :3], Y_IRIS)


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_outputs_cannot_change_while_training_goes_on(method):
    X, Y = numbers()
    estimator = network(MLPBackpropRegressor, warm_start=method == "fit").fit(X, Y)
    with pytest.raises(ValueError, match="y has 2 outputs; 3 were expected"):
        getattr(estimator, method)(X, Y[:, :2])
    X, Y = multilabel()
    estimator = network(MLPBackpropClassifier, warm_start=method == "fit").fit(X, Y)
    with pytest.raises(ValueError, match=r"2 columns.*3 were expected|same classes"):
        getattr(estimator, method)(X, Y[:, :2])
    with pytest.raises(ValueError, match="labels, or label indicators"):
        getattr(estimator, method)(X, Y[:, 0])


@ignore_convergence
def test_the_classes_cannot_change_while_training_goes_on():
    estimator = network(MLPBackpropClassifier, warm_start=True).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match="same classes"):
        estimator.fit(X_IRIS, Y_IRIS + 1)
    with pytest.raises(ValueError, match="same classes"):
        estimator.fit(X_IRIS, Y_IRIS.clip(0, 1))
    with pytest.raises(ValueError, match="not the same as on the first call"):
        estimator.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2, 3])


@ignore_convergence
@each_estimator
def test_without_warm_start_everything_can_change(cls):
    estimator = network(cls, dtype="float32").fit(X_IRIS, Y_IRIS)
    estimator.set_params(hidden_layer_sizes=(3, 2), n_members=2, dtype="float64")
    estimator.fit(X_IRIS[:, :3], (Y_IRIS > 1) * 1)
    fresh = clone(estimator).fit(X_IRIS[:, :3], (Y_IRIS > 1) * 1)
    assert_same_model(estimator, fresh, X_IRIS[:, :3])
    assert estimator.loss_curve_ == fresh.loss_curve_
    assert estimator.t_ == fresh.t_


# ----------------------------------------------------------------- continuing: warm start


@ignore_convergence
@pytest.mark.parametrize("through_pickle", [False, True])
@pytest.mark.parametrize(
    ("epochs", "more", "params"),
    [
        (30, 20, {}),
        (4, 3, {"n_members": 3}),
        (4, 3, {"early_stopping": True}),
        (4, 3, {"early_stopping": True, "n_members": 3}),
        (4, 3, {"learning_rate": "invscaling"}),
        (1, 1, {"shuffle": False}),
    ],
    ids=str,
)
@each_stochastic_solver
@each_task
def test_a_warm_start_goes_on_as_if_there_had_been_no_pause(
    task, solver, epochs, more, params, through_pickle
):
    cls, data = TASKS[task]
    X, y = data()
    params = {"solver": solver, "batch_size": 50, "n_iter_no_change": 99} | params
    whole = network(cls, max_iter=epochs + more, **params).fit(X, y)
    pieces = network(cls, max_iter=epochs, warm_start=True, **params).fit(X, y)
    if through_pickle:
        pieces = pickle.loads(pickle.dumps(pieces))
    pieces.set_params(max_iter=more).fit(X, y)
    assert_same_model(pieces, whole, X)
    assert pieces.loss_curve_ == whole.loss_curve_
    assert pieces.validation_scores_ == whole.validation_scores_
    assert pieces.best_validation_score_ == whole.best_validation_score_
    assert pieces.n_iter_ == more
    assert pieces.t_ == whole.t_


@ignore_convergence
@each_estimator
def test_early_stopping_may_be_switched_while_training_goes_on(cls):
    estimator = network(cls, warm_start=True).fit(X_IRIS, Y_IRIS)
    assert estimator.validation_scores_ is None
    estimator.set_params(early_stopping=True).fit(X_IRIS, Y_IRIS)
    assert len(estimator.validation_scores_) == 5
    assert estimator.best_loss_ is None
    estimator.set_params(early_stopping=False).fit(X_IRIS, Y_IRIS)
    assert estimator.validation_scores_ is None
    assert estimator.best_loss_ == min(estimator.loss_curve_)
    assert len(estimator.loss_curve_) == 15


@ignore_convergence
@each_estimator
def test_early_stopping_goes_on_from_the_best_score_so_far(cls):
    """Epochs that change nothing are in vain from the first one on."""
    params = {"early_stopping": True, "n_iter_no_change": 3, "warm_start": True}
    estimator = network(cls, max_iter=20, **params).fit(X_IRIS, Y_IRIS)
    best = estimator.best_validation_score_
    estimator.set_params(learning_rate_init=1e-300).fit(X_IRIS, Y_IRIS)
    assert estimator.n_iter_ == 3
    assert estimator.best_validation_score_ == best


@ignore_convergence
@each_estimator
def test_the_solver_may_be_switched_while_training_goes_on(cls):
    estimator = network(cls, warm_start=True, solver="adam").fit(X_IRIS, Y_IRIS)
    loss = estimator.loss_
    params = {"solver": "lbfgs", "max_iter": 30, "learning_rate_init": 0.001}
    estimator.set_params(**params).fit(X_IRIS, Y_IRIS)
    assert estimator.loss_ < loss
    estimator.set_params(solver="sgd", max_iter=2, learning_rate_init=1e-300)
    assert_allclose(estimator.fit(X_IRIS, Y_IRIS).loss_, estimator.loss_curve_[-3], rtol=1e-3)


@ignore_convergence
@each_estimator
def test_lbfgs_goes_on_from_where_it_stopped(cls):
    params = {"solver": "lbfgs", "alpha": 0.1, "warm_start": True}
    estimator = network(cls, max_iter=1000, **params).fit(X_IRIS, Y_IRIS)
    loss = estimator.loss_
    estimator.fit(X_IRIS, Y_IRIS)
    assert estimator.n_iter_ < 30
    assert loss - 1e-3 < estimator.loss_ <= loss * (1 + 1e-12)


@ignore_convergence
def test_weights_of_another_scale_go_on_the_same():
    X, y = multiclass()
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    one, other = (network(MLPBackpropClassifier, warm_start=True).fit(X, y, w) for _ in range(2))
    one.fit(X, y, w)
    other.fit(X, y, w * 1e6)
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-5)


# --------------------------------------------------------------------- what is kept, pickled


@ignore_convergence
@each_estimator
def test_a_pickle_holds_the_parameters_and_neither_rows_nor_a_state_that_is_not_needed(cls):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 10)), rng.integers(0, 2, 3000)
    estimator = cls((100,), max_iter=3, early_stopping=True, random_state=0)
    size = len(pickle.dumps(estimator.fit(X, y)))
    n_bytes = sum(a.nbytes for a in estimator.coefs_ + estimator.intercepts_)
    assert n_bytes < size < n_bytes + 3000
    estimator.set_params(warm_start=True).fit(X, y)
    assert len(pickle.dumps(estimator)) > 3 * n_bytes


@ignore_convergence
@each_task
def test_a_pickled_model_predicts_the_same(task):
    estimator, X, _ = fitted(task, n_members=2)
    assert_same_model(pickle.loads(pickle.dumps(estimator)), estimator, X)


@ignore_convergence
@each_estimator
def test_a_clone_is_unfitted_and_fits_to_the_same_model(cls):
    estimator = network(cls).fit(X_IRIS, Y_IRIS)
    again = clone(estimator)
    assert not hasattr(again, "coefs_")
    assert_same_model(again.fit(X_IRIS, Y_IRIS), estimator, X_IRIS)


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_model_loaded_as_a_read_only_memory_map_goes_on(tmp_path, solver, method):
    X, y = multiclass()
    estimator = network(MLPBackpropClassifier, solver=solver, warm_start=True).fit(X, y)
    file = tmp_path / "model.joblib"
    joblib.dump(estimator, file)
    saved = file.read_bytes()
    loaded = joblib.load(file, mmap_mode="r")
    assert isinstance(loaded.coefs_[0], np.memmap)
    assert_same_model(loaded, estimator, X)
    getattr(loaded, method)(X, y)
    getattr(estimator, method)(X, y)
    assert_same_model(loaded, estimator, X)
    assert file.read_bytes() == saved


# ------------------------------------------------------------------------ reports, stopping


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"n_members": 2}], ids=str)
@each_solver
@each_task
def test_curves_have_an_entry_an_epoch(task, solver, params):
    if solver == "lbfgs" and params:
        params = {"early_stopping": params.get("early_stopping", False)}
    cls, data = TASKS[task]
    X, y = data()
    estimator = network(cls, solver=solver, max_iter=7, **params)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(7\) reached") as record:
        estimator.fit(X, y)
    assert record[-1].filename == __file__
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 7
    assert all(type(loss) is float for loss in estimator.loss_curve_)
    assert estimator.loss_ == estimator.loss_curve_[-1]
    if params.get("early_stopping"):
        assert len(estimator.validation_scores_) == 7
        assert estimator.best_validation_score_ == max(estimator.validation_scores_)
        assert estimator.best_loss_ is None
    else:
        assert estimator.best_loss_ == min(estimator.loss_curve_)
        assert estimator.validation_scores_ is estimator.best_validation_score_ is None


def test_a_fit_that_converges_gives_no_warning():
    X, y = binary()
    for params in (
        {"solver": "lbfgs", "alpha": 0.01, "max_iter": 500},
        {"tol": 1e-2, "max_iter": 500},
        {"early_stopping": True, "max_iter": 500},
    ):
        estimator = network(MLPBackpropClassifier, **params).fit(X, y)
        assert 1 < estimator.n_iter_ < 500


def test_a_limit_of_evaluations_is_named():
    X, y = binary()
    estimator = network(MLPBackpropClassifier, solver="lbfgs", max_iter=100, max_fun=5)
    with pytest.warns(ConvergenceWarning, match=r"number of evaluations \(5\) reached.*max_fun"):
        estimator.fit(X, y)
    assert estimator.n_iter_ <= 5


@ignore_convergence
@pytest.mark.parametrize(
    ("verbose", "lines"), [(False, []), (True, [1, 2, 3, 4, 5]), (2, [1, 2, 4])]
)
@pytest.mark.parametrize("params", [{}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str)
def test_verbose_prints_the_loss_and_the_score_every_so_many_epochs(params, verbose, lines, capsys):
    estimator = network(MLPBackpropClassifier, verbose=verbose, **params).fit(X_IRIS, Y_IRIS)
    printed = capsys.readouterr().out.splitlines()
    found = [re.match(r"Iteration (\d+), loss = ([\d.]+)", line).groups() for line in printed]
    assert [int(iteration) for iteration, _ in found] == lines
    assert_allclose(
        [float(x) for _, x in found], [estimator.loss_curve_[i - 1] for i in lines], atol=1e-6
    )
    if "early_stopping" in params:
        scores = [float(re.search(r"score = ([\d.]+)", line)[1]) for line in printed]
        assert_allclose(scores, [estimator.validation_scores_[i - 1] for i in lines], atol=1e-6)


def interrupt_printing(monkeypatch, at):
    """Raise what Ctrl-C raises when the line of iteration `at` is printed."""

    def interrupted(line, **options):
        if line.startswith(f"Iteration {at},"):
            raise KeyboardInterrupt

    monkeypatch.setattr(builtins, "print", interrupted)


@ignore_convergence
@pytest.mark.parametrize("early_stopping", [False, True])
@each_solver
@each_estimator
def test_an_interrupt_keeps_the_model_of_the_last_finished_epoch(
    cls, solver, early_stopping, monkeypatch
):
    params = {"solver": solver, "early_stopping": early_stopping}
    expected = network(cls, max_iter=4, **params).fit(X_IRIS, Y_IRIS)
    interrupt_printing(monkeypatch, at=4)
    estimator = network(cls, max_iter=50, verbose=1, **params)
    with pytest.warns(UserWarning, match="interrupted by user") as record:
        estimator.fit(X_IRIS, Y_IRIS)
    assert record[0].filename == __file__
    assert_same_model(estimator, expected, X_IRIS)
    assert estimator.n_iter_ == 4
    assert estimator.loss_curve_ == expected.loss_curve_
    assert estimator.validation_scores_ == expected.validation_scores_


@pytest.fixture(autouse=True)
def epochs_of_python_steps(request, monkeypatch):
    """Interrupts are raised from a step, which a compiled epoch does not call."""
    if "interrupt" in request.node.name:
        monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")


def interrupt_step(monkeypatch, at):
    """Raise what Ctrl-C raises at the `at`-th gradient, which is then half written."""
    gradient, calls = Network.gradient, []

    def interrupted(self, *batch):
        calls.append(batch)
        penalty = gradient(self, *batch)
        if len(calls) == at:
            raise KeyboardInterrupt
        return penalty

    monkeypatch.setattr(Network, "gradient", interrupted)


@ignore_convergence
@each_stochastic_solver
@each_estimator
def test_an_interrupt_within_an_epoch_goes_back_to_its_start(cls, solver, monkeypatch):
    params = {"solver": solver, "batch_size": 50}
    expected = network(cls, max_iter=3, **params).fit(X_IRIS, Y_IRIS)
    interrupt_step(monkeypatch, at=3 * 3 + 2)
    estimator = network(cls, max_iter=50, **params)
    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator.fit(X_IRIS, Y_IRIS)
    assert_same_model(estimator, expected, X_IRIS)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 3


@each_solver
@each_estimator
def test_an_interrupt_before_the_first_epoch_ends_raises_and_leaves_the_estimator(
    cls, solver, monkeypatch
):
    estimator = network(cls, solver=solver)
    held = contents(estimator)
    interrupt_step(monkeypatch, at=1)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X_IRIS, Y_IRIS)
    assert contents(estimator) == held


@ignore_convergence
@each_estimator
def test_training_goes_on_after_an_interrupt_as_if_there_had_been_none(cls, monkeypatch):
    expected = network(cls, max_iter=10, batch_size=50).fit(X_IRIS, Y_IRIS)
    estimator = network(cls, max_iter=10, batch_size=50, warm_start=True)
    with monkeypatch.context() as patch:
        interrupt_step(patch, at=3 * 4 + 2)
        with pytest.warns(UserWarning, match="interrupted by user"):
            estimator.fit(X_IRIS, Y_IRIS)
    estimator.set_params(max_iter=6).fit(X_IRIS, Y_IRIS)
    assert_same_model(estimator, expected, X_IRIS)


# ------------------------------------------------------------------------------ randomness


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
@each_solver
@each_estimator
def test_an_int_random_state_gives_the_same_bytes_and_leaves_numpys_alone(cls, solver, n_members):
    params = {"solver": solver, "n_members": n_members}
    np.random.seed(1)  # noqa: NPY002 - the global state is what is tested
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, same, other = (network(cls, random_state=seed, **params) for seed in (3, 3, 4))
    for estimator in (one, same, other):
        estimator.fit(X_IRIS, Y_IRIS)
    assert_same_model(one, same, X_IRIS)
    assert abs(one.coefs_[0] - other.coefs_[0]).max() > 0.01
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@ignore_convergence
@each_estimator
def test_a_random_state_instance_is_drawn_from(cls):
    one = network(cls, random_state=np.random.RandomState(5)).fit(X_IRIS, Y_IRIS)
    other = network(cls, random_state=np.random.RandomState(5)).fit(X_IRIS, Y_IRIS)
    assert_same_model(one, other, X_IRIS)
    first = one.coefs_[0]
    assert abs(one.fit(X_IRIS, Y_IRIS).coefs_[0] - first).max() > 0.01


@ignore_convergence
@each_estimator
def test_no_random_state_is_numpys_global_one(cls):
    np.random.seed(2)  # noqa: NPY002
    one, next_one = (network(cls, random_state=None).fit(X_IRIS, Y_IRIS) for _ in range(2))
    np.random.seed(2)  # noqa: NPY002
    again = network(cls, random_state=None).fit(X_IRIS, Y_IRIS)
    assert_same_model(one, again, X_IRIS)
    assert abs(one.coefs_[0] - next_one.coefs_[0]).max() > 0.01


@ignore_convergence
@each_estimator
def test_the_initial_weights_do_not_depend_on_data_or_batches(cls):
    params = {"learning_rate_init": 1e-300, "max_iter": 1, "dtype": "float64"}
    one = network(cls, batch_size=7, **params).fit(X_IRIS, Y_IRIS)
    other = network(cls, shuffle=False, early_stopping=True, **params)
    other.fit(X_IRIS[::-1] + 1, Y_IRIS[::-1])
    assert_array_equal(one.coefs_[0], other.coefs_[0])


@ignore_convergence
@pytest.mark.parametrize("shuffle", [True, False])
@each_estimator
def test_the_seed_decides_the_order_of_the_rows_where_they_are_shuffled(cls, shuffle):
    first = network(cls, batch_size=20, shuffle=shuffle, max_iter=1).fit(X_IRIS, Y_IRIS)
    one, other = (pickle.loads(pickle.dumps(first)) for _ in range(2))
    one.set_params(random_state=1).partial_fit(X_IRIS, Y_IRIS)
    other.set_params(random_state=2).partial_fit(X_IRIS, Y_IRIS)
    assert np.array_equal(one.coefs_[0], other.coefs_[0]) is not shuffle


# ----------------------------------------------------------------------- input, and dtypes


@ignore_convergence
@each_format
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
@each_solver
@each_task
def test_no_input_is_written_to(task, solver, x_dtype, as_matrix):
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(X.astype(x_dtype))
    y = y.astype(x_dtype) if cls is MLPBackpropRegressor else y
    w = np.random.default_rng(0).integers(0, 3, len(y)).astype(x_dtype)
    arrays = [*((X.data, X.indices, X.indptr) if scipy.sparse.issparse(X) else (X,)), y, w]
    before = [a.tobytes() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    estimator = network(cls, solver=solver, early_stopping=True).fit(X, y, sample_weight=w)
    outputs(estimator, X)
    if solver != "lbfgs":
        estimator.partial_fit(X, y, sample_weight=w)
    assert [a.tobytes() for a in arrays] == before


@ignore_convergence
@each_estimator
def test_memory_maps_are_read(cls, tmp_path):
    expected = network(cls).fit(X_IRIS, Y_IRIS)
    joblib.dump((X_IRIS, Y_IRIS), tmp_path / "data")
    X, y = joblib.load(tmp_path / "data", mmap_mode="r")
    assert isinstance(X, np.memmap)
    assert_same_model(network(cls).fit(X, y), expected, X)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "big-endian": lambda X: X.astype(">f8"),
    "object": lambda X: X.astype(object),
    "longdouble": lambda X: X.astype(np.longdouble),
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X),
    "nullable frame": lambda X: pd.DataFrame(X).astype("Float64"),
}


@ignore_convergence
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@each_estimator
def test_the_same_numbers_in_another_layout_give_the_same_model(cls, layout):
    expected = network(cls).fit(X_IRIS, Y_IRIS)
    other = network(cls).fit(layout(X_IRIS), Y_IRIS)
    assert_same_model(other, expected, X_IRIS)
    for own, then in zip(outputs(other, layout(X_IRIS)), outputs(expected, X_IRIS), strict=True):
        assert_array_equal(own, then)


@ignore_convergence
@pytest.mark.parametrize("x_dtype", [bool, np.uint8, np.int64])
@each_estimator
def test_whole_numbers_are_taken_as_float64(cls, x_dtype):
    X = (np.abs(X_IRIS * 3)).astype(x_dtype)
    expected = network(cls).fit(X.astype(float), Y_IRIS)
    estimator = network(cls).fit(X, Y_IRIS)
    assert_same_model(estimator, expected, X)
    assert soft_prediction(estimator, X).dtype == np.float64


@ignore_convergence
@each_format
@pytest.mark.parametrize("dtype", ["auto", "float32", "float64"])
@pytest.mark.parametrize("x_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [50, 10**6])
@each_solver
@pytest.mark.parametrize("task", ["binary", "multiclass", "numbers"])
def test_the_dtype_of_parameters_and_predictions(
    task, solver, batch_size, x_dtype, dtype, as_matrix
):
    """auto: the precision of X where each step takes all rows, else float32."""
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(X.astype(x_dtype))
    params = {} if solver == "lbfgs" else {"batch_size": batch_size}
    estimator = network(cls, solver=solver, dtype=dtype, max_iter=1, **params).fit(X, y)
    whole = solver == "lbfgs" or batch_size > len(y)
    expected = {"auto": x_dtype if whole else np.float32}.get(dtype, dtype)
    assert {a.dtype for a in estimator.coefs_ + estimator.intercepts_} == {np.dtype(expected)}
    for other_dtype in (np.float32, np.float64):
        _, *soft = outputs(estimator, X.astype(other_dtype))
        assert {a.dtype for a in soft} <= {np.dtype(other_dtype)}
        if cls is MLPBackpropRegressor:
            assert estimator.predict(X.astype(other_dtype)).dtype == other_dtype


@ignore_convergence
@each_estimator
def test_the_dtype_of_the_first_call_stays(cls):
    estimator = network(cls, batch_size=10**6)
    estimator.partial_fit(X_IRIS.astype(np.float32), Y_IRIS, **first_call(estimator, Y_IRIS))
    assert estimator.partial_fit(X_IRIS, Y_IRIS).coefs_[0].dtype == np.float32
    estimator.set_params(warm_start=True).fit(X_IRIS, Y_IRIS)
    assert estimator.coefs_[0].dtype == np.float32


WITH_INF = np.where(X_IRIS > 1, np.inf, X_IRIS)
BAD_INPUTS = [
    (WITH_INF, "Input X contains infinity"),
    (-WITH_INF, "Input X contains infinity"),
    (np.where(X_IRIS < -1, np.nan, WITH_INF), "Input X contains infinity"),
    (scipy.sparse.csr_array(WITH_INF), "Input X contains infinity"),
    (scipy.sparse.csr_array(np.where(X_IRIS < -1, np.nan, WITH_INF)), "Input X contains infinity"),
    (X_IRIS[:0], "Found array with 0 sample"),
    (X_IRIS[:, :0], "0 feature"),
    (X_IRIS[:, 0], "Expected 2D array, got 1D array"),
    (X_IRIS[None], "dim 3"),
    (X_IRIS + 1j, "Complex data not supported"),
    (np.full(X_IRIS.shape, "a"), "convert string to float|numeric"),
]


@pytest.mark.parametrize(("X", "message"), BAD_INPUTS)
@each_estimator
def test_an_input_that_cannot_be_used_is_a_clear_error(cls, X, message):
    with pytest.raises(ValueError, match=message):
        network(cls).fit(X, Y_IRIS[: X.shape[0]] if X.shape[0] else Y_IRIS[:0])
