"""Periodic embedding of numbers: cosines of learned frequencies."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array
from sknet._engine.layers.base import Layer
from sknet._engine.parameters import ALL, Group, Members

#: Standard deviation of the initial frequencies, in periods per unit of the encoded column.
FREQUENCY_SCALE = 0.3
#: The frequencies and phases learn slower than the weights.
PERIODS = Group("periods", rate=0.1)


class Periodic(Layer):
    """Appends to the input cosines of each number, of learned frequencies and phases.

    | A = [X, cos(2 pi (f_1 x_1 + p_1)), ..., cos(2 pi (f_q x_q + p_q))]
    | dp = -2 pi sum over rows of sin(2 pi (f x + p)) dA,  df alike with x dA
    | dX = dA of X - 2 pi sum over the frequencies of f sin(2 pi (f x + p)) dA

    f_j and p_j are rows of F and P, which hold one number for each frequency of column j.

    Source: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features"; the
    phases and the single cosine are those of Holzmueller, Grinsztajn and Steinwart 2024.

    Parameters
    ----------
    n_in : int
    columns : sequence of int
        The columns that are embedded.
    n_frequencies : int
        Frequencies of each of them.
    """

    groups = MappingProxyType({"F": PERIODS, "P": PERIODS})
    twin: ClassVar[str | None] = None

    def __init__(self, n_in: int, columns: Sequence[int], n_frequencies: int) -> None:
        self.columns, self.n_frequencies = list(columns), n_frequencies
        shape = len(self.columns), n_frequencies
        self.shapes = {"F": shape, "P": shape}
        self.n_in, self.n_out = n_in, n_in + len(self.columns) * n_frequencies
        self.code_columns = range(n_in, self.n_out)

    def of(self, members: Members = ALL) -> "Periodic":
        return Periodic(self.n_in, self.columns, self.n_frequencies)

    def init(self, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Draw frequencies from N(0, FREQUENCY_SCALE^2), and phases evenly from a whole period."""
        F = FREQUENCY_SCALE * rng.standard_normal(self.shapes["F"])
        return {"F": F, "P": rng.uniform(-0.5, 0.5, F.shape)}

    def bind(
        self, parameters: Mapping[str, Array], gradient: Mapping[str, Array] | None = None
    ) -> None:
        self.F, self.P = parameters["F"], parameters["P"]
        if gradient is not None:
            self.dF, self.dP = gradient["F"], gradient["P"]

    def buffers(self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array) -> Any:
        angle = np.empty((n_members, n_samples, *self.shapes["F"]), dtype)
        return {
            "A": np.empty((n_members, n_samples, self.n_out), dtype),
            "x": np.empty((n_members, n_samples, len(self.columns), 1), dtype),
            "dX": np.empty((n_members, n_samples, self.n_in), dtype),
            "angle": angle,
        }

    def forward(self, X: Any, buffers: Any) -> Array:
        A, angle, x = buffers["A"], buffers["angle"], buffers["x"]
        np.copyto(A[..., : self.n_in], X)
        np.copyto(x[..., 0], X[..., self.columns])
        np.multiply(x, self.F[:, None], angle)
        np.add(angle, self.P[:, None], angle)
        np.multiply(angle, 2.0 * np.pi, angle)
        np.cos(angle, A[..., self.n_in :].reshape(angle.shape))
        return A

    def backward(self, dA: Array, buffers: Any, input_gradient: bool) -> Array | None:
        angle, x = buffers["angle"], buffers["x"]
        sine = np.sin(angle, angle)
        slope = np.multiply(sine, dA[..., self.n_in :].reshape(sine.shape), sine)
        np.multiply(slope, -2.0 * np.pi, slope)
        np.add.reduce(slope, axis=1, out=self.dP)
        np.einsum("mnqk,mnq->mqk", slope, x[..., 0], out=self.dF)
        if not input_gradient:
            return None
        dX = buffers["dX"]
        np.copyto(dX, dA[..., : self.n_in])
        dX[..., self.columns] += np.einsum("mnqk,mqk->mnq", slope, self.F)
        return dX
