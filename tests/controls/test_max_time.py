"""Training that ends when max_time is over."""

import warnings

import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sknet._training import monitor
from tests.controls.common import (
    Clock,
    X,
    assert_same_training,
    each_task,
    network,
    target,
)
from tests.marks import each_kind_of_solver, ignore_convergence

pytestmark = ignore_convergence


@pytest.mark.parametrize(("seconds", "epochs"), [(0.5, 1), (3, 3), (3.5, 4)])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"verbose": 2}], ids=str)
@each_kind_of_solver
@each_task
def test_max_time_ends_training_after_the_epoch_in_which_it_runs_out(
    task, solver, params, seconds, epochs, monkeypatch
):
    monkeypatch.setattr(monitor, "perf_counter", Clock())
    with pytest.warns(Warning, match=rf"max_time \({seconds} s\) is over"):
        ours = network(task, solver=solver, max_time=seconds, **params).fit(X, target(task))
    assert ours.n_iter_ == epochs
    oracle = network(task, solver=solver, max_iter=epochs, **params).fit(X, target(task))
    assert_same_training(ours, oracle)


def test_max_time_that_is_not_reached_changes_nothing(monkeypatch):
    monkeypatch.setattr(monitor, "perf_counter", Clock())
    with warnings.catch_warnings(action="error", category=ConvergenceWarning):
        warnings.filterwarnings("ignore", message="Training stopped at tol=1e.06")
        ours = network(max_time=11, tol=1e6, n_iter_no_change=5).fit(X, target("number"))
    assert ours.n_iter_ == 6  # the first, and five without improvement


def test_partial_fit_ignores_max_time(monkeypatch):
    monkeypatch.setattr(monitor, "perf_counter", Clock())
    few = {"feature_scaling": None}  # partial_fit warns when it learns scales from few rows
    with warnings.catch_warnings(action="error", category=ConvergenceWarning):
        ours = network(max_time=0.5, **few).partial_fit(X, target("number"))
    assert_same_training(ours, network(**few).partial_fit(X, target("number")))


def test_after_max_time_every_member_of_lbfgs_still_takes_one_iteration(monkeypatch):
    monkeypatch.setattr(monitor, "perf_counter", Clock())
    params = {"solver": "lbfgs", "n_members": 3}
    ours = network(**params, max_time=2).fit(X, target("number"))
    one = network(**params, max_iter=1).fit(X, target("number"))
    two = network(**params, max_iter=2).fit(X, target("number"))
    assert_array_equal(ours.coefs_[0][0], two.coefs_[0][0])
    for k in (1, 2):  # the members that remain take one iteration
        assert_array_equal(ours.coefs_[0][k], one.coefs_[0][k])
