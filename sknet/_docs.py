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

INPUTS = """
feature_scaling : {'auto', 'standard', 'robust'} or None, default='auto'
    How columns of numbers are scaled, by what the first call learns from the rows that it trains
    on and from their weights. 'auto' is 'standard', but see below for sparse X.

    - 'standard', (x - mean) / standard deviation
    - 'robust', u = (x - median) / interquartile range, then ``u / sqrt(1 + (u / 3) ** 2)``, which
      keeps outliers within 3 (Holzmüller et al. 2024); half the range takes the place of an
      interquartile range of 0
    - None, x as it is

    A constant column becomes 0. Sparse X is not centred: what is not stored stays 0. 'auto' divides
    its columns by their largest absolute value, so that rare ones do not become huge; 'standard'
    and 'robust' by the standard deviation, 'robust' with the same clip.

categorical_features : 'from_dtype', array-like of {bool, int, str} or None, default='from_dtype'
    Which columns are categories: 'from_dtype', those of a DataFrame (pandas, polars) whose dtype
    is categorical, text, boolean, or object that holds text; a mask, their numbers or their names;
    or none. Levels that training did not see and missing ones are alike, and none of these is an
    error. Categories of two levels become a column of -1 and +1, of up to `max_onehot` levels one
    column a level; those of more are embedded. They are not scaled.

min_frequency : float, default=0.0
    Share of the training weight, in [0, 1), below which levels of a category are merged into one.

max_onehot : int, default=8
    Levels up to which a category of more than two has a column for each of them.

embedding_dim : int or 'auto', default='auto'
    Numbers that the network learns for each level of a category that is not one-hot (Guo and
    Berkhahn 2016). 'auto' is the largest number of levels of such a category, but at most 16.
    They are drawn from the normal distribution, with standard deviation 0.1; those of unknown and
    missing levels start at 0.
    A step moves those of the levels in its batch alone, without `alpha` or `weight_decay`.
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

dropout : float, or array-like of float, default=0.0
    Probability, in [0, 1), with which a step of training leaves out a hidden unit; a sequence
    holds one for each hidden layer. The units that stay are divided by ``1 - dropout``, so that
    prediction takes all of them as they are (Srivastava et al. 2014). Under 'lbfgs' an error.

dropout_input : float, default=0.0
    The same for the columns of X. Under 'lbfgs' an error.

clip_norm : float or None, default=None
    Euclidean norm, above 0, to which the gradient of a network, that of all its layers together
    and with the penalty, is scaled down in a step where it is larger (Pascanu et al. 2013). None
    never does. Under 'lbfgs' an error.

batch_size : int or 'auto', default='auto'
    Rows of a mini-batch; 'auto' is 200. A batch holds at most all rows. Not for 'lbfgs'.

learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine', 'one_cycle', 'coslog4'} or \
callable, default='constant'
    Schedule of the learning rate. Not for 'lbfgs'.

    - 'constant', `learning_rate_init`
    - 'invscaling', ``learning_rate_init / (t + 1) ** power_t`` after t training samples, anew each
      epoch
    - 'adaptive', divided by 5 each time `n_iter_no_change` epochs bring no improvement, until it
      is 1e-6
    - 'cosine', from `learning_rate_init` down to 0 by half a cosine (Loshchilov and Hutter 2017)
    - 'one_cycle', from ``learning_rate_init / 25`` up to `learning_rate_init` in 30 % of the
      steps, then down to ``learning_rate_init / 250000``, by half cosines; the momentum is not
      cycled (Smith and Topin 2018)
    - 'coslog4', four times from 0 up to `learning_rate_init` and back to 0, each time twice as
      long as the time before (Holzmüller et al. 2024)
    - a function ``learning_rate(progress)`` that returns the rate of a step

    'cosine', 'one_cycle' and 'coslog4' have a horizon, the `max_iter` epochs, and run to its end:
    they switch `n_iter_no_change` off. See the notes, also on what `progress` is.

learning_rate_init : float, default=0.001
    Learning rate at the start; the highest one, for a schedule with a horizon. Not for 'lbfgs',
    nor for a callable `learning_rate`.

power_t : float, default=0.5
    Exponent of ``learning_rate='invscaling'``, 0 or more.

warmup : int or float, default=0
    Steps over which the rate rises linearly to what the schedule says: an int counts epochs, a
    float in (0, 1) is a fraction of the `max_iter` epochs (Goyal et al. 2017). It happens once:
    training that goes on, by `warm_start` or `partial_fit`, does not warm up again. Not for
    'lbfgs'.

max_iter : int, default=200
    Epochs (passes over the rows) at most; iterations for 'lbfgs'. The horizon of the schedules
    that have one, also over calls of `partial_fit`.

shuffle : bool, default=True
    Whether the rows are shuffled before each epoch. Not for 'lbfgs'.

random_state : int, RandomState instance or None, default=None
    Draws the initial weights, the order of the rows, what `dropout` leaves out and the hold-out.
    Pass an int for the same result at each call.

tol : float, default=1e-4
    An epoch that does not lower the training loss (raise the validation score) by at least `tol`
    is one without improvement. For 'lbfgs', the largest component of the gradient at the
    solution; its relative decrease of the loss at which it stops is 2.2e-5 `tol`. In the units
    of `loss_`, or of the score.

verbose : bool or int, default=False
    Print a line after the first epoch and after every `verbose`-th one: loss, validation loss and
    score, learning rate, seconds.

warm_start : bool, default=False
    Whether the next `fit` goes on from this one, exactly: optimizer and shuffling included.

momentum : float, default=0.9
    Momentum of 'sgd', in [0, 1].

nesterovs_momentum : bool, default=True
    Whether the momentum of 'sgd' is Nesterov's.

early_stopping : bool or 'auto', default=False
    Whether the score on rows that are not trained on, not the training loss, ends training: after
    `n_iter_no_change` epochs that do not raise it by `tol`. The parameters of the best epoch are
    kept. The rows are `X_val` of `fit`, else a hold-out of `validation_fraction` of the rows,
    stratified by class; where that cannot be, it is random and a warning says why. 'auto' is True
    where `X_val` is given or there are more than 10,000 rows. `partial_fit` has no hold-out. Under
    'lbfgs' with several members an error.

validation_fraction : float, default=0.1
    Share of the rows that early stopping holds out, in (0, 1). No effect where `X_val` is given.

scoring : str, callable or None, default=None
    The score of the validation, higher is better: None is what `score` returns, 'loss' is minus
    the validation loss; else the name of a scorer (``sklearn.metrics.get_scorer_names()``) or
    ``scorer(estimator, X, y)``, which gets `sample_weight` as well where the rows have weights. A
    score that is NaN is no improvement. No effect without rows to validate on.

max_time : float or None, default=None
    Seconds, above 0, after which training stops with a ConvergenceWarning. The clock is looked at
    after each epoch, or iteration of 'lbfgs': the one that is running is finished, and counts.

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
    Epochs without improvement after which training stops, or 'adaptive' divides the rate;
    numpy.inf is never. No effect with 'cosine', 'one_cycle' and 'coslog4', nor under 'lbfgs'
    without early stopping.

max_fun : int, default=15000
    Evaluations of the loss at most, for 'lbfgs'.

init : {'auto', 'glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', \
'lecun_normal'}, default='auto'
    Distribution of the initial weights. 'glorot_uniform' has scikit-learn's bounds, for the
    biases of the hidden layers too. 'auto' picks for each hidden layer by its activation
    (lecun_normal for selu, he_uniform for softplus, else glorot_uniform); under 'adam', 'adamw'
    and 'rmsprop' it starts the weights of the output layer at zero. The bias of the output starts
    at the best constant prediction for the loss, whatever `init` is.

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
best_loss_ : float or None
    Smallest loss of an epoch; None where rows are validated on.

loss_curve_ : list of float
    Loss of each epoch, or iteration of 'lbfgs': penalty and dropout included, and each batch
    before its step. It goes on where training does.

validation_scores_ : list of float or None
    Score of each epoch on the rows to validate on; None without them.

validation_loss_curve_ : list of float or None
    Loss of each epoch on those rows, without penalty, dropout or label smoothing; None without
    them.

best_validation_score_ : float or None
    Score of the parameters that are kept; None without rows to validate on.

best_iter_ : int or None
    Epoch of the parameters that are kept: the place of its score in `validation_scores_`, counted
    from 1. None without rows to validate on.

t_ : int
    Training samples seen: epochs, or iterations of 'lbfgs', times rows.

intercepts_ : list of ndarray
    Biases of each layer, of shape (n_out,); (n_members, n_out) for several members.

n_parameters_ : int
    Number of weights, biases and numbers in `embeddings_`, those of all members.

embeddings_ : list of ndarray
    What is learned of the levels of each embedded category, of shape (n_levels + 1, dim), or
    (n_members, n_levels + 1, dim): first of unknown and missing ones, then in the order of
    `input_encoding_`.

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

NOTES = """
Columns. Missing numbers are imputed by the weighted median, and a column that misses some in
training has a second one that says where. What is learned of the columns (scales, medians, levels)
is kept from the first call on while training goes on, by `partial_fit` and `warm_start`: begin with
a chunk that is like the rest. `coefs_` act on the scaled and encoded columns, which
`input_encoding_` lists.

