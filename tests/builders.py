"""Small worlds for tests: a fleet of three sites with round numbers.

Everything that happens to the fleet is given by keyword.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike

from mara.core.arrays import Floats, sealed
from mara.core.contract import RATE_FACTOR, TIER_COUNT, UNPLACED, ContractRequest, SlaContract, Tier
from mara.core.dispatch import Allocation, dispatch
from mara.core.fleet import Cooling, Fleet, Machine, Site
from mara.core.market import REGION_COUNT, REGION_ZONE, Terms, demand_multiplier
from mara.core.outlook import unchanging
from mara.core.plan import PlanStep, Problem
from mara.core.sla import opened
from mara.core.timegrid import TimeGrid
from mara.core.world import Forecast, Observation, RunConfig, World, conditions_of, first_world

START = datetime(2025, 7, 1, tzinfo=UTC)
WEST, NORTH, EAST = 0, 1, 2
MACHINES = (
    Machine(power_w=3_500.0, hashrate_ths=200.0),
    Machine(power_w=5_360.0, hashrate_ths=335.0),
    Machine(power_w=4_050.0, hashrate_ths=300.0),
    Machine(power_w=10_000.0, rate_tokens_per_s=12_000.0),
    Machine(power_w=10_000.0, rate_tokens_per_s=20_000.0),
)
"""Machines of 17.5, 16.0 and 13.5 J/TH, and racks of 10 kW."""
UNITS = ((2_000, 0, 1_000, 600, 400), (0, 1_000, 1_000, 600, 400), (1_000, 500, 0, 300, 200))
"""Machine counts: racks of 10, 10 and 5 MW; miners of 11.05, 9.41 and 6.18 MW."""
LONG_LIFE_TICKS = 7 * 288


def site(site_id: str, timezone: str = "UTC", cooling: Cooling = Cooling.AIR, price_zone: str = "invented") -> Site:
    return Site(
        id=site_id,
        name=site_id.title(),
        country="X",
        lat_deg=0.0,
        lon_deg=0.0,
        timezone=timezone,
        price_zone=price_zone,
        cooling=cooling,
    )


def fleet(
    *,
    units: Sequence[Sequence[int]] = UNITS,
    limit_mw: ArrayLike = 100.0,
    hedge_mw: ArrayLike = 0.0,
    hedge_price: ArrayLike = 0.0,
    sites: tuple[Site, ...] | None = None,
) -> Fleet:
    """A fleet of three sites whose grid limits never bind.

    West is air cooled, north immersed and east mechanically cooled.
    """
    own = sites or (
        site("west", "America/Chicago", Cooling.AIR),
        site("north", "Europe/Oslo", Cooling.IMMERSION),
        site("east", "Asia/Singapore", Cooling.MECHANICAL),
    )
    count = len(own)
    return Fleet(
        name="three",
        sites=own,
        machines=MACHINES,
        units_count=np.array(units),
        grid_limit_mw=np.broadcast_to(limit_mw, count),
        hedge_mw=np.broadcast_to(hedge_mw, count),
        hedge_price_usd_per_mwh=np.broadcast_to(hedge_price, count),
    )


def config(
    own: Fleet | None = None, *, tick_minutes: int = 5, start: datetime = START, terms: Terms | None = None
) -> RunConfig:
    return RunConfig(
        fleet=own or fleet(), grid=TimeGrid(start=start, tick_minutes=tick_minutes), terms=terms or Terms()
    )


def observation(
    of: RunConfig,
    tick: int = 0,
    *,
    price: ArrayLike = 50.0,
    carbon: ArrayLike = 0.0,
    renewable: ArrayLike = 0.5,
    dry: ArrayLike = 15.0,
    wet: ArrayLike = 10.0,
    up: ArrayLike = 1.0,
    hashprice: float = 55.0,
    token_price: float = 0.25,
    multiplier: ArrayLike = 1.0,
    demand: ArrayLike = 0.0,
    arrivals: tuple[ContractRequest, ...] = (),
) -> Observation:
    """A mild tick without merchant demand; fields are given one by one.

    A number is either one for all sites (regions), or one for each.
    """
    count = of.fleet.site_count
    return Observation(
        tick=tick,
        energy_price_usd_per_mwh=wide(price, count),
        carbon_intensity_g_per_kwh=wide(carbon, count),
        renewable_share=wide(renewable, count),
        dry_bulb_c=wide(dry, count),
        wet_bulb_c=wide(wet, count),
        availability_share=wide(up, count),
        hashprice_usd_per_ph_day=hashprice,
        token_price_usd_per_mtok=token_price,
        demand_multiplier_share=wide(multiplier, REGION_COUNT),
        demand_tokens_per_h=wide(demand, REGION_COUNT),
        arrivals=arrivals,
    )


def forecast(seen: Observation, hours: int = 24) -> Forecast:
    """A forecast that repeats the present observation."""
    return unchanging(seen, hours)


def problem(of: RunConfig, world: World, seen: Observation, hours: int = 24) -> Problem:
    return Problem(config=of, world=world, observation=seen, forecast=forecast(seen, hours))


def contract(
    contract_id: str,
    tier: Tier = Tier.PREMIUM,
    power_mw: float = 1.0,
    *,
    starts: int = 0,
    ticks: int = LONG_LIFE_TICKS,
    rate: float | None = None,
    timezone: str = "UTC",
) -> SlaContract:
    """A contract, by default of a week and at list price."""
    return SlaContract(
        id=contract_id,
        tier=tier,
        customer=contract_id.title(),
        power_mw=power_mw,
        rate_usd_per_mwh=150.0 * RATE_FACTOR[tier] if rate is None else rate,
        starts_tick=starts,
        ends_tick=starts + ticks,
        timezone=timezone,
    )


def request(contract_id: str, tier: Tier = Tier.STANDARD, power_mw: float = 1.0, ticks: int = 288) -> ContractRequest:
    return ContractRequest(
        id=contract_id, tier=tier, customer="Acme", power_mw=power_mw, duration_ticks=ticks, timezone="UTC"
    )


def world(
    of: RunConfig,
    contracts: tuple[SlaContract, ...] = (),
    at: Sequence[int] | None = None,
    *,
    served: Sequence[bool] | None = None,
    bad: Sequence[int] | None = None,
    miners: ArrayLike | None = None,
) -> World:
    """The world before tick 0, with contracts running at the sites `at`, and miners."""
    start = first_world(of)
    if miners is not None:
        running = wide2(miners, start.miners_mw.shape)
        start = replace(start, miners_mw=running, miner_off_ticks=sealed(np.where(running > 0.0, 0, 9)))
    start = opened(start, contracts, of)
    sites = np.full(len(contracts), UNPLACED) if at is None else np.array(at, dtype=np.int64)
    runs = sites != UNPLACED if served is None else np.array(served, dtype=np.bool_)
    spent = np.zeros(len(contracts), dtype=np.int64) if bad is None else np.array(bad, dtype=np.int64)
    accounts = replace(start.accounts, site=sealed(sites), served=sealed(runs), bad_ticks=sealed(spent))
    return replace(start, accounts=accounts)


def step(
    of: RunConfig,
    *,
    miners: ArrayLike = 0.0,
    merchant: ArrayLike = 0.0,
    contracts: ArrayLike = 0.0,
    reserve: ArrayLike = 0.0,
) -> PlanStep:
    """A plan's step, whose arrays are filled from values that broadcast to them."""
    count = of.fleet.site_count
    return PlanStep(
        miners_mw=wide2(miners, (count, 3)),
        merchant_mw=wide2(merchant, (REGION_COUNT, count, 2)),
        contracts_mw=wide2(contracts, (count, TIER_COUNT)),
        reserve_mw=wide(reserve, count),
    )


def dispatched(plan: PlanStep, state: World, seen: Observation, of: RunConfig) -> Allocation:
    """Dispatch a plan in the conditions that the observation makes."""
    return dispatch(plan, state, seen, conditions_of(seen, of), of)


def multipliers_at(moment: datetime) -> Floats:
    """The demand multiplier of each region at a UTC instant (R,)."""
    return np.array([demand_multiplier(moment.astimezone(ZoneInfo(name))) for name in REGION_ZONE])


def wide(values: ArrayLike, count: int) -> Floats:
    return wide2(values, (count,))


def wide2(values: ArrayLike, shape: tuple[int, ...]) -> Floats:
    return sealed(np.broadcast_to(np.asarray(values, dtype=np.float64), shape).copy())
