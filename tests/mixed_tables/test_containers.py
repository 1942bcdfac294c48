"""Tables of numbers and categories in every container, and what is said of their columns."""

import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from tests.marks import each_estimator, ignore_lbfgs
from tests.mixed import (
    CATEGORICAL,
    CONTAINERS,
    MANY,
    TABLE,
    WHOLE,
    N,
    Y,
    array,
    assert_same_fit,
    columns,
    frame,
    network,
    polars_frame,
    row_of,
)
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_lbfgs

# ----------------------------------------------------------------------------- containers


each_container = pytest.mark.parametrize("container", CONTAINERS)


@each_container
@each_estimator
def test_the_container_changes_no_bit(cls, container):
    by_place = {"categorical_features": CATEGORICAL} if container in ("array", "lists") else {}
    y = Y > 10 if cls is MLPBackpropClassifier else Y
    expected = network(cls).fit(frame(), y)
    ours = network(cls, **by_place).fit(CONTAINERS[container](TABLE), y)
    assert_same_fit(ours, expected)
    later = columns(seed=1)
    assert_array_equal(ours.predict(CONTAINERS[container](later)), expected.predict(frame(later)))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:X has feature names")
@each_container
def test_a_model_takes_what_it_was_fitted_on_in_every_container(container):
    later = columns(seed=1)
    by_frame = network().fit(frame(), Y)
    expected = by_frame.predict(frame(later))
    assert_array_equal(by_frame.predict(CONTAINERS[container](later)), expected)
    by_array = network(categorical_features=CATEGORICAL).fit(array(), Y)
    assert_array_equal(by_array.predict(CONTAINERS[container](later)), expected)


def test_missing_objects_of_pandas_are_missing_in_arrays_too():
    """`to_numpy` turns nullable columns into arrays of objects that hold pandas.NA."""
    rows = frame().astype(object).to_numpy()
    assert any(value is pd.NA for value in rows[:, 2])
    ours = network(categorical_features=CATEGORICAL).fit(rows, Y)
    assert_same_fit(ours, network().fit(frame(), Y))


@pytest.mark.parametrize("container", [frame, array, CONTAINERS["polars"]])
def test_the_users_table_is_not_written_to(container):
    rows, before = container(TABLE), container(TABLE)
    params = {"categorical_features": CATEGORICAL} if container is array else {}
    network(**params, early_stopping=True).fit(rows, Y).predict(rows)
    if container is frame:
        pd.testing.assert_frame_equal(rows, before)
    elif container is array:
        assert_array_equal(rows, before)
    else:
        assert rows.equals(before)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_read_only_numbers_with_gaps_are_not_written_to(kind):
    rows = np.random.default_rng(0).normal(size=(N, 3))
    rows[::7, 1] = np.nan
    table = kind(rows)
    buffer = table.data if scipy.sparse.issparse(table) else table
    buffer.flags.writeable = False
    before = buffer.tobytes()
    for scaling in ("standard", "robust", None):
        network(feature_scaling=scaling).fit(table, Y).predict(table)
    assert buffer.tobytes() == before


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_column_names_are_checked_as_in_scikit_learn(container):
    rows = frame() if container == "pandas" else polars_frame(TABLE)
    more = {**TABLE, "extra": TABLE["num"]}
    wider = frame(more) if container == "pandas" else polars_frame(more)
    model = network().fit(rows, Y)
    assert model.feature_names_in_.tolist() == list(TABLE)
    assert model.n_features_in_ == 6
    with pytest.raises(ValueError, match="same order"):
        model.predict(rows[list(TABLE)[::-1]])
    with pytest.raises(ValueError, match=r"(?s)missing.*many"):
        model.predict(rows[[name for name in TABLE if name != "many"]])
    with pytest.raises(ValueError, match=r"(?s)unseen.*extra"):
        model.predict(wider)


# ------------------------------------------------------------------------ categorical_features


@pytest.mark.parametrize(
    "wanted",
    [
        CATEGORICAL,
        tuple(CATEGORICAL[::-1]),
        np.array(CATEGORICAL),
        [False, True, False, True, True, True],
        ["flag", "two", "many", "few"],
        np.array(["flag", "two", "many", "few"], dtype=object),
    ],
    ids=["numbers", "in another order", "array", "mask", "names", "names as objects"],
)
def test_every_way_to_name_the_categories_is_the_same(wanted):
    assert_same_fit(network(categorical_features=wanted).fit(frame(), Y), network().fit(frame(), Y))


