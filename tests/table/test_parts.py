"""Statistics of parts, merged, are those of all rows at once; numpy and scikit-learn say which."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

from sknet._table.encoder import Encoder
from sknet._table.encoding import EncodingSettings
from sknet._table.levels import LevelTable
from sknet._table.messages import TableError
from sknet._table.parts import Ranges, merged
from sknet._table.statistics import TableStatistics, of_columns, of_sparse_columns
from sknet._table.table import Table

RNG = np.random.default_rng(0)
N = 997
#: Bell-shaped, far from 0, heavy tails, ties, constant, gaps, huge, tiny, all missing, one gap.
X = np.stack(
    [
        RNG.normal(size=N),
        RNG.normal(1e6, 1e-2, N),
        RNG.standard_cauchy(N),
        RNG.integers(0, 4, N).astype(float),
        np.full(N, 0.1),
        np.where(RNG.random(N) < 0.3, np.nan, RNG.normal(-5, 3, N)),
        RNG.normal(size=N) * 1e307,
        RNG.normal(size=N) * 1e-300,
        np.full(N, np.nan),
        np.r_[np.nan, RNG.exponential(size=N - 1)],
    ],
    axis=1,
)
WEIGHTS = RNG.uniform(0.1, 3.0, N)
SPLITS = {"one": [], "two": [500], "uneven": [1, 2, 700], "empty": [0, 300, 300], "many": range(N)}
each_split = pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
each_weight = pytest.mark.parametrize("w", [None, WEIGHTS], ids=["", "weights"])


def parts(X, w, split, order=1):
    pieces = np.split(X, split)
    weights = [None] * len(pieces) if w is None else np.split(w, split)
    return list(zip(pieces, weights, strict=True))[::order]


def of_parts(X, w, split, order=1):
    """The three passes."""
    own = parts(X, w, split, order)
    ranges = merged(Ranges.of(*part) for part in own)
    mean = ranges.mean(merged(ranges.sums(*part) for part in own))
    squares = merged(ranges.squares(*part, mean) for part in own)
    whole = of_columns(X, w, shapes=True)  # quartiles and shapes do not merge
    shapes = {name: getattr(whole, name) for name in ("two_valued", "heavy", "knots")}
    return ranges.statistics(mean, squares, whole.quartiles, **shapes)


@each_weight
@each_split
def test_merged_parts_are_the_whole(split, w):
    ours, whole = of_parts(X, w, split), of_columns(X, w)
    assert_array_equal(ours.std, whole.std)
    assert np.all(abs(ours.mean - whole.mean) <= 1e-12 * np.maximum(abs(whole.mean), whole.std))
    assert_array_equal(ours.half_range, whole.half_range)
    assert_allclose(ours.missing, whole.missing, rtol=1e-15, atol=0)
    assert_array_equal(ours.quartiles, whole.quartiles)


@each_weight
@each_split
def test_merged_parts_are_what_the_standard_scaler_finds(split, w):
    usual = X[:, [0, 2, 3, 5, 9]]
    ours, oracle = of_parts(usual, w, split), StandardScaler().fit(usual, sample_weight=w)
    assert_allclose(ours.mean, oracle.mean_, rtol=1e-10)
    assert_allclose(ours.std, oracle.scale_, rtol=1e-10)


@each_weight
def test_the_order_of_the_parts_changes_no_bit(w):
    split = [100, 130, 800]
    for own, other in zip(of_parts(X, w, split), of_parts(X, w, split, order=-1), strict=True):
        assert_array_equal(own, other)


@pytest.mark.parametrize("w", [None, WEIGHTS], ids=["", "weights"])
def test_how_parts_are_grouped_changes_no_bit(w):
    a, b, c, d = (Ranges.of(*part) for part in parts(X, w, [100, 130, 800]))
    left, right = a.merge(b).merge(c).merge(d), a.merge(b.merge(c.merge(d)))
    zero = np.zeros(X.shape[1])
    one, other = (
        r.statistics(r.mean(r.sums(X, w)), r.squares(X, w, zero), np.zeros((3, 10)))
        for r in (left, right)
    )
    for own, expected in zip(one, other, strict=True):
        assert_array_equal(own, expected)


@each_split
def test_merged_ranges_are_those_of_numpy(split):
    ranges = merged(Ranges.of(*part) for part in parts(X, None, split))
    seen = ~np.isnan(X).all(axis=0)
    assert_array_equal(ranges.least[seen], np.nanmin(X[:, seen], axis=0))
    assert_array_equal(ranges.greatest[seen], np.nanmax(X[:, seen], axis=0))
    assert_array_equal(ranges.largest[seen], np.nanmax(abs(X[:, seen]), axis=0))
    assert_array_equal(ranges.largest[~seen], 0.0)
    assert_array_equal(ranges.missing.total(), np.isnan(X).sum(axis=0))
    assert ranges.weight.total() == N


def test_the_largest_absolute_value_is_that_of_sparse_columns():
    rows = np.where(RNG.random((N, 3)) < 0.6, 0, X[:, [0, 2, 3]])
    ranges = merged(Ranges.of(*part) for part in parts(rows, None, [10, 600]))
    assert_array_equal(ranges.largest, MaxAbsScaler().fit(rows).max_abs_)
    assert_array_equal(
        ranges.largest, of_sparse_columns(scipy.sparse.csr_array(rows), None).largest
    )


def test_float32_is_read_as_float64():
    rows = X[:, [0, 3, 5]].astype(np.float32)
    assert_array_equal(of_parts(rows, None, [300]).std, of_columns(rows, None).std)


# ------------------------------------------------------------------------------------ levels

LEVELS = list("abcdefgh")
CODES = RNG.choice([-1, 0, 1, 2, 4, 7], N, p=[0.1, 0.4, 0.3, 0.15, 0.04, 0.01])


def table_of(codes, w):
    """The table of rows with these levels, which lists only those that are there."""
    present = sorted({*codes.tolist()} - {-1})
    own = np.array([present.index(code) if code >= 0 else -1 for code in codes], int)
    (table,) = LevelTable.of_codes(own[:, None], [[LEVELS[k] for k in present]], w)
    return table


@each_weight
@each_split
def test_merged_levels_are_those_of_all_rows(split, w):
    ours, whole = merged(table_of(*part) for part in parts(CODES, w, split)), table_of(CODES, w)
    assert ours.levels == whole.levels == list("abceh")
    tolerance = 1e-12 if w is not None else 0
    for name in ("weights", "missing", "total"):
        assert_allclose(getattr(ours, name), getattr(whole, name), rtol=tolerance)
    for least in (0.0, 0.02, 0.1):
        codes, count = ours.encoded(least)
        assert_array_equal(codes, whole.encoded(least).codes)
        assert count == whole.encoded(least).count


@each_split
def test_merged_levels_are_those_of_the_one_hot_encoder(split):
    values = np.array([*LEVELS, "?"], object)[CODES]
    oracle = OneHotEncoder(min_frequency=100, handle_unknown="ignore").fit(values[:, None])
    ours = merged(table_of(*part) for part in parts(CODES, None, split))
    assert ours.levels == sorted({*oracle.categories_[0]} - {"?"})
    codes = ours.encoded(100 / N).codes
    infrequent = {*oracle.infrequent_categories_[0]} - {"?"}
    last = {level for level, code in zip(ours.levels, codes, strict=False) if code == codes.max()}
    assert last == infrequent == {"e", "h"}


def test_parts_of_other_kinds_are_an_error_that_shows_no_value():
    text = LevelTable(["secret"], np.ones(1), 0.0, 1.0)
    numbers = LevelTable([1], np.ones(1), 0.0, 1.0)
    with pytest.raises(TableError, match="numbers and text in different parts") as error:
        text.merge(numbers)
    assert "secret" not in str(error.value)
    assert text.merge(LevelTable([], np.zeros(0), 2.0, 2.0)).missing == 2.0


# ------------------------------------------------------------------------------------ encoder


@each_weight
@each_split
@pytest.mark.parametrize("scaling", ["auto", "robust", None])
def test_an_encoder_of_merged_statistics_is_that_of_all_rows(scaling, split, w):
    """Means may differ in the last bits."""
    usual = X[:, [0, 3, 5, 8]]
    mask = np.array([False, True, False, False, False])
    levels = [LEVELS[k] for k in sorted({*CODES.tolist()} - {-1})]
    own = np.array([levels.index(LEVELS[k]) if k >= 0 else -1 for k in CODES])
    table = Table(usual, own[:, None], [levels], mask, range(5), None)
    settings = EncodingSettings(scaling, [1], 0.02, 8, "auto")
    whole = Encoder.fit(table, w, settings)
    tables = [merged(table_of(*part) for part in parts(CODES, w, split))]
    ours = Encoder.of_statistics(TableStatistics(of_parts(usual, w, split), tables), mask, settings)
    assert ours.is_consistent()
    described, expected = (encoder.described(range(5)) for encoder in (ours, whole))
    for name in ("kind", "encoding", "scale", "levels", "engine_columns"):
        assert described[name] == expected[name]
    numbers = np.flatnonzero(~mask)
    centres = [[row["centre"][k] for k in numbers] for row in (described, expected)]
    assert_allclose(*centres, rtol=1e-12, atol=1e-12)
    assert_allclose(described["missing"], expected["missing"], rtol=1e-12)
    assert_allclose(
        ours.encode(table, np.dtype("f8")), whole.encode(table, np.dtype("f8")), atol=1e-11
    )
