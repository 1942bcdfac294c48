"""Calibration: one temperature for the raw outputs, fitted on validation rows."""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize_scalar

from sknet._engine.activations import Array
from sknet._engine.links import Link

#: The temperature lies between 1 / LIMIT and LIMIT.
LIMIT = 20.0
#: Pseudo-rows at temperature 1. They matter where the validation rows are few.
PRIOR_ROWS = 5.0


def best_temperature(
    Z: np.ndarray, Y: np.ndarray, w: np.ndarray | None, link: Link, prior: float = PRIOR_ROWS
) -> float:
    """Return the temperature that minimises the cross-entropy of validation rows.

    Source: Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks".

    Parameters
    ----------
    Z : ndarray of shape (n_members, n_samples, n_outputs)
        Raw outputs.
    Y : ndarray of shape (n_samples, n_outputs)
        Targets, without label smoothing.
    w : ndarray of shape (n_samples,) or None
        Weights of the rows.
    link : Link
        Logistic or softmax.
    prior : float
        Strength, in rows, of the preference for the temperature 1.

    Returns
    -------
    float
        The number by which the raw outputs are to be divided.
    """
    Z, Y = Z.astype(np.float64), Y.astype(np.float64)
    w = np.ones(len(Y)) if w is None else w.astype(np.float64)

    def objective(log_temperature: float) -> float:
        own = Z / np.exp(log_temperature)
        gains = Y * link.log_mean_prediction(own)
        if link.is_symmetric:  # each output has a probability of its own, and 1 - p belongs to -z
            gains = gains + (1.0 - Y) * link.log_mean_prediction(-own)
        return float(-(w @ gains.sum(axis=1)) / w.sum() * len(Y) + prior * log_temperature**2)

    bound = np.log(LIMIT)
    found = minimize_scalar(objective, bounds=(-bound, bound), method="bounded")
    return float(np.exp(found.x)) if found.fun < objective(0.0) else 1.0


def tempered(parameters: Mapping[str, Array], temperature: float) -> dict[str, Array]:
    """Return the parameters of a last layer whose output is divided by the temperature."""
    return {name: (a / temperature).astype(a.dtype) for name, a in parameters.items()}
