"""``ENCODINGS``, the table of the encodings of columns.

A new encoding is a subclass of `Numbers` or `Categories` and an entry here. An encoding of numbers
is then a value of the parameter `feature_scaling`, by its name in the table. Which encoding a
category gets is decided in `category_encoding`.
"""

import numpy as np

from sknet._table.category_encodings import EmbeddingCodes, LeftOut, OneHot, Signs
from sknet._table.encoding import Encoding, EncodingSettings
from sknet._table.number_encodings import (
    AsItIs,
    Clipped,
    Linear,
    MaxAbs,
    MissingIndicator,
    Quantile,
    Robust,
    Standard,
)
from sknet._table.statistics import Statistics

#: Name -> encoding. The names are shown by `input_encoding_`.
#: "left out" is what a category without levels gets.
ENCODINGS: dict[str, type[Encoding]] = {
    "as it is": AsItIs,
    "standard": Standard,
    "robust": Robust,
    "linear": Linear,
    "quantile": Quantile,
    "max_abs": MaxAbs,
    "clipped": Clipped,
    "missing": MissingIndicator,
    "-1, +1": Signs,
    "one-hot": OneHot,
    "embedding": EmbeddingCodes,
    "left out": LeftOut,
}


def feature_scalings() -> tuple[str, ...]:
    """Return the names of encodings that the parameter `feature_scaling` may have."""
    return tuple(name for name, encoding in ENCODINGS.items() if encoding.is_feature_scaling)


def fixed_scaling(settings: EncodingSettings) -> str | None:
    """Return the name of the encoding of all numbers; None if each column decides."""
    scaling = settings.feature_scaling
    return None if scaling == "auto" else scaling or "as it is"


def number_encodings(settings: EncodingSettings, found: Statistics) -> np.ndarray:
    """Return the name of the encoding of each column of numbers."""
    fixed = fixed_scaling(settings)
    if fixed is not None:
        return np.full(len(found.mean), fixed)
    if found.sparse:
        return np.where(found.heavy, "clipped", "max_abs")
    return np.where(found.heavy, "quantile", "linear")


def category_encoding(settings: EncodingSettings, count: int) -> str:
    """Return the name of the encoding of a category with this number of codes."""
    if count > max(2, settings.max_onehot):
        return "embedding"
    return "-1, +1" if count == 2 else "one-hot"
