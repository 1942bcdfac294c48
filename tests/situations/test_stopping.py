"""When training ends, in which units, and what is said where it has not learned."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris, make_friedman1, make_moons, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    d2_tweedie_score,
    log_loss,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split

from tests.marks import ignore_convergence
from tests.networks import best_epoch, soft_prediction
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

Classifier = partial(MLPBackpropClassifier, random_state=0)
Regressor = partial(MLPBackpropRegressor, random_state=0)


def amounts(n=2000, seed=0):
    """Positive targets whose logarithm is a smooth function of X."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, np.exp(X[:, 0] + 0.5 * X[:, 1]) * rng.gamma(3, 1 / 3, n)


def first_plateau(losses, tol, patience):
    """The epoch that ends `patience` ones none of which fell `tol` below all before."""
    falls = [losses[k] <= min(losses[:k], default=np.inf) - tol for k in range(len(losses))]
    for end in range(patience, len(losses) + 1):
        if not any(falls[end - patience : end]):
            return end
    return None


# ------------------------------------------------------------ the unit of tol

X_POSITIVE, POSITIVE = amounts(600)
X_CLASSES, CLASSES = make_moons(300, noise=0.3, random_state=0)
RARE = (X_CLASSES[:, 0] > 1.7).astype(int)
#: y, and the loss of the best constant by scikit-learn's metrics.
UNITS = {
    "squared_error": ({}, POSITIVE, lambda y, w: 0.5),  # of the target scaled to variance 1
    "squared_error, as it is": (
        {"target_scaling": False}, POSITIVE,
        lambda y, w: np.average((y - np.average(y, weights=w)) ** 2, weights=w) / 2,
    ),
    "poisson": (
        {"loss": "poisson"}, POSITIVE,
        lambda y, w: mean_poisson_deviance(y, constant(y, w), sample_weight=w) / 2,
    ),
    "gamma": (
        {"loss": "gamma"}, POSITIVE,
        lambda y, w: mean_gamma_deviance(y, constant(y, w), sample_weight=w) / 2,
    ),
    "log_loss": ({}, CLASSES, lambda y, w: log_loss(y, constant(y, w), sample_weight=w)),
    "log_loss, rare": ({}, RARE, lambda y, w: log_loss(y, constant(y, w), sample_weight=w)),
    "a single class": ({}, np.zeros(300, int), lambda y, w: 1.0),
    "a constant": ({"loss": "poisson"}, np.full(600, 7.0), lambda y, w: 1.0),
}  # fmt: skip


def constant(y, w):
    return np.full(len(y), np.average(y, weights=w))


@ignore_convergence
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("params", "y", "unit"), UNITS.values(), ids=UNITS)
def test_tol_is_a_share_of_the_loss_of_the_best_constant(params, y, unit, weighted):
    """The oracle reads the epoch that ends training from the loss curve."""
    X = X_POSITIVE if len(y) == 600 else X_CLASSES
    w = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    cls = Regressor if y.dtype.kind == "f" else Classifier
    ours = cls((8,), tol=0.01, n_iter_no_change=3, max_iter=400, dtype="float64", **params)
    ours.set_params(learning_rate_init=0.02).fit(X, y, sample_weight=w)
    tol = 0.01 * unit(y, w)
    assert ours.n_iter_ == first_plateau(ours.loss_curve_, tol, 3) < 400


@ignore_convergence
@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e3])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_amounts_in_another_unit_train_alike(solver, scale):
    X, y = amounts()
    params = {"loss": "poisson", "solver": solver, "alpha": 0.0, "max_iter": 60}
    ours, other = (Regressor(**params).fit(X, unit * y) for unit in (1.0, scale))
    assert abs(ours.n_iter_ - other.n_iter_) <= 15
    score, expected = (
        d2_tweedie_score(y, m.predict(X) / u, power=1) for m, u in ((other, scale), (ours, 1))
    )
    assert score == pytest.approx(expected, abs=0.03)


@ignore_convergence
@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "gamma"])
def test_losses_of_scaled_targets_train_alike_in_any_unit(loss, unit):
    X, y = amounts(400)
    ours, other = (
        Regressor((8,), loss=loss, max_iter=100, dtype="float64").fit(X, u * y) for u in (1, unit)
    )
    assert ours.n_iter_ == other.n_iter_
    assert_allclose(other.predict(X) / unit, ours.predict(X), rtol=1e-4, atol=1e-6)


