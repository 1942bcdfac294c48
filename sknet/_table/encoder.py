"""A `Table` -> the columns of the network's input: an array or a CSR matrix.

An `Encoder` is a sequence of blocks, each an encoding of some columns of X. The first call learns
it, from the rows that are trained on and from their weights. The blocks, from left to right:

1. the numbers, those that are encoded alike side by side, in their order;
2. indicators of those numbers of which some were missing;
3. categories of few levels, in their order;
4. the codes of categories that the network embeds.

What is learned is a dict of builtins and arrays, so that a pickle of an estimator holds no class of
this package.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import scipy.sparse

from sknet._engine.team import Team
from sknet._table.encoding import CODES, NUMBERS, EncodingSettings
from sknet._table.encodings import ENCODINGS, category_encoding, fixed_scaling, number_encodings
from sknet._table.statistics import TableStatistics
from sknet._table.table import Table
from sknet._threads import free_threads

#: Above this number of elements, threads share the rows. Below, starting a thread takes longer
#: than what it saves.
ELEMENTS_FOR_THREADS = 1 << 20
#: Elements that are encoded at once, so that they stay in the cache from one pass to the next:
#: 5,000 x 784 took 10 ms with chunks and two threads, 14 ms without.
ELEMENTS_PER_CHUNK = 1 << 18
#: Relative distance from a code for missing numbers within which a number is that code.
CODE_TOLERANCE = 1e-6


class Encoder:
    """What has been learned of the columns of X.

    Parameters
    ----------
    state : mapping
        ``asked``, the parameters by which it was learned (`EncodingSettings`);
        ``knots``, the columns that the network embeds piecewise linearly, with their knots;
        ``categorical`` (bool, (n_features,)), which columns of X are categories; ``levels``, the
        sorted levels of each category, None where it is left out; ``missing``, the share of the
        weight that is missing in each column of X; ``codes``, arrays of numbers that are read as
        missing, one for each column or NaN; ``blocks``, the state of each `Encoding`.

    Attributes
    ----------
    blocks : list of Encoding
    n_columns : int
        Columns that `encode` returns.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state = state
        self.categorical, self.levels = state["categorical"], state["levels"]
        self.blocks = [ENCODINGS[block["encoding"]](block) for block in state["blocks"]]
        self._places, at = [], 0
        for block in self.blocks:
            self._places.append(slice(at, at + block.n_columns))
            at += block.n_columns
        self.n_columns = at
        self.knots, self.periodic = state["knots"], state["periodic"]

    def with_knots(self, knots: Sequence[tuple[int, np.ndarray]]) -> "Encoder":
        """Return the encoder of a network that embeds numbers piecewise linearly."""
        return Encoder({**self.state, "knots": list(knots)})

    def with_periods(self, columns: Sequence[int], n_frequencies: int) -> "Encoder":
        """Return the encoder of a network that embeds these columns of numbers by cosines."""
        return Encoder({**self.state, "periodic": (list(columns), n_frequencies)})

    @property
    def number_columns(self) -> list[int]:
        """The columns of `encode` that hold numbers."""
        pairs = zip(self.blocks, self._places, strict=True)
        own = [place for block, place in pairs if block.reads == NUMBERS and block.describes]
        return [k for place in own for k in range(place.start, place.stop)]

    @classmethod
    def fit(cls, table: Table, w: np.ndarray | None, p: Any, continues: bool = False) -> "Encoder":
        """Learn from the rows of `table`, all of weights above 0, by the parameters `p`.

        `p` is a mapping, or an object with attributes, that has the names of `EncodingSettings`.
        `continues` tells whether more rows will be trained on: see `Statistics`.
        """
        settings = EncodingSettings.of(p)
        scaling = fixed_scaling(settings)
        quartiles = scaling is not None and ENCODINGS[scaling].needs_quartiles
        found = TableStatistics.of(table, w, quartiles, shapes=scaling is None)
        found = found._replace(numbers=found.numbers._replace(continues=continues))
        return cls.of_statistics(found, table.categorical, settings)

    @classmethod
    def of_statistics(
        cls, found: TableStatistics, categorical: np.ndarray, settings: EncodingSettings
    ) -> "Encoder":
        """Return the encoder for these statistics of all rows."""
        missing = found.numbers.missing
        if found.levels:
            missing = np.empty(len(categorical))
            missing[~categorical] = found.numbers.missing
            missing[categorical] = [own.missing / own.total for own in found.levels]
        blocks = [*_blocks_of_numbers(found, settings), *_blocks_of_categories(found, settings)]
        asked = {name: plain_parameter(value) for name, value in settings._asdict().items()}
        return cls(
            {
                "asked": asked,
                "categorical": categorical,
                "levels": [own.levels for own in found.levels],
                "missing": missing,
                "codes": list(found.numbers.codes.copy()),
                "blocks": blocks,
                "knots": [],
                "periodic": ([], 0),
            }
        )

    @property
    def n_dense(self) -> int:
        """Columns before the codes of embedded categories."""
        return sum(block.n_columns for block in self.blocks if not block.embeds)

    @property
    def n_units(self) -> int:
        """Columns that the first dense layer sees."""
        codes = sum(len(edges) - 1 for _, edges in self.knots)
        columns, n_frequencies = self.periodic
        return sum(block.n_units for block in self.blocks) + codes + len(columns) * n_frequencies

    @property
    def embedded(self) -> list[int]:
        """The categories that the network embeds."""
        return [k for block in self.blocks if block.embeds for k in block.columns.tolist()]

    @property
    def embedded_levels(self) -> tuple[int, ...]:
        """Number of levels of each embedded category."""
        return tuple(count for block in self.blocks for count in block.embedded_levels)

    @property
    def dim(self) -> int:
        """Numbers that the network learns for each level of an embedded category."""
        return max((block.dim for block in self.blocks if block.embeds), default=0)

    @property
    def counts(self) -> list[int]:
        """Number of codes of each category, in the order of the blocks."""
        return [count for block in self.blocks for count in block.counts]

    @property
    def centred(self) -> bool:
        """Whether zeros of X become other values, so that sparse rows have to be made dense."""
        return any(block.centred for block in self.blocks)

    @property
    def learns(self) -> bool:
        """Whether anything depends on the rows that were seen first."""
        return any(block.learns for block in self.blocks)

    @property
    def changes_nothing(self) -> bool:
        """Whether the network's columns are those of X, as long as none is missing."""
        return len(self.blocks) == 1 and self.blocks[0].changes_nothing and not self.state["codes"]

    def is_consistent(self) -> bool:
        """Whether the parts of the state fit together. The state may come from a file."""
        state, n_features = self.state, len(self.categorical)
        n_categories = int(np.sum(self.categorical))
        n_numbers = n_features - n_categories
        embeds = [block.embeds for block in self.blocks]
        return (
            set(state["asked"]) == set(EncodingSettings._fields)
            and self.categorical.dtype == bool
            and self.categorical.shape == state["missing"].shape == (n_features,)
            and len(self.levels) == n_categories
            and all(own.dtype.kind == "f" and own.shape == (n_numbers,) for own in state["codes"])
            and all(block.is_consistent(n_numbers, self.levels) for block in self.blocks)
            and self._described_once(NUMBERS, n_numbers)
            and self._described_once(CODES, n_categories)
            and embeds == sorted(embeds)  # these blocks come last
            and len({block.dim for block in self.blocks if block.embeds}) <= 1
            and all(self._is_knots(*own) for own in self.knots)
            and set(self.periodic[0]) <= set(range(self.n_dense))
            and self.periodic[1] >= 0
        )

    def _is_knots(self, column: int, edges: np.ndarray) -> bool:
        """Whether these may be the knots of a column of the network's input."""
        increase = edges.ndim == 1 and len(edges) > 1 and bool(np.all(np.diff(edges) > 0.0))
        return 0 <= column < self.n_dense and increase

    def _described_once(self, reads: str, n_columns: int) -> bool:
        """Whether each of the numbers, or of the categories, is described by one block."""
        own = (block for block in self.blocks if block.reads == reads and block.describes)
        return sorted(k for block in own for k in block.columns.tolist()) == list(range(n_columns))

    # ------------------------------------------------------------ scaling by the first layer

    @cached_property
    def unscaled(self) -> "Encoder | None":
        """An encoder without scaling, for a first layer that scales instead: see `fold`.

        None, if a block cannot do without, or if rounding would show.
        """
        blocks = [block.unscaled() for block in self.blocks]
        return None if None in blocks else Encoder({**self.state, "blocks": blocks})

    def fold(self, W: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
        """Return W (n_members, n_in, n_out) and b of a first layer that scales its input itself."""
        parts = [
            block.fold(W[:, own]) for block, own in zip(self.blocks, self._places, strict=True)
        ]
        folded, shift = parts[0]
        if len(parts) > 1:
            folded = np.concatenate([W for W, _ in parts], axis=1)
            shift = np.sum([shift for _, shift in parts], axis=0)
        return {"W": folded, "b": (b - shift[:, None]).astype(b.dtype)}

    # ------------------------------------------------------------ encoding

    def encode(self, table: Table, dtype: np.dtype, out: np.ndarray | None = None) -> Any:
        """Return the network's columns for some rows.

        Parameters
        ----------
        table : Table
        dtype : dtype
        out : ndarray, optional
            Where to write them; not for sparse rows.

        Returns
        -------
        ndarray, C-ordered, or CSR matrix, of shape (n_samples, n_columns)

        Raises
        ------
        ValueError
            Where a number is infinite, or too large for `dtype`; names the column.
        """
        with np.errstate(over="raise", invalid="ignore"):
            if table.is_sparse:
                table = table[:]
                return self._encoded_sparse(table, dtype)
            if out is None and self.changes_nothing and table.gaps() is None:
                return self.blocks[0].cast(table, dtype)
            if out is None:
                out = np.empty((table.shape[0], self.n_columns), dtype)
            n_rows = max(1, ELEMENTS_PER_CHUNK // max(self.n_columns, 1))
            if table.shape[0] <= n_rows:
                self._encode_rows(table[:], out)
                return out
            starts = iter(range(0, table.shape[0], n_rows))  # all threads take from it

            def encode_some(_: int) -> None:
                with np.errstate(over="raise", invalid="ignore"):
                    for start in starts:
                        rows = slice(start, start + n_rows)
                        self._encode_rows(table[rows], out[rows])

            team = Team(free_threads() if out.size > ELEMENTS_FOR_THREADS else 1)
            team(encode_some, team.size)
            return out

    def _encode_rows(self, table: Table, out: np.ndarray) -> None:
        table = self._without_codes(table)
        gaps = table.gaps()
        for block, own in zip(self.blocks, self._places, strict=True):
            block.encode(table, gaps, out[:, own])

    def _without_codes(self, table: Table) -> Table:
        """Return the rows with NaN in place of the codes for missing numbers."""
        codes = self.state["codes"]
        if not codes:
            return table
        numbers = table.numbers
        with np.errstate(invalid="ignore", over="ignore"):
            # X may be float32 in one call, and float64 in the next
            near = [np.abs(numbers - own) <= CODE_TOLERANCE * np.abs(own) for own in codes]
        coded = np.logical_or.reduce(near)
        return table.with_numbers(np.where(coded, np.nan, numbers)) if coded.any() else table

    def _encoded_sparse(self, table: Table, dtype: np.dtype) -> Any:
        parts = [block.encode_sparse(table, dtype) for block in self.blocks]
        if len(parts) == 1:
            return parts[0]
        stacked = scipy.sparse.hstack(parts, format="csr", dtype=dtype)
        stacked.eliminate_zeros()
        return stacked

    # ------------------------------------------------------------ description

    def described(self, names: Sequence[Any]) -> dict[str, list[Any]]:
        """Return what happens to each column of X, as columns of a table: see `input_encoding_`."""
        unset = {
            "encoding": None, "centre": None, "scale": None, "missing_codes": None, "levels": None
        }  # fmt: skip
        rows: list[dict[str, Any]] = [{**unset, "engine_columns": []} for _ in self.categorical]
        place_in_X = {
            NUMBERS: np.flatnonzero(~self.categorical), CODES: np.flatnonzero(self.categorical)
        }  # fmt: skip
        at = 0
        for block in self.blocks:
            described = block.describe(at, self.levels)
            for k, entries in zip(block.columns, described, strict=True):
                row = rows[place_in_X[block.reads][k]]
                own = row["engine_columns"] + entries["engine_columns"]
                row.update(entries, engine_columns=own)
            at += block.n_units
        for k, place in enumerate(place_in_X[NUMBERS]):
            codes = [own[k].item() for own in self.state["codes"]]
            rows[place]["missing_codes"] = [code for code in codes if code == code]
        return {
            "column": list(names),
            "kind": ["category" if category else "number" for category in self.categorical],
            **{name: [row[name] for row in rows] for name in unset},
            "missing": self.state["missing"].tolist(),
            "engine_columns": [row["engine_columns"] for row in rows],
        }


def _block(name: str, columns: Any, found: Any, settings: EncodingSettings) -> dict[str, Any]:
    """Return the state of a fitted block."""
    fitted = ENCODINGS[name].fit(found, settings)
    return {"encoding": name, "columns": np.asarray(columns, np.intp), **fitted}


def _blocks_of_numbers(
    found: TableStatistics, settings: EncodingSettings
) -> Iterator[dict[str, Any]]:
    """Yield the states of the blocks that read numbers."""
    numbers = found.numbers
    names = number_encodings(settings, numbers)
    for name in dict.fromkeys(names.tolist()):
        columns = np.flatnonzero(names == name)
        yield _block(name, columns, numbers.take(columns), settings)
    missing = numbers.missing
    if missing.any():
        partly = np.flatnonzero((missing > 0.0) & (missing < 1.0) & ~numbers.two_valued)
        if len(partly):
            yield _block("missing", partly, numbers.take(partly), settings)


def _blocks_of_categories(
    found: TableStatistics, settings: EncodingSettings
) -> Iterator[dict[str, Any]]:
    """Yield the states of the blocks that read codes; adjacent categories share a block.

    Embedded categories come last, all in one block.
    """
    encoded = [own.encoded(settings.min_frequency) for own in found.levels]
    names = [
        "left out" if own.levels is None else category_encoding(settings, codes.count)
        for own, codes in zip(found.levels, encoded, strict=True)
    ]
    order = sorted(range(len(names)), key=lambda k: ENCODINGS[names[k]].embeds)
    for name, adjacent in groupby(order, key=names.__getitem__):
        columns = list(adjacent)
        yield _block(name, columns, [encoded[k] for k in columns], settings)


def plain_parameter(value: Any) -> Any:
    """Return a parameter as builtins, so that it can be kept and compared."""
    if value is None or isinstance(value, str) or type(value) in (bool, int, float):
        return value
    if np.ndim(value) == 0:
        return value.item() if isinstance(value, np.generic) else value
    return [v.item() if isinstance(v, np.generic) else v for v in value]
