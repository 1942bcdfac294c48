"""Levels of a category with their weights, and the codes that are given to them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sknet._table.kinds import in_words, kind_of_type
from sknet._table.messages import TableError


class LevelCodes(NamedTuple):
    """The code of each level: 1, 2, ...; 0 stands for unknown and missing ones.

    Attributes
    ----------
    codes : ndarray of int of shape (n_levels + 1,)
        In the order of the levels. The last entry, for missing values, is 0.
    count : int
        The largest code.
    """

    codes: np.ndarray
    count: int


class LevelTable(NamedTuple):
    """The levels of a category, and the weight of each.

    Attributes
    ----------
    levels : list or None
        Sorted; None for a column that is left out.
    weights : ndarray of shape (n_levels,)
        Sum of the weights of the rows with this level.
    missing : float
        Sum of the weights of the rows where the value is missing.
    total : float
        Sum of the weights of all rows.
    """

    levels: list[Any] | None
    weights: np.ndarray
    missing: float
    total: float

    @classmethod
    def of_codes(
        cls, codes: np.ndarray, levels: Sequence[list[Any] | None], w: np.ndarray | None
    ) -> list["LevelTable"]:
        """Return the table of each category; a column of `codes` holds -1 where it is missing."""
        if w is not None:
            w = w.astype(np.float64)
        total = float(len(codes)) if w is None else w.sum()
        tables = []
        for column, own in zip(codes.T, levels, strict=True):
            sums = np.bincount(column + 1, weights=w, minlength=len(own or ()) + 1)
            if own is None:
                tables.append(cls(None, np.empty(0), float(sums[0]), total))
            else:
                tables.append(cls(list(own), sums[1:], float(sums[0]), total))
        return tables

    def merge(self, other: "LevelTable") -> "LevelTable":
        """Return the table of the rows of both.

        It is equal to the table of all rows at once: exactly without weights, else up to the
        rounding of sums.

        Raises
        ------
        TableError
            If the levels of the two are of different kinds, such as text and numbers.
        """
        missing, total = self.missing + other.missing, self.total + other.total
        if self.levels is None or other.levels is None:
            return LevelTable(None, np.empty(0), missing, total)
        levels = {*self.levels, *other.levels}
        kinds = {kind_of_type(type(level)) for level in (*self.levels, *other.levels)}
        if len(kinds) > 1:
            raise TableError(
                f"A category of X holds {in_words(kinds)} in different parts of the rows. Convert"
                " the column to one type in all parts."
            )
        weight = dict.fromkeys(sorted(levels), 0.0)
        for table in (self, other):
            for level, sum_of_weights in zip(table.levels, table.weights.tolist(), strict=True):
                weight[level] += sum_of_weights
        return LevelTable(
            list(weight),
            np.fromiter(weight.values(), float, len(weight)),
            missing,
            total,
        )

    def encoded(self, min_frequency: float | int) -> LevelCodes:
        """Return the codes of the levels.

        A level without weight has code 0, like an unknown one. All levels whose share of the weight
        is less than `min_frequency` have the last code in common. An int is a number of rows, each
        of which counts as its weight, where the mean weight is 1.
        """
        shares = self.weights / self.total
        there = shares > 0.0
        is_share = isinstance(min_frequency, float)
        rare = there & ((shares if is_share else self.weights) < min_frequency)
        codes = np.zeros(len(shares) + 1, np.intp)
        frequent = np.flatnonzero(there & ~rare)
        codes[frequent] = np.arange(1, len(frequent) + 1)
        count = len(frequent)
        if rare.any():
            count += 1
            codes[:-1][rare] = count
        return LevelCodes(codes, count)
