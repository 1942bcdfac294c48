"""Statistics of columns in memory."""

import numpy as np
from numpy.testing import assert_array_equal

from sknet._table.statistics import of_columns


def test_threads_that_share_the_columns_find_the_same(monkeypatch):
    rows = np.random.default_rng(2).normal(size=(300, 9))
    rows[3, 4], rows[:, 5] = np.nan, 2.0
    alone = of_columns(rows, None)
    monkeypatch.setattr("sknet._table.statistics.ELEMENTS_FOR_THREADS", 0)
    monkeypatch.setattr("sknet._table.statistics.ELEMENTS_PER_BLOCK", 300)
    monkeypatch.setattr("sknet._table.statistics.free_threads", lambda: 3)
    for own, other in zip(of_columns(rows, None), alone, strict=True):
        assert_array_equal(own, other)
