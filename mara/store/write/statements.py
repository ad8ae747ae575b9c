"""What a tick's transaction says to the database. Values are always parameters."""

from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_MINUTE
from mara.store.schema.columns import FLEET
from mara.store.schema.hourly import EXTREMES, OF_A_TICK
from mara.store.write.tick_write import BOOK, WORLD, TickWrite

RAW_DAYS: Final = 90
"""Simulated days that raw rows, events and daily checkpoints are kept. Nothing else is ever deleted."""
RAW_TABLES: Final = ("prices", "markets", "allocations", "events")

_MEAN_W: Final = tuple(
    f"CAST(sum({power}) AS BIGINT) / count(DISTINCT tick)"
    for power in (
        "site_power_w",
        "air_miner_w + hydro_miner_w + immersion_miner_w + gpu_w + asic_w"
        " + premium_w + standard_w + flexible_w + spot_w",
        "air_miner_w",
        "hydro_miner_w",
        "immersion_miner_w",
        "gpu_w",
        "asic_w",
        "premium_w + standard_w + flexible_w + spot_w",
    )
)
_INTO_HOURLY: Final = f"""
INSERT INTO hourly (site, hour_epoch_s, ticks_count,
       energy_price_usd_per_mwh, carbon_intensity_g_per_kwh, renewable_share, dry_bulb_c,
       site_power_w, it_power_w, emissions_g, revenue_micro_usd, cost_micro_usd, energy_cost_micro_usd,
       energy_price_low_usd_per_mwh, energy_price_high_usd_per_mwh,
       air_miner_w, hydro_miner_w, immersion_miner_w, gpu_w, asic_w, contracts_w,
       {", ".join(EXTREMES)})
"""
_ROLL_UP: Final = f"""
SELECT {{site}}, ?, count(DISTINCT tick),
       avg(energy_price_usd_per_mwh), avg(carbon_intensity_g_per_kwh), {{renewable}}, avg(dry_bulb_c),
       {_MEAN_W[0]}, {_MEAN_W[1]},
       sum(emissions_g), sum(revenue_micro_usd), sum(cost_micro_usd), sum(energy_cost_micro_usd),
       min(energy_price_usd_per_mwh), max(energy_price_usd_per_mwh),
       {", ".join(_MEAN_W[2:])},
       {", ".join(EXTREMES.values())}
FROM (SELECT *, {", ".join(f"{value} AS tick_{name}" for name, value in OF_A_TICK.items())}
      FROM allocations JOIN prices USING (tick, site)
      WHERE tick BETWEEN ? AND ? WINDOW t AS (PARTITION BY {{together}})) AS raw
"""  # noqa: S608  # names of ours
_OF_ENERGY: Final = "coalesce(sum(renewable_share * site_power_w) / nullif(sum(site_power_w), 0), avg(renewable_share))"
"""Renewable share of the energy that all sites drew."""
_ROLL_UP_SITES: Final = (
    _ROLL_UP.format(site="site", together="tick, site", renewable="avg(renewable_share)") + "GROUP BY site"
)
_ROLL_UP_FLEET: Final = _ROLL_UP.format(site=FLEET, together="tick", renewable=_OF_ENERGY)
_ROLL_UPS: Final = (_ROLL_UP_SITES, _ROLL_UP_FLEET)
_PRUNE: Final = tuple(f"DELETE FROM {table} WHERE tick < ?" for table in RAW_TABLES)  # noqa: S608  # names of ours
_PRUNE_CHECKPOINTS: Final = "DELETE FROM checkpoints WHERE kept = 0 AND tick < ?"
_CHECKPOINT: Final = "INSERT INTO checkpoints (tick, kept, content) VALUES (?, ?, ?)"
_PART: Final = (
    "INSERT INTO engine_parts (part, content, content_hash) VALUES (?, ?, ?)"
    " ON CONFLICT (part) DO UPDATE SET content = excluded.content, content_hash = excluded.content_hash"
)
_SEQUENCE: Final = "UPDATE engine_state SET seq = ?, tick_hash = ? WHERE number = 1 AND seq = ? AND writer_run = ?"


def roll_up(connection: Connection, hour_epoch_s: int, last_tick: int, grid: TimeGrid) -> None:
    """Condense the clock hour that `last_tick` ends, by site and for the fleet."""
    for statement in _ROLL_UPS:
        connection.exec_driver_sql(_INTO_HOURLY + statement, _span(hour_epoch_s, last_tick, grid))


def rolled_up(connection: Connection, hour_epoch_s: int, last_tick: int, grid: TimeGrid) -> list[tuple[Any, ...]]:
    """What `roll_up` wrote, worked out again from the raw rows."""
    span = _span(hour_epoch_s, last_tick, grid)
    return [tuple(row) for statement in _ROLL_UPS for row in connection.exec_driver_sql(statement, span)]


def _span(hour_epoch_s: int, last_tick: int, grid: TimeGrid) -> tuple[int, int, int]:
    """The hour, and its first and last tick."""
    first_tick = max(0, -((grid.start_epoch_s - hour_epoch_s) // (grid.tick_minutes * SECONDS_PER_MINUTE)))
    return hour_epoch_s, first_tick, last_tick


def prune(connection: Connection, before_tick: int, grid: TimeGrid) -> None:
    """Let raw rows older than the retention go; checkpoints a day later, so that what is left can be replayed."""
    if before_tick <= 0:
        return
    for statement in _PRUNE:
        connection.exec_driver_sql(statement, (before_tick,))
    connection.exec_driver_sql(_PRUNE_CHECKPOINTS, (before_tick - HOURS_PER_DAY * grid.ticks_per_hour,))


def turn(connection: Connection, page: TickWrite) -> None:
    """The world after the tick, what others keep beside it, and a checkpoint at the end of a day.

    The world and its book need no hash of their own: the chain of ticks has one.
    """
    connection.exec_driver_sql(_PART, (WORLD, page.world, None))
    if page.book is not None:
        connection.exec_driver_sql(_PART, (BOOK, page.book, None))
    for part, content in page.parts.items():
        connection.exec_driver_sql(_PART, (part, content, page.tail.part_hashes[part]))
    if page.checkpoint is not None:
        connection.exec_driver_sql(_CHECKPOINT, (page.tick + 1, int(page.kept), page.checkpoint))


def advance_sequence(connection: Connection, page: TickWrite, writer_run: int) -> bool:
    """Move on by one tick, if nobody else has."""
    link = page.tail.tick_hash
    return connection.exec_driver_sql(_SEQUENCE, (page.tick + 1, link, page.tick, writer_run)).rowcount == 1
