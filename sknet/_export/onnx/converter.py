"""What skl2onnx asks of an estimator: names and types of its outputs, and the nodes between."""

from typing import Any

import numpy as np
from skl2onnx.common.data_types import guess_data_type

from sknet._export.onnx.columns import Column, columns_of, table_dtype
from sknet._export.onnx.encodings import encoded
from sknet._export.onnx.graph import Graph
from sknet._export.onnx.network import raw_output
from sknet._export.onnx.outputs import label_values, labels, predictions, probabilities


def parser(model: Any, scope: Any, inputs: Any) -> list[Any]:
    """Return the outputs of the estimator, as skl2onnx declares them."""
    types = output_types(model, np.dtype(np.float32))  # set_shapes sets the right ones
    return [scope.declare_local_variable(name, kind) for name, kind in types.items()]


def set_shapes(operator: Any) -> None:
    """Set the types of the outputs."""
    model = operator.raw_operator
    types = output_types(model, output_dtype(model, read_columns(model, operator.inputs)))
    for output, kind in zip(operator.outputs, types.values(), strict=True):
        output.set_type(kind)


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes from the inputs to the outputs."""
    model, g = operator.raw_operator, Graph(scope, container)
    _refuse_options(container.get_options(model, fail=False) or {})
    columns = read_columns(model, operator.inputs)
    read, network = number_dtype(model, columns), model.coefs_[0].dtype
    X, codes = encoded(g, model._encoder, columns, read, network)
    dtype = output_dtype(model, columns)
    Z = g.cast(raw_output(g, model, X, codes, network), dtype)
    n_members = 1 if model.coefs_[0].ndim == 2 else len(model.coefs_[0])
    if hasattr(model, "classes_"):
        P = probabilities(g, model, Z, n_members, dtype)
        values = [labels(g, model, P, dtype), P]
    else:
        values = [predictions(g, model, Z, n_members, dtype)]
    for value, output in zip(values, operator.outputs, strict=True):
        g.finish(value, output.full_name)


def _refuse_options(options: dict[str, Any]) -> None:
    """Raise for options of skl2onnx that change the outputs."""
    wanted = {name: value for name, value in options.items() if value}
    if wanted:
        raise ValueError(
            f"The options {wanted} of skl2onnx have no effect here: the outputs are the labels, and"
            " the probabilities as a matrix. Leave the options out, or pass zipmap=False."
        )


def read_columns(model: Any, inputs: Any) -> list[Column]:
    """Return the columns of X, in the order of `fit`."""
    names = getattr(model, "feature_names_in_", None)
    return columns_of(inputs, range(model.n_features_in_) if names is None else names.tolist())


def number_dtype(model: Any, columns: list[Column]) -> np.dtype:
    """Return the dtype in which numbers are read and scaled."""
    return table_dtype([columns[k] for k in np.flatnonzero(~model._encoder.categorical)])


def output_dtype(model: Any, columns: list[Column]) -> np.dtype:
    """Return the dtype of probabilities and predictions, as in `predict`."""
    least = getattr(model, "_y_dtype", "float32")
    return np.promote_types(number_dtype(model, columns), least)


def output_types(model: Any, dtype: np.dtype) -> dict[str, Any]:
    """Return the name and the type of each output; `dtype` is that of numbers."""
    n_outputs, numbers = model.n_outputs_, tensor_type(dtype)
    if not hasattr(model, "classes_"):
        return {"variable": numbers([None, n_outputs])}
    shape = [None, n_outputs] if model._indicator else [None]
    label = tensor_type(np.int64 if model._indicator else label_values(model).dtype)
    return {"label": label(shape), "probabilities": numbers([None, len(model.classes_)])}


def tensor_type(dtype: Any) -> Any:
    """Return the class of skl2onnx for arrays of a dtype; object is text."""
    return type(guess_data_type(np.empty((1, 1), dtype))[0][1])
