"""The target y: labels, label indicators, numbers; and what is predicted of them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_regression
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import cross_val_score

from sknet._engine.reports import DivergenceError
from tests.faults.common import (
    BOTH,
    LABELS,
    NAMES,
    SKNET,
    X,
    Y,
    classifier,
    fault,
    network,
    regressor,
    y,
)
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters
from tests.plain import MLPBackpropRegressor


def classify(target):
    return lambda package: package.classifier().fit(X, target)


def regress(target, **params):
    return lambda package: package.regressor(**params).fit(X, target)


def case(number, what, call, error, message):
    return pytest.param(call, error, message, marks=fault(number, what), id=what)


NAN, INF = np.where(y == 1, np.nan, y), np.where(y == 1, np.inf, y)
BYTES = np.array([b"a", b"b"] * 75)
SAME_ERRORS = [
    case("3", "NaN among numbers", regress(NAN), ValueError, "contains (NaN|missing values)"),
    case("3", "infinity among numbers", regress(INF), ValueError, "contains infinity"),
    case("3", "NaN among labels", classify(NAN), ValueError, "contains (NaN|missing values)"),
    case("4", "no y, classifier", classify(None), ValueError, "requires y to be passed"),
    case("4", "no y, regressor", regress(None), ValueError, "requires y to be passed"),
    case("10", "labels of bytes", classify(BYTES), TypeError, "bytes is not supported"),
    case("27", "complex y", regress(y + 1j), ValueError, "Complex data not supported"),
    case(
        "80",
        "several classes, several outputs",
        classify(np.c_[y, y]),
        ValueError,
        "[Mm]ultioutput|1d array",
    ),
    case("80", "3-d labels", classify(np.zeros((150, 2, 2), int)), ValueError, "dim"),
    case("80", "3-d numbers", regress(np.zeros((150, 2, 2))), ValueError, "dim"),
]
MISSING = pd.Series([True, None, False] * 50, dtype="boolean")
TEXT_NAN = np.where(y == 0, np.nan, NAMES.astype(object))
ERRORS = [
    case("3", "missing among nullable booleans", classify(MISSING), ValueError,
         "y contains missing values .* in 50 of 150 rows: 1, 4, 7, 10, 13, ..."),
    case("3", "NaN among text", classify(TEXT_NAN), ValueError, "y contains missing values"),
    case("5", "numbers to the classifier", classify(X[:, 0]), ValueError,
         "Unknown label type: continuous. Maybe you are trying to fit a classifier"),
    case("6", "text to the regressor", regress(NAMES), ValueError, "could not convert string"),
    case("9", "int and str", classify(np.array(["a", 1] * 75, object)), TypeError,
         "labels must be all str or all numeric; got int, str"),
    case("9", "int and str in a list", classify(["a", 1] * 75), TypeError,
         "labels must be all str or all numeric; got int, str"),
    case("9", "None and str", classify(np.array(["a", None] * 75, object)), ValueError,
         "y contains missing values"),
    case("23", "y beyond float32",
         regress(X[:, 0] * 1e300, dtype="float32", target_scaling=False), ValueError,
         "y holds a value that is too large for float32"),
    case("23", "a column of y beyond float32",
         regress(Y * [1, 1e300, 1], dtype="float32", target_scaling=False), ValueError,
         "Column 1 of y holds a value that is too large for float32"),
    case("23", "y beyond the float32 of X",
         lambda package: package.regressor().fit(X.astype(np.float32), X[:, 0] * 1e300),
         ValueError, "y holds a value that is too large for float32"),
    case("56", "negative y under poisson", regress(y - 1, loss="poisson"), ValueError, "poisson"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), SAME_ERRORS)
def test_a_y_that_is_an_error_in_scikit_learn_is_one_here(call, error, message):
    for package in BOTH:
        with pytest.raises(error, match=message):
            call(package)


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_a_y_that_cannot_be_used_is_a_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call(SKNET)


@fault("56", "negative y under the losses with a logarithmic link")
@pytest.mark.parametrize(("loss", "lowest"), [("gamma", 0.0), ("tweedie", -1.0)])
def test_a_loss_refuses_the_y_that_it_is_not_defined_for(loss, lowest):
    with pytest.raises(ValueError, match=rf"y .*loss='{loss}'"):
        regressor(loss=loss).fit(X, y + lowest)


@fault("19", "y that is constant at first")
@ignore_convergence
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("init", ["auto", "glorot_uniform"])
def test_a_network_fitted_to_a_constant_learns_what_comes_later(unit, init):
    """Its unit is how far the later targets are; while they stay the same, so does y."""
    estimator = regressor(init=init, learning_rate_init=0.01).fit(X, np.full(150, 4.0))
    estimator.partial_fit(X, np.full(150, 4.0))
    assert_array_equal(estimator.predict(X), np.full(150, 4.0))
    later = 4.0 + unit * X[:, 0]
    for _ in range(200):
        estimator.partial_fit(X, later)
    assert_allclose(estimator.predict(X), later, atol=0.3 * unit)


@fault("6", "numbers as text to the regressor")
@ignore_convergence
def test_numbers_as_text_are_numbers():
    assert_same_parameters(regressor().fit(X, y.astype(str)), regressor().fit(X, y))


LABEL_KINDS = {
    "bool": np.array([False, True]),
    "str": np.array(["no", "yes", "maybe not"]),
    "str objects": np.array(["no", "yes", "maybe not"], dtype=object),
    "-1, 1": np.array([-1, 1]),
    "uint64": np.array([1, 2**63 + 1, 2**63 + 3], dtype=np.uint64),
    "datetime64": np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]"),
}


@fault("7", "labels of all kinds keep their dtype")
@pytest.mark.parametrize("labels", LABEL_KINDS.values(), ids=LABEL_KINDS)
@ignore_convergence
def test_labels_keep_their_dtype(labels):
    target = labels[y % len(labels)]
    estimator = classifier(max_iter=60, learning_rate_init=0.02).fit(X, target)
    assert estimator.classes_.dtype == estimator.predict(X).dtype == labels.dtype
    assert_array_equal(estimator.classes_, np.unique(labels))
    assert estimator.score(X, target) > 0.8


@fault("8", "labels of pandas' nullable boolean")
@ignore_convergence
def test_nullable_booleans_are_booleans():
    estimator = classifier().fit(X, pd.Series(y == 0, dtype="boolean"))
    assert estimator.classes_.dtype == bool
    assert estimator.predict(X).dtype == bool


@fault("7", "a frame of label indicators whose columns have names of several kinds")
@ignore_convergence
def test_the_names_of_indicator_columns_are_no_labels():
    frame = pd.DataFrame(LABELS, columns=["a", 1, None])
    assert_same_parameters(classifier().fit(X, frame), classifier().fit(X, LABELS))


@fault("11", "a column for a vector")
@ignore_convergence
@each_estimator
def test_a_column_is_a_vector_with_a_warning(cls):
    with pytest.warns(DataConversionWarning, match="column-vector"):
        column = network(cls).fit(X, y[:, None])
    assert_same_parameters(column, network(cls).fit(X, y))
    assert column.predict(X).shape == (150,)


@fault("13", "one class only")
@ignore_convergence
def test_of_one_class_the_probability_is_one_and_can_be_scored():
    estimator = classifier().fit(X, np.full(150, "a"))
    assert_array_equal(estimator.predict_proba(X), np.ones((150, 1)))
    assert_array_equal(estimator.classes_, ["a"])
    assert_array_equal(estimator.predict_log_proba(X), np.zeros((150, 1)))
    assert cross_val_score(classifier(), X, np.zeros(150, int), cv=3).tolist() == [1, 1, 1]


@fault("15", "as many classes as rows")
@ignore_convergence
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater than 50%")
def test_as_many_classes_as_rows_train():
    for package in BOTH:
        estimator = package.classifier().fit(X[:30], np.arange(30))
        assert estimator.predict_proba(X).shape == (150, 30)


@fault("19", "constant y")
@ignore_convergence
@pytest.mark.parametrize("constant", [0.0, 7.5, -1e6])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_constant_y_is_predicted(constant, n_outputs):
    target = np.full((150, n_outputs), constant)
    estimator = regressor(max_iter=50).fit(X, target if n_outputs > 1 else target[:, 0])
    assert_allclose(estimator.predict(X).reshape(150, -1), target, rtol=1e-6, atol=1e-6)


@fault("22", "y near 1e300")
@ignore_convergence
def test_a_y_of_1e300_is_fitted_or_an_error():
    """An error without scaling of y, predictions of that size with it."""
    target = X[:, 0] * 1e300
    estimator = regressor(dtype="float64", max_iter=200, learning_rate_init=0.01)
    try:
        estimator.fit(X, target)
    except DivergenceError:
        return
    assert np.corrcoef(estimator.predict(X) / 1e300, X[:, 0])[0, 1] > 0.9
    assert 0.5e300 < np.abs(estimator.predict(X)).max() < 5e300


@fault("57", "exp of the output overflows")
@ignore_convergence
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_prediction_that_overflows_is_the_largest_number(dtype):
    settings = {"activation": "identity", "feature_scaling": "standard", "max_iter": 50}
    estimator = regressor(loss="poisson", **settings).fit(X, y)
    prediction = estimator.predict((X * 1e5).astype(dtype))
    assert np.isfinite(prediction).all()
    assert prediction.min() >= 0
    assert_allclose(prediction.max(), np.finfo(dtype).max, rtol=1e-3)


@fault("58", "log-probabilities far from the boundary")
@fault("D12", "log of a probability that is 0")
@ignore_convergence
@pytest.mark.parametrize("target", [y == 0, y, LABELS], ids=["binary", "multiclass", "multilabel"])
def test_log_probabilities_are_finite(target):
    settings = {"activation": "identity", "feature_scaling": "standard", "max_iter": 50}
    estimator = classifier(**settings).fit(X, target)
    far = X * 1e4
    log_P = estimator.predict_log_proba(far)
    assert np.isfinite(log_P).all()
    assert log_P.min() < -1e3
    with np.errstate(divide="ignore"):
        assert np.isneginf(np.log(estimator.predict_proba(far))).any()
    assert_allclose(np.exp(estimator.predict_log_proba(X)), estimator.predict_proba(X), rtol=1e-6)


@fault("D13", "y is never scaled")
@ignore_convergence
def test_a_y_far_from_zero_is_learned():
    data, target = make_regression(1000, 10, noise=10, random_state=0)
    estimator = MLPBackpropRegressor(learning_rate_init=0.01, max_iter=100, random_state=0)
    assert cross_val_score(estimator, data, target * 1000 + 1e6, cv=3).min() > 0.9


@fault("D14", "tags deny several outputs")
@ignore_convergence
def test_the_regressor_says_that_it_takes_several_outputs():
    assert regressor().__sklearn_tags__().target_tags.multi_output
    assert regressor().fit(X, Y).predict(X).shape == Y.shape
