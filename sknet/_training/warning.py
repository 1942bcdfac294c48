"""Warnings at the end of a fit, with advice."""

from math import inf

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknet._compat import warn
from sknet._table.encoder import Encoder
from sknet._training.finish import Result
from sknet._training.settings import Settings

#: Rows of the first call of partial_fit below which a warning states that this call fixes the
#: encoding of the columns.
MIN_FIRST_CHUNK_ROWS = 100
#: Ratio of the last loss to the first one above which a warning reports divergence.
DIVERGED_LOSS_RATIO = 10
#: Value of `alpha` above which a warning recalls that the batch does not divide it, with
#: mini-batches and with lbfgs. A linear model by lbfgs has the penalty of ridge regression.
MOST_ALPHA, MOST_ALPHA_OF_LBFGS = 1e-2, 5e-2

NOT_CONVERGED = {
    "max_iter": "Maximum iterations ({0.max_iter}) reached and the optimization hasn't converged"
    " yet. Raise max_iter, or loosen tol.",
    "max_fun": "Maximum number of evaluations ({0.max_fun}) reached and the optimization hasn't"
    " converged yet. Raise max_fun.",
    "max_time": "max_time ({0.max_time} s) is over and the optimization hasn't converged yet. Raise"
    " max_time, or loosen tol.",
}


def warn_of_alpha(settings: Settings, n_samples: int) -> None:
    """Warn if `alpha` looks like one for scikit-learn, which divides it by the batch."""
    alpha = float(np.max(settings.alpha))
    limit = MOST_ALPHA
    if settings.solver is None:
        limit = MOST_ALPHA_OF_LBFGS if settings.hidden_layer_sizes else inf
    if alpha <= limit:
        return
    batch = settings.batch_rows(n_samples)
    warn(
        f"alpha={alpha:g} is large: here it multiplies the penalty on the mean loss, whatever the"
        f" batch. scikit-learn divides its alpha by the rows of the batch: for batches of {batch},"
        f" alpha={alpha:g} of scikit-learn is alpha={alpha / batch:.3g} here.",
        UserWarning,
    )


def warn_of_end(settings: Settings, result: Result) -> None:
    """Warn if training did not converge, was interrupted, diverged, or did not learn."""
    message, kind = None, ConvergenceWarning
    if result.reason in NOT_CONVERGED:
        message = NOT_CONVERGED[result.reason].format(settings)
    elif result.reason == "interrupted":
        message, kind = "Training interrupted by user.", UserWarning
    elif result.reason not in ("converged", "epoch", "horizon", "callback"):
        message = f"lbfgs: {result.reason}"
    if message:
        warn(message, kind)
    first, last = result.losses[0], result.losses[-1]
    if last > DIVERGED_LOSS_RATIO * max(first, settings.tol * result.unit):
        warn(
            f"Training ended at a loss of {last:.3g}, far above the {first:.3g} that it began with."
            " Lower learning_rate_init.",
            ConvergenceWarning,
        )
    elif result.trouble:
        warn(result.trouble, ConvergenceWarning)


def warn_of_few_rows(encoder: Encoder, n_samples: int) -> None:
    """Warn if the first call of partial_fit has too few rows to fit the encoding."""
    if n_samples >= MIN_FIRST_CHUNK_ROWS or not encoder.learns:
        return
    or_else = "" if encoder.counts else ", or set feature_scaling=None"
    warn(
        f"The first call of partial_fit saw {n_samples} rows, but it fixes the encoding of the"
        " columns (scales, medians, levels) for all later calls. Begin with a chunk of at least"
        f" {MIN_FIRST_CHUNK_ROWS} rows{or_else}.",
        UserWarning,
    )
