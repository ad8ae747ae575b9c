"""A platform that shows made-up snapshots, and is checked by its state."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from mara.core.alert import AlertChange
from mara.core.commands import Cancel, Command, Outage, Restore
from mara.core.live_source import AnnouncedLimit, SourceSnapshot
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.snapshot import SeriesPoint, Snapshot
from mara.core.timegrid import TimeGrid
from mara.core.what_if import WhatIf, WhatIfRequest
from mara.errors import CommandError
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.observe.alert_desk import AlertDesk, Standing
from mara.runtime.published_state import EngineState, StatePublisher
from mara.runtime.tick.exclusions import ExclusionRequest
from tests.ui.archive import FakeArchive
from tests.ui.quotes import booking_of, quote_for, what_if_at
from tests.ui.snapshots import SITES, ahead_at, forecast_at, large_snapshot_at, series_until, snapshot_at

SITE_IDS = {row[0] for row in SITES}


GRID = TimeGrid(start=snapshot_at(0).at, tick_minutes=5)


class AlertMemory:
    """A store of alerts that keeps their changes in a list."""

    def __init__(self) -> None:
        self.changes: list[AlertChange] = []

    async def add(self, changes: Sequence[AlertChange], *, full: bool) -> None:
        self.changes += changes

    async def standing(self) -> Standing:
        return (), (), 0

    async def begins(self, last: Snapshot) -> dict[tuple[str, str], int]:
        return {}

    async def free_bytes(self) -> int | None:
        return None


class FakePlatform:
    def __init__(self, tick: int = 288, sites_count: int = len(SITES)) -> None:
        self.publisher = StatePublisher()
        self.publisher.set_speed(300)
        self.publisher.set_world("synthetic")
        self.tick = tick
        self.ordered: list[Command] = []
        self.archive = FakeArchive()
        self.advisor: AdvisorScheduler | None = None
        self.told: tuple[SourceSnapshot, ...] = ()
        self.limits_told: tuple[AnnouncedLimit, ...] = ()
        self.optimizations_asked = 0
        self.advice_asked = 0
        self.asked: list[QuoteRequest] = []
        self.what_ifs: list[WhatIfRequest] = []
        self.quotes: dict[str, Quote] = {}
        self.booked: list[tuple[str, str]] = []
        self.excluded: list[ExclusionRequest] = []
        self.modes: list[tuple[str, str, str]] = []
        self.stops: list[tuple[str, str, str]] = []
        self._sites_count = sites_count
        self.alerts = AlertDesk(self.publisher)
        self.alert_record = AlertMemory()
        self._show()

    def advance(self, ticks: int = 1) -> None:
        state = self.publisher.read().state
        self.tick += ticks
        self.archive.tick = self.tick
        self._show()
        if state is EngineState.PAUSED:
            self.publisher.mark(EngineState.PAUSED)

    def _show(self) -> None:
        large = self._sites_count > len(SITES)
        snapshot = large_snapshot_at(self.tick, self._sites_count) if large else snapshot_at(self.tick)
        if self.modes:
            modes = {site: mode for site, mode, _ in self.modes}
            sites = tuple(replace(site, mode=modes.get(site.id, site.mode)) for site in snapshot.sites)
            snapshot = replace(snapshot, sites=sites)
        self.publisher.publish(snapshot, forecast_at(self.tick), ahead=None if large else ahead_at(self.tick))

    async def ask_claude(self) -> None:
        advisor = self.publisher.read().advisor
        if advisor is None or advisor.why_not:
            raise CommandError("AI not configured")
        self.advice_asked += 1

    def sources(self) -> tuple[SourceSnapshot, ...]:
        return self.told

    def announced_limits(self) -> tuple[AnnouncedLimit, ...]:
        return self.limits_told

    def pause(self) -> None:
        self.publisher.mark(EngineState.PAUSED)

    def resume(self) -> None:
        self.publisher.mark(EngineState.RUNNING)

    def step(self, ticks: int) -> None:
        self.pause()
        self.advance(ticks)

    async def order(self, *commands: Command, only_look: bool = False) -> None:
        for command in commands:
            if isinstance(command, Outage | Restore) and command.site_id not in SITE_IDS:
                raise CommandError(f"there is no site {command.site_id!r}: name one that is")
        if not only_look:
            self.ordered.extend(commands)

    def optimize_now(self) -> None:
        if self.publisher.read().state is EngineState.HALTED:
            raise CommandError("the engine has halted: resume it first")
        self.optimizations_asked += 1

    async def quote(self, ask: QuoteRequest) -> Quote:
        if not (isfinite(ask.power_mw) and ask.power_mw > 0.0 and isfinite(ask.duration_h)):
            raise CommandError(f"a contract has 0.01 to 100,000 MW, got {ask.power_mw:g}: correct it")
        self.asked.append(ask)
        quote = quote_for(ask, self.tick + 1, len(self.asked))
        self.quotes[quote.id] = quote
        return quote

    async def what_if(self, asked: WhatIfRequest) -> WhatIf:
        if asked == WhatIfRequest():
            raise CommandError("nothing would change: enter a price, a site that is off, or a contract")
        self.what_ifs.append(asked)
        return what_if_at(self.tick)

    async def book(self, quote_id: str, customer: str = "") -> Booking:
        if quote_id not in self.quotes:
            raise CommandError(f"there is no open quote {quote_id!r}: ask for one, and book it before it expires")
        if self.tick >= self.quotes[quote_id].expires_tick:
            raise CommandError(f"quote {quote_id} held until tick 337, it is tick {self.tick}: ask for a new one")
        self.booked.append((quote_id, customer))
        return booking_of(self.quotes[quote_id], customer)

    async def exclude(self, *asked: ExclusionRequest, only_look: bool = False) -> None:
        for one in asked:
            if one.kind == "maintenance" and one.from_tick < self.tick + 864:
                raise CommandError("maintenance is announced 72 h ahead: begin at 2025-07-05 00:05 UTC or later")
        if not only_look:
            self.excluded += asked

    async def set_mode(self, site_name: str, mode: str, reason: str) -> None:
        if mode in {"dry-run", "act"} and not reason:
            raise CommandError(f"{mode} needs a reason, which is kept with the change")
        self.modes.append((site_name, mode, reason))

    async def stop_site(self, site_name: str, reason: str) -> None:
        self.stops.append((site_name, "stop", reason))

    async def release_site(self, site_name: str, reason: str) -> None:
        self.stops.append((site_name, "release", reason))

    async def cancel(self, contract_id: str) -> None:
        await self.order(Cancel(contract_id=contract_id))

    def set_speed(self, speed_factor: float) -> None:
        self.publisher.set_speed(speed_factor)

    async def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        return series_until(self.tick, hours)

    async def start(self) -> None:
        await self.alerts.open(self.alert_record, GRID)

    async def stop(self) -> None:
        await self.alerts.close()
