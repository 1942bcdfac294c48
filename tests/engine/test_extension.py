"""New parts, defined in this file alone, work in the engine as those that are there.

A layer with parameters, an activation, a loss with a parameter, an optimizer with three state
arrays, one that steps whole matrices, and parameters that members share. None of them has a
compiled twin: with numba installed they are run by numpy, with the same result.
"""

import pickle
from itertools import islice

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine import activations, compiled, optimizers
from sknet._engine.activations import ACTIVATIONS, Activation
from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.directions import Adam, Direction
from sknet._engine.layers import Layer
from sknet._engine.lbfgs import minimize_lbfgs, objective_of
from sknet._engine.loss_base import Loss, sum_outputs
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network, dense_layers, drawn_parameters
from sknet._engine.optimizers import OPTIMIZERS, Optimizer, Solver
from sknet._engine.parameters import Group, Layout, Parameters
from sknet._engine.schedules import LearningRate
from sknet._engine.stopping import Stopping
from sknet._engine.training import Training

N, P = 120, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, P))
Y = np.sin(2 * X[:, :1]) + X[:, 1:2] * X[:, 2:3] + 0.1 * RNG.normal(size=(N, 1))

HYPER = {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "beta_3": 0.9, "momentum": 0.9}
HYPER |= {"nesterovs_momentum": True, "weight_decay": 0.01}


# ---------------------------------------------------------------------------------- the parts


class Scale(Layer):
    """A = X * s, one factor a column: dX = dA * s, ds = sum over samples of X * dA."""

    groups = {"s": Group("scale", rate=6.0, decay=0.5)}  # noqa: RUF012

    def __init__(self, n_units, shared=False):
        self.n_in = self.n_out = n_units
        self.shapes = {"s": (1, n_units)}
        self.shared = frozenset({"s"} if shared else ())

    def of(self, members=slice(None)):
        return Scale(self.n_in, bool(self.shared))

    def init(self, rng):
        return {"s": rng.uniform(0.5, 1.5, (1, self.n_in))}

    def bind(self, parameters, gradient=None):
        self.s = parameters["s"]
        if gradient is not None:
            self.ds = gradient["s"]

    def buffers(self, n_members, n_samples, dtype, work):
        return {"A": np.empty((n_members, n_samples, self.n_in), dtype)}

    def forward(self, X, buffers):
        buffers["X"] = X
        return np.multiply(X, self.s, out=buffers["A"])

    def backward(self, dA, buffers, input_gradient):
        np.sum(dA * buffers["X"], axis=-2, keepdims=True, out=self.ds)
        return dA * self.s if input_gradient else None


def sine(Z, A, work):
    np.sin(Z, out=A)


def sine_backward(delta, Z, A, work):
    np.cos(Z, out=A)
    np.multiply(delta, A, out=delta)


class LogCosh(Loss):
    """log cosh(c (z - y)) / c; delta = tanh(c (z - y))."""

    parameters = ("log_cosh_scale",)

    def __init__(self, log_cosh_scale=1.0):
        self.log_cosh_scale = float(log_cosh_scale)

    def value(self, Y, Z, loss, work, more):
        np.subtract(Z, Y, out=work)
        np.multiply(work, self.log_cosh_scale, out=work)
        np.logaddexp(work, -work, out=work)
        work -= np.log(2.0)
        work /= self.log_cosh_scale
        sum_outputs(work, loss)

    def delta(self, Y, Z, delta, work):
        np.subtract(Z, Y, out=delta)
        np.multiply(delta, self.log_cosh_scale, out=delta)
        np.tanh(delta, out=delta)

    def constant(self, Y, w=None):
        return np.median(Y, axis=0)


