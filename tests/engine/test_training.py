import pickle
import tracemalloc
from itertools import islice, pairwise
from math import inf

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.batches import Batches
from sknet._engine.lbfgs import minimize_lbfgs, objective_of
from sknet._engine.losses import LOSSES
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.reports import DivergenceError
from sknet._engine.schedules import SCHEDULES
from sknet._engine.stopping import Stopping

ROWS = [(loss, out) for loss, outs in LOSSES.items() for out in outs]

every_optimizer = pytest.mark.parametrize("solver", OPTIMIZERS)
every_format = pytest.mark.parametrize("as_matrix", [np.asarray, scipy.sparse.csr_array])


def table(n_samples=47, n_features=6, n_outputs=2, seed=0):
    """X, half of it zeros, a noisy linear Y, and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * rng.integers(0, 2, (n_samples, n_features))
    Y = X @ rng.normal(size=(n_features, n_outputs)) + 0.1 * rng.normal(size=(n_samples, n_outputs))
    return X, Y, rng.uniform(0, 2, n_samples)


def ignore(record):
    pass


def never():
    return Stopping(0.0, inf)


# ---------------------------------------------------------------------------------- batches


@every_format
@pytest.mark.parametrize("weighted", [False, True])
def test_an_epoch_takes_each_row_once_for_each_member_and_keeps_rows_together(as_matrix, weighted):
    numbers = np.arange(23.0)
    X = as_matrix(np.stack([numbers + 1, -numbers - 1], axis=1))
    w = 10 * numbers if weighted else None
    batches = Batches(X, numbers[:, None], w, 5, shuffle=True, n_members=3)
    generators = np.random.default_rng(0).spawn(3)
    orders = []
    for _ in range(2):
        epoch, sizes = [], []
        for X_batch, Y, w_batch in batches.epoch(generators):
            if as_matrix is scipy.sparse.csr_array:
                X_batch = np.stack([matrix.toarray() for matrix in X_batch.matrices])
            sizes.append(X_batch.shape[-2])
            assert_array_equal(X_batch[..., 0], Y[..., 0] + 1)
            assert_array_equal(X_batch[..., 1], -Y[..., 0] - 1)
            assert (w_batch is None) != weighted
            if weighted:
                assert_array_equal(w_batch, 10 * Y[..., 0])
            epoch.append(Y[..., 0].copy())
        assert sizes == [5, 5, 5, 5, 3]
        orders += list(np.concatenate(epoch, axis=1))
    assert_array_equal(np.sort(orders), [numbers] * 6)
    assert len({tuple(order) for order in orders}) == 6


@every_format
@pytest.mark.parametrize(("batch_size", "shuffle"), [(5, False), (23, False), (23, True)])
def test_rows_come_in_order_and_uncopied_unless_shuffled(as_matrix, batch_size, shuffle):
    X, Y, w = table(23)
    generators = np.random.default_rng(0).spawn(2)
    before = generators[0].bit_generator.state
    batches = Batches(as_matrix(X), Y, w, batch_size, shuffle, n_members=2)
    ends = [*range(0, 23, batch_size), 23]
    epoch = list(batches.epoch(generators))
    assert len(epoch) == len(ends) - 1
    for (start, stop), (X_batch, Y_batch, w_batch) in zip(pairwise(ends), epoch, strict=True):
        dense = getattr(X_batch, "matrices", [X_batch])[0]
        assert_array_equal(
            np.asarray(dense.todense()) if dense is not X_batch else dense, X[start:stop]
        )
        assert_array_equal(Y_batch, Y[start:stop])
        assert_array_equal(w_batch, w[start:stop])
        assert np.shares_memory(Y_batch, Y)
    assert generators[0].bit_generator.state == before


@pytest.mark.parametrize(("n_samples", "batch_size"), [(47, 8), (48, 8), (5, 5), (3, 10), (1, 1)])
def test_sizes_of_the_batches_of_a_block(n_samples, batch_size):
    X, Y, _ = table(n_samples)
    batches = Batches(X, Y, None, batch_size, False, 1)
    sizes = [len(Y) for _, Y, _ in batches.epoch([None])]
    assert_array_equal(batches.sizes(n_samples), sizes)


def test_every_order_is_as_likely_as_any_other():
    Y, rng = np.arange(4.0)[:, None], [np.random.default_rng(0)]
    batches = Batches(Y, Y, None, 1, shuffle=True, n_members=1)
    orders = [tuple(Y.item() for _, Y, _ in batches.epoch(rng)) for _ in range(24 * 100)]
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert counts.size == 24
    assert (abs(counts - 100) < 45).all()


# ---------------------------------------------------------------------------------- epochs


@every_optimizer
@every_format
@pytest.mark.parametrize("weighted", [False, True])
def test_each_member_trains_as_the_network_alone(
    make_network, make_training, solver, as_matrix, weighted
):
    X, Y, w = table()
    X, w = as_matrix(X), w if weighted else None
    make = {"units": (6, 5, 2), "activations": ["tanh"], "alpha": 0.01}
    network = make_network(**make, n_members=3)
    start = network.theta.copy()
    training = make_training(network, solver)
    list(islice(training.epochs(Batches(X, Y, w, 10, True, 3)), 4))
    for k in range(3):
        alone = make_network(**make)
        alone.theta[:] = start[[k]]
        training = make_training(alone, solver, members=[k])
        list(islice(training.epochs(Batches(X, Y, w, 10, True, 1)), 4))
        assert_allclose(network.theta[[k]], alone.theta, rtol=1e-9, atol=1e-11)
    assert (np.ptp(network.theta, axis=0) > 0).all()


@every_optimizer
@pytest.mark.parametrize("batch_size", [10, 47])
@pytest.mark.parametrize("shuffle", [False, True])
def test_sparse_x_trains_as_dense_x(make_network, make_training, solver, batch_size, shuffle):
    X, Y, w = table()
    thetas = []
    for matrix in (X, scipy.sparse.csr_array(X)):
        network = make_network((6, 5, 2), ["relu"], n_members=2, alpha=0.01)
        batches = Batches(matrix, Y, w, batch_size, shuffle, 2)
        list(islice(make_training(network, solver).epochs(batches), 4))
        thetas.append(network.theta)
    assert_allclose(*thetas, rtol=1e-9, atol=1e-11)


@every_optimizer
def test_weight_two_trains_as_the_row_twice_at_full_batch(make_network, make_training, solver):
    X, Y, _ = table()
    times = np.random.default_rng(1).integers(0, 4, len(X))
    data = [
        (X, Y, times / times.mean()),
        (np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0), None),
    ]
    thetas = []
    for X_rows, Y_rows, w in data:
        network = make_network((6, 5, 2), ["tanh"], alpha=0.01)
        batches = Batches(X_rows, Y_rows, w, len(X_rows), False, 1)
        list(islice(make_training(network, solver).epochs(batches), 12))
        thetas.append(network.theta)
    assert_allclose(*thetas, rtol=1e-9, atol=1e-10)


def test_plain_gradient_descent_follows_its_closed_form(make_network, make_training):
    """On a quadratic, theta_t = theta* + (I - eta H)^t (theta_0 - theta*)."""
    X, Y, _ = table(n_outputs=1)
    network = make_network((6, 1), alpha=0.1)
    start, n, eta, n_steps = network.theta[0].copy(), len(X), 0.3, 25
    design = np.hstack([X, np.ones((n, 1))])
    H = design.T @ design / n + np.diag([0.1] * 6 + [0.0])
    solution = np.linalg.solve(H, design.T @ Y[:, 0] / n)
    expected = solution + np.linalg.matrix_power(np.eye(7) - eta * H, n_steps) @ (start - solution)
    training = make_training(network, "sgd", eta, momentum=0.0)
    list(islice(training.epochs(Batches(X, Y, None, n, False, 1)), n_steps))
    assert_allclose(network.theta[0], expected, rtol=1e-11)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_loss_of_an_epoch_is_the_mean_over_samples_and_members(
    make_network, make_training, weighted, shuffle
):
    """Seen at a learning rate of 0, where the objective of all rows is the same number."""
    X, Y, w = table()
    network = make_network((6, 5, 2), ["tanh"], n_members=2, alpha=0.1)
    w = w if weighted else None
    training = make_training(network, "sgd", eta=0.0)
    record = next(training.epochs(Batches(X, Y, w, 10, shuffle, 2)))
    assert record.loss == pytest.approx(network.loss_grad(X, Y, w).mean(), rel=1e-12)
    assert (record.iteration, record.learning_rate) == (1, 0.0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedule_sees_epochs_and_samples(make_network, make_training, schedule):
    X, Y, w = table()
    training = make_training(make_network((6, 2)), "sgd", 0.1, schedule)
    training.with_horizon(6, restart=True)
    records = list(islice(training.epochs(Batches(X, Y, w, 10, True, 1)), 4))
    assert [record.iteration for record in records] == [1, 2, 3, 4]
    assert tuple(training.progress)[:2] == (4, 4 * 47)
    rate, end = SCHEDULES[schedule], training.progress
    last_steps = [
        end._replace(epoch=k, samples_seen=47 * k, step=5 * k + 4, steps_per_epoch=5, n_epochs=6)
        for k in range(4)
    ]
    expected = [rate(0.1, progress, 0.5) for progress in last_steps]
    assert [record.learning_rate for record in records] == expected


@every_optimizer
@every_format
def test_training_taken_up_from_a_pickle_continues_bit_for_bit(
    make_network, make_training, solver, as_matrix
):
    X, Y, w = table()
    batches = Batches(as_matrix(X), Y, w, 10, True, 2)
    network = make_network((6, 5, 2), ["gelu"], n_members=2, alpha=0.01)
    training = make_training(network, solver, schedule="invscaling")
    list(islice(training.epochs(batches), 3))
    saved = pickle.dumps((network.theta, training.state()))
    records = list(islice(training.epochs(batches), 3))

    again = make_network((6, 5, 2), ["gelu"], n_members=2, alpha=0.01, seed=9)
    continued = make_training(again, solver, schedule="invscaling", seed=9)
    theta, state = pickle.loads(saved)
    again.theta[:] = theta
    continued.restore(state)
    fresh = Batches(as_matrix(X), Y, w, 10, True, 2)
    assert list(islice(continued.epochs(fresh), 3)) == records
    assert_array_equal(again.theta, network.theta)


def test_state_is_made_of_builtins_and_arrays(make_network, make_training):
    def leaves(value):
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        if isinstance(value, (list, tuple)):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    training = make_training(make_network((6, 5, 2), ["tanh"], n_members=2))
    kinds = {type(leaf) for leaf in leaves(training.state())}
    assert kinds <= {int, float, str, bool, np.ndarray}


# ---------------------------------------------------------------------------------- divergence


def counted_steps(training):
    step, rates = training.optimizer.step, []

    def counting(learning_rate):
        rates.append(learning_rate)
        step(learning_rate)

    training.optimizer.step = counting
    return rates


def test_training_fails_at_the_first_block_that_is_not_finite(
    make_network, make_training, monkeypatch
):
    monkeypatch.setattr("sknet._engine.batches.BLOCK_ELEMENTS", 120)  # two batches of 6 features
    X, Y, w = table(50)
    Y[25] = 1e200
    network = make_network((6, 5, 2), ["tanh"])
    training = make_training(network)
    steps = counted_steps(training)
    with pytest.raises(DivergenceError, match=r"epoch 1, at learning rate 0\.01"):
        training.run(Batches(X, Y, w, 10, False, 1), never(), 5, ignore)
    assert len(steps) == 4


@pytest.mark.parametrize("n_members", [1, 2])
def test_training_fails_when_one_member_diverges(make_network, make_training, n_members):
    X, Y, w = table(50)
    network = make_network((6, 5, 2), ["relu"], n_members=n_members)
    network.theta[0] *= 1e200
    training = make_training(network, "sgd")
    with pytest.raises(DivergenceError, match="epoch 1"):
        next(training.epochs(Batches(X, Y, w, 10, True, n_members)))


@pytest.mark.parametrize("solver", ["adam", "adamw", "rmsprop"])
def test_a_squared_gradient_that_overflows_is_divergence(make_network, make_training, solver):
    """Where loss and theta are still finite, training would go on and learn nothing."""
    X, Y = np.full((10, 1), 1e5, np.float32), np.full((10, 1), 1e16, np.float32)
    network = make_network((1, 1), dtype=np.float32)
    with pytest.raises(DivergenceError, match="epoch 1"):
        next(make_training(network, solver).epochs(Batches(X, Y, None, 10, False, 1)))


def test_divergence_names_the_epoch_and_is_a_value_error(make_network, make_training):
    X, Y, w = table(50)
    training = make_training(make_network((6, 2)), "sgd", eta=1e30, momentum=0.0)
    with pytest.raises(ValueError, match=r"epoch [2-9].*1e\+30.*learning_rate_init"):
        training.run(Batches(X, Y, w, 50, False, 1), never(), 100, ignore)


# ---------------------------------------------------------------------------------- run


@every_optimizer
def test_run_ends_at_max_iter_and_reports_each_epoch(make_network, make_training, solver):
    X, Y, w = table()
    network = make_network((6, 5, 2), ["tanh"])
    records = []
    reason = make_training(network, solver).run(
        Batches(X, Y, w, 10, True, 1), never(), 7, records.append
    )
    assert reason == "max_iter"
    assert [record.iteration for record in records] == list(range(1, 8))
    assert records[-1].loss < records[0].loss


def test_run_ends_when_patience_runs_out(make_network, make_training):
    X, Y, w = table()
    training, records = make_training(make_network((6, 2)), "sgd", eta=0.0), []
    batches = Batches(X, Y, w, 47, False, 1)
    assert training.run(batches, Stopping(1e-4, 5), 100, records.append) == "converged"
    assert len(records) == 6


def test_adaptive_slows_down_at_plateaus_until_the_rate_is_tiny(make_network, make_training):
    """At a solution: a plateau after patience runs out, from then on one each 2 + 1 epochs."""
    X, Y, _ = table()
    network = make_network((6, 2))
    Y[:] = X @ network.layers[0].W[0] + network.layers[0].b[0]
    training, records = make_training(network, "sgd", 0.1, "adaptive"), []
    reason = training.run(
        Batches(X, Y, None, 47, False, 1), Stopping(1e-4, 2), 1000, records.append
    )
    assert reason == "converged"
    rates = np.array([record.learning_rate for record in records]).reshape(-1, 3)
    assert_allclose(rates, np.repeat(0.1 / 5.0 ** np.arange(9)[:, None], 3, axis=1))
    assert rates[-2, 0] > 1e-6 > rates[-1, 0]


def trained(make_network, make_training, max_iter):
    X, Y, w = table()
    network = make_network((6, 5, 2), ["tanh"], n_members=2)
    if max_iter:
        make_training(network).run(Batches(X, Y, w, 10, True, 2), never(), max_iter, ignore)
    return network.theta


@pytest.mark.parametrize("n_finished", [1, 3])
def test_an_interrupted_epoch_leaves_the_last_finished_one(make_network, make_training, n_finished):
    X, Y, w = table()
    network = make_network((6, 5, 2), ["tanh"], n_members=2)
    training = make_training(network)
    step, calls = training.optimizer.step, []

    def interrupted(learning_rate):
        step(learning_rate)
        calls.append(1)
        if len(calls) == 5 * n_finished + 3:
            raise KeyboardInterrupt

    training.optimizer.step = interrupted
    records = []
    reason = training.run(Batches(X, Y, w, 10, True, 2), never(), 100, records.append)
    assert reason == "interrupted"
    assert len(records) == n_finished
    assert_array_equal(network.theta, trained(make_network, make_training, n_finished))


def test_an_interrupt_from_the_report_keeps_the_epoch_reported(make_network, make_training):
    X, Y, w = table()
    network = make_network((6, 5, 2), ["tanh"], n_members=2)

    def report(record):
        if record.iteration == 3:
            raise KeyboardInterrupt

    reason = make_training(network).run(Batches(X, Y, w, 10, True, 2), never(), 100, report)
    assert reason == "interrupted"
    assert_array_equal(network.theta, trained(make_network, make_training, 3))


# ---------------------------------------------------------------------------------- memory


@pytest.fixture
def peak_of_an_epoch(make_network, make_training, draw_targets):
    """Bytes allocated at once within the second epoch of a training with shuffled batches."""

    def measure(
        solver="adam",
        activation="tanh",
        loss="log_loss",
        out="softmax",
        n_members=1,
        weighted=False,
        dtype=np.float64,
        n_outputs=3,
        n_samples=5050,
        batch_size=200,
        dropout=None,
        clip_norm=None,
    ):
        rng = np.random.default_rng(0)
        network = make_network(
            (20, 100, 50, n_outputs),
            [activation] * 2,
            loss,
            out,
            n_members=n_members,
            alpha=1e-4,
            dtype=dtype,
            scale=0.01,
            dropout=dropout,
        )
        X = rng.normal(size=(n_samples, 20)).astype(dtype)
        Y = draw_targets(loss, out, rng, (n_samples, n_outputs)).astype(dtype)
        w = np.ones(n_samples, dtype) if weighted else None
        batches = Batches(X, Y, w, batch_size, True, n_members)
        training = make_training(network, solver, eta=1e-4)
        training.optimizer.clip_norm = clip_norm
        epochs = training.epochs(batches)
        next(epochs)
        tracemalloc.start()
        try:
            next(epochs)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure


KIB = 1024


@every_optimizer
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_epoch_allocates_nothing_whatever_the_optimizer(
    peak_of_an_epoch, solver, n_members, weighted, dtype
):
    peak = peak_of_an_epoch(solver, n_members=n_members, weighted=weighted, dtype=dtype)
    assert peak < 16 * KIB


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_epoch_allocates_nothing_whatever_the_activation(peak_of_an_epoch, activation):
    assert peak_of_an_epoch(activation=activation, n_members=3) < 16 * KIB


@pytest.mark.parametrize(("loss", "out"), ROWS)
@pytest.mark.parametrize("n_outputs", [1, 10])
def test_an_epoch_allocates_nothing_whatever_the_loss(peak_of_an_epoch, loss, out, n_outputs):
    peak = peak_of_an_epoch(loss=loss, out=out, n_outputs=n_outputs, n_members=3, weighted=True)
    assert peak < 16 * KIB


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_epoch_allocates_nothing_with_dropout_and_clipping(peak_of_an_epoch, n_members, dtype):
    """But for three bytes for each unit that dropout draws in a step: random bits, and the mask."""
    regularised = {"dropout": (0.1, 0.2, 0.3), "clip_norm": 1e-3}
    peak = peak_of_an_epoch(n_members=n_members, dtype=dtype, **regularised)
    assert peak < 16 * KIB + 3 * 200 * 100


@pytest.mark.parametrize(("n_samples", "batch_size"), [(20_000, 200), (5050, 2000)])
def test_what_an_epoch_allocates_does_not_grow(peak_of_an_epoch, n_samples, batch_size):
    peak = peak_of_an_epoch(n_samples=n_samples, batch_size=batch_size, n_members=3)
    assert peak < 16 * KIB


# ---------------------------------------------------------------------------------- L-BFGS


def ridge(X, Y, w, alpha):
    """Minimiser of sum w |x W + b - y|^2 / 2n + alpha / 2 |W|^2, from the centred equations."""
    n = len(X)
    x_mean, y_mean = w @ X / w.sum(), w @ Y / w.sum()
    X, Y = X - x_mean, Y - y_mean
    W = np.linalg.solve((X.T * w) @ X / n + alpha * np.eye(X.shape[1]), (X.T * w) @ Y / n)
    return W, y_mean - x_mean @ W


def minimize(network, data=None, tol=1e-10, max_iter=1000, max_fun=15000, monitor=None):
    X, Y, w = table() if data is None else data
    batch = next(Batches(X, Y, w, X.shape[0], False, 1).epoch([]))
    return minimize_lbfgs(
        objective_of(network, batch),
        network.theta[0],
        tol,
        max_iter,
        max_fun,
        monitor or (lambda record: False),
    )


@every_format
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_lbfgs_on_a_linear_model_is_ridge(make_network, as_matrix, weighted, alpha):
    X, Y, w = table()
    network = make_network((6, 2), alpha=alpha)
    reason, loss, _ = minimize(network, (as_matrix(X), Y, w if weighted else None), tol=1e-12)
    W, b = ridge(X, Y, w if weighted else np.ones(47), alpha)
    assert reason == "converged"
    assert_allclose(network.layers[0].W[0], W, rtol=1e-7, atol=1e-8)
    assert_allclose(network.layers[0].b[0, 0], b, rtol=1e-7, atol=1e-8)
    assert loss == pytest.approx(network.loss_grad(X, Y, w if weighted else None).item())


def test_lbfgs_fits_one_member_after_another(make_network):
    network = make_network((6, 2), n_members=3, alpha=0.3)
    X, Y, w = table()
    for member in network.each_member():
        minimize(member, tol=1e-12)
    assert_allclose(network.layers[0].W, [ridge(X, Y, w, 0.3)[0]] * 3, rtol=1e-7, atol=1e-8)


def test_lbfgs_tells_the_monitor_of_every_iteration(make_network):
    network, seen = make_network((6, 5, 2), ["tanh"]), []

    def monitor(record):
        seen.append((record, network.theta.copy()))
        return False

    reason, loss, n_iter = minimize(network, max_iter=20, monitor=monitor)
    assert reason == "max_iter"
    assert [record.iteration for record, _ in seen] == list(range(1, n_iter + 1))
    assert n_iter == 20
    losses = [record.loss for record, _ in seen]
    assert all(later <= earlier for earlier, later in pairwise(losses))
    assert losses[-1] == loss
    for record, theta in seen:
        network.theta[:] = theta
        assert network.loss_grad(*table()).item() == pytest.approx(record.loss, rel=1e-12)


@pytest.mark.parametrize("interrupt", [False, True])
def test_lbfgs_stopped_by_the_monitor_keeps_that_iteration(make_network, interrupt):
    network, thetas = make_network((6, 5, 2), ["tanh"]), []

    def monitor(record):
        thetas.append(network.theta.copy())
        if record.iteration == 4 and interrupt:
            raise KeyboardInterrupt
        return record.iteration == 4

    reason, loss, n_iter = minimize(network, monitor=monitor)
    assert reason == ("interrupted" if interrupt else "stopped")
    assert n_iter == 4
    assert_array_equal(network.theta, thetas[-1])
    assert network.loss_grad(*table()).item() == pytest.approx(loss, rel=1e-12)


def test_lbfgs_interrupted_between_iterations_keeps_the_last_one(make_network):
    network, thetas = make_network((6, 5, 2), ["tanh"]), []
    loss_grad, calls = network.loss_grad, []

    def interrupted(*batch):
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return loss_grad(*batch)

    def monitor(record):
        thetas.append(network.theta.copy())
        return False

    network.loss_grad = interrupted
    reason, _, n_iter = minimize(network, monitor=monitor)
    assert reason == "interrupted"
    assert n_iter == len(thetas) > 1
    assert_array_equal(network.theta, thetas[-1])


def test_lbfgs_ends_at_max_fun(make_network):
    reason, _, n_iter = minimize(make_network((6, 5, 2), ["tanh"]), max_fun=10)
    assert reason == "max_fun"
    assert 1 <= n_iter <= 10


def test_lbfgs_in_float32_stays_float32(make_network):
    X, Y, w = (a.astype(np.float32) for a in table())
    network = make_network((6, 2), alpha=0.3, dtype=np.float32)
    minimize(network, (X, Y, w))
    assert network.theta.dtype == np.float32
    W, b = ridge(*table(), 0.3)
    assert_allclose(network.layers[0].W[0], W, rtol=1e-3, atol=1e-4)
    assert_allclose(network.layers[0].b[0, 0], b, rtol=1e-3, atol=1e-4)


def test_lbfgs_fails_where_the_loss_is_not_finite(make_network):
    X, Y, w = table()
    with pytest.raises(DivergenceError, match="lbfgs"):
        minimize(make_network((6, 2)), (X, Y * 1e200, w))
