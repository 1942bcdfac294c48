"""Layers: a forward and a backward pass of each kind, and of all layers of a program.

Functions that are called for each layer get arrays, not the named tuples that hold them: passing a
tuple counts the references of all its arrays, which took 3 us of a step of 25 us (32 rows).
"""

import numpy as np
from numba.types import none

from sknet._engine.kernels.activations import (
    activate,
    activate_backward,
    identity,
    identity_backward,
)
from sknet._engine.kernels.compiling import by_type, inlined, nothing, piece
from sknet._engine.kernels.records import ACTIVATIONS, DENSE, DROPOUT


@piece
def matrix(a, start, n_rows, n_columns):
    """Return the view of flat `a` from `start` on as (n_rows, n_columns)."""
    return a[start : start + n_rows * n_columns].reshape(n_rows, n_columns)


@piece
def slopes_in(activation, layer, A, slopes):
    return matrix(slopes, A.shape[0] * layer.slopes, A.shape[0], A.shape[1])


@piece
def stand_in(activation, layer, A, slopes):
    return A


#: ``slopes_of(activation, layer, A, slopes)``: the memory of the slopes of a curved activation.
slopes_of = by_type(
    lambda activation, *_: (
        slopes_in if any(ACTIVATIONS[name] for name in activation.names) else stand_in
    )
)


@piece
def dense_forward(activation, layer, theta, A, out, slopes):
    np.dot(A, matrix(theta, layer.W, layer.n_in, layer.n_out), out)
    b = theta[layer.b : layer.b + layer.n_out]
    place = layer.activation
    if place < 0:
        identity(activation, place, out, b, out)
    else:
        activate(activation, place, out, b, slopes_of(activation, layer, out, slopes))


@piece
def dense_backward(activation, layer, g, A, out, delta, slopes):
    db = g[layer.b : layer.b + layer.n_out]
    place = layer.activation
    if place < 0:
        identity_backward(activation, place, delta, out, out, db)
    else:
        own = slopes_of(activation, layer, out, slopes)
        activate_backward(activation, place, delta, out, own, db)
    np.dot(A.T, delta, matrix(g, layer.W, layer.n_in, layer.n_out))


@piece
def dense_input_gradient(layer, theta, delta, dA):
    """Return dX, in the memory `dA`."""
    dX = matrix(dA, delta.shape[0] * layer.dX, delta.shape[0], layer.n_in)
    np.dot(delta, matrix(theta, layer.W, layer.n_in, layer.n_out).T, dX)
    return dX


@piece
def masked(A, mask, out):
    """``out <- A * mask``; `out` may be `A`."""
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            out[i, j] = A[i, j] * mask[i, j]


@piece
def look_up_rows(A, E, out, lazy):
    """Write the numbers of A, and the rows of E for its codes, to `out`.

    Each row of E is gathered once, with a gradient of zero.
    """
    first, dim, n_held, rows = lazy.first, lazy.dim, lazy.n_held, lazy.rows
    places, gathered, q, n = lazy.places, lazy.gathered, lazy.first.size, 0
    n_numeric = A.shape[1] - q
    for k in range(n_held[0]):
        places[rows[k]] = -1
    for i in range(A.shape[0]):
        for j in range(n_numeric):
            out[i, j] = A[i, j]
        for j in range(q):
            r = first[j] + int(A[i, n_numeric + j])
            if places[r] < 0:
                places[r], rows[n] = n, r
                for c in range(dim):
                    gathered[0, n * dim + c] = E[r * dim + c]
                    gathered[1, n * dim + c] = 0
                n += 1
            for c in range(dim):
                out[i, n_numeric + j * dim + c] = E[r * dim + c]
    n_held[0] = n


@piece
def add_up_rows(A, dA, lazy):
    """Add dA, the gradient of the output of ``look_up``, to the gradients of the rows of E."""
    first, dim, places, gathered = lazy.first, lazy.dim, lazy.places, lazy.gathered
    q = first.size
    n_numeric = A.shape[1] - q
    for i in range(A.shape[0]):
        for j in range(q):
            at = places[first[j] + int(A[i, n_numeric + j])] * dim
            for c in range(dim):
                gathered[1, at + c] += dA[i, n_numeric + j * dim + c]


#: Nothing where the network has no embedding: then `lazy`, the last argument, is None.
look_up, add_up = (
    by_type(lambda *arguments, own=own: nothing if arguments[-1] is none else own)
    for own in (look_up_rows, add_up_rows)
)


@inlined
def forward(program, theta, n_rows, memory, masks):
    """Write the output of each layer for the batch in the memory."""
    layers, outputs, slopes = program.layers, memory.A, memory.slopes
    A = matrix(outputs, 0, n_rows, layers[0].n_in)
    for k in range(layers.size):
        layer = layers[k]
        out = matrix(outputs, n_rows * layer.output, n_rows, layer.n_out)
        if layer.kind == DENSE:
            dense_forward(program.activation, layer, theta, A, out, slopes)
        elif layer.kind == DROPOUT:
            masked(A, matrix(masks, n_rows * layer.mask, n_rows, layer.n_in), out)
        else:
            look_up(A, theta[layer.W :], out, memory.lazy)
        A = out


@inlined
def backward(program, theta, g, delta, memory, masks):
    """Write the gradient of each layer's parameters to g; that of an embedding is in the memory.

    `delta`, dL/dZ of the last layer, is used up.
    """
    layers, outputs, slopes, n_rows = program.layers, memory.A, memory.slopes, delta.shape[0]
    last, dA = layers[layers.size - 1], delta
    out = matrix(outputs, n_rows * last.output, n_rows, last.n_out)
    for k in range(layers.size - 1, program.first - 1, -1):
        layer = layers[k]
        A = matrix(outputs, n_rows * layer.input, n_rows, layer.n_in)
        if layer.kind == DENSE:
            dense_backward(program.activation, layer, g, A, out, dA, slopes)
            if k > program.first:
                dA = dense_input_gradient(layer, theta, dA, memory.dA)
        elif layer.kind == DROPOUT:
            masked(dA, matrix(masks, n_rows * layer.mask, n_rows, layer.n_in), dA)
        else:
            add_up(A, dA, memory.lazy)
        out = A
