"""The numba twins of what a training step does element by element, and of a whole epoch.

Imported by no more than ``compiled``, for a fit that is large enough to repay the import of numba,
which no other module but ``vector_math`` imports. The pieces, each the twin of a numpy reference:

``forward(code, Z, b, slope)``
    ``Z <- sigma(Z + b)``, in place: bias and activation in one pass (``layers``, ``activations``).
    An activation in ``CURVED`` writes ``sigma'(Z)`` to `slope` as well.
``backward(code, delta, A, slope, db)``
    ``delta <- delta * sigma'(Z)`` and ``db <- sum of delta``, in one pass.
``value_delta(code, hyper, Y, Z, loss, delta)``
    The loss of each sample, and dL/dZ (``losses``); `hyper` holds the parameter of the loss.
``masked(A, mask, out)``
    The product with the mask of a dropout (``layers``); numpy draws the mask.
``penalise(W, dW, alpha)``
    ``dW <- dW + alpha W`` (``network``), where the gradient has to be seen as a whole.
``step(code, eta, t, hyper, n_weights, alpha, theta, g, state)``
    The optimizer's step (``optimizers``), the first parameters penalised in the same pass.
``look_up``, ``add_up`` and ``step_rows``
    The passes and the lazy step of an embedding (``embedding``, ``optimizers``).
``loss_grad(...)``
    The forward and the backward pass of some rows (``network``).
``update(...)``
    The penalty and the step of some parameters.
``run_epoch(...)``
    The loop of ``training`` over the last two, compiled whole.

`code` is the place of a name in ``ACTIVATIONS``, ``LOSSES`` or ``SOLVERS`` below. All arrays belong
to one member and are C-contiguous, float32 or float64, so that a function is compiled once for
each dtype.

What an embedding needs is one tuple, whose arrays are empty where there is none:

``first`` (q,)
    Row 0 of each column in E, which ends theta.
``touched`` (1 + n,)
    How many rows of E the batch holds, then these rows.
``places`` (n_rows of E,)
    The place of a row among them, -1 for all others.
``gathered`` (2 + states, n, dim)
    Of these rows theta, the gradient, and the state; no other rows have a gradient.
"""

from collections.abc import Callable
from math import erfc, pi, sqrt
from typing import Any

import numba
import numpy as np

from sknet._engine.activations import LAMBDA, LAMBDA_ALPHA, SLOPE
from sknet._engine.vector_math import exp, expm1, log1p, tanh

#: Of ``vector_math.py``, which is compiled into what numba's cache knows by this file alone.
VECTOR_MATH = "cac86e531015"

ACTIVATIONS = (
    "identity", "relu", "leaky_relu",
    "tanh", "logistic", "elu", "selu", "gelu", "silu", "mish", "softplus",
)  # fmt: skip
IDENTITY, RELU, LEAKY_RELU, TANH, LOGISTIC, ELU, SELU, GELU, SILU, MISH, SOFTPLUS = range(11)
#: From here on value and slope share their exponentials.
FIRST_CURVED = TANH

LOSSES = (
    ("log_loss", "softmax"), ("squared_error", "softmax"), ("quantile", "increments"),
    ("log_loss", "logistic"), ("squared_error", "logistic"), ("squared_error", "tanh"),
    ("squared_error", "softplus"), ("squared_error", "identity"), ("absolute_error", "identity"),
    ("huber", "identity"), ("quantile", "identity"), ("poisson", "exp"), ("gamma", "exp"),
    ("tweedie", "exp"),
)  # fmt: skip
(
    SOFTMAX_LOG_LOSS, SOFTMAX_SQUARES, INCREASING_QUANTILES, BINARY_LOG_LOSS, LOGISTIC_SQUARES,
    TANH_SQUARES, SOFTPLUS_SQUARES, SQUARES, ABSOLUTE, HUBER, QUANTILE, POISSON, GAMMA, TWEEDIE,
) = range(14)  # fmt: skip

