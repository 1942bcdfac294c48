"""The two estimators: parameters, documentation, prediction."""

from collections.abc import Mapping
from typing import Any, Literal, Self, overload

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from sknet import _params
from sknet._compat import available_if
from sknet._conformal import BOOLEAN, PredictsIntervals, PredictsSets, require
from sknet._docs import documented
from sknet._engine.links import LINKS, both_sides, mean_of_members
from sknet._engine.losses import LOSSES
from sknet._fit_batches import FitsBatches
from sknet._fitted.conformal import class_scores, root_mean_square
from sknet._target.classes import (
    IndicatorTarget,
    LabelTarget,
    classification_target,
    warn_of_one_hot,
)
from sknet._target.continuous import ContinuousTarget
from sknet._target.messages import label_words
from sknet._target.reading import read_labels, read_numbers
from sknet._target.scale import Scaling
from sknet._target.weights import (
    checked_weights,
    class_factors,
    class_weights,
    warn_of_absent_classes,
)
from sknet._types import (
    Array,
    ClassWeight,
    Columns,
    Integers,
    Names,
    Numbers,
    RandomState,
    Schedule,
    Scorer,
)

#: Held-out rows whose scores are computed at once.
SCORED_ROWS = 1 << 14


def _is_stochastic(estimator: FitsBatches) -> bool:
    """Whether `partial_fit` exists: lbfgs needs all rows at once."""
    return estimator.solver != "lbfgs"


