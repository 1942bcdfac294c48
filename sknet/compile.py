"""Compile the training loop beforehand: ``python -m sknet.compile``.

With numba installed, the first long fit of a kind of network on a machine compiles the training
loop for it, which takes about ten seconds. Run this when an image is built, with the environment
variable NUMBA_CACHE_DIR set to a folder that can be written and that the image keeps. ``--help``
lists the options: kinds are those of `presets.SKLEARN` with other activations, solvers and dtypes.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from itertools import product

import numpy as np

from sknet import presets
from sknet._classifier import MLPBackpropClassifier
from sknet._engine import compiled
from sknet._engine.activations import ACTIVATIONS
from sknet._engine.optimizers import OPTIMIZERS
from sknet._regressor import MLPBackpropRegressor


def compile_all(
    activations: Sequence[str] = ("relu",),
    solvers: Sequence[str] = ("adam",),
    dtypes: Sequence[str] = ("float32",),
) -> bool:
    """Compile, and keep on disk, what fits with `presets.SKLEARN` need.

    Parameters
    ----------
    activations, solvers, dtypes : sequence of str
        Values of the parameters of these names; for each combination two and three classes and
        numbers are trained.

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
    least, compiled.NUMBA_MIN_SECONDS = compiled.NUMBA_MIN_SECONDS, 0.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for activation, solver, dtype in product(activations, solvers, dtypes):
                own = {"activation": activation, "solver": solver, "dtype": dtype}
                own = presets.SKLEARN | {"max_iter": 1, "batch_size": 100} | own
                MLPBackpropClassifier(**own).fit(X, X[:, 0] > 0)
                MLPBackpropClassifier(**own).fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))
                MLPBackpropRegressor(**own).fit(X, X[:, 0])
    finally:
        compiled.NUMBA_MIN_SECONDS = least
    return True


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sknet.compile", description="Compile the training loop beforehand."
    )
    for name, allowed, default in (
        ("activations", list(ACTIVATIONS), "relu"),
        ("solvers", list(OPTIMIZERS), "adam"),
        ("dtypes", ["float32", "float64"], "float32"),
    ):
        parser.add_argument(
            f"--{name}", nargs="+", choices=allowed, default=[default], help=f"default: {default}"
        )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile, and say what was done; return the exit code."""
    if not compile_all(**vars(_asked(arguments))):
        print(
            "Nothing is compiled: numba is not installed, does not work, or is switched off by"
            " SKNET_DISABLE_NUMBA. Fits run in numpy.",
            file=sys.stderr,
        )
        return 1
    from sknet._engine import kernels

    print(f"The training loop is compiled; it is kept in {kernels.CACHE_PATH}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
