"""The base class of targets: converts y to Y, and predictions to the user's units."""

from typing import Any

import numpy as np

from sknet._engine.one_hot import Targets


class Target:
    """The target of an estimator.

    Attributes
    ----------
    n_outputs : int
        Number of outputs of the network.
    is_scaled : bool
        Whether ``scaled`` changes the targets.
    least_dtype : {'float32', 'float64'}
        The least dtype of predictions that can tell the targets apart.
    is_number : bool
        Whether Y holds numbers, which have a mean and a range.
    """

    n_outputs: int
    is_number: bool = False
    is_scaled: bool = False
    least_dtype: str = "float32"

    def encode(self, y: Any, dtype: Any, name: str = "y") -> tuple[np.ndarray, np.ndarray | None]:
        """Return ``Y (n_samples, n_outputs)`` and the strata of a hold-out.

        The strata are a code for each row, or None. `y` is as `reading` returns it; messages call
        it `name`. Raises ValueError if `y` cannot be encoded.
        """
        raise NotImplementedError

    def fit(
        self, Y: np.ndarray, w: np.ndarray | None, scales: bool, grows: bool, robust: bool = False
    ) -> "Target":
        """Return a target that is fitted to the first rows, as `scaled` needs it.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_outputs)
        w : ndarray of shape (n_samples,) or None
        scales : bool
            Whether numbers are scaled.
        grows : bool
            Whether further rows follow, in which a constant column may vary.
        robust : bool
            Whether outliers must not change the scale.
        """
        return self

    def fit_moments(self, mean: np.ndarray, deviation: np.ndarray, scales: bool) -> "Target":
        """Return a target of numbers that is fitted to mean and deviation of each column."""
        return self

    def limited(self, Y: np.ndarray) -> "Target":
        """Return a target whose predictions are clipped to the range of the targets seen."""
        return self

    def continued(self, Y: np.ndarray) -> "Target":
        """Return the target for continued training, given the rows of the new call."""
        return self

    def scaled(self, Y: np.ndarray) -> np.ndarray:
        """Return encoded targets in the engine's units."""
        return Y

    def restore(self, prediction: np.ndarray) -> np.ndarray:
        """Return a prediction in the user's units."""
        return prediction

    def balance(self, Y: Any, w: np.ndarray | None) -> float:
        """Return the share of the rarest class times their number; 1 for numbers.

        Of the rows of weights above 0, given encoded targets.
        """
        return 1.0

    def smoothing(self, label_smoothing: float) -> tuple[float, float]:
        """Return slope and shift; the smoothed targets are ``slope * Y + shift``."""
        return 1.0, 0.0

    def decode(self, prediction: np.ndarray) -> np.ndarray:
        """Return the result of the estimator's ``predict``, given the restored prediction."""
        raise NotImplementedError

    def original(self, Y: np.ndarray) -> np.ndarray:
        """Return the user's y, given encoded targets."""
        raise NotImplementedError

    def score(self, Y: np.ndarray, prediction: np.ndarray, w: np.ndarray | None) -> float:
        """Return the estimator's ``score``, given encoded targets and restored predictions."""
        raise NotImplementedError

    def resolution(self, n_samples: int, w: np.ndarray | None) -> float:
        """Return by how much one of the rows can change ``score``; 0 if by any number."""
        return 0.0


def cast_target(Y: Targets, dtype: Any) -> Any:
    """Return encoded targets in `dtype`; raise ValueError if one is too large for it."""
    with np.errstate(over="ignore"):
        cast = Y.astype(dtype, copy=False)
    if not np.isfinite([cast.min(), cast.max()]).all():
        column = np.flatnonzero(~np.isfinite(cast).all(axis=0))[0]
        where = "y" if Y.shape[1] == 1 else f"Column {column} of y"
        or_else = ", or fit with dtype='float64'" if np.dtype(dtype) != np.float64 else ""
        raise ValueError(
            f"{where} holds a value that is too large for {np.dtype(dtype)}, the compute dtype of"
            f" this network. Scale y{or_else}."
        )
    return cast
