"""What cannot be fitted says why; the estimator and the cluster stay as they were."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import create_autospec

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")

import dask
import dask.array as da
import dask.bag
import dask.dataframe as dd
import distributed
import scipy.sparse
from sklearn.exceptions import NotFittedError

from sknet._dask import cluster as cluster_module
from sknet.dask import ClusterError, DaskMLPBackpropClassifier, DaskMLPBackpropRegressor
from tests.dask.common import MIXED, NUMBERS, THREE, WEIGHTS, Y, collections, lazy
from tests.marks import ignore_convergence

pytestmark = ignore_convergence
X, T = NUMBERS[:600], Y[:600]
LABELS = THREE[:600]


def model(cls=DaskMLPBackpropRegressor, **params):
    return cls(**{"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, **params})


def refused(error, words, *data, cls=DaskMLPBackpropRegressor, fit=None, **params):
    """The message of an error, which leaves the estimator as it was."""
    network = model(cls, **params)
    before = dict(vars(network))
    with pytest.raises(error, match=words) as caught:
        network.fit(*data, **(fit or {}))
    assert vars(network) == before
    return str(caught.value)


def frames(X, y, n_parts=4):
    return collections(pd.DataFrame(X).rename(columns=str), y, None, n_parts)[:2]


def frames_of(n_X, n_y):
    return frames(X, T, n_X)[0], frames(X, T, n_y)[1]


def delayed(*parts):
    return [dask.delayed(part) for part in parts]


def test_rows_in_memory_are_refused(client):
    refused(TypeError, "X must be a Dask DataFrame.* got ndarray of numpy.*to_local", X, T)
    refused(TypeError, "y must be .*got Series of pandas", lazy(X), pd.Series(T))
    refused(TypeError, "sample_weight must be .*got ndarray", lazy(X), lazy(T), WEIGHTS[:600])
    refused(TypeError, "y must be .*got NoneType", lazy(X), None)


def test_partitions_must_pair(client):
    refused(ValueError, "X has 6, y has 3", lazy(X, 6), lazy(T, 3))
    refused(ValueError, "X has 6, y has 4", *frames_of(6, 4))
    uneven = da.from_array(T, chunks=(100, 150, 100, 100, 100, 50))
    refused(ValueError, "Partition 1: X has 100 rows, y has 150", lazy(X, 6), uneven, n_shards=2)


def test_advice_for_arrays_of_one_parquet_source_can_be_followed(client, tmp_path):
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=T, **{
        f"more{k}": np.arange(600.0) for k in range(20)
    })  # fmt: skip
    for k in range(12):
        frame[k * 50 : (k + 1) * 50].to_parquet(tmp_path / f"part.{k:02}.parquet")
    source = dd.read_parquet(tmp_path)
    rows, y = source.drop(columns="y"), source["y"]
    words = "X has 12, y has .*pass all of them as frames, not as arrays or Delayed"
    refused(ValueError, words, rows.values, y.values)
    refused(ValueError, words, rows.to_delayed(), y.to_delayed())
    assert model(n_shards=2).fit(rows, y).n_features_in_ == 24
    assert "frames" not in refused(ValueError, "X has 6, y has 4", *frames_of(6, 4))


def test_a_single_delayed_and_a_bag_are_refused_by_name(client):
    one, y = dask.delayed(X), dask.delayed(T)
    refused(TypeError, r"X is a single Delayed: pass a list, \[X\]", one, y)
    refused(TypeError, r"y is a single Delayed: pass a list, \[y\]", [one], y)
    bag = dask.bag.from_sequence(X.tolist(), npartitions=2)
    refused(TypeError, r"X is a Bag of Dask, .*X\.to_dataframe", bag, lazy(T, 2))
    refused(TypeError, "X_val is a Bag", lazy(X), lazy(T), fit={"X_val": bag, "y_val": T})
    own = model(n_shards=1).fit([one], [y])
    assert own.score([one], [y]) == pytest.approx(own.to_local().score(X, T))
    for wrong, words in ((one, "single Delayed"), (bag, "a Bag")):
        with pytest.raises(TypeError, match=words):
            own.predict(wrong)
        with pytest.raises(TypeError, match=words):
            own.score(wrong, lazy(T))


def test_masked_validation_rows_of_a_list_are_refused(client):
    masked = np.ma.masked_greater(X, 1.0)
    fit = {"X_val": delayed(masked[:300], masked[300:]), "y_val": T}
    refused(ValueError, "X has masked entries", lazy(X), lazy(T), fit=fit)


def test_a_column_is_of_one_kind_in_all_partitions(client):
    parts = delayed(
        *(pd.DataFrame({"a": [1.0, 2.0] * 20, "b": own * 20}) for own in ([1, 2], ["u", "v"]))
    )
    y = delayed(*[np.arange(40.0)] * 2)
    for n_shards in (1, 2):
        words = "Column 'b' of X is numbers in partition 0, and a category in partition 1"
        refused(ValueError, words, parts, y, n_shards=n_shards)


@pytest.mark.parametrize("n_shards", [1, 2])
def test_partitions_have_the_same_columns(client, n_shards):
    parts = delayed(*(pd.DataFrame({"a": [1.0, 2.0], name: [1.0, 3.0]}) for name in "bc"))
    y = delayed(*[np.arange(2.0)] * 2)
    refused(ValueError, "Partition 1", parts, y, n_shards=n_shards)
    arrays = delayed(np.ones((3, 2)), np.ones((3, 4)))
    y = delayed(*[np.arange(3.0)] * 2)
    refused(ValueError, "Partition 1", arrays, y, n_shards=n_shards)


@pytest.mark.parametrize("n_shards", [1, 2])
def test_labels_are_of_one_kind(client, n_shards):
    parts, y = delayed(X[:50], X[50:100]), delayed(np.arange(50) % 2, np.array(["a", "b"] * 25))
    words = "Partition 1: y holds text here, and numbers in an earlier partition"
    refused(ValueError, words, parts, y, n_shards=n_shards, cls=DaskMLPBackpropClassifier)


def test_bad_values_name_their_partition(client):
    gaps = T.copy()
    gaps[450] = np.nan
    refused(ValueError, "Partition 4: .*NaN", lazy(X, 6), lazy(gaps, 6))
    infinite = X.copy()
    infinite[250, 1] = np.inf
    refused(ValueError, "infinity", lazy(infinite, 6), lazy(T, 6))
    negative = np.where(np.arange(600) == 150, -1.0, 1.0)
    refused(ValueError, "Partition 1: Negative", lazy(X, 6), lazy(T, 6), lazy(negative, 6))


def test_no_rows(client):
    refused(ValueError, "no rows: all partitions are empty", *frames(X[:0], T[:0], 1))
    empty = delayed(X[:0], X[:0]), delayed(T[:0], T[:0])
    refused(ValueError, "no rows", *empty)
    zero = lazy(np.zeros(600))
    refused(ValueError, "at least one non-zero", lazy(X), lazy(T), zero)


def test_sparse_blocks(client):
    parts = delayed(*[scipy.sparse.csr_array(np.eye(10))] * 2)
    refused(ValueError, r"Partition \d: X is sparse", parts, delayed(*[np.arange(10.0)] * 2))


def test_dimensions(client):
    refused(ValueError, "X is a Series of Dask", *[frames(X, T)[1]] * 2)
    refused(ValueError, "X must have 2 dimensions", lazy(T), lazy(T))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cv": 3}, "cv.*must be None in fit on a cluster"),
        ({"scoring": "r2"}, "scoring.*without X_val"),
        ({"n_shards": 7}, "n_shards.*at most the number of partitions, 6"),
        ({"n_shards": 0}, "n_shards"),
        ({"average_every": 0}, "average_every"),
        ({"average_every": 1.5}, "average_every"),
        ({"client": "tcp://here"}, "client.*a Client of Dask"),
        ({"alpha": -1.0}, "alpha"),
        ({"dropout": 0.1, "solver": "lbfgs"}, "dropout"),
    ],
    ids=str,
)
def test_parameters(client, params, words):
    refused(ValueError, words, lazy(X), lazy(T), **params)


def test_another_executor_is_no_client(client):
    with ThreadPoolExecutor(1) as pool:
        words = "client. parameter .* must be a Client of Dask or None. Got <concurrent"
        refused(ValueError, words, lazy(X), lazy(T), client=pool)


def test_validation_rows_need_targets(client):
    refused(ValueError, "X_val needs y_val", lazy(X), lazy(T), fit={"X_val": X})
    refused(ValueError, "need X_val", lazy(X), lazy(T), fit={"y_val": T})


def test_all_parameters_of_the_local_class_are_there():
    for cls in (DaskMLPBackpropClassifier, DaskMLPBackpropRegressor):
        own, local = cls().get_params(), cls._local().get_params()
        assert {k: v for k, v in own.items() if k in local} == local
        assert own.keys() - local.keys() == {"client", "n_shards", "average_every"}


def test_without_a_client():
    refused(ValueError, "There is no Dask client. Make one", lazy(X), lazy(T))


def test_a_closed_client(cluster):
    with distributed.Client(cluster, set_as_default=False) as own:
        pass
    refused(ClusterError, "client is closed", lazy(X), lazy(T), client=own)


def test_an_asynchronous_client():
    own = create_autospec(distributed.Client, instance=True)
    own.asynchronous = True
    refused(ValueError, "client is asynchronous", lazy(X), lazy(T), client=own)


def test_within_a_task(client):
    def fit():
        return model(client=None).fit(lazy(X), lazy(T))

    future = client.submit(fit, pure=False)
    distributed.wait(future)
    error = future.exception()
    future.cancel()
    assert isinstance(error, ClusterError)
    assert "within a task of a worker" in str(error)


def test_other_versions(client, monkeypatch):
    import sknet

    versions = iter(["0.0.1", sknet.__version__, sknet.__version__])
    monkeypatch.setattr(type(client), "run", lambda self, f: {"tcp://a": next(versions)})
    refused(ClusterError, "Workers have sknet 0.0.1, the client has", lazy(X), lazy(T))


def test_workers_without_the_package(client, monkeypatch):
    def run(self, function):
        raise ModuleNotFoundError("No module named 'sknet'")

    monkeypatch.setattr(type(client), "run", run)
    refused(ClusterError, "cannot import sknet.*Install sknet 0", lazy(X), lazy(T))


def test_training_that_diverges(client):
    params = {"solver": "sgd", "learning_rate_init": 1e12, "target_scaling": False}
    refused(ValueError, "non-finite", lazy(X), lazy(T * 1e6), n_shards=3, **params)


def test_an_error_of_the_users_own_graph(client):
    def broken(block):
        raise TimeoutError("the database is away")

    bad = lazy(X).map_blocks(broken, dtype=float)
    refused(TimeoutError, "the database is away", bad, lazy(T))


def test_several_levels_of_intervals_need_an_array(client):
    own = model(early_stopping=True).fit(*frames(X, T))
    frame = dd.from_pandas(pd.DataFrame(X).rename(columns=str), npartitions=2)
    with pytest.raises(ValueError, match=re.escape("X.to_dask_array()")):
        own.predict_interval(frame, [0.5, 0.8])


WRONG_COLUMNS = {
    "one number more": lambda X: X.assign(z=1.0),
    "one text more": lambda X: X.assign(z="text"),
    "one less": lambda X: X.drop(columns="a"),
    "another name": lambda X: X.rename(columns={"a": "z"}),
    "another order": lambda X: X[X.columns[::-1]],
    "numbers for text": lambda X: X.assign(group=1.0),
}


@pytest.mark.parametrize("name", WRONG_COLUMNS)
def test_columns_of_a_prediction_are_refused_at_the_call_as_by_the_local_estimator(client, name):
    frame = MIXED[:600].assign(group=MIXED["group"][:600].astype(str))
    own = model(DaskMLPBackpropClassifier).fit(*collections(frame, LABELS)[:2])
    wrong = WRONG_COLUMNS[name](frame)
    with pytest.raises(ValueError) as expected:  # noqa: PT011 - it is the oracle
        own.to_local().predict(wrong)
    for method in ("predict", "transform", "predict_proba"):
        with pytest.raises(ValueError, match=re.escape(str(expected.value))):
            getattr(own, method)(lazy(wrong))


def test_arrays_of_a_prediction_are_refused_at_the_call(client):
    own = model().fit(lazy(X), lazy(T))
    for wrong in (X[:, :2], np.hstack([X, X]), np.hstack([X, X]).astype(object)):
        with pytest.raises(ValueError, match="expecting 4 features") as expected:
            own.to_local().predict(wrong)
        with pytest.raises(ValueError, match=re.escape(str(expected.value))):
            own.predict(lazy(wrong))
    with pytest.raises(ValueError, match="X must have 2 dimensions, got 1"):
        own.predict(lazy(T))
    with pytest.raises(ValueError, match=r"X is a Series of Dask: pass a DataFrame, X.to_frame"):
        own.predict(frames(X, T)[1])


@pytest.mark.parametrize("cls", [DaskMLPBackpropClassifier, DaskMLPBackpropRegressor])
def test_an_unfitted_estimator_says_so_at_the_call(client, cls):
    for method in ("predict", "transform", "predict_proba"):
        if hasattr(cls, method):
            for data in (lazy(X), frames(X, T)[0], delayed(X)):
                with pytest.raises(NotFittedError):
                    getattr(model(cls), method)(data)
    with pytest.raises(NotFittedError):
        model(cls).score(lazy(X), lazy(T))


def test_a_search_on_rows_in_memory(client):
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(model(), {"alpha": [0.0, 0.1]}, cv=2, error_score="raise")
    with pytest.raises(TypeError, match="to_local"):
        search.fit(X, T)


def test_categories_need_a_warning_no_less(client):
    """The warnings of a fit reach the client."""
    few = MIXED[["a", "b"]].assign(name=[f"row {k}" for k in range(len(MIXED))])
    with pytest.warns(UserWarning, match="Column 'name' of X is left out"):
        model(n_shards=2).fit(*collections(few, Y))


def test_no_workers(monkeypatch):
    monkeypatch.setattr(cluster_module, "SECONDS_TO_BEGIN", 0.5)
    own = distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0")
    with own, distributed.Client(own) as client:
        own.scale(0)
        while client.nthreads():
            time.sleep(0.05)
        refused(
            ClusterError, r"no workers, .*within 0.5 s\. Start some", lazy(X), lazy(T), n_shards=2
        )
