"""X as it is read: numbers, and codes of categories, before anything is learned from them.

A frame (pandas, polars) is read column by column. Which of its columns hold categories is said by
`categorical_features`; "from_dtype" takes columns of text, booleans and the categorical dtypes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from sknet._advice import kind_of_dtype, text_error, time_error
from sknet._columns import BOOLEAN, TEXT, TIMES, TableError, kind_of, name_of, numbers_in

#: Names of dtypes, in pandas and polars, of columns that hold categories.
CATEGORIES = re.compile(r"categor|enum|str|large_str|dictionary|bool", re.IGNORECASE)
#: Numbers in a dot product, for which BLAS takes one thread.
DOT = 1 << 13


class Table:
    """Rows of X: numbers and codes, with what they were read from.

    Parameters
    ----------
    numbers : ndarray or CSR matrix of shape (n_samples, n_numbers)
        NaN where missing.
    codes : ndarray of int of shape (n_samples, n_categories)
        Place of each value among the levels; -1 where it is missing or unknown.
    levels : list of list
        The levels of each category, sorted.
    categorical : ndarray of bool of shape (n_features,)
        Which columns of X are categories.
    names : list
        Of all columns of X: str, or their numbers.
    source : object
        What was read.
    rows : ndarray of int or slice, optional
        The rows of the source that are left; None: all.

    Attributes
    ----------
    complete : bool
        Whether all numbers are known to be there, and finite; false where nobody has looked.
    """

    complete = False

    def __init__(
        self,
        numbers: Any,
        codes: np.ndarray,
        levels: list[list[Any]],
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
        """Whether rows that belong to these have to be dense as well."""
        return not scipy.sparse.issparse(self.numbers)

    @property
    def dtype(self) -> np.dtype:
        return self.numbers.dtype

    def __getitem__(self, rows: Any) -> "Table":
        """Return some rows: a slice, or an array of their numbers."""
        left = rows if self._rows is None else self._numbered()[rows]
        some = Table(
            self.numbers[rows], self.codes[rows], self.levels, self.categorical, self.names,
            self._source, left,
        )  # fmt: skip
        some.complete = self.complete
        return some

    def _numbered(self) -> np.ndarray:
        """Return the numbers of the rows that are left."""
        if isinstance(self._rows, slice):
            return np.arange(*self._rows.indices(self._source.shape[0]))
        return self._rows

    def original(self) -> Any:
        """Return these rows as the user gave them."""
        if self._rows is None:
            return self._source
        rows_of = self._source.iloc if hasattr(self._source, "iloc") else self._source
        return rows_of[self._rows if isinstance(self._rows, slice) else self._numbered()]

    @property
    def names_of_numbers(self) -> Sequence[Any]:
        """The names of the columns of numbers."""
        if not self.levels:
            return self.names
        return [self.names[k] for k in np.flatnonzero(~self.categorical)]


def is_frame(X: Any) -> bool:
    """Whether `X` has columns with names and dtypes of their own."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def pieces(X: Any, n_rows: int) -> Iterator[Any]:
    """Yield the rows of a frame, or of a sparse matrix, so many at a time."""
    X = X.tocsr() if scipy.sparse.issparse(X) else X
    rows_of = X.iloc if hasattr(X, "iloc") else X
    for start in range(0, X.shape[0], n_rows):
        yield rows_of[start : start + n_rows]


def few(names: Iterable[Any]) -> str:
    """Return the first names in words."""
    names = list(names)
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")


def categorical_mask(wanted: Any, X: Any, names: Sequence[Any]) -> np.ndarray:
    """Return which columns are categories, as `categorical_features` says.

    Raises
    ------
    ValueError
        If it names columns that are not there, or is of another length.
    """
    n_features = len(names)
    mask = np.zeros(n_features, dtype=bool)
    if wanted is None:
        return mask
    if isinstance(wanted, str):  # "from_dtype"
        if is_frame(X):
            mask[:] = [_is_category(X, name, dtype) for name, dtype in dtypes_of(X)]
        return mask
    wanted = np.asarray(list(wanted))
    if wanted.dtype.kind == "b":
        if wanted.shape != (n_features,):
            raise ValueError(
                f"categorical_features is a mask of shape {wanted.shape}; X has {n_features}"
                " columns: give one bool for each."
            )
        return wanted.copy()
    if wanted.dtype.kind in "iu":
        if wanted.size and not (0 <= wanted.min() and wanted.max() < n_features):
            raise ValueError(
                f"categorical_features must hold numbers of columns from 0 to {n_features - 1};"
                f" got {wanted.min()} to {wanted.max()}."
            )
        mask[wanted.astype(int)] = True
        return mask
    place = {name: k for k, name in enumerate(names)}
    unknown = [name for name in wanted.tolist() if name not in place]
    if unknown:
        raise ValueError(
            f"categorical_features names columns that X does not have: {few(unknown)}."
            + ("" if is_frame(X) else " X has no names: give numbers of columns, or a mask.")
        )
    mask[[place[name] for name in wanted.tolist()]] = True
    return mask


