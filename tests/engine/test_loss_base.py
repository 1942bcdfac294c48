"""Domains and best constants, over the whole table of losses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from sknet._engine.averages import MARGIN, inverse_softplus, weighted_quantiles
from sknet._engine.links import LINKS
from sknet._engine.loss_base import Loss
from sknet._engine.losses import LOSSES

ROWS = [(loss, out) for loss, outs in LOSSES.items() for out in outs]

every_row = pytest.mark.parametrize(("loss", "out"), ROWS)


def objective(row, Y, w):
    """z -> sum_i w_i loss(y_i, z)."""

    def total(z):
        Z = np.tile(z, (len(Y), 1))
        value = np.empty(len(Y))
        row.value(Y, Z, value, np.empty_like(Z), np.empty_like(Z))
        return w @ value

    return total


@pytest.fixture
def draw(draw_targets):
    def targets_and_weights(loss, out, n_samples=40, n_outputs=3):
        rng = np.random.default_rng(2)
        Y = draw_targets(loss, out, rng, (n_samples, n_outputs))
        if loss == "squared_error":
            Y = LINKS[out].prediction(Y)  # in the range of sigma, where the best constant is finite
        return Y, rng.uniform(0.5, 2, n_samples)

    return targets_and_weights


# ---------------------------------------------------------------------------------- domains


@every_row
def test_a_loss_accepts_the_targets_drawn_for_it(loss, out, draw):
    Y, _ = draw(loss, out)
    domain = LOSSES[loss][out].domain
    assert domain.accepts(Y)
    assert domain.accepts(Y.astype(np.float32))
    assert domain.accepts(np.array([[domain.least]])) == domain.includes_least
    Y[3, 0] = np.nan
    assert not domain.accepts(Y)


@pytest.mark.parametrize(
    ("loss", "out", "hyper", "words", "accepted", "refused"),
    [
        ("squared_error", "identity", {}, "any number", [-1e300, 0.0, 1e300], []),
        ("log_loss", "logistic", {}, "from 0 to 1", [0.0, 0.3, 1.0], [-1e-9, 1 + 1e-9]),
        ("poisson", "exp", {}, "0 or more", [0.0, 1e-300], [-1e-300]),
        ("gamma", "exp", {}, "above 0", [5e-324], [0.0, -1.0]),
        ("tweedie", "exp", {"tweedie_power": 1}, "0 or more", [0.0], [-1.0]),
        ("tweedie", "exp", {"tweedie_power": 1.99}, "0 or more", [0.0], [-1.0]),
        ("tweedie", "exp", {"tweedie_power": 2}, "above 0", [1.0], [0.0, -1.0]),
        ("tweedie", "exp", {"tweedie_power": 3}, "above 0", [1.0], [0.0, -1.0]),
    ],
)
def test_domain_in_numbers_and_words(loss, out, hyper, words, accepted, refused):
    domain = LOSSES[loss][out].configured(**hyper).domain
    assert domain.words == words
    assert domain.accepts(np.array(accepted))
    for y in refused:
        assert not domain.accepts(np.array([*accepted, y]))


# --------------------------------------------------------------------------- best constants


@every_row
@pytest.mark.parametrize("weighted", [False, True])
def test_no_line_through_the_best_constant_goes_lower(loss, out, weighted, draw, make_loss):
    """Along every axis and some other directions, by scipy's line search."""
    row, (Y, w) = make_loss(loss, out, 3), draw(loss, out)
    best = row.constant(Y, w if weighted else None)
    assert best.dtype == np.float64
    assert best.shape == (3,)
    total = objective(row, Y, w if weighted else np.ones(40))
    lowest = total(best)
    for direction in [*np.eye(3), *np.random.default_rng(3).normal(size=(5, 3))]:
        for bounds in [(-8, 8), (-1, 1), (-0.01, 0.01)]:
            search = minimize_scalar(
                lambda t, d=direction: total(best + t * d), bounds=bounds, method="bounded"
            )
            assert lowest <= search.fun * (1 + 1e-12)


@every_row
def test_integer_weights_are_repeated_rows(loss, out, draw, make_loss):
    row, (Y, _) = make_loss(loss, out, 3), draw(loss, out)
    times = np.random.default_rng(4).integers(0, 4, 40)
    repeated = row.constant(np.repeat(Y, times, axis=0))
    assert_allclose(row.constant(Y, times.astype(float)), repeated, rtol=1e-11, atol=1e-13)
    assert_allclose(row.constant(np.tile(Y, (2, 1))), row.constant(Y), rtol=1e-11, atol=1e-13)


@every_row
def test_a_factor_of_all_weights_changes_nothing(loss, out, draw, make_loss):
    row, (Y, w) = make_loss(loss, out, 3), draw(loss, out)
    assert_allclose(row.constant(Y, w), row.constant(Y, 0.7 * w), rtol=1e-11, atol=1e-13)


@every_row
def test_float32_targets_are_averaged_in_float64(loss, out, draw, make_loss):
    row, (Y, w) = make_loss(loss, out, 3), draw(loss, out)
    Y, w = Y.astype(np.float32), w.astype(np.float32)
    best = row.constant(Y, w)
    assert best.dtype == np.float64
    assert_allclose(best, row.constant(Y.astype(float), w.astype(float)), rtol=1e-12, atol=1e-14)


