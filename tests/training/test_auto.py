"""What "auto" stands for: on its own, under every solver and loss, and when training goes on."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_classification
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ShuffleSplit, cross_val_score

from sknet import MLPBackpropClassifier, MLPBackpropRegressor, presets
from sknet._engine.losses import LOSSES
from sknet._training import auto
from tests.marks import ignore_convergence

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1100, 3))
Y = {MLPBackpropClassifier: (X[:, 0] > 0).astype(int), MLPBackpropRegressor: np.exp(X[:, 0])}
SOLVERS = ["adamw", "adam", "rmsprop", "sgd", "lbfgs"]
each_estimator = pytest.mark.parametrize("cls", Y)


@ignore_convergence
@pytest.mark.filterwarnings("ignore:few rows of y", "ignore:.*variance of y")
@pytest.mark.parametrize("n_rows", [20, 200, 1100])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("solver", SOLVERS)
@each_estimator
def test_auto_neither_raises_nor_warns(cls, solver, hidden, sparse, n_rows):
    """Warnings are errors in this suite."""
    rows = csr_array(X[:n_rows]) if sparse else X[:n_rows]
    for loss in cls._losses:
        model = cls(hidden, solver=solver, loss=loss, max_iter=2, random_state=0)
        model.fit(rows, Y[cls][:n_rows])
        assert np.isfinite(model.predict(rows)).all()
        assert "auto" not in model.resolved_params_.values()


def test_every_loss_is_tried():
    assert set(LOSSES) == {loss for cls in Y for loss in cls._losses}


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@each_estimator
def test_other_solvers_have_none_of_the_parts(cls, solver):
    model = cls((4,), solver=solver, max_iter=300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y[cls])
    chosen = model.resolved_params_
    assert chosen["averaging"] is chosen["numeric_embedding"] is None
    assert not chosen["early_stopping"]
    assert not chosen["input_scaling_layer"]
    assert chosen["dropout"] == 0
    assert chosen["alpha"] == 5e-7
    assert model.validation_scores_ is None


@pytest.mark.parametrize("n_rows", [60, 61, 999, 1000])
@each_estimator
def test_rows_of_weight_zero_do_not_count(cls, n_rows):
    w = np.zeros(1100)
    w[:n_rows] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weighted = cls((4,), max_iter=3, random_state=0).fit(X, Y[cls], w)
        alone = clone(weighted).fit(X[:n_rows], Y[cls][:n_rows])
    assert weighted.resolved_params_ == alone.resolved_params_
    assert_array_equal(weighted.coefs_[0], alone.coefs_[0])


@each_estimator
def test_later_calls_keep_what_the_first_has_chosen(cls):
    model = cls((4,), random_state=0)
    first = {"classes": [0, 1]} if cls is MLPBackpropClassifier else {}
    model.partial_fit(X[:100], Y[cls][:100], **first)
    chosen = dict(model.resolved_params_)
    model.partial_fit(X, Y[cls])
    assert model.resolved_params_ == chosen


@each_estimator
def test_a_value_that_is_given_is_the_value(cls):
    given = {"learning_rate_init": 0.004, "batch_size": 100, "early_stopping": False, "max_iter": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = cls((4,), random_state=0, **given).fit(X, Y[cls])
    assert not given.keys() & model.resolved_params_.keys()
    assert model.n_iter_ == 2
    assert model.validation_scores_ is None


@pytest.mark.parametrize("preset", [name for name in dir(presets) if name.isupper()])
@each_estimator
def test_presets_are_parameters_of_both_estimators(cls, preset):
    values = getattr(presets, preset)
    model = clone(cls(**values, random_state=0))
    assert {name: model.get_params()[name] for name in values} == values
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Maximum iterations")
        model.set_params(max_iter=3).fit(X, Y[cls])


@each_estimator
def test_scikit_learns_preset_has_none_of_the_parts(cls):
    model = cls(**presets.SKLEARN | {"early_stopping": True, "max_iter": 2}, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y[cls])
    own = model.resolved_params_
    assert own["scoring"] is None
    assert own["validation_fraction"] == 0.1
    assert not own.get("label_smoothing")
    assert own.get("calibration") is None
    assert not own.get("clip_predictions")


@pytest.mark.parametrize("several", [False, True])
def test_labels_are_not_smoothed_where_a_class_is_rare(several):
    """A rare class is ranked well, although the accuracy never moves."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(8000, 5))
    rare = rows[:, 0] + rows[:, 1] > 3.8
    assert 3 < rare[:4000].sum() < 20
    y = np.column_stack([rare, rows[:, 2] > 0]).astype(int) if several else rare
    model = MLPBackpropClassifier(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few validation rows
        P = model.fit(rows[:4000], y[:4000]).predict_proba(rows[4000:])
    assert model.resolved_params_["label_smoothing"] == 0
    assert roc_auc_score(rare[4000:], P[:, 0 if several else 1]) > 0.9


def test_labels_of_many_equal_classes_are_smoothed():
    model = MLPBackpropClassifier(random_state=0).fit(X, np.arange(1100) % 11)
    assert model.resolved_params_["label_smoothing"] == 0.05


def test_the_default_is_better_than_scikit_learns_settings_on_real_tables():
    """Tables that scikit-learn ships: means of three splits, in each of which half is the test."""
    digits, labels = load_digits(return_X_y=True)
    made, classes = make_classification(3000, 20, n_informative=6, random_state=0)
    patients, progress = load_diabetes(return_X_y=True)
    better, splits = 0, ShuffleSplit(3, test_size=0.5, random_state=0)
    for cls, rows, y in (
        (MLPBackpropClassifier, digits, labels),
        (MLPBackpropClassifier, made, classes),
        (MLPBackpropRegressor, patients, progress),
    ):
        scores = []
        for parameters in ({}, presets.SKLEARN):
            model = cls(**parameters, random_state=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scores.append(cross_val_score(model, rows, y, cv=splits).mean())
        better += scores[0] > scores[1] - 0.005
    assert better == 3


@pytest.fixture
def large(monkeypatch):
    """1,100 rows are many: a budget of 13,200 rows."""
    monkeypatch.setattr(auto, "MANY_ROWS_TO_SEE", 1100)
    monkeypatch.setattr(auto, "ROWS_SEEN", 13_200)


@each_estimator
def test_many_rows_have_a_budget_of_rows_over_which_the_rate_falls_to_zero(cls, large):
    model = cls((4,), random_state=0).fit(X, Y[cls])
    assert model.resolved_params_["learning_rate"] == "cosine"
    assert model.resolved_params_["averaging"] == 1.0
    assert model.n_iter_ == model.resolved_params_["max_iter"] == 12
    rates = model.learning_rate_curve_
    assert rates[0] < rates[1]  # the warm-up
    assert rates[-1] < 0.1 * model.resolved_params_["learning_rate_init"]
    assert model.best_validation_score_ is not None


@ignore_convergence
@pytest.mark.parametrize("given", [{"max_iter": 3}, {"n_iter_no_change": 2}, {"max_time": 60.0}])
@each_estimator
def test_the_rate_is_constant_where_the_end_of_training_is_given(cls, given, large):
    model = cls((4,), random_state=0, **given).fit(X, Y[cls])
    assert model.resolved_params_["learning_rate"] == "constant"


@each_estimator
def test_the_bounds_of_the_budget(cls):
    is_class, given = cls is MLPBackpropClassifier, cls().get_params()
    rows = 99_999, 10**5, 5 * 10**5, 10**7
    epochs = {n: auto.resolved(given, auto.Facts(n, is_class))[0]["max_iter"] for n in rows}
    assert epochs == {99_999: 100, 10**5: 30, 5 * 10**5: 12, 10**7: 6}


@each_estimator
def test_partial_fit_after_a_schedule_goes_on_at_a_constant_rate(cls, large):
    """The schedule has ended at a rate of zero, from which nothing could be learned."""
    model = cls((4,), random_state=0).fit(X, Y[cls])
    before = model.coefs_[0].copy()
    for _ in range(3):
        model.partial_fit(X, Y[cls])
    assert model.learning_rate_curve_[-1] == model.resolved_params_["learning_rate_init"]
    assert np.abs(model.coefs_[0] - before).max() > 1e-4


@each_estimator
def test_a_warm_start_runs_a_new_schedule(cls, large):
    model = cls((4,), random_state=0, warm_start=True).fit(X, Y[cls])
    model.fit(X, Y[cls])
    assert model.n_iter_ == 12
    assert len(model.learning_rate_curve_) == 24
    assert model.learning_rate_curve_[13] > 0.9 * model.resolved_params_["learning_rate_init"]


@pytest.mark.parametrize(
    ("schedule", "warmup"),
    [("constant", 1.8), ("adaptive", 1.8), ("cosine", 1.8), ("one_cycle", 0), ("coslog4", 0)],
)
def test_schedules_that_start_at_their_largest_rate_are_warmed_up(schedule, warmup):
    """Those that rise by themselves are not."""
    given = MLPBackpropClassifier(learning_rate=schedule).get_params()
    assert auto.resolved(given, auto.Facts(5000, True))[0]["warmup"] == warmup
