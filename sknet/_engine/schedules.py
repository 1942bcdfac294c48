"""Learning-rate schedules: pure functions of the progress of training.

``SCHEDULES[name](learning_rate_init, progress, power_t)`` is the learning rate of the next step
after `progress`. `LearningRate` combines a schedule, or a function of the user, with the warm-up,
and returns the rates of all steps of an epoch.

A schedule *with a horizon* has a fixed number of steps and should run to its end; its rate changes
at each step. The other schedules change their rate only between epochs.
"""

from collections.abc import Callable
from math import ceil, cos, isfinite, log2, pi
from numbers import Real
from typing import Any, NamedTuple

#: "adaptive" stops at a plateau if the rate is at most this; above, it divides the rate.
SMALLEST_RATE = 1e-6


class Progress(NamedTuple):
    """The progress of training, on which a schedule may depend.

    Attributes
    ----------
    epoch : int
        Epochs finished, over all training calls.
    samples_seen : int
        Samples seen by the end of the last epoch, over all training calls.
    n_plateaus : int
        Number of plateaus: how often patience ran out.
    step : int
        ``epoch * steps_per_epoch`` plus the steps taken in the current epoch.
    steps_per_epoch : int
        Batches per epoch in the current call.
    n_epochs : int
        Epochs of the horizon: `max_iter`.
    horizon_start : int
        Number of finished epochs at which the horizon began.

    Notes
    -----
    A call that continues training may have another number of batches per epoch. Then `rebased`
    converts `step`, so that ``step / steps_per_epoch`` is always the number of epochs and the rate
    does not jump. Hence `step` is not the number of updates, which the optimizer counts.
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
        """Epochs finished, including the fraction of the current one."""
        return self.step / self.steps_per_epoch

    @property
    def horizon_steps(self) -> int:
        """Number of steps of the horizon."""
        return self.n_epochs * self.steps_per_epoch

    @property
    def horizon_step(self) -> int:
        """Steps taken within the horizon; exceeds `horizon_steps` after its end."""
        return self.step - self.horizon_start * self.steps_per_epoch

    @property
    def fraction(self) -> float:
        """Fraction of the horizon that is finished, in [0, 1]; 1 after its end."""
        return min(max(self.horizon_step / self.horizon_steps, 0.0), 1.0)

    def rebased(self, steps_per_epoch: int) -> "Progress":
        """Return the same progress for another number of steps per epoch."""
        return self._replace(step=self.epoch * steps_per_epoch, steps_per_epoch=steps_per_epoch)

    def with_horizon(self, n_epochs: int, restart: bool) -> "Progress":
        """Return the progress at the start of a training call, with a horizon of `n_epochs`.

        Parameters
        ----------
        n_epochs : int
        restart : bool
            Whether a new horizon begins. It does in each `fit`, so a warm start repeats its
            schedule. It does not in `partial_fit`: `n_epochs` calls, of one epoch each, have the
            rates of one `fit`.
        """
        start = self.epoch if restart else self.horizon_start
        return self._replace(n_epochs=n_epochs, horizon_start=start)

    def after_epoch(self, n_samples: int) -> "Progress":
        """Return the progress after one more epoch over `n_samples` rows."""
        return self._replace(
            epoch=self.epoch + 1,
            samples_seen=self.samples_seen + n_samples,
            step=(self.epoch + 1) * self.steps_per_epoch,
        )


def constant(eta: float, progress: Progress, power_t: float) -> float:
    """eta."""
    return eta


def invscaling(eta: float, progress: Progress, power_t: float) -> float:
    """eta / (t + 1)^power_t, t the samples seen in finished epochs, as in scikit-learn."""
    return eta / (progress.samples_seen + 1) ** power_t


def adaptive(eta: float, progress: Progress, power_t: float) -> float:
    """eta / 5^k after k plateaus."""
    return eta / 5**progress.n_plateaus


def cosine(eta: float, progress: Progress, power_t: float) -> float:
    """eta / 2 (1 + cos(pi t)), t the fraction of the horizon: from eta down to 0.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017),
    without restarts.
    """
    return eta / 2 * (1 + cos(pi * progress.fraction))


def one_cycle(eta: float, progress: Progress, power_t: float) -> float:
    """From eta / 25 up to eta over 30 % of the horizon, then down to eta / 250000, by half cosines.

    Of n steps, numbered from 0, step 0.3 n - 1 has the rate eta and step n - 1 the lowest rate. If
    n = 1, the step has the lowest rate. Momentum does not change.

    Source: Smith and Topin, "Super-convergence" (2018); the variant is torch's ``OneCycleLR`` with
    its defaults, which has two phases.
    """
    last = progress.horizon_steps - 1
    peak = 0.3 * progress.horizon_steps - 1
    k = min(progress.horizon_step, last)
    start, end, t = (
        (eta / 25, eta, k / peak)
        if k <= peak
        # with at most 3 steps the peak is before the first step
        else (eta, eta / 25 / 1e4, (k - peak) / (last - peak))
    )
    return end + (start - end) / 2 * (1 + cos(pi * t))


def coslog4(eta: float, progress: Progress, power_t: float) -> float:
    """eta / 2 (1 - cos(2 pi log2(1 + 15 t))), t the fraction of the horizon.

    Four cycles from 0 up to eta and down to 0. Each is twice as long as the one before; they end at
    t = 1/15, 3/15, 7/15 and 1. The first step has the rate 0.

    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data" (2024).
    """
    return eta / 2 * (1 - cos(2 * pi * log2(1 + 15 * progress.fraction)))


Rate = Callable[[float, Progress, float], float]


class Schedule(NamedTuple):
    """A schedule: its rate and its properties.

    Attributes
    ----------
    rate : callable
        ``rate(eta, progress, power_t)``. Calling the schedule does the same.
    has_horizon : bool
        Whether training runs to the end of the horizon and does not stop at a plateau.
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
    """Return the schedule of a user's function, ``function(progress) -> learning rate``.

    The function is called for each step. eta and power_t have no effect.

    Raises
    ------
    ValueError
        When the rate is computed, if the function does not return a finite number of 0 or more.
    """

    def rate(eta: float, progress: Progress, power_t: float) -> float:
        value = function(progress)
        if not isinstance(value, bool) and isinstance(value, Real):
            try:
                number = float(value)
            except OverflowError:  # an int larger than any float
                number = float("inf")
            if isfinite(number) and number >= 0:
                return number
        raise ValueError(
            f"learning_rate, a callable, returned {value!r} in epoch {progress.epoch + 1}"
            f" (step {progress.step}); it must return a finite number that is not negative."
        )

    return Schedule(rate, changes_within_epoch=True)


