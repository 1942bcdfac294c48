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
ENGINE_FILES = sorted(ENGINE.rglob("*.py"))

# The arrows of the design: what each module of the engine may import of the engine.
MAY_IMPORT = {
    "activations": set(),
    "averages": {"activations", "one_hot"},
    "batches": {"activations", "layers", "one_hot"},
    "compiled": {
        "activations", "batches", "compiled_plan", "kernels", "network", "one_hot", "optimizers"
    },
    "compiled_plan": {"layers", "network", "optimizers", "parameters"},
    "directions": {"activations", "parameters"},
    "initializers": {"activations"},
    "kernels": {"activations", "kernels"},
    "layers": {"activations", "initializers", "layers", "parameters"},
    "lbfgs": {"activations", "batches", "network", "reports"},
    "links": {"activations", "averages", "one_hot"},
    "loss_base": {"activations", "averages", "links", "one_hot"},
    "losses": {"activations", "averages", "links", "loss_base", "regression_losses"},
    "network": {"activations", "layers", "loss_base", "parameters", "penalty", "team"},
    "one_hot": {"activations"},
    "optimizers": {"activations", "directions", "layers", "parameters", "team", "walk"},
    "parameters": {"activations"},
    "penalty": {"activations", "parameters", "team"},
    "prediction": {"activations", "layers", "network", "team"},
    "regression_losses": {"activations", "averages", "links", "loss_base"},
    "reports": set(),
    "rounds": {"activations", "batches", "optimizers", "training"},
    "schedules": set(),
    "stopping": {"parameters", "reports"},
    "stream": {"activations", "batches", "lbfgs", "network", "one_hot"},
    "team": set(),
    "training": {
        "activations", "batches", "compiled", "network", "optimizers", "parameters", "reports",
        "schedules", "stopping", "team",
    },
    "walk": {"activations", "directions", "layers", "parameters", "team"},
}  # fmt: skip
# What each part of the package may import of the others, besides itself: the data flow.
PARTS_MAY_IMPORT = {
    "_engine": set(),
    "_compat": set(),
    "_threads": set(),
    "_docs": set(),
    "_introspection": set(),
    "_html": set(),
    "_types": set(),
    "_table": {"_compat", "_engine", "_threads"},
    "_target": {"_compat", "_engine", "_table"},
    "_training": {"_compat", "_engine", "_table", "_target", "_threads"},
    "_fitted": {"_engine", "_table", "_threads"},
    "_export": {"_engine", "_table"},
    "onnx": {"_export"},
    "_plots": set(),
    "plotting": {"_plots"},
    "export": {"_base", "_export", "_fitted"},
    "_rules": set(),
    "_params": {"_compat", "_engine", "_rules", "_table"},
    "_attributes": {"_engine", "_fitted", "_table", "_target", "_training"},
    "_base": {
        "_attributes", "_compat", "_engine", "_export", "_fits", "_fitted", "_html",
        "_introspection", "_params", "_table", "_target", "_training", "_types",
    },
    "_fits": {"_table", "_target", "_training"},
    "_streams": {"_compat", "_table", "_target", "_training"},
    "_parquet": set(),
    "streaming": {"_parquet"},
    "_fit_batches": {
        "_base", "_compat", "_fits", "_params", "_rules", "_streams", "_table", "_target",
        "_training",
    },
    "_dask": {
        "_base", "_compat", "_fit_batches", "_fits", "_params", "_rules", "_streams", "_table",
        "_target", "_training",
    },
    "dask": {"_classifier", "_dask", "_params", "_regressor", "_types"},
    "_search": {"_base", "_fits", "_training"},
    "model_selection": {"_compat", "_search"},
    "presets": set(),
    "compile": {"_classifier", "_engine", "_regressor", "presets"},
    "_conformal": {"_engine", "_fitted", "_rules", "_types"},
    "_classifier": {
        "_compat", "_conformal", "_docs", "_engine", "_fit_batches", "_fits", "_fitted", "_params",
        "_target", "_types",
    },
    "_regressor": {
        "_compat", "_conformal", "_docs", "_engine", "_fit_batches", "_fits", "_fitted", "_params",
        "_target", "_types",
    },
}  # fmt: skip
EXTRAS = {"kernels": {"llvmlite", "numba"}}


def module(path):
    """The module of the engine, or its package, that a file is."""
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


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


@pytest.mark.parametrize("path", ENGINE_FILES, ids=module)
def test_the_engine_stands_on_numpy_and_scipy_alone(path):
    found = outside_the_engine(path.read_text(encoding="utf-8"))
    assert {name.split(".")[0] for name in found} <= EXTRAS.get(module(path), set())


