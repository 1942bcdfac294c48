"""A raw table, networks for it, and rows as ONNX runtimes take them."""

import numpy as np
import pandas as pd

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

MANY = [f"level {k}" for k in range(60)]


def frame(n=600, seed=0):
    """A table of numbers, text, booleans and integers, with gaps, whose names have spaces."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    table = pd.DataFrame(
        {
            "plain number": x[:, 0] * 3 + 5,
            "heavy (tails)": np.exp(3 * x[:, 1]),
            "with gaps": np.where(rng.random(n) < 0.2, np.nan, x[:, 2]),
            "coded": np.where(rng.random(n) < 0.1, -999.0, np.abs(x[:, 0]) + x[:, 1]),
            "two values": rng.integers(0, 2, n),
            "count": rng.integers(0, 9, n),
            "yes or no": pd.Series(rng.choice(["no", "yes"], n)).astype("category"),
            "few": rng.choice(["red", "green", "blue"], n),
            "many": rng.choice(MANY, n, p=(w := 1.0 / np.arange(1, 61)) / w.sum()),
            "flag": rng.random(n) < 0.3,
        }
    )
    table.loc[rng.random(n) < 0.1, "few"] = None
    return table


def rows_of_every_kind(table, n=60):
    """Rows with missing numbers, far numbers, missing and unknown levels."""
    rows = table.head(n).copy().reset_index(drop=True)
    rows["many"] = rows["many"].where(rows.index % 7 > 0, "never seen")
    rows["yes or no"] = rows["yes or no"].astype(object).where(rows.index % 5 > 0, None)
    rows.loc[rows.index % 9 == 0, ["plain number", "with gaps", "heavy (tails)"]] = np.nan
    rows.loc[rows.index % 11 == 0, "plain number"] = 1e4
    rows["two values"] = rows["two values"].astype(float).where(rows.index % 4 > 0)
    return rows


def number(table):
    """A number to predict."""
    return (
        np.abs(table["plain number"]) + np.log(table["heavy (tails)"])
        + 3.0 * (table["few"] == "red") + table["many"].str.len() + table["flag"]
    ).to_numpy()  # fmt: skip


def label(table, names=("low", "middle", "high")):
    """A label to predict, one of `names`."""
    cuts = np.quantile(number(table), np.linspace(0, 1, len(names) + 1)[1:-1])
    return np.array(names)[np.searchsorted(cuts, number(table))]


def classifier(**params):
    return MLPBackpropClassifier(**{"max_iter": 8, "random_state": 0, **params})


def regressor(**params):
    return MLPBackpropRegressor(**{"max_iter": 8, "random_state": 0, **params})


#: What an array of each type of an input holds.
DTYPES = {
    "tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(bool)": bool,
    "tensor(int64)": np.int64,
}  # fmt: skip


def feeds(session, X):
    """Rows of a frame, or of an array, as the inputs of a session."""
    if len(session.get_inputs()) == 1 and not hasattr(X, "columns"):
        one = session.get_inputs()[0]
        return {one.name: X.astype(DTYPES[one.type])}
    X = (
        X
        if hasattr(X, "columns")
        else pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
    )
    found = {}
    for one, name in zip(session.get_inputs(), X.columns, strict=True):  # skl2onnx renames some
        column = X[name].astype(object)
        if one.type == "tensor(string)":
            values = column.where(column.notna(), "").astype(str).to_numpy(dtype=object)
        else:
            values = column.where(column.notna(), np.nan).to_numpy().astype(DTYPES[one.type])
        found[one.name] = values[:, None]
    return found
