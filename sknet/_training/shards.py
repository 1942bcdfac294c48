"""Rows in shards, which may be on the workers of a cluster: what happens there, and here.

A `Runner` calls functions on the shards. What it keeps stays where the rows are, and is known here
by a handle. Of all rows, only statistics, validation rows and a random sample come here. A single
shard is prepared by `prepare`, as rows in memory are: then its training is that of ``fit``.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from sknet._compat import warn
from sknet._engine.lbfgs import Objective
from sknet._engine.network import Network
from sknet._engine.rounds import Message, Own, RoundTraining, Shares, Stepped, gain
from sknet._engine.training import Training
from sknet._table.encoder import Encoder
from sknet._table.knots import distinct_knots, knot_levels, varied
from sknet._table.parts import merged
from sknet._table.passes import Look, drive, quantiles
from sknet._table.quantiles import sample_rows
from sknet._target.target import Target
from sknet._training.hold_out import held_size, held_sizes
from sknet._training.part_units import constants_of_parts
from sknet._training.prepare import Prepared, Recipe, with_embedding
from sknet._training.rows import EncodedRows, Rows
from sknet._training.settings import Settings
from sknet._training.shard import (
    Model,
    count_rows,
    count_strata,
    encode,
    held_rows,
    look_at,
    look_at_encoded,
    loss_and_gradient,
    occurrences,
    part_of,
    prepared_alone,
    rows_of_prepared,
    summary,
    take_steps,
    trained_rows,
)
from sknet._training.start import Start
from sknet._training.stream import prepare_parts

#: The largest learning rate that is raised for several shards, for solvers whose step size does not
#: depend on the scale of the gradient. Without it, 0.01 and 8 shards diverge.
MOST_RATE = 0.02
#: Least batch of a shard for batch_size="auto". Measured with 8 shards on diamonds, 1 - R2 over
#: that of one shard: batches of 256, 1.44; of 64, 1.18; of 32, 1.24, and slower.
LEAST_BATCH = 64


class Runner(Protocol):
    """Calls functions on shards: ``function(shard, *common)``, or with an entry of `each` last."""

    def keep(self, function: Any, shards: Sequence[Any], *common: Any, each: Any = None) -> Any:
        """Return a handle of each result, which stays where the shard is."""

    def map(self, function: Any, shards: Sequence[Any], *common: Any, each: Any = None) -> Any:
        """Return the result of each shard."""

    def shared(self, value: Any) -> Any:
        """Return a handle of a value that is sent only once to where it is used."""

    def release(self, handles: Sequence[Any]) -> None:
        """Forget results that are no longer needed."""


def batch_of_shard(batch_size: int, n_shards: int) -> int:
    """Return the batch of a shard for batch_size="auto", given that of one network.

    All shards together have that batch at once, unless those of each would be too small.
    """
    return max(min(batch_size, LEAST_BATCH), -(-batch_size // n_shards))


def scaled_rate(settings: Settings, n_shards: int) -> Settings:
    """Return settings with the learning rate for local steps of several shards.

    It is multiplied by the number of shards, since an average of n steps is as long as one step,
    and less noisy; for solvers of the kind of Adam, up to `MOST_RATE`.
    """
    if settings.solver is None or n_shards == 1:
        return settings
    eta = settings.learning_rate_init
    scaled = n_shards * eta
    if settings.solver.scale_free:
        scaled = max(eta, min(scaled, MOST_RATE))
    return replace(settings, learning_rate_init=scaled)


class Shards:
    """The training rows in shards: what `Stream` is for a stream.

    Parameters
    ----------
    runner : Runner
    rows : sequence
        A handle of the `Rows` of each shard, none of weight 0.
    counts : list of int
        Rows of each shard, at least 1.
    n_columns : int
        Columns of X.
    levels : list of list or None
        The levels of each category.
    average_every : int
        Steps between two averages, at most.

    Attributes
    ----------
    held : Rows or None
        The rows that are held out.
    seed : int
    """

    def __init__(
        self,
        runner: Runner,
        rows: Sequence[Any],
        counts: list[int],
        n_columns: int,
        levels: Sequence[list[Any] | None],
        average_every: int,
    ) -> None:
        self.runner, self.rows, self.counts = runner, rows, counts
        self.n_columns, self.levels, self.average_every = n_columns, levels, average_every
        self.held: Rows | None = None
        self.seed = 0

    @property
    def n_rows(self) -> int:
        """The number of training rows."""
        return sum(self.counts)

    def prepare(
        self,
        settings: Settings,
        target: Target,
        out_activation: str,
        start: Start | None,
        held: Rows | None,
        split_seed: int,
    ) -> Prepared:
        """Return the rows as a training takes them; see `prepare`."""
        job = sendable(settings), target, out_activation, start
        if len(self.rows) > 1:
            return prepare_parts(self, *job, held, split_seed)
        self.seed = split_seed
        whole = self.runner.keep(prepared_alone, self.rows, *job, held, split_seed)
        self._replace(whole)
        (known,) = self.runner.map(summary, whole, sample_rows(self.n_columns), settings)
        for message, category in known.warnings:
            warn(message, category)
        prepared = known.prepared
        self.counts = [known.n_rows]
        recipe = Recipe(
            job[0], prepared.target, prepared.encoder, out_activation, prepared.dtype, False
        )
        kept = self.runner.keep(rows_of_prepared, whole)
        self._replace([])
        return prepared._replace(stream=Sharded(self, kept, recipe))

    def hold_out(self, fraction: float, seed: int, target: Target) -> None:
        """Draw the rows that are held out: their number is that of each class in all shards."""
        n_held = held_size(self.n_rows, fraction, target)
        counts = np.stack(self.runner.map(count_strata, self.rows, target))
        sizes = held_sizes(counts, n_held, np.random.default_rng(seed))
        plans = [(own, [seed, s]) for s, own in enumerate(sizes)]
        held = self.runner.map(held_rows, self.rows, each=plans)
        self.held = Rows.stacked([own for own in held if len(own.Y)])
        trained = self.runner.keep(trained_rows, self.rows, each=plans)
        left = [k for k, n_rows in enumerate((counts - sizes).sum(axis=1)) if n_rows]
        self.runner.release([own for k, own in enumerate(trained) if k not in left])
        self._replace([trained[k] for k in left])
        self.counts = self.runner.map(count_rows, self.rows)

    def run(self, look: Look) -> Any:
        """Return what `look` finds in all training rows: one pass."""
        firsts = [0, *accumulate(self.counts[:-1])]
        return merged(self.runner.map(look_at, self.rows, look, each=firsts))

    def encoded(self, recipe: Recipe) -> "Sharded":
        """Encode the training rows, and forget them as they were read."""
        settings = recipe.settings
        has_rounds = settings.solver is not None and self.shares(settings).n_rounds > 1
        seeds = [[self.seed, s] if has_rounds else None for s in range(len(self.rows))]
        kept = self.runner.keep(encode, self.rows, self.runner.shared(recipe), each=seeds)
        self._replace([])
        return Sharded(self, kept, recipe)

    def shares(self, settings: Settings) -> Shares:
        """Return the batches of an epoch, which cannot be run yet."""
        return Shares(None, self.counts, settings.batch_rows(self.n_rows), self.average_every)

    def _replace(self, rows: Sequence[Any]) -> None:
        """Forget the rows of all shards, and take others in their place."""
        self.runner.release(self.rows)
        self.rows = rows


class Sharded:
    """The encoded training rows in shards: what `Streamed` is for a stream."""

    #: Trains on the shards.
    training = RoundTraining

    def __init__(self, shards: Shards, kept: Sequence[Any], recipe: Recipe) -> None:
        self.shards, self.kept, self.recipe = shards, kept, recipe
        self.runner = shards.runner

    @property
    def n_rows(self) -> int:
        """The number of training rows."""
        return self.shards.n_rows

    @property
    def rows_at_once(self) -> int:
        """Rows whose gradient is computed at once: here, of none."""
        return 1

    def n_batches(self, settings: Settings) -> int:
        """Return the number of steps of an epoch."""
        return self.shards.shares(settings).batches_of(0)

    def embedded(self, encoder: Encoder, known: EncodedRows, settings: Settings) -> Encoder:
        """Return the encoder of a network that embeds numbers, given a sample of the rows."""
        if len(known.Y) == self.n_rows or settings.numeric_embedding != "ple":
            encoder = with_embedding(encoder, known, settings)
        else:
            columns = varied(known.X, encoder.number_columns)
            levels = knot_levels(settings.n_bins, len(columns))
            search = quantiles(lambda part: part.numbers[:, columns], part_of(known), levels)
            found = drive(lambda look: merged(self.run(look)), search)
            encoder = encoder.with_knots(distinct_knots(columns, found.T))
        self.recipe = self.recipe._replace(encoder=encoder)
        return encoder

    def constants(self, known: Prepared) -> Any:
        """Return the best constant of each member; None if the sample has all rows."""
        if len(known.rows.Y) == self.n_rows:
            return None
        return constants_of_parts(self.recipe.settings, known, self.run)

    def run(self, look: Any) -> list[Any]:
        """Return what ``look(part)`` finds in the encoded rows of each shard."""
        return self.runner.map(look_at_encoded, self.kept, look)

    def batches(self, settings: Settings, training: Training, max_iter: int, say: Any) -> Shares:
        """Return the batches of an epoch."""
        training.seed = self.shards.seed
        shares = self.shards.shares(settings)
        model = self._model(settings, max_iter * shares.n_rounds)
        training.gains = self._gains(training.network, model, shares.batch_size)

        def run(message: Message, own: list[Own]) -> list[Stepped]:
            return self.runner.map(take_steps, self.kept, model, message, each=own)

        return shares._replace(run=run)

    def _gains(self, network: Network, model: Any, batch_size: int) -> list[np.ndarray | None]:
        """Return what averages of parameters with sparse gradients are multiplied by."""
        blocks = network.parameters.blocks
        if len(self.kept) == 1 or not any(block.layout.sparse for block in blocks):
            return [None] * len(blocks)
        each = self.runner.map(occurrences, self.kept, model)
        found: list[np.ndarray | None] = []
        for block in blocks:
            own = np.ones(block.layout.n_params, block.theta.dtype)
            for place in block.layout.sparse:
                count = sum(layers[place.layer][place.name] for layers in each)
                factors = gain(count, self.n_rows, batch_size, len(self.kept))
                own[place.columns] = np.repeat(factors, place.shape[-1])
            found.append(own)
        return found

    def objective(self, network: Network) -> Objective:
        """Return the objective of a network of one member on all rows: a sum over shards."""
        model = self._model(self.recipe.settings, 1)

        def objective() -> tuple[float, np.ndarray]:
            theta = network.theta[0].copy()
            found = self.runner.map(loss_and_gradient, self.kept, model, theta, self.n_rows)
            losses, gradients = zip(*found, strict=True)
            return float(sum(losses[1:], losses[0])), sum(gradients[1:], gradients[0])

        return objective

    def _model(self, settings: Settings, n_epochs: int) -> Any:
        recipe = self.recipe._replace(settings=sendable(settings))
        model = Model(recipe, len(self.kept), self.shards.shares(settings).batches_of(0), n_epochs)
        return self.runner.shared(model)


def sendable(settings: Settings) -> Settings:
    """Return the settings without what workers do not need, and may not be able to load."""
    return replace(settings, learning_rate="constant", random_state=None)
