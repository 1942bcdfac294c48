import itertools
from functools import cache

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine import network as network_module
from sknet._engine.activations import ACTIVATIONS
from sknet._engine.initializers import INITIALIZERS
from sknet._engine.layers import PiecewiseLinear, SparseRows
from sknet._engine.losses import LOSSES
from sknet._engine.network import (
    CHUNK_ELEMENTS,
    Network,
    dense_layers,
    drawn_parameters,
    forward,
)
from sknet._engine.optimizers import clip_gradient
from sknet._engine.parameters import Layout, Parameters
from sknet._engine.prediction import raw_output
from sknet._engine.team import SINGLE_THREAD, Team

ROWS = [(loss, out) for loss, outs in LOSSES.items() for out in outs]
SIZES = list(itertools.product((1, 3), (False, True), (0, 1, 3), (1, 2)))

every_row = pytest.mark.parametrize(("loss", "out"), ROWS)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


def evaluate(network, *batch):
    return network.loss_grad(*batch), network.grad.copy()


def directional_error(network, batch, rng, h=1e-5):
    """Worst relative error, over members, of the gradient along one random direction.

    Nearly perpendicular to the gradient, the slope would drown in the rounding of the objective.
    """
    theta, (_, grad) = network.theta.copy(), evaluate(network, *batch)
    D, product, size = 0.0, 0.0, np.linalg.norm(grad, axis=1)
    while (np.abs(product) < 0.05 * size).any():
        D = rng.normal(size=theta.shape)
        product = (grad * D).sum(axis=1)
    f = {}
    for k in (-2, -1, 1, 2):
        network.theta[:] = theta + k * h * D
        f[k] = network.loss_grad(*batch)
    network.theta[:] = theta
    slope = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * h)
    return np.max(np.abs(product - slope) / np.abs(slope))


def is_smooth_at(network, X, margin=1e-3):
    """Whether no unit of a hidden layer is near 0, where an activation may have a kink."""
    A = X
    for layer, buffers in zip(network.layers[:-1], network.workspace(7).layers, strict=False):
        if np.abs(A @ layer.W + layer.b).min() < margin:
            return False
        A = layer.forward(A, buffers)
    return True


@pytest.fixture(scope="module")
def gradient_errors(make_network, draw_smooth_targets):
    """Errors for one activation and loss: outputs x weights x hidden layers x members."""

    @cache
    def errors(activation, loss, out):
        rng = np.random.default_rng(1)
        found = []
        for n_outputs, weighted, n_hidden, n_members in SIZES:
            network = make_network(
                (4, *[5] * n_hidden, n_outputs),
                [activation] * n_hidden,
                loss,
                out,
                n_members=n_members,
                alpha=0.1,
            )
            # two members with a batch each, as in training; one member with a shared batch
            lead = (2, 7) if n_members == 2 else (7,)
            X = rng.normal(size=(*lead, 4))
            while not is_smooth_at(network, X):
                X = rng.normal(size=(*lead, 4))
            Z = forward(network.layers, X, network.workspace(7).layers).copy()
            Y = draw_smooth_targets(loss, out, rng, Z.reshape(*lead, n_outputs))
            w = rng.uniform(0, 2, lead) if weighted else None
            found.append(directional_error(network, (X, Y, w), rng))
        return found

    return errors


@every_activation
@every_row
def test_gradient_is_the_slope_of_the_objective(activation, loss, out, gradient_errors):
    errors = gradient_errors(activation, loss, out)
    assert len(errors) == 24
    assert max(errors) < 1e-6


def test_worst_gradient_error_of_the_whole_table(gradient_errors):
    worst = max(
        (max(gradient_errors(activation, loss, out)), activation, loss, out)
        for activation in ACTIVATIONS
        for loss, out in ROWS
    )
    print("worst relative error of a gradient: {:.1e} ({}, {}, {})".format(*worst))
    assert worst[0] < 1e-6


