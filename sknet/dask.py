"""Fits on Dask clusters: rows in the partitions of Dask collections, on the workers of a client.

It needs the extra ``dask``: ``pip install "sknet-mlp[dask]"``.
"""

from typing import Any

from sknet import _params
from sknet._classifier import MLPBackpropClassifier
from sknet._dask.cluster import ClusterError
from sknet._dask.docs import documented_by
from sknet._dask.fit import FitsShards
from sknet._dask.prediction import PredictsClassesLazily, PredictsNumbersLazily
from sknet._regressor import MLPBackpropRegressor
from sknet._types import (
    ClassWeight,
    Columns,
    Integers,
    Names,
    Numbers,
    RandomState,
    Schedule,
    Scorer,
)

__all__ = ["ClusterError", "DaskMLPBackpropClassifier", "DaskMLPBackpropRegressor"]


@documented_by(MLPBackpropClassifier, y="X[:, 0] > X[:, 1]")
class DaskMLPBackpropClassifier(PredictsClassesLazily, FitsShards, MLPBackpropClassifier):
    """Multilayer perceptron for classification, fitted on a Dask cluster."""

    _local = MLPBackpropClassifier

    def __init__(
        self,
        hidden_layer_sizes: Integers = (128, 128),
        activation: Names = "relu",
        *,
        loss: str = "log_loss",
        class_weight: ClassWeight | None = None,
        label_smoothing: float | str = "auto",
        calibration: str | None = "auto",
        feature_scaling: str | None = "auto",
        numeric_embedding: str | None = "auto",
        n_bins: int | str = "auto",
        input_scaling_layer: bool | str = "auto",
        categorical_features: Columns | None = "from_dtype",
        min_frequency: float | str = "auto",
        max_onehot: int = 32,
        embedding_dim: int | str = "auto",
        embedding_dropout: float | str = "auto",
        solver: str = "adamw",
        alpha: float | str = "auto",
        dropout: Numbers | str = "auto",
        dropout_input: float = 0.0,
        clip_norm: float | None = None,
        batch_size: int | str = "auto",
        learning_rate: Schedule = "auto",
        learning_rate_init: float | str = "auto",
        power_t: float = 0.5,
        warmup: float | str = "auto",
        max_iter: int | str = "auto",
        shuffle: bool = True,
        random_state: RandomState | None = None,
        tol: float = 1e-4,
        verbose: int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = "auto",
        validation_fraction: float | str = "auto",
        scoring: Scorer | None = "auto",
        max_time: float | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-8,
        rho: float = 0.9,
        weight_decay: float | str = "auto",
        averaging: float | str | None = "auto",
        n_iter_no_change: float | str = "auto",
        max_fun: int = 15000,
        init: str = "auto",
        n_members: int = 1,
        cv: Any = None,
        dtype: str = "auto",
        client: Any = None,
        n_shards: int | None = None,
        average_every: int = 100,
    ) -> None:
        _params.store(self, locals())


@documented_by(MLPBackpropRegressor, y="X[:, 0] - X[:, 1]")
class DaskMLPBackpropRegressor(PredictsNumbersLazily, FitsShards, MLPBackpropRegressor):
    """Multilayer perceptron for regression, fitted on a Dask cluster."""

    _local = MLPBackpropRegressor

    def __init__(
        self,
        hidden_layer_sizes: Integers = (128, 128),
        activation: Names = "relu",
        *,
        loss: str = "squared_error",
        huber_delta: float = 1.35,
        quantile: Numbers = 0.5,
        tweedie_power: float = 1.5,
        out_activation: str = "auto",
        clip_predictions: bool | str = "auto",
        target_scaling: bool = True,
        feature_scaling: str | None = "auto",
        numeric_embedding: str | None = "auto",
        n_bins: int | str = "auto",
        input_scaling_layer: bool | str = "auto",
        categorical_features: Columns | None = "from_dtype",
        min_frequency: float | str = "auto",
        max_onehot: int = 32,
        embedding_dim: int | str = "auto",
        embedding_dropout: float | str = "auto",
        solver: str = "adamw",
        alpha: float | str = "auto",
        dropout: Numbers | str = "auto",
        dropout_input: float = 0.0,
        clip_norm: float | None = None,
        batch_size: int | str = "auto",
        learning_rate: Schedule = "auto",
        learning_rate_init: float | str = "auto",
        power_t: float = 0.5,
        warmup: float | str = "auto",
        max_iter: int | str = "auto",
        shuffle: bool = True,
        random_state: RandomState | None = None,
        tol: float = 1e-4,
        verbose: int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = "auto",
        validation_fraction: float | str = "auto",
        scoring: Scorer | None = "auto",
        max_time: float | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-8,
        rho: float = 0.9,
        weight_decay: float | str = "auto",
        averaging: float | str | None = "auto",
        n_iter_no_change: float | str = "auto",
        max_fun: int = 15000,
        init: str = "auto",
        n_members: int = 1,
        cv: Any = None,
        dtype: str = "auto",
        client: Any = None,
        n_shards: int | None = None,
        average_every: int = 100,
    ) -> None:
        _params.store(self, locals())
