"""Whether a database still says what was written: pages, shape, hash chain, seals, and what follows from other rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.store.access.access_log import access_findings
from mara.store.backends.database import Database
from mara.store.check.chain_check import ChainWalk
from mara.store.check.inspection import MISSING, Inspection, guarded
from mara.store.check.seal_check import SealWalk
from mara.store.check.shape import guard_findings, shape_findings
from mara.store.check.state_check import (
    checkpoint_findings,
    count_findings,
    engine_findings,
    run_findings,
    site_findings,
)
from mara.store.check.sum_check import audit_findings, balance_findings, claude_findings, hour_findings
from mara.store.write.orders import order_findings
from mara.store.write.rules_in_force import rules_findings

MOST_FINDINGS: Final = 20
_OF_A_RUN: Final = ("ticks", "engine_state", "checkpoints", "site_inventories", "engine_parts", "ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is wrong, in sentences; the run; how many ticks were looked at, and how many of them have no seal."""

    said: tuple[str, ...]
    run_id: str = ""
    ticks_count: int = 0
    unsealed_count: int = 0


def findings_in(database: Database, connection: Connection, raw_days: int) -> Findings:
    """Look at everything. `connection` sees one state of the database throughout."""
    _read_any_text(connection)
    of = Inspection(database=database, connection=connection, raw_days=raw_days)
    faults = [f"page fault: {fault}" for fault in guarded("its pages", database.page_faults(connection))]
    misshapen = faults or list(guarded("its tables", shape_findings(connection)))
    if misshapen:
        return Findings(said=_first(iter(misshapen)))
    run = of.ask("SELECT run_id FROM runs")
    walk = SealWalk(of)
    said = _first(_all_findings(of, walk, run[0][0] if run else None))
    count = of.ask("SELECT count(*) FROM ticks")[0][0]
    return Findings(said=said, run_id=run[0][0] if run else "", ticks_count=count, unsealed_count=walk.unsealed_count)


def _all_findings(of: Inspection, seals: SealWalk, run_id: str | None) -> Iterator[str]:
    if run_id is not None:
        yield from _run_findings(of, seals, run_id)
    elif any(of.ask(f"SELECT 1 FROM {table} LIMIT 1") for table in _OF_A_RUN):  # noqa: S608  # names of ours
        yield f"runs, the first row: {MISSING}"
    yield from guarded("access_log", access_findings(of.connection))
    yield from guarded("claude_requests and claude_runs", claude_findings(of))
    yield from guarded("the guards of append-only tables", guard_findings(of.connection))


def _run_findings(of: Inspection, seals: SealWalk, run_id: str) -> Iterator[str]:
    yield from guarded("runs, the first row", run_findings(of))
    first, last = of.ask("SELECT min(tick), max(tick) FROM ticks")[0]
    of.first_tick, of.last_tick = (-1, -1) if first is None else (first, last)
    yield from guarded("ticks", count_findings(of))
    grid = None if of.config is None else of.config.grid
    walk = ChainWalk(of, of.config.fleet.site_count if of.config else 0)
    yield from guarded("ticks, the hash chain", walk.findings(run_id, grid))
    yield from guarded("ticks, the seals", seals.findings())
    yield from guarded("engine_state and engine_parts", engine_findings(of, walk))
    yield from guarded("audit", audit_findings(of))
    yield from guarded("orders", order_findings(of.connection))
    yield from guarded("rules_in_force", rules_findings(of.connection))
    yield from guarded("ledger", balance_findings(of))
    if of.config is not None:  # without it nobody knows which day or hour a tick is of
        yield from guarded("site_inventories", site_findings(of))
        yield from guarded("checkpoints", checkpoint_findings(of, walk))
        yield from guarded("hourly", hour_findings(of, seals.sealed_hours_end_s))


def _first(findings: Iterator[str]) -> tuple[str, ...]:
    """So many as somebody reads, in letters that every terminal shows."""
    said = [text.encode("ascii", "backslashreplace").decode() for text in islice(findings, MOST_FINDINGS + 1)]
    return (*said[:MOST_FINDINGS], *([f"only the first {MOST_FINDINGS} are shown"] if said[MOST_FINDINGS:] else []))


def _read_any_text(connection: Connection) -> None:
    """Bytes that are no text are a finding, not the end of the check."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.text_factory = lambda stored: stored.decode(errors="backslashreplace")
