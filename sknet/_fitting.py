"""From checked parameters and encoded rows to trained parameters; knows no estimator."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from sknet._engine.compiled import CompiledEpoch
from sknet._engine.layers import Dense
from sknet._engine.losses import LOSSES, PREDICTIONS
from sknet._engine.network import Network, dense_layers, initial_parameters
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.parameters import Layout, Views
from sknet._engine.prediction import raw_output
from sknet._engine.schedules import SCHEDULES
from sknet._engine.stopping import Stopping
from sknet._engine.team import Team
from sknet._engine.training import Batches, DivergenceError, Record, Training, minimize_lbfgs
from sknet._inputs import cast_X
from sknet._targets import cast_target
from sknet._threads import blas_threads, free_threads

AUTO_BATCH_SIZE = 200
#: Multiply-adds of an epoch above which more than one thread is considered.
LONG_EPOCH = 1 << 23


class Rows(NamedTuple):
    """Rows of the table: validated X, encoded Y, weights, and what to stratify by."""

    X: Any
    Y: np.ndarray
    w: np.ndarray | None
    strata: np.ndarray | None

    def take(self, rows: np.ndarray) -> "Rows":
        """Return these rows alone."""
        return Rows(*(None if a is None else a[rows] for a in self))

    def present(self) -> "Rows":
        """Return the rows whose weight is not 0."""
        return self if self.w is None or self.w.all() else self.take(np.flatnonzero(self.w))

    def cast(self, dtype: np.dtype) -> "Rows":
        """Return the rows in the compute dtype."""
        w = None if self.w is None else self.w.astype(dtype)
        return Rows(cast_X(self.X, dtype), cast_target(self.Y, dtype), w, self.strata)


class Start(NamedTuple):
    """Where a training goes on from: fitted parameters, and the state if it was kept.

    `parameters` holds W (n_members, n_in, n_out) and b (n_members, 1, n_out) of each layer.
    """

    parameters: Views
    state: Mapping[str, Any]


class Result(NamedTuple):
    """What a training leaves behind.

    `parameters` are those to predict with, `state` is what continuing needs besides them.
    """

    parameters: Views
    state: dict[str, Any]
    reason: str
    n_iter: int
    n_samples: int
    losses: list[float]
    scores: list[float] | None
    best_score: float | None


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


def mean_prediction(Z: np.ndarray, out_activation: str) -> np.ndarray:
    """Return the members' mean prediction (n_samples, n_outputs), from their raw output."""
    A = PREDICTIONS[out_activation](Z)
    return A[0] if len(A) == 1 else A.mean(axis=0)


