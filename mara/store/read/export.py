"""Tables for other programs, read a piece at a time: which columns they have and where their values come from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from mara.core.contract import TIER_KEYS
from mara.core.finance import EnergyLine, Line
from mara.core.units import MICRO_USD_PER_USD, W_PER_MW
from mara.store.read.query_scope import span_of
from mara.store.read.read_model import STORY, ReadModel
from mara.store.schema.ledger import CASH, ENERGY_LEGS, MONEY_LEGS

ExportTable = Literal["prices", "steps", "ledger", "commitments", "optimizations", "events", "routine"]
EXPORT_TABLES: Final[tuple[ExportTable, ...]] = get_args(ExportTable)
ROWS_A_QUERY: Final = 20_000
"""About this many rows are read at a time, so that no reader holds back the write-ahead log for long."""
NO_TIER: Final = "none"

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of an export: what its values are, and how one is made from what is stored."""

    name: str
    kind: Literal["int", "float", "text", "time"]
    of: Callable[[Any], Any]


Header = tuple[ExportColumn, ...]


def export(
    reading: ReadModel, table: ExportTable, from_: datetime | None, to: datetime | None
) -> tuple[Header, Iterator[Values]]:
    """The columns of a table, and its rows of the ticks in ``[from_, to)``, oldest first; None is no bound.

    A commitment belongs to the tick of its booking, an optimization to that of its adoption.

    Raises:
        StoreRefused: there is no run to export.
    """
    first, last = span_of(reading, reading.run().config.grid, from_, to)
    sites = reading.ask("SELECT count(*) FROM site_inventories")[0][0]
    length = max(1, ROWS_A_QUERY // sites)
    header, query = _SOURCES[table]

    def values() -> Iterator[Values]:
        for start in range(first, last, length):
            for row in reading.ask(query, start, min(start + length, last)):
                if table == "ledger":
                    yield from _legs(tuple(row))
                else:
                    yield tuple(column.of(value) for column, value in zip(header, row, strict=True))

    return header, values()


def _legs(entry: Values) -> Iterator[Values]:
    """The legs of a ledger entry that are not zero, each under its own key."""
    tick, epoch_s, site_id, *amounts = entry
    for (tier, kind, unit), amount in zip(_LEG_NAMES, amounts, strict=True):
        if amount:
            yield tick, _moment(epoch_s), site_id, tier, kind, unit, amount, f"{tick}:{site_id}:{tier}:{kind}"


def _same(value: Any) -> Any:
    return value


def _moment(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def _mw(power_w: int) -> float:
    return power_w / W_PER_MW


def _usd(micro_usd: int) -> float:
    return micro_usd / MICRO_USD_PER_USD


def _tier(tier: int) -> str:
    return TIER_KEYS[tier]


def _whole(*names: str) -> Header:
    return tuple(ExportColumn(name, "int", _same) for name in names)


def _float(*names: str, of: Callable[[Any], Any] = _same) -> Header:
    return tuple(ExportColumn(name, "float", of) for name in names)


def _time(*names: str) -> Header:
    return tuple(ExportColumn(name, "time", _moment) for name in names)


def _text(*names: str, of: Callable[[Any], Any] = _same) -> Header:
    return tuple(ExportColumn(name, "text", of) for name in names)


def _leg_name(column: str, unit: str) -> tuple[str, str, str]:
    """Tier, kind and unit of a ledger column; watt-hours are told from dollars by their kind, so that keys differ."""
    name = column.removesuffix("_" + unit)
    what, _, tier = name.rpartition("_")
    if tier in TIER_KEYS:
        return tier, what, unit
    return NO_TIER, name if unit == "micro_usd" else name + "_energy", unit


_LEG_NAMES: Final = (
    *(_leg_name(column, "micro_usd") for column in (CASH, *MONEY_LEGS)),
    *(_leg_name(column, "wh") for column in ENERGY_LEGS),
)
assert len(_LEG_NAMES) == 1 + len(Line) + len(EnergyLine)

_EVENTS: Final = (
    "SELECT e.tick, epoch_s, severity, coalesce(site_id, ''), kind, text"
    " FROM events e JOIN ticks USING (tick) LEFT JOIN site_inventories USING (site)"
)
_WHEN: Final = (*_whole("tick"), *_time("timestamp_utc"))
_TOLD: Final = (*_WHEN, *_text("severity", "site_id", "kind", "text"))
_SOURCES: Final[dict[ExportTable, tuple[Header, str]]] = {
    "prices": (
        (
            *_WHEN,
            *_text("site_id"),
            *_float("energy_price_usd_per_mwh", "carbon_intensity_g_per_kwh", "renewable_share"),
            *_float("dry_bulb_c", "wet_bulb_c", "availability_share"),
            *_float("hashprice_usd_per_ph_day", "token_price_usd_per_mtok"),
        ),
        "SELECT p.tick, epoch_s, site_id, energy_price_usd_per_mwh, carbon_intensity_g_per_kwh, renewable_share,"
        " dry_bulb_c, wet_bulb_c, availability_share, hashprice_usd_per_ph_day, token_price_usd_per_mtok"
        " FROM prices p JOIN ticks USING (tick) JOIN markets USING (tick) JOIN site_inventories USING (site)"
        " WHERE p.tick >= ? AND p.tick < ? ORDER BY p.tick, p.site",
    ),
    "steps": (
        (
            *_WHEN,
            *_text("site_id"),
            *_float("site_power_mw", of=_mw),
            *_float("energy_price_usd_per_mwh"),
            *_float("revenue_usd", "cost_usd", "profit_usd", "energy_cost_usd", of=_usd),
            *_float("bought_mw", "sold_mw", "air_miner_mw", "hydro_miner_mw", "immersion_miner_mw", of=_mw),
            *_float("gpu_mw", "asic_mw", "premium_mw", "standard_mw", "flexible_mw", "spot_mw", of=_mw),
            *_float("reserve_mw", "available_mw", of=_mw),
            *_whole("emissions_g"),
        ),
        "SELECT a.tick, epoch_s, site_id, site_power_w, energy_price_usd_per_mwh, a.revenue_micro_usd,"
        " a.cost_micro_usd, a.revenue_micro_usd - a.cost_micro_usd, a.energy_cost_micro_usd, bought_w, sold_w,"
        " air_miner_w, hydro_miner_w, immersion_miner_w, gpu_w, asic_w, premium_w, standard_w, flexible_w, spot_w,"
        " reserve_w, available_w, emissions_g"
        " FROM allocations a JOIN prices USING (tick, site) JOIN ticks USING (tick)"
        " JOIN site_inventories USING (site) WHERE a.tick >= ? AND a.tick < ? ORDER BY a.tick, a.site",
    ),
    "ledger": (
        (*_WHEN, *_text("site_id", "tier", "kind", "unit"), *_whole("amount"), *_text("entry_key")),
        f"SELECT l.tick, epoch_s, site_id, {', '.join((CASH, *MONEY_LEGS, *ENERGY_LEGS))}"  # noqa: S608  # names of ours
        " FROM ledger l JOIN ticks USING (tick) JOIN site_inventories USING (site)"
        " WHERE l.tick >= ? AND l.tick < ? ORDER BY l.tick, l.site",
    ),
    "commitments": (
        (
            *_whole("booked_tick"),
            *_time("booked_at_utc", "starts_at_utc", "ends_at_utc"),
            *_text("contract_id"),
            *_text("tier", of=_tier),
            *_text("customer"),
            *_float("power_mw", "rate_usd_per_mwh"),
            *_text("timezone"),
            *_whole("closed_windows_count", "closed_good_ticks", "closed_bad_ticks", "closed_excluded_ticks"),
            *_float("closed_charge_usd", "credit_usd", of=_usd),
        ),
        "SELECT booked_tick, start_epoch_s + 60 * tick_minutes * booked_tick,"
        " start_epoch_s + 60 * tick_minutes * starts_tick, start_epoch_s + 60 * tick_minutes * ends_tick,"
        " contract_id, tier, customer, power_mw, rate_usd_per_mwh, timezone, count(window_end_tick),"
        " coalesce(sum(good_ticks), 0), coalesce(sum(bad_ticks), 0), coalesce(sum(excluded_ticks), 0),"
        " coalesce(sum(charge_micro_usd), 0), coalesce(sum(credit_micro_usd), 0)"
        " FROM runs CROSS JOIN sla_contracts c LEFT JOIN sla_windows w ON w.number = c.number"
        " WHERE booked_tick >= ? AND booked_tick < ? GROUP BY c.number, runs.number ORDER BY c.number",
    ),
    "optimizations": (
        (
            *_whole("adopted_tick"),
            *_time("adopted_at_utc"),
            *_whole("made_tick"),
            *_text("optimizer", "status"),
            *_whole("horizon_ticks"),
            *_float("objective_usd", "bound_usd", "gap_share", "baseline_usd", "solve_wall_s"),
            *_text("note", "headline"),
        ),
        "SELECT adopted_tick, start_epoch_s + 60 * tick_minutes * adopted_tick, made_tick, o.optimizer, status,"
        " horizon_ticks, objective_usd, bound_usd, (bound_usd - objective_usd) / nullif(abs(bound_usd), 0),"
        " baseline_usd, solve_wall_s, note, coalesce(headline, '')"
        " FROM optimization_runs o CROSS JOIN runs WHERE adopted_tick >= ? AND adopted_tick < ? ORDER BY adopted_tick",
    ),
    "events": (_TOLD, f"{_EVENTS} WHERE {STORY} AND e.tick >= ? AND e.tick < ? ORDER BY e.tick, e.number"),
    "routine": (_TOLD, f"{_EVENTS} WHERE NOT {STORY} AND e.tick >= ? AND e.tick < ? ORDER BY e.tick, e.number"),
}
