"""Early stopping: when to stop, and which theta to keep.

Only this module uses tol, patience and the best score.
"""

from collections.abc import Callable, Sequence
from math import inf, isnan
from typing import Any

from sknet._engine.parameters import Parameters
from sknet._engine.reports import Record


class Stopping:
    """Monitors the training loss or a validation score, and counts epochs without improvement.

    An epoch is an improvement if its loss is at least `tol` below the best loss so far, or its
    score at least `tol` above the best score. NaN is never an improvement.

    Parameters
    ----------
    tol : float
    patience : int or inf
        Epochs without improvement after which `update` reports a plateau.
    validate : callable, optional
        ``validate(theta) -> score``, higher is better; `theta` are the `Parameters` that `update`
        gets. If given, the parameters with the best score are kept.
    by_score : bool
        Whether the score, if there is one, is monitored instead of the training loss.

    Attributes
    ----------
    best_score : float
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
    ) -> None:
        self.tol, self.patience, self.validate, self.by_score = tol, patience, validate, by_score
        self.n_updates = self.best_iter = 0
        self.best_score = -inf
        self.best_theta: Any = None
        self._restart()

    def _restart(self) -> None:
        self._best, self._n_no_improvement = inf, 0

    def set_baseline(self, theta: Any) -> None:
        """Use `theta`, from which training continues, as the best so far."""
        if self.validate is not None:
            score = self.validate(theta)
            self.best_score, self.best_theta = -inf if isnan(score) else score, theta.copy()
            self._best = -self.best_score if self.by_score else inf

    def update(self, theta: Any, loss: float) -> bool:
        """Record a finished epoch; return whether patience has run out.

        If so, patience and the best value start again, so that one outstanding epoch does not turn
        all later ones into plateaus.
        """
        value = loss
        self.n_updates += 1
        if self.validate is not None:
            score = self.validate(theta)
            if self.best_theta is None or score > self.best_score:
                self.best_score = -inf if isnan(score) else score
                self.best_theta, self.best_iter = theta.copy(), self.n_updates
            value = -score if self.by_score else loss
        improved = value <= self._best - self.tol
        self._n_no_improvement = 0 if improved else self._n_no_improvement + 1
        self._best = self._best if isnan(value) else min(value, self._best)
        if self._n_no_improvement < self.patience:
            return False
        self._restart()
        return True

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
