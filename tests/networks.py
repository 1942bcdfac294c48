"""Small, fast, seeded estimators, and the comparisons that many tests make of them."""

import pickle

import numpy as np
from numpy.testing import assert_array_equal

from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

#: The estimator of each task; the keys are the names that tests give to their targets.
ESTIMATOR_OF = {
    **dict.fromkeys(
        ["classifier", "classes", "two classes", "labels", "binary", "multiclass", "multilabel"],
        MLPBackpropClassifier,
    ),
    **dict.fromkeys(["regressor", "number", "numbers", "counts"], MLPBackpropRegressor),
}


def network_maker(default=None, sizes=(8,), *, rate=None, sgd_rate=None, **defaults):
    """Return a function that makes small estimators with these defaults.

    The function takes a class or the name of a task, the sizes of the hidden layers, and any
    parameters, which replace the defaults. Defaults that would have no effect are left out: the
    estimators would warn of them.

    Parameters
    ----------
    default : class or str
        What the function makes when called without a class or task.
    sizes : tuple of int
        Hidden layers.
    rate, sgd_rate : float or None
        ``learning_rate_init``; `sgd_rate` is for ``solver="sgd"``, if it is another one.
    **defaults
        Other parameters. ``max_iter`` is 5 and ``random_state`` 0 if they are not among them.
    """
    default_sizes, defaults = sizes, {"max_iter": 5, "random_state": 0} | defaults

    def network(kind=default, sizes=default_sizes, **params):
        cls = ESTIMATOR_OF[kind] if isinstance(kind, str) else kind
        solver, schedule = params.get("solver"), params.get("learning_rate")
        own = {"hidden_layer_sizes": sizes} | defaults
        initial = sgd_rate if solver == "sgd" and sgd_rate else rate
        if initial and solver != "lbfgs" and not callable(schedule):
            own["learning_rate_init"] = initial
        if solver == "lbfgs":
            own.pop("batch_size", None)
        if solver == "lbfgs" or isinstance(schedule, str):
            own.pop("n_iter_no_change", None)
        return cls(**(own | params))

    return network


def first_classes(estimator, y):
    """What the first call of ``partial_fit`` needs besides X and y."""
    if not isinstance(estimator, MLPBackpropClassifier):
        return {}
    return {"classes": np.unique(y) if np.ndim(y) == 1 else np.arange(np.shape(y)[1])}


def reloaded(estimator):
    """A copy made by pickle."""
    return pickle.loads(pickle.dumps(estimator))


def outputs(estimator, X):
    """Everything an estimator predicts for X."""
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    return [getattr(estimator, name)(X) for name in methods if hasattr(estimator, name)]


def soft_prediction(estimator, X):
    """Probabilities of a classifier, predictions of a regressor."""
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def best_epoch(estimator):
    """The number of the epoch with the highest score and, of equal ones, the lowest loss."""
    losses = -np.asarray(estimator.validation_loss_curve_)
    return int(np.lexsort([-np.arange(len(losses)), losses, estimator.validation_scores_])[-1]) + 1


def parameters(estimator):
    """All weights and biases."""
    return estimator.coefs_ + estimator.intercepts_


def assert_same_parameters(ours, expected):
    """All weights and biases are equal, and of the same dtype."""
    for own, other in zip(parameters(ours), parameters(expected), strict=True):
        assert own.dtype == other.dtype
        assert_array_equal(own, other)


def assert_same_model(ours, expected, X):
    """Parameters and all predictions for X are equal."""
    assert_same_parameters(ours, expected)
    for own, other in zip(outputs(ours, X), outputs(expected, X), strict=True):
        assert_array_equal(own, other)
