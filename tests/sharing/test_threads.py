"""One model used by several threads at once, and fits in several threads."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose
from threadpoolctl import threadpool_limits

from sknet import _threads as threads
from tests.blas import blas_counts
from tests.marks import ignore_convergence
from tests.networks import parameters
from tests.sharing.common import data, each_size, each_task, methods, network, outputs

pytestmark = ignore_convergence


@each_task
@each_size
def test_threads_that_share_a_model_predict_the_same_bits(task, n_members):
    X, y = data(task)
    model = network(task, n_members=n_members).fit(X, y)
    names = methods(model)
    pieces = [X[i : i + 1 + i % 40] for i in range(50)]
    expected = [{name: getattr(model, name)(piece) for name in names} for piece in pieces]

    def wrong(k):
        jobs = [(names[(i + k) % len(names)], (i + 7 * k) % len(pieces)) for i in range(60)]
        return [
            job
            for job in jobs
            if getattr(model, job[0])(pieces[job[1]]).tobytes()
            != expected[job[1]][job[0]].tobytes()
        ]

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(wrong, range(8)))


@each_task
@each_size
def test_concurrent_multithreaded_predictions_equal_those_of_one_thread(task, n_members):
    X, y = data(task)
    model = network(task, n_members=n_members).fit(X, y)
    many = np.random.default_rng(0).normal(size=(50_000, X.shape[1]))
    with threadpool_limits(limits=1, user_api="blas"):
        expected = outputs(model, many)
    before = blas_counts()
    names = methods(model) * 3
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: getattr(model, name)(many).tobytes(), names))
    assert found == [expected[name] for name in names]
    assert blas_counts() == before


@each_task
@pytest.mark.parametrize(
    ("solver", "hidden", "max_iter", "rtol"),
    [
        *[(solver, (20,), 10, 0.0) for solver in ("adam", "sgd", "lbfgs")],
        # The number of BLAS threads belongs to the process. Another fit that begins or ends changes
        # the number of parts of a large product, and so its rounding.
        *[
            (solver, (100, 100), 3, 1e-7) for solver in ("adam", "lbfgs")
        ],  # limit BLAS to one thread
        ("adam", (400, 400), 2, 1e-7),  # uses several threads
    ],
)
def test_concurrent_fits_equal_sequential_ones(task, solver, hidden, max_iter, rtol):
    X, y = data(task)
    seeds = range(4)

    def fitted(seed):
        net = network(task, hidden, solver=solver, random_state=seed, max_iter=max_iter)
        net.set_params(dtype="float64").fit(X, y)
        return np.concatenate([a.ravel() for a in parameters(net)])

    before = blas_counts()
    alone = [fitted(seed) for seed in seeds]
    with ThreadPoolExecutor(2) as pool:
        for at_once, expected in zip(pool.map(fitted, seeds), alone, strict=True):
            assert_allclose(at_once, expected, rtol=rtol, atol=rtol)
    assert blas_counts() == before


@pytest.mark.skipif(joblib.cpu_count() < 2, reason="one processor: nothing to limit")
def test_overlapping_limits_of_threads_are_all_undone(monkeypatch):
    def slowly(look=threads.free_threads):
        count = look()
        sleep(0.005)  # another thread may read the count meanwhile
        return count

    def come_and_go(seconds):
        sleep(seconds)
        with threads.one_blas_thread(1 << 24):
            sleep(0.01)

    monkeypatch.setattr(threads, "free_threads", slowly)
    before = blas_counts()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, [0.0, 0.001, 0.003, 0.006] * 5))
    assert blas_counts() == before
