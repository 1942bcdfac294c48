"""Training: hold-out, divergence, interrupts, stopping, seeds, threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from joblib import cpu_count
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from threadpoolctl import ThreadpoolController, threadpool_limits

from sknet import MLPBackpropClassifier
from sknet._engine.network import Network
from sknet._engine.stopping import Stopping
from tests.faults.common import (
    BOTH,
    NAMES,
    SKNET,
    X,
    Y,
    assert_same_model,
    classifier,
    each_estimator,
    fault,
    fitted_state,
    ignore_convergence,
    interrupt_at,
    network,
    regressor,
    y,
)

DIVERGES = {"solver": "sgd", "learning_rate_init": 1e3, "activation": "identity", "max_iter": 200}
each_solver = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])

# ------------------------------------------------------------------------------- early stopping


@fault("49", "early stopping with 5 rows and a rare class")
@ignore_convergence
def test_a_class_of_one_row_is_named_by_its_label():
    labels = np.array(["a", "a", "a", "a", "zed"])
    with pytest.warns(UserWarning, match=r"random, not stratified: .* only one row: zed\."):
        classifier(early_stopping=True).fit(X[:5], labels)
    with pytest.raises(ValueError, match="early_stopping: n_samples=1"):
        classifier(early_stopping=True).fit(X[:1], labels[:1])


@fault("50", "early stopping of a regressor with a tiny hold-out")
@fault("#24713", "early stopping where the score of one row is not defined")
@ignore_convergence
def test_a_hold_out_of_a_regressor_has_a_score():
    message = "The validation set is too small. Increase 'validation_fraction'"
    for package in BOTH:
        n_samples = 2 if package is SKNET else 5  # of which scikit-learn holds one out
        with pytest.raises(ValueError, match=message):
            package.regressor(early_stopping=True).fit(X[:n_samples], X[:n_samples, 0])
    estimator = regressor(early_stopping=True).fit(X[:8], X[:8, 0])
    assert np.isfinite(estimator.best_validation_score_)


@fault("#33760", "early stopping with labels of text")
@ignore_convergence
@each_solver
@pytest.mark.parametrize("labels", [NAMES, NAMES.astype(object)], ids=["str", "object"])
def test_early_stopping_takes_labels_of_text(labels, solver):
    estimator = classifier(solver=solver, early_stopping=True).fit(X, labels)
    numbered = classifier(solver=solver, early_stopping=True).fit(X, y)
    assert estimator.validation_scores_ == numbered.validation_scores_


@fault("D2", "the hold-out of several classes is not stratified")
@ignore_convergence
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_the_hold_out_is_stratified(n_classes, seed):
    """A network that learns nothing says "a" always: its score is the share of "a", exactly."""
    labels = np.repeat(["a", "b", "c", "d"][:n_classes], [100, 50, 30, 20][:n_classes])
    data = np.random.default_rng(0).normal(size=(len(labels), 2))
    params = {"learning_rate_init": 1e-300, "max_iter": 1, "random_state": seed}
    estimator = classifier(early_stopping=True, **params).fit(data, labels)
    assert_allclose(estimator.best_validation_score_, 100 / len(labels), rtol=1e-12)


@fault("#6512", "improvement is looked at over two epochs only")
@fault("D10", "n_iter_no_change is off by one")
@ignore_convergence
@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_stops_after_so_many_epochs_without_improvement(early_stopping, patience):
    estimator = classifier(
        learning_rate_init=1e-300,
        n_iter_no_change=patience,
        early_stopping=early_stopping,
        max_iter=50,
    ).fit(X, y)
    assert estimator.n_iter_ == 1 + patience


@fault("D7", "lbfgs ignores early_stopping and has no loss curve")
@ignore_convergence
@each_estimator
def test_lbfgs_stops_early_and_has_a_curve(cls):
    estimator = network(cls, solver="lbfgs", max_iter=40).fit(X, y)
    assert len(estimator.loss_curve_) == estimator.n_iter_ > 1
    assert estimator.best_loss_ == min(estimator.loss_curve_)
    estimator.set_params(early_stopping=True).fit(X, y)
    assert len(estimator.validation_scores_) == estimator.n_iter_
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)


@fault("D11", "the last parameters are kept, with validation data the best")
@ignore_convergence
def test_the_last_parameters_are_kept_and_with_a_hold_out_the_best():
    params = {"solver": "sgd", "learning_rate_init": 0.1, "batch_size": 10, "max_iter": 30}
    last = regressor(activation="tanh", **params).fit(X, Y[:, 0])
    assert last.best_loss_ < last.loss_
    steps = regressor(activation="tanh", **params)
    for _ in range(last.n_iter_):
        steps.partial_fit(X, Y[:, 0])
    assert_same_model(last, steps)
    best = regressor(activation="tanh", early_stopping=True, **params).fit(X, Y[:, 0])
    scores = best.validation_scores_
    _, held = train_test_split(np.arange(150), test_size=0.1, random_state=0)
    assert scores[-1] < max(scores)
    assert_allclose(best.score(X[held], Y[held, 0]), max(scores), rtol=1e-4)


@fault("#18507", "no curve of the validation loss")
@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@each_estimator
def test_there_is_a_curve_of_the_validation_loss(cls, solver):
    estimator = network(cls, solver=solver, early_stopping=True, alpha=0.0).fit(X, y)
    assert len(estimator.validation_loss_curve_) == estimator.n_iter_
    assert np.isfinite(estimator.validation_loss_curve_).all()
    half = slice(None, None, 2)
    estimator.set_params(max_iter=20).fit(X[half], y[half], X_val=X[half], y_val=y[half])
    train, held = estimator.loss_curve_, estimator.validation_loss_curve_
    if solver == "adam":  # one batch an epoch, whose loss is taken before its step
        train, held = train[1:], held[:-1]
    assert_allclose(held, train, rtol=1e-4)


# ----------------------------------------------------------------------------------- divergence


@fault("51", "SGD diverges")
@fault("52", "SGD diverges under early stopping")
@fault("D16", "a divergence ends after all epochs, without advice")
@fault("#17925", "weights that are not finite")
@fault("#29504", "NaN under early stopping")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_divergence_is_an_error_at_once_and_the_model_stays(early_stopping):
    estimator = regressor(early_stopping=early_stopping, max_iter=300, tol=0.01).fit(X, y)
    before, prediction = fitted_state(estimator), estimator.predict(X)
    estimator.set_params(**DIVERGES)
    message = (
        r"not finite in epoch ([1-9]|[1-3]\d), at learning rate 1000\..*Lower learning_rate_init"
    )
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert fitted_state(estimator) == before
    assert_array_equal(estimator.predict(X), prediction)


@fault("67", "a fit that diverges leaves NaN behind")
@fault("#7976", "a second fit fails, on other data")
@ignore_convergence
@each_estimator
def test_fitting_again_begins_anew_or_leaves_what_was(cls):
    unscaled = {"feature_scaling": None}  # scaled, X near 1e200 trains
    estimator = network(cls, **unscaled).fit(X, y)
    state = fitted_state(estimator)
    with pytest.raises(ValueError, match="not finite"):
        estimator.set_params(solver="sgd", learning_rate_init=1e6).fit(X * 1e200, y)
    assert fitted_state(estimator) == state
    assert np.isfinite(estimator.coefs_[0]).all()
    for solver in ("adam", "lbfgs"):
        estimator.set_params(solver=solver, learning_rate_init=0.001).fit(X, y)
        estimator.fit(X[:77, :3], y[:77] % 2 + 5)
        expected = network(cls, solver=solver, **unscaled).fit(X[:77, :3], y[:77] % 2 + 5)
        assert_same_model(estimator, expected)


@fault("53", "a classifier diverges")
@pytest.mark.parametrize("rate", [1e3, 1e6, 1e20])
def test_divergence_of_a_classifier_does_not_pass_in_silence(rate):
    estimator = classifier(**DIVERGES | {"learning_rate_init": rate, "max_iter": 50})
    with pytest.raises((ValueError, ConvergenceWarning), match=r"not finite|far above"):
        estimator.fit(X * 100, y)


@fault("54", "the loss of lbfgs is not finite")
@each_estimator
def test_a_loss_of_lbfgs_that_is_not_finite_is_an_error(cls):
    with pytest.raises(ValueError, match="not finite after 0 iterations of lbfgs"):
        network(cls, solver="lbfgs", feature_scaling=None).fit(X * 1e200, y)


@fault("55", "adam at a rate of 1e10")
def test_a_loss_far_above_its_start_is_a_warning():
    with pytest.warns(ConvergenceWarning, match="far above the .* that it began with"):
        regressor(learning_rate_init=1e10, max_iter=100, dtype="float64").fit(X, y)


# ----------------------------------------------------------------------------------- interrupts


@fault("68", "Ctrl-C under adam and sgd")
@fault("69", "Ctrl-C under lbfgs")
@fault("#7596", "Ctrl-C leaves half an update")
@ignore_convergence
@each_solver
@each_estimator
def test_an_interrupt_keeps_the_last_finished_epoch(cls, solver, monkeypatch):
    expected = network(cls, solver=solver, max_iter=3).fit(X, y)
    interrupt_at(monkeypatch, 3)
    estimator = network(cls, solver=solver, max_iter=50, verbose=1)
    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator.fit(X, y)
    assert_same_model(estimator, expected)
    assert len(estimator.loss_curve_) == estimator.n_iter_ == 3


@fault("68", "a second Ctrl-C within a second, in a search")
@ignore_convergence
@pytest.mark.filterwarnings("ignore:Training interrupted by user")
def test_a_second_interrupt_ends_a_search(monkeypatch):
    interrupt_at(monkeypatch, 2)
    search = GridSearchCV(classifier(verbose=1), {"alpha": [0.0, 0.1, 0.2]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)


# --------------------------------------------------------------------- solvers and their options


@fault("79", "a batch of more rows than there are")
@ignore_convergence
@each_estimator
def test_a_batch_is_at_most_all_rows(cls):
    """Without a warning: those are errors here."""
    estimator = network(cls, batch_size=10**9).fit(X, y)
    assert_same_model(estimator, network(cls, batch_size=150).fit(X, y))


@fault("D6", "learning_rate is ignored under adam")
@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "adamw", "rmsprop"])
def test_a_learning_rate_schedule_has_an_effect_under_every_solver(solver):
    params = {"solver": solver, "tol": 10.0, "n_iter_no_change": 2, "max_iter": 12, "power_t": 0.5}
    constant, adaptive, invscaling = (
        classifier(**{**params, "learning_rate": name, "power_t": power_t}).fit(X, y)
        for name, power_t in [("constant", 0.5), ("adaptive", 0.5), ("invscaling", 0.9)]
    )
    assert constant.n_iter_ < adaptive.n_iter_
    so_far = classifier(**{**params, "learning_rate": "constant", "max_iter": constant.n_iter_})
    so_far.fit(X, y)
    assert_same_model(constant, so_far)
    assert not np.array_equal(invscaling.coefs_[0], constant.coefs_[0])


@fault("D17", "one lucky epoch collapses an adaptive rate")
def test_a_lucky_epoch_makes_no_plateau_of_all_that_follow():
    stopping = Stopping(tol=1e-4, patience=2)
    losses = [1.0, 0.1, *np.linspace(0.9, 0.2, 20)]
    assert sum(stopping.update(np.zeros(1), loss) for loss in losses) == 1


@fault("#9273", "lbfgs stops at 15000 evaluations")
def test_the_limits_of_lbfgs_are_the_users():
    with pytest.warns(ConvergenceWarning, match=r"evaluations \(4\) reached.*Raise max_fun"):
        classifier(solver="lbfgs", max_fun=4, max_iter=10**6).fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"iterations \(6\) reached.*Raise max_iter"):
        estimator = classifier(solver="lbfgs", max_fun=10**6, max_iter=6).fit(X, y)
    assert estimator.n_iter_ == 6


@fault("#31235", "a network of sigmoids is stuck at a constant")
@ignore_convergence
def test_a_network_of_sigmoids_learns_a_parabola():
    data = np.random.RandomState(1).random_sample((500, 2))
    inside = (data[:, 0] + (2 * (data[:, 1] - 0.5)) ** 2 - 0.75 >= 0).astype(int)
    for params, least in [({"solver": "lbfgs"}, 0.99), ({"learning_rate_init": 0.01}, 0.7)]:
        estimator = MLPBackpropClassifier((20, 20), activation="logistic", random_state=42)
        estimator.set_params(**params).fit(data, inside)
        assert estimator.score(data, inside) > least > inside.mean() + 0.1
        assert np.ptp(estimator.predict_proba(data)[:, 1]) > 0.5


# ------------------------------------------------------------------------------ seeds and threads

SCRIPT = """
import warnings; warnings.simplefilter("ignore")
from sklearn.datasets import load_iris
from sknet import MLPBackpropClassifier, MLPBackpropRegressor
X, y = load_iris(return_X_y=True)
for cls in (MLPBackpropClassifier, MLPBackpropRegressor):
    for solver in ("adam", "lbfgs"):
        net = cls((8,), solver=solver, max_iter=20, alpha=0.01, random_state=0).fit(X, y)
        print(*(a.tobytes().hex() for a in net.coefs_ + net.intercepts_))
