"""Columns of numbers: outliers, codes for missing values, two values, constants."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri
from sklearn.preprocessing import QuantileTransformer

from tests.marks import each_estimator, ignore_convergence
from tests.networks import network_maker
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence
RNG = np.random.default_rng(0)
N = 1000
Z = RNG.normal(size=(N, 4))
Y = np.sin(2 * Z[:, 0]) + Z[:, 1] * Z[:, 2] + Z[:, 3]
linear = network_maker(MLPBackpropRegressor, (), solver="lbfgs", max_iter=1, dtype="float64")
network = network_maker(MLPBackpropRegressor, (50,), max_iter=150, learning_rate_init=0.01)


def with_values(value, share=None, seed=1):
    """The table with a value in one row of each column, or in a share of all entries."""
    rng, rows = np.random.default_rng(seed), Z.copy()
    if share is None:
        rows[rng.integers(N, size=4), range(4)] = value
    else:
        rows[rng.random(Z.shape) < share] = value
    return rows


def kinds(X, w=None, **params):
    return linear(**params).fit(X, Y[: len(X)], sample_weight=w).input_encoding_


# ------------------------------------------------------------ heavy tails

HEAVY = {
    "1e9 once": with_values(1e9),
    "-1e12 once": with_values(-1e12),
    "lognormal": np.exp(3 * Z),
    "cauchy": np.tan(np.pi * (np.argsort(np.argsort(Z, axis=0), axis=0) + 0.5) / N - np.pi / 2),
    "cubes of cubes": Z**9,
}
each_heavy = pytest.mark.parametrize("X", HEAVY.values(), ids=HEAVY)


@each_heavy
def test_a_column_with_heavy_tails_becomes_normal(X):
    assert set(kinds(X)["encoding"]) == {"quantile"}
    ours = linear().fit(X, Y).transform(X)
    oracle = QuantileTransformer(output_distribution="normal", n_quantiles=N).fit_transform(X)
    inner = abs(oracle) < 2.5
    assert_allclose(ours[inner], oracle[inner], atol=0.1)
    assert abs(ours).max() <= 3


@each_heavy
def test_a_network_learns_from_columns_with_heavy_tails(X):
    trained, test = slice(700), slice(700, None)
    ours = network().fit(X[trained], Y[trained]).score(X[test], Y[test])
    clean = network().fit(Z[trained], Y[trained]).score(Z[test], Y[test])
    standard = network(feature_scaling="standard").fit(X[trained], Y[trained])
    assert ours > clean - 0.1 > 0.7
    assert ours > standard.score(X[test], Y[test]) + 0.2


@pytest.mark.parametrize("x", [Z, RNG.exponential(size=(N, 4)), RNG.integers(0, 9, (N, 4))])
def test_usual_columns_are_standard(x):
    assert set(kinds(x)["encoding"]) == {"standard"}
    assert_array_equal(
        linear().fit(x, Y).transform(x), linear(feature_scaling="standard").fit(x, Y).transform(x)
    )


@pytest.mark.parametrize("dtype", ["float32", "Float64", "object"])
def test_outliers_in_frames_of_any_dtype(dtype):
    rows = pd.DataFrame(with_values(1e9)).astype(dtype)
    rows.loc[rows[1].astype(float) < -1, 1] = None
    table = kinds(rows)
    assert set(table["encoding"]) == {"quantile"}
    assert_allclose(table["missing"], [0, np.mean(Z[:, 1] < -1), 0, 0], atol=2e-3)


@each_heavy
def test_weights_are_repeated_rows_with_heavy_tails(X):
    w = np.random.default_rng(2).integers(0, 4, N)
    weighted = linear().fit(X, Y, sample_weight=w)
    repeated = linear().fit(np.repeat(X, w, axis=0), np.repeat(Y, w))
    assert_array_equal(weighted.transform(X), repeated.transform(X))


@pytest.mark.parametrize("value", [1e9, -1e6, 300.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_outlier_that_training_did_not_see_is_moved_to_the_edge(value, dtype):
    model = network(max_iter=20).fit(Z.astype(dtype), Y)
    rows = Z[:9].astype(dtype)
    rows[3, 1] = value
    low, high = Z.min(axis=0)[1], Z.max(axis=0)[1]
    edge = rows.copy()
    edge[3, 1] = np.clip(value, low - (high - low) / 2, high + (high - low) / 2)
    assert_allclose(model.predict(rows), model.predict(edge), rtol=1e-4)
    assert_allclose(model.transform(rows), model.transform(edge), rtol=1e-4, atol=1e-6)
    sparse = scipy.sparse.csr_array(rows)
    assert_allclose(model.predict(sparse), model.predict(edge), rtol=1e-4)


def test_sparse_columns_with_heavy_tails():
    rows = np.where(RNG.random((N, 4)) < 0.3, Z, 0)
    rows[5] = 1e9
    rows[:, 3] = np.where(rows[:, 3] == 1e9, 0, rows[:, 3])
    sparse = scipy.sparse.csr_array(rows)
    model = linear().fit(sparse, Y)
    assert model.input_encoding_["encoding"].tolist() == ["clipped"] * 3 + ["max_abs"]
    stored = np.where(rows == 0, np.nan, abs(rows))
    u = rows / np.nanmedian(stored, axis=0)
    assert_allclose(model.transform(sparse)[:, :3], (u / np.sqrt(1 + (u / 3) ** 2))[:, :3])
    w = np.random.default_rng(2).integers(0, 4, N)
    w[5] = 1
    repeated = linear().fit(sparse[np.repeat(np.arange(N), w)], np.repeat(Y, w))
    weighted = linear().fit(sparse, Y, sample_weight=w)
    assert_allclose(weighted.transform(sparse), repeated.transform(sparse), rtol=1e-12)


def test_chunks_keep_what_the_first_one_said():
    rows = with_values(1e9)
    model = linear(solver="adam").partial_fit(rows, Y).partial_fit(Z, Y)
    assert set(model.input_encoding_["encoding"]) == {"quantile"}
    assert_array_equal(model.transform(rows), linear().fit(rows, Y).transform(rows))


# ------------------------------------------------------------ codes for missing values

CODES = {
    "-999": (with_values(-999.0, 0.05), [-999.0]),
    "999": (with_values(999.0, 0.02), [999.0]),
    "1e30": (with_values(1e30, 0.3), [1e30]),
    "of float32": (with_values(-999.9, 0.1).astype(np.float32), [float(np.float32(-999.9))]),
    "two": (np.where(np.arange(N)[:, None] % 20 == 3, -9999.0, with_values(-999.0, 0.05)),
            [-9999.0, -999.0]),
    "0, frequent": (np.where(RNG.random((N, 4)) < 0.05, 0.0, 20 + Z), [0.0]),
    "integers": (np.where(with_values(-99.0, 0.1) == -99, -99, RNG.integers(0, 6, (N, 4))), [-99]),
}  # fmt: skip


@pytest.mark.parametrize(("X", "codes"), CODES.values(), ids=CODES)
def test_a_far_value_of_many_rows_is_missing(X, codes):
    gaps = np.where(np.isin(X, codes), np.nan, X)
    ours, oracle = linear().fit(X, Y), linear().fit(gaps, Y)
    assert ours.input_encoding_["missing_codes"].tolist() == [codes] * 4
    assert oracle.input_encoding_["missing_codes"].tolist() == [[]] * 4
    other = ["encoding", "centre", "scale", "missing", "engine_columns"]
    pd.testing.assert_frame_equal(ours.input_encoding_[other], oracle.input_encoding_[other])
    for rows, expected in ((X, gaps), (X[:3].astype(float), gaps[:3].astype(float))):
        assert_array_equal(ours.transform(rows), oracle.transform(expected))
        assert_array_equal(ours.predict(rows), oracle.predict(expected))


def test_a_network_learns_beside_codes_for_missing_values():
    X, trained, test = with_values(-999.0, 0.05), slice(700), slice(700, None)
    gaps = np.where(X == -999, np.nan, X)
    ours = network().fit(X[trained], Y[trained])
    oracle = network().fit(gaps[trained], Y[trained])
    assert_array_equal(ours.predict(X[test]), oracle.predict(gaps[test]))
    standard = network(feature_scaling="standard").fit(X[trained], Y[trained])
    assert ours.score(X[test], Y[test]) > standard.score(X[test], Y[test]) + 0.3


def test_usual_values_are_no_codes():
    rows = pd.DataFrame({
        "age": np.minimum(RNG.integers(0, 100, N), 90),
        "zeros": np.where(RNG.random(N) < 0.5, 0, Z[:, 0] ** 2),
        "grades": RNG.choice([1, 2, 3, 4, 5], N), "income": np.minimum(np.exp(Z[:, 1]), 6),
        "years": RNG.choice([1990, 2000, 2010], N),
        "dose": RNG.choice([0, 0.1, 1, 10, 100, 1000], N),
        "size": RNG.choice([1, 20, 100, 1000, 5000, 10000], N),
    })  # fmt: skip
    assert kinds(rows)["missing_codes"].tolist() == [[]] * 7
    few = RNG.permutation(np.r_[np.geomspace(1, 50, 45), 6654, 2547, 900, 800, 600])
    assert kinds(few[:, None])["missing_codes"].tolist() == [[]]  # each in 2 % of the rows


# ------------------------------------------------------------ two values

RARE = RNG.random((N, 60)) < 0.02
TWO = {
    "int8": RARE.astype("int8"),
    "float64": RARE.astype(float),
    "1 and 2": RARE + 1.0,
    "-5 and 1e6": np.where(RARE, 1e6, -5.0),
    "float32": RARE.astype("float32"),
}
each_two = pytest.mark.parametrize("X", TWO.values(), ids=TWO)


@each_two
@each_estimator
def test_numbers_of_two_values_are_what_booleans_are(cls, X):
    some = RARE.any(axis=0)
    y = RARE @ np.random.default_rng(3).normal(size=60)
    y = y > 0 if cls is MLPBackpropClassifier else y
    make = network_maker(cls, (20,), max_iter=5)
    oracle = make().fit(pd.DataFrame(RARE[:, some]), y)
    for rows in (X[:, some], pd.DataFrame(X[:, some]).astype(object)):
        ours = make().fit(rows, y)
        assert set(ours.input_encoding_["encoding"]) == {"-1, +1"}
        assert_allclose(ours.transform(rows), oracle.transform(pd.DataFrame(RARE[:, some])),
                        rtol=1e-4, atol=1e-5)  # fmt: skip


@each_two
def test_two_values_and_missing_ones(X):
    gaps = np.random.default_rng(4).random(X.shape) < 0.2
    numbers = pd.DataFrame(np.where(gaps, np.nan, X))
    booleans = pd.DataFrame(RARE).astype("boolean").mask(gaps)
    ours, oracle = linear().fit(numbers, Y), linear().fit(booleans, Y)
    assert_allclose(ours.transform(numbers), oracle.transform(booleans), atol=1e-9)
    assert ours.transform(numbers).shape == X.shape


def test_two_values_keep_the_meaning_of_explicit_scalings_and_chunks():
    X = TWO["int8"][:, :3].astype(float)
    standard = linear(feature_scaling="standard").fit(X, Y).transform(X)
    assert_allclose(standard, (X - X.mean(axis=0)) / X.std(axis=0))
    chunks = linear(solver="adam").partial_fit(X, Y).partial_fit(X + 1, Y)
    assert_allclose(chunks.transform(X + 2), 2 * X + 3)  # the line goes on
    w = np.random.default_rng(2).integers(1, 4, N)
    assert_array_equal(linear().fit(X, Y, sample_weight=w).transform(X), 2 * X - 1)


# ------------------------------------------------------------ constants in a first chunk


@pytest.mark.parametrize("scaling", ["auto", "standard", "robust"])
@pytest.mark.parametrize("n", [1, 5])
def test_a_column_that_is_constant_in_the_first_chunk_stays_usable(scaling, n):
    rows = Z.copy()
    rows[:n, 1] = 0.5
    model = linear(solver="adam", feature_scaling=scaling, batch_size=n)
    with pytest.warns(UserWarning, match="partial_fit saw"):
        model.partial_fit(rows[:n], Y[:n])
    assert model.input_encoding_["scale"][1] == 1
    u = rows[:, 1] - 0.5
    expected = u / np.sqrt(1 + (u / 3) ** 2) if scaling == "robust" else u
    assert_allclose(model.transform(rows)[:, 1], expected)


def test_one_row_at_a_time_learns():
    model = network_maker(MLPBackpropRegressor, (), learning_rate_init=0.02)()
    with pytest.warns(UserWarning, match="saw 1 rows"):
        model.partial_fit(Z[:1], Z[:1, 0])
    for k in range(1, N):
        model.partial_fit(Z[k : k + 1], Z[k : k + 1, 0])
    assert model.score(Z, Z[:, 0]) > 0.9


def test_a_constant_column_of_fit_is_without_effect():
    rows = np.c_[Z, np.full(N, 3.0)]
    model = linear().fit(rows, Y)
    rows[:, 4] = ndtri(0.9)
    assert_array_equal(model.transform(rows)[:, 4], 0)
