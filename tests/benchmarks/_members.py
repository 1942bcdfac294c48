"""The cost of the members axis: a training loop in plain numpy, with and without it."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from _measure import Effort, Table, in_turns, median_ratio, medians, seconds_of
from _networks import MEMBERS_NETWORK, fit_seconds, make_data


class PlainLoop:
    """Binary classification with relu layers and Adam, written out: sknet's loop in plain numpy.

    The same operations in the same order, in float32, in place on buffers made once. ``theta``
    holds all weights, then all biases; ``W[k]`` and ``b[k]`` are views of it. Every array has the
    axes `members` before its own: none with ``members=()``, one of length 1 with ``members=(1,)``.
    """

    def __init__(self, units: Sequence[int], batch: int, members: tuple[int, ...]):
        self.batch, self.alpha, self.t, self.members = batch, 5e-7, 0, members
        self.shapes = list(pairwise(units))
        self.n_weights = sum(n_in * n_out for n_in, n_out in self.shapes)
        n_params = self.n_weights + sum(units[1:])

        def empty(*shape: int) -> np.ndarray:
            return np.empty((*members, *shape), np.float32)

        self.theta, self.grad, self.m, self.v = (empty(n_params) for _ in range(4))
        for array in (self.theta, self.m, self.v):
            array.fill(0.0)
        self.penalty = empty(self.n_weights)
        self.W, self.b = self.views(self.theta)
        self.dW, self.db = self.views(self.grad)
        rng = np.random.default_rng(0)
        for W, (n_in, n_out) in zip(self.W, self.shapes, strict=True):
            bound = (6.0 / (n_in + n_out)) ** 0.5
            W[...] = rng.uniform(-bound, bound, W.shape)
        self.A = [empty(batch, n) for n in units]  # A[k] is the input of layer k
        self.dA = [empty(batch, n) for n in units]
        self.Y, self.work, self.loss = empty(batch, 1), empty(batch, 1), empty(batch)
        self.ones = np.ones((1, batch), np.float32)

    def views(self, flat: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        shapes = self.shapes + [(1, n_out) for _, n_out in self.shapes]
        ends = np.cumsum([n_in * n_out for n_in, n_out in shapes])
        views = [
            part.reshape(*self.members, *shape)
            for part, shape in zip(np.split(flat, ends[:-1], axis=-1), shapes, strict=True)
        ]
        return views[: len(self.shapes)], views[len(self.shapes) :]

    def fit(self, X: np.ndarray, Y: np.ndarray, epochs: int) -> list[float]:
        """The mean loss of each epoch, each batch before its step."""
        rng = np.random.default_rng(0)
        order = np.empty((*self.members, len(X)), np.intp)
        losses = []
        with np.errstate(all="ignore"):
            for _ in range(epochs):
                order[...] = rng.permutation(len(X))
                losses.append(self.epoch(X, Y, order))
        return losses

    def epoch(self, X: np.ndarray, Y: np.ndarray, order: np.ndarray) -> float:
        n_samples, total = len(X), 0.0
        for start in range(0, n_samples, self.batch):
            n = min(self.batch, n_samples - start)
            rows = order[..., start : start + n]
            X.take(rows, 0, self.A[0][..., :n, :], "clip")
            Y.take(rows, 0, self.Y[..., :n, :], "clip")
            loss = self.loss_grad(n)
            if not math.isfinite(loss):
                raise FloatingPointError("the loss is not finite any more")
            self.adam()
            total += loss * n
        return total / n_samples

    def loss_grad(self, n: int) -> float:
        """The objective at the first ``n`` rows of the buffers; its gradient goes to ``grad``."""
        A = [array[..., :n, :] for array in self.A]
        dA = [array[..., :n, :] for array in self.dA]
        last = len(self.W) - 1
        for k in range(last + 1):
            np.matmul(A[k], self.W[k], out=A[k + 1])
            np.add(A[k + 1], self.b[k], out=A[k + 1])
            if k < last:
                np.maximum(A[k + 1], 0.0, out=A[k + 1])

        # the loss of the raw output Z is softplus(Z) - Y Z, its derivative sigmoid(Z) - Y
        Z, delta, loss = A[-1], dA[-1], self.loss[..., :n]
        Y, work = self.Y[..., :n, :], self.work[..., :n, :]
        np.abs(Z, out=work)
        np.negative(work, out=work)
        np.exp(work, out=work)
        np.log1p(work, out=work)
        np.maximum(Z, 0.0, out=delta)
        np.add(delta, work, out=delta)
        np.multiply(Y, Z, out=work)
        np.subtract(delta, work, out=delta)
        np.copyto(loss, delta[..., 0])
        np.multiply(Z, 0.5, out=delta)
        np.tanh(delta, out=delta)
        np.multiply(delta, 0.5, out=delta)
        np.add(delta, 0.5, out=delta)
        np.subtract(delta, Y, out=delta)
        np.multiply(delta, 1.0 / n, out=delta)

        for k in range(last, -1, -1):
            delta = dA[k + 1]
            if k < last:
                np.greater(A[k + 1], 0.0, out=A[k + 1])
                np.multiply(delta, A[k + 1], out=delta)
            np.matmul(A[k].mT, delta, out=self.dW[k])
            np.matmul(self.ones[:, :n], delta, out=self.db[k])
            if k > 0:  # an inner dimension of 1 misses BLAS
                product = np.multiply if delta.shape[-1] == 1 else np.matmul
                product(delta, self.W[k].mT, out=dA[k])

        W, dW = self.theta[..., : self.n_weights], self.grad[..., : self.n_weights]
        np.multiply(W, self.alpha, out=self.penalty)
        np.add(dW, self.penalty, out=dW)
        objective = np.add.reduce(loss, axis=-1, dtype=np.float64) / n
        objective += np.vecdot(W, self.penalty) * 0.5
        return objective.item()

    def adam(self, eta=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8) -> None:
        """Algorithm 1 of Kingma and Ba (2015); m and v without their factors (1 - beta)."""
        self.t += 1
        theta, g, m, v = self.theta, self.grad, self.m, self.v
        m_scale = (1.0 - beta_1) / (1.0 - beta_1**self.t)
        v_scale = ((1.0 - beta_2) / (1.0 - beta_2**self.t)) ** 0.5
        np.multiply(m, beta_1, out=m)
        np.add(m, g, out=m)
        np.square(g, out=g)
        np.multiply(v, beta_2, out=v)
        np.add(v, g, out=v)
        np.sqrt(v, out=g)
        np.add(g, epsilon / v_scale, out=g)
        np.divide(m, g, out=g)
        np.multiply(g, eta * m_scale / v_scale, out=g)
        np.subtract(theta, g, out=theta)


def members_axis_cost(effort: Effort, epochs: int = 2) -> Table:
    """Seconds per epoch in numpy, and over those of the plain loop without a members axis.

    Of the plain loop with an axis of length 1, which is what the axis costs; and of sknet with
    ``n_members=1``, which also pays for its layers, optimizer and batches being objects. An epoch
    is the difference of a long and a short fit, so that what comes before and after its epochs
    cancels; the rounds are short and many, as the differences looked for are small.
    """
    network = MEMBERS_NETWORK
    X, y = make_data(network)
    X32, Y32 = X.astype(np.float32), y.astype(np.float32)[:, None]
    units = [network.n_features, *network.hidden, 1]

    def plain(members: tuple[int, ...], epochs: int) -> float:
        return seconds_of(PlainLoop(units, network.batch, members).fit, X32, Y32, epochs)

    fits = {
        "no axis": partial(plain, ()),
        "axis of 1": partial(plain, (1,)),
        "sknet": lambda epochs: fit_seconds("numpy", network, epochs, X32, y),
    }
    contestants = {
        name: lambda fit=fit: (fit(epochs + 1) - fit(1)) / epochs for name, fit in fits.items()
    }
    results = in_turns(contestants, (2 if effort.quick else 4) * effort.repeats)
    table = Table(
        f"The members axis, {network.name}, numpy", ["loop", "seconds per epoch", "over no axis"]
    )
    for name, seconds in medians(results).items():
        table.rows.append([name, seconds, median_ratio(results[name], results["no axis"])])
    return table
