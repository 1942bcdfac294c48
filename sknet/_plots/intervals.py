"""The display of predicted intervals."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from sknet._plots.display import Display, fitted_value, last_step

Style = Mapping[str, Any] | None


class IntervalDisplay(Display):
    """Predicted intervals against the truth, with the share of targets that they contain.

    The rows are sorted by prediction. Each interval is a vertical line, with the prediction as a
    dash and the target as a dot: of one colour within its interval, of another one outside.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The targets.
    y_pred : array-like of shape (n_samples,)
        The predictions.
    lower, upper : array-like of shape (n_samples,)
        The ends of the intervals.
    confidence_level : float
        The share of targets that the intervals are to contain.
    name : str, default=None
        Name of the estimator, for the title.

    Attributes
    ----------
    coverage_ : float
        The share of targets that the intervals contain.
    interval_lines_ : matplotlib LineCollection
        The intervals.
    prediction_points_, inside_points_, outside_points_ : matplotlib PathCollection
        The predictions, and the targets within and outside their intervals.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    IntervalDisplay.from_estimator : Predict intervals, and plot them.
    sknet.MLPBackpropRegressor.predict_interval : Predict intervals.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknet import MLPBackpropRegressor
    >>> from sknet.plotting import IntervalDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPBackpropRegressor(cv=3, random_state=0).fit(X[:300], y[:300])
    >>> display = IntervalDisplay.from_estimator(model, X[300:], y[300:])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        y_true: Any,
        y_pred: Any,
        lower: Any,
        upper: Any,
        confidence_level: float,
        name: str | None = None,
    ) -> None:
        self.y_true, self.y_pred, self.lower, self.upper = y_true, y_pred, lower, upper
        self.confidence_level, self.name = confidence_level, name

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        subsample: int | None = 200,
        interval_kwargs: Style = None,
        prediction_kwargs: Style = None,
        target_kwargs: Style = None,
    ) -> Self:
        """Draw the intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        name : str, default=None
            Name of the estimator, for the title. None is `name` of the display.
        subsample : int, default=200
            The number of rows that are drawn, evenly spaced in the order of the predictions. The
            coverage is that of all rows. None draws all.
        interval_kwargs : dict, default=None
            Arguments of ``ax.vlines`` for the intervals.
        prediction_kwargs : dict, default=None
            Arguments of ``ax.scatter`` for the predictions.
        target_kwargs : dict, default=None
            Arguments of ``ax.scatter`` for the targets.

        Returns
        -------
        self : IntervalDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `subsample` is less than 1.
        """
        if subsample is not None and not subsample >= 1:
            raise ValueError(f"subsample must be 1 or more, or None; got {subsample!r}.")
        ax, name = self._draw_on(ax), self.name if name is None else name
        columns = (np.asarray(own) for own in (self.y_true, self.y_pred, self.lower, self.upper))
        y, prediction, lower, upper = columns
        inside = (lower <= y) & (y <= upper)
        self.coverage_ = float(inside.mean())
        rows = np.argsort(prediction, kind="stable")
        if subsample is not None and subsample < len(rows):
            rows = rows[np.linspace(0, len(rows) - 1, subsample).round().astype(int)]
        place, kept = np.arange(len(rows)), inside[rows]
        style = {"color": "tab:blue", "alpha": 0.4, "label": "interval", **(interval_kwargs or {})}
        self.interval_lines_ = ax.vlines(place, lower[rows], upper[rows], **style)
        style = {"color": "tab:blue", "marker": "_", "s": 12, "label": "prediction"}
        style |= prediction_kwargs or {}
        self.prediction_points_ = ax.scatter(place, prediction[rows], **style)
        both = {"s": 10, "zorder": 3, **(target_kwargs or {})}
        style = {"color": "black", "label": "target inside", **both}
        self.inside_points_ = ax.scatter(place[kept], y[rows][kept], **style)
        style = {"color": "tab:red", "marker": "x", "s": 20, "label": "target outside", **both}
        self.outside_points_ = ax.scatter(place[~kept], y[rows][~kept], **style)
        share = f"{self.coverage_:.1%} inside, {self.confidence_level:.1%} wanted"
        ax.set(xlabel="Rows, sorted by prediction", ylabel="y")
        ax.set_title(f"{name}: {share}" if name else share)
        ax.legend()
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        confidence_level: float = 0.9,
        method: str = "auto",
        output: int = 0,
        ax: Any = None,
        name: str | None = None,
        **styles: Any,
    ) -> Self:
        """Predict intervals, and plot them against the truth.

        Parameters
        ----------
        estimator : MLPBackpropRegressor
            A fitted estimator with held-out rows, or a Pipeline or a search that ends with one.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows that the estimator was not fitted on.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        confidence_level : float, default=0.9
            The share of targets that the intervals are to contain.
        method : {'auto', 'scaled', 'plus', 'base', 'cqr'}, default='auto'
            As in `predict_interval`.
        output : int, default=0
            Which of several outputs is drawn.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        name : str, default=None
            Name of the estimator, for the title. None leaves it out.
        **styles : dict
            Further arguments of `plot`.

        Returns
        -------
        display : IntervalDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no ``predict_interval``.
        ValueError
            If no rows were held out of training, or as ``predict_interval`` does.

        Notes
        -----
        With several quantiles, the prediction is that of the middle one.
        """
        model = last_step(estimator)
        predict_interval = fitted_value(model, "predict_interval", cls.__name__)
        outer = getattr(estimator, "best_estimator_", estimator)
        rows = outer[:-1].transform(X) if len(getattr(outer, "steps", ())) > 1 else X
        y = np.asarray(y).reshape(len(y), -1)
        ends = predict_interval(rows, confidence_level, method=method)
        ends = ends.reshape(len(y), -1, 2)
        prediction = model.predict(rows).reshape(len(y), -1)
        several = ends.shape[1] == 1 and prediction.shape[1] > 1  # quantiles
        column = prediction.shape[1] // 2 if several else output
        display = cls(
            y_true=y[:, output], y_pred=prediction[:, column], lower=ends[:, output, 0],
            upper=ends[:, output, 1], confidence_level=confidence_level, name=name,
        )  # fmt: skip
        return display.plot(ax, **styles)
