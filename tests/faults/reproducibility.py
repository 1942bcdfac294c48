"""Seeds decide the results, and threads stay as they are set."""

import os
import subprocess
import sys

import numpy as np
import pytest
from joblib import cpu_count
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from sknet._engine.network import Network
from tests.blas import blas_counts
from tests.faults.common import X, classifier, fault, network, y
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters

SCRIPT = """
import warnings; warnings.simplefilter("ignore")
from sklearn.datasets import load_iris
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor
X, y = load_iris(return_X_y=True)
for cls in (MLPBackpropClassifier, MLPBackpropRegressor):
    for solver in ("adam", "lbfgs"):
        net = cls((8,), solver=solver, max_iter=20, alpha=0.01, random_state=0).fit(X, y)
        print(*(a.tobytes().hex() for a in net.coefs_ + net.intercepts_))
"""


@fault("#13108", "other results on another machine")
@fault("#20516", "other weights on another system")
@fault("#25604", "lbfgs with a penalty differs from run to run")
def test_runs_in_other_processes_give_the_same_bits():
    """With the same wheels, processor, BLAS threads and seed."""
    outputs = []
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True
        )
        outputs.append(run.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].split()) == 16


@fault("#15266", "results depend on what else draws random numbers")
@fault("#17082", "results differ from run to run under a seed")
@ignore_convergence
@each_estimator
def test_a_seed_gives_the_same_model_whatever_else_draws_random_numbers(cls):
    params = {"solver": "sgd", "learning_rate": "adaptive", "activation": "logistic"}
    expected = network(cls, batch_size=20, random_state=111, **params).fit(X, y)
    np.random.seed(7)  # noqa: NPY002 - the state that must not matter
    np.random.random(3)  # noqa: NPY002
    LogisticRegression(random_state=1).fit(X, y)
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    again = network(cls, batch_size=20, random_state=111, **params).fit(X, y)
    assert_same_parameters(again, expected)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


@fault("#7280", "how to limit the threads")
@ignore_convergence
@pytest.mark.parametrize("limit", [1, cpu_count()])
def test_a_small_network_takes_one_thread_and_no_limit_is_changed(limit, monkeypatch):
    gradient, seen = Network.gradient, []

    def spy(*args):
        seen.extend(blas_counts())
        return gradient(*args)

    monkeypatch.setattr(Network, "gradient", spy)
    monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")
    with threadpool_limits(limits=limit, user_api="blas"):
        before = blas_counts()
        classifier(hidden_layer_sizes=(1000,)).fit(X, y)
        assert set(seen) == {1}
        assert blas_counts() == before
