"""The hold-out of rows in shards: of each class, and of all rows, it is that of rows in memory."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split

pytest.importorskip("distributed", reason="needs the extra dask")

from sknet._params import InvalidParameterError
from sknet._training.hold_out import drawn, held_sizes
from sknet._training.shards import Shards
from sknet.dask import DaskMLPBackpropClassifier, DaskMLPBackpropRegressor
from tests.dask.common import collections
from tests.marks import ignore_convergence

pytestmark = [ignore_convergence, pytest.mark.usefixtures("client")]
PARAMS = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "early_stopping": True}
NUMBERS = np.arange(9600.0).reshape(3200, 3)
RARE = (np.arange(3200) % 50 == 0).astype(int)


@pytest.fixture
def held(monkeypatch):
    """The first column of the rows that each fit holds out, and their number in each shard."""
    found, original = [], Shards.hold_out

    def hold_out(shards, *job):
        before = list(shards.counts)
        original(shards, *job)
        found.append((np.sort(shards.held.X.numbers[:, 0]), before, list(shards.counts)))

    monkeypatch.setattr(Shards, "hold_out", hold_out)
    return found


@pytest.mark.parametrize("n_shards", [2, 8, 32])
@pytest.mark.parametrize(
    "y", [RARE, np.arange(3200) % 90, np.arange(3200) // 100], ids=["rare", "many", "sorted"]
)
def test_of_each_class_the_share_of_scikit_learn_is_held_out(held, y, n_shards):
    """Sorted labels: each partition has a class."""
    params = {**PARAMS, "validation_fraction": 0.1, "n_shards": n_shards}
    DaskMLPBackpropClassifier(**params).fit(*collections(NUMBERS, y, n_parts=32)[:2])
    rows = (held[0][0] / 3).astype(int)
    assert len(np.unique(rows)) == len(rows) == 320
    _, expected = train_test_split(y, test_size=320, random_state=0, stratify=y)
    # where remainders are equal, chance decides which class has one row more
    n_each = (np.bincount(own, minlength=90) for own in (y[rows], expected))
    assert_array_equal(*map(np.sort, n_each))
    assert np.abs(np.bincount(y[rows]) - 0.1 * np.bincount(y)).max() < 1


@pytest.mark.parametrize(("n_rows", "n_shards"), [(90, 30), (90, 7), (100, 2), (30, 30), (12, 6)])
def test_few_rows_in_each_shard(held, n_rows, n_shards):
    X, y = NUMBERS[:n_rows], NUMBERS[:n_rows, 0]
    params = {**PARAMS, "validation_fraction": 0.15, "n_shards": n_shards}
    fitted = DaskMLPBackpropRegressor(**params).fit(*collections(X, y, n_parts=n_shards)[:2])
    rows, before, after = held[0]
    assert len(rows) == np.ceil(0.15 * n_rows) == fitted._held_out.n_rows
    assert sum(before) - sum(after) == len(rows)
    assert 0 not in after


def test_each_class_keeps_a_row(held):
    y = np.r_[np.arange(40), np.full(60, 40)]
    params = {**PARAMS, "validation_fraction": 0.5, "n_shards": 4}
    fitted = DaskMLPBackpropClassifier(**params)
    fitted.fit(*collections(NUMBERS[:100], y, n_parts=4)[:2])
    rows = (held[0][0] / 3).astype(int)
    assert set(y[rows]) == {40}
    assert 30 <= len(rows) < 60


def test_rows_are_drawn_with_equal_chances():
    """Shards of 4, 6 and 30 rows of two classes: each row is held out in a fifth of the draws."""
    strata = [np.array(own) % 2 for own in (range(4), range(6), range(30))]
    counts = np.stack([np.bincount(own, minlength=2) for own in strata])
    n_draws, n_held = 4000, [np.zeros(len(own)) for own in strata]
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        sizes = held_sizes(counts, 8, rng)
        assert_array_equal(sizes.sum(axis=0), [4, 4])
        assert np.abs(sizes - 0.2 * counts).max() < 1
        for found, own, n_each in zip(n_held, strata, sizes, strict=True):
            is_held = drawn(own, len(own), n_each, rng)
            assert_array_equal(np.bincount(own[is_held], minlength=2), n_each)
            found += is_held
    deviation = np.sqrt(0.2 * 0.8 * n_draws)
    assert np.abs(np.concatenate(n_held) - 0.2 * n_draws).max() < 4 * deviation


def test_too_few_rows_say_what_to_do():
    own = collections(NUMBERS[:2], NUMBERS[:2, 0], n_parts=2)[:2]
    with pytest.raises(ValueError, match=r"n_samples=2 are not enough .* early_stopping=False"):
        DaskMLPBackpropRegressor(**PARAMS, n_shards=2).fit(*own)


WARM = {**PARAMS, "warm_start": True}
ROWS = NUMBERS[:240], np.sin(NUMBERS[:240, 0])


def went_on(held, first, second, n_parts=6, **given):
    """The rows that two fits have held out, the second of which continues the first."""
    model = DaskMLPBackpropRegressor(**{**WARM, **first}).fit(*collections(*ROWS, n_parts=6)[:2])
    model.set_params(**second).fit(*collections(*ROWS, n_parts=n_parts)[:2], **given)
    return model, [rows for rows, _, _ in held]


@pytest.mark.parametrize("second", [{}, {"n_shards": None}], ids=["same", "None"])
def test_a_fit_that_goes_on_holds_out_the_same_rows(held, second):
    _, (first, again) = went_on(held, {"n_shards": 3}, second)
    assert_array_equal(first, again)


def test_a_larger_cluster_changes_nothing(held, monkeypatch):
    model, (_,) = went_on(held, {"n_shards": None}, {"early_stopping": False})
    monkeypatch.setattr("sknet._dask.fit.require_workers", lambda client: 6)
    model.set_params(early_stopping=True).fit(*collections(*ROWS)[:2])
    assert_array_equal(held[0][0], held[1][0])
    model.set_params(warm_start=False).fit(*collections(*ROWS)[:2])
    assert len(held[2][1]) == 6


@pytest.mark.parametrize(("n_first", "n_second"), [(3, 2), (2, 3), (1, 2), (2, 1)])
def test_another_number_of_shards_is_refused(held, n_first, n_second):
    """Else rows that were trained on would be validated on."""
    words = rf"n_shards.* must be {n_first}, .*Set n_shards={n_first}, .* Got {n_second} instead"
    with pytest.raises(InvalidParameterError, match=words):
        went_on(held, {"n_shards": n_first}, {"n_shards": n_second})


def test_other_partitions_are_refused(held):
    with pytest.raises(ValueError, match=r"X has 4 partitions, and had 6 in the first fit"):
        went_on(held, {"n_shards": 2}, {}, n_parts=4)
    with pytest.raises(InvalidParameterError, match=r"repartition X and y into 3 partitions"):
        went_on(held, {"n_shards": 3}, {"n_shards": None}, n_parts=2)
    went_on([], {"n_shards": 1}, {}, n_parts=4)  # of one shard, all rows are in order


def test_without_a_hold_out_the_shards_may_change(held):
    X, y = ROWS
    model, _ = went_on(held, {"n_shards": 3}, {"n_shards": 2, "early_stopping": False})
    assert len(model.loss_curve_) == 4
    assert not hasattr(model.to_local(), "_dealing")
    went_on(held, {"n_shards": 3}, {"n_shards": 2}, X_val=X, y_val=y)
    went_on(held, {"n_shards": 3, "early_stopping": False}, {"n_shards": 2, "early_stopping": True})
    went_on(held, {"n_shards": 3}, {"n_shards": 2, "warm_start": False})


def test_a_refused_fit_changes_nothing(held):
    own = collections(*ROWS)[:2]
    model = DaskMLPBackpropRegressor(**WARM, n_shards=3).fit(*own)
    before = dict(vars(model))
    with pytest.raises(InvalidParameterError):
        model.set_params(n_shards=2).fit(*own)
    model.set_params(n_shards=3)
    assert vars(model) == before
