"""What cannot change when training continues is an error; what can change takes effect."""

import numpy as np
import pytest

from tests.continuation.common import LABELS, NUMBERS, TARGETS, X, assert_same_training, network
from tests.marks import ignore_convergence
from tests.networks import reloaded

pytestmark = [ignore_convergence, pytest.mark.filterwarnings("ignore:The hold-out")]
#: Task, parameters of the first and of the second fit, X and y of the second, error message.
CHANGES = {
    "hidden layers": ("number", {}, {"hidden_layer_sizes": (4,)}, None, None, "hidden_layer_sizes"),
    "one layer more": ("classes", {}, {"hidden_layer_sizes": (7, 7)}, None, None, "hidden_layer"),
    "none": ("classes", {}, {"hidden_layer_sizes": ()}, None, None, "hidden_layer_sizes"),
    "members": ("number", {}, {"n_members": 2}, None, None, "n_members"),
    "one member": ("classes", {"n_members": 2}, {"n_members": 1}, None, None, "n_members"),
    "dtype": ("number", {}, {"dtype": "float64"}, None, None, "dtype"),
    "columns": ("classes", {}, {}, X[:, :3], None, "X has 3 features"),
    "more columns": ("number", {}, {}, np.hstack([X, X]), None, "X has 8 features"),
    "more labels": ("classes", {}, {}, None, np.append(LABELS[:-1], "iris"), "classes|unseen"),
    "of other kind": ("classes", {}, {}, None, np.arange(75) % 3, "classes|unseen"),
    "label indicators": ("classes", {}, {}, None, TARGETS["labels"], "label indicators"),
    "no label indicators": ("labels", {}, {}, None, LABELS, "label indicators"),
    "fewer labels": ("labels", {}, {}, None, np.eye(3, dtype=int)[np.arange(75) % 3], "columns"),
    "more outputs": ("number", {}, {}, None, NUMBERS, "y has 2 outputs; 1"),
    "fewer outputs": ("numbers", {}, {}, None, NUMBERS[:, 0], "y has 1 outputs; 2"),
    "log link": ("number", {}, {"loss": "poisson"}, None, None, "'loss'.*'identity'"),
    "no log link": ("counts", {"loss": "gamma"}, {"loss": "huber"}, None, None, "'loss'.*'exp'"),
    "bounded": ("counts", {}, {"out_activation": "softplus"}, None, None, "'identity'"),
    "quantile": ("number", {"loss": "quantile"}, {"quantile": 0.9}, None, None, "quantile"),
    "more quantiles": (
        "number", {"loss": "quantile"}, {"quantile": (0.1, 0.5)}, None, None, "identity|quantile",
    ),
    "other quantiles": (
        "number", {"loss": "quantile", "quantile": (0.1, 0.9)}, {"quantile": (0.2, 0.9)},
        None, None, "quantile",
    ),
    "quantiles of a mean": (
        "number", {"loss": "quantile"}, {"loss": "squared_error"}, None, None, "loss|quantile",
    ),
    "a mean of quantiles": ("number", {}, {"loss": "quantile"}, None, None, "loss|quantile"),
    "unscaled": ("number", {}, {"target_scaling": False}, None, None, "target_scaling"),
    "scaled": ("number", {"target_scaling": False}, {"target_scaling": True}, None, None, "target"),
}  # fmt: skip


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("task", "first", "then", "X_then", "y_then", "message"), CHANGES.values(), ids=CHANGES
)
def test_a_change_that_is_not_possible_is_a_clear_error_and_leaves_the_model(
    task, first, then, X_then, y_then, message, method
):
    y = TARGETS[task]
    ours = network(task, warm_start=True, max_iter=2, **first).fit(X, y)
    oracle, before = reloaded(ours), dict(vars(ours))
    ours.set_params(**then)
    with pytest.raises(ValueError, match=message):
        getattr(ours, method)(X if X_then is None else X_then, y if y_then is None else y_then)
    ours.set_params(**{name: before[name] for name in then})
    assert vars(ours).keys() == before.keys()
    for estimator in (ours, oracle):
        getattr(estimator, method)(X, y)
    assert_same_training(ours, oracle, X)


@pytest.mark.parametrize(
    ("task", "then"),
    [
        ("number", {"loss": "huber"}),
        ("number", {"loss": "absolute_error", "solver": "sgd", "learning_rate": "cosine"}),
        ("counts", {"solver": "lbfgs"}),
        ("classes", {"loss": "squared_error", "label_smoothing": 0.1}),
        ("classes", {"dropout": 0.2, "alpha": 1e-5, "batch_size": 30, "max_iter": 3}),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:.*no effect")
def test_after_a_possible_change_training_continues_from_the_parameters(task, then):
    """The next loss is far below the first loss of a new network."""
    y = TARGETS[task]
    ours = network(task, warm_start=True, max_iter=60, learning_rate_init=0.03).fit(X, y)
    fresh = network(task, max_iter=60, learning_rate_init=0.03).set_params(**then).fit(X, y)
    ours.set_params(**then).fit(X, y)
    assert ours.loss_curve_[60] < 0.9 * fresh.loss_curve_[0]
