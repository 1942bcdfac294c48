"""Members with numbers, rows and stopping of their own, each against the network trained alone.

Trained one after another, or by compiled epochs, a member takes the very steps of the network
alone: equal in every bit. In lockstep, products of several members are summed in another order.
"""

from math import inf

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine import compiled
from sknet._engine import network as network_module
from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network, dense_layers, with_dropout
from sknet._engine.optimizers import OPTIMIZERS, Optimizer
from sknet._engine.parameters import Layout, Parameters
from sknet._engine.prediction import raw_output
from sknet._engine.schedules import LearningRate
from sknet._engine.stopping import IndependentStopping, Stopping
from sknet._engine.training import Training

K, N, P, N_OUTPUTS = 4, 90, 6, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, P)) * (RNG.random((N, P)) < 0.7)
Y = np.eye(N_OUTPUTS)[np.argmax(X @ RNG.normal(size=(P, N_OUTPUTS)), axis=1)]
W = RNG.uniform(0.5, 2, N)
EQUAL_ROWS = [np.delete(np.arange(N), slice(20 * k, 20 * k + 20)) for k in range(K)]
FOLDS = [np.setdiff1d(np.arange(N), fold) for fold in np.array_split(np.arange(N), K)]
FEW_AND_MANY = [np.arange(n)[::-1].copy() for n in (8, 30, 90, 31)]
HELD = [np.arange(k, N, K) for k in range(K)]

#: What differs between members: a number for each, by its name.
NUMBERS = {
    "rates": {"eta": [0.001, 0.01, 0.05, 0.01]},
    "penalties": {"alpha": [0.0, 0.3, 0.01, 1.0], "weight_decay": [0.5, 0.0, 0.1, 1.0]},
    "dropout": {"dropout": [(0.0, 0.2), (0.3, 0.2), (0.1, 0.0), (0.0, 0.5)]},
    "smoothing": {"smoothing": [0.0, 0.1, 0.3, 0.9], "eta": [0.01, 0.02, 0.03, 0.04]},
    "rows": {"rows": EQUAL_ROWS},
    "folds": {"rows": FOLDS, "alpha": [0.1, 0.0, 0.2, 0.3]},
    "few and many rows": {"rows": FEW_AND_MANY, "eta": [0.02, 0.01, 0.03, 0.01]},
    "stopping": {"patience": [1, 2, inf, 3], "tol": 0.01},
    "all": {
        "eta": [0.001, 0.01, 0.05, 0.01],
        "alpha": [0.0, 0.3, 0.01, 1.0],
        "weight_decay": [0.5, 0.0, 0.1, 1.0],
        "dropout": [(0.0, 0.2), (0.3, 0.2), (0.1, 0.0), (0.0, 0.5)],
        "smoothing": [0.0, 0.1, 0.3, 0.9],
        "rows": FOLDS,
        "held": HELD,
        "patience": [1, 2, inf, 3],
        "tol": 0.001,
    },
}
every_difference = pytest.mark.parametrize("what", NUMBERS)
HYPER = {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "momentum": 0.9}
HYPER |= {"nesterovs_momentum": True, "rho": 0.9}


def numbers_of(what, k=None):
    """Numbers of all members, or of member `k` alone."""
    numbers = {
        "eta": [0.01] * K, "alpha": [0.0] * K, "weight_decay": [0.01] * K,
        "dropout": [(0.0, 0.0)] * K, "smoothing": [0.0] * K, "rows": None, "held": None,
        "patience": [inf] * K, "tol": 0.0,
    } | NUMBERS[what]  # fmt: skip
    if k is None:
        return numbers
    return {name: v[k : k + 1] if isinstance(v, list) else v for name, v in numbers.items()}


def score_on(network, rows):
    """Minus the squared error of one member on some rows."""

    def score(parameters):
        layers = [layer.of() for layer in network.layers if not layer.training_only]
        views = [view for view in parameters.views() if view]
        for layer, view in zip(layers, views, strict=True):
            layer.bind(view)
        return -float(np.square(raw_output(layers, X[rows]) - Y[rows]).mean())

    return score


