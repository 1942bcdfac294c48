"""Regression targets that float32 cannot resolve, and targets with outliers."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score

from tests.marks import ignore_convergence
from tests.plain import MLPBackpropRegressor

pytestmark = ignore_convergence
Regressor = partial(MLPBackpropRegressor, (32,), learning_rate_init=0.01, random_state=0)
X, Y = make_friedman1(1500, noise=0.5, random_state=0)
X_TEST, Y_TEST = make_friedman1(1000, noise=0.0, random_state=1)

# ------------------------------------------------------------ precision


@pytest.mark.parametrize(("origin", "unit"), [(1e9, 1.0), (-3e12, 1e3), (1e6, 0.1), (0.0, 1e-44)])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": "absolute_error"},
        {"loss": "huber"},
        {"loss": "quantile"},
        {"loss": "quantile", "quantile": (0.1, 0.5)},
        {"n_members": 2},
    ],
    ids=str,
)
def test_predictions_resolve_targets_that_float32_cannot(params, origin, unit):
    """The oracle is the same network on y in another unit, with another origin."""
    ours, oracle = (Regressor(max_iter=5, **params) for _ in range(2))
    rows = X.astype(np.float32)
    prediction = ours.fit(rows, origin + unit * Y).predict(rows)
    expected = oracle.fit(rows, Y).predict(rows)
    assert (prediction.dtype, expected.dtype) == (np.float64, np.float32)
    assert len(np.unique(prediction)) > 1000
    atol = 2e-3 * Y.std() if unit > 1e-40 else 0.1 * Y.std()
    assert_allclose((prediction - origin) / unit, expected, atol=atol)


def test_one_such_output_among_several_makes_all_float64():
    rows, targets = X.astype(np.float32), np.column_stack([Y, 1e9 + Y])
    ours = Regressor(max_iter=40).fit(rows, targets)
    prediction = ours.predict(rows)
    assert prediction.dtype == np.float64
    assert r2_score(targets - [0, 1e9], prediction - [0, 1e9]) > 0.9
    assert ours.predict(X).dtype == np.float64


@pytest.mark.parametrize(
    "y", [Y, 1e9 * Y, 1e30 + 1e29 * Y, np.full(1500, 1e9), 100 + Y], ids=range(5)
)
def test_other_targets_are_predicted_in_the_dtype_of_x(y):
    ours = Regressor(max_iter=2).fit(X.astype(np.float32), y)
    assert ours.predict(X.astype(np.float32)).dtype == np.float32
    assert ours.predict(X).dtype == np.float64


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_unscaled_target_that_float32_cannot_resolve_is_computed_in_float64(solver):
    params = {"learning_rate_init": 0.01} if solver == "adam" else {}
    ours = MLPBackpropRegressor((32,), target_scaling=False, solver=solver, random_state=0)
    ours.set_params(max_iter=60, **params).fit(X.astype(np.float32), 1e9 + Y)
    assert ours.coefs_[0].dtype == np.float64
    assert r2_score(Y, ours.predict(X.astype(np.float32)) - 1e9) > 0.8
    forced = Regressor(target_scaling=False, dtype="float32", max_iter=2).fit(X, Y)
    assert forced.coefs_[0].dtype == np.float32


def test_partial_fit_resolves_a_target_that_is_constant_at_first():
    rows = X.astype(np.float32)
    ours = Regressor().partial_fit(rows[:200], np.full(200, 1e9))
    for _ in range(40):
        ours.partial_fit(rows, 1e9 + Y)
    assert ours.predict(rows).dtype == np.float64
    assert r2_score(Y, ours.predict(rows) - 1e9) > 0.7


# ------------------------------------------------------------ outliers in y

FEW_ROWS = "carry .* of the variance of"


def with_outliers(factor, share=0.01, seed=0):
    y = Y.copy()
    rows = np.random.default_rng(seed).choice(len(y), int(share * len(y)), replace=False)
    y[rows] *= factor
    return y


@pytest.mark.parametrize("factor", [1e3, -1e3, 1e6])
@pytest.mark.parametrize(
    "params",
    [
        {"loss": "huber"},
        {"loss": "absolute_error"},
        {"loss": "quantile"},
        {"loss": "huber", "solver": "lbfgs", "learning_rate_init": 0.001},
        {"loss": "huber", "huber_delta": 0.5},
    ],
    ids=str,
)
def test_robust_losses_do_not_see_outliers(params, factor):
    """1 % of y times 1000; the score is that on clean rows."""
    with warnings.catch_warnings(action="error"):
        warnings.filterwarnings("ignore", message="Maximum iterations")
        ours = Regressor(**params).fit(X, with_outliers(factor))
    assert r2_score(Y_TEST, ours.predict(X_TEST)) > 0.93


@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_target_of_a_robust_loss_is_scaled_by_median_and_deviation(loss, weighted):
    """A rate of nearly 0 learns nothing: loss_ is that of the best constant."""
    y = with_outliers(1e3)
    w = np.random.default_rng(1).integers(1, 4, len(y)) if weighted else np.ones(len(y), int)
    repeated = np.repeat(y, w)
    median, mad = np.median(repeated), scipy.stats.median_abs_deviation(repeated, scale="normal")
    scaled = (repeated - median) / mad
    oracle = np.abs(scaled)
    if loss == "huber":
        z = scipy.optimize.minimize_scalar(
            lambda z: scipy.special.huber(1.35, scaled - z).mean(), bounds=(-1, 1)
        )
        oracle = scipy.special.huber(1.35, scaled - z.x)
    ours = Regressor(loss=loss, max_iter=1, dtype="float64", alpha=0.0)
    ours.set_params(learning_rate_init=1e-300).fit(X, y, sample_weight=w)
    assert ours.loss_ == pytest.approx(oracle.mean(), rel=1e-6)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
def test_targets_that_are_mostly_equal_have_a_scale(loss, share):
    """More than half of them: the median absolute deviation is 0; that of the others counts."""
    y = np.where(np.random.default_rng(0).random(len(Y)) < share, 3.0, 3.0 + np.exp(Y / 5))
    ours = Regressor(loss=loss, max_iter=3, dtype="float64").fit(X, y)
    assert 0.001 < ours.loss_ < 10
    assert np.isfinite(ours.predict(X)).all()


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (with_outliers(1e3), "y"),
        (with_outliers(-1e4, 0.002), "y"),
        (with_outliers(1e3) * 1e-200, "y"),
        (np.append(Y[:-1], 1e9), "y"),
        (np.append(Y[:-1], 1e300), "y"),
        (np.column_stack([Y, with_outliers(1e3)]), "column 1 of y"),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_default_loss_warns_of_few_rows_that_carry_the_variance(method, y, name):
    with pytest.warns(UserWarning, match=rf"0\.0\d* of the rows {FEW_ROWS} {name}: ") as caught:
        getattr(Regressor(max_iter=2), method)(X, y)
    (message,) = (str(w.message) for w in caught if re.search(FEW_ROWS, str(w.message)))
    assert "loss='huber'" in message
    assert "loss='absolute_error'" in message


def lognormal(sigma):
    return lambda rng, n: rng.lognormal(sigma=sigma, size=n)


ORDINARY = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal 0.5": lognormal(0.5),
    "lognormal 1": lognormal(1.0),
    "lognormal 1.5": lognormal(1.5),
    "lognormal 2": lognormal(2.0),
    "lognormal 3": lognormal(3.0),
    "student 1.5": lambda rng, n: rng.standard_t(1.5, n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "poisson": lambda rng, n: rng.poisson(0.05, n),
    "negative binomial": lambda rng, n: rng.negative_binomial(0.5, 0.05, n),
    "zeros and amounts": lambda rng, n: rng.gamma(2, 100, n) * (rng.random(n) < 0.03),
    "one in a thousand": lambda rng, n: rng.random(n) < 0.001,
    "student 3": lambda rng, n: rng.standard_t(3, n),
    "years": lambda rng, n: rng.integers(1950, 2020, n),
    "a few": lambda rng, n: np.resize([1.0, 2.0, 300.0], n),
}


@pytest.mark.parametrize("n", [30, 300, 20_000])
@pytest.mark.parametrize("draw", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_skewed_targets_are_not_warned_about(draw, n):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        Regressor(max_iter=1, batch_size=5000).fit(np.ones((n, 1)), draw(rng, n).astype(float))


def test_robust_losses_and_links_that_scale_are_not_warned_about():
    y = np.abs(with_outliers(1e3)) + 1
    for loss in ("huber", "absolute_error", "quantile", "gamma", "poisson"):
        with warnings.catch_warnings(action="error", category=UserWarning):
            warnings.filterwarnings("ignore", message="Maximum iterations")
            Regressor(loss=loss, max_iter=2).fit(X, y)
