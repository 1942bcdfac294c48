"""``ACTIVATIONS``, embeddings and dense layers: the raw output, twin of ``sknet._engine``.

With several members, values have the axes (members, samples, units); else (samples, units).
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np

from sknet._engine.activations import LEAKY_SLOPE, SELU_LAMBDA, SELU_LAMBDA_ALPHA
from sknet._engine.layers import PiecewiseLinear
from sknet._export.onnx.graph import Graph


def raw_output(g: Graph, model: Any, X: str | None, codes: Sequence[str], dtype: np.dtype) -> str:
    """Return the raw output of the network.

    Parameters
    ----------
    g : Graph
    model : estimator
        Fitted.
    X : str or None
        The encoded columns before the embeddings.
    codes : sequence of str
        The codes (n_samples, 1) of embedded categories.
    dtype : dtype
        Of the network.
    """
    encoder = model._encoder
    if encoder.knots:
        splines = PiecewiseLinear(encoder.n_columns, *zip(*encoder.knots, strict=True))
        X = piecewise_linear(g, X, splines, dtype)
    A = embedded(g, X, codes, model.embeddings_)
    if model.frequencies_ is not None:
        A = periodic(g, A, encoder.periodic[0], model.frequencies_, model.phases_)
    layers = zip(model.coefs_, model.intercepts_, [*model._activations, "identity"], strict=True)
    for W, b, activation in layers:
        Z = g("Add", g("MatMul", A, W), b[..., None, :])
        A = ACTIVATIONS[activation](g, Z, dtype)
    return A


def piecewise_linear(g: Graph, X: str, splines: PiecewiseLinear, dtype: np.dtype) -> str:
    """[X, min(max(slope x + shift, -1), 1) for each bin of each column]."""
    slope, shift = splines.slope.astype(dtype)[None], splines.shift.astype(dtype)[None]
    code = g("Add", g("Mul", g.take(X, splines.source), slope), shift)
    code = g("Min", g("Max", code, np.array(-1.0, dtype)), np.array(1.0, dtype))
    return g.side_by_side([X, code])


def embedded(g: Graph, X: str | None, codes: Sequence[str], tables: Sequence[np.ndarray]) -> str:
    """[X, E[code] for each embedded category]."""
    parts = [] if X is None else [X]
    for code, E in zip(codes, tables, strict=True):
        rows = g("Gather", E, code, axis=E.ndim - 2)  # (..., n_samples, 1, dim)
        parts.append(g("Squeeze", rows, np.array([-2])))
    if X is not None and len(parts) > 1 and tables[0].ndim == 3:
        parts[0] = of_members(g, X, len(tables[0]))
    return g.side_by_side(parts)


def of_members(g: Graph, A: str, n_members: int) -> str:
    """Return the value (samples, units) for each member."""
    return g("Expand", A, np.array([n_members, 1, 1]))


def periodic(g: Graph, A: str, columns: Sequence[int], F: np.ndarray, P: np.ndarray) -> str:
    """[A, cos(2 pi (f x + p)) for each frequency f and phase p of each column x]."""
    x = g("Unsqueeze", g("Gather", A, np.array(columns), axis=-1), np.array([-1]))
    angle = g("Add", g("Mul", x, F[..., None, :, :]), P[..., None, :, :])
    cosine = g("Cos", g("Mul", angle, np.array(2.0 * np.pi, F.dtype)))
    waves = g("Reshape", cosine, np.array([0] * (F.ndim - 1) + [-1]))
    if F.ndim == 3:
        A = of_members(g, A, len(F))
    return g.side_by_side([A, waves])


# ------------------------------------------------------------ activations


def identity(g: Graph, Z: str, dtype: np.dtype) -> str:
    return Z


def logistic(g: Graph, Z: str, dtype: np.dtype) -> str:
    """(1 + tanh(z / 2)) / 2."""
    half = np.array(0.5, dtype)
    return g("Add", g("Mul", g("Tanh", g("Mul", Z, half)), half), half)


def tanh(g: Graph, Z: str, dtype: np.dtype) -> str:
    return g("Tanh", Z)


def relu(g: Graph, Z: str, dtype: np.dtype) -> str:
    return g("Relu", Z)


def leaky_relu(g: Graph, Z: str, dtype: np.dtype) -> str:
    return g("Max", Z, g("Mul", Z, np.array(LEAKY_SLOPE, dtype)))


def _exp_below(g: Graph, Z: str, dtype: np.dtype) -> str:
    """exp(min(z, 0)) - 1."""
    return g("Sub", g("Exp", g("Min", Z, np.array(0.0, dtype))), np.array(1.0, dtype))


def elu(g: Graph, Z: str, dtype: np.dtype) -> str:
    return g("Max", Z, _exp_below(g, Z, dtype))


def selu(g: Graph, Z: str, dtype: np.dtype) -> str:
    above = g("Mul", g("Relu", Z), np.array(SELU_LAMBDA, dtype))
    below = g("Mul", _exp_below(g, Z, dtype), np.array(SELU_LAMBDA_ALPHA, dtype))
    return g("Add", above, below)


def gelu(g: Graph, Z: str, dtype: np.dtype) -> str:
    """z (1 + erf(z / sqrt(2))) / 2; ONNX runtimes have erf in float32 alone."""
    U = g.cast(g("Mul", Z, np.array(1.0 / sqrt(2.0), dtype)), np.float32)
    erf = g.cast(g("Erf", U), dtype)
    return g("Mul", Z, g("Mul", g("Add", erf, np.array(1.0, dtype)), np.array(0.5, dtype)))


def silu(g: Graph, Z: str, dtype: np.dtype) -> str:
    return g("Mul", Z, logistic(g, Z, dtype))


def mish(g: Graph, Z: str, dtype: np.dtype) -> str:
    """z n / (n + 2), n = e^z (e^z + 2)."""
    two = np.array(2.0, dtype)
    e = g("Exp", g("Min", Z, np.array(20.0, dtype)))
    n = g("Mul", e, g("Add", e, two))
    return g("Mul", Z, g("Div", n, g("Add", n, two)))


def softplus(g: Graph, Z: str, dtype: np.dtype) -> str:
    """max(z, 0) + log(1 + exp(-|z|))."""
    e = g("Exp", g("Neg", g("Abs", Z)))
    return g("Add", g("Relu", Z), g("Log", g("Add", e, np.array(1.0, dtype))))


ACTIVATIONS: dict[str, Callable[[Graph, str, np.dtype], str]] = {
    "identity": identity,
    "logistic": logistic,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
}
