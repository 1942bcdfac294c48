import re
from itertools import product
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._params import InvalidParameterError

ESTIMATORS = [MLPBackpropClassifier, MLPBackpropRegressor]
each_estimator = pytest.mark.parametrize("cls", ESTIMATORS)

X, Y = load_iris(return_X_y=True)
X, Y = X[::3], Y[::3]

NO_NUMBER = ["1", "", None, True, False, np.True_, nan, -inf, 1j, [], (1,), np.array([1]), {1: 1}]
NUMBER_OR_NONE = [value for value in NO_NUMBER if value is not None]
NO_INTEGER = [*NO_NUMBER, 1.0, 1.5, np.float64(2.0)]
NO_BOOL = ["yes", "", None, 0, 1, 1.0, nan, [], [True], np.array([True])]
NO_NAME = ["nope", "", "Auto", None, 1, True, nan, [], ["nope"], b"auto", {"auto": 1}]

BAD = {
    "hidden_layer_sizes": [
        *[0, -1, 3.5, 4.0, True, np.True_, nan, inf, "10", "", None, 1j, {5}, {5: 1}, b"5"],
        *[(5, 0), (5, -1), [5, 2.5], [8, [2]], ((),), ("5",), (None,), [True], (nan,), (inf,)],
        *[np.array(5), np.array([5.0]), np.array([True]), np.array([0]), np.ones((2, 2), int)],
    ],
    "activation": [*NO_NAME[:-2], b"relu", "softmax", ("nope",), [["relu"]], (None,), {"relu"}],
    "solver": [*NO_NAME, "auto", ["adam"]],
    "alpha": [*NO_NUMBER, inf, 10**400, -1, -1e-300],
    "batch_size": [*NO_INTEGER, inf, 0, -1, "full"],
    "learning_rate": [*NO_NAME, "auto", 0.1],
    "warmup": [*NO_NUMBER, inf, -1, -0.1, 1.0, 1.5],
    "dropout": [*NO_NUMBER, inf, 1, 1.0, -0.1, (0.1, 0.1), (1.0,), ("0.1",), np.ones((1, 1)) / 2],
    "dropout_input": [*NO_NUMBER, inf, 1, 1.0, -0.1, (0.1,), [0.1]],
    "clip_norm": [*NUMBER_OR_NONE, inf, 0, 0.0, -1],
    "max_time": [*NUMBER_OR_NONE, inf, 0, 0.0, -1],
    "scoring": ["nope", "", "auto", 1, True, nan, [], ["accuracy"], b"loss", {"accuracy": 1}],
    "learning_rate_init": [*NO_NUMBER, inf, 0, 0.0, -0.1],
    "power_t": [*NO_NUMBER, inf, -0.5],
    "max_iter": [*NO_INTEGER, inf, 0, -1],
    "shuffle": NO_BOOL,
    "random_state": [
        *["0", True, np.True_, 0.0, nan, inf, -1, 2**32, [], [1], (), np.array([1])],
        np.random.default_rng(0),
        np.random,
    ],
    "tol": [*NO_NUMBER, inf, -1e-4],
    "verbose": ["yes", "", None, -1, 1.0, nan, inf, [], [True]],
    "warm_start": NO_BOOL,
    "momentum": [*NO_NUMBER, inf, -0.1, 1.1],
    "nesterovs_momentum": NO_BOOL,
    "early_stopping": [*NO_BOOL, "Auto"],
    "validation_fraction": [*NO_NUMBER, inf, 0, 0.0, 1, 1.0, -0.1, 1.5],
    "beta_1": [*NO_NUMBER, inf, -0.1, 1, 1.0, 2],
    "beta_2": [*NO_NUMBER, inf, -0.1, 1, 1.0, 2],
    "epsilon": [*NO_NUMBER, inf, 0, 0.0, -1e-8],
    "rho": [*NO_NUMBER, inf, -0.1, 1, 1.0, 2],
    "weight_decay": [*NO_NUMBER, inf, -0.1],
    "n_iter_no_change": [*NO_INTEGER, 0, -1],
    "max_fun": [*NO_INTEGER, inf, 0, -1],
    "init": [*NO_NAME, "glorot"],
    "n_members": [*NO_INTEGER, inf, 0, -1],
    "dtype": [*NO_NAME, "float16", "int32", np.float32, np.dtype("float64")],
    "feature_scaling": [*filter(None, NO_NAME), "", False, "minmax", "none", ("standard",)],
    "categorical_features": [
        *["all", "auto", "a", "", 3, 0, True, False, 0.5, nan, b"from_dtype", {0}, {0: 1}, {"a"}],
        *[[0.5], [0, "a"], [True, 0], [None], [[0]], ((0,),), ["a", b"b"], np.array([0.0])],
        *[np.array([[0]]), np.array(0), np.array("a"), np.array([0, "a"], dtype=object)],
    ],
    "min_frequency": [*NO_NUMBER, inf, 1, 1.0, -0.1, "0.1"],
    "max_onehot": [*NO_INTEGER, inf, -1, "auto"],
    "embedding_dim": [*NO_INTEGER, inf, 0, -1, "sqrt"],
}
BAD_OF_ONE = {
    MLPBackpropClassifier: {
        "loss": [*NO_NAME, "auto", "poisson"],
        "class_weight": [
            *["nope", "", "auto", 1, True, nan, [], [1, 2], {0: -1}, {0: inf}, {0: nan}],
            *[{0: "1"}, {0: None}, {0: True}, "balanced_subsample"],
        ],
        "label_smoothing": [*NO_NUMBER, inf, 1, 1.0, -0.1],
    },
    MLPBackpropRegressor: {
        "loss": [*NO_NAME, "auto", "log_loss"],
        "out_activation": [*NO_NAME, "softmax", "exp", "relu", "increments"],
        "huber_delta": [*NO_NUMBER, inf, 0, 0.0, -1],
        "quantile": [
            *[*NO_NUMBER, inf, 0, 1, 1.5, -0.5, (0.5, 0.1), (0.5, 0.5), [0.1, 1.0], (0.1, None)],
            *[np.array(0.5), np.array([[0.1, 0.9]]), {0.1, 0.9}],
        ],
        "tweedie_power": [*NO_NUMBER, inf, 0, 0.99, 3.01, -1],
        "target_scaling": NO_BOOL,
    },
}

