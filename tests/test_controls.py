"""Each control of training by its effect: callbacks, limits, scores, rates, dropout, transform."""

import importlib.util
import pickle
import re
import sys
import warnings
from itertools import count

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from sknet import MLPBackpropClassifier, MLPBackpropRegressor, _compat, _monitoring
from sknet._engine import training

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = ignore_convergence
needs_callbacks = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None, reason="scikit-learn 1.9 has callbacks"
)

X_IRIS, CLASSES = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
NOISE = np.random.default_rng(0).normal(size=150)
NUMBERS = 3 * X_IRIS[:, 0] * X_IRIS[:, 1] + NOISE + 20
TRAIN, TEST = slice(0, None, 2), slice(1, None, 2)
X, X_TEST = X_IRIS[TRAIN], X_IRIS[TEST]
TASKS = {
    "classes": (MLPBackpropClassifier, CLASSES),
    "number": (MLPBackpropRegressor, NUMBERS),
}
each_task = pytest.mark.parametrize("task", TASKS)
each_solver = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])


def network(task="number", **params):
    """A small network in float64 that trains for ten epochs."""
    defaults = {"hidden_layer_sizes": (6,), "random_state": 0, "dtype": "float64", "max_iter": 10}
    if params.get("solver") != "lbfgs":
        defaults |= {"learning_rate_init": 0.03, "batch_size": 20, "n_iter_no_change": np.inf}
    else:
        defaults |= {"tol": 0.0}
    if callable(params.get("learning_rate")):
        del defaults["learning_rate_init"]
    if params.get("learning_rate") in ("cosine", "one_cycle", "coslog4"):
        del defaults["n_iter_no_change"]
    return TASKS[task][0](**(defaults | params))


def target(task, rows=TRAIN):
    return TASKS[task][1][rows]


def soft_prediction(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def assert_same_model(ours, oracle, curve=True):
    pairs = zip(ours.coefs_ + ours.intercepts_, oracle.coefs_ + oracle.intercepts_, strict=True)
    for own, other in pairs:
        assert_array_equal(own, other)
    assert_array_equal(soft_prediction(ours, X), soft_prediction(oracle, X))
    if curve:
        assert ours.loss_curve_ == oracle.loss_curve_
        assert ours.n_iter_ == oracle.n_iter_


# ---------------------------------------------------------------------------------- callbacks


class Callback:
    """Writes down what it hears; acts at the end of an epoch."""

    def __init__(self, act=lambda epoch: False, at_begin=lambda epoch: None):
        self.act, self.at_begin, self.heard, self.predictions = act, at_begin, [], []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(("begin", context.task_name, context.task_id))
        if context.task_name == "epoch":
            self.at_begin(context.task_id + 1)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.heard.append(("end", context.task_name, context.task_id))
        if context.task_name != "epoch":
            return False
        assert fitted_estimator.n_iter_ == context.task_id + 1
        self.predictions.append(soft_prediction(fitted_estimator, X))
        return self.act(context.task_id + 1)


def is_fourth(epoch):
    return epoch == 4


def interrupt_third(epoch):
    if epoch == 3:
        raise KeyboardInterrupt


@needs_callbacks
@pytest.mark.parametrize(
    "params", [{}, {"n_members": 3}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str
)
@each_task
def test_a_callback_stops_training_without_a_warning(task, params):
    ours = network(task, **params).set_callbacks(Callback(is_fourth))
    with warnings.catch_warnings(action="error"):
        ours.fit(X, target(task))
    assert ours.n_iter_ == 4
    with pytest.warns(Warning, match="Maximum iterations"):
        oracle = network(task, max_iter=4, **params).fit(X, target(task))
    assert_same_model(ours, oracle)


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
def test_there_is_one_task_an_epoch_between_the_begin_and_the_end_of_fit(task, params):
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
def test_the_estimator_that_a_callback_is_given_is_that_of_a_fit_of_so_many_epochs(task, params):
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
def test_scoring_monitor_and_progress_bar_go_with_a_search_over_pipelines(capsys):
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
    assert isinstance(old.tasks_of(estimator, X, None, None, 1), old.NoTasks)


# ----------------------------------------------------------------------------------- max_time


class Clock:
    """Ticks a second each time it is looked at; interrupts at the look of an epoch."""

    def __init__(self, interrupted_epoch=None):
        self.looks, self.interrupted_epoch = count(), interrupted_epoch

    def __call__(self):
        look = next(self.looks)  # the first is the start of training, then one an epoch
        if look and look == self.interrupted_epoch:
            raise KeyboardInterrupt
        return 100.0 + look


@pytest.mark.parametrize(("seconds", "epochs"), [(0.5, 1), (3, 3), (3.5, 4)])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"verbose": 2}], ids=str)
@each_solver
@each_task
def test_max_time_ends_training_after_the_epoch_in_which_it_runs_out(
    task, solver, params, seconds, epochs, monkeypatch
):
    monkeypatch.setattr(_monitoring, "perf_counter", Clock())
    with pytest.warns(Warning, match=rf"max_time \({seconds} s\) is over"):
        ours = network(task, solver=solver, max_time=seconds, **params).fit(X, target(task))
    assert ours.n_iter_ == epochs
    oracle = network(task, solver=solver, max_iter=epochs, **params).fit(X, target(task))
    assert_same_model(ours, oracle)


