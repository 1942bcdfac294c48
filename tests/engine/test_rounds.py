"""Rounds on shards: which rows belong to them, how they are averaged, what is added up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.layers import Embedding
from sknet._engine.rounds import Shares, averaged, gain, rows_of_round


@pytest.mark.parametrize("n_rows", [1, 7, 64, 1000])
@pytest.mark.parametrize("batch_size", [1, 3, 64, 5000])
@pytest.mark.parametrize("n_rounds", [1, 2, 5])
def test_the_rounds_of_an_epoch_have_each_row_once_in_whole_batches(n_rows, batch_size, n_rounds):
    rows = [rows_of_round(n_rows, batch_size, k, n_rounds) for k in range(n_rounds)]
    assert np.concatenate([np.arange(n_rows)[own] for own in rows]).tolist() == [*range(n_rows)]
    size = min(batch_size, n_rows)
    assert all((own.stop - own.start) % size == 0 for own in rows if own.stop < n_rows)


def test_a_shard_averages_often_enough():
    shares = Shares(None, [1000, 400, 3], 10, 30)
    assert shares.n_batches == [100, 40, 1]
    assert shares.n_rounds == 4
    assert shares.rows_of(0) == 1403
    assert shares.batches_of(0) == 100
    assert Shares(None, [1000], 10, 30).n_rounds == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_average_is_weighted_and_one_shard_is_itself(dtype):
    rng = np.random.default_rng(0)
    parts = [[rng.normal(size=(2, 5)).astype(dtype)] for _ in range(3)]
    (found,) = averaged(parts, [0.2, 0.3, 0.5])
    expected = np.average([own for (own,) in parts], axis=0, weights=[0.2, 0.3, 0.5])
    assert found.dtype == dtype
    assert_allclose(found, expected, rtol=1e-6)
    assert_array_equal(averaged(parts[:1], [1.0])[0], parts[0][0])


def test_a_gain_is_the_steps_at_different_times_over_those_of_a_shard():
    """The oracle counts them: shards that draw batches, some of which have the level."""
    rng = np.random.default_rng(0)
    for share, batch_size, n_shards in ((1e-4, 64, 8), (0.01, 64, 8), (0.01, 32, 4), (0.3, 10, 5)):
        has_level = rng.random((20_000, n_shards)) < 1.0 - (1.0 - share) ** batch_size
        expected = has_level.any(axis=1).sum() / (has_level.sum() / n_shards)
        found = gain(np.array([share * 1e6]), 10**6, batch_size, n_shards)
        assert_allclose(found, expected, rtol=0.05)
    assert_allclose(gain(np.array([0, 1000]), 1000, 64, 8), [8.0, 1.0], rtol=1e-6)


def test_occurrences_of_levels_are_counted():
    layer = Embedding(1, (2, 3), 4)
    X = np.array([[0.5, 1, 0], [0.1, 1, 3], [0.2, 2, 3]])
    assert layer.occurrences(X)["E"].tolist() == [0, 2, 1, 1, 0, 0, 2]
