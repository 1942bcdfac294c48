"""Sets of constructor parameters, for ``MLPBackpropClassifier(**presets.SKLEARN)`` and the like.

Each is a plain dict that both estimators accept. The defaults of the constructors are not listed:
they stand in the signature, and ``"auto"`` values in the attribute ``resolved_params_`` after a
fit.
"""

from typing import Any

#: The settings of scikit-learn's MLPClassifier and MLPRegressor. What remains different is in the
#: list of differences: above all, numbers and the target are scaled; ``feature_scaling=None`` and,
#: for the regressor, ``target_scaling=False`` leave them as they are.
SKLEARN: dict[str, Any] = {
    "hidden_layer_sizes": (100,),
    "solver": "adam",
    "alpha": 5e-7,  # scikit-learn's 1e-4 belongs to the sum over a batch of 200 rows
    "batch_size": 200,
    "learning_rate": "constant",
    "learning_rate_init": 0.001,
    "warmup": 0,
    "max_iter": 200,
    "n_iter_no_change": 10,
    "early_stopping": False,
    "beta_2": 0.999,
    "dropout": 0.0,
    "averaging": None,
    "input_scaling_layer": False,
    "numeric_embedding": None,
    "embedding_dropout": 0.0,
    "min_frequency": 0.0,
}

#: Four networks, each validated by a fourth of the rows that it did not see: more accurate than the
#: default, and slower. The page on accuracy has errors and seconds.
ACCURATE: dict[str, Any] = {"cv": 4}

#: Eight networks with a smooth activation: more accurate and slower again.
BEST: dict[str, Any] = {"cv": 8, "activation": "silu"}
