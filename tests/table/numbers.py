"""A table of numbers, with gaps and sparse, and what a network makes of its columns."""

import numpy as np
import pytest

from tests.plain import MLPBackpropRegressor

RNG = np.random.default_rng(0)
N = 151
#: Bell-shaped, far from 0, with heavy tails, with ties.
X = np.stack(
    [
        RNG.normal(size=N),
        RNG.normal(1e4, 1, N),
        RNG.standard_cauchy(N),
        RNG.integers(0, 4, N).astype(float),
    ],
    axis=1,
)
Y = np.sin(X[:, 0]) + X[:, 3]
REPEATS = RNG.integers(0, 4, N)
each_scaling = pytest.mark.parametrize("scaling", ["auto", "standard", "robust", None])


def fitted(X, w=None, y=None, **params):
    """A linear model after one step, which has learned of the columns what any other would."""
    params = {"solver": "lbfgs", "max_iter": 1, "dtype": "float64", "random_state": 0} | params
    y = np.arange(X.shape[0]) % 3 if y is None else y
    return MLPBackpropRegressor((), **params).fit(X, y, sample_weight=w)


def encoded(X, w=None, **params):
    """What the network computes with."""
    return fitted(X, w, **params).transform(X)


def described(X, w=None, **params):
    return fitted(X, w, **params).input_encoding_


def with_gaps(seed=3, columns=(0, 2)):
    rows = X.copy()
    for column in columns:
        rows[np.random.default_rng(seed + column).random(N) < 0.25, column] = np.nan
    return rows


SPARSE = np.where(np.random.default_rng(4).random((N, 4)) < 0.6, 0, X)


def smoothly_clipped(U):
    return U / np.sqrt(1 + (U / 3) ** 2)
