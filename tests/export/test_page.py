"""The code of doc/export.rst runs as it is written."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from tests.marks import ignore_convergence

PAGE = Path(__file__).parents[2] / "doc" / "export.rst"


def blocks():
    """The blocks of Python code."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", text)
    return [dedent(block) for block in found]


@ignore_convergence
def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    for package in ("skl2onnx", "onnxruntime"):
        pytest.importorskip(package)
    if find_spec("emlearn") is None:
        pytest.skip("no emlearn")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = {}
    with np.errstate():  # emlearn sets np.seterr(all="raise") for the whole process
        for block in blocks():
            exec(block, names)
    assert names["labels"].shape == (2,)
    assert names["probabilities"].shape == (2, 2)
    assert (tmp_path / "iris.h").read_text().count("iris")
