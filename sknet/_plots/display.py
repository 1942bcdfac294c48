"""What the displays share: axes, matplotlib on use, and how they read a fitted estimator."""

from typing import Any

from sklearn.utils.validation import check_is_fitted


class Display:
    """What the displays share: the axes, and styles that the user adds to.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    ax_: Any
    figure_: Any

    def _draw_on(self, ax: Any) -> Any:
        """Return the axes, new ones for None; raise if matplotlib is not installed."""
        if ax is None:
            ax = _pyplot(f"{type(self).__name__}.plot").subplots()[1]
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def _pyplot(what: str) -> Any:
    """Return matplotlib.pyplot; raise if it is not installed."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{what} needs matplotlib: pip install matplotlib") from error
    return pyplot


def last_step(estimator: Any) -> Any:
    """Return the estimator in a search or at the end of a Pipeline, and check that it is fitted."""
    check_is_fitted(estimator)
    estimator = getattr(estimator, "best_estimator_", estimator)
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def fitted_value(estimator: Any, attribute: str, display: str) -> Any:
    """Return a fitted attribute that only estimators of this package have."""
    if not hasattr(estimator, attribute):
        raise TypeError(
            f"{display} shows {attribute} of MLPBackpropClassifier or MLPBackpropRegressor; got"
            f" {type(estimator).__name__}, which has none. Pass such an estimator, or a Pipeline"
            " or a search that ends with one."
        )
    return getattr(estimator, attribute)
