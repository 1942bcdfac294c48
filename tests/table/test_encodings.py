"""A new encoding is a class and an entry in ENCODINGS: one of numbers, one of categories."""

import pickle
from inspect import isabstract

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sknet._table import encodings
from sknet._table.category_encodings import Categories
from sknet._table.encoder import Encoder
from sknet._table.encoding import CODES, NUMBERS, EncodingSettings
from sknet._table.encodings import ENCODINGS, feature_scalings
from sknet._table.number_encodings import Numbers
from sknet._table.statistics import of_sparse_columns
from tests.mixed import TABLE, Y, frame
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor
from tests.table.numbers import SPARSE, X, encoded, fitted, with_gaps

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)


class Log(Numbers):
    """sign(x) log(1 + |x|), which learns nothing but the median."""

    def scale(self, X, out):
        np.copyto(out, np.sign(X) * np.log1p(np.abs(X)), casting="same_kind")

    def scale_stored(self, data, columns):
        return np.sign(data) * np.log1p(np.abs(data))


class Ordinal(Categories):
    """One column for a category: the code of the level, from 2 on; 1 where missing or unknown."""

    @classmethod
    def fit(cls, found, settings):
        return {**super().fit(found, settings), "offset": 1.0}

    def write(self, codes, out):
        out[:, 0] = self.state["offset"] + codes

    def is_consistent(self, n_numbers, levels):
        return super().is_consistent(n_numbers, levels) and self.state["offset"] == 1.0


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setitem(ENCODINGS, "log", Log)


def logarithm(X):
    return np.sign(X) * np.log1p(abs(X))


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])
def test_a_new_encoding_of_numbers_fits_predicts_and_pickles(cls, dtype):
    y = X[:, 3] > 1 if cls is MLPBackpropClassifier else X[:, 3]
    net = cls((6,), feature_scaling="log", max_iter=5, random_state=0, dtype=dtype)
    ours = clone(net).fit(X, y)
    by_hand = clone(net).set_params(feature_scaling=None).fit(logarithm(X), y)
    tolerance = {"float32": 1e-4, "float64": 1e-10}[dtype]
    assert_allclose(ours.coefs_[0], by_hand.coefs_[0], rtol=tolerance, atol=tolerance)
    loaded = pickle.loads(pickle.dumps(ours))
    assert_array_equal(loaded.predict(X), ours.predict(X))
    for rows in (X[:1], X[:7]):
        assert_allclose(ours.predict(rows), by_hand.predict(logarithm(rows)), rtol=1e-3)
    table = ours.input_encoding_
    assert table["encoding"].tolist() == ["log"] * 4
    assert table["engine_columns"].tolist() == [[0], [1], [2], [3]]
    assert table["centre"].isna().all()


@pytest.mark.usefixtures("log")
def test_it_goes_on_and_its_parameters_must_stay():
    net = MLPBackpropRegressor((6,), feature_scaling="log", random_state=0)
    net.partial_fit(X, X[:, 3]).partial_fit(X, X[:, 3])
    with pytest.raises(ValueError, match="must stay 'log', as first fitted"):
        net.set_params(feature_scaling=None).partial_fit(X, X[:, 3])


@pytest.mark.usefixtures("log")
def test_it_has_the_median_and_the_indicator_where_numbers_are_missing():
    rows = with_gaps()
    filled = np.where(np.isnan(rows), np.nanmedian(rows, axis=0), rows)
    expected = np.c_[logarithm(filled), np.isnan(rows)[:, [0, 2]]]
    assert_allclose(encoded(rows, feature_scaling="log"), expected, rtol=1e-15)


@pytest.mark.usefixtures("log")
def test_it_encodes_sparse_rows():
    ours = encoded(scipy.sparse.csr_array(SPARSE), feature_scaling="log")
    assert_allclose(ours, logarithm(SPARSE), rtol=1e-15)


@pytest.mark.usefixtures("log")
def test_it_stands_beside_the_categories_of_a_frame():
    net = MLPBackpropRegressor((6,), feature_scaling="log", max_iter=3, random_state=0)
    ours, plain = (
        clone(net).set_params(**p).fit(frame(), Y) for p in ({}, {"feature_scaling": None})
    )
    table, expected = ours.input_encoding_, plain.input_encoding_
    assert set(table["encoding"]) == {"log", "-1, +1", "one-hot", "embedding"}
    for name in ("kind", "levels", "missing", "engine_columns"):
        assert table[name].tolist() == expected[name].tolist()
    rows = frame()
    for name in ("num", "gap"):
        rows[name] = logarithm(rows[name].astype(float))
    assert_allclose(ours.predict(frame()), clone(plain).fit(rows, Y).predict(rows), rtol=1e-4)


@pytest.mark.usefixtures("log")
def test_a_number_that_overflows_is_named():
    net = fitted(X, feature_scaling="log", dtype="float32")
    assert np.isfinite(net.predict(np.full((1, 4), 1e300))).all()
    rows = np.ones((2, 4))
    rows[1, 2] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*column 2"):
        net.predict(rows)


def test_without_its_entry_it_is_refused(monkeypatch):
    assert {"standard", "robust"} <= set(feature_scalings())
    allowed = ", ".join(map(repr, ("auto", *feature_scalings())))
    with pytest.raises(ValueError, match=f"must be one of {allowed} or None"):
        fitted(X, feature_scaling="log")
    monkeypatch.setitem(ENCODINGS, "log", Log)
    pickled = pickle.dumps(fitted(X, feature_scaling="log"))
    monkeypatch.undo()
    with pytest.raises(ValueError, match="corrupt: KeyError: 'log'"):
        pickle.loads(pickled)


