"""Dask collections -> parts: a delayed ``(X, y)``, or with weights, for each partition."""

from collections.abc import Sequence
from typing import Any

import dask
import numpy as np
from dask.delayed import Delayed
from scipy.sparse import issparse, vstack

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
    # of the type: a Delayed has every attribute, and a Bag has map_partitions
    return dask.is_dask_collection(values) and hasattr(type(values), "divisions")


def is_dask_array(values: Any) -> bool:
    """Whether the values are an Array of Dask."""
    return dask.is_dask_collection(values) and hasattr(type(values), "map_blocks")


def is_bag(values: Any) -> bool:
    """Whether the values are a Bag of Dask."""
    return dask.is_dask_collection(values) and hasattr(type(values), "foldby")


def computed(name: str, values: Any, client: Any) -> Any:
    """Return the rows of a collection, computed by the client; anything else unchanged."""
    _refuse_bag(name, values)
    if is_delayed_list(values):
        return _joined(compute(list(values), client))
    return compute(values, client) if is_lazy(values) else values


def compute(values: Any, client: Any) -> Any:
    """Compute a collection or a list, by the client if it can be used, or as Dask does by default.

    A client that is not Dask's default knows of rows that no other one knows.
    """
    usable = client is not None and client.status == "running" and not client.asynchronous
    return dask.compute(values, scheduler=client.get if usable else None)[0]


def _joined(parts: Sequence[Any]) -> Any:
    """Return the rows of computed parts."""
    parts = [own for own in parts if n_rows(own)] or parts[:1]
    if all(hasattr(own, "iloc") for own in parts):
        import pandas as pd

        return pd.concat(parts)
    if any(map(issparse, parts)):
        return vstack(parts).tocsr()
    is_masked = any(isinstance(own, np.ma.MaskedArray) for own in parts)
    return np.ma.concatenate(parts) if is_masked else np.concatenate(parts)


def _refuse_bag(name: str, values: Any) -> None:
    if is_bag(values):
        raise TypeError(
            f"{name} is a Bag of Dask, which is not taken: pass {TAKEN}, such as"
            f" {name}.to_dataframe()."
        )


def n_rows(values: Any) -> int:
    """Return the rows of a part."""
    return values.shape[0] if hasattr(values, "shape") else len(values)


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
        _require_equal(counts, are_frames=True)
        return _packed_frames(list(given.values()))
    columns = {name: _delayed(name, values) for name, values in given.items()}
    _require_equal({name: len(parts) for name, parts in columns.items()}, are_frames=False)
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
    if isinstance(values, Delayed):
        raise TypeError(f"{name} is a single Delayed: pass a list, [{name}], of one or several.")
    _refuse_bag(name, values)
    kind, package = type(values).__name__, type(values).__module__.partition(".")[0]
    raise TypeError(
        f"{name} must be {TAKEN}, got {kind} of {package}. Rows in memory are fitted by to_local(),"
        " or made a collection with the partitions of the others, such as"
        " dask.array.from_array(values, chunks=...)."
    )


def _require_equal(counts: dict[str, int], *, are_frames: bool) -> None:
    if len(set(counts.values())) > 1:
        words = ", ".join(f"{name} has {count}" for name, count in counts.items())
        of_one = (
            ""
            if are_frames
            else " If they come from one source, such as parquet files, pass all of them as frames,"
            " not as arrays or Delayed, whose partitions Dask has chosen for each alone."
        )
        raise ValueError(
            f"The numbers of partitions differ: {words}. Repartition or rechunk them alike before"
            f" they are passed.{of_one}"
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
