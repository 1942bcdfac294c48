"""The estimators inside scikit-learn's tools, on real data."""

import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    train_test_split,
)
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence


def breast_cancer():
    return load_breast_cancer(return_X_y=True)


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:900], y[:900]


def diabetes():
    return load_diabetes(return_X_y=True)


def classifier(**params):
    return MLPBackpropClassifier(
        **{"hidden_layer_sizes": (20,), "learning_rate_init": 0.01, "max_iter": 30}
        | {"random_state": 0, **params}
    )


def regressor(**params):
    return MLPBackpropRegressor(
        (10,), **{"solver": "lbfgs", "alpha": 0.05, "max_iter": 50, "random_state": 0} | params
    )


def scaled(estimator):
    """Scale the columns and, in regression, the target."""
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", estimator)])
    if isinstance(estimator, MLPBackpropClassifier):
        return pipeline
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler())


# Floors that a linear model reaches; the constant prediction scores 0.63, 0.1 and 0.
@pytest.mark.parametrize(
    ("estimator", "data", "floor"),
    [
        (classifier(), breast_cancer, 0.95),
        (classifier(solver="lbfgs", alpha=0.01, learning_rate_init=0.001), breast_cancer, 0.95),
        (classifier(n_members=3), breast_cancer, 0.95),
        (classifier(solver="sgd", learning_rate_init=0.05), breast_cancer, 0.95),
        (classifier(early_stopping=True, max_iter=50), digits, 0.9),
        (classifier(solver="adamw", batch_size=50), digits, 0.9),
        (classifier(solver="rmsprop", batch_size=50, activation="gelu"), digits, 0.9),
        (classifier(batch_size=50, loss="squared_error"), digits, 0.9),
        (regressor(), diabetes, 0.4),
        (regressor(n_members=3), diabetes, 0.4),
        (regressor(solver="adam", learning_rate_init=0.01, max_iter=30, alpha=0.0), diabetes, 0.4),
    ],
    ids=lambda value: value.__name__ if callable(value) else " ".join(str(value).split()),
)
def test_cross_validated_scores_on_real_data_are_above_a_floor(estimator, data, floor):
    X, y = data()
    scores = cross_val_score(scaled(estimator), X, y, cv=KFold(3, shuffle=True, random_state=0))
    assert scores.mean() > floor


