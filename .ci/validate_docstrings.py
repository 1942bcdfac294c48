"""Check the docstrings of the public classes and of their own methods by numpydoc's rules.

The rules are those of ``[tool.numpydoc_validation]`` in pyproject.toml. The classes are imported,
as their docstrings are put together from parts, which ``numpydoc lint`` cannot see.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from numpydoc.validate import get_validation_checks, validate

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sknet  # noqa: E402  (the checkout's, found by the line above)


def public_names() -> Iterator[str]:
    """Yield the dotted name of each public class and method that is written in this package."""
    for name in sknet.__all__:
        yield f"sknet.{name}"
        for attribute in dir(getattr(sknet, name)):
            method = getattr(getattr(sknet, name), attribute, None)
            own = str(getattr(method, "__module__", "")).startswith("sknet.")
            if own and callable(method) and not attribute.startswith("_"):
                yield f"sknet.{name}.{attribute}"


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
    print("\n".join(found) or f"numpydoc: {len(names)} docstrings, no complaint")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
