"""Weighted statistics of the columns of X: what scaling and imputing need.

A weight of 2 counts as the row twice. Missing values (NaN) are left out. Quantiles are those of the
averaged inverted distribution function (Hyndman and Fan 1996, definition 2), so that doubling
every row changes nothing. Means and standard deviations are rounded to 40 bits, so that the order
of a sum, and whether a row counts twice or is there twice, hardly ever leave a trace in them.
"""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis

from sknet._engine.loss_base import weighted_quantiles
from sknet._engine.team import Team
from sknet._targets import Scaling
from sknet._threads import free_threads

#: Elements that are looked at at once.
BLOCK = 1 << 18
#: Rows up to which sorting is as fast as partitions, and faster where most values are equal.
SORTED = 1 << 11
#: Elements from which on threads share the columns.
SHARED = 1 << 20
#: Standard deviations below this are taken of larger numbers, lest squares vanish.
TINY = 1e-140
#: Bits of a standard deviation, and of a mean in units of it, that are kept.
BITS = 40
QUARTILES = (0.25, 0.5, 0.75)


class Statistics(NamedTuple):
    """Of each column, in float64; 0 where all is missing.

    Attributes
    ----------
    mean, std : ndarray
        `std` is exactly 0 for a constant column.
    quartiles : ndarray of shape (3, n_columns)
    half_range : ndarray
        Half the distance from the least to the greatest value; 0 where no quartiles are asked for.
    missing : ndarray
        Share of the weight that is missing.
    largest : ndarray
        Largest absolute value; of sparse columns alone.
    """

    mean: np.ndarray
    std: np.ndarray
    quartiles: np.ndarray
    half_range: np.ndarray
    missing: np.ndarray
    largest: np.ndarray

    @classmethod
    def zeros(cls, n_columns: int) -> "Statistics":
        """Return statistics to be filled in."""
        one = [np.zeros(n_columns) for _ in range(5)]
        return cls(one[0], one[1], np.zeros((3, n_columns)), *one[2:])

    def rounded(self) -> "Statistics":
        """Return them with means and standard deviations to ``BITS`` bits."""
        mantissa, exponent = np.frexp(self.std)
        std = np.ldexp(np.round(np.ldexp(mantissa, BITS)), exponent - BITS)
        unit = np.ldexp(1.0, exponent - BITS)
        with np.errstate(all="ignore"):
            mean = np.round(self.mean / unit) * unit
        fine = (self.std > 0.0) & np.isfinite(mean) & (unit > 0.0)
        return self._replace(std=std, mean=np.where(fine, mean, self.mean))


