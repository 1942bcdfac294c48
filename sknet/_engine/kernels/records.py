"""What the kernels are told, in named tuples, and the names by which they know the parts.

A part of the engine names its twin by a key of one of the tables. All arrays belong to one member
and are C-contiguous; numbers are float32 or float64, all of one dtype, so that each function is
compiled once for each dtype.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sknet._engine.kernels.compiling import Choice

Array = NDArray[np.floating]
Integers = NDArray[np.intp]


class Twin(NamedTuple):
    """A row of ``LOSSES`` and of ``DIRECTIONS``.

    Attributes
    ----------
    numbers : tuple of str
        The attributes of the part that the kernel needs, in its order.
    n_states : int
        State arrays of a direction.
    """

    numbers: tuple[str, ...] = ()
    n_states: int = 0


#: The activations, and whether a dense layer keeps their slopes, which share their exponentials
#: with the values.
ACTIVATIONS = {
    **dict.fromkeys(("identity", "relu", "leaky_relu"), False),
    **dict.fromkeys(("tanh", "logistic", "elu", "selu", "gelu", "silu", "mish", "softplus"), True),
}

LOSSES = {
    "softmax_log_loss": Twin(),
    "softmax_squared_error": Twin(),
    "increasing_quantiles": Twin(("quantile",)),
    "binary_log_loss": Twin(),
    "squared_error_of_identity": Twin(),
    "squared_error_of_logistic": Twin(),
    "squared_error_of_tanh": Twin(),
    "squared_error_of_softplus": Twin(),
    "absolute_error": Twin(),
    "huber": Twin(("huber_delta",)),
    "quantile": Twin(("quantile",)),
    "poisson": Twin(),
    "gamma": Twin(),
    "tweedie": Twin(("tweedie_power",)),
}

DIRECTIONS = {
    "adam": Twin(("beta_1", "beta_2", "epsilon"), n_states=2),
    "sgd": Twin(("momentum", "nesterovs_momentum"), n_states=1),
    "rmsprop": Twin(("rho", "epsilon"), n_states=1),
}

LAYERS = {"dense": 0, "dropout": 1, "embedding": 2}
DENSE, DROPOUT, EMBEDDING = LAYERS.values()

#: A layer of a program. Places in the memory of a step are counted for one row: those of n rows
#: start at n times the place.
LAYER = np.dtype(
    [
        ("kind", np.intp),  # code in LAYERS
        ("n_in", np.intp),
        ("n_out", np.intp),
        ("activation", np.intp),  # place in Program.activation of a dense layer, -1: linear
        ("W", np.intp),  # place in theta of W (dense) or E (embedding)
        ("b", np.intp),  # place in theta of b (dense)
        ("input", np.intp),  # place of the input in Memory.A,
        ("output", np.intp),  # of the output there,
        ("slopes", np.intp),  # of the slopes in Memory.slopes (dense, curved activation),
        ("dX", np.intp),  # of dX in Memory.dA (dense),
        ("mask", np.intp),  # and of the mask among the masks of a batch (dropout)
    ]
)


class Program(NamedTuple):
    """The layers of a network in training.

    Attributes
    ----------
    layers : ndarray of LAYER
        The last one is dense and linear, since the loss uses its output up.
    first : int
        The first layer with parameters: there the backward pass ends, without dX.
    n_masked : int
        Numbers in the masks of a row, over all dropout layers.
    activation : Choice
        In ``ACTIVATIONS``: those of the dense layers that are not linear.
    """

    layers: NDArray[np.void]
    first: int
    n_masked: int
    activation: Choice


class Data(NamedTuple):
    """The rows to train on.

    Attributes
    ----------
    X : ndarray (n_samples, n_columns)
        May have more columns than the first layer reads.
    Y : ndarray (n_samples, n_outputs)
        Or (n_samples, 1), the codes of classes: a row of Y has 1 at the code and 0 elsewhere.
    w : ndarray (n_samples,)
        Sample weights; empty where each is 1.
    slope, shift : float
        Targets are `slope` Y + `shift`: label smoothing. 1 and 0 leave them as they are.
    n_classes : int
        The number of classes if Y is codes; 0 if it is not.
    """

    X: Array
    Y: Array
    w: Array
    slope: float
    shift: float
    n_classes: int = 0


class LossTwin(NamedTuple):
    """A loss: its name in ``LOSSES``, and its numbers as float64."""

    name: Choice
    numbers: Array


class Rule(NamedTuple):
    """How a gradient becomes a step.

    Attributes
    ----------
    direction : Choice
        In ``DIRECTIONS``.
    numbers : ndarray of float64
        Of the direction.
    clip_norm : float or None
        Norm to which a gradient is scaled down; None where it is not.
    """

    direction: Choice
    numbers: Array
    clip_norm: float | None


class Segments(NamedTuple):
    """Runs of parameters, and what a member multiplies each by; one number a run.

    Attributes
    ----------
    start, stop : ndarray of int
        Places in theta. Runs do not overlap, and come in order.
    rate : ndarray of float64
        Factor of the learning rate eta.
    decay : ndarray of float64
        A step first multiplies the parameters by ``1 - eta rate decay``.
    penalty : ndarray of float64
        alpha: the objective has ``alpha / 2`` times their sum of squares.
    """

    start: Integers
    stop: Integers
    rate: Array
    decay: Array
    penalty: Array


class Lazy(NamedTuple):
    """The rows of an embedding that a batch holds; no other rows have a gradient or are stepped.

    Its penalty is that of these rows.

    Attributes
    ----------
    segment : int
        The place of the run of E in ``Segments``.
    dim : int
        Length of a row of E.
    first : ndarray of int (q,)
        Row 0 of each of the last q columns of the input in E.
    n_held : ndarray of int (1,)
        How many rows of E the batch holds.
    rows : ndarray of int
        These rows.
    places : ndarray of int (n_rows of E,)
        The place of a row in `rows`, -1 for all others.
    gathered : ndarray (2 + n_states, rows.size * dim)
        Of these rows theta, the gradient, and the state.
    """

    segment: int
    dim: int
    first: Integers
    n_held: Integers
    rows: Integers
    places: Integers
    gathered: Array


class Memory(NamedTuple):
    """The buffers of one thread, for n rows of a batch at most.

    Attributes
    ----------
    A : ndarray
        The batch, and the output of each layer.
    slopes : ndarray
        Slopes of curved activations.
    dA : ndarray
        The delta of the output, and dX of the dense layers.
    Y : ndarray
        Targets.
    loss : ndarray (n,)
        The loss of each row.
    lazy : Lazy or None
        None without an embedding.
    """

    A: Array
    slopes: Array
    dA: Array
    Y: Array
    loss: Array
    lazy: Lazy | None