class ThreeStates(Direction):
    """Adam whose step is averaged once more."""

    parameters = ("beta_1", "beta_2", "epsilon", "beta_3")
    slots = ("m", "v", "u")

    def coefficients(self, eta, t):
        return eta, self.beta_1, self.beta_2, self.epsilon, self.beta_3

    def step(self, coefficients, theta, g, m, v, u):
        eta, beta_1, beta_2, epsilon, beta_3 = coefficients
        m[:] = beta_1 * m + (1 - beta_1) * g
        v[:] = beta_2 * v + (1 - beta_2) * g * g
        u[:] = beta_3 * u + (1 - beta_3) * m / (np.sqrt(v) + epsilon)
        theta -= eta * u


class Orthogonal(Direction):
    """Muon's idea: a hidden weight matrix moves along U V^T of its momentum U S V^T."""

    parameters = ("momentum",)
    slots = ("v",)
    by_matrix = True

    def takes(self, place, n_layers):
        return place.name == "W" and place.layer < n_layers - 1

    def coefficients(self, eta, t):
        return eta, self.momentum

    def step(self, coefficients, theta, g, v):
        eta, mu = coefficients
        v[:] = mu * v + g
        U, _, V = np.linalg.svd(v, full_matrices=False)
        theta -= eta * (U @ V)


class InheritedAdam(Adam):
    """Something else under the twin of its parent."""

    def step(self, coefficients, theta, g, *state):
        super().step(coefficients, theta, g, *state)
        theta += 1e-6


@pytest.fixture(autouse=True)
def _tables(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "sine", Activation(sine, sine_backward, in_place=False))
    monkeypatch.setitem(LOSSES, "log_cosh", {"identity": LogCosh()})
    monkeypatch.setitem(OPTIMIZERS, "three", Solver(ThreeStates, decays=True))
    monkeypatch.setitem(OPTIMIZERS, "orthogonal", Solver(Orthogonal, others=Adam))
    monkeypatch.setitem(OPTIMIZERS, "inherited", Solver(InheritedAdam))


def network_of(activation="sine", loss="log_cosh", n_members=1, shared=False, alpha=0.01, **hyper):
    layers = dense_layers((P, 12, 8, 1), [activation, "tanh"], [Scale(P, shared)])
    parameters = Parameters.zeros(Layout(layers), n_members, float)
    for k in range(n_members):
        drawn = drawn_parameters(layers, np.random.default_rng(k))
        for view, values in zip(parameters.views(), drawn, strict=True):
            for name, a in values.items():
                if len(view[name]) == n_members and view[name].flags.writeable:
                    view[name][k] = a
    for block in parameters.blocks[1:]:
        block.theta[:] = 1.0
    row = LOSSES[loss]["identity"].configured(**hyper)
    return Network(layers, row, alpha, parameters)


def training_of(network, solver="three", eta=0.01):
    rngs = [np.random.default_rng(k) for k in range(network.n_members)]
    optimizer = Optimizer(network.parameters, network.layers, OPTIMIZERS[solver], HYPER)
    return Training(network, optimizer, LearningRate("cosine", eta), rngs)


def batches_of(network):
    return Batches(X, Y, None, 20, True, network.n_members)


ROWS = {
    "layer, activation, loss and optimizer": {"log_cosh_scale": 2.0},
    "members": {"n_members": 3, "log_cosh_scale": 0.5},
    "what members share": {"n_members": 3, "shared": True, "log_cosh_scale": 1.0},
}
every_row = pytest.mark.parametrize("params", ROWS.values(), ids=ROWS)
every_solver = pytest.mark.parametrize("solver", ["three", "orthogonal", "inherited", "adamw"])


