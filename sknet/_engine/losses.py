"""Losses on the raw output Z, each joined with its link.

``LOSSES[loss][out_activation]`` has one method,

``value_delta(Y, Z, loss, delta, work)``
    For targets `Y` and raw output `Z`, both (..., n_samples, n_outputs), write the loss of each
    sample (summed over outputs, neither weighted nor averaged) to `loss` (..., n_samples) and
    ``delta = dL/dZ`` to `delta` (..., n_samples, n_outputs). `Z` is used up; `work` is scratch
    memory of its shape; the last four are C-contiguous.

``PREDICTIONS[out_activation]`` is the inverse link: what `Z` predicts, as a new array.

Units: log-losses in nats; ``squared_error`` is half the squared error; ``poisson`` half the
deviance. Probabilities are never clipped: the logarithms are taken of Z, through log-softmax and
softplus.

Identities: ``delta`` is the derivative of `loss`; where loss and out_activation belong together
(log_loss with logistic or softmax, squared_error with identity, poisson with exp)
``delta = prediction - Y``.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.special import expit, softmax, xlogy

from sknet._engine.activations import ACTIVATIONS, Array, logistic, softplus


class Loss(Protocol):
    """A row of ``LOSSES``: see the module's docstring."""

    def value_delta(self, Y: Array, Z: Array, loss: Array, delta: Array, work: Array) -> None: ...


def sum_outputs(L: Array, loss: Array) -> None:
    """Sum the last axis of `L` into `loss`; a single output is copied, which is faster."""
    if L.shape[-1] == 1:
        np.copyto(loss, L[..., 0])
    else:
        np.add.reduce(L, axis=-1, out=loss)


class BinaryLogLoss:
    """Sigmoid cross-entropy of each output: log(1 + exp(z)) - y z; delta = sigma(z) - y.

    The binary cross-entropy -(y log a + (1 - y) log(1 - a)) at a = sigma(z).
    """

    def value_delta(self, Y: Array, Z: Array, loss: Array, delta: Array, work: Array) -> None:
        softplus(Z, delta, work)
        np.multiply(Y, Z, out=work)
        np.subtract(delta, work, out=delta)
        sum_outputs(delta, loss)
        logistic(Z, delta, work)
        np.subtract(delta, Y, out=delta)


class SoftmaxLogLoss:
    """Softmax cross-entropy: -sum_j y_j log softmax(z)_j; delta = softmax(z) - y, if sum y = 1.

    Computed on the transposed arrays, whose sums over outputs run along contiguous rows of
    samples: several times faster than short sums for each sample.
    """

    def value_delta(self, Y: Array, Z: Array, loss: Array, delta: Array, work: Array) -> None:
        transposed = (*Z.shape[:-2], Z.shape[-1], Z.shape[-2])
        log_P, P, row = work.reshape(transposed), Z.reshape(transposed), loss[..., None, :]
        np.copyto(log_P, Z.mT)
        np.maximum.reduce(log_P, axis=-2, keepdims=True, out=row)
        np.subtract(log_P, row, out=log_P)
        np.exp(log_P, out=P)
        np.add.reduce(P, axis=-2, keepdims=True, out=row)
        np.divide(P, row, out=P)
        np.subtract(P.mT, Y, out=delta)
        np.log(row, out=row)
        np.subtract(log_P, row, out=log_P)
        np.multiply(log_P, Y.mT, out=P)
        np.add.reduce(P, axis=-2, keepdims=True, out=row)
        np.negative(loss, out=loss)


class SquaredError:
    """Half the squared error of A = sigma(Z): |A - y|^2 / 2; delta = (A - y) * sigma'(Z)."""

    def __init__(self, out_activation: str) -> None:
        self.sigma = ACTIVATIONS[out_activation]
        assert self.sigma.in_place, "A shares the memory of Z below"

    def value_delta(self, Y: Array, Z: Array, loss: Array, delta: Array, work: Array) -> None:
        A = Z
        self.sigma.forward(Z, A, work)
        np.subtract(A, Y, out=delta)
        np.square(delta, out=work)
        sum_outputs(work, loss)
        np.multiply(loss, 0.5, out=loss)
        self.sigma.backward(delta, Z, A, work)


class SoftmaxSquaredError:
    """Half the Brier score: |A - y|^2 / 2 at A = softmax(Z).

    With the whole Jacobian of the softmax, dA_j/dz_i = A_j ([i = j] - A_i):
    delta_i = A_i (g_i - sum_j g_j A_j), where g = A - y.
    """

    def value_delta(self, Y: Array, Z: Array, loss: Array, delta: Array, work: Array) -> None:
        A = Z
        np.maximum.reduce(Z, axis=-1, out=loss)
        np.subtract(Z, loss[..., None], out=Z)
        np.exp(Z, out=A)
        np.add.reduce(A, axis=-1, out=loss)
        np.divide(A, loss[..., None], out=A)
        np.subtract(A, Y, out=delta)
        np.multiply(delta, A, out=work)
        np.add.reduce(work, axis=-1, out=loss)
        np.subtract(delta, loss[..., None], out=work)
        np.multiply(work, A, out=A)  # delta, kept here while g is squared
        np.square(delta, out=work)
        np.add.reduce(work, axis=-1, out=loss)
        np.multiply(loss, 0.5, out=loss)
        np.copyto(delta, A)


class PoissonDeviance:
    """Half the Poisson deviance at mu = exp(z): y log(y / mu) - y + mu; delta = mu - y."""

    def value_delta(self, Y: Array, Z: Array, loss: Array, delta: Array, work: Array) -> None:
        mu = work
        np.exp(Z, out=mu)
        np.multiply(Z, Y, out=Z)
        xlogy(Y, Y, out=delta)
        np.subtract(delta, Z, out=Z)
        np.subtract(mu, Y, out=delta)
        np.add(Z, delta, out=Z)
        sum_outputs(Z, loss)


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
    "poisson": {
        "exp": PoissonDeviance(),
    },
}


def exp_finite(Z: Array) -> Array:
    """exp(Z), at most the largest finite number."""
    largest = np.nextafter(np.log(np.finfo(Z.dtype).max), Z.dtype.type(0))
    return np.exp(np.minimum(Z, largest))


PREDICTIONS: dict[str, Callable[[Array], Array]] = {
    "identity": np.array,
    "logistic": expit,
    "tanh": np.tanh,
    "softplus": lambda Z: np.logaddexp(0.0, Z),
    "softmax": lambda Z: softmax(Z, axis=-1),
    "exp": exp_finite,
}
