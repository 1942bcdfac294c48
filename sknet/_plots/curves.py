"""Displays of what a training has recorded of each epoch."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from sknet._plots.display import Display, fitted_value, last_step

Style = Mapping[str, Any] | None


class LossCurveDisplay(Display):
    """Training loss and validation loss by epoch, with the epoch whose parameters were kept.

    Parameters
    ----------
    train_loss : array-like of shape (n_epochs,)
        Loss of each epoch.
    validation_loss : array-like of shape (n_epochs,), default=None
        Validation loss of each epoch; None without validation rows.
    best_iter : int, default=None
        The epoch, counted from 1, whose parameters were kept; None if it is the last one.
    name : str, default=None
        Name of the estimator, for the legend.

    Attributes
    ----------
    train_line_ : matplotlib Line2D
        The training loss.
    validation_line_ : matplotlib Line2D or None
        The validation loss.
    best_line_ : matplotlib Line2D or None
        The vertical line at the best epoch.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    LossCurveDisplay.from_estimator : Plot the curves of a fitted estimator.
    LearningRateDisplay : Plot the learning rate by epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.plotting import LossCurveDisplay
    >>> model = MLPBackpropClassifier(early_stopping=True, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        train_loss: Any,
        validation_loss: Any = None,
        best_iter: int | None = None,
        name: str | None = None,
    ) -> None:
        self.train_loss, self.validation_loss = train_loss, validation_loss
        self.best_iter, self.name = best_iter, name

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        train_kwargs: Style = None,
        validation_kwargs: Style = None,
        best_kwargs: Style = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        name : str, default=None
            Name of the estimator, for the legend. None is `name` of the display.
        train_kwargs : dict, default=None
            Arguments of ``ax.plot`` for the training loss.
        validation_kwargs : dict, default=None
            Arguments of ``ax.plot`` for the validation loss.
        best_kwargs : dict, default=None
            Arguments of ``ax.axvline`` for the best epoch.

        Returns
        -------
        self : LossCurveDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax, name = self._draw_on(ax), self.name if name is None else name
        before = f"{name}: " if name else ""
        epochs = np.arange(1, len(self.train_loss) + 1)
        style = {"label": f"{before}training", **(train_kwargs or {})}
        (self.train_line_,) = ax.plot(epochs, self.train_loss, **style)
        self.validation_line_ = self.best_line_ = None
        if self.validation_loss is not None:
            style = {"label": f"{before}validation", **(validation_kwargs or {})}
            (self.validation_line_,) = ax.plot(epochs, self.validation_loss, **style)
        if self.best_iter is not None:
            style = {"color": "black", "linestyle": ":", "linewidth": 1.0}
            style |= {"label": f"{before}best epoch ({self.best_iter})", **(best_kwargs or {})}
            self.best_line_ = ax.axvline(self.best_iter, **style)
        ax.set(xlabel="Epoch", ylabel="Loss")
        ax.legend()
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None, **styles: Style
    ) -> Self:
        """Plot the curves of a fitted estimator.

        Parameters
        ----------
        estimator : MLPBackpropClassifier or MLPBackpropRegressor
            A fitted estimator, or a Pipeline or a search that ends with one.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        name : str, default=None
            Name of the estimator, for the legend. None leaves it out.
        **styles : dict
            ``train_kwargs``, ``validation_kwargs`` and ``best_kwargs`` of `plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is an estimator of another package.
        """
        model = last_step(estimator)
        validation = fitted_value(model, "validation_loss_curve_", cls.__name__)
        display = cls(
            train_loss=model.loss_curve_, validation_loss=validation, best_iter=model.best_iter_,
            name=name,
        )  # fmt: skip
        return display.plot(ax, **styles)


class LearningRateDisplay(Display):
    """The learning rate by epoch.

    Parameters
    ----------
    learning_rate : array-like of shape (n_epochs,)
        Learning rate of the last step of each epoch.
    name : str, default=None
        Name of the estimator, for a legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The learning rate.
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    LearningRateDisplay.from_estimator : Plot the learning rate of a fitted estimator.
    LossCurveDisplay : Plot the loss by epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.plotting import LearningRateDisplay
    >>> model = MLPBackpropClassifier(learning_rate="cosine", max_iter=20, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> display = LearningRateDisplay.from_estimator(model)  # doctest: +SKIP
    """

    def __init__(self, *, learning_rate: Any, name: str | None = None) -> None:
        self.learning_rate, self.name = learning_rate, name

    def plot(self, ax: Any = None, *, name: str | None = None, **kwargs: Any) -> Self:
        """Draw the learning rate.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        name : str, default=None
            Name of the estimator, for a legend. None is `name` of the display.
        **kwargs : dict
            Arguments of ``ax.plot``.

        Returns
        -------
        self : LearningRateDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax, name = self._draw_on(ax), self.name if name is None else name
        epochs = np.arange(1, len(self.learning_rate) + 1)
        style = {"label": name} if name else {}
        (self.line_,) = ax.plot(epochs, self.learning_rate, **{**style, **kwargs})
        ax.set(xlabel="Epoch", ylabel="Learning rate at the end of the epoch")
        if name or "label" in kwargs:
            ax.legend()
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None, **kwargs: Any
    ) -> Self:
        """Plot the learning rate of a fitted estimator.

        Parameters
        ----------
        estimator : MLPBackpropClassifier or MLPBackpropRegressor
            A fitted estimator, or a Pipeline or a search that ends with one.
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.
        name : str, default=None
            Name of the estimator, for a legend. None draws no legend.
        **kwargs : dict
            Arguments of ``ax.plot``.

        Returns
        -------
        display : LearningRateDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is an estimator of another package.
        ValueError
            If the solver is 'lbfgs', which has no learning rate.
        """
        rates = fitted_value(last_step(estimator), "learning_rate_curve_", cls.__name__)
        if rates is None:
            raise ValueError(
                f"{cls.__name__} needs a learning rate, and solver='lbfgs' has none. Fit with"
                " another solver."
            )
        return cls(learning_rate=rates, name=name).plot(ax, **kwargs)
