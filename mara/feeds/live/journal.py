"""A journal of what live sources told and when: a folder with a file for each day.

A line is a JSON object with a checksum before it. Lines are only ever added; one that a crash cut short is left out.
"""

import fcntl
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import FileIO
from math import isnan
from pathlib import Path
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.errors import ConfigError, FeedInvalid

SUFFIX: Final = ".jsonl"
LOCK_FILE: Final = "writer.lock"
LISTENED: Final = ""
"""Name in the lines that only say that Mara was listening."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ToldValues:
    """Values that a source told, by half-open intervals in the order of time.

    Attributes:
        columns: values by field (N,), NaN where a row has none.
    """

    begin_s: Ints
    end_s: Ints
    columns: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JournalEntry:
    """A line of the journal.

    Attributes:
        source: name of the source; empty in a line that only says that Mara was listening.
        told: None in such a line.
    """

    known_at_s: int
    source: str
    told: ToldValues | None


def with_rows(told: ToldValues, rows: Ints) -> ToldValues:
    """Return a copy with only the rows of some indices (N,)."""
    columns = {name: column[rows] for name, column in told.columns.items()}
    return replace(told, begin_s=told.begin_s[rows], end_s=told.end_s[rows], columns=columns)


def entries_in(folder: Path, from_s: int = 0) -> Iterator[JournalEntry]:
    """Yield the entries of a journal, oldest first, from the day of an instant on.

    Raises:
        FeedInvalid: a line within the journal is damaged.
    """
    first = datetime.fromtimestamp(from_s, UTC).date().isoformat()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.stem < first:
            continue
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            yield _entry_of(line, path, number)


def faults_in(folder: Path) -> Iterator[str]:
    """Yield what is wrong in a journal: damaged lines, and lines out of order.

    A line cut short at the end of the newest file is no fault: a crash leaves one, and the next run cuts it off.
    """
    paths, last_s = sorted(folder.glob(f"*{SUFFIX}")), 0
    for path in paths:
        *lines, rest = path.read_bytes().split(b"\n")
        if rest and path != paths[-1]:
            yield f"{path} line {len(lines) + 1} is cut short, and later files follow: restore the file from a backup"
        for number, line in enumerate(lines, start=1):
            try:
                known_at_s = _entry_of(line, path, number).known_at_s
            except FeedInvalid as error:
                yield str(error)
                continue
            day = datetime.fromtimestamp(known_at_s, UTC).date().isoformat()
            if day != path.stem or known_at_s < last_s:
                what = f"of {day}" if day != path.stem else "earlier than the line before"
                yield f"{path} line {number} is {what}: lines are only ever added, restore the file from a backup"
            last_s = max(last_s, known_at_s)


def extent_of(folder: Path) -> tuple[int, int]:
    """Count a sound journal's lines, and say until when it tells [UTC seconds].

    Raises:
        FeedInvalid: the journal is damaged.
    """
    count = last_s = 0
    for entry in entries_in(folder):
        count, last_s = count + 1, entry.known_at_s
    return count, last_s


def is_journal(folder: Path) -> bool:
    """True if a folder has lines of a journal."""
    return any(folder.glob(f"*{SUFFIX}"))


class JournalWriter:
    """The one writer of a journal, which is locked while it is open.

    Raises:
        ConfigError: the folder cannot be written, or another process writes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day = ""
        self._file: FileIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / LOCK_FILE).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise ConfigError(f"{folder} is written by another process: name another MARA_FEED_JOURNAL") from error
        except OSError as error:
            raise ConfigError(
                f"{folder} cannot be written ({error.strerror}): name another MARA_FEED_JOURNAL"
            ) from error
        _cut_torn_line(folder)

    def append(self, entry: JournalEntry) -> None:
        """Add an entry, and wait until the disk has it.

        Raises:
            OSError: the disk did not take it.
        """
        day = datetime.fromtimestamp(entry.known_at_s, UTC).date().isoformat()
        if self._file is None or day != self._day:
            self._close_file()
            self._day, self._file = day, (self._folder / f"{day}{SUFFIX}").open("ab", buffering=0)
        self._file.write(_line_of(entry))
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the journal and give up its lock; harmless when repeated."""
        self._close_file()
        self._lock.close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _line_of(entry: JournalEntry) -> bytes:
    record: dict[str, Any] = {"known_at_s": entry.known_at_s}
    if entry.told is not None:
        told = entry.told
        record |= {
            "source": entry.source,
            "begin_s": told.begin_s.tolist(),
            "end_s": told.end_s.tolist(),
            "columns": {name: _nulls(column.tolist()) for name, column in told.columns.items()},
        }
    text = json.dumps(record, separators=(",", ":"), allow_nan=False).encode()
    return f"{zlib.crc32(text):08x} ".encode() + text + b"\n"


def _nulls(values: list[float]) -> list[float | None]:
    return [None if isnan(value) else value for value in values]


def _entry_of(line: bytes, path: Path, number: int) -> JournalEntry:
    checksum, _, text = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            raise ValueError("the checksum differs")
        record: Mapping[str, Any] = json.loads(text)
        if "source" not in record:
            return JournalEntry(known_at_s=record["known_at_s"], source=LISTENED, told=None)
        columns = {name: np.array(column, dtype=np.float64) for name, column in record["columns"].items()}
        told = ToldValues(
            begin_s=np.array(record["begin_s"], np.int64), end_s=np.array(record["end_s"], np.int64), columns=columns
        )
        return JournalEntry(known_at_s=record["known_at_s"], source=record["source"], told=told)
    except (ValueError, KeyError, TypeError) as error:
        raise FeedInvalid(
            f"{path} line {number} should be as Mara wrote it, is not ({error}): restore the file from a backup, or "
            "take it out and what was known on that day with it"
        ) from error


def _cut_torn_line(folder: Path) -> None:
    """Cut off what a crash left of a line at the end of the newest file."""
    newest = max(folder.glob(f"*{SUFFIX}"), default=None)
    if newest is None:
        return
    content = newest.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with newest.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
