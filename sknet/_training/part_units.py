"""The best constant, and its loss, of encoded rows that come in parts."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from sknet._engine.loss_base import Loss
from sknet._engine.one_hot import all_equal, dense
from sknet._table.parts import merged
from sknet._table.passes import Look, Part, Search, centre_and_scale, drive, quantiles
from sknet._training.prepare import Prepared
from sknet._training.settings import Settings
from sknet._training.units import Constant, Units, without_outliers

#: ``run(look)`` returns what ``look(part)`` finds in each part.
Run = Callable[[Look], Sequence[Any]]


def constants_of_parts(settings: Settings, known: Prepared, run: Run) -> list[Constant]:
    """Return the best constant of each member, as ``units.best_constants`` does for all rows.

    `known` has a sample of the rows; of it depends only how many passes are needed.
    """
    raw_output = _raw_output(known, run)
    return [Constant(raw_output, _units(known, raw_output, run))] * settings.n_members


def _raw_output(known: Prepared, run: Run) -> np.ndarray:
    """Return the best constant raw output (n_outputs,)."""
    loss = known.loss
    if loss.levels:
        sample = Part(known.rows.X, np.empty((0, 0)), known.rows.Y, known.rows.w)
        found = drive(_merging(run), quantiles(lambda part: part.Y, sample, loss.levels))
        return loss.constant(*rows_with_quantiles(found, loss.levels))
    search = loss.search_constant()
    look = next(search)
    while True:
        found = run(_of_targets(look))
        try:
            look = search.send(found)
        except StopIteration as end:
            return end.value


def _of_targets(look: Callable[[Any, Any], Any]) -> Look:
    return lambda part: look(part.Y, part.w)


def _merging(run: Run) -> Callable[[Look], Any]:
    return lambda look: merged(run(look))


def rows_with_quantiles(Q: np.ndarray, levels: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return a row for each level, and weights, such that `Q` are the quantiles at `levels`."""
    middles = (np.array(levels[1:]) + np.array(levels[:-1])) / 2.0
    return Q, np.diff(np.concatenate([[0.0], middles, [1.0]]))


def _units(known: Prepared, raw_output: np.ndarray, run: Run) -> Units:
    """Return the units of `tol`: see ``units``."""

    def look(part: Part) -> tuple[np.ndarray, bool, float, float]:
        Y = without_outliers(known_target, part.Y)
        weight = float(len(Y)) if part.w is None else float(part.w.sum(dtype=np.float64))
        first = dense(part.Y[:1])[0]
        return first, all_equal(part.Y), loss.mean_of_constant(Y, part.w, raw_output), weight

    loss: Loss = known.loss
    known_target = known._replace(read=None, rows=None, held=None, held_encoded=None, stream=None)
    firsts, equal, losses, weights = zip(*run(look), strict=True)
    if all(equal) and all((own == firsts[0]).all() for own in firsts):
        return Units(1.0, 1.0)
    mean = float(np.average(losses, weights=weights))
    if not (isfinite(mean) and mean > 0.0):
        return Units(1.0, 1.0)
    deviation = 1.0
    if known.link.is_linear and not known.target.is_scaled:
        search: Search = centre_and_scale(lambda part: part.Y)
        deviation = drive(_merging(run), search)[2].max()
    return Units(mean, float(mean / deviation))
