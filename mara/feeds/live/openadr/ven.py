"""OpenADR client (VEN): asks the server (VTN), tells a live feed, and reports.

No tick waits for it. What a VTN says is read as a whole or not at all; what was said before stands meanwhile, and is
named as stale from the limit of the SPEC on.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from mara.core.live_source import AnnouncedLimit, GridLimit, GridWarning, SourceSnapshot
from mara.core.snapshot import Snapshot
from mara.errors import FeedInvalid
from mara.feeds.live.answers import rates_told
from mara.feeds.live.asking import Asker
from mara.feeds.live.journal import ToldValues
from mara.feeds.live.limits import HEARD, HEARD_COUNT, LIMIT_COLUMNS, limit_source
from mara.feeds.live.memory import Memory
from mara.feeds.live.openadr.documents import AdrEvent, Program
from mara.feeds.live.openadr.periods import ENDLESS_S
from mara.feeds.live.openadr.reports import MeasuredUsage, report_of
from mara.feeds.live.openadr.signals import LIMITS, Heard, Row, Signal, SiteNames, heard_of
from mara.feeds.live.openadr.vtn import Vtn, VtnError
from mara.feeds.live.poller import FIRST_RETRY_S, LEAST_REFUSED_S, LONGEST_RETRY_S, LONGEST_TOLD_S, TOO_MANY
from mara.feeds.live.sources import FX, LiveSource, Part
from mara.feeds.live.status import moment_of, status_of
from mara.feeds.markets.building.columns import CARBON, PRICE
from mara.feeds.markets.building.spec import OpenAdrTable

TOLD_BACK_S: Final = 2 * 86_400
TOLD_AHEAD_S: Final = 20 * 86_400
"""Time before and after the present of which values are remembered."""
HEARD_EVERY_S: Final = 300
"""Least time between two notes that the OpenADR server answered."""
MOST_EVENTS: Final = 10_000
MOST_UNTOLD: Final = 100
"""Stored ticks that may wait to be counted."""
COLUMN_OF: Final = {Signal.PRICE: PRICE, Signal.GHG: CARBON}

log = logging.getLogger("mara.feed")


class Ven:
    """Listens to an OpenADR server (VTN) for a live feed.

    Args:
        sources: those of the SPEC that events tell.
        now_s: the present [UTC seconds].
        usd_per: constant exchange rates, US dollars for one unit.
    """

    def __init__(
        self,
        vtn: Vtn,
        sources: Sequence[LiveSource],
        memory: Memory,
        now_s: Callable[[], float],
        usd_per: Mapping[str, float],
    ) -> None:
        self._vtn, self._memory, self._now_s, self._usd_per = vtn, memory, now_s, dict(usd_per)
        self._table = vtn.table
        self._sources = tuple(sources)
        self._names = SiteNames(
            resource_of=self._table.resources, ven_name=self._table.ven_name, groups=self._table.groups
        )
        self._program: Program | None = None
        self._heard = Heard(rows={}, warnings=(), events=())
        self._has_heard = False  # since this start
        self._seen_s: dict[str, int] = {}
        self._limits_since_s: dict[tuple[str, Signal, Row], float] = {}
        self._usage, self._reported, self._report_ids = MeasuredUsage(), dict[str, object](), dict[str, str]()
        self._untold: deque[Snapshot] = deque(maxlen=MOST_UNTOLD)
        self._taken_tick = -1
        self._asked_s = self._told_s = self._due_s = 0.0
        self._failures_count = 0
        self._reason = ""
        self._stop, self._news, self._answered = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def author(self) -> str:
        """Name of the OpenADR server (VTN) in orders and alerts."""
        return f"OpenADR VTN {self._vtn.host}"

    def begin(self) -> None:
        """Begin to ask, in a thread."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._work, name="mara-openadr", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop asking; a request under way is not waited for. Harmless when repeated."""
        self._stop.set()
        self._news.set()

    def await_first(self, most_s: float) -> None:
        """Wait until the server has been asked once, but for `most_s` seconds at most."""
        self._answered.wait(most_s)

    def take(self, snapshot: Snapshot) -> None:
        """Take in a stored tick, to be reported; from any thread."""
        if snapshot.tick != self._taken_tick:
            self._taken_tick = snapshot.tick
            self._untold.append(snapshot)
            self._news.set()

    def warnings(self) -> tuple[GridWarning, ...] | None:
        """List the warnings that stand, announced ones included.

        None before the VTN has answered since this start: what it said before is not known then.
        """
        if not self._has_heard:
            return None
        now_s = self._now_s()
        return tuple(one for one in self._heard.warnings if one.until is None or one.until.timestamp() > now_s)

    def limits(self) -> tuple[GridLimit, ...]:
        """List the limits that hold now, the least of each site."""
        now_s = self._now_s()
        holding = [told for told in self._limits_since_s.items() if told[0][2][0] <= now_s < told[0][2][1]]
        least: dict[str, GridLimit] = {}
        for (site_id, _, (begin_s, _, limit_mw)), since_s in sorted(holding, key=lambda told: -told[0][2][2]):
            least[site_id] = GridLimit(
                site_id=site_id,
                limit_mw=limit_mw,
                asked_at=datetime.fromtimestamp(max(since_s, begin_s), UTC),
                response_s=self._table.response_s,
                author=self.author,
            )
        return tuple(least.values())

    def announced(self) -> tuple[AnnouncedLimit, ...]:
        """List the limits of all sites whose time is not over, by site and begin."""
        now_s = self._now_s()
        return tuple(
            AnnouncedLimit(
                site_id=site_id,
                limit_mw=limit_mw,
                begins_at=datetime.fromtimestamp(begin_s, UTC),
                until=None if end_s >= ENDLESS_S else datetime.fromtimestamp(end_s, UTC),
                author=self.author,
            )
            for (site_id, signal), rows in self._heard.rows.items()
            if signal in LIMITS
            for begin_s, end_s, limit_mw in rows
            if end_s > now_s
        )

    def refuse_silent(self) -> None:
        """Refuse to begin a run whose server has never answered, or lacks a value.

        Raises:
            FeedInvalid: it has not; the message gives the reason.
        """
        if not len(self._memory.newest(HEARD).told.begin_s):
            raise FeedInvalid(
                f"{self.author} should answer before the run begins, did not: {self._reason or 'it was not asked'}: "
                "`mara feed check` asks it"
            )
        for source in self._sources:
            if self._memory.newest(source.name).last(COLUMN_OF[_signal_of(source)], int(self._now_s())) is None:
                raise FeedInvalid(
                    f"{source.name} should be told by an event of {self._table.program} before the run begins, none of "
                    f"{self.author} does: ask its operator, or name another source"
                )

    def ask_due(self) -> None:
        """Ask the OpenADR server if that is due, and report what is new, in this thread."""
        while self._untold:
            self._usage.take(self._untold.popleft())
        if self._due_s <= self._now_s():
            self.ask()
        self._report()

    def ask(self) -> None:
        """Ask once, remember what came, and decide when to ask again."""
        self._asked_s = self._now_s()
        wait_s = 0.0
        try:
            if self._program is None:
                self._program = self._vtn.program()
            heard = self._read(self._vtn.events(self._program))
            self._tell(heard)
            self._reason, self._told_s = "", self._now_s()
        except VtnError as silence:
            self._reason = str(silence)
            wait_s = max(min(silence.wait_s, LONGEST_TOLD_S), LEAST_REFUSED_S if silence.status == TOO_MANY else 0.0)
            if silence.status not in {0, TOO_MANY} and silence.status < 500:  # it may have another id by now
                self._program = None
        except FeedInvalid as error:
            self._reason = str(error)
        except OSError as error:
            self._reason = f"the journal cannot be written ({error.strerror})"
        self._failures_count = self._failures_count + 1 if self._reason else 0
        every_s = self._table.every_minutes * 60.0
        retry_s = min(FIRST_RETRY_S * 2.0 ** min(self._failures_count - 1, 10), LONGEST_RETRY_S, every_s)
        self._due_s = self._now_s() + (max(retry_s, wait_s) if self._reason else every_s)
        self._answered.set()
        if self._reason:
            log.warning("a VTN told nothing", extra={"source": self.author, "reason": self._reason})

    def statuses(self) -> tuple[SourceSnapshot, ...]:
        """Tell how asking goes, and what is known: of the server, then of each source."""
        asked = {"asked_at_s": self._asked_s, "told_at_s": self._told_s, "next_at_s": self._due_s}
        now_s = self._now_s()
        heard = self._memory.newest(HEARD)
        silent_s = now_s - float(heard.told.begin_s[-1]) if len(heard.told.begin_s) else None
        standing = {
            f"{site_id} {LIMIT_COLUMNS[signal]}": rows[place][2]
            for (site_id, signal), rows in self._heard.rows.items()
            if signal in LIMITS and (place := _at(rows, now_s)) is not None
        }
        own = SourceSnapshot(
            name=HEARD,
            provider=self._vtn.host,
            licence="by the terms of the program",
            values={HEARD_COUNT: float(heard.told.columns[HEARD_COUNT][-1]), **standing}
            if silent_s is not None
            else {},
            age_minutes=None if silent_s is None else max(silent_s - HEARD_EVERY_S, 0.0) / 60.0,
            is_stale=silent_s is None or silent_s >= self._table.stale_after_minutes * 60.0 + HEARD_EVERY_S,
            known_until=None,
            known_at=moment_of(self._told_s),
            asked_at=moment_of(self._asked_s),
            told_at=moment_of(self._told_s),
            next_at=moment_of(self._due_s),
            reason=self._reason,
        )
        told = (
            status_of(source, self._memory.newest(source.name), now_s, **asked, reason=self._reason)
            for source in self._sources
        )
        return (own, *told)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.ask_due()
            except Exception as error:
                log.exception("a VTN could not be asked")
                self._reason = f"asking failed ({type(error).__name__})"
                self._due_s = self._now_s() + LONGEST_RETRY_S
                self._answered.set()
            self._news.wait(max(self._due_s - self._now_s(), 0.0))
            self._news.clear()

    def _read(self, events: Sequence[AdrEvent]) -> Heard:
        now_s = int(self._now_s())
        self._seen_s = {event.id: self._seen_s.get(event.id, now_s) for event in events[:MOST_EVENTS]}
        known_rates = self._memory.newest(FX).told
        rates = rates_told(known_rates if len(known_rates.begin_s) else None, self._usd_per)
        return heard_of(events, self._program_known, self._names, rates, self._seen_s, self.author)

    @property
    def _program_known(self) -> Program:
        assert self._program is not None
        return self._program

    def _tell(self, heard: Heard) -> None:
        """Remember what is new, what is withdrawn, and that the server answered.

        Raises:
            OSError: the journal cannot be written.
        """
        now_s = int(self._now_s())
        for site_id in self._table.resources:
            for signal in LIMITS:
                rows = heard.rows.get((site_id, signal), ())
                self._tell_rows(limit_source(site_id, signal), LIMIT_COLUMNS[signal], rows, now_s)
        for source in self._sources:
            signal = _signal_of(source)
            self._tell_rows(source.name, COLUMN_OF[signal], heard.rows.get((source.site_id, signal), ()), now_s)
        self._heard, self._has_heard = heard, True
        self._limits_since_s = {
            (site_id, signal, row): self._limits_since_s.get((site_id, signal, row), self._now_s())
            for (site_id, signal), rows in heard.rows.items()
            if signal in LIMITS
            for row in rows
        }
        self._memory.listen(now_s)
        last = self._memory.newest(HEARD).told.begin_s
        if not len(last) or now_s - int(last[-1]) >= HEARD_EVERY_S:
            self._memory.tell(
                HEARD, _told([(now_s, now_s + HEARD_EVERY_S, float(len(heard.events)))], HEARD_COUNT), now_s
            )

    def _tell_rows(self, source: str, column: str, rows: Sequence[Row], now_s: int) -> None:
        """Tell rows that are new, and as unknown what is no longer said of times to come."""
        wanted = [row for row in rows if row[1] > now_s - TOLD_BACK_S and row[0] < now_s + TOLD_AHEAD_S]
        told = self._memory.newest(source).told
        known = (
            set(zip(told.begin_s.tolist(), told.end_s.tolist(), told.columns[column].tolist(), strict=True))
            if column in told.columns
            else set()
        )
        gone = [row for row in known if row[1] > now_s and row[2] == row[2] and row not in set(wanted)]
        news = [row for row in wanted if row not in known]
        news += [(begin, end, np.nan) for row in gone for begin, end in _without(row, wanted)]
        if news:
            self._memory.tell(source, _told(sorted(news), column), now_s)

    def _report(self) -> None:
        """Send the reports that events ask for and that have changed."""
        for event, sites in self._heard.events:
            resources = [(site_id, self._table.resources[site_id]) for site_id in sites]
            document = report_of(event, resources, self._usage, self._table.ven_name, self._seen_s.get(event.id, 0))
            if document is None or self._reported.get(event.id) == document:
                continue
            try:
                if event.id not in self._report_ids:  # one of an earlier run may be there
                    self._report_ids[event.id] = self._vtn.report_id(event, self._table.ven_name)
                self._report_ids[event.id] = self._vtn.report(document, self._report_ids[event.id])
            except VtnError as silence:
                self._reason = f"a report was not taken: {silence}"
                log.warning("a report was not taken", extra={"source": self.author, "reason": str(silence)})
                return  # the next look tries again
            self._reported[event.id] = document
        kept = {event.id for event, _ in self._heard.events}
        for known in (self._reported, self._report_ids):
            for gone in known.keys() - kept:
                del known[gone]


