"""The sections on training: the five networks, the pieces of a step, members, L-BFGS, scale."""

import statistics
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _estimators import MLPBackpropClassifier
from _measure import (
    Effort,
    Table,
    in_turns,
    median_ratio,
    medians,
    path,
    paths,
    seconds_of,
    shortest_call,
)
from _members import members_axis_cost
from _networks import (
    LARGE,
    MEDIUM_MEMBERS,
    MISSING,
    NETWORKS,
    PEERS,
    SMALL,
    SMALL_MEMBERS,
    Network,
    fit_seconds,
    make_data,
    sized,
)
from _products import Products
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sknet._engine.batches import Batches
from sknet._engine.compiled import CompiledEpoch
from sknet._engine.losses import LOSSES
from sknet._engine.network import Network as EngineNetwork
from sknet._engine.network import dense_layers, drawn_parameters, forward
from sknet._engine.optimizers import OPTIMIZERS, Optimizer
from sknet._engine.parameters import Layout, Parameters
from sknet._engine.schedules import LearningRate
from sknet._engine.team import set_numpy_for_training
from sknet._engine.training import Training
from sknet._threads import one_blas_thread

# ---------------------------------------------------------------- the five networks


def networks(effort: Effort) -> list[Table]:
    """Seconds per epoch, the peers' over ours, and the products' alone over ours."""
    kinds = paths()
    ours = [f"sknet {kind}" for kind in kinds]
    peers = list(PEERS)
    times = Table("Seconds per epoch", ["network", *ours, *peers, "products alone"])
    ratio_columns = [f"{kind}: {peer}" for kind in kinds for peer in peers]
    shares = [f"{kind}: products" for kind in kinds]
    ratios = Table("A peer's time / sknet's", ["network", *ratio_columns])
    limit = Table("The products' time / sknet's", ["network", *shares])
    for network in (sized(network, effort) for network in NETWORKS):
        seconds, ratio = _compare(network, effort, kinds)
        times.rows.append([network.name, *(seconds[name] for name in times.columns[1:])])
        ratios.rows.append([network.name, *(ratio[name] for name in ratio_columns)])
        limit.rows.append([network.name, *(ratio[name] for name in shares)])
    by_network = [row[1:] for row in ratios.rows]
    for name, summarise in {
        "geometric mean": statistics.geometric_mean,
        "minimum": min,
    }.items():
        ratios.rows.append([name, *(summarise(c) for c in zip(*by_network, strict=True))])
    ratios.notes = [f"{name} is missing." for name in missing(kinds)]
    return [times, ratios, limit]


def missing(kinds: list[str]) -> list[str]:
    return MISSING + (["numba"] if "fast" not in kinds else [])


