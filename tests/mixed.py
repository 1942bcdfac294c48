"""A table of numbers and categories with gaps, in several containers, and networks for it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from tests.networks import network_maker
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

N = 160
MANY = "delta alpha kappa beta theta gamma iota eta zeta lambda epsilon".split()  # 11 levels


def columns(n=N, seed=0, gaps=True):
    """A table as lists of Python objects, None where a value is missing."""
    rng = np.random.default_rng(seed)

    def choose(levels, share):
        drawn = rng.integers(0, len(levels), n)
        missing = rng.random(n) < share * gaps
        return [None if gap else levels[k] for k, gap in zip(drawn, missing, strict=True)]

    return {
        "num": rng.normal(5, 3, n).tolist(),
        "two": choose(["no", "yes"], 0.1),
        "gap": choose([1, 2, 3, 7], 0.2),
        "few": choose(["red", "green", "blue"], 0.1),
        "many": choose(MANY, 0.1),
        "flag": choose([False, True], 0.1),
    }


#: The indices of the categorical columns.
CATEGORICAL = [1, 3, 4, 5]
TABLE, WHOLE = columns(), columns(gaps=False)
Y = np.array(TABLE["num"]) + [len(v or "") for v in TABLE["many"]]
Y += [3 * (v == "yes") for v in TABLE["two"]]


def target(cls):
    """A target for the table: labels of a classifier, numbers of a regressor."""
    return np.where(Y > 10, "high", "low") if cls is MLPBackpropClassifier else Y


def frame(table=TABLE):
    """The table in pandas, in dtypes that have a missing value."""
    dtypes = {"two": "category", "gap": "Int64", "few": "category", "many": "string"}
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype=dtypes.get(name, "boolean" if name == "flag" else None))
            for name, values in table.items()
        }
    )


def listed(table=TABLE):
    """All categories are of pandas' dtype, and list their levels in another order."""
    rows = frame(table)
    for name in ("two", "few", "many", "flag"):
        levels = sorted({v for v in table[name] if v is not None}, reverse=True)
        rows[name] = pd.Categorical(rows[name], categories=[*levels[1:], levels[0]])
    return rows


def array(table=TABLE):
    """The table as an array of objects."""
    rows = np.empty((len(table["num"]), len(table)), dtype=object)
    for k, values in enumerate(table.values()):
        rows[:, k] = values
    return rows


def polars_frame(table=TABLE, category="String"):
    """The table in polars; the test is skipped if polars is not installed."""
    polars = pytest.importorskip("polars")
    rows = polars.DataFrame(table)
    if category == "String":
        return rows
    if category == "Categorical":
        return rows.with_columns(polars.col("two", "few", "many").cast(polars.Categorical))
    return rows.with_columns(
        polars.col(name).cast(polars.Enum([*{v: 0 for v in table[name] if v}, "unused"]))
        for name in ("two", "few", "many")
    )


CONTAINERS = {
    "pandas": frame,
    "pandas objects": lambda table: pd.DataFrame(table).astype({"many": object, "flag": object}),
    "pandas categories": listed,
    "polars": polars_frame,
    "polars Categorical": lambda table: polars_frame(table, "Categorical"),
    "polars Enum": lambda table: polars_frame(table, "Enum"),
    "array": array,
    "lists": lambda table: array(table).tolist(),
}


#: A few steps in float64.
network = network_maker(MLPBackpropRegressor, max_iter=4, dtype="float64", batch_size=50)


def assert_same_fit(ours, expected, tolerance=0.0):
    """Weights, biases and embeddings are equal, and of the same dtype."""
    for part in ("coefs_", "intercepts_", "embeddings_"):
        for own, other in zip(getattr(ours, part), getattr(expected, part), strict=True):
            assert own.dtype == other.dtype
            if tolerance:
                np.testing.assert_allclose(own, other, rtol=tolerance, atol=tolerance)
            else:
                assert_array_equal(own, other)


def row_of(model, column):
    """The row of `input_encoding_` for a column."""
    table = model.input_encoding_
    return table[table["column"] == column].iloc[0]
