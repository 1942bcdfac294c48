"""The diagram of a notebook: no block of features where scikit-learn's network has none."""

import pickle
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknet
from sknet import _html
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


HAS_TABLES = hasattr(BaseEstimator, "_get_fitted_attr_html")
needs_tables = pytest.mark.skipif(not HAS_TABLES, reason="needs scikit-learn 1.9")


def table(html, heading):
    """The rows of one of the tables, by the text of the first cell."""
    body = html.split(f"<summary>{heading}</summary>")[1].split("</table>")[0]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    texts = [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in rows]
    return {cells[0]: cells[1] for cells in texts if len(cells) == 2}


@needs_tables
def test_a_fitted_network_is_summarised():
    frame = X.assign(d=np.where(X["d"] > 1, "wide", "narrow"))
    model = sknet.MLPBackpropClassifier((8, 5), n_members=2, max_iter=4, random_state=0)
    assert "<summary>Fit</summary>" not in model._repr_html_()
    model.fit(frame, Y_IRIS, X_val=frame, y_val=Y_IRIS)
    found = table(model._repr_html_(), "Fit")
    n_in = model.coefs_[0].shape[1]
    assert found.pop("Seconds")
    assert found == {
        "Layers": f"{n_in} - 8 - 5 - 3 (relu)",
        "Output": "softmax",
        "Networks": "2",
        "Parameters": f"{model.n_parameters_:,}",
        "Epochs": f"{model.n_iter_}",
        "Best epoch": f"{model.best_iter_}",
        "Columns": "3 standard, 1 -1, +1",
    }
    pipeline = make_pipeline(StandardScaler(), network(MLPBackpropRegressor)).fit(X, Y_IRIS)
    found = table(pipeline._repr_html_(), "Fit")
    assert found["Best epoch"] == "the last one (no validation rows)"


@needs_tables
@each_estimator
def test_each_parameter_has_a_tooltip_of_its_docstring(cls):
    html = cls()._repr_html_()
    titles = dict(re.findall(r'<td class="param" title="(?s:(.*?))">(\w+)</td>', html))
    names = {name: unescape(text) for text, name in titles.items()}
    assert names.keys() == cls().get_params().keys()
    for name, text in names.items():
        assert text.startswith(f"{name} : ")
        assert " ".join(text.split("\n")[1].split()[:5]) in " ".join(cls.__doc__.split())


@each_estimator
def test_links_lead_to_the_page_of_the_class_once_there_is_an_address(cls, monkeypatch):
    model = getattr(sknet, cls.__name__)()
    assert "doc-link fitted" not in model._repr_html_()
    assert model._get_doc_link() == ""
    monkeypatch.setattr(_html, "DOCS_URL", "https://example.org/sknet")
    page = f"https://example.org/sknet/generated/sknet.{cls.__name__}.html"
    assert model._get_doc_link() == page
    assert f'href="{page}"' in model._repr_html_()
    if HAS_TABLES:
        assert f'href="{page}#:~:text=alpha' in model._repr_html_()


def test_seconds_do_not_make_equal_fits_differ():
    fits = [network(MLPBackpropRegressor).fit(X, Y_IRIS) for _ in range(2)]
    assert pickle.dumps(fits[0]) == pickle.dumps(fits[1])
