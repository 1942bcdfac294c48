"""Values of each parameter that must be accepted, and what a parameter needs to have an effect."""

from math import inf

import numpy as np
from sklearn.model_selection import KFold

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.initializers import INITIALIZERS
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.schedules import SCHEDULES
from sknet._params import OUT_ACTIVATIONS
from sknet._table.encodings import feature_scalings
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

GOOD = {
    "hidden_layer_sizes": [3, (), [], (3,), [3, 2], np.array([3, 2]), np.int32(3), (np.int64(3),)],
    "activation": [
        *[*ACTIVATIONS, ("relu",), ["tanh"], np.array(["tanh"]), np.str_("tanh")],
    ],
    "solver": ["lbfgs", *OPTIMIZERS, np.str_("sgd")],
    "alpha": ["auto", 0, 0.0, 1e-3, np.float32(0.001), np.int64(0)],
    "batch_size": ["auto", 1, 10, 10**6, np.int64(7)],
    "learning_rate": ["auto", *SCHEDULES, lambda progress: 0.01 / (1 + progress.epoch)],
    "warmup": ["auto", 0, 0.0, 1, 2, 0.1, 1.8, np.int64(1), np.float32(0.5)],
    "dropout": ["auto", 0, 0.0, 0.5, np.float32(0.1), (0.2,), [0], np.array([0.3])],
    "dropout_input": [0, 0.5, np.float32(0.1)],
    "clip_norm": [None, 1, 1e-3, np.float32(0.1)],
    "max_time": [None, 60, 1e3, np.float64(60)],
    "scoring": ["auto", None, "loss", "neg_mean_squared_error", lambda estimator, X, y: 0.5],
    "learning_rate_init": ["auto", 1e-300, 0.1, np.float32(0.1), np.float64(0.1)],
    "power_t": [0, 0.5, 2],
    "max_iter": ["auto", 1, 3, np.int64(2)],
    "shuffle": [True, False, np.False_],
    "random_state": [None, 0, 2**32 - 1, np.int64(3), np.random.RandomState(0)],
    "tol": [0, 0.0, 1e-4, 1e9, np.float32(0.1)],
    "verbose": [False, 0, np.False_],
    "warm_start": [True, False, np.True_],
    "momentum": [0, 0.5, 0.99, 1],
    "nesterovs_momentum": [True, False, np.False_],
    "early_stopping": [True, False, np.True_, "auto"],
    "validation_fraction": ["auto", 0.2, 0.5, np.float32(0.3)],
    "beta_1": [0, 0.5, 0.999],
    "beta_2": [0, 0.5, 0.999],
    "epsilon": [1e-300, 1e-8, 1],
    "rho": [0, 0.5, 0.999],
    "weight_decay": ["auto", 0, 0.5, 2],
    "n_iter_no_change": ["auto", 1, inf, np.inf, np.int64(5)],
    "max_fun": [1, 15000, np.int64(100)],
    "init": ["auto", *INITIALIZERS],
    "n_members": [1, 2, np.int64(2)],
    "dtype": ["auto", "float32", "float64"],
    "feature_scaling": ["auto", *feature_scalings(), None, np.str_("robust")],
    "categorical_features": [
        *["from_dtype", np.str_("from_dtype"), None, (), [], [0], (0, 3), [np.int64(1)]],
        *[[True, False, False, True], [np.False_] * 4, ["a"], ("b", "d"), [np.str_("c")]],
        *[np.array([1, 2]), np.array([0], "u1"), np.array([False, True, False, False])],
        *[np.array(["a", "c"]), np.array(["a", "c"], dtype=object), np.array([], int)],
    ],
    "numeric_embedding": ["auto", "ple", "periodic", None, np.str_("ple")],
    "n_bins": ["auto", 2, 8, np.int64(3)],
    "input_scaling_layer": ["auto", True, False, np.True_],
    "averaging": ["auto", None, 0.5, 4, np.float32(2)],
    "cv": [None, 2, KFold(2), [(np.arange(20), np.arange(20, 30))]],
    "min_frequency": ["auto", 1, 10, 0.0, 0.5, 0.999, np.float32(0.1), np.int64(3)],
    "max_onehot": [0, 1, 8, 10**6, np.int64(3)],
    "embedding_dropout": ["auto", 0.0, 0, 0.5, np.float32(0.1)],
    "embedding_dim": ["auto", np.str_("auto"), 1, 4, np.int64(2)],
}
GOOD_OF_ONE = {
    MLPBackpropClassifier: {
        "loss": [*MLPBackpropClassifier._losses],
        "class_weight": [None, "balanced", {}, {1: 2, 3: 0.5}, {2: np.float32(0)}],
        "calibration": ["auto", "temperature", None],
        "label_smoothing": ["auto", 0, 0.1, np.float32(0.3)],
    },
    MLPBackpropRegressor: {
        "loss": [*MLPBackpropRegressor._losses],
        "out_activation": ["auto", *OUT_ACTIVATIONS],
        "huber_delta": [0.5, 2, np.float32(1.0)],
        "quantile": [0.1, (0.5,), [0.1, 0.9], np.array([0.1, 0.5, 0.9]), np.float32(0.5)],
        "tweedie_power": [1, 1.9, 2, 3, np.float32(1.5)],
        "clip_predictions": ["auto", True, False, np.True_],
        "target_scaling": [True, False, np.False_],
    },
}

#: What a parameter needs to have an effect.
NEEDS = {
    "max_fun": {"solver": "lbfgs"},
    "scoring": {"early_stopping": True},
    "calibration": {"early_stopping": True},
    "n_bins": {"numeric_embedding": "ple"},
    "huber_delta": {"loss": "huber"},
    "quantile": {"loss": "quantile"},
    "tweedie_power": {"loss": "tweedie"},
    **{
        name: {"categorical_features": [0, 3]}
        for name in ("min_frequency", "max_onehot", "embedding_dim", "embedding_dropout")
    },
}
