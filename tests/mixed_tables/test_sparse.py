"""Dense and sparse X are the same rows, at fit, validation and prediction."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from tests.marks import ignore_convergence
from tests.mixed_tables.numeric_table import N, X, Y, network
from tests.plain import MLPBackpropRegressor

pytestmark = ignore_convergence

each_scaling = pytest.mark.parametrize("scaling", ["auto", "standard", "robust", None])


@each_scaling
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "frame"])
def test_a_model_of_dense_x_predicts_the_same_for_sparse_x(form, scaling):
    model = network(feature_scaling=scaling)
    if form == "frame":
        rows = pd.DataFrame(X, columns=list("abcd"))
        sparse = rows.astype(pd.SparseDtype("float64", 0.0))
    else:
        rows, sparse = X, scipy.sparse.csr_array(X).asformat(form)
    model.fit(rows, Y)
    assert_allclose(model.predict(sparse), model.predict(rows), rtol=1e-12)


@each_scaling
def test_a_model_of_sparse_x_predicts_the_same_for_dense_x(scaling):
    sparse = scipy.sparse.csr_array(X)
    model = network(feature_scaling=scaling).fit(sparse, Y)
    for factor in (1.0, 10.0):  # also far outside the range of training
        assert_allclose(model.predict(factor * X), model.predict(factor * sparse), rtol=1e-12)


@each_scaling
def test_sparse_validation_rows_give_the_same_scores(scaling):
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
