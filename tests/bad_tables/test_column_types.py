"""Columns that are neither numbers nor categories, and columns whose type changes."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from tests.bad_tables.common import (
    DAYS,
    NUM,
    NUMBER,
    SECRET,
    TEXTS,
    N,
    Y,
    fit,
    frame,
    ignore_warnings,
    network,
    objects,
    polars_column,
    refused,
)
from tests.marks import each_estimator

pytestmark = ignore_warnings


# ----------------------------------------------------------------- what is neither, and mixtures


OBJECTS = {
    "dicts": (objects({SECRET: NUMBER}), "dict"),
    "lists": (objects([SECRET]), "list"),
    "tuples": (objects((SECRET, NUMBER)), "tuple"),
    "bytes": (objects(SECRET.encode()), "bytes"),
    "sets": (objects({SECRET}), "set"),
    "complex numbers": (objects(NUMBER + 1j), "complex"),
    "a dict among numbers": (objects(1.0, 2.0, {SECRET: 1}), "dict"),
    "a dict among text": (objects("u", "v", {SECRET: 1}), "dict"),
    "text and numbers": (objects(SECRET, NUMBER), "mixed types: numbers and text"),
    "text and booleans": (objects(SECRET, True), "mixed types: booleans and text"),
    "text and dates": (objects(SECRET, DAYS[0]), "mixed types: dates"),
    "a category of text and numbers": (pd.Categorical([SECRET, 5] * (N // 2)), "mixed types"),
    "complex": (np.full(N, NUMBER + 1j), "complex128"),
    "an integer beyond float64": (objects(10**400, 1), "object"),
    "sparse text": (pd.arrays.SparseArray([SECRET, "v"] * (N // 2)), "Sparse"),
    "sparse text filled with text": (
        pd.arrays.SparseArray([SECRET, "v"] * (N // 2), fill_value=SECRET),
        "Sparse",
    ),
}


@pytest.mark.parametrize("case", OBJECTS)
@each_estimator
def test_a_column_that_is_neither_numbers_nor_a_category_is_named(cls, case):
    column, mention = OBJECTS[case]
    refused(lambda: network(cls).fit(frame(column), Y), "Column 'c' of X", mention)


@pytest.mark.parametrize("case", [case for case in OBJECTS if "booleans" not in case])
def test_a_column_that_is_no_longer_numeric_is_named(case):
    column, _ = OBJECTS[case]
    model = network().fit(frame(NUM), Y)
    refused(lambda: model.predict(frame(column)), "Column 'c' of X")
    refused(lambda: model.partial_fit(frame(column), Y), "Column 'c' of X")
    assert np.isfinite(model.predict(frame(NUM))).all()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([[SECRET]], lambda polars: polars.List(polars.String)),
        ([{"key": SECRET}], lambda polars: polars.Struct({"key": polars.String})),
        ([SECRET.encode()], lambda polars: polars.Binary),
        ([{SECRET: NUMBER}], lambda polars: polars.Object),
        ([[NUMBER, 2.0]], lambda polars: polars.Array(polars.Float64, 2)),
    ],
    ids=["List", "Struct", "Binary", "Object", "Array"],
)
def test_nested_columns_of_polars_are_named(values, dtype):
    rows = polars_column(values, dtype)
    refused(fit(rows), "Column 'c' of X")
    model = network().fit(frame(NUM), Y)
    refused(lambda: model.predict(rows), "Column 'c' of X")


@pytest.mark.parametrize("gap", [None, Decimal("1.5")])
def test_decimals_are_numbers(gap):
    values = [Decimal(k) / 4 for k in range(N)]
    values[3] = gap
    numbers = np.array([np.nan if v is None else float(v) for v in values])
    expected = network().fit(frame(numbers), Y).predict(frame(NUM))
    assert_array_equal(network().fit(frame(objects(*values)), Y).predict(frame(NUM)), expected)
    rows = polars_column(values, lambda polars: polars.Decimal(10, 2))
    assert_array_equal(network().fit(rows, Y).predict(frame(NUM)), expected)
    arrow = pytest.importorskip("pyarrow")
    column = pd.array(values, dtype=pd.ArrowDtype(arrow.decimal128(10, 2)))
    assert_array_equal(network().fit(frame(column), Y).predict(frame(NUM)), expected)


# ------------------------------------------------------------------- another type at prediction


@pytest.mark.parametrize(
    ("fitted", "later", "mentions"),
    [
        (NUM, objects(SECRET), ["object", "not numeric"]),
        (NUM, objects("73125.0"), ["object", "not numeric"]),
        (NUM, pd.array([SECRET] * N, dtype="string"), ["string", "not numeric"]),
        (NUM, pd.Categorical([SECRET] * N), ["category", "not numeric"]),
        (NUM, objects(*TEXTS), ["object", "not numeric"]),
        (objects(SECRET, "v", "w"), np.full(N, NUMBER), ["numbers", "float64", "category of text"]),
        (objects(SECRET, "v", "w"), objects(NUMBER), ["numbers", "object", "category of text"]),
        (objects(SECRET, "v", "w"), np.full(N, True), ["booleans", "category of text"]),
        (objects(SECRET, "v", "w"), pd.Categorical([NUMBER] * N), ["numbers", "category of text"]),
        (objects(SECRET, "v", "w"), objects({SECRET: 1}), ["dict"]),
        (pd.Categorical([1, NUMBER] * (N // 2)), objects(SECRET), ["text", "category of numbers"]),
        (np.arange(N) % 2 == 0, objects(SECRET), ["text", "category of booleans"]),
    ],
)
def test_a_column_of_another_type_at_prediction_is_named(fitted, later, mentions):
    model = network().fit(frame(fitted), Y)
    for call in (model.predict, model.transform, lambda rows: model.partial_fit(rows, Y)):
        refused(lambda call=call: call(frame(later)), "Column 'c' of X", *mentions)
    refused(lambda: network().fit(frame(fitted), Y, X_val=frame(later), y_val=Y), *mentions)
    refused(lambda: model.set_params(warm_start=True).fit(frame(later), Y), *mentions)


@pytest.mark.parametrize(
    ("fitted", "later"),
    [
        (NUM, np.full(N, 3)),
        (NUM, NUM.astype("f4")),
        (NUM, objects(*NUM)),
        (NUM, pd.array([None] * N, dtype="Int8")),
        (NUM, objects(None)),
        (np.array([True, False] * (N // 2)), pd.array([None, True] * (N // 2), dtype="boolean")),
        (np.array([True, False] * (N // 2)), np.array([1, 0] * (N // 2))),
        (pd.Categorical([1, 2] * (N // 2)), np.array([2.0, np.nan] * (N // 2))),
        (objects("u", "v", "w"), pd.Categorical(["v"] * N)),
        (objects("u", "v", "w"), objects(None)),
        (objects("u", "v", "w"), pd.array(["w", None] * (N // 2), dtype="string")),
    ],
)
def test_another_dtype_of_the_same_type_is_no_error(fitted, later):
    assert np.isfinite(network().fit(frame(fitted), Y).predict(frame(later))).all()
