"""The pace of simulated time: what operators steer, and when the next tick is due."""

import asyncio
from collections.abc import Callable
from typing import Final

from mara.core.units import SECONDS_PER_MINUTE
from mara.errors import CommandError
from mara.runtime.clock import Clock

MAX_STEPS: Final = 10_000
MAX_SPEED_FACTOR: Final = 1_000_000.0


class Pace:
    """Holds the speed, pause and steps that operators set.

    Belongs to the event loop's thread.

    Attributes:
        speed_factor: simulated seconds per real second.
        is_paused: whether time stands still, except for steps.
        keeps_wall_clock: the speed cannot be changed, because the world is a live one.
        steps_due: ticks to advance by at once.
    """

    def __init__(self, speed_factor: float, *, keeps_wall_clock: bool = False) -> None:
        self.speed_factor = speed_factor
        self.keeps_wall_clock = keeps_wall_clock
        self.is_paused = False
        self.steps_due = 0
        self._wake = asyncio.Event()

    @property
    def stands_still(self) -> bool:
        return self.is_paused and not self.steps_due

    def pause(self) -> None:
        """Stop after the tick under way; steps still due are dropped."""
        self.is_paused = True
        self.steps_due = 0
        self._wake.set()

    def resume(self) -> None:
        """Let time go on."""
        self.is_paused = False
        self.steps_due = 0
        self._wake.set()

    def step(self, ticks: int) -> None:
        """Advance by some ticks at once, and stay paused.

        Raises:
            CommandError: the number of ticks is not between 1 and `MAX_STEPS`.
        """
        if not 1 <= ticks <= MAX_STEPS:
            raise CommandError(f"a step takes 1 to {MAX_STEPS} ticks, got {ticks}")
        self.is_paused = True
        self.steps_due = min(self.steps_due + ticks, MAX_STEPS)
        self._wake.set()

    def stepped(self) -> None:
        """Count one of the steps as made, unless they were dropped meanwhile."""
        self.steps_due = max(self.steps_due - 1, 0)

    def set_speed(self, speed_factor: float) -> None:
        """Set how many simulated seconds pass in a real one.

        Raises:
            CommandError: the factor is not above 0, or is above `MAX_SPEED_FACTOR`, or the world is a live one.
        """
        if self.keeps_wall_clock and speed_factor != 1.0:
            raise CommandError("a live world keeps the wall clock: its speed is 1, and stays so")
        if not 0.0 < speed_factor <= MAX_SPEED_FACTOR:
            raise CommandError(f"the speed must be above 0 and at most {MAX_SPEED_FACTOR:g}, got {speed_factor}")
        self.speed_factor = speed_factor
        self._wake.set()

    async def until_changed(self, timeout_s: float | None = None) -> bool:
        """Sleep until somebody steered (True) or the time is over (False)."""
        self._wake.clear()
        try:
            async with asyncio.timeout(timeout_s):  # `wait_for` would swallow a cancel that comes with the wake
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


class TickTimer:
    """Times the ticks: when the next is due, and how late it is.

    The first one is due at once.
    """

    def __init__(self, pace: Pace, clock: Clock, tick_minutes: int) -> None:
        self._pace = pace
        self._clock = clock
        self._tick_minutes = tick_minutes
        self._due_s = float("inf")
        self.restart()

    @property
    def tick_s(self) -> float:
        """Real length of a tick at the present speed."""
        return self._tick_minutes * SECONDS_PER_MINUTE / self._pace.speed_factor

    @property
    def overdue_s(self) -> float:
        """Time since the tick under way should have begun; zero in a pause."""
        return max(self._clock.monotonic_s() - self._due_s, 0.0)

    @property
    def ahead_s(self) -> float:
        """Time by which the run is ahead of the wall's clock, to which it does not keep."""
        return 0.0

    def restart(self) -> None:
        """Have the next tick due at once."""
        self._before_s = self._clock.monotonic_s() - self.tick_s  # when the tick before was due

    def stop(self) -> None:
        """Stop the timer: no tick is due until `restart`."""
        self._due_s = float("inf")

    def remaining_s(self) -> float:
        """Return the time until the next tick is due.

        It is negative when the tick is late; a step is due at once.
        """
        now_s = self._clock.monotonic_s()
        self._due_s = now_s if self._pace.steps_due else self._before_s + self.tick_s
        return self._due_s - now_s

    def begin(self) -> float:
        """Begin the tick that is due, and return how late it is [s].

        Whatever is more than a tick late is dropped, so that a stall is not made up for in a burst.
        """
        now_s = self._clock.monotonic_s()
        self._before_s = max(self._due_s, now_s - self.tick_s)
        return max(now_s - self._due_s, 0.0)


class WallTimer:
    """Times the ticks of a live world: each is due at its instant of the wall clock.

    Ticks that were missed follow one another at once until the present is reached; steps wait for their instant too.

    Args:
        due_at_s: instant of the next tick [UTC seconds].
    """

    def __init__(self, clock: Clock, tick_minutes: int, due_at_s: Callable[[], int]) -> None:
        self._clock = clock
        self._due_at_s = due_at_s
        self._since_s = float("inf")  # monotonic time since which the next tick could have begun
        self.tick_s = float(tick_minutes * SECONDS_PER_MINUTE)

    @property
    def overdue_s(self) -> float:
        """Time since the tick under way could have begun; zero before its instant."""
        return max(self._clock.monotonic_s() - self._since_s, 0.0)

    @property
    def ahead_s(self) -> float:
        """Time beyond a tick for which none is due, because the clock was set back."""
        return max(-self.lag_s - self.tick_s, 0.0)

    @property
    def lag_s(self) -> float:
        """Time by which the next tick's instant has passed; negative before."""
        return self._clock.now().timestamp() - self._due_at_s()

    def restart(self) -> None:
        """Count the time of the next tick anew."""
        self._since_s = float("inf")

    def stop(self) -> None:
        """Stop the timer: no tick is overdue until `restart`."""
        self._since_s = float("inf")

    def remaining_s(self) -> float:
        """Return the time until the next tick is due; negative after its instant."""
        remaining_s = -self.lag_s
        if remaining_s <= 0.0 and self._since_s == float("inf"):
            self._since_s = self._clock.monotonic_s()
        return remaining_s

    def begin(self) -> float:
        """Begin the tick that is due, and return how late it is [s]."""
        late_s = self.overdue_s
        self._since_s = float("inf")
        return late_s
