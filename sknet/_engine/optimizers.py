"""Optimizers: one in-place step of theta against its gradient.

``OPTIMIZERS[solver](theta, grad, weights, **hyper)`` holds its state in ``arrays`` (same shape as
theta, (n_members, n_params)) and ``t`` (steps taken); ``step(learning_rate)`` changes theta and
the state and uses `grad` up. `weights` is the slice of columns that weight decay acts on.

Everything is element-wise, so theta is taken as one row and stepped through in blocks that stay
in the processor's cache, each by one thread of a team.

The embedding that is given as `lazy`, bound to the last columns of theta, is stepped lazily: of
its rows those alone that hold a gradient, gathered into blocks; all others keep theta and state,
while `t` counts for all.
"""

from collections.abc import Sequence
from math import ceil, isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sknet._engine.activations import Array
from sknet._engine.embedding import Embedding
from sknet._engine.team import ALONE, Team

#: Elements of a block at most; its arrays fit the second-level cache.
BLOCK = 1 << 17
#: Elements that are worth a thread of their own.
SHARE = 1 << 19
#: Elements of a block of rows of an embedding.
LAZY_BLOCK = 1 << 14


def _items(rows: Array) -> Any:
    """Return a view of rows (..., dim) as single items: numpy scatters those twice as fast."""
    return rows.view(np.dtype((np.void, rows.shape[-1] * rows.itemsize)))[..., 0]


