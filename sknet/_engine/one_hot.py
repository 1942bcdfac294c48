"""Targets of one class a row, kept as codes: a step writes out those of its batch alone."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sknet._engine.activations import Array


class OneHot:
    """An array (n_samples, n_outputs) with `on` at the code of each row and `off` elsewhere.

    It takes one integer a row instead of one number a class. It has what users of such an array
    need: indices of rows, ``slope * Y + shift``, averages, and `take` into a buffer.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
    n_outputs : int
    dtype : dtype
        Of the numbers that are written out.
    on, off : float
    """

    __array_ufunc__ = None  # numpy leaves its operators to this class

    def __init__(
        self,
        codes: NDArray[np.intp],
        n_outputs: int,
        dtype: DTypeLike,
        on: float = 1.0,
        off: float = 0.0,
    ) -> None:
        self.codes, self.on, self.off = codes, on, off
        self.shape, self.dtype = (len(codes), n_outputs), np.dtype(dtype)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> "OneHot":
        return OneHot(self.codes[rows], self.shape[1], self.dtype, self.on, self.off)

    def __mul__(self, slope: float) -> "OneHot":
        return OneHot(self.codes, self.shape[1], self.dtype, self.on * slope, self.off * slope)

    __rmul__ = __mul__

    def __add__(self, shift: float) -> "OneHot":
        return OneHot(self.codes, self.shape[1], self.dtype, self.on + shift, self.off + shift)

    def astype(self, dtype: DTypeLike, copy: bool = False) -> "OneHot":
        """Return the array in another dtype."""
        return OneHot(self.codes, self.shape[1], dtype, self.on, self.off)

    def min(self) -> float:
        """Return the smaller of both numbers."""
        return min(self.on, self.off)

    def max(self) -> float:
        """Return the larger of both numbers."""
        return max(self.on, self.off)

    def argmax(self, axis: int) -> NDArray[np.intp]:
        """Return the codes."""
        return self.codes

    def mean(self, w: Array | None) -> Array:
        """Return the weighted mean of the rows, in float64."""
        totals = np.bincount(self.codes, w, self.shape[1])
        shares = totals / (len(self.codes) if w is None else w.sum())
        return self.off + (self.on - self.off) * shares

    def take(self, rows: NDArray[np.intp], axis: int, out: Array, mode: str) -> None:
        """Write these rows to `out`, a C-contiguous array of shape (*rows.shape, n_outputs)."""
        out.fill(self.off)
        places = np.arange(0, out.size, self.shape[1])
        places += self.codes.take(rows, mode="clip").reshape(-1)
        out.reshape(-1)[places] = self.on

    def dense(self) -> Array:
        """Return the array with all its numbers."""
        out = np.empty(self.shape, self.dtype)
        self.take(np.arange(len(self.codes)), 0, out, "clip")
        return out


#: Targets of some rows: all numbers, or codes.
Targets = Array | OneHot


def all_equal(Y: Targets) -> bool:
    """Whether all rows are the same."""
    rows = Y.codes if isinstance(Y, OneHot) else Y
    return bool((rows == rows[0]).all())


def dense(Y: Targets) -> Array:
    """Return targets with all numbers."""
    return Y.dense() if isinstance(Y, OneHot) else Y


def stored(Y: Targets) -> NDArray[Any]:
    """Return the array in which targets are kept: the numbers, or one code a row."""
    return Y.codes if isinstance(Y, OneHot) else Y


def restored(kept: NDArray[Any], like: Targets) -> Targets:
    """Return targets as `like` is, from rows of what `stored` returns."""
    if not isinstance(like, OneHot):
        return kept
    return OneHot(kept, like.shape[1], like.dtype, like.on, like.off)
