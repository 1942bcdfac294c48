"""``predict_set``: cross-conformal and split-conformal sets against their definitions."""

import pickle
from math import ceil

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sknet._fitted.conformal import shares
from sknet._rules import InvalidParameterError
from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier

pytestmark = ignore_convergence

RNG = np.random.default_rng(0)


def draw(n, rng=RNG):
    X = rng.normal(size=(n, 3))
    logits = np.stack([2 * X[:, 0], X[:, 1], -X[:, 0] + X[:, 2] ** 2 / 2, 0 * X[:, 0]], axis=1)
    labels = (logits + rng.gumbel(size=(n, 4))).argmax(axis=1)
    return X, np.array(["b", "a", "d", "c"])[labels]


X, Y = draw(240)
NEW, _ = draw(60)
TASKS = {"four classes": Y, "two classes": Y == "a"}
each_task = pytest.mark.parametrize("task", TASKS)
each_method = pytest.mark.parametrize("method", ["lac", "aps"])
each_choice = pytest.mark.parametrize("allow_empty", [False, True])


def network(**parameters):
    common = {"max_iter": 15, "learning_rate_init": 0.01, "batch_size": 25, "random_state": 0}
    return MLPBackpropClassifier((8,), **common | parameters)


def probabilities_by_fold(model, X):
    found = []
    for k in range(len(model.coefs_[0])):
        one = clone(model)
        vars(one).update(vars(model))
        one.coefs_ = [W[k] for W in model.coefs_]
        one.intercepts_ = [b[k] for b in model.intercepts_]
        found.append(one.predict_proba(X))
    return np.array(found)


def score(p, label, mean, method, allow_empty):
    """The score of one class of one row, in words of the papers."""
    if not allow_empty and label == mean.argmax():
        return 0.0
    if method == "lac":
        return 1 - p[label]
    u = shares(mean[None])[0]
    larger = sum(q for other, q in enumerate(p) if q > p[label])
    return larger + u * p[label]


def sets_by_definition(P, mean, held_P, codes, fold, level, method, allow_empty):
    """A class is in the set if fewer than level (n + 1) rows have a lower score."""
    held = np.array([
        score(p, code, p, method, allow_empty) for p, code in zip(held_P, codes, strict=True)
    ])  # fmt: skip
    n_new, n_classes = mean.shape
    sets = np.zeros((n_new, n_classes), bool)
    for i in range(n_new):
        for label in range(n_classes):
            own = np.array([score(p, label, mean[i], method, allow_empty) for p in P[:, i]])
            sets[i, label] = (held < own[fold] - 1e-6).sum() < level * (len(held) + 1) - 1e-9
    return sets


@each_task
@each_method
@each_choice
def test_folds_give_cross_conformal_sets(task, method, allow_empty):
    y = TASKS[task]
    model = network(cv=4).fit(X, y)
    found = model.predict_set(NEW, [0.6, 0.9], method=method, allow_empty=allow_empty)
    assert found.shape == (60, len(model.classes_), 2)
    assert found.dtype == bool
    P, mean = probabilities_by_fold(model, NEW), model.predict_proba(NEW)
    codes = np.searchsorted(model.classes_, y)
    for k, level in enumerate([0.6, 0.9]):
        expected = sets_by_definition(
            P, mean, model.oof_prediction_, codes, model.fold_, level, method, allow_empty
        )
        # shares are hashes of the bits of the mean, which are those of another precision here
        differ = (found[..., k] != expected).mean()
        assert differ <= (0.005 if method == "lac" or not allow_empty else 0.05), (level, differ)


@each_task
@each_choice
def test_validation_rows_give_one_threshold(task, allow_empty):
    """The threshold of Sadinle et al. 2019; a row whose set would be empty gets its first class."""
    y = TASKS[task]
    model = network().fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    codes = np.searchsorted(model.classes_, y[120:])
    P_held = model.predict_proba(X[120:])
    held = 1 - P_held[np.arange(120), codes]
    if not allow_empty:
        held = np.where(P_held.argmax(axis=1) == codes, 0, held)
    P = model.predict_proba(NEW)
    for level in (0.7, 0.95):
        threshold = np.sort(held)[ceil(level * 121 - 1e-9) - 1]
        expected = 1 - P <= threshold + 1e-6
        if not allow_empty:
            expected[np.arange(60), P.argmax(axis=1)] = True
        assert_array_equal(model.predict_set(NEW, level, allow_empty=allow_empty), expected)


@each_method
def test_sets_are_not_empty_unless_asked(method):
    model = network(cv=4, max_iter=60).fit(X, Y)
    sets = model.predict_set(NEW, [0.01, 0.3, 0.9], method=method)
    assert sets.any(axis=1).all()
    first = model.predict_proba(NEW).argmax(axis=1)
    assert sets[np.arange(60), first].all()
    assert not model.predict_set(NEW, 0.1, method=method, allow_empty=True).any(axis=1).all()
    assert (sets[..., 0].sum(axis=1) == 1).all()


@each_method
def test_a_higher_level_never_takes_a_class_away(method):
    model = network(cv=3).fit(X, Y)
    sets = model.predict_set(NEW, [0.5, 0.8, 0.95], method=method)
    assert (sets[..., :-1] <= sets[..., 1:]).all()
    assert_array_equal(sets[..., 1], model.predict_set(NEW, 0.8, method=method))


