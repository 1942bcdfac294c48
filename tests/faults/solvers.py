"""Options of the solvers: batches, rates and limits."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sknet._engine.stopping import Stopping
from tests.faults.common import X, classifier, fault, network, y
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters
from tests.plain import MLPBackpropClassifier


@fault("79", "a batch of more rows than there are")
@ignore_convergence
@each_estimator
def test_a_batch_is_at_most_all_rows(cls):
    """And there is no warning: the tests turn warnings into errors."""
    estimator = network(cls, batch_size=10**9).fit(X, y)
    assert_same_parameters(estimator, network(cls, batch_size=150).fit(X, y))


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
    assert_same_parameters(constant, so_far)
    assert not np.array_equal(invscaling.coefs_[0], constant.coefs_[0])


@fault("D17", "one lucky epoch collapses an adaptive rate")
def test_one_very_good_epoch_does_not_make_the_next_ones_a_plateau():
    stopping = Stopping(tol=1e-4, patience=2)
    losses = [1.0, 0.1, *np.linspace(0.9, 0.2, 20)]
    assert sum(stopping.update(np.zeros(1), loss) for loss in losses) == 1


@fault("#9273", "lbfgs stops at 15000 evaluations")
def test_lbfgs_stops_at_max_fun_and_max_iter():
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
