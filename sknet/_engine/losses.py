"""Losses of the raw output Z, each combined with a link.

``LOSSES[loss][out_activation]`` is a ``Loss`` (``loss_base.py``) with its default parameters:

``value(Y, Z, loss, work, more)``, ``delta(Y, Z, delta, work)``
    The loss of each sample, summed over outputs, and ``delta = dL/dZ``, in place.
``parameters``, ``configured(**hyper)``
    The names of its parameters, and the loss with other values of them.
``domain``
    The targets that the loss accepts.
``constant(Y, w)``
    The best constant raw output.

``LINKS[out_activation]`` (``links.py``) turns `Z` into a prediction.

Units: log-losses in nats; ``squared_error`` is half the squared error; ``poisson``, ``gamma`` and
``tweedie`` are half the deviance; ``absolute_error`` and ``quantile`` have no factor.
Probabilities are never clipped: their logarithms are computed from Z by log-softmax and softplus.

Identities: ``delta`` is the derivative of ``value``. For canonical links (log_loss with logistic or
softmax, squared_error with identity, poisson with exp) ``delta = prediction - Y``. At the best
constant, the sum of ``delta`` over the rows is 0 or changes its sign.
"""

from functools import cache
from typing import Any

import numpy as np

from sknet._engine.activations import ACTIVATIONS, Array, logistic, softplus
from sknet._engine.averages import log_of_mean_probabilities, logit_of_mean
from sknet._engine.links import LINKS
from sknet._engine.loss_base import Loss, sum_outputs, transposed
from sknet._engine.regression_losses import (
    AbsoluteError,
    GammaDeviance,
    Huber,
    NonCrossingQuantiles,
    PoissonDeviance,
    Quantile,
    TweedieDeviance,
)

#: Limit of the sum of squares of the sums of exponentials and of their reciprocals, up to which
#: softmax needs no shift: no sum overflows in float32 (3e38) or underflows to 0.
MAX_SQUARED_SUMS = 1e36


class BinaryLogLoss(Loss):
    """Sigmoid cross-entropy of each output: log(1 + exp(z)) - y z; delta = sigma(z) - y.

    The binary cross-entropy -(y log a + (1 - y) log(1 - a)) at a = sigma(z).
    """

    twin = "binary_log_loss"
    domain = LINKS["logistic"].domain

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
    """Softmax cross-entropy: -sum_j y_j log softmax(z)_j; if sum y = 1, delta = softmax(z) - y."""

    twin = "softmax_log_loss"
    domain = LINKS["softmax"].domain

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        shape = transposed(Z.shape)
        log_P, P = work.reshape(shape), more.reshape(shape)
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
        if Z.shape[-1] == 1:
            shifted_softmax(Z, P, work)
        elif not unshifted_softmax(Z, P, work):
            for k in members_to_shift(Z, work):
                shifted_softmax(Z[k], P[k], work[k])
        np.subtract(P, Y, delta)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return log_of_mean_probabilities(Y, w)


@cache
def column_of_ones(n: int, dtype: Any) -> Array:
    """Return ones (n, 1). A product with them sums the last axis, at a third of the cost of sum."""
    return np.ones((n, 1), dtype)


def unshifted_softmax(Z: Array, P: Array, work: Array) -> bool:
    """P <- exp(Z) / (sum of exp(Z) over the outputs), the softmax without a shift.

    Returns whether `P` is valid: it is not if a sum may have overflowed or underflowed.
    `work` is scratch memory of the shape of `Z`, with at least two outputs. It holds the sums and
    their reciprocals side by side, so that one dot product checks both.
    """
    pair = sums_and_reciprocals(Z, work)
    S, R = pair
    np.exp(Z, P)
    np.matmul(P, column_of_ones(Z.shape[-1], Z.dtype), S)
    np.reciprocal(S, R)
    np.multiply(P, R, P)
    both = pair.reshape(-1)
    return np.dot(both, both) < MAX_SQUARED_SUMS  # false for NaN


def sums_and_reciprocals(Z: Array, work: Array) -> Array:
    """Return the place of the sums and of their reciprocals in `work`, (2, ..., n_samples, 1)."""
    n_sums = Z.size // Z.shape[-1]
    return work.reshape(-1)[: 2 * n_sums].reshape(2, *Z.shape[:-1], 1)


def members_to_shift(Z: Array, work: Array) -> list[tuple[int, ...]]:
    """Return the members of which the softmax without a shift, which has left `work`, is invalid.

    A member is an index of the axes before the last two.
    """
    pair = sums_and_reciprocals(Z, work)[..., 0]
    squares = np.vecdot(pair, pair)
    valid = squares[0] + squares[1] < MAX_SQUARED_SUMS
    return [k for k in np.ndindex(valid.shape) if not valid[k]]


def shifted_softmax(Z: Array, P: Array, work: Array) -> None:
    """P <- softmax(Z) for any Z, computed on the transpose; `work` is overwritten."""
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


class SquaredError(Loss):
    """Half the squared error of A = sigma(Z): |A - y|^2 / 2; delta = (A - y) * sigma'(Z).

    For any sigma, the best constant predicts the mean, clipped to the range of sigma.
    """

    twin = "squared_error"
    squares = True

    def __init__(self, out_activation: str) -> None:
        self.sigma, self._link = ACTIVATIONS[out_activation], LINKS[out_activation]
        self.domain = self._link.domain
        assert self.sigma.in_place, "A and Z share memory in value and delta"
        assert not self.sigma.compares, "value and delta pass scratch memory as work"

    def twin_name(self, own: str) -> str | None:
        return None if self.sigma.twin is None else f"{own}_of_{self.sigma.twin}"

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
        assert self._link.constant is not None
        return self._link.constant(Y, w)


class SoftmaxSquaredError(Loss):
    """Half the Brier score: |A - y|^2 / 2 at A = softmax(Z).

    delta uses the full Jacobian of the softmax, dA_j/dz_i = A_j ([i = j] - A_i):
    delta_i = A_i (g_i - sum_j g_j A_j), where g = A - y.
    """

    twin = "softmax_squared_error"
    domain = LINKS["softmax"].domain

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
        return log_of_mean_probabilities(Y, w)


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
