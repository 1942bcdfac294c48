"""Any combination of parameters trains and continues, or is refused with a message."""

import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.initializers import INITIALIZERS
from sknet._engine.losses import LOSSES
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.schedules import SCHEDULES
from sknet._params import OUT_ACTIVATIONS, RULES
from sknet._table.encodings import feature_scalings
from tests.properties.strategies import CLASSIFIER, REGRESSOR, SEED, assert_sound, examples, refusal

#: Some values of each parameter; values that are never valid are in tests/params.
VALUES = {
    "hidden_layer_sizes": [(), 3, (3,), (3, 2), [2, 2, 2]],
    "activation": [*ACTIVATIONS, ("relu",), ("tanh", "relu"), ()],
    "loss": list(LOSSES),
    "solver": ["lbfgs", *OPTIMIZERS],
    "out_activation": ["auto", *OUT_ACTIVATIONS],
    "learning_rate": [*SCHEDULES, lambda progress: 0.01],
    "init": ["auto", *INITIALIZERS],
    "quantile": [0.5, 0.01, [0.1, 0.9], (0.5,)],
    "huber_delta": [1e-3, 1.35, 1e3],
    "tweedie_power": [1, 1.5, 2, 2.5, 3],
    "target_scaling": [True, False],
    "class_weight": [None, "balanced", {0: 2.0}, {0: 0.0, 1: 1.0}, {9: 1.0}],
    "label_smoothing": ["auto", 0.0, 0.1, 0.99],
    "alpha": ["auto", 0, 1e-4, 1e-2],
    "dropout": ["auto", 0.0, 0.5, 0.99, (0.5,), (0.1, 0.2)],
    "dropout_input": [0.0, 0.3],
    "clip_norm": [None, 1e-3, 1.0],
    "batch_size": ["auto", 1, 7, 10**6],
    "learning_rate_init": ["auto", 1e-5, 0.01, 1.0],
    "power_t": [0, 0.5],
    "warmup": ["auto", 0, 1, 10, 0.5],
    "max_iter": ["auto", 1, 3],
    "shuffle": [True, False],
    "random_state": [0, 1],
    "tol": [0, 1e-4, 1.0],
    "verbose": [False],
    "warm_start": [False, True],
    "momentum": [0, 0.9, 1.0],
    "nesterovs_momentum": [True, False],
    "early_stopping": [False, True, "auto"],
    "validation_fraction": ["auto", 0.1, 0.5, 0.97],
    "scoring": ["auto", None, "loss", "accuracy", "neg_mean_absolute_error", "neg_log_loss"],
    "max_time": [None, 1e-6, 60],
    "beta_1": [0, 0.9],
    "beta_2": [0, 0.999],
    "epsilon": [1e-8, 1.0],
    "rho": [0, 0.9],
    "weight_decay": ["auto", 0, 0.1],
    "n_iter_no_change": ["auto", 1, 10, np.inf],
    "max_fun": [1, 15000],
    "n_members": [1, 2],
    "dtype": ["auto", "float32", "float64"],
    "feature_scaling": ["auto", *feature_scalings(), None],
    "categorical_features": [
        *["from_dtype", None, (), [0], [0, 2], [True, False, True], np.array([1]), [3], ["a"]],
    ],
    "numeric_embedding": ["auto", "ple", "periodic", None],
    "n_bins": ["auto", 2, 5],
    "input_scaling_layer": ["auto", True, False],
    "averaging": ["auto", None, 0.5, 4],
    "calibration": ["auto", "temperature", None],
    "clip_predictions": ["auto", True, False],
    "cv": [None, 2, 3],
    "min_frequency": ["auto", 3, 0.0, 0.05, 0.5],
    "max_onehot": [0, 2, 8, 100],
    "embedding_dim": ["auto", 1, 5],
    "embedding_dropout": ["auto", 0.0, 0.3],
}
TARGETS = {
    CLASSIFIER: [
        lambda rng, n: rng.integers(0, 2, n),
        lambda rng, n: rng.integers(0, 4, n),
        lambda rng, n: rng.integers(0, 2, (n, 3)),
        lambda rng, n: np.zeros(n, int),
    ],
    REGRESSOR: [
        lambda rng, n: rng.random(n),
        lambda rng, n: rng.random((n, 2)),
        lambda rng, n: np.ones(n),
    ],
}


def test_all_parameters_are_combined():
    assert VALUES.keys() == RULES.keys() | {"loss"}


@st.composite
def estimators(draw):
    """Draw an estimator with some parameters off their defaults."""
    cls = draw(st.sampled_from([CLASSIFIER, REGRESSOR]))
    names = sorted(VALUES.keys() & cls().get_params().keys())
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=10, unique=True))
    params = {name: draw(st.sampled_from(VALUES[name])) for name in chosen}
    return cls(**{"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0} | params)


@examples(300)
@given(
    model=estimators(),
    target=st.integers(0, 3),
    seed=SEED,
    validated=st.booleans(),
    sparse=st.booleans(),
)
def test_any_parameters_train_and_continue_or_are_refused(model, target, seed, validated, sparse):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(24, 3))
    X = scipy.sparse.csr_array(X) if sparse else X
    make = TARGETS[type(model)]
    y = make[target % len(make)](rng, 24)
    held = {"X_val": X[:9], "y_val": y[:9]} if validated else {}
    steps = [lambda: model.fit(X, y, **held), lambda: model.fit(X, y)]
    if hasattr(model, "partial_fit"):
        steps.append(lambda: model.partial_fit(X, y))
    for step in steps:
        if not refusal(step):
            assert_sound(model, X)
            most = model.resolved_params_.get("max_iter", model.max_iter)
            assert 1 <= model.n_iter_ <= most
            assert len(model.loss_curve_) >= model.n_iter_
