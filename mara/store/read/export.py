"""Tables for other programs: their columns, SQL, and rows a piece at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import func, select

from mara.core.contract import TIER_KEYS
from mara.core.finance import EnergyLine, Line
from mara.core.units import MICRO_USD_PER_USD, W_PER_MW
from mara.store.read.query_scope import tick_range_of
from mara.store.read.read_model import STORY, ReadModel
from mara.store.schema.ledger import CASH, ENERGY_LEGS, MONEY_LEGS
from mara.store.schema.tables import NamedRow, SiteInventory

ExportTable = Literal[
    "prices",
    "steps",
    "ledger",
    "positions",
    "batteries",
    "awards",
    "commitments",
    "optimizations",
    "events",
    "routine",
]
EXPORT_TABLES: Final[tuple[ExportTable, ...]] = get_args(ExportTable)
ROWS_A_QUERY: Final = 20_000
"""Rows read in one query, few enough not to hold back the write-ahead log."""
NO_TIER: Final = "none"

Values = tuple[Any, ...]


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of an export.

    Attributes:
        sql: the stored value as SQL; empty for the column of the same name.
        convert: turns a stored value into an exported one.
    """

    name: str
    kind: Literal["int", "float", "text", "time"]
    sql: str = ""
    convert: Callable[[Any], Any] = _same


Header = tuple[ExportColumn, ...]


class _ExportSource(NamedTuple):
    """An export's columns, and the SQL after its SELECT list."""

    header: Header
    rest: str

    @property
    def query(self) -> str:
        """SQL for the rows of ``[first, end)``, with every column under its exported name."""
        columns = ", ".join(f"{column.sql or column.name} AS {column.name}" for column in self.header)
        return f"SELECT {columns} {self.rest}"  # names of ours


