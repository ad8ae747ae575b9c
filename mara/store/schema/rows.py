"""Rows of the tables, made from the core's records; pure.

A row is a tuple in the table's column order. Per-site tables are one matrix a tick, with a row a site and the columns
after `tick` and `site`.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import EXCLUDED, ClosedWindow, ContractRequest, SlaContract
from mara.core.dispatch import Allocation as CoreAllocation
from mara.core.events import Event
from mara.core.finance import COST_LINES, POWER_LINES, REVENUE_LINES, Settlement
from mara.core.fleet import WORKLOAD_COUNT, Fleet
from mara.core.metering import Metering
from mara.core.power_signals import PowerObservation
from mara.core.step import Step
from mara.core.units import W_PER_MW
from mara.core.world import Observation
from mara.store.encoding.codec import bytes_of, record_of, text_of, value_of
from mara.store.schema import tables
from mara.store.schema.ledger import FIRST_ENERGY, FIRST_LINES, LAST_LINES, LATER_ENERGY, LATER_LINES

RowValues = tuple[Any, ...]

SITE_FIELDS: Final = (
    "energy_price_usd_per_mwh",
    "carbon_intensity_g_per_kwh",
    "renewable_share",
    "dry_bulb_c",
    "wet_bulb_c",
    "availability_share",
    "day_ahead_usd_per_mwh",
)
"""Columns of `prices`, named as in the observation."""
FIRST_COLUMNS: Final = {"prices": 6, "allocations": 18, "ledger": 25}
"""Numbers of columns, after tick and site, of the first per-site tables."""
WIDTHS: Final = {"prices": (6, 7), "allocations": (18, 19, 24), "ledger": (25, 26, 39, 40)}
"""Numbers of columns that the per-site tables have had, by version.

Digests cover the columns of later versions only where they are used.
"""
_INDEX_TYPE: Final = "<i4"
"""Type of the flat indices in `negative_zeros`."""
_LIMIT_TYPE: Final = "<f8"
"""Type of the numbers in `import_limit`."""
_KIND_BITS: Final = 2.0 ** np.arange(WORKLOAD_COUNT)
DEMAND: Final = tuple[tuple[float, ...], tuple[float, ...]]
ARRIVALS: Final = tuple[ContractRequest, ...]
STALE: Final = tuple[str, ...]


class MarketValues(NamedTuple):
    """A row of the table `markets` without its first column, `tick`."""

    hashprice_usd_per_ph_day: float
    token_price_usd_per_mtok: float
    demand: str
    arrivals: str
    stale_sources: str
    negative_zeros: bytes | None
    power: bytes | None
    import_limit: bytes | None


def row_of(table: type[tables.Row], **values: Any) -> RowValues:
    """One row of a table: values by column name, returned in the table's order.

    Raises:
        KeyError: a column is missing.
    """
    name, columns = tables.columns_of(table)
    assert len(values) == len(columns), f"a row of {name} has {len(columns)} columns, {len(values)} came"
    return tuple(values[column] for column in columns)


def by_site(tick: int, matrix: np.ndarray) -> list[RowValues]:
    """Rows of a table by site from its columns (S, columns); NaN is stored as null."""
    rows = matrix.tolist()
    if matrix.dtype.kind == "f" and np.isnan(matrix).any():
        rows = [[None if value != value else value for value in row] for row in rows]  # noqa: PLR0124  only NaN is not itself
    return [(tick, site, *values) for site, values in enumerate(rows)]


def price_matrix(observation: Observation) -> Floats:
    """The columns of `prices` in a tick (S, 7), in the order of `SITE_FIELDS`.

    A day-ahead price that is missing is NaN, and -0.0 is 0.0: neither the sign of zero nor that of NaN is stored.
    """
    first = [getattr(observation, name) for name in SITE_FIELDS[: FIRST_COLUMNS["prices"]]]
    ahead = observation.day_ahead_usd_per_mwh
    none = np.full(len(first[0]), np.nan)
    return np.column_stack([*first, none if ahead is None else np.where(np.isnan(ahead), np.nan, ahead + 0.0)])


def hashed(table: str, matrix: np.ndarray) -> np.ndarray:
    """The columns of a tick's rows that its digests cover (S, columns).

    They are those of the first version whose later columns all say nothing, so that a tick that has no use for them
    keeps the hash that it had before there were any.
    """
    for width in WIDTHS[table]:
        later = matrix[:, width:]
        if not (~np.isnan(later) if later.dtype.kind == "f" else later != 0).any():
            return matrix[:, :width]
    return matrix


def hashed_market(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The columns of a `markets` row that digests cover: the last two only if used."""
    kept = len(values) if values[-1] is not None else len(values) - 1 - (values[-2] is None)
    return tuple(values[:kept])


