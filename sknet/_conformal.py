"""Intervals and sets that contain the truth with a given probability, from held-out rows."""

from collections.abc import Callable
from itertools import combinations
from reprlib import repr as short_repr
from typing import Any

import numpy as np
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from sknet._engine.links import LINKS
from sknet._fitted.conformal import (
    HeldOut,
    class_scores,
    error_terms,
    interval,
    rows_needed,
    scores_in_use,
    spread,
)
from sknet._rules import InvalidParameterError, Rule, one_of, real, sequence_of
from sknet._types import Array, Numbers

#: Rows whose intervals are searched at once, which limits memory.
SEARCHED_ROWS = 1 << 12
LEVEL = real("(0, 1)")
LEVELS = LEVEL | Rule(
    lambda v: sequence_of(LEVEL, "").allows(v) and len(v) > 0,
    "a tuple, list or 1-d array of such floats",
)
BOOLEAN = Rule(lambda v: isinstance(v, (bool, np.bool_)), "a bool")
INTERVAL_METHODS = one_of("auto", "scaled", "plus", "base", "cqr")
SET_METHODS = one_of("lac", "aps")


def require(rule: Rule, name: str, value: Any, method: str) -> None:
    """Raise InvalidParameterError unless the argument `name` of `method` is allowed."""
    if not rule.allows(value):
        raise InvalidParameterError(
            f"The {name!r} parameter of {method} must be {rule.words}."
            f" Got {short_repr(value)} instead."
        )


def by_part(
    prediction: Callable[[np.ndarray], np.ndarray], Z: np.ndarray, n_parts: int
) -> np.ndarray:
    """Return the prediction (n_parts, rows, ...) of each part of the members, in float64."""
    return np.stack([prediction(own.astype(np.float64)) for own in np.split(Z, n_parts)])


class Conformal:
    """What intervals and sets share: the held-out rows."""

    _held_out: HeldOut | None
    _n_folds: int
    _predict_by: Callable[..., np.ndarray]

    def _held_rows(self, method: str, levels: list[float] | None = None) -> HeldOut:
        """Return the held-out rows; raise if there are none, or too few for `levels`."""
        held = getattr(self, "_held_out", None)
        if held is None:
            raise ValueError(
                f"{method} needs rows that the network was not trained on, and the last call of fit"
                " or partial_fit held none out. Fit with cv=5, which holds out every row in turn,"
                " with early_stopping=True, or with X_val and y_val."
            )
        highest = max(levels or [0.0])
        needed = rows_needed(highest)
        if held.n_rows < needed:
            raise ValueError(
                f"confidence_level={highest:g} needs at least {needed} held-out rows, but this fit"
                f" has {held.n_rows}. Lower confidence_level, or hold out more rows: cv holds out"
                " all of them in turn."
            )
        return held