def export(
    read_model: ReadModel, table: ExportTable, from_: datetime | None = None, to: datetime | None = None
) -> tuple[Header, Iterator[Values]]:
    """The columns of a table, and its rows in ``[from_, to)``, oldest first.

    None is no bound. A commitment belongs to the tick of its booking, an optimization to that of its adoption.

    Raises:
        StoreRefused: there is no run to export.
    """
    first, last = tick_range_of(read_model, read_model.run().config.grid, from_, to)
    (sites,) = read_model.ask(select(func.count().label("site_count")).select_from(SiteInventory))
    length = max(1, ROWS_A_QUERY // sites.site_count)
    header, query = (_LEDGER_HEADER, _LEDGER) if table == "ledger" else (_SOURCES[table].header, _SOURCES[table].query)

    def values() -> Iterator[Values]:
        for start in range(first, last, length):
            for row in read_model.ask(query, start, min(start + length, last)):
                if table == "ledger":
                    yield from _legs(row)
                else:
                    yield tuple(column.convert(value) for column, value in zip(header, row, strict=True))

    return header, values()


def _legs(entry: NamedRow) -> Iterator[Values]:
    """The legs of a ledger entry that are not zero, each under its own key."""
    tick, at, site_id = entry.tick, _utc(entry.epoch_s), entry.site_id
    for leg in _LEGS:
        amount = getattr(entry, leg.column)
        if amount:
            key = f"{tick}:{site_id}:{leg.tier}:{leg.kind}"
            yield tick, at, site_id, leg.tier, leg.kind, leg.unit, amount, key


def _utc(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def _mw(power_w: int) -> float:
    return power_w / W_PER_MW


def _usd(micro_usd: int) -> float:
    return micro_usd / MICRO_USD_PER_USD


def _tier(tier: int) -> str:
    return TIER_KEYS[tier]


def _whole(*names: str, **made: str) -> Header:
    """Integer columns: those stored under their own name, and those made by SQL."""
    return tuple(ExportColumn(name, "int", sql) for name, sql in _with_sql(names, made))


def _float(*names: str, **made: str) -> Header:
    """Columns of floats: those stored under their own name, and those made by SQL."""
    return tuple(ExportColumn(name, "float", sql) for name, sql in _with_sql(names, made))


def _text(*names: str, **made: str) -> Header:
    """Columns of text: those stored under their own name, and those made by SQL."""
    return tuple(ExportColumn(name, "text", sql) for name, sql in _with_sql(names, made))


def _time(**made: str) -> Header:
    """Columns of times, made of SQL for epoch seconds."""
    return tuple(ExportColumn(name, "time", sql, _utc) for name, sql in made.items())


def _powers(*names: str) -> Header:
    """Columns of powers [MW], stored in watts."""
    return tuple(ExportColumn(name, "float", name.removesuffix("_mw") + "_w", _mw) for name in names)


def _money(**made: str) -> Header:
    """Columns of money [USD], made of SQL for micro-USD."""
    return tuple(ExportColumn(name, "float", sql, _usd) for name, sql in made.items())


def _with_sql(names: tuple[str, ...], made: dict[str, str]) -> Iterable[tuple[str, str]]:
    return (dict.fromkeys(names, "") | made).items()


class _Leg(NamedTuple):
    """A ledger column and the tier, kind and unit that its exported key is made of."""

    column: str
    tier: str
    kind: str
    unit: str


def _leg(column: str, unit: str) -> _Leg:
    """Name a leg; energy kinds end in ``_energy``, to differ from those of money."""
    name = column.removesuffix("_" + unit)
    kind, _, tier = name.rpartition("_")
    if tier in TIER_KEYS:
        return _Leg(column, tier, kind, unit)
    return _Leg(column, NO_TIER, name if unit == "micro_usd" else name + "_energy", unit)


_LEGS: Final = (
    *(_leg(column, "micro_usd") for column in (CASH, *MONEY_LEGS)),
    *(_leg(column, "wh") for column in ENERGY_LEGS),
)
assert len(_LEGS) == 1 + len(Line) + len(EnergyLine)
_LEDGER: Final = (
    f"SELECT l.tick, epoch_s, site_id, {', '.join(leg.column for leg in _LEGS)}"  # noqa: S608  # names of ours
    " FROM ledger l JOIN ticks USING (tick) JOIN site_inventories USING (site)"
    " WHERE l.tick >= ? AND l.tick < ? ORDER BY l.tick, l.site"
)

_WHEN: Final = (*_whole(tick="ticks.tick"), *_time(timestamp_utc="epoch_s"))
_LEDGER_HEADER: Final = (
    *_WHEN,
    *_text("site_id", "tier", "kind", "unit"),
    *_whole("amount"),
    *_text("entry_key"),
)
_TOLD: Final = (*_WHEN, *_text("severity", site_id="coalesce(site_id, '')"), *_text("kind", "text"))
_EVENTS: Final = "FROM events e JOIN ticks USING (tick) LEFT JOIN site_inventories USING (site)"


def _at(tick: str) -> str:
    """SQL for the epoch seconds at which a tick begins."""
    return f"start_epoch_s + 60 * tick_minutes * {tick}"


_BESIDE_LEDGER: Final = (
    "FROM allocations a JOIN prices USING (tick, site) JOIN ledger l USING (tick, site) JOIN ticks USING (tick)"
    " JOIN site_inventories USING (site) WHERE a.tick >= ? AND a.tick < ? AND {} ORDER BY a.tick, a.site"
)
"""Rows of sites that meet a condition, beside their ledger entries, as SQL."""
_SOURCES: Final[dict[ExportTable, _ExportSource]] = {
    "prices": _ExportSource(
        (
            *_WHEN,
            *_text("site_id"),
            *_float("energy_price_usd_per_mwh", "carbon_intensity_g_per_kwh", "renewable_share"),
            *_float("dry_bulb_c", "wet_bulb_c", "availability_share"),
            *_float("hashprice_usd_per_ph_day", "token_price_usd_per_mtok"),
        ),
        "FROM prices p JOIN ticks USING (tick) JOIN markets USING (tick) JOIN site_inventories USING (site)"
        " WHERE p.tick >= ? AND p.tick < ? ORDER BY p.tick, p.site",
    ),
    "steps": _ExportSource(
        (
            *_WHEN,
            *_text("site_id"),
            *_powers("site_power_mw"),
            *_float("energy_price_usd_per_mwh"),
            *_money(
                revenue_usd="a.revenue_micro_usd",
                cost_usd="a.cost_micro_usd",
                profit_usd="a.revenue_micro_usd - a.cost_micro_usd",
                energy_cost_usd="a.energy_cost_micro_usd",
            ),
            *_powers("bought_mw", "sold_mw", "air_miner_mw", "hydro_miner_mw", "immersion_miner_mw"),
            *_powers("gpu_mw", "asic_mw", "premium_mw", "standard_mw", "flexible_mw", "spot_mw"),
            *_powers("reserve_mw", "available_mw"),
            *_whole("emissions_g"),
        ),
        "FROM allocations a JOIN prices USING (tick, site) JOIN ticks USING (tick)"
        " JOIN site_inventories USING (site) WHERE a.tick >= ? AND a.tick < ? ORDER BY a.tick, a.site",
    ),
    "positions": _ExportSource(
        (
            *_WHEN,
            *_text("site_id"),
            *_powers("position_mw", "site_power_mw"),
            *_float("day_ahead_usd_per_mwh", "energy_price_usd_per_mwh"),
            *_money(gain_usd="l.day_ahead_micro_usd"),
        ),
        _BESIDE_LEDGER.format("position_w > 0"),
    ),
    "batteries": _ExportSource(
        (
            *_WHEN,
            *_text("site_id"),
            *_powers("battery_mw"),
            ExportColumn("stored_mwh", "float", "stored_wh", _mw),
            *_powers("exported_mw"),
            *_float("energy_price_usd_per_mwh"),
            *_money(battery_wear_usd="l.battery_wear_micro_usd", export_revenue_usd="l.export_revenue_micro_usd"),
        ),
        _BESIDE_LEDGER.format("(stored_wh > 0 OR battery_w <> 0 OR exported_w > 0)"),
    ),
    "awards": _ExportSource(
        (
            *_WHEN,
            *_text("site_id"),
            *_powers("award_mw", "called_mw"),
            *_float("energy_price_usd_per_mwh"),
            *_money(
                reserve_revenue_usd="l.reserve_revenue_micro_usd",
                deployment_revenue_usd="l.deployment_revenue_micro_usd",
                reserve_penalty_usd="l.reserve_penalty_micro_usd",
            ),
        ),
        _BESIDE_LEDGER.format("(award_w > 0 OR called_w > 0)"),
    ),
    "commitments": _ExportSource(
        (
            *_whole("booked_tick"),
            *_time(booked_at_utc=_at("booked_tick"), starts_at_utc=_at("starts_tick"), ends_at_utc=_at("ends_tick")),
            *_text("contract_id"),
            ExportColumn("tier", "text", convert=_tier),
            *_text("customer"),
            *_float("power_mw", "rate_usd_per_mwh"),
            *_text("timezone"),
            *_whole(
                closed_windows_count="count(window_end_tick)",
                closed_good_ticks="coalesce(sum(good_ticks), 0)",
                closed_bad_ticks="coalesce(sum(bad_ticks), 0)",
                closed_excluded_ticks="coalesce(sum(excluded_ticks), 0)",
            ),
            *_money(
                closed_charge_usd="coalesce(sum(charge_micro_usd), 0)",
                credit_usd="coalesce(sum(credit_micro_usd), 0)",
            ),
        ),
        "FROM runs CROSS JOIN sla_contracts c LEFT JOIN sla_windows w ON w.number = c.number"
        " WHERE booked_tick >= ? AND booked_tick < ? GROUP BY c.number, runs.number ORDER BY c.number",
    ),
    "optimizations": _ExportSource(
        (
            *_whole("adopted_tick"),
            *_time(adopted_at_utc=_at("adopted_tick")),
            *_whole("made_tick"),
            *_text(optimizer="o.optimizer"),
            *_text("status"),
            *_whole("horizon_ticks"),
            *_float("objective_usd", "bound_usd"),
            *_float(gap_share="(bound_usd - objective_usd) / nullif(abs(bound_usd), 0)"),
            *_float("baseline_usd", "solve_wall_s"),
            *_text("note", headline="coalesce(headline, '')"),
        ),
        "FROM optimization_runs o CROSS JOIN runs WHERE adopted_tick >= ? AND adopted_tick < ? ORDER BY adopted_tick",
    ),
    "events": _ExportSource(_TOLD, f"{_EVENTS} WHERE {STORY} AND e.tick >= ? AND e.tick < ? ORDER BY e.tick, e.number"),
    "routine": _ExportSource(
        _TOLD, f"{_EVENTS} WHERE NOT {STORY} AND e.tick >= ? AND e.tick < ? ORDER BY e.tick, e.number"
    ),
}
