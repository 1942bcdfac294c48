"""
==========================================
Quickstart: the same pipeline, another MLP
==========================================

A classifier and a regressor on two data sets that ship with scikit-learn, each in a pipeline,
scored by cross-validation and tuned by a grid search. Everything is done twice, with ``sknet`` and
with scikit-learn's multilayer perceptron, in the same pipeline with the same parameters: only the
class changes. The table at the end has the scores and the seconds of both.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import time

from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

# %%
# The pipelines
# -------------
#
# scikit-learn's network needs features of unit scale, so the estimator follows a
# :class:`~sklearn.preprocessing.StandardScaler`. In regression the target is standardised as well,
# by :class:`~sklearn.compose.TransformedTargetRegressor`: scikit-learn's network needs that, while
# sknet's scales the target itself. Some rows are held out, so that training stops before the
# network overfits.
#
# All other parameters keep their defaults. Those of sknet follow the number of rows and the task.


def classification(mlp_class):
    mlp = mlp_class(max_iter=500, random_state=0)
    return Pipeline([("scale", StandardScaler()), ("mlp", mlp)])


def regression(mlp_class):
    mlp = mlp_class(early_stopping=True, max_iter=500, random_state=0)
    return TransformedTargetRegressor(
        regressor=Pipeline([("scale", StandardScaler()), ("mlp", mlp)]),
        transformer=StandardScaler(),
    )


# %%
# Scoring and tuning
# ------------------
#
# Cross-validation on all rows scores the parameters above. The grid search sees three quarters of
# the rows, and its best model is scored on the last quarter.


def timed(function, *args):
    start = time.perf_counter()
    return function(*args), time.perf_counter() - start


def compare(task, X, y, make_model, mlp_classes, grid, cv):
    """Two rows of the table: a name, then score and seconds of each class."""
    stratify = y if isinstance(cv, StratifiedKFold) else None
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=stratify)

    def cross_validate(model):
        return cross_val_score(model, X, y, cv=cv).mean()

    def grid_search(model):
        search = GridSearchCV(model, grid, cv=cv).fit(X_train, y_train)
        return search.score(X_test, y_test)

    return [
        (f"{task}, {name}", *(timed(measure, make_model(mlp)) for mlp in mlp_classes))
        for name, measure in (("cross-validation", cross_validate), ("grid search", grid_search))
    ]


# %%
# Handwritten digits: the score is accuracy
# -----------------------------------------

X, y = load_digits(return_X_y=True)
rows = compare(
    "digits",
    X,
    y,
    classification,
    (MLPBackpropClassifier, MLPClassifier),
    grid={
        "mlp__hidden_layer_sizes": [(50,), (100,)],
        "mlp__learning_rate_init": [0.001, 0.003],
    },
    cv=StratifiedKFold(5, shuffle=True, random_state=0),
)

# %%
# Progression of diabetes: the score is R2
# ----------------------------------------

X, y = load_diabetes(return_X_y=True)
rows += compare(
    "diabetes",
    X,
    y,
    regression,
    (MLPBackpropRegressor, MLPRegressor),
    grid={
        "regressor__mlp__activation": ["relu", "tanh"],
        "regressor__mlp__hidden_layer_sizes": [(32,), (100,)],
        "regressor__mlp__learning_rate_init": [0.001, 0.003],
    },
    cv=KFold(5, shuffle=True, random_state=0),
)

# %%
# Side by side
# ------------

print(f"{'':28}{'sknet':^20}{'scikit-learn':^20}")
print(f"{'':28}" + f"{'score':>10}{'seconds':>10}" * 2)
for name, *columns in rows:
    print(f"{name:28}" + "".join(f"{score:10.3f}{seconds:10.2f}" for score, seconds in columns))
