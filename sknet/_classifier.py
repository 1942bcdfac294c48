"""The classifier: its parameters, documentation and prediction."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import gen_batches

from sknet import _params
from sknet._compat import available_if
from sknet._conformal import PredictsSets
from sknet._docs import documented
from sknet._engine.links import LINKS, both_sides, mean_of_members
from sknet._fit_batches import FitsBatches
from sknet._fits import is_stochastic
from sknet._fitted.conformal import class_scores
from sknet._target.classes import (
    IndicatorTarget,
    LabelTarget,
    classification_target,
    warn_of_one_hot,
)
from sknet._target.messages import label_words
from sknet._target.reading import read_labels
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

    @available_if(is_stochastic)
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