def warmup_factor(progress: Progress, warmup: float) -> float:
    """Return the warm-up factor of the rate, min(1, (step + 1) / W).

    Step k = 0, 1, ..., W - 1 has the factor (k + 1) / W: no step has the rate 0, and step W - 1 has
    the full rate. torch's ``LinearLR`` from 1 / W over W - 1 steps is the same.

    Source: Goyal et al. 2017, "Accurate, large minibatch SGD".

    Parameters
    ----------
    progress : Progress
        Steps count from the start of training, so that continued training has no second warm-up.
    warmup : float
        Length of the warm-up: below 1 a fraction of the horizon, from 1 on a number of epochs, 0
        for none. W is this length in steps, rounded up.
    """
    if not warmup:
        return 1.0
    steps = warmup * (progress.horizon_steps if warmup < 1 else progress.steps_per_epoch)
    # 0.07 * 100 is 7.000000000000001, which must not round up to 8
    return min(1.0, (progress.step + 1) / max(1, ceil(round(steps, 6))))


class LearningRate:
    """The learning rate: a schedule times the warm-up factor.

    Parameters
    ----------
    schedule : str or callable
        A key of SCHEDULES, or ``schedule(progress) -> learning rate``.
    eta : float
        `learning_rate_init`: the first rate of a schedule without horizon, the highest rate of one
        with a horizon. A callable ignores it.
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
        # Python floats, because a numpy scalar would turn float32 arrays into float64
        self.eta, self.power_t, self.warmup = float(eta), float(power_t), float(warmup)

    @property
    def has_horizon(self) -> bool:
        """Whether training runs to the end of the horizon and does not stop at a plateau."""
        return self.schedule.has_horizon

    def __call__(self, progress: Progress) -> float:
        """Return the rate of the next step after `progress`."""
        return warmup_factor(progress, self.warmup) * self._scheduled(progress)

    def epoch(self, progress: Progress) -> list[float]:
        """Return the rates of all steps of the epoch that begins at `progress`."""
        n_steps = progress.steps_per_epoch
        if not self.schedule.changes_within_epoch and warmup_factor(progress, self.warmup) == 1:
            return [self(progress)] * n_steps
        first = progress.step
        return [self(progress._replace(step=first + k)) for k in range(n_steps)]

    def can_slow_down(self, progress: Progress) -> bool:
        """Whether a plateau lowers the rate; otherwise it ends training."""
        return self.schedule.slows_down and self._scheduled(progress) > SMALLEST_RATE

    def _scheduled(self, progress: Progress) -> float:
        return self.schedule(self.eta, progress, self.power_t)
