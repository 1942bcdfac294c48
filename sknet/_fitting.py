"""From checked parameters and encoded rows to trained parameters; knows no estimator."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state

from sknet._compat import NoTasks, Tasks
from sknet._encoding import Encoder
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.embedding import Embedding, initial_embedding
from sknet._engine.layers import Layer
from sknet._engine.loss_base import Loss
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network, dense_layers, initial_parameters, with_dropout
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.parameters import Layout, Views
from sknet._engine.schedules import LearningRate
from sknet._engine.stopping import Stopping
from sknet._engine.team import Team
from sknet._engine.training import Batches, DivergenceError, Record, Training, minimize_lbfgs
from sknet._monitoring import Monitor
from sknet._targets import cast_target
from sknet._threads import blas_threads, free_threads
from sknet._validation import Rows, Validation, hold_out, stops_early

AUTO_BATCH_SIZE = 200
#: Elements up to which X is copied, where it needs no encoding, for the sake of a column of ones.
COPIED = 1 << 24
#: Multiply-adds of an epoch above which more than one thread is considered.
LONG_EPOCH = 1 << 23


class Start(NamedTuple):
    """Where a training goes on from: fitted parameters, and the state if it was kept.

    `parameters` holds W (n_members, n_in, n_out) and b (n_members, 1, n_out) of each layer; before
    them, where categories are embedded, E (n_members, n_rows, dim).
    """

    parameters: Views
    encoder: Encoder
    state: Mapping[str, Any]


class Result(NamedTuple):
    """What a training leaves behind.

    `parameters` are those to predict with, `state` is what continuing needs besides them.
    """

    parameters: Views
    encoder: Encoder
    state: dict[str, Any]
    reason: str
    n_iter: int
    n_samples: int
    losses: list[float]
    validation: Validation | None
    best_score: float | None
    best_iter: int | None


class Watch(NamedTuple):
    """Who looks on while a network trains.

    Attributes
    ----------
    rows : Rows or None
        Rows to validate on; None holds some out where early stopping asks for it.
    score : callable or None
        ``score(parameters, encoder, rows) -> float`` on them; None is the estimator's own.
    tasks : Tasks or NoTasks
        Callbacks.
    attributes : callable or None
        ``attributes(parameters, encoder, n_iter) -> dict``, for the callbacks.
    """

    rows: Rows | None = None
    score: Callable[[Views, Encoder, Rows], float] | None = None
    tasks: Tasks | NoTasks = NoTasks()
    attributes: Callable[[Views, Encoder, int], dict[str, Any]] | None = None


NOBODY = Watch()


def member_seeds(random_state: Any, n_members: int) -> list[int]:
    """Return the seed of each member.

    One member takes an int `random_state` as it is. Several members take one seed each, drawn
    from `random_state`: member k is the network that is fitted alone with
    ``random_state=member_seeds(random_state, n_members)[k]``.
    """
    if n_members == 1 and isinstance(random_state, Integral):
        return [int(random_state)]
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_members)
    return [int(seed) for seed in seeds]


def train(
    p: Mapping[str, Any],
    rows: Rows,
    target: Any,
    out_activation: str,
    start: Start | None = None,
    incremental: bool = False,
    watch: Watch = NOBODY,
) -> Result:
    """Train a network on `rows`.

    Parameters
    ----------
    p : mapping
        Checked parameters (`_params.check`).
    rows : Rows
        At least one row, none of weight 0.
    target : LabelTarget, IndicatorTarget or ContinuousTarget
    out_activation : str
    start : Start, optional
        Go on from there; else begin with drawn parameters.
    incremental : bool
        Train for one epoch, as `partial_fit`: no hold-out, no stopping.
    watch : Watch
    """
    seeds = member_seeds(p["random_state"], p["n_members"])
    generators = [np.random.default_rng(seed) for seed in seeds]
    state = dict(start.state) if start else {}
    held = watch.rows
    stops = not incremental and stops_early(p, len(rows.Y), held is not None)
    if stops and held is None:
        state["split_seed"] = state.get("split_seed", seeds[0])
        rows, held = hold_out(rows, p["validation_fraction"], state["split_seed"], target)
    if held is not None and p["solver"] == "lbfgs" and p["n_members"] > 1:
        raise ValueError(
            "solver='lbfgs' fits n_members > 1 one after another, and there is no averaged"
            " prediction to validate: set early_stopping=False and give no X_val, or"
            " n_members=1."
        )
    if start is None:
        target.prepare(p, rows.Y, rows.w, out_activation, incremental)
        encoder = Encoder.fit(rows.X, rows.w, p)
    else:
        target.go_on(rows.Y)
        encoder = start.encoder

    loss = _loss(p, out_activation)
    dtype = _compute_dtype(p, rows, start)
    scaled = target.scaled(rows.Y)
    # a column of ones, which a first dense layer multiplies by its bias
    dense = not (issparse(rows.X.numbers) or encoder.embedded)
    as_it_is = dense and encoder.changes_nothing and rows.X.dtype == dtype
    has_ones = dense and not (p["dropout_input"] or (as_it_is and rows.X.numbers.size > COPIED))
    trained = rows._replace(Y=target.smoothed(scaled, p)).encoded(encoder, dtype, has_ones)
    _require_domain(loss, p, trained.Y)
    units = (encoder.n_units, *p["hidden_layer_sizes"], target.n_outputs)
    network = _network(p, units, encoder, loss, dtype, generators, len(rows.Y), has_ones)
    parameters = (
        start.parameters
        if start
        else _drawn(
            p, units, encoder, generators, loss.constant(trained.Y.astype(np.float64), rows.w)
        )
    )
    layers = [layer for layer in network.layers if layer.shapes]
    layout = Layout([layer.shapes for layer in layers])
    _copy(parameters, layout.views(network.theta))

    validation = None
    if held is not None:
        validation = _validation(
            p, held, encoder, target, loss, out_activation, layers, network.theta, watch.score
        )
    to_the_end = p["solver"] != "lbfgs" and LearningRate(p["learning_rate"], 1.0).has_horizon
    patience = np.inf if to_the_end else float(p["n_iter_no_change"])
    stopping = Stopping(float(p["tol"]), patience, validation, stops)
    if start:
        stopping.keep(network.theta)
        if state.get("theta") is not None:
            np.copyto(network.theta, state["theta"])
    if validation:  # it has looked at the start
        validation.losses, validation.scores = [], []
    max_time = None if incremental else p["max_time"]
    monitor = Monitor(p["verbose"], max_time, validation, watch.tasks)
    if isinstance(watch.tasks, Tasks):
        watch.tasks.attributes = lambda: watch.attributes(
            layout.views(network.theta if stopping.best_theta is None else stopping.best_theta),
            encoder,
            len(monitor.losses),
        )

    run = _run_lbfgs if p["solver"] == "lbfgs" else _run_stochastic
    reason, n_iter = run(p, network, trained, stopping, state, generators, incremental, monitor)
    if not np.isfinite(network.theta).all():
        raise DivergenceError("after the last step", "Lower learning_rate_init.")

    theta = network.theta
    state["theta"] = None
    if stopping.best_theta is not None:
        state["theta"], theta = theta.copy(), stopping.best_theta
    return Result(
        parameters=layout.views(theta),
        encoder=encoder,
        state=state,
        reason="horizon" if to_the_end and reason == "max_iter" else reason,
        n_iter=n_iter,
        n_samples=len(rows.Y),
        losses=monitor.losses,
        validation=validation,
        best_score=stopping.best_score if validation else None,
        best_iter=stopping.best_iter if validation else None,
    )


def _validation(
    p: Mapping[str, Any],
    held: Rows,
    encoder: Encoder,
    target: Any,
    loss: Loss,
    out_activation: str,
    layers: Sequence[Layer],
    theta: np.ndarray,
    score: Callable[[Views, Encoder, Rows], float] | None,
) -> Validation:
    """Return how to validate parameters such as `theta` on the held-out rows."""
    layout = Layout([layer.shapes for layer in layers])
    Y = cast_target(target.scaled(held.Y), theta.dtype)
    _require_domain(loss, p, Y)
    return Validation(
        held,
        encoder.encode(held.X, theta.dtype),
        Y,
        target,
        loss,
        out_activation,
        lambda theta: _bound(layers, layout.views(theta)),
        score and (lambda theta, rows: score(layout.views(theta), encoder, rows)),
        by_loss=p["scoring"] == "loss",
    )


def _loss(p: Mapping[str, Any], out_activation: str) -> Loss:
    """Return the loss at its parameters."""
    loss = LOSSES[p["loss"]][out_activation]
    return loss.configured(**{name: p[name] for name in loss.parameters})


def _require_domain(loss: Loss, p: Mapping[str, Any], Y: np.ndarray) -> None:
    """Raise where a target is outside what the loss accepts."""
    if not loss.domain.accepts(Y):
        raise ValueError(f"y must be {loss.domain.words} with loss={p['loss']!r}.")


def _drawn(
    p: Mapping[str, Any],
    units: Sequence[int],
    encoder: Encoder,
    generators: Sequence[np.random.Generator],
    constant: np.ndarray,
) -> Views:
    """Return the first parameters of each layer; `constant` is the bias of the output."""
    # gradient descent, whose steps shrink with the gradient, would leave zeros too slowly
    stochastic = OPTIMIZERS.get(p["solver"])
    zero_output = p["init"] == "auto" and stochastic is not None and stochastic.scale_free
    members = [
        initial_parameters(units, p["activation"], p["init"], rng, zero_output)
        for rng in generators
    ]
    drawn = [
        {name: np.stack([layer[name] for layer in layers]) for name in layers[0]}
        for layers in zip(*members, strict=True)
    ]
    drawn[-1]["b"][:] = constant
    if encoder.embedded:
        tables = [
            initial_embedding(encoder.embedded_levels, encoder.dim, rng) for rng in generators
        ]
        drawn.insert(0, {"E": np.stack(tables)})
    return drawn


def embedding_of(encoder: Encoder) -> Embedding | None:
    """Return the layer that embeds categories of many levels, where there are any."""
    if not encoder.embedded:
        return None
    return Embedding(encoder.n_dense, encoder.embedded_levels, encoder.dim)


def _batch_size(p: Mapping[str, Any], n_samples: int) -> int:
    """Return the rows of a batch; all of them for lbfgs."""
    if p["solver"] == "lbfgs":
        return n_samples
    return min(AUTO_BATCH_SIZE if p["batch_size"] == "auto" else int(p["batch_size"]), n_samples)


def _compute_dtype(p: Mapping[str, Any], rows: Rows, start: Start | None) -> np.dtype:
    """Return the dtype to compute in: that of the first call, or what `dtype` says.

    "auto" is float32 for mini-batches, whose noise is far above its rounding, and the precision
    of X where each step takes all rows.
    """
    if start:
        return start.parameters[-1]["W"].dtype
    if p["dtype"] != "auto":
        return np.dtype(p["dtype"])
    n_samples = len(rows.Y)
    return rows.X.dtype if _batch_size(p, n_samples) == n_samples else np.dtype(np.float32)


def _network(
    p: Mapping[str, Any],
    units: Sequence[int],
    encoder: Encoder,
    loss: Loss,
    dtype: np.dtype,
    generators: Sequence[np.random.Generator],
    n_rows: int,
    has_ones: bool,
) -> Network:
    """Return the network, its theta all zeros, and threads if an epoch of `n_rows` needs them."""
    plain = dense_layers(units, p["activation"], embedding_of(encoder), has_ones)
    layers = with_dropout(plain, (p["dropout_input"], *p["dropout"]), generators)
    theta = Layout([layer.shapes for layer in layers]).zeros(p["n_members"], dtype)
    team = Team(free_threads() if n_rows * theta.size > LONG_EPOCH else 1)
    return Network(layers, loss, float(p["alpha"]), theta, team=team)


def _copy(source: Views, destination: Views) -> None:
    """Copy the parameters of each layer."""
    for values, views in zip(source, destination, strict=True):
        for name, view in views.items():
            view[:] = values[name]


def _bound(layers: Sequence[Layer], views: Views) -> list[Layer]:
    """Return layers like these, over other parameters, to predict with."""
    copies = [layer.of(slice(None)) for layer in layers]
    for layer, parameters in zip(copies, views, strict=True):
        layer.bind(parameters)
    return copies


def _run_stochastic(
    p: Mapping[str, Any],
    network: Network,
    rows: Rows,
    stopping: Stopping,
    state: dict[str, Any],
    generators: list[np.random.Generator],
    incremental: bool,
    monitor: Monitor,
) -> tuple[str, int]:
    """Train by epochs; put the state for continuing into `state`."""
    hyper = {name: p[name] for name in OPTIMIZERS[p["solver"]].parameters}
    optimizer = OPTIMIZERS[p["solver"]](
        network.theta,
        network.grad,
        network.layout.groups["W"],
        network.team,
        network.embedding,
        **hyper,
    )
    rate = LearningRate(p["learning_rate"], p["learning_rate_init"], p["power_t"], p["warmup"])
    clip_norm = None if p["clip_norm"] is None else float(p["clip_norm"])
    training = Training(network, optimizer, rate, generators, clip_norm)
    if state.get("solver") == p["solver"]:
        training.restore(state["training"])
        if incremental:
            stopping.restore(state["stopping"])
    training.progress = training.progress.with_horizon(int(p["max_iter"]), anew=not incremental)
    size = _batch_size(p, len(rows.Y))
    batches = Batches(rows.X, rows.Y, rows.w, size, p["shuffle"], network.n_together(size))
    max_iter = 1 if incremental else int(p["max_iter"])
    compiled = CompiledEpoch.of(network, optimizer, batches, max_iter, clip_norm, network.team)
    training.compiled = compiled
    n_threads = network.n_shares(size) if compiled is None else compiled.n_threads
    training.limit = partial(blas_threads, network.largest_product(size), n_threads == 1)

    keeps_state = bool(p["warm_start"])
    reason = training.run(batches, stopping, max_iter, monitor, monitor.begin, keeps_state)
    state.update(solver=p["solver"], training=training.state(), stopping=stopping.state())
    if incremental and reason == "max_iter":
        reason = "epoch"
    return monitor.reason or reason, len(monitor.losses)


def _run_lbfgs(
    p: Mapping[str, Any],
    network: Network,
    rows: Rows,
    stopping: Stopping,
    state: dict[str, Any],
    generators: list[np.random.Generator],
    incremental: bool,
    monitor: Monitor,
) -> tuple[str, int]:
    """Minimise for one member after another; the losses are their mean at each iteration.

    Once the monitor has said to stop, each member that is left takes one iteration.
    """
    state.pop("solver", None)
    n_samples = len(rows.Y)
    batch = next(Batches(rows.X, rows.Y, rows.w, n_samples, False, 1).epoch(generators))
    curves: list[list[float]] = []
    reasons, n_iters = [], []

    def update(loss: float) -> bool:
        # patience is for scores alone: L-BFGS knows itself when its loss has converged
        plateau = stopping.validate is not None and stopping.update(network.theta, loss)
        return plateau and stopping.by_score

    for member in network.rows():
        monitor.losses = []
        reason, loss, n_iter = minimize_lbfgs(
            member,
            batch,
            float(p["tol"]),
            int(p["max_iter"]),
            int(p["max_fun"]),
            monitor,
            monitor.begin,
            partial(
                blas_threads, network.largest_product(n_samples), network.n_shares(n_samples) == 1
            ),
            update,
        )
        if not monitor.losses:  # solved where it started
            update(loss)
            monitor(Record(1, loss, None))
        curves.append(monitor.losses)
        reasons.append(monitor.reason or reason)
        n_iters.append(max(n_iter, 1))
        if reason == "interrupted" and len(curves) < len(network.theta):
            raise KeyboardInterrupt  # some members have not begun
    longest = max(map(len, curves))
    padded = [curve + curve[-1:] * (longest - len(curve)) for curve in curves]
    monitor.losses = [float(np.mean(losses)) for losses in zip(*padded, strict=True)]
    bad = [r for r in reasons if r not in ("converged", "stopped")]
    return (bad or ["converged"])[-1], max(n_iters)
