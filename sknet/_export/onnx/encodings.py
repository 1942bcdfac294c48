"""``ENCODINGS``: the columns of the network's input, twin of ``sknet._table.encodings``."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sknet._export.onnx.columns import Column, codes, numbers
from sknet._export.onnx.graph import Graph
from sknet._table.encoder import CODE_TOLERANCE, Encoder
from sknet._table.encoding import NUMBERS
from sknet._table.number_encodings import CLIP


def encoded(
    g: Graph, encoder: Encoder, columns: Sequence[Column], dtype: np.dtype, wanted: np.dtype
) -> tuple[str | None, list[str]]:
    """Return the columns of the network's input before the embeddings, and the embedded codes.

    Parameters
    ----------
    g : Graph
    encoder : Encoder
    columns : sequence of Column
        The columns of X.
    dtype : dtype
        In which numbers are scaled.
    wanted : dtype
        Of the result.
    """
    own = [columns[k] for k in np.flatnonzero(~encoder.categorical)]
    X = numbers(g, own, dtype)
    if X is not None:
        X = _without_codes(g, X, encoder.state["codes"], dtype)
    categories = [columns[k] for k in np.flatnonzero(encoder.categorical)]
    parts: list[str] = []
    embedded: list[str] = []
    for block in encoder.blocks:
        write = ENCODINGS[block.state["encoding"]]
        if block.reads == NUMBERS:
            parts.append(g.cast(write(g, block, g.take(X, block.columns), dtype), wanted))
        elif block.n_columns:
            read = [
                codes(g, categories[k], encoder.levels[k], code_of)
                for k, code_of in zip(block.columns, block.maps, strict=True)
            ]
            if block.embeds:
                embedded += read
            else:
                pairs = zip(read, block.counts, strict=True)
                parts += [g.cast(write(g, own, count), wanted) for own, count in pairs]
    return (g.side_by_side(parts) if parts else None), embedded


def _without_codes(g: Graph, X: str, codes: Sequence[np.ndarray], dtype: np.dtype) -> str:
    """NaN in place of the codes for missing numbers."""
    for own in codes:
        code = own.astype(dtype)[None]
        near = g("LessOrEqual", g("Abs", g("Sub", X, code)), CODE_TOLERANCE * np.abs(code))
        X = g("Where", near, np.array(np.nan, dtype), X)
    return X


# ------------------------------------------------------------ numbers


def _row(block: Any, name: str, dtype: np.dtype) -> np.ndarray:
    return block.in_dtype(dtype)[name][None]


def _filled(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    """The median in place of missing numbers."""
    return g("Where", g("IsNaN", X), _row(block, "fill", dtype), X)


def _between(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    """Numbers within the bounds of their columns."""
    return g("Min", g("Max", X, _row(block, "low", dtype)), _row(block, "high", dtype))


def _scaled(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    """(x - centre) factor."""
    return g("Mul", g("Sub", X, _row(block, "centre", dtype)), _row(block, "factor", dtype))


def _smoothly_clipped(g: Graph, U: str, dtype: np.dtype) -> str:
    """U / sqrt(1 + (U / 3)^2)."""
    V = g("Div", U, np.array(CLIP, dtype))
    return g("Div", U, g("Sqrt", g("Add", g("Mul", V, V), np.array(1.0, dtype))))


def as_it_is(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    X = _filled(g, block, X, dtype)
    return X if block.changes_nothing else _between(g, block, X, dtype)


def standard(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    return _scaled(g, block, _filled(g, block, X, dtype), dtype)


def linear(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    X = _between(g, block, _filled(g, block, X, dtype), dtype)
    return _scaled(g, block, X, dtype)


def robust(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    return _smoothly_clipped(g, standard(g, block, X, dtype), dtype)


def max_abs(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    U = standard(g, block, X, dtype)
    if not block.state["bounded"]:
        return U
    return g("Min", g("Max", U, np.array(-2.0, dtype)), np.array(2.0, dtype))


def quantile(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    """h_0 + sum over bins of (h_{t+1} - h_t) min(max((x - e_t) / (e_{t+1} - e_t), 0), 1).

    As in `Quantile`, the e are halves of the knots, so that their differences do not overflow.
    """
    halves, heights = (np.stack(own) for own in zip(*block.curves, strict=True))
    width = np.diff(halves)
    X = g.cast(_filled(g, block, X, dtype), np.float64)
    x = g("Unsqueeze", g("Div", X, np.array(2.0)), np.array([-1]))
    share = g("Div", g("Sub", x, halves[None, :, :-1]), np.where(width > 0.0, width, 1.0)[None])
    share = g("Min", g("Max", share, np.array(0.0)), np.array(1.0))
    rise = g("Mul", share, np.diff(heights)[None])
    risen = g("ReduceSum", rise, np.array([-1]), keepdims=0)
    return g("Add", risen, heights[None, :, 0])


def missing(g: Graph, block: Any, X: str, dtype: np.dtype) -> str:
    return g("IsNaN", X)


# ------------------------------------------------------------ categories


def signs(g: Graph, code: str, count: int) -> str:
    """-1 and +1; 0 where missing or unknown."""
    return g("Gather", np.array([0.0, -1.0, 1.0]), code)


def one_hot(g: Graph, code: str, count: int) -> str:
    """[code = c] for c = 1, 2, ..."""
    return g("Equal", code, np.arange(1, (count or 1) + 1)[None])


def left_out(g: Graph, code: str, count: int) -> str:
    raise AssertionError("it has no column")


#: Name -> function. Those that read numbers get (g, block, X, dtype), the others (g, code, count).
ENCODINGS: dict[str, Callable[..., str]] = {
    "as it is": as_it_is,
    "standard": standard,
    "robust": robust,
    "linear": linear,
    "quantile": quantile,
    "max_abs": max_abs,
    "clipped": robust,
    "missing": missing,
    "-1, +1": signs,
    "one-hot": one_hot,
    "embedding": left_out,
    "left out": left_out,
}