class Optimizer:
    """What optimizers share: state arrays, the step count, and the walk over blocks."""

    #: Hyper-parameters, by the names of the estimators' constructor.
    parameters: ClassVar[tuple[str, ...]] = ()
    #: Names of the state arrays.
    slots: ClassVar[tuple[str, ...]] = ()
    #: Whether the size of a step does not depend on the scale of the gradient.
    scale_free: ClassVar[bool] = False
    #: Whether `step_block` gets scratch memory of the size of the block, after the state.
    needs_scratch: ClassVar[bool] = False

    def __init__(
        self,
        theta: Array,
        grad: Array,
        weights: slice,
        team: Team = ALONE,
        lazy: Embedding | None = None,
        **hyper: Any,
    ) -> None:
        for name in self.parameters:
            setattr(self, name, hyper[name])
        self.theta, self.grad, self._columns, self._hyper = theta, grad, weights, hyper
        self.weights, self._team, self._lazy = theta[:, weights], team, lazy
        self.t = 0
        # arrays without axes: numpy would make one of a Python float at each call
        self._coefficients = [np.zeros((), theta.dtype) for _ in self.coefficients(0.0, 1)]
        self._use({name: np.zeros_like(theta) for name in self.slots})

    def _use(self, arrays: dict[str, Array]) -> None:
        """Keep the state in `arrays`."""
        self.arrays, n_members = arrays, len(self.theta)
        all_arrays = [self.theta, self.grad, *arrays.values()]
        rows = [[a.reshape(-1) for a in all_arrays]]
        if self._lazy is not None:
            E = slice(self.theta.shape[1] - self._lazy.n_rows * self._lazy.dim, None)
            rows = [[a[k, : E.start] for a in all_arrays] for k in range(n_members)]
            self._use_tables([a[:, E] for a in all_arrays], self._lazy.dim)
        n_elements = sum(theta.size for theta, *_ in rows)
        n_shares = self._team.n_shares(n_elements, SHARE)
        size = ceil(n_elements / n_shares / ceil(n_elements / n_shares / BLOCK))
        self._shares: list[list[tuple[Array, ...]]] = [[] for _ in range(n_shares)]
        work = np.empty((n_shares, size if self.needs_scratch else 0), self.theta.dtype)
        starts = [(row, start) for row in rows for start in range(0, row[0].size, size)]
        for n, (row, start) in enumerate(starts):
            block = [a[start : start + size] for a in row]
            if self.needs_scratch:
                block.append(work[n % n_shares, : block[0].size])
            self._shares[n % n_shares].append(tuple(block))

    def _use_tables(self, tables: list[Array], dim: int) -> None:
        """Step these columns of theta, the gradient and the state, rows of `dim`, lazily."""
        n_members, n_rows = len(self.theta), tables[0].shape[1] // dim
        size = max(1, min(n_rows, LAZY_BLOCK // dim))
        n_arrays = len(tables) + self.needs_scratch
        self._gathered = np.empty((n_arrays, size, dim), self.theta.dtype)
        self._tables = [[_items(a[k].reshape(-1, dim)) for a in tables] for k in range(n_members)]

    def of(self, members: slice) -> "Optimizer":
        """Return the optimizer of some members: it steps their rows, and keeps their state here."""
        theta, grad = self.theta[members], self.grad[members]
        lazy = None if self._lazy is None else self._lazy.of(members)
        part = type(self)(theta, grad, self._columns, self._team, lazy, **self._hyper)
        part._use({name: a[members] for name, a in self.arrays.items()})
        part.t = self.t
        return part

    def step(self, learning_rate: float) -> None:
        """Take one step: theta <- theta - learning_rate * (direction of this optimizer)."""
        self.t += 1
        values = self.coefficients(learning_rate, self.t)
        for coefficient, value in zip(self._coefficients, values, strict=True):
            coefficient.fill(value)
        if len(self._shares) == 1:
            self._step_share(0)
        else:
            self._team(self._step_share, len(self._shares))
        if self._lazy is not None:
            for k, tables in enumerate(self._tables):
                self._step_rows(tables, self._lazy.touched(k))

    def _step_share(self, k: int) -> None:
        for block in self._shares[k]:
            self.step_block(self._coefficients, *block)

    def _step_rows(self, tables: list[Any], touched: NDArray[np.intp]) -> None:
        """Step these rows of an embedding; the gradient stays as it is."""
        size = self._gathered.shape[1]
        for start in range(0, touched.size, size):
            rows = touched[start : start + size]
            gathered = self._gathered[:, : rows.size]
            items = _items(gathered)
            for table, own in zip(tables, items, strict=False):  # scratch is not gathered
                table.take(rows, 0, own, "clip")
            self.step_block(self._coefficients, *gathered.reshape(len(gathered), -1))
            for n, table in enumerate(tables):
                if n != 1:  # the gradient
                    table[rows] = items[n]

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        """Return the numbers that step `t` takes, at learning rate `eta`."""
        raise NotImplementedError

    def step_block(
        self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array
    ) -> None:
        """Step the elements of one block; `coefficients` are arrays without axes."""
        raise NotImplementedError

    def is_finite(self) -> bool:
        """Whether all state is finite; a squared gradient can overflow where theta does not."""
        return all(isfinite(np.add.reduce(a, axis=None)) for a in self.arrays.values())

    def state(self) -> dict[str, Any]:
        """Return what the next step depends on besides theta: `t` and copies of the arrays."""
        return {"t": self.t, "arrays": {name: a.copy() for name, a in self.arrays.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.t = state["t"]
        for name, a in self.arrays.items():
            np.copyto(a, state["arrays"][name])


class SGD(Optimizer):
    """Stochastic gradient descent, plain, with momentum, or with Nesterov's momentum.

    | v <- mu v - eta g
    | theta <- theta + v, or (Nesterov) theta + mu v - eta g

    with mu = `momentum`; mu = 0 is plain gradient descent. The velocity holds the learning rate,
    as in scikit-learn and in Sutskever et al. 2013; torch's ``buf`` is -v / eta at constant eta.
    """

    parameters = ("momentum", "nesterovs_momentum")
    slots = ("v",)
    momentum: float
    nesterovs_momentum: bool

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        return eta, self.momentum

    def step_block(
        self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array
    ) -> None:
        eta, mu = coefficients
        (v,) = state
        np.multiply(g, eta, g)
        if not self.momentum:
            np.subtract(theta, g, theta)
            return
        np.multiply(v, mu, v)
        np.subtract(v, g, v)
        if self.nesterovs_momentum:
            np.subtract(theta, g, theta)
            np.multiply(v, mu, g)
            np.add(theta, g, theta)
        else:
            np.add(theta, v, theta)


class Adam(Optimizer):
    """Adam: Kingma and Ba 2015, Algorithm 1 (epsilon outside the bias-corrected root).

    | m <- beta_1 m + (1 - beta_1) g
    | v <- beta_2 v + (1 - beta_2) g^2
    | theta <- theta - eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    As torch and optax; scikit-learn places epsilon before the correction. The state arrays hold
    m / (1 - beta_1) and v / (1 - beta_2), which saves two passes a step.
    """

    parameters: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")
    slots = ("m", "v")
    scale_free = True
    beta_1: float
    beta_2: float
    epsilon: float

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        m_scale = (1.0 - self.beta_1) / (1.0 - self.beta_1**t)
        v_scale = ((1.0 - self.beta_2) / (1.0 - self.beta_2**t)) ** 0.5
        return self.beta_1, self.beta_2, self.epsilon / v_scale, eta * m_scale / v_scale

    def step_block(
        self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array
    ) -> None:
        beta_1, beta_2, epsilon, eta = coefficients
        m, v = state
        np.multiply(m, beta_1, m)
        np.add(m, g, m)
        np.square(g, g)
        np.multiply(v, beta_2, v)
        np.add(v, g, v)
        np.sqrt(v, g)
        np.add(g, epsilon, g)
        np.divide(m, g, g)
        np.multiply(g, eta, g)
        np.subtract(theta, g, theta)


class AdamW(Adam):
    """Adam with decoupled weight decay: Loshchilov and Hutter 2019, Algorithm 2, as torch.

    W <- (1 - eta `weight_decay`) W, then Adam's step; biases do not decay.
    """

    parameters: ClassVar[tuple[str, ...]] = (*Adam.parameters, "weight_decay")
    weight_decay: float

    def step(self, learning_rate: float) -> None:
        for weights in self.weights:  # of one member each: contiguous
            np.multiply(weights, 1.0 - learning_rate * self.weight_decay, out=weights)
        super().step(learning_rate)


class RMSprop(Optimizer):
    """RMSprop: Tieleman and Hinton 2012, not centred, without momentum, as torch.

    | v <- rho v + (1 - rho) g^2
    | theta <- theta - eta g / (sqrt(v) + epsilon)
    """

    parameters = ("rho", "epsilon")
    slots = ("v",)
    scale_free = True
    needs_scratch = True
    rho: float
    epsilon: float

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        return self.rho, 1.0 - self.rho, self.epsilon, eta

    def step_block(
        self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array
    ) -> None:
        rho, rest, epsilon, eta = coefficients
        v, work = state
        np.square(g, work)
        np.multiply(work, rest, work)
        np.multiply(v, rho, v)
        np.add(v, work, v)
        np.sqrt(v, work)
        np.add(work, epsilon, work)
        np.divide(g, work, g)
        np.multiply(g, eta, g)
        np.subtract(theta, g, theta)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
}