"""


@fault("#13108", "other results on another machine")
@fault("#20516", "other weights on another system")
@fault("#25604", "lbfgs with a penalty differs from run to run")
def test_runs_in_other_processes_give_the_same_bits():
    """The same wheels, processor, BLAS threads and seed; more is not promised."""
    outputs = []
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True
        )
        outputs.append(run.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].split()) == 16


@fault("#15266", "results depend on what else draws random numbers")
@fault("#17082", "results differ from run to run under a seed")
@ignore_convergence
@each_estimator
def test_a_seed_decides_whatever_else_draws_random_numbers(cls):
    params = {"solver": "sgd", "learning_rate": "adaptive", "activation": "logistic"}
    expected = network(cls, batch_size=20, random_state=111, **params).fit(X, y)
    np.random.seed(7)  # noqa: NPY002 - the state that must not matter
    np.random.random(3)  # noqa: NPY002
    LogisticRegression(random_state=1).fit(X, y)
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    again = network(cls, batch_size=20, random_state=111, **params).fit(X, y)
    assert_same_model(again, expected)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


@fault("#7280", "how to limit the threads")
@ignore_convergence
@pytest.mark.parametrize("limit", [1, cpu_count()])
def test_a_small_network_takes_one_thread_and_no_limit_is_changed(limit, monkeypatch):
    blas = ThreadpoolController().select(user_api="blas")
    gradient, seen = Network.gradient, []

    def spy(*args):
        seen.extend(library.num_threads for library in blas.lib_controllers)
        return gradient(*args)

    monkeypatch.setattr(Network, "gradient", spy)
    monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")
    with threadpool_limits(limits=limit, user_api="blas"):
        before = [library.num_threads for library in blas.lib_controllers]
        classifier(hidden_layer_sizes=(1000,)).fit(X, y)
        assert set(seen) == {1}
        assert [library.num_threads for library in blas.lib_controllers] == before
