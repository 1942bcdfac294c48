"""An option without effect is named in a warning, with the option that is responsible."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from tests.marks import each_estimator, ignore_convergence, readable
from tests.params.data import X, Y
from tests.plain import MLPBackpropRegressor


def step_rate(progress):
    return 1e-3


def reasons(record):
    """What the only warning about effects says: parameter -> the option that is responsible."""
    (warning,) = [w for w in record if "no effect" in str(w.message)]
    assert warning.filename == __file__
    sentences = str(warning.message).removesuffix(".").split("; ")
    return dict(sentence.split(" has no effect with ") for sentence in sentences)


@ignore_convergence
@each_estimator
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"momentum": 0.5}, {"momentum": "solver='adam'"}),
        (
            {"momentum": 0.5, "rho": 0.5, "weight_decay": 0.1},
            dict.fromkeys(["momentum", "rho", "weight_decay"], "solver='adam'"),
        ),
        (
            {"solver": "sgd", "beta_1": 0.5, "epsilon": 1e-3},
            dict.fromkeys(["beta_1", "epsilon"], "solver='sgd'"),
        ),
        (
            {"solver": "rmsprop", "beta_2": 0.5, "rho": 0.5, "epsilon": 1e-3},
            {"beta_2": "solver='rmsprop'"},
        ),
        (
            {"solver": "adamw", "nesterovs_momentum": False},
            {"nesterovs_momentum": "solver='adamw'"},
        ),
        ({"solver": "adam", "power_t": 0.3}, {"power_t": "learning_rate='constant'"}),
        (
            {"learning_rate": "adaptive", "power_t": 0.3, "momentum": 0.5},
            {"power_t": "learning_rate='adaptive'", "momentum": "solver='adam'"},
        ),
        ({"max_fun": 10}, {"max_fun": "solver='adam'"}),
        ({"validation_fraction": 0.2}, {"validation_fraction": "early_stopping=False"}),
        ({"scoring": "neg_mean_squared_error"}, {"scoring": "early_stopping=False"}),
        (
            {"scoring": "loss", "solver": "lbfgs", "warmup": 0.1},
            {"scoring": "early_stopping=False", "warmup": "solver='lbfgs'"},
        ),
        (
            {"learning_rate": "cosine", "n_iter_no_change": 3},
            {"n_iter_no_change": "learning_rate='cosine'"},
        ),
        ({"learning_rate": "one_cycle", "power_t": 0.3}, {"power_t": "learning_rate='one_cycle'"}),
        (
            {"learning_rate": step_rate, "learning_rate_init": 0.1},
            {"learning_rate_init": "a callable learning_rate"},
        ),
        (
            {"hidden_layer_sizes": (), "dropout": 0.5, "activation": "relu"},
            {"dropout": "hidden_layer_sizes=()"},
        ),
        (
            {"categorical_features": None, "max_onehot": 2},
            {"max_onehot": "categorical_features=None"},
        ),
        (
            {"categorical_features": None, "min_frequency": 0.1, "max_onehot": 2}
            | {"embedding_dim": 3},
            dict.fromkeys(
                ["min_frequency", "max_onehot", "embedding_dim"], "categorical_features=None"
            ),
        ),
        (
            {"solver": "lbfgs", "batch_size": 5, "learning_rate": "adaptive", "shuffle": False}
            | {"learning_rate_init": 0.1, "n_iter_no_change": 3, "power_t": 0.3},
            dict.fromkeys(
                (
                    *("batch_size", "learning_rate", "shuffle", "learning_rate_init"),
                    *("n_iter_no_change", "power_t"),
                ),
                "solver='lbfgs'",
            ),
        ),
    ],
    ids=readable,
)
def test_one_warning_names_each_option_without_effect_and_the_one_that_is_responsible(
    cls, params, expected
):
    with pytest.warns(UserWarning, match="no effect") as record:
        cls(**{"max_iter": 2} | params).fit(X, Y)
    assert reasons(record) == expected


@ignore_convergence
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
        {"early_stopping": True, "validation_fraction": 0.2, "scoring": "loss"},
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
    ids=readable,
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


@ignore_convergence
@pytest.mark.parametrize("loss", OF_OTHER_LOSSES)
def test_parameters_of_other_losses_are_named_as_without_effect(loss):
    params = {"huber_delta": 1.0, "quantile": (0.1, 0.9), "tweedie_power": 1.2}
    estimator = MLPBackpropRegressor(loss=loss, target_scaling=False, max_iter=2, **params)
    with pytest.warns(UserWarning, match="no effect") as record:
        estimator.fit(X, Y + 1)
    assert reasons(record) == dict.fromkeys(OF_OTHER_LOSSES[loss], f"loss={loss!r}")


@ignore_convergence
def test_target_scaling_has_no_effect_with_a_bounded_output():
    estimator = MLPBackpropRegressor(out_activation="tanh", target_scaling=False, max_iter=2)
    with pytest.warns(UserWarning, match="target_scaling has no effect with out_activation='tanh'"):
        estimator.fit(X, Y / 3)


@ignore_convergence
@each_estimator
def test_with_validation_rows_scoring_has_an_effect_and_validation_fraction_has_none(cls):
    given = {"X_val": X[:10], "y_val": Y[:10]}
    cls(scoring="neg_mean_squared_error", max_iter=2).fit(X, Y, **given)
    estimator = cls(early_stopping=True, validation_fraction=0.2, max_iter=2)
    with pytest.warns(UserWarning, match="validation_fraction has no effect with X_val"):
        estimator.fit(X, Y, **given)


@ignore_convergence
@each_estimator
def test_a_grid_of_solvers_runs_with_an_option_of_one_of_them(cls):
    grid = {"solver": ["sgd", "adam", "lbfgs"], "momentum": [0.5, 0.9], "max_iter": [5]}
    search = GridSearchCV(cls((5,), random_state=0), grid, cv=3)
    with pytest.warns(UserWarning, match="momentum has no effect with solver='(adam|lbfgs)'"):
        search.fit(X, Y)
    assert len(search.cv_results_["params"]) == 6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