@documented
class MLPBackpropClassifier(ClassifierMixin, PredictsSets, FitsBatches):
    """Multilayer perceptron for classification.

    The target decides between two classes, more classes, and several labels per row. Two classes,
    and each of several labels, have a sigmoid output and binary cross-entropy. More classes have a
    softmax.

    Parameters
    ----------
    {network}

    loss : {'log_loss', 'squared_error'}, default='log_loss'
        'log_loss' is the cross-entropy in nats. 'squared_error' is half the squared distance of the
        probabilities from the indicators of the classes (Brier score), summed over outputs.

    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, by label; they multiply `sample_weight`, and the weights of
        validation rows. A label that is not in the dict has the weight 1. A label in the dict that
        is not a class is ignored, since a fold may lack it; a warning says so if the dict also
        leaves a class out, which may be a misspelling. 'balanced' gives all classes the same total
        weight; it is an error in `partial_fit`, which does not see all rows. An error with label
        indicators.

    label_smoothing : float or 'auto', default='auto'
        Share e of the target, in [0, 1), that is spread evenly over the K classes:
        ``(1 - e) * y + e / K``; K is 2 for two classes and for each of several labels (Szegedy et
        al. 2016). Only for training: the validation loss uses the labels as they are. 'auto' is 0.1
        (0.05 below 1,000 rows) where the result is calibrated and no class is rare, else 0.

    calibration : {'auto', 'temperature'} or None, default='auto'
        'temperature' divides the raw output by one number, which minimises the cross-entropy of
        the validation rows, or of the out-of-fold predictions (Guo et al. 2017). It is part of the
        last of `coefs_` and `intercepts_`. 'auto' is 'temperature' for 'log_loss' if early stopping
        or `cv` has validation rows; without them there is nothing to calibrate with.
        `partial_fit` keeps the temperature of the fit before.

    {inputs}

    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for label indicators, their column numbers.

    loss_ : float
        Loss of the last epoch, as in `loss_curve_`; the mean over members.

    temperature_ : float or None
        By which `calibration` divided the raw output; None without it.

    coefs_ : list of ndarray
        Weights of each layer, of shape (n_in, n_out); (n_members, n_in, n_out) for several
        members.

    {attributes}

    See Also
    --------
    MLPBackpropRegressor : The same network for regression.
    sklearn.neural_network.MLPClassifier : The class whose parameters and attributes this extends.

    Notes
    -----
    {notes}

    References
    ----------
    {references}
    .. [14] Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sknet import MLPBackpropClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = MLPBackpropClassifier(early_stopping=True, random_state=0)
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    classes_: Array

    _losses = ("log_loss", "squared_error")
    _read_y = staticmethod(read_labels)

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
        learning_rate: Schedule = "constant",
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
    ) -> LabelTarget | IndicatorTarget:
        if incremental and isinstance(p["class_weight"], str):
            raise _params.refuse(
                self,
                "class_weight",
                "must be a dict or None in partial_fit, which does not see all rows: count the"
                " labels of all of them, compute_class_weight('balanced', classes=..., y=...)",
            )
        if goes_on:
            return self._continued_target(y, classes, incremental)
        target = classification_target(y) if classes is None else self._first_target(y, classes)
        if isinstance(p["class_weight"], Mapping) and isinstance(target, LabelTarget):
            warn_of_absent_classes(p["class_weight"], target.classes)
        return target

    def _first_target(self, y: Any, classes: Any) -> LabelTarget | IndicatorTarget:
        """Return the target of the first call of `partial_fit`, whose classes are given."""
        labels = np.unique(read_labels(classes, "classes"))
        if y.ndim == 1:
            return LabelTarget(labels)
        warn_of_one_hot(y)
        return IndicatorTarget(len(labels))

    def _fitted_target(self) -> LabelTarget | IndicatorTarget:
        """Return the target of the fitted network."""
        if self._indicator:
            return IndicatorTarget(self.n_outputs_)
        return LabelTarget(self.classes_)

    def _class_weighted(self, p, target, Y, w):
        if p["class_weight"] is None:
            return w
        self._require_labels(target)
        return class_weights(p["class_weight"], target, target.codes(Y), w)

    def _require_labels(self, target: Any) -> None:
        """Raise if there are class weights, and several labels a row."""
        if isinstance(target, IndicatorTarget):
            raise _params.refuse(
                self, "class_weight", "must be None with label indicators: give sample_weight"
            )

    def _class_factors(self, p, target, totals):
        if p["class_weight"] is None:
            return None
        self._require_labels(target)
        largest = totals.greatest.max()
        return class_factors(p["class_weight"], target, totals.sums / max(largest, 1e-300))

    def _model(self, p, target, layers, encoder):
        return {
            **super()._model(p, target, layers, encoder),
            "classes_": target.classes,
            "_indicator": isinstance(target, IndicatorTarget),
        }

    def _out_activation(self, p: dict[str, Any], target: Any) -> str:
        return target.out_activation

    @available_if(_is_stochastic)
    def partial_fit(
        self, X: Any, y: Any, *, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train for one epoch on X and y, continuing the earlier calls.

        No rows are held out, even with `early_stopping`, and callbacks are not called.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input: numbers, NaN where missing, and categories.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The labels. Not all classes need to occur.
        classes : array-like of shape (n_classes,), default=None
            All labels of all calls. Needed in the first call, unless the estimator is fitted.
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
            If `y` has labels that are not in `classes`, if `classes` changes, if `class_weight` is
            'balanced', or as `fit` does.
        """
        if classes is None and not hasattr(self, "coefs_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        self._fit(X, y, sample_weight, classes=classes, incremental=True)
        return self

    def predict(self, X: Any) -> Array:
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels in the dtype of `classes_`; with label indicators, 0 or 1 for each label.
        """
        prediction = self._predict_by(self._mean_prediction, X)
        return self._fitted_target().decode(prediction)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; with label indicators, the share of rows with all labels right.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            From 0 to 1.
        """
        y = read_labels(y, warns=False)
        return super().score(X, y, checked_weights(sample_weight, y.shape[0]))

    def predict_proba(self, X: Any) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; in the dtype of `X`. For label indicators, the probability
            of each label.
        """
        return self._predict_by(self._proba, X)

    def predict_log_proba(self, X: Any) -> Array:
        """Predict the logarithm of the probability of each class, from the raw output.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Finite even if the probability is 0 in floating point.
        """

        def log_proba(Z: np.ndarray) -> np.ndarray:
            P = self._proba(Z)
            log_P = LINKS[self.out_activation_].log_mean_prediction(self._two_sided(Z))
            # next to 1, P is the coarser of the two: agree with what predict_proba says
            return np.where(P > 0.5, np.log(np.maximum(P, 0.5)), log_P)

        return self._predict_by(log_proba, X)

    def decision_function(self, X: Any) -> Array:
        """Return the raw output: the logit, or one score per class or label.

        With several members, it is the link of their mean probability.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            For two classes, above 0 if the second one is predicted.
        """

        def decision(Z: np.ndarray) -> np.ndarray:
            link = LINKS[self.out_activation_].of_members(Z)
            return link[:, 0] if self._binary else link

        return self._predict_by(decision, X)

    def _prediction_of(self, Z):
        return self._proba(Z)

    def _scores_of(self, Y, Z):
        if self._indicator:
            return None
        codes, found = self._fitted_target().codes(Y), []
        for rows in gen_batches(len(codes), SCORED_ROWS):  # limits memory for many classes
            P = self._proba(Z[:, rows].astype(np.float64))
            own = np.arange(len(P)), codes[rows]
            found.append(np.stack([scores[own] for scores in class_scores(P, P)], axis=1))
        return np.concatenate(found).astype(np.float32)

    @property
    def _binary(self) -> bool:
        """Whether one output stands for two classes."""
        return len(self.classes_) == 2 and self.n_outputs_ == 1

    def _proba(self, Z: np.ndarray) -> np.ndarray:
        """Return the members' mean probability of each class, from their raw output."""
        return mean_of_members(both_sides(Z)) if self._binary else self._mean_prediction(Z)

    def _two_sided(self, Z: np.ndarray) -> np.ndarray:
        """Return the raw output for both classes where there is one output for two."""
        return np.concatenate([-Z, Z], axis=-1) if self._binary else Z

    def _continued_target(
        self, y: Any, classes: Any, incremental: bool
    ) -> LabelTarget | IndicatorTarget:
        """Return the fitted target; raise where `y` or `classes` ask for another one."""
        target = self._fitted_target()
        if classes is not None:
            classes = np.unique(read_labels(classes, "classes"))
            if not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"classes={label_words(classes)} is not the same as on the first call to"
                    f" partial_fit: {label_words(self.classes_)}."
                )
        if (y.ndim == 2) != self._indicator:
            raise ValueError("y must stay what it was first: labels, or label indicators.")
        if not incremental and not self._indicator:
            asked = LabelTarget.of(y)
            if not np.array_equal(asked.classes, self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous"
                    f" call to fit. Previously got {self.classes_}, `y` has {asked.classes}"
                )
            return asked
        return target

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


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
    .. [13] Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
       35, 1964.
    .. [14] Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.
    .. [15] Jørgensen, "Exponential dispersion models", Journal of the Royal Statistical Society B
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
        learning_rate: Schedule = "constant",
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

    @available_if(_is_stochastic)
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
        check_is_fitted(self)
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
