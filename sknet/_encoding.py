"""A `Table` -> the columns that the network computes with: scaled, imputed, encoded.

Learned once, by the first call, from the rows that are trained on and by their weights. The columns
of the engine, from left to right:

1. the numbers, in their order: missing ones imputed by the median, then scaled;
2. for each of them that had missing values, 1 where it is missing, else 0;
3. categories of two levels, -1 and +1, and of few levels, one-hot; 0 where missing or unknown;
4. categories of more levels, as codes for the embedding of the engine: 0 where missing or unknown.

What is learned is a dict of arrays and lists, so that a pickle of an estimator holds no class of
this module.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from sknet._columns import TableError
from sknet._engine.team import Team
from sknet._statistics import Statistics, of_columns, of_sparse_columns
from sknet._table import Table, refuse_infinite
from sknet._threads import free_threads

#: What feature_scaling="auto" is, for dense and for sparse X.
AUTO_SCALING, AUTO_SPARSE_SCALING = "standard", "max_abs"
#: The parameters by which is learned.
ASKED = (
    "feature_scaling", "categorical_features", "min_frequency", "max_onehot", "embedding_dim",
)  # fmt: skip
#: Elements above which threads share the rows.
SHARED = 1 << 20
#: Elements that are encoded at once.
CHUNK = 1 << 18
#: Bounds of the smooth clip of "robust".
CLIP = 3.0
#: Means, in standard deviations, and scales up to which the first layer can do the scaling.
FOLD_CENTRE, FOLD_SCALE = 4.0, 1e3
#: Constants up to which nothing overflows on the way to a weight of 0.
FOLD_CONSTANT = 1e30
#: The largest embedding_dim that "auto" picks.
LARGEST_DIM = 16


def auto_dim(n_levels: int) -> int:
    """Return embedding_dim="auto" for so many levels: enough to tell all apart, up to 16."""
    return min(LARGEST_DIM, n_levels)


class Encoder:
    """What has been learned of the columns of X.

    Parameters
    ----------
    state : mapping
        ``asked`` (the parameters that it was learned by); ``categorical`` (bool, (n_features,));
        ``scaling`` (str or None); of each column of numbers
        ``centre``, ``factor`` and ``fill`` (in the units of X), ``indicated`` (the places of those
        with an indicator); ``missing`` (share of the weight, of each column of X); of each category
        its ``levels`` (list), ``maps`` (code of each level, and of the missing one at the end) and
        ``counts`` (codes, without 0); ``max_onehot``, ``dim``.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state = state
        self.categorical, self.levels = state["categorical"], state["levels"]
        self.scaling, self.maps, self.counts = state["scaling"], state["maps"], state["counts"]
        self.indicated, self.dim = state["indicated"], state["dim"]
        self.n_numbers = len(state["fill"])
        self.embedded = [
            k for k, count in enumerate(self.counts) if count > max(2, state["max_onehot"])
        ]
        self.widths = [
            0 if k in self.embedded else 1 if count == 2 else max(count, 1)
            for k, count in enumerate(self.counts)
        ]
        #: Columns of the engine before the codes of embedded categories.
        self.n_dense = self.n_numbers + len(self.indicated) + sum(self.widths)
        self.n_columns = self.n_dense + len(self.embedded)
        self._of_dtype: dict[Any, tuple[np.ndarray, ...]] = {}

    @classmethod
    def fit(cls, table: Table, w: np.ndarray | None, p: Mapping[str, Any]) -> "Encoder":
        """Learn from the rows of `table`, none of weight 0, by the parameters `p`."""
        X = table.numbers
        sparse = scipy.sparse.issparse(X)
        scaling = p["feature_scaling"]
        if scaling == "auto":
            scaling = AUTO_SPARSE_SCALING if sparse else AUTO_SCALING
        found = of_sparse_columns(X, w) if sparse else of_columns(X, w, scaling == "robust")
        centre, scale = _centre_scale(found, scaling, sparse)
        with np.errstate(over="ignore"):  # of denormal scales
            factor = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0.0)
        weights = np.ones(table.shape[0]) if w is None else w.astype(np.float64)
        shares = [
            np.bincount(codes + 1, weights=weights, minlength=len(levels) + 1) / weights.sum()
            for codes, levels in zip(table.codes.T, table.levels, strict=True)
        ]
        encoded = [_merged(share[1:], float(p["min_frequency"])) for share in shares]
        counts = [count for _, count in encoded]
        missing = np.empty(len(table.categorical))
        missing[~table.categorical] = found.missing
        missing[table.categorical] = [share[0] for share in shares]
        partly = (found.missing > 0.0) & (found.missing < 1.0)
        largest = max([count for count in counts if count > p["max_onehot"]], default=0)
        return cls(
            {
                "asked": {name: plain_parameter(p[name]) for name in ASKED},
                "categorical": table.categorical,
                "scaling": scaling,
                "centre": centre,
                "factor": np.minimum(factor, np.finfo(float).max),
                "fill": found.quartiles[1].copy(),
                "indicated": np.flatnonzero(partly),
                "missing": missing,
                "levels": [list(levels) for levels in table.levels],
                "maps": [codes for codes, _ in encoded],
                "counts": counts,
                "max_onehot": int(p["max_onehot"]),
                "dim": auto_dim(largest) if p["embedding_dim"] == "auto" else p["embedding_dim"],
            }
        )

    @property
    def embedded_levels(self) -> tuple[int, ...]:
        """Number of levels of each embedded category."""
        return tuple(self.counts[k] for k in self.embedded)

    @property
    def centred(self) -> bool:
        """Whether something is subtracted from the numbers, so that sparse ones become dense."""
        return bool(np.any(self.state["centre"]))

    @property
    def n_units(self) -> int:
        """Columns that the first dense layer sees."""
        return self.n_dense + len(self.embedded) * self.dim

    def is_consistent(self) -> bool:
        """Whether the parts of the state can belong together: none of it is trusted."""
        state, n_categories = self.state, int(np.sum(self.categorical))
        numbers = [state[name] for name in ("centre", "factor", "fill")]
        return (
            set(state["asked"]) == set(ASKED)
            and self.categorical.dtype == bool
            and self.categorical.shape == state["missing"].shape
            and all(a.shape == (len(self.categorical) - n_categories,) for a in numbers)
            and all(np.isfinite(a).all() for a in numbers)
            and self.scaling in (None, "standard", "robust", "max_abs")
            and all(a.dtype.kind in "iu" for a in (self.indicated, *self.maps))
            and bool(np.all((0 <= self.indicated) & (self.indicated < self.n_numbers)))
            and len(self.levels) == len(self.maps) == len(self.counts) == n_categories
            and all(len(a) == len(b) + 1 for a, b in zip(self.maps, self.levels, strict=True))
            and all(
                np.all((0 <= codes) & (codes <= count))
                for codes, count in zip(self.maps, self.counts, strict=True)
            )
        )

    @property
    def learns(self) -> bool:
        """Whether anything depends on the rows that were seen first."""
        return self.scaling is not None or len(self.indicated) > 0 or bool(self.counts)

    @property
    def changes_nothing(self) -> bool:
        """Whether the engine's columns are those of X, as long as none is missing."""
        return self.scaling is None and self.n_columns == self.n_numbers

    # ------------------------------------------------------------ scaling by the first layer

    def unscaled(self) -> "Encoder | None":
        """Return an encoder without scaling, for a first layer that scales instead: see `fold`.

        None where it cannot, or where rounding would show: where means are far from 0 in units of
        the standard deviation, the difference has to be taken first.
        """
        centre, factor = self.state["centre"], self.state["factor"]
        if self.scaling != "standard" or self.n_columns != self.n_numbers:
            return None
        near = np.abs(centre * factor) <= FOLD_CENTRE
        usual = (1.0 / FOLD_SCALE <= factor) & (factor <= FOLD_SCALE)
        constant = (factor == 0.0) & (np.abs(centre) <= FOLD_CONSTANT)
        if not np.all(near & usual | constant):
            return None
        return Encoder({**self.state, "scaling": None})

    def fold(self, W: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
        """Return W (n_members, n_in, n_out) and b of a first layer that scales its input itself.

        | ((x - c) f) W + b = x (f W) + (b - (c f) W)
        """
        centre, factor = self.state["centre"], self.state["factor"]
        shift = (centre * factor) @ W.astype(np.float64)
        return {
            "W": (W * factor[:, None]).astype(W.dtype),
            "b": (b - shift[:, None]).astype(b.dtype),
        }

    # ------------------------------------------------------------ encoding

    def encode(self, table: Table, dtype: np.dtype, out: np.ndarray | None = None) -> Any:
        """Return the engine's columns of some rows, in `dtype`: C-ordered, or CSR.

        Parameters
        ----------
        table : Table
        dtype : dtype
        out : ndarray, optional
            Where to put them; not for sparse rows.

        Raises
        ------
        ValueError
            Where a number is infinite, or too large for `dtype`; names the column.
        """
        numbers = table.numbers
        with np.errstate(over="raise", invalid="ignore"):
            if scipy.sparse.issparse(numbers):
                return self._encoded_sparse(table, dtype)
            if self.changes_nothing and out is None and _gaps(table) is None:
                try:
                    return numbers.astype(dtype, order="C", copy=False)
                except FloatingPointError:
                    raise self._too_large(table, numbers, dtype) from None
            if out is None:
                out = np.empty((len(numbers), self.n_columns), dtype)
            n_rows = max(1, CHUNK // max(self.n_columns, 1))
            starts = iter(range(0, len(numbers), n_rows))  # shared by threads

            def encode_some(_: int) -> None:
                with np.errstate(over="raise", invalid="ignore"):
                    for start in starts:
                        rows = slice(start, start + n_rows)
                        self._encode_dense(table[rows], out[rows])

            team = Team(free_threads() if out.size > SHARED else 1)
            team(encode_some, team.size)
            return out

    def _numbers_in(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        """Return centre, factor and fill in the precision of X."""
        if dtype not in self._of_dtype:
            largest = np.finfo(dtype).max
            self._of_dtype[dtype] = tuple(
                np.clip(self.state[name], -largest, largest).astype(dtype)
                for name in ("centre", "factor", "fill")
            )
        return self._of_dtype[dtype]

    def _encode_dense(self, table: Table, out: np.ndarray) -> None:
        X, codes, n = table.numbers, table.codes, self.n_numbers
        scaled, rest = out[:, :n], out[:, n : n + len(self.indicated)]
        centre, factor, fill = self._numbers_in(X.dtype)
        gaps = _gaps(table)
        if gaps is not None:
            X = np.where(gaps, fill, X)
        try:
            self._scale(X, scaled)
        except FloatingPointError:  # where no constant of training has changed, an error
            try:
                self._scale(np.where(factor > 0.0, X, centre), scaled)
            except FloatingPointError:
                with np.errstate(all="ignore"):
                    scaled_there = (X - centre) * np.where(factor > 0.0, factor, 0.0)
                    scaled_there[:, factor == 0.0] = 0.0
                raise self._too_large(table, scaled_there, out.dtype) from None
        rest[:] = 0.0 if gaps is None else gaps[:, self.indicated]
        at = n + len(self.indicated)
        for k, width in enumerate(self.widths):
            if k in self.embedded:
                continue
            code, columns = self.maps[k][codes[:, k]], out[:, at : at + width]
            if self.counts[k] == 2:
                columns[:, 0] = np.array([0.0, -1.0, 1.0])[code]
            else:
                columns[:] = 0.0
                known = np.flatnonzero(code)
                columns[known, code[known] - 1] = 1.0
            at += width
        for k in self.embedded:
            out[:, at] = self.maps[k][codes[:, k]]
            at += 1

    def _scale(self, X: np.ndarray, out: np.ndarray) -> None:
        """Write the scaled numbers; raise FloatingPointError where they overflow."""
        centre, factor, _ = self._numbers_in(X.dtype)
        if self.scaling is None:
            np.copyto(out, X, casting="same_kind")
        elif self.scaling == "robust":
            U = (X - centre) * factor
            smooth_clip(U)
            np.copyto(out, U, casting="same_kind")
        else:
            np.multiply(X - centre, factor, out=out, casting="same_kind")

    def _encoded_sparse(self, table: Table, dtype: np.dtype) -> Any:
        X = table.numbers
        _, factor, fill = self._numbers_in(X.dtype)
        gaps = np.isnan(X.data)
        if gaps.any():
            X = X.copy()
            X.data[gaps] = fill[X.indices[gaps]]
        data = X.data
        if self.scaling is not None:
            data = data * factor[X.indices]
        if self.scaling == "robust":
            smooth_clip(data)
        try:
            data = data.astype(dtype, copy=False)
        except FloatingPointError:
            raise self._too_large(table, data, dtype, X.indices) from None
        scaled = type(X)((data, X.indices, X.indptr), shape=X.shape)
        if not len(self.indicated):
            return scaled
        ones = type(X)((gaps.astype(dtype), X.indices, X.indptr), shape=X.shape)
        stacked = scipy.sparse.hstack([scaled, ones[:, self.indicated]], format="csr", dtype=dtype)
        stacked.eliminate_zeros()
        return stacked

    def _too_large(
        self, table: Table, scaled: np.ndarray, dtype: Any, columns: np.ndarray | None = None
    ) -> TableError:
        """Return the error for scaled numbers (`columns`: of each, if sparse) beyond `dtype`."""
        too_large = ~(np.abs(scaled) <= np.finfo(dtype).max)
        column = np.nonzero(too_large)[1][0] if columns is None else columns[too_large][0]
        or_else = "" if np.dtype(dtype) == np.float64 else ", or fit with dtype='float64'"
        return TableError(
            f"Column {table.names_of_numbers[column]!r} of X holds a value that is too large for"
            f" {np.dtype(dtype)}, the dtype in which this network computes. Scale X{or_else}."
        )

    # ------------------------------------------------------------ description

    def described(self, names: Sequence[Any]) -> dict[str, list[Any]]:
        """Return what happens to each column of X, as columns of a table: see `input_encoding_`."""
        rows: list[tuple[Any, ...]] = []
        at_indicator = self.n_numbers
        at, embedded = at_indicator + len(self.indicated), self.n_dense
        number = category = 0
        for is_category in self.categorical:
            if not is_category:
                own = [number]
                if number in self.indicated:
                    own.append(at_indicator)
                    at_indicator += 1
                factor = float(self.state["factor"][number])
                scale = 1.0 / factor if factor else 0.0
                centre = float(self.state["centre"][number])
                rows.append(("number", self.scaling or "as it is", centre, scale, None, own))
                number += 1
                continue
            if category in self.embedded:
                how, own = "embedding", list(range(embedded, embedded + self.dim))
                embedded += self.dim
            else:
                how = "-1, +1" if self.counts[category] == 2 else "one-hot"
                own = list(range(at, at + self.widths[category]))
                at += self.widths[category]
            rows.append(("category", how, None, None, self._levels_by_code(category), own))
            category += 1
        kinds, encodings, centres, scales, levels, own_columns = zip(*rows, strict=True)
        return {
            "column": list(names),
            "kind": list(kinds),
            "encoding": list(encodings),
            "centre": list(centres),
            "scale": list(scales),
            "levels": list(levels),
            "missing": self.state["missing"].tolist(),
            "engine_columns": list(own_columns),
        }

    def _levels_by_code(self, category: int) -> list[Any]:
        """Return the levels of each code from 1 on; merged ones as a list of theirs."""
        codes, levels = self.maps[category], self.levels[category]
        groups = [
            [levels[k] for k in np.flatnonzero(codes[:-1] == code)]
            for code in range(1, self.counts[category] + 1)
        ]
        return [group[0] if len(group) == 1 else group for group in groups]


def _centre_scale(
    found: Statistics, scaling: str | None, sparse: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is subtracted from the numbers of each column, and what divides them."""
    zeros, ones = np.zeros_like(found.mean), np.ones_like(found.mean)
    if scaling is None:
        return zeros, ones
    if sparse:  # what is not stored stays 0
        scale = found.largest if scaling == "max_abs" else found.std
        return zeros, np.where(scale > 0.0, scale, 1.0)
    if scaling == "standard":
        return found.mean, found.std
    lower, median, upper = found.quartiles
    spread = upper - lower
    return median, np.where(spread > 0.0, spread, found.half_range)


def plain_parameter(value: Any) -> Any:
    """Return a parameter as builtins, which can be kept and compared."""
    if value is None or isinstance(value, str):
        return value
    if np.ndim(value) == 0:
        return value.item() if isinstance(value, np.generic) else value
    return [v.item() if isinstance(v, np.generic) else v for v in value]


def _merged(shares: np.ndarray, least: float) -> tuple[np.ndarray, int]:
    """Return the code of each level, and of the missing one at the end; and the largest code.

    Levels with no weight have code 0, as unknown ones; those with less than `least` share the last
    code.
    """
    there = shares > 0.0
    rare = there & (shares < least)
    codes = np.zeros(len(shares) + 1, np.intp)
    own = np.flatnonzero(there & ~rare)
    codes[own] = np.arange(1, len(own) + 1)
    count = len(own)
    if rare.any():
        count += 1
        codes[:-1][rare] = count
    return codes, count


def smooth_clip(U: np.ndarray) -> None:
    """U <- U / sqrt(1 + (U / 3)^2), which lies in (-3, 3). Holzmüller et al. 2024."""
    V = U / CLIP
    with np.errstate(over="ignore"):
        np.multiply(V, V, out=V)
    V += 1.0
    np.sqrt(V, out=V)
    np.divide(U, V, out=U)


def _gaps(table: Table) -> np.ndarray | None:
    """Return where numbers are missing, if any is; a product tells, unless they are huge.

    Raises
    ------
    ValueError
        Where one is infinite.
    """
    if table.complete or refuse_infinite(table.numbers, table.names_of_numbers):
        return None
    gaps = np.isnan(table.numbers)
    return gaps if gaps.any() else None
