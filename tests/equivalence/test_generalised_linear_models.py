"""Without a hidden layer: Poisson, gamma and Tweedie regression of scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor

from tests.datasets import X_DIABETES as X
from tests.datasets import Y_DIABETES as Y
from tests.equivalence.targets import each_weighting, linear, network
from tests.marks import each_solver, ignore_lbfgs
from tests.plain import MLPBackpropRegressor

pytestmark = ignore_lbfgs
#: Parameters of the network, the oracle, and the least target (some losses refuse 0).
GLM = {
    "poisson": ({"loss": "poisson"}, PoissonRegressor, 0),
    "gamma": ({"loss": "gamma"}, GammaRegressor, 1),
    **{
        f"tweedie {p}": (
            {"loss": "tweedie", "tweedie_power": p},
            lambda p=p, **params: TweedieRegressor(power=p, link="log", **params),
            0 if p < 2 else 1,
        )
        for p in (1, 1.2, 1.5, 1.9, 2, 2.5, 3)
    },
}


@each_weighting
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize(("params", "oracle", "least"), GLM.values(), ids=GLM)
def test_deviances_without_hidden_layer_equal_generalised_linear_models(
    params, oracle, least, alpha, w
):
    """Both minimise the mean of half the deviance + alpha / 2 |W|^2, with the same alpha."""
    y = np.maximum(np.round(Y / 40) - 1, 0) + least
    assert y.min() == least
    oracle = oracle(alpha=alpha, solver="newton-cholesky", tol=1e-10, max_iter=100)
    oracle.fit(X, y, sample_weight=w)
    ours = linear(alpha=alpha, **params).fit(X, y, sample_weight=w)
    assert_allclose(ours.predict(X), oracle.predict(X), rtol=1e-5)


@pytest.mark.parametrize(("power", "limit"), [(1, "poisson"), (2, "gamma")])
@each_solver
def test_tweedie_of_power_1_and_2_equals_poisson_and_gamma(solver, power, limit):
    """Equal at powers 1 and 2, and close to them nearby."""
    y = np.round(Y / 40) + 1
    rate = {} if solver == "lbfgs" else {"learning_rate_init": 0.01}
    oracle = network(MLPBackpropRegressor, solver=solver, loss=limit, **rate).fit(X, y)
    at, near = (
        network(MLPBackpropRegressor, solver=solver, loss="tweedie", tweedie_power=p, **rate).fit(
            X, y
        )
        for p in (power, power + 1e-7)
    )
    assert_array_equal(at.predict(X), oracle.predict(X))
    assert_allclose(near.predict(X), oracle.predict(X), rtol=1e-4)
