"""Independent oracles: linear models, scikit-learn's networks, and ways to say the same thing."""

from copy import deepcopy

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale
from sklearn.utils import check_random_state

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

ignore_convergence = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)
pytestmark = ignore_convergence

STOCHASTIC = ["sgd", "adam", "adamw", "rmsprop"]
SOLVERS = ["lbfgs", *STOCHASTIC]
each_solver = pytest.mark.parametrize("solver", SOLVERS)


def binary():
    X, y = load_iris(return_X_y=True)
    return scale(X[50:]), y[50:]


def multiclass():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


def multilabel():
    X, y = multiclass()
    return X, np.stack([y == 0, y > 1, X[:, 0] > 0.5], axis=1).astype(int)


def number():
    X, y = load_diabetes(return_X_y=True)
    return scale(X[:150]), scale(y[:150]) + 0.5


def numbers():
    X, y = number()
    return X, np.stack([y, X[:, 2] - y**2, 3 * X[:, 1] * X[:, 3]], axis=1)


def counts():
    X, y = load_diabetes(return_X_y=True)
    return scale(X[:150]), np.round(y[:150] / 20)


TASKS = {
    "binary": (MLPBackpropClassifier, binary),
    "multiclass": (MLPBackpropClassifier, multiclass),
    "multilabel": (MLPBackpropClassifier, multilabel),
    "number": (MLPBackpropRegressor, number),
    "numbers": (MLPBackpropRegressor, numbers),
}
each_task = pytest.mark.parametrize("task", TASKS)


def soft_prediction(estimator, X):
    """Probabilities, or numbers."""
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def network(cls, solver, **params):
    """A small network that takes a few steps in float64, the rate large enough to move.

    The oracles compute with X as it is; sparse X would not be centred.
    """
    if solver != "lbfgs":
        params = {"learning_rate_init": 0.1 if solver == "sgd" else 0.01} | params
    params = {"max_iter": 8, "dtype": "float64", "random_state": 0} | params
    params = {"feature_scaling": None} | params
    return cls((6, 4), "tanh", solver=solver, **params)


# ---------------------------------------------------------------------------- linear models


def linear(cls, alpha, **params):
    """A linear model of X as it is: alpha penalises what the oracle's does."""
    params |= {"tol": 1e-10, "max_iter": 10000, "random_state": 0, "feature_scaling": None}
    return cls((), solver="lbfgs", alpha=alpha, **params)


each_weighting = pytest.mark.parametrize("weighted", [False, True])


def weights_of(y, weighted):
    return np.random.default_rng(0).uniform(0, 3, len(y)) if weighted else None


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
@pytest.mark.parametrize("data", [binary, multiclass])
def test_without_hidden_layer_it_is_logistic_regression(data, alpha, weighted):
    """mean loss + alpha/2 |W|^2 is C sum loss + 1/2 |W|^2 at C = 1 / (alpha sum of weights)."""
    X, y = data()
    w = weights_of(y, weighted)
    C = 1 / (alpha * (len(y) if w is None else w.sum()))
    oracle = LogisticRegression(C=C, tol=1e-10, max_iter=10000).fit(X, y, sample_weight=w)
    ours = linear(MLPBackpropClassifier, alpha).fit(X, y, sample_weight=w)
    assert_allclose(ours.predict_proba(X), oracle.predict_proba(X), atol=1e-5)
    # a constant added to the scores of all classes changes nothing
    own, other = (np.diff(np.atleast_2d(e.decision_function(X).T).T) for e in (ours, oracle))
    assert_allclose(own, other, rtol=1e-4, atol=1e-4)


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_without_hidden_layer_labels_are_one_logistic_regression_each(alpha, weighted):
    X, Y = multilabel()
    w = weights_of(Y, weighted)
    C = 1 / (alpha * (len(Y) if w is None else w.sum()))
    ours = linear(MLPBackpropClassifier, alpha).fit(X, Y, sample_weight=w).predict_proba(X)
    for label, y in enumerate(Y.T):
        oracle = LogisticRegression(C=C, tol=1e-10, max_iter=10000).fit(X, y, sample_weight=w)
        assert_allclose(ours[:, label], oracle.predict_proba(X)[:, 1], atol=1e-5)


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
@pytest.mark.parametrize("data", [number, numbers])
def test_without_hidden_layer_it_is_ridge_regression_for_one_and_several_outputs(
    data, alpha, weighted
):
    """mean of half the squares + alpha/2 |W|^2 is sum of squares + (alpha sum of weights) |W|^2."""
    X, y = data()
    w = weights_of(y, weighted)
    oracle = Ridge(alpha=alpha * (len(y) if w is None else w.sum())).fit(X, y, sample_weight=w)
    ours = linear(MLPBackpropRegressor, alpha).fit(X, y, sample_weight=w)
    assert_allclose(ours.predict(X), oracle.predict(X), atol=1e-5)


