"""How many lanes train together."""

import pytest

from sknet._training import lanes


@pytest.fixture
def joint(monkeypatch):
    """The number of lanes that train together."""
    sizes, original = [], lanes._train_together

    def counted(own, compiles):
        sizes.append(len(own))
        return original(own, compiles)

    monkeypatch.setattr(lanes, "_train_together", counted)
    return sizes
