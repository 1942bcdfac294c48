"""Optimizers: a step is composed of clipping, weight decay and a direction.

The parts of a step, in this order, for each member:

1. clipping (`clip_gradient`): the gradient is scaled down if its norm is too large;
2. decay: W <- (1 - eta lambda) W, decoupled from the gradient;
3. the direction (``directions.py``), at the learning rate eta times the factor of the group;
4. averaging, if it is on: average <- d average + (1 - d) theta, with d = min(decay, (1+t)/(10+t)),
   so that the first steps are soon forgotten.

``OPTIMIZERS[solver]`` is a `Solver`: its direction, a second direction for the parameters that the
first one does not take, and whether weights decay. ``walk.py`` passes the elements of theta to the
directions.
"""

from collections.abc import Sequence
from math import isinf, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sknet._engine.activations import Array
from sknet._engine.directions import SGD, Adam, Direction, RMSprop
from sknet._engine.layers import Layer
from sknet._engine.parameters import ALL, Members, Parameters, for_members, of_member
from sknet._engine.team import SINGLE_THREAD, Team
from sknet._engine.walk import RATES, SAME, STEPS, Walk

#: A learning rate or a step count: a number for all members, or an array (n_members,).
PerMember = Any


class Solver(NamedTuple):
    """A row of ``OPTIMIZERS``.

    Attributes
    ----------
    direction : type of Direction
    others : type of Direction or None
        Updates the parameters that `direction` does not take.
    decays : bool
        Whether the hyper-parameter `weight_decay` applies, to groups with a decay factor.
    """

    direction: type[Direction]
    others: type[Direction] | None = None
    decays: bool = False

    @property
    def kinds(self) -> list[type[Direction]]:
        """The directions; `others` is the last one."""
        return [self.direction, *([] if self.others is None else [self.others])]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Hyper-parameters, by their names in the constructor of the estimators."""
        names = [name for kind in self.kinds for name in kind.parameters]
        return tuple(dict.fromkeys(names + ["weight_decay"] * self.decays))

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state arrays."""
        return tuple(dict.fromkeys(name for kind in self.kinds for name in kind.slots))

    @property
    def scale_free(self) -> bool:
        """Whether the size of a step does not depend on the scale of the gradient."""
        return all(kind.scale_free for kind in self.kinds)


OPTIMIZERS: dict[str, Solver] = {
    "sgd": Solver(SGD),
    "adam": Solver(Adam),
    #: Decoupled decay: Loshchilov and Hutter 2019, Algorithm 2, as in torch. Biases do not decay.
    "adamw": Solver(Adam, decays=True),
    "rmsprop": Solver(RMSprop),
}


def clip_gradient(grad: Array, norm: float) -> None:
    """Scale each row of the gradient down to the Euclidean norm `norm`, if its own is larger.

    Source: Pascanu, Mikolov and Bengio 2013.
    """
    for g in grad:
        own = sqrt(np.vecdot(g, g))
        if isinf(own):  # the squares overflow: rescale first
            largest = float(np.abs(g).max())
            own = largest * float(np.linalg.norm(g / largest))
        if own > norm:
            np.multiply(g, norm / own, out=g)


