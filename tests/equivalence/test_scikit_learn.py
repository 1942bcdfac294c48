"""scikit-learn's networks: the same predictions and the same training from the same parameters."""

import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tests.datasets import TASKS, each_task
from tests.equivalence.common import both
from tests.marks import ignore_lbfgs
from tests.networks import soft_prediction
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_lbfgs
SCIKIT_LEARN = {MLPBackpropClassifier: MLPClassifier, MLPBackpropRegressor: MLPRegressor}


def with_parameters_of(other, ours, X, y):
    """Return `ours` in float64, without scaling, with the weights and biases of `other`."""
    ours = clone(ours).set_params(solver="lbfgs", max_iter=1, learning_rate_init=0.001)
    ours.set_params(feature_scaling=None)  # as scikit-learn
    if isinstance(ours, MLPBackpropRegressor):
        ours.set_params(target_scaling=False)
    ours.fit(X, y)
    assert [W.shape for W in ours.coefs_] == [W.shape for W in other.coefs_]
    ours.coefs_ = [W.copy() for W in other.coefs_]
    ours.intercepts_ = [b.copy() for b in other.intercepts_]
    return ours


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@each_task
def test_predictions_equal_scikit_learns_from_its_parameters(task, activation):
    cls, data = TASKS[task]
    X, y = data()
    theirs = SCIKIT_LEARN[cls](
        hidden_layer_sizes=(6, 4), activation=activation, max_iter=30, random_state=0
    ).fit(X, y)
    ours = with_parameters_of(theirs, cls((6, 4), activation), X, y)
    assert_allclose(soft_prediction(ours, X), soft_prediction(theirs, X), rtol=0, atol=1e-12)
    assert_array_equal(ours.predict(X).shape, theirs.predict(X).shape)
    assert ours.out_activation_ == theirs.out_activation_
    if cls is MLPBackpropClassifier:
        assert_array_equal(ours.predict(X), theirs.predict(X))


#: Solver, number of batches, parameters.
TRAININGS = [
    *(("sgd", batches, {"momentum": 0.0}) for batches in (1, 5)),
    *(("sgd", batches, {"nesterovs_momentum": False}) for batches in (1, 5)),
    *(("sgd", batches, {}) for batches in (1, 5)),
    *(("sgd", batches, {"learning_rate": "invscaling", "power_t": 0.2}) for batches in (1, 5)),
    ("sgd", 5, {"learning_rate": "adaptive"}),
    ("adam", 5, {"epsilon": 1e-30}),  # scikit-learn adds epsilon elsewhere
    ("lbfgs", 1, {}),
]


@pytest.mark.parametrize(("solver", "batches", "params"), TRAININGS, ids=str)
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "number"])
def test_training_equals_scikit_learns_from_its_initial_parameters(
    task, activation, solver, batches, params
):
    """alpha is divided by the batch size. n_iter_no_change differs by one and is not reached."""
    cls, data = TASKS[task]
    X, y = data()
    X, y = X[:100][::-1], y[:100][::-1]
    batch_size = len(X) // batches
    if solver != "lbfgs":
        rate = {"sgd": 0.3 if activation == "logistic" else 0.05, "adam": 0.01}[solver]
        params = {**params, "learning_rate_init": rate, "batch_size": batch_size}
        params |= {"shuffle": False, "n_iter_no_change": 100}
    theirs = SCIKIT_LEARN[cls](hidden_layer_sizes=(6, 4), activation=activation, random_state=3)
    theirs.set_params(alpha=0.1, max_iter=12, solver=solver, **params)
    # scikit-learn's initial parameters: one step at a rate of 1e-300 does not change them
    start = clone(theirs).set_params(solver="sgd", learning_rate_init=1e-300, max_iter=1).fit(X, y)
    theirs.fit(X, y)
    ours = with_parameters_of(start, cls((6, 4), activation), X, y)
    ours.set_params(warm_start=True, max_iter=12, alpha=0.1 / batch_size, solver=solver, **params)
    ours.fit(X, y)
    for own, other in both(ours, theirs):
        assert_allclose(own, other, rtol=1e-7, atol=1e-9)
    assert max(abs(other - first).max() for other, first in both(theirs, start)) > 0.01
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    if solver != "lbfgs":
        assert_allclose(ours.loss_curve_[-12:], theirs.loss_curve_, rtol=1e-9)
