"""Fitted estimators as files without dependencies."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from sknet._base import BaseMLP
from sknet._export.emlearn import Network, emlearn_network
from sknet._export.python_file import python_file
from sknet._fitted.pickling import current_version

__all__ = ["to_emlearn", "to_python"]


def to_python(estimator: Any) -> str:
    """Write a fitted estimator as a file of Python that needs numpy alone.

    The file has ``predict(X)`` and, of a classifier, ``predict_proba(X)``, which take rows as the
    estimator does. It is readable: a function for each step, and the weights as arrays in base64.
    It holds rows of its own, made of medians and levels, and what the estimator predicts for them.
    Running the file compares them.

    Parameters
    ----------
    estimator : MLPBackpropClassifier or MLPBackpropRegressor
        A fitted estimator, or a fitted search for one.

    Returns
    -------
    str
        The text of the file.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is an estimator of another package.

    Notes
    -----
    Results are in float64, and equal to those of the estimator up to the rounding of the dtype in
    which the network computes. Missing values are NaN or None; unknown levels are treated as in
    `predict`. Rows are not validated: infinite numbers are not refused. Names and levels of
    categories are part of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from sknet import MLPBackpropRegressor
    >>> from sknet.export import to_python
    >>> X = np.arange(20.0).reshape(-1, 1)
    >>> model = MLPBackpropRegressor(random_state=0).fit(X, X[:, 0])
    >>> names = {"__name__": "model"}
    >>> exec(to_python(model), names)
    >>> bool(np.allclose(names["predict"](X), model.predict(X)))
    True
    """
    return python_file(_fitted(estimator, "to_python"), current_version())


def to_emlearn(estimator: Any) -> Network:
    """Return a fitted network as emlearn reads it, which writes it in C.

    The scaling of X becomes part of the first layer, and the scaling of y part of the last one, so
    that the network takes the numbers of X as they are.

    Parameters
    ----------
    estimator : MLPBackpropClassifier or MLPBackpropRegressor
        A fitted estimator, or a fitted search for one: one network, on numbers alone, with
        ``numeric_embedding=None``, and without missing values in training. Its hidden layers have
        the activation 'relu', 'tanh', 'logistic' or 'identity'.

    Returns
    -------
    object
        For ``emlearn.convert``. It has ``coefs_``, ``intercepts_``, ``activation``,
        ``out_activation_`` and ``n_layers_``, in float32.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is an estimator of another package.
    ValueError
        If the estimator does more than such a network can; says what, and how to fit it.

    Notes
    -----
    A classifier of emlearn returns the position in `classes_`. Missing numbers, and the bounds of
    `feature_scaling` and `clip_predictions` for numbers outside the range of training, are not part
    of the network.

    Examples
    --------
    >>> import numpy as np
    >>> from sknet import MLPBackpropRegressor
    >>> from sknet.export import to_emlearn
    >>> X = np.arange(20.0).reshape(-1, 1)
    >>> model = MLPBackpropRegressor((8,), numeric_embedding=None, random_state=0).fit(X, X[:, 0])
    >>> [W.shape for W in to_emlearn(model).coefs_]
    [(1, 8), (8, 1)]
    """
    return emlearn_network(_fitted(estimator, "to_emlearn"))


def _fitted(estimator: Any, function: str) -> Any:
    """Return the estimator, or the best one of a search; raise if it is another, or not fitted."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(estimator, BaseMLP):
        raise TypeError(
            f"{function} takes MLPBackpropClassifier or MLPBackpropRegressor, or a search for one"
            f" of them; got {type(estimator).__name__}. Of a Pipeline, pass the last step: the file"
            " then takes what the steps before return."
        )
    check_is_fitted(estimator)
    return estimator
