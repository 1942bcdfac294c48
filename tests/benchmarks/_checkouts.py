"""Two checkouts of this package side by side, and the processes that run them.

A checkout is a folder that holds ``sknet/``, or a git revision of this repository, which is
unpacked into a temporary folder. Its package is put first on the path of a process of its own; the
scripts are those of the present folder for both.
"""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
#: Variables by which BLAS and OpenMP read their number of threads.
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


class Checkout(NamedTuple):
    """A folder with the package, and the commit that it holds, in words."""

    folder: Path
    commit: str

    def environment(self, n_threads: int | None = None) -> dict[str, str]:
        """The environment of a process that imports this package; None leaves the threads alone."""
        paths = [str(self.folder), os.environ.get("PYTHONPATH", "")]
        threads = {} if n_threads is None else dict.fromkeys(THREADS, str(n_threads))
        return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def command(self, script: str, *arguments: str) -> list[str]:
        """The command that runs `script` with ``--worker``, this folder and `arguments`."""
        return [sys.executable, script, "--worker", str(self.folder), *arguments]


@contextmanager
def checkouts(*names: str) -> Iterator[list[Checkout]]:
    """Give the checkout of each folder or revision; unpacked ones are removed at the end."""
    with TemporaryDirectory(prefix="sknet-") as temporary:
        yield [_checkout(name, Path(temporary, str(k))) for k, name in enumerate(names)]


def _checkout(name: str, empty: Path) -> Checkout:
    folder = Path(name).resolve()
    if (folder / "sknet" / "__init__.py").is_file():
        known = _git("describe", "--always", "--dirty", folder=folder)
        return Checkout(folder, known.stdout.decode().strip() or "no commit")
    found = _git("rev-parse", "--short", "--verify", "--quiet", f"{name}^{{commit}}")
    commit = found.stdout.decode().strip()
    if not commit:
        raise SystemExit(f"{name} is neither a folder that holds sknet/ nor a revision.")
    archive = _git("archive", "--format=tar", commit, "sknet")
    archive.check_returncode()
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(empty, filter="data")
    return Checkout(empty, commit)


def _git(*arguments: str, folder: Path = REPOSITORY) -> subprocess.CompletedProcess:
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True)


def announcement(before: Checkout, after: Checkout) -> str:
    """Two lines that say what is compared."""
    pairs = {"before": before, "after": after}
    return "\n".join(f"{name:8}{c.commit:20}{c.folder}" for name, c in pairs.items())


# ---------------------------------------------------------------- in the process of a checkout


def require_package_in(folder: str) -> None:
    """Raise where ``import sknet`` finds another folder: an installed package, say."""
    import sknet

    found = Path(sknet.__file__).resolve().parents[1]
    if found != Path(folder):
        raise RuntimeError(f"The package was to come from {folder}, but comes from {found}.")


def kinds() -> list[str]:
    """Return the paths that a process can take: "numpy", and "fast" where numba is."""
    return ["numpy"] if find_spec("numba") is None else ["numpy", "fast"]


def load_kernels() -> None:
    """Make short fits take the compiled path too, as in a program that has imported the kernels."""
    import_module("sknet._engine.kernels")
