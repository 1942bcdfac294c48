"""Containers of X: tables of pyarrow, frames without rows as yet, and MultiIndex columns."""

import numpy as np
import pandas as pd
import pytest

from tests.marks import ignore_convergence
from tests.networks import network_maker
from tests.plain import MLPBackpropRegressor

pytestmark = ignore_convergence
N = 200
RNG = np.random.default_rng(0)
X = pd.DataFrame({
    "a": RNG.normal(size=N), "b": RNG.integers(0, 9, N), "c": RNG.choice(["u", "v", "w"], N),
})  # fmt: skip
Y = X["a"].to_numpy() + (X["c"] == "u")
network = network_maker(MLPBackpropRegressor, (3,), max_iter=2)


def shown_lines(error):
    return "\n".join(line.strip() for line in str(error.value).splitlines()[1:])


@pytest.mark.parametrize("kind", ["Table", "RecordBatch"])
def test_a_table_of_pyarrow_is_the_frame_that_it_is(kind):
    arrow = getattr(pytest.importorskip("pyarrow"), kind)
    model, plain = network().fit(arrow.from_pandas(X), Y), network().fit(X, Y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    for rows in (arrow.from_pandas(X), X):
        np.testing.assert_array_equal(model.predict(rows), plain.predict(X))
    np.testing.assert_array_equal(plain.predict(arrow.from_pandas(X)), plain.predict(X))
    with pytest.raises(ValueError, match="same order"):
        model.predict(arrow.from_pandas(X[["c", "b", "a"]]))
    part = network().partial_fit(arrow.from_pandas(X), Y).partial_fit(arrow.from_pandas(X), Y)
    assert part.input_encoding_["kind"].tolist() == ["number", "number", "category"]
    network(early_stopping=True).fit(X, Y, X_val=arrow.from_pandas(X), y_val=Y)


def test_the_lines_for_a_table_of_pyarrow_run():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.Table.from_pandas(X.assign(d=[f"${k:,}" for k in range(N)]))
    with pytest.raises(ValueError, match="Column 'd' of X is text") as error:
        network().fit(table, Y)
    scope = {"X": table, "pandas": pd}
    exec(shown_lines(error), scope)
    network().fit(scope["X"], Y)


def test_rows_that_are_not_there_yet_are_an_error_that_says_how_to_get_them():
    polars = pytest.importorskip("polars")
    model, lazy = network().fit(X, Y), polars.DataFrame(X.to_dict("list")).lazy()
    for call in (model.predict, model.transform, lambda rows: network().fit(rows, Y)):
        with pytest.raises(TypeError, match=r"Pass X\.collect\(\)"):
            call(lazy)


class Delayed:
    """A stand-in for containers whose number of rows is not known."""

    columns, dtypes, dask, shape = X.columns, X.dtypes, {}, (object(), 3)


CALLS = ["compute", "toPandas", "collect", "read_all", "fetchdf", "execute"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("given", ["X", "y", "sample_weight", "X_val", "y_val"])
def test_rows_that_are_not_there_yet_are_an_error_in_every_argument(given, call):
    """Of Dask, Spark, polars, streams of pyarrow, DuckDB and Ibis."""
    lazy = type("Lazy", (Delayed,), {call: lambda self: X})()
    rows = {"X": X, "y": Y, "sample_weight": None, "X_val": X, "y_val": Y, given: lazy}
    name = given.removesuffix("_val") if given == "X_val" else given
    with pytest.raises(TypeError, match=rf"^{name} is a .*Pass {name}\.{call}\(\)"):
        network(early_stopping=True).fit(**rows)
    if not given.endswith("_val"):
        first = {name: rows[name] for name in ("X", "y", "sample_weight")}
        with pytest.raises(TypeError, match=rf"Pass {name}\.{call}\(\)"):
            network().partial_fit(**first)
    if given == "X":
        with pytest.raises(TypeError, match=rf"Pass X\.{call}\(\)"):
            network().fit(X, Y).predict(lazy)


def test_a_column_may_be_called_like_such_a_call():
    names = dict(zip("abc", ["collect", "compute", "dask"], strict=True))
    model = network().fit(X.rename(columns=names), Y)
    np.testing.assert_array_equal(
        model.predict(X.rename(columns=names)), network().fit(X, Y).predict(X)
    )


def two_levels(**columns):
    frame = X[["a", "b"]].assign(**columns)
    frame.columns = pd.MultiIndex.from_tuples([("x", name) for name in frame.columns])
    return frame


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2020-01-01", periods=N),
        pd.timedelta_range("1h", periods=N),
        [f"{k % 28 + 1}.1.{2000 + k}" for k in range(N)],
        [f"2020-Q{k % 4 + 1}" if k < 100 else f"{1900 + k}-Q1" for k in range(N)],
        [f"${k:,}" for k in range(N)],
        [f"words of a text {k}" for k in range(N)],
    ],
)
def test_the_lines_for_columns_of_a_multiindex_run(values):
    frame = two_levels(c=values)
    with pytest.raises(ValueError, match=r"Column \('x', 'c'\) of X") as error:
        network().fit(frame, Y)
    scope = {"X": frame.copy(), "pandas": pd}
    exec(shown_lines(error), scope)
    assert set(network().fit(scope["X"], Y).input_encoding_["kind"]) == {"number"}


def test_columns_of_a_multiindex_can_be_named():
    frame = two_levels(c=X["c"])
    model = network(categorical_features=[("x", "b"), ("x", "c")]).fit(frame, Y)
    assert model.input_encoding_["kind"].tolist() == ["number", "category", "category"]
    with pytest.raises(ValueError, match="does not have"):
        network(categorical_features=[("y", "b")]).fit(frame, Y)