SOLVERS = ("adam", "adamw", "sgd", "rmsprop")
ADAM, ADAMW, SGD, RMSPROP = range(4)


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Compile on first call, cached on disk where a folder for that can be written."""
    options = {"error_model": "numpy", "nogil": True, **options}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder that can be written
        return numba.njit(**options)(function)


def compiled_with_sums(function: Callable[..., Any]) -> Any:
    """Compile so that sums run in several lanes, and are taken together at the end."""
    return compiled(function, fastmath={"reassoc", "nsz", "contract"})


@compiled
def identity_forward(Z, b):
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] += b[j]


@compiled
def identity_backward(delta, A, db):
    db[:] = 0
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            db[j] += delta[i, j]


@compiled
def relu_forward(Z, b):
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = zero if z <= zero else z  # NaN stays NaN


@compiled
def relu_backward(delta, A, db):
    zero, one = delta.dtype.type(0), delta.dtype.type(1)
    db[:] = 0
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            d = delta[i, j] * (one if A[i, j] > zero else zero)
            delta[i, j] = d
            db[j] += d


@compiled
def leaky_relu_forward(Z, b):
    zero, slope = Z.dtype.type(0), Z.dtype.type(SLOPE)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = z * slope if z <= zero else z


@compiled
def leaky_relu_backward(delta, A, db):
    zero, one, slope = delta.dtype.type(0), delta.dtype.type(1), delta.dtype.type(SLOPE)
    db[:] = 0
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            d = delta[i, j] * (one if A[i, j] > zero else slope)
            delta[i, j] = d
            db[j] += d


@compiled
def tanh_forward(Z, b, slope):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            a = tanh(Z[i, j] + b[j])
            Z[i, j], slope[i, j] = a, one - a * a


@compiled
def logistic_forward(Z, b, slope):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            a = one / (one + exp(-(Z[i, j] + b[j])))
            Z[i, j], slope[i, j] = a, a * (one - a)


@compiled
def elu_forward(Z, b, slope):
    zero, one = Z.dtype.type(0), Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            e = expm1(zero if z > zero else z)  # NaN fails the comparison, and stays NaN
            Z[i, j], slope[i, j] = (z if z > zero else e), e + one


@compiled
def selu_forward(Z, b, slope):
    zero, cast = Z.dtype.type(0), Z.dtype.type
    scale, scale_alpha = cast(LAMBDA), cast(LAMBDA_ALPHA)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            e = scale_alpha * expm1(zero if z > zero else z)
            Z[i, j] = scale * z if z > zero else e
            slope[i, j] = scale if z > zero else e + scale_alpha


@compiled
def gelu_forward(Z, b, slope):
    half, cast = Z.dtype.type(0.5), Z.dtype.type
    root, height = cast(sqrt(0.5)), cast(1.0 / sqrt(2.0 * pi))
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            p = half * cast(erfc(-z * root))
            Z[i, j], slope[i, j] = z * p, p + z * height * exp(-half * z * z)


@compiled
def silu_forward(Z, b, slope):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            s = one / (one + exp(-z))
            Z[i, j], slope[i, j] = z * s, s + z * s * (one - s)


@compiled
def mish_forward(Z, b, slope):
    two, four, far = Z.dtype.type(2), Z.dtype.type(4), Z.dtype.type(20)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            e = exp(far if z > far else z)
            n = e * (e + two)
            m = n + two
            Z[i, j], slope[i, j] = z * n / m, (n + four * z * (n - e) / m) / m


@compiled
def softplus_forward(Z, b, slope):
    zero, one = Z.dtype.type(0), Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            e = exp(-abs(z))
            Z[i, j] = (zero if z <= zero else z) + log1p(e)
            slope[i, j] = (e if z <= zero else one) / (one + e)


@compiled
def curved_backward(delta, slope, db):
    db[:] = 0
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            d = delta[i, j] * slope[i, j]
            delta[i, j] = d
            db[j] += d


@compiled
def binary_log_loss(Y, Z, loss, delta):
    zero, one = Z.dtype.type(0), Z.dtype.type(1)
    y, z, d = Y.reshape(-1), Z.reshape(-1), delta.reshape(-1)
    for i in range(z.size):
        e = exp(-abs(z[i]))
        d[i] = (one if z[i] >= zero else e) / (one + e) - y[i]
        z[i] = (zero if z[i] <= zero else z[i]) + log1p(e) - y[i] * z[i]
    for i in range(Z.shape[0]):
        loss[i] = np.sum(Z[i])


@compiled_with_sums
def softmax_log_loss(Y, Z, loss, delta):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        largest, total, value = Z[i, 0], Z.dtype.type(0), Z.dtype.type(0)
        for j in range(1, Z.shape[1]):
            largest = max(largest, Z[i, j])
        for j in range(Z.shape[1]):
            e = exp(Z[i, j] - largest)
            delta[i, j] = e
            total += e
        log_total, share = np.log(total), one / total
        for j in range(Z.shape[1]):
            y = Y[i, j]
            value += y * (log_total - (Z[i, j] - largest))
            delta[i, j] = delta[i, j] * share - y
        loss[i] = value


@compiled_with_sums
def softmax_squared_error(Y, Z, loss, delta):
    zero, half, one = Z.dtype.type(0), Z.dtype.type(0.5), Z.dtype.type(1)
    for i in range(Z.shape[0]):
        largest, total, value, mean = Z[i, 0], zero, zero, zero
        for j in range(1, Z.shape[1]):
            largest = max(largest, Z[i, j])
        for j in range(Z.shape[1]):
            e = exp(Z[i, j] - largest)
            Z[i, j] = e
            total += e
        share = one / total
        for j in range(Z.shape[1]):
            p = Z[i, j] * share
            g = p - Y[i, j]
            Z[i, j], delta[i, j] = p, g
            value += g * g
            mean += g * p
        loss[i] = half * value
        for j in range(Z.shape[1]):
            delta[i, j] = Z[i, j] * (delta[i, j] - mean)


@compiled
def linked_squared_error(activation, Y, Z, loss, delta):
    half = Z.dtype.type(0.5)
    forward(activation, Z, np.zeros(Z.shape[1], Z.dtype), delta)
    for i in range(Z.shape[0]):
        total = Z.dtype.type(0)
        for j in range(Z.shape[1]):
            r = Z[i, j] - Y[i, j]
            total += r * r
            delta[i, j] *= r
        loss[i] = half * total


@compiled
def increasing_quantiles(levels, Y, Z, loss, delta):
    cast = Z.dtype.type
    zero, one = cast(0), cast(1)
    for i in range(Z.shape[0]):
        q, value = Z[i, 0], zero
        for k in range(Z.shape[1]):
            z, slope = Z[i, k], one
            if k > 0:
                e = exp(-abs(z))
                q += (zero if z <= zero else z) + log1p(e)
                slope = (e if z <= zero else one) / (one + e)
            Z[i, k] = slope
            r = q - Y[i, 0]
            delta[i, k] = cast(0.5) * np.sign(r) + cast(0.5 - levels[k])
            value += r * delta[i, k]
        loss[i] = value
        total = zero
        for k in range(Z.shape[1] - 1, -1, -1):
            total += delta[i, k]
            delta[i, k] = Z[i, k] * total


@compiled
def of_an_output(code, hyper, y, z, cast):
    """Return the loss of an output, and its slope."""
    zero, half = cast(0), cast(0.5)
    r = z - y
    if code == SQUARES:
        return half * r * r, r
    if code == ABSOLUTE:
        return abs(r), np.sign(r)
    if code == HUBER:
        d = cast(hyper[0])
        c = d if r > d else -d if r < -d else r
        return c * (r - half * c), c
    if code == QUANTILE:
        slope = half * np.sign(r) + cast(0.5 - hyper[0])
        return r * slope, slope
    if code == POISSON:
        mu = np.exp(z)
        y_log_y = y * np.log(y) if y > zero else zero
        return y_log_y - y * z + mu - y, mu - y
    log_y = np.log(y)
    if code == GAMMA:
        e = np.expm1(log_y - z)
        return e - (log_y - z), -e
    a, b = cast(2.0 - hyper[0]), cast(1.0 - hyper[0])  # TWEEDIE
    mu_a, y_mu_b = np.exp(a * z), np.exp(log_y + b * z)
    return mu_a / a - y_mu_b / b + np.exp(a * log_y) / (a * b), mu_a - y_mu_b


@compiled
def by_output(code, hyper, Y, Z, loss, delta):
    for i in range(Z.shape[0]):
        total = Z.dtype.type(0)
        for j in range(Z.shape[1]):
            value, delta[i, j] = of_an_output(code, hyper, Y[i, j], Z[i, j], Z.dtype.type)
            total += value
        loss[i] = total


@compiled
def penalise(W, dW, alpha):
    alpha_ = W.dtype.type(alpha)
    for i in range(W.size):
        dW[i] += alpha_ * W[i]


@compiled
def adam(eta, t, hyper, alpha, keep, theta, g, m, v):
    beta_1, beta_2, epsilon = hyper[0], hyper[1], hyper[2]
    m_scale = (1.0 - beta_1) / (1.0 - beta_1**t)
    v_scale = ((1.0 - beta_2) / (1.0 - beta_2**t)) ** 0.5
    cast = theta.dtype.type
    b1, b2, alpha_, keep_ = cast(beta_1), cast(beta_2), cast(alpha), cast(keep)
    eps, rate = cast(epsilon / v_scale), cast(eta * m_scale / v_scale)
    for i in range(theta.size):
        g_i = g[i] + alpha_ * theta[i]
        m[i] = b1 * m[i] + g_i
        v[i] = b2 * v[i] + g_i * g_i
        theta[i] = keep_ * theta[i] - rate * (m[i] / (np.sqrt(v[i]) + eps))


@compiled
def sgd(eta, hyper, alpha, theta, g, v):
    cast = theta.dtype.type
    mu, rate, alpha_ = cast(hyper[0]), cast(eta), cast(alpha)
    if hyper[0] == 0.0:
        for i in range(theta.size):
            theta[i] -= rate * (g[i] + alpha_ * theta[i])
    elif hyper[1]:
        for i in range(theta.size):
            s = rate * (g[i] + alpha_ * theta[i])
            v[i] = mu * v[i] - s
            theta[i] += mu * v[i] - s
    else:
        for i in range(theta.size):
            v[i] = mu * v[i] - rate * (g[i] + alpha_ * theta[i])
            theta[i] += v[i]


@compiled
def rmsprop(eta, hyper, alpha, theta, g, v):
    cast = theta.dtype.type
    rho, rest, eps = cast(hyper[0]), cast(1.0 - hyper[0]), cast(hyper[1])
    rate, alpha_ = cast(eta), cast(alpha)
    for i in range(theta.size):
        g_i = g[i] + alpha_ * theta[i]
        v[i] = rho * v[i] + rest * (g_i * g_i)
        theta[i] -= rate * (g_i / (np.sqrt(v[i]) + eps))


@compiled
def forward(code, Z, b, slope):
    if code == IDENTITY:
        identity_forward(Z, b)
    elif code == RELU:
        relu_forward(Z, b)
    elif code == LEAKY_RELU:
        leaky_relu_forward(Z, b)
    elif code == TANH:
        tanh_forward(Z, b, slope)
    elif code == LOGISTIC:
        logistic_forward(Z, b, slope)
    elif code == ELU:
        elu_forward(Z, b, slope)
    elif code == SELU:
        selu_forward(Z, b, slope)
    elif code == GELU:
        gelu_forward(Z, b, slope)
    elif code == SILU:
        silu_forward(Z, b, slope)
    elif code == MISH:
        mish_forward(Z, b, slope)
    else:
        softplus_forward(Z, b, slope)


@compiled
def backward(code, delta, A, slope, db):
    if code == IDENTITY:
        identity_backward(delta, A, db)
    elif code == RELU:
        relu_backward(delta, A, db)
    elif code == LEAKY_RELU:
        leaky_relu_backward(delta, A, db)
    else:
        curved_backward(delta, slope, db)


@compiled
def value_delta(code, hyper, Y, Z, loss, delta):
    """Write the loss of each sample and dL/dZ; `Z` is used up."""
    if code == SOFTMAX_LOG_LOSS:
        softmax_log_loss(Y, Z, loss, delta)
    elif code == SOFTMAX_SQUARES:
        softmax_squared_error(Y, Z, loss, delta)
    elif code == INCREASING_QUANTILES:
        increasing_quantiles(hyper, Y, Z, loss, delta)
    elif code == BINARY_LOG_LOSS:
        binary_log_loss(Y, Z, loss, delta)
    elif code == LOGISTIC_SQUARES:
        linked_squared_error(LOGISTIC, Y, Z, loss, delta)
    elif code == TANH_SQUARES:
        linked_squared_error(TANH, Y, Z, loss, delta)
    elif code == SOFTPLUS_SQUARES:
        linked_squared_error(SOFTPLUS, Y, Z, loss, delta)
    else:
        by_output(code, hyper, Y, Z, loss, delta)


@compiled
def move(code, eta, t, hyper, alpha, keep, theta, g, state):
    """Take step t of parameters that are penalised by `alpha`, and decay to `keep` times theirs."""
    if code == ADAM or code == ADAMW:
        adam(eta, t, hyper, alpha, keep, theta, g, state[0], state[1])
    elif code == SGD:
        sgd(eta, hyper, alpha, theta, g, state[0])
    else:
        rmsprop(eta, hyper, alpha, theta, g, state[0])


@compiled
def step(code, eta, t, hyper, n_weights, alpha, theta, g, state):
    keep = 1.0 - eta * hyper[3] if code == ADAMW else 1.0
    n, (a, b) = n_weights, state
    move(code, eta, t, hyper, alpha, keep, theta[:n], g[:n], (a[:n], b[:n]))
    move(code, eta, t, hyper, 0.0, 1.0, theta[n:], g[n:], (a[n:], b[n:]))


@compiled
def weights(theta, start, n_in, n_out):
    """Return the view of theta from `start` on as W (n_in, n_out)."""
    return theta[start : start + n_in * n_out].reshape(n_in, n_out)


@compiled
def slopes(S, start, A, code):
    """Return the view of S from `start` on like A, for a curved activation; A for others."""
    return weights(S, start, A.shape[0], A.shape[1]) if code >= FIRST_CURVED else A


@compiled
def masked(A, mask, out):
    """Write A times the mask of a dropout to `out`, which may be A; return it."""
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            out[i, j] = A[i, j] * mask[i, j]
    return out


@compiled
def gather(X, rows, out):
    """Write these rows of X to `out`, as far as they fit: X may have a column of ones more."""
    for i in range(rows.size):
        r = rows[i]
        for j in range(out.shape[1]):
            out[i, j] = X[r, j]


@compiled
def look_up(X, rows, E, A, embedded):
    """Write the numbers of these rows of X, and the rows of E for their codes, to A.

    The rows of E are gathered, with a gradient of zero.
    """
    first, touched, places, gathered = embedded
    q, dim, n = first.size, E.shape[1], 0
    n_numeric = X.shape[1] - q
    for k in range(touched[0]):
        places[touched[1 + k]] = -1
    for i in range(rows.size):
        x = X[rows[i]]
        for j in range(n_numeric):
            A[i, j] = x[j]
        for j in range(q):
            r = first[j] + int(x[n_numeric + j])
            if places[r] < 0:
                places[r], touched[1 + n] = n, r
                for c in range(dim):
                    gathered[0, n, c] = E[r, c]
                    gathered[1, n, c] = 0
                n += 1
            for c in range(dim):
                A[i, n_numeric + j * dim + c] = E[r, c]
    touched[0] = n


@compiled
def add_up(X, rows, dA, embedded):
    """Add dA, that of the output of `look_up`, to the gradients of the rows of E."""
    first, _, places, gathered = embedded
    q, dim = first.size, gathered.shape[2]
    n_numeric = X.shape[1] - q
    for i in range(rows.size):
        for j in range(q):
            place = places[first[j] + int(X[rows[i], n_numeric + j])]
            for c in range(dim):
                gathered[1, place, c] += dA[i, n_numeric + j * dim + c]


@compiled
def step_rows(code, eta, t, hyper, E, state, embedded):
    """Take step t for the rows of E that the batch holds; E and its state are flat."""
    _, touched, _, gathered = embedded
    n, dim, last = touched[0], gathered.shape[2], len(gathered) - 1
    for s in range(2, last + 1):
        for k in range(n):
            at = touched[1 + k] * dim
            for c in range(dim):
                gathered[s, k, c] = state[s - 2][at + c]
    flat = gathered.reshape(last + 1, -1)[:, : n * dim]
    step(code, eta, t, hyper, 0, 0.0, flat[0], flat[1], (flat[2], flat[last]))
    for k in range(n):
        at = touched[1 + k] * dim
        for c in range(dim):
            E[at + c] = gathered[0, k, c]
            for s in range(2, last + 1):
                state[s - 2][at + c] = gathered[s, k, c]


@compiled
def loss_grad(
    X, Y, w, rows, n, units, activations, loss_code, loss_hyper, drops, theta, g,
    A, S, dA, loss, M, D, embedded,
):  # fmt: skip
    """Write to g the gradient of the mean loss of n rows, as far as `rows` are among them.

    Returns their share of the mean loss. A holds the batch and the output of each layer, S the
    slopes of curved activations, dA the target and the delta of each layer from the last one on,
    one after another. Where ``drops[k]``, M holds the mask of the input of layer k, and D receives
    that input times the mask. g is dense: the gradient of an embedding is in `embedded`.
    """
    n_rows, n_layers, cast = rows.size, units.size - 1, theta.dtype.type
    before = n_rows * units[0]  # elements of A before those that S has a place for
    looks_up, n_table, dim = embedded[0].size > 0, embedded[2].size, embedded[3].shape[2]
    a, d = 0, n_rows * units[n_layers]
    Y_b, delta = weights(dA, 0, n_rows, Y.shape[1]), weights(dA, d, n_rows, units[n_layers])
    A_in = weights(A, a, n_rows, units[0])
    if looks_up:
        look_up(X, rows, weights(theta, theta.size - n_table * dim, n_table, dim), A_in, embedded)
    else:
        gather(X, rows, A_in)
    gather(Y, rows, Y_b)

    n_weights = np.sum(units[:-1] * units[1:])  # from the last layer to the first, then biases
    at_W, at_b, m = n_weights, n_weights, 0
    for k in range(n_layers):
        if drops[k]:
            A_in = masked(A_in, weights(M, m, n_rows, units[k]), weights(D, m, n_rows, units[k]))
            m += n_rows * units[k]
        a += n_rows * units[k]
        Z = weights(A, a, n_rows, units[k + 1])
        at_W -= units[k] * units[k + 1]
        np.dot(A_in, weights(theta, at_W, units[k], units[k + 1]), Z)
        slope = slopes(S, a - before, Z, activations[k])
        forward(activations[k], Z, theta[at_b : at_b + units[k + 1]], slope)
        at_b += units[k + 1]
        A_in = Z

    value_delta(loss_code, loss_hyper, Y_b, A_in, loss, delta)
    value, scale = 0.0, cast(1.0 / n)
    for i in range(n_rows):
        w_i = w[rows[i]] if w.size else cast(1)
        value += loss[i] * w_i
        for j in range(delta.shape[1]):
            delta[i, j] *= w_i * scale

    for k in range(n_layers - 1, -1, -1):
        at_b -= units[k + 1]
        out = weights(A, a, n_rows, units[k + 1])
        slope = slopes(S, a - before, out, activations[k])
        backward(activations[k], delta, out, slope, g[at_b : at_b + units[k + 1]])
        a -= n_rows * units[k]
        A_in = weights(A, a, n_rows, units[k])
        if drops[k]:
            m -= n_rows * units[k]
            A_in = weights(D, m, n_rows, units[k])
        np.dot(A_in.T, delta, weights(g, at_W, units[k], units[k + 1]))
        if k > 0 or looks_up:
            d += n_rows * units[k + 1]
            dX = weights(dA, d, n_rows, units[k])
            np.dot(delta, weights(theta, at_W, units[k], units[k + 1]).T, dX)
            delta = masked(dX, weights(M, m, n_rows, units[k]), dX) if drops[k] else dX
        at_W += units[k] * units[k + 1]
    if looks_up:
        add_up(X, rows, delta, embedded)
    return value / n


@compiled
def update(
    start, stop, n_weights, alpha, clip, solver, hyper, eta, t, theta, grads, state, embedded
):  # fmt: skip
    """Add up the rows of `grads`, add the penalty, and take step t, for theta[start:stop].

    Returns the penalty of these parameters. `grads` is used up. A norm of the gradient above
    `clip` is scaled down to that. An embedding begins at `stop`.
    """
    g = grads[0, start:stop]
    for k in range(1, len(grads)):
        for i in range(start, stop):
            g[i - start] += grads[k, i]
    own = max(0, min(stop, n_weights) - start)  # the weights are the first parameters
    W = theta[start : start + own]
    value = 0.5 * alpha * np.dot(W, W) if alpha else 0.0
    _, touched, _, gathered = embedded
    if clip < np.inf:
        penalise(W, g[:own], alpha)
        alpha = 0.0
        dE = gathered[1].reshape(-1)[: touched[0] * gathered.shape[2]]
        norm = np.sqrt(np.dot(g, g) + np.dot(dE, dE))
        if norm > clip:
            factor = g.dtype.type(clip / norm)
            for i in range(g.size):
                g[i] *= factor
            for i in range(dE.size):
                dE[i] *= factor
    own_state = (state[0][start:stop], state[1][start:stop])
    step(solver, eta, t, hyper, own, alpha, theta[start:stop], g, own_state)
    if touched[0] > 0:
        tables = (state[0][stop:], state[1][stop:])
        step_rows(solver, eta, t, hyper, theta[stop:], tables, embedded)
    return value


@compiled
def run_epoch(
    X, Y, w, order, batch_size, units, activations, loss_code, loss_hyper, alpha, clip,
    solver, hyper, rates, t, theta, grads, state, A, S, dA, loss, embedded,
):  # fmt: skip
    """Take a step for each batch of the rows `order`; return the sum of losses and the steps.

    `rates` begins with the learning rates of these steps. The losses are weighted by batch sizes;
    training stops at the first one that is not finite.
    """
    n_weights, drops = np.sum(units[:-1] * units[1:]), np.zeros(units.size - 1, np.bool_)
    total, n_steps = 0.0, 0
    for start in range(0, order.size, batch_size):
        rows = order[start : start + batch_size]
        value = loss_grad(
            X, Y, w, rows, rows.size, units, activations, loss_code, loss_hyper, drops, theta,
            grads[0], A, S, dA, loss, loss, loss, embedded,
        )  # fmt: skip
        total += value * rows.size
        if not np.isfinite(value):
            break
        eta = rates[n_steps]
        n_steps += 1
        total += rows.size * update(
            0, grads.shape[1], n_weights, alpha, clip, solver, hyper, eta, t + n_steps,
            theta, grads, state, embedded,
        )  # fmt: skip
    return total, n_steps
