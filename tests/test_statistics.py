"""How columns of numbers are scaled and imputed: formulas, scikit-learn's transformers, repeats."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.utils import get_tags

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine.team import Team
from sknet._statistics import of_columns

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)

RNG = np.random.default_rng(0)
N = 151
#: Bell-shaped, far from 0, with heavy tails, with ties.
X = np.stack(
    [
        RNG.normal(size=N),
        RNG.normal(1e4, 1, N),
        RNG.standard_cauchy(N),
        RNG.integers(0, 4, N).astype(float),
    ],
    axis=1,
)
Y = np.sin(X[:, 0]) + X[:, 3]
REPEATS = RNG.integers(0, 4, N)
each_scaling = pytest.mark.parametrize("scaling", ["standard", "robust", None])


def fitted(X, w=None, y=None, **params):
    """A linear model after one step, which has learned of the columns what any other would."""
    params = {"solver": "lbfgs", "max_iter": 1, "dtype": "float64", "random_state": 0} | params
    y = np.arange(X.shape[0]) % 3 if y is None else y
    return MLPBackpropRegressor((), **params).fit(X, y, sample_weight=w)


def encoded(X, w=None, **params):
    """What the network computes with."""
    return fitted(X, w, **params).transform(X)


def described(X, w=None, **params):
    return fitted(X, w, **params).input_encoding_


def quartiles(X, w=None):
    """Averaged inverted distribution function; weights by its two one-sided ones."""
    if w is None:
        return np.quantile(X, [0.25, 0.5, 0.75], axis=0, method="averaged_inverted_cdf")

    def one_sided(x, q):
        return np.quantile(x, q, weights=w, method="inverted_cdf")

    return np.array(
        [[(one_sided(x, q) - one_sided(-x, 1 - q)) / 2 for x in X.T] for q in (0.25, 0.5, 0.75)]
    )


def smoothly_clipped(U):
    return U / np.sqrt(1 + (U / 3) ** 2)


def robust(X, w=None):
    lower, median, upper = quartiles(X, w)
    return smoothly_clipped((X - median) / (upper - lower))


# --------------------------------------------------------------------------------- scaling


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
    assert_allclose(encoded(X, w), expected.transform(X), rtol=1e-9, atol=1e-9)
    table = described(X, w, feature_scaling="standard")
    assert_allclose(table["centre"], expected.mean_, rtol=1e-9, atol=1e-11)
    assert_allclose(table["scale"], expected.scale_, rtol=1e-9)


@pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_network_on_the_standard_scale_is_one_behind_a_standard_scaler(cls, solver):
    y = Y > 1 if cls is MLPBackpropClassifier else Y
    net = cls((8,), solver=solver, max_iter=4, random_state=0, dtype="float64")
    ours = net.fit(X, y)
    oracle = make_pipeline(StandardScaler(), cls(**net.get_params()))
    oracle.set_params(**{f"{cls.__name__.lower()}__feature_scaling": None}).fit(X, y)
    method = "predict_proba" if cls is MLPBackpropClassifier else "predict"
    assert_allclose(getattr(ours, method)(X), getattr(oracle, method)(X), rtol=1e-7)
    raw = cls(**net.get_params()).set_params(feature_scaling=None).fit(X, y)
    assert abs(getattr(raw, method)(X) - getattr(ours, method)(X)).max() > 1e-3


def test_auto_is_standard():
    assert_array_equal(encoded(X), encoded(X, feature_scaling="standard"))
    assert set(described(X)["encoding"]) == {"standard"}


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


# --------------------------------------------------------------------------------- weights


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
    tolerance = 1e-9 if scaling == "standard" else 0
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


# --------------------------------------------------------------------------------- missing


def with_gaps(seed=3, columns=(0, 2)):
    rows = X.copy()
    for column in columns:
        rows[np.random.default_rng(seed + column).random(N) < 0.25, column] = np.nan
    return rows


def test_imputing_is_that_of_the_simple_imputer_with_indicators():
    rows, later = with_gaps(), with_gaps(seed=9, columns=(0, 1, 2, 3))
    ours = fitted(rows, feature_scaling=None)
    oracle = SimpleImputer(strategy="median", add_indicator=True).fit(rows)
    assert ours.transform(rows).shape[1] == 6
    for table in (rows, later):
        assert_array_equal(ours.transform(table), oracle.transform(table))


def test_a_network_on_gaps_is_one_behind_an_imputer():
    rows = with_gaps()
    params = {"max_iter": 5, "random_state": 0, "dtype": "float64", "feature_scaling": None}
    ours = MLPBackpropClassifier((8,), **params).fit(rows, Y > 1)
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    oracle = make_pipeline(imputer, MLPBackpropClassifier((8,), **params)).fit(rows, Y > 1)
    assert_array_equal(ours.predict_proba(rows), oracle.predict_proba(rows))


def test_scales_are_those_of_what_is_there():
    rows = with_gaps()
    table = described(rows)
    assert_allclose(table["centre"], np.nanmean(rows, axis=0), rtol=1e-9)
    assert_allclose(table["scale"], np.nanstd(rows, axis=0), rtol=1e-9)
    assert_allclose(table["missing"], np.isnan(rows).mean(axis=0), rtol=1e-12)
    assert table["engine_columns"].tolist() == [[0, 4], [1], [2, 5], [3]]


@each_scaling
def test_a_gap_is_the_weighted_median(scaling):
    """In a column without gaps in training, and so without an indicator."""
    repeats = 1 + 3 * (X[:, 0] > 0.3)
    model = fitted(X, repeats, feature_scaling=scaling)
    gap, median = X.copy(), X.copy()
    gap[:, 0] = np.nan
    median[:, 0] = np.median(np.repeat(X[:, 0], repeats))
    assert_array_equal(model.predict(gap), model.predict(median))
    assert median[0, 0] > np.median(X[:, 0]) + 0.1


@each_scaling
def test_the_indicator_is_one_where_missing_at_prediction_too(scaling):
    model = fitted(with_gaps(columns=(2,)), feature_scaling=scaling)
    assert_array_equal(model.transform(X)[:, 4], 0)
    later = with_gaps(seed=9, columns=(0, 1, 2, 3))
    assert_array_equal(model.transform(later)[:, 4], np.isnan(later[:, 2]))


@each_scaling
def test_a_column_of_nothing_is_as_harmless_as_one_of_zeros(scaling):
    params = {"max_iter": 5, "random_state": 0, "feature_scaling": scaling}
    nothing, zeros = np.c_[X, np.full(N, np.nan)], np.c_[X, np.zeros(N)]
    ours = MLPBackpropRegressor((8,), **params).fit(nothing, Y)
    expected = MLPBackpropRegressor((8,), **params).fit(zeros, Y)
    assert_array_equal(ours.predict(nothing), expected.predict(zeros))
    assert ours.input_encoding_["missing"].tolist() == [0, 0, 0, 0, 1]
    if scaling:
        assert_array_equal(ours.predict(np.c_[X, np.full(N, 7.0)]), ours.predict(nothing))


def test_a_table_of_nothing_predicts_one_number():
    nothing = np.full((N, 2), np.nan)
    model = MLPBackpropRegressor((4,), max_iter=5).fit(nothing, Y)
    assert len(np.unique(model.predict(nothing))) == 1


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float64", object])
def test_every_way_to_write_a_gap_is_the_same(dtype, missing):
    values = np.arange(N, dtype=float) % 9
    gaps = np.arange(N) % 5 == 0
    written = [missing if gap else v for v, gap in zip(values, gaps, strict=True)]
    column = pd.Series(written, dtype=object)
    if dtype == "float64":
        column = column.map(lambda v: np.nan if v is pd.NA else v)
    frame = pd.DataFrame({"a": X[:, 0], "b": column.astype(dtype)})
    oracle = np.c_[X[:, 0], np.where(gaps, np.nan, values)]
    assert_array_equal(encoded(frame), encoded(oracle))


def test_the_tag_says_that_missing_values_are_allowed():
    for cls in (MLPBackpropClassifier, MLPBackpropRegressor):
        assert get_tags(cls()).input_tags.allow_nan is True


# --------------------------------------------------------------------------------- sparse

SPARSE = np.where(np.random.default_rng(4).random((N, 4)) < 0.6, 0, X)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_sparse_columns_are_divided_and_not_centred(kind):
    table = kind(SPARSE)
    scale = StandardScaler(with_mean=False)
    divided = scale.fit_transform(SPARSE)
    assert_allclose(encoded(table, feature_scaling="standard"), divided, rtol=1e-9)
    assert_allclose(encoded(table), MaxAbsScaler().fit_transform(SPARSE), rtol=1e-9)
    assert_array_equal(described(table)["centre"], 0)
    clipped = encoded(table, feature_scaling="robust")
    assert_allclose(clipped, smoothly_clipped(divided), rtol=1e-9)
    assert_array_equal(encoded(table, feature_scaling=None), SPARSE)


def test_weights_change_sparse_scales_as_repeated_rows_do():
    standard = {"feature_scaling": "standard"}
    weighted = described(scipy.sparse.csr_array(SPARSE), REPEATS, **standard)
    repeated = described(scipy.sparse.csr_array(np.repeat(SPARSE, REPEATS, axis=0)), **standard)
    assert_allclose(weighted["scale"], repeated["scale"], rtol=1e-9)
    assert abs(weighted["scale"] / described(SPARSE)["scale"] - 1).max() > 1e-3


@pytest.mark.parametrize("w", [None, REPEATS], ids=["", "weights"])
def test_sparse_with_gaps_is_dense_with_gaps(w):
    rows = SPARSE.copy()
    rows[np.random.default_rng(5).random((N, 4)) < 0.2] = np.nan
    rows[:, 3] = SPARSE[:, 3]
    dense = fitted(rows, w, feature_scaling=None)
    sparse = fitted(scipy.sparse.csr_array(rows), w, feature_scaling=None)
    assert_allclose(dense.input_encoding_["missing"], sparse.input_encoding_["missing"], rtol=1e-12)
    later = np.where(np.isnan(rows[::-1]), np.nan, SPARSE)
    for table in (rows, later):
        assert_array_equal(sparse.transform(scipy.sparse.csr_array(table)), dense.transform(table))
        assert_allclose(
            sparse.predict(scipy.sparse.csr_array(table)), dense.predict(table), rtol=1e-9
        )


@pytest.mark.parametrize("missing", [False, True])
@each_scaling
def test_a_large_sparse_table_is_never_dense(scaling, missing):
    """2,000 x 50,000 would be 800 MB."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, 2000, 10**5), rng.integers(0, 50_000, 10**5)
    table = scipy.sparse.csr_array((rng.random(10**5), places), shape=(2000, 50_000))
    if missing:
        table.data[::20_000] = np.nan
    y = np.arange(2000) % 7.0
    net = MLPBackpropRegressor((2,), max_iter=1, feature_scaling=scaling)
    tracemalloc.start()
    try:
        net.fit(table, y).predict(table)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6


