"""Exact quantiles of rows that come in parts.

A random sample of the rows says where the quantiles are, nearly: a few cut points around each. One
pass sums the weights of the values between cut points, a second one collects the values of the
intervals that hold the quantiles. Then they are known exactly; of the sample depends only how many
values are collected.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sknet._engine.averages import weighted_quantiles

#: Rows of the sample, at most and for narrow tables; elements of it, at most. A table of fewer rows
#: is its own sample.
SAMPLE_ROWS, SAMPLE_ELEMENTS = 1 << 16, 1 << 22
#: Cut points around a quantile reach so many standard errors of the sample's quantile to each side.
REACH = 6.0
#: Intervals between them.
INTERVALS = 16
#: Sums of weights that differ by less than this share of the total count as equal.
ROUNDING = 1e-12


def sample_keys(first: int, n_rows: int) -> np.ndarray:
    """Return a number for each row from the row `first` on, evenly distributed (splitmix64).

    The rows with the smallest numbers are a random sample, in which each pass finds the same rows.
    """
    z = np.arange(first, first + n_rows, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def sample_rows(n_columns: int) -> int:
    """Return the rows of a sample."""
    return int(min(SAMPLE_ROWS, max(SAMPLE_ELEMENTS // max(n_columns, 1), 1 << 10)))


def smallest_keys(keys: np.ndarray, n_rows: int) -> np.ndarray:
    """Return the places of the `n_rows` smallest keys, ascending."""
    if len(keys) <= n_rows:
        return np.arange(len(keys))
    return np.sort(np.argpartition(keys, n_rows)[:n_rows])


class Weighed(NamedTuple):
    """Different values in ascending order, and the sum of the weights of each."""

    values: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, w: np.ndarray | None) -> "Weighed":
        """Return the different values of `x`."""
        values, places = np.unique(x, return_inverse=True)
        return cls(values, np.bincount(places, w, len(values)))

    def merge(self, other: "Weighed") -> "Weighed":
        """Return the values of both."""
        return Weighed.of(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.weights, other.weights]),
        )


class Cuts(NamedTuple):
    """Ascending cut points of the values of one column.

    Interval j holds the values above ``points[j - 1]`` and up to ``points[j]``; the last one holds
    those above all.
    """

    points: np.ndarray

    @classmethod
    def of(cls, sample: np.ndarray, w: np.ndarray | None, levels: Sequence[float]) -> "Cuts":
        """Return cut points around the quantiles at `levels` of a sample without missing values."""
        if not len(sample):
            return cls(np.empty(0))
        own = np.asarray(levels, np.float64)[:, None]
        effective = len(sample) if w is None else w.sum() ** 2 / np.square(w).sum()
        error = np.sqrt(own * (1.0 - own) / effective) + 1.0 / effective
        places = own + error * np.linspace(-REACH, REACH, INTERVALS + 1)
        places = np.unique(np.clip(places, 0.0, 1.0))
        return cls(np.unique(weighted_quantiles(sample, w, places)))

    def weigh(self, x: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        """Return the sum of the weights in each interval."""
        return np.bincount(np.searchsorted(self.points, x), w, len(self.points) + 1)

    def collect(self, x: np.ndarray, w: np.ndarray | None, wanted: Sequence[int]) -> Weighed:
        """Return the values in some intervals."""
        there = np.isin(np.searchsorted(self.points, x), wanted)
        return Weighed.of(x[there], None if w is None else w[there])

    def wanted(self, weights: np.ndarray, levels: Sequence[float]) -> list[int]:
        """Return the intervals that hold the quantiles, given the weights of all."""
        first, last = _places(np.cumsum(weights), levels)
        return sorted({*first.tolist(), *last.tolist()})

    def quantiles(self, weights: np.ndarray, found: Weighed, levels: Sequence[float]) -> np.ndarray:
        """Return the quantiles at `levels`, given the weights of all and the values of the wanted.

        They are those of `weighted_quantiles`.
        """
        if not len(found.values):
            return np.zeros(len(levels))
        before = np.concatenate([[0.0], np.cumsum(weights)])
        own = np.searchsorted(self.points, found.values)
        below = np.cumsum(found.weights)
        starts = np.concatenate([[0.0], below])[np.searchsorted(own, own)]
        first, last = _places(before[own] + (below - starts), levels, before[-1])
        return found.values[first] / 2.0 + found.values[last] / 2.0


def _places(
    below: np.ndarray, levels: Sequence[float], total: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the first and of the last value that is a quantile at each level.

    `below` are the sums of the weights up to each value, or up to the end of each interval.
    """
    total = below[-1] if total is None else total
    places, rounding = np.asarray(levels, np.float64) * total, ROUNDING * total
    most = len(below) - 1
    positive = int(np.searchsorted(below, below[-1]))  # later ones have no weight
    first = np.searchsorted(below, places - rounding)
    last = np.searchsorted(below, places + rounding, side="right")
    return np.minimum(first, most), np.minimum(last, min(positive, most))
