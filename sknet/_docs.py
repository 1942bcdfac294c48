"""Docstring sections that both estimators share; `documented` puts them in."""

from inspect import cleandoc
from textwrap import indent
from typing import TypeVar

T = TypeVar("T", bound=type)

NETWORK = """
hidden_layer_sizes : int, or array-like of int, default=(100,)
    Units of each hidden layer; ``()`` is a linear model.

activation : str, or sequence of str, default='relu'
    Activation of the hidden layers; a sequence names one for each of them.

    - 'identity', z
    - 'logistic', 1 / (1 + exp(-z))
    - 'tanh', tanh(z)
    - 'relu', max(0, z)
    - 'leaky_relu', max(0.01 z, z)
    - 'elu', z where z > 0, else exp(z) - 1
    - 'selu', the self-normalising scaled elu
    - 'gelu', z times the normal distribution function of z
    - 'silu', z / (1 + exp(-z))
    - 'mish', z tanh(log(1 + exp(z)))
    - 'softplus', log(1 + exp(z))
"""

TRAINING = """
solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop'}, default='adam'
    What minimises the loss.

    - 'lbfgs', L-BFGS on all rows at once; good for small tables and linear models
    - 'sgd', stochastic gradient descent, plain or with momentum
    - 'adam', Kingma and Ba's Algorithm 1
    - 'adamw', Adam with decoupled weight decay, see `weight_decay`
    - 'rmsprop', gradients divided by a running root mean square

alpha : float, default=5e-7
    Strength of the L2 penalty: ``alpha / 2 * ||W||^2`` is added to the mean loss, so it does not
    depend on the batch size or the number of rows. Biases are not penalised. scikit-learn's
    `alpha`, divided by its batch size, is this one.

batch_size : int or 'auto', default='auto'
    Rows of a mini-batch; 'auto' is 200. A batch holds at most all rows. Not for 'lbfgs'.

learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
    Schedule of the learning rate, for every solver but 'lbfgs'.

    - 'constant', `learning_rate_init`
    - 'invscaling', ``learning_rate_init / (t + 1) ** power_t`` after t training samples, anew each
      epoch
    - 'adaptive', divided by 5 each time `n_iter_no_change` epochs bring no improvement, until it
      is 1e-6

learning_rate_init : float, default=0.001
    Learning rate at the start. Not for 'lbfgs'.

power_t : float, default=0.5
    Exponent of ``learning_rate='invscaling'``.

max_iter : int, default=200
    Epochs (passes over the rows) at most; iterations for 'lbfgs'.

shuffle : bool, default=True
    Whether the rows are shuffled before each epoch. Not for 'lbfgs'.

random_state : int, RandomState instance or None, default=None
    Draws the initial weights, the order of the rows and the hold-out. Pass an int for the same
    result at each call.

tol : float, default=1e-4
    An epoch that does not lower the training loss (raise the validation score) by at least `tol`
    is one without improvement. For 'lbfgs', the largest component of the gradient at the
    solution; its relative decrease of the loss at which it stops is 2.2e-5 `tol`.

verbose : bool or int, default=False
    Print a line every `verbose` epochs.

warm_start : bool, default=False
    Whether the next `fit` goes on from this one, exactly: optimizer and shuffling included.

momentum : float, default=0.9
    Momentum of 'sgd', in [0, 1].

nesterovs_momentum : bool, default=True
    Whether the momentum of 'sgd' is Nesterov's.

early_stopping : bool, default=False
    Whether to hold out `validation_fraction` of the rows, stop after `n_iter_no_change` epochs
    that do not raise the score on them by `tol`, and keep the parameters of the best epoch. The
    hold-out is stratified by class; where that cannot be, it is random and a warning says why.
    Not for `partial_fit`.

validation_fraction : float, default=0.1
    Share of the rows that early stopping holds out, in (0, 1).

beta_1 : float, default=0.9
    Decay of the first moment in 'adam' and 'adamw', in [0, 1).

beta_2 : float, default=0.999
    Decay of the second moment in 'adam' and 'adamw', in [0, 1).

epsilon : float, default=1e-8
    Added to the root that 'adam', 'adamw' and 'rmsprop' divide by.

rho : float, default=0.9
    Decay of the mean square in 'rmsprop', in [0, 1).

weight_decay : float, default=0.01
    Decoupled decay of 'adamw': each step multiplies the weights, not the biases, by
    ``1 - learning_rate * weight_decay``.

n_iter_no_change : int or numpy.inf, default=10
    Epochs without improvement after which training stops.

max_fun : int, default=15000
    Evaluations of the loss at most, for 'lbfgs'.

init : {'auto', 'glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', \
'lecun_normal'}, default='auto'
    Distribution of the initial weights. 'glorot_uniform' has scikit-learn's bounds, for the
    biases too. 'auto' picks for each hidden layer by its activation (lecun_normal for selu,
    he_uniform for softplus, else glorot_uniform); under 'adam', 'adamw' and 'rmsprop' it starts
    the output layer at zero.

n_members : int, default=1
    Networks that are trained together, each from its own seed and with its own shuffling; the
    prediction is the mean of their probabilities, or values. Member k is the network fitted alone
    with ``random_state=seeds[k]``, where ``seeds = check_random_state(random_state).randint(
    numpy.iinfo(numpy.int32).max, size=n_members)``. Early stopping watches the mean prediction.

dtype : {'auto', 'float32', 'float64'}, default='auto'
    What to compute in. 'auto' is float32 for mini-batches, and the precision of X where each step
    takes all rows. Fixed by the first call while training goes on.
"""

ATTRIBUTES = """
loss_ : float
    Loss of the last epoch, penalty included; the mean over members.

best_loss_ : float or None
    Smallest loss of an epoch; None with early stopping.

loss_curve_ : list of float
    Loss of each epoch, or iteration of 'lbfgs'.

validation_scores_ : list of float or None
    Score of each epoch on the held-out rows; None without early stopping.

best_validation_score_ : float or None
    Score of the parameters that are kept; None without early stopping.

t_ : int
    Training samples seen.

coefs_ : list of ndarray
    Weights of each layer, of shape (n_in, n_out); (n_members, n_in, n_out) for several members.

intercepts_ : list of ndarray
    Biases of each layer, of shape (n_out,); (n_members, n_out) for several members.

n_features_in_ : int
    Number of features seen during :term:`fit`.

feature_names_in_ : ndarray of shape (n_features,)
    Names of the features, where all are strings.

n_iter_ : int
    Epochs, or iterations of 'lbfgs', of the last call.

n_layers_ : int
    Number of layers, input and output included.

n_outputs_ : int
    Number of outputs of the network.

out_activation_ : str
    Inverse link of the output.
"""

REFERENCES = """
.. [1] Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
   Nature 323, 1986.
.. [2] Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
   networks", AISTATS 2010.
.. [3] He et al., "Delving deep into rectifiers", ICCV 2015.
.. [4] Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
.. [5] Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
"""

SECTIONS = {
    "network": NETWORK,
    "training": TRAINING,
    "attributes": ATTRIBUTES,
    "references": REFERENCES,
}


def documented(cls: T) -> T:
    """Replace ``{network}`` and so on, each on a line of its own, in the class docstring."""
    doc = cleandoc(cls.__doc__ or "")
    for name, section in SECTIONS.items():
        doc = doc.replace(f"{{{name}}}", section.strip())
    cls.__doc__ = indent(doc, "    ").strip() + "\n"
    return cls
