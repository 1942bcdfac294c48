"""Statistics of a table whose rows come in parts, by several passes over the parts.

What is looked for is a *search*: a generator that yields a function of a `Part` and is sent what it
has found in all parts, merged. It returns the result at its end. Several searches go on `together`,
by common passes. It does not matter where the parts are: in a stream, or on the workers of a
cluster.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.averages import MEDIAN_TO_DEVIATION, ROUNDING
from sknet._table.levels import LevelTable
from sknet._table.parts import Ranges
from sknet._table.quantiles import Cuts
from sknet._table.shapes import CODE_SHARE, HEAVY, LEVELS, missing_codes
from sknet._table.statistics import QUARTILES, Statistics, TableStatistics, as_columns, present


class Part(NamedTuple):
    """Some rows: numbers, codes of categories, targets as numbers, and weights or None."""

    numbers: np.ndarray
    codes: np.ndarray
    Y: np.ndarray
    w: np.ndarray | None


class Found(tuple[Any, ...]):
    """Several things that were found, which merge one by one; arrays are added."""

    def merge(self, other: "Found") -> "Found":
        """Return what was found in the rows of both."""
        return Found(
            own + new if isinstance(own, np.ndarray) else own.merge(new)
            for own, new in zip(self, other, strict=True)
        )


#: ``look(part)`` returns what it finds, which has a method ``merge``.
Look = Callable[[Part], Any]
Search = Generator[Look, Any, Any]
#: ``run(look)`` returns what `look` finds in all parts, merged: one pass.
Run = Callable[[Look], Any]
#: The columns of a part that a search is about.
Columns = Callable[[Part], np.ndarray]


def together(*searches: Search) -> Search:
    """Return one search, whose passes several share; it finds the list of their results."""
    results: list[Any] = [None] * len(searches)
    looks = {k: next(search) for k, search in enumerate(searches)}
    while looks:
        found = yield _all_of(list(looks.values()))
        sent, looks = dict(zip(looks, found, strict=True)), {}
        for k, own in sent.items():
            try:
                looks[k] = searches[k].send(own)
            except StopIteration as end:
                results[k] = end.value
    return results


def _all_of(looks: list[Look]) -> Look:
    return lambda part: Found(look(part) for look in looks)


def drive(run: Run, search: Search) -> Any:
    """Return the result of a search, by a pass for each of its looks."""
    look = next(search)
    while True:
        found = run(look)
        try:
            look = search.send(found)
        except StopIteration as end:
            return end.value


def moments(columns: Columns, ranges: Ranges) -> Search:
    """Find the means and the sums of squares of numbers, whose ranges are known."""
    sums = yield lambda part: ranges.sums(columns(part), part.w)
    mean = ranges.mean(sums)
    squares = yield lambda part: ranges.squares(columns(part), part.w, mean)
    return mean, squares


def centre_and_scale(columns: Columns) -> Search:
    """Find ranges, means and standard deviations of numbers, none of which is missing."""
    ranges = yield lambda part: Ranges.of(columns(part), part.w)
    mean, squares = yield from moments(columns, ranges)
    return ranges, mean, ranges.deviations(squares)


def quantiles(columns: Columns, sample: Part, levels: Sequence[float]) -> Search:
    """Find the quantiles (n_levels, n_columns) of numbers without the missing ones."""
    cuts = [Cuts.of(*present(x, sample.w), levels) for x in columns(sample).T]

    def weigh(part: Part) -> Found:
        pairs = zip(cuts, columns(part).T, strict=True)
        return Found(own.weigh(*present(x, part.w)).astype(float) for own, x in pairs)

    weights = yield weigh
    wanted = [own.wanted(total, levels) for own, total in zip(cuts, weights, strict=True)]

    def collect(part: Part) -> Found:
        pairs = zip(cuts, columns(part).T, wanted, strict=True)
        return Found(own.collect(*present(x, part.w), some) for own, x, some in pairs)

    values = yield collect
    each = zip(cuts, weights, values, strict=True)
    return np.array([own.quantiles(total, found, levels) for own, total, found in each]).T


def median_and_deviation(columns: Columns, sample: Callable[[], Part]) -> Search:
    """Find what ``averages.median_and_deviation`` does, of numbers none of which is missing."""
    ranges = yield lambda part: Ranges.of(columns(part), part.w)
    low, high = ranges.least, ranges.greatest
    (centre,) = yield from quantiles(columns, sample(), [0.5])

    def halves(part: Part) -> np.ndarray:
        return np.abs(columns(part) / 2 - centre / 2)

    (half,) = yield from quantiles(halves, sample(), [0.5])
    rounding = ROUNDING * np.abs(centre)
    few = (half <= rounding) & (low < high)
    if few.any():

        def differing(part: Part) -> np.ndarray:
            own = halves(part)
            return np.where(own > rounding, own, np.nan)

        (other,) = yield from quantiles(differing, sample(), [0.5])
        half = np.where(few & (other > 0.0), other, half)
    deviation = np.where(low < high, half * (2 * MEDIAN_TO_DEVIATION), 0.0)
    return np.where(low < high, centre, low), deviation


class Tails(NamedTuple):
    """What the shapes of columns are told from, beside mean, median and standard deviation.

    Attributes
    ----------
    two_valued : ndarray of bool of shape (n_columns,)
    weights : ndarray of shape (4, n_columns)
        Of the values far from the median, at the median, at the least and at the greatest value.
    next_least, next_greatest : ndarray of shape (n_columns,)
        The values next to the least and to the greatest one.
    """

    two_valued: np.ndarray
    weights: np.ndarray
    next_least: np.ndarray
    next_greatest: np.ndarray

    @classmethod
    def of(
        cls, X: np.ndarray, w: np.ndarray | None, ranges: Ranges, median: np.ndarray,
        std: np.ndarray,
    ) -> "Tails":  # fmt: skip
        """Return what some rows say."""
        weights = np.ones(len(X)) if w is None else w
        low, high = ranges.least, ranges.greatest
        at_low, at_high = low == X, high == X
        with np.errstate(over="ignore"):
            far = (median - std / HEAVY > X) | (median + std / HEAVY < X)
        return cls(
            (at_low | at_high | np.isnan(X)).all(axis=0),
            np.stack([weights @ mask for mask in (far, median == X, at_low, at_high)]),
            np.fmin.reduce(np.where(at_low, np.inf, X), axis=0, initial=np.inf),
            np.fmax.reduce(np.where(at_high, -np.inf, X), axis=0, initial=-np.inf),
        )

    def merge(self, other: "Tails") -> "Tails":
        """Return what the rows of both say."""
        return Tails(
            self.two_valued & other.two_valued,
            self.weights + other.weights,
            np.minimum(self.next_least, other.next_least),
            np.maximum(self.next_greatest, other.next_greatest),
        )

    def shapes(self, ranges: Ranges, std: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `two_valued`, `heavy` and `coded` of `Statistics`.

        See `has_heavy_tails` and `may_have_codes`.
        """
        far, at_median, at_low, at_high = self.weights
        low, high, there = ranges.least, ranges.greatest, ranges.weight_there
        varies = low < high
        two = self.two_valued & varies
        several = varies & ~two & (std > 0.0)
        heavy = several & (there - at_median - far > far)
        with np.errstate(invalid="ignore", over="ignore"):
            below = (at_low >= CODE_SHARE * there) & (self.next_least / 2 - low / 2 > std / 2)
            above = (at_high >= CODE_SHARE * there) & (high / 2 - self.next_greatest / 2 > std / 2)
        return two, heavy, several & (heavy | below | above)


