"""Data and networks, and what a model predicts as bytes."""

import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.preprocessing import scale

from tests.networks import network_maker

METHODS = "predict", "predict_proba", "transform", "decision_function"
each_task = pytest.mark.parametrize("task", ["classifier", "regressor"])
each_size = pytest.mark.parametrize("n_members", [1, 3])


def data(task):
    X, y = (load_wine if task == "classifier" else load_diabetes)(return_X_y=True)
    return scale(X)[:120], y[:120]


network = network_maker(sizes=(20,), rate=0.01, max_iter=10)


def methods(model):
    return [name for name in METHODS if hasattr(model, name)]


def outputs(model, X):
    """Return the bytes of all that a model predicts."""
    return {name: getattr(model, name)(X).tobytes() for name in methods(model)}
