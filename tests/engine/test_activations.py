import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import erfc, expit

from sknet._engine.activations import ACTIVATIONS


def selu(z):
    """SELU with its two constants from the fixed point (mean 0, variance 1) of the paper."""
    tail, e = erfc(np.sqrt(0.5)), np.e
    alpha = -np.sqrt(2 / np.pi) / (tail * np.sqrt(e) - 1)
    scale = (1 - tail * np.sqrt(e)) * np.sqrt(2 * np.pi)
    scale /= np.sqrt(
        2 * erfc(np.sqrt(2)) * e**2
        + np.pi * tail**2 * e
        - 2 * (2 + np.pi) * tail * np.sqrt(e)
        + np.pi
        + 2
    )
    return scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


# Each formula as its paper has it, in a form that holds for every z.
FORMULAS = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": lambda z: 1 - 2 * expit(-2 * z),
    "relu": lambda z: (z + abs(z)) / 2,
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "selu": selu,
    "gelu": lambda z: z * erfc(-z / np.sqrt(2)) / 2,
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
    "softplus": lambda z: np.logaddexp(0, z),
}

TORCH_NAMES = {
    "identity": "Identity",
    "logistic": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "softplus": "Softplus",
}

magnitudes = np.geomspace(0.02, 1e3, 200)
POINTS = np.concatenate([-magnitudes, magnitudes])[:, None]
TOLERANCES = {
    np.float64: {"rtol": 1e-12, "atol": 1e-15},
    np.float32: {"rtol": 2e-6, "atol": 2e-6},
}

every_activation = pytest.mark.parametrize("name", ACTIVATIONS)
every_dtype = pytest.mark.parametrize("dtype", TOLERANCES)


def forward(name, Z):
    """Z and A as a layer holds them (one array, or two), and memory: full of NaN, or of zeros."""
    Z = Z.copy()
    A = Z if ACTIVATIONS[name].in_place else np.full_like(Z, np.nan)
    work = ACTIVATIONS[name].memory(np.full_like(Z, np.nan))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        ACTIVATIONS[name].forward(Z, A, work)
    return Z, A, work


def backward(name, Z, delta):
    """Return delta * sigma'(Z)."""
    Z, A, work = forward(name, Z)
    delta, work = delta.copy(), ACTIVATIONS[name].memory(np.full_like(Z, np.nan))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        ACTIVATIONS[name].backward(delta, Z, A, work)
    return delta


def test_every_activation_has_a_formula():
    assert set(FORMULAS) == set(ACTIVATIONS) == set(TORCH_NAMES)


@every_dtype
@every_activation
def test_value_is_the_formula_up_to_a_thousand(name, dtype):
    Z = POINTS.astype(dtype)
    _, A, _ = forward(name, Z)
    assert A.dtype == dtype
    assert_allclose(A, FORMULAS[name](Z.astype(np.float64)), **TOLERANCES[dtype])


@every_dtype
@every_activation
def test_derivative_is_the_slope_of_the_formula_up_to_a_thousand(name, dtype):
    Z = POINTS.astype(dtype)
    z, h, sigma = Z.astype(np.float64), 2e-3, FORMULAS[name]
    slope = (8 * (sigma(z + h) - sigma(z - h)) - sigma(z + 2 * h) + sigma(z - 2 * h)) / (12 * h)
    delta = np.random.default_rng(0).normal(size=Z.shape).astype(dtype)
    product = backward(name, Z, delta)
    assert product.dtype == dtype
    assert_allclose(product, delta * slope, **TOLERANCES[dtype] | {"atol": 2e-6, "rtol": 1e-6})
    if dtype == np.float64:
        assert_allclose(product, delta * slope, rtol=1e-9, atol=1e-9)


@every_activation
def test_value_at_zero_and_both_slopes_there(name):
    Z = np.array([[0.0]])
    assert_allclose(forward(name, Z)[1], FORMULAS[name](Z), atol=1e-16)
    h = 1e-7
    left, right = (FORMULAS[name](np.array(s * h)) - FORMULAS[name](np.array(0.0)) for s in (-1, 1))
    low, high = sorted([-left / h, right / h])
    assert low - 1e-6 <= backward(name, Z, np.ones_like(Z)).item() <= high + 1e-6


@every_activation
def test_z_survives_the_forward_pass_unless_in_place(name):
    Z = POINTS.copy()
    after, A, _ = forward(name, Z)
    assert np.shares_memory(after, A) == ACTIVATIONS[name].in_place
    if not ACTIVATIONS[name].in_place:
        assert_array_equal(after, Z)


@every_activation
def test_leading_axes_ride_along(name):
    Z = np.random.default_rng(1).normal(size=(3, 4, 5))
    delta = np.random.default_rng(2).normal(size=Z.shape)
    for k in range(3):
        assert_allclose(forward(name, Z)[1][k], forward(name, Z[k])[1], rtol=1e-15)
        assert_allclose(backward(name, Z, delta)[k], backward(name, Z[k], delta[k]), rtol=1e-13)


@pytest.mark.torch
@every_activation
def test_value_and_derivative_equal_torch(name, torch):
    options = {"threshold": 100.0} if name == "softplus" else {}
    Z = np.concatenate([np.linspace(-30, 30, 401), [0.0]])[:, None]
    z = torch.tensor(Z, requires_grad=True)
    a = getattr(torch.nn, TORCH_NAMES[name])(**options)(z)
    a.sum().backward()
    assert_allclose(forward(name, Z)[1], a.detach().numpy(), rtol=1e-12, atol=1e-14)
    assert_allclose(backward(name, Z, np.ones_like(Z)), z.grad.numpy(), rtol=1e-12, atol=1e-14)
