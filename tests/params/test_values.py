"""Every parameter: the values that it accepts, and the error for the others."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sknet._params import InvalidParameterError
from tests.marks import ESTIMATORS, each_estimator, ignore_convergence
from tests.params.bad_values import BAD, BAD_OF_ONE
from tests.params.data import X, Y
from tests.params.good_values import GOOD, GOOD_OF_ONE, NEEDS
from tests.plain import MLPBackpropClassifier


def cases(shared, of_one):
    def label(value):
        return type(value).__name__ if len(repr(value)) > 30 else repr(value)

    return [
        pytest.param(cls, name, value, id=f"{cls.__name__[11:]}-{name}-{label(value)}")
        for cls in ESTIMATORS
        for name, values in (shared | of_one[cls]).items()
        for value in values
    ]


@each_estimator
@pytest.mark.parametrize(("shared", "of_one"), [(BAD, BAD_OF_ONE), (GOOD, GOOD_OF_ONE)])
def test_every_parameter_has_a_row_in_the_tables(cls, shared, of_one):
    table = shared | of_one[cls]
    assert table.keys() == cls().get_params().keys()
    assert all(table.values())


@pytest.mark.parametrize(("cls", "name", "value"), cases(BAD, BAD_OF_ONE))
def test_a_bad_value_is_one_error_that_names_parameter_class_and_value(cls, name, value):
    estimator = cls(**{name: value})
    with pytest.raises(InvalidParameterError) as caught:
        estimator.fit(X, Y)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)
    message = str(caught.value)
    assert f"{name!r} parameter of {cls.__name__}" in message
    assert " must " in message
    assert f"Got {value!r}"[:15] in message
    assert getattr(estimator, name) is value


@each_estimator
def test_partial_fit_checks_parameters_too(cls):
    classes = {"classes": [0, 1, 2]} if cls is MLPBackpropClassifier else {}
    estimator = cls(learning_rate_init="fast")
    with pytest.raises(InvalidParameterError, match="'learning_rate_init' parameter of MLP"):
        estimator.partial_fit(X, Y, **classes)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


def test_the_error_message_for_a_long_value_is_short():
    with pytest.raises(InvalidParameterError) as caught:
        MLPBackpropClassifier([5] * 1000 + [0]).fit(X, Y)
    assert len(str(caught.value)) < 400


@ignore_convergence
@pytest.mark.filterwarnings("ignore:.*no effect")
@pytest.mark.filterwarnings("ignore:lbfgs")
@pytest.mark.parametrize(("cls", "name", "value"), cases(GOOD, GOOD_OF_ONE))
def test_a_good_value_trains(cls, name, value):
    params = {"hidden_layer_sizes": (3,), "max_iter": 2, **NEEDS.get(name, {}), name: value}
    rows = pd.DataFrame(X, columns=list("abcd")) if name == "categorical_features" else X
    y = Y / 2 if name == "out_activation" else Y + 1  # every loss accepts positive targets
    estimator = cls(**params).fit(rows, y)
    assert np.isfinite(estimator.loss_)
    assert getattr(estimator, name) is value
    clone(estimator)


@ignore_convergence
@each_estimator
@pytest.mark.parametrize("sizes", [4, [4], np.array([4]), np.int32(4), (np.int64(4),)])
def test_one_hidden_layer_may_be_written_in_several_ways(cls, sizes):
    expected, other = (cls(s, max_iter=2, random_state=0).fit(X, Y) for s in ((4,), sizes))
    assert_array_equal(other.coefs_[0], expected.coefs_[0])
