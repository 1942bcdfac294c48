"""When a fit runs by compiled epochs: numba is there, has every piece, and repays its import."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.embedding import Embedding, first_rows
from sknet._engine.layers import Dense, Dropout, Layer
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network
from sknet._engine.optimizers import OPTIMIZERS, Optimizer
from sknet._engine.team import ALONE, Team

#: Seconds that a fit must be expected to take before numba is imported for it.
WORTH_SECONDS = 1.0
#: Multiply-adds in a call of compiled code: in between, Python can react to Ctrl-C.
SEGMENT = 1 << 31
#: Multiply-adds of a forward pass from which on threads share the rows of a step,
SHARED_STEP = 1 << 27
#: the least number of rows for each, and the least number of parameters to update.
SHARED_ROWS, SHARED_PARAMETERS = 64, 1 << 17


@cache
def numba_is_there() -> bool:
    """Whether numba is installed."""
    return find_spec("numba") is not None


def disabled() -> bool:
    """Whether SKNET_DISABLE_NUMBA asks for numpy."""
    return os.environ.get("SKNET_DISABLE_NUMBA", "0") not in ("", "0")


def expected_seconds(n_steps: int, multiply_adds: int) -> float:
    """Return a rough estimate of the time of `n_steps` in numpy."""
    return n_steps * (60e-6 + 6 * multiply_adds / 1e11)


class Buffers:
    """Memory for `n_rows` rows of a step, for one thread.

    `embedded` is that of an embedding, as ``kernels`` describes it; `curved` says whether slopes of
    activations have to be kept; `n_states` counts the arrays of the solver.
    """

    def __init__(
        self,
        units: Any,
        drops: Any,
        n_rows: int,
        dtype: Any,
        curved: bool,
        embedding: Embedding | None = None,
        n_states: int = 0,
    ) -> None:
        self.A = np.empty(n_rows * int(units.sum()), dtype)
        self.slopes = np.empty(n_rows * int(units[1:].sum()) if curved else 0, dtype)
        n_deltas = int(units[1:].sum() + units[-1]) + (0 if embedding is None else int(units[0]))
        self.dA = np.empty(n_rows * n_deltas, dtype)
        self.loss = np.empty(n_rows, dtype)
        self.mask, self.dropped = np.empty((2, n_rows * int(units[:-1][drops].sum())), dtype)
        first, n_table, n_touched, dim = np.empty(0, np.intp), 0, 0, 0
        if embedding is not None:
            first, n_table, dim = first_rows(embedding.n_levels), embedding.n_rows, embedding.dim
            n_touched = min(n_table, n_rows * first.size)
        touched, places = np.zeros(1 + n_touched, np.intp), np.full(n_table, -1, np.intp)
        self.embedded = first, touched, places, np.empty((2 + n_states, n_touched, dim), dtype)

    def arrays(self) -> tuple[Any, ...]:
        """Return the arrays in the order in which ``kernels.loss_grad`` takes them."""
        return (
            self.A, self.slopes, self.dA, self.loss, self.mask, self.dropped, self.embedded,
        )  # fmt: skip


class CompiledEpoch:
    """One epoch of every member, by the functions of ``kernels``.

    The threads of a team share the members, or the rows of each step where that is long.
    ``CompiledEpoch.of`` returns one, or None where the numpy loop is to be used.

    Parameters
    ----------
    network, optimizer, batches : Network, Optimizer, Batches
    codes : tuple
        Places of the activations, the loss and the solver in the tables of ``kernels``.
    clip_norm : float or None
    team : Team

    Attributes
    ----------
    n_threads : int
        Threads that call BLAS at once.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        batches: Any,
        codes: Any,
        clip_norm: float | None,
        team: Team,
    ) -> None:
        from sknet._engine import kernels

        self.kernels, self.team = kernels, team
        self.network, self.optimizer, self.batches = network, optimizer, batches
        dense, self.dropouts = dense_and_dropouts(network.layers)
        dtype = network.theta.dtype
        self.units = np.array([layer.n_in for layer in dense] + [dense[-1].n_out])
        self.drops = np.array([layer is not None for layer in self.dropouts])
        self.n_weights = int((self.units[:-1] * self.units[1:]).sum())
        self.activations, self.loss_code, self.solver = codes
        parameters = (getattr(network.loss, name) for name in network.loss.parameters)
        self.loss_hyper = np.array([*parameters], float).ravel()
        self.hyper = np.array([float(getattr(optimizer, p)) for p in optimizer.parameters])
        self.clip = np.inf if clip_norm is None else clip_norm
        self.w = np.empty(0, dtype) if batches.w is None else batches.w
        n_members, size = len(network.theta), batches.batch_size
        long = size * self.n_weights >= SHARED_STEP
        # members need not wait for one another; one thread draws the masks, and adds up rows of E
        self.member_shares = team.size if n_members >= team.size else 1
        alone = self.drops.any() or network.embedding is not None
        shares_rows = long and self.member_shares == 1 and not alone
        self.row_shares = team.n_shares(size, SHARED_ROWS) if shares_rows else 1
        self.n_threads = max(self.row_shares, self.member_shares)
        n_rows = -(-size // self.row_shares)
        self.buffers = [
            Buffers(
                self.units,
                self.drops,
                n_rows,
                dtype,
                bool((self.activations >= kernels.FIRST_CURVED).any()),
                network.embedding,
                len(optimizer.arrays),
            )
            for _ in range(self.n_threads)
        ]
        self.orders = np.empty((self.member_shares, batches.n_samples), np.intp)
        self.grads = np.empty((self.n_threads, network.layout.dense.stop), dtype)
        self.segment = max(1, SEGMENT // (3 * size * self.n_weights)) * size

    @classmethod
    def of(
        cls,
        network: Network,
        optimizer: Optimizer,
        batches: Any,
        max_iter: int,
        clip_norm: float | None = None,
        team: Team = ALONE,
    ) -> "CompiledEpoch | None":
        """Return the compiled epoch, or None."""
        layers, _ = dense_and_dropouts(network.layers)
        size = batches.batch_size
        whole = size == batches.n_samples or scipy.sparse.issparse(batches.X)
        if whole or disabled() or not numba_is_there():
            return None
        n_steps = max_iter * -(-batches.n_samples // size)
        multiply_adds = size * sum(layer.n_in * layer.n_out for layer in layers)
        seconds = expected_seconds(n_steps, multiply_adds) * len(network.theta)
        if "sknet._engine.kernels" not in sys.modules and seconds < WORTH_SECONDS:
            return None
        from sknet._engine import kernels

        names = [layer.activation for layer in layers]
        rows = [LOSSES[a][b] for a, b in kernels.LOSSES]
        loss = next((i for i, row in enumerate(rows) if row.is_like(network.loss)), None)
        solver = next(name for name, kind in OPTIMIZERS.items() if kind is type(optimizer))
        if loss is None or not set(names) <= set(kernels.ACTIVATIONS):
            return None
        activations = np.array([kernels.ACTIVATIONS.index(name) for name in names])
        codes = activations, loss, kernels.SOLVERS.index(solver)
        return cls(network, optimizer, batches, codes, clip_norm, team)

    def __call__(self, generators: Sequence[np.random.Generator], rates: Any) -> float:
        """Train each member for an epoch; return the sum over rows and members of the losses.

        `rates` is an array of the learning rate of each step.
        """
        n_members, t = len(generators), self.optimizer.t

        def members(share: int) -> float:
            total = 0.0
            for k in range(share, n_members, self.member_shares):
                order = self.batches.shuffled(generators[k], self.orders[share])
                total += self._member(k, order, rates, t, share)
            return total

        total = sum(self.team(members, self.member_shares))
        self.optimizer.t = t + len(rates)
        return total

    def _member(self, k: int, order: Any, rates: Any, t: int, share: int) -> float:
        """Train member `k` from its step `t` on; return the sum of its losses."""
        states = list(self.optimizer.arrays.values())
        theta, state = self.network.theta[k], (states[0][k], states[-1][k])
        if self.row_shares > 1 or self.drops.any():
            return self._steps(k, order, rates, t, theta, state, share)
        buffers, grads, total = self.buffers[share], self.grads[share : share + 1], 0.0
        for start in range(0, order.size, self.segment):
            first = start // self.batches.batch_size
            loss, n_steps = self.kernels.run_epoch(
                self.batches.X, self.batches.Y, self.w, order[start : start + self.segment],
                self.batches.batch_size, self.units, self.activations, self.loss_code,
                self.loss_hyper, self.network.alpha, self.clip, self.solver, self.hyper,
                rates[first:], t, theta, grads, state, buffers.A, buffers.slopes, buffers.dA,
                buffers.loss, buffers.embedded,
            )  # fmt: skip
            total += loss
            t += n_steps
            if not np.isfinite(total):
                break
        return total

    def _steps(
        self, k: int, order: Any, rates: Any, t: int, theta: Any, state: Any, share: int
    ) -> float:
        """Take the steps of an epoch from Python: several threads share them, or masks are drawn.

        Rows are shared first, then parameters.
        """
        total, size, threads = 0.0, self.batches.batch_size, slice(share, share + self.row_shares)
        all_buffers, all_grads = self.buffers[threads], self.grads[threads]
        n_dense = all_grads.shape[1]
        n_updates = self.team.n_shares(n_dense, SHARED_PARAMETERS)
        n_updates = min(self.row_shares, n_updates) if np.isinf(self.clip) else 1
        cuts = np.linspace(0, n_dense, n_updates + 1).astype(int).tolist()
        for step, start in enumerate(range(0, order.size, size)):
            rows = order[start : start + size]
            n_shares, n = min(self.row_shares, rows.size), rows.size
            grads = all_grads[:n_shares]
            self._draw_masks(k, n, all_buffers[0].mask)

            def gradient(j: int, rows: Any = rows, n: int = n, n_shares: int = n_shares) -> float:
                own = rows[j * n // n_shares : (j + 1) * n // n_shares]
                return self.kernels.loss_grad(
                    self.batches.X, self.batches.Y, self.w, own, n, self.units, self.activations,
                    self.loss_code, self.loss_hyper, self.drops, theta, all_grads[j],
                    *all_buffers[j].arrays(),
                )  # fmt: skip

            def update(j: int, step: int = step, grads: Any = grads) -> float:
                return self.kernels.update(
                    cuts[j], cuts[j + 1], self.n_weights, self.network.alpha, self.clip,
                    self.solver, self.hyper, rates[step], t + step + 1, theta, grads, state,
                    all_buffers[0].embedded,
                )  # fmt: skip

            value = sum(self.team(gradient, n_shares))
            total += value * n
            if not np.isfinite(value):
                break
            total += sum(self.team(update, n_updates)) * n
        return total

    def _draw_masks(self, k: int, n_rows: int, mask: Any) -> None:
        """Draw the masks of a step of member `k`, in the order of the numpy loop."""
        start = 0
        for layer in self.dropouts:
            if layer is not None:
                stop = start + n_rows * layer.n_in
                layer.draw(k, mask[start:stop].reshape(n_rows, layer.n_in))
                start = stop


def dense_and_dropouts(layers: Sequence[Layer]) -> tuple[list[Dense], list[Dropout | None]]:
    """Return the dense layers, and for each the dropout of its input."""
    dense: list[Dense] = []
    dropouts: list[Dropout | None] = []
    waiting: Dropout | None = None
    for layer in layers:
        if isinstance(layer, Dropout):
            waiting = layer
        elif isinstance(layer, Dense):
            dense.append(layer)
            dropouts.append(waiting)
            waiting = None
    return dense, dropouts
