"""Made-up plausible snapshots: ten sites and a few contracts, varying by tick."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import cos, pi, sin

from mara.core.plan_ahead import PlanAhead, SiteAhead
from mara.core.snapshot import (
    ContractSnapshot,
    EventSnapshot,
    ForecastSnapshot,
    GainsSnapshot,
    InventorySnapshot,
    PlanSnapshot,
    SeriesPoint,
    ShadowSnapshot,
    SiteSnapshot,
    Snapshot,
    TierSnapshot,
)
from tests.ui.power_snapshots import power_at

START = datetime(2025, 7, 1, tzinfo=UTC)
TICK_MINUTES = 5
EVENTS_EVERY_TICKS = 24
SITE_TABLE = """
iceland | Nordic Iceland | Iceland | 64.1466 | -21.9426 | Atlantic/Reykjavik | free_air | 55 | 43 | 9 | 1
vancouver | Canada Vancouver | Canada | 49.2827 | -123.1207 | America/Vancouver | hydro | 50 | 45 | 19 | 0.97
oslo | Norway Oslo | Norway | 59.9139 | 10.7522 | Europe/Oslo | immersion | 60 | 41 | 18 | 0.95
singapore | Singapore Tropical | Singapore | 1.3521 | 103.8198 | Asia/Singapore | mechanical | 20 | 121 | 29 | 0.03
texas | Texas USA | United States | 32.7767 | -96.797 | America/Chicago | air | 90 | 34 | 35 | 0.35
dublin | Ireland Dublin | Ireland | 53.3498 | -6.2603 | Europe/Dublin | free_air | 40 | 115 | 15 | 0.44
tokyo | Japan Tokyo | Japan | 35.6762 | 139.6503 | Asia/Tokyo | mechanical | 45 | 97 | 28 | 0.17
sydney | Australia Sydney | Australia | -33.8688 | 151.2093 | Australia/Sydney | evaporative | 50 | 131 | 12 | 0.33
santiago | Chile Santiago | Chile | -33.4489 | -70.6693 | America/Santiago | air | 35 | 0 | 8 | 0.66
berlin | Germany Berlin | Germany | 52.52 | 13.405 | Europe/Berlin | mechanical | 48 | -12.4 | 24 | 0.6
"""
SITES = [row.split(" | ") for row in SITE_TABLE.strip().splitlines()]
STATUS = {"tokyo": "curtailed", "sydney": "curtailed", "dublin": "down", "berlin": "partial"}
PUE = {"singapore": 1.31, "tokyo": 1.22, "dublin": 1.0, "texas": 1.15}
SWING = {"texas": 0.25}
TIERS = (("premium", 0.999, 9), ("standard", 0.95, 14), ("flexible", 0.9, 12), ("spot", 0.0, 6))
CUSTOMERS = ("Aurora Labs", "Basalt", "Cedar & Sons", "Delta Health", "Elm AI", "Fjord", "<b>Granite</b>", "Harbour")
KEPT_TICKS = 1_000
"""Number of cached snapshots: more than three days of five minutes.

