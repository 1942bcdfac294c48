"""Rows of a stream: read again in each pass, held out by their place, encoded chunk by chunk."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.compiled import CompiledEpoch
from sknet._engine.lbfgs import Objective
from sknet._engine.links import LINKS
from sknet._engine.network import Network
from sknet._engine.stream import Chunk, StreamedBatches, objective_of_chunks
from sknet._engine.training import Training
from sknet._table.encoder import Encoder
from sknet._table.encodings import ENCODINGS, fixed_scaling
from sknet._table.parts import merged
from sknet._table.passes import (
    Look,
    Part,
    Search,
    centre_and_scale,
    drive,
    median_and_deviation,
    table_statistics,
    together,
)
from sknet._table.quantiles import sample_keys, sample_rows, smallest_keys
from sknet._target.scale import warn_of_outliers
from sknet._target.target import Target
from sknet._training.hold_out import MIN_STOPPING_ROWS, warn_of_rare_class
from sknet._training.prepare import (
    Prepared,
    Recipe,
    engine_dtype,
    has_ones,
    require_averaged,
    require_domain,
    with_embedding,
)
from sknet._training.rows import EncodedRows, Rows
from sknet._training.settings import Settings
from sknet._training.start import Start

#: Rows that are read, looked at and encoded at once.
CHUNK_ROWS = 1 << 15


class RowPart(NamedTuple):
    """A `Part` with the rows that it is made of, and the place of the first one."""

    numbers: np.ndarray
    codes: np.ndarray
    Y: Any
    w: np.ndarray | None
    rows: Rows
    first: int


class Stream:
    """The rows of a stream, which are read again in each pass.

    Parameters
    ----------
    read : callable
        ``read() -> iterator`` over `Rows` of any lengths, of which none has the weight 0: the same
        in each call.
    n_rows : int
        Rows of all of them.
    counts : ndarray of int
        Rows of each stratum; of all rows, if there are none.
    buffer_rows : int
        Rows that the shuffling buffer holds.
    n_columns : int
        Columns of X.
    levels : list of list or None
        The levels of each category.
    keeps_source : bool
        Whether validation rows remember how the user gave them.

    Attributes
    ----------
    n_rows : int
        Training rows.
    held : Rows or None
        The rows that are held out, once they have been read.
    seed : int
        Of the shuffling buffer.
    """

    def __init__(
        self,
        read: Callable[[], Iterator[Rows]],
        n_rows: int,
        counts: np.ndarray,
        buffer_rows: int,
        n_columns: int,
        levels: Sequence[list[Any] | None],
        keeps_source: bool,
    ) -> None:
        self.read, self.n_rows, self.counts = read, n_rows, counts
        self.buffer_rows, self.n_columns = buffer_rows, n_columns
        self.levels, self.keeps_source = levels, keeps_source
        self.held: Rows | None = None
        self.seed = 0
        self._drawn: list[np.ndarray] | None = None

    def hold_out(self, fraction: float, seed: int, target: Target) -> None:
        """Draw the rows that are held out, of each class the same share.

        Raises
        ------
        ValueError
            If they are more than the buffer holds, or if no row is left.
        """
        rng, own = np.random.default_rng(seed), []
        least = 1 if hasattr(target, "classes") else 2  # R2 of a single row is not defined
        sizes = np.minimum(np.rint(fraction * self.counts).astype(int), self.counts)
        sizes[self.counts.argmax()] += max(0, least - sizes.sum())
        n_held = int(sizes.sum())
        if n_held > self.buffer_rows:
            raise ValueError(
                f"early_stopping: validation_fraction={fraction:g} of {self.n_rows} rows are"
                f" {n_held} validation rows, which stay in memory; buffer_rows={self.buffer_rows}"
                " are allowed. Lower validation_fraction (or 'auto'), raise buffer_rows, or pass"
                " X_val."
            )
        if n_held >= self.n_rows:
            raise ValueError(
                f"early_stopping: validation_fraction={fraction:g} leaves no training rows of"
                f" n_samples={self.n_rows}. Lower it, or set early_stopping=False."
            )
        for count, size in zip(self.counts, sizes, strict=True):
            own.append(np.sort(rng.choice(count, size, replace=False, shuffle=False)))
        self._drawn, self.n_rows = own, self.n_rows - n_held

    def parts(self) -> Iterator[RowPart]:
        """Yield the training rows, ``CHUNK_ROWS`` at a time; the first pass keeps the others."""
        held: list[Rows] = []
        seen = np.zeros(len(self.counts), int)
        first = 0
        for rows in of_equal_length(self.read(), CHUNK_ROWS, self.keeps_source):
            if self._drawn is not None:
                is_held = self._is_held(rows, seen)
                if self.held is None and is_held.any():
                    held.append(self._forgetting(rows.take(np.flatnonzero(is_held))))
                rows = rows.take(np.flatnonzero(~is_held))
            yield RowPart(rows.X.numbers, rows.X.codes, rows.Y, rows.w, rows, first)
            first += len(rows.Y)
        if held and self.held is None:
            self.held = Rows.stacked(held, self.keeps_source)

    def _is_held(self, rows: Rows, seen: np.ndarray) -> np.ndarray:
        """Whether each row is held out, given the rows of each stratum so far, which it updates."""
        n_rows = len(rows.Y)
        strata = np.zeros(n_rows, int) if rows.strata is None else rows.strata
        is_held = np.zeros(n_rows, bool)
        for stratum in np.unique(strata):
            own = np.flatnonzero(strata == stratum)
            start, stop = np.searchsorted(
                self._drawn[stratum], [seen[stratum], seen[stratum] + len(own)]
            )
            is_held[own[self._drawn[stratum][start:stop] - seen[stratum]]] = True
            seen[stratum] += len(own)
        return is_held

    def _forgetting(self, rows: Rows) -> Rows:
        return rows if self.keeps_source else rows._replace(X=rows.X.without_source())

    def run(self, look: Look) -> Any:
        """Return what `look` finds in all training rows: one pass."""
        return merged(look(part) for part in self.parts())

    def prepare(self, *job: Any) -> Prepared:
        """Return the rows as a training takes them; the arguments are those of `prepare_parts`."""
        return prepare_parts(self, *job)

    def encoded(self, recipe: Recipe) -> "Streamed":
        """Return the training rows as the engine takes them."""
        return Streamed(self, recipe)


class Streamed(NamedTuple):
    """The training rows of a stream as the engine takes them."""

    stream: Stream
    recipe: Recipe

    #: Trains on the batches.
    training = Training

    @property
    def n_rows(self) -> int:
        """The number of training rows."""
        return self.stream.n_rows

    @property
    def rows_at_once(self) -> int:
        """Rows whose gradient is computed at once."""
        return min(self.n_rows, CHUNK_ROWS)

    def n_batches(self, settings: Settings) -> int:
        """Return the number of steps of an epoch."""
        return -(-self.n_rows // settings.batch_rows(self.n_rows))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the encoded training rows: one pass."""
        for part in self.stream.parts():
            yield Chunk(*self.recipe.encoded(part.rows))

    def embedded(self, encoder: Encoder, known: EncodedRows, settings: Settings) -> Encoder:
        """Return the encoder of a network that embeds numbers, given a sample of the rows."""
        return with_embedding(encoder, known, settings)

    def constants(self, known: Prepared) -> None:
        """Return the best constants; None, as they are found from the sample."""

    def batches(
        self, settings: Settings, training: Training, max_iter: int, say: Any
    ) -> StreamedBatches:
        """Return the batches of an epoch, which pass through the buffer."""
        network, optimizer = training.network, training.optimizer
        size = settings.batch_rows(self.n_rows)
        buffer_rows, rng = self.stream.buffer_rows, np.random.default_rng(self.stream.seed)
        batches = StreamedBatches(
            self.chunks, self.n_rows, buffer_rows, size, settings.shuffle,
            network.n_lockstep(size), rng,
        )  # fmt: skip
        n_epochs = max_iter * batches.n_parts
        training.compile_part = partial(
            CompiledEpoch.of, network, optimizer, max_iter=n_epochs, say=say
        )
        return batches

    def objective(self, network: Network) -> Objective:
        """Return the objective of a network of one member on all rows."""
        return objective_of_chunks(network, self.chunks, self.n_rows)


