"""The steps of an epoch: the only functions of this package that Python calls in a fit.

``loss_grad`` gives the gradient of some rows, ``update`` takes the step of some parameters, and
``run_epoch`` is the loop of ``training`` over both.
"""

import numpy as np
from numba.types import none

from sknet._engine.kernels.compiling import by_type, compiled, inlined, nothing, piece
from sknet._engine.kernels.directions import gathered_part, move, part
from sknet._engine.kernels.layers import backward, forward, matrix
from sknet._engine.kernels.losses import value_delta

#: Of the other files that are compiled into these functions. numba keeps compiled code on disk as
#: long as this file stays as it is, so that it has to change with them. To refresh:
#: python tests/test_architecture.py
DIGEST = "3a2d5be890e6"


@piece
def gather(X, rows, out):
    """Write these rows of X to `out`, as many columns as it has."""
    for i in range(rows.size):
        r = rows[i]
        for j in range(out.shape[1]):
            out[i, j] = X[r, j]


@piece
def gather_targets(data, rows, out):
    """Write ``slope Y + shift`` of these rows to `out`; Y may be codes, see ``Data``."""
    Y, cast = data.Y, out.dtype.type
    slope_, shift_ = cast(data.slope), cast(data.shift)
    if data.n_classes:
        for i in range(rows.size):
            for j in range(out.shape[1]):
                out[i, j] = shift_
            out[i, int(Y[rows[i], 0])] += slope_
        return
    for i in range(rows.size):
        r = rows[i]
        for j in range(out.shape[1]):
            out[i, j] = slope_ * Y[r, j] + shift_


@piece
def weigh(w, rows, n, loss, delta):
    """Return the weighted sum of the losses, and multiply delta by weight / n."""
    cast = delta.dtype.type
    value, share = 0.0, cast(1.0 / n)
    for i in range(rows.size):
        w_i = w[rows[i]] if w.size else cast(1)
        value += loss[i] * w_i
        for j in range(delta.shape[1]):
            delta[i, j] *= w_i * share
    return value


@inlined
def gradient(program, loss, data, rows, n, theta, g, memory, masks):
    """Write to g what `rows` contribute to the gradient of the mean loss of a batch of n rows.

    Returns what they contribute to the mean loss. g covers the parameters before the embedding,
    whose gradient is in ``memory.lazy``.

    Parameters
    ----------
    program : Program
    loss : LossTwin
    data : Data
    rows : ndarray of int
    n : int
    theta, g : ndarray
    memory : Memory
        For at least ``rows.size`` rows.
    masks : ndarray
        The masks of these rows, layer after layer; empty without dropout.
    """
    layers, n_rows = program.layers, rows.size
    last = layers[layers.size - 1]
    gather(data.X, rows, matrix(memory.A, 0, n_rows, layers[0].n_in))
    Y = matrix(memory.Y, 0, n_rows, max(data.n_classes, data.Y.shape[1]))
    gather_targets(data, rows, Y)
    forward(program, theta, n_rows, memory, masks)
    Z = matrix(memory.A, n_rows * last.output, n_rows, last.n_out)
    delta = matrix(memory.dA, 0, n_rows, last.n_out)
    value_delta(loss.name, loss.numbers, Y, Z, memory.loss, delta)
    value = weigh(data.w, rows, n, memory.loss, delta)
    backward(program, theta, g, delta, memory, masks)
    return value / n


@piece
def add_shares(grads, start, stop):
    """Add the other rows of `grads` to the first one, from `start` to `stop`; return that part."""
    g = grads[0, start:stop]
    for k in range(1, len(grads)):
        for i in range(start, stop):
            g[i - start] += grads[k, i]
    return g


@piece
def norm_of(g, dE):
    """Return the Euclidean norm of a gradient."""
    norm = np.sqrt(np.dot(g, g) + np.dot(dE, dE))
    if not np.isinf(norm):
        return norm
    largest = max(np.max(np.abs(g)), np.max(np.abs(dE)) if dE.size else 0.0)
    total = 0.0  # the squares overflow, where clipping is needed most
    for a in (g, dE):
        for i in range(a.size):
            total += (a[i] / largest) ** 2
    return largest * np.sqrt(total)


@piece
def penalise(theta, g, penalty, adds):
    """Return ``penalty / 2 ||theta||^2``; where `adds`, add its gradient to g."""
    if penalty == 0.0:
        return 0.0
    if adds:
        alpha = theta.dtype.type(penalty)
        for i in range(theta.size):
            g[i] += alpha * theta[i]
    return 0.5 * penalty * np.dot(theta, theta)


@piece
def clip_to(g, dE, norm):
    """Scale a gradient down to this norm where it is larger."""
    own = norm_of(g, dE)
    if own > norm:
        factor = g.dtype.type(norm / own)
        for i in range(g.size):
            g[i] *= factor
        for i in range(dE.size):
            dE[i] *= factor


#: ``clip(g, dE, norm)``; nothing if the norm is None.
clip = by_type(lambda g, dE, norm: nothing if norm is none else clip_to)


@inlined
def gather_rows(lazy, start, a, out):
    """Copy the rows of the batch from the embedding, which starts at `start` in `a`, to `out`."""
    for k in range(lazy.n_held[0]):
        at = start + lazy.rows[k] * lazy.dim
        for c in range(lazy.dim):
            out[k * lazy.dim + c] = a[at + c]


