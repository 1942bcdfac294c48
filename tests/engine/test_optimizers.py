import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import rosen, rosen_der

from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.walk import STEP_ELEMENTS

every_optimizer = pytest.mark.parametrize("solver", OPTIMIZERS)

MATRIX = np.array([[2.0, 0.3, 0, 0], [0.3, 1.0, 0, 0], [0, 0, 0.5, 0.1], [0, 0, 0.1, 3.0]])
START = np.array([1.0, -2.0, 0.5, 3.0])
WEIGHTS = slice(0, 2)


def state_arrays(optimizer):
    return [a for own in optimizer.arrays.values() for a in own]


def gradient(theta):
    """Of theta' MATRIX theta / 2 - sum cos(theta)."""
    return MATRIX @ theta + np.sin(theta)


def trajectory(optimizer, theta, grad, eta, n_steps):
    points = []
    for t in range(n_steps):
        grad[0] = gradient(theta[0])
        optimizer.step(eta(t))
        points.append(theta[0].copy())
    return np.array(points)


def run(make_optimizer, solver, eta, n_steps=10, **hyper):
    theta, grad = START[None].copy(), np.empty((1, 4))
    optimizer = make_optimizer(solver, theta, grad, WEIGHTS, **hyper)
    return trajectory(optimizer, theta, grad, eta, n_steps)


TORCH = [
    ("sgd", "SGD", {"momentum": 0.0}, {}),
    ("sgd", "SGD", {"momentum": 0.7, "nesterovs_momentum": False}, {"momentum": 0.7}),
    ("sgd", "SGD", {"momentum": 0.7}, {"momentum": 0.7, "nesterov": True}),
    ("adam", "Adam", {}, {}),
    (
        "adam",
        "Adam",
        {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.1},
        {"betas": (0.7, 0.9), "eps": 0.1},
    ),
    ("adamw", "AdamW", {"weight_decay": 0.3}, {"weight_decay": 0.3}),
    ("rmsprop", "RMSprop", {"rho": 0.8}, {"alpha": 0.8}),
    ("rmsprop", "RMSprop", {"rho": 0.8, "epsilon": 0.1}, {"alpha": 0.8, "eps": 0.1}),
]


@pytest.mark.torch
@pytest.mark.parametrize(("solver", "name", "hyper", "torch_hyper"), TORCH)
def test_ten_steps_equal_torch(make_optimizer, torch, solver, name, hyper, torch_hyper):
    W, b = torch.tensor(START[WEIGHTS]), torch.tensor(START[2:])
    groups = [{"params": [W]}, {"params": [b]}]
    if "weight_decay" in torch_hyper:
        groups[1]["weight_decay"] = 0.0
    optimizer = getattr(torch.optim, name)(groups, lr=0.05, **torch_hyper)
    points = []
    for _ in range(10):
        g = gradient(np.concatenate([W.numpy(), b.numpy()]))
        W.grad, b.grad = torch.tensor(g[WEIGHTS]), torch.tensor(g[2:])
        optimizer.step()
        points.append(np.concatenate([W.numpy(), b.numpy()]))
    assert_allclose(
        run(make_optimizer, solver, lambda t: 0.05, **hyper), points, rtol=1e-12, atol=1e-13
    )


@pytest.mark.torch
def test_every_optimizer_is_compared_with_torch():
    assert {row[0] for row in TORCH} == set(OPTIMIZERS)


def sgd_by_the_paper(g, x, rates, p):
    """Gradient descent; momentum as in Sutskever et al. 2013, equations 1 and 2."""
    v = 0.0
    while True:
        v = p["momentum"] * v - next(rates) * g(x)
        x = x + v
        yield x


def nesterov_by_the_paper(g, x, rates, p):
    """Sutskever et al. 2013, equations 3 and 4, told by its point of look-ahead x + mu v."""
    v = 0.0
    while True:
        v = p["momentum"] * v - next(rates) * g(x + p["momentum"] * v)
        x = x + v
        yield x + p["momentum"] * v


def adam_by_the_paper(g, x, rates, p):
    """Kingma and Ba 2015, Algorithm 1; Loshchilov and Hutter 2019, Algorithm 2."""
    m = v = 0.0
    t = 0
    while True:
        t, rate, gradient = t + 1, next(rates), g(x)
        m = p["beta_1"] * m + (1 - p["beta_1"]) * gradient
        v = p["beta_2"] * v + (1 - p["beta_2"]) * gradient**2
        m_hat = m / (1 - p["beta_1"] ** t)
        v_hat = v / (1 - p["beta_2"] ** t)
        x = x - rate * (m_hat / (v_hat**0.5 + p["epsilon"]) + p.get("weight_decay", 0) * x)
        yield x


