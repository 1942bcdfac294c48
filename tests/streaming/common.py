"""Tables for streams, and factories that cut them into batches."""

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

N = 3000
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(N, 4))
NUMBERS[RNG.random((N, 4)) < 0.05] = np.nan
_FILLED = np.nan_to_num(NUMBERS)
GROUP = RNG.choice(["red", "green", "blue", "black", None], N)
MANY = RNG.choice([f"level {k}" for k in range(50)], N)
MIXED = pd.DataFrame(NUMBERS, columns=list("abcd")).assign(
    group=pd.array(GROUP, "str"), many=pd.Categorical(MANY)
)
Y = np.sin(2 * _FILLED[:, 0]) + _FILLED[:, 1] * _FILLED[:, 2] + (GROUP == "red")
Y = Y + RNG.normal(0, 0.1, N)
TWO = (Y > 0.2).astype(int)
THREE = np.array(["high", "low", "middle"], object)[np.digitize(Y, [-0.3, 0.7])]
SEVERAL = np.stack([Y > 0, _FILLED[:, 0] > 0, _FILLED[:, 1] > 0.3], axis=1).astype(int)
WEIGHTS = RNG.uniform(0.1, 3.0, N)
WEIGHTS[::40] = 0.0


def rows_of(a, rows):
    return None if a is None else a.iloc[rows] if hasattr(a, "iloc") else a[rows]


def factory(X, y, w=None, size=370):
    """A factory of batches of `size` rows."""

    def batches():
        for start in range(0, len(y), size):
            rows = slice(start, start + size)
            own = (rows_of(X, rows), rows_of(y, rows))
            yield own if w is None else (*own, rows_of(w, rows))

    return batches


def parameters(estimator):
    return [*estimator.coefs_, *estimator.intercepts_, *estimator.embeddings_]


def assert_same_fit(ours, oracle):
    """Equal in every bit: parameters, curves, encoding, predictions, resolved parameters."""
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        assert_array_equal(own, expected)
    for name in ("loss_curve_", "validation_scores_", "validation_loss_curve_", "n_iter_", "t_"):
        assert getattr(ours, name) == getattr(oracle, name), name
    assert ours.resolved_params_ == oracle.resolved_params_
    assert str(ours.input_encoding_) == str(oracle.input_encoding_)
