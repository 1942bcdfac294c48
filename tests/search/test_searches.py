"""Searches and cross-validation against scikit-learn's own, over the same estimators."""

import inspect
import pickle
import warnings

import numpy as np
import pytest
import sklearn.model_selection as theirs
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.parallel import Parallel

import sknet.model_selection as ours
from sknet._search.fits import fit_lanes
from sknet._search.tasks import LaneParallel
from sknet._training import lanes
from tests.controls.common import Callback, needs_callbacks
from tests.marks import ignore_convergence
from tests.search.test_lanes import CASES, CLASSIFIER, FRAME, REGRESSOR, Y_CLASSES, Y_NUMBERS, X

pytestmark = ignore_convergence
RATES = {"learning_rate_init": [1e-3, 1e-2, 0.05], "alpha": [0.0, 1e-3]}
TIMES = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}

TABLE = Pipeline([
    ("columns", ColumnTransformer([
        ("numbers", StandardScaler(), list("abcd")),
        ("kinds", OneHotEncoder(handle_unknown="ignore"), ["kind", "place"]),
    ])),
    ("network", CLASSIFIER),
])  # fmt: skip


def assert_same_results(own, other, exact=False):
    """All columns of `cv_results_` but the times."""
    assert own.keys() == other.keys()
    for name in other.keys() - TIMES:
        if name == "params" or name.startswith("param_") or exact:
            assert_array_equal(own[name], other[name], err_msg=name)
        else:
            assert_allclose(own[name], other[name], rtol=1e-6, atol=1e-9, err_msg=name)


def both(name, estimator, grid, X, y, fit_params=None, **options):
    """Search by both; return both searches, after a comparison of the results."""
    found = []
    for module in (ours, theirs):
        search = getattr(module, name)(clone(estimator), grid, **options)
        found.append(search.fit(X, y, **(fit_params or {})))
    assert_same_results(*(search.cv_results_ for search in found))
    assert_array_equal(found[0].predict(X), found[1].predict(X))
    assert found[0].best_params_ == found[1].best_params_
    return found


SIX = ["classes", "numbers", "early stopping", "class_weight", "categories", "members"]


@pytest.mark.parametrize("case", [*SIX, "cross-fitting"])
def test_results_equal_those_of_scikit_learns_search(case, joint):
    estimator, X, y = CASES[case]
    both("GridSearchCV", estimator, RATES, X, y, cv=3, return_train_score=True)
    assert joint == [6, 6, 6]


@pytest.mark.parametrize("case", SIX)
def test_every_bit_is_equal_where_candidates_train_one_after_another(case, monkeypatch):
    estimator, X, y = CASES[case]
    monkeypatch.setattr(lanes, "LOCKSTEP_ELEMENTS", 0)
    own, other = both("GridSearchCV", estimator, RATES, X, y, cv=2, return_train_score=True)
    assert_same_results(own.cv_results_, other.cv_results_, exact=True)


def test_candidates_of_a_pipeline_with_a_column_transformer(joint):
    grid = {"network__learning_rate_init": [1e-3, 1e-2, 0.05]}
    both("GridSearchCV", TABLE, grid, FRAME, Y_CLASSES, cv=3)
    assert joint == [3, 3, 3]


def test_transformers_are_fitted_once_a_split_and_setting(monkeypatch):
    fits = []

    class Counting(StandardScaler):
        def fit(self, X, y=None):
            fits.append(self.with_mean)
            return super().fit(X, y)

    pipeline = make_pipeline(Counting(), CLASSIFIER)
    name = "mlpbackpropclassifier__learning_rate_init"
    grid = {"counting__with_mean": [True, False], name: [1e-3, 1e-2, 0.05]}
    both("GridSearchCV", pipeline, grid, X, Y_CLASSES, cv=2)
    # a Counting cannot be pickled, since its class is local: each candidate fits its own
    assert len(fits) == 26
    fits.clear()
    grid = {"with_mean__with_mean": [True, False]}
    scaler = Pipeline([("with_mean", StandardScaler()), ("network", CLASSIFIER)])
    grid |= {"network__learning_rate_init": [1e-3, 1e-2, 0.05]}
    search = ours.GridSearchCV(scaler, grid, cv=2, refit=False)
    original, seen = StandardScaler.fit, []
    try:
        StandardScaler.fit = lambda own, *args, **more: (
            seen.append(1) or original(own, *args, **more)
        )
        search.fit(X, Y_CLASSES)
    finally:
        StandardScaler.fit = original
    assert len(seen) == 2 * 2