def test_objective_is_the_weighted_mean_plus_the_penalty_on_weights(make_network):
    """L = 1/B sum_i w_i |A_i - y_i|^2 / 2 + alpha / 2 |W|^2, sample by sample."""
    network = make_network((3, 4, 2), ["tanh"], n_members=2, alpha=0.3)
    rng = np.random.default_rng(1)
    X, Y, w = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.uniform(0, 2, 6)
    objective, _ = evaluate(network, X, Y, w)
    assert objective.dtype == np.float64
    first, last = network.layers
    for k in range(2):
        total = 0.0
        for x, y, weight in zip(X, Y, w, strict=True):
            a = np.tanh(x @ first.W[k] + first.b[k, 0])
            total += weight * np.sum((a @ last.W[k] + last.b[k, 0] - y) ** 2) / 2
        penalty = 0.3 / 2 * (np.sum(first.W[k] ** 2) + np.sum(last.W[k] ** 2))
        assert objective[k] == pytest.approx(total / 6 + penalty, rel=1e-13)


@pytest.mark.parametrize("n_outputs", [1, 4])
def test_gradient_of_a_linear_model_is_that_of_ridge(make_network, n_outputs):
    """dW = X^T (X W + b - Y) / n + alpha W: summed over outputs, never averaged over them."""
    network = make_network((3, n_outputs), alpha=0.2)
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, n_outputs))
    network.loss_grad(X, Y)
    (layer,) = network.layers
    residual = X @ layer.W[0] + layer.b[0] - Y
    assert_allclose(layer.dW[0], X.T @ residual / 8 + 0.2 * layer.W[0], rtol=1e-12)
    assert_allclose(layer.db[0, 0], residual.mean(axis=0), rtol=1e-12)


@every_row
def test_gradient_of_one_output_does_not_see_how_many_others_there_are(
    make_network, draw_targets, loss, out
):
    if out in ("softmax", "increments"):
        pytest.skip(f"the outputs of {out} depend on one another")
    rng = np.random.default_rng(3)
    network = make_network((3, 4), loss=loss, out_activation=out)
    X, Y = rng.normal(size=(9, 3)), draw_targets(loss, out, rng, (9, 4))
    objective, _ = evaluate(network, X, Y)
    single = make_network((3, 1), loss=loss, out_activation=out)
    total = 0.0
    for j in range(4):
        single.layers[0].W[:] = network.layers[0].W[..., [j]]
        single.layers[0].b[:] = network.layers[0].b[..., [j]]
        total += single.loss_grad(X, Y[:, [j]])
        assert_allclose(single.layers[0].dW, network.layers[0].dW[..., [j]], rtol=1e-12)
    assert_allclose(objective, total, rtol=1e-12)


