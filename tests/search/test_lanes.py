"""Estimators that are fitted as lanes, against each fitted alone: every attribute and warning."""

import warnings
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._search.fits import fit_lanes

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
        same(vars(own), vars(other), "", close)
    return together


def candidates(estimator, name, values):
    return [clone(estimator).set_params(**{name: value}) for value in values]


@pytest.mark.parametrize("case", CASES)
def test_lanes_equal_single_fits(case):
    estimator, X, y = CASES[case]
    rates = [0.001, 0.01, 0.03]
    compare(candidates(estimator, "learning_rate_init", rates), X, y, nearly)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("case", ["classes", "numbers", "early stopping"])
def test_each_parameter_in_which_lanes_differ(case, name):
    estimator, X, y = CASES[case]
    if name not in estimator.get_params():
        pytest.skip("labels alone are smoothed and calibrated")
    compare(candidates(estimator, name, GRIDS[name]), X, y, nearly)
