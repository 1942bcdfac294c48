"""Networks that train for ten epochs, two targets for them, a clock and a callback."""

import importlib.util
from itertools import count

import numpy as np
import pytest

from tests import networks
from tests.datasets import X_IRIS
from tests.datasets import Y_IRIS as CLASSES
from tests.networks import network_maker, soft_prediction

needs_callbacks = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None, reason="scikit-learn 1.9 has callbacks"
)

NOISE = np.random.default_rng(0).normal(size=150)
NUMBERS = 3 * X_IRIS[:, 0] * X_IRIS[:, 1] + NOISE + 20
TRAIN, TEST = slice(0, None, 2), slice(1, None, 2)
X, X_TEST = X_IRIS[TRAIN], X_IRIS[TEST]
TARGETS = {"classes": CLASSES, "number": NUMBERS}
each_task = pytest.mark.parametrize("task", TARGETS)

#: Trains for ten epochs of four batches; the loss does not stop it.
network = network_maker(
    "number", (6,), rate=0.03, max_iter=10, batch_size=20, n_iter_no_change=np.inf, tol=0.0,
    dtype="float64",
)  # fmt: skip


def target(task, rows=TRAIN):
    return TARGETS[task][rows]


def assert_same_training(ours, oracle, curve=True):
    """Parameters and predictions are equal and, if `curve`, the losses of all epochs."""
    networks.assert_same_model(ours, oracle, X)
    if curve:
        assert ours.loss_curve_ == oracle.loss_curve_
        assert ours.n_iter_ == oracle.n_iter_


class Callback:
    """Records its calls; `act` is called at the end of an epoch and may stop training."""

    def __init__(self, act=lambda epoch: False, at_begin=lambda epoch: None):
        self.act, self.at_begin, self.heard, self.predictions = act, at_begin, [], []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(("begin", context.task_name, context.task_id))
        if context.task_name == "epoch":
            self.at_begin(context.task_id + 1)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.heard.append(("end", context.task_name, context.task_id))
        if context.task_name != "epoch":
            return False
        assert fitted_estimator.n_iter_ == context.task_id + 1
        self.predictions.append(soft_prediction(fitted_estimator, X))
        return self.act(context.task_id + 1)


class Clock:
    """A clock that advances one second per call; Ctrl-C at the call of `interrupted_epoch`."""

    def __init__(self, interrupted_epoch=None):
        self.looks, self.interrupted_epoch = count(), interrupted_epoch

    def __call__(self):
        look = next(self.looks)  # the first call is at the start of training, then one per epoch
        if look and look == self.interrupted_epoch:
            raise KeyboardInterrupt
        return 100.0 + look
