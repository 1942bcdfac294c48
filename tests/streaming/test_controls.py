"""Shuffling, validation rows, stopping, callbacks, interrupts and continuation of a stream."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._engine.stream import Chunk, StreamedBatches
from tests.controls.common import needs_callbacks
from tests.marks import ignore_convergence
from tests.streaming.common import MIXED, NUMBERS, THREE, TWO, WEIGHTS, N, Y, factory, parameters

pytestmark = ignore_convergence


def order_of_an_epoch(n_rows, buffer_rows, batch_size, shuffle=True, size=64):
    """The row numbers of each batch."""
    x = np.arange(float(n_rows))[:, None]

    def chunks():
        for start in range(0, n_rows, size):
            yield Chunk(x[start : start + size], x[start : start + size], None)

    rng = np.random.default_rng(0)
    batches = StreamedBatches(chunks, n_rows, buffer_rows, batch_size, shuffle, 1, rng)
    found = [batch[0].reshape(-1).copy() for part in batches.parts() for batch in part.epoch([rng])]
    assert len(found) == batches.batches_of(0) == -(-n_rows // batch_size)
    return found


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("n_rows", [1, 10, 999, 1000, 1001, 5000])
@pytest.mark.parametrize("buffer_rows", [10, 100, 1000])
def test_an_epoch_has_each_row_once_in_full_batches(n_rows, buffer_rows, shuffle):
    found = order_of_an_epoch(n_rows, buffer_rows, 10, shuffle)
    assert all(len(batch) == 10 for batch in found[:-1])
    rows = np.concatenate(found)
    assert_array_equal(np.sort(rows), np.arange(n_rows))
    if not shuffle:
        assert_array_equal(rows, np.arange(n_rows))


def test_the_buffer_mixes_rows_that_are_far_apart():
    rows = np.concatenate(order_of_an_epoch(20_000, 2000, 10))
    moved = np.abs(rows - np.arange(20_000))
    assert np.median(moved) > 400
    assert moved.max() > 4000  # a row may stay in the buffer for long
    batches = rows[: 20_000 // 10 * 10].reshape(-1, 10)
    assert np.median(np.ptp(batches, axis=1)) > 1500


@pytest.mark.parametrize("w", [None, WEIGHTS], ids=["", "weights"])
def test_shuffled_streams_predict_as_well_as_fit(w):
    params = {"max_iter": 30, "random_state": 0}
    X, y = NUMBERS[:-500], Y[:-500]
    own_w = None if w is None else w[:-500]
    oracle = MLPBackpropRegressor(**params).fit(X, y, own_w)
    ours = MLPBackpropRegressor(**params).fit_batches(factory(X, y, own_w), buffer_rows=1000)
    scores = [m.score(NUMBERS[-500:], Y[-500:]) for m in (ours, oracle)]
    assert scores[0] > scores[1] - 0.02


def test_a_hold_out_is_a_share_of_each_class():
    network = MLPBackpropClassifier(
        (8,), max_iter=3, early_stopping=True, validation_fraction=0.2, random_state=0
    )
    rare = np.where(np.arange(N) % 20 == 0, "rare", THREE)
    seen = []

    def scoring(estimator, X, y):
        seen.append((X, y))
        return accuracy_score(y, estimator.predict(X))

    network.set_params(scoring=scoring).fit_batches(factory(MIXED, rare), buffer_rows=1000)
    X, y = seen[0]
    assert list(X.columns) == list(MIXED.columns)
    rows = X.index.to_numpy() if X.index.is_unique else None
    labels, counts = np.unique(y, return_counts=True)
    total = dict(zip(*np.unique(rare, return_counts=True), strict=True))
    for label, count in zip(labels, counts, strict=True):
        assert abs(count - 0.2 * total[label]) <= 1
    assert network.t_ == network.n_iter_ * (N - len(y))
    assert rows is None or len(rows) == len(y)
    key = MIXED["a"].fillna(0).to_numpy().round(12)
    place = {value: k for k, value in enumerate(key) if value != 0}
    for value, label in zip(X["a"].fillna(0).to_numpy().round(12), y, strict=True):
        if value != 0:
            assert rare[place[value]] == label  # the pairs of X and y stay together


def test_auto_holds_out_less_than_a_quarter_of_the_buffer():
    network = MLPBackpropRegressor((8,), max_iter=2, random_state=0)
    network.fit_batches(factory(NUMBERS, Y), buffer_rows=600)
    assert network.resolved_params_["validation_fraction"] == pytest.approx(0.25 * 600 / N)
    assert network.t_ == 2 * (N - 150)
    network.set_params(early_stopping=True, validation_fraction=0.3)
    with pytest.raises(ValueError, match=r"900 validation rows.*buffer_rows=600"):
        network.fit_batches(factory(NUMBERS, Y), buffer_rows=600)


def test_validation_rows_can_be_given():
    network = MLPBackpropClassifier((8,), max_iter=5, early_stopping=True, random_state=0)
    given = {"X_val": MIXED[:500], "y_val": THREE[:500], "sample_weight_val": WEIGHTS[:500]}
    network.fit_batches(factory(MIXED[500:], THREE[500:]), buffer_rows=1000, **given)
    assert network.t_ == network.n_iter_ * (N - 500)
    score = network.score(MIXED[:500], THREE[:500], WEIGHTS[:500])
    assert network.best_validation_score_ == pytest.approx(score)


def test_predictions_are_clipped_to_all_targets():
    network = MLPBackpropRegressor((8,), max_iter=2, clip_predictions=True, random_state=0)
    network.fit_batches(factory(NUMBERS, Y), buffer_rows=600)
    far = network.predict(np.array([[1e3, -1e3, 1e3, 1e3], [-1e3, 1e3, 1e3, -1e3]]))
    assert Y.min() <= far.min() <= far.max() <= Y.max()


def test_verbose_prints_each_epoch(capsys):
    MLPBackpropRegressor((4,), max_iter=3, verbose=1, random_state=0).fit_batches(
        factory(NUMBERS, Y), buffer_rows=1000
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == [f"Iteration {k}" for k in (1, 2, 3)]


@needs_callbacks
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_stops_training(solver):
    network = MLPBackpropRegressor((4,), solver=solver, max_iter=9, random_state=0)
    heard = []
    network.set_callbacks(Listener(heard))
    network.fit_batches(factory(NUMBERS, Y), buffer_rows=1000)
    assert network.n_iter_ == 4
    assert [np.isfinite(own).all() for own in heard] == [True] * 4


class Listener:
    """Predicts after each epoch, and stops training after the fourth."""

    def __init__(self, heard):
        self.heard = heard

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        if context.task_name == "epoch":
            assert X is None  # it is not in memory
            self.heard.append(fitted_estimator.predict(NUMBERS[:5]))
        return context.task_name == "epoch" and context.task_id == 3


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_keeps_the_last_epoch(solver, interrupt_at):
    interrupt_at(3)
    network = MLPBackpropRegressor((4,), solver=solver, max_iter=9, verbose=1, random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        network.fit_batches(factory(NUMBERS, Y), buffer_rows=1000)
    assert network.n_iter_ == 3
    assert np.isfinite(network.predict(NUMBERS)).all()


def test_max_time_ends_training():
    network = MLPBackpropRegressor((4,), max_iter=500, max_time=1e-9, random_state=0)
    network.fit_batches(factory(NUMBERS, Y), buffer_rows=1000)
    assert network.n_iter_ == 1


def test_divergence_raises():
    network = MLPBackpropRegressor((4,), solver="sgd", learning_rate_init=1e30, random_state=0)
    with pytest.raises(ValueError, match="learning_rate_init"):
        network.fit_batches(factory(NUMBERS, Y), buffer_rows=1000)
    assert not hasattr(network, "coefs_")


@pytest.mark.parametrize("buffer_rows", [1000, N])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_warm_start_goes_on(solver, buffer_rows):
    """Two epochs and two more are four, where nothing is drawn from one call to the next."""
    params = {"solver": solver, "early_stopping": False, "random_state": 0}
    params |= {"shuffle": False} if solver == "adam" else {}
    params |= {"hidden_layer_sizes": (4,), "dtype": "float64", "warm_start": True}
    ours = MLPBackpropRegressor(max_iter=2, **params)
    oracle = MLPBackpropRegressor(max_iter=2, **params)
    for _ in range(2):
        ours.fit_batches(factory(NUMBERS, Y), buffer_rows=buffer_rows)
        oracle.fit(NUMBERS, Y)
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        assert_allclose(own, expected, rtol=1e-7, atol=1e-9)
    assert len(ours.loss_curve_) == len(oracle.loss_curve_)


def test_fit_and_partial_fit_go_on_from_a_stream():
    network = MLPBackpropClassifier((4,), max_iter=2, warm_start=True, random_state=0)
    network.fit_batches(factory(NUMBERS, TWO), buffer_rows=1000)
    n_epochs = len(network.loss_curve_)
    network.fit(NUMBERS, TWO)
    network.partial_fit(NUMBERS[:200], TWO[:200])
    assert (
        len(network.loss_curve_) == n_epochs + network.n_iter_ + 2
        or len(network.loss_curve_) > n_epochs
    )


def test_the_same_seed_gives_the_same_bits():
    networks = [
        MLPBackpropClassifier((8,), max_iter=3, n_members=2, dropout=0.1, random_state=3)
        for _ in range(2)
    ]
    for network in networks:
        network.fit_batches(factory(MIXED, THREE), buffer_rows=700)
    for own, expected in zip(*map(parameters, networks), strict=True):
        assert_array_equal(own, expected)


def test_intervals_come_from_the_rows_held_out():
    network = MLPBackpropRegressor(max_iter=30, random_state=0)
    network.fit_batches(factory(NUMBERS[:2500], Y[:2500]), buffer_rows=2000)
    low, high = network.predict_interval(NUMBERS[2500:], confidence_level=0.8).T
    inside = np.mean((low <= Y[2500:]) & (Y[2500:] <= high))
    assert 0.7 < inside < 0.9
