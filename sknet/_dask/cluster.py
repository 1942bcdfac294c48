"""Functions called on shards, on the workers of a Dask client."""

import contextlib
from collections.abc import Iterator, Sequence
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import dask
import dask.sizeof
import distributed
from distributed.client import FutureCancelledError

#: Seconds after which a fit gives up, if there is no worker in all this time. A worker that a nanny
#: starts again is back within a few.
SECONDS_WITHOUT_WORKERS = 30.0
#: Seconds in which a worker must be there when a fit begins; an adaptive cluster starts it then.
SECONDS_TO_BEGIN = 30.0
#: Seconds between two looks at whether there are workers.
SECONDS_BETWEEN_LOOKS = 2.0
#: Seconds between two counts of the workers, where there are none.
SECONDS_BETWEEN_COUNTS = 0.2
#: Bytes up to which an argument is sent within each task.
SMALL_BYTES = 1 << 16
MEMORY_ADVICE = (
    "Lower n_shards or raise the number of partitions, so that a shard has fewer rows, or give the"
    " workers more memory (memory_limit)."
)


class ClusterError(RuntimeError):
    """A fit could not go on because of the cluster: workers, memory, versions, connection."""


def client_of(client: Any) -> distributed.Client:
    """Return the client to use, by default the current one of Dask; raise if it cannot be used."""
    if client is None:
        try:
            client = distributed.default_client()
        except ValueError:
            raise ValueError(
                "There is no Dask client. Make one first, Client() or Client(address), or pass it"
                " as client."
            ) from None
    if client.asynchronous:
        raise ValueError(
            "client is asynchronous, which fit does not support: make it without asynchronous=True."
        )
    if client.status != "running":
        raise ClusterError(f"client is {client.status}, not running: connect it again.")
    with contextlib.suppress(ValueError):
        distributed.get_worker()
        raise ClusterError(
            "fit was called within a task of a worker, which would wait for other tasks. Call it on"
            " the client, or fit to_local() within the task."
        )
    return client


def require_workers(client: distributed.Client) -> int:
    """Return the number of threads of all workers; raise if there is none for some seconds."""
    if threads := client.nthreads():
        return sum(threads.values())
    # an adaptive cluster that has no workers starts some only for a task
    started, task = monotonic(), client.submit(int, pure=False)
    try:
        while not (threads := client.nthreads()):
            if monotonic() - started > SECONDS_TO_BEGIN:
                raise ClusterError(
                    f"The cluster has no workers, and none has come within {SECONDS_TO_BEGIN:g} s."
                    " Start some, or wait for them: client.wait_for_workers(1). If they start more"
                    " slowly on an adaptive cluster, let it keep one: cluster.adapt(minimum=1)."
                )
            sleep(SECONDS_BETWEEN_COUNTS)
    finally:
        task.release()
    return sum(threads.values())


