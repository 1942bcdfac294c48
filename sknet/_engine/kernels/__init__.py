"""The numba twins of what a training step does element by element, and of a whole epoch.

Imported by ``compiled`` alone, for a fit that is long enough to be worth the import of numba.

===============  ===========================================================================
records.py       what the kernels are told, in named tuples; the tables of twins
compiling.py     how functions are compiled
vector_math.py   exp, tanh and log(1 + x) that the compiler turns into vector instructions
activations.py   bias, activation and slope
losses.py        the loss of each row, and delta
directions.py    sgd, adam, rmsprop: a step of some parameters
layers.py        dense, dropout, embedding: forward and backward
steps.py         loss_grad, update, run_epoch: what Python calls
===============  ===========================================================================

A new activation, loss or direction is a scalar function (a loop) and a row of the table in its
file, and a row of the table in ``records``; a new kind of layer is a forward and a backward
function, a branch of each in ``layers``, and a row of ``LAYERS``. The part itself names its twin by
``twin``. Only what a fit uses is compiled: see ``Choice``.
"""

from sknet._engine.kernels.compiling import Choice, before_compiling
from sknet._engine.kernels.records import (
    ACTIVATIONS,
    DIRECTIONS,
    LAYER,
    LAYERS,
    LOSSES,
    Data,
    Lazy,
    LossTwin,
    Memory,
    Program,
    Rule,
    Segments,
)
from sknet._engine.kernels.steps import CACHE_PATH, loss_grad, run_epoch, update

__all__ = [
    "ACTIVATIONS",
    "CACHE_PATH",
    "DIRECTIONS",
    "LAYER",
    "LAYERS",
    "LOSSES",
    "Choice",
    "Data",
    "Lazy",
    "LossTwin",
    "Memory",
    "Program",
    "Rule",
    "Segments",
    "before_compiling",
    "loss_grad",
    "run_epoch",
    "update",
]
