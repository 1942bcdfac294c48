"""Names of scikit-learn that depend on its version; nothing else in the package imports these."""

import os
import sys
import warnings
from inspect import getfile
from typing import Any

import sklearn

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9
    from collections.abc import Callable

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's: callbacks can be asked for, and are refused."""

        def set_callbacks(self, *callbacks: Any) -> Any:
            """Refuse callbacks.

            Parameters
            ----------
            *callbacks : callback instances

            Raises
            ------
            ImportError
                Always, if there are any: scikit-learn 1.9 brings them.
            """
            if callbacks:
                from sklearn import __version__

                raise ImportError(
                    f"Callbacks need scikit-learn 1.9 or later; {__version__} is installed."
                    " Upgrade it, or use verbose and max_time instead."
                )
            return self

    def with_callbacks(method: Callable) -> Callable:
        """Return the method as it is."""
        return method


#: Since 1.9, scikit-learn knows the columns of polars' frames by itself.
_KNOWS_FRAMES = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


class _Named:
    """A frame as far as scikit-learn before 1.9 asks for it: its shape and the names of columns."""

    def __init__(self, X: Any) -> None:
        self.shape, self._names = X.shape, list(X.columns)

    def __len__(self) -> int:
        return self.shape[0]

    def __dataframe__(self) -> "_Named":
        return self

    def column_names(self) -> list[Any]:
        """Return the names, as the interchange protocol of frames does."""
        return self._names


def named(X: Any) -> Any:
    """Return a frame, or what stands for it where scikit-learn would not see its names."""
    return X if _KNOWS_FRAMES or hasattr(X, "iloc") else _Named(X)


#: This package, and scikit-learn's wrapper around `fit`: no caller of an estimator.
_NO_CALLERS = tuple(
    os.path.join(os.path.dirname(path), "") for path in (__file__, getfile(with_callbacks))
)


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line that called the estimator, whatever lies in between."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NO_CALLERS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


class NoTasks:
    """Nobody listens."""

    def begin(self) -> None:
        """An epoch begins."""

    def end(self) -> bool:
        """An epoch is finished; never ask to stop."""
        return False

    def close(self) -> None:
        """The fit is finished."""


class Tasks:
    """The callbacks of a fit: one task for it, and one for each epoch.

    Parameters
    ----------
    estimator : estimator
        With callbacks set; what it is fitted on follows.
    X, y, sample_weight : object
    max_epochs : int or None
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, max_epochs: int | None
    ) -> None:
        self.root = estimator._init_callback_context(max_subtasks=max_epochs)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        #: Returns the attributes of the estimator as if it had been fitted until now.
        self.attributes: Any = None
        self.root.call_on_fit_task_begin(**self.data)

    def begin(self) -> None:
        """Begin the task of an epoch."""
        self.task = self.root.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(**self.data)

    def end(self) -> bool:
        """End the task of an epoch; return whether a callback asks to stop."""
        return self.task.call_on_fit_task_end(
            **self.data, reconstruction_attributes=self.attributes
        )

    def close(self) -> None:
        """End the task of the fit."""
        self.root.call_on_fit_task_end(**self.data, reconstruction_attributes=dict)


def tasks_of(
    estimator: Any, X: Any, y: Any, sample_weight: Any, max_epochs: int | None
) -> Tasks | NoTasks:
    """Return the callbacks of a fit that begins; they cost nothing where none are set."""
    if not getattr(estimator, "_skl_callbacks", None):
        return NoTasks()
    return Tasks(estimator, X, y, sample_weight, max_epochs)