def test_a_transformer_that_overwrites_its_input_changes_no_other_candidate():
    pipeline = Pipeline([("scale", StandardScaler(copy=False)), ("network", CLASSIFIER)])
    grid = {"scale__with_mean": [True, False], "scale__with_std": [True, False]}
    both("GridSearchCV", pipeline, grid, 7 * X + 5, Y_CLASSES, cv=2)


def test_candidates_that_replace_steps(joint):
    pipeline = Pipeline([("scale", StandardScaler()), ("last", CLASSIFIER)])
    grid = [
        {"last": [CLASSIFIER, clone(CLASSIFIER).set_params(activation="tanh")]},
        {"last": [LogisticRegression()], "scale": ["passthrough"]},
        {"last": [CLASSIFIER], "last__learning_rate_init": [1e-3, 1e-2]},
    ]
    both("GridSearchCV", pipeline, grid, X, Y_CLASSES, cv=2)


def test_shapes_that_differ_are_other_trainings(joint):
    grid = {"hidden_layer_sizes": [(4,), (9, 5), (7,)], "learning_rate_init": [1e-3, 1e-2]}
    both("GridSearchCV", CLASSIFIER, grid, X, Y_CLASSES, cv=2)
    assert joint == [2] * 6


def test_random_and_halving_searches():
    random = {"learning_rate_init": loguniform(1e-4, 1e-1), "alpha": loguniform(1e-7, 1e-3)}
    options = {"cv": 2, "random_state": 0}
    both("RandomizedSearchCV", CLASSIFIER, random, X, Y_CLASSES, n_iter=5, **options)
    both("HalvingRandomSearchCV", CLASSIFIER, random, X, Y_CLASSES, n_candidates=6, **options)
    both("HalvingGridSearchCV", CLASSIFIER, RATES, X, Y_CLASSES, **options)
    epochs = {"resource": "max_iter", "max_resources": 8, "min_resources": 2}
    both("HalvingGridSearchCV", CLASSIFIER, RATES, X, Y_CLASSES, **epochs, **options)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_workers_and_several_metrics(n_jobs):
    scoring = {"a": "accuracy", "l": "neg_log_loss"}
    grid = RATES | {"hidden_layer_sizes": [(5,), (9, 5)]}
    options = {"scoring": scoring, "refit": "l", "n_jobs": n_jobs, "return_train_score": True}
    both("GridSearchCV", CLASSIFIER, grid, X, Y_CLASSES, cv=3, **options)


def test_a_scorer_that_is_a_function_and_a_refit_that_is_one():
    def scoring(estimator, X, y):
        return {"s": estimator.score(X, y), "n": float(estimator.n_iter_)}

    options = {"scoring": scoring, "refit": lambda results: int(results["mean_test_s"].argmax())}
    both("GridSearchCV", CLASSIFIER, RATES, X, Y_CLASSES, cv=2, **options)


@pytest.mark.parametrize("routing", [False, True])
def test_weights_and_groups_are_routed(routing):
    w, groups = np.linspace(0, 2, len(X)), np.arange(len(X)) % 7
    given = {"sample_weight": w, "groups": groups}
    with config_context(enable_metadata_routing=routing):
        estimator = clone(CLASSIFIER)
        if routing:
            estimator.set_fit_request(sample_weight=True, groups=False).set_score_request(
                sample_weight=True
            )
        both("GridSearchCV", estimator, RATES, X, Y_CLASSES, given, cv=GroupKFold(3))
    with config_context(enable_metadata_routing=routing):
        scaler, scorer = StandardScaler(), get_scorer("accuracy")
        if routing:
            scaler.set_fit_request(sample_weight=False)
            scorer.set_score_request(sample_weight=True)
        pipeline = make_pipeline(scaler, estimator)
        name = "sample_weight" if routing else "mlpbackpropclassifier__sample_weight"
        grid = {"mlpbackpropclassifier__learning_rate_init": [1e-3, 1e-2]}
        options = {"cv": 2, "scoring": scorer}
        both("GridSearchCV", pipeline, grid, X, Y_CLASSES, {name: w}, **options)


