"""The parts of a fitted estimator in plain numpy: exported files hold copies of these functions.

Each function uses numpy, the standard library and other functions of this module alone. With
several members, values have the axes (members, samples, units); else (samples, units).
"""

import math

import numpy as np

# ------------------------------------------------------------ rows of X


def has_columns(X):
    """Whether X has columns, as a dict or a DataFrame has, and is not a sequence of rows."""
    return hasattr(X, "keys") or hasattr(X, "columns")


def n_rows(X):
    """Return the number of rows."""
    return len(column(X, 0)) if has_columns(X) else len(X)


def column(X, k):
    """Return the k-th column: by its name, if X has names; else by its number."""
    if has_columns(X):
        return X[COLUMNS[k]]
    return X[:, k] if hasattr(X, "shape") else [row[k] for row in X]


def read_number(value):
    """Return a number; NaN for None and other marks of missing values."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return math.nan
    return float(value)


def read_numbers(X, columns):
    """Return columns of numbers as a matrix, NaN where missing."""
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    numbers = np.empty((n_rows(X), len(columns)), dtype)
    for place, k in enumerate(columns):
        values = column(X, k)
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            array = np.array([read_number(value) for value in values])
        numbers[:, place] = array
    return numbers


def read_codes(X, k):
    """Return the codes of a category; 0 for missing and unknown levels."""
    codes = CODES[k]
    return np.array([codes.get(value, 0) for value in column(X, k)], dtype=int)


def without_codes(numbers, codes, tolerance):
    """Return numbers with NaN in place of codes for missing ones, such as -999."""
    codes = codes.astype(numbers.dtype)
    return np.where(np.abs(numbers - codes) <= tolerance * np.abs(codes), np.nan, numbers)


# ------------------------------------------------------------ columns of the network's input


def filled(X, medians):
    """Return numbers with the median in place of missing ones."""
    return np.where(np.isnan(X), medians.astype(X.dtype), X)


def between(X, low, high):
    """Return numbers within the bounds of their columns."""
    return np.minimum(np.maximum(X, low.astype(X.dtype)), high.astype(X.dtype))


def scaled(X, centre, factor):
    """(x - centre) factor."""
    return (X - centre.astype(X.dtype)) * factor.astype(X.dtype)


def smoothly_clipped(U, bound):
    """U / sqrt(1 + (U / bound)^2)."""
    return U / np.sqrt(1.0 + (U / bound) ** 2)


def interpolated(X, knots, heights):
    """Return the height of each number on the curve of its column, given halves of the knots."""
    curves = zip(X.T / 2.0, knots, heights, strict=True)
    return np.stack([np.interp(x, at, height) for x, at, height in curves], axis=1)


def missing(X):
    """1 where a number is missing, else 0."""
    return np.isnan(X).astype(float)


def signs(codes):
    """-1 and +1; 0 where missing or unknown."""
    return np.array([0.0, -1.0, 1.0])[codes][:, None]


def one_hot(codes, count):
    """A column for each of the codes 1, 2, ..., `count`: 1 where it is, else 0."""
    return (codes[:, None] == np.arange(1, count + 1)).astype(float)


# ------------------------------------------------------------ layers before the dense ones


def piecewise_linear(A, columns, slope, shift):
    """[A, min(max(slope x + shift, -1), 1) for each bin of each column x]."""
    return np.concatenate([A, np.clip(A[:, columns] * slope + shift, -1.0, 1.0)], axis=1)


def embedded(A, codes, tables):
    """[A, E[code] for each embedded category]."""
    rows = [E[..., code, :] for E, code in zip(tables, codes, strict=True)]
    A = np.broadcast_to(A, (*rows[0].shape[:-1], A.shape[1]))
    return np.concatenate([A, *rows], axis=-1)


def periodic(A, columns, F, P):
    """[A, cos(2 pi (f x + p)) for each frequency f and phase p of each column x]."""
    x = A[..., columns, None]
    waves = np.cos(2.0 * np.pi * (x * F[..., None, :, :] + P[..., None, :, :]))
    waves = waves.reshape(*waves.shape[:-2], -1)
    A = np.broadcast_to(A, (*waves.shape[:-1], A.shape[-1]))
    return np.concatenate([A, waves], axis=-1)


# ------------------------------------------------------------ activations and links


def identity(Z):
    """sigma(z) = z."""
    return Z


def logistic(Z):
    """sigma(z) = 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2."""
    return 0.5 * np.tanh(0.5 * Z) + 0.5


def tanh(Z):
    """sigma(z) = tanh(z)."""
    return np.tanh(Z)


def relu(Z):
    """sigma(z) = max(z, 0)."""
    return np.maximum(Z, 0.0)


def leaky_relu(Z):
    """sigma(z) = max(z, 0.01 z)."""
    return np.maximum(Z, 0.01 * Z)


def elu(Z):
    """sigma(z) = z where z > 0, else exp(z) - 1."""
    return np.maximum(Z, np.expm1(np.minimum(Z, 0.0)))


def selu(Z):
    """sigma(z) = lambda (max(z, 0) + alpha (exp(min(z, 0)) - 1))."""
    below = 1.6732632423543772 * np.expm1(np.minimum(Z, 0.0))
    return 1.0507009873554805 * (np.maximum(Z, 0.0) + below)


def gelu(Z):
    """sigma(z) = z (1 + erf(z / sqrt(2))) / 2."""
    erf = np.vectorize(math.erf, otypes=[float])(Z / math.sqrt(2.0))
    return (Z * (0.5 * (1.0 + erf))).astype(Z.dtype)


def silu(Z):
    """sigma(z) = z / (1 + exp(-z))."""
    return Z * logistic(Z)


def mish(Z):
    """sigma(z) = z tanh(log(1 + exp(z)))."""
    return Z * np.tanh(softplus(Z))


def softplus(Z):
    """sigma(z) = log(1 + exp(z))."""
    return np.logaddexp(0.0, Z)


def softmax(Z):
    """exp(z_k) / sum over k of exp(z_k)."""
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def exp(Z):
    """exp(z), at most the largest finite number."""
    return np.exp(np.minimum(Z, np.nextafter(np.log(np.finfo(Z.dtype).max), 0.0)))


def increments(Z):
    """q_1 = z_1, q_{k+1} = q_k + log(1 + exp(z_{k+1})): quantiles that do not cross."""
    return np.cumsum(np.concatenate([Z[..., :1], softplus(Z[..., 1:])], axis=-1), axis=-1)


#: What an exported file defines itself.
COLUMNS: list = []
CODES: dict = {}
