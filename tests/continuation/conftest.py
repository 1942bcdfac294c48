"""The two ways to take the steps of training."""

import pytest

from sknet._engine import compiled


@pytest.fixture(params=["numpy", "numba"])
def steps(request, monkeypatch):
    """Take the steps by numpy, or by compiled functions where numba is installed."""
    if request.param == "numba":
        pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
        monkeypatch.delenv("SKNET_DISABLE_NUMBA", raising=False)
        monkeypatch.setattr(compiled, "NUMBA_MIN_SECONDS", 0.0)
    else:
        monkeypatch.setenv("SKNET_DISABLE_NUMBA", "1")