@every_row
@pytest.mark.parametrize("n_samples", [1, 2, 1000])
@pytest.mark.parametrize("y", [0.0, 1.0, -3.0, 1e30, 1e-30])
def test_constant_of_equal_targets_is_finite_and_predicts_them(loss, out, y, n_samples, make_loss):
    row = make_loss(loss, out, 3)
    Y = np.full((n_samples, 1 if out == "increments" else 3), y)
    if not row.domain.accepts(Y):
        pytest.skip("not in the domain")
    best = row.constant(Y)
    assert np.isfinite(best).all()
    prediction = LINKS[out].prediction(best)
    if out == "softmax":
        assert_allclose(prediction, 1 / 3)
    elif out in ("logistic", "tanh"):
        least, most = (
            LINKS[out].prediction(np.array([-50.0, 50.0])).round()
        )  # the range of the link
        margin = MARGIN * (most - least)
        assert_allclose(prediction, np.clip(y, least + margin, most - margin), atol=1e-15)
    elif out == "increments":
        assert_allclose(prediction, y + np.arange(3) * 1e-3, rtol=1e-12)
    elif out in ("exp", "softplus") and y <= 0:
        assert_allclose(prediction, max(-y, 1.0) * MARGIN, rtol=1e-12)
    else:
        assert_allclose(prediction, y, rtol=1e-12)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("n_samples", [10, 10_000])
def test_an_absent_class_counts_as_a_share_of_the_margin(loss, n_samples):
    """Whatever the number of rows, of which those of weight 2 count twice."""
    Y = np.zeros((n_samples, 3))
    share = n_samples * 4 // 10
    Y[:share, 0] = Y[share:, 1] = 1
    assert_allclose(np.exp(LOSSES[loss]["softmax"].constant(Y)), [0.4, 0.6, MARGIN])
    shares = LINKS["logistic"].prediction(LOSSES[loss]["logistic"].constant(Y[:, [0, 2]] + [0, 1]))
    assert_allclose(shares, [0.4, 1 - MARGIN])


@pytest.mark.parametrize("power", [1, 1.2, 2, 3])
def test_the_best_constant_of_each_deviance_predicts_the_mean(power):
    Y, w = np.random.default_rng(0).gamma(2.0, size=(30, 2)), np.linspace(1, 2, 30)
    best = LOSSES["tweedie"]["exp"].configured(tweedie_power=power).constant(Y, w)
    assert_allclose(np.exp(best), np.average(Y, axis=0, weights=w), rtol=1e-13)


@pytest.mark.parametrize("d", [1e-3, 0.5, 10.0])
def test_the_best_constant_of_huber_balances_the_clipped_residuals(d):
    rng = np.random.default_rng(0)
    Y, w = 100 + rng.standard_cauchy(size=(51, 2)), rng.uniform(0, 2, 51)
    best = LOSSES["huber"]["identity"].configured(huber_delta=d).constant(Y, w)
    assert_allclose(w @ np.clip(best - Y, -d, d), 0, atol=1e-10)


def test_the_best_increments_are_at_least_a_thousandth_of_the_range_apart():
    y = np.repeat([0.0, 1.0, 10.0], [50, 20, 30])[:, None]
    row = LOSSES["quantile"]["increments"].configured(quantile=(0.1, 0.2, 0.3, 0.6, 0.9))
    Q = LINKS["increments"].prediction(row.constant(y))
    assert_allclose(Q, [0, 0.01, 0.02, 1.02, 10.02], rtol=1e-12)


# -------------------------------------------------------------------------------- quantiles


@pytest.mark.parametrize("n_samples", [1, 2, 10, 37])
@pytest.mark.parametrize("rounded", [False, True])
def test_weighted_quantiles_are_numpys_of_the_rows_repeated(n_samples, rounded):
    rng, levels = np.random.default_rng(n_samples), np.arange(1, 20) / 20
    y = rng.normal(size=n_samples)
    y = y.round() if rounded else y
    for times in (np.ones(n_samples, int), rng.integers(0, 5, n_samples)):
        times[0] += not times.any()
        rows = np.repeat(y, times)
        # in 64ths and 64ths of the number of rows, so that each product is exact
        exact = np.arange(1, 64) / 64
        for some in (levels[[4, 9, 14]], exact):
            expected = np.quantile(rows, some, method="averaged_inverted_cdf")
            assert_allclose(weighted_quantiles(y, times, some), expected, rtol=1e-14)
            thirds = weighted_quantiles(y, times / 3, some)
            assert_array_equal(thirds, weighted_quantiles(y, times, some))
    assert_array_equal(
        weighted_quantiles(y, None, levels), weighted_quantiles(y, y * 0 + 1, levels)
    )


def test_inverse_softplus():
    a = np.array([1e-300, 1e-9, 0.1, 1.0, 50.0, 1e30])
    assert_allclose(np.logaddexp(0, inverse_softplus(a)), a, rtol=1e-12)


def test_every_row_is_a_loss():
    assert all(isinstance(LOSSES[loss][out], Loss) for loss, out in ROWS)
