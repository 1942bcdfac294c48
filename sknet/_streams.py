"""Reading a stream: batches of a factory -> rows, in each pass the same."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn.base import is_classifier
from sklearn.utils.validation import validate_data

from sknet._compat import named
from sknet._table.categorical import is_arrow, is_frame
from sknet._table.messages import refuse_lazy, refuse_masked
from sknet._table.read import refuse_names, validate_X
from sknet._table.schema import FoundColumns, MergedSchema, array_of
from sknet._table.table import Table
from sknet._target.parts import TargetTotals
from sknet._target.reading import require_y
from sknet._target.target import Target
from sknet._target.weights import checked_weights
from sknet._training.rows import Rows

ADVICE = (
    "A stream is read several times: pass a function that opens it anew in each call and yields"
    " the same batches in the same order."
)


#: ``weigh(rows, w)`` returns the rows of weight above 0, with their weights.
Weigh = Callable[[Rows, Any], Rows]


class Batch(NamedTuple):
    """A batch of the factory: X as the user gave it, y as read, checked weights or None."""

    X: Any
    y: Any
    w: np.ndarray | None


class Scan(NamedTuple):
    """What the first pass has found.

    Attributes
    ----------
    first : Batch
    columns : FoundColumns
    totals : TargetTotals
    n_rows : int
        Rows, those of weight 0 included.
    kept : list of Batch or None
        All batches, if the buffer can hold their rows.
    """

    first: Batch
    columns: FoundColumns
    totals: TargetTotals
    n_rows: int
    kept: list[Batch] | None

    @property
    def weights(self) -> np.ndarray | None:
        """The weights of all rows, if they are kept; None without weights."""
        if self.first.w is None:
            return None
        return np.concatenate([batch.w for batch in self.kept])

    @property
    def y(self) -> Any:
        """Targets that have all labels: all, if they are kept."""
        if self.kept is not None:
            ys = [batch.y for batch in self.kept]
            return vstack(ys).tocsr() if issparse(ys[0]) else np.concatenate(ys)
        labels = self.totals.labels
        return self.first.y if labels is None else np.concatenate([labels, labels])


class Source:
    """The batches of a factory.

    Parameters
    ----------
    estimator : BaseMLP
        Reads X and y in its own way, and gets the names of features.
    factory : callable
        ``factory()`` returns an iterator over ``(X, y)`` or ``(X, y, sample_weight)``.
    """

    def __init__(self, estimator: Any, factory: Any) -> None:
        if not callable(factory):
            raise TypeError(
                f"factory must be a function without arguments, got {_kind(factory)}. {ADVICE}"
            )
        self.estimator, self.factory = estimator, factory
        self.n_passes, self._last = 0, None
        self._signature: tuple[int, int] | None = None
        self._n_rows: int | None = None

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Yield the number and the content of each batch that has rows: one pass."""
        self.n_passes += 1
        pieces = self.factory()
        try:
            iterator = iter(pieces)
        except TypeError:
            raise TypeError(
                f"factory() must return an iterator over (X, y) or (X, y, sample_weight), got"
                f" {_kind(pieces)}."
            ) from None
        if iterator is pieces and iterator is self._last:
            raise ValueError(
                f"factory() has returned the same iterator in pass {self.n_passes} as before, which"
                f" is at its end. {ADVICE}"
            )
        self._last = iterator
        first: Batch | None = None
        for number, piece in enumerate(iterator, 1):
            with self.naming(number):
                batch = self._batch(piece)
                if batch is None:
                    continue
                if first is not None:
                    _require_alike(first, batch)
                first = first or batch
            yield number, batch

    def naming(self, number: int) -> AbstractContextManager[None]:
        """Return a context that names the batch in errors."""
        return naming(f"Batch {number} of the stream")

    def _batch(self, piece: Any) -> Batch | None:
        """Return a batch of the factory; None if it has no rows."""
        if not isinstance(piece, (tuple, list)) or len(piece) not in (2, 3):
            size = f" of length {len(piece)}" if isinstance(piece, (tuple, list)) else ""
            raise ValueError(
                f"it must be a tuple (X, y) or (X, y, sample_weight), got {_kind(piece)}{size}."
            )
        X, y, w = (*piece, None)[:3]
        refuse_lazy(X, "X")
        refuse_masked(X, "X")
        require_y(self.estimator, y)
        X = X if hasattr(X, "shape") else array_of(X)
        n_y = y.shape[0] if hasattr(y, "shape") else len(y)
        if X.shape[0] != n_y:
            raise ValueError(f"X has {X.shape[0]} rows, y has {n_y}.")
        if not n_y:
            return None
        return Batch(X, self.estimator._read_y(y), checked_weights(w, n_y))

    def scan(self, buffer_rows: float) -> Scan | None:
        """Return what the first pass finds; None without rows. Keeps at most `buffer_rows` rows."""
        estimator, is_class = self.estimator, is_classifier(self.estimator)
        first = columns = totals = None
        kept: list[Batch] | None = []
        n_rows = 0
        for number, batch in self.batches():
            with self.naming(number):
                _check_features(estimator, batch.X, reset=first is None)
                found = self.found_columns(batch)
                own = TargetTotals.of(batch.y, batch.w, is_class)
                columns = found if columns is None else columns.merge(found)
                totals = own if totals is None else totals.merge(own)
            first = first or batch
            n_rows += batch.X.shape[0]
            if kept is not None and n_rows <= buffer_rows:
                kept.append(batch)
            else:
                kept = None
        if first is None or columns is None or totals is None:
            return None
        self._n_rows = n_rows
        return Scan(first, columns, totals, n_rows, kept)

    def found_columns(self, batch: Batch) -> FoundColumns:
        """Return what a batch says of the columns."""
        return FoundColumns.of(self.estimator, batch.X)

    def rows(self, schema: MergedSchema, target: Target, weigh: Weigh) -> Iterator[Rows]:
        """Yield the rows of weight above 0 of each batch: one pass.

        ``weigh(rows, w)`` returns the rows with their weights.

        Raises
        ------
        ValueError
            If the rows are not those of the passes before.
        """
        n_rows, signature = 0, np.zeros(1, np.uint64)
        for number, batch in self.batches():
            with self.naming(number):
                rows = self._read(batch, schema, target)
                signature += signature_of(rows.X, n_rows)
                n_rows += len(rows.Y)
                rows = weigh(rows, batch.w)
            if len(rows.Y):
                yield rows
        self._require_same(n_rows, int(signature[0]))

    def _read(self, batch: Batch, schema: MergedSchema, target: Target) -> Rows:
        """Return the rows of a batch, without their weights."""
        _check_features(self.estimator, batch.X, reset=False)
        X = validate_X(self.estimator, batch.X, reset=False, like=schema)
        try:
            Y, strata = target.encode(batch.y, X.dtype)
        except ValueError as error:  # labels that the first pass has not seen
            raise ValueError(f"The stream has changed since its first pass: {error}") from error
        return Rows(X, Y, None, strata)

    def kept_rows(
        self, scan: Scan, schema: MergedSchema, target: Target, keeps_source: bool
    ) -> Rows:
        """Return all rows, without their weights, if they have been kept."""
        tables = [
            validate_X(self.estimator, batch.X, reset=False, like=schema) for batch in scan.kept
        ]
        table = Table.stacked(tables, keeps_source)
        Y, strata = target.encode(scan.y, table.dtype)
        return Rows(table, Y, None, strata)

    def _require_same(self, n_rows: int, signature: int) -> None:
        """Raise where a pass has ended with other rows than those before."""
        if n_rows != self._n_rows:
            raise ValueError(
                f"The stream has changed: pass {self.n_passes} has yielded {n_rows} rows, the first"
                f" one {self._n_rows}. {ADVICE}"
            )
        if self._signature is None:
            self._signature = n_rows, signature
        elif self._signature[1] != signature:
            raise ValueError(
                f"The stream has changed: the rows of pass {self.n_passes} are not those of the"
                f" passes before, or come in another order. {ADVICE}"
            )


