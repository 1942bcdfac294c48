"""y <-> Y: labels, label indicators and numbers; sample weights -> weights of mean 1.

A target has

``encode(y, dtype)``
    The engine's ``Y (n_samples, n_outputs)``, and what a hold-out is stratified by: a code for
    each row, or None. Raises ValueError for what it cannot encode.
``decode(prediction)``
    What ``predict`` returns, from the members' mean prediction (n_samples, n_outputs).
``score(Y, prediction, w)``
    What ``score`` returns, from encoded targets.
``n_outputs``, ``out_activation``
    Outputs of the network, and their link under the classification losses.
"""

from contextlib import suppress
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sknet._inputs import refuse_masked, without_data


def plain(y: Any) -> Any:
    """Return a column of pandas' nullable numbers and booleans as numpy's, others as they are.

    Raises
    ------
    ValueError
        If an entry is missing.
    """
    numpy_dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    if numpy_dtype is None or numpy_dtype.kind not in "biuf":
        return y
    if y.isna().any():
        raise ValueError("Input y contains NaN.")
    return y.to_numpy(numpy_dtype)


def require_y(estimator: Any, y: Any) -> None:
    """Raise scikit-learn's error where `y` is None, and where entries are masked."""
    refuse_masked(y, "y")
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )


def cast_target(Y: np.ndarray, dtype: Any) -> np.ndarray:
    """Return encoded targets in `dtype`; raise ValueError if one is too large for it."""
    with np.errstate(over="ignore"):
        cast = Y.astype(dtype, copy=False)
    if cast is not Y and not np.isfinite(cast).all():
        column = np.flatnonzero(~np.isfinite(cast).all(axis=0))[0]
        where = "y" if Y.shape[1] == 1 else f"Column {column} of y"
        raise ValueError(
            f"{where} holds a value that is too large for {np.dtype(dtype)}, the dtype in which"
            " this network computes. Scale y, or fit with dtype='float64'."
        )
    return cast


