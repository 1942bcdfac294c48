"""Who may import whom, read from the source: nothing is imported here."""

import ast
import re
import sys
from hashlib import sha256
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sknet"
ENGINE = PACKAGE / "_engine"
FILES = sorted(PACKAGE.rglob("*.py"))
ENGINE_FILES = sorted(ENGINE.glob("*.py"))

# The arrows of the design: what each file of the engine may import of the engine.
ELEMENT_WISE = {"activations"}
BLOCKS = ELEMENT_WISE | {"initializers", "losses", "parameters"}
MAY_IMPORT = {
    "activations": set(),
    "batches": ELEMENT_WISE | {"layers"},
    "initializers": ELEMENT_WISE,
    "compiled": BLOCKS | {"embedding", "kernels", "layers", "network", "optimizers", "team"},
    "embedding": ELEMENT_WISE,
    "kernels": {"activations", "vector_math"},
    "layers": BLOCKS | {"embedding"},
    "loss_base": ELEMENT_WISE,
    "regression_losses": ELEMENT_WISE | {"loss_base"},
    "losses": ELEMENT_WISE | {"loss_base", "regression_losses"},
    "network": BLOCKS | {"embedding", "layers", "team"},
    "optimizers": ELEMENT_WISE | {"embedding", "team"},
    "parameters": ELEMENT_WISE,
    "prediction": BLOCKS | {"layers", "network", "team"},
    "schedules": set(),
    "stopping": ELEMENT_WISE | {"schedules"},
    "team": set(),
    "vector_math": set(),
    "training": BLOCKS
    | {
        "batches",
        "compiled",
        "layers",
        "network",
        "optimizers",
        "schedules",
        "stopping",
        "team",
    },
}
EXTRAS = {"kernels": {"numba"}, "vector_math": {"llvmlite", "numba"}}


def imports(source, package="sknet"):
    """Every module that is imported, absolutely, with each name imported from it appended."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: -node.level + 1 or None] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def outside_the_engine(source):
    """What is imported of sknet's other parts and of third parties, but for numpy and scipy."""
    at_home = {*sys.stdlib_module_names, "numpy", "scipy"}
    names = {name for name in imports(source, "sknet._engine") if name.split(".")[0] not in at_home}
    return {name for name in names if not name.startswith("sknet._engine")}


def private_scikit_learn(source):
    """Names with a leading underscore that are imported from scikit-learn, or reached in it."""
    private = re.compile(r"^sklearn\b.*\._(?!_)")
    attributes = (
        ast.unparse(n) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)
    )
    return {name for name in (*imports(source), *attributes) if private.match(name)}


@pytest.mark.parametrize("path", ENGINE_FILES, ids=lambda path: path.stem)
def test_the_engine_stands_on_numpy_and_scipy_alone(path):
    found = outside_the_engine(path.read_text(encoding="utf-8"))
    assert {name.split(".")[0] for name in found} <= EXTRAS.get(path.stem, set())


@pytest.mark.parametrize(
    "path", [p for p in ENGINE_FILES if p.stem != "__init__"], ids=lambda path: path.stem
)
def test_arrows_inside_the_engine_go_one_way(path):
    names = imports(path.read_text(encoding="utf-8"), "sknet._engine")
    used = {name.split(".")[2] for name in names if name.startswith("sknet._engine.")}
    assert used <= MAY_IMPORT[path.stem]


def test_kernels_change_with_the_arithmetic_that_is_compiled_into_them():
    """Else numba's cache, which looks at kernels.py alone, would keep what was compiled before."""
    digest = sha256((ENGINE / "vector_math.py").read_bytes()).hexdigest()[:12]
    assert f'VECTOR_MATH = "{digest}"' in (ENGINE / "kernels.py").read_text(encoding="utf-8")


def test_the_arrows_have_no_cycle():
    order = []
    while len(order) < len(MAY_IMPORT):
        free = [k for k, needs in MAY_IMPORT.items() if k not in order and needs <= set(order)]
        assert free
        order += free


def test_the_engine_has_a_map_of_every_file():
    listed = re.findall(
        r"^(\w+\.py) ",
        ast.get_docstring(ast.parse((ENGINE / "__init__.py").read_text(encoding="utf-8"))),
        re.M,
    )
    assert sorted(listed) == [p.name for p in ENGINE_FILES if p.stem != "__init__"]


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.name != "_compat.py"],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_private_scikit_learn_is_reached_from_compat_alone(path):
    assert private_scikit_learn(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from sklearn.utils._param_validation import Interval", True),
        ("from sklearn.neural_network import _base", True),
        ("import sklearn._loss.loss as loss", True),
        ("def f():\n    import sklearn\n    return sklearn.utils._tags", True),
        ("from sklearn.utils.validation import check_is_fitted", False),
        ("import sklearn\nversion = sklearn.__version__", False),
        ("from sknet._engine import network", False),
    ],
)
def test_private_names_are_recognised(source, found):
    assert bool(private_scikit_learn(source)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from sklearn.utils import shuffle", True),
        ("import pandas as pd", True),
        ("def f():\n    import sklearn", True),
        ("from sknet._params import check", True),
        ("from sknet import _fitting", True),
        ("from .. import _fitting", True),
        ("from ..plotting import curve", True),
        ("from sknet._engine.layers import Dense", False),
        ("from . import layers", False),
        ("from .layers import Dense", False),
        ("import numpy", False),
        ("from scipy.special import expit", False),
        ("from math import inf", False),
    ],
)
def test_imports_from_outside_the_engine_are_recognised(source, found):
    assert bool(outside_the_engine(source)) == found
