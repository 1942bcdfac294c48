"""The code of doc/other_tools.rst runs as it is written, where the other tool is installed."""

import re
import textwrap
import warnings
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "doc" / "other_tools.rst").read_text(encoding="utf-8")
FIRST, *SECTIONS = re.split(r"\n(?=[^\n]+\n-{4,}\n)", TEXT)
#: What each section needs, by its title.
NEEDS = {
    "mlflow": "mlflow",
    "skops": "skops",
    "MAPIE": "mapie",
    "SHAP": "shap",
    "Bagging and other ensembles of scikit-learn": "sklearn",
    "imbalanced-learn": "imblearn",
    "Optuna": "optuna",
    "Filters of warnings": "sklearn",
}


def title(section):
    return section.strip().split("\n")[0]


def code(section):
    """The blocks of a section, one after another."""
    blocks = re.findall(r"\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)", section + "\n")
    return "\n".join(textwrap.dedent(block) for block in blocks)


def test_every_section_is_run():
    assert [title(section) for section in SECTIONS] == list(NEEDS)
    assert all(code(section) for section in [FIRST, *SECTIONS])


@pytest.mark.parametrize("section", SECTIONS, ids=title)
def test_a_section_runs(section, tmp_path, monkeypatch):
    pytest.importorskip(NEEDS[title(section)])
    if "set_callbacks" in section:
        pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the other tools
        exec(compile(code(FIRST + "\n") + code(section), title(section), "exec"), {})
