"""Statistics by passes over parts are those of all rows at once, whatever the cuts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import RobustScaler

from sknet._engine.averages import weighted_quantiles
from sknet._table.levels import LevelTable
from sknet._table.parts import merged
from sknet._table.passes import Part, drive, level_tables, numbers, quantiles, together
from sknet._table.quantiles import sample_keys, smallest_keys
from sknet._table.statistics import of_columns

RNG = np.random.default_rng(0)
N = 6000
#: Bell-shaped, heavy tails twice, ties, constant, gaps, huge, all missing, codes, two values.
X = np.stack(
    [
        RNG.normal(size=N),
        RNG.standard_cauchy(N),
        RNG.lognormal(0, 3, N),
        RNG.integers(0, 4, N).astype(float),
        np.full(N, 0.1),
        np.where(RNG.random(N) < 0.3, np.nan, RNG.normal(-5, 3, N)),
        RNG.normal(size=N) * 1e307,
        np.full(N, np.nan),
        np.where(RNG.random(N) < 0.05, -999.0, RNG.normal(size=N)),
        np.where(RNG.random(N) < 0.05, -999.0, RNG.lognormal(0, 3, N)),
        (RNG.random(N) < 0.2) * 1.0,
    ],
    axis=1,
)
WEIGHTS = {
    "": None, "real": RNG.uniform(0.1, 3.0, N), "integers": RNG.integers(1, 4, N).astype(float)
}  # fmt: skip
each_weight = pytest.mark.parametrize("w", WEIGHTS.values(), ids=WEIGHTS)
CUTS = {"one": [], "uneven": [1, 40, 3000, 3001], "empty": [0, 500, 500], "many": range(0, N, 97)}
each_cut = pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)


def parts(w, cuts):
    pieces = np.split(X, cuts)
    weights = [None] * len(pieces) if w is None else np.split(w, cuts)
    no_codes = np.empty((0, 0), np.intp)
    return [Part(x, no_codes, None, own) for x, own in zip(pieces, weights, strict=True)]


def runner(own):
    return lambda look: merged(look(part) for part in own)


def sample_of(w, n_rows):
    kept = smallest_keys(sample_keys(0, N), n_rows)
    return Part(X[kept], None, None, None if w is None else w[kept])


@each_weight
@each_cut
@pytest.mark.parametrize("shapes", [False, True], ids=["quartiles", "shapes"])
def test_statistics_by_passes_are_those_of_all_rows(w, cuts, shapes):
    sample = sample_of(w, N)
    search = numbers(lambda part: part.numbers, lambda: sample, not shapes, shapes)
    ours, whole = drive(runner(parts(w, cuts)), search), of_columns(X, w, not shapes, shapes)
    for name in ("std", "half_range", "two_valued", "heavy", "coded", "knots", "codes"):
        assert_array_equal(getattr(ours, name), getattr(whole, name), name)
    assert_array_equal(ours.quartiles[1], whole.quartiles[1])
    if shapes:
        assert_array_equal(ours.middle, whole.middle)
    else:
        assert_array_equal(ours.quartiles, whole.quartiles)
    assert np.all(abs(ours.mean - whole.mean) <= 1e-12 * np.maximum(abs(whole.mean), whole.std))
    assert_allclose(ours.missing, whole.missing, rtol=1e-14, atol=0)


@each_weight
@pytest.mark.parametrize("n_rows", [30, 300, N])
def test_quantiles_are_exact_however_small_the_sample(w, n_rows):
    levels = [0.0, 0.001, 0.25, 0.5, 0.9, 1.0]
    search = quantiles(lambda part: part.numbers, sample_of(w, n_rows), levels)
    ours = drive(runner(parts(w, CUTS["many"])), search)
    for k, x in enumerate(X.T):
        there = ~np.isnan(x)
        own = None if w is None else w[there]
        if there.any():
            assert_array_equal(ours[:, k], weighted_quantiles(x[there], own, levels))


def test_quartiles_are_what_the_robust_scaler_finds():
    usual = [0, 1, 2, 5]
    some = sample_of(None, 500)
    search = quantiles(lambda part: part.numbers[:, usual], some, [0.25, 0.5, 0.75])
    low, median, high = drive(runner(parts(None, CUTS["uneven"])), search)
    oracle = RobustScaler().fit(X[:, usual])
    assert_allclose(median, oracle.center_, rtol=1e-2)  # it interpolates
    assert_allclose(high - low, oracle.scale_, rtol=1e-2)


def test_searches_share_their_passes():
    looks = []
    own = parts(None, [2000])

    def run(look):
        looks.append(look)
        return merged(look(part) for part in own)

    sample = sample_of(None, N)

    def search(level):
        return quantiles(lambda part: part.numbers, sample, [level])

    levels = (0.1, 0.5, 0.9)
    found = drive(run, together(*map(search, levels)))
    assert len(looks) == 2
    assert_array_equal(found, [drive(runner(own), search(level)) for level in levels])


@each_weight
def test_levels_by_parts_are_those_of_all_rows(w):
    codes = RNG.integers(-1, 3, (N, 2))
    levels = [["a", "b", "c"], None]
    cuts = [100, 4000]
    weights = [None] * 3 if w is None else np.split(w, cuts)
    pieces = [
        Part(X[:0], own, None, own_w)
        for own, own_w in zip(np.split(codes, cuts), weights, strict=True)
    ]
    ours = drive(runner(pieces), level_tables(levels))
    for table, whole in zip(ours, LevelTable.of_codes(codes, levels, w), strict=True):
        assert table.levels == whole.levels
        assert_allclose(table.weights, whole.weights, rtol=1e-14)
        assert_allclose([table.missing, table.total], [whole.missing, whole.total], rtol=1e-14)


def test_a_sample_is_random_and_the_same_in_each_pass():
    keys = sample_keys(0, 100_000)
    assert_array_equal(keys[60_000:], sample_keys(60_000, 40_000))
    kept = smallest_keys(keys, 10_000)
    assert (np.diff(kept) > 0).all()
    counts = np.histogram(kept, 10, (0, 100_000))[0]  # a tenth of each tenth of the rows
    assert abs(counts - 1000).max() < 6 * np.sqrt(900)
    for period in (2, 7, 128):
        counts = np.bincount(kept % period, minlength=period)
        assert abs(counts - 10_000 / period).max() < 6 * np.sqrt(10_000 / period)
