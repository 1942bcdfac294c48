"""Gradient clipping, dropout and label smoothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from tests.controls.common import X, each_task, network, target
from tests.marks import ignore_convergence
from tests.networks import soft_prediction

pytestmark = ignore_convergence


# ------------------------------------------------------------------------- clipping, dropout


@pytest.mark.filterwarnings("ignore:.* of the rows carry 1 of the variance of y")
def test_clip_norm_limits_the_effect_of_an_outlier():
    """Gradient descent diverges on one target of 1e9; with clipping it does not."""
    y = target("number").copy()
    y[7] = 1e9
    params = {"solver": "sgd", "target_scaling": False, "learning_rate_init": 0.5}
    with pytest.raises(ValueError, match="non-finite"):
        network(**params, max_iter=40).fit(X, y)
    clipped = network(**params, clip_norm=1.0, max_iter=40, alpha=0.0)
    clipped.fit(X, y)
    assert max(abs(W).max() for W in clipped.coefs_) < 1000


@pytest.mark.parametrize("batch_size", [75, 25])
@each_task
def test_clipped_steps_of_gradient_descent_have_a_known_length_for_each_member(task, batch_size):
    ours = network(task, solver="sgd", momentum=0.0, clip_norm=1e-3, learning_rate_init=0.5,
                   n_members=3, batch_size=batch_size, shuffle=False,
                   feature_scaling=None)  # fmt: skip
    classes = {"classes": [0, 1, 2]} if task == "classes" else {}

    def theta():
        arrays = ours.coefs_ + ours.intercepts_
        return np.concatenate([a.reshape(3, -1) for a in arrays], axis=1)

    ours.partial_fit(X[:25], target(task)[:25], **classes)
    for _ in range(3):
        before = theta()
        ours.partial_fit(X[:25], target(task)[:25])
        assert_allclose(np.linalg.norm(theta() - before, axis=1), 0.5e-3, rtol=1e-9)


@pytest.mark.parametrize(
    ("params", "dropped"),
    [
        ({"hidden_layer_sizes": (), "dropout_input": 0.25}, "input"),
        ({"hidden_layer_sizes": (20,), "dropout": 0.4}, "hidden"),
        ({"hidden_layer_sizes": (20,), "dropout": 0.4, "activation": "tanh"}, "hidden"),
        ({"hidden_layer_sizes": (20, 10), "dropout": [0.0, 0.4]}, "hidden"),
    ],
    ids=str,
)
def test_dropout_keeps_the_mean_and_adds_a_known_variance(params, dropped):
    """Var(sum_j a_j w_j) = p / (1 - p) sum_j (a_j w_j)^2; half of it adds to the mean loss."""
    y = target("number") - 20
    common = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1e-300, "alpha": 0.0}
    common |= {"target_scaling": False, "batch_size": 75}
    ours = network(**common, **params, max_iter=2500).fit(X, y)
    p = 0.25 if dropped == "input" else 0.4
    A, w = ours.transform(X), ours.coefs_[-1][:, 0]
    assert_allclose(A @ w + ours.intercepts_[-1], ours.predict(X), rtol=1e-12)
    plain = np.mean((ours.predict(X) - y) ** 2) / 2
    added = p / (1 - p) / 2 * np.mean(np.sum((A * w) ** 2, axis=1))
    error = 4 * np.std(ours.loss_curve_) / np.sqrt(2500)
    assert_allclose(np.mean(ours.loss_curve_) - plain, added, atol=error)
    assert error < 0.2 * added


@pytest.mark.parametrize("params", [{"dropout": 0.5}, {"dropout_input": 0.5}], ids=str)
@each_task
def test_dropout_acts_in_training_only(task, params):
    ours = network(task, **params).fit(X, target(task))
    assert_array_equal(soft_prediction(ours, X), soft_prediction(ours, X))
    assert_array_equal(ours.transform(X), ours.transform(X))
    plain = network(task).fit(X, target(task))
    assert ours.loss_curve_ != plain.loss_curve_
    assert ours.loss_ > plain.loss_


# ---------------------------------------------------------------------------- label smoothing


@pytest.mark.parametrize("e", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_changes_the_training_loss_but_not_the_validation_loss(n_classes, e):
    """Of a separable problem: 1 - e + e / K, its entropy, and on the rows as they are -log of it.

    Without smoothing nothing is the optimum: both losses tend to 0.
    """
    y = np.arange(60) % n_classes
    rows = np.eye(n_classes)[y][:, : n_classes - (n_classes == 2)]
    ours = network("classes", hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-9,
                   label_smoothing=e, max_iter=1000, scoring="loss")  # fmt: skip
    ours.fit(rows, y, X_val=rows, y_val=y)
    last = ours.validation_loss_curve_[-1]
    if e == 0:
        assert max(ours.loss_, last) < 1e-6
        return
    q = np.append(1 - e + e / n_classes, np.full(n_classes - 1, e / n_classes))
    assert_allclose(ours.loss_, -q @ np.log(q), rtol=1e-8)
    assert_allclose(last, -np.log(q[0]), rtol=1e-4)
    unwatched = clone(ours).set_params(scoring=None).fit(rows, y)
    assert_allclose(unwatched.predict_proba(rows)[np.arange(60), y], q[0], rtol=1e-5)
