"""Compiled epochs against those of numpy, and when they are used."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sknet._engine import compiled
from sknet._engine.activations import ACTIVATIONS
from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.compiled_plan import twin_of
from sknet._engine.directions import Adam, Direction
from sknet._engine.layers import Dense
from sknet._engine.layers.embedding import first_rows
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network
from sknet._engine.optimizers import OPTIMIZERS, Optimizer, Solver
from sknet._engine.schedules import LearningRate
from sknet._engine.team import SINGLE_THREAD, Team
from sknet._engine.training import Training
from sknet._training import build
from tests.marks import unknown_levels
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
DTYPES = list(TOLERANCE)
HYPER = {
    "adam": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
    "adamw": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6, "weight_decay": 0.3},
    "sgd": {"momentum": 0.9, "nesterovs_momentum": True},
    "rmsprop": {"rho": 0.7, "epsilon": 1e-6},
}
WITH_TWIN = [name for name, row in ACTIVATIONS.items() if row.twin]
LOSSES_WITH_TWIN = [
    (loss, out) for loss, rows in LOSSES.items() for out, row in rows.items() if twin_of(row)
]


@pytest.fixture
def kernels(monkeypatch):
    """The kernels, by which every fit is compiled, however short it is."""
    pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    from sknet._engine import kernels

    monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)
    return kernels


X = np.random.default_rng(1).normal(size=(350, 6))
W = np.random.default_rng(2).uniform(size=350)
TARGETS = {
    "binary": (MLPBackpropClassifier, (X[:, 0] > 0).astype(int)),
    "multiclass": (MLPBackpropClassifier, np.digitize(X[:, 0], [-0.5, 0.5])),
    "numbers": (MLPBackpropRegressor, X[:, :2] ** 2),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    "more", [{}, {"dropout": 0.3, "dropout_input": 0.1}, {"clip_norm": 0.05}], ids=str
)
@pytest.mark.parametrize(  # each kind of network is compiled for itself: not all combinations
    ("target", "solver", "dtype"),
    [
        ("binary", "adam", "float32"), ("multiclass", "adamw", "float64"),
        ("numbers", "sgd", "float32"), ("binary", "rmsprop", "float64"),
    ],
)  # fmt: skip
def test_compiled_epochs_train_the_network_that_numpy_trains(
    kernels, monkeypatch, target, more, solver, n_members, dtype
):
    cls, y = TARGETS[target]

    def fitted(switch):
        monkeypatch.setenv("SKNET_DISABLE_NUMBA", switch)
        return cls(
            (8, 5), ("relu", "tanh"), solver=solver, n_members=n_members, dtype=dtype,
            max_iter=3, batch_size=32, alpha=0.01, random_state=0, **more,
        ).fit(X, y, W)  # fmt: skip

    used = []
    run_epoch = kernels.run_epoch

    def counted(*args):
        used.extend([1] * (args[3].size > 0))  # without rows it is only compiled
        return run_epoch(*args)

    monkeypatch.setattr(kernels, "run_epoch", counted)
    monkeypatch.setattr(compiled, "CALL_MASK_ELEMENTS", 4 * 32 * (8 + 5 + 6))  # of four steps
    ours, numpys = fitted("0"), fitted("1")
    assert len(used) == 3 * n_members * (3 if "dropout" in more else 1)
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, numpys.coefs_ + numpys.intercepts_, strict=True
    ):
        assert_allclose(a, b, rtol=0, atol=30 * TOLERANCE[dtype])
    assert_allclose(ours.loss_curve_, numpys.loss_curve_, rtol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("activation", "loss", "out", "dtype"),
    [
        *((name, "squared_error", "identity", DTYPES[k % 2]) for k, name in enumerate(WITH_TWIN)),
        *(("relu", *loss, DTYPES[k % 2]) for k, loss in enumerate(LOSSES_WITH_TWIN)),
    ],
)
def test_the_twin_of_every_activation_and_loss_trains_as_numpy_does(
    kernels, make_network, make_training, draw_targets, activation, loss, out, dtype
):
    trained = []
    for way in ("compiled", "numpy"):
        network = make_network(
            (6, 7, 5, 3), [activation] * 2, loss, out, alpha=0.01, dtype=dtype, scale=0.3
        )
        Y = draw_targets(loss, out, np.random.default_rng(5), (350, 3)).astype(dtype)
        training = make_training(network, "sgd", momentum=0.9, nesterovs_momentum=True)
        batches = Batches(X.astype(dtype), Y, None, 32, True, 1)
        if way == "compiled":
            training.compiled = CompiledEpoch.of(network, training.optimizer, batches, 1)
            assert training.compiled is not None
        trained.append((next(training.epochs(batches)).loss, network.theta))
    (loss_a, theta_a), (loss_b, theta_b) = trained
    assert_allclose(theta_a, theta_b, rtol=0, atol=100 * TOLERANCE[dtype])
    assert loss_a == pytest.approx(loss_b, rel=30 * TOLERANCE[dtype])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize(("n_members", "n_threads"), [(1, 2), (1, 3), (3, 2)])
def test_threads_that_share_rows_or_members_train_the_same_network(
    kernels, monkeypatch, solver, n_members, n_threads
):
    monkeypatch.setattr(build, "THREADED_EPOCH_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(compiled, "THREADED_STEP_MULTIPLY_ADDS", 0 if n_members == 1 else np.inf)
    monkeypatch.setattr(compiled, "MIN_ROWS_PER_THREAD", 8)
    monkeypatch.setattr(compiled, "MIN_PARAMETERS_PER_THREAD", 10)
    network = MLPBackpropClassifier(
        (8, 5), solver=solver, n_members=n_members, dtype="float64",
        max_iter=3, batch_size=32, alpha=0.01, random_state=0,
    )  # fmt: skip
    shares = []
    loss_grad = kernels.loss_grad

    def counted(*args):
        shares.extend([1] * (args[4] > 1))  # of one row it is only compiled
        return loss_grad(*args)

    monkeypatch.setattr(kernels, "loss_grad", counted)
    found = []
    for n in (1, n_threads):
        monkeypatch.setattr(build, "free_threads", lambda n=n: n)
        found.append(clone(network).fit(X, np.digitize(X[:, 0], [-0.5, 0.5]), W))
    alone, together = found
    assert len(shares) == (3 * 11 * n_threads if n_members == 1 else 0)
    for a, b in zip(alone.coefs_, together.coefs_, strict=True):
        assert_allclose(a, b, rtol=0, atol=1e-11)
    assert_allclose(alone.loss_curve_, together.loss_curve_, rtol=1e-11)


LEVELS, DIM, BATCH = {1: (6,), 3: (4, 40, 2)}, 3, 16


def table(n_levels, dtype):
    """Rows of two numbers and codes, of which the last level of each column is never seen."""
    rng = np.random.default_rng(3)
    codes = [rng.integers(0, n, 90) for n in n_levels]
    X = np.column_stack([rng.normal(size=(90, 2)), *codes])
    Y = rng.normal(size=(90, 2)) + (X[:, 2:3] % 2)
    return [a.astype(dtype) for a in (X, Y, rng.uniform(0, 2, 90))]


@pytest.fixture
def train(kernels, make_network, make_training):
    """Train a network with an embedding, an epoch for each of `ways`: compiled or not."""

    def train(
        ways, solver="adam", n_columns=3, n_members=1, dtype="float64",
        dropout=None, clip_norm=None, weighted=True, units=(7, 4), team=SINGLE_THREAD,
    ):  # fmt: skip
        n_levels = LEVELS[n_columns]
        X, Y, w = table(n_levels, dtype)
        network = make_network(
            (2 + DIM * n_columns, *units, 2), ["relu", "tanh"][: len(units)], alpha=0.01,
            n_members=n_members, dtype=dtype, dropout=dropout, team=team,
            embedding=(2, n_levels, DIM),
        )  # fmt: skip
        training = make_training(network, solver, **HYPER[solver])
        training.optimizer.clip_norm = clip_norm
        n_lockstep = network.n_lockstep(BATCH)
        batches = Batches(X, Y, w if weighted else None, BATCH, True, n_lockstep)
        fast = CompiledEpoch.of(network, training.optimizer, batches, 1)
        losses, epochs = [], training.epochs(batches)
        assert fast is not None
        for way in ways:
            training.compiled = fast if way == "compiled" else None
            losses.append(next(epochs).loss)
        return training, losses

    return train


def assert_same_training(ours, numpys, tolerance):
    """Compare theta, the state of the optimizer, and the losses."""
    (a, losses), (b, numpy_losses) = ours, numpys
    assert_allclose(losses, numpy_losses, rtol=10 * tolerance)
    assert_allclose(a.network.theta, b.network.theta, rtol=0, atol=30 * tolerance)
    assert a.optimizer.t == b.optimizer.t
    for name, (state,) in a.optimizer.arrays.items():
        assert_allclose(state, b.optimizer.arrays[name][0], rtol=0, atol=100 * tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("n_columns", LEVELS)
@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize(
    "more",
    [
        {"weighted": False},
        {"dropout": (0.1, 0.3, 0.0)},
        {"clip_norm": 0.05},
        {"clip_norm": 0.05, "dropout": (0.2, 0.0, 0.2)},
        {"units": ()},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_epochs", [1, 4])
def test_compiled_epochs_train_embeddings_as_numpy_does(
    train, n_epochs, more, solver, n_columns, n_members, dtype
):
    more = {"solver": solver, "n_columns": n_columns, "n_members": n_members, **more}
    ours, numpys = (train([way] * n_epochs, dtype=dtype, **more) for way in ("compiled", "numpy"))
    assert_same_training(ours, numpys, TOLERANCE[dtype])


WAYS = {"plain": {}, "dropout": {"dropout": (0.1, 0.3, 0.0)}}


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_embeddings_train_on_from_numpy_to_compiled_epochs_and_back(train, way, n_members, solver):
    more = {"solver": solver, "n_members": n_members, "clip_norm": 0.5, **WAYS[way]}
    ours = train(["compiled", "numpy", "compiled", "compiled", "numpy"], **more)
    assert_same_training(ours, train(["numpy"] * 5, **more), 1e-12)


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("way", WAYS)
def test_rows_of_an_embedding_that_batches_do_not_hold_stay_bit_by_bit(train, way, solver):
    n_levels = LEVELS[3]
    training, _ = train(["compiled"] * 3, solver, n_members=3, **WAYS[way])
    arrays = [training.network.theta, *(a for (a,) in training.optimizer.arrays.values())]

    def tables():
        E = training.network.layout.groups["E"]
        return [a[:, E].reshape(3, -1, DIM).copy() for a in arrays]

    start, _ = train([], n_members=3)
    unseen = first_rows(n_levels) + n_levels
    before = tables()
    assert_array_equal(before[0][:, unseen], start.network.layers[0].E[:, unseen])
    for state in before[1:]:
        assert_array_equal(state[:, unseen], 0.0)
    # rows that were held before, and have a state
    X, Y, w = table(n_levels, "float64")
    X[:, 2:] = np.minimum(X[:, 2:], 1)
    batches = Batches(X, Y, w, BATCH, True, 1)
    training.compiled = CompiledEpoch.of(training.network, training.optimizer, batches, 1)
    next(training.epochs(batches))
    held = np.unique(first_rows(n_levels) + X[:, 2:].astype(int))
    for a, b in zip(tables(), before, strict=True):
        same = (a == b).all(axis=2)
        assert not same[:, held].any()
        assert np.delete(same, held, axis=1).all()


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("way", WAYS)
def test_threads_share_the_members_of_networks_with_an_embedding_but_no_rows(
    train, monkeypatch, way, solver
):
    for name in ("THREADED_STEP_MULTIPLY_ADDS", "MIN_ROWS_PER_THREAD", "MIN_PARAMETERS_PER_THREAD"):
        monkeypatch.setattr(compiled, name, 1)
    for n_members, n_threads in ((1, 1), (3, 2)):
        more = {"solver": solver, "n_members": n_members, **WAYS[way]}
        (a, losses), (b, alone) = (
            train(["compiled"] * 3, team=team, **more) for team in (Team(2), SINGLE_THREAD)
        )
        assert a.compiled.n_threads == n_threads
        assert_array_equal(a.network.theta, b.network.theta)
        assert losses == pytest.approx(alone, rel=1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@unknown_levels
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("n_members", [1, 3])
def test_compiled_epochs_fit_categorical_features_as_numpy_does(
    kernels, monkeypatch, n_members, dropout
):
    rng = np.random.default_rng(4)
    codes = np.column_stack([rng.integers(0, n, 500) for n in (12, 3, 30)])
    effects = rng.normal(size=30)[codes[:, 2]] + (codes[:, 0] % 3)
    rows = np.column_stack([rng.normal(size=(500, 2)), codes])
    y = np.digitize(effects + rows[:, 0], [0.5, 1.5])

    def fitted(switch):
        monkeypatch.setenv("SKNET_DISABLE_NUMBA", switch)
        return MLPBackpropClassifier(
            (16, 8), categorical_features=[2, 3, 4], max_onehot=5, n_members=n_members,
            dropout=dropout, dtype="float32", batch_size=50, max_iter=8, random_state=0,
        ).fit(rows, y)  # fmt: skip

    used = []
    compiled_epoch = CompiledEpoch.__call__
    monkeypatch.setattr(
        CompiledEpoch, "__call__", lambda *args: used.append(1) or compiled_epoch(*args)
    )
    ours, numpys = fitted("0"), fitted("1")
    assert len(used) == 8
    unknown = np.add(rows, [0, 0, 100, 0, 0])
    for X_ in (rows, unknown):
        assert_allclose(ours.predict_proba(X_), numpys.predict_proba(X_), rtol=0, atol=1e-4)
    assert_allclose(ours.loss_curve_, numpys.loss_curve_, rtol=1e-5)


def test_divergence_of_compiled_epochs_is_an_error(kernels):
    network = MLPBackpropRegressor(solver="sgd", learning_rate_init=1e6, batch_size=32)
    with pytest.raises(ValueError, match="in epoch 1, at learning rate 1e"):
        network.fit(X, X[:, 0] * 1e3)


def test_one_row_in_a_batch_of_one_trains(kernels):
    network = MLPBackpropRegressor((3,), batch_size=1, max_iter=200, random_state=0)
    with pytest.warns(match="hasn't converged|^$"):
        network.fit(X[:20], X[:20, 0])
    assert network.loss_ < network.loss_curve_[0]


def run(code, **environment):
    """Run code in a fresh interpreter; return what it prints."""
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    return done.stdout.split()


def test_importing_sknet_and_a_small_fit_import_nothing_large():
    code = """
