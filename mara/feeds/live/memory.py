"""The memory of a live feed: what was known at any instant, corrections included."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mara.errors import FeedEnded
from mara.feeds.live.journal import LISTENED, JournalEntry, JournalWriter, ToldValues, entries_in
from mara.feeds.live.known import NOTHING, KnownValues

RECALLED_S: Final = 45 * 86_400
"""Time before a run's start that is recalled of a journal.

Values older than `KEPT_S` are forgotten, and nobody tells more than twenty days ahead.
"""
_A_DAY_S: Final = 86_400
LISTENING_EVERY_S: Final = 300
"""Least time between two lines that only say that Mara was listening."""


@dataclass(slots=True)
class _AsOf:
    """The state of all sources after the first entries of the memory."""

    entries: int = 0
    known: dict[str, KnownValues] = field(default_factory=dict)

    def copy(self) -> "_AsOf":
        """Return a copy that goes on by itself."""
        return _AsOf(entries=self.entries, known=dict(self.known))

    def take(self, entry: JournalEntry) -> None:
        """Take the next entry in."""
        self.entries += 1
        if entry.told is not None:
            known = self.known.get(entry.source, NOTHING)
            self.known[entry.source] = known.later(entry.told, entry.known_at_s)


class Memory:
    """Tellings in the order in which they became known; any thread may tell and ask.

    What has been asked for at an instant never changes: later tellings become known after it.

    Args:
        entries: what a journal holds.
        writer: makes tellings durable; None for none.
        keeps: takes tellings though nothing makes them durable; without it and a writer, a memory only looks back.
    """

    def __init__(
        self, entries: Iterable[JournalEntry] = (), writer: JournalWriter | None = None, *, keeps: bool = False
    ) -> None:
        self._lock = threading.Lock()
        self._entries = list(entries)
        self._writer = writer
        self._is_listening = keeps or writer is not None
        self._forgotten, self._newest, self._past = _AsOf(), _AsOf(), _AsOf()
        self._asked_until_s = 0
        for entry in self._entries:
            self._newest.take(entry)

    @classmethod
    def of_journal(
        cls, folder: Path, from_s: int = 0, writer: JournalWriter | None = None, *, keeps: bool = False
    ) -> "Memory":
        """Recall a journal from some time before an instant on.

        Raises:
            FeedInvalid: the journal is damaged.
        """
        return cls(entries_in(folder, max(from_s - RECALLED_S, 0)), writer, keeps=keeps)

    def tell(self, source: str, told: ToldValues, now_s: int) -> ToldValues | None:
        """Remember what is new in what a source told; None where nothing is.

        Raises:
            OSError: the journal could not be written; nothing is remembered.
        """
        with self._lock:
            news = self._newest.known.get(source, NOTHING).news(told)
            if news is not None:
                self._add(JournalEntry(known_at_s=self._moment(now_s), source=source, told=news))
        return news

    def listen(self, now_s: int) -> None:
        """Remember that Mara was listening, where nothing else says so.

        Raises:
            OSError: the journal could not be written.
        """
        with self._lock:
            last_s = self._entries[-1].known_at_s if self._entries else 0
            if now_s - last_s >= LISTENING_EVERY_S:
                self._add(JournalEntry(known_at_s=self._moment(now_s), source=LISTENED, told=None))

    def at(self, at_s: int, now_s: int) -> Mapping[str, KnownValues]:
        """Return what was known of each source at an instant.

        Instants to come may be asked for; what is known of them may still change.

        Raises:
            FeedEnded: a memory that only looks back does not reach that far.
        """
        with self._lock:
            if not self._is_listening and (not self._entries or at_s > self._entries[-1].known_at_s):
                heard = f"until {_text(self._entries[-1].known_at_s)}" if self._entries else "at no time, it is empty"
                raise FeedEnded(
                    f"the journal of the live feed tells of what was known {heard}; asked for was {_text(at_s)}: "
                    "listen with `mara run`, or stop before"
                )
            self._asked_until_s = max(self._asked_until_s, min(at_s, now_s))
            if self._past.entries and self._entries[self._past.entries - 1].known_at_s > at_s:
                self._past = self._forgotten.copy()
            while self._past.entries < len(self._entries) and self._entries[self._past.entries].known_at_s <= at_s:
                self._past.take(self._entries[self._past.entries])
            return dict(self._past.known)

    def newest(self, source: str) -> KnownValues:
        """Return what is known of a source by now."""
        with self._lock:
            return self._newest.known.get(source, NOTHING)

    def close(self) -> None:
        """Close the journal; harmless when repeated."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()

    def _moment(self, now_s: int) -> int:
        """Choose when a telling becomes known: after all instants that were asked for."""
        last_s = self._entries[-1].known_at_s if self._entries else 0
        return max(now_s, last_s, self._asked_until_s + 1)

    def _add(self, entry: JournalEntry) -> None:
        if self._writer is not None:
            self._writer.append(entry)
        self._entries.append(entry)
        self._newest.take(entry)
        if entry.known_at_s - self._entries[0].known_at_s > RECALLED_S + _A_DAY_S:
            self._forget(entry.known_at_s - RECALLED_S)

    def _forget(self, until_s: int) -> None:
        """Fold old entries into one state, so that memory has a limit."""
        count = min(bisect_left(self._entries, until_s, key=lambda entry: entry.known_at_s), self._past.entries)
        for entry in self._entries[:count]:
            self._forgotten.take(entry)
        del self._entries[:count]
        for state in (self._forgotten, self._newest, self._past):
            state.entries -= count


def _text(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
