import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import kl_div

from sknet._engine.losses import LOSSES, PREDICTIONS

ROWS = [(loss, out) for loss, outs in LOSSES.items() for out in outs]
MATCHED = [
    ("log_loss", "logistic"),
    ("log_loss", "softmax"),
    ("squared_error", "identity"),
    ("poisson", "exp"),
]

# Textbook formulas, good for moderate z: inverse links, and losses of a prediction a.
LINKS = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
    "exp": np.exp,
}
FORMULAS = {
    ("log_loss", "logistic"): lambda y, a: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
    ("log_loss", "softmax"): lambda y, a: -y * np.log(a),
    ("squared_error", "any"): lambda y, a: (y - a) ** 2 / 2,
    ("poisson", "exp"): kl_div,  # y log(y / a) - y + a
}

every_row = pytest.mark.parametrize(("loss", "out"), ROWS)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def formula(loss, out, Y, Z):
    """Loss of each sample, by the textbook."""
    per_output = FORMULAS.get((loss, out)) or FORMULAS[loss, "any"]
    return per_output(Y, LINKS[out](Z)).sum(axis=-1)


def value_delta(loss, out, Y, Z):
    value, delta, work = (np.full(s, np.nan, Z.dtype) for s in (Z.shape[:-1], Z.shape, Z.shape))
    with np.errstate(divide="raise", invalid="raise"):
        LOSSES[loss][out].value_delta(Y, Z.copy(), value, delta, work)
    return value, delta


def draw(draw_targets, loss, out, shape):
    rng = np.random.default_rng(3)
    return draw_targets(loss, out, rng, shape), 2 * rng.normal(size=shape)


@every_row
@pytest.mark.parametrize("shape", [(6, 1), (6, 4), (2, 5, 3)])
def test_value_is_the_textbook_formula_summed_over_outputs(loss, out, shape, draw_targets):
    Y, Z = draw(draw_targets, loss, out, shape)
    value, _ = value_delta(loss, out, Y, Z)
    assert_allclose(value, formula(loss, out, Y, Z), rtol=1e-12, atol=1e-14)


@every_row
@pytest.mark.parametrize("shape", [(6, 1), (6, 4), (2, 5, 3)])
def test_delta_is_the_slope_of_the_textbook_formula(loss, out, shape, draw_targets):
    Y, Z = draw(draw_targets, loss, out, shape)
    _, delta = value_delta(loss, out, Y, Z)
    h = 1e-3
    for j in range(shape[-1]):
        step = h * (np.arange(shape[-1]) == j)
        f = {k: formula(loss, out, Y, Z + k * step) for k in (-2, -1, 1, 2)}
        slope = (8 * (f[1] - f[-1]) - f[2] + f[-2]) / (12 * h)
        assert_allclose(delta[..., j], slope, rtol=1e-8, atol=1e-10)


@every_row
def test_float32_stays_float32_and_close(loss, out, draw_targets):
    Y, Z = draw(draw_targets, loss, out, (50, 3))
    value, delta = value_delta(loss, out, Y.astype(np.float32), Z.astype(np.float32))
    exact_value, exact_delta = value_delta(loss, out, Y, Z)
    assert value.dtype == delta.dtype == np.float32
    assert_allclose(value, exact_value, rtol=1e-5, atol=1e-5)
    assert_allclose(delta, exact_delta, rtol=1e-5, atol=1e-5)


@every_row
def test_targets_without_members_are_shared(loss, out, draw_targets):
    Y, Z = draw(draw_targets, loss, out, (2, 5, 3))
    shared = value_delta(loss, out, Y[1], Z)
    for k in range(2):
        for together, alone in zip(shared, value_delta(loss, out, Y[1], Z[k]), strict=True):
            assert_allclose(together[k], alone, rtol=1e-13, atol=1e-15)


