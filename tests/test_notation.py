"""Every expression that doc/notation.rst quotes stands in the function that it names."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "doc" / "notation.rst").read_text(encoding="utf-8")
HEADER = ["Equation", "Code", "Function", "Constant"]


def tables(text):
    """Cells of every list-table: title -> rows, the first of them the header."""
    found = {}
    for title, body in re.findall(r"^\.\. list-table:: (.+)\n((?:(?:   .*)?\n)+)", text, re.M):
        rows = re.split(r"^   \* - ", body, flags=re.M)[1:]
        found[title] = [
            [" ".join(cell.split()) for cell in re.split(r"^     - ", row, flags=re.M)]
            for row in rows
        ]
    return found


EQUATIONS = {title: rows[1:] for title, rows in tables(TEXT).items() if rows[0] == HEADER}
CELLS = [(title, *row) for title, rows in EQUATIONS.items() for row in rows]
QUOTES = [
    (*re.findall(r"``(.+?)``", function), quote)
    for _, _, code, function, _ in CELLS
    for quote in re.findall(r"``(.+?)``", code)
]


@cache
def functions(path):
    """Source of each function and method of a file, by its qualified name."""
    source = (ROOT / path).read_text(encoding="utf-8")
    found = {}

    def visit(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if isinstance(child, ast.FunctionDef):
                    found[name] = " ".join(ast.get_source_segment(source, child).split())
                visit(child, f"{name}.")

    visit(ast.parse(source), "")
    return found


@pytest.mark.parametrize(("path", "function", "quote"), QUOTES)
def test_quoted_expression_is_in_its_function(path, function, quote):
    assert quote in functions(path)[function]


def test_an_expression_of_another_function_is_not_found():
    found = functions("sknet/_engine/activations.py")
    assert "np.maximum(Z, zeros, out=A)" in found["relu"]
    assert "np.maximum(Z, zeros, out=A)" not in found["softplus"]


@pytest.mark.parametrize("row", CELLS, ids=lambda row: row[1])
def test_every_row_has_an_equation_a_quote_one_function_and_a_constant(row):
    _, equation, code, function, constant = row
    assert re.search(r":math:`.+`", equation)
    assert re.search(r"``.+``", code)
    assert re.fullmatch(r"``[\w/]+\.py``, ``[\w.]+``", function)
    assert re.match(r"(1|1/2|1/n|2)\b", constant)


def test_both_forms_are_there_in_full():
    assert {title: len(rows) for title, rows in EQUATIONS.items()} == {
        "Row form": 12,
        "Column form": 17,
        "Embeddings of numbers, factors, averaged weights and the temperature": 9,
    }


def test_symbols_of_the_design_are_all_defined():
    rows = tables(TEXT)["Symbols"]
    assert rows[0] == ["Mathematics", "Code", "Shape"]
    quoted = set(re.findall(r"``(.+?)``", " ".join(row[1] for row in rows)))
    for symbol in ("X", "Y", "W", "b", "Z", "A", "delta", "dW", "db", "dX", "theta", "grad", "w"):
        assert symbol in quoted
