"""Docstring sections that both estimators share; `documented` inserts them."""

from inspect import cleandoc
from textwrap import indent
from typing import TypeVar

T = TypeVar("T", bound=type)

NETWORK = """
hidden_layer_sizes : int, or array-like of int, default=(128, 128)
    Number of units of each hidden layer; ``()`` is a linear model.

activation : str, or sequence of str, default='relu'
    Activation of the hidden layers. A sequence has one for each of them.

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
    How columns of numbers are scaled. The first call learns the scales from its training rows and
    their weights.

    - 'auto' looks at each column: 'standard'; -1 and +1, if it has two values; or, if its tails are
      heavy, the normal quantile of the share of the rows that are below, within 3. A far value of
      many rows, such as -999, is read as missing. In prediction, a number further outside the range
      of training than half its length is moved there
    - 'standard', (x - mean) / standard deviation
    - 'robust', u = (x - median) / interquartile range, then ``u / sqrt(1 + (u / 3) ** 2)``, which
      keeps outliers within 3 (Holzmüller et al. 2024); half the range replaces an interquartile
      range of 0
    - None, no scaling

    A constant column becomes 0; in a first call of `partial_fit` its scale is 1 instead. Sparse X
    is not centred: entries that are not stored stay 0. 'auto' divides the columns of sparse X by
    their largest absolute value, so that rare features do not become very large; if that is 100
    times the usual one, by the median of the values other than 0, and clips as 'robust' does.
    'standard' and 'robust' divide them by the standard deviation; 'robust' also clips.

numeric_embedding : {'auto', 'ple', 'periodic'} or None, default='auto'
    What the network sees of a number beside the number itself, so that it learns steep curves. The
    weights of what is added start at zero, and it is computed batch by batch. Columns of fewer than
    20 different values have nothing added. An error with sparse X.

    - 'ple', its position in each of `n_bins` bins: the first layer learns splines (Gorishniy et al.
      2022). The bins are quantiles of the training rows
    - 'periodic', 16 cosines (fewer for more than 8 columns): their frequencies and phases are
      learned, `frequencies_` and `phases_` (Gorishniy et al. 2022; Holzmüller et al. 2024)
    - None, nothing

    'auto' is None below 1,000 rows and for sparse X; else 'ple' for numbers, and for classes if one
    of them is rare (its share times the number of classes is below 0.1). For other classes it is
    'periodic' from 4,000 rows on with at most 16 columns of numbers, else None.

n_bins : int or 'auto', default='auto'
    Intervals of each column for ``numeric_embedding='ple'``, at least 2; fewer where quantiles
    coincide. 'auto' is 32, or 640 divided by the number of columns if that is less.

input_scaling_layer : bool or 'auto', default='auto'
    Whether each input of the network has a learned factor, with six times the learning rate and
    a strong decay with 'adamw', so that inputs that do not help fade out (Holzmüller et al. 2024).
    It needs a hidden layer. `coefs_` hold the product of factors and weights.

categorical_features : 'from_dtype', array-like of {bool, int, str} or None, default='from_dtype'
    Which columns are categories. 'from_dtype' are the columns of a DataFrame (pandas, polars) whose
    dtype is categorical, text, boolean, or object that holds text, and of arrays of objects or text
    those that hold text or booleans. An array is a mask, or the positions or names of the columns.
    None means no column. A level that training did not see is treated as missing; neither is an
    error. A warning names a column where most rows have such levels. A category of two levels
    becomes one column of -1 and +1, a category of up to `max_onehot` levels one column per level.
    Categories of more levels are embedded. Categories are not scaled.

min_frequency : int, float or 'auto', default='auto'
    Rare levels of a category are merged into one level: an int is the least number of rows of a
    level of its own (with weights, each row counts as its weight over the mean weight), a float in
    [0, 1) the least share of the training weight.

max_onehot : int, default=32
    Largest number of levels for which a category has one column per level.

embedding_dim : int or 'auto', default='auto'
    How many numbers the network learns for each level of an embedded category (Guo and Berkhahn
    2016). 'auto' is the largest number of levels of such a category, but at most 4. They are drawn
    from the normal distribution with standard deviation 0.1; those of unknown and missing levels
    start at 0. A step updates only the levels in its batch, without `alpha` or `weight_decay`.

embedding_dropout : float or 'auto', default='auto'
    Probability, in [0, 1), with which a training step takes an embedded level for an unknown one.
    So the network also learns what to predict for a level that it has not seen, and a column that
    does not help does less harm. 'auto' is 0.25, but 0 for 60 rows or fewer and other solvers than
    'adamw', 'adam' and 'rmsprop'. An error with 'lbfgs'.
"""