class Dense(Numbers):
    """Maps 0 to another number."""

    def scale(self, X, out):
        np.copyto(out, np.cos(X), casting="same_kind")


def test_an_encoding_that_does_not_keep_zeros_refuses_sparse_rows(monkeypatch):
    monkeypatch.setitem(ENCODINGS, "cos", Dense)
    with pytest.raises(ValueError, match=r"'cos' does not work for sparse X.*X\.toarray\(\)"):
        fitted(scipy.sparse.csr_array(SPARSE), feature_scaling="cos")


def test_a_new_encoding_of_categories(monkeypatch):
    monkeypatch.setitem(ENCODINGS, "ordinal", Ordinal)
    monkeypatch.setattr("sknet._table.encoder.category_encoding", lambda settings, count: "ordinal")
    net = MLPBackpropRegressor((6,), max_iter=3, random_state=0, dtype="float64")
    model = net.fit(frame(), Y)
    table = model.input_encoding_
    assert table["encoding"].tolist() == [
        "standard",
        "ordinal",
        "standard",
        "ordinal",
        "ordinal",
        "ordinal",
    ]
    assert table["engine_columns"].tolist() == [[0], [3], [1, 2], [4], [5], [6]]
    flat = MLPBackpropRegressor((), max_iter=1, dtype="float64").fit(frame(), Y)
    codes = [{"red": 4.0, "green": 3.0, "blue": 2.0, None: 1.0}[v] for v in TABLE["few"]]
    assert_array_equal(flat.transform(frame())[:, 4], codes)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(frame()), model.predict(frame()))
    model._encoding["blocks"][2]["offset"] = 2.0
    with pytest.raises(ValueError, match="learned of the columns of X does not fit together"):
        pickle.loads(pickle.dumps(model))


# ------------------------------------------------------------ all encodings


@pytest.mark.parametrize("name", ENCODINGS)
def test_what_is_said_of_every_encoding(name):
    encoding = ENCODINGS[name]
    assert encoding.reads in (NUMBERS, CODES)
    assert not isabstract(encoding)
    assert encoding.__doc__.endswith((".", ".\n    "))
    assert not encoding.is_feature_scaling or encoding.reads == NUMBERS


def test_every_state_is_of_builtins_and_arrays_and_every_block_is_made_from_it_again():
    model = MLPBackpropRegressor((4,), max_iter=1).fit(frame(), Y)
    encoder = model._encoder
    kinds = [block["encoding"] for block in encoder.state["blocks"]]
    assert kinds == ["linear", "missing", "-1, +1", "one-hot", "-1, +1", "embedding"]

    def check(value):
        if isinstance(value, dict):
            return all(type(k) is str and check(v) for k, v in value.items())
        if isinstance(value, (list, tuple)):
            return all(map(check, value))
        return value is None or type(value) in (str, int, float, bool, np.ndarray)

    assert check(encoder.state)
    again = Encoder(pickle.loads(pickle.dumps(encoder.state)))
    assert again.is_consistent()
    assert again.described(range(6)) == encoder.described(range(6))
    assert (again.n_columns, again.n_dense, again.n_units) == (9, 8, 12)


def test_settings_are_read_from_a_mapping_or_from_attributes():
    net = MLPBackpropRegressor(max_onehot=3, feature_scaling="robust")
    settings = EncodingSettings.of(net.get_params())
    assert settings == EncodingSettings.of(net) == EncodingSettings.of(settings)
    assert settings == ("robust", "from_dtype", 0.0, 3, "auto")
    assert settings._fields == tuple(n for n in settings._fields if n in net.get_params())


def test_only_what_is_said_to_be_a_feature_scaling_is_one():
    for name in ("one-hot", "max_abs", "linear", "quantile", "as it is", "missing"):
        with pytest.raises(ValueError, match="feature_scaling"):
            fitted(X, feature_scaling=name)
    found = of_sparse_columns(scipy.sparse.csr_matrix(SPARSE), None, shapes=True)
    settings = EncodingSettings("auto", None, 0.0, 8, 1)
    assert set(encodings.number_encodings(settings, found)) == {"max_abs"}


def test_several_blocks_of_numbers_scale_in_the_first_layer_too():
    """Two blocks of "standard" are one: no estimator makes them, but the encoder may."""
    rows = np.random.default_rng(1).normal([0.5, -30.0, 4e-3, 1], [1, 20, 2e-3, 1], (200, 4))
    params = {"feature_scaling": "standard", "dtype": "float64"}
    model = MLPBackpropRegressor((5,), max_iter=3, random_state=0, **params)
    model.fit(rows, rows[:, 0])
    expected = model.predict(rows)
    (block,) = model._encoding["blocks"]
    own = ("columns", "fill", "centre", "factor")
    halves = [block | {name: block[name][part] for name in own} for part in (slice(1), slice(1, 4))]
    model._encoding = model._encoding | {"blocks": halves}
    assert model._encoder.is_consistent()
    assert model._encoder.unscaled is not None
    assert_allclose(model.predict(rows), expected, rtol=1e-12)
    assert model.input_encoding_["engine_columns"].tolist() == [[0], [1], [2], [3]]
    as_rows = pd.DataFrame(model.input_encoding_)
    assert as_rows["centre"].tolist() == block["centre"].tolist()
