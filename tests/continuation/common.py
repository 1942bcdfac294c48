"""Targets, networks, and ways to train in one call or in several."""

import numpy as np
from sklearn.preprocessing import scale

from tests.datasets import X_IRIS, Y_IRIS
from tests.networks import assert_same_model, first_classes, network_maker, reloaded

X = scale(X_IRIS[::2])
LABELS = np.array(["setosa", "versicolor", "virginica"])[Y_IRIS[::2]]
NUMBERS = 40 + 7 * np.stack([X[:, 0] * X[:, 1], np.sin(2 * X[:, 2])], axis=1)
COUNTS = np.round(np.exp(X[:, 0])) + 1
TARGETS = {
    "classes": LABELS,
    "two classes": LABELS == "setosa",
    "labels": np.stack([LABELS == "setosa", X[:, 1] > 0], axis=1) * 1,
    "number": NUMBERS[:, 0],
    "numbers": NUMBERS,
    "counts": COUNTS,
}

#: They train for all epochs. X is not scaled: partial_fit warns when it learns scales from so
#: few rows.
network = network_maker(
    sizes=(7,), rate=0.01, sgd_rate=0.05, batch_size=16, random_state=3, tol=0.0,
    n_iter_no_change=np.inf, feature_scaling=None,
)  # fmt: skip


def in_one_fit(estimator, epochs, X, y, w):
    return estimator.set_params(max_iter=epochs).fit(X, y, sample_weight=w)


def in_calls_of_partial_fit(estimator, epochs, X, y, w):
    estimator.set_params(max_iter=epochs)
    classes = first_classes(estimator, y)
    for k in range(epochs):
        estimator.partial_fit(X, y, sample_weight=w, **classes)
        if k in (0, epochs // 2):
            estimator = reloaded(estimator)
    return estimator


def assert_same_training(ours, oracle, X):
    """Parameters, predictions, losses and the number of samples seen are equal."""
    assert_same_model(ours, oracle, X)
    assert ours.loss_curve_ == oracle.loss_curve_
    assert ours.t_ == oracle.t_
