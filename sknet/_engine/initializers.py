"""Initial weights and biases of a dense layer, drawn from a numpy Generator in float64.

``INITIALIZERS[init](rng, fan_in, fan_out, activation)`` returns ``W (fan_in, fan_out)`` and
``b (fan_out,)``. The weights have mean 0 and the variance in the table below. The biases are 0,
except for `glorot_uniform`, which draws them from the distribution of W, as scikit-learn does.

================  ====================================  ==========================
init              variance                              source
================  ====================================  ==========================
glorot_uniform    2 / (fan_in + fan_out); a third of    Glorot and Bengio 2010, with
                  this for a logistic activation        scikit-learn's bounds
glorot_normal     2 / (fan_in + fan_out)                Glorot and Bengio 2010
he_uniform        2 / fan_in                            He et al. 2015
he_normal         2 / fan_in                            He et al. 2015
lecun_normal      1 / fan_in                            LeCun et al. 1998
================  ====================================  ==========================

The uniform distribution of variance s^2 has the bounds +-sqrt(3) s.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Drawn = tuple[Float64, Float64]
Initializer = Callable[[np.random.Generator, int, int, str], Drawn]


def glorot_uniform(rng: np.random.Generator, fan_in: int, fan_out: int, activation: str) -> Drawn:
    """W, b ~ U(-bound, bound), bound = sqrt(c / (fan_in + fan_out)), c = 2 if logistic, else 6."""
    bound = sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out)), rng.uniform(-bound, bound, fan_out)


def glorot_normal(rng: np.random.Generator, fan_in: int, fan_out: int, activation: str) -> Drawn:
    """W ~ N(0, 2 / (fan_in + fan_out))."""
    return rng.normal(0.0, sqrt(2.0 / (fan_in + fan_out)), (fan_in, fan_out)), np.zeros(fan_out)


def he_uniform(rng: np.random.Generator, fan_in: int, fan_out: int, activation: str) -> Drawn:
    """W ~ U(-bound, bound), bound = sqrt(6 / fan_in)."""
    bound = sqrt(6.0 / fan_in)
    return rng.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def he_normal(rng: np.random.Generator, fan_in: int, fan_out: int, activation: str) -> Drawn:
    """W ~ N(0, 2 / fan_in)."""
    return rng.normal(0.0, sqrt(2.0 / fan_in), (fan_in, fan_out)), np.zeros(fan_out)


def lecun_normal(rng: np.random.Generator, fan_in: int, fan_out: int, activation: str) -> Drawn:
    """W ~ N(0, 1 / fan_in)."""
    return rng.normal(0.0, sqrt(1.0 / fan_in), (fan_in, fan_out)), np.zeros(fan_out)


INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_normal": lecun_normal,
}

#: Initializers of ``init="auto"`` by activation. The other activations get `glorot_uniform`: on
#: small tables it was more accurate than the wider He bounds, for the relu family too, most of all
#: in deep networks.
AUTO = {
    "selu": "lecun_normal",
    "softplus": "he_uniform",
}


def initializer(init: str, activation: str) -> Initializer:
    """Return the initializer `init` of a layer with this activation; `init` may be "auto"."""
    return INITIALIZERS[AUTO.get(activation, "glorot_uniform") if init == "auto" else init]
