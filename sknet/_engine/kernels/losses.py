"""Losses: the loss of each row, and delta = dL/dZ.

``by_output(value_and_slope)`` makes a loss that is a sum over outputs of one scalar function,
``value_and_slope(y, z, number, cast)``. `number` is the parameter of the loss (0 where it has
none) as a float64; ``cast`` turns a number into the type of z.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sknet._engine.kernels.activations import logistic_, softplus_, tanh_
from sknet._engine.kernels.compiling import inlined, one_of, piece, piece_with_sums
from sknet._engine.kernels.vector_math import exp, log1p


def by_output(value_and_slope: Callable[..., Any]) -> Any:
    """Return the loss whose value and slope for an output are those of a scalar function."""
    value_and_slope = inlined(value_and_slope)

    @piece
    def loss_of_rows(name, numbers, Y, Z, loss, delta):
        cast = Z.dtype.type
        number = numbers[0] if numbers.size else 0.0
        y, z, d = Y.reshape(-1), Z.reshape(-1), delta.reshape(-1)
        for i in range(z.size):  # one loop, so that a single output too is computed in vectors
            z[i], d[i] = value_and_slope(y[i], z[i], number, cast)
        for i in range(Z.shape[0]):
            loss[i] = np.sum(Z[i])

    return loss_of_rows


def squared_error_of(link: Callable[..., Any]) -> Any:
    """Return half the squared error of ``a = link(z)``."""
    link = inlined(link)

    def value_and_slope(y, z, number, cast):
        a, slope = link(z, cast)
        r = a - y
        return cast(0.5) * (r * r), slope * r

    return by_output(value_and_slope)


def binary_log_loss_(y, z, number, cast):
    e = exp(-abs(z))
    share = (cast(1) if z >= cast(0) else e) / (cast(1) + e)
    return (cast(0) if z <= cast(0) else z) + log1p(e) - y * z, share - y


def squares_(y, z, number, cast):
    r = z - y
    return cast(0.5) * r * r, r


def absolute_error_(y, z, number, cast):
    r = z - y
    return abs(r), np.sign(r)


def huber_(y, z, number, cast):
    r, d = z - y, cast(number)
    c = d if r > d else -d if r < -d else r
    return c * (r - cast(0.5) * c), c


def quantile_(y, z, number, cast):
    r = z - y
    slope = cast(0.5) * np.sign(r) + cast(0.5 - number)
    return r * slope, slope


def poisson_(y, z, number, cast):
    mu = np.exp(z)
    y_log_y = y * np.log(y) if y > cast(0) else cast(0)
    return y_log_y - y * z + mu - y, mu - y


def gamma_(y, z, number, cast):
    t = np.log(y) - z
    e = np.expm1(t)
    return e - t, -e


def tweedie_(y, z, number, cast):
    a, b, log_y = cast(2.0 - number), cast(1.0 - number), np.log(y)
    mu_a, y_mu_b = np.exp(a * z), np.exp(log_y + b * z)
    return mu_a / a - y_mu_b / b + np.exp(a * log_y) / (a * b), mu_a - y_mu_b


@piece_with_sums
def softmax_log_loss(name, numbers, Y, Z, loss, delta):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        largest, total, value = Z[i, 0], Z.dtype.type(0), Z.dtype.type(0)
        for j in range(1, Z.shape[1]):
            largest = max(largest, Z[i, j])
        for j in range(Z.shape[1]):
            e = exp(Z[i, j] - largest)
            delta[i, j] = e
            total += e
        log_total, share = np.log(total), one / total
        for j in range(Z.shape[1]):
            y = Y[i, j]
            value += y * (log_total - (Z[i, j] - largest))
            delta[i, j] = delta[i, j] * share - y
        loss[i] = value


@piece_with_sums
def softmax_squared_error(name, numbers, Y, Z, loss, delta):
    zero, half, one = Z.dtype.type(0), Z.dtype.type(0.5), Z.dtype.type(1)
    for i in range(Z.shape[0]):
        largest, total, value, mean = Z[i, 0], zero, zero, zero
        for j in range(1, Z.shape[1]):
            largest = max(largest, Z[i, j])
        for j in range(Z.shape[1]):
            e = exp(Z[i, j] - largest)
            Z[i, j] = e
            total += e
        share = one / total
        for j in range(Z.shape[1]):
            p = Z[i, j] * share
            g = p - Y[i, j]
            Z[i, j], delta[i, j] = p, g
            value += g * g
            mean += g * p
        loss[i] = half * value
        for j in range(Z.shape[1]):
            delta[i, j] = Z[i, j] * (delta[i, j] - mean)


@piece
def increasing_quantiles(name, levels, Y, Z, loss, delta):
    cast = Z.dtype.type
    zero, one = cast(0), cast(1)
    for i in range(Z.shape[0]):
        q, value = Z[i, 0], zero
        for k in range(Z.shape[1]):
            z, slope = Z[i, k], one
            if k > 0:
                e = exp(-abs(z))
                q += (zero if z <= zero else z) + log1p(e)
                slope = (e if z <= zero else one) / (one + e)
            Z[i, k] = slope
            r = q - Y[i, 0]
            delta[i, k] = cast(0.5) * np.sign(r) + cast(0.5 - levels[k])
            value += r * delta[i, k]
        loss[i] = value
        total = zero
        for k in range(Z.shape[1] - 1, -1, -1):
            total += delta[i, k]
            delta[i, k] = Z[i, k] * total


LOSSES = {
    "softmax_log_loss": softmax_log_loss,
    "softmax_squared_error": softmax_squared_error,
    "increasing_quantiles": increasing_quantiles,
    "binary_log_loss": by_output(binary_log_loss_),
    "squared_error_of_identity": by_output(squares_),
    "squared_error_of_logistic": squared_error_of(logistic_),
    "squared_error_of_tanh": squared_error_of(tanh_),
    "squared_error_of_softplus": squared_error_of(softplus_),
    "absolute_error": by_output(absolute_error_),
    "huber": by_output(huber_),
    "quantile": by_output(quantile_),
    "poisson": by_output(poisson_),
    "gamma": by_output(gamma_),
    "tweedie": by_output(tweedie_),
}


#: ``value_delta(name, numbers, Y, Z, loss, delta)``: the loss of each row, and dL/dZ. Z is used up.
value_delta = one_of(LOSSES)
