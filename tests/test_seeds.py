"""Full-batch gradient descent equals the textbook's equations, written out in both their forms.

The start is what the estimator holds after its first epoch; it goes on by warm start.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

N_STEPS = 29

# g and g' as functions of z.
FUNCTIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "logistic": (
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    ),
    "tanh": (
        lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
        lambda z: 4 / (np.exp(z) + np.exp(-z)) ** 2,
    ),
    "relu": (lambda z: np.maximum(0, z), lambda z: np.where(z > 0, 1.0, 0.0)),
}


def row_form(X, y, W, b, names, alpha):
    """One sample a row; the gradients are sums over samples; alpha is the learning rate."""
    W, b, L = dict(enumerate(W, 1)), dict(enumerate(b, 1)), len(W)
    sigma, sigma_prime = ({k: FUNCTIONS[n][i] for k, n in enumerate(names, 1)} for i in (0, 1))
    losses = []
    for _ in range(N_STEPS):
        A, Z, delta = {0: X}, {}, {}
        for k in range(1, L + 1):
            Z[k] = A[k - 1] @ W[k] + b[k]
            A[k] = sigma[k](Z[k])
        losses.append(np.sum((A[L] - y) ** 2) / 2)
        delta[L] = (A[L] - y) * sigma_prime[L](Z[L])
        for k in range(L - 1, 0, -1):
            delta[k] = (delta[k + 1] @ W[k + 1].T) * sigma_prime[k](Z[k])
        for k in range(1, L + 1):
            W[k] = W[k] - alpha * A[k - 1].T @ delta[k]
            b[k] = b[k] - alpha * delta[k].sum(axis=0)
    return list(W.values()), list(b.values()), losses


def binary_cross_entropy(y, a):
    return -(y * np.log(a) + (1 - y) * np.log(1 - a)), -y / a + (1 - y) / (1 - a)


def mean_squared_error(y, a):
    return (y - a) ** 2, 2 * (a - y)


def column_form(X, y, W, b, names, alpha, loss):
    """One sample a column; 1/m counts once; alpha is the learning rate."""
    W, b, L = dict(enumerate(W, 1)), dict(enumerate(b, 1)), len(W)
    g, g_prime = ({k: FUNCTIONS[n][i] for k, n in enumerate(names, 1)} for i in (0, 1))
    m, losses = X.shape[1], []
    for _ in range(N_STEPS):
        A, Z, delta = {0: X}, {}, {}
        for k in range(1, L + 1):
            Z[k] = W[k] @ A[k - 1] + b[k]
            A[k] = g[k](Z[k])
        value, dA = loss(y, A[L])
        losses.append(value.sum() / m)
        delta[L] = dA * g_prime[L](Z[L])
        for k in range(L - 1, 0, -1):
            delta[k] = W[k + 1].T @ delta[k + 1] * g_prime[k](Z[k])
        for k in range(1, L + 1):
            W[k] = W[k] - alpha / m * delta[k] @ A[k - 1].T
            b[k] = b[k] - alpha / m * delta[k].sum(axis=1, keepdims=True)
    return list(W.values()), list(b.values()), losses


def softmax_form(X, Y, W, b, name, alpha):
    """One hidden layer, softmax cross-entropy -sum_j y_j log a_j, its Jacobian written out."""
    (W1, W2), (b1, b2), (g, g_prime) = W, b, FUNCTIONS[name]
    n, losses = len(X), []
    for _ in range(N_STEPS):
        Z1 = X @ W1 + b1
        A1 = g(Z1)
        e = np.exp(A1 @ W2 + b2)
        A2 = e / e.sum(axis=1, keepdims=True)
        losses.append(-np.sum(Y * np.log(A2)) / n)
        jacobian = A2[:, :, None] * (np.eye(Y.shape[1]) - A2[:, None, :])
        delta2 = np.einsum("ij,ijk->ik", -Y / A2, jacobian)
        delta1 = (delta2 @ W2.T) * g_prime(Z1)
        W1, W2 = W1 - alpha / n * X.T @ delta1, W2 - alpha / n * A1.T @ delta2
        b1, b2 = b1 - alpha / n * delta1.sum(axis=0), b2 - alpha / n * delta2.sum(axis=0)
    return [W1, W2], [b1, b2], losses


def plain_descent(estimator, activation, learning_rate_init, hidden_layer_sizes=(5, 4), **options):
    return estimator(
        hidden_layer_sizes,
        activation,
        feature_scaling=None,  # the equations do not scale X
        solver="sgd",
        momentum=0,
        batch_size=N_SAMPLES,
        shuffle=False,
        alpha=0,
        learning_rate_init=learning_rate_init,
        max_iter=1,
        tol=0,
        n_iter_no_change=np.inf,
        warm_start=True,
        dtype="float64",
        random_state=0,
        **options,
    )


def regressor_to(out):
    """Parameters of a regressor with this output, whose loss is in the units of y."""
    return {"out_activation": out} | ({"target_scaling": False} if out == "identity" else {})


def first_then_others(estimator, X, y):
    """Parameters after the first step and after all, and the losses of the later steps."""
    estimator.fit(X, y)
    start = [a.copy() for a in estimator.coefs_], [a.copy() for a in estimator.intercepts_]
    estimator.set_params(max_iter=N_STEPS).fit(X, y)
    return start, (estimator.coefs_, estimator.intercepts_, estimator.loss_curve_[1:])


def assert_same(found, expected, loss_factor=1.0):
    for parameters, reference in zip(found[:2], expected[:2], strict=True):
        for a, b in zip(parameters, reference, strict=True):
            assert_allclose(a, b.reshape(a.shape), rtol=1e-12, atol=1e-12)
    assert_allclose(found[2], np.multiply(expected[2], loss_factor), rtol=1e-12)


N_SAMPLES = 25
every_hidden = pytest.mark.parametrize("hidden", ["tanh", "logistic", "relu"])


@pytest.fixture(name="X")
def inputs():
    return np.random.default_rng(0).normal(size=(N_SAMPLES, 3))


@pytest.fixture
def labels(X):
    return (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture
def numbers(X):
    """Two targets between 0 and 1."""
    return np.stack([0.5 + 0.4 * np.sin(X[:, 0]), 0.5 + 0.4 * np.cos(X[:, 1])], axis=1)


@every_hidden
@pytest.mark.parametrize("out", ["logistic", "tanh", "identity"])
def test_row_form_with_a_regressor(X, numbers, hidden, out):
    alpha = 0.02
    model = plain_descent(MLPBackpropRegressor, hidden, alpha * N_SAMPLES, **regressor_to(out))
    start, found = first_then_others(model, X, numbers)
    expected = row_form(X, numbers, *start, [hidden, hidden, out], alpha)
    assert_same(found, expected, loss_factor=1 / N_SAMPLES)


@every_hidden
def test_row_form_with_a_classifier(X, labels, hidden):
    alpha = 0.02
    model = plain_descent(MLPBackpropClassifier, hidden, alpha * N_SAMPLES, loss="squared_error")
    start, found = first_then_others(model, X, labels)
    expected = row_form(X, labels[:, None], *start, [hidden, hidden, "logistic"], alpha)
    assert_same(found, expected, loss_factor=1 / N_SAMPLES)


def in_columns(start):
    coefs, intercepts = start
    return [W.T for W in coefs], [b[:, None] for b in intercepts]


def in_rows(result):
    coefs, intercepts, losses = result
    return [W.T for W in coefs], intercepts, losses


@every_hidden
def test_column_form_of_binary_cross_entropy(X, labels, hidden):
    alpha = 0.5
    model = plain_descent(MLPBackpropClassifier, hidden, alpha)
    start, found = first_then_others(model, X, labels)
    names = [hidden, hidden, "logistic"]
    expected = column_form(
        X.T, labels[None], *in_columns(start), names, alpha, binary_cross_entropy
    )
    assert_same(found, in_rows(expected))


@every_hidden
@pytest.mark.parametrize("out", ["identity", "logistic"])
def test_column_form_of_the_mean_squared_error(X, numbers, hidden, out):
    alpha = 0.1
    model = plain_descent(MLPBackpropRegressor, hidden, 2 * alpha, **regressor_to(out))
    start, found = first_then_others(model, X, numbers)
    names = [hidden, hidden, out]
    expected = column_form(X.T, numbers.T, *in_columns(start), names, alpha, mean_squared_error)
    assert_same(found, in_rows(expected), loss_factor=0.5)


@every_hidden
def test_softmax_cross_entropy(X, hidden):
    labels = np.digitize(X[:, 0], [-0.5, 0.5])
    model = plain_descent(MLPBackpropClassifier, hidden, 0.3, hidden_layer_sizes=(5,))
    start, found = first_then_others(model, X, labels)
    assert_same(found, softmax_form(X, np.eye(3)[labels], *start, hidden, 0.3))
