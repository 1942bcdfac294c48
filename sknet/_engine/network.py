"""The network: layers in a row, and the chain rule.

Notation and shapes are those of ``doc/notation.rst``: theta (n_members, n_params), samples first,
members before samples.

Objective of one member, over a batch of B rows with weights w_i::

    L(theta) = 1/B sum_i w_i loss(y_i, z_i) + alpha/2 ||W||^2

Biases and embeddings are not penalised. Averaging and weighting happen here and nowhere else.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isinf, sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from sknet._engine.activations import Array
from sknet._engine.embedding import Embedding
from sknet._engine.initializers import initializer
from sknet._engine.layers import (
    Bound,
    Buffers,
    Dense,
    Dropout,
    FirstDense,
    Layer,
    work_array,
)
from sknet._engine.losses import Loss
from sknet._engine.parameters import Layout
from sknet._engine.team import ALONE, Team

#: Rows of a prediction are taken in chunks whose widest layer has about this many elements.
CHUNK_ELEMENTS = 1 << 18
#: Chunks have a multiple of so many rows.
ROWS = 16
#: Members that hold more elements than this are trained one after another.
LOCKSTEP_ELEMENTS = 1 << 18
#: Elements of the widest layer's output that are worth a thread of their own.
SHARE_ELEMENTS = 1 << 18
#: Weights of a member whose penalty is computed at once, and that are worth a thread of their own.
PENALTY_BLOCK = 1 << 16
#: Rows whose losses are taken at once.
LOSS_ROWS = 1 << 12
#: A training batch is never cut into chunks of fewer rows.
SMALLEST_CHUNK = 1024


def dense_layers(
    units: Sequence[int],
    activations: Sequence[str],
    embedding: Embedding | None = None,
    has_ones: bool = False,
) -> list[Bound]:
    """Return the layers of a multilayer perceptron.

    Parameters
    ----------
    units : sequence of int
        Units of the input, of each hidden layer, and of the output.
    activations : sequence of str
        Activation of each hidden layer; the output is linear (the loss owns its link).
    embedding : Embedding, optional
        Put in front; its output has ``units[0]`` units.
    has_ones : bool
        Whether the input ends with a column of ones, besides its ``units[0]``.
    """
    assert embedding is None or (embedding.n_out == units[0] and not has_ones)
    shapes = pairwise(units)
    dense = [
        Dense(n_in, n_out, activation)
        for (n_in, n_out), activation in zip(shapes, (*activations, "identity"), strict=True)
    ]
    if has_ones:
        dense[0] = FirstDense(dense[0].n_in, dense[0].n_out, dense[0].activation)
    return [*([] if embedding is None else [embedding]), *dense]


def initial_parameters(
    units: Sequence[int],
    activations: Sequence[str],
    init: str,
    rng: np.random.Generator,
    zero_output: bool = False,
) -> list[dict[str, Array]]:
    """Draw W (n_in, n_out) and b (1, n_out) of each dense layer, in float64.

    By ``INITIALIZERS``; the output layer as if its activation were the last hidden one, which is
    scikit-learn's way. `zero_output` sets it to zero instead: the first prediction is the same for
    all rows, and the first steps already point the right way.
    """
    last = activations[-1] if activations else "identity"
    drawn: list[dict[str, Array]] = []
    for (n_in, n_out), activation in zip(pairwise(units), (*activations, last), strict=True):
        W, b = initializer(init, activation)(rng, n_in, n_out, activation)
        drawn.append({"W": W, "b": b[None]})
    if zero_output:
        for parameter in drawn[-1].values():
            parameter[:] = 0.0
    return drawn


def with_dropout(
    layers: Sequence[Bound],
    dropout: Sequence[float],
    generators: Sequence[np.random.Generator],
) -> list[Layer]:
    """Return the layers of training: `dropout` holds p for the input of each dense layer."""
    n_embeddings = int(isinstance(layers[0], Embedding))
    in_training: list[Layer] = [*layers[:n_embeddings]]
    for layer, p in zip(layers[n_embeddings:], dropout, strict=True):
        in_training += [Dropout(layer.n_in, p, generators)] if p else []
        in_training.append(layer)
    return in_training


def chunk_rows(layers: Sequence[Layer], n_members: int) -> int:
    """Return how many rows are predicted at once, so that the buffers stay in the cache."""
    widest = n_members * max(layer.n_out for layer in layers)
    return max(ROWS, CHUNK_ELEMENTS // widest // ROWS * ROWS)


def _rows_of(rows: slice, X: Any, Y: Array, w: Array | None, Z: Array) -> Any:
    """Return these rows of a batch and of its raw output."""
    return (
        X[..., rows, :],
        Y[..., rows, :],
        None if w is None else w[..., rows],
        Z[..., rows, :],
    )


def forward(layers: Sequence[Layer], X: Any, buffers: Sequence[Any]) -> Array:
    """Return the raw output Z of the last layer (a buffer) for the batch `X`."""
    A = X
    for layer, buffer in zip(layers, buffers, strict=True):
        A = layer.forward(A, buffer)
    return A


class Workspace:
    """Every buffer that one training step needs, for one batch size."""

    def __init__(
        self, layers: Sequence[Layer], n_members: int, n_samples: int, dtype: DTypeLike
    ) -> None:
        work = work_array(layers, n_members, n_samples, dtype)
        self.layers: list[Buffers] = [layer.buffers(n_samples, work) for layer in layers]
        self.delta = np.empty((n_members, n_samples, layers[-1].n_out), dtype)
        self.work = work[: self.delta.size].reshape(self.delta.shape)
        self.share = np.empty((), dtype)  # of a sample in the mean


class Outputs:
    """Raw outputs of so many rows, and memory to take the losses of some of them at once."""

    def __init__(self, n_members: int, n_samples: int, n_outputs: int, dtype: DTypeLike) -> None:
        self.Z = np.empty((n_members, n_samples, n_outputs), dtype)
        n_rows = min(n_samples, LOSS_ROWS)
        self.loss = np.empty((n_members, n_rows), dtype)
        self._memory = np.empty((3, n_members * n_rows * n_outputs), dtype)

    def arrays(self, n_rows: int) -> list[Array]:
        """Return three arrays for the raw output of so many rows, and scratch memory like it."""
        n_members, _, n_outputs = self.Z.shape
        shape = n_members, n_rows, n_outputs
        return [memory[: n_members * n_rows * n_outputs].reshape(shape) for memory in self._memory]


class Network:
    """Layers bound to theta and to its gradient, a loss, and an L2 penalty.

    Parameters
    ----------
    layers : list of Dense and Dropout
        The first one may be an Embedding; the last one is dense.
    loss : Loss
        A row of ``LOSSES``.
    alpha : float
        Strength of the L2 penalty on the weights of the mean loss.
    theta : ndarray of shape (n_members, n_params)
        Kept, and seen by the layers through views.
    grad : ndarray of shape (n_members, n_params), optional
        dL/dtheta, written by `loss_grad`; kept. None makes one.
    team : Team
        Threads for what is long and element-wise.

    Attributes
    ----------
    embedding : Embedding or None
        The first layer, if it is one.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss,
        alpha: float,
        theta: Array,
        grad: Array | None = None,
        team: Team = ALONE,
    ) -> None:
        self.layers, self.loss, self.alpha, self.team = layers, loss, alpha, team
        self.layout = Layout([layer.shapes for layer in layers])
        self.theta = theta
        self.grad = np.zeros_like(theta) if grad is None else grad
        views = zip(self.layout.views(theta), self.layout.views(self.grad), strict=True)
        for layer, (parameters, gradient) in zip(layers, views, strict=True):
            layer.bind(parameters, gradient)
        if isinstance(layers[0], FirstDense):
            layers[0].bind_both(self.layout.first(theta), self.layout.first(self.grad))
        self.embedding = layers[0] if isinstance(layers[0], Embedding) else None
        self._penalised = self._weight_blocks() if alpha else []
        self._alpha = np.array(alpha, theta.dtype)
        self._workspaces: dict[int, Workspace] = {}
        self._outputs: dict[int, Outputs] = {}
        self._no_penalty = np.zeros(len(theta), theta.dtype)
        self._chunk = max(SMALLEST_CHUNK, chunk_rows(layers, len(theta)))
        self._first = next(k for k, layer in enumerate(layers) if layer.shapes)
        self._total: Array | None = None
        self._n_shares: dict[int, int] = {}
        self._helpers: list[Network] = [self]

    def largest_product(self, n_samples: int) -> int:
        """Return the multiply-adds of the largest matrix product in `loss_grad` of so many rows."""
        rows = n_samples if n_samples <= 2 * self._chunk else self._chunk
        return rows * max(layer.n_in * layer.n_out for layer in self.layers if "W" in layer.shapes)

    def n_together(self, n_samples: int) -> int:
        """Return how many members to train in lockstep on batches of so many rows: all, or 1.

        Small members share the cost of each call; the parameters, optimizer states and buffers of
        large ones would drive each other out of the cache.
        """
        n_members = len(self.theta)
        units = sum(layer.n_out for layer in self.layers)
        n_params = self.layout.dense.stop
        if self.embedding is not None:  # a step takes no more rows of E than the batch holds
            n_rows = min(n_samples * len(self.embedding.n_levels), self.embedding.n_rows)
            n_params += n_rows * self.embedding.dim
        elements = n_members * (n_samples * units + n_params)
        return n_members if elements <= LOCKSTEP_ELEMENTS else 1

    def workspace(self, n_samples: int) -> Workspace:
        """Return the buffers for batches of `n_samples` rows, made on first use and kept."""
        if n_samples not in self._workspaces:
            n_members, dtype = len(self.theta), self.theta.dtype
            self._workspaces[n_samples] = Workspace(self.layers, n_members, n_samples, dtype)
        return self._workspaces[n_samples]

    def n_shares(self, n_samples: int) -> int:
        """Return how many threads share so many rows; one draws masks, and adds to dE."""
        if n_samples not in self._n_shares:
            n_together = self.n_together(n_samples)
            widest = n_together * max(layer.n_out for layer in self.layers)
            n_shares = self.team.n_shares(n_samples * widest, SHARE_ELEMENTS)
            alone = any(isinstance(layer, Dropout | Embedding) for layer in self.layers)
            self._n_shares[n_samples] = 1 if alone else min(n_shares, n_samples)
        return self._n_shares[n_samples]

    def outputs(self, n_samples: int) -> Outputs:
        """Return memory for the raw outputs of `n_samples` rows, made on first use and kept."""
        if n_samples not in self._outputs:
            n_members, n_outputs = len(self.theta), self.layers[-1].n_out
            made = Outputs(n_members, n_samples, n_outputs, self.theta.dtype)
            self._outputs[n_samples] = made
        return self._outputs[n_samples]

    def loss_grad(self, X: Any, Y: Array, w: Array | None = None) -> Array:
        """Return the objective L of each member and write its gradient to ``grad``.

        Parameters
        ----------
        X : ndarray (..., n_samples, n_features) or SparseRows
            The batch; without a members axis it is shared by all members.
        Y : ndarray (..., n_samples, n_outputs)
        w : ndarray (..., n_samples), optional
            Sample weights; None is 1 each.

        Returns
        -------
        ndarray of shape (n_members,), float64, the caller's own.
        """
        outputs = self.outputs(X.shape[-2])
        squares = self.gradient(X, Y, w, outputs.Z)
        return self.total_loss(Y, w, outputs) / X.shape[-2] + squares / 2

    def total_loss(self, Y: Array, w: Array | None, outputs: Outputs) -> Array:
        """Return the sum over rows of the weighted loss of each member, (n_members,), float64.

        Parameters
        ----------
        Y, w : ndarray
            As for `loss_grad`.
        outputs : Outputs
            Their raw outputs, as written by `gradient`.
        """
        n_members, n_samples, _ = outputs.Z.shape
        total = np.zeros(n_members)
        for start in range(0, n_samples, LOSS_ROWS):
            rows = slice(start, min(start + LOSS_ROWS, n_samples))
            loss = outputs.loss[:, : rows.stop - start]
            Z, work, more = outputs.arrays(rows.stop - start)
            np.copyto(Z, outputs.Z[:, rows])
            self.loss.value(Y[..., rows, :], Z, loss, work, more)
            if w is not None:
                np.multiply(loss, w[..., rows], out=loss)
            total += np.add.reduce(loss, axis=-1, dtype=np.float64)
        return total

    def gradient(self, X: Any, Y: Array, w: Array | None, Z: Array) -> Array:
        """Write the gradient of L to ``grad``; return alpha ||W||^2 of each member.

        That is twice the penalty.

        Parameters
        ----------
        X, Y, w : ndarray
            As for `loss_grad`.
        Z : ndarray (n_members, n_samples, n_outputs)
            Receives the raw output, from which `total_loss` tells the loss at any later time:
            several batches at once cost little more than one.

        Notes
        -----
        More rows than fit the cache several times are taken in chunks, and the sums of the chunks
        added; so are the sums of threads that share the rows. An embedding adds up by itself.
        """
        if self.embedding is not None:
            self.embedding.clear()
        n_samples = X.shape[-2]
        n_shares = self.n_shares(n_samples)
        if n_shares == 1:
            self._sum(n_samples, X, Y, w, Z)
            return self._add_penalty()
        while len(self._helpers) < n_shares:
            layers = [layer.of(slice(None)) for layer in self.layers]
            self._helpers.append(Network(layers, self.loss, 0.0, self.theta))

        def share(k: int) -> None:
            rows = slice(k * n_samples // n_shares, (k + 1) * n_samples // n_shares)
            self._helpers[k]._sum(n_samples, *_rows_of(rows, X, Y, w, Z))

        def add_up(k: int) -> None:
            columns = slice(k * n_params // n_shares, (k + 1) * n_params // n_shares)
            for helper in self._helpers[1:n_shares]:
                np.add(self.grad[:, columns], helper.grad[:, columns], out=self.grad[:, columns])

        n_params = self.layout.n_params
        self.team(share, n_shares)
        self.team(add_up, n_shares)
        return self._add_penalty()

    def _sum(self, n_samples: int, X: Any, Y: Array, w: Array | None, Z: Array) -> None:
        """Write what these rows contribute to the gradient of the mean loss of `n_samples`."""
        n_rows = X.shape[-2]
        if n_rows <= 2 * self._chunk:
            self._share(n_samples, X, Y, w, Z)
            return
        grad = self.grad[:, self.layout.dense]
        total = np.zeros_like(grad) if self._total is None else self._total
        self._total = total
        total.fill(0.0)
        for start in range(0, n_rows, self._chunk):
            rows = slice(start, start + self._chunk)
            self._share(n_samples, *_rows_of(rows, X, Y, w, Z))
            np.add(total, grad, out=total)
        np.copyto(grad, total)

    def _share(self, n_samples: int, X: Any, Y: Array, w: Array | None, Z: Array) -> None:
        """Do what `_sum` does, for few enough rows, in one pass."""
        space = self.workspace(X.shape[-2])
        raw, delta = forward(self.layers, X, space.layers), space.delta
        np.copyto(Z, raw)
        self.loss.delta(Y, raw, delta, space.work)
        if w is not None:
            np.multiply(delta, w[..., None], delta)
        space.share.fill(1.0 / n_samples)
        np.multiply(delta, space.share, delta)
        self._backward(delta, space)

    def _backward(self, delta: Array, space: Workspace) -> None:
        """Carry dL/dZ of the output back through the layers: the chain rule."""
        dA: Array | None = delta
        for k in range(len(self.layers) - 1, self._first - 1, -1):
            layer: Any = self.layers[k]
            dA = layer.backward(dA, space.layers[k], input_gradient=k > self._first)

    def _weight_blocks(self) -> list[list[tuple[Array, Array, Array]]]:
        """Return W, dW and scratch memory, by blocks that fit the cache, for each thread."""
        columns = self.layout.groups["W"]
        W, dW = self.theta[:, columns], self.grad[:, columns]
        n_shares = self.team.n_shares(W.shape[1], PENALTY_BLOCK)
        scratch = [np.empty_like(W[:, :PENALTY_BLOCK]) for _ in range(n_shares)]
        shares: list[list[tuple[Array, Array, Array]]] = [[] for _ in range(n_shares)]
        for n, start in enumerate(range(0, W.shape[1], PENALTY_BLOCK)):
            W_block, dW_block = (a[:, start : start + PENALTY_BLOCK] for a in (W, dW))
            P = scratch[n % n_shares][:, : W_block.shape[1]]
            shares[n % n_shares].append((W_block, dW_block, P))
        return shares

    def _add_penalty(self) -> Array:
        """Add alpha W to the gradient and return alpha ||W||^2 of each member."""
        if not self._penalised:
            return self._no_penalty
        if len(self._penalised) == 1:
            return self._penalise(0)
        return np.sum(self.team(self._penalise, len(self._penalised)), axis=0)

    def _penalise(self, share: int) -> Array:
        """Add alpha W to the gradient of a thread's blocks; return alpha ||W||^2 of them."""
        total: Array | None = None
        for W, dW, P in self._penalised[share]:
            np.multiply(W, self._alpha, P)
            np.add(dW, P, dW)
            own = np.vecdot(W, P)
            total = own if total is None else np.add(total, own, total)
        assert total is not None
        return total

    def clip(self, norm: float) -> None:
        """Scale the gradient of each member down to this Euclidean norm, where it is larger.

        Pascanu, Mikolov and Bengio 2013.
        """
        for grad in self.grad:
            own = sqrt(np.vecdot(grad, grad))
            if isinf(own):  # the square overflows, where clipping is needed most
                largest = float(np.abs(grad).max())
                own = largest * float(np.linalg.norm(grad / largest))
            if own > norm:
                np.multiply(grad, norm / own, out=grad)

    def rows(self) -> Iterator["Network"]:
        """Yield each member as a network of its own, over its row of theta."""
        for k in range(len(self.theta)):
            layers = [layer.of(slice(k, k + 1)) for layer in self.layers]
            theta, grad = self.theta[k : k + 1], self.grad[k : k + 1]
            yield Network(layers, self.loss, self.alpha, theta, grad, self.team)
