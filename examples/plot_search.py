"""
==================================================
What does it save to train all candidates at once?
==================================================

A search for the best learning rate fits the same network again and again. ``sknet.model_selection``
trains the candidates of a split together, as the lanes of one training. Here are the scores and the
seconds beside scikit-learn's search over the same network, and over scikit-learn's own network.
Then come a random search with successive halving, and a search in a pipeline. The digits ship with
scikit-learn.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn import model_selection
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from sknet import MLPBackpropClassifier, presets
from sknet.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_val_score

plt.style.use("tableau-colorblind10")

# %%
# The same search, three times
# ----------------------------
#
# Twelve learning rates and five splits are 60 fits of 20 epochs, too few to converge but enough to
# compare rates. The import is the only difference between the first two searches.
# ``presets.SKLEARN`` gives sknet's network scikit-learn's settings, so that the third one trains a
# network of the same size in the same batches. One BLAS thread each.

X, y = load_digits(return_X_y=True)
X = X / 16
settings = {"hidden_layer_sizes": (32,), "max_iter": 20, "random_state": 0}
network = MLPBackpropClassifier(**{**presets.SKLEARN, **settings})
rates = np.geomspace(1e-4, 1e-1, 12)
grid = {"learning_rate_init": rates.tolist()}
searches = {
    "sknet, lanes": GridSearchCV(network, grid, cv=5),
    "sknet, one by one": model_selection.GridSearchCV(network, grid, cv=5),
    "scikit-learn": model_selection.GridSearchCV(MLPClassifier(**settings), grid, cv=5),
}
seconds = {}
with threadpool_limits(1), warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, search in searches.items():
        start = time.perf_counter()
        search.fit(X, y)
        seconds[name] = time.perf_counter() - start
        rate, score = search.best_params_["learning_rate_init"], search.best_score_
        print(f"{name:18} {seconds[name]:6.2f} s  best rate {rate:.4f}  accuracy {score:.3f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
styles = {
    "sknet, lanes": ("C0", "-"),
    "sknet, one by one": ("C1", "--"),
    "scikit-learn": ("C3", ":"),
}
left.barh(list(seconds), list(seconds.values()), color=[styles[name][0] for name in seconds])
left.invert_yaxis()
left.set(xlabel="seconds of the search")
for name, search in searches.items():
    colour, line = styles[name]
    scores = search.cv_results_["mean_test_score"]
    right.semilogx(rates, scores, line, color=colour, linewidth=2, label=name)
right.set(xlabel="learning_rate_init", ylabel="mean accuracy of 5 splits")
right.legend()

# %%
# The two searches over sknet's network have the same results: lanes round sums in another order,
# and no more.

lanes, one_by_one = list(searches.values())[:2]
difference = lanes.cv_results_["mean_test_score"] - one_by_one.cv_results_["mean_test_score"]
print(f"largest difference of a mean score: {np.abs(difference).max():.1e}")

# %%
# Successive halving over epochs
# ------------------------------
#
# Many candidates are trained for a few epochs, and the better ones again for more. Rates, penalties
# and seeds may differ between lanes; the candidates of a round are one training for each split. The
# schedule ``"one_cycle"`` spreads over the epochs that a round has.

search = HalvingRandomSearchCV(
    MLPBackpropClassifier((32,), learning_rate="one_cycle", random_state=0),
    {"learning_rate_init": loguniform(1e-4, 1e-1), "weight_decay": loguniform(1e-3, 1)},
    n_candidates=27,
    resource="max_iter",
    min_resources=2,
    max_resources=54,
    cv=3,
    random_state=0,
).fit(X, y)
for n_candidates, n_epochs in zip(search.n_candidates_, search.n_resources_, strict=True):
    print(f"{n_candidates:3} candidates, {n_epochs:3} epochs each")
best = ", ".join(f"{name} {value:.2g}" for name, value in search.best_params_.items())
print(f"accuracy {search.best_score_:.3f} at {best}")

# %%
# A pipeline
# ----------
#
# The transformers are fitted once for each split and each setting of their own: here 6 times, for
# 18 fits of the network.

pipeline = Pipeline(
    [("pca", PCA(random_state=0)), ("network", MLPBackpropClassifier(random_state=0))]
)
grid = {"pca__n_components": [10, 30], "network__learning_rate_init": [0.002, 0.006, 0.02]}
search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
best = ", ".join(f"{name} {value:.2g}" for name, value in search.best_params_.items())
print(f"accuracy {search.best_score_:.3f} at {best}")

# %%
# Cross-validation
# ----------------
#
# ``cross_val_score``, ``cross_validate`` and ``cross_val_predict`` are drop-ins too.

scores = cross_val_score(MLPBackpropClassifier(random_state=0), X, y, cv=3)
print(f"defaults of sknet: {scores.mean():.3f}")
plt.show()
