"""Conformal prediction: intervals and sets from scores of rows that were held out of training.

The networks of fold k, which have not seen its rows, give held-out row i of the fold a score R_i:
how far its target is from what they predict. For a new row, the same networks predict, and the
scores of all folds say how far the target may be. A hold-out is a single fold of all networks.

Sources: Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world" (hold-out);
Barber, Candes, Ramdas and Tibshirani 2021, "Predictive inference with the jackknife+" (folds).
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

#: Sums of weights that differ by less than this share of the total count as equal.
ROUNDING = 1e-12
#: Halvings of an interval of float64 numbers, after which ends that differ are equal scores.
MAX_HALVINGS = 64
#: Spreads of networks above this many times their error count as so many, lest squares overflow.
LARGEST_SHARE = 1e3


class HeldOut(NamedTuple):
    """The scores of the rows that were held out of training.

    Attributes
    ----------
    scores : list of ndarray of shape (n_held, n_scores)
        Of the rows of each fold, sorted. In regression, y minus the prediction of each output. In
        classification, ``class_scores`` of the row's class.
    weights : list of ndarray of shape (n_held,), or None
        Weights of the same rows; None if all are equal.
    n_rows : int
        Number of different rows: some splitters leave a row out several times.
    spread : ndarray of shape (n_outputs,), or None
        In regression, the root mean square of the standard deviation between the predictions of
        the folds, or of the members if there is one fold, for these rows.
    """

    scores: list[np.ndarray]
    weights: list[np.ndarray] | None
    n_rows: int
    spread: np.ndarray | None = None

    def together(self) -> "HeldOut":
        """Return the same rows as those of a single fold."""
        weights = self.weights and [np.concatenate(self.weights)]
        return self._replace(scores=[np.concatenate(self.scores)], weights=weights)

    def of_the_mean(self, n_folds: int) -> "HeldOut":
        """Return the same rows with residuals of the size that the mean of all folds has.

        They are those of a single fold.
        """
        factor = np.sqrt(kept_by_the_mean(self, n_folds))
        return self._replace(scores=[own * factor for own in self.scores]).together()

    def of(self, score: Sequence[np.ndarray]) -> "Pool":
        """Return the pool of one score of each row, given by fold."""
        return Pool(score, self.weights, self.n_rows)


def rows_needed(level: float) -> int:
    """Return the least number n of held-out rows with ``level * (n + 1) <= n``."""
    return max(1, ceil(level / (1.0 - level) * (1.0 - ROUNDING)))


class Pool:
    """The scores of all held-out rows, sorted within each fold.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_held,)
        For each fold.
    weights : sequence of ndarray of shape (n_held,), or None
    n_rows : int
        Number of different rows.
    """

    def __init__(
        self, scores: Sequence[np.ndarray], weights: Sequence[np.ndarray] | None, n_rows: int
    ) -> None:
        scores = [np.asarray(own, np.float64) for own in scores]
        orders = [np.argsort(own) for own in scores]
        self.scores = [own[order] for own, order in zip(scores, orders, strict=True)]
        if weights is None:
            weights = [np.ones(len(own)) for own in scores]
        #: Weight below each place in the sorted scores of a fold.
        self.below = [
            np.concatenate([[0.0], np.cumsum(own[order], dtype=np.float64)])
            for own, order in zip(weights, orders, strict=True)
        ]
        self.total = sum(float(own[-1]) for own in self.below)
        self.n_rows = n_rows

    def place(self, level: float) -> float:
        """Return the weight that makes up `level` of all rows and of a new row of mean weight."""
        return level * self.total * (1.0 + 1.0 / self.n_rows) - ROUNDING * self.total

    def quantile(self, place: float) -> float:
        """Return the least score up to which the rows have the weight `place`."""
        scores = np.concatenate(self.scores)
        weights = np.concatenate([np.diff(own) for own in self.below])
        order = np.argsort(scores)
        found = np.searchsorted(np.cumsum(weights[order]), place)
        return float(scores[order][min(found, len(scores) - 1)])

    def weight_below(self, values: np.ndarray) -> np.ndarray:
        """Return the weight of all rows whose score is below ``values[k]``, k the row's fold."""
        pairs = zip(self.scores, self.below, values, strict=True)
        return sum(below[np.searchsorted(scores, own)] for scores, below, own in pairs)

    def upper_ends(self, centres: np.ndarray, level: float) -> np.ndarray:
        """Return the quantile of ``centres[k] + R_i`` over all held-out rows i, k the fold of i.

        The n centred scores of a new row are not computed. They lie between those of the least and
        of the greatest centre; halving this range leaves one of them after few steps.

        Parameters
        ----------
        centres : ndarray of shape (n_folds, n_new)
            What the networks of each fold predict for the new rows.
        level : float
            The share of the weight, with that of the new row, that lies up to the end.

        Returns
        -------
        ndarray of shape (n_new,)
            The least number with this share, one of the centred scores.
        """
        place = min(self.place(level), self.total * (1.0 - ROUNDING))  # else no score would do
        start = self.quantile(place)
        if len(centres) == 1:
            return centres[0] + start
        return _Search(self, centres, place, start).ends()


