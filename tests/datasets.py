"""Small data of each kind of task, columns of mean 0 and variance 1, and the tasks as a table."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.preprocessing import scale

from tests.networks import ESTIMATOR_OF

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
X_WINE, Y_WINE = load_wine(return_X_y=True)
X_WINE = scale(X_WINE)
X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)
X_DIABETES, Y_DIABETES = scale(X_DIABETES[:150]), Y_DIABETES[:150]


def binary():
    return scale(X_IRIS[50:]), Y_IRIS[50:]


def multiclass():
    return X_WINE.copy(), Y_WINE.copy()


def multilabel():
    X, y = multiclass()
    return X, np.stack([y == 0, y > 1, X[:, 0] > 0.5], axis=1).astype(int)


def number():
    return X_DIABETES.copy(), scale(Y_DIABETES) + 0.5


def numbers():
    X, y = number()
    return X, np.stack([y, X[:, 2] - y**2, 3 * X[:, 1] * X[:, 3]], axis=1)


def counts():
    return X_DIABETES.copy(), np.round(Y_DIABETES / 20)


CLASSIFICATION = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel}
REGRESSION = {"number": number, "numbers": numbers}
#: The estimator of each task, and a function that returns its X and y.
TASKS = {
    name: (ESTIMATOR_OF[name], data) for name, data in {**CLASSIFICATION, **REGRESSION}.items()
}
each_task = pytest.mark.parametrize("task", TASKS)
each_classification = pytest.mark.parametrize("data", CLASSIFICATION.values(), ids=CLASSIFICATION)