def test_max_time_that_is_not_reached_changes_nothing(monkeypatch):
    monkeypatch.setattr(_monitoring, "perf_counter", Clock())
    with warnings.catch_warnings(action="error"):
        ours = network(max_time=11, tol=1e6, n_iter_no_change=5).fit(X, target("number"))
    assert ours.n_iter_ == 6  # the first, and five that were no better


def test_max_time_is_not_for_partial_fit(monkeypatch):
    monkeypatch.setattr(_monitoring, "perf_counter", Clock())
    few = {"feature_scaling": None}  # rows: partial_fit warns of scales learned from them
    with warnings.catch_warnings(action="error"):
        ours = network(max_time=0.5, **few).partial_fit(X, target("number"))
    assert_same_model(ours, network(**few).partial_fit(X, target("number")))


def test_when_time_is_over_no_member_of_lbfgs_is_left_at_its_start(monkeypatch):
    monkeypatch.setattr(_monitoring, "perf_counter", Clock())
    params = {"solver": "lbfgs", "n_members": 3}
    ours = network(**params, max_time=2).fit(X, target("number"))
    one = network(**params, max_iter=1).fit(X, target("number"))
    two = network(**params, max_iter=2).fit(X, target("number"))
    assert_array_equal(ours.coefs_[0][0], two.coefs_[0][0])
    for k in (1, 2):  # what is left takes one iteration
        assert_array_equal(ours.coefs_[0][k], one.coefs_[0][k])


# ------------------------------------------------------------------------- validation, scoring


@pytest.mark.parametrize("class_weight", [{0: 5.0, 2: 0.0}, "balanced"], ids=str)
def test_class_weights_hold_for_the_rows_to_validate_on(class_weight):
    rows, w = slice(0, 110), np.ones(110)  # fewer of the last class
    by_class = {0: 5.0, 1: 1.0, 2: 0.0}
    if class_weight == "balanced":
        by_class = dict(enumerate(110 / (3 * np.bincount(CLASSES[rows]))))
    w *= [by_class[label] for label in CLASSES[rows].tolist()]
    given = {"X_val": X_IRIS[rows], "y_val": CLASSES[rows]}
    ours = network("classes", class_weight=class_weight, max_iter=1)
    ours.fit(X, target("classes"), **given)
    expected = metrics.accuracy_score(CLASSES[rows], ours.predict(X_IRIS[rows]), sample_weight=w)
    assert_allclose(ours.validation_scores_, [expected])
    P = ours.predict_proba(X_IRIS[rows])
    log_loss = metrics.log_loss(CLASSES[rows], P, sample_weight=w, labels=[0, 1, 2])
    assert_allclose(ours.validation_loss_curve_, [log_loss])


def test_lbfgs_is_not_stopped_by_patience_where_it_only_records_curves():
    given = {"X_val": X_TEST, "y_val": target("number", TEST)}
    params = {"solver": "lbfgs", "max_iter": 60, "tol": 5e-3}  # no step gains so much in the end
    ours = network(**params).fit(X, target("number"), **given)
    oracle = network(**params).fit(X, target("number"))
    assert np.count_nonzero(-np.diff(oracle.loss_curve_) < 5e-3) > 12
    assert ours.n_iter_ == oracle.n_iter_
    assert ours.loss_curve_ == oracle.loss_curve_


