"""For every small table: weights are repeated rows, and the order of levels does not matter."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tests.mixed import assert_same_fit
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def examples(n):
    """Return the settings of a test with so many examples, always the same ones."""
    return settings(
        max_examples=n,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


LEVELS = list("abcdefghijkl")


@st.composite
def tables(draw):
    """Draw X: a few rows of numbers and categories, any of which may be missing."""
    n = draw(st.integers(1, 10))

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    number = st.integers(-40, 40).map(lambda k: k / 4)
    gap = st.just(np.nan)
    rows = {
        "whole": column(number),
        "gaps": column(gap | number),
        "ties": column(gap | st.sampled_from([0.0, 1.0])),
    }
    for name, levels in [("two", LEVELS[:2]), ("few", LEVELS[:4]), ("many", LEVELS)]:
        rows[name] = pd.Categorical(column(st.none() | st.sampled_from(levels)))
    names = draw(st.lists(st.sampled_from(list(rows)), min_size=1, unique=True))
    # of nothing but missing categories there is nothing to compute with
    return pd.DataFrame({"whole": rows["whole"]} | {name: rows[name] for name in names})


@st.composite
def weighted(draw):
    """Draw X, y, and weights that are small integers, not all 0; labels all have some weight."""
    X = draw(tables())
    y = draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X)))
    w = draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X)).filter(any))
    y, w = np.array(y), np.array(w)
    return X, np.where(w > 0, y, y[w.argmax()]), w


PARAMS = st.fixed_dictionaries(
    {
        "feature_scaling": st.sampled_from(["standard", "robust", None]),
        "max_onehot": st.sampled_from([0, 3, 8]),
        "min_frequency": st.sampled_from([0.0, 0.15, 0.3]),
        "embedding_dim": st.sampled_from(["auto", 2]),
    }
)


def descent(cls, n_rows, params):
    """Full-batch gradient descent."""
    return cls(
        (4,), "tanh", solver="sgd", momentum=0.0, batch_size=n_rows, shuffle=False, max_iter=3,
        dtype="float64", random_state=0, learning_rate_init=0.05, **params,
    )  # fmt: skip


each_class = pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])


@each_class
@examples(100)
@given(problem=weighted(), params=PARAMS)
def test_a_weight_of_k_is_the_row_k_times(cls, problem, params):
    X, y, w = problem
    repeated, y_repeated = X.loc[np.repeat(X.index, w)], np.repeat(y, w)
    ours = descent(cls, len(X), params).fit(X, y, sample_weight=w)
    oracle = descent(cls, len(repeated), params).fit(repeated, y_repeated)
    described, expected = ours.input_encoding_, oracle.input_encoding_
    assert described["levels"].tolist() == expected["levels"].tolist()
    for name in ("centre", "scale", "missing"):
        own, other = (table[name].astype(float) for table in (described, expected))
        assert_allclose(own, other, rtol=1e-9, atol=1e-12)
    assert_same_fit(ours, oracle, tolerance=1e-9)
    assert_allclose(ours.transform(X), oracle.transform(X), rtol=1e-9, atol=1e-9)


@each_class
@examples(40)
@given(problem=weighted(), params=PARAMS, data=st.data())
def test_the_order_of_the_categories_changes_nothing(cls, problem, params, data):
    X, y, w = problem
    other = X.copy()
    for name in X.columns:
        if X[name].dtype == "category":
            levels = [*X[name].cat.categories, "unused"]
            other[name] = pd.Categorical(X[name], data.draw(st.permutations(levels)))
    expected = descent(cls, len(X), params).fit(X, y, sample_weight=w)
    ours = descent(cls, len(X), params).fit(other, y, sample_weight=w)
    assert_same_fit(ours, expected)
    assert_array_equal(ours.predict(X), expected.predict(other))
    assert ours.input_encoding_["levels"].tolist() == expected.input_encoding_["levels"].tolist()


@examples(40)
@given(problem=weighted(), params=PARAMS)
def test_the_order_of_the_rows_and_their_index_change_no_scale(problem, params):
    X, y, w = problem
    expected = descent(MLPBackpropRegressor, len(X), params).fit(X, y, sample_weight=w)
    ours = descent(MLPBackpropRegressor, len(X), params)
    ours.fit(X[::-1].set_axis([7] * len(X)), y[::-1], sample_weight=w[::-1])
    assert_same_fit(ours, expected, tolerance=1e-9)
    assert_allclose(ours.predict(X), expected.predict(X), rtol=1e-9, atol=1e-9)
