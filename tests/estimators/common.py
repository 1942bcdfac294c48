"""Fitted estimators, and what they hold."""

import pickle

from tests.datasets import TASKS
from tests.networks import network_maker

#: Few epochs, at rates large enough for a clear change.
network = network_maker(rate=0.01, sgd_rate=0.1)


def fitted(task, **params):
    cls, data = TASKS[task]
    X, y = data()
    return network(cls, **params).fit(X, y), X, y


def contents(estimator):
    """All attributes of an estimator, as bytes."""
    return pickle.dumps(vars(estimator))
