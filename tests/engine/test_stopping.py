from math import inf, nan

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sknet._engine.stopping import Stopping

THETA = np.zeros((1, 2))


def plateaus(losses, tol, patience):
    """Epochs, from 0, at which patience runs out."""
    stopping = Stopping(tol, patience)
    return [epoch for epoch, loss in enumerate(losses) if stopping.update(THETA, loss)]


def first_plateau_by_definition(losses, tol, patience):
    """The first epoch that ends `patience` epochs none of which fell `tol` below all before it."""
    improves = [
        losses[i] <= min(losses[:i], default=inf) - tol and losses[i] == losses[i]
        for i in range(len(losses))
    ]
    for end in range(len(losses)):
        if end + 1 >= patience and not any(improves[end + 1 - patience : end + 1]):
            return end
    return None


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_stops_after_exactly_so_many_epochs_without_improvement(patience):
    assert plateaus([3.0, 2.0, 1.0] + [1.0] * 10, 0.1, patience)[0] == 2 + patience


@pytest.mark.parametrize("tol", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("patience", [1, 2, 4])
def test_first_plateau_is_that_of_the_definition(tol, patience):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        losses = list(np.round(np.cumsum(rng.normal(-0.2, 0.5, 15)), 1))
        expected = first_plateau_by_definition(losses, tol, patience)
        assert next(iter(plateaus(losses, tol, patience)), None) == expected
        found.append(expected)
    assert len(set(found)) > 3


def test_a_slow_fall_by_less_than_tol_is_a_plateau():
    slow = [1 - 0.01 * epoch for epoch in range(8)]
    assert plateaus(slow, 0.1, 3)[0] == 3
    assert plateaus(slow, 0.005, 3) == []


def test_a_fall_by_exactly_tol_improves():
    assert plateaus([4.0, 3.5, 3.0, 2.5, 2.0], 0.5, 1) == []


def test_patience_starts_again_after_a_plateau():
    assert plateaus([1.0] * 10, 0.1, 3) == [3, 7]
    assert plateaus([1.0, 1.0, 1.0, 1.0, 5.0, 4.0, 3.0, 2.0], 0.1, 3) == [3]


def test_infinite_patience_never_runs_out():
    assert plateaus([1.0] * 1000, 0.1, inf) == []


def test_nan_does_not_improve_and_does_not_become_the_best():
    assert plateaus([nan] * 3, 0.1, 3) == [2]
    assert plateaus([2.0, nan, nan, 1.0, nan, nan, 0.5], 0.1, 3) == []


def validated(scores):
    """A monitor that reads the score of an epoch from the list, and theta = the epoch's number."""
    stopping = Stopping(0.0, inf, lambda theta: scores[int(theta[0, 0])])
    theta = np.zeros((1, 2))
    for epoch in range(len(scores)):
        theta[:] = epoch
        stopping.update(theta, loss=-epoch)
    return stopping


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.1, 0.9, 0.5], 1), ([0.3, 0.3, 0.3], 0), ([nan, 0.2, nan], 1), ([0.1, 0.2, 0.3], 2)],
)
def test_parameters_of_the_best_score_are_kept_as_a_copy(scores, best):
    stopping = validated(scores)
    assert stopping.best_score == scores[best]
    assert_array_equal(stopping.best_theta, np.full((1, 2), best))
    assert stopping.best_iter == best + 1
    assert stopping.n_updates == len(scores)


def test_with_a_score_the_loss_is_not_watched():
    scores = iter([0.1, 0.5, 0.5, 0.5])
    stopping = Stopping(0.1, 2, lambda theta: next(scores))
    assert [stopping.update(THETA, loss) for loss in (4.0, 3.0, 2.0, 1.0)] == [False] * 3 + [True]


def test_where_the_score_is_not_watched_the_loss_is_and_the_best_parameters_are_kept():
    scores = [0.1, 0.9, 0.5, 0.8, 0.7]
    stopping = Stopping(0.1, 2, lambda theta: scores[int(theta[0, 0])], by_score=False)
    losses = [4.0, 3.0, 2.0, 2.0, 2.0]
    plateaus = [stopping.update(np.full((1, 2), k), loss) for k, loss in enumerate(losses)]
    assert plateaus == [False] * 4 + [True]
    assert (stopping.best_score, stopping.best_iter) == (0.9, 2)
    assert_array_equal(stopping.best_theta, [[1.0, 1.0]])


def test_kept_parameters_set_no_bar_for_the_loss():
    stopping = Stopping(0.0, 1, lambda theta: 0.8, by_score=False)
    stopping.set_baseline(THETA)
    assert [stopping.update(THETA, loss) for loss in (5.0, 4.0, 4.5)] == [False, False, True]


def test_without_a_score_no_parameters_are_kept():
    stopping = Stopping(0.1, 2)
    stopping.set_baseline(THETA)
    stopping.update(THETA, 1.0)
    assert stopping.best_theta is None
    assert stopping.best_iter == 0


def test_kept_parameters_must_be_improved_on():
    scores = iter([0.8, 0.5, 0.7, 0.9])
    stopping = Stopping(0.0, 3, lambda theta: next(scores))
    stopping.set_baseline(np.full((1, 2), 7.0))
    for epoch in range(2):
        assert not stopping.update(np.full((1, 2), epoch), 0.0)
        assert_array_equal(stopping.best_theta, [[7.0, 7.0]])
        assert (stopping.best_score, stopping.best_iter) == (0.8, 0)
    stopping.update(np.full((1, 2), 2.0), 0.0)
    assert (stopping.best_score, stopping.best_iter) == (0.9, 3)
    assert_array_equal(stopping.best_theta, [[2.0, 2.0]])


def test_kept_parameters_are_a_copy_and_set_the_bar_for_patience():
    scores, theta = iter([0.8, 0.5, 0.6, 0.7]), np.full((1, 2), 7.0)
    stopping = Stopping(0.0, 3, lambda theta: next(scores))
    stopping.set_baseline(theta)
    theta[:] = 1.0
    assert_array_equal(stopping.best_theta, [[7.0, 7.0]])
    assert [stopping.update(theta, 0.0) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("split", range(1, 7))
def test_restored_state_continues(split):
    losses = [3.0, 2.0, 2.0, 1.5, 1.5, 1.6, 1.5, 1.0]
    whole, first, second = (Stopping(0.1, 3) for _ in range(3))
    expected = [whole.update(THETA, loss) for loss in losses]
    found = [first.update(THETA, loss) for loss in losses[:split]]
    second.restore(first.state())
    found += [second.update(THETA, loss) for loss in losses[split:]]
    assert found == expected
    assert any(expected)