def dtypes_of(X: Any) -> list[tuple[Any, str]]:
    """Return the name and the name of the dtype of each column of a frame."""
    return [(name, name_of(dtype)) for name, dtype in zip(X.columns, X.dtypes, strict=True)]


def _is_category(X: Any, name: Any, dtype: str) -> bool:
    """Whether a column of this dtype is a category by itself; raise where it is not usable."""
    if dtype.lower() == "object":
        kind = kind_of(X[name], name)
        if kind in TIMES:
            raise time_error(X, name, dtype, kind)
        return kind in (TEXT, BOOLEAN)
    if kind_of_dtype(dtype):
        raise time_error(X, name, dtype, kind_of_dtype(dtype))
    return CATEGORIES.match(dtype) is not None


def numbers_of_frame(X: Any, columns: list[Any]) -> Any:
    """Return these columns of a frame as numbers, NaN where missing; CSR where all X is sparse."""
    dtypes = dict(dtypes_of(X))
    if columns and {dtypes[name] for name in columns} == {"Sparse"} and len(columns) == X.shape[1]:
        if {X[name].sparse.fill_value for name in columns} == {0}:
            return _sparse_columns(X)
    return numbers_of(X, [X[name] for name in columns], columns, [dtypes[c] for c in columns])


def _sparse_columns(X: Any) -> Any:
    """Return a frame of sparse columns that are filled with 0 as a CSR matrix."""
    arrays = [X[name].array for name in X.columns]
    rows = [array.sp_index.to_int_index().indices for array in arrays]
    starts = np.cumsum([0, *map(len, rows)])
    data = np.concatenate([numbers_in(array.sp_values, "") for array in arrays])
    columns = scipy.sparse.csc_matrix((data, np.concatenate(rows), starts), shape=X.shape)
    return columns.tocsr()


def numbers_of(
    X: Any, columns: Sequence[Any], names: Sequence[Any], dtypes: Sequence[str]
) -> np.ndarray:
    """Return columns of `X` as numbers, NaN where missing: float32 if all are narrow.

    Raises
    ------
    TableError
        If one of them is not numeric; names it and its dtype.
    """
    read = []
    for column, name, dtype in zip(columns, names, dtypes, strict=True):
        kind = kind_of(column, name) if dtype.lower() == "object" else kind_of_dtype(dtype)
        if kind in TIMES:
            raise time_error(X, name, dtype, kind)
        is_listed = CATEGORIES.match(dtype) and not dtype.lower().startswith("bool")
        if kind == TEXT or is_listed:
            raise text_error(name, dtype)
        read.append(numbers_in(column, name))
    numbers = np.empty((len(read), X.shape[0]), np.result_type(*read) if read else np.float64).T
    for k, column in enumerate(read):
        numbers[:, k] = column
        read[k] = None
    return numbers


def all_finite(values: np.ndarray) -> bool:
    """Whether the sum of squares is finite: so are the numbers then; if not, they may be huge.

    In products so short that BLAS wakes no threads for them.
    """
    flat = values.ravel(order="K")
    whole = flat[: flat.size // DOT * DOT].reshape(-1, DOT)
    rest = flat[whole.size :]
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.vecdot(whole, whole).sum() + np.vdot(rest, rest)))


def refuse_infinite(numbers: Any, names: Sequence[Any]) -> bool:
    """Raise where numbers are infinite, naming the column; return whether none is missing either.

    False too where they are huge.
    """
    sparse = scipy.sparse.issparse(numbers)
    values = numbers.data if sparse else numbers
    if all_finite(values):
        return True
    infinite = np.isinf(values)
    if infinite.any():
        column = numbers.indices[infinite][0] if sparse else np.nonzero(infinite)[1][0]
        raise TableError(
            f"Input X contains infinity or a value too large for dtype({str(numbers.dtype)!r}):"
            f" column {names[column]!r}. Replace it by a number, or by NaN if it is missing."
        )
    return False


def refuse_names(names: Sequence[Any]) -> None:
    """Raise where columns have the same name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"Column names of X must be unique; more than once: {few(twice)}.")