def _shaped(columns: Columns, sample: Callable[[], Part], quartiles: bool, shapes: bool) -> Search:
    """Find the `Statistics` of numbers without knots and codes."""
    ranges = yield lambda part: Ranges.of(columns(part), part.w)
    levels = QUARTILES if quartiles else QUARTILES[1:2]
    (mean, squares), own = yield from together(
        moments(columns, ranges), quantiles(columns, sample(), levels)
    )
    found = np.zeros((3, len(mean)))
    found[:] = own if quartiles else [[0.0], [1.0], [0.0]] * own
    plain = ranges.statistics(mean, squares, found)
    if not shapes:
        return plain._replace(middle=np.zeros(len(mean)))
    tails = yield lambda part: Tails.of(columns(part), part.w, ranges, found[1], plain.std)
    two_valued, heavy, coded = tails.shapes(ranges, plain.std)
    return plain._replace(two_valued=two_valued, heavy=heavy, coded=coded)


def numbers(columns: Columns, sample: Callable[[], Part], quartiles: bool, shapes: bool) -> Search:
    """Find the `Statistics` of numbers, as `statistics.of_columns` does.

    ``sample()`` returns a random sample of the rows once the first pass is over. Nothing but codes
    for missing numbers is decided by it.
    """
    found = yield from _shaped(columns, sample, quartiles, shapes)
    known = columns(sample())
    codes = {
        k: missing_codes(*present(known[:, k], sample().w)) for k in np.flatnonzero(found.coded)
    }
    codes = {k: own for k, own in codes.items() if own}
    coded = np.array(sorted(codes), np.intp)

    def without_codes(part: Part) -> np.ndarray:
        X = columns(part)
        return np.stack([_blanked(X[:, k], codes[k]) for k in coded], axis=1)

    if codes:
        again = yield from _shaped(without_codes, sample, False, True)
        for name, own in zip(Statistics._fields[:-2], found, strict=False):
            if name not in ("knots", "codes"):
                own[..., coded] = getattr(again, name)
    heavy = np.flatnonzero(found.heavy)

    def with_tails(part: Part) -> np.ndarray:
        X = columns(part)
        return np.stack([_blanked(X[:, k], codes.get(k, [])) for k in heavy], axis=1)

    knots: dict[int, Any] = {}
    if len(heavy):
        own = yield from quantiles(with_tails, sample(), LEVELS)
        knots = dict(zip(heavy.tolist(), own.T, strict=True))
    return found._replace(
        codes=as_columns(codes, found, np.nan), knots=as_columns(knots, found, 0.0)
    )


def _blanked(x: np.ndarray, codes: Sequence[float]) -> np.ndarray:
    """Return numbers with NaN in place of codes for missing ones."""
    return np.where(np.isin(x, codes), np.nan, x) if len(codes) else x


def level_tables(levels: Sequence[list[Any] | None]) -> Search:
    """Find the weight of each level of each category."""

    def look(part: Part) -> Found:
        each = zip(part.codes.T, levels, strict=True)
        sums = [np.bincount(k + 1, part.w, len(own or ()) + 1).astype(float) for k, own in each]
        total = float(len(part.codes)) if part.w is None else part.w.sum()
        return Found([np.array([total]), *sums])

    total, *weights = yield look
    return [
        LevelTable(
            None if own is None else list(own),
            np.empty(0) if own is None else sums[1:],
            float(sums[0]),
            float(total[0]),
        )
        for own, sums in zip(levels, weights, strict=True)
    ]


def table_statistics(
    levels: Sequence[list[Any] | None], sample: Callable[[], Part], quartiles: bool, shapes: bool
) -> Search:
    """Find the `TableStatistics` of all rows, as ``TableStatistics.of`` does for rows in memory."""
    found = yield from together(
        numbers(lambda part: part.numbers, sample, quartiles, shapes), level_tables(levels)
    )
    return TableStatistics(*found)
