"""Independent oracles of the losses, of class weights and of the scaling of targets."""

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    PoissonRegressor,
    QuantileRegressor,
    TweedieRegressor,
)
from sklearn.metrics import mean_pinball_loss
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X[:150]), Y[:150]
SKEWED = scale(Y) + np.exp(scale(Y))  # some are far from the others
W = np.random.default_rng(0).uniform(0, 3, len(Y)).round(1)
each_weighting = pytest.mark.parametrize("w", [None, W], ids=["unweighted", "weighted"])
each_scaling = pytest.mark.parametrize("scaled", [True, False], ids=["scaled", "unscaled"])
STOCHASTIC = ["adam", "adamw", "sgd", "rmsprop"]
SOLVERS = ["lbfgs", *STOCHASTIC]
each_solver = pytest.mark.parametrize("solver", SOLVERS)


def linear(**params):
    """A linear model of X as it is, which the oracle's alpha penalises, minimised to the end."""
    params |= {"tol": 1e-10, "max_iter": 10000, "random_state": 0, "feature_scaling": None}
    return MLPBackpropRegressor((), solver="lbfgs", **params)


def network(cls, solver, **params):
    """A small network that takes a few steps in float64."""
    if solver != "lbfgs":
        params = {"learning_rate_init": 0.1 if solver == "sgd" else 0.01} | params
    params = {"max_iter": 8, "dtype": "float64", "random_state": 0} | params
    params = {"hidden_layer_sizes": (6, 4), "activation": "tanh"} | params
    return cls(solver=solver, **params)


# ------------------------------------------------------------------- generalised linear models

#: Parameters of the network, the oracle, and what is added to the targets: 0 is not for all.
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
def test_without_hidden_layer_a_deviance_is_a_generalised_linear_model(
    params, oracle, least, alpha, w
):
    """Mean of half the deviance + alpha / 2 |W|^2 is its objective too: alpha is alpha."""
    y = np.maximum(np.round(Y / 40) - 1, 0) + least
    assert y.min() == least
    oracle = oracle(alpha=alpha, solver="newton-cholesky", tol=1e-10, max_iter=100)
    oracle.fit(X, y, sample_weight=w)
    ours = linear(alpha=alpha, **params).fit(X, y, sample_weight=w)
    assert_allclose(ours.predict(X), oracle.predict(X), rtol=1e-5)


@pytest.mark.parametrize(("power", "limit"), [(1, "poisson"), (2, "gamma")])
@each_solver
def test_the_limits_of_tweedie_are_poisson_and_gamma(solver, power, limit):
    """At the limits exactly, next to them nearly."""
    y = np.round(Y / 40) + 1
    rate = {} if solver == "lbfgs" else {"learning_rate_init": 0.01}
    oracle = network(MLPBackpropRegressor, solver, loss=limit, **rate).fit(X, y)
    at, near = (
        network(MLPBackpropRegressor, solver, loss="tweedie", tweedie_power=p, **rate).fit(X, y)
        for p in (power, power + 1e-7)
    )
    assert_array_equal(at.predict(X), oracle.predict(X))
    assert_allclose(near.predict(X), oracle.predict(X), rtol=1e-4)


# -------------------------------------------------------------------- quantiles, robust losses


@each_weighting
@each_scaling
@pytest.mark.parametrize("level", [0.1, 0.5, 0.8, "median"])
def test_without_hidden_layer_it_is_quantile_regression(level, scaled, w):
    """The objective is within 1 % of the linear programme's, which is the minimum."""
    params = {"loss": "absolute_error"} if level == "median" else {"loss": "quantile"}
    if level != "median":
        params["quantile"] = level
    level = 0.5 if level == "median" else level
    oracle = QuantileRegressor(quantile=level, alpha=0.0).fit(X, SKEWED, sample_weight=w)
    ours = MLPBackpropRegressor((), **params, target_scaling=scaled, learning_rate="cosine",
                                learning_rate_init=0.1, max_iter=1500, alpha=0.0, batch_size=150,
                                random_state=0).fit(X, SKEWED, sample_weight=w)  # fmt: skip

    def objective(estimator):
        prediction = estimator.predict(X)
        return mean_pinball_loss(SKEWED, prediction, alpha=level, sample_weight=w)

    assert objective(oracle) * (1 - 1e-9) <= objective(ours) < 1.01 * objective(oracle)


