"""How sparse columns are scaled, and in which precision."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from tests.plain import MLPBackpropRegressor
from tests.table.numbers import (
    REPEATS,
    SPARSE,
    N,
    X,
    Y,
    described,
    each_scaling,
    encoded,
    fitted,
    smoothly_clipped,
    with_gaps,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_sparse_columns_are_divided_and_not_centred(kind):
    table = kind(SPARSE)
    scale = StandardScaler(with_mean=False)
    divided = scale.fit_transform(SPARSE)
    assert_allclose(encoded(table, feature_scaling="standard"), divided, rtol=1e-9)
    assert_allclose(encoded(table), MaxAbsScaler().fit_transform(SPARSE), rtol=1e-9)
    assert_array_equal(described(table)["centre"], 0)
    clipped = encoded(table, feature_scaling="robust")
    assert_allclose(clipped, smoothly_clipped(divided), rtol=1e-9)
    assert_array_equal(encoded(table, feature_scaling=None), SPARSE)


def test_weights_change_sparse_scales_as_repeated_rows_do():
    standard = {"feature_scaling": "standard"}
    weighted = described(scipy.sparse.csr_array(SPARSE), REPEATS, **standard)
    repeated = described(scipy.sparse.csr_array(np.repeat(SPARSE, REPEATS, axis=0)), **standard)
    assert_allclose(weighted["scale"], repeated["scale"], rtol=1e-9)
    assert abs(weighted["scale"] / described(SPARSE)["scale"] - 1).max() > 1e-3


@pytest.mark.parametrize("w", [None, REPEATS], ids=["", "weights"])
def test_sparse_with_gaps_is_dense_with_gaps(w):
    rows = SPARSE.copy()
    rows[np.random.default_rng(5).random((N, 4)) < 0.2] = np.nan
    rows[:, 3] = SPARSE[:, 3]
    dense = fitted(rows, w, feature_scaling=None)
    sparse = fitted(scipy.sparse.csr_array(rows), w, feature_scaling=None)
    assert_allclose(dense.input_encoding_["missing"], sparse.input_encoding_["missing"], rtol=1e-12)
    later = np.where(np.isnan(rows[::-1]), np.nan, SPARSE)
    for table in (rows, later):
        assert_array_equal(sparse.transform(scipy.sparse.csr_array(table)), dense.transform(table))
        assert_allclose(
            sparse.predict(scipy.sparse.csr_array(table)), dense.predict(table), rtol=1e-9
        )


@pytest.mark.parametrize("missing", [False, True])
@each_scaling
def test_a_large_sparse_table_is_never_dense(scaling, missing):
    """2,000 x 50,000 would be 800 MB."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, 2000, 10**5), rng.integers(0, 50_000, 10**5)
    table = scipy.sparse.csr_array((rng.random(10**5), places), shape=(2000, 50_000))
    if missing:
        table.data[::20_000] = np.nan
    y = np.arange(2000) % 7.0
    net = MLPBackpropRegressor((2,), max_iter=1, feature_scaling=scaling)
    tracemalloc.start()
    try:
        net.fit(table, y).predict(table)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6


def as_sparse_columns(rows, fill=0.0):
    return pd.DataFrame(rows, columns=list("abcd")).astype(pd.SparseDtype(float, fill))


@pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns")
def test_sparse_columns_of_pandas_are_numbers():
    """A frame of nothing else is sparse X; one that has others too is dense."""
    gaps = np.where(np.isnan(with_gaps()), np.nan, SPARSE)
    for rows in (SPARSE, gaps):
        assert_array_equal(encoded(as_sparse_columns(rows)), encoded(scipy.sparse.csr_array(rows)))
    frame = pd.DataFrame(SPARSE, columns=list("abcd"))
    sparse, filled = as_sparse_columns(SPARSE), as_sparse_columns(SPARSE, np.nan)
    for table in (frame.assign(b=sparse["b"], d=sparse["d"]), sparse.assign(d=filled["d"])):
        assert_array_equal(encoded(table), encoded(frame))
    for table in (sparse, filled, frame.assign(b=sparse["b"])):
        assert_array_equal(encoded(table, feature_scaling=None), SPARSE)


# ------------------------------------------------------------ precision


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array, pd.DataFrame])
@each_scaling
def test_float32_stays_float32(scaling, kind):
    rows = X[:, [0, 3]].astype(np.float32)
    rows[0, 1] = np.nan
    net = MLPBackpropRegressor((4,), batch_size=10**6, max_iter=2, feature_scaling=scaling)
    net.fit(kind(rows), Y)
    assert {a.dtype for a in net.coefs_ + net.intercepts_} == {np.dtype("f4")}
    assert net.predict(kind(rows)).dtype == net.transform(kind(rows)).dtype == np.float32
    assert net.fit(kind(rows.astype("f8")), Y).coefs_[0].dtype == np.float64