def _compare(network: Network, effort: Effort, kinds: list[str]) -> tuple[dict, dict]:
    X, y = make_data(network)
    epochs = effort.epochs_of(network.epochs)
    products = Products(network)
    n_steps = max(20, network.steps // 4)

    def ours(kind: str) -> Callable[[], float]:
        return lambda: fit_seconds(kind, network, epochs, X, y) / epochs

    def theirs(seconds: Callable) -> Callable[[], float]:
        return lambda: seconds(network, epochs, X, y) / epochs

    contestants = {f"sknet {kind}": ours(kind) for kind in kinds}
    contestants |= {name: theirs(seconds) for name, seconds in PEERS.items()}
    contestants["products alone"] = lambda: products.seconds(n_steps) * network.steps / n_steps
    results = in_turns(contestants, effort.repeats)
    ratio = {}
    for kind in kinds:
        mine = results[f"sknet {kind}"]
        for peer in PEERS:
            ratio[f"{kind}: {peer}"] = median_ratio(results[peer], mine)
        ratio[f"{kind}: products"] = median_ratio(results["products alone"], mine)
    return medians(results), ratio


# ---------------------------------------------------------------- the pieces of a step


def pieces(effort: Effort) -> list[Table]:
    """Microseconds of each piece of a step, through the engine's own objects."""
    kinds = paths()
    return [_pieces(network, effort, kinds) for network in (SMALL, LARGE)]


def engine(network: Network) -> tuple[Training, Batches]:
    """What a fit of `network` trains with."""
    X, y = make_data(network)
    one = network.outputs == 1
    targets = y[:, None] if one else np.eye(network.classes)[y]
    activations = ["relu"] * len(network.hidden)
    layers = dense_layers(network.units, activations)
    parameters = Parameters.zeros(Layout(layers), 1, np.float32)
    rng = np.random.default_rng(0)
    for views, values in zip(parameters.views(), drawn_parameters(layers, rng), strict=True):
        for name, value in values.items():
            views[name][:] = value
    loss = LOSSES["log_loss"]["logistic" if one else "softmax"]
    net = EngineNetwork(layers, loss, 5e-7, parameters)
    hyper = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    optimizer = Optimizer(parameters, layers, OPTIMIZERS["adam"], hyper)
    training = Training(net, optimizer, LearningRate("constant", 0.001), [rng])
    X32, Y32 = X.astype(np.float32), targets.astype(np.float32)
    return training, Batches(X32, Y32, None, network.batch, True, 1)


def _pieces(network: Network, effort: Effort, kinds: list[str]) -> Table:
    training, batches = engine(network)
    net, optimizer = training.network, training.optimizer
    X, Y, _ = next(batches.epoch(training.generators))
    space = net.workspace(X.shape[-2])
    seconds = 0.05 if effort.quick else 0.4

    def gather() -> None:
        for _ in batches.epoch(training.generators):
            pass

    def delta() -> None:
        net.loss.delta(Y, space.layers[-1].A, space.delta, space.work)

    # a step uses the gradient up: each gets a copy of a true one, lest all decays to denormals
    net.loss_grad(X, Y)
    gradient = net.grad.copy()

    def copy() -> None:
        np.copyto(net.grad, gradient)

    def copy_and_step() -> None:
        np.copyto(net.grad, gradient)
        optimizer.step(1e-9)

    def epoch() -> None:
        next(training.epochs(batches))

    with one_blas_thread(net.largest_product(network.batch)), np.errstate(all="ignore"):
        set_numpy_for_training()
        cost = {
            "gather the batch": shortest_call(gather, seconds) / network.steps,
            "forward": shortest_call(lambda: forward(net.layers, X, space.layers), seconds),
            "delta of the loss": shortest_call(delta, seconds),
            "backward": shortest_call(lambda: net._backward(space.delta, space), seconds),
            "penalty": shortest_call(net._penalty, seconds),
            "optimizer": shortest_call(copy_and_step, seconds) - shortest_call(copy, seconds),
        }
        step = {"numpy": shortest_call(epoch, 6 * seconds) / network.steps}
        if "fast" in kinds:
            with path("fast"):
                training.compiled = CompiledEpoch.of(net, optimizer, batches, 1)
            epoch()  # compiles
            step["fast"] = shortest_call(epoch, 6 * seconds) / network.steps
        products = shortest_call(Products(network).step, seconds)
    table = Table(f"A step of {network.name}", ["piece", "microseconds", "share of the numpy step"])
    rows = {
        **{name: cost[name] for name in cost},
        "averaging and the loop (the rest)": max(0.0, step["numpy"] - sum(cost.values())),
        **{f"whole step, {kind}": value for kind, value in step.items()},
        "matrix products alone": products,
    }
    table.rows = [[name, 1e6 * value, value / step["numpy"]] for name, value in rows.items()]
    return table


# ---------------------------------------------------------------- members


def members(effort: Effort) -> list[Table]:
    """The cost of 8 members over that of 8 fits; and of the members axis at one member."""
    table = Table(
        "8 members against 8 fits",
        ["network", "path", "seconds of 8 members", "seconds of 8 fits", "cost ratio"],
    )
    for network in (sized(SMALL_MEMBERS, effort), sized(MEDIUM_MEMBERS, effort)):
        X, y = make_data(network)
        epochs = effort.epochs_of(network.epochs)
        for kind in paths():

            def together(kind=kind, network=network, epochs=epochs, X=X, y=y) -> float:
                return fit_seconds(kind, network, epochs, X, y, n_members=8)

            def apart(kind=kind, network=network, epochs=epochs, X=X, y=y) -> float:
                return sum(fit_seconds(kind, network, epochs, X, y) for _ in range(8))

            results = in_turns({"together": together, "apart": apart}, effort.repeats)
            ratio = median_ratio(results["together"], results["apart"])
            table.rows.append([network.name, kind, *medians(results).values(), ratio])
    return [table, members_axis_cost(effort)]


# ---------------------------------------------------------------- L-BFGS


def lbfgs(effort: Effort) -> list[Table]:
    """50 iterations of L-BFGS in float64 on 20000 x 50 rows."""
    n_iter = 5 if effort.quick else 50
    problem = Network(20_000, 50, (100,), 20_000, 2, epochs=n_iter)
    X, y = make_data(problem)
    same = {"solver": "lbfgs", "max_iter": n_iter, "random_state": 0, "tol": 1e-10}

    def iteration_seconds(make: Callable, **more) -> float:
        estimator = make((100,), **same, **more)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            seconds = seconds_of(estimator.fit, X, y)
        return seconds / estimator.n_iter_

    contestants = {
        "sknet": lambda: iteration_seconds(
            MLPBackpropClassifier, dtype="float64", init="glorot_uniform"
        ),
        "scikit-learn": lambda: iteration_seconds(MLPClassifier),
    }
    results = in_turns(contestants, effort.repeats)
    ratio = median_ratio(results["scikit-learn"], results["sknet"])
    columns = ["problem", "sknet", "scikit-learn", "ratio"]
    name = f"20000 x 50 (100), seconds per iteration of {n_iter}"
    return [Table("L-BFGS in float64", columns, [[name, *medians(results).values(), ratio]])]


# ---------------------------------------------------------------- cost as work grows


def scale(effort: Effort) -> list[Table]:
    """Seconds per epoch over the number of rows and over the width, and the slopes."""
    sizes = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
    widths = [16, 32, 64, 128, 256, 512, 1024, 2048]
    if effort.quick:
        sizes, widths = sizes[::2][:3], widths[::2]

    def over(title: str, problems: dict[int, Network]) -> Table:
        kinds = paths()
        growth = [f"{kind}: slope from the row above" for kind in kinds]
        table = Table(title, [title.split(" ")[-1], *kinds, *growth])
        seconds = {kind: [] for kind in kinds}
        for problem in problems.values():
            times = _epoch_seconds(problem, kinds, effort.repeats)
            for kind in kinds:
                seconds[kind].append(times[kind])
        x = np.log(list(problems))
        slopes = {kind: np.diff(np.log(seconds[kind])) / np.diff(x) for kind in kinds}
        for i, value in enumerate(problems):
            local = [float(slopes[kind][i - 1]) if i else "" for kind in kinds]
            table.rows.append([value, *(seconds[kind][i] for kind in kinds), *local])
        fits = [float(np.polyfit(x, np.log(seconds[kind]), 1)[0]) for kind in kinds]
        table.rows.append(["slope of all", *fits, *["" for _ in kinds]])
        return table

    return [
        over(
            "Seconds per epoch at 20 features, (100), batch 200, over n",
            {n: Network(n, 20, (100,), 200, 2, max(1, 60_000 // n)) for n in sizes},
        ),
        over(
            "Seconds per epoch at 20000 x 20, one hidden layer, batch 200, over width",
            {w: Network(20_000, 20, (w,), 200, 2, 2 if w > 256 else 4) for w in widths},
        ),
    ]


def _epoch_seconds(problem: Network, kinds: list[str], repeats: int) -> dict[str, float]:
    """Median seconds per epoch: what a fit of more epochs costs beyond one of a single epoch."""
    X, y = make_data(problem)
    X = X.astype(np.float32)
    epochs = problem.epochs

    def of(kind: str) -> Callable[[], float]:
        def seconds() -> float:
            once = fit_seconds(kind, problem, 1, X, y)
            return (fit_seconds(kind, problem, epochs + 1, X, y) - once) / epochs

        return seconds

    return medians(in_turns({kind: of(kind) for kind in kinds}, min(repeats, 3)))


def plot_scale(tables: list[Table], file: Path) -> None:
    """Draw both curves of `scale` in one log-log figure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    labels = ("rows, at (100,)", "width, at 20000 rows")
    for ax, table, label in zip(axes, tables, labels, strict=True):
        kinds = [name for name in table.columns if name in ("numpy", "fast")]
        points, slopes = table.rows[:-1], table.rows[-1]
        for i, kind in enumerate(kinds, start=1):
            x, y = [row[0] for row in points], [row[i] for row in points]
            ax.loglog(x, y, marker="o", label=f"{kind}, slope {slopes[i]:.2f}")
        ax.set_xlabel(label)
        ax.grid(which="both", alpha=0.3)
        ax.legend()
    axes[0].set_ylabel("seconds per epoch")
    figure.savefig(file, dpi=110, metadata={"Software": None})