class Prefers:
    """A scorer whose favourite is an epoch."""

    def __init__(self, epoch):
        self.epoch, self.calls = epoch, 0

    def __call__(self, estimator, X, y, sample_weight=None):
        assert estimator.predict(X).shape == y.shape
        self.calls += 1
        return -abs(self.calls - self.epoch)


@pytest.mark.parametrize("best", [1, 3])
@pytest.mark.parametrize("params", [{"early_stopping": True}, {"X_val": True}], ids=str)
@each_solver
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
        assert_same_model(ours, oracle, curve=False)
    else:  # the same hold-out, whatever the score on it
        oracle = network(task, scoring=Prefers(best), **params).set_params(max_iter=best)
        assert_same_model(ours, oracle.fit(X, target(task)), curve=False)


def of_probabilities(metric):
    return lambda e, X, y, **w: metric(y, e.predict_proba(X), **w)


def of_predictions(metric):
    return lambda e, X, y, **w: metric(y, e.predict(X), **w)


def minus(metric):
    return lambda *args, **kwargs: -metric(*args, **kwargs)


def brier(y, P, sample_weight=None):
    return np.average(((np.eye(3)[y] - P) ** 2).sum(axis=1) / 2, weights=sample_weight)


def half_squares(y, prediction, sample_weight=None):
    return metrics.mean_squared_error(y, prediction, sample_weight=sample_weight) / 2


VARIANCE, DEVIATION = NUMBERS[TRAIN].var(), NUMBERS[TRAIN].std()
#: Task, parameters, score(estimator, X, y, sample_weight=...), loss, unit of the loss.
SCORES = {
    "accuracy": ("classes", {}, of_predictions(metrics.accuracy_score),
                 of_probabilities(metrics.log_loss), 1),
    "loss": ("classes", {"scoring": "loss"}, of_probabilities(minus(metrics.log_loss)),
             of_probabilities(metrics.log_loss), 1),
    "name": ("classes", {"scoring": "neg_log_loss", "loss": "squared_error"},
             of_probabilities(minus(metrics.log_loss)), of_probabilities(brier), 1),
    "callable": ("classes", {"scoring": of_predictions(metrics.cohen_kappa_score)},
                 of_predictions(metrics.cohen_kappa_score), of_probabilities(metrics.log_loss), 1),
    "smoothed": ("classes", {"label_smoothing": 0.2}, of_predictions(metrics.accuracy_score),
                 of_probabilities(metrics.log_loss), 1),
    "R2": ("number", {}, of_predictions(metrics.r2_score), of_predictions(half_squares), VARIANCE),
    "minus squares": ("number", {"scoring": "loss", "target_scaling": False},
                      of_predictions(minus(half_squares)), of_predictions(half_squares), 1),
    "absolute": ("number", {"loss": "absolute_error", "scoring": "neg_mean_absolute_error"},
                 of_predictions(minus(metrics.mean_absolute_error)),
                 of_predictions(metrics.mean_absolute_error), DEVIATION),
    "quantile": ("number", {"loss": "quantile", "quantile": 0.8},
                 of_predictions(lambda *y, **w: metrics.d2_pinball_score(*y, alpha=0.8, **w)),
                 of_predictions(lambda *y, **w: metrics.mean_pinball_loss(*y, alpha=0.8, **w)),
                 DEVIATION),
    "poisson": ("number", {"loss": "poisson"}, of_predictions(metrics.r2_score),
                of_predictions(metrics.mean_poisson_deviance), 2),
    "gamma": ("number", {"loss": "gamma"}, of_predictions(metrics.r2_score),
              of_predictions(metrics.mean_gamma_deviance), 2),
    "tweedie": ("number", {"loss": "tweedie"}, of_predictions(metrics.r2_score),
                of_predictions(lambda *y, **w: metrics.mean_tweedie_deviance(*y, power=1.5, **w)),
                2),
}  # fmt: skip
each_score = pytest.mark.parametrize(
    ("task", "params", "score", "loss", "unit"), SCORES.values(), ids=SCORES
)


