"""scikit-learn's own tests of its networks, run on ours; parameters and attributes compared."""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import sklearn.neural_network
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

import sknet
from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"
REPLACEMENT = (
    "from sknet import MLPBackpropClassifier as MLPClassifier"
    ", MLPBackpropRegressor as MLPRegressor\n"
)

# sklearn's suite takes one fixture from its conftest; some of its tests leave random_state unset.
CONFTEST = """
import numpy, pytest

@pytest.fixture
def global_random_seed():
    return 42

@pytest.fixture(autouse=True)
def seeded():
    numpy.random.seed(0)
"""
# The defaults, set to scikit-learn's settings; and feature_scaling too: X as it is.
PRESET = """
import sknet
from sknet.presets import SKLEARN

for cls in (sknet.MLPBackpropClassifier, sknet.MLPBackpropRegressor):
    init = cls.__init__
    for name, value in SKLEARN.items():
        if name in init.__kwdefaults__:
            init.__kwdefaults__[name] = value
    init.__defaults__ = (SKLEARN["hidden_layer_sizes"], *init.__defaults__[1:])
"""
UNSCALED = (
    PRESET
    + """
for cls in (sknet.MLPBackpropClassifier, sknet.MLPBackpropRegressor):
    cls.__init__.__kwdefaults__["feature_scaling"] = None
"""
)

PRIVATE = "reads private state of scikit-learn's class: "
#: The tests of scikit-learn that must fail here, each with its reason. What they check of public
#: behaviour is checked below, or where the reason says.
FAILING = {
    "test_fit": PRIVATE + "trains from parameters set on an estimator that is not fitted",
    "test_gradient": PRIVATE + "_loss_grad_lbfgs (gradients: tests/engine)",
    "test_learning_rate_warmstart": PRIVATE + "_optimizer",
    "test_adaptive_learning_rate": PRIVATE + "_optimizer",
    "test_n_iter_no_change": PRIVATE + "_no_improvement_count",
    "test_n_iter_no_change_inf": PRIVATE + "_no_improvement_count",
    "test_early_stopping_stratified": "a class of one row is no error: the hold-out is then random",
    "test_mlp_param_dtypes[MLPBackpropClassifier-float64]": "mini-batches compute in float32",
    "test_mlp_param_dtypes[MLPBackpropRegressor-float64]": "mini-batches compute in float32",
    "test_mlp_partial_fit_after_fit[MLPBackpropClassifier]": "early_stopping is not in its way",
    "test_mlp_partial_fit_after_fit[MLPBackpropRegressor]": "early_stopping is not in its way",
    "test_mlp_diverging_loss": "training that diverges is an error (tests/estimators)",
}
#: And those that fail where X is scaled inside, as it is by default.
FAILING_SCALED = {
    "test_nonfinite_params": "X near the largest float is scaled, and trains (tests/faults: 20)",
}
#: And those that fail with the package's own defaults.
FAILING_BY_DEFAULT = {
    "test_alpha": "a temperature below 1 divides the last weights, which alpha has shrunk",
    "test_mlp_loading_from_joblib_partial_fit": "weight_decay keeps 200 steps 1e-4 off the target",
    "test_partial_fit_regression": "a score after 100 steps of sgd, with two hidden layers",
}
#: Passes or fails by rounding with the package's own defaults: predictions after float32 and after
#: float64 training are compared to 5e-4.
BY_ROUNDING = {"test_mlp_regressor_dtypes_casting"}


def outcomes(folder, conftest):
    """Run scikit-learn's tests on our classes; return the outcome of each by its name."""
    package = Path(sklearn.neural_network.__file__).parent
    source = (package / "tests" / "test_mlp.py").read_text(encoding="utf-8")
    assert source.count(IMPORT) == 1
    (folder / "test_mlp.py").write_text(source.replace(IMPORT, REPLACEMENT), encoding="utf-8")
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "--tb=line", "--junit-xml=report.xml"]
    python_path = str(Path(sknet.__file__).parents[1])
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_mlp.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": python_path, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    report = folder / "report.xml"
    assert report.exists(), finished.stdout + finished.stderr
    cases = ElementTree.parse(report).iter("testcase")
    return {case.get("name"): case[0].tag if len(case) else "passed" for case in cases}


