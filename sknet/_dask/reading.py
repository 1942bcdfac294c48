"""What happens to the parts of a shard on a worker: a short stream, all of whose rows are kept."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from math import inf
from typing import Any, NamedTuple

import numpy as np

from sknet._dask.collections import n_rows
from sknet._fits import FEATURES, present_rows
from sknet._streams import Batch, Scan, Source, naming
from sknet._table.messages import TableError
from sknet._table.schema import EMPTY, FoundColumns, MergedSchema
from sknet._table.table import rows_of
from sknet._target.parts import TargetTotals
from sknet._target.target import Target
from sknet._training.rows import Rows

#: Rows of X and y of the first part that the client sees.
SHOWN_ROWS, SHOWN_TARGETS = 5, 1000


class Scanned(NamedTuple):
    """A shard whose parts have been read for the first time; `scan` is None without rows."""

    source: Source
    scan: Scan | None
    kinds: dict[int, list[str]]


class Seen(NamedTuple):
    """What the client sees of the parts of one shard, or of all.

    Attributes
    ----------
    scan : Scan
        Without rows, but for a few of the first part.
    kinds : dict
        The kinds of the columns, by the number of the partition.
    features : dict
        The number and the names of the columns.
    n_bytes : int
        Of the rows as the user gave them, about.
    """

    scan: Scan
    kinds: dict[int, list[str]]
    features: dict[str, Any]
    n_bytes: int

    @property
    def number(self) -> int:
        """The first partition that has rows."""
        return min(self.kinds)


def scan_parts(parts: Sequence[Any], reader: Any, numbers: Sequence[int]) -> Scanned:
    """Return a shard, given its parts and their numbers among all partitions."""
    places = [k for k, part in enumerate(parts) if _n_rows(part)]
    own, pieces = [numbers[k] for k in places], [parts[k] for k in places]
    source = NumberedSource(copy(reader), pieces, own)
    scan = source.scan(inf) if pieces else None
    return Scanned(source, scan, dict(zip(own, source.kinds, strict=True)))


class NumberedSource(Source):
    """The parts of a shard as a stream, which names partitions by their numbers."""

    def __init__(self, reader: Any, parts: Sequence[Any], numbers: Sequence[int]) -> None:
        super().__init__(reader, _Again(parts))
        self.numbers, self.kinds = numbers, []

    def naming(self, number: int) -> AbstractContextManager[None]:
        """Return a context that names the partition in errors."""
        return naming_partition(f"Partition {self.numbers[number - 1]}")

    def found_columns(self, batch: Batch) -> FoundColumns:
        """Return what a part says of the columns, and remember it."""
        found = super().found_columns(batch)
        kinds = dict(zip(self.numbers, [*self.kinds, found.kinds], strict=False))
        require_one_kind(found.names, kinds)
        self.kinds.append(found.kinds)
        return found


class _Again:
    """``parts()`` returns an iterator over the parts."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts

    def __call__(self) -> Any:
        return iter(self.parts)


@contextmanager
def naming_partition(name: str) -> Iterator[None]:
    """Name a partition in errors, and call batches partitions."""
    try:
        with naming(name):
            yield
    except (ValueError, TypeError) as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (error.args[0].replace("batch", "partition"), *error.args[1:])
        raise


def _n_rows(part: Any) -> int:
    """Return the most rows of X, y and the weights in a part: reading it checks that all agree."""
    return max(map(n_rows, part))


def require_one_kind(names: Sequence[Any], kinds: dict[int, list[str]]) -> None:
    """Raise where a column holds categories in some partitions, and numbers in others."""
    for k, name in enumerate(names):
        first: dict[str, int] = {}
        for number, own in kinds.items():
            first.setdefault(own[k], number)
        first.pop(EMPTY, None)
        if len(first) > 1:
            words = ", and ".join(f"{kind} in partition {n}" for kind, n in first.items())
            raise TableError(
                f"Column {name!r} of X is {words}. Convert it to one dtype in all partitions, or"
                " name the categories in categorical_features."
            )


def seen(scanned: Scanned) -> Seen | None:
    """Return what the client sees of a shard; None if it has no rows."""
    scan = scanned.scan
    if scan is None:
        return None
    first, reader = scan.first, scanned.source.estimator
    shown = Batch(
        rows_of(first.X, slice(0, SHOWN_ROWS)), first.y[:SHOWN_TARGETS],
        None if first.w is None else first.w[:SHOWN_TARGETS],
    )  # fmt: skip
    columns = scan.columns._replace(sample=shown.X)
    features = {name: vars(reader)[name] for name in FEATURES if name in vars(reader)}
    n_bytes = sum(_n_bytes(batch.X) for batch in scan.kept)
    small = Scan(shown, columns, scan.totals, scan.n_rows, None)
    return Seen(small, scanned.kinds, features, n_bytes)


def _n_bytes(X: Any) -> int:
    if hasattr(X, "nbytes"):
        return int(X.nbytes)
    return int(X.memory_usage(index=False).sum()) if hasattr(X, "memory_usage") else 0


def read_rows(scanned: Scanned, schema: MergedSchema, target: Target, weigh: Any) -> Rows:
    """Return the rows of a shard that have weights above 0."""
    rows = scanned.source.kept_rows(scanned.scan, schema, target, False)
    return weigh(rows, scanned.scan.weights)


class WeighingAlone:
    """Gives the rows of the only shard their weights, as ``fit`` does."""

    def __init__(self, reader: Any, p: dict[str, Any], target: Target) -> None:
        self.reader, self.p, self.target = reader, p, target

    def __call__(self, rows: Rows, w: np.ndarray | None) -> Rows:
        w = self.reader._class_weighted(self.p, self.target, rows.Y, w)
        return present_rows(rows, w, None)[0]


def seen_of_all(found: Sequence[Seen]) -> Seen:
    """Return what is seen of all shards.

    Raises
    ------
    ValueError
        If partitions differ in their columns, in kind, in weights, or in the kind of y.
    """
    found = sorted(found, key=lambda own: own.number)
    first = found[0]
    kinds = {number: own for each in found for number, own in each.kinds.items()}
    for other in found[1:]:
        _require_alike(first, other)
    require_one_kind(first.scan.columns.names, dict(sorted(kinds.items())))
    columns: FoundColumns = first.scan.columns
    totals: TargetTotals = first.scan.totals
    for other in found[1:]:
        with naming_partition(f"Partition {other.number}"):
            columns, totals = columns.merge(other.scan.columns), totals.merge(other.scan.totals)
    scan = Scan(first.scan.first, columns, totals, sum(own.scan.n_rows for own in found), None)
    return Seen(scan, kinds, first.features, sum(own.n_bytes for own in found))


def _require_alike(first: Seen, other: Seen) -> None:
    """Raise where the partitions of two shards differ in more than their rows."""
    one, new = first.scan.first, other.scan.first
    at = f"Partition {other.number}"
    names, own = (list(seen.scan.columns.names) for seen in (first, other))
    if names != own:
        raise ValueError(
            f"{at} of X has other columns than partition {first.number}: {len(own)} and"
            f" {len(names)} columns. Give all partitions the same columns in the same order."
        )
    if (one.w is None) != (new.w is None):
        raise ValueError(f"{at} has sample_weight, or has it not, unlike partition {first.number}.")
    if one.y.shape[1:] != new.y.shape[1:]:
        columns = [own.shape[1] if own.ndim == 2 else 1 for own in (new.y, one.y)]
        raise ValueError(
            f"{at}: y has {columns[0]} columns, and {columns[1]} in partition {first.number}."
        )
