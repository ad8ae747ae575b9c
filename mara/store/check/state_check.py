"""What the run is and where it stands: its row, its sites, the engine's memory, and the worlds kept on the way."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from mara.core.world import RunConfig
from mara.store.check.chain_check import ChainWalk
from mara.store.check.inspection import CHANGED, FOREIGN, MISSING, Inspection, guarded
from mara.store.encoding import rows
from mara.store.encoding.chain import world_digest
from mara.store.encoding.codec import record_of
from mara.store.encoding.layout import divided, header_of
from mara.store.encoding.records import run_id_of
from mara.store.schema.columns import columns_of
from mara.store.schema.tables import SiteInventory
from mara.store.write.rules_in_force import rules_in
from mara.store.write.tick_write import BOOK, WORLD

_RUN: Final = (
    "SELECT run_id, seed, fleet_name, fleet_hash, start_epoch_s, tick_minutes, feed, history_hash, terms, charter"
    " FROM runs"
)


def run_findings(of: Inspection) -> Iterator[str]:
    """The row of the run says what its charter says, and its id follows from it. Fills in `charter`."""
    name, seed, fleet_name, fleet_hash, start_s, minutes, feed, history, terms, content = of.ask(_RUN)[0]
    of.config = config = record_of(RunConfig, content)
    grid, fleet = config.grid, config.fleet
    for column, stored, worked_out in (
        ("fleet_name", fleet_name, fleet.name),
        ("fleet_hash", fleet_hash, sha256(divided(content, "fleet")[1]).hexdigest()),
        ("start_epoch_s", start_s, grid.start_epoch_s),
        ("tick_minutes", minutes, grid.tick_minutes),
        ("terms", terms, header_of(divided(content, "terms")[1])),
        ("run_id", name, run_id_of(seed, fleet_hash, start_s, minutes, terms, feed, history)),
    ):
        if stored != worked_out:
            yield f"runs, the first row: {column} is {CHANGED}, or what it is worked out from is"


def site_findings(of: Inspection) -> Iterator[str]:
    """The sites are those of the charter."""
    assert of.config is not None
    names = ", ".join(columns_of(SiteInventory)[1])
    stored = {row[0]: row for row in of.ask(f"SELECT {names} FROM site_inventories ORDER BY site")}  # noqa: S608  # names of ours
    expected = {row[0]: row for row in rows.inventory_rows(of.config.fleet)}
    for site in sorted(stored | expected):
        if site not in stored:
            yield f"site_inventories, site {site}: {MISSING}"
        elif stored[site] != expected.get(site):
            yield f"site_inventories, site {site}: {CHANGED if site in expected else FOREIGN}"


def count_findings(of: Inspection) -> Iterator[str]:
    """There are as many ticks as the sequence says."""
    stored = of.ask("SELECT count(*) FROM ticks")[0][0]
    for (expected,) in of.ask("SELECT seq - (SELECT min(tick) FROM checkpoints) FROM engine_state WHERE number = 1"):
        if expected not in (None, stored):
            yield f"ticks: {expected} were stored, {stored} are there"


def engine_findings(of: Inspection, walk: ChainWalk) -> Iterator[str]:
    """The engine stands where the ticks end, in the world that the last one made."""
    state = of.ask("SELECT seq, tick_hash FROM engine_state WHERE number = 1")
    if not state:
        yield f"engine_state, number 1: {MISSING}"
    for (number,) in of.ask("SELECT number FROM engine_state WHERE number <> 1"):
        yield f"engine_state, number {number}: {FOREIGN}"
    first = of.ask("SELECT tick FROM checkpoints ORDER BY tick LIMIT 1")
    next_tick = of.last_tick + 1 if of.last_tick >= 0 else first[0][0] if first else 0
    if state and state[0] != (next_tick, walk.link):
        yield f"engine_state, number 1: the sequence stands at tick {state[0][0]}, the ticks do not end there"
    parts = {
        part: (content, own) for part, content, own in of.ask("SELECT part, content, content_hash FROM engine_parts")
    }
    for part in sorted({WORLD, BOOK} - parts.keys()):
        yield f"engine_parts, part {part}: {MISSING}"
    if {WORLD, BOOK} <= parts.keys():
        digest = world_digest(parts[WORLD][0], sha256(parts[BOOK][0]).digest())
        expected = walk.worlds.get(next_tick) or _first_world_digest(of)
        own_hash = parts[WORLD][1] is None and parts[BOOK][1] is None
        if digest != expected or not own_hash:
            yield f"engine_parts, parts {WORLD} and {BOOK}: {CHANGED} with tick {next_tick - 1}"
    for part, (content, own) in sorted(parts.items()):
        if part not in (WORLD, BOOK) and (own is None or sha256(content).digest() != own):
            yield f"engine_parts, part {part}: {CHANGED}"


def _first_world_digest(of: Inspection) -> bytes:
    content = of.ask("SELECT content FROM checkpoints ORDER BY tick LIMIT 1")
    return _digest_of(content[0][0]) if content else b""


def _digest_of(content: bytes) -> bytes:
    light, book = divided(content, "book")
    return world_digest(light, sha256(book).digest())


def checkpoint_findings(of: Inspection, walk: ChainWalk) -> Iterator[str]:
    """Each kept world is the one that its tick made, and none is missing that should still be there."""
    expected = _expected_checkpoints(of)
    seen: set[int] = set()
    for tick, kept, content in of.rows("SELECT tick, kept, content FROM checkpoints ORDER BY tick"):
        seen.add(tick)
        if tick not in expected:
            yield f"checkpoints, tick {tick}: {FOREIGN}"
        elif kept != expected[tick]:
            yield f"checkpoints, tick {tick}: kept is {CHANGED}"
        yield from guarded(f"checkpoints, tick {tick}", _world_findings(tick, content, walk))
    pruned_before = of.oldest_raw_tick - of.day_ticks
    yield from (
        f"checkpoints, tick {tick}: {MISSING}"
        for tick, kept in expected.items()
        if tick not in seen and (kept or tick >= pruned_before)
    )


def _world_findings(tick: int, content: bytes, walk: ChainWalk) -> Iterator[str]:
    digest = _digest_of(content)
    if tick in walk.worlds and digest != walk.worlds[tick]:
        yield f"checkpoints, tick {tick}: the stored world is {CHANGED}"


def _expected_checkpoints(of: Inspection) -> dict[int, int]:
    """Before which ticks a world is stored, and whether for ever: the first, and after each day and month."""
    assert of.config is not None
    if of.last_tick < 0:
        return {row[0]: 1 for row in of.ask("SELECT tick FROM checkpoints ORDER BY tick LIMIT 1")}
    grid = of.config.grid
    expected = {of.first_tick: 1}
    before = grid.at(of.first_tick)
    for tick in range(of.first_tick + 1, of.last_tick + 2):
        now = grid.at(tick)
        if now.date() != before.date():
            expected[tick] = int(now.month != before.month)
        before = now
    # Where other rules begin the world is kept too, so that replays need not begin under those before.
    return expected | {rules.from_tick: 1 for rules in rules_in(of.connection)}
