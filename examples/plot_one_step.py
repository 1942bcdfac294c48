"""
=================================================
What does one step of gradient descent calculate?
=================================================

The equations of a multilayer perceptron fit on a page. Here they are a dozen lines of numpy, in
both forms in which textbooks write them: with one sample a row, and with one sample a column.
Beside them sknet's engine takes the same step from the same weights. All three agree to the last
digits.

:doc:`/notation` names the line of the engine that stands for each equation. The data ship with
scikit-learn.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# The network before the step
# ---------------------------
#
# 30 measures of each tumour, one hidden layer of 8 units and one output, the probability of a
# malignant one. ``partial_fit`` trains for one epoch. With a batch of all rows, ``solver="sgd"``
# and no momentum that is one step of plain gradient descent. With a learning rate of almost 0 the
# first call leaves the weights as they were drawn; so we know where the step starts.

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
y = (y == 0).astype(float)[:, None]  # 1 is malignant
n = len(X)
RATE = 0.5

plain = {
    "hidden_layer_sizes": (8,),
    "activation": "logistic",
    "solver": "sgd",
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "alpha": 0.0,
    "batch_size": n,
    "shuffle": False,
    "feature_scaling": None,  # X is scaled already
    "random_state": 0,
}


def engine(loss):
    """Return a network of sknet that has its first weights, and has not learned."""
    model = MLPBackpropClassifier(**plain, loss=loss, learning_rate_init=1e-300)
    return model.partial_fit(X, y[:, 0], classes=[0.0, 1.0]).set_params(learning_rate_init=RATE)


def weights(model):
    """Return copies of W and b of both layers, as the row form has them."""
    return [*(W.copy() for W in model.coefs_), *(b.copy()[None] for b in model.intercepts_)]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# %%
# One sample a column: the cross-entropy
# --------------------------------------
#
# Forward: :math:`Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}`, :math:`A^{[l]} = g(Z^{[l]})`. Backward:
# :math:`\delta^{[2]} = A^{[2]} - y`, :math:`\delta^{[1]} = (W^{[2]})^T \delta^{[2]} \cdot
# g'(Z^{[1]})`, and the gradients :math:`\frac1m \delta^{[l]} (A^{[l-1]})^T` and :math:`\frac1m \sum
# \delta^{[l]}`. Here :math:`g` is the sigmoid, so :math:`g' = A (1 - A)`. The function takes and
# returns the weights as the row form has them, which is the transpose.


def column_step(W1, W2, b1, b2, rate):
    """Return the weights after a step on the cross-entropy, and the loss before it."""
    W1, W2, b1, b2, A0, Y = W1.T, W2.T, b1.T, b2.T, X.T, y.T
    A1 = sigmoid(W1 @ A0 + b1)
    A2 = sigmoid(W2 @ A1 + b2)
    loss = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))

    delta2 = A2 - Y
    delta1 = (W2.T @ delta2) * A1 * (1 - A1)
    m = A0.shape[1]
    W1, b1 = W1 - rate * delta1 @ A0.T / m, b1 - rate * delta1.sum(axis=1, keepdims=True) / m
    W2, b2 = W2 - rate * delta2 @ A1.T / m, b2 - rate * delta2.sum(axis=1, keepdims=True) / m
    return [W1.T, W2.T, b1.T, b2.T], loss


# %%
# One sample a row: the squared error
# -----------------------------------
#
# Forward: :math:`Z^{(l)} = A^{(l-1)} W^{(l)} + b^{(l)}`, :math:`A^{(l)} = \sigma(Z^{(l)})`.
# Backward: :math:`\delta^{(2)} = (A^{(2)} - y) \odot \sigma'(Z^{(2)})`, :math:`\delta^{(1)} =
# (\delta^{(2)} (W^{(2)})^T) \odot \sigma'(Z^{(1)})`, and the gradient :math:`(A^{(l-1)})^T
# \delta^{(l)}`, a sum over the rows. The engine takes the mean over the rows, so its learning rate
# is n times that of these equations.


def row_step(W1, W2, b1, b2, rate):
    """Return the weights after a step on half the squared error, and its mean before the step."""
    A1 = sigmoid(X @ W1 + b1)
    A2 = sigmoid(A1 @ W2 + b2)
    loss = np.mean((A2 - y) ** 2) / 2

    delta2 = (A2 - y) * A2 * (1 - A2)
    delta1 = (delta2 @ W2.T) * A1 * (1 - A1)
    W1, b1 = W1 - rate * X.T @ delta1, b1 - rate * delta1.sum(axis=0, keepdims=True)
    W2, b2 = W2 - rate * A1.T @ delta2, b2 - rate * delta2.sum(axis=0, keepdims=True)
    return [W1, W2, b1, b2], loss


# %%
# One step beside the engine
# --------------------------

forms = {
    "column form, cross-entropy": (column_step, "log_loss", RATE),
    "row form, squared error": (row_step, "squared_error", RATE / n),
}
names = ["W of layer 1", "W of layer 2", "b of layer 1", "b of layer 2"]
for form, (step, loss, rate) in forms.items():
    model = engine(loss)
    before = weights(model)
    by_hand, _ = step(*before, rate)
    after = weights(model.partial_fit(X, y[:, 0]))
    print(form)
    for name, start, hand, own in zip(names, before, by_hand, after, strict=True):
        moved, apart = np.abs(hand - start).max(), np.abs(hand - own).max()
        print(f"  {name}: moves by up to {moved:.1e}; hand and engine differ by {apart:.0e}")

# %%
# Many steps
# ----------
#
# The same functions in a loop. Rounding errors could add up; they do not. The circles are the
# losses that the engine reports, the lines those by hand. A float64 number near 1 has a resolution
# of about 2e-16.

N_STEPS = 200
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for colour, (form, (step, loss, rate)) in zip(("C0", "C1"), forms.items(), strict=True):
    model, losses, apart = engine(loss), [], []
    own = weights(model)
    for _ in range(N_STEPS):
        own, value = step(*own, rate)
        model.partial_fit(X, y[:, 0])
        losses.append(value)
        pairs = zip(own, weights(model), strict=True)
        apart.append(max(np.abs(hand - engines).max() for hand, engines in pairs))
    steps = np.arange(1, N_STEPS + 1)
    left.plot(steps, losses, color=colour, label=f"{form}: by hand")
    left.plot(
        steps[::10], model.loss_curve_[1::10], "o", color=colour, fillstyle="none", label="engine"
    )
    right.semilogy(steps, apart, color=colour, label=form)
    print(
        f"{form}: loss {losses[-1]:.6f} by hand, {model.loss_curve_[-1]:.6f} in the engine"
        f" before step {N_STEPS}; accuracy {model.score(X, y[:, 0]):.3f}"
    )
left.set(xlabel="step", ylabel="loss before the step", ylim=(0, None))
left.legend()
right.set(xlabel="step", ylabel="largest difference of a weight", ylim=(1e-18, 1e-12))
right.legend()

plt.show()
