"""Estimators that are fitted as lanes, against each fitted alone: every attribute and warning."""

import tracemalloc
import warnings
from itertools import chain
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine import compiled
from sknet._engine.network import Network, drawn_parameters
from sknet._search.fits import fit_lanes
from sknet._training import build, lanes
from sknet._training.shared import Shared, key_of
from tests.marks import ignore_convergence

pytestmark = ignore_convergence

X, Y_CLASSES = make_classification(
    300, 8, n_informative=5, n_classes=3, weights=[0.6, 0.3], random_state=0
)
Y_NUMBERS = X[:, 0] + X[:, 1] ** 2
FRAME = pd.DataFrame(X[:, :4], columns=list("abcd")).assign(
    kind=pd.Categorical(np.where(X[:, 5] > 0, "u", np.where(X[:, 6] > 0, "v", "w"))),
    place=pd.Categorical([f"p{k % 40}" for k in range(len(X))]),
)
SMALL = {"hidden_layer_sizes": (9, 5), "max_iter": 12, "random_state": 3, "dtype": "float64"}
CLASSIFIER = MLPBackpropClassifier(**SMALL)
REGRESSOR = MLPBackpropRegressor(**SMALL)

#: Estimators and their data.
CASES = {
    "classes": (CLASSIFIER, X, Y_CLASSES),
    "two classes": (CLASSIFIER, X, Y_CLASSES == 0),
    "indicators": (CLASSIFIER, X, np.column_stack([Y_CLASSES == 0, X[:, 1] > 0]).astype(int)),
    "numbers": (REGRESSOR, X, Y_NUMBERS),
    "several numbers": (REGRESSOR, X, np.column_stack([Y_NUMBERS, X[:, 3]])),
    "quantiles": (clone(REGRESSOR).set_params(loss="quantile", quantile=(0.1, 0.9)), X, Y_NUMBERS),
    "early stopping": (clone(CLASSIFIER).set_params(early_stopping=True), X, Y_CLASSES),
    "scoring": (
        clone(CLASSIFIER).set_params(early_stopping=True, scoring="neg_log_loss"), X, Y_CLASSES
    ),
    "class_weight": (clone(CLASSIFIER).set_params(class_weight="balanced"), X, Y_CLASSES),
    "categories": (clone(CLASSIFIER).set_params(max_onehot=10), FRAME, Y_CLASSES),
    "members": (clone(CLASSIFIER).set_params(n_members=3), X, Y_CLASSES),
    "cross-fitting": (clone(CLASSIFIER).set_params(cv=3), X, Y_CLASSES),
    "cross-fitting, several members": (
        clone(REGRESSOR).set_params(cv=4, n_members=2), X, Y_NUMBERS
    ),
    "splines": (clone(REGRESSOR).set_params(numeric_embedding="ple"), X, Y_NUMBERS),
    "no hidden layer": (clone(CLASSIFIER).set_params(hidden_layer_sizes=()), X, Y_CLASSES),
    "sgd": (clone(CLASSIFIER).set_params(solver="sgd", learning_rate_init=0.1), X, Y_CLASSES),
    "lbfgs": (clone(CLASSIFIER).set_params(solver="lbfgs"), X, Y_CLASSES),
    "not shuffled": (clone(CLASSIFIER).set_params(shuffle=False, batch_size=32), X, Y_CLASSES),
}  # fmt: skip
#: What candidates may differ in.
GRIDS = {
    "learning_rate_init": [1e-3, 1e-2, 0.05],
    "alpha": [0.0, 1e-4, 1e-2],
    "weight_decay": [0.0, 0.1, 1.0],
    "dropout": [0.0, 0.2, (0.1, 0.3)],
    "dropout_input": [0.0, 0.1, 0.3],
    "label_smoothing": [0.0, 0.1, 0.2],
    "learning_rate": ["constant", "cosine", "adaptive", "one_cycle"],
    "warmup": [0, 0.5, 3],
    "power_t": [0.3, 0.7],
    "random_state": [0, 1, 2],
    "batch_size": [20, 50, 1000],
    "max_iter": [2, 5, 9],
    "tol": [1e-4, 0.05, 0.5],
    "n_iter_no_change": [1, 2, 5],
    "averaging": [None, 2.0, 6.0],
    "beta_1": [0.8, 0.9],
    "momentum": [0.0, 0.9],
    "clip_norm": [None, 0.1],
    "early_stopping": [False, True],
    "validation_fraction": [0.1, 0.3],
    "hidden_layer_sizes": [(9, 5), (4,), ()],
    "activation": ["relu", "tanh"],
    "solver": ["adamw", "adam", "sgd", "lbfgs"],
    "feature_scaling": [None, "standard"],
    "calibration": [None, "temperature"],
    "n_members": [1, 2],
    "cv": [None, 2],
    "dtype": ["float32", "float64"],
    "shuffle": [True, False],
    "scoring": [None, "loss"],
    "verbose": [False],
    "max_time": [None, 1e3],
    "warm_start": [False, True],
}