def test_a_column_of_numbers_is_a_category_where_it_is_named():
    rows = frame(WHOLE)[["num", "gap"]]
    model = network(categorical_features=["gap"]).fit(rows, Y)
    assert row_of(model, "gap")["levels"] == [1, 2, 3, 7]
    assert model.coefs_[0].shape[0] == 5


def test_none_takes_no_column_for_a_category():
    rows = pd.DataFrame({"num": TABLE["num"], "flag": WHOLE["flag"]})
    model = network(categorical_features=None).fit(rows, Y)
    assert model.input_encoding_["kind"].tolist() == ["number", "number"]
    with pytest.raises(ValueError, match="Column 'two' of X is category, not numeric"):
        network(categorical_features=None).fit(frame(), Y)


# ---------------------------------------------------------------------------- input_encoding_


def test_input_encoding_shows_what_happened_to_each_column():
    table = network().fit(frame(), Y).input_encoding_
    assert isinstance(table, pd.DataFrame)
    assert table["column"].tolist() == list(TABLE)
    assert table["kind"].tolist() == ["number", "category", "number", *["category"] * 3]
    encodings = ["standard", "-1, +1", "standard", "one-hot", "embedding", "-1, +1"]
    assert table["encoding"].tolist() == encodings
    gap = pd.Series(TABLE["gap"], dtype=float)
    assert_allclose(table["centre"][[0, 2]], [np.mean(TABLE["num"]), gap.mean()], rtol=1e-9)
    assert_allclose(table["scale"][[0, 2]], [np.std(TABLE["num"]), gap.std(ddof=0)], rtol=1e-9)
    assert table["centre"][[1, 3, 4, 5]].isna().all()
    expected = [["no", "yes"], ["blue", "green", "red"], sorted(MANY), [False, True]]
    assert table["levels"][[1, 3, 4, 5]].tolist() == expected
    assert table["levels"][[0, 2]].isna().all()
    share = [sum(v is None for v in values) / N for values in TABLE.values()]
    assert_allclose(table["missing"], share, rtol=1e-12)
    own = [[0], [3], [1, 2], [4, 5, 6], list(range(8, 12)), [7]]
    assert table["engine_columns"].tolist() == own


def test_missing_shares_are_of_the_weight():
    w = np.where([v is None for v in TABLE["few"]], 3.0, 1.0)
    model = network().fit(frame(), Y, sample_weight=w)
    missing = w == 3
    assert row_of(model, "few")["missing"] == pytest.approx(3 * missing.sum() / w.sum())


def test_without_pandas_input_encoding_is_a_dict(monkeypatch):
    model = network(categorical_features=CATEGORICAL).fit(array(), Y)
    expected = model.input_encoding_
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = model.input_encoding_
    assert type(table) is dict
    assert list(table) == list(expected.columns)
    assert table["column"] == [0, 1, 2, 3, 4, 5]
    assert table["levels"][3] == ["blue", "green", "red"]


def test_engine_columns_are_rows_of_the_first_coefs():
    """With the rows of one column set to zero, the prediction ignores that column only."""
    model = network(max_onehot=3).fit(frame(), Y)
    for name in TABLE:
        W = model.coefs_[0].copy()
        model.coefs_[0][row_of(model, name)["engine_columns"]] = 0.0
        for other in TABLE:
            later = dict(TABLE) | {other: TABLE[other][::-1]}
            same = np.array_equal(model.predict(frame(later)), model.predict(frame()))
            assert same == (other == name)
        model.coefs_[0][:] = W


# -------------------------------------------------------------------------------- precision


@pytest.mark.parametrize("container", ["pandas", "polars", "with embedding"])
def test_float32_stays_float32(container):
    names = ["num", "few"] if container != "with embedding" else ["num", "two", "many"]
    rows = frame()[names].astype({"num": np.float32})
    if container == "polars":
        polars = pytest.importorskip("polars")
        rows = polars_frame(TABLE)[names].with_columns(polars.col("num").cast(polars.Float32))
    net = MLPBackpropRegressor((4,), batch_size=N, max_iter=2, random_state=0).fit(rows, Y)
    parameters = net.coefs_ + net.intercepts_ + net.embeddings_
    assert {a.dtype for a in parameters} == {np.dtype("f4")}
    assert net.predict(rows).dtype == np.float32
    wide = MLPBackpropRegressor((4,), batch_size=N, max_iter=2).fit(frame()[names], Y)
    assert {a.dtype for a in wide.coefs_ + wide.embeddings_} == {np.dtype("f8")}
    assert wide.predict(frame()[names]).dtype == np.float64
