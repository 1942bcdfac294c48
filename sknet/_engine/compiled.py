"""When a fit runs by compiled epochs: numba is there, has every piece, and repays its import."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.layers import Dense
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network
from sknet._engine.optimizers import OPTIMIZERS, Optimizer
from sknet._engine.team import ALONE, Team

#: Seconds that a fit must be expected to take before numba is imported for it.
WORTH_SECONDS = 1.0
#: Multiply-adds in a call of compiled code: in between, Python can react to Ctrl-C.
SEGMENT = 1 << 31
#: Multiply-adds of a forward pass from which on threads share the rows of a step,
SHARED_STEP = 1 << 24
#: the least number of rows for each, and the least number of parameters to update.
SHARED_ROWS, SHARED_PARAMETERS = 64, 1 << 17
#: Exponentials in a step (tanh, logistic, softmax) above which numpy's are faster.
MOST_EXPONENTIALS = 1 << 14


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
    """Memory for `n_rows` rows of a step, and a view of the rows' order, for one thread."""

    def __init__(self, units: Any, n_rows: int, dtype: Any) -> None:
        self.A = np.empty(n_rows * int(units.sum()), dtype)
        self.dA = np.empty(n_rows * int(units[1:].sum() + units[-1]), dtype)
        self.loss = np.empty(n_rows, dtype)


