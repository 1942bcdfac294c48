"""Threads that share a step: results in order, errors passed on, the same numbers as alone."""

import _thread
import gc
import multiprocessing
import signal
import sys
import threading
import time

import numpy as np
import pytest

from sknet._engine import penalty, walk
from sknet._engine import team as team_module
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.team import SINGLE_THREAD, Team


def test_results_come_in_order_and_the_caller_does_the_first_share():
    seen = Team(3)(lambda k: (k, threading.current_thread() is threading.main_thread()), 3)
    assert seen == [(0, True), (1, False), (2, False)]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_is_raised_when_all_shares_are_done(failing):
    done = []

    def task(k):
        if k == failing:
            raise KeyboardInterrupt
        time.sleep(0.05)
        done.append(k)

    with pytest.raises(KeyboardInterrupt):
        Team(2)(task, 2)
    assert done == [1 - failing]


@pytest.fixture
def interrupts():
    """Interrupts are handled, which a process that was started in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_of_the_caller_waits_for_the_others(interrupts):
    team, done = Team(3), []

    def task(k):
        if k == 1:
            _thread.interrupt_main()
        if k:
            time.sleep(0.1)
            done.append(k)

    with pytest.raises(KeyboardInterrupt):
        team(task, 3)
    assert sorted(done) == [1, 2]
    assert team(lambda k: k, 3) == [0, 1, 2]


def test_an_error_is_raised_once_and_the_team_goes_on():
    team = Team(3)

    def task(k):
        if k:
            raise ValueError(k)

    with pytest.raises(ValueError, match="1"):
        team(task, 3)
    assert [team(lambda k: 2 * k, 3) for _ in range(2000)] == [[0, 2, 4]] * 2000


def test_a_share_that_fails_before_the_others_have_begun(monkeypatch):
    """The other thread still runs its share, and the error is raised."""
    done = []
    monkeypatch.setattr(team_module, "set_numpy_for_training", lambda: time.sleep(0.05))

    def task(k):
        if k == 0:
            raise ZeroDivisionError
        done.append(k)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            Team(2)(task, 2)
    assert done == [1] * 3


def test_errors_where_threads_switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            with pytest.raises(ZeroDivisionError):
                Team(2)(lambda k: 1 / k, 2)
    finally:
        sys.setswitchinterval(before)


def test_threads_end_with_their_team():
    before = set(threading.enumerate())
    team = Team(4)
    team(lambda k: k, 4)
    started = set(threading.enumerate()) - before
    assert len(started) == 3
    del team
    gc.collect()
    for thread in started:
        thread.join(timeout=10)
        assert not thread.is_alive()


def _put_shares(team, queue):
    queue.put(team(lambda k: k, 2))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_process_starts_its_own_threads():
    team, fork = Team(2), multiprocessing.get_context("fork")
    team(lambda k: k, 2)
    queue = fork.Queue()
    child = fork.Process(target=_put_shares, args=(team, queue))
    child.start()
    assert queue.get(timeout=30) == [0, 1]
    child.join()


def test_floating_point_errors_are_silent_in_its_threads():
    with np.errstate(all="ignore"):
        quotients = Team(2)(lambda k: np.ones(2) / np.zeros(2), 2)
    assert np.isinf(quotients).all()


@pytest.mark.parametrize(
    ("size", "n_items", "least", "expected"), [(1, 100, 1, 1), (4, 100, 30, 3), (4, 5, 10, 1)]
)
def test_shares_are_not_smaller_than_is_worth_a_thread(size, n_items, least, expected):
    assert Team(size).n_shares(n_items, least) == expected


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_optimizers_step_to_the_same_bits(make_optimizer, monkeypatch, solver):
    monkeypatch.setattr(walk, "MIN_STEP_ELEMENTS_PER_THREAD", 10)
    monkeypatch.setattr(walk, "STEP_ELEMENTS", 16)
    found = []
    for team in (SINGLE_THREAD, Team(2), Team(3)):
        rng = np.random.default_rng(0)
        theta, grad = rng.normal(size=(2, 71)), np.empty((2, 71))
        optimizer = make_optimizer(solver, theta, grad, slice(0, 40), team, epsilon=1e-6)
        for _ in range(3):
            grad[:] = rng.normal(size=grad.shape)
            optimizer.step(0.1)
        found.append(theta)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_penalty_is_that_of_all_weights(make_network, monkeypatch, size):
    monkeypatch.setattr(penalty, "PENALTY_ELEMENTS", 7)
    X, Y = np.zeros((4, 3)), np.zeros((4, 2))
    make = {"units": (3, 9, 2), "activations": ["tanh"], "n_members": 2, "team": Team(size)}
    without, with_penalty = (make_network(**make, alpha=alpha) for alpha in (0.0, 0.3))
    values = with_penalty.loss_grad(X, Y) - without.loss_grad(X, Y)
    columns = without.layout.groups["W"]
    W = without.theta[:, columns]
    np.testing.assert_allclose(values, 0.15 * (W**2).sum(axis=1))
    added = with_penalty.grad - without.grad
    np.testing.assert_allclose(added[:, columns], 0.3 * W)
    assert not added[:, W.shape[1] :].any()
