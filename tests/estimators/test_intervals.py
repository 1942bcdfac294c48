"""``predict_interval``: CV+, split conformal, conformalised quantiles and their definitions."""

import pickle
import tracemalloc
from math import ceil, floor

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, RepeatedKFold

from sknet._fitted.conformal import Pool, rows_needed
from sknet._rules import InvalidParameterError
from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = np.sin(X[:, 0]) + X[:, 1] + (0.1 + 0.3 * np.abs(X[:, 2])) * RNG.normal(size=200)
NEW = RNG.normal(size=(40, 4))
LEVELS = [0.02, 0.5, 0.8, 0.95]
TARGETS = {
    "number": (Y, {}),
    "as it is": (Y, {"target_scaling": False}),
    "large unit": (1e6 * Y + 1e7, {}),
    "clipped": (Y, {"clip_predictions": True}),
    "two outputs": (np.stack([Y, X[:, 0] ** 2 - 100], axis=1), {}),
    "median": (Y, {"loss": "absolute_error"}),
    "one quantile": (Y, {"loss": "quantile", "quantile": 0.5}),
    "counts": (np.floor(np.exp(Y)), {"loss": "poisson"}),
    "amounts": (np.exp(Y), {"loss": "gamma"}),
    "above 0": (np.exp(Y), {"out_activation": "softplus"}),
    "shares": (1 / (1 + np.exp(-Y)), {"out_activation": "logistic"}),
}
#: Targets that cannot be below 0.
LEAST = {name: 0.0 for name in ("counts", "amounts", "above 0", "shares")}


def network(**parameters):
    common = {"max_iter": 15, "learning_rate_init": 0.01, "batch_size": 25, "random_state": 0}
    return MLPBackpropRegressor((8,), **common | parameters)


def members(model, own):
    """The network that consists of some members of `model`."""
    part = clone(model)
    vars(part).update(vars(model))
    part.coefs_ = [W[own] for W in model.coefs_]
    part.intercepts_ = [b[own] for b in model.intercepts_]
    return part


def in_order(ends):
    """The ends; the point between them where the lower one is above the upper one."""
    middle = ends.mean(axis=1, keepdims=True)
    return np.where(ends[:, :1] > ends[:, 1:], middle, ends)


def plus_by_definition(centres, residuals, weights, level, n):
    """The two quantiles of equation (6) of Barber et al. 2021, for weights that count rows.

    `centres` (n_new, n) are the predictions for each new row by the networks that have not seen
    row i.
    """
    alpha = 1 - level
    low, high = [], []
    for own in centres:
        lower = np.sort(np.repeat(own - residuals, weights))
        upper = np.sort(np.repeat(own + residuals, weights))
        low.append(lower[floor(alpha * (n + 1) + 1e-9) - 1])
        high.append(upper[ceil(level * (n + 1) - 1e-9) - 1])
    return in_order(np.array([low, high]).T)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("n_members", [1, 2])
def test_folds_give_the_intervals_of_barber_et_al(name, n_members):
    y, parameters = TARGETS[name]
    model = network(cv=4, n_members=n_members, **parameters).fit(X, y)
    found = model.predict_interval(NEW, LEVELS, method="plus").reshape(40, -1, 2, 4)
    residuals = np.abs(y - model.oof_prediction_).reshape(200, -1)
    folds = [slice(k * n_members, (k + 1) * n_members) for k in range(4)]
    by_fold = np.stack([members(model, own).predict(NEW).reshape(40, -1) for own in folds])
    for output in range(residuals.shape[1]):
        centres = by_fold[model.fold_, :, output].T
        for k, level in enumerate(LEVELS):
            expected = plus_by_definition(centres, residuals[:, output], 1, level, 200)
            expected = np.maximum(expected, LEAST.get(name, -np.inf))
            if name == "shares":
                expected = np.minimum(expected, 1.0)
            assert_allclose(found[:, output, :, k], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["number", "two outputs", "counts"])