@each_weighting
@each_scaling
@pytest.mark.parametrize("epsilon", [1.1, 1.35, 2.0])
def test_without_hidden_layer_it_is_huber_regression_at_the_scale_that_it_estimates(
    epsilon, scaled, w
):
    """At its scale_, HuberRegressor minimises our loss, huber_delta = epsilon scale_.

    Its minimum is rough: ours is as low at least, and close.
    """
    oracle = HuberRegressor(epsilon=epsilon, alpha=0.0, tol=1e-8, max_iter=10000)
    oracle.fit(X, SKEWED, sample_weight=w)
    delta = epsilon * oracle.scale_
    unit = np.sqrt(np.cov(SKEWED, aweights=w, ddof=0)) if scaled else 1.0
    ours = linear(loss="huber", huber_delta=delta / unit, target_scaling=scaled, alpha=0.0)
    ours.fit(X, SKEWED, sample_weight=w)

    def objective(estimator):
        losses = scipy.special.huber(delta, SKEWED - estimator.predict(X))
        return np.average(losses, weights=w)

    assert objective(oracle) * (1 - 1e-5) < objective(ours) < objective(oracle) * (1 + 1e-9)
    assert_allclose(ours.predict(X), oracle.predict(X), atol=5e-3)
    assert 0.02 < np.mean(abs(SKEWED - oracle.predict(X)) > epsilon * oracle.scale_) < 0.8


def heteroscedastic(n_samples, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n_samples, 3))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] + (0.2 + 0.5 * abs(X[:, 2])) * rng.normal(
        size=n_samples
    )