class Sample(NamedTuple):
    """The rows of the smallest keys among those seen: a random sample, in their order."""

    keys: np.ndarray
    rows: Rows
    size: int

    def merge(self, other: "Sample") -> "Sample":
        """Return the sample of the rows of both."""
        n_own = len(self.keys)
        keys = np.concatenate([self.keys, other.keys])
        kept = smallest_keys(keys, self.size)
        if len(kept) == len(keys):
            return Sample(keys, Rows.stacked([self.rows, other.rows]), self.size)
        own, new = kept[kept < n_own], kept[kept >= n_own] - n_own
        rows = [self.rows.take(own), other.rows.take(new)]
        return Sample(keys[kept], Rows.stacked([own for own in rows if len(own.Y)]), self.size)


def sampled(n_columns: int) -> Search:
    """Find a random sample of the rows: all of them, if they are few."""
    size = sample_rows(n_columns)

    def look(part: RowPart) -> Sample:
        keys = sample_keys(part.first, len(part.Y))
        kept, rows = smallest_keys(keys, size), part.rows
        rows = rows._replace(X=rows.X.without_source())
        return Sample(keys[kept], rows.take(kept), size)

    found = yield look
    return found.rows


def of_equal_length(pieces: Iterator[Rows], n_rows: int, keeps_source: bool) -> Iterator[Rows]:
    """Yield the same rows, `n_rows` at a time, so that nothing depends on how they are cut."""
    waiting: list[Rows] = []
    n_waiting = 0
    for piece in pieces:
        start = 0
        while len(piece.Y) - start >= n_rows - n_waiting:
            stop = start + n_rows - n_waiting
            yield Rows.stacked([*waiting, _slice(piece, start, stop)], keeps_source)
            waiting, n_waiting, start = [], 0, stop
        if start < len(piece.Y):
            waiting.append(_slice(piece, start, len(piece.Y)))
            n_waiting += len(piece.Y) - start
    if waiting:
        yield Rows.stacked(waiting, keeps_source)


