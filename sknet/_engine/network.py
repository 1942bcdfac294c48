"""The network: a sequence of layers, and the chain rule.

Notation and shapes are those of ``doc/notation.rst``: theta (n_members, n_params), activations
(n_members, n_samples, n_units).

Objective of one member, over a batch of B rows with weights w_i::

    L(theta) = 1/B sum_i w_i loss(y_i, z_i) + alpha/2 ||W||^2

Biases and embeddings are not penalised. Only this module, and its compiled twin in
``kernels/steps.py``, weight and average the losses of training.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from sknet._engine.activations import Array
from sknet._engine.layers import Dense, Dropout, Layer, ScaledDense
from sknet._engine.loss_base import Loss
from sknet._engine.parameters import Factor, Layout, Members, Parameters, Views, part_of
from sknet._engine.penalty import Penalty
from sknet._engine.team import SINGLE_THREAD, Team

#: Maximum elements of the widest layer's output in a chunk of rows, so that a chunk fits the cache.
CHUNK_ELEMENTS = 1 << 18
#: The rows of a chunk are a multiple of this: BLAS rounds odd numbers of rows differently.
ROW_MULTIPLE = 16
#: Members whose parameters and activations have more elements than this in total are trained one
#: after another; in lockstep they would evict each other from the cache.
LOCKSTEP_ELEMENTS = 1 << 18
#: Minimum multiply-adds of a forward pass per thread. Below, threads lose more to the interpreter's
#: lock and to waiting for one another, about 100 us a step, than they gain.
MIN_MULTIPLY_ADDS_PER_THREAD = 1 << 22
#: Minimum parameters per thread when the gradients of several threads are added. Measured: adding
#: 80,000 takes about 20 us, and waking a thread for it 20 to 100.
MIN_ADDED_PER_THREAD = 1 << 17
#: Maximum rows whose losses are evaluated at once.
LOSS_ROWS = 1 << 12
#: Minimum rows of a chunk of a training batch.
MIN_TRAINING_CHUNK = 1024


def dense_layers(
    units: Sequence[int],
    activations: Sequence[str],
    first: Sequence[Layer] = (),
    init: str = "auto",
    zero_output: bool = False,
    scaled_inputs: bool = False,
    zero_inputs: Sequence[int] = (),
) -> list[Layer]:
    """Return the layers of a multilayer perceptron.

    Parameters
    ----------
    units : sequence of int
        Inputs of the first dense layer, units of each hidden layer, and outputs.
    activations : sequence of str
        Activation of each hidden layer; the output is linear (the loss owns its link).
    first : sequence of Layer
        Layers before the first dense layer; the last of them has ``units[0]`` outputs.
    init : str
        "auto", or a key of ``INITIALIZERS``. As in scikit-learn, the output layer is initialised as
        if it had the activation of the last hidden layer.
    zero_output : bool
        Whether the output layer starts at zero instead. Then the first prediction is the same for
        all rows.
    scaled_inputs : bool
        Whether the first dense layer, if it is a hidden layer, has a factor for each input.
    zero_inputs : sequence of int
        Inputs of a layer with such factors whose weights start at zero.
    """
    assert not first or first[-1].n_out == units[0]
    hidden = [
        Dense(n_in, n_out, activation, init)
        for (n_in, n_out), activation in zip(pairwise(units[:-1]), activations, strict=True)
    ]
    last = activations[-1] if activations else "identity"
    n_in, n_out = units[-2:]
    output = Dense(n_in, n_out, init=init, drawn_as=last, starts_at_zero=zero_output)
    if scaled_inputs and hidden:
        n_in, n_out = units[:2]
        own = ScaledDense(n_in, n_out, activations[0], init, zero_inputs=zero_inputs)
        hidden[0] = own
    return [*first, *hidden, output]


def drawn_parameters(layers: Sequence[Layer], rng: np.random.Generator) -> Views:
    """Draw the parameters of each layer of one member, in float64.

    Parameters with a sparse gradient are drawn last, so that the others do not depend on them.
    """
    drawn: dict[int, Any] = {}
    for k in sorted(range(len(layers)), key=lambda k: bool(layers[k].sparse)):
        drawn[k] = layers[k].init(rng)
    return [drawn[k] for k in range(len(layers))]


def with_dropout(
    layers: Sequence[Layer],
    dropout: Sequence[Factor],
    generators: Sequence[np.random.Generator],
) -> list[Layer]:
    """Return the layers of training, with dropout layers inserted.

    `dropout` holds the probability p for the input of each of the last layers; an entry may be a
    sequence with one number for each member.
    """
    n_without = len(layers) - len(dropout)
    in_training: list[Layer] = [*layers[:n_without]]
    for layer, p in zip(layers[n_without:], dropout, strict=True):
        in_training += [Dropout(layer.n_in, p, generators)] if np.any(p) else []
        in_training.append(layer)
    return in_training


def bound_copies(layers: Sequence[Layer], views: Sequence[Mapping[str, Array]]) -> list[Layer]:
    """Return copies of `layers` for prediction, bound to other parameters."""
    copies = [layer.for_prediction() for layer in layers]
    for layer, parameters in zip(copies, views, strict=True):
        layer.bind(parameters)
    return copies


def work_array(layers: Sequence[Layer], n_members: int, n_samples: int, dtype: DTypeLike) -> Array:
    """Return scratch memory as large as the largest output of `layers`."""
    return np.empty(n_members * n_samples * max(layer.n_stored for layer in layers), dtype)


def chunk_rows(layers: Sequence[Layer], n_members: int) -> int:
    """Return the rows of a chunk, such that its buffers fit the cache."""
    widest = n_members * max(layer.n_stored for layer in layers)
    return max(ROW_MULTIPLE, CHUNK_ELEMENTS // widest // ROW_MULTIPLE * ROW_MULTIPLE)


def _rows_of(rows: slice, X: Any, Y: Array, w: Array | None, Z: Array) -> Any:
    """Return the given rows of a batch and of its raw output."""
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
    """All buffers of a training step, for one batch size."""

    def __init__(
        self, layers: Sequence[Layer], n_members: int, n_samples: int, dtype: DTypeLike
    ) -> None:
        work = work_array(layers, n_members, n_samples, dtype)
        self.layers = [layer.buffers(n_members, n_samples, dtype, work) for layer in layers]
        self.delta = np.empty((n_members, n_samples, layers[-1].n_out), dtype)
        self.work = work[: self.delta.size].reshape(self.delta.shape)
        self.share = np.empty((), dtype)  # 1 / batch size, as a 0-d array


class OutputPart(NamedTuple):
    """Some rows of `Outputs`, and scratch memory for their losses.

    `rows` is a slice, `Z` a view of their raw outputs, `loss` (n_members, n_rows) for the losses;
    `copy`, `work` and `more` have the shape of `Z`.
    """

    rows: slice
    Z: Array
    loss: Array
    copy: Array
    work: Array
    more: Array


class Outputs:
    """A buffer `Z` for the raw outputs of `n_samples` rows, and its parts of ``LOSS_ROWS`` rows."""

    def __init__(self, n_members: int, n_samples: int, n_outputs: int, dtype: DTypeLike) -> None:
        self.Z = np.empty((n_members, n_samples, n_outputs), dtype)
        n_most = min(n_samples, LOSS_ROWS)
        losses = np.empty((n_members, n_most), dtype)
        memory = np.empty((3, n_members * n_most * n_outputs), dtype)
        self.parts: list[OutputPart] = []
        for start in range(0, n_samples, LOSS_ROWS):
            rows = slice(start, min(start + LOSS_ROWS, n_samples))
            Z, n_rows = self.Z[:, rows], rows.stop - start
            scratch = [a[: Z.size].reshape(Z.shape) for a in memory]
            self.parts.append(OutputPart(rows, Z, losses[:, :n_rows], *scratch))


class Network:
    """Layers bound to parameters and to their gradient, a loss, and an L2 penalty.

    Parameters
    ----------
    layers : list of Layer
        The last one is dense.
    loss : Loss
        A row of ``LOSSES``.
    alpha : float or sequence of float
        Strength of the L2 penalty on the mean loss. A sequence has one number for each member.
    parameters : Parameters
        The layers hold views of them.
    team : Team
        Threads that share large batches.

    Attributes
    ----------
    theta, grad : ndarray of shape (n_members, n_params)
        The private block of the parameters, and dL/dtheta, which `loss_grad` writes.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss,
        alpha: Factor,
        parameters: Parameters,
        team: Team = SINGLE_THREAD,
    ) -> None:
        self.layers, self.loss, self.alpha, self.team = layers, loss, alpha, team
        self.parameters, self.n_members = parameters, parameters.n_members
        self.theta, self.grad = parameters.theta, parameters.grad
        parameters.bind(layers)
        self._penalty = Penalty(parameters, alpha, team)
        self._sparse_layers = [layer for layer in layers if layer.sparse]
        self._workspaces: dict[int, Workspace] = {}
        self._outputs: dict[int, Outputs] = {}
        self._chunk = max(MIN_TRAINING_CHUNK, chunk_rows(layers, self.n_members))
        self._first = next(k for k, layer in enumerate(layers) if layer.shapes)
        self._totals: list[Array] | None = None
        self._n_shares: dict[int, int] = {}
        self._thread_networks: list[Network] = []  # of the other threads

    @property
    def layout(self) -> Layout:
        """The position of each parameter in theta."""
        return self.parameters.layout

    def of(self, members: Members, team: Team | None = None) -> "Network":
        """Return the network of some members: views of theta for a slice, copies for indices."""
        layers = [layer.of(members) for layer in self.layers]
        parameters = self.parameters.of(members)
        alpha = part_of(self.alpha, members)
        return Network(layers, self.loss, alpha, parameters, self.team if team is None else team)

    def each_member(self) -> Iterator["Network"]:
        """Yield each member as a network, whose theta is a view."""
        for k in range(self.n_members):
            yield self.of(slice(k, k + 1))

    def largest_product(self, n_samples: int) -> int:
        """Return the multiply-adds of the largest matrix product of a batch of `n_samples` rows."""
        rows = n_samples if n_samples <= 2 * self._chunk else self._chunk
        return rows * max(layer.multiply_adds for layer in self.layers)

    def n_lockstep(self, n_samples: int) -> int:
        """Return how many members to train in lockstep on batches of `n_samples` rows: all, or 1.

        In lockstep, small members share the overhead of each numpy call. Large members would evict
        each other's parameters and buffers from the cache. Members that share parameters are always
        trained in lockstep.
        """
        if self.parameters.has_shared:
            return self.n_members
        return self.n_members if self.elements(n_samples) <= LOCKSTEP_ELEMENTS else 1

    def elements(self, n_samples: int) -> int:
        """Return how many elements of activations and parameters a step of all members uses."""
        units = sum(layer.n_stored for layer in self.layers)
        n_params = sum(layer.n_touched(n_samples) for layer in self.layers)
        return self.n_members * (n_samples * units + n_params)

    def workspace(self, n_samples: int) -> Workspace:
        """Return the buffers for batches of `n_samples` rows; the first call makes them."""
        if n_samples not in self._workspaces:
            made = Workspace(self.layers, self.n_members, n_samples, self.theta.dtype)
            self._workspaces[n_samples] = made
        return self._workspaces[n_samples]

    def n_shares(self, n_samples: int) -> int:
        """Return the number of threads for a batch of `n_samples` rows."""
        if n_samples not in self._n_shares:
            n_lockstep = self.n_lockstep(n_samples)
            multiply_adds = n_samples * n_lockstep * self._multiply_adds()
            n_shares = self.team.n_shares(multiply_adds, MIN_MULTIPLY_ADDS_PER_THREAD)
            one_thread = any(layer.one_thread for layer in self.layers)
            one_thread = one_thread or self.parameters.has_shared
            self._n_shares[n_samples] = 1 if one_thread else min(n_shares, n_samples)
        return self._n_shares[n_samples]

    def _multiply_adds(self) -> int:
        """Return the multiply-adds of a forward pass of a row; inputs that are not stored are 0."""
        stored = [own.n_stored for own in self.layers[:-1]]
        return self.layers[0].multiply_adds + sum(
            own.multiply_adds * min(n, own.n_in) // own.n_in
            for own, n in zip(self.layers[1:], stored, strict=True)
        )

    def outputs(self, n_samples: int) -> Outputs:
        """Return the buffers for the raw outputs of `n_samples` rows; the first call makes them."""
        if n_samples not in self._outputs:
            n_outputs = self.layers[-1].n_out
            made = Outputs(self.n_members, n_samples, n_outputs, self.theta.dtype)
            self._outputs[n_samples] = made
        return self._outputs[n_samples]

    def loss_grad(self, X: Any, Y: Array, w: Array | None = None) -> Array:
        """Return the objective L of each member and write its gradient to ``grad``.

        Parameters
        ----------
        X : ndarray (..., n_samples, n_features) or SparseRows
            The batch. Without a members axis, all members share it.
        Y : ndarray (..., n_samples, n_outputs)
        w : ndarray (..., n_samples), optional
            Sample weights; None weights all rows equally.

        Returns
        -------
        ndarray of shape (n_members,), float64
            A new array, which the caller owns.
        """
        outputs = self.outputs(X.shape[-2])
        squares = self.gradient(X, Y, w, outputs.Z)
        return self.total_loss(Y, w, outputs) / X.shape[-2] + squares / 2

    def total_loss(self, Y: Array, w: Array | None, outputs: Outputs) -> Array:
        """Return the sum of the weighted losses of each member, (n_members,), float64.

        Parameters
        ----------
        Y, w : ndarray
            As for `loss_grad`.
        outputs : Outputs
            The raw outputs, which `gradient` has written.
        """
        total = np.zeros(self.n_members)
        for rows, Z, loss, copy, work, more in outputs.parts:
            np.copyto(copy, Z)
            self.loss.value(Y[..., rows, :], copy, loss, work, more)
            if w is not None:
                np.multiply(loss, w[..., rows], out=loss)
            total += np.add.reduce(loss, axis=-1, dtype=np.float64)
        return total

    def gradient(self, X: Any, Y: Array, w: Array | None, Z: Array) -> Array:
        """Write the gradient of L to ``grad``; return alpha ||W||^2, twice the penalty, per member.

        Parameters
        ----------
        X, Y, w : ndarray
            As for `loss_grad`.
        Z : ndarray (n_members, n_samples, n_outputs)
            Receives the raw output. `total_loss` computes the losses from it later, for several
            batches at once, which costs little more than for one.

        Notes
        -----
        A batch much larger than the cache is cut into chunks, whose gradients are added. Threads
        that share the rows have a gradient each, and these are added too. Sparse gradients need no
        sum: each chunk adds to them in place.
        """
        for layer in self._sparse_layers:
            layer.clear()
        n_samples = X.shape[-2]
        n_shares = self.n_shares(n_samples)
        if n_shares == 1:
            self._sum(n_samples, X, Y, w, Z)
            self.parameters.add_shared()
            return self._penalty()
        while len(self._thread_networks) < n_shares - 1:
            layers = [layer.of() for layer in self.layers]
            own = self.parameters.with_own_gradient()
            self._thread_networks.append(Network(layers, self.loss, 0.0, own))

        def share(k: int) -> None:
            rows = slice(k * n_samples // n_shares, (k + 1) * n_samples // n_shares)
            network = self._thread_networks[k - 1] if k else self
            network._sum(n_samples, *_rows_of(rows, X, Y, w, Z))

        n_params = self.layout.n_params
        n_parts = self.team.n_shares(n_params, MIN_ADDED_PER_THREAD)

        def add_up(k: int) -> None:
            columns = slice(k * n_params // n_parts, (k + 1) * n_params // n_parts)
            for other in self._thread_networks[: n_shares - 1]:
                np.add(self.grad[:, columns], other.grad[:, columns], out=self.grad[:, columns])

        self.team(share, n_shares)
        self.team(add_up, n_parts)
        return self._penalty()

    def _sum(self, n_samples: int, X: Any, Y: Array, w: Array | None, Z: Array) -> None:
        """Write the contribution of some rows to the gradient of the mean over `n_samples`."""
        n_rows = X.shape[-2]
        if n_rows <= 2 * self._chunk:
            self._sum_chunk(n_samples, X, Y, w, Z)
            return
        grads = [b.member_grad[:, b.layout.dense] for b in self.parameters.blocks]
        totals = [np.zeros_like(grad) for grad in grads] if self._totals is None else self._totals
        self._totals = totals
        for total in totals:
            total.fill(0.0)
        for start in range(0, n_rows, self._chunk):
            rows = slice(start, start + self._chunk)
            self._sum_chunk(n_samples, *_rows_of(rows, X, Y, w, Z))
            for total, grad in zip(totals, grads, strict=True):
                np.add(total, grad, out=total)
        for total, grad in zip(totals, grads, strict=True):
            np.copyto(grad, total)

    def _sum_chunk(self, n_samples: int, X: Any, Y: Array, w: Array | None, Z: Array) -> None:
        """Do the same as `_sum` for the rows of one chunk."""
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
        """Backpropagate dL/dZ of the output through the layers: the chain rule."""
        dA: Array | None = delta
        for k in range(len(self.layers) - 1, self._first - 1, -1):
            layer: Any = self.layers[k]
            dA = layer.backward(dA, space.layers[k], input_gradient=k > self._first)
