"""A drawn power system: products are priced in their hours, and called as often as they say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from mara.core.power_terms import PowerTerms, ReserveProduct, TermTimes
from mara.core.timegrid import zone
from mara.core.world import RunConfig
from mara.feeds.files.history import History
from mara.feeds.power_feed import RecordedPower
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.feeds.synthetic.power_system import SyntheticCalls, with_synthetic_power
from tests.builders import WEST, config, fleet

DRILL = ReserveProduct(
    id="drill", kind="emergency", sites=(WEST,), response_s=600.0, duration_minutes=120, price_usd_per_mw_h=5.0
)


def run_of(product: ReserveProduct) -> RunConfig:
    terms = PowerTerms(export_limit_mw=np.zeros(3), export_fee_usd_per_mwh=np.zeros(3), products=(product,))
    return config(replace(fleet(), power=terms), tick_minutes=60, start=datetime(2025, 8, 30, 5, tzinfo=UTC))


def test_a_product_is_bought_in_its_months_and_hours_alone_now_and_ahead() -> None:
    """It is 30 August: two evenings are left of the month that counts."""
    of = run_of(replace(DRILL, times=TermTimes(month_numbers=(8,), hour_numbers=(17, 18))))
    feed = with_synthetic_power(SyntheticFeed(of, 7), of, 7)
    local = [of.grid.at(tick).astimezone(zone(of.fleet.sites[WEST].timezone)) for tick in range(72)]
    counts = [at.month == 8 and at.hour in (17, 18) for at in local]
    seen = [feed.observe(tick).power for tick in range(72)]
    assert [tick is not None and bool(tick.reserve_price_usd_per_mw_h[0, WEST] > 0.0) for tick in seen] == counts
    ahead = feed.forecast(0, 48).power
    assert ahead is not None
    assert (ahead.reserve_price_usd_per_mw_h[:48, 0, WEST] > 0.0).tolist() == counts[:48]
    assert sum(counts) == 4
    assert local[0].utcoffset() == timedelta(hours=-5)


def test_a_product_is_tested_as_often_as_it_says_and_never_called_for_longer() -> None:
    """Fifty tests a year of two hours at most; without tests and deployments it is never called."""
    calls = SyntheticCalls(run_of(replace(DRILL, tests_per_year_count=50.0)), 7)
    ends = np.array([int(calls.at(tick)[1][0]) for tick in range(8_760)])
    called = np.flatnonzero(ends)
    assert 35 <= len(set(ends[called].tolist())) <= 65
    assert (ends[called] - called <= 2).all()
    never = SyntheticCalls(run_of(DRILL), 7)
    assert not any(never.at(tick)[0].any() for tick in range(0, 8_760, 24))


def test_a_recorded_call_ends_with_the_tick_in_which_it_ends() -> None:
    """Seven quarters of an hour from 05:00 UTC on, in ticks of an hour and of a quarter."""
    hourly = run_of(DRILL)
    called, shape = np.zeros((12, 3)), (12, 3)
    called[:7, WEST] = 1.0
    history = History(
        file=Path("history"),
        sha256="",
        site_ids=hourly.fleet.site_ids,
        step_minutes=15,
        first_epoch_s=hourly.grid.start_epoch_s,
        energy_price_usd_per_mwh=np.zeros(shape),
        carbon_intensity_g_per_kwh=np.zeros(shape),
        renewable_share=np.zeros(shape),
        dry_bulb_c=np.zeros(shape),
        wet_bulb_c=np.zeros(shape),
        hashprice_usd_per_ph_day=np.zeros(12),
        further={"called_drill_share": called},
    )
    for tick_minutes, ends in ((60, [2, 2, 0]), (15, [7] * 7 + [0] * 5)):
        of = replace(hourly, grid=replace(hourly.grid, tick_minutes=tick_minutes))
        calls = RecordedPower(of, history).calls(lambda _: (np.zeros(1), np.zeros(1, dtype=np.int64)), of)
        assert [int(calls(tick)[1][0]) for tick in range(len(ends))] == ends
