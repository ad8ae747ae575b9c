"""Access to files, plain, gzipped or in a zip: bytes, first lines, hashes."""

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, cast

from mara.errors import FeedInvalid

HEAD_BYTES: Final = 65_536
"""Number of first bytes of a file in which its header must be found."""
MOST_MEMBERS: Final = 20_000
"""Most files in one zip; a month of five-minute reports has about 9,000."""
MOST_UNPACKED_BYTES: Final = 4_000_000_000
"""Most bytes that a packed file may unpack to, all files within together.

A year of prices at every point of a large market has about 2 GB.
"""
MOST_WHOLE_BYTES: Final = 400_000_000
"""Most bytes of a file that is read as a whole.

Such are XML, JSON, workbooks and a zip within a zip.
"""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZIP_MAGIC: Final = b"PK\x03\x04"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK: Final = "xl/workbook.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, or one within a zip, at any depth.

    Attributes:
        members: names of the files within, outermost first; empty for a file by itself.
    """

    path: Path
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name for messages: the path, then the names within."""
        return "!".join((str(self.path), *self.members))

    @property
    def file_name(self) -> str:
        """The last part of the name, which may contain a date."""
        return PurePosixPath(self.members[-1]).name if self.members else self.path.name

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the file's bytes, unpacked from gzip and zip.

        Raises:
            FeedInvalid: the file is missing, a folder, not readable, or a damaged archive.
        """
        try:
            with ExitStack() as within:
                stream = cast(BinaryIO, within.enter_context(self._outermost()))
                for member in self.members[1:]:
                    archive = within.enter_context(zipfile.ZipFile(self.seekable(stream)))
                    stream = cast(BinaryIO, within.enter_context(archive.open(member)))
                start = stream.read(2)
                stream.seek(0)
                if start == _GZIP_MAGIC:
                    # a zip says what its members unpack to, and gives no more of them; gzip unpacks without end
                    stream = cast(BinaryIO, _Unpacked(gzip.GzipFile(fileobj=stream), self))
                yield stream
        except FileNotFoundError as error:
            raise FeedInvalid(f"{self.name} is missing: add it, or correct the name") from error
        except zipfile.BadZipFile as error:
            raise FeedInvalid(
                f"{self.name} should be a whole zip archive, is damaged ({error}): fetch it again"
            ) from error
        except (OSError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
            raise FeedInvalid(
                f"{self.name} cannot be read ({error}): fetch it again, or mend its permissions"
            ) from error

    def _outermost(self) -> IO[bytes]:
        """Open the file itself, or the outermost of the files within it."""
        if not self.members:
            return self.path.open("rb")
        now = self.path.stat()
        return _archive(self.path, now.st_mtime_ns, now.st_size, now.st_ino).open(self.members[0])

    def head(self) -> bytes:
        """The first `HEAD_BYTES` bytes.

        Raises:
            FeedInvalid: as `opened`, or the text is UTF-16.
        """
        with self.opened() as stream:
            first = stream.read(HEAD_BYTES)
        if first[:2] in _UTF16_MARKS:
            raise self.refusal("should be UTF-8 text, but is UTF-16 ('Unicode text'): save it as CSV UTF-8")
        return first

    def whole(self) -> bytes:
        """All bytes of the file.

        Raises:
            FeedInvalid: as `opened`, or the file has more than `MOST_WHOLE_BYTES`.
        """
        with self.opened() as stream:
            read = stream.read(MOST_WHOLE_BYTES + 1)
        if len(read) > MOST_WHOLE_BYTES:
            raise self.refusal(f"should have at most {MOST_WHOLE_BYTES:,} bytes, has more: split it")
        return read

    def seekable(self, stream: BinaryIO) -> BinaryIO:
        """Return a seekable stream: itself, or for a zip within a zip a copy in memory."""
        if not isinstance(stream, zipfile.ZipExtFile | _Unpacked):
            return stream
        read = stream.read(MOST_WHOLE_BYTES + 1)
        if len(read) > MOST_WHOLE_BYTES:
            raise self.refusal(f"a zip within should have at most {MOST_WHOLE_BYTES:,} bytes, has more: unpack it")
        return io.BytesIO(read)

    def unpacks_too_far(self) -> FeedInvalid:
        """Make the error of a packed file that unpacks to more than is read."""
        return self.refusal(
            f"should unpack to at most {MOST_UNPACKED_BYTES:,} bytes, unpacks to more: split it, or fetch it again if "
            "it should not be as large"
        )

    def refusal(self, text: str, line: int | None = None) -> FeedInvalid:
        """Make a one-line error that names this file."""
        place = f" line {line}" if line is not None else ""
        return FeedInvalid(f"{self.name}{place}: {' '.join(text.split())}")


def sources_of(path: Path) -> tuple[Source, ...]:
    """List the file itself, or the files in a zip; a workbook counts as one file.

    Raises:
        FeedInvalid: the path is missing or no file, or the archive is empty or damaged.
    """
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise FeedInvalid(f"{path} should be a file, is a folder or a device: name the files in it")
    found = tuple(_within(Source(path=path), 0, _Room(left=MOST_UNPACKED_BYTES)))
    if not found:
        raise FeedInvalid(f"{path} should have files within, is an empty archive: fetch it again")
    return found


def sha256_of(path: Path) -> str:
    """Hash the file as stored, still packed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown(text: str, most: int = 60) -> str:
    """Quote a value for a message, on one line and cut."""
    return repr(text if len(text) <= most else text[:most] + "…")


@lru_cache(maxsize=1)
def _archive(path: Path, *_as_it_is: int) -> zipfile.ZipFile:
    """Open a zip whose files are read one after another.

    The list of an archive's files is read once: a month of five-minute reports is read in time that grows with its
    files, not with their square.
    """
    return zipfile.ZipFile(path)


@dataclass(slots=True)
class _Room:
    """Bytes that the files of one archive may still unpack to."""

    left: int


def _within(source: Source, depth: int, room: _Room) -> Iterator[Source]:
    with source.opened() as stream:
        if stream.read(4) != _ZIP_MAGIC:
            yield source
            return
        stream.seek(0)
        listed = zipfile.ZipFile(source.seekable(stream)).infolist()
    names = [member for member in listed if not member.is_dir() and not member.filename.startswith("__MACOSX/")]
    if any(member.filename == _WORKBOOK for member in names) or depth > 1:
        yield source
        return
    if len(names) > MOST_MEMBERS:
        raise source.refusal(f"should hold at most {MOST_MEMBERS:,} files, holds {len(names):,}: split it")
    for member in sorted(names, key=lambda one: one.filename):
        room.left -= member.file_size
        if room.left < 0:
            raise source.unpacks_too_far()
        within = Source(path=source.path, members=(*source.members, member.filename))
        if re.search(r"\.zip$", member.filename, re.IGNORECASE):
            yield from _within(within, depth + 1, room)
        else:
            yield within


class _Unpacked(io.BufferedIOBase):
    """Bytes of a gzip file, up to the most that are read."""

    def __init__(self, stream: gzip.GzipFile, source: Source) -> None:
        self._stream, self._source = stream, source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def read(self, size: int | None = -1) -> bytes:
        """Read bytes.

        Raises:
            FeedInvalid: there are more than `MOST_UNPACKED_BYTES`.
        """
        read = self._stream.read(size)
        if self._stream.tell() > MOST_UNPACKED_BYTES:
            raise self._source.unpacks_too_far()
        return read

    def read1(self, size: int = -1) -> bytes:
        """Read at most what one call of the stream gives."""
        return self.read(size if size >= 0 else io.DEFAULT_BUFFER_SIZE)
