"""A batch that is no array, and forms its own products with weights."""

import numpy as np

from sknet._engine.activations import Array


class Rows:
    """A batch X (..., n_samples, n_in) that a dense layer multiplies by its weights.

    Attributes
    ----------
    shape : tuple of int
    """

    shape: tuple[int, ...]

    def product(self, W: Array, out: Array) -> None:
        """out <- X W, one product per member."""
        raise NotImplementedError

    def transposed_product(self, delta: Array, out: Array) -> None:
        """out <- X^T delta, one product per member."""
        raise NotImplementedError

    def input_gradient(self, delta: Array, W: Array) -> Array:
        """Return delta W^T, the gradient of the output of the layer before."""
        return np.matmul(delta, W.mT)