import sys, sklearn.neural_network
before = set(sys.modules)  # scikit-learn brings pandas where it is installed
import numpy as np, sknet
large = {"numba", "matplotlib", "pandas", "sknet._engine.kernels"}
print(*(large & (set(sys.modules) - before)), "-")
sknet.MLPBackpropClassifier(max_iter=200, tol=1.0).fit(np.eye(100), np.arange(100) % 2)
print(*({"numba"} & set(sys.modules)))
"""
    assert run(code) == ["-"]


@pytest.mark.parametrize(("switch", "expected"), [("0", "True"), ("1", "False")])
def test_a_large_fit_imports_numba_unless_it_is_switched_off(kernels, switch, expected):
    code = """
import sys, warnings
import numpy as np, sknet
from sknet.presets import SKLEARN
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(20000, 5))
short = SKLEARN | {"batch_size": 20, "tol": 1e9, "n_iter_no_change": 1}
sknet.MLPBackpropClassifier(**short).fit(X, X[:, 0] > 0)
print("numba" in sys.modules)
"""
    assert run(code, SKNET_DISABLE_NUMBA=switch) == [expected]


@pytest.mark.parametrize(
    ("n_steps", "multiply_adds", "worth"), [(10, 100, False), (10**5, 10**4, True)]
)
def test_the_work_of_a_fit_decides(n_steps, multiply_adds, worth):
    assert (compiled.expected_seconds(n_steps, multiply_adds) > compiled.NUMBA_MIN_SECONDS) == worth


# ------------------------------------------------------------- parts without a twin run in numpy


class Doubling(Dense):
    """A dense layer of 2 A: it inherits the twin of another formula."""

    def forward(self, X, buffers):
        A = super().forward(X, buffers)
        return np.multiply(A, 2.0, out=A)

    def backward(self, dA, buffers, input_gradient):
        np.multiply(dA, 2.0, out=dA)
        np.multiply(buffers.A, 0.5, out=buffers.A)
        return super().backward(dA, buffers, input_gradient)


class SignDescent(Direction):
    """theta <- theta - eta sign(g)."""

    def coefficients(self, eta, t):
        return (eta,)

    def step(self, coefficients, theta, g, *state):
        np.sign(g, g)
        np.multiply(g, coefficients[0], g)
        np.subtract(theta, g, theta)


class ThreeStates(Adam):
    """Adam with one more state array, under the name of Adam's twin."""

    twin = "adam"
    slots = ("m", "v", "u")

    def step(self, coefficients, theta, g, *state):
        np.add(state[2], g, state[2])
        super().step(coefficients, theta, g, *state[:2])


