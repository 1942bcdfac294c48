"""Metadata on its way through scikit-learn's tools: weights, and rows to validate on."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tests.marks import ignore_convergence
from tests.networks import assert_same_parameters, network_maker

pytestmark = ignore_convergence

DATA = {"classifier": load_breast_cancer, "regressor": load_diabetes}
FOLDS = KFold(3)
VALIDATION = "X_val", "y_val", "sample_weight_val"
REQUESTS = {
    "fit": {"sample_weight", *VALIDATION},
    "partial_fit": {"sample_weight"},
    "score": {"sample_weight"},
}

each_task = pytest.mark.parametrize("task", DATA)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


network = network_maker(sizes=(5,), rate=0.02, max_iter=6)


def data(task):
    """Return X, y and weights to train on, and the same three to validate on."""
    X, y = DATA[task](return_X_y=True)
    w = np.random.default_rng(0).integers(0, 4, size=len(y)).astype(float)
    return (X[:240], y[:240], w[:240]), (X[240:330], y[240:330], w[240:330])


def scaled(net, **params):
    scale = StandardScaler()
    if sklearn.get_config()["enable_metadata_routing"]:
        scale.set_fit_request(sample_weight=False)
    return Pipeline([("scale", scale), ("network", net)], **params)


def scorer(task):
    """Return the scorer that is the estimator's own score, and asks for weights."""
    name = "accuracy" if task == "classifier" else "r2"
    return get_scorer(name).set_score_request(sample_weight=True)


def by_hand(net, train, test):
    """Return the weighted score of a network fitted on scaled rows, without routing."""
    (X, y, w), (X_test, y_test, w_test) = train, test
    scaler = StandardScaler().fit(X)
    net = sklearn.base.clone(net).fit(scaler.transform(X), y, w)
    return net.score(scaler.transform(X_test), y_test, w_test)


def folds(X, y, w):
    for train, test in FOLDS.split(X):
        yield (X[train], y[train], w[train]), (X[test], y[test], w[test])


@each_task
def test_the_requests_are_named_as_the_arguments(routing, task):
    net = network(task)
    for method, names in REQUESTS.items():
        request = getattr(net, f"set_{method}_request")
        for name in names:
            assert request(**{name: True}) is net
        requested = getattr(net.get_metadata_routing(), method).requests
        assert {name for name, asked in requested.items() if asked} == names
        with pytest.raises(TypeError, match="Unexpected args"):
            request(no_such_argument=True)


@each_task
def test_the_classes_of_partial_fit_can_be_requested_of_the_classifier_alone(routing, task):
    net = network(task)
    if task == "classifier":
        net.set_partial_fit_request(classes=True)
        assert net.get_metadata_routing().partial_fit.requests["classes"] is True
    else:
        with pytest.raises(TypeError, match="Unexpected args"):
            net.set_partial_fit_request(classes=True)


@each_task
def test_metadata_that_is_not_requested_is_refused(routing, task):
    (X, y, w), (X_val, y_val, _) = data(task)
    for given in ({"sample_weight": w}, {"X_val": X_val, "y_val": y_val}):
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            scaled(network(task)).fit(X, y, **given)


@each_task
@pytest.mark.parametrize("routed", [True, False])
def test_weights_reach_fit_through_a_pipeline(task, routed):
    (X, y, w), _ = data(task)
    net = network(task)
    alone = sklearn.base.clone(net).fit(StandardScaler().fit_transform(X), y, w)
    with sklearn.config_context(enable_metadata_routing=routed):
        if routed:
            net.set_fit_request(sample_weight=True)
        pipe = scaled(net).fit(X, y, **{"sample_weight" if routed else "network__sample_weight": w})
    assert_same_parameters(pipe["network"], alone)
    with pytest.raises(AssertionError):
        assert_same_parameters(scaled(net).fit(X, y)["network"], alone)


@each_task
def test_weights_reach_score_through_a_pipeline(routing, task):
    (X, y, w), test = data(task)
    net = network(task).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    pipe = scaled(net).fit(X, y, sample_weight=w)
    score = pipe.score(*test[:2], sample_weight=test[2])
    assert score == by_hand(net, (X, y, w), test)
    assert score != pipe.score(*test[:2])


