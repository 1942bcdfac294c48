"""How many BLAS threads are in force while the package computes, and after."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import cpu_count
from threadpoolctl import threadpool_limits

from sknet import _threads as threads
from sknet._engine.layers import Dense
from sknet._engine.network import Network
from sknet._engine.team import Team
from sknet._training.monitor import Monitor
from tests.blas import blas_counts
from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier

X = np.random.default_rng(0).normal(size=(300, 4))
Y = X[:, 0] > 0
#: Multiply-adds of a product for which BLAS would use several threads.
LARGE = 1 << 24

many_cpus = pytest.mark.skipif(cpu_count() < 2, reason="one processor: nothing to limit")


@pytest.fixture
def all_threads():
    with threadpool_limits(limits=cpu_count(), user_api="blas"):
        yield


def counts_at(monkeypatch, owner, name):
    """The list of the thread counts at each call of a method, in numpy."""
    seen, method = [], getattr(owner, name)

    def spy(*args):
        seen.append(blas_counts())
        return method(*args)

    monkeypatch.setattr(owner, name, spy)
    monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")
    return seen


@pytest.fixture
def seen(monkeypatch):
    """The thread counts at each computation of a gradient."""
    return counts_at(monkeypatch, Network, "gradient")


@many_cpus
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@ignore_convergence
def test_small_products_take_one_thread_and_the_count_is_restored(all_threads, seen, solver):
    before = blas_counts()
    MLPBackpropClassifier((1000,), solver=solver, max_iter=2).fit(X, Y).predict(X)
    assert {count for at_once in seen for count in at_once} == {1}
    assert blas_counts() == before


@many_cpus
@ignore_convergence
def test_threads_are_not_limited_between_epochs(all_threads, seen, monkeypatch):
    """A limit kept between epochs would be seen, and undone, by a fit in another thread."""
    between, before = [], blas_counts()
    monkeypatch.setattr(Monitor, "begin", lambda self: between.append(blas_counts()))
    MLPBackpropClassifier((1000,), max_iter=3).fit(X, Y)
    assert between == [before] * 3
    assert {count for at_once in seen for count in at_once} == {1}


@many_cpus
@pytest.mark.parametrize(
    "more",
    [
        {"batch_size": 1000},
        {"batch_size": 1000, "early_stopping": True},
        {"batch_size": 1000, "cv": 3},
        {"batch_size": 1000, "n_members": 2, "early_stopping": True, "scoring": "accuracy"},
        {"solver": "lbfgs", "early_stopping": True},
    ],
)
@ignore_convergence
def test_validation_takes_one_thread_too(all_threads, monkeypatch, more):
    """The threads of BLAS go on spinning for milliseconds: the next epoch took twice its time."""
    seen = counts_at(monkeypatch, Dense, "forward")
    many = np.random.default_rng(0).normal(size=(3000, 4))
    model = MLPBackpropClassifier((200, 200), max_iter=2, **more)
    model.fit(many, many[:, 0] > 0).predict(many)
    assert len(seen) > 10
    assert {count for at_once in seen for count in at_once} == {1}


@many_cpus
@ignore_convergence
def test_a_few_validation_rows_are_padded_and_so_limited(all_threads, monkeypatch):
    """5 rows of 250 columns make a tiny product with 200 units, and 16 do not."""
    seen = counts_at(monkeypatch, Dense, "forward")
    rows = np.random.default_rng(0).normal(size=(305, 250))
    network = MLPBackpropClassifier((200,), max_iter=2, early_stopping=True)
    network.fit(rows[5:], rows[5:, 0] > 0, X_val=rows[:5], y_val=rows[:5, 0] > 0)
    assert {count for at_once in seen for count in at_once} == {1}


@many_cpus
def test_the_count_is_restored_after_an_error(all_threads):
    before, held = blas_counts(), []

    def fail():
        with threads.one_blas_thread(LARGE):
            held.extend(blas_counts())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert set(held) == {1}
    assert blas_counts() == before


@many_cpus
@pytest.mark.parametrize("hidden", [(100,), (512, 512)])
@ignore_convergence
def test_large_products_take_one_thread_too(all_threads, seen, hidden):
    """Threads of BLAS spin while they wait, which is slow where other processes are busy."""
    many = np.tile(X, (20, 1))
    MLPBackpropClassifier(hidden, batch_size=2000, max_iter=1).fit(many, np.tile(Y, 20))
    assert {count for at_once in seen for count in at_once} == {1}


def test_a_limit_set_by_the_user_is_left_alone(monkeypatch):
    monkeypatch.setattr(threads, "_processors", lambda: 8)
    with threadpool_limits(limits=2, user_api="blas"):
        limited = blas_counts()
        assert threads.free_threads() == 1
        with threads.one_blas_thread(LARGE):
            assert blas_counts() == limited


@ignore_convergence
def test_threads_that_share_the_chunks_predict_the_same_bits(all_threads, monkeypatch):
    model = MLPBackpropClassifier((200,), max_iter=2, random_state=0).fit(X, Y)
    many = np.random.default_rng(1).normal(size=(50_000, 4))
    monkeypatch.setattr("sknet._fitted.prediction.free_threads", lambda: 3)
    shared = model.predict_proba(many)
    with threadpool_limits(limits=1, user_api="blas"):
        monkeypatch.setattr("sknet._fitted.prediction.free_threads", lambda: 1)
        alone = model.predict_proba(many)
    assert shared.tobytes() == alone.tobytes()


@pytest.mark.parametrize(
    ("activation", "n_threads", "n_shares"),
    [("relu", 1, 1), ("relu", 2, 2), ("relu", 3, 3), ("tanh", 2, 2)],
)
@ignore_convergence
def test_a_long_prediction_equals_that_of_its_parts_with_any_number_of_threads(
    monkeypatch, activation, n_threads, n_shares
):
    model = MLPBackpropClassifier((4000,), activation=activation, max_iter=1).fit(X, Y)
    rows = np.tile(X, (6, 1))  # many chunks, as the layer is wide
    expected = np.tile(model.predict_proba(X), (6, 1))
    seen, call = [], Team.__call__
    monkeypatch.setattr(Team, "__call__", lambda *args: seen.append(args[2]) or call(*args))
    monkeypatch.setattr("sknet._fitted.prediction.free_threads", lambda: n_threads)
    before = blas_counts()
    np.testing.assert_allclose(model.predict_proba(rows), expected, rtol=1e-6)
    assert blas_counts() == before
    assert max(seen) == n_shares


@many_cpus
def test_a_limit_in_one_thread_leaves_those_of_others_in_force():
    """The counts of OpenBLAS hold for the process; two threads limit them at the same time."""

    def held():
        with threads.one_blas_thread(LARGE):
            return blas_counts()

    ones = held()
    assert set(ones) == {1}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(held).result() == ones
        with threadpool_limits(limits=1, user_api="blas"):  # the other thread still exists
            assert blas_counts() == ones


@many_cpus
def test_blas_has_one_thread_until_the_last_of_several_contexts_ends(all_threads):
    """Fits in several threads of a process, such as shards of a cluster in it.

    The thread of the first context still exists when that of the last restores the counts.
    """
    before = blas_counts()
    first, second = (threads.one_blas_thread(1 << 30) for _ in range(2))
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        one.submit(first.__enter__).result()
        other.submit(second.__enter__).result()
        one.submit(first.__exit__, None, None, None).result()
        assert set(blas_counts()) == {1}
        other.submit(second.__exit__, None, None, None).result()
        assert blas_counts() == before
        with threadpool_limits(limits=1, user_api="blas"):  # of this thread, while both exist
            assert set(blas_counts()) == {1}
        assert blas_counts() == before