class Cluster:
    """Calls functions on the shards, as a `Runner`. At its end, nothing is left on the cluster.

    Where a shard is, is the scheduler's choice, which balances and repairs. Tasks that may only, or
    should, run on some workers would wait for ever once all workers have been lost and others have
    come.

    Parameters
    ----------
    client : Client
    n_shards : int
    """

    def __init__(self, client: distributed.Client, n_shards: int) -> None:
        self.client, self.n_shards = client, n_shards
        self._token, self._n_calls = uuid4().hex, 0
        self._futures: dict[str, distributed.Future] = {}
        #: Bytes of the shards, as far as they are known, for messages.
        self.n_bytes: list[int] = []

    def require_version(self) -> None:
        """Raise if a worker has another version of this package, or none."""
        from sknet import __version__

        try:
            versions = self.client.run(lambda: __import__("sknet").__version__)
        except ModuleNotFoundError as error:
            raise ClusterError(
                f"The workers cannot import sknet ({error}). Install sknet {__version__} on all of"
                " them."
            ) from error
        others = sorted({own for own in versions.values() if own != __version__})
        if others:
            where = [address for address, own in versions.items() if own != __version__]
            raise ClusterError(
                f"Workers have sknet {', '.join(others)}, the client has {__version__}:"
                f" {', '.join(where[:3])}. Install one version everywhere."
            )

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        futures, self._futures = list(self._futures.values()), {}
        if futures and self.client.status == "running":
            self.client.cancel(futures)

    # ------------------------------------------------------------ as a Runner

    def load(
        self, function: Any, shards: Sequence[list[Any]], *common: Any, each: Sequence[Any]
    ) -> list[Any]:
        """Return a handle of ``function(parts, *common, own)`` of each shard, of delayed parts."""
        call = dask.delayed(function, pure=False)
        delayed = [
            call(parts, *common, own, dask_key_name=self._key(function, s))
            for s, (parts, own) in enumerate(zip(shards, each, strict=True))
        ]
        with large_graphs():
            futures = self.client.compute(delayed, optimize_graph=False)
        return self._waited(futures)

    def keep(
        self, function: Any, shards: Sequence[Any], *common: Any, each: Any = None
    ) -> list[Any]:
        """Return a handle of each result, which stays on a worker."""
        return self._waited(self._submitted(function, shards, common, each))

    def map(
        self, function: Any, shards: Sequence[Any], *common: Any, each: Any = None
    ) -> list[Any]:
        """Return the result of each shard."""
        futures = self._submitted(function, shards, common, each)
        try:
            return self._patiently(self.client._gather, futures, errors="raise")
        finally:
            self.release(futures)

    def shared(self, value: Any) -> distributed.Future:
        """Return a handle of a value that is sent only once to a worker."""
        key = self._key(same, 0)
        with large_graphs():
            future = self.client.submit(same, value, key=key, pure=False)
        self._futures[key] = future
        return future

    def release(self, handles: Sequence[Any]) -> None:
        """Forget results."""
        for handle in handles:
            if isinstance(handle, distributed.Future):
                self._futures.pop(handle.key, None)
                handle.release()

    # ------------------------------------------------------------ tasks

    def _key(self, function: Any, shard: int) -> str:
        self._n_calls += 1
        return f"sknet_{function.__name__}-{self._token}-{self._n_calls}-{shard}"

    def _submitted(
        self, function: Any, shards: Sequence[Any], common: Any, each: Any
    ) -> list[distributed.Future]:
        """Return the futures of a call on each shard."""
        sent = [self.shared(own) if is_large(own) else own for own in common]
        own = [()] * len(shards) if each is None else [(value,) for value in each]
        futures = []
        with large_graphs():
            for s, (shard, last) in enumerate(zip(shards, own, strict=True)):
                key = self._key(function, s)
                future = self.client.submit(function, shard, *sent, *last, key=key, pure=False)
                self._futures[key] = future
                futures.append(future)
        # the scheduler keeps what tasks depend on
        self.release([own for own, given in zip(sent, common, strict=True) if own is not given])
        return futures

    def _waited(self, futures: Sequence[distributed.Future]) -> list[distributed.Future]:
        """Return the futures, when all have a result."""
        for future in futures:
            self._futures[future.key] = future
        self._patiently(wait_for, list(futures), client=self.client)
        return list(futures)

    def _patiently(self, function: Any, *args: Any, **more: Any) -> Any:
        """Return the result of a coroutine of the client; raise if the cluster cannot give it."""
        seconds, last_seen = SECONDS_BETWEEN_LOOKS, monotonic()
        with self._in_words():
            while True:
                try:
                    return self.client.sync(function, *args, callback_timeout=seconds, **more)
                except TimeoutError:
                    if any(future.status == "error" for future in args[0]):
                        raise  # it is that of a task
                    seconds *= 2.0
                while not self.client.nthreads():
                    seconds = SECONDS_BETWEEN_LOOKS
                    if monotonic() - last_seen > SECONDS_WITHOUT_WORKERS:
                        raise ClusterError(
                            "The cluster has lost all of its workers, and none has come back within"
                            f" {SECONDS_WITHOUT_WORKERS:g} s. Start workers, then fit again."
                        )
                    sleep(SECONDS_BETWEEN_COUNTS)
                last_seen = monotonic()

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say what to do about errors of the cluster."""
        try:
            yield
        except distributed.KilledWorker as error:
            raise ClusterError(
                f"Workers were killed again and again at {self._shard_in_words(error)}, most likely"
                f" since their memory did not suffice ({error.last_worker}). {MEMORY_ADVICE}"
            ) from error
        except MemoryError as error:
            raise ClusterError(f"A worker has run out of memory. {MEMORY_ADVICE}") from error
        except (FutureCancelledError, distributed.CancelledError) as error:
            raise ClusterError(
                "The tasks of the fit were cancelled: the scheduler was closed or restarted, or the"
                " connection to it was lost. Connect again, then fit again."
            ) from error

    def _shard_in_words(self, error: Any) -> str:
        """Return which shard a task belongs to, and its size."""
        number = str(error.task).rpartition("-")[2]
        if not (str(error.task).startswith("sknet_") and number.isdigit()):
            return f"the task {error.task!r}, which makes the data"
        s = int(number)
        size = f" ({self.n_bytes[s]:,} bytes as read)" if s < len(self.n_bytes) else ""
        return f"shard {s + 1} of {self.n_shards}{size}"


def is_large(value: Any) -> bool:
    """Whether an argument is sent to each worker once, and not within each task."""
    return dask.sizeof.sizeof(value) > SMALL_BYTES


def same(value: Any) -> Any:
    """Return the value."""
    return value


async def wait_for(futures: list[distributed.Future], client: distributed.Client) -> None:
    """Wait until all futures have a result; raise what the first one that fails has raised."""
    waiting = futures
    while waiting:
        with client.as_current():
            ended, others = await distributed.wait(waiting, return_when="FIRST_COMPLETED")
        for future in ended:
            if future.status == "error":
                raise (await future.exception())
            if future.status != "finished":
                raise distributed.CancelledError(future.key)
        waiting = list(others)


def large_graphs() -> Any:
    """Return a context in which Dask does not warn of large arguments: parameters are needed."""
    return dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"})
