"""Targets of regression: one or several numbers per row, and their scaling."""

from typing import Any

import numpy as np
from sklearn.metrics import d2_pinball_score, r2_score

from sknet._target.scale import Scaling
from sknet._target.target import Target, cast_target


class ContinuousTarget(Target):
    """One or several numbers per row.

    Parameters
    ----------
    n_columns : int
        Columns of y.
    quantiles : tuple of float, optional
        Predicted levels, with one output for each if there are several; None for other losses.
    scaling : Scaling, optional
        Scaling that an earlier call has fitted.
    least_dtype : {'float32', 'float64'}
        The least dtype of predictions that can tell the targets apart.
    limits : ndarray of shape (2, n_columns), optional
        The least and the greatest target seen, to which predictions are clipped.
    """

    is_number = True

    def __init__(
        self,
        n_columns: int,
        quantiles: tuple[float, ...] | None = None,
        scaling: Scaling | None = None,
        least_dtype: str = "float32",
        limits: np.ndarray | None = None,
    ) -> None:
        self.n_columns, self.quantiles, self.scaling = n_columns, quantiles, scaling
        self.least_dtype, self.limits = least_dtype, limits
        self.n_outputs = len(quantiles) if quantiles and len(quantiles) > 1 else n_columns

    @classmethod
    def of(cls, y: Any, quantiles: tuple[float, ...] | None) -> "ContinuousTarget":
        """Return the target with as many columns as `y`, read by `read_numbers`, has."""
        n_columns = 1 if y.ndim == 1 else y.shape[1]
        if quantiles and len(quantiles) > 1 and n_columns > 1:
            raise ValueError(
                f"y has {n_columns} outputs; several quantiles need a single output. Fit an"
                " estimator for each output (MultiOutputRegressor), or pass one quantile."
            )
        return cls(n_columns, quantiles)

    def encode(self, y: Any, dtype: Any, name: str = "y") -> tuple[np.ndarray, None]:
        Y = y.reshape(len(y), -1)
        if Y.shape[1] != self.n_columns:
            raise ValueError(f"{name} has {Y.shape[1]} outputs; {self.n_columns} were expected.")
        cast_target(Y, dtype)
        return Y.astype(np.float64), None

    def fit(
        self, Y: np.ndarray, w: np.ndarray | None, scales: bool, grows: bool, robust: bool = False
    ) -> "ContinuousTarget":
        scaling = Scaling.of(Y, w, robust)
        if grows:
            scale = np.where(scaling.scale > 0, scaling.scale, 1.0)
            scaling = scaling._replace(scale=scale)
        return self._scaled_by(scaling, scales)

    def fit_moments(
        self, mean: np.ndarray, deviation: np.ndarray, scales: bool
    ) -> "ContinuousTarget":
        return self._scaled_by(Scaling(mean, deviation), scales)

    def _scaled_by(self, scaling: Scaling, scales: bool) -> "ContinuousTarget":
        kept = scaling if scales else None
        return self._with(scaling=kept, least_dtype=scaling.least_dtype())

    def _with(self, **changed: Any) -> "ContinuousTarget":
        names = ("scaling", "least_dtype", "limits")
        own = {name: changed.get(name, getattr(self, name)) for name in names}
        return ContinuousTarget(self.n_columns, self.quantiles, **own)

    def limited(self, Y: np.ndarray) -> "ContinuousTarget":
        seen = Y if self.limits is None else np.concatenate([Y, self.limits])
        return self._with(limits=np.stack([seen.min(axis=0), seen.max(axis=0)]))

    def continued(self, Y: np.ndarray) -> "ContinuousTarget":
        """Return the target with scales for columns that were constant in earlier calls."""
        if self.scaling is None:
            return self
        scaling = self.scaling.widened(Y)
        least = max(self.least_dtype, scaling.least_dtype())
        return self._with(scaling=scaling, least_dtype=least)

    @property
    def is_scaled(self) -> bool:
        return self.scaling is not None

    def scaled(self, Y: np.ndarray) -> np.ndarray:
        return Y if self.scaling is None else self.scaling.forward(Y)

    def restore(self, prediction: np.ndarray) -> np.ndarray:
        restored = prediction if self.scaling is None else self.scaling.back(prediction)
        if self.limits is not None:
            np.clip(restored, *self.limits.astype(restored.dtype), out=restored)
        return restored

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        return prediction[:, 0] if self.n_outputs == 1 else prediction

    def original(self, Y: np.ndarray) -> np.ndarray:
        return Y[:, 0] if self.n_columns == 1 else Y

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        # the score does not depend on the unit of y, but squares of tiny or huge y are not exact
        _, exponent = np.frexp(np.abs(Y).max(axis=0))
        with np.errstate(over="ignore", invalid="ignore"):  # training may diverge
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
