"""For all tests: no earlier Ctrl-C is remembered; and the table of faults is printed."""

import re

import pytest

from sknet._engine import training

pytest.register_assert_rewrite("tests.faults")


@pytest.fixture(autouse=True)
def _no_earlier_interrupt(monkeypatch):
    monkeypatch.setattr(training, "INTERRUPTS", training.Interrupts())


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(id, what): the test is about this row of the faults")


def pytest_itemcollected(item):
    """Write the marks where reports carry them, between processes too."""
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
