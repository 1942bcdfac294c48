"""Activations: bias, value and slope in one pass, the slope's product and the bias' gradient next.

A row of ``PASSES`` is made of scalar functions, in one of two ways:

``straight(value, slope)``
    sigma(z), and sigma'(z) as a function of a = sigma(z): nothing has to be kept.
``curved(value_and_slope)``
    sigma(z) and sigma'(z), which share their exponentials: the slope is kept.

``cast`` turns a number into the type of z: in compiled code a plain number is a float64.
"""

from collections.abc import Callable
from math import erfc, pi, sqrt
from typing import Any

from sknet._engine.activations import LEAKY_SLOPE, SELU_LAMBDA, SELU_LAMBDA_ALPHA
from sknet._engine.kernels.compiling import inlined, one_of, piece
from sknet._engine.kernels.vector_math import exp, expm1, log1p, tanh


def straight(value: Callable[..., Any], slope: Callable[..., Any]) -> tuple[Any, Any]:
    """Return ``Z <- value(Z + b)``, and ``delta <- delta slope(A)`` with ``db <- sum of delta``."""
    value, slope = inlined(value), inlined(slope)

    @piece
    def forward(activation, place, Z, b, slopes):
        cast = Z.dtype.type
        for i in range(Z.shape[0]):
            for j in range(Z.shape[1]):
                Z[i, j] = value(Z[i, j] + b[j], cast)

    @piece
    def backward(activation, place, delta, A, slopes, db):
        cast = A.dtype.type
        db[:] = 0
        for i in range(delta.shape[0]):
            for j in range(delta.shape[1]):
                d = delta[i, j] * slope(A[i, j], cast)
                delta[i, j] = d
                db[j] += d

    return forward, backward


def curved(value_and_slope: Callable[..., Any]) -> tuple[Any, Any]:
    """Return ``Z, slope <- value_and_slope(Z + b)``, and the product of delta and slope."""
    value_and_slope = inlined(value_and_slope)

    @piece
    def forward(activation, place, Z, b, slope):
        cast = Z.dtype.type
        for i in range(Z.shape[0]):
            for j in range(Z.shape[1]):
                Z[i, j], slope[i, j] = value_and_slope(Z[i, j] + b[j], cast)

    return forward, curved_backward


@piece
def curved_backward(activation, place, delta, A, slope, db):
    """Do the backward pass of all curved activations."""
    db[:] = 0
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            d = delta[i, j] * slope[i, j]
            delta[i, j] = d
            db[j] += d


def identity_(z, cast):
    return z


def slope_of_identity(a, cast):
    return cast(1)


def relu_(z, cast):
    return cast(0) if z <= cast(0) else z  # NaN stays NaN


def slope_of_relu(a, cast):
    return cast(1) if a > cast(0) else cast(0)


def leaky_relu_(z, cast):
    return z * cast(LEAKY_SLOPE) if z <= cast(0) else z


def slope_of_leaky_relu(a, cast):
    return cast(1) if a > cast(0) else cast(LEAKY_SLOPE)


def tanh_(z, cast):
    a = tanh(z)
    return a, cast(1) - a * a


def logistic_(z, cast):
    a = cast(1) / (cast(1) + exp(-z))
    return a, a * (cast(1) - a)


def elu_(z, cast):
    e = expm1(cast(0) if z > cast(0) else z)  # NaN fails the comparison, and stays NaN
    return (z if z > cast(0) else e), e + cast(1)


def selu_(z, cast):
    e = cast(SELU_LAMBDA_ALPHA) * expm1(cast(0) if z > cast(0) else z)
    if z > cast(0):
        return cast(SELU_LAMBDA) * z, cast(SELU_LAMBDA)
    return e, e + cast(SELU_LAMBDA_ALPHA)


def gelu_(z, cast):
    p = cast(0.5) * cast(erfc(-z * cast(sqrt(0.5))))
    return z * p, p + z * cast(1.0 / sqrt(2.0 * pi)) * exp(-cast(0.5) * z * z)


def silu_(z, cast):
    s = cast(1) / (cast(1) + exp(-z))
    return z * s, s + z * s * (cast(1) - s)


def mish_(z, cast):
    e = exp(cast(20) if z > cast(20) else z)
    n = e * (e + cast(2))
    m = n + cast(2)
    return z * n / m, (n + cast(4) * z * (n - e) / m) / m


def softplus_(z, cast):
    e = exp(-abs(z))
    value = (cast(0) if z <= cast(0) else z) + log1p(e)
    return value, (e if z <= cast(0) else cast(1)) / (cast(1) + e)


PASSES = {
    "identity": straight(identity_, slope_of_identity),
    "relu": straight(relu_, slope_of_relu),
    "leaky_relu": straight(leaky_relu_, slope_of_leaky_relu),
    "tanh": curved(tanh_),
    "logistic": curved(logistic_),
    "elu": curved(elu_),
    "selu": curved(selu_),
    "gelu": curved(gelu_),
    "silu": curved(silu_),
    "mish": curved(mish_),
    "softplus": curved(softplus_),
}
identity, identity_backward = PASSES["identity"]


#: ``activate(activation, place, Z, b, slope)``: ``Z <- sigma(Z + b)``; a curved one keeps slopes.
activate = one_of({name: forward for name, (forward, _) in PASSES.items()})
#: ``activate_backward(activation, place, delta, A, slope, db)``: ``delta <- delta * sigma'(Z)``,
#: ``db <- sum of delta``.
activate_backward = one_of({name: backward for name, (_, backward) in PASSES.items()})
