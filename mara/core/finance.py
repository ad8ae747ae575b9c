"""Money and energy of a tick as integer ledger lines; counterfactual gains.

Every line is rounded once to whole micro-dollars or watt-hours; from there on sums are exact.
Model: docs/model.md#3-money
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, row_sums, sealed
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, UNPLACED, ClosedWindow, ContractBook
from mara.core.dispatch import Allocation
from mara.core.economics import Economics, economics_of
from mara.core.fleet import Fleet, Workload
from mara.core.position import cleared_mw, two_settlement_gain_usd_per_h
from mara.core.power_settlement import settle_power
from mara.core.power_state import PowerState
from mara.core.sla import SlaReport
from mara.core.units import G_PER_KG, MICRO_USD_PER_USD, TOLERANCE_MW, WH_PER_MWH
from mara.core.world import Conditions, Gains, Observation, RunConfig, World


class Line(IntEnum):
    """Columns of the money ledger: income is positive, expense negative.

    In double entry, the other side of each line is cash.
    """

    MINING = 0
    INFERENCE = 1
    CONTRACT_PREMIUM = 2
    CONTRACT_STANDARD = 3
    CONTRACT_FLEXIBLE = 4
    CONTRACT_SPOT = 5
    SELLBACK = 6
    ENERGY = 7
    HEDGE = 8
    CARBON = 9
    MIGRATION_PREMIUM = 10
    MIGRATION_STANDARD = 11
    MIGRATION_FLEXIBLE = 12
    RESTART = 13
    CREDIT_PREMIUM = 14
    CREDIT_STANDARD = 15
    CREDIT_FLEXIBLE = 16
    DAY_AHEAD = 17
    ADDER = 18
    DEMAND_CHARGE = 19
    COINCIDENT_PEAK = 20
    BATTERY_WEAR = 21
    EXPORT_REVENUE = 22
    RESERVE_REVENUE = 23
    DEPLOYMENT_REVENUE = 24
    RESERVE_PENALTY = 25
    SUPPLY = 26
    CFD = 27
    TAKE_OR_PAY = 28
    METER = 29


LINE_COUNT: Final = 30
CONTRACT_LINES: Final = slice(Line.CONTRACT_PREMIUM, Line.CONTRACT_SPOT + 1)
MIGRATION_LINES: Final = slice(Line.MIGRATION_PREMIUM, Line.MIGRATION_FLEXIBLE + 1)
CREDIT_LINES: Final = slice(Line.CREDIT_PREMIUM, Line.CREDIT_FLEXIBLE + 1)
TERMS_LINES: Final = slice(Line.ADDER, Line.TAKE_OR_PAY + 1)
"""Lines of the power terms, in the order of `PowerLine`."""
REVENUE_LINES: Final = [
    *range(Line.MINING, Line.SELLBACK + 1),
    Line.EXPORT_REVENUE,
    Line.RESERVE_REVENUE,
    Line.DEPLOYMENT_REVENUE,
]
_LOAD_REVENUE: Final = slice(Line.MINING, Line.SELLBACK + 1)
_TERMS_REVENUE: Final = slice(Line.EXPORT_REVENUE, Line.DEPLOYMENT_REVENUE + 1)
_PRICED_LINE_COUNT: Final = Line.RESTART + 1
"""Number of lines of load, trade and changes, which come first."""
COST_LINES: Final = [line for line in range(Line.ENERGY, LINE_COUNT) if line not in REVENUE_LINES]
POWER_LINES: Final = (
    Line.ENERGY,
    Line.HEDGE,
    Line.DAY_AHEAD,
    Line.ADDER,
    Line.DEMAND_CHARGE,
    Line.COINCIDENT_PEAK,
    Line.SUPPLY,
    Line.CFD,
    Line.TAKE_OR_PAY,
    Line.METER,
)
"""Lines of the power bill: energy, positions, supply, charges, corrections."""
ENERGY_LINES: Final = [Line.SELLBACK, Line.ENERGY, Line.HEDGE, Line.DAY_AHEAD]
"""Lines of energy itself, the first part of a site's bill."""


class EnergyLine(IntEnum):
    """Columns of the energy ledger; every row sums to zero.

    Sources of energy are positive, uses are negative.
    """

    BOUGHT = 0
    HEDGE = 1
    MINING = 2
    INFERENCE = 3
    CONTRACTS = 4
    COOLING = 5
    SOLD = 6
    BATTERY = 7
    EXPORTED = 8


