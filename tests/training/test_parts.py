"""The moving average of the weights: what it is, that it is what predicts, and that it goes on."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sknet._engine.layers import Dense
from sknet._engine.optimizers import OPTIMIZERS, Optimizer
from sknet._engine.parameters import Layout, Parameters
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * RNG.normal(size=120)
HYPER = {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "momentum": 0.9, "rho": 0.9}
HYPER |= {"nesterovs_momentum": True, "weight_decay": 0.01}
PARTS = {"averaging": 2.0, "input_scaling_layer": True, "numeric_embedding": "ple"}


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("n_members", [1, 3])
def test_the_average_forgets_the_start(solver, n_members):
    """By the recurrence over the thetas of each step."""
    layers = [Dense(3, 2)]
    parameters = Parameters.zeros(Layout(layers), n_members, np.float64)
    rng = np.random.default_rng(1)
    parameters.theta[:] = rng.normal(size=parameters.theta.shape)
    parameters.bind(layers)
    optimizer = Optimizer(parameters, layers, OPTIMIZERS[solver], HYPER, averaging=0.8)
    average = parameters.theta.copy()
    for t in range(1, 31):
        parameters.grad[:] = rng.normal(size=parameters.grad.shape)
        optimizer.step(0.1)
        decay = min(0.8, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * parameters.theta
    assert_allclose(optimizer.averaged().theta, average, rtol=1e-12)


def regressor(**parameters):
    own = {"hidden_layer_sizes": (8, 5), "max_iter": 6, "random_state": 0, "tol": 0.0}
    own |= {"batch_size": 32, "dtype": "float64", "n_iter_no_change": 1000}
    return MLPBackpropRegressor(**(own | PARTS | parameters))


def fitted(model, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data)


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
def test_training_in_two_parts_equals_training_in_one(solver, n_members):
    whole = fitted(regressor(max_iter=10, solver=solver, n_members=n_members), X, Y)
    parts = regressor(max_iter=4, solver=solver, n_members=n_members, warm_start=True)
    fitted(parts, X, Y)
    parts = pickle.loads(pickle.dumps(parts))
    fitted(parts.set_params(max_iter=6), X, Y)
    for own, other in zip(whole.coefs_, parts.coefs_, strict=True):
        assert_array_equal(own, other)
    assert_array_equal(whole.predict(X), parts.predict(X))


def test_chunks_equal_epochs():
    whole = fitted(regressor(max_iter=3, shuffle=False), X, Y)
    chunks = regressor(shuffle=False)
    for _ in range(3):
        chunks.partial_fit(X, Y)
    assert_allclose(whole.predict(X), chunks.predict(X), rtol=1e-9)


def test_a_network_without_the_parts_is_another_one():
    """Each part changes the prediction: none of the parameters is read by nobody."""
    base = fitted(regressor(), X, Y).predict(X)
    for name, off in (
        ("averaging", None), ("input_scaling_layer", False), ("numeric_embedding", None)
    ):  # fmt: skip
        assert not np.allclose(fitted(regressor(**{name: off}), X, Y).predict(X), base)


def test_coefs_are_the_network_that_predicts():
    """The prediction by hand: the code of each number, two products with relu between, one more."""
    model = fitted(regressor(target_scaling=False), X, Y)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    codes = []
    for column, edges in model._encoder.knots:
        x = scaled[:, [column]]
        codes.append(2 * np.clip((x - edges[:-1]) / np.diff(edges), 0, 1) - 1)
    A = np.hstack([scaled, *codes])
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        A = np.maximum(A @ W + b, 0)
    assert_allclose(
        model.predict(X), (A @ model.coefs_[-1] + model.intercepts_[-1])[:, 0], rtol=1e-9
    )


def test_the_knots_are_quantiles_of_the_rows():
    model = fitted(regressor(n_bins=4), X, Y)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    for column, edges in model._encoder.knots:
        expected = np.quantile(
            scaled[:, column], np.linspace(0, 1, 5), method="averaged_inverted_cdf"
        )
        assert_allclose(edges, expected, rtol=1e-9)


def test_weights_count_as_repeated_rows_for_the_knots():
    w = RNG.integers(1, 4, len(X))
    one = fitted(regressor(n_bins=4, batch_size=1000), X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weighted = clone(one).fit(X, Y, sample_weight=w)
    repeated = fitted(clone(one), np.repeat(X, w, axis=0), np.repeat(Y, w))
    for (_, own), (_, other) in zip(weighted._encoder.knots, repeated._encoder.knots, strict=True):
        assert_allclose(own, other, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_divides_the_raw_output(n_classes):
    """The oracle is a search over a fine grid of temperatures."""
    rng = np.random.default_rng(2)
    y = (X[:, 0] + rng.normal(size=120) > 0).astype(int) + (n_classes == 3) * (X[:, 1] > 0.5)
    parameters = {"hidden_layer_sizes": (16,), "max_iter": 60, "random_state": 0, "tol": 0.0}
    parameters |= {"learning_rate_init": 0.02, "label_smoothing": 0.2, "dtype": "float64"}
    plain = MLPBackpropClassifier(**parameters)
    tempered = MLPBackpropClassifier(calibration="temperature", **parameters)
    X_val, y_val = X[80:], y[80:]
    for model in (plain, tempered):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X[:80], y[:80], X_val=X_val, y_val=y_val)
    ratio = plain.decision_function(X) / tempered.decision_function(X)
    assert_allclose(ratio, tempered.temperature_, rtol=1e-9)

    def loss(temperature):
        Z = plain.decision_function(X_val) / temperature
        Z = np.column_stack([-Z / 2, Z / 2]) if Z.ndim == 1 else Z
        log_P = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
        prior = 5 * np.log(temperature) ** 2  # five rows prefer 1
        return -log_P[np.arange(len(y_val)), y_val].sum() + prior

    grid = np.exp(np.linspace(-2, 2, 4001))
    best = grid[np.argmin([loss(t) for t in grid])]
    assert tempered.temperature_ == pytest.approx(best, rel=2e-3)


def test_predictions_are_clipped_to_the_range_of_the_targets():
    far = 10 * X
    parameters = {"max_iter": 80, "learning_rate_init": 0.02, "numeric_embedding": None}
    clipped = fitted(regressor(clip_predictions=True, **parameters), X, Y)
    free = fitted(regressor(**parameters), X, Y)
    assert_allclose(clipped.predict(far), np.clip(free.predict(far), Y.min(), Y.max()), rtol=1e-9)
    assert free.predict(far).max() > Y.max()


def test_chunks_widen_the_range():
    model = regressor(clip_predictions=True)
    model.partial_fit(X[:100], np.minimum(Y[:100], 0))
    assert model.predict(10 * X).max() <= 0
    model.partial_fit(X, Y)
    assert_array_equal(model._limits[:, 0], [Y.min(), Y.max()])
