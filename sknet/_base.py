"""What both estimators share: `fit`, and the raw output that all predictions start from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sknet import _params, _state
from sknet._compat import CallbackSupportMixin, NoTasks, tasks_of, warn, with_callbacks
from sknet._encoding import Encoder, plain_parameter
from sknet._engine.network import dense_layers
from sknet._engine.parameters import Views
from sknet._fitting import Result, Start, Watch, embedding_of, train
from sknet._inputs import validate_X
from sknet._memory import require_memory
from sknet._predicting import predict
from sknet._table import Table, is_frame, pieces
from sknet._targets import plain, require_y
from sknet._validation import Rows, mean_prediction
from sknet._weights import Weights, checked_weights

#: Rows of a frame that are read at once in a prediction.
FRAME_ROWS = 1 << 16
#: Rows of a first chunk below which what is learned of the columns is not to be trusted.
FEW_ROWS = 100
#: A loss that ends so many times above the first one is warned about.
FAR_WORSE = 10

NOT_CONVERGED = {
    "max_iter": "Maximum iterations ({max_iter}) reached and the optimization hasn't converged"
    " yet. Raise max_iter, or loosen tol.",
    "max_fun": "Maximum number of evaluations ({max_fun}) reached and the optimization hasn't"
    " converged yet. Raise max_fun.",
    "max_time": "max_time ({max_time} s) is over and the optimization hasn't converged yet. Raise"
    " max_time, or loosen tol.",
}
#: X_val, y_val and sample_weight_val where none are given.
NOT_GIVEN = None, None, None
NO_TASKS = NoTasks()
#: Class -> names of its parameters.
_NAMES: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


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
    elif result.reason not in ("converged", "epoch", "horizon", "callback"):
        message = f"lbfgs: {result.reason}"
    if message:
        warn(message, kind)
    first, last = result.losses[0], result.losses[-1]
    if last > FAR_WORSE * max(first, p["tol"]):
        warn(
            f"Training ended at a loss of {last:.3g}, far above the {first:.3g} that it began with."
            " Lower learning_rate_init.",
            ConvergenceWarning,
        )


class BaseMLP(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Fitting and prediction; a subclass says what y is, and what the raw output predicts."""

    #: What the parameter `loss` may be.
    _losses: ClassVar[tuple[str, ...]]

    def _target(
        self, p: dict[str, Any], y: Any, goes_on: bool, classes: Any, incremental: bool
    ) -> Any:
        """Return the target: that of the first call where training goes on, else of `y`."""
        raise NotImplementedError

    def _out_activation(self, p: dict[str, Any], target: Any) -> str:
        """Return the link of the network's output."""
        raise NotImplementedError

    def get_params(self, deep=True):
        """Get the parameters of the estimator.

        Parameters
        ----------
        deep : bool, default=True
            Also those of parameters that are estimators themselves.

        Returns
        -------
        dict of str to object
            The parameters by name, in the order of the alphabet.

        Notes
        -----
        scikit-learn reads their names from the signature of the class each time, which is most of
        what cloning costs, and a search clones twice for each fit. Here they are read once.
        """
        kind = type(self)
        if kind not in _NAMES:
            _NAMES[kind] = tuple(super().get_params(deep=False))
        params = {name: getattr(self, name) for name in _NAMES[kind]}
        if deep and any(hasattr(value, "get_params") for value in params.values()):
            return super().get_params(deep)
        return params

    @with_callbacks
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Fit the network to X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input: numbers, NaN where missing, and categories.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target: labels or label indicators (dense or sparse) in classification, numbers in
            regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, 0 or more. Their scale does not matter, and a row of weight 0 is
            as good as absent. None weights all rows alike.
        X_val : {array-like, sparse matrix, DataFrame} of shape (n_val, n_features), default=None
            Rows to validate on, instead of a hold-out: the curves are of these, and the parameters
            of the best epoch are kept. They also end training where `early_stopping` is True or
            "auto".
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Their targets; needed with `X_val`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights; `class_weight` multiplies them too.

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
        KeyboardInterrupt
            If Ctrl-C is pressed in the first epoch, or twice within a second.

        Warns
        -----
        ConvergenceWarning
            If `max_iter`, `max_fun` or `max_time` ends training, or if the loss ends far above
            where it began.
        UserWarning
            If parameters that are set have no effect, naming them; if a hold-out cannot be
            stratified; or if Ctrl-C ends training.
        """
        one_by_one = self.solver == "lbfgs" and self.n_members != 1
        tasks = tasks_of(self, X, y, sample_weight, None if one_by_one else self.max_iter)
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), tasks=tasks)
        tasks.close()
        return self

    def _fit(
        self, X, y, sample_weight, given=NOT_GIVEN, classes=None, incremental=False, tasks=NO_TASKS
    ):
        """Validate, encode, train, and set the fitted attributes."""
        with kept_on_failure(self):
            p = _params.check(self, self._losses, X_val=given[0] is not None)
            goes_on = hasattr(self, "coefs_") and (incremental or p["warm_start"])
            require_memory(p, X)
            require_y(self, y)
            y = plain(y)
            X = validate_X(self, X, reset=not goes_on, like=self._encoder if goes_on else None)
            check_consistent_length(X.numbers, y)
            start = self._start(p) if goes_on else None
            target = self._target(p, y, goes_on, classes, incremental)
            Y, strata = target.encode(y, X.dtype)
            w = self._class_weighted(p, target, Y, checked_weights(sample_weight, X.shape[0]))
            weights = Weights(start.state.get("weight_scale") if start and incremental else None)
            rows = Rows(X, Y, weights.normalise(w, X.shape[0]), strata).present()
            if not len(rows.Y):
                if incremental:
                    return
                raise ValueError("Sample weights must contain at least one non-zero number.")
            out_activation = self._out_activation(p, target)
            watch = self._watch(p, target, self._held(p, target, X, *given), tasks)
            result = train(p, rows, target, out_activation, start, incremental, watch)
            result.state["weight_scale"] = weights.scale
            self._set_fitted(p, target, result, goes_on)
            self._training_state = result.state if incremental or p["warm_start"] else None
        _warn(result, p)
        if incremental and not goes_on and X.shape[0] < FEW_ROWS and result.encoder.learns:
            or_else = "" if result.encoder.counts else ", or set feature_scaling=None"
            warn(
                f"The first call of partial_fit saw {X.shape[0]} rows, and what it learned of the"
                " columns (scales, medians, levels) is kept for all later ones. Begin with a chunk"
                f" of at least {FEW_ROWS} rows{or_else}.",
                UserWarning,
            )

    def _class_weighted(
        self, p: dict[str, Any], target: Any, Y: np.ndarray, w: np.ndarray | None
    ) -> np.ndarray | None:
        """Return the weights of the rows; a classifier multiplies them by those of the classes."""
        return w

    def _held(
        self, p: dict[str, Any], target: Any, table: Table, X: Any, y: Any, sample_weight: Any
    ) -> Rows | None:
        """Return the encoded rows to validate on that the user gives."""
        if X is None:
            if y is None and sample_weight is None:
                return None
            raise ValueError("y_val and sample_weight_val need X_val: give all of them, or none.")
        if y is None:
            raise ValueError("X_val needs y_val: give both, or none.")
        require_y(self, y)
        X, y = validate_X(self, X, reset=False, like=table), plain(y)
        check_consistent_length(X.numbers, y)
        Y, strata = target.encode(y, X.dtype)
        w = self._class_weighted(p, target, Y, checked_weights(sample_weight, X.shape[0]))
        w = Weights().normalise(w, X.shape[0])
        held = Rows(X, Y, w, strata).present()
        if not len(held.Y):
            raise ValueError("sample_weight_val must contain at least one non-zero number.")
        return held

    def _watch(self, p: dict[str, Any], target: Any, held: Rows | None, tasks: Any) -> Watch:
        """Return who looks on: rows to validate on, a scorer, callbacks."""

        def attributes(parameters: Views, encoder: Encoder, n_iter: int) -> dict[str, Any]:
            copies = [{name: a.copy() for name, a in layer.items()} for layer in parameters]
            return {**self._model(p, target, copies, encoder), "n_iter_": n_iter}

        score = None
        if p["scoring"] not in (None, "loss"):
            scorer = check_scoring(self, p["scoring"])

            def score(parameters: Views, encoder: Encoder, rows: Rows) -> float:
                fitted = copy(self)
                vars(fitted).update(attributes(parameters, encoder, 1))
                metadata = {} if rows.w is None else {"sample_weight": rows.w}
                try:
                    return scorer(fitted, rows.X.original(), target.original(rows.Y), **metadata)
                except AttributeError as error:
                    if callable(p["scoring"]):
                        raise
                    why = f"must name a scorer for this kind of estimator ({error})"
                    raise _params.refuse(self, "scoring", why) from error

        return Watch(held, score, tasks, attributes)

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
        for name, asked in self._encoder.state["asked"].items():
            if plain_parameter(p[name]) != asked:
                raise _params.refuse(self, name, f"must stay {asked!r}, as first fitted")
        return Start(self._parameters(), self._encoder, self._training_state or {})

    @property
    def _encoder(self) -> Encoder:
        """What the first call has learned of the columns of X."""
        return Encoder(self._encoding)

    @property
    def input_encoding_(self):
        """What happens to each column of X: a DataFrame where pandas is there, else a dict.

        Computed from the fitted arrays, one row a column of X: ``column``, its name or number;
        ``kind``, 'number' or 'category'; ``encoding``, 'standard', 'robust' or 'as it is' for
        numbers, '-1, +1', 'one-hot' or 'embedding' for categories; ``centre`` and ``scale`` of
        numbers; ``levels`` of categories, in the order of their codes, those that were merged as a
        list; ``missing``, the share of the training weight that is missing; ``engine_columns``, the
        columns of the network's input, of which a number with missing values has a second one, its
        indicator.
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        described = self._encoder.described(list(names))
        try:
            from pandas import DataFrame
        except ImportError:
            return described
        return DataFrame(described)

    def _parameters(self) -> list[dict[str, np.ndarray]]:
        """Return W (n_members, n_in, n_out) and b (n_members, 1, n_out) of each layer, as views.

        Before them, where there are embeddings, E (n_members, n_rows, dim).
        """
        dense = [
            {"W": W.reshape(-1, *W.shape[-2:]), "b": b.reshape(-1, 1, b.shape[-1])}
            for W, b in zip(self.coefs_, self.intercepts_, strict=True)
        ]
        if not self.embeddings_:
            return dense
        E = np.concatenate(self.embeddings_, axis=-2)
        return [{"E": E.reshape(-1, *E.shape[-2:])}, *dense]

    def _model(
        self, p: dict[str, Any], target: Any, layers: Views, encoder: Encoder
    ) -> dict[str, Any]:
        """Return the attributes that a prediction needs."""
        one = p["n_members"] == 1
        tables = [layer["E"] for layer in layers if "E" in layer]
        layers = layers[len(tables) :]
        rows = np.cumsum([n_levels + 1 for n_levels in encoder.embedded_levels])[:-1]
        E = [part for table in tables for part in np.split(table, rows, axis=-2)]
        return {
            "embeddings_": [part[0] if one else part for part in E],
            "_encoding": dict(encoder.state),
            "coefs_": [layer["W"][0] if one else layer["W"] for layer in layers],
            "intercepts_": [layer["b"][0, 0] if one else layer["b"][:, 0] for layer in layers],
            "n_layers_": len(layers) + 1,
            "n_outputs_": target.n_outputs,
            "out_activation_": self._out_activation(p, target),
            "_activations": list(p["activation"]),
        }

    def _set_fitted(self, p: dict[str, Any], target: Any, result: Result, goes_on: bool) -> None:
        """Set the fitted attributes; curves go on where training does."""
        vars(self).update(self._model(p, target, result.parameters, result.encoder))
        parameters = (*self.coefs_, *self.intercepts_, *self.embeddings_)
        self.n_parameters_ = sum(a.size for a in parameters)
        self._n_features_out = self._hidden_units()
        self.n_iter_ = result.n_iter
        self.t_ = (self.t_ if goes_on else 0) + result.n_iter * result.n_samples
        self.loss_curve_ = (self.loss_curve_ if goes_on else []) + result.losses
        self.loss_ = self.loss_curve_[-1]
        earlier = (self.validation_scores_, self.validation_loss_curve_) if goes_on else ([], [])
        scores, losses = (curve or [] for curve in earlier)
        earlier_best = getattr(self, "best_iter_", None) if goes_on else None
        self.best_loss_ = self.best_validation_score_ = self.best_iter_ = None
        self.validation_scores_ = self.validation_loss_curve_ = None
        if result.validation is None:
            self.best_loss_ = min(self.loss_curve_)
        else:
            self.validation_scores_ = scores + result.validation.scores
            self.validation_loss_curve_ = losses + result.validation.losses
            self.best_validation_score_ = result.best_score
            self.best_iter_ = len(scores) + result.best_iter if result.best_iter else earlier_best

    def _hidden_units(self) -> int:
        """Return the number of columns that `transform` returns."""
        last = self.coefs_[-1]
        if len(self.coefs_) == 1:
            return last.shape[-2]
        return last.shape[-2] * (1 if last.ndim == 2 else len(last))

    def transform(self, X):
        """Return the activations of the last hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Those of several members side by side, in the dtype of `X`; what the network computes
            with, the encoded input, where there is no hidden layer.
        """
        check_is_fitted(self)
        if len(self.coefs_) > 1 or self.embeddings_:
            return self._predict_by(lambda A: np.concatenate(A, axis=-1), X, n_layers=-1)
        table = validate_X(self, X, reset=False, like=self._encoder)
        encoded = self._encoder.encode(table, self.coefs_[0].dtype)
        encoded = encoded.toarray() if issparse(encoded) else encoded
        return encoded.astype(table.dtype)

    def _predict_by(
        self,
        finish: Callable[[np.ndarray], np.ndarray],
        X: Any,
        n_layers: int | None = None,
        first_row: int = 0,
    ) -> np.ndarray:
        """Return what `finish` makes of the raw output, from fitted state alone.

        It is given Z (n_members, rows, n_outputs) of some rows, in the dtype of X; with `n_layers`,
        the output of the last of the first so many layers. Raises ValueError where that is not
        finite.
        """
        check_is_fitted(self)
        encoder = self._encoder
        becomes_dense = issparse(X) and encoder.centred
        if (is_frame(X) or becomes_dense) and X.shape[0] > FRAME_ROWS:
            parts = [
                self._predict_by(finish, rows, n_layers, first_row + k * FRAME_ROWS)
                for k, rows in enumerate(pieces(X, FRAME_ROWS))
            ]
            return np.concatenate(parts)
        table = validate_X(self, X, reset=False, like=encoder, finite=False)
        units = [W.shape[-2] for W in self.coefs_] + [self.n_outputs_]
        layers = dense_layers(units, self._activations, embedding_of(encoder))[:n_layers]
        return predict(table, encoder, layers, self._parameters(), finish, first_row)

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
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