def of_columns(X: np.ndarray, w: np.ndarray | None, quartiles: bool = True) -> Statistics:
    """Return the statistics of each column of dense `X`; without `quartiles`, the median alone."""
    n_samples, n_columns = X.shape
    found = Statistics.zeros(n_columns)
    step = max(1, BLOCK // n_samples)
    starts = range(0, n_columns, step)
    waiting = iter(starts)  # shared by threads

    def fill(_: int) -> None:
        for start in waiting:
            columns = slice(start, min(start + step, n_columns))
            own = X[:, columns]
            simple = np.zeros(own.shape[1], bool)
            if w is None:
                simple = _fill_block(found, columns, own, quartiles)
            for k in np.flatnonzero(~simple):
                _fill_column(found, start + k, own[:, k], w, quartiles)

    team = Team(free_threads() if X.size >= SHARED else 1)
    team(fill, team.n_shares(len(starts), 1))
    return found.rounded()


def _fill_block(found: Statistics, columns: slice, X: np.ndarray, quartiles: bool) -> np.ndarray:
    """Fill in the statistics of the unweighted columns `X`.

    Returns where that worked: not where values are missing, or near the largest float.
    """
    n = len(X)
    B = np.array(X.T, dtype=np.float64, order="C")
    if n <= SORTED:
        B.sort(axis=1)
    if quartiles:
        found.half_range[columns] = B.max(axis=1) / 2.0 - B.min(axis=1) / 2.0
        found.quartiles[:, columns] = _quartiles(B)
    else:
        found.quartiles[1, columns] = _order_quantile(B, 0, n, 0.5)
    with np.errstate(all="ignore"):
        mean = np.add.reduce(B, axis=1) / n
        B -= mean[:, None]
        std = np.sqrt(np.add.reduce(np.square(B, out=B), axis=1) / n)
        doubtful = std <= n * np.finfo(float).eps * np.abs(mean)
    simple = np.isfinite(std) & (std > TINY)
    for k in np.flatnonzero(doubtful):  # constant, up to rounding: look closer
        if (X[:, k] == X[0, k]).all():
            mean[k], std[k], simple[k] = X[0, k], 0.0, True
    found.mean[columns], found.std[columns] = mean, std
    return simple


def _order_quantile(B: np.ndarray, start: int, stop: int, level: float) -> np.ndarray:
    """Return a quantile of each row of `B`, whose order statistics of it lie in [start, stop).

    Partitions that part, unless it is sorted.
    """
    n = B.shape[1]
    place = level * n
    k = max(int(np.ceil(place)) - 1, 0)
    if n > SORTED:
        B[:, start:stop].partition(k - start, axis=1)
    if place == k + 1 and k + 1 < stop:  # the next one is as good: the middle
        following = B[:, k + 1] if n <= SORTED else B[:, k + 1 : stop].min(axis=1)
        return B[:, k] / 2.0 + following / 2.0
    return B[:, k].copy()


def _quartiles(B: np.ndarray) -> np.ndarray:
    """Return the three quartiles of each row of `B`, (3, n_rows)."""
    n = B.shape[1]
    if n <= SORTED:
        return np.stack([_order_quantile(B, 0, n, level) for level in QUARTILES])
    median = _order_quantile(B, 0, n, 0.5)
    middle = max(int(np.ceil(0.5 * n)) - 1, 0)
    lower = _order_quantile(B, 0, middle + 1, 0.25)
    return np.stack([lower, median, _order_quantile(B, middle + 1, n, 0.75)])


def _fill_column(
    found: Statistics, k: int, x: np.ndarray, w: np.ndarray | None, quartiles: bool
) -> None:
    """Fill in the statistics of a column that is weighted, or has missing or huge values."""
    there = ~np.isnan(x)
    weights = np.ones(len(x)) if w is None else w
    found.missing[k] = weights[~there].sum() / weights.sum()
    if not there.any():
        found.mean[k] = found.std[k] = 0.0
        found.quartiles[:, k] = 0.0
        return
    x, w = x[there].astype(np.float64), None if w is None else w[there]
    mean, std = Scaling.of(x[:, None], w)
    found.mean[k], found.std[k] = mean[0], std[0]
    found.half_range[k] = x.max() / 2.0 - x.min() / 2.0
    levels = QUARTILES if quartiles else QUARTILES[1:2]
    found.quartiles[:, k] = weighted_quantiles(x, w, levels)


def of_sparse_columns(X: Any, w: np.ndarray | None) -> Statistics:
    """Return the statistics of each column of CSR `X`; of quartiles the median, where missing."""
    found = Statistics.zeros(X.shape[1])
    weights = None if w is None else w.astype(X.dtype)
    mean, variance = mean_variance_axis(X, axis=0, weights=weights)[:2]
    found.mean[:], found.std[:] = mean, np.sqrt(variance)
    missing = np.isnan(X.data)
    found.largest[:] = np.max(np.abs(min_max_axis(X, axis=0, ignore_nan=True)), axis=0)
    if missing.any():
        weights = np.ones(X.shape[0]) if w is None else w
        rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))[missing]
        sums = np.bincount(X.indices[missing], weights=weights[rows], minlength=X.shape[1])
        found.missing[:] = sums / weights.sum()
        for k in np.flatnonzero(found.missing):
            x = X[:, [k]].toarray()[:, 0]
            _fill_column(found, k, x, w, quartiles=False)
    return found.rounded()
