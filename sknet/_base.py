"""What both estimators share: `fit`, and the raw output that all predictions start from."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sknet import _params, _state
from sknet._engine.network import chunk_rows, dense_layers, predict_by_chunks
from sknet._fitting import Result, Rows, Start, mean_prediction, train
from sknet._inputs import cast_X, validate_X
from sknet._memory import require_memory
from sknet._targets import Weights, plain, require_y
from sknet._threads import blas_threads

#: A loss that ends so many times above the first one is warned about.
FAR_WORSE = 10

NOT_CONVERGED = {
    "max_iter": "Maximum iterations ({max_iter}) reached and the optimization hasn't converged"
    " yet. Raise max_iter, or loosen tol.",
    "max_fun": "Maximum number of evaluations ({max_fun}) reached and the optimization hasn't"
    " converged yet. Raise max_fun.",
}


@contextmanager
def kept_on_failure(estimator: BaseEstimator) -> Iterator[None]:
    """Leave the estimator as it was if what is inside fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _warn(result: Result, p: dict[str, Any]) -> None:
    """Warn of a training that did not converge, was interrupted, or went astray."""
    message, kind = None, ConvergenceWarning
    if result.reason in NOT_CONVERGED:
        message = NOT_CONVERGED[result.reason].format(**p)
    elif result.reason == "interrupted":
        message, kind = "Training interrupted by user.", UserWarning
    elif result.reason not in ("converged", "epoch"):
        message = f"lbfgs: {result.reason}"
    if message:
        warnings.warn(message, kind, stacklevel=4)
    first, last = result.losses[0], result.losses[-1]
    if last > FAR_WORSE * max(first, p["tol"]):
        warnings.warn(
            f"Training ended at a loss of {last:.3g}, far above the {first:.3g} that it began with."
            " Lower learning_rate_init.",
            ConvergenceWarning,
            stacklevel=4,
        )


