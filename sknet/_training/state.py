"""The state from which training continues, besides the fitted parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass
class TrainingState:
    """The state of training between two calls.

    Attributes
    ----------
    solver : str or None
        The solver to which `epochs` belongs.
    epochs : dict or None
        State of the optimizer, the generators and the progress (``Training.state``).
    stopping : tuple or None
        State of the stopping rule (``Stopping.state``), for `partial_fit`.
    split_seed : int or None
        Seed of the hold-out, so that the same rows are held out again.
    weight_scale : tuple of two floats or None
        Scale of the sample weights, fixed by the first call.
    temperature : float or None
        By which the fitted parameters of the last layer are divided; training goes on without it.
    last_theta : list of ndarray or None
        theta of the last epoch, if the fitted parameters are those of another epoch.
    units : list of tuples of two floats, or None
        The units of `tol` of each member (``units.py``), fixed by the first call.
    """

    solver: str | None = None
    epochs: dict[str, Any] | None = None
    stopping: tuple[float, int] | None = None
    split_seed: int | None = None
    weight_scale: tuple[float, float] | None = None
    last_theta: list[np.ndarray] | None = None
    temperature: float | None = None
    units: list[tuple[float, float]] | None = None

    def packed(self) -> dict[str, Any]:
        """Return the state as builtins and arrays, for a pickle."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any] | None) -> "TrainingState":
        """Return the state from the result of `packed`; a new state for None."""
        return cls(**packed) if packed else cls()
