"""Tables that several topics take, and what they must predict."""

import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal

from tests.faults.common import X

FRAME = pd.DataFrame(X, columns=list("abcd"))
DATES = pd.date_range("2020", periods=150)
ADVICE = pd.Series([f"row {k} says what nobody else says" for k in range(150)])
HOLDS_DATES = "Column 'c' of X holds dates or times"
#: Columns of numbers are not scaled.
AS_IT_IS = {"feature_scaling": None}


def assert_predicts(estimator, rows, expected, rows_by_hand, **tolerance):
    """`estimator` predicts for `rows` what `expected` predicts for `rows_by_hand`."""
    for name in ("predict", "predict_proba", "transform"):
        if hasattr(estimator, name):
            ours, theirs = getattr(estimator, name)(rows), getattr(expected, name)(rows_by_hand)
            if ours.dtype.kind == "f" and tolerance:
                assert_allclose(ours, theirs, **tolerance)
            else:
                assert_array_equal(ours, theirs)
