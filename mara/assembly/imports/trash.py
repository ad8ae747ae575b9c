"""The trash of the import folder, from which everything comes back for a while."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mara.core.units import SECONDS_PER_DAY
from mara.errors import CommandError

TRASH: Final = "trash"
HISTORIES: Final = "histories"
TRASH_DAYS: Final = 7
"""Time for which what was deleted can be brought back."""
MOST_AT_ONCE: Final = 1_000
"""Entries of one second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Something that was deleted and can be brought back.

    Attributes:
        entry: its name in the trash.
        names: the paths that it had in the import folder, the first of them the thing itself.
    """

    entry: str
    names: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trash:
    """Entries `trash/SECONDS-N/`, which hold things at the paths that they had.

    Attributes:
        root: the import folder.
    """

    root: Path

    def discard(self, names: Sequence[str], now: datetime) -> str:
        """Move files or folders to the trash; returns the entry that brings them back.

        Raises:
            CommandError: the disk refuses.
        """
        root = self.root
        self.purge(now)
        entry = _free_entry(root / TRASH, int(now.timestamp()))
        kept = root / TRASH / entry
        try:
            _move_all([(root / name, kept / name) for name in names if (root / name).exists()])
        except OSError as error:
            raise CommandError(f"{names[0]} was not deleted, {told_of(error)}") from error
        return entry

    def restore(self, entry: str) -> Deleted:
        """Bring back what an entry of the trash holds, all or nothing.

        Raises:
            CommandError: no such entry, or a name that is taken by now.
        """
        root = self.root
        found = next((one for one in self.deleted() if one.entry == entry), None)
        if found is None:
            raise CommandError("that is no longer in the trash: build or upload it again")
        taken = next((name for name in found.names if (root / name).exists()), None)
        if taken is not None:
            raise CommandError(f"{taken} is there again: delete or rename that first")
        try:
            _move_all([(root / TRASH / entry / name, root / name) for name in found.names])
        except OSError as error:
            raise CommandError(f"{found.names[0]} was not brought back, {told_of(error)}") from error
        shutil.rmtree(root / TRASH / entry, ignore_errors=True)
        return found

    def deleted(self) -> tuple[Deleted, ...]:
        """List what can be brought back, the newest first."""
        trash = self.root / TRASH
        if not trash.is_dir():
            return ()
        entries = sorted((path for path in trash.iterdir() if _deleted_s(path) is not None), reverse=True)
        return tuple(
            Deleted(
                entry=path.name,
                names=names,
                until=datetime.fromtimestamp((_deleted_s(path) or 0) + TRASH_DAYS * SECONDS_PER_DAY, UTC),
            )
            for path in entries
            if (names := tuple(_kept_in(path)))
        )

    def purge(self, now: datetime) -> None:
        """Remove for good what was deleted long ago."""
        for one in self.deleted():
            if one.until <= now:
                shutil.rmtree(self.root / TRASH / one.entry, ignore_errors=True)


def told_of(error: OSError) -> str:
    """Say in words why the disk refused something."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the disk is full: make room on the server"
    return f"the disk refuses ({error.strerror}): mend the import folder's permissions"


def _kept_in(entry: Path) -> Iterator[str]:
    """Name what an entry of the trash holds: histories as folders, all else as files."""
    histories = entry / HISTORIES
    if histories.is_dir():
        yield from (f"{HISTORIES}/{path.name}" for path in sorted(histories.iterdir()))
    for folder, _, names in os.walk(entry):
        if not Path(folder).is_relative_to(histories):
            yield from (Path(folder, name).relative_to(entry).as_posix() for name in sorted(names))


def _free_entry(trash: Path, at_s: int) -> str:
    return next(name for number in range(MOST_AT_ONCE) if not (trash / (name := f"{at_s}-{number}")).exists())


def _deleted_s(entry: Path) -> int | None:
    """Return the time of a deletion, in seconds; None for other names."""
    seconds, _, number = entry.name.partition("-")
    return int(seconds) if seconds.isdecimal() and number.isdecimal() else None


def _move_all(moves: Sequence[tuple[Path, Path]]) -> None:
    """Move files or folders, each from a path to another; all or none.

    Raises:
        OSError: the disk refuses; those that were moved are back.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
            moved.append((source, target))
    except OSError:
        for source, target in moved:
            with suppress(OSError):
                os.replace(target, source)
        raise