def ven_of(
    table: OpenAdrTable,
    sources: Sequence[LiveSource],
    memory: Memory,
    asker: Asker,
    now_s: Callable[[], float],
    usd_per: Mapping[str, float],
) -> Ven:
    """Build the OpenADR client (VEN) for those sources of a SPEC that events tell."""
    told = [source for source in sources if source.provider.is_told_by_events]
    return Ven(Vtn(table=table, asker=asker), told, memory, now_s, usd_per)


def _signal_of(source: LiveSource) -> Signal:
    return Signal.PRICE if source.part is Part.PRICE else Signal.GHG


def _told(rows: Iterable[Row], column: str) -> ToldValues:
    begin, end, value = zip(*rows, strict=True)
    return ToldValues(
        begin_s=np.array(begin, np.int64), end_s=np.array(end, np.int64), columns={column: np.array(value, np.float64)}
    )


def _without(row: Row, others: Sequence[Row]) -> list[tuple[int, int]]:
    """Cut an interval's overlaps with others out of it; these are in order."""
    pieces, begin = [], row[0]
    for other_begin, other_end, _ in others:
        if other_end <= begin or other_begin >= row[1]:
            continue
        if other_begin > begin:
            pieces.append((begin, other_begin))
        begin = max(begin, other_end)
    if begin < row[1]:
        pieces.append((begin, row[1]))
    return pieces


def _at(rows: Sequence[Row], at_s: float) -> int | None:
    return next((place for place, row in enumerate(rows) if row[0] <= at_s < row[1]), None)
