"""transform, names of its columns, and the attributes of each solver."""

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from tests.controls.common import NUMBERS, TRAIN, X_TEST, X, each_task, network, target
from tests.marks import ignore_convergence
from tests.networks import best_epoch

pytestmark = ignore_convergence
ACTIVATIONS = {
    "relu": lambda Z: np.maximum(Z, 0),
    "tanh": np.tanh,
    "logistic": scipy.special.expit,
    "identity": lambda Z: Z,
}


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    ("sizes", "activation"),
    [((6,), "relu"), ((6, 4), "tanh"), ((3, 5), ("logistic", "identity")), ((), "relu")],
    ids=str,
)
@each_task
def test_transform_returns_the_activations_of_the_last_hidden_layer(
    task, sizes, activation, n_members
):
    params = {"hidden_layer_sizes": sizes, "activation": activation, "n_members": n_members}
    params["feature_scaling"] = None  # the oracle does not scale X
    if not sizes:
        del params["activation"]
    ours = network(task, **params)
    hidden = ours.fit_transform(X, target(task))
    activation = (activation,) * len(sizes) if isinstance(activation, str) else activation
    members = []
    for k in range(n_members):
        A = X_TEST
        for sigma, W, b in zip(activation, ours.coefs_, ours.intercepts_, strict=False):
            A = ACTIVATIONS[sigma](A @ W[k] + b[k] if n_members > 1 else A @ W + b)
        members.append(A)
    expected = np.concatenate(members, axis=1) if sizes else X_TEST
    assert_allclose(ours.transform(X_TEST), expected, rtol=1e-12, atol=1e-14)
    assert_array_equal(ours.transform(X), hidden)
    names = [f"{type(ours).__name__.lower()}{k}" for k in range(expected.shape[1])]
    assert_array_equal(ours.get_feature_names_out(), names)
    assert ours.transform(X_TEST.astype(np.float32)).dtype == np.float32


def test_transform_returns_frames_after_set_output():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"), index=range(100, 175))
    ours = network(n_members=2).fit(frame, target("number")).set_output(transform="pandas")
    out = ours.transform(frame)
    assert_array_equal(out.columns, ours.get_feature_names_out())
    assert_array_equal(out.index, frame.index)
    assert_array_equal(
        out, clone(ours).set_output(transform="default").fit_transform(frame, NUMBERS[TRAIN])
    )


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
@each_task
def test_attributes_of_every_solver(task, solver, n_members):
    n_outputs = 3 if task == "classes" else 1
    ours = network(task, solver=solver, n_members=n_members, hidden_layer_sizes=(6, 5))
    ours.fit(X, target(task))
    assert ours.n_parameters_ == n_members * (5 * 6 + 7 * 5 + 6 * n_outputs)
    assert len(ours.loss_curve_) == ours.n_iter_ == 10
    assert ours.loss_ == ours.loss_curve_[-1]
    assert ours.best_loss_ == min(ours.loss_curve_)
    assert ours.best_iter_ is ours.validation_scores_ is ours.validation_loss_curve_ is None
    if solver == "lbfgs" and n_members > 1:
        return
    ours.set_params(early_stopping=True).fit(X, target(task))
    assert ours.best_iter_ == best_epoch(ours)
    assert len(ours.validation_scores_) == len(ours.validation_loss_curve_) == ours.n_iter_
    assert ours.best_loss_ is None
