"""Targets of regression: one or several numbers per row, and their scaling."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import d2_pinball_score, r2_score

from sknet._engine.averages import mean_and_scale
from sknet._target.target import Target, cast_target


class Scaling(NamedTuple):
    """Mean and scale of each column of y; a constant column has scale 0."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, Y: np.ndarray, w: np.ndarray | None) -> "Scaling":
        """Return the weighted mean and standard deviation of each column."""
        return cls(*mean_and_scale(Y, w))

    def widened(self, Y: np.ndarray) -> "Scaling":
        """Return a scaling with a scale for columns that were constant but are not in `Y`."""
        deviations = np.abs(Y - self.mean).max(axis=0)
        return self._replace(scale=np.where(self.scale > 0, self.scale, deviations))

    def forward(self, Y: np.ndarray) -> np.ndarray:
        """Return (Y - mean) / scale; inf on overflow."""
        with np.errstate(over="ignore"):
            return (Y - self.mean) / np.where(self.scale > 0, self.scale, 1.0)

    def back(self, prediction: np.ndarray) -> np.ndarray:
        """Return prediction * scale + mean in the dtype of `prediction`; inf on overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            restored = prediction * self.scale + self.mean
            return restored.astype(prediction.dtype, copy=False)


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
        self, Y: np.ndarray, w: np.ndarray | None, scales: bool, grows: bool
    ) -> "ContinuousTarget":
        if not scales:
            return self
        scaling = Scaling.of(Y, w)
        if grows:
            scale = np.where(scaling.scale > 0, scaling.scale, 1.0)
            scaling = scaling._replace(scale=scale)
        return ContinuousTarget(self.n_columns, self.quantiles, scaling)

    def continued(self, Y: np.ndarray) -> "ContinuousTarget":
        """Return the target with scales for columns that were constant in earlier calls."""
        if self.scaling is None:
            return self
        return ContinuousTarget(self.n_columns, self.quantiles, self.scaling.widened(Y))

    def scaled(self, Y: np.ndarray) -> np.ndarray:
        return Y if self.scaling is None else self.scaling.forward(Y)

    def restore(self, prediction: np.ndarray) -> np.ndarray:
        return prediction if self.scaling is None else self.scaling.back(prediction)

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
