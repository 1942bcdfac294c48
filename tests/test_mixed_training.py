"""Training on tables of numbers and categories: continuing, validating, searching, pickling."""

import gc
import io
import pickle
import tracemalloc
import weakref

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_random_state

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from tests.mixed import (
    CATEGORICAL,
    MANY,
    TABLE,
    WHOLE,
    N,
    Y,
    array,
    assert_same_fit,
    columns,
    frame,
    network,
    polars_frame,
    row_of,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)

STOCHASTIC = ["sgd", "adam", "adamw", "rmsprop"]
each_class = pytest.mark.parametrize("cls", [MLPBackpropClassifier, MLPBackpropRegressor])


def target(cls):
    return np.where(Y > 10, "high", "low") if cls is MLPBackpropClassifier else Y


def soft(model, rows):
    return getattr(model, "predict_proba", model.predict)(rows)


# ---------------------------------------------------------------------------------- solvers


@pytest.mark.parametrize("batch_size", [16, N])
@pytest.mark.parametrize("solver", ["lbfgs", *STOCHASTIC])
@each_class
def test_every_solver_learns_the_levels(cls, solver, batch_size):
    """The target depends on the embedded level alone."""
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
@each_class
def test_a_member_is_the_network_fitted_alone_from_its_seed(cls, solver):
    three = network(cls, solver=solver, n_members=3).set_params(random_state=42)
    three.fit(frame(), target(cls))
    assert three.embeddings_[0].shape == (3, 12, 11)
    seeds = check_random_state(42).randint(np.iinfo(np.int32).max, size=3)
    alone = [network(cls, solver=solver).set_params(random_state=seed) for seed in seeds]
    for k, one in enumerate(alone):
        one.fit(frame(), target(cls))
        assert_allclose(three.embeddings_[0][k], one.embeddings_[0], rtol=1e-8, atol=1e-9)
        assert_allclose(three.coefs_[0][k], one.coefs_[0], rtol=1e-8, atol=1e-9)
    mean = np.mean([soft(one, frame(WHOLE)) for one in alone], axis=0)
    assert_allclose(soft(three, frame(WHOLE)), mean, rtol=1e-7)
    assert abs(three.embeddings_[0][0] - three.embeddings_[0][1]).max() > 0.1


def test_without_a_hidden_layer_the_encoded_columns_are_what_transform_returns():
    model = network(sizes=()).fit(frame(), Y)
    Z = model.transform(frame())
    assert Z.shape == (N, model.coefs_[0].shape[0])
    prediction = (Z @ model.coefs_[0] + model.intercepts_[0])[:, 0]
    assert np.corrcoef(prediction, model.predict(frame()))[0, 1] > 1 - 1e-9
    codes = [sorted(MANY).index(v) + 1 if v else 0 for v in TABLE["many"]]
    assert_array_equal(Z[:, row_of(model, "many")["engine_columns"]], model.embeddings_[0][codes])


# ------------------------------------------------------------------------------- continuing


