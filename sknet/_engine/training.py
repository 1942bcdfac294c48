"""Training: epochs of mini-batches as a generator, and full-batch L-BFGS; both tell one monitor.

The state of a training is explicit, made of builtins and arrays: theta, the optimizer's state,
the random generators', and `Progress`. A training taken up from its state goes on exactly as if
it had not been interrupted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import cycle
from math import ceil, inf, isfinite
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.sparse

from sknet._engine.activations import Array
from sknet._engine.batches import Batch, Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.network import Network
from sknet._engine.optimizers import Optimizer
from sknet._engine.schedules import LearningRate, Progress
from sknet._engine.stopping import Stopping
from sknet._engine.team import numpy_for_steps

Part = tuple[Network, Optimizer, Sequence[np.random.Generator]]
Limit = Callable[[], AbstractContextManager[Any]]
Monitor = Callable[["Record"], bool]


def nothing() -> None:
    """Do nothing."""


class Record(NamedTuple):
    """What is known at the end of an epoch (of an iteration of L-BFGS).

    Attributes
    ----------
    iteration : int
        Epochs finished in this run, from 1.
    loss : float
        Mean over samples and members of the objective, each batch before its step.
    learning_rate : float or None
        Of the last step; None for L-BFGS.
    """

    iteration: int
    loss: float
    learning_rate: float | None


class Interrupts:
    """When Ctrl-C was last pressed in a training of this process.

    The first one ends a training, which keeps its last finished epoch: a search then goes on with
    its next fit. A second one within `SOON` seconds goes through, whatever training it meets.
    """

    #: Seconds.
    SOON = 1.0

    def __init__(self) -> None:
        self.last = -inf

    def again(self) -> bool:
        """Take note of an interrupt; return whether it follows another one soon."""
        last, self.last = self.last, monotonic()
        return self.last - last < self.SOON


INTERRUPTS = Interrupts()


class DivergenceError(ValueError):
    """Training left the finite numbers."""

    def __init__(self, when: str, advice: str = "") -> None:
        super().__init__(
            "Solver produced non-finite parameter weights. The input data may contain large values"
            f" and need to be preprocessed: the loss or its gradient is not finite {when}."
            f" Scale X (StandardScaler) and, in regression, y. {advice}".rstrip()
        )


class Training:
    """Stochastic training in progress.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
        Of the network's theta.
    learning_rate : LearningRate
    generators : sequence of Generator, one a member
    clip_norm : float or None
        Norm to which the gradient of a member is scaled down.
    limit : callable
        ``limit()`` is a context that holds during an epoch, and not while a record is looked at.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        learning_rate: LearningRate,
        generators: Sequence[np.random.Generator],
        clip_norm: float | None = None,
        limit: Limit = nullcontext,
    ) -> None:
        self.network, self.optimizer, self.learning_rate = network, optimizer, learning_rate
        self.generators, self.clip_norm, self.limit = generators, clip_norm, limit
        self.progress = Progress()
        self.compiled: CompiledEpoch | None = None
        self._rows: list[Network] = []

    def state(self) -> dict[str, Any]:
        """Return all that the coming epochs depend on besides theta and the data."""
        return {
            "optimizer": self.optimizer.state(),
            "generators": [rng.bit_generator.state for rng in self.generators],
            "progress": tuple(self.progress),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.optimizer.restore(state["optimizer"])
        for rng, rng_state in zip(self.generators, state["generators"], strict=True):
            rng.bit_generator.state = rng_state
        self.progress = Progress(*state["progress"])

    def epochs(self, batches: Batches) -> Iterator[Record]:
        """Train on without end; yield a record after each epoch.

        Raises
        ------
        DivergenceError
            At the first block of batches whose loss is not finite.
        """
        iteration = 0
        self.progress = self.progress.rebased(batches.n_batches)
        while True:
            iteration += 1
            rates = self.learning_rate.epoch(self.progress)
            with self.limit():
                loss = self._epoch(batches, rates, iteration)
            self.progress = self.progress.after_epoch(batches.n_samples)
            yield Record(iteration, loss, rates[-1])

    def _epoch(self, batches: Batches, rates: list[float], iteration: int) -> float:
        """Take one step for each batch; return the mean of their losses."""
        with np.errstate(all="ignore"):
            numpy_for_steps()  # until errstate ends
            total = 0.0
            if self.compiled is not None:
                total = self.compiled(self.generators, np.array(rates))
            else:
                for network, optimizer, generators in self._parts(batches.n_members):
                    total += _steps(network, optimizer, batches, generators, rates, self.clip_norm)
                    self.optimizer.t = optimizer.t
            finite = isfinite(total) and self.optimizer.is_finite()
        if not finite:
            raise DivergenceError(
                f"in epoch {iteration}, at learning rate {max(rates):g}",
                "Lower learning_rate_init.",
            )
        return total / (batches.n_samples * len(self.network.theta))

    def _parts(self, n_together: int) -> Iterator[Part]:
        """Yield what is trained in lockstep: all members, or one after another."""
        if n_together == len(self.network.theta):
            yield self.network, self.optimizer, self.generators
            return
        t = self.optimizer.t
        self._rows = self._rows or list(self.network.rows())
        for k, network in enumerate(self._rows):
            optimizer = self.optimizer.of(slice(k, k + 1))
            optimizer.t = t
            yield network, optimizer, self.generators[k : k + 1]

    def slow_down(self) -> bool:
        """Answer a plateau: lower the learning rate where the schedule does; else return False."""
        if not self.learning_rate.can_slow_down(self.progress):
            return False
        self.progress = self.progress._replace(n_plateaus=self.progress.n_plateaus + 1)
        return True

    def run(
        self,
        batches: Batches,
        stopping: Stopping,
        max_iter: int,
        monitor: Monitor,
        begin: Callable[[], None] = nothing,
        snapshots: bool = False,
    ) -> str:
        """Train until patience or `max_iter` runs out, or the monitor or the user stops it.

        Parameters
        ----------
        batches : Batches
        stopping : Stopping
        max_iter : int
            Epochs at most.
        monitor : callable
            ``monitor(record) -> stop``, told the record of each epoch.
        begin : callable
            Called before each epoch.
        snapshots : bool
            Whether the state too is to be that of the last finished epoch after an interrupt.

        Returns
        -------
        {"converged", "stopped", "max_iter", "interrupted"}
            Interrupted, theta is that of the last finished epoch.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts before the first epoch is finished, or twice within a second.
        """
        theta = self.network.theta
        finished, state, n_finished = theta.copy(), None, 0
        records = self.epochs(batches)
        try:
            while n_finished < max_iter:
                begin()
                record = next(records)
                plateau = stopping.update(theta, record.loss)
                np.copyto(finished, theta)
                state, n_finished = self.state() if snapshots else None, record.iteration
                if monitor(record):
                    return "stopped"
                if plateau and not self.slow_down():
                    return "converged"
            return "max_iter"
        except KeyboardInterrupt:
            if INTERRUPTS.again() or not n_finished:
                raise
            np.copyto(theta, finished)
            if state is not None:
                self.restore(state)
        return "interrupted"


def _steps(
    network: Network,
    optimizer: Optimizer,
    batches: Batches,
    generators: Sequence[np.random.Generator],
    rates: Iterable[float],
    clip_norm: float | None,
) -> float:
    """Take a step for each batch; return the sum over rows and members of the losses.

    Each is that before the step. Stops after the first block whose loss is not finite, and returns
    that.
    """
    gradient, step, eta = network.gradient, optimizer.step, iter(rates)
    total = 0.0
    for Y, w, block in batches.blocks(generators):
        n_samples = Y.shape[-2]
        outputs = network.outputs(n_samples)
        Z, squares = outputs.Z, np.empty((ceil(n_samples / batches.batch_size), len(outputs.Z)))
        sizes = np.full(len(squares), batches.batch_size)
        sizes[-1] = n_samples - sizes[:-1].sum()
        for k, (rows, batch) in enumerate(block):
            squares[k] = gradient(*batch, Z[:, rows])
            if clip_norm is not None:
                network.clip(clip_norm)
            step(next(eta))
        loss = network.total_loss(Y, w, outputs) + np.dot(sizes, squares) / 2
        total += float(np.add.reduce(loss))
        if not isfinite(total):
            break
    return total


def minimize_lbfgs(
    network: Network,
    batch: Batch,
    tol: float,
    max_iter: int,
    max_fun: int,
    monitor: Monitor,
    begin: Callable[[], None] = nothing,
    limit: Limit = nullcontext,
    update: Callable[[float], bool] = lambda loss: False,
) -> tuple[str, float, int]:
    """Minimise the full-batch objective of a one-member network by L-BFGS, in place.

    scipy's L-BFGS-B (Byrd, Lu, Nocedal and Zhu 1995) without bounds, with 10 corrections.

    Parameters
    ----------
    network : Network
        Of one member; its theta is the start and, at the end, the solution.
    batch : tuple of X, Y, w
    tol : float
        ``gtol``, the largest component of the gradient at the solution; ``ftol``, the relative
        decrease of the objective below which it stops, follows as 2.2e-5 tol (scipy's own value
        at the default tol=1e-4), but not below the precision of the network's dtype.
    max_iter, max_fun : int
        Iterations and evaluations at most.
    monitor : callable
        ``monitor(record) -> stop``, told a record after each iteration.
    begin : callable
        Called before each iteration.
    limit : callable
        ``limit()`` is a context that holds during an evaluation.
    update : callable
        ``update(loss) -> stop``, called first at the end of an iteration, which is not finished
        before.

    Returns
    -------
    reason : {"converged", "max_iter", "max_fun", "interrupted", "stopped", or scipy's message}
    loss : float
    n_iter : int
    """
    theta = network.theta[0]
    iteration, n_begun, last = 0, 0, (theta.copy(), np.inf)
    grads = cycle([np.empty(theta.shape), np.empty(theta.shape)])

    def value_gradient(x: Array) -> tuple[float, Array]:
        nonlocal n_begun
        if n_begun == iteration:
            n_begun += 1
            begin()
        np.copyto(theta, x, casting="same_kind")
        with np.errstate(all="ignore"), limit():
            loss = network.loss_grad(*batch)
        # scipy may look at the gradient of the last point too: two buffers, in turns
        grad = next(grads)
        np.copyto(grad, network.grad[0])
        return float(loss[0]), grad

    def callback(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        nonlocal iteration, last
        np.copyto(theta, intermediate_result.x, casting="same_kind")
        plateau = update(float(intermediate_result.fun))
        iteration += 1
        last = (theta.copy(), float(intermediate_result.fun))
        if monitor(Record(iteration, last[1], None)) or plateau:
            raise StopIteration

    options = {
        "maxiter": max_iter,
        "maxfun": max_fun,
        "gtol": tol,
        "ftol": max(2.2e-5 * tol, 8 * float(np.finfo(theta.dtype).eps)),
    }
    x0 = theta.astype(np.float64)
    try:
        result = scipy.optimize.minimize(
            value_gradient, x0, jac=True, method="L-BFGS-B", options=options, callback=callback
        )
    except KeyboardInterrupt:
        if INTERRUPTS.again() or not iteration:
            raise
        np.copyto(theta, last[0])
        return "interrupted", last[1], iteration
    np.copyto(theta, result.x, casting="same_kind")
    if not (isfinite(result.fun) and np.isfinite(theta).all()):
        raise DivergenceError(f"after {iteration} iterations of lbfgs")
    n_iter = min(result.nit, max_iter)
    if result.status == 99:  # scipy's status of a callback that stopped it
        return "stopped", float(result.fun), n_iter
    if result.success:
        return "converged", float(result.fun), n_iter
    limits = {True: "max_iter", False: "max_fun"}
    reason = limits[result.nit >= max_iter] if result.status == 1 else str(result.message)
    return reason, float(result.fun), n_iter
