"""The displays: what they draw is what the estimator says, in the manner of scikit-learn."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropRegressor
from sknet.plotting import IntervalDisplay, LearningRateDisplay, LossCurveDisplay
from tests.marks import SOLVERS, ignore_convergence, ignore_lbfgs

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

pytestmark = ignore_convergence
X, Y = load_diabetes(return_X_y=True)
PAGE = Path(__file__).parents[2] / "doc" / "plots.rst"


@pytest.fixture(autouse=True)
def _close():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def network(**params):
    return MLPBackpropRegressor((8,), **{"max_iter": 6, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted():
    return network(cv=3, learning_rate="cosine").fit(X[:300], Y[:300])


def test_the_curves_are_those_of_the_estimator(fitted):
    display = LossCurveDisplay.from_estimator(fitted, name="mine")
    epochs = np.arange(1, fitted.n_iter_ + 1)
    for line, curve in (
        (display.train_line_, fitted.loss_curve_),
        (display.validation_line_, fitted.validation_loss_curve_),
    ):
        assert_array_equal(line.get_xdata(), epochs)
        assert_array_equal(line.get_ydata(), curve)
    assert display.best_line_.get_xdata()[0] == fitted.best_iter_
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    best = f"mine: best epoch ({fitted.best_iter_})"
    assert texts == ["mine: training", "mine: validation", best]
    assert display.figure_ is display.ax_.figure
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Epoch", "Loss")


def test_without_validation_rows_there_is_one_curve():
    display = LossCurveDisplay.from_estimator(network(early_stopping=False).fit(X, Y))
    assert display.validation_line_ is None
    assert display.best_line_ is None
    assert len(display.ax_.lines) == 1


def test_the_learning_rate_follows_its_schedule():
    """One step an epoch: the cosine of scikit-learn's page of schedules, from the first to 0."""
    n, rate = 8, 0.01
    model = network(
        learning_rate="cosine", learning_rate_init=rate, max_iter=n, batch_size=len(X),
        early_stopping=False, warmup=0.0,
    ).fit(X, Y)  # fmt: skip
    expected = rate * (1 + np.cos(np.pi * np.arange(n) / n)) / 2
    assert_allclose(model.learning_rate_curve_, expected)
    display = LearningRateDisplay.from_estimator(model, color="green")
    assert_array_equal(display.line_.get_ydata(), model.learning_rate_curve_)
    assert display.line_.get_color() == "green"
    assert display.ax_.get_legend() is None
    named = LearningRateDisplay.from_estimator(model, name="mine")
    assert named.ax_.get_legend().get_texts()[0].get_text() == "mine"


@ignore_lbfgs
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_learning_rate_curve_has_an_entry_for_each_epoch(solver):
    model = network(solver=solver, early_stopping=False, max_iter=4).fit(X, Y)
    if solver == "lbfgs":
        assert model.learning_rate_curve_ is None
        with pytest.raises(ValueError, match="solver='lbfgs' has none"):
            LearningRateDisplay.from_estimator(model)
        return
    assert len(model.learning_rate_curve_) == model.n_iter_ == len(model.loss_curve_)
    rates = model.learning_rate_curve_
    model.partial_fit(X, Y)
    assert model.learning_rate_curve_[:-1] == rates
    model.set_params(warm_start=True).fit(X, Y).fit(X, Y)
    assert len(model.learning_rate_curve_) == len(model.loss_curve_)


def test_intervals_and_coverage_are_those_of_the_estimator(fitted):
    rows, y = X[300:], Y[300:]
    display = IntervalDisplay.from_estimator(fitted, rows, y, confidence_level=0.8, name="mine")
    low, high = fitted.predict_interval(rows, 0.8).T
    inside = (low <= y) & (y <= high)
    assert display.coverage_ == inside.mean()
    order = np.argsort(fitted.predict(rows))
    segments = np.array(display.interval_lines_.get_segments())
    assert_allclose(segments[:, :, 1], np.stack([low, high], axis=1)[order])
    assert_allclose(display.prediction_points_.get_offsets()[:, 1], fitted.predict(rows)[order])
    assert len(display.inside_points_.get_offsets()) == inside.sum()
    assert len(display.outside_points_.get_offsets()) == (~inside).sum()
    assert display.ax_.get_title() == f"mine: {inside.mean():.1%} inside, 80.0% wanted"