def rmsprop_by_the_paper(g, x, rates, p):
    """Tieleman and Hinton 2012, lecture 6.5, with epsilon beside the root."""
    v = 0.0
    while True:
        gradient = g(x)
        v = p["rho"] * v + (1 - p["rho"]) * gradient**2
        x = x - next(rates) * gradient / (v**0.5 + p["epsilon"])
        yield x


PAPERS = [
    ("sgd", sgd_by_the_paper, {"momentum": 0.0}),
    ("sgd", sgd_by_the_paper, {"momentum": 0.8, "nesterovs_momentum": False}),
    ("sgd", nesterov_by_the_paper, {"momentum": 0.8}),
    ("adam", adam_by_the_paper, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01}),
    (
        "adamw",
        adam_by_the_paper,
        {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01, "weight_decay": 0.2},
    ),
    ("rmsprop", rmsprop_by_the_paper, {"rho": 0.8, "epsilon": 0.01}),
]


@pytest.mark.parametrize(("solver", "paper", "hyper"), PAPERS)
def test_fifty_steps_equal_the_scalar_recursion_of_the_paper(make_optimizer, solver, paper, hyper):
    rates = [0.1 / (1 + 0.1 * t) if solver != "sgd" else 0.1 for t in range(50)]
    theta, grad = np.array([[2.0]]), np.empty((1, 1))
    optimizer = make_optimizer(solver, theta, grad, slice(0, 1), **hyper)
    reference = paper(lambda x: 2 * x + np.cos(x), 2.0, iter(rates), hyper)
    for rate in rates:
        grad[0] = 2 * theta[0] + np.cos(theta[0])
        optimizer.step(rate)
        assert theta.item() == pytest.approx(next(reference), rel=1e-12)


def test_every_optimizer_is_compared_with_its_paper():
    assert {row[0] for row in PAPERS} == set(OPTIMIZERS)