class HalfLoss(type(LOSSES["log_loss"]["softmax"])):
    """Inherits a twin, and computes something else."""

    def delta(self, Y, Z, delta, work):
        super().delta(Y, Z, delta, work)
        np.multiply(delta, 0.5, delta)


def parts_without_a_twin():
    adam = OPTIMIZERS["adam"]

    def hidden(network, layer):
        layers = [layer, *network.layers[1:]]
        return Network(layers, network.loss, network.alpha, network.parameters)

    def other_activation(network):
        layer = Dense(6, 7, "relu")
        layer.activation_twin = None
        return hidden(network, layer)

    def unknown_twin(network):
        layer = type("Unknown", (Dense,), {"twin": "convolution"})(6, 7, "relu")
        return hidden(network, layer)

    return {
        "layer": (lambda network: hidden(network, Doubling(6, 7, "relu")), adam),
        "unknown twin": (unknown_twin, adam),
        "activation": (other_activation, adam),
        "loss": (lambda n: Network(n.layers, HalfLoss(), n.alpha, n.parameters), adam),
        "optimizer": (lambda network: network, Solver(SignDescent)),
        "third state array": (lambda network: network, Solver(ThreeStates)),
    }


@pytest.mark.parametrize("part", parts_without_a_twin())
def test_a_part_without_a_twin_makes_the_epoch_run_in_numpy(kernels, make_network, part):
    change, solver = parts_without_a_twin()[part]
    network = make_network((6, 7, 3), ["relu"], "log_loss", "softmax", dtype="float32")
    Y = np.eye(3, dtype="float32")[np.arange(350) % 3]
    batches = Batches(X.astype("float32"), Y, None, 32, True, 1)

    def optimizer_of(network, solver):
        return Optimizer(network.parameters, network.layers, solver, HYPER["adam"])

    plain = optimizer_of(network, OPTIMIZERS["adam"])
    assert CompiledEpoch.of(network, plain, batches, 1) is not None
    network = change(network)
    changed = optimizer_of(network, solver)
    assert CompiledEpoch.of(network, changed, batches, 1) is None
    spawned = np.random.default_rng(0).spawn(1)
    training = Training(network, changed, LearningRate("constant", 0.01), spawned)
    losses = [record.loss for record, _ in zip(training.epochs(batches), range(3), strict=False)]
    assert losses[-1] < losses[0]
