"""theta: its blocks, rows, groups and views; snapshots and parts of members."""

from math import prod

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknet._engine.layers import Layer
from sknet._engine.layers.dense import one_matrix
from sknet._engine.parameters import BIASES, WEIGHTS, Group, Layout, Parameters

SHAPES = [{"W": (3, 4), "b": (1, 4)}, {"b": (1, 2)}, {"W": (4, 2), "s": (5,)}]


class Kind(Layer):
    """A layer of given shapes."""

    groups = {"W": WEIGHTS, "b": BIASES}  # noqa: RUF012

    def __init__(self, shapes, sparse=(), shared=()):
        self.shapes, self.sparse, self.shared = shapes, frozenset(sparse), frozenset(shared)

    def bind(self, parameters, gradient=None):
        self.parameters, self.gradient = parameters, gradient


def layout_of(*shapes, **more):
    return Layout([Kind(shape, **more) for shape in shapes])


@pytest.fixture
def layout():
    return layout_of(*SHAPES)


def zeros(layout, n_members=2, dtype=float):
    return Parameters.zeros(layout, n_members, dtype)


def test_a_row_holds_every_parameter_once(layout):
    assert layout.n_params == sum(prod(shape) for kind in SHAPES for shape in kind.values())
    parameters = zeros(layout, dtype=np.float32)
    assert parameters.theta.shape == parameters.grad.shape == (2, layout.n_params)
    assert parameters.theta.dtype == np.float32
    for view in parameters.views():
        for a in view.values():
            a += 1
    assert_array_equal(parameters.theta, 1)


def test_views_have_the_shapes_of_the_layers(layout):
    views = zeros(layout).views()
    assert [{name: a.shape[1:] for name, a in view.items()} for view in views] == SHAPES
    assert all(len(a) == 2 for view in views for a in view.values())


def test_a_group_is_one_slice_of_columns_weights_first(layout):
    parameters = zeros(layout)
    for view in parameters.views():
        for number, name in enumerate(("W", "b", "s"), start=1):
            if name in view:
                view[name][:] = number
    assert_array_equal(parameters.theta[0], [1] * 20 + [2] * 6 + [3] * 5)
    for number, name in enumerate(("W", "b", "s"), start=1):
        assert_array_equal(parameters.theta[:, layout.groups[name]], number)


def test_what_has_a_sparse_gradient_comes_last_though_its_layer_is_the_first(layout):
    layers = [Kind({"E": (6, 2)}, sparse=["E"]), *(Kind(shape) for shape in SHAPES)]
    with_embedding = Layout(layers)
    assert list(with_embedding.groups) == ["W", "b", "s", "E"]
    assert with_embedding.groups == layout.groups | {"E": slice(31, 43)}
    assert (with_embedding.dense, layout.dense) == (slice(0, 31), slice(0, 31))
    assert [place.name for place in with_embedding.rows[0].sparse] == ["E"]


def test_weights_lie_row_by_row_as_in_coefs_the_last_layer_first(layout):
    theta = np.arange(2.0 * layout.n_params).reshape(2, -1)
    first, _, last = layout.views([theta])
    assert_array_equal(first["W"][0], np.arange(8, 20).reshape(3, 4))
    assert_array_equal(last["W"][1].ravel(), layout.n_params + np.arange(8))


@pytest.mark.parametrize("n_members", [1, 2])
def test_the_first_layers_weights_and_bias_are_one_matrix(layout, n_members):
    theta = np.arange(float(n_members * layout.n_params)).reshape(n_members, -1)
    first = layout.views([theta])[0]
    both = one_matrix(first["W"], first["b"])
    assert_array_equal(both[:, :-1], first["W"])
    assert_array_equal(both[:, -1:], first["b"])
    both[-1, -1] = 0
    assert not first["b"][-1].any()


