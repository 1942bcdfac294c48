"""Ctrl-C during training, at a printed line or within a step."""

import pytest

from sknet._engine.network import Network
from tests.datasets import X_IRIS, Y_IRIS
from tests.estimators.common import contents, network
from tests.marks import each_estimator, each_solver, each_stochastic_solver, ignore_convergence
from tests.networks import assert_same_model


@ignore_convergence
@pytest.mark.parametrize("early_stopping", [False, True])
@each_solver
@each_estimator
def test_an_interrupt_keeps_the_model_of_the_last_finished_epoch(
    cls, solver, early_stopping, interrupt_at
):
    params = {"solver": solver, "early_stopping": early_stopping}
    expected = network(cls, max_iter=4, **params).fit(X_IRIS, Y_IRIS)
    interrupt_at(4)
    estimator = network(cls, max_iter=50, verbose=1, **params)
    with pytest.warns(UserWarning, match="interrupted by user") as record:
        estimator.fit(X_IRIS, Y_IRIS)
    assert record[0].filename == __file__
    assert_same_model(estimator, expected, X_IRIS)
    assert estimator.n_iter_ == 4
    assert estimator.loss_curve_ == expected.loss_curve_
    assert estimator.validation_scores_ == expected.validation_scores_


@pytest.fixture(autouse=True)
def _steps_by_numpy(monkeypatch):
    """The interrupt is raised in Network.gradient, which a compiled epoch does not call."""
    monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")


def interrupt_step(monkeypatch, at):
    """Raise KeyboardInterrupt in the `at`-th computation of a gradient."""
    gradient, calls = Network.gradient, []

    def interrupted(self, *batch):
        calls.append(batch)
        penalty = gradient(self, *batch)
        if len(calls) == at:
            raise KeyboardInterrupt
        return penalty

    monkeypatch.setattr(Network, "gradient", interrupted)


@ignore_convergence
@each_stochastic_solver
@each_estimator
def test_an_interrupt_within_an_epoch_restores_the_start_of_the_epoch(cls, solver, monkeypatch):
    params = {"solver": solver, "batch_size": 50}
    expected = network(cls, max_iter=3, **params).fit(X_IRIS, Y_IRIS)
    interrupt_step(monkeypatch, at=3 * 3 + 2)
    estimator = network(cls, max_iter=50, **params)
    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator.fit(X_IRIS, Y_IRIS)
    assert_same_model(estimator, expected, X_IRIS)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 3


@each_solver
@each_estimator
def test_an_interrupt_in_the_first_epoch_raises_and_leaves_the_estimator(cls, solver, monkeypatch):
    estimator = network(cls, solver=solver)
    held = contents(estimator)
    interrupt_step(monkeypatch, at=1)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X_IRIS, Y_IRIS)
    assert contents(estimator) == held


@ignore_convergence
@each_estimator
def test_training_continued_after_an_interrupt_equals_training_without_one(cls, monkeypatch):
    expected = network(cls, max_iter=10, batch_size=50).fit(X_IRIS, Y_IRIS)
    estimator = network(cls, max_iter=10, batch_size=50, warm_start=True)
    with monkeypatch.context() as patch:
        interrupt_step(patch, at=3 * 4 + 2)
        with pytest.warns(UserWarning, match="interrupted by user"):
            estimator.fit(X_IRIS, Y_IRIS)
    estimator.set_params(max_iter=6).fit(X_IRIS, Y_IRIS)
    assert_same_model(estimator, expected, X_IRIS)
