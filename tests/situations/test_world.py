"""What is around the estimators: subclasses, class weights, weights, numba, pickles."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from sknet._engine import compiled
from tests.datasets import X_IRIS as X
from tests.datasets import Y_IRIS as Y
from tests.marks import each_estimator, ignore_convergence
from tests.networks import assert_same_parameters, network_maker
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor
from tests.situations.broken_numba import STUBS, install

pytestmark = ignore_convergence
network = network_maker()
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


# ------------------------------------------------------------ subclasses


class SetsInFit(MLPBackpropClassifier):
    """Parameters of its own beside one of the base class; the layers are set in `fit`."""

    def __init__(self, n_units=5, n_layers=1, random_state=0):
        super().__init__(max_iter=3, random_state=random_state)
        self.n_units, self.n_layers = n_units, n_layers

    def fit(self, X, y, **more):
        self.hidden_layer_sizes = (self.n_units,) * self.n_layers
        return super().fit(X, y, **more)


class SetsAtOnce(MLPBackpropRegressor):
    """No parameter of the base class."""

    def __init__(self, n_units=5, name="a name"):
        super().__init__((n_units,), max_iter=3, random_state=0)
        self.n_units, self.name = n_units, name


class AddsOne(MLPBackpropClassifier):
    """A parameter of its own, and another default; the rest by keyword."""

    def __init__(self, hidden_layer_sizes=(5,), *, threshold=0.5, max_iter=3, random_state=0):
        super().__init__(hidden_layer_sizes, max_iter=max_iter, random_state=random_state)
        self.threshold = threshold


@pytest.mark.parametrize(
    ("cls", "own"), [(SetsInFit, "n_units"), (SetsAtOnce, "n_units"), (AddsOne, "threshold")]
)
def test_a_subclass_with_parameters_of_its_own_fits_and_is_searched(cls, own):
    ours = clone(cls(**{own: 4})).fit(X, Y)
    assert ours.get_params()[own] == 4
    base = cls.__mro__[1]((ours.coefs_[0].shape[1],), max_iter=3, random_state=0)
    assert_same_parameters(ours, base.fit(X, Y))
    search = GridSearchCV(cls(), {own: [2, 3]}, cv=KFold(3, shuffle=True, random_state=0))
    search.fit(X, Y)
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    assert len(ours.partial_fit(X, Y).loss_curve_) == 4


def test_the_parameters_that_a_subclass_inherits_are_still_checked():
    ours = AddsOne(hidden_layer_sizes=(-1,))
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        ours.fit(X, Y)


# ------------------------------------------------------------ class weights


@pytest.mark.parametrize(
    ("labels", "class_weight"),
    [
        (NAMES, {"setosa": 2.0, "versicolor": 1.0, "virginica": 5.0}),
        (Y, {0: 2.0, 1: 1.0, 2: 5.0}),
        (Y == 0, {True: 2.0, False: 1.0}),
    ],
    ids=["text", "numbers", "booleans"],
)
def test_a_class_that_a_fold_lacks_is_ignored_in_class_weight(labels, class_weight):
    """The rows are sorted by class, so that each fold trains without one of the three."""
    estimators = [network(MLPBackpropClassifier, class_weight=class_weight)]
    if labels.dtype.kind != "U":  # of text, scikit-learn 1.9 raises
        estimators.append(HistGradientBoostingClassifier(max_iter=2, class_weight=class_weight))
    for estimator in estimators:
        cross_val_score(estimator, X, labels, cv=KFold(3), error_score="raise")
    some = labels != labels[-1]
    ours = network(MLPBackpropClassifier, class_weight=class_weight).fit(X[some], labels[some])
    present = {k: w for k, w in class_weight.items() if k in labels[some].tolist()}
    alone = network(MLPBackpropClassifier, class_weight=present).fit(X[some], labels[some])
    assert_same_parameters(ours, alone)


@pytest.mark.parametrize(
    ("labels", "class_weight", "named"),
    [
        (NAMES, {"Setosa": 9.0}, "'Setosa'"),
        (Y, {"0": 9.0}, "'0'"),
        (NAMES, {0: 9.0}, "0"),
        (Y, {7: 9.0}, "7"),
    ],
)
def test_a_label_that_is_misspelt_in_class_weight_warns_once(labels, class_weight, named):
    ours = network(MLPBackpropClassifier, class_weight=class_weight)
    with pytest.warns(UserWarning, match=f"class_weight names labels.*have: {named}") as caught:
        ours.fit(X, labels, X_val=X, y_val=labels)
    assert len([w for w in caught if "class_weight" in str(w.message)]) == 1
    plain = network(MLPBackpropClassifier).fit(X, labels, X_val=X, y_val=labels)
    assert_same_parameters(ours, plain)


# ------------------------------------------------------------ sample weights

SECRET = "73.125"
BAD_WEIGHTS = {
    "text": np.full(150, f"patient {SECRET}"),
    "text objects": np.full(150, f"patient {SECRET}", dtype=object),
    "text list": [f"patient {SECRET}"] * 150,
    "text column": pd.Series([f"patient {SECRET}"] * 150),
    "complex": np.full(150, 73.125 + 1j),
    "complex objects": np.full(150, 73.125 + 1j, dtype=object),
    "complex list": [73.125 + 1j] * 150,
    "dates": np.full(150, "2073-12-05", dtype="datetime64[D]"),
    "negative": np.full(150, -73.125),
    "dicts": np.array([{SECRET: 1}] * 150, dtype=object),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
@pytest.mark.parametrize("weights", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
@each_estimator
def test_no_message_prints_sample_weights(cls, weights, method):
    ours = network(cls).fit(X, Y)
    with pytest.raises((ValueError, TypeError), match=r"sample_weight|number") as caught:
        getattr(ours, method)(X, Y, sample_weight=weights)
    assert "73" not in str(caught.value)
    assert "patient" not in str(caught.value)


# ------------------------------------------------------------ numba

FIT = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
import numpy as np
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine import compiled
from sklearn.exceptions import ConvergenceWarning
compiled.NUMBA_MIN_SECONDS = 0
X = np.random.default_rng(0).normal(size=(300, 4))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.simplefilter("ignore", ConvergenceWarning)
    for dropout in (0.0, 0.2):
        a = MLPBackpropClassifier((5,), dropout=dropout, max_iter=3, batch_size=32, random_state=0)
        b = MLPBackpropRegressor((5,), n_members=2, max_iter=3, batch_size=32, random_state=0)
        P = a.fit(X, X[:, 0] > 0).predict_proba(X)
        y = b.fit(X, X[:, 0]).partial_fit(X, X[:, 0]).predict(X)
        print(repr(float(P[:, 0].sum())), repr(float(y.sum())))
for warning in caught:
    print("warning:", warning.category.__name__, warning.message)
"""