def test_the_residuals_of_all_folds_around_the_mean_prediction(name):
    y, parameters = TARGETS[name]
    model = network(cv=4, **parameters).fit(X, y)
    residuals = np.sort(np.abs(y - model.oof_prediction_).reshape(200, -1), axis=0)
    half = residuals[ceil(0.8 * 201 - 1e-9) - 1]
    centre = model.predict(NEW).reshape(40, -1)
    expected = np.maximum(np.stack([centre - half, centre + half], -1), LEAST.get(name, -np.inf))
    found = model.predict_interval(NEW, 0.8, method="base")
    assert_allclose(found.reshape(40, -1, 2), expected, rtol=1e-5, atol=1e-5)
    split = network(n_members=2).fit(X[:100], Y[:100], X_val=X[100:], y_val=Y[100:])
    expected = split.predict_interval(NEW, method="plus")
    for method in ("base", "scaled", "auto"):
        assert_array_equal(split.predict_interval(NEW, method=method), expected)


@pytest.mark.parametrize("name", ["number", "two outputs", "counts"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_scaled_residuals_have_the_mean_square_of_the_mean_of_all_folds(name, n_members):
    y, parameters = TARGETS[name]
    model = network(cv=4, n_members=n_members, **parameters).fit(X, y)
    residuals = np.abs(y - model.oof_prediction_).reshape(200, -1)
    folds = [slice(k * n_members, (k + 1) * n_members) for k in range(4)]
    by_fold = np.stack([members(model, own).predict(X).reshape(200, -1) for own in folds])
    # mean of (y - F_k)^2 over k = (y - mean of F_k)^2 + mean of (F_k - mean)^2
    mean_square = (residuals**2).mean(axis=0)
    left = 1 - by_fold.var(axis=0).mean(axis=0) / mean_square
    half = np.sort(residuals * np.sqrt(left), axis=0)[ceil(0.8 * 201 - 1e-9) - 1]
    centre = model.predict(NEW).reshape(40, -1)
    expected = np.maximum(np.stack([centre - half, centre + half], -1), LEAST.get(name, -np.inf))
    found = model.predict_interval(NEW, 0.8, method="scaled")
    assert_allclose(found.reshape(40, -1, 2), expected, rtol=1e-5, atol=1e-5)
    assert_array_equal(model.predict_interval(NEW, 0.8), found)


def test_scaled_intervals_contain_the_level_where_networks_differ():
    f = np.random.default_rng(0).normal(size=5)
    shares = {"scaled": [], "base": [], "plus": []}
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(2400, 5))
        y = rows @ f + np.sin(3 * rows[:, 0]) + 0.5 * rng.normal(size=2400)
        model = MLPBackpropRegressor(
            (64,), early_stopping=False, batch_size=64, max_iter=150,
            learning_rate_init=0.005, cv=5, random_state=seed,
        ).fit(rows[:400], y[:400])  # fmt: skip
        for method, own in shares.items():
            low, high = model.predict_interval(rows[400:], 0.8, method=method).T
            own.append(np.mean((low <= y[400:]) & (y[400:] <= high)))
    mean = {method: np.mean(own) for method, own in shares.items()}
    assert abs(mean["scaled"] - 0.8) < 0.02
    assert mean["plus"] > mean["base"] > mean["scaled"] + 0.01


def test_shapes():
    one = network(cv=3).fit(X, Y)
    assert one.predict_interval(NEW).shape == (40, 2)
    assert one.predict_interval(NEW, (0.5, 0.8)).shape == (40, 2, 2)
    assert one.predict_interval(NEW, np.array([0.8])).shape == (40, 2, 1)
    assert_array_equal(one.predict_interval(NEW, [0.9])[..., 0], one.predict_interval(NEW))
    two = network(cv=3).fit(X, TARGETS["two outputs"][0])
    assert two.predict_interval(NEW).shape == (40, 2, 2)
    assert two.predict_interval(NEW, [0.5, 0.8, 0.9]).shape == (40, 2, 2, 3)


@pytest.mark.parametrize("n_members", [1, 3])
def test_validation_rows_give_split_conformal_intervals(n_members):
    model = network(n_members=n_members).fit(X[:100], Y[:100], X_val=X[100:], y_val=Y[100:])
    residuals = np.sort(np.abs(Y[100:] - model.predict(X[100:])))
    for level in LEVELS:
        half = residuals[ceil(level * 101 - 1e-9) - 1]
        expected = model.predict(NEW)[:, None] + [-half, half]
        assert_allclose(model.predict_interval(NEW, level), expected, rtol=1e-5, atol=1e-6)


def test_the_hold_out_of_early_stopping_gives_intervals_of_one_width():
    model = network(early_stopping=True, validation_fraction=0.2).fit(X, Y)
    low, high = model.predict_interval(NEW).T
    assert_allclose((low + high) / 2, model.predict(NEW), rtol=1e-6, atol=1e-6)
    assert_allclose(high - low, (high - low)[0], rtol=1e-6)


@pytest.mark.parametrize("folds", [None, 4])
def test_two_quantiles_are_conformalised_as_romano_et_al_do(folds):
    """The pair of levels nearest to the ends is taken: here always the outer or the inner one."""
    given = {} if folds else {"X_val": X[100:], "y_val": Y[100:]}
    rows = slice(None) if folds else slice(100)
    model = network(loss="quantile", quantile=(0.05, 0.2, 0.8, 0.95), cv=folds)
    model.fit(X[rows], Y[rows], **given)
    if folds:
        held, y = model.oof_prediction_, Y
    else:
        held, y = model.predict(X[100:]), Y[100:]
    new = model.predict(NEW)
    for level, (low, high) in {
        0.1: (1, 2),
        0.55: (1, 2),
        0.6: (1, 2),
        0.9: (0, 3),
        0.95: (0, 3),
    }.items():
        scores = np.maximum(held[:, low] - y, y - held[:, high])
        widening = np.sort(scores)[ceil(level * (len(y) + 1) - 1e-9) - 1]
        expected = np.stack([new[:, low] - widening, new[:, high] + widening], axis=1)
        found = model.predict_interval(NEW, level)
        assert_allclose(found, in_order(expected), rtol=1e-5, atol=1e-5)
        assert_array_equal(found, model.predict_interval(NEW, level, method="cqr"))


def test_rows_of_weight_2_count_twice():
    w = RNG.integers(1, 4, 100)
    fit = {"X_val": X[100:], "y_val": Y[100:]}
    model = network().fit(X[:100], Y[:100], **fit, sample_weight_val=w)
    residuals = np.sort(np.repeat(np.abs(Y[100:] - model.predict(X[100:])), w))
    place = 0.8 * w.sum() * 101 / 100
    half = residuals[ceil(place) - 1]
    low, high = model.predict_interval(NEW, 0.8).T
    assert_allclose(high - model.predict(NEW), half, rtol=1e-5)
    scaled = clone(model).fit(X[:100], Y[:100], **fit, sample_weight_val=1e-3 * w)
    assert_allclose(scaled.predict_interval(NEW, 0.8).T, [low, high], rtol=1e-5)


def test_weights_of_cross_fitted_rows():
    w = RNG.integers(0, 3, 200).astype(float)
    model = network(cv=4).fit(X, Y, w)
    there = w > 0
    residuals = np.abs(Y - model.oof_prediction_)[there]
    by_fold = np.stack([members(model, slice(k, k + 1)).predict(NEW) for k in range(4)])
    centres = by_fold[model.fold_[there]].T
    n, total = there.sum(), w.sum()
    upper = [np.sort(np.repeat(own + residuals, w[there].astype(int))) for own in centres]
    place = ceil(0.9 * total * (n + 1) / n)
    assert_allclose(
        model.predict_interval(NEW, method="plus")[:, 1],
        np.array(upper)[:, place - 1],
        rtol=1e-5,
        atol=1e-5,
    )


def test_rows_in_several_folds_count_once():
    """Each splits' residual has a share of the weight of its row; rows in no fold have none."""
    model = network(cv=RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)).fit(X, Y)
    once = network(cv=KFold(2, shuffle=True, random_state=0)).fit(X, Y)
    assert model._held_out.n_rows == once._held_out.n_rows == 200
    pool = model._held_out.of([own[:, 0] for own in model._held_out.scores])
    assert pool.total == pytest.approx(200)
    splits = [(np.arange(50, 200), np.arange(50)), (np.arange(60, 200), np.arange(60))]
    partly = network(cv=splits).fit(X, Y)
    assert partly._held_out.n_rows == 60
    with pytest.raises(ValueError, match="at least 99 held-out rows, but this fit has 60"):
        partly.predict_interval(NEW, 0.99)