@pytest.mark.parametrize("path", [p for p in ENGINE_FILES if module(p) != "__init__"], ids=module)
def test_arrows_inside_the_engine_go_one_way(path):
    names = imports(path.read_text(encoding="utf-8"), "sknet._engine")
    used = {name.split(".")[2] for name in names if name.startswith("sknet._engine.")}
    assert used <= MAY_IMPORT[module(path)]


def digest_of_kernels():
    """The digest of all files that are compiled into the functions of kernels/steps.py."""
    files = [ENGINE / "activations.py", *sorted((ENGINE / "kernels").glob("*.py"))]
    source = b"".join(path.read_bytes() for path in files if path.name != "steps.py")
    return sha256(source).hexdigest()[:12]


def test_kernels_change_with_all_that_is_compiled_into_them():
    """Else numba's cache, which looks at steps.py alone, would keep what was compiled before."""
    source = (ENGINE / "kernels" / "steps.py").read_text(encoding="utf-8")
    assert f'DIGEST = "{digest_of_kernels()}"' in source, "run: python tests/test_architecture.py"


def test_the_arrows_have_no_cycle():
    order = []
    while len(order) < len(MAY_IMPORT):
        free = [k for k, needs in MAY_IMPORT.items() if k not in order and needs <= {k, *order}]
        assert free
        order += free


def parts_used(path):
    """The parts of the package that a file imports, besides its own."""
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = imports(path.read_text(encoding="utf-8"))
    used = {name.split(".")[1] for name in names if name.startswith("sknet.")}
    return own, used - {own, "__version__"}


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p != PACKAGE / "__init__.py"],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_arrows_between_the_parts_follow_the_data_flow(path):
    own, used = parts_used(path)
    assert used <= PARTS_MAY_IMPORT[own]


def test_the_arrows_between_the_parts_have_no_cycle():
    order = []
    while len(order) < len(PARTS_MAY_IMPORT):
        free = [k for k, n in PARTS_MAY_IMPORT.items() if k not in order and n <= set(order)]
        assert free
        order += free


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_two_modules_import_each_other():
    """Nor do more of them in a circle; imports inside functions do not count."""
    names = {module_name(path) for path in FILES}
    graph = {}
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
        found = set()
        for name in imports(ast.unparse(top)):
            found.add(name if name in names else name.rpartition(".")[0])
        graph[module_name(path)] = (found & names) - {module_name(path)}
    done = set()
    while len(done) < len(graph):
        free = {name for name, needs in graph.items() if name not in done and needs <= done}
        assert free, sorted(set(graph) - done)
        done |= free


# ---------------------------------------------------------------------------------- size and shape

LONGEST_FUNCTION, LONGEST_MODULE = 50, 450


def lines_of_code(source):
    """Each function of a module with its lines of code: no docstring, comment or blank line."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            code = lines[body[0].lineno - 1 : node.end_lineno] if body else []
            yield (
                node.name,
                1 + sum(1 for line in code if line.strip() and not line.strip().startswith("#")),
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_functions_fit_a_screen_and_modules_a_reading(path):
    source = path.read_text(encoding="utf-8")
    assert {name: n for name, n in lines_of_code(source) if n > LONGEST_FUNCTION} == {}
    assert len(source.splitlines()) <= LONGEST_MODULE


def test_lines_of_code_are_counted_without_docstrings_and_comments():
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    # three\n\n    x = 1\n    return x\n'
    assert list(lines_of_code(source)) == [("f", 3)]


LAYER_NAMES = re.compile(r"isinstance\([^()]*,[^()]*\b(Layer|Dense|Dropout|Embedding)\b[^()]*\)")


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if ENGINE / "layers" not in p.parents],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_no_module_asks_of_which_kind_a_layer_is(path):
    assert not LAYER_NAMES.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("if isinstance(layer, Dense): pass", True),
        ("any(isinstance(layer, Dropout | Embedding) for layer in layers)", True),
        ("isinstance(X, np.ndarray)", False),
        ("layer.twin == 'dense'", False),
    ],
)
def test_questions_for_the_kind_of_a_layer_are_recognised(source, found):
    assert bool(LAYER_NAMES.search(source)) == found


PACKAGES = sorted({path.parent for path in FILES} - {PACKAGE})


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_a_package_has_a_map_of_every_file(folder):
    listed = re.findall(
        r"^(\w+(?:\.py|/)) ",
        ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))),
        re.M,
    )
    files = {p.name for p in folder.glob("*.py")} - {"__init__.py"}
    assert sorted(listed) == sorted(files | {f"{p.parent.name}/" for p in folder.glob("*/*.py")})


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


if __name__ == "__main__":
    steps = ENGINE / "kernels" / "steps.py"
    line = f'DIGEST = "{digest_of_kernels()}"'
    source = re.sub(r"^DIGEST = .*", line, steps.read_text(encoding="utf-8"), flags=re.M)
    steps.write_text(source, encoding="utf-8")
