"""Parameters that are refused together with others, or with the data."""

import numpy as np
import pytest

from sknet._params import InvalidParameterError
from tests.marks import each_estimator, ignore_convergence
from tests.params.data import X, Y
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor


@pytest.mark.parametrize("out_activation", ["identity", "logistic", "tanh", "softplus"])
def test_poisson_refuses_other_output_activations(out_activation):
    estimator = MLPBackpropRegressor(loss="poisson", out_activation=out_activation)
    with pytest.raises(InvalidParameterError, match=f"'out_activation'.*Got '{out_activation}'"):
        estimator.fit(X, Y)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile", "gamma", "tweedie"])
def test_losses_with_their_own_output_refuse_other_output_activations(loss):
    estimator = MLPBackpropRegressor(loss=loss, out_activation="tanh")
    with pytest.raises(InvalidParameterError, match=f"'out_activation'.*'auto' with loss='{loss}'"):
        estimator.fit(X, Y + 1)


def test_several_quantiles_refuse_other_output_activations():
    estimator = MLPBackpropRegressor(
        loss="quantile", quantile=(0.1, 0.9), out_activation="identity"
    )
    with pytest.raises(InvalidParameterError, match=r"'out_activation'.*several quantiles"):
        estimator.fit(X, Y)


@each_estimator
@pytest.mark.parametrize(
    ("name", "value", "off"),
    [
        *[("dropout", 0.5, "0.0"), ("dropout", (0.0, 0.1), "0.0"), ("dropout_input", 0.1, "0.0")],
        ("clip_norm", 1.0, "None"),
    ],
)
def test_dropout_and_clipping_are_an_error_with_lbfgs(cls, name, value, off):
    estimator = cls((4, 3), solver="lbfgs", **{name: value})
    with pytest.raises(
        InvalidParameterError, match=f"'{name}' parameter .*must be {off} with solver='lbfgs'"
    ):
        estimator.fit(X, Y)


@each_estimator
@ignore_convergence
@pytest.mark.parametrize("dropout", [0, 0.0, (0.0, 0), np.zeros(2)])
def test_lbfgs_accepts_a_dropout_of_zero_in_every_form(cls, dropout):
    cls((4, 3), solver="lbfgs", dropout=dropout, max_iter=2).fit(X, Y)


@each_estimator
@pytest.mark.parametrize(
    ("sizes", "dropout"),
    [((4, 3), (0.1,)), (4, [0.1, 0.1]), ((), (0.1,)), ((4,), ()), ((4, 3), [])],
)
def test_a_sequence_of_dropouts_needs_one_value_per_hidden_layer(cls, sizes, dropout):
    with pytest.raises(InvalidParameterError, match=r"'dropout' parameter.*hidden layers"):
        cls(sizes, dropout=dropout).fit(X, Y)


def test_balanced_class_weights_are_refused_by_partial_fit():
    estimator = MLPBackpropClassifier(class_weight="balanced")
    with pytest.raises(InvalidParameterError, match=r"'class_weight'.*partial_fit.*compute_class"):
        estimator.partial_fit(X, Y, classes=[0, 1, 2])
    estimator = MLPBackpropClassifier(
        class_weight={0: 2.0}, feature_scaling=None
    )  # too few rows to learn scales
    estimator.partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0}])
def test_class_weights_are_refused_with_label_indicators(class_weight):
    labels = np.stack([Y == 0, Y == 1, X[:, 0] > 5], axis=1).astype(int)
    with pytest.raises(InvalidParameterError, match=r"'class_weight'.*indicators.*sample_weight"):
        MLPBackpropClassifier(class_weight=class_weight).fit(X, labels)


@each_estimator
def test_lbfgs_with_several_members_cannot_stop_early(cls):
    estimator = cls(solver="lbfgs", n_members=2, early_stopping=True)
    with pytest.raises(InvalidParameterError, match=r"'early_stopping'.*lbfgs.*n_members"):
        estimator.fit(X, Y)


@each_estimator
@pytest.mark.parametrize(
    ("sizes", "activation"),
    [((4, 3), ("relu",)), (4, ["relu", "tanh"]), ((), ("relu",)), ((4,), ()), ((4, 3), [])],
)
def test_a_sequence_of_activations_needs_one_per_hidden_layer(cls, sizes, activation):
    with pytest.raises(InvalidParameterError, match=r"'activation' parameter.*hidden layers"):
        cls(sizes, activation).fit(X, Y)
