"""y <-> Y: labels, label indicators and numbers.

A target has

``encode(y, dtype)``
    The engine's ``Y (n_samples, n_outputs)``, and what a hold-out is stratified by: a code for
    each row, or None. Raises ValueError for what it cannot encode.
``prepare(p, Y, w, out_activation, incremental)``
    Learns from the first rows what `scaled` needs.
``go_on(Y)``
    Learns from the rows of a later call what the first ones could not say.
``scaled(Y)``, ``restore(prediction)``
    Encoded targets in the engine's units, and the members' mean prediction in the user's.
``smoothed(Y, p)``
    Targets to train on: those of classes are moved towards their mean by `label_smoothing`.
``decode(prediction)``
    What ``predict`` returns, from the restored prediction (n_samples, n_outputs).
``original(Y)``
    The user's y again.
``score(Y, prediction, w)``
    What ``score`` returns, from encoded targets.
``n_outputs``, ``out_activation``
    Outputs of the network, and their link under the classification losses.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
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
    if not np.isfinite(cast).all():
        column = np.flatnonzero(~np.isfinite(cast).all(axis=0))[0]
        where = "y" if Y.shape[1] == 1 else f"Column {column} of y"
        or_else = ", or fit with dtype='float64'" if np.dtype(dtype) != np.float64 else ""
        raise ValueError(
            f"{where} holds a value that is too large for {np.dtype(dtype)}, the dtype in which"
            f" this network computes. Scale y{or_else}."
        )
    return cast


class ClassTarget:
    """What targets of classes share: nothing is scaled, and labels can be smoothed."""

    def prepare(self, p: Any, Y: Any, w: Any, out_activation: str, incremental: bool) -> None:
        """There is nothing to learn."""

    def go_on(self, Y: np.ndarray) -> None:
        """There is nothing to learn."""

    def scaled(self, Y: np.ndarray) -> np.ndarray:
        return Y

    def restore(self, prediction: np.ndarray) -> np.ndarray:
        return prediction

    def smoothed(self, Y: np.ndarray, p: Mapping[str, Any]) -> np.ndarray:
        """(1 - e) Y + e / K; K is 2 for a sigmoid. Szegedy et al. 2016."""
        e = float(p["label_smoothing"])
        n_alternatives = 2 if self.out_activation == "logistic" else Y.shape[1]
        return Y * (1.0 - e) + e / n_alternatives if e else Y

    def original(self, Y: np.ndarray) -> np.ndarray:
        return self.decode(Y)


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
        encoder = LabelEncoder()
        codes = encoder.fit_transform(column_or_1d(y, warn=True))
        return cls.of_unique(y, encoder.classes_, codes)

    @classmethod
    def of_unique(cls, y: Any, classes: np.ndarray, codes: np.ndarray) -> "LabelTarget":
        """Return the target of `y`, whose rows have these codes among the classes."""
        target = cls(classes)
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

    def codes(self, Y: np.ndarray) -> np.ndarray:
        """Return the place among the classes of each encoded label, or prediction."""
        codes = Y[:, 0] > 0.5 if self.binary else Y.argmax(axis=1)
        return codes.astype(np.intp)

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


#: Links under which y is scaled: predictions can be any number.
LINEAR = ("identity", "increments")


class Scaling(NamedTuple):
    """Mean and scale of each column of y; a constant column has scale 0."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, Y: np.ndarray, w: np.ndarray | None) -> "Scaling":
        """Return the weighted mean and standard deviation; neither huge nor tiny y overflow."""
        low, high = Y.min(axis=0), Y.max(axis=0)
        half_range = high / 2 - low / 2
        unit = np.where(half_range > 0, half_range, 1.0)
        above_low = np.average((Y / 2 - low / 2) / unit, axis=0, weights=w) * unit
        mean = np.where(low == high, low, low + above_low + above_low)
        deviations = (Y / 2 - mean / 2) / unit
        scale = np.sqrt(np.average(deviations**2, axis=0, weights=w)) * unit * 2
        return cls(mean, np.where(low == high, 0.0, scale))

    def widened(self, Y: np.ndarray) -> "Scaling":
        """Return the scaling, with a scale where a column was constant and differs in `Y`."""
        deviations = np.abs(Y - self.mean).max(axis=0)
        return self._replace(scale=np.where(self.scale > 0, self.scale, deviations))

    def forward(self, Y: np.ndarray) -> np.ndarray:
        """Return y in units of the scale, from the mean on; inf where it overflows."""
        with np.errstate(over="ignore"):
            return (Y - self.mean) / np.where(self.scale > 0, self.scale, 1.0)

    def back(self, prediction: np.ndarray) -> np.ndarray:
        """Return predictions in the user's units, in their own dtype; inf where they overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            restored = prediction * self.scale + self.mean
            return restored.astype(prediction.dtype, copy=False)


class ContinuousTarget:
    """Numbers, one or several a row.

    Parameters
    ----------
    n_columns : int
        Columns of y.
    quantiles : tuple of float, optional
        Levels that are predicted, one output each if there are several; None for other losses.
    scaling : Scaling, optional
        Of the first call, where training goes on.
    """

    def __init__(
        self,
        n_columns: int,
        quantiles: tuple[float, ...] | None = None,
        scaling: Scaling | None = None,
    ) -> None:
        self.n_columns, self.quantiles, self.scaling = n_columns, quantiles, scaling
        self.n_outputs = len(quantiles) if quantiles and len(quantiles) > 1 else n_columns

    @classmethod
    def of(cls, y: Any, quantiles: tuple[float, ...] | None) -> "ContinuousTarget":
        """Return the target with as many columns as `y` has."""
        y = _numbers(y)
        n_columns = 1 if y.ndim == 1 else y.shape[1]
        if quantiles and len(quantiles) > 1 and n_columns > 1:
            raise ValueError(
                f"y has {n_columns} outputs; several quantiles are predicted of one output. Fit an"
                " estimator for each (MultiOutputRegressor), or give one quantile."
            )
        return cls(n_columns, quantiles)

    def encode(self, y: Any, dtype: Any) -> tuple[np.ndarray, None]:
        y = _numbers(y)
        Y = y.reshape(len(y), -1)
        if Y.shape[1] != self.n_columns:
            raise ValueError(f"y has {Y.shape[1]} outputs; {self.n_columns} were expected.")
        cast_target(Y, dtype)
        return Y.astype(np.float64), None

    def prepare(self, p: Any, Y: Any, w: Any, out_activation: str, incremental: bool) -> None:
        """Learn the scaling of y, where its link is linear."""
        if not p["target_scaling"] or out_activation not in LINEAR:
            return
        self.scaling = Scaling.of(Y, w)
        if incremental:  # later chunks may vary where this one does not
            scale = np.where(self.scaling.scale > 0, self.scaling.scale, 1.0)
            self.scaling = self.scaling._replace(scale=scale)

    def go_on(self, Y: np.ndarray) -> None:
        """Let columns vary that were constant so far."""
        if self.scaling is not None:
            self.scaling = self.scaling.widened(Y)

    def scaled(self, Y: np.ndarray) -> np.ndarray:
        return Y if self.scaling is None else self.scaling.forward(Y)

    def restore(self, prediction: np.ndarray) -> np.ndarray:
        return prediction if self.scaling is None else self.scaling.back(prediction)

    def smoothed(self, Y: np.ndarray, p: Mapping[str, Any]) -> np.ndarray:
        return Y

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        return prediction[:, 0] if self.n_outputs == 1 else prediction

    def original(self, Y: np.ndarray) -> np.ndarray:
        return Y[:, 0] if self.n_columns == 1 else Y

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        # no score depends on the unit of y; squares of tiny and of huge numbers do
        _, exponent = np.frexp(np.abs(Y).max(axis=0))
        with np.errstate(over="ignore", invalid="ignore"):  # of a training that diverges
            Y, prediction = np.ldexp(Y, -exponent), np.ldexp(prediction, -exponent)
            if not np.isfinite(prediction).all():
                return float("nan")
            if self.quantiles is None:
                return r2_score(Y, prediction, sample_weight=w)
            columns = prediction.T if len(self.quantiles) > 1 else [prediction]
            return float(
                np.mean(
                    [
                        d2_pinball_score(Y, q, sample_weight=w, alpha=level)
                        for level, q in zip(self.quantiles, columns, strict=True)
                    ]
                )
            )


def _numbers(y: Any) -> np.ndarray:
    """Return `y` as finite numbers, 1-d or 2-d with at least two columns."""
    with without_data("y"), np.errstate(invalid="ignore"):
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
    if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biu" and len(y):
        # nothing to find out, and of a small fit's time not to be lost
        target = LabelTarget.of_unique(y, *np.unique(y, return_inverse=True))
        if 2 * len(target.classes) <= len(y):  # else scikit-learn has something to say
            return target
    if is_indicator(y):
        return IndicatorTarget(y.shape[1] if hasattr(y, "shape") else len(y[0]))
    return LabelTarget.of(y)