@given(
    st.lists(st.lists(st.integers(-4, 4), min_size=1, max_size=9), min_size=1, max_size=4),
    st.integers(0, 10_000),
    st.sampled_from([0.1, 0.5, 0.8]),
    st.booleans(),
)
@example([[0], [1]], 0, 0.8, False)
@settings(max_examples=200, deadline=None)
def test_the_search_finds_the_quantile_of_all_shifted_scores(folds, seed, level, weighted):
    """Ties and all: scores and shifts are multiples of 1/3, so that sums of them are inexact."""
    rng = np.random.default_rng(seed)
    scores = [np.array(own) / 3 for own in folds]
    weights = [rng.integers(1, 4, len(own)).astype(float) for own in folds] if weighted else None
    n = sum(map(len, folds))
    pool = Pool(scores, weights, n)
    centres = rng.integers(-3, 4, (len(folds), 5)) / 3
    place = min(pool.place(level), pool.total)
    repeats = np.ones(n) if weights is None else np.concatenate(weights)
    found = pool.upper_ends(centres, level)
    for k in range(5):
        shifted = np.concatenate([s + c[k] for s, c in zip(scores, centres, strict=True)])
        order = np.argsort(shifted, kind="stable")
        expected = shifted[order][np.searchsorted(np.cumsum(repeats[order]), place - 1e-9)]
        assert found[k] == pytest.approx(expected, abs=1e-12)


