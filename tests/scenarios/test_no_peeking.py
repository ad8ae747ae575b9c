"""A run up to any hour does not depend on later data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mara.core.arrays import Floats, sealed
from mara.core.fleet import Fleet
from mara.core.plan import Plan, Problem
from mara.core.sla import opened
from mara.core.step import Step, advance
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, first_world
from mara.feeds.day_ahead import is_day_ahead, published_until_hour
from mara.feeds.files.history import History
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.optimizers.base import Optimizer
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from mara.runtime.backtest import pooled_contracts
from tests.builders import fleet, site, step
from tests.sameness import differences

START = datetime(2023, 3, 24, tzinfo=UTC)
HOURS = 120
LAST_KNOWN = (20, 37, 61, 66)
"""Hours after which all is noise: before and after publication, and clock change.

Berlin's clock changes on 26 March.
"""
SITES = (
    site("berlin", "Europe/Berlin", price_zone="DE-LU day-ahead"),
    site("kolkata", "Asia/Kolkata", price_zone="IEX DAM"),
    site("toronto", "America/Toronto", price_zone="IESO HOEP real-time"),
)


@dataclass(frozen=True)
class Foresight:
    """A policy that uses its forecast, so that a leak of later data would show.

    It mines only where the next half day is not dearer than the present.
    """

    name: str = "foresight"

    def plan(self, problem: Problem) -> Plan:
        price = problem.forecast.energy_price_usd_per_mwh
        mine = price[0] <= price[1:13].mean(axis=0)
        miners = np.where(mine[:, None], problem.config.fleet.nameplate_mw[:, :3], 0.0)
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step(problem.config, miners=miners),))


OPTIMIZERS: dict[str, Optimizer] = {
    "static": Static(),
    "static-breakeven": Static(breakeven=True),
    "rules": Rules(),
    "foresight": Foresight(),
}


def history_of(seed: int) -> History:
    draw = np.random.default_rng(seed)
    shape = (HOURS, len(SITES))
    return History(
        file=Path("invented/history.csv"),
        sha256="0",
        site_ids=tuple(own.id for own in SITES),
        step_minutes=60,
        first_epoch_s=int(START.timestamp()),
        energy_price_usd_per_mwh=draw.normal(90.0, 60.0, shape),
        carbon_intensity_g_per_kwh=draw.uniform(50.0, 600.0, shape),
        renewable_share=draw.uniform(0.0, 1.0, shape),
        dry_bulb_c=draw.normal(20.0, 8.0, shape),
        wet_bulb_c=draw.normal(5.0, 4.0, shape),
        hashprice_usd_per_ph_day=np.repeat(draw.normal(60.0, 8.0, HOURS // 24), 24),
    )


def known_until(hour: int, own: Fleet, kind: ForecastKind) -> list[int]:
    """The first row of each site whose price is not known in that hour."""
    first = int(START.timestamp()) // 3_600
    return [
        published_until_hour(first + hour, s.timezone) - first
        if kind == "day-ahead" and is_day_ahead(s.price_zone)
        else hour + 1
        for s in own.sites
    ]


def noised(history: History, hour: int, price_from: list[int]) -> History:
    """The same history up to the hour, and noise after it.

    Prices turn to noise from a row of their own on.
    """
    noise = history_of(99)

    def after(name: str) -> Floats:
        return sealed(np.concatenate([getattr(history, name)[: hour + 1], getattr(noise, name)[hour + 1 :]]))

    rows = np.arange(HOURS)[:, None] < np.array(price_from)
    return replace(
        history,
        energy_price_usd_per_mwh=np.where(rows, history.energy_price_usd_per_mwh, noise.energy_price_usd_per_mwh),
        carbon_intensity_g_per_kwh=after("carbon_intensity_g_per_kwh"),
        renewable_share=after("renewable_share"),
        dry_bulb_c=after("dry_bulb_c"),
        wet_bulb_c=after("wet_bulb_c"),
        hashprice_usd_per_ph_day=after("hashprice_usd_per_ph_day"),
    )


def run(history: History, optimizer: Optimizer, kind: ForecastKind, hours: int) -> Iterator[Step]:
    """Run a fleet on a history, hour by hour as they are asked for."""
    of = RunConfig(fleet=fleet(limit_mw=[16.0, 14.0, 20.0], sites=SITES), grid=TimeGrid(start=START, tick_minutes=60))
    feed = ReplayFeed(of, history, forecast=kind)
    state = opened(first_world(of), pooled_contracts(of, 0.75, HOURS), of)
    for tick in range(hours):
        seen = feed.observe(tick)
        given = Problem(config=of, world=state, observation=seen, forecast=feed.forecast(tick, 24))
        step = advance(state, seen, optimizer.plan(given).step_at(tick), of)
        state = step.world
        yield step


def changed_hours(optimizer: Optimizer, kind: ForecastKind) -> Iterator[tuple[int, int]]:
    """Pairs (last known hour, hour) where the hour depends on later data.

    Decisions and the ledger of the hour are compared. Nothing is run before a pair is asked for.
    """
    for last in LAST_KNOWN:
        history = history_of(1)
        other = noised(history, last, known_until(last, fleet(sites=SITES), kind))
        one, two = (list(run(given, optimizer, kind, last + 1)) for given in (history, other))
        for a, b in zip(one, two, strict=True):
            if list(differences((a.plan, a.allocation, a.settlement), (b.plan, b.allocation, b.settlement))):
                yield last, a.tick


@pytest.mark.parametrize("kind", ["persistence", "day-ahead"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_no_hour_depends_on_what_comes_after_it(optimizer: Optimizer, kind: ForecastKind) -> None:
    assert list(changed_hours(optimizer, kind)) == []


def test_a_run_that_sees_the_future_would_be_found_out() -> None:
    assert any(True for _ in changed_hours(Foresight(), "perfect"))


def test_publishing_prices_a_day_ahead_changes_what_a_looking_optimizer_does() -> None:
    history = history_of(1)
    blind, seeing = (list(run(history, Foresight(), kind, 48)) for kind in ("persistence", "day-ahead"))
    assert any(
        list(differences(a.allocation.miners_mw, b.allocation.miners_mw)) for a, b in zip(blind, seeing, strict=True)
    )
