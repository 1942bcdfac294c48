"""A stream that fits into its buffer is `fit`; so is any other where nothing is drawn."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._training import auto, stream
from tests.marks import ignore_convergence
from tests.streaming.common import (
    MIXED,
    NUMBERS,
    SEVERAL,
    THREE,
    TWO,
    WEIGHTS,
    N,
    Y,
    assert_same_fit,
    factory,
    parameters,
)

pytestmark = ignore_convergence
TASKS = {
    "number": (MLPBackpropRegressor, NUMBERS, Y),
    "two numbers": (MLPBackpropRegressor, NUMBERS, np.stack([Y, Y**2], axis=1)),
    "mixed, number": (MLPBackpropRegressor, MIXED, Y),
    "two classes": (MLPBackpropClassifier, NUMBERS, TWO),
    "mixed, text labels": (MLPBackpropClassifier, MIXED, THREE),
    "several labels": (MLPBackpropClassifier, NUMBERS, SEVERAL),
}
PARAMS = {
    "default": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "adam": {"solver": "adam", "dropout": 0.1},
    "rmsprop": {"solver": "rmsprop", "averaging": 3.0},
    "lbfgs": {"solver": "lbfgs"},
    "members": {"n_members": 3},
    "robust": {"feature_scaling": "robust", "numeric_embedding": "ple"},
    "no scaling": {"feature_scaling": None, "learning_rate": "cosine"},
}
each_task = pytest.mark.parametrize("task", TASKS)
each_weight = pytest.mark.parametrize("w", [None, WEIGHTS], ids=["", "weights"])
each_params = pytest.mark.parametrize("params", PARAMS.values(), ids=PARAMS)


def fits(task, w, buffer_rows, **params):
    cls, X, y = TASKS[task]
    params = {"hidden_layer_sizes": (12, 8), "max_iter": 4, "random_state": 0, **params}
    return (
        cls(**params).fit_batches(factory(X, y, w), buffer_rows=buffer_rows),
        cls(**params).fit(X, y, w),
    )


@each_task
@each_weight
@each_params
def test_a_buffer_of_all_rows_is_fit_in_every_bit(task, w, params):
    ours, oracle = fits(task, w, N, **params)
    assert_same_fit(ours, oracle)
    X = TASKS[task][1]
    assert_array_equal(ours.predict(X), oracle.predict(X))


@each_task
def test_the_schedule_of_many_rows_is_that_of_fit(task, monkeypatch):
    monkeypatch.setattr(auto, "MANY_ROWS_TO_SEE", N // 2)
    monkeypatch.setattr(auto, "ROWS_SEEN", 5 * N)
    monkeypatch.setattr(auto, "EPOCHS", (1, 30))
    ours, oracle = fits(task, None, N, max_iter="auto")
    assert_same_fit(ours, oracle)
    assert ours.resolved_params_["learning_rate"] == "cosine"
    assert 4 <= ours.n_iter_ <= 6


IN_ORDER = {"shuffle": False, "early_stopping": False, "dtype": "float64"}


@pytest.fixture(params=[100, 1 << 16], ids=["small chunks", "chunks"])
def chunk_rows(request, monkeypatch):
    monkeypatch.setattr(stream, "CHUNK_ROWS", request.param)


@each_task
@each_weight
@pytest.mark.parametrize("params", [PARAMS[k] for k in PARAMS if k != "lbfgs"], ids=str)
def test_without_shuffling_a_small_buffer_is_fit(task, w, params, chunk_rows):
    """Batches, steps, encoding and averages are those of `fit`; sums are added in another order."""
    ours, oracle = fits(task, w, 1000, **{**IN_ORDER, **params})
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        assert_allclose(own, expected, rtol=1e-7, atol=1e-9)
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-9)
    assert ours.resolved_params_ == oracle.resolved_params_
    assert ours.t_ == oracle.t_


@each_task
@each_weight
def test_lbfgs_by_sums_is_fit(task, w, chunk_rows):
    params = {"solver": "lbfgs", "max_iter": 30, "early_stopping": False, "dtype": "float64"}
    ours, oracle = fits(task, w, 1000, **params)
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        assert_allclose(own, expected, rtol=1e-8, atol=1e-10)
    assert_allclose(ours.loss_curve_, oracle.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 999, N])
def test_the_cuts_of_the_batches_change_no_bit(size):
    X, y, w = MIXED[:1500], THREE[:1500], WEIGHTS[:1500]
    network = MLPBackpropClassifier((8,), max_iter=2, random_state=0)
    one = network.fit_batches(factory(X, y, w, 370), buffer_rows=600)
    kept = [a.copy() for a in parameters(one)]
    for own, expected in zip(
        parameters(network.fit_batches(factory(X, y, w, size), buffer_rows=600)), kept, strict=True
    ):
        assert_array_equal(own, expected)


def test_class_weights_are_those_of_all_rows():
    for class_weight in ("balanced", {"high": 3.0, "low": 0.5}, {"middle": 0.0}):
        ours, oracle = fits(
            "mixed, text labels", WEIGHTS, 1000, **IN_ORDER, class_weight=class_weight
        )
        for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
            assert_allclose(own, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "params",
    [{"loss": "huber"}, {"loss": "quantile", "quantile": (0.1, 0.9)}, {"loss": "absolute_error"}],
    ids=str,
)
def test_robust_losses_scale_the_target_as_fit_does(params):
    ours, oracle = fits("number", None, 1000, **IN_ORDER, **params)
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        assert_allclose(own, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("buffer_rows", [1000, N])
def test_containers_are_read_alike(buffer_rows):
    pa = pytest.importorskip("pyarrow")
    network = MLPBackpropClassifier((8,), max_iter=2, random_state=0)
    results = []
    arrow = pa.Table.from_pandas(MIXED)
    polars = pl.from_arrow(arrow)
    cut = {
        "pandas": lambda rows: MIXED.iloc[rows],
        "polars": lambda rows: polars[rows],
        "arrow": lambda rows: arrow.slice(rows.start, rows.stop - rows.start),
        "record batch": lambda rows: arrow.slice(rows.start, 500).combine_chunks().to_batches()[0],
    }
    for take in cut.values():

        def batches(take=take):
            for start in range(0, N, 500):
                rows = slice(start, start + 500)
                yield take(rows), THREE[rows]

        network.fit_batches(batches, buffer_rows=buffer_rows)
        results.append([a.copy() for a in parameters(network)])
    for other in results[1:]:
        for own, expected in zip(other, results[0], strict=True):
            assert_allclose(own, expected, rtol=1e-6, atol=1e-7)


def test_categories_may_differ_by_batch():
    """Levels that only some batches have, batches of None alone, other categories of the dtype."""
    table = MIXED.assign(group=MIXED["group"].astype(object))
    table.loc[:500, "group"] = None
    table = table.sort_values("many", kind="stable")
    y = Y[table.index]

    def batches():
        for start in range(0, N, 250):
            part = table.iloc[start : start + 250].copy()
            part["many"] = pd.Categorical(part["many"].astype(str))
            yield part, y[start : start + 250]

    params = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0, **IN_ORDER}
    oracle = MLPBackpropRegressor(**params).fit(table, y)
    for buffer_rows in (1000, N):
        ours = MLPBackpropRegressor(**params).fit_batches(batches, buffer_rows=buffer_rows)
        for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
            assert_allclose(own, expected, rtol=1e-7, atol=1e-9)
