"""Sample weights and class weights, normalised to mean 1."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_array

from sknet._compat import warn
from sknet._table.messages import refuse_lazy, refuse_masked, without_data
from sknet._target.classes import LabelTarget
from sknet._target.messages import label_words


def checked_weights(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return the sample weights in float64; None if there are none.

    Raises
    ------
    ValueError
        If weights are not finite, are negative, or have the wrong length.
    """
    refuse_lazy(sample_weight, "sample_weight")
    refuse_masked(sample_weight, "sample_weight")
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight, dtype=np.float64)
    kind = getattr(getattr(sample_weight, "dtype", None), "kind", "")
    if kind in ("M", "m"):
        raise ValueError("sample_weight holds dates or times: weights must be numbers, 0 or more.")
    with without_data("sample_weight"):
        w = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
        )
    if w.ndim != 1:
        raise ValueError(f"Sample weights must be a 1-d array or a number, got {w.ndim}-d.")
    if len(w) != n_samples:
        raise ValueError(f"sample_weight has {len(w)} entries, X has {n_samples} rows.")
    if (w < 0).any():
        raise ValueError("Negative values in sample_weight: weights must be 0 or more.")
    return w


def class_weights(
    class_weight: Any, target: LabelTarget, codes: np.ndarray, w: np.ndarray | None
) -> np.ndarray:
    """Return the weight of each row times the weight of its class.

    "balanced" gives each class that occurs the same total weight.
    """
    own = np.ones(len(codes)) if w is None else w
    totals = np.bincount(codes, own / max(own.max(), 1e-300), len(target.classes))
    return own * class_factors(class_weight, target, totals)[codes]


def class_factors(class_weight: Any, target: LabelTarget, totals: np.ndarray) -> np.ndarray:
    """Return the weight of each class; `totals` are the sums of the weights of their rows."""
    if class_weight == "balanced":
        present = totals > 0
        return totals.sum() / (max(1, present.sum()) * np.where(present, totals, 1.0))
    return np.array([float(class_weight.get(c, 1.0)) for c in target.classes.tolist()])


def warn_of_absent_classes(class_weight: Mapping[Any, float], classes: np.ndarray) -> None:
    """Warn where a dict names absent labels and leaves a class out: a label may be misspelt.

    A fold may lack a class of a dict that names all. scikit-learn's `compute_class_weight` raises
    in the same case, and is silent in the other one.
    """
    known = classes.tolist()
    absent = [label for label in class_weight if label not in known]
    left_out = [label for label in known if label not in class_weight]
    if absent and left_out:
        warn(
            f"class_weight names labels that y does not have: {label_words(absent)}. They are"
            f" ignored, and these classes of y weigh 1: {label_words(left_out)}. Check how the"
            " labels of class_weight are written, and their type.",
            UserWarning,
        )


class Weights:
    """Normalises sample weights to mean 1.

    Parameters
    ----------
    scale : tuple of two floats, optional
        The largest weight of the first call, and the mean of its weights divided by the largest.
        None means that this is the first call.

    Notes
    -----
    Weights are first divided by the largest one, so that tiny or huge weights neither underflow nor
    overflow.
    """

    def __init__(self, scale: tuple[float, float] | None = None) -> None:
        self.scale = scale

    def normalise(self, w: np.ndarray | None, n_samples: int) -> np.ndarray | None:
        """Return normalised weights; None if all are 1. `w` is checked; zeros stay zero."""
        if w is None:
            self.scale = self.scale or (1.0, 1.0)
            return None if self.scale == (1.0, 1.0) else self._scaled(np.ones(n_samples))
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
