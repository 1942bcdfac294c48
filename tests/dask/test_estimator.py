"""The classes as estimators: clones, pickles, clients, searches, callbacks, documentation."""

import ast
import doctest
import inspect
import pickle
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

pytest.importorskip("distributed", reason="needs the extra dask")

import dask
import distributed

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet.dask import DaskMLPBackpropClassifier, DaskMLPBackpropRegressor
from sknet.model_selection import GridSearchCV
from tests.controls.common import needs_callbacks
from tests.dask.common import MIXED, NUMBERS, TWO, Y, collections, lazy, parameters
from tests.marks import ignore_convergence

pytestmark = ignore_convergence
CLASSES = DaskMLPBackpropClassifier, DaskMLPBackpropRegressor
PARAMS = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


def test_importing_the_package_imports_no_dask():
    code = "import sknet, sys; assert not {'dask', 'distributed'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("cls", CLASSES)
def test_clones_share_the_client_and_pickles_forget_it(client, cls):
    model = cls(client=client, n_shards=3, alpha=0.5)
    other = clone(model)
    assert other.client is client
    assert other.get_params() == model.get_params()
    assert model.get_params()["client"] is client
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.client is None
    assert loaded.get_params() == {**model.get_params(), "client": None}
    y = TWO if cls is DaskMLPBackpropClassifier else Y
    fitted = cls(**PARAMS, client=client, n_shards=2).fit(lazy(NUMBERS), lazy(y))
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.predict(NUMBERS), fitted.predict(NUMBERS))
    assert not hasattr(clone(fitted), "coefs_")


def test_the_local_estimator_needs_no_dask(client):
    model = DaskMLPBackpropClassifier(**PARAMS, n_shards=2, alpha=1e-3).fit(
        lazy(NUMBERS), lazy(TWO)
    )
    local = model.to_local()
    assert type(local) is MLPBackpropClassifier
    expected = {k: v for k, v in model.get_params().items() if k in local.get_params()}
    assert local.get_params() == expected
    code = (
        "import pickle, sys; model = pickle.load(sys.stdin.buffer);"
        "model.predict([[0.0] * 4]); assert 'dask' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(local), check=True)


def test_two_clients_at_once(cluster):
    with (
        distributed.Client(cluster, set_as_default=False) as first,
        distributed.Client(cluster, set_as_default=False) as second,
        ThreadPoolExecutor(3) as pool,
    ):
        X, y = lazy(NUMBERS), lazy(Y)
        own = [(first, 0), (second, 1), (first, 2)]  # the first one in two threads
        models = [
            DaskMLPBackpropRegressor((4,), max_iter=4, n_shards=2, client=c, random_state=seed)
            for c, seed in own
        ]
        together = list(pool.map(lambda model: clone(model).fit(X, y), models))
        for model, fitted in zip(models, together, strict=True):
            alone = model.fit(X, y)
            for a, b in zip(parameters(alone), parameters(fitted), strict=True):
                assert_array_equal(a, b)


def test_a_client_that_is_not_the_default_scores_and_validates(cluster):
    """Rows that are kept on its workers are known to no other client."""
    with distributed.Client(cluster, set_as_default=False) as own:
        X, y, w = own.persist([lazy(NUMBERS), lazy(Y), lazy(np.ones(len(Y)))])
        model = DaskMLPBackpropRegressor(**PARAMS, n_shards=2, client=own)
        model.fit(X, y, X_val=X, y_val=y, sample_weight_val=w)
        assert model.score(X, y, w) == pytest.approx(model.to_local().score(NUMBERS, Y))
        here = {"X_val": NUMBERS, "y_val": Y, "sample_weight_val": np.ones(len(Y))}
        other = clone(model).fit(X, y, **here)
        assert model.validation_scores_ == other.validation_scores_
        parts = [own.persist(dask.delayed(NUMBERS))]
        assert model.score(parts, [dask.delayed(Y)]) == pytest.approx(model.score(NUMBERS, Y))
    with dask.config.set(scheduler="threads"):
        closed = model.score(lazy(NUMBERS), lazy(Y))
    assert closed == pytest.approx(model.score(NUMBERS, Y))


@pytest.mark.parametrize("n_shards", [None, 2])
def test_an_adaptive_cluster_without_workers_starts_some(client, n_shards):
    X, y = lazy(NUMBERS), lazy(Y)
    own = distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, processes=False, dashboard_address=":0"
    )
    with own, distributed.Client(own, set_as_default=False) as other:
        own.adapt(minimum=0, maximum=1)
        assert not other.nthreads()
        model = DaskMLPBackpropRegressor(**PARAMS, client=other, n_shards=n_shards).fit(X, y)
        assert not other.futures
    expected = clone(model).set_params(client=client, n_shards=n_shards or 1).fit(X, y)
    for a, b in zip(parameters(model), parameters(expected), strict=True):
        assert_array_equal(a, b)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_local_estimator_passes_the_checks_of_scikit_learn():
    from sklearn.utils.estimator_checks import check_estimator

    for cls in CLASSES:
        local = cls().to_local()
        failed = check_estimator(local, on_fail=None, on_skip=None)
        assert {own["check_name"] for own in failed if own["status"] == "failed"} == set()


