"""Targets that are kept as codes are the rows of the unit matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.averages import weighted_mean
from sknet._engine.batches import Batches
from sknet._engine.one_hot import OneHot

N, K = 50, 4
CODES = np.random.default_rng(0).integers(0, K, N)
EYE = np.eye(K)[CODES]
X = np.arange(N, dtype=float)[:, None]
W = np.random.default_rng(1).uniform(size=N)


@pytest.mark.parametrize("change", [lambda Y: Y, lambda Y: np.float64(0.9) * Y + np.float64(0.02)])
def test_arithmetic_is_that_of_the_array(change):
    ours, array = change(OneHot(CODES, K, "float64")), change(EYE)
    assert_allclose(ours.dense(), array, rtol=1e-15)
    assert (len(ours), ours.shape, ours.dtype) == (N, (N, K), array.dtype)
    assert ours.min() == pytest.approx(array.min())
    assert ours.max() == pytest.approx(array.max())
    assert_array_equal(ours.argmax(axis=1), array.argmax(axis=1))
    assert ours.astype("float32").dense().dtype == np.float32
    for w in (None, W):
        assert_allclose(weighted_mean(ours, w), np.average(array, axis=0, weights=w), rtol=1e-14)
    for rows in (slice(3, 20), np.array([4, 4, 0])):
        assert_allclose(ours[rows].dense(), array[rows], rtol=1e-15)


def test_take_writes_rows_of_several_members_into_a_buffer():
    rows, out = np.array([[3, 1, 1], [0, 49, 7]]), np.full((2, 3, K), 9.0)
    OneHot(CODES, K, "float64").take(rows, 0, out, "clip")
    assert_array_equal(out, EYE[rows])


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [7, 50])
@pytest.mark.parametrize("own", ["all rows", "rows", "smoothing"])
def test_batches_are_those_of_the_array(shuffle, batch_size, own):
    rows = [np.arange(40), np.arange(10, 50)] if own == "rows" else None
    smoothing = (np.array([0.9, 0.5]), np.array([0.1, 0.2])) if own == "smoothing" else None

    def batches(Y):
        generators = [np.random.default_rng(k) for k in (5, 6)]
        made = Batches(X, Y, W, batch_size, shuffle, 2, rows, smoothing)
        return [Y.copy() for _, Y, _ in made.epoch(generators)]

    for ours, expected in zip(batches(OneHot(CODES, K, "f8")), batches(EYE), strict=True):
        assert_array_equal(ours, expected)
