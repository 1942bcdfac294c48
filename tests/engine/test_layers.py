import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.layers import Dense, Dropout, SparseRows
from sknet._engine.layers.dense import product
from sknet._engine.network import work_array

SIZES = [(4, 3), (1, 3), (4, 1), (1, 1)]


def bound_layer(n_in, n_out, activation="identity", n_members=2, seed=0):
    rng = np.random.default_rng(seed)
    layer = Dense(n_in, n_out, activation)
    parameters, gradient = (
        {name: draw((n_members, *shape)) for name, shape in layer.shapes.items()}
        for draw in (lambda shape: rng.normal(size=shape), lambda shape: np.full(shape, np.nan))
    )
    layer.bind(parameters, gradient)
    return layer


def buffers_of(layer, n_samples):
    work = work_array([layer], len(layer.W), n_samples, layer.W.dtype)
    return layer.buffers(len(layer.W), n_samples, layer.W.dtype, work)


def inputs(kind, n_in, n_samples=5, n_members=2, seed=1):
    """A batch as the layer takes it, and the dense array of each member that it means."""
    X = np.random.default_rng(seed).normal(size=(n_members, n_samples, n_in))
    X[:, ::2] = np.where(X[:, ::2] > 0, X[:, ::2], 0)
    batches = {
        "gathered": (X, X),
        "shared": (X[0], np.stack([X[0]] * n_members)),
        "sparse gathered": (SparseRows(*map(scipy.sparse.csr_array, X)), X),
        "sparse shared": (SparseRows(scipy.sparse.csr_array(X[0])), np.stack([X[0]] * n_members)),
    }
    return batches[kind]


