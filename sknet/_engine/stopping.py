"""When to stop, and which theta to keep: the sole owner of tol, patience and the best score."""

from collections.abc import Callable
from math import inf, isnan

from sknet._engine.activations import Array


class Stopping:
    """Watches the training loss or a validation score for lack of improvement.

    An epoch improves when its loss falls by at least `tol` below the best one so far (its score
    rises so above the best one). A loss or score that is NaN does not improve.

    Parameters
    ----------
    tol : float
    patience : int or inf
        Epochs without improvement after which `update` reports a plateau.
    validate : callable, optional
        ``validate(theta) -> score``, higher is better. Given, the parameters of the best score
        are kept.
    by_score : bool
        Whether, if there is a score, it is watched instead of the training loss.

    Attributes
    ----------
    best_score : float
    best_iter : int
        Epoch of `best_score`, counted from 1; 0 is the start.
    best_theta : ndarray or None
        A copy of theta at `best_score`; None without `validate`.
    """

    def __init__(
        self,
        tol: float,
        patience: float,
        validate: Callable[[Array], float] | None = None,
        by_score: bool = True,
    ) -> None:
        self.tol, self.patience, self.validate, self.by_score = tol, patience, validate, by_score
        self.n_updates = self.best_iter = 0
        self.best_score = -inf
        self.best_theta: Array | None = None
        self._restart()

    def _restart(self) -> None:
        self._best, self._n_no_improvement = inf, 0

    def keep(self, theta: Array) -> None:
        """Take `theta`, where training goes on from, as the one to improve on."""
        if self.validate is not None:
            score = self.validate(theta)
            self.best_score, self.best_theta = -inf if isnan(score) else score, theta.copy()
            self._best = -self.best_score if self.by_score else inf

    def update(self, theta: Array, loss: float) -> bool:
        """Take note of a finished epoch; return whether patience has run out.

        Patience, and what is to be improved on, then start again: one lucky epoch does not make
        a plateau of all that follow.
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

    def state(self) -> tuple[float, int]:
        """Return how patience stands: what is to be improved on, and the epochs in vain."""
        return self._best, self._n_no_improvement

    def restore(self, state: tuple[float, int]) -> None:
        """Take over what `state` returned."""
        self._best, self._n_no_improvement = state
