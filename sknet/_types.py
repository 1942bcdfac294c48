"""Types for users' type checkers: fitted attributes, and methods that scikit-learn brings."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Integers: TypeAlias = int | Sequence[int] | NDArray[np.integer[Any]]
Numbers: TypeAlias = float | Sequence[float] | NDArray[Any]
Names: TypeAlias = str | Sequence[str]
Columns: TypeAlias = str | Sequence[Any] | NDArray[Any]
Schedule: TypeAlias = str | Callable[[Any], float]
Scorer: TypeAlias = str | Callable[..., Any]
ClassWeight: TypeAlias = str | Mapping[Any, float]
RandomState: TypeAlias = int | np.random.RandomState


class Typed:
    """What a type checker cannot see: scikit-learn has no types, and `fit` sets attributes."""

    n_features_in_: int
    feature_names_in_: Array
    coefs_: list[Array]
    intercepts_: list[Array]
    embeddings_: list[Array]
    frequencies_: Array | None
    phases_: Array | None
    loss_: float
    loss_curve_: list[float]
    learning_rate_curve_: list[float] | None
    best_loss_: float | None
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None
    best_iter_: int | None
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    n_parameters_: int
    out_activation_: str
    resolved_params_: dict[str, Any]
    temperature_: float | None
    oof_prediction_: Array
    oof_score_: float
    fold_: Array

    if TYPE_CHECKING:

        def set_params(self, **params: Any) -> Self: ...

        def set_output(self, *, transform: str | None = None) -> Self: ...

        def set_callbacks(self, *callbacks: Any) -> Self: ...

        def set_fit_request(self, **metadata: bool | str | None) -> Self: ...

        def set_partial_fit_request(self, **metadata: bool | str | None) -> Self: ...

        def set_score_request(self, **metadata: bool | str | None) -> Self: ...

        def get_metadata_routing(self) -> Any: ...

        def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Array: ...
