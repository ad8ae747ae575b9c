"""Rate and duration of outages are as set; any tick can be asked for alone."""

import numpy as np
import pytest

from mara.feeds.synthetic.outages import OutageInterval, OutageStream
from tests.feeds.synthetic_worlds import charter_of, fleet_of, global_ten, site_of

DAY = 288
YEARS = 40
DAYS = 365 * YEARS


@pytest.fixture(scope="module")
def outages() -> tuple[OutageInterval, ...]:
    return OutageStream(charter_of(), 7).outages(0, DAYS * DAY)


def whole_and_pairs(outages: tuple[OutageInterval, ...]) -> tuple[list[OutageInterval], int]:
    """Count outages of one whole site alone, and those of two sites together."""
    whole = [outage for outage in outages if outage.loss_share == 1.0]
    starts, counts = np.unique([outage.start_minutes for outage in whole], return_counts=True)
    together = set(starts[counts == 2])
    return [outage for outage in whole if outage.start_minutes not in together], len(together)


def test_each_site_fails_every_twenty_days_and_two_fail_together_every_sixty(
    outages: tuple[OutageInterval, ...],
) -> None:
    alone, pairs = whole_and_pairs(outages)
    assert len(alone) / 10 == pytest.approx(DAYS / 20, rel=0.05)
    assert pairs == pytest.approx(DAYS / 60, rel=0.15)
    assert np.bincount([outage.site for outage in alone]).min() > 0.8 * DAYS / 20


def test_half_of_the_repairs_take_half_an_hour_or_less(outages: tuple[OutageInterval, ...]) -> None:
    minutes = [outage.duration_minutes for outage in whole_and_pairs(outages)[0]]
    assert np.median(minutes) == pytest.approx(30.0, rel=0.05)
    assert max(minutes) <= 24 * 60


def test_a_part_of_each_site_fails_every_ten_days_for_two_hours(outages: tuple[OutageInterval, ...]) -> None:
    parts = [outage for outage in outages if outage.loss_share < 1.0]
    assert len(parts) / 10 == pytest.approx(DAYS / 10, rel=0.05)
    assert {outage.duration_minutes for outage in parts} == {120.0}
    losses = [outage.loss_share for outage in parts]
    assert 0.30 <= min(losses) < 0.31
    assert 0.59 < max(losses) <= 0.60


def test_availability_is_what_the_outages_leave_multiplied() -> None:
    config = charter_of()
    stream = OutageStream(config, 3)
    last = 200 * DAY
    left = np.ones((last, 10))
    start_minutes = config.grid.start_epoch_s / 60
    for outage in stream.outages(-DAY, last):
        begin = int((outage.start_minutes - start_minutes) // 5)
        end = begin + max(1, round(outage.duration_minutes / 5))
        left[max(begin, 0) : max(end, 0), outage.site] *= 1.0 - outage.loss_share
    np.testing.assert_allclose(np.array([stream.availability(tick) for tick in range(last)]), left)
    assert ((left > 0.0) & (left < 0.39)).any()


def test_ticks_asked_for_in_any_order_give_the_same_availability() -> None:
    forwards, backwards = OutageStream(charter_of(), 7), OutageStream(charter_of(), 7)
    seen = [forwards.availability(tick) for tick in range(0, 90 * DAY, 7)]
    again = [backwards.availability(tick) for tick in reversed(range(0, 90 * DAY, 7))]
    np.testing.assert_array_equal(seen, again[::-1])


def test_a_month_of_the_default_fleet_has_ten_to_eighty_outages() -> None:
    counts = [len(OutageStream(charter_of(), seed).outages(0, 30 * DAY)) for seed in range(20)]
    assert 40 <= np.mean(counts) <= 52
    assert min(counts) >= 10
    assert max(counts) <= 80


def test_a_fleet_of_one_site_has_outages_too() -> None:
    stream = OutageStream(charter_of(fleet_of(site_of()), tick_minutes=60), 7)
    shares = np.array([stream.availability(tick) for tick in range(24 * 365)])
    assert shares.shape == (24 * 365, 1)
    assert 0.97 < shares.mean() < 1.0


def test_ticks_without_an_outage_share_one_array() -> None:
    stream = OutageStream(charter_of(), 7)
    untouched = [row for row in map(stream.availability, range(DAY)) if row.min() == 1.0]
    assert len({id(row) for row in untouched}) == 1
    assert not untouched[0].flags.writeable
    assert global_ten().site_count == 10
