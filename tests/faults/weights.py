"""Sample weights, class weights and the penalty."""

from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.utils.class_weight import compute_sample_weight

from tests.faults.common import (
    BOTH,
    LABELS,
    X,
    Y,
    classifier,
    fault,
    fitted_state,
    network,
    regressor,
    y,
)
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters

ONES = np.ones(150)


def case(number, what, weights, message):
    return pytest.param(weights, message, marks=fault(number, what), id=what)


SAME_ERRORS = [
    case("42", "all weights 0", 0 * ONES, "at least one non-zero"),
    case("44", "NaN among weights", np.where(y == 0, np.nan, 1), "contains NaN"),
    case("44", "infinity among weights", np.where(y == 0, np.inf, 1), "contains infinity"),
    case("44", "2-d weights", ONES[:, None], "Sample weights must be"),
    case("44", "weights of another length", ONES[1:], "149"),
]


@pytest.mark.parametrize(("weights", "message"), SAME_ERRORS)
def test_weights_that_are_an_error_in_scikit_learn_are_one_here(weights, message):
    for package in BOTH:
        for estimator in (package.classifier(), package.regressor()):
            with pytest.raises(ValueError, match=message):
                estimator.fit(X, y, sample_weight=weights)


@fault("44", "one number for all weights")
@ignore_convergence
@each_estimator
def test_one_number_weighs_all_rows_alike(cls):
    assert_same_parameters(network(cls).fit(X, y, sample_weight=2.0), network(cls).fit(X, y))


@fault("43", "negative weights")
@each_estimator
def test_negative_weights_are_an_error(cls):
    with pytest.raises(ValueError, match="Negative values in sample_weight"):
        network(cls).fit(X, y, sample_weight=np.where(y == 0, -1e-9, 1))


@fault("42", "all weights 0 in partial_fit")
@fault("#33436", "partial_fit on rows of weight 0 moves the model")
@ignore_convergence
@each_estimator
def test_partial_fit_on_rows_of_weight_0_does_nothing(cls):
    estimator = network(cls).fit(X, y)
    before = {**fitted_state(estimator), "n_features_in_": 4}
    estimator.partial_fit(X, y, sample_weight=0 * ONES)
    assert fitted_state(estimator).keys() == before.keys()
    assert all(value is before[name] for name, value in fitted_state(estimator).items())


@fault("45", "weights scaled by 1e-300 and 1e300")
@fault("D4", "the scale of the weights matters")
@pytest.mark.parametrize("factor", [1e-300, 1e-3, 1e300])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@ignore_convergence
def test_the_scale_of_the_weights_changes_nothing(solver, factor):
    w = 1.0 + y
    expected = classifier(solver=solver, alpha=0.01).fit(X, y, sample_weight=w)
    estimator = classifier(solver=solver, alpha=0.01).fit(X, y, sample_weight=factor * w)
    assert_allclose(estimator.predict_proba(X), expected.predict_proba(X), rtol=1e-5)


@fault("D4", "a weight means something else in each batch")
@ignore_convergence
def test_the_weight_of_a_row_in_a_batch_is_relative_to_all_rows():
    """A step of a batch is its size times smaller than that of the same rows among all."""
    params = {"solver": "sgd", "momentum": 0, "shuffle": False, "alpha": 0.0, "dtype": "float64"}
    data, target = np.repeat(X[:1], 4, axis=0), np.array([0, 0, 1, 1])
    w = np.array([1, 1, 5, 5.0])
    params |= {"hidden_layer_sizes": (), "learning_rate_init": 1e-8, "max_iter": 1}
    # the initial output bias depends on the weights, so all fits continue from one start
    start = classifier(batch_size=4, warm_start=True, **params | {"learning_rate_init": 1e-300})
    start.fit(data, target)

    def move(batch_size, weights):
        estimator = deepcopy(start).set_params(batch_size=batch_size, learning_rate_init=1e-8)
        estimator.fit(data, target, sample_weight=weights)
        return (estimator.coefs_[0] - start.coefs_[0]).ravel()

    moves = []
    for rows in (slice(0, 4), slice(0, 2), slice(2, 4)):
        mask = np.zeros(4)
        mask[rows] = w[rows]
        moves.append(move(4, mask))
    apart = move(2, w)
    # weights of mean 1: rows of weight 1 move by 1/3 of what they move alone, those of 5 by 5/3
    assert_allclose(apart, moves[1] / 3 + moves[2] * 5 / 3, rtol=1e-4)
    assert_allclose(apart, 2 * moves[0], rtol=1e-4)


@fault("46", "a batch whose weights are all 0")
@fault("D3", "a batch whose weights are all 0 divides by zero")
@ignore_convergence
@each_estimator
def test_a_batch_of_rows_of_weight_0_equals_no_batch(cls):
    w = np.where(np.arange(150) < 30, 0.0, 1.0)
    params = {"batch_size": 30, "shuffle": False}
    estimator = network(cls, **params).fit(X[20:], y[20:], sample_weight=w[20:])
    assert_same_parameters(estimator, network(cls, **params).fit(X[30:], y[30:]))
    estimator.partial_fit(X[:30], y[:30], sample_weight=w[:30])
    assert_same_parameters(estimator, network(cls, **params).fit(X[30:], y[30:]))


