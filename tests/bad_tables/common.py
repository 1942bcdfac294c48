"""Tables that cannot be used; the error must name the column and print none of the data."""

import traceback
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.networks import network_maker
from tests.plain import MLPBackpropRegressor

#: These warnings are not what the tests check.
ignore_warnings = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:X does not have valid feature names",
    "ignore:pandas.DataFrame with sparse columns",
)

N = 60
NUM = np.random.default_rng(0).normal(size=N)
Y = np.arange(N) % 3
#: Values that no message may print: a text and a number.
SECRET, NUMBER = "hunter2", 73125.0
DAYS = [date(2020, 1, 1) + timedelta(days=17 * k) for k in range(N)]
STAMPS = [datetime(day.year, day.month, day.day, 13, 5) for day in DAYS]
WORDS = "the a small large red house cat sat ran on under over hill tree river and far away".split()
TEXTS = [f"{' '.join(WORDS[k % n] for n in range(7, 18))} {SECRET} {k}" for k in range(N)]


def objects(*values):
    """A column of dtype object that repeats these values."""
    return pd.Series((list(values) * N)[:N], dtype=object)


def frame(column, name="c"):
    return pd.DataFrame({"num": NUM, name: column})


def polars_column(values, dtype):
    polars = pytest.importorskip("polars")
    values = (list(values) * N)[:N]
    return polars.DataFrame({"num": NUM, "c": polars.Series(values, dtype=dtype(polars))})


network = network_maker(MLPBackpropRegressor, (3,), max_iter=1)


def refused(call, *mentions, error=ValueError):
    """Return the message of the error, which must hold `mentions` and none of the data."""
    with pytest.raises(error) as raised:
        call()
    shown = "".join(traceback.format_exception_only(raised.value))
    reason = raised.value
    while reason is not None:  # the chain that a traceback prints
        shown += str(reason)
        reason = reason.__cause__ or (None if reason.__suppress_context__ else reason.__context__)
    for mention in mentions:
        assert mention in str(raised.value)
    assert SECRET not in shown
    assert str(NUMBER) not in shown
    assert "73125" not in shown
    return str(raised.value)


def fit(rows, **params):
    return lambda: network(**params).fit(rows, Y)