@pytest.mark.filterwarnings("ignore:alpha=1000 is large")
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_grid_search_over_a_pipeline_in_two_processes_finds_the_better_candidate(task):
    if task == "classification":
        (X, y), model, prefix, floor = breast_cancer(), scaled(classifier()), "mlp__", 0.95
    else:
        (X, y), model, prefix, floor = diabetes(), scaled(regressor()), "regressor__mlp__", 0.4
    grid = {
        f"{prefix}hidden_layer_sizes": [(5,), (20, 5)],
        f"{prefix}alpha": [0.01, 1000.0],
    }
    search = GridSearchCV(model, grid, cv=3, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ > floor
    assert search.best_params_[f"{prefix}alpha"] == 0.01
    alone = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert_array_equal(search.predict(X), alone.predict(X))


def test_a_search_may_vary_solver_activation_members_and_early_stopping():
    X, y = breast_cancer()
    grid = [
        {"mlp__early_stopping": [True, False], "mlp__batch_size": [20, 50]},
        {"mlp__activation": ["tanh", "selu"], "mlp__n_members": [1, 2]},
        {"mlp__solver": ["lbfgs"], "mlp__learning_rate_init": [0.001], "mlp__alpha": [1e-3, 0.05]},
    ]
    search = GridSearchCV(scaled(classifier()), grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 10
    assert search.cv_results_["mean_test_score"].min() > 0.9


@pytest.mark.parametrize(("estimator", "data"), [(classifier(), digits), (regressor(), diabetes)])
def test_a_pipeline_is_cloned_and_pickled_to_the_same_predictions(estimator, data):
    X, y = data()
    model = scaled(estimator).fit(X, y)
    again = clone(model).fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_sample_weights_are_routed_through_a_pipeline_and_a_search():
    X, y = breast_cancer()
    w = np.where(y == 0, 10.0, 0.1)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = make_pipeline(scaler, classifier().set_fit_request(sample_weight=True))
        accuracy = get_scorer("accuracy").set_score_request(sample_weight=True)
        grid = {"mlpbackpropclassifier__max_iter": [5]}
        search = GridSearchCV(model, grid, scoring=accuracy, cv=3, error_score="raise")
        search.fit(X, y, sample_weight=w)
    X_scaled = StandardScaler().fit_transform(X)
    by_hand = classifier(max_iter=5).fit(X_scaled, y, sample_weight=w)
    unweighted = classifier(max_iter=5).fit(X_scaled, y)
    assert_array_equal(search.predict_proba(X), by_hand.predict_proba(X_scaled))
    assert (search.predict(X) == 0).mean() > (unweighted.predict(X_scaled) == 0).mean() + 0.05


def test_probabilities_are_calibrated_from_the_decision():
    X, y = breast_cancer()
    model = CalibratedClassifierCV(scaled(classifier()), cv=3, method="sigmoid", ensemble=False)
    P = model.fit(X, y).predict_proba(X)
    assert get_scorer("roc_auc")(model, X, y) > 0.98
    # Platt's sigmoid of the decision, which is what a cross-validated fit of all rows gives
    decision = scaled(classifier()).fit(X, y).decision_function(X)
    (calibrator,) = model.calibrated_classifiers_[0].calibrators
    assert_allclose(P[:, 1], calibrator.predict(decision), rtol=1e-6)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict"])
def test_stacking_takes_each_kind_of_prediction(method):
    X, y = breast_cancer()
    members = [("mlp", classifier()), ("linear", LogisticRegression())]
    model = StackingClassifier(members, stack_method=method, cv=3)
    assert cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=2).mean() > 0.93


def test_bagging_and_voting_take_the_networks():
    X, y = digits()
    bag = BaggingClassifier(classifier(batch_size=50), n_estimators=3, max_samples=0.7)
    bag.set_params(random_state=0)
    model = make_pipeline(StandardScaler(), bag)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert model.fit(X_train, y_train).score(X_test, y_test) > 0.9
    X, y = diabetes()
    vote = VotingRegressor([("mlp", scaled(regressor())), ("ridge", Ridge())])
    assert cross_val_score(vote, X, y, cv=3).mean() > 0.4


def test_a_chain_of_classifiers_takes_one():
    X, y = digits()
    Y = np.stack([y % 2, y > 4], axis=1)
    chain = make_pipeline(StandardScaler(), ClassifierChain(classifier(batch_size=50), cv=2))
    X_train, X_test, Y_train, Y_test = train_test_split(X, Y, random_state=0)
    assert (chain.fit(X_train, Y_train).predict(X_test) == Y_test).mean() > 0.85


def test_cross_validated_probabilities_score_by_every_scorer_of_probabilities_and_decisions():
    X, y = breast_cancer()
    cv = StratifiedKFold(3)
    P = cross_val_predict(scaled(classifier()), X, y, cv=cv, method="predict_proba")
    assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    model = scaled(classifier()).fit(X, y)
    for name in ("roc_auc", "average_precision", "accuracy", "balanced_accuracy", "f1"):
        assert get_scorer(name)(model, X, y) > 0.95
    assert -0.2 < get_scorer("neg_log_loss")(model, X, y) < 0
    assert -0.05 < get_scorer("neg_brier_score")(model, X, y) < 0


def test_a_learning_curve_is_taken_with_partial_fit():
    X, y = digits()
    X = StandardScaler().fit_transform(X)
    # scaled outside: the first chunk is too small to learn scales from
    sizes, _, scores = learning_curve(
        classifier(feature_scaling=None),
        X,
        y,
        cv=3,
        train_sizes=[0.1, 0.5, 1.0],
        exploit_incremental_learning=True,
    )
    assert len(sizes) == 3
    assert scores[-1].mean() > scores[0].mean()


def test_a_frame_goes_through_a_column_transformer():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    columns = make_column_transformer(
        (StandardScaler(), ["bmi", "bp", "s5", "age"]), ("passthrough", ["sex"])
    )
    columns.set_output(transform="pandas")
    model = make_pipeline(columns, regressor(max_iter=300))
    assert cross_val_score(model, X, y, cv=3).mean() > 0.4
    names = model.fit(X, y)[-1].feature_names_in_
    assert list(names) == [f"standardscaler__{c}" for c in ("bmi", "bp", "s5", "age")] + [
        "passthrough__sex"
    ]


def test_a_selector_before_the_network_changes_its_number_of_columns():
    X, y = breast_cancer()
    model = make_pipeline(StandardScaler(), SelectKBest(k=5), classifier())
    for k in (5, 10):
        model.set_params(selectkbest__k=k).fit(X, y)
        assert model[-1].n_features_in_ == k
        assert model.score(X, y) > 0.9
