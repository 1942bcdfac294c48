"""For all tests: Ctrl-C, none of which is remembered, and the table of faults."""

import builtins
import re
from math import inf

import pytest

from sknet._engine.reports import INTERRUPTS

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


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(id, what): the test is about this row of the faults")


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
