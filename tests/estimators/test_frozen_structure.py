"""What must stay as it is while training continues, by partial_fit or by a warm start."""

import pytest
from sklearn.base import clone

from tests.datasets import X_IRIS, Y_IRIS, multilabel, numbers
from tests.estimators.common import network
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_model
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

#: The change, and the message of the error.
CHANGES = {
    "hidden layers": ({"hidden_layer_sizes": (4,)}, "'hidden_layer_sizes'.*must stay"),
    "number of hidden layers": ({"hidden_layer_sizes": (8, 8)}, "'hidden_layer_sizes'.*must stay"),
    "members": ({"n_members": 2}, "'n_members'.*must stay 1"),
    "dtype": ({"dtype": "float64"}, "'dtype'.*must stay 'float32'"),
}


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("params", "message"), CHANGES.values(), ids=CHANGES)
@each_estimator
def test_the_network_cannot_change_when_training_continues(cls, params, message, method):
    estimator = network(cls, warm_start=method == "fit", dtype="float32").fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=message):
        getattr(estimator.set_params(**params), method)(X_IRIS, Y_IRIS)


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@each_estimator
def test_the_columns_cannot_change_when_training_continues(cls, method):
    estimator = network(cls, warm_start=method == "fit").fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP.* is expecting 4"):
        getattr(estimator, method)(X_IRIS[:, :3], Y_IRIS)


@ignore_convergence
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_outputs_cannot_change_when_training_continues(method):
    X, Y = numbers()
    estimator = network(MLPBackpropRegressor, warm_start=method == "fit").fit(X, Y)
    with pytest.raises(ValueError, match="y has 2 outputs; 3 were expected"):
        getattr(estimator, method)(X, Y[:, :2])
    X, Y = multilabel()
    estimator = network(MLPBackpropClassifier, warm_start=method == "fit").fit(X, Y)
    with pytest.raises(ValueError, match=r"2 columns.*3 were expected|same classes"):
        getattr(estimator, method)(X, Y[:, :2])
    with pytest.raises(ValueError, match="labels, or label indicators"):
        getattr(estimator, method)(X, Y[:, 0])


@ignore_convergence
def test_the_classes_cannot_change_when_training_continues():
    estimator = network(MLPBackpropClassifier, warm_start=True).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match="same classes"):
        estimator.fit(X_IRIS, Y_IRIS + 1)
    with pytest.raises(ValueError, match="same classes"):
        estimator.fit(X_IRIS, Y_IRIS.clip(0, 1))
    with pytest.raises(ValueError, match="not the same as on the first call"):
        estimator.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2, 3])


@ignore_convergence
@each_estimator
def test_without_warm_start_everything_can_change(cls):
    estimator = network(cls, dtype="float32").fit(X_IRIS, Y_IRIS)
    estimator.set_params(hidden_layer_sizes=(3, 2), n_members=2, dtype="float64")
    estimator.fit(X_IRIS[:, :3], (Y_IRIS > 1) * 1)
    fresh = clone(estimator).fit(X_IRIS[:, :3], (Y_IRIS > 1) * 1)
    assert_same_model(estimator, fresh, X_IRIS[:, :3])
    assert estimator.loss_curve_ == fresh.loss_curve_
    assert estimator.t_ == fresh.t_
