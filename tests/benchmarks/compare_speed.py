"""Seconds per epoch of sknet and of its peers, measured side by side.

``python tests/benchmarks/compare_speed.py`` fits each network of ``NETWORKS`` with every estimator
of ``PEERS`` in one process, in turns, several times over. It prints the medians, the ratios (a
peer's time over sknet's in the same round, and of these the median: above 1 is faster than the
peer), and their geometric mean and minimum. Every fit runs a fixed number of epochs on the same
float64 arrays with the default parameters; its seconds include validation and set-up, so they are
divided by enough epochs for these to be small.

The second figure is the cost of the members axis: the training loop of one network, written out in
plain numpy, with and without it, and sknet with ``n_members=1``.

Nothing is asserted: times belong to one machine. Close other programs before trusting a figure.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info

import sknet
from sknet import MLPBackpropClassifier

try:
    import psutil
except ModuleNotFoundError:  # in the extra "bench"; it only tells the number of physical cores
    psutil = None


@dataclass(frozen=True)
class Network:
    """One classification problem, the network that learns it and the epochs of one timed fit."""

    n_samples: int
    n_features: int
    hidden: tuple[int, ...]
    batch: int
    classes: int
    epochs: int

    @property
    def name(self) -> str:
        hidden = ",".join(map(str, self.hidden))
        sizes = f"{self.n_samples}x{self.n_features} ({hidden})"
        return f"{sizes} batch {self.batch}, {self.classes} classes"


NETWORKS = [
    Network(20_000, 20, (100,), 200, 2, epochs=20),
    Network(20_000, 50, (256, 256), 256, 10, epochs=8),
    Network(5_000, 784, (256,), 200, 10, epochs=15),
    Network(60_000, 30, (32, 16), 64, 2, epochs=8),
    Network(20_000, 100, (512, 512, 512), 512, 5, epochs=4),
]
MEMBERS_NETWORK = NETWORKS[3]


def make_data(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Float64 features, and labels drawn from a noisy linear model with classes of similar size."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((network.n_samples, network.n_features))
    scores = X @ rng.standard_normal((network.n_features, network.classes))
    scores += rng.gumbel(scale=np.sqrt(network.n_features), size=scores.shape)
    return X, scores.argmax(axis=1)


# ---------------------------------------------------------------- peers: network -> estimator


def _parameters(network: Network, epochs: int) -> dict:
    """Exactly ``epochs`` epochs of the default solver: nothing stops a fit early."""
    return {
        "hidden_layer_sizes": network.hidden,
        "batch_size": network.batch,
        "max_iter": epochs,
        "n_iter_no_change": epochs + 1,
        "tol": 0.0,
        "random_state": 0,
    }


def sknet_mlp(network: Network, epochs: int) -> MLPBackpropClassifier:
    return MLPBackpropClassifier(**_parameters(network, epochs))


def sklearn_mlp(network: Network, epochs: int) -> MLPClassifier:
    return MLPClassifier(**_parameters(network, epochs))


OURS = "sknet"
PEERS: dict[str, Callable] = {OURS: sknet_mlp, "scikit-learn": sklearn_mlp}


# ---------------------------------------------------------------- measuring


def seconds_of(function: Callable, *args) -> float:
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def fit_seconds(make: Callable, network: Network, epochs: int, X, y) -> float:
    estimator = make(network, epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping after `epochs` is the point
        seconds = seconds_of(estimator.fit, X, y)
    if estimator.n_iter_ != epochs:
        raise RuntimeError(f"{estimator!r} ran {estimator.n_iter_} epochs instead of {epochs}")
    return seconds


def in_turns(contestants: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """The results of every contestant in ``repeats`` rounds, each with another one first.

    A round that is not counted comes before them.
    """
    names = list(contestants)
    results: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats + 1):
        shift = repeat % len(names)
        for name in names[shift:] + names[:shift]:
            result = contestants[name]()
            if repeat > 0:
                results[name].append(result)
    return results


def median_ratio(numerators: list[float], denominators: list[float]) -> float:
    """The median of the rounds' ratios: two times of one round share the state of the machine."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


