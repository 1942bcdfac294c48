"""Arrays of objects, sparse X, and categorical_features that do not fit the table."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from tests.bad_tables.common import (
    DAYS,
    NUM,
    NUMBER,
    SECRET,
    STAMPS,
    TEXTS,
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


# -------------------------------------------------------------------------- arrays of objects


def array(column):
    rows = np.empty((N, 2), dtype=object)
    rows[:, 0], rows[:, 1] = ["u", "v", None] * (N // 3), list(column)
    return rows


@pytest.mark.parametrize(
    ("column", "mention"),
    [
        (objects(SECRET), "text"),
        (objects(1.5, SECRET), "text"),
        (objects(*DAYS), "date"),
        (objects({SECRET: 1}), "dict"),
        (objects([SECRET]), "list"),
    ],
    ids=["text", "text among numbers", "dates", "dicts", "lists"],
)
def test_a_column_of_an_array_that_is_not_numeric_is_named(column, mention):
    net = network(categorical_features=[0])
    refused(lambda: net.fit(array(column), Y), "Column 1 of X", mention)
    net.fit(array(NUM), Y)
    refused(lambda: net.predict(array(column)), "Column 1 of X", mention)


def test_a_category_of_an_array_of_mixed_types_is_named():
    net = network(categorical_features=[0, 1])
    refused(lambda: net.fit(array(objects(SECRET, 1)), Y), "Column 1 of X", "mixed types")
    refused(lambda: net.fit(array(objects({SECRET: 1})), Y), "Column 1 of X", "dict")
    net.fit(array(objects("u", "v")), Y)
    refused(lambda: net.predict(array(NUM)), "Column 1 of X holds numbers")


def test_a_column_type_that_changes_in_the_last_row_is_detected():
    rows = np.array([["u"], ["v"], [None]] * 25_000, dtype=object)
    model = network(categorical_features=[0]).fit(rows[:N], Y)
    rows[:-1] = None
    rows[-1] = NUMBER
    refused(lambda: model.predict(rows), "Column 0 of X holds numbers", "category of text")


def test_arrays_of_dates_are_refused():
    rows = np.array([DAYS, DAYS], dtype="M8[D]").T
    refused(fit(rows), "datetime64")
    refused(fit(rows, categorical_features=[0]), "datetime64")


def test_categories_are_refused_with_sparse_x():
    rows = scipy.sparse.csr_array(np.c_[NUM, NUM])
    refused(fit(rows, categorical_features=[0]), "X is sparse", "OneHotEncoder")
    model = network().fit(frame(objects("u", "v")), Y)
    refused(lambda: model.predict(rows), "X is sparse")


# -------------------------------------------------------------------- categorical_features


@pytest.mark.parametrize(
    ("wanted", "mentions"),
    [
        (["c", "nowhere"], ["'nowhere'", "does not have"]),
        ([True], ["mask of shape (1,)", "2 columns"]),
        ([2], ["from 0 to 1", "got 2"]),
        ([-1], ["from 0 to 1", "got -1"]),
    ],
)
def test_unknown_columns_in_categorical_features_are_named(wanted, mentions):
    refused(fit(frame(objects("u", "v")), categorical_features=wanted), *mentions)


def test_column_names_are_refused_for_an_array():
    refused(fit(array(NUM), categorical_features=["c"]), "'c'", "X has no names")


@pytest.mark.parametrize(
    "column",
    [objects(SECRET, "v"), pd.Categorical([SECRET, "v"] * (N // 2))],
    ids=["text", "category"],
)
def test_a_column_of_text_is_refused_without_categorical_features(column):
    refused(
        fit(frame(column), categorical_features=None), "Column 'c' of X", "categorical_features"
    )


def test_a_failed_fit_leaves_the_model_as_it_was():
    model = network().fit(frame(NUM), Y)
    expected = model.predict(frame(NUM))
    for column in (objects(*TEXTS), objects({SECRET: 1}), pd.to_datetime(pd.Series(STAMPS))):
        refused(lambda column=column: model.fit(frame(column, "other"), Y), "Column 'other' of X")
    assert_array_equal(model.predict(frame(NUM)), expected)
    assert model.feature_names_in_.tolist() == ["num", "c"]
