"""Dropout: a layer that drops units at random, in training only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from sknet._engine.activations import Array
from sknet._engine.layers.base import Layer
from sknet._engine.layers.sparse_rows import SparseRows
from sknet._engine.parameters import ALL, Factor, Members, for_members

#: Levels of a random number of 16 bits.
LEVELS = 1 << 16


@dataclass
class DropoutBuffers:
    """Buffers of a dropout layer for one batch size; made by `forward` if the input is dense."""

    A: Array | None = None
    mask: Array | None = None


class Dropout(Layer):
    """Inverted dropout: a <- a r / (1 - p), where r is 0 with probability p, else 1.

    | dX = dA * r / (1 - p)

    Each member draws its own mask in each step. Prediction does not use the layer.

    Source: Srivastava et al. 2014; the variant is the inverted form.

    Parameters
    ----------
    n_units : int
        Units of the input and of the output.
    p : float or sequence of float
        Probability that a unit is dropped, to a multiple of ``1 / LEVELS``. A sequence has one
        number for each member. A member with p = 0 draws no random numbers.
    generators : sequence of Generator
        One for each member.
    """

    training_only = True
    one_thread = True  # generators must be used in a fixed order
    twin = "dropout"

    def __init__(self, n_units: int, p: Factor, generators: Sequence[np.random.Generator]) -> None:
        self.n_in = self.n_out = self.n_masked = n_units
        self.generators = list(generators)
        self.p = for_members(p, len(self.generators)).tolist()

    def of(self, members: Members = ALL) -> "Dropout":
        numbers = np.arange(len(self.generators))[members]
        generators = [self.generators[k] for k in numbers]
        return Dropout(self.n_in, [self.p[k] for k in numbers], generators)

    def buffers(
        self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array
    ) -> DropoutBuffers:
        return DropoutBuffers()

    def draw(self, k: int, mask: Array) -> None:
        """Write the mask of member `k`, with entries 0 or 1 / (1 - p), to `mask`.

        p is a multiple of 1 / LEVELS here, in the mask's entries too.
        """
        p = self.p[k]
        if not p:
            mask.fill(1.0)
            return
        # 16 random bits a unit, which take less than half the time of random floats
        words = self.generators[k].bit_generator.random_raw(-(-mask.size // 4))
        bits = np.asarray(words).view(np.uint16)[: mask.size].reshape(mask.shape)
        n_dropped = min(round(p * LEVELS), LEVELS - 1)
        kept = mask.dtype.type(LEVELS / (LEVELS - n_dropped))
        np.multiply(bits >= n_dropped, kept, out=mask)

    def forward(self, X: Any, buffers: DropoutBuffers) -> Any:
        if isinstance(X, SparseRows):
            return X.for_members(len(self.generators)).masked(self.draw)
        X = np.asarray(X)  # SplineRows
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
