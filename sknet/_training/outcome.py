"""What a training has come to: constant predictions and a loss that was still falling."""

from collections.abc import Sequence
from math import inf

import numpy as np
from scipy.sparse import issparse

from sknet._engine.network import bound_copies
from sknet._engine.one_hot import dense
from sknet._training.build import Built
from sknet._training.prepare import Prepared
from sknet._training.settings import Settings
from sknet._training.units import mean_loss, without_outliers
from sknet._training.validation import output_of_one_thread

#: Share of the best constant's loss that training must remove; a fit that does not is examined.
LEAST_FALL = 0.01
#: Predictions are constant if they vary by less than this share of the target's deviation.
CONSTANT_SPREAD = 0.01
#: Training rows whose predictions are examined; fewer if the layers are wide.
EXAMINED_ROWS, EXAMINED_ELEMENTS = 2000, 1 << 17
#: Epochs below which a fit that was cut short may be at a constant only because it is short.
LEAST_EPOCHS = 50
#: Share of the fall of the loss that may lie in the epochs that ended training.
MOST_LATE_FALL = 0.5
#: Share of the best constant's loss below which the loss counts as hardly moved.
LITTLE_FALL = 0.5
#: Ratio of the highest to the lowest loss from which the learning rate is too high.
HIGH_LOSS = 1.5
#: Strength of the penalties above which they are the likely cause of a constant prediction.
LARGE_ALPHA, LARGE_WEIGHT_DECAY = 1e-3, 10.0


def trouble(
    settings: Settings, prepared: Prepared, built: Built, losses: Sequence[float], reason: str
) -> str | None:
    """Return a warning if the prediction is constant, or if the loss was still falling.

    Parameters
    ----------
    settings : Settings
    prepared : Prepared
    built : Built
        After training.
    losses : sequence of float
        The objective of each epoch of this call.
    reason : str
        Why training ended.
    """
    if settings.is_usual:
        return None
    unit = mean_loss(built.units)
    best = getattr(built.stopping, "best_iter", 0)
    kept = losses[best - 1] if best else losses[-1]
    if kept > (1.0 - LEAST_FALL) * unit and _is_constant(prepared, built):
        cause = _cause(settings, prepared, built)
        if cause is None and (reason == "converged" or len(losses) >= LEAST_EPOCHS):
            cause = _other_cause(settings, losses)
        if cause is not None:
            return f"Training ended at the same prediction for every row. Likely cause: {cause}"
    if reason != "converged" or settings.patience == inf or settings.solver is None:
        return None
    curve = losses
    if prepared.stops_early and built.validation is not None:
        curve = built.validation.losses
        unit = unit if prepared.held_encoded is None else _held_unit(prepared)
    window = int(settings.patience)
    before = curve[-1 - window] if len(curve) > window else unit
    fall, late = unit - curve[-1], before - curve[-1]
    if MOST_LATE_FALL * fall < late and 0.0 < fall < LITTLE_FALL * unit:
        return (
            f"Training stopped at tol={settings.tol:g}, at a loss of {curve[-1] / unit:.2f} times"
            " that of the best constant prediction, while it was still falling: by"
            f" {late / unit:.2g} times that in the last n_iter_no_change={window} epochs, each of"
            " which counts as none that improves. Lower tol, or raise learning_rate_init."
        )
    return None


def _held_unit(prepared: Prepared) -> float:
    """Return the loss on the validation rows of the best constant for the training rows."""
    (_, Y, w), held = prepared.rows, prepared.held_encoded
    assert held is not None
    constant = prepared.loss.constant(Y, w)
    return prepared.loss.mean_of_constant(held.Y, held.w, constant)


def _is_constant(prepared: Prepared, built: Built) -> bool:
    """Whether the predictions of training rows hardly vary, and the targets do."""
    Y = prepared.rows.Y
    some = dense(Y if Y.shape[1] == 1 else Y[:: _step(built, len(Y))])
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = without_outliers(prepared, some).std(axis=0, dtype=np.float64)
    if not (deviations > 0.0).any():
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        prediction = prepared.link.mean_prediction(_output(prepared, built))
        spreads = prediction.std(axis=0, dtype=np.float64)
    return bool((np.isfinite(deviations) & (spreads < CONSTANT_SPREAD * deviations)).all())


def _output(prepared: Prepared, built: Built, n_layers: int | None = None) -> np.ndarray:
    """Return the output of the layers, of all or of the first ones, for some training rows."""
    layers = [layer for layer in built.network.layers if not layer.training_only]
    layers = bound_copies(layers, built.parameters())[:n_layers]
    X = prepared.rows.X
    step = _step(built, X.shape[0])
    some = X[::step] if issparse(X) else X[::step, : prepared.encoder.n_columns].copy()
    with np.errstate(all="ignore"):
        return output_of_one_thread(layers, some)


def _step(built: Built, n_samples: int) -> int:
    """Return the distance of the examined rows."""
    widest = built.network.n_members * max(layer.n_stored for layer in built.network.layers)
    return -(-n_samples // max(1, min(EXAMINED_ROWS, EXAMINED_ELEMENTS // widest)))


def _cause(settings: Settings, prepared: Prepared, built: Built) -> str | None:
    """Return the cause of a constant prediction and what to do, if it can be seen."""
    alpha, decay = (np.max(v) for v in (settings.alpha, settings.hyper.get("weight_decay", 0.0)))
    if alpha > LARGE_ALPHA:
        return (
            f"alpha={alpha:g} is so large that the penalty keeps all weights near 0. It multiplies"
            " the penalty on the mean loss, whatever the batch. Lower alpha."
        )
    if decay > LARGE_WEIGHT_DECAY:
        return f"weight_decay={decay:g} is so large that all weights stay near 0. Lower it."
    if settings.hidden_layer_sizes:
        hidden = _output(prepared, built, -1)
        if not np.ptp(hidden, axis=1).any():
            lower = "" if settings.solver is None else "Lower learning_rate_init, or "
            other = "use another activation, such as 'leaky_relu' or 'gelu'."
            return (
                "dead units: no unit of the last hidden layer responds to X."
                f" {lower}{other if lower else other.capitalize()}"
            )
    return None


def _other_cause(settings: Settings, losses: Sequence[float]) -> str:
    """Return the likely cause of a constant prediction where nothing else explains it."""
    if settings.solver is None:
        return "tol is too large, or the columns of X do not predict y. Lower tol."
    rate = f"learning_rate_init={np.max(settings.learning_rate_init):g}"
    if max(losses) > HIGH_LOSS * min(losses):
        return f"{rate} is too high: the loss has jumped. Lower it."
    return (
        f"{rate} is too low for {len(losses)} epochs, or the columns of X do not predict y. Raise"
        " learning_rate_init, or max_iter and n_iter_no_change."
    )
