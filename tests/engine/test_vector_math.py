"""exp, tanh and log1p of compiled loops, against numpy's in higher precision."""

import numpy as np
import pytest

RANGES = {
    "exp": (-87.0, 88.0),
    "expm1": (-20.0, 88.0),
    "tanh": (-20.0, 20.0),
    "log1p": (0.0, 1.0),
}

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_function = pytest.mark.parametrize("name", RANGES)


@pytest.fixture(scope="module")
def values():
    numba = pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    from sknet._engine.kernels import vector_math

    loops = {}
    for name in RANGES:
        function = getattr(vector_math, name)

        @numba.njit(error_model="numpy")
        def loop(x, out, function=function):
            for i in range(x.size):
                out[i] = function(x[i])

        loops[name] = loop

    def values(name, x):
        """Those of a compiled loop."""
        out = np.empty_like(x)
        loops[name](x, out)
        return out

    return values


@each_dtype
@each_function
def test_values_are_those_of_higher_precision(values, name, dtype):
    rng, (low, high) = np.random.default_rng(0), RANGES[name]
    small = np.geomspace(1e-30, 1.0, 50_000) * rng.choice([np.sign(low), 1.0], 50_000)
    x = np.concatenate([[low, high], rng.uniform(low, high, 50_000), small]).astype(dtype)
    exact = getattr(np, name)(x.astype(np.longdouble))
    unit = np.finfo(dtype).eps * np.abs(exact)
    assert (np.abs(values(name, x) - exact) <= 3 * unit).all()


@each_dtype
@each_function
def test_nan_stays_nan_and_zero_is_exact(values, name, dtype):
    found = values(name, np.array([np.nan, 0.0, np.nan], dtype))
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == getattr(np, name)(0.0)


@each_dtype
def test_far_out_exp_is_bounded_and_positive_and_tanh_is_one(values, dtype):
    x = np.array([-np.inf, -1e30, 1e30, np.inf], dtype)
    exp, tanh = values("exp", x), values("tanh", x)
    assert np.isfinite(exp).all()
    assert values("expm1", x)[:2].tolist() == [-1.0, -1.0]
    assert 0.0 < exp[0] == exp[1] < 1e-37
    assert exp[2] == exp[3] > 1e38
    assert tanh.tolist() == [-1.0, -1.0, 1.0, 1.0]