@ignore_convergence
def test_rare_counts_are_learned():
    """At a mean of 0.01; the oracle is the true rate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 3))
    rate = 0.01 * np.exp(X[:, 0] - 0.5)
    ours = Regressor((16,), loss="poisson", max_iter=40).fit(X, rng.poisson(rate))
    assert ours.n_iter_ > 15
    assert d2_tweedie_score(rate, ours.predict(X), power=1) > 0.6


@ignore_convergence
@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_lbfgs_solves_a_linear_problem_in_any_unit(unit):
    """The oracle is least squares."""
    X, y = make_friedman1(300, noise=0.5, random_state=0)
    y = unit * (y - y.mean())
    ours = Regressor((), solver="lbfgs", target_scaling=False, alpha=0.0, max_iter=500).fit(X, y)
    design = np.column_stack([X, np.ones(len(X))])
    best = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert_allclose(ours.predict(X), best, atol=1e-2 * y.std())


@ignore_convergence
def test_continued_training_keeps_the_unit_of_the_first_fit():
    X, y = amounts(600)
    ours = Regressor((8,), loss="poisson", tol=0.02, n_iter_no_change=3, warm_start=True)
    ours.set_params(dtype="float64", learning_rate_init=0.01).fit(X, y)
    first = ours.n_iter_
    ours.fit(X, 50 * y)
    tol = 0.02 * mean_poisson_deviance(y, constant(y, None)) / 2
    assert ours.n_iter_ == first_plateau(ours.loss_curve_[first:], tol, 3)


@ignore_convergence
def test_a_score_keeps_an_absolute_tol_and_minus_the_loss_does_not():
    X, y = amounts(600)
    y = 1e-3 * y
    params = {"loss": "poisson", "early_stopping": True, "max_iter": 200, "tol": 0.02}
    by_loss = Regressor(scoring="loss", n_iter_no_change=3, **params).fit(X, y)
    trained, _ = train_test_split(y, test_size=0.1, random_state=0)
    tol = 0.02 * mean_poisson_deviance(trained, constant(trained, None)) / 2
    assert by_loss.n_iter_ == first_plateau(by_loss.validation_loss_curve_, tol, 3) > 4
    by_score = Regressor(n_iter_no_change=3, **params).fit(X, y)
    falls = [-score for score in by_score.validation_scores_]
    assert by_score.n_iter_ <= first_plateau([*falls, *[1.0] * 3], 0.02, 3) + 3


# ------------------------------------------------------------ early stopping


def rare_positives(seed, n=20_000, share=0.001):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n, 10))
    s = X @ rng.normal(size=10) + 0.5 * X[:, 0] * X[:, 1] + 0.5 * rng.logistic(size=2 * n)
    y = (s > np.quantile(s, 1 - share)).astype(int)
    return train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)


@pytest.mark.filterwarnings("ignore:Early stopping has only")
@ignore_convergence
@pytest.mark.parametrize("early_stopping", [True, "auto"])
def test_one_positive_in_a_thousand_is_learned_under_early_stopping(early_stopping):
    X, X_test, y, y_test = rare_positives(0)
    aucs = [
        roc_auc_score(y_test, Classifier(early_stopping=e, max_iter=40).fit(X, y)
                      .predict_proba(X_test)[:, 1])
        for e in (False, early_stopping)
    ]  # fmt: skip
    assert aucs[1] > aucs[0] - 0.02
    assert aucs[1] > 0.95


def flat(estimator, X, y, sample_weight=None):
    return 0.5


@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("given", [False, True], ids=["hold-out", "X_val"])
def test_of_epochs_of_equal_score_the_loss_decides(solver, given):
    """Under a scorer that always ties, training is that by the validation loss."""
    X, y = X_CLASSES, CLASSES
    rows = {"X_val": X[::3], "y_val": y[::3]} if given else {}
    params = {"solver": solver, "max_iter": 60, "tol": 1e-3, "n_iter_no_change": 4}
    if solver == "sgd":
        params["learning_rate_init"] = 0.1
    ours, oracle = (
        Classifier(early_stopping=True, scoring=s, **params).fit(X, y, **rows)
        for s in (flat, "loss")
    )
    assert ours.n_iter_ == oracle.n_iter_
    assert ours.best_iter_ == oracle.best_iter_ == best_epoch(ours)
    assert ours.best_iter_ == 1 + np.argmin(ours.validation_loss_curve_)
    np.testing.assert_array_equal(soft_prediction(ours, X), soft_prediction(oracle, X))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_rows", [30, 60, 120])
def test_a_small_hold_out_does_not_end_lbfgs(n_rows, seed):
    """Stopping after ten iterations of one accuracy lost up to 0.35."""
    X, y = load_iris(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=seed)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        plain = Classifier(solver="lbfgs").fit(X, y)
        ours = Classifier(solver="lbfgs", early_stopping=True).fit(X, y)
    assert ours.score(X_test, y_test) > min(plain.score(X_test, y_test), 0.95) - 0.08
    if n_rows < 100:  # fewer than ten rows are held out: L-BFGS ends by itself
        assert ours.n_iter_ < 200
        assert ours.best_iter_ == best_epoch(ours)


@pytest.mark.parametrize("given", [False, True], ids=["hold-out", "X_val"])
@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1, 2]], ids=str)
@ignore_convergence
def test_few_validation_rows_of_a_rare_class_are_warned_about(labels, given):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 3)), np.array(labels)[rng.integers(0, len(labels) - 1, 1000)]
    y[:20] = labels[-1]
    rows = {"X_val": X[:100], "y_val": y[17:117]} if given else {}
    ours = Classifier(early_stopping=True, max_iter=2)
    n, advice = (3, "more rows of it in X_val") if given else (2, "larger validation_fraction")
    label = re.escape(repr(labels[-1]))
    with pytest.warns(UserWarning, match=f"only {n} of 100 .*{label}: .*{advice}.*=False"):
        ours.fit(X, y, **rows)
    ours.set_params(validation_fraction=0.3)
    with warnings.catch_warnings(action="error", category=UserWarning):
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours.fit(X, y)  # 6 rows
        Classifier(max_iter=2).fit(X, y, **rows)  # does not stop early


@ignore_convergence
@pytest.mark.parametrize("n_rows", [30, 75, 150])
def test_a_small_hold_out_of_balanced_classes_is_not_warned_about(n_rows):
    X, y = load_iris(return_X_y=True)
    Classifier(early_stopping=True, max_iter=2).fit(X[:: 150 // n_rows], y[:: 150 // n_rows])


# ------------------------------------------------------------ alpha


@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "sgd", "adamw", "rmsprop"])
@pytest.mark.parametrize(("alpha", "value"), [(0.05, "0.00025"), (1, "0.005")])
def test_an_alpha_as_for_scikit_learn_is_converted_in_a_warning(solver, alpha, value):
    X, y = X_CLASSES, CLASSES
    with pytest.warns(UserWarning, match=rf"alpha={alpha} .* of 200, .* alpha={value} here"):
        Classifier(solver=solver, alpha=alpha, max_iter=2).fit(X, y)
    with pytest.warns(UserWarning, match=rf"of 50, alpha={alpha} .*={alpha / 50:g} here"):
        Classifier(solver=solver, alpha=alpha, batch_size=50).partial_fit(X, y, classes=[0, 1])


@ignore_convergence
@pytest.mark.parametrize("alpha", [0.1, 1])
def test_under_lbfgs_the_batch_is_all_rows(alpha):
    X, y = X_CLASSES, CLASSES
    match = rf"of {len(y)}, alpha={alpha} .*={alpha / len(y):.3g} here"
    with pytest.warns(UserWarning, match=match):
        Classifier(solver="lbfgs", alpha=alpha, max_iter=2).fit(X, y)


@ignore_convergence
def test_other_alphas_are_not_warned_about():
    Classifier(alpha=0.01, max_iter=2).fit(X_CLASSES, CLASSES)
    Classifier(solver="lbfgs", alpha=0.05, max_iter=2).fit(X_CLASSES, CLASSES)
    linear = Classifier(solver="lbfgs", alpha=1, max_iter=2).set_params(hidden_layer_sizes=())
    linear.fit(X_CLASSES, CLASSES)
    with pytest.warns(UserWarning, match="alpha=1 is large"):
        ours = Classifier(alpha=1, warm_start=True, max_iter=2).fit(X_CLASSES, CLASSES)
    ours.fit(X_CLASSES, CLASSES)  # once is enough


# ------------------------------------------------------------ nothing learned

CONSTANT = "the same prediction for every row. Likely cause: "


def ends(estimator, X, y, match, **rows):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X, y, **rows)
    messages = [str(w.message) for w in caught if w.category is ConvergenceWarning]
    assert sum(bool(re.search(match, message)) for message in messages) == 1, messages
    return estimator


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"alpha": 1.0}, "alpha=1 "),
        ({"alpha": 1.0, "solver": "lbfgs"}, "alpha=1 "),
        ({"solver": "adamw", "weight_decay": 1000.0}, "weight_decay=1000 "),
        ({"learning_rate_init": 1e-8}, "learning_rate_init=1e-08 is too low"),
    ],
    ids=str,
)
@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_a_fit_that_ends_at_the_constant_says_why(task, params, match):
    cls, y = (Classifier, CLASSES) if task == "classes" else (Regressor, X_CLASSES[:, 0] ** 2)
    ours = ends(cls(max_iter=300, **params), X_CLASSES, y, CONSTANT + match)
    assert np.ptp(soft_prediction(ours, X_CLASSES), axis=0).max() < 0.1


def test_dead_units_are_named():
    X = 1e4 * np.abs(np.random.default_rng(0).normal(size=(300, 3)))
    y = X[:, 0] / 1e4 + 3
    ours = Regressor(
        (5,), solver="sgd", feature_scaling=None, target_scaling=False, learning_rate_init=1e-3,
        momentum=0.0, clip_norm=None, max_iter=20, random_state=1,
    )  # fmt: skip
    ends(ours.set_params(learning_rate_init=1e-5), X, y, CONSTANT + "dead units.*leaky_relu")


def test_a_tol_that_ends_training_while_the_loss_falls_is_named():
    """tol=0.1 is in the docstring of scikit-learn's regressor, where it is absolute."""
    X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    X, X_test, y, y_test = train_test_split(X, y, random_state=1)
    match = "stopped at tol=0.1, .* still falling.*Lower tol"
    for params in ({}, {"scoring": "loss", "early_stopping": True}):
        ours = ends(MLPBackpropRegressor(random_state=1, tol=0.1, **params), X, y, match)
        assert ours.n_iter_ < 20
    ours = Regressor(tol=1e-4, max_iter=2000).fit(X, y)  # no warning
    assert ours.score(X_test, y_test) > 0.95


