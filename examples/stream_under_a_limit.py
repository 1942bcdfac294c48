"""
=======================================
A fit under a limit that the data break
=======================================

Fit a network to a parquet file of 2.4 million rows while the process may use 400 MB more than it
did at the start: the file alone is larger. ``fit_batches`` reads the file again in each epoch and
holds a shuffling buffer, the validation rows and a few batches.

"""

# Authors: The sknet developers
# SPDX-License-Identifier: BSD-3-Clause

import os
import resource
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each thread would reserve memory

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter
from sklearn.exceptions import ConvergenceWarning

from sknet import MLPBackpropRegressor
from sknet.streaming import parquet_batches

pa.set_memory_pool(pa.system_memory_pool())  # the others reserve more than they use
warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs show the point
N_ROWS, N_NUMBERS, GROUP_ROWS = 2_400_000, 20, 240_000
N_EPOCHS = int(sys.argv[1]) if sys.argv[1:] else 3
MB = 1_000_000

# %%
# Write the file
# --------------
#
# Twenty columns of numbers and one category, in row groups of 240,000 rows. Only a few numbers and
# the category matter.

REGIONS = np.array(["north", "south", "east", "west"])


def rows_of(n_rows, seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, N_NUMBERS))).rename(columns="x{}".format)
    region = rng.integers(0, len(REGIONS), n_rows)
    y = np.sin(2 * X["x0"]) + X["x1"] * X["x2"] + region + rng.normal(0, 0.3, n_rows)
    return X.assign(region=pd.Categorical.from_codes(region, REGIONS), y=y)


folder = TemporaryDirectory()
path = Path(folder.name) / "rows.parquet"
writer = None
for seed in range(N_ROWS // GROUP_ROWS):
    table = pa.Table.from_pandas(rows_of(GROUP_ROWS, seed), preserve_index=False)
    writer = writer or ParquetWriter(path, table.schema)
    writer.write_table(table)
writer.close()
del table, writer
print(f"{N_ROWS:,} rows, {path.stat().st_size / MB:.0f} MB on disk")

# %%
# Limit the memory
# ----------------
#
# ``RLIMIT_DATA`` limits what a process may allocate. Here it is what the process has now, and 400
# MB more. An array of all columns no longer fits.


def allocated():
    """The bytes that this process has allocated, in use or not."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmData:")[2].split()[0])


limit = allocated() + 400 * MB
resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
try:
    np.empty((N_ROWS, N_NUMBERS + 2))
except MemoryError:
    print("MemoryError: no room for an array of all rows")

# %%
# Fit by batches
# --------------
#
# ``parquet_batches`` returns a factory: each call opens the file anew. Five passes find out how the
# columns are encoded, exactly as for a table in memory. Then each epoch is a pass.

started = time.perf_counter()
model = MLPBackpropRegressor((32,), max_iter=N_EPOCHS, random_state=0, verbose=1)
model.fit_batches(parquet_batches(path, y="y"), buffer_rows=100_000)
seconds = time.perf_counter() - started
print(f"{seconds:.0f} s for {model.n_iter_} epochs of {model.t_ / model.n_iter_:,.0f} rows")

# %%
# The result is a fitted estimator like any other.

test = rows_of(20_000, seed=12345)
print(f"R2 on new rows: {model.score(test.drop(columns='y'), test['y']):.3f}")
print(model.input_encoding_[["column", "kind", "encoding"]].tail(3).to_string(index=False))

folder.cleanup()
