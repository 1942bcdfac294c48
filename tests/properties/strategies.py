"""Strategies of hypothesis: tables, targets, problems; and what all predictions must be."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sknet._engine.optimizers import OPTIMIZERS
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

CLASSIFIER, REGRESSOR = MLPBackpropClassifier, MLPBackpropRegressor


def examples(n):
    """Return hypothesis settings for `n` examples, the same ones in each run."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=n,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=slow,
    )


def quietly(function, *args, **kwargs):
    """Call a function; ignore its warnings about convergence and options without effect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        return function(*args, **kwargs)


def refusal(function, *args, **kwargs):
    """Call a function; return the message of its ValueError (not empty), or None."""
    try:
        quietly(function, *args, **kwargs)
    except ValueError as error:
        return str(error) or pytest.fail("an error without a message")
    return None


FLOATS = {
    np.float64: [0.0, -0.0, 1.0, -1.0, 5e-324, 1e-30, 1e16, 1e30, -1e38, 1e200, -1.7e308],
    np.float32: [0.0, -0.0, 1.0, -1.0, 1e-30, 1e16, 1e30, -3e38],
}
INTEGERS = [0, 1, -1, 2**31, 2**53 + 1, -(2**62)]


@st.composite
def numbers(draw, dtype):
    """Draw a strategy for the entries of a table: small values, or any finite ones."""
    if dtype is bool:
        return st.booleans()
    if dtype is np.int64:
        small, extreme = st.integers(-9, 9), st.sampled_from(INTEGERS)
    else:
        width = 8 * np.dtype(dtype).itemsize
        small = st.floats(-10, 10, width=width)
        any_size = st.floats(allow_nan=False, allow_infinity=False, width=width)
        extreme = st.sampled_from(FLOATS[dtype]).map(lambda v: float(dtype(v))) | any_size
    return draw(st.sampled_from([small, small | extreme, extreme]))


@st.composite
def tables(draw, n_features=None):
    """Draw X: few rows, perhaps duplicate rows, constant columns, Fortran order."""
    dtype = draw(st.sampled_from([np.float64, np.float32, np.int64, bool]))
    shape = draw(st.integers(1, 12)), n_features or draw(st.integers(1, 4))
    X = draw(hnp.arrays(dtype, shape, elements=draw(numbers(dtype)), fill=st.nothing()))
    if draw(st.booleans()):
        X[len(X) // 2 :] = X[0]
    if draw(st.booleans()):
        X[:, -1] = X[0, -1]
    return np.asarray(X, order=draw(st.sampled_from("CF")))


def labels(n):
    return hnp.arrays(np.int64, n, elements=st.integers(0, 3), fill=st.nothing())


def indicators(n):
    return hnp.arrays(np.int64, (n, 3), elements=st.integers(0, 1), fill=st.nothing())


def reals(n):
    return numbers(np.float64).flatmap(
        lambda v: hnp.arrays(np.float64, (n,), elements=v, fill=st.nothing())
    )


@st.composite
def problems(draw):
    """Draw an estimator class, and X, y, weights and other rows X_val, y_val for it."""
    cls, target = draw(
        st.sampled_from([(CLASSIFIER, labels), (CLASSIFIER, indicators), (REGRESSOR, reals)])
    )
    X = draw(tables())
    y = draw(target(len(X)))
    w = draw(
        st.none()
        | hnp.arrays(np.float64, len(X), elements=st.sampled_from([0.0, 1e-300, 0.5, 2.0, 1e300]))
    )
    X_val = draw(tables(X.shape[1]))
    rows = draw(hnp.arrays(np.intp, len(X_val), elements=st.integers(0, len(X) - 1)))
    return cls, X, y, w, X_val, y[rows]


SOLVER_PARAMS = st.fixed_dictionaries(
    {
        "solver": st.sampled_from(["lbfgs", *OPTIMIZERS]),
        "batch_size": st.sampled_from([1, 4, 200]),
        "n_members": st.sampled_from([1, 2]),
        "dtype": st.sampled_from(["auto", "float32", "float64"]),
    }
)


def outputs(model, X):
    """Return all that a model predicts for X, by method."""
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")
    return {name: getattr(model, name)(X) for name in methods if hasattr(model, name)}


def assert_sound(model, X):
    """Assert that predictions are finite, or refused, and probabilities between 0 and 1."""
    predicted = {}
    message = refusal(lambda: predicted.update(outputs(model, X)))
    if message:
        assert "too large" in message or "overflows" in message
        return
    for name, values in predicted.items():
        assert len(values) == X.shape[0], name
        assert np.isfinite(values).all(), name
    if "predict_proba" in predicted:
        P = predicted["predict_proba"]
        assert (P >= 0).all()
        assert (P <= 1).all()
        if not model._indicator:
            assert_allclose(P.sum(axis=1), 1, rtol=1e-12 if P.dtype == np.float64 else 1e-6)


SEED = st.integers(0, 2**32 - 1)
