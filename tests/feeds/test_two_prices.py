"""Day-ahead beside real-time prices: the price of a tick, and orders with limits.

Nothing that is not yet known is read.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mara.core.position import DayAheadOrders
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, World, first_world
from mara.feeds.day_ahead import gate_closure_local_hour
from mara.feeds.files.history import History
from mara.feeds.replay import ReplayFeed
from mara.feeds.two_prices import TwoPriceFeed, limit_of, next_day_of, tradable
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from mara.runtime.backtest import backtest
from mara.runtime.run_totals import RunTotals
from tests.builders import fleet, site

FIRST = datetime(2024, 2, 20, 6, tzinfo=UTC)
START = datetime(2024, 3, 5, 6, tzinfo=UTC)
"""Midnight in Dallas; the record is long enough for orders at 09:00 of this day."""
DAYS = 18
TICKS = 44
SITES = (
    site("dallas", "America/Chicago", price_zone="ERCOT HB_HUBAVG real-time"),
    site("oslo", "Europe/Oslo", price_zone="NO1 real-time"),
    site("osaka", "Asia/Tokyo", price_zone="JEPX day-ahead"),
)
DALLAS = 0


def history_of(seed: int = 1, *, same_until: int = 0, other: int = 2) -> History:
    """Prices of three sites, the second without an auction.

    Rows from `same_until` on are drawn from `other`.
    """
    shape = (24 * DAYS, len(SITES))

    def drawn(from_seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        draw = np.random.default_rng(from_seed)
        ahead = draw.normal(40.0, 15.0, shape)
        return ahead, 10.0 + 0.7 * ahead + draw.normal(0.0, 5.0, shape), draw.normal(15.0, 5.0, shape)

    first, later = drawn(seed), drawn(other)
    ahead, price, dry = (
        np.concatenate([a[: same_until or None], b[same_until:] if same_until else b[:0]])
        for a, b in zip(first, later, strict=True)
    )
    ahead[:, 1] = np.nan
    return History(
        file=Path("invented/history.csv"),
        sha256="0",
        site_ids=tuple(own.id for own in SITES),
        step_minutes=60,
        first_epoch_s=int(FIRST.timestamp()),
        energy_price_usd_per_mwh=price,
        carbon_intensity_g_per_kwh=np.full(shape, 300.0),
        renewable_share=np.full(shape, 0.3),
        dry_bulb_c=dry,
        wet_bulb_c=dry - 3.0,
        hashprice_usd_per_ph_day=np.full(shape[0], 55.0),
        day_ahead_usd_per_mwh=ahead,
    )


def config_of(tick_minutes: int = 60) -> RunConfig:
    own = fleet(sites=SITES, hedge_mw=[2.0, 0.0, 0.0], hedge_price=30.0, limit_mw=12.0)
    return RunConfig(fleet=own, grid=TimeGrid(start=START, tick_minutes=tick_minutes))


def feed_of(of: RunConfig, history: History, *, sends_orders: bool = True) -> TwoPriceFeed:
    return TwoPriceFeed(ReplayFeed(of, history), of, history, sends_orders=sends_orders)


def sent(of: RunConfig, history: History, ticks: int) -> list[tuple[int, DayAheadOrders]]:
    """Orders that the rules send, by tick."""
    found: list[tuple[int, DayAheadOrders]] = []

    def note(step: Step) -> None:
        if step.plan.day_ahead is not None:
            found.append((step.tick, step.plan.day_ahead))

    backtest(of, feed_of(of, history), Rules(), first_world(of), ticks, horizon_hours=2, on_step=note)
    return found


def test_a_tick_shows_the_price_that_the_auction_set_for_it_and_none_where_there_was_none() -> None:
    of, history = config_of(30), history_of()
    seen = feed_of(of, history).observe(7).day_ahead_usd_per_mwh
    assert seen is not None
    assert history.day_ahead_usd_per_mwh is not None
    np.testing.assert_array_equal(seen, history.day_ahead_usd_per_mwh[14 * 24 + 3])
    assert np.isnan(seen[1])


def test_power_is_traded_where_there_are_two_prices() -> None:
    of, history = config_of(), history_of()
    assert tradable(of, history).tolist() == [True, False, False]
    says = replace(history, price_known=("real_time", "real_time", "real_time"))
    assert tradable(of, says).tolist() == [True, False, True]
    assert not tradable(of, replace(history, day_ahead_usd_per_mwh=None)).any()


def test_the_limit_is_where_the_line_through_past_prices_crosses_the_diagonal() -> None:
    """The limit is the day-ahead price that equals the expected real-time price.

    Real time = 12 + 0.6 x day-ahead exactly: they are equal at 12 / 0.4 = 30 USD/MWh.
    """
    ahead = np.array([[10.0], [20.0], [40.0], [70.0]])
    assert limit_of(ahead, 12.0 + 0.6 * ahead) == pytest.approx(30.0)


def test_the_limit_is_never_above_the_dearest_auction_seen() -> None:
    ahead = np.array([[10.0], [20.0], [40.0]])
    assert limit_of(ahead, 100.0 + 0.0 * ahead) == pytest.approx(40.0)
    assert limit_of(ahead, 1.0 + 1.2 * ahead) == pytest.approx(40.0)


def test_nothing_is_bought_where_real_time_is_always_cheaper_or_a_price_is_missing() -> None:
    ahead = np.array([[10.0, np.nan], [20.0, 5.0], [40.0, 5.0]])
    assert np.isnan(limit_of(ahead, 1.1 * ahead - 40.0)).all()


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("ERCOT HB_HUBAVG", 10), ("PJM Western Hub", 10), ("MISO Indiana Hub", 9), ("NYISO N.Y.C.", 5), ("nowhere", 10)],
)
def test_auctions_close_at_the_hour_of_their_market(zone: str, hour: int) -> None:
    assert gate_closure_local_hour(zone) == hour


@pytest.mark.parametrize(("day", "hours"), [((2024, 3, 8), 24), ((2024, 3, 9), 23), ((2024, 11, 2), 25)])
def test_orders_go_out_in_the_last_whole_hour_before_for_all_hours_of_the_next_local_day(
    day: tuple[int, int, int], hours: int
) -> None:
    midnight = datetime(*day, tzinfo=UTC) + timedelta(hours=5 if day[1] == 11 else 6)
    first_h = int(midnight.timestamp()) // 3_600
    spans = [next_day_of(first_h + hour, "America/Chicago", 10) for hour in range(24)]
    assert [hour for hour, span in enumerate(spans) if span] == [9]
    assert spans[9] == (first_h + 24, first_h + 24 + hours)


def test_orders_are_the_load_beyond_the_hedge_within_the_grid_limit() -> None:
    of = config_of()
    (tick, first), (again, second) = sent(of, history_of(), TICKS)
    assert (tick, again) == (9, 33)
    assert first.first_epoch_h * 3_600 == int((START + timedelta(days=1)).timestamp())
    assert len(first.quantity_mw) == len(second.quantity_mw) == 24
    assert not first.quantity_mw[:, 1:].any()
    assert (first.quantity_mw[:, DALLAS] > 0.0).all()
    assert first.quantity_mw.max() <= 12.0 - 2.0


def test_a_record_of_less_than_fourteen_days_buys_nothing() -> None:
    of, history = config_of(), history_of()
    assert sent(of, history.window(FIRST + timedelta(days=1), history.end), 24) == []


def test_what_comes_after_an_order_changes_nothing_in_it() -> None:
    of = config_of()
    truth = sent(of, history_of(), TICKS)
    assert len(truth) == 2
    for tick, orders in truth:
        elsewhere = dict(sent(of, history_of(same_until=14 * 24 + tick), tick + 1))[tick]
        assert elsewhere.quantity_mw.tobytes() == orders.quantity_mw.tobytes()
        assert elsewhere.limit_usd_per_mwh.tobytes() == orders.limit_usd_per_mwh.tobytes()


@pytest.mark.parametrize("optimizer", [Rules(), Static()], ids=["rules", "static"])
def test_positions_change_what_is_earned_and_nothing_that_runs(optimizer: Rules | Static) -> None:
    of, history = config_of(), history_of()

    def run(*, buys: bool) -> tuple[RunTotals, World, list[bytes]]:
        ran: list[bytes] = []
        feed = feed_of(of, history, sends_orders=buys)

        def note(step: Step) -> None:
            ran.append(step.allocation.site_power_mw.tobytes())

        totals, world = backtest(of, feed, optimizer, first_world(of), TICKS, horizon_hours=2, on_step=note)
        return totals, world, ran

    (without, _, as_ever), (totals, world, ran) = run(buys=False), run(buys=True)
    assert ran == as_ever
    worth = totals.report()["day_ahead"]
    assert worth["position_mwh"] > 0.0
    assert worth["gain_usd"] == world.gains.day_ahead_micro_usd / 1e6 != 0.0
    assert worth["profit_without_usd"] == without.report()["profit_usd"]
    assert without.report()["day_ahead"]["position_mwh"] == 0.0


def test_ticks_of_five_minutes_send_the_orders_once_and_settle_an_hour_in_twelve_parts() -> None:
    hourly, fine, history = config_of(), config_of(5), history_of()
    whole, _ = backtest(hourly, feed_of(hourly, history), Static(), first_world(hourly), TICKS, horizon_hours=1)
    part, _ = backtest(fine, feed_of(fine, history), Static(), first_world(fine), TICKS * 12, horizon_hours=1)
    assert whole.report()["day_ahead"]["position_mwh"] > 0.0
    for name in ("position_mwh", "gain_usd"):
        found = (whole.report()["day_ahead"][name], part.report()["day_ahead"][name])
        assert found[1] == pytest.approx(found[0], rel=1e-4)
