"""A platform that plays made-up snapshots, judged by its state."""

from mara.core.commands import Command, Outage, Restore
from mara.core.snapshot import SeriesPoint
from mara.errors import CommandError
from mara.runtime.latest import EngineState, Latest
from tests.ui.archive import FakeArchive
from tests.ui.snapshots import SITES, forecast_at, large_snapshot_at, series_until, snapshot_at

SITE_IDS = {row[0] for row in SITES}


class FakePlatform:
    def __init__(self, tick: int = 288, sites_count: int = len(SITES)) -> None:
        self.latest = Latest()
        self.latest.set_speed(300)
        self.tick = tick
        self.ordered: list[Command] = []
        self.archive = FakeArchive()
        self.optimizations_asked = 0
        self._sites_count = sites_count
        self._show()

    def advance(self, ticks: int = 1) -> None:
        state = self.latest.read().state
        self.tick += ticks
        self.archive.tick = self.tick
        self._show()
        if state is EngineState.PAUSED:
            self.latest.mark(EngineState.PAUSED)

    def _show(self) -> None:
        large = self._sites_count > len(SITES)
        snapshot = large_snapshot_at(self.tick, self._sites_count) if large else snapshot_at(self.tick)
        self.latest.publish(snapshot, forecast_at(self.tick))

    def pause(self) -> None:
        self.latest.mark(EngineState.PAUSED)

    def resume(self) -> None:
        self.latest.mark(EngineState.RUNNING)

    def step(self, ticks: int) -> None:
        self.pause()
        self.advance(ticks)

    def order(self, command: Command) -> None:
        if isinstance(command, Outage | Restore) and command.site_id not in SITE_IDS:
            raise CommandError(f"there is no site {command.site_id!r}: name one that is")
        self.ordered.append(command)

    def optimize_now(self) -> None:
        if self.latest.read().state is EngineState.HALTED:
            raise CommandError("the engine has halted: resume it first")
        self.optimizations_asked += 1

    def set_speed(self, speed_share: float) -> None:
        self.latest.set_speed(speed_share)

    async def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        return series_until(self.tick, hours)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None
