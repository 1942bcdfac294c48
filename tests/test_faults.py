"""Bad input, and what went wrong in scikit-learn's networks: a test for each.

The tests are in ``tests/faults``, by topic; running this file runs them all and prints a table:
the number of a row of bad input, "D" and the number of a defect that is not to be copied, or "#"
and the number of an issue (or pull request) of scikit-learn; what it is; and the outcome.
"""

import re
from collections import Counter
from pathlib import Path

from tests.faults.arrays import *  # noqa: F403
from tests.faults.columns import *  # noqa: F403
from tests.faults.continuation import *  # noqa: F403
from tests.faults.divergence import *  # noqa: F403
from tests.faults.missing_values import *  # noqa: F403
from tests.faults.pickles import *  # noqa: F403
from tests.faults.reproducibility import *  # noqa: F403
from tests.faults.solvers import *  # noqa: F403
from tests.faults.stopping import *  # noqa: F403
from tests.faults.targets import *  # noqa: F403
from tests.faults.unusable_inputs import *  # noqa: F403
from tests.faults.use import *  # noqa: F403
from tests.faults.weights import *  # noqa: F403

ROWS = [str(number) for number in range(1, 81) if number != 21]
DEFECTS = [f"D{number}" for number in range(1, 18)]
ISSUES = """
    #6091 #6512 #6994 #7280 #7596 #7976 #8713 #8949 #9113 #9273 #12505 #13108 #13567 #15266 #16812
    #17082 #17925 #18507 #18530 #19626 #20516 #24713 #24764 #25522 #25604 #25693 #26452 #29504
    #30155 #31235 #33436 #33760
""".split()

SOURCES = [path.read_text() for path in (Path(__file__).parent / "faults").glob("*.py")]


def found(pattern):
    return Counter(match for source in SOURCES for match in re.findall(pattern, source))


def test_every_fault_has_a_test():
    marked = found(r'(?:@fault|marks=fault|\bcase)\("([^"]+)"')
    assert sorted(marked) == sorted([*ROWS, *DEFECTS, *ISSUES])


def test_no_test_hides_another_one():
    names = found(r"(?m)^def (test_\w+)")
    assert max(names.values()) == 1
    assert names.keys() <= globals().keys()
