"""Training on a table that continues keeps what the first call learned of the columns."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from tests.marks import (
    each_estimator,
    each_stochastic_solver,
    ignore_lbfgs,
    unknown_levels,
)
from tests.mixed import MANY, WHOLE, N, Y, assert_same_fit, columns, frame, network, target
from tests.networks import reloaded, soft_prediction

pytestmark = ignore_lbfgs


@pytest.mark.parametrize("through", [lambda model: model, reloaded], ids=["as it is", "pickled"])
@each_stochastic_solver
@each_estimator
def test_a_warm_start_on_a_table_equals_one_fit(cls, solver, through):
    params = {"solver": solver, "n_iter_no_change": np.inf, "dtype": "auto"}
    model = network(cls, warm_start=True, **params).set_params(max_iter=2)
    model = through(model.fit(frame(), target(cls))).set_params(max_iter=3)
    model.fit(frame(), target(cls))
    once = network(cls, **params).set_params(max_iter=5).fit(frame(), target(cls))
    assert_same_fit(model, once)
    assert_array_equal(model.loss_curve_, once.loss_curve_)
    assert_array_equal(soft_prediction(model, frame(WHOLE)), soft_prediction(once, frame(WHOLE)))


@unknown_levels
@pytest.mark.parametrize("how", ["warm_start", "partial_fit"])
def test_continuing_keeps_the_encoding_of_the_first_call(how):
    model, rows = network(warm_start=how == "warm_start"), frame()
    go_on = model.fit if how == "warm_start" else model.partial_fit
    go_on(rows, Y)
    before, embedded = model.input_encoding_, model.embeddings_[0].copy()
    other = columns(seed=5)
    other["num"] = [1000 * v for v in other["num"]]
    other["gap"] = [None] * N
    other["few"], other["many"] = ["violet", None] * (N // 2), ["omega", *MANY[:3]] * (N // 4)
    go_on(frame(other), Y)
    pd.testing.assert_frame_equal(model.input_encoding_, before)
    moved = (model.embeddings_[0] != embedded).any(axis=1)
    places = [sorted(MANY).index(level) + 1 for level in MANY[:3]]
    assert np.flatnonzero(moved).tolist() == sorted([0, *places])  # row 0: the new level


@unknown_levels
@pytest.mark.parametrize("column", ["gap", "few", "many"])
def test_a_level_that_first_occurs_in_a_later_chunk_stays_unknown(column):
    model = network().partial_fit(frame(WHOLE), Y)
    later = (
        frame(WHOLE).astype({column: object}).assign(**{column: 99 if column == "gap" else "new"})
    )
    model.partial_fit(later, Y)
    missing = frame({**WHOLE, column: [None] * N})
    if column == "gap":
        assert not np.array_equal(model.predict(later), model.predict(missing))
    else:
        assert_array_equal(model.predict(later), model.predict(missing))


@pytest.mark.parametrize("rows", [99, 100])
def test_a_first_chunk_of_few_rows_is_warned_about_once(rows, recwarn):
    model = network().partial_fit(frame()[:rows], Y[:rows])
    warned = [str(w.message) for w in recwarn if issubclass(w.category, UserWarning)]
    assert len(warned) == (rows < 100)
    assert all(f"saw {rows} rows" in message for message in warned)
    recwarn.clear()
    model.partial_fit(frame()[rows:], Y[rows:])
    assert not recwarn.list


def test_few_rows_give_a_warning_with_a_category_but_without_scaling():
    model = network(feature_scaling=None)
    with pytest.warns(UserWarning, match="The first call of partial_fit saw 20 rows"):
        model.partial_fit(frame()[["few"]][:20], Y[:20])
    clone(model).partial_fit(frame(WHOLE)[["num"]][:20], Y[:20])
