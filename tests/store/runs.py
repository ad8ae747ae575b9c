"""Small runs to store: seeded observations, simple plans, and varied contracts.

A plan follows the world roughly; contracts come, fail and end.
"""

import os
import resource
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from mara.core.arrays import floats, sealed
from mara.core.commands import Cancel, Command, Exclude, Outage
from mara.core.contract import ContractRequest, Tier
from mara.core.day_gains import DayGains
from mara.core.events import Event
from mara.core.fleet import Cooling, Fleet, Machine, Site
from mara.core.metering import Metering
from mara.core.plan import Plan, PlanStep
from mara.core.position import DayAheadOrders
from mara.core.step import Step, advance
from mara.core.timegrid import TimeGrid
from mara.core.world import Observation, RunConfig, World, first_world
from mara.errors import StoreBlocked
from mara.store.backends import backup
from mara.store.encoding.records import RunRecord, run_record
from mara.store.read import table_file
from mara.store.read.read_model import ReadModel
from mara.store.read.table_file import write_export
from mara.store.store import Store
from mara.store.write.orders import NewOrder, Outcome
from mara.store.write.statements import RAW_DAYS
from tests.store.databases import url_of

START = datetime(2025, 6, 29, 22, 0, tzinfo=UTC)
"""Start of runs: two hours before a day ends, twenty-six before a month does."""
TICKS_A_PLAN = 12
Taken = tuple[Step, Plan, tuple[Event, ...]]
"""A step with the plan that it followed, and its events."""


TWO_PRICES = "small, two prices"
"""Name of the small fleet that buys day-ahead too."""
LIMITED = "small, limited"
"""Name of the small fleet whose second site the grid's operator limits."""
METERED = "small, metered"
"""Name of the small fleet whose sites, but for the last, are billed by their meters."""


@cache
def small_charter(sites: int = 3, *, tick_minutes: int = 5, start: datetime = START, name: str = "small") -> RunConfig:
    machines = (
        Machine(power_w=3_500.0, hashrate_ths=200.0),
        Machine(power_w=5_000.0, hashrate_ths=300.0),
        Machine(power_w=5_600.0, hashrate_ths=310.0),
        Machine(power_w=1_000.0, rate_tokens_per_s=2_500.0),
        Machine(power_w=600.0, rate_tokens_per_s=2_000.0),
    )
    return RunConfig(
        fleet=Fleet(
            name=name,
            sites=tuple(
                Site(
                    id=f"site{i}",
                    name=f"Site, no. {i}",
                    country="NO",
                    lat_deg=60.0,
                    lon_deg=10.0 + i,
                    timezone="Europe/Oslo",
                    price_zone="NO1",
                    cooling=Cooling.AIR,
                    climate={"mean_dry_bulb_c": 1 / 3},
                    market={"kind": "day-ahead", "level": 40.0},
                )
                for i in range(sites)
            ),
            machines=machines,
            units_count=np.full((sites, 5), 2_000, dtype=np.int64),
            grid_limit_mw=np.full(sites, 60.0),
            hedge_mw=np.full(sites, 5.0),
            hedge_price_usd_per_mwh=np.full(sites, 45.5),
        ),
        grid=TimeGrid(start=start, tick_minutes=tick_minutes),
    )