def lines_of(folder, **environment):
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    command = [sys.executable, "-c", FIT, str(folder)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return lines[:2], lines[2:]


@pytest.mark.parametrize("source", STUBS.values(), ids=STUBS)
def test_a_broken_numba_gives_one_warning_and_the_result_of_numpy(tmp_path, source):
    install(tmp_path, source)
    expected, none = lines_of(tmp_path, SKNET_DISABLE_NUMBA="1")
    assert none == []
    results, warned = lines_of(tmp_path)
    assert results == expected
    assert len(warned) == 1
    assert "RuntimeWarning numba is installed but cannot be used" in warned[0]


@pytest.mark.parametrize(
    ("environment", "n_warnings"),
    [
        pytest.param({"NUMBA_DISABLE_JIT": "1"}, 1, id="switched off"),
        # compiles, which takes minutes where nothing is cached
        pytest.param(
            {"NUMBA_CACHE_DIR": "/dev/null/none"}, 0, id="no cache", marks=pytest.mark.slow
        ),
    ],
)
def test_a_real_numba_that_is_switched_off_or_cannot_cache(tmp_path, environment, n_warnings):
    """Where there is no folder for its cache, numba still compiles."""
    pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    expected, _ = lines_of(tmp_path, SKNET_DISABLE_NUMBA="1")
    results, warned = lines_of(tmp_path, **environment)
    assert len([line for line in warned if "numba" in line]) == n_warnings
    numbers, oracle = ([float(v) for v in " ".join(r).split()] for r in (results, expected))
    assert_allclose(numbers, oracle, rtol=1e-5)


# ------------------------------------------------------------ pickles and warnings

FRAME = pd.DataFrame(X, columns=list("abcd")).assign(name=NAMES, flag=Y == 1)
HASHED = {
    "classes": (MLPBackpropClassifier, {}, X, Y),
    "text labels": (MLPBackpropClassifier, {}, X, NAMES),
    "object labels": (MLPBackpropClassifier, {}, X, NAMES.astype(object)),
    "column of labels": (MLPBackpropClassifier, {}, FRAME, pd.Series(NAMES, dtype="category")),
    "labels": (MLPBackpropClassifier, {"early_stopping": True}, X, np.c_[X > X.mean(0)] * 1),
    "numbers": (MLPBackpropRegressor, {"warm_start": True}, FRAME, X[:, 0]),
    "several": (MLPBackpropRegressor, {"n_members": 2, "dtype": "float32"}, X, X[:, :2]),
    "quantiles": (MLPBackpropRegressor, {"loss": "quantile", "quantile": (0.1, 0.9)}, X, X[:, 0]),
    "embeddings": (MLPBackpropRegressor, {"max_onehot": 0, "solver": "lbfgs"}, FRAME, X[:, 0]),
}


@pytest.mark.filterwarnings("ignore:The hold-out", "ignore:lbfgs")
@pytest.mark.parametrize(("cls", "params", "data", "target"), HASHED.values(), ids=HASHED)
@pytest.mark.parametrize("more", [False, True], ids=["fit", "partial_fit"])
def test_the_hash_of_a_model_is_that_of_its_copy(cls, params, data, target, more):
    ours = network(cls, **params).fit(data, target)
    if more and hasattr(ours, "partial_fit"):
        ours.partial_fit(data, target)
    file = io.BytesIO()
    joblib.dump(ours, file)
    file.seek(0)
    loaded = joblib.load(file)
    assert joblib.hash(loaded) == joblib.hash(ours)
    assert_array_equal(loaded.predict(data), ours.predict(data))
    assert joblib.hash(loaded) == joblib.hash(ours)  # predicting leaves no trace


COLUMNS = {
    "array": lambda y: y[:, None],
    "list": lambda y: y[:, None].tolist(),
    "frame": lambda y: pd.DataFrame({"y": y}),
    "nullable frame": lambda y: pd.DataFrame({"y": y}).convert_dtypes(),
}


@pytest.mark.parametrize("as_column", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "warm start"])
@each_estimator
def test_a_column_vector_warns_once(cls, method, as_column):
    ours, oracle = (network(cls, warm_start=True) for _ in range(2))
    if method != "fit":
        ours.fit(X, Y)
        oracle.fit(X, Y)
    call = "partial_fit" if method == "partial_fit" else "fit"
    with pytest.warns(DataConversionWarning, match="column-vector y") as caught:
        getattr(ours, call)(X, as_column(Y))
    assert len([w for w in caught if w.category is DataConversionWarning]) == 1
    assert_same_parameters(ours, getattr(oracle, call)(X, Y))
    assert ours.score(X, as_column(Y)) == ours.score(X, Y)


