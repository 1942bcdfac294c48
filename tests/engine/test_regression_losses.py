"""What the losses of numbers have of their own; the rest is tested over the whole table."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_tweedie_deviance

from sknet._engine.links import LINKS
from sknet._engine.losses import LOSSES

ROWS = [(loss, out) for loss, outs in LOSSES.items() for out in outs]

# For each parameter of the losses, another value than the default.
OTHERS = {
    "huber_delta": 0.4,
    "quantile": {"identity": 0.8, "increments": (0.2, 0.3, 0.35)},
    "tweedie_power": 1.2,
}

every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])
every_power = pytest.mark.parametrize("power", [1, 1.1, 1.5, 1.9, 2, 2.5, 3])


def row(loss, out, **hyper):
    return LOSSES[loss][out].configured(**hyper)


def value_delta(row, Y, Z):
    value, delta = np.empty(Z.shape[:-1], Z.dtype), np.empty_like(Z)
    row.value(Y, Z.copy(), value, np.empty_like(Z), np.empty_like(Z))
    row.delta(Y, Z.copy(), delta, np.empty_like(Z))
    return value, delta


def draw(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.normal(size=shape)


# ------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(("loss", "out"), ROWS)
def test_configured_returns_the_loss_at_those_parameters(loss, out):
    prototype = LOSSES[loss][out]
    if not prototype.parameters:
        assert prototype.configured() is prototype
        return
    (name,) = prototype.parameters
    other = OTHERS[name][out] if isinstance(OTHERS[name], dict) else OTHERS[name]
    before = getattr(prototype, name)
    configured = prototype.configured(**{name: other})
    assert type(configured) is type(prototype)
    assert getattr(configured, name) == other != before == getattr(prototype, name)
    Y, Z = np.full((5, 1), 2.0), np.zeros((5, 3))
    assert (value_delta(configured, Y, Z)[0] != value_delta(prototype, Y, Z)[0]).all()


@pytest.mark.parametrize(
    ("loss", "hyper"),
    [
        ("huber", {"huber_delta": np.float64(0.5)}),
        ("quantile", {"quantile": np.float64(0.3)}),
        ("tweedie", {"tweedie_power": np.float64(1.7)}),
        ("tweedie", {"tweedie_power": np.int64(3)}),
    ],
)
def test_numpy_scalars_as_parameters_leave_float32_alone(loss, hyper):
    Y, Z = np.ones((5, 2), np.float32), np.zeros((5, 2), np.float32)
    configured = LOSSES[loss][next(iter(LOSSES[loss]))].configured(**hyper)
    assert all(type(getattr(configured, name)) is float for name in hyper)
    exact = value_delta(configured, Y.astype(float), Z.astype(float))
    for a, b in zip(value_delta(configured, Y, Z), exact, strict=True):
        assert a.dtype == np.float32
        assert_allclose(a, b, rtol=1e-6)


# ---------------------------------------------------------------------- scikit-learn, torch


def test_absolute_error_is_scikit_learns():
    Y, Z = draw((50, 3))
    value, _ = value_delta(row("absolute_error", "identity"), Y, Z)
    assert value.mean() / 3 == pytest.approx(mean_absolute_error(Y, Z), rel=1e-13)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.8])
def test_quantile_is_scikit_learns_pinball_loss(level):
    Y, Z = draw((50, 3))
    value, _ = value_delta(row("quantile", "identity", quantile=level), Y, Z)
    expected = mean_pinball_loss(Y, Z, alpha=level)
    assert value.mean() / 3 == pytest.approx(expected, rel=1e-13)


def test_increments_sum_scikit_learns_pinball_losses():
    Y, Z = draw((50, 3))
    levels = (0.1, 0.4, 0.95)
    value, _ = value_delta(row("quantile", "increments", quantile=levels), Y[:, :1], Z)
    Q = LINKS["increments"].prediction(Z)
    expected = sum(mean_pinball_loss(Y[:, 0], q, alpha=t) for q, t in zip(Q.T, levels, strict=True))
    assert value.mean() == pytest.approx(expected, rel=1e-13)


@every_power
def test_deviances_are_half_of_scikit_learns(power):
    rng = np.random.default_rng(0)
    Y = rng.gamma(2.0, size=(50, 1)) * (1 if power >= 2 else rng.integers(0, 2, (50, 1)))
    Z = rng.normal(size=(50, 1))
    losses = [row("tweedie", "exp", tweedie_power=power)]
    losses += [row("poisson", "exp")] if power == 1 else []
    losses += [row("gamma", "exp")] if power == 2 else []
    for loss in losses:
        value, _ = value_delta(loss, Y, Z)
        expected = mean_tweedie_deviance(Y[:, 0], np.exp(Z[:, 0]), power=power) / 2
        assert value.mean() == pytest.approx(expected, rel=1e-12)


@every_power
@pytest.mark.parametrize("h", [1e-3])
def test_delta_of_deviances_is_their_slope(power, h):
    rng = np.random.default_rng(0)
    Y, Z = rng.gamma(2.0, size=(50, 1)), rng.normal(size=(50, 1))
    Y[::3] *= power >= 2
    Y += power >= 2
    loss = row("tweedie", "exp", tweedie_power=power)
    f = {k: value_delta(loss, Y, Z + k * h)[0] for k in (-2, -1, 1, 2)}
    slope = (8 * (f[1] - f[-1]) - f[2] + f[-2]) / (12 * h)
    assert_allclose(value_delta(loss, Y, Z)[1][:, 0], slope, rtol=1e-8, atol=1e-9)


@pytest.mark.torch
@pytest.mark.parametrize("d", [0.1, 1.35, 3.0])
def test_huber_is_torchs(torch, d):
    Y, Z = draw((50, 3))
    z = torch.tensor(Z, requires_grad=True)
    expected = torch.nn.HuberLoss(reduction="none", delta=d)(z, torch.tensor(Y)).sum(-1)
    expected.sum().backward()
    value, delta = value_delta(row("huber", "identity", huber_delta=d), Y, Z)
    assert_allclose(value, expected.detach().numpy(), rtol=1e-12)
    assert_allclose(delta, z.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_huber_lies_between_squared_and_absolute_error():
    Y, Z = draw((50, 3))
    huge = value_delta(row("huber", "identity", huber_delta=1e6), Y, Z)
    for a, b in zip(huge, value_delta(row("squared_error", "identity"), Y, Z), strict=True):
        assert_allclose(a, b, rtol=1e-12)
    tiny = value_delta(row("huber", "identity", huber_delta=1e-9), Y, Z)
    for a, b in zip(tiny, value_delta(row("absolute_error", "identity"), Y, Z), strict=True):
        assert_allclose(a / 1e-9, b, rtol=1e-6)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_there_is_no_slope_at_a_residual_of_zero(loss):
    Y = np.random.default_rng(0).normal(size=(5, 2))
    value, delta = value_delta(row(loss, "identity"), Y, Y)
    assert_array_equal(value, 0)
    assert_array_equal(delta, 0)


# -------------------------------------------------------------------------------- quantiles


@every_dtype
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 30.0, 1e4, 1e30])
def test_increments_never_cross(dtype, scale):
    rng = np.random.default_rng(0)
    Z = (scale * rng.normal(size=(100_000, 9))).astype(dtype)
    Z[:, 0] *= rng.choice([1, 1e4, 1e-4], 100_000)
    Q = LINKS["increments"].prediction(Z)
    assert Q.dtype == dtype
    assert (Q[:, 1:] >= Q[:, :-1]).all()
    mean = LINKS["increments"].prediction(Z.reshape(5, 20_000, 9)).mean(axis=0)  # of five members
    assert (mean[:, 1:] >= mean[:, :-1]).all()


def test_one_increment_is_the_quantile_alone():
    Y, Z = draw((50, 1))
    one = value_delta(row("quantile", "increments", quantile=(0.7,)), Y, Z)
    for a, b in zip(one, value_delta(row("quantile", "identity", quantile=0.7), Y, Z), strict=True):
        assert_allclose(a, b, rtol=1e-14)
    assert_array_equal(LINKS["increments"].prediction(Z), Z)


# --------------------------------------------------------------------------------- extremes


@every_dtype
@every_power
def test_deviances_are_right_wherever_they_are_floats(dtype, power):
    """Against the formula in long double, whose exponents reach exp(11356)."""
    sizes = np.array([1e4, 1e3, 200, 100, 60, 20, 3, 0.1])
    ys = [0.0, 1e-30, 1e-9, 0.1, 1, 1e9, 1e30][power >= 2 :]
    Y, Z = (np.ravel(a)[:, None].astype(dtype) for a in np.meshgrid(ys, np.append(-sizes, sizes)))
    y, z, p = Y[:, 0].astype(np.longdouble), Z[:, 0].astype(np.longdouble), np.longdouble(power)
    with np.errstate(all="ignore"):
        value, delta = value_delta(row("tweedie", "exp", tweedie_power=power), Y, Z)
        log_y, rising, falling = np.log(y), np.exp((2 - p) * z), y * np.exp((1 - p) * z)
        terms = {
            1: lambda: [np.where(y > 0, y * log_y, 0), -y * z, -y, rising],
            2: lambda: [z, -log_y, falling, -np.ones_like(z)],
        }.get(
            power,
            lambda: [y ** (2 - p) / ((1 - p) * (2 - p)), -falling / (1 - p), rising / (2 - p)],
        )()
    size = np.abs(terms).sum(axis=0)
    rounding, tiny = 1e3 * float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    fits = size < float(np.finfo(dtype).max)
    assert fits.sum() > 30
    error, slope_error = np.abs(value - sum(terms)), np.abs(delta[:, 0] - (rising - falling))
    assert (error <= rounding * size + tiny)[fits].all()
    assert (slope_error <= rounding * (rising + falling) + tiny)[fits].all()
    if power <= 2:
        assert not np.isnan(value).any()


@every_dtype
def test_squares_of_huge_residuals_do_not_overflow_in_robust_losses(dtype):
    """d (|r| - d / 2) is a float where r^2 is not."""
    z = np.array([[-1e30], [1e30]], dtype)
    with np.errstate(over="raise", invalid="raise"):
        value, delta = value_delta(row("huber", "identity"), np.zeros_like(z), z)
    assert_allclose(value, 1.35e30, rtol=1e-6)
    assert_allclose(delta[:, 0], [-1.35, 1.35], rtol=1e-6)
