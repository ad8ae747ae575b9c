"""The SQL of a tick's transaction, as text, because it runs in every tick."""

from typing import Final

from sqlalchemy.engine import Connection

from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_MINUTE
from mara.store.backends.database import StatementAnswer, StatementBatch
from mara.store.schema.hourly import EXTREMES, FLEET, TICK_VALUES
from mara.store.schema.tables import NamedRow
from mara.store.write.tick_write import BOOK, WORLD, TickWrite

RAW_DAYS: Final = 90
"""Retention [simulated days] of raw rows, daily checkpoints and most events.

No other rows of a run are ever deleted.
"""
RAW_TABLES: Final = ("prices", "markets", "allocations", "meters")
PEAK_DAYS: Final = 366
"""Retention [simulated days] of events about miners off for a coincident peak.

A season of peaks outlasts the other events: they are counted by calendar year.
"""

_CONTRACTS_W: Final = "premium_w + standard_w + flexible_w + spot_w"
_MEANS_W: Final = {
    name: f"CAST(sum({power}) AS BIGINT) / count(DISTINCT tick)"
    for name, power in {
        "site_power_w": "site_power_w",
        "it_power_w": f"air_miner_w + hydro_miner_w + immersion_miner_w + gpu_w + asic_w + {_CONTRACTS_W}",
        "air_miner_w": "air_miner_w",
        "hydro_miner_w": "hydro_miner_w",
        "immersion_miner_w": "immersion_miner_w",
        "gpu_w": "gpu_w",
        "asic_w": "asic_w",
        "contracts_w": _CONTRACTS_W,
    }.items()
}
_SUMS: Final = ("emissions_g", "revenue_micro_usd", "cost_micro_usd", "energy_cost_micro_usd")
_COLUMNS: Final = {
    "site": "{site}",
    "hour_epoch_s": "?",
    "ticks_count": "count(DISTINCT tick)",
    "energy_price_usd_per_mwh": "avg(energy_price_usd_per_mwh)",
    "carbon_intensity_g_per_kwh": "avg(carbon_intensity_g_per_kwh)",
    "renewable_share": "{renewable}",
    "dry_bulb_c": "avg(dry_bulb_c)",
    **_MEANS_W,
    **{name: f"sum({name})" for name in _SUMS},
    "energy_price_low_usd_per_mwh": "min(energy_price_usd_per_mwh)",
    "energy_price_high_usd_per_mwh": "max(energy_price_usd_per_mwh)",
    **EXTREMES,
}
"""SQL of each column of `hourly`, by name."""
_ROLL_UP: Final = f"""
SELECT {", ".join(f"{value} AS {name}" for name, value in _COLUMNS.items())}
FROM (SELECT *, {", ".join(f"{value} AS tick_{name}" for name, value in TICK_VALUES.items())}
      FROM allocations JOIN prices USING (tick, site)
      WHERE tick BETWEEN ? AND ? WINDOW t AS (PARTITION BY {{together}})) AS raw
"""  # noqa: S608  # names of ours
_OF_ENERGY: Final = "coalesce(sum(renewable_share * site_power_w) / nullif(sum(site_power_w), 0), avg(renewable_share))"
"""Renewable share of the energy that all sites drew, as SQL."""
_ROLL_UP_SITES: Final = (
    _ROLL_UP.format(site="site", together="tick, site", renewable="avg(renewable_share)") + "GROUP BY site"
)
_ROLL_UP_FLEET: Final = _ROLL_UP.format(site=FLEET, together="tick", renewable=_OF_ENERGY)
_ROLL_UPS: Final = (_ROLL_UP_SITES, _ROLL_UP_FLEET)
_INTO_HOURLY: Final = tuple(f"INSERT INTO hourly ({', '.join(_COLUMNS)}) {rows}" for rows in _ROLL_UPS)
_PRUNE: Final = tuple(f"DELETE FROM {table} WHERE tick < ?" for table in RAW_TABLES)  # noqa: S608  # names of ours
_PRUNE_EVENTS: Final = "DELETE FROM events WHERE tick >= ? AND tick < ? AND kind <> 'peak'"
_PRUNE_PEAKS: Final = "DELETE FROM events WHERE tick < ?"
_PRUNE_CHECKPOINTS: Final = "DELETE FROM checkpoints WHERE kept = 0 AND tick < ?"
_CHECKPOINT: Final = "INSERT INTO checkpoints (tick, kept, content) VALUES (?, ?, ?)"
_PART: Final = (
    "INSERT INTO engine_parts (part, content, content_hash) VALUES (?, ?, ?)"
    " ON CONFLICT (part) DO UPDATE SET content = excluded.content, content_hash = excluded.content_hash"
)
_SEQUENCE: Final = "UPDATE engine_state SET seq = ?, tick_hash = ? WHERE number = 1 AND seq = ? AND writer_run = ?"


