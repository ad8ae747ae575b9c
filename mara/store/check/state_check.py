"""Check the run's row, its sites, the engine's state and the checkpoints."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from mara.core.world import RunConfig
from mara.store.check.chain_check import ChainWalk
from mara.store.check.inspection import CHANGED, FOREIGN, MISSING, Inspection, guarded
from mara.store.encoding.chain import world_digest
from mara.store.encoding.codec import record_of
from mara.store.encoding.layout import divided, header_of
from mara.store.encoding.records import run_id_of
from mara.store.schema import rows
from mara.store.schema.tables import SiteInventory, columns_of
from mara.store.write.rules_in_force import rules_in
from mara.store.write.tick_write import BOOK, WORLD

_RUN: Final = (
    "SELECT run_id, seed, fleet_name, fleet_hash, start_epoch_s, tick_minutes, feed, history_hash, terms, charter"
    " FROM runs"
)
_FIRST_CHECKPOINT: Final = "SELECT tick, content FROM checkpoints ORDER BY tick LIMIT 1"
_EXPECTED_COUNT: Final = "SELECT seq - (SELECT min(tick) FROM checkpoints) FROM engine_state WHERE number = 1"


def run_findings(inspection: Inspection) -> Iterator[str]:
    """Compare the run's row with its configuration, and read `Inspection.config`.

    Raises:
        StoreRefused: the configuration cannot be read, or is of a newer Mara.
    """
    (run,) = inspection.ask(_RUN)
    inspection.config = config = record_of(RunConfig, run.charter)
    made_of = (run.fleet_hash, run.start_epoch_s, run.tick_minutes, run.terms, run.feed, run.history_hash)
    expected = {
        "fleet_name": config.fleet.name,
        "fleet_hash": sha256(divided(run.charter, "fleet")[1]).hexdigest(),
        "start_epoch_s": config.grid.start_epoch_s,
        "tick_minutes": config.grid.tick_minutes,
        "terms": header_of(divided(run.charter, "terms")[1]),
        "run_id": run_id_of(run.seed, *made_of),
    }
    for column, value in expected.items():
        if getattr(run, column) != value:
            yield f"runs, the first row: {column} is {CHANGED}, or what it is worked out from is"


def site_findings(inspection: Inspection) -> Iterator[str]:
    """Compare the stored sites with those of the run's configuration."""
    assert inspection.config is not None
    names = ", ".join(columns_of(SiteInventory)[1])
    query = f"SELECT {names} FROM site_inventories ORDER BY site"  # noqa: S608  # names of ours
    stored = {row.site: tuple(row) for row in inspection.ask(query)}
    expected = dict(enumerate(rows.inventory_rows(inspection.config.fleet)))
    for site in sorted(stored | expected):
        if site not in stored:
            yield f"site_inventories, site {site}: {MISSING}"
        elif stored[site] != expected.get(site):
            yield f"site_inventories, site {site}: {CHANGED if site in expected else FOREIGN}"


def count_findings(inspection: Inspection) -> Iterator[str]:
    """Compare the number of stored ticks with the sequence."""
    stored = inspection.connection.exec_driver_sql("SELECT count(*) FROM ticks").scalar_one()
    expected = inspection.connection.exec_driver_sql(_EXPECTED_COUNT).scalar()
    if expected not in (None, stored):
        yield f"ticks: {expected} were stored, {stored} are there"


def engine_findings(inspection: Inspection, walk: ChainWalk) -> Iterator[str]:
    """Check that the engine stands where the ticks end, in the world of the last one."""
    first = inspection.ask(_FIRST_CHECKPOINT)
    next_tick = inspection.last_tick + 1
    if inspection.last_tick < 0 and first:
        next_tick = first[0].tick
    yield from _sequence_findings(inspection, next_tick, walk.link)
    parts = {row.part: row for row in inspection.ask("SELECT part, content, content_hash FROM engine_parts")}
    for name in sorted({WORLD, BOOK} - parts.keys()):
        yield f"engine_parts, part {name}: {MISSING}"
    if {WORLD, BOOK} <= parts.keys():
        digest = world_digest(parts[WORLD].content, sha256(parts[BOOK].content).digest())
        expected = walk.worlds.get(next_tick) or (_digest_of(first[0].content) if first else b"")
        has_no_hash = parts[WORLD].content_hash is None and parts[BOOK].content_hash is None
        if digest != expected or not has_no_hash:
            yield f"engine_parts, parts {WORLD} and {BOOK}: {CHANGED} with tick {next_tick - 1}"
    for name, part in sorted(parts.items()):
        if name not in (WORLD, BOOK) and sha256(part.content).digest() != part.content_hash:
            yield f"engine_parts, part {name}: {CHANGED}"


def _sequence_findings(inspection: Inspection, next_tick: int, link: bytes) -> Iterator[str]:
    state = inspection.ask("SELECT seq, tick_hash FROM engine_state WHERE number = 1")
    if not state:
        yield f"engine_state, number 1: {MISSING}"
    for row in inspection.ask("SELECT number FROM engine_state WHERE number <> 1"):
        yield f"engine_state, number {row.number}: {FOREIGN}"
    if state and (state[0].seq, state[0].tick_hash) != (next_tick, link):
        yield f"engine_state, number 1: the sequence stands at tick {state[0].seq}, the ticks do not end there"


def _digest_of(content: bytes) -> bytes:
    """The digest of an encoded world."""
    light, book = divided(content, "book")
    return world_digest(light, sha256(book).digest())


def checkpoint_findings(inspection: Inspection, walk: ChainWalk) -> Iterator[str]:
    """Check that each checkpoint is the world of its tick, and that none is missing."""
    expected = _expected_checkpoints(inspection)
    seen: set[int] = set()
    for row in inspection.rows("SELECT tick, kept, content FROM checkpoints ORDER BY tick"):
        tick = row.tick
        seen.add(tick)
        if tick not in expected:
            yield f"checkpoints, tick {tick}: {FOREIGN}"
        elif row.kept != expected[tick]:
            yield f"checkpoints, tick {tick}: kept is {CHANGED}"
        yield from guarded(f"checkpoints, tick {tick}", _world_findings(tick, row.content, walk))
    pruned_before = inspection.oldest_raw_tick - inspection.day_ticks
    yield from (
        f"checkpoints, tick {tick}: {MISSING}"
        for tick, kept in expected.items()
        if tick not in seen and (kept or tick >= pruned_before)
    )


def _world_findings(tick: int, content: bytes, walk: ChainWalk) -> Iterator[str]:
    digest = _digest_of(content)
    if tick in walk.worlds and digest != walk.worlds[tick]:
        yield f"checkpoints, tick {tick}: the stored world is {CHANGED}"


def _expected_checkpoints(inspection: Inspection) -> dict[int, int]:
    """The ticks that have a checkpoint, each with 1 if it is kept for ever, else 0.

    They are the first tick and those after each day; the first and each month's are kept.
    """
    assert inspection.config is not None
    if inspection.last_tick < 0:
        return {row.tick: 1 for row in inspection.ask(_FIRST_CHECKPOINT)}
    grid = inspection.config.grid
    expected = {inspection.first_tick: 1}
    before = grid.at(inspection.first_tick)
    for tick in range(inspection.first_tick + 1, inspection.last_tick + 2):
        now = grid.at(tick)
        if now.date() != before.date():
            expected[tick] = int(now.month != before.month)
        before = now
    # The world before other rules is kept too, so that a replay of later ticks can start there.
    return expected | {rules.from_tick: 1 for rules in rules_in(inspection.connection)}
