"""The best constant of each member, and its loss: the unit of `tol`."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.averages import mean_and_scale
from sknet._engine.one_hot import all_equal
from sknet._target.scale import FAR
from sknet._training.prepare import Prepared
from sknet._training.settings import Settings


class Units(NamedTuple):
    """The units of `tol`.

    Attributes
    ----------
    loss : float
        The weighted mean loss of the best constant; 1 if all targets are equal, where the loss is 0
        or would be. Under robust losses, outliers count as targets at ``FAR`` deviations: else
        `tol` would follow them.
    gradient : float
        The same, divided by the unit of the raw output: the deviation of a target that is not
        scaled, if predictions are the raw output; else 1.
    """

    loss: float
    gradient: float


class Constant(NamedTuple):
    """The best constant raw output (n_outputs,) for the rows of a member, and its units."""

    raw_output: np.ndarray
    units: Units


def best_constants(
    settings: Settings, prepared: Prepared, own_rows: Sequence[np.ndarray] | None = None
) -> list[Constant]:
    """Return the best constant of each member.

    Members differ if they have rows of their own, as indices, or another label smoothing.
    """
    if prepared.constants is not None:
        return list(prepared.constants)
    smoothing = smoothing_of(settings, prepared)
    Y, w = prepared.rows.Y, prepared.read.w
    if own_rows is None and smoothing is None:
        return [_constant(prepared, Y, w)] * settings.n_members
    slopes, shifts = (1.0, 0.0) if smoothing is None else smoothing
    slopes, shifts = (np.broadcast_to(a, settings.n_members) for a in (slopes, shifts))
    rows = [slice(None)] * settings.n_members if own_rows is None else own_rows
    return [
        _constant(prepared, slope * Y[own] + shift, None if w is None else w[own])
        for own, slope, shift in zip(rows, slopes, shifts, strict=True)
    ]


def _constant(prepared: Prepared, Y: Any, w: np.ndarray | None) -> Constant:
    raw_output = prepared.loss.constant(Y, w)
    if all_equal(Y):
        return Constant(raw_output, Units(1.0, 1.0))
    loss = prepared.loss.mean_of_constant(without_outliers(prepared, Y), w, raw_output)
    if not (isfinite(loss) and loss > 0.0):
        return Constant(raw_output, Units(1.0, 1.0))
    deviation = 1.0
    if prepared.link.is_linear and not prepared.target.is_scaled:
        deviation = mean_and_scale(Y.astype(np.float64), w)[1].max()
    return Constant(raw_output, Units(loss, float(loss / deviation)))


def without_outliers(prepared: Prepared, Y: Any) -> Any:
    """Return the targets; under robust losses, outliers are moved to ``FAR`` deviations."""
    return np.clip(Y, -FAR, FAR) if prepared.loss.robust and prepared.target.is_scaled else Y


def mean_loss(units: Sequence[Units]) -> float:
    """Return the mean over members of the units of the loss."""
    return sum(own.loss for own in units) / len(units)


def smoothing_of(settings: Settings, prepared: Prepared) -> tuple[np.ndarray, np.ndarray] | None:
    """Return slope and shift of each member's targets; None where all smooth labels alike."""
    if isinstance(settings.label_smoothing, float):
        return None
    own = [prepared.target.smoothing(e) for e in settings.label_smoothing]
    slope, shift = (np.array(values) for values in zip(*own, strict=True))
    return slope, shift