@every_row
def test_the_gradient_is_the_slope_of_the_objective(params):
    """Of the sum over the members, along random directions of all blocks."""
    network, rng = network_of(**params), np.random.default_rng(1)
    network.loss_grad(X, Y)
    blocks = network.parameters.blocks
    grads, thetas = ([getattr(b, name).copy() for b in blocks] for name in ("grad", "theta"))
    for _ in range(5):
        D = [rng.normal(size=theta.shape) for theta in thetas]
        f = {}
        for step in (-2, -1, 1, 2):
            for block, theta, d in zip(blocks, thetas, D, strict=True):
                block.theta[:] = theta + step * 1e-5 * d
            f[step] = network.loss_grad(X, Y).sum()
        slope = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / 12e-5
        product = sum((grad * d).sum() for grad, d in zip(grads, D, strict=True))
        assert product == pytest.approx(slope, rel=1e-6)


@every_row
@every_solver
def test_training_lowers_the_loss(params, solver):
    network = network_of(**params)
    training = training_of(network, solver, eta=0.02)
    training.with_horizon(60, restart=True)
    records = list(islice(training.epochs(batches_of(network)), 60))
    assert records[-1].loss < 0.6 * records[0].loss


@every_row
@every_solver
def test_training_taken_up_from_a_pickle_continues_bit_for_bit(params, solver):
    network = network_of(**params)
    training = training_of(network, solver)
    training.with_horizon(8, restart=True)
    list(islice(training.epochs(batches_of(network)), 4))
    saved = pickle.dumps((network.parameters.copy(), training.state()))
    records = list(islice(training.epochs(batches_of(network)), 4))

    again = network_of(**params)
    continued = training_of(again, solver)
    theta, state = pickle.loads(saved)
    again.parameters.put(theta)
    continued.restore(state)
    assert list(islice(continued.epochs(batches_of(again)), 4)) == records
    for one, other in zip(again.parameters.copy(), network.parameters.copy(), strict=True):
        assert_array_equal(one, other)


@every_row
def test_stopping_keeps_the_best_parameters(params):
    network = network_of(**params)
    scores = iter([1.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0])
    stopping = Stopping(0.0, 3, lambda parameters: next(scores))
    training = training_of(network)
    reason = training.run(batches_of(network), stopping, 50, lambda record: False)
    assert (reason, stopping.best_iter) == ("converged", 2)
    oracle = network_of(**params)
    list(islice(training_of(oracle).epochs(batches_of(oracle)), 2))
    for one, other in zip(stopping.best_theta, oracle.parameters.copy(), strict=True):
        assert_array_equal(one, other)


def test_lbfgs_minimises_over_the_parameters_of_the_layer():
    network = network_of(log_cosh_scale=1.0)
    before = float(network.loss_grad(X, Y)[0])
    objective = objective_of(network, (X, Y, None))
    _, loss, _ = minimize_lbfgs(objective, network.theta[0], 1e-6, 200, 1000, lambda record: False)
    assert loss < 0.3 * before
    assert (network.layers[0].s != 1).all()


def test_factors_of_a_group_multiply_the_learning_rate_and_the_decay():
    """Of the first step of Adam, whose size is the learning rate, and of decay alone."""
    network = network_of(loss="squared_error", alpha=0.0)
    columns = {name: network.layout.groups[name] for name in ("W", "b", "scale")}
    before = network.theta.copy()
    training_of(network, "adam", 0.001).optimizer.step(0.001)  # of a gradient of zero
    assert_array_equal(network.theta, before)
    training = training_of(network, "adamw", 0.001)
    training.optimizer.step(0.001)
    left = network.theta / before
    assert_allclose(left[:, columns["W"]], 1 - 0.001 * 0.01, rtol=1e-14)
    assert_allclose(left[:, columns["scale"]], 1 - 0.001 * 6 * 0.01 * 0.5, rtol=1e-14)
    network.theta[:] = before
    network.grad[:] = 1.0
    training_of(network, "adam").optimizer.step(0.001)
    moved = before - network.theta
    assert_allclose(moved[:, columns["b"]], 0.001, rtol=1e-6)
    assert_allclose(moved[:, columns["scale"]], 0.006, rtol=1e-6)


