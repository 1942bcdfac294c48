"""A cluster in this process, with two workers of a thread each; and one of two processes."""

import gc
from time import sleep

import pytest


@pytest.fixture(scope="package")
def cluster():
    """A cluster in this process."""
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as own:
        yield own


@pytest.fixture
def client(cluster):
    """A client, which is Dask's current one; at the end, nothing is left on the cluster."""
    from distributed import Client

    with Client(cluster) as own:
        yield own
        assert not tasks(own)
        assert not own.futures


def tasks(client, seconds=5.0):
    """The tasks that the scheduler still knows after some seconds: it forgets them with delay."""
    for _ in range(int(seconds / 0.05)):
        gc.collect()  # futures of Dask's own, which are in cycles
        found = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
        if not found:
            break
        sleep(0.05)
    return found
