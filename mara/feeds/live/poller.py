"""Asks live sources at their pace, in a thread for each address.

No tick waits for it. Requests to an address follow one another, at least `apart_s` apart, and wait as they are told.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mara.core.live_source import SourceSnapshot
from mara.errors import FeedInvalid
from mara.feeds.live.answers import rates_told, read_answer
from mara.feeds.live.asking import NOT_FOUND, Ask, Asker, asks_of
from mara.feeds.live.journal import ToldValues
from mara.feeds.live.memory import Memory
from mara.feeds.live.sources import FX, LiveSource, Part
from mara.feeds.live.status import status_of

FIRST_RETRY_S: Final = 30.0
LONGEST_RETRY_S: Final = 900.0
LEAST_REFUSED_S: Final = 60.0
"""Least wait after a refusal for too many requests that names no time."""
LONGEST_TOLD_S: Final = 86_400.0
TOO_MANY: Final = 429
HIDDEN: Final = "the answer cannot be read; it repeats a key, so no more of it is shown"

log = logging.getLogger("mara.feed")


@dataclass(slots=True, kw_only=True, eq=False)
class Round:
    """Sources that one request serves, and when it is due."""

    sources: tuple[LiveSource, ...]
    due_s: float = 0.0
    asked_s: float = 0.0
    told_s: float = 0.0
    failures_count: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    answered: threading.Event = field(default_factory=threading.Event)

    @property
    def first(self) -> LiveSource:
        """A source of the round; all are asked for by the same request."""
        return self.sources[0]

    @property
    def every_s(self) -> float:
        """The pace of the source that wants to be asked most often."""
        return min(source.every_s for source in self.sources)


class Poller:
    """Asks the sources of a live feed and tells its memory.

    Args:
        now_s: the present [UTC seconds].
        usd_per: constant exchange rates, US dollars for one unit.
    """

    def __init__(
        self,
        sources: Sequence[LiveSource],
        memory: Memory,
        asker: Asker,
        now_s: Callable[[], float],
        usd_per: dict[str, float],
    ) -> None:
        self._memory, self._asker, self._now_s, self._usd_per = memory, asker, now_s, usd_per
        self.rounds = rounds_of([source for source in sources if not source.provider.is_told_by_events])
        self._free_s: dict[str, float] = {}  # by address: from when it may be asked again
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def begin(self) -> None:
        """Begin to ask, in threads; exchange rates come first."""
        self._stop.clear()
        for one in self.rounds[:1]:
            if one.first.part is Part.FX and not len(self._memory.newest(FX).told.begin_s):
                self._ask(one)
        for base in dict.fromkeys(one.first.provider.base for one in self.rounds):
            thread = threading.Thread(target=self._work, args=(base,), name="mara-feed", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop asking; a request under way is not waited for. Harmless when repeated."""
        self._stop.set()
        self._threads = []

    def await_first(self, most_s: float) -> None:
        """Wait until each source has been asked once, but for `most_s` seconds at most."""
        end_s = self._now_s() + most_s
        for one in self.rounds:
            one.answered.wait(max(end_s - self._now_s(), 0.0))

    def ask_each(self) -> None:
        """Ask each source once in this thread, as slowly as providers want it."""
        for one in self.rounds:
            self._stop.wait(self.pause_s(one))
            self._ask(one)

    def pause_s(self, one: Round) -> float:
        """Return the time until the address of a round may be asked again."""
        return max(self._free_s.get(one.first.provider.base, 0.0) - self._now_s(), 0.0)

    def ask_due(self) -> None:
        """Ask every source that is due, in this thread."""
        for one in self.rounds:
            if self._due_s(one) <= self._now_s():
                self._ask(one)

    def statuses(self) -> tuple[SourceSnapshot, ...]:
        """Tell how asking each source goes, and what is known of it."""
        now_s = self._now_s()
        return tuple(
            status_of(
                source,
                self._memory.newest(source.name),
                now_s,
                asked_at_s=one.asked_s,
                told_at_s=one.told_s,
                next_at_s=self._due_s(one),
                reason=one.reasons.get(source.name, ""),
            )
            for one in self.rounds
            for source in one.sources
        )

    def _work(self, base: str) -> None:
        mine = [one for one in self.rounds if one.first.provider.base == base]
        while not self._stop.is_set():
            next_one = min(mine, key=self._due_s)
            if self._stop.wait(max(self._due_s(next_one) - self._now_s(), 0.0)):
                return
            try:
                self._ask(next_one)
            except Exception as error:
                log.exception("a source could not be asked", extra={"source": next_one.first.name})
                next_one.reasons = {one.name: f"asking failed ({type(error).__name__})" for one in next_one.sources}
                next_one.due_s = self._now_s() + LONGEST_RETRY_S
                next_one.answered.set()

    def _due_s(self, one: Round) -> float:
        return max(one.due_s, self._free_s.get(one.first.provider.base, 0.0))

    def _ask(self, one: Round) -> None:
        """Ask once, remember what came, and decide when to ask again."""
        source, wait_s = one.first, 0.0
        one.asked_s = self._now_s()
        files: dict[str, bytes] = {}
        reason = ""
        for ask in asks_of(source, one.asked_s):
            content, reason, wait_s = self._content(source, ask)
            if content is not None:
                files[ask.file_name] = content
            elif reason:
                break
        self._free_s[source.provider.base] = self._now_s() + max(source.provider.apart_s, wait_s)
        told = self._told(one, files, reason)
        one.failures_count = 0 if told else one.failures_count + 1
        retry_s = min(FIRST_RETRY_S * 2.0 ** min(one.failures_count - 1, 10), LONGEST_RETRY_S, one.every_s)
        one.due_s = self._now_s() + (one.every_s if told else max(retry_s, wait_s))
        one.answered.set()

    def _content(self, source: LiveSource, ask: Ask) -> tuple[bytes | None, str, float]:
        """Fetch one file: its content, or why there is none and how long to wait."""
        answer = self._asker.ask(source.provider, ask)
        if answer.content is not None:
            return answer.content, "", 0.0
        if ask.may_be_missing and answer.status == NOT_FOUND:
            return None, "", 0.0
        wait_s = min(answer.wait_s, LONGEST_TOLD_S)
        if answer.status == TOO_MANY:
            wait_s = max(wait_s, LEAST_REFUSED_S)
        return None, answer.reason, wait_s

    def _told(self, one: Round, files: dict[str, bytes], reason: str) -> bool:
        """Read an answer and remember what is new; false where no source told a value."""
        now_s = self._now_s()
        if reason or not files:
            one.reasons = {source.name: reason or "nothing is published yet" for source in one.sources}
            self._say(one)
            return False
        known_rates = self._memory.newest(FX).told
        rates = rates_told(known_rates if len(known_rates.begin_s) else None, self._usd_per)
        read = read_answer(files, one.sources, now_s, rates)
        reasons: dict[str, str] = {}
        is_shown = not any(map(self._asker.is_repeated_in, files.values()))
        try:
            for name, told in read.items():
                if isinstance(told, ToldValues):
                    self._memory.tell(name, told, int(now_s))
                    reasons[name] = ""
                else:
                    reasons[name] = told if is_shown else HIDDEN
            self._memory.listen(int(now_s))
        except OSError as error:
            reasons = {source.name: f"the journal cannot be written ({error.strerror})" for source in one.sources}
        one.reasons = reasons
        if any(not why for why in reasons.values()):
            one.told_s = now_s
        self._say(one)
        return not any(reasons.values())

    @staticmethod
    def _say(one: Round) -> None:
        for name, reason in one.reasons.items():
            if reason:
                log.warning("a source told nothing", extra={"source": name, "reason": reason})


def rounds_of(sources: Sequence[LiveSource]) -> tuple[Round, ...]:
    """Group sources that the same requests serve."""
    groups: dict[tuple[object, ...], list[LiveSource]] = {}
    for source in sources:
        groups.setdefault((source.provider.access, asks_of(source, 0.0)), []).append(source)
    rounds = (Round(sources=tuple(group)) for group in groups.values())
    return tuple(sorted(rounds, key=lambda one: one.first.part is not Part.FX))


def refuse_silent(poller: Poller, memory: Memory) -> None:
    """Refuse to begin a run whose sources have not each told a value.

    Raises:
        FeedInvalid: a source is silent; the message names the first and its reason.
    """
    reasons = {status.name: status.reason for status in poller.statuses()}
    silent = [name for name in reasons if not len(memory.newest(name).told.begin_s)]
    if silent:
        more = f" ({len(silent) - 1} more told nothing)" if len(silent) > 1 else ""
        raise FeedInvalid(
            f"{silent[0]} should tell a value before the run begins, told none: {reasons[silent[0]]}{more}: "
            "`mara feed check` asks each source"
        )
