"""Rows that training does not see: splitting them off, and how a network does on them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from sknet._compat import warn
from sknet._encoding import Encoder
from sknet._engine.layers import Layer
from sknet._engine.loss_base import Loss
from sknet._engine.losses import PREDICTIONS
from sknet._engine.prediction import raw_output
from sknet._targets import cast_target

#: Rows above which early_stopping="auto" holds some out.
MANY_ROWS = 10_000


class Rows(NamedTuple):
    """Rows of the table: X as read (then as encoded), encoded Y, weights, what to stratify by."""

    X: Any
    Y: np.ndarray
    w: np.ndarray | None
    strata: np.ndarray | None

    def take(self, rows: np.ndarray) -> "Rows":
        """Return these rows alone."""
        return Rows(*(None if a is None else a[rows] for a in self))

    def present(self) -> "Rows":
        """Return the rows whose weight is not 0."""
        return self if self.w is None or self.w.all() else self.take(np.flatnonzero(self.w))

    def encoded(self, encoder: Encoder, dtype: np.dtype, with_ones: bool) -> "Rows":
        """Return the rows as the engine takes them, in the compute dtype.

        With `with_ones`, their X ends with a column of ones, which the encoder does not count.
        """
        w = None if self.w is None else self.w.astype(dtype)
        if with_ones:
            X = np.empty((len(self.Y), encoder.n_columns + 1), dtype)
            X[:, -1] = 1.0
            encoder.encode(self.X, dtype, X[:, :-1])
        else:
            X = encoder.encode(self.X, dtype)
        return Rows(X, cast_target(self.Y, dtype), w, self.strata)


def stops_early(p: Mapping[str, Any], n_samples: int, is_given: bool) -> bool:
    """Whether a validation score ends training; `is_given`: the user gives the rows for it."""
    if p["early_stopping"] == "auto":
        return is_given or n_samples > MANY_ROWS
    return bool(p["early_stopping"])


def mean_prediction(Z: np.ndarray, out_activation: str) -> np.ndarray:
    """Return the members' mean prediction (n_samples, n_outputs), from their raw output."""
    return mean_of_members(PREDICTIONS[out_activation](Z))


def mean_of_members(A: np.ndarray) -> np.ndarray:
    """Return the mean of (n_members, ...) over the members."""
    return A[0] if len(A) == 1 else A.mean(axis=0)


class Validation:
    """Rows to validate on, and the curves of what was seen there.

    Parameters
    ----------
    rows : Rows
        X as read, Y as encoded.
    X : ndarray or CSR matrix
        As the network takes it.
    Y : ndarray
        As the network is trained on it: scaled, in the compute dtype.
    target : Target
    loss : Loss
    out_activation : str
    bound : callable
        ``bound(theta) -> layers``.
    score : callable, optional
        ``score(theta, rows) -> float``; None is the estimator's own score.
    by_loss : bool
        The score is minus the loss.

    Attributes
    ----------
    losses, scores : list of float
    """

    def __init__(
        self,
        rows: Rows,
        X: Any,
        Y: np.ndarray,
        target: Any,
        loss: Loss,
        out_activation: str,
        bound: Callable[[np.ndarray], Sequence[Layer]],
        score: Callable[[np.ndarray, Rows], float] | None = None,
        by_loss: bool = False,
    ) -> None:
        self.rows, self.X, self.Y, self.target = rows, X, Y, target
        self.loss, self.out_activation, self.bound = loss, out_activation, bound
        self.score, self.by_loss = score, by_loss
        self.losses: list[float] = []
        self.scores: list[float] = []

    def __call__(self, theta: np.ndarray) -> float:
        """Return the score of these parameters, higher is better; NaN where it is not finite."""
        with np.errstate(all="ignore"):
            Z = raw_output(self.bound(theta), self.X)
            prediction = mean_prediction(Z, self.out_activation)
            loss = self._mean_loss(np.ascontiguousarray(Z))
            # the user's numbers may be beyond the compute dtype
            restored = self.target.restore(prediction.astype(np.float64))
        if self.by_loss:
            score = -loss
        elif not np.isfinite(restored).all():
            score = float("nan")
        elif self.score is None:
            score = float(self.target.score(self.rows.Y, restored, self.rows.w))
        else:
            score = float(self.score(theta, self.rows))
        self.losses.append(loss)
        self.scores.append(score)
        return score

    def _mean_loss(self, Z: np.ndarray) -> float:
        """Return the mean loss over rows and members, without the penalty; `Z` is used up."""
        values = np.empty(Z.shape[:-1], Z.dtype)
        self.loss.value(self.Y, Z, values, np.empty_like(Z), np.empty_like(Z))
        return float(np.average(values.mean(axis=0, dtype=np.float64), weights=self.rows.w))


def hold_out(rows: Rows, fraction: float, seed: int, target: Any) -> tuple[Rows, Rows]:
    """Split off the rows that early stopping validates on, stratified where it can be.

    Warns
    -----
    UserWarning
        Where the split cannot be stratified, naming the rare labels.

    Raises
    ------
    ValueError
        Where nothing is left to train on, or to validate with.
    """
    n_samples = len(rows.Y)
    least = 1 if hasattr(target, "classes") else 2  # R2 of a single row is not defined
    n_held = max(int(np.ceil(fraction * n_samples)), least)
    if n_held >= n_samples:
        raise ValueError(
            f"early_stopping: n_samples={n_samples} are not enough to train on some and to hold"
            f" out {n_held}. The validation set is too small. Increase 'validation_fraction' or"
            " the size of your dataset, or set early_stopping=False."
            if n_held == least
            else f"early_stopping: validation_fraction={fraction} leaves none of"
            f" n_samples={n_samples} to train on. Lower it, or set early_stopping=False."
        )
    stratify = rows.strata
    if stratify is not None:
        counts = np.bincount(stratify, minlength=len(target.classes))
        n_present = np.count_nonzero(counts)
        rare = target.classes[counts == 1]
        if len(rare) or n_held < n_present or n_samples - n_held < n_present:
            why = (
                f"these labels have only one row: {', '.join(map(str, rare[:5]))}"
                if len(rare)
                else f"{n_held} held-out rows for {n_present} classes are too few"
            )
            warn(
                f"The hold-out of early stopping is random, not stratified: {why}.",
                UserWarning,
            )
            stratify = None
    kept, held = train_test_split(
        np.arange(n_samples), test_size=n_held, random_state=seed, stratify=stratify
    )
    return rows.take(kept), rows.take(held)
