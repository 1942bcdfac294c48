"""What a member that has stopped still costs: one of five stops at epoch 3 of 100."""

from math import inf
from time import process_time

import numpy as np
from _measure import Effort, Table, in_turns, median_ratio, medians, path, paths

from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network, dense_layers, drawn_parameters
from sknet._engine.optimizers import OPTIMIZERS, Optimizer
from sknet._engine.parameters import Layout, Parameters
from sknet._engine.schedules import LearningRate
from sknet._engine.stopping import IndependentStopping, Stopping
from sknet._engine.training import Training

MEMBERS, EPOCHS, STOPS_AT = 5, 100, 3
HYPER = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
#: Name -> units, batch size, whether the members are trained in lockstep (numpy alone).
SIZES = {
    "(32, 16), batch 64, in lockstep": ((20, 32, 16, 1), 64, True),
    "(64, 64), batch 200, in lockstep": ((20, 64, 64, 1), 200, True),
    "(64, 64), batch 200, one after another": ((20, 64, 64, 1), 200, False),
}


def seconds_of_members(units, batch, together, kind, n_members, n_stopping, epochs) -> float:
    """CPU seconds of a training in which some members stop at epoch STOPS_AT."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, units[0])).astype(np.float32)
    Y = (X[:, :1] > 0).astype(np.float32)
    layers = dense_layers(units, ["relu"] * (len(units) - 2))
    parameters = Parameters.zeros(Layout(layers), n_members, np.float32)
    for k in range(n_members):
        drawn = drawn_parameters(layers, np.random.default_rng(k))
        for views, values in zip(parameters.views(), drawn, strict=True):
            for name, value in values.items():
                views[name][k] = value
    net = Network(layers, LOSSES["log_loss"]["logistic"], 5e-7, parameters)
    optimizer = Optimizer(parameters, layers, OPTIMIZERS["adam"], HYPER)
    rngs = [np.random.default_rng(k) for k in range(n_members)]
    training = Training(net, optimizer, LearningRate("constant", 1e-3), rngs)
    batches = Batches(X, Y, None, batch, True, n_members if together else 1)
    with path(kind):
        if kind == "fast":
            training.compiled = CompiledEpoch.of(net, optimizer, batches, 10**6)
        # a score that never changes does not improve on that of the first epoch
        stops = Stopping(1e-4, STOPS_AT - 1, lambda parameters: 0.0)
        goes_on = [Stopping(0.0, inf) for _ in range(n_members - n_stopping)]
        rules = IndependentStopping([*goes_on[:2], *[stops] * n_stopping, *goes_on[2:]])
        start = process_time()
        training.run(batches, rules, epochs, lambda record: False)
        return process_time() - start


def stopped(effort: Effort) -> list[Table]:
    """The share of a member's time that is left free when it has stopped."""
    epochs = 20 if effort.quick else EPOCHS
    table = Table(
        f"One of {MEMBERS} members stops at epoch {STOPS_AT} of {epochs}: CPU seconds",
        ["network", "path", "none stops", "one stops", "one member less", "of its share", "of it"],
    )
    for name, (units, batch, together) in SIZES.items():
        for kind in paths():
            if kind == "fast" and not together:
                continue

            def run(n_members, n_stopping, units=units, batch=batch, together=together, kind=kind):
                return seconds_of_members(
                    units, batch, together, kind, n_members, n_stopping, epochs
                )

            run(MEMBERS, 1)  # compiles
            results = in_turns(
                {
                    "none": lambda run=run: run(MEMBERS, 0),
                    "one": lambda run=run: run(MEMBERS, 1),
                    "less": lambda run=run: run(MEMBERS - 1, 0),
                },
                effort.repeats,
            )
            left = (epochs - STOPS_AT) / epochs
            saved = 1 - median_ratio(results["one"], results["none"])
            of_its_share = saved / (left / MEMBERS)
            without = 1 - median_ratio(results["less"], results["none"])
            row = [name, kind, *medians(results).values(), of_its_share, saved / (left * without)]
            table.rows.append(row)
    return [table]
