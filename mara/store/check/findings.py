"""Run all parts of `mara db check` on a database and collect their findings."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.store.access.access_log import access_findings
from mara.store.backends.database import Database
from mara.store.check.chain_check import ChainWalk
from mara.store.check.inspection import MISSING, Inspection, guarded
from mara.store.check.schema_check import guard_findings, shape_findings
from mara.store.check.seal_check import SealWalk
from mara.store.check.state_check import (
    checkpoint_findings,
    count_findings,
    engine_findings,
    run_findings,
    site_findings,
)
from mara.store.check.sum_check import audit_findings, balance_findings, claude_findings, day_findings, hour_findings
from mara.store.schema.signal_tables import SignalLine
from mara.store.write.alert_log import AlertLine
from mara.store.write.chained_log import chain_findings
from mara.store.write.orders import order_findings
from mara.store.write.rules_in_force import rules_findings

MOST_FINDINGS: Final = 20
_OF_A_RUN: Final = ("ticks", "engine_state", "checkpoints", "site_inventories", "engine_parts", "ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The result of a check.

    Attributes:
        said: findings as sentences; empty when the database is sound.
        run_id: empty where no run has begun.
        ticks_count, unsealed_count: ticks that were checked, and those of them without a seal.
    """

    said: tuple[str, ...]
    run_id: str = ""
    ticks_count: int = 0
    unsealed_count: int = 0


def findings_in(database: Database, connection: Connection, raw_days: int) -> Findings:
    """Check everything; `connection` must see one state of the database throughout."""
    _read_any_text(connection)
    inspection = Inspection(database=database, connection=connection, raw_days=raw_days)
    faults = [f"page fault: {fault}" for fault in guarded("its pages", database.page_faults(connection))]
    misshapen = faults or list(guarded("its tables", shape_findings(connection)))
    if misshapen:
        return Findings(said=_first(iter(misshapen)))
    run_id = connection.exec_driver_sql("SELECT run_id FROM runs").scalar()
    walk = SealWalk(inspection)
    said = _first(_all_findings(inspection, walk, run_id))
    count = connection.exec_driver_sql("SELECT count(*) FROM ticks").scalar_one()
    return Findings(said=said, run_id=run_id or "", ticks_count=count, unsealed_count=walk.unsealed_count)


def _all_findings(inspection: Inspection, seals: SealWalk, run_id: str | None) -> Iterator[str]:
    if run_id is not None:
        yield from _run_findings(inspection, seals, run_id)
    elif any(inspection.ask(f"SELECT 1 FROM {table} LIMIT 1") for table in _OF_A_RUN):  # noqa: S608  # names of ours
        yield f"runs, the first row: {MISSING}"
    yield from guarded("access_log", access_findings(inspection.connection))
    yield from guarded("claude_requests and claude_runs", claude_findings(inspection))
    yield from guarded("the guards of append-only tables", guard_findings(inspection.connection))


def _run_findings(inspection: Inspection, seals: SealWalk, run_id: str) -> Iterator[str]:
    yield from guarded("runs, the first row", run_findings(inspection))
    (ticks,) = inspection.ask("SELECT min(tick) AS first, max(tick) AS last FROM ticks")
    if ticks.first is not None:
        inspection.first_tick, inspection.last_tick = ticks.first, ticks.last
    yield from guarded("ticks", count_findings(inspection))
    grid = None if inspection.config is None else inspection.config.grid
    walk = ChainWalk(inspection, inspection.config.fleet.site_count if inspection.config else 0)
    yield from guarded("ticks, the hash chain", walk.findings(run_id, grid))
    yield from guarded("ticks, the seals", seals.findings())
    yield from guarded("engine_state and engine_parts", engine_findings(inspection, walk))
    yield from guarded("audit", audit_findings(inspection))
    yield from guarded("orders", order_findings(inspection.connection))
    yield from guarded("signal_log", chain_findings(inspection.connection, SignalLine))
    yield from guarded("alert_log", chain_findings(inspection.connection, AlertLine))
    yield from guarded("rules_in_force", rules_findings(inspection.connection))
    yield from guarded("ledger", balance_findings(inspection))
    if inspection.config is not None:  # without it the time of a tick is unknown
        yield from guarded("site_inventories", site_findings(inspection))
        yield from guarded("ledger_days", day_findings(inspection))
        yield from guarded("checkpoints", checkpoint_findings(inspection, walk))
        yield from guarded("hourly", hour_findings(inspection, seals.sealed_hours_end_s))


def _first(findings: Iterator[str]) -> tuple[str, ...]:
    """The first `MOST_FINDINGS` findings, in ASCII for every terminal."""
    said = [text.encode("ascii", "backslashreplace").decode() for text in islice(findings, MOST_FINDINGS + 1)]
    return (*said[:MOST_FINDINGS], *([f"only the first {MOST_FINDINGS} are shown"] if said[MOST_FINDINGS:] else []))


def _read_any_text(connection: Connection) -> None:
    """Decode invalid text instead of failing, so that it becomes a finding."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.text_factory = lambda stored: stored.decode(errors="backslashreplace")