Every page asks for points of the past, which are thus made once.
"""


@lru_cache(maxsize=8)
def snapshot_at(tick: int = 288) -> Snapshot:
    """The fleet at `tick`; equal for equal ticks.

    It is the same object if two calls are close together.
    """
    sites = sites_at(tick)
    contracts, tiers = _book(tick // 60 % 5)
    power_mw = sum(site.site_power_mw for site in sites)
    revenue = sum(site.revenue_usd_per_h for site in sites)
    profit = sum(site.profit_usd_per_h for site in sites)
    return Snapshot(
        run_id="run-7",
        tick=tick,
        at=START + timedelta(minutes=TICK_MINUTES * tick),
        tick_minutes=TICK_MINUTES,
        fleet_name="global-ten",
        revenue_usd_per_h=revenue,
        cost_usd_per_h=revenue - profit,
        profit_usd_per_h=profit,
        revenue_total_usd=tick * 3_900.0,
        profit_total_usd=tick * 2_450.0,
        site_power_mw=power_mw,
        it_power_mw=power_mw / 1.08,
        grid_limit_mw=sum(site.grid_limit_mw for site in sites),
        cooling_efficiency_share=1 / 1.08,
        renewable_share=0.612 + 0.02 * sin(tick / 40),
        emissions_t_per_h=78.3,
        power_by_workload_mw=(("air_miner", 120.0), ("gpu", 30.0), ("contracts", 75.0)),
        hashprice_usd_per_ph_day=55.0,
        token_price_usd_per_mtok=0.25,
        racks_used_share=0.91,
        refused_count=2,
        stale_sources=(),
        sites=sites,
        tiers=tiers,
        contracts=contracts,
        gains=GainsSnapshot(
            baseline="the same load spread by capacity",
            climate_usd=tick * 14.3,
            time_zone_usd=tick * 61.8,
            interaction_usd=-tick * 2.1,
            sla_flexibility_usd=tick * 9.4,
            carbon_avoided_t=tick * 0.62,
            shadows_since_tick=0,
            optimizer_vs_rules_usd=tick * 31.0,
            optimizer_vs_rules_same_budgets_usd=tick * 22.4,
            optimizer_vs_rules_by_resting_usd=tick * 8.6,
            optimizer_vs_static_breakeven_usd=tick * 88.4,
            optimizer_vs_static_usd=tick * 240.2,
            optimizer_vs_rules_today_usd=-412.0,
            optimizer_vs_rules_same_budgets_today_usd=-560.4,
            optimizer_vs_rules_by_resting_today_usd=148.4,
            optimizer_vs_static_breakeven_today_usd=1_940.0,
            optimizer_vs_static_today_usd=8_300.0,
            sla_flexibility_today_usd=210.0,
        ),
        plan=_plan(tick),
        events=_events(tick - tick % EVENTS_EVERY_TICKS),
        power=power_at(tick),
    )


def large_snapshot_at(tick: int, count: int) -> Snapshot:
    """The same fleet many times over, spread over the map: `count` sites."""
    snapshot = snapshot_at(tick)
    sites = tuple(
        replace(
            snapshot.sites[i % len(SITES)],
            id=f"site-{i}",
            name=f"Site {i}",
            lat_deg=-50 + (i * 37) % 110 + (i % 7) / 7,
            lon_deg=-170 + (i * 61) % 340 + (i % 11) / 11,
            energy_price_usd_per_mwh=snapshot.sites[i % len(SITES)].energy_price_usd_per_mwh + i / 10,
        )
        for i in range(count)
    )
    return replace(snapshot, sites=sites, power=())


def stale_snapshot() -> Snapshot:
    return replace(snapshot_at(), stale_sources=("energy prices", "weather"))


def forecast_at(tick: int) -> ForecastSnapshot:
    """Forecast of a day by the plan in force at `tick`, which is made every hour."""
    made = tick - tick % 12
    ahead = range(made, made + 288, 12)
    return ForecastSnapshot(
        made_tick=made,
        at=tuple(START + timedelta(minutes=TICK_MINUTES * later) for later in ahead),
        energy_price_usd_per_mwh=tuple(tuple(site.energy_price_usd_per_mwh for site in sites_at(at)) for at in ahead),
    )


@lru_cache(maxsize=8)
def ahead_at(tick: int) -> PlanAhead:
    """The plan of a day that was in force at `tick`; it is made every hour."""
    made = tick - tick % 12
    hours = range(made, made + 288, 12)
    return PlanAhead(
        optimizer="lp",
        status="optimal",
        note="",
        made_tick=made,
        made_at=START + timedelta(minutes=TICK_MINUTES * made),
        age_minutes=float(TICK_MINUTES * (tick - made)),
        at=tuple(START + timedelta(minutes=TICK_MINUTES * later) for later in hours),
        sites=tuple(_site_ahead(hours, i) for i in range(len(SITES))),
    )


def _site_ahead(hours: range, i: int) -> SiteAhead:
    sites = [sites_at(later)[i] for later in hours]
    return SiteAhead(
        site_id=sites[0].id,
        energy_price_usd_per_mwh=tuple(site.energy_price_usd_per_mwh for site in sites),
        is_published=tuple(hour < 10 + i for hour in range(len(hours))),
        mining_mw=tuple(site.air_miner_mw + site.hydro_miner_mw + site.immersion_miner_mw for site in sites),
        inference_mw=tuple(site.gpu_mw + site.asic_mw for site in sites),
        contracts_mw=tuple(site.contracts_mw for site in sites),
        battery_mw=tuple(2.0 * sin(hour / 3 + i) if i < 4 else 0.0 for hour in range(len(hours))),
    )


@lru_cache(maxsize=64)
def sites_at(tick: int) -> tuple[SiteSnapshot, ...]:
    return tuple(_site(tick, i) for i in range(len(SITES)))


def series_until(tick: int, hours: int) -> tuple[SeriesPoint, ...]:
    """Series of profit over the last `hours`, as the store would give it."""
    first = max(0, tick - hours * 60 // TICK_MINUTES)
    return tuple(_point_at(past) for past in range(first, tick + 1))


@lru_cache(maxsize=KEPT_TICKS)
def _point_at(tick: int) -> SeriesPoint:
    snapshot = snapshot_at(tick)
    return SeriesPoint(
        at=snapshot.at,
        revenue_usd_per_h=snapshot.revenue_usd_per_h,
        profit_usd_per_h=snapshot.profit_usd_per_h,
        energy_cost_usd_per_h=snapshot.cost_usd_per_h,
    )


def _site(tick: int, i: int) -> SiteSnapshot:
    id_, name, country, lat, lon, timezone, cooling, *numbers = SITES[i]
    limit_mw, price, dry_bulb_c, renewable_share = map(float, numbers)
    status = STATUS.get(id_, "running")
    running = 0.0 if status == "down" else 0.55 if status != "running" else 0.93
    power_mw = limit_mw * running * (1 + SWING.get(id_, 0.03) * sin(tick / 9 + i))
    pue = PUE.get(id_, 1.06 + 0.01 * i / 10) + (0.05 * sin(tick / 40) if id_ == "tokyo" else 0.0)
    it_mw = power_mw / pue
    miners_mw = 0.0 if status == "curtailed" else 0.5 * it_mw
    return SiteSnapshot(
        id=id_,
        name=name,
        country=country,
        lat_deg=float(lat),
        lon_deg=float(lon),
        timezone=timezone,
        cooling=cooling,
        status=status,
        energy_price_usd_per_mwh=price + 6 * sin(tick / 12 + i) + 0.7 * cos(tick * 2.2 + i),
        carbon_intensity_g_per_kwh=30 + 50 * i,
        renewable_share=renewable_share,
        dry_bulb_c=dry_bulb_c + 3 * sin(2 * pi * tick / 288 + i),
        wet_bulb_c=dry_bulb_c - 3,
        availability_share=0.0 if status == "down" else 0.6 if status == "partial" else 1.0,
        pue=pue,
        cooling_efficiency_share=1 / pue,
        grid_limit_mw=limit_mw,
        site_power_mw=power_mw,
        air_miner_mw=0.6 * miners_mw,
        hydro_miner_mw=0.4 * miners_mw,
        immersion_miner_mw=0.0,
        gpu_mw=0.2 * it_mw,
        asic_mw=0.05 * it_mw,
        contracts_mw=0.25 * it_mw,
        curtailed_mw=0.4 * it_mw if status == "curtailed" else 0.0,
        revenue_usd_per_h=power_mw * 131 * (1 + 0.04 * sin(tick / 5 + i) + 0.12 * sin(tick / 51)),
        profit_usd_per_h=power_mw * (131 - max(price, 0) * 0.8 * (1 + 0.2 * sin(tick / 37))),
        inventory=_inventory(running, i),
    )


@lru_cache(maxsize=64)
def _inventory(used_share: float, i: int) -> tuple[InventorySnapshot, ...]:
    kinds = (("air_miner", 9_000), ("hydro_miner", 3_000 * (i % 2)), ("gpu", 640), ("asic", 150))
    return tuple(
        InventorySnapshot(
            workload=kind,
            units_count=units,
            online_count=int(units * (0 if not used_share else 0.6 if used_share < 0.9 else 1)),
            derated_count=units if i == 4 and kind == "air_miner" else 0,
            used_share=used_share * 0.97,
        )
        for kind, units in kinds
    )


@lru_cache(maxsize=8)
def _book(phase: int) -> tuple[tuple[ContractSnapshot, ...], tuple[TierSnapshot, ...]]:
    """Contracts and their tiers, which have five phases of five hours each."""
    contracts = tuple(_contract(phase, i) for i in range(41))
    return contracts, tuple(_tier(name, target_share, contracts) for name, target_share, _ in TIERS)


def _contract(phase: int, i: int) -> ContractSnapshot:
    tier, target_share, _ = next(row for row in (TIERS[k] for k in (0, 1, 2, 3)) if _tier_of(i) == row[0])
    counted = 600 + 37 * i
    budget = int(counted * (1 - target_share)) if tier != "spot" else 0
    bad = (i * 7 + phase) % 5 if tier != "premium" else (2 if i == 3 else 0)
    return ContractSnapshot(
        id=f"c{i:03}",
        tier=tier,
        customer=CUSTOMERS[i % len(CUSTOMERS)],
        power_mw=0.2 + (i * 0.37) % 4,
        rate_usd_per_mwh=300.0,
        site_id=SITES[i % len(SITES)][0],
        served=i % 9 != 4,
        starts_at=START,
        ends_at=START + timedelta(days=6 + i),
        availability_share=1 - bad / counted,
        counted_ticks=counted,
        bad_ticks=bad,
        budget_ticks=budget,
        burn_rate_share=bad / max(budget, 1),
        charge_usd=1_000.0 * i,
        excluded_ticks=12 if i == 5 else 0,
        window_ends_at=START + timedelta(days=6 + i),
        credit_usd=100.0 * i if bad > budget and tier != "spot" else 0.0,
        next_bad_tick_cost_usd=4.1 * i if tier == "spot" or bad != budget else 2_000.0 + 37.8 * i,
        is_on_target=1 - bad / counted >= target_share,
    )


def _tier_of(i: int) -> str:
    firsts = (0, 9, 23, 35)
    return next(TIERS[k][0] for k in (3, 2, 1, 0) if i >= firsts[k])


def _tier(name: str, target_share: float, contracts: tuple[ContractSnapshot, ...]) -> TierSnapshot:
    mine = [contract for contract in contracts if contract.tier == name]
    kept = [contract for contract in mine if contract.is_on_target]
    broken = [contract for contract in mine if contract.bad_ticks > contract.budget_ticks and name != "spot"]
    counted, bad = sum(c.counted_ticks for c in mine), sum(c.bad_ticks for c in mine)
    return TierSnapshot(
        tier=name,
        target_share=target_share,
        contracts_count=len(mine),
        on_target_count=len(kept) if name != "spot" else None,
        broken_count=len(broken),
        promised_mw=sum(c.power_mw for c in mine),
        delivered_mw=sum(c.power_mw for c in mine if c.served),
        availability_share=1 - bad / counted if counted else 1.0,
        budget_ticks=sum(c.budget_ticks for c in mine),
        budget_used_ticks=bad,
    )


def _plan(tick: int) -> PlanSnapshot:
    return PlanSnapshot(
        optimizer="lp",
        status="optimal",
        made_tick=tick - tick % 12,
        age_ticks=tick % 12,
        objective_usd=1_234_000.0,
        bound_usd=1_234_060.0,
        baseline_usd=1_195_000.0,
        solve_wall_s=0.118,
        horizon_ticks=288,
        shadow=_shadow(tick),
        headline="Inference where power is cheap and cool; miners off at Tokyo and Sydney.",
        reasons=(
            "Tokyo, Sydney: price above the break-even of air miners (104 and 109 USD/MWh), 31 MW curtailed.",
            "Dublin is down: 3.2 MW Premium moved to Oslo in time, 1.1 MW Standard is off.",
            "Berlin pays for taking power: everything that can run there runs.",
            "Reserve of 6 MW is held at Iceland and Oslo, so that any one site's Premium fits elsewhere.",
        ),
        note="",
    )


def _shadow(tick: int) -> ShadowSnapshot:
    price = [max(0.0, 40 * sin(tick / 30 + 1.3 * i)) for i in range(len(SITES))]
    return ShadowSnapshot(
        grid_usd_per_mwh=tuple(0.3 * value for value in price[::-1]),
        racks_usd_per_mwh=tuple(price),
        power_usd_per_mwh=tuple(60.0 + value for value in price),
        demand_usd_per_mwh=(-412.5, -188.2, -64.0, 12.4),
        budget_usd_per_mwh=(262.5, 150.0, 18.3),
    )


@lru_cache(maxsize=8)
def _events(first: int) -> tuple[EventSnapshot, ...]:
    told = (
        (3, "critical", "dublin", "Dublin down; 3.2 MW Premium moved to Oslo in time, 1.1 MW Standard off."),
        (9, "warning", "tokyo", "Tokyo: 17 MW of miners curtailed, price 121 USD/MWh."),
        (14, "info", "", "Contract c040 (Harbour, Spot, 2.9 MW) started at Vancouver."),
        (22, "warning", "berlin", "Berlin partly out: 60 % of the site available."),
        (31, "info", "berlin", "Berlin: price below zero, −12 USD/MWh; all miners on."),
        (40, "info", "texas", "Texas: heat wave, 39 °C expected until Thursday."),
    )
    return tuple(_event(first - age, severity, site_id, text) for age, severity, site_id, text in reversed(told))


def _event(tick: int, severity: str, site_id: str, text: str) -> EventSnapshot:
    at = START + timedelta(minutes=TICK_MINUTES * tick)
    return EventSnapshot(tick=tick, at=at, severity=severity, site_id=site_id, text=text)