def observation_at(tick: int, config: RunConfig, seed: int = 7, *, arrivals_every: int = 5) -> Observation:
    """Draw a tick's observation from seed and tick, with some -0.0 and failures."""
    rng = np.random.default_rng([seed, tick])
    s = config.fleet.site_count
    dry_bulb_c = np.round(rng.normal(0.0, 0.4, s), 1)
    up = np.where(rng.random(s) < 0.08, rng.choice([0.0, 0.5], s), 1.0)
    requests = (
        ContractRequest(
            id=f"c{tick}",
            tier=Tier(tick // arrivals_every % 4),
            customer="=Acme, Inc",
            power_mw=float(rng.uniform(0.1, 0.4)),
            duration_ticks=int(rng.integers(10, 60)),
            timezone="Asia/Tokyo",
        ),
    )
    return Observation(
        tick=tick,
        energy_price_usd_per_mwh=floats(rng.normal(40.0, 60.0, s), (s,), "price"),
        carbon_intensity_g_per_kwh=floats(rng.uniform(20.0, 500.0, s), (s,), "carbon"),
        renewable_share=floats(rng.random(s), (s,), "renewable"),
        dry_bulb_c=floats(dry_bulb_c, (s,), "dry"),
        wet_bulb_c=floats(dry_bulb_c - 1.0, (s,), "wet"),
        availability_share=floats(up, (s,), "availability"),
        hashprice_usd_per_ph_day=float(rng.normal(55.0, 3.0)),
        token_price_usd_per_mtok=0.25,
        demand_multiplier_share=floats(rng.uniform(0.8, 1.5, 3), (3,), "multiplier"),
        demand_tokens_per_h=floats(rng.uniform(1e8, 1e9, 3), (3,), "tokens"),
        arrivals=requests if tick % arrivals_every == 0 else (),
        stale_sources=("weather",) if tick % 7 == 0 else (),
    )


def plan_at(world: World, config: RunConfig) -> Plan:
    """Plan a tick, as a function of the world before it.

    Contracts get their share of the racks, there is some merchant load, and miners run in turns.
    """
    fleet = config.fleet
    s = fleet.site_count
    made_tick = world.tick - world.tick % TICKS_A_PLAN
    share = fleet.racks_mw / fleet.racks_mw.sum()
    on = (np.arange(s) + made_tick // TICKS_A_PLAN) % 3 > 0
    step = PlanStep(
        miners_mw=sealed(fleet.nameplate_mw[:, :3] * on[:, None]),
        merchant_mw=sealed(np.full((3, s, 2), 0.05)),
        contracts_mw=sealed(np.outer(share, world.book.promised_mw)),
        reserve_mw=sealed(np.zeros(s)),
    )
    return Plan(optimizer="turns", made_tick=made_tick, steps=(step,), objective_usd=float("inf"), note="a, note")


def with_two_prices(seen: Observation, step: PlanStep, config: RunConfig, seed: int) -> tuple[Observation, PlanStep]:
    """Add day-ahead prices to a tick, for all sites but the first, and orders.

    In every third hour there are orders for three more hours.
    """
    hour = config.grid.epoch_s(seen.tick) // 3_600
    price = np.random.default_rng([seed, hour]).normal(40.0, 30.0, config.fleet.site_count)
    price[0] = np.nan
    seen = replace(seen, day_ahead_usd_per_mwh=sealed(price))
    if hour % 3 or config.grid.epoch_s(seen.tick) % 3_600:
        return seen, step
    shape = (3, config.fleet.site_count)
    orders = DayAheadOrders(
        first_epoch_h=hour + 1,
        quantity_mw=sealed(np.full(shape, 20.25)),
        limit_usd_per_mwh=sealed(np.full(shape, 45.0)),
    )
    return seen, replace(step, day_ahead=orders)


def with_meters(seen: Observation, world: World, seed: int) -> Observation:
    """Bill all sites but the last by meters, which deviate, are silent, or show machines standing still."""
    rng = np.random.default_rng([seed, seen.tick])
    s = len(seen.availability_share)
    planned = np.full(s, 9.0) if world.unread is None else world.unread.drawn_mw
    power = np.where(rng.random(s) < 0.2, np.nan, np.maximum(planned + rng.normal(0.0, 2.0, s), 0.0))
    down = np.zeros((s, 5), dtype=np.bool_)
    down[0, seen.tick % 5] = seen.tick % 3 == 0
    metering = Metering(is_metered=sealed(np.arange(s) < s - 1), power_mw=sealed(power), is_down=sealed(down))
    return replace(seen, metering=metering)


def commands_at(tick: int, world: World) -> tuple[Command, ...]:
    """Return an operator's order in some ticks."""
    if tick % 41 == 40:
        return (Outage(site_id="site1", duration_ticks=3),)
    if tick % 43 == 42 and world.book.contracts:
        whole = Exclude(contract_id="", from_tick=tick + 1, to_tick=tick + 4, reason="grid order", author="ann")
        return (Cancel(contract_id=world.book.contracts[0].id), whole)
    return ()


def parts_at(tick: int) -> dict[str, bytes]:
    """Make engine parts: one that changes every tick, and one that seldom does."""
    often = {"often": f"at {tick}".encode()}
    return often | {"seldom": bytes([tick % 256]) * 99} if tick % 7 == 0 else often


def steps(config: RunConfig, world: World, count: int, seed: int = 7) -> Iterator[Taken]:
    """The next steps of a run."""
    for _ in range(count):
        plan = plan_at(world, config)
        seen, targets = observation_at(world.tick, config, seed), plan.step_at(world.tick)
        if config.fleet.name == TWO_PRICES:
            seen, targets = with_two_prices(seen, targets, config, seed)
        if config.fleet.name == LIMITED:
            seen = replace(seen, import_limit_mw=sealed(np.where(np.arange(config.fleet.site_count) == 1, 1.5, np.inf)))
        if config.fleet.name == METERED:
            seen = with_meters(seen, world, seed)
        step = advance(world, seen, targets, config, commands_at(world.tick, world))
        kind = "outage" if step.tick % 2 else "tick"
        told = Event(tick=step.tick, severity="info", site=-1, kind=kind, text=f"=tick, {step.tick}")
        yield step, plan, (told,) if step.tick % 3 == 0 else ()
        world = step.world


def record(config: RunConfig, seed: int = 7) -> RunRecord:
    return run_record(config, seed=seed, optimizer="turns", feed="seeded", version="0.0.0")


@cache
def _course(config: RunConfig) -> list[Taken]:
    """The first steps of a run, as far as they were made."""
    return []


def first_steps(config: RunConfig, ticks: int) -> list[Taken]:
    """The first steps of a run, made once for all databases that begin with them."""
    course = _course(config)
    course += steps(config, course[-1][0].world if course else first_world(config), ticks - len(course))
    return course[:ticks]


def stored_run(path: Path, ticks: int, config: RunConfig | None = None, raw_days: int = RAW_DAYS) -> Store:
    """An open store after some ticks of a new run."""
    config = config or small_charter()
    store = Store.open(url_of(path), raw_days=raw_days)
    store.begin(record(config), first_world(config))
    assert store.load()
    _store(store, first_steps(config, ticks), config.grid)
    return store


def go_on(store: Store, ticks: int) -> None:
    """Advance and store from the newest stored tick on."""
    loaded = store.load()
    assert loaded
    run, world, _ = loaded
    _store(store, steps(run.config, world, ticks, run.seed), run.config.grid)


def append_until_killed(url: str, told: Connection) -> None:
    """Go on with a stored run, and tell each tick once it is stored."""
    store = Store.open(url)
    loaded = store.load()
    assert loaded
    run, world, _ = loaded
    for step, plan, events in steps(run.config, world, 100_000, run.seed):
        store.append(step, plan, events, parts_at(step.tick), closed_day=closed_day_before(step.tick, run.config.grid))
        told.send(step.tick)


def write_when_told(url: str, told: Connection) -> None:
    """Go on with a stored run by two ticks, and again whenever it is asked for."""
    store = Store.open(url)
    go_on(store, 2)
    told.send("held")
    with suppress(EOFError):  # whoever asks has gone
        while told.recv():
            go_on(store, 2)
            told.send("went on")
    store.close()


def go_on_against_a_limit(url: str, most_bytes: int, told: Connection) -> None:
    """Go on with a stored run three times until its files may not grow, and then without a limit."""
    store = Store.open(url)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    for _ in range(3):
        try:
            go_on(store, 2_000)
        except StoreBlocked as error:
            told.send(str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    go_on(store, 5)
    store.close()


def go_on_until_full(url: str, told: Connection) -> None:
    """Go on with a stored run until its disk is full, and close it once nobody listens any more."""
    store = Store.open(url)
    try:
        go_on(store, 100_000)
    except StoreBlocked as error:
        told.send(str(error))
    with suppress(EOFError):
        told.recv()
    store.close()


def die_amid_a_backup_and_an_export(path: Path) -> None:
    """Back up and export a stored run in two processes, which both end before it is complete."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    backup.fault_of = die  # type: ignore[assignment]
    if not os.fork():
        backup.back_up_beside(path)
    os.wait()
    table_file._WRITERS["csv"] = die  # type: ignore[assignment]
    write_export(ReadModel.open(url_of(path)), "prices", "csv", path.with_name("prices.csv"))


def _store(store: Store, taken: Iterable[Taken], grid: TimeGrid) -> None:
    for step, plan, events in taken:
        closed = closed_day_before(step.tick, grid)
        store.append(step, plan, events, parts_at(step.tick), ordered(store, step), closed)


def closed_day_before(tick: int, grid: TimeGrid) -> DayGains | None:
    """Gains of the day that ends where a tick begins, if one does."""
    begins = grid.at(tick)
    if tick == 0 or begins.hour or begins.minute:
        return None
    from_tick = grid.first_tick_of_day(tick - 1)
    return DayGains(
        day=begins - timedelta(days=1),
        from_tick=from_tick,
        ticks_count=tick - from_tick,
        is_over=True,
        vs_rules_micro_usd=tick,
        vs_rules_same_budgets_micro_usd=-tick,
        vs_static_breakeven_micro_usd=7 * tick,
        vs_static_micro_usd=9 * tick,
        sla_flexibility_micro_usd=0,
    )


def ordered(store: Store, step: Step) -> tuple[Outcome, ...]:
    """Store a step's commands as orders, which are carried out with the step."""
    orders = (NewOrder(command=command, ordered_tick=step.tick) for command in step.commands)
    return tuple(Outcome(number=order.number) for order in store.orders.add(*orders)) if step.commands else ()
