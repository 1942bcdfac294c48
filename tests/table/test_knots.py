"""The knots of splines: different quantiles, of which float32 can take the distances."""

import numpy as np
import pytest

from sknet import MLPBackpropRegressor
from sknet._table.knots import distinct_knots


def test_equal_quantiles_are_one_knot_and_a_column_of_one_bin_has_none():
    found = distinct_knots([3, 5], [np.array([0.0, 0, 1, 1, 2]), np.array([0.0, 0, 1])])
    assert [(k, list(edges)) for k, edges in found] == [(3, [0, 1, 2])]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-6, 1e-20, 1e-38, 1e-42])
def test_most_numbers_within_a_tiny_part_of_a_column_do_not_overflow(scale, dtype):
    """1 / 1e-42 is infinite in float32."""
    rng = np.random.default_rng(0)
    tiny = np.where(rng.random(1500) < 0.9, rng.random(1500) * scale, rng.normal(size=1500))
    X = np.column_stack([tiny, rng.normal(size=1500)]).astype(dtype)
    y = X[:, 1] + 0.1 * rng.normal(size=1500)
    model = MLPBackpropRegressor((8,), feature_scaling=None, max_iter=20, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.5
    assert model.resolved_params_["numeric_embedding"] == "ple"
