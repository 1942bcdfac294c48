"""One model, several containers; columns that nearly are something else; changed parameters."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from sknet import MLPBackpropRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 200
RNG = np.random.default_rng(0)
X = np.c_[RNG.normal(3.0, 2.0, N), RNG.integers(0, 12, N), np.ones(N), RNG.poisson(0.3, N)]
Y = X[:, 0] + np.sin(X[:, 1])
each_scaling = pytest.mark.parametrize("scaling", ["auto", "standard", "robust", None])


def network(**params):
    params = {"max_iter": 5, "random_state": 0, "dtype": "float64"} | params
    return MLPBackpropRegressor((8,), **params)


# ------------------------------------------------------------------------- dense and sparse


@each_scaling
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "frame"])
def test_rows_that_become_sparse_are_the_same_rows(form, scaling):
    model = network(feature_scaling=scaling)
    if form == "frame":
        rows = pd.DataFrame(X, columns=list("abcd"))
        sparse = rows.astype(pd.SparseDtype("float64", 0.0))
    else:
        rows, sparse = X, scipy.sparse.csr_array(X).asformat(form)
    model.fit(rows, Y)
    assert_allclose(model.predict(sparse), model.predict(rows), rtol=1e-12)


@each_scaling
def test_rows_that_become_dense_are_the_same_rows(scaling):
    sparse = scipy.sparse.csr_array(X)
    model = network(feature_scaling=scaling).fit(sparse, Y)
    assert_allclose(model.predict(X), model.predict(sparse), rtol=1e-12)


@each_scaling
def test_sparse_rows_to_validate_on_are_the_same_rows(scaling):
    model, given = network(feature_scaling=scaling), {"X_val": X[:50], "y_val": Y[:50]}
    expected = model.fit(X, Y, **given).validation_scores_
    given["X_val"] = scipy.sparse.csr_array(X[:50])
    assert_allclose(model.fit(X, Y, **given).validation_scores_, expected, rtol=1e-12)


@each_scaling
def test_a_later_chunk_may_be_sparse(scaling):
    dense, mixed = (network(feature_scaling=scaling).partial_fit(X, Y) for _ in range(2))
    dense.partial_fit(X[:50], Y[:50])
    mixed.partial_fit(scipy.sparse.csr_array(X[:50]), Y[:50])
    assert_allclose(mixed.predict(X), dense.predict(X), rtol=1e-9)


def test_many_sparse_rows_are_made_dense_in_pieces():
    model = network().fit(X, Y)
    many = np.tile(X, (400, 1))
    assert_array_equal(model.predict(scipy.sparse.csr_array(many)), model.predict(many))


@pytest.mark.parametrize(
    ("scaling", "scaler"),
    [("auto", MaxAbsScaler()), ("standard", StandardScaler(with_mean=False))],
)
def test_sparse_scaling_is_that_of_scikit_learn(scaling, scaler):
    sparse = scipy.sparse.csr_array(X[:, [0, 1, 3]])
    model = network(feature_scaling=scaling).fit(sparse, Y)
    expected = make_pipeline(scaler, network(feature_scaling=None)).fit(sparse, Y)
    assert_allclose(model.predict(sparse), expected.predict(sparse), rtol=1e-6)


def test_a_rare_word_does_not_become_huge():
    rare = np.zeros((N, 2))
    rare[0, 0], rare[:, 1] = 1.0, np.arange(N)
    model = MLPBackpropRegressor((), max_iter=1).fit(scipy.sparse.csr_array(rare), Y)
    assert_allclose(model.transform(scipy.sparse.csr_array(rare)).max(axis=0), [1.0, 1.0])


# ------------------------------------------------------------------- nearly something else


def frame_of(values):
    return pd.DataFrame({"a": X[:, 0], "c": values})


def in_container(container, values):
    """A frame with a column of these values, and the names that advised lines may use."""
    rows, scope = frame_of(values), {"pandas": pd}
    if container == "polars":
        scope["polars"] = pytest.importorskip("polars")
        rows = scope["polars"].DataFrame(rows.to_dict("list"))
    return rows, scope


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_numbers_as_text_are_refused_with_a_line_that_helps(container):
    values = [f"{value:.3f}" for value in X[:, 0]]
    values[7] = "?"
    rows, scope = in_container(container, values)
    with pytest.raises(ValueError, match=r"Column 'c' of X is text.*most of its values") as error:
        network().fit(rows, Y)
    scope["X"] = rows
    exec(str(error.value).splitlines()[1].strip(), scope)
    model = network().fit(scope["X"], Y)
    assert model.input_encoding_["missing"].tolist() == [0.0, 1 / N]
    assert network(categorical_features=["c"]).fit(rows, Y).embeddings_[0].shape[0] > 100


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("clock", ["", " 10:30:00", "T10:30:00"])
def test_dates_as_text_are_refused_with_lines_that_help(container, clock):
    values = [f"2020-01-{1 + k % 28:02d}{clock}" for k in range(N)]
    rows, scope = in_container(container, values)
    with pytest.raises(ValueError, match=r"Column 'c' of X holds dates") as error:
        network().fit(rows, Y)
    scope["X"] = rows
    exec("\n".join(line.strip() for line in str(error.value).splitlines()[1:]), scope)
    assert network().fit(scope["X"], Y).n_features_in_ == 4


def test_few_dates_as_text_are_levels():
    rows = frame_of([f"2020-01-{1 + k % 10:02d}" for k in range(N)])
    assert network().fit(rows, Y).input_encoding_["encoding"].tolist() == ["standard", "embedding"]


def test_levels_without_an_order_are_an_error_that_names_the_column():
    rows = frame_of(pd.Categorical(pd.Series([(1,), ("a",)] * (N // 2))))
    with pytest.raises(ValueError, match=r"Column 'c' of X.*cannot be sorted"):
        network().fit(rows, Y)


@pytest.mark.parametrize("first", [[1, True, 0, False], [True, 1, False, 0], [True, 1, 2.5, 0]])
def test_booleans_among_numbers_are_numbers_in_any_order(first):
    rows = frame_of(pd.Series(first * (N // 4), dtype=object))
    assert network().fit(rows, Y).input_encoding_["kind"].tolist() == ["number", "number"]


# ------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize("wrap", [list, tuple, pd.Index, pd.Series, np.array])
def test_columns_may_be_named_by_what_a_frame_returns(wrap):
    rows = frame_of(X[:, 1].astype(int))
    model = network(categorical_features=wrap(["c"])).fit(rows, Y)
    assert model.input_encoding_["kind"].tolist() == ["number", "category"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("feature_scaling", "robust"),
        ("categorical_features", None),
        ("min_frequency", 0.2),
        ("max_onehot", 20),
        ("embedding_dim", 2),
    ],
)
def test_training_that_goes_on_keeps_its_encoding(name, value):
    rows = frame_of(X[:, 1].astype(int).astype(str))
    for go_on in ("fit", "partial_fit"):
        model = network(warm_start=True).fit(rows, Y)
        model.set_params(**{name: value})
        with pytest.raises(ValueError, match=rf"'{name}' parameter.*must stay"):
            getattr(model, go_on)(rows, Y)


def test_an_overflow_names_the_row_of_a_long_frame():
    model = network(
        feature_scaling=None, target_scaling=False, dtype="float32", activation="identity"
    )
    model.fit(frame_of(X[:, 1]), Y)
    model.coefs_ = [W * np.float32(1e3) for W in model.coefs_]
    rows = pd.DataFrame(0.0, index=range(70_000), columns=["a", "c"])
    rows.loc[69_000, "a"] = 3e38
    with pytest.raises(ValueError, match="Row 69000 of X"):
        model.predict(rows)
