"""Training on shards of the rows: each takes steps of its own, then parameters are averaged.

The rows are divided into shards, which may be anywhere. An epoch is cut into rounds. In a round,
each shard starts from the same parameters and the same state of the optimizer, and takes its next
steps. Then parameters and state are averaged over the shards, weighted by the rows that each has
seen in the round. A round is a pure function of its message, so a lost one can be repeated.

Steps that shards take at the same time are averaged. Rows of an embedding are stepped only where
their level occurs, so those of a rare level are mostly stepped by one shard at a time. What such
steps have moved is added up. For a level that occurs in a share p of the batches, S shards have a
level in p S batches at once, and p S or none in the average: the average is multiplied by the
number of steps at different times, (1 - (1 - p)^S) / p (`gain`).

One shard has a single round, whose average is its own result: the training of `Training`.

Source: local SGD, Stich 2019, "Local SGD converges fast and communicates little".
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.activations import Array
from sknet._engine.batches import Epoch
from sknet._engine.optimizers import scalar_if_equal
from sknet._engine.training import Training

#: Averages in an epoch, at least, if shards have as many steps. Measured with 8 shards, R2 over
#: that of one: insteval, .974 with two averages and .996 with four; diamonds, .9986 and .9992.
LEAST_ROUNDS = 4


class Message(NamedTuple):
    """What all shards get at the beginning of a round.

    Attributes
    ----------
    number, n_rounds : int
        The round, from 0 on, of so many in an epoch.
    theta : list of ndarray
        A snapshot of the parameters.
    optimizer : dict
        Its state (``Optimizer.state``).
    """

    number: int
    n_rounds: int
    theta: list[Array]
    optimizer: dict[str, Any]


class Own(NamedTuple):
    """What a shard gets besides: its generators, and the rates of its steps for each member."""

    generators: list[Any]
    rates: list[list[float]]


class Stepped(NamedTuple):
    """What a shard returns: its results, and the sum of the row losses of each member."""

    theta: list[Array]
    optimizer: dict[str, Any]
    generators: list[Any]
    totals: Array


#: ``run(message, own) -> stepped``, with an entry for each shard.
Run = Callable[[Message, list[Own]], list[Stepped]]


class Shares(NamedTuple):
    """The batches of an epoch, divided among the shards.

    Attributes
    ----------
    run : callable
    n_rows : list of int
        Rows of each shard.
    batch_size : int
        Of each shard; that of a smaller shard is its number of rows.
    average_every : int
        Steps of a shard between two averages, at most; there are `LEAST_ROUNDS` of them, at least.
    """

    run: Run
    n_rows: list[int]
    batch_size: int
    average_every: int

    @property
    def n_batches(self) -> list[int]:
        """The batches of an epoch of each shard."""
        return [-(-n // min(self.batch_size, n)) for n in self.n_rows]

    @property
    def n_rounds(self) -> int:
        """The rounds of an epoch."""
        if len(self.n_rows) == 1:
            return 1
        n_batches = max(self.n_batches)
        return max(-(-n_batches // self.average_every), min(n_batches, LEAST_ROUNDS))

    def rows_of(self, k: int) -> int:
        """Return the number of training rows of member `k`."""
        return sum(self.n_rows)

    def batches_of(self, k: int) -> int:
        """Return the steps of an epoch of member `k`."""
        return max(self.n_batches)


def steps_of_round(n_batches: int, number: int, n_rounds: int) -> slice:
    """Return which batches of an epoch belong to a round."""
    return slice(number * n_batches // n_rounds, (number + 1) * n_batches // n_rounds)


def rows_of_round(n_rows: int, batch_size: int, number: int, n_rounds: int) -> slice:
    """Return which rows of an epoch belong to a round: those of whole batches."""
    size = min(batch_size, n_rows)
    steps = steps_of_round(-(-n_rows // size), number, n_rounds)
    return slice(steps.start * size, min(steps.stop * size, n_rows))


class RoundTraining(Training):
    """Training whose epochs are rounds on shards.

    The generators of the training belong to the first shard. Those of the others are made from
    `seed`, the number of the member and of the shard, and the epochs so far.
    """

    seed = 0
    #: What the average of each block of parameters has moved is multiplied by; None by 1.
    gains: Sequence[Array | None] = ()
    _states: Sequence[list[Any]] = ()

    def _epoch(self, batches: Any) -> None:
        shares: Shares = batches
        totals, n_rounds = np.zeros(self.network.n_members), shares.n_rounds
        for number in range(n_rounds):
            state = self.optimizer.state()
            message = Message(number, n_rounds, self.network.parameters.copy(), state)
            stepped = shares.run(message, self._own(shares, number))
            self._take(stepped, self._weights(shares, number))
            for own in stepped:
                totals += own.totals
            if not np.isfinite(totals).any():
                break
        for k in self.active:
            self.losses[k] = float(totals[k]) / shares.rows_of(k)
        finite = self.optimizer.finite_members() & np.isfinite(self.losses)
        self._is_finite = finite.tolist()

    def start(self, batches: Epoch) -> None:
        """Make all members active, and make the generators of the shards."""
        super().start(batches)
        shares: Any = batches
        epoch = self.progress.epoch
        others = range(1, len(shares.n_rows))
        self._states = [
            [
                np.random.default_rng([self.seed, k, s, epoch]).bit_generator.state
                for k in range(self.network.n_members)
            ]
            for s in others
        ]

    def _own(self, shares: Shares, number: int) -> list[Own]:
        """Return what each shard gets for a round."""
        first = [rng.bit_generator.state for rng in self.generators]
        found = []
        for generators, n_batches in zip([first, *self._states], shares.n_batches, strict=True):
            steps = steps_of_round(n_batches, number, shares.n_rounds)
            found.append(Own(generators, [own[steps] for own in self._epoch_rates(n_batches)]))
        return found

    def _epoch_rates(self, n_batches: int) -> list[list[float]]:
        """Return the rates of each member in an epoch of so many batches."""
        known: dict[Any, list[float]] = {}
        found = []
        for rate, progress in zip(self.learning_rates, self.all_progress, strict=True):
            key = id(rate), progress
            if key not in known:
                known[key] = rate.epoch(progress.rebased(n_batches))
            found.append(known[key])
        return found

    @staticmethod
    def _weights(shares: Shares, number: int) -> list[float]:
        """Return the weight of each shard in an average."""
        rows = [rows_of_round(n, shares.batch_size, number, shares.n_rounds) for n in shares.n_rows]
        counts = [own.stop - own.start for own in rows]
        return [count / sum(counts) for count in counts]

    def _take(self, stepped: Sequence[Stepped], weights: Sequence[float]) -> None:
        """Set parameters and states to what the shards have come to, averaged."""
        states = [own.optimizer for own in stepped]
        arrays = {
            name: averaged([state["arrays"][name] for state in states], weights)
            for name in states[0]["arrays"]
        }
        steps = np.max([np.broadcast_to(state["t"], self.network.n_members) for state in states], 0)
        t = scalar_if_equal(steps)
        self.optimizer.restore({"t": t if isinstance(t, int) else t.tolist(), "arrays": arrays})
        start = self.network.parameters.copy()
        theta = averaged([own.theta for own in stepped], weights)
        for block, own, gain in zip(start, theta, self.gains, strict=False):
            if gain is not None:
                np.copyto(own, block + gain * (own - block))
        self.network.parameters.put(theta)
        for rng, state in zip(self.generators, stepped[0].generators, strict=True):
            rng.bit_generator.state = state
        self._states = [own.generators for own in stepped[1:]]


def gain(n_occurrences: Array, n_samples: int, batch_size: int, n_shards: int) -> Array:
    """Return the factor of an average for rows that occur in so many of all samples.

    It is `n_shards` for rare rows, and 1 for those of every batch.
    """
    share = n_occurrences / n_samples
    p = np.maximum(-np.expm1(batch_size * np.log1p(-np.minimum(share, 1.0 - 1e-12))), 1e-12)
    return -np.expm1(n_shards * np.log1p(-np.minimum(p, 1.0 - 1e-12))) / p


def averaged(parts: Sequence[list[Array]], weights: Sequence[float]) -> list[Array]:
    """Return the weighted mean of several snapshots; the weights add up to 1.

    It is summed in float64, in the order of the snapshots.
    """
    means = []
    with np.errstate(all="ignore"):
        for arrays in zip(*parts, strict=True):
            total = np.zeros(arrays[0].shape)
            for own, weight in zip(arrays, weights, strict=True):
                if weight:
                    total += weight * own.astype(np.float64)
            means.append(total.astype(arrays[0].dtype))
    return means
