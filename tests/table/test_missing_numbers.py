"""How missing numbers are imputed and indicated: scikit-learn's imputer, and what is there."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor
from tests.table.numbers import N, X, Y, described, each_scaling, encoded, fitted, with_gaps

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)


def test_imputing_is_that_of_the_simple_imputer_with_indicators():
    rows, later = with_gaps(), with_gaps(seed=9, columns=(0, 1, 2, 3))
    ours = fitted(rows, feature_scaling=None)
    oracle = SimpleImputer(strategy="median", add_indicator=True).fit(rows)
    assert ours.transform(rows).shape[1] == 6
    for table in (rows, later):
        assert_array_equal(ours.transform(table), oracle.transform(table))


def test_a_network_on_gaps_is_one_behind_an_imputer():
    rows = with_gaps()
    params = {"max_iter": 5, "random_state": 0, "dtype": "float64", "feature_scaling": None}
    ours = MLPBackpropClassifier((8,), **params).fit(rows, Y > 1)
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    oracle = make_pipeline(imputer, MLPBackpropClassifier((8,), **params)).fit(rows, Y > 1)
    assert_array_equal(ours.predict_proba(rows), oracle.predict_proba(rows))


def test_scales_are_those_of_what_is_there():
    rows = with_gaps()
    table = described(rows, feature_scaling="standard")
    assert_allclose(table["centre"], np.nanmean(rows, axis=0), rtol=1e-9)
    assert_allclose(table["scale"], np.nanstd(rows, axis=0), rtol=1e-9)
    assert_allclose(table["missing"], np.isnan(rows).mean(axis=0), rtol=1e-12)
    assert table["engine_columns"].tolist() == [[0, 4], [1], [2, 5], [3]]


@each_scaling
def test_a_gap_is_the_weighted_median(scaling):
    """In a column without gaps in training, and so without an indicator."""
    repeats = 1 + 3 * (X[:, 0] > 0.3)
    model = fitted(X, repeats, feature_scaling=scaling)
    gap, median = X.copy(), X.copy()
    gap[:, 0] = np.nan
    median[:, 0] = np.median(np.repeat(X[:, 0], repeats))
    assert_array_equal(model.predict(gap), model.predict(median))
    assert median[0, 0] > np.median(X[:, 0]) + 0.1


@each_scaling
def test_the_indicator_is_one_where_missing_at_prediction_too(scaling):
    model = fitted(with_gaps(columns=(2,)), feature_scaling=scaling)
    assert_array_equal(model.transform(X)[:, 4], 0)
    later = with_gaps(seed=9, columns=(0, 1, 2, 3))
    assert_array_equal(model.transform(later)[:, 4], np.isnan(later[:, 2]))


@each_scaling
def test_a_column_of_nothing_is_as_harmless_as_one_of_zeros(scaling):
    params = {"max_iter": 5, "random_state": 0, "feature_scaling": scaling}
    nothing, zeros = np.c_[X, np.full(N, np.nan)], np.c_[X, np.zeros(N)]
    ours = MLPBackpropRegressor((8,), **params).fit(nothing, Y)
    expected = MLPBackpropRegressor((8,), **params).fit(zeros, Y)
    assert_array_equal(ours.predict(nothing), expected.predict(zeros))
    assert ours.input_encoding_["missing"].tolist() == [0, 0, 0, 0, 1]
    if scaling:
        assert_array_equal(ours.predict(np.c_[X, np.full(N, 7.0)]), ours.predict(nothing))


def test_a_table_of_nothing_predicts_one_number():
    nothing = np.full((N, 2), np.nan)
    model = MLPBackpropRegressor((4,), max_iter=5).fit(nothing, Y)
    assert len(np.unique(model.predict(nothing))) == 1


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float64", object])
def test_every_way_to_write_a_gap_is_the_same(dtype, missing):
    values = np.arange(N, dtype=float) % 9
    gaps = np.arange(N) % 5 == 0
    written = [missing if gap else v for v, gap in zip(values, gaps, strict=True)]
    column = pd.Series(written, dtype=object)
    if dtype == "float64":
        column = column.map(lambda v: np.nan if v is pd.NA else v)
    frame = pd.DataFrame({"a": X[:, 0], "b": column.astype(dtype)})
    oracle = np.c_[X[:, 0], np.where(gaps, np.nan, values)]
    assert_array_equal(encoded(frame), encoded(oracle))


def test_the_tag_says_that_missing_values_are_allowed():
    for cls in (MLPBackpropClassifier, MLPBackpropRegressor):
        assert get_tags(cls()).input_tags.allow_nan is True
