"""exp, tanh and log1p for compiled loops, by arithmetic that the compiler turns into vectors.

Compiled code calls those of the C library number by number: five to fifteen times as slow. These
are inlined into the loops of ``activations`` and ``losses``. They are accurate to a few units of
the last place of numbers of the size of 1, and bounded where they would overflow or vanish; NaN
stays NaN.
"""

from math import log
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

#: Terms of the series of exp and of log1p; bounds of exp; ln 2 as the sum of a number that k
#: multiplies exactly, and a rest (Cody and Waite 1980).
CONSTANTS: dict[Any, tuple[int, int, float, float, float, float]] = {
    types.float32: (7, 8, -87.0, 88.0, 0.693359375, -2.121944400546905827679e-4),
    types.float64: (13, 17, -708.0, 709.0, 0.693145751953125, 1.428606820309417232121e-6),
}


@intrinsic
def power_of_two(context: Any, k: Any, like: Any) -> Any:
    """Return 2^k in the type of `like`: the int32 k and the bias are its bits of the exponent."""
    bits, bias, mantissa = (32, 127, 23) if like == types.float32 else (64, 1023, 52)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(bits)
        exponent = builder.sext(arguments[0], integer) if bits == 64 else arguments[0]
        exponent = builder.add(exponent, ir.Constant(integer, bias))
        shifted = builder.shl(exponent, ir.Constant(integer, mantissa))
        return builder.bitcast(shifted, ir.FloatType() if bits == 32 else ir.DoubleType())

    return like(types.int32, like), generate


def parts_of_exp(x: Any) -> Any:
    """Return e^r - 1 by Taylor's series, and 2^k: e^x = 2^k e^r, |r| <= ln(2) / 2."""
    raise NotImplementedError("for compiled code alone")


def exp(x: Any) -> Any:
    """Return e^x = 2^k (e^r - 1) + 2^k."""
    raise NotImplementedError("for compiled code alone")


def expm1(x: Any) -> Any:
    """Return e^x - 1 = 2^k (e^r - 1) + (2^k - 1): nothing cancels where x is small."""
    raise NotImplementedError("for compiled code alone")


def tanh(x: Any) -> Any:
    """Return e / (e + 2), e = e^{2x} - 1."""
    raise NotImplementedError("for compiled code alone")


def log1p(x: Any) -> Any:
    """Return log(1 + x) for x in [0, 1]: 2 artanh(u), u = x / (2 + x), by its series in u."""
    raise NotImplementedError("for compiled code alone")


@overload(parts_of_exp)
def _parts_of_exp(x: Any) -> Any:
    n_terms, _, *numbers = CONSTANTS[x]
    cast = np.float32 if x == types.float32 else np.float64
    low, high, ln_2, rest = map(cast, numbers)
    per_ln_2, half, one = cast(1.0 / log(2.0)), cast(0.5), cast(1.0)

    def compute(x: Any) -> Any:
        x = low if x < low else x
        x = high if x > high else x
        k = np.floor(x * per_ln_2 + half)
        r = x - k * ln_2 - k * rest
        series = one
        for n in range(n_terms, 1, -1):
            series = one + r * cast(1.0 / n) * series
        return r * series, power_of_two(np.int32(k), x)

    return compute


@overload(exp)
def _exp(x: Any) -> Any:
    def compute(x: Any) -> Any:
        e, p = parts_of_exp(x)
        return e * p + p

    return compute


@overload(expm1)
def _expm1(x: Any) -> Any:
    one = (np.float32 if x == types.float32 else np.float64)(1.0)

    def compute(x: Any) -> Any:
        e, p = parts_of_exp(x)
        return e * p + (p - one)

    return compute


@overload(tanh)
def _tanh(x: Any) -> Any:
    two = (np.float32 if x == types.float32 else np.float64)(2.0)

    def compute(x: Any) -> Any:
        e = expm1(x + x)
        return e / (e + two)

    return compute


@overload(log1p)
def _log1p(x: Any) -> Any:
    n_terms = CONSTANTS[x][1]
    cast = np.float32 if x == types.float32 else np.float64
    two, zero = cast(2.0), cast(0.0)

    def compute(x: Any) -> Any:
        u = x / (two + x)
        series = zero
        for n in range(n_terms, -1, -1):
            series = cast(1.0 / (2 * n + 1)) + u * u * series
        return two * u * series

    return compute
