"""The docstrings of the two classes: those of the local ones, and what is different."""

from collections.abc import Callable
from inspect import cleandoc
from textwrap import indent
from typing import TypeVar

T = TypeVar("T", bound=type)

PARAMETERS = """
client : distributed.Client, default=None
    Whose workers are used. None is the current client of Dask. Neither a copy nor a pickle of the
    estimator has it; `sklearn.base.clone` shares it.

n_shards : int, default=None
    Shards into which the rows are divided, at most the number of partitions. Each is trained on by
    a thread of a worker; partition k belongs to shard ``k % n_shards``. With 1, the fit is that of
    the local estimator. None is the number of threads, of partitions, or 32: the least. More shards
    are faster, and a little less accurate for equal epochs. If `warm_start` continues a fit that
    has held out rows, None is the number of that fit, and another one is an error.

average_every : int, default=100
    Steps that each shard takes by itself, at most, before parameters are averaged; there are at
    least four averages an epoch. Has no effect with solver='lbfgs', whose sums are exact, and with
    a single shard. Fewer steps are more accurate and slower: each average takes some hundredths of
    a second.
"""

NOTES = """
`fit` takes collections of Dask, and predictions of collections are lazy collections. Other methods,
and predictions of rows in memory, are those of the local estimator, {local}.

Solver 'lbfgs' adds up loss and gradient over the shards. The other solvers take local steps, and
average parameters and the state of the solver (Stich 2019). What they have moved of the embeddings
of rare levels is added up. `batch_size` is that of a shard; 'auto' divides that of the local
estimator by the number of shards, down to 64. The learning rate is `learning_rate_init` times the
number of shards; with solvers of the kind of 'adam', up to 0.02. A callable `learning_rate` is used
as it is.

{notes}
"""

EXAMPLES = """
>>> import dask.array as da
>>> from distributed import Client
>>> from sknet.dask import Dask{local}
>>> X = da.random.default_rng(0).normal(size=(4000, 3), chunks=(1000, 3))
>>> with Client(processes=False, n_workers=2, dashboard_address=":0"):
...     model = Dask{local}((32,), random_state=0).fit(X, {y})
...     print(model.score(X, {y}) > 0.9)
True
"""


def documented_by(local: type, y: str) -> Callable[[T], T]:
    """Return a decorator that writes the docstring of a class; `y` is the target of its example."""
    doc = cleandoc(local.__doc__ or "")
    _, parameters = doc.split("Parameters\n----------\n")
    parameters, rest = parameters.split("\nAttributes\n----------\n")
    before, notes = rest.split("\nNotes\n-----\n")
    notes, references = notes.split("\nReferences\n----------\n")
    references, _ = references.split("\nExamples\n--------\n")
    number = references.count(".. [") + 1
    attributes, _ = before.split("\nSee Also\n--------\n")

    def decorate(cls: T) -> T:
        own = [
            cleandoc(cls.__doc__ or ""),
            f"Parameters\n----------\n{parameters.strip()}\n\n{PARAMETERS.strip()}",
            f"Attributes\n----------\n{attributes.strip()}",
            f"See Also\n--------\nsknet.{local.__name__} : The same for rows in memory.",
            "Notes\n-----\n" + NOTES.strip().format(local=local.__name__, notes=notes.strip()),
            f"References\n----------\n{references.strip()}\n"
            f'.. [{number}] Stich, "Local SGD converges fast and communicates little", ICLR 2019.',
            "Examples\n--------\n" + EXAMPLES.strip().format(local=local.__name__, y=y),
        ]
        cls.__doc__ = indent("\n\n".join(own), "    ").strip() + "\n"
        return cls

    return decorate
