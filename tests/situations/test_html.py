"""The diagram of a notebook: no block of features where scikit-learn's network has none."""

import re

import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.datasets import X_IRIS, Y_IRIS
from tests.marks import each_estimator, ignore_convergence
from tests.networks import network_maker
from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = ignore_convergence
network = network_maker()
X = pd.DataFrame(X_IRIS, columns=list("abcd"))
AROUND = {
    "alone": lambda model: model,
    "pipeline": lambda model: make_pipeline(StandardScaler(), model),
    "columns": lambda model: make_pipeline(
        make_column_transformer((StandardScaler(), ["a", "b"])), model
    ),
    "search": lambda model: GridSearchCV(model, {"alpha": [1e-6]}, cv=2),
    "bagging": lambda model: BaggingClassifier(model, 2),
}


def features(estimator):
    """The headings of blocks of features."""
    return re.findall(r"[\d,]+ (?:of [\d,]+ )?features?\b", estimator._repr_html_())


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_the_diagram_shows_no_features_of_the_hidden_layer(around):
    ours, theirs = around(network(MLPBackpropClassifier)), around(MLPClassifier((8,), max_iter=2))
    assert features(ours) == features(theirs)
    assert features(ours.fit(X, Y_IRIS)) == features(theirs.fit(X, Y_IRIS))


@each_estimator
def test_the_names_of_the_columns_of_transform_stay(cls):
    model = network(cls, n_members=2).fit(X, Y_IRIS)
    assert features(model) == []
    prefix = cls.__name__.lower()
    assert model.get_feature_names_out().tolist() == [f"{prefix}{k}" for k in range(16)]
    assert list(model.set_output(transform="pandas").transform(X).columns) == [
        f"{prefix}{k}" for k in range(16)
    ]


def test_a_network_as_a_step_that_transforms():
    model = make_pipeline(network(MLPBackpropRegressor), MLPClassifier(max_iter=2))
    assert features(model.fit(X, Y_IRIS)) == []
    assert len(model[:-1].get_feature_names_out()) == 8
