"""`fit` on a Dask cluster: what happens on the client."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

import distributed
import numpy as np

from sknet import _params
from sknet._base import BaseMLP
from sknet._compat import callbacks_of, clone_parametrized, with_callbacks
from sknet._dask.cluster import Cluster, client_of, require_workers
from sknet._dask.collections import computed, parts_of
from sknet._dask.dealing import Dealing, continued
from sknet._dask.reading import (
    Seen,
    WeighingAlone,
    read_rows,
    scan_parts,
    seen,
    seen_of_all,
)
from sknet._fit_batches import FitsBatches, Settled, weighing
from sknet._fits import FEATURES, Begun, kept_on_failure
from sknet._rules import Rule, integer
from sknet._table.schema import MergedSchema
from sknet._target.target import Target
from sknet._training.shard import count_rows
from sknet._training.shards import Shards, batch_of_shard, scaled_rate
from sknet._training.train import train

#: Shards for n_shards=None, at most.
MOST_SHARDS = 32
#: Validation rows for validation_fraction="auto", at most: they come to the client.
MOST_HELD_ROWS = 50_000
#: The parameters that the local estimators do not have.
OWN = ("client", "n_shards", "average_every")


class FitsShards(FitsBatches):
    """Fits on a cluster; a subclass names its local class in ``_local``."""

    _local: ClassVar[type[BaseMLP]]
    _own_rules: ClassVar[dict[str, Rule]] = {
        "client": Rule(
            lambda v: v is None or isinstance(v, distributed.Client), "a Client of Dask or None"
        ),
        "n_shards": integer(1) | Rule(lambda v: v is None, "None"),
        "average_every": integer(1),
    }

    client: Any
    n_shards: int | None
    average_every: int

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
    ) -> Self:
        """Fit the network to collections of Dask, on the workers of the client.

        Parameters
        ----------
        X : Dask DataFrame, Dask Array or list of Delayed, of shape (n_samples, n_features)
            The input, as the local estimator takes it; dense. A Delayed is that of a frame or
            array of some rows. The number of rows may be unknown. Columns of an Array are made one
            block.
        y : Dask Series, DataFrame or Array, or list of Delayed
            The target, with the partitions of `X`.
        sample_weight : Dask Series or Array, or list of Delayed, default=None
            Weights of the rows, with the partitions of `X`.
        X_val : DataFrame, array-like, Dask collection or list of Delayed, default=None
            Validation rows, in place of a hold-out. They are brought to the client.
        y_val : array-like, Dask collection or list of Delayed, default=None
            Targets of `X_val`; needed with it.
        sample_weight_val : array-like, Dask collection or list of Delayed, default=None
            Weights of `X_val`; `class_weight` multiplies them too.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        InvalidParameterError
            If a parameter is not allowed. `cv` must be None, and a `scoring` other than None,
            'loss' or 'auto' needs `X_val`.
        TypeError
            If `X`, `y` or `sample_weight` is not a collection of Dask.
        ValueError
            If they have different partitions, if partitions do not fit together, or as the local
            estimator does. The message names the partition. Then the estimator is the same as
            before the call.
        ClusterError
            If there are no workers, all are lost, their memory does not suffice, or they have
            another version of this package. A RuntimeError.

        See Also
        --------
        to_local : Returns the fitted network without the cluster.

        Notes
        -----
        The rows stay on the workers. The client gets statistics, the validation rows, and a random
        sample of up to 65,536 rows. At the end, nothing is left on the cluster. Callbacks get None
        for X and y.

        Examples
        --------
        >>> import dask.array as da
        >>> from distributed import Client
        >>> from sknet.dask import DaskMLPBackpropRegressor
        >>> X = da.random.default_rng(0).normal(size=(4000, 3), chunks=(1000, 3))
        >>> with Client(processes=False, n_workers=2, dashboard_address=":0"):
        ...     model = DaskMLPBackpropRegressor((32,), random_state=0).fit(X, X[:, 0] - X[:, 1])
        ...     print(model.predict(X).shape)
        (4000,)
        """
        n_epochs = None if isinstance(self.max_iter, str) else self.max_iter
        one_by_one = self.solver == "lbfgs" and self.n_members != 1
        callbacks = callbacks_of(self, None, None, None, None if one_by_one else n_epochs)
        with kept_on_failure(self):
            given = X_val, y_val, sample_weight_val
            p = self._checked_for_shards(given)
            parts, client = parts_of(X, y, sample_weight), client_of(self.client)
            n_shards = self._n_shards_of(client, len(parts))
            require_workers(client)
            names = "X_val", "y_val", "sample_weight_val"
            given = [computed(*own, client) for own in zip(names, given, strict=True)]
            with Cluster(client, n_shards) as cluster:
                cluster.require_version()
                begun = self._begin_shards(p, cluster, parts, given, callbacks)
                result = train(*begun.job)
                self._take(begun, result)
        self._warn(begun, result)
        callbacks.close()
        return self

    def _checked_for_shards(self, given: Any) -> dict[str, Any]:
        """Return the checked parameters; raise if they cannot be used on a cluster."""
        for name, rule in self._own_rules.items():
            if not rule.allows(getattr(self, name)):
                raise _params.refuse(self, name, f"must be {rule.words}")
        p = self._checked_without_folds("fit on a cluster", given)
        if p["scoring"] not in (None, "loss", "auto") and given[0] is None:
            why = "must be None, 'loss' or 'auto' without X_val, whose rows it needs on the client"
            raise _params.refuse(self, "scoring", why)
        return p

    def _n_shards_of(self, client: Any, n_parts: int) -> int:
        """Return the number of shards."""
        if self.n_shards is None:
            first = self._first_dealing()
            if first is not None and first.n_shards <= n_parts:
                return first.n_shards
            return max(1, min(require_workers(client), n_parts, MOST_SHARDS))
        if self.n_shards > n_parts:
            why = f"must be at most the number of partitions, {n_parts}: repartition X and y"
            raise _params.refuse(self, "n_shards", why)
        return int(self.n_shards)

    def _first_dealing(self) -> Dealing | None:
        """Return how the fit that goes on has dealt its rows; None if it has held out no rows."""
        return getattr(self, "_dealing", None) if self.warm_start else None

    def _begin_shards(
        self, p: dict[str, Any], cluster: Cluster, parts: Sequence[Any], given: Any, callbacks: Any
    ) -> Begun:
        """Return the training that is asked for."""
        goes_on = hasattr(self, "coefs_") and bool(p["warm_start"])
        reader = self._local(categorical_features=self.categorical_features)
        numbers = [[*range(s, len(parts), cluster.n_shards)] for s in range(cluster.n_shards)]
        dealt = [[parts[k] for k in own] for own in numbers]
        scanned = cluster.load(scan_parts, dealt, reader, each=numbers)
        found = cluster.map(seen, scanned)
        scanned = [own for own, some in zip(scanned, found, strict=True) if some is not None]
        found = [own for own in found if own is not None]
        if not found:
            raise ValueError("X has no rows: all partitions are empty.")
        cluster.n_bytes = [own.n_bytes for own in found]
        whole = seen_of_all(found)
        self._check_features(whole, goes_on)
        schema = self._schema(whole.scan.columns, goes_on)
        target = self._target(p, whole.scan.y, goes_on, None, False)
        settled = self._settled(p, whole.scan, schema, target, given, MOST_HELD_ROWS, goes_on)
        self._dealing = self._first_dealing()
        if settled.settings.early_stopping and given[0] is None:
            now = Dealing(cluster.n_shards, len(parts), settled.totals.n_rows)
            self._dealing = continued(self, self._dealing, now)
        settled = self._settled_for_shards(settled, len(scanned))
        shards = self._shards(cluster, scanned, reader, schema, target, settled)
        return self._begun(settled, shards, schema, target, given, callbacks)

    def _settled_for_shards(self, settled: Settled, n_shards: int) -> Settled:
        """Return the settings for several shards: their learning rate and, for "auto", batches."""
        settings, chosen = scaled_rate(settled.settings, n_shards), dict(settled.chosen)
        if n_shards > 1 and "batch_size" in chosen and settled.start is None:
            chosen["batch_size"] = batch_of_shard(chosen["batch_size"], n_shards)
        if settings.solver is not None and "batch_size" in chosen:
            settings = replace(settings, batch_size=chosen["batch_size"])
        return settled._replace(settings=settings, chosen=chosen)

    def _check_features(self, whole: Seen, goes_on: bool) -> None:
        """Set the number and names of the columns; raise if they are not those of the first fit."""
        if goes_on:
            for name in whole.features:
                if not np.array_equal(getattr(self, name, None), whole.features[name]):
                    raise ValueError(
                        "warm_start: X must have the columns of the first fit, with their names."
                    )
        else:
            for name in FEATURES:  # an Array has no names, unlike the frame of an earlier fit
                vars(self).pop(name, None)
        vars(self).update(whole.features)

    def _shards(
        self,
        cluster: Cluster,
        scanned: Sequence[Any],
        reader: BaseMLP,
        schema: MergedSchema,
        target: Target,
        settled: Settled,
    ) -> Shards:
        """Return the rows, as they are read on the workers."""
        weigh: Any = weighing(settled.totals, settled.factors)
        if len(scanned) == 1:
            weights = {"class_weight": settled.p.get("class_weight")}
            weigh = WeighingAlone(reader, weights, target)
        rows = cluster.keep(read_rows, scanned, schema, target, weigh)
        cluster.release(scanned)
        counts = cluster.map(count_rows, rows)
        rows = [own for own, count in zip(rows, counts, strict=True) if count]
        counts = [count for count in counts if count]
        n_columns, every = len(schema.categorical), int(self.average_every)
        return Shards(cluster, rows, counts, n_columns, schema.levels, every)

    def to_local(self) -> Any:
        """Return the local estimator with the same parameters and the same fitted network.

        Returns
        -------
        estimator : MLPBackpropClassifier or MLPBackpropRegressor
            It needs neither Dask nor a client. Its predictions are those of this estimator, in
            every bit. A fit of it that goes on holds out other rows than several shards: pass
            X_val, or set early_stopping=False.
        """
        local = self._local()
        vars(local).clear()
        left_out = {*OWN, "_dealing"}
        vars(local).update({name: v for name, v in vars(self).items() if name not in left_out})
        return local

    def __sklearn_clone__(self) -> Self:
        shadow = copy(self)  # a client can be neither copied nor pickled: it is shared
        other = clone_parametrized(shadow)
        other.client = self.client
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}