ENERGY_LINE_COUNT: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settlement:
    """Ledger of one tick: money, energy and emissions of each site.

    Attributes:
        lines_micro_usd: signed, by site and `Line` (S, 30); their sum is the change of cash, exactly.
        energy_wh: signed, by site and `EnergyLine` (S, 9); each row sums to zero.
        emissions_g: of the grid energy used (S,).
        position_mw: power bought day-ahead (S,); None where no site has any.
        power: what the power terms remember after the tick; None without any.
    """

    lines_micro_usd: Ints
    energy_wh: Ints
    emissions_g: Ints
    position_mw: Floats | None = None
    power: PowerState | None = None

    @property
    def profit_micro_usd(self) -> int:
        return int(self.lines_micro_usd.sum())

    @property
    def revenue_micro_usd(self) -> int:
        """Revenue of load, of power sold, and of grid products [micro-USD]."""
        of_load = int(self.lines_micro_usd[:, _LOAD_REVENUE].sum())
        return of_load if self.power is None else of_load + int(self.lines_micro_usd[:, _TERMS_REVENUE].sum())

    @property
    def cost_micro_usd(self) -> int:
        """Sum of power, carbon, migration, restarts and credits; positive costs.

        What a position bought day-ahead or contracted supply saved is taken off.
        """
        return -int(self.lines_micro_usd[:, COST_LINES].sum())


def settle(
    allocation: Allocation,
    report: SlaReport,
    world: World,
    observation: Observation,
    conditions: Conditions,
    config: RunConfig,
) -> Settlement:
    """Compute the ledger of one tick from the loads that ran.

    At negative prices, power bought is income. The hedge is paid whether used or not. Credits are those due in this
    tick. A position bought day-ahead is for load beyond the hedge and is settled whole, whatever runs: no megawatt is
    sold twice, the unused hedge by its own line and the unused position by the difference of the two prices.
    """
    position = cleared_mw(world.day_ahead, config.grid.epoch_h(world.tick), observation.day_ahead_usd_per_mwh)
    carbon_kg_per_h = allocation.drawn_mw * observation.carbon_intensity_g_per_kwh
    each = economics_of(observation, conditions, config)
    lines = lines_by_site(
        allocation,
        each,
        config,
        mining_usd_per_h=allocation.miners_mw.dot(each.mining_usd_per_mwh),
        carbon_kg_per_h=carbon_kg_per_h,
    )
    if position is not None and observation.day_ahead_usd_per_mwh is not None:
        gain = two_settlement_gain_usd_per_h(position, each.price_usd_per_mwh, observation.day_ahead_usd_per_mwh)
        lines[Line.DAY_AHEAD] = np.rint(gain * (config.grid.dt_h * MICRO_USD_PER_USD)).astype(np.int64)
    lines[CONTRACT_LINES] = _charges(
        world.book, report.accounts.site.tobytes(), report.charge_micro_usd.tobytes(), config.fleet.site_count
    )
    if world.closed:
        lines[CREDIT_LINES] -= credits_due(world.closed, config.fleet)
    state = None
    if allocation.power is not None and world.power is not None:
        settled = settle_power(allocation.power, world.power, observation, config)
        lines[TERMS_LINES] = settled.lines_micro_usd
        bill = np.column_stack([lines[ENERGY_LINES].sum(axis=0), settled.lines_micro_usd.T])
        state = replace(settled.state, bill_micro_usd=sealed(settled.state.bill_micro_usd + bill))
    return Settlement(
        lines_micro_usd=sealed(lines.T),
        energy_wh=(_repeated_energy_wh if config.fleet.is_small else _energy_wh)(allocation, config),
        emissions_g=sealed(emissions_g_of(carbon_kg_per_h, config)),
        position_mw=position,
        power=state,
    )


