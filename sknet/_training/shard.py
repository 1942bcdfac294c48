"""What is called on a shard of the rows, where the shard is."""

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.lbfgs import objective_of
from sknet._engine.network import Network
from sknet._engine.rounds import Message, Own, Stepped, rows_of_round
from sknet._engine.schedules import LearningRate
from sknet._engine.training import Training
from sknet._table.parts import merged
from sknet._table.passes import Look, Part
from sknet._table.quantiles import sample_keys, smallest_keys
from sknet._target.target import Target
from sknet._threads import one_blas_thread
from sknet._training.build import network_of, optimizer_of
from sknet._training.hold_out import drawn, stratum_counts
from sknet._training.prepare import Prepared, Recipe, prepare
from sknet._training.rows import EncodedRows, Rows
from sknet._training.run import batches_of
from sknet._training.settings import Settings
from sknet._training.stream import CHUNK_ROWS, RowPart
from sknet._training.units import best_constants


class Shard(NamedTuple):
    """The encoded rows of a shard.

    `order` is a random order of the rows, so that each round of an epoch has rows of all kinds.
    None if an epoch has a single round.
    """

    rows: EncodedRows
    order: np.ndarray | None

    def __sizeof__(self) -> int:
        X, Y, w = self.rows
        arrays = [X, getattr(Y, "codes", Y), w, self.order]
        return sum(0 if a is None else a.nbytes for a in arrays)


class Model(NamedTuple):
    """What shards need to know to train: the network, the steps of an epoch, and all epochs."""

    recipe: Recipe
    n_shards: int
    n_batches: int
    n_epochs: int

    def prepared(self, shard: Shard) -> Prepared:
        """Return the rows of a shard as a training takes them."""
        _, target, encoder, link, dtype, _ = self.recipe
        loss = self.recipe.loss
        return Prepared(
            encoder, target, loss, link, None, shard.rows, dtype, None, None, False
        )  # fmt: skip

    def network(self, prepared: Prepared, settings: Settings, generators: Any) -> Network:
        """Return the network of a shard. Several shards have a thread each."""
        return network_of(settings, prepared, generators, one_thread=self.n_shards > 1)


def count_strata(rows: Rows, target: Target) -> np.ndarray:
    """Return the number of rows of each class; without classes, of all rows."""
    n_strata = 1 if rows.strata is None else len(target.classes)
    return stratum_counts(rows.strata, len(rows.Y), n_strata)


def held_rows(rows: Rows, plan: tuple[np.ndarray, Any]) -> Rows:
    """Return the validation rows, given how many there are of each class, and a seed."""
    return rows.take(np.flatnonzero(_is_held(rows, plan)))


def trained_rows(rows: Rows, plan: tuple[np.ndarray, Any]) -> Rows:
    """Return the training rows: all but those of `held_rows`."""
    return rows.selected(np.flatnonzero(~_is_held(rows, plan)))


def _is_held(rows: Rows, plan: tuple[np.ndarray, Any]) -> np.ndarray:
    sizes, seed = plan
    return drawn(rows.strata, len(rows.Y), sizes, np.random.default_rng(seed))


def count_rows(rows: Rows) -> int:
    """Return the number of rows."""
    return len(rows.Y)


def look_at(rows: Rows, look: Look, first: int) -> Any:
    """Return what `look` finds in rows, in chunks; `first` is the place of the first one."""
    n_rows = len(rows.Y)

    def parts() -> Any:
        for start in range(0, n_rows, CHUNK_ROWS):
            some = rows.take(slice(start, min(start + CHUNK_ROWS, n_rows)))
            yield RowPart(some.X.numbers, some.X.codes, some.Y, some.w, some, first + start)

    return merged(look(part) for part in parts())


def encode(rows: Rows, recipe: Recipe, seed: Any) -> Shard:
    """Return encoded rows."""
    order = None if seed is None else np.random.default_rng(seed).permutation(len(rows.Y))
    return Shard(recipe.encoded(rows), order)


def look_at_encoded(shard: Shard, look: Any) -> Any:
    """Return what `look` finds in encoded rows."""
    return look(part_of(shard.rows))


def part_of(rows: EncodedRows) -> Part:
    """Return encoded rows as searches take them."""
    X, Y, w = rows
    return Part(X, np.empty((len(Y), 0), np.intp), Y, w)


