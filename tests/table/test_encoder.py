"""The encoder as a whole: scaling by the first layer, threads, memory."""

import tracemalloc
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sknet._engine.team import Team
from tests.plain import MLPBackpropRegressor
from tests.table.numbers import N, Y, fitted, with_gaps

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("hidden", [(), (6,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_layer_scales_as_well_in_predictions(monkeypatch, dtype, hidden, n_members):
    """Where means are not far from 0, predictions need no pass over X to scale it."""
    rows = np.random.default_rng(1).normal([0.5, -30.0, 4e-3], [1.0, 20.0, 2e-3], (200, 3))
    model = MLPBackpropRegressor(
        hidden, activation="tanh", dtype=dtype, n_members=n_members, max_iter=5, random_state=0
    ).fit(rows, rows @ [1.0, 0.1, 300.0])
    rows[7, 1] = np.nan
    centre, scale = (model.input_encoding_[name].to_numpy() for name in ("centre", "scale"))
    by_hand = clone(model).set_params(feature_scaling=None).fit((rows[:6] - centre) / scale, Y[:6])
    by_hand.coefs_, by_hand.intercepts_ = model.coefs_, model.intercepts_
    by_hand._scaling = model._scaling
    scaled = np.nan_to_num((rows - centre) / scale)
    tolerance = {"float32": 2e-5, "float64": 1e-12}[dtype]
    folded = model.predict(rows)
    keep = np.arange(200) != 7
    assert_allclose(folded[keep], by_hand.predict(scaled)[keep], rtol=tolerance, atol=tolerance)
    assert model._encoder.unscaled is not None
    monkeypatch.setattr("sknet._table.number_encodings.FOLD_CENTRE", -1.0)
    monkeypatch.setattr("sknet._attributes._ENCODERS", WeakKeyDictionary())
    assert model._encoder.unscaled is None
    assert_allclose(model.predict(rows), folded, rtol=tolerance, atol=tolerance)


def test_threads_that_share_the_rows_encode_the_same(monkeypatch):
    rows = with_gaps(columns=(1,))
    params = {"dtype": "float32", "feature_scaling": "standard"}
    alone = fitted(rows, **params)
    monkeypatch.setattr("sknet._table.encoder.ELEMENTS_FOR_THREADS", 0)
    monkeypatch.setattr("sknet._table.encoder.ELEMENTS_PER_CHUNK", 50)
    monkeypatch.setattr("sknet._table.encoder.free_threads", lambda: 3)
    seen, call = [], Team.__call__
    monkeypatch.setattr(Team, "__call__", lambda *args: seen.append(args[2]) or call(*args))
    together = fitted(rows, **params)
    assert 3 in seen
    assert_array_equal(together.predict(rows), alone.predict(rows))
    rows[17, 2] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        together.predict(rows)
    rows[17, 2] = 1e300
    with pytest.raises(ValueError, match="Column 2"):
        together.predict(rows)


def test_a_constant_column_stays_without_effect_where_the_first_layer_scales():
    usual = np.random.default_rng(3).normal(size=(N, 2))
    rows, later = np.c_[usual, np.full(N, 7.0)], np.c_[usual, np.linspace(-1e6, 1e6, N)]
    model = fitted(rows)
    assert model._encoder.unscaled is not None
    assert_array_equal(model.predict(later), model.predict(rows))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_large_table_that_needs_no_encoding_is_not_copied(monkeypatch):
    params = {"max_iter": 1, "random_state": 0, "feature_scaling": None, "dtype": "float32"}
    rows = np.random.default_rng(5).normal(size=(40_000, 100)).astype(np.float32)
    y, peaks, models = rows[:, 0], [], []
    for largest in (rows.size, rows.size - 1):
        monkeypatch.setattr("sknet._training.prepare.MAX_COPIED_ELEMENTS", largest)
        tracemalloc.start()
        models.append(MLPBackpropRegressor((8,), **params).fit(rows, y))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] - peaks[1] > 0.8 * rows.nbytes
    assert_allclose(models[0].predict(rows), models[1].predict(rows), atol=1e-4)
