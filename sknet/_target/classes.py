"""Targets of classes: labels, and label indicators."""

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from sknet._compat import warn
from sknet._engine.links import LINKS
from sknet._engine.one_hot import OneHot, Targets
from sknet._target.messages import one_hot_words, unseen_error
from sknet._target.target import Target


class ClassTarget(Target):
    """What targets of classes share: nothing is scaled, and labels can be smoothed.

    Attributes
    ----------
    classes : ndarray
        The labels, sorted.
    out_activation : str
        Link of the output under the classification losses.
    """

    classes: np.ndarray
    out_activation: str

    def smoothing(self, label_smoothing: float) -> tuple[float, float]:
        """(1 - e) Y + e / K, K the alternatives of an output. Szegedy et al. 2016."""
        n_alternatives = LINKS[self.out_activation].n_alternatives(self.n_outputs)
        return 1.0 - label_smoothing, label_smoothing / n_alternatives

    def original(self, Y: np.ndarray) -> np.ndarray:
        return self.decode(Y)

    def resolution(self, n_samples: int, w: np.ndarray | None) -> float:
        return 1.0 / n_samples if w is None else float(w.max() / w.sum(dtype=np.float64))


class LabelTarget(ClassTarget):
    """One label a row: a sigmoid output for two classes, else a softmax over all."""

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes
        self.binary = len(classes) == 2
        self.out_activation = "logistic" if self.binary else "softmax"
        self.n_outputs = 1 if self.binary else len(classes)
        self._of: tuple[Any, Any] = (None, None)

    @classmethod
    def of(cls, y: Any) -> "LabelTarget":
        """Return the target whose classes are the labels in `y`."""
        if y.dtype.kind in "biu":
            classes, codes = np.unique(y, return_inverse=True)
        else:
            encoder = LabelEncoder()
            codes = encoder.fit_transform(y)
            classes = encoder.classes_
        target = cls(classes)
        target._of = y, codes
        return target

    def encode(self, y: Any, dtype: Any, name: str = "y") -> tuple[Targets, np.ndarray]:
        made_of, codes = self._of
        if y is not made_of:
            codes = codes_of(y, self.classes)
            if (codes < 0).any():
                raise unseen_error(name, _different(y[codes < 0]), self.classes)
        if self.binary:
            return codes.astype(dtype)[:, None], codes
        return OneHot(codes, self.n_outputs, dtype), codes

    def codes(self, Y: Any) -> np.ndarray:
        """Return the place among the classes of each encoded label, or prediction."""
        codes = Y[:, 0] > 0.5 if self.binary else Y.argmax(axis=1)
        return codes.astype(np.intp)

    def balance(self, Y: Any, w: np.ndarray | None) -> float:
        codes = self.codes(Y) if w is None else self.codes(Y)[w > 0]
        counts = np.bincount(codes)
        counts = counts[counts > 0]
        return float(counts.min() * len(counts) / max(len(codes), 1)) if len(counts) > 1 else 1.0

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        return self.classes[self.codes(prediction)]

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        return accuracy_score(self.codes(Y), self.codes(prediction), sample_weight=w)


class IndicatorTarget(ClassTarget):
    """Any number of labels a row, as an indicator matrix: a sigmoid output for each label."""

    out_activation = "logistic"

    def __init__(self, n_labels: int) -> None:
        self.n_outputs = n_labels
        self.classes = np.arange(n_labels)

    def encode(self, y: Any, dtype: Any, name: str = "y") -> tuple[np.ndarray, None]:
        y = check_array(y, accept_sparse="csr", input_name=name)
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has {y.shape[1]} columns, one for each label; {self.n_outputs} were"
                " expected."
            )
        values = y.data if issparse(y) else y
        if not ((values == 0) | (values == 1)).all():
            raise ValueError(f"Label indicators must be 0 and 1; {name} holds other values.")
        Y = y.astype(bool)  # a byte each, until the engine needs numbers
        return Y.toarray() if issparse(Y) else Y, None

    def balance(self, Y: Any, w: np.ndarray | None) -> float:
        present = Y if w is None else Y[w > 0]
        if not len(present):
            return 1.0
        shares = present.mean(axis=0)
        rarest = np.minimum(shares, 1 - shares)
        return float(2 * rarest[rarest > 0].min(initial=0.5))

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        return (prediction > 0.5).astype(int)

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        return accuracy_score(Y > 0.5, prediction > 0.5, sample_weight=w)


def codes_of(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the place of each label among the sorted classes; -1 where it is not there."""
    if _order(labels) == _order(classes) != "O":
        places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
        return np.where(classes[places] == labels, places, -1)
    numbers = {label: code for code, label in enumerate(classes.tolist())}
    return np.array([numbers.get(label, -1) for label in labels.tolist()], dtype=np.intp)


def _order(labels: np.ndarray) -> str:
    """Return the kinds of dtypes with which these labels can be sorted together."""
    return "biuf" if labels.dtype.kind in "biuf" else labels.dtype.kind


def _different(labels: np.ndarray) -> list[Any]:
    """Return each label once, in the order in which they come."""
    return list(dict.fromkeys(labels))


def warn_of_one_hot(y: Any) -> None:
    """Warn where each row of label indicators has exactly one 1."""
    values = y.data if issparse(y) else y
    if (np.asarray(y.sum(axis=1)) == 1).all() and np.isin(values, (0, 1)).all():
        warn(one_hot_words(), UserWarning)


def classification_target(y: Any) -> LabelTarget | IndicatorTarget:
    """Return the target for what `read_labels` returns."""
    if y.ndim == 2:
        warn_of_one_hot(y)
        return IndicatorTarget(y.shape[1])
    target = LabelTarget.of(y)
    if 2 * len(target.classes) > len(y):
        check_classification_targets(y)  # warns if these are too many classes
    return target
