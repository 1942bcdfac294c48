"""The layers, one kind per file.

==============  ==================================================================================
base.py         Layer: the base class, with all that the engine asks a layer
dense.py        Dense: a matrix product, a bias and an activation
dropout.py      Dropout: drops units at random, in training only
embedding.py    Embedding: a row of E for each categorical column
sparse_rows.py  SparseRows: a batch of sparse rows and its products
==============  ==================================================================================
"""

from sknet._engine.layers.base import Layer
from sknet._engine.layers.dense import Dense
from sknet._engine.layers.dropout import Dropout
from sknet._engine.layers.embedding import Embedding
from sknet._engine.layers.sparse_rows import SparseRows

__all__ = ["Dense", "Dropout", "Embedding", "Layer", "SparseRows"]
