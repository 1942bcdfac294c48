"""Sample weights and class weights -> weights of mean 1."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_array

from sknet._inputs import refuse_masked
from sknet._targets import LabelTarget


def checked_weights(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return the weights of the rows in float64; None where none are given.

    Raises
    ------
    ValueError
        If they are not finite, negative, or of another length.
    """
    refuse_masked(sample_weight, "sample_weight")
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight, dtype=np.float64)
    w = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
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
    """Return the weight of each row's class times its own.

    "balanced" gives each class that is there the same total weight, by the weights of the rows.
    """
    own = np.ones(len(codes)) if w is None else w
    if class_weight == "balanced":
        totals = np.bincount(codes, weights=own / max(own.max(), 1e-300))
        present = totals > 0
        by_class = totals.sum() / (max(1, present.sum()) * np.where(present, totals, 1.0))
    else:
        unknown = [label for label in class_weight if label not in target.classes]
        if unknown:
            raise ValueError(
                f"class_weight names labels that are not among the classes: {unknown[:5]}."
            )
        by_class = np.array([float(class_weight.get(c, 1.0)) for c in target.classes.tolist()])
    return own * by_class[codes]


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

    def normalise(self, w: np.ndarray | None, n_samples: int) -> np.ndarray | None:
        """Return checked weights on the scale, zeros kept; None where all are 1."""
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