@pytest.mark.parametrize(
    ("conftest", "failing"),
    [
        pytest.param(CONFTEST, FAILING | FAILING_SCALED | FAILING_BY_DEFAULT, id="defaults"),
        pytest.param(CONFTEST + PRESET, FAILING | FAILING_SCALED, id="preset"),
        pytest.param(CONFTEST + UNSCALED, FAILING, id="unscaled", marks=pytest.mark.slow),
    ],
)
def test_scikit_learns_tests_pass_but_for_the_listed_ones(conftest, failing, tmp_path):
    found = outcomes(tmp_path, conftest)
    failed = {name for name, outcome in found.items() if outcome in ("failure", "error")}
    if FAILING_BY_DEFAULT.keys() <= failing.keys():
        failed -= BY_ROUNDING
    assert failed == failing.keys()
    assert list(found.values()).count("passed") > 35


# --------------------------------------- what the listed ones check, where it is public behaviour


def test_one_step_from_given_parameters_equals_the_worked_example():
    """One row as it is, two logistic units, a sigmoid output, alpha=0.1 and a step of 0.1.

    | h = sigma(0.6 0.1 + 0.8 0.3 + 0.7 0.5 + 0.1, 0.6 0.2 + 0.8 0.1 + 0.1) = (0.6792, 0.5744)
    | a = sigma(0.1 h_1 + 0.2 h_2 + 1) = 0.7655 = delta, as y = 0
    | delta_1 = delta (0.1 h_1 (1 - h_1), 0.2 h_2 (1 - h_2)) = (0.01668, 0.03744)
    """
    X, y = np.array([[0.6, 0.8, 0.7]]), np.array([0])
    mlp = MLPBackpropClassifier(
        2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1, momentum=0, random_state=1,
        feature_scaling=None,
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"alpha=0\.1 is large"):
        mlp.partial_fit(X, y, classes=[0, 1])
    mlp.coefs_ = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), np.array([[0.1], [0.2]])]
    mlp.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]
    mlp.partial_fit(X, y)
    expected = [[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]]
    assert_allclose(mlp.coefs_[0], expected, atol=1e-3)
    assert_allclose(mlp.coefs_[1], [[0.04706], [0.154089]], atol=1e-3)
    assert_allclose(mlp.intercepts_[0], [0.098333, 0.09626], atol=1e-3)
    assert_allclose(mlp.intercepts_[1], [0.9235], atol=1e-3)
    assert_allclose(mlp.predict_proba(X)[0, 1], 0.739, atol=1e-3)


def digits():
    X, y = load_digits(n_class=2, return_X_y=True)
    return X[:100] / 16, y[:100]


@ignore_convergence
@pytest.mark.parametrize("patience", [2, 5, 10, 50])
def test_training_stops_after_n_iter_no_change_epochs_without_improvement(patience):
    """With a `tol` that no epoch meets, only the first epoch counts as an improvement."""
    mlp = MLPBackpropClassifier(solver="sgd", tol=1e9, n_iter_no_change=patience, random_state=0)
    assert mlp.fit(*digits()).n_iter_ == 1 + patience


