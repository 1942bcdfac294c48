"""Parametrizations and filters that many test files share."""

import re

import numpy as np
import pytest
import scipy.sparse

from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

ESTIMATORS = [MLPBackpropClassifier, MLPBackpropRegressor]
STOCHASTIC = ["sgd", "adam", "adamw", "rmsprop"]
SOLVERS = ["lbfgs", *STOCHASTIC]

each_estimator = pytest.mark.parametrize("cls", ESTIMATORS)
each_stochastic_solver = pytest.mark.parametrize("solver", STOCHASTIC)
each_solver = pytest.mark.parametrize("solver", SOLVERS)
#: One solver of each kind: adaptive steps, plain steps, full batches.
each_kind_of_solver = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
each_format = pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
#: Also warnings of lbfgs about its end.
ignore_lbfgs = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:lbfgs"
)
#: A test that passes unknown levels on purpose.
unknown_levels = pytest.mark.filterwarnings("ignore:.*levels that training did not see")


def readable(value):
    """The id of a parameter, without addresses of functions: they differ between processes."""
    return re.sub(" at 0x[0-9a-f]+", "", str(value))