@pytest.mark.parametrize(("solver", "weighted"), [("adam", True), ("lbfgs", False)])
@each_score
def test_the_curves_are_of_the_rows_that_are_given(
    task, params, score, loss, unit, solver, weighted
):
    """Both curves, computed outside from models that were fitted for so many epochs."""
    params, y, y_val = {"solver": solver, **params}, target(task), target(task, TEST)
    w = {"sample_weight": np.arange(75) % 4} if weighted else {}
    w_val = {"sample_weight_val": np.arange(75) % 4} if weighted else {}
    ours = network(task, max_iter=5, **params).fit(X, y, X_val=X_TEST, y_val=y_val, **w_val)
    for k in range(ours.n_iter_):
        params.pop("scoring", None)
        oracle = network(task, max_iter=k + 1, **params).fit(X, y)
        assert_allclose(ours.validation_scores_[k], score(oracle, X_TEST, y_val, **w), rtol=1e-9)
        expected = loss(oracle, X_TEST, y_val, **w) / unit
        assert_allclose(ours.validation_loss_curve_[k], expected, rtol=1e-9)
    assert ours.best_iter_ == np.argmax(ours.validation_scores_) + 1
    assert ours.best_validation_score_ == max(ours.validation_scores_)


@each_task
def test_minus_the_loss_is_exactly_the_score_by_that_name(task):
    ours = network(task, early_stopping=True, scoring="loss").fit(X, target(task))
    assert ours.validation_scores_ == [-loss for loss in ours.validation_loss_curve_]


@pytest.mark.parametrize("early_stopping", [True, "auto", False])
@each_solver
@each_task
def test_adversarial_rows_to_validate_on_change_the_best_epoch(task, solver, early_stopping):
    """As of the first epoch all training makes things worse on them."""
    y, y_val = target(task), target(task)
    y_val = (y_val + 1) % 3 if task == "classes" else 2 * y.mean() - y
    params = {"solver": solver, "early_stopping": early_stopping, "max_iter": 8}
    ours = network(task, scoring="loss", **params)
    sensible = clone(ours).fit(X, y, X_val=X, y_val=y)
    ours.fit(X, y, X_val=X, y_val=y_val)
    assert ours.best_iter_ < sensible.best_iter_
    oracle = network(task, solver=solver, max_iter=ours.best_iter_).fit(X, y)
    assert_same_model(ours, oracle, curve=False)


@each_solver
@each_task
def test_rows_of_weight_zero_are_not_validated_on(task, solver):
    y, y_val, w = target(task), target(task, TEST), np.arange(75) % 2
    ours, oracle = (network(task, solver=solver) for _ in range(2))
    ours.fit(X, y, X_val=X_TEST, y_val=y_val, sample_weight_val=w)
    oracle.fit(X, y, X_val=X_TEST[w > 0], y_val=y_val[w > 0])
    assert ours.validation_scores_ == oracle.validation_scores_
    assert ours.validation_loss_curve_ == oracle.validation_loss_curve_
    assert_same_model(ours, oracle)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X_TEST}, "X_val needs y_val"),
        ({"y_val": NUMBERS[TEST]}, "need X_val"),
        ({"sample_weight_val": np.ones(75)}, "need X_val"),
        ({"X_val": X_TEST, "y_val": NUMBERS[:3]}, "inconsistent numbers of samples"),
        ({"X_val": X_TEST[:, 1:], "y_val": NUMBERS[TEST]}, "3 features"),
        ({"X_val": X_TEST * np.inf, "y_val": NUMBERS[TEST]}, "contains infinity"),
        ({"X_val": X_TEST, "y_val": NUMBERS[TEST, None] * [1, 1]}, "y has 2 outputs; 1"),
        ({"X_val": X_TEST, "y_val": NUMBERS[TEST], "sample_weight_val": np.zeros(75)}, "non-zero"),
        ({"X_val": X_TEST, "y_val": NUMBERS[TEST], "sample_weight_val": np.ones(3)}, "3 entries"),
    ],
)
def test_rows_to_validate_on_that_cannot_be_used_are_an_error(given, message):
    ours = network()
    with pytest.raises(ValueError, match=message):
        ours.fit(X, target("number"), **given)
    assert not hasattr(ours, "coefs_")


@pytest.mark.parametrize(
    ("n_samples", "given", "stops"),
    [(10_000, False, False), (10_001, False, True), (75, True, True)],
)
def test_early_stopping_by_itself_is_for_many_rows_or_rows_given(n_samples, given, stops):
    rng = np.random.default_rng(0)
    X_many, y_many = rng.normal(size=(n_samples, 2)), rng.normal(size=n_samples)
    rows = {"X_val": X_many[:50], "y_val": y_many[:50]} if given else {}
    ours = network(hidden_layer_sizes=(), batch_size=1000, early_stopping="auto", max_iter=12,
                   n_iter_no_change=4, scoring=lambda *args, **kwargs: 1.0)  # fmt: skip
    ours.fit(X_many, y_many, **rows)
    assert (ours.validation_scores_ is not None) is stops
    if stops:  # the first epoch, and four that were no better
        assert (ours.n_iter_, ours.best_iter_) == (5, 1)
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
    assert_same_model(ours, oracle, curve=False)


