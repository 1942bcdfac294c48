"""``ENCODINGS``, the table of the encodings of columns.

A new encoding is a subclass of `Numbers` or `Categories` and an entry here. An encoding of numbers
is then a value of the parameter `feature_scaling`, by its name in the table. Which encoding a
category gets is decided in `category_encoding`.
"""

from sknet._table.category_encodings import EmbeddingCodes, LeftOut, OneHot, Signs
from sknet._table.encoding import Encoding, EncodingSettings
from sknet._table.number_encodings import AsItIs, MaxAbs, MissingIndicator, Robust, Standard

#: What feature_scaling="auto" is, for dense and for sparse X.
AUTO_SCALING, AUTO_SPARSE_SCALING = "standard", "max_abs"

#: Name -> encoding. The names are shown by `input_encoding_`.
#: "left out" is what a category without levels gets.
ENCODINGS: dict[str, type[Encoding]] = {
    "as it is": AsItIs,
    "standard": Standard,
    "robust": Robust,
    "max_abs": MaxAbs,
    "missing": MissingIndicator,
    "-1, +1": Signs,
    "one-hot": OneHot,
    "embedding": EmbeddingCodes,
    "left out": LeftOut,
}


def feature_scalings() -> tuple[str, ...]:
    """Return the names of encodings that the parameter `feature_scaling` may have."""
    return tuple(name for name, encoding in ENCODINGS.items() if encoding.is_feature_scaling)


def number_encoding(settings: EncodingSettings, sparse: bool) -> str:
    """Return the name of the encoding of numbers."""
    scaling = settings.feature_scaling
    if scaling is None:
        return "as it is"
    if scaling == "auto":
        return AUTO_SPARSE_SCALING if sparse else AUTO_SCALING
    return scaling


def category_encoding(settings: EncodingSettings, count: int) -> str:
    """Return the name of the encoding of a category with this number of codes."""
    if count > max(2, settings.max_onehot):
        return "embedding"
    return "-1, +1" if count == 2 else "one-hot"
