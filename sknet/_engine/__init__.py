"""The engine: multilayer perceptrons by backpropagation, with numpy and scipy only.

Where to look, in the order of the data flow:

====================  ============================================================================
activations.py        ACTIVATIONS: sigma, and the product with its derivative
one_hot.py            targets of one class a row, kept as codes
averages.py           averages of targets, from which the best constants are computed
links.py              LINKS: how the raw output becomes a prediction
loss_base.py          Loss: the base class of all losses
regression_losses.py  regression losses other than the squared error
losses.py             LOSSES: value and delta of each loss, given the raw output
initializers.py       INITIALIZERS: the first W and b
parameters.py         theta in blocks: groups, views, snapshots, subsets of members
layers/               the layers, one kind per file: forward and backward pass over views
penalty.py            the L2 penalty
network.py            a sequence of layers; loss_grad is the chain rule and the averaging
prediction.py         the forward pass over all rows, in chunks
directions.py         the update formulas of sgd, adam and rmsprop
walk.py               cuts theta into the arrays that a direction updates at once
optimizers.py         OPTIMIZERS: clipping, weight decay and a direction
schedules.py          SCHEDULES: the learning rate as a function of progress
reports.py            records of epochs, interrupts, divergence
stopping.py           when to stop, which parameters to keep
batches.py            the training rows, shuffled and cut into batches
stream.py             batches of rows that come in chunks, by a shuffling buffer
training.py           epochs of mini-batches as a generator; each member stops on its own
rounds.py             epochs on shards of the rows: local steps, then averages
lbfgs.py              full-batch L-BFGS
team.py               threads that share the work of one step
compiled_plan.py      describes a network and its optimizer to the kernels
compiled.py           decides whether an epoch runs in compiled code, and runs it
kernels/              the compiled code: numba twins of each part of a step, and of an epoch
====================  ============================================================================

Notation, in code as in ``doc/notation.rst``: layer index k, capital letters are 2-D (with a
leading axis of members), ``A`` activations, ``Z = X W + b``, ``sigma`` the activation,
``delta = dL/dZ``, ``dW = dL/dW`` and so on, ``theta`` all parameters, ``grad = dL/dtheta``,
``eta`` the learning rate, ``w`` sample weights.
"""
