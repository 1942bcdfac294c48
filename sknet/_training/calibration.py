"""Calibration: one temperature for the raw outputs, fitted on validation rows."""

import numpy as np
from scipy.optimize import minimize_scalar

from sknet._engine.links import Link

#: The inverse temperature lies between 1 / LIMIT and LIMIT.
LIMIT = 20.0
#: Pseudo-rows at temperature 1. They matter where the validation rows are few.
PRIOR_ROWS = 5.0


def inverse_temperature(
    Z: np.ndarray, Y: np.ndarray, w: np.ndarray | None, link: Link, prior: float = PRIOR_ROWS
) -> float:
    """Return the factor of the raw outputs that minimises the cross-entropy of validation rows.

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
        Strength, in rows, of the preference for the factor 1.

    Returns
    -------
    float
        1 / temperature.
    """
    Z, Y = Z.astype(np.float64), Y.astype(np.float64)
    w = np.ones(len(Y)) if w is None else w.astype(np.float64)

    def objective(log_factor: float) -> float:
        own = np.exp(log_factor) * Z
        gains = Y * link.log_mean_prediction(own)
        if link.is_symmetric:  # each output has a probability of its own, and 1 - p belongs to -z
            gains = gains + (1.0 - Y) * link.log_mean_prediction(-own)
        return float(-(w @ gains.sum(axis=1)) / w.sum() * len(Y) + prior * log_factor**2)

    bound = np.log(LIMIT)
    found = minimize_scalar(objective, bounds=(-bound, bound), method="bounded")
    return float(np.exp(found.x)) if found.fun < objective(0.0) else 1.0
