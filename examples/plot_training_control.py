"""
====================
Controlling training
====================

Plot learning curves on your own validation rows, choose a schedule of the learning rate, regularise
with dropout, stop by a callback, predict quantiles and amounts, and weight classes. The digits and
the tumours ship with scikit-learn; the other data are simulated.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, make_friedman1
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier, MLPBackpropRegressor

# %%
# Learning curves, with and without dropout
# -----------------------------------------
#
# ``X_val`` and ``y_val`` are scored after each epoch. Without early stopping they do not end
# training: the curves are recorded, and the parameters of the best epoch are kept. Here the score
# is ``scoring="neg_log_loss"``; ``None`` would be the accuracy, ``"loss"`` minus the validation
# loss.
#
# On a few hundred digits the network overfits quickly; with dropout and label smoothing the
# training loss falls less. It is then the loss with units left out, on smoothed labels. The
# validation loss is that of the whole network on the labels as they are, so it can be lower.

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_val, y_train, y_val = train_test_split(X, y, train_size=400, random_state=0, stratify=y)
variants = {
    "plain": {},
    "dropout": {"dropout": 0.5, "dropout_input": 0.2},
    "dropout, smoothed labels": {"dropout": 0.5, "dropout_input": 0.2, "label_smoothing": 0.05},
}
figure, axes = plt.subplots(1, 3, figsize=(11, 3.5), sharey=True, layout="constrained")
for ax, (name, options) in zip(axes, variants.items(), strict=True):
    net = MLPBackpropClassifier(
        (128, 128),
        learning_rate_init=0.003,
        batch_size=50,
        max_iter=60,
        n_iter_no_change=np.inf,
        scoring="neg_log_loss",
        random_state=0,
        **options,
    )
    with warnings.catch_warnings():  # all curves have 60 epochs
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    epochs = np.arange(1, net.n_iter_ + 1)
    ax.plot(epochs, net.loss_curve_, label="training loss")
    ax.plot(epochs, net.validation_loss_curve_, label="validation loss")
    ax.axvline(net.best_iter_, color="grey", linestyle=":", label="epoch that is kept")
    ax.set(title=f"{name}\naccuracy {net.score(X_val, y_val):.3f}", xlabel="epoch", yscale="log")
axes[0].legend()

# %%
# A learning rate with a horizon
# ------------------------------
#
# ``"one_cycle"`` rises to ``learning_rate_init`` and falls again over exactly ``max_iter`` epochs.
# It runs to the end, without a warning. The steps of its last epochs are small, which averages out
# the noise of the batches. ``warmup`` raises the rate of any schedule linearly over the first
# epochs. A function of the progress is a schedule, too.


def decaying(progress):
    return 0.02 * 0.9**progress.epochs


X, y = make_friedman1(2000, noise=1.0, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
schedules = {
    "constant": {},
    "one_cycle": {"learning_rate": "one_cycle"},
    "cosine, warm-up": {"learning_rate": "cosine", "warmup": 0.1},
    "coslog4": {"learning_rate": "coslog4"},
    "a function": {"learning_rate": decaying},
}
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, options in schedules.items():
    if name != "a function":  # which returns the rate itself
        options["learning_rate_init"] = 0.02
    net = MLPBackpropRegressor(
        (64, 64), max_iter=40, tol=0.0, clip_norm=1.0, random_state=0, **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    line = f"{name}: R2 {net.validation_scores_[-1]:.3f} at the end"
    ax.plot(np.arange(1, net.n_iter_ + 1), net.validation_loss_curve_, label=line)
ax.set(xlabel="epoch", ylabel="validation loss (of the scaled target)", yscale="log")
ax.legend()

# %%
# A callback that stops
# ---------------------
#
# With scikit-learn 1.9 or newer, a callback is called after each epoch and ends training if it
# returns True. This one stops at a given score on its own rows. It takes ``fitted_estimator``,
# which is only made for callbacks that do. ``max_time`` is the limit if the score is never reached,
# and ``verbose=5`` prints every fifth epoch.


class GoodEnough:
    def __init__(self, X, y, score):
        self.X, self.y, self.score, self.scores = X, y, score, []

    def setup(self, estimator, context):
        self.scores = []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.scores.append(fitted_estimator.score(self.X, self.y))
        return self.scores[-1] >= self.score


net = MLPBackpropRegressor(
    (64, 64), learning_rate_init=0.01, max_time=20, verbose=5, random_state=0
)
callback = GoodEnough(X_val, y_val, score=0.85)
try:
    net.set_callbacks(callback)
except ImportError as error:  # before scikit-learn 1.9
    print(error)
net.fit(X_train, y_train)
print(f"{net.n_iter_} epochs, R2 {net.score(X_val, y_val):.3f}")

# %%
# Quantiles as a band
# -------------------
#
# One network predicts all levels of ``quantile``, and they never cross. The noise grows with x, and
# so does the band. ``loss="absolute_error"`` also predicts the median; ``loss="huber"`` predicts a
# value between median and mean. The few outliers change neither much. ``huber_delta`` is in
# standard deviations of y, or in the units of y with ``target_scaling=False``, as here. The score
# of quantiles is the D2 of the pinball loss, averaged over the levels.

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 3, 1500))
y = np.sin(2 * x) + (0.1 + 0.2 * x) * rng.standard_normal(1500)
y[::100] += 4
common = {
    "hidden_layer_sizes": (32, 32),
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.01,
    "max_iter": 50,
    "random_state": 0,
}
band = MLPBackpropRegressor(loss="quantile", quantile=(0.1, 0.5, 0.9), **common)
low, middle, high = band.fit(x[:, None], y).predict(x[:, None]).T
print(f"{band.n_parameters_} parameters, D2 {band.score(x[:, None], y):.3f}")
print(f"share of the rows inside the band: {np.mean((low <= y) & (y <= high)):.3f}")

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(x, y, ".", color="lightgrey", markersize=3)
ax.fill_between(x, low, high, alpha=0.3, label="0.1 to 0.9")
ax.plot(x, middle, label="0.5")
robust = (
    {"loss": "absolute_error"},
    {"loss": "huber", "huber_delta": 0.3, "target_scaling": False},
)
for options in robust:
    curve = MLPBackpropRegressor(**options, **common).fit(x[:, None], y).predict(x[:, None])
    ax.plot(x, curve, "--", linewidth=1, label=options["loss"])
ax.set(xlabel="x", ylabel="y", ylim=(-2.5, 4))
ax.legend()

# %%
# Amounts
# -------
#
# ``"tweedie"`` and ``"gamma"`` have a log link, so predictions are always above 0. A variance that
# grows with the power 1.5 of the mean suits sums of a few positive amounts, many of which are 0.
# ``"gamma"`` is for amounts above 0.

mean = np.exp(np.sin(2 * x))
n_claims = rng.poisson(mean)
amounts = rng.gamma(np.where(n_claims > 0, n_claims, 1.0)) * (n_claims > 0)
tweedie = MLPBackpropRegressor(loss="tweedie", tweedie_power=1.5, **common)
gamma = MLPBackpropRegressor(loss="gamma", **common)
some = amounts > 0
prediction = tweedie.fit(x[:, None], amounts).predict(x[:, None])
given_some = gamma.fit(x[some, None], amounts[some]).predict(x[:, None])

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(x, amounts, ".", color="lightgrey", markersize=3)
ax.plot(x, mean, color="black", linewidth=1, label="the true mean")
ax.plot(x, prediction, label="tweedie: all rows")
ax.plot(x, given_some, label="gamma: rows above 0")
ax.set(xlabel="x", ylabel="amount", ylim=(0, 9))
ax.legend()

# %%
# Class weights, and hidden features
# ----------------------------------
#
# ``class_weight="balanced"`` gives both classes the same total weight, in ``X_val`` as well.
# ``early_stopping="auto"`` is on if ``X_val`` is given, or above 10,000 rows.
# ``transform`` returns the activations of the last hidden layer, as features for another estimator.

X, y = load_breast_cancer(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train, X_val, X_test = map(scaler.transform, (X_train, X_val, X_test))
net = MLPBackpropClassifier(
    (16,), class_weight="balanced", early_stopping="auto", learning_rate_init=0.01, random_state=0
)
features = net.fit_transform(X_train, y_train, X_val=X_val, y_val=y_val)
print(
    f"epoch {net.best_iter_} of {net.n_iter_}: balanced accuracy {net.best_validation_score_:.3f}"
)
forest = RandomForestClassifier(random_state=0).fit(features, y_train)
print(f"hidden features: {', '.join(net.get_feature_names_out()[:2])}, ...")
print(f"accuracy of a forest on them: {forest.score(net.transform(X_test), y_test):.3f}")

plt.show()
