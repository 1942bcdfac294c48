"""The walk over theta: cuts it into the arrays that a direction updates at once.

Most directions are element-wise. If all elements have the same learning rate, theta is one long
row. If rates differ by member, small members are updated at once, with a rate for each; otherwise
each run of parameters with equal rate is a row. Rows are cut into pieces that fit the cache, and
the threads of a team share the pieces. A direction with `by_matrix` gets each parameter of each
member whole.

A parameter with a sparse gradient is updated lazily: only the rows with a gradient are gathered and
updated. The other rows keep theta and state, although the step count t is the same for all rows.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sknet._engine.activations import Array
from sknet._engine.directions import Direction
from sknet._engine.layers import Layer
from sknet._engine.parameters import Block, Parameters, Place, of_member
from sknet._engine.team import Team

#: Maximum elements of a piece, so that its arrays fit the second-level cache.
STEP_ELEMENTS = 1 << 17
#: Minimum elements per thread. Measured: threads gain from 2^20 parameters on; below, they lose to
#: the interpreter's lock.
MIN_STEP_ELEMENTS_PER_THREAD = 1 << 19
#: Maximum elements of the gathered rows of a sparse parameter that are updated at once.
LAZY_STEP_ELEMENTS = 1 << 14

#: Maximum parameters of a member for which one call of numpy updates all members. Measured for adam
#: with 26 members of 1217 parameters: 2.3 us a member instead of 5.3; from 4810 on, no gain.
TOGETHER_ELEMENTS = 1 << 12

#: What differs by member: nothing, the learning rates, or the step counts too.
SAME, RATES, STEPS = range(3)
#: Index of the direction, member, and factor of the learning rate. Each key has its own
#: coefficients. `EACH` in place of the member means all of them, with a rate each.
Key = tuple[int, int, float]
EACH = -1


def as_items(rows: Array) -> Any:
    """Return a view of rows (..., dim) as single items, which numpy scatters twice as fast."""
    return rows.view(np.dtype((np.void, rows.shape[-1] * rows.itemsize)))[..., 0]


class Walk:
    """Passes theta, its gradient and the state to the directions, in pieces.

    Parameters
    ----------
    parameters : Parameters
    layers : sequence of Layer
    directions : sequence of Direction
        The first one that takes a parameter updates it.
    arrays : dict of str to list of ndarray
        The state: for each slot, one array per block of parameters.
    differing : {SAME, RATES, STEPS}
        What differs by member.
    team : Team
    """

    def __init__(
        self,
        parameters: Parameters,
        layers: Sequence[Layer],
        directions: Sequence[Direction],
        arrays: dict[str, list[Array]],
        differing: int,
        team: Team,
    ) -> None:
        self.differing, self._directions, self._team = differing, directions, team
        self._layers, self._dtype = layers, parameters.dtype
        self._coefficients: dict[Key, list[Array]] = {}
        rows: list[tuple[Key, list[Array]]] = []
        wholes: list[tuple[Key, list[Array]]] = []
        self._lazy: list[_LazyTable] = []
        for n, block in enumerate(parameters.blocks):
            state = {name: own[n] for name, own in arrays.items()}
            for number, k, places in self._runs(block):
                direction, factor = directions[number], of_member(places[0].group.rate, k)
                key = number, k if differing and not block.is_shared else 0, factor
                self._add(key)
                own = [block.theta, block.grad, *(state[name] for name in direction.slots)]
                columns = slice(places[0].columns.start, places[-1].columns.stop)
                if places[0].is_sparse:
                    shape = places[0].shape
                    tables = [a[k, columns].reshape(shape) for a in own]
                    self._lazy.append(_LazyTable(key, places[0], k, tables, direction))
                elif direction.by_matrix:
                    shape = places[0].shape
                    wholes.append((key, [a[k, columns].reshape(shape) for a in own]))
                else:
                    rows.append((key, [a[k, columns] for a in own]))
        if differing == RATES and not (self._lazy or wholes or parameters.has_shared):
            rows = self._of_all_members(parameters.blocks[0], arrays) or rows
        whole_rows = self._one_row(parameters, arrays, rows, wholes)
        self._shares = self._cut(whole_rows or rows)
        for n, (key, whole) in enumerate(wholes):
            self._shares[n % len(self._shares)].append((key, self._with_scratch(key, whole)))

    def _runs(self, block: Block) -> Iterator[tuple[int, int, list[Place]]]:
        """Yield the direction, the member and the places of each run with equal learning rate."""
        n_layers = len(self._layers)
        for k in range(len(block.theta)):
            run: list[Place] = []
            last: Any = None
            for place in block.layout.places:
                number = next(n for n, d in enumerate(self._directions) if d.takes(place, n_layers))
                separate = place.is_sparse or self._directions[number].by_matrix
                this = number, of_member(place.group.rate, k), separate and place
                if run and this != last:
                    yield last[0], k, run
                    run = []
                run.append(place)
                last = this
            if run:
                yield last[0], k, run

    def _add(self, key: Key, eta: Any = 0.0) -> None:
        """Make the arrays that hold the coefficients of `key`; `eta` has the shape of the rates."""
        if key not in self._coefficients:
            values = self._directions[key[0]].coefficients(eta, 1)
            self._coefficients[key] = [np.zeros(np.shape(v), self._dtype) for v in values]

    def _of_all_members(
        self, block: Block, arrays: dict[str, list[Array]]
    ) -> list[tuple[Key, list[Array]]]:
        """Return the runs as arrays (n_members, n_elements), for one call of numpy for all members.

        Returns an empty list if members are large, or if their runs differ.
        """
        n_members, n_params = block.theta.shape
        if n_params > TOGETHER_ELEMENTS or block.theta.size > STEP_ELEMENTS:
            return []
        own: list[list[tuple[int, float, slice]]] = [[] for _ in range(n_members)]
        for number, k, places in self._runs(block):
            columns = slice(places[0].columns.start, places[-1].columns.stop)
            own[k].append((number, of_member(places[0].group.rate, k), columns))
        if any(runs != own[0] for runs in own):
            return []
        self._coefficients.clear()
        found = []
        for number, factor, columns in own[0]:
            key = number, EACH, factor
            self._add(key, np.zeros((n_members, 1)))
            slots = (arrays[name][0] for name in self._directions[number].slots)
            found.append((key, [a[:, columns] for a in (block.theta, block.grad, *slots)]))
        return found

    def _one_row(
        self,
        parameters: Parameters,
        arrays: dict[str, list[Array]],
        rows: list[tuple[Key, list[Array]]],
        wholes: list[Any],
    ) -> list[tuple[Key, list[Array]]]:
        """Return all rows as one row if all are dense and have one rate; else an empty list."""
        if parameters.has_shared or wholes or self._lazy or len(rows) != parameters.n_members:
            return []
        key = rows[0][0]
        if len(self._coefficients) > 1 or key[1] == EACH:
            return []
        slots = self._directions[key[0]].slots
        own = [parameters.theta, parameters.grad, *(arrays[name][0] for name in slots)]
        return [(key, [a.reshape(-1) for a in own])]

    def _cut(self, rows: list[tuple[Key, list[Array]]]) -> list[list[tuple[Key, list[Array]]]]:
        """Cut rows into pieces, and distribute them among the threads."""
        n_elements = sum(arrays[0].size for _, arrays in rows)
        n_shares = self._team.n_shares(n_elements, MIN_STEP_ELEMENTS_PER_THREAD)
        shares: list[list[tuple[Key, list[Array]]]] = [[] for _ in range(n_shares)]
        if not rows:
            return shares
        size = ceil(n_elements / n_shares / ceil(n_elements / n_shares / STEP_ELEMENTS))
        scratch = np.empty((n_shares, size), self._dtype)
        pieces = [
            (key, [a[..., start : start + size] for a in arrays])
            for key, arrays in rows
            for start in range(0, arrays[0].shape[-1], size)
        ]
        for n, (key, arrays) in enumerate(pieces):
            if self._directions[key[0]].needs_scratch:
                first = arrays[0]
                arrays.append(scratch[n % n_shares, : first.size].reshape(first.shape))
            shares[n % n_shares].append((key, arrays))
        return shares

    def _with_scratch(self, key: Key, arrays: list[Array]) -> list[Array]:
        """Return the arrays of a whole parameter, and scratch memory if the direction needs it."""
        needs = self._directions[key[0]].needs_scratch
        return [*arrays, *([np.empty_like(arrays[0])] if needs else [])]

    def step(self, eta: Any, t: Any) -> None:
        """Take step `t` at learning rate `eta`; each is a number, or an array (n_members,)."""
        for key, coefficients in self._coefficients.items():
            values = self._values(key, eta, t)
            for coefficient, value in zip(coefficients, values, strict=True):
                coefficient[...] = value
        if len(self._shares) == 1:
            self._step_share(0)
        else:
            self._team(self._step_share, len(self._shares))
        for table in self._lazy:
            touched = self._layers[table.place.layer].touched(table.place.name, table.member)
            table.step(self._coefficients[table.key], touched)

    def _values(self, key: Key, eta: Any, t: Any) -> Any:
        """Return the coefficients of a key: numbers, or arrays (n_members, 1)."""
        number, k, factor = key
        coefficients = self._directions[number].coefficients
        if k == EACH:
            return coefficients(eta[:, None] * factor, t)
        if self.differing:
            eta = float(eta[k]) if isinstance(eta, np.ndarray) else eta
            t = int(t[k]) if isinstance(t, np.ndarray) else t
        return coefficients(eta * factor, t)

    def _step_share(self, share: int) -> None:
        for key, arrays in self._shares[share]:
            self._directions[key[0]].step(self._coefficients[key], *arrays)


class _LazyTable:
    """A sparse parameter of one member: its rows of theta, the gradient and the state."""

    def __init__(
        self, key: Key, place: Place, member: int, tables: list[Array], direction: Direction
    ) -> None:
        self.key, self.place, self.member, self._direction = key, place, member, direction
        n_rows, dim = tables[0].shape
        size = max(1, min(n_rows, LAZY_STEP_ELEMENTS // dim))
        n_arrays = len(tables) + direction.needs_scratch
        self._gathered = np.empty((n_arrays, size, dim), tables[0].dtype)
        self._tables = [as_items(a) for a in tables]

    def step(self, coefficients: Sequence[Array], touched: NDArray[np.intp]) -> None:
        """Update the rows `touched`; the gradient is not changed."""
        size = self._gathered.shape[1]
        for start in range(0, touched.size, size):
            rows = touched[start : start + size]
            gathered = self._gathered[:, : rows.size]
            items = as_items(gathered)
            for table, own in zip(self._tables, items, strict=False):  # the last may be scratch
                table.take(rows, 0, own, "clip")
            self._direction.step(coefficients, *gathered.reshape(len(gathered), -1))
            for n, table in enumerate(self._tables):
                if n != 1:  # the gradient
                    table[rows] = items[n]
