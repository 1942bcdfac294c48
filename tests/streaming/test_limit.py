"""The example that streams a file under a limit of memory that the file exceeds."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "stream_under_a_limit.py"


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="it reads what Linux says of its memory")
def test_a_file_larger_than_the_limit_is_streamed():
    pytest.importorskip("pyarrow")
    command = [sys.executable, "-W", "error", str(EXAMPLE), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MemoryError: no room for an array of all rows" in done.stdout
    assert float(done.stdout.partition("R2 on new rows: ")[2].split()[0]) > 0.9