def attributes(estimator):
    """All attributes but the duration of the fit."""
    return {name: a for name, a in vars(estimator).items() if name != "_fit_seconds"}


def same(a, b, name, close):
    """Whether two attributes are equal; `close` compares numbers."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), name
        for key in a:
            same(a[key], b[key], f"{name}[{key!r}]", close)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), name
        for k, (own, other) in enumerate(zip(a, b, strict=True)):
            same(own, other, f"{name}[{k}]", close)
    elif isinstance(a, np.ndarray) and a.dtype.kind == "f":
        assert a.dtype == b.dtype, name
        close(a, b, err_msg=name)
    elif isinstance(a, np.ndarray):
        assert_array_equal(a, b, err_msg=name)
    elif isinstance(a, float):
        close(a, b, err_msg=name)
    else:
        assert a == b or a is b or repr(a) == repr(b), name


def nearly(a, b, err_msg):
    assert_allclose(a, b, rtol=1e-6, atol=1e-9, err_msg=err_msg)


def fitted_alone(estimator, X, y, fit_params):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        estimator.fit(X, y, **fit_params)
    return sorted(str(w.message) for w in given)


def compare(estimators, X, y, close, **fit_params):
    """Fit copies of the estimators as lanes and alone, and compare all attributes."""
    together, alone = map(clone, estimators), [clone(own) for own in estimators]
    together = list(together)
    messages = [fitted_alone(own, X, y, fit_params) for own in alone]
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        outcomes = fit_lanes(together, X, y, fit_params)
    assert [outcome.error for outcome in outcomes] == [None] * len(alone)
    assert sorted(str(w.message) for w in given) == sorted(chain(*messages))
    for own, other in zip(alone, together, strict=True):
        same(attributes(own), attributes(other), "", close)
    return together


def candidates(estimator, name, values):
    return [clone(estimator).set_params(**{name: value}) for value in values]


@pytest.mark.parametrize("case", CASES)
def test_lanes_equal_single_fits(case, joint):
    estimator, X, y = CASES[case]
    rates = [0.001, 0.01, 0.03]
    compare(candidates(estimator, "learning_rate_init", rates), X, y, nearly)
    assert joint == ([] if case == "lbfgs" else [3])


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("case", ["classes", "numbers", "early stopping"])
def test_each_parameter_in_which_lanes_differ(case, name):
    estimator, X, y = CASES[case]
    if name not in estimator.get_params():
        pytest.skip("labels alone are smoothed and calibrated")
    compare(candidates(estimator, name, GRIDS[name]), X, y, nearly)


def test_lanes_that_leave_one_by_one_and_one_that_diverges(joint):
    """The first ends by patience, the second at `max_iter`, the third diverges."""
    estimator = clone(REGRESSOR).set_params(solver="sgd", target_scaling=False, momentum=0.0)
    ends = [{"tol": 0.5, "n_iter_no_change": 2}, {"max_iter": 7}, {}, {"learning_rate_init": 1e9}]
    first = {"learning_rate_init": 1e-3}
    networks = [clone(estimator).set_params(**first | own) for own in ends]
    together = [clone(own) for own in networks]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        errors = [outcome.error for outcome in fit_lanes(together, X, Y_NUMBERS, {})]
        for own, other, error in zip(networks[:3], together[:3], errors[:3], strict=True):
            assert error is None
            same(attributes(own.fit(X, Y_NUMBERS)), attributes(other), "", nearly)
    assert joint == [4]
    assert len({own.n_iter_ for own in together[:3]}) == 3
    with pytest.raises(ValueError, match="non-finite") as alone:
        networks[3].fit(X, Y_NUMBERS)
    assert str(alone.value) == str(errors[3])
    assert vars(together[3]) == vars(clone(networks[3]))


def test_threads_that_share_lanes_change_no_parameter(monkeypatch):
    found = []
    networks = candidates(CLASSIFIER, "learning_rate_init", np.geomspace(1e-3, 0.1, 7).tolist())
    monkeypatch.setattr(build, "THREADED_EPOCH_MULTIPLY_ADDS", 1)
    for n_threads in (1, 2):
        monkeypatch.setattr(build, "free_threads", lambda n=n_threads: n)
        found.append([clone(own) for own in networks])
        fit_lanes(found[-1], X, Y_CLASSES, {})
    for one, two in zip(*found, strict=True):
        same(one.coefs_, two.coefs_, "coefs_", assert_array_equal)
        assert_allclose(one.loss_curve_, two.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("params", [{}, {"dropout": 0.3}], ids=str)
def test_lanes_of_equal_seeds_share_their_batches(params, joint, monkeypatch):
    """They are gathered once: X of a batch has no axis of members."""
    axes, original = set(), Network.gradient

    def gradient(network, X, *more):
        axes.add((network.n_members, X.ndim))
        return original(network, X, *more)

    monkeypatch.setattr(Network, "gradient", gradient)
    monkeypatch.setattr(build, "free_threads", lambda: 1)
    monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")
    network = clone(CLASSIFIER).set_params(**params, early_stopping=False)
    networks = [clone(network).set_params(alpha=a) for a in (0.0, 1e-5, 1e-4)]
    fit_lanes([clone(own) for own in networks], X, Y_CLASSES, {})
    assert axes == {(3, 2)}
    axes.clear()
    networks[0].set_params(random_state=9)
    fit_lanes([clone(own) for own in networks], X, Y_CLASSES, {})
    assert axes == {(3, 3)}


def test_float32_lanes_are_no_further_than_a_change_of_the_last_bit():
    """From single fits: in lockstep, and with the first weights moved by one bit."""
    networks = [
        clone(own).set_params(dtype="float32", max_iter=10)
        for own in candidates(CLASSIFIER, "learning_rate_init", [1e-4, 1e-3, 1e-2])
    ]
    alone = [clone(own).fit(X, Y_CLASSES).predict_proba(X) for own in networks]
    together = [clone(own) for own in networks]
    fit_lanes(together, X, Y_CLASSES, {})

    def moved(layers, rng):
        return [
            {name: np.nextafter(a.astype(np.float32), np.float32(9)) for name, a in layer.items()}
            for layer in drawn_parameters(layers, rng)
        ]

    with patch.object(build, "drawn_parameters", moved):
        bits = [clone(own).fit(X, Y_CLASSES).predict_proba(X) for own in networks]
    for own, lane, bit in zip(alone, together, bits, strict=True):
        assert np.abs(lane.predict_proba(X) - own).max() <= 3 * np.abs(bit - own).max()


def test_a_search_of_many_candidates_holds_little_besides_their_parameters():
    rows, y = make_classification(2000, 20, random_state=0)
    network = clone(CLASSIFIER).set_params(hidden_layer_sizes=(200, 200), max_iter=1)
    network.set_params(dtype="float32", early_stopping=False)
    networks = candidates(network, "alpha", np.geomspace(1e-8, 1e-4, 50).tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_lanes([clone(own) for own in networks[:2]], rows, y, {})
        together = [clone(own) for own in networks]
        tracemalloc.start()
        fit_lanes(together, rows, y, {})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    theta = sum(own.n_parameters_ for own in together)
    assert peak < 1.2 * 4 * (3 * theta + rows.size)  # theta, two states of adam, X in float32


def test_what_raises_is_not_shared_and_warnings_are_given_to_each():
    shared, calls = Shared(), []

    def fails():
        calls.append(1)
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            shared.get("a", fails)
    assert len(calls) == 2

    def warns():
        calls.append(1)
        warnings.warn("careful", UserWarning, stacklevel=2)
        return 7

    for _ in range(2):
        with pytest.warns(UserWarning, match="careful"):
            assert shared.get("b", warns) == 7
    assert len(calls) == 3
    assert key_of([1, "a"]) == key_of([1, "a"]) != key_of([1, "b"])
    assert key_of(lambda: 1) != key_of(lambda: 1)


def test_fits_that_draw_their_seed_differ(joint):
    network = clone(CLASSIFIER).set_params(random_state=None, early_stopping=False)
    networks = [clone(network) for _ in range(3)]
    fit_lanes(networks, X, Y_CLASSES, {})
    assert joint == [3]
    assert (networks[0].coefs_[0] != networks[1].coefs_[0]).any()


@pytest.mark.parametrize("how", ["compiled", "lockstep", "one by one"])
def test_each_way_of_training(how, monkeypatch):
    if how == "compiled":
        pytest.importorskip("numba", exc_type=ImportError)
        monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)
    else:
        monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")
    if how == "one by one":
        monkeypatch.setattr(lanes, "LOCKSTEP_ELEMENTS", 0)
    close = nearly if how == "lockstep" else assert_array_equal
    for case in ("classes", "numbers", "early stopping", "members", "cross-fitting"):
        estimator, X, y = CASES[case]
        compare(candidates(estimator, "learning_rate_init", [0.001, 0.01, 0.03]), X, y, close)
