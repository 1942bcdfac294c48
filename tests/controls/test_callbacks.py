"""scikit-learn's callbacks: tasks of a fit, stopping, and the estimator that they are given."""

import importlib.util
import pickle
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet import _compat
from tests.controls.common import (
    Callback,
    X,
    assert_same_training,
    each_task,
    needs_callbacks,
    network,
    target,
)
from tests.marks import ignore_convergence
from tests.networks import soft_prediction

pytestmark = ignore_convergence


def is_fourth(epoch):
    return epoch == 4


@needs_callbacks
@pytest.mark.parametrize(
    "params", [{}, {"n_members": 3}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str
)
@each_task
def test_a_callback_stops_training_without_a_warning(task, params):
    ours = network(task, **params).set_callbacks(Callback(is_fourth))
    with warnings.catch_warnings(action="error", category=ConvergenceWarning):
        ours.fit(X, target(task))
    assert ours.n_iter_ == 4
    with pytest.warns(Warning, match="Maximum iterations"):
        oracle = network(task, max_iter=4, **params).fit(X, target(task))
    assert_same_training(ours, oracle)


@needs_callbacks
def test_a_callback_stops_each_fit_of_a_search():
    pipeline = make_pipeline(StandardScaler(), network().set_callbacks(Callback(is_fourth)))
    grid = {"mlpbackpropregressor__alpha": [1e-5, 1e-3]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, target("number"))
    assert search.best_estimator_[-1].n_iter_ == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@needs_callbacks
@pytest.mark.parametrize(
    "params",
    [{}, {"n_members": 2}, {"solver": "lbfgs"}, {"solver": "lbfgs", "n_members": 2}],
    ids=str,
)
@each_task
def test_callbacks_see_one_task_per_epoch_between_begin_and_end_of_fit(task, params):
    callback = Callback()
    fits = params["n_members"] if "lbfgs" in params.values() and "n_members" in params else 1
    ours = network(task, max_iter=3, **params).set_callbacks(callback)
    if fits > 1:
        callback.on_fit_task_end = lambda e, context: callback.heard.append(
            ("end", context.task_name, context.task_id)
        )
    ours.fit(X, target(task))
    epochs = [(what, "epoch", k) for k in range(3 * fits) for what in ("begin", "end")]
    assert callback.heard == ["setup", ("begin", "fit", 0), *epochs, ("end", "fit", 0), "teardown"]
    assert not [name for name in vars(ours) if "context" in name or "ctx" in name]
    pickle.dumps(ours.set_callbacks())


@needs_callbacks
@pytest.mark.parametrize(
    ("params", "X", "error"),
    [
        ({"max_iter": 0}, X, ValueError),
        ({}, X * np.inf, ValueError),
        ({"solver": "sgd", "learning_rate_init": 1e9}, X, ValueError),
    ],
    ids=["parameter", "input", "diverges"],
)
def test_callbacks_are_torn_down_where_fit_fails(params, X, error):
    callback = Callback()
    ours = network(**params).set_callbacks(callback)
    with pytest.raises(error):
        ours.fit(X, target("number"))
    assert (callback.heard[0], callback.heard[-1]) == ("setup", "teardown")
    assert not hasattr(ours, "coefs_")


@needs_callbacks
@pytest.mark.parametrize(
    "params", [{}, {"n_members": 3}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str
)
@each_task
def test_after_epoch_k_a_callback_sees_the_estimator_of_a_fit_of_k_epochs(task, params):
    callback = Callback()
    network(task, **params).set_callbacks(callback).fit(X, target(task))
    for epochs, ours in enumerate(callback.predictions, start=1):
        oracle = network(task, **params).set_params(max_iter=epochs).fit(X, target(task))
        assert_array_equal(ours, soft_prediction(oracle, X))
    assert epochs == 10


@needs_callbacks
@each_task
def test_scoring_monitor_logs_the_score_of_each_epoch(task):
    from sklearn.callback import ScoringMonitor

    name = "accuracy" if task == "classes" else "r2"
    monitor = ScoringMonitor(scoring=name)
    ours = network(task).set_callbacks(monitor).fit(X, target(task))
    scores = [row[name] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    fits = [clone(ours).set_callbacks().set_params(max_iter=k + 1) for k in range(10)]
    assert scores == [fit.fit(X, target(task)).score(X, target(task)) for fit in fits]


@needs_callbacks
def test_scoring_monitor_and_progress_bar_work_in_a_search_over_pipelines(capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar, ScoringMonitor

    monitor = ScoringMonitor(scoring="r2")
    pipeline = make_pipeline(StandardScaler(), network(max_iter=5).set_callbacks(monitor))
    search = GridSearchCV(pipeline, {"mlpbackpropregressor__alpha": [1e-5, 1e-3]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    search.fit(X, target("number"))
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(epochs) == 5 * (2 * 2 + 1)
    assert "MLPBackpropRegressor" in capsys.readouterr().out


def test_before_scikit_learn_1_9_callbacks_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("compat_of_old", _compat.__file__)
    old = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(old)
    estimator = old.CallbackSupportMixin()
    with pytest.raises(ImportError, match=r"scikit-learn 1\.9 or later; .* is installed"):
        estimator.set_callbacks(Callback())
    assert estimator.set_callbacks() is estimator
    assert isinstance(old.callbacks_of(estimator, X, None, None, 1), old.NoCallbacks)
