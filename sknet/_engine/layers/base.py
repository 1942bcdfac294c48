"""The base class of layers: parameters, forward pass and backward pass over views of theta.

Arrays have the axes (members, samples, units). All members share an input without the members axis.
The rest of the engine asks the layer for its properties, and never for its class, so that a new
kind of layer is one class.
"""

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array
from sknet._engine.parameters import ALL, Group, Members

Shapes = Mapping[str, tuple[int, ...]]


class Layer:
    """One layer. It has no parameters until `bind` is called.

    A subclass sets `n_in` and `n_out`, the units of its input and of its output, and the attributes
    below that differ from their defaults. It defines `of`, `buffers`, `forward` and `backward`, and
    if it has parameters also `init` and `bind`.

    Attributes
    ----------
    shapes : mapping of str to tuple
        Shape of each parameter of one member.
    groups : mapping of str to Group
        Group of each parameter. A parameter that is not listed has a group of its own name.
    sparse : frozenset of str
        Parameters whose gradient is zero in most rows. The optimizer updates only the rows that
        `touched` returns; `clear` sets their gradient to zero.
    shared : frozenset of str
        Parameters that all members share.
    training_only : bool
        Whether the layer is used in training only, and not for prediction.
    one_thread : bool
        Whether one thread must process all rows of a batch.
    takes_ones : bool
        Whether the layer, if it is the first one, accepts an input with a column of ones after its
        `n_in` columns. Its weights are called W.
    multiply_adds : int
        Multiply-adds of its matrix product for one row.
    twin : str or None
        Name of its compiled twin in ``kernels.LAYERS``. It is not inherited: a subclass must set
        its own, since it may compute something else.
    activation_twin : str or None
        Name of the twin of its activation in ``kernels.ACTIVATIONS``; "identity" without one.
    n_masked : int
        Numbers of the mask that the compiled twin needs for a row; ``draw(k, mask)`` draws it.
    code_columns : sequence of int
        Columns of the output whose weights in the next layer start at zero.
    neutral : mapping of str to float
        The values of parameters that prediction does not need, see `fold`, and with which training
        continues from the folded parameters.
    """

    n_in: int
    n_out: int
    W: Array
    shapes: Shapes = MappingProxyType({})
    groups: ClassVar[Mapping[str, Group]] = MappingProxyType({})
    sparse: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    training_only: ClassVar[bool] = False
    one_thread: ClassVar[bool] = False
    takes_ones: ClassVar[bool] = False
    multiply_adds: int = 0
    twin: ClassVar[str | None] = None
    activation_twin: str | None = "identity"
    n_masked: int = 0
    neutral: Mapping[str, float] = MappingProxyType({})
    code_columns: Sequence[int] = ()

    def draw(self, k: int, mask: Array) -> None:
        """Write the random mask of member `k` for one batch to `mask`."""
        raise NotImplementedError

    def of(self, members: Members = ALL) -> "Layer":
        """Return an unbound copy of this layer, for some members."""
        raise NotImplementedError

    def for_prediction(self) -> "Layer":
        """Return the unbound layer that takes the place of this one in prediction."""
        return self.of()

    def fold(self, parameters: Mapping[str, Array]) -> Mapping[str, Array]:
        """Return the parameters of the layer of `for_prediction`, given those of this one."""
        return parameters

    def init(self, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
        """Draw the parameters of one member, in float64."""
        assert not self.shapes
        return {}

    def bind(
        self, parameters: Mapping[str, Array], gradient: Mapping[str, Array] | None = None
    ) -> None:
        """Use these arrays as parameters and as their gradient, (n_members, *shape).

        Each parameter becomes the attribute of its name.
        """
        assert not self.shapes

    def with_ones(self) -> "Layer":
        """Return a bound copy, for prediction, whose input ends with a column of ones."""
        raise NotImplementedError

    def before(self, W: Array) -> "Layer":
        """Return a bound layer for prediction, of which the next layer multiplies the output by W.

        It may compute from `W` what saves time in each chunk; `W` (n_members, n_out, n_units) must
        not change.
        """
        return self

    def buffers(self, n_members: int, n_samples: int, dtype: DTypeLike, work: Array) -> Any:
        """Return the buffers for batches of `n_samples` rows.

        `work` is 1-d scratch memory that all layers share; it is as large as the largest output.
        """
        raise NotImplementedError

    def forward(self, X: Any, buffers: Any) -> Any:
        """Return the output for the input `X` (..., n_samples, n_in).

        The output is a buffer, which the next call overwrites. `X` is not changed.
        """
        raise NotImplementedError

    def backward(self, dA: Array, buffers: Any, input_gradient: bool) -> Array | None:
        """Write the gradients of the parameters; return dL/dX if `input_gradient`, else None.

        `dA` is dL/d(output) and is overwritten. dL/dX is a buffer. Sparse gradients are added to,
        not overwritten.
        """
        raise NotImplementedError

    @property
    def n_stored(self) -> int:
        """Numbers that the output holds for a row."""
        return self.n_out

    def n_slopes(self, stores_slopes: bool) -> int:
        """Return how many slopes per row the compiled twin stores for its backward pass.

        `stores_slopes` is whether the twin of the activation stores its slopes.
        """
        return 0

    def occurrences(self, X: Any) -> dict[str, NDArray[np.intp]]:
        """Return in how many samples each row of a parameter with a sparse gradient is used."""
        return {}

    def n_touched(self, n_samples: int) -> int:
        """Return the maximum number of parameters that a step on `n_samples` rows uses."""
        return sum(prod(shape) for shape in self.shapes.values())

    def touched(self, name: str, k: int) -> NDArray[np.intp]:
        """Return the rows of the sparse parameter `name` of member `k` that have a gradient."""
        raise NotImplementedError

    def clear(self) -> None:
        """Set the sparse gradients to zero."""


def members_and_dtype(layers: Sequence[Layer]) -> tuple[int, np.dtype[Any]]:
    """Return the number of members and the dtype of bound layers."""
    layer = next(layer for layer in reversed(layers) if layer.shapes)
    parameter = getattr(layer, next(iter(layer.shapes)))
    return len(parameter), parameter.dtype
