"""Builder of the snapshot of a settled tick from the engine's arrays."""

from dataclasses import fields, replace
from datetime import timedelta
from itertools import accumulate
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.claims import claims_of
from mara.core.contract import (
    TARGET_PPM,
    TIER_KEYS,
    UNPLACED,
    Tier,
    budgets_of,
    credit_micro_usd,
    is_on_target,
    next_bad_tick_cost_micro_usd,
)
from mara.core.events import Event
from mara.core.finance import COST_LINES, REVENUE_LINES, Line
from mara.core.fleet import RACKS, WORKLOAD_KEYS, Workload
from mara.core.metering import METERED, SIMULATED, up_share
from mara.core.plan import Plan
from mara.core.power_snapshot import power_snapshot_of
from mara.core.reasons import curtailed_mw, headline_of, reasons_of
from mara.core.sla import burn_rates
from mara.core.snapshot import (
    ContractSnapshot,
    EventSnapshot,
    ForecastSnapshot,
    GainsSnapshot,
    InventorySnapshot,
    PlanSnapshot,
    ShadowGains,
    ShadowSnapshot,
    SiteSnapshot,
    Snapshot,
    TierSnapshot,
)
from mara.core.step import Step
from mara.core.units import G_PER_T, MICRO_USD_PER_USD, PPM, TOLERANCE_MW
from mara.core.world import Forecast, RunConfig, World

PLAYS: Final = {"synthetic": "synthetic", "replay": "replayed", "live": "live"}
"""World that a run plays, by the name of its feed."""
GAINS_BASELINE: Final = "the same load spread over the sites by rack capacity"


def snapshot_of(
    step: Step,
    plan: Plan,
    events: tuple[Event, ...],
    config: RunConfig,
    run_id: str,
    shadows: ShadowGains | None = None,
    *,
    dawn_micro_usd: int | None = None,
    peak_risk_share: Floats | None = None,
    feed: str = "synthetic",
) -> Snapshot:
    """Build the snapshot of the tick just settled.

    It lists contracts that are live after the tick; amounts are USD, rates per hour. `dawn_micro_usd` is the cash at
    00:00 UTC of the tick's day, `peak_risk_share` the expected coincident peaks of the next hours (24, S), `feed` the
    name of what the tick was read from.
    """
    allocation, world, observation = step.allocation, step.world, step.observation
    per_h = 1.0 / (MICRO_USD_PER_USD * config.grid.dt_h)
    settlement = step.settlement
    power = float(allocation.site_power_mw.sum())
    running = step.allocation.running_mw
    it_power = float(running.sum())
    return Snapshot(
        run_id=run_id,
        tick=step.tick,
        at=config.grid.at(step.tick),
        tick_minutes=config.grid.tick_minutes,
        fleet_name=config.fleet.name,
        revenue_usd_per_h=settlement.revenue_micro_usd * per_h,
        cost_usd_per_h=settlement.cost_micro_usd * per_h,
        profit_usd_per_h=settlement.profit_micro_usd * per_h,
        revenue_total_usd=world.revenue_micro_usd / MICRO_USD_PER_USD,
        profit_total_usd=world.cash_micro_usd / MICRO_USD_PER_USD,
        site_power_mw=power,
        it_power_mw=it_power,
        grid_limit_mw=float(config.fleet.grid_limit_mw.sum()),
        cooling_efficiency_share=it_power / power if power > TOLERANCE_MW else 1.0,
        renewable_share=float(allocation.site_power_mw @ observation.renewable_share) / max(power, TOLERANCE_MW),
        emissions_t_per_h=int(settlement.emissions_g.sum()) / G_PER_T / config.grid.dt_h,
        power_by_workload_mw=_power_by_workload(step),
        hashprice_usd_per_ph_day=observation.hashprice_usd_per_ph_day,
        token_price_usd_per_mtok=observation.token_price_usd_per_mtok,
        racks_used_share=float(running[:, RACKS].sum())
        / max(float(allocation.available_mw[:, RACKS].sum()), TOLERANCE_MW),
        refused_count=world.refused_count,
        stale_sources=observation.stale_sources,
        sites=_sites(step, config),
        tiers=_tiers(world),
        contracts=_contracts(step, config),
        gains=_gains(world, shadows),
        plan=_plan(step, plan, config),
        events=tuple(event_snapshot(event, config) for event in events),
        plays=plays_of(feed),
        profit_today_usd=_profit_since(dawn_micro_usd, world),
        power=power_snapshot_of(step, config, peak_risk_share, plan),
    )


def plays_of(feed: str) -> str:
    """Name the world that a run of a feed plays: synthetic, replayed or live."""
    return PLAYS.get(feed, PLAYS["synthetic"])


