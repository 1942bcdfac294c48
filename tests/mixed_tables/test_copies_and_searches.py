"""Copies, clones, searches and threads."""

import io

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.marks import each_estimator, ignore_lbfgs
from tests.mixed import TABLE, WHOLE, N, Y, assert_same_fit, frame, network, row_of, target
from tests.networks import reloaded, soft_prediction

pytestmark = ignore_lbfgs


@pytest.mark.parametrize("way", ["pickle", "joblib"])
@each_estimator
def test_a_copy_predicts_the_same(cls, way):
    model = network(cls).fit(frame(), target(cls))
    if way == "pickle":
        copy = reloaded(model)
    else:
        buffer = io.BytesIO()
        joblib.dump(model, buffer)
        copy = joblib.load(buffer)
    assert_array_equal(soft_prediction(copy, frame(WHOLE)), soft_prediction(model, frame(WHOLE)))
    pd.testing.assert_frame_equal(copy.input_encoding_, model.input_encoding_)


def test_a_clone_learns_its_own_encoding():
    wanted = ["two", "few", "many", "flag"]
    model = network(categorical_features=wanted, max_onehot=2, min_frequency=0.05).fit(frame(), Y)
    copy = clone(model)
    assert not hasattr(copy, "coefs_")
    assert copy.get_params()["categorical_features"] == wanted
    assert_same_fit(copy.fit(frame(), Y), model)
    half = clone(model).fit(frame()[: N // 2], Y[: N // 2])
    assert row_of(half, "num")["centre"] == pytest.approx(np.mean(TABLE["num"][: N // 2]))


def test_a_pipeline_is_searched_over_the_scaling():
    pipe = Pipeline(
        [("same", FunctionTransformer()), ("net", network(solver="lbfgs", max_iter=30))]
    )
    grid = {"net__feature_scaling": ["standard", "robust", None], "net__max_onehot": [2, 20]}
    rows = frame().assign(num=1e4 * frame()["num"])
    search = GridSearchCV(pipe, grid, cv=3).fit(rows, Y)
    scores = search.cv_results_["mean_test_score"]
    assert len(np.unique(scores)) == 6
    assert search.best_params_["net__feature_scaling"] is not None
    best = clone(pipe).set_params(**search.best_params_).fit(rows, Y)
    assert_array_equal(search.predict(rows), best.predict(rows))


def test_threads_may_share_a_frame():
    rows, alone = frame(), cross_val_score(network(), frame(), Y, cv=3)
    with joblib.parallel_config("threading"):
        assert_array_equal(cross_val_score(network(), rows, Y, cv=3, n_jobs=2), alone)


def test_set_params_after_fit_changes_no_prediction():
    model = network().fit(frame(), Y)
    expected, table = model.predict(frame(WHOLE)), model.input_encoding_
    model.set_params(feature_scaling="robust", categorical_features=["two"], max_onehot=2)
    model.set_params(min_frequency=0.5, embedding_dim=1)
    assert_array_equal(model.predict(frame(WHOLE)), expected)
    pd.testing.assert_frame_equal(model.input_encoding_, table)
    model.set_params(categorical_features=None)
    assert_array_equal(reloaded(model).predict(frame(WHOLE)), expected)
