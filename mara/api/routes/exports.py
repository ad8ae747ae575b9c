"""Exports of the stored run: tables as files, and what a search finds as CSV.

Whole tables are written to a temporary folder first. Folders that a killed server left behind are removed when the
next server starts.
"""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from mara.api.routes.inputs import AskedRange, AskedText, Named
from mara.api.routes.platform_api import PlatformApi, snapshot_of
from mara.api.routes.problems import InconsistentQueryError, NotThereError, documented, or_not_there
from mara.api.tables.contract_table import contracts_csv, contracts_csv_name
from mara.api.tables.ledger_table import ledger_csv, ledger_csv_name
from mara.core.contract import TierKey
from mara.core.finance import Line
from mara.core.standing import ContractSearch, Standing
from mara.store.read.export import EXPORT_TABLES
from mara.store.read.table_file import EXPORT_FORMATS

PREFIX: Final = "mara-export-"
"""Start of a folder's name; the id of the process that made it follows."""
MEDIA_TYPES: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
MAX_EXPORTS_AT_ONCE: Final = 2
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA_TYPES.values()}}
}

LEDGER_LINES: Final = tuple(line.name.lower() for line in Line)
LedgerLine = Annotated[Named, Query(json_schema_extra={"enum": list(LEDGER_LINES)})]
CSV: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/csv": {}}}}


def add_tables(router: APIRouter, platform: PlatformApi) -> None:
    """Add the routes of tables that a search makes smaller."""

    @router.get("/contracts.csv", response_class=Response, responses=CSV)
    async def contract_table(
        standing: Annotated[Standing, Query(alias="state")] = "",
        tier: Literal["", TierKey] = "",
        text: Annotated[AskedText, Query(alias="search")] = "",
    ) -> Response:
        """Return the contracts that a search finds as a CSV file.

        It has all live contracts and the newest ended ones. `state` is live, waiting, off, danger, broken or ended;
        `search` is part of a customer or of an id.
        """
        now = snapshot_of(platform)
        stored = await or_not_there(platform.archive.contracts("all"))
        found = contracts_csv(now, stored, ContractSearch(standing=standing, tier=tier, text=text))
        return csv_answer(found, contracts_csv_name(now))

    @router.get("/ledger.csv", response_class=Response, responses=CSV | documented(404))
    async def ledger_table(span: AskedRange, site: Named | None = None, line: LedgerLine | None = None) -> Response:
        """Return the ledger's lines of each UTC day as a CSV file, of a site or the fleet.

        Amounts are exact; income is positive, cost negative. `line` is one of them, such as energy.
        """
        if line is not None:
            refuse_unknown_line(line)
        days = await or_not_there(platform.archive.daily_ledgers(span.first, span.end, site))
        return csv_answer(ledger_csv(days, line), ledger_csv_name(days))


def refuse_unknown_line(line: str) -> None:
    """Refuse a line that no ledger has.

    Raises:
        InconsistentQueryError: there is no such line.
    """
    if line not in LEDGER_LINES:
        raise InconsistentQueryError(
            f"a line of the ledger is one of {', '.join(LEDGER_LINES)}; {line[:80]!r} came: choose one"
        )


def csv_answer(content: bytes, name: str) -> Response:
    """Answer with a CSV file that a browser saves under a name."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv", headers=headers)


def add_exports(router: APIRouter, platform: PlatformApi) -> None:
    """Add the route of exports, and remove the folders that earlier processes left."""
    turns = asyncio.Semaphore(MAX_EXPORTS_AT_ONCE)
    sweep_exports()

    @router.get("/export/{name}", response_class=Response, responses=documented(404) | _FILES)
    async def export(name: str, span: AskedRange) -> Response:
        """Return a stored table as a file: such as `steps.csv` or `ledger.parquet`."""
        table, _, form = name.partition(".")
        if table not in EXPORT_TABLES or form not in EXPORT_FORMATS:
            tables = ", ".join(EXPORT_TABLES)
            raise NotThereError(f"an export is one of {tables}, as .csv or .parquet, got {name[:80]!r}: choose one")
        folder = export_folder()
        out = Path(folder.name) / f"{table}.{form}"
        try:
            async with turns:
                await or_not_there(platform.archive.export(table, form, out, span.first, span.end))
        except BaseException:
            folder.cleanup()
            raise
        named = f"mara-{table}.{form}"
        return FileResponse(
            out, media_type=MEDIA_TYPES[form], filename=named, background=BackgroundTask(folder.cleanup)
        )


def export_folder() -> "tempfile.TemporaryDirectory[str]":
    """Make a folder whose name holds this process's id."""
    return tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-")


def sweep_exports() -> None:
    """Remove the folders of processes that have ended; call it before making any.

    A folder with this process's own id is removed too: an earlier process had the same id.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and (int(pid) == os.getpid() or not _is_alive(int(pid))):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
