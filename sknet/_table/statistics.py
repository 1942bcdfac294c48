"""Weighted statistics of the columns of a `Table`, which scaling, imputing and encoding need.

A weight of 2 counts as the row twice. Missing values (NaN) are left out. Quantiles are those of the
averaged inverted distribution function (Hyndman and Fan 1996, definition 2), so that repeating
every row changes nothing. Means and standard deviations are rounded to 40 bits. Rounding removes
nearly all differences that come from the order of a sum, or from weights in place of repeated rows.

Here all rows are in memory. `sknet._table.parts` has statistics of rows that come in parts.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis

from sknet._engine.averages import mean_and_scale, weighted_quantiles
from sknet._engine.team import Team
from sknet._table.levels import LevelTable
from sknet._table.shapes import (
    HEAVY_SPARSE,
    LEVELS,
    has_heavy_tails,
    has_two_values,
    may_have_codes,
    missing_codes,
)
from sknet._table.table import Table
from sknet._threads import free_threads

#: Elements of X whose statistics are taken at once, so that the copy of them fits into the cache.
ELEMENTS_PER_BLOCK = 1 << 18
#: From this number of elements on, threads share the columns. 60,000 x 30 took 4.2 ms with two
#: threads and 6.9 ms with one; below, starting a thread takes longer than what it saves.
ELEMENTS_FOR_THREADS = 1 << 20
#: Up to this number of rows, quantiles come from a sort, else from partitions. A sort of a few
#: rows is as fast as partitions, and faster where most values are equal.
ROWS_TO_SORT = 1 << 11
#: A smaller standard deviation is computed again, from numbers that are divided by half the range
#: first: the squares of such small deviations underflow.
SMALLEST_STD = 1e-140
#: Bits that are kept of a standard deviation, and of a mean in units of the standard deviation.
BITS = 40
QUARTILES = (0.25, 0.5, 0.75)


class Statistics(NamedTuple):
    """Statistics of each column of numbers, in float64; 0 for a column without any value.

    Attributes
    ----------
    mean, std : ndarray of shape (n_columns,)
        `std` is exactly 0 for a constant column.
    quartiles : ndarray of shape (3, n_columns)
        Of sparse columns: the median alone, and only for columns with missing values. Of dense
        columns: the median alone, if the quartiles are not asked for.
    half_range : ndarray of shape (n_columns,)
        Half the distance from the least to the greatest value. 0 if neither quartiles nor shapes
        are asked for.
    missing : ndarray of shape (n_columns,)
        Share of the weight that is missing.
    largest : ndarray of shape (n_columns,)
        Largest absolute value, for sparse columns only.
    middle : ndarray of shape (n_columns,)
        Mean of the least and the greatest value, of dense columns if shapes are asked for.
    two_valued : ndarray of bool of shape (n_columns,)
        Whether a column has exactly two values.
    heavy : ndarray of bool of shape (n_columns,)
        Whether a column has heavy tails.
    coded : ndarray of bool of shape (n_columns,)
        Whether a column may have codes for missing values.
    knots : ndarray of shape (n_levels, n_columns)
        Quantiles at ``LEVELS`` of dense columns with heavy tails; of no row if none has.
    typical : ndarray of shape (n_columns,)
        Median of the absolute values other than 0 of sparse columns with heavy tails.
    codes : ndarray of shape (n_codes, n_columns)
        Numbers that are read as missing, NaN where there are fewer. The other statistics are those
        without them.
    sparse : bool
        Whether the columns are sparse. An encoding must keep their zeros.
    continues : bool
        Whether more rows will be trained on. If so, a constant column has a scale of 1.
    """

    mean: np.ndarray
    std: np.ndarray
    quartiles: np.ndarray
    half_range: np.ndarray
    missing: np.ndarray
    largest: np.ndarray
    middle: np.ndarray
    two_valued: np.ndarray
    heavy: np.ndarray
    coded: np.ndarray
    knots: np.ndarray
    typical: np.ndarray
    codes: np.ndarray
    sparse: bool = False
    continues: bool = False

    @classmethod
    def zeros(cls, n_columns: int) -> "Statistics":
        """Return statistics to be filled in, without knots and codes."""
        one = {name: np.zeros(n_columns) for name in cls._fields[:-2]}
        several = {"quartiles": 3, "knots": 0, "codes": 0}
        one.update({name: np.zeros((rows, n_columns)) for name, rows in several.items()})
        one.update({name: np.zeros(n_columns, bool) for name in ("two_valued", "heavy", "coded")})
        return cls(**one)

    def take(self, columns: np.ndarray) -> "Statistics":
        """Return the statistics of some columns, in ascending order."""
        if len(columns) == len(self.mean):
            return self
        arrays = {name: a[..., columns] for name, a in zip(self._fields, self[:-2], strict=False)}
        return self._replace(**arrays)

    def rounded(self) -> "Statistics":
        """Return them with means and standard deviations rounded to ``BITS`` bits."""
        mantissa, exponent = np.frexp(self.std)
        std = np.ldexp(np.round(np.ldexp(mantissa, BITS)), exponent - BITS)
        unit = np.ldexp(1.0, exponent - BITS)
        with np.errstate(all="ignore"):
            mean = np.round(self.mean / unit) * unit
        fine = (self.std > 0.0) & np.isfinite(mean) & (unit > 0.0)
        return self._replace(std=std, mean=np.where(fine, mean, self.mean))


def of_columns(
    X: np.ndarray, w: np.ndarray | None, quartiles: bool = True, shapes: bool = False
) -> Statistics:
    """Return the statistics of each column of dense `X`.

    With `quartiles` false, of the quartiles only the median is computed. With `shapes`, also
    `two_valued`, `heavy`, `knots` and `codes` are. `half_range` needs one of the two.
    """
    n_samples, n_columns = X.shape
    found = Statistics.zeros(n_columns)
    step = max(1, ELEMENTS_PER_BLOCK // n_samples)
    starts = range(0, n_columns, step)
    waiting = iter(starts)  # all threads take from it

    def fill(_: int) -> None:
        for start in waiting:
            columns = slice(start, min(start + step, n_columns))
            own = X[:, columns]
            simple = np.zeros(own.shape[1], bool)
            if w is None:
                simple = _fill_block(found, columns, own, quartiles, shapes)
            for k in np.flatnonzero(~simple):
                _fill_column(found, start + k, own[:, k], w, quartiles, shapes)

    team = Team(free_threads() if X.size >= ELEMENTS_FOR_THREADS else 1)
    team(fill, team.n_shares(len(starts), 1))
    return (_with_tails(found, X, w) if shapes else found).rounded()


def _fill_block(
    found: Statistics, columns: slice, X: np.ndarray, quartiles: bool, shapes: bool
) -> np.ndarray:
    """Fill in the statistics of the columns `X`, whose rows have no weights.

    Returns a mask of the columns for which this worked. It does not where values are missing, or so
    large or small that squares overflow or underflow.
    """
    n = len(X)
    B = np.array(X.T, dtype=np.float64, order="C")
    if n <= ROWS_TO_SORT:
        B.sort(axis=1)
    low, high = B.min(axis=1), B.max(axis=1)
    found.half_range[columns] = high / 2.0 - low / 2.0
    if quartiles:
        found.quartiles[:, columns] = _quartiles(B)
    else:
        found.quartiles[1, columns] = _order_quantile(B, 0, n, 0.5)
    with np.errstate(all="ignore"):
        mean = np.add.reduce(B, axis=1) / n
        D = np.subtract(B, mean[:, None], out=None if shapes else B)
        std = np.sqrt(np.add.reduce(np.square(D, out=D), axis=1) / n)
        doubtful = std <= n * np.finfo(float).eps * np.abs(mean)
    simple = np.isfinite(std) & (std > SMALLEST_STD)
    for k in np.flatnonzero(doubtful):  # constant up to rounding: compare the values
        if (X[:, k] == X[0, k]).all():
            mean[k], std[k], simple[k] = X[0, k], 0.0, True
    found.mean[columns], found.std[columns] = mean, std
    if shapes:
        found.middle[columns] = low / 2.0 + high / 2.0
        for k in np.flatnonzero(simple & (std > 0.0)):
            _fill_shape(found, columns.start + k, B[k], None, low[k], high[k])
    return simple


def _fill_shape(
    found: Statistics, k: int, x: np.ndarray, w: np.ndarray | None, low: float, high: float
) -> None:
    """Say what a column is like, whose other statistics are there."""
    found.two_valued[k] = has_two_values(x, low, high)
    if not found.two_valued[k]:
        median, std = found.quartiles[1, k], found.std[k]
        found.heavy[k] = has_heavy_tails(x, w, median, std)
        found.coded[k] = found.heavy[k] or may_have_codes(x, w, low, high, std)


def _order_quantile(B: np.ndarray, start: int, stop: int, level: float) -> np.ndarray:
    """Return the quantile at `level` of each row of `B`.

    Its order statistics lie in the columns from `start` to `stop`. These are partitioned in place,
    unless `B` has so few columns that it is sorted already.
    """
    n = B.shape[1]
    place = level * n
    k = max(int(np.ceil(place)) - 1, 0)
    if n > ROWS_TO_SORT:
        B[:, start:stop].partition(k - start, axis=1)
    if place == k + 1 and k + 1 < stop:  # all values up to the next are quantiles: take the middle
        following = B[:, k + 1] if n <= ROWS_TO_SORT else B[:, k + 1 : stop].min(axis=1)
        return B[:, k] / 2.0 + following / 2.0
    return B[:, k].copy()


def _quartiles(B: np.ndarray) -> np.ndarray:
    """Return the three quartiles of each row of `B`, (3, n_rows)."""
    n = B.shape[1]
    if n <= ROWS_TO_SORT:
        return np.stack([_order_quantile(B, 0, n, level) for level in QUARTILES])
    median = _order_quantile(B, 0, n, 0.5)
    middle = max(int(np.ceil(0.5 * n)) - 1, 0)
    lower = _order_quantile(B, 0, middle + 1, 0.25)
    return np.stack([lower, median, _order_quantile(B, middle + 1, n, 0.75)])


def _fill_column(
    found: Statistics, k: int, x: np.ndarray, w: np.ndarray | None, quartiles: bool, shapes: bool
) -> None:
    """Fill in the statistics of a column with weights, or with missing, huge or tiny values."""
    weights = np.ones(len(x)) if w is None else w
    found.missing[k] = weights[np.isnan(x)].sum() / weights.sum()
    x, w = present(x, w)
    if not len(x):
        found.mean[k] = found.std[k] = found.half_range[k] = found.middle[k] = 0.0
        found.quartiles[:, k] = 0.0
        return
    mean, std = mean_and_scale(x[:, None], w)
    found.mean[k], found.std[k] = mean[0], std[0]
    low, high = x.min(), x.max()
    found.half_range[k] = high / 2.0 - low / 2.0
    levels = QUARTILES if quartiles else QUARTILES[1:2]
    found.quartiles[:, k] = weighted_quantiles(x, w, levels)
    found.middle[k] = low / 2.0 + high / 2.0
    if shapes and low < high:
        _fill_shape(found, k, x, w, low, high)


def _with_tails(found: Statistics, X: np.ndarray, w: np.ndarray | None) -> Statistics:
    """Look for codes of missing numbers, and for quantiles of columns that have heavy tails.

    Where there are codes, the statistics become those of the other numbers.
    """
    codes: dict[int, list[float]] = {}
    knots: dict[int, np.ndarray] = {}
    for k in np.flatnonzero(found.coded):
        x, own = present(X[:, k], w)
        codes[k] = missing_codes(x, own)
        if codes[k]:
            x = np.where(np.isin(X[:, k], codes[k]), np.nan, X[:, k])
            found.two_valued[k] = found.heavy[k] = False
            _fill_column(found, k, x, w, quartiles=False, shapes=True)
            x, own = present(x, w)
        if found.heavy[k]:
            knots[k] = weighted_quantiles(x, own, LEVELS)
    return found._replace(
        codes=as_columns(codes, found, np.nan), knots=as_columns(knots, found, 0.0)
    )


def as_columns(own: dict[int, Any], found: Statistics, fill: float) -> np.ndarray:
    """Return sequences, by column, as columns of an array that ends with `fill`."""
    A = np.full((max(map(len, own.values()), default=0), len(found.mean)), fill)
    for k, values in own.items():
        A[: len(values), k] = values
    return A


def present(x: np.ndarray, w: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the numbers that are not missing, in float64, and their weights."""
    there = ~np.isnan(x)
    return x[there].astype(np.float64), None if w is None else w[there]


