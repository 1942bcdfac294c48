from fractions import Fraction
from itertools import chain, islice, pairwise
from math import inf, log2, nan

import numpy as np
import pytest

from sknet._engine.schedules import SCHEDULES, LearningRate, Progress, Schedule, warmup_factor

WITHOUT_HORIZON = [name for name, row in SCHEDULES.items() if not row.has_horizon]
WITH_HORIZON = [name for name, row in SCHEDULES.items() if row.has_horizon]

every_schedule = pytest.mark.parametrize("name", SCHEDULES)
each_without_horizon = pytest.mark.parametrize("name", WITHOUT_HORIZON)
each_with_horizon = pytest.mark.parametrize("name", WITH_HORIZON)


def start(steps_per_epoch, n_epochs):
    return Progress().rebased(steps_per_epoch).with_horizon(n_epochs, restart=True)


def epochs(learning_rate, progress, n_samples=50):
    """The rates of epoch after epoch, as a training asks for them, without end."""
    while True:
        yield learning_rate.epoch(progress)
        progress = progress.after_epoch(n_samples)


def all_rates(learning_rate, progress):
    """The rate of each step of the horizon."""
    return list(chain.from_iterable(islice(epochs(learning_rate, progress), progress.n_epochs)))


def at(fraction, n_steps=2**20):
    """A progress at about this fraction of a long horizon."""
    return Progress(step=round(fraction * n_steps), n_epochs=n_steps)


# ---------------------------------------------------------------------------------- progress


def test_progress_counts_epochs_and_the_fraction_of_the_horizon():
    progress = start(4, 10)
    assert (progress.epochs, progress.fraction) == (0, 0)
    progress = progress.after_epoch(50).after_epoch(50)
    assert progress == Progress(2, 100, 0, 8, 4, 10, 0)
    progress = progress._replace(step=9)
    assert (progress.epochs, progress.fraction) == (2.25, 9 / 40)
    assert [progress._replace(step=k).fraction for k in (40, 41, 10**9)] == [1, 1, 1]


def test_progress_is_rebuilt_from_its_tuple_and_from_the_first_fields_alone():
    progress = Progress(3, 150, 2, 12, 4, 10, 1)
    assert Progress(*tuple(progress)) == progress
    assert Progress(3, 150, 2) == Progress(epoch=3, samples_seen=150, n_plateaus=2)


@pytest.mark.parametrize("new_horizon", [False, True])
def test_step_and_epoch_agree_when_the_number_of_batches_changes(new_horizon):
    progress = start(4, 10)
    for n_epochs, (n_calls, steps_per_epoch) in enumerate([(3, 4), (2, 7), (1, 1), (4, 5)], 10):
        progress = progress.rebased(steps_per_epoch).with_horizon(n_epochs, restart=new_horizon)
        begin = progress.epoch
        for _ in range(n_calls):
            assert progress.epochs == progress.epoch
            done = progress.epoch - (begin if new_horizon else 0)
            assert progress.fraction == pytest.approx(done / n_epochs)
            progress = progress.after_epoch(50)
    assert (progress.epoch, progress.samples_seen) == (10, 500)


# ---------------------------------------------------------------------------------- the table


@every_schedule
@pytest.mark.parametrize("warmup", [0, 0.3, 2])
@pytest.mark.parametrize(("steps_per_epoch", "n_epochs"), [(1, 1), (3, 1), (1, 4), (7, 30)])
def test_each_rate_is_a_builtin_from_0_to_eta(name, warmup, steps_per_epoch, n_epochs):
    learning_rate = LearningRate(name, np.float64(0.3), np.float32(0.5), warmup)
    rates = all_rates(learning_rate, start(steps_per_epoch, n_epochs))
    assert len(rates) == steps_per_epoch * n_epochs
    assert {type(rate) for rate in rates} == {float}
    assert all(0 <= rate <= 0.3 * (1 + 1e-15) for rate in rates)
    assert len(rates) == 1 or max(rates) > 0


@every_schedule
def test_the_rate_is_proportional_to_learning_rate_init(name):
    progress = Progress(3, 150, 2, 33, 10, 20)
    rate = SCHEDULES[name](0.3, progress, 0.5)
    assert rate > 0
    assert SCHEDULES[name](0.6, progress, 0.5) == pytest.approx(2 * rate)


