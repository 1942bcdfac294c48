"""Rows: as read, and as the engine takes them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sknet._engine.batches import with_column_of_ones
from sknet._engine.one_hot import restored, stored
from sknet._table.encoder import Encoder
from sknet._table.table import Selection, Table
from sknet._target.target import cast_target


class EncodedRows(NamedTuple):
    """Encoded rows: X is a C-ordered array or a CSR matrix; all arrays have one dtype."""

    X: Any
    Y: np.ndarray
    w: np.ndarray | None


class Rows(NamedTuple):
    """Rows as read: a `Table`, encoded targets, weights, and codes to stratify a hold-out."""

    X: Table
    Y: np.ndarray
    w: np.ndarray | None
    strata: np.ndarray | None

    def take(self, rows: np.ndarray) -> "Rows":
        """Return the rows with these indices."""
        return Rows(*(None if a is None else a[rows] for a in self))

    def selected(self, rows: np.ndarray) -> "Rows":
        """Return the rows with these indices; those of X are copied only where they are used."""
        return Rows(Selection(self.X, rows), *(None if a is None else a[rows] for a in self[1:]))

    @classmethod
    def stacked(cls, parts: Sequence["Rows"], with_source: bool = False) -> "Rows":
        """Return several parts below each other."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        kept = np.concatenate([stored(own.Y) for own in parts])
        w, strata = (
            None if own[0] is None else np.concatenate(own)
            for own in ([part.w for part in parts], [part.strata for part in parts])
        )
        X = Table.stacked([own.X for own in parts], with_source)
        return cls(X, restored(kept, first.Y), w, strata)

    def present(self) -> "Rows":
        """Return the rows with a weight other than 0."""
        return self if self.w is None or self.w.all() else self.take(np.flatnonzero(self.w))

    def encoded(
        self, encoder: Encoder, dtype: np.dtype, Y: np.ndarray, with_ones: bool = False
    ) -> EncodedRows:
        """Return the encoded rows in `dtype`, with targets `Y` in the engine's units.

        If `with_ones`, X ends with an additional column of ones.
        """
        w = None if self.w is None else self.w.astype(dtype)
        if with_ones:
            X, columns = with_column_of_ones(len(self.Y), encoder.n_columns, dtype)
            encoder.encode(self.X, dtype, columns)
        else:
            X = encoder.encode(self.X, dtype)
        return EncodedRows(X, cast_target(Y, dtype), w)
