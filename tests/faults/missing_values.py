"""Missing values in X: medians and indicators."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from tests.faults.common import X, fault, network, y
from tests.faults.tables import AS_IT_IS, assert_predicts
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters

SOME = X.copy()  # values of "a" and "c" are missing
SOME[::5, 0] = SOME[3:90, 2] = np.nan
MEDIANS = np.nanmedian(SOME, axis=0)
GAPS = np.isnan(X + np.where(X > 0.7, np.nan, 0))  # in all columns


def by_hand(rows, medians=MEDIANS, indicated=(0, 2)):
    """Impute by the medians, and append an indicator of the columns that have missing values."""
    gaps = np.isnan(rows)
    return np.c_[np.where(gaps, medians, rows), gaps[:, list(indicated)]]


@fault("1", "NaN in X")
@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@each_estimator
def test_missing_values_are_the_median_and_have_an_indicator(cls, solver):
    estimator = network(cls, solver=solver, **AS_IT_IS).fit(SOME, y)
    expected = network(cls, solver=solver, **AS_IT_IS).fit(by_hand(SOME), y)
    assert_same_parameters(estimator, expected)
    assert estimator.n_features_in_ == 4
    assert_predicts(estimator, SOME, expected, by_hand(SOME))
    everywhere = np.where(GAPS, np.nan, X)  # also in columns without missing values in training
    assert_predicts(estimator, everywhere, expected, by_hand(everywhere))
    assert not np.array_equal(estimator.transform(SOME), estimator.transform(X))


@fault("1", "NaN in X that is scaled")
@ignore_convergence
@pytest.mark.parametrize("w", [None, 1.0 + y, y % 2 * 1.0], ids=["unweighted", "1-3", "some 0"])
@each_estimator
def test_scales_and_medians_ignore_missing_values_and_use_weights(cls, w):
    """The oracle repeats each row as often as its weight says."""
    rows = 5 + 3 * SOME
    there = rows if w is None else rows.repeat(w.astype(int), axis=0)
    medians, means, stds = (f(there, axis=0) for f in (np.nanmedian, np.nanmean, np.nanstd))
    params = {"dtype": "float64", "solver": "lbfgs"}
    estimator = network(cls, feature_scaling="standard", **params).fit(rows, y, sample_weight=w)
    scaled = by_hand(rows, medians)
    scaled[:, :4] = (scaled[:, :4] - means) / stds
    expected = network(cls, **params, **AS_IT_IS).fit(scaled, y, sample_weight=w)
    for own, other in zip(estimator.coefs_, expected.coefs_, strict=True):
        assert_allclose(own, other, rtol=1e-6, atol=1e-8)
    assert_predicts(estimator, rows, expected, scaled, rtol=1e-6, atol=1e-8)


@fault("1", "NaN in X at prediction only")
@ignore_convergence
@pytest.mark.parametrize("scaling", ["standard", "robust", None])
@each_estimator
def test_a_value_missing_only_at_prediction_is_imputed_by_the_training_median(cls, scaling):
    estimator = network(cls, feature_scaling=scaling).fit(X, y)
    assert len(estimator.coefs_[0]) == 4
    imputed = np.where(GAPS, np.median(X, axis=0), X)
    assert_predicts(estimator, np.where(GAPS, np.nan, X), estimator, imputed)
    everything = np.full((1, 4), np.nan)
    assert_predicts(estimator, everything, estimator, np.median(X, axis=0)[None])


@fault("1", "column of NaN alone")
@ignore_convergence
@each_estimator
def test_a_column_that_is_all_missing_is_a_constant(cls):
    rows = np.c_[X, np.full(150, np.nan)]
    estimator = network(cls).fit(rows, y)
    assert_same_parameters(estimator, network(cls).fit(np.c_[X, np.zeros(150)], y))
    # values at prediction are ignored: the column has no scale
    assert_predicts(estimator, rows, estimator, np.c_[X, np.arange(150.0)])


@fault("1", "NaN in X, in frames")
@ignore_convergence
@pytest.mark.parametrize("kind", ["float64", "Float64", "object", "None", "polars"])
@each_estimator
def test_missing_values_of_frames_are_nan(cls, kind):
    expected = network(cls).fit(pd.DataFrame(SOME, columns=list("abcd")), y)
    if kind == "polars":
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame(SOME, schema=list("abcd")).fill_nan(None)
        assert frame["a"].null_count() == 30
    elif kind == "None":
        frame = pd.DataFrame(SOME, columns=list("abcd")).astype(object)
        frame = frame.where(frame.notna(), None)
    else:
        frame = pd.DataFrame(SOME, columns=list("abcd")).astype(kind)
        if kind == "Float64":
            frame["a"] = frame["a"].fillna(pd.NA)
    estimator = network(cls).fit(frame, y)
    assert_same_parameters(estimator, expected)
    assert_array_equal(estimator.feature_names_in_, list("abcd"))
    assert_array_equal(
        estimator.predict(frame), expected.predict(pd.DataFrame(SOME, columns=list("abcd")))
    )


@fault("35", "sparse X with NaN")
@ignore_convergence
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@each_estimator
def test_missing_values_of_sparse_x_are_those_of_dense_x(cls, form):
    """Entries that are not stored are 0 and count for the medians."""
    rows = np.where((X < 0) | GAPS, 0.0, SOME)
    medians = np.nanmedian(rows, axis=0)
    params = {"dtype": "float64", "solver": "lbfgs", **AS_IT_IS}
    estimator = network(cls, **params).fit(scipy.sparse.csr_array(rows).asformat(form), y)
    expected = network(cls, **params).fit(by_hand(rows, medians), y)
    assert np.isnan(rows).any()
    for own, other in zip(estimator.coefs_, expected.coefs_, strict=True):
        assert_allclose(own, other, rtol=1e-6, atol=1e-8)
    later = np.where(GAPS, np.nan, rows)
    sparse = scipy.sparse.csr_array(later).asformat(form)
    assert np.isnan(sparse.data).any()
    assert_predicts(estimator, sparse, expected, by_hand(later, medians), rtol=1e-6, atol=1e-8)
