"""Training in four steps: prepare, build, run, finish."""

from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sknet._target.target import Target
from sknet._training.build import MemberRows, Observers, build
from sknet._training.cross_fitting import Folds
from sknet._training.finish import Result, finish
from sknet._training.prepare import prepare
from sknet._training.rows import Rows
from sknet._training.run import run
from sknet._training.settings import Settings
from sknet._training.start import Start
from sknet._training.state import TrainingState
from sknet._training.warning import warn_of_alpha


def member_seeds(random_state: Any, n_members: int) -> list[int]:
    """Return the seed of each member.

    The seed of a single member is `random_state` itself, if it is an int. Several members have
    seeds drawn from `random_state`: member k equals the network that is fitted alone with
    ``random_state=member_seeds(random_state, n_members)[k]``.
    """
    if n_members == 1 and isinstance(random_state, Integral):
        return [int(random_state)]
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_members)
    return [int(seed) for seed in seeds]


def train(
    settings: Settings,
    rows: Rows,
    target: Target,
    out_activation: str,
    start: Start | None = None,
    incremental: bool = False,
    held: Rows | None = None,
    observers: Observers | None = None,
    members: MemberRows | None = None,
    folds: Folds | None = None,
) -> Result:
    """Train a network on `rows`.

    Parameters
    ----------
    settings : Settings
    rows : Rows
        At least one row, none of weight 0.
    target : Target
    out_activation : str
        A key of ``LINKS``.
    start : Start, optional
        The model from which training continues; None starts with random parameters.
    incremental : bool
        Whether to train for one epoch, as `partial_fit`, without hold-out and stopping.
    held : Rows, optional
        Validation rows; if None, early stopping holds out some of `rows`.
    observers : Observers, optional
    members : MemberRows, optional
        Training and validation rows of each member, as indices of `rows`.
    folds : Folds, optional
        The splits of cross-fitting; `n_members` of the settings are the members of all of them.
    """
    if start is None:
        warn_of_alpha(settings, len(rows.Y))
    if folds is not None:
        members = MemberRows(folds.train_rows())
    seeds = member_seeds(settings.random_state, settings.n_members)
    generators = [np.random.default_rng(seed) for seed in seeds]
    state = replace(start.state) if start else TrainingState()
    split_seed = seeds[0] if state.split_seed is None else state.split_seed
    prepared = prepare(
        settings, rows, target, out_activation, start, incremental, held, split_seed, folds is None
    )
    if prepared.held is not None and held is None:
        state.split_seed = split_seed
    observers = observers or Observers()
    built = build(settings, prepared, start, generators, incremental, observers, members, folds)
    state.units = [tuple(own) for own in built.units]
    ended = run(settings, prepared, built, state, incremental, members)
    return finish(settings, prepared, built, state, ended)
