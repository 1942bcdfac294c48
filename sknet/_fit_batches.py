"""`fit_batches`: a fit to rows that do not fit into memory."""

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import is_classifier

from sknet import _params
from sknet._base import NO_CALLBACKS, NO_VALIDATION_DATA, BaseMLP
from sknet._compat import callbacks_of, with_callbacks
from sknet._fits import FEATURES, Begun, Read, kept_on_failure
from sknet._rules import is_integer
from sknet._streams import Scan, Source
from sknet._table.schema import FoundColumns, MergedSchema
from sknet._target.parts import TargetTotals
from sknet._target.target import Target
from sknet._training.auto import Facts, resolved
from sknet._training.memory import require_memory
from sknet._training.rows import Rows
from sknet._training.settings import Settings
from sknet._training.start import Start
from sknet._training.stream import Stream
from sknet._training.train import Job, train

#: Validation rows of a stream, as a share of its buffer, at most for validation_fraction="auto".
MOST_HELD = 0.25


class Settled(NamedTuple):
    """The settings of a fit to rows that are not in memory, and what they were settled by.

    `chosen` is what "auto" stands for, `factors` are the class weights, or None.
    """

    settings: Settings
    p: dict[str, Any]
    chosen: dict[str, Any]
    totals: TargetTotals
    factors: np.ndarray | None
    start: Start | None
    is_weighted: bool


