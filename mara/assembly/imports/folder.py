"""Import folder: market files, histories built from them, and the trash.

    FILE, sub/FILE      market files that somebody put there
    uploads/FILE        market files that came over the network
    histories/NAME/     histories; NAME.toml in the import folder is the SPEC of each
    shipped/            hashprices that come with Mara, where a SPEC takes them
    trash/SECONDS-N/    what was deleted, at the paths that it had

Nothing outside of it is read or written, whatever a name says and wherever a link leads.
"""

import asyncio
import errno
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile, _TemporaryFileWrapper
from typing import Final

from mara.assembly.imports.trash import HISTORIES, TRASH, Trash, told_of
from mara.errors import CommandError

UPLOADS: Final = "uploads"
SHIPPED: Final = "shipped"
MOST_FILES: Final = 2_000
MOST_NAME_CHARACTERS: Final = 200
LEAST_FREE_BYTES: Final = 200_000_000
"""Room on the disk that an upload leaves to the run."""
BYTES_PER_MB: Final = 1_000_000
_UNFIT: Final = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")
_SPEC: Final = ".toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFile:
    """A file that can be inspected.

    Attributes:
        name: its path in the import folder, with slashes.
    """

    name: str
    size_bytes: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFolder:
    """The folder, which is made when something is first put into it.

    Attributes:
        root: None where this server has none.
        most_bytes: size of the largest file that is taken over the network.
    """

    root: Path | None
    most_bytes: int

    def required(self) -> Path:
        """Return the folder.

        Raises:
            CommandError: this server has none.
        """
        if self.root is None:
            raise CommandError(
                "this server has no import folder, since a database server remembers its run: set MARA_IMPORT_FOLDER"
            )
        return self.root

    @property
    def trash(self) -> Trash:
        """Return the trash of the folder.

        Raises:
            CommandError: this server has none.
        """
        return Trash(root=self.required())

    def files(self) -> tuple[MarketFile, ...]:
        """List the market files, those that were put there last first."""
        if self.root is None or not self.root.is_dir():
            return ()
        found = []
        for path in _walked(self.root):
            with suppress(OSError, CommandError):
                self.path_of(path.relative_to(self.root).as_posix())
                status = path.stat()
                changed_at = datetime.fromtimestamp(status.st_mtime, UTC)
                name = path.relative_to(self.root).as_posix()
                found.append(MarketFile(name=name, size_bytes=status.st_size, changed_at=changed_at))
            if len(found) == MOST_FILES:
                break
        return tuple(sorted(found, key=lambda file: (-file.changed_at.timestamp(), file.name)))

    def path_of(self, name: str) -> Path:
        """Find a market file by its path in the folder.

        Raises:
            CommandError: no such file, or a name or link that leads out of the folder.
        """
        root = self.required().resolve()
        path = self.required() / _inside(name)
        try:
            found = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            raise CommandError(f"{name[:80]!r} should be a file in the import folder, is none: choose one") from None
        if not found.is_relative_to(root):
            raise CommandError(f"{name[:80]!r} leads out of the import folder: copy the file into it")
        if not found.is_file():
            raise CommandError(f"{name[:80]!r} should be a file, is a folder or a device: name the files in it")
        return path

    def refuse_outside(self, patterns: Sequence[str]) -> None:
        """Refuse patterns of files that lead out of the folder.

        Raises:
            CommandError: an absolute path, a step upwards, or a link that leads out.
        """
        root = self.required().resolve()
        for pattern in patterns:
            inside = _inside(pattern)
            try:
                found = [path.resolve() for path in root.glob(str(inside))]
            except (ValueError, OSError, RuntimeError, NotImplementedError):
                raise CommandError(f"{pattern[:80]!r} should be a name or a pattern of files: correct it") from None
            if not all(path.is_relative_to(root) for path in found):
                raise CommandError(f"{pattern[:80]!r} leads out of the import folder: copy the file into it")

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> Path:
        """Write a file as it comes; the folder keeps it whole or not at all.

        Raises:
            CommandError: a name that cannot be kept or is taken, too many bytes, or no room on the disk.
        """
        target = self.required() / UPLOADS / _fit(name)
        try:
            unfinished = await asyncio.to_thread(self._begun, target)
            try:
                await self._write(unfinished, name, chunks)
                await asyncio.to_thread(os.replace, unfinished.name, target)
            finally:
                unfinished.close()
                with suppress(FileNotFoundError):
                    os.unlink(unfinished.name)
        except OSError as error:
            raise CommandError(f"{name!r} was not kept, {told_of(error)}") from error
        return target

    def remove_unfinished(self, *names: str) -> None:
        """Remove what builds or uploads left in these folders when they were killed."""
        if self.root is None:
            return
        for folder in (self.root / name for name in names):
            for path in folder.glob(".*") if folder.is_dir() else ():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _begun(self, target: Path) -> "_TemporaryFileWrapper[bytes]":
        """Open the file that becomes `target`, in the same folder."""
        if target.exists():
            raise CommandError(f"{target.name!r} is there already: rename the file, or remove the other first")
        target.parent.mkdir(parents=True, exist_ok=True)
        return NamedTemporaryFile(prefix=".upload-", dir=target.parent, delete=False)

    def told(self, said: object) -> str:
        """Take the folder's place on the server out of a message."""
        return str(said).replace(f"{self.root}/", "")

    async def _write(self, file: "_TemporaryFileWrapper[bytes]", name: str, chunks: AsyncIterator[bytes]) -> None:
        written = 0
        free_bytes = shutil.disk_usage(self.required()).free - LEAST_FREE_BYTES
        async for chunk in chunks:
            written += len(chunk)
            if written > self.most_bytes:
                raise CommandError(
                    f"{name!r} should have at most {self.most_bytes // BYTES_PER_MB:,} MB, has more: split it, put it "
                    "into the import folder on the server, or raise MARA_IMPORT_MAX_MB"
                )
            if written > free_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            await asyncio.to_thread(file.write, chunk)
        if not written:
            raise CommandError(f"{name!r} is empty: choose the file again")
        await asyncio.to_thread(file.flush)


def spec_name(history: str) -> str:
    """Return the path of a history's SPEC in the import folder."""
    return history + _SPEC


def _inside(name: str) -> PurePosixPath:
    """Read a path in the folder, which goes neither up nor to our own folders."""
    path = PurePosixPath(name)
    is_ours = path.parts[:1] in {(TRASH,), (HISTORIES,)}
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name or is_ours:
        raise CommandError(f"{name[:80]!r} should be a path inside the import folder: choose a file from its list")
    return path


def _fit(name: str) -> str:
    """Return a file's name that can be kept as it is."""
    if (
        not name
        or len(name.encode(errors="replace")) > MOST_NAME_CHARACTERS
        or name.startswith(".")
        or _UNFIT.search(name)
    ):
        raise CommandError(
            f"a file's name should have 1 to {MOST_NAME_CHARACTERS} characters, no slash and no point in front, came "
            f"{name[:40]!r}: rename it"
        )
    return name


def _walked(root: Path) -> Iterator[Path]:
    """Walk over the files that somebody put there, hidden ones and SPECs left out."""
    for folder, folders, names in os.walk(root, followlinks=False):
        ours = {TRASH, HISTORIES, SHIPPED} if Path(folder) == root else set()
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in ours)
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith(".") and name[-5:] != _SPEC)
