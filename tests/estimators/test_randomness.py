"""The random state: what it decides, and what it leaves alone."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.datasets import X_IRIS, Y_IRIS
from tests.estimators.common import network
from tests.marks import each_estimator, each_solver, ignore_convergence
from tests.networks import assert_same_model


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
@each_solver
@each_estimator
def test_an_int_random_state_is_reproducible_and_leaves_the_global_state_alone(
    cls, solver, n_members
):
    params = {"solver": solver, "n_members": n_members}
    np.random.seed(1)  # noqa: NPY002 - the global state is what is tested
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, same, other = (network(cls, random_state=seed, **params) for seed in (3, 3, 4))
    for estimator in (one, same, other):
        estimator.fit(X_IRIS, Y_IRIS)
    assert_same_model(one, same, X_IRIS)
    assert abs(one.coefs_[0] - other.coefs_[0]).max() > 0.01
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@ignore_convergence
@each_estimator
def test_a_random_state_instance_is_drawn_from(cls):
    one = network(cls, random_state=np.random.RandomState(5)).fit(X_IRIS, Y_IRIS)
    other = network(cls, random_state=np.random.RandomState(5)).fit(X_IRIS, Y_IRIS)
    assert_same_model(one, other, X_IRIS)
    first = one.coefs_[0]
    assert abs(one.fit(X_IRIS, Y_IRIS).coefs_[0] - first).max() > 0.01


@ignore_convergence
@each_estimator
def test_random_state_none_draws_from_the_global_state(cls):
    np.random.seed(2)  # noqa: NPY002
    one, next_one = (network(cls, random_state=None).fit(X_IRIS, Y_IRIS) for _ in range(2))
    np.random.seed(2)  # noqa: NPY002
    again = network(cls, random_state=None).fit(X_IRIS, Y_IRIS)
    assert_same_model(one, again, X_IRIS)
    assert abs(one.coefs_[0] - next_one.coefs_[0]).max() > 0.01


@ignore_convergence
@each_estimator
def test_the_initial_weights_do_not_depend_on_data_or_batches(cls):
    params = {"learning_rate_init": 1e-300, "max_iter": 1, "dtype": "float64"}
    one = network(cls, batch_size=7, **params).fit(X_IRIS, Y_IRIS)
    other = network(cls, shuffle=False, early_stopping=True, **params)
    other.fit(X_IRIS[::-1] + 1, Y_IRIS[::-1])
    assert_array_equal(one.coefs_[0], other.coefs_[0])


@ignore_convergence
@pytest.mark.parametrize("shuffle", [True, False])
@each_estimator
def test_the_seed_decides_the_order_of_rows_only_when_they_are_shuffled(cls, shuffle):
    first = network(cls, batch_size=20, shuffle=shuffle, max_iter=1).fit(X_IRIS, Y_IRIS)
    one, other = (pickle.loads(pickle.dumps(first)) for _ in range(2))
    one.set_params(random_state=1).partial_fit(X_IRIS, Y_IRIS)
    other.set_params(random_state=2).partial_fit(X_IRIS, Y_IRIS)
    assert np.array_equal(one.coefs_[0], other.coefs_[0]) is not shuffle
