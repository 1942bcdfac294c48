"""Data, small networks, and what several topics check."""

import builtins
from typing import Any, NamedTuple

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

#: ``@fault(id, what)``: the test is about this row of the matrix, defect ("D1") or issue ("#6091").
fault = pytest.mark.fault

each_estimator = pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])
ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
X = scale(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
#: Several numbers a row, of mean 0 and variance 1.
Y = scale(np.stack([X[:, 0] ** 2, X[:, 1] * X[:, 2], X[:, 3]], axis=1))
#: Several labels a row.
LABELS = np.stack([y == 0, y == 2, X[:, 1] > 0], axis=1).astype(int)
#: As a cell of a table, what no message may print.
SECRET = "73.125"


def network(cls, **params):
    """A small network that trains for a few epochs."""
    return cls(**({"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0} | params))


class Package(NamedTuple):
    """Where a network comes from."""

    Classifier: Any
    Regressor: Any

    def classifier(self, **params):
        return network(self.Classifier, **params)

    def regressor(self, **params):
        return network(self.Regressor, **params)


SCIKIT_LEARN = Package(MLPClassifier, MLPRegressor)
SKNET = Package(MLPBackpropClassifier, MLPBackpropRegressor)
RELEASE = tuple(map(int, sklearn.__version__.split(".")[:2]))
#: What is to be the same in both; earlier releases of scikit-learn said other things.
BOTH = (SCIKIT_LEARN, SKNET) if RELEASE >= (1, 9) else (SKNET,)
classifier, regressor = SKNET.classifier, SKNET.regressor


def assert_same_model(one, other):
    for own, expected in zip(
        one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        assert own.dtype == expected.dtype
        assert_array_equal(own, expected)


def fitted_state(estimator):
    """What fitting has left, without the parameters of the constructor."""
    params = estimator.get_params()
    return {name: value for name, value in vars(estimator).items() if name not in params}


def first_classes(estimator):
    """What the first partial_fit on `y` needs."""
    return {"classes": [0, 1, 2]} if isinstance(estimator, MLPBackpropClassifier) else {}


def interrupt_at(monkeypatch, iteration):
    """Press Ctrl-C when the line of this iteration is printed; needs ``verbose=1``."""

    def interrupted(line, **options):
        if line.startswith(f"Iteration {iteration},"):
            raise KeyboardInterrupt

    monkeypatch.setattr(builtins, "print", interrupted)
