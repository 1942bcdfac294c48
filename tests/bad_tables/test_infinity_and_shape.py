"""Infinity, numbers too large, duplicate names and empty tables."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from tests.bad_tables.common import (
    NUM,
    NUMBER,
    N,
    Y,
    fit,
    frame,
    ignore_warnings,
    network,
    objects,
    refused,
)

pytestmark = ignore_warnings
AS = {
    "frame": frame,
    "nullable": lambda column: frame(pd.array(column, dtype="Float64")),
    "objects": lambda column: frame(objects(*column)),
    "array": lambda column: np.c_[NUM, column],
    "float32": lambda column: np.c_[NUM, column].astype("f4"),
    "csr": lambda column: scipy.sparse.csr_array(np.c_[NUM, column]),
    "csc": lambda column: scipy.sparse.csc_matrix(np.c_[NUM, column]),
}


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
@pytest.mark.parametrize("kind", AS)
@pytest.mark.parametrize("scaling", ["standard", "robust", None])
def test_infinity_is_refused_and_its_column_named(scaling, kind, infinity):
    column = np.where(np.arange(N) == 7, infinity, np.full(N, NUMBER))
    name = "column 'c'" if kind in ("frame", "nullable", "objects") else "column 1"
    net, rows = network(feature_scaling=scaling), AS[kind](column)
    mentions = ["Input X contains infinity", name]
    refused(lambda: net.fit(rows, Y), *mentions)
    net.fit(AS[kind](NUM), Y)
    refused(lambda: net.predict(rows), *mentions)
    refused(lambda: net.partial_fit(rows, Y), *mentions)
    refused(lambda: network().fit(AS[kind](NUM), Y, X_val=rows, y_val=Y), *mentions)


def test_infinity_beside_a_missing_value_is_refused():
    column = np.where(np.arange(N) == 7, np.inf, np.nan)
    refused(fit(frame(column)), "Input X contains infinity", "column 'c'")


def test_a_number_beyond_the_compute_dtype_names_its_column():
    column = np.where(np.arange(N) == 7, 1e200, NUMBER)
    net = network(dtype="float32", feature_scaling=None)
    refused(lambda: net.fit(frame(column), Y), "Column 'c' of X", "too large for float32")


@pytest.mark.parametrize("names", [["a", "a"], [0, 0]])
def test_two_columns_of_one_name_are_refused(names):
    rows = frame(NUM).set_axis(names, axis=1)
    refused(fit(rows), "Column names of X must be unique", repr(names[0]))
    model = network().fit(frame(NUM), Y)
    refused(lambda: model.predict(rows), "must be unique")


@pytest.mark.parametrize("column", [NUM, objects("u", "v"), pd.Categorical(["u", "v"] * (N // 2))])
def test_an_empty_frame_is_refused_as_scikit_learn_does(column):
    rows = frame(column)
    refused(fit(rows[[]]), r"0 feature(s)")
    refused(fit(rows[:0]), r"0 sample(s)")
    model = network().fit(rows, Y)
    refused(lambda: model.predict(rows[:0]), r"0 sample(s)")
    polars = pytest.importorskip("polars")
    refused(fit(polars.DataFrame({"a": []})), r"0 sample(s)")