def _power_by_workload(step: Step) -> tuple[tuple[str, float], ...]:
    own = zip(WORKLOAD_KEYS, step.allocation.own_mw.sum(axis=0).tolist(), strict=True)
    return (*own, ("contracts", float(step.allocation.site_contracts_it_mw.sum())))


def _profit_since(cash_micro_usd: int | None, world: World) -> float | None:
    return None if cash_micro_usd is None else (world.cash_micro_usd - cash_micro_usd) / MICRO_USD_PER_USD


def event_snapshot(event: Event, config: RunConfig) -> EventSnapshot:
    """Convert an event for the outside: its tick as a time, its site as an id."""
    return EventSnapshot(
        tick=event.tick,
        at=config.grid.at(event.tick),
        severity=event.severity,
        site_id=config.fleet.site_ids[event.site] if event.site >= 0 else "",
        text=event.text,
    )


def forecast_snapshot(forecast: Forecast, config: RunConfig) -> ForecastSnapshot:
    """Convert a forecast for the outside: its rows with the times at which they start.

    Where rows are clock hours, the first is the rest of the present hour.
    """
    now = config.grid.at(forecast.tick)
    rows = forecast.energy_price_usd_per_mwh.tolist()
    if forecast.row_minutes:
        begins = [now + timedelta(minutes=m) for m in accumulate((0, *forecast.row_minutes[:-1]))]
    else:
        hour = now.replace(minute=0, second=0, microsecond=0)
        begins = [now, *(hour + timedelta(hours=i) for i in range(1, len(rows)))]
    return ForecastSnapshot(
        made_tick=forecast.tick,
        at=tuple(begins),
        energy_price_usd_per_mwh=tuple(tuple(row) for row in rows),
        published_count=() if forecast.published_count is None else tuple(forecast.published_count.tolist()),
        risk_usd_per_mwh=() if forecast.risk_usd_per_mwh is None else tuple(forecast.risk_usd_per_mwh.tolist()),
    )


def _sites(step: Step, config: RunConfig) -> tuple[SiteSnapshot, ...]:
    allocation, observation, fleet = step.allocation, step.observation, config.fleet
    running = step.allocation.running_mw
    own = step.allocation.own_mw
    load = running.sum(axis=1)
    pue = np.where(
        load > TOLERANCE_MW, allocation.site_power_mw / np.maximum(load, TOLERANCE_MW), allocation.pue[:, Workload.GPU]
    )
    idle = curtailed_mw(step).sum(axis=1)
    per_h = 1.0 / (MICRO_USD_PER_USD * config.grid.dt_h)
    lines = step.settlement.lines_micro_usd
    revenue, cost = lines[:, REVENUE_LINES].sum(axis=1) * per_h, lines[:, COST_LINES].sum(axis=1) * per_h
    until = step.world.outage_until_tick
    prices, bought = observation.day_ahead_usd_per_mwh, step.settlement.position_mw
    ahead = np.full(fleet.site_count, np.nan) if prices is None else prices
    position = np.zeros(fleet.site_count) if bought is None else bought
    return tuple(
        SiteSnapshot(
            id=site.id,
            name=site.name,
            country=site.country,
            lat_deg=site.lat_deg,
            lon_deg=site.lon_deg,
            timezone=site.timezone,
            cooling=site.cooling.value,
            status=_status(float(observation.availability_share[s]), float(idle[s])),
            energy_price_usd_per_mwh=float(observation.energy_price_usd_per_mwh[s]),
            carbon_intensity_g_per_kwh=float(observation.carbon_intensity_g_per_kwh[s]),
            renewable_share=float(observation.renewable_share[s]),
            dry_bulb_c=float(observation.dry_bulb_c[s]),
            wet_bulb_c=float(observation.wet_bulb_c[s]),
            availability_share=float(observation.availability_share[s]),
            pue=float(pue[s]),
            cooling_efficiency_share=1.0 / float(pue[s]),
            grid_limit_mw=float(fleet.grid_limit_mw[s]),
            import_limit_mw=_import_limit_mw(step, config, s),
            site_power_mw=float(allocation.site_power_mw[s]),
            air_miner_mw=float(own[s, Workload.AIR_MINER]),
            hydro_miner_mw=float(own[s, Workload.HYDRO_MINER]),
            immersion_miner_mw=float(own[s, Workload.IMMERSION_MINER]),
            gpu_mw=float(own[s, Workload.GPU]),
            asic_mw=float(own[s, Workload.ASIC]),
            contracts_mw=float(allocation.site_contracts_it_mw[s]),
            curtailed_mw=float(idle[s]),
            revenue_usd_per_h=float(revenue[s]),
            profit_usd_per_h=float(revenue[s] + cost[s]),
            inventory=_inventory(step, config, running, s),
            outage_ends_tick=int(until[s]) if until[s] > step.tick else 0,
            day_ahead_usd_per_mwh=None if np.isnan(ahead[s]) else float(ahead[s]),
            position_mw=float(position[s]),
            position_gain_usd_per_h=float(lines[s, Line.DAY_AHEAD] * per_h),
            **_metered(step, config, s),
        )
        for s, site in enumerate(fleet.sites)
    )


