"""Encodings of categories: -1 and +1, one-hot, codes for an embedding, and left out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sknet._table.encoding import CODES, Encoding, EncodingSettings
from sknet._table.levels import LevelCodes
from sknet._table.table import Table

#: The largest embedding_dim that "auto" picks. Measured with a useless column of 300 levels: RMSE
#: 1.028 times that without the column with 4, 1.045 with 16; a useful one gains equally from both.
LARGEST_DIM = 4


class Categories(Encoding):
    """Categories, from codes: 1, 2, ... for levels, 0 for missing and unknown ones.

    A subclass implements `write`, and `widths_of` if it is not one column for each category.
    """

    reads = CODES

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state, self.columns = state, state["columns"]
        self.maps, self.counts = state["maps"], state["counts"]
        self.widths = self.widths_of(self.counts)
        self.n_columns = sum(self.widths)

    @classmethod
    def fit(cls, found: Sequence[LevelCodes], settings: EncodingSettings) -> dict[str, Any]:
        return {"maps": [own.codes for own in found], "counts": [own.count for own in found]}

    @staticmethod
    def widths_of(counts: Sequence[int]) -> list[int]:
        """Return how many columns are written for each category, by its number of codes."""
        return [1] * len(counts)

    def write(self, codes: np.ndarray, out: np.ndarray) -> None:
        """Write the columns of one category."""
        raise NotImplementedError

    def encode(self, table: Table, gaps: np.ndarray | None, out: np.ndarray) -> None:
        at = 0
        for k, codes, width in zip(self.columns.tolist(), self.maps, self.widths, strict=True):
            self.write(codes[table.codes[:, k]], out[:, at : at + width])
            at += width

    def describe(self, at: int, levels: Sequence[list[Any] | None]) -> list[dict[str, Any]]:
        rows = []
        widths = self.widths if not self.dim else [self.dim] * len(self.widths)
        for k, codes, count, width in zip(
            self.columns, self.maps, self.counts, widths, strict=True
        ):
            rows.append(
                {
                    "encoding": self.state["encoding"],
                    "levels": _levels_by_code(codes, count, levels[k]),
                    "engine_columns": list(range(at, at + width)),
                }
            )
            at += width
        return rows

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        return (
            super().is_consistent(n_numbers, levels)
            and len(self.maps) == len(self.counts) == len(self.columns)
            and all(type(count) is int for count in self.counts)
            and all(levels[k] is not None for k in self.columns)
            and all(
                codes.dtype.kind in "iu"
                and codes.shape == (len(levels[k]) + 1,)
                and np.all((0 <= codes) & (codes <= count))
                for k, codes, count in zip(self.columns, self.maps, self.counts, strict=True)
            )
        )


def _levels_by_code(codes: np.ndarray, count: int, levels: list[Any]) -> list[Any]:
    """Return the level of each code from 1 on; a list, where several levels have the code."""
    groups = [
        [levels[k] for k in np.flatnonzero(codes[:-1] == code)] for code in range(1, count + 1)
    ]
    return [group[0] if len(group) == 1 else group for group in groups]


class OneColumn(Categories):
    """One column for each category, whose value depends on the code: see `value_of`.

    The values of all levels are in one array, so that all columns are looked up at once.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        maps = [np.roll(codes, 1) for codes in self.maps]  # the missing one first
        self._starts = np.cumsum([1, *map(len, maps)])[:-1].astype(np.int32)
        self._values = self.value_of(np.concatenate(maps) if maps else np.empty(0, np.intp))

    @staticmethod
    def value_of(codes: np.ndarray) -> np.ndarray:
        """Return the value of each code."""
        raise NotImplementedError

    def encode(self, table: Table, gaps: np.ndarray | None, out: np.ndarray) -> None:
        codes = table.codes
        if codes.shape[1] > len(self.columns):
            codes = codes[:, self.columns]
        out[:] = self._values[codes + self._starts]


class Signs(OneColumn):
    """One column for a category of two levels: -1 and +1; 0 where missing or unknown."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        self._all_known = all(codes.tolist() == [1, 2, 0] for codes in self.maps)

    @staticmethod
    def value_of(codes: np.ndarray) -> np.ndarray:
        return np.array([0.0, -1.0, 1.0])[np.minimum(codes, 2)]

    def encode(self, table: Table, gaps: np.ndarray | None, out: np.ndarray) -> None:
        codes = table.codes
        if self._all_known and codes.shape[1] == len(self.columns):
            np.multiply(2 * codes - 1, codes >= 0, out=out, casting="unsafe")  # 6 times as fast
        else:
            super().encode(table, gaps, out)

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        return super().is_consistent(n_numbers, levels) and all(c == 2 for c in self.counts)


class OneHot(Categories):
    """A column of 0 and 1 for each level; all are 0 where missing or unknown."""

    @staticmethod
    def widths_of(counts: Sequence[int]) -> list[int]:
        return [count or 1 for count in counts]

    def write(self, codes: np.ndarray, out: np.ndarray) -> None:
        out[:] = 0.0
        known = codes.nonzero()[0]  # np.flatnonzero costs more than it for one row
        out[known, codes[known] - 1] = 1.0


class LeftOut(Categories):
    """No column, for identifiers: text that is different in nearly every row."""

    @staticmethod
    def widths_of(counts: Sequence[int]) -> list[int]:
        return [0] * len(counts)

    def encode(self, table: Table, gaps: np.ndarray | None, out: np.ndarray) -> None:
        pass

    def describe(self, at: int, levels: Sequence[list[Any] | None]) -> list[dict[str, Any]]:
        return [{"encoding": self.state["encoding"], "engine_columns": []} for _ in self.columns]

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        return Encoding.is_consistent(self, n_numbers, levels) and all(
            levels[k] is None for k in self.columns
        )

    def unscaled(self) -> dict[str, Any]:
        return dict(self.state)

    def fold(self, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return W, np.zeros((len(W), W.shape[2]), W.dtype)


class EmbeddingCodes(OneColumn):
    """The code of each category, for which the network learns `dim` numbers a level."""

    embeds = True

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        self.dim = state["dim"]

    @property
    def embedded_levels(self) -> tuple[int, ...]:
        return tuple(self.counts)

    @property
    def n_units(self) -> int:
        return len(self.counts) * self.dim

    @classmethod
    def fit(cls, found: Sequence[LevelCodes], settings: EncodingSettings) -> dict[str, Any]:
        dim = settings.embedding_dim
        if dim == "auto":  # enough to tell all levels apart, up to a bound
            dim = min(LARGEST_DIM, max(own.count for own in found))
        return {**super().fit(found, settings), "dim": int(dim)}

    @staticmethod
    def value_of(codes: np.ndarray) -> np.ndarray:
        return codes

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        return super().is_consistent(n_numbers, levels) and type(self.dim) is int and self.dim > 0
