"""The moving average of the weights: what it is, that it is what predicts, and that it goes on."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone

import sknet
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


@pytest.mark.parametrize("n_members", [1, 2])
def test_cosines_predict_as_by_hand(n_members):
    model = fitted(
        regressor(target_scaling=False, numeric_embedding="periodic", n_members=n_members), X, Y
    )
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    assert model.frequencies_.shape[-2:] == model.phases_.shape[-2:] == (4, 16)
    outputs = []
    for k in range(n_members):
        at = (lambda a, k=k: a[k]) if n_members > 1 else (lambda a: a)
        F, P = at(model.frequencies_), at(model.phases_)
        angles = [2 * np.pi * (scaled[:, [j]] * F[j] + P[j]) for j in range(4)]
        A = np.hstack([scaled, *map(np.cos, angles)])
        for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
            A = np.maximum(A @ at(W) + at(b), 0)
        outputs.append(A @ at(model.coefs_[-1]) + at(model.intercepts_[-1]))
    assert_allclose(model.predict(X), np.mean(outputs, axis=0)[:, 0], rtol=1e-9)


@pytest.mark.parametrize("numeric_embedding", ["ple", "periodic"])
def test_columns_of_few_values_are_not_embedded(numeric_embedding):
    few = np.column_stack([X, RNG.integers(0, 19, len(X)), np.arange(len(X)) % 20])
    model = fitted(regressor(numeric_embedding=numeric_embedding), few, Y)
    encoder = model._encoder
    embedded = [k for k, _ in encoder.knots] if encoder.knots else encoder.periodic[0]
    assert embedded == [0, 1, 2, 3, 5]


def test_cosines_learn_a_wave_that_relu_alone_does_not():
    x = np.random.default_rng(3).uniform(-3, 3, (2000, 1))
    y = np.sin(6 * x[:, 0])
    scores = {
        kind: fitted(
            sknet.MLPBackpropRegressor((32,), numeric_embedding=kind, max_iter=40, random_state=0),
            x,
            y,
        ).score(x, y)
        for kind in (None, "periodic")
    }
    assert scores["periodic"] > 0.98 > scores[None] + 0.1


def test_an_unknown_level_predicts_the_mean_over_levels():
    """Levels shift y by a random effect, so that 0 is the best guess for a level never seen."""
    import pandas as pd

    rng = np.random.default_rng(4)
    code = rng.integers(0, 60, 4000)
    effect = rng.normal(size=60) + 3.0
    y = effect[code] + 0.1 * rng.normal(size=4000)
    frame = pd.DataFrame({"x": rng.normal(size=4000), "level": pd.Categorical(code)})
    new = frame.head(500).assign(level=pd.Categorical([99] * 500))
    errors = {}
    for p in (0.0, 0.25):
        model = sknet.MLPBackpropRegressor(embedding_dropout=p, random_state=0).fit(frame, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            errors[p] = abs(model.predict(new).mean() - effect.mean())
    assert errors[0.25] < 0.2
    assert errors[0.25] < errors[0.0]


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


def calibrated(**parameters):
    """A classifier whose hold-out calibrates it, of rows on which it is unsure."""
    own = {"hidden_layer_sizes": (16,), "random_state": 0, "learning_rate_init": 0.01}
    own |= {"early_stopping": True, "scoring": "loss", "calibration": "temperature"}
    own |= {"label_smoothing": 0.3, "averaging": 2.0, "dtype": "float64", "batch_size": 32}
    return MLPBackpropClassifier(**(own | parameters))


LABELS = (X[:, 0] + 0.3 * RNG.normal(size=120) > 0).astype(int)


def test_training_goes_on_without_the_temperature():
    """Else an earlier epoch, calibrated, would seem better than all later ones, which are not."""
    whole = fitted(calibrated(max_iter=12), X, LABELS)
    parts = fitted(calibrated(max_iter=4, warm_start=True), X, LABELS)
    for _ in range(2):
        fitted(parts, X, LABELS)
    assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    assert parts.temperature_ == pytest.approx(whole.temperature_)
    assert parts.best_iter_ == whole.best_iter_ > 4


@pytest.mark.parametrize("keeps_state", [False, True])
def test_a_chunk_after_a_calibrated_fit_keeps_its_temperature(keeps_state):
    model = fitted(calibrated(warm_start=keeps_state, max_iter=40), X, LABELS)
    temperature = model.temperature_
    assert temperature < 0.9
    model.set_params(learning_rate_init=1e-9)
    before = model.predict_proba(X)
    model.partial_fit(X, LABELS)
    assert model.temperature_ == temperature
    if not keeps_state:  # else it goes on from the last epoch, not from the best one
        assert_allclose(model.predict_proba(X), before, rtol=1e-3)


def test_an_option_that_auto_switches_off_is_named():
    model = sknet.MLPBackpropClassifier(calibration="temperature", random_state=0)
    words = "calibration has no effect with early_stopping=False, as auto is here"
    with pytest.warns(UserWarning, match=words):
        model.fit(X[:50], LABELS[:50])


def test_no_calibration_is_not_an_option_without_effect():
    model = sknet.MLPBackpropClassifier(calibration=None, random_state=0)
    assert model.fit(X[:50], LABELS[:50]).temperature_ is None


@pytest.mark.parametrize("kind", ["ple", "periodic"])
def test_embedded_numbers_of_sparse_rows_are_an_error(kind):
    with pytest.raises(ValueError, match=f"numeric_embedding='{kind}' does not work for sparse X"):
        regressor(numeric_embedding=kind).fit(csr_array(X), Y)


@pytest.mark.parametrize(
    "knots",
    [
        [(0, np.array([1.0, 0.0]))],
        [(0, np.array([0.0]))],
        [(9, np.array([0.0, 1.0]))],
        [(0, np.zeros((2, 2)))],
        [(0, "knots")],
        None,
    ],
    ids=["decreasing", "too few", "of no column", "2-d", "text", "none"],
)
def test_corrupt_knots_are_an_error_on_loading(knots):
    model = fitted(regressor(max_iter=1), X, Y)
    model._encoding = model._encoding | {"knots": knots}
    with pytest.raises(ValueError, match="The state of this MLPBackpropRegressor is corrupt"):
        pickle.loads(pickle.dumps(model))


def test_corrupt_frequencies_are_an_error_on_loading():
    model = fitted(regressor(max_iter=1, numeric_embedding="periodic"), X, Y)
    pickle.loads(pickle.dumps(model))
    for wrong in (model.frequencies_[1:], np.full_like(model.frequencies_, np.nan), None):
        other = clone(model)
        vars(other).update(vars(model) | {"frequencies_": wrong})
        with pytest.raises(ValueError, match="The state of this MLPBackpropRegressor is corrupt"):
            pickle.loads(pickle.dumps(other))
