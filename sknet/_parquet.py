"""The rows of parquet files as batches, by pyarrow."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: Bytes that are read at once of a column of a file. Without a limit, pyarrow reads those of a
#: whole row group.
READ_BYTES = 1 << 20
#: Columns that a message names, at most.
NAMED = 10

Batches = Callable[[], Iterator[tuple[Any, ...]]]


def parquet_batches(
    path: Any,
    y: Any,
    *,
    sample_weight: str | None = None,
    columns: Sequence[str] | None = None,
    batch_rows: int = 32_768,
) -> Batches:
    """Return a factory of the rows of parquet files, for ``fit_batches``.

    Each call of the factory reads the files again, one after another, and yields record batches of
    pyarrow with their targets. A few megabytes are in memory at a time, whatever the size of the
    files and of their row groups.

    Parameters
    ----------
    path : str, path-like, or sequence of them
        A file; a folder, whose files ``*.parquet`` are read in the order of their paths, those in
        subfolders too; a pattern such as ``"2024-*.parquet"``; or several of these.
    y : str or sequence of str
        The column that holds the target; several, for several outputs or labels.
    sample_weight : str, default=None
        The column that holds the weights of the rows.
    columns : sequence of str, default=None
        The columns of X, in this order; None: all others.
    batch_rows : int, default=32_768
        Rows of a batch, at most.

    Returns
    -------
    callable
        ``factory()`` returns an iterator over ``(X, y)`` or ``(X, y, sample_weight)``.

    Raises
    ------
    ImportError
        If pyarrow or pandas is missing: ``pip install "sknet-mlp[parquet]"``.
    FileNotFoundError
        If there is no such file, or a folder or a pattern has none.
    ValueError
        If a column is missing, in any of the files, or is named twice; also while reading, if a
        file has changed since the call of this function.

    See Also
    --------
    sknet.MLPBackpropClassifier.fit_batches : Fits to these batches.

    Notes
    -----
    Columns of dictionaries are categories, and so is text; see ``categorical_features``. Folders
    named ``key=value`` do not become columns. ``pyarrow.parquet.ParquetFile.iter_batches`` reads
    the files.

    Examples
    --------
    >>> from sknet.streaming import parquet_batches
    >>> batches = parquet_batches("sales/*.parquet", y="price")  # doctest: +SKIP
    >>> model = MLPBackpropRegressor().fit_batches(batches)  # doctest: +SKIP
    """
    _require_pyarrow()
    if not isinstance(batch_rows, (int, np.integer)) or batch_rows < 1:
        raise ValueError(f"batch_rows must be an int of at least 1, got {batch_rows!r}.")
    files = _files_of(path)
    targets = [y] if isinstance(y, str) else list(y)
    asked = _Asked(targets, isinstance(y, str), sample_weight, columns and list(columns))
    asked.require_distinct()
    names = asked.columns_of(files[0])
    for file in files[1:]:
        if (own := asked.columns_of(file)) != names:
            different = sorted({*own} ^ {*names})
            raise ValueError(
                f"{file.path} has other columns than {files[0].path}, or in another order:"
                f" {_listed(different or own)}. Name the columns of X in columns."
            )

    def batches() -> Iterator[tuple[Any, ...]]:
        for file in files:
            file.require_unchanged()
            yield from _batches_of(file, names, asked, int(batch_rows))

    return batches


class _File(NamedTuple):
    """A file as it was first found: its path, size and time of change."""

    path: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: str) -> "_File":
        found = os.stat(path)
        return cls(path, found.st_size, found.st_mtime_ns)

    def require_unchanged(self) -> None:
        """Raise if the file has changed."""
        if _File.of(self.path) != self:
            raise ValueError(
                f"{self.path} has changed since parquet_batches was called, so that the passes of a"
                " fit would see different rows. Call parquet_batches again, once it is complete."
            )


class _Asked(NamedTuple):
    """The columns that are asked for."""

    targets: list[str]
    is_one: bool
    weight: str | None
    columns: list[str] | None

    @property
    def others(self) -> list[str]:
        """The columns that are no part of X."""
        return [*self.targets, *([] if self.weight is None else [self.weight])]

    def require_distinct(self) -> None:
        """Raise where a column is asked for twice, or y names none."""
        if not self.targets:
            raise ValueError("y must name at least one column, got none.")
        names = [*self.others, *(self.columns or ())]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"y, sample_weight and columns must name different columns; {_listed(twice)} is"
                " named more than once."
            )

    def columns_of(self, file: _File) -> list[str]:
        """Return the columns of X in a file; raise where one is missing."""
        from pyarrow.parquet import read_schema

        there = read_schema(file.path).names
        wanted = {"y": self.targets, "sample_weight": self.others[len(self.targets) :]}
        for argument, names in {**wanted, "columns": self.columns or []}.items():
            missing = [name for name in names if name not in there]
            if missing:
                raise ValueError(
                    f"{argument} names columns that {file.path} does not have: {_listed(missing)}."
                    f" It has {_listed(there)}."
                )
        own = self.columns or [name for name in there if name not in self.others]
        if not own:
            raise ValueError(f"{file.path} has no columns besides y: there is no X.")
        return own


def _batches_of(
    file: _File, names: list[str], asked: _Asked, batch_rows: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the batches of a file."""
    from pyarrow.parquet import ParquetFile

    with ExitStack() as stack:
        opened = ParquetFile(file.path, buffer_size=READ_BYTES, pre_buffer=False)
        stack.callback(opened.close)
        for batch in opened.iter_batches(batch_rows, columns=[*names, *asked.others]):
            y = [_values(batch.column(name)) for name in asked.targets]
            own = (batch.select(names), y[0] if asked.is_one else np.column_stack(y))
            yield own if asked.weight is None else (*own, _values(batch.column(asked.weight)))


def _values(column: Any) -> Any:
    """Return a column of y as an array, with its missing values."""
    if hasattr(column, "dictionary_decode"):
        column = column.dictionary_decode()
    return column.to_numpy(zero_copy_only=False)


def _files_of(path: Any) -> list[_File]:
    """Return the files that a path, or several, stand for."""
    paths = [path] if isinstance(path, (str, os.PathLike)) else list(path)
    found: list[str] = []
    for own in map(os.fspath, paths):
        if os.path.isdir(own):
            files = sorted(map(str, Path(own).rglob("*.parquet")))
        else:
            files = sorted(glob(own)) if has_magic(own) and not os.path.exists(own) else [own]
        if not files:
            raise FileNotFoundError(f"No parquet file is found in {own!r}.")
        found += files
    if not found:
        raise FileNotFoundError("path is empty: name at least one parquet file.")
    return [_File.of(own) for own in found]


def _listed(names: Sequence[str]) -> str:
    """Return the first names, quoted."""
    more = ", ..." if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + more


def _require_pyarrow() -> None:
    try:
        import pandas  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'parquet_batches needs pyarrow and pandas: pip install "sknet-mlp[parquet]".'
        ) from error
