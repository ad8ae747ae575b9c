"""Power contract of a month that has passed, and what a run did with it.

Both sides of the bound count the same: adders, wear and feeding in as the ledger has them; a demand charge on the
month's highest tick; coincident peaks at the month's true ones; awards at their true prices while they are not called.
Contracted power counts where it is not drawn. Calls,
penalties and a year's take-or-pay energy count on neither side. Model: docs/model.md#7-certificate-and-bounds
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mara.core.arrays import Floats
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT
from mara.core.power_calendar import adder_usd_per_mwh, demand_counts, local_times
from mara.core.power_terms import PowerTerms
from mara.core.step import Step
from mara.core.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR
from mara.core.world import RunConfig
from mara.optimizers.flexibility.contracted_supply import volumes_ahead
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.flexibility.expected_terms import ExpectedTerms
from mara.optimizers.lp.power_contract import PowerContract, contract_of_run
from mara.optimizers.lp.schedule import PowerSchedule


def past_contract(steps: Sequence[Step], config: RunConfig) -> PowerContract | None:
    """Make the contract of ticks that have passed, with batteries that may end empty."""
    terms, fleet = config.fleet.power, config.fleet
    state = steps[0].before.power
    if terms is None or state is None:
        return None
    hours = [config.grid.epoch_s(step.tick) // SECONDS_PER_HOUR for step in steps]
    shape = (len(steps), fleet.site_count)
    prices = np.zeros((len(steps), len(terms.products), fleet.site_count))
    for t, step in enumerate(steps):
        if step.observation.power is not None:
            prices[t] = step.observation.power.reserve_price_usd_per_mw_h
    expected = ExpectedTerms(
        adder_usd_per_mwh=np.stack([adder_usd_per_mwh(fleet, hour) for hour in hours]),
        peak_usd_per_mwh=_true_peaks(steps, terms, config, hours),
        risk_share=np.zeros(shape),
        demand=DemandCharges(
            site=np.array([charge.site for charge in terms.demand], dtype=np.int64),
            usd_per_mw=np.array([charge.usd_per_mw_month for charge in terms.demand]),
            peak_so_far_mw=np.zeros(len(terms.demand)),
            counts=np.stack([demand_counts(fleet, hour) for hour in hours]) > 0.0,
        ),
        reserve_price_usd_per_mw_h=prices,
        # A year's energy may be taken whenever, so that no month's bound could count it.
        take_or_pay_usd_per_mwh=np.zeros(shape),
        supply=volumes_ahead(
            fleet,
            [local_times(fleet, hour) for hour in hours],
            np.stack([step.observation.energy_price_usd_per_mwh for step in steps]),
            config.terms.sellback_spread_share,
        ),
    )
    contract = contract_of_run(terms, expected, state.stored_mwh, fleet.grid_limit_mw)
    return _without_calls(contract)


def past_schedule(steps: Sequence[Step]) -> PowerSchedule | None:
    """Read what batteries did and what was sold; None for a fleet without power terms.

    An award is at the meter and pays as a battery's does: which load stood ready for it does not matter.
    """
    done = [step.allocation.power for step in steps]
    states = [step.world.power for step in steps]
    known = [power for power in done if power is not None]
    stored = [state.stored_mwh for state in states if state is not None]
    if len(known) != len(steps) or len(stored) != len(steps):
        return None
    awards = np.stack([np.where(power.called_mw > 0.0, 0.0, power.award_mw) for power in known], axis=1)
    return PowerSchedule(
        charge_mw=np.stack([power.charge_mw for power in known]),
        discharge_mw=np.stack([power.discharge_mw for power in known]),
        energy_mwh=np.stack(stored),
        pledged_miners_mw=np.zeros((*awards.shape, MINER_COUNT)),
        pledged_merchant_mw=np.zeros((*awards.shape, RACK_KIND_COUNT)),
        pledged_spot_mw=np.zeros(awards.shape),
        pledged_battery_mw=awards,
    )


def _true_peaks(steps: Sequence[Step], terms: PowerTerms, config: RunConfig, hours: Sequence[int]) -> Floats:
    """Price the coincident peaks of these ticks where they were (H, S) [USD/MWh]."""
    price = np.zeros((len(steps), config.fleet.site_count))
    for charge in terms.peaks:
        s = charge.site
        length_h = max(charge.interval_minutes, config.grid.tick_minutes) / MINUTES_PER_HOUR
        interval = np.array([int(config.grid.epoch_s(step.tick) // (length_h * SECONDS_PER_HOUR)) for step in steps])
        demand = np.array(
            [np.nan if (p := step.observation.power) is None else p.system_demand_mw[s] for step in steps]
        )
        months = [local_times(config.fleet, hour)[s].month for hour in hours]
        for month in sorted(set(months) & set(charge.month_numbers)):
            inside = np.array([at == month for at in months]) & np.isfinite(demand)
            if not inside.any():
                continue
            ids, place = np.unique(interval[inside], return_inverse=True)
            means = np.bincount(place, weights=demand[inside]) / np.bincount(place)
            highest = ids[np.argsort(-means, kind="stable")[: charge.peaks_count]]
            price[np.isin(interval, highest) & inside, s] += charge.usd_per_mw / length_h
    return price


def _without_calls(contract: PowerContract) -> PowerContract:
    """Leave calls out, and the end of batteries free."""
    battery = contract.battery
    return replace(
        contract,
        battery=battery and replace(battery, end_mwh=None),
        products=tuple(replace(product, expected_deployment_share=0.0) for product in contract.products),
    )
