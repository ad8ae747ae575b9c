"""The import desk: everything that screens and the API may do with market files.

Each call is judged before it comes here: over the API by its route, on screens by `pages.authorization`. Refusals
name files as the import folder knows them, never their place on the server.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import StringConstraints, TypeAdapter, ValidationError

from mara.assembly.imports.builder import Builder, BuildJob, BuildStatus
from mara.assembly.imports.catalogue import HistoryCard, built_cards, shipped_cards
from mara.assembly.imports.draft import ImportDraft, spec_text
from mara.assembly.imports.folder import UPLOADS, ImportFolder, MarketFile, spec_name
from mara.assembly.imports.reports import InspectionOrder, reports_on
from mara.assembly.imports.specs import bring_hashprices, checked_spec
from mara.assembly.imports.trash import HISTORIES, Deleted
from mara.errors import CommandError, ConfigError, FeedError, FeedInvalid
from mara.feeds.files.shipped_histories import shipped_folder
from mara.feeds.markets.declaration import CSV_LAYOUT
from mara.feeds.markets.inspection import fitting_layouts
from mara.feeds.markets.outline import outline_of
from mara.feeds.markets.reading.series import Fill
from mara.feeds.markets.reading.sources import sources_of
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.clock import Clock

MOST_INSPECTED: Final = 100
"""Files of one inspection."""
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,59}$"
_NAME: Final = TypeAdapter(Annotated[str, StringConstraints(pattern=NAME_PATTERN)])

Note = Callable[[Actor, str], None]
"""Writes a line of the access log."""

log = logging.getLogger("mara.imports")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """A history that is asked for.

    Attributes:
        spec: text of a SPEC whose paths start from the import folder.
        from_, to: None for what all sources cover.
        fill: what is done where a value is missing: none or carry.
    """

    name: str
    spec: str
    from_: datetime | None = None
    to: datetime | None = None
    fill: str = str(Fill.NONE)


class ImportDesk:
    """Market files, their inspection, histories built from them, and the trash.

    Attributes:
        version: grows whenever the list of histories or the build under way changes.
    """

    def __init__(self, folder: ImportFolder, clock: Clock) -> None:
        self.folder = folder
        self._clock = clock
        self._builder = Builder(self._conclude)
        self._changes = 0
        self._note: Note | None = None
        self._inspecting = asyncio.Lock()
        self._shipped: tuple[HistoryCard, ...] = ()
        self._built: tuple[HistoryCard, ...] | None = None
        folder.remove_unfinished(HISTORIES, UPLOADS)
        if folder.root is not None:
            folder.trash.purge(clock.now())

    @property
    def version(self) -> int:
        return self._changes + self._builder.status.version

    @property
    def histories_folder(self) -> Path | None:
        """Folder of the histories that were built here, which everybody may run."""
        return None if self.folder.root is None else self.folder.root / HISTORIES

    def write_notes_to(self, note: Note) -> None:
        """Have builds and deletions written to the access log too."""
        self._note = note

    def status(self) -> BuildStatus:
        """Return the state of the build under way, or of the last one."""
        status = self._builder.status
        report = None if status.report is None else {**status.report, "out": f"{HISTORIES}/{status.name}"}
        return replace(status, reason=self.folder.told(status.reason), report=report)

    def histories(self) -> tuple[HistoryCard, ...]:
        """List the shipped histories and those built here, by name."""
        self._shipped = self._shipped or shipped_cards()
        if self._built is None:
            folder = self.histories_folder
            self._built = () if folder is None else built_cards(folder)
        return self._shipped + self._built

    def place_of(self, card: HistoryCard) -> str:
        """Return what a listed history is read from: a shipped one's name, or a folder."""
        if card.is_shipped or self.histories_folder is None:
            return card.name
        return str(self.histories_folder / card.name)

    def deleted(self) -> tuple[Deleted, ...]:
        """List what can be brought back, the newest first."""
        return () if self.folder.root is None else self.folder.trash.deleted()

    async def files(self) -> tuple[MarketFile, ...]:
        """List the market files, the newest first."""
        return await asyncio.to_thread(self.folder.files)

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> tuple[str, tuple[str, ...]]:
        """Take in a file over the network.

        Returns:
            Its path in the import folder, and the ids of the layouts that its content fits; `csv` for a text table that
            fits none, which its user may describe.

        Raises:
            CommandError: it is refused, and nothing of it is kept.
        """
        path = await self.folder.receive(name, chunks)
        try:
            layouts = await asyncio.to_thread(_layouts_of, path)
        except (FeedError, ConfigError) as error:
            path.unlink(missing_ok=True)
            raise CommandError(self.folder.told(error)) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        await self._write_note(f"market file {UPLOADS}/{name} uploaded")
        return f"{UPLOADS}/{name}", layouts

    async def remove_file(self, name: str) -> str:
        """Delete a file that came over the network; returns its entry in the trash.

        Raises:
            CommandError: no such file, or one that was put there on the server.
        """
        if not name.startswith(f"{UPLOADS}/"):
            raise CommandError(f"{name[:80]!r} was put there on the server: remove it there")
        self.folder.path_of(name)
        entry = await asyncio.to_thread(self.folder.trash.discard, [name], self._clock.now())
        await self._write_note(f"market file {name} deleted")
        self._changes += 1
        return entry

    async def inspect(self, asked: InspectionOrder) -> list[dict[str, Any]]:
        """Report on files: a report by layout, a refusal, or layouts to choose from.

        A task that is cancelled meanwhile has the reading end at its next batch of rows.

        Raises:
            CommandError: no files, too many, or one that is none of the folder's.
        """
        if not 1 <= len(asked.files) <= MOST_INSPECTED:
            raise CommandError(
                f"1 to {MOST_INSPECTED} files can be inspected at once, came {len(asked.files)}: choose some"
            )
        paths = {name: self.folder.path_of(name) for name in dict.fromkeys(asked.files)}
        ended = threading.Event()

        def go_on() -> None:
            if ended.is_set():
                raise CommandError("the inspection was cancelled")

        async with self._inspecting:  # one at a time, so that files are not held in memory by the dozen
            reading = asyncio.create_task(asyncio.to_thread(reports_on, asked, paths, self.folder, go_on))
            try:
                return await asyncio.shield(reading)
            except asyncio.CancelledError:
                ended.set()
                await asyncio.wait([reading])  # the next one begins when this one has let go of its memory
                reading.exception()  # which is seen, and of no use
                raise

    async def spec_of(self, draft: ImportDraft) -> str:
        """Write a draft as the text of a SPEC, and check it.

        Raises:
            CommandError: it cannot be used, or leads out of the import folder.
        """
        text = spec_text(draft)
        if draft.bitcoin.shipped:
            await asyncio.to_thread(bring_hashprices, draft.bitcoin.shipped, self.folder)
        await asyncio.to_thread(checked_spec, text, self.folder)
        return text

    async def build(self, request: BuildRequest) -> BuildStatus:
        """Begin to build a history.

        Raises:
            CommandError: a name that is taken, a SPEC that cannot be used, or another build is under way.
        """
        try:
            name = _NAME.validate_python(request.name)
        except ValidationError as error:
            raise CommandError(
                "a history's name should have 1 to 60 small letters, digits, _ and -, came "
                f"{request.name[:40]!r}: choose another"
            ) from error
        if request.fill not in set(Fill):
            raise CommandError(
                f"a missing value should be filled by {' or '.join(Fill)}, came {request.fill[:20]!r}: correct it"
            )
        root = self.folder.required()
        await asyncio.to_thread(checked_spec, request.spec, self.folder)
        spec_file, out = root / spec_name(name), root / HISTORIES / name
        if spec_file.exists() or out.exists() or shipped_folder(name) is not None:
            raise CommandError(f"a history {name} is there already: choose another name, or delete it first")
        if self._builder.status.state == "running":
            raise CommandError(f"{self._builder.status.name} is being built, one at a time: wait or cancel it")
        try:
            await asyncio.to_thread(_write, spec_file, request.spec)
        except OSError as error:
            raise CommandError(f"the SPEC was not kept ({error.strerror}): make room on the server") from error
        job = BuildJob(
            name=name,
            spec_file=spec_file,
            out=out,
            from_s=_seconds(request.from_),
            to_s=_seconds(request.to),
            fill=Fill(request.fill),
        )
        self._builder.start(job)
        self._changes += 1
        await self._write_note(f"history {name} ordered to be built")
        return self.status()

    async def cancel(self) -> None:
        """End the build under way, of which nothing stays."""
        name, state = self._builder.status.name, self._builder.status.state
        await asyncio.to_thread(self._builder.cancel)
        if state == "running":
            await self._write_note(f"build of history {name} cancelled")

    async def delete_history(self, name: str) -> str:
        """Move a history and its SPEC to the trash; returns the entry there.

        Raises:
            CommandError: no such history, or one that comes with Mara.
        """
        card = next((card for card in self.histories() if card.name == name), None)
        if card is None or card.is_shipped:
            why = "comes with Mara and cannot be deleted" if card else "is none of the histories built here"
            raise CommandError(f"{name[:80]!r} {why}: name one that was built here")
        names = [f"{HISTORIES}/{name}", spec_name(name)]
        entry = await asyncio.to_thread(self.folder.trash.discard, names, self._clock.now())
        self._forget()
        await self._write_note(f"history {name} deleted")
        return entry

    async def restore(self, entry: str) -> Deleted:
        """Bring back what was deleted.

        Raises:
            CommandError: it is no longer there, or its name is taken.
        """
        found = await asyncio.to_thread(self.folder.trash.restore, entry)
        self._forget()
        await self._write_note(f"{found.names[0]} brought back")
        return found

    def close(self) -> None:
        """End the build under way with the server."""
        self._builder.cancel()

    def _conclude(self, job: BuildJob, is_done: bool) -> None:
        """Tidy up after a build: its SPEC stays only beside its history."""
        if not is_done:
            job.spec_file.unlink(missing_ok=True)
            self.folder.remove_unfinished(HISTORIES)
        log.info("build of a history ended", extra={"history": job.name, "is_done": is_done})
        self._forget()

    def _forget(self) -> None:
        self._built = None
        self._changes += 1

    async def _write_note(self, text: str) -> None:
        """Write who changed something to the log, and to the access log if there is one."""
        actor = ACTOR.get()
        log.info(text, extra={"by": actor.name, "address": actor.address})
        if self._note is not None:
            await asyncio.to_thread(self._note, actor, text)


def _layouts_of(path: Path) -> tuple[str, ...]:
    """Ids of the layouts of a file that may be kept.

    Raises:
        FeedInvalid: it is in none, and no text table either.
    """
    try:
        return tuple(layout for ids in fitting_layouts(path).values() for layout in ids)
    except FeedInvalid:
        if outline_of(sources_of(path)[0]) is None:
            raise
        return (CSV_LAYOUT,)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
