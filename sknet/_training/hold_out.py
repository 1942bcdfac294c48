"""The hold-out of early stopping: splits off validation rows."""

import numpy as np
from sklearn.model_selection import train_test_split

from sknet._compat import warn
from sknet._target.target import Target
from sknet._training.rows import Rows


def hold_out(rows: Rows, fraction: float, seed: int, target: Target) -> tuple[Rows, Rows]:
    """Return the training rows and the validation rows; the split is stratified if possible.

    Warns
    -----
    UserWarning
        If the split cannot be stratified. The message names the rare labels.

    Raises
    ------
    ValueError
        If no row is left for training or for validation.
    """
    n_samples = len(rows.Y)
    least = 1 if hasattr(target, "classes") else 2  # R2 of a single row is not defined
    n_held = max(int(np.ceil(fraction * n_samples)), least)
    if n_held >= n_samples:
        raise ValueError(
            f"early_stopping: n_samples={n_samples} are not enough to hold out {n_held} and"
            " to train on the others. The validation set is too small. Increase"
            " 'validation_fraction' or the size of your dataset, or set early_stopping=False."
            if n_held == least
            else f"early_stopping: validation_fraction={fraction} leaves no training rows of"
            f" n_samples={n_samples}. Lower it, or set early_stopping=False."
        )
    stratify = rows.strata
    if stratify is not None:
        counts = np.bincount(stratify, minlength=len(target.classes))
        n_present = np.count_nonzero(counts)
        rare = target.classes[counts == 1]
        if len(rare) or n_held < n_present or n_samples - n_held < n_present:
            why = (
                f"these labels have only one row: {', '.join(map(str, rare[:5]))}"
                if len(rare)
                else f"{n_held} held-out rows for {n_present} classes are too few"
            )
            warn(
                f"The hold-out of early stopping is random, not stratified: {why}.",
                UserWarning,
            )
            stratify = None
    kept, held = train_test_split(
        np.arange(n_samples), test_size=n_held, random_state=seed, stratify=stratify
    )
    return rows.take(kept), rows.take(held)
