"""Directions: one step of some parameters, in one pass over them.

``move(direction, numbers, eta, t, penalty, keep, theta, g, state)`` takes step `t` at learning rate
`eta`. The gradient is ``g + penalty theta``; then theta is multiplied by `keep`, which is weight
decay, and moved. The formulas are those of ``optimizers``.
"""

import numpy as np

from sknet._engine.kernels.compiling import one_of, piece


@piece
def adam(direction, numbers, eta, t, penalty, keep, theta, g, state):
    m, v = state
    beta_1, beta_2, epsilon = numbers[0], numbers[1], numbers[2]
    m_scale = (1.0 - beta_1) / (1.0 - beta_1**t)
    v_scale = ((1.0 - beta_2) / (1.0 - beta_2**t)) ** 0.5
    cast = theta.dtype.type
    b1, b2, alpha, keep_ = cast(beta_1), cast(beta_2), cast(penalty), cast(keep)
    eps, rate = cast(epsilon / v_scale), cast(eta * m_scale / v_scale)
    for i in range(theta.size):
        g_i = g[i] + alpha * theta[i]
        m[i] = b1 * m[i] + g_i
        v[i] = b2 * v[i] + g_i * g_i
        theta[i] = keep_ * theta[i] - rate * (m[i] / (np.sqrt(v[i]) + eps))


@piece
def sgd(direction, numbers, eta, t, penalty, keep, theta, g, state):
    v = state[0]
    cast = theta.dtype.type
    mu, rate, alpha, keep_ = cast(numbers[0]), cast(eta), cast(penalty), cast(keep)
    if numbers[0] == 0.0:
        for i in range(theta.size):
            theta[i] = keep_ * theta[i] - rate * (g[i] + alpha * theta[i])
    elif numbers[1]:
        for i in range(theta.size):
            s = rate * (g[i] + alpha * theta[i])
            v[i] = mu * v[i] - s
            theta[i] = keep_ * theta[i] + (mu * v[i] - s)
    else:
        for i in range(theta.size):
            v[i] = mu * v[i] - rate * (g[i] + alpha * theta[i])
            theta[i] = keep_ * theta[i] + v[i]


@piece
def rmsprop(direction, numbers, eta, t, penalty, keep, theta, g, state):
    v = state[0]
    cast = theta.dtype.type
    rho, rest, eps = cast(numbers[0]), cast(1.0 - numbers[0]), cast(numbers[1])
    rate, alpha, keep_ = cast(eta), cast(penalty), cast(keep)
    for i in range(theta.size):
        g_i = g[i] + alpha * theta[i]
        v[i] = rho * v[i] + rest * (g_i * g_i)
        theta[i] = keep_ * theta[i] - rate * (g_i / (np.sqrt(v[i]) + eps))


DIRECTIONS = {"adam": adam, "sgd": sgd, "rmsprop": rmsprop}


#: ``move(direction, numbers, eta, ...)``: a step in this direction.
move = one_of(DIRECTIONS)


@piece
def part(state, start, stop):
    """Return the state of the parameters from `start` to `stop`."""
    if len(state) == 2:
        return state[0][start:stop], state[1][start:stop]
    return (state[0][start:stop],)


@piece
def gathered_part(state, gathered, size):
    """Return the state of `size` gathered parameters, a tuple as long as `state`."""
    if len(state) == 2:
        return gathered[2, :size], gathered[3, :size]
    return (gathered[2, :size],)