@each_solver
@each_task
def test_validation_without_early_stopping_watches_to_the_end_and_keeps_the_best(task, solver):
    y_val = target(task, TEST).copy()
    y_val[::4] = y_val[::-4]  # those of other rows
    rows = {"X_val": X_TEST, "y_val": y_val}
    ours = network(task, solver=solver, max_iter=40, scoring="loss").fit(X, target(task), **rows)
    assert ours.n_iter_ == len(ours.validation_scores_) == 40
    assert ours.best_iter_ == np.argmin(ours.validation_loss_curve_) + 1 < 40
    oracle = network(task, solver=solver, max_iter=ours.best_iter_).fit(X, target(task))
    assert_same_model(ours, oracle, curve=False)
    assert ours.loss_curve_[: ours.best_iter_] == oracle.loss_curve_


# -------------------------------------------------------------------------------------- rates


def cosine(a, b, t):
    """Half a cosine from a to b."""
    return b + (a - b) * (1 + np.cos(np.pi * t)) / 2


#: The rate of step k of 12, in four epochs of three steps of 25 rows, for a rate of 0.3.
RATES = {
    "constant": lambda k: 0.3,
    "invscaling": lambda k: 0.3 / np.sqrt(1 + 75 * (k // 3)),
    "cosine": lambda k: cosine(0.3, 0.0, k / 12),
    "one_cycle": lambda k: (  # 0.3 * 12 - 1 = 2.6 steps up, 8.4 down
        cosine(0.012, 0.3, k / 2.6) if k <= 2.6 else cosine(0.3, 1.2e-6, (k - 2.6) / 8.4)
    ),
    "coslog4": lambda k: 0.15 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * k / 12))),
    "adaptive": lambda k: 0.3,
    "callable": lambda k: 0.2 / (1 + k),
}
#: What multiplies it.
WARMUPS = {
    0: lambda k: 1.0,
    1: lambda k: min(1, (k + 1) / 3),
    3: lambda k: min(1, (k + 1) / 9),
    0.25: lambda k: min(1, (k + 1) / 3),
    0.4: lambda k: min(1, (k + 1) / 5),  # of 4.8 steps
}


@pytest.mark.parametrize("warmup", WARMUPS)
@pytest.mark.parametrize("schedule", RATES)
def test_the_steps_of_gradient_descent_have_the_rates_of_the_schedule(schedule, warmup):
    """Least squares of X as it is: theta changes by -rate times a gradient that is known."""
    y = target("number") - 20
    rate = (lambda p: 0.2 / (1 + p.step)) if schedule == "callable" else schedule
    params = {"solver": "sgd", "momentum": 0.0, "hidden_layer_sizes": (), "alpha": 0.0}
    params |= {"batch_size": 25, "shuffle": False}
    params |= {"target_scaling": False, "feature_scaling": None}
    start = network(**params, max_iter=1, learning_rate_init=1e-300).fit(X, y)
    w, b = start.coefs_[0][:, 0], start.intercepts_[0][0]
    params["learning_rate"] = rate
    if schedule != "callable":
        params["learning_rate_init"] = 0.3
    ours = network(**params, max_iter=4, warmup=warmup).fit(X, y)
    for k in range(12):
        rows = slice(25 * (k % 3), 25 * (k % 3) + 25)
        r = X[rows] @ w + b - y[rows]
        eta = RATES[schedule](k) * WARMUPS[warmup](k)
        w, b = w - eta * X[rows].T @ r / 25, b - eta * r.mean()
    assert_allclose(ours.coefs_[0][:, 0], w, rtol=1e-10, atol=1e-12)
    assert_allclose(ours.intercepts_[0][0], b, rtol=1e-10, atol=1e-12)