def test_fit_params_of_a_search_reach_each_lane():
    given = {"X_val": X[:40], "y_val": Y_NUMBERS[:40]}
    both("GridSearchCV", REGRESSOR, RATES, X, Y_NUMBERS, given, cv=2)


@pytest.mark.parametrize("estimator", [CLASSIFIER, TABLE], ids=["network", "pipeline"])
def test_cross_validation_equals_scikit_learns(estimator):
    data = FRAME if estimator is TABLE else X
    options = {"cv": StratifiedKFold(3), "scoring": ["accuracy", "neg_log_loss"]}
    options |= {"return_train_score": True, "return_estimator": True, "return_indices": True}
    own, other = (
        module.cross_validate(clone(estimator), data, Y_CLASSES, **options)
        for module in (ours, theirs)
    )
    assert own.keys() == other.keys()
    for name in other.keys() - {"fit_time", "score_time", "estimator", "indices"}:
        assert_array_equal(own[name], other[name])
    for a, b in zip(own["estimator"], other["estimator"], strict=True):
        assert_array_equal(a.predict_proba(data), b.predict_proba(data))
    scores = [m.cross_val_score(clone(estimator), data, Y_CLASSES) for m in (ours, theirs)]
    assert_array_equal(*scores)
    for method in ("predict", "predict_proba"):
        predicted = [
            module.cross_val_predict(clone(estimator), data, Y_CLASSES, method=method, cv=3)
            for module in (ours, theirs)
        ]
        assert_array_equal(*predicted)


def test_other_estimators_go_scikit_learns_way():
    both("GridSearchCV", LogisticRegression(), {"C": [0.1, 1.0]}, X, Y_CLASSES, cv=3)


def test_a_class_with_a_fit_of_its_own_is_fitted_by_it(joint):
    class Own(type(CLASSIFIER)):
        def fit(self, X, y):
            return super().fit(X[:, ::-1], y)

    own = Own(**CLASSIFIER.get_params())
    both("GridSearchCV", own, RATES, X, Y_CLASSES, cv=2)
    assert joint == []


# ------------------------------------------------------------------------------- what goes wrong


def diverging(**options):
    """A search of which one candidate diverges in the second epoch or so."""
    network = clone(REGRESSOR).set_params(
        solver="sgd", target_scaling=False, momentum=0.0, batch_size=50, clip_predictions=False
    )
    return network, {"learning_rate_init": [1e-4, 1e6, 1e-3]}


def test_a_lane_that_diverges_fails_alone():
    network, grid = diverging()
    found = []
    for module in (ours, theirs):
        search = module.GridSearchCV(network, grid, cv=2, error_score=-7.0)
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            found.append(search.fit(X, Y_NUMBERS))
        assert any("2 fits failed out of a total of 6" in str(w.message) for w in given)
        assert any("non-finite parameter weights" in str(w.message) for w in given)
    assert_same_results(*(search.cv_results_ for search in found))
    assert found[0].cv_results_["mean_test_score"][1] == -7.0


def test_error_score_raise_raises_what_the_fit_raises():
    network, grid = diverging()
    with pytest.raises(ValueError, match=r"non-finite parameter weights.*learning rate 1e"):
        ours.GridSearchCV(network, grid, cv=2, error_score="raise").fit(X, Y_NUMBERS)


def test_a_parameter_that_is_not_allowed_fails_alone():
    grid = {"alpha": [1e-5, -1.0]}
    search = ours.GridSearchCV(CLASSIFIER, grid, cv=2)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        search.fit(X, Y_CLASSES)
    assert any("'alpha'" in str(w.message) and "2 fits failed" in str(w.message) for w in given)
    assert_array_equal(np.isnan(search.cv_results_["mean_test_score"]), [False, True])


