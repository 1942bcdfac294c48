"""How columns are read, if their rows come in parts: what is found in each part, and merged.

A column is a category if it is one in any part. Parts in which all of its values are missing do not
say what it is. What its text looks like is asked of the levels of all parts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from sknet._table.categorical import categorical_mask, dtypes_of, is_arrow, is_frame
from sknet._table.columns import codes_of, levels_of, n_missing
from sknet._table.kinds import LISTED, in_words, kind_of_type
from sknet._table.looks import IDENTIFIER_SHARE, IDENTIFIERS, look_of_counts
from sknet._table.messages import TableError, look_error, unsortable_error, warn_left_out
from sknet._table.read import has_categories

CATEGORY, NUMBER, EMPTY = "a category", "numbers", "missing values alone"
#: Different values of a column of text from which on it may be one of identifiers, so that no more
#: of them are kept.
MOST_LEVELS = 1 << 17
#: Names of dtypes in which a part may hold missing values alone, whatever the column is.
UNTYPED = ("object", "null")


class FoundColumns(NamedTuple):
    """What some parts say of the columns.

    Attributes
    ----------
    names : list
        Names of the columns, or their numbers.
    kinds : list of str
        CATEGORY, NUMBER or EMPTY.
    dtypes : list of str
        Of the first part.
    counts : dict of dict
        Rows of each level, by the column of a category.
    sample : object
        X of the first part, for messages.
    from_dtype : bool
        Whether the dtypes of a frame say what is a category.
    """

    names: list[Any]
    kinds: list[str]
    dtypes: list[str]
    counts: dict[int, dict[Any, int]]
    sample: Any
    from_dtype: bool

    @classmethod
    def of(cls, estimator: Any, X: Any) -> "FoundColumns":
        """Return what one part says; `X` is an array or a frame with rows."""
        X = X.to_pandas() if is_arrow(X) else X
        if scipy.sparse.issparse(X):
            raise ValueError(
                "X is sparse, which cannot be read in parts. Pass X.toarray(), or use fit or"
                " partial_fit on rows in memory."
            )
        if is_frame(X):
            names, dtypes = (list(own) for own in zip(*dtypes_of(X), strict=True))
            columns = [X[name] for name in names]
        else:
            X = array_of(X)
            if not has_categories(estimator, X, None):
                n_features = X.shape[1] if X.ndim == 2 else 0
                return cls([*range(n_features)], [NUMBER] * n_features, [], {}, X[:1], False)
            X = X.astype(object) if X.dtype.kind in "US" else X
            names, columns = [*range(X.shape[1])], list(X.T)
            dtypes = [str(X.dtype)] * len(names)
        mask = categorical_mask(estimator.categorical_features, X, names)
        kinds, counts = [], {}
        for k, (column, dtype) in enumerate(zip(columns, dtypes, strict=True)):
            if mask[k]:
                counts[k] = _counts(column, names[k])
                kinds.append(CATEGORY)
            else:
                untyped = dtype.lower() in UNTYPED
                kinds.append(EMPTY if untyped and n_missing(column) == len(column) else NUMBER)
        return cls(names, kinds, dtypes, counts, X, isinstance(estimator.categorical_features, str))

    def merge(self, other: "FoundColumns") -> "FoundColumns":
        """Return what both say.

        Raises
        ------
        TableError
            If a column holds categories in one and numbers in the other, or levels of several
            kinds.
        """
        kinds = []
        for name, one, new in zip(self.names, self.kinds, other.kinds, strict=True):
            found = {one, new} - {EMPTY}
            if len(found) > 1:
                raise TableError(
                    f"Column {name!r} of X is {new} here, and {one} in an earlier batch. Convert it"
                    " to one dtype in all batches, or name the categories in categorical_features."
                )
            kinds.append(found.pop() if found else EMPTY)
        for k, own in other.counts.items():
            counts = self.counts.setdefault(k, {})
            if self._is_endless(k):
                continue
            both = {kind_of_type(type(level)) for level in (*list(counts)[:1], *list(own)[:1])}
            if len(both) > 1:
                raise TableError(
                    f"Column {self.names[k]!r} of X holds {in_words(both)} in different batches."
                    " Convert it to one type in all batches."
                )
            for level, count in own.items():
                counts[level] = counts.get(level, 0) + count
        return self._replace(kinds=kinds)

    def _is_endless(self, k: int) -> bool:
        """Whether nearly all values of a long column of text differ, so that it is left out."""
        counts = self.counts[k]
        if len(counts) <= MOST_LEVELS or not self.from_dtype or LISTED.match(self.dtypes[k]):
            return False
        is_text = isinstance(next(iter(counts)), str)
        return is_text and len(counts) > IDENTIFIER_SHARE * sum(counts.values())

    def schema(self) -> "MergedSchema":
        """Return how the columns are read.

        Raises
        ------
        TableError
            If the text of a column is not one of categories, or no column is left.
        """
        levels: list[list[Any] | None] = []
        places = [k for k, kind in enumerate(self.kinds) if kind == CATEGORY]
        for k in places:
            counts = self.counts.get(k, {})
            own = _sorted(counts, self.names[k])
            left_out = self.from_dtype and self._is_identifier(
                k, own, [counts[level] for level in own]
            )
            levels.append(None if left_out else own)
        if levels and len(places) == len(self.names) and all(own is None for own in levels):
            raise TableError(
                "No column of X is left: each looks like an identifier. Name those that are"
                " categories in categorical_features."
            )
        mask = np.array([kind == CATEGORY for kind in self.kinds], bool)
        return MergedSchema(mask, levels)

    def _is_identifier(self, k: int, levels: Sequence[Any], counts: Sequence[int]) -> bool:
        """Whether a column is left out; raise where its text is no category for other reasons."""
        name, dtype = self.names[k], self.dtypes[k]
        look = None if LISTED.match(dtype) else look_of_counts(levels, np.array(counts))
        if look is None:
            return False
        if look.kind != IDENTIFIERS:
            raise look_error(self.sample, name, dtype, look)
        warn_left_out(self.sample, name, look.n_levels)
        return True


class MergedSchema(NamedTuple):
    """How the columns are read: see `Schema`. Rows of a stream are dense."""

    categorical: np.ndarray
    levels: list[list[Any] | None]
    centred: bool = True


def array_of(X: Any) -> np.ndarray:
    """Return X as an array, of objects if it is not one of numbers."""
    if isinstance(X, np.ndarray):
        return X
    array = np.asarray(X)
    return array if array.dtype.kind in "biuf" else np.asarray(X, dtype=object)


def _counts(column: Any, name: Any) -> dict[Any, int]:
    """Return the number of rows of each level of a column."""
    levels = levels_of(column, name)
    counts = np.bincount(codes_of(column, levels) + 1, minlength=len(levels) + 1)[1:]
    return dict(zip(levels, counts.tolist(), strict=True))


def _sorted(counts: dict[Any, int], name: Any) -> list[Any]:
    try:
        return sorted(counts)
    except TypeError:
        raise unsortable_error(name) from None