class FitsBatches(BaseMLP):
    """Adds `fit_batches` to an estimator."""

    @with_callbacks
    def fit_batches(
        self,
        factory: Any,
        *,
        buffer_rows: int = 200_000,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the network to batches of rows, which do not have to fit into memory.

        The stream is read several times: a few passes find out how columns are encoded, and then
        each epoch, or each evaluation of L-BFGS, is a pass. Memory holds about one and a half times
        `buffer_rows` encoded rows, the validation rows, and a few batches. If all rows fit into the
        buffer, they are kept, and the result is that of `fit`.

        Parameters
        ----------
        factory : callable
            ``factory()`` returns an iterator over batches ``(X, y)`` or
            ``(X, y, sample_weight)``, as `fit` takes them, of any number of rows; X is dense. Each
            call must return a new iterator over the same rows in the same order.
            :func:`sknet.streaming.parquet_batches` makes one for parquet files.
        buffer_rows : int, default=200_000
            Rows of the shuffling buffer, at least `batch_size`. Whenever it is full, a random half
            of it is trained on. If rows that are alike stand together in the stream, such as those
            of a class or of a day, it has to be larger than such a run of rows.
        X_val : {array-like, DataFrame} of shape (n_val, n_features), default=None
            Validation rows, in place of a hold-out; see `fit`.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of `X_val`; needed with it.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of `X_val`; `class_weight` multiplies them too.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `factory` is not callable, or returns no iterator.
        ValueError
            If a batch is invalid or has other columns than the first one, if the stream is empty or
            changes between passes, or as `fit` does. The message names the batch. Then the
            estimator is the same as before the call.
        InvalidParameterError
            If a parameter is not allowed. `cv` needs all rows in memory and must be None.

        See Also
        --------
        partial_fit : Trains for one epoch on rows that the caller brings.

        Notes
        -----
        With early stopping, `validation_fraction` of the rows of each class are held out, and stay
        in memory. 'auto' holds out at most a quarter of `buffer_rows`. Means, standard deviations,
        quantiles, levels and class weights are those of all training rows, as in `fit`. Codes
        for missing numbers, the knots of `numeric_embedding` and the first output bias come from a
        random sample of up to 65,536 rows. Callbacks get None for X and y, which are not in memory.

        Examples
        --------
        >>> import numpy as np
        >>> from sknet import MLPBackpropRegressor
        >>> def batches():
        ...     for seed in range(10):
        ...         X = np.random.default_rng(seed).normal(size=(500, 3))
        ...         yield X, X[:, 0] + X[:, 1] ** 2
        >>> model = MLPBackpropRegressor((32,), random_state=0)
        >>> model.fit_batches(batches, buffer_rows=2000).score(*next(batches())) > 0.9
        True
        """
        n_epochs = None if isinstance(self.max_iter, str) else self.max_iter
        one_by_one = self.solver == "lbfgs" and self.n_members != 1
        callbacks = callbacks_of(self, None, None, None, None if one_by_one else n_epochs)
        validation = X_val, y_val, sample_weight_val
        with kept_on_failure(self):
            begun = self._begin_batches(factory, buffer_rows, validation, callbacks)
            result = train(*begun.job)
            self._take(begun, result)
        self._warn(begun, result)
        callbacks.close()
        return self

    def _begin_batches(
        self,
        factory: Any,
        buffer_rows: Any,
        given: Any = NO_VALIDATION_DATA,
        callbacks: Any = NO_CALLBACKS,
    ) -> Begun:
        """Return the training that is asked for."""
        if not is_integer(buffer_rows) or buffer_rows < 1:
            raise ValueError(f"buffer_rows must be an int of at least 1, got {buffer_rows!r}.")
        p = self._checked_without_folds("fit_batches", given)
        goes_on = hasattr(self, "coefs_") and bool(p["warm_start"])
        source = Source(self, factory)
        scan = source.scan(int(buffer_rows))
        if scan is None:
            raise ValueError(
                "The stream is empty: factory() has yielded no batch with rows. Yield at least one"
                " batch (X, y)."
            )
        schema = self._schema(scan.columns, goes_on)
        target = self._target(p, scan.y, goes_on, None, False)
        if scan.kept is not None:
            read = self._read_kept(p, source, scan, schema, target)
            first = scan.first
            return self._begin(first.X, first.y, None, given, callbacks=callbacks, read=read)
        settled = self._settled(p, scan, schema, target, given, MOST_HELD * buffer_rows, goes_on)
        stream = self._stream(source, schema, target, settled, int(buffer_rows))
        return self._begun(settled, stream, schema, target, given, callbacks)

    def _checked_without_folds(self, method: str, given: Any) -> dict[str, Any]:
        """Return the checked parameters; raise if they ask for cross-fitting."""
        p = _params.check(self, self._losses, X_val=given[0] is not None)
        if p["cv"] is not None:
            why = f"must be None in {method}: its folds need all rows in memory. Use fit"
            raise _params.refuse(self, "cv", why)
        return p

    def _schema(self, columns: FoundColumns, goes_on: bool) -> MergedSchema:
        """Return how the columns are read: as by the first fit, if training continues."""
        if goes_on:
            return MergedSchema(self._encoder.categorical, self._encoder.levels)
        return columns.schema()

    def _read_kept(
        self, p: dict[str, Any], source: Source, scan: Scan, schema: MergedSchema, target: Target
    ) -> Read:
        """Return the rows of a stream that is in memory."""
        rows = source.kept_rows(scan, schema, target, p["scoring"] not in (None, "loss", "auto"))
        w = self._class_weighted(p, target, rows.Y, scan.weights)
        names = {name: vars(self)[name] for name in FEATURES if name in vars(self)}
        balance = target.balance(rows.Y, w)
        return Read(scan.y, rows.X, target, rows.Y, rows.strata, w, balance, names)

    def _settled(
        self,
        p: dict[str, Any],
        scan: Scan,
        schema: MergedSchema,
        target: Target,
        given: Any,
        most_held: float,
        goes_on: bool,
    ) -> Settled:
        """Return the settings for what the first pass has found.

        `most_held` are the validation rows that validation_fraction="auto" holds out at most.
        """
        factors = self._class_factors(p, target, scan.totals)
        totals = scan.totals.weighted_by(factors)
        n_rows = totals.n_rows
        if not n_rows:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        facts = Facts(
            n_rows, is_classifier(self), int(np.sum(~schema.categorical)), totals.balance,
            is_given=given[0] is not None,
        )  # fmt: skip
        earlier = self.resolved_params_ if goes_on else {}
        p, chosen = resolved(p, facts, earlier)
        if "validation_fraction" in chosen and p["early_stopping"] and given[0] is None:
            fraction = min(chosen["validation_fraction"], most_held / n_rows)
            p["validation_fraction"] = chosen["validation_fraction"] = fraction
        _params.warn_of_idle(self, p)
        settings = Settings.of(p)
        require_memory(settings, scan.first.X)
        start = self._start(p) if goes_on else None
        is_weighted = scan.first.w is not None or factors is not None
        return Settled(settings, p, earlier | chosen, totals, factors, start, is_weighted)

    def _stream(
        self,
        source: Source,
        schema: MergedSchema,
        target: Target,
        settled: Settled,
        buffer_rows: int,
    ) -> Stream:
        """Return the rows of a stream that does not fit into its buffer."""
        settings, totals = settled.settings, settled.totals
        n_rows = totals.n_rows
        if settings.solver is not None and settings.batch_rows(n_rows) > buffer_rows:
            raise ValueError(
                f"buffer_rows={buffer_rows} is less than a batch, batch_size="
                f"{settings.batch_rows(n_rows)}. Raise buffer_rows, or lower batch_size."
            )
        weigh = weighing(totals, settled.factors)
        counts = totals.counts if totals.labels is not None else np.array([n_rows])
        return Stream(
            lambda: source.rows(schema, target, weigh), n_rows, counts, buffer_rows,
            len(schema.categorical), schema.levels, settled.p["scoring"] not in (None, "loss"),
        )  # fmt: skip

    def _begun(
        self,
        settled: Settled,
        stream: Any,
        schema: MergedSchema,
        target: Target,
        given: Any,
        callbacks: Any,
    ) -> Begun:
        """Return the training on rows that are not in memory."""
        p, start = settled.p, settled.start
        held = self._held(p, target, schema, *given)
        link, observers = self._out_activation(p, target), self._observers(p, callbacks)
        job = Job(
            settled.settings, None, target, link, start, False, held, observers, stream=stream
        )
        scale = settled.totals.scale if settled.is_weighted else (1.0, 1.0)
        return Begun(job, p, settled.chosen, None, None, scale, 1, start is not None)

    def _class_factors(
        self, p: dict[str, Any], target: Target, totals: TargetTotals
    ) -> np.ndarray | None:
        """Return the weight of each class; None without class weights."""
        return None


def weighing(totals: TargetTotals, factors: np.ndarray | None) -> Any:
    """Return the function that gives rows their weights, of mean 1 over the stream."""
    largest, mean = totals.scale

    def weigh(rows: Rows, w: np.ndarray | None) -> Rows:
        if factors is not None:
            own = factors[rows.strata]
            w = own if w is None else w * own
        if w is None:
            return rows
        there = rows._replace(w=w).present()
        return there._replace(w=None if totals.is_uniform else there.w / largest / mean)

    return weigh
