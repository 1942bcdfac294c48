"""theta: all parameters of all members, in blocks of rows, seen by the layers through views.

A block is an array theta and its gradient. The private block has a row for each member,
(n_members, n_params). If a layer shares parameters among members, there is also a shared block with
one row (1, n_params), whose gradient is the sum over the members.

A row holds the groups of parameters one after another: all weights "W", all biases "b", other
groups, and last the parameters with a sparse gradient (an embedding "E"). Hence a penalty, a decay
or a learning-rate factor of a group applies to one slice of columns. Weights are in order from the
last layer to the first, biases from the first to the last. Hence W and b of the first layer are
adjacent and form one matrix [W; b], which multiplies an input that ends with a column of ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array

#: The parameters of each layer by name, (n_members, *shape).
Views = list[dict[str, Array]]
#: A number for all members, or a sequence of one number for each member.
Factor = float | Sequence[float]
#: Selects members. Indexing with a slice gives views, with an array of indices copies.
Members = slice | NDArray[np.intp]

ALL = slice(None)


class Group(NamedTuple):
    """A named group of parameters, and its factors of the learning rate, decay and penalty.

    Attributes
    ----------
    name : str
    rate : float or sequence of float
        Factor of the learning rate. A sequence has one number for each member.
    decay : float or sequence of float
        Factor of the decoupled weight decay.
    penalty : float or sequence of float
        Factor of the L2 penalty `alpha`.
    order : int
        Position of the group in a row. Groups of equal order follow the order of the layers.
    from_last : bool
        Whether the parameters of the group are in order from the last layer to the first.
    """

    name: str
    rate: Factor = 1.0
    decay: Factor = 0.0
    penalty: Factor = 0.0
    order: int = 2
    from_last: bool = False


WEIGHTS = Group("W", decay=1.0, penalty=1.0, order=0, from_last=True)
BIASES = Group("b", order=1)


def of_member(factor: Factor, k: int) -> float:
    """Return the factor of member `k`."""
    return float(factor[k] if isinstance(factor, (Sequence, np.ndarray)) else factor)


def for_members(factor: Factor, n_members: int) -> NDArray[np.float64]:
    """Return the factor of each member, (n_members,)."""
    return np.broadcast_to(np.asarray(factor, np.float64), (n_members,))


def part_of(factor: Factor, members: Members) -> Factor:
    """Return the factors of some members; a single number is returned unchanged."""
    return factor if isinstance(factor, (int, float)) else np.asarray(factor)[members].tolist()


def product_of(factor: Factor, other: Factor, n_members: int) -> Any:
    """Return the product of two factors: a float where it is the same for all members."""
    if isinstance(factor, (int, float)) and isinstance(other, (int, float)):
        return float(factor) * other
    products = for_members(factor, n_members) * for_members(other, n_members)
    return products[0] if (products == products[0]).all() else products


class Place(NamedTuple):
    """The position of one parameter: its layer, name, group, columns of a row, and shape."""

    layer: int
    name: str
    group: Group
    columns: slice
    shape: tuple[int, ...]
    is_sparse: bool


class RowLayout:
    """The position of each parameter in a row of one block.

    Parameters
    ----------
    layers : sequence of Layer
    shared : bool
        Whether this is the shared block.
    factors : mapping of str to Group
        Groups that replace those of the layers with the same name.

    Attributes
    ----------
    n_params : int
        Length of a row.
    groups : dict of str to slice
        The columns of each group, over all layers.
    dense : slice
        The columns of all parameters without a sparse gradient.
    places : list of Place
        One for each parameter, in the order of columns.
    """

    def __init__(self, layers: Sequence[Any], shared: bool, factors: Mapping[str, Group]) -> None:
        found = []
        for k, layer in enumerate(layers):
            for name in layer.shapes:
                group = layer.groups.get(name, Group(name))
                group = factors.get(group.name, group)
                if (name in layer.shared) == shared:
                    order = 3 if name in layer.sparse else group.order
                    found.append((order, group.name, -k if group.from_last else k, k, name, group))
        first_use = {name: n for n, name in reversed([*enumerate(row[1] for row in found)])}
        found.sort(key=lambda row: (row[0], first_use[row[1]], row[2]))
        self.groups: dict[str, slice] = {}
        self.places: list[Place] = []
        stop = dense = 0
        for _, _, _, k, name, group in found:
            shape, is_sparse = layers[k].shapes[name], name in layers[k].sparse
            start, stop = stop, stop + prod(shape)
            first = self.groups[group.name].start if group.name in self.groups else start
            self.groups[group.name] = slice(first, stop)
            self.places.append(Place(k, name, group, slice(start, stop), shape, is_sparse))
            dense = dense if is_sparse else stop
        self.n_params, self.dense = stop, slice(0, dense)

    @property
    def sparse(self) -> list[Place]:
        """The parameters with a sparse gradient."""
        return [place for place in self.places if place.is_sparse]

    def by_group(self) -> Iterable[tuple[Group, slice]]:
        """Yield each group with its columns."""
        for name, columns in self.groups.items():
            yield next(p.group for p in self.places if p.group.name == name), columns


class Block(NamedTuple):
    """An array of parameters and its gradient, with one row per member or one shared row.

    The layers write the gradient to `member_grad` (n_members, n_params). This is `grad` itself,
    except in a shared block, where `grad` is the sum of `member_grad` over the members.
    """

    layout: RowLayout
    theta: Array
    grad: Array
    member_grad: Array

    @property
    def is_shared(self) -> bool:
        return self.grad is not self.member_grad


class Layout:
    """The position of each parameter in the private block and in the shared block.

    Parameters
    ----------
    layers : sequence of Layer
    factors : mapping of str to Group, optional
        Groups that replace those of the layers with the same name, to set other factors.
    """

    def __init__(self, layers: Sequence[Any], factors: Mapping[str, Group] | None = None) -> None:
        self.n_layers = len(layers)
        blocks = [False, True] if any(layer.shared for layer in layers) else [False]
        #: The row of the private block and, if parameters are shared, that of the shared block.
        self.rows = [RowLayout(layers, shared, factors or {}) for shared in blocks]

    @property
    def groups(self) -> dict[str, slice]:
        """The columns of each group in the private block."""
        return self.rows[0].groups

    @property
    def dense(self) -> slice:
        """The columns of the private block without a sparse gradient."""
        return self.rows[0].dense

    @property
    def n_params(self) -> int:
        """Length of a row of the private block."""
        return self.rows[0].n_params

    def views(self, arrays: Sequence[Array], n_members: int | None = None) -> Views:
        """Return the parameters of each layer, (n_members, *shape), as views of `arrays`.

        Parameters
        ----------
        arrays : sequence of ndarray
            An array for each block: theta, a gradient, or a snapshot of theta.
        n_members : int, optional
            Rows to which a shared block is broadcast; None is the rows of the private block.
        """
        n_members = len(arrays[0]) if n_members is None else n_members
        views: Views = [{} for _ in range(self.n_layers)]
        for row, array in zip(self.rows, arrays, strict=True):
            for place in row.places:
                view = array[:, place.columns].reshape(len(array), *place.shape)
                # reshape may copy without notice; training a copy would not change theta
                assert np.may_share_memory(view, array)
                if len(array) < n_members:
                    view = np.broadcast_to(view, (n_members, *place.shape))
                views[place.layer][place.name] = view
        return views


class Parameters:
    """The parameters of all members: theta in blocks, its gradient, snapshots and subsets.

    Parameters
    ----------
    layout : Layout
    blocks : sequence of Block
        ``Parameters.zeros`` makes them.

    Attributes
    ----------
    n_members : int
    dtype : dtype
    theta, grad : ndarray of shape (n_members, n_params)
        The arrays of the private block.
    """

    def __init__(self, layout: Layout, blocks: Sequence[Block]) -> None:
        self.layout, self.blocks = layout, list(blocks)
        self.theta, self.grad = self.blocks[0].theta, self.blocks[0].grad
        self.n_members, self.dtype = len(self.theta), self.theta.dtype

    @classmethod
    def zeros(cls, layout: Layout, n_members: int, dtype: DTypeLike) -> "Parameters":
        """Return parameters and a gradient that are zero."""
        blocks: list[Block] = []
        for row, n_rows in zip(layout.rows, (n_members, 1), strict=False):
            theta, grad = (np.zeros((n_rows, row.n_params), dtype) for _ in range(2))
            private = n_rows == n_members and not blocks
            member_grad = grad if private else np.zeros((n_members, row.n_params), dtype)
            blocks.append(Block(row, theta, grad, member_grad))
        return cls(layout, blocks)

    @classmethod
    def around(cls, layout: Layout, theta: Array, grad: Array | None = None) -> "Parameters":
        """Return parameters that use the array `theta` (n_members, n_params); none are shared."""
        grad = np.zeros_like(theta) if grad is None else grad
        return cls(layout, [Block(layout.rows[0], theta, grad, grad)])

    @property
    def has_shared(self) -> bool:
        """Whether the members share parameters."""
        return len(self.blocks) > 1

    def views(self) -> Views:
        """Return the parameters of each layer as views of theta."""
        return self.layout.views([block.theta for block in self.blocks], self.n_members)

    def bind(self, layers: Sequence[Any]) -> None:
        """Bind each layer to its views of theta and of the gradient."""
        gradients = self.layout.views([block.member_grad for block in self.blocks])
        for layer, own, gradient in zip(layers, self.views(), gradients, strict=True):
            layer.bind(own, gradient)

    def add_shared(self) -> None:
        """Sum the gradient of shared parameters over the members."""
        for block in self.blocks[1:]:
            np.add.reduce(block.member_grad, axis=0, keepdims=True, out=block.grad)

    def copy(self) -> list[Array]:
        """Return a snapshot: a copy of theta, one array per block."""
        return [block.theta.copy() for block in self.blocks]

    def copy_to(self, snapshot: Sequence[Array]) -> None:
        """Write theta to a snapshot that `copy` has returned."""
        for block, values in zip(self.blocks, snapshot, strict=True):
            np.copyto(values, block.theta)

    def put(self, snapshot: Sequence[Array], members: Members = ALL) -> None:
        """Set the parameters of `members` to a snapshot of them; always sets the shared ones."""
        for block, values in zip(self.blocks, snapshot, strict=True):
            block.theta[ALL if block.is_shared else members] = values

    def of(self, members: Members) -> "Parameters":
        """Return the parameters of some members: views for a slice, copies for indices."""
        blocks: list[Block] = []
        for block in self.blocks:
            if block.is_shared:
                blocks.append(block._replace(member_grad=block.member_grad[members]))
            else:
                theta, grad = block.theta[members], block.grad[members]
                blocks.append(Block(block.layout, theta, grad, grad))
        return Parameters(self.layout, blocks)

    def with_own_gradient(self) -> "Parameters":
        """Return the same parameters with a new gradient array, for another thread."""
        assert not self.has_shared
        return Parameters.around(self.layout, self.theta)

    def is_finite(self) -> bool:
        """Whether all parameters are finite."""
        return all(bool(np.isfinite(block.theta).all()) for block in self.blocks)