@each_weighting
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_without_hidden_layer_it_is_poisson_regression(alpha, weighted):
    X, y = counts()
    w = weights_of(y, weighted)
    oracle = PoissonRegressor(alpha=alpha, tol=1e-10, max_iter=10000).fit(X, y, sample_weight=w)
    ours = linear(MLPBackpropRegressor, alpha, loss="poisson").fit(X, y, sample_weight=w)
    assert_allclose(ours.predict(X), oracle.predict(X), rtol=1e-5)


# -------------------------------------------------------------------- scikit-learn's networks

SCIKIT_LEARN = {MLPBackpropClassifier: MLPClassifier, MLPBackpropRegressor: MLPRegressor}


def both(ours, theirs):
    """Pairs of all weights and biases."""
    own, other = (e.coefs_ + e.intercepts_ for e in (ours, theirs))
    return zip(own, other, strict=True)


def with_parameters_of(other, ours, X, y):
    """`ours`, fitted in float64 to y as it is, with the parameters of `other` put in."""
    ours = clone(ours).set_params(solver="lbfgs", max_iter=1, learning_rate_init=0.001)
    ours.set_params(feature_scaling=None)  # as scikit-learn
    if isinstance(ours, MLPBackpropRegressor):
        ours.set_params(target_scaling=False)
    ours.fit(X, y)
    assert [W.shape for W in ours.coefs_] == [W.shape for W in other.coefs_]
    ours.coefs_ = [W.copy() for W in other.coefs_]
    ours.intercepts_ = [b.copy() for b in other.intercepts_]
    return ours


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@each_task
def test_with_scikit_learns_parameters_predictions_are_scikit_learns(task, activation):
    cls, data = TASKS[task]
    X, y = data()
    theirs = SCIKIT_LEARN[cls](
        hidden_layer_sizes=(6, 4), activation=activation, max_iter=30, random_state=0
    ).fit(X, y)
    ours = with_parameters_of(theirs, cls((6, 4), activation), X, y)
    assert_allclose(soft_prediction(ours, X), soft_prediction(theirs, X), rtol=0, atol=1e-12)
    assert_array_equal(ours.predict(X).shape, theirs.predict(X).shape)
    assert ours.out_activation_ == theirs.out_activation_
    if cls is MLPBackpropClassifier:
        assert_array_equal(ours.predict(X), theirs.predict(X))


#: Solver, number of batches, parameters.
TRAININGS = [
    *(("sgd", batches, {"momentum": 0.0}) for batches in (1, 5)),
    *(("sgd", batches, {"nesterovs_momentum": False}) for batches in (1, 5)),
    *(("sgd", batches, {}) for batches in (1, 5)),
    *(("sgd", batches, {"learning_rate": "invscaling", "power_t": 0.2}) for batches in (1, 5)),
    ("sgd", 5, {"learning_rate": "adaptive"}),
    ("adam", 5, {"epsilon": 1e-30}),  # which scikit-learn puts elsewhere
    ("lbfgs", 1, {}),
]


