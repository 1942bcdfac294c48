"""The numba twins against their numpy references, and when they are used."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sknet import MLPBackpropClassifier, MLPBackpropRegressor, _fitting
from sknet._engine import compiled
from sknet._engine.activations import ACTIVATIONS
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.embedding import first_rows
from sknet._engine.losses import LOSSES
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.team import ALONE, Team
from sknet._engine.training import Batches

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
DTYPES = list(TOLERANCE)
HYPER = {
    "adam": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
    "adamw": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6, "weight_decay": 0.3},
    "sgd": {"momentum": 0.9, "nesterovs_momentum": True},
    "rmsprop": {"rho": 0.7, "epsilon": 1e-6},
}


@pytest.fixture(scope="module")
def kernels():
    pytest.importorskip("numba", minversion="0.60")
    from sknet._engine import kernels

    return kernels


def draw(dtype, *shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_agree(kernels, dtype):
    assert set(kernels.ACTIVATIONS) == set(ACTIVATIONS)
    for code, name in enumerate(kernels.ACTIVATIONS):
        sigma = ACTIVATIONS[name]
        Z, dA, b = draw(dtype, (33, 7), (33, 7), 7)
        Z[:4] *= 30.0
        Z[4:12] *= 1e-3
        b[:3] = 0.0
        own, A, slope = Z + b, Z + b, np.empty_like(Z)
        A = own if sigma.in_place else A
        work = sigma.memory(np.empty_like(A))
        sigma.forward(own, A, work)
        kernels.forward(code, Z, b, slope)
        near = {"tanh", "elu", "selu"}  # numbers near 0 are as exact as others
        atol = 0.0 if name in near else TOLERANCE[dtype]
        assert_allclose(Z, A, rtol=3 * TOLERANCE[dtype], atol=atol, err_msg=name)
        delta, db = dA.copy(), np.empty_like(b)
        kernels.backward(code, delta, Z, slope, db)
        sigma.backward(dA, own, A, work)
        assert_allclose(delta, dA, rtol=0, atol=TOLERANCE[dtype], err_msg=name)
        assert_allclose(db, dA.sum(axis=0), rtol=0, atol=30 * TOLERANCE[dtype], err_msg=name)


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_agree(kernels, make_loss, draw_targets, dtype, scale):
    assert set(kernels.LOSSES) == {(loss, out) for loss, outs in LOSSES.items() for out in outs}
    for code, (loss, out_activation) in enumerate(kernels.LOSSES):
        (Z,) = draw(dtype, (40, 4))
        Z *= scale if loss not in ("poisson", "gamma", "tweedie") else min(scale, 3.0)
        rng = np.random.default_rng(1)
        Y = draw_targets(loss, out_activation, rng, (40, 4)).astype(dtype)
        row = make_loss(loss, out_activation, 4)
        hyper = np.array([getattr(row, name) for name in row.parameters], float).ravel()
        delta, value = np.empty_like(Z), np.empty(40, dtype)
        value_, delta_, work = np.empty_like(value), np.empty_like(delta), np.empty_like(Z)
        row.value(Y, Z.copy(), value_, work, delta_)
        with np.errstate(all="ignore"):
            row.delta(Y, Z.copy(), delta_, work)
        kernels.value_delta(code, hyper, Y, Z.copy(), value, delta)
        tolerance = {"rtol": 8 * TOLERANCE[dtype], "err_msg": f"{loss}, {out_activation}"}
        assert_allclose(value, value_, atol=8 * scale * TOLERANCE[dtype], **tolerance)
        assert_allclose(delta, delta_, atol=scale * TOLERANCE[dtype], **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_optimizers_agree_over_ten_steps(kernels, solver, dtype):
    theta, grad = draw(dtype, (1, 90), (1, 90))
    gradient = grad.copy()
    optimizer = OPTIMIZERS[solver](theta, grad, slice(0, 60), **HYPER[solver])
    other = theta[0].copy()
    state = [np.zeros_like(other) for _ in range(2)]
    hyper = np.array([float(HYPER[solver][name]) for name in optimizer.parameters])
    for t in range(1, 11):
        grad[:] = gradient * t
        optimizer.step(0.01)
        kernels.step(
            kernels.SOLVERS.index(solver), 0.01, t, hyper, 60, 0.0, other, gradient[0] * t,
            tuple(state),
        )  # fmt: skip
    assert_allclose(other, theta[0], rtol=0, atol=4 * TOLERANCE[dtype])


@pytest.mark.parametrize("clip", [np.inf, 1e9])
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_the_penalty_is_that_of_the_formula_and_part_of_the_gradient(kernels, solver, clip):
    theta, g = draw("float64", 90, (1, 90))
    hyper = np.array([float(HYPER[solver][name]) for name in OPTIMIZERS[solver].parameters])
    embedded = np.empty(0, np.intp), np.zeros(1, np.intp), np.empty(0, np.intp), np.empty((4, 0, 0))
    found = []
    for alpha in (0.3, 0.0):
        own, state, grads = theta.copy(), (np.zeros(90), np.zeros(90)), g.copy()
        if not alpha:
            grads[0, :60] += 0.3 * theta[:60]
        value = kernels.update(
            0, 90, 60, alpha, clip, kernels.SOLVERS.index(solver), hyper, 0.01, 1, own, grads,
            state, embedded,
        )  # fmt: skip
        assert value == pytest.approx(alpha / 2 * np.dot(theta[:60], theta[:60]), rel=1e-12)
        found.append(own)
    assert_allclose(*found, rtol=1e-12)
    assert not np.array_equal(found[0], theta)


def test_nan_stays_nan(kernels):
    for code in range(len(kernels.ACTIVATIONS)):
        Z = np.full((2, 3), np.nan)
        slope = np.zeros((2, 3))
        kernels.forward(code, Z, np.zeros(3), slope)
        assert np.isnan(Z).all()
        delta = np.full((2, 3), np.nan)
        kernels.backward(code, delta, np.zeros((2, 3)), slope, np.zeros(3))
        assert np.isnan(delta).all()


X = np.random.default_rng(1).normal(size=(350, 6))
W = np.random.default_rng(2).uniform(size=350)
TARGETS = {
    "binary": (MLPBackpropClassifier, (X[:, 0] > 0).astype(int)),
    "multiclass": (MLPBackpropClassifier, np.digitize(X[:, 0], [-0.5, 0.5])),
    "numbers": (MLPBackpropRegressor, X[:, :2] ** 2),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize(
    "more", [{}, {"dropout": 0.3, "dropout_input": 0.1}, {"clip_norm": 0.05}], ids=str
)
@pytest.mark.parametrize("target", TARGETS)
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
    name = "loss_grad" if "dropout" in more else "run_epoch"
    function = getattr(kernels, name)
    monkeypatch.setattr(kernels, name, lambda *args: used.append(1) or function(*args))
    ours, numpys = fitted("0"), fitted("1")
    assert len(used) == 3 * n_members * (11 if "dropout" in more else 1)
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, numpys.coefs_ + numpys.intercepts_, strict=True
    ):
        assert_allclose(a, b, rtol=0, atol=30 * TOLERANCE[dtype])
    assert_allclose(ours.loss_curve_, numpys.loss_curve_, rtol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "out"), [(a, b) for a, outs in LOSSES.items() for b in outs])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_and_loss_has_a_twin_that_trains_as_numpy_does(
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
    monkeypatch.setattr(_fitting, "LONG_EPOCH", 0)
    monkeypatch.setattr(compiled, "SHARED_STEP", 0 if n_members == 1 else np.inf)
    monkeypatch.setattr(compiled, "SHARED_ROWS", 8)
    monkeypatch.setattr(compiled, "SHARED_PARAMETERS", 10)
    network = MLPBackpropClassifier(
        (8, 5), solver=solver, n_members=n_members, dtype="float64",
        max_iter=3, batch_size=32, alpha=0.01, random_state=0,
    )  # fmt: skip
    shares = []
    loss_grad = kernels.loss_grad
    monkeypatch.setattr(kernels, "loss_grad", lambda *args: shares.append(1) or loss_grad(*args))
    found = []
    for n in (1, n_threads):
        monkeypatch.setattr(_fitting, "free_threads", lambda n=n: n)
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
        dropout=None, clip_norm=None, weighted=True, units=(7, 4), team=ALONE,
    ):  # fmt: skip
        n_levels = LEVELS[n_columns]
        X, Y, w = table(n_levels, dtype)
        network = make_network(
            (2 + DIM * n_columns, *units, 2), ["relu", "tanh"][: len(units)], alpha=0.01,
            n_members=n_members, dtype=dtype, dropout=dropout, team=team,
            embedding=(2, n_levels, DIM),
        )  # fmt: skip
        training = make_training(network, solver, **HYPER[solver])
        training.clip_norm = clip_norm
        n_together = network.n_together(BATCH)
        batches = Batches(X, Y, w if weighted else None, BATCH, True, n_together)
        args = network, training.optimizer, batches, 1, clip_norm, team
        fast, losses, epochs = CompiledEpoch.of(*args), [], training.epochs(batches)
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
    for name, state in a.optimizer.arrays.items():
        assert_allclose(state, b.optimizer.arrays[name], rtol=0, atol=100 * tolerance)


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


WAYS = {"run_epoch": {}, "steps": {"dropout": (0.1, 0.3, 0.0)}}


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
    arrays = [training.network.theta, *training.optimizer.arrays.values()]

    def tables():
        E = training.network.layout.groups["E"]
        return [a[:, E].reshape(3, -1, DIM).copy() for a in arrays]

    start, _ = train([], n_members=3)
    unseen = first_rows(n_levels) + n_levels
    before = tables()
    assert_array_equal(before[0][:, unseen], start.network.embedding.E[:, unseen])
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
    for name in ("SHARED_STEP", "SHARED_ROWS", "SHARED_PARAMETERS"):
        monkeypatch.setattr(compiled, name, 1)
    for n_members, n_threads in ((1, 1), (3, 2)):
        more = {"solver": solver, "n_members": n_members, **WAYS[way]}
        (a, losses), (b, alone) = (
            train(["compiled"] * 3, team=team, **more) for team in (Team(2), ALONE)
        )
        assert a.compiled.n_threads == n_threads
        assert_array_equal(a.network.theta, b.network.theta)
        assert losses == pytest.approx(alone, rel=1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
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
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(20000, 5))
sknet.MLPBackpropClassifier(batch_size=20, tol=1e9, n_iter_no_change=1).fit(X, X[:, 0] > 0)
print("numba" in sys.modules)
"""
    assert run(code, SKNET_DISABLE_NUMBA=switch) == [expected]


def test_a_cache_that_cannot_be_written_is_no_error(kernels, monkeypatch):
    def no_cache(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(kernels.numba, "njit", no_cache)
    assert kernels.compiled(len) is len


@pytest.mark.parametrize(
    ("n_steps", "multiply_adds", "worth"), [(10, 100, False), (10**5, 10**4, True)]
)
def test_the_work_of_a_fit_decides(n_steps, multiply_adds, worth):
    assert (compiled.expected_seconds(n_steps, multiply_adds) > compiled.WORTH_SECONDS) == worth
