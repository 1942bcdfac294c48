"""Many classes or labels: no array of rows times classes that scikit-learn does not need either."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.neural_network import MLPClassifier

from tests.marks import ignore_convergence
from tests.plain import MLPBackpropClassifier

pytestmark = [
    ignore_convergence,
    pytest.mark.filterwarnings("ignore:The hold-out of early stopping is random"),
]
N, K = 12000, 500
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 10))
Y = np.concatenate([np.arange(K), RNG.integers(0, K, N - K)])
LABELS = sp.csr_array((np.ones(2 * N), (np.tile(np.arange(N), 2), np.concatenate([Y, Y[::-1]]))))
LABELS.sum_duplicates()
LABELS.data[:] = 1
TARGETS = {
    "numbers": Y,
    "text": np.array([f"label {code}" for code in Y]),
    "label indicators": LABELS.toarray().astype(int),
    "sparse label indicators": LABELS.astype(int),
}


def peak_of(call):
    """The most memory that a call takes, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def fit(cls, y=Y, method="fit", **params):
    params = {"hidden_layer_sizes": (5,), "max_iter": 1, "random_state": 0} | params
    more = {"classes": np.arange(K)} if method == "partial_fit" else {}
    return lambda: getattr(cls(**params), method)(X, y, **more)


@pytest.mark.parametrize("target", TARGETS)
def test_a_fit_takes_at_most_the_memory_of_scikit_learn(target):
    ours, theirs = (fit(c, TARGETS[target]) for c in (MLPBackpropClassifier, MLPClassifier))
    assert peak_of(ours) < 1.2 * peak_of(theirs)


@pytest.mark.parametrize("params", [{"early_stopping": True}, {"solver": "lbfgs"}, {}], ids=str)
def test_so_do_other_fits(params):
    method = "fit" if params else "partial_fit"
    ours, theirs = (fit(c, method=method, **params) for c in (MLPBackpropClassifier, MLPClassifier))
    assert peak_of(ours) < 1.2 * peak_of(theirs)


@pytest.mark.parametrize(
    "params",
    [
        {"n_members": 3},
        {"shuffle": False},
        {"label_smoothing": 0.1},
        {"loss": "squared_error"},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
def test_rows_times_classes_are_never_held_at_once(params):
    assert peak_of(fit(MLPBackpropClassifier, **params)) < 0.5 * N * K * 4


def test_validation_rows_are_codes_too():
    def with_validation():
        model = MLPBackpropClassifier((5,), max_iter=1, early_stopping=True)
        model.fit(X, Y, X_val=X[:100], y_val=Y[:100])

    assert peak_of(with_validation) < 0.5 * N * K * 4
