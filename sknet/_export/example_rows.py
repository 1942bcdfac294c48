"""Rows that an encoder can read, made of what it has learned: no row of the training data."""

from typing import Any

import numpy as np

from sknet._table.encoding import NUMBERS

#: Usual rows; further ones have missing values, far numbers and unknown levels.
N_ROWS = 12


def example_rows(model: Any) -> tuple[list[list[Any]], np.ndarray]:
    """Return rows as lists of builtins, and as an array that the estimator reads."""
    encoder, rng = model._encoder, np.random.default_rng(0)
    rows = np.empty((N_ROWS + 3, model.n_features_in_), dtype=object)
    numbers = np.flatnonzero(~encoder.categorical)
    for block in encoder.blocks:
        if block.reads == NUMBERS and block.describes:
            for k, column in enumerate(block.columns):
                rows[:, numbers[column]] = _numbers(block, k, rng)
    for column, levels in zip(np.flatnonzero(encoder.categorical), encoder.levels, strict=True):
        rows[:, column] = _levels(levels or [""], rng)
    X = rows if encoder.categorical.any() else rows.astype(float)
    return rows.tolist(), X


def _numbers(block: Any, k: int, rng: np.random.Generator) -> list[float]:
    """Return numbers around the median of a column; then a missing one, and far ones."""
    _, scale = block.centre_and_scale(k)
    median, spread = float(block.state["fill"][k]), scale or 1.0
    if "knots" in block.state:
        usual = rng.choice(block.state["knots"][:, k], N_ROWS)
    else:
        usual = median + spread * rng.standard_normal(N_ROWS)
    usual = usual.astype(float)
    usual[k % N_ROWS] = np.nan
    return [*usual.tolist(), np.nan, median + 100.0 * spread, median - 100.0 * spread]


def _levels(levels: list[Any], rng: np.random.Generator) -> list[Any]:
    """Return levels; then a missing one and unknown ones of the same kind."""
    usual = [levels[k] for k in rng.integers(0, len(levels), N_ROWS)]
    kind = type(levels[0])
    unknown = "an unknown level" if kind is str else levels[0] if kind is bool else -12345.5
    return [*usual, None, unknown, unknown]
