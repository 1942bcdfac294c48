"""Ctrl-C in a clock, a scorer or a callback."""

from itertools import count

import pytest
from numpy.testing import assert_array_equal

from sknet._engine import reports
from sknet._training import monitor
from tests.controls.common import (
    TEST,
    X_TEST,
    Callback,
    Clock,
    X,
    assert_same_training,
    each_task,
    needs_callbacks,
    network,
    target,
)
from tests.marks import each_kind_of_solver, ignore_convergence
from tests.networks import soft_prediction

pytestmark = ignore_convergence


def interrupt_third(epoch):
    if epoch == 3:
        raise KeyboardInterrupt


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"warm_start": True}], ids=str)
@each_kind_of_solver
@each_task
def test_an_interrupt_keeps_the_last_finished_epoch(task, solver, params, monkeypatch):
    """Ctrl-C comes when the clock is read after the third epoch."""
    monkeypatch.setattr(monitor, "perf_counter", Clock(interrupted_epoch=3))
    with pytest.warns(UserWarning, match="interrupted by user"):
        ours = network(task, solver=solver, **params).fit(X, target(task))
    oracle = network(task, solver=solver, max_iter=3, **params).fit(X, target(task))
    assert_same_training(ours, oracle)
    assert ours.validation_scores_ == oracle.validation_scores_
    if "warm_start" in params:
        monkeypatch.undo()
        for estimator in (ours, oracle):
            estimator.set_params(max_iter=4).fit(X, target(task))
        assert_same_training(ours, oracle)


@each_kind_of_solver
@each_task
def test_an_interrupt_in_a_scorer_keeps_the_epoch_before(task, solver):
    def scorer(estimator, X, y):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return 1.0

    params, rows = {"solver": solver}, {"X_val": X_TEST, "y_val": target(task, TEST)}
    calls = count(1)
    with pytest.warns(UserWarning, match="interrupted by user"):
        ours = network(task, scoring=scorer, **params).fit(X, target(task), **rows)
    calls = count(4)
    oracle = network(task, scoring=scorer, **params, max_iter=2).fit(X, target(task), **rows)
    assert_same_training(ours, oracle)
    assert ours.validation_loss_curve_ == oracle.validation_loss_curve_


@needs_callbacks
@pytest.mark.parametrize(("when", "kept"), [("act", 3), ("at_begin", 2)])
@each_kind_of_solver
def test_an_interrupt_in_a_callback_keeps_the_last_finished_epoch(solver, when, kept):
    callback = Callback(**{when: interrupt_third})
    ours = network(solver=solver).set_callbacks(callback)
    with pytest.warns(UserWarning, match="interrupted by user"):
        ours.fit(X, target("number"))
    assert_same_training(ours, network(solver=solver, max_iter=kept).fit(X, target("number")))
    assert callback.heard[-1] == "teardown"


@each_kind_of_solver
def test_a_second_interrupt_within_a_second_is_raised(solver, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(reports, "monotonic", lambda: now[0])

    def interrupted(ours):
        monkeypatch.setattr(monitor, "perf_counter", Clock(interrupted_epoch=2))
        return ours.fit(X, target("number"))

    with pytest.warns(UserWarning, match="interrupted by user"):
        ours = interrupted(network(solver=solver))
    before = soft_prediction(ours, X)
    now[0] += 0.9
    with pytest.raises(KeyboardInterrupt):
        interrupted(ours)
    assert_array_equal(soft_prediction(ours, X), before)
    now[0] += 1.1
    with pytest.warns(UserWarning, match="interrupted by user"):
        assert interrupted(ours).n_iter_ == 2


@each_kind_of_solver
def test_an_interrupt_in_the_first_epoch_is_raised(solver):
    def scorer(estimator, X, y):
        raise KeyboardInterrupt

    ours = network(solver=solver, scoring=scorer)
    with pytest.raises(KeyboardInterrupt):
        ours.fit(X, target("number"), X_val=X_TEST, y_val=target("number", TEST))
    assert not hasattr(ours, "coefs_")
