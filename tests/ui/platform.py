"""A platform that plays made-up snapshots, judged by its state."""

from mara.core.snapshot import SeriesPoint
from mara.errors import CommandError
from mara.runtime.latest import EngineState, Latest
from tests.ui.snapshots import series_until, snapshot_at


class FakePlatform:
    def __init__(self, tick: int = 288) -> None:
        self.latest = Latest()
        self.latest.set_speed(300)
        self.tick = tick
        self.latest.publish(snapshot_at(tick))

    def advance(self, ticks: int = 1) -> None:
        state = self.latest.read().state
        self.tick += ticks
        self.latest.publish(snapshot_at(self.tick))
        if state is EngineState.PAUSED:
            self.latest.mark(EngineState.PAUSED)

    def pause(self) -> None:
        self.latest.mark(EngineState.PAUSED)

    def resume(self) -> None:
        self.latest.mark(EngineState.RUNNING)

    def step(self, ticks: int) -> None:
        if self.latest.read().state is not EngineState.PAUSED:
            raise CommandError("a step needs a paused engine; it is running: pause it first")
        self.advance(ticks)

    def set_speed(self, speed_share: float) -> None:
        self.latest.set_speed(speed_share)

    async def series(self, hours: int) -> tuple[SeriesPoint, ...]:
        return series_until(self.tick, hours)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None
