"""Properties that hold for every table, every target in a loss's domain, and all parameters."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine.activations import ACTIVATIONS
from sknet._engine.initializers import INITIALIZERS
from sknet._engine.losses import LOSSES
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.schedules import SCHEDULES
from sknet._params import OUT_ACTIVATIONS, RULES

CLASSIFIER, REGRESSOR = MLPBackpropClassifier, MLPBackpropRegressor


def examples(n):
    """Return the settings of a test with so many examples, always the same ones."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=n,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=slow,
    )


def quietly(function, *args, **kwargs):
    """Call a function; what it warns of convergence and idle parameters is not looked at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        return function(*args, **kwargs)


def refusal(function, *args, **kwargs):
    """Call a function; return the message of its ValueError, which must have one, or None."""
    try:
        quietly(function, *args, **kwargs)
    except ValueError as error:
        return str(error) or pytest.fail("an error without a message")
    return None


# --- tables -------------------------------------------------------------------------------------

FLOATS = {
    np.float64: [0.0, -0.0, 1.0, -1.0, 5e-324, 1e-30, 1e16, 1e30, -1e38, 1e200, -1.7e308],
    np.float32: [0.0, -0.0, 1.0, -1.0, 1e-30, 1e16, 1e30, -3e38],
}
INTEGERS = [0, 1, -1, 2**31, 2**53 + 1, -(2**62)]


@st.composite
def numbers(draw, dtype):
    """Draw a strategy for the entries of a table: small, or of any finite magnitude."""
    if dtype is bool:
        return st.booleans()
    if dtype is np.int64:
        small, extreme = st.integers(-9, 9), st.sampled_from(INTEGERS)
    else:
        width = 8 * np.dtype(dtype).itemsize
        small = st.floats(-10, 10, width=width)
        any_size = st.floats(allow_nan=False, allow_infinity=False, width=width)
        extreme = st.sampled_from(FLOATS[dtype]).map(lambda v: float(dtype(v))) | any_size
    return draw(st.sampled_from([small, small | extreme, extreme]))


@st.composite
def tables(draw, n_features=None):
    """Draw X: few rows, perhaps duplicate rows, constant columns, Fortran order."""
    dtype = draw(st.sampled_from([np.float64, np.float32, np.int64, bool]))
    shape = draw(st.integers(1, 12)), n_features or draw(st.integers(1, 4))
    X = draw(hnp.arrays(dtype, shape, elements=draw(numbers(dtype)), fill=st.nothing()))
    if draw(st.booleans()):
        X[len(X) // 2 :] = X[0]
    if draw(st.booleans()):
        X[:, -1] = X[0, -1]
    return np.asarray(X, order=draw(st.sampled_from("CF")))


def labels(n):
    return hnp.arrays(np.int64, n, elements=st.integers(0, 3), fill=st.nothing())


def indicators(n):
    return hnp.arrays(np.int64, (n, 3), elements=st.integers(0, 1), fill=st.nothing())


def reals(n):
    return numbers(np.float64).flatmap(
        lambda v: hnp.arrays(np.float64, (n,), elements=v, fill=st.nothing())
    )


@st.composite
def problems(draw):
    """Draw an estimator class, and X, y, weights and other rows X_val, y_val for it."""
    cls, target = draw(
        st.sampled_from([(CLASSIFIER, labels), (CLASSIFIER, indicators), (REGRESSOR, reals)])
    )
    X = draw(tables())
    y = draw(target(len(X)))
    w = draw(
        st.none()
        | hnp.arrays(np.float64, len(X), elements=st.sampled_from([0.0, 1e-300, 0.5, 2.0, 1e300]))
    )
    X_val = draw(tables(X.shape[1]))
    rows = draw(hnp.arrays(np.intp, len(X_val), elements=st.integers(0, len(X) - 1)))
    return cls, X, y, w, X_val, y[rows]


SOLVER_PARAMS = st.fixed_dictionaries(
    {
        "solver": st.sampled_from(["lbfgs", *OPTIMIZERS]),
        "batch_size": st.sampled_from([1, 4, 200]),
        "n_members": st.sampled_from([1, 2]),
        "dtype": st.sampled_from(["auto", "float32", "float64"]),
    }
)


def outputs(model, X):
    """Return all that a model predicts for X, by method."""
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")
    return {name: getattr(model, name)(X) for name in methods if hasattr(model, name)}


def assert_sound(model, X):
    """Assert that what a model predicts is finite, or refused; and that probabilities are some."""
    message = refusal(outputs, model, X)
    if message:
        assert "too large" in message or "overflows" in message
        return
    predicted = outputs(model, X)
    for name, values in predicted.items():
        assert len(values) == X.shape[0], name
        assert np.isfinite(values).all(), name
    if "predict_proba" in predicted:
        P = predicted["predict_proba"]
        assert (P >= 0).all()
        assert (P <= 1).all()
        if not model._indicator:
            assert_allclose(P.sum(axis=1), 1, rtol=1e-12 if P.dtype == np.float64 else 1e-6)


@examples(150)
@given(problem=problems(), params=SOLVER_PARAMS)
def test_what_is_predicted_of_any_finite_table_is_finite_or_an_error(problem, params):
    cls, X, y, w, X_val, _ = problem
    model = cls((3,), max_iter=3, random_state=0, **params)
    if not refusal(model.fit, X, y, w):
        assert_sound(model, X)
        assert_sound(model, X_val)


@examples(60)
@given(problem=problems(), params=SOLVER_PARAMS, read_only=st.booleans())
def test_no_input_is_written_to(problem, params, read_only):
    cls, *arrays = problem
    before = [None if a is None else a.tobytes() for a in arrays]
    for a in arrays:
        if a is not None:
            a.flags.writeable = not read_only
    X, y, w, X_val, y_val = arrays
    params["n_members"] = 1  # lbfgs validates no ensemble
    model = cls((3,), max_iter=2, random_state=0, **params)
    messages = [refusal(model.fit, X, y, w, X_val=X_val, y_val=y_val)]
    if not messages[0]:
        messages += [refusal(outputs, model, rows) for rows in (X, X_val)]
    assert not any(message and "read-only" in message for message in messages)
    assert before == [None if a is None else a.tobytes() for a in arrays]


# --- labels -------------------------------------------------------------------------------------


def blobs(seed, n_classes, n_samples=30):
    """Return rows of `n_classes` overlapping classes, each there."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    return rng.normal(size=(n_samples, 3)) + y[:, None] * [1.0, -0.5, 0.0], y


