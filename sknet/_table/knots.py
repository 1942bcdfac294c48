"""The knots of the piecewise-linear embedding of numbers: quantiles of the encoded columns."""

from collections.abc import Sequence

import numpy as np

from sknet._engine.averages import weighted_quantiles

#: Bins of a column for n_bins="auto", and of all columns together. Measured on development tables:
#: 8, 16 and 32 bins gave .814, .796 and .784 of scikit-learn's error; more than 640 columns of the
#: network's input cost time and gain nothing.
AUTO_BINS, AUTO_BINS_OF_ALL = 32, 640
#: A column of fewer different values is left out: a spline through few values is no gain. Measured:
#: letter, with 16 values a column, .83 of scikit-learn's error with knots, .72 without.
MIN_VALUES = 20
#: Rows of which the quantiles are taken, evenly spaced, if there are more.
MAX_ROWS = 1 << 17


def knots_of(
    X: np.ndarray, w: np.ndarray | None, columns: Sequence[int], n_bins: int | str
) -> list[tuple[int, np.ndarray]]:
    """Return the columns to embed, of at least `MIN_VALUES` values, and the knots of each.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        Encoded rows, all of weights above 0.
    w : ndarray or None
        Their weights.
    columns : sequence of int
        The columns of X that hold numbers.
    n_bins : int or "auto"
        Bins of a column; where several quantiles are equal, there are fewer.
    """
    step = -(-len(X) // MAX_ROWS)
    rows, w = X[::step], None if w is None else w[::step]
    if n_bins == "auto":
        n_bins = max(2, min(AUTO_BINS, AUTO_BINS_OF_ALL // max(len(columns), 1)))
    levels = np.linspace(0.0, 1.0, n_bins + 1)
    found = []
    for k in columns:
        x = rows[:, k].astype(np.float64)
        edges = np.unique(weighted_quantiles(x, w, levels))
        if len(edges) > 2 and len(np.unique(x)) >= MIN_VALUES:
            found.append((int(k), edges))
    return found
