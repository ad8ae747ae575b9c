"""The advisor's panel: state, working notes, and last runs, which are stored."""

import logging
import re
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from mara.core.plan import Provenance
from mara.core.snapshot import AdvisorRunSnapshot, AdvisorSnapshot
from mara.core.units import MICRO_USD_PER_USD
from mara.errors import StoreError
from mara.runtime.advisor.stored_budget import StoredBudget
from mara.runtime.clock import Clock
from mara.store.access.api_usage import ClaudeCalls, RunNote

MAX_RUNS: Final = 20
NOTES_INTERVAL_S: Final = 0.3
HIDDEN_NUMBER: Final = "#"
_NUMBER: Final = re.compile(r"\d[\d.,\u202f]*")

log = logging.getLogger("mara.advisor")


class AdvisorStatus:
    """Holds the snapshot of the advisor that panels show.

    It is replaced as a whole, under the caller's lock.
    """

    def __init__(self, first: AdvisorSnapshot, clock: Clock) -> None:
        self.shown = first
        self._clock = clock
        self._runs: deque[AdvisorRunSnapshot] = deque(maxlen=MAX_RUNS)
        self._calls: ClaudeCalls | None = None
        self._budget: StoredBudget | None = None
        self._tell: Callable[[AdvisorSnapshot], None] = lambda _: None
        self._count: Callable[[str], None] = lambda _: None
        self._noted_s = float("-inf")

    def open(
        self,
        calls: ClaudeCalls,
        budget: StoredBudget,
        tell: Callable[[AdvisorSnapshot], None],
        count: Callable[[str], None],
    ) -> None:
        """Read earlier consultations, and report changes from now on.

        Raises:
            StoreError: the store cannot be read.
        """
        self._calls = calls
        self._budget = budget
        self._tell = tell
        self._count = count
        self._runs.extend(_snapshot_of(note) for note in calls.runs(MAX_RUNS))
        self.shown = replace(self.shown, runs=tuple(self._runs))
        self.count_money()
        self._tell(self.shown)

    def show(self, **changes: object) -> None:
        """Replace fields of the snapshot, and report it if that changed anything."""
        shown = replace(self.shown, **changes)  # type: ignore[arg-type]  # fields by name
        if shown != self.shown:
            self.shown = shown
            self._tell(shown)

    def note(self, notes: str) -> None:
        """Show the advisor's interim text, at most once in `NOTES_INTERVAL_S` seconds.

        Its numbers are masked, because only checked facts may show numbers.
        """
        now_s = self._clock.monotonic_s()
        if now_s - self._noted_s >= NOTES_INTERVAL_S:
            self._noted_s = now_s
            self.show(working_notes=_NUMBER.sub(HIDDEN_NUMBER, notes))

    def keep(self, outcome: str, message: str, tick: int, made: Provenance) -> None:
        """Add a consultation to the history and the store, and read the costs again."""
        note = RunNote(
            asked_epoch_s=int(self._clock.now().timestamp()),
            tick=tick,
            outcome=outcome,
            message=message,
            model=made.model,
            request_id=made.request_ids[-1] if made.request_ids else "",
            snapshot_hash=made.snapshot_hash,
            prompt_version=made.prompt_version,
            cost_micro_usd=round(made.cost_usd * MICRO_USD_PER_USD),
        )
        self._count(outcome)
        self._runs.appendleft(_snapshot_of(note))
        if self._calls is not None:
            try:
                self._calls.note(note)
            except StoreError as error:
                log.warning("a run of the advisor is not stored", extra={"reason": str(error)})
        self.count_money()
        self.show(message=message, runs=tuple(self._runs), working_notes="")

    def count_money(self) -> None:
        """Read again the amounts spent and left of the budget."""
        if self._budget is None:
            return
        try:
            spent_usd, left_usd = self._budget.spent_today_usd(), self._budget.left_usd()
        except StoreError as error:
            log.warning("the cost of the advisor cannot be read", extra={"reason": str(error)})
            return
        self.shown = replace(self.shown, cost_today_usd=spent_usd, budget_left_usd=left_usd)


def _snapshot_of(note: RunNote) -> AdvisorRunSnapshot:
    return AdvisorRunSnapshot(
        asked_at=datetime.fromtimestamp(note.asked_epoch_s, UTC),
        tick=note.tick,
        outcome=note.outcome,
        message=note.message,
        model=note.model,
        request_id=note.request_id,
        cost_usd=note.cost_micro_usd / MICRO_USD_PER_USD,
    )
