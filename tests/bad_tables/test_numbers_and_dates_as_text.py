"""Columns that are almost numbers, dates or ordered categories."""

import pandas as pd
import pytest

from tests.marks import ignore_convergence
from tests.mixed_tables.numeric_table import N, X, Y, frame_of, network

pytestmark = ignore_convergence


def in_container(container, values):
    """A frame with a column of these values, and the names that the advised code may use."""
    rows, scope = frame_of(values), {"pandas": pd}
    if container == "polars":
        scope["polars"] = pytest.importorskip("polars")
        rows = scope["polars"].DataFrame(rows.to_dict("list"))
    return rows, scope


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_the_code_advised_for_numbers_as_text_works(container):
    values = [f"{value:.3f}" for value in X[:, 0]]
    values[7] = "?"
    rows, scope = in_container(container, values)
    with pytest.raises(ValueError, match=r"Column 'c' of X is text.*most of its values") as error:
        network().fit(rows, Y)
    scope["X"] = rows
    exec(str(error.value).splitlines()[1].strip(), scope)
    model = network().fit(scope["X"], Y)
    assert model.input_encoding_["missing"].tolist() == [0.0, 1 / N]
    assert network(categorical_features=["c"]).fit(rows, Y).embeddings_[0].shape[0] > 100


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("clock", ["", " 10:30:00", "T10:30:00"])
def test_the_code_advised_for_dates_as_text_works(container, clock):
    values = [f"2020-01-{1 + k % 28:02d}{clock}" for k in range(N)]
    rows, scope = in_container(container, values)
    with pytest.raises(ValueError, match=r"Column 'c' of X holds dates") as error:
        network().fit(rows, Y)
    scope["X"] = rows
    exec("\n".join(line.strip() for line in str(error.value).splitlines()[1:]), scope)
    assert network().fit(scope["X"], Y).n_features_in_ == 4


def test_few_different_dates_as_text_are_a_category():
    rows = frame_of([f"2020-01-{1 + k % 10:02d}" for k in range(N)])
    assert network().fit(rows, Y).input_encoding_["encoding"].tolist() == ["standard", "embedding"]


def test_levels_that_cannot_be_sorted_are_an_error_that_names_the_column():
    rows = frame_of(pd.Categorical(pd.Series([(1,), ("a",)] * (N // 2))))
    with pytest.raises(ValueError, match=r"Column 'c' of X.*cannot be sorted"):
        network().fit(rows, Y)


@pytest.mark.parametrize("first", [[1, True, 0, False], [True, 1, False, 0], [True, 1, 2.5, 0]])
def test_booleans_among_numbers_are_numbers(first):
    rows = frame_of(pd.Series(first * (N // 4), dtype=object))
    assert network().fit(rows, Y).input_encoding_["kind"].tolist() == ["number", "number"]
