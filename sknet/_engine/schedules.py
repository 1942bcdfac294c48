"""Learning-rate schedules: pure functions of the progress of training.

``SCHEDULES[name](learning_rate_init, progress, power_t)`` is the learning rate of the step that
comes at `progress`. `LearningRate` joins a schedule, or a function of the user's, with the
warm-up, and gives the training the rates of an epoch at once.

A schedule *with a horizon* runs over a number of steps that is known beforehand, and is meant to
be run to its end; it changes at each step. The others change between epochs at most.
"""

from collections.abc import Callable
from math import ceil, cos, isfinite, log2, pi
from numbers import Real
from typing import Any, NamedTuple

#: "adaptive" stops, instead of dividing once more, when the rate is not above this.
SMALLEST_RATE = 1e-6


class Progress(NamedTuple):
    """How far training has come: what a schedule may depend on.

    Attributes
    ----------
    epoch : int
        Epochs finished, over all calls that trained.
    samples_seen : int
        Samples trained on by the end of the last epoch, over all calls.
    n_plateaus : int
        How often patience ran out.
    step : int
        ``epoch * steps_per_epoch``, plus the steps taken in the present epoch.
    steps_per_epoch : int
        Batches of the rows trained on at present.
    n_epochs : int
        Epochs of the horizon: `max_iter`.
    horizon_start : int
        Epochs finished when the horizon began.

    Notes
    -----
    A call that goes on from an earlier one may have more or fewer batches an epoch. `step` is
    therefore no count of all updates (an optimizer has its own), but counts in steps of the
    present length: `rebased` converts it, so that ``step / steps_per_epoch`` is always the number
    of epochs, and no rate jumps for a change of the batch size or of the rows alone.
    """

    epoch: int = 0
    samples_seen: int = 0
    n_plateaus: int = 0
    step: int = 0
    steps_per_epoch: int = 1
    n_epochs: int = 1
    horizon_start: int = 0

    @property
    def epochs(self) -> float:
        """Epochs done, with the fraction of the present one."""
        return self.step / self.steps_per_epoch

    @property
    def horizon_steps(self) -> int:
        """Steps of the whole horizon."""
        return self.n_epochs * self.steps_per_epoch

    @property
    def horizon_step(self) -> int:
        """Steps of the horizon that are done; more than `horizon_steps` beyond its end."""
        return self.step - self.horizon_start * self.steps_per_epoch

    @property
    def fraction(self) -> float:
        """Fraction of the horizon that is done, in [0, 1]; 1 beyond its end."""
        return min(max(self.horizon_step / self.horizon_steps, 0.0), 1.0)

    def rebased(self, steps_per_epoch: int) -> "Progress":
        """Return the progress, its steps counted in epochs of another length."""
        return self._replace(step=self.epoch * steps_per_epoch, steps_per_epoch=steps_per_epoch)

    def with_horizon(self, n_epochs: int, anew: bool) -> "Progress":
        """Return the progress at the start of a call that trains, with a horizon of `n_epochs`.

        Parameters
        ----------
        n_epochs : int
        anew : bool
            Whether a horizon begins here, as in each `fit`: a warm start runs through its schedule
            again. Otherwise the present one goes on, as over calls of `partial_fit`, one epoch
            each: `n_epochs` of them have the rates of one `fit`.
        """
        start = self.epoch if anew else self.horizon_start
        return self._replace(n_epochs=n_epochs, horizon_start=start)

    def after_epoch(self, n_samples: int) -> "Progress":
        """Return the progress once an epoch over `n_samples` rows is finished."""
        return self._replace(
            epoch=self.epoch + 1,
            samples_seen=self.samples_seen + n_samples,
            step=(self.epoch + 1) * self.steps_per_epoch,
        )


def constant(eta: float, progress: Progress, power_t: float) -> float:
    """eta."""
    return eta


def invscaling(eta: float, progress: Progress, power_t: float) -> float:
    """eta / (t + 1)^power_t, t the samples seen by the end of the last epoch, as scikit-learn."""
    return eta / (progress.samples_seen + 1) ** power_t


def adaptive(eta: float, progress: Progress, power_t: float) -> float:
    """eta / 5^k after k plateaus."""
    return eta / 5**progress.n_plateaus


def cosine(eta: float, progress: Progress, power_t: float) -> float:
    """eta / 2 (1 + cos(pi t)), t the fraction of the horizon: from eta down to 0.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), within
    one run.
    """
    return eta / 2 * (1 + cos(pi * progress.fraction))


def one_cycle(eta: float, progress: Progress, power_t: float) -> float:
    """From eta / 25 up to eta over 30 % of the horizon, then down to eta / 250000, by half cosines.

    Smith and Topin, "Super-convergence" (2018), in the form of two phases of torch's
    ``OneCycleLR``, at its defaults and with its count: of n steps, numbered from 0, step 0.3 n - 1
    has the rate eta and step n - 1 the lowest one. Momentum is not cycled. A single step, being
    the last one, has the lowest rate.
    """
    last = progress.horizon_steps - 1
    peak = 0.3 * progress.horizon_steps - 1
    k = min(progress.horizon_step, last)
    start, end, t = (
        (eta / 25, eta, k / peak)
        if k <= peak
        # a peak before the first step: a horizon of 3 steps at most
        else (eta, eta / 25 / 1e4, (k - peak) / (last - peak))
    )
    return end + (start - end) / 2 * (1 + cos(pi * t))


