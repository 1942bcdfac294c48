"""Each member of an ensemble is the network fitted alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils import check_random_state

from tests.datasets import TASKS, each_task
from tests.equivalence.common import both, network
from tests.marks import each_format, ignore_lbfgs
from tests.networks import soft_prediction

pytestmark = ignore_lbfgs


@each_format
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "lbfgs"},
        {"solver": "adam"},
        {"solver": "adam", "batch_size": 16},
        {"solver": "sgd", "batch_size": 16},
        {"solver": "sgd", "batch_size": 16, "shuffle": False},
        {"solver": "adamw", "batch_size": 7, "learning_rate": "invscaling"},
        {"solver": "rmsprop", "batch_size": 16, "dtype": "float32"},
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
@each_task
def test_a_member_equals_the_network_fitted_alone_from_its_seed(task, params, as_matrix):
    cls, data = TASKS[task]
    X, y = data()
    X = as_matrix(np.where(X > 0, X, 0))
    w = np.random.default_rng(1).uniform(0.5, 2, len(y))
    params = {"alpha": 0.01, "tol": 0.0} | params
    three = network(cls, n_members=3, **params).set_params(random_state=42)
    three.fit(X, y, sample_weight=w)
    seeds = check_random_state(42).randint(np.iinfo(np.int32).max, size=3)
    alone = [network(cls, **params).set_params(random_state=seed) for seed in seeds]
    for k, one in enumerate(alone):
        one.fit(X, y, sample_weight=w)
        tolerance = 1e-4 if params.get("dtype") == "float32" else 1e-9
        for ours, oracle in both(three, one):
            assert ours.shape == (3, *oracle.shape)
            assert_allclose(ours[k], oracle, rtol=tolerance, atol=tolerance)
    assert abs(three.coefs_[0][0] - three.coefs_[0][1]).max() > 0.1
    mean = np.mean([soft_prediction(one, X) for one in alone], axis=0)
    assert_allclose(soft_prediction(three, X), mean, rtol=1e-4, atol=1e-4)
    losses = np.mean([one.loss_ for one in alone])
    assert_allclose(three.loss_, losses, rtol=1e-5)
