"""theta: every parameter of every member in one array, seen by the layers through views.

``theta (n_members, n_params)`` is C-ordered; row k is network k. A row holds the groups of
parameters one after another (all weights "W", then all biases "b", at the end an embedding "E"), so
that what holds for a group (a penalty, a decay) is one slice of columns. The weights lie from the
last layer to the first, the biases from the first to the last: those of the first layer are
neighbours, and one matrix [W; b] to an input that ends with a column of ones.
"""

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from sknet._engine.activations import Array

Views = list[dict[str, Array]]

#: Places of groups, whatever the order of the layers; others lie at 2.
PLACES = {"W": 0, "b": 1, "E": 3}


class Layout:
    """Where each parameter of each layer lies in a row of theta.

    Parameters
    ----------
    shapes : sequence of mappings, one a layer
        The layer's parameter names and their shapes.

    Attributes
    ----------
    n_params : int
        Length of a row.
    groups : dict of str to slice
        The columns of each name's parameters, over all layers.
    dense : slice
        The columns before "E": those that every batch has a gradient for.
    """

    def __init__(self, shapes: Sequence[Mapping[str, tuple[int, ...]]]) -> None:
        self.shapes = shapes
        self.groups: dict[str, slice] = {}
        self._slices: list[dict[str, slice]] = [{} for _ in shapes]
        stop = 0
        names = dict.fromkeys(name for shape in shapes for name in shape)
        for name in sorted(names, key=lambda name: PLACES.get(name, 2)):
            first = stop
            order = reversed(range(len(shapes))) if name == "W" else range(len(shapes))
            for slices, shape in ((self._slices[k], shapes[k]) for k in order):
                if name in shape:
                    start, stop = stop, stop + prod(shape[name])
                    slices[name] = slice(start, stop)
            self.groups[name] = slice(first, stop)
        self.n_params = stop
        self.dense = slice(0, self.groups["E"].start if "E" in self.groups else stop)

    def zeros(self, n_members: int, dtype: DTypeLike) -> Array:
        """Return a new theta, or gradient of it, of zeros."""
        return np.zeros((n_members, self.n_params), dtype)

    def first(self, theta: Array) -> Array:
        """Return [W; b] of the first dense layer, (n_members, n_in + 1, n_out), as a view."""
        k = next(k for k, shape in enumerate(self.shapes) if "W" in shape)
        n_in, n_out = self.shapes[k]["W"]
        columns = slice(self._slices[k]["W"].start, self._slices[k]["b"].stop)
        view = theta[:, columns].reshape(len(theta), n_in + 1, n_out)
        assert np.shares_memory(view, theta)
        return view

    def views(self, theta: Array) -> Views:
        """Return for each layer its parameters, (n_members, *shape), as views of `theta`."""
        views = [
            {name: theta[:, slices[name]].reshape(len(theta), *shape[name]) for name in shape}
            for slices, shape in zip(self._slices, self.shapes, strict=True)
        ]
        # reshape copies silently when it must; a copy would train nothing
        assert all(np.shares_memory(a, theta) for view in views for a in view.values())
        return views
