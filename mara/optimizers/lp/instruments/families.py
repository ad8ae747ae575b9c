"""Constraints of the power contract, family by family, for one period.

All belong to single sites: batteries and peaks tie a site's steps together, nothing here ties sites together.
Model: docs/model.md#the-power-contract
"""

from collections.abc import Iterator

import numpy as np

from mara.core.arrays import Ints
from mara.core.contract import Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACK_KIND_COUNT, RACKS, Workload
from mara.optimizers.flexibility.contracted_supply import SupplyVolumes
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns
from mara.optimizers.lp.power_contract import Batteries, DailyCycles, PowerContract
from mara.optimizers.lp.rows import Entries, Rows, at_most, flattened, minus, ones


def contract_families_of(case: LpCase, columns: Columns) -> Iterator[Rows]:
    """Yield the families of rows that a case's power contract asks for, if any."""
    contract = case.power_contract
    if contract is None:
        return
    if contract.battery is not None and len(columns.batteries):
        yield _stored(case, contract.battery, columns)
        yield _one_way(case, contract.battery, columns)
        if contract.battery.cycles is not None:
            yield _delivered(case, contract.battery.cycles, columns)
    if contract.demand_charge is not None and len(columns.billed):
        yield _site_peak(case, contract.demand_charge, columns)
    if contract.supply is not None:
        yield _unused(contract.supply, columns)
    if not contract.products:
        return
    yield _pledged(case, columns)
    yield _sold_racks(case, columns)
    yield _sold_power(case, columns)
    if contract.battery is not None and len(columns.batteries):
        yield _pledged_power(case, contract.battery, columns)
        yield _pledged_energy(case, contract, contract.battery, columns)
        yield _feed_in_room(case, contract, columns)


def _stored(case: LpCase, battery: Batteries, columns: Columns) -> Rows:
    """Balance the energy in each battery by what it charges and discharges."""
    b, sites = np.arange(len(columns.batteries)), columns.batteries
    into = case.dt_h[:, None] * battery.efficiency_in_share[sites]
    out = case.dt_h[:, None] / battery.efficiency_out_share[sites]
    entries = (
        ones(b, columns.stored),
        Entries(row=b, column=columns.stored, factor=-np.ones(len(b)), of_previous=True),
        Entries(row=b, column=columns.charged, factor=-into),
        Entries(row=b, column=columns.discharged, factor=out),
    )
    balance = np.zeros((case.steps, len(b)))
    balance[0] = battery.start_mwh[sites]
    return Rows(name="stored", lower=balance, upper=balance, entries=entries)


def _one_way(case: LpCase, battery: Batteries, columns: Columns) -> Rows:
    """Limit charging and discharging together to a battery's power.

    It is all that a linear program can say of "one or the other".
    """
    b = np.arange(len(columns.batteries))
    upper = np.tile(battery.power_mw[columns.batteries], (case.steps, 1))
    return at_most("one_way", upper, [ones(b, columns.charged), ones(b, columns.discharged)])


def _delivered(case: LpCase, cycles: DailyCycles, columns: Columns) -> Rows:
    """Add up what a battery with a daily limit delivers in its day."""
    n = np.arange(len(columns.cycled))
    own = np.searchsorted(cycles.site, columns.cycled)
    goes_on = np.where(cycles.begins_day, 0.0, -1.0)[:, None] * np.ones(len(n))
    discharged = columns.discharged[np.searchsorted(columns.batteries, columns.cycled)]
    entries = (
        ones(n, columns.delivered),
        Entries(row=n, column=columns.delivered, factor=goes_on, of_previous=True),
        Entries(row=n, column=discharged, factor=-case.dt_h[:, None] * np.ones(len(n))),
    )
    balance = np.zeros((case.steps, len(n)))
    balance[0] = cycles.delivered_mwh[own]
    return Rows(name="delivered", lower=balance, upper=balance, entries=entries)


def _site_peak(case: LpCase, charge: DemandCharges, columns: Columns) -> Rows:
    """Raise a charge's peak to the power drawn in each step that counts."""
    d, sites = np.arange(len(columns.billed)), columns.billed_site
    peak = Entries(row=d, column=columns.peak, factor=-np.ones(len(d)), of_last=True)
    entries = [peak, *drawn(d, sites, columns)]
    upper = np.where(charge.counts[:, columns.billed], -case.hedge_mw[sites], np.inf)
    return at_most("site_peak", upper, entries)


def _unused(supply: SupplyVolumes, columns: Columns) -> Rows:
    """Count contracted power as unused where less is bought."""
    n, bought = np.arange(len(columns.supplied)), columns.bought[np.searchsorted(columns.metered, columns.supplied)]
    return at_most("unused", -supply.volume_mw, [minus(n, columns.unused), minus(n, bought)])


