import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import kl_div

from sknet._engine.links import LINKS
from sknet._engine.losses import LOSSES

ROWS = [(loss, out) for loss, outs in LOSSES.items() for out in outs]
MATCHED = [
    ("log_loss", "logistic"),
    ("log_loss", "softmax"),
    ("squared_error", "identity"),
    ("poisson", "exp"),
]


def levels(n):
    """Levels of `n` increments, as ``make_loss`` sets them."""
    return np.arange(1, n + 1) / (n + 1)


def pinball(y, a, level):
    return np.where(y < a, (1 - level) * (a - y), level * (y - a))


def tweedie(y, a, p):
    return y ** (2 - p) / ((1 - p) * (2 - p)) - y * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p)


# Textbook formulas, good for moderate z: inverse links, and losses of a prediction a.
TEXTBOOK = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
    "exp": np.exp,
    "increments": lambda z: np.cumsum(
        np.concatenate([z[..., :1], np.log(1 + np.exp(z[..., 1:]))], axis=-1), axis=-1
    ),
}
FORMULAS = {
    ("log_loss", "logistic"): lambda y, a: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
    ("log_loss", "softmax"): lambda y, a: -y * np.log(a),
    ("squared_error", "any"): lambda y, a: (y - a) ** 2 / 2,
    ("absolute_error", "any"): lambda y, a: np.abs(y - a),
    ("huber", "any"): lambda y, a: np.where(
        np.abs(y - a) <= 1.35, (y - a) ** 2 / 2, 1.35 * (np.abs(y - a) - 1.35 / 2)
    ),
    ("quantile", "identity"): lambda y, a: np.abs(y - a) / 2,  # the median
    ("quantile", "increments"): lambda y, a: pinball(y, a, levels(a.shape[-1])),
    ("poisson", "exp"): kl_div,  # y log(y / a) - y + a
    ("gamma", "exp"): lambda y, a: np.log(a / y) + y / a - 1,
    ("tweedie", "exp"): lambda y, a: tweedie(y, a, 1.5),
}
# Of the raw outputs -1e4 and 1e4, those at which the loss is a float: exp(1e4) is beyond each.
FINITE_ENDS = {"poisson": [-1e4], "gamma": [1e4], "tweedie": []}

every_row = pytest.mark.parametrize(("loss", "out"), ROWS)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def formula(loss, out, Y, Z):
    """Loss of each sample, by the textbook."""
    per_output = FORMULAS.get((loss, out)) or FORMULAS[loss, "any"]
    return per_output(Y, TEXTBOOK[out](Z)).sum(axis=-1)


def evaluate(row, Y, Z):
    """Loss of each sample, and delta."""
    value, delta, work = (np.full(s, np.nan, Z.dtype) for s in (Z.shape[:-1], Z.shape, Z.shape))
    with np.errstate(divide="raise", invalid="raise"):
        row.value(Y, Z.copy(), value, work, delta)
    delta[:] = work[:] = np.nan
    with np.errstate(all="ignore"):
        row.delta(Y, Z.copy(), delta, work)
    return value, delta


@pytest.fixture
def value_delta(make_loss):
    return lambda loss, out, Y, Z: evaluate(make_loss(loss, out, Z.shape[-1]), Y, Z)


@pytest.fixture
def draw(draw_smooth_targets):
    def targets_and_raw_output(loss, out, shape):
        rng = np.random.default_rng(3)
        Z = 2 * rng.normal(size=shape)
        return draw_smooth_targets(loss, out, rng, Z), Z

    return targets_and_raw_output


@every_row
@pytest.mark.parametrize("shape", [(6, 1), (6, 4), (2, 5, 3)])
def test_value_is_the_textbook_formula_summed_over_outputs(loss, out, shape, draw, value_delta):
    Y, Z = draw(loss, out, shape)
    value, _ = value_delta(loss, out, Y, Z)
    assert_allclose(value, formula(loss, out, Y, Z), rtol=1e-12, atol=1e-14)


