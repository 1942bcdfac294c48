"""Tables whose columns have outliers, heavy tails, codes for missing values, or two values."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import norm, t

#: X and y for training, X and y for testing.
Split = tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]


def usual(Z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return Z


def outlier(Z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put 1e9 into one row of each column, which may be in training or in testing."""
    X = Z.copy()
    X[rng.integers(len(Z), size=Z.shape[1]), range(Z.shape[1])] = 1e9
    return X


def coded(Z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put -999 in place of one number in 20."""
    return np.where(rng.random(Z.shape) < 0.05, -999.0, Z)


def lognormal(Z: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    return np.exp(sigma * Z)


def cauchy(Z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return t.ppf(norm.cdf(Z), 1)


def smooth(seed: int, change: Callable, n: int = 2000) -> Split:
    """Return a smooth function of ten columns, of which the table has others."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, 10))
    y = np.sin(2 * Z[:, 0]) + Z[:, 1] * Z[:, 2] + np.abs(Z[:, 3]) + Z[:, 4] + 0.5 * Z[:, 5]
    y += 0.1 * rng.normal(size=n)
    X = pd.DataFrame(change(Z, rng))
    half = n * 3 // 4
    return X[:half], y[:half], X[half:], y[half:]


def flags(seed: int, dtype: str, n: int = 2000) -> Split:
    """Return a linear function of 200 columns of 0 and 1, of which one in 50 is 1."""
    rng = np.random.default_rng(seed)
    bits = rng.random((n, 200)) < 0.02
    y = bits @ rng.normal(size=200) + 0.05 * rng.normal(size=n)
    X = pd.DataFrame(bits.astype(dtype))
    half = n * 3 // 4
    return X[:half], y[:half], X[half:], y[half:]


#: The cases of ``compare_quality.py``, by name: functions of the seed; the score is R2.
COLUMNS: dict[str, Callable[[int], Split]] = {
    "usual columns": partial(smooth, change=usual),
    "1e9 once in each column": partial(smooth, change=outlier),
    "-999 for missing in 5 %": partial(smooth, change=coded),
    "lognormal columns, sigma 1": partial(smooth, change=partial(lognormal, sigma=1.0)),
    "lognormal columns, sigma 3": partial(smooth, change=partial(lognormal, sigma=3.0)),
    "Cauchy columns": partial(smooth, change=cauchy),
    "200 rare 0/1 columns, integers": partial(flags, dtype="int64"),
    "200 rare 0/1 columns, floats": partial(flags, dtype="float64"),
    "200 rare 0/1 columns, booleans": partial(flags, dtype="bool"),
}