def market_values(observation: Observation, site_values: np.ndarray) -> MarketValues:
    """Make a row of `markets` without its first column, the tick.

    Args:
        site_values: `price_matrix` of the same observation (S, 7), searched for negative zeros.
    """
    flat = site_values[:, : FIRST_COLUMNS["prices"]].ravel()
    minus = np.flatnonzero(np.signbit(flat) & (flat == 0.0))
    demand = (observation.demand_multiplier_share.tolist(), observation.demand_tokens_per_h.tolist())
    return MarketValues(
        hashprice_usd_per_ph_day=float(observation.hashprice_usd_per_ph_day),
        token_price_usd_per_mtok=float(observation.token_price_usd_per_mtok),
        demand=text_of(DEMAND, demand),
        arrivals=text_of(ARRIVALS, observation.arrivals),
        stale_sources=text_of(STALE, observation.stale_sources),
        negative_zeros=minus.astype(_INDEX_TYPE).tobytes() if len(minus) else None,
        power=None if observation.power is None else bytes_of(observation.power),
        import_limit=_packed(observation.import_limit_mw),
    )


def meter_matrix(metering: Metering | None) -> Floats | None:
    """The columns of `meters` after tick and site (S, 3); None without rows.

    They are whether the site is metered, its mean power with NaN for unknown, and the bits of the kinds that stand
    still.
    """
    if metering is None:
        return None
    unknown = np.isnan(metering.power_mw)
    power = np.where(unknown, np.nan, metering.power_mw + 0.0)
    return np.column_stack([metering.is_metered.astype(np.float64), power, metering.is_down @ _KIND_BITS])


def meter_rows(tick: int, matrix: np.ndarray | None) -> list[RowValues]:
    """Rows of `meters` in a tick, from the columns after tick and site (S, 3)."""
    if matrix is None:
        return []
    return [(tick, site, int(metered), power, int(down)) for _, site, metered, power, down in by_site(tick, matrix)]


def metering_of(rows: Sequence[Sequence[Any]]) -> Metering | None:
    """Restore a metering from the columns after tick and site; None without rows."""
    if not rows:
        return None
    values = np.array(rows, dtype=np.float64)
    bits = values[:, 2].astype(np.int64)[:, None] & _KIND_BITS.astype(np.int64)
    return Metering(is_metered=sealed(values[:, 0] != 0.0), power_mw=_array(values[:, 1]), is_down=sealed(bits != 0))


def observation_of(
    tick: int, site_values: np.ndarray, market: MarketValues, metering: Metering | None = None
) -> Observation:
    """Restore the observation of a tick from its rows, bit for bit.

    Args:
        site_values: rows of `prices` by site (S, 7), columns in the order of `SITE_FIELDS`.

    Raises:
        StoreRefused: the state of the power contract cannot be read, or is of a newer Mara.
    """
    first = FIRST_COLUMNS["prices"]
    exact = site_values[:, :first].copy()
    if market.negative_zeros is not None:
        exact.ravel()[np.frombuffer(market.negative_zeros, _INDEX_TYPE)] = -0.0
    day_ahead = site_values[:, first]
    multiplier, tokens = (_array(values) for values in value_of(DEMAND, market.demand))
    by_name: dict[str, Any] = {name: _array(exact[:, j]) for j, name in enumerate(SITE_FIELDS[:first])}
    return Observation(
        tick=tick,
        **by_name,
        day_ahead_usd_per_mwh=None if np.isnan(day_ahead).all() else _array(day_ahead),
        hashprice_usd_per_ph_day=market.hashprice_usd_per_ph_day,
        token_price_usd_per_mtok=market.token_price_usd_per_mtok,
        demand_multiplier_share=multiplier,
        demand_tokens_per_h=tokens,
        arrivals=value_of(ARRIVALS, market.arrivals),
        stale_sources=value_of(STALE, market.stale_sources),
        power=None if market.power is None else record_of(PowerObservation, market.power),
        import_limit_mw=None
        if market.import_limit is None
        else _array(np.frombuffer(market.import_limit, _LIMIT_TYPE)),
        metering=metering,
    )


