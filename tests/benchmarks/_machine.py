"""What figures were measured on: the processor, its load, the versions of the packages."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info

try:
    import psutil
except ModuleNotFoundError:  # in the extra "bench"; it only tells the number of physical cores
    psutil = None

PACKAGES = ("sknet-mlp", "numpy", "scipy", "scikit-learn", "numba", "torch")


def processor() -> str:
    """The model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def load() -> str:
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


def environment() -> dict[str, str]:
    pools = (
        f"{pool['internal_api']} {pool['version'] or ''} {pool['num_threads']} threads"
        for pool in threadpool_info()
    )
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "processors": str(os.cpu_count()),
        "physical cores": str(psutil.cpu_count(logical=False) if psutil else "unknown (no psutil)"),
        "load at the start": load(),
        "Python": platform.python_version(),
        **{package: version_of(package) for package in PACKAGES},
        "thread pools": ", ".join(pools),
    }