def _import_limit_mw(step: Step, config: RunConfig, site: int) -> float | None:
    limit_mw = float(step.conditions.grid_limit_mw[site])
    return limit_mw if limit_mw < float(config.fleet.grid_limit_mw[site]) else None


def _metered(step: Step, config: RunConfig, s: int) -> dict[str, Any]:
    """Fields of a site that its meters tell; none where it is simulated."""
    told = step.observation.metering
    if told is None:
        return {}
    power_mw, installed = float(told.power_mw[s]), config.fleet.units_count[s] > 0
    return {
        "billed_by": METERED if told.is_metered[s] else SIMULATED,
        "metered_before_mw": None if np.isnan(power_mw) else power_mw,
        "meter_correction_usd": int(step.settlement.lines_micro_usd[s, Line.METER]) / MICRO_USD_PER_USD,
        "standing_still": tuple(WORKLOAD_KEYS[k] for k in np.flatnonzero(told.is_down[s] & installed).tolist()),
    }


def _status(availability_share: float, idle_mw: float) -> str:
    if availability_share == 0.0:
        return "down"
    if availability_share < 1.0:
        return "partial"
    return "curtailed" if idle_mw > TOLERANCE_MW else "running"


def _inventory(step: Step, config: RunConfig, running: np.ndarray, s: int) -> tuple[InventorySnapshot, ...]:
    fleet, told = config.fleet, step.observation.metering
    share = up_share(step.observation.availability_share, None if told is None else told.is_down, fleet)
    up_shares = np.broadcast_to(share, fleet.nameplate_mw.shape)[s].tolist()
    machines = []
    for k, key in enumerate(WORKLOAD_KEYS):
        nameplate, up = float(fleet.nameplate_mw[s, k]), up_shares[k]
        online = int(fleet.units_count[s, k] * up)
        hot = float(step.allocation.available_mw[s, k]) < nameplate * up - TOLERANCE_MW
        machines.append(
            InventorySnapshot(
                workload=key,
                units_count=int(fleet.units_count[s, k]),
                online_count=online,
                derated_count=online if hot else 0,
                used_share=float(running[s, k]) / nameplate if nameplate else 0.0,
            )
        )
    return tuple(machines)


def _tiers(world: World) -> tuple[TierSnapshot, ...]:
    book, accounts = world.book, world.accounts
    budgets = budgets_of(book, accounts)
    rows = []
    for tier in Tier:
        mine = book.tier == tier
        good, bad = int(accounts.good_ticks[mine].sum()), int(accounts.bad_ticks[mine].sum())
        counts = zip(accounts.good_ticks[mine].tolist(), accounts.bad_ticks[mine].tolist(), strict=True)
        on_target = sum(is_on_target(tier, *ticks) for ticks in counts)
        rows.append(
            TierSnapshot(
                tier=TIER_KEYS[tier],
                target_share=TARGET_PPM[tier] / PPM,
                contracts_count=int(mine.sum()),
                on_target_count=on_target if tier is not Tier.SPOT else None,
                promised_mw=float(book.power_mw[mine].sum()),
                delivered_mw=float(book.power_mw[mine & accounts.served].sum()),
                availability_share=good / (good + bad) if good + bad else 1.0,
                budget_ticks=int(budgets[mine].sum()) if tier is not Tier.SPOT else 0,
                budget_used_ticks=bad if tier is not Tier.SPOT else 0,
                broken_count=int((accounts.bad_ticks[mine] > budgets[mine]).sum()),
            )
        )
    return tuple(rows)


def _missed(step: Step) -> frozenset[str]:
    """Ids of the contracts whose power their site's meter did not show."""
    missed = step.report.missed
    if missed is None:
        return frozenset()
    return frozenset(step.before.book.contracts[i].id for i in np.flatnonzero(missed).tolist())


def _scheduled_off(step: Step) -> frozenset[str]:
    """Ids of contracts that the plan left unserved on purpose in the tick."""
    rows = np.nonzero(step.allocation.scheduled)[0].tolist()
    return frozenset(step.before.book.contracts[row].id for row in rows)