class Optimizer:
    """Updates the parameters of all members. Learning rates and decays may differ by member.

    Parameters
    ----------
    parameters : Parameters
    layers : sequence of Layer
        Bound to `parameters`; they report which rows of a sparse gradient are not zero.
    solver : Solver
        A row of ``OPTIMIZERS``.
    hyper : mapping
        Hyper-parameters by name. `weight_decay` may be a sequence with one number for each member.
    clip_norm : float or None
        Maximum norm of the gradient of a member. The gradient of shared parameters is clipped
        separately.
    team : Team
        Threads that share the elements of theta.
    averaging : float, optional
        The decay of the moving average of theta; None does not average.

    Attributes
    ----------
    t : int or ndarray of int of shape (n_members,)
        Steps taken; an array if the members' counts differ.
    arrays : dict of str to list of ndarray
        The state: for each slot, and for "average", one array per block of parameters.
    """

    def __init__(
        self,
        parameters: Parameters,
        layers: Sequence[Layer],
        solver: Solver,
        hyper: dict[str, Any],
        clip_norm: float | None = None,
        team: Team = SINGLE_THREAD,
        arrays: dict[str, list[Array]] | None = None,
        averaging: float | None = None,
    ) -> None:
        self.averaging = averaging
        self.parameters, self.layers, self.solver = parameters, layers, solver
        self.hyper, self.clip_norm, self.team = hyper, clip_norm, team
        self.directions = [kind(**hyper) for kind in solver.kinds]
        self.t: PerMember = 0
        self.arrays = arrays or {
            name: [np.zeros_like(block.theta) for block in parameters.blocks]
            for name in solver.slots
        }
        if averaging is not None and arrays is None:
            self.arrays["average"] = parameters.copy()
        self._scratch: list[Array] = []
        self._walk: Walk | None = None
        self._decaying: list[tuple[int, float, Array]] = []
        if solver.decays:
            self._decaying = self._decays(for_members(hyper["weight_decay"], self.n_members))

    def _decays(self, decay: Array) -> list[tuple[int, float, Array]]:
        """Return each decaying slice of theta: the member, decay / learning rate, and a view."""
        found = []
        if self.parameters.has_shared and np.ptp(decay):
            raise ValueError("Shared parameters need the same weight_decay for all members.")
        for block in self.parameters.blocks:
            for group, columns in block.layout.by_group():
                for k, row in enumerate(block.theta[:, columns]):
                    rate = of_member(group.rate, k) * of_member(group.decay, k) * float(decay[k])
                    if rate:
                        found.append((k, rate, row))
        return found

    def of(
        self,
        members: Members,
        parameters: Parameters,
        layers: Sequence[Layer],
        team: Team | None = None,
    ) -> "Optimizer":
        """Return the optimizer of some members, given their parameters, layers and threads.

        Its state is a view of this one for a slice, a copy for an array of indices.
        """
        numbers = np.arange(self.parameters.n_members)[members]
        hyper = dict(self.hyper)
        if self.solver.decays:
            hyper["weight_decay"] = for_members(hyper["weight_decay"], self.n_members)[numbers]
        arrays = {
            name: [
                a if block.is_shared else a[members]
                for a, block in zip(own, self.parameters.blocks, strict=True)
            ]
            for name, own in self.arrays.items()
        }
        part = Optimizer(
            parameters, layers, self.solver, hyper, self.clip_norm, team or self.team, arrays,
            self.averaging,
        )  # fmt: skip
        part.t = self.t if isinstance(self.t, int) else scalar_if_equal(self.t[numbers])
        return part

    def put(self, members: Members, part: "Optimizer") -> None:
        """Copy the state of `part`, the optimizer of some members, to this one."""
        for name, own in self.arrays.items():
            for a, values, block in zip(
                own, part.arrays[name], self.parameters.blocks, strict=True
            ):
                a[ALL if block.is_shared else members] = values

    @property
    def n_members(self) -> int:
        return self.parameters.n_members

    def step(self, learning_rate: PerMember) -> None:
        """Take one step; the learning rate is a float, or an array (n_members,)."""
        self.t = self.t + 1
        if self.clip_norm is not None:
            for block in self.parameters.blocks:
                clip_gradient(block.grad, self.clip_norm)
        for k, rate, row in self._decaying:
            eta = learning_rate if isinstance(learning_rate, float) else float(learning_rate[k])
            np.multiply(row, 1.0 - eta * rate, out=row)
        differing = RATES if isinstance(learning_rate, np.ndarray) else SAME
        differing = differing if isinstance(self.t, int) else STEPS
        if self._walk is None or self._walk.differing != differing:
            if differing and self.parameters.has_shared:
                raise ValueError("Shared parameters need the same learning rate for all members.")
            self._walk = Walk(
                self.parameters, self.layers, self.directions, self.arrays, differing, self.team
            )
        self._walk.step(learning_rate, self.t)
        if self.averaging is not None:
            self._average(self.averaging)

    def _average(self, decay: float) -> None:
        """Move the average towards theta."""
        t = np.asarray(self.t, np.float64)
        share = 1.0 - np.minimum(decay, (1.0 + t) / (10.0 + t))
        own = share.astype(self.parameters.dtype)[..., None] if share.ndim else float(share)
        blocks, averages = self.parameters.blocks, self.arrays["average"]
        self._scratch = self._scratch or [np.empty_like(a) for a in averages]
        for block, average, work in zip(blocks, averages, self._scratch, strict=True):
            np.subtract(block.theta, average, out=work)
            np.multiply(work, own, out=work)
            np.add(average, work, out=average)

    def averaged(self) -> Parameters:
        """Return the parameters to validate and to keep: the average, or theta without one."""
        if self.averaging is None:
            return self.parameters
        pairs = zip(self.parameters.blocks, self.arrays["average"], strict=True)
        blocks = [block._replace(theta=average) for block, average in pairs]
        return Parameters(self.parameters.layout, blocks)

    def is_finite(self) -> bool:
        """Whether all state is finite. A squared gradient can overflow although theta is finite."""
        return bool(self.finite_members().all())

    def finite_members(self) -> NDArray[np.bool_]:
        """Return whether all state of each member is finite; shared state counts for all."""
        sums = [np.add.reduce(a, axis=1) for own in self.arrays.values() for a in own]
        finite = np.ones(self.n_members, bool)
        for total in sums:
            finite &= np.isfinite(total)
        return finite

    def state(self) -> dict[str, Any]:
        """Return the state, `t` and copies of the arrays, as builtins and arrays."""
        arrays = {name: [a.copy() for a in own] for name, own in self.arrays.items()}
        return {"t": self.t if isinstance(self.t, int) else self.t.tolist(), "arrays": arrays}

    def restore(self, state: dict[str, Any]) -> None:
        """Set the state to what `state` has returned."""
        t = state["t"]
        self.t = t if isinstance(t, int) else scalar_if_equal(np.array(t))
        for name, own in self.arrays.items():
            for a, values in zip(own, state["arrays"][name], strict=True):
                np.copyto(a, values)


def scalar_if_equal(values: Any) -> PerMember:
    """Return `values` (n_members,), or a single number if all are equal."""
    first = values[0].item()
    return first if (values == first).all() else values
