"""How fast simulated time goes, and when it stands still: what operators steer, and the loop of the ticks follows."""

import asyncio
from typing import Final

from mara.errors import CommandError

MAX_STEPS: Final = 10_000
MAX_SPEED_SHARE: Final = 1_000_000.0


class Pace:
    """Belongs to the event loop's thread.

    Attributes:
        speed_share: simulated seconds per real second.
        is_paused: whether time stands still, but for steps.
        steps_due: ticks to advance by at once.
    """

    def __init__(self, speed_share: float) -> None:
        self.speed_share = speed_share
        self.is_paused = False
        self.steps_due = 0
        self._wake = asyncio.Event()

    @property
    def stands_still(self) -> bool:
        return self.is_paused and not self.steps_due

    def pause(self) -> None:
        """Stop after the tick under way; steps still due are let go."""
        self.is_paused, self.steps_due = True, 0
        self._wake.set()

    def resume(self) -> None:
        """Go on."""
        self.is_paused, self.steps_due = False, 0
        self._wake.set()

    def step(self, ticks: int) -> None:
        """Advance by some ticks at once, and stay paused.

        Raises:
            CommandError: not between 1 and `MAX_STEPS`.
        """
        if not 1 <= ticks <= MAX_STEPS:
            raise CommandError(f"a step takes 1 to {MAX_STEPS} ticks, got {ticks}")
        self.is_paused = True
        self.steps_due = min(self.steps_due + ticks, MAX_STEPS)
        self._wake.set()

    def stepped(self) -> None:
        """One of the steps is made, unless they were let go meanwhile."""
        self.steps_due = max(self.steps_due - 1, 0)

    def set_speed(self, speed_share: float) -> None:
        """Simulated seconds per real second.

        Raises:
            CommandError: not above 0 and at most `MAX_SPEED_SHARE`.
        """
        if not 0.0 < speed_share <= MAX_SPEED_SHARE:
            raise CommandError(f"the speed must be above 0 and at most {MAX_SPEED_SHARE:g}, got {speed_share}")
        self.speed_share = speed_share
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