def test_a_member_that_shares_trains_with_the_others():
    """One member that shares its scale with none is the network whose scale is its own."""
    alone, shared = network_of(log_cosh_scale=1.0), network_of(shared=True, log_cosh_scale=1.0)
    columns = alone.layout.groups["scale"]
    alone.theta[:, columns] = 1.0
    for network in (alone, shared):
        list(islice(training_of(network, "adamw").epochs(batches_of(network)), 5))
    assert_allclose(shared.parameters.blocks[1].theta, alone.theta[:, columns], rtol=1e-12)


def shared_training(rate=0.01, **hyper):
    network = network_of(n_members=3, shared=True, log_cosh_scale=1.0)
    rates = [LearningRate("constant", eta) for eta in np.broadcast_to(rate, 3)]
    optimizer = Optimizer(network.parameters, network.layers, OPTIMIZERS["adamw"], HYPER | hyper)
    rngs = [np.random.default_rng(k) for k in range(3)]
    return network, Training(network, optimizer, rates, rngs)


def test_members_that_share_parameters_have_one_rate_and_decay_and_equally_many_rows():
    """Else the step of what they share would be that of one of them."""
    network, training = shared_training([0.1, 0.1, 0.2])
    with pytest.raises(ValueError, match="the same learning rate"):
        next(training.epochs(batches_of(network)))
    with pytest.raises(ValueError, match="the same weight_decay"):
        shared_training(weight_decay=[0.1, 0.0, 0.0])
    network, training = shared_training()
    rows = [np.arange(n) for n in (60, 60, 61)]
    with pytest.raises(ValueError, match="equally many rows"):
        next(training.epochs(Batches(X, Y, None, 20, True, 3, rows)))


# ---------------------------------------------------------------------------------- compiled

WITHOUT_TWIN = {
    "layer": {"loss": "squared_error", "activation": "tanh"},
    "loss": {"log_cosh_scale": 1.0, "activation": "tanh"},
    "activation": {"loss": "squared_error"},
}


@pytest.mark.parametrize("solver", ["adam", "three", "orthogonal", "inherited"])
@pytest.mark.parametrize("params", WITHOUT_TWIN.values(), ids=WITHOUT_TWIN)
def test_what_has_no_twin_is_run_by_numpy_where_numba_is(monkeypatch, params, solver):
    pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)
    network = network_of(**params)
    training = training_of(network, solver)
    assert CompiledEpoch.of(network, training.optimizer, batches_of(network), 1000) is None


@pytest.mark.parametrize("part", ["activation", "loss", "optimizer", "inherited", "slots", None])
def test_one_part_without_a_twin_is_enough(monkeypatch, part):
    pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)
    solver = {"optimizer": "three", "inherited": "inherited"}.get(part, "adam")
    activation = "sine" if part == "activation" else "tanh"
    layers = dense_layers((P, 5, 1), [activation])
    parameters = Parameters.zeros(Layout(layers), 1, float)
    loss = LogCosh() if part == "loss" else LOSSES["squared_error"]["identity"]
    network = Network(layers, loss, 0.0, parameters)
    optimizer = Optimizer(parameters, layers, OPTIMIZERS[solver], HYPER)
    if part == "slots":  # an array that the twin does not know
        optimizer.arrays["more"] = [np.zeros_like(parameters.theta)]
    made = CompiledEpoch.of(network, optimizer, batches_of(network), 1000)
    assert (made is None) == (part is not None)


def test_the_twin_of_an_activation_is_that_of_its_row(monkeypatch):
    """A row that takes the place of another one under the same name has no twin by its name."""
    pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)
    monkeypatch.setitem(
        activations.ACTIVATIONS, "tanh", Activation(sine, sine_backward, in_place=False)
    )
    network = network_of("tanh", "squared_error")
    optimizer = Optimizer(network.parameters, network.layers, optimizers.OPTIMIZERS["adam"], HYPER)
    assert CompiledEpoch.of(network, optimizer, batches_of(network), 1000) is None
