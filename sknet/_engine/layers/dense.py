"""The dense layer: a matrix product, a bias and an activation."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import ACTIVATIONS, Array
from sknet._engine.initializers import initializer
from sknet._engine.layers.base import Layer
from sknet._engine.layers.rows import Rows
from sknet._engine.parameters import ALL, BIASES, WEIGHTS, Members


def product(n_inner: int) -> np.ufunc:
    """Return the matrix product; for inner dimension 1, multiply, because matmul uses no BLAS."""
    return np.multiply if n_inner == 1 else np.matmul


@dataclass
class DenseBuffers:
    """Buffers of a dense layer for one batch size; `Z` and `A` may be the same array."""

    Z: Array
    A: Array
    work: Any
    ones: Array
    dX: Array | None = None
    X: Any = None


class Dense(Layer):
    """A fully connected layer: Z = X W + b, A = sigma(Z).

    | delta = dA * sigma'(Z)
    | dW = X^T delta,  db = sum over samples of delta,  dX = delta W^T

    If the input has a column of ones after its `n_in` columns, the matrix products include the
    bias, which costs less than separate passes:

    | Z = [X, 1] [W; b],  [dW; db] = [X, 1]^T delta

    This requires that b follows W in memory, as it does in theta for the first layer.

    Parameters
    ----------
    n_in, n_out : int
        Units of the input and of the output.
    activation : str
        A key of ``ACTIVATIONS``.
    init : str
        "auto", or a key of ``INITIALIZERS``.
    drawn_as : str, optional
        The activation that `init` assumes; None is `activation`.
    starts_at_zero : bool
        Whether the initial parameters are drawn, but then set to zero.
    """

    groups = MappingProxyType({"W": WEIGHTS, "b": BIASES})
    takes_ones = True
    twin: ClassVar[str | None] = "dense"

    W: Array
    b: Array
    dW: Array
    db: Array

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: str = "identity",
        init: str = "auto",
        drawn_as: str | None = None,
        starts_at_zero: bool = False,
    ) -> None:
        self.n_in, self.n_out, self.activation = n_in, n_out, activation
        self.sigma = ACTIVATIONS[activation]
        self.shapes = {"W": (n_in, n_out), "b": (1, n_out)}
        self.multiply_adds = n_in * n_out
        self.activation_twin = self.sigma.twin
        self._start = init, drawn_as or activation, starts_at_zero
        self._times_W, self._times_W_transposed = product(n_in), product(n_out)

    def of(self, members: Members = ALL) -> "Dense":
        return type(self)(self.n_in, self.n_out, self.activation, *self._start)

    def n_slopes(self, stores_slopes: bool) -> int:
        return self.n_out * stores_slopes

    def init(self, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Draw W and b from an initializer."""
        init, drawn_as, starts_at_zero = self._start
        W, b = initializer(init, drawn_as)(rng, self.n_in, self.n_out, drawn_as)
        drawn = {"W": W, "b": b[None]}
        return {name: np.zeros_like(a) for name, a in drawn.items()} if starts_at_zero else drawn

    def bind(
        self, parameters: Mapping[str, Array], gradient: Mapping[str, Array] | None = None
    ) -> None:
        self.W, self.b = parameters["W"], parameters["b"]
        self.W_transposed = self.W.mT
        if gradient is not None:
            self.dW, self.db = gradient["W"], gradient["b"]
            self.W_and_b, self.dW_and_db = one_matrix(self.W, self.b), one_matrix(self.dW, self.db)

    def with_ones(self) -> "Dense":
        """Return a bound copy whose b follows W in memory."""
        both = np.concatenate([self.W, self.b], axis=1)
        layer = self.of()
        layer.bind({"W": both[:, :-1], "b": both[:, -1:]})
        layer.W_and_b = both
        return layer

    def buffers(
        self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array
    ) -> DenseBuffers:
        shape = (n_members, n_samples, self.n_out)
        Z = np.empty(shape, dtype)
        return DenseBuffers(
            Z=Z,
            A=Z if self.sigma.in_place else np.empty(shape, dtype),
            work=self.sigma.memory(work[: Z.size].reshape(shape)),
            ones=np.ones((1, n_samples), dtype),
        )

    def forward(self, X: Any, buffers: DenseBuffers) -> Array:
        buffers.X, Z, A = X, buffers.Z, buffers.A
        if X.shape[-1] > self.n_in:
            np.matmul(X, self.W_and_b, Z)
        else:
            if isinstance(X, Rows):
                X.product(self.W, Z)
            else:
                self._times_W(X, self.W, Z)
            np.add(Z, self.b, Z)
        self.sigma.forward(Z, A, buffers.work)
        return A

    def backward(self, dA: Array, buffers: DenseBuffers, input_gradient: bool) -> Array | None:
        X, delta = buffers.X, dA
        self.sigma.backward(delta, buffers.Z, buffers.A, buffers.work)
        if X.shape[-1] > self.n_in:
            np.matmul(X.mT, delta, self.dW_and_db)
        else:
            if isinstance(X, Rows):
                X.transposed_product(delta, self.dW)
            else:
                np.matmul(X.mT, delta, self.dW)
            np.matmul(buffers.ones, delta, self.db)
        if not input_gradient:
            return None
        if isinstance(X, Rows):
            return X.input_gradient(delta, self.W)
        if buffers.dX is None:
            buffers.dX = np.empty((*delta.shape[:-1], self.n_in), delta.dtype)
        self._times_W_transposed(delta, self.W_transposed, buffers.dX)
        return buffers.dX


def one_matrix(W: Array, b: Array) -> Any:
    """Return [W; b] (n_members, n_in + 1, n_out) as a view; None if b does not follow W."""
    n_members, n_in, n_out = W.shape
    starts = [a.__array_interface__["data"][0] for a in (W, b)]
    follows = starts[1] - starts[0] == n_in * n_out * W.itemsize
    alike = W.strides[0] == b.strides[0] or n_members == 1
    if not (follows and alike and W.strides[1:] == (n_out * W.itemsize, W.itemsize)):
        return None
    shape = (n_members, n_in + 1, n_out)
    return np.lib.stride_tricks.as_strided(W, shape, W.strides, writeable=W.flags.writeable)