def test_a_callable_is_told_how_far_training_has_come():
    told = []

    def rate(progress):
        told.append(progress)
        return 0.01

    network(learning_rate=rate, max_iter=4, batch_size=25).fit(X, target("number"))
    steps = {p.step: p for p in told}
    assert sorted(steps) == list(range(12))
    for k, p in steps.items():
        assert (p.epoch, p.samples_seen, p.n_epochs) == (k // 3, 75 * (k // 3), 4)
        assert (p.steps_per_epoch, p.fraction, p.epochs) == (3, k / 12, k / 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e-3, "fast", None, True, [0.1], 10**400, 1j])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_callable_that_returns_no_rate_is_an_error_and_leaves_the_model(bad, method):
    ours = network(max_iter=3, warm_start=True).fit(X, target("number"))
    oracle = pickle.loads(pickle.dumps(ours))
    rate = ours.learning_rate_init
    ours.set_params(
        learning_rate=lambda p: bad if p.epoch == 3 and p.step % 4 == 2 else 0.1,
        learning_rate_init=0.001,
    )
    with pytest.raises(ValueError, match=r"learning_rate, a callable, returned .* in epoch 4"):
        getattr(ours, method)(X, target("number"))
    ours.set_params(learning_rate="constant", learning_rate_init=rate)
    for estimator in (ours, oracle):
        estimator.fit(X, target("number"))
    assert_same_model(ours, oracle)


# ------------------------------------------------------------------------------------ verbose

LINE = re.compile(
    r"Iteration (\d+), loss = (\S+)(?:, validation loss = (\S+), validation score = (\S+))?"
    r"(?:, learning rate = (\S+))?, (\S+) s"
)


@pytest.mark.parametrize("verbose", [True, 3, 20])
@pytest.mark.parametrize("validated", [False, True])
@each_solver
@each_task
def test_verbose_prints_the_curves(task, solver, validated, verbose, capsys):
    given = {"X_val": X_TEST, "y_val": target(task, TEST)} if validated else {}
    ours = network(task, solver=solver, verbose=verbose).fit(X, target(task), **given)
    matches = [LINE.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    every = [k for k in range(1, ours.n_iter_ + 1) if k == 1 or k % int(verbose) == 0]
    assert [int(match[1]) for match in matches] == every
    for k, match in zip(every, matches, strict=True):
        assert match[2] == f"{ours.loss_curve_[k - 1]:.6f}"
        if validated:
            assert match[3] == f"{ours.validation_loss_curve_[k - 1]:.6f}"
            assert match[4] == f"{ours.validation_scores_[k - 1]:.6f}"
        assert match[5] == (None if solver == "lbfgs" else "0.03")
        assert float(match[6]) >= 0


def test_silence_is_the_default(capsys):
    network().fit(X, target("number"), X_val=X_TEST, y_val=target("number", TEST))
    assert capsys.readouterr() == ("", "")


# ------------------------------------------------------------------------- clipping, dropout


def test_clip_norm_holds_an_outlier_in_check():
    """One target of 1e9 carries plain gradient descent away, not the clipped one."""
    y = target("number").copy()
    y[7] = 1e9
    params = {"solver": "sgd", "target_scaling": False, "learning_rate_init": 0.5}
    with pytest.raises(ValueError, match="non-finite"):
        network(**params, max_iter=40).fit(X, y)
    clipped = network(**params, clip_norm=1.0, max_iter=40, alpha=0.0)
    clipped.fit(X, y)
    assert max(abs(W).max() for W in clipped.coefs_) < 1000


@pytest.mark.parametrize("batch_size", [75, 25])
@each_task
def test_clipped_steps_of_gradient_descent_have_a_known_length_for_each_member(task, batch_size):
    ours = network(task, solver="sgd", momentum=0.0, clip_norm=1e-3, learning_rate_init=0.5,
                   n_members=3, batch_size=batch_size, shuffle=False,
                   feature_scaling=None)  # fmt: skip
    classes = {"classes": [0, 1, 2]} if task == "classes" else {}

    def theta():
        arrays = ours.coefs_ + ours.intercepts_
        return np.concatenate([a.reshape(3, -1) for a in arrays], axis=1)

    ours.partial_fit(X[:25], target(task)[:25], **classes)
    for _ in range(3):
        before = theta()
        ours.partial_fit(X[:25], target(task)[:25])
        assert_allclose(np.linalg.norm(theta() - before, axis=1), 0.5e-3, rtol=1e-9)


@pytest.mark.parametrize(
    ("params", "dropped"),
    [
        ({"hidden_layer_sizes": (), "dropout_input": 0.25}, "input"),
        ({"hidden_layer_sizes": (20,), "dropout": 0.4}, "hidden"),
        ({"hidden_layer_sizes": (20,), "dropout": 0.4, "activation": "tanh"}, "hidden"),
        ({"hidden_layer_sizes": (20, 10), "dropout": [0.0, 0.4]}, "hidden"),
    ],
    ids=str,
)
def test_dropout_keeps_the_mean_and_adds_a_known_variance(params, dropped):
    """Of sum_j a_j w_j it is p / (1 - p) sum_j (a_j w_j)^2, and its half adds to the loss."""
    y = target("number") - 20
    common = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1e-300, "alpha": 0.0}
    common |= {"target_scaling": False, "batch_size": 75}
    ours = network(**common, **params, max_iter=2500).fit(X, y)
    p = 0.25 if dropped == "input" else 0.4
    A, w = ours.transform(X), ours.coefs_[-1][:, 0]
    assert_allclose(A @ w + ours.intercepts_[-1], ours.predict(X), rtol=1e-12)
    plain = np.mean((ours.predict(X) - y) ** 2) / 2
    added = p / (1 - p) / 2 * np.mean(np.sum((A * w) ** 2, axis=1))
    error = 4 * np.std(ours.loss_curve_) / np.sqrt(2500)
    assert_allclose(np.mean(ours.loss_curve_) - plain, added, atol=error)
    assert error < 0.2 * added


