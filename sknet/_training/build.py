"""Step 2 of training: build the network, its validation, stopping rule and monitor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import numpy as np

from sknet._compat import FitCallbacks, NoCallbacks
from sknet._engine.layers import Embedding, Layer, LevelDropout, Periodic, PiecewiseLinear
from sknet._engine.network import Network, dense_layers, drawn_parameters, with_dropout
from sknet._engine.optimizers import Optimizer
from sknet._engine.parameters import Layout, Parameters, Views
from sknet._engine.stopping import IndependentStopping, Stopping
from sknet._engine.team import Team
from sknet._table.encoder import Encoder
from sknet._target.target import Target
from sknet._threads import free_threads
from sknet._training.cross_fitting import CrossValidation, Folds
from sknet._training.monitor import Monitor
from sknet._training.prepare import Prepared
from sknet._training.rows import EncodedRows, Rows
from sknet._training.settings import Settings
from sknet._training.start import Start
from sknet._training.units import Constant, Units, best_constants, mean_loss
from sknet._training.validation import Validation, prediction_views

#: Multiply-adds of the forward passes of an epoch (rows times parameters) above which training may
#: use several threads.
THREADED_EPOCH_MULTIPLY_ADDS = 1 << 23


class Observers(NamedTuple):
    """The user's scorer and callbacks.

    Attributes
    ----------
    score : callable or None
        ``score(parameters, encoder, target, rows) -> float`` on validation rows as read; None is
        the estimator's own score.
    callbacks : FitCallbacks or NoCallbacks
    attributes : callable or None
        ``attributes(parameters, encoder, target, n_iter) -> dict``: the fitted attributes so far,
        for the callbacks.
    """

    score: Callable[[Views, Encoder, Target, Rows], float] | None = None
    callbacks: FitCallbacks | NoCallbacks = NoCallbacks()
    attributes: Callable[[Views, Encoder, Target, int], dict[str, Any]] | None = None


class MemberRows(NamedTuple):
    """The rows of each member, as indices of the training rows.

    Attributes
    ----------
    train : sequence of ndarray of int
    validate : sequence of ndarray of int or None
        Validation rows of each member, for its own stopping rule and best epoch.
    """

    train: Sequence[np.ndarray]
    validate: Sequence[np.ndarray] | None = None


@dataclass(frozen=True)
class Built:
    """Everything that a training run needs.

    Attributes
    ----------
    network : Network
    optimizer : Optimizer or None
        None with L-BFGS.
    generators : list of Generator
        One for each member.
    validation : Validation, CrossValidation or None
        Validation of the members' averaged prediction, or of each by its fold.
    stopping : Stopping or IndependentStopping
    monitor : Monitor
    units : list of Units
        The units of `tol` of each member.
    """

    network: Network
    optimizer: Optimizer | None
    generators: list[np.random.Generator]
    validation: Validation | CrossValidation | None
    stopping: Stopping | IndependentStopping
    monitor: Monitor
    units: list[Units]

    def parameters(self) -> Views:
        """Return the parameters for prediction: those of the best epoch, if it is known."""
        own = self.averaged()
        best = getattr(self.stopping, "best_theta", None)
        views = own.views() if best is None else own.layout.views(best, own.n_members)
        return prediction_views(self.network.layers, views)

    def averaged(self) -> Parameters:
        """Return the current parameters, averaged over the last steps if averaging is on."""
        return self.network.parameters if self.optimizer is None else self.optimizer.averaged()


def build(
    settings: Settings,
    prepared: Prepared,
    start: Start | None,
    generators: list[np.random.Generator],
    incremental: bool,
    observers: Observers,
    members: MemberRows | None = None,
    folds: Folds | None = None,
    network: Network | None = None,
) -> Built:
    """Return a network with initial parameters, its stopping rule and its monitor.

    With a `network`, a part of a larger one, its parameters are set, and there is no optimizer.
    """
    is_part = network is not None
    network = network or network_of(settings, prepared, generators)
    layers = network.layers
    units = [Units(*own) for own in start.state.units or ()] if start else []
    first = start.parameters if start else ()
    if not (first and units):
        constants = best_constants(settings, prepared, None if members is None else members.train)
        units = [constant.units for constant in constants]
        first = first or _drawn(layers, generators, constants)
    pairs = zip(layers, network.parameters.views(), strict=True)
    own_views = [(layer, view) for layer, view in pairs if not layer.training_only]
    for values, (layer, view) in zip(first, own_views, strict=True):
        for name, own in view.items():
            own[:] = values[name] if name in values else layer.neutral[name]
    validation: Validation | CrossValidation | None = None
    if folds is not None:
        parts = [prepared.read.take(numbers) for numbers in folds.test]
        own = [_encoded_validation(settings, prepared, layers, observers, part) for part in parts]
        validation = CrossValidation(folds, own)
    if prepared.held is not None and prepared.held_encoded is not None:
        validation = _validation(
            settings, prepared, layers, observers, prepared.held, prepared.held_encoded
        )
    stopping = _stopping(settings, prepared, validation, layers, members, units, folds is not None)
    if start:
        if isinstance(stopping, Stopping):
            stopping.set_baseline(network.parameters)
        if start.state.last_theta is not None:
            network.parameters.put(start.state.last_theta)
    if validation:  # the curves must not include the initial parameters
        validation.reset()
    max_time = None if incremental else settings.max_time
    monitor = Monitor(settings.verbose, max_time, validation, observers.callbacks)
    optimizer = None if is_part else optimizer_of(settings, prepared, network)
    built = Built(network, optimizer, generators, validation, stopping, monitor, units)
    if isinstance(observers.callbacks, FitCallbacks):
        observers.callbacks.attributes = lambda: observers.attributes(
            built.parameters(), prepared.encoder, prepared.target, len(monitor.losses)
        )
    return built


def optimizer_of(
    settings: Settings, prepared: Prepared, network: Network, n_batches: int | None = None
) -> Optimizer | None:
    """Return the optimizer; None with L-BFGS. `n_batches` are the steps of an epoch, if known."""
    if settings.solver is None:
        return None
    averaging = settings.average_decay(n_batches or prepared.n_batches(settings))
    return Optimizer(
        network.parameters, network.layers, settings.solver, settings.hyper, settings.clip_norm,
        network.team, averaging=averaging,
    )  # fmt: skip


def first_layers(encoder: Encoder) -> list[Layer]:
    """Return the layers before the dense ones, which encode numbers and embed categories."""
    layers: list[Layer] = []
    n_codes, n_columns = len(encoder.embedded), encoder.n_columns
    n_numbers = n_columns - n_codes
    if n_codes:
        layers.append(Embedding(n_numbers, encoder.embedded_levels, encoder.dim))
        n_columns = layers[-1].n_out
    if encoder.knots:
        columns, knots = zip(*encoder.knots, strict=True)
        layers.append(PiecewiseLinear(n_columns, columns, knots, n_columns - n_numbers))
        n_columns = layers[-1].n_out
    columns, n_frequencies = encoder.periodic
    if columns:
        layers.append(Periodic(n_columns, columns, n_frequencies))
    return layers


def network_of(
    settings: Settings,
    prepared: Prepared,
    generators: Sequence[np.random.Generator],
    one_thread: bool = False,
) -> Network:
    """Return the network with theta zero, and with several threads if epochs are long."""
    encoder, n_rows = prepared.encoder, prepared.n_rows
    first = first_layers(encoder)
    units = (encoder.n_units, *settings.hidden_layer_sizes, prepared.target.n_outputs)
    zero_inputs = [k for layer in first for k in layer.code_columns]
    plain = dense_layers(
        units, settings.activation, first, settings.init, settings.zero_output,
        settings.input_scaling_layer, zero_inputs,
    )  # fmt: skip
    layers = with_dropout(plain, settings.dropout, generators)
    if encoder.embedded and settings.embedding_dropout:
        n_codes = len(encoder.embedded)
        own = LevelDropout(encoder.n_columns, n_codes, settings.embedding_dropout, generators)
        layers.insert(0, own)
    parameters = Parameters.zeros(Layout(layers), settings.n_members, prepared.dtype)
    is_long = n_rows * parameters.theta.size > THREADED_EPOCH_MULTIPLY_ADDS
    team = Team(free_threads() if is_long and not one_thread else 1)
    return Network(layers, prepared.loss, settings.alpha, parameters, team)


def _drawn(
    layers: Sequence[Layer],
    generators: Sequence[np.random.Generator],
    constants: Sequence[Constant],
) -> Views:
    """Draw the initial parameters; the output bias of each member is its best constant."""
    plain = [layer for layer in layers if not layer.training_only]
    draws = [drawn_parameters(plain, rng) for rng in generators]
    drawn = [
        {name: np.stack([layer[name] for layer in own]) for name in own[0]}
        for own in zip(*draws, strict=True)
    ]
    for b, constant in zip(drawn[-1]["b"], constants, strict=True):
        b[:] = constant.raw_output
    return drawn


def _encoded_validation(
    settings: Settings,
    prepared: Prepared,
    layers: Sequence[Layer],
    observers: Observers,
    rows: Rows,
) -> Validation:
    """Return the validation on some of the training rows."""
    Y = prepared.target.scaled(rows.Y)
    encoded = rows.encoded(prepared.encoder, prepared.dtype, Y)
    return _validation(settings, prepared, layers, observers, rows, encoded)


def _validation(
    settings: Settings,
    prepared: Prepared,
    layers: Sequence[Layer],
    observers: Observers,
    rows: Rows,
    encoded: EncodedRows,
) -> Validation:
    """Return the validation on the given rows."""
    score = observers.score
    return Validation(
        rows,
        encoded,
        prepared.target,
        prepared.loss,
        prepared.link,
        layers,
        score and (lambda views, rows: score(views, prepared.encoder, prepared.target, rows)),
        settings.by_loss,
    )


def _stopping(
    settings: Settings,
    prepared: Prepared,
    validation: Validation | CrossValidation | None,
    layers: Sequence[Layer],
    members: MemberRows | None,
    units: Sequence[Units],
    by_folds: bool = False,
) -> Stopping | IndependentStopping:
    """Return one stopping rule for all members, or one for each."""
    if by_folds and not prepared.stops_early:  # trains to the end
        return Stopping(settings.tol, inf, validation, False, keeps_best=False)
    if not settings.independent_stopping:
        return _rule(settings, mean_loss(units), validation, prepared.stops_early)
    own: list[Validation | None] = [None] * settings.n_members
    if members is not None and members.validate is not None:
        for k, numbers in enumerate(members.validate):
            rows = prepared.read.take(numbers)
            own[k] = _encoded_validation(settings, prepared, layers, Observers(), rows)
    return IndependentStopping(
        [_rule(settings, unit.loss, v) for unit, v in zip(units, own, strict=True)]
    )


def _rule(
    settings: Settings,
    unit: float,
    validation: Validation | CrossValidation | None,
    by_score: bool = True,
) -> Stopping:
    """Return a rule whose `tol` of losses is in units of the loss of the best constant."""
    tol = settings.tol * unit
    score_tol = tol if settings.by_loss else settings.tol
    if validation is None:
        return Stopping(tol, settings.patience)
    return Stopping(
        tol, settings.patience, validation, by_score, score_tol, validation.resolution,
        validation.last_loss,
    )  # fmt: skip