def test_many_rows_are_drawn_in_part(fitted):
    display = IntervalDisplay.from_estimator(fitted, X, Y, subsample=50)
    assert len(display.interval_lines_.get_segments()) == 50
    low, high = fitted.predict_interval(X).T
    assert display.coverage_ == ((low <= Y) & (high >= Y)).mean()
    assert len(display.plot(subsample=None).interval_lines_.get_segments()) == len(X)
    with pytest.raises(ValueError, match="subsample must be 1 or more"):
        display.plot(subsample=0)


def test_outputs_and_quantiles():
    both = network(cv=2).fit(X, np.stack([Y, -Y], axis=1))
    display = IntervalDisplay.from_estimator(both, X, np.stack([Y, -Y], axis=1), output=1)
    assert_array_equal(display.y_true, -Y)
    assert_array_equal(display.upper, both.predict_interval(X)[:, 1, 1])
    assert_array_equal(display.y_pred, both.predict(X)[:, 1])
    several = network(cv=2, loss="quantile", quantile=[0.1, 0.5, 0.9]).fit(X, Y)
    display = IntervalDisplay.from_estimator(several, X, Y, confidence_level=0.8)
    assert_array_equal(display.y_pred, several.predict(X)[:, 1])


def test_a_pipeline_and_a_search_are_read(fitted):
    pipeline = make_pipeline(StandardScaler(), network(cv=3)).fit(X[:300], Y[:300])
    display = IntervalDisplay.from_estimator(pipeline, X[300:], Y[300:])
    Z = pipeline[0].transform(X[300:])
    assert_array_equal(display.lower, pipeline[-1].predict_interval(Z)[:, 0])
    search = GridSearchCV(network(), {"alpha": [0.0]}, cv=2).fit(X, Y)
    display = LossCurveDisplay.from_estimator(search)
    assert_array_equal(display.train_line_.get_ydata(), search.best_estimator_.loss_curve_)


def test_axes_and_styles_are_passed_on(fitted):
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    display = LossCurveDisplay.from_estimator(
        fitted, ax=ax, train_kwargs={"color": "red"}, validation_kwargs={"linestyle": "--"},
        best_kwargs={"color": "blue"},
    )  # fmt: skip
    assert display.ax_ is ax
    assert display.train_line_.get_color() == "red"
    assert display.validation_line_.get_linestyle() == "--"
    assert display.best_line_.get_color() == "blue"
    again = LossCurveDisplay(train_loss=[2.0, 1.0]).plot(ax, name="other")
    assert again.ax_ is ax


@pytest.mark.parametrize("display", [LossCurveDisplay, LearningRateDisplay])
def test_other_estimators_are_refused(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(network())
    theirs = MLPRegressor(hidden_layer_sizes=(4,), max_iter=5).fit(X, Y)
    with pytest.raises(TypeError, match=r"got MLPRegressor, which has none"):
        display.from_estimator(theirs)
    with pytest.raises(TypeError, match=r"IntervalDisplay shows predict_interval"):
        IntervalDisplay.from_estimator(theirs, X, Y)


def test_matplotlib_is_imported_on_use():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from sknet.plotting import LossCurveDisplay\n"
        "try: LossCurveDisplay(train_loss=[1.0]).plot()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "LossCurveDisplay.plot needs matplotlib: pip install matplotlib"


def test_the_code_of_the_page_runs():
    text = PAGE.read_text(encoding="utf-8")
    names = {}
    for block in re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", text):
        exec(dedent(block).replace("plt.show()", ""), names)
    assert len(names["ax"].lines) == 6