def train(
    what,
    k=None,
    solver="adamw",
    as_matrix=np.asarray,
    n_epochs=8,
    schedule="constant",
    is_compiled=False,
):
    """Parameters, losses and epochs of all members in one training, or of member `k` alone."""
    own = numbers_of(what, k)
    members = range(K) if k is None else [k]
    rngs = [np.random.default_rng(seed) for seed in members]
    dropout = list(zip(*own["dropout"], strict=True))
    layers = with_dropout(dense_layers((P, 9, N_OUTPUTS), ["tanh"]), dropout, rngs)
    parameters = Parameters.zeros(Layout(layers), len(rngs), float)
    for theta, seed in zip(parameters.theta, members, strict=True):
        theta[:] = np.random.default_rng(seed + 50).normal(size=theta.shape) / 2
    network = Network(layers, LOSSES["log_loss"]["softmax"], own["alpha"], parameters)
    hyper = HYPER | {"weight_decay": own["weight_decay"]}
    optimizer = Optimizer(parameters, layers, OPTIMIZERS[solver], hyper, clip_norm=1.0)
    rates = [LearningRate(schedule, eta, warmup=0.2) for eta in own["eta"]]
    e = np.array(own["smoothing"])
    batches = Batches(
        as_matrix(X), Y, W, 20, True, network.n_lockstep(20), own["rows"],
        (1 - e, e / N_OUTPUTS) if e.any() else None,
    )  # fmt: skip
    held = own["held"] or [None] * len(rngs)
    rules = [
        Stopping(own["tol"], patience, None if rows is None else score_on(network, rows))
        for patience, rows in zip(own["patience"], held, strict=True)
    ]
    training = Training(network, optimizer, rates, rngs)
    training.with_horizon(n_epochs, restart=True)
    if is_compiled:
        training.compiled = CompiledEpoch.of(network, optimizer, batches, n_epochs)
        assert training.compiled is not None
    records = []
    reason = training.run(batches, IndependentStopping(rules), n_epochs, records.append)
    state = training.state()
    return parameters, rules, records, state, reason


def assert_members_equal_networks_alone(what, same, **more):
    parameters, rules, records, state, _ = train(what, **more)
    stopped = []
    for k in range(K):
        alone, (rule,), own, own_state, reason = train(what, k, **more)
        same(parameters.theta[k], alone.theta[0])
        losses = [record.losses[k] for record in records]
        assert_allclose(losses[: len(own)], [r.loss for r in own], rtol=1e-12)
        assert losses[len(own) :] == losses[len(own) - 1 : len(own)] * (len(losses) - len(own))
        assert (rules[k].best_iter, rules[k].n_updates) == (rule.best_iter, rule.n_updates)
        if rule.best_theta is not None:
            same(rules[k].best_theta[0], alone_best := rule.best_theta[0])
            assert alone_best.shape == (1, parameters.theta.shape[1])
        for name, (values,) in state["optimizer"]["arrays"].items():
            same(values[k], own_state["optimizer"]["arrays"][name][0][0])
        assert state["generators"][k] == own_state["generators"][0]
        stopped.append(reason)
    return stopped


def to_1e_12(a, b):
    assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@every_difference
@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])
def test_members_in_lockstep_are_networks_alone(what, solver, as_matrix):
    assert_members_equal_networks_alone(what, to_1e_12, solver=solver, as_matrix=as_matrix)


@every_difference
@pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])
def test_members_one_after_another_are_networks_alone_bit_by_bit(monkeypatch, what, as_matrix):
    monkeypatch.setattr(network_module, "LOCKSTEP_ELEMENTS", 0)
    assert_members_equal_networks_alone(what, assert_array_equal, as_matrix=as_matrix)


@pytest.mark.parametrize("what", [what for what in NUMBERS if what != "few and many rows"])
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_members_of_compiled_epochs_are_networks_alone_bit_by_bit(monkeypatch, what, solver):
    """Not where a batch holds all rows of a member: such epochs are those of numpy."""
    pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)
    more = {"is_compiled": True, "solver": solver}
    assert_members_equal_networks_alone(what, assert_array_equal, **more)


@pytest.mark.parametrize("schedule", ["adaptive", "one_cycle", "invscaling"])
def test_members_go_through_their_schedules_alone(schedule):
    """Whose plateaus, samples and steps are their own; "adaptive" divides for one, not for all."""
    more = {"schedule": schedule, "n_epochs": 12}
    assert_members_equal_networks_alone("few and many rows", to_1e_12, **more)
    assert_members_equal_networks_alone("stopping", to_1e_12, **more)


def test_members_stop_one_by_one_and_the_others_go_on():
    _, _, records, _, reason = train("stopping", n_epochs=60)
    last = [
        next(n for n, record in enumerate(records, 1) if record.losses[k] == records[-1].losses[k])
        for k in range(K)
    ]
    assert last[2] == 60
    assert max(last[0], last[1], last[3]) < 60
    assert reason == "max_iter"


def test_training_ends_when_the_last_member_has_stopped(monkeypatch):
    monkeypatch.setitem(NUMBERS["stopping"], "patience", [1, 2, 1, 3])
    _, _, records, _, reason = train("stopping", n_epochs=500)
    assert reason == "converged"
    assert len(records) < 500


def test_members_that_share_parameters_cannot_stop_one_by_one():
    rule = IndependentStopping([Stopping(0.0, 1)])
    parameters = Parameters.zeros(Layout(dense_layers((2, 1), [])), 1, float)
    parameters.blocks.append(parameters.blocks[0])
    with pytest.raises(ValueError, match="share parameters cannot stop one by one"):
        rule.plateaus(parameters, None, [0])
