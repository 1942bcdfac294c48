"""The inputs of a graph of ONNX -> numbers, and codes of categories: twin of ``sknet._table``.

A graph has one input for each column of X, or matrices of several columns, whose columns are those
of X in their order.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from onnx.helper import tensor_dtype_to_np_dtype

from sknet._export.onnx.graph import Graph

#: How ONNX runtimes write booleans as text.
WRITTEN = {False: "False", True: "True"}


class Column(NamedTuple):
    """A column of X: the k-th one of an input of the graph.

    Attributes
    ----------
    name : object
        The name of the column of X, for messages.
    input : str
        The name of the input.
    k : int
    width : int
        The number of columns of the input.
    dtype : dtype
        Of the input; object for text.
    """

    name: Any
    input: str
    k: int
    width: int
    dtype: np.dtype

    @property
    def is_text(self) -> bool:
        return self.dtype.kind == "O"


def columns_of(inputs: Sequence[Any], names: Sequence[Any]) -> list[Column]:
    """Return the columns of X, given the inputs of the graph.

    Parameters
    ----------
    inputs : sequence of Variable
        As skl2onnx declares them.
    names : sequence
        The names of the columns of X.

    Raises
    ------
    ValueError
        If the inputs have another number of columns than X.
    """
    shapes = [list(own.type.shape) for own in inputs]
    widths = [shape[1] if len(shape) == 2 else None for shape in shapes]
    known = [n for n in widths if isinstance(n, int)]
    if len(known) == len(widths) - 1:  # a step before did not say how many columns it returns
        widths = [n if isinstance(n, int) else len(names) - sum(known) for n in widths]
    places = [
        (own, k, n)
        for own, n in zip(inputs, widths, strict=True)
        for k in range(n if isinstance(n, int) else 0)
    ]
    if len(places) != len(names):
        raise ValueError(
            f"The graph's inputs have {len(places)} columns, and this estimator was fitted on"
            f" {len(names)}. Declare one input of shape [None, 1] for each column of X, or a matrix"
            " of all of them."
        )
    return [
        Column(name, own.onnx_name, k, width, _dtype_of(own.type))
        for name, (own, k, width) in zip(names, places, strict=True)
    ]


def _dtype_of(declared: Any) -> np.dtype:
    """Return the dtype of a type of skl2onnx; object for text."""
    element = declared.to_onnx_type().tensor_type.elem_type
    return np.dtype(tensor_dtype_to_np_dtype(element))


def table_dtype(columns: Sequence[Column]) -> np.dtype:
    """Return the dtype in which numbers are read: float32 if all are, as in `predict`."""
    narrow = columns and all(own.dtype.kind == "f" and own.dtype.itemsize <= 4 for own in columns)
    return np.dtype(np.float32 if narrow else np.float64)


def numbers(g: Graph, columns: Sequence[Column], dtype: np.dtype) -> str | None:
    """Return the numbers of X as a matrix; None if X has none."""
    for own in columns:
        if own.is_text:
            raise ValueError(
                f"Column {own.name!r} of X holds numbers, and its input is declared as text."
                " Declare it as DoubleTensorType([None, 1])."
            )
    parts = []
    for name, group in groupby(columns, key=lambda own: own.input):
        part = list(group)
        whole = len(part) == part[0].width
        value = name if whole else g.take(name, [own.k for own in part])
        parts.append(value if part[0].dtype == dtype else g.cast(value, dtype))
    return g.side_by_side(parts) if parts else None


def codes(g: Graph, column: Column, levels: Sequence[Any], code_of: np.ndarray) -> str:
    """Return the codes (n_samples, 1) of a category; 0 for missing and unknown levels.

    Parameters
    ----------
    g : Graph
    column : Column
    levels : sequence
        The levels that were learned.
    code_of : ndarray of int of shape (n_levels + 1,)
        The code of each level; the last entry is 0.
    """
    value = column.input if column.width == 1 else g.take(column.input, [column.k])
    kind = type(levels[0]) if levels else str
    if column.is_text and kind is bool:
        levels, kind = [WRITTEN[level] for level in levels], str
    if column.is_text != (kind is str) and levels:
        holds, wanted = ("text", "String") if kind is str else ("numbers", "Double")
        raise ValueError(
            f"Column {column.name!r} of X is a category of {holds}, and its input is declared as"
            f" {column.dtype}. Declare it as {wanted}TensorType([None, 1])."
        )
    if column.is_text:
        return _codes_of_text(g, value, levels, code_of)
    return _codes_of_numbers(g, value, column.dtype, levels, code_of)


def _codes_of_text(g: Graph, value: str, levels: Sequence[str], code_of: np.ndarray) -> str:
    return g(
        "LabelEncoder", value, keys_strings=list(levels) or [""],
        values_int64s=code_of[:-1].tolist() or [0], default_int64=0,
    )  # fmt: skip


def _codes_of_numbers(
    g: Graph, value: str, dtype: np.dtype, levels: Sequence[Any], code_of: np.ndarray
) -> str:
    """The sum over the levels of [x = level] times its code; a missing x is equal to none."""
    whole = all(isinstance(level, int) for level in levels) and dtype.kind in "iu"
    wanted = np.dtype(np.int64 if whole else np.float64)
    found = g("Equal", g.cast(value, wanted), np.array([list(levels)], wanted))
    codes = g("MatMul", g.cast(found, np.float64), code_of[:-1, None].astype(np.float64))
    return g.cast(codes, np.int64)