@each_task
def test_weights_reach_fit_and_score_of_cross_validation(routing, task):
    (X, y, w), _ = data(task)
    net = network(task).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    params = {"params": {"sample_weight": w}, "cv": FOLDS}
    scores = cross_val_score(scaled(net), X, y, scoring=scorer(task), **params)
    assert_array_equal(scores, [by_hand(net, *fold) for fold in folds(X, y, w)])

    def alone(train, test):
        return sklearn.base.clone(net).fit(*train).score(*test)

    X = StandardScaler().fit_transform(X)
    scores = cross_val_score(net, X, y, **params)
    assert_array_equal(scores, [alone(*fold) for fold in folds(X, y, w)])


@each_task
def test_weights_reach_fit_and_score_of_a_grid_search(routing, task):
    (X, y, w), _ = data(task)
    net = network(task).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    rates = [0.001, 0.02]
    grid = {"network__learning_rate_init": rates}
    search = GridSearchCV(scaled(net), grid, cv=FOLDS, scoring=scorer(task))
    search.fit(X, y, sample_weight=w)
    for i, rate in enumerate(rates):
        net.set_params(learning_rate_init=rate)
        scores = [by_hand(net, *fold) for fold in folds(X, y, w)]
        assert scores == [search.cv_results_[f"split{k}_test_score"][i] for k in range(3)]
    best = network(task, learning_rate_init=search.best_params_["network__learning_rate_init"])
    best.fit(StandardScaler().fit_transform(X), y, w)
    assert_same_parameters(search.best_estimator_["network"], best)


@each_task
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True, "scoring": "loss"}], ids=str)
def test_a_pipeline_scales_the_validation_rows(routing, task, weighted, params):
    (X, y, _), held = data(task)
    given = dict(zip(VALIDATION if weighted else VALIDATION[:2], held, strict=False))
    net = network(task, **params).set_fit_request(**dict.fromkeys(given, True))
    pipe = scaled(net, transform_input=["X_val"]).fit(X, y, **given)

    scaler = StandardScaler().fit(X)
    alone = sklearn.base.clone(net)
    alone.fit(scaler.transform(X), y, **{**given, "X_val": scaler.transform(held[0])})
    assert pipe["network"].validation_scores_ == alone.validation_scores_
    assert pipe["network"].validation_loss_curve_ == alone.validation_loss_curve_
    assert_same_parameters(pipe["network"], alone)
    raw = scaled(net).fit(X, y, **given)  # this pipeline does not scale the validation rows
    assert raw["network"].validation_loss_curve_ != alone.validation_loss_curve_


@each_task
def test_a_grid_search_passes_the_validation_rows_to_every_fold(routing, task):
    (X, y, w), held = data(task)
    given = dict(zip(VALIDATION, held, strict=True))
    net = network(task).set_fit_request(sample_weight=True, **dict.fromkeys(given, True))
    pipe = scaled(net, transform_input=["X_val"])
    search = GridSearchCV(pipe, {"network__alpha": [0.0, 0.01]}, cv=FOLDS, scoring=scorer(task))
    search.fit(X, y, sample_weight=w, **given)

    def fitted(X, y, w, alpha):
        scaler = StandardScaler().fit(X)
        alone = sklearn.base.clone(net).set_params(alpha=alpha)
        alone.fit(scaler.transform(X), y, w, **{**given, "X_val": scaler.transform(given["X_val"])})
        return scaler, alone

    for k, (train, (X_test, y_test, w_test)) in enumerate(folds(X, y, w)):
        for i, alpha in enumerate([0.0, 0.01]):
            scaler, alone = fitted(*train, alpha)
            score = alone.score(scaler.transform(X_test), y_test, w_test)
            assert score == search.cv_results_[f"split{k}_test_score"][i]
    best = search.best_estimator_["network"]
    _, alone = fitted(X, y, w, search.best_params_["network__alpha"])
    assert best.validation_scores_ == alone.validation_scores_
    assert_same_parameters(best, alone)


@each_task
def test_without_routing_validation_rows_are_passed_by_the_name_of_the_step(task):
    (X, y, _), (X_val, y_val, w_val) = data(task)
    pipe = scaled(network(task)).fit(
        X, y, network__X_val=X_val, network__y_val=y_val, network__sample_weight_val=w_val
    )
    alone = network(task).fit(
        StandardScaler().fit_transform(X), y, X_val=X_val, y_val=y_val, sample_weight_val=w_val
    )
    assert pipe["network"].validation_scores_ == alone.validation_scores_
