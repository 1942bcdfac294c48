"""``predict(X, return_std=True)`` of the regressor, against the identity it rests on."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from sknet._rules import InvalidParameterError
from tests.estimators.test_intervals import NEW, TARGETS, X, Y, members, network
from tests.marks import ignore_convergence

pytestmark = ignore_convergence


def expected_std(error, spread, spread_of_new, share):
    """Root of: variance between networks + what it leaves of the prediction's squared error."""
    squared = np.maximum(error**2 - share * spread**2, error**2 * (1 - share))
    left = squared - spread**2
    assert (left > 0).all()
    return np.sqrt(spread_of_new**2 + left)


def rms(values, w=None):
    return np.sqrt(np.average(np.square(values), axis=0, weights=w))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("n_members", [1, 2])
def test_folds(name, n_members):
    """The error is that of held-out rows, less 3/4 of the variance between four folds."""
    y, parameters = TARGETS[name]
    w = np.random.default_rng(0).uniform(0.5, 2, 200)
    model = network(cv=4, n_members=n_members, max_iter=40, **parameters).fit(X, y, w)
    folds = [slice(k * n_members, (k + 1) * n_members) for k in range(4)]
    seen, new = (
        np.std([members(model, own).predict(rows) for own in folds], axis=0, ddof=1)
        for rows in (X, NEW)
    )
    error, spread = rms(y - model.oof_prediction_, w), rms(seen, w)
    prediction, std = model.predict(NEW, return_std=True)
    assert_array_equal(prediction, model.predict(NEW))
    assert_allclose(std, expected_std(error, spread, new, 3 / 4), rtol=1e-4)


@pytest.mark.parametrize("n_members", [1, 3])
def test_validation_rows(n_members):
    """The error is that of the mean of all members; between them is the variance."""
    model = network(n_members=n_members).fit(X[:100], Y[:100], X_val=X[100:], y_val=Y[100:])
    error = rms(Y[100:] - model.predict(X[100:]))
    _, std = model.predict(NEW, return_std=True)
    if n_members == 1:
        assert_allclose(std, np.full(40, error), rtol=1e-5)
        return
    seen, new = (
        np.std([members(model, k).predict(rows) for k in range(3)], axis=0, ddof=1)
        for rows in (X[100:], NEW)
    )
    assert_allclose(std, expected_std(error, rms(seen), new, 0), rtol=1e-5)
    assert std.max() > 1.01 * std.min()


def test_networks_that_differ_by_more_than_they_err():
    """The variance between them is scaled so that its mean is the mean squared error."""
    model = network(n_members=3).fit(X[:100], Y[:100], X_val=X[100:], y_val=Y[100:])
    held = model._held_out
    model._held_out = held._replace(spread=2 * rms(held.scores[0]))
    new = np.std([members(model, k).predict(NEW) for k in range(3)], axis=0, ddof=1)
    assert_allclose(model.predict(NEW, return_std=True)[1], new / 2, rtol=1e-5)


def test_residuals_over_standard_deviations():
    rng = np.random.default_rng(0)

    def draw(n):
        X = rng.normal(size=(n, 4))
        return X, np.sin(2 * X[:, 0]) * X[:, 1] + 0.3 * rng.normal(size=n)

    (X, y), (X_new, y_new) = draw(800), draw(4000)
    model = network(cv=5, max_iter=100, learning_rate_init=0.02).fit(X, y)
    prediction, std = model.predict(X_new, return_std=True)
    assert np.std((y_new - prediction) / std) == pytest.approx(1, abs=0.1)
    assert np.corrcoef(np.abs(y_new - prediction), std)[0, 1] > 0.1


@pytest.mark.parametrize("unit", [1e-180, 1.0, 1e180])
def test_any_unit_of_y(unit):
    model = network(cv=3, dtype="float64").fit(X, Y)
    other = network(cv=3, dtype="float64").fit(X, unit * Y)
    expected = model.predict(NEW, return_std=True)[1]
    assert_allclose(other.predict(NEW, return_std=True)[1] / unit, expected, rtol=1e-5)


def test_a_constant_target():
    model = network(cv=3).fit(X, np.full(200, 3.0))
    assert_array_equal(model.predict(NEW, return_std=True), [np.full(40, 3.0), np.zeros(40)])


def test_the_dtype_is_that_of_the_prediction():
    model = network(cv=3).fit(X.astype(np.float32), Y.astype(np.float32))
    prediction, std = model.predict(NEW.astype(np.float32), return_std=True)
    assert prediction.dtype == std.dtype == np.float32


def test_what_does_not_work():
    with pytest.raises(NotFittedError):
        network().predict(NEW, return_std=True)
    with pytest.raises(ValueError, match=r"return_std needs rows.*cv=5"):
        network().fit(X, Y).predict(NEW, return_std=True)
    with pytest.raises(InvalidParameterError, match=r"'return_std' .* must be a bool"):
        network(cv=2).fit(X, Y).predict(NEW, return_std="yes")
    for quantile in (0.9, (0.1, 0.9)):
        model = network(cv=2, loss="quantile", quantile=quantile).fit(X, Y)
        with pytest.raises(InvalidParameterError, match=r"must be False .* use predict_interval"):
            model.predict(NEW, return_std=True)
