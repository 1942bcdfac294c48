"""What training reports to its caller: a record of each epoch, divergence, interrupts."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from math import inf
from time import monotonic
from typing import Any, NamedTuple

Limit = Callable[[], AbstractContextManager[Any]]
Monitor = Callable[["Record"], bool]


def do_nothing() -> None:
    """Do nothing."""


class Record(NamedTuple):
    """The results of one epoch, or of one iteration of L-BFGS.

    Attributes
    ----------
    iteration : int
        Number of the epoch in this run, counted from 1.
    loss : float
        Mean objective over samples and members; each batch is evaluated before its step.
    learning_rate : float or None
        Learning rate of the last step of the first active member; None for L-BFGS.
    losses : tuple of float
        The objective of each member; for a stopped member, that of its last epoch. Empty for
        L-BFGS.
    """

    iteration: int
    loss: float
    learning_rate: float | None
    losses: tuple[float, ...] = ()


class Interrupts:
    """The time of the last Ctrl-C during training in this process.

    A first Ctrl-C ends one training, which keeps its last finished epoch; a search continues with
    the next fit. A second one within `REPEAT_SECONDS` raises KeyboardInterrupt in any training.
    """

    #: Seconds within which a second Ctrl-C counts as repeated.
    REPEAT_SECONDS = 1.0

    def __init__(self) -> None:
        self.last = -inf

    def register(self) -> bool:
        """Register an interrupt; return whether it follows another within `REPEAT_SECONDS`."""
        last, self.last = self.last, monotonic()
        return self.last - last < self.REPEAT_SECONDS


INTERRUPTS = Interrupts()


class Interrupted(KeyboardInterrupt):
    """An interrupt that is registered already: each of several lanes ends by it."""


class DivergenceError(ValueError):
    """The loss, its gradient or the parameters are not finite."""

    def __init__(self, when: str, advice: str = "") -> None:
        super().__init__(
            "Solver produced non-finite parameter weights. The input data may contain large values"
            f" and need to be preprocessed: the loss or its gradient is not finite {when}."
            f" Scale X (StandardScaler) and, in regression, y. {advice}".rstrip()
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_message, (str(self),)


def _with_message(message: str) -> DivergenceError:
    """Return the error with a message that is whole already, as a worker process sends it."""
    error = DivergenceError.__new__(DivergenceError)
    error.args = (message,)
    return error
