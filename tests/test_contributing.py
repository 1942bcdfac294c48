"""The map on the contributing page has one line for each module, and names files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "doc" / "contributing.rst").read_text(encoding="utf-8")
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "sknet").rglob("*.py"))
#: What a path on the page looks like: in a folder of the repository, or one of its known files.
PATH = re.compile(r"(?:(?:sknet|tests|doc|examples|\.ci)/[\w./-]*\w|README\.md|pyproject\.toml)")


def lines_of_the_map(page):
    """The first column of the tables of modules, with what stands beside it."""
    return re.findall(r"^``(sknet/\S+\.py)`` +(\S.*)$", page, re.M)


def paths(page):
    """Every path on the page, quoted or in a command."""
    return sorted(set(PATH.findall(page)))


def section(name, page=PAGE):
    """The text of a section, from its title to the next one."""
    return re.split(r"^---+\n", page.partition(f"\n{name}\n")[2], flags=re.M)[1]


def test_every_module_has_exactly_one_line():
    listed = [path for path, _ in lines_of_the_map(section("Every module"))]
    assert sorted(listed) == MODULES


@pytest.mark.parametrize("path", paths(PAGE))
def test_a_file_that_the_page_names_exists(path):
    assert (ROOT / path).exists()


def test_the_recipes_are_there():
    kinds = ["loss", "activation", "optimizer", "schedule", "layer", "column encoding", "link"]
    for kind in [*kinds, "initializer", "constructor parameter"]:
        article = "an" if kind[0] in "aeiou" else "a"
        steps = re.findall(r"^(\d)\. ", section(f"Add {article} {kind}"), re.M)
        assert steps == [str(k + 1) for k in range(len(steps))] != []


def test_names_in_capitals_on_the_page_are_names_of_the_code():
    """Of tables such as LOSSES; each is defined at the top level of a module or a test."""
    sources = [*(ROOT / "sknet").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    for name in set(re.findall(r"``([A-Z][A-Z_]{2,})``", PAGE)):
        assert re.search(rf"^{name}\b.*=", text, re.M), name


def test_what_is_gone_or_listed_twice_would_be_found():
    page = "``sknet/_gone.py``   a module\n``sknet/_base.py``   one\n``sknet/_base.py``   two\n"
    assert [path for path, _ in lines_of_the_map(page)] == [
        "sknet/_gone.py",
        "sknet/_base.py",
        "sknet/_base.py",
    ]
    assert paths("see ``sknet/_gone.py``, and run python tests/benchmarks/gone.py A B") == [
        "sknet/_gone.py",
        "tests/benchmarks/gone.py",
    ]