def coslog4(eta: float, progress: Progress, power_t: float) -> float:
    """eta / 2 (1 - cos(2 pi log2(1 + 15 t))), t the fraction of the horizon.

    Four cycles from 0 up to eta and down to 0, each twice as long as the one before: they end at
    t = 1/15, 3/15, 7/15 and 1. The very first step has the rate 0. Holzmüller, Grinsztajn and
    Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data" (2024).
    """
    return eta / 2 * (1 - cos(2 * pi * log2(1 + 15 * progress.fraction)))


Rate = Callable[[float, Progress, float], float]


class Schedule(NamedTuple):
    """A schedule: the rate, and what the training has to know of it.

    Attributes
    ----------
    rate : callable
        ``rate(eta, progress, power_t)``; calling the row is the same.
    has_horizon : bool
        Whether it is meant to be run to the end of the horizon, whatever the loss does.
    changes_within_epoch : bool
    slows_down : bool
        Whether a plateau lowers the rate.
    """

    rate: Rate
    has_horizon: bool = False
    changes_within_epoch: bool = False
    slows_down: bool = False

    def __call__(self, eta: float, progress: Progress, power_t: float) -> float:
        return self.rate(eta, progress, power_t)


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule(constant),
    "invscaling": Schedule(invscaling),
    "adaptive": Schedule(adaptive, slows_down=True),
    "cosine": Schedule(cosine, has_horizon=True, changes_within_epoch=True),
    "one_cycle": Schedule(one_cycle, has_horizon=True, changes_within_epoch=True),
    "coslog4": Schedule(coslog4, has_horizon=True, changes_within_epoch=True),
}


def from_function(function: Callable[[Progress], Any]) -> Schedule:
    """Return the schedule of a function of the user's, ``function(progress) -> learning rate``.

    What it returns is the rate itself, whatever eta and power_t are. It is asked at each step.

    Raises
    ------
    ValueError
        From the rate, if the function returns anything but a finite number that is not negative.
    """

    def rate(eta: float, progress: Progress, power_t: float) -> float:
        value = function(progress)
        if not isinstance(value, bool) and isinstance(value, Real):
            try:
                number = float(value)
            except OverflowError:  # an int beyond all floats
                number = float("inf")
            if isfinite(number) and number >= 0:
                return number
        raise ValueError(
            f"learning_rate, a callable, returned {value!r} in epoch {progress.epoch + 1}"
            f" (step {progress.step}); it must return a finite number that is not negative."
        )

    return Schedule(rate, changes_within_epoch=True)


def warmup_factor(progress: Progress, warmup: float) -> float:
    """Return what multiplies the rate while training warms up: min(1, (step + 1) / W).

    Step k = 0, 1, ..., W - 1 has the factor (k + 1) / W, so no step is lost, and the last of the
    W steps has the full rate already (torch's ``LinearLR`` from 1 / W over W - 1 steps; Goyal et
    al. 2017, "Accurate, large minibatch SGD").

    Parameters
    ----------
    progress : Progress
        Steps count from the start of training: one that is continued does not warm up again.
    warmup : float
        Below 1, the fraction of the horizon; from 1 on, epochs; 0 for none. W is that in steps,
        rounded up.
    """
    if not warmup:
        return 1.0
    steps = warmup * (progress.horizon_steps if warmup < 1 else progress.steps_per_epoch)
    # 0.07 * 100 is 7.000000000000001, and meant as 7
    return min(1.0, (progress.step + 1) / max(1, ceil(round(steps, 6))))


class LearningRate:
    """The learning rate of a training: a schedule times the warm-up.

    Parameters
    ----------
    schedule : str or callable
        A key of SCHEDULES, or ``schedule(progress) -> learning rate``.
    eta : float
        `learning_rate_init`: where a schedule without horizon starts, the highest rate of one
        with; not for a callable.
    power_t : float
        Exponent of "invscaling".
    warmup : float
        See `warmup_factor`.

    Attributes
    ----------
    schedule : Schedule
    """

    def __init__(
        self,
        schedule: str | Callable[[Progress], Any],
        eta: float,
        power_t: float = 0.5,
        warmup: float = 0,
    ) -> None:
        self.schedule = (
            SCHEDULES[schedule] if isinstance(schedule, str) else from_function(schedule)
        )
        # builtins: a numpy scalar would turn float32 arrays into float64
        self.eta, self.power_t, self.warmup = float(eta), float(power_t), float(warmup)

    @property
    def has_horizon(self) -> bool:
        """Whether the schedule is meant to be run to the end of the horizon."""
        return self.schedule.has_horizon

    def __call__(self, progress: Progress) -> float:
        """Return the rate of the step that comes at `progress`."""
        return warmup_factor(progress, self.warmup) * self._scheduled(progress)

    def epoch(self, progress: Progress) -> list[float]:
        """Return the rate of each step of the epoch that begins at `progress`."""
        n_steps = progress.steps_per_epoch
        if not self.schedule.changes_within_epoch and warmup_factor(progress, self.warmup) == 1:
            return [self(progress)] * n_steps
        first = progress.step
        return [self(progress._replace(step=first + k)) for k in range(n_steps)]

    def can_slow_down(self, progress: Progress) -> bool:
        """Whether a plateau is answered by a lower rate; otherwise it ends the training."""
        return self.schedule.slows_down and self._scheduled(progress) > SMALLEST_RATE

    def _scheduled(self, progress: Progress) -> float:
        return self.schedule(self.eta, progress, self.power_t)
