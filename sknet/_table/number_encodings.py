"""Encodings of numbers: as they are, scaled in several ways; and the indicator of missing ones."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sknet._table.encoding import NUMBERS, Encoding, EncodingSettings
from sknet._table.messages import too_large_error
from sknet._table.shapes import HEIGHTS, LEVELS
from sknet._table.statistics import Statistics
from sknet._table.table import Table

#: "robust" keeps values between minus and plus this bound (Holzmüller et al. 2024).
CLIP = 3.0
#: In predictions the first layer does the scaling, if no mean is further than FOLD_CENTRE standard
#: deviations from 0, and if scales are between 1 / FOLD_SCALE and FOLD_SCALE. For a mean further
#: away, subtracting it after the product loses digits.
FOLD_CENTRE, FOLD_SCALE = 4.0, 1e3
#: A constant column has a weight of 0 in such a layer. It must not be larger than this, so that it
#: does not overflow in the dtype of the network.
FOLD_CONSTANT = 1e30


class Numbers(Encoding):
    """One column for each number. A missing number is the median.

    A subclass implements `scale`, and `scale_stored` if it maps 0 to 0.
    """

    reads = NUMBERS
    is_feature_scaling = True
    #: The arrays in the state: finite, one entry for each column.
    learned: ClassVar[tuple[str, ...]] = ("fill",)

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state, self.columns = state, state["columns"]
        self.n_columns = len(self.columns)
        self._in_dtype: dict[np.dtype, dict[str, np.ndarray]] = {}

    @classmethod
    def fit(cls, found: Statistics, settings: EncodingSettings) -> dict[str, Any]:
        return {"fill": found.quartiles[1].copy()}

    def scale(self, X: np.ndarray, out: np.ndarray) -> None:
        """Write the scaled numbers; raise FloatingPointError where they overflow."""
        raise NotImplementedError

    def scale_stored(self, data: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return stored numbers of sparse rows scaled; `columns` has the column of each."""
        raise ValueError(
            f"feature_scaling={self.state['encoding']!r} does not work for sparse X. Choose"
            " another, or pass X.toarray()."
        )

    def centre_and_scale(self, k: int) -> tuple[float | None, float | None]:
        """Return what is subtracted from the k-th column, and then divides it, for a description.

        None, if it is not scaled this way.
        """
        return None, None

    def name_of(self, k: int) -> str:
        """Return the name of what happens to the k-th column, for a description."""
        return self.state["encoding"]

    def without_constants(self, X: np.ndarray) -> np.ndarray:
        """Return the numbers with columns that were constant in `fit` set to that constant."""
        return X

    def in_dtype(self, dtype: np.dtype) -> dict[str, np.ndarray]:
        """Return the arrays in ``learned`` in a dtype. They are kept for the next call."""
        arrays = self._in_dtype.get(dtype)
        if arrays is None:
            largest = np.finfo(dtype).max
            arrays = self._in_dtype[dtype] = {
                name: np.clip(self.state[name], -largest, largest).astype(dtype)
                for name in self.learned
            }
        return arrays

    def encode(self, table: Table, gaps: np.ndarray | None, out: np.ndarray) -> None:
        X = self._own(table.numbers)
        if gaps is not None:
            X = np.where(self._own(gaps), self.in_dtype(X.dtype)["fill"], X)
        try:
            self.scale(X, out)
        except FloatingPointError:  # constant columns become 0 and may overflow: try without them
            X = self.without_constants(X)
            try:
                self.scale(X, out)
            except FloatingPointError:
                with np.errstate(all="ignore"):
                    scaled = np.empty(X.shape, X.dtype)
                    self.scale(X, scaled)
                    too_large = ~(np.abs(scaled) <= np.finfo(out.dtype).max)
                raise self._error(table, np.nonzero(too_large)[1], out.dtype) from None

    def encode_sparse(self, table: Table, dtype: np.dtype) -> Any:
        X = self._own(table.numbers)
        gaps = np.isnan(X.data)
        if gaps.any():
            X = X.copy()
            X.data[gaps] = self.in_dtype(X.dtype)["fill"][X.indices[gaps]]
        data = self.scale_stored(X.data, X.indices)
        try:
            data = data.astype(dtype, copy=False)
        except FloatingPointError:
            too_large = ~(np.abs(data) <= np.finfo(dtype).max)
            raise self._error(table, X.indices[too_large], dtype) from None
        return type(X)((data, X.indices, X.indptr), shape=X.shape)

    def _own(self, A: Any) -> Any:
        """Return the columns that it reads of an array with a column for each number."""
        return A if A.shape[1] == len(self.columns) else A[:, self.columns]

    def _error(self, table: Table, columns: np.ndarray, dtype: np.dtype) -> Exception:
        """Return the error for the first of `columns`, whose numbers are too large."""
        column = 0 if not len(columns) else columns[0]
        return too_large_error(table.names_of_numbers[self.columns[column]], dtype)

    def describe(self, at: int, levels: Sequence[list[Any] | None]) -> list[dict[str, Any]]:
        rows = []
        for k in range(len(self.columns)):
            centre, scale = self.centre_and_scale(k)
            row = {"encoding": self.name_of(k), "centre": centre, "scale": scale}
            rows.append({**row, "engine_columns": [at + k]})
        return rows

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        arrays = [self.state[name] for name in self.learned]
        return super().is_consistent(n_numbers, levels) and all(
            a.shape == self.columns.shape and np.isfinite(a).all() for a in arrays
        )


