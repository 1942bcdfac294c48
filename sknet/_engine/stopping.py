"""Early stopping: when to stop, and which theta to keep.

Only this module uses tol, patience and the best score.
"""

from collections.abc import Callable, Sequence
from math import inf, isnan
from typing import Any, NamedTuple

from sknet._engine.parameters import Parameters
from sknet._engine.reports import Record


class Evaluation(NamedTuple):
    """The results of an epoch on validation rows: a score, higher is better, and the loss."""

    score: float
    loss: float

    def beats(self, other: "Evaluation") -> bool:
        """Whether the score is higher, or equal at a lower loss."""
        if self.score == other.score:
            return self.loss < other.loss
        return self.score > other.score


#: The evaluation before the first epoch.
NOTHING = Evaluation(-inf, inf)


class Stopping:
    """Monitors the training loss or a validation score, and counts epochs without improvement.

    By the training loss, an epoch is an improvement if its loss is at least `tol` below the best
    loss so far. By a score, it is one if its score is at least `score_tol` above the best score so
    far; or if its score is equal to the best, and its validation loss is at least `tol` below the
    best validation loss at such a score. Scores are equal if they differ by less than `score_tol`,
    or by at most `resolution`. NaN is never an improvement.

    Parameters
    ----------
    tol : float
        Of losses.
    patience : int or inf
        Epochs without improvement after which `update` reports a plateau.
    validate : callable, optional
        ``validate(theta) -> score``, higher is better; `theta` are the `Parameters` that `update`
        gets. If given, the parameters with the best score are kept; of equal scores, those with the
        lowest validation loss.
    by_score : bool
        Whether the score, if there is one, is monitored instead of the training loss.
    score_tol : float, optional
        Of scores; `tol` if None.
    resolution : float
        The smallest difference of scores that counts, such as the share of a single row.
    held_loss : callable
        ``held_loss() -> loss`` on the validation rows, at the parameters that were validated last.
        By default, equal scores are equally good.

    Attributes
    ----------
    best_iter : int
        Epoch of `best_score`, counted from 1; 0 is before the first epoch.
    best_theta : object or None
        ``theta.copy()`` at `best_score`; None without `validate`.
    """

    def __init__(
        self,
        tol: float,
        patience: float,
        validate: Callable[[Any], float] | None = None,
        by_score: bool = True,
        score_tol: float | None = None,
        resolution: float = 0.0,
        held_loss: Callable[[], float] = lambda: 0.0,
        keeps_best: bool = True,
    ) -> None:
        self.keeps_best = keeps_best
        self.tol, self.patience, self.validate, self.by_score = tol, patience, validate, by_score
        self.score_tol = tol if score_tol is None else score_tol
        self.resolution, self.held_loss = resolution, held_loss
        self.n_updates = self.best_iter = 0
        self.best_theta: Any = None
        self._best_evaluation = NOTHING
        self._restart()

    @property
    def best_score(self) -> float:
        """The best score so far; -inf if there is none."""
        return self._best_evaluation.score

    def _restart(self) -> None:
        self._best, self._n_no_improvement = inf, 0
        self._best_held = NOTHING

    def set_baseline(self, theta: Any) -> None:
        """Use `theta`, from which training continues, as the best so far."""
        if self.validate is not None:
            self._best_evaluation, self.best_theta = self._evaluation(theta), theta.copy()
            self._best_held = self._best_evaluation

    def _evaluation(self, theta: Any) -> Evaluation:
        """Return score and loss on the validation rows; the worst possible ones in place of NaN."""
        assert self.validate is not None
        score = self.validate(theta)
        loss = self.held_loss()
        return Evaluation(-inf if isnan(score) else score, inf if isnan(loss) else loss)

    def update(self, theta: Any, loss: float) -> bool:
        """Record a finished epoch; return whether patience has run out.

        If so, patience and the best value start again, so that one outstanding epoch does not turn
        all later ones into plateaus.
        """
        self.n_updates += 1
        held = None
        if self.validate is not None:
            held = self._evaluation(theta)
            is_first = self.best_theta is None and self.best_iter == 0
            if is_first or held.beats(self._best_evaluation):
                self._best_evaluation = held
                self.best_theta = theta.copy() if self.keeps_best else None
                self.best_iter = self.n_updates
        if held is None or not self.by_score:
            improved = loss <= self._best - self.tol
            self._best = self._best if isnan(loss) else min(loss, self._best)
        else:
            improved = self._improves(held)
        self._n_no_improvement = 0 if improved else self._n_no_improvement + 1
        if self._n_no_improvement < self.patience:
            return False
        self._restart()
        return True

    def _improves(self, held: Evaluation) -> bool:
        """Whether the score improves, or the validation loss at an equal score."""
        best = self._best_held
        if held.score == -inf:
            return False
        rise = held.score - best.score
        ties = abs(rise) < self.score_tol or abs(rise) <= self.resolution
        lowest = min(best.loss, held.loss) if ties else held.loss
        if ties or rise > 0.0:
            self._best_held = Evaluation(max(best.score, held.score), lowest)
        rises = held.score >= best.score + self.score_tol
        return rises or (ties and held.loss <= best.loss - self.tol)

    def plateaus(
        self, parameters: Parameters, record: Record, active: Sequence[int]
    ) -> Sequence[int]:
        """Record an epoch; return the members whose patience has run out: all or none."""
        return list(active) if self.update(parameters, record.loss) else ()

    def state(self) -> tuple[float, int]:
        """Return the best value so far, and the number of epochs without improvement."""
        return self._best, self._n_no_improvement

    def restore(self, state: tuple[float, int]) -> None:
        """Set the state to what `state` has returned."""
        self._best, self._n_no_improvement = state


class IndependentStopping:
    """A stopping rule for each member, with its own patience, best epoch and snapshot.

    Parameters
    ----------
    rules : sequence of Stopping
        One for each member. ``rule.validate`` gets the `Parameters` of this member only.
    """

    def __init__(self, rules: Sequence[Stopping]) -> None:
        self.rules = list(rules)

    def plateaus(
        self, parameters: Parameters, record: Record, active: Sequence[int]
    ) -> Sequence[int]:
        """Record an epoch; return which of the `active` members are out of patience."""
        if parameters.has_shared:
            raise ValueError("Members that share parameters cannot stop one by one.")
        found = []
        for k in active:
            own, loss = parameters.of(slice(k, k + 1)), record.losses[k]
            if self.rules[k].update(own, loss):
                found.append(k)
        return found

    def keep_best(self, parameters: Parameters) -> None:
        """Set the parameters of each validated member to its best ones."""
        for k, rule in enumerate(self.rules):
            if rule.best_theta is not None:
                parameters.put(rule.best_theta, slice(k, k + 1))