@every_row
def test_integer_weights_are_repeated_rows(make_network, draw_targets, loss, out):
    rng = np.random.default_rng(4)
    network = make_network((3, 4, 2), ["tanh"], loss, out, n_members=2, alpha=0.1)
    X, Y = rng.normal(size=(6, 3)), draw_targets(loss, out, rng, (6, 2))
    times = np.array([2, 1, 0, 3, 1, 1])
    weighted = evaluate(network, X, Y, times / times.mean())
    repeated = evaluate(network, np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    for a, b in zip(weighted, repeated, strict=True):
        assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_weights_of_one_are_no_weights(make_network):
    rng = np.random.default_rng(5)
    network = make_network((3, 4, 2), ["tanh"], n_members=2)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    for a, b in zip(evaluate(network, X, Y), evaluate(network, X, Y, np.ones(6)), strict=True):
        assert_array_equal(a, b)


def test_penalty_does_not_depend_on_the_number_of_rows(make_network):
    rng = np.random.default_rng(6)
    network = make_network((3, 4, 2), ["tanh"], alpha=0.5)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    once, five_times = (
        evaluate(network, X, Y),
        evaluate(network, *(np.tile(a, (5, 1)) for a in (X, Y))),
    )
    for a, b in zip(once, five_times, strict=True):
        assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("n_hidden", [0, 2])
@every_row
def test_sparse_rows_equal_dense_ones(make_network, draw_targets, loss, out, n_hidden):
    rng = np.random.default_rng(7)
    network = make_network(
        (10, *[4] * n_hidden, 2), ["relu"] * n_hidden, loss, out, n_members=3, alpha=0.1
    )
    X = rng.normal(size=(3, 8, 10)) * (rng.uniform(size=(3, 8, 10)) < 0.2)
    Y, w = draw_targets(loss, out, rng, (8, 2)), rng.uniform(0, 2, 8)
    gathered = SparseRows(*map(scipy.sparse.csr_array, X))
    shared = SparseRows(scipy.sparse.csr_array(X[0]))
    for sparse, dense in ((gathered, X), (shared, X[0])):
        for a, b in zip(
            evaluate(network, sparse, Y, w), evaluate(network, dense, Y, w), strict=True
        ):
            assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_members", [1, 3])
def test_a_column_of_ones_takes_the_first_bias_in(make_network, n_members):
    """Objective and gradient stay what they are without it."""
    rng = np.random.default_rng(8)
    plain, network = (
        make_network((4, 5, 3), ["tanh"], n_members=n_members, alpha=0.1) for _ in range(2)
    )
    X, Y, w = rng.normal(size=(7, 4)), rng.normal(size=(7, 3)), rng.uniform(0, 2, 7)
    with_ones = np.column_stack([X, np.ones(7)])
    for one, other in (
        (network, plain),
        *zip(network.each_member(), plain.each_member(), strict=True),
    ):
        for a, b in zip(evaluate(one, with_ones, Y, w), evaluate(other, X, Y, w), strict=True):
            assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@every_row
def test_each_member_is_a_network_of_its_own(make_network, draw_targets, loss, out):
    rng = np.random.default_rng(8)
    network = make_network((4, 5, 3), ["silu"], loss, out, n_members=3, alpha=0.1)
    X, Y = rng.normal(size=(3, 6, 4)), draw_targets(loss, out, rng, (3, 6, 3))
    w = rng.uniform(0, 2, (3, 6))
    objective, grad = evaluate(network, X, Y, w)
    for k, member in enumerate(network.each_member()):
        assert np.shares_memory(member.theta, network.theta)
        alone = evaluate(member, X[k], Y[k], w[k])
        assert_allclose(alone[0], objective[[k]], rtol=1e-13)
        assert_allclose(alone[1], grad[[k]], rtol=1e-12, atol=1e-14)


def test_a_shared_batch_is_the_same_batch_for_each_member(make_network):
    rng = np.random.default_rng(9)
    network = make_network((4, 5, 3), ["tanh"], n_members=3)
    X, Y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    shared = evaluate(network, X, Y)
    for a, b in zip(shared, evaluate(network, np.stack([X] * 3), np.stack([Y] * 3)), strict=True):
        assert_allclose(a, b, rtol=1e-13, atol=1e-15)


def test_batches_of_different_sizes_do_not_disturb_one_another(make_network):
    rng = np.random.default_rng(10)
    network, fresh = (make_network((4, 5, 3), ["gelu"], n_members=2) for _ in range(2))
    X, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    for size in (9, 2, 9, 5, 2):
        evaluate(network, X[:size], Y[:size])
    for a, b in zip(evaluate(network, X, Y), evaluate(fresh, X, Y), strict=True):
        assert_array_equal(a, b)


def test_the_batch_is_left_as_it_was(make_network):
    rng = np.random.default_rng(11)
    network = make_network((4, 1, 3), ["relu"])
    batch = rng.normal(size=(6, 4)), rng.normal(size=(6, 3)), rng.uniform(size=6)
    kept = [a.copy() for a in batch]
    network.loss_grad(*batch)
    for after, before in zip(batch, kept, strict=True):
        assert_array_equal(after, before)


def test_float32_stays_float32(make_network):
    rng = np.random.default_rng(12)
    exact = make_network((4, 5, 3), ["tanh"], n_members=2, alpha=0.1)
    network = make_network((4, 5, 3), ["tanh"], n_members=2, alpha=0.1, dtype=np.float32)
    X, Y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    objective, grad = evaluate(network, X.astype(np.float32), Y.astype(np.float32))
    assert grad.dtype == network.theta.dtype == np.float32
    expected = evaluate(exact, X, Y)
    assert_allclose(objective, expected[0], rtol=1e-5)
    assert_allclose(grad, expected[1], rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("n_members", [1, 2])
def test_gradient_with_dropout_is_the_slope_at_fixed_masks(make_network, n_members):
    make = {"units": (4, 6, 5, 2), "activations": ["tanh"] * 2, "alpha": 0.1}
    network = make_network(**make, n_members=n_members, dropout=(0.2, 0.5, 0.3))
    rng = np.random.default_rng(1)
    X, Y, w = rng.normal(size=(7, 4)), rng.normal(size=(7, 2)), rng.uniform(0, 2, 7)
    generators, loss_grad = network.layers[0].generators, network.loss_grad
    states = [generator.bit_generator.state for generator in generators]

    def at_fixed_masks(*batch):
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state
        return loss_grad(*batch)

    network.loss_grad = at_fixed_masks
    assert directional_error(network, (X, Y, w), rng) < 1e-6
    without = evaluate(make_network(**make, n_members=n_members), X, Y, w)
    assert (abs(evaluate(network, X, Y, w)[0] - without[0]) > 1e-3).all()


def test_dropout_of_the_whole_batch_is_its_mean_gradient_on_average(make_network):
    """For a linear model: E[m x (m x W - y)] = x (x W - y) + p / (1 - p) x^2 W."""
    network = make_network((3, 1), dropout=(0.25,), n_members=1)
    dense = network.layers[1]
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    mean = np.mean([evaluate(network, X, Y)[1] for _ in range(4000)], axis=0)
    residual = X @ dense.W[0] + dense.b[0] - Y
    shrinkage = 0.25 / 0.75 * np.mean(X**2, axis=0)[:, None] * dense.W[0]
    expected = [*(X.T @ residual / 20 + shrinkage)[:, 0], residual.mean()]
    assert_allclose(mean[0], expected, atol=0.03)


def test_a_member_with_dropout_is_a_network_of_its_own(make_network):
    rng = np.random.default_rng(3)
    make = {"units": (4, 6, 2), "activations": ["relu"], "n_members": 3, "dropout": (0.2, 0.5)}
    network, other = make_network(**make), make_network(**make)
    X, Y = rng.normal(size=(3, 6, 4)), rng.normal(size=(3, 6, 2))
    objective, grad = evaluate(network, X, Y)
    for k, member in enumerate(other.each_member()):
        alone = evaluate(member, X[k], Y[k])
        assert_allclose(alone[0], objective[[k]], rtol=1e-13)
        assert_allclose(alone[1], grad[[k]], rtol=1e-12, atol=1e-14)


# ---------------------------------------------------------------------------------- clipping


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_scales_the_gradient_of_each_member_down_to_the_norm(make_network, dtype):
    network = make_network((3, 4, 2), ["tanh"], n_members=3, dtype=dtype)
    drawn = np.random.default_rng(0).normal(size=network.grad.shape)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    sizes = np.array([[0.5], [2.0], [1e-20]])
    network.grad[:] = drawn * sizes
    before = network.grad.copy()
    clip_gradient(network.grad, 1.0)
    assert network.grad.dtype == dtype
    assert_array_equal(network.grad[[0, 2]], before[[0, 2]])
    assert_allclose(network.grad[1], drawn[1], rtol=1e-6)
    clip_gradient(network.grad, 0.1)
    norms = np.linalg.norm(network.grad.astype(float), axis=1)
    assert_allclose(norms, [0.1, 0.1, 1e-20], rtol=1e-6)
    network.grad[:] = 0
    clip_gradient(network.grad, 0.1)
    assert not network.grad.any()


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e30), (np.float64, 1e200)])
def test_a_gradient_whose_square_overflows_is_clipped_too(make_network, dtype, size):
    network = make_network((3, 4, 2), ["tanh"], dtype=dtype)
    drawn = np.random.default_rng(0).normal(size=network.grad.shape)
    network.grad[:] = drawn * size
    with np.errstate(over="ignore"):
        clip_gradient(network.grad, 2.0)
    assert_allclose(network.grad, 2 * drawn / np.linalg.norm(drawn), rtol=1e-5)


