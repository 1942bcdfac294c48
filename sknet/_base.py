"""The base class of both estimators: `fit`, and the raw output for all predictions."""

from collections.abc import Callable, Hashable
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sknet import _params
from sknet._attributes import FittedAttributes
from sknet._compat import (
    CallbackSupportMixin,
    NoCallbacks,
    callbacks_of,
    with_callbacks,
)
from sknet._engine.links import LINKS
from sknet._engine.parameters import Views
from sknet._export.duck import Convertible
from sknet._fits import FEATURES, Begun, Read, kept_on_failure, present_rows, require_fitted
from sknet._fitted.pickling import Pickled
from sknet._fitted.prediction import predict
from sknet._html import ShownAsHTML
from sknet._introspection import Introspected
from sknet._table.categorical import is_arrow, is_frame
from sknet._table.encoder import Encoder, plain_parameter
from sknet._table.messages import refuse_lazy
from sknet._table.read import pieces, validate_X
from sknet._table.table import Table
from sknet._target.reading import require_y
from sknet._target.target import Target
from sknet._target.weights import Weights, checked_weights
from sknet._training.auto import Facts, resolved
from sknet._training.build import Observers
from sknet._training.calibration import tempered
from sknet._training.cross_fitting import Folds
from sknet._training.finish import Result
from sknet._training.memory import require_memory
from sknet._training.rows import Rows
from sknet._training.settings import Settings
from sknet._training.shared import ALONE, key_of
from sknet._training.start import Start
from sknet._training.state import TrainingState
from sknet._training.train import Job, train
from sknet._training.warning import warn_of_end, warn_of_few_rows
from sknet._types import Array, Typed

#: Maximum rows of a DataFrame that a prediction reads at once, which limits memory.
FRAME_ROWS = 1 << 16
#: X_val, y_val and sample_weight_val if there is no validation data.
NO_VALIDATION_DATA = None, None, None
NO_CALLBACKS = NoCallbacks()