def test_all_fits_that_fail_alike_are_one_message():
    bad = X.copy()
    bad[::2] = np.inf
    with pytest.raises(ValueError, match="All the 6 fits failed") as raised:
        ours.GridSearchCV(CLASSIFIER, {"alpha": [0.0, 1e-5, 1e-4]}, cv=2).fit(bad, Y_CLASSES)
    assert "6 fits failed with the following error" in str(raised.value)


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.filterwarnings("ignore:Number of classes in training fold")
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_a_fold_without_a_class_and_more_splits_than_rows_of_a_class():
    y = np.where(np.arange(len(X)) < 2, 2, X[:, 0] > 0)
    both("GridSearchCV", CLASSIFIER, RATES, X, y, cv=KFold(3))
    both("GridSearchCV", CLASSIFIER, RATES, X, y, cv=3)
    sorted_rows = np.argsort(Y_CLASSES, kind="stable")
    both("GridSearchCV", CLASSIFIER, RATES, X[sorted_rows], Y_CLASSES[sorted_rows], cv=KFold(3))
    found = [
        module.cross_val_predict(CLASSIFIER, X, y, cv=KFold(3), method="predict_proba")
        for module in (ours, theirs)
    ]
    assert_array_equal(*found)


def test_max_time_is_the_time_of_one_candidate(joint):
    network = clone(CLASSIFIER).set_params(max_iter=10**6, n_iter_no_change=np.inf, max_time=0.2)
    search = ours.GridSearchCV(network, {"alpha": [0.0, 1e-5]}, cv=2, refit=False)
    search.fit(X, Y_CLASSES)
    assert joint == []
    assert 0.4 < search.cv_results_["mean_fit_time"].sum() < 2.0


def test_an_interrupt_ends_the_lanes_of_a_split_which_keep_their_last_epoch(monkeypatch):
    """The estimators equal those of a search with fewer epochs, and the next split is whole."""
    calls = []
    original = lanes.Training.train_epoch

    def interrupted(training, batches):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(training, batches)

    monkeypatch.setattr(lanes.Training, "train_epoch", interrupted)
    grid = {"learning_rate_init": [1e-3, 1e-2]}
    search = ours.GridSearchCV(CLASSIFIER, grid, cv=2, refit=False)
    with pytest.warns(UserWarning, match="Training interrupted by user") as given:
        search.fit(X, Y_CLASSES)
    assert sum("interrupted" in str(w.message) for w in given) == 2
    monkeypatch.undo()
    whole = theirs.GridSearchCV(CLASSIFIER, grid, cv=2, refit=False).fit(X, Y_CLASSES)
    short = clone(CLASSIFIER).set_params(max_iter=4)
    short = theirs.GridSearchCV(short, grid, cv=2, refit=False).fit(X, Y_CLASSES)
    assert_allclose(search.cv_results_["split0_test_score"], short.cv_results_["split0_test_score"])
    assert_allclose(search.cv_results_["split1_test_score"], whole.cv_results_["split1_test_score"])