@pytest.fixture(scope="module")
def band():
    """Three quantiles by the default network."""
    ours = MLPBackpropRegressor(loss="quantile", quantile=(0.1, 0.5, 0.9), random_state=0)
    return ours.fit(*heteroscedastic(6000, 0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("spread", [1.0, 1e3, 1e30])
def test_quantiles_never_cross(band, spread, dtype):
    rows = np.random.default_rng(1).normal(size=(100_000, 3)) * spread
    quantiles = band.predict(rows.astype(dtype))
    assert quantiles.dtype == dtype
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_quantiles_cover_what_they_say(band):
    X_new, y_new = heteroscedastic(20_000, 2)
    low, median, high = band.predict(X_new).T
    assert abs(np.mean((low <= y_new) & (y_new <= high)) - 0.8) < 0.02
    for level, quantile in [(0.1, low), (0.5, median), (0.9, high)]:
        assert abs(np.mean(y_new <= quantile) - level) < 0.02
    # the band is as wide as 2 * 1.2816 standard deviations of the noise
    width = 2 * 1.2816 * (0.2 + 0.5 * abs(X_new[:, 2]))
    assert np.corrcoef(high - low, width)[0, 1] > 0.95


def test_one_of_several_quantiles_is_the_quantile_alone():
    """Without features both are the quantiles of y."""
    nothing, levels = np.zeros((len(SKEWED), 1)), [0.1, 0.5, 0.9]
    params = {"loss": "quantile", "learning_rate": "cosine", "learning_rate_init": 0.01}
    ours = MLPBackpropRegressor((), **params, quantile=levels, max_iter=500, random_state=0)
    expected = np.quantile(SKEWED, levels, method="averaged_inverted_cdf")
    assert_allclose(ours.fit(nothing, SKEWED).predict(nothing[:1])[0], expected, atol=0.05)


# ------------------------------------------------------------------------------ class weights

X_WINE, CLASSES = load_wine(return_X_y=True)
X_WINE = scale(X_WINE)
NAMES = np.array(["red", "rosé", "white"])[CLASSES]
W_WINE = np.random.default_rng(1).uniform(0, 3, len(NAMES)).round(1)


def wine_weights(class_weight, w):
    """The sample weights that class weights stand for."""
    own = np.ones(len(NAMES)) if w is None else w
    if class_weight == "balanced":
        totals = {name: own[name == NAMES].sum() for name in np.unique(NAMES)}
        class_weight = {name: own.sum() / (3 * total) for name, total in totals.items()}
        if w is None:
            assert_allclose(
                list(class_weight.values()),
                compute_class_weight("balanced", classes=np.unique(NAMES), y=NAMES),
            )
    return own * compute_sample_weight(class_weight, NAMES)


@pytest.mark.parametrize("w", [None, W_WINE], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    "class_weight",
    [{"red": 2.0, "rosé": 0.5, "white": 1.0}, {"white": 7}, {"rosé": 0}, "balanced"],
    ids=str,
)
@each_solver
def test_class_weights_are_the_sample_weights_that_they_stand_for(solver, class_weight, w):
    params = {} if solver == "lbfgs" else {"batch_size": 50}
    ours = network(MLPBackpropClassifier, solver, class_weight=class_weight, **params)
    ours.fit(X_WINE, NAMES, sample_weight=w)
    oracle = network(MLPBackpropClassifier, solver, **params)
    oracle.fit(X_WINE, NAMES, sample_weight=wine_weights(class_weight, w))
    assert_allclose(ours.predict_proba(X_WINE), oracle.predict_proba(X_WINE), atol=1e-10)
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-10)
    plain = network(MLPBackpropClassifier, solver, **params).fit(X_WINE, NAMES, sample_weight=w)
    assert abs(ours.predict_proba(X_WINE) - plain.predict_proba(X_WINE)).max() > 1e-3


@pytest.mark.parametrize("class_weight", ["balanced", {"white": 3.0}], ids=str)
@each_solver
def test_under_class_weights_weight_two_is_the_row_twice(solver, class_weight):
    twice = np.random.default_rng(0).random(len(NAMES)) < 0.3
    params = {"batch_size": 10**6} if solver != "lbfgs" else {}
    params |= {"class_weight": class_weight, "alpha": 0.1}
    weighted = network(MLPBackpropClassifier, solver, **params)
    weighted.fit(X_WINE, NAMES, sample_weight=1 + twice)
    repeated = network(MLPBackpropClassifier, solver, **params)
    repeated.fit(np.concatenate([X_WINE, X_WINE[twice]]), np.concatenate([NAMES, NAMES[twice]]))
    assert_allclose(
        weighted.predict_proba(X_WINE), repeated.predict_proba(X_WINE), rtol=1e-9, atol=1e-10
    )


def test_balanced_binary_weights_bring_the_mean_logit_to_no_preference():
    """Without features, as many of both: probability 1/2, whatever the shares."""
    y = np.arange(100) < 7
    ours = MLPBackpropClassifier((), solver="lbfgs", class_weight="balanced", tol=1e-10)
    assert_allclose(ours.fit(np.zeros((100, 1)), y).predict_proba([[0.0]]), [[0.5, 0.5]])


# ------------------------------------------------------------------------ scaling of the target

TARGETS = {
    "one": 7 * SKEWED + 300,
    "several": np.stack([7 * SKEWED + 300, 1e-3 * Y, -Y], axis=1),
}


@each_weighting
@pytest.mark.parametrize("hidden", [(), (5,)], ids=str)
@pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
@each_solver
def test_scaling_the_target_is_a_standard_scaler_around_the_network(solver, y, hidden, w):
    """The same start too: the best constant is the mean, 0 in scaled units.

    The features are not centred: adam would divide the rounding of a zero gradient by itself.
    """
    rows = X + 0.5
    params = {"hidden_layer_sizes": hidden, "activation": "relu", "alpha": 0.01}
    params["feature_scaling"] = None
    ours = network(MLPBackpropRegressor, solver, **params).fit(rows, y, sample_weight=w)
    inner = network(MLPBackpropRegressor, solver, **params, target_scaling=False)
    scaler = StandardScaler().fit(y.reshape(len(y), -1), sample_weight=w)
    oracle = inner.fit(rows, scaler.transform(y.reshape(len(y), -1)).reshape(y.shape), w)
    prediction = scaler.inverse_transform(oracle.predict(rows).reshape(len(y), -1)).reshape(y.shape)
    assert_allclose(ours.predict(rows), prediction, rtol=1e-6, atol=1e-6 * y.std(axis=0).min())
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-6)


