"""
=============================================
How much should a small table be regularised?
=============================================

A hundred tumours, two measures of each: is it malignant? With so few rows a network can learn every
single one by heart, and what it has learned is then of little use for the next patient. The picture
of its decision boundary shows when that happens, and a curve over ``weight_decay`` shows how much
regularisation is right. The data ship with scikit-learn.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# The data
# --------
#
# Texture and smoothness alone do not tell all tumours apart: the classes overlap. 100 tumours are
# for training, the others say what the prediction is worth.

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X[["mean texture", "mean smoothness"]] * [1, 100]  # smoothness in per cent of the radius
malignant = (y == 0).to_numpy()
X_train, X_test, y_train, y_test = train_test_split(
    X, malignant, train_size=100, stratify=malignant, random_state=0
)
print(f"{len(y_train)} tumours to train with, {len(y_test)} to test")

# %%
# Three networks of the same size
# -------------------------------
#
# The first network has no regularisation at all: every part that the defaults would choose is
# switched off, and training goes on until the loss no longer falls. The second one has a strong
# weight decay. The third one has the defaults of sknet, which suit the number of rows: weight
# decay, dropout, smoothed labels, and rows that are held out to stop in time.

bare = {
    "early_stopping": False,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "averaging": None,
    "max_iter": 1000,
    "random_state": 0,
}
models = {
    "no regularisation": MLPBackpropClassifier(weight_decay=0.0, **bare),
    "weight_decay=3": MLPBackpropClassifier(weight_decay=3.0, **bare),
    "the defaults": MLPBackpropClassifier(random_state=0),
}


def losses(model):
    """Return the cross-entropy on the rows of the training, and on new ones."""
    return tuple(
        log_loss(y, model.predict_proba(X)[:, 1]) for X, y in ((X_train, y_train), (X_test, y_test))
    )


figure, axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    model.fit(X_train, y_train)
    on_train, on_test = losses(model)
    print(f"{name}: loss {on_train:.2f} on the training rows, {on_test:.2f} on new ones")
    display = DecisionBoundaryDisplay.from_estimator(
        model,
        X_train,
        response_method="predict_proba",
        class_of_interest=True,
        plot_method="contourf",
        levels=np.linspace(0, 1, 11),
        cmap="PuOr",
        alpha=0.7,
        ax=ax,
    )
    for label, marker, colour in (("malignant", "^", "C0"), ("benign", "o", "C1")):
        rows = X_train[y_train == (label == "malignant")].to_numpy()
        ax.scatter(*rows.T, marker=marker, c=colour, edgecolor="black", s=30, label=label)
    ax.set(
        title=f"{name}\nloss on new rows {on_test:.2f}",
        xlabel="mean texture (grey levels)",
        ylabel="",
    )
axes[0].set(ylabel="mean smoothness (%)")
axes[0].legend(loc="upper right")
figure.colorbar(display.surface_, ax=axes, label="probability of malignant")

# %%
# The boundary of the first network bends around single tumours, and its probabilities are close to
# 0 and 1 where there is not one tumour to support them. That is why its loss is low on the rows of
# the training and high on new ones.
#
# How much is right?
# ------------------
#
# The same network again, with everything off but ``weight_decay``, from hardly any to far too much.
# Each value is fitted to five other samples of 100 tumours. A logistic regression is the simplest
# competitor: its boundary is a straight line.

decays = np.geomspace(0.01, 30, 8)
samples = [
    train_test_split(X, malignant, train_size=100, stratify=malignant, random_state=seed)
    for seed in range(1, 6)
]


def mean_losses(model):
    """Return both losses of a model, averaged over the samples."""
    both = []
    for X_train, X_test, y_train, y_test in samples:
        model.fit(X_train, y_train)
        pairs = ((X_train, y_train), (X_test, y_test))
        both.append([log_loss(y, model.predict_proba(X)[:, 1]) for X, y in pairs])
    return np.mean(both, axis=0)


curve = np.array([mean_losses(MLPBackpropClassifier(weight_decay=d, **bare)) for d in decays])
line = mean_losses(make_pipeline(StandardScaler(), LogisticRegression()))
default = mean_losses(MLPBackpropClassifier(random_state=0))
for decay, (on_train, on_test) in zip(decays, curve, strict=True):
    print(f"weight_decay={decay:<8.2g} training {on_train:.3f}   new rows {on_test:.3f}")
print(f"{'the defaults':21} training {default[0]:.3f}   new rows {default[1]:.3f}")
print(f"{'logistic regression':21} training {line[0]:.3f}   new rows {line[1]:.3f}")

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.semilogx(decays, curve[:, 0], "o--", label="rows of the training")
ax.semilogx(decays, curve[:, 1], "o-", label="new rows")
ax.axhline(default[1], color="C3", label="the defaults, new rows")
ax.axhline(line[1], color="C3", linestyle=":", label="logistic regression, new rows")
ax.set(xlabel="weight_decay", ylabel="cross-entropy (nats)")
ax.legend()

# %%
# The loss on the rows of the training only rises with the penalty; the loss on new rows falls
# first. Where it is lowest is the amount of regularisation that suits these rows.
# :class:`sknet.model_selection.GridSearchCV` finds it without test rows.

plt.show()
