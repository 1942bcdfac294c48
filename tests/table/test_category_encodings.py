"""What becomes of a category: scikit-learn's encoders, and columns written out by hand, tell."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.marks import unknown_levels
from tests.mixed import MANY, TABLE, WHOLE, N, Y, assert_same_fit, columns, frame, network, row_of
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)

# ------------------------------------------------------------------ what a category becomes


def test_two_levels_are_one_column_of_minus_one_and_one():
    rows = frame(WHOLE)[["num", "two", "gap"]]
    signs = np.where(rows["two"] == "yes", 1.0, -1.0)
    ours = network(feature_scaling=None).fit(rows, Y)
    oracle = network(feature_scaling=None).fit(np.c_[WHOLE["num"], WHOLE["gap"], signs], Y)
    assert_same_fit(ours, oracle)
    assert row_of(ours, "two")["encoding"] == "-1, +1"


@pytest.mark.parametrize("max_onehot", [8, 11, 100])
def test_a_few_levels_are_columns_of_the_one_hot_encoder(max_onehot):
    names = ["few", "many"] if max_onehot > 8 else ["few"]
    rows = frame(WHOLE)[["num", "gap", *names]].astype(dict.fromkeys(names, object))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encode = make_column_transformer(("passthrough", ["num", "gap"]), (encoder, names))
    net = network(feature_scaling=None, max_onehot=max_onehot)
    oracle = make_pipeline(encode, network(feature_scaling=None)).fit(rows, Y)
    ours = net.fit(rows, Y)
    assert_array_equal(ours.predict(rows), oracle.predict(rows))
    later = rows.replace({"few": {"red": "crimson"}})
    assert_array_equal(ours.predict(later), oracle.predict(later))
    assert not np.array_equal(ours.predict(later), ours.predict(rows))


@pytest.mark.parametrize("dim", [1, 5])
@pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])
def test_an_embedding_multiplied_out_is_a_plain_network_on_one_hot_columns(cls, dim):
    y = Y > 10 if cls is MLPBackpropClassifier else Y
    rows = frame(WHOLE)[["num", "few", "many"]]
    model = network(cls, max_onehot=2, embedding_dim=dim, feature_scaling=None, activation="tanh")
    model.set_params(**({} if cls is MLPBackpropClassifier else {"target_scaling": False}))
    model.fit(rows, y)
    W = model.coefs_[0]
    plain = [W[:1]]
    for k, E in enumerate(model.embeddings_):
        plain.append(E @ W[1 + k * dim : 1 + (k + 1) * dim])
    assert [len(part) for part in plain] == [1, 4, 12]
    later = columns(seed=1)
    later["few"][0], later["many"][1] = "unseen", "unheard of"
    later["few"], later["many"] = pd.Series(later["few"]), pd.Series(later["many"])
    onehot = [np.array(later["num"])[:, None]]
    for name, levels in [("few", sorted({*WHOLE["few"]})), ("many", sorted(MANY))]:
        known = np.stack([later[name] == level for level in levels], axis=1)
        onehot += [~known.any(axis=1, keepdims=True), known]
    hidden = np.tanh(np.hstack(onehot).astype(float) @ np.vstack(plain) + model.intercepts_[0])
    output = (hidden @ model.coefs_[1] + model.intercepts_[1])[:, 0]
    table = pd.DataFrame({name: later[name] for name in ("num", "few", "many")})
    own = model.decision_function(table) if cls is MLPBackpropClassifier else model.predict(table)
    assert_allclose(own, output, rtol=1e-10, atol=1e-12)
    assert abs(model.embeddings_[1] @ W[1 + dim :]).max() > 0.01


@pytest.mark.parametrize(
    ("params", "inputs", "tables"),
    [
        ({}, 2 + 1 + 1 + 3 + 1 + 4, [(12, 4)]),
        ({"max_onehot": 11}, 2 + 1 + 1 + 3 + 1 + 11, []),
        ({"max_onehot": 2}, 2 + 1 + 1 + 1 + 2 * 4, [(4, 4), (12, 4)]),
        ({"max_onehot": 0}, 2 + 1 + 1 + 1 + 2 * 4, [(4, 4), (12, 4)]),
        ({"embedding_dim": 3}, 2 + 1 + 1 + 3 + 1 + 3, [(12, 3)]),
        ({"max_onehot": 2, "embedding_dim": 1}, 2 + 1 + 1 + 1 + 2, [(4, 1), (12, 1)]),
        ({"min_frequency": 0.4}, 2 + 1 + 1 + 1 + 1 + 1, []),
    ],
)
def test_the_parameters_decide_how_many_inputs_the_network_has(params, inputs, tables):
    """Two numbers and an indicator, two categories of two levels, one of 3 and one of 11."""
    model = network(**params).fit(frame(), Y)
    assert model.coefs_[0].shape[0] == inputs
    assert [E.shape for E in model.embeddings_] == tables


def test_auto_is_at_most_4_numbers_a_level():
    rows = pd.DataFrame({"c": [f"level {k % 40}" for k in range(N)]})
    model = network().fit(rows, Y)
    assert model.embeddings_[0].shape == (41, 4)
    assert row_of(model, "c")["engine_columns"] == list(range(4))


# ----------------------------------------------------------------- unknown, missing and rare


@unknown_levels
@pytest.mark.parametrize("max_onehot", [2, 20])
@pytest.mark.parametrize("name", ["two", "few", "many", "flag"])
def test_unknown_and_missing_levels_are_alike(name, max_onehot):
    model = network(max_onehot=max_onehot).fit(frame(), Y)
    later = columns(seed=1)
    missing, unknown = dict(later), dict(later)
    missing[name] = [None] * N
    unknown[name] = pd.Categorical(["never seen"] * N)
    if name == "flag":
        unknown[name] = pd.Categorical([2] * N)
    rows = frame(missing)
    assert_array_equal(model.predict(rows), model.predict(rows.assign(**{name: unknown[name]})))
    assert not np.array_equal(model.predict(rows), model.predict(frame(later)))


@unknown_levels
def test_unknown_levels_are_zeros_or_row_zero():
    rows = frame(WHOLE)[["num", "two", "few", "many"]]
    model = network(sizes=(), max_onehot=20)
    unknown = rows.assign(two="?", few=None, many="?")
    assert_array_equal(model.fit(rows, Y).transform(unknown)[:, 1:], 0)
    embedded = network().fit(rows, Y)
    assert_array_equal(embedded.embeddings_[0][0], 0)  # never trained: none was missing
    assert (embedded.embeddings_[0][1:] != 0).all()
    assert (network().fit(frame(), Y).embeddings_[0][0] != 0).any()


def levels(*counts):
    """A column of level 0 so many times, of level 1, ..., as letters."""
    return np.repeat(list("abcdefghijklmnop")[: len(counts)], counts).tolist()


@pytest.mark.parametrize("max_onehot", [2, 8])
def test_levels_rarer_than_min_frequency_merge(max_onehot):
    rows = pd.DataFrame({"c": levels(50, 3, 40, 4, 63)})
    model = network(min_frequency=5 / N, max_onehot=max_onehot).fit(rows, Y)
    assert row_of(model, "c")["levels"] == ["a", "c", "e", ["b", "d"]]
    predicted = model.predict(pd.DataFrame({"c": [*list("abcde"), "unknown"]}))
    assert predicted[1] == predicted[3]
    assert len(np.unique(predicted)) == 5
    apart = network(max_onehot=max_onehot).fit(rows, Y)
    assert row_of(apart, "c")["levels"] == list("abcde")


def test_a_level_at_min_frequency_does_not_merge():
    rows = pd.DataFrame({"c": levels(80, 40, 40)})
    assert row_of(network(min_frequency=0.25).fit(rows, Y), "c")["levels"] == ["a", "b", "c"]
    assert row_of(network(min_frequency=0.26).fit(rows, Y), "c")["levels"] == ["a", ["b", "c"]]


def test_frequencies_are_shares_of_the_weight():
    rows, w = pd.DataFrame({"c": levels(50, 3, 40, 4, 63)}), np.ones(N)
    w[50:53] = 30.0
    w[53:93] = 0.1
    ours = network(min_frequency=0.05).fit(rows, Y, sample_weight=w)
    assert row_of(ours, "c")["levels"] == ["a", "b", "e", ["c", "d"]]


def test_levels_of_rows_of_weight_zero_are_unknown():
    rows, w = pd.DataFrame({"c": levels(50, 3, 40, 4, 63)}), np.ones(N)
    w[50:53] = 0.0
    ours = network().fit(rows, Y, sample_weight=w)
    absent = network().fit(rows[w > 0], Y[w > 0])
    assert_same_fit(ours, absent)
    assert row_of(ours, "c")["levels"] == list("acde")
    assert_array_equal(
        ours.predict(pd.DataFrame({"c": ["b", "a"]})), ours.predict(pd.DataFrame({"c": ["?", "a"]}))
    )


@pytest.mark.parametrize(
    "column",
    [
        pd.Categorical(["a"] * N),
        pd.Categorical([None] * N, categories=["a", "b"]),
        pd.array([None] * N, dtype="string"),
        pd.array([None] * N, dtype="boolean"),
        np.array([True] * N),
    ],
    ids=["one level", "no level", "no text", "no booleans", "always true"],
)
def test_a_category_that_tells_nothing_is_harmless(column):
    rows = pd.DataFrame({"num": TABLE["num"], "c": column})
    model = network(max_iter=20).fit(rows, Y)
    assert model.loss_ < model.loss_curve_[0]
    assert np.isfinite(model.predict(rows)).all()
    only = network().fit(rows[["c"]], Y)
    assert len(np.unique(only.predict(rows[["c"]]))) == 1


def test_a_frame_of_categories_alone_is_learned():
    rows = frame()[["two", "few", "many", "flag"]]
    y = np.array([len(v or "") for v in TABLE["many"]], dtype=float)
    model = network(max_iter=300, learning_rate_init=0.03).fit(rows, y)
    assert model.score(rows, y) > 0.95


@pytest.mark.parametrize("dtype", [bool, object, "boolean", "category"])
def test_booleans_are_minus_one_and_one(dtype):
    flags = pd.Series(WHOLE["flag"]).astype(dtype)
    model = network(sizes=())
    model.fit(pd.DataFrame({"flag": flags}), Y)
    signs = np.where(WHOLE["flag"], 1.0, -1.0)[:, None]
    assert_array_equal(model.transform(pd.DataFrame({"flag": flags})), signs)


def test_categories_of_numbers_dates_and_intervals_are_categories():
    number = np.array(TABLE["num"])
    day = pd.date_range("2020-01-01", periods=3)[np.arange(N) % 3]
    for column in (np.arange(N) % 3, number.round() % 3 / 2, day, pd.cut(number, 3)):
        rows = pd.DataFrame({"c": pd.Categorical(column)})
        model = network().fit(rows, Y)
        assert row_of(model, "c")["encoding"] == "one-hot"
        assert row_of(model, "c")["levels"] == rows["c"].cat.categories.tolist()


@pytest.mark.parametrize("name", ["two", "few", "many"])
def test_the_order_of_the_categories_and_unused_ones_change_nothing(name):
    rows = frame()
    levels = sorted({v for v in TABLE[name] if v})
    other = rows.assign(
        **{name: pd.Categorical(rows[name], ["unused", *levels[::-1]], ordered=True)}
    )
    expected, ours = network().fit(rows, Y), network().fit(other, Y)
    assert_same_fit(ours, expected)
    assert_array_equal(expected.predict(other), expected.predict(rows))