GOOD = {
    "hidden_layer_sizes": [3, (), [], (3,), [3, 2], np.array([3, 2]), np.int32(3), (np.int64(3),)],
    "activation": [
        *["identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu"],
        *["mish", "softplus", ("relu",), ["tanh"], np.array(["tanh"]), np.str_("tanh")],
    ],
    "solver": ["lbfgs", "sgd", "adam", "adamw", "rmsprop", np.str_("sgd")],
    "alpha": [0, 0.0, 1, 1e-3, np.float32(0.1), np.int64(1)],
    "batch_size": ["auto", 1, 10, 10**6, np.int64(7)],
    "learning_rate": [
        *["constant", "invscaling", "adaptive", "cosine", "one_cycle", "coslog4"],
        lambda progress: 0.01 / (1 + progress.epoch),
    ],
    "warmup": [0, 0.0, 1, 2, 0.1, np.int64(1), np.float32(0.5)],
    "dropout": [0, 0.0, 0.5, np.float32(0.1), (0.2,), [0], np.array([0.3])],
    "dropout_input": [0, 0.5, np.float32(0.1)],
    "clip_norm": [None, 1, 1e-3, np.float32(0.1)],
    "max_time": [None, 60, 1e3, np.float64(60)],
    "scoring": [None, "loss", "neg_mean_squared_error", lambda estimator, X, y: 0.5],
    "learning_rate_init": [1e-300, 0.1, np.float32(0.1), np.float64(0.1)],
    "power_t": [0, 0.5, 2],
    "max_iter": [1, 3, np.int64(2)],
    "shuffle": [True, False, np.False_],
    "random_state": [None, 0, 2**32 - 1, np.int64(3), np.random.RandomState(0)],
    "tol": [0, 0.0, 1e-4, 1e9, np.float32(0.1)],
    "verbose": [False, 0, np.False_],
    "warm_start": [True, False, np.True_],
    "momentum": [0, 0.5, 0.99, 1],
    "nesterovs_momentum": [True, False, np.False_],
    "early_stopping": [True, False, np.True_, "auto"],
    "validation_fraction": [0.2, 0.5, np.float32(0.3)],
    "beta_1": [0, 0.5, 0.999],
    "beta_2": [0, 0.5, 0.999],
    "epsilon": [1e-300, 1e-8, 1],
    "rho": [0, 0.5, 0.999],
    "weight_decay": [0, 0.5, 2],
    "n_iter_no_change": [1, inf, np.inf, np.int64(5)],
    "max_fun": [1, 15000, np.int64(100)],
    "init": ["auto", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal"],
    "n_members": [1, 2, np.int64(2)],
    "dtype": ["auto", "float32", "float64"],
    "feature_scaling": ["auto", "standard", "robust", None, np.str_("robust")],
    "categorical_features": [
        *["from_dtype", np.str_("from_dtype"), None, (), [], [0], (0, 3), [np.int64(1)]],
        *[[True, False, False, True], [np.False_] * 4, ["a"], ("b", "d"), [np.str_("c")]],
        *[np.array([1, 2]), np.array([0], "u1"), np.array([False, True, False, False])],
        *[np.array(["a", "c"]), np.array(["a", "c"], dtype=object), np.array([], int)],
    ],
    "min_frequency": [0, 0.0, 0.5, 0.999, np.float32(0.1), np.int64(0)],
    "max_onehot": [0, 1, 8, 10**6, np.int64(3)],
    "embedding_dim": ["auto", np.str_("auto"), 1, 4, np.int64(2)],
}
GOOD_OF_ONE = {
    MLPBackpropClassifier: {
        "loss": ["log_loss", "squared_error"],
        "class_weight": [None, "balanced", {}, {1: 2, 3: 0.5}, {2: np.float32(0)}],
        "label_smoothing": [0, 0.1, np.float32(0.3)],
    },
    MLPBackpropRegressor: {
        "loss": [
            "squared_error",
            "poisson",
            "absolute_error",
            "huber",
            "quantile",
            "gamma",
            "tweedie",
        ],
        "out_activation": ["auto", "identity", "logistic", "tanh", "softplus"],
        "huber_delta": [0.5, 2, np.float32(1.0)],
        "quantile": [0.1, (0.5,), [0.1, 0.9], np.array([0.1, 0.5, 0.9]), np.float32(0.5)],
        "tweedie_power": [1, 1.9, 2, 3, np.float32(1.5)],
        "target_scaling": [True, False, np.False_],
    },
}


#: What a parameter needs to have an effect.
NEEDS = {
    "max_fun": {"solver": "lbfgs"},
    "scoring": {"early_stopping": True},
    "huber_delta": {"loss": "huber"},
    "quantile": {"loss": "quantile"},
    "tweedie_power": {"loss": "tweedie"},
    **{
        name: {"categorical_features": [0, 3]}
        for name in ("min_frequency", "max_onehot", "embedding_dim")
    },
}


def words(value):
    """Say what a parameter is; the address of a function differs between processes."""
    return re.sub(" at 0x[0-9a-f]+", "", str(value))


def cases(shared, of_one):
    def label(value):
        return type(value).__name__ if len(repr(value)) > 30 else repr(value)

    return [
        pytest.param(cls, name, value, id=f"{cls.__name__[11:]}-{name}-{label(value)}")
        for cls in ESTIMATORS
        for name, values in (shared | of_one[cls]).items()
        for value in values
    ]


@each_estimator
@pytest.mark.parametrize(("shared", "of_one"), [(BAD, BAD_OF_ONE), (GOOD, GOOD_OF_ONE)])
def test_every_parameter_has_a_row_in_the_tables(cls, shared, of_one):
    table = shared | of_one[cls]
    assert table.keys() == cls().get_params().keys()
    assert all(table.values())


@pytest.mark.parametrize(("cls", "name", "value"), cases(BAD, BAD_OF_ONE))
def test_a_bad_value_is_one_error_that_names_parameter_class_and_value(cls, name, value):
    estimator = cls(**{name: value})
    with pytest.raises(InvalidParameterError) as caught:
        estimator.fit(X, Y)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)
    message = str(caught.value)
    assert f"{name!r} parameter of {cls.__name__}" in message
    assert " must " in message
    assert f"Got {value!r}"[:15] in message
    assert getattr(estimator, name) is value