class BaseMLP(BaseEstimator):
    """Fitting and prediction; a subclass says what y is, and what the raw output predicts."""

    #: What the parameter `loss` may be.
    _losses: ClassVar[tuple[str, ...]]

    def _target(self, y: Any, goes_on: bool, classes: Any, incremental: bool) -> Any:
        """Return the target: that of the first call where training goes on, else of `y`."""
        raise NotImplementedError

    def _out_activation(self, target: Any) -> str:
        """Return the link of the network's output."""
        raise NotImplementedError

    def fit(self, X, y, sample_weight=None):
        """Fit the network to X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input: finite numbers.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target: labels or label indicators (dense or sparse) in classification, numbers in
            regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, 0 or more. Their scale does not matter, and a row of weight 0 is
            as good as absent. None weights all rows alike.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        InvalidParameterError
            If a parameter, or a combination of them, is not allowed. It is both a ValueError and
            a TypeError.
        ValueError
            If `X`, `y` or `sample_weight` cannot be used, or if training diverges. The estimator
            is then what it was before the call.
        MemoryError
            If the network is larger than memory; before any data are copied.
        """
        return self._fit(X, y, sample_weight)

    def _fit(self, X, y, sample_weight, classes=None, incremental=False):
        """Validate, encode, train, and set the fitted attributes."""
        with kept_on_failure(self):
            p = _params.check(self, self._losses)
            goes_on = hasattr(self, "coefs_") and (incremental or p["warm_start"])
            require_memory(p, X)
            require_y(self, y)
            y = plain(y)
            X = validate_X(self, X, reset=not goes_on)
            check_consistent_length(X, y)
            start = self._start(p) if goes_on else None
            target = self._target(y, goes_on, classes, incremental)
            weights = Weights(start.state.get("weight_scale") if start and incremental else None)
            w = weights.normalise(sample_weight, X.shape[0])
            Y, strata = target.encode(y, X.dtype)
            rows = Rows(X, Y, w, strata).present()
            if not len(rows.Y):
                if incremental:
                    return self
                raise ValueError("Sample weights must contain at least one non-zero number.")
            out_activation = self._out_activation(target)
            result = train(p, rows, target, out_activation, start, incremental)
            result.state["weight_scale"] = weights.scale
            self._set_fitted(p, target, out_activation, result, goes_on)
            self._training_state = result.state if incremental or p["warm_start"] else None
        _warn(result, p)
        return self

    def _start(self, p: dict[str, Any]) -> Start:
        """Return the fitted parameters to go on from; raise if `p` asks for another network."""
        W = self.coefs_
        n_members = 1 if W[0].ndim == 2 else len(W[0])
        if n_members != p["n_members"]:
            raise _params.refuse(self, "n_members", f"must stay {n_members}, as first fitted")
        hidden = tuple(weights.shape[-1] for weights in W[:-1])
        if hidden != p["hidden_layer_sizes"]:
            raise _params.refuse(self, "hidden_layer_sizes", f"must stay {hidden}, as first fitted")
        if p["dtype"] not in ("auto", W[0].dtype):
            raise _params.refuse(self, "dtype", f"must stay {str(W[0].dtype)!r}, as first fitted")
        return Start(self._parameters(), self._training_state or {})

    def _parameters(self) -> list[dict[str, np.ndarray]]:
        """Return W (n_members, n_in, n_out) and b (n_members, 1, n_out) of each layer, as views."""
        return [
            {"W": W.reshape(-1, *W.shape[-2:]), "b": b.reshape(-1, 1, b.shape[-1])}
            for W, b in zip(self.coefs_, self.intercepts_, strict=True)
        ]

    def _set_fitted(
        self, p: dict[str, Any], target: Any, out_activation: str, result: Result, goes_on: bool
    ) -> None:
        """Set the fitted attributes; curves go on where training does."""
        one = p["n_members"] == 1
        layers = result.parameters
        self.coefs_ = [layer["W"][0] if one else layer["W"] for layer in layers]
        self.intercepts_ = [layer["b"][0, 0] if one else layer["b"][:, 0] for layer in layers]
        self.n_layers_ = len(layers) + 1
        self.n_outputs_ = target.n_outputs
        self.out_activation_ = out_activation
        self._activations = list(p["activation"])
        self.n_iter_ = result.n_iter
        self.t_ = (self.t_ if goes_on else 0) + result.n_iter * result.n_samples
        self.loss_curve_ = (self.loss_curve_ if goes_on else []) + result.losses
        self.loss_ = self.loss_curve_[-1]
        earlier_scores = (self.validation_scores_ if goes_on else None) or []
        self.best_loss_ = self.best_validation_score_ = self.validation_scores_ = None
        if result.scores is None:
            self.best_loss_ = min(self.loss_curve_)
        else:
            self.validation_scores_ = earlier_scores + result.scores
            self.best_validation_score_ = result.best_score

    def _predict_by(self, finish: Callable[[np.ndarray], np.ndarray], X: Any) -> np.ndarray:
        """Return what `finish` makes of the raw output, from fitted state alone.

        It is given Z (n_members, rows, n_outputs) of some rows, in the dtype of X.
        """
        check_is_fitted(self)
        X = validate_X(self, X, reset=False)
        parameters = self._parameters()
        units = [layer["W"].shape[1] for layer in parameters] + [self.n_outputs_]
        layers = dense_layers(units, self._activations)
        for layer, views in zip(layers, parameters, strict=True):
            layer.bind(views)
        largest = max(layer.n_in * layer.n_out for layer in layers)
        with blas_threads(min(X.shape[0], chunk_rows(layers)) * largest) as n_threads:
            return predict_by_chunks(
                layers, X, lambda Z: finish(Z.astype(X.dtype)), cast_X, n_threads
            )

    def _mean_prediction(self, Z: np.ndarray) -> np.ndarray:
        """Return the members' mean prediction, from their raw output."""
        return mean_prediction(Z, self.out_activation_)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), _state.VERSION: _state.current_version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        _state.check_version(
            type(self).__name__, state.pop(_state.VERSION, "of an unknown version")
        )
        _state.check_fitted(type(self).__name__, state)
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
