"""Step 4 of training: collect the results."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sknet._engine.parameters import Views
from sknet._engine.reports import DivergenceError
from sknet._engine.stopping import IndependentStopping, Stopping
from sknet._table.encoder import Encoder
from sknet._target.target import Target
from sknet._training.build import Built
from sknet._training.calibration import best_temperature, tempered
from sknet._training.cross_fitting import CrossValidation
from sknet._training.outcome import trouble
from sknet._training.prepare import Prepared
from sknet._training.rows import Rows
from sknet._training.run import RunEnd
from sknet._training.settings import Settings
from sknet._training.state import TrainingState
from sknet._training.units import mean_loss
from sknet._training.validation import Validation


class Result(NamedTuple):
    """The results of training.

    Attributes
    ----------
    parameters : Views
        The parameters of each layer, for prediction.
    encoder : Encoder
    target : Target
    state : TrainingState
        The state from which training can continue.
    reason : str
        Why training ended.
    n_iter, n_samples : int
        Number of epochs or iterations, and rows per epoch.
    losses : list of float
        The objective of each epoch.
    learning_rates : list of float or None
        The learning rate at the end of each epoch; None with L-BFGS.
    validation : Validation, CrossValidation or None
    seconds : float
        Seconds of training.
    temperature : float or None
        By which the raw outputs were divided to calibrate them.
    held_out : list of (rows, Z)
        The rows that were held out of training, as read, and their raw outputs: those of each
        fold, by the members that left it out, or the validation rows. Empty without any.
    best_score, best_iter
        The best validation score and its epoch; None without validation.
    unit : float
        The loss of the best constant, the unit of `tol`.
    trouble : str or None
        A warning that predictions are constant or that the loss was still falling.
    """

    parameters: Views
    encoder: Encoder
    target: Target
    state: TrainingState
    reason: str
    n_iter: int
    n_samples: int
    losses: list[float]
    learning_rates: list[float] | None
    validation: Validation | CrossValidation | None
    best_score: float | None
    best_iter: int | None
    unit: float
    trouble: str | None
    seconds: float
    temperature: float | None = None
    held_out: Sequence[tuple[Rows, np.ndarray]] = ()


def finish(
    settings: Settings, prepared: Prepared, built: Built, state: TrainingState, ended: RunEnd
) -> Result:
    """Return the results; raise DivergenceError if the parameters are not finite."""
    network, stopping, validation = built.network, built.stopping, built.validation
    if not network.parameters.is_finite():
        raise DivergenceError("after the last step", "Lower learning_rate_init.")
    state.last_theta = None
    if isinstance(stopping, IndependentStopping):
        if any(rule.best_theta is not None for rule in stopping.rules):
            state.last_theta = network.parameters.copy()
            stopping.keep_best(built.averaged())
    elif stopping.best_theta is not None or built.averaged() is not network.parameters:
        state.last_theta = network.parameters.copy()
    is_validated = validation is not None and isinstance(stopping, Stopping)
    found = None
    if ended.reason != "epoch":
        found = trouble(settings, prepared, built, built.monitor.losses, ended.reason)
    parameters, temperature = built.parameters(), None
    if settings.calibration is not None and prepared.link.log_prediction:
        temperature = state.temperature  # without validation rows, that of the earlier call
        if validation is not None:
            Z, (Y, w) = validation.raw_output(parameters), validation.targets
            temperature = best_temperature(Z, Y, w, prepared.link)
        if temperature is not None:
            state.last_theta = state.last_theta or network.parameters.copy()
            parameters[-1] = tempered(parameters[-1], temperature)
    ends_there = settings.has_horizon or settings.is_budget
    reached_horizon = ends_there and ended.reason == "max_iter"
    return Result(
        parameters=parameters,
        encoder=prepared.encoder,
        target=prepared.target,
        state=state,
        reason="horizon" if reached_horizon else ended.reason,
        n_iter=ended.n_iter,
        n_samples=prepared.n_rows,
        losses=built.monitor.losses,
        learning_rates=None if settings.solver is None else built.monitor.rates,
        validation=validation,
        best_score=stopping.best_score if is_validated else None,
        best_iter=stopping.best_iter if is_validated else None,
        unit=mean_loss(built.units),
        trouble=found,
        seconds=built.monitor.seconds,
        temperature=temperature,
        held_out=[] if validation is None else validation.outputs(parameters),
    )
