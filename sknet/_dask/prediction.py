"""Lazy predictions: a task for each partition, which gets the local model."""

import warnings
from typing import Any, NamedTuple

import dask
import numpy as np
from sklearn.utils.validation import check_is_fitted

from sknet._dask.collections import (
    compute,
    is_dask_array,
    is_delayed_list,
    is_lazy,
    parts_of,
    require_dimensions,
    require_lazy,
)


class Template(NamedTuple):
    """The shape of the prediction for a row, its dtype, and the columns and dtype of a frame."""

    shape: tuple[int, ...]
    dtype: np.dtype
    columns: list[Any] | None = None
    frame_dtype: Any = None

    def of_no_rows(self) -> np.ndarray:
        """Return the prediction for no rows."""
        return np.empty((0, *self.shape), self.dtype)


class Call(NamedTuple):
    """A method of the local estimator and its arguments.

    `pick` is the entry of a tuple; `names` are those of the columns of `transform`.
    """

    method: str
    arguments: dict[str, Any]
    pick: int | None = None
    names: Any = None

    def __call__(self, model: Any, X: Any) -> np.ndarray:
        found = getattr(model, self.method)(X, **self.arguments)
        return found if self.pick is None else found[self.pick]

    def columns(self, model: Any, n: int) -> list[Any]:
        """Return the names of the columns of a prediction that is a frame."""
        if self.names is not None:
            return list(self.names)
        if self.method == "predict_interval" and n == 2:
            return ["low", "high"]
        classes = getattr(model, "classes_", ())
        return list(classes) if len(classes) == n else list(range(n))

    def template(self, model: Any, found: np.ndarray, is_frame: bool) -> Template:
        """Return what a prediction is like."""
        template = Template(found.shape[1:], found.dtype)
        if not is_frame:
            return template
        if found.ndim > 2:
            raise ValueError(
                f"{self.method} of a DataFrame has {found.ndim} dimensions here, and a DataFrame"
                " two. Pass an Array, X.to_dask_array(), or one confidence_level."
            )
        import pandas as pd

        columns = self.columns(model, found.shape[1]) if found.ndim == 2 else None
        return template._replace(columns=columns, frame_dtype=pd.Series(found.ravel()).dtype)


def predict_part(X: Any, model: Any, call: Call, template: Template | None = None) -> Any:
    """Return the prediction for the rows of a partition, with the index of a frame.

    Without a template, that of the part itself is used.
    """
    is_frame, found = hasattr(X, "iloc"), None
    if X.shape[0]:
        found = call(model, X)
        template = template or call.template(model, found, is_frame)
    else:
        template = template or template_of(model, X, call)
        found = template.of_no_rows()
    if not is_frame:
        return found
    import pandas as pd

    if found.ndim == 1:
        return pd.Series(found, X.index, template.frame_dtype)
    return pd.DataFrame(found, X.index, template.columns, template.frame_dtype)


def lazily(model: Any, X: Any, call: Call) -> Any:
    """Return the prediction of the local model for a collection, as one of the same kind."""
    require_lazy("X", X)
    delayed_model = dask.delayed(model, pure=False, traverse=False)
    if is_delayed_list(X):
        predict = dask.delayed(predict_part, pure=False)
        return [predict(part, delayed_model, call) for part in X]
    if is_dask_array(X):
        require_dimensions("X", X)
        template = template_of(model, X, call)
        X = X.rechunk({1: -1})
        return X.map_blocks(
            predict_part, delayed_model, call, template, dtype=template.dtype,
            chunks=(X.chunks[0], *((n,) for n in template.shape)),
            drop_axis=[] if template.shape else 1,
            new_axis=[*range(2, 1 + len(template.shape))] or None,
            meta=np.empty((0,) * (1 + len(template.shape)), template.dtype),
        )  # fmt: skip
    template = template_of(model, X, call)
    meta = predict_part(X._meta, model, call, template)
    return X.map_partitions(
        predict_part, delayed_model, call, template, meta=meta, enforce_metadata=False
    )


