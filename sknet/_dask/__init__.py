"""Fits on Dask clusters. Scheduling, transport and recovery are Dask's own.

==============  ========================================================
collections.py  Dask collections -> parts: delayed (X, y, sample_weight)
cluster.py      functions called on shards, on the workers of a client
dealing.py      how rows are dealt: fits that go on repeat it
reading.py      the parts of a shard -> rows, on a worker
fit.py          fit: what happens on the client
prediction.py   lazy predictions
docs.py         the docstrings of the two classes
==============  ========================================================
"""
