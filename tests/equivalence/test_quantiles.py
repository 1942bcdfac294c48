"""Quantile and Huber losses against scikit-learn's linear models and against known quantiles."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose
from sklearn.linear_model import HuberRegressor, QuantileRegressor
from sklearn.metrics import mean_pinball_loss

from tests.datasets import X_DIABETES as X
from tests.equivalence.targets import SKEWED, each_weighting, linear
from tests.marks import ignore_lbfgs
from tests.plain import MLPBackpropRegressor

pytestmark = ignore_lbfgs
each_scaling = pytest.mark.parametrize("scaled", [True, False], ids=["scaled", "unscaled"])


@each_weighting
@each_scaling
@pytest.mark.parametrize("level", [0.1, 0.5, 0.8, "median"])
def test_without_hidden_layer_it_reaches_the_minimum_of_quantile_regression(level, scaled, w):
    """The linear programme of QuantileRegressor gives the minimum; the objective is within 1 %."""
    params = {"loss": "absolute_error"} if level == "median" else {"loss": "quantile"}
    if level != "median":
        params["quantile"] = level
    level = 0.5 if level == "median" else level
    oracle = QuantileRegressor(quantile=level, alpha=0.0).fit(X, SKEWED, sample_weight=w)
    ours = MLPBackpropRegressor((), **params, target_scaling=scaled, learning_rate="cosine",
                                learning_rate_init=0.1, max_iter=600, alpha=0.0, batch_size=150,
                                random_state=0).fit(X, SKEWED, sample_weight=w)  # fmt: skip

    def objective(estimator):
        prediction = estimator.predict(X)
        return mean_pinball_loss(SKEWED, prediction, alpha=level, sample_weight=w)

    assert objective(oracle) * (1 - 1e-9) <= objective(ours) < 1.01 * objective(oracle)


def median(a, w):
    if w is None:
        return np.median(a)
    order = np.argsort(a)
    below, half = np.cumsum(w[order]), w.sum() / 2
    places = [np.searchsorted(below, half + shift * half) for shift in (-1e-12, 1e-12)]
    return a[order][places].mean()


@each_weighting
@each_scaling
@pytest.mark.parametrize("epsilon", [1.1, 1.35, 2.0])
def test_without_hidden_layer_it_equals_huber_regression_at_its_estimated_scale(epsilon, scaled, w):
    """At its scale_, HuberRegressor minimises our loss, huber_delta = epsilon scale_.

    Its minimum is rough: ours is as low at least, and close.
    """
    oracle = HuberRegressor(epsilon=epsilon, alpha=0.0, tol=1e-8, max_iter=10000)
    oracle.fit(X, SKEWED, sample_weight=w)
    delta = epsilon * oracle.scale_
    mad = median(abs(SKEWED - median(SKEWED, w)), w)
    unit = mad / scipy.stats.norm.ppf(0.75) if scaled else 1.0
    ours = linear(loss="huber", huber_delta=delta / unit, target_scaling=scaled, alpha=0.0)
    ours.fit(X, SKEWED, sample_weight=w)

    def objective(estimator):
        losses = scipy.special.huber(delta, SKEWED - estimator.predict(X))
        return np.average(losses, weights=w)

    assert objective(oracle) * (1 - 1e-5) < objective(ours) < objective(oracle) * (1 + 1e-9)
    assert_allclose(ours.predict(X), oracle.predict(X), atol=5e-3)
    assert 0.02 < np.mean(abs(SKEWED - oracle.predict(X)) > epsilon * oracle.scale_) < 0.8


def heteroscedastic(n_samples, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n_samples, 3))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] + (0.2 + 0.5 * abs(X[:, 2])) * rng.normal(
        size=n_samples
    )


@pytest.fixture(scope="module")
def band():
    """Three quantiles predicted by a network with default parameters."""
    ours = MLPBackpropRegressor(loss="quantile", quantile=(0.1, 0.5, 0.9), random_state=0)
    return ours.fit(*heteroscedastic(6000, 0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("spread", [1.0, 1e3, 1e30])
def test_quantiles_never_cross(band, spread, dtype):
    rows = np.random.default_rng(1).normal(size=(20_000, 3)) * spread
    quantiles = band.predict(rows.astype(dtype))
    assert quantiles.dtype == dtype
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_quantiles_have_the_coverage_of_their_levels(band):
    X_new, y_new = heteroscedastic(20_000, 2)
    low, median, high = band.predict(X_new).T
    assert abs(np.mean((low <= y_new) & (y_new <= high)) - 0.8) < 0.02
    for level, quantile in [(0.1, low), (0.5, median), (0.9, high)]:
        assert abs(np.mean(y_new <= quantile) - level) < 0.02
    # the band is as wide as 2 * 1.2816 standard deviations of the noise
    width = 2 * 1.2816 * (0.2 + 0.5 * abs(X_new[:, 2]))
    assert np.corrcoef(high - low, width)[0, 1] > 0.95


def test_several_quantiles_without_features_equal_those_of_y():
    """The oracle: without features the predictions are the empirical quantiles of y."""
    nothing, levels = np.zeros((len(SKEWED), 1)), [0.1, 0.5, 0.9]
    params = {"loss": "quantile", "learning_rate": "cosine", "learning_rate_init": 0.01}
    ours = MLPBackpropRegressor((), **params, quantile=levels, max_iter=500, random_state=0)
    expected = np.quantile(SKEWED, levels, method="averaged_inverted_cdf")
    assert_allclose(ours.fit(nothing, SKEWED).predict(nothing[:1])[0], expected, atol=0.05)
