"""Tables for clusters, as collections of Dask; the rows are those of tests/streaming."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

pytest.importorskip("distributed", reason="needs the extra dask")

import dask.array as da
import dask.dataframe as dd

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet.dask import DaskMLPBackpropClassifier, DaskMLPBackpropRegressor
from tests.streaming.common import MIXED, NUMBERS, SEVERAL, THREE, TWO, WEIGHTS, N, Y, parameters

CLASSIFIERS = DaskMLPBackpropClassifier, MLPBackpropClassifier
REGRESSORS = DaskMLPBackpropRegressor, MLPBackpropRegressor
TASKS = {
    "number": (*REGRESSORS, NUMBERS, Y),
    "two numbers": (*REGRESSORS, NUMBERS, np.stack([Y, Y**2], axis=1)),
    "mixed, number": (*REGRESSORS, MIXED, Y),
    "two classes": (*CLASSIFIERS, NUMBERS, TWO),
    "mixed, text labels": (*CLASSIFIERS, MIXED, THREE),
    "several labels": (*CLASSIFIERS, NUMBERS, SEVERAL),
}
#: Dask makes text of missing and boolean values of object columns, unless this is off.
NO_CONVERSION = {"dataframe.convert-string": False}


def lazy(values, n_parts=6):
    """A collection with the rows in `n_parts` partitions of nearly equal length."""
    if values is None:
        return None
    if hasattr(values, "iloc"):
        return dd.from_pandas(values, npartitions=n_parts, sort=False)
    size = -(-len(values) // n_parts)
    return da.from_array(values, chunks=(size, *values.shape[1:]))


def collections(X, y, w=None, n_parts=6):
    """X, y and weights, all frames or all arrays."""
    if hasattr(X, "iloc"):
        y = pd.Series(y, index=X.index) if y.ndim == 1 else pd.DataFrame(y, index=X.index)
        w = None if w is None else pd.Series(w, index=X.index)
    return lazy(X, n_parts), lazy(y, n_parts), lazy(w, n_parts)


def fits(task, w=None, n_shards=1, n_parts=6, **params):
    """The fit on the cluster, and the local one with the same parameters."""
    ours, local, X, y = TASKS[task]
    params = {"hidden_layer_sizes": (12, 8), "max_iter": 4, "random_state": 0, **params}
    own = {name: params.pop(name) for name in ("average_every",) if name in params}
    fitted = ours(**params, **own, n_shards=n_shards).fit(*collections(X, y, w, n_parts))
    return fitted, local(**params).fit(X, y, w)


def assert_same_fit(ours, oracle):
    """Equal in every bit: parameters, curves, encoding, resolved parameters."""
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        assert_array_equal(own, expected)
    for name in (
        "loss_curve_", "validation_scores_", "validation_loss_curve_", "n_iter_", "t_",
        "learning_rate_curve_", "best_iter_", "resolved_params_",
    ):  # fmt: skip
        assert getattr(ours, name) == getattr(oracle, name), name
    assert str(ours.input_encoding_) == str(oracle.input_encoding_)
    assert getattr(ours, "temperature_", None) == getattr(oracle, "temperature_", None)


__all__ = ["MIXED", "NUMBERS", "SEVERAL", "THREE", "TWO", "WEIGHTS", "N", "Y", "parameters"]
