"""Links: how the raw output Z of a network becomes a prediction.

``LINKS[out_activation]`` is a `Link`: the inverse link, its logarithm, the link of the members'
mean prediction, and the domain of the targets. Each loss (``losses.py``) belongs to a link.
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

from sknet._engine.activations import Array
from sknet._engine.averages import (
    artanh_of_mean,
    inverse_softplus_of_mean,
    log_of_mean,
    log_of_mean_probabilities,
    logit_of_mean,
    weighted_mean,
)
from sknet._engine.one_hot import Targets


class Domain(NamedTuple):
    """The targets that a loss or a link accepts: finite numbers from `least` to `most`.

    `words` completes the message "y must be ...". If `includes_least` is false, `least` itself is
    not accepted.
    """

    words: str
    least: float = -inf
    most: float = inf
    includes_least: bool = True

    def accepts(self, Y: Targets, slack: float = 0.0) -> bool:
        """Whether all of `Y`, which must be finite, is in the domain, or outside by `slack`."""
        low, least = float(Y.min()), self.least - slack
        enough = low >= least if self.includes_least else low > least
        return enough and float(Y.max()) <= self.most + slack

    def n_outside(self, Y: Array) -> int:
        """Return how many of `Y` are outside the domain."""
        enough = Y >= self.least if self.includes_least else Y > self.least
        return int(np.count_nonzero(~(enough & (self.most >= Y))))


ANY_NUMBER = Domain("any number")
NON_NEGATIVE = Domain("0 or more", least=0.0)
POSITIVE = Domain("above 0", least=0.0, includes_least=False)
PROBABILITY = Domain("from 0 to 1", least=0.0, most=1.0)
FROM_MINUS_1_TO_1 = Domain("from -1 to 1", least=-1.0, most=1.0)


def mean_of_members(A: Array) -> Array:
    """Return the mean of (n_members, ...) over the members."""
    return A[0] if len(A) == 1 else A.mean(axis=0)


def log_of_mean_of_members(log_A: Array) -> Array:
    """Return the logarithm of the members' mean, given their logarithms (n_members, ...)."""
    if len(log_A) == 1:
        return log_A[0]
    return logsumexp(log_A, axis=0) - float(np.log(len(log_A)))


class Link(NamedTuple):
    """A row of ``LINKS``.

    Attributes
    ----------
    prediction : callable
        The inverse link: ``prediction(Z)`` is the prediction for `Z`, a new array.
    constant : callable or None
        ``constant(Y, w)`` is the raw output (n_outputs,) whose prediction is the weighted mean of
        the targets, or nearest to it; None if the outputs do not predict a mean.
    log_prediction : callable or None
        The logarithm of the prediction, given Z; None if predictions are not probabilities.
    of_members : callable or None
        ``of_members(Z)`` is the link of the members' mean prediction, given their raw outputs
        (n_members, n_samples, n_outputs); None if predictions are not probabilities.
    is_symmetric : bool
        Whether each output z has a probability p of its own, and -z has 1 - p.
    is_linear : bool
        Whether predictions can be any number. If so, the target can be scaled.
    domain : Domain
        The targets that predictions can reach or approach.
    n_alternatives : callable
        ``n_alternatives(n_outputs)`` is the number of classes per output, for label smoothing.
    """

    prediction: Callable[[Array], Array]
    constant: Callable[[Array, Array | None], Array] | None = None
    log_prediction: Callable[[Array], Array] | None = None
    of_members: Callable[[Array], Array] | None = None
    is_symmetric: bool = False
    is_linear: bool = False
    domain: Domain = ANY_NUMBER
    n_alternatives: Callable[[int], int] = int

    def mean_prediction(self, Z: Array) -> Array:
        """Return the members' mean prediction (n_samples, n_outputs), given their raw output."""
        return mean_of_members(self.prediction(Z))

    def log_mean_prediction(self, Z: Array) -> Array:
        """Return the logarithm of the members' mean prediction."""
        assert self.log_prediction is not None
        return log_of_mean_of_members(self.log_prediction(Z))


def log_logistic(Z: Array) -> Array:
    """log sigma(z) = -log(1 + exp(-z))."""
    return -np.logaddexp(0.0, -Z)


def log_probabilities(Z: Array) -> Array:
    """log softmax(Z)."""
    return log_softmax(Z, axis=-1)


def logit_of_mean_probability(Z: Array) -> Array:
    """log(p / (1 - p)), p the mean of the members' sigma(z); 1 - p is the mean of sigma(-z)."""
    if len(Z) == 1:
        return Z[0]
    return log_of_mean_of_members(log_logistic(Z)) - log_of_mean_of_members(log_logistic(-Z))


def log_mean_probabilities(Z: Array) -> Array:
    """The logarithm of the members' mean softmax(Z); for a single member, Z itself."""
    return Z[0] if len(Z) == 1 else log_of_mean_of_members(log_probabilities(Z))


def exp_finite(Z: Array) -> Array:
    """exp(Z), clipped to the largest finite number."""
    largest = np.nextafter(np.log(np.finfo(Z.dtype).max), Z.dtype.type(0))
    return np.exp(np.minimum(Z, largest))


def both_sides(Z: Array) -> Array:
    """sigma(-z) and sigma(z) side by side, (..., n_samples, 2), for one output z.

    Computed as 1 / (1 + exp(z)) and 1 / (1 + exp(-z)), which do not cancel. If exp overflows, the
    result is 0, as it should be.
    """
    P = np.concatenate([Z, -Z], axis=-1)
    with np.errstate(over="ignore"):
        np.exp(P, out=P)
    np.add(P, 1.0, out=P)
    return np.divide(1.0, P, out=P)


def quantiles_in_order(Z: Array) -> Array:
    """q_1 = z_1, q_{k+1} = q_k + softplus(z_{k+1}); rounding cannot make them decrease."""
    Q = np.logaddexp(0.0, Z)
    Q[..., 0] = Z[..., 0]
    return np.add.accumulate(Q, axis=-1)


LINKS: dict[str, Link] = {
    "identity": Link(np.array, weighted_mean, is_linear=True),
    "logistic": Link(
        expit,
        logit_of_mean,
        log_prediction=log_logistic,
        of_members=logit_of_mean_probability,
        is_symmetric=True,
        domain=PROBABILITY,
        n_alternatives=lambda n_outputs: 2,
    ),
    "tanh": Link(np.tanh, artanh_of_mean, domain=FROM_MINUS_1_TO_1),
    "softplus": Link(lambda Z: np.logaddexp(0.0, Z), inverse_softplus_of_mean, domain=NON_NEGATIVE),
    "softmax": Link(
        lambda Z: softmax(Z, axis=-1),
        log_of_mean_probabilities,
        log_prediction=log_probabilities,
        of_members=log_mean_probabilities,
        domain=PROBABILITY,
    ),
    "exp": Link(exp_finite, log_of_mean, domain=NON_NEGATIVE),
    "increments": Link(quantiles_in_order, is_linear=True),
}
