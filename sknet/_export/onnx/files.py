"""A fitted estimator -> a model of ONNX, with an input for each column of X."""

from typing import Any

import numpy as np
from onnx import ModelProto
from onnx.helper import find_min_ir_version_for
from skl2onnx import convert_sklearn

from sknet._export.duck import Convertible
from sknet._export.onnx.converter import tensor_type
from sknet._export.onnx.graph import LEAST_ML_OPSET, LEAST_OPSET, ML
from sknet._table.categorical import is_arrow, is_frame, names_in
from sknet._table.kinds import CATEGORIES, name_of


def onnx_model(estimator: Any, X: Any, target_opset: int | None) -> ModelProto:
    """Return the model of ONNX: see ``sknet.onnx.to_onnx``."""
    estimator = getattr(estimator, "best_estimator_", estimator)  # of a search
    types = fitted_types(estimator) if X is None else types_in(X, estimator)
    opsets = {"": target_opset or LEAST_OPSET, ML: LEAST_ML_OPSET}
    name = type(estimator).__name__
    try:
        model = convert_sklearn(estimator, name=name, initial_types=types, target_opset=opsets)
    except KeyError as error:
        inner = error.args[0]
        if not (isinstance(inner, type) and issubclass(inner, Convertible)):
            raise
        raise ValueError(
            f"skl2onnx does not convert a {inner.__name__} inside a {name}: only alone, as a step"
            " of a Pipeline, or as the best estimator of a search. Convert it alone, or register it"
            " by skl2onnx.update_registered_converter."
        ) from error
    _name_inputs(model, [name for name, _ in types])
    model.ir_version = find_min_ir_version_for(list(model.opset_import))
    return model


def _name_inputs(model: ModelProto, wanted: list[str]) -> None:
    """Give the inputs the names of the columns, in which skl2onnx replaces spaces and signs."""
    graph = model.graph
    name_of = {one.name: name for one, name in zip(graph.input, wanted, strict=True)}
    for one in graph.input:
        one.name = name_of[one.name]
    for node in graph.node:
        node.input[:] = [name_of.get(name, name) for name in node.input]


def fitted_types(estimator: Any) -> list[tuple[str, Any]]:
    """Return name and type of each input, for rows as in `fit`."""
    if not isinstance(estimator, Convertible):
        raise ValueError(
            f"X is None, and {type(estimator).__name__} does not tell the dtypes of its columns."
            " Pass some rows of X."
        )
    encoder, names = estimator._encoder, getattr(estimator, "feature_names_in_", None)
    if names is None and not encoder.categorical.any():
        return [("X", tensor_type(float)([None, estimator.n_features_in_]))]
    dtypes = np.full(estimator.n_features_in_, np.dtype(float))
    for k, levels in zip(np.flatnonzero(encoder.categorical), encoder.levels, strict=True):
        if not levels or isinstance(levels[0], str):
            dtypes[k] = np.dtype(object)
        elif isinstance(levels[0], bool) and encoder.state["missing"][k] == 0.0:
            dtypes[k] = np.dtype(bool)
    return _one_a_column(estimator, names, dtypes)


def types_in(X: Any, estimator: Any) -> list[tuple[str, Any]]:
    """Return name and type of each input, for rows like those of `X`."""
    if is_arrow(X):
        X = X.to_pandas()
    if is_frame(X):
        names = names_in(X)
        return _one_a_column(estimator, names, [dtype_of(X[name]) for name in names])
    X = np.asarray(X)
    if X.dtype.kind in "OU":
        return _one_a_column(estimator, None, list(map(dtype_of, X.T)))
    return [("X", tensor_type(X.dtype)([None, X.shape[1]]))]


def dtype_of(column: Any) -> np.dtype:
    """Return the dtype of the arrays that hold such a column; object for text.

    Numbers and booleans with missing values are float64.
    """
    values = np.asarray(column)
    if values.dtype.kind in "biuf":
        return values.dtype
    types = {type(value) for value in values.tolist()}
    if types == {bool}:
        return np.dtype(bool)
    name = "" if isinstance(column, np.ndarray) else name_of(column.dtype)
    is_text = str in types or (types.isdisjoint({bool, int, float}) and CATEGORIES.match(name))
    return np.dtype(object if is_text else float)


def _one_a_column(estimator: Any, names: Any, dtypes: Any) -> list[tuple[str, Any]]:
    names = [f"x{k}" for k in range(len(dtypes))] if names is None else map(str, names)
    return [(name, tensor_type(d)([None, 1])) for name, d in zip(names, dtypes, strict=True)]