def _packed(limit_mw: Floats | None) -> bytes | None:
    return None if limit_mw is None else limit_mw.astype(_LIMIT_TYPE).tobytes()


def _array(values: Any) -> Floats:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def allocation_matrix(allocation: CoreAllocation, settlement: Settlement) -> Ints:
    """The columns of `allocations` in a tick (S, 24), after tick and site.

    Powers are in W, energy in Wh, emissions in g, money in micro-USD.
    """
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
        -lines[:, POWER_LINES].sum(axis=1),
    )
    position = settlement.position_mw
    bought = np.zeros_like(settlement.emissions_g) if position is None else _watts(position)
    return np.column_stack([_watts(np.column_stack(power)), *money, bought, _flexibility(allocation, settlement)])


def _flexibility(allocation: CoreAllocation, settlement: Settlement) -> Ints:
    """The columns of batteries, feeding in and products (S, 5); zero without terms."""
    done, state = allocation.power, settlement.power
    if done is None or state is None:
        return np.zeros((len(settlement.emissions_g), 5), dtype=np.int64)
    columns = (
        done.discharge_mw - done.charge_mw,
        state.stored_mwh,
        done.exported_mw,
        done.award_mw.sum(axis=0),
        done.called_mw.sum(axis=0),
    )
    return _watts(np.column_stack(columns))


def ledger_matrix(settlement: Settlement) -> Ints:
    """The columns of `ledger` in a tick (S, 40), after tick and site.

    They are cash, 17 of money, 7 of energy, 12 of money, 2 of energy, 1 of money.

    Money [micro-USD] and energy [Wh] each sum to zero in every row.
    """
    cash = -settlement.lines_micro_usd.sum(axis=1)
    lines = settlement.lines_micro_usd
    energy = settlement.energy_wh
    later = (lines[:, LATER_LINES], energy[:, LATER_ENERGY], lines[:, LAST_LINES])
    return np.column_stack([cash, lines[:, FIRST_LINES], energy[:, FIRST_ENERGY], *later])


def inventory_rows(fleet: Fleet) -> list[RowValues]:
    """Rows of `site_inventories`, fixed for the whole run."""
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
    """Rows of `sla_contracts` for contracts booked in a tick, numbered in order."""
    return [
        row_of(
            tables.SlaContractRow,
            number=number,
            contract_id=contract.id,
            tier=int(contract.tier),
            customer=contract.customer,
            power_mw=float(contract.power_mw),
            rate_usd_per_mwh=float(contract.rate_usd_per_mwh),
            starts_tick=contract.starts_tick,
            ends_tick=contract.ends_tick,
            timezone=contract.timezone,
            booked_tick=tick,
        )
        for number, contract in enumerate(contracts, start=first_number)
    ]


def sla_states(step: Step) -> Ints:
    """Code each contract's tick (C,): `BAD`, `GOOD` or `EXCLUDED`."""
    return np.where(step.report.excluded, EXCLUDED, step.report.good.astype(np.int64))


def window_row(number: int, window: ClosedWindow, tick: int) -> RowValues:
    """A row of `sla_windows` for a measurement window that closed with a tick."""
    return row_of(
        tables.SlaWindow,
        number=number,
        window_start_tick=window.window_start_tick,
        window_end_tick=window.window_end_tick,
        site=window.site,
        good_ticks=window.good_ticks,
        bad_ticks=window.bad_ticks,
        excluded_ticks=window.excluded_ticks,
        charge_micro_usd=window.charge_micro_usd,
        credit_micro_usd=window.credit_micro_usd,
        closed_tick=tick,
    )


def event_rows(events: Sequence[Event]) -> list[RowValues]:
    """Rows of `events` for a tick, numbered in order."""
    return [(e.tick, n, e.severity, e.site, e.kind, e.text) for n, e in enumerate(events)]


def finite(number: float | None) -> float | None:
    """Replace an infinite number by None, because a database stores no infinity."""
    return float(number) if number is not None and np.isfinite(number) else None


def _watts(power_mw: Floats) -> Ints:
    return np.rint(power_mw * W_PER_MW).astype(np.int64)
