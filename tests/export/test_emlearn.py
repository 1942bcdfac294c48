"""Networks for emlearn: compiled C against the estimator, and an error where they cannot be."""

import shutil

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet.export import to_emlearn
from tests.export.common import classifier, regressor
from tests.marks import ignore_convergence

pytestmark = ignore_convergence


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """emlearn compiles in the current folder."""
    monkeypatch.chdir(tmp_path)


def imported_emlearn():
    """Return emlearn; skip the test without it, or without a compiler."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    with np.errstate():  # emlearn sets np.seterr(all="raise") for the whole process
        return pytest.importorskip("emlearn")


RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)) * [1.0, 20.0, 0.1, 3.0] + [1.0, -30.0, 0.2, 0.0]
PRODUCT = (X[:, 0] - 1.0) * (X[:, 1] + 30.0) / 20.0
PLAIN = {"hidden_layer_sizes": (12, 8), "numeric_embedding": None}
CLASSES = np.array(["a", "b", "c"])


def forward(network, X):
    """The equations of a plain network, in float64."""
    A = X
    sigma = {"relu": lambda Z: np.maximum(Z, 0), "tanh": np.tanh, "identity": lambda Z: Z}
    sigma["logistic"] = lambda Z: 1 / (1 + np.exp(-Z))
    names = [network.activation] * (network.n_layers_ - 2) + ["identity"]
    for W, b, name in zip(network.coefs_, network.intercepts_, names, strict=True):
        A = sigma[name](A @ W.astype(float) + b)
    return A


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("scaling", ["auto", "standard", None])
def test_the_network_takes_x_as_it_is_and_predicts_y(scaling, activation):
    model = regressor(**PLAIN, feature_scaling=scaling, activation=activation).fit(X, PRODUCT)
    network = to_emlearn(model)
    assert network.n_layers_ == 4
    assert_allclose(forward(network, X)[:, 0], model.predict(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_c_predicts_what_the_classifier_predicts(n_classes):
    emlearn = imported_emlearn()
    y = CLASSES[np.digitize(PRODUCT, [-0.5, 0.5] if n_classes == 3 else [0.0])]
    model = classifier(**PLAIN).fit(X, y)
    written = emlearn.convert(to_emlearn(model), method="loadable")
    assert_array_equal(model.classes_[written.predict(X)], model.predict(X))
    assert_allclose(written.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-5)


def test_c_predicts_what_the_regressor_predicts():
    emlearn = imported_emlearn()
    model = regressor(**PLAIN).fit(X, 100.0 + PRODUCT)
    written = emlearn.convert(to_emlearn(model), method="loadable", return_type="regressor")
    assert_allclose(written.predict(X), model.predict(X), rtol=1e-6)


def test_emlearn_reads_an_estimator_that_does_not_scale():
    emlearn = imported_emlearn()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = classifier(**PLAIN, feature_scaling=None).fit(Z, PRODUCT > 0)
    written = emlearn.convert(model, kind="MLPClassifier", method="loadable")
    assert_array_equal(written.predict(Z), model.predict(Z))


LABELS = CLASSES[np.digitize(PRODUCT, [-0.5, 0.5])]
GAPS = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
CODED = np.where(RNG.random(X.shape) < 0.1, -999.0, X)
SKEWED = np.exp(3 * RNG.normal(size=X.shape))


@pytest.mark.parametrize(
    ("model", "X", "y", "words"),
    [
        (classifier(**PLAIN, n_members=3), X, LABELS, "it has 3 networks. Fit one"),
        (classifier(**PLAIN, cv=2), X, LABELS, "it has 2 networks"),
        (classifier(numeric_embedding="periodic"), X, LABELS, "numeric_embedding=None"),
        (regressor(numeric_embedding="ple"), X, PRODUCT, "numeric_embedding=None"),
        (classifier(**PLAIN, categorical_features=[0]), np.round(X), LABELS, "X has categories"),
        (regressor(**PLAIN), GAPS, PRODUCT, "without missing numbers"),
        (regressor(**PLAIN), CODED, PRODUCT, "read as missing"),
        (regressor(**PLAIN), SKEWED, PRODUCT, r"is done to X \(quantile\)"),
        (regressor(**PLAIN, feature_scaling="robust"), X, PRODUCT, r"done to X \(robust\)"),
        (regressor(**PLAIN), X + 1e4, PRODUCT, "standard deviations from 0, and float32"),
        (regressor(**PLAIN), X * 1e4, PRODUCT, "larger unit, so that its numbers are smaller"),
        (regressor(**PLAIN), X, PRODUCT / 1e5, "smaller unit, so that its numbers are larger"),
        (regressor(**PLAIN, activation="gelu"), X, PRODUCT, "activations"),
        (regressor(**PLAIN, activation=["relu", "tanh"]), X, PRODUCT, "one activation of"),
        (regressor(hidden_layer_sizes=(), numeric_embedding=None), X, PRODUCT, "a hidden layer"),
        (classifier(**PLAIN), X, np.stack([X[:, 0] > 1, X[:, 1] > -30], 1).astype(int), "2 outp"),
        (regressor(**PLAIN), X, X[:, :2], "it has 2 outputs"),
        (regressor(**PLAIN, loss="poisson"), X, np.abs(PRODUCT), "link 'exp'"),
    ],
)
def test_what_is_no_plain_network_is_an_error_that_says_how_to_fit_one(model, X, y, words):
    model.fit(X, y)
    with pytest.raises(ValueError, match=f"emlearn cannot run this .*{words}"):
        to_emlearn(model)
