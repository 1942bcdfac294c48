import pickle
import tracemalloc
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine import network as network_module
from sknet._engine import walk as walk_module
from sknet._engine.layers import Embedding, Layer
from sknet._engine.layers.embedding import EMBEDDING_SCALE, first_rows
from sknet._engine.lbfgs import minimize_lbfgs, objective_of
from sknet._engine.network import dense_layers, with_dropout, work_array
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.parameters import WEIGHTS, Group, Layout, Parameters
from sknet._engine.prediction import raw_output
from sknet._engine.team import Team
from sknet._engine.training import Batches

every_optimizer = pytest.mark.parametrize("solver", OPTIMIZERS)

LEVELS, DIM = (3, 5), 4
MAKE = {
    "units": (2 + 2 * DIM, 5, 2),
    "activations": ["tanh"],
    "alpha": 0.1,
    "embedding": (2, LEVELS, DIM),
}


def rows(rng, shape, n_numeric=2, n_levels=LEVELS, dtype=float):
    """A batch (*shape, n_numeric + q): numbers, and codes from 0 on of which some repeat."""
    codes = [rng.integers(0, n + 1, shape) for n in n_levels]
    numbers = rng.normal(size=(*shape, n_numeric))
    return np.concatenate([numbers, np.stack(codes, axis=-1)], axis=-1).astype(dtype)


def one_hot(X, n_numeric=2, n_levels=LEVELS):
    """The numbers, and an indicator of each row of E, level by level."""
    columns = [X[..., :n_numeric]]
    for j, n in enumerate(n_levels):
        columns.append(np.equal(X[..., [n_numeric + j]], np.arange(n + 1)).astype(X.dtype))
    return np.concatenate(columns, axis=-1)


def multiplied_out(E, n_numeric=2, n_levels=LEVELS):
    """The matrix whose product with one-hot columns is the output of the embedding."""
    dim = E.shape[-1]
    M = np.zeros((n_numeric + len(E), n_numeric + len(n_levels) * dim), E.dtype)
    M[:n_numeric, :n_numeric] = np.eye(n_numeric)
    for j, (first, n) in enumerate(zip(first_rows(n_levels), n_levels, strict=True)):
        columns = slice(n_numeric + j * dim, n_numeric + (j + 1) * dim)
        M[n_numeric + first : n_numeric + first + n + 1, columns] = E[first : first + n + 1]
    return M


def bound_layer(n_members=2, n_numeric=2, seed=0):
    layer = Embedding(n_numeric, LEVELS, DIM)
    shape = (n_members, *layer.shapes["E"])
    E = np.random.default_rng(seed).normal(size=shape)
    layer.bind({"E": E}, {"E": np.full(shape, np.nan)})
    return layer


def buffers_of(layer, n_samples):
    work = work_array([layer], len(layer.E), n_samples, layer.E.dtype)
    return layer.buffers(len(layer.E), n_samples, layer.E.dtype, work)


# ---------------------------------------------------------------------------------- layer