def _pledged(case: LpCase, columns: Columns) -> Rows:
    """Limit pledges to load that runs and may stop.

    All products share it, so no megawatt is sold twice.
    """
    s = case.sites
    miners = np.arange(s * MINER_COUNT)
    merchant = s * MINER_COUNT + np.arange(s * RACK_KIND_COUNT)
    spot = s * (MINER_COUNT + RACK_KIND_COUNT) + np.arange(s)
    entries = [minus(miners, columns.miners), minus(spot, columns.contracts[:, Tier.SPOT])]
    entries += [minus(merchant, columns.merchant[r]) for r in range(case.regions)]
    entries += [ones(miners, columns.pledged_miners), ones(merchant, columns.pledged_merchant)]
    entries.append(ones(spot, columns.pledged_spot))
    return at_most("pledged", np.zeros((case.steps, s * (MINER_COUNT + RACK_KIND_COUNT + 1))), entries)


def _sold_racks(case: LpCase, columns: Columns) -> Rows:
    """Keep pledged racks apart from Premium, Standard and the N+1 reserve."""
    s = np.arange(case.sites)
    entries = [ones(s, column) for column in _kept(columns)]
    entries += [ones(np.repeat(s, RACK_KIND_COUNT), columns.pledged_merchant), ones(s, columns.pledged_spot)]
    return at_most("sold_racks", case.available_mw[:, :, RACKS].sum(axis=2), entries)


def _sold_power(case: LpCase, columns: Columns) -> Rows:
    """Keep pledged power apart from Premium, Standard and the N+1 reserve."""
    s = np.arange(case.sites)
    contracts = case.pue[:, :, Workload.GPU]
    entries = [Entries(row=s, column=column, factor=contracts) for column in _kept(columns)]
    entries += _pledged_load(case, columns, s)
    return at_most("sold_power", case.drawn_limit_mw, entries)


def _pledged_power(case: LpCase, battery: Batteries, columns: Columns) -> Rows:
    """Limit what a battery delivers and stands ready for, together, to its power."""
    b = np.arange(len(columns.batteries))
    upper = np.tile(battery.power_mw[columns.batteries], (case.steps, 1))
    every = [ones(b, column) for column in columns.pledged_battery]
    return at_most("pledged_power", upper, [ones(b, columns.discharged), *every])


def _pledged_energy(case: LpCase, contract: PowerContract, battery: Batteries, columns: Columns) -> Rows:
    """Keep the energy for a battery's pledges, before the step and after it."""
    b, sites = np.arange(len(columns.batteries)), columns.batteries
    after = b + len(b)
    entries = [
        Entries(row=b, column=columns.stored, factor=-np.ones(len(b)), of_previous=True),
        minus(after, columns.stored),
    ]
    for product, column in zip(contract.products, columns.pledged_battery, strict=True):
        needed = product.duration_h / battery.efficiency_out_share[sites]
        entries += [Entries(row=rows, column=column, factor=needed) for rows in (b, after)]
    upper = np.zeros((case.steps, 2 * len(b)))
    upper[0, b] = battery.start_mwh[sites]
    return at_most("pledged_energy", upper, entries)


def _feed_in_room(case: LpCase, contract: PowerContract, columns: Columns) -> Rows:
    """Limit what a site feeds in even when all its pledges are called.

    Only a site with a battery can feed in.
    """
    b, sites = np.arange(len(columns.batteries)), columns.batteries
    entries = [_negated(entry) for entry in drawn(b, sites, columns)]
    entries.append(ones(np.searchsorted(sites, columns.feeding), columns.exported))
    entries += [ones(b, column) for column in columns.pledged_battery]
    entries += _pledged_load(case, columns, sites)
    limit = (contract.export_limit_mw + case.hedge_mw)[sites]
    return at_most("feed_in_room", np.tile(limit, (case.steps, 1)), entries)


def drawn(row: Ints, sites: Ints, columns: Columns) -> list[Entries]:
    """State the power that metered sites draw beyond their hedge, as entries of rows.

    Args:
        row, sites: index of a row, and of the site that it is about (N,).
    """
    hedged = np.isin(sites, columns.hedged)
    bought = columns.bought[np.searchsorted(columns.metered, sites)]
    sold = columns.sold[np.searchsorted(columns.hedged, sites[hedged])]
    return [ones(row, bought), minus(row[hedged], sold)]


def _kept(columns: Columns) -> tuple[Ints, ...]:
    return (columns.contracts[:, Tier.PREMIUM], columns.contracts[:, Tier.STANDARD], columns.reserve)


def _pledged_load(case: LpCase, columns: Columns, sites: Ints) -> list[Entries]:
    """State the site power of loads pledged at some sites, one row a site."""
    n = np.arange(len(sites))
    miners = flattened(case.pue[:, sites, MINERS])
    merchant = flattened(case.pue[:, sites, RACKS])
    spot = case.pue[:, sites, Workload.GPU]
    return [
        Entries(row=np.repeat(n, MINER_COUNT), column=columns.pledged_miners[sites].ravel(), factor=miners),
        Entries(row=np.repeat(n, RACK_KIND_COUNT), column=columns.pledged_merchant[sites].ravel(), factor=merchant),
        Entries(row=n, column=columns.pledged_spot[sites], factor=spot),
    ]


def _negated(entry: Entries) -> Entries:
    return Entries(row=entry.row, column=entry.column, factor=-entry.factor)
