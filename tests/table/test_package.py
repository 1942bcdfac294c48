"""The modules of `sknet._table`: each is in the map, none is too long, and imports go one way."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sknet" / "_table"
FILES = sorted(path for path in PACKAGE.glob("*.py") if path.stem != "__init__")
MAP = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
LISTED = re.findall(r"^(\w+)\.py +\S", MAP, re.M)
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_package_is_a_map_of_every_file_and_nothing_else():
    assert sorted(LISTED) == [path.stem for path in FILES]
    assert len(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body) == 1


@each_file
def test_a_module_imports_only_what_stands_above_it_in_the_map(path):
    source = path.read_text(encoding="utf-8")
    used = set(re.findall(r"^from sknet\._table\.(\w+) import", source, re.M))
    assert used <= set(LISTED[: LISTED.index(path.stem)])


@each_file
def test_no_module_is_above_450_lines_and_no_function_above_50_lines_of_code(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 450
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and node.body[1:] else node.body[0]
            code = [line for line in lines[first.lineno - 1 : node.end_lineno] if line.strip()]
            assert len(code) <= 50, node.name