NAMES = {
    "numbers": lambda k: np.array([-7, 0, 3, 1000])[:k],
    "fractions": lambda k: np.array([-2.0, 0.0, 3.0, 1e9])[:k],
    "booleans": lambda k: np.array([False, True])[:k],
    "text": lambda k: np.array(["A", "a", "aa", "b"])[:k],
    "objects": lambda k: np.array(["A", "a", "aa", "b"], dtype=object)[:k],
}
SEED = st.integers(0, 2**32 - 1)


@examples(40)
@given(
    seed=SEED,
    n_classes=st.integers(2, 4),
    names=st.sampled_from(list(NAMES)),
    params=SOLVER_PARAMS,
    early=st.booleans(),
)
def test_names_of_classes_in_the_same_order_change_nothing_but_the_labels(
    seed, n_classes, names, params, early
):
    X, y = blobs(seed, 2 if names == "booleans" else n_classes)
    labels = NAMES[names](y.max() + 1)
    params = {**params, "n_members": 1, "early_stopping": early, "random_state": seed % 7}
    plain = quietly(CLASSIFIER((4,), max_iter=3, **params).fit, X, y)
    named = quietly(CLASSIFIER((4,), max_iter=3, **params).fit, X, labels[y])
    assert_array_equal(named.classes_, labels)
    assert_array_equal(named.predict(X), labels[plain.predict(X)])
    assert named.predict_proba(X).tobytes() == plain.predict_proba(X).tobytes()


@examples(40)
@given(
    seed=SEED,
    order=st.integers(2, 4).flatmap(lambda k: st.permutations(range(k))),
    solver=st.sampled_from([name for name, kind in OPTIMIZERS.items() if kind.scale_free]),
    loss=st.sampled_from(CLASSIFIER._losses),
)
def test_a_permutation_of_the_classes_permutes_the_probabilities(seed, order, solver, loss):
    # the output layer starts at zero under these solvers, so that no column is drawn before another
    X, y = blobs(seed, len(order))
    order = np.array(order)
    params = {"solver": solver, "loss": loss, "max_iter": 5, "batch_size": 30, "random_state": 0}
    plain = quietly(CLASSIFIER((4,), **params).fit, X, y).predict_proba(X)
    permuted = quietly(CLASSIFIER((4,), **params).fit, X, order[y]).predict_proba(X)
    assert_allclose(permuted[:, order], plain, rtol=1e-7, atol=1e-10)


# --- copies -------------------------------------------------------------------------------------


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@examples(40)
@given(problem=problems(), params=SOLVER_PARAMS, warm_start=st.booleans())
def test_copies_predict_the_same_bits(problem, params, warm_start):
    cls, X, y, w, X_val, _ = problem
    model = cls((3,), max_iter=2, random_state=0, warm_start=warm_start, **params)
    if refusal(model.fit, X, y, w) or refusal(outputs, model, X_val):
        return
    expected = outputs(model, X_val)
    for copied in (pickle.loads(pickle.dumps(model)), by_joblib(model), copy.deepcopy(model)):
        for name, values in outputs(copied, X_val).items():
            assert values.tobytes() == expected[name].tobytes(), name