def of_sparse_columns(X: Any, w: np.ndarray | None, shapes: bool = False) -> Statistics:
    """Return the statistics of each column of CSR `X`; with `shapes`, `heavy` and `typical` too."""
    found = Statistics.zeros(X.shape[1])._replace(sparse=True)
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
            _fill_column(found, k, x, w, quartiles=False, shapes=False)
    if shapes:
        _fill_sparse_tails(found, X, w)
    return found.rounded()


def _fill_sparse_tails(found: Statistics, X: Any, w: np.ndarray | None) -> None:
    """Find the columns with heavy tails, by the values other than 0."""
    sizes = np.abs(X.data)
    weights = np.repeat(np.ones(X.shape[0]) if w is None else w, np.diff(X.indptr))
    near = (sizes > 0.0) & (sizes < found.largest[X.indices] / HEAVY_SPARSE)
    beyond = (sizes > 0.0) & ~near
    sums = [np.bincount(X.indices, weights * some, X.shape[1]) for some in (near, beyond)]
    found.heavy[:] = sums[0] > sums[1]
    for k in np.flatnonzero(found.heavy):
        own = (X.indices == k) & (sizes > 0.0)
        found.typical[k] = weighted_quantiles(sizes[own], weights[own], [0.5])[0]


class TableStatistics(NamedTuple):
    """What an `Encoder` is fitted from: statistics of the numbers, and of the levels.

    Attributes
    ----------
    numbers : Statistics
        Of the columns of numbers.
    levels : list of LevelTable
        One for each category.
    """

    numbers: Statistics
    levels: list[LevelTable]

    @classmethod
    def of(
        cls, table: Table, w: np.ndarray | None, quartiles: bool, shapes: bool = False
    ) -> "TableStatistics":
        """Return the statistics of a table, whose rows have weights above 0."""
        X = table.columns
        sparse = scipy.sparse.issparse(X)
        if sparse:
            numbers = of_sparse_columns(X, w, shapes)
        else:
            numbers = of_columns(X, w, quartiles, shapes)
        return cls(numbers, LevelTable.of_codes(table.codes, table.levels, w))
