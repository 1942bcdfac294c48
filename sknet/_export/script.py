"""The text of a Python file: its constants, and the functions that it uses."""

import ast
import inspect
from base64 import b64encode
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import numpy as np

from sknet._export import numpy_parts

#: Characters of a line of base64.
LINE = 92


class Script:
    """Collects what a file of Python needs, while its expressions are written."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}
        self._used: set[str] = set()

    def array(self, name: str, values: Any) -> str:
        """Add an array, and return the name by which the file calls it."""
        count = sum(own.rstrip("0123456789").rstrip("_") == name for own in self._arrays)
        own = f"{name}_{count + 1}"
        self._arrays[own] = np.ascontiguousarray(values)
        return own

    def call(self, function: str, *arguments: Any) -> str:
        """Return the call of a function of ``numpy_parts``, whose source the file gets.

        Arrays become constants; other arguments are code.
        """
        self.use(function)
        return f"{function}({', '.join(map(str, arguments))})"

    def use(self, function: str) -> None:
        """Add a function of ``numpy_parts``, and those that it calls."""
        if function in self._used:
            return
        self._used.add(function)
        source = inspect.getsource(getattr(numpy_parts, function))
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        for name in names:
            if inspect.isfunction(getattr(numpy_parts, name, None)):
                self.use(name)

    def functions(self) -> Iterator[str]:
        """Yield the source of each function that is used, in the order of ``numpy_parts``."""
        for name, function in vars(numpy_parts).items():
            if name in self._used:
                yield inspect.getsource(function).rstrip()

    def arrays(self) -> Iterator[str]:
        """Yield the definition of each array."""
        for name, values in self._arrays.items():
            little = values.astype(values.dtype.newbyteorder("<"), copy=False)
            text = b64encode(little.tobytes()).decode()
            lines = "\n".join(f'    "{line}"' for line in wrap(text, LINE)) or '    ""'
            yield f"{name} = array({values.dtype.str!r}, {values.shape},\n{lines})"


def literal(values: dict[Any, Any], indent: str = "    ") -> str:
    """Return a dict as code, with an entry on each line."""
    entries = "".join(f"{indent}{key!r}: {value!r},\n" for key, value in values.items())
    return f"{{\n{entries}}}"
