"""The engine: multilayer perceptrons by backpropagation, on numpy and scipy alone.

Where to look, in the order of the data flow:

====================  ============================================================================
activations.py        ACTIVATIONS: sigma, and the product with its derivative
loss_base.py          what a loss is; the averages of targets that best constants are made of
regression_losses.py  losses of numbers, beside the squared error
losses.py             LOSSES on the raw output: value and delta; PREDICTIONS: the inverse links
initializers.py       INITIALIZERS: the first W and b
parameters.py         theta and its views
embedding.py          Embedding: a row of E for each categorical column, as a first layer
layers.py             Dense: a forward and a backward pass over views
network.py            layers in a row; loss_grad = the chain rule, averaging and the penalty
prediction.py         the forward pass over all rows, in chunks
optimizers.py         OPTIMIZERS: in-place steps of theta
schedules.py          SCHEDULES: the learning rate, from the progress of training
stopping.py           when to stop, which parameters to keep
batches.py            the training rows, shuffled and cut into batches
training.py           epochs of batches as a generator; L-BFGS
team.py               threads that work on one step side by side
compiled.py           when an epoch runs by compiled code instead
kernels.py            that code: the numba twins of a step's pieces, and of an epoch
vector_math.py        exp, tanh and log1p for its loops
====================  ============================================================================

Notation, in code as in ``doc/notation.rst``: layer index k, capital letters are 2-D (with a
leading axis of members), ``A`` activations, ``Z = X W + b``, ``sigma`` the activation,
``delta = dL/dZ``, ``dW = dL/dW`` and so on, ``theta`` all parameters, ``grad = dL/dtheta``,
``eta`` the learning rate, ``w`` sample weights.
"""
