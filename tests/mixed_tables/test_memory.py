"""Long tables are encoded in chunks, and a model keeps no rows."""

import gc
import io
import pickle
import tracemalloc
import weakref

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from tests.marks import ignore_lbfgs
from tests.mixed import N, Y, frame, network

pytestmark = ignore_lbfgs


def tiled(rows, times):
    return pd.concat([rows] * times, ignore_index=True)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_predictions_for_a_long_frame_equal_those_for_its_parts(extra):
    n = 2 * (1 << 16) + extra
    model = network().fit(frame(), Y)
    rows = tiled(frame(), n // N + 1)[:n]
    expected = np.tile(model.predict(frame()), n // N + 1)[:n]
    assert_allclose(model.predict(rows), expected, rtol=1e-12)
    assert model.transform(rows[["num", "two", "gap", "few", "many", "flag"]]).shape == (n, 8)
    rows.loc[n - 1, "num"] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*column 'num'"):
        model.predict(rows)


@pytest.mark.parametrize("units", [2, 16])
@pytest.mark.parametrize("kind", ["frame", "array"])
def test_predictions_for_many_rows_need_memory_for_one_chunk(kind, units):
    """All one-hot columns at once would take 254 MB."""
    n, levels = 500_000, 127
    codes = np.arange(n) % levels
    rows = pd.DataFrame({"c": pd.Categorical(codes)}) if kind == "frame" else codes[:, None]
    model = network(sizes=(units,), max_onehot=200, categorical_features=[0], dtype="float32")
    model.fit(rows[:1000], codes[:1000])
    assert model.coefs_[0].shape == (levels, units)
    tracemalloc.start()
    try:
        model.predict(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80e6


def sknet_classes(pickled):
    """The names of the classes of sknet whose objects are in a pickle."""
    found = set()

    class Recorder(pickle.Unpickler):
        def find_class(self, module, name):
            found.update({name} if module.startswith("sknet") else ())
            return super().find_class(module, name)

    Recorder(io.BytesIO(pickled)).load()
    return found


def test_a_model_keeps_nothing_of_the_rows_but_the_errors_of_those_held_out():
    sizes, kept = [], []
    for times in (1, 20):
        rows, y = tiled(frame(), times), np.tile(Y, times)
        model = network(max_iter=1, early_stopping=True).fit(rows, y)
        gone = weakref.ref(rows)
        del rows
        gc.collect()
        assert gone() is None
        # "Scaling" is of the target; the encoding of the columns is arrays and lists
        own = {type(model).__name__, "Scaling", "HeldOut"}
        assert sknet_classes(pickle.dumps(model)) <= own
        sizes.append(len(pickle.dumps(model)))
        kept.append(len(y) // 10)
    assert abs(sizes[1] - sizes[0] - 8 * (kept[1] - kept[0])) < 200
    levels = pd.DataFrame({"c": [f"level {k}" for k in range(N)]})
    assert (
        len(pickle.dumps(network(embedding_dim=1, categorical_features=[0]).fit(levels, Y)))
        < 200 * N
    )
