"""Scaling of the target inside is a StandardScaler around the network."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from tests.datasets import X_DIABETES as X
from tests.datasets import Y_DIABETES as Y
from tests.equivalence.targets import SKEWED, each_weighting, linear, network
from tests.marks import each_solver, ignore_lbfgs
from tests.plain import MLPBackpropRegressor

pytestmark = ignore_lbfgs
TARGETS = {
    "one": 7 * SKEWED + 300,
    "several": np.stack([7 * SKEWED + 300, 1e-3 * Y, -Y], axis=1),
}


@each_weighting
@pytest.mark.parametrize("hidden", [(), (5,)], ids=str)
@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
@each_solver
def test_target_scaling_equals_a_standard_scaler_around_the_network(solver, y, hidden, w):
    """The same start too: the best constant is the mean, 0 in scaled units.

    The features are not centred: adam would divide the rounding of a zero gradient by itself.
    """
    rows = X + 0.5
    params = {"hidden_layer_sizes": hidden, "activation": "relu", "alpha": 0.01}
    params["feature_scaling"] = None
    ours = network(MLPBackpropRegressor, solver=solver, **params).fit(rows, y, sample_weight=w)
    inner = network(MLPBackpropRegressor, solver=solver, **params, target_scaling=False)
    scaler = StandardScaler().fit(y.reshape(len(y), -1), sample_weight=w)
    oracle = inner.fit(rows, scaler.transform(y.reshape(len(y), -1)).reshape(y.shape), w)
    prediction = scaler.inverse_transform(oracle.predict(rows).reshape(len(y), -1)).reshape(y.shape)
    assert_allclose(ours.predict(rows), prediction, rtol=1e-6, atol=1e-6 * y.std(axis=0).min())
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-6)


def test_the_optimum_equals_transformed_target_regressors():
    for y in TARGETS.values():
        oracle = TransformedTargetRegressor(
            linear(alpha=0.01, target_scaling=False), transformer=StandardScaler()
        )
        ours = linear(alpha=0.01).fit(X, y)
        assert_allclose(ours.predict(X), oracle.fit(X, y).predict(X), rtol=1e-6)


LINEAR_LOSSES = [
    {},
    {"loss": "absolute_error"},
    {"loss": "huber"},
    {"loss": "quantile", "quantile": 0.3},
    {"loss": "quantile", "quantile": (0.1, 0.6)},
]


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7, 1e300, 5e-324])
@pytest.mark.parametrize("params", LINEAR_LOSSES, ids=str)
@each_solver
def test_a_constant_target_is_predicted_exactly(solver, params, value):
    ours = network(MLPBackpropRegressor, solver=solver, **params).fit(X, np.full(len(X), value))
    assert (ours.predict(X) == value).all()
    if "quantile" not in params.get("loss", ""):
        y = np.stack([Y, np.full(len(X), value)], axis=1)
        ours = network(MLPBackpropRegressor, solver=solver, **params).fit(X, y)
        assert (ours.predict(X)[:, 1] == value).all()
        assert np.ptp(ours.predict(X)[:, 0]) > 1


@pytest.mark.parametrize("dtype", ["float64", "auto"])
@pytest.mark.parametrize("params", LINEAR_LOSSES, ids=str)
@each_solver
def test_unit_and_origin_of_the_target_do_not_matter(solver, params, dtype):
    sizes = {} if solver == "lbfgs" else {"batch_size": 50}
    few, many = (
        network(MLPBackpropRegressor, solver=solver, dtype=dtype, max_iter=15, **params, **sizes)
        for _ in range(2)
    )
    R2 = few.fit(X, Y).score(X, Y)
    assert_allclose(many.fit(X, Y * 1000 + 1e6).score(X, Y * 1000 + 1e6), R2, atol=1e-3)
    if dtype == "float64":
        assert_allclose(many.predict(X), few.predict(X) * 1000 + 1e6, rtol=1e-7)


@pytest.mark.parametrize("unit", [1e-200, 1e305])
@pytest.mark.parametrize("params", [*LINEAR_LOSSES, {"early_stopping": True}], ids=str)
@each_solver
def test_tiny_and_huge_targets_train_as_others_do(solver, params, unit):
    ours, oracle = (network(MLPBackpropRegressor, solver=solver, **params) for _ in range(2))
    oracle.fit(X, Y)
    ours.fit(X, Y * unit)
    assert_allclose(ours.predict(X) / unit, oracle.predict(X), rtol=1e-6)
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-6)
    if "early_stopping" in params:
        assert_allclose(ours.validation_scores_, oracle.validation_scores_, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_early_stopping_in_float32_scores_targets_outside_the_range_of_float32(unit):
    ours, oracle = (
        MLPBackpropRegressor((6,), early_stopping=True, batch_size=20, random_state=0, max_iter=20)
        for _ in range(2)
    )
    oracle.fit(X, Y)
    ours.fit(X, Y * unit)
    assert ours.coefs_[0].dtype == np.float32
    assert_allclose(ours.validation_scores_, oracle.validation_scores_, rtol=1e-5)
    assert_allclose(ours.predict(X) / unit, oracle.predict(X), rtol=1e-5)