@pytest.mark.parametrize(("solver", "batches", "params"), TRAININGS, ids=str)
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "number"])
def test_from_scikit_learns_start_training_is_scikit_learns(
    task, activation, solver, batches, params
):
    """alpha is mapped by the batch size; n_iter_no_change, which counts otherwise, not reached."""
    cls, data = TASKS[task]
    X, y = data()
    X, y = X[:100][::-1], y[:100][::-1]
    batch_size = len(X) // batches
    if solver != "lbfgs":
        rate = {"sgd": 0.3 if activation == "logistic" else 0.05, "adam": 0.01}[solver]
        params = {**params, "learning_rate_init": rate, "batch_size": batch_size}
        params |= {"shuffle": False, "n_iter_no_change": 100}
    theirs = SCIKIT_LEARN[cls](hidden_layer_sizes=(6, 4), activation=activation, random_state=3)
    theirs.set_params(alpha=0.1, max_iter=12, solver=solver, **params)
    # scikit-learn's start: what a fit leaves whose only step is of size 1e-300
    start = clone(theirs).set_params(solver="sgd", learning_rate_init=1e-300, max_iter=1).fit(X, y)
    theirs.fit(X, y)
    ours = with_parameters_of(start, cls((6, 4), activation), X, y)
    ours.set_params(warm_start=True, max_iter=12, alpha=0.1 / batch_size, solver=solver, **params)
    ours.fit(X, y)
    for own, other in both(ours, theirs):
        assert_allclose(own, other, rtol=1e-7, atol=1e-9)
    assert max(abs(other - first).max() for other, first in both(theirs, start)) > 0.01
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    if solver != "lbfgs":
        assert_allclose(ours.loss_curve_[-12:], theirs.loss_curve_, rtol=1e-9)


# ---------------------------------------------------------------------------------- members


@pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "lbfgs"},
        {"solver": "adam"},
        {"solver": "adam", "batch_size": 16},
        {"solver": "sgd", "batch_size": 16},
        {"solver": "sgd", "batch_size": 16, "shuffle": False},
        {"solver": "adamw", "batch_size": 7, "learning_rate": "invscaling"},
        {"solver": "rmsprop", "batch_size": 16, "dtype": "float32"},
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
@each_task
def test_a_member_is_the_network_fitted_alone_from_its_seed(task, params, as_matrix):
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(np.where(X > 0, X, 0))
    w = np.random.default_rng(1).uniform(0.5, 2, len(y))
    params = {"alpha": 0.01, "tol": 0.0} | params
    three = network(cls, n_members=3, **params).set_params(random_state=42)
    three.fit(X, y, sample_weight=w)
    seeds = check_random_state(42).randint(np.iinfo(np.int32).max, size=3)
    alone = [network(cls, **params).set_params(random_state=seed) for seed in seeds]
    for k, one in enumerate(alone):
        one.fit(X, y, sample_weight=w)
        tolerance = 1e-4 if params.get("dtype") == "float32" else 1e-9
        for ours, oracle in both(three, one):
            assert ours.shape == (3, *oracle.shape)
            assert_allclose(ours[k], oracle, rtol=tolerance, atol=tolerance)
    assert abs(three.coefs_[0][0] - three.coefs_[0][1]).max() > 0.1
    mean = np.mean([soft_prediction(one, X) for one in alone], axis=0)
    assert_allclose(soft_prediction(three, X), mean, rtol=1e-4, atol=1e-4)
    losses = np.mean([one.loss_ for one in alone])
    assert_allclose(three.loss_, losses, rtol=1e-5)


# ---------------------------------------------------------------------------------- weights


