"""How numbers are scaled: formulas, scikit-learn's transformers, repeated rows."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor
from tests.table.numbers import (
    REPEATS,
    RNG,
    N,
    X,
    Y,
    described,
    each_scaling,
    encoded,
    fitted,
    smoothly_clipped,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)


def quartiles(X, w=None):
    """Averaged inverted distribution function; weights by its two one-sided ones."""
    if w is None:
        return np.quantile(X, [0.25, 0.5, 0.75], axis=0, method="averaged_inverted_cdf")

    def one_sided(x, q):
        return np.quantile(x, q, weights=w, method="inverted_cdf")

    return np.array(
        [[(one_sided(x, q) - one_sided(-x, 1 - q)) / 2 for x in X.T] for q in (0.25, 0.5, 0.75)]
    )


def robust(X, w=None):
    lower, median, upper = quartiles(X, w)
    return smoothly_clipped((X - median) / (upper - lower))


@pytest.mark.parametrize("n", [2, 3, 7, 8, 9, 100, 101, 102, 103])
def test_robust_is_its_formula(n):
    rows = X[:n]
    lower, median, upper = quartiles(rows)
    assert_allclose(encoded(rows, feature_scaling="robust")[:, :3], robust(rows[:, :3]), rtol=1e-12)
    table = described(rows, feature_scaling="robust")
    assert_allclose(table["centre"], median, rtol=1e-14)
    assert_allclose(table["scale"][:3], (upper - lower)[:3], rtol=1e-14)


def test_robust_is_its_formula_with_weights():
    w = RNG.uniform(0.1, 3, N)
    assert_allclose(encoded(X, w, feature_scaling="robust"), robust(X, w), rtol=1e-10, atol=1e-12)
    assert abs(robust(X, w) - robust(X)).max() > 0.01


@pytest.mark.parametrize("w", [None, RNG.uniform(0.1, 3, N)], ids=["", "weights"])
def test_standard_is_the_standard_scaler(w):
    expected = StandardScaler().fit(X, sample_weight=w)
    ours = encoded(X, w, feature_scaling="standard")
    assert_allclose(ours, expected.transform(X), rtol=1e-9, atol=1e-9)
    table = described(X, w, feature_scaling="standard")
    assert_allclose(table["centre"], expected.mean_, rtol=1e-9, atol=1e-11)
    assert_allclose(table["scale"], expected.scale_, rtol=1e-9)


@pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_network_on_the_standard_scale_is_one_behind_a_standard_scaler(cls, solver):
    y = Y > 1 if cls is MLPBackpropClassifier else Y
    net = cls((8,), solver=solver, max_iter=4, random_state=0, dtype="float64")
    ours = net.set_params(feature_scaling="standard").fit(X, y)
    oracle = make_pipeline(StandardScaler(), cls(**net.get_params()))
    oracle.set_params(**{f"{cls.__name__.lower()}__feature_scaling": None}).fit(X, y)
    method = "predict_proba" if cls is MLPBackpropClassifier else "predict"
    assert_allclose(getattr(ours, method)(X), getattr(oracle, method)(X), rtol=1e-7)
    raw = cls(**net.get_params()).set_params(feature_scaling=None).fit(X, y)
    assert abs(getattr(raw, method)(X) - getattr(ours, method)(X)).max() > 1e-3


def test_auto_is_standard_for_columns_without_heavy_tails():
    usual = X[:, [0, 1, 3]]
    assert_array_equal(encoded(usual), encoded(usual, feature_scaling="standard"))
    assert set(described(usual)["encoding"]) == {"standard"}


def test_without_scaling_numbers_stay_as_they_are():
    assert_array_equal(encoded(X, feature_scaling=None), X)
    assert set(described(X, feature_scaling=None)["encoding"]) == {"as it is"}


def test_columns_of_many_rows_are_taken_a_few_at_a_time_and_all_of_them():
    rows = np.random.default_rng(1).normal([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], (60_001, 6))
    table = described(rows)
    assert_allclose(table["centre"], rows.mean(axis=0), rtol=1e-9)
    assert_allclose(table["scale"], rows.std(axis=0), rtol=1e-9)
    assert_array_equal(described(rows, feature_scaling="robust")["centre"], np.median(rows, axis=0))


def test_half_the_range_takes_the_place_of_an_interquartile_range_of_zero():
    x = np.r_[np.zeros(90), np.full(10, 10.0)][:, None]
    expected = smoothly_clipped(x / 5)
    assert_allclose(encoded(x, feature_scaling="robust"), expected, rtol=1e-14)
    assert described(x, feature_scaling="robust")["scale"][0] == 5


@pytest.mark.parametrize("outlier", [1e3, 1e150, -1e300])
def test_an_outlier_stays_within_three_and_leaves_the_others_alone(outlier):
    model = fitted(X, feature_scaling="robust")
    rows = X.copy()
    rows[5] = outlier
    assert abs(model.transform(rows)).max() <= 3
    kept = np.arange(N) != 5
    assert_array_equal(model.transform(rows)[kept], model.transform(X)[kept])


@pytest.mark.parametrize("scaling", ["standard", "robust"])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e8, 1e-300, 1e300])
def test_a_constant_column_becomes_zero_whatever_it_is_later(scaling, value):
    rows = X.copy()
    rows[:, 1] = value
    model = fitted(rows, feature_scaling=scaling)
    assert_array_equal(model.transform(rows)[:, 1], 0)
    assert_array_equal(model.transform(X)[:, 1], 0)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
@pytest.mark.parametrize("factor", [1e300, 1e-290, 1e-300])
def test_huge_and_tiny_columns_train_as_others_do(scaling, factor):
    rows = X[:, [0, 3]]
    params = {"feature_scaling": scaling, "max_iter": 20, "random_state": 0, "dtype": "float64"}
    expected = MLPBackpropRegressor((8,), **params).fit(rows, Y)
    extreme = MLPBackpropRegressor((8,), **params).fit(rows * factor, Y)
    assert_allclose(extreme.predict(rows * factor), expected.predict(rows), rtol=1e-7)
    assert expected.loss_ < expected.loss_curve_[0]


# ------------------------------------------------------------ weights


@pytest.mark.parametrize(("scaling", "tolerance"), [("standard", 1e-11), ("robust", 0), (None, 0)])
def test_every_row_twice_changes_nothing(scaling, tolerance):
    gaps = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
    once = described(gaps, feature_scaling=scaling)
    for double in (np.r_[gaps, gaps], np.repeat(gaps, 2, axis=0)[::-1]):
        twice = described(double, feature_scaling=scaling)
        for name in ("centre", "scale", "missing"):
            assert_allclose(twice[name], once[name], rtol=1e-12 if name == "missing" else tolerance)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@each_scaling
def test_a_row_of_weight_k_is_the_row_k_times(scaling, missing):
    rows = np.where(np.random.default_rng(2).random(X.shape) < missing, np.nan, X)
    there = rows[REPEATS > 0]
    weighted = fitted(rows, REPEATS, feature_scaling=scaling)
    repeated = fitted(np.repeat(rows, REPEATS, axis=0), feature_scaling=scaling)
    tolerance = 1e-9 if scaling in ("auto", "standard") else 0
    assert_allclose(
        weighted.transform(there), repeated.transform(there), rtol=tolerance, atol=tolerance
    )
    ours, oracle = weighted.input_encoding_, repeated.input_encoding_
    assert_allclose(ours["centre"], oracle["centre"], rtol=tolerance)
    assert_allclose(ours["scale"], oracle["scale"], rtol=tolerance)
    assert_allclose(ours["missing"], oracle["missing"], rtol=1e-12)
    if scaling:
        assert (ours["centre"] != described(rows, feature_scaling=scaling)["centre"]).any()


@each_scaling
def test_rows_of_weight_zero_are_absent(scaling):
    rows, w = np.r_[X, np.full((9, 4), 1e200)], np.r_[np.ones(N), np.zeros(9)]
    rows[-1, 1] = np.nan
    y = np.arange(N + 9) % 3
    ours = fitted(rows, w, y, feature_scaling=scaling)
    expected = fitted(X, None, y[:N], feature_scaling=scaling)
    pd.testing.assert_frame_equal(ours.input_encoding_, expected.input_encoding_)
    assert_array_equal(ours.predict(X), expected.predict(X))


@pytest.mark.parametrize("factor", [1e-300, 1e300])
@each_scaling
def test_the_scale_of_the_weights_does_not_matter(scaling, factor):
    w = RNG.uniform(0.5, 2, N)
    ours = encoded(X, w * factor, feature_scaling=scaling)
    assert_allclose(ours, encoded(X, w, feature_scaling=scaling), rtol=1e-9, atol=1e-9)