def compare_network(network: Network, epochs: int, repeats: int) -> dict:
    """Median seconds per epoch of every peer, and each peer's over sknet's."""
    X, y = make_data(network)
    contestants = {
        name: lambda make=make: fit_seconds(make, network, epochs, X, y) / epochs
        for name, make in PEERS.items()
    }
    results = in_turns(contestants, repeats)
    return {
        "network": network.name,
        "epochs": epochs,
        "seconds_per_epoch": {name: statistics.median(times) for name, times in results.items()},
        "ratio": {
            name: median_ratio(times, results[OURS])
            for name, times in results.items()
            if name != OURS
        },
    }


def summary(rows: list[dict]) -> dict:
    """Geometric mean and minimum over the networks of the ratios to each peer."""
    ratios = {name: [row["ratio"][name] for row in rows] for name in PEERS if name != OURS}
    return {
        name: {"geometric_mean": statistics.geometric_mean(values), "minimum": min(values)}
        for name, values in ratios.items()
    }


# ---------------------------------------------------------------- the members axis


class PlainLoop:
    """Binary classification with relu layers and Adam, written out: sknet's loop in plain numpy.

    The same operations in the same order, in float32, in place on buffers made once. ``theta``
    holds all weights, then all biases; ``W[k]`` and ``b[k]`` are views of it. Every array has the
    axes `members` before its own: none with ``members=()``, one of length 1 with ``members=(1,)``.
    """

    def __init__(self, units: Sequence[int], batch: int, members: tuple[int, ...]):
        self.batch, self.alpha, self.t, self.members = batch, 5e-7, 0, members
        self.shapes = list(pairwise(units))
        self.n_weights = sum(n_in * n_out for n_in, n_out in self.shapes)
        n_params = self.n_weights + sum(units[1:])

        def empty(*shape: int) -> np.ndarray:
            return np.empty((*members, *shape), np.float32)

        self.theta, self.grad, self.m, self.v = (empty(n_params) for _ in range(4))
        for array in (self.theta, self.m, self.v):
            array.fill(0.0)
        self.penalty = empty(self.n_weights)
        self.W, self.b = self.views(self.theta)
        self.dW, self.db = self.views(self.grad)
        rng = np.random.default_rng(0)
        for W, (n_in, n_out) in zip(self.W, self.shapes, strict=True):
            bound = (6.0 / (n_in + n_out)) ** 0.5
            W[...] = rng.uniform(-bound, bound, W.shape)
        self.A = [empty(batch, n) for n in units]  # A[k] is the input of layer k
        self.dA = [empty(batch, n) for n in units]
        self.Y, self.work, self.loss = empty(batch, 1), empty(batch, 1), empty(batch)
        self.ones = np.ones((1, batch), np.float32)

    def views(self, flat: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        shapes = self.shapes + [(1, n_out) for _, n_out in self.shapes]
        ends = np.cumsum([n_in * n_out for n_in, n_out in shapes])
        views = [
            part.reshape(*self.members, *shape)
            for part, shape in zip(np.split(flat, ends[:-1], axis=-1), shapes, strict=True)
        ]
        return views[: len(self.shapes)], views[len(self.shapes) :]

    def fit(self, X: np.ndarray, Y: np.ndarray, epochs: int) -> list[float]:
        """The mean loss of each epoch, each batch before its step."""
        rng = np.random.default_rng(0)
        order = np.empty((*self.members, len(X)), np.intp)
        losses = []
        with np.errstate(all="ignore"):
            for _ in range(epochs):
                order[...] = rng.permutation(len(X))
                losses.append(self.epoch(X, Y, order))
        return losses

    def epoch(self, X: np.ndarray, Y: np.ndarray, order: np.ndarray) -> float:
        n_samples, total = len(X), 0.0
        for start in range(0, n_samples, self.batch):
            n = min(self.batch, n_samples - start)
            rows = order[..., start : start + n]
            X.take(rows, 0, self.A[0][..., :n, :], "clip")
            Y.take(rows, 0, self.Y[..., :n, :], "clip")
            loss = self.loss_grad(n)
            if not math.isfinite(loss):
                raise FloatingPointError("the loss is not finite any more")
            self.adam()
            total += loss * n
        return total / n_samples

    def loss_grad(self, n: int) -> float:
        """The objective at the first ``n`` rows of the buffers; its gradient goes to ``grad``."""
        A = [array[..., :n, :] for array in self.A]
        dA = [array[..., :n, :] for array in self.dA]
        last = len(self.W) - 1
        for k in range(last + 1):
            np.matmul(A[k], self.W[k], out=A[k + 1])
            np.add(A[k + 1], self.b[k], out=A[k + 1])
            if k < last:
                np.maximum(A[k + 1], 0.0, out=A[k + 1])

        # the loss of the raw output Z is softplus(Z) - Y Z, its derivative sigmoid(Z) - Y
        Z, delta, loss = A[-1], dA[-1], self.loss[..., :n]
        Y, work = self.Y[..., :n, :], self.work[..., :n, :]
        np.abs(Z, out=work)
        np.negative(work, out=work)
        np.exp(work, out=work)
        np.log1p(work, out=work)
        np.maximum(Z, 0.0, out=delta)
        np.add(delta, work, out=delta)
        np.multiply(Y, Z, out=work)
        np.subtract(delta, work, out=delta)
        np.copyto(loss, delta[..., 0])
        np.multiply(Z, 0.5, out=delta)
        np.tanh(delta, out=delta)
        np.multiply(delta, 0.5, out=delta)
        np.add(delta, 0.5, out=delta)
        np.subtract(delta, Y, out=delta)
        np.multiply(delta, 1.0 / n, out=delta)

        for k in range(last, -1, -1):
            delta = dA[k + 1]
            if k < last:
                np.greater(A[k + 1], 0.0, out=A[k + 1])
                np.multiply(delta, A[k + 1], out=delta)
            np.matmul(A[k].mT, delta, out=self.dW[k])
            np.matmul(self.ones[:, :n], delta, out=self.db[k])
            if k > 0:  # an inner dimension of 1 misses BLAS
                product = np.multiply if delta.shape[-1] == 1 else np.matmul
                product(delta, self.W[k].mT, out=dA[k])

        W, dW = self.theta[..., : self.n_weights], self.grad[..., : self.n_weights]
        np.multiply(W, self.alpha, out=self.penalty)
        np.add(dW, self.penalty, out=dW)
        objective = np.add.reduce(loss, axis=-1, dtype=np.float64) / n
        objective += np.vecdot(W, self.penalty) * 0.5
        return objective.item()

    def adam(self, eta=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8) -> None:
        """Algorithm 1 of Kingma and Ba (2015); m and v without their factors (1 - beta)."""
        self.t += 1
        theta, g, m, v = self.theta, self.grad, self.m, self.v
        m_scale = (1.0 - beta_1) / (1.0 - beta_1**self.t)
        v_scale = ((1.0 - beta_2) / (1.0 - beta_2**self.t)) ** 0.5
        np.multiply(m, beta_1, out=m)
        np.add(m, g, out=m)
        np.square(g, out=g)
        np.multiply(v, beta_2, out=v)
        np.add(v, g, out=v)
        np.sqrt(v, out=g)
        np.add(g, epsilon / v_scale, out=g)
        np.divide(m, g, out=g)
        np.multiply(g, eta * m_scale / v_scale, out=g)
        np.subtract(theta, g, out=theta)


def members_axis_cost(rounds: int, epochs: int = 2) -> dict:
    """Seconds per epoch over those of the plain loop without a members axis.

    Of the plain loop with an axis of length 1, which is what the axis costs; and of sknet with
    ``n_members=1``, which also pays for its layers, optimizer and batches being objects. An epoch
    is the difference of a long and a short fit, so that what comes before and after its epochs
    cancels; the rounds are short and many, as the differences looked for are small.
    """
    network = MEMBERS_NETWORK
    X, y = make_data(network)
    X32, Y32 = X.astype(np.float32), y.astype(np.float32)[:, None]
    units = [network.n_features, *network.hidden, 1]

    def plain(members: tuple[int, ...], epochs: int) -> float:
        return seconds_of(PlainLoop(units, network.batch, members).fit, X32, Y32, epochs)

    fits = {
        "no axis": partial(plain, ()),
        "axis of 1": partial(plain, (1,)),
        "sknet": lambda epochs: fit_seconds(sknet_mlp, network, epochs, X32, y),
    }
    contestants = {
        name: lambda fit=fit: (fit(epochs + 1) - fit(1)) / epochs for name, fit in fits.items()
    }
    results = in_turns(contestants, rounds)
    return {
        "network": network.name,
        "epochs": epochs,
        "seconds_per_epoch": {name: statistics.median(times) for name, times in results.items()},
        "ratio": {
            name: median_ratio(times, results["no axis"])
            for name, times in results.items()
            if name != "no axis"
        },
    }


# ---------------------------------------------------------------- printing


def environment() -> dict:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "sknet": sknet.__version__,
        "cpus": os.cpu_count(),
        "physical cores": psutil.cpu_count(logical=False) if psutil else "unknown (no psutil)",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else "unknown",
        "thread pools": ", ".join(
            f"{pool['internal_api']} {pool['version'] or ''} {pool['num_threads']} threads"
            for pool in threadpool_info()
        ),
    }


