"""Training that diverges, and Ctrl-C."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from tests.faults.common import (
    X,
    classifier,
    fault,
    fitted_state,
    network,
    regressor,
    y,
)
from tests.marks import each_estimator, each_kind_of_solver, ignore_convergence
from tests.networks import assert_same_parameters

DIVERGES = {"solver": "sgd", "learning_rate_init": 1e3, "activation": "identity", "max_iter": 200}


# ----------------------------------------------------------------------------------- divergence


@fault("51", "SGD diverges")
@fault("52", "SGD diverges under early stopping")
@fault("D16", "a divergence ends after all epochs, without advice")
@fault("#17925", "weights that are not finite")
@fault("#29504", "NaN under early stopping")
@pytest.mark.parametrize("early_stopping", [False, True])
@ignore_convergence
def test_divergence_is_an_immediate_error_that_leaves_the_model(early_stopping):
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
def test_a_second_fit_starts_afresh_or_leaves_the_first_model(cls):
    unscaled = {"feature_scaling": None}  # with scaling, X near 1e200 trains
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
        assert_same_parameters(estimator, expected)


@fault("53", "a classifier diverges")
@pytest.mark.parametrize("rate", [1e3, 1e6, 1e20])
def test_divergence_of_a_classifier_is_an_error_or_a_warning(rate):
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
@each_kind_of_solver
@each_estimator
def test_an_interrupt_keeps_the_last_finished_epoch(cls, solver, interrupt_at):
    expected = network(cls, solver=solver, max_iter=3).fit(X, y)
    interrupt_at(3)
    estimator = network(cls, solver=solver, max_iter=50, verbose=1)
    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator.fit(X, y)
    assert_same_parameters(estimator, expected)
    assert len(estimator.loss_curve_) == estimator.n_iter_ == 3


@fault("68", "a second Ctrl-C within a second, in a search")
@ignore_convergence
@pytest.mark.filterwarnings("ignore:Training interrupted by user")
def test_a_second_interrupt_ends_a_search(interrupt_at):
    interrupt_at(2)
    search = GridSearchCV(classifier(verbose=1), {"alpha": [0.0, 0.1, 0.2]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
