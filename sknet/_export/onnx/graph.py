"""Adds nodes and constants to the graph that skl2onnx builds.

Values of the graph are named by strings. An argument of a node may also be an array: it becomes a
constant of the graph.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.helper import np_dtype_to_tensor_dtype

#: The least opset that has all operators which are used, with axes as inputs.
LEAST_OPSET = 13
#: The least opset of "ai.onnx.ml": its LabelEncoder maps text to integers.
LEAST_ML_OPSET = 2
ML = "ai.onnx.ml"


class Graph:
    """A graph of ONNX in the making.

    Parameters
    ----------
    scope, container : objects of skl2onnx
        They name values, and collect nodes and constants.

    Raises
    ------
    ValueError
        If the opset that the user asks for is too low.
    """

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container
        for domain, least in (("", LEAST_OPSET), (ML, LEAST_ML_OPSET)):
            opset = container.target_opset_any_domain(domain)
            if opset is not None and opset < least:
                raise ValueError(
                    f"target_opset asks for opset {opset} of {domain or 'ai.onnx'!r}; the operators"
                    f" of this network need {least} or more."
                )

    def __call__(self, operator: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Add a node with one output, and return the name of its output."""
        output = self._scope.get_unique_variable_name(operator.lower())
        self._add(operator, inputs, output, attributes)
        return output

    def finish(self, value: str, output: str) -> None:
        """Give a value the name of an output of the whole graph."""
        self._add("Identity", (value,), output, {})

    def _add(self, operator: str, inputs: Any, output: str, attributes: dict[str, Any]) -> None:
        names = [a if isinstance(a, str) else self.constant(a) for a in inputs]
        if operator == "LabelEncoder":  # the newest version has more types, and is not always known
            attributes = {**attributes, "op_domain": ML, "op_version": LEAST_ML_OPSET}
        name = self._scope.get_unique_operator_name(operator)
        self._container.add_node(operator, names, [output], name=name, **attributes)

    def constant(self, values: Any) -> str:
        """Add an array to the graph; an array of objects holds text."""
        values, name = np.asarray(values), self._scope.get_unique_variable_name("constant")
        if values.dtype.kind in "OU":
            text = [str(value).encode() for value in values.ravel()]
            self._container.add_initializer(name, TensorProto.STRING, list(values.shape), text)
        else:
            tensor = numpy_helper.from_array(np.ascontiguousarray(values))
            self._container.add_initializer(name, None, None, tensor)
        return name

    def cast(self, value: str, dtype: Any) -> str:
        """Return the value in a dtype."""
        return self("Cast", value, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def take(self, value: str, columns: Any) -> str:
        """Return some columns of a matrix."""
        return self("Gather", value, np.asarray(columns, np.int64), axis=1)

    def side_by_side(self, values: list[str]) -> str:
        """Return matrices side by side."""
        return values[0] if len(values) == 1 else self("Concat", *values, axis=-1)
