"""What every row of ``LOSSES`` is, and the averages of targets that best constants are made of."""

from collections.abc import Sequence
from math import inf
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.special import logit

from sknet._engine.activations import Array

#: Shares closer to 0 or 1 than this are moved there, where a best constant would be infinite. Not
#: a share of the rows: weight 2 is a row twice.
MARGIN = 1e-3


class Domain(NamedTuple):
    """The targets that a loss accepts: finite numbers from `least` to `most`.

    `words` completes "y must be ..."; `includes_least` is false where `least` itself is not
    accepted.
    """

    words: str
    least: float = -inf
    most: float = inf
    includes_least: bool = True

    def accepts(self, Y: Array) -> bool:
        """Whether every one of the finite numbers `Y` is in the domain."""
        enough = Y >= self.least if self.includes_least else Y > self.least
        return bool(np.all(enough & (Y <= self.most)))


ANY_NUMBER = Domain("any number")
NON_NEGATIVE = Domain("0 or more", least=0.0)
POSITIVE = Domain("above 0", least=0.0, includes_least=False)
SHARE = Domain("from 0 to 1", least=0.0, most=1.0)


class Loss:
    """A row of ``LOSSES``: a loss of the raw output Z, joined with its link."""

    #: Parameters of the loss, by the names of the estimators' constructor.
    parameters: ClassVar[tuple[str, ...]] = ()
    #: The targets that it accepts.
    domain: Domain = ANY_NUMBER

    def is_like(self, other: "Loss") -> bool:
        """Whether `other` is this loss, at whatever parameters."""
        return type(self) is type(other)

    def configured(self, **hyper: Any) -> "Loss":
        """Return the loss at other parameters: `hyper` holds each name in ``parameters``."""
        return type(self)(**hyper) if self.parameters else self

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        """Write the loss of each sample; `Z`, `work` and `more` are used up.

        Parameters
        ----------
        Y : ndarray (..., n_samples, n_outputs)
            Targets in the domain, in the dtype of the rest, which are C-contiguous. One column
            where out_activation is "increments".
        Z : ndarray (..., n_samples, n_outputs)
            The raw output.
        loss : ndarray (..., n_samples)
            Receives the sum over outputs, neither weighted nor averaged.
        work, more : ndarray (..., n_samples, n_outputs)
            Scratch memory.
        """
        raise NotImplementedError

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        """Write dL/dZ, the derivative of `value`; `Z` and `work` are used up.

        Parameters
        ----------
        Y, Z, work : ndarray
            As for `value`.
        delta : ndarray (..., n_samples, n_outputs)
            Receives the derivative.

        Notes
        -----
        Called where numpy's floating-point warnings are off: a short cut may overflow before it is
        seen to be none.
        """
        raise NotImplementedError

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        """Return the raw output z, the same for all rows, that minimises sum_i w_i loss(y_i, z).

        Where the minimum is at infinity, or is not unique, a finite one near it.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_outputs)
            Targets in the domain. One column where out_activation is "increments".
        w : ndarray of shape (n_samples,), optional
            Sample weights, not all 0; None is 1 each.

        Returns
        -------
        ndarray of shape (n_outputs,), float64.
        """
        raise NotImplementedError


def sum_outputs(L: Array, loss: Array) -> None:
    """Sum the last axis of `L` into `loss`; a single output is copied, which is faster."""
    if L.shape[-1] == 1:
        np.copyto(loss, L[..., 0])
    else:
        np.add.reduce(L, axis=-1, out=loss)


def transposed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (..., n_outputs, n_samples) of the transpose.

    Sums over outputs run along contiguous rows of samples there: several times faster than short
    sums for each sample.
    """
    return (*shape[:-2], shape[-1], shape[-2])


# ------------------------------------------------ averages of Y (n_samples, n_outputs), w or None


def weighted_mean(Y: Array, w: Array | None) -> Array:
    """Return the mean of each output, in float64; also where the sum overflows."""
    Y = np.asarray(Y, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.average(Y, axis=0, weights=w)
    if np.isfinite(mean).all():
        return mean
    largest = np.maximum(np.abs(Y).max(axis=0), 1.0)
    return np.average(Y / largest, axis=0, weights=w) * largest


def positive_mean(Y: Array, w: Array | None) -> Array:
    """Return the mean of each output, made positive.

    It is at least the mean of |y| times ``MARGIN``, which leaves targets of 0 or more alone unless
    all are 0; then it is ``MARGIN``.
    """
    size = weighted_mean(np.abs(Y), w)
    return np.maximum(weighted_mean(Y, w), MARGIN * np.where(size > 0.0, size, 1.0))


def log_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z with exp(z) the mean of each output, by ``positive_mean``."""
    return np.log(positive_mean(Y, w))


def inverse_softplus_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z with softplus(z) the mean of each output, by ``positive_mean``."""
    return inverse_softplus(positive_mean(Y, w))


def logit_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z with sigma(z) the mean of each output, kept ``MARGIN`` from 0 and 1."""
    return logit(np.clip(weighted_mean(Y, w), MARGIN, 1.0 - MARGIN))


def artanh_of_mean(Y: Array, w: Array | None) -> Array:
    """Return z with tanh(z) = 2 sigma(2 z) - 1 the mean, kept two ``MARGIN`` from -1 and 1."""
    return logit_of_mean((np.asarray(Y, np.float64) + 1.0) / 2.0, w) / 2.0


def log_of_shares(Y: Array, w: Array | None) -> Array:
    """Return z with softmax(z) the mean of the rows; a share is at least ``MARGIN``."""
    return np.log(np.maximum(weighted_mean(Y, w), MARGIN))


def inverse_softplus(a: Array) -> Array:
    """Return z with log(1 + exp(z)) = a > 0."""
    return a + np.log(-np.expm1(-a))


def weighted_quantiles(y: Array, w: Array | None, levels: Sequence[float]) -> Array:
    """Return the quantiles of `y` (n_samples,), averaged where a whole interval qualifies.

    Each is the middle of all minimisers of the pinball loss. With integer weights: of the rows
    repeated, by numpy's method "averaged_inverted_cdf". Sums of weights are told apart from 1e-12
    of their total on.
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
