"""A `Table`: rows of X as numbers and codes of categories, before anything is learned from them."""

import sys
from collections.abc import Sequence
from copy import copy
from math import isfinite
from typing import Any, Protocol

import numpy as np
import scipy.sparse

from sknet._table.messages import infinity_error

#: Length of the dot products that look for NaN and infinity. BLAS gives a product of this length
#: to one thread, so no other thread is woken up for it.
DOT_LENGTH = 1 << 13


class Schema(Protocol):
    """How the columns of an earlier `X` were read: a `Table` or an `Encoder` tells.

    Attributes
    ----------
    categorical : ndarray of bool of shape (n_features,)
        Which columns are categories.
    levels : list of list or None
        The levels of each category, sorted; None for one that is left out.
    centred : bool
        Whether sparse rows are made dense.
    """

    @property
    def categorical(self) -> np.ndarray: ...

    @property
    def levels(self) -> list[list[Any] | None]: ...

    @property
    def centred(self) -> bool: ...


class Table:
    """Rows of X as numbers and codes, with the X from which they were read.

    Parameters
    ----------
    numbers : ndarray or CSR matrix of shape (n_samples, n_numbers)
        NaN where missing.
    codes : ndarray of int of shape (n_samples, n_categories)
        Index of each value in the levels of its category; -1 where it is missing or unknown.
    levels : list of list or None
        The levels of each category, sorted; None for one that is left out.
    categorical : ndarray of bool of shape (n_features,)
        Which columns of X are categories.
    names : sequence
        The names of all columns of X, or their numbers.
    source : object
        X as the user gave it.
    rows : ndarray of int or slice, optional
        The rows of `source` that the table holds; None: all.

    Attributes
    ----------
    complete : bool
        True if all numbers are known to be finite. False if some are missing, or if this has not
        been checked yet.
    """

    complete = False

    def __init__(
        self,
        numbers: Any,
        codes: np.ndarray,
        levels: list[list[Any] | None],
        categorical: np.ndarray,
        names: Sequence[Any],
        source: Any,
        rows: np.ndarray | slice | None = None,
    ) -> None:
        self.numbers, self.codes, self.levels = numbers, codes, levels
        self.categorical, self.names = categorical, names
        self._source, self._rows = source, rows

    @property
    def shape(self) -> tuple[int, int]:
        return self.numbers.shape[0], len(self.categorical)

    @property
    def centred(self) -> bool:
        """Whether other rows of the same X are made dense: these are dense."""
        return not scipy.sparse.issparse(self.numbers)

    @property
    def dtype(self) -> np.dtype:
        return self.numbers.dtype

    @property
    def is_sparse(self) -> bool:
        return scipy.sparse.issparse(self.numbers)

    @property
    def columns(self) -> Any:
        """The numbers, for use column by column: ``columns[:, k]``."""
        return self.numbers

    def __getitem__(self, rows: Any) -> "Table":
        """Return some rows: a slice, or an array of their numbers."""
        left = None
        if self._source is not None:
            left = rows if self._rows is None else self._numbered()[rows]
        some = Table(
            self.numbers[rows], self.codes[rows], self.levels, self.categorical, self.names,
            self._source, left,
        )  # fmt: skip
        some.complete = self.complete
        return some

    @classmethod
    def stacked(cls, tables: Sequence["Table"], with_source: bool = False) -> "Table":
        """Return the rows of several tables that are read alike, below each other.

        Without source, the rows as the user gave them are forgotten.
        """
        first = tables[0]
        source = stacked_rows([own.original() for own in tables]) if with_source else None
        if len(tables) == 1 and with_source == (first._source is not None):
            return first
        table = cls(
            np.concatenate([own.numbers for own in tables]),
            np.concatenate([own.codes for own in tables]),
            first.levels, first.categorical, first.names, source,
        )  # fmt: skip
        table.complete = all(own.complete for own in tables)
        return table

    def without_source(self) -> "Table":
        """Return the same rows, which no longer know how the user gave them."""
        other = copy(self)
        other._source = other._rows = None
        return other

    def with_numbers(self, numbers: np.ndarray) -> "Table":
        """Return the same rows with other numbers, some of which may be missing."""
        other = copy(self)
        other.numbers, other.complete = numbers, False
        return other

    def _numbered(self) -> np.ndarray:
        """Return the row numbers in the source."""
        if isinstance(self._rows, slice):
            return np.arange(*self._rows.indices(self._source.shape[0]))
        return self._rows

    def original(self) -> Any:
        """Return these rows as the user gave them."""
        if self._rows is None:
            return self._source
        return rows_of(self._source, self._rows)

    @property
    def names_of_numbers(self) -> Sequence[Any]:
        """The names of the columns of numbers."""
        if not self.levels:
            return self.names
        return [self.names[k] for k in np.flatnonzero(~self.categorical)]

    def gaps(self) -> np.ndarray | None:
        """Return a mask of the missing numbers of a dense table; None where none is missing.

        Raises
        ------
        ValueError
            Where a number is infinite.
        """
        if self.complete or all_finite(self.numbers):
            return None
        refuse_infinite(self.numbers, self.names_of_numbers)
        gaps = np.isnan(self.numbers)
        return gaps if gaps.any() else None