def template_of(model: Any, X: Any, call: Call) -> Template:
    """Return what the prediction for a row is like, by predicting for a row that is made up.

    `X` is a collection, or a part of it. Raises as the local estimator does if its columns are not
    those of the fit.
    """
    is_frame = hasattr(X, "iloc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = call(model, _made_up(model, X))
    return call.template(model, found, is_frame)


def _made_up(model: Any, X: Any) -> Any:
    """Return a row with the columns of X, in which everything is missing or 0."""
    encoder = model._encoder
    levels = iter(encoder.levels)
    values = [next(levels) if is_category else None for is_category in encoder.categorical]
    firsts = [own[0] if own else 0.0 for own in values]
    if not hasattr(X, "iloc"):
        X = X if hasattr(X, "dtype") else X.to_pandas()  # tables of other packages
    if not hasattr(X, "iloc"):
        if X.dtype.kind in "biuf":
            return np.zeros((1, *X.shape[1:]), X.dtype)
        firsts += [0.0] * (X.shape[1] - len(firsts))
        return np.array([firsts[: X.shape[1]]], dtype=object)
    import pandas as pd

    # where X has other columns than the fit, the local estimator says so
    firsts += [0.0] * (len(X.columns) - len(firsts))
    made = {}
    for k, (own, dtype) in enumerate(zip(firsts, X.dtypes, strict=False)):
        is_numeric = getattr(dtype, "kind", "O") in "biuf"
        value = 0 if is_numeric and isinstance(own, str) else own
        own = pd.Series([value])
        made[k] = own.astype(dtype) if is_numeric else own
    frame = pd.DataFrame(made)
    frame.columns = X.columns
    return frame


class PredictsLazily:
    """The predictions of collections of Dask are lazy; those of rows in memory are not."""

    def _lazily(self, method: str, X: Any, pick: int | None = None, /, **arguments: Any) -> Any:
        """Return the prediction of a method."""
        if not is_lazy(X):
            found = getattr(super(PredictsLazily, self), method)(X, **arguments)
            return found if pick is None else found[pick]
        check_is_fitted(self)
        names = self.get_feature_names_out() if method == "transform" else None
        return lazily(self.to_local(), X, Call(method, arguments, pick, names))

    def transform(self, X: Any) -> Any:
        """Return the activations of the last hidden layer.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.

        Returns
        -------
        Dask DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`, with its index and its partitions.
        """
        return self._lazily("transform", X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, R2 of a regressor; see the local estimator.

        Predictions and targets are brought to the client, the columns of `X` are not.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input, or rows in memory.
        y : Dask Series, DataFrame or Array, or list of Delayed
            The targets, with the partitions of `X`.
        sample_weight : Dask Series or Array, or list of Delayed, default=None
            Weights of the rows, with the partitions of `X`.

        Returns
        -------
        float
            The score of all rows.
        """
        if not is_lazy(X):
            return super().score(X, y, sample_weight)
        check_is_fitted(self)
        local = self.to_local()
        model = dask.delayed(local, pure=False, traverse=False)
        call = dask.delayed(targets_and_prediction, pure=False)
        parts = [call(part, model) for part in parts_of(X, y, sample_weight)]
        found = compute(parts, self.client)
        found = [own for own in found if own is not None]
        if not found:
            raise ValueError("X has no rows: all partitions are empty.")
        y, prediction, w = (list(own) for own in zip(*found, strict=True))
        known = np.concatenate(prediction)
        local.predict = lambda X: known
        weights = None if w[0] is None else np.concatenate(w)
        return local.score(None, np.concatenate(y), weights)


class PredictsNumbersLazily(PredictsLazily):
    """The predictions of the regressor."""

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict the target of each row.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.
        return_std : bool, default=False
            Whether to return the standard deviation of the error of each prediction, too.

        Returns
        -------
        Dask Series, DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`, with its index and its partitions.
        """
        if is_lazy(X) and return_std is True:
            return tuple(self._lazily("predict", X, pick, return_std=True) for pick in (0, 1))
        return self._lazily("predict", X, return_std=return_std)

    def predict_interval(self, X: Any, confidence_level: Any = 0.9, *, method: str = "auto") -> Any:
        """Predict an interval for the target of each row.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.
        confidence_level : float, or array-like of float, default=0.9
            Share of the targets that the intervals are to contain, in (0, 1), or several shares.
            Several need an Array.
        method : {'auto', 'scaled', 'plus', 'base', 'cqr'}, default='auto'
            Which intervals are predicted; see the local estimator.

        Returns
        -------
        Dask DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`: the lower and the upper end.
        """
        own = {"confidence_level": confidence_level, "method": method}
        return self._lazily("predict_interval", X, **own)


class PredictsClassesLazily(PredictsLazily):
    """The predictions of the classifier."""

    def predict(self, X: Any) -> Any:
        """Predict the class of each row.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.

        Returns
        -------
        Dask Series, DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`, with its index and its partitions.
        """
        return self._lazily("predict", X)

    def predict_set(
        self,
        X: Any,
        confidence_level: Any = 0.9,
        *,
        method: str = "lac",
        allow_empty: bool = False,
    ) -> Any:
        """Predict a set of classes for each row.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.
        confidence_level : float, or array-like of float, default=0.9
            Share of the classes that the sets are to contain, in (0, 1), or several shares. Several
            need an Array.
        method : {'lac', 'aps'}, default='lac'
            Which score of a class decides; see the local estimator.
        allow_empty : bool, default=False
            Whether a set may be empty.

        Returns
        -------
        Dask DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`: whether each class is in the set.
        """
        own = {"confidence_level": confidence_level, "method": method, "allow_empty": allow_empty}
        return self._lazily("predict_set", X, **own)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.

        Returns
        -------
        Dask DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`; the columns of a DataFrame are `classes_`.
        """
        return self._lazily("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.

        Returns
        -------
        Dask DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`; the columns of a DataFrame are `classes_`.
        """
        return self._lazily("predict_log_proba", X)

    def decision_function(self, X: Any) -> Any:
        """Return the raw output.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input. Rows in memory are predicted at once, as by the local estimator.

        Returns
        -------
        Dask Series, DataFrame or Array, or list of Delayed
            Lazy, of the kind of `X`, with its index and its partitions.
        """
        return self._lazily("decision_function", X)


def targets_and_prediction(part: Any, model: Any) -> tuple[Any, np.ndarray, Any] | None:
    """Return y, the prediction and the weights of a part; None without rows."""
    X, y, w = (*part, None)[:3]
    if not X.shape[0]:
        return None
    y = model._read_y(y)
    y = y.toarray() if hasattr(y, "toarray") else y
    return y, model.predict(X), None if w is None else np.asarray(w)
