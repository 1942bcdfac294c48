"""Files of skops: the estimator's class is all that has to be trusted, as the pages say."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from tests.export.common import classifier, frame, label, number, regressor
from tests.marks import ignore_convergence

skops = pytest.importorskip("skops.io")
pytestmark = ignore_convergence

ROOT = Path(__file__).parents[2]
TABLE = frame(300)
CASES = {
    "classifier": (classifier(), label(TABLE)),
    "early stopping": (classifier(early_stopping=True), label(TABLE)),
    "continuing": (classifier(warm_start=True, n_members=2), label(TABLE)),
    "labels": (classifier(), np.stack([TABLE["flag"], TABLE["count"] > 4], axis=1).astype(int)),
    "regressor": (regressor(), number(TABLE)),
    "cross-fitted": (regressor(cv=3, max_onehot=2), number(TABLE)),
    "splines": (regressor(numeric_embedding="ple"), number(TABLE)),
    "cosines": (regressor(numeric_embedding="periodic"), number(TABLE)),
    "quantiles": (regressor(loss="quantile", quantile=[0.1, 0.9]), number(TABLE)),
    "seed": (regressor(random_state=np.random.RandomState(0)), number(TABLE)),
}


NAMES = {
    "MLPBackpropClassifier": "sknet._classifier.MLPBackpropClassifier",
    "MLPBackpropRegressor": "sknet._regressor.MLPBackpropRegressor",
}


def trusted(model):
    """The names that ``doc/saving.rst`` and SECURITY.md give."""
    return [NAMES[type(model).__name__]]


@pytest.mark.parametrize("name", CASES)
def test_the_class_is_all_that_has_to_be_trusted(name):
    model, y = CASES[name]
    file = skops.dumps(model.fit(TABLE, y))
    assert skops.get_untrusted_types(data=file) == trusted(model)
    loaded = skops.loads(file, trusted=trusted(model))
    assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    if name == "early stopping":
        assert_array_equal(loaded.predict_set(TABLE), model.predict_set(TABLE))
    if name == "cross-fitted":
        assert_array_equal(loaded.predict_interval(TABLE), model.predict_interval(TABLE))
    if name == "continuing":
        assert_array_equal(loaded.fit(TABLE, y).coefs_[0], model.fit(TABLE, y).coefs_[0])


def test_a_pipeline_needs_no_other_name():
    X = TABLE[["plain number", "count"]]
    model = make_pipeline(StandardScaler(), regressor()).fit(X, number(TABLE))
    file = skops.dumps(model)
    loaded = skops.loads(file, trusted=trusted(model[-1]))
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_nothing_is_loaded_without_trust():
    file = skops.dumps(regressor().fit(TABLE, number(TABLE)))
    with pytest.raises(TypeError, match="MLPBackpropRegressor"):
        skops.loads(file)


@pytest.mark.parametrize("page", ["SECURITY.md", "doc/saving.rst"])
def test_the_pages_name_the_classes_as_they_are(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for cls in (MLPBackpropClassifier, MLPBackpropRegressor):
        assert f"{cls.__module__}.{cls.__name__}" in text