def as_sparse_columns(rows, fill=0.0):
    return pd.DataFrame(rows, columns=list("abcd")).astype(pd.SparseDtype(float, fill))


@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns")
def test_sparse_columns_of_pandas_are_numbers():
    """A frame of nothing else is sparse X; one that has others too is dense."""
    gaps = np.where(np.isnan(with_gaps()), np.nan, SPARSE)
    for rows in (SPARSE, gaps):
        assert_array_equal(encoded(as_sparse_columns(rows)), encoded(scipy.sparse.csr_array(rows)))
    frame = pd.DataFrame(SPARSE, columns=list("abcd"))
    sparse, filled = as_sparse_columns(SPARSE), as_sparse_columns(SPARSE, np.nan)
    for table in (frame.assign(b=sparse["b"], d=sparse["d"]), sparse.assign(d=filled["d"])):
        assert_array_equal(encoded(table), encoded(frame))
    for table in (sparse, filled, frame.assign(b=sparse["b"])):
        assert_array_equal(encoded(table, feature_scaling=None), SPARSE)


# --------------------------------------------------------------------------------- precision


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array, pd.DataFrame])
@each_scaling
def test_float32_stays_float32(scaling, kind):
    rows = X[:, [0, 3]].astype(np.float32)
    rows[0, 1] = np.nan
    net = MLPBackpropRegressor((4,), batch_size=10**6, max_iter=2, feature_scaling=scaling)
    net.fit(kind(rows), Y)
    assert {a.dtype for a in net.coefs_ + net.intercepts_} == {np.dtype("f4")}
    assert net.predict(kind(rows)).dtype == net.transform(kind(rows)).dtype == np.float32
    assert net.fit(kind(rows.astype("f8")), Y).coefs_[0].dtype == np.float64


