"""The two estimators: parameters, documentation, prediction."""

from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sknet import _params
from sknet._base import BaseMLP
from sknet._docs import documented
from sknet._engine.losses import LOSSES, both_sides
from sknet._targets import (
    LINEAR,
    ContinuousTarget,
    IndicatorTarget,
    LabelTarget,
    Scaling,
    classification_target,
    is_indicator,
)
from sknet._validation import mean_of_members
from sknet._weights import checked_weights, class_weights


def _is_stochastic(estimator: BaseMLP) -> bool:
    """Whether `partial_fit` exists: lbfgs needs all rows at once."""
    return estimator.solver != "lbfgs"


@documented
class MLPBackpropClassifier(ClassifierMixin, BaseMLP):
    """Multilayer perceptron for classification.

    Two classes, several, or several labels a row, chosen from the target: a sigmoid output and
    binary cross-entropy for two classes and for each label, a softmax over more classes.

    Parameters
    ----------
    {network}

    loss : {'log_loss', 'squared_error'}, default='log_loss'
        'log_loss' is the cross-entropy in nats; 'squared_error' half the squared distance of the
        probabilities from the indicators of the classes (Brier score), summed over outputs.

    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, by label; they multiply `sample_weight`. A label that the dict
        leaves out weighs 1, and one that is not among the classes is an error. 'balanced' gives
        each class that is there the same total weight; it is an error in `partial_fit`, which does
        not see all rows. They count on a hold-out too, not on `X_val`. With label indicators an
        error.

    label_smoothing : float, default=0.0
        Share e of the target, in [0, 1), that is spread evenly over the K classes:
        ``(1 - e) * y + e / K``; K is 2 for two classes and for each of several labels (Szegedy et
        al. 2016). In training alone: the validation loss is that of the labels as they are.

    {inputs}

    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for label indicators, their column numbers.

    loss_ : float
        Loss of the last epoch, as in `loss_curve_`; the mean over members.

    coefs_ : list of ndarray
        Weights of each layer, of shape (n_in, n_out); (n_members, n_in, n_out) for several
        members.

    {attributes}

    See Also
    --------
    MLPBackpropRegressor : The same network for numbers.
    sklearn.neural_network.MLPClassifier : Whose parameters and attributes this class extends.

    Notes
    -----
    {notes}

    References
    ----------
    {references}
    .. [13] Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016.

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

    _losses = ("log_loss", "squared_error")

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="log_loss",
        class_weight=None,
        label_smoothing=0.0,
        feature_scaling="auto",
        categorical_features="from_dtype",
        min_frequency=0.0,
        max_onehot=8,
        embedding_dim="auto",
        solver="adam",
        alpha=5e-7,
        dropout=0.0,
        dropout_input=0.0,
        clip_norm=None,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        warmup=0,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        scoring=None,
        max_time=None,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        rho=0.9,
        weight_decay=0.01,
        n_iter_no_change=10,
        max_fun=15000,
        init="auto",
        n_members=1,
        dtype="auto",
    ):
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
        if classes is None:
            return classification_target(y)
        labels = np.unique(np.asarray(classes))
        return IndicatorTarget(len(labels)) if is_indicator(y) else LabelTarget(labels)

    def _fitted_target(self) -> LabelTarget | IndicatorTarget:
        """Return the target of the fitted network."""
        if self._indicator:
            return IndicatorTarget(self.n_outputs_)
        return LabelTarget(self.classes_)

    def _class_weighted(self, p, target, Y, w):
        if p["class_weight"] is None:
            return w
        if isinstance(target, IndicatorTarget):
            raise _params.refuse(
                self, "class_weight", "must be None with label indicators: give sample_weight"
            )
        return class_weights(p["class_weight"], target, target.codes(Y), w)

    def _model(self, p, target, layers, encoder):
        return {
            **super()._model(p, target, layers, encoder),
            "classes_": target.classes,
            "_indicator": isinstance(target, IndicatorTarget),
        }

    def _out_activation(self, p: dict[str, Any], target: Any) -> str:
        return target.out_activation

    @available_if(_is_stochastic)
    def partial_fit(self, X, y, *, classes=None, sample_weight=None):
        """Train for one epoch on X and y, going on from the earlier calls.

        Nothing is held out, whatever `early_stopping` says, and callbacks are not told.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input: numbers, NaN where missing, and categories.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The labels; not all classes need to be among them.
        classes : array-like of shape (n_classes,), default=None
            All labels of all calls. Needed at the first call, unless the estimator is fitted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, on the scale of the first call; a call whose weights are all 0
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

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels of the dtype of `classes_`; or 0 and 1 for each label.
        """
        prediction = self._predict_by(self._mean_prediction, X)
        return self._fitted_target().decode(prediction)

    def predict_proba(self, X):
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

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class, from the raw output.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Finite also where the probability is 0 in floating point.
        """

        def log_proba(Z: np.ndarray) -> np.ndarray:
            P, log_P = self._proba(Z), self._mean_log_proba(self._two_sided(Z))
            # next to 1, P is the coarser of the two: agree with what predict_proba says
            return np.where(P > 0.5, np.log(np.maximum(P, 0.5)), log_P)

        return self._predict_by(log_proba, X)

    def decision_function(self, X):
        """Return the raw output: the logit, or one score a class or label.

        For several members, the link of their mean probability.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            For two classes, above 0 where the second one is predicted.
        """

        def decision(Z: np.ndarray) -> np.ndarray:
            if len(Z) == 1:
                link = Z[0]
            elif self.out_activation_ == "softmax":
                link = self._mean_log_proba(Z)
            else:
                link = self._mean_log_proba(Z) - self._mean_log_proba(-Z)
            return link[:, 0] if self._binary else link

        return self._predict_by(decision, X)

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

    def _mean_log_proba(self, Z: np.ndarray) -> np.ndarray:
        """Return the logarithm of the members' mean probability, from their raw output."""
        if self.out_activation_ == "softmax":
            log_P = log_softmax(Z, axis=-1)
        else:
            log_P = -np.logaddexp(0.0, -Z)
        return log_P[0] if len(Z) == 1 else logsumexp(log_P, axis=0) - float(np.log(len(Z)))

    def _continued_target(
        self, y: Any, classes: Any, incremental: bool
    ) -> LabelTarget | IndicatorTarget:
        """Return the fitted target; raise where `y` or `classes` ask for another one."""
        target = self._fitted_target()
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} is not the same as on the first call to partial_fit:"
                f" {self.classes_!r}."
            )
        if is_indicator(y) != self._indicator:
            raise ValueError("y must stay what it was first: labels, or label indicators.")
        if not incremental and not self._indicator:
            asked = classification_target(y)
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
class MLPBackpropRegressor(RegressorMixin, BaseMLP):
    """Multilayer perceptron for regression, with one or several outputs.

    The mean, the median, quantiles, or the mean of counts and amounts, by `loss`. The target is
    scaled inside, and so are the features: see `target_scaling` and `feature_scaling`.

    Parameters
    ----------
    {network}

    loss : {'squared_error', 'absolute_error', 'huber', 'quantile', 'poisson', 'gamma', \
'tweedie'}, default='squared_error'
        What is minimised, summed over outputs.

        - 'squared_error', half the squared error: the prediction is a mean
        - 'absolute_error', the absolute error: a median
        - 'huber', half the squared error up to `huber_delta`, and linear from there on
        - 'quantile', the pinball loss: one quantile, or several, see `quantile`
        - 'poisson', half the Poisson deviance, for y >= 0
        - 'gamma', half the gamma deviance, for y > 0
        - 'tweedie', half the Tweedie deviance, see `tweedie_power`

        The last three have a log link: what is predicted is above 0.

    huber_delta : float, default=1.35
        Error, above 0, at which 'huber' turns from squared to linear; in the engine's units,
        standard deviations of the target, unless `target_scaling` is off. No effect with another
        loss.

    quantile : float, or array-like of float, default=0.5
        Level of ``loss='quantile'``, in (0, 1); or several that increase strictly, for a y of one
        output. Then the prediction has a column for each, and these never cross: each is the one
        before plus something positive. No effect with another loss.

    tweedie_power : float, default=1.5
        Power p in [1, 3] of 'tweedie', whose variance is in proportion to the mean to the p; 1 is
        'poisson', 2 is 'gamma'. For y >= 0 below a p of 2, y > 0 from there on. No effect with
        another loss.

    out_activation : {'auto', 'identity', 'logistic', 'tanh', 'softplus'}, default='auto'
        Activation of the output under 'squared_error': 'logistic' keeps predictions in (0, 1),
        'tanh' in (-1, 1), 'softplus' above 0; 'auto' is 'identity'. The other losses have an output
        of their own, and anything but 'auto' that is not theirs is an error.

    target_scaling : bool, default=True
        Whether the network is trained on y minus its mean, over its standard deviation (by the
        weights, for each output), which the first call learns from the rows that it trains on.
        Predictions and scores are in the units of y; `coefs_` and `intercepts_` act on the scaled
        target, and `loss_`, the curves of losses, `tol` and `huber_delta` are in the engine's
        units: standard deviations of the target. A constant y is predicted exactly. No effect with
        log links and with an `out_activation` other than 'identity', which take y as it is.

    {inputs}

    {training}

    Attributes
    ----------
    loss_ : float
        Loss of the last epoch, as in `loss_curve_`; the mean over members. In the engine's units
        under `target_scaling`: standard deviations of the target, squared for 'squared_error'.

    coefs_ : list of ndarray
        Weights of each layer, of shape (n_in, n_out); (n_members, n_in, n_out) for several
        members. Under `target_scaling` the network's output is the scaled target.

    {attributes}

    See Also
    --------
    MLPBackpropClassifier : The same network for classes.
    sklearn.neural_network.MLPRegressor : Whose parameters and attributes this class extends.

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

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="squared_error",
        huber_delta=1.35,
        quantile=0.5,
        tweedie_power=1.5,
        out_activation="auto",
        target_scaling=True,
        feature_scaling="auto",
        categorical_features="from_dtype",
        min_frequency=0.0,
        max_onehot=8,
        embedding_dim="auto",
        solver="adam",
        alpha=5e-7,
        dropout=0.0,
        dropout_input=0.0,
        clip_norm=None,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        warmup=0,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        scoring=None,
        max_time=None,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        rho=0.9,
        weight_decay=0.01,
        n_iter_no_change=10,
        max_fun=15000,
        init="auto",
        n_members=1,
        dtype="auto",
    ):
        _params.store(self, locals())

    def _target(
        self, p: dict[str, Any], y: Any, goes_on: bool, classes: Any, incremental: bool
    ) -> ContinuousTarget:
        if not goes_on:
            return ContinuousTarget.of(y, _params.quantile_levels(p))
        self._require_as_fitted(p)
        n_columns = 1 if self._quantiles and len(self._quantiles) > 1 else self.n_outputs_
        return ContinuousTarget(n_columns, self._quantiles, self._scaling)

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
        if link in LINEAR and p["target_scaling"] != (self._scaling is not None):
            raise _params.refuse(self, "target_scaling", "must stay as first fitted")

    def _out_activation(self, p: dict[str, Any], target: Any) -> str:
        if p["out_activation"] != "auto":
            return p["out_activation"]
        several = p["loss"] == "quantile" and isinstance(p["quantile"], tuple)
        return "increments" if several else next(iter(LOSSES[p["loss"]]))

    def _model(self, p, target, layers, encoder):
        scaling = target.scaling and Scaling(*(a.copy() for a in target.scaling))
        model = super()._model(p, target, layers, encoder)
        return {**model, "_scaling": scaling, "_quantiles": target.quantiles}

    def _mean_prediction(self, Z: np.ndarray) -> np.ndarray:
        prediction = super()._mean_prediction(Z)
        return prediction if self._scaling is None else self._scaling.back(prediction)

    @available_if(_is_stochastic)
    def partial_fit(self, X, y, *, sample_weight=None):
        """Train for one epoch on X and y, going on from the earlier calls.

        Nothing is held out, whatever `early_stopping` says, and callbacks are not told.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input: numbers, NaN where missing, and categories.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, on the scale of the first call; a call whose weights are all 0
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

    def predict(self, X):
        """Predict the target of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_outputs) or (n_samples, n_quantiles)
            In the dtype of `X`, and the units of y.
        """
        prediction = self._predict_by(self._mean_prediction, X)
        return prediction[:, 0] if self.n_outputs_ == 1 else prediction

    def score(self, X, y, sample_weight=None):
        """Return R2; for ``loss='quantile'``, the D2 pinball score, the mean over quantiles.

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
            1 is perfect; 0 is as good as the best constant, the mean or the quantile of `y`.
        """
        check_is_fitted(self)
        if self._quantiles is None:
            return super().score(X, y, sample_weight)
        n_columns = 1 if len(self._quantiles) > 1 else self.n_outputs_
        target = ContinuousTarget(n_columns, self._quantiles)
        prediction = self.predict(X).reshape(-1, self.n_outputs_)
        Y, _ = target.encode(y, np.float64)
        return target.score(Y, prediction, checked_weights(sample_weight, len(Y)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss in ("poisson", "gamma", "tweedie")
        return tags