# ---------------------------------------------------------------------------------- threads


@pytest.mark.parametrize("n_samples", [1, 2, 7, 100])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["shared", "gathered", "sparse shared", "sparse gathered"])
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("in_chunks", [False, True])
def test_threads_that_share_the_rows_find_the_same_gradient(
    make_network, monkeypatch, size, kind, weighted, n_members, n_samples, in_chunks
):
    monkeypatch.setattr(network_module, "MIN_MULTIPLY_ADDS_PER_THREAD", 1)
    if in_chunks:  # of 16 rows
        monkeypatch.setattr(network_module, "CHUNK_ELEMENTS", 1)
        monkeypatch.setattr(network_module, "MIN_TRAINING_CHUNK", 1)
    rng = np.random.default_rng(15)
    lead = (n_members,) if "gathered" in kind else ()
    X = rng.normal(size=(*lead, n_samples, 4)) * (rng.random((*lead, n_samples, 4)) < 0.6)
    Y, w = rng.normal(size=(*lead, n_samples, 3)), rng.uniform(0, 2, (*lead, n_samples))
    batch = X
    if "sparse" in kind:
        batch = SparseRows(*map(scipy.sparse.csr_array, X if lead else X[None]))
    make = {"units": (4, 5, 3), "activations": ["tanh"], "n_members": n_members, "alpha": 0.1}
    alone, shared = (make_network(**make, team=team) for team in (SINGLE_THREAD, Team(size)))
    assert shared.n_shares(n_samples) == min(size, n_samples)
    assert alone.n_shares(n_samples) == 1
    w = w if weighted else None
    for _ in range(2):  # its buffers are used again
        for a, b in zip(evaluate(shared, batch, Y, w), evaluate(alone, batch, Y, w), strict=True):
            assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_rows_are_shared_where_each_thread_has_enough_and_never_with_dropout(make_network):
    make = {"units": (4, 128, 1), "activations": ["tanh"], "team": Team(3)}
    network, enough = make_network(**make), -(-network_module.MIN_MULTIPLY_ADDS_PER_THREAD // 640)
    shares = [network.n_shares(n * enough) for n in (1, 2, 3, 10)]
    assert shares == [1, 2, 3, 3]
    assert make_network(**make, dropout=(0.0, 0.1)).n_shares(10 * enough) == 1


def test_of_inputs_that_are_looked_up_only_the_stored_numbers_count():
    """A dense layer after 4 splines of 200 bins reads 2 rows of each, not all 804."""
    first = PiecewiseLinear(4, range(4), [np.arange(201.0)] * 4)
    layers = dense_layers((804, 128, 1), ["tanh"], [first])
    parameters = Parameters.zeros(Layout(layers), 1, np.float32)
    network = Network(layers, LOSSES["squared_error"]["identity"], 0.0, parameters, Team(2))
    enough = 2 * network_module.MIN_MULTIPLY_ADDS_PER_THREAD
    assert network.n_shares(2 * enough // (804 * 128)) == 1
    assert network.n_shares(enough // 128) == 2


@pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])
def test_raw_output_of_all_rows_is_that_of_each_row(make_network, as_matrix):
    width = 64
    network = make_network((3, width, 2), ["tanh"], n_members=3)
    n_samples = 2 * CHUNK_ELEMENTS // (3 * width) + 5  # two whole chunks and a bit
    X = np.random.default_rng(13).normal(size=(n_samples, 3))
    Z = raw_output(network.layers, as_matrix(X))
    assert Z.shape == (3, n_samples, 2)
    first, last = network.layers
    for k in range(3):
        A = np.tanh(X @ first.W[k] + first.b[k])
        assert_allclose(Z[k], A @ last.W[k] + last.b[k], rtol=1e-11, atol=1e-12)
    assert raw_output(network.layers, as_matrix(X[:1])).shape == (3, 1, 2)


@pytest.mark.parametrize("init", ["auto", *INITIALIZERS])
def test_a_zero_output_changes_no_other_layer(init):
    units, activations = (4, 6, 2), ["relu"]
    drawn, zeroed = (
        drawn_parameters(
            dense_layers(units, activations, init=init, zero_output=zero_output),
            np.random.default_rng(0),
        )
        for zero_output in (False, True)
    )
    assert_array_equal(drawn[0]["W"], zeroed[0]["W"])
    assert drawn[-1]["W"].all()
    assert not any(a.any() for a in zeroed[-1].values())


@pytest.mark.parametrize("init", ["auto", *INITIALIZERS])
def test_initial_parameters_fill_the_views(make_network, init):
    units = (4, 6, 5, 2)
    layers = dense_layers(units, ["relu", "selu"], init=init)
    drawn = drawn_parameters(layers, np.random.default_rng(0))
    views = make_network(units, ["relu", "selu"]).layout.views([np.zeros((1, 24 + 30 + 10 + 13))])
    for parameters, view in zip(drawn, views, strict=True):
        assert {k: a.shape for k, a in parameters.items()} == {
            k: a.shape[1:] for k, a in view.items()
        }


@pytest.mark.torch
@every_activation
@every_row
def test_objective_and_gradient_equal_torch(
    make_network, draw_targets, torch, activation, loss, out
):
    F, rng, n = torch.nn.functional, np.random.default_rng(14), 8
    sigmas = {
        "identity": lambda z: z,
        "logistic": torch.sigmoid,
        "exp": torch.exp,
        "softmax": lambda z: torch.softmax(z, -1),
        "increments": lambda z: torch.cat([z[..., :1], F.softplus(z[..., 1:])], -1).cumsum(-1),
    }
    network = make_network((4, 5, 5, 3), [activation] * 2, loss, out, alpha=0.1)
    X, Y = rng.normal(size=(n, 4)), draw_targets(loss, out, rng, (n, 3))
    w = rng.uniform(0, 2, n)
    leaves = [torch.tensor(a[0], requires_grad=True) for v in network.layers for a in (v.W, v.b)]
    sigma = sigmas.get(activation) or getattr(F, activation)
    link = sigmas.get(out) or getattr(F, out)
    Z = torch.tensor(X)
    for k in range(3):
        Z = Z @ leaves[2 * k] + leaves[2 * k + 1]
        Z = sigma(Z) if k < 2 else Z
    y, A = torch.tensor(Y), link(Z)
    r, level = y - A, torch.arange(1, 4) / 4 if out == "increments" else 0.5
    per_output = {
        "log_loss": lambda: (
            -torch.special.xlogy(y, A) - (out == "logistic") * torch.special.xlogy(1 - y, 1 - A)
        ),
        "squared_error": lambda: r**2 / 2,
        "absolute_error": lambda: r.abs(),
        "huber": lambda: F.huber_loss(A, y, delta=1.35, reduction="none"),
        "quantile": lambda: torch.maximum(level * r, (level - 1) * r),
        "poisson": lambda: torch.special.xlogy(y, y) - y * torch.log(A) - r,
        "gamma": lambda: torch.log(A / y) + y / A - 1,
        "tweedie": lambda: 2 * (y * A**-0.5 + A**0.5 - 2 * y**0.5),  # at power 1.5
    }[loss]()
    penalty = 0.05 * sum((W**2).sum() for W in leaves[::2])
    objective = (per_output.sum(-1) * torch.tensor(w)).mean() + penalty
    objective.backward()
    value, _ = evaluate(network, X, Y, w)
    assert_allclose(value, objective.item(), rtol=1e-12)
    for k, layer in enumerate(network.layers):
        assert_allclose(layer.dW[0], leaves[2 * k].grad.numpy(), rtol=1e-9, atol=1e-12)
        assert_allclose(layer.db[0], leaves[2 * k + 1].grad.numpy(), rtol=1e-9, atol=1e-12)
