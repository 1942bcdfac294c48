"""What a pickle, a representation and a clone hold: parameters, and no rows."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_html_repr

from tests.marks import ignore_convergence
from tests.networks import first_classes, parameters
from tests.sharing.common import each_size, each_task, network

pytestmark = ignore_convergence
KIB = 1024
KEPT_STATE = {"adam": 3, "sgd": 2}  # parameters and the arrays of the solver, times their size


def wide(task, n_samples=300, n_features=100):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    z = X[:, 0] + rng.normal(size=n_samples)
    return X, (np.digitize(z, [-0.5, 0.5]) if task == "classifier" else z)


def n_bytes(model):
    return sum(a.nbytes for a in parameters(model))


@each_task
@each_size
@pytest.mark.parametrize("validated", [None, "early_stopping", "X_val"])
def test_a_pickle_holds_at_most_64_kib_beside_the_parameters_and_no_rows(
    task, n_members, validated
):
    X, y = wide(task, n_samples=80)
    held = {"X_val": X[:30], "y_val": y[:30]} if validated == "X_val" else {}
    forever = {"max_iter": 200, "tol": 0, "n_iter_no_change": np.inf, "batch_size": 50}
    model = network(task, n_members=n_members, **forever)
    model.set_params(early_stopping=validated == "early_stopping").fit(X, y, **held)
    for curve in (model.loss_curve_, model.validation_scores_, model.validation_loss_curve_):
        if curve is not None:  # as after 1000 epochs
            curve *= 5
    dumped, size = pickle.dumps(model), n_bytes(model)
    beside = len(dumped) - size
    print(
        f"{task}, {n_members} members, {validated}: {size / KIB:.1f} KiB of parameters,"
        f" {len(model.loss_curve_)} epochs, {beside / KIB:.1f} KiB beside them"
    )
    assert (model.n_iter_, len(model.loss_curve_)) == (200, 1000)
    assert beside <= 64 * KIB
    assert not has_rows(dumped, X)
    assert y.astype(np.float64)[:8].tobytes() not in dumped


def has_rows(dumped, X):
    """Whether the bytes contain a row of X, or half of one."""
    halves = [half for row in X for half in np.split(row, 2)]
    return any(half.astype(t).tobytes() in dumped for half in halves for t in "fd")


@each_task
@pytest.mark.parametrize("solver", KEPT_STATE)
def test_the_training_state_is_pickled_only_where_training_may_continue(task, solver):
    X, y = wide(task)

    def sizes(model):
        return len(pickle.dumps(model)), n_bytes(model)

    net = network(task, (200,), solver=solver)
    plain, size = sizes(clone(net).fit(X, y))
    for model in (
        clone(net).set_params(warm_start=True).fit(X, y),
        clone(net).partial_fit(X, y, **first_classes(net, y)),
    ):
        kept, _ = sizes(model)
        assert not has_rows(pickle.dumps(model), X)
        assert 0.95 * size < kept - plain - (KEPT_STATE[solver] - 2) * size < 1.2 * size
        model.set_params(warm_start=False).fit(X, y)
        assert abs(sizes(model)[0] - plain) < KIB


@each_task
def test_representations_and_clones_of_a_large_model_hold_no_arrays(task):
    X, y = wide(task)
    model = network(task, (1000, 900), max_iter=1).fit(X, y)
    assert model.n_parameters_ > 1e6 - 1e5
    text, html = repr(model), estimator_html_repr(model)
    assert len(text) < 1000
    assert len(html) < 200_000
    for a in parameters(model):
        for number in map(float, a.ravel()[:20]):
            for written in (repr(number), f"{number:.6g}", f"{number:.8f}"):
                assert len(written) < 6 or (written not in text and written not in html)
    assert vars(clone(model)).keys() <= vars(network(task)).keys()
