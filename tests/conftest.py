"""For all tests: Ctrl-C, none of which is remembered, a broken numba, and the table of faults."""

import builtins
import re
import sys
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sknet._engine import compiled
from sknet._engine.reports import INTERRUPTS
from tests.situations.broken_numba import STUBS, install

#: The tests of compiled code.
NEED_NUMBA = {"test_compiled.py", "test_kernels.py", "test_vector_math.py"}
#: Modules and folders with assertions outside test files; pytest reports these in full, too.
HELPERS = """
    networks mixed bad_tables continuation controls equivalence estimators faults mixed_tables
    properties sharing
""".split()
pytest.register_assert_rewrite(*(f"tests.{name}" for name in HELPERS))


@pytest.fixture(autouse=True)
def _no_earlier_interrupt(monkeypatch):
    monkeypatch.setattr(INTERRUPTS, "last", -inf)


@pytest.fixture
def interrupt_at(monkeypatch):
    """Return a function: Ctrl-C when the line of this iteration is printed (needs verbose=1)."""

    def interrupt(iteration):
        def interrupted(line, **options):
            if line.startswith(f"Iteration {iteration},"):
                raise KeyboardInterrupt

        monkeypatch.setattr(builtins, "print", interrupted)

    return interrupt


def pytest_addoption(parser):
    parser.addoption(
        "--broken-numba",
        choices=list(STUBS),
        help="all tests with a numba that fails in this way; each test meets the failure anew",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(id, what): the test is about this row of the faults")
    how = config.getoption("--broken-numba")
    if how:
        folder = TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        install(Path(folder.name), STUBS[how])
        sys.path.insert(0, folder.name)
        config.addinivalue_line("filterwarnings", "ignore:numba is installed but cannot be used")


def pytest_ignore_collect(collection_path, config):
    """Leave out the tests of compiled code where numba is broken."""
    return (config.getoption("--broken-numba") and collection_path.name in NEED_NUMBA) or None


@pytest.fixture(autouse=True)
def _numba_fails_in_each_test(request, monkeypatch):
    if request.config.getoption("--broken-numba"):
        monkeypatch.setattr(compiled._Broken, "failed", False)
        monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)


def pytest_itemcollected(item):
    """Copy the marks to the reports, which also reach the main process of pytest-xdist."""
    for mark in item.iter_markers("fault"):
        item.user_properties.append(("fault", mark.args))


def pytest_terminal_summary(terminalreporter):
    """Print each fault with what it is and how its tests ended."""
    what, outcomes = {}, {}
    for ended in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(ended, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault" and (report.when == "call" or report.outcome != "passed"):
                    what.setdefault(value[0], set()).add(value[1])
                    outcomes.setdefault(value[0], []).append(report.outcome)
    if not what:
        return
    terminalreporter.section("faults")
    for number in sorted(what, key=_order):
        ended, n = outcomes[number], len(outcomes[number])
        bad = [outcome for outcome in ended if outcome != "passed"]
        outcome = f"{len(bad)} of {n} {bad[0]}" if bad else f"passed ({n})"
        terminalreporter.write_line(
            f"{number:>6} | {outcome:<16} | {'; '.join(sorted(what[number]))}"
        )


def _order(number):
    kind, digits = re.fullmatch(r"(\D*)(\d+)", number).groups()
    return ["", "D", "#"].index(kind), int(digits)