def test_compiling_is_announced_with_the_folder_where_it_is_kept(caplog):
    said = []
    with caplog.at_level("INFO", logger="sknet"):
        compiled._announce("/a/folder", said.append)
    assert len(said) == 1
    assert "/a/folder" in said[0]
    assert "python -m sknet.compile" in said[0]
    assert caplog.messages == said


def test_a_cache_without_a_folder_gives_a_warning(monkeypatch):
    monkeypatch.setattr(compiled._Loaded, "warned", False)
    with pytest.warns(RuntimeWarning, match="Set NUMBA_CACHE_DIR to a folder"):
        compiled._announce(None, None)
    compiled._announce(None, None)  # no second one: it would be an error


COLD = """
import sys
import numpy as np
from sknet import MLPBackpropClassifier
from sknet._engine import compiled
from sknet.presets import SKLEARN
X = np.random.default_rng(0).normal(size=(300, 4))
own = SKLEARN | {"batch_size": 50, "max_iter": 2, "n_iter_no_change": 2, "tol": 10.0, "verbose": 9}
said = []
plain_announce = compiled._announce
compiled._announce = lambda path, say: said.append(path) or plain_announce(path, say)
for activation, least in (("relu", 9), ("tanh", 0), ("tanh", 0), ("tanh", 9), ("relu", 9)):
    compiled.NUMBA_MIN_SECONDS = least
    found = MLPBackpropClassifier(activation=activation, **own).fit(X, X[:, 0] > 0)
    used = "sknet._engine.kernels" in sys.modules
    print(len(said), len(sys.modules["sknet._engine.kernels"].run_epoch.signatures) if used else 0)
"""


def test_a_short_fit_is_compiled_if_a_longer_one_of_its_kind_was(tmp_path):
    pytest.importorskip("numba")
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "NUMBA_CACHE_DIR": str(tmp_path)}
    for cold in (1, 0):  # the second process finds all in the cache: nothing is announced
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", COLD],
            env={**os.environ, **env}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if re.fullmatch(r"\d \d", line)]
        assert lines == ["0 0", *[f"{cold} 1"] * 4]


def test_compiling_beforehand_without_numba_says_so():
    command = [sys.executable, "-m", "sknet.compile"]
    env = {**os.environ, "SKNET_DISABLE_NUMBA": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Nothing is compiled" in done.stderr
