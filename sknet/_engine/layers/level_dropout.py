"""Dropout of categories: replaces levels by the unknown level at random, in training only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array
from sknet._engine.layers.base import Layer
from sknet._engine.parameters import ALL, Members


class LevelDropout(Layer):
    """Replaces the code of a category by 0, that of unknown levels, with probability p.

    Thus the unknown level is trained, and the network does not rely on a single level. Rows that
    are drawn differ between members and steps. The codes are the last columns of the input.

    Parameters
    ----------
    n_in : int
    n_codes : int
        Last columns, which hold codes.
    p : float
    generators : sequence of Generator
        One for each member.
    """

    training_only = True
    one_thread = True  # generators must be used in a fixed order

    def __init__(
        self, n_in: int, n_codes: int, p: float, generators: Sequence[np.random.Generator]
    ) -> None:
        self.n_in = self.n_out = n_in
        self.n_codes, self.p, self.generators = n_codes, p, list(generators)

    def of(self, members: Members = ALL) -> "LevelDropout":
        numbers: NDArray[np.intp] = np.arange(len(self.generators))[members]
        own = [self.generators[k] for k in numbers]
        return LevelDropout(self.n_in, self.n_codes, self.p, own)

    def buffers(self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array) -> Any:
        return {
            "A": np.empty((n_members, n_samples, self.n_in), dtype),
            "drawn": np.empty((n_samples, self.n_codes), np.float32),
        }

    def forward(self, X: Any, buffers: Any) -> Array:
        A, drawn = buffers["A"], buffers["drawn"]
        np.copyto(A, X)
        for own, rng in zip(A, self.generators, strict=True):
            rng.random(out=drawn, dtype=np.float32)
            own[:, -self.n_codes :] *= drawn >= self.p
        return A

    def backward(self, dA: Array, buffers: Any, input_gradient: bool) -> None:
        """Do nothing: codes have no gradient."""
        assert not input_gradient, "dropout of levels must come before the embedding"
