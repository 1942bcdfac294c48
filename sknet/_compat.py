"""Names of scikit-learn that depend on its version. Only this module imports them."""

import os
import sys
import warnings
from collections.abc import Callable
from inspect import getfile
from typing import Any, TypeVar, cast

import sklearn
from sklearn.base import _clone_parametrized as clone_parametrized  # noqa: F401
from sklearn.model_selection._search import BaseSearchCV  # noqa: F401
from sklearn.utils import metaestimators

Method = TypeVar("Method", bound=Callable[..., Any])
try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replaces scikit-learn's class: `set_callbacks` exists, but raises."""

        def set_callbacks(self, *callbacks: Any) -> Any:
            """Raise, because callbacks need scikit-learn 1.9.

            Parameters
            ----------
            *callbacks : callback instances

            Raises
            ------
            ImportError
                If there is at least one callback.
            """
            if callbacks:
                from sklearn import __version__

                raise ImportError(
                    f"Callbacks need scikit-learn 1.9 or later; {__version__} is installed."
                    " Upgrade it, or use verbose and max_time instead."
                )
            return self

    def _with_callbacks(method: Method) -> Method:
        """Return the method unchanged."""
        return method


def with_callbacks(method: Method) -> Method:
    """Return the method of a type that type checkers keep: scikit-learn's decorator has none."""
    return cast("Method", _with_callbacks(method))


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator, with its type."""
    return cast("Callable[[Method], Method]", metaestimators.available_if(check))


#: Since 1.9, scikit-learn reads the column names of polars DataFrames itself.
_KNOWS_FRAMES = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


class _Named:
    """The parts of a DataFrame that scikit-learn before 1.9 needs: shape and column names."""

    def __init__(self, X: Any) -> None:
        self.shape, self._names = X.shape, list(X.columns)

    def __len__(self) -> int:
        return self.shape[0]

    def __dataframe__(self) -> "_Named":
        return self

    def column_names(self) -> list[Any]:
        """Return the names; the method is that of the dataframe interchange protocol."""
        return self._names


def named(X: Any) -> Any:
    """Return `X`, or a replacement whose column names scikit-learn can read."""
    return X if _KNOWS_FRAMES or hasattr(X, "iloc") else _Named(X)


#: Folders of this package and of scikit-learn's wrapper of `fit`, which are not user code.
_INTERNAL_FOLDERS = tuple(
    os.path.join(os.path.dirname(path), "") for path in (__file__, getfile(_with_callbacks))
)


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line of user code that called the estimator."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INTERNAL_FOLDERS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


class NoCallbacks:
    """Replaces `FitCallbacks` if no callbacks are set."""

    def begin(self) -> None:
        """Begin an epoch."""

    def end(self) -> bool:
        """End an epoch; return False, which means not to stop."""
        return False

    def close(self) -> None:
        """End the fit."""


class FitCallbacks:
    """The callbacks of a fit. scikit-learn has a task for the fit, and one for each epoch.

    Parameters
    ----------
    estimator : estimator
        An estimator with callbacks.
    X, y, sample_weight : object
        The training data.
    max_epochs : int or None
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, max_epochs: int | None
    ) -> None:
        self.root = estimator._init_callback_context(max_subtasks=max_epochs)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        #: Returns the fitted attributes so far.
        self.attributes: Any = None
        self.root.call_on_fit_task_begin(**self.data)

    def begin(self) -> None:
        """Begin an epoch."""
        self.task = self.root.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(**self.data)

    def end(self) -> bool:
        """End an epoch; return whether a callback requests to stop."""
        return self.task.call_on_fit_task_end(
            **self.data, reconstruction_attributes=self.attributes
        )

    def close(self) -> None:
        """End the fit."""
        self.root.call_on_fit_task_end(**self.data, reconstruction_attributes=dict)


def callbacks_of(
    estimator: Any, X: Any, y: Any, sample_weight: Any, max_epochs: int | None
) -> FitCallbacks | NoCallbacks:
    """Return the callbacks of a fit, which begins here; `NoCallbacks` if none are set."""
    if not getattr(estimator, "_skl_callbacks", None):
        return NoCallbacks()
    return FitCallbacks(estimator, X, y, sample_weight, max_epochs)