@each_estimator
def test_partial_fit_checks_parameters_too(cls):
    classes = {"classes": [0, 1, 2]} if cls is MLPBackpropClassifier else {}
    estimator = cls(learning_rate_init="fast")
    with pytest.raises(InvalidParameterError, match="'learning_rate_init' parameter of MLP"):
        estimator.partial_fit(X, Y, **classes)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


def test_the_error_of_a_long_value_is_short():
    with pytest.raises(InvalidParameterError) as caught:
        MLPBackpropClassifier([5] * 1000 + [0]).fit(X, Y)
    assert len(str(caught.value)) < 400


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*no effect")
@pytest.mark.filterwarnings("ignore:lbfgs")
@pytest.mark.parametrize(("cls", "name", "value"), cases(GOOD, GOOD_OF_ONE))
def test_a_good_value_trains(cls, name, value):
    params = {"hidden_layer_sizes": (3,), "max_iter": 2, **NEEDS.get(name, {}), name: value}
    rows = pd.DataFrame(X, columns=list("abcd")) if name == "categorical_features" else X
    estimator = cls(**params).fit(rows, Y + 1)  # which every loss accepts
    assert np.isfinite(estimator.loss_)
    assert getattr(estimator, name) is value
    clone(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_estimator
@pytest.mark.parametrize("sizes", [4, [4], np.array([4]), np.int32(4), (np.int64(4),)])
def test_one_hidden_layer_may_be_written_in_several_ways(cls, sizes):
    expected, other = (cls(s, max_iter=2, random_state=0).fit(X, Y) for s in ((4,), sizes))
    assert_array_equal(other.coefs_[0], expected.coefs_[0])


# ------------------------------------------------------------------------------ combinations


@pytest.mark.parametrize("out_activation", ["identity", "logistic", "tanh", "softplus"])
def test_poisson_has_its_own_output(out_activation):
    estimator = MLPBackpropRegressor(loss="poisson", out_activation=out_activation)
    with pytest.raises(InvalidParameterError, match=f"'out_activation'.*Got '{out_activation}'"):
        estimator.fit(X, Y)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile", "gamma", "tweedie"])
def test_losses_have_their_own_output(loss):
    estimator = MLPBackpropRegressor(loss=loss, out_activation="tanh")
    with pytest.raises(InvalidParameterError, match=f"'out_activation'.*'auto' with loss='{loss}'"):
        estimator.fit(X, Y + 1)


def test_several_quantiles_have_their_own_output():
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
def test_what_lbfgs_cannot_honour_is_an_error(cls, name, value, off):
    estimator = cls((4, 3), solver="lbfgs", **{name: value})
    with pytest.raises(
        InvalidParameterError, match=f"'{name}' parameter .*must be {off} with solver='lbfgs'"
    ):
        estimator.fit(X, Y)


@each_estimator
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dropout", [0, 0.0, (0.0, 0), np.zeros(2)])
def test_no_dropout_is_none_under_lbfgs_however_it_is_written(cls, dropout):
    cls((4, 3), solver="lbfgs", dropout=dropout, max_iter=2).fit(X, Y)


@each_estimator
@pytest.mark.parametrize(
    ("sizes", "dropout"),
    [((4, 3), (0.1,)), (4, [0.1, 0.1]), ((), (0.1,)), ((4,), ()), ((4, 3), [])],
)
def test_a_sequence_of_dropouts_holds_one_for_each_hidden_layer(cls, sizes, dropout):
    with pytest.raises(InvalidParameterError, match=r"'dropout' parameter.*hidden layers"):
        cls(sizes, dropout=dropout).fit(X, Y)


def test_balanced_class_weights_need_all_rows():
    estimator = MLPBackpropClassifier(class_weight="balanced")
    with pytest.raises(InvalidParameterError, match=r"'class_weight'.*partial_fit.*compute_class"):
        estimator.partial_fit(X, Y, classes=[0, 1, 2])
    estimator = MLPBackpropClassifier(class_weight={0: 2.0}, feature_scaling=None)  # of 50 rows
    estimator.partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0}])