@pytest.mark.parametrize("params", [{"dropout": 0.5}, {"dropout_input": 0.5}], ids=str)
@each_task
def test_dropout_is_for_training_alone(task, params):
    ours = network(task, **params).fit(X, target(task))
    assert_array_equal(soft_prediction(ours, X), soft_prediction(ours, X))
    assert_array_equal(ours.transform(X), ours.transform(X))
    plain = network(task).fit(X, target(task))
    assert ours.loss_curve_ != plain.loss_curve_
    assert ours.loss_ > plain.loss_


# ---------------------------------------------------------------------------- label smoothing


@pytest.mark.parametrize("e", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_moves_the_optimum_and_the_training_loss_alone(n_classes, e):
    """Of a separable problem: 1 - e + e / K, its entropy, and on the rows as they are -log of it.

    Without smoothing nothing is the optimum: both losses tend to 0.
    """
    y = np.arange(60) % n_classes
    rows = np.eye(n_classes)[y][:, : n_classes - (n_classes == 2)]
    ours = network("classes", hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-9,
                   label_smoothing=e, max_iter=1000, scoring="loss")  # fmt: skip
    ours.fit(rows, y, X_val=rows, y_val=y)
    last = ours.validation_loss_curve_[-1]
    if e == 0:
        assert max(ours.loss_, last) < 1e-6
        return
    q = np.append(1 - e + e / n_classes, np.full(n_classes - 1, e / n_classes))
    assert_allclose(ours.loss_, -q @ np.log(q), rtol=1e-8)
    assert_allclose(last, -np.log(q[0]), rtol=1e-4)
    unwatched = clone(ours).set_params(scoring=None).fit(rows, y)
    assert_allclose(unwatched.predict_proba(rows)[np.arange(60), y], q[0], rtol=1e-5)


# ---------------------------------------------------------------------------------- interrupts


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"warm_start": True}], ids=str)
@each_solver
@each_task
def test_an_interrupt_keeps_the_last_finished_epoch(task, solver, params, monkeypatch):
    """Pressed while the clock is looked at, the third epoch is finished."""
    monkeypatch.setattr(_monitoring, "perf_counter", Clock(interrupted_epoch=3))
    with pytest.warns(UserWarning, match="interrupted by user"):
        ours = network(task, solver=solver, **params).fit(X, target(task))
    oracle = network(task, solver=solver, max_iter=3, **params).fit(X, target(task))
    assert_same_model(ours, oracle)
    assert ours.validation_scores_ == oracle.validation_scores_
    if "warm_start" in params:
        monkeypatch.undo()
        for estimator in (ours, oracle):
            estimator.set_params(max_iter=4).fit(X, target(task))
        assert_same_model(ours, oracle)


@each_solver
@each_task
def test_an_interrupt_of_a_scorer_keeps_the_epoch_before(task, solver):
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
    assert_same_model(ours, oracle)
    assert ours.validation_loss_curve_ == oracle.validation_loss_curve_