@every_row
@pytest.mark.parametrize("shape", [(6, 1), (6, 4), (2, 5, 3)])
def test_delta_is_the_slope_of_the_textbook_formula(loss, out, shape, draw, value_delta):
    Y, Z = draw(loss, out, shape)
    _, delta = value_delta(loss, out, Y, Z)
    h = 1e-3
    for j in range(shape[-1]):
        step = h * (np.arange(shape[-1]) == j)
        f = {k: formula(loss, out, Y, Z + k * step) for k in (-2, -1, 1, 2)}
        slope = (8 * (f[1] - f[-1]) - f[2] + f[-2]) / (12 * h)
        assert_allclose(delta[..., j], slope, rtol=1e-8, atol=1e-10)


@every_row
def test_float32_stays_float32_and_close(loss, out, draw, value_delta):
    Y, Z = draw(loss, out, (50, 3))
    value, delta = value_delta(loss, out, Y.astype(np.float32), Z.astype(np.float32))
    exact_value, exact_delta = value_delta(loss, out, Y, Z)
    assert value.dtype == delta.dtype == np.float32
    assert_allclose(value, exact_value, rtol=1e-5, atol=1e-5)
    assert_allclose(delta, exact_delta, rtol=1e-5, atol=1e-5)


@every_row
def test_targets_without_members_are_shared(loss, out, draw, value_delta):
    Y, Z = draw(loss, out, (2, 5, 3))
    shared = value_delta(loss, out, Y[1], Z)
    for k in range(2):
        for together, alone in zip(shared, value_delta(loss, out, Y[1], Z[k]), strict=True):
            assert_allclose(together[k], alone, rtol=1e-13, atol=1e-15)


@every_dtype
@every_row
def test_value_and_delta_are_finite_at_ten_thousand(loss, out, dtype, draw, value_delta):
    Y, _ = draw(loss, out, (8, 3))
    ends = FINITE_ENDS.get(loss, [-1e4, 1e4])
    if not ends:
        pytest.skip("both ends are beyond every float")
    for Z in np.random.default_rng(4).choice(ends, (5, 8, 3)).astype(dtype):
        value, delta = value_delta(loss, out, Y.astype(dtype), Z)
        assert np.isfinite(value).all()
        assert np.isfinite(delta).all()


@every_dtype
def test_log_losses_grow_linearly_without_clipping(dtype, value_delta):
    """-log(sigma(-z)) = z + exp(-z) + ..., however far the wrong side is."""
    z = np.array([20.0, 60.0, 1e4], dtype)[:, None]
    sigmoid, _ = value_delta("log_loss", "logistic", np.zeros_like(z), z)
    Y = np.array([[0, 1]] * 3, dtype)
    softmax, _ = value_delta("log_loss", "softmax", Y, np.hstack([z, 0 * z]))
    for value in (sigmoid, softmax):
        assert_allclose(value, z[:, 0], rtol=1e-6)
    right, _ = value_delta("log_loss", "logistic", np.ones_like(z), z)
    assert_allclose(right, 0, atol=1e-8)


@pytest.mark.parametrize(("loss", "out"), MATCHED)
def test_delta_is_the_residual_where_loss_and_link_belong_together(loss, out, draw, value_delta):
    Y, Z = draw(loss, out, (9, 4))
    assert_allclose(value_delta(loss, out, Y, Z)[1], TEXTBOOK[out](Z) - Y, rtol=1e-12, atol=1e-14)


def test_softmax_of_two_is_the_logistic_of_the_difference(value_delta):
    rng = np.random.default_rng(5)
    Z, y = rng.normal(size=(7, 2)), rng.integers(0, 2, (7, 1)).astype(float)
    two = value_delta("log_loss", "softmax", np.hstack([1 - y, y]), Z)
    one = value_delta("log_loss", "logistic", y, Z[:, 1:] - Z[:, :1])
    assert_allclose(two[0], one[0], rtol=1e-13)
    assert_allclose(two[1][:, 1:], one[1], rtol=1e-13)


def test_every_output_activation_has_a_prediction():
    assert {out for _, out in ROWS} == set(LINKS)


@pytest.mark.parametrize("out", LINKS)
def test_prediction_is_the_textbook_inverse_link_as_a_new_array(out):
    Z = 2 * np.random.default_rng(6).normal(size=(2, 5, 3))
    prediction = LINKS[out].prediction(Z)
    assert_allclose(prediction, TEXTBOOK[out](Z), rtol=1e-12)
    assert not np.shares_memory(prediction, Z)