class _Columns:
    """The chosen rows of an array, copied only for the columns that are asked for."""

    def __init__(self, whole: np.ndarray, chosen: np.ndarray) -> None:
        self._whole, self._chosen = whole, chosen
        self.shape = len(chosen), whole.shape[1]
        self.size = self.shape[0] * self.shape[1]

    def __getitem__(self, place: tuple[slice, Any]) -> np.ndarray:
        rows, columns = place
        return self._whole[:, columns][self._chosen[rows]]


class Selection(Table):
    """Some rows of a table, which are copied only where they are used: ``selection[rows]``.

    Parameters
    ----------
    whole : Table
    chosen : ndarray of int
        Numbers of the rows.
    """

    def __init__(self, whole: Table, chosen: np.ndarray) -> None:
        self.whole, self.chosen = whole, chosen
        self.levels, self.categorical, self.names = whole.levels, whole.categorical, whole.names
        self.complete, self._source = whole.complete, whole._source
        self._rows = chosen if whole._rows is None else whole._numbered()[chosen]

    @property
    def numbers(self) -> Any:
        return self.whole.numbers[self.chosen]

    @property
    def columns(self) -> Any:
        return self.numbers if self.is_sparse else _Columns(self.whole.numbers, self.chosen)

    @property
    def codes(self) -> np.ndarray:
        return self.whole.codes[self.chosen]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.chosen), self.whole.shape[1]

    @property
    def dtype(self) -> np.dtype:
        return self.whole.dtype

    @property
    def is_sparse(self) -> bool:
        return self.whole.is_sparse

    def __getitem__(self, rows: Any) -> Table:
        return self.whole[self.chosen[rows]]


def rows_of(X: Any, rows: slice | np.ndarray) -> Any:
    """Return some rows of a frame, an array or a table of pyarrow."""
    if hasattr(X, "to_pandas") and hasattr(X, "column_names"):
        if isinstance(rows, slice):
            return X.slice(rows.start, rows.stop - rows.start)
        return X.take(rows)
    return (X.iloc if hasattr(X, "iloc") else X)[rows]


def stacked_rows(parts: Sequence[Any]) -> Any:
    """Return rows of several containers of one type as one container."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if hasattr(first, "to_pandas") and hasattr(first, "column_names"):
        arrow = sys.modules["pyarrow"]
        is_batch = isinstance(first, arrow.RecordBatch)
        return arrow.concat_tables(
            [arrow.Table.from_batches([own]) if is_batch else own for own in parts]
        )
    if hasattr(first, "iloc"):
        return sys.modules["pandas"].concat(parts, ignore_index=True)
    if hasattr(first, "columns"):
        return sys.modules["polars"].concat(parts)
    return np.concatenate([np.asarray(own) for own in parts])


def all_finite(values: np.ndarray) -> bool:
    """Whether the sum of squares is finite. If so, all values are; if not, some may only be huge.

    The sum is taken in dot products of ``DOT_LENGTH`` numbers.
    """
    flat = values.ravel(order="K")
    with np.errstate(all="ignore"):
        if flat.size < DOT_LENGTH:
            return isfinite(np.vdot(flat, flat))
        whole = flat[: flat.size // DOT_LENGTH * DOT_LENGTH].reshape(-1, DOT_LENGTH)
        rest = flat[whole.size :]
        return isfinite(np.vecdot(whole, whole).sum() + np.vdot(rest, rest))


def refuse_infinite(numbers: Any, names: Sequence[Any]) -> bool:
    """Raise where a number is infinite; return whether none is missing either.

    It returns False, too, where numbers are so huge that their squares overflow.
    """
    sparse = scipy.sparse.issparse(numbers)
    values = numbers.data if sparse else numbers
    if all_finite(values):
        return True
    infinite = np.isinf(values)
    if infinite.any():
        column = numbers.indices[infinite][0] if sparse else np.nonzero(infinite)[1][0]
        raise infinity_error(names[column], numbers.dtype)
    return False