class PredictsIntervals(Conformal):
    """``predict_interval`` of the regressor."""

    _quantiles: tuple[float, ...] | None
    _mean_prediction: Callable[[np.ndarray], np.ndarray]
    _y_dtype: str
    out_activation_: str

    def predict_interval(
        self, X: Any, confidence_level: Numbers = 0.9, *, method: str = "auto"
    ) -> Array:
        """Predict an interval for the target of each row, by conformal prediction.

        The intervals contain the targets of about the share `confidence_level` of new rows that
        come from the same distribution as the training rows, whatever this distribution is and
        however good the network. This is a share of all rows, not of the rows near a given one.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.
        confidence_level : float, or array-like of float, default=0.9
            Share of the targets that the intervals are to contain, in (0, 1), or several shares.
        method : {'auto', 'scaled', 'plus', 'base', 'cqr'}, default='auto'
            Which intervals are predicted. Without `cv`, 'scaled', 'plus' and 'base' are the same:
            split conformal, the prediction minus and plus a quantile of the residuals of held-out
            rows.

            - 'scaled': the mean prediction of all networks minus and plus residuals of the size
              that this mean has. The residuals of held-out rows are of the networks of one fold,
              and the mean of K folds errs less: by (K - 1) / K of the variance between folds. They
              contain about `confidence_level`
            - 'plus': CV+. Each residual is added to the prediction of the networks that it is a
              residual of (Barber et al. 2021). Usually wider, with a guarantee, see the notes
            - 'base': the mean prediction of all networks minus and plus the residuals as they are.
              Never narrower than 'scaled'
            - 'cqr': as 'base' with two predicted quantiles, and how far targets are outside them,
              so that the width follows X (Romano et al. 2019). Of the levels of `quantile`, those
              nearest to ``(1 - confidence_level) / 2`` and ``(1 + confidence_level) / 2`` are
              taken. Needs ``loss='quantile'`` with several levels
            - 'auto': 'cqr' with several levels of `quantile`, else 'scaled'

        Returns
        -------
        ndarray of shape (n_samples, 2)
            The lower and the upper end, in the units of y. (n_samples, 2, n_levels) for several
            levels; with several outputs, (n_samples, n_outputs, 2) or
            (n_samples, n_outputs, 2, n_levels), each output by itself.

        Raises
        ------
        InvalidParameterError
            If `confidence_level` or `method` is not allowed, or does not fit the loss.
        ValueError
            If no rows were held out of training, or too few for `confidence_level`.

        Notes
        -----
        The held-out rows are those of the folds with `cv`, else `X_val`, else the hold-out of early
        stopping. Rows of weight 2 count twice. 'plus' with `cv` contains a share of at least
        ``2 * confidence_level - 1`` whatever the network is, if it is fitted to each fold apart; in
        practice it is `confidence_level` or some points more, since each network errs more than
        their mean. Split conformal contains at least `confidence_level` on average. 'scaled',
        'base' and 'cqr' with `cv` have no such theorem. Here, the folds choose one epoch together,
        and a hold-out chooses the epoch on the same rows, which weakens the guarantees a little.

        References
        ----------
        Barber, Candes, Ramdas and Tibshirani, "Predictive inference with the jackknife+", Annals of
        Statistics 49(1), 2021. Romano, Patterson and Candes, "Conformalized quantile regression",
        NeurIPS 2019. For 'scaled', the identity of Krogh and Vedelsby, "Neural network ensembles,
        cross validation, and active learning", NIPS 1994.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sknet import MLPBackpropRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = MLPBackpropRegressor((20,), cv=5, random_state=0).fit(X[:300], y[:300])
        >>> low, high = model.predict_interval(X[300:], confidence_level=0.9).T
        >>> bool(0.8 < ((low <= y[300:]) & (y[300:] <= high)).mean() < 1)
        True
        """
        check_is_fitted(self)
        name = "predict_interval"
        require(LEVELS, "confidence_level", confidence_level, name)
        levels = [float(level) for level in np.atleast_1d(confidence_level)]
        method = self._interval_method(method)
        held, n_parts = self._held_rows(name, levels), self._n_folds
        if method != "plus":
            is_scaled = method == "scaled"
            held, n_parts = held.of_the_mean(n_parts) if is_scaled else held.together(), 1
        ends_of = (self._cqr_ends if method == "cqr" else self._residual_ends)(held, levels)

        def finish(Z: np.ndarray) -> np.ndarray:
            return np.moveaxis(by_part(self._mean_prediction, Z, n_parts), 0, 1).astype(Z.dtype)

        F = self._predict_by(finish, X, least_dtype=self._y_dtype)
        domain = LINKS[self.out_activation_].domain
        parts = [  # larger ones than those of a prediction: the search takes them at once
            ends_of(np.moveaxis(F[rows], 1, 0).astype(np.float64))
            for rows in gen_batches(len(F), SEARCHED_ROWS)
        ]
        ends = np.clip(np.concatenate(parts), domain.least, domain.most).astype(F.dtype)
        ends = ends[:, 0] if ends.shape[1] == 1 else ends
        return ends[..., 0] if np.ndim(confidence_level) == 0 else ends

    def _predict_with_std(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the prediction and its standard deviation for each row."""
        if self._quantiles not in (None, (0.5,)):
            raise InvalidParameterError(
                "The 'return_std' parameter of predict must be False for a network that was fitted"
                " to quantiles other than 0.5: use predict_interval. Got True instead."
            )
        constant, factor = error_terms(self._held_rows("predict with return_std"), self._n_folds)

        def finish(Z: np.ndarray) -> np.ndarray:
            std = np.hypot(constant, factor * self._spread(Z))
            return np.stack([self._mean_prediction(Z), std.astype(Z.dtype)], axis=1)

        both = self._predict_by(finish, X, least_dtype=self._y_dtype)
        both = both[..., 0] if both.shape[-1] == 1 else both
        return both[:, 0].copy(), both[:, 1].copy()

    def _spread(self, Z: np.ndarray) -> np.ndarray:
        """Return the spread (rows, n_outputs) between folds, or between members of one fold."""
        n_parts = self._n_folds if self._n_folds > 1 else len(Z)
        return spread(by_part(self._mean_prediction, Z, n_parts))

    def _interval_method(self, method: Any) -> str:
        """Return `method`, decided if it is "auto"; raise if it does not fit the loss."""
        require(INTERVAL_METHODS, "method", method, "predict_interval")
        several = self._quantiles is not None and len(self._quantiles) > 1
        if method == "auto":
            return "cqr" if several else "scaled"
        if several != (method == "cqr"):
            allowed = "'auto' or 'cqr'" if several else "'auto', 'scaled', 'plus' or 'base'"
            raise InvalidParameterError(
                f"The 'method' parameter of predict_interval must be {allowed} for a network that"
                f" was fitted {'to' if several else 'without'} several levels of quantile."
                f" Got {method!r} instead."
            )
        return method

    def _residual_ends(
        self, held: HeldOut, levels: list[float]
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Return what makes ends (rows, n_outputs, 2, n_levels) of predictions by part."""
        pools = [
            held.of([np.abs(own[:, k]) for own in held.scores])
            for k in range(held.scores[0].shape[1])
        ]

        def ends(F: np.ndarray) -> np.ndarray:
            by_output = [
                interval(pool, F[..., k], F[..., k], levels) for k, pool in enumerate(pools)
            ]
            return np.stack(by_output, axis=1)

        return ends

    def _cqr_ends(self, held: HeldOut, levels: list[float]) -> Callable[[np.ndarray], np.ndarray]:
        """Return what makes ends (rows, 1, 2, n_levels) of quantiles by part."""
        pairs = [nearest_pair(self._quantiles or (), level) for level in levels]
        pools = [
            held.of([np.maximum(-own[:, low], own[:, high]) for own in held.scores])
            for low, high in pairs
        ]

        def ends(F: np.ndarray) -> np.ndarray:
            by_level = [
                interval(pool, F[..., low], F[..., high], [level])
                for pool, (low, high), level in zip(pools, pairs, levels, strict=True)
            ]
            return np.concatenate(by_level, axis=-1)[:, None]

        return ends


def nearest_pair(quantiles: tuple[float, ...], level: float) -> tuple[int, int]:
    """Return the places of the two quantiles whose levels are nearest to an interval's ends."""
    return min(
        combinations(range(len(quantiles)), 2),
        key=lambda pair: (
            abs(quantiles[pair[0]] - (1 - level) / 2) + abs(quantiles[pair[1]] - (1 + level) / 2)
        ),
    )


class PredictsSets(Conformal):
    """``predict_set`` of the classifier."""

    _indicator: bool
    _proba: Callable[[np.ndarray], np.ndarray]

    def predict_set(
        self,
        X: Any,
        confidence_level: Numbers = 0.9,
        *,
        method: str = "lac",
        allow_empty: bool = False,
    ) -> Array:
        """Predict a set of classes for each row, by conformal prediction.

        The sets contain the classes of about the share `confidence_level` of new rows that come
        from the same distribution as the training rows, whatever this distribution is and however
        good the network. This is a share of all rows, not of the rows of a class.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The input.
        confidence_level : float, or array-like of float, default=0.9
            Share of the classes that the sets are to contain, in (0, 1), or several shares.
        method : {'lac', 'aps'}, default='lac'
            Which score of a class decides.

            - 'lac': 1 - its probability, the same threshold for all rows (Sadinle et al. 2019).
              These sets are the smallest on average
            - 'aps': the sum of the larger probabilities and a share of its own (Romano et al.
              2020). These sets grow more where the network is unsure. The share is a number in
              [0, 1), made of the row's probabilities: it is spread evenly over the rows, and the
              same for the same row
        allow_empty : bool, default=False
            Whether a set may be empty: then no class fits better than those of most held-out rows.
            If not, an empty set gets the most probable class. So the sets contain more than
            `confidence_level` if the accuracy is higher.

        Returns
        -------
        ndarray of bool of shape (n_samples, n_classes)
            Whether each of `classes_` is in the set; (n_samples, n_classes, n_levels) for several
            levels.

        Raises
        ------
        InvalidParameterError
            If `confidence_level`, `method` or `allow_empty` is not allowed.
        ValueError
            If no rows were held out of training, or too few for `confidence_level`, or if the
            network was fitted to label indicators.

        Notes
        -----
        The held-out rows are those of the folds with `cv`, else `X_val`, else the hold-out of early
        stopping. Rows of weight 2 count twice, and `class_weight` multiplies weights. With `cv`,
        a class is in the set if fewer than ``confidence_level * (n + 1)`` of the n held-out rows
        have a lower score than the class has by the networks that have not seen this row. The
        folds choose one epoch and one temperature together, and a hold-out chooses them on the
        same rows, which weakens the guarantee a little.

        References
        ----------
        Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error
        levels", Journal of the American Statistical Association 114, 2019. Romano, Sesia and
        Candes, "Classification with valid and adaptive coverage", NeurIPS 2020.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sknet import MLPBackpropClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPBackpropClassifier((20,), cv=5, random_state=0).fit(X[::2], y[::2])
        >>> sets = model.predict_set(X[1::2], confidence_level=0.95)
        >>> bool(sets[range(75), y[1::2]].mean() > 0.9)
        True
        """
        check_is_fitted(self)
        name = "predict_set"
        require(LEVELS, "confidence_level", confidence_level, name)
        require(SET_METHODS, "method", method, name)
        require(BOOLEAN, "allow_empty", allow_empty, name)
        if self._indicator:
            raise ValueError(
                "predict_set needs one class per row, and this network was fitted to label"
                " indicators. Fit a classifier for each label (MultiOutputClassifier)."
            )
        levels = [float(level) for level in np.atleast_1d(confidence_level)]
        held, score = self._held_rows(name, levels), ("lac", "aps").index(method)
        pool = held.of([scores_in_use(own[:, score], allow_empty) for own in held.scores])
        places = np.array([pool.place(level) for level in levels])

        def finish(Z: np.ndarray) -> np.ndarray:
            mean = self._proba(Z.astype(np.float64))
            scores = class_scores(by_part(self._proba, Z, self._n_folds), mean)[score]
            return pool.weight_below(scores_in_use(scores, allow_empty))[..., None] < places

        sets = self._predict_by(finish, X)
        return sets[..., 0] if np.ndim(confidence_level) == 0 else sets
