"""Describes a network and its optimizer to the kernels: codes, a program, memory, segments.

Each layer, activation, loss and direction may have a compiled twin, which its class names. If one
of them has none, the whole epoch runs in numpy.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.layers.embedding import first_rows
from sknet._engine.network import Network
from sknet._engine.optimizers import Optimizer
from sknet._engine.parameters import for_members, of_member


def twin_of(part: Any) -> str | None:
    """Return the twin that the class of `part` itself names; a subclass may compute otherwise."""
    return vars(type(part)).get("twin")


def parts_of(network: Network, optimizer: Optimizer) -> list[Any]:
    """Return all parts that need a twin, except the activations."""
    return [network.loss, *optimizer.directions, *network.layers]


def numbers_of(part: Any, names: Sequence[str]) -> Any:
    """Return the attributes `names` of `part`, numbers or sequences of numbers, as one array."""
    return np.array([getattr(part, name) for name in names], float).ravel()


class Codes(NamedTuple):
    """What the parts of a network and its optimizer are called in ``kernels``.

    Attributes
    ----------
    kinds : list of int
        One code per layer.
    activations : list of str
        One per layer; "identity" for a layer that is not dense.
    loss : LossTwin
    direction : Choice
    numbers : ndarray
        Hyper-parameters of the direction.
    """

    kinds: list[int]
    activations: list[Any]
    loss: Any
    direction: Any
    numbers: Any

    @property
    def kind(self) -> tuple[Any, ...]:
        """The names that the compiled functions are special to."""
        return (*self.curves, *self.loss.name.names, *self.direction.names)

    @property
    def curves(self) -> list[str]:
        """The activations of the layers that are not linear, each once."""
        return sorted({*self.activations} - {"identity"}) or ["identity"]

    @classmethod
    def of(cls, kernels: Any, network: Network, optimizer: Optimizer) -> "Codes | None":
        """Return the codes; None if a part has no twin, or its twin does not support it."""
        if network.parameters.has_shared or None in map(twin_of, parts_of(network, optimizer)):
            return None
        layers, (direction, *others) = network.layers, optimizer.directions
        kinds = [kernels.LAYERS.get(twin_of(layer)) for layer in layers]
        activations = [layer.activation_twin for layer in layers]
        loss = network.loss.twin_name(str(twin_of(network.loss)))
        values, step = kernels.LOSSES.get(loss), kernels.DIRECTIONS.get(twin_of(direction))
        if others or not all(name in kernels.ACTIVATIONS for name in activations):
            return None
        if None in (*kinds, values, step):
            return None
        ends_linear = kinds[-1] == kernels.LAYERS["dense"] and activations[-1] == "identity"
        n_sparse = len(network.layout.rows[0].sparse)
        if not ends_linear or n_sparse > 1 or len(optimizer.arrays) != step.n_states:
            return None
        twin = kernels.LossTwin(kernels.Choice(loss), numbers_of(network.loss, values.numbers))
        numbers = numbers_of(direction, step.numbers)
        return cls(kinds, activations, twin, kernels.Choice(twin_of(direction)), numbers)


class Plan:
    """The program of a network, and the sizes of its buffers.

    Parameters
    ----------
    kernels : module
    network : Network
    codes : Codes

    Attributes
    ----------
    program : Program
    """

    def __init__(self, kernels: Any, network: Network, codes: Codes) -> None:
        self.kernels, self.network = kernels, network
        layers = network.layers
        first = next(k for k, layer in enumerate(layers) if layer.shapes)
        rows = np.zeros(len(layers), kernels.LAYER)
        for place in network.layout.rows[0].places:
            rows[place.layer]["b" if place.name == "b" else "W"] = place.columns.start
        is_curved = any(kernels.ACTIVATIONS[name] for name in codes.curves)
        width, self.n_outputs = layers[0].n_in, layers[-1].n_out
        # elements per row so far
        needed = {"A": layers[0].n_in, "slopes": 0, "dA": self.n_outputs, "masks": 0}
        for k, (row, layer) in enumerate(zip(rows, layers, strict=True)):
            own = codes.activations[k]
            row["kind"], row["activation"] = codes.kinds[k], -1
            if own != "identity":
                row["activation"] = codes.curves.index(own)
            row["n_in"], row["n_out"] = layer.n_in, layer.n_out
            row["input"], row["output"] = needed["A"] - width, needed["A"]
            row["slopes"], row["dX"], row["mask"] = (needed[a] for a in ("slopes", "dA", "masks"))
            width = layer.n_out
            needed["A"] += layer.n_out
            needed["slopes"] += layer.n_slopes(is_curved and own != "identity")
            needed["dA"] += layer.n_in * (k > first and layer.multiply_adds > 0)
            needed["masks"] += layer.n_masked
        self.program = kernels.Program(
            rows, first, needed.pop("masks"), kernels.Choice(*codes.curves)
        )
        self._needed = needed

    def memory(self, n_rows: int, n_states: int) -> Any:
        """Return the buffers of one thread for steps of `n_rows` rows."""
        dtype = self.network.theta.dtype
        A, slopes, dA = (np.empty(n_rows * n, dtype) for n in self._needed.values())
        Y, loss = np.empty(n_rows * self.n_outputs, dtype), np.empty(n_rows, dtype)
        return self.kernels.Memory(A, slopes, dA, Y, loss, self._lazy(n_rows, n_states))

    def _lazy(self, n_rows: int, n_states: int) -> Any:
        """Return the buffers for the rows of a sparse parameter that occur in a batch, if any."""
        row, dtype = self.network.layout.rows[0], self.network.theta.dtype
        if not row.sparse:
            return None
        (place,) = row.sparse
        layer: Any = self.network.layers[place.layer]
        first, (n_table, dim) = first_rows(layer.n_levels), place.shape
        n_touched = min(n_table, n_rows * first.size)
        segment = list(row.groups).index(place.group.name)
        n_held, rows = np.zeros(1, np.intp), np.zeros(n_touched, np.intp)
        places = np.full(n_table, -1, np.intp)
        gathered = np.empty((2 + n_states, n_touched * dim), dtype)
        return self.kernels.Lazy(segment, dim, first, n_held, rows, places, gathered)


def segments_of(kernels: Any, network: Network, optimizer: Optimizer) -> list[Any]:
    """Return the segments of theta and their factors, for each member."""
    n_members = network.n_members
    groups = list(network.layout.rows[0].by_group())
    start, stop = (
        np.array([getattr(columns, end) for _, columns in groups], np.intp)
        for end in ("start", "stop")
    )
    decay = optimizer.hyper["weight_decay"] if optimizer.solver.decays else 0.0
    decays, alphas = (for_members(factor, n_members) for factor in (decay, network.alpha))

    def factors(name: str, k: int) -> Any:
        return np.array([of_member(getattr(group, name), k) for group, _ in groups])

    return [
        kernels.Segments(
            start, stop, factors("rate", k), factors("decay", k) * decays[k],
            factors("penalty", k) * alphas[k],
        )
        for k in range(n_members)
    ]  # fmt: skip
