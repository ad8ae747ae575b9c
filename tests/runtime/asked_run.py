"""A stored run of three days at four sites, about which tests ask questions.

It has hours of high prices, outages, orders and a refused request.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from mara.core.commands import Book, Cancel, Command, Outage
from mara.core.contract import ContractRequest, Tier
from mara.core.events import events_of
from mara.core.fleet import Cooling, Site
from mara.core.snapshot import ForecastSnapshot
from mara.core.step import advance
from mara.core.world import Observation, RunConfig, World, first_world
from mara.optimizers.rules.static import Static
from mara.store.encoding.records import run_record
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from mara.store.write.orders import NewOrder, Outcome
from tests import builders

TICKS = 72
"""Number of ticks of an hour each, from Tuesday 1 July 2025 00:00 UTC on."""
TEXAS, OSLO, SYDNEY, SINGAPORE = range(4)
NAMES = ("Texas", "Oslo", "Sydney", "Singapore")
DEAR = range(38, 42)
"""Ticks of 2 July in which power in Texas is far above every break-even."""
OSLO_DOWN = range(30, 33)
ORDERED_TICK, ORDERED_TICKS = 53, 2
"""Tick of 3 July in which ann has Singapore taken down, and for how long."""
BOOKED_TICK = 26
CANCELLED_TICK = 60


def asked_config() -> RunConfig:
    sites = tuple(
        Site(
            id=name.lower(),
            name=name,
            country=country,
            lat_deg=0.0,
            lon_deg=0.0,
            timezone=timezone,
            price_zone=market,
            cooling=cooling,
        )
        for name, country, timezone, market, cooling in (
            ("Texas", "United States", "America/Chicago", "ERCOT real-time", Cooling.AIR),
            ("Oslo", "Norway", "Europe/Oslo", "NO1 day-ahead", Cooling.IMMERSION),
            ("Sydney", "Australia", "Australia/Sydney", "NSW1 real-time", Cooling.AIR),
            ("Singapore", "Singapore Republic", "Asia/Singapore", "SG real-time", Cooling.MECHANICAL),
        )
    )
    units = (
        (2_000, 0, 1_000, 600, 400),
        (0, 1_000, 1_000, 600, 400),
        (1_000, 500, 0, 300, 200),
        (500, 0, 500, 300, 200),
    )
    return builders.config(builders.fleet(units=units, sites=sites), tick_minutes=60)


def seen(of: RunConfig, tick: int) -> Observation:
    hour = tick % 24
    price = np.array([50.0, 30.0, 90.0, 120.0]) + np.array([hour, hour / 2, -hour, 0.0])
    price[TEXAS] = 300.0 if tick in DEAR else price[TEXAS]
    up = np.ones(4)
    up[OSLO] = 0.0 if tick in OSLO_DOWN else 1.0
    return builders.observation(
        of,
        tick,
        price=price,
        up=up,
        carbon=np.array([400.0, 30.0, 600.0, 470.0]),
        renewable=np.array([0.3, 0.98, 0.4, 0.05]),
        dry=np.array([33.0, 16.0, 12.0, 29.0]),
        wet=np.array([22.0, 11.0, 9.0, 25.0]),
        arrivals=_arrivals() if tick == 1 else (),
    )


def _arrivals() -> tuple[ContractRequest, ...]:
    asks = (
        ("c1-000001-0", Tier.PREMIUM, "Cirrus Forecasts", 1.0, 24 * 10),
        ("c1-000001-1", Tier.FLEXIBLE, "Nimbus Games", 2.0, 24 * 10),
        ("c1-000001-2", Tier.STANDARD, "Basalt Render", 1.0, 30),
        ("c1-000001-3", Tier.STANDARD, "Basalt Render", 500.0, 24),
    )
    return tuple(
        ContractRequest(id=name, tier=tier, customer=who, power_mw=mw, duration_ticks=ticks, timezone="UTC")
        for name, tier, who, mw, ticks in asks
    )


def _commands_at(tick: int) -> tuple[Command, ...]:
    ask = ContractRequest(
        id="c-17", tier=Tier.STANDARD, customer="Delta Labs", power_mw=0.5, duration_ticks=240, timezone="UTC"
    )
    orders: dict[int, tuple[Command, ...]] = {
        BOOKED_TICK: (Book(request=ask, rate_usd_per_mwh=140.0, by="bob"),),
        ORDERED_TICK: (Outage(site_id="singapore", duration_ticks=ORDERED_TICKS, by="ann"),),
        CANCELLED_TICK: (Cancel(contract_id="c1-000001-1", by="ann"),),
    }
    return orders.get(tick, ())


@dataclass(frozen=True, kw_only=True, eq=False)
class AskedRun:
    """The run as it was stored, with its worlds, from which tests compute figures."""

    reading: ReadModel
    config: RunConfig
    worlds: tuple[World, ...]
    """World before each tick, and after the last."""


def asked_run(path: Path) -> AskedRun:
    """Store the run in a file, and leave a reader of it open."""
    config, url = asked_config(), f"sqlite:///{path}"
    store = Store.open(url)
    worlds = [first_world(config)]
    store.begin(run_record(config, seed=1, optimizer="static-breakeven", feed="asked", version="0.0.0"), worlds[0])
    planner = Static(breakeven=True)
    for tick in range(TICKS):
        world, observation, commands = worlds[-1], seen(config, tick), _commands_at(tick)
        plan = planner.plan(builders.problem(config, world, observation))
        step = advance(world, observation, plan.step_at(tick), config, commands)
        orders = store.orders.add(*(NewOrder(command=c, ordered_tick=tick - 1) for c in commands)) if commands else ()
        store.append(step, plan, events_of(step, config), outcomes=[Outcome(number=o.number) for o in orders])
        worlds.append(step.world)
    store.close()
    return AskedRun(reading=ReadModel.open(url), config=config, worlds=tuple(worlds))


def forecast_ahead(config: RunConfig) -> ForecastSnapshot:
    """The forecast in force, with Oslo's prices published to the end of tomorrow.

    All other prices are estimates.
    """
    now = config.grid.at(TICKS - 1)
    rows = [(60.0 + n, 20.0 + n, 80.0, 100.0) for n in range(48)]
    return ForecastSnapshot(
        made_tick=TICKS - 1,
        at=tuple(now + timedelta(hours=n) for n in range(48)),
        energy_price_usd_per_mwh=tuple(rows),
        published_count=(1, 25, 1, 1),
    )
