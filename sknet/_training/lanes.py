"""Trainings of several fits on the same data, each as if it were alone.

Fits that prepare their rows in the same way share the prepared rows. Of these, fits whose networks
have equal shapes and whose batches have equal sizes form a group; they may differ in seeds, rates,
schedules, penalties, dropout, epochs and stopping. A group is trained in the fastest of three ways:

1. compiled: the fits are lanes of one training, of which each takes all steps of an epoch before
   the next one, so that its network stays in the cache; threads share the lanes;
2. in lockstep, where networks are small: numpy calls take a step of all lanes. As many lanes train
   together as fit into the cache;
3. one after another in numpy, where they are large.

A lane that stops or diverges leaves, and the others go on. In lockstep, sums are rounded in another
order than in a fit alone; else every bit is equal.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.network import LOCKSTEP_ELEMENTS
from sknet._engine.parameters import Factor
from sknet._engine.reports import INTERRUPTS, Interrupted
from sknet._engine.schedules import LearningRate
from sknet._engine.training import MIN_MEMBERS_PER_THREAD, Training
from sknet._training.build import Built, MemberRows, network_of, optimizer_of
from sknet._training.finish import Result, finish
from sknet._training.prepare import Prepared
from sknet._training.run import RunEnd, batches_of, limit_blas
from sknet._training.settings import Settings
from sknet._training.shared import Shared, key_of
from sknet._training.state import TrainingState
from sknet._training.train import Job, trained
from sknet._training.warning import warn_of_alpha

#: Lanes that are compiled together, at most, which limits memory.
COMPILED_LANES = 16

#: Elements of activations and parameters of lanes in lockstep, at most. Measured: 12 lanes of (64,)
#: and 30 of (32, 16) hidden units took 4 % less time than in halves, and 25 % less than in eighths.
LANES_ELEMENTS = 2 * LOCKSTEP_ELEMENTS
#: Compiled code saves one part in so many of the time of lanes in lockstep; of fits one by one it
#: saves half and more. Measured with (64,) and (32, 16) hidden units.
COMPILED_GAIN = 4
#: Lanes that fit into the cache, at least, for lockstep to be faster. Measured with (128, 128)
#: hidden units and batches of 256 rows, of which 2 fit: 1.02 times the time of one after another.
LEAST_LANES = 3

#: What a training has come to: its result, or what it has raised.
Outcome = Result | Exception

#: Settings that do not change how rows are prepared, or of which `_preparation` takes what does.
UNPREPARED = frozenset(
    "hidden_layer_sizes activation hyper alpha dropout clip_norm batch_size learning_rate"
    " learning_rate_init power_t warmup max_iter is_budget is_usual max_fun max_time shuffle"
    " random_state tol verbose warm_start by_loss patience init input_scaling_layer averaging"
    " calibration independent_stopping n_members solver_name".split()
)
#: Settings in which lanes of one training may differ, beside those that prepare the rows.
OF_LANES = frozenset(
    "alpha dropout learning_rate learning_rate_init power_t warmup max_iter is_budget is_usual"
    " max_fun random_state tol by_loss patience calibration hyper".split()
)


class Lane(NamedTuple):
    """A fit that is trained with others: its job, its place in the result, and its seeds."""

    number: int
    job: Job
    prepared: Prepared
    seeds: list[int]


class Running(NamedTuple):
    """A lane in training: its members, and the generator that controls them."""

    lane: Lane
    built: Built
    state: TrainingState
    members: range
    rounds: Generator[None, None, str]


def train_all(jobs: Sequence[Job], n_times: int = 1) -> Iterator[tuple[int, Outcome]]:
    """Yield the number of each job and what its training has come to, in the order they end.

    Prepared rows are kept only while fits that share them are trained. `n_times` says how often
    this process trains such jobs, which share the cost of importing numba.
    """
    seeds = [job.seeds() for job in jobs]
    by_rows: dict[Any, list[int]] = {}
    for number, job in enumerate(jobs):
        by_rows.setdefault(_preparation(job, seeds[number]), []).append(number)
    for numbers in by_rows.values():
        groups: dict[Any, list[Lane]] = {}
        shared = Shared()
        for number in numbers:
            lane = _prepared(number, jobs[number], seeds[number], shared)
            if isinstance(lane, Exception):
                yield number, lane
            else:
                groups.setdefault(_shape(lane), []).append(lane)
        for lanes in groups.values():
            yield from _train_group(lanes, n_times)


def _prepared(number: int, job: Job, seeds: list[int], shared: Shared) -> Lane | Exception:
    """Return the lane of a job, with rows that are prepared once; or what this has raised."""
    try:
        warn_of_alpha(job.settings, len(job.rows.Y))
        prepared = shared.get(None, lambda: job.prepared(job.split_seed(seeds)))
    except Exception as error:
        return error
    return Lane(number, job, prepared, seeds)


def _preparation(job: Job, seeds: Sequence[int]) -> Any:
    """Return a key that is equal for jobs whose rows are prepared in the same way."""
    s, n_rows = job.settings, len(job.rows.Y)
    holds_out = s.early_stopping and job.held is None and job.folds is None
    values = [getattr(s, own.name) for own in fields(s) if own.name not in UNPREPARED]
    more = (
        s.solver is None, s.n_members > 1 and s.solver is None, bool(np.any(s.dropout[0])),
        s.batch_rows(n_rows) == n_rows, seeds[0] if holds_out else None, job.folds is None,
        job.out_activation,
    )  # fmt: skip
    return id(job.rows), id(job.target), id(job.held), key_of(values, more)


def _shape(lane: Lane) -> Any:
    """Return a key that is equal for lanes that can be trained together; unique if with none."""
    s, job = lane.job.settings, lane.job
    is_watched = s.verbose or s.max_time is not None or s.warm_start or s.solver is None
    if is_watched or s.independent_stopping or job.start or job.incremental or job.members:
        return object()
    values = [getattr(s, own.name) for own in fields(s) if own.name not in OF_LANES]
    hyper = sorted((name, v) for name, v in s.hyper.items() if name != "weight_decay")
    dropped = [bool(p) for p in s.dropout]
    return key_of(values, hyper, dropped)


def _train_group(lanes: list[Lane], n_times: int) -> Iterator[tuple[int, Outcome]]:
    """Train lanes of equal shapes in the fastest way."""
    size, compiles = _together(lanes, n_times) if len(lanes) > 1 else (1, False)
    if size < 2:
        for lane in lanes:
            yield lane.number, _outcome(trained, lane.job, lane.prepared, lane.seeds)
        return
    n_parts = -(-len(lanes) // size)
    for part in range(n_parts):
        own = lanes[part * len(lanes) // n_parts : (part + 1) * len(lanes) // n_parts]
        yield from _train_together(own, compiles)


def _outcome(function: Callable[..., Result], *arguments: Any) -> Outcome:
    try:
        return function(*arguments)
    except Exception as error:
        return error


def _together(lanes: Sequence[Lane], n_times: int) -> tuple[int, bool]:
    """Return how many lanes to train together, and whether compiled."""
    first, prepared = lanes[0], lanes[0].prepared
    s = first.job.settings
    network = network_of(s, prepared, _generators(first))
    batches = batches_of(s, prepared, network, first.job.own_rows())
    elements = network.elements(batches.batch_size)
    size = LANES_ELEMENTS // elements if LOCKSTEP_ELEMENTS // elements >= LEAST_LANES else 1
    n_epochs = n_times * sum(lane.job.settings.max_iter for lane in lanes)
    n_epochs = n_epochs if size == 1 else n_epochs // COMPILED_GAIN
    optimizer = optimizer_of(s, prepared, network)
    assert optimizer is not None
    if CompiledEpoch.of(network, optimizer, batches, n_epochs) is not None:
        return COMPILED_LANES, True
    return size, False


def _generators(lane: Lane) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in lane.seeds]


def _train_together(lanes: Sequence[Lane], compiles: bool) -> Iterator[tuple[int, Outcome]]:
    """Train lanes together; yield the outcome of each when it ends."""
    prepared, n_each = lanes[0].prepared, lanes[0].job.settings.n_members
    settings = _joined([lane.job.settings for lane in lanes])
    generators = [_generators(lane) for lane in lanes]
    together = [rng for own in generators for rng in own]
    network = network_of(settings, prepared, together)
    started = []
    for k, lane in enumerate(lanes):
        members = range(k * n_each, (k + 1) * n_each)
        own = network.of(slice(members.start, members.stop))
        try:
            built, state = lane.job.built(prepared, lane.seeds, generators[k], own)
        except Exception as error:
            yield lane.number, error
        else:
            started.append((lane, members, built, state))
    optimizer = optimizer_of(settings, prepared, network)
    assert optimizer is not None
    training = Training(network, optimizer, _rates(lanes), together)
    is_alike = not compiles and _is_alike(lanes)
    n_lockstep = 1 if compiles else network.n_members
    batches = batches_of(settings, prepared, network, _own_rows(lanes), n_lockstep, is_alike)
    size = batches.batch_size
    if compiles:
        training.compiled = CompiledEpoch.of(network, optimizer, batches)
    elif network.n_members >= 2 * MIN_MEMBERS_PER_THREAD or network.n_shares(size) == 1:
        training.n_member_threads = network.team.size  # they meet once an epoch, not in each step
    limit_blas(training, size)
    running = [_running(training, *own) for own in started]
    training.start(batches)
    known = {k for lane in running for k in lane.members}
    training.active = [k for k in training.active if k in known]
    yield from _run(training, batches, running)


def _joined(own: Sequence[Settings]) -> Settings:
    """Return the settings of the network of all lanes: each number once for each member."""
    first = own[0]

    def joined(values: Sequence[Factor]) -> Factor:
        if all(value == values[0] for value in values):
            return values[0]
        return [value for value in values for _ in range(first.n_members)]

    hyper = dict(first.hyper)
    if "weight_decay" in hyper:
        hyper["weight_decay"] = joined([s.hyper["weight_decay"] for s in own])
    return replace(
        first,
        n_members=first.n_members * len(own),
        alpha=joined([s.alpha for s in own]),
        dropout=tuple(joined(values) for values in zip(*(s.dropout for s in own), strict=True)),
        hyper=hyper,
    )


def _rates(lanes: Sequence[Lane]) -> list[LearningRate]:
    """Return the learning rate of each member."""
    found: list[LearningRate] = []
    for lane in lanes:
        s = lane.job.settings
        rate = s.learning_rates()
        found += [rate] * s.n_members if isinstance(rate, LearningRate) else rate
    return found


def _own_rows(lanes: Sequence[Lane]) -> MemberRows | None:
    """Return the rows of each member; None if all have all rows."""
    if lanes[0].job.folds is None:
        return None
    own = [lane.job.own_rows() for lane in lanes]
    return MemberRows([rows for members in own if members for rows in members.train])


def _is_alike(lanes: Sequence[Lane]) -> bool:
    """Whether all members see the same rows in the same order: equal seeds, and nothing else."""
    seeds = lanes[0].seeds
    return len(seeds) == 1 and all(lane.seeds == seeds and not lane.job.folds for lane in lanes)


def _running(
    training: Training, lane: Lane, members: range, built: Built, state: TrainingState
) -> Running:
    """Return the lane, ready to train."""
    part, own = slice(members.start, members.stop), built.network
    optimizer = training.optimizer.of(part, own.parameters, own.layers)
    built = replace(built, optimizer=optimizer)
    max_iter = lane.job.settings.max_iter
    for k in members:
        training.all_progress[k] = training.all_progress[k].with_horizon(max_iter, True)
    rounds = training.rounds(members, built.stopping, max_iter, built.monitor)
    return Running(lane, built, state, members, rounds)


def _run(
    training: Training, batches: Batches, running: list[Running]
) -> Iterator[tuple[int, Outcome]]:
    """Train epoch after epoch; yield the outcome of each lane when it ends.

    An interrupt ends all lanes, as it ends a fit: each keeps its last finished epoch.
    """
    interrupt: Interrupted | None = None
    while running:
        going = []
        for lane in running:
            outcome = _advanced(lane, interrupt)
            if outcome is None:
                going.append(lane)
                continue
            training.leave(lane.members)
            if isinstance(outcome, Result) and outcome.reason == "interrupted":
                interrupt = interrupt or Interrupted()
            yield lane.lane.number, outcome
        running = going
        if running and interrupt is None:
            try:
                training.train_epoch(batches)
            except KeyboardInterrupt:
                if INTERRUPTS.register():
                    raise
                interrupt = Interrupted()


def _advanced(own: Running, interrupt: Interrupted | None) -> Outcome | None:
    """Let a lane look at its last epoch; return its outcome, or None if it goes on."""
    try:
        if interrupt is None:
            next(own.rounds)
        else:
            own.rounds.throw(interrupt)
    except StopIteration as end:
        return _outcome(_finished, own, str(end.value))
    except Exception as error:
        return error
    return None


def _finished(own: Running, reason: str) -> Result:
    """Return the result of a lane, whose arrays are its own."""
    settings, monitor = own.lane.job.settings, own.built.monitor
    end = RunEnd(monitor.reason or reason, len(monitor.losses))
    own.state.solver = settings.solver_name
    result = finish(settings, own.lane.prepared, own.built, own.state, end)
    copies = [{name: a.copy() for name, a in layer.items()} for layer in result.parameters]
    return result._replace(parameters=copies)