@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_fits_that_learn_a_little_or_are_short_are_not_warned_about():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    weak = 0.1 * X[:, 0] + rng.normal(size=2000)  # R2 0.01
    Regressor((), solver="lbfgs").fit(X, weak)
    Regressor(max_iter=3).fit(X, weak)
    Regressor(max_iter=50).fit(X, np.zeros(2000))
    Classifier(max_iter=3).fit(X, X[:, 0] > 3)
    Classifier(max_iter=3).fit(X_CLASSES, CLASSES)
    Regressor().partial_fit(X, weak)


# ------------------------------------------------------------ out_activation


@pytest.mark.parametrize("name", ["y", "y_val"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("out_activation", "words", "good", "bad"),
    [
        ("logistic", "from 0 to 1", [0.0, 1.0], 1.1),
        ("logistic", "from 0 to 1", [0.0, 1.0], -0.1),
        ("tanh", "from -1 to 1", [-1.0, 1.0], -2.0),
        ("softplus", "0 or more", [0.0, 9.0], -1e-3),
    ],
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@ignore_convergence
def test_targets_that_the_output_cannot_reach_are_an_error(
    solver, out_activation, words, good, bad, method, name
):
    if method == "partial_fit" and (solver == "lbfgs" or name == "y_val"):
        pytest.skip("lbfgs has no partial_fit, and partial_fit no y_val")
    X, y = X_CLASSES, np.resize(good, len(X_CLASSES))
    ours = Regressor((3,), out_activation=out_activation, solver=solver, max_iter=2)
    ours.set_params(feature_scaling=None)
    wrong = y.copy()
    wrong[5] = bad
    rows = {"X_val": X, "y_val": wrong} if name == "y_val" else {}
    match = f"^{name} must be {words} with .*out_activation='{out_activation}'. 1 of 300 values"
    with pytest.raises(ValueError, match=match):
        getattr(ours, method)(X, y if rows else wrong, **rows)
    getattr(ours, method)(X, y)
    getattr(ours, method)(X, np.column_stack([y, y]) if method == "fit" else y)
    if out_activation != "softplus":  # rescaling rounds
        ours.fit(X, y * (1 + 4e-16))


# ------------------------------------------------------------ verbose


@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_verbose_prints_the_first_every_kth_and_the_last_epoch(solver, capsys):
    ours = Classifier(solver=solver, verbose=10, max_iter=13, tol=0.0).fit(X_CLASSES, CLASSES)
    printed = re.findall(r"^Iteration (\d+)", capsys.readouterr().out, re.M)
    assert ours.n_iter_ == 13
    assert printed == ["1", "10", "13"]
    ours.set_params(max_iter=10).fit(X_CLASSES, CLASSES)
    assert re.findall(r"^Iteration (\d+)", capsys.readouterr().out, re.M) == ["1", "10"]


@ignore_convergence
def test_the_loss_of_a_quantile_is_scaled_by_that_of_the_best_constant():
    X, y = amounts(600)
    ours = Regressor((8,), loss="quantile", quantile=0.9, target_scaling=False, tol=0.02,
                     n_iter_no_change=3, dtype="float64", learning_rate_init=0.01)  # fmt: skip
    ours.fit(X, y)
    best = np.full(len(y), np.quantile(y, 0.9, method="averaged_inverted_cdf"))
    tol = 0.02 * mean_pinball_loss(y, best, alpha=0.9)
    assert ours.n_iter_ == first_plateau(ours.loss_curve_, tol, 3)
