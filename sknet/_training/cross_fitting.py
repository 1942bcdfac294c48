"""Cross-fitting: members that leave out a fold each, and are validated by it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import check_cv

from sknet._engine.parameters import Parameters, Views
from sknet._training.rows import Rows
from sknet._training.validation import Validation


class Folds(NamedTuple):
    """The splits, as indices of the training rows. Each has `n_members` members.

    Attributes
    ----------
    train, test : list of ndarray of int
    n_members : int
    """

    train: list[np.ndarray]
    test: list[np.ndarray]
    n_members: int

    @classmethod
    def of(
        cls, cv: Any, X: Any, y: np.ndarray, groups: Any, w: Any, is_class: bool, n_members: int
    ) -> "Folds":
        """Split the rows; rows of weight 0 are left out of all parts.

        Parameters
        ----------
        cv : int, splitter or iterable
        X : object
            The user's input, for splitters that read it.
        y : ndarray
            Codes of classes, to stratify by them, or targets.
        groups : array-like or None
        w : ndarray or None
            The weights of all rows.
        is_class : bool
            Whether folds of an int `cv` are stratified.
        n_members : int
            Members of each fold.
        """
        splitter = check_cv(cv, y, classifier=is_class)
        place = np.arange(len(y)) if w is None else np.cumsum(w != 0) - 1
        there = np.ones(len(y), bool) if w is None else w != 0
        parts: list[list[np.ndarray]] = [[], []]
        for split in splitter.split(X, y, groups):
            for part, numbers in zip(parts, split, strict=True):
                numbers = np.flatnonzero(numbers) if np.asarray(numbers).dtype == bool else numbers
                own = np.asarray(numbers, np.intp)
                part.append(place[own[there[own]]])
        if not all(len(own) for part in parts for own in part):
            raise ValueError(
                "cv: a split has no rows to train on, or none to validate with, once rows of"
                " weight 0 are left out. Use fewer splits."
            )
        return cls(*parts, n_members)

    def members_of(self, fold: int) -> slice:
        """Return the members that leave out this fold."""
        return slice(fold * self.n_members, (fold + 1) * self.n_members)

    def train_rows(self) -> list[np.ndarray]:
        """Return the training rows of each member."""
        return [own for own in self.train for _ in range(self.n_members)]


class CrossValidation:
    """Validation of each member by the fold that it leaves out.

    Parameters
    ----------
    folds : Folds
    validations : sequence of Validation
        One for each fold.

    Attributes
    ----------
    losses, scores : list of float
        One entry per epoch: the means over all rows.
    """

    def __init__(self, folds: Folds, validations: Sequence[Validation]) -> None:
        self.folds, self.validations = folds, list(validations)
        own = (v.encoded.w for v in validations)
        self._shares = [
            len(v.encoded.Y) if w is None else float(w.sum())
            for v, w in zip(validations, own, strict=True)
        ]
        self.reset()

    def reset(self) -> None:
        """Clear the curves."""
        self.losses: list[float] = []
        self.scores: list[float] = []
        for validation in self.validations:
            validation.reset()

    def __call__(self, parameters: Parameters) -> float:
        """Return the mean score of the folds, each by its own members."""
        scores = [
            validation(parameters.of(self.folds.members_of(k)))
            for k, validation in enumerate(self.validations)
        ]
        losses = [validation.losses[-1] for validation in self.validations]
        self.losses.append(float(np.average(losses, weights=self._shares)))
        self.scores.append(float(np.average(scores, weights=self._shares)))
        return self.scores[-1]

    @property
    def resolution(self) -> float:
        """How much the mean score changes with a single row; 0 if it may be any number."""
        pairs = zip(self.validations, self._shares, strict=True)
        return max(own.resolution * share for own, share in pairs) / sum(self._shares)

    def last_loss(self) -> float:
        """Return the loss of the last epoch."""
        return self.losses[-1]

    def outputs(self, views: Views) -> list[tuple[Rows, np.ndarray]]:
        """Return the rows of each fold, and their raw outputs by its members."""
        return [
            (validation.rows, validation.raw_output(self._own(views, k)))
            for k, validation in enumerate(self.validations)
        ]

    def outputs_of_all(self, views: Views) -> Iterator[tuple[Rows, np.ndarray]]:
        """Yield the rows of each fold, and their raw outputs by all members."""
        for validation in self.validations:
            yield validation.rows, validation.raw_output(views)

    def _own(self, views: Views, fold: int) -> Views:
        """Return the parameters of the members that leave out this fold."""
        members = self.folds.members_of(fold)
        return [{name: a[members] for name, a in own.items()} for own in views]

    def raw_output(self, views: Views) -> np.ndarray:
        """Return the raw outputs of all folds, one below the other."""
        return np.concatenate([Z for _, Z in self.outputs(views)], axis=1)

    @property
    def targets(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The targets and the weights of these rows."""
        found = [validation.targets for validation in self.validations]
        Y = np.concatenate([Y for Y, _ in found])
        return Y, None if found[0][1] is None else np.concatenate([w for _, w in found])


def assembled(
    n_rows: int, parts: Iterable[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the predictions of all rows, and the fold of each.

    Rows in no part have NaN and the fold -1; rows in several have the mean and the last fold.

    Parameters
    ----------
    n_rows : int
    parts : iterable of (rows, prediction)
        For each fold, the numbers of its rows and their predictions.
    """
    total, count, fold = None, np.zeros(n_rows), np.full(n_rows, -1)
    for k, (rows, prediction) in enumerate(parts):
        if total is None:
            total = np.zeros((n_rows, *prediction.shape[1:]), prediction.dtype)
        total[rows] += prediction
        count[rows] += 1
        fold[rows] = k
    assert total is not None
    count = count.reshape(-1, *[1] * (total.ndim - 1)).astype(total.dtype)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.where(count > 0, count, 1), np.nan), fold
