"""Regression losses other than the squared error: robust losses, quantiles and deviances.

``loss_base.py`` documents their methods; ``losses.py`` has the table.
"""

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import xlogy

from sknet._engine.activations import Array, logistic, softplus
from sknet._engine.averages import inverse_softplus, log_of_mean, weighted_quantiles
from sknet._engine.links import NON_NEGATIVE, POSITIVE
from sknet._engine.loss_base import Loss, PartLook, sum_outputs, transposed

#: Steps of the search for Huber's best constant, at most.
MOST_NEWTON_STEPS = 100


class AbsoluteError(Loss):
    """|z - y|; delta = sign(z - y), which is 0 at 0. The best constant is the median."""

    twin = "absolute_error"
    robust = True

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        np.subtract(Z, Y, out=work)
        np.abs(work, out=work)
        sum_outputs(work, loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        np.subtract(Z, Y, out=work)
        np.sign(work, out=delta)

    @property
    def levels(self) -> tuple[float, ...]:
        return (0.5,)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return np.concatenate([weighted_quantiles(y, w, [0.5]) for y in Y.T])


class Huber(Loss):
    """Huber's loss of r = z - y: r^2 / 2 where |r| <= d, else d (|r| - d / 2); delta = c.

    c is r clipped to [-d, d]; the loss equals c (r - c / 2). d is `huber_delta`. At the default
    1.35, the best constant is 95 % as efficient as the mean for normal errors of standard
    deviation 1.

    Source: Huber 1964.
    """

    twin = "huber"
    robust = True
    parameters: ClassVar[tuple[str, ...]] = ("huber_delta",)

    def __init__(self, huber_delta: float = 1.35) -> None:
        self.huber_delta = float(huber_delta)

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        r, c = Z, more
        np.subtract(Z, Y, out=r)
        np.clip(r, -self.huber_delta, self.huber_delta, out=c)
        np.multiply(c, 0.5, out=work)
        np.subtract(r, work, out=work)
        np.multiply(work, c, out=work)
        sum_outputs(work, loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        np.subtract(Z, Y, out=delta)
        np.clip(delta, -self.huber_delta, self.huber_delta, out=delta)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        w = np.ones(len(Y)) if w is None else np.asarray(w, np.float64)
        return np.array([self._root(y[w > 0.0], w[w > 0.0]) for y in np.asarray(Y.T, np.float64)])

    def _root(self, y: Array, w: Array) -> float:
        """Return the root z of sum w clip(z - y, -d, d), which lies between min(y) and max(y)."""
        least, span, d = np.min(y), np.ptp(y), self.huber_delta

        def slope(fraction: float) -> float:
            return float(w @ np.clip(least + fraction * span - y, -d, d))

        return float(least + span * brentq(slope, 0.0, 1.0, xtol=1e-15) if span > 0.0 else least)

    def search_constant(self) -> Generator[PartLook, list[Any], Array]:
        """Find the root of sum w clip(z - y, -d, d) by Newton's method, within a bracket.

        The sum is linear between the points where a row enters or leaves the clipped part, so that
        a few steps arrive at the root itself.
        """
        ends = yield lambda Y, w: np.stack([Y.min(axis=0), Y.max(axis=0)]).astype(np.float64)
        low, high = np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]
        z, d = low / 2 + high / 2, self.huber_delta
        for _ in range(MOST_NEWTON_STEPS):
            slope, weight = np.sum((yield partial(slope_and_weight, z=z, d=d)), axis=0)
            low, high = np.where(slope <= 0, z, low), np.where(slope >= 0, z, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = z - slope / weight
            inside = (low < step) & (step < high)
            following = np.where(inside, step, low / 2 + high / 2)
            if (np.abs(following - z) <= 4 * np.spacing(np.abs(z))).all():
                return following
            z = following
        return z


def slope_and_weight(Y: Array, w: Array | None, z: Array, d: float) -> Array:
    """Return the sum of w clip(z - y, -d, d) of each output, and of w where nothing is clipped."""
    r = z - Y.astype(np.float64)
    weights = np.ones(len(r)) if w is None else w.astype(np.float64)
    return np.stack([weights @ np.clip(r, -d, d), weights @ (np.abs(r) < d)])


class Quantile(Loss):
    """The pinball loss of each output, (y - z) (tau - [y < z]); delta = [y < z] - tau.

    tau is `quantile`. At y = z, delta is the mean of its two one-sided values, 1/2 - tau. With s
    the sign of z - y, delta = s / 2 + 1/2 - tau, and the loss is (z - y) delta.

    Source: Koenker and Bassett 1978.
    """

    twin = "quantile"
    robust = True
    parameters: ClassVar[tuple[str, ...]] = ("quantile",)

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = float(quantile)

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        self.delta(Y, Z, more, work)
        np.multiply(work, more, out=work)
        sum_outputs(work, loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        np.subtract(Z, Y, out=work)
        np.sign(work, out=delta)
        np.multiply(delta, 0.5, out=delta)
        np.add(delta, 0.5 - self.quantile, out=delta)

    @property
    def levels(self) -> tuple[float, ...]:
        return (self.quantile,)

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return np.concatenate([weighted_quantiles(y, w, [self.quantile]) for y in Y.T])


class NonCrossingQuantiles(Loss):
    """The sum of the pinball losses of one target at several levels; quantiles never cross.

    `Y` has one column. `Z` has one column for each level in `quantile`; levels increase strictly.

    | q_1 = z_1, q_{k+1} = q_k + softplus(z_{k+1})
    | g_k = dL/dq_k = [y < q_k] - tau_k, as in ``Quantile``
    | delta_1 = sum_j g_j, delta_k = sigma(z_k) sum_{j >= k} g_j

    Adding a non-negative number cannot round to less than q_k, so the quantiles never cross.
    Computed on the transpose.
    """

    twin = "increasing_quantiles"
    robust = True
    parameters: ClassVar[tuple[str, ...]] = ("quantile",)

    def __init__(self, quantile: Sequence[float] = (0.1, 0.5, 0.9)) -> None:
        self.quantile = tuple(float(level) for level in quantile)
        column = 0.5 - np.array(self.quantile)[:, None]
        self._shift = {column.astype(dtype).dtype: column.astype(dtype) for dtype in "fd"}

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        q, g = (a.reshape(transposed(Z.shape)) for a in (work, more))
        self._quantiles(Z, q, g)
        np.subtract(q, Y.mT, out=q)
        self._slope(q, g)
        np.multiply(q, g, out=q)
        np.add.reduce(q, axis=-2, out=loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        q, g, slope = (a.reshape(transposed(Z.shape)) for a in (work, delta, Z))
        z = self._quantiles(Z, q, g)
        logistic(z, slope, z)
        slope[..., 0, :] = 1.0
        np.subtract(q, Y.mT, out=q)
        self._slope(q, g)
        np.add.accumulate(g[..., ::-1, :], axis=-2, out=q[..., ::-1, :])
        np.multiply(slope, q, out=slope)
        np.copyto(delta, slope.mT)

    def _quantiles(self, Z: Array, q: Array, z: Array) -> Array:
        """Write the quantiles to `q` and the transpose of Z to `z`; overwrite Z, return z."""
        np.copyto(z, Z.mT)
        steps = Z.reshape(z.shape)
        softplus(z, steps, q)
        steps[..., 0, :] = z[..., 0, :]
        np.add.accumulate(steps, axis=-2, out=q)
        return z

    def _slope(self, r: Array, g: Array) -> None:
        """g <- dL/dq of each level, from r = q - y."""
        np.sign(r, out=g)
        np.multiply(g, 0.5, out=g)
        np.add(g, self._shift[g.dtype], out=g)

    @property
    def levels(self) -> tuple[float, ...]:
        return self.quantile

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        """Return the raw output of the weighted quantiles; see ``Loss.constant``.

        The gap between neighbouring quantiles is at least 1/1000 of the distance from the first to
        the last, or 1/1000 if that distance is 0, so that the raw output is finite.
        """
        Q = weighted_quantiles(Y[:, 0], w, self.quantile)
        least = 1e-3 * (Q[-1] - Q[0]) or 1e-3
        return np.append(Q[0], inverse_softplus(np.maximum(np.diff(Q), least)))


class Deviance(Loss):
    """Half a deviance of y from mu = exp(z); the best constant is the log of the mean.

    If all targets are 0, the best constant is log(``MARGIN``).
    """

    def constant(self, Y: Array, w: Array | None = None) -> Array:
        return log_of_mean(Y, w)


class PoissonDeviance(Deviance):
    """Half the Poisson deviance at mu = exp(z): y log(y / mu) - y + mu; delta = mu - y."""

    twin = "poisson"
    domain = NON_NEGATIVE

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        mu = more
        np.exp(Z, out=mu)
        np.multiply(Z, Y, out=Z)
        xlogy(Y, Y, out=work)
        np.subtract(work, Z, out=Z)
        np.subtract(mu, Y, out=mu)
        np.add(Z, mu, out=Z)
        sum_outputs(Z, loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        mu = delta
        np.exp(Z, out=mu)
        np.subtract(mu, Y, out=delta)


class GammaDeviance(Deviance):
    """Half the gamma deviance at mu = exp(z): log(mu / y) + y / mu - 1; delta = 1 - y / mu.

    Computed as exp(t) - 1 - t and delta = -(exp(t) - 1), with t = log y - z.
    """

    twin = "gamma"
    domain = POSITIVE

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        t = work
        np.log(Y, out=t)
        np.subtract(t, Z, out=t)
        np.expm1(t, out=more)
        np.subtract(more, t, out=more)
        sum_outputs(more, loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        t = work
        np.log(Y, out=t)
        np.subtract(t, Z, out=t)
        np.expm1(t, out=delta)
        np.negative(delta, out=delta)


class TweedieDeviance(Deviance):
    """Half the Tweedie deviance at mu = exp(z), for a variance in proportion to mu^p.

    | y^a / (a b) - y mu^b / b + mu^a / a; delta = mu^a - y mu^b,

    a = 2 - p, b = 1 - p, p = `tweedie_power` in [1, 3]. ``configured`` returns the limits: the
    Poisson deviance at p = 1 and the gamma deviance at p = 2. Near the limits, large terms of the
    value cancel: its rounding error grows as 1 / |a b|. delta is not affected.
    """

    twin = "tweedie"
    parameters: ClassVar[tuple[str, ...]] = ("tweedie_power",)

    def __init__(self, tweedie_power: float = 1.5) -> None:
        self.tweedie_power = float(tweedie_power)
        self.domain = NON_NEGATIVE if self.tweedie_power < 2.0 else POSITIVE

    def configured(self, **hyper: Any) -> Loss:
        limits = {1.0: PoissonDeviance, 2.0: GammaDeviance}
        limit = limits.get(float(hyper["tweedie_power"]))
        return limit() if limit else super().configured(**hyper)

    def value(self, Y: Array, Z: Array, loss: Array, work: Array, more: Array) -> None:
        a, b = 2.0 - self.tweedie_power, 1.0 - self.tweedie_power
        log_y = more
        self._y_mu_b(Y, Z, work, log_y)
        np.multiply(work, -1.0 / b, out=work)
        np.multiply(Z, a, out=Z)
        np.exp(Z, out=Z)
        np.multiply(Z, 1.0 / a, out=Z)  # mu^a / a
        np.add(Z, work, out=Z)
        np.multiply(log_y, a, out=work)
        np.exp(work, out=work)
        np.multiply(work, 1.0 / (a * b), out=work)
        np.add(Z, work, out=Z)
        sum_outputs(Z, loss)

    def delta(self, Y: Array, Z: Array, delta: Array, work: Array) -> None:
        self._y_mu_b(Y, Z, work, delta)
        np.multiply(Z, 2.0 - self.tweedie_power, out=delta)
        np.exp(delta, out=delta)
        np.subtract(delta, work, out=delta)

    def _y_mu_b(self, Y: Array, Z: Array, product: Array, log_y: Array) -> None:
        """Write y mu^b and log y. For y = 0, log y is -inf and the product is 0."""
        with np.errstate(divide="ignore"):
            np.log(Y, out=log_y)
        np.multiply(Z, 1.0 - self.tweedie_power, out=product)
        np.add(product, log_y, out=product)
        np.exp(product, out=product)