def train(
    p: Mapping[str, Any],
    rows: Rows,
    target: Any,
    out_activation: str,
    start: Start | None = None,
    incremental: bool = False,
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
    """
    seeds = member_seeds(p["random_state"], p["n_members"])
    state = dict(start.state) if start else {}
    validation = None
    if p["early_stopping"] and not incremental:
        state["split_seed"] = state.get("split_seed", seeds[0])
        rows, validation = hold_out(rows, p["validation_fraction"], state["split_seed"], target)
    batch_size = _batch_size(p, len(rows.Y))
    dtype = _compute_dtype(p, rows, batch_size, start)
    rows = rows.cast(dtype)

    units = (rows.X.shape[1], *p["hidden_layer_sizes"], target.n_outputs)
    generators = [np.random.default_rng(seed) for seed in seeds]
    network = _network(p, units, out_activation, dtype, len(rows.Y))
    if start:
        drawn = start.parameters
    else:
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
    _copy(drawn, network.layout.views(network.theta))

    validate = None
    if validation is not None:
        held = validation.cast(dtype)

        def validate(theta: np.ndarray) -> float:
            views = network.layout.views(theta)
            return _score(_bound(network.layers, views), out_activation, target, held)

    stopping = Stopping(float(p["tol"]), float(p["n_iter_no_change"]), validate)
    if start:
        stopping.keep(network.theta)
        if state.get("theta") is not None:
            np.copyto(network.theta, state["theta"])
    run = _run_lbfgs if p["solver"] == "lbfgs" else _run_stochastic
    reason, n_iter, losses = run(p, network, rows, stopping, state, generators, incremental)
    if not np.isfinite(network.theta).all():
        raise DivergenceError("after the last step", "Lower learning_rate_init.")

    theta = network.theta
    state["theta"] = None
    if stopping.best_theta is not None:
        state["theta"], theta = theta.copy(), stopping.best_theta
    return Result(
        parameters=network.layout.views(theta),
        state=state,
        reason=reason,
        n_iter=n_iter,
        n_samples=len(rows.Y),
        losses=losses,
        scores=stopping.scores if validate else None,
        best_score=stopping.best_score if validate else None,
    )


def hold_out(rows: Rows, fraction: float, seed: int, target: Any) -> tuple[Rows, Rows]:
    """Split off the rows that early stopping validates on, stratified where it can be.

    Warns
    -----
    UserWarning
        Where the split cannot be stratified, naming the rare labels.

    Raises
    ------
    ValueError
        Where nothing is left to train on, or to validate with.
    """
    n_samples = len(rows.Y)
    least = 1 if hasattr(target, "classes") else 2  # R2 of a single row is not defined
    n_held = max(int(np.ceil(fraction * n_samples)), least)
    if n_held >= n_samples:
        raise ValueError(
            f"early_stopping: n_samples={n_samples} are not enough to train on some and to hold"
            f" out {n_held}. The validation set is too small. Increase 'validation_fraction' or"
            " the size of your dataset, or set early_stopping=False."
            if n_held == least
            else f"early_stopping: validation_fraction={fraction} leaves none of"
            f" n_samples={n_samples} to train on. Lower it, or set early_stopping=False."
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
            warnings.warn(
                f"The hold-out of early stopping is random, not stratified: {why}.",
                UserWarning,
                stacklevel=5,
            )
            stratify = None
    kept, held = train_test_split(
        np.arange(n_samples), test_size=n_held, random_state=seed, stratify=stratify
    )
    return rows.take(kept), rows.take(held)


def _batch_size(p: Mapping[str, Any], n_samples: int) -> int:
    """Return the rows of a batch; all of them for lbfgs."""
    if p["solver"] == "lbfgs":
        return n_samples
    return min(AUTO_BATCH_SIZE if p["batch_size"] == "auto" else int(p["batch_size"]), n_samples)


def _compute_dtype(
    p: Mapping[str, Any], rows: Rows, batch_size: int, start: Start | None
) -> np.dtype:
    """Return the dtype to compute in: that of the first call, or what `dtype` says.

    "auto" is float32 for mini-batches, whose noise is far above its rounding, and the precision
    of X where each step takes all rows.
    """
    if start:
        return start.parameters[0]["W"].dtype
    if p["dtype"] != "auto":
        return np.dtype(p["dtype"])
    return rows.X.dtype if batch_size == len(rows.Y) else np.dtype(np.float32)


def _network(
    p: Mapping[str, Any], units: Sequence[int], out_activation: str, dtype: np.dtype, n_rows: int
) -> Network:
    """Return the network, its theta all zeros, and threads if an epoch of `n_rows` needs them."""
    layers = dense_layers(units, p["activation"])
    theta = Layout([layer.shapes for layer in layers]).zeros(p["n_members"], dtype)
    team = Team(free_threads() if n_rows * theta.size > LONG_EPOCH else 1)
    return Network(layers, LOSSES[p["loss"]][out_activation], float(p["alpha"]), theta, team=team)


def _copy(source: Views, destination: Views) -> None:
    """Copy the parameters of each layer."""
    for values, views in zip(source, destination, strict=True):
        for name, view in views.items():
            view[:] = values[name]


def _bound(layers: Sequence[Dense], views: Views) -> list[Dense]:
    """Return layers like these, over other parameters."""
    copies = [layer.copy() for layer in layers]
    for layer, parameters in zip(copies, views, strict=True):
        layer.bind(parameters)
    return copies


def _score(layers: Sequence[Dense], out_activation: str, target: Any, rows: Rows) -> float:
    """Return the score of the mean prediction on `rows`; NaN where that is not finite."""
    with np.errstate(all="ignore"):
        prediction = mean_prediction(raw_output(layers, rows.X), out_activation)
    if not np.isfinite(prediction).all():
        return float("nan")
    return float(target.score(rows.Y, prediction, rows.w))


def _printer(verbose: int, stopping: Stopping) -> Callable[[Record], None]:
    """Return what prints a line for the first iteration and every `verbose`-th one."""

    def report(record: Record) -> None:
        if verbose and (record.iteration == 1 or record.iteration % int(verbose) == 0):
            score = f", validation score = {stopping.scores[-1]:.6f}" if stopping.scores else ""
            print(f"Iteration {record.iteration}, loss = {record.loss:.8f}{score}")

    return report


def _run_stochastic(
    p: Mapping[str, Any],
    network: Network,
    rows: Rows,
    stopping: Stopping,
    state: dict[str, Any],
    generators: list[np.random.Generator],
    incremental: bool,
) -> tuple[str, int, list[float]]:
    """Train by epochs; put the state for continuing into `state`."""
    hyper = {name: p[name] for name in OPTIMIZERS[p["solver"]].parameters}
    optimizer = OPTIMIZERS[p["solver"]](
        network.theta, network.grad, network.layout.groups["W"], network.team, **hyper
    )
    schedule, eta, power_t = SCHEDULES[p["learning_rate"]], p["learning_rate_init"], p["power_t"]
    training = Training(
        network,
        optimizer,
        lambda progress: schedule(float(eta), progress, float(power_t)),
        slows_down=p["learning_rate"] == "adaptive",
        generators=generators,
    )
    if state.get("solver") == p["solver"]:
        training.restore(state["training"])
        if incremental:
            stopping.restore(state["stopping"])
    size = _batch_size(p, len(rows.Y))
    batches = Batches(rows.X, rows.Y, rows.w, size, p["shuffle"], network.n_together(size))
    max_iter = 1 if incremental else int(p["max_iter"])
    training.compiled = CompiledEpoch.of(network, optimizer, batches, max_iter, network.team)
    alone = network.team.size == 1 or training.compiled is None
    training.limit = partial(blas_threads, network.largest_product(size), alone)
    losses: list[float] = []
    show = _printer(p["verbose"], stopping)

    def report(record: Record) -> None:
        losses.append(record.loss)
        show(record)

    reason = training.run(batches, stopping, max_iter, report, snapshots=p["warm_start"])
    state.update(solver=p["solver"], training=training.state(), stopping=stopping.state())
    return "epoch" if incremental and reason == "max_iter" else reason, len(losses), losses


def _run_lbfgs(
    p: Mapping[str, Any],
    network: Network,
    rows: Rows,
    stopping: Stopping,
    state: dict[str, Any],
    generators: list[np.random.Generator],
    incremental: bool,
) -> tuple[str, int, list[float]]:
    """Minimise for one member after another; the losses are their mean at each iteration."""
    state.pop("solver", None)
    batch = next(Batches(rows.X, rows.Y, rows.w, len(rows.Y), False, 1).epoch(generators))
    show = _printer(p["verbose"], stopping)
    curves: list[list[float]] = []
    reasons, n_iters = [], []
    for member in network.rows():
        curve: list[float] = []

        def monitor(record: Record, curve: list[float] = curve) -> bool:
            curve.append(record.loss)
            stop = stopping.validate is not None and stopping.update(network.theta, record.loss)
            show(record)
            return stop

        reason, loss, n_iter = minimize_lbfgs(
            member,
            batch,
            float(p["tol"]),
            int(p["max_iter"]),
            int(p["max_fun"]),
            monitor,
            partial(blas_threads, network.largest_product(len(rows.Y))),
        )
        if not curve:  # solved where it started
            monitor(Record(1, loss, None))
        curves.append(curve)
        reasons.append(reason)
        n_iters.append(max(n_iter, 1))
        if reason == "interrupted":
            break
    longest = max(map(len, curves))
    padded = [curve + curve[-1:] * (longest - len(curve)) for curve in curves]
    bad = [r for r in reasons if r not in ("converged", "stopped")]
    return (
        (bad or ["converged"])[-1],
        max(n_iters),
        [float(np.mean(c)) for c in zip(*padded, strict=True)],
    )
