"""categorical_features, warm starts and overflow on tables."""

import numpy as np
import pandas as pd
import pytest

from tests.marks import ignore_convergence
from tests.mixed_tables.numeric_table import X, Y, frame_of, network

pytestmark = ignore_convergence


@pytest.mark.parametrize("wrap", [list, tuple, pd.Index, pd.Series, np.array])
def test_columns_may_be_named_by_what_a_frame_returns(wrap):
    rows = frame_of(X[:, 1].astype(int))
    model = network(categorical_features=wrap(["c"])).fit(rows, Y)
    assert model.input_encoding_["kind"].tolist() == ["number", "category"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("feature_scaling", "robust"),
        ("categorical_features", None),
        ("min_frequency", 0.2),
        ("max_onehot", 20),
        ("embedding_dim", 2),
    ],
)
def test_encoding_parameters_cannot_change_when_training_continues(name, value):
    rows = frame_of(X[:, 1].astype(int).astype(str))
    for go_on in ("fit", "partial_fit"):
        model = network(warm_start=True).fit(rows, Y)
        model.set_params(**{name: value})
        with pytest.raises(ValueError, match=rf"'{name}' parameter.*must stay"):
            getattr(model, go_on)(rows, Y)


def test_an_overflow_names_the_row_of_a_long_frame():
    model = network(
        feature_scaling=None, target_scaling=False, dtype="float32", activation="identity"
    )
    model.fit(frame_of(X[:, 1]), Y)
    model.coefs_ = [W * np.float32(1e3) for W in model.coefs_]
    rows = pd.DataFrame(0.0, index=range(70_000), columns=["a", "c"])
    rows.loc[69_000, "a"] = 3e38
    with pytest.raises(ValueError, match="Row 69000 of X"):
        model.predict(rows)
