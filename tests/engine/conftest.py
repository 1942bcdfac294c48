"""Fixtures that the engine's tests share; those that return a function are named as verbs."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from sknet._engine.layers import Embedding, Layer
from sknet._engine.links import LINKS, PROBABILITY
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network, dense_layers, with_dropout
from sknet._engine.optimizers import OPTIMIZERS, Optimizer
from sknet._engine.parameters import WEIGHTS, Group, Layout, Parameters
from sknet._engine.schedules import LearningRate
from sknet._engine.team import SINGLE_THREAD
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

# Differences y - prediction at which a loss, or its slope, has a kink.
KINKS = {"absolute_error": [0.0], "quantile": [0.0], "huber": [-1.35, 1.35]}
MARGIN = 0.02  # what central differences must not reach across


BLAS = ThreadpoolController().select(user_api="blas")


@pytest.fixture(autouse=True)
def _one_thread_of_blas():
    """The engine leaves the threads of BLAS to its callers; those of two tests at once collide."""
    with BLAS.limit(limits=1):
        yield


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="session")
def make_loss():
    """A row of ``LOSSES`` for so many outputs; the k-th of n increments has level k / (n + 1)."""

    def make(loss, out_activation, n_outputs):
        row = LOSSES[loss][out_activation]
        if out_activation == "increments":
            return row.configured(quantile=np.arange(1, n_outputs + 1) / (n_outputs + 1))
        return row

    return make


@pytest.fixture(scope="session")
def draw_targets():
    """Targets for raw output (..., n_samples, n_outputs), in the domain of a loss."""

    def draw(loss, out_activation, rng, shape):
        domain = LOSSES[loss][out_activation].domain
        if out_activation == "softmax":
            Y = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
            Y[..., ::2, :] = Y[..., ::2, :] == Y[..., ::2, :].max(axis=-1, keepdims=True)
            return Y
        if out_activation == "increments":
            return rng.normal(size=(*shape[:-1], 1))
        if domain == PROBABILITY:
            return rng.integers(0, 2, shape).astype(float)
        if domain.least == 0.0:
            Y = rng.gamma(2.0, size=shape)
            return Y * rng.poisson(1.0, shape) if domain.includes_least else Y
        return rng.normal(size=shape)

    return draw


@pytest.fixture(scope="session")
def draw_smooth_targets(draw_targets):
    """Targets that are no nearer than MARGIN to a kink of the loss at raw output `Z`."""

    def draw(loss, out_activation, rng, Z):
        Y, A = draw_targets(loss, out_activation, rng, Z.shape), LINKS[out_activation].prediction(Z)
        for _ in range(100):
            gaps = [np.abs(Y - A - kink) for kink in KINKS.get(loss, ())]
            near = np.any([gap < MARGIN for gap in gaps], axis=0)
            if Y.shape != Z.shape:
                near = near.any(axis=-1, keepdims=True)
            if not near.any():
                return Y
            Y = np.where(near, draw_targets(loss, out_activation, rng, Z.shape), Y)
        raise AssertionError("a kink everywhere")

    return draw


@pytest.fixture(scope="session")
def make_network(make_loss):
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
        dropout=None,
        team=SINGLE_THREAD,
        embedding=None,
    ):
        """`dropout` holds p for the input of each layer; member k draws its masks from seed k.

        `embedding` holds the arguments of one; the first of the units are those of its output.
        """
        layers = dense_layers(units, activations, [Embedding(*embedding)] if embedding else [])
        if dropout:
            generators = [np.random.default_rng(k) for k in range(n_members)]
            layers = with_dropout(layers, dropout, generators)
        parameters = Parameters.zeros(Layout(layers), n_members, dtype)
        theta = parameters.theta
        theta[:] = scale * np.random.default_rng(seed).normal(size=theta.shape)
        row = make_loss(loss, out_activation, units[-1])
        return Network(layers, row, alpha, parameters, team)

    return make


class Columns(Layer):
    """A layer that stands for parameters alone: so many weights, then other numbers."""

    groups = {"W": WEIGHTS, "rest": Group("rest")}  # noqa: RUF012

    def __init__(self, n_weights, n_rest):
        self.shapes = {"W": (n_weights,), "rest": (n_rest,)}

    def bind(self, parameters, gradient=None):
        pass


@pytest.fixture(scope="session")
def make_optimizer():
    """An optimizer by its name in the table, at the usual hyper-parameters."""

    def make(solver, theta, grad, weights=slice(0, 0), team=SINGLE_THREAD, **hyper):
        """Of theta and grad (n_members, n_params), whose first columns are weights."""
        layers = [Columns(weights.stop, theta.shape[1] - weights.stop)]
        parameters = Parameters.around(Layout(layers), theta, grad)
        return Optimizer(
            parameters, layers, OPTIMIZERS[solver], HYPER_PARAMETERS | hyper, team=team
        )

    return make


@pytest.fixture(scope="session")
def optimizer_of():
    """The optimizer of a network."""

    def make(network, solver, clip_norm=None, team=SINGLE_THREAD, **hyper):
        row = OPTIMIZERS[solver]
        hyper = HYPER_PARAMETERS | hyper
        return Optimizer(network.parameters, network.layers, row, hyper, clip_norm, team)

    return make


@pytest.fixture(scope="session")
def make_training(optimizer_of):
    """A training of a network; member k shuffles with the k-th generator spawned from `seed`."""

    def make(network, solver="adam", eta=0.01, schedule="constant", seed=0, members=None, **hyper):
        members = range(network.n_members) if members is None else members
        spawned = np.random.default_rng(seed).spawn(max(members) + 1)
        return Training(
            network,
            optimizer_of(network, solver, **hyper),
            LearningRate(schedule, eta),
            [spawned[k] for k in members],
        )

    return make
