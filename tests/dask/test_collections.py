"""Collections of every kind are read as the rows that they hold; predictions are of their kind."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

pytest.importorskip("distributed", reason="needs the extra dask")

import dask
import dask.array as da
import dask.dataframe as dd

from sknet.dask import DaskMLPBackpropClassifier, DaskMLPBackpropRegressor
from tests.dask.common import (
    MIXED,
    NO_CONVERSION,
    NUMBERS,
    SEVERAL,
    THREE,
    TWO,
    WEIGHTS,
    N,
    Y,
    assert_same_fit,
    collections,
    lazy,
    parameters,
)
from tests.marks import ignore_convergence, unknown_levels

pytestmark = [ignore_convergence, pytest.mark.usefixtures("client")]
PARAMS = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}


def regressor(n_shards=1, **params):
    return DaskMLPBackpropRegressor(**{**PARAMS, **params}, n_shards=n_shards)


def classifier(n_shards=1, **params):
    return DaskMLPBackpropClassifier(**{**PARAMS, **params}, n_shards=n_shards)


def delayed(values, cuts):
    parts = zip([0, *cuts], [*cuts, values.shape[0]], strict=True)
    rows = values.iloc if hasattr(values, "iloc") else values
    return [dask.delayed(rows[start:stop]) for start, stop in parts]


# ------------------------------------------------------------------------------------ what is read


def test_lists_of_delayed_with_empty_parts():
    cuts = [0, 700, 700, 1900, 2999]
    model = classifier().fit(*(delayed(own, cuts) for own in (MIXED, THREE, WEIGHTS)))
    assert_same_fit(model, model.to_local().fit(MIXED, THREE, WEIGHTS))
    several = classifier(n_shards=6).fit(delayed(MIXED, cuts), delayed(THREE, cuts))
    assert several.score(MIXED, THREE) > 0.5


def test_arrays_of_several_blocks_of_columns_and_of_unknown_length():
    X = da.from_array(NUMBERS, chunks=(400, 3))
    expected = regressor().fit(X, da.from_array(Y, chunks=400))
    assert_same_fit(expected, expected.to_local().fit(NUMBERS, Y))
    frame = dd.from_pandas(pd.DataFrame(NUMBERS), npartitions=4, sort=False)
    unknown, y = frame.to_dask_array(), lazy(pd.Series(Y), 4)
    assert np.isnan(unknown.shape[0])
    for target in (y, y.to_dask_array()):  # a mix of array and frame, too
        assert_same_fit(regressor().fit(unknown, target), expected)
    model = regressor().fit(frame, y.to_dask_array(), lazy(pd.Series(WEIGHTS), 4))
    assert_array_equal(model.coefs_[0], regressor().fit(frame, y, lazy(WEIGHTS, 4)).coefs_[0])


def test_a_parquet_file_whose_columns_are_cut_differently(tmp_path):
    """Of one source, X and y can be optimised to different partitions."""
    frame = pd.DataFrame(NUMBERS, columns=list("abcd")).assign(y=Y, **{
        f"more{k}": np.arange(N) * 1.0 for k in range(20)
    })  # fmt: skip
    for k in range(12):
        frame[k * 250 : (k + 1) * 250].to_parquet(tmp_path / f"part.{k:02}.parquet")
    source = dd.read_parquet(tmp_path)
    X, y = source.drop(columns="y"), source["y"]
    model = regressor().fit(X, y)
    assert_same_fit(model, model.to_local().fit(frame.drop(columns="y"), frame["y"]))
    several = regressor(n_shards=3, max_iter=30).fit(X, y)
    assert several.score(X, y) > 0.5


@pytest.mark.parametrize("n_shards", [1, 3])
def test_categories_that_differ_by_partition(n_shards):
    frame = MIXED.assign(many=MIXED["many"].astype(object), group=MIXED["group"].astype(object))
    frame["text"] = np.where(np.arange(N) < 1000, "first", np.where(Y > 0, "up", "down"))
    parts = [frame[:1000].copy(), frame[1000:1900].copy(), frame[1900:].copy()]
    for part in parts:  # each with its own dictionary
        part["many"] = pd.Categorical(part["many"])
    X = [dask.delayed(part) for part in parts]
    y = delayed(THREE, [1000, 1900])
    model = classifier(n_shards).fit(X, y)
    oracle = model.to_local().fit(frame, THREE)
    assert model._encoding["levels"] == oracle._encoding["levels"]
    if n_shards == 1:
        assert_same_fit(model, oracle)


@pytest.mark.parametrize("n_shards", [1, 3])
def test_a_class_and_all_values_may_be_missing_in_a_partition(n_shards):
    order = np.argsort(THREE)
    X, y = NUMBERS[order].copy(), THREE[order]
    X[:1000, 1] = np.nan
    model = classifier(n_shards).fit(lazy(X, 9), lazy(y, 9))
    assert list(model.classes_) == ["high", "low", "middle"]
    frame = pd.DataFrame({"a": X[:, 0], "b": np.where(np.arange(N) < 1000, None, "x")})
    frame.loc[2000:, "b"] = "y"
    with dask.config.set(NO_CONVERSION):
        model = classifier(n_shards).fit(lazy(frame, 9), lazy(pd.Series(y), 9))
    assert model._encoding["levels"] == [["x", "y"]]


def test_text_labels_of_a_frame_and_booleans_without_conversion():
    X = pd.DataFrame(NUMBERS, columns=list("abcd")).assign(yes=pd.array(TWO == 1, "boolean"))
    with dask.config.set(NO_CONVERSION):
        model = classifier().fit(*collections(X, THREE))
    assert_same_fit(model, model.to_local().fit(X, THREE))


def test_label_indicators_and_several_outputs_of_frames():
    X, y, _ = collections(MIXED, SEVERAL)
    model = classifier().fit(X, y)
    assert_same_fit(model, model.to_local().fit(MIXED, SEVERAL))
    assert model.predict(X).compute().to_numpy().tolist() == model.predict(MIXED).tolist()
    Y2 = np.stack([Y, -Y], axis=1)
    model = regressor().fit(X, collections(MIXED, Y2)[1])
    assert model.predict(X).compute().shape == (N, 2)


def test_validation_rows_may_be_collections():
    X, y, w = collections(MIXED, Y, WEIGHTS)
    own = {"X_val": X, "y_val": y, "sample_weight_val": w}
    here = {"X_val": MIXED, "y_val": Y, "sample_weight_val": WEIGHTS}
    model, other = regressor().fit(X, y, **own), regressor().fit(X, y, **here)
    assert_same_fit(model, other)
    cuts = [0, 0, 700, 1900, N]
    lists = {"X_val": MIXED, "y_val": Y, "sample_weight_val": WEIGHTS}
    own = {name: delayed(values, cuts) for name, values in lists.items()}
    assert_same_fit(regressor().fit(X, y, **own), other)
    single = {"X_val": dask.delayed(MIXED), "y_val": dask.delayed(Y), "sample_weight_val": w}
    assert_same_fit(regressor().fit(X, y, **single), other)


@pytest.mark.parametrize("of", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"])
def test_validation_rows_may_be_lists_of_delayed_arrays(of):
    labels = SEVERAL[:600]
    X, y = lazy(NUMBERS[:600]), lazy(labels)
    own = {"X_val": delayed(NUMBERS[:600], [100, 100, 400]), "y_val": delayed(of(labels), [300])}
    here = {"X_val": NUMBERS[:600], "y_val": labels}
    assert_same_fit(classifier().fit(X, y, **own), classifier().fit(X, y, **here))


def test_a_fit_to_an_array_forgets_the_names_of_an_earlier_frame():
    model = regressor().fit(*collections(pd.DataFrame(NUMBERS, columns=list("abcd")), Y)[:2])
    assert list(model.feature_names_in_) == list("abcd")
    model.fit(lazy(NUMBERS[:, :2]), lazy(Y))
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2
    assert_same_fit(model, model.to_local().fit(NUMBERS[:, :2], Y))


# ------------------------------------------------------------------------------------- predictions

METHODS = {
    "classifier": ["predict", "predict_proba", "predict_log_proba", "decision_function",
                   "transform", "predict_set"],
    "regressor": ["predict", "transform", "predict_interval"],
}  # fmt: skip
MODELS = [(kind, name) for kind, names in METHODS.items() for name in names]


@pytest.fixture(scope="module")
def fitted(cluster):
    from distributed import Client

    with Client(cluster):
        own = {"early_stopping": True, "n_shards": 2}
        return {
            "classifier": classifier(**own).fit(*collections(MIXED, THREE)),
            "regressor": regressor(**own).fit(*collections(MIXED, Y)),
            "numbers": regressor(**own).fit(lazy(NUMBERS), lazy(Y)),
        }


@pytest.mark.parametrize(("kind", "method"), MODELS)
def test_predictions_of_frames(fitted, kind, method):
    model = fitted[kind]
    frame = MIXED.set_index(pd.Index(np.arange(N) * 3, name="row"))
    X = dd.from_pandas(frame, npartitions=7)
    found = getattr(model, method)(X)
    assert isinstance(found, dd.DataFrame | dd.Series)
    assert found.divisions == X.divisions
    own, local = found.compute(), model.to_local()
    assert own.index.equals(frame.index)
    starts = [0, *np.cumsum(X.map_partitions(len).compute())]
    parts = [getattr(local, method)(frame.iloc[a:b]) for a, b in pairwise(starts)]
    assert_array_equal(own.to_numpy(), np.concatenate(parts))
    dtypes = own.dtypes if own.ndim == 2 else [own.dtype]
    assert list(found.dtypes if own.ndim == 2 else [found.dtype]) == list(dtypes)
    if method in ("predict_proba", "predict_log_proba", "predict_set", "decision_function"):
        assert list(own.columns) == list(model.classes_)


@unknown_levels
def test_predictions_of_empty_partitions_and_of_delayed(fitted):
    model, local = fitted["classifier"], fitted["classifier"].to_local()
    X = dd.from_pandas(MIXED, npartitions=5, sort=False)
    some = X[X["a"] > 1e9]
    assert model.predict(some).compute().tolist() == []
    assert model.predict_proba(some).compute().shape == (0, 3)
    parts = delayed(MIXED, [0, 1000])
    found = dask.compute(*model.predict_proba(parts))
    assert [len(part) for part in found] == [0, 1000, 2000]
    assert_array_equal(found[1], local.predict_proba(MIXED[:1000]))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "predict_set"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_empty_delayed_part_has_the_shape_and_dtype_of_the_others(method, dtype):
    X = NUMBERS[:300].astype(dtype)
    model = classifier(early_stopping=True).fit(lazy(X), lazy(THREE[:300]))
    parts = [dask.delayed(X[:0]), dask.delayed(X), dask.delayed(X[:0].astype(object))]
    empty, full, of_objects = dask.compute(*getattr(model, method)(parts))
    expected = getattr(model.to_local(), method)(X)
    assert_array_equal(np.concatenate([empty, full, of_objects]), expected)
    assert empty.shape == of_objects.shape == (0, *expected.shape[1:])
    assert empty.dtype == full.dtype == expected.dtype
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(300) * 2)
    model = classifier(early_stopping=True).fit(*collections(frame, THREE[:300])[:2])
    whole = getattr(model, method)(lazy(frame)).compute()
    parts = [dask.delayed(frame[a:b]) for a, b in ((0, 0), (0, 140), (140, 140), (140, 300))]
    found = dask.compute(*getattr(model, method)(parts))
    compare = pd.testing.assert_frame_equal if whole.ndim == 2 else pd.testing.assert_series_equal
    compare(pd.concat(found), whole, check_exact=False)
    compare(found[0], whole[:0])


def test_levels_of_intervals_of_an_empty_delayed_part(fitted):
    parts = [dask.delayed(NUMBERS[:0]), dask.delayed(NUMBERS)]
    found = dask.compute(*fitted["numbers"].predict_interval(parts, [0.5, 0.8]))
    expected = fitted["numbers"].to_local().predict_interval(NUMBERS, [0.5, 0.8])
    assert_array_equal(np.concatenate(found), expected)
    frames = [dask.delayed(MIXED[:10])]
    with pytest.raises(ValueError, match="Pass an Array"):
        dask.compute(*fitted["regressor"].predict_interval(frames, [0.5, 0.8]))


def test_predictions_of_arrays(fitted):
    model = fitted["numbers"]
    local, X = model.to_local(), da.from_array(NUMBERS, chunks=(700, 2))
    chunks = [NUMBERS[k : k + 700] for k in range(0, N, 700)]
    for method, own in (
        ("predict", {}), ("transform", {}), ("predict_interval", {}),
        ("predict_interval", {"confidence_level": [0.5, 0.8]}),
    ):  # fmt: skip
        found = getattr(model, method)(X, **own)
        expected = np.concatenate([getattr(local, method)(rows, **own) for rows in chunks])
        assert found.chunks[0] == X.chunks[0]
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        assert_array_equal(found.compute(), expected)
    prediction, std = model.predict(X, return_std=True)
    assert_array_equal(std.compute(), local.predict(NUMBERS, return_std=True)[1])
    assert prediction.shape == (N,)
    assert model.predict(X.astype(np.float32)).dtype == np.float32
    unknown = model.predict(dd.from_pandas(pd.DataFrame(NUMBERS), npartitions=3).to_dask_array())
    assert unknown.compute().shape == (N,)


def test_the_model_is_one_task(fitted):
    found = fitted["classifier"].predict(dd.from_pandas(MIXED, npartitions=9))
    models = [key for key in found.__dask_graph__() if "MLPBackprop" in str(key)]
    assert len(models) == 1


def test_scores(fitted):
    for kind, y in (("classifier", THREE), ("regressor", Y)):
        model = fitted[kind]
        own = collections(MIXED, y, WEIGHTS)
        assert model.score(*own) == pytest.approx(model.to_local().score(MIXED, y, WEIGHTS))
        assert model.score(*own[:2]) == pytest.approx(model.score(MIXED, y))


def test_predictions_of_rows_in_memory_are_those_of_the_local_estimator(fitted):
    model, local = fitted["classifier"], fitted["classifier"].to_local()
    for method in METHODS["classifier"]:
        assert_array_equal(getattr(model, method)(MIXED), getattr(local, method)(MIXED))
    for own, expected in zip(parameters(model), parameters(local), strict=True):
        assert own is expected