def test_with_infinite_n_iter_no_change_training_continues_to_max_iter():
    mlp = MLPBackpropClassifier(
        solver="sgd", tol=1e9, n_iter_no_change=np.inf, max_iter=300, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(300\)"):
        assert mlp.fit(*digits()).n_iter_ == 300


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop"])
def test_the_adaptive_rate_is_divided_until_it_is_1e_minus_6(solver):
    """From 1e-3: 2e-4, 4e-5, 8e-6, 1.6e-6, 3.2e-7, six rates of 1 + 3 epochs each."""
    mlp = MLPBackpropClassifier(
        solver=solver, tol=1e9, n_iter_no_change=3, learning_rate="adaptive", random_state=0
    )
    assert mlp.fit(*digits()).n_iter_ == 24


@ignore_convergence
@pytest.mark.parametrize("early_stopping", [False, True])
def test_partial_fit_trains_on_all_rows_whether_early_stopping_is_set_or_not(early_stopping):
    X, y = load_iris(return_X_y=True)
    fitted = MLPBackpropClassifier(early_stopping=early_stopping, max_iter=3, random_state=0)
    seen = fitted.fit(X, y).t_
    assert fitted.partial_fit(X, y).t_ == seen + len(X)
    one_pass = MLPBackpropClassifier(random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    fresh = MLPBackpropClassifier(early_stopping=early_stopping, random_state=0)
    fresh.partial_fit(X, y, classes=[0, 1, 2])
    assert_array_equal(fresh.predict_proba(X), one_pass.predict_proba(X))
    assert fresh.validation_scores_ is None


# ------------------------------------------------------------------- parameters and attributes

PAIRS = [(MLPBackpropClassifier, MLPClassifier), (MLPBackpropRegressor, MLPRegressor)]
each_pair = pytest.mark.parametrize(("ours", "theirs"), PAIRS)

#: Defaults that differ from scikit-learn's, and why.
OTHER_DEFAULTS = {
    "alpha": "5e-7 on the mean loss is scikit-learn's 1e-4 at its batch of 200",
    "batch_size": "200, which is what scikit-learn's 'auto' is; here 'auto' depends on the rows",
}
#: Methods whose arguments differ from scikit-learn's, and why.
OTHER_ARGUMENTS = {
    "partial_fit": "keyword-only: scikit-learn 1.7 swapped classes and sample_weight",
}
#: Attributes whose values differ from scikit-learn's under a solver, and why.
OTHER_VALUES = {
    ("t_", "lbfgs"): "the rows that an iteration sees are counted, scikit-learn's stays 0",
}


def parameters(function):
    return inspect.signature(function).parameters


@each_pair
def test_every_parameter_of_scikit_learn_exists_with_its_default(ours, theirs):
    own, scikit_learns = parameters(ours), parameters(theirs)
    assert scikit_learns.keys() <= own.keys()
    others = {name for name, p in scikit_learns.items() if own[name].default != p.default}
    assert others == OTHER_DEFAULTS.keys()


@each_pair
def test_only_hidden_layer_sizes_and_activation_are_positional(ours, theirs):
    kinds = {name: p.kind for name, p in parameters(ours).items()}
    positional = [
        name for name, kind in kinds.items() if kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    assert positional == ["hidden_layer_sizes", "activation"]


@each_pair
def test_every_method_of_scikit_learn_exists_with_its_arguments_in_their_order(ours, theirs):
    own, other = ours(), theirs()
    names = {n for n in dir(other) if not n.startswith("_") and callable(getattr(other, n))}
    assert {"fit", "partial_fit", "predict", "score", "get_params"} <= names
    for name in names:
        expected = list(parameters(getattr(other, name)))
        arguments = list(parameters(getattr(own, name)))
        assert set(expected) <= set(arguments), name
        if name not in OTHER_ARGUMENTS and not name.endswith("_request"):
            assert arguments[: len(expected)] == expected, name


@ignore_convergence
@each_pair
@pytest.mark.parametrize(
    "params",
    [{}, {"solver": "lbfgs"}, {"early_stopping": True}, {"solver": "sgd"}],
    ids=["adam", "lbfgs", "early_stopping", "sgd"],
)
def test_every_fitted_attribute_of_scikit_learn_exists_and_is_of_its_kind(ours, theirs, params):
    X, y = load_iris(return_X_y=True)
    X, y = X[:100], y[:100]
    own = ours(max_iter=3, random_state=0, **params).fit(X, y)
    other = theirs(max_iter=3, random_state=0, **params).fit(X, y)
    names = {name for name in vars(other) if name.endswith("_") and not name.startswith("_")}
    assert {"coefs_", "intercepts_", "n_iter_", "loss_", "out_activation_"} <= names
    for name in names:
        expected, value = getattr(other, name), getattr(own, name)
        if name in ("coefs_", "intercepts_"):
            assert [a.shape for a in value] == [a.shape for a in expected]
        elif isinstance(expected, int | str):
            assert value == expected or (name, own.solver) in OTHER_VALUES, name
        elif isinstance(expected, list):
            assert len(value) == len(expected), name
        elif isinstance(expected, np.ndarray):
            assert_array_equal(value, expected)
        else:
            assert (value is None) == (expected is None), name
