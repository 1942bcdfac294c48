"""Check the docstrings of the public classes and of their own methods by numpydoc's rules.

The rules are those of ``[tool.numpydoc_validation]`` in pyproject.toml. The classes are imported,
as their docstrings are put together from parts, which ``numpydoc lint`` cannot see. Beyond these
rules, the classes document each default, each name in the tables that a parameter is chosen from,
and each attribute of a fitted estimator, once.
"""

import ast
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path

import numpy as np
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import get_validation_checks, validate

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sknet  # noqa: E402  (the checkout's, found by the line above)
from sknet import _params  # noqa: E402

#: Public modules with classes and functions; that of Dask needs dask.
MODULES = ["sknet", "sknet.plotting", "sknet.onnx", "sknet.export", "sknet.streaming"]
MODULES += ["sknet.model_selection"] + ["sknet.dask"] * bool(find_spec("dask"))


def public_names() -> Iterator[str]:
    """Yield the dotted name of each public class, function and method of this package."""
    for module in MODULES:
        for name in import_module(module).__all__:
            yield f"{module}.{name}"
            of_module = getattr(import_module(module), name)
            for attribute in dir(of_module) if isinstance(of_module, type) else ():
                method = getattr(of_module, attribute, None)
                own = str(getattr(method, "__module__", "")).startswith("sknet.")
                if own and callable(method) and not attribute.startswith("_"):
                    yield f"{module}.{name}.{attribute}"


def choices(cls: type, name: str) -> list[str]:
    """Return the strings that a parameter may be, by its rule."""
    if name == "loss":
        return list(cls._losses)
    words = _params.RULES[name].words
    return [word for word in words.split("'")[1::2] if _params.RULES[name].allows(word)]


def incomplete(name: str) -> Iterator[str]:
    """Yield what the docstring of a class leaves out, says twice or says wrongly."""
    cls = getattr(sknet, name)
    doc = ClassDoc(cls, config={"show_class_members": False})
    for parameter in doc["Parameters"]:
        text = parameter.type + "\n".join(parameter.desc)
        missing = [c for c in choices(cls, parameter.name) if f"'{c}'" not in text]
        if missing:
            yield f"parameter {parameter.name}: not documented: {missing}"
        default = signature(cls).parameters[parameter.name].default
        if ast.literal_eval(parameter.type.split("default=")[1]) != default:
            yield f"parameter {parameter.name}: the default is {default!r}"

    X, y = np.arange(8.0)[:, None], np.arange(8) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = cls((2,), max_iter=2, early_stopping=True).fit(X, y)
        crossed = cls((2,), max_iter=2, cv=2).fit(X, y)
    present = {a for a in vars(fitted) | vars(crossed) if a.endswith("_") and not a.startswith("_")}
    documented = Counter(attribute.name for attribute in doc["Attributes"])
    for attribute in sorted(present | documented.keys()):
        given = attribute in present or attribute == "feature_names_in_"
        if not given or documented[attribute] != 1:
            yield f"attribute {attribute}: set {given}, documented {documented[attribute]} times"


def main() -> int:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["numpydoc_validation"]
    checks = get_validation_checks(set(config["checks"]))
    names = list(public_names())
    found = [
        f"{name}: {code} {message}"
        for name in names
        for code, message in validate(name)["errors"]
        if code in checks
    ]
    found += [f"sknet.{name}: {what}" for name in sknet.__all__ for what in incomplete(name)]
    print("\n".join(found) or f"numpydoc: {len(names)} docstrings, no complaint")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