class Alone(NamedTuple):
    """A single shard, prepared, and the warnings that this gave."""

    prepared: Prepared
    warnings: list[tuple[str, type[Warning]]]

    @property
    def n_rows(self) -> int:
        """The number of training rows."""
        return self.prepared.n_rows


def prepared_alone(rows: Rows, settings: Settings, *job: Any) -> Alone:
    """Return the only shard as a training takes it."""
    target, out_activation, start, held, split_seed = job
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepared = prepare(settings, rows, target, out_activation, start, False, held, split_seed)
    return Alone(prepared, [(str(own.message), own.category) for own in caught])


class Summary(NamedTuple):
    """What is known of the only shard away from it: `prepared` has a sample of its rows."""

    prepared: Prepared
    warnings: list[tuple[str, type[Warning]]]
    n_rows: int


def summary(alone: Alone, n_rows: int, settings: Settings) -> Summary:
    """Return what is known of the only shard, with a sample of `n_rows` rows at most."""
    prepared = alone.prepared
    own = smallest_keys(sample_keys(0, alone.n_rows), n_rows)
    read = Rows(None, None, prepared.read.w, None)
    X, Y, w = prepared.rows
    known = EncodedRows(X[own], Y[own], None if w is None else w[own])
    constants = best_constants(settings, prepared._replace(read=read))
    small = prepared._replace(read=None, rows=known, constants=constants)
    return Summary(small, alone.warnings, alone.n_rows)


def rows_of_prepared(alone: Alone) -> Shard:
    """Return the encoded rows of the only shard."""
    return Shard(alone.prepared.rows, None)


def take_steps(shard: Shard, model: Model, message: Message, own: Own) -> Stepped:
    """Take the steps of a round."""
    settings, prepared = model.recipe.settings, model.prepared(shard)
    generators = [generator_of(state) for state in own.generators]
    network = model.network(prepared, settings, generators)
    network.parameters.put(message.theta)
    optimizer = optimizer_of(settings, prepared, network, model.n_batches)
    optimizer.restore(message.optimizer)
    totals = np.zeros(network.n_members)
    if own.rates[0]:
        training = Training(network, optimizer, LearningRate("constant", 1.0), generators)
        batches = batches_of_round(shard, settings, prepared, network, message)
        training.compiled = CompiledEpoch.of(network, optimizer, batches, model.n_epochs)
        with one_blas_thread(network.largest_product(batches.batch_size)):
            totals = training.take_steps(batches, own.rates)
    states = [rng.bit_generator.state for rng in generators]
    return Stepped(network.parameters.copy(), optimizer.state(), states, totals)


def occurrences(shard: Shard, model: Model) -> list[dict[str, np.ndarray]]:
    """Return, for each layer, how often the rows of its sparse parameters are used."""
    generators = [np.random.default_rng(0)] * model.recipe.settings.n_members
    network = model.network(model.prepared(shard), model.recipe.settings, generators)
    return [layer.occurrences(shard.rows.X) for layer in network.layers]


def generator_of(state: Any) -> np.random.Generator:
    """Return a generator in this state."""
    rng = np.random.default_rng(0)
    rng.bit_generator.state = state
    return rng


def batches_of_round(
    shard: Shard, settings: Settings, prepared: Prepared, network: Network, message: Message
) -> Any:
    """Return the batches of a round."""
    if shard.order is None:
        return batches_of(settings, prepared, network, None)
    (X, Y, w), size = shard.rows, settings.batch_rows(len(shard.order))
    rows = rows_of_round(len(shard.order), size, message.number, message.n_rounds)
    n_lockstep, own = network.n_lockstep(size), [shard.order[rows]] * network.n_members
    return Batches(X, Y, w, size, settings.shuffle, n_lockstep, own)


def loss_and_gradient(
    shard: Shard, model: Model, theta: np.ndarray, n_rows: int
) -> tuple[float, np.ndarray]:
    """Return the share of this shard in the objective of one member, and in its gradient."""
    settings, prepared = replace(model.recipe.settings, n_members=1), model.prepared(shard)
    generators = [np.random.default_rng(0)]
    network = model.network(prepared, settings, generators)
    network.parameters.put([theta])
    batch = next(batches_of(settings, prepared, network, None).epoch(generators))
    with np.errstate(all="ignore"), one_blas_thread(network.largest_product(prepared.n_rows)):
        loss, gradient = objective_of(network, batch)()
    share = prepared.n_rows / n_rows
    return share * loss, share * gradient