def signature_of(X: Table, first: int) -> np.ndarray:
    """Return a number that depends on the values of the rows, and on their places."""
    places = 2 * np.arange(first, first + X.shape[0], dtype=np.uint64) + np.uint64(1)
    total = np.zeros(X.shape[0], np.uint64)
    if X.numbers.shape[1]:
        bits = np.ascontiguousarray(X.numbers)
        total += np.add.reduce(bits.view(f"u{bits.itemsize}"), axis=1, dtype=np.uint64)
    if X.codes.shape[1]:
        total += np.add.reduce(X.codes.astype(np.int64).view(np.uint64), axis=1)
    return np.add.reduce(total * places, keepdims=True)


@contextmanager
def naming(batch: str) -> Iterator[None]:
    """Name the batch in errors."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (f"{batch}: {error.args[0]}", *error.args[1:])
        raise


def _check_features(estimator: Any, X: Any, reset: bool) -> None:
    """Set, or check, the number and the names of the features."""
    if is_arrow(X):
        X = X.slice(0, 1).to_pandas()
    if is_frame(X):
        refuse_names([*X.columns])
        X = named(X)
    elif len(X.shape) != 2:
        raise ValueError(f"X must be 2-d, got {len(X.shape)} dimensions.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def _require_alike(first: Batch, batch: Batch) -> None:
    """Raise where a batch is of another kind than the first one."""
    if type(first.X) is not type(batch.X):
        raise ValueError(
            f"X is {_kind(batch.X)}, and {_kind(first.X)} in the first batch. Yield one type."
        )
    if (first.w is None) != (batch.w is None):
        has, had = ("no sample_weight", "has") if batch.w is None else ("sample_weight", "has not")
        raise ValueError(f"it has {has}, and the first batch {had}. Give weights to all or none.")
    if first.y.shape[1:] != batch.y.shape[1:]:
        raise ValueError(
            f"y has the shape {batch.y.shape}, and {first.y.shape} in the first batch."
        )


def _kind(value: Any) -> str:
    """Return the type of a value with its article."""
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" or name == "ndarray" else f"a {name}"