class _Search:
    """A search in sorted lists that are shifted: the state of all new rows.

    Attributes
    ----------
    low, high : ndarray of shape (n_new,)
        The end is above `low` and up to `high`.
    first, last : ndarray of int of shape (n_folds, n_new)
        The scores of each fold in this range are those from place `first` up to `last`.
    """

    def __init__(self, pool: Pool, centres: np.ndarray, place: float, start: float) -> None:
        self.pool, self.centres, self.place = pool, centres, place
        self.low, self.high = centres.min(axis=0) + start, centres.max(axis=0) + start
        # scores at the ends of the range count as inside, whatever the rounding of the shift
        slack = 4 * np.spacing(np.abs(centres) + np.maximum(abs(self.low), abs(self.high)))
        self.first = self._places(self.low - centres - slack, "left")
        self.last = self._places(self.high - centres + slack, "right")

    def _places(self, values: np.ndarray, side: str) -> np.ndarray:
        pairs = zip(self.pool.scores, values, strict=True)
        return np.stack([np.searchsorted(scores, own, side) for scores, own in pairs])

    def ends(self) -> np.ndarray:
        """Return the ends, once a single score is left in each range, or equal ones."""
        for _ in range(MAX_HALVINGS):
            middle = self.low / 2 + self.high / 2
            is_open = (self.last - self.first).sum(axis=0) > 1
            is_open &= (self.low < middle) & (middle < self.high)
            rows = np.flatnonzero(is_open)
            if not len(rows):
                break
            self._halve(rows, middle[rows])
        places = zip(self.pool.scores, self.centres, self.first, self.last, strict=True)
        left = [
            np.where(first < last, centre + scores[np.minimum(first, len(scores) - 1)], np.inf)
            for scores, centre, first, last in places
        ]
        return np.min(left, axis=0)

    def _halve(self, rows: np.ndarray, middle: np.ndarray) -> None:
        """Keep the half of the range in which the end lies, for these rows."""
        first, last = self.first[:, rows], self.last[:, rows]
        at = np.clip(self._places(middle - self.centres[:, rows], "right"), first, last)
        weight = sum(below[own] for below, own in zip(self.pool.below, at, strict=True))
        is_below = weight >= self.place
        self.last[:, rows] = np.where(is_below, at, last)
        self.first[:, rows] = np.where(is_below, first, at)
        self.high[rows] = np.where(is_below, middle, self.high[rows])
        self.low[rows] = np.where(is_below, self.low[rows], middle)