@each_method
@pytest.mark.parametrize("parameters", [{"cv": 5}, {"early_stopping": True}])
def test_coverage(method, parameters):
    rng = np.random.default_rng(1)
    (X, y), (X_new, y_new) = draw(1500, rng), draw(5000, rng)
    model = network(max_iter=40, **parameters).fit(X, y)
    codes = np.searchsorted(model.classes_, y_new)
    atol = 0.03 if "cv" in parameters else 0.06
    assert model.score(X_new, y_new) < 0.75
    for allow_empty in (False, True):
        sets = model.predict_set(X_new, [0.8, 0.9], method=method, allow_empty=allow_empty)
        covered = sets[np.arange(5000), codes].mean(axis=0)
        assert_allclose(covered, [0.8, 0.9], atol=atol)


def test_adaptive_sets_cover_hard_rows_more_evenly():
    """With the probabilities known, the threshold covers rows of many likely classes less."""
    rng = np.random.default_rng(2)
    X, y = draw(2000, rng)
    X_new, y_new = draw(5000, rng)
    model = network(cv=5, max_iter=40).fit(X, y)
    codes, top = np.searchsorted(model.classes_, y_new), model.predict_proba(X_new).max(axis=1)
    hard = top < np.quantile(top, 0.2)
    covered = {
        method: model.predict_set(X_new, 0.8, method=method, allow_empty=True)[
            np.arange(5000), codes
        ]
        for method in ("lac", "aps")
    }
    gap = {k: abs(own[hard].mean() - own[~hard].mean()) for k, own in covered.items()}
    assert gap["aps"] < gap["lac"] / 2


def test_weights_of_held_out_rows():
    """Rows of weight 2 count twice; class_weight multiplies them."""
    w = RNG.integers(1, 4, 120)
    fit = {"X_val": X[120:], "y_val": Y[120:]}
    model = network().fit(X[:120], Y[:120], **fit, sample_weight_val=w)
    codes = np.searchsorted(model.classes_, Y[120:])
    held = 1 - model.predict_proba(X[120:])[np.arange(120), codes]
    threshold = np.sort(np.repeat(held, w))[ceil(0.8 * w.sum() * 121 / 120) - 1]
    expected = 1 - model.predict_proba(NEW) <= threshold + 1e-6
    assert_array_equal(model.predict_set(NEW, 0.8, allow_empty=True), expected)

    model = network(class_weight={"a": 3.0}).fit(X[:120], Y[:120], **fit)
    codes = np.searchsorted(model.classes_, Y[120:])
    w = np.where(Y[120:] == "a", 3, 1)
    held = 1 - model.predict_proba(X[120:])[np.arange(120), codes]
    threshold = np.sort(np.repeat(held, w))[ceil(0.8 * w.sum() * 121 / 120) - 1]
    expected = 1 - model.predict_proba(NEW) <= threshold + 1e-6
    assert_array_equal(model.predict_set(NEW, 0.8, allow_empty=True), expected)


def test_shares_are_spread_evenly_and_belong_to_the_row():
    P = np.random.default_rng(0).dirichlet(np.ones(3), 20_000)
    u = shares(P)
    assert ((u >= 0) & (u < 1)).all()
    assert np.abs(np.sort(u) - np.arange(20_000) / 20_000).max() < 1.63 / np.sqrt(20_000)
    assert abs(np.corrcoef(u, P[:, 0])[0, 1]) < 0.03
    assert_array_equal(shares(P[[5, 3]]), u[[5, 3]])


@each_method
def test_sets_depend_on_the_fit_alone(method):
    model = network(cv=3).fit(X, Y)
    expected = model.predict_set(NEW, 0.8, method=method)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_set(NEW, 0.8, method=method), expected)
    assert_array_equal(model.predict_set(NEW[7:30], 0.8, method=method), expected[7:30])
    assert_array_equal(model.predict_set(pd.DataFrame(NEW), 0.8, method=method), expected)


def test_single_class():
    model = network(cv=3).fit(X, np.full(240, "a"))
    assert_array_equal(model.predict_set(NEW), np.ones((60, 1), bool))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("confidence_level", 1.0, r"a float in the range \(0, 1\)"),
        ("confidence_level", [], "a tuple, list or 1-d array"),
        ("method", "raps", "one of 'lac', 'aps'"),
        ("allow_empty", "no", "a bool"),
    ],
)
def test_arguments_that_are_not_allowed(name, value, words):
    model = network(cv=2).fit(X, Y)
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of predict_set.*{words}"):
        model.predict_set(NEW, **{name: value})


def test_fits_that_have_no_sets():
    with pytest.raises(NotFittedError):
        network().predict_set(NEW)
    with pytest.raises(ValueError, match=r"predict_set needs rows.*cv=5"):
        network().fit(X, Y).predict_set(NEW)
    few = network().fit(X, Y, X_val=X[:18], y_val=Y[:18])
    with pytest.raises(ValueError, match="at least 19 held-out rows, but this fit has 18"):
        few.predict_set(NEW, 0.95)
    labels = np.stack([Y == "a", X[:, 0] > 0], axis=1).astype(int)
    with pytest.raises(ValueError, match="label indicators"):
        network(cv=2).fit(X, labels).predict_set(NEW)
