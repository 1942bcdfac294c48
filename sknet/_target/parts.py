"""Targets whose rows come in parts: labels, and sums of weights, which merge."""

from typing import Any, NamedTuple

import numpy as np

from sknet._target.classes import LabelTarget


class TargetTotals(NamedTuple):
    """What some rows say of the targets and of the weights.

    Attributes
    ----------
    labels : ndarray or None
        The different labels, sorted; None if y holds no labels: then all rows count as one label.
    counts : ndarray of int of shape (n_labels,)
        Rows of weight above 0.
    sums, least, greatest : ndarray of shape (n_labels,)
        Of the weights above 0.
    positives : ndarray
        Rows of weight above 0 that have each of several labels; empty without label indicators.
    """

    labels: Any
    counts: np.ndarray
    sums: np.ndarray
    least: np.ndarray
    greatest: np.ndarray
    positives: np.ndarray

    @classmethod
    def of(cls, y: Any, w: np.ndarray | None, is_class: bool) -> "TargetTotals":
        """Return what `y`, as it is read, and its weights say."""
        n_rows, positives = y.shape[0], np.empty(0)
        weights = np.ones(n_rows) if w is None else w
        there = weights > 0.0
        codes, labels = np.zeros(n_rows, np.intp), None
        if is_class and y.ndim == 1:
            labels, codes = _labels(y)
        elif is_class:
            positives = np.asarray(y[there].sum(axis=0), float).ravel()
        n_labels = 1 if labels is None else len(labels)
        own, weights = codes[there], weights[there]
        least, greatest = np.full(n_labels, np.inf), np.zeros(n_labels)
        np.minimum.at(least, own, weights)
        np.maximum.at(greatest, own, weights)
        counts = np.bincount(own, minlength=n_labels)
        return cls(labels, counts, np.bincount(own, weights, n_labels), least, greatest, positives)

    def merge(self, other: "TargetTotals") -> "TargetTotals":
        """Return what the rows of both say.

        Raises
        ------
        ValueError
            If one has labels, or labels of another kind, and the other does not.
        """
        if (self.labels is None) != (other.labels is None):
            raise ValueError("y holds labels in some batches, and label indicators in others.")
        if self.positives.shape != other.positives.shape:
            raise ValueError(
                f"y has {len(other.positives)} columns, one for each label;"
                f" {len(self.positives)} were expected."
            )
        labels, codes = None, np.zeros(2, np.intp)
        if self.labels is not None:
            kinds = [own.labels.dtype.kind in "biuf" for own in (self, other)]
            if kinds[0] != kinds[1]:
                words = [("text", "numbers")[kind] for kind in kinds]
                raise ValueError(
                    f"y holds {words[1]} here, and {words[0]} in an earlier batch. Convert it to"
                    " one type in all batches."
                )
            labels, codes = _labels(np.concatenate([self.labels, other.labels]))
        n_labels = 1 if labels is None else len(labels)
        counts, sums, least, greatest = (
            np.concatenate(own) for own in zip(self[1:5], other[1:5], strict=True)
        )
        lowest, highest = np.full(n_labels, np.inf), np.zeros(n_labels)
        np.minimum.at(lowest, codes, least)
        np.maximum.at(highest, codes, greatest)
        return TargetTotals(
            labels,
            np.bincount(codes, counts, n_labels).astype(np.intp),
            np.bincount(codes, sums, n_labels),
            lowest,
            highest,
            self.positives + other.positives,
        )

    def weighted_by(self, factors: np.ndarray | None) -> "TargetTotals":
        """Return what the rows say, if the weights of each label are multiplied by a factor."""
        if factors is None:
            return self
        there = factors > 0.0
        return self._replace(
            counts=np.where(there, self.counts, 0),
            sums=self.sums * factors,
            least=np.where(there, self.least, np.inf) * np.where(there, factors, 1.0),
            greatest=self.greatest * factors,
        )

    @property
    def n_rows(self) -> int:
        """The number of rows of weight above 0."""
        return int(self.counts.sum())

    @property
    def is_uniform(self) -> bool:
        """Whether all weights above 0 are the same."""
        return bool(self.least.min() == self.greatest.max())

    @property
    def scale(self) -> tuple[float, float]:
        """The largest weight, and the mean weight divided by it: see `Weights`."""
        largest = float(self.greatest.max())
        return largest, float(np.sum(self.sums / largest) / self.n_rows)

    @property
    def balance(self) -> float:
        """The share of the rarest class times their number: see ``Target.balance``."""
        if len(self.positives):
            shares = self.positives / max(self.n_rows, 1)
            rarest = np.minimum(shares, 1.0 - shares)
            return float(2 * rarest[rarest > 0].min(initial=0.5))
        counts = self.counts[self.counts > 0]
        return float(counts.min() * len(counts) / self.n_rows) if len(counts) > 1 else 1.0


def _labels(y: Any) -> tuple[Any, np.ndarray]:
    """Return the different labels, sorted, and the place of each entry among them."""
    target = LabelTarget.of(y)
    _, codes = target.encode(y, np.float64)
    return target.classes, codes
