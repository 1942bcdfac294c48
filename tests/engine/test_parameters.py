import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknet._engine.parameters import Layout

SHAPES = [{"W": (3, 4), "b": (1, 4)}, {"b": (1, 2)}, {"W": (4, 2), "s": (5,)}]


@pytest.fixture
def layout():
    return Layout(SHAPES)


def test_a_row_holds_every_parameter_once(layout):
    assert layout.n_params == 12 + 4 + 2 + 8 + 5
    theta = layout.zeros(2, np.float32)
    assert theta.shape == (2, layout.n_params)
    assert theta.dtype == np.float32
    for view in layout.views(theta):
        for a in view.values():
            a += 1
    assert_array_equal(theta, 1)


def test_views_have_the_shapes_of_the_layers(layout):
    views = layout.views(layout.zeros(2, float))
    assert [{name: a.shape[1:] for name, a in view.items()} for view in views] == SHAPES
    assert all(len(a) == 2 for view in views for a in view.values())


def test_a_group_is_one_slice_of_columns_weights_first(layout):
    theta = layout.zeros(2, float)
    for view in layout.views(theta):
        for number, name in enumerate(("W", "b", "s"), start=1):
            if name in view:
                view[name][:] = number
    assert_array_equal(theta[0], [1] * 20 + [2] * 6 + [3] * 5)
    for number, name in enumerate(("W", "b", "s"), start=1):
        assert_array_equal(theta[:, layout.groups[name]], number)


def test_an_embedding_comes_last_though_its_layer_is_the_first(layout):
    with_embedding = Layout([{"E": (6, 2)}, *SHAPES])
    assert list(with_embedding.groups) == ["W", "b", "s", "E"]
    assert with_embedding.groups == layout.groups | {"E": slice(31, 43)}
    assert (with_embedding.dense, layout.dense) == (slice(0, 31), slice(0, 31))


def test_weights_lie_row_by_row_as_in_coefs_the_last_layer_first(layout):
    theta = np.arange(2.0 * layout.n_params).reshape(2, -1)
    first, _, last = layout.views(theta)
    assert_array_equal(first["W"][0], np.arange(8, 20).reshape(3, 4))
    assert_array_equal(last["W"][1].ravel(), layout.n_params + np.arange(8))


def test_the_first_layers_weights_and_bias_are_one_matrix(layout):
    theta = np.arange(2.0 * layout.n_params).reshape(2, -1)
    both, first = layout.first(theta), layout.views(theta)[0]
    assert_array_equal(both[:, :-1], first["W"])
    assert_array_equal(both[:, -1:], first["b"])
    both[1, -1] = 0
    assert not first["b"][1].any()
    with_embedding = Layout([{"E": (6, 2)}, *SHAPES])
    assert with_embedding.first(with_embedding.zeros(2, float)).shape == (2, 4, 4)


def test_a_view_of_one_member_leaves_the_others(layout):
    theta = layout.zeros(3, float)
    layout.views(theta)[0]["W"][1] = 7
    assert (theta != 0).sum(axis=1).tolist() == [0, 12, 0]
