import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.layers import Dense, SparseRows, matmul, work_array

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
    return layer.buffers(n_samples, work)


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
    assert [layer.buffers(5, work).work.shape for layer in layers] == [(3, 5, 7), (3, 5, 2)]
    assert all(np.shares_memory(layer.buffers(5, work).work, work) for layer in layers)


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
def test_matmul_with_any_inner_dimension(inner, members):
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(*members, 4, inner)), rng.normal(size=(3, inner, 5))
    out = np.empty((3, 4, 5))
    matmul(A, B, out)
    assert_allclose(out, np.einsum("...ij,...jk->...ik", A, B), rtol=1e-13)