def test_an_interrupt_in_the_first_epoch_ends_the_search(monkeypatch):
    def interrupted(training, batches):
        raise KeyboardInterrupt

    monkeypatch.setattr(lanes.Training, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ours.GridSearchCV(CLASSIFIER, RATES, cv=2).fit(X, Y_CLASSES)


def test_the_interrupted_epoch_is_undone(monkeypatch):
    """An interrupt within an epoch, after some steps."""
    steps, original = [], lanes.Training._epoch

    def interrupted(training, batches):
        original(training, batches)
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(lanes.Training, "_epoch", interrupted)
    networks = [clone(CLASSIFIER).set_params(learning_rate_init=r) for r in (1e-3, 1e-2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_lanes(networks, X, Y_CLASSES, {})
    monkeypatch.undo()
    for network in networks:
        two = clone(network).set_params(max_iter=2).fit(X, Y_CLASSES)
        assert network.n_iter_ == 2
        assert_allclose(network.coefs_[0], two.coefs_[0], rtol=1e-6)


# -------------------------------------------------------------------------------- as a drop-in


@pytest.mark.parametrize("name", ours.__all__)
def test_the_signature_is_scikit_learns(name):
    own, their = (str(inspect.signature(getattr(module, name))) for module in (ours, theirs))
    assert own == their


@pytest.mark.filterwarnings("ignore:The total space of parameters")
@pytest.mark.parametrize("name", [n for n in ours.__all__ if n.endswith("CV")])
def test_a_search_is_cloned_pickled_and_is_scikit_learns(name):
    cls, their = getattr(ours, name), getattr(theirs, name)
    assert issubclass(cls, their)
    search = cls(CLASSIFIER, {"alpha": [0.0, 1e-5]}, cv=2)
    assert clone(search).get_params().keys() == their(CLASSIFIER, {}).get_params().keys()
    fitted = pickle.loads(pickle.dumps(clone(search).fit(X, Y_CLASSES)))
    assert_array_equal(fitted.predict(X), fitted.best_estimator_.predict(X))


def test_scikit_learns_module_is_as_it_was():
    assert theirs.cross_validate.__wrapped__.__globals__["Parallel"] is Parallel
    assert theirs.GridSearchCV.fit is not ours.GridSearchCV.fit


def test_fit_times_are_equal_parts_of_what_the_split_takes():
    search = ours.GridSearchCV(CLASSIFIER, RATES, cv=2, refit=False).fit(X, Y_CLASSES)
    times = search.cv_results_["mean_fit_time"]
    assert times.min() > 0
    assert times.max() < 5 * times.min()
    search = ours.GridSearchCV(TABLE, {"network__alpha": [0.0, 1e-5]}, cv=2, refit=False)
    assert (search.fit(FRAME, Y_CLASSES).cv_results_["mean_fit_time"] > 0).all()


def test_candidates_of_lists_of_functions_are_kept_apart():
    """Transformers that cannot be pickled are never taken for equal."""
    pipeline = make_pipeline(FunctionTransformer(), CLASSIFIER)
    grid = {"functiontransformer__func": [lambda X: X, lambda X: -2 * X, np.tanh]}
    both("GridSearchCV", pipeline, grid, X, Y_CLASSES, cv=2)


# ------------------------------------------------------------------------------------- callbacks


@needs_callbacks
@pytest.mark.parametrize("where", ["network", "search"])
def test_callbacks_hear_what_they_hear_of_scikit_learns_search(where, joint):
    heard = []
    for module in (ours, theirs):
        callback, network = Callback(), clone(CLASSIFIER).set_params(max_iter=3)
        if where == "network":
            network.set_callbacks(callback)
        search = module.GridSearchCV(network, {"alpha": [0.0, 1e-4]}, cv=2)
        if where == "search":
            search.set_callbacks(callback)
        heard.append((search.fit(X, Y_CLASSES).best_score_, callback.heard))
    assert heard[0] == heard[1]
    assert heard[0][1]
    assert joint == []


def test_lines_of_verbose_searches_are_scikit_learns(capsys):
    lines = []
    for module in (ours, theirs):
        module.GridSearchCV(CLASSIFIER, RATES, cv=2, verbose=3, refit=False).fit(X, Y_CLASSES)
        printed = capsys.readouterr().out.splitlines()
        lines.append(sorted(line.split("total time")[0] for line in printed))
    assert lines[0] == lines[1]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_error_of_a_worker_is_that_of_the_fit(n_jobs):
    network, grid = diverging()
    search = ours.GridSearchCV(network, grid, cv=2, error_score="raise", n_jobs=n_jobs)
    with pytest.raises(ValueError, match=r"^Solver produced non-finite parameter") as raised:
        search.fit(X, Y_NUMBERS)
    assert str(raised.value).count("Solver produced") == 1


@pytest.mark.parametrize(
    ("n_splits", "n_lanes", "n_jobs", "sizes"),
    [
        (5, 12, 1, [12] * 5),
        (5, 12, 2, [6] * 10),
        (3, 6, 2, [3] * 6),
        (4, 6, 2, [6] * 4),
        (3, 2, 2, [2] * 3),
        (1, 9, 3, [3] * 3),
        (20, 4, 3, [4] * 20),
    ],
)
def test_splits_are_cut_where_workers_would_wait(n_splits, n_lanes, n_jobs, sizes):
    def evaluate(estimator):
        return {}

    task = (evaluate, (CLASSIFIER,), {})
    tasks = [task] * (n_splits * n_lanes)
    splits = [list(range(k * n_lanes, (k + 1) * n_lanes)) for k in range(n_splits)]
    jobs = LaneParallel(n_jobs=n_jobs)._cut_into_jobs(tasks, splits)
    assert [len(job) for job in jobs] == sizes
    assert sorted(k for job in jobs for k in job) == list(range(len(tasks)))
