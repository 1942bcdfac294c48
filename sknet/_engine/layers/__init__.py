"""The layers, one kind per file.

===================  ===============================================================================
base.py              Layer: the base class, with all that the engine asks a layer
dense.py             Dense: a matrix product, a bias and an activation
dropout.py           Dropout: drops units at random, in training only
embedding.py         Embedding: a row of E for each categorical column
level_dropout.py     LevelDropout: unknown levels at random, in training only
periodic.py          Periodic: cosines of each number, of learned frequencies
piecewise_linear.py  PiecewiseLinear: the position of a number in each of its bins
rows.py              Rows: a batch that is no array, and forms its own products
scaled_dense.py      ScaledDense: a dense layer with a factor for each input
sparse_rows.py       SparseRows: a batch of sparse rows and its products
spline_rows.py       SplineRows: a batch with piecewise-linear codes that are looked up
===================  ===============================================================================
"""

from sknet._engine.layers.base import Layer
from sknet._engine.layers.dense import Dense
from sknet._engine.layers.dropout import Dropout
from sknet._engine.layers.embedding import Embedding
from sknet._engine.layers.level_dropout import LevelDropout
from sknet._engine.layers.periodic import Periodic
from sknet._engine.layers.piecewise_linear import PiecewiseLinear
from sknet._engine.layers.scaled_dense import ScaledDense
from sknet._engine.layers.sparse_rows import SparseRows

__all__ = [
    "Dense",
    "Dropout",
    "Embedding",
    "Layer",
    "LevelDropout",
    "Periodic",
    "PiecewiseLinear",
    "ScaledDense",
    "SparseRows",
]
