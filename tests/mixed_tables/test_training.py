"""Each solver learns from categories, and each member is a network fitted alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import check_random_state

from tests.marks import each_estimator, each_solver, ignore_lbfgs
from tests.mixed import MANY, TABLE, WHOLE, N, Y, columns, frame, network, row_of, target
from tests.networks import soft_prediction
from tests.plain import MLPBackpropClassifier

pytestmark = ignore_lbfgs


@pytest.mark.parametrize("batch_size", [16, N])
@each_solver
@each_estimator
def test_every_solver_learns_the_levels(cls, solver, batch_size):
    """The target depends only on the embedded level."""
    y = np.array([len(level) + (level > "g") for level in WHOLE["many"]], dtype=float)
    y = y > 5 if cls is MLPBackpropClassifier else y
    params = {"max_iter": 200, "tol": 0.0}
    if solver != "lbfgs":
        params |= {"batch_size": batch_size, "n_iter_no_change": np.inf}
        params |= {"learning_rate_init": 0.1 if solver == "sgd" else 0.01}
    model = network(cls, solver=solver, **params).fit(frame(WHOLE)[["num", "many"]], y)
    assert model.score(frame(WHOLE)[["num", "many"]], y) > 0.9
    later = columns(seed=3, gaps=False)
    known = dict(zip(WHOLE["many"], y.tolist(), strict=True))
    score = model.score(frame(later)[["num", "many"]], [known[v] for v in later["many"]])
    assert score > 0.85


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@each_estimator
def test_a_member_equals_the_network_fitted_alone_from_its_seed(cls, solver):
    three = network(cls, solver=solver, n_members=3).set_params(random_state=42)
    three.fit(frame(), target(cls))
    assert three.embeddings_[0].shape == (3, 12, 4)
    seeds = check_random_state(42).randint(np.iinfo(np.int32).max, size=3)
    alone = [network(cls, solver=solver).set_params(random_state=seed) for seed in seeds]
    for k, one in enumerate(alone):
        one.fit(frame(), target(cls))
        assert_allclose(three.embeddings_[0][k], one.embeddings_[0], rtol=1e-8, atol=1e-9)
        assert_allclose(three.coefs_[0][k], one.coefs_[0], rtol=1e-8, atol=1e-9)
    mean = np.mean([soft_prediction(one, frame(WHOLE)) for one in alone], axis=0)
    assert_allclose(soft_prediction(three, frame(WHOLE)), mean, rtol=1e-7)
    assert abs(three.embeddings_[0][0] - three.embeddings_[0][1]).max() > 0.1


def test_without_hidden_layer_transform_returns_the_encoded_columns():
    model = network(sizes=()).fit(frame(), Y)
    Z = model.transform(frame())
    assert Z.shape == (N, model.coefs_[0].shape[0])
    prediction = (Z @ model.coefs_[0] + model.intercepts_[0])[:, 0]
    assert np.corrcoef(prediction, model.predict(frame()))[0, 1] > 1 - 1e-9
    codes = [sorted(MANY).index(v) + 1 if v else 0 for v in TABLE["many"]]
    assert_array_equal(Z[:, row_of(model, "many")["engine_columns"]], model.embeddings_[0][codes])
