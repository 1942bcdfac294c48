"""The fitted attributes of the estimators: what a training leaves behind."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sknet._engine.network import dense_layers
from sknet._engine.parameters import Views
from sknet._fitted.conformal import HeldOut
from sknet._fitted.plan import Plan
from sknet._table.encoder import Encoder
from sknet._target.target import Target
from sknet._training.build import first_layers
from sknet._training.cross_fitting import Folds, assembled
from sknet._training.finish import Result
from sknet._training.rows import Rows

#: The encoder of each estimator that was asked for it: an estimator does not change as it predicts.
_ENCODERS: WeakKeyDictionary[Any, Encoder] = WeakKeyDictionary()
#: The plan of each estimator that has predicted.
_PLANS: WeakKeyDictionary[Any, Plan] = WeakKeyDictionary()


def _is_key(estimator: Any) -> bool:
    """Whether something can be kept for it; not for a subclass that compares by value."""
    return type(estimator).__hash__ is not None


class FittedAttributes:
    """Sets and reads the fitted attributes of an estimator."""

    @property
    def _encoder(self) -> Encoder:
        """The encoder of the columns of X, which the first call has fitted."""
        if not _is_key(self):
            return Encoder(self._encoding)
        known = _ENCODERS.get(self)
        if known is None or known.state is not self._encoding:
            known = _ENCODERS[self] = Encoder(self._encoding)
        return known

    @property
    def input_encoding_(self) -> Any:
        """How each column of X is encoded: a DataFrame if pandas is installed, else a dict.

        It has one row per column of X: ``column``, its name or number; ``kind``, 'number' or
        'category'; ``encoding``, 'standard', 'robust', 'quantile', '-1, +1', 'max_abs', 'clipped'
        or 'as it is' for numbers, '-1, +1', 'one-hot', 'embedding' or 'left out' for categories;
        ``centre`` and ``scale`` of numbers; ``missing_codes``, numbers that are read as missing;
        ``levels`` of categories, in the order of their codes, merged ones as a list; ``missing``,
        the share of the training weight that is missing; ``engine_columns``, the columns of the
        network's input. A number with missing values has two of them; the second is the indicator.
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        described = self._encoder.described(list(names))
        try:
            from pandas import DataFrame
        except ImportError:
            return described
        return DataFrame(described)

    @property
    def _plan(self) -> Plan:
        """The network, ready to predict; a new one if a fitted attribute has changed."""
        encoder, waves = self._encoder, (self.frequencies_, self.phases_)
        arrays = [*self.coefs_, *self.intercepts_, *self.embeddings_, *waves]
        known = _PLANS.get(self) if _is_key(self) else None
        if known is not None and known.is_of(arrays, encoder):
            return known
        units = [W.shape[-2] for W in self.coefs_] + [self.n_outputs_]
        layers = dense_layers(units, self._activations, first_layers(encoder))
        copied = [self.coefs_[0], self.intercepts_[0], *self.embeddings_]
        plan = Plan(arrays, encoder, layers, self._parameters(), copied)
        if plan.is_small and _is_key(self):
            _PLANS[self] = plan
        return plan

    def _parameters(self) -> list[dict[str, np.ndarray]]:
        """Return W (n_members, n_in, n_out) and b (n_members, 1, n_out) of each layer, as views.

        If categories are embedded, the first entry is E (n_members, n_rows, dim).
        """
        dense = [
            {"W": W.reshape(-1, *W.shape[-2:]), "b": b.reshape(-1, 1, b.shape[-1])}
            for W, b in zip(self.coefs_, self.intercepts_, strict=True)
        ]
        first: list[dict[str, np.ndarray]] = []
        if self.embeddings_:
            E = np.concatenate(self.embeddings_, axis=-2)
            first.append({"E": E.reshape(-1, *E.shape[-2:])})
        if self._encoding["knots"]:
            first.append({})
        if self.frequencies_ is not None:
            own = {"F": self.frequencies_, "P": self.phases_}
            first.append({name: a.reshape(-1, *a.shape[-2:]) for name, a in own.items()})
        return [*first, *dense]

    def _model(
        self, p: dict[str, Any], target: Target, layers: Views, encoder: Encoder
    ) -> dict[str, Any]:
        """Return the fitted attributes that prediction needs."""
        one = p["n_members"] == 1

        def own(a: np.ndarray) -> np.ndarray:
            # contiguous, as after loading a pickle: else joblib.hash would differ
            return np.ascontiguousarray(a[0] if one else a)

        tables = [layer["E"] for layer in layers if "E" in layer]
        periods = next((layer for layer in layers if "F" in layer), None)
        layers = [layer for layer in layers if "W" in layer]
        rows = np.cumsum([n_levels + 1 for n_levels in encoder.embedded_levels])[:-1]
        E = [part for table in tables for part in np.split(table, rows, axis=-2)]
        return {
            "embeddings_": [own(part) for part in E],
            "frequencies_": None if periods is None else own(periods["F"]),
            "phases_": None if periods is None else own(periods["P"]),
            "_encoding": dict(encoder.state),
            "coefs_": [own(layer["W"]) for layer in layers],
            "intercepts_": [own(layer["b"][..., 0, :]) for layer in layers],
            "n_layers_": len(layers) + 1,
            "n_outputs_": target.n_outputs,
            "out_activation_": self._out_activation(p, target),
            "_activations": list(p["activation"]),
        }

    def _set_fitted(self, p: dict[str, Any], result: Result, goes_on: bool) -> None:
        """Set the fitted attributes; if training continues, append to the curves."""
        if _is_key(self):
            _PLANS.pop(self, None)  # frees its parameters
        vars(self).update(self._model(p, result.target, result.parameters, result.encoder))
        parameters = (*self.coefs_, *self.intercepts_, *self.embeddings_)
        self.n_parameters_ = sum(a.size for a in parameters)
        self._n_features_out = self._hidden_units()
        if hasattr(self, "classes_"):
            self.temperature_ = result.temperature
        self.n_iter_, self._fit_seconds = result.n_iter, result.seconds
        self.t_ = (self.t_ if goes_on else 0) + result.n_iter * result.n_samples
        self.loss_curve_ = (self.loss_curve_ if goes_on else []) + result.losses
        self.loss_ = self.loss_curve_[-1]
        earlier_rates = getattr(self, "learning_rate_curve_", None) if goes_on else None
        rates = result.learning_rates
        self.learning_rate_curve_ = None if rates is None else (earlier_rates or []) + rates
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

    def _set_out_of_fold(
        self, result: Result, folds: Folds | None, rows: Rows, w: np.ndarray | None
    ) -> None:
        """Set what held-out rows say: scores, and predictions of cross-fitting.

        Those of an earlier call are deleted.
        """
        self._set_held_out(result, folds)
        if folds is None:
            for name in ("oof_prediction_", "oof_score_", "fold_"):
                vars(self).pop(name, None)
            return
        n_rows = len(rows.Y)
        there = np.arange(n_rows) if w is None else np.flatnonzero(w)
        numbers = [there[own] for own in folds.test]
        outputs = [Z.astype(rows.X.dtype) for _, Z in result.held_out]
        own = map(self._prediction_of, outputs)
        self.oof_prediction_, self.fold_ = assembled(n_rows, zip(numbers, own, strict=True))
        mean = map(self._mean_prediction, outputs)
        prediction, _ = assembled(n_rows, zip(numbers, mean, strict=True))
        known = np.flatnonzero(self.fold_ >= 0)
        own_w = None if w is None else w[known]
        self.oof_score_ = float(result.target.score(rows.Y[known], prediction[known], own_w))

    def _set_held_out(self, result: Result, folds: Folds | None) -> None:
        """Set the scores of the held-out rows, for intervals and sets; None without such rows."""
        self._held_out = None
        parts = [(self._scores_of(rows.Y, Z), rows.w) for rows, Z in result.held_out]
        if not parts or parts[0][0] is None:
            return
        scores, weights = (list(values) for values in zip(*parts, strict=True))
        n_rows = sum(map(len, scores))
        if folds is not None:
            numbers = np.concatenate(folds.test)
            count = np.bincount(numbers)
            n_rows = np.count_nonzero(count)
            if n_rows < len(numbers):  # some rows are in several folds: they count once
                weights = [
                    (1.0 if w is None else w) / count[own]
                    for w, own in zip(weights, folds.test, strict=True)
                ]
        orders = [np.lexsort(own.T) for own in scores]  # in that of the rows they would tell y
        scores = [own[order] for own, order in zip(scores, orders, strict=True)]
        if weights[0] is None:
            weights = None
        else:
            weights = [own[order] for own, order in zip(weights, orders, strict=True)]
        self._held_out = HeldOut(scores, weights, n_rows, self._mean_spread(result))

    def _mean_spread(self, result: Result) -> np.ndarray | None:
        """Return the spread (n_outputs,) of `HeldOut`; None in classification."""
        return None

    def _scores_of(self, Y: Any, Z: np.ndarray) -> np.ndarray | None:
        """Return the scores (n_held, n_scores) of `HeldOut`; None for label indicators."""
        raise NotImplementedError

    def _prediction_of(self, Z: np.ndarray) -> np.ndarray:
        """Return what `oof_prediction_` holds, given the raw output."""
        raise NotImplementedError
