"""Fitted estimators as ONNX: one graph that takes rows as they are.

The extra ``onnx`` installs what it needs: ``pip install "sknet-mlp[onnx]"``.
"""

from typing import Any

from sklearn.utils.validation import check_is_fitted

__all__ = ["to_onnx"]


def to_onnx(estimator: Any, X: Any = None, *, target_opset: int | None = None) -> Any:
    """Convert a fitted estimator to a graph of ONNX, which takes rows as `predict` does.

    The graph does all that `predict` and `predict_proba` do: scaling, medians for missing numbers,
    encoding of categories, embeddings, the network and its members, the link, and the units of y.
    A missing or unknown level is treated as in `predict`.

    Parameters
    ----------
    estimator : estimator
        A fitted `MLPBackpropClassifier` or `MLPBackpropRegressor`; or one of scikit-learn that
        holds it, such as a Pipeline or a search, whose other steps skl2onnx knows.
    X : {array-like, DataFrame} of shape (n_samples, n_features), default=None
        Rows whose names and dtypes the inputs of the graph take; one row is enough. None: those of
        `fit`, where numbers are float64 and text is a string. Needed for a Pipeline.
    target_opset : int, default=None
        Version of the operators of ONNX, 13 or more. None is 13, which all versions of
        ONNX runtimes since 2021 know.

    Returns
    -------
    onnx.ModelProto
        ``SerializeToString()`` gives its bytes. Inputs: a matrix ``X``, if X was an array of
        numbers; else one of shape (n_samples, 1) for each column, by its name, or ``x0``, ``x1``,
        ... Outputs of a classifier: ``label`` and ``probabilities``; of a regressor: ``variable``
        (n_samples, n_outputs).

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ImportError
        If skl2onnx is not installed.
    ValueError
        If `X` is None for an estimator of another class, or if that is neither a Pipeline nor a
        search; if `X` has other columns than in `fit`; if `target_opset` is less than 13; if labels
        are neither text, booleans nor numbers.

    Notes
    -----
    A missing number is NaN. A missing level of text is any text that is not a level, such as
    ``""``. Booleans or integers with missing values are an input of float64, where NaN is missing.
    Results differ from `predict` by the rounding of float32, if the network computes in float32.
    Infinite numbers are not refused.

    ``skl2onnx.to_onnx`` converts these estimators, too, alone or in a Pipeline, and nothing has to
    be registered for it.

    Examples
    --------
    >>> import numpy as np
    >>> from sknet import MLPBackpropRegressor
    >>> X = np.arange(20.0).reshape(-1, 1)
    >>> model = MLPBackpropRegressor(random_state=0).fit(X, X[:, 0])
    >>> from sknet.onnx import to_onnx
    >>> graph = to_onnx(model)  # doctest: +SKIP
    >>> graph.graph.input[0].name  # doctest: +SKIP
    'X'
    """
    check_is_fitted(estimator)
    try:
        from sknet._export.onnx.files import onnx_model
    except ImportError as error:
        raise ImportError(
            f"to_onnx needs skl2onnx ({error}). Install it: pip install 'sknet-mlp[onnx]'"
        ) from error
    return onnx_model(estimator, X, target_opset)
