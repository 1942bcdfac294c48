"""Sparse X is dense X; float32 is close to float64."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from tests.datasets import TASKS, each_task, multiclass
from tests.equivalence.common import network
from tests.marks import each_solver, ignore_lbfgs
from tests.networks import soft_prediction
from tests.plain import MLPBackpropClassifier

pytestmark = ignore_lbfgs


@pytest.mark.parametrize("batch_size", [16, 10**6])
@each_solver
@each_task
def test_sparse_x_gives_the_model_of_dense_x(task, solver, batch_size):
    cls, data = TASKS[task]
    X, y = data()
    X = np.where(X > 0.3, X, 0)
    X_sparse = scipy.sparse.csr_array(X)
    params = {} if solver == "lbfgs" else {"batch_size": batch_size}
    dense = network(cls, solver=solver, **params).fit(X, y)
    sparse = network(cls, solver=solver, **params).fit(X_sparse, y)
    assert_allclose(soft_prediction(sparse, X_sparse), soft_prediction(dense, X), atol=1e-9)
    assert_allclose(soft_prediction(sparse, X), soft_prediction(sparse, X_sparse), atol=1e-12)


@pytest.mark.filterwarnings("ignore:Constructing a DIA")
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("task", ["multiclass", "numbers"])
def test_every_sparse_format_gives_the_same_model(task, form, kind):
    cls, data = TASKS[task]
    X, y = data()
    X = np.where(X > 0.3, X, 0)
    X_sparse = getattr(scipy.sparse, f"{form}_{kind}")(X)
    expected = network(cls, solver="adam", batch_size=16).fit(scipy.sparse.csr_array(X), y)
    other = network(cls, solver="adam", batch_size=16).fit(X_sparse, y)
    assert_array_equal(soft_prediction(other, X_sparse), soft_prediction(expected, X_sparse))


@each_solver
def test_unsorted_64_bit_indices_give_the_same_model(solver):
    X, y = multiclass()
    csr = scipy.sparse.csr_array(np.where(X > 0.3, X, 0))
    other = csr.copy()
    other.indices, other.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    for start, stop in zip(csr.indptr[:-1], csr.indptr[1:], strict=True):
        other.indices[start:stop] = csr.indices[start:stop][::-1]
        other.data[start:stop] = csr.data[start:stop][::-1]
    expected = network(MLPBackpropClassifier, solver=solver).fit(csr, y)
    ours = network(MLPBackpropClassifier, solver=solver).fit(other, y)
    assert_allclose(ours.predict_proba(other), expected.predict_proba(csr), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [16, 10**6])
@each_solver
@each_task
def test_float32_is_close_to_float64(task, solver, batch_size):
    cls, data = TASKS[task]
    X, y = data()
    # output weights of 0 give hidden layers a gradient of rounding alone, which adam amplifies
    params = {"max_iter": 5, "init": "glorot_uniform"}
    if solver != "lbfgs":
        params |= {"batch_size": batch_size, "learning_rate_init": 0.01}
    double = network(cls, solver=solver, **params).fit(X, y)
    single = network(cls, solver=solver, **params).set_params(dtype="float32").fit(X, y)
    assert_allclose(soft_prediction(single, X), soft_prediction(double, X), atol=2e-3)
    assert abs(soft_prediction(single, X) - soft_prediction(double, X)).max() > 0