@every_dtype
@every_row
def test_value_and_delta_are_finite_at_ten_thousand(loss, out, dtype, draw_targets):
    Y, _ = draw(draw_targets, loss, out, (8, 3))
    ends = [-1e4] if out == "exp" else [-1e4, 1e4]  # exp(1e4) is beyond every float
    for Z in np.random.default_rng(4).choice(ends, (5, 8, 3)).astype(dtype):
        value, delta = value_delta(loss, out, Y.astype(dtype), Z)
        assert np.isfinite(value).all()
        assert np.isfinite(delta).all()


@every_dtype
def test_log_losses_grow_linearly_without_clipping(dtype):
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
def test_delta_is_the_residual_where_loss_and_link_belong_together(loss, out, draw_targets):
    Y, Z = draw(draw_targets, loss, out, (9, 4))
    assert_allclose(value_delta(loss, out, Y, Z)[1], LINKS[out](Z) - Y, rtol=1e-12, atol=1e-14)


def test_softmax_of_two_is_the_logistic_of_the_difference():
    rng = np.random.default_rng(5)
    Z, y = rng.normal(size=(7, 2)), rng.integers(0, 2, (7, 1)).astype(float)
    two = value_delta("log_loss", "softmax", np.hstack([1 - y, y]), Z)
    one = value_delta("log_loss", "logistic", y, Z[:, 1:] - Z[:, :1])
    assert_allclose(two[0], one[0], rtol=1e-13)
    assert_allclose(two[1][:, 1:], one[1], rtol=1e-13)


def test_every_output_activation_has_a_prediction():
    assert {out for _, out in ROWS} == set(PREDICTIONS)


@pytest.mark.parametrize("out", PREDICTIONS)
def test_prediction_is_the_textbook_inverse_link_as_a_new_array(out):
    Z = 2 * np.random.default_rng(6).normal(size=(2, 5, 3))
    prediction = PREDICTIONS[out](Z)
    assert_allclose(prediction, LINKS[out](Z), rtol=1e-12)
    assert not np.shares_memory(prediction, Z)


@every_dtype
@pytest.mark.parametrize("out", PREDICTIONS)
def test_prediction_is_finite_at_ten_thousand(out, dtype):
    Z = np.array([[-1e4, 0.0, 1e4], [1e4, 1e4, -1e4]], dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        prediction = PREDICTIONS[out](Z)
    assert prediction.dtype == dtype
    assert np.isfinite(prediction).all()


def test_probabilities_of_a_softmax_sum_to_one():
    Z = np.random.default_rng(7).normal(scale=100, size=(50, 6))
    assert_allclose(PREDICTIONS["softmax"](Z).sum(axis=-1), 1, rtol=1e-15)


@pytest.mark.torch
@every_row
def test_value_and_delta_equal_torch(loss, out, draw_targets, torch):
    F = torch.nn.functional
    Y, Z = draw(draw_targets, loss, out, (20, 4))
    y, z = torch.tensor(Y), torch.tensor(Z, requires_grad=True)
    links = {
        "identity": lambda z: z,
        "logistic": torch.sigmoid,
        "tanh": torch.tanh,
        "softplus": F.softplus,
        "softmax": lambda z: torch.softmax(z, -1),
    }
    per_sample = {
        "log_loss": lambda: (
            F.cross_entropy(z, y, reduction="none")
            if out == "softmax"
            else F.binary_cross_entropy_with_logits(z, y, reduction="none").sum(-1)
        ),
        "squared_error": lambda: F.mse_loss(links[out](z), y, reduction="none").sum(-1) / 2,
        "poisson": lambda: (
            F.poisson_nll_loss(z, y, reduction="none") + torch.special.xlogy(y, y) - y
        ).sum(-1),
    }[loss]()
    per_sample.sum().backward()
    value, delta = value_delta(loss, out, Y, Z)
    assert_allclose(value, per_sample.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert_allclose(delta, z.grad.numpy(), rtol=1e-12, atol=1e-13)