@pytest.mark.parametrize("n_numeric", [0, 2])
@pytest.mark.parametrize("shape", [(7,), (2, 7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_passes_numbers_on_and_looks_rows_up(shape, n_numeric, dtype):
    layer = bound_layer(n_numeric=n_numeric)
    layer.bind({"E": layer.E.astype(dtype)})
    X = rows(np.random.default_rng(1), shape, n_numeric, dtype=dtype)
    block = np.zeros((*shape[:-1], 9, X.shape[-1]), dtype)
    block[..., 1:8, :] = X
    A = layer.forward(block[..., 1:8, :], buffers_of(layer, 7))
    assert A.dtype == dtype
    assert A.shape == (2, 7, layer.n_out)
    for k in range(2):
        for x, a in zip(X if len(shape) == 1 else X[k], A[k], strict=True):
            first, second = x[n_numeric:].astype(int)
            expected = [x[:n_numeric], layer.E[k, first], layer.E[k, LEVELS[0] + 1 + second]]
            assert_array_equal(a, np.concatenate(expected))


def test_code_0_is_row_0_of_its_column_which_starts_at_zero():
    E = Embedding(0, LEVELS, DIM).init(np.random.default_rng(0))["E"]
    assert_array_equal(np.flatnonzero((E == 0).all(axis=1)), [0, 4])
    layer = Embedding(1, LEVELS, DIM)
    layer.bind({"E": E[None]})
    A = layer.forward(np.array([[7.0, 0.0, 0.0]]), buffers_of(layer, 1))
    assert_array_equal(A[0, 0], [7.0] + [0.0] * 8)


def test_known_levels_start_as_drawn_from_a_normal_distribution():
    E = Embedding(0, (2000, 3000), 10).init(np.random.default_rng(0))["E"]
    assert E.shape == (5002, 10)
    assert E.mean() == pytest.approx(0, abs=5 / np.sqrt(E.size))
    assert E.std() == pytest.approx(EMBEDDING_SCALE, rel=0.02)


@pytest.mark.parametrize("shape", [(7,), (2, 7)])
def test_backward_adds_up_what_one_hot_columns_give_and_marks_their_rows(shape):
    layer, rng = bound_layer(), np.random.default_rng(1)
    buffers, expected, seen = buffers_of(layer, 7), np.zeros_like(layer.E), np.zeros((2, 10), bool)
    assert_array_equal(layer.dE, 0.0)
    for _ in range(2):
        X, dA = rows(rng, shape), rng.normal(size=(2, 7, layer.n_out))
        layer.forward(X, buffers)
        assert layer.backward(dA.copy(), buffers, input_gradient=False) is None
        H = np.broadcast_to(one_hot(X)[..., 2:], (2, 7, 10))
        seen |= H.any(axis=1)
        for j, columns in enumerate((slice(0, 4), slice(4, 10))):
            delta = dA[..., 2 + j * DIM : 2 + (j + 1) * DIM]
            expected[:, columns] += H[..., columns].mT @ delta
    assert_allclose(layer.dE, expected, rtol=1e-13, atol=1e-14)
    assert_array_equal(layer.mark, seen)
    layer.clear()
    assert not layer.dE.any()
    assert not layer.mark.any()


def test_a_layer_bound_anew_begins_without_a_gradient():
    layer, rng = bound_layer(), np.random.default_rng(1)
    for _ in range(2):
        buffers = buffers_of(layer, 7)
        layer.forward(rows(rng, (7,)), buffers)
        layer.backward(np.ones((2, 7, layer.n_out)), buffers, input_gradient=False)
        assert layer.mark.any()
        layer.bind({"E": layer.E}, {"E": np.full(layer.E.shape, np.nan)})
        assert not layer.mark.any()
        assert not layer.dE.any()


def test_a_layer_of_some_members_marks_rows_of_its_own():
    layer = bound_layer(n_members=3)
    part = layer.of(slice(1, 2))
    part.bind({"E": layer.E[1:2]}, {"E": layer.dE[1:2]})
    assert part.shapes == layer.shapes
    part.mark[0, 4] = True
    assert_array_equal(part.touched("E", 0), [4])
    assert not layer.mark.any()


def test_an_embedding_has_no_gradient_of_its_input():
    layer = bound_layer()
    buffers = buffers_of(layer, 7)
    layer.forward(rows(np.random.default_rng(1), (7,)), buffers)
    with pytest.raises(AssertionError, match="first layer"):
        layer.backward(np.ones((2, 7, layer.n_out)), buffers, input_gradient=True)


def test_dropout_of_the_input_acts_on_the_output_of_the_embedding():
    embedding = Embedding(2, LEVELS, DIM)
    layers = dense_layers(MAKE["units"], ["tanh"], [embedding])
    in_training = with_dropout(layers, (0.1, 0.2), [np.random.default_rng(0)])
    kinds = [type(layer).__name__ for layer in in_training]
    assert kinds == ["Embedding", "Dropout", "Dense", "Dropout", "Dense"]
    assert [layer.p for layer in in_training[1::2]] == [[0.1], [0.2]]
    assert in_training[1].n_in == embedding.n_out
    with pytest.raises(ValueError, match="longer"):
        with_dropout(layers, (0.1, 0.2, 0.3, 0.4), [])


# ---------------------------------------------------------------------------------- network


def gradient_error(network, batch, rng, h=1e-5):
    """Worst relative error of the slope along random directions, at fixed masks."""
    dropouts = [layer for layer in network.layers if hasattr(layer, "generators")]
    generators = [rng for layer in dropouts[:1] for rng in layer.generators]
    states = [rng.bit_generator.state for rng in generators]

    def objective():
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state
        return network.loss_grad(*batch)

    theta, worst = network.theta.copy(), 0.0
    objective()
    grad = network.grad.copy()
    for columns in (slice(None), network.layout.groups["E"]):
        D = np.zeros_like(theta)
        # near the gradient, or the slope would drown in rounding
        size = np.linalg.norm(grad[:, columns], axis=1, keepdims=True)
        D[:, columns] = grad[:, columns] / size + 0.05 * rng.normal(size=D[:, columns].shape)
        f = {}
        for k in (-2, -1, 1, 2):
            network.theta[:] = theta + k * h * D
            f[k] = objective()
        network.theta[:] = theta
        slope = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * h)
        worst = max(worst, np.abs((grad * D).sum(axis=1) / slope - 1).max())
    return worst


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dropout", [None, (0.2, 0.3)])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_gradient_is_the_slope_of_the_objective(
    make_network, monkeypatch, n_members, shared, weighted, dropout, in_chunks
):
    n_samples = 9
    if in_chunks and not dropout:
        monkeypatch.setattr(network_module, "CHUNK_ELEMENTS", 1)  # of 16 rows
        monkeypatch.setattr(network_module, "MIN_TRAINING_CHUNK", 1)
        n_samples = 50
    network = make_network(**MAKE, n_members=n_members, dropout=dropout)
    rng = np.random.default_rng(1)
    lead = (n_samples,) if shared else (n_members, n_samples)
    Y, w = rng.normal(size=(*lead, 2)), rng.uniform(0, 2, lead)
    assert gradient_error(network, (rows(rng, lead), Y, w if weighted else None), rng) < 1e-6


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_gradient_of_each_batch_is_that_of_a_dense_network_on_one_hot_columns(
    make_network, monkeypatch, n_members, in_chunks
):
    """Batch after batch: nothing is left of the one before."""
    if in_chunks:
        monkeypatch.setattr(network_module, "CHUNK_ELEMENTS", 1)
        monkeypatch.setattr(network_module, "MIN_TRAINING_CHUNK", 1)
    rng = np.random.default_rng(2)
    network = make_network(**MAKE, n_members=n_members)
    embedding, first, last = network.layers
    dense = make_network((12, 5, 2), ["tanh"], n_members=n_members)
    for n_samples in (3, 40, 2):
        X = rows(rng, (n_members, n_samples))
        Y = rng.normal(size=(n_members, n_samples, 2))
        M = np.stack([multiplied_out(E) for E in embedding.E])
        dense.layers[0].W[:], dense.layers[0].b[:] = M @ first.W, first.b
        dense.layers[1].W[:], dense.layers[1].b[:] = last.W, last.b
        penalty = 0.05 * (np.sum(first.W**2, (1, 2)) + np.sum(last.W**2, (1, 2)))
        value = network.loss_grad(X, Y)
        assert_allclose(value, dense.loss_grad(one_hot(X), Y) + penalty, rtol=1e-12)
        # by the chain rule through the product M W
        dM = dense.layers[0].dW @ first.W.mT
        dE = np.concatenate([dM[:, 2:6, 2:6], dM[:, 6:, 6:]], axis=1)
        assert_allclose(embedding.dE, dE, rtol=1e-10, atol=1e-14)
        dW = M.mT @ dense.layers[0].dW + 0.1 * first.W
        assert_allclose(first.dW, dW, rtol=1e-10, atol=1e-14)
        assert_allclose(last.dW, dense.layers[1].dW + 0.1 * last.W, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("n_members", [1, 3])
def test_raw_output_is_that_of_a_dense_network_on_one_hot_columns(make_network, n_members):
    network = make_network(**MAKE, n_members=n_members)
    embedding, first, last = network.layers
    X = rows(np.random.default_rng(3), (2 * network_module.CHUNK_ELEMENTS // (10 * n_members) + 5,))
    Z = raw_output(network.layers, X)
    assert Z.shape == (n_members, len(X), 2)
    for k in range(n_members):
        A = np.tanh(one_hot(X) @ multiplied_out(embedding.E[k]) @ first.W[k] + first.b[k])
        assert_allclose(Z[k], A @ last.W[k] + last.b[k], rtol=1e-12, atol=1e-12)
    assert_array_equal(raw_output(network.layers, X[:1]), Z[:, :1])


def test_each_member_is_a_network_of_its_own(make_network):
    rng = np.random.default_rng(8)
    network = make_network(**MAKE, n_members=3)
    X, Y = rows(rng, (3, 6)), rng.normal(size=(3, 6, 2))
    objective = network.loss_grad(X, Y)
    grad, mark = network.grad.copy(), network.layers[0].mark.copy()
    for k, member in enumerate(network.each_member()):
        assert_allclose(member.loss_grad(X[k], Y[k]), objective[[k]], rtol=1e-13)
        assert_allclose(network.grad, grad, rtol=1e-12, atol=1e-14)
        assert_array_equal(network.layers[0].mark, mark)


def test_one_thread_adds_to_the_gradient_and_tables_count_by_what_a_batch_takes(
    make_network, monkeypatch
):
    monkeypatch.setattr(network_module, "MIN_MULTIPLY_ADDS_PER_THREAD", 1)
    make = {**MAKE, "embedding": (2, (100_000, 5), DIM), "n_members": 3}
    network = make_network(**make, team=Team(2))
    assert network.n_shares(100) == 1
    assert network.n_lockstep(100) == 3
    assert network.largest_product(100) == 100 * 10 * 5


def test_lbfgs_finds_the_means_of_the_levels(make_network):
    rng = np.random.default_rng(4)
    network = make_network((1, 1), embedding=(0, (3,), 1))
    X = np.repeat([[1.0], [2.0], [3.0]], 20, axis=0)
    y = X**2 + rng.normal(size=X.shape)
    objective = objective_of(network, (X, y, None))
    minimize_lbfgs(objective, network.theta[0], 1e-10, 1000, 15000, lambda record: False)
    Z = raw_output(network.layers, X)[0, ::20]
    assert_allclose(Z[:, 0], y.reshape(3, 20).mean(axis=1), rtol=1e-6)


# ---------------------------------------------------------------------------------- steps


class Dense7(Layer):
    """A layer that stands for seven parameters, the first five of them weights."""

    groups = {"W": WEIGHTS, "rest": Group("rest")}  # noqa: RUF012
    shapes = {"W": (5,), "rest": (2,)}  # noqa: RUF012

    def of(self, members=slice(None)):
        return Dense7()

    def bind(self, parameters, gradient=None):
        pass


def lazy_pair(optimizer_of, solver, n_members=2, **hyper):
    """A bound embedding whose E ends theta, and the optimizer of both."""
    layers = [embedding, _] = Embedding(2, LEVELS, DIM), Dense7()
    parameters = Parameters.zeros(Layout(layers), n_members, float)
    parameters.theta[:] = np.random.default_rng(0).normal(size=parameters.theta.shape)
    parameters.bind(layers)
    network = SimpleNamespace(parameters=parameters, layers=layers)
    return embedding, optimizer_of(network, solver, **hyper)


def touch(embedding, optimizer, rng, touched):
    """Draw a gradient: of the dense columns, and of these rows (n_members, n_rows)."""
    embedding.clear()
    grad = optimizer.parameters.grad
    grad[:, :7] = rng.normal(size=grad[:, :7].shape)
    embedding.dE[touched] = rng.normal(size=(touched.sum(), DIM))
    embedding.mark[:] = touched


def tables(optimizer):
    """Theta and the state of the rows of E."""
    arrays = [optimizer.parameters.theta, *(a for (a,) in optimizer.arrays.values())]
    return [a[:, 7:].reshape(len(a), -1, DIM) for a in arrays]


@every_optimizer
@pytest.mark.parametrize("block", [1, 12, 1 << 14])
def test_rows_without_a_gradient_keep_theta_and_state_and_the_others_step_as_if_alone(
    make_optimizer, optimizer_of, monkeypatch, solver, block
):
    monkeypatch.setattr(walk_module, "LAZY_STEP_ELEMENTS", block)
    embedding, optimizer = lazy_pair(optimizer_of, solver)
    reference = {}
    rng = np.random.default_rng(1)
    for _ in range(8):
        touched = rng.random((2, 10)) < 0.4
        touch(embedding, optimizer, rng, touched)
        before = [a.copy() for a in tables(optimizer)]
        rows_before = {tuple(r): [a[tuple(r)] for a in before] for r in np.argwhere(touched)}
        gradients = {r: embedding.dE[r].copy() for r in rows_before}
        optimizer.step(0.1)
        for a, b in zip(tables(optimizer), before, strict=True):
            assert_array_equal(a[~touched], b[~touched])
        for r, (theta, *state) in rows_before.items():
            own = make_optimizer(solver, theta[None].copy(), gradients[r][None].copy())
            own.t = optimizer.t - 1
            for (a,), b in zip(own.arrays.values(), state, strict=True):
                a[:] = b
            own.step(0.1)
            alone = [own.parameters.theta, *(a for (a,) in own.arrays.values())]
            for a, b in zip(tables(optimizer), alone, strict=True):
                assert_array_equal(a[r], b[0])
            reference[r] = True
    assert len(reference) == 20


@every_optimizer
def test_where_every_row_has_a_gradient_lazy_steps_are_dense_ones(
    make_optimizer, optimizer_of, solver
):
    embedding, optimizer = lazy_pair(optimizer_of, solver)
    parameters = optimizer.parameters
    grad = np.empty_like(parameters.grad)
    dense = make_optimizer(solver, parameters.theta.copy(), grad, slice(0, 5))
    rng = np.random.default_rng(1)
    for _ in range(5):
        touch(embedding, optimizer, rng, np.ones((2, 10), bool))
        grad[:] = parameters.grad
        optimizer.step(0.1)
        dense.step(0.1)
        assert_array_equal(parameters.theta, dense.parameters.theta)
        for name, own in optimizer.arrays.items():
            assert_array_equal(own, dense.arrays[name])


@every_optimizer
@pytest.mark.parametrize("block", [3, 1 << 17])
def test_dense_columns_step_as_without_an_embedding(
    make_optimizer, optimizer_of, monkeypatch, solver, block
):
    monkeypatch.setattr(walk_module, "STEP_ELEMENTS", block)
    embedding, optimizer = lazy_pair(optimizer_of, solver)
    parameters = optimizer.parameters
    theta = parameters.theta[:, :7].copy()
    dense = make_optimizer(solver, theta, np.empty_like(theta), slice(0, 5))
    rng = np.random.default_rng(1)
    for _ in range(5):
        touch(embedding, optimizer, rng, rng.random((2, 10)) < 0.4)
        dense.parameters.grad[:] = parameters.grad[:, :7]
        optimizer.step(0.1)
        dense.step(0.1)
    assert_array_equal(parameters.theta[:, :7], theta)


@every_optimizer
@pytest.mark.parametrize("as_views", [True, False])
def test_the_optimizer_of_some_members_steps_their_rows_and_keeps_their_state(
    optimizer_of, solver, as_views
):
    one, other = (lazy_pair(optimizer_of, solver, n_members=3) for _ in range(2))
    grads = []
    for seed in range(3):
        for embedding, optimizer in (one, other):
            rng = np.random.default_rng(seed)
            touch(embedding, optimizer, rng, rng.random((3, 10)) < 0.4)
        grads.append(one[1].parameters.grad.copy())
        t = one[1].t
        one[1].step(0.1)
        for numbers in ([0, 1], [2]) if as_views else ([0, 2], [1]):
            embedding, optimizer = other
            optimizer.t = t
            members = slice(numbers[0], numbers[-1] + 1) if as_views else np.array(numbers)
            own = optimizer.parameters.of(members)
            layers = [layer.of(members) for layer in optimizer.layers]
            own.bind(layers)  # which clears what touches were drawn
            layers[0].mark[:] = embedding.mark[members]
            own.grad[:] = grads[seed][members]
            part = optimizer.of(members, own, layers)
            part.step(0.1)
            if not as_views:
                optimizer.parameters.put([own.theta], members)
                optimizer.put(members, part)
            optimizer.t = part.t
    assert_array_equal(one[1].parameters.theta, other[1].parameters.theta)
    for name, own in one[1].arrays.items():
        assert_array_equal(own, other[1].arrays[name])


@pytest.mark.torch
@pytest.mark.parametrize("hyper", [{}, {"beta_1": 0.7, "beta_2": 0.9}])
def test_lazy_adam_is_sparse_adam_of_torch(optimizer_of, torch, hyper):
    """At an epsilon that does not count: torch adds it before the correction of the bias there."""
    embedding, optimizer = lazy_pair(optimizer_of, "adam", n_members=1, epsilon=1e-15, **hyper)
    E = torch.tensor(embedding.E[0].copy(), requires_grad=True)
    betas = (hyper.get("beta_1", 0.9), hyper.get("beta_2", 0.999))
    reference = torch.optim.SparseAdam([E], lr=0.05, betas=betas, eps=1e-15)
    rng = np.random.default_rng(1)
    for _ in range(10):
        touched = rng.random((1, 10)) < 0.4
        touch(embedding, optimizer, rng, touched)
        own = np.flatnonzero(touched[0])
        values = torch.tensor(embedding.dE[0, own])
        with torch.sparse.check_sparse_tensor_invariants():
            E.grad = torch.sparse_coo_tensor(torch.tensor(own)[None], values, (10, DIM))
            reference.step()
        optimizer.step(0.05)
        assert_allclose(embedding.E[0], E.detach().numpy(), rtol=1e-12)


# ---------------------------------------------------------------------------------- training


def table(n_samples=47, seed=0, n_levels=LEVELS):
    """Rows whose target is a number of each level, and weights."""
    rng = np.random.default_rng(seed)
    X = rows(rng, (n_samples,), n_levels=n_levels)
    effects = [rng.normal(size=(n + 1, 2)) for n in n_levels]
    Y = sum(effect[X[:, 2 + j].astype(int)] for j, effect in enumerate(effects)) + X[:, :2]
    return X, Y, rng.uniform(0, 2, n_samples)


def test_gradient_descent_is_that_of_a_table_multiplied_with_one_hot_columns(
    make_network, make_training
):
    """A linear model, in plain matrices: Z = (H E) W + b, dE = H^T (delta W^T)."""
    X, Y, _ = table()
    network = make_network((DIM, 2), embedding=(0, (LEVELS[0],), DIM))
    embedding, layer = network.layers
    E, W, b = (a[0].copy() for a in (embedding.E, layer.W, layer.b))
    codes = X[:, [2]]
    training = make_training(network, "sgd", eta=0.1, momentum=0.0)
    list(islice(training.epochs(Batches(codes, Y, None, 10, False, 1)), 3))
    H = one_hot(codes, 0, LEVELS[:1])
    for _ in range(3):
        for start in range(0, 47, 10):
            h, y = H[start : start + 10], Y[start : start + 10]
            delta = (h @ E @ W + b - y) / len(h)
            dE, dW, db = h.T @ (delta @ W.T), (h @ E).T @ delta, delta.sum(axis=0)
            E, W, b = E - 0.1 * dE, W - 0.1 * dW, b - 0.1 * db
    assert_allclose(embedding.E[0], E, rtol=1e-10, atol=1e-12)
    assert_allclose(layer.W[0], W, rtol=1e-10, atol=1e-12)
    assert_allclose(layer.b[0], b, rtol=1e-10, atol=1e-12)


@every_optimizer
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("dropout", [None, (0.1, 0.2)])
def test_each_member_trains_as_the_network_alone(
    make_network, make_training, solver, together, dropout
):
    X, Y, w = table()
    network = make_network(**MAKE, n_members=3, dropout=dropout)
    start = network.theta.copy()
    training = make_training(network, solver)
    list(islice(training.epochs(Batches(X, Y, w, 10, True, 3 if together else 1)), 4))
    for k in range(3):
        alone = make_network(**MAKE, dropout=dropout)
        for layer in alone.layers:
            if hasattr(layer, "generators"):
                layer.generators[0].bit_generator.state = np.random.default_rng(
                    k
                ).bit_generator.state
        alone.theta[:] = start[[k]]
        training = make_training(alone, solver, members=[k])
        list(islice(training.epochs(Batches(X, Y, w, 10, True, 1)), 4))
        assert_allclose(network.theta[[k]], alone.theta, rtol=1e-9, atol=1e-11)
    assert (np.ptp(network.theta, axis=0) > 0).all()


@every_optimizer
def test_levels_that_no_row_holds_keep_their_rows(make_network, make_training, solver):
    X, Y, w = table()
    X[:, 3] = np.minimum(X[:, 3], 2.0)
    network = make_network(**MAKE, n_members=2)
    before = network.layers[0].E.copy()
    list(islice(make_training(network, solver).epochs(Batches(X, Y, w, 10, True, 2)), 3))
    kept = (network.layers[0].E == before).all(axis=(0, 2))
    assert_array_equal(np.flatnonzero(kept), [7, 8, 9])


@every_optimizer
def test_training_taken_up_from_a_pickle_continues_bit_for_bit(make_network, make_training, solver):
    X, Y, w = table()
    batches = Batches(X, Y, w, 10, True, 2)
    network = make_network(**MAKE, n_members=2)
    training = make_training(network, solver)
    list(islice(training.epochs(batches), 3))
    saved = pickle.dumps((network.theta, training.state()))
    records = list(islice(training.epochs(batches), 3))
    again = make_network(**MAKE, n_members=2, seed=9)
    continued = make_training(again, solver, seed=9)
    theta, state = pickle.loads(saved)
    again.theta[:] = theta
    continued.restore(state)
    assert list(islice(continued.epochs(Batches(X, Y, w, 10, True, 2)), 3)) == records
    assert_array_equal(again.theta, network.theta)


@every_optimizer
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_epoch_allocates_nothing(make_network, make_training, solver, n_members, dtype):
    n_levels = (100, 10_000)
    network = make_network(
        (2 + 2 * 16, 50, 2),
        ["relu"],
        n_members=n_members,
        alpha=1e-4,
        dtype=dtype,
        embedding=(2, n_levels, 16),
        dropout=(0.1, 0.0),
    )
    X, Y, w = (a.astype(dtype) for a in table(5050, n_levels=n_levels))
    epochs = make_training(network, solver).epochs(Batches(X, Y, w, 200, True, n_members))
    next(epochs)
    tracemalloc.start()
    try:
        next(epochs)
        # the numbers of the touched rows come to what other epochs need; numpy 2.0 to 6 KiB more;
        # and three bytes for each unit that dropout draws in a step
        assert tracemalloc.get_traced_memory()[1] < 24 * 1024 + 3 * 200 * (2 + 2 * 16)
    finally:
        tracemalloc.stop()