# ------------------------------------------------------------ scaling by the first layer


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("hidden", [(), (6,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_layer_scales_as_well_in_predictions(monkeypatch, dtype, hidden, n_members):
    """Where means are not far from 0, predictions need no pass over X to scale it."""
    rows = np.random.default_rng(1).normal([0.5, -30.0, 4e-3], [1.0, 20.0, 2e-3], (200, 3))
    model = MLPBackpropRegressor(
        hidden, activation="tanh", dtype=dtype, n_members=n_members, max_iter=5, random_state=0
    ).fit(rows, rows @ [1.0, 0.1, 300.0])
    rows[7, 1] = np.nan
    centre, scale = (model.input_encoding_[name].to_numpy() for name in ("centre", "scale"))
    by_hand = clone(model).set_params(feature_scaling=None).fit((rows[:6] - centre) / scale, Y[:6])
    by_hand.coefs_, by_hand.intercepts_ = model.coefs_, model.intercepts_
    by_hand._scaling = model._scaling
    scaled = np.nan_to_num((rows - centre) / scale)
    tolerance = {"float32": 2e-5, "float64": 1e-12}[dtype]
    folded = model.predict(rows)
    keep = np.arange(200) != 7
    assert_allclose(folded[keep], by_hand.predict(scaled)[keep], rtol=tolerance, atol=tolerance)
    assert model._encoder.unscaled() is not None
    monkeypatch.setattr("sknet._encoding.FOLD_CENTRE", -1.0)
    assert model._encoder.unscaled() is None
    assert_allclose(model.predict(rows), folded, rtol=tolerance, atol=tolerance)


def test_threads_that_share_the_columns_find_the_same(monkeypatch):
    rows = np.random.default_rng(2).normal(size=(300, 9))
    rows[3, 4], rows[:, 5] = np.nan, 2.0
    alone = of_columns(rows, None)
    monkeypatch.setattr("sknet._statistics.SHARED", 0)
    monkeypatch.setattr("sknet._statistics.BLOCK", 300)
    monkeypatch.setattr("sknet._statistics.free_threads", lambda: 3)
    for own, other in zip(of_columns(rows, None), alone, strict=True):
        assert_array_equal(own, other)


def test_threads_that_share_the_rows_encode_the_same(monkeypatch):
    rows = with_gaps(columns=(1,))
    alone = fitted(rows, dtype="float32")
    monkeypatch.setattr("sknet._encoding.SHARED", 0)
    monkeypatch.setattr("sknet._encoding.CHUNK", 50)
    monkeypatch.setattr("sknet._encoding.free_threads", lambda: 3)
    seen, call = [], Team.__call__
    monkeypatch.setattr(Team, "__call__", lambda *args: seen.append(args[2]) or call(*args))
    together = fitted(rows, dtype="float32")
    assert 3 in seen
    assert_array_equal(together.predict(rows), alone.predict(rows))
    rows[17, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        together.predict(rows)
    rows[17, 2] = 1e300
    with pytest.raises(ValueError, match="Column 2"):
        together.predict(rows)


def test_a_constant_column_stays_without_effect_where_the_first_layer_scales():
    usual = np.random.default_rng(3).normal(size=(N, 2))
    rows, later = np.c_[usual, np.full(N, 7.0)], np.c_[usual, np.linspace(-1e6, 1e6, N)]
    model = fitted(rows)
    assert model._encoder.unscaled() is not None
    assert_array_equal(model.predict(later), model.predict(rows))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_large_table_that_needs_no_encoding_is_not_copied(monkeypatch):
    params = {"max_iter": 1, "random_state": 0, "feature_scaling": None, "dtype": "float32"}
    rows = np.random.default_rng(5).normal(size=(40_000, 100)).astype(np.float32)
    y, peaks, models = rows[:, 0], [], []
    for largest in (rows.size, rows.size - 1):
        monkeypatch.setattr("sknet._fitting.COPIED", largest)
        tracemalloc.start()
        models.append(MLPBackpropRegressor((8,), **params).fit(rows, y))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] - peaks[1] > 0.8 * rows.nbytes
    assert_allclose(models[0].predict(rows), models[1].predict(rows), atol=1e-4)