@fault("47", "a hold-out whose weights are all 0")
@ignore_convergence
@each_estimator
def test_rows_of_weight_0_are_never_held_out(cls):
    w = (np.arange(150) % 3 == 0).astype(float)
    estimator = network(cls, early_stopping=True).fit(X, y, sample_weight=w)
    assert_same_parameters(estimator, network(cls, early_stopping=True).fit(X[::3], y[::3]))
    with pytest.raises(ValueError, match="early_stopping: n_samples=1 are not enough"):
        network(cls, early_stopping=True).fit(X, y, sample_weight=(np.arange(150) == 7) * 1.0)


@fault("48", "weights zero a class out")
@ignore_convergence
def test_a_class_of_weight_0_keeps_its_column():
    estimator = classifier(max_iter=300).fit(X, y, sample_weight=(y != 1) * 1.0)
    assert estimator.classes_.tolist() == [0, 1, 2]
    P = estimator.predict_proba(X)
    assert P.shape == (150, 3)
    assert set(estimator.predict(X)) == {0, 2}


@fault("#30155", "sample_weight: a weight of 2 is the row twice")
@ignore_convergence
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
@each_estimator
def test_a_weight_of_2_is_the_row_twice(cls, solver):
    params = {"solver": solver, "dtype": "float64", "max_iter": 20}
    if solver == "sgd":
        params |= {"batch_size": 1000, "shuffle": False}
    with_weights = network(cls, **params).fit(X, y, sample_weight=1.0 + (y == 1))
    twice = network(cls, **params).fit(np.r_[X, X[y == 1]], np.r_[y, y[y == 1]])
    assert_allclose(with_weights.coefs_[0], twice.coefs_[0], rtol=1e-4, atol=1e-7)


@fault("#9113", "class_weight")
@ignore_convergence
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_are_sample_weights(class_weight, solver):
    rows = np.r_[0:70, 100:115]
    data, target = X[rows], y[rows]
    w = compute_sample_weight(class_weight, target)
    expected = classifier(solver=solver).fit(data, target, sample_weight=w)
    estimator = classifier(solver=solver, class_weight=class_weight).fit(data, target)
    assert_allclose(estimator.predict_proba(X), expected.predict_proba(X), rtol=1e-5)


@fault("#9113", "class_weight beside sample_weight")
@ignore_convergence
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_multiply_sample_weights(class_weight, solver):
    """For "balanced", a row of weight 2 counts twice in its class."""
    rows = np.r_[0:70, 100:115]
    data, target, repeats = X[rows], y[rows], 1 + np.arange(85) % 3
    repeated = np.repeat(target, repeats)
    first_of_each = np.cumsum(repeats) - repeats
    w = repeats * compute_sample_weight(class_weight, repeated)[first_of_each]
    expected = classifier(solver=solver).fit(data, target, sample_weight=w)
    both = classifier(solver=solver, class_weight=class_weight).fit(data, target, repeats)
    assert_allclose(both.predict_proba(X), expected.predict_proba(X), rtol=1e-5)


@fault("42", "all weights 0, with class_weight")
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0}])
def test_weights_0_are_an_error_with_class_weights_too(class_weight):
    with pytest.raises(ValueError, match="at least one non-zero"):
        classifier(class_weight=class_weight).fit(X, y, sample_weight=0 * ONES)


@fault("#9113", "class_weight of labels that are not there")
@ignore_convergence
def test_a_class_weight_of_no_class_is_ignored_with_a_warning():
    with pytest.warns(UserWarning, match="class_weight names labels.*'no label'"):
        estimator = classifier(class_weight={"no label": 9.0}).fit(X, y)
    assert_same_parameters(estimator, classifier().fit(X, y))


@fault("D1", "gradient of several outputs is not that of the loss")
@ignore_convergence
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_several_outputs_reach_the_minimum_of_the_penalised_loss(n_outputs):
    """Without hidden layer the minimum is that of ridge regression, on the sum over rows."""
    target = Y[:, :n_outputs]
    ridge = Ridge(alpha=150 * 0.3).fit(X, target)
    estimator = regressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=0.3, tol=1e-9, max_iter=500, dtype="float64"
    ).fit(X, target if n_outputs > 1 else target[:, 0])
    assert_allclose(
        estimator.predict(X).reshape(150, -1), ridge.predict(X).reshape(150, -1), atol=1e-5
    )


@fault("D5", "alpha is divided by the batch size")
@pytest.mark.filterwarnings("ignore:alpha=0.5 is large")
@ignore_convergence
def test_alpha_means_the_same_for_every_batch_size():
    """All rows are equal, so a step on 20 rows equals a step on 40."""
    data, target = np.repeat(X[:1], 40, axis=0), np.full(40, 2.0)
    params = {"solver": "sgd", "momentum": 0.0, "alpha": 0.5, "learning_rate_init": 0.05}
    params |= {"dtype": "float64", "activation": "tanh"}
    small = regressor(batch_size=20, max_iter=5, **params).fit(data, target)
    large = regressor(batch_size=40, max_iter=10, **params).fit(data, target)
    assert_allclose(small.coefs_[0], large.coefs_[0], rtol=1e-9)


@fault("#12505", "partial_fit of several labels")
@ignore_convergence
def test_partial_fit_of_label_indicators_equals_fit():
    expected = classifier(max_iter=7, batch_size=50).fit(X, LABELS)
    estimator = classifier(batch_size=50)
    for _ in range(7):
        estimator.partial_fit(X, LABELS, classes=[0, 1, 2])
    assert_same_parameters(estimator, expected)
    assert estimator.predict(X).shape == LABELS.shape