@inlined
def scatter_rows(lazy, start, own, a):
    """Copy the rows of the batch in `own` back to the embedding, which starts at `start` in `a`."""
    for k in range(lazy.n_held[0]):
        at = start + lazy.rows[k] * lazy.dim
        for c in range(lazy.dim):
            a[at + c] = own[k * lazy.dim + c]


@piece
def held_rows(lazy, g):
    size = lazy.n_held[0] * lazy.dim
    return lazy.segment, lazy.gathered[0, :size], lazy.gathered[1, :size]


@piece
def no_rows(lazy, g):
    return -1, g[:0], g[:0]


#: ``held(lazy, g)``: the run of the embedding, its rows in the batch, and their gradient.
held = by_type(lambda lazy, g: no_rows if lazy is none else held_rows)


@piece
def move_held_rows(lazy, start, direction, numbers, rate, t, penalty, keep, theta, state):
    """Take step t for the rows of an embedding that the batch holds; theta is gathered already."""
    gathered, size = lazy.gathered, lazy.n_held[0] * lazy.dim
    for i in range(len(state)):
        gather_rows(lazy, start, state[i], gathered[2 + i])
    own = gathered_part(state, gathered, size)
    E, dE = gathered[0, :size], gathered[1, :size]
    move(direction, numbers, rate, t, penalty, keep, E, dE, own)
    scatter_rows(lazy, start, E, theta)
    for i in range(len(state)):
        scatter_rows(lazy, start, gathered[2 + i], state[i])


#: ``move_rows(lazy, start, ...)``; nothing without an embedding.
move_rows = by_type(lambda lazy, *_: nothing if lazy is none else move_held_rows)


@inlined
def step(start, stop, segments, rule, eta, t, theta, grads, state, lazy):
    """Take step t for the parameters from `start` to `stop`, and for an embedding.

    Returns their penalty. Clipping needs all parameters at once, and so does an embedding.

    Parameters
    ----------
    start, stop : int
    segments : Segments
    rule : Rule
    eta : float
        Learning rate.
    t : int
        Steps taken, with this one.
    theta : ndarray
    grads : ndarray
        A gradient in each row, used up: the sum of the rows is that of the batch.
    state : tuple of ndarray
        As many arrays as the direction has.
    lazy : Lazy or None
        ``memory.lazy`` of `loss_grad`.
    """
    g, clips, value = add_shares(grads, start, stop), rule.clip_norm is not None, 0.0
    embedding, E, dE = held(lazy, g)
    for k in range(segments.start.size):
        a, b, penalty = segments.start[k], segments.stop[k], segments.penalty[k]
        if k == embedding:
            value += penalise(E, dE, penalty, clips)
            continue
        a, b = max(start, a), min(stop, b)
        if a < b:
            value += penalise(theta[a:b], g[a - start : b - start], penalty, clips)
    clip(g, dE, rule.clip_norm)
    for k in range(segments.start.size):
        a, b, rate = segments.start[k], segments.stop[k], eta * segments.rate[k]
        penalty = 0.0 if clips else segments.penalty[k]  # then g holds it already
        keep = 1.0 - rate * segments.decay[k]
        direction, numbers = rule.direction, rule.numbers
        if k == embedding:
            move_rows(lazy, a, direction, numbers, rate, t, penalty, keep, theta, state)
            continue
        a, b = max(start, a), min(stop, b)
        if a < b:
            own, own_state = g[a - start : b - start], part(state, a, b)
            move(direction, numbers, rate, t, penalty, keep, theta[a:b], own, own_state)
    return value


loss_grad = compiled(gradient.py_func)
update = compiled(step.py_func)


@compiled
def run_epoch(
    program, loss, data, order, batch_size, segments, rule, rates, t, theta, grads, state, memory,
    masks,
):  # fmt: skip
    """Take a step for each batch of the rows `order`; return the sum of losses and the steps.

    The losses are those of the objective, weighted by batch sizes. Training stops at the first one
    that is not finite.

    Parameters
    ----------
    order : ndarray of int
    batch_size : int
    rates : ndarray of float64
        Begins with the learning rates of these steps.
    t : int
        Steps taken before.
    grads : ndarray (1, n)
        Scratch memory for the gradient of the parameters before the embedding.
    masks : ndarray
        The masks of each batch, one after another.
    program, loss, data, segments, rule, theta, state, memory
        As for `loss_grad` and `update`.
    """
    total, n_steps = 0.0, 0
    for start in range(0, order.size, batch_size):
        rows = order[start : start + batch_size]
        n, per_row = rows.size, program.n_masked
        own = masks[start * per_row : (start + n) * per_row]
        value = gradient(program, loss, data, rows, n, theta, grads[0], memory, own)
        total += value * n
        if not np.isfinite(value):
            break
        eta = rates[n_steps]
        n_steps += 1
        total += n * step(
            0, grads.shape[1], segments, rule, eta, t + n_steps, theta, grads, state, memory.lazy
        )
    return total, n_steps


#: The folder where compiled functions are kept; None if there is none.
CACHE_PATH = run_epoch.stats.cache_path
