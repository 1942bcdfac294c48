"""Data, small networks, and what several topics check."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from tests.datasets import X_IRIS, Y_IRIS
from tests.networks import network_maker
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

#: ``@fault(id, what)``: the test is about this row of the matrix, defect ("D1") or issue ("#6091").
fault = pytest.mark.fault

X, y = X_IRIS, Y_IRIS
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
#: Three targets per row, of mean 0 and variance 1.
Y = scale(np.stack([X[:, 0] ** 2, X[:, 1] * X[:, 2], X[:, 3]], axis=1))
#: Three label indicators per row.
LABELS = np.stack([y == 0, y == 2, X[:, 1] > 0], axis=1).astype(int)
#: The content of a cell, which no message may print.
SECRET = "73.125"


network = network_maker()


class Package(NamedTuple):
    """The package that a network comes from: scikit-learn or sknet."""

    Classifier: Any
    Regressor: Any

    def classifier(self, **params):
        return network(self.Classifier, **params)

    def regressor(self, **params):
        return network(self.Regressor, **params)


SCIKIT_LEARN = Package(MLPClassifier, MLPRegressor)
SKNET = Package(MLPBackpropClassifier, MLPBackpropRegressor)
RELEASE = tuple(map(int, sklearn.__version__.split(".")[:2]))
#: Packages whose messages must be the same; those of scikit-learn before 1.9 differ.
BOTH = (SCIKIT_LEARN, SKNET) if RELEASE >= (1, 9) else (SKNET,)
classifier, regressor = SKNET.classifier, SKNET.regressor


def fitted_state(estimator):
    """All attributes but the parameters of the constructor."""
    params = estimator.get_params()
    return {name: value for name, value in vars(estimator).items() if name not in params}
