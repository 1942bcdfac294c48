"""What goes on beside a training: curves, printed lines, the clock, callbacks."""

from math import inf
from time import perf_counter

from sknet._compat import NoTasks, Tasks
from sknet._engine.training import Record
from sknet._validation import Validation


class Monitor:
    """Hears of each epoch, before and after; says when to stop.

    Parameters
    ----------
    verbose : int
        Epochs from one printed line to the next; 0 for none.
    max_time : float or None
        Seconds.
    validation : Validation or None
        Already told of the epoch.
    tasks : Tasks or NoTasks
        Callbacks.

    Attributes
    ----------
    losses : list of float
        Of each epoch.
    reason : {None, "max_time", "callback"}
        Why it said to stop.
    """

    def __init__(
        self,
        verbose: int,
        max_time: float | None,
        validation: Validation | None,
        tasks: Tasks | NoTasks,
    ) -> None:
        self.every, self.max_time = int(verbose), inf if max_time is None else max_time
        self.validation, self.tasks = validation, tasks
        self.losses: list[float] = []
        self.reason: str | None = None
        self._started = perf_counter()

    def begin(self) -> None:
        """An epoch begins."""
        self.tasks.begin()

    def __call__(self, record: Record) -> bool:
        """Take note of a finished epoch; return whether to stop."""
        self.losses.append(record.loss)
        seconds = perf_counter() - self._started
        if self.every and (record.iteration == 1 or record.iteration % self.every == 0):
            print(self._line(record, seconds), flush=True)
        if self.tasks.end():
            self.reason = "callback"
        elif seconds >= self.max_time:
            self.reason = "max_time"
        return self.reason is not None

    def _line(self, record: Record, seconds: float) -> str:
        """Return the line that is printed of an epoch."""
        parts = [f"Iteration {record.iteration}", f"loss = {record.loss:.6f}"]
        if self.validation is not None:
            parts.append(f"validation loss = {self.validation.losses[-1]:.6f}")
            parts.append(f"validation score = {self.validation.scores[-1]:.6f}")
        if record.learning_rate is not None:
            parts.append(f"learning rate = {record.learning_rate:.3g}")
        return ", ".join([*parts, f"{seconds:.1f} s"])