def test_labels_of_several_a_row_have_no_class_weight(class_weight):
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
def test_a_sequence_of_activations_names_one_for_each_hidden_layer(cls, sizes, activation):
    with pytest.raises(InvalidParameterError, match=r"'activation' parameter.*hidden layers"):
        cls(sizes, activation).fit(X, Y)


# -------------------------------------------------------------------- options without effect


def step_rate(progress):
    return 1e-3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_estimator
@pytest.mark.parametrize(
    ("params", "idle"),
    [
        ({"momentum": 0.5}, ["momentum"]),
        ({"momentum": 0.5, "rho": 0.5, "weight_decay": 0.1}, ["momentum", "rho", "weight_decay"]),
        ({"solver": "sgd", "beta_1": 0.5, "epsilon": 1e-3}, ["beta_1", "epsilon"]),
        ({"solver": "rmsprop", "beta_2": 0.5, "rho": 0.5, "epsilon": 1e-3}, ["beta_2"]),
        ({"solver": "adamw", "nesterovs_momentum": False}, ["nesterovs_momentum"]),
        ({"solver": "adam", "power_t": 0.3}, ["power_t"]),
        ({"learning_rate": "adaptive", "power_t": 0.3}, ["power_t"]),
        ({"max_fun": 10}, ["max_fun"]),
        ({"validation_fraction": 0.2}, ["validation_fraction"]),
        ({"scoring": "neg_mean_squared_error"}, ["scoring"]),
        ({"scoring": "loss", "solver": "lbfgs", "warmup": 0.1}, ["scoring", "warmup"]),
        ({"learning_rate": "cosine", "n_iter_no_change": 3}, ["n_iter_no_change"]),
        ({"learning_rate": "one_cycle", "power_t": 0.3}, ["power_t"]),
        ({"learning_rate": step_rate, "learning_rate_init": 0.1}, ["learning_rate_init"]),
        ({"categorical_features": None, "max_onehot": 2}, ["max_onehot"]),
        (
            {"categorical_features": None, "min_frequency": 0.1, "max_onehot": 2}
            | {"embedding_dim": 3},
            ["min_frequency", "max_onehot", "embedding_dim"],
        ),
        (
            {"solver": "lbfgs", "batch_size": 5, "learning_rate": "adaptive", "shuffle": False}
            | {"learning_rate_init": 0.1, "n_iter_no_change": 3},
            ["batch_size", "learning_rate", "shuffle", "learning_rate_init", "n_iter_no_change"],
        ),
    ],
    ids=words,
)
def test_options_without_effect_are_named_in_one_warning_that_points_at_the_caller(
    cls, params, idle
):
    with pytest.warns(UserWarning, match="no effect") as record:
        cls(max_iter=2, **params).fit(X, Y)
    (warning,) = [w for w in record if "no effect" in str(w.message)]
    named = str(warning.message).partition(":")[0]
    assert sorted(named.split(", ")) == sorted(idle)
    assert warning.filename == __file__


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_estimator
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
        {"solver": "adam", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"solver": "adamw", "beta_1": 0.5, "weight_decay": 0.1},
        {"solver": "rmsprop", "rho": 0.5, "epsilon": 1e-3},
        {"solver": "lbfgs", "max_fun": 10},
        {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 3},
        {"early_stopping": "auto", "validation_fraction": 0.2, "scoring": "loss"},
        {"early_stopping": True, "scoring": "neg_mean_squared_error"},
        {"learning_rate": "cosine", "learning_rate_init": 0.1, "warmup": 0.1, "clip_norm": 1.0},
        {"learning_rate": step_rate, "warmup": 1, "dropout": 0.1, "dropout_input": 0.1},
        {"learning_rate": "one_cycle", "early_stopping": True, "max_time": 60.0},
        {"solver": "lbfgs", "early_stopping": True, "n_iter_no_change": 3},
        {"min_frequency": 0.1, "max_onehot": 2, "embedding_dim": 3},
        {"categorical_features": [0], "min_frequency": 0.1, "max_onehot": 2, "embedding_dim": 3},
        {"categorical_features": [], "max_onehot": 2, "feature_scaling": None},
        {"categorical_features": None, "feature_scaling": "robust"},
        {"categorical_features": None, "min_frequency": 0, "max_onehot": 8},  # the defaults
    ],
    ids=words,
)
def test_options_with_effect_give_no_warning(cls, params):
    cls(max_iter=2, **params).fit(X, Y)


