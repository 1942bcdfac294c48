"""Accuracy, overhead, speed and memory of fits on a Dask cluster of this machine.

``python tests/benchmarks/compare_dask.py`` needs the extras ``bench`` and ``dask``, and prints:

* accuracy: the score on test rows by shards 1, 4, 8 and 16 at equal epochs, and with the rows in
  order of the target; means over ``--seeds``, of three tables of at least 50,000 rows;
* overhead: seconds of a round and of the passes before the first epoch, by 2, 8 and 32 shards,
  which are threads of one process;
* speed: rows a second of an epoch of ``fit``, of ``fit_batches`` and of 2 processes;
* memory: of the two processes during training, beside the encoded rows that they hold.

``--only`` picks sections, ``--rst FILE`` writes the tables there too. One BLAS thread.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from _machine import environment
from _measure import Table
from compare_streaming import rows
from data import load
from distributed import Client, LocalCluster

from sknet import MLPBackpropRegressor
from sknet.dask import DaskMLPBackpropClassifier, DaskMLPBackpropRegressor

SHARDS = (1, 4, 8, 16)
N_TEST = 10_000


def cluster(n_workers: int, n_threads: int, processes: bool) -> LocalCluster:
    return LocalCluster(
        n_workers=n_workers, threads_per_worker=n_threads, processes=processes,
        dashboard_address=":0",
    )  # fmt: skip


# ------------------------------------------------------------------------------- accuracy


def made_up(n_rows: int = 70_000) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with gaps and two categories, and three classes that overlap."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n_rows, 12))).rename(columns=lambda k: f"x{k}")
    X["few"] = pd.Categorical(rng.choice(list("abcde"), n_rows))
    X["many"] = pd.Categorical(rng.choice([f"level {k}" for k in range(200)], n_rows))
    z = np.sin(2 * X["x0"]) + X["x1"] * X["x2"] + 0.7 * X["few"].cat.codes % 3
    z += np.random.default_rng(1).normal(size=200)[X["many"].cat.codes] + rng.normal(0, 0.8, n_rows)
    X.loc[rng.random(n_rows) < 0.1, "x0"] = np.nan
    return X, np.digitize(z, np.quantile(z, [0.4, 0.7]))


def tables() -> dict[str, tuple[Any, pd.DataFrame, np.ndarray]]:
    """The class, X and y of each table."""
    found: dict[str, Any] = {"made up": (DaskMLPBackpropClassifier, *made_up())}
    for name in ("diamonds", "insteval"):
        own = load(name)
        y = np.log(own.y.to_numpy(float)) if name == "diamonds" else own.y.to_numpy(float)
        found[name] = (DaskMLPBackpropRegressor, own.X, y)
    return found


def accuracy(seeds: int, epochs: int) -> Table:
    table = Table(
        "Score on test rows by shards, at equal epochs",
        ["table", "score", *(f"{n} shards" for n in SHARDS), "8, rows in order"],
    )
    with cluster(1, 2, False) as own, Client(own):
        for name, (cls, X, y) in tables().items():
            scores = {key: [] for key in (*SHARDS, "in order")}
            for seed in range(seeds):
                order = np.random.default_rng(seed).permutation(len(y))
                test, train = order[:N_TEST], order[N_TEST:]
                for key in scores:
                    own_rows, n_shards = train, key
                    if key == "in order":
                        own_rows, n_shards = train[np.argsort(y[train], kind="stable")], 8
                    frame = dd.from_pandas(X.iloc[own_rows].reset_index(drop=True), npartitions=48)
                    target = dd.from_pandas(pd.Series(y[own_rows]), npartitions=48)
                    model = cls(
                        n_shards=n_shards, max_iter=epochs, random_state=seed, early_stopping=False,
                        learning_rate="one_cycle",
                    ).fit(frame, target)  # fmt: skip
                    scores[key].append(model.to_local().score(X.iloc[test], y[test]))
            means = [f"{np.mean(own):.4f}" for own in scores.values()]
            kind = "accuracy" if cls is DaskMLPBackpropClassifier else "R2"
            table.rows.append([name, kind, *means])
            print(*table.rows[-1], sep="  ", flush=True)
    return table


# ------------------------------------------------------------------------------- overhead and speed


def overhead() -> Table:
    table = Table(
        "Seconds of a round and of the passes before, by shards in threads of one process",
        ["shards", "a round without steps", "passes before the first epoch"],
    )
    for n_shards in (2, 8, 32):
        with cluster(1, n_shards, False) as own, Client(own):
            X = da.random.default_rng(0).normal(size=(n_shards * 200, 20), chunks=(200, 20))
            y = X[:, 0] - X[:, 1]

            def seconds(epochs: int, X: Any = X, y: Any = y, n: int = n_shards) -> float:
                model = DaskMLPBackpropRegressor(
                    (16,), n_shards=n, batch_size=200, max_iter=epochs, early_stopping=False,
                    numeric_embedding=None, random_state=0,
                )  # fmt: skip
                return timed(lambda: model.fit(X, y))

            seconds(1)
            short, long = (min(seconds(epochs) for _ in range(3)) for epochs in (5, 35))
            a_round = (long - short) / 30
            table.rows.append([n_shards, f"{a_round:.3f}", f"{short - 5 * a_round:.2f}"])
            print(*table.rows[-1], sep="  ", flush=True)
    return table


def timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def partition(k: int, n_rows: int) -> pd.DataFrame:
    X, y = rows(n_rows, k)
    return pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])]).assign(y=y)


def frames(n_rows: int, n_parts: int) -> tuple[Any, Any]:
    """A collection whose partitions are made on the workers."""
    parts = [dask.delayed(partition)(k, n_rows // n_parts) for k in range(n_parts)]
    whole = dd.from_delayed(parts, meta=partition(0, 1).iloc[:0])
    return whole.drop(columns="y"), whole["y"]


def speed(n_rows: int) -> Table:
    """Rows a second of an epoch: the difference of fits of four epochs and of one."""
    table = Table(
        f"Rows a second of an epoch, {n_rows:,} rows of 20 columns", ["how", "rows a second"]
    )
    params = {"early_stopping": False, "random_state": 0}
    n_parts = 8

    def add(how: str, fit: Callable[[int], Any]) -> None:
        one, four = (timed(lambda epochs=epochs: fit(epochs)) for epochs in (1, 4))
        table.rows.append([how, f"{3 * n_rows / (four - one):,.0f}"])
        print(*table.rows[-1], sep="  ", flush=True)

    data = pd.concat([partition(k, n_rows // n_parts) for k in range(n_parts)], ignore_index=True)
    X, y = data.drop(columns="y"), data["y"]
    add("fit", lambda epochs: MLPBackpropRegressor(max_iter=epochs, **params).fit(X, y))

    def batches() -> Any:
        for k in range(0, n_rows, 50_000):
            yield X[k : k + 50_000], y[k : k + 50_000]

    add(
        "fit_batches, buffer 100,000",
        lambda epochs: MLPBackpropRegressor(max_iter=epochs, **params).fit_batches(
            batches, buffer_rows=100_000
        ),
    )
    with cluster(2, 1, True) as own, Client(own):
        lazy = frames(n_rows, n_parts)
        add(
            "sknet.dask, 2 processes",
            lambda epochs: DaskMLPBackpropRegressor(max_iter=epochs, **params).fit(*lazy),
        )
    return table


# ------------------------------------------------------------------------------- memory


def used() -> int:
    """The memory of this process, once what is free has been given back."""
    import ctypes
    import gc

    import psutil

    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return psutil.Process().memory_info().rss


def memory(n_rows: int) -> Table:
    from sknet._training import shards

    table = Table(
        f"Memory of two processes during training, {n_rows:,} rows of 20 columns",
        ["encoded rows, MB", "above the start, MB", "ratio"],
    )
    found: list[tuple[int, int]] = []
    with cluster(2, 1, True) as own, Client(own) as client:
        model = DaskMLPBackpropRegressor(max_iter=2, early_stopping=False, random_state=0)
        model.fit(*frames(4000, 4))  # imports all that a fit needs
        before = client.run(used)
        original = shards.Sharded.batches

        def look(self: Any, settings: Any, training: Any, *more: Any) -> Any:
            if self.n_rows > 4000:
                sizes = client.gather(client.map(size, self.kept, pure=False))
                after = client.run(used)
                found.append((sum(sizes), sum(after.values()) - sum(before.values())))
            return original(self, settings, training, *more)

        shards.Sharded.batches = look
        model.fit(*frames(n_rows, 16))
        shards.Sharded.batches = original
    encoded, above = found[0]
    table.rows.append([f"{encoded / 1e6:.0f}", f"{above / 1e6:.0f}", f"{above / encoded:.2f}"])
    print(*table.rows[-1], sep="  ", flush=True)
    return table


def size(shard: Any) -> int:
    return shard.__sizeof__()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=["accuracy", "overhead", "speed", "memory"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=float, default=400_000, help="of speed and memory")
    parser.add_argument("--rst", type=Path, help="also write the tables there")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    makers = {
        "accuracy": lambda: accuracy(options.seeds, options.epochs), "overhead": overhead,
        "speed": lambda: speed(int(options.rows)), "memory": lambda: memory(int(options.rows)),
    }  # fmt: skip
    made = [makers[name]() for name in options.only]
    print(environment())
    print("\n".join(table.text() for table in made))
    if options.rst:
        head = ".. Written by tests/benchmarks/compare_dask.py --rst; do not edit.\n\n"
        options.rst.write_text(head + "\n".join(table.rst() for table in made).rstrip() + "\n")


if __name__ == "__main__":
    main()
