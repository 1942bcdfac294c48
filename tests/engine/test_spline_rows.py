"""Piecewise-linear codes that are looked up: the same products as with stored codes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.layers import Dropout, Embedding, PiecewiseLinear
from sknet._engine.network import dense_layers, with_dropout
from sknet._engine.parameters import Layout, Parameters

N_SAMPLES = 120


def knots_of(*n_bins):
    rng = np.random.default_rng(7)
    return [np.sort(rng.normal(size=n + 1)) for n in n_bins]


def layer(n_bins=(24, 32, 32, 21), n_last=0):
    """Columns 0, 2, 3, ... of the input are encoded; column 1 is not."""
    columns = [0, *range(2, 1 + len(n_bins))]
    return PiecewiseLinear(1 + len(n_bins) + n_last, columns, knots_of(*n_bins), n_last)


def stored(own):
    """The same layer with stored codes."""
    own = own.of()
    own.looks_up = False
    return own


def rows(own, n_members=1, dtype=np.float64):
    """Normal numbers, some beyond the knots, some at them."""
    rng = np.random.default_rng(3)
    X = rng.normal(scale=1.5, size=(n_members, N_SAMPLES, own.n_in))
    for column, edges in zip(own.columns, own.knots, strict=True):
        X[:, : len(edges), column] = edges
    return X.astype(dtype)


def output(own, X, n_members=1):
    work = np.empty(n_members * X.shape[-2] * own.n_out, X.dtype)
    return own.forward(X, own.buffers(n_members, X.shape[-2], X.dtype, work))


def test_columns_of_many_bins_are_looked_up_and_those_of_few_stored():
    assert layer((32,) * 3).looks_up
    assert not layer((8,) * 3).looks_up


def test_the_product_is_the_sum_of_splines_through_any_values_at_the_knots():
    """The oracle is numpy's interp."""
    own = layer()
    X, rng = rows(own)[0], np.random.default_rng(0)
    W, expected = np.zeros((1, own.n_out, 1)), np.zeros(N_SAMPLES)
    first = own.code_columns.start
    for column, edges in zip(own.columns, own.knots, strict=True):
        values = rng.normal(size=len(edges))
        steps = np.diff(values) / 2
        W[0, first : first + len(steps), 0] = steps
        first += len(steps)
        expected += np.interp(X[:, column], edges, values) - values[0] - steps.sum()
    Z = np.empty((1, N_SAMPLES, 1))
    output(own, X).product(W, Z)
    assert_allclose(Z[0, :, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_last", [0, 3])
@pytest.mark.parametrize("n_bins", [(24, 32, 32, 21), (40,), (20, 20, 100), (1, 64)])
@pytest.mark.parametrize("shared", [False, True])
def test_products_and_gradients_are_those_with_stored_codes(n_bins, n_last, shared):
    own, n_members = layer(n_bins, n_last), 3
    assert own.looks_up
    X = rows(own, n_members)
    X = X[0] if shared else X
    batch, A = output(own, X, n_members), output(stored(own), X, n_members)
    assert batch.shape == A.shape
    assert_allclose(np.asarray(batch), A, rtol=0, atol=1e-12)
    rng = np.random.default_rng(4)
    W = rng.normal(size=(n_members, own.n_out, 5))
    delta = rng.normal(size=(n_members, N_SAMPLES, 5))
    Z, dW = np.empty_like(delta), np.empty_like(W)
    batch.product(W, Z)
    assert_allclose(Z, A @ W, atol=1e-11)
    batch.transposed_product(delta, dW)
    assert_allclose(dW, A.mT @ delta, atol=1e-11)
    dX = batch.input_gradient(delta, W)
    assert dX.shape[-1] == own.n_in
    last = own.code_columns.stop
    assert_allclose(dX[..., own.n_in - n_last :], (delta @ W.mT)[..., last:], atol=1e-12)


def test_float32_is_as_exact_as_with_stored_codes():
    own = layer((32,) * 6)
    W = np.random.default_rng(5).normal(size=(1, own.n_out, 8))
    X, V = rows(own, dtype=np.float32), W.astype(np.float32)
    exact = output(stored(own), rows(own)) @ W
    Z = np.empty(exact.shape, np.float32)
    output(own, X).product(V, Z)
    of_stored = np.abs(output(stored(own), X) @ V - exact).max()
    assert np.abs(Z - exact).max() < 4 * of_stored < 1e-3


def test_beyond_the_knots_and_at_them_codes_are_those_that_are_stored():
    own = layer((32, 32))
    X = rows(own)
    X[0, :3, 0] = [-1e6, 1e6, own.knots[0][-1]]
    codes = np.asarray(output(own, X))[..., own.code_columns]
    assert_allclose(codes, output(stored(own), X)[..., own.code_columns], rtol=0, atol=1e-12)
    assert (codes[0, 0, :32] == -1).all()
    assert (codes[0, 1:3, :32] == 1).all()


def network_gradient(own, X, dropout=0.0):
    """Loss-free: the gradient of sum(Z D) in a network with an embedding before the codes."""
    generators = [np.random.default_rng(k) for k in range(2)]
    embedding = Embedding(own.n_in - 4, (3, 4), 2)
    plain = dense_layers(
        (own.n_out, 6, 2), ["tanh"], [embedding, own], scaled_inputs=True, zero_inputs=()
    )
    layers = with_dropout(plain, (dropout, 0.0), generators)
    parameters = Parameters.zeros(Layout(layers), 2, np.float64)
    for view, drawn in zip(parameters.views(), layers, strict=True):
        for name, values in drawn.init(np.random.default_rng(1)).items():
            view[name][:] = values
    parameters.bind(layers)
    n = X.shape[-2]
    work = np.empty(2 * n * max(one.n_out for one in layers))
    buffers = [one.buffers(2, n, X.dtype, work) for one in layers]
    A = X
    for one, buffer in zip(layers, buffers, strict=True):
        A = one.forward(A, buffer)
    Z, dA = A.copy(), np.random.default_rng(2).normal(size=A.shape)
    for k in range(len(layers) - 1, -1, -1):
        dA = layers[k].backward(dA, buffers[k], input_gradient=k > 0)
    return Z, [block.grad.copy() for block in parameters.blocks]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_an_embedding_before_the_codes_gets_the_same_gradient(dropout):
    """Dropout of the input takes the codes as an array."""
    own = layer((24, 32), n_last=4)
    rng = np.random.default_rng(8)
    numbers = rng.normal(size=(2, N_SAMPLES, own.n_in - 4))
    X = np.concatenate([numbers, rng.integers(0, 4, (2, N_SAMPLES, 2))], axis=-1)
    Z, gradients = network_gradient(own, X, dropout)
    expected, others = network_gradient(stored(own), X, dropout)
    assert_allclose(Z, expected, atol=1e-11)
    for one, other in zip(gradients, others, strict=True):
        assert_allclose(one, other, atol=1e-11)
    assert any(np.abs(one).max() > 0.1 for one in gradients)


def test_dropout_draws_a_mask_for_each_code():
    own = layer((32, 32))
    dropout = Dropout(own.n_out, 0.5, [np.random.default_rng(0)])
    dropped = dropout.forward(output(own, rows(own)), dropout.buffers(1, N_SAMPLES, float, None))
    A = np.asarray(output(own, rows(own)))
    kept = dropped != 0
    assert_array_equal(dropped[kept], 2 * A[kept])
    assert 0.4 < kept.mean() < 0.6