@every_schedule
def test_the_rate_depends_on_the_progress_alone(name):
    """In any order, asked once or again, by one object or by another."""
    steps = [start(5, 4)._replace(epoch=k // 5, step=k, samples_seen=10 * k) for k in range(20)]
    learning_rate = LearningRate(name, 0.3, warmup=1)
    rates = {progress: learning_rate(progress) for progress in reversed(steps)}
    assert [learning_rate(progress) for progress in steps] == [rates[p] for p in steps]
    assert [LearningRate(name, 0.3, warmup=1)(p) for p in steps] == [rates[p] for p in steps]


@every_schedule
@pytest.mark.parametrize("warmup", [0, 0.3, 2])
def test_an_epoch_has_the_rate_of_each_of_its_steps(name, warmup):
    progress, learning_rate = start(6, 5), LearningRate(name, 0.3, 0.5, warmup)
    for rates in islice(epochs(learning_rate, progress, 50), 7):  # 2 epochs beyond the horizon
        each = [learning_rate(progress._replace(step=progress.step + k)) for k in range(6)]
        assert rates == each
        progress = progress.after_epoch(50)


@pytest.mark.parametrize("n_warm", [0, 2])
def test_a_rate_that_holds_for_an_epoch_is_computed_once(monkeypatch, n_warm):
    calls = []

    def counted(eta, progress, power_t):
        calls.append(progress)
        return eta

    monkeypatch.setitem(SCHEDULES, "constant", Schedule(counted))
    list(islice(epochs(LearningRate("constant", 0.1, warmup=n_warm), start(100, 10)), 10))
    assert len(calls) == 100 * n_warm + (10 - n_warm)


# ---------------------------------------------------------------------------------- the rows


@each_without_horizon
def test_without_horizon_training_starts_at_learning_rate_init(name):
    assert SCHEDULES[name](0.3, Progress(), 0.5) == pytest.approx(0.3)


@each_without_horizon
def test_without_horizon_the_rate_stays_positive_and_never_rises(name):
    rates = [
        SCHEDULES[name](0.3, Progress(epoch, 50 * epoch, epoch // 4), 0.5) for epoch in range(60)
    ]
    assert all(0 < later <= earlier for earlier, later in pairwise(rates))


@each_without_horizon
def test_without_horizon_the_rate_ignores_steps_and_horizon(name):
    progress = Progress(3, 150, 2)
    others = [progress._replace(step=k, steps_per_epoch=7, n_epochs=9) for k in (0, 21, 27)]
    rate = SCHEDULES[name](0.3, progress, 0.5)
    assert [SCHEDULES[name](0.3, other, 0.5) for other in others] == [rate] * 3


@each_with_horizon
def test_with_horizon_the_rate_depends_on_the_steps_alone(name):
    """12 steps are 12 steps: as 3 epochs of 4, or as 6 of 2."""
    learning_rate = LearningRate(name, 0.3)
    assert all_rates(learning_rate, start(4, 3)) == all_rates(learning_rate, start(2, 6))


def test_constant_ignores_progress():
    assert SCHEDULES["constant"](0.3, Progress(70, 1000, 5), 0.5) == 0.3


@pytest.mark.parametrize(
    ("samples_seen", "power_t", "divisor"), [(99, 0.5, 10), (99, 1.0, 100), (7, 1 / 3, 2)]
)
def test_invscaling_divides_by_a_power_of_the_samples_seen(samples_seen, power_t, divisor):
    rate = SCHEDULES["invscaling"](0.3, Progress(samples_seen=samples_seen), power_t)
    assert rate == pytest.approx(0.3 / divisor)


def test_adaptive_divides_by_five_at_each_plateau():
    rates = [SCHEDULES["adaptive"](1.0, Progress(9, 900, k), 0.5) for k in range(4)]
    assert rates == pytest.approx([1, 0.2, 0.04, 0.008])


@pytest.mark.parametrize("warmup", [0, 50])
def test_only_adaptive_slows_down_and_until_the_rate_is_tiny_not_for_being_warmed_up(warmup):
    progress = start(1000, 100)
    for name in SCHEDULES:
        learning_rate = LearningRate(name, 0.01, warmup=warmup)
        slower = [learning_rate.can_slow_down(progress._replace(n_plateaus=k)) for k in range(8)]
        # 0.01 / 5^5 = 3.2e-6, 0.01 / 5^6 = 6.4e-7
        assert slower == ([True] * 6 + [False] * 2 if name == "adaptive" else [False] * 8)


@pytest.mark.parametrize(
    ("t", "share"), [(0, 1), (1 / 4, (2 + 2**0.5) / 4), (1 / 2, 1 / 2), (3 / 4, (2 - 2**0.5) / 4)]
)
def test_cosine_at_known_points(t, share):
    assert SCHEDULES["cosine"](0.3, at(t), 0.5) == pytest.approx(0.3 * share)
    assert SCHEDULES["cosine"](0.3, at(1), 0.5) == SCHEDULES["cosine"](0.3, at(2), 0.5) == 0


def test_one_cycle_at_known_points():
    """Of 100 steps, number 29 is at the peak and number 99 at the end."""
    rates = all_rates(LearningRate("one_cycle", 0.25), start(10, 10))
    assert rates[0] == pytest.approx(0.01)
    assert rates[29] == 0.25 == max(rates)
    assert (rates[28], rates[30]) < (0.25, 0.25)
    assert rates[64] == pytest.approx(0.25 / 2 * (1 + 4e-6))
    assert rates[99] == pytest.approx(1e-6)
    beyond = LearningRate("one_cycle", 0.25).epoch(Progress(10, 500, 0, 100, 10, 10))
    assert beyond == [rates[99]] * 10


@pytest.mark.parametrize("t", [Fraction(0), *(Fraction(2**k - 1, 15) for k in (1, 2, 3, 4))])
def test_coslog4_ends_each_of_four_cycles_at_0(t):
    progress = Progress(step=t.numerator, n_epochs=t.denominator)
    assert SCHEDULES["coslog4"](0.3, progress, 0.5) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("cycle", range(4))
def test_coslog4_peaks_at_eta_in_the_logarithmic_middle_of_each_cycle(cycle):
    t = (2 ** (cycle + 0.5) - 1) / 15
    assert t == pytest.approx([0.0276, 0.1219, 0.3105, 0.6876][cycle], abs=5e-5)
    assert SCHEDULES["coslog4"](0.3, at(t), 0.5) == pytest.approx(0.3, rel=1e-8)
    # a quarter of a cycle before and after: half of it
    for quarter in (-0.25, 0.25):
        t = (2 ** (cycle + 0.5 + quarter) - 1) / 15
        assert SCHEDULES["coslog4"](0.3, at(t), 0.5) == pytest.approx(0.15, rel=1e-3)
        assert log2(1 + 15 * at(t).fraction) % 1 == pytest.approx(0.5 + quarter, abs=1e-4)


# ---------------------------------------------------------------------------------- torch

LENGTHS = [(1, 1), (2, 1), (3, 1), (1, 4), (5, 2), (7, 13), (25, 40)]


def torch_rates(torch, make, n_steps, lr=0.3):
    """The rate of each step of a torch scheduler that is stepped after each batch."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    scheduler, rates = make(optimizer), []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.torch
@pytest.mark.parametrize(("steps_per_epoch", "n_epochs"), LENGTHS)
def test_cosine_equals_torch(torch, steps_per_epoch, n_epochs):
    """torch goes from each rate to the next, so its rounding adds up."""
    n_steps = steps_per_epoch * n_epochs
    make = torch.optim.lr_scheduler.CosineAnnealingLR
    theirs = torch_rates(torch, lambda optimizer: make(optimizer, n_steps), n_steps)
    ours = all_rates(LearningRate("cosine", 0.3), start(steps_per_epoch, n_epochs))
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-14)


@pytest.mark.torch
@pytest.mark.parametrize(("steps_per_epoch", "n_epochs"), LENGTHS)
def test_one_cycle_equals_torch_exactly(torch, steps_per_epoch, n_epochs):
    n_steps = steps_per_epoch * n_epochs

    def make(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=0.3,
            total_steps=n_steps,
            pct_start=0.3,
            anneal_strategy="cos",
            cycle_momentum=False,
            div_factor=25.0,
            final_div_factor=1e4,
        )

    theirs = torch_rates(torch, make, n_steps)
    ours = all_rates(LearningRate("one_cycle", 0.3), start(steps_per_epoch, n_epochs))
    assert ours == theirs


@pytest.mark.torch
@pytest.mark.parametrize(("warmup", "n_warm"), [(1, 5), (3, 15), (0.1, 4), (0.33, 14)])
def test_warmup_equals_torch(torch, warmup, n_warm):
    def make(optimizer):
        return torch.optim.lr_scheduler.LinearLR(
            optimizer, start_factor=1 / n_warm, total_iters=n_warm - 1
        )

    ours = all_rates(LearningRate("constant", 0.3, warmup=warmup), start(5, 8))
    assert ours == pytest.approx(torch_rates(torch, make, 40), rel=1e-12)


# ---------------------------------------------------------------------------------- warm-up


@pytest.mark.parametrize(
    ("warmup", "n_warm"),
    [
        (1, 10),
        (3, 30),
        (np.int64(3), 30),
        (200, 2000),  # longer than training
        (0.25, 25),
        (0.255, 26),
        (0.07, 7),  # 0.07 * 100 > 7 as floats
        (np.float32(0.1), 10),
        (1e-12, 1),
        (0.999, 100),
    ],
)
def test_warmup_rises_by_equal_steps_to_the_full_rate(warmup, n_warm):
    steps = [start(10, 10)._replace(step=k) for k in range(100)]
    factors = [warmup_factor(progress, warmup) for progress in steps]
    assert factors == pytest.approx([min(1, (k + 1) / n_warm) for k in range(100)], rel=1e-15)


@every_schedule
def test_warmup_multiplies_every_schedule(name):
    cold, warm = (
        np.array(all_rates(LearningRate(name, 0.3, warmup=warmup), start(4, 10)))
        for warmup in (0, 0.2)
    )
    factors = np.minimum(1, (np.arange(40) + 1) / 8)
    np.testing.assert_allclose(warm, factors * cold, rtol=1e-15)


def test_warmup_multiplies_a_callable():
    rates = LearningRate(lambda progress: 0.8, 0.3, warmup=1).epoch(start(4, 10))
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8])


# ---------------------------------------------------------------------------------- continuation


@every_schedule
@pytest.mark.parametrize("warmup", [0, 0.3, 2])
def test_one_epoch_at_a_time_has_the_rates_of_one_run(name, warmup):
    """As in partial_fit, whose horizon is max_iter calls."""
    learning_rate, progress = LearningRate(name, 0.3, 0.5, warmup), start(4, 6)
    whole, pieces = all_rates(learning_rate, progress), []
    for _ in range(6):
        progress = Progress(*tuple(progress)).rebased(4).with_horizon(6, restart=False)
        pieces += learning_rate.epoch(progress)
        progress = progress.after_epoch(50)
    assert pieces == whole


@each_without_horizon
def test_without_horizon_a_warm_start_goes_on(name):
    learning_rate = LearningRate(name, 0.3, 0.5, warmup=3)
    whole = list(islice(epochs(learning_rate, start(4, 6)), 6))
    progress = start(4, 2).after_epoch(50).after_epoch(50).rebased(4).with_horizon(4, restart=True)
    assert list(islice(epochs(learning_rate, progress), 4)) == whole[2:]


@each_with_horizon
@pytest.mark.parametrize(("steps_per_epoch", "n_epochs"), [(4, 3), (9, 5)])
def test_with_horizon_a_warm_start_runs_through_the_schedule_again(name, steps_per_epoch, n_epochs):
    """And does not warm up again; with as many batches as before, or more."""
    progress = start(4, 3).after_epoch(50).after_epoch(50).after_epoch(50)
    progress = progress.rebased(steps_per_epoch).with_horizon(n_epochs, restart=True)
    again = all_rates(LearningRate(name, 0.3, warmup=2), progress)
    assert again == all_rates(LearningRate(name, 0.3), start(steps_per_epoch, n_epochs))


# ---------------------------------------------------------------------------------- callables


def test_a_callable_is_asked_at_each_step_and_returns_the_rate_itself():
    seen = []

    def linear(progress):
        seen.append(progress)
        return 0.5 * (1 - progress.fraction)

    rates = all_rates(LearningRate(linear, 0.3), start(4, 5))
    assert rates == pytest.approx(0.5 * (1 - np.arange(20) / 20))
    assert [progress.step for progress in seen] == list(range(20))
    assert [progress.epoch for progress in seen] == [k // 4 for k in range(20)]


@pytest.mark.parametrize(
    "value", [0, 0.1, 1, np.float64(0.1), np.float32(0.1), np.int64(2), Fraction(1, 3)]
)
def test_a_callable_may_return_any_real_number(value):
    rates = LearningRate(lambda progress: value, 0.3).epoch(start(3, 2))
    assert rates == [float(value)] * 3
    assert {type(rate) for rate in rates} == {float}


@pytest.mark.parametrize(
    "value",
    [None, True, False, np.True_, "0.1", nan, inf, -inf, -0.1, 1j, [0.1], np.array([0.1]), 10**400],
    ids=lambda value: repr(value)[:20],
)
def test_a_callable_that_returns_no_rate_is_an_error_that_names_it_and_the_epoch(value):
    learning_rate = LearningRate(lambda progress: 0.1 if progress.step < 9 else value, 0.3)
    with pytest.raises(ValueError, match=r"learning_rate.* in epoch 3 \(step 9\).*finite") as error:
        all_rates(learning_rate, start(4, 5))
    assert repr(value) in str(error.value)


def test_an_error_of_a_callable_is_its_own():
    with pytest.raises(ZeroDivisionError):
        LearningRate(lambda progress: 1 / progress.step, 0.3).epoch(start(4, 5))


def test_a_callable_neither_has_a_horizon_nor_slows_down():
    learning_rate = LearningRate(lambda progress: 0.1, 0.3)
    assert not learning_rate.schedule.has_horizon
    assert not learning_rate.can_slow_down(Progress())


def test_an_unknown_name_is_an_error():
    with pytest.raises(KeyError, match="nope"):
        LearningRate("nope", 0.1)
