"""Two-settlement of power bought day-ahead: bills computed by hand, and clearing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mara.core.arrays import Floats, sealed
from mara.core.events import events_of
from mara.core.finance import EnergyLine, Line, Settlement
from mara.core.position import DayAheadOrders, cleared_mw, orders_after
from mara.core.step import Step, advance
from mara.core.world import Gains, RunConfig
from tests.builders import EAST, NORTH, WEST, config, fleet, observation, step, world

USD = 1_000_000
MINE_WEST = [[6.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3]
LOAD_MW = 6.36
"""Site power of six megawatts of miners at a PUE of 1.06."""


def orders(hour: int, quantity: object, limit: object = 1e4, *, hours: int = 1, sites: int = 3) -> DayAheadOrders:
    return DayAheadOrders(
        first_epoch_h=hour,
        quantity_mw=sealed(np.broadcast_to(np.array(quantity, dtype=np.float64), (hours, sites)).copy()),
        limit_usd_per_mwh=sealed(np.broadcast_to(np.array(limit, dtype=np.float64), (hours, sites)).copy()),
    )


def hour_of(of: RunConfig) -> int:
    return of.grid.start_epoch_s // 3_600


def bought(of: RunConfig, ahead: list[float], price: float, quantity: list[float], *, mines: bool = True) -> Step:
    """A tick with a position that clears at `ahead`."""
    seen = replace(observation(of, price=price), day_ahead_usd_per_mwh=sealed(np.array(ahead)))
    miners = MINE_WEST if mines else 0.0
    state = replace(world(of, miners=miners), day_ahead=orders(hour_of(of), quantity))
    return advance(state, seen, step(of, miners=miners), of)


def power_usd(settlement: Settlement, site: int) -> float:
    lines = settlement.lines_micro_usd[site]
    return float(sum(lines[line] for line in (Line.ENERGY, Line.HEDGE, Line.SELLBACK, Line.DAY_AHEAD))) / USD


def test_an_hour_is_billed_at_both_prices() -> None:
    """The position is paid at the day-ahead price, the rest of the load in real time.

    Load 6.36 MW, position 5 MW at 30, real time 42 USD/MWh: 5 x 30 + 1.36 x 42 = 150 + 57.12 = 207.12 USD. In the
    ledger: energy 6.36 x 42 = 267.12, less the gain 5 x (42 - 30) = 60.
    """
    of = config(tick_minutes=60)
    money = bought(of, [30.0, 30.0, 30.0], 42.0, [5.0, 0.0, 0.0]).settlement
    assert money.lines_micro_usd[WEST, Line.ENERGY] == -267_120_000
    assert money.lines_micro_usd[WEST, Line.DAY_AHEAD] == 60_000_000
    assert power_usd(money, WEST) == pytest.approx(-207.12)
    assert money.position_mw is not None
    assert money.position_mw.tolist() == [5.0, 0.0, 0.0]
    assert money.revenue_micro_usd - money.cost_micro_usd == money.profit_micro_usd


def test_what_is_bought_beyond_the_load_is_sold_in_real_time() -> None:
    """An unused position is sold at the real-time price.

    Nothing runs, position 5 MW at 30: 5 x 30 paid and 5 x 12 got back at 12 USD/MWh, a loss of 90 USD an hour. Five
    minutes of it are 7.5 USD.
    """
    of = config(tick_minutes=5)
    money = bought(of, [30.0] * 3, 12.0, [5.0, 0.0, 0.0], mines=False).settlement
    assert money.lines_micro_usd[WEST].tolist() == [0] * Line.DAY_AHEAD + [-7_500_000] + [0] * (
        len(Line) - Line.DAY_AHEAD - 1
    )
    assert money.cost_micro_usd == 7_500_000


def test_real_time_below_zero_pays_for_the_load_and_costs_the_position() -> None:
    """A negative real-time price pays for the load and makes the position lose.

    Load 6.36 MW at -20 gets 127.2 USD; the position of 5 MW at 10 loses 5 x 30 = 150: together 22.8 paid.
    """
    of = config(tick_minutes=60)
    money = bought(of, [10.0] * 3, -20.0, [5.0, 0.0, 0.0]).settlement
    assert power_usd(money, WEST) == pytest.approx(127.2 - 150.0)


def test_no_megawatt_is_sold_twice_beside_a_hedge() -> None:
    """A hedge and a position together sell only what the load does not use.

    Hedge 10 MW at 40, position 5 MW at 30, load 6.36 MW, real time 100 USD/MWh: fifteen megawatts are owned. Unused
    of the hedge: 10 - 6.36 = 3.64 MW, sold at 95. The position serves nothing and is sold whole: 5 x 100 - 5 x 30.
    Power sold: 3.64 + 5 = 15 - 6.36 MW.
    """
    of = config(fleet(hedge_mw=[10.0, 0.0, 0.0], hedge_price=40.0), tick_minutes=60)
    done = bought(of, [30.0] * 3, 100.0, [5.0, 0.0, 0.0])
    lines = done.settlement.lines_micro_usd[WEST]
    assert lines[Line.HEDGE] == -400 * USD
    assert lines[Line.SELLBACK] == round(3.64 * 95 * USD)
    assert lines[Line.DAY_AHEAD] == 350 * USD
    assert not lines[Line.ENERGY]
    assert float(done.allocation.sold_mw[WEST]) + 5.0 == pytest.approx(10.0 + 5.0 - LOAD_MW)
    assert done.settlement.energy_wh[WEST, EnergyLine.SOLD] == -3_640_000


@given(
    load_mw=st.integers(0, 60),
    position_mw=st.integers(0, 50),
    price=st.integers(-1_000, 20_000),
    ahead=st.integers(-1_000, 5_000),
    tick_minutes=st.sampled_from([5, 15, 60]),
)
def test_the_ledger_pays_the_position_at_one_price_and_the_rest_of_the_load_at_the_other(
    load_mw: int, position_mw: int, price: int, ahead: int, tick_minutes: int
) -> None:
    of = config(fleet(limit_mw=60.0), tick_minutes=tick_minutes)
    miners = [[0.0] * 3, [0.0] * 3, [load_mw / 10, 0.0, 0.0]]
    seen = replace(observation(of, price=price), day_ahead_usd_per_mwh=sealed(np.full(3, float(ahead))))
    state = replace(world(of, miners=miners), day_ahead=orders(hour_of(of), position_mw, limit=6_000.0))
    done = advance(state, seen, step(of, miners=miners), of)
    lines = done.settlement.lines_micro_usd
    dt_h = tick_minutes / 60
    for site in (WEST, NORTH, EAST):
        load = float(done.allocation.site_power_mw[site])
        expected = -(position_mw * ahead + (load - position_mw) * price) * dt_h * USD
        assert abs(int(lines[site, Line.ENERGY] + lines[site, Line.DAY_AHEAD]) - expected) <= 1.0
    assert done.world.cash_micro_usd == int(lines.sum())
    assert done.gains.day_ahead_micro_usd == int(lines[:, Line.DAY_AHEAD].sum())


def test_the_last_tick_of_a_day_tells_what_positions_gained_in_it() -> None:
    of = config(tick_minutes=60)
    seen = replace(observation(of, tick=23, price=42.0), day_ahead_usd_per_mwh=sealed(np.full(3, 30.0)))
    gained_before = Gains(day_ahead_micro_usd=7 * USD)
    state = replace(
        world(of), tick=23, day_ahead=orders(hour_of(of) + 23, [5.0, 0.0, 0.0]), gains=gained_before, cash_micro_usd=USD
    )
    assert of.grid.epoch_s(24) % 86_400 == 0
    (told,) = (e.text for e in events_of(advance(state, seen, step(of), of), of) if e.kind == "day")
    assert told.endswith(" Positions bought day-ahead: +60 USD.")


@pytest.mark.parametrize(("ahead", "clears"), [(49.9, True), (50.0, True), (50.1, False), (np.nan, False)])
def test_an_order_clears_at_or_below_its_limit(ahead: float, clears: bool) -> None:
    found = cleared_mw(orders(7, 4.0, 50.0), 7, np.full(3, ahead))
    assert found is not None
    assert found.tolist() == [4.0 if clears else 0.0] * 3


def test_hours_without_an_order_or_without_a_price_have_no_position() -> None:
    price: Floats = np.full(3, 1.0)
    held = orders(7, 4.0, hours=2)
    assert [cleared_mw(held, hour, price) is None for hour in (6, 7, 8, 9)] == [True, False, False, True]
    assert cleared_mw(held, 7, None) is None
    assert cleared_mw(None, 7, price) is None


def test_orders_of_sites_whose_days_begin_at_other_hours_stand_side_by_side() -> None:
    west, north = orders(10, [1.0, 0.0, 0.0], 20.0, hours=4), orders(12, [0.0, 2.0, 0.0], 30.0, hours=4)
    both = orders_after(west, north, 11)
    assert both is not None
    assert both.first_epoch_h == 11
    assert both.quantity_mw[:, WEST].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert both.quantity_mw[:, NORTH].tolist() == [0.0, 2.0, 2.0, 2.0, 2.0]
    assert both.limit_usd_per_mwh[1].tolist() == [20.0, 30.0, 0.0]
    assert orders_after(both, None, 11) is both
    assert orders_after(both, None, 16) is None


def test_new_orders_replace_those_of_the_same_site_and_hours() -> None:
    again = orders_after(orders(10, 1.0, 20.0, hours=2), orders(11, 3.0, 5.0), 10)
    assert again is not None
    assert again.quantity_mw[:, WEST].tolist() == [1.0, 3.0]
    assert again.limit_usd_per_mwh[:, WEST].tolist() == [20.0, 5.0]