def test_a_wide_range_of_scores_and_centres():
    rng = np.random.default_rng(1)
    scores = [rng.lognormal(sigma=5, size=n) for n in (300, 500, 1)]
    centres = rng.normal(size=(3, 50)) * 10.0 ** rng.integers(-5, 6, 50)
    found = Pool(scores, None, 801).upper_ends(centres, 0.9)
    shifted = np.concatenate([s[:, None] + c for s, c in zip(scores, centres, strict=True)])
    assert_allclose(found, np.sort(shifted, axis=0)[ceil(0.9 * 802) - 1], rtol=1e-12)


@pytest.mark.parametrize("parameters", [{"cv": 5}, {"early_stopping": True}])
@pytest.mark.parametrize("several", [False, True])
def test_coverage_of_targets_whose_noise_grows(parameters, several):
    rng = np.random.default_rng(0)

    def draw(n):
        X = rng.uniform(-2, 2, (n, 3))
        return X, X[:, 0] + np.exp(X[:, 1]) * rng.normal(size=n)

    (X, y), (X_new, y_new) = draw(1500), draw(5000)
    if several:
        parameters = parameters | {"loss": "quantile", "quantile": (0.05, 0.1, 0.9, 0.95)}
    model = network(max_iter=40, **parameters).fit(X, y)
    ends = model.predict_interval(X_new, [0.8, 0.9])
    covered = (ends[:, 0] <= y_new[:, None]) & (y_new[:, None] <= ends[:, 1])
    assert_allclose(covered.mean(axis=0), [0.8, 0.9], atol=0.035 if "cv" in parameters else 0.07)
    noisy = X_new[:, 1] > 1
    if several:  # the width follows the noise
        width = ends[:, 1, 1] - ends[:, 0, 1]
        assert width[noisy].mean() > 3 * width[X_new[:, 1] < -1].mean()
        assert covered[noisy, 1].mean() > 0.8