Validation. Rows to validate on are looked at after each epoch, which gives the curves, and
`coefs_` and `intercepts_` are those of the best epoch. With `X_val` and ``early_stopping=False``
that is all they do: the training loss still decides when to stop. Without such rows the last
parameters are kept.

Schedules. 'cosine', 'one_cycle' and 'coslog4' are run to `max_iter`, whatever the loss does, and
then there is no ConvergenceWarning; early stopping keeps the best parameters, but does not stop.
Each `fit` is a new horizon, a warm start too. Calls of `partial_fit` share one: `max_iter` calls
have the rates of one `fit`, and the rate stays at its last value, 0 but for 'one_cycle', after
them. A callable is asked at each step, with a `progress` whose attributes are `epoch` (epochs
finished, over all calls), `epochs` (the same with the fraction of the present one), `step`
(``epochs`` times the batches of an epoch), `fraction` (of the horizon, from 0 to 1),
`samples_seen` and `n_plateaus` (how often 'adaptive' has divided). It returns a finite number, 0
or more. An estimator that is to be pickled needs a function that can be imported.

Callbacks. With scikit-learn 1.9, `set_callbacks` adds some to `fit`, which has one task 'epoch'
for each epoch, or iteration of 'lbfgs'. Training stops, without a warning, where a callback
returns True at the end of one.

