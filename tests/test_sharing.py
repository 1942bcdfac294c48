"""One model in many hands: threads, processes, files, read-only memory; and how large it is."""

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import joblib
import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.preprocessing import scale
from sklearn.utils import estimator_html_repr
from threadpoolctl import ThreadpoolController, threadpool_limits

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet import _threads as threads

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = {"classifier": MLPBackpropClassifier, "regressor": MLPBackpropRegressor}
METHODS = "predict", "predict_proba", "transform", "decision_function"
BLAS = ThreadpoolController().select(user_api="blas")

each_task = pytest.mark.parametrize("task", ESTIMATORS)
each_size = pytest.mark.parametrize("n_members", [1, 3])


def data(task):
    X, y = (load_wine if task == "classifier" else load_diabetes)(return_X_y=True)
    return scale(X)[:120], y[:120]


def network(task, hidden=(20,), **params):
    defaults = {"max_iter": 10, "random_state": 0}
    if params.get("solver") != "lbfgs":
        defaults["learning_rate_init"] = 0.01
    return ESTIMATORS[task](hidden, **defaults | params)


def blas_counts():
    return [library.num_threads for library in BLAS.lib_controllers]


def methods(model):
    return [name for name in METHODS if hasattr(model, name)]


def outputs(model, X):
    """Return the bytes of all that a model predicts."""
    return {name: getattr(model, name)(X).tobytes() for name in methods(model)}


def parameters(model):
    return [a.tobytes() for a in (*model.coefs_, *model.intercepts_)]


# --- threads ------------------------------------------------------------------------------------


@each_task
@each_size
def test_threads_that_share_a_model_predict_what_one_does(task, n_members):
    X, y = data(task)
    model = network(task, n_members=n_members).fit(X, y)
    names = methods(model)
    pieces = [X[i : i + 1 + i % 40] for i in range(50)]
    expected = [{name: getattr(model, name)(piece) for name in names} for piece in pieces]

    def wrong(k):
        jobs = [(names[(i + k) % len(names)], (i + 7 * k) % len(pieces)) for i in range(200)]
        return [
            job
            for job in jobs
            if getattr(model, job[0])(pieces[job[1]]).tobytes()
            != expected[job[1]][job[0]].tobytes()
        ]

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(wrong, range(8)))


@each_task
@each_size
def test_threads_whose_predictions_take_threads_themselves_predict_what_one_does(task, n_members):
    X, y = data(task)
    model = network(task, n_members=n_members).fit(X, y)
    many = np.random.default_rng(0).normal(size=(50_000, X.shape[1]))
    with threadpool_limits(limits=1, user_api="blas"):
        expected = outputs(model, many)
    before = blas_counts()
    names = methods(model) * 3
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: getattr(model, name)(many).tobytes(), names))
    assert found == [expected[name] for name in names]
    assert blas_counts() == before


@each_task
@pytest.mark.parametrize(
    ("solver", "hidden", "max_iter", "rtol"),
    [
        *[(solver, (20,), 10, 0.0) for solver in ("adam", "sgd", "lbfgs")],
        # The threads of BLAS belong to the process: another fit that begins or ends changes into
        # how many parts a larger product is divided, and so how it is rounded.
        *[(solver, (100, 100), 3, 1e-7) for solver in ("adam", "lbfgs")],  # hold BLAS at one thread
        ("adam", (400, 400), 2, 1e-7),  # takes threads itself
    ],
)
def test_fits_at_once_give_what_they_give_alone(task, solver, hidden, max_iter, rtol):
    X, y = data(task)
    seeds = range(4)

    def fitted(seed):
        net = network(task, hidden, solver=solver, random_state=seed, max_iter=max_iter)
        net.set_params(dtype="float64").fit(X, y)
        return np.concatenate([a.ravel() for a in (*net.coefs_, *net.intercepts_)])

    before = blas_counts()
    alone = [fitted(seed) for seed in seeds]
    with ThreadPoolExecutor(2) as pool:
        for at_once, expected in zip(pool.map(fitted, seeds), alone, strict=True):
            assert_allclose(at_once, expected, rtol=rtol, atol=rtol)
    assert blas_counts() == before


@pytest.mark.skipif(joblib.cpu_count() < 2, reason="one processor: nothing to limit")
def test_limits_of_threads_that_come_and_go_together_leave_nothing_behind(monkeypatch):
    def slowly(look=threads.free_threads):
        count = look()
        sleep(0.005)  # somebody else may look meanwhile
        return count

    def come_and_go(seconds):
        sleep(seconds)
        with threads.blas_threads(threads.SMALL_PRODUCT):
            sleep(0.01)

    monkeypatch.setattr(threads, "free_threads", slowly)
    before = blas_counts()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, [0.0, 0.001, 0.003, 0.006] * 5))
    assert blas_counts() == before


# --- processes ----------------------------------------------------------------------------------


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


# --- files --------------------------------------------------------------------------------------


def mapped(tmp_path, name, value):
    """Return what joblib maps read-only from a file, and the file."""
    path = tmp_path / name
    joblib.dump(value, path)
    return joblib.load(path, mmap_mode="r"), path


