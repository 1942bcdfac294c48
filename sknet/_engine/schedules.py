"""Learning-rate schedules: pure functions of the progress of training.

``SCHEDULES[name](learning_rate_init, progress, power_t)`` returns the learning rate of the coming
epoch.
"""

from collections.abc import Callable
from typing import NamedTuple

#: "adaptive" stops, instead of dividing once more, when the rate is not above this.
SMALLEST_RATE = 1e-6


class Progress(NamedTuple):
    """How far training has come: what a schedule may depend on.

    Attributes
    ----------
    epoch : int
        Epochs finished.
    samples_seen : int
        Samples trained on so far, over all epochs.
    n_plateaus : int
        How often patience ran out.
    """

    epoch: int = 0
    samples_seen: int = 0
    n_plateaus: int = 0


def constant(eta: float, progress: Progress, power_t: float) -> float:
    """eta."""
    return eta


def invscaling(eta: float, progress: Progress, power_t: float) -> float:
    """eta / (t + 1)^power_t, t the samples seen by the end of the last epoch, as scikit-learn."""
    return eta / (progress.samples_seen + 1) ** power_t


def adaptive(eta: float, progress: Progress, power_t: float) -> float:
    """eta / 5^k after k plateaus."""
    return eta / 5**progress.n_plateaus


SCHEDULES: dict[str, Callable[[float, Progress, float], float]] = {
    "constant": constant,
    "invscaling": invscaling,
    "adaptive": adaptive,
}