TRAINING = """
solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop'}, default='adamw'
    The optimizer.

    - 'lbfgs', L-BFGS on all rows at once; good for small tables and linear models
    - 'sgd', stochastic gradient descent, plain or with momentum
    - 'adam', Kingma and Ba's Algorithm 1
    - 'adamw', Adam with decoupled weight decay, see `weight_decay`
    - 'rmsprop', gradients divided by a running root mean square

alpha : float or 'auto', default='auto'
    Strength of the L2 penalty: ``alpha / 2 * ||W||^2`` is added to the mean loss, so it does not
    depend on the batch size or the number of rows. Biases are not penalised. To convert
    scikit-learn's `alpha`, divide it by its batch size; a warning does so for values above 0.01
    (with 'lbfgs' and hidden layers, above 0.05). 'auto' is 0 for 'adamw', which has `weight_decay`,
    and 5e-7 for the other solvers.

dropout : float, array-like of float or 'auto', default='auto'
    Probability, in [0, 1), with which a training step leaves out a hidden unit. A sequence has one
    for each hidden layer. The other units are divided by ``1 - dropout``, so that prediction uses
    all units unchanged (Srivastava et al. 2014). An error with 'lbfgs'.

dropout_input : float, default=0.0
    The same for the columns of X. An error with 'lbfgs'.

clip_norm : float or None, default=None
    Largest Euclidean norm, above 0, of the gradient of a network: of all its layers together and
    with the penalty. A larger gradient is scaled down to it (Pascanu et al. 2013). None does not
    clip. An error with 'lbfgs'.

batch_size : int or 'auto', default='auto'
    Rows of a mini-batch. If it is larger than the number of rows, a batch has all
    rows. Not for 'lbfgs'.

learning_rate : {'auto', 'constant', 'invscaling', 'adaptive', 'cosine', 'one_cycle', 'coslog4'} \
or callable, default='auto'
    Schedule of the learning rate. Not for 'lbfgs'.

    - 'auto', 'cosine' over a number of epochs that follows from the rows, from 100,000 rows on;
      below, or if `max_iter`, `n_iter_no_change` or `max_time` is given, 'constant'
    - 'constant', `learning_rate_init`
    - 'invscaling', ``learning_rate_init / (t + 1) ** power_t`` after t training samples, updated
      each epoch
    - 'adaptive', divided by 5 after each `n_iter_no_change` epochs without improvement, until it
      is 1e-6
    - 'cosine', from `learning_rate_init` down to 0 by half a cosine (Loshchilov and Hutter 2017)
    - 'one_cycle', from ``learning_rate_init / 25`` up to `learning_rate_init` in 30 % of the
      steps, then down to ``learning_rate_init / 250000``, by half cosines; the momentum is not
      cycled (Smith and Topin 2018)
    - 'coslog4', four cycles from 0 up to `learning_rate_init` and back to 0, each twice as long as
      the one before (Holzmüller et al. 2024)
    - a function ``learning_rate(progress)`` that returns the rate of a step

    'cosine', 'one_cycle' and 'coslog4' run over a horizon of `max_iter` epochs, to its end;
    `n_iter_no_change` then has no effect. The notes say more, also about `progress`.

learning_rate_init : float or 'auto', default='auto'
    Initial learning rate; for a schedule with a horizon, the largest one. Not for 'lbfgs' and not
    for a callable `learning_rate`.

power_t : float, default=0.5
    Exponent of ``learning_rate='invscaling'``, 0 or more.

warmup : int, float or 'auto', default='auto'
    How long the rate rises linearly to that of the schedule: a number from 1 on counts epochs, a
    float in (0, 1) is a fraction of the `max_iter` epochs (Goyal et al. 2017). It happens once:
    training continued by `warm_start` or by further calls of `partial_fit` does not warm up again.
    The first `partial_fit` after `fit` without `warm_start` does: its optimizer is new. Not for
    'lbfgs'.

max_iter : int or 'auto', default='auto'
    Largest number of epochs (passes over the rows); of iterations for 'lbfgs'. Also the horizon of
    the schedules that have one, over calls of `partial_fit` too.

shuffle : bool, default=True
    Whether the rows are shuffled before each epoch. Not for 'lbfgs'.

random_state : int, RandomState instance or None, default=None
    Seed of the initial weights, the order of the rows, the units that `dropout` leaves out and the
    hold-out. Pass an int for the same result in each call.

tol : float, default=1e-4
    An epoch is without improvement if it does not lower the training loss by at least `tol` times
    the loss of the best constant prediction, which the first fit computes from its training rows
    (1 if that loss is 0). With early stopping: if it does not raise the validation score by at
    least `tol` itself. 'lbfgs' stops if the largest component of the gradient is at most `tol`
    times the loss of the best constant (divided by the standard deviation of a target that is not
    scaled), or if the relative decrease of the loss is at most 2.2e-5 `tol`.

verbose : bool or int, default=False
    Whether to print loss, validation loss and score, learning rate and seconds, after the first
    epoch, every `verbose`-th one and the last.

warm_start : bool, default=False
    Whether the next `fit` continues this one exactly, with the state of the optimizer and of the
    shuffling.

momentum : float, default=0.9
    Momentum of 'sgd', in [0, 1].

nesterovs_momentum : bool, default=True
    Whether the momentum of 'sgd' is Nesterov's.

early_stopping : bool or 'auto', default='auto'
    Whether the score on validation rows ends training, in place of the training loss: after
    `n_iter_no_change` epochs that do not raise it by `tol`. The parameters of the best epoch are
    kept. Of epochs with equal scores, the validation loss decides. The validation rows are `X_val`
    of `fit`, else a hold-out of `validation_fraction` of the rows, stratified by class; if that is
    impossible, it is random and a warning says why; each class keeps a row for training. 'auto' is
    True with 'adamw', 'adam' and 'rmsprop' if there are more than 60 rows. `partial_fit` has no
    hold-out. An error with 'lbfgs' and several members.

validation_fraction : float or 'auto', default='auto'
    Share of the rows that early stopping holds out, in (0, 1). No effect if `X_val` is given.
    'auto' is 0.1, but 0.12 from 61 to 999 rows with 'adamw', 'adam' and 'rmsprop'.

scoring : str, callable or None, default='auto'
    The validation score, higher is better. None is that of the method `score`, 'loss' is minus the
    validation loss; 'auto' is 'loss' if `early_stopping` is 'auto', else None. Otherwise the name
    of a scorer (``sklearn.metrics.get_scorer_names()``) or a callable ``scorer(estimator, X, y)``,
    which also gets `sample_weight` if the rows have weights.
    A score of NaN is no improvement. No effect without validation rows.

max_time : float or None, default=None
    Seconds, above 0, after which training stops with a ConvergenceWarning. The time is checked
    after each epoch, or iteration of 'lbfgs'; the epoch in progress is finished and counts.

beta_1 : float, default=0.9
    Decay of the first moment in 'adam' and 'adamw', in [0, 1).

beta_2 : float, default=0.99
    Decay of the second moment in 'adam' and 'adamw', in [0, 1).

epsilon : float, default=1e-8
    Added to the root that 'adam', 'adamw' and 'rmsprop' divide by.

rho : float, default=0.9
    Decay of the mean square in 'rmsprop', in [0, 1).

weight_decay : float or 'auto', default='auto'
    Decoupled decay of 'adamw': each step multiplies the weights, not the biases, by
    ``1 - learning_rate * weight_decay``.

averaging : float, 'auto' or None, default='auto'
    Horizon, in epochs, of a moving average of the weights, which is what is validated, kept and
    used for prediction. None keeps the weights of the last step. An error with 'lbfgs'.

n_iter_no_change : int, numpy.inf or 'auto', default='auto'
    Epochs without improvement after which training stops, or 'adaptive' divides the rate;
    numpy.inf means never. No effect with 'cosine', 'one_cycle' and 'coslog4', nor with 'lbfgs'
    without early stopping.

max_fun : int, default=15000
    Largest number of evaluations of the loss, for 'lbfgs'.

init : {'auto', 'glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', \
'lecun_normal'}, default='auto'
    Distribution of the initial weights. 'glorot_uniform' has scikit-learn's bounds, also for the
    biases of the hidden layers. 'auto' chooses by the activation of each hidden layer: lecun_normal
    for selu, he_uniform for softplus, else glorot_uniform. With 'adam', 'adamw' and 'rmsprop' it
    also starts the weights of the output layer at zero. With any `init`, the bias of the output
    starts at the best constant prediction for the loss.

n_members : int, default=1
    Number of networks that are trained together, each from its own seed and with its own shuffling.
    The prediction is the mean of their probabilities, or values. Member k is the network fitted
    alone with ``random_state=seeds[k]``, where ``seeds = check_random_state(random_state).randint(
    numpy.iinfo(numpy.int32).max, size=n_members)``. Early stopping scores the mean prediction.

cv : int, splitter, iterable or None, default=None
    Cross-fitting: `n_members` networks for each of these splits of the rows. They are trained on
    the rows of the split and validated on the others; the epoch with the best mean over all splits
    is kept, patience counts its mean, and no row is lost to a hold-out. The prediction is the mean
    of all. An int is a number of (stratified) folds of consecutive rows, as in scikit-learn: where
    the rows are sorted, give a splitter with ``shuffle=True``. An error with `X_val`,
    ``warm_start=True`` and 'lbfgs'; ``early_stopping=False`` trains to `max_iter`. `partial_fit`
    trains all networks on all rows.

dtype : {'auto', 'float32', 'float64'}, default='auto'
    The dtype of all computations. 'auto' is float32 for mini-batches, and the precision of X if
    each step takes all rows. Continued training keeps that of the first call.
"""