@each_solver
@each_task
def test_weight_two_is_the_row_twice(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    twice = np.random.default_rng(0).random(len(y)) < 0.3
    repeats = 1 + twice
    params = {"alpha": 0.1, "max_iter": 12, "batch_size": 10**6} if solver != "lbfgs" else {}
    params = {"alpha": 0.1, "max_iter": 12} | params
    weighted = network(cls, solver, **params).fit(X, y, sample_weight=repeats)
    repeated = network(cls, solver, **params)
    repeated.fit(np.concatenate([X, X[twice]]), np.concatenate([y, y[twice]]))
    assert_allclose(soft_prediction(weighted, X), soft_prediction(repeated, X), atol=1e-10)
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-10)


@pytest.mark.parametrize("factor", [1e-300, 1e-30, 1e30, 1e300])
@each_solver
@each_task
def test_a_factor_on_the_weights_changes_nothing(task, solver, factor):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).uniform(0.5, 3, len(y))
    params = {"alpha": 0.1}
    if solver != "lbfgs":
        params["batch_size"] = 16
    expected, scaled = (network(cls, solver, **params) for _ in range(2))
    expected.fit(X, y, sample_weight=w)
    scaled.fit(X, y, sample_weight=w * factor)
    assert_allclose(soft_prediction(scaled, X), soft_prediction(expected, X), rtol=1e-8, atol=1e-8)
    assert_allclose(scaled.loss_, expected.loss_, rtol=1e-8)


@pytest.mark.parametrize("factor", [1e-300, 1e300])
@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("task", ["binary", "number"])
def test_a_factor_on_the_weights_of_all_calls_of_partial_fit_changes_nothing(task, solver, factor):
    cls, data = TASKS[task]
    X, y = data()
    w = np.random.default_rng(0).uniform(0.5, 3, len(y))
    classes = {"classes": np.unique(y)} if task == "binary" else {}
    expected, scaled = (network(cls, solver, batch_size=16) for _ in range(2))
    for rows in np.array_split(np.arange(len(y)), 3):
        expected.partial_fit(X[rows], y[rows], sample_weight=w[rows], **classes)
        scaled.partial_fit(X[rows], y[rows], sample_weight=w[rows] * factor, **classes)
    assert_allclose(soft_prediction(scaled, X), soft_prediction(expected, X), rtol=1e-8, atol=1e-8)


@each_task
def test_partial_fit_takes_weights_on_the_scale_of_its_first_call(task):
    """After rows of weight 3, weight 6 is twice the gradient, and no weight a third of it."""
    cls, data = TASKS[task]
    X, y = data()
    params = {"momentum": 0.0, "alpha": 0.0, "batch_size": 10**6}
    for w, rate in [(np.full(len(y), 6.0), 0.2), (None, 0.1 / 3)]:
        ours = network(cls, "sgd", max_iter=1, **params).fit(X, y)
        oracle = network(cls, "sgd", max_iter=1, **params).fit(X, y)
        for estimator in (ours, oracle):
            estimator.partial_fit(X, y, sample_weight=np.full(len(y), 3.0))
        ours.partial_fit(X, y, sample_weight=w)
        oracle.set_params(learning_rate_init=rate)
        oracle.partial_fit(X, y, sample_weight=np.full(len(y), 3.0))
        assert_allclose(soft_prediction(ours, X), soft_prediction(oracle, X), rtol=1e-10)


@each_solver
@each_task
def test_equal_weights_are_no_weights(task, solver):
    cls, data = TASKS[task]
    X, y = data()
    expected = network(cls, solver).fit(X, y)
    weighted = network(cls, solver).fit(X, y, sample_weight=np.full(len(y), 0.7))
    assert_array_equal(soft_prediction(weighted, X), soft_prediction(expected, X))


