"""Training: a generator of epochs of mini-batches, and the loop that consumes it.

The state of training is explicit and consists of builtins and arrays: theta, the states of the
optimizer and of the random generators, and the `Progress` of each member. Training that is restored
from its state continues exactly as if it had not been interrupted.

Members are independent: each has its own learning rate, its own progress and, optionally, its own
stopping rule. The active members form groups that are trained in lockstep; a group may be a single
member. A member that has stopped belongs to no group and costs no time.

A *lane* is one or more adjacent members that belong to one fit. `rounds` is the control of a lane:
its stopping rule, its monitor, its number of epochs. A fit of its own is the only lane; lanes of
several fits can be trained together, and each ends as if it were alone, also if it diverges.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import count, pairwise
from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.batches import Batches, Epoch
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.network import Network
from sknet._engine.optimizers import Optimizer, scalar_if_equal
from sknet._engine.parameters import Members
from sknet._engine.reports import (
    INTERRUPTS,
    DivergenceError,
    Interrupted,
    Limit,
    Monitor,
    Record,
    do_nothing,
)
from sknet._engine.schedules import LearningRate, Progress
from sknet._engine.stopping import IndependentStopping, Stopping
from sknet._engine.team import NUMPY_BUFFER_ELEMENTS, SINGLE_THREAD

#: Members that are trained in lockstep by a thread, at least. Measured with 2 threads.
MIN_MEMBERS_PER_THREAD = 3

#: The learning rate of each step: floats, or arrays (n_members,) if the members' rates differ.
Rates = Any


class LockstepGroup(NamedTuple):
    """Members that are trained in lockstep.

    `members` selects them: a slice, or an array of indices. With indices, the network and the
    optimizer of the group are copies, and `copy_back` copies their results.
    """

    members: Members
    numbers: list[int]
    network: Network
    optimizer: Optimizer
    generators: Sequence[np.random.Generator]
    batches: Batches

    def copy_back(self, network: Network, optimizer: Optimizer) -> None:
        """Copy parameters, state and step counts to the network and optimizer of all members."""
        if self.optimizer is optimizer:
            return
        if not isinstance(self.members, slice):
            theta = [block.theta for block in self.network.parameters.blocks]
            network.parameters.put(theta, self.members)
            optimizer.put(self.members, self.optimizer)
        t = np.broadcast_to(optimizer.t, optimizer.n_members).copy()
        t[self.members] = self.optimizer.t
        optimizer.t = scalar_if_equal(t)


class Training:
    """Training by mini-batches.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
        Updates the network's parameters.
    learning_rate : LearningRate or sequence of LearningRate
        A sequence has one for each member.
    generators : sequence of Generator
        One for each member.
    limit : callable
        ``limit()`` is a context manager around each epoch. It does not cover callbacks and
        validation.

    Attributes
    ----------
    active : list of int
        Which members are still training in the current run.
    compiled : CompiledEpoch or None
        Runs the epochs; None runs them in numpy.
    compile_part : callable or None
        ``compile_part(batches) -> compiled``, for epochs that come in several parts.
    n_member_threads : int
        Threads that share the members in numpy. Then none shares the rows of a step.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        learning_rate: LearningRate | Sequence[LearningRate],
        generators: Sequence[np.random.Generator],
        limit: Limit = nullcontext,
    ) -> None:
        self.network, self.optimizer, self.generators = network, optimizer, generators
        n_members, self.limit = network.n_members, limit
        rates = [learning_rate] if isinstance(learning_rate, LearningRate) else learning_rate
        self.learning_rates = [*rates] * (n_members // len(rates))
        self.all_progress = [Progress()] * n_members
        self.active = list(range(n_members))
        self.losses = [nan] * n_members
        self.compiled: CompiledEpoch | None = None
        self.n_member_threads = 1
        self.compile_part: Callable[[Batches], CompiledEpoch | None] | None = None
        self._groups: list[LockstepGroup] = []
        self._grouped: Batches | None = None
        self._member_rates: dict[int, list[float]] = {}
        self._is_finite = [True] * n_members

    @property
    def progress(self) -> Progress:
        """The progress of the first member. Setting it sets the progress of all members."""
        return self.all_progress[0]

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self.all_progress = [progress] * len(self.all_progress)

    def with_horizon(self, n_epochs: int, restart: bool) -> None:
        """Set the horizon of each member's schedule; see ``Progress.with_horizon``."""
        self.all_progress = [p.with_horizon(n_epochs, restart) for p in self.all_progress]

    def state(self) -> dict[str, Any]:
        """Return the state: all that further epochs depend on except theta and the data."""
        n_kinds = len(set(self.all_progress))
        return {
            "optimizer": self.optimizer.state(),
            "generators": [rng.bit_generator.state for rng in self.generators],
            "progress": [tuple(p) for p in self.all_progress[: 1 if n_kinds == 1 else None]],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Set the state to what `state` has returned."""
        self.optimizer.restore(state["optimizer"])
        for rng, rng_state in zip(self.generators, state["generators"], strict=True):
            rng.bit_generator.state = rng_state
        progress = [Progress(*p) for p in state["progress"]]
        self.all_progress = progress * (len(self.all_progress) // len(progress))
        self._groups = []

    def epochs(self, batches: Epoch) -> Iterator[Record]:
        """Train without end; yield a record after each epoch.

        Raises
        ------
        DivergenceError
            At the first block of batches whose loss is not finite.
        """
        self.start(batches)
        for iteration in count(1):
            self.train_epoch(batches)
            yield self.record(iteration, range(self.network.n_members))

    def start(self, batches: Epoch) -> None:
        """Make all members active, and count their steps by the batches of an epoch."""
        self.active = list(range(self.network.n_members))
        self._groups = []
        self.all_progress = [
            p.rebased(batches.batches_of(k)) for k, p in enumerate(self.all_progress)
        ]

    def train_epoch(self, batches: Epoch) -> None:
        """Train the active members for one epoch."""
        self._set_rates()
        with self.limit():
            self._epoch(batches)
        for k in self.active:
            self.all_progress[k] = self.all_progress[k].after_epoch(batches.rows_of(k))

    def record(self, iteration: int, members: range) -> Record:
        """Return the record of the last epoch of a lane; raise if it has diverged."""
        active = [k for k in self.active if k in members]
        if not all(self._is_finite[k] for k in members):
            largest = max(max(self._member_rates[k]) for k in active)
            raise DivergenceError(
                f"in epoch {iteration}, at learning rate {largest:g}", "Lower learning_rate_init."
            )
        losses = tuple(self.losses[members.start : members.stop])
        rate = self._member_rates[active[0]][-1]
        return Record(iteration, sum(losses) / len(losses), rate, losses)

    def leave(self, members: range) -> None:
        """Train these members no longer."""
        self.active = [k for k in self.active if k not in members]
        self._groups = []

    def _set_rates(self) -> None:
        """Set the rates of each active member in an epoch; evaluates equal schedules only once."""
        known: dict[Any, list[float]] = {}
        for k in self.active:
            key = id(self.learning_rates[k]), self.all_progress[k]
            if key not in known:
                known[key] = self.learning_rates[k].epoch(self.all_progress[k])
            self._member_rates[k] = known[key]

    def _rates(self, numbers: Sequence[int]) -> Rates:
        """Return the rates of an epoch for the members of a group."""
        first, *others = [self._member_rates[k] for k in numbers]
        if all(own is first or own == first for own in others):
            return first
        return np.array([first, *others]).T

    def _epoch(self, batches: Epoch) -> None:
        """Train for one epoch; write the mean loss of each member to `losses`."""
        with np.errstate(all="ignore"):
            np.setbufsize(NUMPY_BUFFER_ELEMENTS)  # errstate restores it too
            totals, n_steps = np.zeros(self.network.n_members), 0
            for part in batches.parts():
                self._train_part(part, totals, n_steps)
                n_steps += part.n_batches
                if not any(isfinite(totals[k]) for k in self.active):
                    break
            for k in self.active:
                self.losses[k] = float(totals[k]) / batches.rows_of(k)
            finite = self.optimizer.finite_members().tolist()
            self._is_finite = [
                own and isfinite(loss) for own, loss in zip(finite, self.losses, strict=True)
            ]

    def take_steps(self, batches: Batches, rates: Sequence[list[float]]) -> Array:
        """Take a step for each batch, at these rates of each member; return sums of row losses."""
        self._member_rates = dict(enumerate(rates))
        totals = np.zeros(self.network.n_members)
        with self.limit(), np.errstate(all="ignore"):
            np.setbufsize(NUMPY_BUFFER_ELEMENTS)
            self._train_part(batches, totals, 0)
        return totals

    def _train_part(self, part: Batches, totals: Array, n_steps: int) -> None:
        """Train on a part of an epoch, after `n_steps` steps; add the row losses to `totals`."""
        if self.compile_part is not None:
            self.compiled = self.compile_part(part)
        if self.compiled is not None:
            rates = [
                self._member_rates[k][n_steps : n_steps + part.batches_of(k)] for k in self.active
            ]
            totals[self.active] += self.compiled(self.active, self.generators, rates)
            return
        groups = self._groups_of(part)
        for group, sums in zip(groups, self._steps_of(groups, n_steps), strict=True):
            group.copy_back(self.network, self.optimizer)
            totals[group.members] += sums

    def _steps_of(self, groups: Sequence[LockstepGroup], n_steps: int) -> list[Array]:
        """Take the steps of a part; return the sums of the row losses of each group.

        Where several threads share the groups, the network of each has only one.
        """
        rates = [self._rates(group.numbers)[n_steps:] for group in groups]
        n_shares = min(len(groups), self.n_member_threads)
        if n_shares == 1:
            return list(map(_steps, groups, rates))

        def steps(share: int) -> list[Array]:
            own = range(share, len(groups), n_shares)
            return [_steps(groups[k], rates[k]) for k in own]

        shares = self.network.team(steps, n_shares)
        return [shares[k % n_shares][k // n_shares] for k in range(len(groups))]

    def _groups_of(self, part: Batches) -> list[LockstepGroup]:
        """Return the groups, with the batches of this part."""
        if self._groups and part is not self._grouped:
            self._groups = [own._replace(batches=part.of(own.numbers)) for own in self._groups]
        self._grouped = part
        return self._groups or self._make_groups(part)

    def _make_groups(self, batches: Batches) -> list[LockstepGroup]:
        """Divide the active members into groups, which are kept for the next epochs.

        Members in lockstep take the same number of steps, so they must have equally many rows.
        """
        by_rows: dict[int, list[int]] = {}
        lockstep = batches.n_members > 1
        for k in self.active:
            by_rows.setdefault(batches.rows_of(k) if lockstep else -1 - k, []).append(k)
        if self.network.parameters.has_shared and len(by_rows) > 1:
            raise ValueError("Members that share parameters need equally many rows each.")
        parts = [own for numbers in by_rows.values() for own in self._shared_out(numbers, batches)]
        self._groups = [self._make_group(numbers, batches) for numbers in parts]
        return self._groups

    def _shared_out(self, numbers: list[int], batches: Batches) -> list[list[int]]:
        """Cut members that are trained in lockstep into a part for each thread, if it pays."""
        n_parts = min(self.n_member_threads, len(numbers) // MIN_MEMBERS_PER_THREAD)
        if batches.n_members == 1 or n_parts < 2:
            return [numbers]
        cuts = [part * len(numbers) // n_parts for part in range(n_parts + 1)]
        return [numbers[first:stop] for first, stop in pairwise(cuts)]

    def _make_group(self, numbers: list[int], batches: Batches) -> LockstepGroup:
        """Return the group of the members `numbers`."""
        generators = [self.generators[k] for k in numbers]
        own_batches = batches.of(numbers)
        first, stop = numbers[0], numbers[-1] + 1
        if len(numbers) == self.network.n_members and self.n_member_threads == 1:
            return LockstepGroup(
                slice(None), numbers, self.network, self.optimizer, generators, own_batches
            )
        adjacent = len(numbers) == stop - first
        members: Members = slice(first, stop) if adjacent else np.array(numbers)
        network = self.network.of(members, SINGLE_THREAD if self.n_member_threads > 1 else None)
        optimizer = self.optimizer.of(members, network.parameters, network.layers, network.team)
        return LockstepGroup(members, numbers, network, optimizer, generators, own_batches)

    def _handle_plateaus(self, plateaus: Sequence[int]) -> None:
        """Lower the learning rate of each member on a plateau, or stop the member."""
        for k in plateaus:
            progress = self.all_progress[k]
            if self.learning_rates[k].can_slow_down(progress):
                self.all_progress[k] = progress._replace(n_plateaus=progress.n_plateaus + 1)
            else:
                self.active.remove(k)
                self._groups = []

    def run(
        self,
        batches: Epoch,
        stopping: Stopping | IndependentStopping,
        max_iter: int,
        monitor: Monitor,
        begin: Callable[[], None] = do_nothing,
        snapshots: bool = False,
    ) -> str:
        """Train until patience or `max_iter` runs out, or the monitor or the user stops training.

        Parameters
        ----------
        batches : Epoch
        stopping : Stopping or IndependentStopping
            One rule for all members, or one for each.
        max_iter : int
            Maximum number of epochs.
        monitor : callable
            ``monitor(record) -> stop``, called after each epoch.
        begin : callable
            Called before each epoch.
        snapshots : bool
            Whether to restore the state, and not only theta, of the last finished epoch after an
            interrupt.

        Returns
        -------
        {"converged", "stopped", "max_iter", "interrupted"}
            The reason. After an interrupt, theta is that of the last finished epoch.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C is pressed before the first epoch has finished, or twice within a second.
        """
        self.start(batches)
        members = range(self.network.n_members)
        rounds = self.rounds(members, stopping, max_iter, monitor, begin, snapshots)
        try:
            while True:
                next(rounds)
                try:
                    self.train_epoch(batches)
                except KeyboardInterrupt as interrupt:
                    rounds.throw(interrupt)
        except StopIteration as end:
            return str(end.value)

    def rounds(
        self,
        members: range,
        stopping: Stopping | IndependentStopping,
        max_iter: int,
        monitor: Monitor,
        begin: Callable[[], None] = do_nothing,
        snapshots: bool = False,
    ) -> Generator[None, None, str]:
        """Control the training of a lane: yield where `train_epoch` must be called.

        An interrupt during the epoch is thrown into the generator. Parameters, result and errors
        are those of `run`; `members` are those of the lane. `snapshots` need all members.
        """
        part = slice(members.start, members.stop)
        parameters, averaged = self.network.parameters, self.optimizer.averaged()
        both = [parameters.of(part)]
        if averaged is not parameters:
            both.append(averaged.of(part))
        finished, state, n_finished = [own.copy() for own in both], None, 0
        try:
            while n_finished < max_iter:
                begin()
                yield
                record = self.record(n_finished + 1, members)
                active = [k - members.start for k in self.active if k in members]
                plateaus = stopping.plateaus(both[-1], record, active)
                for own, snapshot in zip(both, finished, strict=True):
                    own.copy_to(snapshot)
                state, n_finished = self.state() if snapshots else None, record.iteration
                if monitor(record):
                    return "stopped"
                self._handle_plateaus([members.start + k for k in plateaus])
                if not any(k in members for k in self.active):
                    return "converged"
            return "max_iter"
        except KeyboardInterrupt as interrupt:
            again = not isinstance(interrupt, Interrupted) and INTERRUPTS.register()
            if again or not n_finished:
                raise
            for own, snapshot in zip(both, finished, strict=True):
                own.put(snapshot)
            if state is not None:
                self.restore(state)
        return "interrupted"


def _steps(group: LockstepGroup, rates: Iterable[Any]) -> Array:
    """Take a step for each batch of an epoch; return the sum of the row losses of each member.

    The losses of a batch are those before its step. Stops after the first block of batches at which
    the loss of no member is finite; a sum that is not finite stays so.
    """
    network, batches = group.network, group.batches
    gradient, step, eta = network.gradient, group.optimizer.step, iter(rates)
    total = np.zeros(network.n_members)
    for Y, w, block in batches.blocks(group.generators):
        n_samples = Y.shape[-2]
        outputs, sizes = network.outputs(n_samples), batches.sizes(n_samples)
        Z, squares = outputs.Z, np.empty((len(sizes), network.n_members))
        for k, (rows, batch) in enumerate(block):
            squares[k] = gradient(*batch, Z[:, rows])
            step(next(eta))
        total += network.total_loss(Y, w, outputs) + np.dot(sizes, squares) / 2
        if not any(map(isfinite, total.tolist())):
            break
    return total