def test_weights_and_bias_that_lie_apart_are_not_one_matrix():
    layout = layout_of({"W": (3, 4), "b": (1, 4)}, {"W": (4, 2), "b": (1, 2)})
    _, last = zeros(layout).views()
    assert one_matrix(last["W"], last["b"]) is None
    W, b = np.zeros((2, 3, 4)), np.zeros((2, 1, 4))
    assert one_matrix(W, b) is None


def test_a_view_of_one_member_leaves_the_others(layout):
    parameters = zeros(layout, 3)
    parameters.views()[0]["W"][1] = 7
    assert (parameters.theta != 0).sum(axis=1).tolist() == [0, 12, 0]


def test_factors_of_a_group_can_be_replaced_and_keep_its_place():
    doubled = WEIGHTS._replace(rate=2.0)
    layout = Layout([Kind(shape) for shape in SHAPES], {"W": doubled})
    assert [group.rate for group, _ in layout.rows[0].by_group()] == [2.0, 1.0, 1.0]
    assert layout.groups == layout_of(*SHAPES).groups


# ---------------------------------------------------------------------------------- members


def test_a_snapshot_is_a_copy_and_is_put_back_for_all_or_for_some(layout):
    parameters = zeros(layout, 3)
    parameters.theta[:] = np.random.default_rng(0).normal(size=parameters.theta.shape)
    before, snapshot = parameters.theta.copy(), parameters.copy()
    parameters.theta[:] = 5
    parameters.put([snapshot[0][[1]]], slice(1, 2))
    assert_array_equal(parameters.theta[1], before[1])
    assert_array_equal(parameters.theta[[0, 2]], 5)
    parameters.put(snapshot)
    assert_array_equal(parameters.theta, before)


def test_some_members_are_views_by_a_slice_and_copies_by_their_numbers(layout):
    parameters = zeros(layout, 3)
    parameters.of(slice(1, 3)).theta[:] = 1
    parameters.of(np.array([0, 2])).theta[:] = 2
    assert_array_equal(parameters.theta[:, 0], [0, 1, 1])


# ---------------------------------------------------------------------------------- shared


def shared_parameters(n_members=3):
    layers = [Kind({"W": (2, 2), "s": (1, 2)}, shared=["W"]), Kind({"W": (2, 1)})]
    parameters = Parameters.zeros(Layout(layers), n_members, float)
    parameters.bind(layers)
    return parameters, layers


def test_a_shared_parameter_is_one_row_that_all_members_read():
    parameters, layers = shared_parameters()
    private, shared = parameters.blocks
    assert (private.theta.shape, shared.theta.shape) == ((3, 4), (1, 4))
    shared.theta[:] = np.arange(4)
    for k in range(3):
        assert_array_equal(layers[0].parameters["W"][k], [[0, 1], [2, 3]])
    assert parameters.has_shared
    assert not zeros(layout_of(*SHAPES)).has_shared


def test_the_gradient_of_a_shared_parameter_is_the_sum_over_the_members():
    parameters, layers = shared_parameters()
    G = np.random.default_rng(0).normal(size=(3, 2, 2))
    layers[0].gradient["W"][:] = G
    parameters.add_shared()
    assert_array_equal(parameters.blocks[1].grad, G.sum(axis=0).reshape(1, 4))


def test_a_snapshot_holds_what_is_shared_too():
    parameters, _ = shared_parameters()
    snapshot = parameters.copy()
    for block in parameters.blocks:
        block.theta[:] = 1
    parameters.put(snapshot)
    assert not any(block.theta.any() for block in parameters.blocks)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_seen_in_each_block(bad):
    parameters, _ = shared_parameters()
    parameters.theta[:] = np.finfo(float).max  # whose sum overflows, and which is finite
    assert parameters.is_finite()
    for block in parameters.blocks:
        kept, block.theta[0, 1] = block.theta[0, 1], bad
        assert not parameters.is_finite()
        block.theta[0, 1] = kept


def test_a_group_is_named_by_its_parameter_where_the_layer_names_none():
    ((group, columns),) = Layout([Kind({"s": (5,)})]).rows[0].by_group()
    assert (group, columns) == (Group("s"), slice(0, 5))