def _contracts(step: Step, config: RunConfig) -> tuple[ContractSnapshot, ...]:
    world, accounts, scheduled_off, missed = step.world, step.world.accounts, _scheduled_off(step), _missed(step)
    budgets, burns = budgets_of(world.book, accounts).tolist(), burn_rates(world).tolist()
    good, bad = accounts.good_ticks.tolist(), accounts.bad_ticks.tolist()
    sites, served = accounts.site.tolist(), accounts.served.tolist()
    charge, excluded = accounts.charge_micro_usd.tolist(), accounts.excluded_ticks.tolist()
    ends, tick_charge = accounts.window_end_tick.tolist(), world.book.tick_charge_micro_usd.tolist()
    return tuple(
        ContractSnapshot(
            id=contract.id,
            tier=TIER_KEYS[contract.tier],
            customer=contract.customer,
            power_mw=contract.power_mw,
            rate_usd_per_mwh=contract.rate_usd_per_mwh,
            site_id="" if sites[i] == UNPLACED else config.fleet.site_ids[sites[i]],
            served=served[i],
            starts_at=config.grid.at(contract.starts_tick),
            ends_at=config.grid.at(contract.ends_tick),
            availability_share=good[i] / (good[i] + bad[i]) if good[i] + bad[i] else 1.0,
            counted_ticks=good[i] + bad[i],
            bad_ticks=bad[i],
            budget_ticks=budgets[i],
            burn_rate_share=burns[i],
            charge_usd=charge[i] / MICRO_USD_PER_USD,
            excluded_ticks=excluded[i],
            window_ends_at=config.grid.at(ends[i]),
            credit_usd=credit_micro_usd(contract.tier, good[i], bad[i], charge[i]) / MICRO_USD_PER_USD,
            next_bad_tick_cost_usd=next_bad_tick_cost_micro_usd(
                contract.tier,
                good_ticks=good[i],
                bad_ticks=bad[i],
                left_ticks=ends[i] - max(world.tick, contract.starts_tick),
                charge_micro_usd=charge[i],
                tick_charge_micro_usd=tick_charge[i],
            )
            / MICRO_USD_PER_USD,
            is_on_target=is_on_target(contract.tier, good[i], bad[i]),
            is_resting=contract.id in scheduled_off,
            is_missed=contract.id in missed,
        )
        for i, contract in enumerate(world.book.contracts)
    )


def _gains(world: World, shadows: ShadowGains | None) -> GainsSnapshot:
    gains = world.gains
    placed = GainsSnapshot(
        baseline=GAINS_BASELINE,
        climate_usd=gains.climate_micro_usd / MICRO_USD_PER_USD,
        time_zone_usd=gains.time_zone_micro_usd / MICRO_USD_PER_USD,
        interaction_usd=gains.interaction_micro_usd / MICRO_USD_PER_USD,
        sla_flexibility_usd=None,
        carbon_avoided_t=gains.carbon_avoided_g / G_PER_T,
        day_ahead_usd=gains.day_ahead_micro_usd / MICRO_USD_PER_USD,
    )
    if shadows is None:
        return placed
    beside = {field.name: getattr(shadows, field.name) for field in fields(ShadowGains) if field.name != "since_tick"}
    return replace(placed, shadows_since_tick=shadows.since_tick, **beside)


def _plan(step: Step, plan: Plan, config: RunConfig) -> PlanSnapshot:
    return PlanSnapshot(
        optimizer=plan.optimizer,
        status=plan.status,
        made_tick=plan.made_tick,
        age_ticks=step.tick - plan.made_tick,
        objective_usd=plan.objective_usd,
        bound_usd=plan.bound_usd,
        headline=headline_of(step, config),
        reasons=reasons_of(step, config, plan),
        note=plan.note,
        horizon_ticks=sum(plan.step_ticks),
        baseline_usd=plan.baseline_usd,
        solve_wall_s=plan.solve_wall_s,
        shadow=_shadow(plan, step),
        claims=claims_of(step, plan, config),
        provenance=plan.provenance,
    )


def _shadow(plan: Plan, step: Step) -> ShadowSnapshot | None:
    """Return the plan's dual prices, with 0 for grid and racks of sites that are down.

    The plan may be older than the outage, and more capacity is worth nothing at a site where nothing can run.
    """
    shadow, row, up = plan.shadow, plan.index_at(step.tick), step.observation.availability_share > 0.0
    if shadow is None:
        return None
    return ShadowSnapshot(
        grid_usd_per_mwh=tuple((shadow.grid_usd_per_mwh[row] * up).tolist()),
        racks_usd_per_mwh=tuple((shadow.capacity_usd_per_mwh[row] * up).tolist()),
        power_usd_per_mwh=tuple(shadow.site_power_usd_per_mwh[row].tolist()),
        demand_usd_per_mwh=tuple(shadow.demand_usd_per_mwh[row].tolist()),
        budget_usd_per_mwh=tuple(shadow.budget_usd_per_mwh.tolist()),
    )
