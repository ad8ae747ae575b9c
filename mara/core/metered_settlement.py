"""Settlement of the last tick by its meters: corrections, and missed promises.

A tick of a metered site is settled as planned when it begins, because its meters have measured nothing yet. They are
read when the next tick begins, which posts the difference and judges by them. Model: docs/model.md#metered-sites
"""

from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.dispatch import Allocation, traded
from mara.core.economics import economics_of
from mara.core.finance import EnergyLine, Line, Settlement, emissions_g_of
from mara.core.fleet import MINERS, RACKS
from mara.core.metering import covers
from mara.core.power_settlement import settle_power
from mara.core.power_state import PowerState
from mara.core.units import G_PER_KG, MICRO_USD_PER_USD, WH_PER_MWH
from mara.core.world import Conditions, Observation, RunConfig, UnreadTick, World, conditions_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeteredTick:
    """A tick settled by its meters, less what was settled when it began.

    Attributes:
        power_micro_usd, carbon_micro_usd: correction of the bill, and of the cost of carbon; a cost is negative (S,).
        bought_wh, sold_wh: energy bought beyond the hedge, and hedged energy sold back (S,).
        emissions_g: of the grid energy used (S,).
        missed: contracts whose power their site's meter did not show (C,).
        power: what the power terms remember after the tick; None without any.
    """

    power_micro_usd: Ints
    carbon_micro_usd: Ints
    bought_wh: Ints
    sold_wh: Ints
    emissions_g: Ints
    missed: Bools
    power: PowerState | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bill:
    """Energy and carbon of a tick by site, each line rounded once (S,)."""

    energy_micro_usd: Ints
    carbon_micro_usd: Ints
    bought_wh: Ints
    sold_wh: Ints
    emissions_g: Ints


def read_meters(world: World, observation: Observation, config: RunConfig) -> MeteredTick | None:
    """Settle the last tick again by its meters; None where no site was metered.

    Unknown power is billed as planned, and misses every promise.
    """
    unread = world.unread
    if unread is None or unread.observation.metering is None:
        return None
    is_metered = unread.observation.metering.is_metered
    told = observation.metering
    metered_mw = np.full(len(is_metered), np.nan) if told is None else told.power_mw
    drawn_mw = np.where(is_metered & ~np.isnan(metered_mw), metered_mw, unread.drawn_mw)
    conditions = conditions_of(unread.observation, config)
    as_planned = _bill(unread.drawn_mw, unread.observation, conditions, config)
    as_metered = _bill(drawn_mw, unread.observation, conditions, config)
    energy = as_metered.energy_micro_usd - as_planned.energy_micro_usd
    terms, state = _power_terms(drawn_mw, energy, unread, world.power, config)
    return MeteredTick(
        power_micro_usd=energy + terms,
        carbon_micro_usd=as_metered.carbon_micro_usd - as_planned.carbon_micro_usd,
        bought_wh=as_metered.bought_wh - as_planned.bought_wh,
        sold_wh=as_metered.sold_wh - as_planned.sold_wh,
        emissions_g=as_metered.emissions_g - as_planned.emissions_g,
        missed=_missed(world, is_metered, metered_mw, observation, conditions),
        power=state,
    )


def after_meters(world: World, metered: MeteredTick | None) -> World:
    """Return a world whose power terms remember the last tick as it was metered."""
    return world if metered is None else replace(world, power=metered.power)


def with_corrections(settlement: Settlement, metered: MeteredTick | None) -> Settlement:
    """Add the corrections of the last tick by its meters to this tick's settlement.

    Money goes to the lines of meters and of carbon; energy and emissions are corrected too.
    """
    if metered is None:
        return settlement
    lines, energy = settlement.lines_micro_usd.copy(), settlement.energy_wh.copy()
    lines[:, Line.METER] += metered.power_micro_usd
    lines[:, Line.CARBON] += metered.carbon_micro_usd
    energy[:, EnergyLine.BOUGHT] += metered.bought_wh
    energy[:, EnergyLine.SOLD] -= metered.sold_wh
    energy[:, EnergyLine.COOLING] += metered.sold_wh - metered.bought_wh
    return replace(
        settlement,
        lines_micro_usd=sealed(lines),
        energy_wh=sealed(energy),
        emissions_g=sealed(settlement.emissions_g + metered.emissions_g),
    )


