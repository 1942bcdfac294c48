"""A cluster in this process, with two workers of a thread each; and one of two processes."""

import pytest


@pytest.fixture(scope="package")
def cluster():
    """A cluster in this process."""
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.LocalCluster(
        2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as own:
        yield own


@pytest.fixture
def client(cluster):
    """A client, which is Dask's current one; at the end, nothing is left on the cluster."""
    from distributed import Client

    with Client(cluster) as own:
        yield own
        assert not own.futures
        assert not tasks(own)


def tasks(client):
    """The tasks that the scheduler knows."""
    client.sync(_nothing)
    return client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))


async def _nothing():
    import asyncio

    await asyncio.sleep(0.05)
