"""``LINKS``, scaling of the target and labels: what is predicted, twin of the links and targets."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sknet._export.onnx.graph import Graph
from sknet._export.onnx.network import softplus


def mean_of_members(g: Graph, A: str, n_members: int, dtype: np.dtype) -> str:
    """Return the mean of (n_members, n_samples, n_outputs); A itself for a single member."""
    if n_members == 1:
        return A
    total = g("ReduceSum", A, np.array([0]), keepdims=0)
    return g("Div", total, np.array(n_members, dtype))


def probabilities(g: Graph, model: Any, Z: str, n_members: int, dtype: np.dtype) -> str:
    """Return the probability of each class, or of each label."""
    if model._binary:
        Z = g.side_by_side([g("Neg", Z), Z])
    return mean_of_members(g, LINKS[model.out_activation_](g, Z, dtype), n_members, dtype)


def labels(g: Graph, model: Any, P: str, dtype: np.dtype) -> str:
    """Return the most probable class of each row; 0 or 1 for each label."""
    if model._indicator:
        return g.cast(g("Greater", P, np.array(0.5, dtype)), np.int64)
    codes = g("ArgMax", P, axis=1, keepdims=0)
    return g("Gather", label_values(model), codes)


def predictions(g: Graph, model: Any, Z: str, n_members: int, dtype: np.dtype) -> str:
    """Return the predictions of a regressor in the units of y."""
    target = model._fitted_target()
    Y = mean_of_members(g, LINKS[model.out_activation_](g, Z, dtype), n_members, dtype)
    if target.scaling is not None:
        Y = g.cast(Y, np.float64)
        Y = g("Add", g("Mul", Y, target.scaling.scale[None]), target.scaling.centre[None])
        Y = g.cast(Y, dtype)
    if target.limits is not None:
        low, high = target.limits.astype(dtype)[:, None]
        Y = g("Min", g("Max", Y, low), high)
    return Y


def label_values(model: Any) -> np.ndarray:
    """Return the classes in a dtype that ONNX runtimes look up: int64, bool, float64 or text.

    Raises
    ------
    ValueError
        If there are labels of another kind, or integers beyond int64.
    """
    values = np.asarray(model.classes_.tolist())
    kind = values.dtype.kind
    if (kind == "u" and values.max() > np.iinfo(np.int64).max) or kind not in "biufU":
        raise ValueError(
            f"classes_ holds labels of dtype {model.classes_.dtype}; ONNX has text, booleans, and"
            " numbers up to 2**63 - 1. Fit the classifier on codes of the labels."
        )
    wanted = {"b": bool, "i": np.int64, "u": np.int64, "f": np.float64, "U": object}
    return values.astype(wanted[kind])


# ------------------------------------------------------------ links


def identity(g: Graph, Z: str, dtype: np.dtype) -> str:
    return Z


def logistic(g: Graph, Z: str, dtype: np.dtype) -> str:
    """1 / (1 + exp(-z)); where exp overflows, 0."""
    one = np.array(1.0, dtype)
    return g("Div", one, g("Add", g("Exp", g("Neg", Z)), one))


def tanh(g: Graph, Z: str, dtype: np.dtype) -> str:
    return g("Tanh", Z)


def softmax(g: Graph, Z: str, dtype: np.dtype) -> str:
    return g("Softmax", Z, axis=-1)


def exp(g: Graph, Z: str, dtype: np.dtype) -> str:
    """exp(z), at most the largest finite number."""
    largest = np.nextafter(np.log(np.finfo(dtype).max), dtype.type(0))
    return g("Exp", g("Min", Z, np.array(largest, dtype)))


def increments(g: Graph, Z: str, dtype: np.dtype) -> str:
    """q_1 = z_1, q_{k+1} = q_k + softplus(z_{k+1})."""
    first = g("Slice", Z, np.array([0]), np.array([1]), np.array([-1]))
    others = g("Slice", Z, np.array([1]), np.array([np.iinfo(np.int64).max]), np.array([-1]))
    return g("CumSum", g.side_by_side([first, softplus(g, others, dtype)]), np.array(-1))


#: Name -> function. The raw output becomes the prediction of each member.
LINKS: dict[str, Callable[[Graph, str, np.dtype], str]] = {
    "identity": identity,
    "logistic": logistic,
    "tanh": tanh,
    "softplus": softplus,
    "softmax": softmax,
    "exp": exp,
    "increments": increments,
}
