"""Dask collections -> parts: a delayed ``(X, y)``, or with weights, for each partition."""

from collections.abc import Sequence
from typing import Any

import dask
from dask.delayed import Delayed

#: What `fit` takes, for messages.
TAKEN = "a Dask DataFrame, a Dask Array, or a list of Delayed"


def is_lazy(values: Any) -> bool:
    """Whether the values are a collection of Dask, or a list of Delayed."""
    return is_delayed_list(values) or dask.is_dask_collection(values)


def is_delayed_list(values: Any) -> bool:
    """Whether the values are a list of Delayed."""
    is_list = isinstance(values, (list, tuple)) and len(values) > 0
    return is_list and all(isinstance(own, Delayed) for own in values)


def is_dask_frame(values: Any) -> bool:
    """Whether the values are a DataFrame or a Series of Dask."""
    return dask.is_dask_collection(values) and hasattr(values, "map_partitions")


def is_dask_array(values: Any) -> bool:
    """Whether the values are an Array of Dask."""
    return dask.is_dask_collection(values) and hasattr(values, "map_blocks")


def computed(values: Any) -> Any:
    """Return the rows of a collection; anything else unchanged."""
    return dask.compute(values)[0] if is_dask_frame(values) or is_dask_array(values) else values


def parts_of(X: Any, y: Any, sample_weight: Any) -> list[Delayed]:
    """Return the delayed parts.

    Raises
    ------
    TypeError
        If one of the three is not a collection of Dask.
    ValueError
        If they have different numbers of partitions.
    """
    given = {"X": X, "y": y} | ({} if sample_weight is None else {"sample_weight": sample_weight})
    for name, values in given.items():
        require_lazy(name, values)
    if all(map(is_dask_frame, given.values())):
        counts = {name: values.npartitions for name, values in given.items()}
        _require_equal(counts)
        return _packed_frames(list(given.values()))
    columns = {name: _delayed(name, values) for name, values in given.items()}
    _require_equal({name: len(parts) for name, parts in columns.items()})
    return [dask.delayed(_tuple)(*parts) for parts in zip(*columns.values(), strict=True)]


def _tuple(*parts: Any) -> tuple[Any, ...]:
    return parts


def _packed_frames(frames: Sequence[Any]) -> list[Delayed]:
    """Return the partitions of frames, paired by Dask itself.

    Frames of one source are optimised in different ways, so that their own partitions need not
    pair: a file that is read for three columns may be cut in another way than for one.
    """
    import dask.dataframe as dd

    packed = dd.map_partitions(
        _tuple, *frames, align_dataframes=False, enforce_metadata=False, meta=("part", object)
    )
    return packed.to_delayed()


def require_lazy(name: str, values: Any) -> None:
    """Raise if the values are no collection that is taken."""
    if is_delayed_list(values) or is_dask_array(values):
        return
    if is_dask_frame(values):
        if name == "X" and len(values.shape) != 2:
            raise ValueError("X is a Series of Dask: pass a DataFrame, X.to_frame().")
        return
    kind, package = type(values).__name__, type(values).__module__.partition(".")[0]
    raise TypeError(
        f"{name} must be {TAKEN}, got {kind} of {package}. Rows in memory are fitted by to_local(),"
        " or made a collection with the partitions of the others, such as"
        " dask.array.from_array(values, chunks=...)."
    )


def _require_equal(counts: dict[str, int]) -> None:
    if len(set(counts.values())) > 1:
        words = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(
            f"The numbers of partitions differ: {words}. Repartition or rechunk them alike before"
            " they are passed."
        )


def require_dimensions(name: str, values: Any) -> None:
    """Raise if an Array has other dimensions than X, or than y and weights."""
    if values.ndim not in ((2,) if name == "X" else (1, 2)):
        raise ValueError(
            f"{name} must have {'2' if name == 'X' else '1 or 2'} dimensions, got {values.ndim}."
        )


def _delayed(name: str, values: Any) -> list[Delayed]:
    """Return the partitions of one collection."""
    if is_delayed_list(values):
        return list(values)
    if is_dask_frame(values):
        return values.to_delayed(optimize_graph=False)
    require_dimensions(name, values)
    if values.ndim == 2:
        values = values.rechunk({1: -1})
    return values.to_delayed(optimize_graph=False).reshape(-1).tolist()
