"""The section on cold starts: what compiling costs, and fits with an empty cache of numba."""

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from _measure import Effort, Table

#: Prints the CPU seconds of a fit with an empty cache, and of the same fit after it.
COMPILING = """
import sys, time, warnings
import numpy as np, pandas as pd
from sknet import MLPBackpropClassifier, MLPBackpropRegressor, presets
from sknet._engine import compiled, kernels
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.standard_normal((2000, 8))).add_prefix("c")
X["level"] = pd.Categorical(rng.integers(0, 40, 2000).astype(str))
kinds = {"classes": MLPBackpropClassifier, "numbers": MLPBackpropRegressor}
kind, y = kinds[sys.argv[1]], X["c0"] > 0
more = eval(sys.argv[2])
X = X if more.get("max_onehot") else X.drop(columns="level")
own = presets.SKLEARN | {"hidden_layer_sizes": (32, 16), "max_iter": 1, "batch_size": 64} | more
seconds = []
for _ in range(2):
    start = time.process_time()
    kind(**own, random_state=0).fit(X, y)
    seconds.append(time.process_time() - start)
assert kernels.run_epoch.signatures
print(*seconds)
"""
KINDS = [
    ("classes", {"activation": "relu"}),
    ("classes", {"activation": "tanh"}),
    ("numbers", {"activation": "gelu"}),
    ("classes", {"activation": "relu", "dropout": 0.2}),
    ("numbers", {"activation": "relu", "max_onehot": 10}),
]
#: Prints the CPU seconds of a fit of so many epochs, with the import of sknet.
LONG = """
import sys, time, warnings
import numpy as np
from sknet import MLPBackpropClassifier, presets
warnings.simplefilter("ignore")
X = np.random.default_rng(0).standard_normal((20_000, 8))
own = presets.SKLEARN | {"hidden_layer_sizes": (32, 16), "batch_size": 64, "tol": 0.0}
model = MLPBackpropClassifier(
    **own | {"max_iter": int(sys.argv[1]), "n_iter_no_change": 10**6}, random_state=0
)
start = time.process_time()
model.fit(X, X[:, 0] > 0)
print(time.process_time() - start)
"""


def seconds_with_empty_cache(code: str, *arguments: str, numba: bool = True) -> list[float]:
    """What `code` prints, run in a process of its own whose cache of numba is empty."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={
                **os.environ, "NUMBA_CACHE_DIR": folder, "SKNET_DISABLE_NUMBA": str(int(not numba)),
                "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    return [float(word) for word in done.stdout.split()]


def cold(effort: Effort) -> list[Table]:
    """CPU seconds of compiling a kind of network, and of fits with an empty cache over numpy's."""
    compiling = Table(
        "Compiling one kind of network, empty cache", ["", "CPU s", "next fit, CPU s"]
    )
    long = Table("Fits with an empty cache", ["numpy, CPU s", "with numba, CPU s", "over numpy's"])
    if find_spec("numba") is None:
        return []
    for kind, parameters in KINDS:
        name = ", ".join([kind, *(f"{key}={value}" for key, value in parameters.items())])
        first, second = seconds_with_empty_cache(COMPILING, kind, repr(parameters))
        compiling.rows.append([name, first - second, second])
    (of_20,) = seconds_with_empty_cache(LONG, "20", numba=False)
    for seconds in (2, 10) if effort.quick else (2, 10, 60):
        epochs = str(max(1, round(20 * seconds / of_20)))
        (numpys,) = seconds_with_empty_cache(LONG, epochs, numba=False)
        (ours,) = seconds_with_empty_cache(LONG, epochs)
        long.rows.append([f"{numpys:.1f}", ours, ours / numpys])
    return [compiling, long]
