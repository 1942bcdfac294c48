"""What an encoding is: the base class of all, and the parameters by which one is learned."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sknet._table.table import Table

#: What an encoding reads of a table: its numbers, or the codes of its categories.
NUMBERS, CODES = "numbers", "codes"


class EncodingSettings(NamedTuple):
    """The parameters of an estimator by which an encoding is learned."""

    feature_scaling: Any
    categorical_features: Any
    min_frequency: Any
    max_onehot: Any
    embedding_dim: Any

    @classmethod
    def of(cls, p: Any) -> "EncodingSettings":
        """Return the settings in `p`, a mapping or an object with attributes."""
        if isinstance(p, Mapping):
            return cls(*(p[name] for name in cls._fields))
        return cls(*(getattr(p, name) for name in cls._fields))


class Encoding:
    """A block of adjacent columns of the network's input, and the columns of X it is made of.

    Parameters
    ----------
    state : mapping
        ``encoding``, the name in ``ENCODINGS``; ``columns``, the columns that are read, counted
        among the numbers or among the categories, ascending; and what `fit` has returned. It may
        come from a file: ``is_consistent`` tells whether it can be used.

    Attributes
    ----------
    n_columns : int
        Columns that `encode` writes.
    n_units : int
        Columns that the first dense layer sees: more than `n_columns`, where codes are embedded.
    embedded_levels : tuple of int
        Number of levels of each category that the network embeds.
    dim : int
        Numbers that the network learns for each of these levels.
    counts : sequence of int
        Number of codes of each category.
    """

    #: NUMBERS or CODES.
    reads: ClassVar[str]
    #: Whether it may be a value of the parameter `feature_scaling`.
    is_feature_scaling: ClassVar[bool] = False
    #: Whether `fit` needs all quartiles and the half range, not only the median.
    needs_quartiles: ClassVar[bool] = False
    #: Whether it says what becomes of its columns. False, if it only adds to another encoding.
    describes: ClassVar[bool] = True
    #: Whether the network embeds what it writes. Such a block comes last.
    embeds: ClassVar[bool] = False
    #: Whether anything that it does depends on the rows of `fit`.
    learns: ClassVar[bool] = True

    dim = 0
    counts: Sequence[int] = ()

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state, self.columns = state, state["columns"]
        self.n_columns = len(self.columns)

    @classmethod
    def fit(cls, found: Any, settings: EncodingSettings) -> dict[str, Any]:
        """Return the state, without its name and columns.

        Parameters
        ----------
        found : Statistics or list of LevelCodes
            Of the columns that it reads: statistics of numbers, or codes of categories.
        settings : EncodingSettings
        """
        return {}

    def encode(self, table: Table, gaps: np.ndarray | None, out: np.ndarray) -> None:
        """Write the columns for some rows.

        Parameters
        ----------
        table : Table
            Its numbers are dense, and not infinite.
        gaps : ndarray of bool of shape (n_samples, n_numbers) or None
            Which numbers are missing; None if none is.
        out : ndarray of shape (n_samples, n_columns)

        Raises
        ------
        TableError
            Where a number is too large for the dtype of `out`.
        """
        raise NotImplementedError

    def encode_sparse(self, table: Table, dtype: np.dtype) -> Any:
        """Return the columns for some rows whose numbers are sparse: a CSR matrix in `dtype`."""
        raise ValueError(
            f"The encoding {self.state['encoding']!r} does not work for sparse X. Pass X.toarray()."
        )

    def describe(self, at: int, levels: Sequence[list[Any] | None]) -> list[dict[str, Any]]:
        """Return what `input_encoding_` says of each column that it reads.

        Parameters
        ----------
        at : int
            The first of its columns among those of the first dense layer.
        levels : sequence of list
            The levels of all categories.
        """
        raise NotImplementedError

    def is_consistent(self, n_numbers: int, levels: Sequence[list[Any] | None]) -> bool:
        """Whether the parts of the state fit together, and fit X."""
        n_read = n_numbers if self.reads == NUMBERS else len(levels)
        columns = self.columns
        return bool(
            columns.dtype.kind in "iu"
            and columns.ndim == 1
            and columns.size
            and 0 <= columns[0]
            and columns[-1] < n_read
            and np.all(columns[1:] > columns[:-1])
        )

    @property
    def n_units(self) -> int:
        return self.n_columns

    @property
    def embedded_levels(self) -> tuple[int, ...]:
        return ()

    @property
    def centred(self) -> bool:
        """Whether zeros of X become other values, so that sparse rows have to be made dense."""
        return False

    @property
    def changes_nothing(self) -> bool:
        """Whether it is `cast` alone, where no number is missing."""
        return False

    def cast(self, table: Table, dtype: np.dtype) -> np.ndarray:
        """Return the numbers in `dtype`, C-ordered; without a copy if they are so already."""
        raise NotImplementedError

    # ------------------------------------------------------------ scaling by the first layer

    def unscaled(self) -> dict[str, Any] | None:
        """Return the state of a block without scaling, if the first layer can do it: see `fold`.

        None, if it cannot.
        """
        return None

    def fold(self, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return W and a shift, so that numbers without scaling give the same product.

        | x_scaled W = x W_folded - shift

        W is (n_members, n_columns, n_out), the shift (n_members, n_out).
        """
        raise NotImplementedError