every_kind = pytest.mark.parametrize(
    "kind", ["gathered", "shared", "sparse gathered", "sparse shared"]
)


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
@every_kind
def test_forward_is_x_w_plus_b(kind, n_in, n_out):
    layer = bound_layer(n_in, n_out)
    batch, X = inputs(kind, n_in)
    Z = layer.forward(batch, buffers_of(layer, 5))
    for k in range(2):
        for i in range(5):
            for j in range(n_out):
                z = sum(X[k, i, f] * layer.W[k, f, j] for f in range(n_in)) + layer.b[k, 0, j]
                assert Z[k, i, j] == pytest.approx(z, rel=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
@every_kind
def test_backward_is_the_slope_of_forward(kind, n_in, n_out, activation):
    """Central differences of sum(dA * A) along a random direction of X, of W and of b."""
    layer, (batch, X) = bound_layer(n_in, n_out, activation), inputs(kind, n_in)
    buffers, rng = buffers_of(layer, 5), np.random.default_rng(2)
    dA = rng.normal(size=(2, 5, n_out))
    W, b = layer.W.copy(), layer.b.copy()

    def output(step, D):
        layer.W[:], layer.b[:] = W + step * D["W"], b + step * D["b"]
        A = layer.forward(X + step * D["X"], buffers)
        return np.sum(dA * A, axis=(1, 2))

    layer.forward(batch, buffers)
    dX = layer.backward(dA.copy(), buffers, input_gradient=True).copy()
    gradient = {"X": dX, "W": layer.dW.copy(), "b": layer.db.copy()}
    shapes = {"X": X.shape, "W": W.shape, "b": b.shape}
    h = 1e-5
    for moved in shapes:
        D = {name: (name == moved) * rng.normal(size=shape) for name, shape in shapes.items()}
        f = {k: output(k * h, D) for k in (-2, -1, 1, 2)}
        slope = (8 * (f[1] - f[-1]) - f[2] + f[-2]) / (12 * h)
        product = np.sum(gradient[moved] * D[moved], axis=(1, 2))
        assert_allclose(product, slope, rtol=1e-7, atol=1e-9)


def test_input_gradient_is_left_out_on_request():
    layer = bound_layer(4, 3)
    batch, _ = inputs("gathered", 4)
    buffers = buffers_of(layer, 5)
    layer.forward(batch, buffers)
    assert layer.backward(np.ones((2, 5, 3)), buffers, input_gradient=False) is None
    assert np.isfinite(layer.dW).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_and_backward_leave_the_input_and_the_parameters(activation):
    layer = bound_layer(4, 3, activation)
    X, _ = inputs("gathered", 4)
    kept = X.copy(), layer.W.copy(), layer.b.copy()
    buffers = buffers_of(layer, 5)
    layer.forward(X, buffers)
    layer.backward(np.ones((2, 5, 3)), buffers, input_gradient=True)
    for after, before in zip((X, layer.W, layer.b), kept, strict=True):
        assert_array_equal(after, before)


def test_one_scratch_array_serves_layers_of_all_widths():
    layers = [bound_layer(2, n_out, "elu", n_members=3) for n_out in (7, 2)]
    work = work_array(layers, 3, 5, np.float64)
    scratch = [layer.buffers(3, 5, np.float64, work).work for layer in layers]
    assert [a.shape for a in scratch] == [(3, 5, 7), (3, 5, 2)]
    assert all(np.shares_memory(a, work) for a in scratch)


def test_a_gradient_of_the_input_has_memory_only_where_it_is_asked_for():
    layer = bound_layer(4, 3)
    buffers = buffers_of(layer, 5)
    layer.forward(np.ones((2, 5, 4)), buffers)
    layer.backward(np.ones((2, 5, 3)), buffers, input_gradient=False)
    assert buffers.dX is None
    dX = layer.backward(np.ones((2, 5, 3)), buffers, input_gradient=True)
    assert dX is buffers.dX


def test_a_layer_of_some_members_has_the_description_and_no_parameters():
    layer = bound_layer(4, 3, "elu")
    copy = layer.of(slice(0, 1))
    assert (copy.shapes, copy.activation) == (layer.shapes, "elu")
    assert not hasattr(copy, "W")


@pytest.mark.parametrize("inner", [1, 2])
@pytest.mark.parametrize("members", [(), (3,)])
def test_product_with_any_inner_dimension(inner, members):
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(*members, 4, inner)), rng.normal(size=(3, inner, 5))
    out = np.empty((3, 4, 5))
    product(inner)(A, B, out=out)
    assert_allclose(out, np.einsum("...ij,...jk->...ik", A, B), rtol=1e-13)


# ---------------------------------------------------------------------------------- dropout


def dropout_layer(n_units, p, seeds=(0, 1)):
    return Dropout(n_units, p, [np.random.default_rng(seed) for seed in seeds])


def output_of(layer, X):
    """The layer's output for a batch, as dense arrays of the caller's own."""
    A = layer.forward(X, layer.buffers(2, X.shape[-2], np.float64, np.empty(0)))
    return np.stack([m.toarray() for m in A.matrices]) if isinstance(A, SparseRows) else A.copy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_units_with_probability_1_minus_p_and_the_mean(p, dtype):
    """Of 200 000 units; the count of those kept is binomial."""
    A = output_of(dropout_layer(100, p), np.ones((2, 1000, 100), dtype))
    assert A.dtype == dtype
    assert len(np.unique(A)) == 2
    assert_allclose(np.unique(A), [0, 1.0 / (1.0 - p)], rtol=1e-4)
    spread = np.sqrt(p * (1 - p) / 100_000)
    assert_allclose((A > 0).mean(axis=(1, 2)), 1 - p, atol=4 * spread)
    assert_allclose(A.mean(axis=(1, 2), dtype=float), 1, atol=4 * spread / (1 - p))
    # neither rows nor columns are dropped as a whole
    for axis, n in ((1, 1000), (2, 100)):
        assert_allclose((A > 0).mean(axis=axis), 1 - p, atol=6 * np.sqrt(p * (1 - p) / n))


