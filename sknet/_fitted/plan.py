"""The network of a fitted estimator, ready to predict; kept from one prediction to the next.

For one row, building the layers and folding the scaling into the first one takes longer than the
prediction itself.
"""

from collections.abc import Mapping, Sequence
from operator import is_

import numpy as np

from sknet._engine.layers import Layer
from sknet._engine.prediction import Predictor
from sknet._table.encoder import Encoder

#: Maximum elements of copied parameters for which a plan is kept, which limits memory.
KEPT_ELEMENTS = 1 << 20


class Plan:
    """Bound layers of a fitted network, and how their input is encoded.

    Parameters
    ----------
    arrays : sequence of (ndarray or None)
        The fitted attributes that hold the parameters.
    encoder : Encoder
    layers : sequence of Layer
        At least one unbound layer.
    parameters : sequence of mappings
        Parameters of each layer, views of `arrays` or copies.
    copied : sequence of ndarray
        Those of `arrays` whose values the plan copies. Others may change in place.
    """

    def __init__(
        self,
        arrays: Sequence[np.ndarray | None],
        encoder: Encoder,
        layers: Sequence[Layer],
        parameters: Sequence[Mapping[str, np.ndarray]],
        copied: Sequence[np.ndarray],
    ) -> None:
        self._arrays, self._encoder, self._layers = arrays, encoder, layers
        for layer, views in zip(layers, parameters, strict=True):
            layer.bind(views)
        self.is_small = sum(a.size for a in copied) <= KEPT_ELEMENTS
        self._copied = [(a, a.copy()) for a in copied] if self.is_small else []
        self._made: dict[tuple[int | None, bool], tuple[Predictor, Encoder]] = {}

    def is_of(self, arrays: Sequence[np.ndarray | None], encoder: Encoder) -> bool:
        """Whether the plan predicts by these parameters and this encoder."""
        return (
            encoder is self._encoder
            and len(arrays) == len(self._arrays)
            and all(map(is_, arrays, self._arrays))
            and all(np.array_equal(a, as_it_was) for a, as_it_was in self._copied)
        )

    def predictor(self, n_layers: int | None, is_sparse: bool) -> tuple[Predictor, Encoder]:
        """Return the forward pass of ``layers[:n_layers]``, and the encoder of its input."""
        key = n_layers, is_sparse
        if key not in self._made:
            self._made[key] = self._predictor(self._layers[:n_layers], is_sparse)
        return self._made[key]

    def _predictor(self, layers: Sequence[Layer], is_sparse: bool) -> tuple[Predictor, Encoder]:
        encoder, (first, *others) = self._encoder, layers
        if is_sparse:
            return Predictor(layers, None), encoder
        if first.takes_ones and encoder.unscaled is not None:
            # the first layer scales X, which saves two passes over it
            folded = first.of()
            folded.bind(encoder.fold(W=first.W, b=first.b))
            first, encoder = folded, encoder.unscaled
        return Predictor([first, *others], encoder.n_columns), encoder