def test_at_the_optimum_it_is_transformed_target_regressor():
    for y in TARGETS.values():
        oracle = TransformedTargetRegressor(
            linear(alpha=0.01, target_scaling=False), transformer=StandardScaler()
        )
        ours = linear(alpha=0.01).fit(X, y)
        assert_allclose(ours.predict(X), oracle.fit(X, y).predict(X), rtol=1e-6)


LINEAR_LOSSES = [
    {},
    {"loss": "absolute_error"},
    {"loss": "huber"},
    {"loss": "quantile", "quantile": 0.3},
    {"loss": "quantile", "quantile": (0.1, 0.6)},
]


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7, 1e300, 5e-324])
@pytest.mark.parametrize("params", LINEAR_LOSSES, ids=str)
@each_solver
def test_a_constant_target_is_predicted_exactly(solver, params, value):
    ours = network(MLPBackpropRegressor, solver, **params).fit(X, np.full(len(X), value))
    assert (ours.predict(X) == value).all()
    if "quantile" not in params.get("loss", ""):
        y = np.stack([Y, np.full(len(X), value)], axis=1)
        ours = network(MLPBackpropRegressor, solver, **params).fit(X, y)
        assert (ours.predict(X)[:, 1] == value).all()
        assert np.ptp(ours.predict(X)[:, 0]) > 1


@pytest.mark.parametrize("dtype", ["float64", "auto"])
@pytest.mark.parametrize("params", LINEAR_LOSSES, ids=str)
@each_solver
def test_the_unit_and_the_origin_of_the_target_do_not_matter(solver, params, dtype):
    sizes = {} if solver == "lbfgs" else {"batch_size": 50}
    few, many = (
        network(MLPBackpropRegressor, solver, dtype=dtype, max_iter=15, **params, **sizes)
        for _ in range(2)
    )
    R2 = few.fit(X, Y).score(X, Y)
    assert_allclose(many.fit(X, Y * 1000 + 1e6).score(X, Y * 1000 + 1e6), R2, atol=1e-3)
    if dtype == "float64":
        assert_allclose(many.predict(X), few.predict(X) * 1000 + 1e6, rtol=1e-7)


@pytest.mark.parametrize("unit", [1e-200, 1e305])
@pytest.mark.parametrize("params", [*LINEAR_LOSSES, {"early_stopping": True}], ids=str)
@each_solver
def test_tiny_and_huge_targets_are_fitted_as_any(solver, params, unit):
    ours, oracle = (network(MLPBackpropRegressor, solver, **params) for _ in range(2))
    oracle.fit(X, Y)
    ours.fit(X, Y * unit)
    assert_allclose(ours.predict(X) / unit, oracle.predict(X), rtol=1e-6)
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-6)
    if "early_stopping" in params:
        assert_allclose(ours.validation_scores_, oracle.validation_scores_, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_early_stopping_in_float32_scores_targets_that_are_beyond_it(unit):
    ours, oracle = (
        MLPBackpropRegressor((6,), early_stopping=True, batch_size=20, random_state=0, max_iter=20)
        for _ in range(2)
    )
    oracle.fit(X, Y)
    ours.fit(X, Y * unit)
    assert ours.coefs_[0].dtype == np.float32
    assert_allclose(ours.validation_scores_, oracle.validation_scores_, rtol=1e-5)
    assert_allclose(ours.predict(X) / unit, oracle.predict(X), rtol=1e-5)
