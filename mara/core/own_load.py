"""Own-account load of a tick, fitted to machines, demand, racks and connections.

Model: docs/model.md#10-dispatch
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, has_any, row_sums
from mara.core.fleet import MINERS, RACKS
from mara.core.plan import PlanStep
from mara.core.units import TOLERANCE_MW
from mara.core.world import Conditions, Observation, RunConfig, World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnLoad:
    """Own-account load that fits a site, and the load that it left out."""

    miners_mw: Floats
    merchant_mw: Floats
    mining_mw: Floats
    racks_used_mw: Floats
    site_power_mw: Floats
    rack_short_mw: Floats | None
    grid_short_mw: Floats | None


def fit_own_load(
    plan: PlanStep,
    contracts_mw: Floats,
    world: World,
    conditions: Conditions,
    observation: Observation,
    config: RunConfig,
    *,
    limit_mw: Floats,
) -> OwnLoad:
    """Fit a plan's miners and merchant inference to the limits of a tick.

    Args:
        limit_mw: most power that a site can have: its connection, and what its battery delivers (S,).
    """
    fitted = _fit_merchant(plan.merchant_mw, contracts_mw, conditions, observation, config)
    merchant, racks_by_kind, racks_used, rack_short = fitted
    miners = fit_miners(plan.miners_mw, world, conditions, config)
    power = site_power_mw(miners, racks_by_kind, contracts_mw, conditions)
    over = power - limit_mw
    crowded = has_any(over > TOLERANCE_MW)
    if crowded:
        miners, merchant = miners.copy(), merchant.copy()
        shed_to_grid(miners, merchant, over, conditions)
        racks_by_kind = merchant.sum(axis=0)
        racks_used = row_sums(racks_by_kind)
        power = site_power_mw(miners, racks_by_kind, contracts_mw, conditions)
    return OwnLoad(
        miners_mw=miners,
        merchant_mw=merchant,
        mining_mw=row_sums(miners),
        racks_used_mw=racks_used,
        # Any excess over the limit that remains here is rounding.
        site_power_mw=np.minimum(power, limit_mw, out=power),
        rack_short_mw=rack_short,
        grid_short_mw=over if crowded else None,
    )


def _fit_merchant(
    wanted_mw: Floats, contracts_mw: Floats, conditions: Conditions, observation: Observation, config: RunConfig
) -> tuple[Floats, Floats, Floats, Floats | None]:
    """Fit merchant inference to demand, machines and the racks that contracts leave.

    Returns the load (R, S, 2), its sums over regions (S, 2) and over kinds as well (S,), and what lacked racks (S,).
    """
    tokens = (wanted_mw @ config.fleet.tokens_per_mwh).sum(axis=1)
    demand = observation.demand_tokens_per_h
    if has_any(tokens > demand * ROUNDED_UP):
        fit = np.minimum(1.0, demand / np.maximum(tokens, 1e-9))
        wanted_mw = wanted_mw * fit[:, None, None]
    by_kind = wanted_mw.sum(axis=0)
    kinds = conditions.available_mw[:, RACKS]
    if has_any(by_kind > kinds):
        wanted_mw = wanted_mw * np.where(by_kind > kinds, kinds / np.maximum(by_kind, TOLERANCE_MW), 1.0)
        by_kind = np.minimum(by_kind, kinds)
    total = row_sums(by_kind)
    short = total + contracts_mw - conditions.racks_mw
    if not has_any(short > 0.0):
        return wanted_mw, by_kind, total, None
    fit = crowded_share(total, contracts_mw, conditions.racks_mw)[:, None]
    by_kind = by_kind * fit
    return wanted_mw * fit, by_kind, row_sums(by_kind), short if has_any(short > TOLERANCE_MW) else None


def crowded_share(merchant_mw: Floats, contracts_mw: Floats, racks_mw: Floats) -> Floats:
    """Share of a site's merchant inference for which contracts leave racks (..., S)."""
    room = np.maximum(racks_mw - contracts_mw, 0.0)
    return np.where(merchant_mw > room, room / np.maximum(merchant_mw, TOLERANCE_MW), 1.0)


def fit_miners(wanted_mw: Floats, world: World, conditions: Conditions, config: RunConfig) -> Floats:
    """Fit miners to availability and to their minimum time off (S, 3) [MW]."""
    available = conditions.available_mw[:, MINERS]
    fitted = np.minimum(wanted_mw, available) if has_any(wanted_mw > available) else wanted_mw
    waits = held_back(world.miner_off_ticks, config)
    if waits is None or not has_any(waits):
        return fitted
    kept = np.where(waits, 0.0, fitted)
    # A plan mostly knows who has to wait: then it is not changed.
    return fitted if kept.tobytes() == fitted.tobytes() else kept


def held_back(off_ticks: Ints, config: RunConfig) -> Bools | None:
    """Say which miners have to stay off, by the ticks that they have been off (S, 3).

    None where none ever has to for longer than a tick.
    """
    least = config.miner_min_off_ticks
    if least <= 1:
        return None
    return off_ticks == 1 if least == 2 else (off_ticks > 0) & (off_ticks < least)


def shed_to_grid(
    miners_mw: Floats,
    merchant_mw: Floats,
    over_mw: Floats,
    conditions: Conditions,
) -> None:
    """Cut the loads of least value in place, where power exceeds the grid limit.

    Args:
        miners_mw (S, 3), merchant_mw (R, S, 2): IT power, which is changed.
        over_mw: power above the limit at the meter (S,).
    """
    mining: list[float] = conditions.mining_value_usd_per_mwh.tolist()
    value = conditions.merchant_value_usd_per_mwh
    for s in np.nonzero(over_mw > TOLERANCE_MW)[0].tolist():
        pue = conditions.pue[s].tolist()
        loads = [(mining[k] / pue[k], miners_mw[s], k, pue[k]) for k in range(len(mining))]
        for r in range(len(merchant_mw)):
            loads += [(value[r, s, j] / pue[3 + j], merchant_mw[r, s], j, pue[3 + j]) for j in range(2)]
        left = float(over_mw[s])
        for _, row, k, factor in sorted(loads, key=lambda load: load[0]):
            cut = min(float(row[k]), left / factor)
            row[k] -= cut
            left -= cut * factor
            if left <= 0.0:
                break


def site_power_mw(miners_mw: Floats, racks_by_kind_mw: Floats, contracts_mw: Floats, conditions: Conditions) -> Floats:
    """Sum the power of all load, cooling included (S,)."""
    own = row_sums(miners_mw * conditions.pue[:, MINERS]) + row_sums(racks_by_kind_mw * conditions.pue[:, RACKS])
    return np.asarray(own + contracts_mw * conditions.rack_pue)


ROUNDED_UP: Final = 1.0 + 1e-12
"""Factor by which sums of floats may exceed the demand that a plan serves exactly."""