@each_task
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])
def test_read_only_maps_of_files_are_as_good_as_arrays(tmp_path, task, solver, as_matrix):
    X, y = data(task)
    X, w = as_matrix(X), np.random.default_rng(0).random(len(y))
    (X_map, y_map, w_map), path = mapped(tmp_path, "data", (X, y, w))
    assert isinstance(y_map, np.memmap)
    assert not y_map.flags.writeable
    before = path.read_bytes()
    for params in ({}, {"early_stopping": True}, {"batch_size": 10**6, "dtype": "float64"}):
        if solver == "lbfgs" and "batch_size" in params:
            del params["batch_size"]
        net = network(task, solver=solver, **params)
        model = clone(net).fit(X_map, y_map, w_map, X_val=X_map, y_val=y_map)
        assert parameters(model) == parameters(net.fit(X, y, w, X_val=X, y_val=y))
        assert outputs(model, X_map) == outputs(net, X)
        if solver != "lbfgs":
            model.partial_fit(X_map, y_map, sample_weight=w_map)
            net.partial_fit(X, y, sample_weight=w)
            assert parameters(model) == parameters(net)
    assert path.read_bytes() == before


@each_task
@each_size
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"solver": "sgd"}], ids=str)
@pytest.mark.parametrize("way", ["predict", "partial_fit", "warm_start"])
def test_a_model_mapped_from_a_file_goes_on_and_leaves_the_file(
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
    assert parameters(loaded) == parameters(model)
    assert path.read_bytes() == before


# --- size ---------------------------------------------------------------------------------------

KIB = 1024
KEPT_STATE = {"adam": 3, "sgd": 2}  # parameters and the arrays of the solver, times their size


def wide(task, n_samples=300, n_features=100):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    z = X[:, 0] + rng.normal(size=n_samples)
    return X, (np.digitize(z, [-0.5, 0.5]) if task == "classifier" else z)


def n_bytes(model):
    return sum(a.nbytes for a in (*model.coefs_, *model.intercepts_))


@each_task
@each_size
@pytest.mark.parametrize("validated", [None, "early_stopping", "X_val"])
def test_a_pickle_holds_the_parameters_and_little_else(task, n_members, validated):
    X, y = wide(task, n_samples=80)
    held = {"X_val": X[:30], "y_val": y[:30]} if validated == "X_val" else {}
    forever = {"max_iter": 1000, "tol": 0, "n_iter_no_change": np.inf, "batch_size": 50}
    model = network(task, n_members=n_members, **forever)
    model.set_params(early_stopping=validated == "early_stopping").fit(X, y, **held)
    dumped, size = pickle.dumps(model), n_bytes(model)
    beside = len(dumped) - size
    print(
        f"{task}, {n_members} members, {validated}: {size / KIB:.1f} KiB of parameters,"
        f" {model.n_iter_} epochs, {beside / KIB:.1f} KiB beside them"
    )
    assert model.n_iter_ == 1000
    assert beside <= 64 * KIB
    assert not has_rows(dumped, X)
    assert y.astype(np.float64)[:8].tobytes() not in dumped


def has_rows(dumped, X):
    """Whether a row of X, or half of one, is in the bytes."""
    halves = [half for row in X for half in np.split(row, 2)]
    return any(half.astype(t).tobytes() in dumped for half in halves for t in "fd")


@each_task
@pytest.mark.parametrize("solver", KEPT_STATE)
def test_the_state_is_in_the_pickle_where_training_may_go_on(task, solver):
    X, y = wide(task)

    def sizes(model):
        return len(pickle.dumps(model)), n_bytes(model)

    net = network(task, (200,), solver=solver)
    plain, size = sizes(clone(net).fit(X, y))
    for model in (clone(net).set_params(warm_start=True).fit(X, y), first_call(net, X, y)):
        kept, _ = sizes(model)
        assert not has_rows(pickle.dumps(model), X)
        assert 0.95 * size < kept - plain - (KEPT_STATE[solver] - 2) * size < 1.2 * size
        model.set_params(warm_start=False).fit(X, y)
        assert abs(sizes(model)[0] - plain) < KIB


def first_call(net, X, y):
    classes = {"classes": np.unique(y)} if hasattr(net, "predict_proba") else {}
    return clone(net).partial_fit(X, y, **classes)


@each_task
def test_representations_and_clones_of_a_large_model_hold_no_arrays(task):
    X, y = wide(task)
    model = network(task, (1000, 900), max_iter=1).fit(X, y)
    assert model.n_parameters_ > 1e6 - 1e5
    text, html = repr(model), estimator_html_repr(model)
    assert len(text) < 1000
    assert len(html) < 200_000
    for a in (*model.coefs_, *model.intercepts_):
        for number in map(float, a.ravel()[:20]):
            for written in (repr(number), f"{number:.6g}", f"{number:.8f}"):
                assert len(written) < 6 or (written not in text and written not in html)
    assert vars(clone(model)).keys() <= vars(network(task)).keys()