ATTRIBUTES = """
best_loss_ : float or None
    Smallest loss of an epoch; None with validation rows.

loss_curve_ : list of float
    Loss of each epoch, or iteration of 'lbfgs', with penalty and dropout; that of a batch is
    computed before its step. Continued training appends to it.

learning_rate_curve_ : list of float or None
    Learning rate of the last step of each epoch; None with 'lbfgs'. Of several members that have
    rates of their own, that of the first one that is still trained.

validation_scores_ : list of float or None
    Validation score of each epoch; None without validation rows.

validation_loss_curve_ : list of float or None
    Validation loss of each epoch, without penalty, dropout or label smoothing; None without
    validation rows.

best_validation_score_ : float or None
    Validation score of the best epoch, whose parameters are kept; None without validation rows.

best_iter_ : int or None
    Number of the best epoch, counted from 1: the position of its score in `validation_scores_`.
    None without validation rows.

t_ : int
    Training samples seen: epochs, or iterations of 'lbfgs', times rows.

intercepts_ : list of ndarray
    Biases of each layer, of shape (n_out,); (n_members, n_out) for several members.

n_parameters_ : int
    Number of weights, biases and entries of `embeddings_`, of all members.

embeddings_ : list of ndarray
    The learned numbers of the levels of each embedded category, of shape (n_levels + 1, dim), or
    (n_members, n_levels + 1, dim). The first row is for unknown and missing levels, the others are
    in the order of `input_encoding_`.

resolved_params_ : dict
    What was chosen for each parameter that is 'auto' and depends on the rows, the solver or the
    task.

frequencies_ : ndarray of shape (n_embedded, n_frequencies), or None
    Frequencies, in periods per unit of the encoded column, of each column that
    ``numeric_embedding='periodic'`` embeds; None without it. Several members have one more axis in
    front.

phases_ : ndarray of shape (n_embedded, n_frequencies), or None
    Phases of the same, in periods.

oof_prediction_ : ndarray of shape (n_samples,), (n_samples, n_outputs) or (n_samples, n_classes)
    With `cv`: the prediction of each row by the networks that were not trained on it;
    probabilities in classification. NaN for rows that no split left out. Not calibrated by other
    rows than these.

oof_score_ : float
    With `cv`: the result of ``score`` for `oof_prediction_`.

fold_ : ndarray of int of shape (n_samples,)
    With `cv`: the split that left out each row, -1 if none.

n_features_in_ : int
    Number of features seen during :term:`fit`.

feature_names_in_ : ndarray of shape (n_features,)
    Names of the features, if all are strings.

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
Defaults. Parameters that are 'auto' get values that depend on the number of rows, the solver, the
loss and the task; the user guide has the table, and `resolved_params_` what was chosen. 'auto'
neither warns nor raises. With 'sgd' and 'lbfgs', and with at most 60 rows, it turns averaging,
factors and embeddings off. ``presets.SKLEARN`` has scikit-learn's settings.

Columns. Missing numbers are imputed by the weighted median. A column with missing numbers in
training gets a second column, which marks them. The first call learns scales, medians and levels;
`partial_fit` and `warm_start` keep them, so begin with a representative chunk. `coefs_` act on the
scaled and encoded columns, which `input_encoding_` lists.

Validation. Validation rows are scored after each epoch, which gives the curves. `coefs_` and
`intercepts_` are those of the best epoch; of equal scores, that of the lowest validation loss. An
epoch also counts as improved if its score equals the best one and its validation loss is lower by
`tol` times the loss of the best constant. Scores are equal if they differ by less than `tol`; or,
for the accuracy, by one row. Fewer than 10 validation rows do not end training. With `X_val` and
``early_stopping=False`` the training loss still decides when to stop. Without validation rows, the
last parameters are kept.

Schedules. 'cosine', 'one_cycle' and 'coslog4' run to `max_iter`, without a ConvergenceWarning;
early stopping keeps the best parameters, but does not stop. Each `fit` starts a new horizon, with
warm start too. Calls of `partial_fit` share one: `max_iter` calls have the rates of one `fit`.
After the horizon the rate keeps its last value, which is 0 except with 'one_cycle'. A callable is
called before each step with a `progress` whose attributes are `epoch` (epochs finished, over all
calls), `epochs` (the same with the fraction of the current one), `step` (``epochs`` times the
batches of an epoch), `fraction` (of the horizon, from 0 to 1), `samples_seen` and `n_plateaus`
(how often 'adaptive' has divided). It returns a finite number, 0 or more. To pickle the estimator,
use a function that can be imported.

Callbacks. With scikit-learn 1.9, `set_callbacks` registers callbacks for `fit`, which has one task
'epoch' for each epoch, or iteration of 'lbfgs'. If a callback returns True at the end of an epoch,
training stops, without a warning.

Interrupts. Ctrl-C ends training with a UserWarning and keeps the last finished epoch; a search
continues with its next fit. A second Ctrl-C within one second, or one in the first epoch, raises
KeyboardInterrupt and leaves the estimator as it was before the call.
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
.. [13] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
   learning", NeurIPS 2022.
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
