"""Coarse program over the rest of a billing month: worth of a higher peak, and the target that follows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.plan import Problem
from mara.core.power_state import SeenPrices
from mara.core.power_terms import DemandCharge, PowerTerms, SiteBattery, TermTimes
from mara.core.world import first_world
from mara.optimizers.flexibility.month_program import PeakWorth, peak_worth
from mara.optimizers.lp.optimizer import Lp
from tests.builders import WEST, config, fleet, observation, problem

TICK = 5
"""July begins at WEST, so that 31 days are left."""


def asked(seen_usd_per_mwh: Any, rate: float = 6_000.0, price: float = 50.0, **parts: Any) -> Problem:
    """A problem of a day at one price, with the prices of blocks that are remembered, newest day first (days, 6)."""
    charge = DemandCharge(site=WEST, usd_per_mw_month=rate, interval_minutes=60, times=parts.pop("times", TermTimes()))
    feeds = np.full(3, 10.0)
    terms = PowerTerms(export_limit_mw=feeds, export_fee_usd_per_mwh=np.zeros(3), demand=(charge,), **parts)
    of = config(replace(fleet(), power=terms), tick_minutes=60)
    world = first_world(of)
    assert world.power is not None
    days = np.full((1, 15, 6), np.nan)
    given = np.atleast_2d(seen_usd_per_mwh)
    days[0, 1 : 1 + len(given)] = given
    world = replace(world, tick=TICK, power=replace(world.power, seen=SeenPrices(usd_per_mwh=sealed(days))))
    return problem(of, world, observation(of, tick=TICK, price=price))


def miners_worth_usd_per_mwh(of: Problem) -> float:
    """Worth of a megawatt-hour at the meter of the best miners at WEST."""
    kinds = np.flatnonzero(of.config.fleet.nameplate_mw[WEST, :3])
    return float((of.conditions.mining_value_usd_per_mwh / of.conditions.pue[WEST, :3])[kinds].max())


def target_mw(of: Problem) -> float:
    power = Lp().plan(of).steps[0].power
    assert power is not None
    return float(power.draw_limit_mw[WEST])


def test_nothing_is_known_of_days_to_come_before_one_has_passed() -> None:
    assert peak_worth(asked([[20.0] * 5 + [np.nan]]), 0) is None


def test_a_megawatt_earns_on_a_day_what_the_load_is_worth_above_the_price() -> None:
    of = asked([[20.0, 20.0, 20.0, 20.0, 20.0, 1_000.0]])
    found = peak_worth(of, 0)
    assert found is not None
    gain = 20.0 * (miners_worth_usd_per_mwh(of) - 20.0)
    assert np.isclose(found.usd_per_mw_day, gain).any()
    assert (np.diff(found.usd_per_mw_day) <= 0.0).all()


def test_newer_days_weigh_more() -> None:
    old, new = (peak_worth(asked(days), 0) for days in ([[90.0] * 6, [20.0] * 6], [[20.0] * 6, [90.0] * 6]))
    assert old is not None
    assert new is not None
    assert new.usd_per_mw_day[0] > old.usd_per_mw_day[0]


def test_a_battery_makes_a_peak_worth_the_spread_of_the_day() -> None:
    """It is charged with 4 MWh at 0, and feeds them in at 400 USD/MWh."""
    battery = SiteBattery(
        site=WEST, power_mw=4.0, energy_mwh=4.0, efficiency_in_share=1.0, efficiency_out_share=1.0, wear_usd_per_mwh=0.0
    )
    days = [[0.0, 0.0, 400.0, 400.0, 400.0, 400.0]]
    with_it, without = (peak_worth(asked(days, batteries=own), 0) for own in ((replace(battery, end_share=0.0),), ()))
    assert with_it is not None
    assert without is not None
    assert day_usd(with_it) == pytest.approx(day_usd(without) + 1_600.0)


def day_usd(worth: PeakWorth) -> float:
    """All that a mean day earns below the highest peak."""
    return float(np.diff([*worth.from_mw, worth.most_mw]) @ worth.usd_per_mw_day)


def test_hours_that_a_charge_does_not_count_are_worth_nothing_to_its_peak() -> None:
    times = TermTimes(hour_numbers=(8, 9, 10, 11))
    always, morning = (peak_worth(asked([[20.0] * 6], times=own), 0) for own in (TermTimes(), times))
    assert always is not None
    assert morning is not None
    assert morning.usd_per_mw_day == pytest.approx(always.usd_per_mw_day / 6.0)


def test_a_month_begins_with_a_target_where_days_like_those_before_pay_for_it() -> None:
    """Today costs more than miners earn, but the days before were cheap.

    A peak that they pay for is free today; where they were as dear as today, nothing is.
    """
    dear = 500.0
    assert target_mw(asked([[20.0] * 6] * 14, price=dear)) > 10.0
    assert target_mw(asked([[dear] * 6] * 14, price=dear)) == pytest.approx(0.0, abs=1e-5)


def test_one_good_day_does_not_raise_a_peak_that_the_month_does_not_pay_for() -> None:
    """At 20 USD/MWh a day alone would, were all days like it."""
    rate = 30_000.0
    alike, remembered = asked([[np.nan] * 6], rate, price=20.0), asked([[500.0] * 6] * 14, rate, price=20.0)
    assert target_mw(alike) > 10.0
    assert target_mw(remembered) == pytest.approx(0.0, abs=1e-5)
