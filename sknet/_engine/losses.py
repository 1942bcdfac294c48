"""Losses on the raw output Z, each joined with its link.

``LOSSES[loss][out_activation]`` is a ``Loss`` (``loss_base.py``), at its default parameters:

``value(Y, Z, loss, work, more)``, ``delta(Y, Z, delta, work)``
    The loss of each sample, summed over outputs, and ``delta = dL/dZ``, in place.
``parameters``, ``configured(**hyper)``
    The names of its parameters, and the loss at other values of them.
``domain``
    The targets that it accepts.
``constant(Y, w)``
    The best raw output that is the same for all rows.

``PREDICTIONS[out_activation]`` is the inverse link: what `Z` predicts, as a new array.

Units: log-losses in nats; ``squared_error`` is half the squared error; ``poisson``, ``gamma`` and
``tweedie`` half the deviance; ``absolute_error`` and ``quantile`` have no factor. Probabilities
are never clipped: the logarithms are taken of Z, through log-softmax and softplus.

Identities: ``delta`` is the derivative of `loss`; where loss and out_activation belong together
(log_loss with logistic or softmax, squared_error with identity, poisson with exp)
``delta = prediction - Y``. The sum of ``delta`` over the rows is 0 at the best constant, or
changes its sign there.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from sknet._engine.activations import ACTIVATIONS, Array, logistic, softplus
from sknet._engine.loss_base import (
    SHARE,
    Loss,
    artanh_of_mean,
    inverse_softplus_of_mean,
    log_of_shares,
    logit_of_mean,
    sum_outputs,
    transposed,
    weighted_mean,
)
from sknet._engine.regression_losses import (
    AbsoluteError,
    GammaDeviance,
    Huber,
    NonCrossingQuantiles,
    PoissonDeviance,
    Quantile,
    TweedieDeviance,
)

#: Of a sum of exponentials that is, like its reciprocal, far from what overflows.
SQUARE_OF_LARGEST_SUM = 1e36


class BinaryLogLoss(Loss):
    """Sigmoid cross-entropy of each output: log(1 + exp(z)) - y z; delta = sigma(z) - y.

    The binary cross-entropy -(y log a + (1 - y) log(1 - a)) at a = sigma(z).
    """

    domain = SHARE

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        softplus(Z, more, work)
        np.multiply(Y, Z, out=work)
        np.subtract(more, work, out=more)
        sum_outputs(more, loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        logistic(Z, delta, work)
        np.subtract(delta, Y, out=delta)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return logit_of_mean(Y, w)


class SoftmaxLogLoss(Loss):
    """Softmax cross-entropy: -sum_j y_j log softmax(z)_j; delta = softmax(z) - y, if sum y = 1."""

    domain = SHARE

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        log_P, P = (a.reshape(transposed(Z.shape)) for a in (work, more))
        row = loss[..., None, :]
        np.copyto(log_P, Z.mT)
        np.maximum.reduce(log_P, axis=-2, keepdims=True, out=row)
        np.subtract(log_P, row, out=log_P)
        np.exp(log_P, out=P)
        np.add.reduce(P, axis=-2, keepdims=True, out=row)
        np.log(row, out=row)
        np.subtract(log_P, row, out=log_P)
        np.multiply(log_P, Y.mT, out=P)
        np.add.reduce(P, axis=-2, keepdims=True, out=row)
        np.negative(loss, out=loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        P = delta
        if Z.shape[-1] == 1 or not shares_of_exp(Z, P, work):
            shifted_softmax(Z, P, work)
        np.subtract(P, Y, delta)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return log_of_shares(Y, w)


@cache
def column_of_ones(n: int, dtype: Any) -> Array:
    """Return ones (n, 1): a product with them sums rows, much faster than a sum does."""
    return np.ones((n, 1), dtype)


def shares_of_exp(Z: Array, P: Array, work: Array) -> bool:
    """P <- exp(Z) / (sum of exp(Z) over the outputs), which is softmax(Z) without a shift.

    Returns whether no sum is so large or so small that an exponential might overflow or vanish;
    else `P` is not to be used. `work`, like `Z`, is scratch memory, of two outputs at least: it
    holds the sums and their reciprocals, side by side, so that one product looks at both.
    """
    pair = work.reshape(-1)[: 2 * (Z.size // Z.shape[-1])]
    S, R = pair.reshape(2, *Z.shape[:-1], 1)
    np.exp(Z, P)
    np.matmul(P, column_of_ones(Z.shape[-1], Z.dtype), S)
    np.reciprocal(S, R)
    np.multiply(P, R, P)
    return np.dot(pair, pair) < SQUARE_OF_LARGEST_SUM  # false for NaN


def shifted_softmax(Z: Array, P: Array, work: Array) -> None:
    """P <- softmax(Z) for any Z; computed on the transposed arrays."""
    P_T = work.reshape(transposed(Z.shape))
    row = P.reshape(P_T.shape)[..., :1, :]
    np.copyto(P_T, Z.mT)
    np.maximum.reduce(P_T, axis=-2, keepdims=True, out=row)
    np.subtract(P_T, row, out=P_T)
    np.exp(P_T, out=P_T)
    np.add.reduce(P_T, axis=-2, keepdims=True, out=row)
    np.divide(P_T, row, out=P_T)
    np.copyto(P, P_T.mT)


def softmax_in_place(Z: Array, column: Array) -> None:
    """Z <- softmax(Z); `column` (..., n_samples, 1) is scratch memory."""
    np.maximum.reduce(Z, axis=-1, keepdims=True, out=column)
    np.subtract(Z, column, out=Z)
    np.exp(Z, out=Z)
    np.add.reduce(Z, axis=-1, keepdims=True, out=column)
    np.divide(Z, column, out=Z)


LINKS_OF_MEAN: dict[str, Callable[[Array, Array | None], Array]] = {
    "identity": weighted_mean,
    "logistic": logit_of_mean,
    "tanh": artanh_of_mean,
    "softplus": inverse_softplus_of_mean,
}


class SquaredError(Loss):
    """Half the squared error of A = sigma(Z): |A - y|^2 / 2; delta = (A - y) * sigma'(Z).

    Whatever sigma, the best constant predicts the mean, or what is nearest to it in the range.
    """

    def __init__(self, out_activation: str) -> None:
        self.sigma, self._link_of_mean = ACTIVATIONS[out_activation], LINKS_OF_MEAN[out_activation]
        assert self.sigma.in_place, "A shares the memory of Z below"
        assert not self.sigma.compares, "work is scratch memory below"

    def is_like(self, other: Loss) -> bool:
        return isinstance(other, SquaredError) and self.sigma is other.sigma

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        A = Z
        self.sigma.forward(Z, A, work)
        np.subtract(A, Y, out=work)
        np.square(work, out=work)
        sum_outputs(work, loss)
        np.multiply(loss, 0.5, out=loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        A = Z
        self.sigma.forward(Z, A, work)
        np.subtract(A, Y, out=delta)
        self.sigma.backward(delta, Z, A, work)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return self._link_of_mean(Y, w)


class SoftmaxSquaredError(Loss):
    """Half the Brier score: |A - y|^2 / 2 at A = softmax(Z).

    With the whole Jacobian of the softmax, dA_j/dz_i = A_j ([i = j] - A_i):
    delta_i = A_i (g_i - sum_j g_j A_j), where g = A - y.
    """

    domain = SHARE

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        A = Z
        softmax_in_place(Z, loss[..., None])
        np.subtract(A, Y, out=work)
        np.square(work, out=work)
        np.add.reduce(work, axis=-1, out=loss)
        np.multiply(loss, 0.5, out=loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        A, column = Z, work[..., :1]
        softmax_in_place(Z, column)
        np.subtract(A, Y, out=delta)
        np.vecdot(delta, A, out=column[..., 0])
        np.subtract(delta, column, out=delta)
        np.multiply(delta, A, out=delta)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return log_of_shares(Y, w)


LOSSES: dict[str, dict[str, Loss]] = {
    "log_loss": {
        "logistic": BinaryLogLoss(),
        "softmax": SoftmaxLogLoss(),
    },
    "squared_error": {
        "identity": SquaredError("identity"),
        "logistic": SquaredError("logistic"),
        "tanh": SquaredError("tanh"),
        "softplus": SquaredError("softplus"),
        "softmax": SoftmaxSquaredError(),
    },
    "absolute_error": {
        "identity": AbsoluteError(),
    },
    "huber": {
        "identity": Huber(),
    },
    "quantile": {
        "identity": Quantile(),
        "increments": NonCrossingQuantiles(),
    },
    "poisson": {
        "exp": PoissonDeviance(),
    },
    "gamma": {
        "exp": GammaDeviance(),
    },
    "tweedie": {
        "exp": TweedieDeviance(),
    },
}


def exp_finite(Z: Array) -> Array:
    """exp(Z), at most the largest finite number."""
    largest = np.nextafter(np.log(np.finfo(Z.dtype).max), Z.dtype.type(0))
    return np.exp(np.minimum(Z, largest))


def both_sides(Z: Array) -> Array:
    """sigma(-z) and sigma(z) side by side, (..., n_samples, 2), for one output z.

    As 1 / (1 + exp(z)) and 1 / (1 + exp(-z)): neither cancels, and where exp overflows it is 0.
    """
    P = np.concatenate([Z, -Z], axis=-1)
    with np.errstate(over="ignore"):
        np.exp(P, out=P)
    np.add(P, 1.0, out=P)
    return np.divide(1.0, P, out=P)


def quantiles_in_order(Z: Array) -> Array:
    """q_1 = z_1, q_{k+1} = q_k + softplus(z_{k+1}); never decreasing, whatever the rounding."""
    Q = np.logaddexp(0.0, Z)
    Q[..., 0] = Z[..., 0]
    return np.add.accumulate(Q, axis=-1)


PREDICTIONS: dict[str, Callable[[Array], Array]] = {
    "identity": np.array,
    "logistic": expit,
    "tanh": np.tanh,
    "softplus": lambda Z: np.logaddexp(0.0, Z),
    "softmax": lambda Z: softmax(Z, axis=-1),
    "exp": exp_finite,
    "increments": quantiles_in_order,
}
