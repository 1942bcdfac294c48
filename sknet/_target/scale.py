"""Centre and scale of numeric targets, the precision they need, and outliers among them."""

from typing import NamedTuple

import numpy as np

from sknet._compat import warn
from sknet._engine.averages import mean_and_scale, median_and_deviation

#: Largest step from one float32 to the next, as a share of the scale of y, at which predictions in
#: float32 tell the targets apart.
RESOLUTION = 2.0**-10
#: Rows that are more than this number of robust scales from the median are far.
FAR = 20.0
#: Between the far rows and the others is a gap: from this share of ``FAR`` to ``FAR`` are less than
#: half as many rows. Skewed targets, such as lognormal ones, have no gap.
GAP = 0.25
#: At most this share of the rows is few.
FEW = 0.05
#: Share of the variance from which the scale of y is that of the far rows.
CARRIED = 0.98


class Scaling(NamedTuple):
    """Centre and scale of each column of y; a constant column has scale 0."""

    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, Y: np.ndarray, w: np.ndarray | None, robust: bool = False) -> "Scaling":
        """Return the weighted mean and standard deviation of each column.

        If `robust`, the median and the scaled median absolute deviation; see
        ``averages.median_and_deviation``.
        """
        return cls(*(median_and_deviation if robust else mean_and_scale)(Y, w))

    def widened(self, Y: np.ndarray) -> "Scaling":
        """Return a scaling with a scale for columns that were constant but are not in `Y`."""
        deviations = np.abs(Y - self.centre).max(axis=0)
        return self._replace(scale=np.where(self.scale > 0, self.scale, deviations))

    def forward(self, Y: np.ndarray) -> np.ndarray:
        """Return (Y - centre) / scale; inf on overflow."""
        with np.errstate(over="ignore"):
            return (Y - self.centre) / np.where(self.scale > 0, self.scale, 1.0)

    def back(self, prediction: np.ndarray) -> np.ndarray:
        """Return prediction * scale + centre in the dtype of `prediction`; inf on overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            restored = prediction * self.scale + self.centre
            return restored.astype(prediction.dtype, copy=False)

    def least_dtype(self) -> str:
        """Return the least dtype that can tell targets of this centre and scale apart.

        'float64' if neighbouring float32 numbers near y are further apart than ``RESOLUTION`` times
        its scale, in any column; else 'float32'.
        """
        varies = self.scale > 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.abs(self.centre) + self.scale
            steps = np.spacing(size.astype(np.float32)).astype(np.float64)
            resolved = steps <= RESOLUTION * self.scale
        return "float32" if resolved[varies].all() else "float64"


def warn_of_outliers(Y: np.ndarray, w: np.ndarray | None) -> None:
    """Warn if few rows carry the variance of a column of y, so that a squared loss fits them."""
    for k, y in enumerate(Y.T):
        found = _far_rows(y, None if w is None else w.astype(np.float64))
        if found is not None:
            share, carried = found
            name = "y" if Y.shape[1] == 1 else f"column {k} of y"
            warn(
                f"{share:.2g} of the rows carry {carried:.3g} of the variance of {name}: they are"
                f" more than {FAR:.0f} times its median deviation from its median. The squared"
                " error fits these rows and little else. Use loss='huber' or"
                " loss='absolute_error', or correct or transform y.",
                UserWarning,
            )
            return


def _far_rows(y: np.ndarray, w: np.ndarray | None) -> tuple[float, float] | None:
    """Return the share of the far rows and of the variance they carry, if they are few."""
    low, high = y.min(), y.max()
    n_few = int(FEW * len(y))
    if not n_few or low == high:
        return None
    y = (y / 2 - low / 2) / (high / 2 - low / 2)  # squares neither overflow nor underflow
    squares = (y - y.mean()) ** 2
    largest = np.partition(squares, len(y) - n_few)[-n_few:]
    if w is None and largest.sum() < CARRIED / 2 * squares.sum():
        return None  # as nearly always, without a median
    centre, scale = (a[0] for a in median_and_deviation(y[:, None], w))
    deviations, weights = np.abs(y - centre), np.ones(len(y)) if w is None else w
    far = deviations > FAR * scale
    share, with_next = (
        float(weights[rows].sum() / weights.sum()) for rows in (far, deviations > GAP * FAR * scale)
    )
    squares = deviations**2 * weights
    carried = float(squares[far].sum() / squares.sum())
    is_gap = with_next - share < share / 2
    return (share, carried) if 0.0 < share <= FEW and is_gap and carried >= CARRIED else None
