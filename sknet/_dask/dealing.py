"""How a fit deals rows to shards, which decides what it holds out: a fit that goes on repeats it.

Nothing of Dask is imported here.
"""

from typing import Any, NamedTuple

from sknet import _params


class Dealing(NamedTuple):
    """How the rows of a fit that holds some out are dealt."""

    n_shards: int
    n_parts: int
    n_rows: int


def continued(estimator: Any, first: Dealing | None, now: Dealing) -> Dealing:
    """Return the dealing to repeat by later fits; raise if the hold-out would be another.

    `first` is that of the fit from which training continues; None if it has held out no rows.
    """
    if first is None:
        return now
    others = "rows would be held out that it has trained on"
    advice = "pass X_val, or set early_stopping=False"
    if now.n_shards != first.n_shards:
        n = first.n_shards
        more = f" and repartition X and y into {n} partitions or more" if now.n_parts < n else ""
        raise _params.refuse(
            estimator,
            "n_shards",
            f"must be {n}, as in the first fit, if warm_start continues it and rows are held out:"
            f" else {others}. Set n_shards={n}{more}, {advice}",
        )
    if first.n_shards > 1 and now.n_rows == first.n_rows and now.n_parts != first.n_parts:
        raise ValueError(
            f"warm_start: X has {now.n_parts} partitions, and had {first.n_parts} in the first fit:"
            f" {others}. Repartition X and y as in the first fit, {advice}."
        )
    return first