def test_the_level_decides_how_many_rows_are_needed():
    assert [rows_needed(level) for level in (0.01, 0.5, 0.8, 0.9, 0.95, 0.99)] == [
        1, 1, 4, 9, 19, 99,
    ]  # fmt: skip
    given = {"X_val": X[:19], "y_val": Y[:19]}
    model = network().fit(X, Y, **given)
    assert np.isfinite(model.predict_interval(NEW, 0.95)).all()
    fewer = network().fit(X, Y, X_val=X[:18], y_val=Y[:18])
    match = "confidence_level=0.95 needs at least 19 held-out rows, but this fit has 18"
    with pytest.raises(ValueError, match=match):
        fewer.predict_interval(NEW, [0.5, 0.95])


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, np.nan, "0.9", None, [], [0.5, 1], True])
def test_levels_that_are_not_allowed(level):
    model = network(cv=2).fit(X, Y)
    with pytest.raises(InvalidParameterError, match=r"confidence_level.*must be a float in .*\(0"):
        model.predict_interval(NEW, level)


@pytest.mark.parametrize(
    ("parameters", "method", "words"),
    [
        ({}, "minmax", "one of 'auto', 'scaled', 'plus', 'base', 'cqr'"),
        ({}, None, "one of 'auto', 'scaled', 'plus', 'base', 'cqr'"),
        (
            {},
            "cqr",
            "'auto', 'scaled', 'plus' or 'base' for a network that was fitted without",
        ),
        ({"loss": "quantile", "quantile": 0.5}, "cqr", "'auto', 'scaled', 'plus' or 'base'"),
        ({"loss": "quantile", "quantile": (0.1, 0.9)}, "plus", "'auto' or 'cqr'"),
    ],
)
def test_methods_that_do_not_fit(parameters, method, words):
    model = network(cv=2, **parameters).fit(X, Y)
    with pytest.raises(InvalidParameterError, match=f"method.*{words}"):
        model.predict_interval(NEW, method=method)


def test_without_held_out_rows_the_error_says_what_to_set():
    with pytest.raises(NotFittedError):
        network().predict_interval(NEW)
    with pytest.raises(ValueError, match=r"cv=5.*early_stopping=True.*X_val"):
        network().fit(X, Y).predict_interval(NEW)
    model = network(cv=3).fit(X, Y)
    model.partial_fit(X, Y)  # has now seen every row
    with pytest.raises(ValueError, match="partial_fit held none out"):
        model.predict_interval(NEW)


def test_intervals_depend_on_the_fit_alone():
    model = network(cv=3, loss="quantile", quantile=(0.1, 0.9)).fit(X, Y)
    expected = model.predict_interval(NEW, 0.8)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_interval(NEW, 0.8), expected)
    model.set_params(loss="squared_error", cv=None, quantile=0.5)
    assert_array_equal(model.predict_interval(NEW, 0.8), expected)
    assert_array_equal(model.predict_interval(NEW[5:9], 0.8), expected[5:9])
    assert_array_equal(model.predict_interval(csr_array(NEW), 0.8), expected)


def test_containers_and_dtypes():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(X[:, 0] > 0, "x", "y"))
    model = network(cv=3).fit(frame, Y)
    assert model.predict_interval(frame).shape == (200, 2)
    single = network(cv=3).fit(X.astype(np.float32), Y.astype(np.float32))
    assert single.predict_interval(X.astype(np.float32)).dtype == np.float32


def test_a_constant_target_has_intervals_of_width_0():
    model = network(cv=3).fit(X, np.full(200, 7.5))
    assert_array_equal(model.predict_interval(NEW), np.full((40, 2), 7.5))


def test_memory_does_not_grow_with_rows_times_training_rows():
    rng = np.random.default_rng(0)
    many = rng.normal(size=(20_000, 2))
    model = network(cv=3, max_iter=1, batch_size=1000).fit(many, many[:, 0])
    model.predict_interval(many[:100])
    tracemalloc.start()
    try:
        model.predict_interval(many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000 * 20_000 * 8 / 100


def test_pickles_grow_by_a_number_for_each_held_out_row_and_output():
    model = network(cv=3).fit(X, TARGETS["two outputs"][0])
    with_rows = len(pickle.dumps(model))
    model._held_out = None
    assert with_rows - len(pickle.dumps(model)) < 200 * 2 * 8 + 1000


def test_a_classifier_has_sets_and_a_regressor_intervals():
    assert not hasattr(MLPBackpropClassifier(), "predict_interval")
    assert not hasattr(MLPBackpropRegressor(), "predict_set")
