"""What verbose prints."""

import re

import pytest

from tests.controls.common import TEST, X_TEST, X, each_task, network, target
from tests.marks import each_kind_of_solver, ignore_convergence

pytestmark = ignore_convergence
LINE = re.compile(
    r"Iteration (\d+), loss = (\S+)(?:, validation loss = (\S+), validation score = (\S+))?"
    r"(?:, learning rate = (\S+))?, (\S+) s"
)


@pytest.mark.parametrize("verbose", [True, 3, 20])
@pytest.mark.parametrize("validated", [False, True])
@each_kind_of_solver
@each_task
def test_verbose_prints_the_curves(task, solver, validated, verbose, capsys):
    given = {"X_val": X_TEST, "y_val": target(task, TEST)} if validated else {}
    ours = network(task, solver=solver, verbose=verbose).fit(X, target(task), **given)
    matches = [LINE.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    n_iter = ours.n_iter_
    every = [k for k in range(1, n_iter + 1) if k in (1, n_iter) or k % int(verbose) == 0]
    assert [int(match[1]) for match in matches] == every
    for k, match in zip(every, matches, strict=True):
        assert match[2] == f"{ours.loss_curve_[k - 1]:.6f}"
        if validated:
            assert match[3] == f"{ours.validation_loss_curve_[k - 1]:.6f}"
            assert match[4] == f"{ours.validation_scores_[k - 1]:.6f}"
        assert match[5] == (None if solver == "lbfgs" else "0.03")
        assert float(match[6]) >= 0


def test_nothing_is_printed_by_default(capsys):
    network().fit(X, target("number"), X_val=X_TEST, y_val=target("number", TEST))
    assert capsys.readouterr() == ("", "")
