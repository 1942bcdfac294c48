"""Statistics of numbers whose rows come in parts: chunks of a stream, or shards of a cluster.

Each part is looked at three times. What a pass finds in a part has a method ``merge``. After a
pass, what was found in all parts is merged, and the result is given to the next pass:

| ranges = merged(Ranges.of(X, w) for X, w in parts)
| sums = merged(ranges.sums(X, w) for X, w in parts)
| mean = ranges.mean(sums)
| squares = merged(ranges.squares(X, w, mean) for X, w in parts)
| numbers = ranges.statistics(mean, squares, quartiles)

The order of the parts, and the way in which they are merged, change no bit of the result. How the
rows are cut into parts can change the last bits of the sums; rounding in `Statistics.rounded`
removes this from standard deviations, and nearly always from means.

Quartiles cannot be merged, and need passes of their own (`sknet._table.quantiles`). They are an
argument here: the median of every column, for missing values, and all three for encodings with
``needs_quartiles``. So is what the shapes of columns are. Levels of categories merge in one pass
(`LevelTable.merge`). `sknet._table.passes` runs all passes over the parts.
"""

from collections.abc import Iterable
from functools import reduce
from math import fsum
from typing import Any, NamedTuple

import numpy as np

from sknet._table.statistics import Statistics


class Sums(NamedTuple):
    """Sums over the rows of all parts, one for each column.

    Attributes
    ----------
    terms : ndarray of shape (n_parts, n_columns)
        The sum over each part. They are added at the end, without rounding in between, so that
        their order does not matter.
    """

    terms: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "Sums":
        """Return the sums of the columns of one part, (n_samples, n_columns)."""
        columns = np.ascontiguousarray(values.T)  # numpy adds contiguous numbers pairwise
        return cls(np.add.reduce(columns, axis=1)[None])

    def merge(self, other: "Sums") -> "Sums":
        """Return the sums over the rows of both."""
        return Sums(np.concatenate([self.terms, other.terms]))

    def total(self) -> np.ndarray:
        """Return the sum of each column, rounded once."""
        return np.array([fsum(column) for column in self.terms.T])


class Ranges(NamedTuple):
    """What the first pass finds, in float64.

    Attributes
    ----------
    weight : Sums
        Of all rows.
    missing : Sums
        Of the rows where the number of this column is missing.
    least, greatest : ndarray of shape (n_columns,)
        Infinite, where no value has been seen.
    """

    weight: Sums
    missing: Sums
    least: np.ndarray
    greatest: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, w: np.ndarray | None) -> "Ranges":
        """Return the ranges of the columns of one part; it may have no rows."""
        weights = np.ones(len(X)) if w is None else w.astype(np.float64)
        gaps = np.isnan(X)
        X = X.astype(np.float64)
        return cls(
            weight=Sums.of(weights[:, None]),
            missing=Sums.of(np.where(gaps, weights[:, None], 0.0)),
            least=np.fmin.reduce(X, axis=0, initial=np.inf),
            greatest=np.fmax.reduce(X, axis=0, initial=-np.inf),
        )

    def merge(self, other: "Ranges") -> "Ranges":
        """Return the ranges of the rows of both."""
        return Ranges(
            self.weight.merge(other.weight),
            self.missing.merge(other.missing),
            np.minimum(self.least, other.least),
            np.maximum(self.greatest, other.greatest),
        )

    @property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the greatest value; 0 for columns without any value."""
        seen = self.least <= self.greatest
        return np.where(seen, self.least, 0.0), np.where(seen, self.greatest, 0.0)

    @property
    def half_range(self) -> np.ndarray:
        """Half the distance from the least to the greatest value."""
        low, high = self._bounds
        return high / 2.0 - low / 2.0

    @property
    def largest(self) -> np.ndarray:
        """The largest absolute value."""
        return np.max(np.abs(self._bounds), axis=0)

    @property
    def unit(self) -> np.ndarray:
        """What deviations are divided by, so that neither they nor their squares overflow."""
        half_range = self.half_range
        return np.where(half_range > 0.0, half_range, 1.0)

    def _deviations(self, X: np.ndarray, origin: np.ndarray) -> np.ndarray:
        """Return half the distance from `origin`, in units of ``unit``; 0 where missing."""
        deviations = (X.astype(np.float64) / 2.0 - origin / 2.0) / self.unit
        return np.where(np.isnan(X), 0.0, deviations)

    def sums(self, X: np.ndarray, w: np.ndarray | None) -> Sums:
        """Return, for one part, the weighted sums of the deviations from the least value."""
        low, _ = self._bounds
        return Sums.of(_weighted(self._deviations(X, low), w))

    def squares(self, X: np.ndarray, w: np.ndarray | None, mean: np.ndarray) -> Sums:
        """Return, for one part, the weighted sums of the squared deviations from the mean."""
        return Sums.of(_weighted(np.square(self._deviations(X, mean)), w))

    @property
    def weight_there(self) -> np.ndarray:
        """The weight of the rows where a number is not missing; 1 where all are missing."""
        there = np.array(
            [
                fsum([*self.weight.terms[:, 0], *(-column).tolist()])
                for column in self.missing.terms.T
            ]
        )
        return np.where(self.least <= self.greatest, there, 1.0)

    def mean(self, sums: Sums) -> np.ndarray:
        """Return the means, from the sums of all parts."""
        low, high = self._bounds
        above_low = sums.total() / self.weight_there * self.unit
        return np.where(low == high, low, low + above_low + above_low)

    def deviations(self, squares: Sums) -> np.ndarray:
        """Return the standard deviations, from the squares of all parts."""
        low, high = self._bounds
        std = np.sqrt(squares.total() / self.weight_there) * self.unit * 2.0
        return np.where(low == high, 0.0, std)

    def statistics(
        self, mean: np.ndarray, squares: Sums, quartiles: np.ndarray, **shapes: np.ndarray
    ) -> Statistics:
        """Return the statistics, from the squares of all parts.

        Parameters
        ----------
        mean : ndarray of shape (n_columns,)
        squares : Sums
        quartiles : ndarray of shape (3, n_columns)
            Only the median is read, if the encoding has no ``needs_quartiles``.
        **shapes : ndarray
            ``two_valued``, ``heavy`` and ``knots``, for feature_scaling="auto". Without them no
            column has two values or heavy tails.
        """
        low, high = self._bounds
        return (
            Statistics.zeros(len(mean))
            ._replace(
                mean=mean,
                std=self.deviations(squares),
                quartiles=quartiles,
                half_range=self.half_range,
                missing=self.missing.total() / self.weight.total(),
                largest=self.largest,
                middle=low / 2.0 + high / 2.0,
                **shapes,
            )
            .rounded()
        )


def _weighted(values: np.ndarray, w: np.ndarray | None) -> np.ndarray:
    return values if w is None else values * w[:, None]


def merged(parts: Iterable[Any]) -> Any:
    """Return what was found in all parts, of which there is at least one, as one."""
    return reduce(lambda one, other: one.merge(other), parts)
