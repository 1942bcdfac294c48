"""Cross-fitting: `cv` of the estimators."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold

from sknet._training.train import member_seeds
from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 5))
NUMBERS = np.sin(X[:, 0]) + X[:, 1] + 0.1 * RNG.normal(size=150)
LABELS = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + 0.3 * RNG.normal(size=150), [-0.5, 0.5])]
ALONE = {
    "hidden_layer_sizes": (8,), "feature_scaling": None, "dtype": "float64", "max_iter": 12,
    "tol": 0.0, "n_iter_no_change": np.inf, "batch_size": 20, "random_state": 3,
    "learning_rate_init": 0.01,
}  # fmt: skip
FOLDS = [KFold(3), StratifiedKFold(3, shuffle=True, random_state=0), KFold(4)]


def models(**parameters):
    own = ALONE | parameters
    return {
        "numbers": (MLPBackpropRegressor(target_scaling=False, **own), NUMBERS),
        "classes": (MLPBackpropClassifier(**own), LABELS),
        "two classes": (MLPBackpropClassifier(**own), LABELS == "a"),
    }


each_task = pytest.mark.parametrize("task", ["numbers", "classes", "two classes"])


def predicted(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


@each_task
@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("folds", FOLDS[::2], ids=str)
def test_members_are_the_single_fits_on_the_rows_of_their_folds(task, n_members, folds):
    """And the out-of-fold prediction is that of each fit on the fold that it left out."""
    model, y = models(cv=folds, n_members=n_members)[task]
    model.fit(X, y)
    seeds = member_seeds(3, n_members * folds.n_splits)
    expected = np.zeros(np.shape(model.oof_prediction_))
    for k, (train, test) in enumerate(folds.split(X, y)):
        for own, seed in enumerate(seeds[k * n_members : (k + 1) * n_members]):
            alone = clone(model).set_params(cv=None, n_members=1, random_state=seed)
            alone.fit(X[train], y[train])
            for W, W_alone in zip(model.coefs_, alone.coefs_, strict=True):
                assert_allclose(W[k * n_members + own], W_alone, rtol=1e-6, atol=1e-9)
            expected[test] += predicted(alone, X[test]) / n_members
        assert_array_equal(model.fold_[test], k)
    assert_allclose(model.oof_prediction_, expected, rtol=0, atol=1e-6)


@each_task
def test_the_prediction_is_the_mean_of_all_members(task):
    model, y = models(cv=3, early_stopping=True)[task]
    model.fit(X, y)
    assert model.coefs_[0].shape[0] == 3
    single = []
    for k in range(3):
        one = clone(model).set_params(cv=None)
        vars(one).update(vars(model))
        one.coefs_ = [W[k] for W in model.coefs_]
        one.intercepts_ = [b[k] for b in model.intercepts_]
        single.append(predicted(one, X))
    assert_allclose(predicted(model, X), np.mean(single, axis=0), rtol=1e-9)


@each_task
def test_the_score_is_that_of_the_out_of_fold_predictions(task):
    model, y = models(cv=4, early_stopping=True)[task]
    model.fit(X, y)
    if task == "numbers":
        expected = 1 - ((y - model.oof_prediction_) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    else:
        expected = np.mean(model.classes_[model.oof_prediction_.argmax(axis=1)] == y)
    assert model.oof_score_ == pytest.approx(expected)
    assert 1 <= model.best_iter_ <= model.n_iter_ == len(model.validation_loss_curve_)
    assert model.t_ == model.n_iter_ * len(X)


def test_one_epoch_for_all_members_by_the_mean_loss_out_of_fold():
    model, y = models(cv=3, early_stopping=True, scoring="loss", max_iter=200)["numbers"]
    model.set_params(n_iter_no_change=5, learning_rate_init=0.05).fit(X, y)
    curve = np.array(model.validation_loss_curve_)
    assert model.best_iter_ == curve.argmin() + 1 < len(curve)
    assert curve[model.best_iter_ - 1] == pytest.approx(
        np.mean((y - model.oof_prediction_) ** 2) / 2, rel=1e-6
    )


def test_rows_in_no_test_fold_are_nan_and_rows_in_several_have_the_mean():
    splits = [(np.arange(50, 150), np.arange(50)), (np.arange(60, 150), np.arange(40, 60))]
    model, y = models(cv=splits, early_stopping=True)["numbers"]
    model.fit(X, y)
    assert np.isnan(model.oof_prediction_[60:]).all()
    assert np.isfinite(model.oof_prediction_[:60]).all()
    assert_array_equal(model.fold_, np.repeat([0, 1, -1], [40, 20, 90]))


def test_rows_of_weight_zero_are_in_no_part():
    w = np.ones(150)
    w[::5] = 0
    model, y = models(cv=3, early_stopping=True)["numbers"]
    model.fit(X, y, w)
    assert_array_equal(np.isnan(model.oof_prediction_), w == 0)


def test_groups_stay_together():
    groups = np.arange(150) // 10
    model, y = models(cv=GroupKFold(3), early_stopping=True)["numbers"]
    model.fit(X, y, groups=groups)
    assert all(len(set(model.fold_[groups == g])) == 1 for g in range(15))


def test_the_target_of_a_row_hardly_changes_its_own_prediction():
    """It does change the scale of the target, and the epoch that is kept: both are shared."""
    model = MLPBackpropRegressor(cv=5, early_stopping=True, **ALONE).fit(X, NUMBERS)
    changed = NUMBERS.copy()
    changed[7] += 3.0
    other = clone(model).fit(X, changed)
    same = np.flatnonzero(model.fold_ == model.fold_[7])
    assert np.abs(other.oof_prediction_ - model.oof_prediction_)[same].max() < 0.1


@pytest.mark.parametrize(
    ("parameters", "given", "words"),
    [
        ({"warm_start": True}, {}, "warm_start=True"),
        ({"solver": "lbfgs", "batch_size": 200, "learning_rate_init": 0.001}, {}, "lbfgs"),
        ({}, {"X_val": X, "y_val": NUMBERS}, "X_val"),
    ],
)
def test_what_does_not_go_with_folds_is_an_error(parameters, given, words):
    model, y = models(**({"cv": 3} | parameters))["numbers"]
    with pytest.raises(ValueError, match=f"'cv' parameter .* must be None with .*{words}"):
        model.fit(X, y, **given)


def test_groups_without_folds_are_an_error():
    model, y = models()["numbers"]
    with pytest.raises(ValueError, match="groups are for the splitter cv"):
        model.fit(X, y, groups=y)


def test_a_split_without_test_rows_is_an_error():
    splits = [(np.arange(100), np.arange(100, 150)), (np.arange(100), np.array([], int))]
    model, y = models(cv=splits)["numbers"]
    with pytest.raises(ValueError, match="cv: a split has no rows"):
        model.fit(X, y)


def test_a_chunk_trains_all_members_on_all_rows():
    model, y = models(cv=3, early_stopping=True)["numbers"]
    model.fit(X, y)
    before = [W.copy() for W in model.coefs_]
    model.partial_fit(X, y)
    assert not hasattr(model, "oof_prediction_")
    assert not hasattr(model, "fold_")
    assert [W.shape for W in model.coefs_] == [W.shape for W in before]
    assert all(
        (W[k] != V[k]).any() for W, V in zip(model.coefs_, before, strict=True) for k in range(3)
    )


def test_random_splits_are_splits_too():
    model, y = models(cv=ShuffleSplit(2, test_size=0.2, random_state=0), early_stopping=True)[
        "classes"
    ]
    model.fit(X, y)
    assert np.isfinite(model.oof_prediction_[model.fold_ >= 0]).all()
