"""Functions of scikit-learn that see other names in place of those of their module."""

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any


def rebound(function: Callable[..., Any], **names: Any) -> Any:
    """Return a copy of `function` in which `names` replace names of its module.

    The function inside decorators that keep ``__wrapped__`` is copied too. Nothing of the module
    changes. All else, now and in later versions of scikit-learn, is its own code.

    Examples
    --------
    >>> from sknet._search.rebound import rebound
    >>> import statistics
    >>> rebound(statistics.median, sorted=lambda data: [7, 8, 9])([1, 2, 3])
    8
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"{function!r} is no function of Python.")
    wrapped = getattr(function, "__wrapped__", None)
    cells = function.__closure__
    if wrapped is not None and cells is not None:
        inner = rebound(wrapped, **names)
        cells = tuple(CellType(inner) if _holds(cell, wrapped) else cell for cell in cells)
    visible = {**function.__globals__, **names}
    copy = FunctionType(function.__code__, visible, function.__name__, function.__defaults__, cells)
    copy.__kwdefaults__ = function.__kwdefaults__
    vars(copy).update(vars(function))
    if wrapped is not None:
        copy.__wrapped__ = inner  # type: ignore[attr-defined]
    copy.__doc__, copy.__qualname__ = function.__doc__, function.__qualname__
    return copy


def _holds(cell: CellType, value: Any) -> bool:
    try:
        return cell.cell_contents is value
    except ValueError:  # an empty cell
        return False
