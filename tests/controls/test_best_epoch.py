"""Which epoch is kept, and when training stops, where there are validation rows."""

import numpy as np
import pytest
from sklearn.base import clone

from tests.controls.common import (
    TEST,
    X_TEST,
    X,
    assert_same_training,
    each_task,
    network,
    target,
)
from tests.marks import each_kind_of_solver, ignore_convergence
from tests.networks import best_epoch

pytestmark = ignore_convergence


def test_patience_does_not_stop_lbfgs_without_early_stopping():
    given = {"X_val": X_TEST, "y_val": target("number", TEST)}
    params = {"solver": "lbfgs", "max_iter": 60, "tol": 5e-3}  # the last steps improve by less
    ours = network(**params).fit(X, target("number"), **given)
    oracle = network(**params).fit(X, target("number"))
    assert np.count_nonzero(-np.diff(oracle.loss_curve_) < 5e-3) > 12
    assert ours.n_iter_ == oracle.n_iter_
    assert ours.loss_curve_ == oracle.loss_curve_


class Prefers:
    """A scorer whose best score is at a given epoch."""

    def __init__(self, epoch):
        self.epoch, self.calls = epoch, 0

    def __call__(self, estimator, X, y, sample_weight=None):
        assert estimator.predict(X).shape == y.shape
        self.calls += 1
        return -abs(self.calls - self.epoch)


@pytest.mark.parametrize("best", [1, 3])
@pytest.mark.parametrize("params", [{"early_stopping": True}, {"X_val": True}], ids=str)
@each_kind_of_solver
@each_task
def test_the_epoch_that_the_scorer_prefers_is_kept(task, solver, params, best):
    given = params.get("X_val")
    params = {"solver": solver} if given else {"solver": solver, **params}
    rows = {"X_val": X_TEST, "y_val": target(task, TEST)} if given else {}
    ours = network(task, scoring=Prefers(best), **params).fit(X, target(task), **rows)
    assert (ours.best_iter_, ours.best_validation_score_) == (best, 0)
    assert ours.validation_scores_ == [-abs(k - best) for k in range(1, ours.n_iter_ + 1)]
    oracle = network(task, **params).set_params(max_iter=best).fit(X, target(task))
    if given:
        assert_same_training(ours, oracle, curve=False)
    else:  # the same hold-out, with the same scorer
        oracle = network(task, scoring=Prefers(best), **params).set_params(max_iter=best)
        assert_same_training(ours, oracle.fit(X, target(task)), curve=False)


@pytest.mark.parametrize("early_stopping", [True, "auto", False])
@each_kind_of_solver
@each_task
def test_adversarial_validation_rows_make_the_best_epoch_earlier(task, solver, early_stopping):
    """Training makes the loss on these rows worse from the first epoch on."""
    y, y_val = target(task), target(task)
    y_val = (y_val + 1) % 3 if task == "classes" else 2 * y.mean() - y
    params = {"solver": solver, "early_stopping": early_stopping, "max_iter": 8}
    ours = network(task, scoring="loss", **params)
    sensible = clone(ours).fit(X, y, X_val=X, y_val=y)
    ours.fit(X, y, X_val=X, y_val=y_val)
    assert ours.best_iter_ < sensible.best_iter_
    oracle = network(task, solver=solver, max_iter=ours.best_iter_).fit(X, y)
    assert_same_training(ours, oracle, curve=False)


@pytest.mark.filterwarnings("ignore:scoring has no effect with early_stopping=False, as auto")
@pytest.mark.parametrize(
    ("n_samples", "given", "stops"),
    [(60, False, False), (61, False, True), (75, True, True)],
)
def test_early_stopping_auto_is_on_above_60_rows(n_samples, given, stops):
    rng = np.random.default_rng(0)
    X_many, y_many = rng.normal(size=(n_samples, 2)), rng.normal(size=n_samples)
    rows = {"X_val": X_many[:50], "y_val": y_many[:50]} if given else {}
    ours = network(hidden_layer_sizes=(), batch_size=1000, early_stopping="auto", max_iter=12,
                   n_iter_no_change=4, tol=1e-4, learning_rate_init=1e-9,
                   scoring=lambda *args, **kwargs: 1.0)  # fmt: skip
    ours.fit(X_many, y_many, **rows)
    assert (ours.validation_scores_ is not None) is stops
    if stops:  # the first epoch, and four without improvement: the loss falls by less than tol
        assert (ours.n_iter_, ours.best_iter_) == (5, best_epoch(ours))
        n_trained = n_samples if given else n_samples - -(-n_samples // 10)
        assert ours.t_ == 5 * n_trained


@each_task
def test_lbfgs_stops_early_and_keeps_the_best(task):
    rows = {"X_val": X_TEST, "y_val": target(task, TEST)}
    params = {"solver": "lbfgs", "hidden_layer_sizes": (50,), "max_iter": 500}
    ours = network(task, early_stopping=True, scoring="loss", n_iter_no_change=5, **params)
    ours.fit(X, target(task), **rows)
    assert ours.n_iter_ < 500
    curve = ours.validation_loss_curve_
    assert len(ours.loss_curve_) == len(curve) == ours.n_iter_
    assert ours.best_iter_ == np.argmin(curve) + 1 <= ours.n_iter_ - 5
    oracle = network(task, **params).set_params(max_iter=ours.best_iter_).fit(X, target(task))
    assert_same_training(ours, oracle, curve=False)


@each_kind_of_solver
@each_task
def test_validation_without_early_stopping_runs_all_epochs_and_keeps_the_best(task, solver):
    y_val = target(task, TEST).copy()
    y_val[::4] = y_val[::-4]  # the targets of other rows
    rows = {"X_val": X_TEST, "y_val": y_val}
    ours = network(task, solver=solver, max_iter=40, scoring="loss").fit(X, target(task), **rows)
    assert ours.n_iter_ == len(ours.validation_scores_) == 40
    assert ours.best_iter_ == np.argmin(ours.validation_loss_curve_) + 1 < 40
    oracle = network(task, solver=solver, max_iter=ours.best_iter_).fit(X, target(task))
    assert_same_training(ours, oracle, curve=False)
    assert ours.loss_curve_[: ours.best_iter_] == oracle.loss_curve_
