"""Workers in processes of their own, some of which are killed."""

import os
import signal
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

pytest.importorskip("distributed", reason="needs the extra dask")

import dask
import dask.array as da
import distributed

from sknet._dask import cluster as cluster_module
from sknet._dask.cluster import Cluster
from sknet.dask import ClusterError, DaskMLPBackpropRegressor
from tests.dask.common import parameters
from tests.dask.conftest import tasks
from tests.marks import ignore_convergence

pytestmark = ignore_convergence
N_PARTS, N_ROWS = 6, 400


def row_maker():
    """A function that makes the rows of a partition anew whenever they are lost.

    It is sent by value: workers need not be able to import this file.
    """

    def rows(k):
        X = np.random.default_rng(k).normal(size=(N_ROWS, 5))
        return X, X[:, 0] * X[:, 1] + np.abs(X[:, 2])

    return rows


def arrays():
    parts = [dask.delayed(row_maker())(k) for k in range(N_PARTS)]
    X = [da.from_delayed(part[0], (N_ROWS, 5), float) for part in parts]
    y = [da.from_delayed(part[1], (N_ROWS,), float) for part in parts]
    return da.concatenate(X), da.concatenate(y)


@pytest.fixture(scope="module")
def processes():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as own:
        yield own


@pytest.fixture
def client(processes):
    with distributed.Client(processes) as own:
        own.wait_for_workers(2, timeout=300)
        yield own
        assert not own.futures
        assert not tasks(own)


def pids(client):
    return sorted(client.run(os.getpid).values())


class Killer:
    """Kills a worker process of the cluster of this test in the nth call of a function."""

    def __init__(self, client, function, number, monkeypatch):
        self.client, self.function, self.number, self.n_calls = client, function, number, 0
        self.killed = None
        monkeypatch.setattr(Cluster, "_submitted", self.submitted(Cluster._submitted))

    def submitted(self, submit):
        def submitted(cluster, function, *args):
            futures = submit(cluster, function, *args)
            if function.__name__ == self.function:
                self.n_calls += 1
                if self.n_calls == self.number:
                    self.killed = pids(self.client)[0]
                    os.kill(self.killed, signal.SIGKILL)
            return futures

        return submitted


MODELS = {
    "rounds": {"batch_size": 32, "average_every": 3, "max_iter": 6, "dropout": 0.1},
    "lbfgs": {"solver": "lbfgs", "max_iter": 12, "early_stopping": False},
}
KILLS = [
    ("rounds", "read_rows", 1), ("rounds", "look_at", 2), ("rounds", "encode", 1),
    ("rounds", "take_steps", 9), ("lbfgs", "loss_and_gradient", 7),
]  # fmt: skip


def fitted(name, n_shards=3):
    params = {"hidden_layer_sizes": (8,), "random_state": 0, **MODELS[name]}
    return DaskMLPBackpropRegressor(**params, n_shards=n_shards).fit(*arrays())


@pytest.fixture(scope="module")
def undisturbed(processes):
    with distributed.Client(processes):
        return {name: fitted(name) for name in MODELS}


@pytest.mark.parametrize(("name", "function", "number"), KILLS)
def test_a_killed_worker_changes_no_bit(client, undisturbed, monkeypatch, name, function, number):
    killer = Killer(client, function, number, monkeypatch)
    model = fitted(name)
    assert killer.killed
    for own, expected in zip(parameters(model), parameters(undisturbed[name]), strict=True):
        assert_array_equal(own, expected)
    assert model.loss_curve_ == undisturbed[name].loss_curve_


def test_a_worker_killed_during_prediction(client, undisturbed):
    model = undisturbed["rounds"]
    X, _ = arrays()
    future = client.compute(model.predict(X))
    os.kill(pids(client)[0], signal.SIGKILL)
    found = future.result()
    future.cancel()
    assert_array_equal(
        found, np.concatenate([model.predict(row_maker()(k)[0]) for k in range(N_PARTS)])
    )


def test_all_workers_gone(monkeypatch):
    monkeypatch.setattr(cluster_module, "SECONDS_WITHOUT_WORKERS", 1.0)
    monkeypatch.setattr(cluster_module, "SECONDS_BETWEEN_LOOKS", 0.3)
    own = distributed.LocalCluster(n_workers=2, processes=False, dashboard_address=":0")
    with own, distributed.Client(own) as client:
        model = DaskMLPBackpropRegressor((4,), max_iter=100_000, tol=0, n_shards=2)
        model.set_params(early_stopping=False, n_iter_no_change=np.inf)
        before = dict(vars(model))
        stopped = threading.Timer(2.0, own.scale, [0])
        stopped.start()
        with pytest.raises(ClusterError, match=r"lost all of its workers.*Start workers"):
            model.fit(*arrays())
        assert vars(model) == before
        assert not client.futures


def interrupting(monkeypatch, function, number):
    """Send Ctrl-C to this process after the nth call of a function, while its tasks run."""

    def submitted(cluster, called, *args):
        futures = submit(cluster, called, *args)
        if called.__name__ == function:
            calls.append(called)
            if len(calls) == number:
                signal.raise_signal(signal.SIGINT)  # while the tasks run
        return futures

    submit, calls = Cluster._submitted, []
    monkeypatch.setattr(Cluster, "_submitted", submitted)
    # a process that was started in the background ignores SIGINT
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_keeps_the_last_epoch_and_leaves_nothing(client, monkeypatch):
    interrupting(monkeypatch, "take_steps", 6)
    model = DaskMLPBackpropRegressor((4,), max_iter=100_000, tol=0, n_shards=2)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.set_params(early_stopping=False).fit(*arrays())
    assert 1 <= model.n_iter_ <= 7
    assert np.isfinite(model.loss_)


def test_ctrl_c_before_the_first_epoch_leaves_the_estimator(client, monkeypatch):
    interrupting(monkeypatch, "look_at", 2)
    model = DaskMLPBackpropRegressor((4,), n_shards=2)
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(*arrays())
    assert vars(model) == before


def test_a_worker_that_is_always_killed_for_its_memory(client):
    def too_large(block):
        os.kill(os.getpid(), signal.SIGKILL)

    X, y = arrays()
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    model = DaskMLPBackpropRegressor(n_shards=2)
    before = dict(vars(model))
    with pytest.raises(ClusterError, match=r"killed again and again at .*Lower n_shards or raise"):
        model.fit(X.map_blocks(too_large, meta=np.empty((0, 0))), y)
    assert vars(model) == before