@every_dtype
@pytest.mark.parametrize("out", LINKS)
def test_prediction_is_finite_at_ten_thousand(out, dtype):
    Z = np.array([[-1e4, 0.0, 1e4], [1e4, 1e4, -1e4]], dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        prediction = LINKS[out].prediction(Z)
    assert prediction.dtype == dtype
    assert np.isfinite(prediction).all()


def test_probabilities_of_a_softmax_sum_to_one():
    Z = np.random.default_rng(7).normal(scale=100, size=(50, 6))
    assert_allclose(LINKS["softmax"].prediction(Z).sum(axis=-1), 1, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_member_with_large_outputs_changes_no_bit_of_the_others(dtype):
    """Only its softmax is shifted."""
    loss, rng = LOSSES["log_loss"]["softmax"], np.random.default_rng(3)
    Z = rng.normal(size=(3, 20, 4)).astype(dtype)
    Z[1] *= 1000
    Y = np.eye(4, dtype=dtype)[rng.integers(4, size=20)]

    def delta(Z):
        found = np.empty_like(Z)
        with np.errstate(all="ignore"):
            loss.delta(Y, Z.copy(), found, np.empty_like(Z))
        return found

    assert_array_equal(delta(Z), np.concatenate([delta(Z[k : k + 1]) for k in range(3)]))
    assert_allclose(delta(Z)[1], scipy.special.softmax(Z[1], axis=-1) - Y, atol=1e-6)


@pytest.mark.torch
@every_row
def test_value_and_delta_equal_torch(loss, out, torch, draw, value_delta):
    F = torch.nn.functional
    Y, Z = draw(loss, out, (20, 4))
    y, z = torch.tensor(Y), torch.tensor(Z, requires_grad=True)
    links = {
        "identity": lambda z: z,
        "logistic": torch.sigmoid,
        "tanh": torch.tanh,
        "softplus": F.softplus,
        "softmax": lambda z: torch.softmax(z, -1),
        "exp": torch.exp,
        "increments": lambda z: torch.cat([z[..., :1], F.softplus(z[..., 1:])], -1).cumsum(-1),
    }
    a, level = links[out](z), torch.tensor(levels(4)) if out == "increments" else 0.5
    per_sample = {
        "log_loss": lambda: (
            F.cross_entropy(z, y, reduction="none")
            if out == "softmax"
            else F.binary_cross_entropy_with_logits(z, y, reduction="none").sum(-1)
        ),
        "squared_error": lambda: F.mse_loss(a, y, reduction="none").sum(-1) / 2,
        "absolute_error": lambda: F.l1_loss(a, y, reduction="none").sum(-1),
        "huber": lambda: F.huber_loss(a, y, reduction="none", delta=1.35).sum(-1),
        "quantile": lambda: torch.maximum(level * (y - a), (level - 1) * (y - a)).sum(-1),
        "gamma": lambda: (-torch.distributions.Gamma(1, 1 / a).log_prob(y) - y.log() - 1).sum(-1),
        "tweedie": lambda: 2 * (y * a**-0.5 + a**0.5 - 2 * y**0.5).sum(-1),  # at power 1.5
        "poisson": lambda: (
            F.poisson_nll_loss(z, y, reduction="none") + torch.special.xlogy(y, y) - y
        ).sum(-1),
    }[loss]()
    per_sample.sum().backward()
    value, delta = value_delta(loss, out, Y, Z)
    assert_allclose(value, per_sample.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert_allclose(delta, z.grad.numpy(), rtol=1e-12, atol=1e-13)


@every_row
def test_nan_in_the_raw_output_is_nan_in_the_loss(loss, out, make_loss, draw):
    Y, Z = draw(loss, out, (6, 3))
    for j in range(3):
        bad, value = Z.copy(), np.zeros(6)
        bad[2, j] = np.nan
        with np.errstate(all="ignore"):
            make_loss(loss, out, 3).value(Y, bad, value, np.empty_like(Z), np.empty_like(Z))
        assert_array_equal(np.isnan(value), np.arange(6) == 2)