def print_environment(facts: dict) -> None:
    for name, fact in facts.items():
        print(f"{name:16}{fact}")


def print_network_header() -> None:
    peers = "".join(f"{name + ' s/epoch':>22}" for name in PEERS)
    ratios = "".join(f"{name + ' ratio':>22}" for name in PEERS if name != OURS)
    print(f"\n{'network':50}{peers}{ratios}")


def print_network(row: dict) -> None:
    seconds = "".join(f"{row['seconds_per_epoch'][name]:22.4f}" for name in PEERS)
    ratios = "".join(f"{row['ratio'][name]:22.2f}" for name in PEERS if name != OURS)
    print(f"{row['network']:50}{seconds}{ratios}", flush=True)


def print_summary(summary_: dict) -> None:
    for name, figures in summary_.items():
        print(
            f"against {name}: geometric mean {figures['geometric_mean']:.2f}, "
            f"minimum {figures['minimum']:.2f}"
        )


def print_members_axis(row: dict) -> None:
    print(f"\nmembers axis, {row['network']}")
    for name, seconds in row["seconds_per_epoch"].items():
        ratio = f"   over no axis {row['ratio'][name]:.3f}" if name in row["ratio"] else ""
        print(f"{name:16}{seconds:.4f} s/epoch{ratio}")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few epochs and repeats, in a minute")
    parser.add_argument("--epochs", type=int, help="epochs of a fit, instead of each network's own")
    parser.add_argument("--repeats", type=int, help="counted fits of each (5; 3 with --quick)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args(arguments)
    for name in ("epochs", "repeats"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def main(arguments: list[str]) -> None:
    options = parse_arguments(arguments)
    repeats = options.repeats or (3 if options.quick else 5)

    def epochs_of(network: Network) -> int:
        return options.epochs or (max(1, network.epochs // 4) if options.quick else network.epochs)

    facts = environment()
    print_environment(facts)

    print_network_header()
    rows = []
    for network in NETWORKS:
        rows.append(compare_network(network, epochs_of(network), repeats))
        print_network(rows[-1])
    overall = summary(rows)
    print_summary(overall)

    members_axis = members_axis_cost(rounds=(2 if options.quick else 4) * repeats)
    print_members_axis(members_axis)

    if options.json:
        report = {
            "environment": facts,
            "repeats": repeats,
            "networks": [asdict(network) for network in NETWORKS],
            "results": rows,
            "summary": overall,
            "members_axis": members_axis,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
