"""An input X that cannot be used, and the error."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

from sknet._table.messages import TableError
from tests.faults.common import BOTH, SECRET, X, classifier, fault, network, regressor, y
from tests.faults.tables import ADVICE, DATES, FRAME, HOLDS_DATES
from tests.marks import each_estimator, ignore_convergence

WITH_INF = X.copy()
WITH_INF[3, 1] = np.inf


def case(number, what, call, error, message, **kwargs):
    return pytest.param(call, error, message, marks=fault(number, what), id=what, **kwargs)


def fit(data, package):
    return package.regressor().fit(data, y[: np.shape(data)[0]])


def refit(first, then, package):
    return package.regressor().fit(first, y).predict(then)


SAME_ERRORS = [
    case("2", "infinity in X", partial(fit, WITH_INF), ValueError, "Input X contains infinity"),
    case("16", "fit on 0 rows", partial(fit, X[:0]), ValueError, "Found array with 0 sample"),
    case("16", "fit on 0 columns", partial(fit, X[:, :0]), ValueError, "0 feature"),
    case("16", "predict 0 rows", partial(refit, X, X[:0]), ValueError, "0 sample"),
    case("17", "1-d X", partial(fit, X[:, 0]), ValueError, "Expected 2D array, got 1D array"),
    case("17", "3-d X", partial(fit, X[None]), ValueError, "dim 3"),
    case("18", "fewer columns", partial(refit, X, X[:, :3]), ValueError, "X has 3 features, but"),
    case("27", "complex X", partial(fit, X + 1j), ValueError, "Complex data not supported"),
    case("29", "dict among objects", partial(fit, np.array([[{}, 1.0]] * 150, object)), TypeError,
         "argument must be a string or a real number"),
    case("32", "np.matrix", lambda package: fit(matrix(), package), TypeError, "matrix is not"),
    case("38", "names of text and numbers", partial(fit, FRAME.rename(columns={"a": 0})), TypeError,
         "only supported if all input features have string names"),
    case("41", "columns in another order", partial(refit, FRAME, FRAME[list("bacd")]), ValueError,
         "same order"),
    case("41", "missing column", partial(refit, FRAME, FRAME[list("abc")]), ValueError, "missing"),
    case("41", "unknown column", partial(refit, FRAME, FRAME.assign(e=1.0)), ValueError, "unseen"),
]  # fmt: skip


def matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(X)


@ignore_convergence
@pytest.mark.parametrize(("call", "error", "message"), SAME_ERRORS)
def test_an_x_that_is_an_error_in_scikit_learn_is_one_here(call, error, message):
    for package in BOTH:
        with pytest.raises(error, match=message):
            call(package)


ERRORS = [
    case("30", "numbers as text", X.astype(str), ValueError,
         "Column 0 of X is text .*, not numeric, but most of its values are numbers"),
    case("31", "masked X", np.ma.masked_array(X, X > 1), ValueError, "X has masked entries"),
    case("2", "infinity beside NaN", np.where(X < 0, np.nan, WITH_INF), ValueError,
         r"contains infinity or a value too large for dtype\('float64'\): column 1"),
    case("2", "infinity in a frame", FRAME.assign(c=WITH_INF[:, 1]), TableError,
         "Input X contains infinity .*: column 'c'"),
    case("37", "date column", FRAME.assign(c=DATES), TableError,
         rf"{HOLDS_DATES} \(dtype datetime64.*\), not numeric.*\n  X\['c_year'\] = X"),
    case("37", "only dates", pd.DataFrame({"c": DATES}), TypeError,
         rf"{HOLDS_DATES} \(dtype datetime64.*\), not numeric"),
    case("37", "dates as objects", FRAME.assign(c=DATES.date), ValueError,
         rf"{HOLDS_DATES} \(dtype object\), not numeric"),
    case("37", "periods", FRAME.assign(c=DATES.to_period("M")), ValueError,
         rf"{HOLDS_DATES} \(dtype period.*\), not numeric"),
    case("37", "text and numbers in a column", FRAME.assign(c=["u", 1] * 75), TableError,
         r"Column 'c' of X is of mixed types: numbers and text(.|\n)*X\['c'\].astype\(str\)"),
    case("37", "dict in a column", FRAME.assign(c=[{}] * 150), TableError,
         "Column 'c' of X holds values of type dict"),
    case("37", "free text", FRAME.assign(c=ADVICE), TableError,
         r"Column 'c' of X is free text \(dtype (str|object)\), not numeric: 150 different values"),
    case("37", "complex column", FRAME.assign(c=1j), TableError,
         r"Column 'c' of X \(dtype complex128\) cannot be read as numbers"),
    case("39", "two columns of one name", FRAME.rename(columns={"a": "b"}), ValueError,
         "Column names of X must be unique; more than once: 'b'"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "error", "message"), ERRORS)
@each_estimator
def test_an_x_that_cannot_be_used_is_a_clear_error(cls, data, error, message):
    with pytest.raises(error, match=message):
        network(cls).fit(data, y)


# ------------------------------------------------------------ missing values, categories


@fault("5", "no message prints the data")
@fault("17", "no message prints the data")
@fault("27", "no message prints the data")
@pytest.mark.parametrize(
    ("data", "target"),
    [
        (np.full(150, float(SECRET)), y),
        (np.full((150, 2), float(SECRET) + 1j), y),
        (pd.DataFrame({"a": [f"x{SECRET}", 1] * 75}), y),
        (pd.DataFrame({"a": [{f"x{SECRET}": 1}] * 150}), y),
        (pd.DataFrame({"a": [f"row {k} is of x{SECRET}" for k in range(150)]}), y),
        (pd.DataFrame({"a": [float(SECRET) + 1j] * 150}), y),
        (np.full((150, 2), [float(SECRET), np.inf]), y),
        (X, np.linspace(0, float(SECRET), 150)),
        (X, np.full(150, float(SECRET) + 1j)),
        (X, np.full((150, 2), float(SECRET))),
        (X, np.full((150, 2), f"x{SECRET}")),
    ],
)
def test_no_message_prints_what_is_in_the_table(data, target):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is what is looked at
        classifier().fit(data, target)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        regressor().fit(data, np.array([f"x{SECRET}"] * 150))
    assert SECRET not in str(raised.value)


@fault("20", "X near 1e300 as it is")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@each_estimator
def test_an_x_of_1e300_is_an_error_that_says_to_scale_it(cls, solver):
    estimator = network(cls, solver=solver, dtype="float64", feature_scaling=None)
    with pytest.raises(ValueError, match=r"not finite (in epoch [12]|after 0).*Scale X"):
        estimator.fit(X * 1e300, y)


@fault("24", "X beyond float32, to a model of float32")
@ignore_convergence
@pytest.mark.parametrize("scaling", ["standard", None])
def test_a_value_beyond_the_compute_dtype_names_its_column(scaling):
    estimator = regressor(dtype="float32", feature_scaling=scaling).fit(X, y)
    data = X.copy()
    data[5, 2] = 1e39
    for table in (data, scipy.sparse.csr_array(data)):
        with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
            estimator.predict(table)
    estimator.fit(FRAME, y)
    with pytest.raises(ValueError, match=r"Column 'c' of X .* too large for float32"):
        estimator.predict(pd.DataFrame(data, columns=list("abcd")))
    for table in (data, scipy.sparse.csr_array(data)):
        if scaling is None:
            with pytest.raises(ValueError, match=r"Column 2 of X .* too large for float32"):
                estimator.fit(table, y)
        else:  # after scaling it is not large
            assert np.isfinite(estimator.fit(table, y).predict(table)).all()


@fault("40", "frame in fit and array in predict, and the other way round")
@ignore_convergence
@each_estimator
def test_names_on_one_side_only_are_a_warning(cls):
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        by_name = network(cls).fit(FRAME, y).predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        by_place = network(cls).fit(X, y).predict(FRAME)
    assert_allclose(by_name, by_place)


@fault("12", "X and y of different lengths")
def test_different_lengths_are_an_error():
    for package in BOTH:
        for estimator in (package.classifier(), package.regressor()):
            with pytest.raises(ValueError, match="inconsistent numbers of samples"):
                estimator.fit(X, y[1:])
