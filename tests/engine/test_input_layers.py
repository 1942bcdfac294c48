"""What the layers in front of a network compute: embeddings of numbers, factors, dropped levels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.layers import Dense, LevelDropout, Periodic, PiecewiseLinear, ScaledDense
from sknet._engine.network import dense_layers

KNOTS = [np.array([-1.0, 0.0, 0.3, 2.0]), np.array([-0.5, 0.5])]


def output(layer, X, n_members=1):
    work = np.empty(n_members * X.shape[-2] * layer.n_out, X.dtype)
    buffers = layer.buffers(n_members, X.shape[-2], X.dtype, work)
    return layer.forward(X, buffers)


@pytest.mark.parametrize("edges", KNOTS)
def test_a_linear_map_of_the_code_is_the_spline_through_any_values_at_the_knots(edges):
    """The oracle is numpy's interp, which is constant beyond the first and the last knot too."""
    rng = np.random.default_rng(0)
    x = rng.normal(scale=2, size=(200, 1))
    values = rng.normal(size=len(edges))
    code = output(PiecewiseLinear(1, [0], [edges]), x)[:, 1:]
    weights = np.diff(values) / 2
    spline = code @ weights + values[0] + weights.sum()
    assert_allclose(spline, np.interp(x[:, 0], edges, values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_last", [0, 1])
@pytest.mark.parametrize("n_members", [1, 3])
def test_the_columns_are_the_input_the_codes_and_the_last_columns(n_last, n_members):
    X = np.random.default_rng(1).normal(size=(n_members, 6, 4))
    layer = PiecewiseLinear(4, [0, 2], KNOTS, n_last)
    A = output(layer, X, n_members)
    assert layer.n_out == A.shape[-1] == 4 + 3 + 1
    assert_array_equal(A[..., : 4 - n_last], X[..., : 4 - n_last])
    assert_array_equal(A[..., 8 - n_last :], X[..., 4 - n_last :])
    for column, edges, own in ((0, KNOTS[0], slice(4, 7)), (2, KNOTS[1], slice(7, 8))):
        alone = output(PiecewiseLinear(1, [0], [edges]), X[..., [column]], n_members)
        codes = A[..., layer.code_columns][..., own.start - 4 : own.stop - 4]
        assert_allclose(codes, alone[..., 1:], atol=1e-15)


def test_all_members_share_a_code_where_they_share_the_rows():
    X = np.random.default_rng(2).normal(size=(6, 4))
    assert output(PiecewiseLinear(4, [0, 2], KNOTS), X, n_members=5).ndim == 2


def scaled(n_in=5, n_out=3, zero_inputs=()):
    layer = ScaledDense(n_in, n_out, "tanh", zero_inputs=zero_inputs)
    own = {name: a[None] for name, a in layer.init(np.random.default_rng(3)).items()}
    return layer, own


@pytest.mark.parametrize("with_ones", [False, True])
def test_factors_multiply_the_inputs(with_ones):
    layer, own = scaled()
    own["s"] = np.random.default_rng(4).uniform(0.5, 2, own["s"].shape)
    layer.bind(own)
    X = np.random.default_rng(5).normal(size=(7, 5))
    expected = np.tanh((X * own["s"][0, :, 0]) @ own["W"][0] + own["b"][0])
    given = np.column_stack([X, np.ones(7)]) if with_ones else X
    assert_allclose(output(layer, given)[0], expected, rtol=1e-12)


def test_prediction_is_a_dense_layer_with_the_factors_folded_into_its_weights():
    layer, own = scaled()
    own["s"] = np.random.default_rng(4).uniform(0.5, 2, own["s"].shape)
    plain = layer.for_prediction()
    assert type(plain) is Dense
    plain.bind(layer.fold(own))
    layer.bind(own)
    X = np.random.default_rng(5).normal(size=(7, 5))
    assert_array_equal(output(plain, X), output(layer, X))


def test_factors_start_at_one_and_the_weights_of_codes_at_zero():
    _, own = scaled(zero_inputs=[1, 2])
    assert_array_equal(own["s"], np.ones((1, 5, 1)))
    assert not own["W"][0, 1:3].any()
    assert own["W"][0, [0, 3, 4]].all()


def test_only_a_first_hidden_layer_has_factors():
    kinds = [type(layer) for layer in dense_layers((4, 3, 3, 1), ["relu"] * 2, scaled_inputs=True)]
    assert kinds == [ScaledDense, Dense, Dense]
    assert [type(layer) for layer in dense_layers((4, 1), [], scaled_inputs=True)] == [Dense]


def test_a_linear_map_of_cosines_is_a_trigonometric_polynomial():
    """The oracle is the real part of numpy's inverse Fourier transform, on its own grid."""
    n, rng = 12, np.random.default_rng(6)
    coefficients = rng.normal(size=n) * np.exp(2j * np.pi * rng.uniform(size=n))
    layer = Periodic(1, [0], n)
    phases = np.angle(coefficients)[None, None] / (2 * np.pi)
    layer.bind({"F": np.arange(n, dtype=float)[None, None], "P": phases})
    x = np.arange(n)[:, None] / n
    curve = output(layer, x)[0, :, 1:] @ np.abs(coefficients) / n
    assert_allclose(curve, np.fft.ifft(coefficients).real, atol=1e-13)


def test_cosines_stand_after_the_input_in_the_order_of_their_columns():
    rng = np.random.default_rng(7)
    X, layer = rng.normal(size=(6, 4)), Periodic(4, [2, 0], 3)
    own = {name: a[None] for name, a in layer.init(rng).items()}
    layer.bind(own)
    A = output(layer, X)[0]
    assert_array_equal(A[:, :4], X)
    for k, column in enumerate((2, 0)):
        alone = Periodic(1, [0], 3)
        alone.bind({name: a[:, [k]] for name, a in own.items()})
        assert_allclose(A[:, 4 + 3 * k : 7 + 3 * k], output(alone, X[:, [column]])[0, :, 1:])


def test_levels_become_unknown_ones_with_the_probability_asked_for():
    n, generators = 20_000, [np.random.default_rng(k) for k in (8, 9)]
    X = np.tile([0.5, 2.0, 7.0], (n, 1))
    A = output(LevelDropout(3, 2, 0.3, generators), X, n_members=2).copy()
    assert (A[..., 0] == 0.5).all()
    assert set(np.unique(A[..., 1])) == {0.0, 2.0}
    assert set(np.unique(A[..., 2])) == {0.0, 7.0}
    shares = (A[..., 1:] == 0).mean(axis=1)
    assert_allclose(shares, 0.3, atol=5 * np.sqrt(0.3 * 0.7 / n))
    both = (A[..., 1:] == 0).all(axis=-1).mean()  # columns, and members, are independent
    assert both == pytest.approx(0.09, abs=0.01)
    assert not (A[0] == A[1]).all()
