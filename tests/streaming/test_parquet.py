"""Parquet files as streams; the oracle is pyarrow's own reading of whole files."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet.streaming import parquet_batches
from tests.marks import ignore_convergence
from tests.streaming.common import MIXED, THREE, WEIGHTS, N, Y, assert_same_fit

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytestmark = ignore_convergence
TABLE = MIXED.assign(y=Y, label=THREE, weight=WEIGHTS, other=Y**2)
X_COLUMNS = list(MIXED.columns)


@pytest.fixture
def folder(tmp_path):
    """The table in three files, one of them in a subfolder."""
    (tmp_path / "sub").mkdir()
    names = ["a.parquet", "b.parquet", "sub/c.parquet"]
    for name, rows in zip(names, np.array_split(np.arange(N), 3), strict=True):
        part = pa.Table.from_pandas(TABLE.iloc[rows], preserve_index=False)
        pq.write_table(part, tmp_path / name, row_group_size=700)
    return tmp_path


def read(batches):
    pieces = list(batches())
    X = pd.concat([X.to_pandas() for X, *_ in pieces], ignore_index=True)
    return (X, *(np.concatenate(own) for own in list(zip(*pieces, strict=True))[1:]))


@pytest.mark.parametrize("batch_rows", [1, 333, 100_000])
def test_all_rows_come_in_order(folder, batch_rows):
    batches = parquet_batches(
        folder, "y", sample_weight="weight", columns=X_COLUMNS, batch_rows=batch_rows
    )
    assert max(len(y) for _, y, _ in batches()) <= batch_rows
    X, y, w = read(batches)
    pd.testing.assert_frame_equal(
        X.astype({"many": str}), MIXED.astype({"many": str}), check_dtype=False
    )
    assert_array_equal(y, Y)
    assert_array_equal(w, WEIGHTS)


def test_paths_of_several_kinds(folder):
    whole = read(parquet_batches(folder, "y"))[1]
    for path in (
        str(folder),
        [folder / "a.parquet", str(folder / "b.parquet"), folder / "sub"],
        [str(folder / "*.parquet"), str(folder / "sub" / "c.parquet")],
    ):
        assert_array_equal(read(parquet_batches(path, "y"))[1], whole)
    assert len(read(parquet_batches(folder / "b.parquet", "y"))[1]) == N // 3


def test_columns_of_x_and_y(folder):
    X, y = read(parquet_batches(folder, "y"))
    assert list(X.columns) == [*X_COLUMNS, "label", "weight", "other"]
    X, y = read(parquet_batches(folder, ["y", "other"], columns=["d", "many"]))
    assert list(X.columns) == ["d", "many"]
    assert_array_equal(y, np.stack([Y, Y**2], axis=1))
    assert read(parquet_batches(folder, ["y"]))[1].shape == (N, 1)
    assert_array_equal(read(parquet_batches(folder, "label"))[1], THREE)


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize("buffer_rows", [1000, N])
def test_a_fit_to_files_is_a_fit_to_the_table(tmp_path, dictionary, buffer_rows):
    table = pa.Table.from_pandas(TABLE, preserve_index=False)
    if dictionary:
        for name in ("label", "group"):
            k = table.column_names.index(name)
            table = table.set_column(k, name, table[name].dictionary_encode())
    pq.write_table(table, tmp_path / "t.parquet")
    batches = parquet_batches(
        tmp_path / "t.parquet", "label", sample_weight="weight", columns=X_COLUMNS, batch_rows=400
    )
    network = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
    ours = MLPBackpropClassifier(**network).fit_batches(batches, buffer_rows=buffer_rows)
    assert list(ours.feature_names_in_) == X_COLUMNS
    assert list(ours.classes_) == ["high", "low", "middle"]
    if buffer_rows == N:
        assert_same_fit(ours, MLPBackpropClassifier(**network).fit(MIXED, THREE, WEIGHTS))


def test_missing_targets_are_an_error(tmp_path):
    table = pa.table({"x": [1.0, 2.0, 3.0], "y": [1.0, None, 2.0], "t": ["a", None, "b"]})
    pq.write_table(table, tmp_path / "t.parquet")
    for cls, y in ((MLPBackpropRegressor, "y"), (MLPBackpropClassifier, "t")):
        with pytest.raises(ValueError, match=r"Batch 1 of the stream: .*y"):
            cls().fit_batches(parquet_batches(tmp_path / "t.parquet", y, columns=["x"]))


BAD = {
    "no y": (
        {"y": "price"},
        r"y names columns that .* does not have: 'price'. It has 'a'",
    ),
    "no weight": ({"y": "y", "sample_weight": "w"}, "sample_weight names columns.*'w'"),
    "no column": ({"y": "y", "columns": ["a", "z"]}, "columns names columns.*'z'"),
    "twice": ({"y": "y", "columns": ["a", "y"]}, "'y' is named more than once"),
    "weight is y": ({"y": "y", "sample_weight": "y"}, "'y' is named more than once"),
    "none": ({"y": []}, "y must name at least one column"),
    "batch": ({"y": "y", "batch_rows": 0}, "batch_rows must be an int of at least 1, got 0"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_bad_arguments(folder, arguments, words):
    with pytest.raises(ValueError, match=words):
        parquet_batches(folder, **arguments)


@pytest.mark.parametrize("path", ["none.parquet", "*.txt", "empty", []])
def test_files_that_are_not_there(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"none.parquet|No parquet file|path is empty"):
        parquet_batches(path and str(tmp_path / path), "y")


def test_files_must_have_the_same_columns(folder):
    pq.write_table(pa.table({"a": [1.0], "y": [1.0]}), folder / "b.parquet")
    with pytest.raises(ValueError, match=r"b.parquet has other columns than .*a.parquet.*'b'"):
        parquet_batches(folder, "y")
    assert list(read(parquet_batches(folder, "y", columns=["a"]))[0].columns) == ["a"]


def test_a_file_must_not_change(folder):
    batches = parquet_batches(folder, "y", columns=X_COLUMNS)
    passes = []

    def changing():
        passes.append(0)
        if len(passes) == 3:
            os.utime(folder / "b.parquet", ns=(0, 0))
        return batches()

    with pytest.raises(ValueError, match=r"b.parquet has changed since parquet_batches was called"):
        MLPBackpropRegressor((4,)).fit_batches(changing, buffer_rows=1000)


def test_without_pyarrow_the_extra_is_named(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match=r"sknet-mlp\[parquet\]"):
        parquet_batches(folder, "y")


def test_the_package_can_be_imported_without_pyarrow():
    code = "import sys; sys.modules['pyarrow'] = None; import sknet.streaming"
    subprocess.run([sys.executable, "-c", code], check=True)