class AsItIs(Numbers):
    """Numbers without scaling, which a `Linear` leaves to the first layer within its bounds."""

    is_feature_scaling = False  # feature_scaling=None selects it
    learns = False

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        if not self.changes_nothing:
            self.learned = ("fill", "low", "high")

    @property
    def changes_nothing(self) -> bool:
        return "low" not in self.state

    def cast(self, table: Table, dtype: np.dtype) -> np.ndarray:
        X = self._own(table.numbers)
        try:
            return X.astype(dtype, order="C", copy=False)
        except FloatingPointError:
            too_large = ~(np.abs(X) <= np.finfo(dtype).max)
            raise self._error(table, np.nonzero(too_large)[1], dtype) from None

    def scale(self, X: np.ndarray, out: np.ndarray) -> None:
        if not self.changes_nothing:
            own = self.in_dtype(X.dtype)
            X = _between(own["low"], X, own["high"])
        np.copyto(out, X, casting="same_kind")

    def scale_stored(self, data: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return data

    def centre_and_scale(self, k: int) -> tuple[float, float]:
        return 0.0, 1.0


class Scaled(Numbers):
    """(x - centre) / scale. A column that was constant in `fit` becomes 0.

    A subclass says what centre and scale are. The state has ``factor``, which is 1 / scale.
    """

    learned = ("fill", "centre", "factor")

    @classmethod
    def centres_and_scales(cls, found: Statistics) -> tuple[np.ndarray, np.ndarray]:
        """Return the centre and the scale of each column; a scale of 0 makes the column 0."""
        raise NotImplementedError

    @classmethod
    def fit(cls, found: Statistics, settings: EncodingSettings) -> dict[str, Any]:
        centre, scale = cls.centres_and_scales(found)
        with np.errstate(over="ignore"):  # 1 / a denormal scale
            constant = np.full_like(scale, float(found.continues))
            factor = np.divide(1.0, scale, out=constant, where=scale > 0.0)
        factor = np.minimum(factor, np.finfo(float).max)
        return {**super().fit(found, settings), "centre": centre, "factor": factor}

    @property
    def centred(self) -> bool:
        return bool(np.any(self.state["centre"]))

    def scale(self, X: np.ndarray, out: np.ndarray) -> None:
        own = self.in_dtype(X.dtype)
        np.multiply(X - own["centre"], own["factor"], out=out, casting="same_kind")

    def scale_stored(self, data: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return data * self.in_dtype(data.dtype)["factor"][columns]

    def centre_and_scale(self, k: int) -> tuple[float, float]:
        factor = float(self.state["factor"][k])
        return float(self.state["centre"][k]), 1.0 / factor if factor else 0.0

    def without_constants(self, X: np.ndarray) -> np.ndarray:
        own = self.in_dtype(X.dtype)
        return np.where(own["factor"] > 0.0, X, own["centre"])


def _of_sparse(scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and scale of sparse columns: 0 stays 0, and no column is divided by 0."""
    return np.zeros_like(scale), np.where(scale > 0.0, scale, 1.0)


class Standard(Scaled):
    """(x - mean) / standard deviation; x / standard deviation for sparse columns."""

    @classmethod
    def centres_and_scales(cls, found: Statistics) -> tuple[np.ndarray, np.ndarray]:
        return _of_sparse(found.std) if found.sparse else (found.mean, found.std)

    def unscaled(self) -> dict[str, Any] | None:
        centre, factor = self.state["centre"], self.state["factor"]
        near = np.abs(centre * factor) <= FOLD_CENTRE
        usual = (1.0 / FOLD_SCALE <= factor) & (factor <= FOLD_SCALE)
        constant = (factor == 0.0) & (np.abs(centre) <= FOLD_CONSTANT)
        if not np.all(near & usual | constant):
            return None
        return {**self.state, "encoding": "as it is"}

    def fold(self, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """((x - c) f) W = x (f W) - (c f) W."""
        centre, factor = self.state["centre"], self.state["factor"]
        shift = (centre * factor) @ W.astype(np.float64)
        return (W * factor[:, None]).astype(W.dtype), shift


def _between(low: np.ndarray, X: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return numbers within the bounds of their columns; X itself if all are, where that is seen.

    A look at the least and the greatest of all numbers takes a fraction of the time of `np.clip`.
    """
    if len(X) > 8 and X.min() >= low.max() and X.max() <= high.min():
        return X
    return np.minimum(np.maximum(X, low), high)  # np.clip takes longer for few rows


class Linear(Standard):
    """Standard; but -1 and +1 for columns of two values, as for categories of two levels.

    A missing number is 0 in a column of two values. A number further outside the range of `fit`
    than half its length is moved there, unless more rows will be trained on.
    """

    is_feature_scaling = False  # feature_scaling="auto" selects it
    learned = ("fill", "centre", "factor", "low", "high")

    @classmethod
    def fit(cls, found: Statistics, settings: EncodingSettings) -> dict[str, Any]:
        state, two_valued = super().fit(found, settings), found.two_valued
        state["fill"] = np.where(two_valued, found.middle, state["fill"])
        largest = np.full(len(two_valued), np.finfo(float).max)
        reach = largest if found.continues else np.minimum(found.half_range, largest / 2.0) * 2.0
        with np.errstate(over="ignore"):
            low = np.maximum(found.middle - reach, -largest)
            high = np.minimum(found.middle + reach, largest)
        return {**state, "low": low, "high": high, "two_valued": two_valued.copy()}

    @classmethod
    def centres_and_scales(cls, found: Statistics) -> tuple[np.ndarray, np.ndarray]:
        two = found.two_valued
        return (
            np.where(two, found.middle, found.mean),
            np.where(two, found.half_range, found.std),
        )

    def scale(self, X: np.ndarray, out: np.ndarray) -> None:
        own = self.in_dtype(X.dtype)
        super().scale(_between(own["low"], X, own["high"]), out)

    def name_of(self, k: int) -> str:
        return "-1, +1" if self.state["two_valued"][k] else "standard"

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        two_valued = self.state["two_valued"]
        return (
            super().is_consistent(n_numbers, levels)
            and two_valued.dtype == bool
            and two_valued.shape == self.columns.shape
        )


class Robust(Scaled):
    """(x - median) / interquartile range, smoothly clipped to (-3, 3).

    Half the range takes the place of an interquartile range of 0. Sparse columns are divided by the
    standard deviation instead, and clipped.
    """

    needs_quartiles = True

    @classmethod
    def centres_and_scales(cls, found: Statistics) -> tuple[np.ndarray, np.ndarray]:
        if found.sparse:
            return _of_sparse(found.std)
        lower, median, upper = found.quartiles
        spread = upper - lower
        return median, np.where(spread > 0.0, spread, found.half_range)

    def scale(self, X: np.ndarray, out: np.ndarray) -> None:
        own = self.in_dtype(X.dtype)
        U = (X - own["centre"]) * own["factor"]
        smooth_clip(U)
        np.copyto(out, U, casting="same_kind")

    def scale_stored(self, data: np.ndarray, columns: np.ndarray) -> np.ndarray:
        U = super().scale_stored(data, columns)
        smooth_clip(U)
        return U


class MaxAbs(Scaled):
    """x / largest absolute value, for sparse columns; within 2, unless more rows are trained on."""

    is_feature_scaling = False  # feature_scaling="auto" selects it for sparse X

    @classmethod
    def centres_and_scales(cls, found: Statistics) -> tuple[np.ndarray, np.ndarray]:
        return _of_sparse(found.largest)

    @classmethod
    def fit(cls, found: Statistics, settings: EncodingSettings) -> dict[str, Any]:
        return {**super().fit(found, settings), "bounded": not found.continues}

    def scale(self, X: np.ndarray, out: np.ndarray) -> None:
        super().scale(X, out)
        if self.state["bounded"]:
            np.clip(out, -2.0, 2.0, out=out)

    def scale_stored(self, data: np.ndarray, columns: np.ndarray) -> np.ndarray:
        scaled = super().scale_stored(data, columns)
        return np.clip(scaled, -2.0, 2.0) if self.state["bounded"] else scaled


class Clipped(Robust):
    """x / median of the absolute values other than 0, smoothly clipped, for sparse columns."""

    is_feature_scaling = False  # feature_scaling="auto" selects it for heavy tails in sparse X
    needs_quartiles = False

    @classmethod
    def centres_and_scales(cls, found: Statistics) -> tuple[np.ndarray, np.ndarray]:
        return _of_sparse(found.typical)


class Quantile(Numbers):
    """The normal quantile of the share of the training weight that is below, within (-3, 3).

    Between the quantiles at ``LEVELS``, which are learned, it is linear.
    """

    is_feature_scaling = False  # feature_scaling="auto" selects it for heavy tails

    def __init__(self, state: Mapping[str, Any]) -> None:
        super().__init__(state)
        # halves, so that their differences do not overflow
        self.curves = [(own / 2.0, _heights(own)) for own in state["knots"].T]

    @classmethod
    def fit(cls, found: Statistics, settings: EncodingSettings) -> dict[str, Any]:
        return {**super().fit(found, settings), "knots": found.knots.copy()}

    def scale(self, X: np.ndarray, out: np.ndarray) -> None:
        for k, (halves, heights) in enumerate(self.curves):
            out[:, k] = np.interp(X[:, k] / 2.0, halves, heights)

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        knots = self.state["knots"]
        return (
            super().is_consistent(n_numbers, levels)
            and knots.shape == (len(LEVELS), len(self.columns))
            and bool(np.isfinite(knots).all() and (knots[1:] >= knots[:-1]).all())
        )


def _heights(knots: np.ndarray) -> np.ndarray:
    """Return the height of each knot; equal ones have the mean of theirs."""
    _, group = np.unique(knots, return_inverse=True)
    return (np.bincount(group, HEIGHTS[: len(knots)]) / np.bincount(group))[group]


def smooth_clip(U: np.ndarray) -> None:
    """U <- U / sqrt(1 + (U / 3)^2), which lies in (-3, 3). Holzmüller et al. 2024."""
    V = U / CLIP
    with np.errstate(over="ignore"):
        np.multiply(V, V, out=V)
    V += 1.0
    np.sqrt(V, out=V)
    np.divide(U, V, out=U)


class MissingIndicator(Encoding):
    """1 where a number is missing, else 0: for numbers of which some were missing in `fit`."""

    reads = NUMBERS
    describes = False

    def encode(self, table: Table, gaps: np.ndarray | None, out: np.ndarray) -> None:
        out[:] = 0.0 if gaps is None else gaps[:, self.columns]

    def encode_sparse(self, table: Table, dtype: np.dtype) -> Any:
        X = table.numbers
        gaps = np.isnan(X.data).astype(dtype)
        return type(X)((gaps, X.indices, X.indptr), shape=X.shape)[:, self.columns]

    def describe(self, at: int, levels: Sequence[list[Any] | None]) -> list[dict[str, Any]]:
        return [{"engine_columns": [at + k]} for k in range(len(self.columns))]
