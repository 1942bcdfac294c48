"""Step 3 of training: train by epochs, or by L-BFGS."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.lbfgs import minimize_lbfgs, objective_of
from sknet._engine.network import Network
from sknet._engine.reports import Record
from sknet._engine.stopping import Stopping
from sknet._engine.training import Training
from sknet._threads import one_blas_thread
from sknet._training.build import Built, MemberRows
from sknet._training.prepare import Prepared
from sknet._training.settings import Settings
from sknet._training.state import TrainingState
from sknet._training.units import smoothing_of


class RunEnd(NamedTuple):
    """Why training ended, and after how many epochs or iterations."""

    reason: str
    n_iter: int


def run(
    settings: Settings,
    prepared: Prepared,
    built: Built,
    state: TrainingState,
    incremental: bool,
    members: MemberRows | None = None,
) -> RunEnd:
    """Train, and update `state` so that training can continue."""
    if settings.solver is None:
        return _run_lbfgs(settings, prepared, built, state, members)
    return _run_epochs(settings, prepared, built, state, incremental, members)


def _run_epochs(
    settings: Settings,
    prepared: Prepared,
    built: Built,
    state: TrainingState,
    incremental: bool,
    members: MemberRows | None,
) -> RunEnd:
    """Train by epochs of mini-batches."""
    network, monitor, stopping = built.network, built.monitor, built.stopping
    optimizer = built.optimizer
    assert optimizer is not None
    kind = Training if prepared.stream is None else prepared.stream.training
    training = kind(network, optimizer, settings.learning_rates(), built.generators)
    if state.solver == settings.solver_name and state.epochs is not None:
        training.restore(state.epochs)
        if incremental and isinstance(stopping, Stopping) and state.stopping is not None:
            stopping.restore(state.stopping)
    training.with_horizon(settings.max_iter, restart=not incremental)
    max_iter = 1 if incremental else settings.max_iter
    say = print if settings.verbose else None
    batches: Any
    if prepared.stream is None:
        batches = batches_of(settings, prepared, network, members)
        training.compiled = CompiledEpoch.of(network, optimizer, batches, max_iter, say)
    else:
        batches = prepared.stream.batches(settings, training, max_iter, say)
    limit_blas(training, batches.batch_size)
    reason = training.run(batches, stopping, max_iter, monitor, monitor.begin, settings.warm_start)
    monitor.print_last()
    state.solver, state.epochs = settings.solver_name, training.state()
    state.stopping = stopping.state() if isinstance(stopping, Stopping) else None
    if incremental and reason == "max_iter":
        reason = "epoch"
    return RunEnd(monitor.reason or reason, len(monitor.losses))


def limit_blas(training: Training, batch_size: int) -> None:
    """Let BLAS use one thread during epochs; threads of the team share members or rows instead."""
    largest = training.network.largest_product(batch_size)
    training.limit = partial(one_blas_thread, largest)


def batches_of(
    settings: Settings,
    prepared: Prepared,
    network: Network,
    members: MemberRows | None,
    n_lockstep: int | None = None,
    is_alike: bool = False,
) -> Batches:
    """Return the batches of all members if they are trained in lockstep, else of one.

    `n_lockstep` is the number of members, if it is not the network's; `is_alike` says that all
    members see the same rows in the same order.
    """
    rows = prepared.rows
    size = settings.batch_rows(len(rows.Y))
    own_rows = None if members is None else members.train
    w = rows.w if own_rows is None or rows.w is None else _own_weights(rows.w, own_rows)
    smoothing = smoothing_of(settings, prepared)
    n_lockstep = n_lockstep or network.n_lockstep(size)
    return Batches(
        rows.X, rows.Y, w, size, settings.shuffle, n_lockstep, own_rows, smoothing, is_alike
    )


def _own_weights(w: np.ndarray, own_rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the weights (n_members, n_samples), of mean 1 over the rows of each member."""
    means = np.array([w[numbers].mean(dtype=np.float64) for numbers in own_rows])
    return (w / means[:, None]).astype(w.dtype)


def _run_lbfgs(
    settings: Settings,
    prepared: Prepared,
    built: Built,
    state: TrainingState,
    members: MemberRows | None,
) -> RunEnd:
    """Minimise for one member after another; the losses are the mean of all at each iteration.

    After the monitor has decided to stop, each remaining member takes one iteration.
    """
    state.solver = None
    network, monitor, stopping = built.network, built.monitor, built.stopping
    n_samples = prepared.n_rows
    if prepared.stream is None:
        batches = batches_of(settings, prepared, network, members)
    else:
        n_samples = prepared.stream.rows_at_once
    limit = partial(one_blas_thread, network.largest_product(n_samples))
    curves: list[list[float]] = []
    reasons, n_iters = [], []
    for k, member in enumerate(network.each_member()):
        rule = stopping if isinstance(stopping, Stopping) else stopping.rules[k]

        def update(loss: float, rule: Stopping = rule, member: Network = member) -> bool:
            # patience applies to scores only: L-BFGS detects convergence of the loss itself
            plateau = rule.validate is not None and rule.update(member.parameters, loss)
            return plateau and rule.by_score

        monitor.losses = []
        if prepared.stream is None:
            batch = next(batches.of([k]).epoch([built.generators[k]]))
            objective = objective_of(member, batch)
        else:
            objective = prepared.stream.objective(member)
        reason, loss, n_iter = minimize_lbfgs(
            objective, member.theta[0], settings.tol, settings.max_iter,
            settings.max_fun, monitor, monitor.begin, limit, update,
            built.units[k].gradient,
        )  # fmt: skip
        if not monitor.losses:  # the initial parameters are the solution
            update(loss)
            monitor(Record(1, loss, None))
        monitor.print_last()
        curves.append(monitor.losses)
        reasons.append(monitor.reason or reason)
        n_iters.append(max(n_iter, 1))
        if reason == "interrupted" and len(curves) < network.n_members:
            raise KeyboardInterrupt  # some members are not trained yet
    longest = max(map(len, curves))
    padded = [curve + curve[-1:] * (longest - len(curve)) for curve in curves]
    monitor.losses = [float(np.mean(losses)) for losses in zip(*padded, strict=True)]
    bad = [r for r in reasons if r not in ("converged", "stopped")]
    return RunEnd((bad or ["converged"])[-1], max(n_iters))