def _slice(rows: Rows, start: int, stop: int) -> Rows:
    return rows if stop - start == len(rows.Y) else rows.take(slice(start, stop))


def prepare_parts(
    source: Any,
    settings: Settings,
    target: Target,
    out_activation: str,
    start: Start | None,
    held: Rows | None,
    split_seed: int,
) -> Prepared:
    """Hold out rows, and fit encoder and target by passes over the others; see `prepare`.

    `source` is a `Stream`, or rows that are elsewhere and have the same methods.
    """
    link, loss = LINKS[out_activation], settings.loss(out_activation)
    stops_early = settings.early_stopping
    name = "y" if held is None else "y_val"
    source.seed = split_seed
    if stops_early and held is None:
        source.hold_out(settings.validation_fraction, split_seed, target)
    learned, sample, limits = _learned(settings, source, target, link, loss, start)
    target, encoder, dtype = learned
    held = source.held if held is None else held
    require_averaged(settings, held)
    if held is not None:
        if stops_early and (name == "y_val" or settings.asks_to_stop):
            warn_of_rare_class(sample, held, target, is_given=name == "y_val")
        stops_early &= len(held.Y) >= MIN_STOPPING_ROWS
    if settings.clip_predictions and link.is_linear:
        seen = limits if source.held is None else np.concatenate([limits, source.held.Y])
        target = target.limited(seen)
    with_ones = has_ones(sample, encoder, dtype, settings)
    recipe = Recipe(settings, target, encoder, out_activation, dtype, with_ones)
    known, encoded = recipe.encoded(sample), source.encoded(recipe)
    if start is None and settings.numeric_embedding:
        encoder = encoded.embedded(encoder, known, settings)
    held_encoded = None
    if held is not None:
        held_encoded = held.encoded(encoder, dtype, target.scaled(held.Y))
        require_domain(loss, settings, out_activation, held_encoded.Y, name)
    prepared = Prepared(
        encoder, target, loss, link, sample, known, dtype, held, held_encoded, stops_early, encoded
    )
    return prepared._replace(constants=encoded.constants(prepared))


def _learned(
    settings: Settings, source: Any, target: Target, link: Any, loss: Any, start: Start | None
) -> tuple[tuple[Target, Encoder, np.dtype], Rows, np.ndarray]:
    """Return target, encoder and dtype, a sample of the rows, and the range of the targets."""
    known: list[Rows] = []

    def sampling() -> Search:
        known.append((yield from sampled(source.n_columns)))

    def sample() -> Part:
        rows = known[0]
        return Part(rows.X.numbers, rows.X.codes, rows.Y, rows.w)

    searches: list[Search] = [sampling()]
    if target.is_number:
        searches.append(centre_and_scale(lambda part: part.Y))
    if start is None:
        scaling = fixed_scaling(settings.encoding)
        quartiles = scaling is not None and ENCODINGS[scaling].needs_quartiles
        searches.append(table_statistics(source.levels, sample, quartiles, scaling is None))
        if target.is_number and loss.robust:
            searches.append(median_and_deviation(lambda part: part.Y, sample))
    _, *found = drive(source.run, together(*searches))
    rows, limits = known[0], np.empty((0, 1))
    if target.is_number:
        (ranges, *moments), *found = found
        limits = np.stack([ranges.least, ranges.greatest])
    if start is not None:
        target = target.continued(np.concatenate([rows.Y, limits]) if target.is_number else rows.Y)
        return (target, start.encoder, start.dtype), rows, limits
    statistics, *robust = found
    if target.is_number:
        scales = settings.target_scaling and link.is_linear
        target = target.fit_moments(*(robust[0] if robust else moments), scales)
    if loss.squares and link.domain.most == inf:
        warn_of_outliers(rows.Y, rows.w)
    encoder = Encoder.of_statistics(statistics, rows.X.categorical, settings.encoding)
    dtype = settings.compute_dtype(rows.X.dtype, source.n_rows, engine_dtype(target))
    return (target, encoder, dtype), rows, limits
