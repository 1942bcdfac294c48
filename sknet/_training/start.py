"""The fitted model from which training continues."""

from typing import NamedTuple

import numpy as np

from sknet._engine.parameters import Views
from sknet._table.encoder import Encoder
from sknet._training.state import TrainingState


class Start(NamedTuple):
    """Fitted parameters, the fitted encoder, and the state of training.

    `parameters` holds W (n_members, n_in, n_out) and b (n_members, 1, n_out) of each layer. If
    categories are embedded, the first entry is E (n_members, n_rows, dim).
    """

    parameters: Views
    encoder: Encoder
    state: TrainingState

    @property
    def dtype(self) -> np.dtype:
        """The compute dtype, which the first call has fixed."""
        return self.parameters[-1]["W"].dtype
