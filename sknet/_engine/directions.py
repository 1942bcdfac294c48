"""Directions: the update formulas of the optimizers, given the gradient and a state.

``DIRECTIONS[name](**hyper)`` has

``slots``
    Names of its state arrays. Each has the shape of theta and starts at zero.
``coefficients(eta, t)``
    The coefficients of step `t` (counted from 1) at learning rate `eta`.
``step(coefficients, theta, g, *state)``
    Updates `theta` and the state in place; overwrites the gradient `g`. All arrays have one shape.
    `coefficients` are 0-d arrays in the order above, because numpy converts a Python float to an
    array at each call.

The optimizer (``optimizers.py``) does the rest of a step: clipping, weight decay, learning-rate
factors and the walk over theta.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.parameters import Place


class Direction:
    """Base class of the directions."""

    #: Hyper-parameters, by their names in the constructor of the estimators.
    parameters: ClassVar[tuple[str, ...]] = ()
    #: Names of the state arrays.
    slots: ClassVar[tuple[str, ...]] = ()
    #: Whether the size of a step does not depend on the scale of the gradient.
    scale_free: ClassVar[bool] = False
    #: Whether `step` gets a scratch array after the state, of the same shape.
    needs_scratch: ClassVar[bool] = False
    #: Whether `step` needs each parameter whole, in its shape; else it gets 1-d slices of theta.
    by_matrix: ClassVar[bool] = False
    #: Name of the compiled twin. It is not inherited: a subclass must set its own.
    twin: ClassVar[str | None] = None

    def __init__(self, **hyper: Any) -> None:
        for name in self.parameters:
            setattr(self, name, hyper[name])

    def takes(self, place: Place, n_layers: int) -> bool:
        """Whether this direction updates the parameter; if not, another direction must."""
        return True

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        """Return the coefficients of step `t` at learning rate `eta`."""
        raise NotImplementedError

    def step(self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array) -> None:
        """Update `theta` and `state` in place; `g` is overwritten."""
        raise NotImplementedError


class SGD(Direction):
    """Stochastic gradient descent, plain, with momentum, or with Nesterov's momentum.

    | v <- mu v - eta g
    | theta <- theta + v, or (Nesterov) theta + mu v - eta g

    with mu = `momentum`; mu = 0 is plain gradient descent. The velocity holds the learning rate,
    as in scikit-learn and in Sutskever et al. 2013. At constant eta, torch's ``buf`` is -v / eta.
    """

    parameters = ("momentum", "nesterovs_momentum")
    slots = ("v",)
    twin = "sgd"
    momentum: float
    nesterovs_momentum: bool

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        return eta, self.momentum

    def step(self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array) -> None:
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


class Adam(Direction):
    """Adam: Kingma and Ba 2015, Algorithm 1 (epsilon outside the bias-corrected root).

    | m <- beta_1 m + (1 - beta_1) g
    | v <- beta_2 v + (1 - beta_2) g^2
    | theta <- theta - eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    torch and optax use the same variant; scikit-learn adds epsilon before the correction. The state
    arrays hold m / (1 - beta_1) and v / (1 - beta_2), which saves two passes per step.
    """

    parameters = ("beta_1", "beta_2", "epsilon")
    slots = ("m", "v")
    scale_free = True
    twin = "adam"
    beta_1: float
    beta_2: float
    epsilon: float

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        m_scale = (1.0 - self.beta_1) / (1.0 - self.beta_1**t)
        v_scale = ((1.0 - self.beta_2) / (1.0 - self.beta_2**t)) ** 0.5
        return self.beta_1, self.beta_2, self.epsilon / v_scale, eta * m_scale / v_scale

    def step(self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array) -> None:
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


class RMSprop(Direction):
    """RMSprop: Tieleman and Hinton 2012, not centred and without momentum, as in torch.

    | v <- rho v + (1 - rho) g^2
    | theta <- theta - eta g / (sqrt(v) + epsilon)
    """

    parameters = ("rho", "epsilon")
    slots = ("v",)
    scale_free = True
    needs_scratch = True
    twin = "rmsprop"
    rho: float
    epsilon: float

    def coefficients(self, eta: float, t: int) -> tuple[float, ...]:
        return self.rho, 1.0 - self.rho, self.epsilon, eta

    def step(self, coefficients: Sequence[Array], theta: Array, g: Array, *state: Array) -> None:
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