def test_lanes_of_a_search_run_on_the_cluster(client):
    grid = {"alpha": [0.0, 1e-3], "learning_rate_init": [0.01, 0.02]}
    search = GridSearchCV(MLPBackpropRegressor(**PARAMS), grid, cv=2, n_jobs=2)
    expected = clone(search).set_params(n_jobs=1).fit(NUMBERS, Y)
    with joblib.parallel_backend("dask"):
        search.fit(NUMBERS, Y)
    names = ["mean_test_score", "params"]
    assert_array_equal(search.cv_results_[names[0]], expected.cv_results_[names[0]])
    assert search.best_params_ == expected.best_params_


def test_limits_schedules_and_printed_lines(client, capsys):
    X, y = lazy(NUMBERS), lazy(Y)
    own = {**PARAMS, "n_shards": 2, "early_stopping": False}
    model = DaskMLPBackpropRegressor(**{**own, "max_iter": 100_000}, tol=0, max_time=0.5)
    with pytest.warns(UserWarning, match=re.escape("max_time (0.5 s) is over")):
        model.fit(X, y)
    model = DaskMLPBackpropRegressor(**own, learning_rate="cosine", learning_rate_init=0.005)
    rates = model.set_params(verbose=True, averaging=None).fit(X, y).learning_rate_curve_
    assert rates[0] < 0.01  # twice the rate, but the last of the epoch
    assert rates == sorted(rates, reverse=True)
    assert len(re.findall(r"Iteration \d", capsys.readouterr().out)) == 3
    model = DaskMLPBackpropRegressor(**own, learning_rate=lambda progress: 0.003).fit(X, y)
    assert model.learning_rate_curve_ == [0.003] * 3
    model = DaskMLPBackpropRegressor(**own, solver="sgd", learning_rate_init=0.1).fit(X, y)
    assert model.learning_rate_curve_ == [0.2] * 3
    model = DaskMLPBackpropRegressor(**own, solver="adam", learning_rate_init=0.015, warmup=0)
    assert model.fit(X, y).learning_rate_curve_ == [0.02] * 3
    model.set_params(learning_rate_init=0.05).fit(X, y)
    assert model.learning_rate_curve_ == [0.05] * 3


class Counting:
    """Stops training after the second epoch."""

    def __init__(self):
        self.begun, self.seen = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        assert X is None
        if context.task_name != "epoch":
            return False
        self.seen.append(fitted_estimator.predict(NUMBERS))
        return len(self.seen) == 2


@needs_callbacks
def test_callbacks_run_on_the_client(client):
    callback = Counting()
    model = DaskMLPBackpropRegressor(**PARAMS, n_shards=2).set_callbacks(callback)
    model.fit(lazy(NUMBERS), lazy(Y))
    assert model.n_iter_ == 2
    assert callback.begun == ["fit", "epoch", "epoch"]
    assert_array_equal(callback.seen[-1], model.predict(NUMBERS))


@pytest.mark.parametrize("cls", CLASSES)
def test_the_docstring_has_each_parameter_and_an_example(client, cls):
    doc = cls.__doc__
    for name, value in cls().get_params().items():
        entry = re.search(rf"^    {name} : (.*)$", doc, re.M)
        assert entry, name
        assert ast.literal_eval(entry[1].partition("default=")[2]) == value, name
    assert doc.count("Parameters\n") == doc.count("Examples\n") == doc.count("Notes\n") == 1
    assert not re.search(r"\{\w+\}", doc.replace("{'", ""))


def test_examples_of_the_docstrings():
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    found = [test for cls in CLASSES for test in finder.find(cls, globs={}) if test.examples]
    assert len(found) >= 2
    for test in found:
        if test.name.startswith("Dask"):
            runner.run(test)
    assert runner.summarize().failed == 0


@pytest.mark.parametrize("cls", CLASSES)
def test_the_parameters_are_those_of_the_local_class_and_three_more(cls):
    own, local = (dict(inspect.signature(kind).parameters) for kind in (cls, cls._local))
    assert {name: own.pop(name).default for name in ("client", "n_shards", "average_every")} == {
        "client": None, "n_shards": None, "average_every": 100
    }  # fmt: skip
    assert own == local


def test_threads_of_fits_end(client):
    own = collections(MIXED, Y)[:2]
    model = DaskMLPBackpropRegressor(**PARAMS, n_shards=2).fit(*own)
    before = threading.active_count()
    for _ in range(5):
        model.fit(*own)
    assert threading.active_count() <= before + 1