@pytest.mark.parametrize("p", [1e-9, 1e-4, 1 - 1e-4, 1 - 1e-9])
def test_dropout_of_almost_none_or_almost_all_units_keeps_the_mean(p):
    """Within five standard deviations of the mean of so many units; p is at most 1 - 2^-16."""
    A = output_of(dropout_layer(1000, p), np.ones((2, 1000, 1000)))
    q = min(p, 1 - 2**-16)
    assert abs(A.mean() - 1.0) <= 5 * np.sqrt(q / (1 - q) / A.size)


@every_kind
def test_dropout_draws_anew_each_step_and_the_same_from_the_same_generator(kind):
    batch, X = inputs(kind, 30, n_samples=40)
    one, other = (dropout_layer(30, 0.3) for _ in range(2))
    first, second = output_of(one, batch), output_of(one, batch)
    assert_array_equal(output_of(other, batch), first)
    assert_array_equal(output_of(other, batch), second)
    assert 0.2 < (first != second)[X != 0].mean() < 0.6  # 2 p (1 - p) = 0.42
    for A in (first, second):
        assert_allclose(A, np.where(A != 0, X / 0.7, 0), rtol=2e-5)
        assert 0.2 < (A == 0)[X != 0].mean() < 0.4


@every_kind
def test_each_member_draws_from_its_own_generator(kind):
    batch, X = inputs(kind, 30, n_samples=40)
    both = output_of(dropout_layer(30, 0.3, seeds=(5, 6)), batch)
    kept = both != 0
    assert 0.3 < (kept[0] != kept[1])[(X != 0).all(axis=0)].mean() < 0.6
    for k in range(2):
        own = SparseRows(scipy.sparse.csr_array(X[k])) if "sparse" in kind else X[[k]]
        assert_array_equal(output_of(dropout_layer(30, 0.3, seeds=(5 + k,)), own)[0], both[k])
        layer = dropout_layer(30, 0.3, seeds=(5, 6)).of(slice(k, k + 1))
        assert_array_equal(output_of(layer, own)[0], both[k])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_leaves_its_input_and_keeps_the_precision(dtype):
    for batch in (
        np.ones((2, 5, 4), dtype),
        SparseRows(scipy.sparse.csr_array(np.ones((5, 4), dtype))),
    ):
        assert output_of(dropout_layer(4, 0.5), batch).dtype == dtype
        dense = batch.matrices[0].toarray() if isinstance(batch, SparseRows) else batch
        assert dense.all()


@pytest.mark.parametrize("kind", ["gathered", "shared"])
def test_backward_of_dropout_is_the_slope_of_forward_at_a_fixed_mask(kind):
    layer, (batch, X) = dropout_layer(4, 0.4), inputs(kind, 4)
    states = [rng.bit_generator.state for rng in layer.generators]
    buffers, rng = layer.buffers(2, 5, np.float64, np.empty(0)), np.random.default_rng(2)
    dA, D = rng.normal(size=(2, 2, 5, 4))

    def output(step):
        for generator, state in zip(layer.generators, states, strict=True):
            generator.bit_generator.state = state
        return layer.forward(X + step * D, buffers).copy()

    slope = np.sum(dA * (output(0.5) - output(-0.5)), axis=(1, 2))  # it is linear
    kept = layer.forward(batch, buffers) != 0
    mask = buffers.mask.copy()
    dX = layer.backward(dA.copy(), buffers, input_gradient=True)
    assert_array_equal(dX, dA * mask)
    assert_allclose(mask[kept], 1 / 0.6, rtol=2e-5)
    output(0.0)
    dX = layer.backward(dA.copy(), buffers, input_gradient=True)
    assert_allclose(np.sum(dX * D, axis=(1, 2)), slope, rtol=1e-12)


def test_dropout_has_no_parameters():
    layer = dropout_layer(4, 0.4)
    assert layer.shapes == {}
    assert (layer.n_in, layer.n_out) == (4, 4)
