"""Training in four steps: prepare, build, run, finish."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from sknet._engine.network import Network
from sknet._target.target import Target
from sknet._training.build import Built, MemberRows, Observers, build
from sknet._training.cross_fitting import Folds
from sknet._training.finish import Result, finish
from sknet._training.prepare import Prepared, prepare
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


class Job(NamedTuple):
    """What a training needs.

    Attributes
    ----------
    settings : Settings
    rows : Rows or None
        At least one row, none of weight 0. None if they come from `stream`.
    target : Target
    out_activation : str
        A key of ``LINKS``.
    start : Start or None
        The model from which training continues; None starts with random parameters.
    incremental : bool
        Whether to train for one epoch, as `partial_fit`, without hold-out and stopping.
    held : Rows or None
        Validation rows; if None, early stopping holds out some of `rows`.
    observers : Observers or None
    members : MemberRows or None
        Training and validation rows of each member, as indices of `rows`.
    folds : Folds or None
        The splits of cross-fitting; `n_members` of the settings are the members of all of them.
    stream : Stream, Shards or None
        Where the rows come from that are not in memory.
    """

    settings: Settings
    rows: Rows | None
    target: Target
    out_activation: str
    start: Start | None = None
    incremental: bool = False
    held: Rows | None = None
    observers: Observers | None = None
    members: MemberRows | None = None
    folds: Folds | None = None
    stream: Any = None

    @property
    def n_rows(self) -> int:
        """The number of rows, those of a hold-out included."""
        return len(self.rows.Y) if self.stream is None else self.stream.n_rows

    def own_rows(self) -> MemberRows | None:
        """Return the rows of each member; None if all have all rows."""
        return self.members if self.folds is None else MemberRows(self.folds.train_rows())

    def seeds(self) -> list[int]:
        """Return the seed of each member."""
        return member_seeds(self.settings.random_state, self.settings.n_members)

    def split_seed(self, seeds: Sequence[int]) -> int:
        """Return the seed of the hold-out: that of the first call, if training continues."""
        known = None if self.start is None else self.start.state.split_seed
        return seeds[0] if known is None else known

    def prepared(self, split_seed: int) -> Prepared:
        """Hold rows out, and encode all rows."""
        if self.stream is not None:
            return self.stream.prepare(
                self.settings, self.target, self.out_activation, self.start, self.held, split_seed
            )
        return prepare(
            self.settings, self.rows, self.target, self.out_activation, self.start,
            self.incremental, self.held, split_seed, self.folds is None,
        )  # fmt: skip

    def built(
        self,
        prepared: Prepared,
        seeds: Sequence[int],
        generators: list[np.random.Generator],
        network: Network | None = None,
    ) -> tuple[Built, TrainingState]:
        """Return what is trained, and the state that the training updates.

        With a `network`, its parameters are set, and the optimizer is left to the caller.
        """
        state = replace(self.start.state) if self.start else TrainingState()
        if prepared.held is not None and self.held is None:
            state.split_seed = self.split_seed(seeds)
        built = build(
            self.settings, prepared, self.start, generators, self.incremental,
            self.observers or Observers(), self.own_rows(), self.folds, network,
        )  # fmt: skip
        state.units = [tuple(own) for own in built.units]
        return built, state


def train(*job: Any, **more: Any) -> Result:
    """Train a network; the arguments are the fields of `Job`."""
    own = Job(*job, **more)
    if own.start is None:
        warn_of_alpha(own.settings, own.n_rows)
    seeds = own.seeds()
    return trained(own, own.prepared(own.split_seed(seeds)), seeds)


def trained(job: Job, prepared: Prepared, seeds: Sequence[int]) -> Result:
    """Train on prepared rows."""
    generators = [np.random.default_rng(seed) for seed in seeds]
    built, state = job.built(prepared, seeds, generators)
    ended = run(job.settings, prepared, built, state, job.incremental, job.own_rows())
    return finish(job.settings, prepared, built, state, ended)
