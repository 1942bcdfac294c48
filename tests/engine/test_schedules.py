from itertools import pairwise

import pytest

from sknet._engine.schedules import SCHEDULES, Progress

every_schedule = pytest.mark.parametrize("name", SCHEDULES)


@every_schedule
def test_training_starts_at_learning_rate_init(name):
    assert SCHEDULES[name](0.3, Progress(), 0.5) == pytest.approx(0.3)


@every_schedule
def test_the_rate_stays_positive_and_never_rises(name):
    rates = [
        SCHEDULES[name](0.3, Progress(epoch, 50 * epoch, epoch // 4), 0.5) for epoch in range(60)
    ]
    assert all(0 < later <= earlier for earlier, later in pairwise(rates))


@every_schedule
def test_the_rate_is_proportional_to_learning_rate_init_and_a_builtin(name):
    progress = Progress(3, 150, 2)
    rate = SCHEDULES[name](0.3, progress, 0.5)
    assert type(rate) is float
    assert SCHEDULES[name](0.6, progress, 0.5) == pytest.approx(2 * rate)


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
