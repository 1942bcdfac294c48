"""Hold-outs, validation rows and scorers of a table."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import train_test_split

from tests.marks import each_estimator, ignore_lbfgs
from tests.mixed import (
    CATEGORICAL,
    TABLE,
    WHOLE,
    N,
    Y,
    array,
    columns,
    frame,
    network,
    polars_frame,
    row_of,
    target,
)

pytestmark = ignore_lbfgs
#: The rows that early stopping keeps and holds out.
KEPT, HELD = train_test_split(np.arange(N), test_size=16, random_state=0)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_the_encoding_is_learned_without_the_hold_out(scaling):
    table = {name: list(values) for name, values in WHOLE.items()}
    for row in HELD:
        table["num"][row] = 1e6
        table["few"][row], table["many"][row] = "only held out", None
    model = network(early_stopping=True, feature_scaling=scaling).fit(frame(table), Y)
    kept = np.array(table["num"])[KEPT]
    oracle = kept.mean() if scaling == "standard" else np.median(kept)
    assert row_of(model, "num")["centre"] == pytest.approx(oracle, rel=1e-9)
    assert row_of(model, "few")["levels"] == ["blue", "green", "red"]
    assert row_of(model, "many")["missing"] == 0
    unheld = network(early_stopping=True, feature_scaling=scaling).fit(frame(WHOLE), Y)
    pd.testing.assert_frame_equal(model.input_encoding_, unheld.input_encoding_)
    model.predict(frame(table))


@pytest.mark.parametrize("container", [frame, polars_frame, array])
@each_estimator
def test_validation_rows_may_be_a_table(cls, container):
    later, y = columns(seed=7), target(cls)
    by_place = {"categorical_features": CATEGORICAL} if container is array else {}
    model = network(cls, **by_place)
    model.fit(container(TABLE), y, X_val=container(later), y_val=y)
    best = model.best_validation_score_
    assert model.score(container(later), y) == pytest.approx(best, rel=1e-6)
    pd.testing.assert_frame_equal(
        model.input_encoding_, network(cls, **by_place).fit(container(TABLE), y).input_encoding_
    )
    with pytest.raises(ValueError, match="missing"):
        network(cls).fit(frame(), y, X_val=frame().drop(columns="many"), y_val=y)


@pytest.mark.parametrize("kind", ["held out", "given", "given with weights"])
def test_a_scorer_is_given_rows_of_the_users_own_frame(kind):
    rows, seen = frame().set_axis([f"row {k}" for k in range(N)]), []

    def scorer(model, X, y, sample_weight=None):
        assert isinstance(X, pd.DataFrame)
        assert (X.dtypes == rows.dtypes).all()
        pd.testing.assert_frame_equal(X, rows.loc[X.index])
        seen.append((X.index.tolist(), y))
        return model.score(X, y)

    given, expected = {"early_stopping": True}, HELD
    if kind == "held out":
        model = network(scoring=scorer, early_stopping=True).fit(rows, Y)
    else:
        w = np.arange(20) % 2 if kind == "given with weights" else None
        given = {"X_val": rows[:20], "y_val": Y[:20], "sample_weight_val": w}
        model = network(scoring=scorer).fit(rows, Y, **given)
        expected = np.arange(20) if w is None else np.flatnonzero(w)
    assert len(seen) >= model.n_iter_
    for index, y in seen:
        assert index == [f"row {k}" for k in expected]
        assert_allclose(y, Y[expected], rtol=1e-12)


def test_a_scorer_is_given_rows_of_the_users_polars_frame():
    polars, seen = pytest.importorskip("polars"), []

    def scorer(model, X, y):
        seen.append(X)
        return model.score(X, y)

    rows = polars_frame(TABLE)
    network(scoring=scorer, early_stopping=True).fit(rows, Y)
    assert isinstance(seen[0], polars.DataFrame)
    assert seen[0].equals(rows[HELD])
