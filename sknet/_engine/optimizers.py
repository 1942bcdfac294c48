"""Optimizers: one in-place step of theta against its gradient.

``OPTIMIZERS[solver](theta, grad, weights, **hyper)`` holds its state in ``arrays`` (same shape as
theta, (n_members, n_params)) and ``t`` (steps taken); ``step(learning_rate)`` changes theta and
the state and uses `grad` up. `weights` is the slice of columns that weight decay acts on.

Everything is element-wise, so theta is taken as one row and stepped through in blocks that stay
in the processor's cache, each by one thread of a team.
"""

from math import ceil, isfinite
from typing import Any, ClassVar

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.team import ALONE, Team

#: Elements of a block at most; its arrays fit the second-level cache.
BLOCK = 1 << 17
#: Elements that are worth a thread of their own.
SHARE = 1 << 19


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
        self, theta: Array, grad: Array, weights: slice, team: Team = ALONE, **hyper: Any
    ) -> None:
        for name in self.parameters:
            setattr(self, name, hyper[name])
        self.theta, self.grad, self._columns, self._hyper = theta, grad, weights, hyper
        self.weights, self._team = theta[:, weights], team
        self.t = 0
        self._use({name: np.zeros_like(theta) for name in self.slots})

    def _use(self, arrays: dict[str, Array]) -> None:
        """Keep the state in `arrays`."""
        self.arrays, theta = arrays, self.theta
        rows = [a.reshape(-1) for a in (theta, self.grad, *arrays.values())]
        n_shares = self._team.n_shares(theta.size, SHARE)
        size = ceil(theta.size / n_shares / ceil(theta.size / n_shares / BLOCK))
        self._shares: list[list[tuple[Array, ...]]] = [[] for _ in range(n_shares)]
        scratch = [np.empty(size, theta.dtype) for _ in self._shares] if self.needs_scratch else []
        for n, start in enumerate(range(0, theta.size, size)):
            block = [row[start : start + size] for row in rows]
            block += [work[: block[0].size] for work in scratch[n % n_shares :][:1]]
            self._shares[n % n_shares].append(tuple(block))

    def of(self, members: slice) -> "Optimizer":
        """Return the optimizer of some members: it steps their rows, and keeps their state here."""
        theta, grad = self.theta[members], self.grad[members]
        part = type(self)(theta, grad, self._columns, self._team, **self._hyper)
        part._use({name: a[members] for name, a in self.arrays.items()})
        part.t = self.t
        return part

    def step(self, learning_rate: float) -> None:
        """Take one step: theta <- theta - learning_rate * (direction of this optimizer)."""
        self.t += 1
        if len(self._shares) == 1:
            self._step_share(learning_rate, 0)
        else:
            self._team(lambda k: self._step_share(learning_rate, k), len(self._shares))

    def _step_share(self, eta: float, k: int) -> None:
        for block in self._shares[k]:
            self.step_block(eta, *block)

    def step_block(self, eta: float, theta: Array, g: Array, *state: Array) -> None:
        """Step the elements of one block."""
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

    def step_block(self, eta: float, theta: Array, g: Array, *state: Array) -> None:
        (v,) = state
        np.multiply(g, eta, out=g)
        if not self.momentum:
            np.subtract(theta, g, out=theta)
            return
        np.multiply(v, self.momentum, out=v)
        np.subtract(v, g, out=v)
        if self.nesterovs_momentum:
            np.subtract(theta, g, out=theta)
            np.multiply(v, self.momentum, out=g)
            np.add(theta, g, out=theta)
        else:
            np.add(theta, v, out=theta)


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

    def step_block(self, eta: float, theta: Array, g: Array, *state: Array) -> None:
        m, v = state
        m_scale = (1.0 - self.beta_1) / (1.0 - self.beta_1**self.t)
        v_scale = ((1.0 - self.beta_2) / (1.0 - self.beta_2**self.t)) ** 0.5
        np.multiply(m, self.beta_1, out=m)
        np.add(m, g, out=m)
        np.square(g, out=g)
        np.multiply(v, self.beta_2, out=v)
        np.add(v, g, out=v)
        np.sqrt(v, out=g)
        np.add(g, self.epsilon / v_scale, out=g)
        np.divide(m, g, out=g)
        np.multiply(g, eta * m_scale / v_scale, out=g)
        np.subtract(theta, g, out=theta)


class AdamW(Adam):
    """Adam with decoupled weight decay: Loshchilov and Hutter 2019, Algorithm 2, as torch.

    W <- (1 - eta `weight_decay`) W, then Adam's step; biases do not decay.
    """

    parameters: ClassVar[tuple[str, ...]] = (*Adam.parameters, "weight_decay")
    weight_decay: float

    def step(self, learning_rate: float) -> None:
        np.multiply(self.weights, 1.0 - learning_rate * self.weight_decay, out=self.weights)
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

    def step_block(self, eta: float, theta: Array, g: Array, *state: Array) -> None:
        v, work = state
        np.square(g, out=work)
        np.multiply(work, 1.0 - self.rho, out=work)
        np.multiply(v, self.rho, out=v)
        np.add(v, work, out=v)
        np.sqrt(v, out=work)
        np.add(work, self.epsilon, out=work)
        np.divide(g, work, out=g)
        np.multiply(g, eta, out=g)
        np.subtract(theta, g, out=theta)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
}