@needs_callbacks
@pytest.mark.parametrize(("when", "kept"), [("act", 3), ("at_begin", 2)])
@each_solver
def test_an_interrupt_of_a_callback_keeps_the_last_finished_epoch(solver, when, kept):
    callback = Callback(**{when: interrupt_third})
    ours = network(solver=solver).set_callbacks(callback)
    with pytest.warns(UserWarning, match="interrupted by user"):
        ours.fit(X, target("number"))
    assert_same_model(ours, network(solver=solver, max_iter=kept).fit(X, target("number")))
    assert callback.heard[-1] == "teardown"


@each_solver
def test_a_second_interrupt_within_a_second_goes_through(solver, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(training, "monotonic", lambda: now[0])

    def interrupted(ours):
        monkeypatch.setattr(_monitoring, "perf_counter", Clock(interrupted_epoch=2))
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


@each_solver
def test_an_interrupt_in_the_first_epoch_goes_through(solver):
    def scorer(estimator, X, y):
        raise KeyboardInterrupt

    ours = network(solver=solver, scoring=scorer)
    with pytest.raises(KeyboardInterrupt):
        ours.fit(X, target("number"), X_val=X_TEST, y_val=target("number", TEST))
    assert not hasattr(ours, "coefs_")


# --------------------------------------------------------------------------------- attributes

ACTIVATIONS = {
    "relu": lambda Z: np.maximum(Z, 0),
    "tanh": np.tanh,
    "logistic": scipy.special.expit,
    "identity": lambda Z: Z,
}


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    ("sizes", "activation"),
    [((6,), "relu"), ((6, 4), "tanh"), ((3, 5), ("logistic", "identity")), ((), "relu")],
    ids=str,
)
@each_task
def test_transform_returns_the_activations_of_the_last_hidden_layer(
    task, sizes, activation, n_members
):
    params = {"hidden_layer_sizes": sizes, "activation": activation, "n_members": n_members}
    params["feature_scaling"] = None  # the oracle begins with X as it is
    if not sizes:
        del params["activation"]
    ours = network(task, **params)
    hidden = ours.fit_transform(X, target(task))
    activation = (activation,) * len(sizes) if isinstance(activation, str) else activation
    members = []
    for k in range(n_members):
        A = X_TEST
        for sigma, W, b in zip(activation, ours.coefs_, ours.intercepts_, strict=False):
            A = ACTIVATIONS[sigma](A @ W[k] + b[k] if n_members > 1 else A @ W + b)
        members.append(A)
    expected = np.concatenate(members, axis=1) if sizes else X_TEST
    assert_allclose(ours.transform(X_TEST), expected, rtol=1e-12, atol=1e-14)
    assert_array_equal(ours.transform(X), hidden)
    names = [f"{type(ours).__name__.lower()}{k}" for k in range(expected.shape[1])]
    assert_array_equal(ours.get_feature_names_out(), names)
    assert ours.transform(X_TEST.astype(np.float32)).dtype == np.float32


def test_transform_returns_frames_where_it_is_asked_to():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"), index=range(100, 175))
    ours = network(n_members=2).fit(frame, target("number")).set_output(transform="pandas")
    out = ours.transform(frame)
    assert_array_equal(out.columns, ours.get_feature_names_out())
    assert_array_equal(out.index, frame.index)
    assert_array_equal(
        out, clone(ours).set_output(transform="default").fit_transform(frame, NUMBERS[TRAIN])
    )


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
@each_task
def test_attributes_of_every_solver(task, solver, n_members):
    n_outputs = 3 if task == "classes" else 1
    ours = network(task, solver=solver, n_members=n_members, hidden_layer_sizes=(6, 5))
    ours.fit(X, target(task))
    assert ours.n_parameters_ == n_members * (5 * 6 + 7 * 5 + 6 * n_outputs)
    assert len(ours.loss_curve_) == ours.n_iter_ == 10
    assert ours.loss_ == ours.loss_curve_[-1]
    assert ours.best_loss_ == min(ours.loss_curve_)
    assert ours.best_iter_ is ours.validation_scores_ is ours.validation_loss_curve_ is None
    if solver == "lbfgs" and n_members > 1:
        return
    ours.set_params(early_stopping=True).fit(X, target(task))
    assert ours.best_iter_ == np.argmax(ours.validation_scores_) + 1
    assert len(ours.validation_scores_) == len(ours.validation_loss_curve_) == ours.n_iter_
    assert ours.best_loss_ is None
