"""The five networks, their data and the estimators that fit them, by sknet's public names alone."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
from _estimators import MLPBackpropClassifier
from _measure import Effort, path
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier


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
        hidden = ", ".join(map(str, self.hidden))
        sizes = f"{self.n_samples} x {self.n_features} ({hidden})"
        return f"{sizes} batch {self.batch}, {self.classes} classes"

    @property
    def outputs(self) -> int:
        return 1 if self.classes == 2 else self.classes

    @property
    def units(self) -> tuple[int, ...]:
        return (self.n_features, *self.hidden, self.outputs)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.n_samples // self.batch)


NETWORKS = [
    Network(20_000, 20, (100,), 200, 2, epochs=12),
    Network(20_000, 50, (256, 256), 256, 10, epochs=4),
    Network(5_000, 784, (256,), 200, 10, epochs=8),
    Network(60_000, 30, (32, 16), 64, 2, epochs=4),
    Network(20_000, 100, (512, 512, 512), 512, 5, epochs=2),
]
SMALL, LARGE = NETWORKS[3], NETWORKS[4]
MEMBERS_NETWORK = SMALL
#: Those of the comparison of members with fits of one network each.
SMALL_MEMBERS = replace(SMALL, n_samples=20_000, epochs=3)
MEDIUM_MEMBERS = replace(NETWORKS[1], n_samples=10_000, epochs=2)


def sized(network: Network, effort: Effort) -> Network:
    """The network as measured with this effort: half of the rows where it is quick."""
    return replace(network, n_samples=network.n_samples // 2) if effort.quick else network


def make_data(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Float64 features, and labels drawn from a noisy linear model with classes of similar size."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((network.n_samples, network.n_features))
    scores = X @ rng.standard_normal((network.n_features, network.classes))
    scores += rng.gumbel(scale=np.sqrt(network.n_features), size=scores.shape)
    return X, scores.argmax(axis=1)


# ---------------------------------------------------------------- fits


def parameters(network: Network, epochs: int) -> dict:
    """Exactly ``epochs`` epochs of the default solver: nothing stops a fit early."""
    return {
        "hidden_layer_sizes": network.hidden,
        "batch_size": network.batch,
        "max_iter": epochs,
        "n_iter_no_change": epochs + 1,
        "tol": 0.0,
        "random_state": 0,
    }


def timed_fit(estimator, X: np.ndarray, y: np.ndarray) -> float:
    """Seconds of a fit that runs exactly ``max_iter`` epochs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping there is the point
        start = time.perf_counter()
        estimator.fit(X, y)
        seconds = time.perf_counter() - start
    if estimator.n_iter_ != estimator.max_iter:
        raise RuntimeError(f"{estimator!r} ran {estimator.n_iter_} epochs")
    return seconds


def fit_seconds(
    kind: str, network: Network, epochs: int, X: np.ndarray, y: np.ndarray, **more
) -> float:
    """Seconds of a fit by sknet, with `kind` "numpy" or "fast"."""
    with path(kind):
        return timed_fit(MLPBackpropClassifier(**parameters(network, epochs), **more), X, y)


def sklearn_seconds(network: Network, epochs: int, X: np.ndarray, y: np.ndarray) -> float:
    return timed_fit(MLPClassifier(**parameters(network, epochs)), X, y)


def sklearn_float32_seconds(network: Network, epochs: int, X: np.ndarray, y: np.ndarray) -> float:
    return sklearn_seconds(network, epochs, X.astype(np.float32), y)


def torch_seconds(network: Network, epochs: int, X: np.ndarray, y: np.ndarray) -> float:
    """Seconds of a plain training loop in eager torch: float32, fused Adam, nothing recorded."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    start = time.perf_counter()
    X_, y_ = torch.from_numpy(X).float(), torch.from_numpy(y)
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(network.units):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    loss_of: nn.Module = nn.CrossEntropyLoss()
    if network.outputs == 1:
        y_, loss_of = y_.float()[:, None], nn.BCEWithLogitsLoss()
    adam = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    for _ in range(epochs):
        for rows in torch.randperm(len(X_)).split(network.batch):
            adam.zero_grad()
            loss_of(model(X_[rows]), y_[rows]).backward()
            adam.step()
    return time.perf_counter() - start


#: Name of a peer -> seconds of a fit.
PEERS: dict[str, Callable] = {
    "scikit-learn": sklearn_seconds,
    "scikit-learn float32": sklearn_float32_seconds,
}
MISSING: list[str] = []
if find_spec("torch") is None:
    MISSING.append("torch")
else:
    PEERS["torch"] = torch_seconds