def unread_after(allocation: Allocation, world: World, observation: Observation) -> UnreadTick | None:
    """Keep what the next tick needs to settle this one; None where none is metered."""
    if observation.metering is None or not observation.metering.is_metered.any():
        return None
    set_mw = allocation.running_mw
    set_mw[:, MINERS] = np.minimum(allocation.miners_mw, world.miners_mw)
    return UnreadTick(
        observation=replace(observation, arrivals=()),
        drawn_mw=allocation.drawn_mw,
        set_mw=sealed(set_mw),
        flexibility=allocation.power,
        power=world.power,
    )


def _bill(drawn_mw: Floats, seen: Observation, conditions: Conditions, config: RunConfig) -> _Bill:
    """Price what was drawn as the ledger does."""
    each, dt_h, fleet = economics_of(seen, conditions, config), config.grid.dt_h, config.fleet
    bought_mw, sold_mw = traded(drawn_mw, fleet.hedge_mw)
    carbon_kg_per_h = drawn_mw * seen.carbon_intensity_g_per_kwh
    carbon_usd_per_h = carbon_kg_per_h * (-config.terms.carbon_price_usd_per_t / G_PER_KG)
    usd_to_micro = dt_h * MICRO_USD_PER_USD
    return _Bill(
        energy_micro_usd=_whole(-bought_mw * each.price_usd_per_mwh * usd_to_micro)
        + _whole(sold_mw * each.sellback_usd_per_mwh * usd_to_micro),
        carbon_micro_usd=_whole(carbon_usd_per_h * usd_to_micro),
        bought_wh=_whole(bought_mw * dt_h * WH_PER_MWH),
        sold_wh=_whole(sold_mw * dt_h * WH_PER_MWH),
        emissions_g=emissions_g_of(carbon_kg_per_h, config),
    )


def _power_terms(
    drawn_mw: Floats, energy_micro_usd: Ints, unread: UnreadTick, after: PowerState | None, config: RunConfig
) -> tuple[Ints, PowerState | None]:
    """Settle the power terms of the tick again; return the difference and their state.

    Args:
        energy_micro_usd: correction of energy itself, the first part of the bill (S,).
        after: what the terms remember of the tick as planned.
    """
    done, before = unread.flexibility, unread.power
    if done is None or before is None or after is None:
        return np.zeros(len(drawn_mw), dtype=np.int64), after
    planned = settle_power(done, before, unread.observation, config)
    metered = settle_power(replace(done, drawn_mw=drawn_mw), before, unread.observation, config)
    terms = metered.lines_micro_usd - planned.lines_micro_usd
    bill = after.bill_micro_usd + np.column_stack([energy_micro_usd, terms.T])
    return terms.sum(axis=0), replace(metered.state, bill_micro_usd=sealed(bill))


def _missed(
    world: World, is_metered: Bools, metered_mw: Floats, observation: Observation, conditions: Conditions
) -> Bools:
    """Find the contracts whose power their site's meter did not show (C,).

    What was metered counts for contracts first, as own load gives way first, and among them for the most binding tier:
    whatever no longer fits whole was not delivered. Racks that stand still deliver nothing.
    """
    accounts, book = world.accounts, world.book
    missed = np.zeros(len(accounts.served), dtype=np.bool_)
    for s in np.flatnonzero(is_metered).tolist():
        here = np.flatnonzero(accounts.served & (accounts.site == s))
        if not len(here):
            continue
        stand = observation.metering is not None and bool(observation.metering.is_down[s, RACKS].all())
        ordered = here[np.argsort(book.tier[here], kind="stable")]
        needed_mw = (book.power_mw[ordered] * conditions.rack_pue[s]).cumsum()
        delivered = [not stand and covers(float(metered_mw[s]), needed) for needed in needed_mw.tolist()]
        missed[ordered] = ~np.array(delivered)
    return sealed(missed)


def _whole(values: np.ndarray) -> Ints:
    whole: Ints = np.rint(values).astype(np.int64)
    return whole
