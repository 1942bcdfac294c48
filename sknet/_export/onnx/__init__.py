"""A fitted estimator as a graph of ONNX: one function for each part of it.

In the order of the data flow:

graph.py            adds nodes and constants to a graph
columns.py          the graph's inputs -> numbers, and codes of categories
encodings.py        ``ENCODINGS``: the columns of the network's input
network.py          ``ACTIVATIONS``, embeddings and dense layers: the raw output
outputs.py          ``LINKS``, scaling of the target, labels: what is predicted
converter.py        parser, shapes and converter, as skl2onnx calls them
files.py            the whole model, with an input for each column of X
"""