class CompiledEpoch:
    """One epoch of every member, by the functions of ``kernels``.

    The threads of a team share the members, or the rows of each step where that is long.
    ``CompiledEpoch.of`` returns one, or None where the numpy loop is to be used.
    """

    def __init__(
        self, network: Network, optimizer: Optimizer, batches: Any, codes: Any, team: Team
    ) -> None:
        from sknet._engine import kernels

        self.kernels, self.team = kernels, team
        self.network, self.optimizer, self.batches = network, optimizer, batches
        layers, dtype = network.layers, network.theta.dtype
        self.units = np.array([layer.n_in for layer in layers] + [layers[-1].n_out])
        self.n_weights = int((self.units[:-1] * self.units[1:]).sum())
        self.activations, self.loss_code, self.solver = codes
        self.hyper = np.array([float(getattr(optimizer, p)) for p in optimizer.parameters])
        self.w = np.empty(0, dtype) if batches.w is None else batches.w
        n_members, size = len(network.theta), batches.batch_size
        long = size * self.n_weights >= SHARED_STEP
        # members need not wait for one another
        self.member_shares = team.size if n_members >= team.size else 1
        shares_rows = long and self.member_shares == 1
        self.row_shares = team.n_shares(size, SHARED_ROWS) if shares_rows else 1
        n_rows = -(-size // self.row_shares)
        n_threads = max(self.row_shares, self.member_shares)
        self.buffers = [Buffers(self.units, n_rows, dtype) for _ in range(n_threads)]
        self.orders = np.empty((self.member_shares, batches.n_samples), np.intp)
        self.grads = np.empty((self.row_shares, network.theta.shape[1]), dtype)
        self.segment = max(1, SEGMENT // (3 * size * self.n_weights)) * size

    @classmethod
    def of(
        cls, network: Network, optimizer: Optimizer, batches: Any, max_iter: int, team: Team = ALONE
    ) -> "CompiledEpoch | None":
        """Return the compiled epoch, or None."""
        layers = [layer for layer in network.layers if isinstance(layer, Dense)]
        size = batches.batch_size
        whole = size == batches.n_samples or scipy.sparse.issparse(batches.X)
        if whole or len(layers) < len(network.layers) or disabled() or not numba_is_there():
            return None
        n_steps = max_iter * -(-batches.n_samples // size)
        multiply_adds = size * sum(layer.n_in * layer.n_out for layer in layers)
        seconds = expected_seconds(n_steps, multiply_adds) * len(network.theta)
        if "sknet._engine.kernels" not in sys.modules and seconds < WORTH_SECONDS:
            return None
        from sknet._engine import kernels

        names = [layer.activation for layer in layers]
        loss = next(
            (i for i, (a, b) in enumerate(kernels.LOSSES) if LOSSES[a][b] is network.loss), None
        )
        solver = next(name for name, kind in OPTIMIZERS.items() if kind is type(optimizer))
        if loss is None or not set(names) <= set(kernels.ACTIVATIONS):
            return None
        curved = [layer.n_out for layer in layers if layer.activation in ("tanh", "logistic")]
        outputs = layers[-1].n_out if kernels.LOSSES[loss][0] == "log_loss" else 0
        if size * (sum(curved) + outputs) > MOST_EXPONENTIALS:
            return None
        activations = np.array([kernels.ACTIVATIONS.index(name) for name in names])
        codes = activations, loss, kernels.SOLVERS.index(solver)
        return cls(network, optimizer, batches, codes, team)

    def __call__(self, generators: Sequence[np.random.Generator], rates: Any) -> float:
        """Train each member for an epoch; return the sum over rows and members of the losses.

        `rates` is an array of the learning rate of each step.
        """
        n_members, t = len(generators), self.optimizer.t

        def members(share: int) -> float:
            total = 0.0
            for k in range(share, n_members, self.member_shares):
                order = self.batches.shuffled(generators[k], self.orders[share])
                total += self._member(k, order, rates, t, self.buffers[share])
            return total

        total = sum(self.team(members, self.member_shares))
        self.optimizer.t = t + len(rates)
        return total

    def _member(self, k: int, order: Any, rates: Any, t: int, buffers: Buffers) -> float:
        """Train member `k` from its step `t` on; return the sum of its losses."""
        states = list(self.optimizer.arrays.values())
        theta, state = self.network.theta[k], (states[0][k], states[-1][k])
        if self.row_shares > 1:
            return self._shared_steps(order, rates, t, theta, state)
        total, grads = 0.0, self.network.grad[k : k + 1]
        for start in range(0, order.size, self.segment):
            first = start // self.batches.batch_size
            loss, n_steps = self.kernels.run_epoch(
                self.batches.X, self.batches.Y, self.w, order[start : start + self.segment],
                self.batches.batch_size, self.units, self.activations, self.loss_code,
                self.network.alpha, self.solver, self.hyper, rates[first:], t, theta, grads, state,
                buffers.A, buffers.dA, buffers.loss,
            )  # fmt: skip
            total += loss
            t += n_steps
            if not np.isfinite(total):
                break
        return total

    def _shared_steps(self, order: Any, rates: Any, t: int, theta: Any, state: Any) -> float:
        """Take the steps of an epoch, each by several threads: rows first, then parameters."""
        total, size = 0.0, self.batches.batch_size
        n_updates = min(self.row_shares, self.team.n_shares(theta.size, SHARED_PARAMETERS))
        cuts = np.linspace(0, theta.size, n_updates + 1).astype(int).tolist()
        for step, start in enumerate(range(0, order.size, size)):
            rows = order[start : start + size]
            n_shares = min(self.row_shares, rows.size)
            grads, n = self.grads[:n_shares], rows.size

            def gradient(j: int, rows: Any = rows, n: int = n, n_shares: int = n_shares) -> float:
                own = rows[j * n // n_shares : (j + 1) * n // n_shares]
                buffers = self.buffers[j]
                return self.kernels.loss_grad(
                    self.batches.X, self.batches.Y, self.w, own, n, self.units, self.activations,
                    self.loss_code, theta, self.grads[j], buffers.A, buffers.dA, buffers.loss,
                )  # fmt: skip

            def update(j: int, step: int = step, grads: Any = grads) -> float:
                return self.kernels.update(
                    cuts[j], cuts[j + 1], self.n_weights, self.network.alpha, self.solver,
                    self.hyper, rates[step], t + step + 1, theta, grads, state,
                )  # fmt: skip

            value = sum(self.team(gradient, n_shares))
            total += value * n
            if not np.isfinite(value):
                break
            total += sum(self.team(update, n_updates)) * n
        return total