@each_task
def test_a_mini_batch_weighs_what_its_rows_weigh_among_all_rows(task):
    """Weights 1/2 in one batch and 3/2 in the other are half and three halves of the gradient.

    From one start: the first bias of the output depends on the weights.
    """
    cls, data = TASKS[task]
    X, y = data()
    X, y = X[::-1][:100], y[::-1][:100]
    w = np.repeat([1.0, 3.0], 50)
    params = {"momentum": 0.0, "alpha": 0.0, "shuffle": False, "max_iter": 1}
    start = network(cls, "sgd", warm_start=True, batch_size=50, **params).fit(X, y)
    ours, oracle = deepcopy(start), deepcopy(start)
    ours.fit(X, y, sample_weight=w)
    oracle.set_params(learning_rate_init=0.05).partial_fit(X[:50], y[:50])
    oracle.set_params(learning_rate_init=0.15).partial_fit(X[50:], y[50:])
    assert_allclose(soft_prediction(ours, X), soft_prediction(oracle, X), rtol=1e-12, atol=1e-12)
    assert abs(soft_prediction(ours, X) - soft_prediction(start, X)).max() > 1e-3


# -------------------------------------------------------------------- sparse input, precision


@pytest.mark.parametrize("batch_size", [16, 10**6])
@each_solver
@each_task
def test_sparse_input_is_dense_input(task, solver, batch_size):
    cls, data = TASKS[task]
    X, y = data()
    X = np.where(X > 0.3, X, 0)
    X_sparse = scipy.sparse.csr_array(X)
    params = {} if solver == "lbfgs" else {"batch_size": batch_size}
    dense = network(cls, solver, **params).fit(X, y)
    sparse = network(cls, solver, **params).fit(X_sparse, y)
    assert_allclose(soft_prediction(sparse, X_sparse), soft_prediction(dense, X), atol=1e-9)
    assert_allclose(soft_prediction(sparse, X), soft_prediction(sparse, X_sparse), atol=1e-12)


@pytest.mark.filterwarnings("ignore:Constructing a DIA")
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("task", ["multiclass", "numbers"])
def test_every_sparse_format_is_the_same_input(task, form, kind):
    cls, data = TASKS[task]
    X, y = data()
    X = np.where(X > 0.3, X, 0)
    X_sparse = getattr(scipy.sparse, f"{form}_{kind}")(X)
    expected = network(cls, "adam", batch_size=16).fit(scipy.sparse.csr_array(X), y)
    other = network(cls, "adam", batch_size=16).fit(X_sparse, y)
    assert_array_equal(soft_prediction(other, X_sparse), soft_prediction(expected, X_sparse))


@each_solver
def test_indices_of_64_bits_in_any_order_are_the_same_input(solver):
    X, y = multiclass()
    csr = scipy.sparse.csr_array(np.where(X > 0.3, X, 0))
    other = csr.copy()
    other.indices, other.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    for start, stop in zip(csr.indptr[:-1], csr.indptr[1:], strict=True):
        other.indices[start:stop] = csr.indices[start:stop][::-1]
        other.data[start:stop] = csr.data[start:stop][::-1]
    expected = network(MLPBackpropClassifier, solver).fit(csr, y)
    ours = network(MLPBackpropClassifier, solver).fit(other, y)
    assert_allclose(ours.predict_proba(other), expected.predict_proba(csr), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [16, 10**6])
@each_solver
@each_task
def test_float32_is_close_to_float64(task, solver, batch_size):
    cls, data = TASKS[task]
    X, y = data()
    # a first output layer of zeros has no gradient but rounding's, which adam's steps make large
    params = {"max_iter": 5, "init": "glorot_uniform"}
    if solver != "lbfgs":
        params |= {"batch_size": batch_size, "learning_rate_init": 0.01}
    double = network(cls, solver, **params).fit(X, y)
    single = network(cls, solver, **params).set_params(dtype="float32").fit(X, y)
    assert_allclose(soft_prediction(single, X), soft_prediction(double, X), atol=2e-3)
    assert abs(soft_prediction(single, X) - soft_prediction(double, X)).max() > 0
