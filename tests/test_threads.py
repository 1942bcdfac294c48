"""How many BLAS threads are in force while the package computes, and after."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import cpu_count
from threadpoolctl import ThreadpoolController, threadpool_limits

from sknet import MLPBackpropClassifier
from sknet import _threads as threads
from sknet._engine.network import Network
from sknet._engine.team import Team
from sknet._monitoring import Monitor

X = np.random.default_rng(0).normal(size=(300, 4))
Y = X[:, 0] > 0
BLAS = ThreadpoolController().select(user_api="blas")

many_cpus = pytest.mark.skipif(cpu_count() < 2, reason="one processor: nothing to limit")


def counts():
    return [library.num_threads for library in BLAS.lib_controllers]


@pytest.fixture
def all_threads():
    with threadpool_limits(limits=cpu_count(), user_api="blas"):
        yield


@pytest.fixture
def seen(monkeypatch):
    """Thread counts in force at each evaluation of a loss."""
    seen, gradient = [], Network.gradient

    def spy(*args):
        seen.append(counts())
        return gradient(*args)

    monkeypatch.setattr(Network, "gradient", spy)
    monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")
    return seen


@many_cpus
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_small_products_take_one_thread_and_the_count_is_restored(all_threads, seen, solver):
    before = counts()
    MLPBackpropClassifier((1000,), solver=solver, max_iter=2).fit(X, Y).predict(X)
    assert all(count == 1 for at_once in seen for count in at_once)
    assert counts() == before


@many_cpus
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_between_epochs_nothing_is_limited(all_threads, seen, monkeypatch):
    """Else a fit in another thread would find BLAS limited, and lose that when this one ends."""
    between, before = [], counts()
    monkeypatch.setattr(Monitor, "begin", lambda self: between.append(counts()))
    MLPBackpropClassifier((1000,), max_iter=3).fit(X, Y)
    assert between == [before] * 3
    assert {count for at_once in seen for count in at_once} == {1}


@many_cpus
def test_the_count_is_restored_after_an_error(all_threads):
    before, held = counts(), []

    def fail():
        with threads.blas_threads(threads.SMALL_PRODUCT):
            held.extend(counts())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert set(held) == {1}
    assert counts() == before


@many_cpus
def test_large_products_keep_all_threads(all_threads):
    with threads.blas_threads(threads.SMALL_PRODUCT + 1):
        assert set(counts()) == {cpu_count()}
    with threads.blas_threads(threads.SMALL_PRODUCT + 1, alone=False):
        assert set(counts()) == {1}


def test_a_count_that_the_user_has_limited_is_left_alone(monkeypatch):
    monkeypatch.setattr(threads, "_processors", lambda: 8)
    with threadpool_limits(limits=2, user_api="blas"):
        limited = counts()
        assert threads.free_threads() == 1
        with threads.blas_threads(threads.SMALL_PRODUCT, alone=False):
            assert counts() == limited


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_threads_that_share_the_chunks_predict_the_same_bits(all_threads, monkeypatch):
    model = MLPBackpropClassifier((200,), max_iter=2, random_state=0).fit(X, Y)
    many = np.random.default_rng(1).normal(size=(50_000, 4))
    monkeypatch.setattr("sknet._predicting.free_threads", lambda: 3)
    shared = model.predict_proba(many)
    with threadpool_limits(limits=1, user_api="blas"):
        monkeypatch.setattr("sknet._predicting.free_threads", lambda: 1)
        alone = model.predict_proba(many)
    assert shared.tobytes() == alone.tobytes()


@pytest.mark.parametrize(
    ("activation", "n_threads", "n_shares"),
    [("relu", 1, 1), ("relu", 2, 1), ("relu", 3, 3), ("tanh", 2, 2)],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_long_prediction_is_that_of_its_parts_whoever_shares_it(
    monkeypatch, activation, n_threads, n_shares
):
    model = MLPBackpropClassifier((4000,), activation=activation, max_iter=1).fit(X, Y)
    rows = np.tile(X, (6, 1))  # many chunks, of so wide a layer
    expected = np.tile(model.predict_proba(X), (6, 1))
    seen, call = [], Team.__call__
    monkeypatch.setattr(Team, "__call__", lambda *args: seen.append(args[2]) or call(*args))
    monkeypatch.setattr("sknet._predicting.free_threads", lambda: n_threads)
    before = counts()
    np.testing.assert_allclose(model.predict_proba(rows), expected, rtol=1e-6)
    assert counts() == before
    assert max(seen) == n_shares


@many_cpus
def test_a_limit_in_one_thread_leaves_those_of_others_in_force():
    """Whoever sets the count of OpenBLAS keeps other threads from it until he lets go of it."""

    def held():
        with threads.blas_threads(threads.SMALL_PRODUCT):
            return counts()

    ones = held()
    assert set(ones) == {1}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(held).result() == ones
        with threadpool_limits(limits=1, user_api="blas"):  # the other thread is still there
            assert counts() == ones
