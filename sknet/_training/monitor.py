"""The monitor of training: loss curve, printed lines, time limit, callbacks."""

from math import inf
from time import perf_counter

from sknet._compat import FitCallbacks, NoCallbacks
from sknet._engine.reports import Record
from sknet._training.cross_fitting import CrossValidation
from sknet._training.validation import Validation


class Monitor:
    """Is called before and after each epoch; decides whether to stop.

    Parameters
    ----------
    verbose : int
        Number of epochs from one printed line to the next; 0 prints nothing. The first and the
        last epoch are printed too.
    max_time : float or None
        Time limit in seconds.
    validation : Validation, CrossValidation or None
        Has evaluated the epoch before the monitor is called.
    callbacks : FitCallbacks or NoCallbacks

    Attributes
    ----------
    losses : list of float
        The objective of each epoch.
    rates : list of float or None
        The learning rate at the end of each epoch; None for L-BFGS.
    reason : {None, "max_time", "callback"}
        Why training must stop.
    """

    def __init__(
        self,
        verbose: int,
        max_time: float | None,
        validation: Validation | CrossValidation | None,
        callbacks: FitCallbacks | NoCallbacks,
    ) -> None:
        self.every, self.max_time = int(verbose), inf if max_time is None else max_time
        self.validation, self.callbacks = validation, callbacks
        self.losses: list[float] = []
        self.rates: list[float | None] = []
        self.reason: str | None = None
        self._started = perf_counter()
        self._unprinted: str | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the monitor was made."""
        return perf_counter() - self._started

    def begin(self) -> None:
        """Begin an epoch."""
        self.callbacks.begin()

    def __call__(self, record: Record) -> bool:
        """Record a finished epoch; return whether to stop."""
        self.losses.append(record.loss)
        self.rates.append(record.learning_rate)
        seconds = self.seconds
        if self.every:
            self._unprinted = self._line(record, seconds)
            if record.iteration == 1 or record.iteration % self.every == 0:
                self.print_last()
        if self.callbacks.end():
            self.reason = "callback"
        elif seconds >= self.max_time:
            self.reason = "max_time"
        return self.reason is not None

    def print_last(self) -> None:
        """Print the last epoch, unless that has been done or nothing is to be printed."""
        line, self._unprinted = self._unprinted, None
        if line is not None:
            print(line, flush=True)

    def _line(self, record: Record, seconds: float) -> str:
        """Return the line to print for an epoch."""
        parts = [f"Iteration {record.iteration}", f"loss = {record.loss:.6f}"]
        if self.validation is not None:
            parts.append(f"validation loss = {self.validation.losses[-1]:.6f}")
            parts.append(f"validation score = {self.validation.scores[-1]:.6f}")
        if record.learning_rate is not None:
            parts.append(f"learning rate = {record.learning_rate:.3g}")
        return ", ".join([*parts, f"{seconds:.1f} s"])
