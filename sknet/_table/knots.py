"""Which numbers are embedded, and the knots of the piecewise-linear embedding: their quantiles."""

from collections.abc import Iterable, Sequence

import numpy as np

from sknet._engine.averages import weighted_quantiles

#: Bins of a column for n_bins="auto", and of all columns together. Measured on development tables:
#: 8, 16 and 32 bins gave .814, .796 and .784 of scikit-learn's error; more than 640 columns of the
#: network's input cost time and gain nothing.
AUTO_BINS, AUTO_BINS_OF_ALL = 32, 640
#: Frequencies of a column for numeric_embedding="periodic", as in RealMLP (Holzmueller et al.
#: 2024), and of all columns together. Measured on 14 tables, 3 seeds, error, log-loss and CPU
#: seconds over those of 256: 128 .956, .985 and .88; 64 1.063, 1.011 and .79.
N_FREQUENCIES, N_FREQUENCIES_OF_ALL = 16, 128
#: A column of fewer different values is not embedded: a curve through few values is no gain.
#: Measured: letter, with 16 values a column, .83 of scikit-learn's error with knots, .72 without.
MIN_VALUES = 20
#: The least width of a bin, over the range of its column, and in the units of the encoded column.
LEAST_SHARE, LEAST_WIDTH = 1e-12, 1e-36
#: Rows of which the quantiles are taken, evenly spaced, if there are more.
MAX_ROWS = 1 << 17


def varied(X: np.ndarray, columns: Sequence[int]) -> list[int]:
    """Return the columns that have at least `MIN_VALUES` different values."""
    step = -(-len(X) // MAX_ROWS)
    return [int(k) for k in columns if len(np.unique(X[::step, k])) >= MIN_VALUES]


def shared_out(most: int, most_of_all: int, n_columns: int) -> int:
    """Return the codes of each column, if all columns together have at most `most_of_all`."""
    return max(2, min(most, most_of_all // max(n_columns, 1)))


def n_frequencies(n_columns: int) -> int:
    """Return the frequencies of each of so many columns."""
    return shared_out(N_FREQUENCIES, N_FREQUENCIES_OF_ALL, n_columns)


def knots_of(
    X: np.ndarray, w: np.ndarray | None, columns: Sequence[int], n_bins: int | str
) -> list[tuple[int, np.ndarray]]:
    """Return the columns, and the knots of each; a column with a single bin is left out.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Encoded rows, all of weights above 0.
    w : ndarray or None
        Their weights.
    columns : sequence of int
        Columns of X: see `varied`.
    n_bins : int or "auto"
        Bins of a column; where several quantiles are equal, there are fewer.
    """
    step = -(-len(X) // MAX_ROWS)
    rows, w = X[::step], None if w is None else w[::step]
    levels = knot_levels(n_bins, len(columns))
    own = (weighted_quantiles(rows[:, k].astype(np.float64), w, levels) for k in columns)
    return distinct_knots(columns, own)


def knot_levels(n_bins: int | str, n_columns: int) -> np.ndarray:
    """Return the levels of the quantiles that are the knots of each of so many columns."""
    if n_bins == "auto":
        n_bins = shared_out(AUTO_BINS, AUTO_BINS_OF_ALL, n_columns)
    return np.linspace(0.0, 1.0, n_bins + 1)


def distinct_knots(
    columns: Sequence[int], found: Iterable[np.ndarray]
) -> list[tuple[int, np.ndarray]]:
    """Return the columns with their different quantiles, those with more than one bin.

    Quantiles count as equal if their distance is so small that a step over it is a number that
    float32 does not hold, or that no training could learn.
    """
    own = [(int(k), _distinct(np.unique(edges))) for k, edges in zip(columns, found, strict=True)]
    return [(k, edges) for k, edges in own if len(edges) > 2]


def _distinct(edges: np.ndarray) -> np.ndarray:
    least = max(LEAST_SHARE * (edges[-1] - edges[0]), LEAST_WIDTH)
    return edges[np.diff(edges, prepend=-np.inf) > least]
