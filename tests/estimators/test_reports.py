"""Loss curves, warnings at the end of training, and what verbose prints."""

import re

import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from tests.datasets import TASKS, X_IRIS, Y_IRIS, binary, each_task
from tests.estimators.common import network
from tests.marks import each_solver, ignore_convergence
from tests.plain import MLPBackpropClassifier


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"n_members": 2}], ids=str)
@each_solver
@each_task
def test_curves_have_one_entry_per_epoch(task, solver, params):
    if solver == "lbfgs" and params:
        params = {"early_stopping": params.get("early_stopping", False)}
    cls, data = TASKS[task]
    X, y = data()
    estimator = network(cls, solver=solver, max_iter=7, **params)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(7\) reached") as record:
        estimator.fit(X, y)
    assert record[-1].filename == __file__
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 7
    assert all(type(loss) is float for loss in estimator.loss_curve_)
    assert estimator.loss_ == estimator.loss_curve_[-1]
    if params.get("early_stopping"):
        assert len(estimator.validation_scores_) == 7
        assert estimator.best_validation_score_ == max(estimator.validation_scores_)
        assert estimator.best_loss_ is None
    else:
        assert estimator.best_loss_ == min(estimator.loss_curve_)
        assert estimator.validation_scores_ is estimator.best_validation_score_ is None


def test_a_fit_that_converges_gives_no_warning():
    X, y = binary()
    for params in (
        {"solver": "lbfgs", "alpha": 0.01, "max_iter": 500},
        {"tol": 1e-2, "max_iter": 500},
        {"early_stopping": True, "max_iter": 500},
    ):
        estimator = network(MLPBackpropClassifier, **params).fit(X, y)
        assert 1 < estimator.n_iter_ < 500


def test_reaching_max_fun_is_a_warning_that_names_it():
    X, y = binary()
    estimator = network(MLPBackpropClassifier, solver="lbfgs", max_iter=100, max_fun=5)
    with pytest.warns(ConvergenceWarning, match=r"number of evaluations \(5\) reached.*max_fun"):
        estimator.fit(X, y)
    assert estimator.n_iter_ <= 5


@ignore_convergence
@pytest.mark.parametrize(
    ("verbose", "lines"), [(False, []), (True, [1, 2, 3, 4, 5]), (2, [1, 2, 4, 5])]
)
@pytest.mark.parametrize("params", [{}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str)
def test_verbose_k_prints_loss_and_score_every_k_epochs(params, verbose, lines, capsys):
    estimator = network(MLPBackpropClassifier, verbose=verbose, **params).fit(X_IRIS, Y_IRIS)
    printed = capsys.readouterr().out.splitlines()
    found = [re.match(r"Iteration (\d+), loss = ([\d.]+)", line).groups() for line in printed]
    assert [int(iteration) for iteration, _ in found] == lines
    assert_allclose(
        [float(x) for _, x in found], [estimator.loss_curve_[i - 1] for i in lines], atol=1e-6
    )
    if "early_stopping" in params:
        scores = [float(re.search(r"score = ([\d.]+)", line)[1]) for line in printed]
        assert_allclose(scores, [estimator.validation_scores_[i - 1] for i in lines], atol=1e-6)