class LabelTarget:
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
        encoder = LabelEncoder()
        codes = encoder.fit_transform(column_or_1d(y, warn=True))
        target = cls(encoder.classes_)
        target._of = y, codes
        return target

    def _encode(self, y: Any) -> np.ndarray:
        """Return the place of each label among the classes."""
        encoder, labels = LabelEncoder(), column_or_1d(y, warn=True)
        encoder.classes_ = self.classes
        codes = encoder.transform(labels)
        # transform casts y to the dtype of the classes, which may cut strings and decimals off
        if not np.array_equal(self.classes[codes], labels):
            raise ValueError("y contains previously unseen labels: all must be among the classes.")
        return codes

    def encode(self, y: Any, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        made_of, codes = self._of
        if y is not made_of:
            codes = self._encode(y)
        if self.binary:
            return codes.astype(dtype)[:, None], codes
        Y = np.zeros((len(codes), self.n_outputs), dtype)
        Y[np.arange(len(codes)), codes] = 1.0
        return Y, codes

    def _codes(self, Y: np.ndarray) -> np.ndarray:
        codes = Y[:, 0] > 0.5 if self.binary else Y.argmax(axis=1)
        return codes.astype(np.intp)

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        return self.classes[self._codes(prediction)]

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        return accuracy_score(self._codes(Y), self._codes(prediction), sample_weight=w)


class IndicatorTarget:
    """Any number of labels a row, as an indicator matrix: a sigmoid output for each label."""

    out_activation = "logistic"

    def __init__(self, n_labels: int) -> None:
        self.n_outputs = n_labels
        self.classes = np.arange(n_labels)

    def encode(self, y: Any, dtype: Any) -> tuple[np.ndarray, None]:
        y = check_array(y, accept_sparse="csr", input_name="y")
        if y.shape[1] != self.n_outputs:
            raise ValueError(
                f"y has {y.shape[1]} columns, one for each label; {self.n_outputs} were expected."
            )
        y = y.toarray() if hasattr(y, "toarray") else y
        if not np.isin(y, (0, 1)).all():
            raise ValueError("Label indicators must be 0 and 1; y holds other values.")
        return y.astype(dtype), None

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        return (prediction > 0.5).astype(int)

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        return accuracy_score(Y > 0.5, prediction > 0.5, sample_weight=w)


class ContinuousTarget:
    """Numbers, one or several a row; `non_negative` where the loss asks for it."""

    def __init__(self, n_outputs: int, non_negative: bool) -> None:
        self.n_outputs, self.non_negative = n_outputs, non_negative

    @classmethod
    def of(cls, y: Any, non_negative: bool) -> "ContinuousTarget":
        """Return the target with as many outputs as `y` has."""
        y = _numbers(y)
        return cls(1 if y.ndim == 1 else y.shape[1], non_negative)

    def encode(self, y: Any, dtype: Any) -> tuple[np.ndarray, None]:
        y = _numbers(y)
        Y = y.reshape(len(y), -1)
        if Y.shape[1] != self.n_outputs:
            raise ValueError(f"y has {Y.shape[1]} outputs; {self.n_outputs} were expected.")
        if self.non_negative and (Y < 0).any():
            raise ValueError("y must not be negative with loss='poisson'.")
        return cast_target(Y, dtype), None

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        return prediction[:, 0] if self.n_outputs == 1 else prediction

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        with np.errstate(over="ignore"):  # of a training that diverges
            return r2_score(Y, prediction, sample_weight=w)


def _numbers(y: Any) -> np.ndarray:
    """Return `y` as finite numbers, 1-d or 2-d with at least two columns."""
    with without_data("y"):
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        if y.dtype.kind in "OUS":
            y = check_array(y.astype(np.float64), ensure_2d=False, input_name="y")
    if y.ndim > 2:
        raise ValueError(f"y must be 1-d or 2-d, got {y.ndim} dimensions.")
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def is_indicator(y: Any) -> bool:
    """Whether `y` is a matrix of label indicators; raise if it is not one label a row either."""
    _check_kinds(y)
    with suppress(ValueError):  # lists of unequal lengths: type_of_target explains
        y = y if issparse(y) else np.asarray(y)
    if getattr(y, "ndim", 0) > 2:
        raise ValueError(f"y must be 1-d or 2-d, got {y.ndim} dimensions.")
    if getattr(y, "dtype", np.dtype(object)).kind == "f":
        assert_all_finite(y.data if issparse(y) else y, input_name="y")
    with without_data("y"):
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass", "multilabel-indicator"):
            check_classification_targets(y)
    return kind == "multilabel-indicator"


def _check_kinds(y: Any) -> None:
    """Raise where labels are bytes, or are text and something else: those have no order.

    numpy would make text of all of a list; NaN among text is a missing label.
    """
    dtype = getattr(y, "dtype", None)
    if not isinstance(y, (list, tuple)) and getattr(dtype, "kind", None) not in ("O", "S"):
        return
    labels = np.ravel(y) if dtype is not None else y
    kinds = set(map(type, labels))
    if any(issubclass(kind, bytes) for kind in kinds):
        raise TypeError(
            "Support for labels represented as bytes is not supported. Convert the labels to a"
            " string or integer format."
        )
    if len(kinds) < 2 or not any(issubclass(kind, str) for kind in kinds):
        return
    if any(isinstance(label, float) and label != label for label in labels):
        raise ValueError("Input y contains NaN.")
    if not all(issubclass(kind, str) for kind in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"labels must be all str or all numeric; got {names}")


def classification_target(y: Any) -> LabelTarget | IndicatorTarget:
    """Return the target for the labels, or the label indicators, in `y`."""
    if is_indicator(y):
        return IndicatorTarget(y.shape[1] if hasattr(y, "shape") else len(y[0]))
    return LabelTarget.of(y)


class Weights:
    """Sample weights on a scale on which their mean is 1.

    Parameters
    ----------
    scale : tuple of two floats, optional
        Largest weight, and mean of the weights divided by it, of the first call; None: this is
        the first call.

    Notes
    -----
    Divided by the largest one first: neither tiny nor huge weights overflow or vanish.
    """

    def __init__(self, scale: tuple[float, float] | None = None) -> None:
        self.scale = scale

    def normalise(self, sample_weight: Any, n_samples: int) -> np.ndarray | None:
        """Return the weights in float64, zeros kept; None where all are 1.

        Raises
        ------
        ValueError
            If they are not finite, negative, or of another length.
        """
        refuse_masked(sample_weight, "sample_weight")
        if sample_weight is None:
            self.scale = self.scale or (1.0, 1.0)
            return None if self.scale == (1.0, 1.0) else self._scaled(np.ones(n_samples))
        if isinstance(sample_weight, Real):
            sample_weight = np.full(n_samples, sample_weight, dtype=np.float64)
        w = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
        )
        if w.ndim != 1:
            raise ValueError(f"Sample weights must be a 1-d array or a number, got {w.ndim}-d.")
        if len(w) != n_samples:
            raise ValueError(f"sample_weight has {len(w)} entries, X has {n_samples} rows.")
        if (w < 0).any():
            raise ValueError("Negative values in sample_weight: weights must be 0 or more.")
        if not w.any():
            return w
        if self.scale is None:
            largest = float(w.max())
            present = w[w > 0]
            self.scale = largest, float((present / largest).mean())
        w = self._scaled(w)
        return None if (w == 1.0).all() else w

    def _scaled(self, w: np.ndarray) -> np.ndarray:
        assert self.scale is not None
        return w / self.scale[0] / self.scale[1]
