"""partial_fit and warm starts: what continues, and the error where nothing can."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.faults.common import BOTH, NAMES, SKNET, X, Y, classifier, fault, network, regressor, y
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters, first_classes
from tests.plain import MLPBackpropClassifier


def case(number, what, call, message):
    return pytest.param(call, message, marks=fault(number, what), id=what)


def begun(package):
    return package.classifier().partial_fit(X, y, classes=[0, 1, 2])


SAME_ERRORS = [
    case("59", "partial_fit without classes", lambda p: p.classifier().partial_fit(X, y),
         "classes must be passed on the first call to partial_fit"),
    case("59", "partial_fit with an unknown label", lambda p: begun(p).partial_fit(X, y + 1),
         "classes not in|previously unseen labels"),
    case("59", "partial_fit with other classes",
         lambda p: begun(p).partial_fit(X, y, classes=[0, 1, 2, 3]), "is not the same as on"),
    case("59", "partial_fit with fewer columns", lambda p: begun(p).partial_fit(X[:, 1:], y),
         "X has 3 features, but"),
    case("65", "warm start with other classes",
         lambda p: p.classifier(warm_start=True).fit(X, y).fit(X, y % 2), "same classes"),
    case("65", "warm start with fewer columns",
         lambda p: p.regressor(warm_start=True).fit(X, y).fit(X[:, 1:], y), "X has 3 features"),
]  # fmt: skip
ERRORS = [
    case("60", "partial_fit with more outputs",
         lambda p: p.regressor().partial_fit(X, y).partial_fit(X, Y), "y has 3 outputs; 1"),
    case("65", "warm start with more outputs",
         lambda p: p.regressor(warm_start=True).fit(X, y).fit(X, Y), "y has 3 outputs; 1"),
    case("63", "warm start with other hidden layers",
         lambda p: p.classifier(warm_start=True).fit(X, y)
         .set_params(hidden_layer_sizes=(9,)).fit(X, y), r"hidden_layer_sizes.* must stay \(8,\)"),
]  # fmt: skip


@ignore_convergence
@pytest.mark.parametrize(("call", "message"), SAME_ERRORS)
def test_what_cannot_continue_in_scikit_learn_is_an_error_here(call, message):
    for package in BOTH:
        with pytest.raises(ValueError, match=message):
            call(package)


@ignore_convergence
@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_what_cannot_continue_is_a_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call(SKNET)


@fault("61", "partial_fit in float32, then in float64")
@ignore_convergence
@each_estimator
def test_the_dtype_of_the_first_call_stays(cls):
    estimator = network(cls).partial_fit(X.astype("f4"), y, **first_classes(network(cls), y))
    assert estimator.partial_fit(X, y).coefs_[0].dtype == np.float32


@fault("62", "partial_fit on a read-only memory map of a model")
@fault("#19626", "a loaded model is not updated")
@ignore_convergence
@pytest.mark.parametrize("mmap_mode", ["r", None])
@each_estimator
def test_a_loaded_model_continues_training(cls, mmap_mode, tmp_path):
    estimator = network(cls).partial_fit(X, y, **first_classes(network(cls), y))
    joblib.dump(estimator, tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode=mmap_mode).partial_fit(X, y)
    assert not np.array_equal(loaded.coefs_[0], estimator.coefs_[0])
    assert_same_parameters(loaded, estimator.partial_fit(X, y))


@fault("64", "early stopping switched on at a warm start")
@ignore_convergence
@each_estimator
def test_early_stopping_may_begin_at_a_warm_start(cls):
    estimator = network(cls, warm_start=True).fit(X, y)
    estimator.set_params(early_stopping=True).fit(X, y)
    assert len(estimator.validation_scores_) == 5
    assert len(estimator.loss_curve_) == 10


@fault("#25693", "partial_fit after a fit with early stopping")
@ignore_convergence
@each_estimator
def test_partial_fit_follows_a_fit_that_stopped_early(cls):
    estimator = network(cls, early_stopping=True).fit(X, y)
    before = [W.copy() for W in estimator.coefs_]
    assert not np.array_equal(estimator.partial_fit(X, y).coefs_[0], before[0])


@fault("66", "activation changed after fit")
@ignore_convergence
@each_estimator
def test_parameters_set_after_fit_change_no_prediction(cls):
    estimator = network(cls).fit(X, y)
    before = estimator.predict(X)
    estimator.set_params(activation="tanh", hidden_layer_sizes=(3,), loss="nonsense")
    assert_array_equal(estimator.predict(X), before)


@fault("D9", "fit, warm starts and partial_fit train differently")
@fault("#6091", "a warm start begins adam anew")
@ignore_convergence
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop"])
@each_estimator
def test_one_fit_equals_warm_starts_and_calls_of_partial_fit(cls, solver):
    params = {"solver": solver, "batch_size": 40}
    whole = network(cls, max_iter=12, **params).fit(X, y)
    halves = network(cls, max_iter=6, warm_start=True, **params).fit(X, y).fit(X, y)
    epochs = network(cls, **params)
    for _ in range(12):
        epochs.partial_fit(X, y, **first_classes(epochs, y))
    assert_same_parameters(halves, whole)
    assert_same_parameters(epochs, whole)


@fault("#8713", "max_iter is not kept at a warm start")
@fault("#16812", "a warm start trains for one epoch only")
@fault("#24764", "n_iter_ counts earlier calls")
@fault("#25522", "what max_iter means at a warm start")
@ignore_convergence
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@each_estimator
def test_each_warm_start_trains_for_max_iter_epochs(cls, solver):
    estimator = network(cls, solver=solver, warm_start=True, max_iter=4).fit(X, y)
    assert estimator.n_iter_ == 4
    estimator.set_params(max_iter=7).fit(X, y)
    assert estimator.n_iter_ == 7
    assert len(estimator.loss_curve_) == 11


@fault("D8", "the regressor offers partial_fit under lbfgs")
@each_estimator
def test_there_is_no_partial_fit_under_lbfgs(cls):
    assert not hasattr(network(cls, solver="lbfgs"), "partial_fit")
    assert hasattr(network(cls, solver="sgd"), "partial_fit")


@fault("D15", "the third argument of partial_fit changed its meaning")
def test_partial_fit_takes_classes_and_weights_by_name_only():
    for estimator, third in ((classifier(), [0, 1, 2]), (regressor(), np.ones(150))):
        with pytest.raises(TypeError, match="positional arguments"):
            estimator.partial_fit(X, y, third)


@fault("#6994", "partial_fit on rows that lack a class")
@ignore_convergence
def test_partial_fit_takes_rows_that_lack_classes():
    unscaled = {"feature_scaling": None}  # the first rows are too few to learn scales from
    estimator = classifier(**unscaled)
    estimator.partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=list("abcd"))
    estimator.partial_fit([[4]], ["d"])
    assert estimator.predict_proba([[4]]).shape == (1, 4)
    in_order = classifier(learning_rate_init=0.02, **unscaled)
    for _ in range(40):
        for name in np.unique(NAMES):
            in_order.partial_fit(X[NAMES == name], NAMES[NAMES == name], classes=np.unique(NAMES))
    assert in_order.score(X, NAMES) > 0.6


@fault("#26452", "partial_fit is not documented")
@each_estimator
def test_partial_fit_is_documented(cls):
    doc = cls.partial_fit.__doc__
    assert doc.startswith("Train for one epoch on X and y")
    names = ["X : ", "y : ", "sample_weight : "]
    assert all(name in doc for name in names + ["classes : "] * (cls is MLPBackpropClassifier))