PROBLEMS = {
    "parabola": (
        lambda x: float(((x - [1.0, -2.0, 0.5]) ** 2) @ [1.0, 2.0, 5.0]),
        lambda x: 2 * (x - [1.0, -2.0, 0.5]) * [1.0, 2.0, 5.0],
        np.zeros(3),
        np.array([1.0, -2.0, 0.5]),
    ),
    "rosenbrock": (rosen, rosen_der, np.array([-0.5, 0.8]), np.ones(2)),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@every_optimizer
def test_reaches_the_minimum(make_optimizer, solver, problem):
    """At the best of three learning rates, each falling linearly to a hundredth."""
    value, slope, start, minimum = PROBLEMS[problem]
    n_steps, distances = 4000, []
    for rate in (0.1, 0.01, 0.001):
        theta, grad = start[None].copy(), np.empty((1, start.size))
        optimizer = make_optimizer(solver, theta, grad)
        for t in range(n_steps):
            grad[0] = slope(theta[0])
            optimizer.step(rate * (1 - 0.99 * t / n_steps))
            if not value(theta[0]) < 1e6:
                break
        distances.append(np.abs(theta[0] - minimum).max())
    assert np.nanmin(distances) < 1e-2


@every_optimizer
def test_restored_state_continues_bit_for_bit(make_optimizer, solver):
    theta, grad = START[None].copy(), np.empty((1, 4))
    optimizer = make_optimizer(solver, theta, grad, WEIGHTS)
    trajectory(optimizer, theta, grad, lambda t: 0.1, 3)
    saved, at = pickle.dumps(optimizer.state()), theta.copy()
    held = optimizer.state()
    expected = trajectory(optimizer, theta, grad, lambda t: 0.1, 4)
    for state in (pickle.loads(saved), held):
        theta, grad = at.copy(), np.empty((1, 4))
        again = make_optimizer(solver, theta, grad, WEIGHTS)
        again.restore(state)
        assert_array_equal(trajectory(again, theta, grad, lambda t: 0.1, 4), expected)


@every_optimizer
def test_blocks_of_a_large_theta_step_like_small_ones(make_optimizer, solver):
    rng = np.random.default_rng(0)
    n_params = STEP_ELEMENTS + 7
    assert n_params * 2 > 2 * STEP_ELEMENTS, "blocks must end inside of a row and across rows"
    start = rng.normal(size=(2, n_params))
    theta, grad = start.copy(), np.empty_like(start)
    optimizer = make_optimizer(solver, theta, grad, slice(0, 5))
    columns = np.r_[0:10, STEP_ELEMENTS - 5 : n_params]
    small, small_grad = start[:, columns].copy(), np.empty((2, columns.size))
    reference = make_optimizer(solver, small, small_grad, slice(0, 5))
    for _ in range(3):
        g = rng.normal(size=start.shape)
        grad[:], small_grad[:] = g, g[:, columns]
        optimizer.step(0.1)
        reference.step(0.1)
    assert (theta != start).all()
    assert_allclose(theta[:, columns], small, rtol=1e-14)


@every_optimizer
def test_members_step_independently(make_optimizer, solver):
    rng = np.random.default_rng(1)
    start, g = rng.normal(size=(3, 4)), rng.normal(size=(5, 3, 4))
    theta, grad = start.copy(), np.empty((3, 4))
    optimizer = make_optimizer(solver, theta, grad, WEIGHTS)
    alone, grads = [row[None].copy() for row in start], [np.empty((1, 4)) for _ in range(3)]
    others = [make_optimizer(solver, a, b, WEIGHTS) for a, b in zip(alone, grads, strict=True)]
    for step in g:
        grad[:] = step
        optimizer.step(0.1)
        for k in range(3):
            grads[k][:] = step[k]
            others[k].step(0.1)
    assert_array_equal(theta, np.concatenate(alone))


@every_optimizer
def test_float32_stays_float32(make_optimizer, solver):
    theta, grad = START[None].astype(np.float32), np.zeros((1, 4), np.float32)
    optimizer = make_optimizer(solver, theta, grad, WEIGHTS)
    exact = run(make_optimizer, solver, lambda t: 0.01)
    rounded = trajectory(optimizer, theta, grad, lambda t: 0.01, 10)
    assert {a.dtype for a in (rounded, *state_arrays(optimizer))} == {np.dtype(np.float32)}
    assert_allclose(rounded, exact, rtol=1e-5)


@every_optimizer
def test_scale_free_means_that_the_scale_of_the_gradient_does_not_matter(make_optimizer, solver):
    paths = []
    for scale in (1.0, 1000.0):
        theta, grad = START[None].copy(), np.empty((1, 4))
        optimizer = make_optimizer(solver, theta, grad, WEIGHTS, epsilon=1e-15)
        for t in range(10):
            grad[:] = scale * np.cos(t + START)
            optimizer.step(0.01)
        paths.append(theta)
    assert np.allclose(*paths, rtol=1e-9) == OPTIMIZERS[solver].scale_free


@pytest.mark.parametrize("solver", [name for name, row in OPTIMIZERS.items() if row.slots])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_state_that_is_not_finite_is_noticed(make_optimizer, solver, bad):
    theta, grad = START[None].copy(), np.ones((1, 4))
    optimizer = make_optimizer(solver, theta, grad, WEIGHTS)
    optimizer.step(0.1)
    assert optimizer.is_finite()
    grad[:], grad[0, 2] = 1.0, bad
    with np.errstate(invalid="ignore"):
        optimizer.step(0.1)
    assert not optimizer.is_finite()


@every_optimizer
def test_a_rate_of_zero_moves_nothing(make_optimizer, solver):
    assert_array_equal(run(make_optimizer, solver, lambda t: 0.0, 3), [START] * 3)


def test_weight_decay_is_decoupled_and_spares_biases(make_optimizer):
    """Without a gradient, W shrinks by (1 - eta decay) a step, and b stays."""
    theta, grad = START[None].copy(), np.zeros((1, 4))
    optimizer = make_optimizer("adamw", theta, grad, WEIGHTS, weight_decay=0.2)
    for _ in range(7):
        optimizer.step(0.5)
    assert_allclose(theta[0, WEIGHTS], START[WEIGHTS] * 0.9**7, rtol=1e-14)
    assert_array_equal(theta[0, 2:], START[2:])


@pytest.mark.parametrize("solver", ["adam", "adamw"])
def test_first_step_of_adam_is_the_sign_of_the_gradient(make_optimizer, solver):
    theta, grad = np.zeros((1, 4)), np.array([[1e-3, -5.0, 1e3, -1e-2]])
    make_optimizer(solver, theta, grad).step(0.1)
    assert_allclose(theta, [[-0.1, 0.1, -0.1, 0.1]], rtol=1e-5)