Interrupts. Ctrl-C ends training with a UserWarning, and the last finished epoch counts: a search
goes on with its next fit. A second Ctrl-C within one second, or one in the first epoch, goes
through, and leaves the estimator as it was before the call.
"""

REFERENCES = """
.. [1] Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
   Nature 323, 1986.
.. [2] Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
   networks", AISTATS 2010.
.. [3] He et al., "Delving deep into rectifiers", ICCV 2015.
.. [4] Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
.. [5] Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
.. [6] Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
   JMLR 15, 2014.
.. [7] Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
   ICML 2013.
.. [8] Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
.. [9] Smith and Topin, "Super-convergence: very fast training of neural networks using large
   learning rates", 2018, arXiv:1708.07120.
.. [10] Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and boosted
   trees on tabular data", NeurIPS 2024.
.. [11] Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017,
   arXiv:1706.02677.
.. [12] Guo and Berkhahn, "Entity embeddings of categorical variables", 2016, arXiv:1604.06737.
"""

SECTIONS = {
    "network": NETWORK,
    "inputs": INPUTS,
    "training": TRAINING,
    "attributes": ATTRIBUTES,
    "notes": NOTES,
    "references": REFERENCES,
}


def documented(cls: T) -> T:
    """Replace ``{network}`` and so on, each on a line of its own, in the class docstring."""
    doc = cleandoc(cls.__doc__ or "")
    for name, section in SECTIONS.items():
        doc = doc.replace(f"{{{name}}}", section.strip())
    cls.__doc__ = indent(doc, "    ").strip() + "\n"
    return cls