def lines_by_site(
    allocation: Allocation, each: Economics, config: RunConfig, *, mining_usd_per_h: Floats, carbon_kg_per_h: Floats
) -> Ints:
    """Compute signed money by `Line` and site (30, ..., S) [micro-USD].

    Axes before that of sites, such as T ticks, are kept. Lines of contracts, credits, positions and
    power terms are left zero.
    """
    terms, fleet = config.terms, config.fleet
    # Written line by line, so lines are the first axis here and the last of what is kept.
    usd = np.zeros((_PRICED_LINE_COUNT, *carbon_kg_per_h.shape))
    usd[Line.MINING] = mining_usd_per_h
    usd[Line.INFERENCE] = row_sums((allocation.merchant_mw * each.merchant_usd_per_mwh).sum(axis=-3))
    usd[Line.ENERGY] = -allocation.bought_mw * each.price_usd_per_mwh
    if not fleet.is_unhedged:
        usd[Line.SELLBACK] = allocation.sold_mw * each.sellback_usd_per_mwh
        usd[Line.HEDGE] = -fleet.hedge_mw * fleet.hedge_price_usd_per_mwh
    # Computed from the stored mass of carbon, so that cost and mass agree to the last gram.
    usd[Line.CARBON] = carbon_kg_per_h * (-terms.carbon_price_usd_per_t / G_PER_KG)
    usd *= config.grid.dt_h * MICRO_USD_PER_USD
    # Moves and restarts are per change, not per hour.
    if np.count_nonzero(allocation.moved_mw):
        moved = allocation.moved_mw * each.migration_usd_per_mw * -MICRO_USD_PER_USD
        usd[MIGRATION_LINES] = np.moveaxis(moved, -1, 0)
    usd[Line.RESTART] = allocation.ramp_mw * (-each.restart_usd_per_mw * MICRO_USD_PER_USD)
    lines = np.zeros((LINE_COUNT, *carbon_kg_per_h.shape), dtype=np.int64)
    lines[:_PRICED_LINE_COUNT] = np.rint(usd, out=usd)
    return lines


def emissions_g_of(carbon_kg_per_h: Floats, config: RunConfig) -> Ints:
    """Round the emissions of a tick by site to whole grams (S,)."""
    return np.rint(carbon_kg_per_h * (config.grid.dt_h * G_PER_KG)).astype(np.int64)


def credits_due(closed: tuple[ClosedWindow, ...], fleet: Fleet) -> Ints:
    """Sum the credits that closed windows owe, by tier and site (3, S) [micro-USD].

    A contract's credit belongs to the site where it runs or last ran. The credit of one that never ran is
    divided among all sites by rack capacity, in whole micro-dollars that add up to it exactly.
    """
    due = np.zeros((PROMISED_TIER_COUNT, fleet.site_count), dtype=np.int64)
    for window in closed:
        if not window.credit_micro_usd:
            continue
        if window.site == UNPLACED:
            due[window.tier] += _spread(window.credit_micro_usd, fleet.racks_mw)
        else:
            due[window.tier, window.site] += window.credit_micro_usd
    return due


def _spread(amount_micro_usd: int, weights_mw: Floats) -> Ints:
    """Split a whole amount by weight into whole parts (S,).

    Parts are equal where all weights are zero. Largest remainders (Hamilton's method): floors first, then one each to
    the largest fractions.
    Source: https://christophertkenny.com/apportion/reference/app_hamilton_vinton.html
    """
    weighs = weights_mw if float(weights_mw.sum()) > 0.0 else np.ones(len(weights_mw))
    exact = amount_micro_usd * (weighs / weighs.sum())
    parts: Ints = np.floor(exact).astype(np.int64)
    order = np.argsort(parts - exact, kind="stable")
    parts[order[: amount_micro_usd - int(parts.sum())]] += 1
    return parts


@lru_cache(maxsize=8)
def _charges(book: ContractBook, site: bytes, charge_micro_usd: bytes, sites: int) -> Ints:
    """Sum a tick's contract charges by tier and site (G, S), mostly those of the last.

    Site and charge of each contract (C,) come as bytes, keys of the cache.
    """
    charge = np.frombuffer(charge_micro_usd, dtype=np.int64)
    return sealed(charges_by_site(np.frombuffer(site, dtype=np.int64), charge, book.tier, (TIER_COUNT, sites)))


def charges_by_site(site: Ints, charge_micro_usd: Ints, row: Ints, shape: tuple[int, int]) -> Ints:
    """Sum contract charges (N,) by row and site (rows, S) [micro-USD].

    A row is a tier, or a tier in one of several ticks. Float sums of whole numbers this small are exact.
    """
    rows, sites = shape
    if not len(site):
        return np.zeros(shape, dtype=np.int64)
    cell = np.maximum(site, 0) + row * sites
    return np.bincount(cell, weights=charge_micro_usd, minlength=rows * sites).astype(np.int64).reshape(shape)


def _energy_wh(allocation: Allocation, config: RunConfig) -> Ints:
    """Compute the energy of a tick by site and `EnergyLine` (S, 9) [Wh]."""
    return sealed(energy_by_site(allocation, config).T)


_repeated_energy_wh: Final = lru_cache(maxsize=8)(_energy_wh)
"""The same, for ticks that mostly repeat an allocation."""


