"""The code of doc/export.rst runs as it is written."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.marks import ignore_convergence

PAGE = Path(__file__).parents[2] / "doc" / "export.rst"


def snippets(*headings):
    """The Python code between the headings."""
    text = PAGE.read_text(encoding="utf-8")
    start, end = (text.find(heading) for heading in headings)
    blocks = re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", text[start:end])
    return [dedent(block) for block in blocks]


@ignore_convergence
def test_the_code_for_onnx_runs(tmp_path, monkeypatch):
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = snippets("\nONNX\n---", "\nPython\n---")
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    assert names["labels"].shape == (2,)
    assert names["probabilities"].shape == (2, 2)
