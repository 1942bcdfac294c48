"""Loss and score on validation rows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sknet._engine.layers import Layer
from sknet._engine.links import Link
from sknet._engine.loss_base import Loss
from sknet._engine.network import LOSS_ROWS, bound_copies
from sknet._engine.one_hot import dense
from sknet._engine.parameters import Parameters, Views
from sknet._engine.prediction import raw_output
from sknet._target.target import Target
from sknet._threads import one_blas_thread
from sknet._training.rows import EncodedRows, Rows

#: ``score(views, rows) -> float``: the user's scorer, on rows as read.
Score = Callable[[Views, Rows], float]


class Validation:
    """Validation rows, and the curves of the loss and the score on them.

    Parameters
    ----------
    rows : Rows
        The rows as read.
    encoded : EncodedRows
        The same rows, encoded.
    target : Target
    loss : Loss
    link : Link
        Link of the network's output.
    layers : sequence of Layer
        The layers of training, bound or not.
    score : callable, optional
        ``score(views, rows) -> float``; None is the estimator's own score.
    by_loss : bool
        Whether the score is minus the loss.

    Attributes
    ----------
    losses, scores : list of float
        One entry per epoch.
    """

    def __init__(
        self,
        rows: Rows,
        encoded: EncodedRows,
        target: Target,
        loss: Loss,
        link: Link,
        layers: Sequence[Layer],
        score: Score | None = None,
        by_loss: bool = False,
    ) -> None:
        self.rows, self.encoded, self.target = rows, encoded, target
        self.loss, self.link, self.layers = loss, link, layers
        self.score, self.by_loss = score, by_loss
        self.reset()

    def reset(self) -> None:
        """Clear the curves."""
        self.losses: list[float] = []
        self.scores: list[float] = []

    @property
    def resolution(self) -> float:
        """How much the score changes with a single row; 0 if the score may be any number."""
        if self.by_loss or self.score is not None:
            return 0.0
        return self.target.resolution(len(self.rows.Y), self.rows.w)

    def raw_output(self, views: Views) -> np.ndarray:
        """Return Z (n_members, n_samples, n_outputs), given the parameters for prediction."""
        layers = bound_copies([layer for layer in self.layers if not layer.training_only], views)
        return output_of_one_thread(layers, self.encoded.X)

    def outputs(self, views: Views) -> list[tuple[Rows, np.ndarray]]:
        """Return the rows as read with their raw outputs, as the only entry of a list."""
        return [(self.rows, self.raw_output(views))]

    def outputs_of_all(self, views: Views) -> Iterator[tuple[Rows, np.ndarray]]:
        """Yield the rows as read with the raw outputs of all members."""
        yield from self.outputs(views)

    @property
    def targets(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The targets in the engine's units, and the weights."""
        return dense(self.encoded.Y), self.encoded.w

    def __call__(self, parameters: Parameters) -> float:
        """Return the score, higher is better; NaN if predictions are not finite."""
        views = prediction_views(self.layers, parameters.views())
        with np.errstate(all="ignore"):
            Z = self.raw_output(views)
            prediction = self.link.mean_prediction(Z)
            loss = self._mean_loss(Z)
            # targets in the user's units may overflow the compute dtype
            restored = self.target.restore(prediction.astype(np.float64))
        if self.by_loss:
            score = -loss
        elif not np.isfinite(restored).all():
            score = float("nan")
        elif self.score is None:
            score = float(self.target.score(self.rows.Y, restored, self.rows.w))
        else:
            score = float(self.score(views, self.rows))
        self.losses.append(loss)
        self.scores.append(score)
        return score

    def last_loss(self) -> float:
        """Return the loss of the last call."""
        return self.losses[-1]

    def _mean_loss(self, Z: np.ndarray) -> float:
        """Return the mean loss over rows and members, without penalty; `Z` may be overwritten."""
        values = np.empty(Z.shape[:-1], Z.dtype)
        for start in range(0, Z.shape[1], LOSS_ROWS):
            rows = slice(start, start + LOSS_ROWS)
            part = np.ascontiguousarray(Z[:, rows])
            loss = np.empty(part.shape[:-1], Z.dtype)
            Y = dense(self.encoded.Y[rows])
            self.loss.value(Y, part, loss, np.empty_like(part), np.empty_like(part))
            values[:, rows] = loss
        return float(np.average(values.mean(axis=0, dtype=np.float64), weights=self.rows.w))


def output_of_one_thread(layers: Sequence[Layer], X: Any) -> np.ndarray:
    """Return the raw output (n_members, n_samples, n_outputs) of bound layers.

    BLAS has one thread, as in the epochs: its other threads would go on spinning in the next epoch.
    """
    return raw_output(layers, X, one_blas_thread)


def prediction_views(layers: Sequence[Layer], views: Sequence[Any]) -> Views:
    """Return the parameters of the layers that prediction uses, from those of all layers."""
    pairs = zip(layers, views, strict=True)
    return [dict(layer.fold(view)) for layer, view in pairs if not layer.training_only]
