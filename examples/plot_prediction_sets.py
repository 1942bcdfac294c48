"""
=========================
Which digits could it be?
=========================

A network that learned from few digits is wrong now and then, and does not say when. ``predict_set``
returns all digits that an image could be, such that the right one is among them as often as you ask
for. A clear image has one; an image that could be two digits has two. The digits ship with
scikit-learn.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# A network that has seen 200 digits
# ----------------------------------

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, train_size=200, random_state=0, stratify=y)
net = MLPBackpropClassifier(cv=5, random_state=0).fit(X, y)
print(f"accuracy on {len(y_new):,} new digits: {net.score(X_new, y_new):.3f}")

# %%
# How often the right digit is in the set, and how large the sets are
# -------------------------------------------------------------------
#
# ``"lac"`` makes the smallest sets; ``"aps"`` makes sets that are larger where the network is
# unsure. No set is empty: where one digit is right more often than asked for, the share is above
# the level. With ``allow_empty=True`` sets may be empty, and the share is the level.

levels = np.array([0.8, 0.9, 0.95, 0.98])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for method, colour in (("lac", "C0"), ("aps", "C1")):
    for allow_empty, line in ((False, "o-"), (True, "s--")):
        sets = net.predict_set(X_new, levels, method=method, allow_empty=allow_empty)
        share = sets[np.arange(len(y_new)), y_new].mean(axis=0)
        size = sets.sum(axis=1).mean(axis=0)
        name = f"{method}, allow_empty={allow_empty}"
        print(f"{name:24} inside {share.round(3)}   mean size {size.round(2)}")
        left.plot(levels, share, line, color=colour, label=name)
        right.plot(levels, size, line, color=colour, label=name)
left.plot(levels, levels, color="black", linewidth=1, label="asked for")
left.set(xlabel="level that is asked for", ylabel="share of sets with the right digit")
right.set(xlabel="level that is asked for", ylabel="mean number of digits in a set")
left.legend()

# %%
# The hardest digits
# ------------------
#
# The images with the largest sets at a level of 0.98, and, below them, images with a single digit.
# The digits of the set are above each image, the right one is below it.

sets = net.predict_set(X_new, 0.98)
order = np.argsort(-sets.sum(axis=1), kind="stable")
rows = np.concatenate([order[:6], order[-6:]])
figure, axes = plt.subplots(2, 6, figsize=(10, 4), layout="constrained")
for ax, row in zip(axes.flat, rows, strict=True):
    ax.imshow(X_new[row].reshape(8, 8), cmap="gray_r")
    ax.set(title=" ".join(map(str, net.classes_[sets[row]])), xticks=[], yticks=[])
    ax.set_xlabel(f"it is a {y_new[row]}")
sizes = np.bincount(sets.sum(axis=1))
print("sets of 0, 1, 2, ... digits:", sizes)

plt.show()
