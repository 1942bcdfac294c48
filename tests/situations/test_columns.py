"""Columns as containers hand them over: booleans, object arrays, unknown levels."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.preprocessing import OrdinalEncoder

from sknet._base import FRAME_ROWS
from tests.marks import ignore_convergence
from tests.networks import network_maker
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence
RNG = np.random.default_rng(0)
N = 200
NUMBERS = RNG.normal(size=N)
BITS = RNG.random((N, 3)) < 0.4
WORDS = RNG.choice(["u", "v", "w"], N)
Y = NUMBERS + (WORDS == "u") + BITS[:, 0]
X = pd.DataFrame({"a": NUMBERS, "c": WORDS, "d": BITS[:, 0]})
network = network_maker(MLPBackpropRegressor, (5,), max_iter=3)
plain = network_maker(MLPBackpropRegressor, (), max_iter=3)

# ------------------------------------------------------------ booleans


def booleans():
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame(BITS, columns=list("abc"))
    gaps = frame.astype("boolean").mask(RNG.random(BITS.shape) < 0.1)
    yield frame, [frame.astype("boolean"), frame.astype(object), frame.astype("category")]
    yield frame, [polars.DataFrame(frame.to_dict("list"))]
    values = {name: [None if v is pd.NA else v for v in gaps[name]] for name in gaps}
    yield gaps, [gaps.astype(object), polars.DataFrame(values)]
    pyarrow = pytest.importorskip("pyarrow")
    yield frame, [frame.astype("bool[pyarrow]"), pyarrow.Table.from_pandas(frame)]
    yield gaps, [gaps.astype("bool[pyarrow]"), pyarrow.Table.from_pandas(gaps)]


@pytest.mark.parametrize("k", range(5))
def test_booleans_of_every_container_are_the_same(k):
    frame, others = list(booleans())[k]
    oracle = np.where(frame.isna(), 0, 2 * frame.fillna(False).astype(int) - 1)
    expected = network().fit(frame, Y)
    assert_array_equal(plain().fit(frame, Y).transform(frame),
                       oracle)  # fmt: skip
    for rows in others:
        model = network().fit(rows, Y)
        for some in (frame, rows):
            assert_array_equal(model.predict(some), expected.predict(frame))
            assert_array_equal(expected.predict(some[:3]), model.predict(frame[:3]))


def test_one_of_the_booleans_was_not_seen():
    rows = pd.DataFrame(BITS, columns=list("abc"))
    model = plain().fit(rows.assign(d=True), Y)
    with pytest.warns(UserWarning, match="Column 'd' of X: 200 of 200 values are levels"):
        model.predict(rows.assign(d=False))


# ------------------------------------------------------------ numbers read at once


@pytest.mark.parametrize("dtypes", [["float32"], ["int8", "float32"], ["uint16", "float64"]])
def test_plain_numbers_of_frames_keep_their_values_and_their_precision(dtypes):
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame({k: RNG.integers(0, 99, N).astype(dtypes[k % len(dtypes)])
                          for k in range(5)}).rename(columns=str)  # fmt: skip
    model = plain(feature_scaling=None).fit(frame, Y)
    wanted = "float32" if dtypes == ["float32"] else "float64"
    mixed = plain(feature_scaling=None).fit(frame.assign(word=WORDS), Y)
    others = [frame, polars.DataFrame({name: frame[name].to_numpy() for name in frame})]
    for rows in others:
        assert model.predict(rows).dtype == wanted
        assert_array_equal(model.transform(rows), frame.to_numpy())
    assert_array_equal(mixed.transform(frame.assign(word=WORDS))[:, :5], frame.to_numpy())


# ------------------------------------------------------------ object arrays and text arrays


def test_an_object_array_is_read_as_an_object_frame():
    array = X.to_numpy(dtype=object)
    ours, oracle = network().fit(array, Y), network().fit(X.astype(object), Y)
    assert ours.input_encoding_["kind"].tolist() == ["number", "category", "category"]
    for rows in (array, array[:7], array[:, :].tolist()):
        expected = oracle.predict(X[: len(rows)].astype(object))
        assert_array_equal(ours.predict(np.array(rows, dtype=object)), expected)
    part = network().partial_fit(array, Y).partial_fit(array, Y)
    assert part.input_encoding_["kind"].tolist() == ["number", "category", "category"]
    network(early_stopping=True).fit(array, Y, X_val=array, y_val=Y)
    gaps = array.copy()
    gaps[::5] = None
    assert_allclose(network().fit(gaps, Y).input_encoding_["missing"], 0.2)


def test_object_arrays_of_other_tools():
    passed = make_column_transformer((OrdinalEncoder(), ["d"]), remainder="passthrough")
    array = passed.fit_transform(X)
    assert array.dtype == object
    assert network().fit(array, Y).input_encoding_["kind"].tolist().count("category") == 1
    classifier = network_maker(MLPBackpropClassifier, (5,), max_iter=3)()
    for ensemble in (BaggingClassifier, AdaBoostClassifier):
        model = ensemble(classifier, n_estimators=2).fit(X.to_numpy(dtype=object), WORDS)
        assert model.predict(X.to_numpy(dtype=object)).shape == (N,)


BAD = {
    "dates": (np.arange("2020-01-01", "2020-07-19", dtype="M8[D]"), "dates or times"),
    "amounts": ([f"${k:,}.50" for k in range(900, 900 + N)], "numbers"),
    "days": ([f"{k % 28 + 1}.1.{1800 + k}" for k in range(N)], "dates or times as text"),
    "sentences": ([f"a text of words {k}" for k in range(N)], "free text"),
}


@pytest.mark.parametrize("kind", [object, str])
@pytest.mark.parametrize("name", BAD)
def test_columns_of_arrays_give_the_errors_of_columns_of_frames(name, kind):
    values, words = BAD[name]
    if kind is str and name == "dates":
        words = "dates or times as text"
    array = np.empty((N, 2), dtype=object)
    array[:, 0], array[:, 1] = WORDS, list(values)
    with pytest.raises(ValueError, match=f"Column 1 of X .*{words}"):
        network().fit(array.astype(kind), Y)


def test_text_arrays_are_categories():
    array = np.stack([WORDS, RNG.choice(["x", "y"], N)], axis=1)
    ours, oracle = network().fit(array, Y), network().fit(pd.DataFrame(array), Y)
    assert_array_equal(ours.predict(array), oracle.predict(pd.DataFrame(array)))
    with pytest.raises(ValueError, match="numeric"):
        network(categorical_features=None).fit(array, Y)
    with pytest.raises(ValueError, match="bytes"):
        network().fit(array.astype("S"), Y)


# ------------------------------------------------------------ levels that training did not see

LEVELS = {
    "text": (RNG.choice(list("123"), N), RNG.choice(["1.0", "2.0", "3.0"], N)),
    "numbers": (RNG.choice([1, 2, 3], N), RNG.choice([10, 20, 30], N)),
    "categorical": (pd.Categorical(WORDS), pd.Categorical(np.char.upper(WORDS))),
    "mostly": (WORDS, np.where(np.arange(N) % 3, "W", WORDS)),
}
PLACES = {"categorical_features": ["c"]}


@pytest.mark.parametrize(("seen", "unseen"), LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("container", ["pandas", "polars", "array"])
def test_a_column_of_unknown_levels_gives_a_warning_that_names_it(seen, unseen, container):
    def rows(values, n=N):
        frame = X.assign(c=values)[:n]
        if container == "polars":
            return pytest.importorskip("polars").DataFrame(frame.to_dict("list"))
        return frame if container == "pandas" else frame.to_numpy(dtype=object)

    params = {"categorical_features": [1]} if container == "array" else PLACES
    model, name = network(**params).fit(rows(seen), Y), 1 if container == "array" else "'c'"
    match = rf"Column {name} of X: \d+ of 200 values are levels that training did not see"
    calls = [
        model.predict,
        model.transform,
        lambda t: network(**params).fit(rows(seen), Y).partial_fit(t, Y),
        lambda t: network(**params).fit(rows(seen), Y, X_val=t, y_val=Y),
    ]
    for call in calls:
        with pytest.warns(UserWarning, match=match):
            call(rows(unseen))
    model.predict(rows(unseen, 9))  # too few rows to tell
    model.predict(rows(seen))


def test_missing_and_few_unknown_levels_are_no_reason_to_warn():
    model = network().fit(X, Y)
    model.predict(X.assign(c=None))
    model.predict(X.assign(c=np.where(np.arange(N) % 3, WORDS, "z")))
    model.predict(X.assign(c=pd.Series(np.where(np.arange(N) % 3, None, WORDS))))


# ------------------------------------------------------------ pyarrow


def test_a_scorer_gets_the_table_of_pyarrow_that_was_passed():
    pyarrow = pytest.importorskip("pyarrow")
    seen = []

    def scorer(model, rows, y):
        seen.append(type(rows))
        return model.score(rows, y)

    table = pyarrow.Table.from_pandas(X)
    for given in (table, table.to_batches()[0]):
        seen.clear()
        model = network(scoring=scorer, early_stopping=True)
        model.fit(given, Y, X_val=given, y_val=Y)
        assert set(seen) == {type(given)}
    network(scoring=scorer, early_stopping=True).fit(table, Y)  # a hold-out
    assert seen[-1] is pyarrow.Table


def test_a_large_table_of_pyarrow_is_predicted_in_pieces(monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    n = FRAME_ROWS + 10
    frame = pd.DataFrame({"a": RNG.normal(size=n), "c": RNG.choice(["u", "v"], n)})
    model, table = network().fit(frame[:N], Y), pyarrow.Table.from_pandas(frame)
    sizes = []
    monkeypatch.setattr(
        "sknet._base.predict",
        lambda rows, *args: sizes.append(rows.shape[0]) or np.zeros((rows.shape[0], 1)),
    )
    model.predict(table)
    assert sizes == [FRAME_ROWS, 10]
    monkeypatch.undo()
    assert_array_equal(model.predict(table), model.predict(frame))
