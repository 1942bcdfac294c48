"""The regressor: its parameters, documentation and prediction."""

from typing import Any, Literal, Self, overload

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from sknet import _params
from sknet._compat import available_if
from sknet._conformal import BOOLEAN, PredictsIntervals, require
from sknet._docs import documented
from sknet._engine.links import LINKS
from sknet._engine.losses import LOSSES
from sknet._fit_batches import FitsBatches
from sknet._fits import is_stochastic, require_fitted
from sknet._fitted.conformal import root_mean_square
from sknet._target.continuous import ContinuousTarget
from sknet._target.reading import read_numbers
from sknet._target.scale import Scaling
from sknet._target.weights import checked_weights
from sknet._types import (
    Array,
    Columns,
    Integers,
    Names,
    Numbers,
    RandomState,
    Schedule,
    Scorer,
)


@documented
class MLPBackpropRegressor(RegressorMixin, PredictsIntervals, FitsBatches):
    """Multilayer perceptron for regression, with one or several outputs.

    `loss` decides what is predicted: the mean, the median, quantiles, or the mean of counts or
    amounts. The target and the features are scaled: see `target_scaling` and `feature_scaling`.

    Parameters
    ----------
    {network}

    loss : {'squared_error', 'absolute_error', 'huber', 'quantile', 'poisson', 'gamma', \
'tweedie'}, default='squared_error'
        The loss, summed over outputs.

        - 'squared_error', half the squared error: predicts the mean
        - 'absolute_error', the absolute error: predicts the median
        - 'huber', half the squared error up to `huber_delta`, linear for larger errors
        - 'quantile', the pinball loss: one quantile, or several, see `quantile`
        - 'poisson', half the Poisson deviance, for y >= 0
        - 'gamma', half the gamma deviance, for y > 0
        - 'tweedie', half the Tweedie deviance, see `tweedie_power`

        The last three have a log link: predictions are above 0.

    huber_delta : float, default=1.35
        Error, above 0, at which 'huber' changes from squared to linear. In the robust deviations
        of `target_scaling`, or in the units of y with ``target_scaling=False``. No effect with
        another loss.

    quantile : float, or array-like of float, default=0.5
        Level of ``loss='quantile'``, in (0, 1), or several that increase strictly, if y has one
        output. With several levels, the prediction has one column per level, and the columns never
        cross: each is the one before plus a positive number. No effect with another loss.

    tweedie_power : float, default=1.5
        Power p in [1, 3] of 'tweedie': the variance is proportional to the mean to the power p. 1
        is 'poisson', 2 is 'gamma'. y must be 0 or more for p < 2, else above 0. No effect with
        another loss.

    out_activation : {'auto', 'identity', 'logistic', 'tanh', 'softplus'}, default='auto'
        Activation of the output with 'squared_error': 'logistic' keeps predictions in (0, 1),
        'tanh' in (-1, 1), 'softplus' above 0; 'auto' is 'identity'. y must be in this range, its
        ends included. The other losses have an output
        activation of their own; any other value than 'auto' or their own is an error.

    clip_predictions : bool or 'auto', default='auto'
        Whether predictions are clipped to the range of the targets seen in training. No effect
        where the output has a link. 'auto' is True if the weights are averaged.

    target_scaling : bool, default=True
        Whether the network is trained on (y - mean) / standard deviation. With 'huber',
        'absolute_error' and 'quantile', whose fit does not depend on outliers, it is (y - median) /
        deviation, where the deviation is 1.4826 times the median of ``abs(y - median)``, the
        standard deviation of a normal target; if it is 0, the same over the values that differ from
        the median. The first call learns both from its training rows and their weights, for each
        output. Predictions and scores are in the units of y. `coefs_` and `intercepts_` predict the
        scaled target, and `loss_`, the loss curves and `huber_delta` are in these deviations. A
        constant y is predicted exactly. No effect with log links or with an `out_activation` other
        than 'identity', for which y is not scaled.

    {inputs}

    {training}

    Attributes
    ----------
    loss_ : float
        Loss of the last epoch, as in `loss_curve_`; the mean over members. With `target_scaling`,
        in deviations of the target, squared for 'squared_error'.

    coefs_ : list of ndarray
        Weights of each layer, of shape (n_in, n_out); (n_members, n_in, n_out) for several
        members. With `target_scaling`, the network's output is the scaled target.

    {attributes}

    See Also
    --------
    MLPBackpropClassifier : The same network for classification.
    sklearn.neural_network.MLPRegressor : The class whose parameters and attributes this extends.

    Notes
    -----
    {notes}

    References
    ----------
    {references}
    .. [14] Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
       35, 1964.
    .. [15] Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.
    .. [16] Jørgensen, "Exponential dispersion models", Journal of the Royal Statistical Society B
       49, 1987.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from sknet import MLPBackpropRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPBackpropRegressor((20,), early_stopping=True, random_state=0)
    >>> bool(cross_val_score(model, X, y).mean() > 0.3)
    True
    """

    _losses = tuple(name for name in LOSSES if name != "log_loss")
    _read_y = staticmethod(read_numbers)

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
    ) -> None:
        _params.store(self, locals())

    def _target(
        self, p: dict[str, Any], y: Any, goes_on: bool, classes: Any, incremental: bool
    ) -> ContinuousTarget:
        if not goes_on:
            return ContinuousTarget.of(y, _params.quantile_levels(p))
        self._require_as_fitted(p)
        return self._fitted_target()

    def _require_as_fitted(self, p: dict[str, Any]) -> None:
        """Raise where training that goes on is asked for another target."""
        link = self._out_activation(p, None)
        if link != self.out_activation_:
            raise _params.refuse(
                self, "loss", f"must keep the output {self.out_activation_!r}, as first fitted"
            )
        levels = _params.quantile_levels(p)
        if levels != self._quantiles:
            name = "quantile" if levels and self._quantiles else "loss"
            raise _params.refuse(self, name, "must stay as first fitted")
        if LINKS[link].is_linear and p["target_scaling"] != (self._scaling is not None):
            raise _params.refuse(self, "target_scaling", "must stay as first fitted")

    def _out_activation(self, p: dict[str, Any], target: Any) -> str:
        if p["out_activation"] != "auto":
            return p["out_activation"]
        several = p["loss"] == "quantile" and isinstance(p["quantile"], tuple)
        return "increments" if several else next(iter(LOSSES[p["loss"]]))

    def _model(self, p, target, layers, encoder):
        scaling = target.scaling and tuple(a.copy() for a in target.scaling)
        model = super()._model(p, target, layers, encoder)
        own = {"_quantiles": target.quantiles, "_y_dtype": target.least_dtype}
        return {**model, "_scaling": scaling, "_limits": target.limits, **own}

    def _fitted_target(self) -> ContinuousTarget:
        """Return the target of the fitted network."""
        n_columns = 1 if self._quantiles and len(self._quantiles) > 1 else self.n_outputs_
        scaling = self._scaling and Scaling(*self._scaling)
        return ContinuousTarget(n_columns, self._quantiles, scaling, self._y_dtype, self._limits)

    def _mean_prediction(self, Z: np.ndarray) -> np.ndarray:
        return self._fitted_target().restore(super()._mean_prediction(Z))

    @available_if(is_stochastic)
    def partial_fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Train for one epoch on X and y, continuing the earlier calls.

        No rows are held out, even with `early_stopping`, and callbacks are not called.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input: numbers, NaN where missing, and categories.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, on the scale of the first call. A call whose weights are all 0
            changes nothing.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the number of outputs or features changes, or as `fit` does.
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> Array: ...

    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[Array, Array]: ...

    def predict(self, X: Any, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict the target of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.
        return_std : bool, default=False
            Whether to return a standard deviation of the error of each prediction, too. Its square
            is the variance between the networks, and the part of the mean squared error on
            held-out rows that this variance does not explain. Needs held-out rows, as
            `predict_interval` does.

        Returns
        -------
        prediction : ndarray of shape (n_samples,) or (n_samples, n_outputs or n_quantiles)
            In the units of y, and the dtype of `X`; but float64 if float32 cannot resolve y: if
            neighbouring numbers near its mean are further apart than 1/1000 of its scale.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the same units. Only if `return_std`.

        Raises
        ------
        InvalidParameterError
            If `return_std` is not a bool, or is True where a quantile other than 0.5 is predicted.
        ValueError
            If `return_std`, and no rows were held out of training; or if `X` is invalid.

        Notes
        -----
        The variance between the networks is that of the folds with `cv`, else that of the
        `n_members`; with one network it is 0, and all standard deviations are equal. Residuals
        over standard deviations have a standard deviation of about 1 on new rows. With `cv`, the
        mean of K folds has a smaller error than the networks of one fold, on which the held-out
        residuals are: their mean square is lowered by (K - 1) / K of the variance between folds
        (Krogh and Vedelsby 1995). No distribution is assumed: for intervals with a given coverage,
        use `predict_interval`.

        References
        ----------
        Krogh and Vedelsby, "Neural network ensembles, cross validation, and active learning",
        NIPS 1994.
        """
        require_fitted(self)
        require(BOOLEAN, "return_std", return_std, "predict")
        if return_std:
            return self._predict_with_std(X)
        return self._predict_by(self._prediction_of, X, least_dtype=self._y_dtype)

    def _prediction_of(self, Z: np.ndarray) -> np.ndarray:
        prediction = self._mean_prediction(Z)
        return prediction[:, 0] if self.n_outputs_ == 1 else prediction

    def _scores_of(self, Y: np.ndarray, Z: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return Y - self._mean_prediction(Z.astype(np.float64))

    def _mean_spread(self, result):
        parts = result.validation.outputs_of_all(result.parameters)
        found = [(self._spread(Z), rows.w) for rows, Z in parts]
        spreads, weights = (list(values) for values in zip(*found, strict=True))
        return root_mean_square(spreads, None if weights[0] is None else weights)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R2; with ``loss='quantile'``, the D2 pinball score, averaged over quantiles.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            1 is perfect; 0 is as good as the best constant: the mean, or the quantile, of `y`.
        """
        check_is_fitted(self)
        y = read_numbers(y, warns=False)
        if self._quantiles is None:
            return super().score(X, y, checked_weights(sample_weight, len(y)))
        n_columns = 1 if len(self._quantiles) > 1 else self.n_outputs_
        target = ContinuousTarget(n_columns, self._quantiles)
        prediction = self.predict(X).reshape(-1, self.n_outputs_)
        Y, _ = target.encode(y, np.float64)
        return target.score(Y, prediction, checked_weights(sample_weight, len(Y)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        non_negative = self.loss in ("poisson", "gamma", "tweedie")
        tags.target_tags.positive_only = non_negative or self.out_activation == "softplus"
        return tags
