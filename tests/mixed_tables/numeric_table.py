"""A table of numbers, of which a column has few values and one is constant; its target."""

import numpy as np
import pandas as pd

from tests.networks import network_maker
from tests.plain import MLPBackpropRegressor

N = 200
RNG = np.random.default_rng(0)
X = np.c_[RNG.normal(3.0, 2.0, N), RNG.integers(0, 12, N), np.ones(N), RNG.poisson(0.3, N)]
Y = X[:, 0] + np.sin(X[:, 1])
network = network_maker(MLPBackpropRegressor, dtype="float64")


def frame_of(values):
    return pd.DataFrame({"a": X[:, 0], "c": values})
