"""Graphs of ONNX, run by onnxruntime, against the estimators from which they were made."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine.activations import ACTIVATIONS
from sknet._engine.links import LINKS
from sknet._table.encodings import ENCODINGS
from sknet.onnx import to_onnx
from tests.export.common import classifier, feeds, label, number, regressor
from tests.export.models import MODELS, NUMBERS, ROWS, TABLE, rows_for
from tests.marks import ignore_convergence, unknown_levels

ort = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
skl2onnx = pytest.importorskip("skl2onnx")

pytestmark = [
    ignore_convergence, unknown_levels,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*looks like an identifier"),
]  # fmt: skip

RNG = np.random.default_rng(1)


def outputs(graph, X):
    onnx.checker.check_model(graph, full_check=True)
    session = ort.InferenceSession(graph.SerializeToString())
    return session.run(None, feeds(session, X))


def assert_equal_outputs(model, graph, X, tolerance=1e-5):
    """The graph predicts what the estimator predicts."""
    found = outputs(graph, X)
    expected = model.predict(X)
    if hasattr(model, "classes_"):
        labels, P = found
        assert_array_equal(labels, expected)
        assert_allclose(P, model.predict_proba(X), rtol=0, atol=tolerance)
    else:
        (prediction,) = found
        scale = np.abs(expected).max()
        assert prediction.ndim == 2
        expected = expected.reshape(prediction.shape)
        assert_allclose(prediction, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_predicts_what_the_estimator_predicts(name):
    model, X, y = MODELS[name]
    model.fit(X, y)
    assert_equal_outputs(model, to_onnx(model), rows_for(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_exported(activation, dtype):
    model = regressor(activation=activation, dtype=dtype).fit(NUMBERS, number(TABLE))
    assert_equal_outputs(model, to_onnx(model), NUMBERS)


def test_every_part_has_a_function():
    from sknet._export.onnx import encodings, network, outputs

    assert encodings.ENCODINGS.keys() == ENCODINGS.keys()
    assert network.ACTIVATIONS.keys() == ACTIVATIONS.keys()
    assert outputs.LINKS.keys() == LINKS.keys()


def mixed_pipeline():
    text, numbers = ["few", "many"], ["plain number", "with gaps", "count"]
    columns = ColumnTransformer(
        [
            ("text", OneHotEncoder(handle_unknown="ignore", sparse_output=False), text),
            ("numbers", StandardScaler(), numbers),
        ]
    )
    X = TABLE[[*text, *numbers]].assign(few=TABLE["few"].fillna("gap"))
    X["count"] = X["count"].astype(float)
    return columns, X


@pytest.mark.parametrize("options", [None, {"zipmap": False}])
@pytest.mark.parametrize("estimator", [classifier(), regressor()], ids=["classes", "numbers"])
def test_skl2onnx_converts_a_pipeline_without_registration(estimator, options):
    columns, X = mixed_pipeline()
    y = label(TABLE) if isinstance(estimator, MLPBackpropClassifier) else number(TABLE)
    model = make_pipeline(columns, estimator).fit(X, y)
    rows = X.head(60).assign(many=lambda rows: rows["many"].where(rows.index % 7 > 0, "unknown"))
    graph = skl2onnx.to_onnx(
        model, X.head(1), options=options, target_opset={"": 18, "ai.onnx.ml": 3}
    )
    assert_equal_outputs(model, graph, rows)
    assert_equal_outputs(model, to_onnx(model, X.head(1)), rows)


@pytest.mark.parametrize("opset", [13, 15, 17, 18, 21])
def test_skl2onnx_converts_the_estimator_for_any_opset(opset):
    model = classifier().fit(TABLE, label(TABLE))
    X = TABLE.assign(few=TABLE["few"].fillna("")).astype({"yes or no": object, "two values": float})
    graph = skl2onnx.to_onnx(model, X.head(1), target_opset=opset)
    assert {own.version for own in graph.opset_import if own.domain == ""} == {opset}
    assert_equal_outputs(model, graph, ROWS)
    assert_equal_outputs(model, to_onnx(model, target_opset=opset), ROWS)


def test_matrices_of_several_columns_are_read():
    """As a step of a pipeline returns them: text in one matrix, numbers in another."""
    from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

    X = TABLE[["few", "many", "plain number", "with gaps", "flag"]]
    model = classifier().fit(X, label(TABLE))
    types = [("text", StringTensorType([None, 2])), ("rest", DoubleTensorType([None, 3]))]
    graph = skl2onnx.to_onnx(model, initial_types=types, target_opset=13)
    session = ort.InferenceSession(graph.SerializeToString())
    rows = ROWS[X.columns]
    text = rows[["few", "many"]].fillna("").astype(str).to_numpy(dtype=object)
    rest = rows[["plain number", "with gaps", "flag"]].to_numpy(dtype=float)
    _, P = session.run(None, {"text": text, "rest": rest})
    assert_allclose(P, model.predict_proba(rows), rtol=0, atol=1e-5)


def test_inputs_are_the_columns_by_name_and_opset_and_ir_version_are_low():
    model = classifier().fit(TABLE, label(TABLE))
    graph = to_onnx(model)
    assert [one.name for one in graph.graph.input] == list(TABLE.columns)
    assert {own.domain: own.version for own in graph.opset_import} == {"": 13, "ai.onnx.ml": 2}
    assert graph.ir_version == 7


def test_float32_rows_are_read_in_float32():
    X = NUMBERS.astype(np.float32)
    model = regressor().fit(X, number(TABLE))
    graph = to_onnx(model, X[:1])
    (prediction,) = outputs(graph, X)
    assert prediction.dtype == model.predict(X).dtype == np.float32
    assert_equal_outputs(model, graph, X)


def test_a_target_that_float32_cannot_resolve_is_predicted_in_float64():
    X, y = NUMBERS.astype(np.float32), 1e9 + number(TABLE)
    model = regressor().fit(X, y)
    (prediction,) = outputs(to_onnx(model, X[:1]), X)
    assert prediction.dtype == np.float64
    assert_allclose(prediction[:, 0] - 1e9, model.predict(X) - 1e9, rtol=0, atol=1e-5 * 60)


@pytest.mark.parametrize("dtype", [object, "boolean"])
def test_booleans_with_gaps_are_numbers_or_text(dtype):
    X = TABLE[["flag", "count"]].astype({"flag": object})
    X.loc[X.index % 3 == 0, "flag"] = None
    X["flag"] = X["flag"].astype(dtype)
    model = classifier().fit(X, label(TABLE))
    assert_equal_outputs(model, to_onnx(model), X)
    assert_equal_outputs(model, to_onnx(model, X), X)
    if dtype is object:  # skl2onnx takes columns of objects for text
        assert_equal_outputs(model, skl2onnx.to_onnx(model, X, target_opset=15), X)


def test_numeric_levels_and_nullable_integers():
    X = pd.DataFrame({"a": pd.Categorical(TABLE["count"]), "b": TABLE["count"].astype("Int64")})
    X.loc[::4, "b"] = pd.NA
    model = regressor().fit(X, number(TABLE))
    rows = X.copy()
    assert_equal_outputs(model, to_onnx(model), rows)
    assert_equal_outputs(model, to_onnx(model, X), rows)


def test_sparse_rows_are_predicted_as_dense_ones():
    from scipy.sparse import csr_array

    X = NUMBERS * (RNG.random(NUMBERS.shape) < 0.3)
    model = regressor().fit(csr_array(X), number(TABLE))
    far = np.where(RNG.random(X.shape) < 0.1, 10 * X, X)
    (prediction,) = outputs(to_onnx(model), far)
    expected = model.predict(csr_array(far))
    assert_allclose(prediction[:, 0], expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_a_search_is_converted_by_its_best_estimator():
    search = GridSearchCV(regressor(), {"hidden_layer_sizes": [(4,), (8,)]}, cv=2)
    search.fit(NUMBERS, number(TABLE))
    assert_equal_outputs(search.best_estimator_, to_onnx(search), NUMBERS)


def test_an_estimator_around_it_that_skl2onnx_does_not_convert_is_an_error():
    model = VotingClassifier([("a", classifier()), ("b", classifier(random_state=1))])
    model.fit(NUMBERS, label(TABLE))
    words = "does not convert a MLPBackpropClassifier inside a VotingClassifier"
    with pytest.raises(ValueError, match=words):
        to_onnx(model, NUMBERS[:1])


def test_a_pipeline_that_imputes_in_float32():
    columns = ["plain number", "with gaps", "coded"]
    X = TABLE[columns].to_numpy(dtype=np.float32)
    model = make_pipeline(SimpleImputer(), StandardScaler(), regressor()).fit(X, number(TABLE))
    assert_equal_outputs(model, to_onnx(model, X[:1]), X)


def test_a_subclass_is_converted():
    class Own(MLPBackpropRegressor):
        pass

    model = Own(max_iter=5, random_state=0).fit(NUMBERS, number(TABLE))
    assert_equal_outputs(model, skl2onnx.to_onnx(model, NUMBERS[:1], target_opset=15), NUMBERS)


def test_messages_name_the_column_and_the_cure():
    from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

    X = TABLE[["few", "count"]]
    model = classifier().fit(X, label(TABLE))
    text, numbers = StringTensorType([None, 1]), DoubleTensorType([None, 1])
    for types, words in (
        ([("few", text), ("count", text)], "Column 'count' of X holds numbers"),
        ([("few", numbers), ("count", numbers)], "Column 'few' of X is a category of text"),
        ([("few", text)], "inputs have 1 columns, and this estimator was fitted on 2"),
    ):
        with pytest.raises(ValueError, match=words):
            skl2onnx.to_onnx(model, initial_types=types, target_opset=13)
    with pytest.raises(ValueError, match=r"target_opset asks for opset 12 .* need 13"):
        to_onnx(model, target_opset=12)
    with pytest.raises(ValueError, match=r"options .*nocl.* have no effect"):
        skl2onnx.to_onnx(model, X.fillna(""), options={"nocl": True}, target_opset=13)
    with pytest.raises(NotFittedError):
        to_onnx(classifier())
    with pytest.raises(ValueError, match="X is None, and Pipeline"):
        to_onnx(make_pipeline(StandardScaler(), classifier()).fit(NUMBERS, label(TABLE)))
