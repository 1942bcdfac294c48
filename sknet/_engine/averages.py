"""Weighted averages of targets, from which the best constants of losses are computed.

Shapes: Y (n_samples, n_outputs), w (n_samples,); ``w=None`` weights all rows equally.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from sknet._engine.activations import Array
from sknet._engine.one_hot import OneHot, Targets

#: Mean probabilities closer than this to 0 or 1 are clipped, since the best constant would be
#: infinite. It does not depend on the number of rows, because a row of weight 2 counts as two rows.
MARGIN = 1e-3
#: Elements of targets that are converted to float64 at once.
COPIED_ELEMENTS = 1 << 20
#: Standard deviation of a normal distribution, in median absolute deviations.
MEDIAN_TO_DEVIATION = 1.4826022185056018
#: Differences from a number below this share of it are rounding.
ROUNDING = 1e-14


def weighted_mean(Y: Targets, w: Array | None) -> Array:
    """Return the mean of each output in float64; correct even if the sum overflows."""
    if isinstance(Y, OneHot):
        return Y.mean(w)
    n_parts = max(1, Y.size // COPIED_ELEMENTS)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.concatenate([
            np.average(np.asarray(columns, np.float64), axis=0, weights=w)
            for columns in np.array_split(Y, n_parts, axis=-1)
        ])  # fmt: skip
    if np.isfinite(mean).all():
        return mean
    largest = np.maximum(np.abs(Y).max(axis=0), 1.0)
    return np.average(np.asarray(Y, np.float64) / largest, axis=0, weights=w) * largest


def mean_and_scale(Y: Array, w: Array | None) -> tuple[Array, Array]:
    """Return mean and standard deviation of each column, without overflow or underflow.

    The scale of a constant column is exactly 0.
    """
    low, high = Y.min(axis=0), Y.max(axis=0)
    half_range = high / 2 - low / 2
    unit = np.where(half_range > 0, half_range, 1.0)
    above_low = np.average((Y / 2 - low / 2) / unit, axis=0, weights=w) * unit
    mean = np.where(low == high, low, low + above_low + above_low)
    deviations = (Y / 2 - mean / 2) / unit
    scale = np.sqrt(np.average(deviations**2, axis=0, weights=w)) * unit * 2
    return mean, np.where(low == high, 0.0, scale)


def median_and_deviation(Y: Array, w: Array | None) -> tuple[Array, Array]:
    """Return the median of each column, and the scaled median absolute deviation from it.

    The deviation is 1.4826 times the median of |y - median|, which is the standard deviation of a
    normal distribution. If that is 0, because more than half of the values are equal, it is taken
    over the values that differ from the median. The deviation of a constant column is exactly 0.
    """
    pairs = [_median_and_deviation(y, w) for y in np.asarray(Y, np.float64).T]
    centres, scales = (np.array(values) for values in zip(*pairs, strict=True))
    return centres, scales


def _median_and_deviation(y: Array, w: Array | None) -> tuple[float, float]:
    centre = weighted_quantiles(y, w, [0.5])[0]
    halves = np.abs(y / 2 - centre / 2)
    if np.ptp(y) == 0.0:
        return float(y[0]), 0.0
    half = weighted_quantiles(halves, w, [0.5])[0]
    rounding = ROUNDING * abs(centre)
    if half <= rounding:
        differs = halves > rounding if w is None else (halves > rounding) & (w > 0.0)
        own = None if w is None else w[differs]
        half = weighted_quantiles(halves[differs], own, [0.5])[0] if differs.any() else half
    return float(centre), float(half * (2 * MEDIAN_TO_DEVIATION))


def positive_mean(Y: Array, w: Array | None) -> Array:
    """Return the mean of each output, clipped to a positive number.

    The lower limit is ``MARGIN`` times the mean of |y|, or ``MARGIN`` if all targets are 0. The
    mean of non-negative targets is not changed unless all are 0.
    """
    size = weighted_mean(np.abs(Y), w)
    return np.maximum(weighted_mean(Y, w), MARGIN * np.where(size > 0.0, size, 1.0))


def log_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z such that exp(z) is the ``positive_mean`` of each output."""
    return np.log(positive_mean(Y, w))


def inverse_softplus_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z such that softplus(z) is the ``positive_mean`` of each output."""
    return inverse_softplus(positive_mean(Y, w))


def logit_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z such that sigma(z) is the mean of each output, clipped to [MARGIN, 1 - MARGIN]."""
    return logit(np.clip(weighted_mean(Y, w), MARGIN, 1.0 - MARGIN))


def artanh_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z such that tanh(z) = 2 sigma(2 z) - 1 is the mean, clipped to +-(1 - 2 MARGIN)."""
    return logit_of_mean((np.asarray(Y, np.float64) + 1.0) / 2.0, w) / 2.0


def log_of_mean_probabilities(Y: Targets, w: Array | None) -> Array:
    """Return log(p), p the mean of the rows; p is clipped to at least ``MARGIN``."""
    return np.log(np.maximum(weighted_mean(Y, w), MARGIN))


def inverse_softplus(a: Array) -> Array:
    """Return z such that log(1 + exp(z)) = a, for a > 0."""
    return a + np.log(-np.expm1(-a))


def weighted_quantiles(y: Array, w: Array | None, levels: Sequence[float]) -> Array:
    """Return the weighted quantiles of `y` (n_samples,).

    Each is the midpoint of all minimisers of the pinball loss. With integer weights it equals
    numpy's method "averaged_inverted_cdf" on repeated rows. Sums of weights that differ by less
    than 1e-12 of the total count as equal.
    """
    w = np.ones(len(y)) if w is None else np.asarray(w, np.float64)
    order = np.argsort(y)
    order = order[w[order] > 0.0]
    y, below = np.asarray(y, np.float64)[order], np.cumsum(w[order])
    total = below[-1]
    places, rounding = np.asarray(levels, np.float64) * total, 1e-12 * total
    first = np.searchsorted(below, places - rounding)
    last = np.searchsorted(below, places + rounding, side="right")
    return y[first] / 2.0 + y[np.minimum(last, len(y) - 1)] / 2.0
