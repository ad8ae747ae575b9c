"""Live sources opened for a run: journal, memory and poller, from settings."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from mara.core.live_source import AnnouncedLimit, GridLimit, GridWarning, SourceSnapshot
from mara.core.snapshot import Snapshot
from mara.errors import ConfigError, FeedInvalid
from mara.feeds.live.journal import JournalWriter, is_journal
from mara.feeds.live.memory import Memory
from mara.feeds.live.sources import sources_of_spec
from mara.feeds.markets.building.spec import Spec, read_spec
from mara.runtime.clock import Clock
from mara.settings import Settings
from mara.store.backends.database import database_of
from mara.store.backends.sqlite_file import SqliteFile

JOURNAL: Final = "feed"
"""Name of the journal's folder beside the database's file."""
MOST_FIRST_ANSWERS_S: Final = 90.0
"""Longest time for which the start of a run waits for first answers."""


def spec_for(settings: Settings) -> tuple[Path, Spec]:
    """Read the SPEC of the live sources.

    Raises:
        ConfigError: it is not named or cannot be used, or other settings do not fit a live world.
    """
    if settings.feed_spec is None:
        raise ConfigError("MARA_FEED=live needs the SPEC of its sources: set MARA_FEED_SPEC to a TOML file")
    if settings.speed != 1.0 and "speed" in settings.model_fields_set:
        raise ConfigError(f"a live world keeps the wall clock, its speed is 1, came {settings.speed:g}: leave it out")
    if settings.has_positions:
        raise ConfigError(
            "day-ahead positions are bought in replays alone, the feed is live: set MARA_DAY_AHEAD_POSITION to none"
        )
    return settings.feed_spec, read_spec(settings.feed_spec)


def journal_for(settings: Settings) -> Path:
    """Return the folder of the journal.

    Raises:
        ConfigError: it is not named, and the database is no file that it could lie beside.
    """
    if settings.feed_journal is not None:
        return settings.feed_journal
    database = database_of(settings.database_url)
    if not isinstance(database, SqliteFile):
        raise ConfigError("a database on a server has no folder beside it: set MARA_FEED_JOURNAL to a folder")
    return database.path.parent / JOURNAL


def beside_journal(settings: Settings) -> Path | None:
    """Return the folder of a run's journal; None where there is none."""
    try:
        folder = journal_for(settings)
    except ConfigError:
        return None
    return folder if is_journal(folder) else None


class Listening:
    """The live sources of a run while it is open.

    `open` and `close` may be called again and again.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._memory: Memory | None = None
        self._ends = ExitStack()
        self._statuses: Callable[[], tuple[SourceSnapshot, ...]] = tuple
        self._warnings: Callable[[], tuple[GridWarning, ...] | None] = tuple
        self._limits: Callable[[], tuple[GridLimit, ...]] = tuple
        self._announced: Callable[[], tuple[AnnouncedLimit, ...]] = tuple
        self._take: Callable[[Snapshot], None] | None = None

    @property
    def memory(self) -> Memory:
        """The memory of an open run."""
        assert self._memory is not None
        return self._memory

    def open(self) -> None:
        """Recall the journal, begin to ask, and wait for the first answers.

        Raises:
            ConfigError: the SPEC, the keys or the journal cannot be used.
            FeedInvalid: the journal is damaged, or a source has never told anything.
        """
        from mara.feeds.live.asking import Asker, keys_of
        from mara.feeds.live.poller import Poller, refuse_silent  # httpx takes long to import, and few runs need it

        _, spec = spec_for(self._settings)
        sources = sources_of_spec(spec)
        writer = JournalWriter(journal_for(self._settings))
        try:
            self._memory = Memory.of_journal(journal_for(self._settings), int(self._now_s()), writer)
        except FeedInvalid:
            writer.close()
            raise
        self._ends.callback(self._memory.close)
        try:
            asker = Asker(keys=keys_of(keys_for(self._settings)), passed_s=self._clock.monotonic_s)
            poller = Poller(sources, self._memory, asker, self._now_s, dict(spec.fx.usd_per))
            self._ends.callback(asker.close)
            self._ends.callback(poller.close)
            self._statuses = poller.statuses
            poller.begin()
            if any(not len(self._memory.newest(status.name).told.begin_s) for status in poller.statuses()):
                poller.await_first(MOST_FIRST_ANSWERS_S)
            refuse_silent(poller, self._memory)
            if spec.openadr is not None:
                from mara.feeds.live.openadr.ven import ven_of  # as above

                ven = ven_of(spec.openadr, sources, self._memory, asker, self._now_s, spec.fx.usd_per)
                self._ends.callback(ven.close)
                ven.begin()
                ven.await_first(MOST_FIRST_ANSWERS_S)
                ven.refuse_silent()
                self._statuses = lambda: (*poller.statuses(), *ven.statuses())
                self._warnings, self._limits, self._take = ven.warnings, ven.limits, ven.take
                self._announced = ven.announced
        except BaseException:
            self.close()
            raise

    def statuses(self) -> tuple[SourceSnapshot, ...]:
        """Tell how asking each source goes; empty before the run is open."""
        return self._statuses()

    def warnings(self) -> tuple[GridWarning, ...] | None:
        """List the grid operator's standing warnings; None before it has answered."""
        return self._warnings()

    def limits(self) -> tuple[GridLimit, ...]:
        """List the limits of sites by the grid's operator that hold now."""
        return self._limits()

    def announced(self) -> tuple[AnnouncedLimit, ...]:
        """List the limits by the grid's operator whose time is not over."""
        return self._announced()

    def take(self, snapshot: Snapshot) -> None:
        """Take in a stored tick, for reports to the utility's OpenADR server (VTN)."""
        if self._take is not None:
            self._take(snapshot)

    def close(self) -> None:
        """Stop asking and close the journal; harmless when repeated."""
        self._ends.close()
        self._statuses, self._warnings, self._limits, self._take = tuple, tuple, tuple, None
        self._announced = tuple

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def keys_for(settings: Settings) -> str:
    """Return the keys of providers as set by `MARA_FEED_KEYS`; empty if unset."""
    return settings.feed_keys.get_secret_value() if settings.feed_keys is not None else ""
