"""What the numbers of a column are like: two values, heavy tails, or codes for missing ones.

By this, `feature_scaling="auto"` decides how a column is encoded. Each function takes the numbers
of one column without missing ones, and their weights or None. A weight of 2 counts as the row
twice.
"""

import re

import numpy as np
from scipy.special import ndtr

from sknet._engine.averages import weighted_quantiles

#: Tails are heavy if more than half of the values that are not the median are nearer to it than
#: the standard deviation divided by this. A normal distribution has 1.48, a lognormal one 3.6.
HEAVY = 3.0
#: The same for the values of sparse columns that are not 0, and the largest of them.
HEAVY_SPARSE = 100.0
#: A code for missing values, such as -999, is the least or the greatest value. Its share of the
#: weight is at least this, and it is so many times as far from the next value as half of the
#: values are from the median.
CODE_SHARE, CODE_GAP = 0.01, 10.0
#: A number that is not written like a code has so many times the weight of the median value.
CODE_WEIGHT = 10.0
#: Numbers written like codes: of nines alone, the limits of integers, or as huge as this.
NINES, LIMITS, HUGE = re.compile(r"9+\.?9*$"), (32767.0, 32768.0, 2147483647.0, 2147483648.0), 1e20
#: Codes that are looked for in a column.
MOST_CODES = 4
#: Values whose number tells that a column has more than two, before all are looked at.
FIRST_ROWS = 16
#: Quantiles of a column with heavy tails, and the normal quantiles that replace them.
HEIGHTS = np.linspace(-3.0, 3.0, 65)
LEVELS = ndtr(HEIGHTS)


def has_two_values(x: np.ndarray, low: float, high: float) -> bool:
    """Whether each number is `low` or `high`, the least and the greatest one, which differ."""
    first = x[:FIRST_ROWS]
    if low == high or not ((first == low) | (first == high)).all():
        return False
    return bool(((x == low) | (x == high)).all())


def has_heavy_tails(x: np.ndarray, w: np.ndarray | None, median: float, std: float) -> bool:
    """Whether a few values make the standard deviation much larger than most deviations."""
    near = std / HEAVY
    with np.errstate(over="ignore"):
        beyond = _weight(x < median - near, w) + _weight(x > median + near, w)
    other = (len(x) if w is None else w.sum()) - _weight(x == median, w)
    return bool(other - beyond > beyond)


def may_have_codes(
    x: np.ndarray, w: np.ndarray | None, low: float, high: float, std: float
) -> bool:
    """Whether the least or greatest value is far from all others, and that of many rows.

    It finds codes if there are no outliers beside them; a column with outliers has heavy tails.
    """
    total = len(x) if w is None else w.sum()
    if _weight(x == low, w) >= CODE_SHARE * total:
        following = x.min(initial=high, where=x > low)
        if following / 2.0 - low / 2.0 > std / 2.0:
            return True
    if _weight(x == high, w) >= CODE_SHARE * total:
        following = x.max(initial=low, where=x < high)
        return bool(high / 2.0 - following / 2.0 > std / 2.0)
    return False


def missing_codes(x: np.ndarray, w: np.ndarray | None) -> list[float]:
    """Return the values that look like codes for missing ones, the outermost first."""
    values, inverse = np.unique(x, return_inverse=True)
    weights = np.bincount(inverse, weights=w).astype(float)
    total, first, last = weights.sum(), 0, len(values) - 1
    found: list[float] = []
    while last - first > 1 and len(found) < MOST_CODES:
        for end, following in ((first, first + 1), (last, last - 1)):
            rest = slice(first + 1, last + 1) if end == first else slice(first, last)
            if weights[end] < CODE_SHARE * total:
                continue
            is_written = looks_like_code(values[end])
            if not is_written and weights[end] < CODE_WEIGHT * np.median(weights[rest]):
                continue
            gap = abs(values[end] / 2.0 - values[following] / 2.0)
            if gap > CODE_GAP / 2.0 * deviation(values[rest], weights[rest]):
                found.append(float(values[end]))
                first, last = rest.start, rest.stop - 1
                break
        else:
            break
    return found


def looks_like_code(value: float) -> bool:
    """Whether a number is written as codes for missing values often are."""
    size = abs(float(value))
    return size >= HUGE or size in LIMITS or NINES.match(f"{size:.6g}") is not None


def deviation(x: np.ndarray, w: np.ndarray | None) -> float:
    """Return the median distance from the median, of the values that are not the median."""
    median = weighted_quantiles(x, w, [0.5])[0]
    distances = np.abs(x - median)
    other = distances > 0.0
    if not other.any():
        return 0.0
    return float(weighted_quantiles(distances[other], None if w is None else w[other], [0.5])[0])


def _weight(mask: np.ndarray, w: np.ndarray | None) -> float:
    return np.count_nonzero(mask) if w is None else w[mask].sum()
