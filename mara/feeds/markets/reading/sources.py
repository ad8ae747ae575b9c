"""Files from outside, plain, gzip or in a zip: bytes, first lines, hashes."""

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from mara.errors import FeedInvalid

HEAD_BYTES: Final = 65_536
"""Bytes of a file in which its header must be found."""
MOST_MEMBERS: Final = 20_000
"""Files in one zip; a year of five-minute reports has 9,000 or so each month."""
MOST_MEMBER_BYTES: Final = 4_000_000_000
MOST_WHOLE_BYTES: Final = 400_000_000
"""Bytes of a file that has to be held whole to be read: XML, JSON, workbooks."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZIP_MAGIC: Final = b"PK\x03\x04"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK: Final = "xl/workbook.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, or one in a zip, perhaps in a zip within.

    Attributes:
        members: names of the files within, outermost first; empty for a file by itself.
    """

    path: Path
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name for messages: the path, then the names within."""
        return "!".join((str(self.path), *self.members))

    @property
    def file_name(self) -> str:
        """The last part of its name, which may carry a date."""
        return PurePosixPath(self.members[-1]).name if self.members else self.path.name

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The bytes, out of gzip and zip.

        Raises:
            FeedInvalid: missing, a folder, not readable, or a damaged archive.
        """
        try:
            with self.path.open("rb") as file, ExitStack() as within:
                stream: BinaryIO = file
                for member in self.members:
                    archive = within.enter_context(zipfile.ZipFile(_seekable(stream)))
                    stream = within.enter_context(archive.open(member))  # type: ignore[assignment]
                start = stream.read(2)
                stream.seek(0)
                yield gzip.GzipFile(fileobj=stream) if start == _GZIP_MAGIC else stream  # type: ignore[misc]
        except FileNotFoundError as error:
            raise FeedInvalid(f"{self.name} is missing: add it, or correct the name") from error
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise FeedInvalid(
                f"{self.name} cannot be read ({error}): fetch it again, or mend its permissions"
            ) from error

    def head(self) -> bytes:
        """The first bytes.

        Raises:
            FeedInvalid: as `opened`, or text that is UTF-16.
        """
        with self.opened() as stream:
            first = stream.read(HEAD_BYTES)
        if first[:2] in _UTF16_MARKS:
            raise self.refusal("should be UTF-8 text, but is UTF-16 ('Unicode text'): save it as CSV UTF-8")
        return first

    def whole(self) -> bytes:
        """All bytes.

        Raises:
            FeedInvalid: as `opened`, or more than a file that is held whole may have.
        """
        with self.opened() as stream:
            read = stream.read(MOST_WHOLE_BYTES + 1)
        if len(read) > MOST_WHOLE_BYTES:
            raise self.refusal(f"should have at most {MOST_WHOLE_BYTES:,} bytes, has more: split it")
        return read

    def refusal(self, text: str, line: int | None = None) -> FeedInvalid:
        """The error of one line that names this file."""
        place = f" line {line}" if line is not None else ""
        return FeedInvalid(f"{self.name}{place}: {' '.join(text.split())}")


def sources_of(path: Path) -> tuple[Source, ...]:
    """The file itself, or the files in a zip; a workbook counts as one file.

    Raises:
        FeedInvalid: missing, no file, an empty or damaged archive.
    """
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise FeedInvalid(f"{path} should be a file, is a folder or a device: name the files in it")
    found = tuple(_within(Source(path=path), 0))
    if not found:
        raise FeedInvalid(f"{path} should have files within, is an empty archive: fetch it again")
    return found


def sha256_of(path: Path) -> str:
    """The hash of the file as it lies there."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown(text: str, most: int = 60) -> str:
    """A value as a message repeats it: quoted, on one line, cut."""
    return repr(text if len(text) <= most else text[:most] + "…")


def _within(source: Source, depth: int) -> Iterator[Source]:
    with source.opened() as stream:
        if stream.read(4) != _ZIP_MAGIC:
            yield source
            return
        stream.seek(0)
        listed = zipfile.ZipFile(_seekable(stream)).infolist()
    names = [member for member in listed if not member.is_dir() and not member.filename.startswith("__MACOSX/")]
    if any(member.filename == _WORKBOOK for member in names) or depth > 1:
        yield source
        return
    if len(names) > MOST_MEMBERS:
        raise source.refusal(f"should hold at most {MOST_MEMBERS:,} files, holds {len(names):,}: split it")
    for member in sorted(names, key=lambda one: one.filename):
        if member.file_size > MOST_MEMBER_BYTES:
            raise source.refusal(f"{member.filename} should unpack to at most 4 GB, is larger: split it")
        within = Source(path=source.path, members=(*source.members, member.filename))
        if re.search(r"\.zip$", member.filename, re.IGNORECASE):
            yield from _within(within, depth + 1)
        else:
            yield within


def _seekable(stream: BinaryIO) -> BinaryIO:
    """The stream itself, or a zip within a zip as a copy in memory."""
    return io.BytesIO(stream.read()) if isinstance(stream, zipfile.ZipExtFile) else stream
