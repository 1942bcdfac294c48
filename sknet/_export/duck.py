"""The three methods by which skl2onnx converts an estimator that it does not know."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn.utils.validation import check_is_fitted


class Convertible:
    """An estimator that ``skl2onnx.to_onnx`` converts without registration.

    ``sknet._export.onnx.converter`` is imported on use: it needs onnx and skl2onnx.
    """

    #: Where skl2onnx looks up which options it may pass on: those of scikit-learn's MLPClassifier.
    #: The converter takes ``zipmap=False``, which changes nothing, and refuses the others.
    alias = "SklearnMLPClassifier"

    def onnx_parser(self) -> Callable[..., list[Any]]:
        """Get the function that declares the outputs; skl2onnx calls it.

        Returns
        -------
        callable
            ``parser(scope, inputs)``, which returns variables of skl2onnx.
        """
        check_is_fitted(self)
        from sknet._export.onnx.converter import parser

        return partial(parser, self)

    def onnx_shape_calculator(self) -> Callable[[Any], None]:
        """Get the function that sets the types of the outputs; skl2onnx calls it.

        Returns
        -------
        callable
            ``shape_calculator(operator)``.
        """
        from sknet._export.onnx.converter import set_shapes

        return set_shapes

    def onnx_converter(self) -> Callable[[Any, Any, Any], None]:
        """Get the function that adds the nodes of the graph; skl2onnx calls it.

        Returns
        -------
        callable
            ``converter(scope, operator, container)``.
        """
        from sknet._export.onnx.converter import convert

        return convert
