"""Steps to rows: pure. Per-site tables are one matrix a tick, columns in the table's order after `tick` and `site`."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.contract import EXCLUDED, ContractRequest, SlaContract
from mara.core.dispatch import Allocation as CoreAllocation
from mara.core.events import Event
from mara.core.finance import COST_LINES, REVENUE_LINES, Line, Settlement
from mara.core.fleet import Fleet
from mara.core.step import Step
from mara.core.units import W_PER_MW
from mara.core.world import ClosedWindow, Observation
from mara.store.encoding.codec import text_of, value_of

RowValues = tuple[Any, ...]

SITE_FIELDS: Final = (
    "energy_price_usd_per_mwh",
    "carbon_intensity_g_per_kwh",
    "renewable_share",
    "dry_bulb_c",
    "wet_bulb_c",
    "availability_share",
)
"""Columns of `prices`, named as in the observation."""
NEGATIVE_ZERO_PLACE: Final = "<i4"
DEMAND: Final = tuple[tuple[float, ...], tuple[float, ...]]
ARRIVALS: Final = tuple[ContractRequest, ...]
STALE: Final = tuple[str, ...]


def by_site(tick: int, matrix: np.ndarray) -> list[RowValues]:
    """Rows of a per-site table."""
    return [(tick, site, *values) for site, values in enumerate(matrix.tolist())]


def price_matrix(observation: Observation) -> Floats:
    """What each site saw (S, 6)."""
    return np.column_stack([getattr(observation, name) for name in SITE_FIELDS])


def market_values(observation: Observation, prices: Floats) -> RowValues:
    """The market row after its tick."""
    flat = prices.ravel()
    minus = np.flatnonzero(np.signbit(flat) & (flat == 0.0))
    demand = (observation.demand_multiplier_share.tolist(), observation.demand_tokens_per_h.tolist())
    return (
        float(observation.hashprice_usd_per_ph_day),
        float(observation.token_price_usd_per_mtok),
        text_of(DEMAND, demand),
        text_of(ARRIVALS, observation.arrivals),
        text_of(STALE, observation.stale_sources),
        minus.astype(NEGATIVE_ZERO_PLACE).tobytes() if len(minus) else None,
    )


def observation_of(tick: int, prices: Floats, market: Sequence[Any]) -> Observation:
    """The observation that a tick's rows were made from, bit for bit."""
    hashprice, token_price, demand, arrivals, stale, minus = market
    exact = prices.copy()
    if minus is not None:
        exact.ravel()[np.frombuffer(minus, NEGATIVE_ZERO_PLACE)] = -0.0
    multiplier, tokens = (_array(values) for values in value_of(DEMAND, demand))
    return Observation(
        tick=tick,
        **{name: _array(exact[:, j]) for j, name in enumerate(SITE_FIELDS)},
        hashprice_usd_per_ph_day=hashprice,
        token_price_usd_per_mtok=token_price,
        demand_multiplier_share=multiplier,
        demand_tokens_per_h=tokens,
        arrivals=value_of(ARRIVALS, arrivals),
        stale_sources=value_of(STALE, stale),
    )


def _array(values: Any) -> Floats:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def allocation_matrix(allocation: CoreAllocation, settlement: Settlement) -> Ints:
    """What ran at each site [W] and what came of it (S, 18)."""
    merchant = allocation.merchant_mw.sum(axis=0)
    power = (
        allocation.site_power_mw,
        allocation.bought_mw,
        allocation.sold_mw,
        allocation.miners_mw,
        merchant,
        allocation.contracts_mw,
        allocation.reserve_mw,
        allocation.available_mw.sum(axis=1),
    )
    lines = settlement.lines_micro_usd
    money = (
        settlement.emissions_g,
        lines[:, REVENUE_LINES].sum(axis=1),
        -lines[:, COST_LINES].sum(axis=1),
        -(lines[:, Line.ENERGY] + lines[:, Line.HEDGE]),
    )
    return np.column_stack([_watts(np.column_stack(power)), *money])


def ledger_matrix(settlement: Settlement) -> Ints:
    """Each site's entry: cash, money lines, energy lines (S, 1 + 17 + 7); both units add up to zero in every row."""
    cash = -settlement.lines_micro_usd.sum(axis=1)
    return np.column_stack([cash, settlement.lines_micro_usd, settlement.energy_wh])


def inventory_rows(fleet: Fleet) -> list[RowValues]:
    """The sites as they stand for the whole run."""
    limits = zip(
        fleet.sites,
        _watts(fleet.grid_limit_mw).tolist(),
        _watts(fleet.hedge_mw).tolist(),
        fleet.hedge_price_usd_per_mwh.tolist(),
        fleet.units_count.tolist(),
        strict=True,
    )
    return [
        (i, s.id, s.name, s.country, s.timezone, s.price_zone, s.cooling.value, grid_w, hedge_w, price, *units)
        for i, (s, grid_w, hedge_w, price, units) in enumerate(limits)
    ]


def contract_rows(contracts: Sequence[SlaContract], first_number: int, tick: int) -> list[RowValues]:
    """Promises booked in a tick, numbered on."""
    return [
        (
            number,
            c.id,
            int(c.tier),
            c.customer,
            float(c.power_mw),
            float(c.rate_usd_per_mwh),
            c.starts_tick,
            c.ends_tick,
            c.timezone,
            tick,
        )
        for number, c in enumerate(contracts, start=first_number)
    ]


def sla_states(step: Step) -> Ints:
    """How each contract of the book fared in the tick (C,)."""
    return np.where(step.report.excluded, EXCLUDED, step.report.good.astype(np.int64))


def window_row(number: int, window: ClosedWindow, tick: int) -> RowValues:
    """A window that closed with a tick."""
    return (
        number,
        window.window_start_tick,
        window.window_end_tick,
        window.site,
        window.good_ticks,
        window.bad_ticks,
        window.excluded_ticks,
        window.charge_micro_usd,
        window.credit_micro_usd,
        tick,
    )


def event_rows(events: Sequence[Event]) -> list[RowValues]:
    """What was told in a tick, in order."""
    return [(e.tick, n, e.severity, e.site, e.kind, e.text) for n, e in enumerate(events)]


def finite(number: float | None) -> float | None:
    """A database knows no infinity; a bound without a value is no bound."""
    return float(number) if number is not None and np.isfinite(number) else None


def _watts(power_mw: Floats) -> Ints:
    return np.rint(power_mw * W_PER_MW).astype(np.int64)
