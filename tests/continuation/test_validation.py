"""Early stopping and validation rows when training continues."""

import numpy as np
import pytest

from tests.continuation.common import NUMBERS, TARGETS, X, assert_same_training, network
from tests.marks import ignore_convergence
from tests.networks import reloaded

pytestmark = [ignore_convergence, pytest.mark.filterwarnings("ignore:The hold-out")]


@pytest.mark.parametrize("in_between", [lambda e: e, reloaded], ids=["at once", "pickled"])
@pytest.mark.parametrize("best", ["in the first", "in the second"])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("task", ["classes", "number"])
def test_early_stopping_continues_with_its_rows_from_its_last_epoch(
    task, n_members, best, in_between
):
    """The RandomState would give a second fit another hold-out; the first one must be kept."""
    y = TARGETS[task]
    if task == "number":  # noise, so that the network overfits
        y = y + 8 * np.random.default_rng(0).normal(size=len(y))
    params = {"early_stopping": True, "validation_fraction": 0.3, "scoring": "loss"}
    params |= {"learning_rate_init": 0.03, "n_members": n_members}

    def fresh(**more):
        return network(task, **params, **more).set_params(random_state=np.random.RandomState(5))

    oracle = fresh(max_iter=40).fit(X, y)
    assert 2 <= oracle.best_iter_ <= 37  # neither the first epoch nor the last is the best one
    first = oracle.best_iter_ + (2 if best == "in the first" else -1)
    ours = in_between(fresh(max_iter=first, warm_start=True).fit(X, y))
    ours.set_params(max_iter=40 - first).fit(X, y)
    assert_same_training(ours, oracle, X)
    for name in ("validation_scores_", "validation_loss_curve_"):
        assert getattr(ours, name) == getattr(oracle, name)
    assert ours.best_validation_score_ == oracle.best_validation_score_
    assert ours.best_validation_score_ == max(ours.validation_scores_)
    assert ours.best_iter_ == oracle.best_iter_


def test_validation_rows_may_change_when_training_continues():
    """A warm start with other validation rows trains as it does without any."""
    rows, other, fresh = np.arange(50), np.arange(50, 75), network("number", warm_start=True)
    oracle = network("number", max_iter=12).fit(X[rows], NUMBERS[rows, 0])
    ours = fresh.set_params(max_iter=6, early_stopping=False)
    ours.fit(X[rows], NUMBERS[rows, 0], X_val=X[other], y_val=NUMBERS[other, 0])
    ours.fit(X[rows], NUMBERS[rows, 0], X_val=X[rows], y_val=NUMBERS[rows, 0])
    assert ours.loss_curve_ == oracle.loss_curve_
    ours.partial_fit(X[rows], NUMBERS[rows, 0])
    oracle.set_params(max_iter=13).fit(X[rows], NUMBERS[rows, 0])
    assert_same_training(ours, oracle, X)