def reloaded(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("through", [lambda model: model, reloaded], ids=["as it is", "pickled"])
@pytest.mark.parametrize("solver", STOCHASTIC)
@each_class
def test_two_epochs_and_three_are_five(cls, solver, through):
    params = {"solver": solver, "n_iter_no_change": np.inf, "dtype": "auto"}
    model = network(cls, warm_start=True, **params).set_params(max_iter=2)
    model = through(model.fit(frame(), target(cls))).set_params(max_iter=3)
    model.fit(frame(), target(cls))
    once = network(cls, **params).set_params(max_iter=5).fit(frame(), target(cls))
    assert_same_fit(model, once)
    assert_array_equal(model.loss_curve_, once.loss_curve_)
    assert_array_equal(soft(model, frame(WHOLE)), soft(once, frame(WHOLE)))


@pytest.mark.parametrize("how", ["warm_start", "partial_fit"])
def test_going_on_keeps_what_the_first_call_has_learned_of_the_columns(how):
    model, rows = network(warm_start=how == "warm_start"), frame()
    go_on = model.fit if how == "warm_start" else model.partial_fit
    go_on(rows, Y)
    before, embedded = model.input_encoding_, model.embeddings_[0].copy()
    other = columns(seed=5)
    other["num"] = [1000 * v for v in other["num"]]
    other["gap"] = [None] * N
    other["few"], other["many"] = ["violet", None] * (N // 2), ["omega", *MANY[:3]] * (N // 4)
    go_on(frame(other), Y)
    pd.testing.assert_frame_equal(model.input_encoding_, before)
    moved = (model.embeddings_[0] != embedded).any(axis=1)
    places = [sorted(MANY).index(level) + 1 for level in MANY[:3]]
    assert np.flatnonzero(moved).tolist() == sorted([0, *places])  # row 0: the new level


@pytest.mark.parametrize("column", ["gap", "few", "many"])
def test_a_level_that_only_later_chunks_hold_is_unknown_for_good(column):
    model = network().partial_fit(frame(WHOLE), Y)
    later = (
        frame(WHOLE).astype({column: object}).assign(**{column: 99 if column == "gap" else "new"})
    )
    model.partial_fit(later, Y)
    missing = frame({**WHOLE, column: [None] * N})
    if column == "gap":
        assert not np.array_equal(model.predict(later), model.predict(missing))
    else:
        assert_array_equal(model.predict(later), model.predict(missing))


@pytest.mark.parametrize("rows", [99, 100])
def test_a_first_chunk_of_few_rows_is_warned_about_once(rows, recwarn):
    model = network().partial_fit(frame()[:rows], Y[:rows])
    warned = [str(w.message) for w in recwarn if issubclass(w.category, UserWarning)]
    assert len(warned) == (rows < 100)
    assert all(f"saw {rows} rows" in message for message in warned)
    recwarn.clear()
    model.partial_fit(frame()[rows:], Y[rows:])
    assert not recwarn.list


def test_a_category_alone_is_a_reason_to_warn_of_few_rows():
    model = network(feature_scaling=None)
    with pytest.warns(UserWarning, match="The first call of partial_fit saw 20 rows"):
        model.partial_fit(frame()[["few"]][:20], Y[:20])
    clone(model).partial_fit(frame(WHOLE)[["num"]][:20], Y[:20])


# ------------------------------------------------------------------------------- validating

#: Row 0 of the hold-out is far away, and its level is nowhere else.
KEPT, HELD = train_test_split(np.arange(N), test_size=16, random_state=0)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_what_is_learned_of_the_columns_is_learned_without_the_hold_out(scaling):
    table = {name: list(values) for name, values in WHOLE.items()}
    for row in HELD:
        table["num"][row] = 1e6
        table["few"][row], table["many"][row] = "only held out", None
    model = network(early_stopping=True, feature_scaling=scaling).fit(frame(table), Y)
    kept = np.array(table["num"])[KEPT]
    oracle = kept.mean() if scaling == "standard" else np.median(kept)
    assert row_of(model, "num")["centre"] == pytest.approx(oracle, rel=1e-9)
    assert row_of(model, "few")["levels"] == ["blue", "green", "red"]
    assert row_of(model, "many")["missing"] == 0
    unheld = network(early_stopping=True, feature_scaling=scaling).fit(frame(WHOLE), Y)
    pd.testing.assert_frame_equal(model.input_encoding_, unheld.input_encoding_)
    model.predict(frame(table))


@pytest.mark.parametrize("container", [frame, polars_frame, array])
@each_class
def test_rows_to_validate_on_may_be_a_table_too(cls, container):
    later, y = columns(seed=7), target(cls)
    by_place = {"categorical_features": CATEGORICAL} if container is array else {}
    model = network(cls, **by_place)
    model.fit(container(TABLE), y, X_val=container(later), y_val=y)
    best = model.best_validation_score_
    assert model.score(container(later), y) == pytest.approx(best, rel=1e-6)
    pd.testing.assert_frame_equal(
        model.input_encoding_, network(cls, **by_place).fit(container(TABLE), y).input_encoding_
    )
    with pytest.raises(ValueError, match="missing"):
        network(cls).fit(frame(), y, X_val=frame().drop(columns="many"), y_val=y)


@pytest.mark.parametrize("kind", ["held out", "given", "given with weights"])
def test_a_scorer_is_given_rows_of_the_users_own_frame(kind):
    rows, seen = frame().set_axis([f"row {k}" for k in range(N)]), []

    def scorer(model, X, y, sample_weight=None):
        assert isinstance(X, pd.DataFrame)
        assert (X.dtypes == rows.dtypes).all()
        pd.testing.assert_frame_equal(X, rows.loc[X.index])
        seen.append((X.index.tolist(), y))
        return model.score(X, y)

    given, expected = {"early_stopping": True}, HELD
    if kind == "held out":
        model = network(scoring=scorer, early_stopping=True).fit(rows, Y)
    else:
        w = np.arange(20) % 2 if kind == "given with weights" else None
        given = {"X_val": rows[:20], "y_val": Y[:20], "sample_weight_val": w}
        model = network(scoring=scorer).fit(rows, Y, **given)
        expected = np.arange(20) if w is None else np.flatnonzero(w)
    assert len(seen) >= model.n_iter_
    for index, y in seen:
        assert index == [f"row {k}" for k in expected]
        assert_allclose(y, Y[expected], rtol=1e-12)


def test_a_scorer_is_given_rows_of_the_users_polars_frame():
    polars, seen = pytest.importorskip("polars"), []

    def scorer(model, X, y):
        seen.append(X)
        return model.score(X, y)

    rows = polars_frame(TABLE)
    network(scoring=scorer, early_stopping=True).fit(rows, Y)
    assert isinstance(seen[0], polars.DataFrame)
    assert seen[0].equals(rows[HELD])


# ------------------------------------------------------------- clones, pickles and searches


@pytest.mark.parametrize("way", ["pickle", "joblib"])
@each_class
def test_a_copy_predicts_the_same(cls, way):
    model = network(cls).fit(frame(), target(cls))
    if way == "pickle":
        copy = reloaded(model)
    else:
        buffer = io.BytesIO()
        joblib.dump(model, buffer)
        copy = joblib.load(buffer)
    assert_array_equal(soft(copy, frame(WHOLE)), soft(model, frame(WHOLE)))
    pd.testing.assert_frame_equal(copy.input_encoding_, model.input_encoding_)


def test_a_clone_learns_the_columns_anew():
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


# ---------------------------------------------------------------------------------- memory


def tiled(rows, times):
    return pd.concat([rows] * times, ignore_index=True)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_long_frame_is_predicted_as_its_pieces_are(extra):
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
def test_many_rows_are_encoded_a_chunk_at_a_time(kind, units):
    """As one matrix, the one-hot columns would take 254 MB."""
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


def test_a_model_keeps_nothing_of_the_rows():
    sizes = []
    for times in (1, 20):
        rows, y = tiled(frame(), times), np.tile(Y, times)
        model = network(max_iter=1, early_stopping=True).fit(rows, y)
        gone = weakref.ref(rows)
        del rows
        gc.collect()
        assert gone() is None
        assert b"sknet._encoding" not in pickle.dumps(model)  # arrays and lists alone
        sizes.append(len(pickle.dumps(model)))
    assert abs(sizes[1] - sizes[0]) < 100
    levels = pd.DataFrame({"c": [f"level {k}" for k in range(N)]})
    assert len(pickle.dumps(network(embedding_dim=1).fit(levels, Y))) < 200 * N