OF_OTHER_LOSSES = {
    "squared_error": ["huber_delta", "quantile", "tweedie_power"],
    "huber": ["quantile", "tweedie_power"],
    "quantile": ["huber_delta", "tweedie_power"],
    "tweedie": ["huber_delta", "quantile", "target_scaling"],
    "poisson": ["huber_delta", "quantile", "target_scaling", "tweedie_power"],
    "gamma": ["huber_delta", "quantile", "target_scaling", "tweedie_power"],
    "absolute_error": ["huber_delta", "quantile", "tweedie_power"],
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", OF_OTHER_LOSSES)
def test_parameters_of_other_losses_are_named_as_without_effect(loss):
    params = {"huber_delta": 1.0, "quantile": (0.1, 0.9), "tweedie_power": 1.2}
    estimator = MLPBackpropRegressor(loss=loss, target_scaling=False, max_iter=2, **params)
    with pytest.warns(UserWarning, match="no effect") as record:
        estimator.fit(X, Y + 1)
    (warning,) = [w for w in record if "no effect" in str(w.message)]
    assert sorted(str(warning.message).partition(":")[0].split(", ")) == OF_OTHER_LOSSES[loss]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_bounded_output_has_no_scaled_target():
    estimator = MLPBackpropRegressor(out_activation="tanh", target_scaling=False, max_iter=2)
    with pytest.warns(UserWarning, match="target_scaling: no effect"):
        estimator.fit(X, Y / 3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_estimator
def test_rows_to_validate_on_give_scoring_an_effect_and_take_it_from_validation_fraction(cls):
    given = {"X_val": X[:10], "y_val": Y[:10]}
    cls(scoring="neg_mean_squared_error", max_iter=2).fit(X, Y, **given)
    estimator = cls(early_stopping=True, validation_fraction=0.2, max_iter=2)
    with pytest.warns(UserWarning, match="validation_fraction: no effect"):
        estimator.fit(X, Y, **given)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_estimator
def test_a_grid_of_solvers_and_options_of_one_of_them_runs(cls):
    grid = {"solver": ["sgd", "adam", "lbfgs"], "momentum": [0.5, 0.9], "max_iter": [5]}
    search = GridSearchCV(cls((5,), random_state=0), grid, cv=3)
    with pytest.warns(UserWarning, match="momentum: no effect"):
        search.fit(X, Y)
    assert len(search.cv_results_["params"]) == 6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# -------------------------------------------------------------------------- parameters at rest


@each_estimator
def test_no_value_is_looked_at_before_fit(cls):
    rubbish = dict.fromkeys(cls().get_params(), object())
    assert cls(**rubbish).get_params() == rubbish
    assert cls().set_params(**rubbish).get_params() == rubbish


@each_estimator
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*no effect")
def test_fit_leaves_all_parameters_as_they_were_set(cls):
    for solver, sizes in product(["adam", "lbfgs"], [[4, 3], 4]):
        estimator = cls(sizes, max_iter=2, solver=solver, momentum=np.float32(0.5))
        before = estimator.get_params()
        after = estimator.fit(X, Y).get_params()
        assert all(after[name] is value for name, value in before.items())