def interval(pool: Pool, low: np.ndarray, high: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return the ends (n_new, 2, n_levels), given what the networks of each fold predict.

    `low` and `high` (n_folds, n_new) are the centres of the lower and of the upper end: the same
    prediction, or two quantiles. Ends that have passed each other become the point between them.
    """
    lower = -np.stack([pool.upper_ends(-low, level) for level in levels], axis=-1)
    upper = np.stack([pool.upper_ends(high, level) for level in levels], axis=-1)
    middle = lower / 2 + upper / 2
    return np.stack([np.minimum(lower, middle), np.maximum(upper, middle)], axis=1)


# ------------------------------------------------------------------ standard deviations


def spread(F: np.ndarray) -> np.ndarray:
    """Return the standard deviation of (n_parts, ...) over the parts; 0 for a single part."""
    if len(F) == 1:
        return np.zeros_like(F[0])
    deviations = F - F[0]
    unit = np.abs(deviations).max(initial=0.0) or 1.0  # squares neither overflow nor underflow
    return (deviations / unit).std(axis=0, ddof=1) * unit


def root_mean_square(
    values: Sequence[np.ndarray], weights: Sequence[np.ndarray] | None
) -> np.ndarray:
    """Return the weighted root mean square of each column of arrays, one below the other."""
    rows = np.abs(np.concatenate(values))
    unit = rows.max(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    w = None if weights is None else np.concatenate(weights)
    return np.sqrt(np.average((rows / unit) ** 2, axis=0, weights=w)) * unit


def kept_by_the_mean(held: HeldOut, n_folds: int) -> np.ndarray:
    """Return which share of the mean squared error is left when the networks of K folds average.

    The error of their mean is that of the networks of one fold, less (K - 1) / K of the variance
    between folds: an identity for the mean of K numbers (Krogh and Vedelsby 1995). It is at least
    1 / K of it.
    """
    return np.maximum(1.0 - _shares_of_spread(held) * (n_folds - 1) / n_folds, 1.0 / n_folds)


def error_terms(held: HeldOut, n_folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b of the error's variance ``a^2 + (b s)^2``, s the spread of a new row.

    Its mean over the held-out rows is the mean squared error of the prediction.
    """
    error = root_mean_square(held.scores, held.weights)
    kept = kept_by_the_mean(held, n_folds)
    explained = _shares_of_spread(held) / kept
    a = error * np.sqrt(kept * np.maximum(1.0 - explained, 0.0))
    b = 1.0 / np.sqrt(np.maximum(explained, 1.0))
    return a, b


def _shares_of_spread(held: HeldOut) -> np.ndarray:
    """Return the square of the spread over the mean squared error, for each output."""
    error = root_mean_square(held.scores, held.weights)
    assert held.spread is not None
    safe = np.where(error > 0, error, 1.0)
    return np.minimum(held.spread / safe, LARGEST_SHARE) ** 2


# ------------------------------------------------------------------------------ classes


def class_scores(P: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two scores of each class of a row: how little it fits the probabilities.

    Parameters
    ----------
    P : ndarray of shape (..., n_classes)
        Probabilities by the networks of one fold, or of each.
    mean : ndarray of shape (n_rows, n_classes)
        Probabilities by all networks that have not seen the row.

    Returns
    -------
    lac : ndarray of the shape of P
        1 - p, the least ambiguous score (Sadinle, Lei and Wasserman 2019).
    aps : ndarray of the shape of P
        The adaptive score (Romano, Sesia and Candes 2020): the sum of the larger probabilities and
        u times the class's own, u the row's number from `shares`.

    Notes
    -----
    The score of the class that is most probable by `mean` is negative: its magnitude is the score,
    its sign marks the class, for `scores_in_use`.
    """
    order = np.argsort(-P, axis=-1, kind="stable")
    ranked = np.take_along_axis(P, order, axis=-1)
    above = np.empty_like(P)
    np.put_along_axis(above, order, np.cumsum(ranked, axis=-1) - ranked, axis=-1)
    lac, aps = 1.0 - P, above + shares(mean)[:, None] * P
    rows, first = np.arange(len(mean)), mean.argmax(axis=-1)
    for scores in (lac, aps):
        scores[..., rows, first] *= -1.0
    return lac, aps


def scores_in_use(scores: np.ndarray, allow_empty: bool) -> np.ndarray:
    """Return the result of `class_scores` without signs.

    If sets must not be empty, the score of the most probable class of each row is 0, so that it is
    in the set, and only the scores of the other classes matter.
    """
    return np.abs(scores) if allow_empty else np.maximum(scores, 0.0)


def shares(P: np.ndarray) -> np.ndarray:
    """Return a number in [0, 1) for each row of probabilities (n_rows, n_classes).

    It is a hash of the row's probabilities (the mixing steps of SplitMix64), so that the numbers
    are spread evenly, and depend neither on the other rows nor on a generator.
    """
    mixed = np.zeros(len(P), np.uint64)
    for bits in np.ascontiguousarray(P, np.float64).view(np.uint64).T:
        mixed = (mixed ^ bits) + np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) * 2.0**-53
