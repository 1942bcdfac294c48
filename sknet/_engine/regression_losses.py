"""Losses of numbers, beside the squared error.

Their contract is that of ``losses.py``, which has the table.
"""

import numpy as np
from scipy.special import xlogy

from sknet._engine.activations import Array
from sknet._engine.loss_base import NON_NEGATIVE, Loss, log_of_mean, sum_outputs


class Deviance(Loss):
    """Half a deviance of y from mu = exp(z); its best constant is the log of the mean.

    Where all targets are 0, as if half a unit had been seen in one row.
    """

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return log_of_mean(Y, w)


class PoissonDeviance(Deviance):
    """Half the Poisson deviance at mu = exp(z): y log(y / mu) - y + mu; delta = mu - y."""

    domain = NON_NEGATIVE

    def value_delta(self, Y: Array, Z: Array, loss: Array, delta: Array, work: Array) -> None:
        mu = work
        np.exp(Z, out=mu)
        np.multiply(Z, Y, out=Z)
        xlogy(Y, Y, out=delta)
        np.subtract(delta, Z, out=Z)
        np.subtract(mu, Y, out=delta)
        np.add(Z, delta, out=Z)
        sum_outputs(Z, loss)
