"""Memory and time of ``fit_batches`` on parquet files, beside ``fit`` on the same rows.

``python tests/benchmarks/compare_streaming.py`` writes files of normal numbers (20 columns) to
``--folder``, fits the default regressor for ``--epochs`` in a process of its own each, and prints
rows, peak memory above that of the process before the fit, seconds of the passes before the first
epoch and of an epoch, rows a second of an epoch, and R2 on 50,000 more rows. ``--rows 1e6 20e6``
says how many rows; `fit` runs up to ``--fit-rows``, with the reading of its file. ``--buffers``
says how many rows the buffers hold. ``--epochs`` counts too. One BLAS thread. ``--rst FILE`` writes
the table there too.
"""

import argparse
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from _machine import environment
from _measure import Table, environment_variable, in_fresh_process

N_COLUMNS, GROUP_ROWS = 20, 500_000
#: Seconds between two looks at the memory.
LOOKS = 0.01


def rows(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_COLUMNS))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + np.abs(X[:, 3])
    return X, y + rng.normal(0, 0.3, n_rows)


def write(path: Path, n_rows: int) -> None:
    """Write a file, group by group."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    writer = None
    for start in range(0, n_rows, GROUP_ROWS):
        X, y = rows(min(GROUP_ROWS, n_rows - start), start)
        table = pa.table({**{f"x{k}": x for k, x in enumerate(X.T)}, "y": y})
        writer = writer or ParquetWriter(path.with_suffix(".part"), table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    path.with_suffix(".part").rename(path)


class Peak:
    """The peak memory of this process above that at the beginning, in bytes."""

    def __init__(self) -> None:
        from psutil import Process

        self._process = Process()
        self._start = self._peak = self._process.memory_info().rss
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._peak = max(self._peak, self._process.memory_info().rss)
            time.sleep(LOOKS)

    def above_start(self) -> int:
        return self._peak - self._start


def measure(path: Path, buffer_rows: int, epochs: int) -> dict[str, Any]:
    """Fit in this process, by batches or, with a buffer of 0 rows, in memory."""
    import pandas as pd
    import pyarrow.parquet as pq  # noqa: F401

    from sknet import MLPBackpropRegressor
    from sknet.streaming import parquet_batches

    warnings.simplefilter("ignore")
    model = MLPBackpropRegressor(max_iter=epochs, random_state=0)
    peak, begun = Peak(), time.perf_counter()
    passes: list[float] = []
    if buffer_rows:
        batches = parquet_batches(path, y="y")

        def timed() -> Any:
            passes.append(time.perf_counter())
            return batches()

        model.fit_batches(timed, buffer_rows=buffer_rows)
        first = passes[-epochs]
    else:
        frame = pd.read_parquet(path)
        first = time.perf_counter()
        model.fit(frame.drop(columns="y"), frame["y"])
    seconds = time.perf_counter() - begun
    memory = peak.above_start()
    X, y = rows(50_000, -1 % 2**32)
    names = [f"x{k}" for k in range(N_COLUMNS)]
    score = model.score(pd.DataFrame(X, columns=names), y)
    an_epoch = (begun + seconds - first) / model.n_iter_
    return {
        "memory": memory, "before": first - begun, "epoch": an_epoch, "seconds": seconds,
        "passes": len(passes) - epochs if passes else 0, "score": score,
        "rows": model.t_ / model.n_iter_,
    }  # fmt: skip


def in_a_process(*arguments: Any) -> dict[str, Any]:
    """Return what `measure` returns in a new process with one BLAS thread."""
    folder = str(Path(__file__).parent)
    code = (
        f"import sys; sys.path.insert(0, {folder!r})\n"
        "import json; from pathlib import Path; from compare_streaming import measure\n"
        f"print(json.dumps(measure(Path({str(arguments[0])!r}), *{arguments[1:]!r})))"
    )
    with environment_variable("OPENBLAS_NUM_THREADS", "1"):
        return in_fresh_process(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=float, nargs="+", default=[1e6, 20e6])
    parser.add_argument("--fit-rows", type=float, default=1e6, help="fit runs up to these rows")
    parser.add_argument("--buffers", type=float, nargs="+", default=[50_000, 200_000])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("benchmark_streams"))
    parser.add_argument("--rst", type=Path, help="also write the table there")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    table = Table(
        "fit and fit_batches",
        ["rows", "how", "peak MB", "seconds before", "seconds an epoch", "rows a second", "R2"],
    )
    for n_rows in map(int, options.rows):
        path = options.folder / f"{n_rows}.parquet"
        if not path.exists():
            write(path, n_rows)
        for buffer_rows in [0] * (n_rows <= options.fit_rows) + [int(b) for b in options.buffers]:
            found = in_a_process(path.resolve(), buffer_rows, options.epochs)
            how = f"fit_batches, buffer {buffer_rows:,}" if buffer_rows else "fit"
            table.rows.append([
                f"{n_rows:,}", how, f"{found['memory'] / 1e6:.0f}", f"{found['before']:.1f}",
                f"{found['epoch']:.1f}", f"{found['rows'] / found['epoch']:,.0f}",
                f"{found['score']:.3f}",
            ])  # fmt: skip
            print(*table.rows[-1], sep="  ", flush=True)
    print(environment())
    print(table.text())
    if options.rst:
        head = ".. Written by tests/benchmarks/compare_streaming.py --rst; do not edit.\n\n"
        options.rst.write_text(head + table.rst().rstrip() + "\n")


if __name__ == "__main__":
    main()
