"""Activation functions ``sigma`` and the product with their derivative, in place.

``ACTIVATIONS[name]`` is a pair of functions over arrays of shape (..., n_samples, units):

``forward(Z, A, work)``
    ``A <- sigma(Z)``. `A` may be `Z` itself if `in_place` is true.
``backward(delta, Z, A, work)``
    ``delta <- delta * sigma'(Z)``, given `Z` and ``A = sigma(Z)``. Overwrites `A`, and also `Z` if
    `in_place` is false.

The functions return nothing and allocate nothing. `work` is scratch memory of the shape of `Z`.

`in_place`
    Whether ``sigma'`` depends on `A` only; then `Z` and `A` share memory.
`compares`
    Whether `work` is a pair instead: an array of zeros, which is not written to, and an array of
    bools. ``np.maximum`` of two arrays is four times as fast as that of an array and a number, and
    a comparison into bools with a cast afterwards is twice as fast as one into floats.
`twin`
    Name of the compiled activation in ``kernels.ACTIVATIONS``; None if there is none.

Sources: ELU, Clevert et al. 2016; SELU, Klambauer et al. 2017; GELU (the exact one, with the
normal distribution function), Hendrycks and Gimpel 2016; SiLU, Elfwing et al. 2018; Mish,
Misra 2020; leaky ReLU with slope 0.01, Maas et al. 2013.
"""

from collections.abc import Callable
from math import pi, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.floating]

#: Slope of leaky_relu below 0.
LEAKY_SLOPE = 0.01
#: Constants of selu: lambda, and lambda times alpha.
SELU_LAMBDA, SELU_LAMBDA_ALPHA = 1.0507009873554805, 1.0507009873554805 * 1.6732632423543772


class Activation(NamedTuple):
    """A row of ``ACTIVATIONS``; the module docstring describes its fields."""

    forward: Callable[[Array, Array, Any], None]
    backward: Callable[[Array, Array, Array, Any], None]
    in_place: bool
    compares: bool = False
    twin: str | None = None

    def memory(self, work: Array) -> Any:
        """Return the argument `work` of `forward` and `backward`, given scratch memory."""
        if not self.compares:
            return work
        return np.zeros(work.shape, work.dtype), np.empty(work.shape, bool)


