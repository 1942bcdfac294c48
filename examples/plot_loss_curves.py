"""
====================================================
Has the network learned enough, too much or nothing?
====================================================

The loss of each epoch tells. It is recorded in each fit, on the rows of the training and, if rows
are held out, on those. :class:`~sknet.plotting.LossCurveDisplay` draws both. Here are the four
curves that you meet most, on the handwritten digits that ship with scikit-learn: learning too
slowly, too fast, by heart, and well.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropClassifier
from sknet.plotting import LossCurveDisplay

plt.style.use("tableau-colorblind10")

# %%
# The data
# --------
#
# 400 digits are for training, 400 to validate after each epoch, and the other ones to test. To
# validate on rows of your own, pass them to ``fit`` as ``X_val`` and ``y_val``.

X, y = load_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(
    X, y, train_size=400, stratify=y, random_state=0
)
X_val, X_test, y_val, y_test = train_test_split(
    X_rest, y_rest, train_size=400, stratify=y_rest, random_state=0
)
print(f"{len(y_train)} digits to train with, {len(y_val)} to validate, {len(y_test)} to test")

# %%
# Four fits
# ---------
#
# A schedule with a horizon, here ``"one_cycle"``, runs for exactly ``max_iter`` epochs, so that all
# curves have the same length. The first three networks are bare: no dropout, no smoothed labels, no
# averaged weights, and hardly any weight decay. The last one keeps what the defaults choose.

N_EPOCHS = 60
common = {"learning_rate": "one_cycle", "max_iter": N_EPOCHS, "random_state": 0}
bare = {"dropout": 0.0, "label_smoothing": 0.0, "averaging": None, "weight_decay": 0.01}
fits = {
    "rate too low": {"learning_rate_init": 5e-5, **bare},
    "rate too high": {"learning_rate_init": 0.3, **bare},
    "nothing against overfitting": {"learning_rate_init": 0.003, **bare},
    "the defaults": {},
}
models = {name: MLPBackpropClassifier(**common, **options) for name, options in fits.items()}
for name, model in models.items():
    model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    print(
        f"{name:28} training loss {model.loss_curve_[-1]:7.4f}"
        f"   validation loss {model.validation_loss_curve_[-1]:.3f}, at best"
        f" {min(model.validation_loss_curve_):.3f} in epoch {model.best_iter_}"
        f"   test accuracy {model.score(X_test, y_test):.3f}"
    )

# %%
# The curves
# ----------

figure, axes = plt.subplots(2, 2, figsize=(10, 7), sharex=True, sharey=True, layout="constrained")
for ax, (name, model) in zip(axes.flat, models.items(), strict=True):
    LossCurveDisplay.from_estimator(model, ax=ax)
    accuracy = model.score(X_test, y_test)
    ax.set(title=f"{name}\naccuracy on new digits {accuracy:.3f}", yscale="log", ylim=(1e-4, 200))
    ax.set(xlabel="epoch", ylabel="cross-entropy (nats)")
    ax.label_outer()
    ax.legend(loc="upper right")

# %%
# * **Rate too low**: both curves have come down together, but not far when the epochs are used up.
#   A higher ``learning_rate_init`` or more epochs help.
# * **Rate too high**: the curves jump, and stay high. The epoch that is kept is an early one,
#   before the rate has risen.
# * **Nothing against overfitting**: the training loss falls to nearly 0 while the validation loss
#   stays, or rises again. The epoch with the best validation loss is kept, so little is lost. More
#   rows, dropout or weight decay would help more than more epochs.
# * **The defaults**: the training loss stays higher, since it is measured with units left out and
#   on smoothed labels, and the validation loss is the lowest of the four. A training loss above the
#   validation loss is no fault here.
#
# Stop in time
# ------------
#
# Without a schedule that has a horizon, early stopping ends the training when the validation rows
# no longer gain, and ``n_iter_no_change`` says for how many epochs it waits. By default some rows
# of the training are held out for this.

model = MLPBackpropClassifier(random_state=0).fit(X_train, y_train)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
LossCurveDisplay.from_estimator(model, ax=ax)
ax.set(xlabel="epoch", ylabel="cross-entropy (nats)")
print(
    f"stopped after {model.n_iter_} epochs, kept epoch {model.best_iter_};"
    f" accuracy on new digits {model.score(X_test, y_test):.3f}"
)

plt.show()
