"""Every kind of layer, by one table: its gradient, its copies, and its output in prediction.

A new kind of layer is a new row of ``LAYERS``.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine import layers
from sknet._engine.layers import (
    Dense,
    Dropout,
    Embedding,
    Layer,
    LevelDropout,
    Periodic,
    PiecewiseLinear,
    ScaledDense,
)
from sknet._engine.network import work_array

N_MEMBERS, N_SAMPLES = 2, 5
KNOTS = [np.array([-1.0, 0.0, 0.3, 2.0]), np.array([-0.5, 0.5])]


def generators():
    return [np.random.default_rng(k) for k in range(N_MEMBERS)]


def numbers(rng, n_in):
    return rng.normal(size=(N_MEMBERS, N_SAMPLES, n_in))


def codes(rng, n_in):
    """A number, then codes of categories of 3 and 4 levels."""
    X = numbers(rng, n_in)
    X[..., 1:] = rng.integers(0, [4, 5], X[..., 1:].shape)
    return X


#: Name -> how to make a layer, how to draw its input, whether the input has a gradient.
LAYERS = {
    "Dense": (lambda: Dense(4, 3, "tanh"), numbers, True),
    "Dropout": (lambda: Dropout(4, 0.4, generators()), numbers, True),
    "Embedding": (lambda: Embedding(1, (3, 4), 2), codes, False),
    "LevelDropout": (lambda: LevelDropout(3, 2, 0.4, generators()), codes, False),
    "Periodic": (lambda: Periodic(4, [0, 2], 3), numbers, True),
    "PiecewiseLinear": (lambda: PiecewiseLinear(4, [0, 2], KNOTS, 1), numbers, False),
    "ScaledDense": (lambda: ScaledDense(4, 3, "tanh", zero_inputs=[1]), numbers, True),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def drawn(layer):
    """Parameters of all members, as the layer draws them."""
    own = [layer.init(rng) for rng in generators()]
    return {name: np.stack([member[name] for member in own]) for name in layer.shapes}


def output(layer, X):
    work = work_array([layer], N_MEMBERS, N_SAMPLES, X.dtype)
    buffers = layer.buffers(N_MEMBERS, N_SAMPLES, X.dtype, work)
    return layer.forward(X, buffers).copy(), buffers


def test_every_kind_of_layer_has_a_row():
    exported = (getattr(layers, name) for name in layers.__all__ if name != "Layer")
    assert set(LAYERS) == {kind.__name__ for kind in exported if issubclass(kind, Layer)}


@every_layer
def test_init_draws_the_shapes_that_the_layer_names(name):
    layer = LAYERS[name][0]()
    own = layer.init(np.random.default_rng(0))
    assert {key: a.shape for key, a in own.items()} == dict(layer.shapes)
    assert all(a.dtype == np.float64 for a in own.values())
    assert layer.sparse | layer.shared | set(layer.groups) <= set(layer.shapes)


@every_layer
def test_gradients_are_the_slopes_of_the_output(name):
    """Of the sum of output * D, for random D, by central differences along random directions."""
    make, draw, has_input_gradient = LAYERS[name]
    rng = np.random.default_rng(1)
    own = drawn(make())
    X = draw(rng, make().n_in)
    D = rng.normal(size=(N_MEMBERS, N_SAMPLES, make().n_out))

    def value(parameters, X):
        layer = make()
        layer.bind(parameters)
        return (output(layer, X)[0] * D).sum()

    layer, gradient = make(), {key: np.zeros_like(a) for key, a in own.items()}
    layer.bind(own, gradient)
    _, buffers = output(layer, X)
    dX = layer.backward(D.copy(), buffers, has_input_gradient)
    for key, a in own.items():
        step = 1e-6 * rng.normal(size=a.shape)
        ahead, behind = (value(own | {key: a + s * step}, X) for s in (1, -1))
        assert (gradient[key] * step).sum() == pytest.approx((ahead - behind) / 2, rel=1e-6)
    if has_input_gradient:
        step = 1e-6 * rng.normal(size=X.shape)
        slope = (value(own, X + step) - value(own, X - step)) / 2
        assert (dX * step).sum() == pytest.approx(slope, rel=1e-6)


@every_layer
def test_the_input_is_left_as_it_is(name):
    make, draw, _ = LAYERS[name]
    layer = make()
    layer.bind(drawn(layer))
    X = draw(np.random.default_rng(2), layer.n_in)
    before = X.copy()
    assert output(layer, X)[0].shape == (N_MEMBERS, N_SAMPLES, layer.n_out)
    assert_array_equal(X, before)


@every_layer
def test_a_copy_over_the_same_parameters_has_the_same_output(name):
    make, draw, _ = LAYERS[name]
    X = draw(np.random.default_rng(3), make().n_in)
    own = drawn(make())
    layer, copy = make(), make().of()
    for one in (layer, copy):
        one.bind(own)
    assert type(copy) is type(layer)
    assert_allclose(output(copy, X)[0], output(layer, X)[0], rtol=1e-15)
