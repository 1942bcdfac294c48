"""One model used by a forked process, or mapped from a file."""

import multiprocessing

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from tests.marks import each_format, ignore_convergence
from tests.networks import parameters
from tests.sharing.common import data, each_size, each_task, network, outputs

pytestmark = ignore_convergence


def parameter_bytes(model):
    return [a.tobytes() for a in parameters(model)]


# --- processes --------------------------------------------------------------------------------


def send_outputs(connection, model, X):
    connection.send(outputs(model, X))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@each_task
@each_size
def test_a_forked_process_predicts_the_same(task, n_members):
    X, y = data(task)
    model = network(task, n_members=n_members).fit(X, y)
    many = np.random.default_rng(0).normal(size=(50_000, X.shape[1]))
    context = multiprocessing.get_context("fork")
    for rows in (X, many):
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=send_outputs, args=(there, model, rows))
        child.start()
        try:
            assert here.poll(60), "no answer: the forked process hangs"
            assert here.recv() == outputs(model, rows)
        finally:
            child.join(1)
            child.kill()
            child.join()


# --- files ------------------------------------------------------------------------------------


def mapped(tmp_path, name, value):
    """Save a value by joblib; return it memory-mapped, read-only, and the path."""
    path = tmp_path / name
    joblib.dump(value, path)
    return joblib.load(path, mmap_mode="r"), path


@each_task
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@each_format
def test_read_only_memory_maps_give_the_same_model_as_arrays(tmp_path, task, solver, as_matrix):
    X, y = data(task)
    X, w = as_matrix(X), np.random.default_rng(0).random(len(y))
    (X_map, y_map, w_map), path = mapped(tmp_path, "data", (X, y, w))
    assert isinstance(y_map, np.memmap)
    assert not y_map.flags.writeable
    before = path.read_bytes()
    for params in ({}, {"early_stopping": True}, {"batch_size": 10**6, "dtype": "float64"}):
        if solver == "lbfgs" and "batch_size" in params:
            del params["batch_size"]
        net = network(task, solver=solver, max_iter=3, **params)
        model = clone(net).fit(X_map, y_map, w_map, X_val=X_map, y_val=y_map)
        assert parameter_bytes(model) == parameter_bytes(net.fit(X, y, w, X_val=X, y_val=y))
        assert outputs(model, X_map) == outputs(net, X)
        if solver != "lbfgs":
            model.partial_fit(X_map, y_map, sample_weight=w_map)
            net.partial_fit(X, y, sample_weight=w)
            assert parameter_bytes(model) == parameter_bytes(net)
    assert path.read_bytes() == before


@each_task
@each_size
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"solver": "sgd"}], ids=str)
@pytest.mark.parametrize("way", ["predict", "partial_fit", "warm_start"])
def test_a_memory_mapped_model_predicts_and_trains_and_leaves_its_file(
    tmp_path, task, n_members, params, way
):
    X, y = data(task)
    params = {**params, "n_members": n_members, "warm_start": way == "warm_start"}
    model = network(task, **params).fit(X, y)
    loaded, path = mapped(tmp_path, "model", model)
    assert not loaded.coefs_[0].flags.writeable
    before = path.read_bytes()
    if way != "predict":
        for each in (model, loaded):
            getattr(each, "fit" if way == "warm_start" else way)(X, y)
    assert outputs(loaded, X) == outputs(model, X)
    assert parameter_bytes(loaded) == parameter_bytes(model)
    assert path.read_bytes() == before
