"""One fit, warm starts and calls of partial_fit are the same training, bit for bit."""

import numpy as np
import pytest
import scipy.sparse

from tests.continuation.common import (
    TARGETS,
    X,
    assert_same_training,
    in_calls_of_partial_fit,
    in_one_fit,
    network,
)
from tests.marks import ignore_convergence, readable
from tests.networks import reloaded

pytestmark = [ignore_convergence, pytest.mark.filterwarnings("ignore:The hold-out")]
W = np.random.default_rng(0).uniform(0, 3, len(X)).round()  # some are 0


def in_two_fits(estimator, epochs, X, y, w):
    first = 6 * epochs // 10
    estimator.set_params(warm_start=True, max_iter=first).fit(X, y, sample_weight=w)
    return reloaded(estimator).set_params(max_iter=epochs - first).fit(X, y, sample_weight=w)


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


def falling(progress):
    """A learning rate that depends on the step."""
    return 0.02 / (1 + progress.epochs)


#: Task, number of epochs, parameters of the network.
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


@pytest.mark.parametrize(
    ("pieces", "steps"),
    [*((pieces, "numpy") for pieces in PIECES), *((pieces, "numba") for pieces in PIECES[:2])],
    indirect=["steps"],
)
@pytest.mark.parametrize(("task", "epochs", "params"), TRAININGS, ids=readable)
def test_one_fit_equals_training_in_pieces(task, epochs, params, pieces, steps):
    y = TARGETS[task]
    oracle = in_one_fit(network(task, **params), epochs, X, y, None)
    assert oracle.n_iter_ == epochs
    assert_same_training(pieces(network(task, **params), epochs, X, y, None), oracle, X)


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
def test_one_fit_equals_training_in_pieces_with_weights_sparse_x_and_float32(
    task, params, pieces, as_matrix
):
    y, rows = TARGETS[task], as_matrix(np.where(X > -0.5, X, 0))
    oracle = in_one_fit(network(task, **params), 6, rows, y, W)
    assert_same_training(pieces(network(task, **params), 6, rows, y, W), oracle, rows)
