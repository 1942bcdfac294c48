"""Values of each parameter that must be refused."""

from math import inf, nan

import numpy as np

from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

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
    "learning_rate": [*NO_NAME, 0.1],
    "warmup": [*NO_NUMBER, inf, -1, -0.1],
    "dropout": [*NO_NUMBER, inf, 1, 1.0, -0.1, (0.1, 0.1), (1.0,), ("0.1",), np.ones((1, 1)) / 2],
    "dropout_input": [*NO_NUMBER, inf, 1, 1.0, -0.1, (0.1,), [0.1]],
    "clip_norm": [*NUMBER_OR_NONE, inf, 0, 0.0, -1],
    "max_time": [*NUMBER_OR_NONE, inf, 0, 0.0, -1],
    "scoring": ["nope", "", 1, True, nan, [], ["accuracy"], b"loss", {"accuracy": 1}],
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
    "numeric_embedding": [*filter(None, NO_NAME), "", False, "plr", ("ple",)],
    "n_bins": [*NO_INTEGER, inf, 0, 1, -1],
    "input_scaling_layer": [*NO_BOOL, "Auto"],
    "averaging": [*NUMBER_OR_NONE, inf, 0, 0.0, -1],
    "cv": ["auto", "5", 0, 1, -1, 2.5, True, nan, object()],
    "min_frequency": [*NO_NUMBER, inf, -1, 1.0, -0.1, "0.1"],
    "max_onehot": [*NO_INTEGER, inf, -1, "auto"],
    "embedding_dropout": [*NO_NUMBER, -0.1, 1.0, 1, None, "sqrt"],
    "embedding_dim": [*NO_INTEGER, inf, 0, -1, "sqrt"],
}
BAD_OF_ONE = {
    MLPBackpropClassifier: {
        "loss": [*NO_NAME, "auto", "poisson"],
        "class_weight": [
            *["nope", "", "auto", 1, True, nan, [], [1, 2], {0: -1}, {0: inf}, {0: nan}],
            *[{0: "1"}, {0: None}, {0: True}, "balanced_subsample"],
        ],
        "calibration": [*filter(None, NO_NAME), "", False, "platt"],
        "label_smoothing": [*NO_NUMBER, inf, 1, 1.0, -0.1],
    },
    MLPBackpropRegressor: {
        "loss": [*NO_NAME, "auto", "log_loss"],
        "out_activation": [*NO_NAME, "softmax", "exp", "relu", "increments"],
        "clip_predictions": [*NO_BOOL, "Auto"],
        "huber_delta": [*NO_NUMBER, inf, 0, 0.0, -1],
        "quantile": [
            *[*NO_NUMBER, inf, 0, 1, 1.5, -0.5, (0.5, 0.1), (0.5, 0.5), [0.1, 1.0], (0.1, None)],
            *[np.array(0.5), np.array([[0.1, 0.9]]), {0.1, 0.9}],
        ],
        "tweedie_power": [*NO_NUMBER, inf, 0, 0.99, 3.01, -1],
        "target_scaling": NO_BOOL,
    },
}