def energy_by_site(allocation: Allocation, config: RunConfig) -> Ints:
    """Compute energy by `EnergyLine` and site (9, ..., S) [Wh].

    Each site sums to zero. Cooling and losses are the remainder. Axes before that of sites are kept.
    """
    mw = np.zeros((ENERGY_LINE_COUNT, *allocation.site_power_mw.shape))
    mw[EnergyLine.BOUGHT] = allocation.bought_mw
    if not config.fleet.is_unhedged:
        mw[EnergyLine.HEDGE] = config.fleet.hedge_mw
        mw[EnergyLine.SOLD] = -allocation.sold_mw
    mw[EnergyLine.MINING] = -allocation.site_mining_it_mw
    mw[EnergyLine.INFERENCE] = -allocation.site_merchant_it_mw
    mw[EnergyLine.CONTRACTS] = -allocation.site_contracts_it_mw
    if allocation.power is not None:
        mw[EnergyLine.BATTERY] = allocation.power.discharge_mw - allocation.power.charge_mw
        mw[EnergyLine.EXPORTED] = -allocation.power.exported_mw
    mw *= config.grid.dt_h * WH_PER_MWH
    wh = np.rint(mw, out=mw).astype(np.int64)
    wh[EnergyLine.COOLING] = -wh.sum(axis=0)
    return wh


def gains_of(allocation: Allocation, observation: Observation, conditions: Conditions, config: RunConfig) -> Gains:
    """Savings of placing contracts and inference by climate and price in one tick.

    The baseline spreads the same served load P [MW] by capacity. With shares q of the plan and w of the baseline
    (available racks), site PUE u, price c and their means u', c' under w: climate = P c' sum (w-q) u, time zone =
    P u' sum (w-q) c, interaction = the rest; the three add up to the difference of the two energy ledgers exactly.
    A two-factor decomposition with interaction about the baseline's means. Own algebra: docs/model.md#12-gains
    """
    load = allocation.site_contracts_it_mw + allocation.site_merchant_it_mw
    racks = conditions.racks_mw
    served, capacity = float(load.sum()), float(racks.sum())
    if served <= TOLERANCE_MW:
        return Gains()
    pue, price = allocation.pue[:, Workload.GPU], observation.energy_price_usd_per_mwh
    base = racks * (served / capacity)
    shift = base - load
    scale = config.grid.dt_h * MICRO_USD_PER_USD
    cost = pue * price
    total = round(float(base.dot(cost)) * scale) - round(float(load.dot(cost)) * scale)
    climate = round(float(base.dot(price)) / served * float(shift.dot(pue)) * scale)
    time_zone = round(float(base.dot(pue)) / served * float(shift.dot(price)) * scale)
    carbon_kg_per_h = float(shift.dot(pue * observation.carbon_intensity_g_per_kwh))
    return Gains(
        climate_micro_usd=climate,
        time_zone_micro_usd=time_zone,
        interaction_micro_usd=total - climate - time_zone,
        carbon_avoided_g=round(carbon_kg_per_h * config.grid.dt_h * G_PER_KG),
    )


def gains_of_all(
    allocation: Allocation, price_usd_per_mwh: Floats, carbon_g_per_kwh: Floats, racks_mw: Floats, config: RunConfig
) -> Ints:
    """Compute `gains_of` for many ticks at once, to the same bits.

    Returns climate, time zone, interaction [micro-USD] and carbon avoided [g] (T, 4); all other arguments are by tick
    and site (T, S).
    """
    load = allocation.site_contracts_it_mw + allocation.site_merchant_it_mw
    served = load.sum(axis=1)
    runs = served > TOLERANCE_MW
    safe, capacity = np.where(runs, served, 1.0), np.where(runs, racks_mw.sum(axis=1), 1.0)
    pue, base = allocation.pue[:, :, Workload.GPU], racks_mw * (served / capacity)[:, None]
    shift, cost = base - load, pue * price_usd_per_mwh
    scale = config.grid.dt_h * MICRO_USD_PER_USD
    total = np.rint(np.vecdot(base, cost) * scale) - np.rint(np.vecdot(load, cost) * scale)
    climate = np.rint(np.vecdot(base, price_usd_per_mwh) / safe * np.vecdot(shift, pue) * scale)
    time_zone = np.rint(np.vecdot(base, pue) / safe * np.vecdot(shift, price_usd_per_mwh) * scale)
    carbon = np.rint(np.vecdot(shift, pue * carbon_g_per_kwh) * config.grid.dt_h * G_PER_KG)
    gains = np.stack([climate, time_zone, total - climate - time_zone, carbon], axis=1) * runs[:, None]
    return np.asarray(gains.astype(np.int64))
