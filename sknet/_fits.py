"""A fit before its training and after a failure, and which solvers can go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sknet._table.table import Table
from sknet._target.target import Target
from sknet._target.weights import Weights
from sknet._training.rows import Rows
from sknet._training.train import Job

#: The attributes that reading X sets.
FEATURES = "n_features_in_", "feature_names_in_"


class Read(NamedTuple):
    """What `fit` has read: y, the rows, the encoded targets and the weights, or None.

    `names` are the attributes of the features, `balance` that of `Facts`.
    """

    y: Any
    table: Table
    target: Target
    Y: np.ndarray
    strata: np.ndarray | None
    w: np.ndarray | None
    balance: float
    names: dict[str, Any]


class Begun(NamedTuple):
    """A fit before its training: what is trained, and what the fitted attributes need besides."""

    job: Job
    p: dict[str, Any]
    chosen: dict[str, Any]
    table: Rows
    w: np.ndarray | None
    weight_scale: tuple[float, float] | None
    n_folds: int
    goes_on: bool


def present_rows(
    table: Rows, w: np.ndarray | None, scale: tuple[float, float] | None
) -> tuple[Rows, tuple[float, float] | None]:
    """Return the rows of weight above 0, of mean weight 1, and the scale of the weights."""
    weights = Weights(scale)
    return table._replace(w=weights.normalise(w, len(table.Y))).present(), weights.scale


def is_stochastic(estimator: Any) -> bool:
    """Whether `partial_fit` exists: lbfgs needs all rows at once."""
    return estimator.solver != "lbfgs"


@contextmanager
def kept_on_failure(estimator: BaseEstimator) -> Iterator[None]:
    """Restore the attributes of the estimator if the body of the context raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def require_fitted(estimator: Any) -> None:
    """Raise `NotFittedError` before `fit`.

    `check_is_fitted` reads the tags first, which takes as long as a small network for one row.
    """
    if not estimator.__sklearn_is_fitted__():
        check_is_fitted(estimator)
