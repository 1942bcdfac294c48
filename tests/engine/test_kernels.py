"""The compiled twins of activations, losses and optimizers against their numpy references."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.compiled_plan import numbers_of, twin_of
from sknet._engine.layers import Dense, Dropout
from sknet._engine.losses import LOSSES
from sknet._engine.optimizers import OPTIMIZERS

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
DTYPES = list(TOLERANCE)
HYPER = {
    "adam": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
    "adamw": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6, "weight_decay": 0.3},
    "sgd": {"momentum": 0.9, "nesterovs_momentum": True},
    "rmsprop": {"rho": 0.7, "epsilon": 1e-6},
}
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
# Parts without a twin are run by numpy, and are left out here.
SOLVERS = [name for name, row in OPTIMIZERS.items() if vars(row.direction).get("twin")]
WITH_TWIN = [name for name, row in ACTIVATIONS.items() if row.twin]
each_solver = pytest.mark.parametrize("solver", SOLVERS)


@pytest.fixture(scope="module")
def kernels():
    pytest.importorskip("numba", minversion="0.60", exc_type=ImportError)
    from sknet._engine import kernels

    return kernels


@pytest.fixture(scope="module")
def pieces(kernels):
    """The pieces that these tests call, callable from Python."""
    from sknet._engine.kernels import activations, losses
    from sknet._engine.kernels.compiling import for_python

    return SimpleNamespace(
        activate=for_python(activations.activate),
        activate_backward=for_python(activations.activate_backward),
        value_delta=for_python(losses.value_delta),
    )


def draw(dtype, *shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def twin_of_loss(row):
    return row.twin_name(twin_of(row))


def direction_of(solver):
    return OPTIMIZERS[solver].direction


def all_losses():
    """The losses that have a twin."""
    rows = [(loss, out, row) for loss, rows in LOSSES.items() for out, row in rows.items()]
    return [(loss, out, row) for loss, out, row in rows if twin_of(row)]


def test_the_tables_hold_what_parts_name(kernels):
    assert {row.twin for row in ACTIVATIONS.values()} - {None} == set(kernels.ACTIVATIONS)
    assert {twin_of_loss(row) for *_, row in all_losses()} == set(kernels.LOSSES)
    kinds = [direction_of(solver) for solver in SOLVERS]
    assert {vars(kind)["twin"] for kind in kinds} == set(kernels.DIRECTIONS)
    for kind in kinds:
        row = kernels.DIRECTIONS[vars(kind)["twin"]]
        assert row.n_states == len(kind.slots)
        assert row.numbers == kind.parameters
    for *_, row in all_losses():
        assert kernels.LOSSES[twin_of_loss(row)].numbers == row.parameters


def test_a_twin_is_not_inherited():
    class Scaled(Dense):
        """Computes something else."""

    assert [twin_of(kind(2, 3)) for kind in (Dense, Scaled)] == ["dense", None]


@each_dtype
@pytest.mark.parametrize("name", WITH_TWIN)
def test_activations_agree(kernels, pieces, name, dtype):
    choice, sigma = kernels.Choice(name), ACTIVATIONS[name]
    Z, dA, b = draw(dtype, (33, 7), (33, 7), 7)
    Z[:4] *= 30.0
    Z[4:12] *= 1e-3
    b[:3] = 0.0
    own, A, slope = Z + b, Z + b, np.empty_like(Z)
    A = own if sigma.in_place else A
    work = sigma.memory(np.empty_like(A))
    sigma.forward(own, A, work)
    pieces.activate(choice, 0, Z, b, slope)
    near = {"tanh", "elu", "selu"}  # numbers near 0 are as exact as others
    atol = 0.0 if name in near else TOLERANCE[dtype]
    assert_allclose(Z, A, rtol=3 * TOLERANCE[dtype], atol=atol)
    delta, db = dA.copy(), np.empty_like(b)
    pieces.activate_backward(choice, 0, delta, Z, slope, db)
    sigma.backward(dA, own, A, work)
    assert_allclose(delta, dA, rtol=0, atol=TOLERANCE[dtype])
    assert_allclose(db, dA.sum(axis=0), rtol=0, atol=30 * TOLERANCE[dtype])


@pytest.mark.parametrize("name", WITH_TWIN)
def test_nan_stays_nan(kernels, pieces, name):
    choice, Z, slope = kernels.Choice(name), np.full((2, 3), np.nan), np.zeros((2, 3))
    pieces.activate(choice, 0, Z, np.zeros(3), slope)
    assert np.isnan(Z).all()
    delta = np.full((2, 3), np.nan)
    pieces.activate_backward(choice, 0, delta, np.zeros((2, 3)), slope, np.zeros(3))
    assert np.isnan(delta).all()


@pytest.mark.parametrize("scale", [1.0, 100.0])
@each_dtype
@pytest.mark.parametrize(("loss", "out_activation"), [row[:2] for row in all_losses()])
def test_losses_agree(kernels, pieces, make_loss, draw_targets, loss, out_activation, dtype, scale):
    (Z,) = draw(dtype, (40, 4))
    Z *= scale if loss not in ("poisson", "gamma", "tweedie") else min(scale, 3.0)
    rng = np.random.default_rng(1)
    Y = draw_targets(loss, out_activation, rng, (40, 4)).astype(dtype)
    row = make_loss(loss, out_activation, 4)
    name = twin_of_loss(row)
    twin = kernels.LOSSES[name]
    delta, value = np.empty_like(Z), np.empty(40, dtype)
    value_, delta_, work = np.empty_like(value), np.empty_like(delta), np.empty_like(Z)
    row.value(Y, Z.copy(), value_, work, delta_)
    with np.errstate(all="ignore"):
        row.delta(Y, Z.copy(), delta_, work)
    pieces.value_delta(
        kernels.Choice(name), numbers_of(row, twin.numbers), Y, Z.copy(), value, delta
    )
    rtol = 8 * TOLERANCE[dtype]
    assert_allclose(value, value_, atol=8 * scale * TOLERANCE[dtype], rtol=rtol)
    assert_allclose(delta, delta_, atol=scale * TOLERANCE[dtype], rtol=rtol)


class Updates:
    """Steps by ``kernels.update`` of parameters in runs."""

    def __init__(self, kernels, solver, stops, rate=1.0, decay=0.0, penalty=0.0, clip=None):
        name = vars(direction_of(solver))["twin"]
        twin = kernels.DIRECTIONS[name]
        hyper = SimpleNamespace(**HYPER[solver])
        self.kernels, self.n_states, self.t = kernels, twin.n_states, 0
        self.rule = kernels.Rule(kernels.Choice(name), numbers_of(hyper, twin.numbers), clip)
        numbers = (np.broadcast_to(a, len(stops)).astype(float) for a in (rate, decay, penalty))
        starts = np.array([0, *stops[:-1]])
        self.segments = kernels.Segments(starts, np.array(stops), *numbers)

    def __call__(self, theta, grads, eta=0.01, cuts=None):
        """Step theta, and return the penalty."""
        if self.t == 0:
            self.state = tuple(np.zeros_like(theta) for _ in range(self.n_states))
        self.t += 1
        cuts = cuts or [0, theta.size]
        return sum(
            self.kernels.update(
                start, stop, self.segments, self.rule, eta, self.t, theta, grads, self.state, None
            )
            for start, stop in pairwise(cuts)
        )


@each_dtype
@each_solver
def test_optimizers_agree_over_ten_steps(kernels, make_optimizer, solver, dtype):
    theta, grad = draw(dtype, (1, 90), (1, 90))
    gradient = grad.copy()
    optimizer = make_optimizer(solver, theta, grad, slice(0, 60), **HYPER[solver])
    other = theta[0].copy()
    decay = HYPER[solver].get("weight_decay", 0.0)
    updates = Updates(kernels, solver, [60, 90], decay=[decay, 0.0])
    for t in range(1, 11):
        grad[:] = gradient * t
        optimizer.step(0.01)
        updates(other, gradient * t)
    assert_allclose(other, theta[0], rtol=0, atol=4 * TOLERANCE[dtype])


@pytest.mark.parametrize("clip", [None, 1e9])
@each_solver
def test_the_penalty_is_that_of_the_formula_and_part_of_the_gradient(kernels, solver, clip):
    theta, g = draw("float64", 90, (1, 90))
    found = []
    for alpha in (0.3, 0.0):
        own, grads = theta.copy(), g.copy()
        if not alpha:
            grads[0, :60] += 0.3 * theta[:60]
        value = Updates(kernels, solver, [60, 90], penalty=[alpha, 0.0], clip=clip)(own, grads)
        assert value == pytest.approx(alpha / 2 * np.dot(theta[:60], theta[:60]), rel=1e-12)
        found.append(own)
    assert_allclose(*found, rtol=1e-12)
    assert not np.array_equal(found[0], theta)


@each_solver
def test_each_run_has_its_own_rate_decay_and_penalty(kernels, solver):
    theta, g = draw("float64", 90, (1, 90))
    stops, rate, decay, penalty = [20, 60, 90], [1.0, 0.5, 3.0], [0.0, 0.2, 0.1], [0.3, 0.0, 0.7]
    together = theta.copy()
    updates = Updates(kernels, solver, stops, rate, decay, penalty)
    values = [updates(together, g.copy(), cuts=[0, 35, 90]) for _ in range(3)]
    expected, apart = 0.0, []
    for k, (start, stop) in enumerate(zip([0, *stops[:-1]], stops, strict=True)):
        own, eta = theta[start:stop].copy(), 0.01 * rate[k]
        update = Updates(kernels, solver, [own.size], 1.0, decay[k], penalty[k])
        expected += sum(update(own, g[:, start:stop].copy(), eta) for _ in range(3))
        apart.append(own)
    assert_array_equal(together, np.concatenate(apart))
    assert sum(values) == pytest.approx(expected, rel=1e-12)


@each_solver
def test_decay_multiplies_before_the_step_and_does_not_enter_the_state(kernels, solver):
    theta, g = draw("float64", 30, (1, 30))
    plain, decayed = theta.copy(), theta.copy()
    Updates(kernels, solver, [30])(plain, g.copy())
    Updates(kernels, solver, [30], rate=2.0, decay=5.0)(decayed, g.copy(), eta=0.005)
    assert_allclose(decayed, plain - 0.05 * theta, rtol=0, atol=1e-14)


def test_a_gradient_whose_square_overflows_is_clipped_to_the_norm(kernels):
    theta, g = np.zeros(30, np.float32), np.full((1, 30), 1e30, np.float32)
    updates = Updates(kernels, "sgd", [30], clip=2.0)
    updates(theta, g, eta=1.0)
    assert np.linalg.norm(updates.state[0]) == pytest.approx(2.0, rel=1e-5)


def test_a_cache_that_cannot_be_written_is_no_error(kernels, monkeypatch):
    from sknet._engine.kernels import compiling

    def no_cache(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiling.numba, "njit", no_cache)
    assert compiling.compiled(len) is len


# ------------------------------------------------------------------ a program of layers


def program_of(kernels, layers):
    """The program, theta's size, and the memory for 12 rows, of layers (kind, n_in, n_out, sigma).

    Places are the test's own: there are gaps, and biases come before weights.
    """
    rows = np.zeros(len(layers), kernels.LAYER)
    at = {"input": 0, "slopes": 3, "dX": layers[-1][2], "mask": 0}
    theta = 2
    for row, (kind, n_in, n_out, activation) in zip(rows, layers, strict=True):
        row["kind"], row["n_in"], row["n_out"] = kernels.LAYERS[kind], n_in, n_out
        row["activation"] = -1 if activation == "identity" else 0
        for name, place in at.items():
            row[name] = place
        row["output"] = at["input"] = at["input"] + n_in
        if kind == "dense":
            row["b"], row["W"] = theta, theta + n_out
            theta += n_out + n_in * n_out
            at["slopes"] += n_out
            at["dX"] += n_in
        else:
            at["mask"] += n_in
    first = next(k for k, layer in enumerate(layers) if layer[0] == "dense")
    sizes = at["input"] + layers[-1][2], at["slopes"], at["dX"], 3
    memory = kernels.Memory(*(np.zeros(12 * n) for n in sizes), np.zeros(12), None)
    return kernels.Program(rows, first, at["mask"], kernels.Choice("tanh")), theta, memory


def reference(layers, theta, A, mask_of):
    """The raw output, by numpy."""
    at = 2
    for k, (kind, n_in, n_out, activation) in enumerate(layers):
        if kind == "dropout":
            A = A * mask_of(k)
            continue
        b, at = theta[at : at + n_out], at + n_out
        W, at = theta[at : at + n_in * n_out].reshape(n_in, n_out), at + n_in * n_out
        A = A @ W + b
        A = np.tanh(A) if activation == "tanh" else A
    return A


PROGRAMS = {
    "dense": [("dense", 5, 3, "identity")],
    "dropout first": [
        ("dropout", 5, 5, "identity"), ("dense", 5, 4, "tanh"), ("dense", 4, 3, "identity"),
    ],
    "dropout twice": [
        ("dense", 5, 4, "tanh"), ("dropout", 4, 4, "identity"), ("dropout", 4, 4, "identity"),
        ("dense", 4, 6, "tanh"), ("dropout", 6, 6, "identity"), ("dense", 6, 3, "identity"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.8, 0.05)])
def test_layers_in_any_order_have_the_gradient_of_central_differences(kernels, name, slope, shift):
    layers = PROGRAMS[name]
    program, size, memory = program_of(kernels, layers)
    rng = np.random.default_rng(0)
    X, Y, w = rng.normal(size=(20, 5)), rng.normal(size=(20, 3)), rng.uniform(size=20)
    rows, theta, direction = rng.permutation(20)[:12], *rng.normal(size=(2, size))
    drawn, masks, at = rng.integers(0, 2, 12 * program.n_masked) * 2.0, {}, 0
    for k, (kind, n_in, *_) in enumerate(layers):
        if kind == "dropout":
            masks[k] = drawn[at : at + 12 * n_in].reshape(12, n_in)
            at += 12 * n_in

    def objective(theta):
        Z = reference(layers, theta, X[rows], masks.get)
        return w[rows] @ ((Z - (slope * Y[rows] + shift)) ** 2).sum(axis=1) / 2 / 12

    loss = kernels.LossTwin(kernels.Choice("squared_error_of_identity"), np.empty(0))
    g, data = np.zeros(size), kernels.Data(X, Y, w, slope, shift)
    value = kernels.loss_grad(program, loss, data, rows, 12, theta, g, memory, drawn)
    assert value == pytest.approx(objective(theta), rel=1e-12)
    step = 1e-6 * direction
    difference = objective(theta + step) - objective(theta - step)
    assert g @ direction == pytest.approx(difference / 2e-6, rel=1e-7)
    parts = [np.zeros(size), np.zeros(size)]
    for part, own in zip(parts, (rows[:1], rows[1:]), strict=True):
        if not masks:
            kernels.loss_grad(program, loss, data, own, 12, theta, part, memory, drawn)
    if not masks:
        assert_allclose(parts[0] + parts[1], g, rtol=0, atol=1e-14)


def test_a_dropout_layer_names_its_twin():
    assert twin_of(Dropout(3, 0.5, [])) == "dropout"
