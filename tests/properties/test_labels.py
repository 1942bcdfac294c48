"""Names and order of the classes, and copies of a model, change no prediction."""

import copy
import io
import pickle

import joblib
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.optimizers import OPTIMIZERS
from tests.properties.strategies import (
    CLASSIFIER,
    SEED,
    SOLVER_PARAMS,
    examples,
    outputs,
    problems,
    quietly,
    refusal,
)

# --- labels -------------------------------------------------------------------------------------


def blobs(seed, n_classes, n_samples=30):
    """Return rows of `n_classes` overlapping classes, each with at least one row."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    return rng.normal(size=(n_samples, 3)) + y[:, None] * [1.0, -0.5, 0.0], y


NAMES = {
    "numbers": lambda k: np.array([-7, 0, 3, 1000])[:k],
    "fractions": lambda k: np.array([-2.0, 0.0, 3.0, 1e9])[:k],
    "booleans": lambda k: np.array([False, True])[:k],
    "text": lambda k: np.array(["A", "a", "aa", "b"])[:k],
    "objects": lambda k: np.array(["A", "a", "aa", "b"], dtype=object)[:k],
}


@examples(40)
@given(
    seed=SEED,
    n_classes=st.integers(2, 4),
    names=st.sampled_from(list(NAMES)),
    params=SOLVER_PARAMS,
    early=st.booleans(),
)
def test_labels_in_the_same_order_give_the_same_probabilities(
    seed, n_classes, names, params, early
):
    X, y = blobs(seed, 2 if names == "booleans" else n_classes)
    labels = NAMES[names](y.max() + 1)
    params = {**params, "n_members": 1, "early_stopping": early, "random_state": seed % 7}
    plain = quietly(CLASSIFIER((4,), max_iter=3, **params).fit, X, y)
    named = quietly(CLASSIFIER((4,), max_iter=3, **params).fit, X, labels[y])
    assert_array_equal(named.classes_, labels)
    assert_array_equal(named.predict(X), labels[plain.predict(X)])
    assert named.predict_proba(X).tobytes() == plain.predict_proba(X).tobytes()


@examples(40)
@given(
    seed=SEED,
    order=st.integers(2, 4).flatmap(lambda k: st.permutations(range(k))),
    solver=st.sampled_from([name for name, kind in OPTIMIZERS.items() if kind.scale_free]),
    loss=st.sampled_from(CLASSIFIER._losses),
)
def test_a_permutation_of_the_classes_permutes_the_probabilities(seed, order, solver, loss):
    # the output layer starts at zero under these solvers, so that no column is drawn before another
    X, y = blobs(seed, len(order))
    order = np.array(order)
    params = {"solver": solver, "loss": loss, "max_iter": 5, "batch_size": 30, "random_state": 0}
    plain = quietly(CLASSIFIER((4,), **params).fit, X, y).predict_proba(X)
    permuted = quietly(CLASSIFIER((4,), **params).fit, X, order[y]).predict_proba(X)
    assert_allclose(permuted[:, order], plain, rtol=1e-7, atol=1e-10)


# --- copies -------------------------------------------------------------------------------------


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@examples(40)
@given(problem=problems(), params=SOLVER_PARAMS, warm_start=st.booleans())
def test_copies_predict_the_same_bits(problem, params, warm_start):
    cls, X, y, w, X_val, _ = problem
    model = cls((3,), max_iter=2, random_state=0, warm_start=warm_start, **params)
    if refusal(model.fit, X, y, w) or refusal(outputs, model, X_val):
        return
    expected = outputs(model, X_val)
    for copied in (pickle.loads(pickle.dumps(model)), by_joblib(model), copy.deepcopy(model)):
        for name, values in outputs(copied, X_val).items():
            assert values.tobytes() == expected[name].tobytes(), name
