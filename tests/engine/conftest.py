"""Fixtures that the engine's tests share; those that return a function are named as verbs."""

import numpy as np
import pytest

from sknet._engine.losses import LOSSES
from sknet._engine.network import Network, dense_layers
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.parameters import Layout
from sknet._engine.schedules import SCHEDULES
from sknet._engine.training import Training

HYPER_PARAMETERS = {
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.01,
    "rho": 0.9,
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="session")
def draw_targets():
    """Targets (..., n_samples, n_outputs) in the domain of a loss."""

    def draw(loss, out_activation, rng, shape):
        if out_activation == "softmax":
            Y = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
            Y[..., ::2, :] = Y[..., ::2, :] == Y[..., ::2, :].max(axis=-1, keepdims=True)
            return Y
        if loss == "log_loss":
            return rng.integers(0, 2, shape).astype(float)
        if loss == "poisson":
            return rng.poisson(2.0, shape).astype(float)
        return rng.normal(size=shape)

    return draw


@pytest.fixture(scope="session")
def make_network():
    """A network whose parameters are drawn from N(0, scale^2), member after member."""

    def make(
        units,
        activations=(),
        loss="squared_error",
        out_activation="identity",
        n_members=1,
        alpha=0.0,
        dtype=np.float64,
        scale=0.5,
        seed=0,
    ):
        layers = dense_layers(units, activations)
        theta = Layout([layer.shapes for layer in layers]).zeros(n_members, dtype)
        theta[:] = scale * np.random.default_rng(seed).normal(size=theta.shape)
        return Network(layers, LOSSES[loss][out_activation], alpha, theta)

    return make


@pytest.fixture(scope="session")
def make_optimizer():
    """An optimizer by its name in the table, at the usual hyper-parameters."""

    def make(solver, theta, grad, weights=slice(0, 0), **hyper):
        row = OPTIMIZERS[solver]
        hyper = HYPER_PARAMETERS | hyper
        return row(theta, grad, weights, **{name: hyper[name] for name in row.parameters})

    return make


@pytest.fixture(scope="session")
def make_training(make_optimizer):
    """A training of a network; member k shuffles with the k-th generator spawned from `seed`."""

    def make(network, solver="adam", eta=0.01, schedule="constant", seed=0, members=None, **hyper):
        members = range(len(network.theta)) if members is None else members
        spawned = np.random.default_rng(seed).spawn(max(members) + 1)
        optimizer = make_optimizer(
            solver, network.theta, network.grad, network.layout.groups["W"], **hyper
        )
        return Training(
            network,
            optimizer,
            lambda progress: SCHEDULES[schedule](eta, progress, 0.5),
            slows_down=schedule == "adaptive",
            generators=[spawned[k] for k in members],
        )

    return make
