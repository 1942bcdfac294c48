"""Compile the training loop beforehand: ``python -m sknet.compile``.

With numba installed, the first long fit on a machine compiles the training loop, which takes about
half a minute. Run this when an image is built, with the environment variable NUMBA_CACHE_DIR set to
a folder that can be written and that the image keeps.
"""

import sys
import warnings

import numpy as np

from sknet import presets
from sknet._classifier import MLPBackpropClassifier
from sknet._engine import compiled
from sknet._regressor import MLPBackpropRegressor


def compile_all() -> bool:
    """Compile, and keep on disk, what fits with `presets.SKLEARN` need.

    Returns
    -------
    bool
        False if numba is not installed, does not work, or is switched off.
    """
    if compiled.numba_is_disabled() or not compiled.numba_is_installed():
        return False
    if compiled.working_kernels() is None:
        return False
    X = np.random.default_rng(0).normal(size=(300, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in ("float32", "float64"):
            own = presets.SKLEARN | {"dtype": dtype, "max_iter": 1, "batch_size": 100}
            MLPBackpropClassifier(**own).fit(X, X[:, 0] > 0)
            MLPBackpropRegressor(**own).fit(X, X[:, 0])
    return True


def main() -> int:
    """Compile, and say what was done; return the exit code."""
    if not compile_all():
        print(
            "Nothing is compiled: numba is not installed, does not work, or is switched off by"
            " SKNET_DISABLE_NUMBA. Fits run in numpy.",
            file=sys.stderr,
        )
        return 1
    from sknet._engine import kernels

    print(f"The training loop is compiled; it is kept in {kernels.run_epoch.stats.cache_path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
