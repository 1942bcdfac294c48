"""README, migrating and reliability say what the code does, and name what exists."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from tests.test_faults import DEFECTS, ROWS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOC = ROOT / "doc"


def page(name):
    return (DOC / f"{name}.rst").read_text(encoding="utf-8")


def extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["optional-dependencies"]


# ------------------------------------------------------------ README


def test_readme_is_one_screen_and_a_half():
    assert len(README.splitlines()) <= 90


def test_every_link_of_readme_leads_to_a_file():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_readme_names_no_feature_without_its_link():
    section = README.split("## What nothing else does")[1].split("\n## ")[0]
    bullets = re.split(r"\n- ", section.split("\n\nYou come")[0])[1:]
    assert len(bullets) == 5
    assert [bullet for bullet in bullets if "](doc/" not in bullet] == []
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", README, re.MULTILINE)
    assert [name for name, what in rows if "](doc/" not in what] == []


def test_readme_and_the_page_on_installing_name_the_extras():
    for_users = extras().keys() - {"all", "test", "bench"}
    assert {name for name, _ in re.findall(r"^\| `(\w+)` \| (.+)$", README, re.M)} == for_users
    assert set(re.findall(r"^``(\w+)``  ", page("installing"), re.M)) == extras().keys()


def test_the_extra_all_is_all_that_users_need():
    (together,) = extras()["all"]
    names = set(together.partition("[")[2].rstrip("]").split(","))
    assert names == extras().keys() - {"all", "test", "bench"}


# ------------------------------------------------------------ pages


def test_the_api_lists_each_public_name_once():
    listed = re.findall(r"^   ([A-Za-z]\w+)$", page("api"), re.M)
    public = []
    for path in [ROOT / "sknet" / "__init__.py", *(ROOT / "sknet").glob("[!_]*.py")]:
        module = "sknet" if path.stem == "__init__" else f"sknet.{path.stem}"
        if path.stem == "compile":  # a command
            continue
        if f".. currentmodule:: {module}\n" not in page("api"):
            pytest.fail(f"{module} is not in api.rst")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ]
        public += names[0] if names else [n for n in vars(import_module(module)) if n.isupper()]
    assert sorted(listed) == sorted(public)


def rows_of(text):
    """The cells of each row of the list-tables of a page."""
    rows = re.split(r"\n   \* - ", text)[1:]
    return [
        [" ".join(cell.split()) for cell in re.split(r"\n     - ", row.split("\n\n")[0])]
        for row in rows
    ]


def differences():
    """The fields of each difference on the page on migrating, by its subject."""
    section = page("migrating").split("All differences")[1].split("\nFrom skorch\n")[0]
    found = {}
    for subject, text in re.findall(r"^(\S.*)\n((?: {4}.*\n)+)", section, re.M):
        fields = re.findall(r"^ {4}:([\w-]+): ((?:.*\n {8})*.*)$", text, re.M)
        assert subject not in found
        found[subject] = {name: " ".join(words.split()) for name, words in fields}
    return found


def test_each_difference_has_its_reason():
    assert len(differences()) > 50
    for subject, fields in differences().items():
        assert fields.keys() - {"before"} == {"scikit-learn", "sknet", "why"}, subject


def test_each_line_of_the_old_behaviour_is_one_that_the_classes_take():
    taken = 0
    for fields in differences().values():
        for line in re.findall(r"``([^`]+)``", fields.get("before", "")):
            given = re.match(r"\w+=", line)
            if not given:
                ast.parse(line.replace("**presets", "presets"))
            taken += bool(given and fits_with(line))
    assert taken > 10


def fits_with(line):
    """Fit with these parameters; return whether their values are written out."""
    given = {word.arg: word.value for word in ast.parse(f"f({line})").body[0].value.keywords}
    values = {name: ast.literal_eval(v) for name, v in given.items() if _is_literal(v)}
    classes = (MLPBackpropClassifier, MLPBackpropRegressor)
    cls = next(cls for cls in classes if given.keys() <= cls().get_params().keys())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few epochs
        cls(**{"max_iter": 2, **values}).fit(np.eye(30, 3), np.arange(30) % 2)
    return bool(values)


def _is_literal(node):
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def test_every_fault_has_its_row_on_the_page_on_reliability():
    numbers = [row[0] for row in rows_of(page("reliability"))]
    assert sorted(n for n in numbers if n != "row") == sorted([*ROWS, *DEFECTS])


def test_figures_are_written_by_scripts():
    """Included figures say which script wrote them, and each picture has a script that names it."""
    for path in DOC.glob("*_figures.rst"):
        script = re.match(r"\.\. Written by (tests/benchmarks/\w+\.py)", path.read_text())
        assert (ROOT / script[1]).is_file(), path.name
    pages = "\n".join(path.read_text(encoding="utf-8") for path in DOC.glob("*.rst"))
    for picture in DOC.glob("*.png"):
        assert f"doc/{picture.name}" in pages, picture.name


# ------------------------------------------------------------ a newcomer's table


@pytest.mark.parametrize("target", ["price", "garden"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_script_of_the_first_fit_fits_plots_and_exports_a_csv_file(target, tmp_path):
    pytest.importorskip("skl2onnx")
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"living area": rng.normal(120, 30, 400).round()})
    table["town"] = rng.choice(["Oslo", "Rome", "Lima"], 400)
    table["garden"] = rng.choice(["yes", "no"], 400)
    table["price"] = 2000 * table["living area"] + 1e5 * (table["garden"] == "yes")
    table.loc[::9, "living area"] = np.nan
    table.loc[::50, target] = np.nan
    table.to_csv(tmp_path / "houses.csv", index=False)
    command = [sys.executable, str(DOC / "fit_csv.py"), "houses.csv", target]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, env=_environment()
    )
    assert float(ran.stdout.rsplit(":", 1)[1]) > 0.5
    assert {path.name for path in tmp_path.iterdir()} >= {"houses.onnx", "houses.png"}
    check = subprocess.run(
        [sys.executable, "houses_model.py"], cwd=tmp_path, check=True, env=_environment()
    )
    assert check.returncode == 0


def _environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1"}