class BaseMLP(
    Typed,
    Pickled,
    FittedAttributes,
    ShownAsHTML,
    Introspected,
    Convertible,
    CallbackSupportMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Fitting and prediction; a subclass defines the target and the link of the output."""

    #: Allowed values of the parameter `loss`.
    _losses: ClassVar[tuple[str, ...]]

    #: Reads y of any container.
    _read_y: ClassVar[Callable[..., Any]]

    def _target(
        self, p: dict[str, Any], y: Any, goes_on: bool, classes: Any, incremental: bool
    ) -> Any:
        """Return the target of `y`, or that of the first call if training continues."""
        raise NotImplementedError

    def _out_activation(self, p: dict[str, Any], target: Target) -> str:
        """Return the link of the network's output."""
        raise NotImplementedError

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Fit the network to X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input: numbers, NaN where missing, and categories.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target: labels or label indicators (dense or sparse) in classification, numbers in
            regression.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, 0 or more. Their scale does not matter. A row of weight 0 is
            ignored. None weights all rows equally.
        X_val : {array-like, sparse matrix, DataFrame} of shape (n_val, n_features), default=None
            Validation rows, in place of a hold-out. They are scored after each epoch, and the
            parameters of the best epoch are kept. With `early_stopping` True or "auto", their score
            also decides when to stop.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of `X_val`; needed with it.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of `X_val`; `class_weight` multiplies them too.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows for the splitter `cv`, such as ``GroupKFold``.

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
            If `X`, `y` or `sample_weight` is invalid, or if training diverges. Then the estimator
            is the same as before the call.
        MemoryError
            If the network does not fit into memory. Raised before any data are copied.
        KeyboardInterrupt
            If Ctrl-C is pressed in the first epoch, or twice within a second.

        Warns
        -----
        ConvergenceWarning
            If `max_iter`, `max_fun` or `max_time` ends training, if the last loss is far above the
            first, or if the network has learned nothing.
        UserWarning
            If a parameter has no effect, or `alpha` looks like scikit-learn's; if a hold-out is not
            stratified or has few rows of a class; if outliers carry y; if Ctrl-C ends training.
        """
        n_epochs = None if isinstance(self.max_iter, str) else self.max_iter
        one_by_one = self.solver == "lbfgs" and self.n_members != 1
        callbacks = callbacks_of(self, X, y, sample_weight, None if one_by_one else n_epochs)
        validation = X_val, y_val, sample_weight_val
        self._fit(X, y, sample_weight, validation, callbacks=callbacks, groups=groups)
        callbacks.close()
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, *more: Any, **options: Any) -> None:
        """Validate, encode, train, and set the fitted attributes."""
        with kept_on_failure(self):
            begun = self._begin(X, y, sample_weight, *more, **options)
            if begun is None:
                return
            result = train(*begun.job)
            self._take(begun, result)
        self._warn(begun, result)

    def _begin(
        self,
        X,
        y,
        sample_weight,
        given=NO_VALIDATION_DATA,
        classes=None,
        incremental=False,
        callbacks=NO_CALLBACKS,
        groups=None,
        shared=ALONE,
        read=None,
    ):
        """Return the training that is asked for; None if `partial_fit` has no row of weight > 0.

        `shared` are results of other fits on the same data; `read` is a `Read`, if X, y and weights
        have been read already.
        """
        p = _params.check(self, self._losses, X_val=given[0] is not None)
        goes_on = hasattr(self, "coefs_") and (incremental or bool(p["warm_start"]))
        refuse_lazy(X, "X")
        facts = Facts(
            1, is_classifier(self), is_sparse=issparse(X), is_given=given[0] is not None,
            incremental=incremental,
        )  # fmt: skip
        require_memory(Settings.of(resolved(p, facts)[0]), X)
        require_y(self, y)
        read = read or shared.get(
            self._reading_key(p),
            lambda: self._read(p, X, y, sample_weight, goes_on, classes, incremental),
        )
        vars(self).update(read.names)
        n_rows = read.table.shape[0] if read.w is None else int(np.count_nonzero(read.w))
        earlier = self.resolved_params_ if goes_on else {}
        seen = {"n_numbers": read.table.numbers.shape[1], "balance": read.balance}
        p, chosen = resolved(p, facts._replace(n_rows=n_rows, **seen), earlier)
        _params.warn_of_idle(self, p)
        if not n_rows:
            if incremental:
                return None
            raise ValueError("Sample weights must contain at least one non-zero number.")
        table = Rows(read.table, read.Y, None, read.strata)
        folds = None
        if not incremental:
            folds = shared.get(
                ("folds", self._reading_key(p), key_of(p["cv"], p["n_members"])),
                lambda: self._folds(p, table, read.y, groups, read.w),
            )
        n_folds = self._n_folds if goes_on else 1 if folds is None else len(folds.test)
        p = p | {"n_members": p["n_members"] * n_folds}
        start = self._start(p) if goes_on else None
        scale = start.state.weight_scale if start and incremental else None
        rows, weight_scale = shared.get(
            ("rows", self._reading_key(p), scale), lambda: present_rows(table, read.w, scale)
        )
        held = self._held(p, read.target, read.table, *given)
        link, observers = self._out_activation(p, read.target), self._observers(p, callbacks)
        settings, members = Settings.of(p), None
        job = Job(
            settings, rows, read.target, link, start, incremental, held, observers, members, folds
        )
        counts = n_folds, goes_on
        return Begun(job, p, earlier | chosen, table, read.w, weight_scale, *counts)

    def _reading_key(self, p: dict[str, Any]) -> Hashable:
        """Return a key that is equal for fits that read the same data in the same way."""
        names = ("categorical_features", "class_weight", "loss", "quantile")
        return key_of(type(self), [p.get(name) for name in names])

    def _read(
        self, p: dict[str, Any], X: Any, y: Any, sample_weight: Any, goes_on: bool, classes: Any,
        incremental: bool,
    ) -> Read:  # fmt: skip
        """Read the rows, their targets and their weights."""
        y = self._read_y(y)
        table = validate_X(self, X, reset=not goes_on, like=self._encoder if goes_on else None)
        check_consistent_length(table.numbers, y)
        target = self._target(p, y, goes_on, classes, incremental)
        Y, strata = target.encode(y, table.dtype)
        w = self._class_weighted(p, target, Y, checked_weights(sample_weight, table.shape[0]))
        names = {name: vars(self)[name] for name in FEATURES if name in vars(self)}
        return Read(y, table, target, Y, strata, w, target.balance(Y, w), names)

    def _take(self, begun: Begun, result: Result) -> None:
        """Set the fitted attributes."""
        job = begun.job
        self._set_fitted(begun.p, result, begun.goes_on)
        self._n_folds, self.resolved_params_ = begun.n_folds, begun.chosen
        self._set_out_of_fold(result, job.folds, begun.table, begun.w)
        result.state.weight_scale = begun.weight_scale
        keeps_state = job.incremental or job.settings.warm_start
        self._training_state = result.state.packed() if keeps_state else None

    def _warn(self, begun: Begun, result: Result) -> None:
        """Give the warnings of the end of a fit."""
        warn_of_end(begun.job.settings, result)
        if begun.job.incremental and not begun.goes_on:
            warn_of_few_rows(result.encoder, begun.table.X.shape[0])

    def _folds(
        self, p: dict[str, Any], rows: Rows, y: Any, groups: Any, w: np.ndarray | None
    ) -> Folds | None:
        """Return the splits of cross-fitting; None without it."""
        if p["cv"] is None:
            if groups is not None:
                raise ValueError("groups are for the splitter cv, which is None: pass a splitter.")
            return None
        is_class = rows.strata is not None
        labels = rows.strata if is_class else y
        return Folds.of(p["cv"], rows.X.original(), labels, groups, w, is_class, p["n_members"])

    def _class_weighted(
        self, p: dict[str, Any], target: Target, Y: np.ndarray, w: np.ndarray | None
    ) -> np.ndarray | None:
        """Return the sample weights; a classifier multiplies them by class weights."""
        return w

    def _held(
        self, p: dict[str, Any], target: Target, table: Table, X: Any, y: Any, sample_weight: Any
    ) -> Rows | None:
        """Return the validation rows that the user has passed."""
        if X is None:
            if y is None and sample_weight is None:
                return None
            raise ValueError("y_val and sample_weight_val need X_val: pass all of them, or none.")
        if y is None:
            raise ValueError("X_val needs y_val: pass both, or none.")
        require_y(self, y)
        X, y = validate_X(self, X, reset=False, like=table), self._read_y(y, "y_val")
        check_consistent_length(X.numbers, y)
        Y, strata = target.encode(y, X.dtype, "y_val")
        w = self._class_weighted(p, target, Y, checked_weights(sample_weight, X.shape[0]))
        w = Weights().normalise(w, X.shape[0])
        held = Rows(X, Y, w, strata).present()
        if not len(held.Y):
            raise ValueError("sample_weight_val must contain at least one non-zero number.")
        return held

    def _observers(self, p: dict[str, Any], callbacks: Any) -> Observers:
        """Return the user's scorer and callbacks."""

        def attributes(
            parameters: Views, encoder: Encoder, target: Target, n_iter: int
        ) -> dict[str, Any]:
            copies = [{name: a.copy() for name, a in layer.items()} for layer in parameters]
            return {**self._model(p, target, copies, encoder), "n_iter_": n_iter}

        score = None
        if p["scoring"] not in (None, "loss"):
            scorer = check_scoring(self, p["scoring"])

            def score(parameters: Views, encoder: Encoder, target: Target, rows: Rows) -> float:
                fitted = copy(self)
                vars(fitted).update(attributes(parameters, encoder, target, 1))
                metadata = {} if rows.w is None else {"sample_weight": rows.w}
                try:
                    return scorer(fitted, rows.X.original(), target.original(rows.Y), **metadata)
                except AttributeError as error:
                    if callable(p["scoring"]):
                        raise
                    why = f"must name a scorer for this kind of estimator ({error})"
                    raise _params.refuse(self, "scoring", why) from error

        return Observers(score, callbacks, attributes)

    def _start(self, p: dict[str, Any]) -> Start:
        """Return the model from which training continues; raise if `p` does not match it."""
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
        state = TrainingState.unpacked(self._training_state)
        state.temperature = getattr(self, "temperature_", None)
        parameters = self._parameters()
        if state.temperature is not None:
            parameters[-1] = tempered(parameters[-1], 1.0 / state.temperature)
        return Start(parameters, self._encoder, state)

    def transform(self, X: Any) -> Array:
        """Return the activations of the last hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            The activations in the dtype of `X`, those of several members side by side. Without a
            hidden layer, the encoded input.
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
        least_dtype: str = "float32",
    ) -> np.ndarray:
        """Return ``finish(Z)`` for all rows, from fitted state only.

        Z (n_members, rows, n_outputs) is the raw output for some rows, in the dtype of X, but at
        least `least_dtype`; with `n_layers`, that of ``layers[:n_layers]``. Raises ValueError if it
        is not finite.
        """
        require_fitted(self)
        refuse_lazy(X, "X")
        encoder = self._encoder
        becomes_dense = issparse(X) and encoder.centred
        if (is_frame(X) or is_arrow(X) or becomes_dense) and X.shape[0] > FRAME_ROWS:
            parts = [
                self._predict_by(finish, rows, n_layers, first_row + k * FRAME_ROWS, least_dtype)
                for k, rows in enumerate(pieces(X, FRAME_ROWS))
            ]
            return np.concatenate(parts)
        table = validate_X(self, X, reset=False, like=encoder, finite=False)
        dtype = np.promote_types(table.dtype, least_dtype)
        return predict(self._plan, table, finish, dtype, n_layers, first_row)

    def _mean_prediction(self, Z: np.ndarray) -> np.ndarray:
        """Return the members' mean prediction, given their raw output."""
        return LINKS[self.out_activation_].mean_prediction(Z)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