def roll_up(batch: StatementBatch, hour_epoch_s: int, last_tick: int, grid: TimeGrid) -> None:
    """Roll up the clock hour that ends with `last_tick`, by site and for the fleet."""
    for statement in _INTO_HOURLY:
        batch.run(statement, _tick_range(hour_epoch_s, last_tick, grid))


def rolled_up(connection: Connection, hour_epoch_s: int, last_tick: int, grid: TimeGrid) -> list[NamedRow]:
    """Recompute the rows of `roll_up` from the raw rows."""
    values = _tick_range(hour_epoch_s, last_tick, grid)
    return [row for statement in _ROLL_UPS for row in connection.exec_driver_sql(statement, values)]


def _tick_range(hour_epoch_s: int, last_tick: int, grid: TimeGrid) -> tuple[int, int, int]:
    """The parameters of a roll-up: the hour [epoch s], its first and its last tick."""
    first_tick = max(0, -((grid.start_epoch_s - hour_epoch_s) // (grid.tick_minutes * SECONDS_PER_MINUTE)))
    return hour_epoch_s, first_tick, last_tick


def prune(batch: StatementBatch, before_tick: int, grid: TimeGrid) -> None:
    """Delete raw rows and events before a tick, and checkpoints a day before that.

    Events of peaks stay longer. The checkpoint of the day stays, so that all raw rows that are left can be replayed.
    """
    if before_tick <= 0:
        return
    for statement in _PRUNE:
        batch.run(statement, (before_tick,))
    day_ticks = HOURS_PER_DAY * grid.ticks_per_hour
    # Ticks before that day were pruned in it: a look at them would read all peaks that are kept.
    batch.run(_PRUNE_EVENTS, (before_tick - day_ticks, before_tick))
    batch.run(_PRUNE_PEAKS, (before_tick - (PEAK_DAYS - RAW_DAYS) * day_ticks,))
    batch.run(_PRUNE_CHECKPOINTS, (before_tick - day_ticks,))


def write_parts(batch: StatementBatch, tick_write: TickWrite) -> None:
    """Write the world after the tick, the callers' parts, and a day's checkpoint.

    The world and its book need no hash of their own, because the chain of ticks has it.
    """
    batch.run(_PART, (WORLD, tick_write.world, None))
    if tick_write.book is not None:
        batch.run(_PART, (BOOK, tick_write.book, None))
    for part, content in tick_write.parts.items():
        batch.run(_PART, (part, content, tick_write.state.part_hashes[part]))
    if tick_write.checkpoint is not None:
        batch.run(_CHECKPOINT, (tick_write.tick + 1, int(tick_write.kept), tick_write.checkpoint))


def advance_sequence(batch: StatementBatch, tick_write: TickWrite, writer_run: int) -> StatementAnswer:
    """Advance the sequence by one tick; of no row when another writer already did."""
    link = tick_write.state.tick_hash
    return batch.ask(_SEQUENCE, (tick_write.tick + 1, link, tick_write.tick, writer_run))