# --- losses -------------------------------------------------------------------------------------

#: Where the predictions under a link lie, both ends included.
RANGES = {"exp": (0, np.inf), "softplus": (0, np.inf), "logistic": (0, 1), "tanh": (-1, 1)}
LINKS = [(loss, link) for loss in REGRESSOR._losses for link in LOSSES[loss] if link != "softmax"]


def regressor(loss, link, **params):
    if link in OUT_ACTIVATIONS and loss == "squared_error":
        params["out_activation"] = link
    if link == "increments":
        params["quantile"] = [0.1, 0.5, 0.8]
    return REGRESSOR((3,), loss=loss, max_iter=3, random_state=0, **params)


def in_domain(domain, small):
    """Return a strategy for targets that a loss accepts."""
    least = max(domain.least, -10) if small else max(domain.least, -1e308)
    most = min(domain.most, 10) if small else min(domain.most, 1e308)
    outside = least == domain.least and not domain.includes_least
    return st.floats(least, most, exclude_min=outside)


@pytest.mark.parametrize(("loss", "link"), LINKS)
@examples(25)
@given(data=st.data())
def test_each_loss_fits_what_is_in_its_domain_and_refuses_the_rest(loss, link, data):
    domain = LOSSES[loss][link].domain
    X = data.draw(tables())
    values = in_domain(domain, small=data.draw(st.booleans()))
    y = data.draw(hnp.arrays(np.float64, len(X), elements=values, fill=st.nothing()))
    model = regressor(loss, link, **data.draw(SOLVER_PARAMS))
    least, most = RANGES.get(link, (-np.inf, np.inf))
    is_tame = all(1e-4 < np.abs(a, dtype=float) < 1e4 for a in (*X.flat, *y) if a)
    message = refusal(model.fit, X, y) or refusal(model.predict, X)
    assert not (message and is_tame), message
    if not message:
        predicted = model.predict(X)
        assert np.isfinite(predicted).all()
        assert (predicted >= least).all()
        assert (predicted <= most).all()
        if link == "increments":
            assert (np.diff(predicted, axis=1) >= 0).all()


@pytest.mark.parametrize(("loss", "link"), LINKS)
def test_each_loss_refuses_a_target_outside_its_domain(loss, link):
    domain = LOSSES[loss][link].domain
    for outside in (domain.least - 1, domain.least, domain.most + 1):
        if np.isfinite(outside) and not domain.accepts(np.array([outside])):
            y = np.array([0.5, outside, 0.5])
            with pytest.raises(ValueError, match=f"y must be {domain.words} with loss={loss!r}"):
                regressor(loss, link).fit(np.eye(3), y)


# --- parameters ---------------------------------------------------------------------------------

#: Some values of each parameter; those that are refused alone are in tests/test_params.py.
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
    "label_smoothing": [0.0, 0.1, 0.99],
    "alpha": [0, 1e-4, 10.0],
    "dropout": [0.0, 0.5, 0.99, (0.5,), (0.1, 0.2)],
    "dropout_input": [0.0, 0.3],
    "clip_norm": [None, 1e-3, 1.0],
    "batch_size": ["auto", 1, 7, 10**6],
    "learning_rate_init": [1e-5, 0.01, 1.0],
    "power_t": [0, 0.5],
    "warmup": [0, 1, 10, 0.5],
    "max_iter": [1, 3],
    "shuffle": [True, False],
    "random_state": [0, 1],
    "tol": [0, 1e-4, 1.0],
    "verbose": [False],
    "warm_start": [False, True],
    "momentum": [0, 0.9, 1.0],
    "nesterovs_momentum": [True, False],
    "early_stopping": [False, True, "auto"],
    "validation_fraction": [0.1, 0.5, 0.97],
    "scoring": [None, "loss", "accuracy", "neg_mean_absolute_error", "neg_log_loss"],
    "max_time": [None, 1e-6, 60],
    "beta_1": [0, 0.9],
    "beta_2": [0, 0.999],
    "epsilon": [1e-8, 1.0],
    "rho": [0, 0.9],
    "weight_decay": [0, 0.1],
    "n_iter_no_change": [1, 10, np.inf],
    "max_fun": [1, 15000],
    "n_members": [1, 2],
    "dtype": ["auto", "float32", "float64"],
    "feature_scaling": ["auto", "standard", "robust", None],
    "categorical_features": [
        *["from_dtype", None, (), [0], [0, 2], [True, False, True], np.array([1]), [3], ["a"]],
    ],
    "min_frequency": [0.0, 0.05, 0.5],
    "max_onehot": [0, 2, 8, 100],
    "embedding_dim": ["auto", 1, 5],
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
def test_any_parameters_fit_and_go_on_or_are_refused(model, target, seed, validated, sparse):
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
            assert 1 <= model.n_iter_ <= model.max_iter
            assert len(model.loss_curve_) >= model.n_iter_
