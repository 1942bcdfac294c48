"""
===================================================
What does a hidden layer know that the pixels hide?
===================================================

A network turns pixels into features in which its classes are easy to tell apart. ``transform``
returns them. Are they of use for something that the network has not learned? Here a network learns
to tell the digits 0 to 4 apart, and its features are then asked to tell 5 to 9 apart, of which it
has not seen one, from a handful of examples. The digits ship with scikit-learn.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sknet import MLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# A network that knows the digits 0 to 4
# --------------------------------------

X, y = load_digits(return_X_y=True)
known = y < 5
X_train, X_test, y_train, y_test = train_test_split(
    X[known], y[known], stratify=y[known], random_state=0
)
network = MLPBackpropClassifier((64, 32), random_state=0).fit(X_train, y_train)
print(f"accuracy on new digits from 0 to 4: {network.score(X_test, y_test):.3f}")
features = network.transform(X)
print(
    f"{X.shape[1]} pixels become {features.shape[1]} features: the units of the last hidden layer"
)

# %%
# Seen in two dimensions
# ----------------------
#
# The two main components of the pixels, and of the features: digits that the network knows, in rows
# that it has not seen, and digits that it does not know.

names = list(network.get_feature_names_out()[:2])
print(f"names of the features: {', '.join(names)}, ...")
colours = ["C0", "C1", "C3", "C4", "C5"]
figure, axes = plt.subplots(2, 2, figsize=(9, 8), layout="constrained")
for row, (title, rows, labels) in zip(
    axes,
    (("known, new images", X_test, y_test), ("never seen", X[~known], y[~known])),
    strict=True,
):
    for ax, (name, values) in zip(
        row, {"pixels": rows, "features": network.transform(rows)}.items(), strict=True
    ):
        plane = PCA(2, random_state=0).fit_transform(values)
        for colour, digit in zip(colours, np.unique(labels), strict=True):
            of_digit = plane[labels == digit]
            ax.scatter(*of_digit.T, s=60, color=colour, marker=f"${digit}$", linewidth=0.3)
        ax.set(title=f"{name}: digits {title}", xlabel="first component")
        ax.set(ylabel="second component")

# %%
# The features of the known digits lie in groups, far apart. The digits that were never seen are
# mixed up: the network had no reason to keep apart what it did not need.
#
# Few examples
# ------------
#
# The same in figures. The nearest neighbour says which digit an image is, from 1 to 30 examples of
# each digit, by the pixels or by the features.


def accuracy(values, labels, n_examples):
    """Return the accuracy of the nearest of so many examples a digit; the mean of ten draws."""
    scores = []
    for seed in range(10):
        few, others = train_test_split(
            np.arange(len(labels)), train_size=5 * n_examples, stratify=labels, random_state=seed
        )
        neighbour = KNeighborsClassifier(1).fit(values[few], labels[few])
        scores.append(neighbour.score(values[others], labels[others]))
    return np.mean(scores)


numbers = [1, 2, 4, 8, 15, 30]
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (title, rows, labels) in zip(
    axes,
    (("known, new images", X_test, y_test), ("never seen", X[~known], y[~known])),
    strict=True,
):
    for name, values, colour, marker in (
        ("pixels", rows, "C1", "s"),
        ("features", network.transform(rows), "C0", "o"),
    ):
        scores = [accuracy(values, labels, number) for number in numbers]
        print(f"digits {title}, {name}:", ", ".join(f"{score:.3f}" for score in scores))
        ax.plot(numbers, scores, marker=marker, color=colour, label=name)
    ax.set(title=f"digits {title}", xlabel="examples of each digit")
axes[0].set(ylabel="accuracy of the nearest neighbour")
axes[0].legend(loc="lower right")

# %%
# For the digits that the network knows, one example of each says nearly all. For the others the
# pixels are better: what helps to tell 0 to 4 apart is not what tells 5 to 9 apart. Hidden features
# are worth most for tasks that are close to the one that they were learned for.

plt.show()
