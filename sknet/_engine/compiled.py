"""When a fit runs by compiled epochs: numba is there, has every piece, and repays its import."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.losses import LOSSES
from sknet._engine.network import Network
from sknet._engine.optimizers import OPTIMIZERS, Optimizer

#: Seconds that a fit must be expected to take before numba is imported for it.
WORTH_SECONDS = 1.0
#: Multiply-adds in a call of compiled code: in between, Python can react to Ctrl-C.
SEGMENT = 1 << 31
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


class CompiledEpoch:
    """One epoch of every member, by ``kernels.run_epoch``.

    ``CompiledEpoch.of`` returns one, or None where the numpy loop is to be used.
    """

    def __init__(self, network: Network, optimizer: Optimizer, batches: Any, codes: Any) -> None:
        from sknet._engine import kernels

        self._run = kernels.run_epoch
        self.network, self.optimizer, self.batches = network, optimizer, batches
        layers, dtype = network.layers, network.theta.dtype
        self.units = np.array([layer.n_in for layer in layers] + [layers[-1].n_out])
        self.activations, self.loss_code, self.solver = codes
        self.hyper = np.array([float(getattr(optimizer, p)) for p in optimizer.parameters])
        size = batches.batch_size
        self.A = np.empty(size * int(self.units.sum()), dtype)
        self.dA = np.empty(size * int(self.units[1:].sum() + self.units[-1]), dtype)
        self.loss = np.empty(size, dtype)
        self.w = np.empty(0, dtype) if batches.w is None else batches.w
        per_step = max(1, size * int((self.units[:-1] * self.units[1:]).sum()))
        self.segment = max(1, SEGMENT // (3 * per_step)) * size

    @classmethod
    def of(
        cls, network: Network, optimizer: Optimizer, batches: Any, max_iter: int
    ) -> "CompiledEpoch | None":
        """Return the compiled epoch, or None."""
        layers, size = network.layers, batches.batch_size
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
        return cls(network, optimizer, batches, (activations, loss, kernels.SOLVERS.index(solver)))

    def __call__(self, generators: Sequence[np.random.Generator], learning_rate: float) -> float:
        """Train each member for an epoch; return the sum over rows and members of the losses."""
        total, t = 0.0, self.optimizer.t
        states = list(self.optimizer.arrays.values())
        for k in range(len(generators)):
            order = self.batches.shuffle(generators[k : k + 1])[0]
            state = (states[0][k], states[-1][k])
            self.optimizer.t = t
            for start in range(0, order.size, self.segment):
                loss, n_steps = self._run(
                    self.batches.X, self.batches.Y, self.w, order[start : start + self.segment],
                    self.batches.batch_size, self.units, self.activations, self.loss_code,
                    self.network.alpha, self.solver, self.hyper, learning_rate, self.optimizer.t,
                    self.network.theta[k], self.network.grad[k], state, self.A, self.dA, self.loss,
                )  # fmt: skip
                total += loss
                self.optimizer.t += n_steps
                if not np.isfinite(total):
                    return total
        return total
