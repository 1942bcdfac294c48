"""Layers: a forward and a backward pass side by side, over views of theta.

A layer has ``shapes`` (its parameters), ``bind`` (gives it views of theta and of the gradient),
``buffers`` (memory for one batch size), and the pair

``forward(A, buffers) -> output``
    `A` (..., n_samples, n_in) is the layer's input; the output is a buffer, good until the next
    call.
``backward(dA, buffers, input_gradient) -> dX``
    `dA` is dL/d(output), used up; writes the gradients of the parameters (an embedding adds to
    them), and returns dL/dX for the input X (a buffer) unless `input_gradient` is false.

All arrays have the trailing axes (samples, units) and, before them, the members; an input without
the members axis is shared by all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from sknet._engine.activations import ACTIVATIONS, Array
from sknet._engine.embedding import Embedding, EmbeddingBuffers


class SparseRows:
    """A batch of sparse input: one CSR matrix shared by all members, or one each."""

    def __init__(self, *matrices: Any) -> None:
        self.matrices = matrices
        self.shape = matrices[0].shape

    def __getitem__(self, key: Any) -> "SparseRows":
        """Return a slice of the rows, as ``array[..., rows, :]`` does."""
        _, rows, _ = key
        return SparseRows(*(X[rows] for X in self.matrices))

    def masked(self, draw: Callable[[int, Array], None]) -> "SparseRows":
        """Return rows whose stored values are multiplied by what ``draw(k, out)`` draws."""
        matrices = []
        for k, X in enumerate(self.matrices):
            mask = np.empty_like(X.data)
            draw(k, mask)
            matrices.append(type(X)((X.data * mask, X.indices, X.indptr), shape=X.shape))
        return SparseRows(*matrices)

    def product(self, W: Array, out: Array) -> None:
        """out <- X W, one product a member."""
        for k in range(len(out)):
            out[k] = self.matrices[k % len(self.matrices)] @ W[k]

    def transposed_product(self, delta: Array, out: Array) -> None:
        """out <- X^T delta, one product a member."""
        for k in range(len(out)):
            out[k] = self.matrices[k % len(self.matrices)].T @ delta[k]


def product(n_inner: int) -> np.ufunc:
    """Return the matrix product; an inner dimension of 1 misses BLAS: its is element-wise."""
    return np.multiply if n_inner == 1 else np.matmul


@dataclass
class DenseBuffers:
    """Memory of a dense layer for one batch size; `Z` and `A` may be one array."""

    Z: Array
    A: Array
    work: Array
    ones: Array
    dX: Array | None = None
    X: Any = None


class Dense:
    """A fully connected layer: Z = X W + b, A = sigma(Z).

    | delta = dA * sigma'(Z)
    | dW = X^T delta,  db = sum over samples of delta,  dX = delta W^T

    Parameters
    ----------
    n_in, n_out : int
        Units of the input and of the output.
    activation : str
        A key of ``ACTIVATIONS``.
    """

    W: Array
    b: Array
    dW: Array
    db: Array

    def __init__(self, n_in: int, n_out: int, activation: str = "identity") -> None:
        self.n_in, self.n_out, self.activation = n_in, n_out, activation
        self.sigma = ACTIVATIONS[activation]
        self.shapes = {"W": (n_in, n_out), "b": (1, n_out)}
        self._times_W, self._times_W_transposed = product(n_in), product(n_out)

    def of(self, members: slice) -> "Dense":
        """Return a layer of this description that is bound to nothing."""
        return Dense(self.n_in, self.n_out, self.activation)

    def bind(self, parameters: dict[str, Array], gradient: dict[str, Array] | None = None) -> None:
        """Use these parameters, (n_members, *shape), and write the gradient there."""
        self.W, self.b = parameters["W"], parameters["b"]
        self.W_transposed = self.W.mT
        if gradient is not None:
            self.dW, self.db = gradient["W"], gradient["b"]

    def buffers(self, n_samples: int, work: Array) -> DenseBuffers:
        """Allocate for batches of `n_samples`; `work` is shared scratch memory of any shape."""
        n_members, dtype = len(self.W), self.W.dtype
        shape = (n_members, n_samples, self.n_out)
        Z = np.empty(shape, dtype)
        return DenseBuffers(
            Z=Z,
            A=Z if self.sigma.in_place else np.empty(shape, dtype),
            work=self.sigma.memory(work.reshape(-1)[: Z.size].reshape(shape)),
            ones=np.ones((1, n_samples), dtype),
        )

    def forward(self, X: Any, buffers: DenseBuffers) -> Array:
        buffers.X, Z, A = X, buffers.Z, buffers.A
        if isinstance(X, SparseRows):
            X.product(self.W, Z)
        else:
            self._times_W(X, self.W, Z)
        np.add(Z, self.b, Z)
        self.sigma.forward(Z, A, buffers.work)
        return A

    def backward(self, dA: Array, buffers: DenseBuffers, input_gradient: bool) -> Array | None:
        X, delta = buffers.X, dA
        self.sigma.backward(delta, buffers.Z, buffers.A, buffers.work)
        if isinstance(X, SparseRows):
            X.transposed_product(delta, self.dW)
        else:
            np.matmul(X.mT, delta, self.dW)
        np.matmul(buffers.ones, delta, self.db)
        if not input_gradient:
            return None
        if buffers.dX is None:
            buffers.dX = np.empty((*delta.shape[:-1], self.n_in), delta.dtype)
        self._times_W_transposed(delta, self.W_transposed, buffers.dX)
        return buffers.dX


class FirstDense(Dense):
    """A first layer whose input ends with a column of ones: A = sigma([X, 1] [W; b]).

    | [dW; db] = [X, 1]^T delta

    The products add the bias and sum its gradient, for less than passes of their own would cost.
    The column of ones is none of the `n_in`. Used once `bind_both` has been called.
    """

    W_and_b: Array
    dW_and_b: Array

    def of(self, members: slice) -> "FirstDense":
        return FirstDense(self.n_in, self.n_out, self.activation)

    def bind_both(self, W_and_b: Array, dW_and_b: Array | None = None) -> None:
        """Use [W; b], (n_members, n_in + 1, n_out), and write its gradient there."""
        self.W_and_b = W_and_b
        if dW_and_b is not None:
            self.dW_and_b = dW_and_b

    def forward(self, X: Any, buffers: DenseBuffers) -> Array:
        buffers.X = X
        np.matmul(X, self.W_and_b, buffers.Z)
        self.sigma.forward(buffers.Z, buffers.A, buffers.work)
        return buffers.A

    def backward(self, dA: Array, buffers: DenseBuffers, input_gradient: bool) -> None:
        assert not input_gradient
        delta = dA
        self.sigma.backward(delta, buffers.Z, buffers.A, buffers.work)
        np.matmul(buffers.X.mT, delta, self.dW_and_b)


@dataclass
class DropoutBuffers:
    """Memory of a dropout layer for one batch size; sparse input needs none."""

    A: Array | None
    mask: Array | None


class Dropout:
    """Inverted dropout, in training alone: a <- a r / (1 - p), r = 0 with probability p, else 1.

    | dX = dA * r / (1 - p)

    Each member draws its own mask at each step. Srivastava et al. 2014, in the inverted form, in
    which prediction leaves the layer out.

    Parameters
    ----------
    n_units : int
        Units of the input and of the output.
    p : float
        Probability with which a unit is dropped.
    generators : sequence of Generator, one a member
    """

    shapes: ClassVar[dict[str, tuple[int, ...]]] = {}

    def __init__(self, n_units: int, p: float, generators: Sequence[np.random.Generator]) -> None:
        self.n_in = self.n_out = n_units
        self.p, self.generators = p, generators

    def of(self, members: slice) -> "Dropout":
        """Return the layer of some members."""
        return Dropout(self.n_in, self.p, self.generators[members])

    def bind(self, parameters: dict[str, Array], gradient: dict[str, Array] | None = None) -> None:
        """There are no parameters."""

    def buffers(self, n_samples: int, work: Array) -> DropoutBuffers:
        """Return the buffers, empty: they are made when the input is seen to be dense."""
        return DropoutBuffers(None, None)

    def draw(self, k: int, mask: Array) -> None:
        """Draw the mask of member `k`, its entries 0 or 1 / (1 - p)."""
        self.generators[k].random(out=mask, dtype=mask.dtype.type)
        np.greater_equal(mask, self.p, mask)
        np.multiply(mask, 1.0 / (1.0 - self.p), mask)

    def forward(self, X: Any, buffers: DropoutBuffers) -> Any:
        if isinstance(X, SparseRows):
            if len(X.matrices) < len(self.generators):
                X = SparseRows(*X.matrices * len(self.generators))
            return X.masked(self.draw)
        if buffers.A is None or buffers.mask is None:
            shape = (len(self.generators), *X.shape[-2:])
            buffers.A, buffers.mask = np.empty(shape, X.dtype), np.empty(shape, X.dtype)
        for k, mask in enumerate(buffers.mask):
            self.draw(k, mask)
        np.multiply(X, buffers.mask, buffers.A)
        return buffers.A

    def backward(self, dA: Array, buffers: DropoutBuffers, input_gradient: bool) -> Array | None:
        assert buffers.mask is not None
        np.multiply(dA, buffers.mask, dA)
        return dA


#: Layers with parameters.
Bound = Dense | Embedding
Layer = Bound | Dropout
Buffers = DenseBuffers | DropoutBuffers | EmbeddingBuffers


def work_array(layers: Sequence[Layer], n_members: int, n_samples: int, dtype: DTypeLike) -> Array:
    """Return scratch memory that is large enough for each of `layers`."""
    return np.empty(n_members * n_samples * max(layer.n_out for layer in layers), dtype)