def identity(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = z; `A` is `Z`."""


def identity_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = 1."""


def logistic(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2, which cannot overflow."""
    np.multiply(Z, 0.5, out=A)
    np.tanh(A, out=A)
    np.multiply(A, 0.5, out=A)
    np.add(A, 0.5, out=A)


def logistic_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = a (1 - a)."""
    np.multiply(delta, A, out=delta)
    np.subtract(1.0, A, out=A)
    np.multiply(delta, A, out=delta)


def tanh(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = tanh(z)."""
    np.tanh(Z, out=A)


def tanh_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = 1 - a^2."""
    np.square(A, out=A)
    np.subtract(1.0, A, out=A)
    np.multiply(delta, A, out=delta)


def relu(Z: Array, A: Array, work: tuple[Array, NDArray[np.bool_]]) -> None:
    """sigma(z) = max(0, z)."""
    zeros, _ = work
    np.maximum(Z, zeros, out=A)


def relu_backward(delta: Array, Z: Array, A: Array, work: tuple[Array, NDArray[np.bool_]]) -> None:
    """sigma'(z) = [z > 0]."""
    zeros, positive = work
    np.greater(A, zeros, out=positive)
    np.copyto(A, positive)
    np.multiply(delta, A, out=delta)


def leaky_relu(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = max(LEAKY_SLOPE z, z)."""
    np.multiply(Z, LEAKY_SLOPE, out=work)
    np.maximum(Z, work, out=A)


def leaky_relu_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = 1 where z > 0, else LEAKY_SLOPE."""
    np.greater(A, 0.0, out=A)
    np.multiply(A, 1.0 - LEAKY_SLOPE, out=A)
    np.add(A, LEAKY_SLOPE, out=A)
    np.multiply(delta, A, out=delta)


def elu(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = z where z > 0, else exp(z) - 1; that is max(z, exp(min(z, 0)) - 1)."""
    np.minimum(Z, 0.0, out=work)
    np.expm1(work, out=work)
    np.maximum(Z, work, out=A)


def elu_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = 1 + min(a, 0)."""
    np.minimum(A, 0.0, out=A)
    np.add(A, 1.0, out=A)
    np.multiply(delta, A, out=delta)


def selu(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = lambda (max(z, 0) + alpha (exp(min(z, 0)) - 1))."""
    np.minimum(Z, 0.0, out=work)
    np.expm1(work, out=work)
    np.multiply(work, SELU_LAMBDA_ALPHA, out=work)
    np.maximum(Z, 0.0, out=A)
    np.multiply(A, SELU_LAMBDA, out=A)
    np.add(A, work, out=A)


def selu_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = lambda where z > 0, else a + lambda alpha."""
    np.greater(A, 0.0, out=work)
    np.multiply(work, SELU_LAMBDA - SELU_LAMBDA_ALPHA, out=work)
    np.minimum(A, 0.0, out=A)
    np.add(A, work, out=A)
    np.add(A, SELU_LAMBDA_ALPHA, out=A)
    np.multiply(delta, A, out=delta)


def gelu(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = z Phi(z), Phi the normal distribution function."""
    ndtr(Z, out=A)
    np.multiply(A, Z, out=A)


def gelu_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = Phi(z) + z phi(z), phi the normal density."""
    ndtr(Z, out=A)
    np.square(Z, out=work)
    np.multiply(work, -0.5, out=work)
    np.exp(work, out=work)
    np.multiply(work, 1.0 / sqrt(2.0 * pi), out=work)
    np.multiply(work, Z, out=work)
    np.add(A, work, out=A)
    np.multiply(delta, A, out=delta)


def silu(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = z s, s = 1 / (1 + exp(-z))."""
    logistic(Z, A, work)
    np.multiply(A, Z, out=A)


def silu_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = s + a (1 - s)."""
    logistic(Z, work, work)
    np.subtract(1.0, work, out=Z)
    np.multiply(A, Z, out=A)
    np.add(A, work, out=A)
    np.multiply(delta, A, out=delta)


def mish(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = z tanh(log(1 + e^z)) = z n / (n + 2), n = e^z (e^z + 2)."""
    np.minimum(Z, 20.0, out=work)  # sigma(z) = z in double precision for z >= 20
    np.exp(work, out=work)
    np.add(work, 2.0, out=A)
    np.multiply(A, work, out=A)
    np.add(A, 2.0, out=work)
    np.divide(A, work, out=A)
    np.multiply(A, Z, out=A)


def mish_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = (n (n + 2) + 4 z (n - e^z)) / (n + 2)^2."""
    np.minimum(Z, 20.0, out=work)
    np.exp(work, out=work)
    np.add(work, 2.0, out=A)
    np.multiply(A, work, out=A)
    np.subtract(A, work, out=work)
    np.multiply(Z, 4.0, out=Z)
    np.multiply(Z, work, out=Z)
    np.add(A, 2.0, out=work)
    np.divide(Z, work, out=Z)
    np.add(A, Z, out=A)
    np.divide(A, work, out=A)
    np.multiply(delta, A, out=delta)


def softplus(Z: Array, A: Array, work: Array) -> None:
    """sigma(z) = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), which cannot overflow."""
    np.abs(Z, out=work)
    np.negative(work, out=work)
    np.exp(work, out=work)
    np.log1p(work, out=work)
    np.maximum(Z, 0.0, out=A)
    np.add(A, work, out=A)


def softplus_backward(delta: Array, Z: Array, A: Array, work: Array) -> None:
    """sigma'(z) = 1 - exp(-a)."""
    np.negative(A, out=A)
    np.expm1(A, out=A)
    np.negative(A, out=A)
    np.multiply(delta, A, out=delta)


ACTIVATIONS = {
    "identity": Activation(identity, identity_backward, in_place=True, twin="identity"),
    "logistic": Activation(logistic, logistic_backward, in_place=True, twin="logistic"),
    "tanh": Activation(tanh, tanh_backward, in_place=True, twin="tanh"),
    "relu": Activation(relu, relu_backward, in_place=True, compares=True, twin="relu"),
    "leaky_relu": Activation(leaky_relu, leaky_relu_backward, in_place=True, twin="leaky_relu"),
    "elu": Activation(elu, elu_backward, in_place=True, twin="elu"),
    "selu": Activation(selu, selu_backward, in_place=True, twin="selu"),
    "gelu": Activation(gelu, gelu_backward, in_place=False, twin="gelu"),
    "silu": Activation(silu, silu_backward, in_place=False, twin="silu"),
    "mish": Activation(mish, mish_backward, in_place=False, twin="mish"),
    "softplus": Activation(softplus, softplus_backward, in_place=True, twin="softplus"),
}
