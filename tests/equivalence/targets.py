"""A target with a long tail, weights, and networks for them."""

import numpy as np
import pytest
from sklearn.preprocessing import scale

from tests.datasets import Y_DIABETES as Y
from tests.networks import network_maker
from tests.plain import MLPBackpropRegressor

SKEWED = scale(Y) + np.exp(scale(Y))  # with a long tail
W = np.random.default_rng(0).uniform(0, 3, len(Y)).round(1)
each_weighting = pytest.mark.parametrize("w", [None, W], ids=["unweighted", "weighted"])


def linear(**params):
    """A linear model of X without scaling, trained to convergence: alpha is the oracle's."""
    params |= {"tol": 1e-10, "max_iter": 10000, "random_state": 0, "feature_scaling": None}
    return MLPBackpropRegressor((), solver="lbfgs", **params)


#: A few steps in float64.
network = network_maker(
    sizes=(6, 4), activation="tanh", rate=0.01, sgd_rate=0.1, max_iter=8, dtype="float64"
)
