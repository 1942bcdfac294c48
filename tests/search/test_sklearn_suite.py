"""scikit-learn's own tests of its searches and of cross-validation, run with this package's names.

The files are those of the installed scikit-learn. After their imports, names are imported again,
from ``sknet.model_selection``.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sklearn.model_selection

import sknet
from sknet import model_selection

CONFTEST = """
import numpy, pytest

@pytest.fixture
def global_random_seed():
    return 42

@pytest.fixture(params=[numpy.float32, numpy.float64])
def global_dtype(request):
    return request.param

@pytest.fixture(autouse=True)
def seeded():
    numpy.random.seed(0)
"""
#: The tests that must fail with this package's names, each with its reason: none.
FAILING: dict[str, str] = {}
#: At least so many tests of each file pass.
PASSED = {"test_search.py": 100, "test_successive_halving.py": 30, "test_validation.py": 90}


def with_our_names(source):
    """Return the source of a test file that imports the names again after its imports."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    last = max(n.end_lineno for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    names = ", ".join(sorted(used.intersection(model_selection.__all__)))
    lines = source.splitlines()
    return "\n".join([*lines[:last], f"from sknet.model_selection import {names}", *lines[last:]])


@pytest.mark.parametrize("name", PASSED)
def test_scikit_learns_tests_pass(name, tmp_path):
    folder = Path(sklearn.model_selection.__file__).parent / "tests"
    source = with_our_names((folder / name).read_text(encoding="utf-8"))
    (tmp_path / name).write_text(source, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "--tb=line", "--junit-xml=report.xml"]
    python_path = str(Path(sknet.__file__).parents[1])
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", *options, name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": python_path, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    report = tmp_path / "report.xml"
    assert report.exists(), finished.stdout + finished.stderr
    cases = ElementTree.parse(report).iter("testcase")
    found = {case.get("name"): case[0].tag if len(case) else "passed" for case in cases}
    failed = {test for test, outcome in found.items() if outcome in ("failure", "error")}
    assert failed == FAILING.keys()
    assert list(found.values()).count("passed") >= PASSED[name]
