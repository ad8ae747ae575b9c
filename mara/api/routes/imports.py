"""Market files over the API: sent, inspected, and built into histories.

Every call but the list of histories needs the right to import, which is checked before anything is read.
"""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.requests import ClientDisconnect

from mara.api.routes.changes import requires
from mara.api.routes.json_values import json_value
from mara.api.routes.problems import documented
from mara.api.security.permissions import Permission
from mara.assembly.imports.desk import BuildRequest, ImportDesk
from mara.assembly.imports.folder import MOST_NAME_CHARACTERS
from mara.assembly.imports.reports import InspectionOrder, OwnTable
from mara.errors import CommandError
from mara.feeds.markets.reading.series import Fill
from mara.signals.meters.telemetry_json import Time

MAY_IMPORT: Final = (requires(Permission.IMPORT),)
MOST_SPEC_CHARACTERS: Final = 60_000
"""Characters of a SPEC; a longer one is built on the command line."""
FileName = Annotated[str, Path(min_length=1, max_length=MOST_NAME_CHARACTERS)]
MarketPath = Annotated[str, Field(min_length=1, max_length=1_000)]


class _ImportInput(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class OwnTableInput(_ImportInput):
    """The layout of a file as its user describes it.

    Attributes:
        table: the table `csv` of a SPEC.
    """

    quantity: Annotated[str, Field(max_length=20)]
    table: Annotated[dict[str, JsonValue], Field(max_length=40)]


class InspectInput(_ImportInput):
    """Files to be inspected together.

    Attributes:
        layouts: the layout that was chosen for a file, by its name.
        csv: the layout that was described for a file, by its name.
        find, skip: which of many series are described: those with a text in their names, without the first of them.
    """

    files: Annotated[list[MarketPath], Field(min_length=1, max_length=100)]
    layouts: dict[MarketPath, str] = Field(default_factory=dict)
    csv: Annotated[dict[MarketPath, OwnTableInput], Field(max_length=100)] = Field(default_factory=dict)
    find: Annotated[str, Field(max_length=200)] = ""
    skip: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class BuildInput(_ImportInput):
    """A history to be built; `from` and `to` are left out for what all sources cover."""

    name: Annotated[str, Field(max_length=60)]
    spec: Annotated[str, Field(max_length=MOST_SPEC_CHARACTERS)]
    from_: Annotated[Time | None, Field(alias="from")] = None
    to: Time | None = None
    fill: Annotated[Fill, Field(strict=False)] = Fill.NONE


class RestoreEntryInput(_ImportInput):
    """An entry of the trash."""

    entry: Annotated[str, Field(max_length=60)]


def import_routes(desk: ImportDesk) -> APIRouter:
    """Build every call on market files and histories."""
    router = APIRouter(prefix="/api", responses=documented(401, 403, 409, 413, 422, 429, 503))
    _add_files(router, desk)
    _add_builds(router, desk)
    _add_histories(router, desk)
    return router


def _add_files(router: APIRouter, desk: ImportDesk) -> None:
    @router.get("/imports/files", dependencies=MAY_IMPORT)
    async def files() -> dict[str, Any]:
        """List the market files, the newest first."""
        return {"files": [_json(file) for file in await desk.files()]}

    @router.put("/imports/uploads/{name}", status_code=201, dependencies=MAY_IMPORT)
    async def upload(name: FileName, request: Request) -> dict[str, Any]:
        """Take in a file: its bytes are the body. One that is in no layout is not kept."""
        try:
            path, layouts = await desk.receive(name, request.stream())
        except ClientDisconnect as error:
            raise CommandError(f"{name!r} was not sent whole, nothing of it is kept: send it again") from error
        return {"file": path, "layouts": layouts}

    @router.delete("/imports/uploads/{name}", dependencies=MAY_IMPORT)
    async def remove_file(name: FileName) -> dict[str, Any]:
        """Delete a file that was sent over the network; `entry` brings it back."""
        return {"entry": await desk.remove_file(f"uploads/{name}")}

    @router.post("/imports/inspect", dependencies=MAY_IMPORT)
    async def inspect(body: InspectInput) -> dict[str, Any]:
        """Report on files as `mara import inspect --json` does."""
        asked = InspectionOrder(
            files=body.files,
            layouts=body.layouts,
            own={name: OwnTable(quantity=one.quantity, table=one.table) for name, one in body.csv.items()},
            find=body.find,
            skip=body.skip,
        )
        return {"reports": json_value(await desk.inspect(asked))}


def _add_builds(router: APIRouter, desk: ImportDesk) -> None:
    @router.post("/imports/build", status_code=202, dependencies=MAY_IMPORT)
    async def build(body: BuildInput) -> dict[str, Any]:
        """Begin to build a history from a SPEC whose paths start from the import folder."""
        request = BuildRequest(name=body.name, spec=body.spec, from_=body.from_, to=body.to, fill=str(body.fill))
        return _json(await desk.build(request))

    @router.get("/imports/build", dependencies=MAY_IMPORT)
    async def status() -> dict[str, Any]:
        """Tell how far the build under way is, or how the last one ended."""
        return _json(desk.status())

    @router.delete("/imports/build", dependencies=MAY_IMPORT)
    async def cancel() -> dict[str, Any]:
        """Cancel the build under way, of which nothing stays."""
        await desk.cancel()
        return _json(desk.status())


def _add_histories(router: APIRouter, desk: ImportDesk) -> None:
    @router.get("/histories")
    async def histories() -> dict[str, Any]:
        """List the histories that come with Mara and those that were built here."""
        return {"histories": [_json(card) for card in desk.histories()]}

    @router.delete("/histories/{name}", dependencies=MAY_IMPORT)
    async def delete_history(name: FileName) -> dict[str, Any]:
        """Delete a history that was built here; `entry` brings it back."""
        return {"entry": await desk.delete_history(name)}

    @router.get("/imports/deleted", dependencies=MAY_IMPORT)
    async def deleted() -> dict[str, Any]:
        """List what was deleted and can be brought back."""
        return {"deleted": [_json(one) for one in desk.deleted()]}

    @router.post("/imports/restore", dependencies=MAY_IMPORT)
    async def restore(body: RestoreEntryInput) -> dict[str, Any]:
        """Bring back what was deleted."""
        return _json(await desk.restore(body.entry))


def _json(record: Any) -> dict[str, Any]:
    """Write a record as JSON has it."""
    plain = json_value(asdict(record))
    assert isinstance(plain, dict)
    return plain
